"""Feelings over time as a picture: an agent's memories and moods on the three axes, session by session.

Draws plain values of ``affect_readings`` with matplotlib. Knows no agent, opens no window and keeps no global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from quantum_memory.cluster.affect_labels import apart, drawable
from quantum_memory.cluster.affect_readings import FeltPoint, Life
from quantum_memory.cluster.pictures import COLOURS, MoodPoint, sessions_of
from quantum_memory.memory.quantum.drawing import (
    BAND,
    INK,
    OUTSIDE,
    PALE,
    new_figure,
    set_key,
    set_title,
    tidy,
)
from quantum_memory.memory.quantum.grid import AXES
from quantum_memory.types import Floats

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOTHING = "nothing was felt yet"
SMOOTHED_SHARE = 1.0 / 40.0
"""Standard deviation of the smoothing kernel as a share of all feelings; it spans two of them at least."""
TICK_SIZE = 9.0
SESSION_CHARS = 14
FEW = 60
"""Up to so many points each is drawn large, with its spread; more of them fade so that they do not hide the lines."""
MANY = 250
"""Beyond so many points their spreads are drawn as one band about the line."""


def time_figure(life: Life, title: str) -> Figure:
    """Feelings and moods in the order of time: a panel for each axis, sessions as bands.

    A memory's feeling is a point, with the standard deviation that its confidence implies; the line is their mean
    about each moment, and the grey band is the mood: its mean, and its spread to either side. Feelings are evenly
    spaced: conversations are minutes apart within and weeks apart between.
    """
    figure = new_figure(13.0, 8.6)
    panels = figure.subplots(3, 1, sharex=True, sharey=True)
    places = mood_places(life)
    for row, (axis, axes) in enumerate(zip(AXES, panels, strict=True)):
        if life.felt:
            _feelings(axes, life.felt, row)
        if life.moods:
            _mood_band(axes, places, life.moods, row)
        axes.axhline(0.0, color=PALE, linewidth=0.8, linestyle=":")
        axes.set_ylabel(f"{axis}, -1 to +1")
        tidy(axes)
    panels[0].set_ylim(*_limits(life))
    count = max(len(life.felt), 1)
    panels[0].set_xlim(-0.5 - 0.01 * count, count - 0.5 + 0.01 * count)
    _ticks(panels, life.felt)
    if not life.felt and not life.moods:
        panels[1].text(0.5, 0.7, NOTHING, transform=panels[1].transAxes, ha="center", fontsize=12, color=INK)
    set_key(figure, _time_key(life))
    set_title(figure, drawable(title, 110))
    return figure


def smoothed(values: Floats, weights: Floats, width: float) -> Floats:
    """(n,) means about each place of an even row, weighed by a Gaussian of this width and by (n,) weights.

    Nadaraya (1964) and Watson (1964); the kernel ends at four widths.
    """
    above = gaussian_filter1d(values * weights, width, mode="constant")
    return np.asarray(above / gaussian_filter1d(weights, width, mode="constant"), dtype=np.float64)


def mood_places(life: Life) -> list[float]:
    """Where the moods stand among the feelings: at the last one that had been felt by then."""
    times = [one.at.timestamp() for one in life.felt]
    found = np.searchsorted(times, [one.at.timestamp() for one in life.moods], side="right") - 1
    return [float(max(place, 0)) for place in found]


def _feelings(axes: Axes, felt: Sequence[FeltPoint], row: int) -> None:
    """The points of one axis with their spreads, and the line through them."""
    colour, where = COLOURS[AXES[row]], np.arange(len(felt))
    values = np.array([one.pad[row] for one in felt])
    spread = np.array([np.nan if one.spread is None else one.spread for one in felt])
    many = len(felt) > MANY
    faint = min(1.0, max(0.25, (FEW / len(felt)) ** 0.5))
    if not many:
        low, high = np.maximum(values - spread, -1.0), np.minimum(values + spread, 1.0)
        axes.vlines(where, low, high, color=colour, alpha=0.35 * faint, linewidth=1.0, label="spreads", zorder=2)
    size = 26.0 if len(felt) <= FEW else 8.0
    axes.scatter(where, values, s=size, color=colour, alpha=0.8 * faint, linewidth=0, label="feelings", zorder=3)
    if len(felt) == 1:
        return
    trust = np.array([one.confidence for one in felt])
    width = max(1.0, SMOOTHED_SHARE * len(felt))
    line = smoothed(values, trust, width)
    if many:
        known = np.where(np.isnan(spread), 0.0, spread)
        around = smoothed(known, trust, width)
        axes.fill_between(where, line - around, line + around, color=colour, alpha=0.15, linewidth=0, label="spreads")
    if len(felt) > FEW:  # a rim lifts the line from a cloud of points
        axes.plot(where, line, color="white", linewidth=4.0, zorder=5)
    axes.plot(where, line, color=colour, linewidth=2.2, label="smoothed", zorder=6 if len(felt) > FEW else 2)


def _mood_band(axes: Axes, where: Sequence[float], moods: Sequence[MoodPoint], row: int) -> None:
    """The mean of the mood, and its spread to either side; of several moods at one place the last."""
    last = dict(zip(where, moods, strict=True))
    places = np.array(sorted(last))
    mean = np.array([last[place].mean[row] for place in places.tolist()])
    spread = np.array([last[place].spread[row] for place in places.tolist()])
    if len(places) == 1:  # a band needs a width
        places, mean, spread = (
            np.array([places[0] - 0.25, places[0] + 0.25]),
            *(np.repeat(one, 2) for one in (mean, spread)),
        )
    axes.fill_between(
        places, mean - spread, mean + spread, color=PALE, alpha=0.22, linewidth=0, label="mood ± spread", zorder=1
    )
    thin = 1.0 if len(places) > MANY else 1.5
    axes.plot(places, mean, color=INK, linewidth=thin, linestyle=(0, (5, 2)), label="mood", zorder=7)


def _limits(life: Life) -> tuple[float, float]:
    """What holds every point, every mood's band, and the spreads where there are few; all there is for none."""
    if not life.felt and not life.moods:
        return -1.0, 1.0
    ends = [-0.1, 0.1]
    reaches = [(one.spread or 0.0) if len(life.felt) <= FEW else 0.0 for one in life.felt]
    for one, reach in zip(life.felt, reaches, strict=True):
        ends += [min(max(value + sign * reach, -1.0), 1.0) for value in one.pad for sign in (-1, 1)]
    for mood in life.moods:
        ends += [mean + sign * spread for mean, spread in zip(mood.mean, mood.spread, strict=True) for sign in (-1, 1)]
    return max(min(ends) - 0.06, -OUTSIDE), min(max(ends) + 0.06, OUTSIDE)


