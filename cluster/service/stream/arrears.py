"""Reading in the vault what somebody was not told when it happened: fairly, and never for too many at once.

Owns who reads, and who waits for it. What was read is given to whom asked, and not kept.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from quantum_memory.cluster.service.principals import Principal
from quantum_memory.errors import DeadlineExceeded
from quantum_memory.memory.vault.feed import MOST, Feed, Wanted

AT_ONCE = 4
"""Pages that a replica reads in the vault at once for those who are behind, whoever they are."""
WAITING_S = 5.0
"""How long somebody waits for his turn before he tries again later; his connection says nothing meanwhile."""

PAGE_COST = 1.0
"""Of one page, as a rate counts it: that of a request."""

T = TypeVar("T")
Counted = Callable[[float], Awaitable[None]]
"""Counts what somebody asks. Raises: RateLimited, Unavailable."""
Catch = Callable[[int, int, float, Wanted], Awaitable[Feed]]
"""The feed of a vault: after which position, how many changes at most, how long to wait, and which."""


class Arrears:
    """One page at a time for each principal, and so many at once for all of them. Used on one event loop."""

    def __init__(self, follow: Catch) -> None:
        self._follow = follow
        self._room = asyncio.Semaphore(AT_ONCE)
        self._turns: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._there: Counter[tuple[str, str]] = Counter()

    async def page(self, who: Principal, counted: Counted, after: int, wanted: Wanted) -> Feed:
        """A page of what happened after a position; see ``asked``."""
        return await self.asked(who, counted, lambda: self._follow(after, MOST, 0.0, wanted))

    async def asked(self, who: Principal, counted: Counted, ask: Callable[[], Awaitable[T]]) -> T:
        """What the vault answers, asked when it is somebody's turn; it counts as a request of his.

        Raises: RateLimited; DeadlineExceeded where his turn did not come; others where the vault does not answer.
        """
        async with self._turn((who.tenant, who.subject)):
            await counted(PAGE_COST)
            return await ask()

    @asynccontextmanager
    async def _turn(self, who: tuple[str, str]) -> AsyncIterator[None]:
        self._there[who] += 1
        try:
            async with AsyncExitStack() as held:
                try:
                    async with asyncio.timeout(WAITING_S):
                        await held.enter_async_context(self._turns[who])
                        await held.enter_async_context(self._room)
                except TimeoutError:
                    raise DeadlineExceeded("stream", WAITING_S) from None
                yield
        finally:
            self._there[who] -= 1
            if not self._there[who]:
                del self._there[who], self._turns[who]
