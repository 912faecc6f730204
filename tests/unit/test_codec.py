"""What is encoded comes back equal; what is damaged is found; what cannot come back is refused."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import numpy as np
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quantum_memory.errors import CorruptRecord, InvalidInput, InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory.events import (
    Event,
    Forgotten,
    Merged,
    MoodBrought,
    Remembered,
    RolledBack,
    SkillLearned,
    SkillUsed,
)
from quantum_memory.memory.vault.codec import CHECKSUM_BYTES, FORMAT, HEADER_BYTES, decode, encode
from quantum_memory.memory.vault.describe import MAX_CHARS, describe, kind_of
from quantum_memory.types import PAD, PARTS, Memory, Place, Skill

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["", "\x00", "é\u0301", "\u202eabc", "👩\u200d👩\u200d👧", "\ufeff", "𝔘𝔫𝔦", "\r\n\t"]
)
UNIT = st.floats(0, 1)
AXIS = st.floats(-1, 1)
TIMES = st.datetimes(
    min_value=datetime(1, 1, 3),  # noqa: DTZ001 - hypothesis wants naive bounds
    max_value=datetime(9999, 12, 29),  # noqa: DTZ001 - the same
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-11))]),
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
METADATA = st.dictionaries(
    TEXT,
    st.recursive(
        SCALARS | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=3,
)
VECTORS = hnp.arrays(
    np.float32, st.integers(1, 12), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)
)
MEMORIES = st.builds(
    Memory,
    id=TEXT,
    text=TEXT,
    at=TIMES,
    pad=st.builds(PAD, AXIS, AXIS, AXIS),
    confidence=UNIT,
    importance=UNIT,
    embedding=VECTORS,
    speaker=st.none() | TEXT,
    kind=TEXT,
    session=st.none() | TEXT,
    tags=st.lists(TEXT, max_size=3).map(tuple),
    metadata=METADATA,
)
SKILLS = st.builds(
    Skill, TEXT, st.lists(TEXT, max_size=3).map(tuple), TEXT, st.integers(0, 9), st.integers(0, 9), st.none() | TIMES
)
PLACES = st.builds(Place, TEXT, st.integers(0, 2**63 - 1))
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Remembered, st.lists(MEMORIES, max_size=3).map(tuple)),
    st.builds(Forgotten, st.lists(TEXT, max_size=3).map(tuple)),
    st.builds(SkillLearned, SKILLS),
    st.builds(SkillUsed, TEXT, st.booleans()),
    st.builds(RolledBack, PLACES, st.lists(st.sampled_from(PARTS), unique=True).map(tuple)),
    st.builds(
        Merged,
        PLACES,
        st.none() | PLACES,
        st.lists(MEMORIES, max_size=2).map(tuple),
        st.lists(TEXT, max_size=2).map(tuple),
        st.lists(SKILLS, max_size=2).map(tuple),
        st.none() | st.builds(MoodBrought, st.binary(max_size=40), UNIT),
    ),
)
MEMORY = Memory(
    "m1", "It rained.", datetime(2026, 1, 1, tzinfo=UTC), PAD(0.1, -0.2, 0.3), 0.9, 0.5, np.ones(4, np.float32)
)


def embeddings(event: Event) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    return [memory.embedding for memory in event.memories] if isinstance(event, Remembered | Merged) else []


@settings(deadline=None, max_examples=200)
@given(EVENTS)
def test_an_event_comes_back_equal_bit_for_bit(event: Event) -> None:
    record = encode(event)
    again = decode(record)
    assert again == event
    assert type(again) is type(event)
    for was, now in zip(embeddings(event), embeddings(again), strict=True):
        assert now.dtype == np.float32
        assert now.tobytes() == was.tobytes(), "embeddings are not part of a memory's equality"
    assert encode(again) == record


@settings(deadline=None, max_examples=60)
@given(EVENTS, st.data())
def test_any_flipped_bit_is_found(event: Event, data: st.DataObject) -> None:
    record = bytearray(encode(event))
    bit = data.draw(st.integers(0, 8 * len(record) - 1))
    record[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CorruptRecord, match="branch b, entry 7"):
        decode(bytes(record), "branch b, entry 7")


@settings(deadline=None, max_examples=40)
@given(EVENTS, st.data())
def test_a_record_cut_short_or_drawn_out_is_found(event: Event, data: st.DataObject) -> None:
    record = encode(event)
    with pytest.raises(CorruptRecord):
        decode(record[: data.draw(st.integers(0, len(record) - 1))])
    with pytest.raises(CorruptRecord):
        decode(record + b"\x00")


def sealed(body: bytes, mark: int = FORMAT) -> bytes:
    """A record with a good checksum, whatever is in it."""
    return bytes([mark]) + blake3(bytes([mark]) + body).digest(CHECKSUM_BYTES) + body


def altered(**changes: object) -> bytes:
    """A Remembered event whose memory has other fields than the encoder would write."""
    tree = msgspec.msgpack.decode(encode(Remembered((MEMORY,)))[HEADER_BYTES:])
    tree["memories"][0] |= changes
    return sealed(msgspec.msgpack.encode(tree))


@pytest.mark.parametrize(
    "changes",
    [
        {"embedding": b""},
        {"embedding": b"\x00" * 7},
        {"embedding": [1.0, 2.0]},
        {"embedding": None},
        {"embedding": np.array([1, np.nan], "<f4").tobytes()},
        {"at": 12},
        {"text": b"bytes"},
        {"text": None},
        {"confidence": "0.5"},
        {"pad": {"pleasure": 2.0, "arousal": 0.0, "dominance": 0.0}},
        {"pad": {"pleasure": 0.0}},
        {"metadata": {1: "a"}},
        {"tags": "abc"},
    ],
)
def test_a_well_sealed_record_of_the_wrong_shape_is_refused(changes: dict[str, object]) -> None:
    assert decode(altered()) == Remembered((MEMORY,)), "altering nothing changes nothing"
    with pytest.raises(CorruptRecord):
        decode(altered(**changes))


@pytest.mark.parametrize(
    "body", [b"\xc0", b"\x80", msgspec.msgpack.encode({"type": "dreamt"}), b"\xff" * 20, b"\x91" * 5000]
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(CorruptRecord):
        decode(sealed(body))


def test_a_record_of_another_format_is_refused_by_its_number() -> None:
    body = encode(Forgotten(("a",)))[HEADER_BYTES:]
    with pytest.raises(CorruptRecord, match="format is 2, this version reads 1"):
        decode(sealed(body, mark=2))


def test_decoded_vectors_cannot_be_written_and_belong_to_nobody_else() -> None:
    record = bytearray(encode(Remembered((MEMORY,))))
    (vector,) = embeddings(decode(bytes(record)))
    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 2.0
    with pytest.raises(ValueError, match="WRITEABLE"):
        vector.flags.writeable = True
    record[:] = bytes(len(record))
    assert vector.tolist() == [1.0, 1.0, 1.0, 1.0]
    assert vector.flags.aligned


def test_a_strided_vector_is_stored_by_value() -> None:
    given = np.arange(8, dtype=np.float32)[::2]
    (vector,) = embeddings(decode(encode(Remembered((replace(MEMORY, embedding=given),)))))
    assert vector.tolist() == [0.0, 2.0, 4.0, 6.0]
    assert given.flags.writeable


def test_times_come_back_in_utc() -> None:
    there = timezone(timedelta(hours=9))
    event = Remembered((replace(MEMORY, at=datetime(2026, 5, 4, 3, 2, 1, 999_999, tzinfo=there)),))
    (memory,) = decode(encode(event)).memories  # type: ignore[union-attr]  # a Remembered was encoded
    assert memory.at.tzinfo == UTC
    assert memory.at == datetime(2026, 5, 3, 18, 2, 1, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"embedding": np.array([1, np.nan], np.float32)}, NotFinite),
        ({"embedding": np.array([np.inf], np.float32)}, NotFinite),
        ({"embedding": np.ones(3)}, InvalidValue),
        ({"embedding": [1.0, 2.0]}, InvalidValue),
        ({"embedding": np.ones((2, 2), np.float32)}, ShapeMismatch),
        ({"embedding": np.ones(0, np.float32)}, ShapeMismatch),
        ({"confidence": float("nan")}, NotFinite),
        ({"importance": 1.5}, OutOfRange),
        ({"metadata": {"deep": [{"x": float("nan")}]}}, NotFinite),
        ({"metadata": {"x": float("-inf")}}, NotFinite),
        ({"metadata": {1: "x"}}, InvalidValue),
        ({"metadata": {"x": {1, 2}}}, InvalidValue),
        ({"metadata": {"x": b"bytes"}}, InvalidValue),
        ({"metadata": {"x": "\ud800"}}, InvalidValue),
        ({"text": "\ud800"}, InvalidValue),
        ({"text": 3}, InvalidValue),
        ({"tags": "abc"}, InvalidValue),
        ({"speaker": object()}, InvalidValue),
        ({"at": datetime(2026, 1, 1)}, InvalidValue),  # noqa: DTZ001 - a naive time is the case
        ({"at": "yesterday"}, InvalidValue),
    ],
)
def test_what_could_not_be_read_again_is_not_encoded(changes: dict[str, Any], error: type[InvalidInput]) -> None:
    with pytest.raises(error):
        encode(Remembered((replace(MEMORY, **changes),)))


def test_other_kinds_are_checked_too() -> None:
    with pytest.raises(NotFinite):
        encode(Merged(Place("b", 1), None, (), (), (), MoodBrought(b"", float("nan"))))
    with pytest.raises(InvalidValue, match="time zone"):
        encode(SkillLearned(Skill("juggle", ("throw",), at=datetime(2026, 1, 1))))  # noqa: DTZ001 - the case
    with pytest.raises(InvalidValue):
        encode(RolledBack(Place("b", 1), ("hair",)))  # type: ignore[arg-type]  # the case
    with pytest.raises(InvalidValue, match="one of the kinds"):
        encode({"type": "forgotten", "ids": []})  # type: ignore[arg-type]  # the case


def test_numpy_numbers_are_stored_by_their_exact_value() -> None:
    event = Remembered((replace(MEMORY, confidence=np.float64(0.1), importance=np.float32(0.1)),))  # type: ignore[arg-type]  # a float32 is what models hand over
    (memory,) = decode(encode(event)).memories  # type: ignore[union-attr]  # a Remembered was encoded
    assert (memory.confidence, memory.importance) == (0.1, float(np.float32(0.1)))


@settings(deadline=None, max_examples=100)
@given(EVENTS)
def test_a_description_is_one_short_line(event: Event) -> None:
    told = describe(event)
    assert len(told) <= MAX_CHARS
    assert told.splitlines() in ([told], [])
    assert kind_of(event)
    assert set(kind_of(event)) <= {*string.ascii_lowercase, "_"}


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Remembered((MEMORY,)), "It rained."),
        (Remembered((MEMORY, MEMORY)), "2 memories: It rained."),
        (Forgotten(("a", "b", "c", "d")), "4 memories: a, b, c"),
        (SkillLearned(Skill("juggle", ("throw",))), "juggle: 1 step"),
        (SkillUsed("juggle", succeeded=False), "juggle: failed"),
        (RolledBack(Place("b0", 4), ("mood", "graph")), "mood, graph to b0@4"),
        (
            Merged(Place("b1", 9), None, (MEMORY,), ("x",), (), MoodBrought(b"", 0.5)),
            "b1@9: 1 memory, 1 forgotten, 0 skills, mood",
        ),
    ],
)
def test_a_description_says_what_happened(event: Event, told: str) -> None:
    assert describe(event) == told
