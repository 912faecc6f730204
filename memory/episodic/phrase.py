"""The words of one question in one state: matched once, then scored wherever that is asked for.

Owns how BM25 of a whole state is made of its slices'. Knows no filter and no embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from quantum_memory.memory.episodic import lexical
from quantum_memory.memory.episodic.columnar import Ints
from quantum_memory.memory.episodic.dense import Mask
from quantum_memory.memory.episodic.lexical import Bm25, Group
from quantum_memory.memory.episodic.look import NOTHING, Look
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.types import Floats

MOST_KEPT = 256
"""Rows up to which machine code keeps the best in order; each new one moves those below it."""


class Law(NamedTuple):
    """What machine code needs to score a row: (q,) terms and what they weigh, the mean length, and the two knobs."""

    terms: lexical.Terms
    weights: Floats
    mean_length: float
    k1: float
    b: float


NO_WORDS = Law(np.empty(0, np.uint64), np.empty(0), 1.0, 1.0, 1.0)


class Phrase:
    """Where the terms of a text stand in a state, and what they weigh.

    Args:
        state: whose rows are scored.
        look: at that state.
        text: the words; ``None`` for none.
        knobs: of BM25.
        limit: how many of the best are likely to be asked for.
        over: what scores are taken over, where it is more than the best.

    Attributes:
        law: of machine code; without words if no row has any of them.
        best: the best BM25 that any living row has, or what scores are taken over; 0 if none has any.
    """

    def __init__(
        self, state: EpisodicState, look: Look, text: str | None, knobs: Bm25, limit: int, over: float = 0.0
    ) -> None:
        self._look, self._knobs = look, knobs
        self._groups: list[list[Group]] = []
        self._scores: list[Floats] = []
        self._total: Floats | None = None
        self._first, self._firsts = 0, NOTHING
        self.law, self.best = NO_WORDS, 0.0
        if not text or not state.live_terms:
            return
        self._terms, count = lexical.distinct(state.lexicon.terms(text)), len(state)
        self._mean = state.live_terms / count
        if look.heads is not None:
            weights = lexical.inverse_frequencies(
                count, look.machine.matching.frequencies(look.heads.places, self._terms)
            )
            # Whole numbers would be another form of each function, which would be made while somebody waits.
            law = Law(self._terms, weights, self._mean, float(knobs.k1), float(knobs.b))
            self._first = min(max(limit, 1), MOST_KEPT)
            self._firsts, values = look.machine.matching.best(look.heads.places, *law, self._first)
            if len(values):
                self.law, self.best = law, max(float(values[0]), over)
            return
        matches = (part.block.match(self._terms, part.length) for part in look.slices)
        self._groups = [_living(groups, alive) for groups, alive in zip(matches, look.alive, strict=True)]
        frequencies = np.zeros(len(self._terms), np.int64)
        for group in chain.from_iterable(self._groups):
            frequencies[group.term] += len(group.rows)
        self._weights = lexical.inverse_frequencies(count, frequencies)
        self._scores = [
            lexical.scores(groups, self._weights, part.lengths, self._mean, knobs)
            for groups, part in zip(self._groups, look.slices, strict=True)
        ]
        best = max(float(score.max(initial=0.0)) if len(groups) else 0.0 for score, groups in self._each())
        self.best = max(best, over) if best > 0.0 else 0.0

    def _each(self) -> zip[tuple[Floats, list[Group]]]:
        return zip(self._scores, self._groups, strict=True)

    def of_slice(self, index: int) -> Floats | None:
        """(length,) BM25 of every row of a slice, dead ones have none; ``None`` if no term stands in it."""
        if self._look.heads is not None:
            if self._total is None:
                self._total = self._look.machine.matching.scores(self._look.heads.places, *self.law)
            begin, end = self._look.begins[index : index + 2]
            return self._total[begin:end] if self.best > 0.0 else None
        return self._scores[index] if self._scores and self._groups[index] else None

    def top(self, limit: int) -> Ints | None:
        """The numbers of the best living rows, of equals the older; ``None`` where looking at slices is no dearer."""
        if self._look.heads is None or limit > self._first:
            return None
        return self._firsts[:limit]

    def at(self, numbers: Ints) -> Floats:
        """(m,) BM25 over the best, in [0, 1], of living numbers that ascend. The slow twin of ``matching.measured``."""
        if self.best <= 0.0:
            return np.zeros(len(numbers))
        told = [self._of(index, rows) for index, rows in self._look.by_slice(numbers)]
        return np.concatenate(told) / self.best if told else np.zeros(0)

    def settle(self) -> None:
        """Keep no more of it than ``at`` needs: 8 bytes for each row of the state are let go."""
        self._scores, self._total = [], None

    def _of(self, index: int, rows: Ints) -> Floats:
        if self._scores:
            return self._scores[index][rows]
        lengths = self._look.slices[index].lengths[rows]
        return lexical.scores_at(self._groups[index], self._weights, rows, lengths, self._mean, self._knobs)


def _living(groups: Sequence[Group], alive: Mask | None) -> list[Group]:
    """The groups without dead rows, and without those that have no others."""
    if alive is None:
        return list(groups)
    kept = [(group, alive[group.rows]) for group in groups]
    return [Group(group.term, group.rows[lives], group.counts[lives]) for group, lives in kept if lives.any()]