def _ticks(panels: Sequence[Axes], felt: Sequence[FeltPoint]) -> None:
    """Sessions as bands with their names and days below, as many as have room; days alone where there are none."""
    bottom = panels[-1]
    sessions = sessions_of([MoodPoint(one.at, one.pad, one.pad, session=one.session) for one in felt])
    for axes in panels:
        for _, first, last in sessions[::2]:
            axes.axvspan(first - 0.5, last + 0.5, color=BAND, linewidth=0, zorder=0)
    if sessions:
        where = [(first + last) / 2 for _, first, last in sessions]
        labels = [f"{drawable(name, SESSION_CHARS)}\n{_day(felt[first])}" for name, first, _ in sessions]
    else:
        step = max(1, len(felt) // 12)
        where = [float(number) for number in range(0, len(felt), step)]
        labels = [_day(felt[number]) for number in range(0, len(felt), step)]
        kept = [number for number, label in enumerate(labels) if not number or label != labels[number - 1]]
        where, labels = [where[number] for number in kept], [labels[number] for number in kept]
    shown = apart(where, labels, 12.0, 1.02 * max(len(felt), 1), TICK_SIZE)
    bottom.set_xticks([where[one] for one in shown], [labels[one] for one in shown], fontsize=TICK_SIZE)
    counted = f"{len(felt):,} memories, one after the other"
    bottom.set_xlabel("no memories" if not felt else "one memory" if len(felt) == 1 else counted)


def _day(one: FeltPoint) -> str:
    return f"{one.at.day} {one.at:%b}\n{one.at:%Y}"


def _time_key(life: Life) -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    dot = Line2D([], [], marker="o", linestyle="", color=COLOURS[AXES[0]], markersize=4, label="a memory's feeling")
    many = len(life.felt) > MANY
    told = "their spreads, in the mean" if many else "± the spread that its confidence implies"
    spread = Patch(facecolor=COLOURS[AXES[0]], alpha=0.3) if many else Line2D([], [], color=COLOURS[AXES[0]], alpha=0.5)
    spread.set_label(told)
    line = Line2D([], [], color=COLOURS[AXES[0]], linewidth=2.2, label="their mean about each moment")
    mood = Line2D([], [], color=INK, linewidth=1.5, linestyle="--", label="mean of the mood")
    band = Patch(facecolor=PALE, alpha=0.3, label="± its spread")
    felt = [dot, spread, line] if len(life.felt) > 1 else [dot, spread]
    return [*(felt if life.felt else []), *([mood, band] if life.moods else [])]
