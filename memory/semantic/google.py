"""The Google matrix of a graph and its overlap matrix, as operators: neither is ever written out.

Knows sparse arrays alone. Never builds an N × N array; every product costs O(edges).

    G = α H + (1-α) v 1ᵀ + α d 1_danglingᵀ    column-stochastic; v teleport, d where dangling nodes go
    D_ij = √(G_ij G_ji)                       symmetric, sparse but for outer products
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch, ZeroMass

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Google:
    """G = α H + (1-α) v 1ᵀ + α d 1_danglingᵀ.

    Shapes: ``links`` is αH, (N, N) CSR with sorted indices, column j holding where j leads; the others are (N,).
    """

    alpha: float
    links: Any
    teleport: Floats
    sink: Floats
    dangles: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        adjacency: Any,
        alpha: float,
        personalization: Floats | None = None,
        dangling: Floats | None = None,
    ) -> Google:
        """Of a graph given as scipy sparse (N, N), the weight of the edge from row to column; it is not changed.

        ``personalization`` (N,) None teleports evenly; ``dangling`` (N,) None is ``personalization``.

        Raises: OutOfRange, NotFinite, ShapeMismatch, InvalidValue, ZeroMass.
        """
        if not math.isfinite(alpha):
            raise NotFinite("alpha", alpha)
        if not 0.0 <= alpha <= 1.0:
            raise OutOfRange("alpha", alpha, 0.0, 1.0)
        weights, largest = _scaled(adjacency)
        n = largest.size
        teleport = distribution("personalization", personalization, n)
        sink = teleport if dangling is None else distribution("dangling", dangling, n)
        rows = np.repeat(np.arange(n), np.diff(weights.indptr))
        weights.data *= alpha / np.bincount(rows, weights=weights.data, minlength=n)[rows]
        links = weights.T.tocsr()
        links.sort_indices()
        return cls(float(alpha), links, teleport, sink, largest == 0.0)

    def apply(self, x: Floats) -> Floats:
        """G x, (N,) to (N,)."""
        lost = self.alpha * float(x[self.dangles].sum())
        result: Floats = self.links @ x
        result += (1.0 - self.alpha) * float(x.sum()) * self.teleport + lost * self.sink
        return result

    def pairs(self) -> Pairs:
        """G_ij and G_ji on every ordered pair that an edge joins either way."""
        there = self.links.tocoo()
        n = self.teleport.size
        forth = there.row.astype(np.int64) * n + there.col
        back = there.col.astype(np.int64) * n + there.row
        both, place = np.unique(np.concatenate((forth, back)), return_inverse=True)
        along = np.zeros((2, both.size))
        along[0, place[: forth.size]] = there.data
        along[1, place[forth.size :]] = there.data
        i, j = np.divmod(both, max(n, 1))
        free, stuck = self.base()
        base = np.where(self.dangles[j], stuck[i], free[i]), np.where(self.dangles[i], stuck[j], free[j])
        return Pairs(i, j, along[0] + base[0], along[1] + base[1], np.sqrt(base[0] * base[1]))

    def base(self) -> tuple[Floats, Floats]:
        """What G_ij is where no edge leads from j to i: (N,) if j does not dangle, (N,) if it does."""
        free = (1.0 - self.alpha) * self.teleport
        return free, free + self.alpha * self.sink


class Pairs(NamedTuple):
    """Entries of G on ordered pairs (i, j), sorted; ``base`` is what D_ij would be without the edges. Each is (P,)."""

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    there: Floats
    back: Floats
    base: Floats


@dataclass(frozen=True, slots=True)
class Overlap:
    """D_ij = √(G_ij G_ji): W on the pairs that an edge joins either way, plus outer products.

    Where no edge joins them, G_ij is (1-α) v_i, plus α d_i if j dangles: it depends on j only through whether it
    dangles. So D less W is p pᵀ among nodes that do not dangle, r rᵀ among those that do, and q zᵀ + z qᵀ across.

    Shapes: ``edges`` (N, N) CSR; the vectors (N,).
    """

    edges: Any
    same: tuple[Floats, Floats]
    across: tuple[Floats, Floats]

    @classmethod
    def of(cls, google: Google) -> Overlap:
        pairs, n = google.pairs(), google.teleport.size
        values = np.sqrt(pairs.there * pairs.back) - pairs.base
        free, stuck = (np.sqrt(base) for base in google.base())
        held = google.dangles
        return cls(
            sp.csr_array((values, (pairs.i, pairs.j)), shape=(n, n)),
            same=(np.where(held, 0.0, free), np.where(held, stuck, 0.0)),
            across=(np.where(held, 0.0, stuck), np.where(held, free, 0.0)),
        )

    def apply(self, x: Floats) -> Floats:
        """D x, (N,) to (N,)."""
        result: Floats = self.edges @ x
        for part in self.same:
            result += part * float(part @ x)
        left, right = self.across
        result += left * float(right @ x) + right * float(left @ x)
        return result


def distribution(name: str, weights: Floats | None, n: int) -> Floats:
    """Weights (n,) made to add up to one; None is even. Raises: ShapeMismatch, NotFinite, OutOfRange, ZeroMass."""
    if weights is None:
        return np.full(n, 1.0 / n) if n else np.zeros(0)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (n,):
        raise ShapeMismatch(name, (n,), given.shape)
    _non_negative(name, given)
    if n and not given.any():
        raise ZeroMass(name)
    scaled = given / given.max(initial=0.0) if n else given
    return np.asarray(scaled / scaled.sum())


def _scaled(adjacency: Any) -> tuple[Any, Floats]:
    """The weights as CSR, each row divided by its largest so that no sum overflows, and the largest of each row."""
    if not sp.issparse(adjacency):
        raise InvalidValue("adjacency", type(adjacency).__name__, "a scipy sparse matrix")
    weights = sp.csr_array(adjacency, dtype=np.float64, copy=True)
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise ShapeMismatch("adjacency", ("N", "N"), weights.shape)
    weights.sum_duplicates()
    _non_negative("weight", weights.data)
    weights.eliminate_zeros()
    n = weights.shape[0]
    rows = np.repeat(np.arange(n), np.diff(weights.indptr))
    largest = np.zeros(n)
    np.maximum.at(largest, rows, weights.data)
    weights.data /= largest[rows]
    return weights, largest


def _non_negative(name: str, values: Floats) -> None:
    odd = ~np.isfinite(values)
    if odd.any():
        raise NotFinite(name, float(values[odd][0]))
    if (values < 0.0).any():
        raise OutOfRange(name, float(values.min()), 0.0, math.inf)
