"""Memories as files: JSON lines and chat transcripts, read into utterances and written from memories.

Owns the two formats, which the docstrings of ``read_json_lines`` and ``read_transcript`` describe. Reads a whole file
before it gives anything back, so that a bad line leaves nothing half done. Never talks to an agent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import Any, Literal, get_args

from blake3 import blake3

from quantum_memory.checks import within
from quantum_memory.errors import InvalidInput, InvalidValue, ShapeMismatch, UnreadableLine
from quantum_memory.types import PAD, Memory, Utterance

Format = Literal["jsonl", "transcript"]
FORMATS: tuple[Format, ...] = get_args(Format)
FIELDS = (
    "id",
    "text",
    "speaker",
    "at",
    "revised_at",
    "kind",
    "session",
    "tags",
    "metadata",
    "importance",
    "pad",
    "confidence",
    "embedding",
)
TEXT_FIELDS = frozenset({"id", "text", "speaker", "kind", "session"})
AXES = ("pleasure", "arousal", "dominance")
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
MAX_SPEAKER_CHARS = 64
INDENT = "    "
NOBODY = "?"


def detect(source: str, content: str) -> Format:
    """The format of a file: JSON lines by its suffix or a brace at its beginning, else a transcript."""
    if source.lower().endswith(JSON_SUFFIXES) or content.lstrip("\ufeff \t\r\n").startswith("{"):
        return "jsonl"
    return "transcript"


def read(
    source: str,
    raw: bytes,
    form: Format | None = None,
    *,
    text_chars: int | None = None,
    dim: int | None = None,
) -> list[Utterance]:
    """The utterances of a file, in its order, each with an id.

    An utterance without an id gets one made of its content and of all that stands before it: the same file gives the
    same ids again, so that importing it twice adds nothing, and importing it when it has grown adds what is new.

    Args:
        source: the file's name, for messages and for the detection of its format.
        raw: its bytes, in UTF-8.
        form: its format; detected when left out.
        text_chars: how long a text may be.
        dim: how long an embedding has to be.

    Raises: UnreadableLine for the first line that cannot be read.
    """
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UnreadableLine(source, line, f"byte {raw[error.start]:#04x} is not UTF-8") from None
    if form is not None and form not in FORMATS:
        raise InvalidValue("format", repr(form), " or ".join(FORMATS))
    lines = content.replace("\r\n", "\n").split("\n")
    numbered = (read_json_lines if (form or detect(source, content)) == "jsonl" else read_transcript)(source, lines)
    return _identified(source, numbered, text_chars, dim)


def _identified(
    source: str, numbered: Sequence[tuple[int, Utterance]], text_chars: int | None, dim: int | None
) -> list[Utterance]:
    """The utterances with an id each and checked against each other."""
    taken: list[Utterance] = []
    seen: dict[str, int] = {}
    before = ""
    for line, one in numbered:
        before = derived_id(before, one)
        known = one if one.id is not None else replace(one, id=before)
        try:
            within("text", known.text, text_chars if text_chars is not None else len(known.text))
            if known.embedding is not None:
                dim = known.embedding.size if dim is None else dim
                if known.embedding.size != dim:
                    raise ShapeMismatch("embedding", (dim,), known.embedding.shape)
        except InvalidInput as error:
            raise UnreadableLine(source, line, str(error)) from None
        if known.id in seen:
            raise UnreadableLine(source, line, f"id: {known.id!r} stands in line {seen[known.id]} already")
        seen[str(known.id)] = line
        taken.append(known)
    return taken


def derived_id(before: str, one: Utterance) -> str:
    """The id of an utterance that brings none: what it is, and all that stands before it in its file.

    So a file that has grown adds what is new, and two files share only what they begin with.
    """
    at = None if one.at is None else one.at.isoformat()
    content = json.dumps([before, one.text, one.speaker, at, one.kind, one.session], ensure_ascii=False)
    return blake3(content.encode()).hexdigest(length=10)


def read_json_lines(source: str, lines: Iterable[str]) -> list[tuple[int, Utterance]]:
    """Utterances from one JSON object a line, each with its line's number. Empty lines are passed over.

    The fields are those of ``Utterance``: ``text``, which must be there, and ``id``, ``speaker``, ``at``,
    ``revised_at``, ``kind``, ``session``, ``tags``, ``metadata``, ``importance``, ``pad``, ``confidence`` and
    ``embedding``. ``at`` and ``revised_at`` are times in ISO 8601, in UTC where they have no offset; ``pad`` an object
    with ``pleasure``, ``arousal`` and ``dominance``, or a list of the three. A null is as good as a missing field. Any
    other field is refused by its name: what has no field of its own belongs under ``metadata``.

    Raises: UnreadableLine.
    """
    taken = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            taken.append((number, _utterance(json.loads(line))))
        except json.JSONDecodeError as error:
            raise UnreadableLine(source, number, f"not JSON: {error.msg} at column {error.colno}") from None
        except RecursionError:
            raise UnreadableLine(source, number, "not JSON that can be read: nested too deep") from None
        except (InvalidInput, ValueError, OverflowError) as error:  # beside ours, numbers and years beyond any limit
            raise UnreadableLine(source, number, str(error)) from None
    return taken


def _utterance(record: object) -> Utterance:
    if not isinstance(record, dict):
        raise InvalidValue("line", type(record).__name__, "a JSON object")
    unknown = [name for name in record if name not in FIELDS]
    if unknown:
        raise InvalidValue(unknown[0], "an unknown field", f"one of {', '.join(FIELDS)} (or put it under metadata)")
    if record.get("text") is None:
        raise InvalidValue("text", "nothing", "a text")
    _encodable(record)
    given = {name: value for name, value in record.items() if value is not None}
    for name in TEXT_FIELDS & given.keys():
        if not isinstance(given[name], str):
            raise InvalidValue(name, repr(given[name]), "a text")
    for name in ("at", "revised_at"):
        if name in given:
            given[name] = _time(name, given[name])
    if "pad" in given:
        given["pad"] = _pad(given["pad"])
    if not isinstance(given.get("metadata", {}), dict):
        raise InvalidValue("metadata", repr(given["metadata"]), "an object")
    return Utterance(**given)


def _encodable(record: Mapping[str, Any]) -> None:
    """JSON can spell half a surrogate pair, which no file can hold. Raises: InvalidValue."""
    for name, value in record.items():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise InvalidValue(name, "half a surrogate pair", "text that UTF-8 can hold") from None


def _time(name: str, value: object) -> datetime:
    if isinstance(value, str):
        with suppress(ValueError):  # told below, in the same words as a value that is no text
            return datetime.fromisoformat(value)
    raise InvalidValue(name, repr(value), "a time such as '2025-01-11T18:02:00+00:00'")


def _pad(value: object) -> PAD:
    if isinstance(value, dict) and set(value) == set(AXES):
        value = [value[axis] for axis in AXES]
    if not isinstance(value, list) or len(value) != len(AXES):
        raise InvalidValue("pad", repr(value), "an object with pleasure, arousal and dominance, or a list of the three")
    return PAD(*value)


def write_json_lines(memories: Iterable[Memory], *, embeddings: bool = False) -> Iterator[str]:
    """One line of JSON for each memory, without its end; ``read_json_lines`` gives the same memories back.

    Embeddings are long (some 5 kB each) and can be made again, so they are left out unless asked for.
    """
    for memory in memories:
        yield json.dumps(record(memory, embeddings=embeddings), ensure_ascii=False, allow_nan=False)


def record(memory: Memory, *, embeddings: bool = False) -> dict[str, Any]:
    """A memory as JSON has it: the fields of ``Utterance``, without those that are empty."""
    values: dict[str, Any] = {
        "id": memory.id,
        "text": memory.text,
        "speaker": memory.speaker,
        "at": memory.at.isoformat(),
        "revised_at": None if memory.revised_at is None else memory.revised_at.isoformat(),
        "kind": memory.kind,
        "session": memory.session,
        "tags": list(memory.tags),
        "metadata": dict(memory.metadata),
        "importance": memory.importance,
        "pad": {axis: getattr(memory.pad, axis) for axis in AXES},
        "confidence": memory.confidence,
    }
    if embeddings:
        values["embedding"] = [float(value) for value in memory.embedding]
    return {name: value for name, value in values.items() if value not in (None, [], {})}


_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
_OFFSET = r"(?:\s?(?:Z|[+-]\d{2}:?\d{2}))?"
_STAMP = re.compile(rf"\[(?:(\d{{4}}-\d{{2}}-\d{{2}})[T ,]+)?({_CLOCK}){_OFFSET}\](?=\s|$)")
_BRACKET = re.compile(r"\[\s*\d[^\]]*\d[^\]]*\]")
_SPEAKER = re.compile(rf"([^:\s][^:]{{0,{MAX_SPEAKER_CHARS - 1}}}):(?:\s+|$)")
_DECORATION = re.compile(r"^[#=*_\-\s]+|[#=*_\-:\s]+$")
_WEEKDAY = re.compile(r"^(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+", re.IGNORECASE)
_DATE_FORMS = ("%Y-%m-%d", "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%B %d %Y")


@dataclass
class _Turn:
    """A turn as it is being read."""

    line: int
    speaker: str | None
    at: datetime | None
    session: str | None
    texts: list[str] = field(default_factory=list)

    def utterance(self, source: str) -> Utterance:
        try:
            return Utterance("\n".join(self.texts).strip(), self.speaker, self.at, session=self.session)
        except (InvalidInput, OverflowError) as error:  # the latter for a year beyond the calendar's ends
            raise UnreadableLine(source, self.line, str(error)) from None


def read_transcript(source: str, lines: Iterable[str]) -> list[tuple[int, Utterance]]:
    """Utterances from a chat transcript, each with the number of the line that it begins in.

    What begins a turn:

    * ``[2025-01-11 18:02] Name: text``, the time also with ``T``, seconds or an offset, in UTC where it has none;
    * ``[18:02] Name: text`` under a heading that is a date;
    * a stamp and a text without a name, which nobody in particular said (``?`` as a name says the same);
    * ``Name: text`` in a transcript that has no stamps.

    A name has at most 64 characters and ends at the first colon, which white space must follow; without a stamp it has
    to begin with a letter. Any other line goes on with the turn above it: so do, in a transcript with stamps, all lines
    without one, and everywhere those that are indented, whose first four spaces are dropped.

    A heading is a date alone in its line, such as ``2025-01-11``, ``## Saturday, 11 January 2025`` or
    ``--- January 11, 2025 ---``. It dates the turns below it that bring no date and names their session.

    Raises: UnreadableLine for a stamp that is no such time, and for text before the first turn.
    """
    numbered = list(enumerate(lines, start=1))
    stamped = any(_STAMP.match(line) for _, line in numbered)
    turns: list[_Turn] = []
    day: date | None = None
    for number, line in numbered:
        heading = _heading(line)
        if heading is not None:
            day = heading
            continue
        turn = _stamped_turn(source, number, line, day) if stamped else _plain_turn(number, line, day)
        if turn is not None:
            turns.append(turn)
        elif turns:
            turns[-1].texts.append(line.removeprefix(INDENT).rstrip())
        elif line.strip():
            raise UnreadableLine(source, number, f"no turn begins here: {_shortened(line)!r} has no speaker")
    return [(turn.line, turn.utterance(source)) for turn in turns]


def _stamped_turn(source: str, number: int, line: str, day: date | None) -> _Turn | None:
    stamp = _STAMP.match(line)
    if stamp is None:
        if _BRACKET.match(line):
            want = "expected a time such as [2025-01-11 18:02]"
            raise UnreadableLine(source, number, f"{want}, got {line[: line.index(']') + 1]!r}")
        return None
    own_day, clock = stamp.group(1), stamp.group(2)
    if own_day is None and day is None:
        raise UnreadableLine(source, number, f"[{clock}] has no date, and no heading above it gives one")
    offset = stamp.group(0)[1:-1].rpartition(clock)[2].strip()
    moment = f"{own_day or day}T{'0' if clock[1] == ':' else ''}{clock}{offset}"
    try:
        at = datetime.fromisoformat(moment)
    except ValueError as error:
        raise UnreadableLine(source, number, f"{stamp.group(0)}: {error}") from None
    session = None if day is None else day.isoformat()
    speaker, text = _speaker(line[stamp.end() :].strip())
    return _Turn(number, speaker, at, session, [text])


def _plain_turn(number: int, line: str, day: date | None) -> _Turn | None:
    if not line[:1].isalpha():
        return None
    speaker, text = _speaker(line.rstrip())
    if speaker is None:
        return None
    at = None if day is None else datetime.combine(day, time(), UTC)
    return _Turn(number, speaker, at, None if day is None else day.isoformat(), [text])


def _speaker(text: str) -> tuple[str | None, str]:
    """Who speaks and what remains; nobody, and all of it, where no name stands at the beginning."""
    found = _SPEAKER.match(text)
    if found is None:
        return None, text
    name = found.group(1).strip()
    return None if name == NOBODY else name, text[found.end() :]


def _heading(line: str) -> date | None:
    """The date, if the line is one and nothing else. An indented line is a part of a text."""
    bare = _WEEKDAY.sub("", _DECORATION.sub("", line))
    if line[:1].isspace() or not 8 <= len(bare) <= 20:
        return None
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(bare, form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    return None


def _shortened(line: str, width: int = 40) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"


def write_transcript(memories: Iterable[Memory]) -> Iterator[str]:
    """The memories as lines of a transcript, for people: it keeps time (to the second), speaker and text, no more.

    A memory that nobody said has ``?`` for a name, a colon within a name becomes a hyphen, and lines after the first
    are indented.
    """
    for memory in memories:
        stamp = memory.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        speaker = " ".join((memory.speaker or NOBODY).replace(":", "-").split())[:MAX_SPEAKER_CHARS]
        first, *others = memory.text.strip().split("\n")
        yield f"[{stamp}] {speaker}: {first}"
        yield from (INDENT + line for line in others)
