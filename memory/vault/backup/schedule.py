"""Backups made by themselves, every so often, in a thread of their own. Knows not how one is made."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

LOOK_S = 30.0
RETRY_S = 300.0
logger = logging.getLogger(__name__)


class Schedule:
    """Makes a backup when the last one is old enough, also one that an earlier process made.

    Args:
        make: makes a backup and thins out the old ones.
        last: when the last one was made; ``None`` if there is none.
        every_s: how old the last one may get.
        now: the clock.

    Attributes:
        last_error: what the last try raised; ``None`` once one went well.
    """

    def __init__(
        self,
        make: Callable[[], object],
        last: Callable[[], datetime | None],
        every_s: float,
        now: Callable[[], datetime],
    ) -> None:
        self._make, self._last, self._now = make, last, now
        self._every = timedelta(seconds=every_s)
        self.last_error: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vault-backups", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let a backup under way end, and stop. May be called again."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stop.wait(wait_s):
            try:
                last = self._last()
                if last is None or self._now() - last >= self._every:
                    self._make()
                self.last_error = None
                wait_s = min(LOOK_S, self._every.total_seconds() / 4)
            except Exception as error:  # it is kept, told, and tried again: no backup must not mean no memory
                logger.exception("no backup could be made; it is tried again in %d s", RETRY_S)
                self.last_error = error
                wait_s = min(RETRY_S, self._every.total_seconds())
