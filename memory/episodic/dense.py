"""Nearest vectors by inner product. The one module that imports FAISS; knows no memory and no branch."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import MissingDependency
from quantum_memory.types import Vector

Mask = NDArray[np.bool_]


class Nearest(NamedTuple):
    """Rows and their inner products with the query, best first: (k,) int64 and (k,) float32."""

    rows: NDArray[np.int64]
    products: Vector


class DenseIndex(Protocol):
    """Vectors that do not change any more, searched by inner product.

    Laws: ``nearest`` gives min(k, number allowed) distinct allowed rows, best first; ``vectors`` gives back what
    was put in.
    """

    def nearest(self, query: Vector, k: int, allowed: Mask | None) -> Nearest: ...

    def vectors(self, rows: NDArray[np.int64]) -> Vector: ...


def engine(threads: int | None = None) -> Any:
    """FAISS, with its number of threads set where one is given. Raises: MissingDependency."""
    try:
        import faiss
    except ImportError:
        raise MissingDependency("faiss", "episodic memory", 'pip install "quantum-memory[cpu]"') from None
    if threads is not None:
        faiss.omp_set_num_threads(threads)
    return faiss


class FlatIndex:
    """An exact index in FAISS, which holds the only copy of the vectors. Shapes: ``vectors`` is (n, d) float32."""

    def __init__(self, vectors: Vector) -> None:
        self._faiss = engine()
        self._size, dim = vectors.shape
        self._index = self._faiss.IndexFlatIP(dim)
        self._index.add(np.ascontiguousarray(vectors))

    def nearest(self, query: Vector, k: int, allowed: Mask | None) -> Nearest:
        parameters = None
        if allowed is not None:
            # The selector reads the bits in place: they are named here so that they outlive the search.
            bits = np.packbits(allowed, bitorder="little")
            parameters = self._faiss.SearchParameters(sel=self._faiss.IDSelectorBitmap(bits))
        products, rows = self._index.search(query[np.newaxis], min(k, self._size), params=parameters)
        found = rows[0] >= 0
        return Nearest(rows[0][found], products[0][found])

    def vectors(self, rows: NDArray[np.int64]) -> Vector:
        found: Vector = self._index.reconstruct_batch(rows)
        return found


def scan(vectors: Vector, query: Vector, k: int, allowed: Mask | None) -> Nearest:
    """The same over an (n, d) array that may still grow, where building an index would not pay."""
    products = vectors @ query
    rows = np.arange(len(products)) if allowed is None else np.flatnonzero(allowed)
    best = rows[np.argsort(-products[rows], kind="stable")[:k]]
    return Nearest(best, products[best])
