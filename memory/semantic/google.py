"""The Google matrix of a graph, as an operator: it is never written out.

Knows sparse arrays alone. Never builds an N × N array; every product costs O(edges).

    G = α H + (1-α) v 1ᵀ + α d 1_danglingᵀ    column-stochastic; v teleport, d where dangling nodes go
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch, ZeroMass
from quantum_memory.memory.semantic.hardware import rows

Floats = NDArray[np.float64]
LARGEST_SHORT_INDEX = int(np.iinfo(np.int32).max)
LEAST_SHARE = 1e-270
"""Of the largest weight in a distribution."""


@dataclass(frozen=True, slots=True)
class Google:
    """G = α H + (1-α) v 1ᵀ + α d 1_danglingᵀ.

    Shapes: ``links`` is αH, (N, N) CSR with sorted indices, row i holding who leads to i; ``leads`` its transpose, also
    CSR, row j holding where j leads; the others are (N,). Indices take 32 bits where they fit.
    """

    alpha: float
    links: Any
    leads: Any
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
        alpha = bounded("alpha", alpha, 0.0, 1.0)
        leads = _weights(adjacency)
        n = leads.shape[0]
        teleport = distribution("personalization", personalization, n)
        sink = teleport if dangling is None else distribution("dangling", dangling, n)
        dangles = np.diff(leads.indptr) == 0
        if not dangles.any() or np.array_equal(sink, teleport):
            sink = teleport  # where nobody asks for it, or it is the same: the overlap matrix is simpler then
        _scale_rows(leads, alpha)
        return cls(alpha, leads.T.tocsr(), leads, teleport, sink, dangles)

    def apply(self, x: Any) -> Any:
        """G x, (N,) to (N,)."""
        result = self.links @ x
        result += (1.0 - self.alpha) * x.sum() * self.teleport
        if self.dangles.any():
            result += self.alpha * x[self.dangles].sum() * self.sink
        return result

    def pairs(self, at: slice) -> Pairs:
        """G_ij and G_ji for i in these rows and every j that an edge joins with i either way, sorted."""
        # One complex sum merges both directions in a single pass of compiled code.
        both = rows(self.links, at) + 1j * rows(self.leads, at)
        i = np.repeat(np.arange(at.start, at.stop, dtype=both.indices.dtype), np.diff(both.indptr))
        j = both.indices
        free = (1.0 - self.alpha) * self.teleport
        to, fro = free[i], free[j]
        if self.dangles.any():
            lost = self.alpha * self.sink
            to += np.where(self.dangles[j], lost[i], 0.0)
            fro += np.where(self.dangles[i], lost[j], 0.0)
        there, back = both.data.real + to, both.data.imag + fro
        return Pairs(i, j, both.indptr, there, back, np.sqrt(np.multiply(to, fro, out=to), out=to))


class Pairs(NamedTuple):
    """Entries of G on ordered pairs (i, j), sorted; ``base`` is what √(G_ij G_ji) would be without the edges.

    Shapes: ``pointers`` is that of a CSR matrix, one more than rows were asked for; the others are (P,).
    """

    i: NDArray[np.integer[Any]]
    j: NDArray[np.integer[Any]]
    pointers: NDArray[np.integer[Any]]
    there: Floats
    back: Floats
    base: Floats


def distribution(name: str, weights: Floats | None, n: int) -> Floats:
    """Weights (n,) made to add up to one; None is even. Raises: ShapeMismatch, NotFinite, OutOfRange, ZeroMass."""
    if weights is None:
        return np.full(n, 1.0 / n) if n else np.zeros(0)
    given = np.asarray(weights)
    if given.shape != (n,):
        raise ShapeMismatch(name, (n,), given.shape)
    given = _real(name, given)
    non_negative(name, given)
    if n and not given.any():
        raise ZeroMass(name)
    scaled = given / given.max(initial=0.0) if n else given
    # A share below the least normal number is none: what is divided by it would overflow.
    scaled[scaled < LEAST_SHARE] = 0.0
    return np.asarray(scaled / scaled.sum())


def _weights(adjacency: Any) -> Any:
    """A copy of the weights as CSR, sorted, without zeros."""
    if not sp.issparse(adjacency):
        raise InvalidValue("adjacency", type(adjacency).__name__, "a scipy sparse matrix")
    if adjacency.ndim != 2 or adjacency.shape[0] != adjacency.shape[1]:
        raise ShapeMismatch("adjacency", ("N", "N"), adjacency.shape)
    held = adjacency if adjacency.format in {"csr", "csc", "coo"} else adjacency.tocoo()
    non_negative("weight", _real("weight", held.data))  # before edges between the same nodes add up
    weights = sp.csr_array(held, dtype=np.float64, copy=True)
    weights.sum_duplicates()
    non_negative("weight", weights.data)
    weights.eliminate_zeros()
    if max(weights.nnz, weights.shape[0]) <= LARGEST_SHORT_INDEX:
        weights.indices = weights.indices.astype(np.int32, copy=False)
        weights.indptr = weights.indptr.astype(np.int32, copy=False)
    return weights


def _real(name: str, values: NDArray[Any]) -> Floats:
    """The values as float64, copied only if they are something else. Raises: InvalidValue for no real numbers."""
    try:
        return values.astype(np.float64, casting="unsafe" if values.dtype.kind == "O" else "same_kind", copy=False)
    except (TypeError, ValueError, OverflowError):
        raise InvalidValue(name, f"an array of {values.dtype}", "real numbers") from None


def _scale_rows(weights: Any, total: float) -> None:
    """Make every row that holds something add up to ``total``, in place; no sum overflows on the way."""
    counts = np.diff(weights.indptr)
    held = counts > 0
    if not held.any():
        return
    starts, lengths = weights.indptr[:-1][held], counts[held]
    weights.data /= np.repeat(np.maximum.reduceat(weights.data, starts), lengths)
    weights.data *= np.repeat(total / np.add.reduceat(weights.data, starts), lengths)


def non_negative(name: str, values: Floats) -> None:
    """Raises: NotFinite, OutOfRange for the first, or the least, of the values that is no weight."""
    odd = ~np.isfinite(values)
    if odd.any():
        raise NotFinite(name, float(values[odd][0]))
    if (values < 0.0).any():
        raise OutOfRange(name, float(values.min()), 0.0, math.inf)
