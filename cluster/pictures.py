"""Pictures: a mood over time, the probability of each axis, two futures side by side, and the branches of an agent.

Draws plain values with matplotlib and writes PNG files. Knows no agent, opens no window and keeps no global state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quantum_memory.cluster.branch_graph import Link, Spot, graph, remarks
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.quantum import drawing
from quantum_memory.memory.quantum.drawing import (
    BAND,
    DPI,
    INK,
    OUTSIDE,
    PALE,
    density_panel,
    density_panels,
    new_figure,
    set_title,
    tidy,
)
from quantum_memory.memory.quantum.grid import AXES
from quantum_memory.types import Floats, Mood, Tree, Vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "AXES",
    "COLOURS",
    "DPI",
    "MoodPoint",
    "futures_figure",
    "marginals_figure",
    "moments",
    "mood_figure",
    "point",
    "save",
    "sessions_of",
    "tree_figure",
]
COLOURS: Mapping[str, str] = dict(zip(AXES, drawing.COLOURS, strict=True))
LANE_COLOURS = ("#2b2b2b", "#c1432e", "#2f7f79", "#4b5aa3", "#b8860b", "#7b4f8f")
MOST_ROWS = 80
MOST_CHARS = 100
CLOSEST_LABELS = 0.055
"""The least distance of two session labels, as a share of the picture's width; closer ones share a label."""


@dataclass(frozen=True)
class MoodPoint:
    """A mood at a moment: what a curve is drawn from.

    Attributes:
        at: the moment.
        mean: pleasure, arousal, dominance.
        spread: their standard deviations.
        emotion: what to call it, empty where there is no name.
        session: the conversation that it belongs to, empty outside of any.
    """

    at: datetime
    mean: tuple[float, float, float]
    spread: tuple[float, float, float]
    emotion: str = ""
    session: str = ""


def point(mood: Mood, at: datetime, session: str = "") -> MoodPoint:
    """A mood as a point of a curve, with the likeliest emotion that says something: that is not "neutral"."""
    mean = (mood.mean.pleasure, mood.mean.arousal, mood.mean.dominance)
    named = [f"{name} {probability:.0%}" for name, probability in mood.emotions if name != "neutral"]
    return MoodPoint(at, mean, mood.spread, named[0] if named else "", session)


def mood_figure(points: Sequence[MoodPoint], title: str) -> Figure:
    """A mood from turn to turn: a panel for each axis with its spread, sessions as bands, and above each the emotion
    that it ends with.

    Turns are evenly spaced: conversations are minutes apart within and weeks apart between. Raises: InvalidValue if
    there are no points.
    """
    figure = new_figure(13.0, 8.6)
    panels = figure.subplots(3, 1, sharex=True, sharey=True)
    low, high = _limits(_some(points))
    sessions = sessions_of(points)
    for row, (axis, axes) in enumerate(zip(AXES, panels, strict=True)):
        _curve(axes, points, row)
        for _, first, last in sessions[::2]:
            axes.axvspan(first - 0.5, last + 0.5, color=BAND, linewidth=0, zorder=0)
        axes.set_ylabel(f"{axis}, -1 to +1")
        axes.legend(loc="lower left", ncols=2, frameon=False, fontsize=9)
    panels[0].set_xlim(-0.5, len(points) - 0.5)
    panels[0].set_ylim(low, high)
    _session_labels(panels[0], panels[-1], points, sessions)
    panels[-1].set_xlabel(f"{len(points)} turns, one after the other; dates are those of the sessions")
    set_title(figure, title)
    return figure


def marginals_figure(marginals: Mapping[str, tuple[Vector, Vector]], title: str) -> Figure:
    """The probability density of each axis, with mean and standard deviation.

    Args:
        marginals: for each axis the (n,) points of the grid and their (n,) weights, which sum to 1.
        title: of the picture.

    Raises: InvalidValue if an axis has no points.
    """
    figure = new_figure(12.0, 4.4)
    panels = density_panels(figure, len(marginals))
    for axes, (name, (points, weights)) in zip(panels, marginals.items(), strict=True):
        where, density = _density(name, points, weights)
        density_panel(axes, name, COLOURS.get(name, INK), where, density, moments(points, weights))
    set_title(figure, title)
    return figure


