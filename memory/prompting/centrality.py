"""Which sentences tell most of a stretch of the past: an extractive summary, as an order in which to take them.

Sentences are nodes, as alike as their meaning and words; a walk that follows likeness ranks them (LexRank; Erkan and
Radev, 2004), here quantum PageRank or the classical one, and goes back to what the question called up (as Otterbacher,
Erkan and Radev, 2005, bias theirs). Then each next one is chosen for its rank less its likeness to those chosen
(maximal marginal relevance; Carbonell and Goldstein, 1998), so a summary does not say the same thing twice.

A sentence of a short memory has that memory's embedding, one of a long memory shares it: so likeness is half that of
embeddings and half that of stems, weighted by how few sentences of the stretch have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from quantum_memory.memory.prompting.sentences import stems
from quantum_memory.memory.semantic.google import Google
from quantum_memory.memory.semantic.pagerank import walk_ranks
from quantum_memory.memory.semantic.spread import Method
from quantum_memory.types import Floats, Vector

MEANING_SHARE = 0.5
STEPS = 12
ALPHA = 0.6
CALLED_SHARE = 0.8
"""Of where the walk goes back to, what the question calls up; the rest is even."""
RANK_SHARE = 0.5
"""Weight of rank against newness when the next sentence is chosen."""
TELLING = 3.0
"""Different stems at which a sentence counts half: "Wow, thanks!" is like much and tells little."""


class Unit(NamedTuple):
    """A sentence that can be chosen.

    Attributes:
        text: its words.
        embedding: (d,) of the memory that it is in.
        called: how much the question calls it up, at least 0.
    """

    text: str
    embedding: Vector
    called: float = 0.0


def telling(units: Sequence[Unit], most: int, method: Method = "quantum") -> list[int]:
    """Indices of at most ``most`` units, in the order in which they are to be taken."""
    if not units or most < 1:
        return []
    words = [stems(unit.text) for unit in units]
    alike = likeness(units, words)
    weight = np.array([len(set(one)) / (TELLING + len(set(one))) for one in words])
    value = _ranks(alike, np.array([unit.called for unit in units]), method) * weight
    return _chosen(value / max(float(value.max()), 1e-300), alike, most)


def likeness(units: Sequence[Unit], words: Sequence[Sequence[str]]) -> Floats:
    """How alike each two units are, (n, n) in [0, 1], 0 with themselves."""
    meaning = np.stack([unit.embedding for unit in units]).astype(np.float64)
    stem_numbers = {stem: number for number, stem in enumerate(dict.fromkeys(stem for one in words for stem in one))}
    counts = np.zeros((len(units), len(stem_numbers)))
    for row, one in enumerate(words):
        for stem in one:
            counts[row, stem_numbers[stem]] += 1.0
    weighed = np.sqrt(counts) * np.log1p(len(units) / np.maximum((counts > 0).sum(axis=0), 1))
    lengths = np.linalg.norm(weighed, axis=1, keepdims=True)
    weighed /= np.where(lengths > 0.0, lengths, 1.0)
    alike: Floats = MEANING_SHARE * (meaning @ meaning.T) + (1.0 - MEANING_SHARE) * (weighed @ weighed.T)
    alike = alike.clip(0.0, 1.0)
    np.fill_diagonal(alike, 0.0)
    return alike


def _ranks(alike: Floats, called: Floats, method: Method) -> Floats:
    """Rank of each unit (n,)."""
    even = np.full(len(called), 1.0 / len(called))
    total = float(called.sum())
    back = even if total <= 0.0 else (1.0 - CALLED_SHARE) * even + CALLED_SHARE * called / total
    if method == "quantum":
        return walk_ranks(sp.csr_array(alike), ALPHA, back, start=back, steps=STEPS)
    google = Google.of(sp.csr_array(alike), ALPHA, back)
    ranks = back
    for _ in range(STEPS):
        ranks = google.apply(ranks)
    return ranks


def _chosen(value: Floats, alike: Floats, most: int) -> list[int]:
    """By value less likeness to what was chosen; of equals the earlier."""
    chosen: list[int] = []
    worth, nearest = value.copy(), np.zeros(len(value))
    for _ in range(min(most, len(value))):
        best = int(np.argmax(RANK_SHARE * worth - (1.0 - RANK_SHARE) * nearest))
        chosen.append(best)
        nearest = np.maximum(nearest, alike[best])
        worth[best] = -np.inf
    return chosen
