"""How many requests a replica has under way at once: some wait, and the others are told to come again.

Serve does so for what its proxies bring, and knows nothing of what comes to a replica's own listener, nor of who asks:
that nobody has all of it alone is seen to here wherever it comes from. Nothing is under way before it is known who
asks: until then nothing of a request is read, and what that may cost has a rate of its own. Streams and whoever looks
after the replica are not counted: these have to come through just when it is full.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from quantum_memory.cluster.service.access.entry import PLACE
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.errors import Busy, RateLimited

SHARE: Final = 4
"""A principal has one part of so many at most, under way or waiting: one place where there are fewer."""
WAIT_S: Final = 5.0
"""How long a request may wait until one that is under way is answered."""
AGAIN_S: Final = 1.0
"""After which time one that could not may come again."""
UNCOUNTED: Final = ("/health", "/metrics")
"""Paths, and with a slash and more after them, that are not counted."""


class Ongoing:
    """An application with at most so many requests under way, and as many that wait.

    Args:
        app: the application; it takes the place that is in the state of a request once it knows who asks.
        most: how many.
        wait_s: how long one may wait.
    """

    def __init__(self, app: ASGIApp, most: int, wait_s: float = WAIT_S) -> None:
        self._app, self._most, self._wait_s = app, most, wait_s
        self._share = max(1, most // SHARE)
        self._room, self._waiting = asyncio.Semaphore(most), 0
        self._had: Counter[tuple[str, str]] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _uncounted(scope):
            await self._app(scope, receive, send)
            return
        place = scope["state"][PLACE] = _Place(self)
        try:
            await self._app(scope, receive, send)
        finally:
            place.leave()

    async def come(self, whose: tuple[str, str]) -> None:
        """Be one of those under way. Raises: RateLimited, Busy."""
        if self._had[whose] >= self._share:
            raise RateLimited("requests", AGAIN_S)
        if self._room.locked() and self._waiting >= self._most:
            raise Busy("door", self._waiting, AGAIN_S)
        self._had[whose] += 1
        try:
            await self._wait()
        except BaseException:
            self._left(whose)
            raise

    def go(self, whose: tuple[str, str]) -> None:
        """Be one of them no more."""
        self._left(whose)
        self._room.release()

    async def _wait(self) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_s):
                await self._room.acquire()
        except TimeoutError:
            raise Busy("door", self._waiting, AGAIN_S) from None
        finally:
            self._waiting -= 1

    def _left(self, whose: tuple[str, str]) -> None:
        self._had[whose] -= 1
        if not self._had[whose]:
            del self._had[whose]


class _Place:
    """The place of one request, from when it is known whose it is to the last of its answer."""

    def __init__(self, ongoing: Ongoing) -> None:
        self._ongoing = ongoing
        self._whose: tuple[str, str] | None = None

    async def take(self, who: Principal) -> None:
        """Be under way for somebody, once. Raises: RateLimited, Busy."""
        whose = who.tenant, who.subject
        await self._ongoing.come(whose)
        self._whose = whose

    def leave(self) -> None:
        """The request is over."""
        if self._whose is not None:
            self._ongoing.go(self._whose)


def _uncounted(scope: Scope) -> bool:
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path in UNCOUNTED or path.startswith(tuple(f"{one}/" for one in UNCOUNTED))
