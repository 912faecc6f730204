"""Transactions as their users see them: what is done to a branch inside a block happens all at once, or not at all.

Owns which transactions are open in the running context. Writes nothing itself: the orchestrator begins, commits, drops.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType, TracebackType
from typing import Any, Self

from quantum_memory.actors.directory import Directory
from quantum_memory.actors.operations import Call
from quantum_memory.errors import QuantumMemoryError, TransactionOpen, TransactionOver
from quantum_memory.types import Branch, BranchId, Place

logger = logging.getLogger(__name__)


class Transaction:
    """One transaction on one branch: a context manager, for ``with`` and for ``async with``. It is used once.

    It begins where the branch stands. Inside the block, every operation on any handle of that branch works on a hidden
    fork of it: reads see what was written in the block, and nobody else does. Leaving the block moves what was written
    to the branch in one step: whoever reads it sees all of it or none. An exception that leaves the block drops it.

    Isolation: snapshot isolation, and the first committer wins. If anything was written to the branch by others in the
    meantime, another transaction included, then leaving raises TransactionConflict and nothing is kept. Other branches
    and agents are read as they stand, and written to at once.

    Inside belongs what runs in the block's context (``contextvars``): its thread or asyncio task, and whatever copied
    the context in the block, such as tasks made there and ``asyncio.to_thread``; a plain ``threading.Thread``, Ray
    tasks and actors stand outside, also if they were handed the handle. Wait in the block for what is begun with
    ``.remote``: what arrives after its end is refused. ``fork``, ``clone``, ``delete`` and a second transaction on the
    same branch raise TransactionOpen, and so does this branch as the other side of a merge.

    A process that dies inside the block leaves a hidden fork that nobody sees and garbage collection takes away. If
    leaving raises Unavailable, nobody knows yet whether it was kept: look at the branch before doing it again.

    Attributes:
        place: where the branch stands after the transaction; ``None`` until it is kept.
    """

    def __init__(self, branch: Branch, directory: Directory) -> None:
        self.parent, self._directory = branch, directory
        self.place: Place | None = None
        self._hidden: Branch | None = None
        self._over = False
        self._tag_ops: list[str] = []

    @property
    def hidden(self) -> Branch:
        """The fork that operations work on. Raises: TransactionOver before the block and after it."""
        if self._hidden is None or self._over:
            raise TransactionOver(self.parent.agent, self.parent.name, "it is not open; its block was left")
        return self._hidden

    def tags_later(self, op_id: str) -> None:
        """Remember that an operation of this id wants to put or drop a tag when the transaction is kept."""
        self._tag_ops.append(op_id)

    def __repr__(self) -> str:
        state = "open" if self._hidden is not None and not self._over else "over" if self._over else "not begun"
        return f"<Transaction on {self.parent.agent}@{self.parent.name}, {state}>"

    def __enter__(self) -> Self:
        self._opened(self._begin().result())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ending = self._left(keep=error is None)
        try:
            self.place = ending.result()
        except QuantumMemoryError as failure:
            if error is None:
                raise
            self._not_dropped(failure)

    async def __aenter__(self) -> Self:
        self._opened(await self._begin())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ending = self._left(keep=error is None)
        try:
            self.place = await ending
        except QuantumMemoryError as failure:
            if error is None:
                raise
            self._not_dropped(failure)

    def _begin(self) -> Call[Branch]:
        if self._hidden is not None:
            raise TransactionOver(self.parent.agent, self.parent.name, "it is used once, and was")
        return self._ask("begin", outside("transaction", self.parent), self._directory.new_op())

    def _opened(self, hidden: Branch) -> None:
        self._hidden = hidden
        _open.set(MappingProxyType({**_open.get(), self.parent.id: self}))

    def _left(self, *, keep: bool) -> Call[Place | None]:
        """Operations go to the branch itself again. The call that ends the transaction."""
        hidden, self._over = self.hidden, True
        _open.set(MappingProxyType({id_: one for id_, one in _open.get().items() if one is not self}))
        if keep:
            return self._ask("commit", hidden, self.parent, tuple(self._tag_ops), self._directory.new_op())
        return self._ask("abort", hidden, self._directory.new_op())

    def _ask(self, method: str, *args: object) -> Call[Any]:
        return self._directory.ask_owner(self.parent.lineage, method, *args)

    def _not_dropped(self, failure: QuantumMemoryError) -> None:
        """The block's own exception goes on; what was not dropped now is invisible and collected later."""
        logger.warning("a transaction on %s@%s was not dropped: %s", self.parent.agent, self.parent.name, failure)


_open: ContextVar[Mapping[BranchId, Transaction]] = ContextVar("open transactions", default=MappingProxyType({}))


def open_on(branch: Branch) -> Transaction | None:
    """The transaction on a branch that is open in this context."""
    return _open.get().get(branch.id)


def standing(branch: Branch) -> Branch:
    """The branch that operations on ``branch`` work on here. Raises: TransactionOver in a task that outlived one."""
    found = open_on(branch)
    return branch if found is None else found.hidden


def outside(operation: str, branch: Branch) -> Branch:
    """The branch, if no transaction on it is open here. Raises: TransactionOpen."""
    if open_on(branch) is not None:
        raise TransactionOpen(operation, branch.agent, branch.name)
    return branch
