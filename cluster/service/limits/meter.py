"""What a request pays for the memories that it brings, beside its own token. Owns the count of one request's."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from quantum_memory.errors import RateLimited

MEMORIES = 64
"""Memories that one token of a rate is for."""


def beside(memories: int) -> int:
    """Tokens for so many memories, one for each ``MEMORIES`` begun, without the first, which every request costs."""
    return max(0, math.ceil(memories / MEMORIES) - 1)


class Meter:
    """Memories that come one after the other, paid token by token, so that others get through in between.

    Args:
        take: spends one token of the caller's rates. Raises: RateLimited.
    """

    def __init__(self, take: Callable[[], Awaitable[None]]) -> None:
        self._take, self._memories, self._tokens = take, 0, 0

    def add(self, memories: int) -> None:
        """So many more came."""
        self._memories += memories

    async def pay(self) -> float:
        """Pay for what came; 0 once all of it is paid, else in how many seconds more can be. Raises: Unavailable."""
        while self._tokens < beside(self._memories):
            try:
                await self._take()
            except RateLimited as error:
                return error.retry_after_s
            self._tokens += 1
        return 0.0

    async def paid(self) -> None:
        """Wait until what came is paid. Raises: Unavailable."""
        wait_s = await self.pay()
        while wait_s:
            await asyncio.sleep(wait_s)
            wait_s = await self.pay()
