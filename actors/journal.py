"""The orchestrator's way to the vault: append with the right head, and find the place that somebody means.

Owns the heads of the branches it has written to. Never holds an event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from quantum_memory.actors.ports import VaultPort
from quantum_memory.actors.requests import Tip, Where
from quantum_memory.actors.vault import VaultHost
from quantum_memory.errors import PlaceNotFound, QuantumMemoryError, StaleWriter
from quantum_memory.memory.events import Entry, Event
from quantum_memory.memory.vault.writes import Append, Write, Written
from quantum_memory.types import AgentName, Branch, BranchId, Place

P = ParamSpec("P")
R = TypeVar("R")
ATTEMPTS = 4


class Draft(NamedTuple):
    """An event on its way into a branch's journal."""

    branch: BranchId
    event: Event
    op_id: str


class Appended(NamedTuple):
    """An event in its place. ``repeated``: it was there before, perhaps with another content than this draft's."""

    entry: Entry
    repeated: bool


class Journal:
    """An asynchronous front of the vault actor.

    Args:
        vault: a way to the vault.
    """

    def __init__(self, vault: VaultPort) -> None:
        self._vault = vault
        self._heads: dict[BranchId, int] = {}
        self._branches: dict[BranchId, Branch] = {}

    async def ask(self, method: Callable[Concatenate[VaultHost, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a method of the vault. Raises: what it raises; ActorUnavailable; DeadlineExceeded."""
        return await self._vault.ask(method, *args, **kwargs)

    async def write(self, writes: Sequence[Write]) -> list[Written]:
        """Writes that are not events, in one call. Raises: the first error that one was refused with."""
        answers = await self.ask(VaultHost.write, writes) if writes else []
        for answer in answers:
            if isinstance(answer, QuantumMemoryError):
                raise answer
        return [answer for answer in answers if isinstance(answer, Written)]

    async def append(self, drafts: Sequence[Draft]) -> list[Appended | QuantumMemoryError]:
        """Append each draft to its branch, all in one call; a refused one has its error in its place.

        The caller holds the branches' turns. A head that another writer moved is read again and tried again.
        """
        answers: list[Appended | QuantumMemoryError | None] = [None] * len(drafts)
        for _ in range(ATTEMPTS):
            todo = [index for index, answer in enumerate(answers) if answer is None or isinstance(answer, StaleWriter)]
            if not todo:
                break
            for index, answer in zip(todo, await self._attempt([drafts[index] for index in todo]), strict=True):
                answers[index] = answer
        return [answer for answer in answers if answer is not None]

    async def _attempt(self, drafts: Sequence[Draft]) -> list[Appended | QuantumMemoryError]:
        heads: dict[BranchId, int] = {}
        writes = []
        for draft in drafts:
            head = heads.get(draft.branch, (await self.tip(draft.branch)).seq)
            heads[draft.branch] = head + 1
            writes.append(Append(draft.branch, head, draft.event, draft.op_id))
        answers: list[Appended | QuantumMemoryError] = []
        for draft, written in zip(drafts, await self.ask(VaultHost.write, writes), strict=True):
            if isinstance(written, QuantumMemoryError):
                self._heads.pop(draft.branch, None)
                answers.append(written)
            else:
                self._heads[draft.branch] = max(written.place.seq, self._heads.get(draft.branch, 0))
                entry = Entry(written.place, written.at, draft.event)
                answers.append(Appended(entry, written.repeated))
        return answers

    async def tip(self, branch: BranchId) -> Place:
        """Where a branch stands now. Raises: PlaceNotFound."""
        if branch not in self._heads:
            head = await self.ask(VaultHost.head, branch)
            self._heads[branch] = max(head, self._heads.get(branch, 0))
        return Place(branch, self._heads[branch])

    async def branch(self, branch: BranchId) -> Branch:
        """A branch's row, which never changes. Raises: PlaceNotFound."""
        if branch not in self._branches:
            self._branches[branch] = await self.ask(VaultHost.branch, branch)
        return self._branches[branch]

    async def resolve(self, branch: Branch, where: Where) -> Place:
        """The place that somebody on ``branch`` means. Raises: PlaceNotFound."""
        if where is None:
            return await self.tip(branch.id)
        if isinstance(where, Tip):
            return await self.tip(where.branch)
        if isinstance(where, Place):
            return await self._existing(branch.agent, where)
        if isinstance(where, datetime):
            return await self.ask(VaultHost.place_at, branch.id, where)
        try:
            return (await self.ask(VaultHost.find_commit, branch.agent, where)).place
        except PlaceNotFound:
            return await self.tip((await self.ask(VaultHost.branch_named, branch.agent, where)).id)

    async def _existing(self, agent: AgentName, place: Place) -> Place:
        row = await self.branch(place.branch)
        if not row.fork_seq <= place.seq <= (await self.tip(place.branch)).seq:
            raise PlaceNotFound(agent, f"{row.name}:{place.seq}")
        return place

    async def in_past(self, branch: Branch, place: Place) -> bool:
        """Whether a place lies in a branch's own past, its parents' included."""
        row, upto = branch, (await self.tip(branch.id)).seq
        while True:
            if row.id == place.branch:
                return row.fork_seq <= place.seq <= upto
            if row.parent is None:
                return False
            upto = row.fork_seq
            row = await self.branch(row.parent)
