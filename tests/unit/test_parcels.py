"""What travels in a parcel arrives as it was sent; an event travels as the record that the vault keeps."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quantum_memory.actors.parcels import FEW, Carried, Packed, carried, packed, record_of, unpacked
from quantum_memory.actors.requests import RememberRequest
from quantum_memory.errors import InvalidInput, InvalidValue
from quantum_memory.memory.events import Entry, Event, Forgotten, Remembered
from quantum_memory.memory.vault import Append, CreateAgent, Vault, Written
from quantum_memory.memory.vault.codec import Recorded, encode
from quantum_memory.types import PAD, Branch, Memory, Place, Utterance

NOW = datetime(2026, 1, 2, tzinfo=UTC)
BRANCH = Branch("b", "alice", "main", "l", "root", None, 0, NOW)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=8)
VECTORS = hnp.arrays(np.float32, st.sampled_from([3, 3, 3, 4]), elements=st.floats(0.5, 2.0, width=32))
UTTERANCES = st.builds(
    Utterance,
    text=NAMES,
    speaker=st.none() | NAMES,
    at=st.none() | st.integers(0, 10**9).map(lambda second: NOW + timedelta(seconds=second)),
    kind=st.sampled_from(["utterance", "fact"]),
    session=st.none() | NAMES,
    tags=st.lists(NAMES, max_size=2).map(tuple),
    metadata=st.dictionaries(NAMES, st.integers(0, 9), max_size=2),
    importance=st.none() | st.floats(0, 1),
    id=st.none() | NAMES,
    embedding=st.none() | VECTORS,
    pad=st.none() | st.builds(PAD, st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)),
)


def memory(number: int, **fields: Any) -> Memory:
    embedding = np.full(3, 1.0 + number, np.float32)
    plain = Memory(f"m{number}", f"word{number}", NOW, PAD(0.1, 0.2, 0.3), 0.9, 0.5, embedding)
    return replace(plain, **fields)


def sent(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing, protocol=5))  # noqa: S301 - it was made one line above


def same_embeddings(one: Any, other: Any) -> bool:
    left, right = one.embedding, other.embedding
    if left is None or right is None:
        return left is right
    return bool(left.dtype == right.dtype and left.tobytes() == right.tobytes())


@settings(deadline=None, max_examples=150)
@given(st.lists(UTTERANCES, max_size=9) | st.lists(UTTERANCES, min_size=FEW, max_size=9))
def test_a_request_arrives_as_it_was_sent(utterances: list[Utterance]) -> None:
    request = RememberRequest(BRANCH, tuple(utterances), "op")
    again = sent(request)
    assert again == request
    assert type(again) is RememberRequest
    assert all(same_embeddings(one, other) for one, other in zip(utterances, again.utterances, strict=True))


@given(st.lists(UTTERANCES, min_size=FEW, max_size=6))
def test_what_was_unpacked_shares_nothing_that_could_change(utterances: list[Utterance]) -> None:
    parcel = packed(utterances)
    assert isinstance(parcel, Packed)
    one, other = unpacked(parcel), unpacked(parcel)
    held = [id(said.metadata) for said in (*one, *other)]
    assert len(set(held)) >= len(one), "two unpackings, or two utterances without metadata, share one mapping"
    assert len({id(said.metadata) for said in one}) == len(one)


def test_vectors_of_one_length_travel_as_one_array() -> None:
    said = [
        Utterance(f"word{number}", embedding=np.ones(3, np.float32), pad=PAD(0, 0, 0.1 * number))
        for number in range(FEW)
    ]
    parcel = packed(said)
    assert isinstance(parcel, Packed)
    assert parcel.embeddings.shape == (FEW, 3)
    assert parcel.pads.shape == (FEW, 3)
    assert "text" in parcel.columns
    assert "speaker" in parcel.same


def test_a_few_travel_as_they_are() -> None:
    said = tuple(Utterance(f"word{number}") for number in range(FEW - 1))
    assert packed(said) == said


def test_an_entry_travels_as_its_record_and_arrives_plain() -> None:
    event = Remembered(tuple(map(memory, range(FEW))))
    entry = carried(Place("b", 3), NOW, event, record_of(event))
    assert isinstance(entry, Carried)
    again = sent(entry)
    assert again == entry
    assert type(again) is Entry
    assert isinstance(again.event, Remembered)
    assert all(same_embeddings(*pair) for pair in zip(event.memories, again.event.memories, strict=True))
    assert len(pickle.dumps(entry)) < len(encode(event)) + 300


@pytest.mark.parametrize("event", [Forgotten(("m1",), NOW), Remembered((memory(1),))])
def test_small_events_travel_as_they_are(event: Event) -> None:
    assert record_of(event) is None
    assert type(carried(Place("b", 1), NOW, event, None)) is Entry


def test_what_cannot_be_recorded_is_left_to_the_vault_to_refuse() -> None:
    bad = Remembered(tuple(memory(number, importance=2.0) for number in range(FEW)))
    assert record_of(bad) is None
    with pytest.raises(InvalidInput):
        encode(bad)


def test_the_vault_writes_a_record_as_it_writes_its_event(tmp_path: Path) -> None:
    event = Remembered(tuple(map(memory, range(FEW))))
    record = record_of(event)
    assert record is not None
    with Vault.open(tmp_path, now=lambda: NOW, embedding="none/3") as vault:
        vault.write([CreateAgent("alice", "b")])
        done = vault.write([Append("b", 0, record, "one"), Append("b", 1, event, "two")])
        assert all(isinstance(one, Written) for one in done), done
        first, second = vault.entries("b", 0, 2)
        assert first.event == second.event == event


def test_a_record_that_cannot_be_read_is_refused_in_its_place(tmp_path: Path) -> None:
    event = Remembered(tuple(map(memory, range(FEW))))
    whole = encode(event)
    with Vault.open(tmp_path, now=lambda: NOW, embedding="none/3") as vault:
        vault.write([CreateAgent("alice", "b")])
        for number, bad in enumerate((b"", whole[:-1], bytes([whole[0] + 1]) + whole[1:])):
            writes = [Append("b", number, Recorded("Remembered", bad), "bad"), Append("b", number, event, f"{number}")]
            refused, done = vault.write(writes)
            assert isinstance(refused, InvalidValue)
            assert isinstance(done, Written)
