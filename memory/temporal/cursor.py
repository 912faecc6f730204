"""The tokens of a text by number, and the small things that are read from one or two of them."""

from __future__ import annotations

import re

from quantum_memory.memory.temporal.words import NUMBERS, ORDINALS, UNITS, VAGUE_NUMBERS

DIGITS = frozenset({"number", "ordinal", "date"})
MAX_COUNT = 1000
"""The most units away that are read: beyond it a number is no measure of time in talk."""


_TOKEN = re.compile(
    r"(?P<word>[A-Za-z]+)|(?P<date>(?a:\d{4}-\d\d?-\d\d?(?!\d)|\d+(?:/\d+/|\.\d+\.)\d+))|(?P<ordinal>[0-9]+)(?:st|nd|rd|th)\b"
    r"|(?P<number>[0-9]+)|(?P<comma>,)|(?P<dash>[-–—])|(?P<possessive>'s\b)|(?P<sign>\S)"
)
_BEYOND = ("",) * 8  # no reading looks further past the end, and index -1 lies there too


class Cursor:
    """Looks at the tokens of a text; past either end there is nothing.

    The ``'s`` of a possessive is no token: *June's game* is a game of June.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._words: list[str] = []
        self._kinds: list[str] = []
        self._places: list[tuple[int, int]] = []
        for match in _TOKEN.finditer(text.replace("\u2019", "'")):
            kind = match.lastgroup or "sign"
            if kind == "word":
                self._words.append(match[0].lower())
            elif kind in DIGITS:
                self._words.append(match[kind])
            elif kind == "possessive":
                continue
            else:
                self._words.append("")
            self._kinds.append(kind)
            self._places.append(match.span())
        self._words.extend(_BEYOND)
        self._kinds.extend(_BEYOND)

    def __len__(self) -> int:
        return len(self._places)

    def word(self, index: int) -> str:
        """A word in small letters, a number or date as written, of *7th* the digits; "" for signs."""
        return self._words[index]

    def kind(self, index: int) -> str:
        """``word``, ``number``, ``ordinal`` (7th), ``date`` (2023-05-07), ``comma``, ``dash``, ``sign`` or ""."""
        return self._kinds[index]

    def place(self, index: int) -> tuple[int, int]:
        """Where a token begins and ends in the text."""
        return self._places[index]

    def capital(self, index: int) -> bool:
        """Whether a word begins with a capital."""
        return index < len(self) and self.text[self._places[index][0]].isupper()

    def day(self, index: int) -> tuple[int, int] | None:
        """The day of a month in digits or an ordinal, *7*, *7th*, *seventh*, *twenty-first*, and the token after."""
        word = self.word(index)
        if self.kind(index) in {"number", "ordinal"}:
            return (int(word), index + 1) if len(word) <= 2 and 1 <= int(word) <= 31 else None
        return self.ordinal(index)

    def ordinal(self, index: int) -> tuple[int, int] | None:
        """An ordinal of 1 to 31, and the token after it."""
        word = self.word(index)
        if self.kind(index) == "ordinal":
            return (int(word), index + 1) if len(word) <= 2 and 1 <= int(word) <= 31 else None
        if word in {"twenty", "thirty"}:
            ones = index + 2 if self.kind(index + 1) == "dash" else index + 1
            number = NUMBERS[word] + ORDINALS.get(self.word(ones), 99)
            return (number, ones + 1) if number <= 31 and number % 10 else None
        number = ORDINALS.get(word, 0)
        return (number, index + 1) if number else None

    def year(self, index: int) -> int | None:
        """A year of this or the last century in four digits."""
        word = self.word(index)
        if self.kind(index) == "number" and len(word) == 4 and word[:2] in {"19", "20"}:
            return int(word)
        return None

    def count(self, index: int) -> tuple[int, int, int] | None:
        """How many: the least, the most, and the token after; *a couple of* is 2, *a few* from 2 to 5."""
        if self.word(index) == "a" and self.word(index + 1) in {"few", "couple"}:
            index += 1
        word = self.word(index)
        if word in VAGUE_NUMBERS:
            return (*VAGUE_NUMBERS[word], index + 1)
        number = NUMBERS.get(word)
        if number is None:
            if self.kind(index) != "number" or len(word) > 4 or not 1 <= int(word) <= MAX_COUNT:
                return None
            number = int(word)
        after = index + 1
        if word == "couple" and self.word(after) == "of":
            after += 1
        return number, number, after

    def unit(self, index: int) -> str | None:
        """The unit of time that a token names, in the singular."""
        return UNITS.get(self.word(index))
