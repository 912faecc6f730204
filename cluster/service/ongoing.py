"""How many requests a replica has under way at once: some wait, and the others are told to come again.

Serve does so for what its proxies bring, and knows nothing of what comes to a replica's own listener, nor of who asks:
that nobody has all of it alone is seen to here wherever it comes from. Nothing is under way before it is known who
asks: until then nothing of a request is read, and what that may cost has a rate of its own. Streams and whoever looks
after the replica are not counted: these have to come through just when it is full.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from quantum_memory.cluster.service.access.entry import PLACE
from quantum_memory.cluster.service.shares import Patience, Shares
from quantum_memory.errors import Busy, RateLimited

WAIT_S: Final = 5.0
"""How long a request may wait for a place of its principal's share, then of its tenant's, and then for one of all."""
AGAIN_S: Final = 1.0
"""After which time one that could not may come again."""
UNCOUNTED: Final = ("/health", "/metrics")
"""Paths, and with a slash and more after them, that are not counted."""


class Ongoing:
    """An application with at most so many requests under way, of a principal and a tenant no more than their shares.

    Args:
        app: the application; once it knows who asks it calls what is in the state of a request, which has it wait for
            its place. Raises: RateLimited where he has his share, and keeps it; Busy.
        most: how many.
        wait_s: how long one may wait for each of its places.
    """

    def __init__(self, app: ASGIApp, most: int, wait_s: float = WAIT_S) -> None:
        self._app = app
        self._shares = Shares(most, Patience(wait_s, _has_his), Patience(wait_s, _none_free))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _uncounted(scope):
            await self._app(scope, receive, send)
            return
        with ExitStack() as held:
            scope["state"][PLACE] = partial(self._shares.come, held=held)
            await self._app(scope, receive, send)


def _has_his(_: int) -> RateLimited:
    return RateLimited("requests", AGAIN_S)


def _none_free(waiting: int) -> Busy:
    return Busy("door", waiting, AGAIN_S)


def _uncounted(scope: Scope) -> bool:
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path in UNCOUNTED or path.startswith(tuple(f"{one}/" for one in UNCOUNTED))
