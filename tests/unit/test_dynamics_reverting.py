"""Systems that go back to rest: closed forms against slow ones, and fits against what was simulated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, OutOfRange
from quantum_memory.memory.affect.dynamics import Equation, Fit, Reverting, Series, difference, equation, fit, steps
from quantum_memory.memory.affect.dynamics.comparing import divergence, wasserstein
from quantum_memory.memory.affect.dynamics.equation import equation_id
from quantum_memory.memory.affect.dynamics.fitting import LINEAR_PRECISION, _axes, _climbed, _coupled, _drawn, _slope
from quantum_memory.memory.affect.dynamics.likelihood import (
    Seen,
    System,
    columns,
    log_likelihood,
    long_run,
    predicted,
    profile,
)
from quantum_memory.memory.affect.dynamics.reverting import decays, half_lives
from quantum_memory.memory.affect.dynamics.series import Row, Steps
from quantum_memory.types import PAD, Floats
from tests.unit.couples import HOUR_S, START, memories, system, talk

COUPLED = system(push=((0.4, 0.1, 0.0), (0.0, 0.3, -0.1), (0.1, 0.0, -0.2)), turning=0.3)
MISREAD = replace(system(), reading=np.array([0.01, 0.0025, 0.02]))
SOLVABLE = st.lists(st.floats(-1, 1), min_size=9, max_size=9).map(
    lambda numbers: np.array(numbers).reshape(3, 3) + 2.5 * np.eye(3)
)


def own_steps(series: Series) -> Steps:
    return steps(series, series.of_whom(["alice"]))


def slow_moments(model: Reverting, found: Steps) -> tuple[list[Floats], list[Floats]]:
    """Mean and covariance of each step, one matrix exponential at a time."""
    means, spreads = [], []
    seen = model.spread + np.diag(model.reading)
    for index in range(len(found)):
        kept = scipy.linalg.expm(-model.pull * found.gap_s[index])
        # Of two readings that are jointly Gaussian, the second given the first.
        across = kept @ model.spread
        mean = model.rest + across @ np.linalg.solve(seen, found.before[index] - model.rest)
        for at in np.flatnonzero(found.kick_step == index):
            mean = mean + scipy.linalg.expm(-model.pull * found.kick_lag_s[at]) @ model.push @ found.kicks[at]
        means.append(mean)
        spreads.append(seen - across @ np.linalg.solve(seen, across.T))
    return means, spreads


@pytest.mark.parametrize(
    "model",
    [system(), COUPLED, system(half_lives_h=(2.0, 2.0, 2.0)), MISREAD, replace(COUPLED, reading=MISREAD.reading)],
    ids=["axes", "coupled", "same", "misread", "coupled and misread"],
)
def test_steps_have_the_moments_that_are_taken_one_by_one(model: Reverting) -> None:
    found = own_steps(talk(model, 40, 1))
    means, spreads = slow_moments(model, found)
    assert predicted(model, found) == pytest.approx(np.array(means), abs=1e-9)
    slow = 0.0
    for mean, spread, after in zip(means, spreads, found.after, strict=True):
        off = after - mean
        slow -= 0.5 * float(off @ np.linalg.solve(spread, off) + np.linalg.slogdet(2.0 * np.pi * spread)[1])
    assert log_likelihood(model, found) == pytest.approx(slow, rel=1e-9)


def test_where_others_push_what_is_believed_of_a_reading_comes_from_what_was_seen() -> None:
    model = replace(COUPLED, reading=MISREAD.reading)
    found = own_steps(talk(model, 40, 1))
    seen = Seen.of(found)
    made = columns(System(model.pull, model.spread, True, True, model.reading, seen), found)
    expected = np.matmul(np.concatenate([model.rest, model.push.ravel()]), made.design) - made.target + found.after.T
    begun = seen.covariance - np.diag(model.reading)
    at_first = seen.centre + (found.before - seen.centre) @ np.linalg.solve(seen.covariance, begun)
    doubt = begun - begun @ np.linalg.solve(seen.covariance, begun)
    for index in range(len(found)):
        kept = scipy.linalg.expm(-model.pull * found.gap_s[index])
        mean = model.rest + kept @ (at_first[index] - model.rest)
        for at in np.flatnonzero(found.kick_step == index):
            mean = mean + scipy.linalg.expm(-model.pull * found.kick_lag_s[at]) @ model.push @ found.kicks[at]
        spread = np.diag(model.reading) + model.spread + kept @ (doubt - model.spread) @ kept.T
        assert expected[:, index] == pytest.approx(mean, abs=1e-9)
        assert made.variance[:, index] == pytest.approx(spread[np.triu_indices(3)], abs=1e-9)


def test_ways_to_fade_that_are_one_have_no_basis_and_are_followed_all_the_same() -> None:
    pull = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]) / HOUR_S
    model = Reverting(
        np.zeros(3), pull, np.eye(3), scipy.linalg.solve_continuous_lyapunov(pull, 0.1 * pull[0, 0] * np.eye(3))
    )
    found = own_steps(talk(model, 20, 1))
    means, _ = slow_moments(model, found)
    assert predicted(model, found) == pytest.approx(np.array(means), abs=1e-5)


@given(SOLVABLE, st.floats(0, 3), st.floats(0, 3))
def test_what_is_kept_is_kept_over_parts_of_the_time_too(pull: Floats, one_s: float, two_s: float) -> None:
    one, two, both = decays(pull, np.array([one_s, two_s, one_s + two_s]))
    assert one @ two == pytest.approx(both, abs=1e-9)
    assert one == pytest.approx(scipy.linalg.expm(-pull * one_s), abs=1e-9)


@given(SOLVABLE)
def test_half_of_a_feeling_is_left_after_a_half_life(pull: Floats) -> None:
    spans = half_lives(pull)
    for axis, left in enumerate(decays(pull, spans)):
        assert left[axis, axis] == pytest.approx(0.5, abs=1e-5)


def test_a_half_life_of_an_axis_alone_is_its_own() -> None:
    assert system(half_lives_h=(3.0, 1.0, 2.0)).half_lives_s() / HOUR_S == pytest.approx([3.0, 1.0, 2.0], rel=1e-6)
    slowest, swinging, _ = system(half_lives_h=(1.0, 1.0, 3.0), turning=1.0).modes
    assert slowest[1] is None
    assert swinging[1] == pytest.approx(2.0 * math.pi * HOUR_S)
    assert [slowest[0], swinging[0]] == pytest.approx([3.0 * HOUR_S, HOUR_S])


def test_the_closed_form_is_where_many_small_steps_lead() -> None:
    chance = np.random.default_rng(2)
    count, small_s, push_at = 20_000, 20.0, 90
    x = np.tile(np.array([0.6, -0.4, 0.1]), (count, 1))
    root = np.linalg.cholesky(COUPLED.noise)
    for number in range(180):
        x += -(x - COUPLED.rest) @ COUPLED.pull.T * small_s
        x += math.sqrt(small_s) * chance.standard_normal((count, 3)) @ root.T
        if number + 1 == push_at:
            x += COUPLED.push @ np.array([0.5, 0.0, 0.2])
    told = COUPLED.forecast(PAD(0.6, -0.4, 0.1), 180 * small_s, [(push_at * small_s, PAD(0.5, 0.0, 0.2))])
    assert x.mean(axis=0) == pytest.approx(np.asarray(told.pad), abs=0.005)
    assert x.std(axis=0) == pytest.approx(told.spread, rel=0.03)


def test_a_forecast_begins_where_one_is_and_ends_at_rest() -> None:
    model = system()
    now = PAD(0.9, 0.9, -0.9)
    assert np.asarray(model.forecast(now, 0.0).pad) == pytest.approx(np.asarray(now))
    assert model.forecast(now, 0.0).spread == (0.0, 0.0, 0.0)
    far = model.forecast(now, 1e7)
    assert np.asarray(far.pad) == pytest.approx(model.rest)
    assert far.spread == pytest.approx(tuple(np.sqrt(np.diagonal(model.spread))))
    with pytest.raises(OutOfRange, match="heard"):
        model.forecast(now, 10.0, [(11.0, now)])


@pytest.mark.parametrize("rate", [0.0, -1e-4])
def test_a_system_that_never_rests_is_refused(rate: float) -> None:
    with pytest.raises(InvalidValue, match="positive real part"):
        Reverting(np.zeros(3), np.diag([1e-4, 1e-4, rate]), np.eye(3), 0.1 * np.eye(3))
    with pytest.raises(InvalidValue, match="positive definite"):
        Reverting(np.zeros(3), 1e-4 * np.eye(3), np.eye(3), np.diag([0.1, 0.1, -0.1]))


@given(st.lists(st.floats(-4, 4), min_size=15, max_size=15))
def test_whatever_the_numbers_are_the_system_goes_back_to_rest(numbers: list[float]) -> None:
    made = _coupled(system(), True).made(np.array(numbers))
    assert np.linalg.eigvals(made.pull).real.min() > 0.0
    noise = made.pull @ made.spread + made.spread @ made.pull.T
    assert np.linalg.eigvalsh((noise + noise.T) / 2.0).min() > -1e-9 * np.abs(noise).max()


@pytest.mark.parametrize("shape", ["axes", "coupled"])
@pytest.mark.parametrize("misread", [False, True])
def test_the_slope_is_that_of_the_height(shape: str, misread: bool) -> None:
    found = own_steps(talk(COUPLED, 60, 1))
    begin = MISREAD if misread else system()
    space = _axes(found, True, misread=misread) if shape == "axes" else _coupled(begin, True)
    theta = space.start + 0.1 * np.cos(np.arange(len(space.start)))
    here = profile(space.made(theta), found, LINEAR_PRECISION)
    slope = _slope(found, space, theta, here.linear)
    for index, unit in enumerate(np.eye(len(theta))):
        up, down = (profile(space.made(theta + sign * 1e-4 * unit), found, LINEAR_PRECISION) for sign in (1.0, -1.0))
        # At the best mu and B the height changes with the free numbers alone (the envelope theorem).
        assert slope.score[index] == pytest.approx((up.penalised - down.penalised) / 2e-4, rel=1e-3, abs=1e-3)
    assert slope.score[len(theta) :] == pytest.approx(LINEAR_PRECISION * here.linear, abs=1e-6)


def test_the_information_is_the_spread_of_the_score() -> None:
    model = system()
    shape = _axes(own_steps(talk(model, 60, 1)), True)
    theta = np.concatenate([np.log(np.diagonal(model.pull)), 0.5 * np.log(np.diagonal(model.spread))])
    linear = np.concatenate([model.rest, np.diagonal(model.push)])
    ratios = []
    for seed in range(60):
        slope = _slope(own_steps(talk(model, 60, 100 + seed)), shape, theta, linear)
        ratios.append(slope.score**2 / np.diagonal(slope.information))
    # Each mean of 60 squares of standard normal numbers lies within 1 ± 0.18 two times of three; twelve of them here.
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.2)
    assert np.mean(ratios, axis=0).max() < 1.9


def truths(model: Reverting, found: Fit) -> list[tuple[float, float, float]]:
    """Each number that was looked for: what it is, what was found, and the standard error."""
    made = found.model
    free = [(a, b) for a in range(3) for b in range(3) if a == b or found.shape == "coupled"]
    rows = list(zip(model.rest, made.rest, found.rest_error, strict=True))
    rows += [(model.push[at], made.push[at], found.push_error[at]) for at in free]
    rows += [(model.pull[at], made.pull[at], found.pull_error[at]) for at in free]
    logs = np.log(model.half_lives_s()), np.log(made.half_lives_s())
    rows += list(zip(*logs, found.half_life_error, strict=True))
    return [(float(true), float(value), float(error)) for true, value, error in rows]


def covered(rows: Sequence[tuple[float, float, float]]) -> float:
    return float(np.mean([abs(value - true) < 1.96 * error for true, value, error in rows]))


@pytest.mark.slow
@pytest.mark.parametrize(("model", "shape", "tries"), [(system(), "axes", 30), (COUPLED, "coupled", 8)])
def test_nineteen_of_twenty_intervals_hold_the_truth(model: Reverting, shape: str, tries: int) -> None:
    rows: list[tuple[float, float, float]] = []
    for seed in range(tries):
        found = fit(own_steps(talk(model, 160, 10 * seed)), shape)  # type: ignore[arg-type]  # one of the two
        rows += truths(model, found)
    assert 0.90 <= covered(rows) <= 0.99, (len(rows), covered(rows))
    # Nor are the intervals wide: the errors are as large as the doubts say, by the mean of their squares.
    assert 0.7 < np.mean([((value - true) / error) ** 2 for true, value, error in rows]) < 1.4


def test_the_better_shape_is_taken() -> None:
    alone = own_steps(talk(system(), 160, 3))
    assert fit(alone).shape == "axes"
    assert fit(own_steps(talk(COUPLED, 300, 3))).shape == "coupled"
    assert fit(alone, "coupled").log_likelihood >= fit(alone, "axes").log_likelihood


@pytest.mark.slow
def test_many_feelings_are_climbed_by_a_sample_first_and_end_where_all_lead() -> None:
    found = own_steps(talk(system(), 5000, 5))
    assert len(_drawn(found)) < len(found)
    space = _axes(found, True)
    theta, _ = _climbed(found, space, space.start)
    told = fit(found, "axes")
    # Both are within a hundredth of a standard error of the top.
    assert np.log(np.diagonal(told.model.pull)) == pytest.approx(theta[:3], abs=0.001)


def test_unsure_feelings_count_less() -> None:
    series = talk(system(), 160, 7)
    chance = np.random.default_rng(1)
    wrong = (np.arange(len(series)) % 4 == 0) & series.of_whom(["alice"])
    pads = np.where(wrong[:, None], chance.uniform(-1.0, 1.0, (len(series), 3)), series.pads)
    sure, unsure = (
        fit(own_steps(Series(series.at_s, pads, np.where(wrong, confidence, 1.0), series.who)), "axes")
        for confidence in (1.0, 0.02)
    )
    true = fit(own_steps(series), "axes")
    away = [np.abs(one.model.push - true.model.push).max() for one in (unsure, sure)]
    assert away[0] < 0.8 * away[1]


def test_errors_of_reading_do_not_pass_for_feelings_that_fade() -> None:
    rows: list[tuple[float, float, float]] = []
    for seed in range(6):
        found = fit(own_steps(talk(MISREAD, 160, 10 * seed)), "axes")
        rows += truths(MISREAD, found)
        read = zip(np.sqrt(MISREAD.reading), np.sqrt(found.model.reading), found.reading_error, strict=True)
        rows += [(float(true), float(value), float(error)) for true, value, error in read]
    assert covered(rows) >= 0.85, covered(rows)
    assert not fit(own_steps(talk(system(), 160, 3)), "axes").model.reading.any()


def test_a_long_run_covariance_is_that_of_sums() -> None:
    chance = np.random.default_rng(3)
    steady = chance.standard_normal((2000, 1, 402))
    # x_t = e_t + e_{t-1} / 2: sums of n have a variance of 9/4 n.
    sums = [long_run(one[:, 1:] + 0.5 * one[:, :-1])[0, 0] for one in steady[:200]]
    assert np.mean(sums) / 401 == pytest.approx(2.25, rel=0.1)
    assert (steady[:, 0, 1:] + 0.5 * steady[:, 0, :-1]).sum(axis=1).var() / 401 == pytest.approx(2.25, rel=0.1)


def test_what_was_read_is_believed_as_far_as_readings_are_right() -> None:
    model, read = replace(system(), reading=np.full(3, 0.03)), PAD(0.8, -0.7, 0.65)
    now = model.forecast_read(read, 0.0)
    assert np.asarray(now.pad) == pytest.approx(0.5 * (np.asarray(read) + model.rest))
    assert now.spread == pytest.approx((math.sqrt(0.015),) * 3)
    assert system().forecast_read(read, 60.0) == system().forecast(read, 60.0)
    with pytest.raises(InvalidValue, match="reading"):
        replace(model, reading=np.array([0.1, -0.1, 0.0]))


def test_what_is_read_half_as_surely_is_half_as_strong() -> None:
    series = talk(system(), 120, 8)
    theirs = ~series.of_whom(["alice"])
    half = Series(series.at_s, series.pads, np.where(theirs, 0.5, 1.0), series.who)
    assert own_steps(half).kicks == pytest.approx(0.5 * own_steps(series).kicks)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([Row(100.0 * n, PAD(0.1 * (n % 3), 0.1, 0.2)) for n in range(5)], "at least 9"),
        ([Row(100.0 * n, PAD(0.1 * (n % 3), 0.1, 0.1 * (n % 2))) for n in range(20)], "arousal that changes"),
        ([Row(0.0, PAD(0.1 * (n % 3), 0.1, 0.2)) for n in range(20)], "at least 2 apart"),
        ([], "at least 2 of them"),
    ],
)
def test_a_history_that_says_nothing_is_refused(rows: list[Row], told: str) -> None:
    found = Series.of(rows)
    with pytest.raises(InvalidValue, match=told):
        fit(steps(found, found.of_whom([None])))


def test_a_shape_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidValue, match="axes or coupled"):
        fit(own_steps(talk(system(), 20, 1)), "round")  # type: ignore[arg-type]  # that is the point
    with pytest.raises(InvalidValue, match="at least 41"):
        fit(own_steps(talk(system(), 20, 1)), "coupled")


def of_pair(seed: int, count: int = 60, push: float = 0.4) -> Equation:
    return equation(memories(talk(system(push=(push, 0.3, -0.2)), count, seed)), "alice", "bob")


def test_an_equation_is_plain_and_reads_back() -> None:
    found = of_pair(1)
    assert Equation.from_plain(found.to_plain()) == found
    assert (found.other, found.id, equation_id(None)) == ("Bob", "equation:bob", "equation")
    for spoilt in ({}, found.to_plain() | {"pull": [[0.0] * 3] * 3}, found.to_plain() | {"rest": [0.1]}):
        with pytest.raises(InvalidValue, match="plain values"):
            Equation.from_plain(spoilt)


def test_an_equation_tells_how_far_readings_err() -> None:
    found = equation(memories(talk(replace(system(), reading=np.full(3, 0.02)), 160, 1)), "alice", "bob")
    assert found.reading == pytest.approx((math.sqrt(0.02),) * 3, rel=0.4)
    assert "\nread   ± 0.1" in str(found)
    assert found.coefficients["reading pleasure"].error == found.reading_error[0]
    assert Equation.from_plain(found.to_plain()) == found
    assert found.model.reading == pytest.approx(np.square(found.reading))
    older = {key: value for key, value in found.to_plain().items() if not key.startswith("reading")}
    assert Equation.from_plain(older).reading == (0.0, 0.0, 0.0)
    assert abs(found.forecast(0.0).pad.pleasure - found.rest[0]) < abs(found.last.pleasure - found.rest[0])


def test_an_equation_says_what_it_found() -> None:
    found = of_pair(1)
    assert found.sentence.startswith("With Bob, alice rests at pleasure +")
    assert "Bob's pleasure moves alice's own by +0." in found.sentence
    lines = str(found).splitlines()
    assert lines[0].startswith("dx = -K (x - μ) dt + B u dt + noise")
    assert f"{found.push[0][0]:+.3f} ± {found.push_error[0][0]:.3f}" in str(found)
    low, high = found.half_life("pleasure").interval
    assert low < found.half_lives_s[0] < high
    assert low * high == pytest.approx(found.half_lives_s[0] ** 2)
    assert found.begin - START < timedelta(days=1)
    alone = equation(memories(talk(system(), 60, 1)), "alice")
    assert alone.sentence.startswith("alice rests at")
    assert "B " not in str(alone)


def test_an_equation_forecasts_from_its_last_feeling() -> None:
    found = of_pair(1)
    assert found.forecast(0.0).pad == found.last
    later = found.forecast(HOUR_S, heard=[(0.5 * HOUR_S, PAD(1.0, 0.0, 0.0))])
    assert later.pad.pleasure > found.forecast(HOUR_S).pad.pleasure


def test_an_equation_differs_from_itself_by_nothing_and_from_others_where_they_do() -> None:
    one, other = of_pair(1, 120), of_pair(2, 120, push=-0.3)
    same = difference(one, one)
    assert (same.noted, same.wasserstein, same.kl) == ((), 0.0, 0.0)
    assert "no number differs" in str(same)
    told = difference(one, other)
    assert told.changes[0].name == "push pleasure by pleasure"
    assert told.changes[0].z < -5.0
    back = difference(other, one)
    assert {change.name: -change.z for change in back.changes} == pytest.approx(
        {change.name: change.z for change in told.changes}
    )
    assert back.wasserstein == pytest.approx(told.wasserstein)


def test_distances_of_gaussians_are_those_of_one_axis() -> None:
    mean, spread = np.array([0.1, 0.0, 0.0]), np.diag([0.04, 0.01, 0.01])
    other_mean, other = np.array([0.4, 0.0, 0.0]), np.diag([0.09, 0.01, 0.01])
    # On one axis: (0.3)² + (0.3 - 0.2)², and log(0.3 / 0.2) + (0.04 + 0.09) / (2 × 0.09) - 1/2.
    assert wasserstein(mean, spread, other_mean, other) == pytest.approx(math.sqrt(0.09 + 0.01))
    assert divergence(mean, spread, other_mean, other) == pytest.approx(math.log(1.5) + 0.13 / 0.18 - 0.5)


def test_the_design_of_an_empty_system_has_no_pushes() -> None:
    assert System(np.eye(3), np.eye(3), coupled=True, moved=False).pushes == ()
