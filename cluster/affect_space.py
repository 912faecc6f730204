"""The PAD space as a picture: an agent's path through the cube among the named emotions, with its shadows on the walls.

Draws plain values of ``affect_readings``. Knows no agent, opens no window and keeps no global state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from quantum_memory.cluster.affect_labels import Mark, drawable, name_marks
from quantum_memory.cluster.affect_readings import Life
from quantum_memory.memory.affect.emotions import EMOTIONS
from quantum_memory.memory.quantum.drawing import INK, PALE, RULE, new_figure, set_title
from quantum_memory.memory.quantum.grid import AXES
from quantum_memory.types import PAD, Floats

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

VIEW = (22.0, -58.0)
"""Elevation and azimuth in degrees, from where pleasure runs to the right, arousal into the picture, dominance up."""
WALLS = ((0, -1.0), (1, 1.0), (2, -1.0))
"""The walls behind the path as it is seen from there: which axis, and at which end of it."""
STEPS = (0.02, 0.04, 0.1, 0.2, 0.4)
"""Half the edge of that cube; its centre is at a multiple of half of that, so that ticks are round."""
EARLY, LATE = "#c9b458", "#2d2f6b"
"""Of the path, from its beginning to its end: by lightness too, so that the colour-blind see it."""
POINT = "#2f7f79"
FEW = 200
"""More moods are smoothed to a path that can be followed; more feelings fade."""
NAME_SIZE = 8.5


class Cube(NamedTuple):
    """What of the space is drawn: its centre (3,), and half the length of its edge."""

    centre: Floats
    half: float

    def holds(self, points: Floats) -> Any:
        """(n,) whether each of (n, 3) points lies in it."""
        return (np.abs(points - self.centre) <= self.half + 1e-9).all(axis=1)


WHOLE = Cube(np.zeros(3), 1.0)


def space_figure(life: Life, title: str, landmarks: Mapping[str, PAD] = EMOTIONS) -> Figure:
    """The mood's path through the PAD space, memories' feelings as points, named emotions as landmarks.

    The path grows darker from its beginning to its end; its shadows lie on the three walls behind it. Of more than
    ``FEW`` moods it is smoothed. Where it stays in a small part of the cube, that is drawn beside it from near.
    """
    path = followed(np.array([one.mean for one in life.moods], dtype=np.float64).reshape(-1, 3))
    felt = np.array([one.pad for one in life.felt], dtype=np.float64).reshape(-1, 3)
    near = surroundings(path)
    figure = new_figure(10.4 if near is None else 17.6, 9.4)
    figure.set_layout_engine("none")  # it would leave wide margins about the cubes
    wide = 1.0 if near is None else 0.5
    panels: list[tuple[Any, Cube]] = [
        (figure.add_axes((-0.06 * wide, 0.05, 1.08 * wide, 0.92), projection="3d"), WHOLE)
    ]
    if near is not None:
        panels.append((figure.add_axes((0.48, 0.05, 0.54, 0.92), projection="3d"), near))
    for axes, cube in panels:
        _room(axes, cube)
        _shadows(axes, path, cube)
        _feelings(axes, felt[cube.holds(felt)])
        _path(axes, path)
    if not len(felt) and not len(path):
        panels[0][0].text2D(
            0.5, 0.97, "nothing was felt yet", transform=panels[0][0].transAxes, ha="center", fontsize=12
        )
    if near is not None:
        panels[1][0].text2D(0.5, 0.97, "the same from near", transform=panels[1][0].transAxes, ha="center", fontsize=12)
    figure.legend(handles=_key(life), loc="lower center", ncols=4, frameon=False, fontsize=9.5, labelcolor=INK)
    set_title(figure, drawable(title, 90))
    names, places = list(landmarks), np.array([np.asarray(pad) for pad in landmarks.values()]).reshape(-1, 3)
    for axes, cube in panels:
        inside = cube.holds(places)
        axes.scatter(*places[inside].T, s=16, marker="D", facecolor="white", edgecolor=INK, linewidth=0.9,
                     depthshade=False, zorder=6, label="landmarks")  # fmt: skip
        figure.draw_without_rendering()  # sets the view, so that names can stand where their marks will be
        _names(axes, [name for name, here in zip(names, inside, strict=True) if here], places[inside], path)
    return figure


def followed(path: Floats) -> Floats:
    """The path itself, or where it has more than ``FEW`` places, so many of it smoothed; both ends stay."""
    if len(path) <= FEW:
        return path
    smooth = gaussian_filter1d(path, len(path) / FEW, axis=0, mode="nearest")
    smooth[[0, -1]] = path[[0, -1]]
    return np.asarray(smooth[np.linspace(0, len(path) - 1, FEW).round().astype(int)], dtype=np.float64)


def surroundings(path: Floats) -> Cube | None:
    """A small cube about the path, inside of the whole; None for a path of less than two places or too large a one."""
    if len(path) < 2:
        return None
    low, high = path.min(0), path.max(0)
    reach = float((high - low).max()) / 2.0
    half = next((step for step in STEPS if 0.75 * step >= reach), None)  # the centre moves by a quarter of it at most
    if half is None:
        return None
    centre = np.round((low + high) / half) * half / 2.0
    return Cube(np.clip(centre, half - 1.0, 1.0 - half), half)


def _room(axes: Any, cube: Cube) -> None:
    """Pale walls, named axes, ticks in ink; the ends are told beside the names, where they cannot meet."""
    axes.view_init(*VIEW)
    axes.set_proj_type("persp", focal_length=0.6)
    axes.set_box_aspect((1.0, 1.0, 1.0), zoom=1.02)
    axes.computed_zorder = False
    for name, axis, middle in zip(AXES, (axes.xaxis, axes.yaxis, axes.zaxis), cube.centre.tolist(), strict=True):
        low, high = middle - cube.half, middle + cube.half
        axis.set_pane_color((1.0, 1.0, 1.0, 1.0))
        axis._axinfo["grid"].update(color=RULE, linewidth=0.7)  # noqa: SLF001  (matplotlib has no other way)
        ticks = np.linspace(low, high, 5).tolist()
        axis.set_ticks(ticks, ["", *(_number(tick) for tick in ticks[1:-1]), ""])
        axis.set_label_text(f"{name}, {_number(low)} to {_number(high)}", color=INK, fontsize=11)
        axis.labelpad = 9.0 if name == AXES[2] else 5.0
        axis.set_tick_params(labelsize=8.5, labelcolor=INK, pad=5.0 if name == AXES[2] else 1.0)
        getattr(axes, f"set_{'xyz'[AXES.index(name)]}lim")(low, high)


def _number(value: float) -> str:
    return f"{value:+.3g}" if abs(value) > 1e-9 else "0"


def _shadows(axes: Any, path: Floats, cube: Cube) -> None:
    """The path on each wall behind it."""
    for axis, side in WALLS:
        flat = path.copy()
        flat[:, axis] = cube.centre[axis] + side * cube.half
        if len(path) > 1:
            axes.plot(*flat.T, color=PALE, linewidth=1.1, alpha=0.6, zorder=1, label=f"shadow on {AXES[axis]}")
        elif len(path):
            axes.scatter(*flat.T, s=18, color=PALE, alpha=0.7, linewidth=0, depthshade=False, zorder=1)


def _feelings(axes: Any, felt: Floats) -> None:
    if len(felt):
        alpha = min(0.55, max(0.12, (FEW / len(felt)) ** 0.5 * 0.55))
        axes.scatter(*felt.T, s=10, color=POINT, alpha=alpha, linewidth=0, depthshade=False, zorder=2, label="feelings")


def _path(axes: Any, path: Floats) -> None:
    """The way of the mood, from early to late, with its beginning and its end marked."""
    from matplotlib.colors import LinearSegmentedColormap
    from mpl_toolkits.mplot3d.art3d import Line3DCollection

    if not len(path):
        return
    if len(path) > 1:
        steps = np.stack([path[:-1], path[1:]], axis=1)
        time = LinearSegmentedColormap.from_list("time", (EARLY, LATE))(np.linspace(0.0, 1.0, len(steps)))
        axes.add_collection3d(Line3DCollection(steps, colors=time, linewidths=2.0, label="path", zorder=4))
        axes.scatter(*path[:1].T, s=60, marker="o", facecolor="white", edgecolor=EARLY, linewidth=2.0,
                     depthshade=False, zorder=5)  # fmt: skip
    axes.scatter(*path[-1:].T, s=70, marker="o", color=LATE, linewidth=0, depthshade=False, zorder=7, label="now")


def flat_of(axes: Any, points: Floats) -> Floats:
    """(n, 2): where points of the space are on the page, in the data of the axes."""
    from mpl_toolkits.mplot3d import proj3d

    across, up, _ = proj3d.proj_transform(*points.T, axes.get_proj())
    return np.column_stack([across, up])


def _names(axes: Any, names: Sequence[str], places: Floats, path: Floats) -> None:
    """Beginning, end and landmarks by name: the landmarks nearest to the path first, so that those have room."""
    from matplotlib.patheffects import withStroke
    from matplotlib.transforms import Bbox

    told = [(path[0], "first"), (path[-1], "now")] if len(path) > 1 else [(path[-1], "now")] if len(path) else []
    ends = flat_of(axes, np.array([place for place, _ in told]).reshape(-1, 3))
    flat = flat_of(axes, places)
    towards = path if len(path) else np.zeros((1, 3))
    order = np.linalg.norm(places[:, None, :] - towards[None], axis=2).min(1).argsort(kind="stable")
    shown = axes.transData.transform(np.concatenate([flat, ends, flat_of(axes, path)]))
    dots = [Bbox.from_bounds(x - 4.0, y - 4.0, 8.0, 8.0) for x, y in shown.tolist()]
    marks = [Mark((x, y), name) for (x, y), (_, name) in zip(ends.tolist(), told, strict=True)]
    written = name_marks(axes, marks, dots[: len(names) + len(told)], 10.0, LATE)
    for label in written:
        label.set_fontweight("bold")
    marks = [Mark((float(flat[index, 0]), float(flat[index, 1])), names[index]) for index in order.tolist()]
    taken = [*dots, *(label.get_window_extent() for label in written)]
    for label in [*written, *name_marks(axes, marks, taken, NAME_SIZE, INK)]:
        label.set_path_effects([withStroke(linewidth=2.5, foreground="white")])


def _key(life: Life) -> list[Artist]:
    from matplotlib.lines import Line2D

    signs: list[Artist] = []
    if len(life.moods) > 1:
        smooth = " (smoothed)" if len(life.moods) > FEW else ""
        signs.append(Line2D([], [], color=LATE, linewidth=2.0, label=f"mean of the mood{smooth}, darker with time"))
        signs.append(Line2D([], [], color=PALE, linewidth=1.1, label="its shadow on each wall"))
    if life.felt:
        signs.append(Line2D([], [], marker="o", linestyle="", color=POINT, markersize=4, label="a memory's feeling"))
    named = Line2D([], [], marker="D", linestyle="", markerfacecolor="white", color=INK, markersize=4)
    named.set_label("named emotion")
    return [*signs, named]
