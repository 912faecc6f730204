"""Pictures of moods: a mood over time, the probability of each axis, and two futures side by side.

Draws plain values with matplotlib and writes PNG files. Knows no agent, opens no window and keeps no global state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quantum_memory.errors import InvalidValue
from quantum_memory.types import Floats, Mood, Vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AXES = ("pleasure", "arousal", "dominance")
COLOURS: Mapping[str, str] = {"pleasure": "#c1432e", "arousal": "#2f7f79", "dominance": "#4b5aa3"}
INK, PALE, BAND = "#2b2b2b", "#8a8a8a", "#f3f1ec"
DPI = 130
CLOSEST_LABELS = 0.055
"""The least distance of two session labels, as a share of the picture's width; closer ones share a label."""


@dataclass(frozen=True)
class MoodPoint:
    """A mood at a moment: what a curve is drawn from.

    Attributes:
        at: the moment.
        mean: pleasure, arousal, dominance.
        spread: their standard deviations.
        emotion: the likeliest name, empty where there is none.
        session: the conversation that it belongs to, empty outside of any.
    """

    at: datetime
    mean: tuple[float, float, float]
    spread: tuple[float, float, float]
    emotion: str = ""
    session: str = ""


def point(mood: Mood, at: datetime, session: str = "") -> MoodPoint:
    """A mood as a point of a curve."""
    mean = (mood.mean.pleasure, mood.mean.arousal, mood.mean.dominance)
    return MoodPoint(at, mean, mood.spread, mood.emotions[0][0] if mood.emotions else "", session)


def mood_figure(points: Sequence[MoodPoint], title: str) -> Figure:
    """A mood from turn to turn: three curves with their spread, sessions as bands, and the emotion each one ends with.

    Turns are evenly spaced: conversations are minutes apart within and weeks apart between. Raises: InvalidValue if
    there are no points.
    """
    figure = _figure(13.0, 7.2)
    axes = _only_axes(figure)
    _curves(axes, _some(points), "-")
    bands = sessions_of(points)
    _bands(axes, points, bands)
    axes.set_xlim(-0.5, len(points) - 0.5)
    axes.set_ylim(*_limits([points]))
    axes.set_ylabel("mood on the PAD scale, -1 to +1")
    axes.set_xlabel(f"{len(points)} turns, one after the other; dates are those of the sessions")
    axes.legend(loc="lower left", ncols=3, frameon=True, framealpha=0.9, edgecolor="none")
    figure.suptitle(title, x=0.02, ha="left", fontsize=15, color=INK)
    return figure


def marginals_figure(marginals: Mapping[str, tuple[Vector, Vector]], title: str) -> Figure:
    """The probability density of each axis, with mean and standard deviation.

    Args:
        marginals: for each axis the (n,) points of the grid and their (n,) weights, which sum to 1.
        title: of the picture.

    Raises: InvalidValue if an axis has no points.
    """
    figure = _figure(12.0, 4.4)
    drawn = figure.subplots(1, len(marginals), sharey=True, squeeze=False)[0]
    for axes, (name, (points, weights)) in zip(drawn, marginals.items(), strict=True):
        where, density = _density(name, points, weights)
        mean, spread = moments(points, weights)
        colour = COLOURS.get(name, INK)
        axes.fill_between(where, density, color=colour, alpha=0.22, linewidth=0)
        axes.plot(where, density, color=colour, linewidth=2.0)
        axes.axvline(mean, color=INK, linewidth=1.2)
        axes.axvline(0.0, color=PALE, linewidth=0.8, linestyle=":")
        axes.axvspan(mean - spread, mean + spread, color=colour, alpha=0.08, linewidth=0)
        axes.set_xlim(-1.0, 1.0)
        axes.set_xlabel(f"{name}, -1 to +1")
        axes.set_title(f"{name}  {mean:+.2f} ± {spread:.2f}", fontsize=12, color=INK)
        _tidy(axes)
    drawn[0].set_ylabel("probability density")
    drawn[0].set_ylim(bottom=0.0)
    figure.suptitle(title, x=0.02, ha="left", fontsize=15, color=INK)
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
    figure = _figure(12.0, 8.0)
    drawn = figure.subplots(3, 1, sharex=True)
    styles = ("-", "--", ":", "-.")
    for row, (axis, axes) in enumerate(zip(AXES, drawn, strict=True)):
        past = [one.mean[row] for one in shared]
        axes.plot(range(len(past)), past, color=PALE, linewidth=2.0, label="what was before")
        for style, (name, points) in zip(styles * len(futures), futures.items(), strict=False):
            means = past[-1:] + [one.mean[row] for one in _some(points)]
            start = max(len(past) - 1, 0)
            axes.plot(range(start, start + len(means)), means, style, color=COLOURS[axis], linewidth=2.0, label=name)
        axes.axvline(len(past) - 1, color=INK, linewidth=0.9)
        axes.set_ylabel(f"{axis}, -1 to +1")
        axes.axhline(0.0, color=PALE, linewidth=0.8, linestyle=":")
        axes.margins(y=0.18)
        axes.legend(loc="best", frameon=False, fontsize=9)
        _tidy(axes)
    drawn[-1].set_xlabel("turns, one after the other; the line is where the futures part")
    figure.suptitle(title, x=0.02, ha="left", fontsize=15, color=INK)
    return figure


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
    if where.size < 2 or where.shape != share.shape:  # noqa: PLR2004  (a density needs a step)
        raise InvalidValue(f"marginals of {name}", f"{where.shape} points, {share.shape} weights", "two points or more")
    return where, share / np.gradient(where)


