"""What an agent does beside remembering: it revises a memory, feels something, and learns how things are related.

Shares the order of writes with the writer, which does the writing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.journal import Draft
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.requests import FeelRequest, RelateRequest, ReviseRequest
from quantum_memory.actors.semantic_graph import About, SemanticGraphHost
from quantum_memory.actors.turns import Turns
from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.writing import Writer, on_fresh_head
from quantum_memory.checks import within
from quantum_memory.errors import MemoryNotFound, RelationNotFound
from quantum_memory.memory.events import Felt, Related, Revised, Spoken, Unified, Unrelated, Word
from quantum_memory.memory.merging import Under, Version
from quantum_memory.memory.semantic.graph import Expected
from quantum_memory.settings import Settings
from quantum_memory.types import Branch, Memory, MemoryId, Place, Relation, RelationKey


class Reviser:
    """Revises, feels and relates.

    Args:
        parts, turns, writer: who reads, waits and writes.
        settings: the limits of texts.
        now: the time of what carries none.
    """

    def __init__(
        self, parts: Parts, turns: Turns, writer: Writer, settings: Settings, now: Callable[[], datetime]
    ) -> None:
        self._parts, self._turns, self._writer = parts, turns, writer
        self._settings, self._now = settings, now

    async def revise(self, request: ReviseRequest) -> Memory:
        """The memory as it reads now. Raises: MemoryNotFound, TooLong; then nothing is changed."""
        branch, fields = request.branch, dict(request.fields)
        if "text" in fields:
            within("text", fields["text"], self._settings.limits.text_chars)

        async def write() -> Place:
            here = await self._parts.journal.tip(branch)
            old = await self._read(branch, here, request.memory)
            if old is None:
                first = await self._parts.journal.ask(VaultHost.outcome, branch.agent, request.op_id)
                if first is None:
                    raise MemoryNotFound(request.memory)
                return first.place
            new = replace(old, **fields, revised_at=self._now())
            if "text" in fields:
                new = await self._writer.reperceived(new)
            return (await self._writer.commit([Draft(branch, Revised((new,)), request.op_id)]))[0]

        async with self._turns.take([branch.id]):
            found = await self._read(branch, await on_fresh_head(write), request.memory)
        if found is None:
            raise MemoryNotFound(request.memory)
        return found

    async def feel(self, request: FeelRequest) -> Place:
        """Where the branch stands after a feeling that is no memory. Raises: TooLong; InvalidValue for its parts."""
        within("cause", request.cause, self._settings.limits.text_chars)
        felt = Felt(self._now(), request.pad, 1.0, request.intensity, request.cause, request.parts)

        async def write() -> Place:
            return (await self._writer.commit([Draft(request.branch, felt, request.op_id)]))[0]

        async with self._turns.take([request.branch.id]):
            return await on_fresh_head(write)

    async def relate(self, request: RelateRequest) -> Relation:
        """The relation as it is known now.

        A memory that is there and that the graph alone has lost comes back to the graph with what it says.

        Raises: MemoryNotFound if the memory that says so is not known; RelationNotFound for what is to be replaced and
        does not hold.
        """
        branch, relation = request.branch, request.relation
        dated = replace(relation, at=relation.at or self._now())
        ended = tuple(Word(key, dated.at, None, relation.memory) for key in request.replaces)

        async def write() -> Place:
            heard: tuple[Spoken, ...] = ()
            here = await self._parts.journal.tip(branch)
            if ended:
                held = await self._versions(branch, here, request.replaces)
                lost = [key for key in request.replaces if not isinstance(held.get(key), Relation)]
                if lost and not await self._done(request):
                    raise RelationNotFound(*lost[0])
            if relation.memory is not None:
                told = await self._read(branch, here, relation.memory)
                if told is not None:
                    heard = await self._missed(branch, here, told)
                elif not await self._done(request):
                    raise MemoryNotFound(relation.memory)
            return (await self._writer.commit([Draft(branch, Related((dated,), heard, ended), request.op_id)]))[0]

        async with self._turns.take([branch.id]):
            found = await self._related(branch, await on_fresh_head(write), relation.key)
        if relation.until is not None:
            return dated
        if found is None:
            raise RelationNotFound(*relation.key)
        return found

    async def unrelate(self, branch: Branch, key: RelationKey, op_id: str, at: datetime | None = None) -> None:
        """Say that a relation holds no longer, since a time or since now. Raises: RelationNotFound."""

        async def write() -> None:
            known = await self._related(branch, await self._parts.journal.tip(branch), key)
            if known is None:
                if await self._parts.journal.ask(VaultHost.outcome, branch.agent, op_id):
                    return
                raise RelationNotFound(*key)
            await self._writer.commit([Draft(branch, Unrelated((key,), at or self._now()), op_id)])

        async with self._turns.take([branch.id]):
            await on_fresh_head(write)

    async def unify(self, branch: Branch, names: Unified, op_id: str) -> tuple[str, ...]:
        """The names that mean the same as one that is kept, once others do."""

        async def write() -> Place:
            return (await self._writer.commit([Draft(branch, names, op_id)]))[0]

        async with self._turns.take([branch.id]):
            place = await on_fresh_head(write)
        return await self._parts.graph.ask(SemanticGraphHost.aliases, branch.lineage, (place, names.keep))

    async def relations(
        self, lineage: str, place: Place, about: str | None, at: datetime | None = None
    ) -> list[Relation]:
        """The relations at a place: those with something of this name at either end, or all; or what held at a time."""
        asked = About(place, about, at)
        found: tuple[Relation, ...] = await self._parts.graph.ask(SemanticGraphHost.relations, lineage, asked)
        return list(found)

    async def _done(self, request: RelateRequest) -> bool:
        """Whether Ray repeats a call that was done."""
        outcome = await self._parts.journal.ask(VaultHost.outcome, request.branch.agent, request.op_id)
        return outcome is not None

    async def _missed(self, branch: Branch, here: Place, memory: Memory) -> tuple[Spoken, ...]:
        """The memory, if the graph has lost it."""
        expected = Expected(there=(Spoken(memory.id, memory.text, memory.speaker, memory.session),))
        return (await self._parts.graph.ask(SemanticGraphHost.missed, branch.lineage, (here, expected))).heard

    async def _read(self, branch: Branch, place: Place, memory: MemoryId) -> Memory | None:
        asked = Under(place, (memory,))
        found = (await self._parts.episodic.ask(EpisodicMemoryHost.memory_versions, branch.lineage, asked)).get(memory)
        return found if isinstance(found, Memory) else None

    async def _related(self, branch: Branch, place: Place, key: RelationKey) -> Relation | None:
        found = (await self._versions(branch, place, (key,))).get(key)
        return found if isinstance(found, Relation) else None

    async def _versions(
        self, branch: Branch, place: Place, keys: tuple[RelationKey, ...]
    ) -> Mapping[RelationKey, Version[Relation]]:
        return await self._parts.graph.ask(SemanticGraphHost.versions, branch.lineage, Under(place, keys))
