"""Which branches a host of views holds, and putting them away: idle ones by and by, the oldest where memory is short.

Owns the lock under which a host answers calls, and the thread that looks after what is idle. What is put away is folded
again when somebody asks for it, from a snapshot that is written before where that is less work.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from typing import Any, Literal, NamedTuple

from quantum_memory.actors.pressure import HIGH, LOW, Pressure, give_back
from quantum_memory.memory.clerk import Clerk
from quantum_memory.memory.residents import Residents
from quantum_memory.memory.snapshots import Leaving
from quantum_memory.memory.timeline import Timeline
from quantum_memory.telemetry import SILENT, Metrics
from quantum_memory.telemetry.catalog import EVICTIONS
from quantum_memory.types import BranchId

Why = Literal["idle", "memory"]
CHECK_S = 2.0
"""How often the thread looks, while anything is held."""
AT_ONCE = 64
"""Branches put away together; calls get in between."""
SHARE = 0.125
"""The share of what is held that is put away before memory is measured again."""
FRESH_S = 1.0
"""What was used so lately is not put away for want of memory: it is being worked with."""
WRITING_S, HASTY_S = 30.0, 2.0
"""How long snapshots of one lot may take, and how long where memory is short."""
BACK_OFF_S, RISEN = 30.0, 0.02
"""Where putting away frees nothing it is left for so long, unless the share taken rises by so much."""
TELLING = 0.002
"""A share that falls by less than this has not fallen."""
logger = logging.getLogger(__name__)


class Rules(NamedTuple):
    """When branches are put away.

    Attributes:
        idle_s: when nobody used them for so long; 0 is never.
        pressure: how short memory is.
    """

    idle_s: float
    pressure: Pressure


class Residence:
    """What one host of views holds, and for how long.

    Args:
        pool: what the host's pool is called in metrics.
        rules: when branches are put away.
        clerk: who writes snapshots down.
        forget: called, under the lock, with branches that were put away, for whatever else is kept of them.
        metrics: where it is told.
        clock: seconds that never go back.

    Attributes:
        lock: held while the host answers a call; whoever holds it owns the timelines.
        residents: the branches.
        put_away: how many were, and why.
    """

    def __init__(
        self,
        pool: str,
        rules: Rules,
        clerk: Clerk,
        forget: Callable[[Collection[BranchId]], None] = lambda _: None,
        metrics: Metrics = SILENT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool, self._rules, self._clerk, self._metrics = pool, rules, clerk, metrics
        self._forget, self._clock = forget, clock
        self.lock = threading.RLock()
        self.residents = Residents(clock)
        self.put_away: dict[Why, int] = {"idle": 0, "memory": 0}
        self._timelines: list[Timeline[Any]] = []
        self._short, self._again_at, self._at_share = False, float("-inf"), 0.0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def furnish(self, timeline: Timeline[Any]) -> None:
        """A timeline of the host, made with ``residents``."""
        self._timelines.append(timeline)

    def watch(self) -> None:
        """Look after what is held from now on, in a thread that ends with the host. Harmless if it does already."""
        if self._thread is None and not self._ended.is_set():
            self._thread = threading.Thread(
                target=_look_after, args=(weakref.ref(self), self._ended), name=f"{self._pool}-residence", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Put nothing away any more."""
        self._ended.set()

    def sweep(self) -> int:
        """Put away what is idle, and the oldest where memory is short; how many branches went."""
        return self._idle() + self._for_memory()

    def _idle(self) -> int:
        for_s = self._rules.idle_s
        return self.let_go(lambda: self.residents.unused(for_s), None, "idle", WRITING_S) if for_s else 0

    def _for_memory(self) -> int:
        """In steps, until less than ``LOW`` of the limit is taken or it is of no use."""
        pressure, gone = self._rules.pressure, 0
        share = pressure.share()
        self._short = share >= (LOW if self._short else HIGH)
        waits = self._clock() < self._again_at and share < self._at_share + RISEN
        if not self._short or waits:
            return 0
        idle_steps = 0
        while share >= LOW:
            most = max(1, int(SHARE * len(self.residents)))
            went = self.let_go(lambda: self.residents.unused(FRESH_S), most, "memory", HASTY_S)
            give_back()
            before, share = share, pressure.share()
            gone += went
            idle_steps = 0 if share < before - TELLING else idle_steps + 1
            if not went or idle_steps > 1 / SHARE:
                self._again_at, self._at_share = self._clock() + BACK_OFF_S, share
                logger.warning("memory is %.0f %% taken, and putting agents away frees no more of it", 100 * share)
                break
        self._short = share >= LOW
        return gone

    def let_go(self, candidates: Callable[[], Iterable[BranchId]], most: int | None, why: Why, writing_s: float) -> int:
        """Put away candidates, so many at most, a lot at a time: what they rested on becomes free with them."""
        gone, until_s = 0, time.monotonic() + writing_s
        while most is None or gone < most:
            with self.lock:
                count = AT_ONCE if most is None else min(AT_ONCE, most - gone)
                lot = {branch: self.residents.last(branch) for branch in islice(candidates(), count)}
                leaving = self._leaving(lot)
            for one in leaving:
                if not self._ended.is_set():
                    self._clerk.finish(one.drawer, one.write, until_s)
            with self.lock:
                going = [branch for branch, last in lot.items() if self.residents.last(branch) == last]
                for timeline in self._timelines:
                    for branch in going:
                        timeline.put_away(branch)
                if going:
                    self._forget(frozenset(going))
            if not going:
                return gone
            gone += len(going)
            self.put_away[why] += len(going)
            self._metrics.add(EVICTIONS, len(going), self._pool, why)
        return gone

    def _leaving(self, branches: Iterable[BranchId]) -> list[Leaving]:
        found: list[Leaving] = []
        for branch in branches:
            for timeline in self._timelines:
                one = timeline.leaving(branch)
                found += [] if one is None else [one]
        return found


def _look_after(residence: weakref.ref[Residence], ended: threading.Event) -> None:
    """Sweep now and then until the residence is closed or gone."""
    while not ended.wait(CHECK_S):
        here = residence()
        if here is None:
            return
        try:
            here.sweep()
        except Exception:  # nobody waits for it, and the next time may do better
            logger.exception("what is idle could not be put away")
        del here
