"""How every picture looks: its colours, its frame, its title, and the panel of a probability density.

Owns the style that pictures of states and of agents share. matplotlib comes with the first figure; no window is opened
and pyplot, which keeps global state, is never loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quantum_memory.types import Floats

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#c1432e", "#2f7f79", "#4b5aa3")
"""Of pleasure, arousal and dominance; told apart by the colour-blind too, and never the only sign."""
INK, PALE, BAND, RULE = "#2b2b2b", "#8a8a8a", "#f3f1ec", "#e4e2dc"
DPI = 130
OUTSIDE = 1.1
"""Where a picture ends at the latest: no feeling is beyond 1."""
TICKS = (-1.0, -0.5, 0.0, 0.5, 1.0)


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches outside of pyplot: nothing to close, no display, safe in threads."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    # The padding, in inches, keeps the outermost ticks of neighbouring panels apart.
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.06), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def set_title(figure: Figure, title: str) -> None:
    """The title on the left, if there is one."""
    if title:
        figure.suptitle(title, x=0.02, ha="left", fontsize=15, color=INK)


def tidy(axes: Axes) -> None:
    """No box: two pale spines, small ticks, and rules across."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(PALE)
    soften(axes)
    axes.grid(axis="y", color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)


def soften(axes: Axes) -> None:
    """Ticks and labels in ink, small."""
    axes.tick_params(colors=INK, labelsize=9)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_color(INK)


def set_key(figure: Figure, signs: Sequence[Artist]) -> None:
    """What signs mean that all panels share, in one row below them."""
    figure.legend(
        handles=signs, loc="outside lower center", ncols=len(signs), frameon=False, fontsize=9, labelcolor=INK
    )


def density_panels(figure: Figure, count: int) -> Sequence[Axes]:
    """So many panels side by side on one scale, for ``density_panel``, with the key of its signs below."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    panels: Sequence[Axes] = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    panels[0].set_ylabel("probability density")
    spread = Patch(facecolor=PALE, alpha=0.2, label="one standard deviation to either side")
    set_key(figure, [Line2D([], [], color=INK, linewidth=1.2, label="mean"), spread])
    return panels


def density_panel(
    axes: Axes, name: str, colour: str, points: Floats, density: Floats, moments: tuple[float, float]
) -> None:
    """The density of one axis over [-1, 1], with its mean and its standard deviation.

    Args:
        axes: where to draw.
        name: of the axis.
        colour: of the curve.
        points: (n,) rising.
        density: (n,) per unit of the axis.
        moments: the mean and the standard deviation.
    """
    mean, spread = moments
    axes.fill_between(points, density, color=colour, alpha=0.22, linewidth=0)
    axes.plot(points, density, color=colour, linewidth=2.0)
    axes.axvspan(mean - spread, mean + spread, color=colour, alpha=0.08, linewidth=0)
    axes.axvline(mean, color=INK, linewidth=1.2)
    axes.axvline(0.0, color=PALE, linewidth=0.8, linestyle=":")
    axes.set_xlim(-1.0, 1.0)
    axes.set_xticks(TICKS)
    axes.set_xlabel(f"{name}, -1 to +1")
    axes.set_title(f"{name}  {mean:+.2f} ± {spread:.2f}", fontsize=12, color=INK)
    axes.set_ylim(0.0, max(axes.get_ylim()[1], 1.06 * float(density.max())))
    tidy(axes)
