"""When an answer is due, and how long a part that it can do without may keep it waiting. Asks nobody by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from quantum_memory.errors import DeadlineExceeded, Unavailable

R = TypeVar("R")
SHARE = 0.5
"""The share of what is left of a deadline that one such part may take."""
LEAST_S = 0.05
"""How long it is waited for at least, also where it was late before."""
UNHEARD = 16
"""Where so many of its answers are still to come, it is not asked again before one of them has."""
logger = logging.getLogger(__name__)


class Deadline:
    """The moment at which an answer is due, on one event loop."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = asyncio.get_running_loop().time() + seconds

    @asynccontextmanager
    async def kept(self, what: str) -> AsyncIterator[None]:
        """Let the body take no longer. Raises: DeadlineExceeded."""
        try:
            async with asyncio.timeout(max(0.0, self.left_s)):
                yield
        except TimeoutError:
            raise DeadlineExceeded(what, self.seconds) from None

    @property
    def left_s(self) -> float:
        """Seconds that are left; less than 0 where it is over."""
        return self._at - asyncio.get_running_loop().time()


class Patience:
    """Waits for one part on one event loop, less and less long where it is late again and again.

    After each answer that did not come in time only half as long is waited for the next; an answer that comes, late or
    not, makes that good. So a part that is dead costs one answer its patience, and the others next to nothing.

    Args:
        part: what it is called.
        part_s: how long it may take while all is well.
    """

    def __init__(self, part: str, part_s: float) -> None:
        self.part, self._part_s = part, part_s
        self._late = 0
        self._unheard: set[asyncio.Future[Any]] = set()

    async def within(self, deadline: Deadline, ask: Callable[[], Awaitable[R]]) -> R | None:
        """What the part says, or nothing if it is away, refuses for want of room, or does not say it in time.

        Raises: what it raises but Unavailable.
        """
        if len(self._unheard) >= UNHEARD:
            return None
        patience_s = max(min(self._part_s / 2**self._late, SHARE * deadline.left_s), min(LEAST_S, self._part_s))
        answer = asyncio.ensure_future(ask())
        try:
            await asyncio.wait((answer,), timeout=patience_s)
        except asyncio.CancelledError:
            answer.cancel()
            raise
        if not answer.done():
            self._tire()
            self._unheard.add(answer)
            answer.add_done_callback(self._heard)
            logger.warning("%s has said nothing in %.3f s, so it is done without", self.part, patience_s)
            return None
        try:
            found = answer.result()
        except Unavailable as error:
            logger.warning("%s is done without: %s", self.part, error)
            return None
        self._late = 0
        return found

    def _tire(self) -> None:
        self._late = min(self._late + 1, 30)

    def _heard(self, answer: asyncio.Future[Any]) -> None:
        self._unheard.discard(answer)
        if not answer.cancelled() and answer.exception() is None:
            self._late = 0
