"""The laws of decay and importance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import NotFinite, OutOfRange
from quantum_memory.policies.decay import DecayPolicy, Exponential, PowerLaw
from quantum_memory.policies.importance import Intensity
from quantum_memory.types import NEUTRAL, PAD

AGES = st.lists(st.floats(-1e9, 1e12), min_size=1, max_size=20).map(sorted)
POLICIES = st.builds(Exponential, st.floats(1e-3, 1e9)) | st.builds(PowerLaw, st.floats(1e-3, 1e9), st.floats(0.0, 5.0))
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
    for make in (lambda: Exponential(0.0), lambda: PowerLaw(-1.0), lambda: PowerLaw(1.0, -0.5), lambda: Intensity(1.5)):
        with pytest.raises(OutOfRange):
            make()
    with pytest.raises(NotFinite):
        Exponential(float("inf"))


@settings(deadline=None)
@given(st.builds(PAD, AXES, AXES, AXES), st.floats(0.0, 1.0), st.none() | st.floats(0.0, 1.0))
def test_importance_stays_in_bounds_and_what_was_given_wins(pad: PAD, confidence: float, stated: float | None) -> None:
    found = Intensity().importance(pad, confidence, stated)
    assert 0.0 <= found <= 1.0
    if stated is not None:
        assert found == stated
    else:
        louder = PAD(*(float(np.sign(axis)) for axis in (pad.pleasure, pad.arousal, pad.dominance)))
        assert found <= Intensity().importance(louder, 1.0, None) + 1e-12


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
    rule, low, high = Intensity(share), *standings
    felt, less, more = (rule.importance(pad, confidence, None, standing) for standing in (0.0, low, high))
    assert 0.0 <= felt <= less <= more <= 1.0
    assert felt == Intensity().importance(pad, confidence, None, high)
    assert more <= felt + share * high + 1e-12
    assert rule.importance(pad, confidence, 0.25, high) == 0.25
    assert rule.reads_graph == (share > 0.0)


def test_what_was_not_felt_or_not_trusted_does_not_matter_and_the_utmost_matters_most() -> None:
    rule = Intensity()
    assert rule.importance(NEUTRAL, 1.0, None) == 0.0
    assert rule.importance(PAD(1, 1, 1), 0.0, None) == 0.0
    assert rule.importance(PAD(1, -1, 1), 1.0, None) == pytest.approx(1.0)
    with pytest.raises(OutOfRange):
        rule.importance(NEUTRAL, 1.0, 1.5)
    with pytest.raises(OutOfRange):
        rule.importance(NEUTRAL, 2.0, None)
