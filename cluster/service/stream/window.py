"""The last changes of a vault, bounded in number and in bytes. Asks nobody for what is not in it."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any

from quantum_memory.memory.vault.feed import FeedEntry

MOST_ENTRIES = 4096
MOST_BYTES = 16 << 20
"""Memory that the changes of a window take. The newest stays, however large it is: it is just being told."""


class Window:
    """Changes in the order of their positions, those that come last.

    Attributes:
        start: every change after it that was put in is there still.
        nbytes: how much memory they take.
    """

    def __init__(self, start: int) -> None:
        self.start, self.nbytes = start, 0
        self._entries: deque[FeedEntry] = deque()
        self._sizes: deque[int] = deque()

    def put(self, entry: FeedEntry) -> None:
        """One more, which is newer than all others. The oldest go, where it has to be."""
        size = held_bytes(entry.told)
        self._entries.append(entry)
        self._sizes.append(size)
        self.nbytes += size
        while len(self._entries) > MOST_ENTRIES or (self.nbytes > MOST_BYTES and len(self._entries) > 1):
            self.start = self._entries.popleft().position
            self.nbytes -= self._sizes.popleft()

    def after(self, position: int, concerned: Callable[[FeedEntry], bool]) -> list[FeedEntry]:
        """Those after a position that concern somebody, in order. What came before it costs nothing."""
        fresh = takewhile(lambda one: one.position > position, reversed(self._entries))
        found = [one for one in fresh if concerned(one)]
        found.reverse()
        return found


def held_bytes(value: Any) -> int:
    """How much memory plain values take, counted once for each place that they stand at; keys are shared."""
    found, left = 0, [value]
    while left:
        one = left.pop()
        found += sys.getsizeof(one)
        if isinstance(one, Mapping):
            left.extend(one.values())
        elif isinstance(one, (list, tuple)):
            left.extend(one)
    return found
