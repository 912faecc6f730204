"""Pictures of states: PAD marginals as heat maps and curves, bonds and entropies over the sites, a mean in time.

Draws and writes PNG. Imported by nobody who does not draw: matplotlib comes with the first figure. Opens no window,
keeps no global state, measures only what it draws.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue, NotFinite, ShapeMismatch, ZeroMass
from quantum_memory.memory.quantum.grid import AXES, Grid
from quantum_memory.memory.quantum.state import QuantumState
from quantum_memory.types import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Pair = tuple[int, int]
PAIRS: tuple[Pair, ...] = ((0, 1), (0, 2), (1, 2))
COLOURS = ("#c1432e", "#2f7f79", "#4b5aa3")
INK, PALE, BAND = "#2b2b2b", "#8a8a8a", "#f3f1ec"
DPI = 130
MAP_CELLS = 256
"""Cells of an axis that a heat map of a state shows: as many as it has pixels."""
OUTSIDE = 1.1
TICKS = (-1.0, -0.5, 0.0, 0.5, 1.0)
LEVELS = (0.5, 0.9)
"""The contours of a heat map hold these shares of the probability."""


def heat_maps(
    shown: QuantumState | Mapping[Pair, Floats], path: Path | None = None, *, title: str = "", dpi: int = DPI
) -> bytes:
    """The probability of each pair of axes, its mean, and the regions that hold half and nine tenths of it.

    Args:
        shown: a state; or for each pair of axes, such as (0, 1), the (n, m) probabilities of equal cells of
            [-1, 1]², the first axis along the rows. They are divided by their sum.
        path: where to write the picture too.
        title: of the picture.
        dpi: pixels per inch, 20 to 600.

    Returns: the PNG. Raises: InvalidValue, ShapeMismatch, NotFinite, OutOfRange; ZeroMass for weights without a sum.
    """
    return _png(_heat_maps(shown, title), path, dpi)


def densities(
    shown: QuantumState | Sequence[Floats], path: Path | None = None, *, title: str = "", dpi: int = DPI
) -> bytes:
    """The probability density of pleasure, arousal and dominance, with mean and standard deviation.

    Args:
        shown: a state; or three (n,) arrays of the probabilities of equal cells of [-1, 1].
        path: as for ``heat_maps``, and so are ``title`` and ``dpi``.
        title: of the picture.
        dpi: of the picture.

    Returns: the PNG. Raises: what ``heat_maps`` raises.
    """
    return _png(_densities(shown, title), path, dpi)


def profiles(
    shown: QuantumState | tuple[Grid, Sequence[int], Sequence[float] | Floats],
    path: Path | None = None,
    *,
    title: str = "",
    dpi: int = DPI,
) -> bytes:
    """The bond dimension and the entanglement entropy at each cut, with the borders between the axes.

    Args:
        shown: a state; or the grid, its (sites - 1,) bonds, and its (sites - 1,) entropies in bits.
        path: as for ``heat_maps``, and so are ``title`` and ``dpi``.
        title: of the picture.
        dpi: of the picture.

    Returns: the PNG. Raises: what ``heat_maps`` raises.
    """
    return _png(_profiles(shown, title), path, dpi)


def trajectory(
    shown: Sequence[QuantumState] | tuple[Floats, Floats],
    path: Path | None = None,
    *,
    times: Sequence[float] | Floats | None = None,
    unit: str = "steps",
    title: str = "",
    dpi: int = DPI,
) -> bytes:
    """The mean of each axis over time, with one standard deviation to either side.

    Args:
        shown: the states, or (n, 3) means in [-1, 1] and (n, 3) spreads.
        path: as for ``heat_maps``, and so are ``title`` and ``dpi``.
        title: of the picture.
        dpi: of the picture.
        times: (n,) rising; 0, 1, 2, ... where none are given.
        unit: of the times.

    Returns: the PNG. Raises: what ``heat_maps`` raises; InvalidValue for no state or for times that do not rise.
    """
    return _png(_trajectory(shown, times, unit, title), path, dpi)


def _heat_maps(shown: QuantumState | Mapping[Pair, Floats], title: str) -> Figure:
    maps = {pair: _coarse(shown.marginal_pair(*pair)) for pair in PAIRS} if isinstance(shown, QuantumState) else shown
    if not maps or set(maps) - set(PAIRS):
        raise InvalidValue("pairs", repr(list(maps)), "pairs of axes out of (0, 1), (0, 2) and (1, 2)")
    tables = {pair: _shares(f"probabilities of {pair}", table, 2) for pair, table in maps.items()}
    figure = _figure(4.6 * len(tables) + 0.4, 4.4 if title else 4.1)
    for axes, ((axis, other), table) in zip(
        figure.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True
    ):
        _heat_map(figure, axes, axis, other, table)
    _title(figure, title)
    return figure


def _heat_map(figure: Figure, axes: Axes, axis: int, other: int, table: Floats) -> None:
    density = table * table.size / 4.0
    image = axes.imshow(
        density.T,
        origin="lower",
        extent=(-1.0, 1.0, -1.0, 1.0),
        cmap="magma",
        vmin=0.0,
        aspect="equal",
        interpolation="nearest",
    )
    x, y = (_centres(size) for size in table.shape)
    for share, style in zip(LEVELS, ("-", ":"), strict=True):
        level = _level(table, share) * table.size / 4.0
        if density.min() < level < density.max():
            axes.contour(x, y, density.T, levels=[level], colors="white", linewidths=1.0, linestyles=style)
    mean = float(table.sum(axis=1) @ x), float(table.sum(axis=0) @ y)
    axes.plot(*mean, "+", color="#4fd1c5", markersize=13, markeredgewidth=2.2)
    axes.set_xlabel(f"{AXES[axis]}, -1 to +1")
    axes.set_ylabel(f"{AXES[other]}, -1 to +1")
    axes.set_title(f"mean {mean[0]:+.2f}, {mean[1]:+.2f}", fontsize=11, color=INK)
    axes.set_xticks(TICKS)
    axes.set_yticks(TICKS)
    axes.tick_params(colors=INK, labelsize=9)
    bar = figure.colorbar(image, ax=axes, shrink=0.82, pad=0.03)
    bar.set_label("probability density", fontsize=9)
    bar.ax.tick_params(colors=INK, labelsize=8)


def _densities(shown: QuantumState | Sequence[Floats], title: str) -> Figure:
    given = [shown.marginal(axis) for axis in range(len(AXES))] if isinstance(shown, QuantumState) else list(shown)
    if len(given) != len(AXES):
        raise ShapeMismatch("densities", (len(AXES), "n"), (len(given),))
    rows = [_shares(f"probabilities of {name}", row, 1) for name, row in zip(AXES, given, strict=True)]
    figure = _figure(12.0, 4.4)
    panels = figure.subplots(1, len(AXES), sharey=True)
    for axes, name, colour, row in zip(panels, AXES, COLOURS, rows, strict=True):
        points = _centres(row.size)
        density = row * row.size / 2.0
        mean = float(row @ points)
        spread = float(np.sqrt(row @ (points - mean) ** 2))
        axes.fill_between(points, density, color=colour, alpha=0.22, linewidth=0)
        axes.plot(points, density, color=colour, linewidth=2.0)
        axes.axvline(mean, color=INK, linewidth=1.2, label="mean")
        axes.axvspan(mean - spread, mean + spread, color=colour, alpha=0.08, linewidth=0, label="± spread")
        axes.axvline(0.0, color=PALE, linewidth=0.8, linestyle=":")
        axes.set_xlim(-1.0, 1.0)
        axes.set_xticks(TICKS)
        axes.set_xlabel(f"{name}, -1 to +1")
        axes.set_title(f"{name}  {mean:+.2f} ± {spread:.2f}", fontsize=12, color=INK)
        axes.legend(loc="upper right", frameon=False, fontsize=9)
        _tidy(axes)
    panels[0].set_ylabel("probability density")
    panels[0].set_ylim(0.0, 1.25 * max(float(row.max()) * row.size / 2.0 for row in rows))  # room for the legends
    _title(figure, title)
    return figure


def _profiles(shown: QuantumState | tuple[Grid, Sequence[int], Sequence[float] | Floats], title: str) -> Figure:
    if isinstance(shown, QuantumState):
        shown = shown.grid, shown.bonds, shown.entropies()
    grid, *given = shown
    rows = [_row(name, row, grid.sites - 1) for name, row in zip(("bonds", "entropies"), given, strict=True)]
    figure = _figure(11.0, 6.4)
    panels = figure.subplots(2, 1, sharex=True)
    cuts = np.arange(1, grid.sites)
    borders = np.cumsum((0, *grid.bits))
    for axes, row, colour in zip(panels, rows, (INK, COLOURS[1]), strict=True):
        for (start, stop), tint in zip(pairwise(borders), (BAND, "white", BAND), strict=True):
            axes.axvspan(start, stop, color=tint, linewidth=0, zorder=0)
        for border in borders[1:-1]:
            axes.axvline(border, color=PALE, linewidth=1.0, linestyle="--")
        axes.plot(cuts, row, "o-", color=colour, linewidth=1.8, markersize=4.5)
        axes.set_ylim(0.0, max(1.18 * float(row.max()), 0.1))
        axes.set_xlim(0, grid.sites)
        _tidy(axes)
    panels[0].set_ylabel("bond dimension")
    panels[1].set_ylabel("entropy, bits")
    panels[1].set_xlabel("sites to the left of the cut; most significant bit of each axis first")
    panels[1].set_xticks(_few(grid.sites))
    for (start, stop), name, colour in zip(pairwise(borders), AXES, COLOURS, strict=True):
        where = panels[0].get_xaxis_transform()
        middle, paper = (start + stop) / 2, {"facecolor": "white", "edgecolor": "none", "pad": 2.0, "alpha": 0.8}
        style = {"ha": "center", "va": "top", "fontsize": 11, "color": colour, "bbox": paper}
        panels[0].text(middle, 0.985, name, transform=where, **style)
    _title(figure, title)
    return figure


def _trajectory(
    shown: Sequence[QuantumState] | tuple[Floats, Floats],
    times: Sequence[float] | Floats | None,
    unit: str,
    title: str,
) -> Figure:
    means, spreads = _moments(shown)
    at = _row("times", np.arange(len(means)) if times is None else times, len(means))
    if (np.diff(at) <= 0.0).any():
        raise InvalidValue("times", "times that fall or stand still", "rising times")
    figure = _figure(11.0, 7.8)
    panels = figure.subplots(len(AXES), 1, sharex=True)
    for row, (axes, name, colour) in enumerate(zip(panels, AXES, COLOURS, strict=True)):
        mean, spread = means[:, row], spreads[:, row]
        axes.fill_between(at, mean - spread, mean + spread, color=colour, alpha=0.16, linewidth=0, label="± spread")
        axes.plot(
            at, mean, "o-" if len(at) < 40 else "-", color=colour, linewidth=2.0, markersize=4, label=f"mean {name}"
        )
        axes.axhline(0.0, color=PALE, linewidth=0.8, linestyle=":")
        ends = float((mean - spread).min()), float((mean + spread).max())
        room = max(0.1 * (ends[1] - ends[0]), 0.05)
        axes.set_ylim(max(ends[0] - room, -OUTSIDE), min(ends[1] + 2.5 * room, OUTSIDE + 0.25))
        axes.set_ylabel(f"{name}, -1 to +1")
        axes.legend(loc="upper right", ncols=2, frameon=False, fontsize=9)
        _tidy(axes)
    panels[-1].set_xlabel(f"time, {unit}")
    _title(figure, title)
    return figure


def _moments(shown: Sequence[QuantumState] | tuple[Floats, Floats]) -> tuple[Floats, Floats]:
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


def _shares(name: str, weights: object, dims: int = 2) -> Floats:
    table = _numbers(name, weights)
    if table.ndim != dims or min(table.shape) < 2:
        raise ShapeMismatch(name, ("n", "m")[:dims], table.shape)
    bounded(f"least of {name}", float(table.min()), 0.0, np.inf)
    total = float(table.sum())
    if not total > 0.0:
        raise ZeroMass(name)
    return table / total


def _row(name: str, values: object, length: int) -> Floats:
    row = _numbers(name, values)
    if row.shape != (length,):
        raise ShapeMismatch(name, (length,), row.shape)
    return row


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


def _level(table: Floats, share: float) -> float:
    """The probability of a cell above which the cells hold that share."""
    falling = np.sort(table, axis=None)[::-1]
    return float(falling[min(int(np.searchsorted(np.cumsum(falling), share)), falling.size - 1)])


def _centres(size: int) -> Floats:
    return (2.0 * np.arange(size) + 1.0) / size - 1.0


def _few(sites: int) -> list[int]:
    """Ticks at whole sites, no more than fifteen."""
    return list(range(0, sites + 1, 1 if sites <= 14 else 2))


def _png(figure: Figure, path: Path | None, dpi: int) -> bytes:
    bounded("dpi", dpi, 20, 600)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    data = drawn.getvalue()
    if path is not None:
        path.write_bytes(data)
    return data


def _figure(width: float, height: float) -> Figure:
    """A figure outside of pyplot: nothing to close, no display, safe in threads."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _title(figure: Figure, title: str) -> None:
    if title:
        figure.suptitle(title, x=0.02, ha="left", fontsize=15, color=INK)


def _tidy(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(PALE)
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(axis="y", color="#e4e2dc", linewidth=0.7)
    axes.set_axisbelow(True)
