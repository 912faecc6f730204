"""Queries that are multiplied with the same rows in one pass: the rows come from memory once for all of them.

Owns what was multiplied for a query before it asked. Every product has the bits that the query's own would have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from quantum_memory.memory.episodic.dense.library import all_products
from quantum_memory.types import Vector

Multiply: TypeAlias = Callable[[Vector, Vector], Vector]
"""(n,) products of all rows of an (n, d) array with a (d,) query, as ``all_products`` gives them."""
BLOCK_BYTES = 768 << 10
"""Rows that are multiplied with one query after the other: as much as stays in a core's own cache."""
HELD_BYTES = 32 << 20
"""Products that may wait, of all arrays, for queries that have not asked yet."""


class Company:
    """Queries of which each multiplies the same arrays, once. One thread calls it.

    Args:
        queries: (d,) each, as they will be asked: an equal one that is another object, or one of another length, is
            multiplied by itself.
    """

    def __init__(self, queries: Sequence[Vector]) -> None:
        self._queries = queries
        self._made: dict[tuple[int, int, int], tuple[Vector, Vector | None]] = {}

    def all_products(self, array: Vector, query: Vector) -> Vector:
        """(n,) products of all rows with a query of these; the others' are made with it."""
        key = _key(array, query)
        if key not in self._made and len(self._queries) > 1 and array.nbytes > 2 * BLOCK_BYTES:
            self._multiply(array, query)
        _, products = self._made.get(key, (array, None))
        if products is None:
            return all_products(array, query)
        self._made[key] = array, None  # it is let go: a query asks once
        return products

    def _multiply(self, array: Vector, first: Vector) -> None:
        """Multiply an array with a query of these and those after it, as many as may wait."""
        waiting = sum(products.nbytes for _, products in self._made.values() if products is not None)
        at = next((at for at, query in enumerate(self._queries) if query is first), len(self._queries))
        most = max(1, (HELD_BYTES - waiting) // (len(array) * first.itemsize))
        some = [query for query in self._queries[at : at + most] if len(query) == len(first)]
        rows = max(1, BLOCK_BYTES // array[0].nbytes)
        found = [np.empty(len(array), np.float32) for _ in some]
        for begin in range(0, len(array), rows):
            block = array[begin : begin + rows]
            for products, query in zip(found, some, strict=True):
                products[begin : begin + rows] = all_products(block, query)
        for products, query in zip(found, some, strict=True):
            self._made[_key(array, query)] = array, products


def _key(array: Vector, query: Vector) -> tuple[int, int, int]:
    """Which rows are multiplied with which query. Nothing else is there as long as both are held."""
    return array.ctypes.data, len(array), id(query)
