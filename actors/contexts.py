"""Contexts: what a prompt needs of an agent, gathered from its parts at one place, and made into a block.

The block is written by ``memory.prompting``, in a thread, where the settings' tokenizer is; or on the side of whoever
asks, where he brings a function that counts: a function does not travel, what it counts does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.operations import Call
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.patience import Deadline
from quantum_memory.actors.quantum_state import QuantumStateHost
from quantum_memory.actors.recalling import Recaller
from quantum_memory.actors.requests import RecallRequest
from quantum_memory.actors.semantic_graph import About, SemanticGraphHost
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.prompting.assembling import Manner, assemble
from quantum_memory.memory.prompting.block import Context
from quantum_memory.memory.prompting.counting import CallableCounter, counter_of
from quantum_memory.memory.prompting.material import PART_REACH, Material, Stretch, Wish, beside, passes
from quantum_memory.memory.semantic.extract import extract
from quantum_memory.settings import Settings
from quantum_memory.types import Branch, Filters, Hit, Hits, Memory, MemoryId, Mood, Place, Relation

MAX_NAMED = 8
"""How many things that a question names are looked up in the graph."""
_NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True)
class ContextRequest:
    """A question to one branch, and what kind of block is wanted. How many are recalled is the wish's."""

    asked: RecallRequest
    wish: Wish

    @property
    def branch(self) -> Branch:
        """Whose it is: by that it goes to the orchestrator that has the lineage."""
        return self.asked.branch

    @property
    def deadline_s(self) -> float | None:
        """How long it may take, if the question says so."""
        return self.asked.deadline_s


class Contexts:
    """Gathers material and makes blocks of it. Takes no turn: a read sees every write that was acknowledged.

    Args:
        parts: ways to the views.
        recaller: finds what the question calls up.
        settings: shares of the sections, the tokenizer, limits.
    """

    def __init__(self, parts: Parts, recaller: Recaller, settings: Settings) -> None:
        self._parts, self._recaller, self._settings = parts, recaller, settings
        self._manner = Manner(settings.context.shares.policy(), settings.context.walk)

    async def context(self, request: ContextRequest) -> Context:
        """The block. Raises: InvalidInput, PlaceNotFound; MissingModel, CorruptRecord for the tokenizer."""
        counter = await asyncio.to_thread(counter_of, self._settings.context.tokenizer)
        material, manner = await self.material(request)
        return await asyncio.to_thread(assemble, material, request.wish, counter, manner)

    async def material(self, request: ContextRequest) -> tuple[Material, Manner]:
        """What the block is made of, and how the settings want it made. Raises: InvalidInput, PlaceNotFound."""
        asked, wish = request.asked, request.wish
        place = await self._parts.journal.resolve(asked.branch, asked.as_of)
        lineage = (await self._parts.journal.branch(place.branch)).lineage
        recalled = replace(asked, as_of=place, k=min(wish.hits, self._settings.limits.recalled))
        due, query = self._recaller.deadline([asked]), asked.query if isinstance(asked.query, str) else None
        (hits,), working, felt, known = await asyncio.gather(
            self._recaller.recall([recalled], due),
            self._parts.episodic.ask(EpisodicMemoryHost.working, lineage, place),
            self._recaller.mood.within(due, lambda: self._mood(lineage, place, wish)),
            self._recaller.graph.within(due, lambda: self._relations(lineage, place, query, wish)),
        )
        mood, relations = felt[0] if felt else None, known or ()
        missing = {*hits.missing, *(["mood"] if felt is None else []), *(["graph"] if known is None else [])}
        stretches, sources = await asyncio.gather(
            self._stretches(lineage, place, hits, wish), self._sources(lineage, place, relations, asked.filters)
        )
        material = Material(
            query,
            tuple(hits),
            _let_through(stretches, asked.filters),
            _passing(working, asked.filters),
            _sourced(relations, sources, asked.filters),
            sources,
            mood,
            tuple(sorted(missing)),
        )
        return material, self._manner

    async def accompany(self, request: RecallRequest) -> Hits:
        """Hits with what was said just before and after each, as far as the filters let it through."""
        due = self._recaller.deadline([request])
        async with due.kept("recall"):
            return await self._accompanied(request, due)

    async def _accompanied(self, request: RecallRequest, due: Deadline) -> Hits:
        place = await self._parts.journal.resolve(request.branch, request.as_of)
        lineage = (await self._parts.journal.branch(place.branch)).lineage
        (hits,) = await self._recaller.recall([replace(request, as_of=place)], due)
        reaches = {hit.memory.id: request.neighbours for hit in hits}
        found = await self._company(lineage, place, reaches)
        near = beside(_let_through(found, request.filters), request.neighbours)
        alone: tuple[Stretch, Stretch] = ((), ())
        sides = (near.get(hit.memory.id, alone) for hit in hits)
        beside_them = zip(hits, sides, strict=True)
        return Hits((replace(hit, before=before, after=after) for hit, (before, after) in beside_them), hits.missing)

    async def _mood(self, lineage: str, place: Place, wish: Wish) -> tuple[Mood | None]:
        """The mood, if one is wanted and anything was ever felt."""
        if "mood" not in wish.sections:
            return (None,)
        mood = await self._parts.quantum.ask(QuantumStateHost.read, lineage, place)
        return (mood if mood.at is not None else None,)

    async def _relations(self, lineage: str, place: Place, query: str | None, wish: Wish) -> tuple[Relation, ...]:
        """What holds of the things that the question names, each once."""
        if not query or "known" not in wish.sections or len(query) > self._settings.limits.text_chars:
            return ()  # a question that is too long is refused by recall, before anybody reads it
        named = [concept.label for concept in extract(query)][:MAX_NAMED]
        if not named:
            return ()
        asked = [About(place, name) for name in named]
        found = await self._parts.graph.scatter(SemanticGraphHost.relations, [lineage] * len(asked), asked)
        return tuple({relation.key: relation for known in found for relation in known}.values())

    async def _stretches(self, lineage: str, place: Place, hits: Sequence[Hit], wish: Wish) -> tuple[Stretch, ...]:
        """The conversations around hits: widely around those that are the best of theirs, closely around the others."""
        best: dict[object, MemoryId] = {}
        for hit in hits:
            memory = hit.memory
            best.setdefault(memory.session if memory.session is not None else memory.at.date(), memory.id)
        wide = list(best.values())[: wish.parts] if "earlier" in wish.sections else []
        close = [hit.memory.id for hit in hits[: wish.accompanied]] if "remembered" in wish.sections else []
        return await self._company(
            lineage, place, dict.fromkeys(close, wish.neighbours) | dict.fromkeys(wide, PART_REACH)
        )

    async def _company(self, lineage: str, place: Place, reaches: Mapping[MemoryId, int]) -> tuple[Stretch, ...]:
        if not reaches:
            return ()
        return await self._parts.episodic.ask(EpisodicMemoryHost.company, lineage, (place, reaches))

    async def _sources(
        self, lineage: str, place: Place, relations: Sequence[Relation], filters: Filters
    ) -> frozenset[MemoryId]:
        """Which of the memories that told relations can be found and pass the filters."""
        told = sorted({relation.memory for relation in relations if relation.memory is not None})
        found = await self._company(lineage, place, dict.fromkeys(told, 0))
        return frozenset(memory.id for stretch in found for memory in stretch if passes(memory, filters))


