"""How new memories meet what is known, by meaning: how far the nearest is, and how many say the same. Keeps nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.policies.importance import Met
from quantum_memory.types import Vector

ROWS = 1024
"""Known vectors compared at a time: the products of a batch with them stay in the processor's cache."""


def met(known: Iterable[Vector], new: Sequence[Vector], alike: float) -> list[Met]:
    """How each of some new memories meets those before it: the known ones, and the new ones that come earlier.

    Args:
        known: blocks (n, d) of unit vectors, in any order.
        new: m unit vectors (d,), in the order of remembering.
        alike: cosine from which two say the same.

    One product of matrices for each block, so a batch costs little more than one.
    Raises: InvalidValue, NotFinite, OutOfRange.
    """
    bounded("alike", alike, -1.0, 1.0)
    if not new:
        return []
    asked = np.stack(new)
    nearest, repeats = np.full(len(new), -np.inf), np.zeros(len(new), np.int64)
    for block in known:
        for start in range(0, len(block), ROWS):
            products = asked @ block[start : start + ROWS].T
            best = products.max(axis=1, initial=-np.inf)
            nearest = np.maximum(nearest, best)
            near = np.flatnonzero(best >= alike)  # mostly few: only these are looked at again
            repeats[near] += np.count_nonzero(products[near] >= alike, axis=1)
    before = np.tril(np.ones((len(new), len(new)), np.bool_), -1)
    among = np.where(before, asked @ asked.T, -np.inf)
    nearest = np.maximum(nearest, among.max(axis=1))
    repeats += (among >= alike).sum(axis=1)
    surprise = np.where(np.isfinite(nearest), np.clip(1.0 - nearest, 0.0, 1.0), 0.0)
    return [Met(float(far), int(count)) for far, count in zip(surprise, repeats, strict=True)]
