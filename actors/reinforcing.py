"""Uses of memories on their way into the journal: marked ones at once, recalled ones behind the reads, in batches.

Never in the way of a read. What was recalled since the last batch is lost with the process, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from uuid import uuid4

from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.journal import Draft
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.requests import RecallRequest
from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.views import CLOSING_S
from quantum_memory.actors.writing import Writer
from quantum_memory.errors import InvalidValue, MemoryNotFound, NotFound
from quantum_memory.memory.events import Used
from quantum_memory.settings import Settings
from quantum_memory.types import Branch, BranchId, Hit, MemoryId, Place

logger = logging.getLogger(__name__)
BATCHES = 20
"""Batches that may wait while the vault is away; what is recalled beyond that is not counted."""


class Reinforcing:
    """Counts what is of use on one event loop.

    Args:
        parts: ways to the views and the journal.
        writer: who writes.
        settings: which uses count, and when they are written.
        now: when something was of use.
    """

    def __init__(self, parts: Parts, writer: Writer, settings: Settings, now: Callable[[], datetime]) -> None:
        self._parts, self._writer, self._life, self._now = parts, writer, settings.life, now
        self._closing_s = min(CLOSING_S, settings.timeouts.call_s / 4)
        self._waiting: dict[BranchId, tuple[Branch, dict[MemoryId, None]]] = {}
        self._count = self._written = self._dropped = 0
        self._due, self._closing = asyncio.Event(), asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    def recalled(self, requests: Sequence[RecallRequest], answers: Sequence[Sequence[Hit]]) -> None:
        """Count what was found, if the settings say so, and let nobody wait for it.

        What somebody would have recalled in the past is no use now; and of a transaction nobody knows yet if it stays.
        """
        if self._life.reinforce != "recalled" or self._closing.is_set():
            return
        for request, hits in zip(requests, answers, strict=True):
            if request.as_of is None and request.branch.kind != "transaction":
                self._note(request.branch, [hit.memory.id for hit in hits])
        if self._count >= self._life.flush_uses:
            self._due.set()
        if self._count and (self._worker is None or self._worker.done()):
            self._worker = asyncio.get_running_loop().create_task(self._drain())

    async def mark(self, branch: Branch, ids: Sequence[MemoryId], op_id: str) -> int:
        """Journal that memories were of use; how many they are. Raises: MemoryNotFound; InvalidValue if it is off."""
        if self._life.reinforce == "off":
            raise InvalidValue("life.reinforce", "off", "marked or recalled in the settings")
        wanted = tuple(dict.fromkeys(ids))

        async def decide() -> Sequence[Draft]:
            there, drafts = await self._drafts(branch, wanted, op_id)
            if len(there) < len(wanted) and not await self._parts.journal.ask(VaultHost.outcome, branch.agent, op_id):
                raise MemoryNotFound(next(one for one in wanted if one not in there))
            return drafts

        await self._writer.commit_behind(branch, decide)
        return len(wanted)

    async def flush(self) -> None:
        """Journal what waits. A branch that is gone has nothing to be counted on."""
        waiting, self._waiting, self._count = self._waiting, {}, 0
        self._due.clear()
        for branch, ids in waiting.values():
            try:
                await self._write(branch, tuple(ids))
            except NotFound as error:
                logger.debug("the branch of %d uses is gone: %s", len(ids), error)
            except Exception as error:  # noqa: BLE001 - nobody waits for it who could be told
                self._dropped += len(ids)
                logger.warning("%d uses of memories were not written: %s", len(ids), error)

    def status(self) -> dict[str, int]:
        """Uses that wait, that were written behind reads, and that could not be."""
        return {"uses_waiting": self._count, "uses_written": self._written, "uses_dropped": self._dropped}

    async def close(self) -> None:
        """Write what waits, as much as there is time for."""
        self._closing.set()
        self._due.set()
        if self._worker is None:
            return
        await asyncio.wait([self._worker], timeout=self._closing_s)
        self._worker.cancel()
        with suppress(asyncio.CancelledError):
            await self._worker

    def _note(self, branch: Branch, ids: Sequence[MemoryId]) -> None:
        room = max(0, BATCHES * self._life.flush_uses - self._count)
        waiting = self._waiting.get(branch.id, (branch, {}))[1]
        new = [one for one in dict.fromkeys(ids) if one not in waiting]
        taken = new[:room]
        if taken:
            waiting.update(dict.fromkeys(taken))
            self._waiting[branch.id] = branch, waiting
        self._dropped += len(new) - len(taken)
        self._count += len(taken)

    async def _drain(self) -> None:
        while self._count:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), self._life.flush_s)
            await self.flush()

    async def _write(self, branch: Branch, ids: tuple[MemoryId, ...]) -> None:
        op_id, written = uuid4().hex, 0

        async def decide() -> Sequence[Draft]:
            nonlocal written
            there, drafts = await self._drafts(branch, ids, op_id)
            written = len(there)
            return drafts

        await self._writer.commit_behind(branch, decide)
        self._written += written

    async def _drafts(
        self, branch: Branch, ids: tuple[MemoryId, ...], op_id: str
    ) -> tuple[tuple[MemoryId, ...], list[Draft]]:
        """Those of some memories that are there now, and the event that says they were of use."""
        here = await self._parts.journal.tip(branch)
        known = await self._parts.episodic.ask(EpisodicMemoryHost.known, branch.lineage, (here, ids))
        there = tuple(one for one in ids if one in known and not known[one].forgotten)
        if not there:
            return there, []
        origin = await self._stretch(branch, here)
        return there, [Draft(branch, Used(there, self._now(), origin), op_id)]

    async def _stretch(self, branch: Branch, here: Place) -> str:
        """The name of the stretch of history in which memories are used now: it began with the branch or a rollback."""
        rolled = await self._parts.journal.ask(VaultHost.rollbacks, branch.id, here.seq)
        began = max((seq for seq, event in rolled if "memories" in event.parts), default=branch.fork_seq)
        return f"{branch.id}:{began}"
