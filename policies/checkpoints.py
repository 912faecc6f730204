"""When a checkpoint is made without anybody asking for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue

MICROSECONDS = 1_000_000
MERGES = ("merged", "picked")
ROLLBACKS = ("rolled_back",)

Moment = tuple[int, int]
"""Where a branch stood: the number of its last event, and when that was written in microseconds since the epoch."""


class CheckpointPolicy(Protocol):
    """Whether the place before an event is to be named, and how.

    Laws: the answer follows from the arguments alone, so a retry or a restart gives the same one. Where nothing has
    happened yet (number 0) there is nothing to name.
    """

    def due(self, before: Moment, after: Moment, kind: str) -> str | None:
        """The message of a checkpoint of the place ``before`` an event of this kind at ``after``; ``None`` for none."""
        ...


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Every so many events, every so many seconds, and before what is hard to think away.

    A branch's numbers have no gaps, so the place whose number is a multiple of ``every_events`` is named once, when the
    event after it comes. Time is cut into periods of ``every_s`` from the epoch on; the last place of a period is named
    when the first event of a later one comes. 0 is never.

    Raises: InvalidValue, NotFinite, OutOfRange.
    """

    every_events: int = 0
    every_s: float = 0.0
    before_merge: bool = True
    before_rollback: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.every_events, int) or isinstance(self.every_events, bool) or self.every_events < 0:
            raise InvalidValue("every_events", repr(self.every_events), "a whole number, 0 or more")
        bounded("every_s", self.every_s, 0.0, 1e12)

    def due(self, before: Moment, after: Moment, kind: str) -> str | None:
        seq, at_us = before
        if seq == 0:
            return None
        if self.before_merge and kind in MERGES:
            return "before a merge"
        if self.before_rollback and kind in ROLLBACKS:
            return "before a rollback"
        if self.every_events and seq % self.every_events == 0:
            return f"after {seq} events"
        period_us = round(self.every_s * MICROSECONDS)
        if period_us and at_us // period_us < after[1] // period_us:
            return f"automatic, every {self.every_s:g} s"
        return None
