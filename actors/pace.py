"""How fast calls are answered, as whoever waits for the answers sees it, and how long until so many more are.

Owns the estimate. Refuses nothing itself.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

MEMORY_S = 5.0
"""What was answered so long ago counts for 1/e of what is answered now."""
LEAST_S, MOST_S, UNKNOWN_S = 0.05, 30.0, 1.0
"""Bounds of an estimate, and what is said where nothing was answered yet."""


class Pace:
    """Counts answers. Any thread calls it.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changing = threading.Lock()
        self._count = 0.0
        self._last = self._began = float("-inf")

    def answered(self) -> None:
        """A call was answered."""
        with self._changing:
            now = self._clock()
            if self._count == 0.0:
                self._began = now
            self._count, self._last = self._now(now) + 1.0, now

    def rate(self) -> float:
        """Answers a second, of late; 0 where there were too few to tell."""
        with self._changing:
            now = self._clock()
            seen_s = now - self._began
            # What a steady rate would have come to since the first answer, which began the count.
            whole = -MEMORY_S * math.expm1(-seen_s / MEMORY_S) if seen_s < math.inf else MEMORY_S
            return max(0.0, self._now(now) - math.exp(-seen_s / MEMORY_S)) / whole if whole > 0 else 0.0

    def until(self, calls: int) -> float:
        """In how many seconds so many calls will be answered, if it goes on like that; bounded."""
        rate = self.rate()
        return min(MOST_S, max(LEAST_S, calls / rate)) if rate > 0 else UNKNOWN_S

    def _now(self, now: float) -> float:
        return self._count * math.exp(-(now - self._last) / MEMORY_S) if self._count else 0.0
