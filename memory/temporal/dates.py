"""Reads names of the calendar from tokens: dates, months, years, seasons, weekdays, feasts. Nothing relative."""

from __future__ import annotations

from quantum_memory.memory.temporal.cursor import Cursor
from quantum_memory.memory.temporal.stretches import date
from quantum_memory.memory.temporal.times import (
    FEASTS,
    Fixed,
    Monthly,
    Time,
    Weekday,
    Year,
    Yearly,
    in_month,
    in_season,
    in_year,
)
from quantum_memory.memory.temporal.words import (
    AMBIGUOUS_MONTHS,
    MONTHS,
    PLAIN_MONTHS,
    PLAIN_WEEKDAYS,
    SEASONS,
    WEEKDAYS,
)

Found = tuple[Time, int]
"""A time and the number of the token after it."""

CALENDAR = frozenset({"in", "during", "since", "until", "till", "by", "before", "after", "between", "from", "to"})
"""Prepositions after which *May*, *April* or *March* is a month, and a number of four digits a year."""
YEAR = CALENDAR | {"of", "around", "about", "throughout", "within"}
SEASON = CALENDAR | {"over", "for", "of", "throughout", "this"}
WEEKDAY = frozenset({"on", "since", "before", "after", "by", "until", "till", "from", "to", "between", "this"})
FEAST = CALENDAR | {"at", "on", "for", "over", "around", "of", "this"}
NO_FEAST = frozenset({"good", "black", "cyber", "ash", "palm", "super", "fat"})
"""Before a weekday, what makes it the name of something else."""


_TURNS = {"last": -1, "this": 0, "next": 1}


