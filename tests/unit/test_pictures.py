"""Pictures hold what they are said to hold: every value, session, name and unit, none over another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.cluster import pictures
from quantum_memory.cluster.pictures import MoodPoint
from quantum_memory.errors import InvalidValue
from quantum_memory.types import PAD, Mood, Vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

imread = pytest.importorskip("matplotlib.image").imread
START = datetime(2025, 1, 11, 18, tzinfo=UTC)
FEW = settings(max_examples=30, deadline=None)


def story(sessions: int = 15, turns: int = 18) -> list[MoodPoint]:
    rng = np.random.default_rng(7)
    values = rng.uniform(-0.5, 0.5, (sessions, turns, 3))
    return [
        MoodPoint(
            START + timedelta(days=24 * session, minutes=turn),
            tuple(values[session, turn].tolist()),
            (0.2, 0.1, 0.3),
            emotion="discouragement 12%" if session % 2 else "hope 9%",
            session=f"s{session:02}",
        )
        for session in range(sessions)
        for turn in range(turns)
    ]


def line(axes: Axes, label: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    (found,) = [one for one in axes.lines if one.get_label() == label]
    return np.asarray(found.get_xydata(), dtype=np.float64)


def written(figure: Figure) -> list[Text]:
    """Every text that is drawn; ticks outside of the view are not."""
    figure.draw_without_rendering()
    found = [*figure.texts, *(text for key in figure.legends for text in key.get_texts())]
    for axes in figure.axes:
        found += [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
        legend = axes.get_legend()
        found += [] if legend is None else legend.get_texts()
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            found += [
                tick.label1
                for tick in axis.get_major_ticks()
                if low <= tick.get_loc() <= high and tick.label1.get_visible()
            ]
    return [one for one in found if one.get_text().strip()]


def texts(figure: Figure) -> list[str]:
    return [one.get_text() for one in written(figure)]


def bell(mean: float, spread: float, n: int) -> tuple[Vector, Vector]:
    points = np.linspace(-1, 1, n)
    weights = np.exp(-((points - mean) ** 2) / (2 * spread**2))
    return points.astype(np.float32), (weights / weights.sum()).astype(np.float32)


def test_the_curves_are_the_moods() -> None:
    points = story()
    figure = pictures.mood_figure(points, "a year")
    for row, (axis, axes) in enumerate(zip(pictures.AXES, figure.axes, strict=True)):
        drawn = line(axes, f"mean {axis}")
        np.testing.assert_array_equal(drawn[:, 0], np.arange(len(points)))
        np.testing.assert_array_equal(drawn[:, 1], [one.mean[row] for one in points])
        assert axes.get_ylabel() == f"{axis}, -1 to +1"


def test_the_bands_reach_one_spread_to_either_side_and_fit_the_picture() -> None:
    points = story(2, 3)
    figure = pictures.mood_figure(points, "a year")
    for row, axes in enumerate(figure.axes):
        (band,) = [one for one in axes.collections if one.get_label() == "± spread"]
        corners = band.get_paths()[0].vertices
        for index, one in enumerate(points):
            heights = np.asarray(corners)[np.asarray(corners)[:, 0] == index, 1]
            assert heights.min() == pytest.approx(one.mean[row] - one.spread[row])
            assert heights.max() == pytest.approx(one.mean[row] + one.spread[row])
            low, high = axes.get_ylim()
            assert low < heights.min()
            assert heights.max() < high


def test_every_session_is_named_and_dated_with_its_emotion_above() -> None:
    points = story()
    told = texts(pictures.mood_figure(points, "a year"))
    for number in range(15):
        at = START + timedelta(days=24 * number)
        assert f"s{number:02}\n{at.day} {at:%b}\n{at:%Y}" in told
    assert told.count("hope 9%") == 8
    assert told.count("discouragement 12%") == 7
    assert "a year" in told


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts that are drawn over each other."""
    boxes = [(one.get_text(), one.get_window_extent()) for one in written(figure)]
    return [
        (left, right)
        for index, (left, box) in enumerate(boxes)
        for right, other in boxes[index + 1 :]
        if box.x0 < other.x1 - 1 and other.x0 < box.x1 - 1 and box.y0 < other.y1 - 1 and other.y0 < box.y1 - 1
    ]


@pytest.mark.parametrize("sessions", [1, 15, 60])
def test_no_text_of_the_mood_picture_covers_another(sessions: int) -> None:
    assert overlaps(pictures.mood_figure(story(sessions), "a year")) == []


