"""Pictures of feelings hold what they are said to hold: every point, path, name and share, and no name over another."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from quantum_memory.cluster.affect_branches import compare_figure, differences
from quantum_memory.cluster.affect_labels import MISSING, apart, drawable
from quantum_memory.cluster.affect_pictures import (
    FEW,
    MANY,
    NOTHING,
    mood_places,
    smoothed,
    time_figure,
)
from quantum_memory.cluster.affect_radar import MOST_NAMES, radar_figure, radar_names, rim
from quantum_memory.cluster.affect_readings import (
    Comparison,
    FeltPoint,
    Life,
    Side,
    chances,
    compared,
    implied_spread,
    life,
    parting,
    past_of,
    within_past,
)
from quantum_memory.cluster.affect_scenes import Wanted, drawn, figure_of
from quantum_memory.cluster.affect_space import FEW as FEW_MOODS
from quantum_memory.cluster.affect_space import flat_of, followed, space_figure, surroundings
from quantum_memory.cluster.cli import app
from quantum_memory.cluster.pictures import COLOURS, MoodPoint
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.emotions import EMOTIONS, nearest
from quantum_memory.memory.affect.feeling import LEAST_SPREAD, MOST_SPREAD, confidence
from quantum_memory.memory.quantum.grid import AXES
from quantum_memory.types import PAD, Branch, Place
from tests.unit.front import Front
from tests.unit.orchestra import ready
from tests.unit.test_pictures import line, overlaps, texts

imread = pytest.importorskip("matplotlib.image").imread
START = datetime(2025, 1, 11, 18, tzinfo=UTC)
QUICK = settings(max_examples=60, deadline=None)
SIZES = (0, 1, 40, MANY + 50)


def lived(count: int, seed: int = 0, *, sessions: bool = True, scale: float = 1.0) -> Life:
    """So many feelings, minutes apart, fifteen to a session, with a mood after each."""
    chance = np.random.default_rng(seed)
    pads = scale * chance.uniform(-0.9, 0.9, (count, 3))
    felt = tuple(
        FeltPoint(
            START + timedelta(days=20 * (number // 15), minutes=number),
            tuple(pad),
            float(chance.uniform(0.1, 0.99)),
            f"session {number // 15}" if sessions else "",
        )
        for number, pad in enumerate(pads.tolist())
    )
    means = (np.cumsum(pads, axis=0) / np.arange(1, count + 1)[:, None]).tolist()
    moods = tuple(MoodPoint(one.at, tuple(mean), (0.2, 0.15, 0.1)) for one, mean in zip(felt, means, strict=True))
    return Life(felt, moods, count)


def sure(pad: tuple[float, float, float]) -> dict[str, float]:
    return dict(nearest(PAD(*pad), len(EMOTIONS)))


def side(name: str, own: Life) -> Side:
    last = own.moods[-1] if own.moods else MoodPoint(START, (0.0, 0.0, 0.0), (0.2, 0.2, 0.2))
    return Side(name, own.moods, sure(last.mean), last)


def two(left: int, right: int, shared: int) -> Comparison:
    past = lived(shared, 3).moods
    return Comparison(
        side("main", lived(left, 1)), side("what if", lived(right, 2)), past, "main:7" if shared else "", 0.9
    )


def collected(axes: Any, label: str) -> Any:
    (found,) = [one for one in axes.collections if one.get_label() == label]
    return found


# What is read


@QUICK
@given(st.tuples(*[st.floats(-1, 1)] * 3), st.floats(0.01, 0.999))
def test_the_implied_spread_gives_the_confidence_back(pad: tuple[float, float, float], sure_of: float) -> None:
    assume(math.hypot(*pad) > 1e-3)
    spread = implied_spread(pad, sure_of)
    assert spread is not None
    assert LEAST_SPREAD <= spread <= MOST_SPREAD
    if LEAST_SPREAD < spread < MOST_SPREAD:
        assert confidence(PAD(*pad), (spread, spread, spread)) == pytest.approx(sure_of, abs=1e-9)


def test_what_tells_no_spread_has_none() -> None:
    assert implied_spread((0.5, 0.0, 0.0), 0.0) is None
    assert implied_spread((0.0, 0.0, 0.0), 0.7) is None
    assert implied_spread((0.5, 0.5, 0.5), 1.0) == LEAST_SPREAD


def branch(name: str, parent: str | None = None, fork_seq: int = 0) -> Branch:
    return Branch(name, "alice", name, "r", "fork" if parent else "root", parent, fork_seq, START)


def test_branches_part_at_the_last_event_that_both_have() -> None:
    rows = [branch("r"), branch("a", "r", 10), branch("b", "r", 4), branch("c", "a", 15), branch("s")]
    known = {one.id: one for one in rows}
    root, a, b, c, stranger = rows
    assert parting(known, root, a) == Place("r", 10)
    assert parting(known, a, root) == Place("r", 10)
    assert parting(known, a, b) == parting(known, b, c) == Place("r", 4)
    assert parting(known, c, a) == Place("a", 15)
    assert parting(known, c, root) == Place("r", 10)
    assert parting(known, a, stranger) is None
    past = past_of(known, a, 15)
    assert [within_past(past, place) for place in (Place("a", 15), Place("a", 16), Place("r", 10), Place("r", 11))] == [
        True,
        False,
        True,
        False,
    ]


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    one = Front(tmp_path)
    yield one
    one.close()


def test_a_life_is_the_memories_in_the_order_of_their_times_and_the_moods_meanwhile(front: Front) -> None:
    alice = front.agent()
    alice.remember([ready(number, at=START + timedelta(hours=9 - number), session="s") for number in range(4)])
    alice.remember(ready(5, at=START + timedelta(hours=20)))
    alice.remember(replace(ready(6, at=START + timedelta(hours=30)), confidence=0.0))
    seen = life(alice, 100)
    assert seen.memories == 6
    assert [one.at for one in seen.felt] == sorted(one.at for one in seen.felt)
    kept = {memory.at: memory for memory in alice.memories() if memory.confidence > 0.0}
    assert [(one.pad, one.session) for one in seen.felt] == [
        (tuple(np.asarray(kept[one.at].pad).tolist()), kept[one.at].session or "") for one in seen.felt
    ]
    history = [mood for _, mood in alice.mood_history() if mood.at is not None]
    assert [one.mean for one in seen.moods] == [tuple(np.asarray(mood.mean).tolist()) for mood in history]
    few = life(alice, 1)
    assert [one.at for one in few.felt] == [START + timedelta(hours=20)]
    assert few.memories == 6
    assert all(one.at >= few.felt[0].at for one in few.moods)


def test_the_shares_of_all_names_are_those_of_the_mood(front: Front) -> None:
    alice = front.agent()
    alice.remember([ready(number) for number in range(3)])
    found = chances(alice)
    assert set(found) == set(EMOTIONS)
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-6)
    for name, probability in alice.mood().emotions:
        assert found[name] == pytest.approx(probability, abs=1e-5)


def test_compared_branches_share_their_past_and_nothing_else(front: Front) -> None:
    alice = front.agent()
    for number in range(5):
        alice.remember(ready(number, at=START + timedelta(hours=number)))
    fork = alice.fork("what if")
    for number in (10, 11):
        fork.remember(ready(number, at=START + timedelta(hours=number)))
    alice.remember(ready(20, at=START + timedelta(hours=20)))
    both = compared(alice, fork)
    assert both.parted == f"main:{fork.info.fork_seq}"
    assert (both.left.name, both.right.name) == ("main", "what if")
    assert (len(both.left.moods), len(both.right.moods), len(both.shared)) == (1, 2, 5)
    assert both.left.mood.mean == tuple(np.asarray(alice.mood().mean).tolist())
    assert both.right.moods[-1].mean == tuple(np.asarray(fork.mood().mean).tolist())
    assert both.fidelity == pytest.approx(alice.diff(alice, fork).mood_fidelity, abs=1e-5)
    turned = compared(fork, alice)
    assert turned.shared == both.shared
    assert turned.left == both.right
    with pytest.raises(InvalidValue, match="another branch"):
        compared(alice, front.agent())


def test_agents_without_a_common_past_are_compared_all_the_same(front: Front) -> None:
    alice, bob = front.agent(), front.agent("bob")
    alice.remember(ready(1))
    both = compared(alice, bob)
    assert (both.left.name, both.right.name, both.parted, both.shared) == ("alice", "bob", "", ())
    assert compare_figure(both, "two agents").axes


# Over time


@pytest.mark.parametrize("count", SIZES)
def test_every_feeling_and_every_mood_is_in_its_panel(count: int) -> None:
    own = lived(count)
    figure = time_figure(own, "a life")
    assert len(figure.axes) == 3
    for row, (axis, axes) in enumerate(zip(AXES, figure.axes, strict=True)):
        assert axes.get_ylabel() == f"{axis}, -1 to +1"
        if not count:
            continue
        points = collected(axes, "feelings").get_offsets()
        np.testing.assert_allclose(points[:, 0], np.arange(count))
        np.testing.assert_allclose(points[:, 1], [one.pad[row] for one in own.felt])
        low, high = axes.get_ylim()
        assert low <= points[:, 1].min() <= points[:, 1].max() <= high
        mood = line(axes, "mood")
        if count > 1:
            np.testing.assert_allclose(mood[:, 1], [one.mean[row] for one in own.moods])
        band = collected(axes, "mood ± spread").get_paths()[0].vertices
        wanted = own.moods[-1].mean[row] + own.moods[-1].spread[row]
        assert band[band[:, 0] == mood[-1, 0], 1].max() == pytest.approx(wanted)
    assert (NOTHING in texts(figure)) == (count == 0)


def test_few_spreads_are_drawn_each_and_many_as_one_band() -> None:
    few, many = lived(FEW), lived(MANY + 1)
    bars = collected(time_figure(few, "few").axes[0], "spreads").get_segments()
    for one, bar in zip(few.felt, bars, strict=True):
        assert one.spread is not None
        ends = (max(one.pad[0] - one.spread, -1.0), min(one.pad[0] + one.spread, 1.0))
        np.testing.assert_allclose(bar[:, 1], ends)
    drawn_together = collected(time_figure(many, "many").axes[0], "spreads")
    assert len(drawn_together.get_paths()) == 1


@QUICK
@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(0.01, 1)), min_size=1, max_size=60),
    st.floats(1, 5),
)
def test_the_smoothed_line_is_the_weighed_mean_about_each_place(pairs: list[tuple[float, float]], width: float) -> None:
    values, weights = np.array(pairs).T
    found = smoothed(values, weights, width)
    reach = int(4.0 * width + 0.5)
    for place in range(len(values)):
        near = [other for other in range(len(values)) if abs(other - place) <= reach]
        kernel = [weights[other] * math.exp(-0.5 * ((other - place) / width) ** 2) for other in near]
        mean = sum(k * values[other] for k, other in zip(kernel, near, strict=True)) / sum(kernel)
        assert found[place] == pytest.approx(mean, abs=1e-9)


def test_a_mood_stands_at_the_last_feeling_before_it() -> None:
    own = lived(3)
    late = replace(own.moods[-1], at=own.felt[-1].at + timedelta(days=1))
    early = replace(own.moods[0], at=own.felt[0].at - timedelta(days=1))
    assert mood_places(Life(own.felt, (early, own.moods[1], late), 3)) == [0.0, 1.0, 2.0]


def test_sessions_are_named_and_days_where_there_are_none() -> None:
    named = texts(time_figure(lived(45), "a life"))
    assert [text for text in named if text.startswith("session ")] == [
        "session 0\n11 Jan\n2025",
        "session 1\n31 Jan\n2025",
        "session 2\n20 Feb\n2025",
    ]
    assert "11 Jan\n2025" in texts(time_figure(lived(45, sessions=False), "a life"))


@pytest.mark.parametrize("count", SIZES)
def test_no_text_over_time_covers_another(count: int) -> None:
    assert overlaps(time_figure(lived(count), "a life")) == []
    assert overlaps(time_figure(lived(count, sessions=False), "a life")) == []


# In the space


@pytest.mark.parametrize("count", SIZES)
def test_the_path_and_its_shadows_are_in_the_space(count: int) -> None:
    own = lived(count)
    figure = space_figure(own, "a life")
    axes: Any = figure.axes[0]
    marks = np.array(collected(axes, "landmarks")._offsets3d).T
    np.testing.assert_allclose(marks, [np.asarray(pad) for pad in EMOTIONS.values()])
    assert (axes.get_xlim(), axes.get_ylim(), axes.get_zlim()) == ((-1, 1),) * 3
    if not count:
        assert "nothing was felt yet" in [text.get_text() for text in axes.texts]
        return
    np.testing.assert_allclose(np.array(collected(axes, "feelings")._offsets3d).T, [one.pad for one in own.felt])
    np.testing.assert_allclose(np.array(collected(axes, "now")._offsets3d).T, [own.moods[-1].mean])
    if 1 < count <= FEW_MOODS:
        path = np.array([one.mean for one in own.moods])
        np.testing.assert_allclose(np.array(collected(axes, "path")._segments3d)[:, 0], path[:-1])
        for axis, end in zip(AXES, (-1.0, 1.0, -1.0), strict=True):
            (shadow,) = [one for one in axes.lines if one.get_label() == f"shadow on {axis}"]
            drawn_at = np.array(shadow.get_data_3d()).T
            wanted = path.copy()
            wanted[:, AXES.index(axis)] = end
            np.testing.assert_allclose(drawn_at, wanted)


def names_over_names(axes: Any) -> list[tuple[str, str]]:
    boxes = [(text.get_text(), text.get_window_extent()) for text in axes.texts if text.get_text()]
    return [(a, b) for i, (a, box) in enumerate(boxes) for b, other in boxes[i + 1 :] if box.overlaps(other)]


@pytest.mark.parametrize("count", [0, 1, 40, 400])
def test_no_name_in_the_space_covers_another_and_each_stands_at_its_mark(count: int) -> None:
    figure = space_figure(lived(count), "a life")
    for axes in figure.axes:
        assert names_over_names(axes) == []
    room: Any = figure.axes[0]
    places = flat_of(room, np.array([np.asarray(pad) for pad in EMOTIONS.values()]))
    at = dict(zip(EMOTIONS, places.tolist(), strict=True))
    named = [one for one in room.texts if one.get_text() in at]
    assert len(named) >= 10
    for one in named:
        np.testing.assert_allclose(one.xy, at[one.get_text()], atol=1e-9)


def test_a_path_in_a_small_part_is_shown_from_near() -> None:
    own = lived(40, scale=0.05)
    figure = space_figure(own, "a calm life")
    assert len(figure.axes) == 2
    near: Any = figure.axes[1]
    path = np.array([one.mean for one in own.moods])
    for limits, values in zip((near.get_xlim(), near.get_ylim(), near.get_zlim()), path.T, strict=True):
        assert limits[0] <= values.min() <= values.max() <= limits[1]
        assert limits[1] - limits[0] < 1.0
    wild = Life(
        own.felt,
        tuple(replace(one, mean=tuple(2 * np.sin(i + np.arange(3)) / 2)) for i, one in enumerate(own.moods)),
        40,
    )
    assert len(space_figure(wild, "a wild life").axes) == 1


@QUICK
@given(st.lists(st.tuples(*[st.floats(-1, 1)] * 3), min_size=2, max_size=20), st.floats(0.001, 1))
def test_surroundings_hold_the_path_and_lie_in_the_whole(
    points: list[tuple[float, float, float]], scale: float
) -> None:
    path = np.array(points) * scale
    cube = surroundings(path)
    if cube is None:
        assert (path.max(0) - path.min(0)).max() > 0.5
        return
    assert cube.holds(path).all()
    assert (np.abs(cube.centre) + cube.half <= 1.0 + 1e-9).all()


def test_a_long_path_is_smoothed_between_its_own_ends() -> None:
    short, long = (
        np.random.default_rng(0).uniform(-1, 1, (FEW_MOODS, 3)),
        np.random.default_rng(1).uniform(-1, 1, (2_000, 3)),
    )
    assert followed(short) is short
    found = followed(long)
    assert len(found) == FEW_MOODS
    np.testing.assert_array_equal(found[[0, -1]], long[[0, -1]])
    assert np.abs(np.diff(found[1:-1], axis=0)).mean() < 0.5 * np.abs(np.diff(long, axis=0)).mean()


# Named emotions


def test_the_radar_shows_the_likeliest_names_of_all_moods_in_the_order_of_the_circumplex() -> None:
    moods = {"main": sure((0.4, 0.3, 0.1)), "what if": sure((-0.5, 0.1, -0.3))}
    figure = radar_figure(moods, "alice")
    (axes,) = figure.axes
    names = radar_names(list(moods.values()))
    assert [tick.get_text() for tick in axes.get_xticklabels()] == names
    assert len(names) == MOST_NAMES
    assert "neutral" not in names
    best = sorted(
        (name for name in EMOTIONS if name != "neutral"), key=lambda one: -max(m[one] for m in moods.values())
    )
    assert set(names) == set(best[:MOST_NAMES])
    angles = [math.atan2(EMOTIONS[name].arousal, EMOTIONS[name].pleasure) % (2 * math.pi) for name in names]
    assert angles == sorted(angles)
    for name, each in moods.items():
        drawn_at = line(axes, name)
        np.testing.assert_allclose(drawn_at[:-1, 1], [each[one] for one in names])
        np.testing.assert_allclose(drawn_at[0, 1], drawn_at[-1, 1])
        assert drawn_at[:, 1].max() <= axes.get_ylim()[1]
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    rest = 1.0 - moods["main"]["neutral"] - sum(moods["main"][name] for name in names)
    assert told[0] == f"main: neutral {moods['main']['neutral']:.0%}, others {rest:.0%}"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_a_radar_ends_beyond_its_largest_share(shares: list[float]) -> None:
    end = rim([{"joy": share} for share in shares], ["joy"])
    assert max(shares) <= end <= max(1.0, 3.0 * max(shares))


@pytest.mark.parametrize("count", [1, 2, 6])
def test_no_text_of_the_radar_covers_another(count: int) -> None:
    moods = {f"branch {n}": sure(tuple(np.random.default_rng(n).uniform(-0.5, 0.5, 3).tolist())) for n in range(count)}
    assert overlaps(radar_figure(moods, "alice")) == []


def test_a_radar_of_none_or_of_too_many_is_refused() -> None:
    for moods in ({}, {str(n): sure((0, 0, 0)) for n in range(7)}):
        with pytest.raises(InvalidValue, match="1 to 6 moods"):
            radar_figure(moods, "alice")


# Two branches


def test_both_branches_begin_where_they_parted() -> None:
    both = two(12, 5, 6)
    figure = compare_figure(both, "alice")
    for row, axes in enumerate(figure.axes[:3]):
        np.testing.assert_array_equal(line(axes, "before")[:, 0], np.arange(-5, 1))
        for one in (both.left, both.right):
            drawn_at = line(axes, one.name)
            np.testing.assert_array_equal(drawn_at[:, 0], np.arange(len(one.moods) + 1))
            assert drawn_at[:, 1].tolist() == [both.shared[-1].mean[row], *(mood.mean[row] for mood in one.moods)]
    difference = figure.axes[3]
    assert difference.get_title() == "what if less main"
    for row, axis in enumerate(AXES):
        (drawn_line,) = [one for one in difference.lines if str(one.get_label()).startswith(axis)]
        np.testing.assert_allclose(np.asarray(drawn_line.get_ydata()), differences(both)[:, row])
    assert [axes.get_title() for axes in figure.axes[4:]] == [
        f"{one.name} now: neutral {one.chances['neutral']:.0%}" for one in (both.left, both.right)
    ]


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_the_difference_begins_at_zero_ends_with_the_moods_and_changes_sign(left: int, right: int, shared: int) -> None:
    both = two(left, right, shared)
    found = differences(both)
    np.testing.assert_allclose(differences(replace(both, left=both.right, right=both.left)), -found)
    if shared:
        np.testing.assert_array_equal(found[0], 0.0)
    elif not left or not right:
        assert len(found) == 0
        return
    ends = [one.moods[-1].mean if one.moods else both.shared[-1].mean for one in (both.right, both.left)]
    np.testing.assert_allclose(found[-1], np.array(ends[0]) - np.array(ends[1]))


@pytest.mark.parametrize(("left", "right", "shared"), [(0, 0, 0), (0, 3, 1), (400, 300, 24)])
def test_no_text_of_a_comparison_covers_another(left: int, right: int, shared: int) -> None:
    figure = compare_figure(two(left, right, shared), "alice@main and alice@what if: parted at main:7")
    assert overlaps(figure) == []
    assert (NOTHING in texts(figure)) == (left == right == shared == 0)


# Words


def test_words_of_users_draw_as_they_read() -> None:
    assert drawable("a  b\nc") == "a b c"
    assert drawable("x" * 80, 10) == "x" * 9 + "…"
    assert drawable("愛") == MISSING
    odd = replace(side("$x^", lived(3)), name="$\\frac{$ 愛 𝔘")
    figure = compare_figure(replace(two(3, 3, 1), right=odd), "a $title$ of 愛")
    figure.draw_without_rendering()
    assert time_figure(Life((FeltPoint(START, (0.1, 0.2, 0.3), 0.5, "$1_{ 愛"),), (), 1), "$").axes


@given(st.lists(st.floats(0, 100), max_size=30), st.floats(1, 12))
def test_labels_that_are_shown_do_not_touch(where: list[float], inches: float) -> None:
    places = sorted(where)
    labels = [f"label {number}" for number in range(len(places))]
    chosen = apart(places, labels, inches, 100.0, 9.0)
    assert chosen[:1] == ([0] if places else [])
    for one, other in pairwise(chosen):
        wide = (len(labels[one]) + len(labels[other])) / 2 * 9.0 * 0.66 / 72.0
        assert (places[other] - places[one]) / 100.0 * inches > wide


# As a user gets them


@pytest.mark.parametrize("kind", ["time", "space", "radar", "compare"])
def test_a_picture_of_an_agent_is_written_with_something_in_it(front: Front, kind: Any, tmp_path: Path) -> None:
    alice = front.agent()
    alice.remember([ready(number, at=START + timedelta(hours=number), session="s") for number in range(5)])
    fork = alice.fork("what if")
    fork.remember(ready(9))
    others = {"compare": [fork], "radar": [fork]}.get(kind, [])
    wanted = Wanted(kind, tuple(one.branch for one in others))
    pixels = imread(drawn(wanted, alice, others, None, tmp_path / f"{kind}.png"))
    assert pixels.shape[0] > 1_000
    assert (pixels[..., :3].min(axis=-1) < 0.9).mean() > 0.01
    colour = COLOURS["pleasure"] if kind in ("time", "compare") else "#c1432e" if kind == "radar" else "#2d2f6b"
    ink = np.array([int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)])
    assert (np.abs(pixels[..., :3] - ink).max(axis=-1) < 0.02).sum() > 100


def test_a_radar_says_who_is_at_rest(front: Front) -> None:
    alice = front.agent()
    fork = alice.fork("b")
    fork.remember(ready(1))
    figure = figure_of(Wanted("radar", ("b",)), alice, [fork], None)
    told = [text.get_text().split(":")[0] for text in figure.legends[0].get_texts()]
    assert told == ["main, at rest", "b"]


def test_a_wish_that_cannot_be_drawn_is_refused_before_anything_is_read(front: Front, tmp_path: Path) -> None:
    alice = front.agent()
    for wanted, words in (
        (Wanted("compare"), "--against 1 time, 0 given"),
        (Wanted("time", ("b",)), "no --against, 1 given"),
        (Wanted("radar", tuple("abcdef")), "at most 5, 6 given"),
    ):
        with pytest.raises(InvalidValue, match=words):
            drawn(wanted, alice, [], None, tmp_path / "x.png")
    with pytest.raises(InvalidValue, match="each once"):
        drawn(Wanted("radar", ("main",)), alice, [alice], None, tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize(
    "args",
    [
        ["picture", "alice", "--kind", "portrait", "--output", "x.png"],
        ["picture", "alice", "--kind", "time"],
        ["picture", "alice", "--kind", "compare", "--output", "x.png"],
        ["picture", "alice", "--kind", "space", "--against", "b", "--output", "x.png"],
        ["picture", "alice@b", "--branch", "c", "--kind", "time", "--output", "x.png"],
        ["picture", "alice", "--kind", "radar", "--against", "b", "--as-of", ":3", "--output", "x.png"],
        ["picture", "alice", "--kind", "time", "--last", "0", "--output", "x.png"],
        ["perceive"],
    ],
)
def test_wrong_usage_exits_with_2_and_starts_nothing(args: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "quantum_memory.cluster.connect", None)
    result = CliRunner().invoke(app, args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr
