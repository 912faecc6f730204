"""Stretches of a calendar: days, weeks, weekends, months, seasons and years, on the clock on the wall.

Wall times are carried as if they were UTC; ``reading`` puts them into a zone. Half open: the end is the first moment
that is no longer in. What lies outside the years 1 to 9999 raises OverflowError or ValueError, as ``datetime`` does.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
MONTHS_A_UNIT = {"month": 1, "quarter": 3, "year": 12, "decade": 120}
STEP = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": DAY,
    "week": WEEK,
    "weekend": WEEK,
    "fortnight": 2 * WEEK,
}
CLOCK_UNITS = frozenset({"second", "minute", "hour"})
SEASON_MONTH = {"spring": 3, "summer": 6, "fall": 9, "winter": 12}
"""The month in which a season begins: three whole months each, as meteorologists count north of the equator."""
PART_HOURS = {
    "morning": (5, 12),
    "noon": (11, 14),
    "afternoon": (12, 18),
    "evening": (17, 24),
    "night": (18, 30),
}
"""The hours of a part of the day; a night ends at six on the next one."""


class Stretch(NamedTuple):
    """From ``begin`` to just before ``end``, which is later."""

    begin: datetime
    end: datetime


def midnight(at: datetime) -> datetime:
    """The beginning of the day."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def date(year: int, month: int, day: int) -> Stretch:
    """One day. Raises: ValueError if the calendar has no such day."""
    begin = datetime(year, month, day, tzinfo=UTC)
    return Stretch(begin, begin + DAY)


def month(year: int, number: int) -> Stretch:
    """One month of a year, ``number`` 1 to 12."""
    return around(datetime(year, number, 1, tzinfo=UTC), "month")


def season(year: int, name: str) -> Stretch:
    """Three months; winter is the one that begins in the year's December."""
    begin = datetime(year, SEASON_MONTH[name], 1, tzinfo=UTC)
    return Stretch(begin, moved(begin, 3, "month"))


def moved(at: datetime, count: int, unit: str) -> datetime:
    """``at``, ``count`` units later; a day that the month does not have becomes its last."""
    months = MONTHS_A_UNIT.get(unit)
    if months is None:
        return at + count * STEP[unit]
    year, index = divmod(at.year * 12 + at.month - 1 + count * months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError(year)
    return at.replace(year=year, month=index + 1, day=min(at.day, monthrange(year, index + 1)[1]))


def around(at: datetime, unit: str) -> Stretch:
    """The unit of the calendar that ``at`` lies in; of weekends the one that its week ends with."""
    begin = _BEGIN[unit](at)
    if unit == "weekend":
        return Stretch(begin, begin + 2 * DAY)
    return Stretch(begin, moved(begin, 1, unit))


def centred(at: datetime, unit: str) -> Stretch:
    """A stretch of the unit's length about ``at``, of whole days: the week that lies about a day, half before it.

    What is no longer than a day is the day, hour, minute itself; a weekend is the one nearest to the day.
    """
    if unit in CLOCK_UNITS or unit == "day":
        return around(at, unit)
    if unit == "weekend":
        return around(at - 2 * DAY, unit)
    whole = around(at, unit)
    half = (whole.end - whole.begin) / 2
    return Stretch(midnight(at - half + DAY / 2), midnight(at + half + DAY / 2))


def part_of_day(day: datetime, name: str) -> Stretch:
    """The morning, evening, night of the day that ``day`` lies in."""
    first, last = PART_HOURS[name]
    start = midnight(day)
    return Stretch(start + timedelta(hours=first), start + timedelta(hours=last))


def third(of: Stretch, which: int) -> Stretch:
    """The first, middle or last third of a stretch, ``which`` 0, 1, 2; of whole days where it has three of them."""
    length = (of.end - of.begin) / 3
    begin, end = of.begin + which * length, of.begin + (which + 1) * length
    if length >= DAY:
        begin, end = midnight(begin), midnight(end)
    return Stretch(begin, of.end if which == 2 else end)


def _week(at: datetime) -> datetime:
    return midnight(at) - at.weekday() * DAY


def _begin_of_month(at: datetime) -> datetime:
    return midnight(at).replace(day=1)


_BEGIN: dict[str, Callable[[datetime], datetime]] = {
    "second": lambda at: at.replace(microsecond=0),
    "minute": lambda at: at.replace(second=0, microsecond=0),
    "hour": lambda at: at.replace(minute=0, second=0, microsecond=0),
    "day": midnight,
    "week": _week,
    "weekend": lambda at: _week(at) + 5 * DAY,
    "fortnight": _week,
    "month": _begin_of_month,
    "quarter": lambda at: _begin_of_month(at).replace(month=(at.month - 1) // 3 * 3 + 1),
    "year": lambda at: _begin_of_month(at).replace(month=1),
    "decade": lambda at: _begin_of_month(at).replace(year=max(at.year // 10 * 10, 1), month=1),
}
