"""Merging one branch into another: who is asked what, what a policy decides, and the one event that comes of it.

Owns the order of the questions. The three-way arithmetic is ``memory.merging``'s; the views only read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec

from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.journal import Draft
from quantum_memory.actors.learning import meant
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.ports import Port
from quantum_memory.actors.quantum_state import QuantumStateHost
from quantum_memory.actors.recalling import Recaller
from quantum_memory.actors.requests import MergeRequest, RecallRequest
from quantum_memory.actors.semantic_graph import SemanticGraphHost
from quantum_memory.actors.turns import Turns
from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.views import ViewHost
from quantum_memory.actors.weaving import Weaver, Woven
from quantum_memory.actors.writing import Writer, on_fresh_head
from quantum_memory.checks import bounded
from quantum_memory.errors import (
    ActorUnavailable,
    AlreadyExists,
    CorruptRecord,
    InvalidInput,
    InvalidValue,
    MemoryNotFound,
)
from quantum_memory.memory import merging
from quantum_memory.memory.episodic.merge import MemoryTrait, digest
from quantum_memory.memory.events import Merged, MoodBrought, Picked, Uses
from quantum_memory.memory.merging import Change, Gone, RelationTrait, Since, Trait, Under, Verdict
from quantum_memory.memory.skills import SkillTrait, Tried, news
from quantum_memory.policies.merge import MergePolicy, ask, settled, winner
from quantum_memory.settings import Settings
from quantum_memory.types import (
    PARTS,
    Branch,
    Filters,
    Memory,
    MemoryId,
    MergeConflict,
    MergeReport,
    Mood,
    Part,
    Place,
    Relation,
)

V = TypeVar("V")
Joined = Literal["memories", "skills", "graph"]
JOINED: tuple[Joined, ...] = ("memories", "skills", "graph")
"""The parts that are merged thing by thing; a mood is merged whole."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two places that are to be merged, and for one part the places from which to count.

    Attributes:
        here, source: where the two branches stand.
        ours, theirs: the branches themselves.
        base: the latest place of theirs that ours has had; ``None`` if they share nothing.
        seen: the latest place of ours that theirs has had.
    """

    ours: Branch
    theirs: Branch
    here: Place
    source: Place
    base: Place | None
    seen: Place | None


@dataclass(frozen=True, slots=True)
class MoodShare:
    """The share of the other mood that is taken, whether it is to be offered again, and what is lost by it."""

    weight: float = 0.0
    offered: bool = False
    conflicts: tuple[MergeConflict, ...] = ()


class Merger:
    """Merges of branches. Shares the order of writes with the writer; the source is only read.

    Args:
        parts: ways to the views and the journal.
        turns, writer: who writes.
        recaller: finds what a selective merge asks for in words.
    """

    def __init__(self, parts: Parts, turns: Turns, writer: Writer, recaller: Recaller, settings: Settings) -> None:
        self._parts, self._turns, self._writer, self._recaller = parts, turns, writer, recaller
        self._memories, self._skills = MemoryTrait(settings.limits.text_chars), SkillTrait()
        self._relations, self._weaver = RelationTrait(), Weaver(parts)
        self._settings = settings

    async def merge(self, request: MergeRequest) -> MergeReport:
        """Take over what the other branch has, and this one has not, since both were one; or chosen memories of it.

        Merging again finds nothing new. Raises: InvalidValue for a branch and itself, and where a function of the
        policy fails; MemoryNotFound for a chosen id that the other branch has not; CorruptRecord where a part of what
        has to be compared cannot be read. Nothing is written then.
        """
        ours, theirs = request.branch, request.source
        if ours.id == theirs.id:
            raise InvalidValue("other", f"{theirs.agent}@{theirs.name}", "another branch than the one merged into")
        policy = MergePolicy.of(request.policy)
        selective = request.only is not None or request.matching is not None

        async def write() -> MergeReport:
            here, source, done = await self._places(request)
            if selective:
                return await self._pick(request, policy, here, source, done)
            return await self._whole(request, policy, here, source, done)

        async with self._turns.take([ours.id]):
            return await on_fresh_head(write)

    async def _places(self, request: MergeRequest) -> tuple[Place, Place, Merged | Picked | None]:
        """Where the two branches stand; and what this very merge did before, if Ray repeats the call."""
        journal = self._parts.journal
        first = await journal.ask(VaultHost.outcome, request.branch.agent, request.op_id)
        if first is None:
            return await journal.tip(request.branch), await journal.resolve(request.source, request.at), None
        branch, seq = first.place
        entries = await journal.ask(VaultHost.entries, branch, seq - 1, seq)
        if not entries:
            raise CorruptRecord(f"branch {branch}, {seq}", "this merge was made, and what it made cannot be read")
        event = entries[0].event
        if not isinstance(event, Merged | Picked):
            raise AlreadyExists("operation", request.op_id)
        return Place(branch, seq - 1), event.source, event

    # Everything

    async def _whole(
        self, request: MergeRequest, policy: MergePolicy, here: Place, source: Place, done: Merged | Picked | None
    ) -> MergeReport:
        meetings = await self._meet(request, here, source)
        await self._see_whole(meetings)
        told = meetings["memories"].base
        mood = await self._mood(meetings["mood"], policy, request.mood_weight)
        if not mood.weight and all(meetings[part].base == source for part in JOINED):
            return MergeReport(source, told, (), (), (), (), here)
        (touched, memories), skills, relations = await asyncio.gather(
            self._remembered(meetings, policy),
            self._joined(self._skills, meetings["skills"], policy),
            self._joined(self._relations, meetings["graph"], policy),
        )
        woven = await self._weaver.woven(meetings["graph"], touched, memories, relations)
        event = done if isinstance(done, Merged) else await self._event(meetings, memories, skills, woven, mood)
        (place,) = await self._writer.commit([Draft(request.branch, event, request.op_id)])
        return MergeReport(
            source=source,
            base=told,
            added=tuple(memory.id for memory in event.memories),
            forgotten=event.forgotten,
            skills=tuple(skill.name for skill in event.skills),
            conflicts=(*memories.conflicts, *skills.conflicts, *woven.relations.conflicts, *mood.conflicts),
            place=place,
            revised=tuple(memory.id for memory in event.revised),
            relations=tuple(relation.key for relation in event.relations),
            unrelated=event.unrelated,
            mood=0.0 if event.mood is None else event.mood.weight,
        )

    async def _meet(self, request: MergeRequest, here: Place, source: Place) -> dict[Part, Meeting]:
        """For each part that is merged the places from which it has to be counted, on either side."""
        asked: list[Part] = [*JOINED, "mood"]
        base_of = self._parts.journal.ask
        bases, seen = await asyncio.gather(
            asyncio.gather(*(base_of(VaultHost.merge_base, here, source, part) for part in asked)),
            asyncio.gather(*(base_of(VaultHost.merge_base, source, here, part) for part in asked)),
        )
        return {
            part: Meeting(request.branch, request.source, here, source, base, last)
            for part, base, last in zip(asked, bases, seen, strict=True)
        }

    async def _see_whole(self, meetings: Mapping[Part, Meeting]) -> None:
        """See that views can be decided by. Raises: CorruptRecord naming what cannot be read."""
        for part, meeting in meetings.items():
            if meeting.base == meeting.source:
                continue
            views: dict[Part, Port[Any]] = {"graph": self._parts.graph, "mood": self._parts.quantum}
            sides = [(meeting.ours, meeting.here), (meeting.ours, meeting.seen)]
            sides += [(meeting.theirs, meeting.source), (meeting.theirs, meeting.base)]
            asked = [(branch.lineage, (part, place)) for branch, place in sides if place is not None]
            lineages, places = [one for one, _ in asked], [one for _, one in asked]
            await views.get(part, self._parts.episodic).scatter(ViewHost.whole, lineages, places)

    async def _event(
        self,
        meetings: Mapping[Part, Meeting],
        memories: Verdict[Memory],
        skills: Verdict[Tried],
        woven: Woven,
        share: MoodShare,
    ) -> Merged:
        """The event that says what is taken over. A mood that was left alone is offered again another time."""
        meeting = meetings["mood"]
        mood = None
        if share.weight:
            tensors = await self._parts.quantum.ask(QuantumStateHost.tensors, meeting.theirs.lineage, meeting.source)
            mood = MoodBrought(tensors, share.weight)
        relations, practised = woven.relations, (*skills.added, *skills.changed)
        counted = await self._parts.episodic.ask(
            EpisodicMemoryHost.skill_versions,
            meeting.ours.lineage,
            Under(meeting.here, tuple(one.skill.name for one in practised)),
        )
        return Merged(
            source=meeting.source,
            base=meetings["memories"].base,
            memories=memories.added,
            forgotten=tuple(key for key, _ in memories.dropped),
            skills=tuple(one.skill for one in practised),
            mood=mood,
            revised=memories.changed,
            relations=(*relations.added, *relations.changed),
            unrelated=tuple(key for key, _ in relations.dropped),
            parts=tuple(part for part in PARTS if part != "mood" or not share.offered),
            forgotten_at=tuple(gone.at for _, gone in memories.dropped),
            unrelated_at=tuple(gone.at for _, gone in relations.dropped),
            tries=news(counted, practised),
            heard=woven.missed.heard,
            unheard=tuple(zip(woven.missed.unheard, woven.unheard_at, strict=True)),
            words=woven.words,
            unified=woven.unified,
            uses=await self._uses(meetings["memories"]),
        )

    async def _uses(self, meeting: Meeting) -> tuple[Uses, ...]:
        """The uses of memories there that are not counted here."""
        if meeting.base == meeting.source:
            return ()
        ask_for, since = self._parts.episodic.ask, Since(meeting.source, meeting.base)
        told = await ask_for(EpisodicMemoryHost.uses_since, meeting.theirs.lineage, since)
        if not told:
            return ()
        return await ask_for(EpisodicMemoryHost.uses_new, meeting.ours.lineage, (meeting.here, told))

    async def _joined(self, trait: Trait[V], meeting: Meeting, policy: MergePolicy) -> Verdict[V]:
        """What is taken over of one part."""
        changes = await self._changes(trait, meeting)
        return await self._judged(trait, meeting, policy, changes, self._readings(trait)[2])

    async def _changes(self, trait: Trait[V], meeting: Meeting) -> Sequence[Change[V]]:
        """What the other side did to one part since the base."""
        if meeting.base == meeting.source:
            return ()
        port, changed, _ = self._readings(trait)
        changes: Sequence[Change[V]] = await port.ask(
            changed, meeting.theirs.lineage, Since(meeting.source, meeting.base)
        )
        return changes

    async def _remembered(
        self, meetings: Mapping[Part, Meeting], policy: MergePolicy
    ) -> tuple[frozenset[MemoryId], Verdict[Memory]]:
        """What is taken over of the memories; and which of them the other side touched that the graph may not have had.

        The two differ where one part was rolled back without the other.
        """
        meeting, graph = meetings["memories"], meetings["graph"]
        changes = offered = await self._changes(self._memories, meeting)
        if graph.base != meeting.base:
            offered = await self._changes(self._memories, graph)
        touched = frozenset(change.key for change in offered)
        return touched, await self._joined_of(meeting, policy, changes)

    async def _joined_of(
        self, meeting: Meeting, policy: MergePolicy, changes: Sequence[Change[Memory]]
    ) -> Verdict[Memory]:
        return await self._judged(self._memories, meeting, policy, changes, EpisodicMemoryHost.memory_versions)

    def _readings(self, trait: Trait[V]) -> tuple[Any, Any, Any]:
        """Who reads a part, and how: its changes and its versions."""
        if trait.part == "memories":
            return self._parts.episodic, EpisodicMemoryHost.memory_changes, EpisodicMemoryHost.memory_versions
        if trait.part == "skills":
            return self._parts.episodic, EpisodicMemoryHost.skill_changes, EpisodicMemoryHost.skill_versions
        return self._parts.graph, SemanticGraphHost.changes, SemanticGraphHost.versions

    async def _judged(
        self, trait: Trait[V], meeting: Meeting, policy: MergePolicy, changes: Sequence[Change[V]], versions: Any
    ) -> Verdict[V]:
        """The verdict on changes. It is found in a thread: a function of the policy may take its time."""
        if not changes:
            return Verdict((), (), (), (), frozenset())
        port = self._readings(trait)[0]
        lineage, keys = meeting.ours.lineage, tuple(change.key for change in changes)
        here = await port.ask(versions, lineage, Under(meeting.here, keys))
        seen = {} if meeting.seen is None else await port.ask(versions, lineage, Under(meeting.seen, keys))
        if trait.part == "memories":
            picked = await port.ask(EpisodicMemoryHost.picked, lineage, Under(meeting.here, keys))
            changes, seen = _since_picked(changes, here, seen, picked)
        verdict = await asyncio.to_thread(merging.merge, trait, changes, here, seen, policy)
        if trait.part == "memories":
            return await self._reworded(verdict)
        return await self._meant(verdict, changes) if trait.part == "skills" else verdict

    async def _reworded(self, verdict: Verdict[Any]) -> Verdict[Any]:
        """The verdict with the memories perceived anew to which a function of the policy gave another text."""
        given = {one.key for one in verdict.conflicts if one.field == "text" and one.kept == "given"}
        if not given:
            return verdict
        changed = [
            await self._writer.reperceived(memory) if memory.id in given else memory for memory in verdict.changed
        ]
        return verdict._replace(changed=tuple(changed))

    async def _meant(self, verdict: Verdict[Any], changes: Sequence[Change[Any]]) -> Verdict[Any]:
        """The verdict with the skills read anew whose words are no longer those of either side."""
        known = {one.key for one in changes if isinstance(one.theirs, Tried) and one.theirs.skill.embedding is not None}
        changed = [
            one._replace(skill=await meant(self._parts, self._writer, self._settings, one.skill))
            if one.skill.embedding is None and one.skill.name in known
            else one
            for one in verdict.changed
        ]
        return verdict._replace(changed=tuple(changed))

    # The mood

    async def _mood(self, meeting: Meeting, policy: MergePolicy, mood_weight: float) -> MoodShare:
        """What is taken of the other mood: nothing, if nothing was felt there."""
        if meeting.base == meeting.source:
            return MoodShare()
        choice = policy.choice("mood")
        ours, theirs, base, seen = await self._moods(meeting)
        if ours is None or theirs is None or theirs.at is None or theirs == base:
            return MoodShare()
        if choice == "union":
            return MoodShare(mood_weight, offered=not mood_weight)
        conflict = MergeConflict("mood", meeting.source.branch, "", seen, ours, theirs)
        if callable(choice):
            conflict = await asyncio.to_thread(ask, choice, conflict)
            weight = _weight(conflict)
        else:
            conflict = settled(conflict, winner(choice, ours.at, theirs.at), f"the rule {choice!r}")
            weight = float(conflict.kept == "theirs")
        # A superposition loses nothing, nor does a mood that is left alone: it is offered again.
        lost = weight == 1.0 and ours not in (seen, theirs)
        return MoodShare(weight, not weight, (conflict,) if lost else ())

    async def _moods(self, meeting: Meeting) -> list[Mood | None]:
        """The moods here and there, there at the base, and here as they were last seen from there."""
        places = [meeting.here, meeting.source, meeting.base, meeting.seen]
        lineages = [meeting.ours.lineage, meeting.theirs.lineage] * 2
        asked = [(lineage, place) for lineage, place in zip(lineages, places, strict=True) if place is not None]
        found = iter(await self._parts.quantum.scatter(QuantumStateHost.read, *map(list, zip(*asked, strict=True))))
        return [None if place is None else next(found) for place in places]

    # Chosen memories

    async def _pick(
        self, request: MergeRequest, policy: MergePolicy, here: Place, source: Place, done: Merged | Picked | None
    ) -> MergeReport:
        meeting = (await self._meet(request, here, source))["memories"]
        await self._see_whole({"memories": meeting})
        repeated = done if isinstance(done, Picked) else None
        ids = await self._chosen(request, source) if repeated is None else tuple(one for one, _ in repeated.seen)
        changes = await self._changes_of(meeting, ids)
        versions = EpisodicMemoryHost.memory_versions
        verdict = await self._judged(self._memories, meeting, policy, changes, versions)
        event = repeated or _picked(source, changes, verdict)
        if repeated is None:
            nothing: Verdict[Relation] = Verdict((), (), (), (), frozenset())
            woven = await self._weaver.woven(meeting, ids, verdict, nothing)
            event = msgspec.structs.replace(event, heard=woven.missed.heard)
        place = here
        if event.seen or event.heard:
            (place,) = await self._writer.commit([Draft(request.branch, event, request.op_id)])
        return MergeReport(
            source=source,
            base=meeting.base,
            added=tuple(memory.id for memory in event.memories),
            forgotten=(),
            skills=(),
            conflicts=verdict.conflicts,
            place=place,
            revised=tuple(memory.id for memory in event.revised),
        )

    async def _chosen(self, request: MergeRequest, source: Place) -> tuple[MemoryId, ...]:
        """The ids that are asked for, by name or by what recall on the other branch finds.

        Raises: ActorUnavailable where recall would do without a part: what is written is not decided by half an answer.
        """
        if request.matching is None:
            return tuple(dict.fromkeys(request.only or ()))
        question = RecallRequest(request.source, request.matching, request.k, Filters(), source)
        (hits,) = await self._recaller.recall([question])
        if hits.missing:
            raise ActorUnavailable(hits.missing[0], "what a merge takes over is found with every part, or not at all")
        return tuple(dict.fromkeys((*(request.only or ()), *(hit.memory.id for hit in hits))))

    async def _changes_of(self, meeting: Meeting, ids: tuple[MemoryId, ...]) -> list[Change[Memory]]:
        """What became of these memories on the other side. Raises: MemoryNotFound for one that it has not."""
        ask_for, lineage = self._parts.episodic.ask, meeting.theirs.lineage
        theirs = await ask_for(EpisodicMemoryHost.memory_versions, lineage, Under(meeting.source, ids))
        for one in ids:
            if theirs.get(one) is None or isinstance(theirs[one], Gone):
                raise MemoryNotFound(one)
        before = {}
        if meeting.base is not None:
            before = await ask_for(EpisodicMemoryHost.memory_versions, lineage, Under(meeting.base, ids))
        return [Change(one, before.get(one), theirs[one]) for one in ids if before.get(one) != theirs[one]]


def _since_picked(
    changes: Sequence[Change[Any]],
    here: Mapping[MemoryId, Any],
    seen: Mapping[MemoryId, Any],
    picked: Mapping[str, bytes],
) -> tuple[list[Change[Any]], dict[MemoryId, Any]]:
    """The changes that no selective merge has decided about, and what the other side has seen of ours or gave it."""
    fresh = [one for one in changes if one.key not in picked or not _old_news(one.theirs, here, picked[one.key])]
    taken = {key: here[key] for key, last in picked.items() if key in here and _digest(here[key]) == last}
    return fresh, {**seen, **taken}


def _old_news(theirs: Any, here: Mapping[MemoryId, Any], last: bytes) -> bool:
    """Whether a memory is there as it was when it was picked, or as it was before: then they rolled back."""
    if not isinstance(theirs, Memory):
        return False
    ours = here.get(theirs.id)
    if isinstance(ours, Memory) and digest(ours) == last:
        return (theirs.revised_at or theirs.at) <= (ours.revised_at or ours.at)
    return digest(theirs) == last


def _digest(version: Memory | Gone | None) -> bytes | None:
    return digest(version) if isinstance(version, Memory) else None


def _picked(source: Place, changes: Sequence[Change[Memory]], verdict: Verdict[Memory]) -> Picked:
    """The event of a selective merge: what is taken, and about which versions there was anything to decide."""
    decided = {memory.id for memory in (*verdict.added, *verdict.changed)} | {one.key for one in verdict.conflicts}
    seen = tuple(
        (one.key, digest(one.theirs)) for one in changes if one.key in decided and isinstance(one.theirs, Memory)
    )
    return Picked(source, verdict.added, verdict.changed, seen)


def _weight(decided: MergeConflict) -> float:
    """The share of the other mood that a function asked for. Raises: InvalidValue."""
    if decided.kept != "given":
        return 1.0 if decided.kept == "theirs" else 0.0
    try:
        return bounded("mood", decided.value, 0.0, 1.0)
    except InvalidInput as error:
        raise InvalidValue("policy: mood", repr(decided.value), "'ours', 'theirs' or a share from 0 to 1") from error
