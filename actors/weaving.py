"""What a merge does to the graph beside the memories: what it has to be told, and which relations it cannot take over.

Reads the views and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.semantic_graph import SemanticGraphHost
from quantum_memory.memory.events import Spoken, Unified, Word
from quantum_memory.memory.merging import Gone, Since, Under, Verdict
from quantum_memory.memory.semantic.graph import Expected, Missed
from quantum_memory.memory.semantic.relations import spoken
from quantum_memory.types import Memory, MemoryId, MergeConflict, Relation, RelationKey

if TYPE_CHECKING:
    from quantum_memory.actors.merging import Meeting


@dataclass(frozen=True, slots=True)
class Woven:
    """What a merge does to the graph: the relations taken over, and what has to be put right between it and memories.

    Attributes:
        relations: without those told by a memory that is gone; each of these is among its conflicts.
        missed: where the graph would not be as the memories are.
        unheard_at: when what the graph gives up was forgotten.
        words: what was said of relations there and is not known here; not the words by which ``relations`` come over.
        unified: the names that came to mean one thing there.
    """

    relations: Verdict[Relation]
    missed: Missed
    unheard_at: tuple[datetime | None, ...] = ()
    words: tuple[Word, ...] = ()
    unified: tuple[Unified, ...] = ()


class Weaver:
    """Holds what the memories are about to be against the graph.

    Args:
        parts: ways to the views.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def woven(
        self,
        meeting: Meeting,
        touched: Iterable[MemoryId],
        memories: Verdict[Memory],
        relations: Verdict[Relation],
    ) -> Woven:
        """What becomes of the graph where memories become so.

        The graph is to have what the memories have, of all that the merge touches, also where one of them was rolled
        back alone; and no relation is taken over that is told by a memory which is forgotten here.
        """
        words, unified = await self._news(meeting)
        told = {one.memory for one in (*relations.added, *relations.changed) if one.memory is not None}
        told |= {one.memory for one in words if one.memory is not None}
        dropped = {key for key, _ in memories.dropped}
        brought = {one.id for one in (*memories.added, *memories.changed)}
        open_ids = tuple(sorted((told | set(touched)) - dropped - brought))
        here = {}
        if open_ids:
            versions, under = EpisodicMemoryHost.memory_versions, Under(meeting.here, open_ids)
            here = await self._parts.episodic.ask(versions, meeting.ours.lineage, under)
        expected = Expected(
            tuple(map(_spoken, memories.added)),
            tuple(_spoken(one) for one in here.values() if isinstance(one, Memory)),
            tuple(one for one in open_ids if not isinstance(here.get(one), Memory)),
        )
        missed = Missed()
        if any(expected):
            ask = self._parts.graph.ask
            missed = await ask(SemanticGraphHost.missed, meeting.ours.lineage, (meeting.here, expected))
        gone = {key: one.at for key, one in here.items() if isinstance(one, Gone)}
        missed = missed._replace(unheard=tuple(one for one in missed.unheard if one in gone))
        silent = dropped | set(gone) | set(missed.deaf)
        lost = [one for one in (*relations.added, *relations.changed) if one.memory in silent]
        if lost:
            relations = await self._without(meeting, relations, lost)
        decided = frozenset(spoken((*relations.added, *relations.changed)))
        words = tuple(one for one in words if one.memory not in silent and one not in decided)
        return Woven(relations, missed, tuple(gone[one] for one in missed.unheard), words, unified)

    async def _news(self, meeting: Meeting) -> tuple[tuple[Word, ...], tuple[Unified, ...]]:
        """What was said of relations there, and not here, since the base; and which names came to mean one thing."""
        if meeting.base == meeting.source:
            return (), ()
        ask, since = self._parts.graph.ask, Since(meeting.source, meeting.base)
        said = await ask(SemanticGraphHost.words_since, meeting.theirs.lineage, since)
        words = await ask(SemanticGraphHost.unheard, meeting.ours.lineage, (meeting.here, said)) if said else ()
        return words, await ask(SemanticGraphHost.unified_since, meeting.theirs.lineage, since)

    async def _without(
        self, meeting: Meeting, relations: Verdict[Relation], lost: Sequence[Relation]
    ) -> Verdict[Relation]:
        """The verdict without these relations, and with a conflict for each instead."""
        keys = tuple(one.key for one in lost)
        versions, ask = SemanticGraphHost.versions, self._parts.graph.ask
        here = await ask(versions, meeting.ours.lineage, Under(meeting.here, keys))
        base = {}
        if meeting.base is not None:
            base = await ask(versions, meeting.theirs.lineage, Under(meeting.base, keys))
        kept: dict[RelationKey, MergeConflict] = {}
        for one in lost:
            ours, before = here.get(one.key), base.get(one.key)
            ours, before = (None if isinstance(each, Gone) else each for each in (ours, before))
            conflict = MergeConflict("graph", one.key, "memory", before, ours, one)
            reason = f"{one.memory!r}, which tells it, is forgotten here"
            kept[one.key] = replace(conflict, kept="ours", value=ours, reason=reason)
        return relations._replace(
            added=tuple(one for one in relations.added if one.key not in kept),
            changed=tuple(one for one in relations.changed if one.key not in kept),
            conflicts=(*(one for one in relations.conflicts if one.key not in kept), *kept.values()),
        )


def _spoken(memory: Memory) -> Spoken:
    return Spoken(memory.id, memory.text, memory.speaker, memory.session)
