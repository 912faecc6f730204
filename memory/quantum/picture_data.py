"""What pictures show, read from states or from plain tables: probabilities of cells, rows, moments; all checked.

Owns the reading. Draws nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue, NotFinite, ShapeMismatch, ZeroMass
from quantum_memory.memory.quantum.grid import AXES
from quantum_memory.memory.quantum.state import QuantumState
from quantum_memory.types import Floats

Pair = tuple[int, int]
PAIRS: tuple[Pair, ...] = ((0, 1), (0, 2), (1, 2))
MAP_CELLS = 256
"""Cells of an axis that a heat map of a state shows: as many as it has pixels."""


def tables_of(shown: QuantumState | Mapping[Pair, Floats]) -> dict[Pair, Floats]:
    """For each pair the (n, m) probabilities of its cells; they sum to 1. Raises: as ``pictures.heat_maps``."""
    maps = {pair: _coarse(shown.marginal_pair(*pair)) for pair in PAIRS} if isinstance(shown, QuantumState) else shown
    if not maps or set(maps) - set(PAIRS):
        raise InvalidValue("pairs", repr(list(maps)), "pairs of axes out of (0, 1), (0, 2) and (1, 2)")
    return {pair: _shares(f"probabilities of {pair}", table, 2) for pair, table in maps.items()}


def rows_of(shown: QuantumState | Sequence[Floats]) -> list[Floats]:
    """For each axis the (n,) probabilities of its cells, which sum to 1. Raises: as ``pictures.densities``."""
    given = [shown.marginal(axis) for axis in range(len(AXES))] if isinstance(shown, QuantumState) else list(shown)
    if len(given) != len(AXES):
        raise ShapeMismatch("densities", (len(AXES), "n"), (len(given),))
    return [_shares(f"probabilities of {name}", row, 1) for name, row in zip(AXES, given, strict=True)]


def moments_of(shown: Sequence[QuantumState] | tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """(n, 3) means and (n, 3) standard deviations. Raises: as ``pictures.trajectory``."""
    if not len(shown):
        raise InvalidValue("trajectory", "no state", "at least one state")
    states = [one for one in shown if isinstance(one, QuantumState)]
    if len(states) == len(shown):
        both = [state.mean_and_covariance() for state in states]
        return np.array([mean for mean, _ in both]), np.sqrt(np.array([np.diagonal(cov) for _, cov in both]))
    if states or len(shown) != 2:
        raise InvalidValue("trajectory", f"{len(shown)} things", "states, or the means and the spreads")
    means, spreads = (_numbers(name, value) for name, value in zip(("means", "spreads"), shown, strict=True))
    if means.ndim != 2 or means.shape[1] != len(AXES) or not len(means):
        raise ShapeMismatch("means", ("n", len(AXES)), means.shape)
    if spreads.shape != means.shape:
        raise ShapeMismatch("spreads", means.shape, spreads.shape)
    bounded("least spread", float(spreads.min()), 0.0, np.inf)
    bounded("furthest mean", float(np.abs(means).max()), 0.0, 1.0)
    return means, spreads


def row_of(name: str, values: object, length: int) -> Floats:
    """(length,) finite numbers. Raises: InvalidValue, ShapeMismatch, NotFinite."""
    row = _numbers(name, values)
    if row.shape != (length,):
        raise ShapeMismatch(name, (length,), row.shape)
    return row


def level(table: Floats, share: float) -> float:
    """The probability of a cell above which the cells hold that share."""
    falling = np.sort(table, axis=None)[::-1]
    return float(falling[min(int(np.searchsorted(np.cumsum(falling), share)), falling.size - 1)])


def centres(size: int) -> Floats:
    """(size,) the middles of equal cells of [-1, 1]."""
    return (2.0 * np.arange(size) + 1.0) / size - 1.0


def _shares(name: str, weights: object, dims: int = 2) -> Floats:
    table = _numbers(name, weights)
    if table.ndim != dims or min(table.shape) < 2:
        raise ShapeMismatch(name, ("n", "m")[:dims], table.shape)
    bounded(f"least of {name}", float(table.min()), 0.0, np.inf)
    largest = float(table.max())
    if not largest > 0.0:
        raise ZeroMass(name)
    scaled: Floats = table / largest  # so that no sum of large weights overflows
    shares: Floats = scaled / scaled.sum()
    return shares


def _numbers(name: str, value: object) -> Floats:
    try:
        made = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidValue(name, type(value).__name__, "numbers") from None
    if not np.isfinite(made).all():
        raise NotFinite(name, float(made[~np.isfinite(made)][0]))
    return made


def _coarse(table: Floats) -> Floats:
    """The table with neighbouring cells summed where an axis has more than a picture can show."""
    rows, columns = (min(size, MAP_CELLS) for size in table.shape)
    summed: Floats = table.reshape(rows, table.shape[0] // rows, columns, -1).sum(axis=(1, 3))
    return summed
