"""Import and export: what is read, what is refused by name and line, and that reading undoes writing."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.cluster import formats
from quantum_memory.cluster.formats import FIELDS, read, write_json_lines, write_transcript
from quantum_memory.errors import UnreadableEntry, UnreadableFile, UnreadableLine
from quantum_memory.types import PAD, Memory, Utterance

NOON = datetime(2025, 1, 11, 12, 0, tzinfo=UTC)
FEW = settings(max_examples=60, deadline=None)
VISIBLE = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(lambda text: bool(text.strip()))
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  (bounds are naive)
SCALE = st.floats(-1, 1)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | VISIBLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(VISIBLE, inner, max_size=3),
    max_leaves=5,
)


def lines(*texts: str) -> bytes:
    return "\n".join(texts).encode()


def told(
    source: str, raw: bytes, form: formats.Format | None = None, text_chars: int | None = None, dim: int | None = None
) -> str:
    with pytest.raises(UnreadableLine) as caught:
        read(source, raw, form, text_chars=text_chars, dim=dim)
    return str(caught.value)


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    embedding = np.asarray(draw(st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4)), dtype=np.float32) + 2
    return Memory(
        id=draw(VISIBLE.filter(lambda name: name not in {".", ".."})),
        text=draw(VISIBLE),
        at=draw(TIMES),
        pad=PAD(draw(SCALE), draw(SCALE), draw(SCALE)),
        confidence=draw(st.floats(0, 1)),
        importance=draw(st.floats(0, 1)),
        embedding=(embedding / np.linalg.norm(embedding)).astype(np.float32),
        speaker=draw(st.none() | VISIBLE),
        kind=draw(VISIBLE),
        session=draw(st.none() | VISIBLE),
        tags=tuple(draw(st.lists(VISIBLE, max_size=3))),
        metadata=draw(st.dictionaries(VISIBLE, PLAIN, max_size=3)),
        revised_at=draw(st.none() | TIMES),
    )


@FEW
@given(st.lists(memories(), max_size=4, unique_by=lambda memory: memory.id))
def test_what_is_written_as_json_lines_is_read_back_the_same(kept: list[Memory]) -> None:
    found = read("x.jsonl", "\n".join(write_json_lines(kept, embeddings=True)).encode())
    assert len(found) == len(kept)
    for one, memory in zip(found, kept, strict=True):
        for name in FIELDS[:-1]:
            assert getattr(one, name) == getattr(memory, name), name
        assert one.embedding is not None
        np.testing.assert_allclose(one.embedding, memory.embedding, atol=1e-6)


def test_embeddings_are_left_out_unless_asked_for() -> None:
    memory = Memory("m", "text", NOON, PAD(0, 0, 0), 1.0, 0.5, np.array([1, 0], dtype=np.float32))
    (without,), (with_it,) = write_json_lines([memory]), write_json_lines([memory], embeddings=True)
    assert "embedding" not in json.loads(without)
    assert json.loads(with_it)["embedding"] == [1.0, 0.0]
    assert read("x", without.encode())[0].embedding is None


NAMES = st.from_regex(r"[A-Za-zÄéß][A-Za-z0-9 .]{0,20}[A-Za-z0-9]", fullmatch=True)
LINE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=30)
TEXTS = st.lists(LINE.map(str.rstrip), min_size=1, max_size=4).map("\n".join).map(str.strip).filter(bool)


@FEW
@given(st.lists(st.tuples(st.none() | NAMES, TEXTS, TIMES), min_size=1, max_size=5))
def test_what_is_written_as_a_transcript_keeps_time_speaker_and_text(
    turns: list[tuple[str | None, str, datetime]],
) -> None:
    """Whatever a text looks like: like a stamp, a heading or another turn."""
    kept = [
        Memory(str(n), text, at, PAD(0, 0, 0), 1.0, 0.5, np.ones(1, dtype=np.float32), speaker=name)
        for n, (name, text, at) in enumerate(turns)
    ]
    found = read("x.txt", "\n".join(write_transcript(kept)).encode(), "transcript")
    assert [(one.speaker, one.text, one.at) for one in found] == [
        (name, text, at.replace(microsecond=0)) for name, text, at in turns
    ]


@pytest.mark.parametrize(
    "text", ["first\n[2025-01-11 18:02] Bob: hi", "first\n2025-01-11", "Bob: x\nAnn: y", "[1] see"]
)
def test_a_text_that_looks_like_turns_stays_one_turn(text: str) -> None:
    kept = Memory("m", text, NOON, PAD(0, 0, 0), 1.0, 0.5, np.ones(1, dtype=np.float32))
    (one,) = read("x.txt", "\n".join(write_transcript([kept])).encode())
    assert (one.speaker, one.text, one.at) == (None, text, NOON)


def test_a_stamped_transcript_with_headings_and_turns_of_several_lines() -> None:
    found = read(
        "chat.txt",
        lines(
            "## Saturday, 11 January 2025",
            "",
            "[18:02] Ilka: Happy new year!",
            "Note: this goes on with Ilka's turn.",
            "",
            "    and so does this",
            "[2025-01-12T09:00:30+02:00] Tomasz Bell: Morning.",
            "--- 2025-02-01 ---",
            "[9:05] Ilka joined the conversation",
        ),
    )
    first, second, third = found
    assert first.text == "Happy new year!\nNote: this goes on with Ilka's turn.\n\nand so does this"
    assert (first.speaker, first.at) == ("Ilka", datetime(2025, 1, 11, 18, 2, tzinfo=UTC))
    assert first.session == "2025-01-11"
    assert (second.speaker, second.at) == ("Tomasz Bell", datetime(2025, 1, 12, 7, 0, 30, tzinfo=UTC))
    assert (third.speaker, third.text) == (None, "Ilka joined the conversation")
    assert (third.at, third.session) == (datetime(2025, 2, 1, 9, 5, tzinfo=UTC), "2025-02-01")


def test_a_transcript_without_stamps() -> None:
    found = read(
        "chat", lines("Ann: see http://x.org: it is good", "and more", "Bob Lee: ok", "  Cid: quoted", "http://y")
    )
    assert [(one.speaker, one.text, one.at) for one in found] == [
        ("Ann", "see http://x.org: it is good\nand more", None),
        ("Bob Lee", "ok\n  Cid: quoted\nhttp://y", None),
    ]


@pytest.mark.parametrize(
    "heading", ["2025-01-11", "# January 11, 2025", "=== 11 Jan 2025 ===", "**Sat, 11 January 2025**"]
)
def test_dates_as_headings(heading: str) -> None:
    (one,) = read("chat.md", lines(heading, "Ann: hello"))
    assert (one.text, one.session, one.at) == ("hello", "2025-01-11", datetime(2025, 1, 11, tzinfo=UTC))


@pytest.mark.parametrize(
    ("raw", "line", "reason"),
    [
        (b'{"text": "a"}\n{"text": "b", "speeker": "Bob"}', 2, "speeker: expected one of id, text"),
        (b'\n{"text": "a"}\n{"text": }', 3, "not JSON"),
        (b'{"text": "  "}', 1, "at least 1 visible character"),
        (b'{"speaker": "Bob"}', 1, "text: expected a text, got nothing"),
        (b'{"text": 3}', 1, "text: expected a text, got 3"),
        (b"[1]", 1, "expected a JSON object, got list"),
        (b'{"text": "a", "at": "tomorrow"}', 1, "at: expected a time"),
        (b'{"text": "a", "at": 12}', 1, "at: expected a time"),
        (b'{"text": "a", "at": "0001-01-01T00:00:00+10:00"}', 1, "years 1 and 9999"),
        (b'{"text": "a", "pad": [2, 0, 0]}', 1, "pleasure: 2.0 is outside"),
        (b'{"text": "a", "pad": [0, 0]}', 1, "pad: expected an object"),
        (b'{"text": "a", "pad": {"pleasure": 1}}', 1, "pad: expected an object"),
        (b'{"text": "a", "importance": NaN}', 1, "importance: expected a finite number"),
        (b'{"text": "a", "importance": 1' + b"0" * 400 + b"}", 1, "importance: inf is outside"),
        (b'{"text": "a", "importance": 1' + b"0" * 5000 + b"}", 1, "digits"),
        (b'{"text": "a", "tags": "one"}', 1, "tags: expected a"),
        (b'{"text": "a", "metadata": [1]}', 1, "metadata: expected an object"),
        (b'{"text": "a", "metadata": {"x": "\\ud800"}}', 1, "half a surrogate pair"),
        (b'{"text": "a", "metadata": {"x": Infinity}}', 1, "metadata.x"),
        (b'{"text": "a", "embedding": [0, 0]}', 1, "zero vector"),
        (b'{"text": "a", "embedding": [1, 0]}\n{"text": "b", "embedding": [1]}', 2, "expected shape (2,), got (1,)"),
        (b'{"id": "1", "text": "a"}\n{"id": "1", "text": "a"}', 2, "stands in line 1 already"),
        (b'{"text": "a"}\n{"text": "\xff"}', 2, "byte 0xff is not UTF-8"),
        (b"[" * 100_000, 1, "nested too deep"),
    ],
)
def test_a_bad_line_of_json_is_named(raw: bytes, line: int, reason: str) -> None:
    message = told("x.jsonl", raw)
    assert message.startswith(f"x.jsonl, line {line}: ")
    assert reason in message


@pytest.mark.parametrize(
    ("raw", "line", "reason"),
    [
        (b"\nhello there", 2, "'hello there' has no speaker"),
        (b"[18:02] Ann: hi", 1, "[18:02] has no date"),
        (b"[2025-13-01 18:02] Ann: hi", 1, "month must be in 1..12"),
        (b"[2025-01-01 25:02] Ann: hi", 1, "hour must be in 0..23"),
        (b"[2025-01-01 12:00] Ann: hi\n[11/01/2025, 18:02] Bob: ho", 2, "got '[11/01/2025, 18:02]'"),
        (b"[2025-01-01 12:00] Ann:", 1, "at least 1 visible character"),
        (b"[0001-01-01 00:00+10:00] Ann: hi", 1, "years 1 and 9999"),
    ],
)
def test_a_bad_line_of_a_transcript_is_named(raw: bytes, line: int, reason: str) -> None:
    message = told("chat.txt", raw)
    assert message.startswith(f"chat.txt, line {line}: ")
    assert reason in message


def test_a_text_over_the_limit_is_refused_before_anything_is_sent() -> None:
    assert told("x.jsonl", b'{"text": "abc"}\n{"text": "abcd"}', text_chars=3).startswith(
        "x.jsonl, line 2: text: 4 characters"
    )


def test_an_embedding_of_another_length_than_the_model_s_is_refused() -> None:
    assert "expected shape (3,), got (2,)" in told("x.jsonl", b'{"text": "abc", "embedding": [1, 0]}', dim=3)


@FEW
@given(st.binary(max_size=200), st.sampled_from(formats.FORMATS))
def test_any_bytes_are_read_or_refused_by_name(raw: bytes, form: formats.Format) -> None:
    try:
        found = read("any", raw, form)
    except UnreadableLine as error:
        lines_there = raw.replace(b"\r", b"\n").count(b"\n") + 1 if form == "csv" else raw.count(b"\n") + 1
        assert 1 <= error.line <= lines_there  # noqa: PT017  (either outcome is right)
    except (UnreadableEntry, UnreadableFile) as error:
        assert form not in ("jsonl", "transcript")
        assert error.source == "any"  # noqa: PT017
    else:
        assert all(one.id and one.text.strip() for one in found)


@FEW
@given(st.text(st.sampled_from('[]{}:"\n 2025-01T8Aa,é?#'), max_size=120), st.sampled_from(formats.FORMATS))
def test_any_text_near_the_formats_is_read_or_refused_by_name(text: str, form: formats.Format) -> None:
    try:
        read("any", text.encode(), form)
    except (UnreadableLine, UnreadableEntry, UnreadableFile) as error:
        assert error.reason  # noqa: PT017  (either outcome is right)


def test_ids_come_from_content_and_position() -> None:
    raw = b'{"text": "yes", "speaker": "Ann"}\n{"text": "yes", "speaker": "Ann"}\n{"text": "no", "id": "mine"}'
    ids = [one.id for one in read("a.jsonl", raw)]
    assert ids == [one.id for one in read("moved/b.jsonl", raw)]
    assert len(set(ids)) == 3
    assert ids[2] == "mine"
    longer = [one.id for one in read("a.jsonl", raw + b'\n{"text": "more"}')]
    assert longer[:3] == ids
    assert read("a.jsonl", raw.replace(b"yes", b"yes!"))[0].id != ids[0]


@pytest.mark.parametrize(
    ("source", "content", "form"),
    [
        ("a.jsonl", "nonsense", "jsonl"),
        ("a.NDJSON", "", "jsonl"),
        ("chat.txt", "Ann: hello", "transcript"),
        ("<stdin>", '\ufeff \n{"text": "a"}', "jsonl"),
        ("notes", "[2025-01-01 10:00] Ann: hi", "transcript"),
    ],
)
def test_the_format_is_detected(source: str, content: str, form: str) -> None:
    assert formats.detect(source, content) == form


def test_a_byte_order_mark_and_windows_line_ends_are_no_text() -> None:
    (one, two) = read("x.txt", "\ufeffAnn: hello\r\nBob: you\r\n".encode())
    assert (one.speaker, one.text, two.text) == ("Ann", "hello", "you")


def test_an_empty_file_holds_nothing() -> None:
    assert read("x.jsonl", b"") == []
    assert read("x.txt", b"\n\n") == []


def test_the_error_crosses_processes() -> None:
    error = UnreadableLine("f", 3, "why")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes)
    assert (str(again), again.line) == (str(error), 3)


def test_a_time_without_offset_is_utc_and_one_with_offset_is_turned() -> None:
    raw = b'{"text": "a", "at": "2025-01-11T12:00:00"}\n{"text": "b", "at": "2025-01-11T14:00:00+02:00"}'
    assert [one.at for one in read("x.jsonl", raw)] == [NOON, NOON]
    assert NOON.astimezone(timezone(timedelta(hours=2))) == NOON


def test_both_spellings_of_a_pad_are_read() -> None:
    given_: list[Any] = [[0.1, 0.2, 0.3], {"dominance": 0.3, "arousal": 0.2, "pleasure": 0.1}]
    raw = "\n".join(json.dumps({"text": "a", "pad": pad}) for pad in given_).encode()
    assert [one.pad for one in read("x.jsonl", raw)] == [PAD(0.1, 0.2, 0.3)] * 2
    assert isinstance(read("x.jsonl", raw)[0], Utterance)


def test_two_files_share_only_what_they_begin_with_and_a_file_may_grow() -> None:
    first = read("a.txt", b"Ann: Hi Bob\nBob: hello\n")
    grown = read("a.txt", b"Ann: Hi Bob\nBob: hello\nAnn: how was Rome?\n")
    other = read("b.txt", b"Ann: Hello there\nBob: hello\n")
    assert [one.id for one in grown[:2]] == [one.id for one in first]
    assert not {one.id for one in first} & {one.id for one in other}
