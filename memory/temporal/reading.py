"""The times that a question asks about and a remembered text tells of, each as stretches in a zone."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.temporal.grammar import Mention, Named, read
from quantum_memory.memory.temporal.span import TimeSpan
from quantum_memory.memory.temporal.stretches import Stretch
from quantum_memory.memory.temporal.times import Here
from quantum_memory.memory.temporal.words import clued

MAX_CHARS = 4000
"""How much of a text is looked at, from its beginning."""
KEPT_TEXTS = 4096
"""Texts whose reading is kept: as many as the candidates of some twenty questions."""


def understood(question: str, now: datetime) -> tuple[TimeSpan, ...]:
    """The times that a question speaks of, in its order; those of the calendar in the zone of ``now``.

    Args:
        question: an English text; what lies beyond ``MAX_CHARS`` is not looked at.
        now: when it is asked; one without a zone is read as UTC.

    A month or weekday that has no year and no *next* is the last one before ``now``, unless the sentence speaks of
    what is to come. A time beyond the years 1 to 9999 is none.
    Raises: InvalidValue if the question is no text or ``now`` no datetime.
    """
    return _spans("question", question, "now", now)


def spoken_of(text: str, at: datetime) -> tuple[TimeSpan, ...]:
    """The times that a remembered text speaks of: *yesterday* is the day before ``at``, when it was said.

    As ``understood``: the two differ in what they are for. Raises: InvalidValue.
    """
    return _spans("text", text, "at", at)


def tells_when(text: str) -> bool:
    """Whether a text can answer when something was: it names a time, or how many days or more something took.

    Raises: InvalidValue if it is no text.
    """
    named = _read(_shown("text", text))
    return named.lasting or bool(named.mentions)


def forget() -> None:
    """Drops what is kept of texts that were read, as a process does that must not hold on to them."""
    _read.cache_clear()
    _dated_utc.cache_clear()


def _spans(name: str, text: str, when: str, at: datetime) -> tuple[TimeSpan, ...]:
    if not isinstance(at, datetime):
        raise InvalidValue(when, repr(at), "a datetime")
    shown = _shown(name, text)
    # Equal moments in different zones are one key, so only one zone may be kept: the one that memories are dated in.
    return _dated_utc(shown, at) if at.tzinfo is UTC else _dated(shown, at)


def _dated(text: str, at: datetime) -> tuple[TimeSpan, ...]:
    mentions = _read(text).mentions
    if not mentions:
        return ()
    wall = at.replace(tzinfo=UTC, fold=0)
    zone = UTC if at.tzinfo is None or at.utcoffset() is None else at.tzinfo
    spans = (_span(mention, wall, zone) for mention in mentions)
    return tuple(span for span in spans if span is not None)


_dated_utc = lru_cache(KEPT_TEXTS)(_dated)


def _shown(name: str, text: str) -> str:
    """What is looked at. Raises: InvalidValue if it is no text."""
    if not isinstance(text, str):
        raise InvalidValue(name, type(text).__name__, "a text")
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS]


@lru_cache(KEPT_TEXTS)
def _read(text: str) -> Named:
    """What a text says, whenever it is said. One without a word of time is looked at, but not read."""
    return read(text) if clued(text) else Named((), lasting=False)


def _span(mention: Mention, wall: datetime, zone: tzinfo) -> TimeSpan | None:
    """A mention on the calendar, or ``None`` if there is no such day."""
    try:
        begin, end = _in_zone(mention.time.stretch(Here(wall, mention.ahead)), zone)
    except (ValueError, OverflowError):
        return None
    return TimeSpan(begin, end, mention.how, mention.words)


def _in_zone(stretch: Stretch, zone: tzinfo) -> tuple[datetime, datetime]:
    """A stretch of wall time in a zone. Where the clock is put back over its end, its length counts."""
    begin, end = stretch.begin.replace(tzinfo=zone), stretch.end.replace(tzinfo=zone)
    if end.timestamp() <= begin.timestamp():
        end = (begin.astimezone(UTC) + (stretch.end - stretch.begin)).astimezone(zone)
    return begin, end
