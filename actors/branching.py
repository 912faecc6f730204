"""How an agent's history branches: checkpoint, fork, clone, rollback, and what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal, TypeGuard, TypeVar
from uuid import uuid4

from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.journal import Draft
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.quantum_state import QuantumStateHost
from quantum_memory.actors.requests import Where
from quantum_memory.actors.semantic_graph import SemanticGraphHost
from quantum_memory.actors.turns import Turns
from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.views import Sprout, ViewHost
from quantum_memory.actors.writing import Writer, on_fresh_head
from quantum_memory.errors import AlreadyExists, PlaceNotFound
from quantum_memory.memory.events import RolledBack
from quantum_memory.memory.merging import Change, Gone, Since, Version
from quantum_memory.memory.vault.writes import ROOT_BRANCH, CreateBranch, CreateCommit
from quantum_memory.types import (
    Branch,
    Commit,
    Diff,
    LogEntry,
    MemoryId,
    Mood,
    Part,
    Place,
)

T = TypeVar("T")
V = TypeVar("V")
READINGS = 16
"""Moods read in one call of a history, so that others get in between."""


class Brancher:
    """Branches and places of agents. Shares the order of writes with the writer."""

    def __init__(self, parts: Parts, turns: Turns, writer: Writer) -> None:
        self._parts, self._turns, self._writer = parts, turns, writer

    async def checkpoint(self, branch: Branch, message: str, op_id: str) -> Commit:
        """Name the place where the branch stands; what is so there is read later. Raises: TooLong."""
        async with self._turns.take([branch.id]):
            place = await self._parts.journal.tip(branch)
            write = CreateCommit(place.branch, place.seq, message, op_id)
            (written,) = await self._parts.journal.write([write], branch.lineage)
        self._hint(ViewHost.pin, branch.lineage, place)
        if written.commit is None:
            raise PlaceNotFound(branch.agent, message)
        self._writer.noted(branch, written.commit)
        return written.commit

    async def grow(
        self, branch: Branch, kind: Literal["fork", "clone", "transaction"], name: str, at: Where, op_id: str
    ) -> Branch:
        """A fork (a branch of this agent, hidden for a transaction) or a clone (its own agent) that begins at a place.

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
        grown = await self._grown(write, branch.lineage)
        if grown.parent is not None:  # where it began, which is elsewhere if this operation made it before
            self._hint(ViewHost.fork, grown.lineage, Sprout(Place(grown.parent, grown.fork_seq), grown.id))
        return grown

    async def _grown(self, write: CreateBranch, lineage: str) -> Branch:
        """The new branch, or the one that this very operation made before while the parent stood elsewhere."""
        try:
            (written,) = await self._parts.journal.write([write], lineage)
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

    async def commits(self, branch: Branch) -> list[Commit]:
        """The agent's checkpoints, oldest first, each with what was so there; not those of transactions of others."""
        rows = await self._parts.journal.ask(VaultHost.commits, branch.agent)
        seen = []
        for commit in rows:
            row = await self._parts.journal.branch(commit.place.branch)
            if row.kind != "transaction" or row.id == branch.id:
                seen.append(commit)
        return seen if branch.kind == "transaction" else await self._writer.annotator.filled(seen)

    async def diff(self, branch: Branch, left: Where, right: Where) -> Diff:
        """What one place has and another has not, or otherwise. Raises: PlaceNotFound."""
        journal = self._parts.journal
        here, there = await asyncio.gather(journal.resolve(branch, left), journal.resolve(branch, right))
        at_left, at_right = [(await journal.branch(place.branch)).lineage for place in (here, there)]
        episodic, quantum, graph = self._parts.episodic, self._parts.quantum, self._parts.graph
        lineages, ways = [at_left, at_right], [Since(here, there), Since(there, here)]
        memories, skills, relations, moods, tensors = await asyncio.gather(
            episodic.scatter(EpisodicMemoryHost.memory_changes, lineages, ways),
            episodic.scatter(EpisodicMemoryHost.all_skills, lineages, [here, there]),
            graph.scatter(SemanticGraphHost.changes, lineages, ways),
            quantum.scatter(QuantumStateHost.read, lineages, [here, there]),
            quantum.ask(QuantumStateHost.tensors, at_left, here),
        )
        alike = await quantum.ask(QuantumStateHost.fidelity, at_right, (there, tensors))
        return Diff(
            only_left=_only(memories[0]),
            only_right=_only(memories[1]),
            skills_left=tuple(skill for skill in skills[0] if skill not in skills[1]),
            skills_right=tuple(skill for skill in skills[1] if skill not in skills[0]),
            mood_left=moods[0],
            mood_right=moods[1],
            mood_fidelity=alike,
            revised=tuple((one.theirs, one.base) for one in memories[0] if _there(one.theirs) and _there(one.base)),
            relations_left=tuple(one.theirs for one in relations[0] if _there(one.theirs)),
            relations_right=tuple(one.theirs for one in relations[1] if _there(one.theirs)),
        )

    async def delete(self, branch: Branch, op_id: str) -> None:
        """Let nobody see a branch any more; its children live on. Raises: InvalidValue for an agent's first branch."""
        async with self._turns.take([branch.id]):
            await self._parts.journal.delete(branch.id, op_id)

    async def log(self, branch: Branch, limit: int, as_of: Where, about: MemoryId | None = None) -> list[LogEntry]:
        """The last events up to a place, newest first; of one memory, if one is named."""
        place = await self._parts.journal.resolve(branch, as_of)
        return await self._parts.journal.ask(VaultHost.log, place.branch, limit, place.seq + 1, about)

    async def mood_history(self, branch: Branch, limit: int, as_of: Where) -> list[tuple[LogEntry, Mood]]:
        """The mood after each of the last events up to a place, oldest first."""
        entries = (await self.log(branch, limit, as_of))[::-1]
        moods: list[Mood] = []
        for start in range(0, len(entries), READINGS):
            places = [entry.place for entry in entries[start : start + READINGS]]
            moods += await self._parts.quantum.scatter(QuantumStateHost.read, [branch.lineage] * len(places), places)
        return list(zip(entries, moods, strict=True))

    def _hint(self, method: Callable[[ViewHost, Sequence[T]], list[None]], lineage: str, item: T) -> None:
        """Tell the views something that makes later answers faster; they would find it in the vault all the same."""
        for view in self._parts.views:
            view.post(method, lineage, item)


def _there(version: Version[V]) -> TypeGuard[V]:
    """Whether there is something, and it was neither taken away nor never known."""
    return version is not None and not isinstance(version, Gone)


def _only(changes: Sequence[Change[V]]) -> tuple[V, ...]:
    """What is there and was not there before."""
    return tuple(one.theirs for one in changes if _there(one.theirs) and not _there(one.base))
