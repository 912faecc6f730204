"""The orchestrator's way to the vault: append with the right head, and find the place that somebody means.

Owns the heads of the branches it has written to. Never holds an event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from quantum_memory.actors.overdue import writing
from quantum_memory.actors.parcels import carried, record_of
from quantum_memory.actors.ports import VaultPort
from quantum_memory.actors.requests import Tip, Where
from quantum_memory.actors.tenure import Tenure
from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.watching import ORCHESTRATORS
from quantum_memory.actors.wishes import OpenWishes
from quantum_memory.errors import Fenced, PlaceNotFound, QuantumMemoryError
from quantum_memory.memory.events import Entry, Event
from quantum_memory.memory.held import Held
from quantum_memory.memory.vault.writes import (
    Append,
    CommitTransaction,
    DeleteBranch,
    Holder,
    Owned,
    Write,
    Written,
)
from quantum_memory.telemetry import SILENT, Metrics
from quantum_memory.telemetry.catalog import EVICTIONS
from quantum_memory.types import AgentName, Branch, BranchId, Commit, Place

P = ParamSpec("P")
R = TypeVar("R")
NOTHING: dict[BranchId, int] = {}
DECIDED: ContextVar[dict[BranchId, int]] = ContextVar("heads that were decided on", default=NOTHING)
"""The heads that something which is being decided was decided on: what is written then must follow them."""
HELD = 100_000
"""Heads and rows of branches that are kept."""


class Draft(NamedTuple):
    """An event on its way into a branch's journal."""

    branch: Branch
    event: Event
    op_id: str


class Appended(NamedTuple):
    """An event in its place. ``repeated``: it was there before, perhaps with another content than this draft's.

    ``commit`` is the checkpoint that the vault made beside it, if its policy wanted one.
    """

    draft: Draft
    entry: Entry
    repeated: bool
    commit: Commit | None = None


@contextmanager
def deciding() -> Iterator[None]:
    """What is written inside is decided inside: it is refused if a head moved between the first look and the write."""
    token = DECIDED.set({})
    try:
        yield
    finally:
        DECIDED.reset(token)


