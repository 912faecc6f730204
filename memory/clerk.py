"""The clerk: one thread that does what nobody waits for, the newest wish of each drawer, once wishes have calmed down.

Knows not what it does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from quantum_memory.errors import QuantumMemoryError

WAITING = 8
IDLE_S = 10.0
"""A thread that had nothing to do for so long ends; the next job starts another."""
LONGEST = 5
"""A drawer whose wishes never calm down is emptied all the same after so many calms."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A job, when its drawer was empty for the last time, and when the job may begin: ``time.monotonic()``."""

    job: Callable[[], None]
    since_s: float
    ready_s: float


class Clerk:
    """Does one job after another in a thread of its own, which there is only while there is work.

    Args:
        name: of the thread.
        waiting: how many jobs may wait; beyond that an offer is turned down.
        calm_s: a job begins once its drawer got no newer one for so long: what is overtaken at once is never done. When
            somebody waits for the clerk, or no more can wait, nothing is held back.

    Attributes:
        done: jobs that were done.
        failed: jobs that raised; what they raised is in the log.

    Any thread may call it.
    """

    def __init__(self, name: str, waiting: int = WAITING, calm_s: float = 0.0) -> None:
        self._name, self._most, self._calm_s = name, waiting, calm_s
        self._wishes: OrderedDict[Hashable, _Wish] = OrderedDict()
        self._hurried = 0
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = self._closed = False
        self.done = self.failed = 0

    def offer(self, drawer: Hashable, job: Callable[[], None]) -> bool:
        """Have a job done some time; one that waits in the same drawer is dropped for it. Whether it was taken."""
        return self._taken(drawer, job, self._calm_s)

    def _taken(self, drawer: Hashable, job: Callable[[], None], calm_s: float) -> bool:
        with self._change:
            before = self._wishes.get(drawer)
            if self._closed or (len(self._wishes) >= self._most and before is None):
                return False
            now = time.monotonic()
            since = now if before is None else before.since_s
            self._wishes[drawer] = _Wish(job, since, min(now + calm_s, since + LONGEST * calm_s))
            if self._thread is None:
                # A daemon: nothing is lost if the process ends before what it writes down is finished.
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._change.notify_all()
        return True

    def finish(self, drawer: Hashable, job: Callable[[], None], until_s: float) -> bool:
        """Have a job done and wait for it, for room in the queue too, until ``time.monotonic()`` is that.

        Whether it was done; one that failed was not. It may still be done later if it was not begun in time.
        """
        ended = threading.Event()
        went = []

        def work() -> None:
            try:
                job()
                went.append(True)
            finally:
                ended.set()

        with self._change:
            self._change.wait_for(
                lambda: self._closed or len(self._wishes) < self._most or drawer in self._wishes,
                max(0.0, until_s - time.monotonic()),
            )
        return self._taken(drawer, work, 0.0) and ended.wait(max(0.0, until_s - time.monotonic())) and bool(went)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Come back when nothing is left to do, or the time is over. Whether nothing is left."""
        with self._change:
            self._hurried += 1
            self._change.notify_all()
            try:
                return self._change.wait_for(lambda: not self._wishes and not self._busy, timeout_s)
            finally:
                self._hurried -= 1

    def close(self, timeout_s: float | None = None) -> None:
        """Finish what waits, take nothing more, and end the thread. What waits when the time is over is dropped."""
        with self._change:
            self._closed = True
            self._change.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        with self._change:
            self._wishes.clear()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            failed = True
            try:
                job()
                failed = False
            except QuantumMemoryError as error:
                logger.warning("%s: %s", self._name, error)
            except Exception:
                logger.exception("%s failed", self._name)
            finally:
                del job  # what it holds may be large
                with self._change:
                    self.done, self.failed = self.done + (not failed), self.failed + failed
                    self._busy = False
                    self._change.notify_all()

    def _next(self) -> Callable[[], None] | None:
        """The job whose time came first, once it has; nothing if none came for ``IDLE_S``, or no more will."""
        with self._change:
            while self._change.wait_for(lambda: self._wishes or self._closed, IDLE_S) and self._wishes:
                drawer = min(self._wishes, key=lambda one: self._wishes[one].ready_s)
                early_s = self._wishes[drawer].ready_s - time.monotonic()
                if early_s <= 0 or self._hurried or self._closed or len(self._wishes) >= self._most:
                    self._busy = True
                    return self._wishes.pop(drawer).job
                self._change.wait(early_s)
            self._thread = None
            return None
