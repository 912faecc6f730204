"""JSON lines: one utterance a line, read and written with every field that a memory has.

Owns this package's own format, in which ``export`` and ``import`` undo each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, tzinfo
from typing import Any

from quantum_memory.errors import InvalidInput, InvalidValue, UnreadableLine
from quantum_memory.memory.exchange.entries import Entry, Reading, placed
from quantum_memory.memory.exchange.sources import Source
from quantum_memory.types import PAD, Memory, Utterance

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


def read(source: Source, reading: Reading) -> Iterator[Entry]:
    """Utterances from one JSON object a line. Empty lines are passed over.

    The fields are those of ``Utterance``: ``text``, which must be there, and ``id``, ``speaker``, ``at``,
    ``revised_at``, ``kind``, ``session``, ``tags``, ``metadata``, ``importance``, ``pad``, ``confidence`` and
    ``embedding``. ``at`` and ``revised_at`` are times in ISO 8601, in the zone of the reading where they have no
    offset; ``pad`` an object with ``pleasure``, ``arousal`` and ``dominance``, or a list of the three. A null is as
    good as a missing field. Any other field is refused by its name: what has no field of its own belongs under
    ``metadata``.
    """
    for part in source.parts:
        label = source.label(part)
        for number, line in source.lines(part):
            if isinstance(line, str) and not line.strip():
                continue
            found = line if isinstance(line, UnreadableLine) else _found(label, number, line, reading.zone)
            yield Entry(label, f"line {number}", found)


def _found(label: str, number: int, line: str, zone: tzinfo) -> Utterance | UnreadableLine:
    try:
        return _utterance(json.loads(line), zone)
    except json.JSONDecodeError as error:
        return UnreadableLine(label, number, f"not JSON: {error.msg} at column {error.colno}")
    except RecursionError:
        return UnreadableLine(label, number, "not JSON that can be read: nested too deep")
    except (InvalidInput, ValueError, OverflowError) as error:  # beside ours, numbers and years beyond any limit
        return UnreadableLine(label, number, str(error))


def _utterance(record: object, zone: tzinfo) -> Utterance:
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
            given[name] = _time(name, given[name], zone)
    if "pad" in given:
        given["pad"] = _pad(given["pad"])
    if not isinstance(given.get("metadata", {}), dict):
        raise InvalidValue("metadata", repr(given["metadata"]), "an object")
    return Utterance(**given)


def _encodable(record: Mapping[str, Any]) -> None:
    """JSON can spell half a surrogate pair, which no file can hold. Raises: InvalidValue."""
    for name, value in record.items():
        try:
            if name != "embedding":  # numbers, and many of them
                json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise InvalidValue(name, "half a surrogate pair", "text that UTF-8 can hold") from None


def _time(name: str, value: object, zone: tzinfo) -> datetime:
    if isinstance(value, str):
        with suppress(ValueError):  # told below, in the same words as a value that is no text
            at = datetime.fromisoformat(value)
            return at if at.tzinfo is not None else placed(at, zone)
    raise InvalidValue(name, repr(value), "a time such as '2025-01-11T18:02:00+00:00'")


def _pad(value: object) -> PAD:
    if isinstance(value, dict) and set(value) == set(AXES):
        value = [value[axis] for axis in AXES]
    if not isinstance(value, list) or len(value) != len(AXES):
        raise InvalidValue("pad", repr(value), "an object with pleasure, arousal and dominance, or a list of the three")
    return PAD(*value)


def write_json_lines(memories: Iterable[Memory], *, embeddings: bool = False) -> Iterator[str]:
    """One line of JSON for each memory, without its end; ``read`` gives the same memories back.

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
