"""Quiet moments: when nobody has asked a host for anything for a while, what its views left for later is done.

Owns the thread and which branches wait. Knows no view.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection

from quantum_memory.types import BranchId

QUIET_S = 1.0
"""How long nobody must have asked for anything."""
IDLE_S = 10.0
"""A thread that had nothing to do for so long ends; the next branch starts another."""
logger = logging.getLogger(__name__)


class Ripening:
    """Does work that can wait, one step at a time, so that calls get in between.

    Any thread may call it.

    Args:
        name: of the thread.
        step: does one step for a branch, and says whether there was one to do.
        clock: seconds that never go back.
    """

    def __init__(
        self, name: str, step: Callable[[BranchId], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name, self._step, self._clock = name, step, clock
        self._change = threading.Condition()
        self._branches: dict[BranchId, None] = {}
        self._thread: threading.Thread | None = None
        self._asked, self._closed = clock(), False

    def asked(self, branches: Collection[BranchId] = ()) -> None:
        """Somebody asked the host for something, after which there may be work for these branches."""
        with self._change:
            self._asked = self._clock()
            self._branches |= dict.fromkeys(branches)
            if self._branches and self._thread is None and not self._closed:
                # A daemon: nothing is lost if the process ends before it is done.
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            if branches:  # whoever waits for quiet looks again by himself
                self._change.notify_all()

    @property
    def quiet(self) -> bool:
        """Whether nobody has asked for anything for a while. A step looks, once it owns what it works on."""
        return self._clock() - self._asked >= QUIET_S

    @property
    def closed(self) -> bool:
        """Whether nothing is to be done any more. A step looks, once it owns what it works on."""
        return self._closed

    def close(self) -> None:
        """Begin no further step. Waits for none: its host may be the one who closes it."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _work(self) -> None:
        while (branch := self._next()) is not None:
            more = False
            try:
                more = self._step(branch)
            except Exception:  # nobody waits for it, and whoever asks has it done
                logger.exception("%s failed", self._name)
            if more:
                with self._change:
                    self._branches[branch] = None

    def _next(self) -> BranchId | None:
        """The branch whose turn it is, once all is quiet; nothing when the thread is to end."""
        with self._change:
            while not self._closed:
                if not self._branches and not self._change.wait_for(lambda: self._branches or self._closed, IDLE_S):
                    break
                left_s = self._asked + QUIET_S - self._clock()
                if left_s > 0.0:
                    self._change.wait(left_s)
                elif self._branches:
                    branch = next(iter(self._branches))
                    del self._branches[branch]
                    return branch
            self._thread = None
            return None
