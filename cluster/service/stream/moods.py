"""The moods that somebody watches: each is read once however many watch it, and not more often than ten times a second.

Owns who is watched and what was read last. A mood is a state and no event: who was away finds the newest.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from quantum_memory.memory.library.shelves import reserved
from quantum_memory.memory.vault.feed import FeedEntry
from quantum_memory.types import AgentName, Mood

PAUSE_S = 0.1
"""How long a mood is left alone after it was read; what is felt meanwhile is gathered."""
READING = 64
"""How many moods are read at once: whoever watches thousands waits, and the cluster is asked no more than that."""
KEPT = 4096
"""Moods that are kept after nobody asked for them any more; those read longest ago go."""
logger = logging.getLogger(__name__)


class Watched(NamedTuple):
    """Whose mood: an agent by the cluster's name, and the name of a branch."""

    agent: AgentName
    branch: str


class Seen(NamedTuple):
    """A mood, and the position of the last change that is in it. ``number`` rises with every reading."""

    number: int
    position: int
    mood: Mood


Read = Callable[[Watched], Awaitable[Mood]]


class Moods:
    """The moods of watched agents. Used on one event loop.

    Args:
        read: gives a mood as it is now.

    Attributes:
        told: called when a mood was read.
        seen: the last reading of each.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self.told: Callable[[], None] = lambda: None
        self.seen: dict[Watched, Seen] = {}
        self._watching: Counter[AgentName] = Counter()
        self._everybody = 0
        self._dirty: dict[Watched, int] = {}
        self._tasks: dict[Watched, asyncio.Task[None]] = {}
        self._number = 0
        self._room = asyncio.Semaphore(READING)

    def watch(self, agent: AgentName | None) -> None:
        """One more watches an agent, or all of them."""
        self._everybody += agent is None
        if agent is not None:
            self._watching[agent] += 1

    def unwatch(self, agent: AgentName | None) -> None:
        """One less."""
        self._everybody -= agent is None
        if agent is not None:
            self._watching[agent] -= 1
            if not self._watching[agent]:
                del self._watching[agent]

    def watching(self, agent: AgentName) -> int:
        """How many watch an agent, those left out that watch all."""
        return self._watching[agent]

    def touched(self, entry: FeedEntry) -> None:
        """Something was felt. Whose mood somebody watches is read soon; nobody watches shelves of the library."""
        if entry.agent is None or entry.name is None or reserved(entry.agent):
            return
        who = Watched(entry.agent, entry.name)
        if self._everybody or entry.agent in self._watching:
            self.wanted(who, entry.position)
        else:
            self.seen.pop(who, None)  # it is the mood no longer, and nobody has it read

    def wanted(self, who: Watched, position: int) -> None:
        """A mood is to be read soon, with all up to a position in it."""
        self._dirty[who] = max(position, self._dirty.get(who, 0))
        if who not in self._tasks:
            self._tasks[who] = asyncio.create_task(self._reading(who))

    async def stop(self) -> None:
        """Read no more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _reading(self, who: Watched) -> None:
        """Read a mood until nothing was felt meanwhile: at once, and then not more often than it may be."""
        while who in self._dirty:
            await self._read_once(who, self._dirty.pop(who))
            await asyncio.sleep(PAUSE_S)
        del self._tasks[who]  # in the turn in which nothing was found: what comes next begins another

    async def _read_once(self, who: Watched, position: int) -> None:
        """Read a mood that has all up to a position in it. One that cannot be read is read after the next change."""
        try:
            async with self._room:
                mood = await self._read(who)
        except Exception as error:  # noqa: BLE001 (whatever it is, the next change may bring a mood again)
            logger.info("a mood could not be read for those who watch it: %s", error)
            return
        self._number += 1
        self.seen.pop(who, None)
        self.seen[who] = Seen(self._number, position, mood)
        while len(self.seen) > KEPT:
            self.seen.pop(next(iter(self.seen)))
        self.told()
