"""How much of a memory is new to the agent: which of its words it had hardly heard before. Changes nothing.

What brings nothing new is seldom what somebody asks for: on LoCoMo this tells an answer from small talk.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from quantum_memory.memory import compiled
from quantum_memory.memory.episodic.lexical import Terms, distinct
from quantum_memory.memory.episodic.runs import Slice

WORDS = 2.0
"""So many words that were never heard before make a memory new by 1 - 1/e."""


def news(slices: Sequence[Slice], documents: Sequence[Iterable[int]]) -> list[float]:
    """How new each of some documents is, in [0, 1), to who remembers these slices and the documents before it.

    1 - exp(-s / ``WORDS``), s being the sum of 1 / (1 + n) over the distinct terms of a document, n the living memories
    that have the term already. The result does not depend on how a branch is cut into slices.
    """
    heard = _heard(slices, distinct(term for document in documents for term in document))
    found = []
    for document in documents:
        own = sorted(set(document))  # in one order, so that the sum is the same however a text is worded
        found.append(1.0 - math.exp(-math.fsum(1.0 / (1.0 + heard[term]) for term in own) / WORDS))
        heard.update(own)
    return found


def _heard(slices: Sequence[Slice], terms: Terms) -> Counter[int]:
    """In how many living memories each of these distinct (q,) terms stands."""
    machine = compiled.ready("memories")
    if machine is not None:
        heads = machine.heads_of(slices)
        return Counter(
            dict(zip(terms.tolist(), machine.matching.frequencies(heads.places, terms).tolist(), strict=True))
        )
    heard: Counter[int] = Counter()
    for part in slices:
        alive = part.alive()
        for group in part.block.match(terms, part.length):
            living = len(group.rows) if alive is None else int(np.count_nonzero(alive[group.rows]))
            heard[int(terms[group.term])] += living
    return heard
