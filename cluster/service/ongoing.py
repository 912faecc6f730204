"""How many requests a replica has under way at once: some wait, and the others are told to come again.

Serve does so for what its proxies bring, and knows nothing of what comes to a replica's own listener. Streams and
whoever looks after the replica are not counted: these have to come through just when it is full.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from quantum_memory.cluster.service.problems import answer, headers_of, problem_of
from quantum_memory.errors import Busy

WAIT_S: Final = 5.0
"""How long a request may wait until one that is under way is answered."""
AGAIN_S: Final = 1.0
"""After which time one that could not may come again."""
UNCOUNTED: Final = ("/health", "/metrics")
"""Paths, and with a slash and more after them, that are not counted."""


class Ongoing:
    """An application with at most so many requests under way, and as many that wait.

    Args:
        app: the application.
        most: how many.
        wait_s: how long one may wait.
    """

    def __init__(self, app: ASGIApp, most: int, wait_s: float = WAIT_S) -> None:
        self._app, self._most, self._wait_s = app, most, wait_s
        self._room, self._waiting = asyncio.Semaphore(most), 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _uncounted(scope):
            await self._app(scope, receive, send)
            return
        try:
            await self._come()
        except Busy as busy:
            await answer(problem_of(busy, scope["state"]["request_id"]), headers_of(busy))(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._room.release()

    async def _come(self) -> None:
        """Be one of those under way. Raises: Busy."""
        if self._room.locked() and self._waiting >= self._most:
            raise Busy("door", self._waiting, AGAIN_S)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_s):
                await self._room.acquire()
        except TimeoutError:
            raise Busy("door", self._waiting, AGAIN_S) from None
        finally:
            self._waiting -= 1


def _uncounted(scope: Scope) -> bool:
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path in UNCOUNTED or path.startswith(tuple(f"{one}/" for one in UNCOUNTED))
