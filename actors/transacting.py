"""Transactions and tags at the orchestrator: a hidden fork is made, kept whole or dropped, and its tags with it.

Never decides who was first: the vault does.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from quantum_memory.actors.branching import Brancher
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.requests import Where
from quantum_memory.actors.turns import Turns
from quantum_memory.actors.vault import VaultHost, utc_now
from quantum_memory.actors.wishes import Wishes
from quantum_memory.actors.writing import Writer
from quantum_memory.errors import (
    AlreadyExists,
    Conflict,
    Fenced,
    InvalidValue,
    NotFound,
    PlaceNotFound,
    QuantumMemoryError,
    TransactionOver,
)
from quantum_memory.memory.vault.writes import CommitTransaction, DropTag, PutTag
from quantum_memory.types import Branch, Place, Tag

logger = logging.getLogger(__name__)


class Transactor:
    """Begins, keeps and drops transactions, and puts tags. Shares the order of writes with the writer."""

    def __init__(self, parts: Parts, turns: Turns, writer: Writer, brancher: Brancher) -> None:
        self._parts, self._turns, self._writer, self._brancher = parts, turns, writer, brancher

    async def begin(self, branch: Branch, op_id: str) -> Branch:
        """The hidden fork of a transaction, which begins where the branch stands. Raises: PlaceNotFound."""
        return await self._brancher.grow(branch, "transaction", op_id.rpartition(".")[2], None, op_id)

    async def commit(self, hidden: Branch, parent: Branch, tag_ops: Sequence[str], op_id: str) -> Place:
        """Move what a transaction holds to its branch, and tell the views; where the branch stands then.

        Args:
            hidden: the transaction's fork; it is gone afterwards, whatever comes of this.
            parent: the branch.
            tag_ops: the operations that asked for tags in the transaction.
            op_id: of this operation.

        Raises: TransactionConflict if somebody else wrote to the branch, AlreadyExists if somebody else took a tag's
            name, TransactionOver if the tags were lost or the transaction is not open. Then nothing is kept.
        """
        async with self._turns.take([hidden.id, parent.id]):
            try:
                written = await self._parts.journal.commit(await self._asked(hidden, parent, tag_ops, op_id), parent)
            except Fenced:  # it is still open, for whoever has the lineage now
                raise
            except (Conflict, NotFound, InvalidValue):
                await self._drop_quietly(hidden, op_id)
                raise
            await self._writer.telling.tell([parent.lineage] * len(written.entries), written.entries)
            self._writer.extracting.soon(parent, written.entries)
            return written.place

    async def abort(self, hidden: Branch, op_id: str) -> None:
        """Drop a transaction: nothing of it was ever seen."""
        async with self._turns.take([hidden.id]):
            await self._drop(hidden, op_id)

    async def tag(self, branch: Branch, name: str, at: Where, op_id: str, *, move: bool) -> Tag:
        """Give a place a name: at once, or with the transaction that the branch is. Raises: AlreadyExists."""
        async with self._turns.take([branch.id]):
            wishes = await self._wishes_of(branch, op_id)
            place = await self._parts.journal.resolve(branch, at)
            write = PutTag(branch.agent, name, place, move, op_id)
            if wishes is None:
                return await self._put(write, branch.lineage)
            if any(write.op_id == one.op_id for one in wishes.writes):  # Ray runs a call again
                return wishes.tags[name] or Tag(name, branch.agent, place, utc_now())
            taken = {tag.name: tag for tag in await self.tags(branch)}.get(name)
            if taken is not None and taken.place != place and not move:
                raise AlreadyExists("tag", name)
            wishes.writes.append(write)
            wishes.tags[name] = wished = Tag(name, branch.agent, place, utc_now())
            return wished

    async def _put(self, write: PutTag, lineage: str) -> Tag:
        """The tag, also if this very operation put it before while the branch stood elsewhere."""
        try:
            (written,) = await self._parts.journal.write([write], lineage)
        except AlreadyExists:
            first = await self._parts.journal.ask(VaultHost.outcome, write.agent, write.op_id)
            if first is None or first.tag is None or first.tag.name != write.name:
                raise
            written = first
        return written.tag or Tag(write.name, write.agent, written.place, written.at)

    async def untag(self, branch: Branch, name: str, op_id: str) -> None:
        """Take a tag away: at once, or with the transaction that the branch is."""
        async with self._turns.take([branch.id]):
            wishes, write = await self._wishes_of(branch, op_id), DropTag(branch.agent, name, op_id)
            if wishes is None:
                await self._parts.journal.write([write], branch.lineage)
                return
            wishes.writes.append(write)
            wishes.tags[name] = None

    async def tags(self, branch: Branch) -> list[Tag]:
        """Every tag of the agent, by name; in a transaction as they will be when it is kept."""
        kept = await self._parts.journal.ask(VaultHost.tags, branch.agent)
        found: dict[str, Tag | None] = {tag.name: tag for tag in kept}
        wishes = self._parts.journal.wishes.find(branch.id)
        if wishes is not None:
            found |= wishes.tags
        return [tag for _, tag in sorted(found.items()) if tag is not None]

    async def _wishes_of(self, branch: Branch, op_id: str) -> Wishes | None:
        """What the transaction that a branch is wishes, this operation noted; ``None`` where it is none.

        Raises: PlaceNotFound, TransactionOver where it is over: then nothing is noted that nobody would come for.
        """
        if branch.kind != "transaction":
            return None
        journal = self._parts.journal
        wishes = journal.wishes.of(branch.id)
        wishes.ops.add(op_id)
        try:
            await journal.tip(branch)
        except (PlaceNotFound, TransactionOver):
            journal.wishes.drop(branch.id)
            raise
        return wishes

    async def _asked(self, hidden: Branch, parent: Branch, tag_ops: Sequence[str], op_id: str) -> CommitTransaction:
        """What the vault is asked to do. Raises: TransactionOver if this process does not know of a tag."""
        wishes = self._parts.journal.wishes.find(hidden.id) or Wishes()
        if set(tag_ops) <= wishes.ops:
            return CommitTransaction(hidden.id, op_id, tuple(wishes.writes))
        if await self._parts.journal.ask(VaultHost.outcome, hidden.agent, op_id) is not None:
            return CommitTransaction(hidden.id, op_id)  # Ray repeats a call that was done: its first outcome counts
        raise TransactionOver(parent.agent, parent.name, "its tags were lost when its orchestrator ended; run it again")

    async def _drop_quietly(self, hidden: Branch, op_id: str) -> None:
        """What could not be kept is dropped; if that fails it stays hidden until it is collected."""
        try:
            await self._drop(hidden, op_id)
        except QuantumMemoryError as error:
            logger.warning("a transaction of %s was not dropped: %s", hidden.agent, error)

    async def _drop(self, hidden: Branch, op_id: str) -> None:
        self._parts.journal.wishes.drop(hidden.id)
        await self._parts.journal.delete(hidden.id, op_id)
