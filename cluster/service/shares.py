"""Nobody has all of something alone: how much of it one principal and one tenant may have, and who waits for a place.

Owns who has and who waits for places. What is counted in bytes has an account of its own, with the same shares.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from math import ceil
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from quantum_memory.cluster.service.principals import Principal
from quantum_memory.errors import QuantumMemoryError

PRINCIPAL: Final = 0.25
"""The part of all that one principal has at most."""
TENANT: Final = 0.75
"""The part of all that the principals of one tenant have at most, together: the rest is for others, whoever comes."""


def of_principal(most: int) -> int:
    """What one principal has at most where there is so much: one where there is less than four."""
    return max(1, int(most * PRINCIPAL))


def of_tenant(most: int) -> int:
    """What one tenant has at most where there is so much, rounded up."""
    return ceil(most * TENANT)


class Patience(NamedTuple):
    """How long somebody waits for a place; as many wait as have one, and no more.

    Attributes:
        wait_s: how long.
        refusal: what he is refused with where there was none in time, by how many wait.
    """

    wait_s: float
    refusal: Callable[[int], QuantumMemoryError]


class Shares:
    """So many places, of which nobody has all. Used on one event loop.

    Whoever waits for one of his own share is in nobody's way; whoever waits for one of his tenant's has one of his own,
    and whoever waits for one of all has both.

    Args:
        most: how many there are.
        own: the patience of who waits for his own; without one he waits until it is his turn.
        others: likewise of who waits for his tenant's, and then for one of all.
    """

    def __init__(self, most: int, own: Patience | None = None, others: Patience | None = None) -> None:
        self._most, self._own, self._others = most, own, others
        self._all = _Room(most, others)
        self._rooms: WeakValueDictionary[tuple[str, ...], _Room] = WeakValueDictionary()

    async def come(self, who: Principal, held: ExitStack) -> None:
        """Have a place until what is held is let go. Raises: what the patience says."""
        own = _Room(of_principal(self._most), self._own)
        tenants = _Room(of_tenant(self._most), self._others)
        for room in (
            self._rooms.setdefault((who.tenant, who.subject), own),
            self._rooms.setdefault((who.tenant,), tenants),
            self._all,
        ):
            await room.come()
            held.callback(room.go)


class _Room:
    """So many places, and who waits for one."""

    def __init__(self, most: int, patience: Patience | None) -> None:
        self._most, self._patience = most, patience
        self._free, self._waiting = asyncio.Semaphore(most), 0

    async def come(self) -> None:
        """Have one of them. Raises: what the patience says."""
        if self._patience is None:
            await self._free.acquire()
            return
        wait_s, refusal = self._patience
        if self._free.locked() and self._waiting >= self._most:
            raise refusal(self._waiting)
        self._waiting += 1
        try:
            async with asyncio.timeout(wait_s):
                await self._free.acquire()
        except TimeoutError:
            raise refusal(self._waiting) from None
        finally:
            self._waiting -= 1

    def go(self) -> None:
        """Have it no more."""
        self._free.release()
