"""How much effort an index needs for the recall that is asked of it, found out on rows of its own. Searches exactly.

Vectors differ: in sentence embeddings a hundred candidates hold the ten nearest, in pure noise a thousand do. So each
structure is tried, when it is built, on rows that are taken as queries, and the effort it needs is kept with it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.dense.exact import best_of
from quantum_memory.memory.episodic.dense.library import Rows
from quantum_memory.types import Vector

SAMPLES = 64
NEIGHBOURS = 10
MARGIN = 1.3
"""Effort beyond what the sample needed: queries are farther from the rows than rows from each other."""


class Sample(NamedTuple):
    """A row as a query, and the rows nearest to it: (d,) float32 and up to (10,) int64 without itself.

    Those that tie with the next row are not among them: which of equals is found does not matter. A phrase that is said
    a thousand times would else seem to need a search a thousand rows deep.
    """

    query: Vector
    nearest: Rows


def samples(array: Vector) -> list[Sample]:
    """Rows at even distances with their exact neighbours. The same vectors give the same ones."""
    found = []
    for row in range(0, len(array), max(1, len(array) // SAMPLES))[:SAMPLES]:
        nearest = best_of(array, array[row], NEIGHBOURS + 2, None)
        rows = nearest.rows if len(array) < NEIGHBOURS + 2 else nearest.rows[nearest.products > nearest.products[-1]]
        found.append(Sample(array[row], rows[rows != row][:NEIGHBOURS]))
    return found


def places(order: Rows, wanted: Rows, size: int) -> NDArray[np.int64]:
    """At which place of an order each wanted row stands, from 1; ``size`` for one that does not."""
    where = np.full(size, size, np.int64)
    where[order] = np.arange(1, len(order) + 1)
    return where[wanted]


def effort(reached: list[NDArray[np.int64]], recall: float, least: int) -> int:
    """The effort by which this share of neighbours is reached, with a margin; ``reached`` says when each one was."""
    every = np.concatenate([np.empty(0, np.int64), *reached])
    needed = np.quantile(every, recall, method="higher") if len(every) else least
    return max(least, round(MARGIN * float(needed)))