def _some(points: Sequence[MoodPoint]) -> Sequence[MoodPoint]:
    if not points:
        raise InvalidValue("points", "none", "at least one mood")
    return points


def _curves(axes: Axes, points: Sequence[MoodPoint], style: str) -> None:
    where = np.arange(len(points))
    for row, axis in enumerate(AXES):
        mean = np.array([one.mean[row] for one in points])
        spread = np.array([one.spread[row] for one in points])
        axes.fill_between(where, mean - spread, mean + spread, color=COLOURS[axis], alpha=0.10, linewidth=0)
        axes.plot(where, mean, style, color=COLOURS[axis], linewidth=2.0, label=f"{axis} (band: ± standard deviation)")
    axes.axhline(0.0, color=PALE, linewidth=0.8, linestyle=":")
    _tidy(axes)


def _bands(axes: Axes, points: Sequence[MoodPoint], bands: Sequence[tuple[str, int, int]]) -> None:
    """Every second session shaded; its name and date below, and above it the emotion that it ends with."""
    ticks: list[float] = []
    labels: list[str] = []
    for number, (name, first, last) in enumerate(bands):
        if number % 2 == 0:
            axes.axvspan(first - 0.5, last + 0.5, color=BAND, linewidth=0, zorder=0)
        middle = (first + last) / 2
        if not ticks or middle - ticks[-1] >= CLOSEST_LABELS * len(points):
            ticks.append(middle)
            labels.append(f"{name}\n{points[first].at.day} {points[first].at:%b}\n{points[first].at:%Y}")
            height = 0.985 if len(ticks) % 2 else 0.945  # two rows, so that long names have room
            axes.text(
                middle,
                height,
                points[last].emotion,
                transform=axes.get_xaxis_transform(),
                ha="center",
                va="top",
                fontsize=9.5,
                color=INK,
            )
    axes.set_xticks(ticks, labels, fontsize=9)


def _limits(curves: Sequence[Sequence[MoodPoint]]) -> tuple[float, float]:
    """What holds every band, with room above for names and below for the legend."""
    low = min(
        mean - spread for curve in curves for one in curve for mean, spread in zip(one.mean, one.spread, strict=True)
    )
    high = max(
        mean + spread for curve in curves for one in curve for mean, spread in zip(one.mean, one.spread, strict=True)
    )
    room = 0.12 * (high - low)
    return low - room, high + room


def _figure(width: float, height: float) -> Figure:
    """A figure outside of pyplot: nothing to close, no display, safe in threads."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def _only_axes(figure: Figure) -> Axes:
    axes: Any = figure.subplots()
    return axes  # type: ignore[no-any-return]  # subplots gives Axes for one, an array for more


def _tidy(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(PALE)
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(axis="y", color="#e4e2dc", linewidth=0.7)
    axes.set_axisbelow(True)
