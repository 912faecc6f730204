"""What has happened of late, once for all subscribers of a replica, and from how far back it can be told.

Owns the way to the vault's feed, a window of the last changes, and who is woken by which. What is said to whom is a
session's own business.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.stream.arrears import Arrears, Counted
from quantum_memory.cluster.service.stream.audience import Audience, Follower
from quantum_memory.cluster.service.stream.lanes import Watched
from quantum_memory.cluster.service.stream.moods import Moods, is_cancelled
from quantum_memory.cluster.service.stream.presence import Watchers
from quantum_memory.cluster.service.stream.window import Window
from quantum_memory.memory.vault.feed import MOST, Feed, FeedEntry, Wanted
from quantum_memory.types import AgentName

WAIT_S = 10.0
"""How long one call to the vault waits for news."""
AGAIN_S, AGAIN_MOST_S = 0.25, 5.0
"""How soon the vault is asked again when it did not answer: after the first time, and after many."""
TAKEN = 16
"""Changes that are handed on in one go; whatever else happens has its turn before the next of them."""
FELT = frozenset({"remembered", "felt", "merged", "picked", "rolled_back"})
"""Kinds of events by which a mood may change."""
logger = logging.getLogger(__name__)


class Follow(Protocol):
    """The feed of a vault: after which position, how many changes at most, how long to wait for the first, which."""

    def __call__(self, after: int, limit: int, wait_s: float, wanted: Wanted | None = None, /) -> Awaitable[Feed]: ...


Listed = tuple[Sequence[tuple[AgentName, str]], bool]
"""Branches by agent and name, and whether these are all."""
Branches = Callable[[Principal, Collection[AgentName] | None, str | None, int], Awaitable[Listed]]
"""Branches that somebody sees: of which agents, of what name, how many at most. Raises: Unavailable, StorageFailure."""


class Page(NamedTuple):
    """Changes after a position, in order, and the position up to which there are no others."""

    entries: list[FeedEntry]
    upto: int


class Hub:
    """What has happened, as far as this replica knows. Used on one event loop.

    Args:
        follow: the feed.
        moods: read anew when something was felt.
        branches: which ones there are.

    Attributes:
        position: everything up to it is known here.
        ends: where the vault ended, each time it was found to be as it was earlier.
        closing: set when the replica is going to stop.
    """

    def __init__(self, follow: Follow, moods: Moods, branches: Branches) -> None:
        self._follow, self._branches, self.moods, self.watchers = follow, branches, moods, Watchers()
        self._window, self._audience, self._arrears = Window(0), Audience(), Arrears(follow)
        self._bells: set[asyncio.Event] = set()
        self.position = 0
        self.ends: list[int] = []
        self._task: asyncio.Task[None] | None = None
        self.closing = asyncio.Event()
        moods.told, moods.unkept = self._felt, self._unkept

    async def start(self, position: int) -> None:
        """Follow the vault from a position on: that of the last change, as it was just asked."""
        self._window, self.position = Window(position), position
        self._task = asyncio.create_task(self._following())

    def close(self) -> None:
        """Let every session say good-bye."""
        self.closing.set()
        for bell in self._bells:
            bell.set()

    async def stop(self) -> None:
        """Let every session say good-bye, and follow no more."""
        self.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        self.watchers.stop()
        await self.moods.stop()

    @contextmanager
    def present(self, bell: asyncio.Event) -> Iterator[None]:
        """As long as this lasts, the bell of somebody is rung when the replica is going to stop."""
        self._bells.add(bell)
        try:
            yield
        finally:
            self._bells.discard(bell)

    def join(self, one: Follower) -> None:
        """Wake a follower by what concerns him from now on, until he leaves."""
        self._audience.join(one)

    def leave(self, one: Follower) -> None:
        """Wake a follower no more."""
        self._audience.leave(one)

    def upto(self, one: Follower) -> int:
        """Everything up to here was told to a follower."""
        return one.position if one.due else max(one.position, self.position)

    def at_hand(self, one: Follower) -> bool:
        """Whether a follower is told of what comes next without asking the vault."""
        return not one.actions or one.position >= self._window.start

    async def page(self, one: Follower, counted: Counted) -> Page:
        """What happened that concerns a follower after what he was told, as much as is at hand or in one answer.

        What is not at hand is read in the vault when it is his turn, and ``counted`` is asked whether he may.

        Raises: QuantumMemoryError where the vault has to be asked and does not answer, or he may not ask it yet.
        """
        if self.at_hand(one):
            return Page(self._window.after(one.position, one.concerned), max(one.position, self.position))
        found = await self._arrears.page(one.who, counted, one.position, one.wanted())
        return Page([entry for entry in found.entries if one.concerned(entry)], found.upto)

    async def followed(self, one: Follower, counted: Counted, most: int) -> tuple[list[Watched], bool]:
        """Whose moods a follower is told of, so many at most, and whether these are all.

        Read in the vault as a page is. Raises: as ``page``.
        """
        asked = one.who, one.agents, one.branch, most
        found, complete = await self._arrears.asked(one.who, counted, lambda: self._branches(*asked))
        return [Watched(*each) for each in found], complete

    async def _following(self) -> None:
        pause_s = AGAIN_S
        while True:
            try:
                found = await self._follow(self.position, MOST, WAIT_S)
            except (Exception, asyncio.CancelledError) as error:  # else nobody would hear of anything any more
                if is_cancelled():
                    raise
                if pause_s == AGAIN_S:
                    logger.warning("the vault does not tell what happens, and is asked again: %s", error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, AGAIN_MOST_S)
                continue
            pause_s = AGAIN_S
            if found.upto > self.position:
                await self._take_in_turns(found)
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
        self._audience.restored(self.position)
        self._window, self.position = Window(position), position
        self.ends.append(position)
        self.moods.anew(position)

    async def _take_in_turns(self, found: Feed) -> None:
        for begin in range(0, len(found.entries), TAKEN):
            some = found.entries[begin : begin + TAKEN]
            self._take(Feed(some, some[-1].position))
            await asyncio.sleep(0)
        self._take(Feed((), found.upto))

    def _take(self, found: Feed) -> None:
        before, self.position = self.position, found.upto
        for entry in found.entries:
            self._window.put(entry)
            self._audience.changed(entry, before)
            if entry.action in FELT:
                self.moods.touched(entry)

    def _felt(self, who: Watched) -> None:
        self._audience.felt(who.agent, who.branch, self.moods.number)

    def _unkept(self, who: Watched, number: int) -> None:
        self._audience.unkept(who.agent, who.branch, number)
