"""Equations of relationships: fitted to what a branch remembers, kept as memories, read back along its history.

The mathematics is ``memory.affect.dynamics``'s; writing is the writer's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from quantum_memory.actors.branching import Brancher
from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.journal import Draft
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.requests import Tip, Where
from quantum_memory.actors.turns import Turns
from quantum_memory.actors.writing import Writer, on_fresh_head
from quantum_memory.checks import within
from quantum_memory.errors import AlreadyExists
from quantum_memory.memory.affect.dynamics.equation import KIND, Equation, equation_id
from quantum_memory.memory.affect.dynamics.fitting import Shape
from quantum_memory.memory.affect.dynamics.relating import equation, speaks
from quantum_memory.memory.events import Revised
from quantum_memory.memory.merging import Under
from quantum_memory.settings import Settings
from quantum_memory.types import PAD, Branch, LogEntry, Memory, Mood, Place

MOODS = 500
"""Of an agent that never speaks, how many of its last moods are looked at: each is read from its quantum state."""
LOOKED = 64
"""Places looked at in one call."""
CHANGING = frozenset({"revised", "merged", "picked", "rolled_back", "forgotten"})
"""Events after which a kept equation may be another."""


@dataclass(frozen=True, slots=True)
class EquationRequest:
    """Fit an equation to a branch.

    Attributes:
        other: towards whom; ``None`` for the agent alone.
        names: what the agent is called as a speaker, besides its name and those of the agents it was cloned from.
        shape: which system; the better one when left out.
    """

    branch: Branch
    other: str | None
    names: tuple[str, ...] = ()
    shape: Shape | None = None


class Equations:
    """Fits, keeps and reads equations.

    Args:
        parts, turns, writer: who reads, waits and writes.
        brancher: reads moods and logs.
        settings: the dimension of embeddings and the limit of texts.
        now: when an equation was revised.
    """

    def __init__(
        self,
        parts: Parts,
        turns: Turns,
        writer: Writer,
        brancher: Brancher,
        settings: Settings,
        now: Callable[[], datetime],
    ) -> None:
        self._parts, self._turns, self._writer = parts, turns, writer
        self._brancher, self._settings, self._now = brancher, settings, now

    async def fit(self, request: EquationRequest, as_of: Where = None) -> Equation:
        """The equation that explains a place best. Raises: InvalidValue for a history that cannot be explained."""
        place = await self._parts.journal.resolve(request.branch, as_of)
        branch = await self._parts.journal.branch(place.branch)
        names = (*request.names, *await self._names(branch))
        memories = await self._memories(branch, place)
        moods = None if speaks(memories, branch.agent, names) else await self._moods(branch, place)
        return await asyncio.to_thread(
            equation, memories, branch.agent, request.other, names=names, moods=moods, shape=request.shape
        )

    async def keep(self, request: EquationRequest, op_id: str) -> Equation:
        """Fit, and remember what was found in the place of what was kept before. Raises: AlreadyExists, InvalidInput.

        The memory is written as a revision, whether it was there or not: so it stays out of working memory, and one
        that was forgotten is there again. Nothing is written if nothing is new.
        """
        branch = request.branch
        found = await self.fit(request, Tip(branch.id))
        within("text", found.sentence, self._settings.limits.text_chars)

        async def write() -> None:
            here = await self._parts.journal.tip(branch)
            old = (await self._versions(found.id, [here]))[0]
            if old is not None and old.kind != KIND:
                raise AlreadyExists("memory", found.id)
            if old is None or old.metadata != {KIND: found.to_plain()}:
                await self._writer.commit([Draft(branch, Revised((await self._memory(found, old),)), op_id)])

        async with self._turns.take([branch.id]):
            await on_fresh_head(write)
        return found

    async def kept(self, branch: Branch, as_of: Where) -> list[Equation]:
        """The equations kept at a place, that of the agent alone first. Raises: InvalidValue for one that is spoilt."""
        place = await self._parts.journal.resolve(branch, as_of)
        memories = await self._memories(await self._parts.journal.branch(place.branch), place)
        found = [_read(memory) for memory in memories if memory.kind == KIND]
        return sorted(found, key=lambda one: one.id)

    async def history(self, branch: Branch, other: str | None, limit: int) -> list[tuple[LogEntry, Equation]]:
        """What was kept with somebody after each of the last events that changed it, oldest first."""
        entries = (await self._brancher.log(branch, limit, None))[::-1]
        looked = [
            entry for index, entry in enumerate(entries) if entry.kind in CHANGING or index in (0, len(entries) - 1)
        ]
        versions = await self._versions(equation_id(other), [entry.place for entry in looked])
        found: list[tuple[LogEntry, Equation]] = []
        before: Equation | None = None
        for entry, memory in zip(looked, versions, strict=True):
            one = None if memory is None or memory.kind != KIND else _read(memory)
            if one is not None and one != before:
                found.append((entry, one))
            before = one
        return found

    async def _names(self, branch: Branch) -> Iterable[str]:
        """The agent and those that it was cloned from: what they said was said before it went its own way."""
        names = {branch.agent: None}
        while branch.parent is not None:
            branch = await self._parts.journal.branch(branch.parent)
            names.setdefault(branch.agent)
        return names

    async def _memories(self, branch: Branch, place: Place) -> list[Memory]:
        return await self._parts.episodic.ask(EpisodicMemoryHost.memories, branch.lineage, place)

    async def _moods(self, branch: Branch, place: Place) -> list[Mood]:
        return [mood for _, mood in await self._brancher.mood_history(branch, MOODS, place)]

    async def _versions(self, memory: str, places: Sequence[Place]) -> list[Memory | None]:
        """What stands under an id at places."""
        found: list[Memory | None] = []
        for start in range(0, len(places), LOOKED):
            some = places[start : start + LOOKED]
            owners = [(await self._parts.journal.branch(place.branch)).lineage for place in some]
            asked = [Under(place, (memory,)) for place in some]
            answers = await self._parts.episodic.scatter(EpisodicMemoryHost.memory_versions, owners, asked)
            versions = (answer.get(memory) for answer in answers)
            found += [one if isinstance(one, Memory) else None for one in versions]
        return found

    async def _memory(self, found: Equation, old: Memory | None) -> Memory:
        """The memory that keeps an equation: of confidence 0, so that no mood and no fit takes it for a feeling."""
        bare = Memory(
            id=found.id,
            text=found.sentence,
            at=found.end,
            pad=PAD(*(min(1.0, max(-1.0, value)) for value in found.rest)),
            confidence=0.0,
            importance=0.0,
            embedding=np.zeros(self._settings.perception.dim, dtype=np.float32),
            kind=KIND,
            metadata={KIND: found.to_plain()},
            revised_at=None if old is None else self._now(),
        )
        read = await self._writer.reperceived(bare)
        return replace(bare, embedding=read.embedding)


def _read(memory: Memory) -> Equation:
    return Equation.from_plain(memory.metadata.get(KIND, {}))
