"""FAISS: the one module that imports it, and the one inner product that every index and every scan uses.

Owns no vectors. All products come from one kernel, row by row, so a row's product with a query has the same bits
wherever the row stands: in a growing tail, in a run, in an index that was built, loaded or joined.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import MissingDependency, NotFinite, ShapeMismatch
from quantum_memory.types import Vector

Rows = NDArray[np.int64]
MOST_SPECIAL_DIM = 12
"""Up to here FAISS adds the products of all rows in another order than those of a few."""


def engine(threads: int | None = None) -> Any:
    """FAISS, with its number of threads set where one is given. Raises: MissingDependency."""
    try:
        import faiss
    except ImportError:
        raise MissingDependency("faiss", "episodic memory", 'pip install "quantum-memory[cpu]"') from None
    if threads is not None:
        faiss.omp_set_num_threads(threads)
    return faiss


def products(array: Vector, query: Vector, rows: Rows) -> Vector:
    """(m,) inner products of a (d,) query with the named rows of an (n, d) array, which is read in place.

    The caller has checked all three: FAISS reads what it is pointed at. Both arrays are C-contiguous float32.
    """
    faiss = engine()
    found = np.empty(len(rows), np.float32)
    if len(rows):
        rows = np.ascontiguousarray(rows, np.int64)
        pointer = faiss.swig_ptr
        faiss.fvec_inner_products_by_idx(
            pointer(found), pointer(query), pointer(array), pointer(rows), len(query), 1, len(rows)
        )
    return found


def all_products(array: Vector, query: Vector) -> Vector:
    """(n,) the same of all rows in order, which reads ahead better. The same bits."""
    if array.shape[1] <= MOST_SPECIAL_DIM:
        return products(array, query, np.arange(len(array), dtype=np.int64))
    faiss = engine()
    found = np.empty(len(array), np.float32)
    if len(array):
        pointer = faiss.swig_ptr
        faiss.fvec_inner_products_ny(pointer(found), pointer(query), pointer(array), len(query), len(array))
    return found


def fit_array(name: str, vectors: Vector) -> Vector:
    """The (n, d) vectors as FAISS reads them: the array itself, unless it is of another type or order.

    Raises: ShapeMismatch unless there are two dimensions, and at least one number in a vector.
    """
    if vectors.ndim != 2 or not vectors.shape[1]:
        raise ShapeMismatch(name, ("n", "d"), vectors.shape)
    return np.ascontiguousarray(vectors, np.float32)


def fit_query(query: Vector, dim: int) -> Vector:
    """The query as FAISS reads it. Raises: ShapeMismatch unless it is (d,); NotFinite, since NaN has no order."""
    if query.shape != (dim,):
        raise ShapeMismatch("query", (dim,), query.shape)
    fit = np.ascontiguousarray(query, np.float32)
    if not np.isfinite(fit).all():
        worst = int(np.flatnonzero(~np.isfinite(fit))[0])
        raise NotFinite("query", float(fit[worst]), f"index {worst}")
    return fit
