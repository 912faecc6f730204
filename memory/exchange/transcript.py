"""Plain chat transcripts, read and written: this package's own form for people.

Owns what begins a turn; ``read`` describes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

from quantum_memory.errors import InvalidInput, UnreadableLine
from quantum_memory.memory.exchange.entries import Entry, Reading, placed
from quantum_memory.memory.exchange.sources import MAX_LINE_BYTES, Part, Source
from quantum_memory.types import Memory, Utterance

MAX_SPEAKER_CHARS = 64
INDENT = "    "
NOBODY = "?"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
_OFFSET = r"(?:\s?(?:Z|[+-]\d{2}:?\d{2}))?"
STAMP = re.compile(rf"\[(?:(\d{{4}}-\d{{2}}-\d{{2}})[T ,]+)?({_CLOCK}){_OFFSET}\](?=\s|$)")
_BRACKET = re.compile(r"\[\s*\d[^\]]*\d[^\]]*\]")
_SPEAKER = re.compile(rf"([^:\s][^:]{{0,{MAX_SPEAKER_CHARS - 1}}}):(?:\s+|$)")
_DECORATION = re.compile(r"^[#=*_\-\s]+|[#=*_\-:\s]+$")
_WEEKDAY = re.compile(r"^(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+", re.IGNORECASE)
_DATE_FORMS = ("%Y-%m-%d", "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%B %d %Y")


@dataclass
class Turn:
    """A turn as it is being read."""

    line: int
    speaker: str | None
    at: datetime | None
    session: str | None
    texts: list[str] = field(default_factory=list)
    bytes: int = 0

    def add(self, label: str, text: str) -> UnreadableLine | None:
        """One more line of it; what is wrong if that makes it longer than any text may be."""
        self.bytes += len(text)
        if self.bytes > MAX_LINE_BYTES:
            self.texts = []
            return UnreadableLine(label, self.line, f"a turn of more than {MAX_LINE_BYTES} characters")
        self.texts.append(text)
        return None

    def found(self, label: str) -> Utterance | UnreadableLine:
        try:
            return Utterance("\n".join(self.texts).strip(), self.speaker, self.at, session=self.session)
        except (InvalidInput, OverflowError) as error:  # the latter for a year beyond the calendar's ends
            return UnreadableLine(label, self.line, str(error))


def read(source: Source, reading: Reading) -> Iterator[Entry]:
    """Utterances from a chat transcript, each with the number of the line that it begins in.

    What begins a turn:

    * ``[2025-01-11 18:02] Name: text``, the time also with ``T``, seconds or an offset; in the zone of the reading
      where it has none;
    * ``[18:02] Name: text`` under a heading that is a date;
    * a stamp and a text without a name, which nobody in particular said (``?`` as a name says the same);
    * ``Name: text`` in a transcript that has no stamps.

    A name has at most 64 characters and ends at the first colon, which white space must follow; without a stamp it has
    to begin with a letter. Any other line goes on with the turn above it: so do, in a transcript with stamps, all lines
    without one, and everywhere those that are indented, whose first four spaces are dropped.

    A heading is a date alone in its line, such as ``2025-01-11``, ``## Saturday, 11 January 2025`` or
    ``--- January 11, 2025 ---``. It dates the turns below it that bring no date and names their session.

    What is refused: a stamp that is no such time, with the lines that go on with it, and text before the first turn.
    """
    for part in source.parts:
        yield from _read_part(source, part, reading)


def _read_part(source: Source, part: Part, reading: Reading) -> Iterator[Entry]:
    label = source.label(part)
    stamped = _has_stamps(source, part)
    open_turn: Turn | None = None
    bad = False
    day: date | None = None
    for number, line in source.lines(part):
        heading = _heading(line) if isinstance(line, str) else None
        if heading is not None:
            day = heading
            continue
        begun = line if isinstance(line, UnreadableLine) else _begun(label, number, line, day, stamped, reading)
        if begun is not None:
            if open_turn is not None:
                yield _entry(label, open_turn)
            open_turn, bad = (begun, False) if isinstance(begun, Turn) else (None, True)
            if isinstance(begun, UnreadableLine):
                yield Entry(label, f"line {number}", begun)
        elif open_turn is not None:
            too_long = open_turn.add(label, str(line).removeprefix(INDENT).rstrip())
            if too_long is not None:
                yield Entry(label, f"line {open_turn.line}", too_long)
                open_turn, bad = None, True
        elif str(line).strip() and not bad:  # what goes on after a bad line may be a part of that
            reason = f"no turn begins here: {shortened(str(line))!r} has no speaker"
            yield Entry(label, f"line {number}", UnreadableLine(label, number, reason))
    if open_turn is not None:
        yield _entry(label, open_turn)


def _entry(label: str, turn: Turn) -> Entry:
    return Entry(label, f"line {turn.line}", turn.found(label))


def _has_stamps(source: Source, part: Part) -> bool:
    """Whether any line has a stamp. The source is not advanced by this look."""
    before = source.position
    found = any(isinstance(line, str) and STAMP.match(line) for _, line in source.lines(part))
    source.position = before
    return found


def _begun(
    label: str, number: int, line: str, day: date | None, stamped: bool, reading: Reading
) -> Turn | UnreadableLine | None:
    if not stamped:
        return _plain_turn(number, line, day, reading)
    try:
        return _stamped_turn(label, number, line, day, reading)
    except UnreadableLine as error:
        return error


def _stamped_turn(label: str, number: int, line: str, day: date | None, reading: Reading) -> Turn | None:
    stamp = STAMP.match(line)
    if stamp is None:
        if _BRACKET.match(line):
            want = "expected a time such as [2025-01-11 18:02]"
            raise UnreadableLine(label, number, f"{want}, got {line[: line.index(']') + 1]!r}")
        return None
    own_day, clock = stamp.group(1), stamp.group(2)
    if own_day is None and day is None:
        raise UnreadableLine(label, number, f"[{clock}] has no date, and no heading above it gives one")
    offset = stamp.group(0)[1:-1].rpartition(clock)[2].strip()
    written = f"{own_day or day}T{'0' if clock[1] == ':' else ''}{clock}{offset}"
    try:
        at = placed(datetime.fromisoformat(written), reading.zone)
    except InvalidInput as error:
        raise UnreadableLine(label, number, str(error)) from None
    except (ValueError, OverflowError) as error:
        raise UnreadableLine(label, number, f"{stamp.group(0)}: {error}") from None
    session = None if day is None else day.isoformat()
    speaker, text = named(line[stamp.end() :].strip())
    return Turn(number, speaker, at, session, [text], len(text))


def _plain_turn(number: int, line: str, day: date | None, reading: Reading) -> Turn | None:
    if not line[:1].isalpha():
        return None
    speaker, text = named(line.rstrip())
    if speaker is None:
        return None
    at = None if day is None else datetime.combine(day, time(), reading.zone)
    return Turn(number, speaker, at, None if day is None else day.isoformat(), [text], len(text))


def named(text: str) -> tuple[str | None, str]:
    """Who speaks and what remains; nobody, and all of it, where no name stands at the beginning."""
    found = _SPEAKER.match(text)
    if found is None:
        return None, text
    name = found.group(1).strip()
    return None if name == NOBODY else name, text[found.end() :]


def _heading(line: str) -> date | None:
    """The date, if the line is one and nothing else. An indented line is a part of a text."""
    if line[:1].isspace() or len(line) > 4 * MAX_SPEAKER_CHARS:
        return None
    bare = _WEEKDAY.sub("", _DECORATION.sub("", line))
    if not 8 <= len(bare) <= 20:
        return None
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(bare, form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    return None


def shortened(line: str, width: int = 40) -> str:
    """The line, or its beginning."""
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
