"""An orchestrator process's right to write: which number it has, which process of that number it is, what it holds.

Owns the epochs that it was given. Decides nothing: the vault refuses whoever has no right any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from uuid import uuid4

from quantum_memory.actors.directory import Directory
from quantum_memory.actors.ports import VaultPort
from quantum_memory.actors.vault import VaultHost
from quantum_memory.errors import StorageFailure
from quantum_memory.memory.held import Held
from quantum_memory.memory.vault.writes import Holder
from quantum_memory.policies.placement import Layout

logger = logging.getLogger(__name__)
HELD = 100_000
"""Epochs that are kept. One that is let go is told again with the next write."""


class Tenure:
    """What one orchestrator process may write. Lives on one event loop.

    Args:
        vault: a way to the vault.
        directory: what this process knows of the sizes of pools.
        number: of this orchestrator.
    """

    def __init__(self, vault: VaultPort, directory: Directory, number: int) -> None:
        self._vault, self._directory, self.number = vault, directory, number
        self._process, self._incarnation = uuid4().hex, 0
        self._replaced = False
        self._epochs: Held[str, int] = Held(HELD)
        self._enlisting: asyncio.Task[None] | None = None
        self._first: Awaitable[tuple[int, Layout]] | None = None

    @property
    def process(self) -> str:
        """What this process is called; no other is called so."""
        return self._process

    @property
    def enlisted(self) -> bool:
        """Whether the vault knows this process."""
        return self._incarnation > 0

    @property
    def replaced(self) -> bool:
        """Whether another process has this number now, as far as was heard."""
        return self._replaced

    def owns(self, lineage: str) -> bool:
        """Whether this process writes the branches of a lineage, as far as it knows."""
        return self.enlisted and not self._replaced and self.owner(lineage) == self.number

    def owner(self, lineage: str) -> int:
        """The number of the orchestrator that does."""
        return self._directory.layout.member("agents", lineage)

    def holder(self, lineage: str) -> Holder:
        """What a write to a lineage is to say of its writer. Epoch 0 takes the lineage up."""
        return Holder(self.number, self._incarnation, self._epochs.get(lineage) or 0)

    def told(self, lineage: str, epoch: int | None) -> None:
        """The vault has done a write, and said since when this process has the lineage."""
        if epoch is not None:
            self._epochs.put(lineage, max(epoch, self._epochs.get(lineage) or 0))

    def forget(self) -> None:
        """Hold nothing any more: what is written next takes its lineage up anew."""
        self._epochs.clear()

    async def enlist(self, *, reading: bool = False) -> None:
        """Become the newest process of this number, once.

        Who only means to read may do so where the vault takes no writes: nothing is owned then, and nothing held.

        Raises: what the vault raises.
        """
        if self.enlisted:
            return
        if self._enlisting is None or self._enlisting.done():
            self._enlisting = asyncio.get_running_loop().create_task(self._enlist())
        try:
            await asyncio.shield(self._enlisting)
        except StorageFailure:
            if not reading:
                raise

    def begun(self, first: Awaitable[tuple[int, Layout]]) -> None:
        """Its process was enlisted when it was made; what came of that counts, also if it was replaced since."""
        self._first = first

    async def _enlist(self) -> None:
        incarnation, layout = await self._outcome()
        self._directory.learn(layout)
        self._incarnation, self._replaced = incarnation, False

    async def _outcome(self) -> tuple[int, Layout]:
        first, self._first = self._first, None
        if first is not None:
            try:
                return await asyncio.wait_for(first, self._directory.deadline_s)
            except Exception as error:  # noqa: BLE001 - Ray's or the vault's: it is asked again, and says it again
                logger.warning("orchestrator %d was not enlisted when it was made: %s", self.number, error)
        return await self._vault.ask(VaultHost.enlist, self.number, self._process)

    async def look(self) -> None:
        """Ask the vault how things stand: the sizes of pools, and whether another process has this number.

        Raises: what the vault raises.
        """
        newest, layout = await self._vault.ask(VaultHost.standing, self.number)
        self._directory.learn(layout)
        if self.enlisted and newest != self._incarnation and not self._replaced:
            logger.warning("process %d of orchestrator %d was replaced by %d", self._incarnation, self.number, newest)
            self._replaced = True

    async def resume(self) -> None:
        """Be the newest process again: whoever looked for this number by name has found this one."""
        self._process, self._incarnation = uuid4().hex, 0
        self.forget()
        await self.enlist()
