"""Whether two things lie in the same place: on one grid, padding and all, with arrays of one module. Knows no state."""

from __future__ import annotations

from reprlib import repr as short
from typing import Any

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.quantum.grid import Grid


def checked_grid(grid: object) -> Grid:
    """The grid, if it is one. Raises: InvalidValue."""
    if not isinstance(grid, Grid):
        raise InvalidValue("grid", short(grid), "a Grid")
    return grid


def check_place(grid: Grid, xp: Any, want: Grid, want_xp: Any, whose: str) -> None:
    """Raises: InvalidValue unless grid and array module are those wanted; the error tells ``whose`` those are."""
    if grid != want:
        raise InvalidValue("grid", str(grid), f"the grid of {whose}, {want}")
    if xp is not want_xp:
        raise InvalidValue("array module", xp.__name__, f"that of {whose}, {want_xp.__name__}")
