"""Perception without a model: words hashed to a vector."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, OutOfRange
from quantum_memory.memory.affect.hashing import HashingPerceiver
from quantum_memory.memory.affect.perceiver import Perceiver
from quantum_memory.types import NEUTRAL

ANY_TEXT = st.text(st.characters(codec=None), max_size=60)
"""Halves of surrogate pairs among it."""
SAID = st.lists(st.tuples(st.none() | ANY_TEXT, ANY_TEXT), max_size=6)


def cosine(perceiver: Perceiver, left: str, right: str) -> float:
    a, b = perceiver.perceive([left, right])
    return float(a.embedding @ b.embedding)


@given(SAID, st.integers(1, 64))
@settings(deadline=None, max_examples=150)
def test_any_text_gets_a_unit_vector_and_no_feeling(said: list[tuple[str | None, str]], dim: int) -> None:
    percepts = HashingPerceiver(dim).perceive([text for _, text in said], [speaker for speaker, _ in said])
    assert len(percepts) == len(said)
    for percept in percepts:
        assert percept.embedding.shape == (dim,)
        assert percept.embedding.dtype == np.float32
        assert np.linalg.norm(percept.embedding) == pytest.approx(1.0, abs=1e-6)
        assert percept.pad == NEUTRAL
        assert percept.confidence == 0.0


@given(SAID)
@settings(deadline=None, max_examples=50)
def test_a_text_is_read_the_same_in_any_batch(said: list[tuple[str | None, str]]) -> None:
    perceiver = HashingPerceiver()
    together = perceiver.perceive([text for _, text in said], [speaker for speaker, _ in said])
    alone = [HashingPerceiver().perceive([text], [speaker])[0] for speaker, text in reversed(said)][::-1]
    for a, b, (speaker, text) in zip(together, alone, said, strict=True):
        assert (a.embedding == b.embedding).all()
        if speaker is None:
            assert (a.embedding == perceiver.perceive([text])[0].embedding).all()


def test_a_speaker_is_found_by_name() -> None:
    perceiver = HashingPerceiver(4096)
    plain, ilka, bob = perceiver.perceive(["it rains"] * 3, [None, "Ilka", "Bob"])
    asked = perceiver.perceive(["what did Ilka say?"])[0]
    assert ilka.embedding @ asked.embedding > 0.2
    assert max(abs(other.embedding @ asked.embedding) for other in (plain, bob)) < 0.1
    assert 0.5 < plain.embedding @ ilka.embedding < 0.95


def test_texts_without_stems_differ_by_their_characters_whoever_says_them() -> None:
    happy, angry, again = HashingPerceiver().perceive(["😀", "😡", "😀"], ["Ilka", "Ilka", "Bob"])
    assert happy.embedding @ angry.embedding == pytest.approx(0.5, abs=1e-6)
    assert happy.embedding @ again.embedding == pytest.approx(0.5, abs=1e-6)


def test_vectors_are_the_same_in_another_process() -> None:
    script = (
        "from quantum_memory.memory.affect.hashing import HashingPerceiver\n"
        "print(HashingPerceiver(8).perceive(['Bob lent me an umbrella'])[0].embedding.tobytes().hex())"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    here = HashingPerceiver(8).perceive(["Bob lent me an umbrella"])[0].embedding
    assert other.stdout.strip() == here.tobytes().hex()


def test_shared_stems_bring_texts_together() -> None:
    perceiver = HashingPerceiver()
    said = "Bob lent me his umbrellas in the rain."
    assert cosine(perceiver, said, "the umbrella that Bob was lending") > 0.2
    assert abs(cosine(perceiver, said, "quarterly revenue grew by nine percent")) < 0.2
    assert cosine(perceiver, "RUNNING dogs", "run, dog!") == pytest.approx(1.0, abs=1e-6)


def test_order_of_words_counts_for_a_little() -> None:
    assert 0.5 < cosine(HashingPerceiver(), "dog bites man", "man bites dog") < 0.99


def test_texts_without_stems_differ_by_their_characters() -> None:
    perceiver = HashingPerceiver()
    assert cosine(perceiver, "😀😀", "😀") == pytest.approx(1.0, abs=1e-6)
    assert abs(cosine(perceiver, "😀", "😡")) < 0.5
    assert abs(cosine(perceiver, "", "😡")) < 0.5


def test_a_model_is_never_imported() -> None:
    script = (
        "import sys\n"
        "from quantum_memory.memory.affect.hashing import HashingPerceiver\n"
        "HashingPerceiver().perceive(['hello'])\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(OutOfRange):
        HashingPerceiver(0)
    with pytest.raises(InvalidValue, match="klingon"):
        HashingPerceiver(language="klingon")
    with pytest.raises(InvalidValue, match="one text"):
        HashingPerceiver().perceive("one text alone")
    with pytest.raises(InvalidValue, match=r"texts\[1\]"):
        HashingPerceiver().perceive(["a", 3])  # type: ignore[list-item]  # that it is refused is the point
