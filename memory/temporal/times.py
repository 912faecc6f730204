"""Times that the calendar names, and what stretch of it each is when it is said. Reads no text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple, Protocol

from quantum_memory.memory.temporal.stretches import (
    DAY,
    Stretch,
    around,
    date,
    midnight,
    month,
    moved,
    season,
)


class Here(NamedTuple):
    """Where a text stands in time: the wall clock when it was said, and whether it speaks of what is to come."""

    now: datetime
    ahead: bool = False


class Time(Protocol):
    """Something that is a stretch of the calendar once it is known when it was said.

    Raises, from ``stretch``: ValueError, OverflowError if there is no such day or year.
    """

    def stretch(self, here: Here) -> Stretch: ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """A date or year in full: the same whenever it is said."""

    at: Stretch

    def stretch(self, here: Here) -> Stretch:  # noqa: ARG002 - what Time asks for
        return self.at


@dataclass(frozen=True, slots=True)
class Year:
    """A year: by its number, or, ``turned``, so many years after the one in which it is said."""

    number: int
    turned: bool = False

    def seen(self, here: Here) -> int:
        """Its number in the calendar."""
        return here.now.year + self.number if self.turned else self.number


@dataclass(frozen=True, slots=True)
class Yearly:
    """What comes once a year: a month, a day of a month, a season, a feast.

    Attributes:
        of: the one of a year.
        year: the year that was named.
        step: -1 for the last one that is over, 0 for the one of this year, 1 for the next. With neither: the last
            that has begun, or, in what speaks of the future, the first that is not over.
        month: of a month and its days, its number.
    """

    of: Callable[[int], Stretch]
    year: Year | None = None
    step: int | None = None
    month: int | None = None

    def stretch(self, here: Here) -> Stretch:
        if self.year is not None:
            return self.of(self.year.seen(here))
        if self.step == 0:
            return self.of(here.now.year)
        # The 29th of February may be eight years away.
        return _chosen(_possible(self.of, range(here.now.year - 9, here.now.year + 10)), here, self.step)


def in_month(number: int, day: int | None = None, year: Year | None = None, step: int | None = None) -> Yearly:
    """A month by its number, or a day of it."""
    of = partial(_month, number) if day is None else partial(_days, number, day, 1)
    return Yearly(of, year, step, number)


def in_year(number: int, unit: str = "year") -> Fixed:
    """A year by its number, or the decade that begins with it."""
    return Fixed(around(date(number, 1, 1).begin, unit))


def in_season(name: str, year: Year | None = None, step: int | None = None) -> Yearly:
    """A season by its name in ``stretches``."""
    return Yearly(partial(_season, name), year, step)


def easter(year: int) -> Stretch:
    """Easter Sunday and the Monday after it. Source: the anonymous Gregorian computus (Meeus, 1991, chapter 8)."""
    century, rest = divmod(year, 100)
    cycle = year % 19
    moon = (19 * cycle + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    sunday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (cycle + 11 * moon + 22 * sunday) // 451
    number, day = divmod(moon + sunday - 7 * late + 114, 31)
    begin = date(year, number, day + 1).begin
    return Stretch(begin, begin + 2 * DAY)


def _month(number: int, year: int) -> Stretch:
    return month(year, number)


def _season(name: str, year: int) -> Stretch:
    return season(year, name)


def _days(number: int, day: int, count: int, year: int) -> Stretch:
    begin = date(year, number, day).begin
    return Stretch(begin, begin + count * DAY)


def _thanksgiving(year: int) -> Stretch:
    first = date(year, 11, 1).begin
    begin = first + ((3 - first.weekday()) % 7 + 21) * DAY
    return Stretch(begin, begin + DAY)


FEASTS: dict[str, Callable[[int], Stretch]] = {
    "christmas": partial(_days, 12, 24, 3),
    "christmas eve": partial(_days, 12, 24, 1),
    "christmas day": partial(_days, 12, 25, 1),
    "new year": partial(_days, 1, 1, 1),
    "new year eve": partial(_days, 12, 31, 1),
    "halloween": partial(_days, 10, 31, 1),
    "valentine": partial(_days, 2, 14, 1),
    "thanksgiving": _thanksgiving,
    "easter": easter,
}
"""Feasts by name; thanksgiving as in the United States."""


@dataclass(frozen=True, slots=True)
class Monthly:
    """A day of a month that is not named: *the 5th*, or the *15, 2023* of *11 August to 15, 2023*."""

    day: int
    year: Year | None = None

    def within(self, other: Time) -> Yearly | None:
        """The day in the month of another time, if that is of one."""
        if not isinstance(other, Yearly) or other.month is None:
            return None
        return in_month(other.month, self.day, self.year or other.year)

    def stretch(self, here: Here) -> Stretch:
        first = around(here.now, "month").begin
        months = [moved(first, count, "month") for count in range(-2, 3)]
        days = [date(at.year, at.month, self.day) for at in months if self.day <= (moved(at, 1, "month") - DAY).day]
        return _chosen(days, here, None)


@dataclass(frozen=True, slots=True)
class Weekday:
    """A day of the week, 0 for Monday. ``step`` as in ``Yearly``, 0 for the one of this week; today is never meant."""

    number: int
    step: int | None = None

    def stretch(self, here: Here) -> Stretch:
        today = midnight(here.now)
        away = self.number - today.weekday()
        if self.step != 0:
            forward = here.ahead if self.step is None else self.step > 0
            away = away % 7 or 7 if forward else -((-away) % 7 or 7)
        return around(today + away * DAY, "day")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of the calendar: ``step`` -1 for last week, 0 for this one, 1 for the next.

    ``None``: the last that has begun, or, in what speaks of the future, the first that is not over.
    """

    unit: str
    step: int | None

    def stretch(self, here: Here) -> Stretch:
        if self.step is not None:
            return around(moved(here.now, self.step, self.unit), self.unit)
        return _chosen([around(moved(here.now, step, self.unit), self.unit) for step in (-1, 0, 1)], here, None)


def _possible(of: Callable[[int], Stretch], years: Iterable[int]) -> list[Stretch]:
    """Those of the years that the calendar has."""
    found = []
    for year in years:
        try:
            found.append(of(year))
        except (ValueError, OverflowError):  # no 29th of February, or beyond the calendar
            continue
    return found


def _chosen(found: list[Stretch], here: Here, step: int | None) -> Stretch:
    """The one that is meant, out of some that are sorted. Raises: ValueError if it is not among them."""
    if step == 1:
        fitting = [one for one in found if one.begin > here.now][:1]
    elif step is None and here.ahead:
        fitting = [one for one in found if one.end > here.now][:1]
    elif step == -1:
        fitting = [one for one in found if one.end <= here.now][-1:]
    else:
        fitting = [one for one in found if one.begin <= here.now][-1:]
    if not fitting:
        raise ValueError(here.now)
    return fitting[0]
