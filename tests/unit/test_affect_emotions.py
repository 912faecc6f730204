"""The table of named emotions and the names nearest to a feeling."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, OutOfRange
from quantum_memory.memory.affect.emotions import EMOTIONS, WIDTH, named, nearest
from quantum_memory.types import NEUTRAL, PAD

UNIT = st.floats(-1.0, 1.0)
PADS = st.builds(PAD, UNIT, UNIT, UNIT)


def test_anchors_of_the_table_are_the_published_ones() -> None:
    assert EMOTIONS["joy"] == PAD(0.76, 0.48, 0.35)
    assert EMOTIONS["anger"] == PAD(-0.51, 0.59, 0.25)
    assert EMOTIONS["fear"] == PAD(-0.64, 0.60, -0.43)
    assert EMOTIONS["neutral"] == NEUTRAL
    assert len(EMOTIONS) >= 20
    assert len(set(EMOTIONS.values())) == len(EMOTIONS)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        EMOTIONS["joy"] = NEUTRAL  # type: ignore[index]  # that it is refused is the point


@pytest.mark.parametrize("name", EMOTIONS)
def test_an_emotion_is_nearest_to_its_own_point(name: str) -> None:
    assert nearest(EMOTIONS[name], 1)[0][0] == name


def test_nothing_but_neutral_is_likely_at_the_origin() -> None:
    (first, first_p), (_, second_p) = nearest(NEUTRAL, 2)
    assert first == "neutral"
    assert second_p < 0.1 < first_p


@given(PADS)
@settings(deadline=None, max_examples=100)
def test_probabilities_are_the_softmin_of_squared_distance(pad: PAD) -> None:
    slow = {
        name: math.exp(
            -(
                (pad.pleasure - point.pleasure) ** 2
                + (pad.arousal - point.arousal) ** 2
                + (pad.dominance - point.dominance) ** 2
            )
            / (2 * WIDTH**2)
        )
        for name, point in EMOTIONS.items()
    }
    total = sum(slow.values())
    named = nearest(pad, len(EMOTIONS))
    assert sum(p for _, p in named) == pytest.approx(1.0)
    for name, p in named:
        assert p == pytest.approx(slow[name] / total, abs=1e-12)
    assert [p for _, p in named] == sorted((p for _, p in named), reverse=True)


@given(PADS, st.integers(1, len(EMOTIONS)))
@settings(deadline=None, max_examples=50)
def test_a_shorter_answer_is_the_head_of_a_longer_one(pad: PAD, top: int) -> None:
    assert nearest(pad, top) == nearest(pad, len(EMOTIONS))[:top]


@pytest.mark.parametrize("top", [0, -1, len(EMOTIONS) + 1])
def test_top_outside_the_table_is_refused(top: int) -> None:
    with pytest.raises(OutOfRange, match=str(top)):
        nearest(NEUTRAL, top)


@pytest.mark.parametrize("top", [1.5, True, "3", None])
def test_top_must_be_a_whole_number(top: object) -> None:
    with pytest.raises(InvalidValue):
        nearest(NEUTRAL, top)  # type: ignore[arg-type]  # that it is refused is the point


@given(st.lists(PADS, max_size=20))
@settings(deadline=None, max_examples=100)
def test_many_feelings_are_named_as_each_alone(pads: list[PAD]) -> None:
    assert named([*pads, *EMOTIONS.values()]) == [*(nearest(pad, 1)[0][0] for pad in pads), *EMOTIONS]
