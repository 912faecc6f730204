"""Points along an axis at which packets are evaluated: those of the grid, or Chebyshev points that stand for them.

Owns the rule for how many points a packet needs, and the interpolation between them. Knows no state.

A packet is smooth: in a cell of width d it is a polynomial of degree p - 1 but for

    E ≤ 2 K (d/4)^p (|k| + c / (√2 width))^p / p!    with c = (p!)^(1/2p) and K = 1.0865,

as interpolation at p Chebyshev points errs by at most 2 (d/4)^p max|f^(p)| / p!, and Cramér's bound on Hermite
functions gives the derivatives of exp(-x²/4width² + ikx). So a sum over all points of the grid, of a packet times
anything, is a sum over p points in each of a few cells, of the packet times what interpolation makes of the anything.

Sources: Trefethen (2013), Approximation Theory and Approximation Practice, chapters 5 and 8; Abramowitz and Stegun
22.14.17.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.quantum.backend import Array, module_of
from quantum_memory.memory.quantum.grid import Grid
from quantum_memory.types import Floats

CRAMER = 1.086435
LEAST_CELLS = 4
WORTH = 2
"""So many times fewer must the points be than those of the grid."""


@dataclass(frozen=True, slots=True, eq=False)
class Accuracy:
    """Points in a cell, and the error E of a packet of height 1 anywhere between them."""

    order: int
    error: float


ACCURACY = {np.dtype(np.float32): Accuracy(14, 1e-7), np.dtype(np.float64): Accuracy(24, 1e-13)}
"""By the precision of the amplitudes: under their rounding in what an overlap comes to."""


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """Points start + offset for all starts, in order, and what each counts in a sum over the grid.

    Attributes:
        starts: (c,) where the cells begin.
        offsets: (p,) from there.
        weights: (c p,), or ``None`` where all count 1.
    """

    starts: Floats
    offsets: Floats
    weights: Floats | None = None

    def __post_init__(self) -> None:
        for array in (self.starts, self.offsets, self.weights):
            if array is not None:
                array.flags.writeable = False

    @property
    def points(self) -> Floats:
        """(c p,) the coordinates."""
        return (self.starts[:, None] + self.offsets).ravel()


@functools.lru_cache(64)
def of_grid(grid: Grid, axis: int) -> Nodes:
    """All points of an axis, cut in the middle of its bits: a phase is then a product of few exponentials."""
    lower = grid.bits[axis] // 2
    return Nodes(grid.points(axis)[:: 1 << lower].copy(), grid.spacing[axis] * np.arange(1 << lower, dtype=np.float64))


@functools.lru_cache(64)
def of_cells(grid: Grid, axis: int, cells: int, order: int) -> Nodes:
    """``order`` Chebyshev points in each of the cells, counting as the points of the grid that they stand for."""
    count = grid.shape[axis] // cells
    offsets: Floats = _chebyshev(count, order) * grid.spacing[axis]
    starts = grid.points(axis)[::count].copy()
    return Nodes(starts, offsets, np.tile(_lagrange(count, order).sum(axis=0), cells))


def gathered(rows: Array, cells: int, order: int) -> Array:
    """(cells order, columns) what stands for (points, columns) rows: sums over a cell, weighed by the interpolation."""
    xp = module_of(rows)
    count, columns = rows.shape[0] // cells, rows.shape[1]
    real = np.dtype(rows.dtype.char.lower())
    turned = xp.asarray(_lagrange(count, order).T, dtype=real)
    return (
        xp.matmul(turned, rows.view(real).reshape(cells, count, 2 * columns)).reshape(-1, 2 * columns).view(rows.dtype)
    )


def cells_needed(grid: Grid, widths: Floats, momenta: NDArray[Any] | None, real: np.dtype[Any]) -> NDArray[np.int64]:
    """(n,) powers of two: the cells per axis that (n, 3) packets need; 0 for those that need the points of the grid.

    The square of a packet, whose sum is its norm, is narrower than the packet by sqrt(2) and has no phase.
    """
    order, error = ACCURACY[real].order, ACCURACY[real].error
    spread = math.factorial(order) ** (0.5 / order)
    bend = spread / widths
    if momenta is not None:
        bend = np.maximum(bend, np.abs(momenta) + bend / math.sqrt(2.0))
    widest = 4.0 * (error * math.factorial(order) / (2.0 * CRAMER)) ** (1.0 / order) / bend
    # A cell reaches from its first point to its last.
    cells = 2.0 * grid.half_edge / (widest + np.array(grid.spacing))
    needed = np.exp2(np.ceil(np.log2(np.maximum(cells.max(axis=1), LEAST_CELLS)))).astype(np.int64)
    return np.where(needed * order * WORTH <= min(grid.shape), needed, 0)


@functools.lru_cache(64)
def _chebyshev(count: int, order: int) -> Floats:
    """(order,) Chebyshev points of [0, count - 1], rising."""
    angles = (2.0 * np.arange(order) + 1.0) * math.pi / (2.0 * order)
    found: Floats = (count - 1) / 2.0 * (1.0 - np.cos(angles))
    return found


@functools.lru_cache(64)
def _lagrange(count: int, order: int) -> Floats:
    """(count, order) values at 0..count-1 of the polynomials that are 1 at one Chebyshev point and 0 at the others.

    By sums over Chebyshev polynomials, L_q(x) = (2 - δ_k0)/p Σ_k T_k(x_q) T_k(x), which loses no digits.
    """
    nodes = _chebyshev(count, order) * (2.0 / (count - 1)) - 1.0
    at = np.arange(count) * (2.0 / (count - 1)) - 1.0
    scale = np.full(order, 2.0 / order)
    scale[0] = 1.0 / order
    basis = np.polynomial.chebyshev.chebvander
    found: Floats = (basis(at, order - 1) * scale) @ basis(nodes, order - 1).T
    return found
