"""QuantumMemoryAgent: the order of each agent's writes. It fans out, gathers and answers; it never computes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import ray

from quantum_memory.actors.branching import Brancher
from quantum_memory.actors.directory import Directory
from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.parts import Parts, connect_parts
from quantum_memory.actors.quantum_state import QuantumStateHost
from quantum_memory.actors.recalling import Recaller
from quantum_memory.actors.requests import MergeRequest, RecallRequest, RememberRequest, Where
from quantum_memory.actors.semantic_graph import SemanticGraphHost
from quantum_memory.actors.turns import Turns
from quantum_memory.actors.vault import VaultHost, utc_now
from quantum_memory.actors.writing import Writer
from quantum_memory.checks import within
from quantum_memory.errors import AgentNotFound
from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.memory.vault.writes import CreateAgent
from quantum_memory.policies.importance import Intensity
from quantum_memory.settings import Settings
from quantum_memory.types import (
    AgentName,
    Branch,
    Commit,
    Diff,
    Hit,
    LogEntry,
    Memory,
    MemoryId,
    MergeReport,
    Mood,
    Part,
    Place,
    Skill,
    Vector,
)

if TYPE_CHECKING:
    import networkx as nx


class QuantumMemoryHost:
    """The orchestrator of many agents. Everything a QuantumMemoryAgent does; lives on one event loop.

    Args:
        settings: the whole tree.
        directory: where the other actors are; it makes its own views where the placement is inline.
        member: its number in the pool.
        parts: ready ones, for those who run without Ray.
    """

    def __init__(self, settings: Settings, directory: Directory, member: int = 0, parts: Parts | None = None) -> None:
        self._settings, self._directory = settings, directory
        self._parts = parts or connect_parts(settings, directory, member)
        turns = Turns()
        self._writer = Writer(self._parts, turns, settings, Intensity(), utc_now)
        self._recaller = Recaller(self._parts, settings, utc_now)
        self._brancher = Brancher(self._parts, turns, self._writer)

    async def open(self, names: Sequence[AgentName], create: bool) -> list[AgentHandle]:
        """Agents on their first branches, found or made. Raises: AgentNotFound for the first that is not there."""
        journal = self._parts.journal
        found = await journal.ask(VaultHost.find_agents, names)
        missing = [name for name, branch in zip(names, found, strict=True) if branch is None]
        if missing and not create:
            raise AgentNotFound(missing[0])
        made = iter(await journal.write([CreateAgent(name, uuid4().hex) for name in missing]))
        branches = [branch if branch is not None else next(made).branch for branch in found]
        return [self._handle(branch) for branch in branches if branch is not None]

    async def open_branch(self, name: AgentName, branch: str) -> AgentHandle:
        """An agent on one of its branches. Raises: AgentNotFound, PlaceNotFound."""
        return self._handle(await self._parts.journal.ask(VaultHost.branch_named, name, branch))

    async def agents(self) -> list[AgentName]:
        """Every agent's name."""
        return await self._parts.journal.ask(VaultHost.agents)

    async def remember(self, requests: Sequence[RememberRequest]) -> list[list[MemoryId]]:
        """See ``Writer.remember``."""
        return await self._writer.remember(requests)

    async def remember_one(self, request: RememberRequest) -> list[MemoryId]:
        """The same for one branch."""
        return (await self._writer.remember([request]))[0]

    async def recall(self, requests: Sequence[RecallRequest]) -> list[list[Hit]]:
        """See ``Recaller.recall``."""
        return await self._recaller.recall(requests)

    async def recall_one(self, request: RecallRequest) -> list[Hit]:
        """The same for one branch."""
        return (await self._recaller.recall([request]))[0]

    async def forget(self, branch: Branch, ids: Sequence[MemoryId], op_id: str) -> int:
        """See ``Writer.forget``."""
        return await self._writer.forget(branch, ids, op_id)

    async def learn(self, branch: Branch, skill: Skill, op_id: str) -> Skill:
        """See ``Writer.learn``."""
        return await self._writer.learn(branch, skill, op_id)

    async def practise(self, branch: Branch, name: str, succeeded: bool, op_id: str) -> Skill:
        """See ``Writer.practise``."""
        return await self._writer.practise(branch, name, succeeded, op_id)

    async def skills(self, branch: Branch, query: str | None, k: int) -> list[Skill]:
        """Skills that fit a situation, or all of them."""
        place = await self._parts.journal.tip(branch)
        if query is None:
            return await self._parts.episodic.ask(EpisodicMemoryHost.all_skills, branch.lineage, place)
        return await self._parts.episodic.ask(EpisodicMemoryHost.find_skills, branch.lineage, (place, query, k))

    async def mood(self, branch: Branch, as_of: Where) -> Mood:
        """The mood at a place."""
        lineage, place = await self._reading(branch, as_of)
        return await self._parts.quantum.ask(QuantumStateHost.read, lineage, place)

    async def mood_history(self, branch: Branch, limit: int) -> list[tuple[LogEntry, Mood]]:
        """See ``Brancher.mood_history``."""
        return await self._brancher.mood_history(branch, limit)

    async def marginals(self, branch: Branch, as_of: Where) -> Mapping[str, tuple[Vector, Vector]]:
        """The probability of each axis at a place."""
        lineage, place = await self._reading(branch, as_of)
        return await self._parts.quantum.ask(QuantumStateHost.marginals, lineage, place)

    async def memories(self, branch: Branch, as_of: Where) -> list[Memory]:
        """Every memory at a place."""
        lineage, place = await self._reading(branch, as_of)
        return await self._parts.episodic.ask(EpisodicMemoryHost.memories, lineage, place)

    async def working(self, branch: Branch, as_of: Where) -> list[Memory]:
        """The working memory at a place."""
        lineage, place = await self._reading(branch, as_of)
        return await self._parts.episodic.ask(EpisodicMemoryHost.working, lineage, place)

    async def concepts(self, branch: Branch, top: int) -> list[tuple[Concept, float]]:
        """The leading concepts of a branch."""
        place = await self._parts.journal.tip(branch)
        return await self._parts.graph.ask(SemanticGraphHost.concepts, branch.lineage, (place, top))

    async def graph(self, branch: Branch, as_of: Where) -> nx.Graph:
        """The semantic graph at a place."""
        lineage, place = await self._reading(branch, as_of)
        return await self._parts.graph.ask(SemanticGraphHost.graph, lineage, place)

    async def checkpoint(self, branch: Branch, message: str, op_id: str) -> Commit:
        """See ``Brancher.checkpoint``."""
        return await self._brancher.checkpoint(
            branch, within("message", message, self._settings.limits.text_chars), op_id
        )

    async def fork(self, branch: Branch, name: str, at: Where, op_id: str) -> AgentHandle:
        """See ``Brancher.grow``."""
        return self._handle(await self._brancher.grow(branch, "fork", name, at, op_id))

    async def clone(self, branch: Branch, name: AgentName, at: Where, op_id: str) -> AgentHandle:
        """See ``Brancher.grow``."""
        return self._handle(await self._brancher.grow(branch, "clone", name, at, op_id))

    async def rollback(self, branch: Branch, to: Where, parts: Sequence[Part], op_id: str) -> Place:
        """See ``Brancher.rollback``."""
        return await self._brancher.rollback(branch, to, parts, op_id)

    async def merge(self, request: MergeRequest) -> MergeReport:
        """See ``Brancher.merge``."""
        return await self._brancher.merge(request)

    async def diff(self, branch: Branch, left: Where, right: Where) -> Diff:
        """See ``Brancher.diff``."""
        return await self._brancher.diff(branch, left, right)

    async def log(self, branch: Branch, limit: int) -> list[LogEntry]:
        """The last events, newest first."""
        return await self._parts.journal.ask(VaultHost.log, branch.id, limit)

    async def branches(self, branch: Branch) -> list[AgentHandle]:
        """Every branch of the agent."""
        rows = await self._parts.journal.ask(VaultHost.branches, branch.agent)
        return [self._handle(row) for row in rows]

    async def commits(self, branch: Branch) -> list[Commit]:
        """Every checkpoint of the agent."""
        return await self._parts.journal.ask(VaultHost.commits, branch.agent)

    async def status(self) -> dict[str, int]:
        """Which process this is."""
        return {"pid": os.getpid()}

    async def _reading(self, branch: Branch, where: Where) -> tuple[str, Place]:
        """The place to read at, and the lineage whose host has its views."""
        place = await self._parts.journal.resolve(branch, where)
        return (await self._parts.journal.branch(place.branch)).lineage, place

    def _handle(self, branch: Branch) -> AgentHandle:
        return AgentHandle(branch, self._directory)


QuantumMemoryAgent: Any = ray.remote(max_restarts=-1, max_task_retries=-1)(QuantumMemoryHost)
