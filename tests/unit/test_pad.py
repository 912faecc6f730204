"""The vector of affect: bounds, scales, blending, means, distances and directions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import quantum_memory
from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.types import NEUTRAL, PAD

UNIT = st.floats(-1.0, 1.0)
PADS = st.builds(PAD, UNIT, UNIT, UNIT)
SHARES = st.floats(0.0, 1.0)
ANY = st.floats(allow_nan=False, allow_infinity=False)


def near(one: PAD, other: PAD, tolerance: float = 1e-12) -> bool:
    return one.distance(other) <= tolerance


def test_the_class_has_two_names() -> None:
    assert quantum_memory.PADVector is quantum_memory.PAD


@given(st.tuples(*[st.floats(1.0, 9.0)] * 3))
def test_ratings_of_one_to_nine_are_moved_and_halved_twice(ratings: tuple[float, float, float]) -> None:
    assert np.allclose(PAD.from_scale(*ratings), (np.array(ratings) - 5.0) / 4.0, atol=1e-15)


@given(PADS, st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_any_scale_comes_back(pad: PAD, low: float, length: float) -> None:
    high = low + length
    axes = np.asarray(pad).tolist()
    one, two, three = (min(max(low + (value + 1.0) / 2.0 * length, low), high) for value in axes)
    assert np.allclose(PAD.from_scale(one, two, three, low, high), pad, atol=1e-9 * max(1.0, abs(low) / length * 10))


@given(ANY, ANY, ANY)
def test_clipping_gives_the_nearest_point_of_the_cube(pleasure: float, arousal: float, dominance: float) -> None:
    pad = PAD.clipped(pleasure, arousal, dominance)
    assert np.array_equal(pad, np.clip([pleasure, arousal, dominance], -1.0, 1.0))
    assert PAD.clipped(*np.asarray(pad).tolist()) == pad


@given(PADS, PADS, SHARES)
def test_a_blend_lies_on_the_line_between(one: PAD, other: PAD, share: float) -> None:
    blend = one.blend(other, share)
    assert np.allclose(blend, (1.0 - share) * np.asarray(one) + share * np.asarray(other), atol=1e-15)
    assert (one.blend(other, 0.0), one.blend(other, 1.0)) == (one, other)
    assert one.distance(blend) == pytest.approx(share * one.distance(other), abs=1e-12)
    assert near(blend, other.blend(one, 1.0 - share))


@given(st.lists(st.tuples(PADS, st.floats(1e-6, 1e6)), min_size=1, max_size=12))
def test_a_weighted_mean_is_numpys_and_knows_no_order(rows: list[tuple[PAD, float]]) -> None:
    pads, weights = [pad for pad, _ in rows], [weight for _, weight in rows]
    mean = PAD.mean(pads, weights)
    assert np.allclose(mean, np.average([np.asarray(pad) for pad in pads], axis=0, weights=weights), atol=1e-12)
    assert near(mean, PAD.mean(pads[::-1], weights[::-1]))
    assert near(PAD.mean(pads), PAD.mean(pads, [3.0] * len(pads)))


@given(PADS, PADS, SHARES)
def test_the_mean_of_two_is_their_blend(one: PAD, other: PAD, share: float) -> None:
    assert near(PAD.mean([one, other], [1.0 - share, share]), one.blend(other, share))


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1e200, 1e300])
def test_weights_count_in_proportion_however_large_they_are(scale: float) -> None:
    one, other = PAD(1.0, -1.0, 0.5), PAD(-1.0, 1.0, 0.5)
    assert np.allclose(PAD.mean([one, other], [scale, scale]), (0.0, 0.0, 0.5), atol=1e-12)
    assert np.allclose(PAD.mean(iter([one, other]), iter([scale, 0.0])), one)


@given(PADS, PADS, PADS)
def test_distance_is_one(one: PAD, other: PAD, third: PAD) -> None:
    assert one.distance(other) == other.distance(one)
    assert one.distance(other) == pytest.approx(float(np.linalg.norm(np.subtract(one, other))), abs=1e-15)
    assert one.distance(third) <= one.distance(other) + other.distance(third) + 1e-12
    assert one.distance(one) == 0.0
    assert one.distance(other) <= 2.0 * math.sqrt(3.0) + 1e-12


@given(PADS, SHARES)
def test_intensity_is_the_share_of_the_strongest_feeling_that_there_is(pad: PAD, share: float) -> None:
    assert 0.0 <= pad.intensity <= 1.0
    assert pad.intensity == pytest.approx(NEUTRAL.distance(pad) / math.sqrt(3.0), abs=1e-15)
    assert NEUTRAL.blend(pad, share).intensity == pytest.approx(share * pad.intensity, abs=1e-12)
    assert (NEUTRAL.intensity, PAD(-1.0, 1.0, -1.0).intensity) == (0.0, 1.0)


@given(PADS)
def test_a_normalised_feeling_is_a_direction(pad: PAD) -> None:
    unit = pad.normalised()
    if pad == NEUTRAL:
        assert unit == pad
        return
    assert NEUTRAL.distance(unit) == pytest.approx(1.0, abs=1e-12)
    assert near(unit.normalised(), unit)
    if NEUTRAL.distance(pad) > 1e-300:  # what is smaller loses digits when it is halved
        assert near(NEUTRAL.blend(pad, 0.5).normalised(), unit)


def test_the_least_feeling_there_can_be_has_a_direction() -> None:
    assert PAD(0.0, -5e-324, 0.0).normalised() == PAD(0.0, -1.0, 0.0)


NAN = math.nan
BAD: list[tuple[str, Callable[[], Any], type[QuantumMemoryError], str]] = [
    ("beyond the cube", lambda: PAD(1.1, 0, 0), OutOfRange, "pleasure: 1.1"),
    ("no number", lambda: PAD(0, NAN, 0), NotFinite, "arousal"),
    ("a rating off the scale", lambda: PAD.from_scale(5, 5, 9.5), OutOfRange, "dominance: 9.5"),
    ("a scale of no length", lambda: PAD.from_scale(1, 1, 1, 1, 1), InvalidValue, "more than low"),
    ("a scale upside down", lambda: PAD.from_scale(1, 1, 1, 2, 1), InvalidValue, "more than low"),
    ("a scale without an end", lambda: PAD.from_scale(1, 1, 1, 0, math.inf), NotFinite, "high"),
    ("clipped nothing", lambda: PAD.clipped(0, 0, NAN), NotFinite, "dominance"),
    ("clipped infinity", lambda: PAD.clipped(math.inf, 0, 0), NotFinite, "pleasure"),
    ("a text", lambda: PAD.clipped("1", 0, 0), InvalidValue, "pleasure"),  # type: ignore[arg-type]  # is refused
    ("too much of another", lambda: NEUTRAL.blend(NEUTRAL, 1.5), OutOfRange, "share: 1.5"),
    ("a blend with no PAD", lambda: NEUTRAL.blend((0, 0, 0), 0.5), InvalidValue, "a PAD"),  # type: ignore[arg-type]  # is refused
    ("a distance to no PAD", lambda: NEUTRAL.distance(0.5), InvalidValue, "a PAD"),  # type: ignore[arg-type]  # is refused
    ("the mean of nothing", lambda: PAD.mean([]), InvalidValue, "one feeling or more"),
    ("the mean of no PADs", lambda: PAD.mean([0.5]), InvalidValue, "a PAD"),  # type: ignore[list-item]  # is refused
    ("too few weights", lambda: PAD.mean([NEUTRAL, NEUTRAL], [1.0]), ShapeMismatch, "weights"),
    ("weights of nothing", lambda: PAD.mean([NEUTRAL], [0.0]), InvalidValue, "above 0"),
    ("a weight below 0", lambda: PAD.mean([NEUTRAL], [-1.0]), OutOfRange, "weights: -1"),
    ("an endless weight", lambda: PAD.mean([NEUTRAL], [math.inf]), NotFinite, "weights"),
]


@pytest.mark.parametrize(("make", "error", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_is_no_feeling_is_named(make: Callable[[], Any], error: type[QuantumMemoryError], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
