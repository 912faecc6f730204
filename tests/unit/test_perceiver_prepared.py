"""What MiniLM's percepts make of texts that are not plain English: signs, quotations, languages, data, and nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.memory.affect.feeling import Feeling
from quantum_memory.memory.affect.perceiver import MiniLMPerceiver
from quantum_memory.memory.affect.preparation import UNREADABLE
from quantum_memory.types import PAD, Percept

PLEASANT = ["😊", "😍", "🥰", "❤️", "🎉", "👍", "😂", "😁", "🤩", "😘"]
UNPLEASANT = ["😢", "😭", "😡", "💔", "🤮", "😱", "😞", "😠", "🤬", "👎"]
ODD = ["", " ", "\x00\x01\x02\x03", "\ud83d", "> a\n", "> a\nb", "😂", ":(", "我很伤心", "[quote]a[/quote] b", "No."]


@pytest.fixture(scope="module")
def perceiver() -> MiniLMPerceiver:
    return MiniLMPerceiver(cache_size=0)


def assert_same(left: Percept, right: Percept) -> None:
    assert (left.language, left.notes) == (right.language, right.notes)
    for one, other in zip((left.embedding, *numbers(left)), (right.embedding, *numbers(right)), strict=True):
        assert np.abs(one - other).max() <= 1e-5


def numbers(percept: Percept) -> list[np.ndarray]:
    return [np.asarray(percept.pad), np.array([percept.confidence]), np.array(percept.spread or ())]


def test_emoji_alone_feel_as_people_mean_them(perceiver: MiniLMPerceiver) -> None:
    for signs, side in ((PLEASANT, 1.0), (UNPLEASANT, -1.0)):
        for sign, percept in zip(signs, perceiver.perceive(signs), strict=True):
            assert side * percept.pad.pleasure > 0.05, sign


def test_emoticons_move_a_neutral_text(perceiver: MiniLMPerceiver) -> None:
    up, plain, down = (one.pad.pleasure for one in perceiver.perceive(["I saw it :)", "I saw it", "I saw it :'("]))
    assert up > plain + 0.05 > plain - 0.05 > down


def test_two_hundred_emoji_leave_the_text_its_feeling(perceiver: MiniLMPerceiver) -> None:
    one, many = perceiver.perceive(["I am so sad 🎉", "I am so sad " + "🎉" * 200])
    assert np.abs(np.asarray(one.pad) - np.asarray(many.pad)).max() < 0.05


def test_what_is_quoted_is_found_and_not_felt(perceiver: MiniLMPerceiver) -> None:
    happy, angry = "I am so happy, this is the best day of my life!", "> I hate you, you liar!\n> Go to hell!\n"
    alone, quoting, quoted = perceiver.perceive([happy, angry + happy, angry])
    assert np.abs(np.asarray(quoting.pad) - np.asarray(alone.pad)).max() <= 1e-5
    assert alone.pad.pleasure > 0.3 > -0.3 > quoted.pad.pleasure
    assert quoting.notes == ("without quoted words",)
    assert quoted.notes == alone.notes == ()
    assert quoting.embedding @ quoted.embedding > alone.embedding @ quoted.embedding + 0.1


def test_what_cannot_be_read_is_hardly_trusted(perceiver: MiniLMPerceiver) -> None:
    texts = ["Je suis tellement triste, mon chien est mort hier.", "for (int i = 0; i < n; i++) { kill(all[i]); }"]
    for percept, note in zip(perceiver.perceive(texts), ("not English: fr", "in no language: code"), strict=True):
        assert percept.confidence <= UNREADABLE
        assert percept.notes == (note,)
        assert percept.spread is not None
        assert min(percept.spread) > 0.2
    nothing = perceiver.perceive([" \n"])[0]
    assert (nothing.confidence, nothing.notes) == (0.0, ("nothing to read",))


@pytest.mark.parametrize(
    ("text", "pleasure"),
    [
        ("The meeting is on Tuesday at ten.", (-0.1, 0.2)),
        ("I love him and I hate what he did to me.", (-0.6, 0.3)),
        ("It was the best and the worst day of my life.", (-0.5, 0.6)),
        ("Oh great, another meeting. Just what I needed.", (-0.6, 0.7)),
        ("Thanks for nothing, genius.", (-0.6, 0.5)),
        ("?!", (-0.4, 0.4)),
        ("42", (-0.2, 0.3)),
    ],
)
def test_neutral_mixed_and_sarcastic_texts_get_sane_values(
    perceiver: MiniLMPerceiver, text: str, pleasure: tuple[float, float]
) -> None:
    percept = perceiver.perceive([text])[0]
    assert pleasure[0] < percept.pad.pleasure < pleasure[1]
    assert percept.confidence < 0.95
    assert percept.notes == ()


def test_a_million_characters_are_bounded_work(perceiver: MiniLMPerceiver) -> None:
    percept = perceiver.perceive([("x" * 200 + " ") * 5000])[0]
    assert percept.notes[0] == "read without its middle: 65536 of 1005000 characters"
    assert np.linalg.norm(percept.embedding) == pytest.approx(1.0, abs=1e-5)


@given(st.lists(st.sampled_from(ODD) | st.text(st.characters(codec=None), max_size=20), min_size=1, max_size=6))
@settings(deadline=None, max_examples=15)
def test_any_text_is_read_the_same_in_any_batch(perceiver: MiniLMPerceiver, texts: list[str]) -> None:
    together = perceiver.perceive(texts)
    for text, percept in zip(texts, together, strict=True):
        assert_same(percept, perceiver.perceive([text])[0])
        assert 0.0 <= percept.confidence <= 1.0
        assert np.isfinite(percept.embedding).all()


class Noting:
    """A reader that feels the same in everything, and notes what it was given."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def read(self, texts: Sequence[str]) -> list[Feeling]:
        self.given += texts
        return [Feeling.of(PAD(0.5, 0.0, 0.0), (0.2, 0.2, 0.2)) for _ in texts]


def test_another_reader_gets_what_the_speaker_says_in_words() -> None:
    reader = Noting()
    percepts = MiniLMPerceiver(reader=reader).perceive(["> no\nyes 😢", "Je suis tellement triste ce soir.", "plain"])
    assert reader.given == ["\nyes crying face", "Je suis tellement triste ce soir.", "plain"]
    full, foreign = percepts[2], percepts[1]
    assert full.spread == (0.2, 0.2, 0.2)
    assert foreign.confidence == pytest.approx(UNREADABLE * full.confidence)
    assert foreign.spread is not None
    assert foreign.spread[0] > 1.0
