"""How far a view is behind the journal, as its teller knows: acknowledged events that it is not heard to have folded.

Owns the counts by key. A view that failed owes what it was to be told until it answers any later call for that key: it
reads then what it lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Marks: TypeAlias = dict[str, int]
"""For some keys, the number of the last event that was owed when a call was sent."""


class Lag:
    """Counts of one view. One thread changes them; any may read ``events``.

    Attributes:
        events: how many are owed.
    """

    def __init__(self) -> None:
        self._acknowledged: dict[str, int] = {}
        self._folded: dict[str, int] = {}
        self.events = 0

    def acknowledged(self, keys: Sequence[str]) -> None:
        """An event for each of these keys, given as often as it has events, is durable."""
        for key in keys:
            self._acknowledged[key] = self._acknowledged.get(key, 0) + 1
        self.events += len(keys)

    def owed(self, keys: Sequence[str]) -> Marks:
        """What a call that is sent now for these keys settles when it is answered; take it before sending."""
        if not self._acknowledged:
            return {}
        return {key: self._acknowledged[key] for key in keys if key in self._acknowledged}

    def paid(self, marks: Marks) -> None:
        """A call was answered. Calls may be answered in another order than they were sent in."""
        for key, mark in marks.items():
            folded = self._folded.get(key, 0)
            if mark <= folded or key not in self._acknowledged:
                continue
            self.events -= mark - folded
            if mark == self._acknowledged[key]:
                del self._acknowledged[key]
                self._folded.pop(key, None)
            else:
                self._folded[key] = mark
