"""How far a view is behind the journal, as its teller knows: acknowledged events that it is not heard to have folded.

Owns the counts by key. A view that failed owes what it was to be told until it answers any later call for that key: it
reads then what it lacks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


class Lag:
    """Counts of one view. One thread changes them; any may read ``events``.

    Attributes:
        events: how many are owed.
        last: the number of the last event that was acknowledged. Read it before a call is sent: when that is answered,
            nothing up to this number is owed any more for its keys.
    """

    def __init__(self) -> None:
        self._owed: dict[str, deque[int]] = {}
        self.events = self.last = 0

    def acknowledged(self, keys: Sequence[str]) -> None:
        """An event for each of these keys, given as often as it has events, is durable."""
        for key in keys:
            self.last += 1
            self._owed.setdefault(key, deque()).append(self.last)
        self.events += len(keys)

    def answered(self, keys: Sequence[str], last: int) -> None:
        """A call for these keys was answered that was sent when ``last`` was this. Calls may overtake each other."""
        if not self._owed:
            return
        for key in keys:
            owed = self._owed.get(key, _NOTHING)
            while owed and owed[0] <= last:
                owed.popleft()
                self.events -= 1
            if not owed:
                self._owed.pop(key, None)


_NOTHING: deque[int] = deque()
