"""The clerk: one thread that does what nobody waits for, newest wish first in each drawer. Knows not what it does."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from quantum_memory.errors import QuantumMemoryError

WAITING = 8
IDLE_S = 10.0
"""A thread that had nothing to do for so long ends; the next job starts another."""
logger = logging.getLogger(__name__)


class Clerk:
    """Does one job after another in a thread of its own, which there is only while there is work.

    Args:
        name: of the thread.
        waiting: how many jobs may wait; beyond that an offer is turned down.

    Attributes:
        done: jobs that were done.
        failed: jobs that raised; what they raised is in the log.

    Any thread may call it.
    """

    def __init__(self, name: str, waiting: int = WAITING) -> None:
        self._name, self._most = name, waiting
        self._jobs: OrderedDict[Hashable, Callable[[], None]] = OrderedDict()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = self._closed = False
        self.done = self.failed = 0

    def offer(self, drawer: Hashable, job: Callable[[], None]) -> bool:
        """Have a job done some time; one that waits in the same drawer is dropped for it. Whether it was taken."""
        with self._change:
            if self._closed or (len(self._jobs) >= self._most and drawer not in self._jobs):
                return False
            self._jobs[drawer] = job
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
                lambda: self._closed or len(self._jobs) < self._most or drawer in self._jobs,
                max(0.0, until_s - time.monotonic()),
            )
        return self.offer(drawer, work) and ended.wait(max(0.0, until_s - time.monotonic())) and bool(went)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Come back when nothing is left to do, or the time is over. Whether nothing is left."""
        with self._change:
            return self._change.wait_for(lambda: not self._jobs and not self._busy, timeout_s)

    def close(self, timeout_s: float | None = None) -> None:
        """Finish what waits, take nothing more, and end the thread. What waits when the time is over is dropped."""
        with self._change:
            self._closed = True
            self._change.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        with self._change:
            self._jobs.clear()

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
        with self._change:
            self._change.wait_for(lambda: self._jobs or self._closed, IDLE_S)
            if not self._jobs:
                self._thread = None
                return None
            self._busy = True
            return self._jobs.popitem(last=False)[1]
