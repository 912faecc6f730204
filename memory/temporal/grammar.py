"""Reads the times that an English text names, token by token. Knows no clock: what it finds is dated later.

A phrase is a preposition and a time. Each method tries to read one kind of thing from a token on and gives it back
with the number of the token after it, or ``None``; nothing is read twice, and nesting ends at ``MAX_DEPTH``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from quantum_memory.memory.temporal.composed import Adjoining, Between
from quantum_memory.memory.temporal.cursor import DIGITS
from quantum_memory.memory.temporal.relative import LONG_UNITS, Relative
from quantum_memory.memory.temporal.span import How
from quantum_memory.memory.temporal.times import Monthly, Time
from quantum_memory.memory.temporal.words import AHEAD, MONTHS, NUMBERS, STARTS, VAGUE_NUMBERS, WITHIN

OPEN: dict[str, tuple[How, int]] = {
    "before": ("before", -1),
    "until": ("before", 0),
    "till": ("before", 0),
    "by": ("before", 0),
    "since": ("after", 0),
    "after": ("after", 1),
    "following": ("after", 1),
}
"""Prepositions that leave one side open, and where the stretch lies that is then named: at the time or next to it."""
PAIRED = {("prior", "to"): "before", ("up", "to"): "until", ("as", "of"): "in", ("starting", "from"): "since"}
EVERY = frozenset({"every", "each", "per", "any", "most", "no", "half"})
"""Before a time, words that make it no time but a habit or a part."""

MAX_MENTIONS = 32
"""How many times are read from a text; a list of dates longer than that says little of any."""
SENTENCE_CHARS = 200
"""How far around a time its sentence is looked for."""
_LASTING = LONG_UNITS | {"day"}


class Mention(NamedTuple):
    """A time that a text names.

    Attributes:
        time: it, not yet dated.
        how: whether the time itself is meant or one side of it.
        words: what it was read from.
        ahead: whether the sentence speaks of what is to come.
    """

    time: Time
    how: How
    words: str
    ahead: bool


class Named(NamedTuple):
    """What a text says of time.

    Attributes:
        mentions: every time that it names, in its order; none lies within another.
        lasting: whether it says how long something was, in days or more: *for two weeks*.
    """

    mentions: tuple[Mention, ...]
    lasting: bool


def read(text: str) -> Named:
    """What a text says of time."""
    phrases = _Phrases(text)
    return Named(tuple(phrases.mentions()), phrases.lasting())


class _Phrases(Relative):
    """The phrases of one text."""

    def mentions(self) -> Iterator[Mention]:
        past = count = 0
        for index in range(len(self)):
            if index < past or not (self.word(index) in STARTS or self.kind(index) in DIGITS):
                continue
            if self.word(index - 1) in EVERY:
                continue
            found = self._phrase(index)
            if found is None:
                continue
            time, how, past = found
            begin, end = self.place(index)[0], self.place(past - 1)[1]
            yield Mention(time, how, self.text[begin:end], self._ahead(begin, end))
            count += 1
            if count == MAX_MENTIONS:
                return

    def lasting(self) -> bool:
        """Whether some days, weeks, months or years are counted anywhere."""
        for index in range(len(self)):
            if self.kind(index) == "number" or self.word(index) in NUMBERS or self.word(index) in VAGUE_NUMBERS:
                found = self.count(index)
                if found is not None and self.unit(found[2]) in _LASTING:
                    return True
        return False

    def _phrase(self, index: int) -> tuple[Time, How, int] | None:
        """A time with its preposition."""
        word, inner = self.word(index), index + 1
        if (pair := PAIRED.get((word, self.word(index + 1)))) is not None:
            word, inner = pair, index + 2
        if word in {"between", "from"}:
            return self._from(inner, word)
        if word in OPEN:
            how, side = OPEN[word]
            found = self.time(inner, word)
            return found and (Adjoining(found[0], side) if side else found[0], how, found[1])
        if word not in WITHIN:
            word, inner = "", index
        found = self._stretch(inner, word, {"through", "thru", "until", "till"})
        return found and (found[0], "within", found[1])

    def _from(self, index: int, word: str) -> tuple[Time, How, int] | None:
        """*Between March and May*, *from 11 to 15 August*, *from May on*."""
        joins = {"and"} if word == "between" else {"to", "until", "till", "through", "thru"}
        found = self._stretch(index, word, joins)
        if found is None:
            return None
        time, after = found
        if isinstance(time, Between):
            return time, "within", after
        if word == "from" and self.word(after) in {"on", "onward", "onwards"}:
            return time, "after", after + 1
        return None if word == "between" else (time, "within", after)

    def _stretch(self, index: int, word: str, joins: set[str]) -> tuple[Time, int] | None:
        """A time, or one and another that a dash or one of the ``joins`` puts together: *11-15 August 2023*."""
        bare = self._bare_day(index)
        if bare is not None and (both := self._until(bare, joins | {"and", "or", "to"})) is not None:
            return both
        found = self.time(index, word)
        return found and (self._until(found, joins) or found)

    def _until(self, first: tuple[Time, int], joins: set[str]) -> tuple[Time, int] | None:
        """A stretch from a time that is read to another that is put to it."""
        time, after = first
        if self.kind(after) != "dash" and self.word(after) not in joins:
            return None
        for last in (self._bare_day(after + 1), self.time(after + 1, "to")):
            if last is not None and (both := _joined(time, last[0])) is not None:
                return both, last[1]
        return None

    def _bare_day(self, index: int) -> tuple[Monthly, int] | None:
        """A number that is a day only by what stands on the other side of a dash, an *and* or a *to*."""
        found = self.day(index)
        if found is None or self.word(found[1]) in {*MONTHS, "of"}:
            return None
        day, after = found
        year, end = self.year_after(after)
        return Monthly(day, year), end

    def _ahead(self, begin: int, end: int) -> bool:
        """Whether the sentence around a mention speaks of the future."""
        low, high = max(begin - SENTENCE_CHARS, 0), min(end + SENTENCE_CHARS, len(self.text))
        first = max(low, *(self.text.rfind(stop, low, begin) + 1 for stop in ".!?\n"))
        stops = [at for at in (self.text.find(stop, end, high) for stop in ".!?\n") if at >= 0]
        return AHEAD.search(self.text, first, min(stops, default=high)) is not None


def _joined(first: Time, last: Time) -> Time | None:
    """A stretch from one time to another; a bare day takes its month from the other side."""
    begin = first.within(last) if isinstance(first, Monthly) else first
    end = last.within(first) if isinstance(last, Monthly) else last
    return None if begin is None or end is None or isinstance(end, Monthly) else Between(begin, end)
