"""Perception asked for alone: what it answers is what remembering would keep, in order, and nothing is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from quantum_memory.actors.emotion import Said
from quantum_memory.actors.perceiving import SLICE, key_of, said_of
from quantum_memory.cluster.cli import app
from quantum_memory.cluster.cli_percepts import percepts_data, percepts_table
from quantum_memory.cluster.cli_session import Session
from quantum_memory.errors import InvalidValue, TooLong
from quantum_memory.memory.affect.emotions import nearest
from quantum_memory.memory.affect.hashing import HashingPerceiver
from quantum_memory.settings import load
from quantum_memory.types import PAD, Percept
from tests.unit.front import Front
from tests.unit.orchestra import DIM

SEEN = Percept(
    np.ones(2, dtype=np.float32),
    PAD(0.5, -0.25, 0.0),
    0.75,
    (0.1, 0.2, 0.3),
    "de",
    ("not English", "read in 2 windows"),
)


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    one = Front(tmp_path)
    yield one
    one.close()


def test_texts_are_perceived_as_the_perceiver_reads_them_and_in_their_order(front: Front) -> None:
    texts = [f"text {number} {'rain ' * (number % 5)}" for number in range(2 * SLICE + 7)] + ["", "half \ud800 of one"]
    speakers = ["Bob" if number % 3 else None for number in range(len(texts))]
    found = front.memory.perceive(texts, speakers)
    wanted = HashingPerceiver(dim=DIM).perceive(texts, speakers)
    assert found == wanted
    np.testing.assert_allclose([one.embedding for one in found], [one.embedding for one in wanted], atol=1e-6)
    assert front.memory.perceive([]) == []


def test_what_is_perceived_is_what_a_memory_of_it_holds_and_nothing_is_stored(front: Front) -> None:
    before = front.memory.audit()
    (seen,) = front.memory.perceive(["Bob lent me his umbrella."], ["Alice"])
    assert front.memory.agents() == []
    assert front.memory.audit() == before
    alice = front.agent()
    alice.remember("Bob lent me his umbrella.", speaker="Alice")
    (kept,) = alice.memories()
    np.testing.assert_allclose(kept.embedding, seen.embedding, atol=1e-6)
    assert (kept.pad, kept.confidence) == (seen.pad, seen.confidence)


def test_bad_texts_and_speakers_are_refused(front: Front) -> None:
    odd: Any = ["fine", 7]
    with pytest.raises(InvalidValue, match="one text"):
        front.memory.perceive("a bare text")
    with pytest.raises(InvalidValue, match=r"texts\[1\]"):
        front.memory.perceive(odd)
    with pytest.raises(InvalidValue, match="one for each of 1 texts"):
        front.memory.perceive(["a"], ["Bob", "Ilka"])
    tight = load({"limits": {"batch": 2, "text_chars": 10}, "perception": {"model": "hashing"}})
    assert said_of(["a", "b" * 10], None, tight) == (Said("a"), Said("b" * 10))
    with pytest.raises(TooLong, match="3 texts"):
        said_of(["a"] * 3, None, tight)
    with pytest.raises(TooLong, match="11 characters"):
        said_of(["b" * 11], None, tight)


@given(st.text(st.characters()))
def test_any_text_has_somebody_who_perceives_it(text: str) -> None:
    key = key_of(Said(text))
    key.encode()
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert key == text


def shown(texts: list[str], percepts: list[Percept]) -> str:
    console = Console(width=100, file=StringIO())
    console.print(percepts_table(texts, percepts))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_table_tells_the_feeling_its_spread_its_names_and_its_notes() -> None:
    table = shown(["Guten [b]Tag[/b]\x1b[31m"], [SEEN])
    for piece in (
        "Guten [b]Tag[/b]",
        "pleasure  +0.50 ± 0.10",
        "arousal   -0.25 ± 0.20",
        "dominance +0.00 ± 0.30",
        "75%",
    ):
        assert piece in table
    assert "language de · not English · read in 2 windows" in table
    assert "\x1b" not in table
    name, probability = nearest(SEEN.pad, 1)[0]
    assert f"{name} {probability:.0%}" in table
    bare = Percept(SEEN.embedding, SEEN.pad, 0.75)
    assert "±" not in shown([""], [bare])
    assert "(empty)" in shown([""], [bare])
    assert "nothing to read" in shown([], [])


def test_the_data_is_plain_and_complete() -> None:
    (told,) = json.loads(json.dumps(percepts_data(["Guten Tag"], [SEEN]), allow_nan=False))
    assert told["text"] == "Guten Tag"
    assert told["pad"] == {"pleasure": 0.5, "arousal": -0.25, "dominance": 0.0}
    assert told["spread"] == {"pleasure": 0.1, "arousal": 0.2, "dominance": 0.3}
    assert (told["confidence"], told["language"], told["notes"]) == (0.75, "de", ["not English", "read in 2 windows"])
    assert list(told["emotions"]) == [name for name, _ in nearest(SEEN.pad, 3)]


def test_the_command_reads_arguments_and_lines_of_stdin(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def memory(_: Session) -> Iterator[Any]:
        yield front.memory

    monkeypatch.setattr(Session, "memory", memory)
    result = CliRunner().invoke(
        app, ["perceive", "first", "-", "--speaker", "Bob", "--json"], input="second\n\nthird\n"
    )
    told = json.loads(result.stdout)
    assert [one["text"] for one in told] == ["first", "second", "third"]
    wanted = front.memory.perceive(["first", "second", "third"], ["Bob"] * 3)
    assert told == json.loads(json.dumps(percepts_data(["first", "second", "third"], wanted)))
