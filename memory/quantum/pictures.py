"""Pictures of states: PAD marginals as heat maps and curves, bonds and entropies over the sites, a mean in time.

Draws and writes PNG. Imported by nobody who does not draw: matplotlib comes with the first figure. Opens no window,
keeps no global state, measures only what it draws.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.quantum.drawing import (
    BAND,
    COLOURS,
    DPI,
    INK,
    OUTSIDE,
    PALE,
    TICKS,
    density_panel,
    density_panels,
    new_figure,
    set_key,
    set_title,
    soften,
    tidy,
)
from quantum_memory.memory.quantum.grid import AXES, Grid
from quantum_memory.memory.quantum.picture_data import (
    PAIRS,
    Pair,
    centres,
    level,
    moments_of,
    row_of,
    rows_of,
    tables_of,
)
from quantum_memory.memory.quantum.state import QuantumState
from quantum_memory.types import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

LEVELS = (0.5, 0.9)
"""The contours of a heat map hold these shares of the probability."""
LEVEL_STYLES: tuple[Literal["-", ":"], ...] = ("-", ":")
MAP_COLOURS, MEAN_COLOUR = "Blues", "#d1490f"
"""White to deep blue, ever darker, and orange on it: told apart by the colour-blind, and in black and white."""
__all__ = ["COLOURS", "DPI", "LEVELS", "PAIRS", "Pair", "densities", "heat_maps", "profiles", "trajectory"]


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
    from matplotlib.lines import Line2D

    tables = tables_of(shown)
    densities = {pair: table * table.size / 4.0 for pair, table in tables.items()}
    top = max(float(density.max()) for density in densities.values())
    figure = new_figure(4.3 * len(tables) + 0.9, 5.1 if title else 4.8)
    panels = figure.subplots(1, len(tables), squeeze=False)[0]
    for axes, (pair, table) in zip(panels, tables.items(), strict=True):
        image = _heat_map(axes, pair, table, densities[pair], top)
    bar = figure.colorbar(image, ax=list(panels), shrink=0.86, pad=0.015, aspect=26)
    bar.set_label("probability density", fontsize=10, color=INK)
    bar.ax.tick_params(colors=INK, labelsize=8)
    bar.outline.set_edgecolor(PALE)
    signs = [
        Line2D([], [], color=INK, linewidth=1.1, linestyle=style, label=f"holds {share:.0%}")
        for share, style in zip(LEVELS, LEVEL_STYLES, strict=True)
    ]
    mean = Line2D([], [], color=MEAN_COLOUR, linestyle="", marker="+", markersize=11, markeredgewidth=2.2, label="mean")
    set_key(figure, [*signs, mean])
    set_title(figure, title)
    return figure


def _heat_map(axes: Axes, pair: Pair, table: Floats, density: Floats, top: float) -> AxesImage:
    image = axes.imshow(
        density.T,
        origin="lower",
        extent=(-1.0, 1.0, -1.0, 1.0),
        cmap=MAP_COLOURS,
        vmin=0.0,
        vmax=top,
        aspect="equal",
        interpolation="nearest",
    )
    x, y = (centres(size) for size in table.shape)
    for share, style in zip(LEVELS, LEVEL_STYLES, strict=True):
        at = level(table, share) * table.size / 4.0
        if density.min() < at < density.max():
            axes.contour(x, y, density.T, levels=[at], colors=INK, linewidths=1.1, linestyles=style)
    mean = float(table.sum(axis=1) @ x), float(table.sum(axis=0) @ y)
    axes.plot(*mean, "+", color=MEAN_COLOUR, markersize=13, markeredgewidth=2.4)
    names = [AXES[axis] for axis in pair]
    axes.set_xlabel(f"{names[0]}, -1 to +1")
    axes.set_ylabel(f"{names[1]}, -1 to +1")
    axes.set_title(f"mean {mean[0]:+.2f}, {mean[1]:+.2f}", fontsize=11, color=INK)
    axes.set_xticks(TICKS)
    axes.set_yticks(TICKS)
    for spine in axes.spines.values():
        spine.set_color(PALE)
    soften(axes)
    return image


def _densities(shown: QuantumState | Sequence[Floats], title: str) -> Figure:
    rows = rows_of(shown)
    figure = new_figure(12.0, 4.4)
    for axes, name, colour, row in zip(density_panels(figure, len(AXES)), AXES, COLOURS, rows, strict=True):
        points = centres(row.size)
        mean = float(row @ points)
        spread = float(np.sqrt(row @ (points - mean) ** 2))
        density_panel(axes, name, colour, points, row * row.size / 2.0, (mean, spread))
    set_title(figure, title)
    return figure


def _profiles(shown: QuantumState | tuple[Grid, Sequence[int], Sequence[float] | Floats], title: str) -> Figure:
    from matplotlib.ticker import MaxNLocator

    if isinstance(shown, QuantumState):
        shown = shown.grid, shown.bonds, shown.entropies()
    grid, *given = shown
    rows = [row_of(name, row, grid.sites - 1) for name, row in zip(("bonds", "entropies"), given, strict=True)]
    figure = new_figure(11.0, 6.4)
    panels = figure.subplots(2, 1, sharex=True)
    cuts = np.arange(1, grid.sites)
    borders = np.cumsum((0, *grid.bits))
    for axes, row, colour in zip(panels, rows, (INK, COLOURS[1]), strict=True):
        for (start, stop), tint in zip(pairwise(borders), (BAND, "white", BAND), strict=True):
            axes.axvspan(start, stop, color=tint, linewidth=0, zorder=0)
        for border in borders[1:-1]:
            axes.axvline(border, color=PALE, linewidth=1.0, linestyle="--")
        axes.plot(cuts, row, "o-", color=colour, linewidth=1.8, markersize=4.5, clip_on=False)
        axes.set_ylim(0.0, max(1.18 * float(row.max()), 0.1))
        axes.set_xlim(0, grid.sites)
        tidy(axes)
    panels[0].set_ylabel("bond dimension")
    panels[0].yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    panels[1].set_ylabel("entropy, bits")
    panels[1].set_xlabel("sites to the left of the cut; most significant bit of each axis first")
    panels[1].set_xticks(_few(grid.sites))
    for (start, stop), name, colour in zip(pairwise(borders), AXES, COLOURS, strict=True):
        where = panels[0].get_xaxis_transform()
        middle, paper = (start + stop) / 2, {"facecolor": "white", "edgecolor": "none", "pad": 2.0, "alpha": 0.8}
        style = {"ha": "center", "va": "top", "fontsize": 11, "color": colour, "bbox": paper}
        panels[0].text(middle, 0.985, name, transform=where, **style)
    set_title(figure, title)
    return figure


def _trajectory(
    shown: Sequence[QuantumState] | tuple[Floats, Floats],
    times: Sequence[float] | Floats | None,
    unit: str,
    title: str,
) -> Figure:
    means, spreads = moments_of(shown)
    at = row_of("times", np.arange(len(means)) if times is None else times, len(means))
    if (np.diff(at) <= 0.0).any():
        raise InvalidValue("times", "times that fall or stand still", "rising times")
    figure = new_figure(11.0, 7.8)
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
        axes.margins(x=0.02)
        axes.legend(loc="upper right", ncols=2, frameon=False, fontsize=9, labelcolor=INK)
        tidy(axes)
    panels[-1].set_xlabel(f"time, {unit}")
    set_title(figure, title)
    return figure


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
