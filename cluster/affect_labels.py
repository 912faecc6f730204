"""Words in pictures: texts of users made fit to be drawn, and labels laid out so that none covers another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ft2font import FT2Font
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

MISSING = "□"
"""In place of a character that the font of the pictures does not have."""
MOST_CHARS = 60
WIDEST = 0.66
"""Width of a character as a share of the size of its font, on the safe side of what DejaVu Sans has on average."""
ROOM = 1.5
"""Points between two labels."""


def drawable(text: str, most: int = MOST_CHARS) -> str:
    """A text in one line of at most so many characters that draws as it reads.

    A dollar is no beginning of a formula, and what the font lacks becomes a box instead of a warning.
    """
    line = " ".join(text.split())
    line = line if len(line) <= most else line[: most - 1] + "…"
    known = "".join(char if _font().get_char_index(ord(char)) else MISSING for char in line)
    return known.replace("$", r"\$")


@cache
def _font() -> FT2Font:
    """The font that matplotlib writes with."""
    from matplotlib.font_manager import findfont, get_font

    return get_font(findfont("DejaVu Sans"))


def apart(where: Sequence[float], labels: Sequence[str], inches: float, span: float, size: float) -> list[int]:
    """Which labels have room on an axis, centred where they stand: the first, and each that is clear of those before.

    Args:
        where: their places on the axis, rising.
        labels: of one line or several.
        inches: the length of the axis.
        span: the same in the axis's units.
        size: of the font, in points.
    """
    chosen: list[int] = []
    end = -float("inf")
    for index, (middle, label) in enumerate(zip(where, labels, strict=True)):
        wide = max(len(line) for line in label.split("\n")) * size * WIDEST / 72.0
        half = 0.5 * (wide + 2.0 * ROOM / 72.0) * span / inches
        if middle - half >= end:
            chosen.append(index)
            end = middle + half
    return chosen


class Mark(NamedTuple):
    """Something to be named: its place in the picture's data, and its name."""

    where: tuple[float, float]
    name: str


def name_marks(axes: Axes, marks: Iterable[Mark], taken: Sequence[Bbox], size: float, colour: str) -> list[Annotation]:
    """Write names beside their marks, the first marks first; one that finds no room stays without its name.

    Args:
        axes: laid out already: it does not move any more.
        marks: what is to be named.
        taken: boxes, in pixels, that no name may cover.
        size: of the font, in points.
        colour: of the names.
    """
    boxes, written = list(taken), []
    frame = axes.get_window_extent()
    for mark in marks:
        for across, up, side, level in _SIDES:
            label = axes.annotate(
                mark.name, mark.where, (across * size, up * size), textcoords="offset points",
                fontsize=size, color=colour, ha=side, va=level, zorder=10,
            )  # fmt: skip
            box = label.get_window_extent()
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.padded(ROOM).overlaps(other) for other in boxes):
                boxes.append(box)
                written.append(label)
                break
            label.remove()
    return written


_SIDES = (
    (0.55, 0.0, "left", "center"),
    (-0.55, 0.0, "right", "center"),
    (0.0, 0.5, "center", "bottom"),
    (0.0, -0.5, "center", "top"),
    (0.4, 0.4, "left", "bottom"),
    (0.4, -0.4, "left", "top"),
    (-0.4, 0.4, "right", "bottom"),
    (-0.4, -0.4, "right", "top"),
)
"""Where a name may stand beside its mark: the way to it in sizes of the font, and which side of it is there."""
