"""Series of feelings, how they are smoothed, and how named emotions follow each other."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory.affect.dynamics import Series, recent, smoothed, steps, transitions
from quantum_memory.memory.affect.dynamics.series import Row, sliding
from quantum_memory.memory.affect.dynamics.transitions import counted
from quantum_memory.memory.affect.emotions import EMOTIONS
from quantum_memory.types import NEUTRAL, PAD, Floats

AXIS = st.floats(-1, 1, allow_nan=False)
ROWS = st.lists(
    st.builds(
        Row,
        st.integers(0, 500).map(float),
        st.builds(PAD, AXIS, AXIS, AXIS),
        st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        st.sampled_from(["Alice", "alice ", "Bob", None]),
    ),
    max_size=40,
)


def series(*rows: tuple[float, float], who: str = "Alice", confidence: float = 1.0) -> Series:
    return Series.of(Row(at_s, PAD(pleasure, 0, 0), confidence, who) for at_s, pleasure in rows)


@given(ROWS)
def test_a_series_is_in_order_and_ties_keep_theirs(rows: list[Row]) -> None:
    found = Series.of(rows)
    assert list(zip(found.at_s.tolist(), found.who, strict=True)) == [
        (row.at_s, row.who) for row in sorted(rows, key=lambda row: row.at_s)
    ]


def test_a_series_refuses_what_is_none() -> None:
    nothing = np.zeros(0)
    with pytest.raises(ShapeMismatch):
        Series(nothing, np.zeros((0, 2)), nothing, ())
    with pytest.raises(InvalidValue, match="times that fall"):
        Series(np.array([1.0, 0.0]), np.zeros((2, 3)), np.ones(2), ("a", "b"))
    with pytest.raises(NotFinite):
        series((math.nan, 0.0))
    with pytest.raises(OutOfRange, match="confidences"):
        series((1.0, 0.0), confidence=1.5)


def slow_steps(
    rows: list[Row], own: str
) -> list[tuple[float, list[float], list[float], list[tuple[float, list[float]]]]]:
    """Step by step: gap, before, after, and the lag and the strength of each push."""
    ordered = sorted(rows, key=lambda row: row.at_s)
    groups: list[list[int]] = []
    for index, row in enumerate(ordered):
        if (row.who or "").casefold().strip() != own or row.confidence == 0.0:
            continue
        if groups and row.at_s - ordered[groups[-1][-1]].at_s < 1.0:
            groups[-1].append(index)
        else:
            groups.append([index])

    def felt(group: list[int]) -> list[float]:
        mass = sum(ordered[index].confidence for index in group)
        pads = [np.asarray(ordered[index].pad) * ordered[index].confidence for index in group]
        return list(np.sum(pads, axis=0) / mass)

    found = []
    for one, two in pairwise(groups):
        end = ordered[two[-1]].at_s
        heard = [
            (end - ordered[index].at_s, list(np.asarray(ordered[index].pad) * ordered[index].confidence))
            for index in range(one[-1] + 1, two[-1])
            if index not in two
            and (ordered[index].who or "").casefold().strip() != own
            and ordered[index].confidence > 0.0
        ]
        found.append((end - ordered[one[-1]].at_s, felt(one), felt(two), heard))
    return found


@given(ROWS)
def test_steps_are_those_taken_one_by_one(rows: list[Row]) -> None:
    whole = Series.of(rows)
    own = whole.of_whom(["ALICE"])
    slow = slow_steps(rows, "alice")
    if not slow:
        with pytest.raises(InvalidValue, match="history"):
            steps(whole, own)
        return
    fast = steps(whole, own)
    assert fast.gap_s == pytest.approx([one[0] for one in slow])
    assert fast.before == pytest.approx(np.array([one[1] for one in slow]))
    assert fast.after == pytest.approx(np.array([one[2] for one in slow]))
    assert fast.weights.mean() == pytest.approx(1.0)
    heard = [
        [(lag, list(kick)) for lag, kick in zip(fast.kick_lag_s[at], fast.kicks[at], strict=True)]
        for at in (fast.kick_step == index for index in range(len(fast)))
    ]
    assert heard == [one[3] for one in slow]


@given(ROWS, st.data())
def test_parts_of_steps_put_together_are_the_steps(rows: list[Row], data: st.DataObject) -> None:
    whole = Series.of(rows)
    own = whole.of_whom(["alice"])
    if len(slow_steps(rows, "alice")) < 1:
        return
    found = steps(whole, own)
    cut = data.draw(st.integers(0, len(found)))
    for parts in (
        [found.part(0, cut), found.part(cut, len(found))],
        [found.take(np.arange(cut)), found.take(np.arange(cut, len(found)))],
    ):
        assert np.concatenate([part.gap_s for part in parts]) == pytest.approx(found.gap_s)
        assert np.concatenate([part.kicks for part in parts]) == pytest.approx(found.kicks)
        assert parts[0].kick_step.tolist() + (parts[1].kick_step + cut).tolist() == found.kick_step.tolist()


@given(ROWS, st.sampled_from([0.3, 10.0, 1e5]))
def test_smoothing_is_the_weighed_mean_of_what_was(rows: list[Row], constant_s: float) -> None:
    found = Series.of(rows)
    slow = np.zeros((len(found), 3))
    for index in range(len(found)):
        sure = np.flatnonzero(found.confidences[: index + 1])
        if sure.size:  # ages count from the newest that is sure, so that no weight is too small for a float
            weights = found.confidences[sure] * np.exp((found.at_s[sure] - found.at_s[sure[-1]]) / constant_s)
            slow[index] = weights @ found.pads[sure] / weights.sum()
    fast = smoothed(found, constant_s)
    assert fast == pytest.approx(slow, rel=0.0, abs=1e-9)
    assert (np.abs(fast) <= 1.0 + 1e-12).all()


def test_smoothing_goes_on_over_many_blocks() -> None:
    at_s = np.arange(2000.0)
    found = Series(at_s, np.full((2000, 3), 0.4), np.ones(2000), ("a",) * 2000)
    assert smoothed(found, 1e4) == pytest.approx(np.full((2000, 3), 0.4))
    assert smoothed(found, 0.01) == pytest.approx(np.full((2000, 3), 0.4))


def test_a_long_pause_and_what_was_not_read_leave_the_feeling_as_it_was() -> None:
    found = Series.of([Row(0.0, PAD(0.4, 0, 0)), Row(1e6, PAD(-1, 0, 0), 0.0), Row(2e6, PAD(-1, 0, 0), 0.0)])
    assert smoothed(found, 1.0)[:, 0] == pytest.approx([0.4, 0.4, 0.4])
    assert recent(found, 3e6, 1.0).pleasure == pytest.approx(0.4)


def test_the_feeling_of_late_is_as_of_then() -> None:
    found = series((0.0, -0.5), (100.0, 0.5))
    assert recent(found, 50.0, 10.0).pleasure == pytest.approx(-0.5)
    assert recent(found, 1e9, 10.0).pleasure == pytest.approx(0.5, abs=1e-3)
    with pytest.raises(InvalidValue, match="after the first"):
        recent(found, -1.0, 10.0)


@given(ROWS, st.integers(1, 5), st.floats(0, 100))
def test_a_sliding_history_holds_what_is_recent(rows: list[Row], count: int, within_s: float) -> None:
    found = Series.of(rows)
    for index, window in enumerate(sliding(found, count, within_s)):
        before = [at for at in found.at_s[: index + 1] if at >= found.at_s[index] - within_s]
        assert window.at_s.tolist() == before[-count:]
    with pytest.raises(InvalidValue, match="sliding"):
        sliding(found)


def chain(seed: int, rates: Floats, count: int, gap_s: float) -> tuple[NDArray[np.intp], Floats]:
    """States of a chain in continuous time, looked at at irregular times."""
    chance = np.random.default_rng(seed)
    gaps = chance.exponential(gap_s, count)
    states = [0]
    for gap in gaps[1:]:
        states.append(int(chance.choice(len(rates), p=scipy.linalg.expm(rates * gap)[states[-1]])))
    return np.array(states, dtype=np.intp), np.cumsum(gaps)


def test_the_chain_that_was_simulated_is_found() -> None:
    rates = np.array([[-0.02, 0.015, 0.005], [0.01, -0.03, 0.02], [0.03, 0.01, -0.04]])
    states, at_s = chain(4, rates, 6000, 2.0)
    found = counted(("a", "b", "c"), states, at_s, np.ones(5999), 1.0)
    # Four standard errors of a count over the time it was counted in, and what a look every 2 s misses.
    assert (
        np.abs(found.rates - rates) < 4.0 * np.sqrt(np.abs(rates) / found.held_s[:, None]) + 0.04 * np.abs(rates)
    ).all()
    assert found.dwell_s == pytest.approx([50.0, 33.3, 25.0], rel=0.35)
    assert found.after(30.0) == pytest.approx(scipy.linalg.expm(rates * 30.0), abs=0.1)
    share = np.bincount(states, minlength=3) / len(states)
    assert found.stationary == pytest.approx(share, abs=0.02)


@given(st.lists(st.sampled_from(["joy", "fear", "calm"]), min_size=2, max_size=30), st.floats(0.01, 10))
def test_chances_are_chances(names: list[str], prior: float) -> None:
    rows = [Row(10.0 * index, EMOTIONS[name], 1.0, "a") for index, name in enumerate(names)]
    found = transitions(Series.of(rows), prior=prior)
    assert set(found.names) == set(names)
    for matrix in (found.matrix, found.after(7.0)):
        assert matrix.sum(axis=1) == pytest.approx(np.ones(len(matrix)))
        assert (matrix >= 0.0).all()
    assert found.stationary @ found.matrix == pytest.approx(found.stationary, abs=1e-8)
    assert found.rates.sum(axis=1) == pytest.approx(np.zeros(len(found.names)), abs=1e-12)
    assert found.counts.sum() == len(names) - 1
    assert (found.dwell >= 1.0).all()


def test_counts_and_the_prior_are_worked_by_hand() -> None:
    names = ["joy", "joy", "fear", "joy"]
    found = transitions(Series.of(Row(index, EMOTIONS[name], 1.0, "a") for index, name in enumerate(names)), prior=1.0)
    assert found.names == ("fear", "joy")
    # fear: once to joy; joy: once to itself, once to fear; half a count on each by the prior.
    assert found.matrix == pytest.approx(np.array([[0.25, 0.75], [0.5, 0.5]]))
    assert found.likeliest("joy", 1) == (("fear", 0.5),)


def test_a_pause_parts_and_what_is_unsure_counts_less() -> None:
    rows = [Row(0, EMOTIONS["joy"], 1.0), Row(1, EMOTIONS["fear"], 0.5), Row(999, EMOTIONS["joy"], 1.0)]
    found = transitions(Series.of(rows), pause_s=10.0)
    assert found.counts.tolist() == [[0.0, 0.0], [0.5, 0.0]]
    assert found.held_s.tolist() == [0.0, 0.5]
    with pytest.raises(InvalidValue, match="nothing is known to follow"):
        transitions(Series.of(rows), pause_s=10.0, prior=0.0)
    with pytest.raises(InvalidValue, match="at least 2"):
        transitions(Series.of(rows[:1]))
    with pytest.raises(InvalidValue, match="one of fear, joy"):
        found.likeliest("calm")
    assert transitions(Series.of(rows), among={"here": NEUTRAL, "far": PAD(1, 1, -1)}).names == ("here",)
