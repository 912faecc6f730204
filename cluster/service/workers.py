"""Threads for what reads and writes files: it keeps one for longer than all else that only blocks may.

They are apart from those that every request needs for a moment. Who waits for one holds none, and a principal has a
part of them at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from quantum_memory.cluster.service.principals import Principal

THREADS: Final = 8
SHARE: Final = 4
"""A principal has one part of so many at most."""
R = TypeVar("R")


class Workers:
    """The threads of a replica. Used on one event loop.

    Args:
        most: how many.
    """

    def __init__(self, most: int = THREADS) -> None:
        self._threads, self._free = ThreadPoolExecutor(most, "door-files"), asyncio.Semaphore(most)
        self._share = max(1, most // SHARE)
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Semaphore] = WeakValueDictionary()

    async def run(self, who: Principal, work: Callable[[], R]) -> R:
        """Do it on somebody's behalf when it is his turn and a thread is free, to the end once it has begun.

        Raises: what it raises.
        """
        turn = self._turns.setdefault((who.tenant, who.subject), asyncio.Semaphore(self._share))
        async with turn, self._free:
            return await to_the_end(work, threads=self._threads)


async def to_the_end(
    work: Callable[[], R], undo: Callable[[R], object] | None = None, threads: Executor | None = None
) -> R:
    """Do it in a thread, and let nobody go on before it is done, who has left either; then it is undone."""
    doing = asyncio.get_running_loop().run_in_executor(threads, copy_context().run, work)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait((doing,))
        if undo is not None and not doing.cancelled() and doing.exception() is None:
            undo(doing.result())
        raise