class Journal:
    """An asynchronous front of the vault actor.

    Args:
        vault: a way to the vault.
        owns: whether this orchestrator writes the branches of a lineage. The heads of others are never kept, because
            nobody would say when they move.
        tenure: by what right it writes; without one nobody asks.
        idle_s: what is kept of a branch goes when nobody asked for it for so long; 0 is never.
        metrics: where that is told.
        wishes: what open transactions mean to do to tags: names that they give to places count in them.
    """

    def __init__(
        self,
        vault: VaultPort,
        owns: Callable[[str], bool],
        tenure: Tenure | None = None,
        idle_s: float = 0.0,
        metrics: Metrics = SILENT,
        wishes: OpenWishes | None = None,
    ) -> None:
        self._vault, self._owns, self.tenure = vault, owns, tenure
        self._idle_s, self._metrics = idle_s, metrics
        self._serial = self._forgotten = 0
        self._doubts: Held[BranchId, int] = Held(HELD)
        self._used: Held[BranchId, float] = Held(HELD)
        self._timer: asyncio.TimerHandle | None = None
        self._heads: Held[BranchId, int] = Held(HELD)
        self._branches: Held[BranchId, Branch] = Held(HELD)
        self._ended: Held[BranchId, bool] = Held(HELD)
        self.wishes = wishes or OpenWishes()

    async def ask(self, method: Callable[Concatenate[VaultHost, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a method of the vault. Raises: what it raises; ActorUnavailable; DeadlineExceeded."""
        if self.tenure is not None and not self.tenure.enlisted:  # before anything that it says can be held
            await self.tenure.enlist(reading=True)
        return await self._vault.ask(method, *args, **kwargs)

    async def write(self, writes: Sequence[Write], lineage: str | None = None) -> list[Written]:
        """Writes that are not events, in one call; to a lineage, if they are that of one.

        Raises: the first error that one was refused with.
        """
        since = self._serial
        if lineage is not None:
            by = await self._holder(lineage)
            writes = [replace(write, by=by) if isinstance(write, Owned) else write for write in writes]
        answers = await self.ask(VaultHost.write, writes) if writes else []
        for answer in answers:
            if isinstance(answer, QuantumMemoryError):
                self._refused(answer)
                raise answer
            if lineage is not None:
                self._told(lineage, answer, since)
        return [answer for answer in answers if isinstance(answer, Written)]

    async def _holder(self, lineage: str) -> Holder | None:
        """What a write is to say of its writer."""
        if self.tenure is None:
            return None
        await self.tenure.enlist()
        return self.tenure.holder(lineage)

    def _told(self, lineage: str, answer: Written, since: int) -> None:
        if self.tenure is not None and since >= self._forgotten:
            self.tenure.told(lineage, answer.epoch)

    def _refused(self, error: QuantumMemoryError) -> None:
        """Whoever was fenced off once may know nothing right any more."""
        if isinstance(error, Fenced):
            self.forget()

    def forget(self) -> None:
        """Hold no head and no epoch any more, also if answers from before are still on their way."""
        self._serial += 1
        self._forgotten = self._serial
        self._heads.clear()
        if self.tenure is not None:
            self.tenure.forget()

    def _doubt(self, branches: Iterable[BranchId]) -> None:
        """Nobody here knows the heads of these, nor will by answers to what was asked before now."""
        self._serial += 1
        for branch in branches:
            self._heads.drop(branch)
            self._doubts.put(branch, self._serial)

    def _sure(self, branch: BranchId, since: int) -> bool:
        """Whether what was asked at a time still tells the head of a branch."""
        return since >= max(self._forgotten, self._doubts.get(branch) or 0)

    async def append(self, drafts: Sequence[Draft]) -> list[Appended | QuantumMemoryError]:
        """Append each draft to its branch, all in one call; a refused one has its error in its place.

        The caller holds the branches' turns. After StaleWriter, or if nobody knows what became of the call, the head is
        read anew: whatever was decided on the old one has to be decided again. So it has after Fenced, by whoever has
        the lineage now.
        """
        since, decided = self._serial, DECIDED.get()
        heads = {place.branch: place.seq for place in await self.tips([draft.branch for draft in drafts])}
        heads |= {branch: decided[branch] for branch in heads if branch in decided}
        holders = {lineage: await self._holder(lineage) for lineage in {draft.branch.lineage for draft in drafts}}
        records = [record_of(draft.event) for draft in drafts]
        writes = []
        for draft, record in zip(drafts, records, strict=True):
            event = draft.event if record is None else record
            by = holders[draft.branch.lineage]
            writes.append(Append(draft.branch.id, heads[draft.branch.id], event, draft.op_id, by))
            heads[draft.branch.id] += 1
        # Dropped first, so that they are read anew if the answer does not come.
        for branch in heads:
            self._heads.drop(branch)
        writing()
        try:
            outcomes = await self.ask(VaultHost.write, writes)
        except BaseException:
            self._doubt(heads)
            raise
        answers: list[Appended | QuantumMemoryError] = []
        astray = set()
        for draft, record, written in zip(drafts, records, outcomes, strict=True):
            if isinstance(written, QuantumMemoryError):
                astray.add(draft.branch.id)
                self._refused(written)
                answers.append(written)
            else:
                self._told(draft.branch.lineage, written, since)
                if written.repeated:
                    astray.add(draft.branch.id)
                entry = carried(written.place, written.at, draft.event, record)
                answers.append(Appended(draft, entry, written.repeated, written.commit))
        for draft in drafts:
            if draft.branch.id not in astray:
                self._keep(draft.branch, heads[draft.branch.id], since)
                if draft.branch.id in decided:
                    decided[draft.branch.id] = heads[draft.branch.id]
        self._doubt([branch for branch in heads if branch in astray or not self._sure(branch, since)])
        return answers

    async def commit(self, write: CommitTransaction, parent: Branch) -> Written:
        """Keep a transaction. The caller holds the turns of both branches. Raises: what the vault refuses it with."""
        since = self._serial
        self._heads.drop(write.branch)
        self._heads.drop(parent.id)
        try:
            (written,) = await self.write([write], parent.lineage)
        except BaseException:
            self._doubt([parent.id, write.branch])
            raise
        self._end(write.branch)
        if written.repeated or not self._sure(parent.id, since):  # the branch may have moved on since
            self._doubt([parent.id])
        else:
            self._keep(parent, written.place.seq, since)
        return written

    async def delete(self, branch: BranchId, op_id: str) -> None:
        """Delete a branch. The caller holds its turn. Raises: what the vault refuses it with.

        If nobody knows what became of the call, the vault is asked before anything more is said of the branch.
        """
        lineage = (await self.branch(branch)).lineage
        try:
            await self.write([DeleteBranch(branch, op_id)], lineage)
        except BaseException:
            self._doubt([branch])
            raise
        self._end(branch)

    def _end(self, branch: BranchId) -> None:
        """Keep no head of this branch any more, also if an answer from before its end is still on its way."""
        self.wishes.drop(branch)
        self._ended.put(branch, True)
        self._heads.drop(branch)

    @property
    def branches(self) -> int:
        """Of how many branches it keeps the row. Any thread may ask."""
        return len(self._branches)

    def residents(self) -> int:
        """How many agents it was asked for, among those that were asked for last."""
        return len({branch.agent for branch in self._branches.kept()})

    async def tip(self, branch: Branch) -> Place:
        """Where a branch stands now. Raises: PlaceNotFound, BranchDeleted, TransactionOver."""
        return (await self.tips([branch]))[0]

    async def tips(self, branches: Sequence[Branch]) -> list[Place]:
        """Where branches stand now; the vault is asked once for all that are not known.

        Raises: PlaceNotFound, BranchDeleted, TransactionOver.
        """
        since, decided = self._serial, DECIDED.get()
        rows = {branch.id: branch for branch in branches}
        heads = {branch: head for branch in rows if (head := self._heads.get(branch)) is not None}
        missing = [branch for branch in rows if branch not in heads]
        if missing:
            heads |= await self.ask(VaultHost.living, missing)
        for branch in missing:
            self._keep(rows[branch], heads[branch], since)
        for branch in rows:
            self._touch(branch)
        if decided is not NOTHING:
            for branch, head in heads.items():
                decided.setdefault(branch, head)
        return [Place(branch.id, heads[branch.id]) for branch in branches]

    def put_away(self) -> int:
        """Let go what is kept of branches that nobody asked for; how many went.

        Answers about them that are still on their way are kept by nobody: one from before the last write would be taken
        for new.
        """
        self.wishes.tidy()
        before = asyncio.get_running_loop().time() - self._idle_s
        gone = [branch for branch, _ in takewhile(lambda used: used[1] <= before, self._used.oldest())]
        for branch in gone:
            self._used.drop(branch)
            self._branches.drop(branch)
        self._doubt(gone)
        if gone:
            self._metrics.add(EVICTIONS, len(gone), ORCHESTRATORS, "idle")
        return len(gone)

    def _touch(self, branch: BranchId) -> None:
        """Somebody asks for a branch."""
        loop = asyncio.get_running_loop()
        self._used.put(branch, loop.time())
        self.wishes.find(branch)
        if self._idle_s and self._timer is None:
            self._timer = loop.call_later(max(1.0, self._idle_s / 2), self._tidy)

    def _tidy(self) -> None:
        self._timer = None
        self.put_away()
        if len(self._used):
            self._timer = asyncio.get_running_loop().call_later(max(1.0, self._idle_s / 2), self._tidy)

    def _keep(self, branch: Branch, seq: int, since: int) -> None:
        """Keep a head if it is ours to move, and was when it was asked for.

        A head never goes back, whatever order answers come in.
        """
        self._branches.put(branch.id, branch)
        if self._sure(branch.id, since) and self._owns(branch.lineage) and self._ended.get(branch.id) is None:
            self._heads.put(branch.id, max(seq, self._heads.get(branch.id) or 0))

    async def branch(self, branch: BranchId) -> Branch:
        """A branch's row, which never changes. Raises: PlaceNotFound."""
        held = self._branches.get(branch)
        if held is None:
            held = await self.ask(VaultHost.branch, branch)
            self._branches.put(branch, held)
        self._touch(branch)
        return held

    async def resolve(self, branch: Branch, where: Where) -> Place:
        """The place that somebody on ``branch`` means. Raises: PlaceNotFound, BranchDeleted, TransactionOver."""
        tip = await self.tip(branch)
        if where is None:
            return tip
        if isinstance(where, Tip):
            return await self.tip(await self.branch(where.branch))
        if isinstance(where, Place):
            return await self._existing(branch.agent, where)
        if isinstance(where, datetime):
            return await self.ask(VaultHost.place_at, branch.id, where)
        promised = self.wishes.place(branch.id, where)
        if promised is not None:
            return promised
        return await self.ask(VaultHost.find_place, branch.id, where)

    async def _existing(self, agent: AgentName, place: Place) -> Place:
        """The place on the branch that wrote it: numbers up to a fork are the parent's, which may be deleted now."""
        row = await self.branch(place.branch)
        if row.kind == "transaction":
            place = await self.ask(VaultHost.settled, place)
            row = await self.branch(place.branch)
        head = self._heads.get(row.id)
        if not 0 <= place.seq <= (await self.ask(VaultHost.head, row.id) if head is None else head):
            raise PlaceNotFound(agent, f"{row.name}:{place.seq}")
        while place.seq < row.fork_seq and row.parent is not None:
            row = await self.branch(row.parent)
        return Place(row.id, place.seq)

    async def in_past(self, branch: Branch, place: Place) -> bool:
        """Whether a place lies in a branch's own past, its parents' included."""
        row, upto = branch, (await self.tip(branch)).seq
        while True:
            if row.id == place.branch:
                return row.fork_seq <= place.seq <= upto
            if row.parent is None:
                return False
            upto = min(upto, row.fork_seq)
            row = await self.branch(row.parent)
