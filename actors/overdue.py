"""Writes that come too late for whoever asked for them: what has not begun to be written is given up.

Owns those that have begun: they go on to their end, because what the vault was told nobody can take back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from quantum_memory.errors import DeadlineExceeded

R = TypeVar("R")
logger = logging.getLogger(__name__)


@dataclass
class _Stage:
    """How far a piece of work has come."""

    writing: bool = False


_STAGE: ContextVar[_Stage | None] = ContextVar("quantum_memory_stage", default=None)


def writing() -> None:
    """What runs here tells the vault to write now: from here on it may be on disk."""
    stage = _STAGE.get()
    if stage is not None:
        stage.writing = True


class Overdue:
    """Keeps the deadlines of writes on one event loop."""

    def __init__(self) -> None:
        self._late: set[asyncio.Task[Any]] = set()

    async def kept(self, what: str, seconds: float | None, work: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """What the work comes to, if it does in time; without ``seconds`` it has all the time that it takes.

        Raises: DeadlineExceeded; what the work raises.
        """
        if seconds is None:
            return await work()
        stage = _Stage()
        token = _STAGE.set(stage)
        task = asyncio.create_task(work())  # which runs in a copy of this context
        _STAGE.reset(token)
        try:
            await asyncio.wait((task,), timeout=seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done():
            return task.result()
        if stage.writing:
            self._late.add(task)
            task.add_done_callback(self._over)
        else:
            task.cancel()
            await asyncio.wait((task,))
        raise DeadlineExceeded(what, seconds)

    async def settled(self) -> None:
        """Wait until nothing of it is being written any more."""
        if self._late:
            await asyncio.wait(set(self._late))

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._late.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.warning("a write that was late for its caller failed: %s", task.exception())
