"""Times that hang on now or on another time: ago, the last days, parts, before and after, from one to another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from quantum_memory.memory.temporal.stretches import (
    CLOCK_UNITS,
    DAY,
    Stretch,
    around,
    centred,
    midnight,
    moved,
    part_of_day,
    third,
)
from quantum_memory.memory.temporal.times import Here, Time, Weekday, Yearly


@dataclass(frozen=True, slots=True)
class Away:
    """*Three weeks ago*, *in two days*: a unit long, about the day so many units away; ``sign`` -1 for the past.

    ``least`` and ``most`` differ where the count is vague: *a few years ago* reaches from the one to the other.
    """

    least: int
    most: int
    unit: str
    sign: int

    def stretch(self, here: Here) -> Stretch:
        ends = [centred(moved(here.now, self.sign * count, self.unit), self.unit) for count in (self.least, self.most)]
        return Stretch(min(end.begin for end in ends), max(end.end for end in ends))


@dataclass(frozen=True, slots=True)
class Running:
    """*The last three days*, *the next two weeks*: up to now, or from now on; from a midnight, if not of hours."""

    count: int
    unit: str
    sign: int

    def stretch(self, here: Here) -> Stretch:
        far = moved(here.now, self.sign * self.count, self.unit)
        if self.unit in CLOCK_UNITS:
            return Stretch(*sorted((far, here.now)))
        if self.sign < 0:
            # Up to the end of today: what was said a minute ago is of the last days, whatever the clock reads.
            return Stretch(midnight(far), midnight(here.now) + DAY)
        return Stretch(midnight(here.now), midnight(far) + DAY)


@dataclass(frozen=True, slots=True)
class PartOfDay:
    """The morning, afternoon, evening, night of the first day of a time."""

    part: str
    day: Time

    def stretch(self, here: Here) -> Stretch:
        return part_of_day(self.day.stretch(here).begin, self.part)


@dataclass(frozen=True, slots=True)
class Third:
    """Early, mid or late in a time: ``which`` 0, 1, 2."""

    which: int
    of: Time

    def stretch(self, here: Here) -> Stretch:
        return third(self.of.stretch(here), self.which)


@dataclass(frozen=True, slots=True)
class Nth:
    """*The second week of November*, *the last Friday of May*: ``count`` from 1, or -1 for the last.

    Weeks and days are counted from the first day of the time, weekends and weekdays by those that begin in it.
    """

    count: int
    unit: str | int
    of: Time

    def stretch(self, here: Here) -> Stretch:
        whole = self.of.stretch(here)
        unit, step = ("day", 7 * DAY) if isinstance(self.unit, int) else (self.unit, None)
        first = whole.begin
        if isinstance(self.unit, int) or unit == "weekend":
            wanted = self.unit if isinstance(self.unit, int) else 5
            first += ((wanted - first.weekday()) % 7) * DAY
        begins = []
        for index in range(400):
            begin = first + index * step if step else moved(first, index, unit)
            if begin >= whole.end:
                break
            begins.append(begin)
        if not begins or self.count > len(begins):
            raise ValueError(self.count)
        begin = begins[self.count - 1 if self.count > 0 else -1]
        if unit == "weekend":
            return Stretch(begin, begin + 2 * DAY)
        return Stretch(begin, begin + DAY if step else moved(begin, 1, unit))


@dataclass(frozen=True, slots=True)
class Beside:
    """*The week before 9 June*, *two weeks before*, *the Friday before*, *the day after*, *the week of*.

    Attributes:
        least, most: how many units away; both 0 for the unit that lies next to the time.
        unit: of the calendar, or a weekday by number.
        sign: -1 before, 1 after, 0 for the unit that the time lies in.
        of: the time it is counted from.
    """

    least: int
    most: int
    unit: str | int
    sign: int
    of: Time

    def stretch(self, here: Here) -> Stretch:
        near = self.of.stretch(here)
        if isinstance(self.unit, int):
            return Weekday(self.unit, self.sign).stretch(Here(near.begin if self.sign < 1 else near.end - DAY))
        if not self.sign:
            return around(near.begin, self.unit)
        if self.least:
            return Away(self.least, self.most, self.unit, self.sign).stretch(Here(near.begin))
        if self.unit == "weekend":
            away = near.begin - 7 * DAY if self.sign < 0 else near.end - DAY
            # Of a Sunday the weekend before is that of the week before; of a Monday it is the day before.
            found = around(away, "weekend")
            return found if self.sign < 0 or found.begin >= near.end else around(away + 7 * DAY, "weekend")
        begin, end = near
        if self.unit not in CLOCK_UNITS:  # the day before an evening is a day
            begin, end = midnight(begin), midnight(end + DAY - timedelta(microseconds=1))
        return Stretch(moved(begin, -1, self.unit), begin) if self.sign < 0 else Stretch(end, moved(end, 1, self.unit))


@dataclass(frozen=True, slots=True)
class Between:
    """From the beginning of the first to the end of the last. A side without a year takes it from the other."""

    first: Time
    last: Time

    def stretch(self, here: Here) -> Stretch:
        if isinstance(self.first, Yearly) and self.first.year is None:
            end = self.last.stretch(here)
            return _joined(self.first.stretch(Here(end.end - timedelta(microseconds=1))), end)
        begin = self.first.stretch(here)
        if isinstance(self.last, Yearly) and self.last.year is None:
            return _joined(begin, self.last.stretch(Here(begin.begin, ahead=True)))
        if isinstance(self.last, Weekday):
            return _joined(begin, self.last.stretch(Here(begin.begin, ahead=True)))
        return _joined(begin, self.last.stretch(here))


@dataclass(frozen=True, slots=True)
class Adjoining:
    """What lies next to a time and is as long: before it with ``sign`` -1, after it with 1."""

    of: Time
    sign: int

    def stretch(self, here: Here) -> Stretch:
        near = self.of.stretch(here)
        length = near.end - near.begin
        return Stretch(near.begin - length, near.begin) if self.sign < 0 else Stretch(near.end, near.end + length)


def _joined(first: Stretch, last: Stretch) -> Stretch:
    if last.end <= first.begin:
        raise ValueError(last)
    return Stretch(first.begin, last.end)
