"""How an agent's history branches: checkpoint, fork, clone, rollback, merge, and what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar
from uuid import uuid4

from quantum_memory.actors.episodic_memory import EpisodicMemoryHost, MergeAsk
from quantum_memory.actors.journal import Draft
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.quantum_state import QuantumStateHost
from quantum_memory.actors.requests import MergeRequest, Where
from quantum_memory.actors.turns import Turns
from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.views import Sprout, ViewHost
from quantum_memory.actors.writing import Writer
from quantum_memory.errors import AlreadyExists, InvalidValue, PlaceNotFound
from quantum_memory.memory.events import Merged, MoodBrought, RolledBack
from quantum_memory.memory.vault.writes import ROOT_BRANCH, CreateBranch, CreateCommit
from quantum_memory.types import (
    Branch,
    Commit,
    Diff,
    LogEntry,
    MergeReport,
    Mood,
    Part,
    Place,
)

T = TypeVar("T")


class Brancher:
    """Branches, places and merges of agents. Shares the order of writes with the writer."""

    def __init__(self, parts: Parts, turns: Turns, writer: Writer) -> None:
        self._parts, self._turns, self._writer = parts, turns, writer

    async def checkpoint(self, branch: Branch, message: str, op_id: str) -> Commit:
        """Name the place where the branch stands. Raises: TooLong."""
        async with self._turns.take([branch.id]):
            place = await self._parts.journal.tip(branch.id)
            (written,) = await self._parts.journal.write([CreateCommit(place.branch, place.seq, message, op_id)])
        self._hint(ViewHost.pin, branch.lineage, place)
        if written.commit is None:
            raise PlaceNotFound(branch.agent, message)
        return written.commit

    async def grow(self, branch: Branch, kind: Literal["fork", "clone"], name: str, at: Where, op_id: str) -> Branch:
        """A fork (a branch of this agent) or a clone (an agent of its own) that begins at a place.

        Raises: AlreadyExists; PlaceNotFound.
        """
        async with self._turns.take([branch.id]):
            parent = await self._parts.journal.resolve(branch, at)
        write = CreateBranch(
            id=uuid4().hex,
            agent=name if kind == "clone" else branch.agent,
            name=ROOT_BRANCH if kind == "clone" else name,
            kind=kind,
            parent=parent,
            op_id=op_id,
        )
        grown = await self._grown(write)
        self._hint(ViewHost.fork, grown.lineage, Sprout(parent, grown.id))
        return grown

    async def _grown(self, write: CreateBranch) -> Branch:
        """The new branch, or the one that this very operation made before while the parent stood elsewhere."""
        try:
            (written,) = await self._parts.journal.write([write])
        except AlreadyExists:
            first = await self._parts.journal.ask(VaultHost.outcome, write.agent, write.op_id)
            if first is None:
                raise
            written = first
        if written.branch is None:
            raise AlreadyExists("operation", write.op_id)
        return written.branch

    async def rollback(self, branch: Branch, to: Where, parts: Sequence[Part], op_id: str) -> Place:
        """Be again as at an earlier place. Raises: PlaceNotFound, also for a place outside this branch's past."""
        async with self._turns.take([branch.id]):
            place = await self._parts.journal.resolve(branch, to)
            if not await self._parts.journal.in_past(branch, place):
                raise PlaceNotFound(branch.agent, f"{place.branch}:{place.seq} in the past of {branch.name!r}")
            before = await self._parts.journal.tip(branch.id)
            self._hint(ViewHost.pin, branch.lineage, before)
            draft = Draft(branch.id, RolledBack(place, tuple(parts)), op_id)
            (now,) = await self._writer.commit([draft], {branch.id: branch.lineage})
        return now

    async def merge(self, request: MergeRequest) -> MergeReport:
        """Take over what the other branch has learned since both were one. Merging again finds nothing new."""
        ours, theirs = request.branch, request.source
        if ours.id == theirs.id:
            raise InvalidValue("other", f"{theirs.agent}@{theirs.name}", "another branch than the one merged into")
        async with self._turns.take([ours.id]):
            source = await self._parts.journal.resolve(theirs, request.at)
            first = await self._parts.journal.ask(VaultHost.outcome, ours.agent, request.op_id)
            here = await self._parts.journal.tip(ours.id) if first is None else before(first.place)
            base = await self._parts.journal.ask(VaultHost.merge_base, here, source)
            if base == source:
                return MergeReport(source, base, (), (), (), (), here)
            lesson, tensors = await asyncio.gather(
                self._parts.episodic.ask(EpisodicMemoryHost.lesson, theirs.lineage, (base, source)),
                self._parts.quantum.ask(QuantumStateHost.tensors, theirs.lineage, source),
            )
            ask = MergeAsk(here, base, lesson, request.policy)
            plan = await self._parts.episodic.ask(EpisodicMemoryHost.judge, ours.lineage, ask)
            mood = MoodBrought(tensors, request.mood_weight) if request.mood_weight > 0 else None
            event = Merged(source, base, plan.adopted, plan.forgotten, plan.skills, mood)
            draft = Draft(ours.id, event, request.op_id)
            (place,) = await self._writer.commit([draft], {ours.id: ours.lineage})
        return MergeReport(
            source=source,
            base=base,
            added=tuple(memory.id for memory in plan.adopted),
            forgotten=plan.forgotten,
            skills=tuple(skill.name for skill in plan.skills),
            conflicts=plan.conflicts,
            place=place,
        )

    async def diff(self, branch: Branch, left: Where, right: Where) -> Diff:
        """What one place has and another has not. Raises: PlaceNotFound."""
        journal = self._parts.journal
        here, there = await asyncio.gather(journal.resolve(branch, left), journal.resolve(branch, right))
        at_left, at_right = [(await journal.branch(place.branch)).lineage for place in (here, there)]
        episodic, quantum = self._parts.episodic, self._parts.quantum
        memories, skills, moods, tensors = await asyncio.gather(
            episodic.scatter(EpisodicMemoryHost.memories, [at_left, at_right], [here, there]),
            episodic.scatter(EpisodicMemoryHost.all_skills, [at_left, at_right], [here, there]),
            quantum.scatter(QuantumStateHost.read, [at_left, at_right], [here, there]),
            quantum.ask(QuantumStateHost.tensors, at_left, here),
        )
        alike = await quantum.ask(QuantumStateHost.fidelity, at_right, (there, tensors))
        ids = [{memory.id for memory in side} for side in memories]
        return Diff(
            only_left=tuple(memory for memory in memories[0] if memory.id not in ids[1]),
            only_right=tuple(memory for memory in memories[1] if memory.id not in ids[0]),
            skills_left=tuple(skill for skill in skills[0] if skill not in skills[1]),
            skills_right=tuple(skill for skill in skills[1] if skill not in skills[0]),
            mood_left=moods[0],
            mood_right=moods[1],
            mood_fidelity=alike,
        )

    async def mood_history(self, branch: Branch, limit: int) -> list[tuple[LogEntry, Mood]]:
        """The mood after each of the last events, oldest first."""
        entries = (await self._parts.journal.ask(VaultHost.log, branch.id, limit))[::-1]
        places = [entry.place for entry in entries]
        moods = await self._parts.quantum.scatter(QuantumStateHost.read, [branch.lineage] * len(places), places)
        return list(zip(entries, moods, strict=True))

    def _hint(self, method: Callable[[ViewHost, Sequence[T]], list[None]], lineage: str, item: T) -> None:
        """Tell the views something that makes later answers faster; they would find it in the vault all the same."""
        self._parts.episodic.post(method, lineage, item)
        self._parts.graph.post(method, lineage, item)
        self._parts.quantum.post(method, lineage, item)


def before(place: Place) -> Place:
    """The place at which an event was appended."""
    return Place(place.branch, place.seq - 1)