def assembled(gathered: Call[tuple[Material, Manner]], wish: Wish, count: Callable[[str], int]) -> Call[Context]:
    """A call that gathers where the memories are and writes the block here, by a function that counts."""
    counter = CallableCounter(count)
    return _AssembledHere(gathered, lambda found: assemble(found[0], wish, counter, found[1]))


class _AssembledHere(Call[Context]):
    """Gathers there, finishes here."""

    def __init__(
        self,
        gathered: Call[tuple[Material, Manner]],
        finish: Callable[[tuple[Material, Manner]], Context],
    ) -> None:
        self._gathered, self._finish = gathered, finish

    def send(self) -> object:  # type: ignore[override]  # there is no reference to give
        """Raises: InvalidValue. The block is not made where a reference could point to."""
        want = "none with .remote, because a function stays here: name a file in context.tokenizer"
        raise InvalidValue("tokenizer", "a function", want)

    def begun(self) -> Callable[[], Context]:
        answer = self._gathered.begun()
        return lambda: self._finish(answer())

    def result(self) -> Context:
        return self._finish(self._gathered.result())

    def begin(self) -> Awaitable[Context]:
        return self._finished(self._gathered.begin())

    async def _finished(self, answer: Awaitable[tuple[Material, Manner]]) -> Context:
        return self._finish(await answer)


def _let_through(stretches: Sequence[Stretch], filters: Filters) -> tuple[Stretch, ...]:
    found = (_passing(stretch, filters) for stretch in stretches)
    return tuple(stretch for stretch in found if stretch)


def _passing(memories: Sequence[Memory], filters: Filters) -> tuple[Memory, ...]:
    return tuple(memory for memory in memories if passes(memory, filters))


def _sourced(relations: Sequence[Relation], sources: frozenset[MemoryId], filters: Filters) -> tuple[Relation, ...]:
    """Under filters only what a memory said that passes them; else all that is known."""
    if filters == _NO_FILTERS:
        return tuple(relations)
    return tuple(relation for relation in relations if relation.memory in sources)
