"""Pictures of states: decoded from their bytes, they have their size, their colours, and light where the mean is."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch, ZeroMass
from quantum_memory.memory.quantum import AXES, Grid, Packet, QuantumState, picture_data, pictures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

imread = pytest.importorskip("matplotlib.image").imread
GRID = Grid((6, 5, 5))
MEAN = (0.5, -0.4, 0.2)


def state(mean: tuple[float, float, float] = MEAN, grid: Grid = GRID) -> QuantumState:
    return QuantumState.from_packet(grid, Packet(mean, (0.1, 0.1, 0.15)), dtype=np.complex128)


def mixed() -> QuantumState:
    packets = [Packet(MEAN, (0.1,) * 3), Packet((-0.6, 0.5, -0.3), (0.1,) * 3)]
    return QuantumState.from_packets(GRID, packets, [1.0, 1.0], dtype=np.complex128).compress()[0]


def pixels(data: bytes) -> NDArray[Any]:
    found: NDArray[Any] = imread(io.BytesIO(data), format="png")[..., :3]
    return found


def colour_of(code: str) -> NDArray[Any]:
    return np.array([int(code[at : at + 2], 16) / 255 for at in (1, 3, 5)])


def share_of(image: NDArray[Any], code: str) -> float:
    return float((np.abs(image - colour_of(code)).max(axis=-1) < 0.02).mean())


DRAWN: list[tuple[Callable[..., bytes], Any, tuple[float, float]]] = [
    (pictures.heat_maps, state(), (13.8, 5.1)),
    (pictures.densities, state(), (12.0, 4.4)),
    (pictures.profiles, mixed(), (11.0, 6.4)),
    (pictures.trajectory, [state((x, -x, 0.3)) for x in (-0.4, 0.0, 0.5)], (11.0, 7.8)),
]


@pytest.mark.parametrize(("draw", "shown", "inches"), DRAWN)
def test_a_picture_is_png_of_its_size_and_is_written_where_asked(
    draw: Callable[..., bytes], shown: Any, inches: tuple[float, float], tmp_path: Path
) -> None:
    path = tmp_path / "drawn.png"
    data = draw(shown, path, title="a mood", dpi=50)
    assert data.startswith(b"\x89PNG")
    assert path.read_bytes() == data
    image = pixels(data)
    assert image.shape[:2] == (round(inches[1] * 50), round(inches[0] * 50))
    assert image.std() > 0.05, "not blank"


@pytest.mark.parametrize("mean", [MEAN, (-0.7, 0.6, -0.5)])
def test_the_dark_spot_of_a_heat_map_lies_where_the_mean_is(mean: tuple[float, float, float]) -> None:
    figure = pictures._heat_maps(state(mean), "")
    image = pixels(pictures._png(figure, None, 100))
    figure.set_dpi(100)
    for axes, (axis, other) in zip(figure.axes, pictures.PAIRS, strict=False):
        x, y = axes.transData.transform((mean[axis], mean[other]))
        left, low, right, high = (round(end) for end in axes.get_window_extent().extents)
        height = len(image)
        inside = image[height - high : height - low, left:right]
        # Blue alone counts: neither the grey contours nor the orange cross on the mean.
        dark = (1.0 - inside[..., 0]) * (inside[..., 2] > inside[..., 0] + 0.2)
        rows, columns = np.nonzero(dark > 0.9 * dark.max())
        assert rows.size > 20
        assert left + columns.mean() == pytest.approx(x, abs=0.04 * (right - left))
        assert high - rows.mean() == pytest.approx(y, abs=0.04 * (high - low))


def test_heat_maps_share_one_scale_and_say_what_their_signs_mean() -> None:
    figure = pictures._heat_maps(mixed(), "two feelings")
    *maps, bar = figure.axes
    assert len(maps) == 3
    tops = {axes.images[0].get_clim() for axes in maps}
    drawn = max(float(np.asarray(axes.images[0].get_array()).max()) for axes in maps)
    assert tops == {(0.0, drawn)}
    assert bar.get_ylabel() == "probability density"
    (key,) = figure.legends
    assert [text.get_text() for text in key.get_texts()] == ["holds 50%", "holds 90%", "mean"]


def test_a_heat_map_grows_darker_with_the_density_also_without_colour() -> None:
    """Luminance by the weights of ITU-R BT.709: it falls all along the scale, and begins near white."""
    import matplotlib as mpl

    scale = mpl.colormaps[pictures.MAP_COLOURS](np.linspace(0.0, 1.0, 64))[:, :3]
    light = scale @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(light) < 0.0).all()
    assert light[0] > 0.95
    assert light[-1] < 0.25


def test_a_state_of_another_array_module_is_drawn_the_same(every_xp: Any) -> None:
    here = mixed()
    assert pictures.heat_maps(here.on(every_xp), dpi=40) == pictures.heat_maps(here, dpi=40)
    assert pictures.trajectory([here.on(every_xp)], dpi=40) == pictures.trajectory([here], dpi=40)


def test_heat_maps_are_densities_with_their_mean_and_their_contours() -> None:
    shown = mixed()
    figure = pictures._heat_maps(shown, "two feelings")
    mean = shown.mean()
    for axes, (axis, other) in zip(figure.axes, pictures.PAIRS, strict=False):
        drawn = np.asarray(axes.images[0].get_array())
        size = GRID.shape[other], GRID.shape[axis]
        assert drawn.shape == size
        assert drawn.sum() * 4 / (size[0] * size[1]) == pytest.approx(1.0, abs=1e-9)
        (cross,) = [line for line in axes.lines if line.get_marker() == "+"]
        assert np.ravel(np.asarray(cross.get_xydata())) == pytest.approx([mean[axis], mean[other]], abs=1e-9)
        assert axes.get_xlabel() == f"{AXES[axis]}, -1 to +1"
        assert axes.get_ylabel() == f"{AXES[other]}, -1 to +1"
        assert len(axes.collections) == 2


def test_contours_hold_the_share_they_name() -> None:
    table = state(grid=Grid()).marginal_pair(0, 1)
    for share in pictures.LEVELS:
        assert table[table >= picture_data.level(table, share)].sum() == pytest.approx(share, abs=2e-3)
    small = picture_data._coarse(table)
    assert small.shape == (256, 256)
    assert small[3, 5] == pytest.approx(table[12:16, 10:12].sum())


def test_plain_tables_draw_the_same_as_the_state() -> None:
    shown = mixed()
    tables = {pair: shown.marginal_pair(*pair) for pair in pictures.PAIRS}
    assert pictures.heat_maps(tables, dpi=40) == pictures.heat_maps(shown, dpi=40)
    rows = [shown.marginal(axis) for axis in range(3)]
    assert pictures.densities(rows, dpi=40) == pictures.densities(shown, dpi=40)
    profile = shown.grid, shown.bonds, shown.entropies()
    assert pictures.profiles(profile, dpi=40) == pictures.profiles(shown, dpi=40)
    states = [state((x, 0.1, 0.2)) for x in (0.0, 0.1)]
    moments = np.array([one.mean() for one in states]), np.array([one.spread() for one in states])
    assert pictures.trajectory(moments, dpi=40) == pictures.trajectory(states, dpi=40)
    one_map = {(0, 2): tables[0, 2]}
    assert pixels(pictures.heat_maps(one_map, dpi=40)).shape[1] == 5.2 * 40


def test_densities_hold_one_and_say_their_moments() -> None:
    shown = mixed()
    figure = pictures._densities(shown, "")
    for axis, axes in enumerate(figure.axes):
        curve = np.asarray(axes.lines[0].get_xydata())
        np.testing.assert_allclose(curve[:, 0], GRID.points(axis), atol=1e-12)
        assert curve[:, 1].sum() * 2 / len(curve) == pytest.approx(1.0, abs=1e-9)
        assert axes.get_title() == f"{AXES[axis]}  {shown.mean()[axis]:+.2f} ± {shown.spread()[axis]:.2f}"


def test_profiles_show_every_cut_and_the_borders_of_the_axes() -> None:
    shown = mixed()
    bonds, entropies = pictures._profiles(shown, "").axes
    assert all(float(tick).is_integer() for tick in bonds.get_yticks()), "a bond is a whole number"
    for axes, want in ((bonds, shown.bonds), (entropies, shown.entropies())):
        (curve,) = [line for line in axes.lines if line.get_marker() == "o"]
        assert np.asarray(curve.get_xydata())[:, 0].tolist() == list(range(1, 16))
        np.testing.assert_allclose(np.asarray(curve.get_xydata())[:, 1], want)
        borders = [np.asarray(line.get_xdata())[0] for line in axes.lines if line.get_linestyle() == "--"]
        assert borders == [6, 11]
    assert [text.get_text() for text in bonds.texts] == list(AXES)


def test_the_bands_of_a_trajectory_reach_one_spread_to_either_side() -> None:
    rng = np.random.default_rng(0)
    means, spreads = rng.uniform(-0.8, 0.8, (12, 3)), rng.uniform(0.05, 0.3, (12, 3))
    times = np.cumsum(rng.uniform(0.1, 2.0, 12))
    figure = pictures._trajectory((means, spreads), times, "hours", "")
    for row, axes in enumerate(figure.axes):
        (curve,) = [line for line in axes.lines if line.get_marker() == "o"]
        np.testing.assert_allclose(np.asarray(curve.get_xydata()), np.stack([times, means[:, row]], axis=1))
        (band,) = [one for one in axes.collections if one.get_label() == "± spread"]
        corners = np.asarray(band.get_paths()[0].vertices)
        for at, mean, spread in zip(times, means[:, row], spreads[:, row], strict=True):
            heights = corners[corners[:, 0] == at, 1]
            assert (heights.min(), heights.max()) == pytest.approx((mean - spread, mean + spread))
    assert figure.axes[-1].get_xlabel() == "time, hours"


def test_each_axis_has_its_colour_on_the_picture() -> None:
    image = pixels(pictures.trajectory([state((x, -x, 0.3)) for x in (-0.4, 0.0, 0.5)]))
    thirds = np.array_split(image, 3)
    for row, code in enumerate(pictures.COLOURS):
        shares = [share_of(third, code) for third in thirds]
        assert int(np.argmax(shares)) == row
        assert shares[row] > 1e-3


def written(figure: Figure) -> list[Text]:
    """Every text that is drawn; ticks outside of the view are not."""
    figure.draw_without_rendering()
    found = [*figure.texts, *(text for key in figure.legends for text in key.get_texts())]
    for axes in figure.axes:
        found += [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts, *ticks(axes)]
        legend = axes.get_legend()
        found += [] if legend is None else legend.get_texts()
    return [one for one in found if one.get_text().strip()]


def ticks(axes: Axes) -> list[Text]:
    found = []
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if low <= tick.get_loc() <= high:
                found += [label for label in (tick.label1, tick.label2) if label.get_visible()]
    return found


@pytest.mark.parametrize("grid", [Grid((2, 2, 2)), GRID, Grid()])
def test_no_text_covers_another(grid: Grid) -> None:
    shown = QuantumState.from_packet(grid, Packet((0.99, -0.99, 0.0), (0.5,) * 3))
    for figure in (
        pictures._heat_maps(shown, "a mood with a name"),
        pictures._densities(shown, "a mood with a name"),
        pictures._profiles(shown, "a mood with a name"),
        pictures._trajectory([shown, shown], None, "steps", "a mood with a name"),
    ):
        boxes = [(one.get_text(), one.get_window_extent()) for one in written(figure)]
        covered = [
            (left, right)
            for index, (left, a) in enumerate(boxes)
            for right, b in boxes[index + 1 :]
            if a.x0 < b.x1 - 1 and b.x0 < a.x1 - 1 and a.y0 < b.y1 - 1 and b.y0 < a.y1 - 1
        ]
        assert covered == []


def test_the_engine_imports_without_matplotlib() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import quantum_memory.memory.quantum, quantum_memory.memory.quantum.pictures as p\n"
        "assert not [name for name in sys.modules if name.startswith('matplotlib.')]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_drawing_leaves_pyplot_alone() -> None:
    code = (
        "import sys, numpy as np\n"
        "from quantum_memory.memory.quantum import pictures\n"
        "pictures.densities([np.ones(4)] * 3)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_weights_whose_sum_no_number_holds_are_drawn_like_any_other() -> None:
    table = np.arange(16.0).reshape(4, 4)
    huge = pictures.heat_maps({(0, 1): 1e307 * table})
    assert np.array_equal(pixels(huge), pixels(pictures.heat_maps({(0, 1): table})))


def test_what_cannot_be_drawn_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    path, flat = tmp_path / "never.png", np.ones((4, 4))
    means = np.zeros((3, 3))
    zero = QuantumState(GRID, tuple(np.zeros_like(core) for core in state().cores))
    calls: list[tuple[type[QuantumMemoryError], Callable[[], object]]] = [
        (InvalidValue, lambda: pictures.heat_maps({}, path)),
        (InvalidValue, lambda: pictures.heat_maps({(1, 0): flat}, path)),
        (ShapeMismatch, lambda: pictures.heat_maps({(0, 1): np.ones(4)}, path)),
        (ShapeMismatch, lambda: pictures.heat_maps({(0, 1): np.ones((1, 4))}, path)),
        (NotFinite, lambda: pictures.heat_maps({(0, 1): flat * math.nan}, path)),
        (OutOfRange, lambda: pictures.heat_maps({(0, 1): -flat}, path)),
        (ZeroMass, lambda: pictures.heat_maps({(0, 1): 0 * flat}, path)),
        (OutOfRange, lambda: pictures.heat_maps(zero, path)),
        (OutOfRange, lambda: pictures.heat_maps({(0, 1): flat}, path, dpi=5)),
        (ShapeMismatch, lambda: pictures.densities([np.ones(4)] * 2, path)),
        (ShapeMismatch, lambda: pictures.densities([flat] * 3, path)),
        (ShapeMismatch, lambda: pictures.profiles((GRID, [1, 2], [0.0, 1.0]), path)),
        (InvalidValue, lambda: pictures.trajectory([], path)),
        (InvalidValue, lambda: pictures.trajectory([state(), means], path)),  # type: ignore[list-item]
        (ShapeMismatch, lambda: pictures.trajectory((np.zeros((3, 2)), means), path)),
        (ShapeMismatch, lambda: pictures.trajectory((means, np.zeros((2, 3))), path)),
        (OutOfRange, lambda: pictures.trajectory((means, means - 1), path)),
        (OutOfRange, lambda: pictures.trajectory((means + 1.5, means), path)),
        (ShapeMismatch, lambda: pictures.trajectory((means, means), path, times=[0, 1])),
        (InvalidValue, lambda: pictures.trajectory((means, means), path, times=[0, 2, 1])),
        (InvalidValue, lambda: pictures.trajectory((means, means), path, times=["a"] * 3)),  # type: ignore[list-item]
    ]
    for error, call in calls:
        with pytest.raises(error):
            call()
    assert not path.exists()
