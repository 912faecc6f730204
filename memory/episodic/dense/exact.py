"""Exact search: every allowed row is looked at. Owns the order of results; what is approximate is measured by this."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import whole
from quantum_memory.errors import InvalidValue, ShapeMismatch
from quantum_memory.memory.episodic.dense.company import Multiply
from quantum_memory.memory.episodic.dense.library import Rows, all_products, fit_array, fit_query, products
from quantum_memory.types import Vector

Mask = NDArray[np.bool_]
MOST_ROWS = 2**31 - 1


class Nearest(NamedTuple):
    """Rows and their inner products with the query, best first: (k,) int64 and (k,) float32."""

    rows: Rows
    products: Vector


NOTHING = Nearest(np.empty(0, np.int64), np.empty(0, np.float32))


def scan(vectors: Vector, query: Vector, k: int, allowed: Mask | None) -> Nearest:
    """The ``k`` rows of an (n, d) array with the largest products; of equal ones the lower row comes first.

    Fewer if fewer are allowed. Raises: ShapeMismatch, NotFinite, InvalidValue, OutOfRange.
    """
    vectors = fit_array("vectors", vectors)
    query = fit_query(query, vectors.shape[1])
    if allowed is not None:
        check_mask(len(vectors), allowed)
    return best_of(vectors, query, whole("k", k, 0, MOST_ROWS), allowed)


def check_mask(size: int, allowed: Mask) -> None:
    """Raises: InvalidValue, ShapeMismatch unless the mask has one truth for each row."""
    if allowed.dtype != np.bool_:
        raise InvalidValue("allowed", str(allowed.dtype), "truth values")
    if allowed.shape != (size,):
        raise ShapeMismatch("allowed", (size,), allowed.shape)


def best_of(array: Vector, query: Vector, k: int, allowed: Mask | None) -> Nearest:
    """The best ``k`` of the allowed rows, all of which are looked at. Everything has been checked."""
    return ordered(every(array, query, allowed), k)


def every(array: Vector, query: Vector, allowed: Mask | None, multiply: Multiply = all_products) -> Nearest:
    """Every allowed row, in order. Everything has been checked."""
    if allowed is not None:
        rows = np.flatnonzero(allowed)
        return Nearest(rows, products(array, query, rows))
    return Nearest(np.arange(len(array), dtype=np.int64), multiply(array, query))


def _likely(values: Vector, k: int) -> Rows:
    """Where the k largest values stand, and all that equal the last of them: the rows decide between these."""
    last = len(values) - k
    if last <= 0 or not k:
        return np.arange(len(values), dtype=np.int64)
    return np.flatnonzero(values >= np.partition(values, last)[last])


def ordered(found: Nearest, k: int) -> Nearest:
    """The best ``k`` of what was found, best first; equal products by row."""
    rows, values = found
    if not k or not len(rows):
        return NOTHING
    kept = _likely(values, k)
    rows, values = rows[kept], values[kept]
    order = np.lexsort((rows, -values))[:k]
    return Nearest(rows[order], values[order])