class Dates(Cursor):
    """Names of the calendar. ``before`` is the preposition that leads to a time, "" if none does."""

    def dated(self, index: int, before: str) -> Found | None:
        """A date, month, year, season, weekday or feast from a token on."""
        kind, word = self.kind(index), self.word(index)
        if kind == "date":
            return self._written(index)
        if kind in {"number", "ordinal"} or self.ordinal(index):
            return self._day_first(index, before) or self._year(index, before)
        if word in MONTHS:
            return self._month_first(index, before)
        if word in SEASONS:
            return self._season(index, before, None)
        if word in WEEKDAYS:
            return self._weekday(index, before)
        return self._feast(index, before, None)

    def stepped(self, index: int, step: int) -> Found | None:
        """What follows *last*, *this* or *next*: a weekday, month, season or feast."""
        word = self.word(index)
        if word in WEEKDAYS and (word in PLAIN_WEEKDAYS or self.capital(index)):
            return Weekday(WEEKDAYS[word], step), index + 1
        if word in MONTHS and (len(word) > 3 or self.capital(index)):
            day = self.day(index + 1)
            number, after = day or (None, index + 1)
            return in_month(MONTHS[word], number, None, step), after
        if word in SEASONS:
            return self._season(index, "this", step)
        return self._feast(index, "this", step)

    def _written(self, index: int) -> Found | None:
        """2023-05-07; 5/7/2023 with the month first unless only the day can be; 7.5.2023 with the day first."""
        word = self.word(index)
        if "-" in word:
            year, month, day = (int(part) for part in word.split("-"))
        elif word[:4].isdigit():
            year, month, day = (int(part) for part in word.split("/" if "/" in word else "."))
        else:
            sign = "/" if "/" in word else "."
            parts = word.split(sign)
            if len(parts) != 3 or any(len(part) > 4 for part in parts):
                return None
            month, day, year = (int(part) for part in parts)
            if sign == "." or month > 12:
                month, day = day, month
            if len(parts[2]) == 2:
                year += 2000
            elif len(parts[2]) != 4:
                return None
        try:
            return Fixed(date(year, month, day)), index + 1
        except (ValueError, OverflowError):  # a version number, or a day that no calendar has
            return None

    def _day_first(self, index: int, before: str) -> Found | None:
        """*7 May*, *the 7th of May, 2023*, *11-15 August*; *the 5th* alone after *on*."""
        found = self.day(index)
        if found is None:
            return None
        day, after = found
        name = after + 1 if self.word(after) == "of" else after
        if self.word(name) == "the":
            return None
        if (month := MONTHS.get(self.word(name))) is None:
            alone = before == "on" and self.kind(index) == "ordinal" and self.kind(after) != "word"
            return (Monthly(day), after) if alone else None
        year, after = self.year_after(name + 1)
        return in_month(month, day, year), after

    def _month_first(self, index: int, before: str) -> Found | None:
        """*May 7th, 2023*, *May 2023*, *in May*."""
        word = self.word(index)
        month, after = MONTHS[word], index + 1
        short = word not in PLAIN_MONTHS and word not in AMBIGUOUS_MONTHS
        if short and self.kind(after) == "sign" and self.kind(after + 1) in {"number", "ordinal"}:
            after += 1
        start = after + 1 if self.word(after) == "the" else after
        found = self.day(start)
        if found and not self._verb(index, start, found[1]):
            year, end = self.year_after(found[1])
            return in_month(month, found[0], year), end
        year, end = self.year_after(after)
        led = word in PLAIN_MONTHS or before in CALENDAR
        if (short and not self.capital(index)) or not (led or (year is not None and not year.turned)):
            return None
        return in_month(month, None, year), end

    def _verb(self, index: int, number: int, after: int) -> bool:
        """Whether a month before a number is none: *may second the motion*, *may 5 times*, *May 5 days pass*."""
        if self.unit(after) is not None:
            return True
        if self.kind(after) != "word" or self.kind(number) == "ordinal" or self.year(after) is not None:
            return False
        return self.word(number) == "second" or (self.word(index) in {"may", "march"} and not self.capital(index))

    def year_after(self, index: int) -> tuple[Year | None, int]:
        """A year that goes with what stands before it, *, 2023*, *of 2023*, *in 2023*, *of last year*; else none."""
        start = index + 1 if self.kind(index) == "comma" or self.word(index) in {"of", "in"} else index
        turn = _TURNS.get(self.word(start))
        if turn is not None and self.word(start + 1) == "year":
            return Year(turn, turned=True), start + 2
        year = self.year(start)
        return (None, index) if year is None else (Year(year), start + 1)

    def _year(self, index: int, before: str) -> Found | None:
        """*In 2022*, *the 1990s*."""
        year = self.year(index)
        if year is None:
            return None
        if self.word(index + 1) == "s" and year % 10 == 0:
            return in_year(year, "decade"), index + 2
        return (in_year(year), index + 1) if before in YEAR or self.word(index - 1) == "the" else None

    def _season(self, index: int, before: str, step: int | None) -> Found | None:
        """*In the summer*, *summer 2023*, *the summer of 2023*."""
        name = SEASONS[self.word(index)]
        year, after = self.year_after(index + 1)
        if year is None and before not in SEASON:
            return None
        return in_season(name, year, None if year else step), after

    def _weekday(self, index: int, before: str) -> Found | None:
        """*On Friday*; in *Friday, 7 May* the date counts."""
        word, after = self.word(index), index + 1
        if self.word(index - 1) in NO_FEAST:
            return None
        start = after + 1 if self.kind(after) == "comma" else after
        start += self.word(start) == "the"
        if self.kind(start) in {"number", "ordinal", "date"} or self.word(start) in MONTHS:
            date_there = self._written(start) if self.kind(start) == "date" else None
            date_there = date_there or self._day_first(start, "")
            if date_there is None and self.word(start) in MONTHS:
                date_there = self._month_first(start, "")
            if date_there is not None:
                return date_there
        if word in PLAIN_WEEKDAYS or (before in WEEKDAY and self.capital(index)):
            return Weekday(WEEKDAYS[word]), after
        return None

    def _feast(self, index: int, before: str, step: int | None) -> Found | None:
        """*At Christmas*, *on New Year's Eve 2022*."""
        word, after = self.word(index), index + 1
        name = {"xmas": "christmas"}.get(word, word)
        if word == "new":
            if self.word(after) != "year":
                return None
            name, after = "new year", after + 1
        if name not in FEASTS:
            return None
        whole = self.word(after) in {"eve", "day"}
        if whole:
            name = f"{name} {self.word(after)}" if f"{name} {self.word(after)}" in FEASTS else name
            after += 1
        year, after = self.year_after(after)
        if year is None and not whole and before not in FEAST:
            return None
        return Yearly(FEASTS[name], year, None if year else step), after
