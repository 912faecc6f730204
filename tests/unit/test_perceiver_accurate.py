"""The accurate reading: a second encoder beside the head, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quantum_memory.actors.perceivers import make_perceiver
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.perceiver import MiniLMPerceiver
from quantum_memory.settings import load
from tests.unit.test_perceiver import LONG, ODD, PLAIN, assert_same

QUOTING = "> I hate you and I always will\n\nThank you, you are wonderful!"


@pytest.fixture(scope="module")
def accurate() -> MiniLMPerceiver:
    made = make_perceiver(load({"perception": {"reader": "accurate", "device": "cpu", "cache": 0}}))
    assert isinstance(made, MiniLMPerceiver)
    return made


@pytest.fixture(scope="module")
def default() -> MiniLMPerceiver:
    return MiniLMPerceiver(cache_size=0)


def test_the_embedding_stays_and_the_feeling_is_another(accurate: MiniLMPerceiver, default: MiniLMPerceiver) -> None:
    for one, other in zip(accurate.perceive(PLAIN), default.perceive(PLAIN), strict=True):
        np.testing.assert_array_equal(one.embedding, other.embedding)
        assert one.pad != other.pad
        assert one.pad.distance(other.pad) < 0.6


def test_the_same_text_gets_the_same_percept_in_any_batch(accurate: MiniLMPerceiver) -> None:
    texts = [*PLAIN, *ODD[:6], LONG, QUOTING]
    together = accurate.perceive(texts)
    for text, percept in zip(texts, together, strict=True):
        assert_same(percept, accurate.perceive([text])[0])


def test_pleasant_and_unpleasant_are_told_apart_also_beside_a_quotation(accurate: MiniLMPerceiver) -> None:
    glad, sad, quoting = accurate.perceive(["I love this, what a wonderful day!", "I hate this, it is awful.", QUOTING])
    assert glad.pad.pleasure > 0.3 > -0.3 > sad.pad.pleasure
    assert quoting.pad.pleasure > 0.3
    assert quoting.notes == ("without quoted words",)


def test_a_long_text_says_in_how_many_windows_it_was_read(default: MiniLMPerceiver) -> None:
    short, long = default.perceive(["A short text.", LONG])
    assert short.notes == ()
    assert long.notes == ("read in 4 windows",)


def test_it_is_there_for_the_packaged_model_alone(tmp_path: Path) -> None:
    from tests.unit.test_perceiver import write_tiny_bert

    with pytest.raises(InvalidValue, match="which the PAD head was trained on"):
        MiniLMPerceiver(model=str(write_tiny_bert(tmp_path / "model")), accurate=True)
