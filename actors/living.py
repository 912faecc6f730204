"""The steps of a memory's life on a branch: tidied up, near-duplicates merged, consolidated; and where one comes from.

Owns the order of reading, deciding and writing. What is decided is decided in ``memory.life``, from the branch alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from quantum_memory.actors import life_rules
from quantum_memory.actors.episodic_memory import EpisodicMemoryHost, Tidying
from quantum_memory.actors.journal import Draft
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.requests import Where
from quantum_memory.actors.turns import Turns
from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.writing import Writer, on_fresh_head
from quantum_memory.errors import InvalidValue, MemoryNotFound, PlaceNotFound
from quantum_memory.memory.events import Event, Forgotten, Revised
from quantum_memory.memory.life.duplicates import Group, groups
from quantum_memory.memory.life.episodes import episodes
from quantum_memory.memory.life.facts import facts
from quantum_memory.memory.life.provenance import Provenance, origin_of
from quantum_memory.memory.life.reports import (
    Absorbed,
    ConsolidationReport,
    DuplicateGroup,
    DuplicatesReport,
    Made,
    Step,
    TidyReport,
)
from quantum_memory.memory.vault.writes import CreateCommit
from quantum_memory.settings import Settings
from quantum_memory.types import Branch, Commit, Memory, MemoryId, Place

S = TypeVar("S", bound=Step)


@dataclass(frozen=True, slots=True)
class LifeRequest:
    """A step of the life of a branch's memories: done, or only told where ``dry_run``.

    ``most`` is how many memories may be left, in the place of ``life.forgetting.most``.
    """

    branch: Branch
    dry_run: bool
    op_id: str
    most: int | None = None


class Moment(NamedTuple):
    """The place from which something is decided, and when."""

    place: Place
    now: datetime


class Plan(NamedTuple, Generic[S]):
    """What a step would write, and the report of it."""

    events: tuple[Event, ...]
    report: S


Planner: TypeAlias = Callable[[Moment], Awaitable[Plan[S]]]


class Life:
    """Lives the memories of branches. Shares the order of writes with the writer.

    Args:
        parts, turns, writer: who reads, waits and writes.
        settings: the rules.
        now: the moment for which is decided.
    """

    def __init__(
        self, parts: Parts, turns: Turns, writer: Writer, settings: Settings, now: Callable[[], datetime]
    ) -> None:
        self._parts, self._turns, self._writer = parts, turns, writer
        self._settings, self._now = settings, now

    async def tidy(self, request: LifeRequest) -> TidyReport:
        """Forget what the policy lets go. Raises: OutOfRange for ``most``."""
        policy = life_rules.forgetting(self._settings.life, request.most)
        decay = life_rules.decay(self._settings.life)

        async def plan(moment: Moment) -> Plan[TidyReport]:
            asked = Tidying(moment.place, moment.now, decay, policy)
            gone, kept = await self._parts.episodic.ask(EpisodicMemoryHost.fading, request.branch.lineage, asked)
            event = Forgotten(tuple(one.id for one in gone), moment.now)
            return Plan((event,) if gone else (), TidyReport(request.dry_run, moment.now, gone, kept))

        return await self._done(request, "before tidying up", plan)

    async def merge_duplicates(self, request: LifeRequest) -> DuplicatesReport:
        """Merge memories that say the same in nearly the same words at nearly the same time."""
        rule = life_rules.alike(self._settings.life)

        async def plan(moment: Moment) -> Plan[DuplicatesReport]:
            every = await self._memories(request.branch, moment.place)
            found = await asyncio.to_thread(groups, every, rule, moment.now)
            events: tuple[Event, ...] = ()
            if found:
                twins = tuple(twin.memory.id for group in found for twin in group.twins)
                events = Revised(tuple(group.becomes for group in found)), Forgotten(twins, moment.now)
            told = tuple(_told(group) for group in found)
            return Plan(events, DuplicatesReport(request.dry_run, moment.now, told))

        return await self._done(request, "before merging duplicates", plan)

    async def consolidate(self, request: LifeRequest) -> ConsolidationReport:
        """Make episodes of runs of turns that are over, and facts of what is said again and again.

        What was forgotten of these stays forgotten. Written as revisions, so that they change neither the mood nor
        what is before the inner eye.
        """
        runs, repeated = life_rules.runs(self._settings), life_rules.repeated(self._settings.life)

        async def plan(moment: Moment) -> Plan[ConsolidationReport]:
            every = await self._memories(request.branch, moment.place)
            told = await asyncio.to_thread(episodes, every, runs, moment.now)
            said = await asyncio.to_thread(facts, every, repeated, moment.now)
            written = await self._allowed(request.branch, moment.place, (*told.written, *said.written))
            there = {one.id for one in every}
            events: list[Event] = [Revised(written)] if written else []
            events += [Forgotten(said.dropped, moment.now)] if said.dropped else []
            made = tuple(_made(one, one.id not in there) for one in written)
            return Plan(tuple(events), ConsolidationReport(request.dry_run, moment.now, made, said.dropped))

        return await self._done(request, "before consolidating", plan)

    async def provenance(self, branch: Branch, memory: MemoryId, as_of: Where) -> Provenance:
        """Where a memory comes from, and what was made of it. Raises: MemoryNotFound, PlaceNotFound."""
        place = await self._parts.journal.resolve(branch, as_of)
        lineage = (await self._parts.journal.branch(place.branch)).lineage
        found = await self._parts.episodic.ask_long(EpisodicMemoryHost.provenance, lineage, (place, memory))
        if found is None:
            raise MemoryNotFound(memory)
        return found

    async def _done(self, request: LifeRequest, message: str, plan: Planner[S]) -> S:
        """The report of a step, once what it plans is written; at the place where the branch stands then."""
        branch = request.branch
        if request.dry_run:
            return (await plan(Moment(await self._parts.journal.tip(branch), self._now()))).report

        async def write() -> S:
            moment = await self._moment(request)
            events, report = await plan(moment)
            if not events:
                return report
            commit = await self._checkpoint(moment.place, branch, message, request.op_id)
            drafts = [Draft(branch, event, f"{request.op_id}{'+' * index}") for index, event in enumerate(events)]
            # One by one: of several in one call the second would be written where the first is refused, if another
            # writer moved the branch on by one in between. What stands already does not move the head.
            for draft in drafts:
                await self._writer.commit([draft])
            return replace(report, checkpoint=commit)

        async with self._turns.take([branch.id]):
            return await on_fresh_head(write)

    async def _moment(self, request: LifeRequest) -> Moment:
        """Where and when the step is decided: there and then where it was, if it was begun before."""
        first = await self._parts.journal.ask(VaultHost.outcome, request.branch.agent, request.op_id)
        if first is None:
            return Moment(await self._parts.journal.tip(request.branch), self._now())
        branch, seq = first.place
        return Moment(Place(branch, seq - 1), first.at)

    async def _checkpoint(self, place: Place, branch: Branch, message: str, op_id: str) -> Commit | None:
        if not self._settings.life.checkpoint:
            return None
        # Named by the place too: if another writer comes in between, the next attempt begins at a later one.
        (written,) = await self._parts.journal.write(
            [CreateCommit(place.branch, place.seq, message, f"{op_id}-before-{place.seq}")], branch.lineage
        )
        if written.commit is None:
            raise PlaceNotFound(branch.agent, message)
        self._writer.noted(branch, written.commit)
        return written.commit

    async def _allowed(self, branch: Branch, place: Place, made: Sequence[Memory]) -> tuple[Memory, ...]:
        """What may be written, as the journal is to hold it: nothing that was forgotten."""
        ids = tuple(one.id for one in made)
        known = await self._parts.episodic.ask(EpisodicMemoryHost.known, branch.lineage, (place, ids))
        return tuple(
            replace(one, embedding=self._writer.stored(one.embedding))
            for one in made
            if one.id not in known or not known[one.id].forgotten
        )

    async def _memories(self, branch: Branch, place: Place) -> list[Memory]:
        return await self._parts.episodic.ask(EpisodicMemoryHost.memories, branch.lineage, place)


def _told(group: Group) -> DuplicateGroup:
    twins = tuple(Absorbed(twin.memory.id, twin.memory.text, twin.words, twin.cosine) for twin in group.twins)
    return DuplicateGroup(group.stays.id, group.stays.text, twins)


def _made(memory: Memory, new: bool) -> Made:
    """Raises: InvalidValue for a memory that was made of nothing."""
    origin = origin_of(memory)
    if origin is None:
        raise InvalidValue("memory", memory.id, "one that was made of others")
    return Made(memory.id, origin.how, memory.text, origin.sources, new)
