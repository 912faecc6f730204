"""How many requests a replica has under way at once: some wait, and the others are told to come again.

Serve does so for what its proxies bring, and knows nothing of what comes to a replica's own listener, nor of who asks:
that nobody has all of it alone is seen to here wherever it comes from. Nothing is under way before it is known who
asks: until then nothing of a request is read, and what that may cost has a rate of its own. Streams and whoever looks
after the replica are not counted: these have to come through just when it is full.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final
from weakref import WeakValueDictionary

from starlette.types import ASGIApp, Receive, Scope, Send

from quantum_memory.cluster.service.access.entry import PLACE
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.errors import Busy, QuantumMemoryError, RateLimited

SHARE: Final = 4
"""A principal has one part of so many at most: one place where there are fewer."""
WAIT_S: Final = 5.0
"""How long a request may wait for a place of its principal's share, and then for one of all."""
AGAIN_S: Final = 1.0
"""After which time one that could not may come again."""
UNCOUNTED: Final = ("/health", "/metrics")
"""Paths, and with a slash and more after them, that are not counted."""


class Ongoing:
    """An application with at most so many requests under way, and as many that wait.

    Args:
        app: the application; it takes the place that is in the state of a request once it knows who asks.
        most: how many.
        wait_s: how long one may wait for each of its two places.
    """

    def __init__(self, app: ASGIApp, most: int, wait_s: float = WAIT_S) -> None:
        self._app, self._wait_s = app, wait_s
        self._share = max(1, most // SHARE)
        self._all = _Room(most, wait_s)
        self._shares: WeakValueDictionary[tuple[str, str], _Room] = WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _uncounted(scope):
            await self._app(scope, receive, send)
            return
        with ExitStack() as held:
            scope["state"][PLACE] = _Place(self, held)
            await self._app(scope, receive, send)

    async def come(self, who: Principal, held: ExitStack) -> None:
        """Be one of those under way until what is held is let go. Raises: RateLimited, Busy.

        Whoever waits for his own share is in nobody's way, and who waits for a place of all has one of his share.
        """
        own = self._shares.setdefault((who.tenant, who.subject), _Room(self._share, self._wait_s))
        await own.come(lambda _: RateLimited("requests", AGAIN_S))
        held.callback(own.go)
        await self._all.come(lambda waiting: Busy("door", waiting, AGAIN_S))
        held.callback(self._all.go)


class _Room:
    """So many places, and as many who wait for one.

    Args:
        most: how many.
        wait_s: how long one may wait.
    """

    def __init__(self, most: int, wait_s: float) -> None:
        self._most, self._wait_s = most, wait_s
        self._free, self._waiting = asyncio.Semaphore(most), 0

    async def come(self, full: Callable[[int], QuantumMemoryError]) -> None:
        """Have one of the places. Raises: what ``full`` makes of how many wait, where there was none in time."""
        if self._free.locked() and self._waiting >= self._most:
            raise full(self._waiting)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_s):
                await self._free.acquire()
        except TimeoutError:
            raise full(self._waiting) from None
        finally:
            self._waiting -= 1

    def go(self) -> None:
        """Have it no more."""
        self._free.release()


class _Place:
    """The place of one request, from when it is known whose it is to the last of its answer."""

    def __init__(self, ongoing: Ongoing, held: ExitStack) -> None:
        self._ongoing, self._held = ongoing, held

    async def take(self, who: Principal) -> None:
        """Be under way for somebody, once. Raises: RateLimited, Busy."""
        await self._ongoing.come(who, self._held)


def _uncounted(scope: Scope) -> bool:
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path in UNCOUNTED or path.startswith(tuple(f"{one}/" for one in UNCOUNTED))
