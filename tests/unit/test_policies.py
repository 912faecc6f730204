"""The laws of decay, importance and forgetting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.policies.decay import Decay, DecayPolicy, Exponential, Never, PowerLaw
from quantum_memory.policies.forgetting import Forgetting, Standing, standings
from quantum_memory.policies.importance import Met, Salience
from quantum_memory.types import NEUTRAL, PAD

AGES = st.lists(st.floats(-1e9, 1e12), min_size=1, max_size=20).map(sorted)
POLICIES = (
    st.just(Never())
    | st.builds(Exponential, st.floats(1e-3, 1e9))
    | st.builds(PowerLaw, st.floats(1e-3, 1e9), st.floats(0.0, 5.0))
)
TRACES = st.tuples(st.floats(1.0, 1e6), st.floats(1.0, 1e6)).map(sorted)
AXES = st.floats(-1.0, 1.0)


@settings(deadline=None)
@given(AGES, POLICIES)
def test_retention_starts_whole_and_never_rises(ages: Sequence[float], policy: DecayPolicy) -> None:
    age_s = np.array(ages)
    kept = policy.retention(age_s)
    assert ((kept >= 0) & (kept <= 1)).all()
    assert (np.diff(kept) <= 0).all()
    assert (policy.retention(np.minimum(age_s, 0.0)) == 1).all()


def test_half_is_left_after_a_half_life_and_a_power_law_keeps_a_tail() -> None:
    assert Exponential(10.0).retention(np.array([10.0, 20.0])).tolist() == [0.5, 0.25]
    assert PowerLaw(10.0, 0.5).retention(np.array([30.0])).tolist() == [0.5]
    late = np.array([1e4])
    assert PowerLaw(10.0, 0.5).retention(late)[0] > 1e6 * Exponential(10.0).retention(late)[0]


def test_decay_that_makes_no_sense_is_refused() -> None:
    for make in (
        lambda: Exponential(0.0),
        lambda: PowerLaw(-1.0),
        lambda: PowerLaw(1.0, -0.5),
        lambda: Salience(concepts=1.5),
    ):
        with pytest.raises(OutOfRange):
            make()
    with pytest.raises(NotFinite):
        Exponential(float("inf"))


@settings(deadline=None)
@given(st.builds(PAD, AXES, AXES, AXES), st.floats(0.0, 1.0), st.none() | st.floats(0.0, 1.0))
def test_importance_stays_in_bounds_and_what_was_given_wins(pad: PAD, confidence: float, stated: float | None) -> None:
    found = Salience().importance(pad, confidence, stated)
    assert 0.0 <= found <= 1.0
    if stated is not None:
        assert found == stated
    else:
        louder = PAD(*(float(np.sign(axis)) for axis in (pad.pleasure, pad.arousal, pad.dominance)))
        assert found <= Salience().importance(louder, 1.0, None) + 1e-12


@settings(deadline=None)
@given(
    st.builds(PAD, AXES, AXES, AXES),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)).map(sorted),
)
def test_importance_rises_with_the_standing_of_concepts(
    pad: PAD, confidence: float, share: float, standings: list[float]
) -> None:
    rule, low, high = Salience(concepts=share), *standings
    felt, less, more = (rule.importance(pad, confidence, None, standing) for standing in (0.0, low, high))
    assert 0.0 <= felt <= less <= more <= 1.0
    assert felt == Salience().importance(pad, confidence, None, high)
    assert more <= felt + share * high + 1e-12
    assert rule.importance(pad, confidence, 0.25, high) == 0.25
    assert rule.reads_graph == (share > 0.0)


def test_what_was_not_felt_or_not_trusted_does_not_matter_and_the_utmost_matters_most() -> None:
    rule = Salience()
    assert rule.importance(NEUTRAL, 1.0, None) == 0.0
    assert rule.importance(PAD(1, 1, 1), 0.0, None) == 0.0
    assert rule.importance(PAD(1, -1, 1), 1.0, None) == pytest.approx(1.0)
    with pytest.raises(OutOfRange):
        rule.importance(NEUTRAL, 1.0, 1.5)
    with pytest.raises(OutOfRange):
        rule.importance(NEUTRAL, 2.0, None)


@settings(deadline=None)
@given(AGES, POLICIES, TRACES)
def test_more_traces_never_lower_what_is_left_and_one_is_as_if_nothing_was_said(
    ages: Sequence[float], policy: DecayPolicy, traces: list[float]
) -> None:
    age_s = np.array(ages)
    fewer, more = (policy.retention(age_s, np.full(len(ages), count)) for count in traces)
    assert ((fewer >= 0) & (more <= 1)).all()
    assert (more >= fewer - 1e-12).all()
    assert (np.diff(more) <= 1e-12).all()
    assert policy.retention(age_s, np.ones(len(ages))) == pytest.approx(policy.retention(age_s), abs=1e-12)
    assert (policy.retention(np.minimum(age_s, 0.0), np.full(len(ages), traces[1])) == 1).all()


def test_long_after_n_traces_are_worth_n_times_one_as_in_the_base_level_of_act_r() -> None:
    law, late = PowerLaw(10.0, 0.5), np.array([1e9])
    assert law.retention(late, np.array([4.0]))[0] == pytest.approx(4.0 * law.retention(late)[0], rel=1e-3)
    half_lives = Exponential(10.0)
    assert half_lives.retention(np.array([40.0]), np.array([4.0])).tolist() == [0.5]


KINDS = st.lists(st.sampled_from(["utterance", "fact", "episode"]), min_size=1, max_size=12)


@settings(deadline=None)
@given(KINDS, st.data(), st.floats(0.0, 10.0))
def test_decay_by_kind_is_that_of_each_kind_alone_and_a_use_never_weakens(
    kinds: list[str], data: st.DataObject, gain: float
) -> None:
    floats = st.lists(st.floats(0.0, 1e9), min_size=len(kinds), max_size=len(kinds)).map(np.array)
    ages, since, uses = data.draw(floats), data.draw(floats), data.draw(floats).round() % 50
    decay = Decay(PowerLaw(100.0), {"fact": Never(), "episode": Exponential(1e6)}, gain)
    alone = decay.retention(ages, kinds)
    for number, kind in enumerate(kinds):
        policy = decay.kinds.get(kind, decay.default)
        assert alone[number] == pytest.approx(float(policy.retention(ages[number : number + 1])[0]), abs=1e-12)
    since = np.where(uses > 0, np.minimum(since, ages), np.nan)
    used = decay.retention(ages, kinds, uses, since)
    assert (used >= alone - 1e-12).all()
    assert (used <= 1).all()
    assert (decay.retention(ages, kinds, uses + 1, np.fmin(since, ages)) >= used - 1e-12).all()


def test_decay_refuses_what_does_not_fit_together() -> None:
    decay = Decay()
    with pytest.raises(ShapeMismatch):
        decay.retention(np.zeros(2), ["fact"])
    with pytest.raises(ShapeMismatch):
        decay.retention(np.zeros(1), ["fact"], np.zeros(2), np.zeros(1))
    with pytest.raises(InvalidValue, match="both or neither"):
        decay.retention(np.zeros(1), ["fact"], np.zeros(1))
    with pytest.raises(OutOfRange):
        Decay(gain=101.0)
    assert decay.retention(np.zeros(0), []).shape == (0,)


UNIT = st.floats(0.0, 1.0)
SALIENCES = st.builds(Salience, UNIT, UNIT, UNIT, UNIT)


@settings(deadline=None)
@given(SALIENCES, st.builds(PAD, AXES, AXES, AXES), UNIT, UNIT, st.tuples(UNIT, UNIT).map(sorted), st.integers(0, 99))
def test_importance_rises_with_surprise_and_repetition_and_its_parts_add_up(
    rule: Salience, pad: PAD, confidence: float, standing: float, surprises: list[float], repeats: int
) -> None:
    met = Met(surprises[1], repeats)
    found = rule.importance(pad, confidence, None, standing, met)
    parts = rule.parts(pad, confidence, standing, met)
    assert list(parts) == ["feeling", "surprise", "repetition", "concepts"]
    assert found == pytest.approx(math.fsum(parts.values()))
    assert all(part >= 0.0 for part in parts.values())
    assert 0.0 <= found <= 1.0
    assert rule.importance(pad, confidence, None, standing, Met(surprises[0], repeats)) <= found + 1e-12
    assert rule.importance(pad, confidence, None, standing, met._replace(repeats=repeats + 1)) >= found - 1e-12
    assert rule.importance(pad, confidence, 0.25, standing, met) == 0.25
    if not rule.reads_memories:
        assert found == rule.importance(pad, confidence, None, standing)


def test_what_is_said_again_matters_by_half_of_what_is_left_each_time() -> None:
    rule = Salience(repetition=1.0)
    told = [rule.importance(NEUTRAL, 1.0, None, 0.0, Met(0.0, count)) for count in range(4)]
    assert told == [0.0, 0.5, 0.75, 0.875]
    with pytest.raises(OutOfRange):
        rule.importance(NEUTRAL, 1.0, None, 0.0, Met(1.5, 0))
    with pytest.raises(OutOfRange):
        Salience(surprise=-0.1)


STANDINGS = st.lists(
    st.builds(
        Standing,
        st.integers(0, 99).map(str),
        st.sampled_from(["utterance", "fact", "note"]),
        st.sampled_from([(), ("keep",), ("a", "b")]),
        st.sampled_from([0.0, 10.0, 1e6]),
        UNIT,
        UNIT,
    ),
    max_size=20,
    unique_by=lambda one: one.id,
)
RULES = st.builds(
    Forgetting,
    UNIT,
    UNIT,
    st.sampled_from([{}, {"note": 5.0}]),
    st.none() | st.integers(0, 20),
    st.sampled_from([frozenset(), frozenset({"fact"})]),
    st.sampled_from([frozenset(), frozenset({"keep"})]),
)


@settings(deadline=None)
@given(STANDINGS, RULES, st.randoms(use_true_random=False))
def test_forgetting_spares_what_is_protected_and_what_is_left_is_left_for_good(
    memories: list[Standing], rule: Forgetting, chance: Random
) -> None:
    gone = rule.goes(memories)
    by_id = {one.id: one for one in memories}
    assert not any(by_id[one].kind in rule.kinds or rule.tags & set(by_id[one].tags) for one in gone)
    assert all(gone.values())
    left = [one for one in memories if one.id not in gone]
    assert rule.goes(left) == {}
    shuffled = list(memories)
    chance.shuffle(shuffled)
    assert rule.goes(shuffled) == gone
    if rule.most is not None:
        protected = sum(one.kind in rule.kinds or bool(rule.tags & set(one.tags)) for one in memories)
        assert len(left) <= max(rule.most, protected)


def test_what_faded_goes_unless_it_matters_and_of_too_many_the_least_worth() -> None:
    faded = Standing("a", "utterance", (), 100.0, 0.01, 0.1)
    rule = Forgetting(floor=0.05, spared=0.5)
    assert rule.goes([faded])["a"] == "retention 0.010 below 0.05, importance 0.100 below 0.5"
    assert rule.goes([faded._replace(importance=0.6)]) == {}
    assert Forgetting(floor=0.0, oldest_s={"utterance": 50.0}).goes([faded])["a"].endswith("more than 50 s")
    rows = [("x", "utterance", (), 0.9), ("y", "utterance", (), 0.1), ("z", "fact", (), 0.0)]
    made = standings(rows, np.array([1.0, 2.0, 3.0]), np.array([0.2, 0.2, 0.2]))
    assert list(Forgetting(floor=0.0, most=1, kinds=frozenset({"fact"})).goes(made)) == ["x", "y"]
    assert list(Forgetting(floor=0.0, most=2).goes(made)) == ["z"]
    wrong: list[dict[str, Any]] = [{"floor": 1.5}, {"most": -1}, {"oldest_s": {"a": -1.0}}]
    for fields in wrong:
        with pytest.raises(OutOfRange):
            Forgetting(**fields)
