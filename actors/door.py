"""How many calls an orchestrator has under way, and refusing more than it may have. Knows no call."""

from __future__ import annotations

from types import TracebackType

from quantum_memory.actors.pace import Pace
from quantum_memory.errors import Busy
from quantum_memory.telemetry import SILENT, Metrics
from quantum_memory.telemetry.catalog import BACKPRESSURE


class Door:
    """Entered by every call, and left when it is answered. One event loop uses it.

    Args:
        pool: what the pool is called.
        most: calls that may be inside at a time.
        metrics: where refusals are counted.
        pace: how fast calls are answered.
    """

    def __init__(self, pool: str, most: int, metrics: Metrics = SILENT, pace: Pace | None = None) -> None:
        self._pool, self._most, self._metrics, self._pace = pool, most, metrics, pace or Pace()
        self.inside = self.refused = 0

    def __enter__(self) -> None:
        """Raises: Busy where so many are inside that this one would wait; nothing of it is begun."""
        if self.inside >= self._most:
            self.refused += 1
            self._metrics.add(BACKPRESSURE, 1, self._pool)
            raise Busy(self._pool, self.inside, self._pace.until(self.inside))
        self.inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.inside -= 1
        self._pace.answered()
