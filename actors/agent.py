"""QuantumMemoryAgent: the order of each agent's writes. It fans out, gathers and answers; it never computes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from quantum_memory.actors.allowances import due_of
from quantum_memory.actors.apart import apart, asked_apart, foreseen
from quantum_memory.actors.branching import READINGS, Brancher
from quantum_memory.actors.contexts import ContextRequest, Contexts
from quantum_memory.actors.directory import Directory, session_of
from quantum_memory.actors.door import Door
from quantum_memory.actors.emotion import Said
from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.equations import EquationRequest, Equations
from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.hits import HitLists
from quantum_memory.actors.importing import Bounds
from quantum_memory.actors.learning import Learner, LessonRequest
from quantum_memory.actors.life_rules import salience
from quantum_memory.actors.living import Life, LifeRequest
from quantum_memory.actors.merging import Merger
from quantum_memory.actors.overdue import Overdue
from quantum_memory.actors.parts import Parts, connect_parts
from quantum_memory.actors.patience import Deadline
from quantum_memory.actors.perceiving import perceived
from quantum_memory.actors.pieces import Plan, Sent, collected
from quantum_memory.actors.ports import Port
from quantum_memory.actors.process import PROCESS, process
from quantum_memory.actors.quantum_state import QuantumStateHost
from quantum_memory.actors.recalling import Recaller
from quantum_memory.actors.reinforcing import Reinforcing
from quantum_memory.actors.requests import (
    FeelRequest,
    MergeRequest,
    RecallRequest,
    RelateRequest,
    RememberRequest,
    ReviseRequest,
    Where,
)
from quantum_memory.actors.rerouting import Router, forwarded, routed
from quantum_memory.actors.revising import Reviser
from quantum_memory.actors.semantic_graph import Between, Near, SemanticGraphHost
from quantum_memory.actors.shells import actor
from quantum_memory.actors.shelving import PutRequest, Shelver, TakeRequest
from quantum_memory.actors.together import Questions, Remembering
from quantum_memory.actors.transacting import Transactor
from quantum_memory.actors.turns import Turns
from quantum_memory.actors.vault import VaultHost, utc_now
from quantum_memory.actors.views import CLOSING_S, ViewHost
from quantum_memory.actors.watching import ORCHESTRATORS, Watch, watched
from quantum_memory.actors.writing import Writer
from quantum_memory.checks import within
from quantum_memory.errors import AgentNotFound, DeadlineExceeded, MemoryNotFound, QuantumMemoryError
from quantum_memory.memory.affect.dynamics.equation import Equation
from quantum_memory.memory.events import Unified
from quantum_memory.memory.library.entries import Entry
from quantum_memory.memory.library.reading import Listing
from quantum_memory.memory.life.provenance import Provenance
from quantum_memory.memory.life.reports import ConsolidationReport, DuplicatesReport, TidyReport
from quantum_memory.memory.merging import Under
from quantum_memory.memory.portable import AgentState, state_of
from quantum_memory.memory.prompting.assembling import Manner
from quantum_memory.memory.prompting.block import Context
from quantum_memory.memory.prompting.material import Material
from quantum_memory.memory.quantum import QuantumState
from quantum_memory.memory.semantic.bonds import Neighbour, Way
from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.memory.semantic.knowledge import SemanticGraph
from quantum_memory.memory.vault.writes import CreateAgent
from quantum_memory.policies.placement import Layout
from quantum_memory.settings import Settings
from quantum_memory.telemetry import SILENT, Metrics
from quantum_memory.telemetry.catalog import JOURNAL_LAG, RESIDENT_AGENTS
from quantum_memory.types import (
    AgentName,
    AuditEntry,
    Branch,
    Commit,
    Diff,
    Hits,
    LogEntry,
    Memory,
    MemoryId,
    MergeReport,
    Mood,
    Part,
    Percept,
    Place,
    Relation,
    RelationKey,
    Skill,
    SkillHit,
    Tag,
    Tree,
    Vector,
)

if TYPE_CHECKING:
    import networkx as nx


BATCHES = ("open", "perceive", "remember", "recall", "remember_each", "recall_each", "mood_each")
ALWAYS = ("status", "close", "collected", "bounds", "relayout", "retire")
"""Calls that are answered however many wait."""


@watched(ORCHESTRATORS, batches=BATCHES, always=ALWAYS)
@routed
class QuantumMemoryHost:
    """The orchestrator of many agents. Everything a QuantumMemoryAgent does; lives on one event loop.

    Args:
        settings: the whole tree.
        directory: where the other actors are; it makes its own views where the placement is inline.
        member: its number in the pool.
        parts: ready ones, for those who run without Ray.
        metrics: where measurements go.
    """

    def __init__(
        self,
        settings: Settings,
        directory: Directory,
        member: int = 0,
        parts: Parts | None = None,
        metrics: Metrics = SILENT,
    ) -> None:
        self._settings, self._directory = settings, directory
        self._metrics, self._watch = metrics, Watch(ORCHESTRATORS, settings.telemetry, metrics)
        self._watch.guard = self._door = Door(ORCHESTRATORS, settings.limits.waiting, metrics)
        self._parts = parts or connect_parts(settings, directory, member, metrics)
        self._router = Router(self._parts.journal, directory)
        metrics.watch(self._tell_lag)
        self._overdue = Overdue()
        turns = Turns()
        self._writer = Writer(self._parts, turns, settings, salience(settings), utc_now)
        self._learner = Learner(self._parts, turns, self._writer, settings, utc_now)
        self._remembering = Remembering(self._writer, turns)
        self._recaller = Recaller(self._parts, settings, utc_now)
        self._questions: Questions[RecallRequest, Hits] = Questions(self.recall)
        self._contexts = Contexts(self._parts, self._recaller, settings)
        self._brancher = Brancher(self._parts, turns, self._writer)
        self._reviser = Reviser(self._parts, turns, self._writer, settings, utc_now)
        self._shelver = Shelver(self._parts, turns, self._writer, utc_now)
        self._merger = Merger(self._parts, turns, self._writer, self._recaller, settings)
        self._transactor = Transactor(self._parts, turns, self._writer, self._brancher)
        self._reinforcing = Reinforcing(self._parts, self._writer, settings, utc_now)
        self._life = Life(self._parts, turns, self._writer, settings, utc_now)
        self._equations = Equations(self._parts, turns, self._writer, self._brancher, settings, utc_now)
        self._closing_s = min(CLOSING_S, settings.timeouts.call_s / 4)

    async def open(
        self, names: Sequence[AgentName], create: bool, session: str = "", op_id: str | None = None
    ) -> list[AgentHandle]:
        """Agents on their first branches, found or made, by this operation or by one for each.

        Raises: AgentNotFound for the first that is not there.
        """
        journal = self._parts.journal
        found = await journal.ask(VaultHost.find_agents, names)
        missing = [name for name, branch in zip(names, found, strict=True) if branch is None]
        if missing and not create:
            raise AgentNotFound(missing[0])
        op_ids = [op_id or self._directory.under(session).new_op() for _ in missing]
        writes = [CreateAgent(name, uuid4().hex, op_id) for name, op_id in zip(missing, op_ids, strict=True)]
        made = iter(await journal.write(writes))
        branches = [branch if branch is not None else next(made).branch for branch in found]
        directory = self._directory.under(session)  # one for all, so that it travels and looks for actors once
        return [AgentHandle(branch, directory) for branch in branches if branch is not None]

    async def open_branch(self, name: AgentName, branch: str, session: str = "") -> AgentHandle:
        """An agent on one of its branches. Raises: AgentNotFound, PlaceNotFound."""
        return self._handle(await self._parts.journal.ask(VaultHost.branch_named, name, branch), session)

    async def agents(self) -> list[AgentName]:
        """Every agent's name."""
        return await self._parts.journal.ask(VaultHost.agents)

    async def perceive(self, said: Sequence[Said]) -> list[Percept]:
        """What perception makes of texts; nothing is stored."""
        return await perceived(self._parts.emotion, said)

    async def remember(self, requests: Sequence[RememberRequest]) -> list[list[MemoryId]]:
        """See ``Writer.remember``."""
        return await self._writer.remember(requests)

    async def remember_each(self, requests: Sequence[RememberRequest]) -> list[list[MemoryId] | QuantumMemoryError]:
        """The same with an outcome for each branch, its error included."""
        due_s = due_of("remember_each", (requests,))
        try:
            return await self._overdue.kept("remember", due_s, lambda: apart(self._writer.remember, requests))
        except DeadlineExceeded as error:
            return [error] * len(requests)

    async def remember_one(self, request: RememberRequest) -> list[MemoryId]:
        """The same for one branch, together with others that come meanwhile where it has all the time that it takes.

        Raises: DeadlineExceeded; see ``Overdue``.
        """
        due_s = request.deadline_s
        if due_s is None:
            return await self._remembering.remember(request)
        return (await self._overdue.kept("remember", due_s, lambda: self._writer.remember([request])))[0]

    async def recall(self, requests: Sequence[RecallRequest]) -> list[Hits]:
        """See ``Recaller.recall``."""
        hits = await self._recaller.recall(requests)
        self._reinforcing.recalled(requests, hits)
        return hits

    async def recall_each(self, requests: Sequence[RecallRequest]) -> HitLists:
        """The same with an outcome for each question, its error included.

        Those of one lineage keep company with whatever else is asked of it.
        """
        if len({one.branch.lineage for one in requests}) > 1:
            return HitLists(foreseen("recall", await asked_apart(self.recall, requests)))
        answers = await asyncio.gather(*map(self._answered, requests), return_exceptions=True)
        for one in answers:
            if isinstance(one, BaseException) and not isinstance(one, Exception):
                raise one
        return HitLists(foreseen("recall", [one for one in answers if isinstance(one, list | Exception)]))

    async def mood_each(self, asked: Sequence[tuple[Branch, Where]]) -> list[Mood | QuantumMemoryError]:
        """The mood of each branch at a place, or why there is none."""
        return foreseen("mood", await asked_apart(self._moods, asked))

    async def warm_up(self, branch: Branch) -> int:
        """Have a branch at hand as it stands; how many views of it were not."""
        return (await self._warmed([branch]))[0]

    async def warm_up_each(self, branches: Sequence[Branch]) -> list[int | QuantumMemoryError]:
        """The same for many, or why one could not be had."""
        return foreseen("warm_up", await asked_apart(self._warmed, branches))

    async def collected(self, plan: Plan, sent: Sequence[Sent]) -> dict[Any, Any]:
        """What calls to many agents that a driver began come to together. Raises: SomeFailed."""
        return await collected(plan, sent)

    async def recall_one(self, request: RecallRequest) -> Hits:
        """The same for one branch, and where they were asked for with the neighbours of each hit."""
        if not request.neighbours:
            return await self._answered(request)
        hits = await self._contexts.accompany(request)
        self._reinforcing.recalled([request], [hits])
        return hits

    async def _answered(self, request: RecallRequest) -> Hits:
        async with self._recaller.deadline([request]).kept("recall"):
            return await self._questions.ask((request.branch.lineage, request.deadline_s), request)

    async def best_words(self, branch: Branch, text: str) -> float:
        """See ``Recaller.best_words``."""
        return await self._recaller.best_words(branch, text)

    async def context(self, request: ContextRequest) -> Context:
        """See ``Contexts.context``."""
        return await self._contexts.context(request)

    async def context_material(self, request: ContextRequest) -> tuple[Material, Manner]:
        """See ``Contexts.material``."""
        return await self._contexts.material(request)

    async def known(self, branch: Branch, ids: Sequence[MemoryId], as_of: Where = None) -> dict[MemoryId, str | None]:
        """The texts of those of these ids that are known at a place; none of one that was forgotten."""
        lineage, place = await self._reading(branch, as_of)
        found = await self._parts.episodic.ask(EpisodicMemoryHost.known, lineage, (place, tuple(ids)))
        return {one: None if known.forgotten else known.text for one, known in found.items()}

    async def bounds(self) -> Bounds:
        """What can be remembered here."""
        return Bounds(self._settings.limits.text_chars, self._settings.perception.dim, self._settings.limits.batch)

    async def forget(self, branch: Branch, ids: Sequence[MemoryId], op_id: str) -> int:
        """See ``Writer.forget``."""
        return await self._writer.forget(branch, ids, op_id)

    async def reinforce(self, branch: Branch, ids: Sequence[MemoryId], op_id: str) -> int:
        """See ``Reinforcing.mark``."""
        return await self._reinforcing.mark(branch, ids, op_id)

    async def tidy(self, request: LifeRequest) -> TidyReport:
        """See ``Life.tidy``."""
        return await self._life.tidy(request)

    async def merge_duplicates(self, request: LifeRequest) -> DuplicatesReport:
        """See ``Life.merge_duplicates``."""
        return await self._life.merge_duplicates(request)

    async def consolidate(self, request: LifeRequest) -> ConsolidationReport:
        """See ``Life.consolidate``."""
        return await self._life.consolidate(request)

    async def provenance(self, branch: Branch, memory: MemoryId, as_of: Where) -> Provenance:
        """See ``Life.provenance``."""
        return await self._life.provenance(branch, memory, as_of)

    async def revise(self, request: ReviseRequest) -> Memory:
        """See ``Reviser.revise``."""
        return await self._reviser.revise(request)

    async def put_entry(self, request: PutRequest) -> Entry:
        """See ``Shelver.put``."""
        return await self._shelver.put(request)

    async def take_entry(self, request: TakeRequest) -> None:
        """See ``Shelver.take``."""
        await self._shelver.take(request)

    async def void_move(self, branch: Branch, op_id: str) -> bool:
        """See ``Shelver.void``."""
        return await self._shelver.void(branch, op_id)

    async def read_entry(self, branch: Branch, entry: str, at: Place | None = None) -> Entry | None:
        """See ``Shelver.read``."""
        return await self._shelver.read(branch, entry, at)

    async def list_entries(self, branch: Branch, asked: Listing, at: Place | None = None) -> list[Entry]:
        """See ``Shelver.listed``."""
        return await self._shelver.listed(branch, asked, at)

    async def feel(self, request: FeelRequest) -> Place:
        """See ``Reviser.feel``."""
        return await self._reviser.feel(request)

    async def relate(self, request: RelateRequest) -> Relation:
        """See ``Reviser.relate``."""
        return await self._reviser.relate(request)

    async def unrelate(self, branch: Branch, key: RelationKey, op_id: str, at: datetime | None = None) -> None:
        """See ``Reviser.unrelate``."""
        await self._reviser.unrelate(branch, key, op_id, at)

    async def merge_entities(self, branch: Branch, names: Unified, op_id: str) -> tuple[str, ...]:
        """See ``Reviser.unify``."""
        return await self._reviser.unify(branch, names, op_id)

    async def extract_relations(self, branch: Branch, last: int) -> int:
        """See ``Extracting.catch_up``."""
        return await self._writer.extracting.catch_up(branch, last)

    async def state(self, branch: Branch, as_of: Where) -> AgentState:
        """Everything at a place as one value."""
        lineage, place = await self._reading(branch, as_of)
        parts = self._parts
        memories, skills, working, web, tensors, log = await asyncio.gather(
            parts.episodic.ask(EpisodicMemoryHost.memories, lineage, place),
            parts.episodic.ask(EpisodicMemoryHost.all_skills, lineage, place),
            parts.episodic.ask(EpisodicMemoryHost.working, lineage, place),
            parts.graph.ask(SemanticGraphHost.webs, lineage, place),
            parts.quantum.ask(QuantumStateHost.tensors, lineage, place),
            parts.journal.ask(VaultHost.log, place.branch, 1, place.seq + 1),
        )
        return state_of(
            await parts.journal.branch(place.branch),
            place,
            log[0].at if log else None,
            memories=memories,
            skills=skills,
            working=[memory.id for memory in working],
            web=web,
            tensors=tensors,
        )

    async def relations(
        self, branch: Branch, about: str | None, as_of: Where, at: datetime | None = None
    ) -> list[Relation]:
        """The relations at a place: those with something of this name at either end, or all; or what held at a time."""
        lineage, place = await self._reading(branch, as_of)
        return await self._reviser.relations(lineage, place, about, at)

    async def knowledge(self, branch: Branch, as_of: Where) -> SemanticGraph:
        """The semantic graph at a place as a value of its own."""
        lineage, place = await self._reading(branch, as_of)
        return await self._parts.graph.ask_long(SemanticGraphHost.knowledge, lineage, place)

    async def neighbours(
        self, branch: Branch, name: str, bounds: tuple[int, int], at: datetime | None, as_of: Where
    ) -> list[Neighbour]:
        """What is near a concept at a place, at most so far and so many."""
        lineage, place = await self._reading(branch, as_of)
        near = await self._parts.graph.ask_long(SemanticGraphHost.neighbours, lineage, Near(place, name, *bounds, at))
        return list(near)

    async def paths(
        self, branch: Branch, ends: tuple[str, str], bounds: tuple[int, int], at: datetime | None, as_of: Where
    ) -> list[Way]:
        """The ways between two concepts at a place, at most so many and so long."""
        lineage, place = await self._reading(branch, as_of)
        ways = await self._parts.graph.ask_long(SemanticGraphHost.paths, lineage, Between(place, *ends, *bounds, at))
        return list(ways)

    async def communities(
        self, branch: Branch, seed: int, resolution: float, as_of: Where
    ) -> list[tuple[Concept, ...]]:
        """The concepts at a place in groups that hang together."""
        lineage, place = await self._reading(branch, as_of)
        groups = await self._parts.graph.ask_long(SemanticGraphHost.communities, lineage, (place, seed, resolution))
        return list(groups)

    async def learn(self, branch: Branch, skill: Skill, op_id: str) -> Skill:
        """See ``Learner.learn``."""
        return await self._learner.learn(branch, skill, op_id)

    async def learn_from(self, request: LessonRequest) -> Skill:
        """See ``Learner.learn_from``."""
        return await self._learner.learn_from(request)

    async def practise(self, branch: Branch, name: str, succeeded: bool, op_id: str) -> Skill:
        """See ``Learner.practise``."""
        return await self._learner.practise(branch, name, succeeded, op_id)

    async def skills(self, branch: Branch, query: str | Vector | None, k: int, as_of: Where = None) -> list[SkillHit]:
        """See ``Learner.find``."""
        return await self._learner.find(branch, query, k, as_of)

    async def mood(self, branch: Branch, as_of: Where, deadline_s: float | None = None) -> Mood:
        """The mood at a place. Raises: DeadlineExceeded."""
        async with Deadline(deadline_s or self._settings.timeouts.call_s).kept("mood"):
            lineage, place = await self._reading(branch, as_of)
            return await self._parts.quantum.ask(QuantumStateHost.read, lineage, place)

    async def mood_state(self, branch: Branch, as_of: Where) -> QuantumState:
        """The mood at a place as a quantum state in the memory of whoever asked."""
        lineage, place = await self._reading(branch, as_of)
        return QuantumState.from_bytes(await self._parts.quantum.ask(QuantumStateHost.tensors, lineage, place))

    async def mood_history(self, branch: Branch, limit: int, as_of: Where = None) -> list[tuple[LogEntry, Mood]]:
        """See ``Brancher.mood_history``."""
        return await self._brancher.mood_history(branch, limit, as_of)

    async def equation(self, request: EquationRequest, as_of: Where) -> Equation:
        """See ``Equations.fit``."""
        return await self._equations.fit(request, as_of)

    async def keep_equation(self, request: EquationRequest, op_id: str) -> Equation:
        """See ``Equations.keep``."""
        return await self._equations.keep(request, op_id)

    async def equations(self, branch: Branch, as_of: Where) -> list[Equation]:
        """See ``Equations.kept``."""
        return await self._equations.kept(branch, as_of)

    async def equation_history(self, branch: Branch, other: str | None, limit: int) -> list[tuple[LogEntry, Equation]]:
        """See ``Equations.history``."""
        return await self._equations.history(branch, other, limit)

    async def marginals(self, branch: Branch, as_of: Where) -> Mapping[str, tuple[Vector, Vector]]:
        """The probability of each axis at a place."""
        lineage, place = await self._reading(branch, as_of)
        return await self._parts.quantum.ask(QuantumStateHost.marginals, lineage, place)

    async def memories(self, branch: Branch, as_of: Where) -> list[Memory]:
        """Every memory at a place."""
        lineage, place = await self._reading(branch, as_of)
        return await self._parts.episodic.ask(EpisodicMemoryHost.memories, lineage, place)

    async def page(self, branch: Branch, begin: int, limit: int, as_of: Where) -> tuple[list[Memory], int]:
        """Some memories at a place, and how many there are."""
        lineage, place = await self._reading(branch, as_of)
        return await self._parts.episodic.ask(EpisodicMemoryHost.page, lineage, (place, begin, limit))

    async def memory(self, branch: Branch, memory: MemoryId, as_of: Where) -> Memory:
        """One memory at a place. Raises: MemoryNotFound."""
        lineage, place = await self._reading(branch, as_of)
        asked = Under(place, (memory,))
        found = (await self._parts.episodic.ask(EpisodicMemoryHost.memory_versions, lineage, asked)).get(memory)
        if not isinstance(found, Memory):
            raise MemoryNotFound(memory)
        return found

    async def working(self, branch: Branch, as_of: Where) -> list[Memory]:
        """The working memory at a place."""
        lineage, place = await self._reading(branch, as_of)
        return await self._parts.episodic.ask(EpisodicMemoryHost.working, lineage, place)

    async def concepts(self, branch: Branch, top: int, as_of: Where = None) -> list[tuple[Concept, float]]:
        """The leading concepts at a place."""
        lineage, place = await self._reading(branch, as_of)
        return await self._parts.graph.ask_long(SemanticGraphHost.concepts, lineage, (place, top))

    async def graph(self, branch: Branch, as_of: Where) -> nx.Graph:
        """The semantic graph at a place."""
        lineage, place = await self._reading(branch, as_of)
        return await self._parts.graph.ask_long(SemanticGraphHost.graph, lineage, place)

    async def checkpoint(self, branch: Branch, message: str, op_id: str) -> Commit:
        """See ``Brancher.checkpoint``."""
        return await self._brancher.checkpoint(
            branch, within("message", message, self._settings.limits.text_chars), op_id
        )

    async def fork(self, branch: Branch, name: str, at: Where, op_id: str) -> AgentHandle:
        """See ``Brancher.grow``."""
        return self._handle(await self._brancher.grow(branch, "fork", name, at, op_id), session_of(op_id))

    async def clone(self, branch: Branch, name: AgentName, at: Where, op_id: str) -> AgentHandle:
        """See ``Brancher.grow``."""
        return self._handle(await self._brancher.grow(branch, "clone", name, at, op_id), session_of(op_id))

    async def rollback(self, branch: Branch, to: Where, parts: Sequence[Part], op_id: str) -> Place:
        """See ``Brancher.rollback``."""
        return await self._brancher.rollback(branch, to, parts, op_id)

    async def merge(self, request: MergeRequest) -> MergeReport:
        """See ``Merger.merge``."""
        return await self._merger.merge(request)

    async def diff(self, branch: Branch, left: Where, right: Where) -> Diff:
        """See ``Brancher.diff``."""
        return await self._brancher.diff(branch, left, right)

    async def delete(self, branch: Branch, op_id: str) -> None:
        """See ``Brancher.delete``."""
        await self._brancher.delete(branch, op_id)

    async def begin(self, branch: Branch, op_id: str) -> Branch:
        """See ``Transactor.begin``."""
        return await self._transactor.begin(branch, op_id)

    async def commit(self, hidden: Branch, parent: Branch, tag_ops: Sequence[str], op_id: str) -> Place:
        """See ``Transactor.commit``."""
        return await self._transactor.commit(hidden, parent, tag_ops, op_id)

    async def abort(self, hidden: Branch, op_id: str) -> None:
        """See ``Transactor.abort``."""
        await self._transactor.abort(hidden, op_id)

    async def tag(self, branch: Branch, name: str, at: Where, move: bool, op_id: str) -> Tag:
        """See ``Transactor.tag``."""
        return await self._transactor.tag(branch, name, at, op_id, move=move)

    async def untag(self, branch: Branch, name: str, op_id: str) -> None:
        """See ``Transactor.untag``."""
        await self._transactor.untag(branch, name, op_id)

    async def tags(self, branch: Branch) -> list[Tag]:
        """See ``Transactor.tags``."""
        return await self._transactor.tags(branch)

    async def log(
        self, branch: Branch, limit: int, as_of: Where = None, about: MemoryId | None = None
    ) -> list[LogEntry]:
        """See ``Brancher.log``."""
        return await self._brancher.log(branch, limit, as_of, about)

    async def branches(self, branch: Branch, session: str = "") -> list[AgentHandle]:
        """Every branch of the agent that can be seen."""
        rows = await self._parts.journal.ask(VaultHost.branches, branch.agent)
        return [self._handle(row, session) for row in rows if row.kind != "transaction"]

    async def commits(self, branch: Branch) -> list[Commit]:
        """See ``Brancher.commits``."""
        return await self._brancher.commits(branch)

    async def tree(self, branch: Branch) -> Tree:
        """How the agent's branches hang together."""
        return await self._parts.journal.ask(VaultHost.tree, branch.agent)

    async def audit(self, branch: Branch, limit: int, before: int | None = None) -> list[AuditEntry]:
        """Who changed what of the agent, newest first, before a position."""
        return await self._parts.journal.ask(VaultHost.audit, branch.agent, limit, before)

    async def forwarded(self, method: str, args: Sequence[Any]) -> Any:
        """Do what another orchestrator sent here, because it does not have the lineage."""
        return await forwarded(self, method, args)

    async def relayout(self, layout: Layout) -> None:
        """Pools have other sizes now: route by them from here on. Returns when what was sent before is over."""
        self._directory.learn(layout)
        self._parts.journal.forget()
        await asyncio.gather(self._parts.emotion.settled(), *(view.settled() for view in self._parts.views))

    async def retire(self) -> None:
        """Wait until no operation is under way here: this orchestrator is about to be ended."""
        await self._router.idle()
        await self._overdue.settled()
        await self._remembering.settled()
        await asyncio.gather(*(view.settled() for view in self._parts.views))

    async def close(self) -> None:
        """Stop what goes on in the background, in views that live here too. What was acknowledged is in the vault.

        What is under way is waited for, as long as there is time: it asks the views and tells them.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._router.idle(), self._closing_s)
        await self._overdue.settled()
        await self._remembering.settled()
        await self._questions.settled()
        await self._reinforcing.close()
        await self._writer.extracting.close()
        await self._writer.annotator.close()
        await asyncio.gather(*(view.settled() for view in self._parts.views))
        await asyncio.gather(*(view.end(ViewHost.close) for view in self._parts.views))

    async def status(self) -> dict[str, int]:
        """Which process this is, for how many agents it works, and how far each view is behind the journal.

        Also how the reading of statements goes, and what each view that lives here says of itself, under its name; see
        ``Extracting.status``.
        """
        tenure = self._parts.journal.tenure
        if tenure is not None:
            await tenure.enlist(reading=True)
        views = self._views()
        told = {name: await port.told(ViewHost.status) for name, port in views.items()}
        lag = {f"{name}_lag": port.lag.events for name, port in views.items()}
        door = {"calls": self._door.inside, "refused": self._door.refused}
        own = {**process(), "agents": self._parts.journal.residents()} | door | lag
        return (
            own
            | self._writer.extracting.status()
            | self._reinforcing.status()
            | {
                f"{name}_{what}": value
                for name, each in told.items()
                for what, value in each.items()
                if what not in PROCESS
            }
        )

    def _views(self) -> dict[str, Port[Any]]:
        parts = self._parts
        return {"quantum": parts.quantum, "episodic": parts.episodic, "graph": parts.graph}

    def _tell_lag(self) -> None:
        """Tell how far views are behind, and for how many agents it works."""
        for name, port in self._views().items():
            self._metrics.set(JOURNAL_LAG, port.lag.events, name)
        self._metrics.set(RESIDENT_AGENTS, self._parts.journal.branches, ORCHESTRATORS)

    async def _moods(self, asked: Sequence[tuple[Branch, Where]]) -> list[Mood]:
        """The moods of many branches; the vault is asked once for all that are asked as they stand."""
        await self._parts.journal.tips([branch for branch, where in asked if where is None])
        places = [await self._reading(branch, where) for branch, where in asked]
        moods: list[Mood] = []
        for start in range(0, len(places), READINGS):
            lineages, some = zip(*places[start : start + READINGS], strict=True)
            moods += await self._parts.quantum.scatter(QuantumStateHost.read, lineages, some)
        return moods

    async def _warmed(self, branches: Sequence[Branch]) -> list[int]:
        places = await self._parts.journal.tips(branches)
        lineages = [branch.lineage for branch in branches]
        views = self._parts.views
        counts = await asyncio.gather(*(view.scatter(ViewHost.warm, lineages, places) for view in views))
        return [sum(each) for each in zip(*counts, strict=True)]

    async def _reading(self, branch: Branch, where: Where) -> tuple[str, Place]:
        """The place to read at, and the lineage whose host has its views."""
        place = await self._parts.journal.resolve(branch, where)
        return (await self._parts.journal.branch(place.branch)).lineage, place

    def _handle(self, branch: Branch, session: str) -> AgentHandle:
        """A handle for somebody, whose operations are those of his session."""
        return AgentHandle(branch, self._directory.under(session))


QuantumMemoryAgent = actor("QuantumMemoryAgent", ORCHESTRATORS, QuantumMemoryHost)
