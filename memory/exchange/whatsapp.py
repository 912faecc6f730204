"""WhatsApp's text exports (Android, iOS): ``WhatsApp Chat with Bob.txt``, ``_chat.txt``, or the zip around them.

Owns what begins a message there and which order its dates have. The company documents no form; this is what its apps
write, as read by chat-miner (github.com/joweich/chat-miner, chatparsers.py, ``WhatsAppParser``) and the WhatsR package
(search.r-project.org/CRAN/refmans/WhatsR/html/parse_android.html):

    1/11/25, 6:02 PM - Bob: text            Android
    [11.01.25, 18:02:33] Bob: text          iOS, with U+200E before lines of the app and U+202F before AM

The order of day, month and year is the phone's. A message goes on in the lines below it that begin no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from quantum_memory.errors import InvalidInput, UnreadableFile, UnreadableLine
from quantum_memory.memory.exchange.entries import WINDOW, Dates, Entry, Reading, keyed_id, placed
from quantum_memory.memory.exchange.sources import Part, Source
from quantum_memory.memory.exchange.transcript import STAMP, Turn, named

MARKS = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202c"))
NARROW = dict.fromkeys(map(ord, "\u202f\u00a0"), " ")
HEAD = re.compile(
    r"\[?(\d{1,4})([./-])(\d{1,2})\2(\d{1,4}),?\s+(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?"
    r"(?:\s?([AaPp])\.?\s?[Mm]\.?)?(?:\]| -)\s"
)
YEAR_DIGITS = 4
OMITTED = re.compile(r"^(?:<[^<>]*omitted>|(?:image|video|audio|sticker|GIF|document|Contact card) omitted)$")
"""What stands for media that were left out, on phones in English. It says nothing."""
LOOKED_AT_FIRST = 40
"""Lines in which a chat begins, or it is none."""
LOOKED_AT = 20_000
"""Stamps that are looked at to find the order of dates."""


class Stamp(NamedTuple):
    """A date as it is written, a clock of 24 hours, and where the message begins."""

    first: int
    second: int
    third: int
    mark: str
    clock: tuple[int, int, int]
    end: int


def stamp(line: str) -> Stamp | None:
    """The stamp that a line begins with, if it does; the line is cleaned already."""
    found = HEAD.match(line)
    if found is None:
        return None
    first, mark, second, third, hour, minute, seconds, half = found.groups()
    if len(third) == 1 and len(first) != YEAR_DIGITS:
        return None  # a day may have one digit, a year never
    hours = int(hour) % 12 + 12 * (half in "Pp") if half else int(hour)
    return Stamp(int(first), int(second), int(third), mark, (hours, int(minute), int(seconds or 0)), found.end())


def cleaned(line: str) -> str:
    """The line without marks of direction, and with plain spaces in its stamp."""
    line = line.translate(MARKS)
    return line[:40].translate(NARROW) + line[40:]


def read(source: Source, reading: Reading) -> Iterator[Entry]:
    """Messages with time, speaker and text; the session is the day. Lines of the app, which nobody said, are left out.

    A message is told apart by its time, its speaker and its text, and by how many such there were in that second: so a
    later export, from which the oldest may be missing, adds only what is new.

    Raises: UnreadableFile if it begins with no message, or nothing tells whether 01/02 is in January.
    """
    for part in source.parts:
        # Documents that were sent lie beside the chat in its archive.
        if not source.packed or (part.name.lower().endswith(".txt") and begins(source, part)):
            yield from _read_part(source, part, reading)


def begins(source: Source, part: Part) -> bool:
    """Whether one of the first lines begins like a message, and none before it like a turn of a transcript."""
    before = source.position
    try:
        for number, line in source.lines(part):
            if number > LOOKED_AT_FIRST or (isinstance(line, str) and STAMP.match(line)):
                return False
            if isinstance(line, str) and stamp(cleaned(line)) is not None:
                return True
        return False
    finally:
        source.position = before


def _read_part(source: Source, part: Part, reading: Reading) -> Iterator[Entry]:
    label = source.label(part)
    order = _order(source, part, reading.dates)
    turn: Turn | None = None
    same: dict[str, int] = {}
    day: str | None = None
    for number, raw in source.lines(part):
        line = raw if isinstance(raw, UnreadableLine) else cleaned(raw)
        begun = line if isinstance(line, UnreadableLine) else _begun(label, number, line, order, reading)
        if begun is None:
            if turn is not None and (too_long := turn.add(label, str(line))) is not None:
                yield Entry(label, f"line {turn.line}", too_long)
                turn = None
            continue
        if turn is not None:
            # Messages may be out of order, and an hour comes twice where summer ends, but both within a day.
            day, same = (day, same) if turn.session == day and len(same) < WINDOW else (turn.session, {})
            yield from _entry(label, turn, same)
        turn = None  # what goes on after a bad line may be a part of that
        if isinstance(begun, UnreadableLine):
            yield Entry(label, f"line {number}", begun)
        else:
            turn = begun
    if turn is not None:
        yield from _entry(label, turn, same if turn.session == day else {})


def _begun(label: str, number: int, line: str, order: Dates, reading: Reading) -> Turn | UnreadableLine | None:
    head = stamp(line)
    if head is None:
        return None
    try:
        at = placed(datetime(*_date(head, order), *head.clock), reading.zone)  # noqa: DTZ001  (placed gives the zone)
    except InvalidInput as error:
        return UnreadableLine(label, number, str(error))
    except ValueError as error:
        return UnreadableLine(label, number, f"{line[: head.end].strip()!r}: {error}")
    speaker, text = named(line[head.end :].strip())
    return Turn(number, speaker, at, f"{at.astimezone(reading.zone):%Y-%m-%d}", [text], len(text))


def _entry(label: str, turn: Turn, same: dict[str, int]) -> Iterator[Entry]:
    text = "\n".join(turn.texts).strip()
    if turn.speaker is None or not text or OMITTED.match(text):
        return
    key = f"{turn.at} {turn.speaker}"
    place = keyed_id("whatsapp", key, text)
    same[place] = same.get(place, 0) + 1
    yield Entry(label, f"line {turn.line}", turn.found(label), None, f"{key} {same[place]}")


def _date(head: Stamp, order: Dates) -> tuple[int, int, int]:
    first, second, third = head[:3]
    if order == "ymd" or first > 31:
        return first + 2000 if first < 100 else first, second, third
    year = third + 2000 if third < 100 else third
    return (year, second, first) if order == "dmy" else (year, first, second)


def _order(source: Source, part: Part, asked: Dates) -> Dates:
    """The order of dates: as asked, or as its stamps tell. Raises: UnreadableFile."""
    if asked != "auto":
        return asked
    before, label = source.position, source.label(part)
    heads = []
    for _, line in source.lines(part):
        head = stamp(cleaned(line)) if isinstance(line, str) else None
        if head is not None:
            heads.append(head)
        if len(heads) == LOOKED_AT:
            break
    source.position = before
    if not heads:
        raise UnreadableFile(label, "no line begins like a message of WhatsApp, as in '1/11/25, 6:02 PM - Bob: text'")
    return told_order(label, heads)


def told_order(label: str, heads: list[Stamp]) -> Dates:
    """What numbers above 12 tell, else that time goes on, else the dot, which only days come before.

    Raises: UnreadableFile where nothing tells.
    """
    if all(head.first > 31 for head in heads):
        return "ymd"
    days, months = max(head.first for head in heads), max(head.second for head in heads)
    if (days > 12) != (months > 12):
        return "dmy" if days > 12 else "mdy"
    if heads[0].mark == ".":
        return "dmy"
    falls: dict[Dates, int] = {order: _falls(heads, order) for order in ("dmy", "mdy")}
    if falls["dmy"] != falls["mdy"]:
        return min(falls, key=lambda order: falls[order])
    first = heads[0]
    example = f"{first.first}{first.mark}{first.second}{first.mark}{first.third}"
    raise UnreadableFile(label, f"nothing tells whether {example} begins with the day: say dates='dmy' or 'mdy'")


def _falls(heads: list[Stamp], order: Dates) -> int:
    """How often a message would be older than the one above it."""
    dates = [_date(head, order) for head in heads]
    return sum(later < earlier for earlier, later in pairwise(dates))
