"""Indexes that put all rows into an order of their own and look at its beginning: packed codes, and a graph.

Owns how far down that order a search goes, above all under a filter: so far that the k allowed rows found stand as near
to the beginning, for the effort spent, as they would without a filter. Where that costs more than looking at every
allowed row, they are all looked at; so a filter never costs recall, wherever the allowed rows lie.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from quantum_memory.memory.episodic.dense.exact import Mask
from quantum_memory.memory.episodic.dense.index import FILTERED, Indexed
from quantum_memory.memory.episodic.dense.library import Rows
from quantum_memory.types import Vector

SLACK = 1.5
"""How much deeper than where chance would put the last allowed row: it spares most second looks."""
DEEPER = 4


class Ranked(Indexed):
    """An index with an order of rows for each query."""

    def _found(self, query: Vector, k: int, allowed: Mask | None, count: int) -> Rows | None:
        size, depth = len(self), self._depth(k)
        if allowed is None:
            first = self._best(query, k, depth) if depth < size and self._cost(depth) < size else None
            return None if first is None or len(first) < k else first  # a graph may be torn, and its walk end early
        depth *= FILTERED
        wide = int(SLACK * depth * size / count) + 1
        while wide < size and self._cost(wide) < count:
            rows = self._first(query, wide)
            places = np.flatnonzero(allowed[rows])
            needed = DEEPER * wide if len(places) < k else (int(places[k - 1]) + 1) * depth // k
            if needed <= wide:
                return rows[places]
            wide = needed
        return None

    def _best(self, query: Vector, k: int, depth: int) -> Rows:  # noqa: ARG002 - all of them are ranked again
        """Of so many rows from the beginning, those among which the best k are."""
        return self._first(query, depth)

    @abstractmethod
    def _depth(self, k: int) -> int:
        """How many rows of the order hold the best k, as surely as this index is asked to; at least k."""

    @abstractmethod
    def _cost(self, depth: int) -> float:
        """What so deep a search costs, in exact products."""

    @abstractmethod
    def _first(self, query: Vector, depth: int) -> Rows:
        """So many rows from the beginning of the order."""
