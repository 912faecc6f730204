"""What has happened of late, once for all subscribers of a replica, and from how far back it can be told.

Owns the way to the vault's feed and a window of the last changes. Who reads what is a session's own business.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import dropwhile
from typing import NamedTuple

from quantum_memory.cluster.service.stream.moods import Moods
from quantum_memory.memory.vault.feed import MOST, Feed, FeedEntry

WINDOW = 4096
"""Changes that are kept. Who is farther behind reads them in the vault."""
WAIT_S = 10.0
"""How long one call to the vault waits for news."""
AGAIN_S, AGAIN_MOST_S = 0.25, 5.0
"""How soon the vault is asked again when it did not answer: after the first time, and after many."""
FELT = frozenset({"remembered", "felt", "merged", "picked", "rolled_back"})
"""Kinds of events by which a mood may change."""
logger = logging.getLogger(__name__)

Follow = Callable[[int, int, float], Awaitable[Feed]]
"""The feed of a vault: after which position, how many changes at most, and how long to wait for the first."""


class Page(NamedTuple):
    """Changes after a position, in order, and the position up to which there are no others."""

    entries: list[FeedEntry]
    upto: int


class Restored(NamedTuple):
    """How often a vault was restored while it was followed, and where it ended when that was seen last."""

    times: int
    position: int


class Hub:
    """What has happened, as far as this replica knows. Used on one event loop.

    Args:
        follow: the feed.
        moods: read anew when something was felt.

    Attributes:
        position: everything up to it is known here.
        restored: how often the vault was found to be as it was earlier, and where it stood then, last.
        closing: set when the replica is going to stop.
    """

    def __init__(self, follow: Follow, moods: Moods) -> None:
        self._follow, self.moods = follow, moods
        self._window: deque[FeedEntry] = deque()
        self._from = self.position = 0
        self.restored = Restored(0, 0)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.closing = asyncio.Event()
        moods.told = self.wake

    async def start(self, position: int) -> None:
        """Follow the vault from a position on: that of the last change, as it was just asked."""
        self._from = self.position = position
        self._task = asyncio.create_task(self._following())

    def close(self) -> None:
        """Let every session say good-bye."""
        self.closing.set()
        self.wake()

    async def stop(self) -> None:
        """Let every session say good-bye, and follow no more."""
        self.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        await self.moods.stop()

    def wake(self) -> None:
        """There is something new for sessions to look at."""
        self._changed.set()
        self._changed = asyncio.Event()

    def change(self) -> asyncio.Event:
        """Set when there is something new from here on. Take it before looking, and wait after."""
        return self._changed

    async def page(self, after: int) -> Page:
        """What happened after a position, as much as is at hand or in one answer of the vault.

        Raises: QuantumMemoryError where the vault has to be asked and does not answer.
        """
        if after >= self._from:
            fresh = dropwhile(lambda one: one.position <= after, self._window)
            return Page(list(fresh) if after < self.position else [], max(after, self.position))
        found = await self._follow(after, MOST, 0.0)
        return Page(list(found.entries), found.upto)

    async def _following(self) -> None:
        pause_s = AGAIN_S
        while True:
            try:
                found = await self._follow(self.position, MOST, WAIT_S)
            except Exception as error:  # noqa: BLE001 (whatever it is, nobody would hear of anything any more)
                if pause_s == AGAIN_S:
                    logger.warning("the vault does not tell what happens, and is asked again: %s", error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, AGAIN_MOST_S)
                continue
            pause_s = AGAIN_S
            if found.upto > self.position:
                self._take(found)
            elif found.upto < self.position:
                self._go_back(found.upto)

    async def end(self, after: int) -> int:
        """Where the vault ends, if that is before a position that somebody names; else that position.

        Raises: QuantumMemoryError where the vault does not answer.
        """
        return min(after, (await self._follow(after, 1, 0.0)).upto) if after > self.position else after

    def _go_back(self, position: int) -> None:
        """The vault was restored: what was known after this never was."""
        logger.warning("the vault was restored: it ends at %d, and did at %d", position, self.position)
        self._window.clear()
        self._from = self.position = position
        self.restored = Restored(self.restored.times + 1, position)
        self.moods.anew(position)
        self.wake()

    def _take(self, found: Feed) -> None:
        self._window.extend(found.entries)
        self.position = found.upto
        while len(self._window) > WINDOW:
            self._from = self._window.popleft().position
        for entry in found.entries:
            if entry.action in FELT:
                self.moods.touched(entry)
        self.wake()
