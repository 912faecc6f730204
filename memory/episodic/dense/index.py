"""What a dense index promises, and what all of them share: the one copy of the vectors, exact search, and filters.

Owns no structure of its own. An index is an array and, beside it, a structure that finds good rows in it; whatever a
structure finds is ranked again by exact products with the array, so it decides which rows come, never their scores.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, Protocol, TypeAlias

import numpy as np

from quantum_memory.checks import whole
from quantum_memory.errors import OutOfRange
from quantum_memory.memory.episodic.dense import frame
from quantum_memory.memory.episodic.dense.company import Multiply
from quantum_memory.memory.episodic.dense.exact import (
    MOST_ROWS,
    NOTHING,
    Mask,
    Nearest,
    check_mask,
    every,
    ordered,
)
from quantum_memory.memory.episodic.dense.library import Rows, all_products, fit_array, fit_query, products
from quantum_memory.types import Vector

Kind: TypeAlias = Literal["flat", "pq", "hnsw", "ivf"]
Parameters: TypeAlias = dict[str, int | str]
CALIBRATED_K = 10
"""Effort is stated for the ten best: who asks for more gets more, in proportion."""

FILTERED = 2
"""Times the effort under a filter: where it leaves out a query's surroundings, the rest are harder to tell apart."""


class DenseIndex(Protocol):
    """Vectors that do not change any more, searched by inner product.

    Laws: ``nearest`` gives min(k, number allowed) distinct allowed rows, best first, equal ones by row; their products
    are those of ``exact``, whose rows are those of the slow way: all products, sorted. ``vectors`` gives back what was
    put in, and ``load(dump())`` an index that answers alike. Reading in several threads at once is safe.
    """

    @property
    def kind(self) -> Kind:
        """How rows are found."""

    @property
    def array(self) -> Vector:
        """The (n, d) float32 vectors themselves, read-only: the one copy, which may be in a mapped file."""

    @property
    def resident(self) -> int:
        """Bytes that the index holds in this process beyond ``array``."""

    def nearest(self, query: Vector, k: int, allowed: Mask | None = None, *, exact: bool = False) -> Nearest:
        """The ``k`` best rows by product with the (d,) query, of those that the (n,) mask allows.

        Raises: ShapeMismatch, NotFinite, InvalidValue, OutOfRange.
        """

    def near(
        self,
        query: Vector,
        k: int,
        allowed: Mask | None = None,
        *,
        exact: bool = False,
        multiply: Multiply = all_products,
    ) -> Nearest:
        """Distinct allowed rows in any order, among which are those that ``nearest`` gives, and their products.

        Who has several indexes chooses among what all of them found at once. Where all rows are looked at, ``multiply``
        gives their products. Raises: as ``nearest``.
        """

    def vectors(self, rows: Rows) -> Vector:
        """The (m, d) vectors of these rows, copied."""

    def dump(self, *, vectors: bool = True) -> list[memoryview]:
        """The index as pieces of one file, equal for equal vectors; without its vectors if they are kept elsewhere."""


class Indexed(ABC):
    """The shared part of every index. ``array`` is taken over as it is, so nobody may change it any more."""

    kind: Kind

    def __init__(self, vectors: Vector) -> None:
        array = fit_array("vectors", vectors).view()
        if len(array) > MOST_ROWS:
            raise OutOfRange("vectors: rows", len(array), 0, MOST_ROWS)
        array.flags.writeable = False
        self._array = array

    @property
    def array(self) -> Vector:
        return self._array

    @property
    def resident(self) -> int:
        return 0

    def __len__(self) -> int:
        return len(self._array)

    def nearest(self, query: Vector, k: int, allowed: Mask | None = None, *, exact: bool = False) -> Nearest:
        return ordered(self.near(query, k, allowed, exact=exact), k)

    def near(
        self,
        query: Vector,
        k: int,
        allowed: Mask | None = None,
        *,
        exact: bool = False,
        multiply: Multiply = all_products,
    ) -> Nearest:
        query = fit_query(query, self._array.shape[1])
        whole("k", k, 0, MOST_ROWS)
        size = count = len(self._array)
        if allowed is not None:
            check_mask(size, allowed)
            count = int(np.count_nonzero(allowed))
            if count == size:
                allowed = None
        k = min(k, count)
        if not k:
            return NOTHING
        found = None if exact or k == count else self._found(query, k, allowed, count)
        if found is None:
            return every(self._array, query, allowed, multiply)
        return Nearest(found, products(self._array, query, found))

    @abstractmethod
    def _found(self, query: Vector, k: int, allowed: Mask | None, count: int) -> Rows | None:
        """At least k distinct allowed rows that are likely the best, or ``None`` where looking at all is no dearer.

        ``count`` rows are allowed, more than k; ``allowed`` is None if all are.
        """

    def vectors(self, rows: Rows) -> Vector:
        found: Vector = self._array[rows]
        return found

    def dump(self, *, vectors: bool = True) -> list[memoryview]:
        return frame.pieces(self.kind, self._parameters(), self._array, self._structure(), inside=vectors)

    def _parameters(self) -> Parameters:
        """What the index was made with and is searched with."""
        return {}

    def _structure(self) -> dict[str, frame.Bytes]:
        """The structure's arrays by name."""
        return {}


class FlatIndex(Indexed):
    """Every allowed row is looked at, in place. Shapes: ``vectors`` is (n, d) float32."""

    kind: Kind = "flat"

    def _found(self, query: Vector, k: int, allowed: Mask | None, count: int) -> Rows | None:  # noqa: ARG002 - looks at all
        return None

    @classmethod
    def opened(cls, vectors: Vector, parameters: Parameters, structure: dict[str, memoryview]) -> FlatIndex:  # noqa: ARG003 - has none
        """The index of which ``dump`` wrote these."""
        return cls(vectors)
