"""Reads times that hang on now or on another time: last week, two days ago, the Friday before 14 August."""

from __future__ import annotations

from quantum_memory.memory.temporal.composed import Away, Beside, Nth, PartOfDay, Running, Third
from quantum_memory.memory.temporal.dates import Dates, Found
from quantum_memory.memory.temporal.times import Time, Unit, in_year
from quantum_memory.memory.temporal.words import (
    AMBIGUOUS_MONTHS,
    EARLY,
    LAST,
    NAMED_DAYS,
    NEXT,
    PARTS,
    PLAIN_WEEKDAYS,
    TIMES,
    UNITS,
    WEEKDAYS,
)

MAX_DEPTH = 4
"""How many times may hang on one another: *the end of the week before the summer of 2022* is three."""
SIDES = {"before": -1, "preceding": -1, "after": 1, "following": 1, "of": 0}
SOME = 3
"""How many *the past weeks* are read as."""
VAGUE = (2, 8)
"""How many *weeks ago* are read as, at least and at most."""
LONG_UNITS = frozenset({"week", "weekend", "fortnight", "month", "quarter", "year", "decade"})


class Relative(Dates):
    """Times of every kind."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def time(self, index: int, before: str) -> Found | None:
        """The time that begins at a token; ``before`` is the preposition that leads to it, "" if none does."""
        the = self.word(index) == "the"
        first = index + 1 if the else index
        if self._depth == MAX_DEPTH or (self.kind(first) == "word" and self.word(first) not in TIMES):
            return None
        self._depth += 1
        try:
            found = self._after_the(first, before) if the else self._any(first, before)
            return found and self._with_part(*found)
        finally:
            self._depth -= 1

    def _any(self, index: int, before: str) -> Found | None:
        return (
            self._named_day(index)
            or self._led(index)
            or self._early(index)
            or self._part_of(index)
            or self._counted(index)
            or self._nth(index)
            or self._weekday_beside(index)
            or self.dated(index, before)
        )

    def _named_day(self, index: int) -> Found | None:
        """*Yesterday*, *tonight*."""
        word = self.word(index)
        if word not in NAMED_DAYS:
            return None
        day = Unit("day", NAMED_DAYS[word])
        return (PartOfDay("night", day) if word == "tonight" else day), index + 1

    def _led(self, index: int) -> Found | None:
        """What *last*, *next* or *this* leads."""
        word = self.word(index)
        if word in LAST:
            return self._last(index + 1, exact=word == "last")
        if word in NEXT:
            return self._next(index + 1)
        return self._this(index + 1) if word == "this" else None

    def _after_the(self, index: int, before: str) -> Found | None:
        """What follows *the*, where a month is a name and a unit needs something to hang on."""
        word = self.word(index)
        if word in LAST:
            return self._last(index + 1, exact=False)
        if word == "other" and self.word(index + 1) in {"day", "night"}:
            return Away(2, 7, "day", -1), index + 2
        if (nth := self._nth(index)) is not None:  # before units, of which "second" is one too
            return nth
        if (unit := self._singular(index)) is not None:
            return self._the_unit(unit, index + 1, before)
        # A month after "the" is part of a name or of a thing, "the May family": only an unmistakable one counts.
        return self._any(index, "" if word in AMBIGUOUS_MONTHS else before)

    def _the_unit(self, unit: str, index: int, before: str) -> Found | None:
        """What follows *the week*: *before 9 June*, *before last*, or nothing."""
        if (beside := self._beside(0, 0, unit, index)) is not None:
            return beside
        step = {("before", "last"): -2, ("after", "next"): 2}.get((self.word(index), self.word(index + 1)))
        if step is not None:
            return Unit(unit, step), index + 2
        if unit == "weekend" and before:
            return Unit(unit, None), index
        if unit == "year" and (year := self.year(index)) is not None:
            return in_year(year), index + 1
        return (Unit(unit, 0), index) if before == "of" and unit in LONG_UNITS else None

    def _singular(self, index: int) -> str | None:
        """A unit of time that stands in the singular."""
        word = self.word(index)
        return word if UNITS.get(word) == word else None

    def _last(self, index: int, *, exact: bool) -> Found | None:
        """What follows *last* or *past*; not ``exact`` where up to now is meant, as in *the last year*."""
        word = self.word(index)
        if word in PARTS:
            return PartOfDay(word, Unit("day", -1)), index + 1
        unit = self._singular(index)
        if unit is not None:
            return self._last_unit(unit, index + 1, exact=exact)
        return self._last_many(index) or self._last_weekday(index) or self.stepped(index, -1)

    def _last_unit(self, unit: str, index: int, *, exact: bool) -> Found | None:
        """*Last week*, *the last week*, *last weekend before 10 April*, *the last day of May*."""
        hung = self._of(-1, unit, index) or self._beside(0, 0, unit, index)
        # "The last day of school" cannot be dated, and nobody says last day for yesterday.
        if hung is not None or unit in {"second", "minute"} or (unit == "day" and (exact or self.word(index) == "of")):
            return hung
        return (Unit(unit, -1) if exact or unit == "weekend" else Running(1, unit, -1)), index

    def _last_many(self, index: int) -> Found | None:
        """*Last three days*, *past couple of months*, *past months*."""
        _, most, after = self.count(index) or (SOME, SOME, index)
        unit = self.unit(after)
        return None if unit is None else (Running(most, unit, -1), after + 1)

    def _last_weekday(self, index: int) -> Found | None:
        """*Last Friday of May*, *last Friday before 14 August*."""
        word = self.word(index)
        if word not in PLAIN_WEEKDAYS:
            return None
        return self._of(-1, WEEKDAYS[word], index + 1) or self._beside(0, 0, WEEKDAYS[word], index + 1)

    def _next(self, index: int) -> Found | None:
        """What follows *next*."""
        unit = self._singular(index)
        if unit is not None:
            # "The next day" is the day after something told: it cannot be dated.
            return (Unit(unit, 1), index + 1) if unit in LONG_UNITS else None
        counted = self.count(index)
        if counted is not None and (plural := self.unit(counted[2])) is not None:
            return Running(counted[1], plural, 1), counted[2] + 1
        return self.stepped(index, 1)

    def _this(self, index: int) -> Found | None:
        """What follows *this*."""
        word = self.word(index)
        if word in LAST:
            return self._last(index + 1, exact=True)
        if word in NEXT:
            return self._next(index + 1)
        if word in PARTS:
            return PartOfDay(word, Unit("day", 0)), index + 1
        unit = self._singular(index)
        if unit is not None:
            return (Unit(unit, 0), index + 1) if unit in LONG_UNITS else None
        return self.stepped(index, 0)

    def _early(self, index: int) -> Found | None:
        """*Early June*, *mid-August 2023*, *the end of the summer*."""
        which, after = EARLY.get(self.word(index)), index + 1
        if which is None:
            return None
        if self.word(after) in {"of", "in", "on"} or self.kind(after) == "dash":
            after += 1
        elif self.word(index) in {"end", "beginning", "start", "middle"}:
            return None
        found = self.time(after, "of" if self.word(after) == "the" else "in")
        return found and (Third(which, found[0]), found[1])

    def _part_of(self, index: int) -> Found | None:
        """*Morning of 7 July*, *night before Christmas*."""
        side = SIDES.get(self.word(index + 1))
        if side is None or self.word(index) not in PARTS:
            return None
        found = self.time(index + 2, "of")
        if found is None:
            return None
        day = Beside(0, 0, "day", side, found[0]) if side else found[0]
        return PartOfDay(self.word(index), day), found[1]

    def _counted(self, index: int) -> Found | None:
        """*Three weeks ago*, *a few years back*, *two days before 9 June*, *a week from now*."""
        least, most, after = self.count(index) or (*VAGUE, index)
        unit = self.unit(after)
        if unit is None or (after == index and (unit == self.word(after) or self.kind(index - 1) == "number")):
            return None
        follows = self.word(after + 1)
        if self.word(after) == "second" and follows in {"back", "from"}:  # "a second, back in town"
            return None
        if follows in {"ago", "back"}:
            return Away(least, most, unit, -1), after + 2
        if follows == "from" and self.word(after + 2) in {"now", "today"}:
            return Away(least, most, unit, 1), after + 3
        return None if follows == "of" or after == index else self._beside(least, most, unit, after + 1)

    def _nth(self, index: int) -> Found | None:
        """*Second week of November*, *first Friday in May*."""
        found = self.ordinal(index)
        if found is None:
            return None
        count, after = found
        unit = self._singular(after)
        if unit is None:
            number = WEEKDAYS.get(self.word(after))
            return None if number is None else self._of(count, number, after + 1)
        return self._of(count, unit, after + 1)

    def _weekday_beside(self, index: int) -> Found | None:
        """*Friday before 14 August*, *Tuesday of last week*."""
        word = self.word(index)
        if word not in PLAIN_WEEKDAYS:
            return None
        return self._of(1, WEEKDAYS[word], index + 1) or self._beside(0, 0, WEEKDAYS[word], index + 1)

    def _of(self, count: int, unit: str | int, index: int) -> Found | None:
        """The time after *of*, which holds what is counted."""
        if self.word(index) not in {"of", "in"}:
            return None
        found = self.time(index + 1, "of" if self.word(index + 1) == "the" else "in")
        return found and (Nth(count, unit, found[0]), found[1])

    def _beside(self, least: int, most: int, unit: str | int, index: int) -> Found | None:
        """The time after *before*, *after* or *of*, which something lies beside."""
        word = self.word(index)
        if word == "prior" and self.word(index + 1) == "to":
            word, index = "before", index + 1
        if (side := SIDES.get(word)) is None:
            return None
        found = self.time(index + 1, "of" if not side and self.word(index + 1) == "the" else "in")
        return found and (Beside(least, most, unit, side, found[0]), found[1])

    def _with_part(self, time: Time, after: int) -> Found:
        """*Yesterday morning*, *last Friday night*."""
        word = self.word(after)
        if word in PARTS and not isinstance(time, PartOfDay | Running | Third):
            return PartOfDay(word, time), after + 1
        return time, after
