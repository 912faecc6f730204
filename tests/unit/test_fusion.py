"""Readings made one: laws of order, betweenness, agreement, conflict and ignorance, and closed forms beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, OutOfRange, ShapeMismatch
from quantum_memory.memory.affect.feeling import LEAST_SPREAD, MOST_SPREAD, Feeling
from quantum_memory.memory.affect.fusion import CORRELATION, combined, fuse
from quantum_memory.types import PAD, Floats

AXIS = st.floats(-1.0, 1.0)
SPREAD = st.floats(LEAST_SPREAD, MOST_SPREAD)
FEELINGS = st.builds(Feeling.of, st.builds(PAD, AXIS, AXIS, AXIS), st.tuples(SPREAD, SPREAD, SPREAD))
CORRELATIONS = st.floats(0.0, 0.99)
READINGS = st.lists(st.tuples(AXIS, SPREAD), min_size=1, max_size=5)


def one_axis(readings: list[tuple[float, float]], correlation: float) -> tuple[float, float]:
    table = np.array(readings, dtype=np.float64)
    mean, spread = combined(table[:, :1], table[:, 1:], correlation)
    return float(mean[0]), float(spread[0])


def covariance(spreads: Floats, correlation: float) -> Floats:
    shared = np.full((len(spreads), len(spreads)), correlation)
    np.fill_diagonal(shared, 1.0)
    made: Floats = shared * np.outer(spreads, spreads)
    return made


@settings(deadline=None)
@given(st.lists(FEELINGS, min_size=1, max_size=5), st.randoms(use_true_random=False), CORRELATIONS)
def test_the_order_of_readings_does_not_matter(feelings: list[Feeling], chance: object, correlation: float) -> None:
    mixed = list(feelings)
    chance.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis hands a Random
    assert fuse(mixed, correlation) == fuse(feelings, correlation)


@settings(deadline=None)
@given(st.lists(FEELINGS, min_size=1, max_size=5), CORRELATIONS)
def test_the_fused_feeling_lies_between_those_given(feelings: list[Feeling], correlation: float) -> None:
    points = np.array([np.asarray(one.pad) for one in feelings])
    fused = np.asarray(fuse(feelings, correlation).pad)
    assert (points.min(axis=0) <= fused).all()
    assert (fused <= points.max(axis=0)).all()


@settings(deadline=None)
@given(FEELINGS)
def test_one_reading_stays_as_it_is(feeling: Feeling) -> None:
    alone = fuse([feeling])
    assert alone.pad == feeling.pad
    assert alone.spread == pytest.approx(feeling.spread, rel=1e-12)


@settings(deadline=None)
@given(AXIS, st.lists(SPREAD, min_size=2, max_size=5), CORRELATIONS)
def test_readings_that_agree_are_surer_together(at: float, spreads: list[float], correlation: float) -> None:
    mean, spread = one_axis([(at, one) for one in spreads], correlation)
    assert mean == pytest.approx(at, abs=1e-12)
    assert spread <= min(spreads) * (1 + 1e-12)


@settings(deadline=None)
@given(st.tuples(AXIS, SPREAD), st.tuples(AXIS, SPREAD), CORRELATIONS)
def test_two_readings_in_conflict_are_no_surer_than_the_surer(
    left: tuple[float, float], right: tuple[float, float], correlation: float
) -> None:
    allowed = math.sqrt(left[1] ** 2 + right[1] ** 2 - 2 * correlation * left[1] * right[1])
    apart = abs(left[0] - right[0]) / allowed
    _, spread = one_axis([left, right], correlation)
    if apart >= math.sqrt(2 / (1 + correlation)):
        assert spread >= min(left[1], right[1]) * (1 - 1e-9)


def test_conflict_makes_a_spread_that_reaches_both() -> None:
    glad, sad = Feeling.of(PAD(0.9, 0.0, 0.0), (0.1, 0.1, 0.1)), Feeling.of(PAD(-0.9, 0.0, 0.0), (0.1, 0.1, 0.1))
    fused = fuse([glad, sad])
    assert fused.pad.pleasure == pytest.approx(0.0, abs=1e-12)
    assert fused.spread[0] > 0.9
    assert fused.spread[1] < 0.1, "on the other axes they agree"
    assert fused.confidence < 0.01 < min(glad.confidence, sad.confidence)


@settings(deadline=None)
@given(READINGS, AXIS, CORRELATIONS)
def test_a_reading_of_infinite_spread_changes_nothing(
    readings: list[tuple[float, float]], at: float, correlation: float
) -> None:
    assert one_axis([*readings, (at, math.inf)], correlation) == one_axis(readings, correlation)
    nearly = one_axis([*readings, (at, 1e12)], correlation)
    assert nearly == pytest.approx(one_axis(readings, correlation), abs=1e-9, rel=1e-9)


@settings(deadline=None)
@given(st.tuples(AXIS, SPREAD), st.tuples(AXIS, SPREAD))
def test_without_correlation_two_readings_have_inverse_variances_and_birges_ratio(
    left: tuple[float, float], right: tuple[float, float]
) -> None:
    (x, s), (y, t) = left, right
    total = s**-2 + t**-2
    ratio = abs(x - y) / math.hypot(s, t)
    mean, spread = one_axis([left, right], 0.0)
    assert mean == pytest.approx((x * s**-2 + y * t**-2) / total, abs=1e-9)
    assert spread == pytest.approx(max(1.0, ratio) * total**-0.5, rel=1e-9)


@settings(deadline=None)
@given(st.lists(AXIS, min_size=2, max_size=6), SPREAD)
def test_readings_that_are_as_sure_have_birges_ratio(points: list[float], spread: float) -> None:
    """Birge (1932): chi squared over its degrees of freedom."""
    ratio = math.sqrt(sum((one - np.mean(points)) ** 2 for one in points) / spread**2 / (len(points) - 1))
    _, fused = one_axis([(one, spread) for one in points], 0.0)
    assert fused == pytest.approx(max(1.0, ratio) * spread / math.sqrt(len(points)), rel=1e-9)


@settings(deadline=None)
@given(st.lists(SPREAD, min_size=2, max_size=5), CORRELATIONS, st.integers(0, 1000))
def test_no_other_weights_have_less_variance(spreads: list[float], correlation: float, seed: int) -> None:
    """The slow twin: the spread of readings that agree, against weights drawn from the simplex."""
    own = covariance(np.array(spreads), correlation)
    _, best = one_axis([(0.0, one) for one in spreads], correlation)
    drawn = np.random.default_rng(seed).dirichlet(np.full(len(spreads), 0.3), size=200)
    drawn = np.vstack([drawn, np.eye(len(spreads))])
    assert best**2 <= np.einsum("ni,ij,nj->n", drawn, own, drawn).min() * (1 + 1e-9)


def test_what_is_correlated_sharpens_less() -> None:
    feeling = Feeling.of(PAD(0.5, 0.0, 0.0), (0.2, 0.2, 0.2))
    spreads = [fuse([feeling, feeling], rho).spread[0] for rho in (0.0, CORRELATION, 0.9)]
    assert spreads == pytest.approx([0.2 * math.sqrt((1 + rho) / 2) for rho in (0.0, CORRELATION, 0.9)])


def test_what_cannot_be_fused_is_refused() -> None:
    with pytest.raises(InvalidValue, match="feelings: expected one feeling or more"):
        fuse([])
    with pytest.raises(OutOfRange, match="correlation"):
        combined(np.zeros((1, 1)), np.ones((1, 1)), 1.0)
    with pytest.raises(ShapeMismatch, match="spreads"):
        combined(np.zeros((2, 1)), np.ones((1, 1)))
    with pytest.raises(OutOfRange, match="spread"):
        combined(np.zeros((1, 1)), np.zeros((1, 1)))
    with pytest.raises(OutOfRange, match="spread"):
        combined(np.zeros((1, 1)), np.full((1, 1), math.inf))
