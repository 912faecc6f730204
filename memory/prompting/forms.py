"""One memory in several lengths, the shortest first. Owns how a long memory is shortened to fit; a short one has one.

Each next form has four times as many characters, so a text of any length has few, and the whole text is the last. A
form is made when it is asked for: most of a long text's are never considered.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from quantum_memory.memory.prompting.quoting import said
from quantum_memory.memory.prompting.sentences import best, excerpt, sentences
from quantum_memory.types import Memory

SHORTEST = 300
GROWTH = 4
WORTH = 1.5
"""How many times longer than a form the whole text has to be for that form to be of use."""


class Forms:
    """What a memory can be told as; a sequence of texts, each longer than the one before."""

    def __init__(self, memory: Memory, wanted: frozenset[str]) -> None:
        self._memory, self._wanted = memory, wanted
        self._sizes = tuple(_sizes(len(memory.text)))
        self._made: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._sizes) + 1

    def __getitem__(self, number: int) -> str:
        if number not in self._made:
            self._made[number] = said(self._text(number), self._memory.speaker)
        return self._made[number]

    def _text(self, number: int) -> str:
        if number == len(self._sizes):
            return self._memory.text
        return excerpt(self._pieces, self._order, self._sizes[number])

    @cached_property
    def _pieces(self) -> list[str]:
        return sentences(self._memory.text)

    @cached_property
    def _order(self) -> list[int]:
        return best(self._pieces, self._wanted, len(self._pieces))


def _sizes(chars: int) -> Iterator[int]:
    size = SHORTEST
    while chars > WORTH * size:
        yield size
        size *= GROWTH
