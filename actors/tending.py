"""What goes on behind a vault besides sealing: the search index catches up, and now and then garbage is
collected and what was noted for some time only goes.

A thread of its own, in small steps. A failure is kept and told, and the next step tries again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

from quantum_memory.memory.vault.collect import Garbage, collect, plan
from quantum_memory.memory.vault.vault import Vault

logger = logging.getLogger(__name__)
CATCH_UP = 256
"""Events that the index takes in at a time, so that no write waits for long."""
COLLECT_EVERY_S = 3600.0


class Tending:
    """Tends a vault until it is closed.

    Args:
        vault: which one; closing this does not close it.
        now: the clock.
        every_s: how long it rests when there is nothing to do. After each step it rests as long as that took.
        grace_s: how long what was deleted can be had back.
        collect_every_s: how long from one collection to the next; the first is one such time after the start.

    Attributes:
        last_error: what the last step that failed raised; ``None`` once one went well again.
    """

    def __init__(
        self,
        vault: Vault,
        now: Callable[[], datetime],
        *,
        every_s: float,
        grace_s: float,
        collect_every_s: float = COLLECT_EVERY_S,
    ) -> None:
        self._vault, self._now = vault, now
        self._every_s, self._grace_s, self._collect_every_s = every_s, grace_s, collect_every_s
        self.last_error: Exception | None = None
        self._collecting = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vault-tending", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let the step under way end, and stop. May be called again."""
        self._stop.set()
        self._thread.join()

    def garbage(self) -> Garbage:
        """What could go now; nothing goes. Raises: CorruptRecord, VaultUnavailable."""
        with self._vault.database.snapshot() as connection:
            return plan(connection, self._vault.blocks, self._now(), self._grace_s)

    def collect(self) -> Garbage:
        """Let go what can go, and return what went. Raises: WriteFailed, VaultUnavailable, CorruptRecord."""
        with self._collecting:
            went = collect(self._vault, self._now, self._grace_s)
            if went.events:
                self._vault.index.sweep()
            return went

    def _run(self) -> None:
        due, rest_s = time.monotonic() + self._collect_every_s, self._every_s
        while not self._stop.wait(rest_s):
            begun = time.monotonic()
            try:
                taken = self._vault.index.catch_up(CATCH_UP)
                if begun >= due:
                    due = begun + self._collect_every_s
                    lapsed = self._vault.lapse()
                    logger.info("collected: %s; %d requests, tokens and denials lapsed", self.collect(), lapsed)
            except Exception as error:  # noqa: BLE001  (whatever it is, it is kept and told, and the next may go well)
                if type(error) is not type(self.last_error):
                    logger.warning("tending the vault failed and is tried again: %s", error)
                self.last_error, rest_s = error, self._every_s
            else:
                self.last_error = None
                rest_s = self._every_s if not taken else min(time.monotonic() - begun, self._every_s)
