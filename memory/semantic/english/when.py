"""When something came to be so, as far as a clause says it: by the calendar, or counted from its telling."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from quantum_memory.checks import utc
from quantum_memory.memory.semantic.english.sentences import Token
from quantum_memory.memory.semantic.tokens import segments
from quantum_memory.memory.semantic.words import NUMBER_WORDS

_DAYS = {"day": 1, "days": 1, "week": 7, "weeks": 7}
_COUNTS = NUMBER_WORDS | {"a": 1, "one": 1}
_DATE = re.compile(r"date:([0-9]{4})(?:-([0-9]{2}))?(?:-([0-9]{2}))?")


def when(clause: Sequence[Token], at: datetime | None) -> datetime | None:
    """The time that a clause gives, in UTC; the beginning of it where it gives a month or a year.

    Args:
        clause: its tokens.
        at: when it was said, which is the answer where the clause names no time, or several.
    """
    said = None if at is None else utc("at", at)
    words = [token.base for token in clause]
    if said is not None:
        back = _days_back(words)
        if back is not None:
            return (
                said - timedelta(days=back) if said - datetime.min.replace(tzinfo=UTC) > timedelta(days=back) else said
            )
    dates = {
        then.key
        for _, then in segments(" ".join(token.text for token in clause))
        if then is not None and then.kind == "date" and _DATE.fullmatch(then.key)
    }
    if len(dates) == 1:
        return _begins(dates.pop()) or said
    return said


def _days_back(words: Sequence[str]) -> int | None:
    """How many days ago, where the clause counts them."""
    if "yesterday" in words or ("last", "night") in pairwise(words):
        return 1
    for count, unit, ago in zip(words, words[1:], words[2:], strict=False):
        if ago == "ago" and unit in _DAYS:
            number = int(count) if count.isascii() and count.isdigit() and len(count) < 5 else _COUNTS.get(count)
            return None if number is None else number * _DAYS[unit]
    return None


def _begins(key: str) -> datetime | None:
    """The first moment of a day, a month or a year; ``None`` if the calendar has no such day."""
    match = _DATE.fullmatch(key)
    if match is None:
        return None
    year, month, day = (int(part or 1) for part in match.groups())
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None
