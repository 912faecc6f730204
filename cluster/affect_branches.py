"""Two branches in one picture: the mood of each since they parted, their difference, and what each would be called.

Draws plain values of ``affect_readings`` with matplotlib. Knows no agent, opens no window and keeps no global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from quantum_memory.cluster.affect_labels import drawable
from quantum_memory.cluster.affect_pictures import MANY, NOTHING
from quantum_memory.cluster.affect_radar import LINES, radar_names, radar_panel, rim
from quantum_memory.cluster.affect_readings import Comparison, Side
from quantum_memory.cluster.pictures import COLOURS, MoodPoint
from quantum_memory.memory.quantum.drawing import INK, PALE, new_figure, set_key, set_title, tidy
from quantum_memory.memory.quantum.grid import AXES
from quantum_memory.types import Floats

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT, RIGHT = "#7b4f8f", "#b8860b"
"""Of two branches; told apart by the colour-blind too, from the axes' colours, and by their lines: whole and dashed."""
SIDE_CHARS = 28


def compare_figure(both: Comparison, title: str) -> Figure:
    """Two branches: the mood of each since they parted, their difference, and the emotions that each would name.

    A branch that ended earlier keeps its last mood in the difference.
    """
    figure = new_figure(14.0, 9.4)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.0, 1.15)).ravel()
    panels = above.subplots(1, 3, sharex=True, sharey=True)
    for row, (axis, axes) in enumerate(zip(AXES, panels, strict=True)):
        _branches(axes, both, row)
        axes.set_title(axis, fontsize=12, color=INK)
        axes.set_xlabel(_counted(both))
    panels[0].set_ylabel("mean of the mood, -1 to +1")
    if not any((both.shared, both.left.moods, both.right.moods)):
        panels[0].set_ylim(-1.0, 1.0)
        panels[1].text(0.5, 0.7, NOTHING, transform=panels[1].transAxes, ha="center", fontsize=12, color=INK)
    grid = below.add_gridspec(1, 3, width_ratios=(1.15, 1.0, 1.0))
    _difference(below.add_subplot(grid[0]), both)
    sides = (both.left, both.right)
    names = radar_names([one.chances for one in sides])
    end = rim([one.chances for one in sides], names)
    for column, (side, colour, line) in enumerate(zip(sides, (LEFT, RIGHT), LINES, strict=False)):
        axes = below.add_subplot(grid[1 + column], projection="polar")
        name = drawable(side.name, SIDE_CHARS)
        radar_panel(axes, names, [(name, side.chances)], [(colour, line)], end)
        axes.set_title(f"{name} now: neutral {side.chances['neutral']:.0%}", fontsize=11, color=INK, pad=16)
    set_key(above, _compare_key(both))
    set_title(figure, drawable(title, 110))
    return figure


def _branches(axes: Axes, both: Comparison, row: int) -> None:
    """The common past of one axis, and each branch since."""
    past = [one.mean[row] for one in both.shared]
    if past:
        axes.plot(range(1 - len(past), 1), past, color=PALE, linewidth=2.0, label="before")
    for side, colour, line in ((both.left, LEFT, LINES[0]), (both.right, RIGHT, LINES[1])):
        where, means, spreads = _since(side, both.shared, row)
        if not len(where):
            continue
        axes.fill_between(where, means - spreads, means + spreads, color=colour, alpha=0.12, linewidth=0)
        thin = 1.0 if len(where) > MANY else 2.0
        axes.plot(where, means, line, color=colour, linewidth=thin, label=side.name)
        axes.plot(where[-1:], means[-1:], "o", color=colour, markersize=5)
    axes.axhline(0.0, color=PALE, linewidth=0.8, linestyle=":")
    if both.parted:
        axes.axvline(0, color=INK, linewidth=0.9)
    _count_events(axes)
    tidy(axes)


def _since(side: Side, shared: Sequence[MoodPoint], row: int) -> tuple[Floats, Floats, Floats]:
    """Places, means and spreads of one branch, beginning where the common past ended."""
    moods = [*shared[-1:], *side.moods]
    start = 0 if shared else 1
    where = np.arange(start, start + len(moods), dtype=np.float64)
    return where, np.array([one.mean[row] for one in moods]), np.array([one.spread[row] for one in moods])


def differences(both: Comparison) -> Floats:
    """(n, 3): right less left after each event since they parted; who has no more events keeps the last mood.

    Without a mood on one side there is nothing to compare: (0, 3).
    """
    left, right = ([one.mean for one in (*both.shared[-1:], *side.moods)] for side in (both.left, both.right))
    if not left or not right:
        return np.zeros((0, 3))
    count = max(len(left), len(right))
    held = [side + side[-1:] * (count - len(side)) for side in (left, right)]
    return np.asarray(np.array(held[1]) - np.array(held[0]), dtype=np.float64)


def _count_events(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))


def _counted(both: Comparison) -> str:
    return "events since they parted" if both.parted else "events, from each one's first mood"


def _difference(axes: Axes, both: Comparison) -> None:
    """Right less left on each axis."""
    found = differences(both)
    start = 0 if both.shared else 1
    for row, (axis, line) in enumerate(zip(AXES, ("-", "--", "-."), strict=True)):
        if len(found):
            label = f"{axis} {found[-1, row]:+.2f}"
            axes.plot(
                range(start, start + len(found)), found[:, row], line, color=COLOURS[axis], linewidth=2.0, label=label
            )
            axes.plot([start + len(found) - 1], found[-1:, row], "o", color=COLOURS[axis], markersize=5)
    axes.axhline(0.0, color=INK, linewidth=0.9)
    axes.margins(y=0.25)
    axes.set_ylabel("difference of the means")
    axes.set_xlabel(_counted(both))
    axes.set_title(f"{drawable(both.right.name, 20)} less {drawable(both.left.name, 20)}", fontsize=12, color=INK)
    _count_events(axes)
    tidy(axes)
    if len(found):
        axes.legend(loc="best", frameon=False, fontsize=9, labelcolor=INK)


def _compare_key(both: Comparison) -> list[Artist]:
    from matplotlib.lines import Line2D

    signs: list[Artist] = []
    if both.shared:
        told = f"what was before, up to {drawable(both.parted, 40)}"
        signs.append(Line2D([], [], color=PALE, linewidth=2.0, label=told))
    for side, colour, line in ((both.left, LEFT, LINES[0]), (both.right, RIGHT, LINES[1])):
        signs.append(
            Line2D(
                [], [], color=colour, linestyle=line, linewidth=2.0, label=f"{drawable(side.name, SIDE_CHARS)} ± spread"
            )
        )
    return signs
