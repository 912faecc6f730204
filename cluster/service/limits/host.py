"""The buckets that every replica of the door leases from, and the actor that is made of them.

Owns who asks. It holds nothing that has to last: after a restart every bucket begins full, and what was leased before
may still be spent beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from quantum_memory.actors.process import process
from quantum_memory.actors.shells import actor
from quantum_memory.actors.watching import Watch, watched
from quantum_memory.cluster.service.limits.buckets import Buckets, Grant, Rate
from quantum_memory.settings import Settings
from quantum_memory.telemetry import SILENT, Metrics

POOL = "limits"
NAME = "RateLimits"
"""Of the actor, in the namespace of its cluster."""
ABSENT_S = 30.0
"""A replica that was not heard for so long counts no more."""


class Wanted(NamedTuple):
    """A lease that a replica asks for; see ``Buckets.lease``."""

    key: str
    rate: Rate
    lease: str
    needed: float
    wanted: float


class Returned(NamedTuple):
    """A lease that a replica spends of no longer, and what was left of it."""

    key: str
    lease: str
    left: float


class Granted(NamedTuple):
    """What came of each wish, in order, and how many replicas ask."""

    grants: tuple[Grant, ...]
    replicas: int


@watched(POOL)
class RateLimitsHost:
    """Everything the actor does, without Ray. One call at a time.

    Args:
        settings: the cluster's.
        metrics: where the calls are counted.
        clock: seconds, which only rise.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics = SILENT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._watch = Watch(POOL, settings.telemetry, metrics)
        self._clock, self._buckets = clock, Buckets(clock)
        self._heard_s: dict[str, float] = {}

    def lease(self, replica: str, wanted: Sequence[Wanted], returned: Sequence[Returned]) -> Granted:
        """Settle what a replica brings back, and then grant what it asks for.

        The same call again does nothing twice while what it granted has not lapsed. Raises: NotFinite, OutOfRange.
        """
        for key, lease, left in returned:
            self._buckets.give_back(key, lease, left)
        return Granted(tuple(self._buckets.lease(*one) for one in wanted), self._heard(replica))

    def leave(self, replica: str, returned: Sequence[Returned]) -> None:
        """A replica goes, with all that it has left."""
        self.lease(replica, (), returned)
        del self._heard_s[replica]

    def status(self) -> dict[str, int]:
        """The process, how many buckets are not known to be full, leases of them, and replicas that ask."""
        return process() | {
            "buckets": len(self._buckets),
            "leases": self._buckets.leases,
            "replicas": len(self._heard_s),
        }

    def _heard(self, replica: str) -> int:
        now_s = self._clock()
        self._heard_s[replica] = now_s
        for name, at_s in tuple(self._heard_s.items()):
            if at_s + ABSENT_S < now_s:
                del self._heard_s[name]
        return len(self._heard_s)


RateLimits = actor(NAME, POOL, RateLimitsHost)
