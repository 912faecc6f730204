"""What comes out of a file: an utterance or what is wrong with it, with its place, its conversation and its id.

Owns identity: the same thing in the same place has the same id whenever it is read, so that importing twice adds
nothing. Reads no file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from blake3 import blake3

from quantum_memory.checks import MAX_ID_CHARS, utc, within
from quantum_memory.errors import InvalidInput, InvalidValue, ShapeMismatch, UnreadableEntry, UnreadableLine
from quantum_memory.types import Utterance

Unreadable = UnreadableLine | UnreadableEntry
Dates = Literal["auto", "dmy", "mdy", "ymd"]
WINDOW = 65_536
"""Ids that are remembered to find one that comes twice; one farther back is found by the agent that knows it."""
ID_BYTES = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing out of a file.

    Attributes:
        source, place: where it stands, as in ``chat.txt`` and ``line 3``.
        found: what is to be remembered, or why it cannot be.
        conversation: the conversation or the owner that it belongs to, where the format knows several.
        key: what tells it apart from all else in files of its format; ``None`` where the format has no such thing.
        named: whether the file brought its id; any other is made of what the entry says.
    """

    source: str
    place: str
    found: Utterance | Unreadable
    conversation: str | None = None
    key: str | None = None
    named: bool = False

    def refused(self, reason: str) -> Entry:
        """The same place with what is wrong there."""
        word, _, number = self.place.partition(" ")
        if word == "line" and number.isdecimal():
            return replace(self, found=UnreadableLine(self.source, int(number), reason))
        return replace(self, found=UnreadableEntry(self.source, self.place, reason))


@dataclass(frozen=True)
class Reading:
    """How a file is to be read.

    Attributes:
        zone: of times that bring none.
        dates: the order of day and month in dates such as 01/02/2025; ``auto`` finds out, or asks.
        columns: of a table: for fields of an utterance, the names of their columns.

    Raises: InvalidValue.
    """

    zone: tzinfo = UTC
    dates: Dates = "auto"
    columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.dates not in get_args(Dates):
            raise InvalidValue("dates", repr(self.dates), " or ".join(get_args(Dates)))
        if not isinstance(self.columns, Mapping):
            raise InvalidValue("columns", type(self.columns).__name__, "a mapping from fields to columns")


def entry(
    source: str,
    place: str,
    make: Mapping[str, Any],
    conversation: object = None,
    key: object = None,
) -> Entry:
    """An entry with an utterance of these fields, or with what is wrong with them."""
    group = None if conversation is None else str(conversation)
    made = Entry(source, place, UnreadableEntry(source, place, ""), group, None if key is None else str(key))
    if not isinstance(make.get("text"), str):
        return made.refused(f"text: expected a text, got {make.get('text', 'nothing')!r:.40}")
    try:
        return replace(made, found=Utterance(**{name: value for name, value in make.items() if value is not None}))
    except (InvalidInput, OverflowError) as error:
        return made.refused(str(error))


def refused(source: str, place: str, reason: str) -> Entry:
    """An entry of a document that cannot be read."""
    return Entry(source, place, UnreadableEntry(source, place, reason))


def identified(
    entries: Iterable[Entry], form: str, text_chars: int | None = None, dim: int | None = None
) -> Iterator[Entry]:
    """The same with an id each, and checked against each other and the limits.

    What has an id keeps it. What its format tells apart gets one made of format, key and text; all else
    one made of its content and of all that stands before it: see ``derived_id``. Of what its format tells apart and
    stands there twice, the second is left out.
    """
    seen: dict[str, str] = {}
    before = ""
    for one in entries:
        if not isinstance(one.found, Utterance):
            yield one
            continue
        if one.key is None:
            before = derived_id(before, one.found)
        made = before if one.key is None else keyed_id(form, one.key, one.found.text)
        known = one.found if one.found.id is not None else replace(one.found, id=made)
        identity = str(known.id)
        try:
            within("text", known.text, text_chars if text_chars is not None else len(known.text))
            if known.embedding is not None:
                dim = known.embedding.size if dim is None else dim
                if known.embedding.size != dim:
                    raise ShapeMismatch("embedding", (dim,), known.embedding.shape)
        except InvalidInput as error:
            yield one.refused(str(error))
            continue
        if identity in seen and one.key is not None:
            continue  # the same thing, twice in its file
        if identity in seen:
            yield one.refused(f"id: {identity!r} stands in {seen[identity]} already")
            continue
        seen[identity] = one.place
        if len(seen) > WINDOW:
            del seen[next(iter(seen))]
        yield replace(one, found=known, named=one.found.id is not None)


def derived_id(before: str, one: Utterance) -> str:
    """The id of an utterance that brings none: what it is, and all that stands before it in its file.

    So a file that has grown adds what is new, and two files share only what they begin with.
    """
    at = None if one.at is None else one.at.isoformat()
    return _digest([before, one.text, one.speaker, at, one.kind, one.session])


def keyed_id(form: str, key: str, text: str) -> str:
    """The id of what its format tells apart: the same in a later export, whatever was left out before it."""
    return _digest([form, key, text])


def _digest(values: list[object]) -> str:
    return blake3(json.dumps(values, ensure_ascii=False).encode()).hexdigest(length=ID_BYTES)


def moment(name: str, value: object, zone: tzinfo = UTC) -> datetime | None:
    """A time out of seconds since the epoch or ISO 8601, in a zone where it names none; none where nothing is said.

    Raises: InvalidValue.
    """
    if value is None or value == "":
        return None
    with suppress(ValueError, OverflowError, OSError):  # told below, in one form of words
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            if value.replace(".", "", 1).isdecimal():
                return datetime.fromtimestamp(float(value), UTC)
            return placed(datetime.fromisoformat(value), zone)
    raise InvalidValue(name, repr(value), "a time in ISO 8601 or seconds since the epoch")


def placed(at: datetime, zone: tzinfo) -> datetime:
    """The time in UTC, read as one of the zone where it names none. Raises: InvalidValue."""
    return utc("at", at.replace(tzinfo=zone) if at.tzinfo is None else at)


def zone_of(zone: object) -> tzinfo:
    """A time zone by its IANA name or as it is. Raises: InvalidValue."""
    if isinstance(zone, tzinfo):
        return zone
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):  # told below; a name may be no path of a zone at all
        if isinstance(zone, str):
            return ZoneInfo(zone)
    raise InvalidValue("zone", repr(zone), "a time zone such as 'Europe/Berlin'")


def session(name: object, at: datetime | None = None) -> str | None:
    """The session of a chat that knows none: its name, and the day."""
    day = "" if at is None else f"{at:%Y-%m-%d}"
    text = name.strip() if isinstance(name, str) else ""
    return f"{text[: MAX_ID_CHARS - len(day) - 1]} {day}".strip() or None


def shown(name: object, default: str | None = None) -> str | None:
    """A name as a speaker, shortened to what one may have; the default for what is no name."""
    text = name.strip() if isinstance(name, str) else ""
    return text[:MAX_ID_CHARS] or default
