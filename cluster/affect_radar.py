"""Radar of named emotions: how probable each name is in one mood or in several. Draws plain values; knows no agent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantum_memory.cluster.affect_labels import drawable
from quantum_memory.cluster.pictures import LANE_COLOURS
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.emotions import EMOTIONS
from quantum_memory.memory.quantum.drawing import INK, PALE, RULE, new_figure, set_key, set_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from quantum_memory.types import Floats

Chances = Mapping[str, float]
MOST_NAMES = 12
MOST_MOODS = 6
Line = Literal["-", "--", "-.", ":"]
LINES: tuple[Line, ...] = ("-", "--", "-.", ":")
MARKS = ("o", "s", "^", "D", "v", "P")
RIMS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Where a radar may end; rings are at quarters of it."""
PLAIN = "neutral"
FAINT = "#6b6b6b"


def radar_figure(moods: Mapping[str, Chances], title: str) -> Figure:
    """The probability of the likeliest names in each mood, on one circle.

    Names go round by the angle of their pleasure and arousal, as on the circumplex (Russell, 1980), so that neighbours
    are alike. "neutral" is told in words: nearly every mood is near it, and it would dwarf the rest.

    Args:
        moods: for each, by its name, the probability of every named emotion.
        title: of the picture.

    Raises: InvalidValue if there is no mood, or more than ``MOST_MOODS``.
    """
    if not 1 <= len(moods) <= MOST_MOODS:
        raise InvalidValue("moods", str(len(moods)), f"1 to {MOST_MOODS} moods")
    from matplotlib.lines import Line2D

    figure = new_figure(9.0, 8.6)
    axes = figure.add_subplot(projection="polar")
    names = radar_names(list(moods.values()))
    styles = [*islice(zip(LANE_COLOURS[1:] + LANE_COLOURS[:1], cycle(LINES), strict=False), len(moods))]
    told = [(drawable(name, 30), each) for name, each in moods.items()]
    radar_panel(axes, names, told, styles, rim(list(moods.values()), names))
    signs = [
        Line2D([], [], color=colour, linestyle=line, marker=mark, markersize=5, linewidth=2.0,
               label=f"{name}: neutral {each[PLAIN]:.0%}, others {_others(each, names):.0%}")
        for (name, each), (colour, line), mark in zip(told, styles, MARKS, strict=False)
    ]  # fmt: skip
    if len(signs) > 2:
        figure.legend(handles=signs, loc="outside lower center", ncols=2, frameon=False, fontsize=9, labelcolor=INK)
    else:
        set_key(figure, signs)
    set_title(figure, drawable(title, 80))
    return figure


def radar_names(moods: Sequence[Chances], most: int = MOST_NAMES) -> list[str]:
    """The names to be drawn: the likeliest in any of the moods beside neutral, in the order of the circumplex."""
    best = {name: max(each.get(name, 0.0) for each in moods) for name in EMOTIONS if name != PLAIN}
    likely = sorted(best, key=lambda name: -best[name])[:most]
    return sorted(
        likely, key=lambda name: math.atan2(EMOTIONS[name].arousal, EMOTIONS[name].pleasure) % (2.0 * math.pi)
    )


def rim(moods: Sequence[Chances], names: Sequence[str]) -> float:
    """Where a radar of these names ends: the next round number."""
    largest = max(each.get(name, 0.0) for each in moods for name in names)
    return next((end for end in RIMS if end >= largest), 1.0)


def radar_panel(
    axes: Axes,
    names: Sequence[str],
    moods: Sequence[tuple[str, Chances]],
    styles: Sequence[tuple[str, Line]],
    end: float,
) -> None:
    """One closed line for each mood, on the circle of the names, which ends at the probability ``end``."""
    angles = spokes(len(names))
    closed = np.append(angles, angles[:1])
    for (label, each), (colour, line), mark in zip(moods, styles, MARKS, strict=False):
        values = np.array([each.get(name, 0.0) for name in (*names, *names[:1])])
        axes.fill(closed, values, color=colour, alpha=0.12, linewidth=0)
        axes.plot(closed, values, line, color=colour, marker=mark, markersize=4, linewidth=2.0, label=label)
    axes.set_xticks(angles, names, fontsize=10, color=INK)
    for tick, angle in zip(axes.xaxis.get_major_ticks(), angles.tolist(), strict=False):
        across = math.cos(angle)
        tick.label1.set_horizontalalignment("center" if abs(across) < 0.2 else "left" if across > 0 else "right")
        tick.set_pad(4)
    rings = [0.25 * end, 0.5 * end, 0.75 * end, end]
    axes.set_ylim(0.0, end)
    axes.set_yticks(rings, [_share(ring) if number % 2 else "" for number, ring in enumerate(rings)], fontsize=8)
    axes.tick_params(axis="y", labelcolor=FAINT)
    axes.grid(color=RULE, linewidth=0.8)
    axes.spines["polar"].set_color(PALE)
    axes.set_axisbelow(True)
    _between_spokes(axes, angles)


def spokes(count: int) -> Floats:
    """(count,) angles of the names, from the right and against the clock, as angles are."""
    return np.linspace(0.0, 2.0 * math.pi, count, endpoint=False)


def _between_spokes(axes: Axes, angles: Floats) -> None:
    """The numbers of the rings between two spokes, where no name is."""
    axes.set_rlabel_position(math.degrees(float(angles[1]) / 2.0))  # type: ignore[attr-defined]  # of polar axes


def _others(each: Chances, names: Sequence[str]) -> float:
    return max(0.0, 1.0 - each[PLAIN] - sum(each.get(name, 0.0) for name in names))


def _share(value: float) -> str:
    return f"{100.0 * value:g} %"
