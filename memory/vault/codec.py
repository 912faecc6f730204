"""Events as bytes and back: MessagePack behind a format byte and a checksum. Never touches a disk.

A record is ``format (1 byte) | BLAKE3 of format and body (8 bytes) | body``. Vectors are little-endian float32.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, get_args, get_origin

import msgspec
import numpy as np
from blake3 import blake3

from quantum_memory.checks import bounded, plain, whole
from quantum_memory.errors import CorruptRecord, InvalidValue, NotFinite, ShapeMismatch
from quantum_memory.memory.events import (
    Event,
    Felt,
    Forgotten,
    Merged,
    Picked,
    Related,
    Remembered,
    Revised,
    SkillLearned,
    Unrelated,
    Used,
    Word,
)
from quantum_memory.types import Memory, Relation, Skill, Vector

FORMAT = 1
CHECKSUM_BYTES = 8
HEADER_BYTES = 1 + CHECKSUM_BYTES
MAX_WEIGHT = 1e9
MOST_TRIES = 2**62
_MARK = bytes([FORMAT])
_KINDS: tuple[type[Event], ...] = get_args(Event)


class Recorded(NamedTuple):
    """The record of an event of this kind that was checked, which nobody has proven to be readable: see ``proven``."""

    kind: str
    record: bytes


def encode(event: Event) -> bytes:
    """The record of an event, proven to be readable again.

    Raises: InvalidValue, NotFinite, OutOfRange, ShapeMismatch, TooLong.
    """
    made = recorded(event)
    proven(made)
    return made.record


def recorded(event: Event) -> Recorded:
    """The record of an event. Raises: InvalidValue, NotFinite, OutOfRange, ShapeMismatch, TooLong."""
    if not isinstance(event, _KINDS):
        raise InvalidValue("event", type(event).__name__, "one of the kinds in memory.events")
    _check(event)
    try:
        body = _ENCODER.encode(event)
    except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError, TypeError) as error:
        raise InvalidValue("event", type(event).__name__, f"values that can be stored ({error})") from error
    return Recorded(type(event).__name__, b"".join((_MARK, _checksum(body), body)))


def proven(made: Recorded) -> Event:
    """The event of a record, which can therefore be read.

    The encoder trusts annotations; what it lets through must not be refused on reading. Raises: InvalidValue.
    """
    try:
        return decode(made.record)
    except CorruptRecord as error:
        raise InvalidValue("event", made.kind, f"values that can be stored ({error.reason})") from error


def decode(record: bytes, what: str = "event") -> Event:
    """The event of a record. Vectors in it are read-only. Raises: CorruptRecord, naming ``what``."""
    if len(record) <= HEADER_BYTES:
        raise CorruptRecord(what, f"{len(record)} bytes are too few for a record")
    body = record[HEADER_BYTES:]
    if record[:1] != _MARK:
        raise CorruptRecord(what, f"its format is {record[0]}, this version reads {FORMAT}")
    if record[1:HEADER_BYTES] != _checksum(body):
        raise CorruptRecord(what, "its checksum does not match")
    try:
        return _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptRecord(what, str(error)) from error


def _checksum(body: bytes) -> bytes:
    return blake3(_MARK + body).digest(CHECKSUM_BYTES)


def _check(event: Event) -> None:
    """Refuse what MessagePack could hold but a fold could not use."""
    for memory in memories_of(event):
        _check_memory(memory)
    for relation in event.relations if isinstance(event, Related | Merged) else ():
        _check_relation(relation)
    for word in event.words if isinstance(event, Merged) else event.ended if isinstance(event, Related) else ():
        _check_word(word)
    match event:
        case Felt():
            _check_time("at", event.at)
            bounded("confidence", event.confidence, 0.0, 1.0)
            bounded("intensity", event.intensity, 0.0, 1.0)
        case Unrelated() | Used():
            _check_time("at", event.at)
        case Forgotten(at=at) if at is not None:
            _check_time("at", at)
        case Merged():
            _check_merged(event)
        case _:
            pass
    for skill in skills_of(event):
        _check_skill(skill)


def _check_merged(event: Merged) -> None:
    for at in (*event.forgotten_at, *event.unrelated_at, *(at for _, at in event.unheard)):
        if at is not None:
            _check_time("at", at)
    for tried in event.tries:
        bounded("tries.successes", tried.successes, 0, MOST_TRIES)
        bounded("tries.failures", tried.failures, 0, MOST_TRIES)
    for used in event.uses:
        bounded("uses.count", used.count, 1, MOST_TRIES)
        _check_time("uses.last", used.last)
    if event.mood is not None:
        bounded("mood.weight", event.mood.weight, 0.0, 1.0)


def memories_of(event: Event) -> tuple[Memory, ...]:
    """Every memory that an event brings by value."""
    if isinstance(event, Merged | Picked):
        return event.memories + event.revised
    return event.memories if isinstance(event, Remembered | Revised) else ()


def skills_of(event: Event) -> tuple[Skill, ...]:
    """Every skill that an event brings by value."""
    if isinstance(event, Merged):
        return event.skills
    return (event.skill,) if isinstance(event, SkillLearned) else ()


def _check_relation(relation: Relation) -> None:
    bounded("relation.weight", relation.weight, 0.0, MAX_WEIGHT)
    for name, at in (("relation.at", relation.at), ("relation.until", relation.until)):
        if at is not None:
            _check_time(name, at)


def _check_word(word: Word) -> None:
    if word.weight is not None:
        bounded("relation.weight", word.weight, 0.0, MAX_WEIGHT)
    if word.at is not None:
        _check_time("relation.at", word.at)


def _check_memory(memory: Memory) -> None:
    _check_time("memory.at", memory.at)
    if memory.revised_at is not None:
        _check_time("memory.revised_at", memory.revised_at)
    bounded("memory.confidence", memory.confidence, 0.0, 1.0)
    bounded("memory.importance", memory.importance, 0.0, 1.0)
    if memory.metadata != {}:
        plain("memory.metadata", memory.metadata)
    _check_embedding("memory.embedding", memory.embedding)


def _check_skill(skill: Skill) -> None:
    if skill.at is not None:
        _check_time("skill.at", skill.at)
    whole("skill.version", skill.version, 1, MOST_TRIES)
    for number in skill.optional:
        whole("skill.optional", number, 0, len(skill.steps) - 1)
    if list(skill.optional) != sorted(set(skill.optional)):
        raise InvalidValue("skill.optional", str(skill.optional), "numbers of steps that rise")
    if skill.embedding is not None:
        _check_embedding("skill.embedding", skill.embedding)


def _check_embedding(name: str, given: object) -> None:
    if not isinstance(given, np.ndarray) or given.dtype != np.float32:
        raise InvalidValue(name, str(getattr(given, "dtype", type(given).__name__)), "a float32 array")
    if given.ndim != 1 or given.size == 0:
        raise ShapeMismatch(name, ("d",), given.shape)
    if not _finite(given):
        worst = int(np.flatnonzero(~np.isfinite(given))[0])
        raise NotFinite(name, float(given[worst]), f"index {worst}")


def _finite(vector: Vector) -> bool:
    """Whether it holds neither NaN nor infinity. The ufunc's own reduction takes half the time of ``all``."""
    return bool(np.logical_and.reduce(np.isfinite(vector)))


def _check_time(name: str, at: object) -> None:
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise InvalidValue(name, repr(at), "a datetime with a time zone")


def _to_plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.astype("<f4", copy=False).tobytes()
    if isinstance(value, np.floating):
        return float(value)
    if isinstance(value, np.integer):
        return int(value)
    raise TypeError(f"{type(value).__name__} has no place in an event")


def _from_plain(kind: Any, value: Any) -> Any:
    if get_origin(kind) is not np.ndarray or not isinstance(value, bytes):
        raise TypeError(f"expected {kind}, got {type(value).__name__}")
    return _vector(value)


def _vector(data: bytes) -> Vector:
    """(d,) float32 over bytes that only it holds: NumPy makes such an array read-only for good."""
    if not data or len(data) % 4:
        raise ValueError(f"{len(data)} bytes are no float32 vector")
    vector = np.frombuffer(data, dtype="<f4").astype(np.float32, copy=False)
    vector.flags.writeable = False
    if not _finite(vector):
        raise ValueError("a vector holds NaN or infinity")
    return vector


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_to_plain)
_DECODER: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event, dec_hook=_from_plain)