def futures_figure(futures: Mapping[str, Sequence[MoodPoint]], shared: Sequence[MoodPoint], title: str) -> Figure:
    """The same past and what came of it in several futures: one panel for each axis, one curve for each future.

    Args:
        futures: the points of each, by its name, beginning where the past ends.
        shared: the points of the past that they share.
        title: of the picture.

    Raises: InvalidValue if there is no future or one without points.
    """
    if not futures:
        raise InvalidValue("futures", "none", "at least one future")
    figure = new_figure(12.0, 8.0)
    panels = figure.subplots(3, 1, sharex=True)
    for row, (axis, axes) in enumerate(zip(AXES, panels, strict=True)):
        past = [one.mean[row] for one in shared]
        axes.plot(range(1 - len(past), 1), past, color=PALE, linewidth=2.0, label="what was before")
        for style, (name, points) in zip(cycle(("-", "--", ":", "-.")), futures.items(), strict=False):
            means = past[-1:] + [one.mean[row] for one in _some(points)]
            start = 0 if past else 1
            axes.plot(range(start, start + len(means)), means, style, color=COLOURS[axis], linewidth=2.0, label=name)
        axes.axvline(0, color=INK, linewidth=0.9)
        axes.axhline(0.0, color=PALE, linewidth=0.8, linestyle=":")
        axes.set_ylabel(f"{axis}, -1 to +1")
        axes.margins(y=0.12)
        tidy(axes)
    panels[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=1 + len(futures), frameon=False, fontsize=10)
    panels[-1].set_xlabel("turns before and after the futures part")
    set_title(figure, title)
    return figure


def tree_figure(tree: Tree, title: str, newest: int = MOST_ROWS) -> Figure:
    """The branches of an agent, newest row first: forks, merges, checkpoints, tags, and branches that were deleted.

    Args:
        tree: what is drawn.
        title: of the picture.
        newest: how many rows at most; older ones are left out.
    """
    drawn = graph(tree)
    spots = drawn.spots[:newest]
    colours = {one.id: LANE_COLOURS[number % len(LANE_COLOURS)] for number, one in enumerate(tree.branches)}
    figure = new_figure(12.0, max(3.0, 0.36 * len(spots) + 1.2))
    axes = figure.subplots()
    for lane, first, last, branch in drawn.stretches:
        own = min(one.row for one in drawn.spots if one.branch.id == branch)
        rows = (own if own == first else first + 1, last)  # a line that a merge leads to begins where that one bends
        style = (":", 0.45) if branch in tree.deleted else ("-", 1.0)
        axes.plot((lane, lane), rows, style[0], color=colours[branch], alpha=style[1], linewidth=2.2, zorder=1)
    for link in drawn.links:
        _bend(axes, link, colours[link.branch])
    for spot in spots:
        _mark(axes, spot, colours[spot.branch.id])
        where = (drawn.lanes - 0.3, spot.row)
        axes.annotate(_told(spot), where, va="center", fontsize=9.5, color=PALE if spot.deleted else INK)
    axes.set_ylim(len(spots) - 0.4, -0.6)
    axes.set_xlim(-0.5, drawn.lanes + max(12.0, 1.5 * drawn.lanes))
    axes.set_axis_off()
    set_title(figure, title)
    return figure


def _bend(axes: Axes, link: Link, colour: str) -> None:
    """A line between two lanes: a fork leaves its parent upwards, a merge comes from below."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Curve

    points: list[tuple[float, float]]
    if link.kind == "fork":
        near = max(link.lower - 1.0, link.upper)
        points = [(link.upper_lane, near), (link.upper_lane, link.lower - 0.2), (link.lower_lane, link.lower)]
    else:
        near = min(link.upper + 1.0, link.lower)
        points = [(link.upper_lane, link.upper), (link.lower_lane, link.upper + 0.2), (link.lower_lane, near)]
    curve = Curve(points, [Curve.MOVETO, Curve.CURVE3, Curve.CURVE3])
    style = "-" if link.kind == "fork" else "--"
    axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=colour, linewidth=2.0, linestyle=style, zorder=1))


def _mark(axes: Axes, spot: Spot, colour: str) -> None:
    shape = {"merge": "D", "root": "s", "place": "o"}[spot.kind]
    size = 9 if spot.commits or spot.tags or spot.head or spot.kind != "place" else 6
    face = "white" if spot.deleted else colour
    where = (spot.lane,), (spot.row,)
    axes.plot(*where, shape, markersize=size, markerfacecolor=face, markeredgecolor=colour, zorder=2)


def _told(spot: Spot) -> str:
    """What is written beside a row."""
    at = "" if spot.at is None else f"{spot.at:%Y-%m-%d %H:%M}   "
    told = at + "   ".join((f"{spot.branch.name}:{spot.place.seq}", *remarks(spot)))
    return told if len(told) <= MOST_CHARS else told[: MOST_CHARS - 1] + "…"


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG."""
    figure.savefig(path, format="png", dpi=DPI)
    return path


