"""Threads for what reads and writes files: it keeps one for longer than all else that only blocks may.

They are apart from those that every request needs for a moment. Who waits for one holds none, and a principal and a
tenant have their shares of them at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from typing import Final, TypeVar

from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.shares import Shares

THREADS: Final = 8
R = TypeVar("R")


class Workers:
    """The threads of a replica. Used on one event loop.

    Args:
        most: how many.
    """

    def __init__(self, most: int = THREADS) -> None:
        self._threads, self._shares = ThreadPoolExecutor(most, "door-files"), Shares(most)

    async def run(self, who: Principal, work: Callable[[], R]) -> R:
        """Do it on somebody's behalf when it is his turn and a thread is free, to the end once it has begun.

        Raises: what it raises.
        """
        with ExitStack() as held:
            await self._shares.come(who, held)
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
