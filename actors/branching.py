"""How an agent's history branches: checkpoint, fork, clone, rollback, merge, and what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar
from uuid import uuid4

from quantum_memory.actors.episodic_memory import EpisodicMemoryHost, LessonAsk, MergeAsk, MergePlan
from quantum_memory.actors.journal import Draft
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.quantum_state import QuantumStateHost
from quantum_memory.actors.requests import MergeRequest, Where
from quantum_memory.actors.turns import Turns
from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.views import Sprout, ViewHost
from quantum_memory.actors.writing import Writer, on_fresh_head
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
READINGS = 16
"""Moods read in one call of a history, so that others get in between."""


class Brancher:
    """Branches, places and merges of agents. Shares the order of writes with the writer."""

    def __init__(self, parts: Parts, turns: Turns, writer: Writer) -> None:
        self._parts, self._turns, self._writer = parts, turns, writer

    async def checkpoint(self, branch: Branch, message: str, op_id: str) -> Commit:
        """Name the place where the branch stands. Raises: TooLong."""
        async with self._turns.take([branch.id]):
            place = await self._parts.journal.tip(branch)
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
        journal = self._parts.journal

        async def write() -> Place:
            place = await journal.resolve(branch, to)
            if not await journal.in_past(branch, place):
                raise PlaceNotFound(branch.agent, f"{place.branch}:{place.seq} in the past of {branch.name!r}")
            self._hint(ViewHost.pin, branch.lineage, await journal.tip(branch))
            return (await self._writer.commit([Draft(branch, RolledBack(place, tuple(parts)), op_id)]))[0]

        async with self._turns.take([branch.id]):
            return await on_fresh_head(write)

    async def merge(self, request: MergeRequest) -> MergeReport:
        """Take over what the other branch has learned since both were one. Merging again finds nothing new."""
        ours, theirs = request.branch, request.source
        if ours.id == theirs.id:
            raise InvalidValue("other", f"{theirs.agent}@{theirs.name}", "another branch than the one merged into")

        async def write() -> MergeReport:
            done = await self._merged_before(request)
            if done is None:
                here = await self._parts.journal.tip(ours)
                source = await self._parts.journal.resolve(theirs, request.at)
            else:
                here, source = done
            bases = await self._bases(here, source)
            if all(base == source for base in bases.values()):
                return MergeReport(source, source, (), (), (), (), here)
            plan, event = await self._plan(request, here, source, bases)
            (place,) = await self._writer.commit([Draft(ours, event, request.op_id)])
            return MergeReport(
                source=source,
                base=bases["memories"],
                added=tuple(memory.id for memory in plan.adopted),
                forgotten=plan.forgotten,
                skills=tuple(skill.name for skill in plan.skills),
                conflicts=plan.conflicts,
                place=place,
            )

        async with self._turns.take([ours.id]):
            return await on_fresh_head(write)

    async def _merged_before(self, request: MergeRequest) -> tuple[Place, Place] | None:
        """Where this very merge was done before, and from which place of the other side: Ray may repeat a call."""
        journal = self._parts.journal
        first = await journal.ask(VaultHost.outcome, request.branch.agent, request.op_id)
        if first is None:
            return None
        branch, seq = first.place
        (entry,) = await journal.ask(VaultHost.entries, branch, seq - 1, seq)
        if not isinstance(entry.event, Merged):
            raise AlreadyExists("operation", request.op_id)
        return Place(branch, seq - 1), entry.event.source

    async def _bases(self, here: Place, source: Place) -> dict[Part, Place | None]:
        """For each part that a merge takes over, the place from which it has to begin."""
        parts: tuple[Part, ...] = ("memories", "skills", "mood")
        ask = self._parts.journal.ask
        found = await asyncio.gather(*(ask(VaultHost.merge_base, here, source, part) for part in parts))
        return dict(zip(parts, found, strict=True))

    async def _plan(
        self, request: MergeRequest, here: Place, source: Place, bases: dict[Part, Place | None]
    ) -> tuple[MergePlan, Merged]:
        """What is to be taken over, and the event that says so."""
        lineage = request.source.lineage
        lesson, tensors = await asyncio.gather(
            self._parts.episodic.ask(
                EpisodicMemoryHost.lesson, lineage, LessonAsk(source, bases["memories"], bases["skills"])
            ),
            self._parts.quantum.ask(QuantumStateHost.tensors, lineage, source),
        )
        ask = MergeAsk(here, bases["memories"], lesson, request.policy)
        plan = await self._parts.episodic.ask(EpisodicMemoryHost.judge, request.branch.lineage, ask)
        moved = bases["mood"] != source and request.mood_weight > 0
        mood = MoodBrought(tensors, request.mood_weight) if moved else None
        return plan, Merged(source, bases["memories"], plan.adopted, plan.forgotten, plan.skills, mood)

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
        moods: list[Mood] = []
        for start in range(0, len(entries), READINGS):
            places = [entry.place for entry in entries[start : start + READINGS]]
            moods += await self._parts.quantum.scatter(QuantumStateHost.read, [branch.lineage] * len(places), places)
        return list(zip(entries, moods, strict=True))

    def _hint(self, method: Callable[[ViewHost, Sequence[T]], list[None]], lineage: str, item: T) -> None:
        """Tell the views something that makes later answers faster; they would find it in the vault all the same."""
        for view in self._parts.views:
            view.post(method, lineage, item)