def sessions_of(points: Sequence[MoodPoint]) -> list[tuple[str, int, int]]:
    """The runs of points of one session: its name, its first and its last index."""
    runs: list[tuple[str, int, int]] = []
    for index, one in enumerate(points):
        if runs and runs[-1][0] == one.session:
            runs[-1] = (one.session, runs[-1][1], index)
        else:
            runs.append((one.session, index, index))
    return [run for run in runs if run[0]]


def moments(points: Vector, weights: Vector) -> tuple[float, float]:
    """Mean and standard deviation of a distribution on a grid."""
    where, share = np.asarray(points, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    mean = float(np.average(where, weights=share))
    return mean, float(np.sqrt(np.average((where - mean) ** 2, weights=share)))


def _density(name: str, points: Vector, weights: Vector) -> tuple[Floats, Floats]:
    """Weights of a grid as a density, so that grids of different sizes can share a scale."""
    where, share = np.asarray(points, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if where.size < 2 or where.shape != share.shape:
        raise InvalidValue(f"marginals of {name}", f"{where.shape} points, {share.shape} weights", "two points or more")
    return where, share / np.gradient(where)


def _some(points: Sequence[MoodPoint]) -> Sequence[MoodPoint]:
    if not points:
        raise InvalidValue("points", "none", "at least one mood")
    return points


def _curve(axes: Axes, points: Sequence[MoodPoint], row: int) -> None:
    """The mean of one axis, and one standard deviation to either side."""
    where, colour = np.arange(len(points)), COLOURS[AXES[row]]
    mean = np.array([one.mean[row] for one in points])
    spread = np.array([one.spread[row] for one in points])
    axes.fill_between(where, mean - spread, mean + spread, color=colour, alpha=0.16, linewidth=0, label="± spread")
    axes.plot(where, mean, color=colour, linewidth=2.0, label=f"mean {AXES[row]}")
    axes.axhline(0.0, color=PALE, linewidth=0.8, linestyle=":")
    tidy(axes)


def _session_labels(
    top: Axes, bottom: Axes, points: Sequence[MoodPoint], sessions: Sequence[tuple[str, int, int]]
) -> None:
    """The name and date of each session below, and above it the emotion that it ends with."""
    ticks: list[float] = []
    labels: list[str] = []
    for name, first, last in sessions:
        middle = (first + last) / 2
        if ticks and middle - ticks[-1] < CLOSEST_LABELS * len(points):
            continue
        ticks.append(middle)
        labels.append(f"{name}\n{points[first].at.day} {points[first].at:%b}\n{points[first].at:%Y}")
        row = 1.02 if len(ticks) % 2 else 1.10  # two rows, so that long names have room
        where = top.get_xaxis_transform()
        top.text(middle, row, points[last].emotion, transform=where, ha="center", va="bottom", fontsize=9, color=INK)
    bottom.set_xticks(ticks, labels, fontsize=9)


def _limits(points: Sequence[MoodPoint]) -> tuple[float, float]:
    """What holds every band, with room below for the legend."""
    ends = [
        mean + sign * spread
        for one in points
        for mean, spread in zip(one.mean, one.spread, strict=True)
        for sign in (-1, 1)
    ]
    room = max(0.1 * (max(ends) - min(ends)), 0.02)
    return max(min(ends) - 2 * room, -OUTSIDE), min(max(ends) + room, OUTSIDE)
