"""Threads that wait for news. Owns who waits, and how many may: the others are sent away at once, to come again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 16
"""Threads that wait at a time."""
LOOK_S = 1.0
"""What does not come by way of ``come`` is looked for as often."""


class Watch:
    """One who waits, and what he has heard of."""

    def __init__(self, news: News, heard: int, *, may: bool) -> None:
        self._news, self._heard, self._may = news, heard, may

    def wait(self, for_s: float) -> bool:
        """Wait for news that came since he last looked, so long at most. Whether it is worth looking once more."""
        if not self._may or for_s <= 0:
            return False
        change = self._news.change
        with change:
            change.wait_for(lambda: self._news.number != self._heard, min(for_s, LOOK_S))
            self._heard = self._news.number
        return True


class News:
    """Says that there is something new. Any thread may call it.

    Attributes:
        number: how often something came.
    """

    def __init__(self) -> None:
        self.change = threading.Condition()
        self.number = self._waiting = 0

    def come(self) -> None:
        """There is something new."""
        with self.change:
            self.number += 1
            self.change.notify_all()

    @contextmanager
    def watched(self) -> Iterator[Watch]:
        """One more who waits, if he may. Whatever comes from here on he hears of."""
        with self.change:
            may = self._waiting < MOST
            self._waiting += may
            watch = Watch(self, self.number, may=may)
        try:
            yield watch
        finally:
            with self.change:
                self._waiting -= may
