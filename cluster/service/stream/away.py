"""What somebody missed of moods while he was away: whose they are, and not how they were. Asks nobody.

A mood is a state and no event. Whoever comes back is told once how each feels now that felt something meanwhile.
"""

from __future__ import annotations

from quantum_memory.cluster.service.stream.lanes import Watched
from quantum_memory.memory.vault.feed import FeedEntry

MOST = 1024
"""Moods that one subscription is told of when it comes back; of what is more it is told that there was more."""


class Away:
    """Whose moods may have changed while somebody was away.

    Args:
        upto: the position up to which he was; what was felt after it he is told of as it happens.

    Attributes:
        complete: whether these are all.
        touched: whose moods he is to be told, and where each felt something last.
    """

    def __init__(self, upto: int) -> None:
        self._upto, self.complete = upto, True
        self.touched: dict[Watched, int] = {}

    def note(self, entry: FeedEntry) -> None:
        """Something was felt that he may be told of."""
        if entry.agent is None or entry.name is None or entry.position > self._upto:
            return
        who = Watched(entry.agent, entry.name)
        if who in self.touched or len(self.touched) < MOST:
            self.touched[who] = entry.position
        else:
            self.complete = False

    def lasts(self, position: int) -> bool:
        """Whether he was told only up to a position, and more was felt after it."""
        return position < self._upto