def test_no_text_of_the_other_pictures_covers_another() -> None:
    marginals = {axis: bell(0.1, 0.2, 512) for axis in pictures.AXES}
    assert overlaps(pictures.marginals_figure(marginals, "after the quarrel")) == []
    points = story(3)
    futures = {"as it was": points[18:36], "what if": points[36:]}
    assert overlaps(pictures.futures_figure(futures, points[:18], "two futures")) == []


def test_many_sessions_share_labels() -> None:
    figure = pictures.mood_figure(story(60, 5), "a long life")
    assert 10 <= len(figure.axes[-1].get_xticks()) <= 20


def test_marginals_are_drawn_as_densities_with_their_moments() -> None:
    marginals = {"pleasure": bell(-0.3, 0.15, 1024), "arousal": bell(0.2, 0.1, 512), "dominance": bell(0, 0.2, 512)}
    figure = pictures.marginals_figure(marginals, "after the quarrel")
    for (name, (points, _)), axes, (mean, spread) in zip(
        marginals.items(), figure.axes, ((-0.3, 0.15), (0.2, 0.1), (0.0, 0.2)), strict=True
    ):
        curve = np.asarray(axes.lines[0].get_xydata())
        np.testing.assert_allclose(curve[:, 0], points)
        assert np.trapezoid(curve[:, 1], curve[:, 0]) == pytest.approx(1, abs=1e-3)
        assert curve[:, 1].max() == pytest.approx(1 / (spread * np.sqrt(2 * np.pi)), rel=0.01)
        assert axes.get_title() == f"{name}  {mean:+.2f} ± {spread:.2f}"
        assert axes.get_xlim() == (-1, 1)
    assert figure.axes[0].get_ylabel() == "probability density"


@FEW
@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=40))
def test_moments_agree_with_the_sums(weights: list[float]) -> None:
    points = np.linspace(-1, 1, len(weights)).astype(np.float32)
    mean, spread = pictures.moments(points, np.array(weights, dtype=np.float32))
    total = sum(weights)
    expected = sum(float(x) * w for x, w in zip(points, weights, strict=True)) / total
    variance = sum((float(x) - expected) ** 2 * w for x, w in zip(points, weights, strict=True)) / total
    assert mean == pytest.approx(expected, abs=1e-5)
    assert spread == pytest.approx(np.sqrt(variance), abs=1e-5)


def test_futures_begin_where_the_past_ends() -> None:
    points = story(3, 4)
    past, first, second = points[:4], points[4:8], points[8:]
    figure = pictures.futures_figure({"as it was": first, "what if": second}, past, "two futures")
    for row, axes in enumerate(figure.axes):
        np.testing.assert_array_equal(line(axes, "what was before")[:, 0], [-3, -2, -1, 0])
        for name, future in (("as it was", first), ("what if", second)):
            drawn = line(axes, name)
            np.testing.assert_array_equal(drawn[:, 0], [0, 1, 2, 3, 4])
            assert drawn[:, 1].tolist() == [past[-1].mean[row], *(one.mean[row] for one in future)]


def test_sessions_are_runs() -> None:
    points = [MoodPoint(START, (0, 0, 0), (0, 0, 0), session=name) for name in ("a", "a", "", "b", "a")]
    assert pictures.sessions_of(points) == [("a", 0, 1), ("b", 3, 3), ("a", 4, 4)]


def test_a_point_takes_its_name_from_the_likeliest_emotion_beside_neutral() -> None:
    mood = Mood(PAD(0.1, 0.2, 0.3), (0.4, 0.5, 0.6), (("neutral", 0.4), ("hope", 0.123)), 0, 1, 1, 1, START)
    drawn = pictures.point(mood, START, "s01")
    assert drawn == MoodPoint(START, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), "hope 12%", "s01")


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(InvalidValue, match="at least one mood"):
        pictures.mood_figure([], "none")
    with pytest.raises(InvalidValue, match="at least one future"):
        pictures.futures_figure({}, story(1), "none")
    with pytest.raises(InvalidValue, match="two points"):
        pictures.marginals_figure({"pleasure": (np.ones(1, dtype=np.float32), np.ones(1, dtype=np.float32))}, "none")


def test_a_picture_is_written_as_png_with_something_in_it(tmp_path: Path) -> None:
    path = pictures.save(pictures.mood_figure(story(3), "a year"), tmp_path / "moods.png")
    pixels = imread(path)
    assert pixels.shape[1] == 13 * pictures.DPI
    for colour in pictures.COLOURS.values():
        wanted = np.array([int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)])
        assert (np.abs(pixels[..., :3] - wanted).max(axis=-1) < 0.02).sum() > 500
