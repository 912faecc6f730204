"""How things get into an agent's history: perceive, wait for the turn, journal, tell the views, acknowledge."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from quantum_memory.actors.annotating import Annotator
from quantum_memory.actors.emotion import EmotionHost, Said
from quantum_memory.actors.episodic_memory import EpisodicMemoryHost, Known
from quantum_memory.actors.extracting import Extracting
from quantum_memory.actors.journal import Appended, Draft, deciding
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.requests import RememberRequest, check_utterances, memory_id
from quantum_memory.actors.telling import Telling
from quantum_memory.actors.turns import Turns
from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.weighing import weighed
from quantum_memory.errors import (
    AlreadyExists,
    MemoryNotFound,
    QuantumMemoryError,
    StaleWriter,
)
from quantum_memory.memory.events import Forgotten, Remembered
from quantum_memory.memory.vault.segments import half
from quantum_memory.policies.importance import ImportancePolicy
from quantum_memory.settings import Settings
from quantum_memory.types import Branch, BranchId, Commit, Memory, MemoryId, Percept, Place, Utterance, Vector

logger = logging.getLogger(__name__)
R = TypeVar("R")
ATTEMPTS = 4
SLICE = 64
"""Texts perceived in one call."""
BRIEF = 16
"""Utterances of a request that is written together with others."""


class Writer:
    """Writes to branches, each in the order in which its calls arrived.

    Args:
        parts: ways to perception, the views and the journal.
        turns: the order of each branch's writes, shared with whoever else writes.
        importance: how much a memory matters when nobody says.
        now: the time of what carries none.
    """

    def __init__(
        self,
        parts: Parts,
        turns: Turns,
        settings: Settings,
        importance: ImportancePolicy,
        now: Callable[[], datetime],
    ) -> None:
        self._parts, self._turns, self._settings = parts, turns, settings
        self._importance, self._now = importance, now
        self.telling = Telling(parts.views)
        self.annotator = Annotator(parts, now)
        self.extracting = Extracting(parts, settings, self.commit_behind)

    def brief(self, request: RememberRequest) -> bool:
        """Whether a request takes no longer than its write: it is short and perceived, and no view is asked first."""
        if self._importance.reads_graph or self._importance.reads_memories:
            return False
        said = request.utterances
        return len(said) <= BRIEF and not any(one.embedding is None or one.pad is None for one in said)

    def check(self, requests: Sequence[RememberRequest]) -> None:
        """Raises: InvalidInput for what is not to be written."""
        for request in requests:
            check_utterances(request.utterances, self._settings)

    async def remember(self, requests: Sequence[RememberRequest]) -> list[list[MemoryId]]:
        """Remember for many branches in one go; the ids of each request's utterances, in order.

        Raises: InvalidInput before anything is written; AlreadyExists if an id is taken by another text.
        """
        self.check(requests)
        utterances = [one for request in requests for one in request.utterances]
        turn = self._turns.take(request.branch.id for request in requests)
        try:
            percepts = iter(await self._perceive(utterances))
            made = [self._memories(request, percepts) for request in requests]
        except BaseException:
            turn.give_back()
            raise
        async with turn:
            return await self._remembered(requests, made)

    async def made(self, request: RememberRequest) -> list[Memory]:
        """The memories that a request is to become, perceived and not written. Raises: InvalidInput."""
        self.check([request])
        return self._memories(request, iter(await self._perceive(request.utterances)))

    async def write(self, requests: Sequence[RememberRequest]) -> list[list[MemoryId]]:
        """The same of what is ``brief`` and checked; the caller has the branches' turns. Raises: AlreadyExists."""
        nobody: Iterator[Percept] = iter(())
        return await self._remembered(requests, [self._memories(request, nobody) for request in requests])

    async def _remembered(
        self, requests: Sequence[RememberRequest], made: Sequence[list[Memory]]
    ) -> list[list[MemoryId]]:
        there: set[tuple[BranchId, str]] = set()

        async def write() -> None:
            unknown, alike = await self._fresh(requests, made), self._settings.life.importance.alike
            fresh = await weighed(self._parts, self._importance, requests, unknown, alike)
            drafts = [
                Draft(request.branch, Remembered(tuple(memories)), request.op_id)
                for request, memories in zip(requests, fresh, strict=True)
                if memories and (request.branch.id, request.op_id) not in there
            ]
            await self.commit(drafts, there)

        await on_fresh_head(write)
        return [[memory.id for memory in memories] for memories in made]

    async def forget(self, branch: Branch, ids: Sequence[MemoryId], op_id: str) -> int:
        """Forget memories. Raises: MemoryNotFound, and then nothing is forgotten."""
        wanted = tuple(dict.fromkeys(ids))

        async def write() -> None:
            (known,) = await self._known([(branch, wanted)])
            missing = [one for one in wanted if one not in known or known[one].forgotten]
            if missing and not await self._parts.journal.ask(VaultHost.outcome, branch.agent, op_id):
                raise MemoryNotFound(missing[0])
            if wanted:
                await self.commit([Draft(branch, Forgotten(wanted, self._now()), op_id)])

        async with self._turns.take([branch.id]):
            await on_fresh_head(write)
        return len(wanted)

    async def commit(self, drafts: Sequence[Draft], there: set[tuple[BranchId, str]] | None = None) -> list[Place]:
        """Journal events and tell the views. The caller has the branches' turns.

        Args:
            drafts: the events, those of one branch in order.
            there: learns which operations of which branches are in the journal, also where others are refused: one that
                was there before moves no head, so those behind it are refused once.

        Raises: the first error that a draft was refused with; the others are written all the same. After StaleWriter
            what the drafts were made from has to be looked at again: see ``on_fresh_head``.
        """
        if not drafts:
            return []
        answers = await self._parts.journal.append(drafts)
        appended = [answer for answer in answers if isinstance(answer, Appended)]
        if there is not None:
            there.update((one.draft.branch.id, one.draft.op_id) for one in appended)
        # What an earlier run of the operation wrote is in the vault; this run's draft of it may differ.
        fresh = [one for one in appended if not one.repeated]
        await self.telling.tell([one.draft.branch.lineage for one in fresh], [one.entry for one in fresh])
        for one in fresh:
            if one.commit is not None:
                self.noted(one.draft.branch, one.commit)
        for one in appended:
            self.extracting.soon(one.draft.branch, [one.entry])
        for answer in answers:
            if isinstance(answer, QuantumMemoryError):
                raise answer
        return [one.entry.place for one in appended]

    async def commit_behind(self, branch: Branch, decide: Callable[[], Awaitable[Sequence[Draft]]]) -> None:
        """Write what is decided on the branch's head once its turn has come. Raises: as ``commit``."""

        async def write() -> None:
            await self.commit(await decide())

        async with self._turns.take([branch.id]):
            await on_fresh_head(write)

    def noted(self, branch: Branch, commit: Commit) -> None:
        """Let what was so at a new commit be read when there is time; in a transaction nobody knows yet if it stays."""
        if branch.kind != "transaction":
            self.annotator.soon([commit])

    async def reperceived(self, memory: Memory) -> Memory:
        """The memory with the embedding and the feeling of its text as it reads now."""
        (percept,) = await self._perceive([Utterance(memory.text, speaker=memory.speaker)])
        return replace(memory, embedding=self.stored(percept.embedding), pad=percept.pad, confidence=percept.confidence)

    async def _perceive(self, utterances: Sequence[Utterance]) -> list[Percept]:
        """A percept for each utterance that its caller did not perceive himself.

        A long batch goes in slices, so that others get in between.
        """
        asked = [
            Said(one.text, one.speaker, one.image) for one in utterances if one.embedding is None or one.pad is None
        ]
        seen: list[Percept] = []
        for start in range(0, len(asked), SLICE):
            part = asked[start : start + SLICE]
            seen += await self._parts.emotion.scatter(EmotionHost.perceive, [one.text for one in part], part)
        return seen

    def _memories(self, request: RememberRequest, perceived: Iterator[Percept]) -> list[Memory]:
        now = self._now()
        return [
            self._memory(one, percept_of(one, perceived), one.id or memory_id(request.op_id, number), one.at or now)
            for number, one in enumerate(request.utterances)
        ]

    def _memory(self, one: Utterance, percept: Percept, identity: MemoryId, at: datetime) -> Memory:
        return Memory(
            id=identity,
            text=one.text,
            at=at,
            pad=percept.pad,
            confidence=percept.confidence,
            importance=self._importance.importance(percept.pad, percept.confidence, one.importance),
            embedding=self.stored(percept.embedding),
            speaker=one.speaker,
            kind=one.kind,
            session=one.session,
            tags=one.tags,
            metadata=dict(one.metadata),
            revised_at=one.revised_at,
        )

    def stored(self, embedding: Vector) -> Vector:
        """An embedding as the journal is to hold it, so that what is live is what will be read again."""
        return half(embedding) if self._settings.vault.embeddings == "float16" else embedding

    async def _fresh(self, requests: Sequence[RememberRequest], made: Sequence[list[Memory]]) -> list[list[Memory]]:
        """What each branch does not know yet. Only ids that callers chose can be known."""
        known = await self._known(
            [
                (request.branch, tuple(one.id for one in request.utterances if one.id is not None))
                for request in requests
            ]
        )
        for memories, found in zip(made, known, strict=True):
            for memory in memories:
                same = found.get(memory.id)
                if same is not None and not same.forgotten and same.text != memory.text:
                    raise AlreadyExists("memory", memory.id)
        return [
            [memory for memory in memories if memory.id not in found]
            for memories, found in zip(made, known, strict=True)
        ]

    async def _known(self, asked: Sequence[tuple[Branch, tuple[MemoryId, ...]]]) -> list[dict[MemoryId, Known]]:
        """What branches know of ids, in as few calls as there are hosts; none where no id is asked for."""
        some = [(branch, ids) for branch, ids in asked if ids]
        places = await self._parts.journal.tips([branch for branch, _ in some])
        found = iter(
            await self._parts.episodic.scatter(
                EpisodicMemoryHost.known,
                [branch.lineage for branch, _ in some],
                [(place, ids) for place, (_, ids) in zip(places, some, strict=True)],
            )
        )
        return [next(found) if ids else {} for _, ids in asked]


def percept_of(one: Utterance, perceived: Iterator[Percept]) -> Percept:
    """What is known of an utterance: what its caller says, and where he says nothing the next of those perceived."""
    certainty = 1.0 if one.confidence is None else one.confidence
    if one.embedding is not None and one.pad is not None:
        return Percept(one.embedding, one.pad, certainty)
    seen = next(perceived)
    embedding = seen.embedding if one.embedding is None else one.embedding
    return Percept(embedding, seen.pad, seen.confidence) if one.pad is None else Percept(embedding, one.pad, certainty)


async def on_fresh_head(attempt: Callable[[], Awaitable[R]]) -> R:
    """Do what decides and writes, and do it again if another writer moved the branch on in between."""
    for _ in range(ATTEMPTS - 1):
        try:
            with deciding():
                return await attempt()
        except StaleWriter:
            continue
    with deciding():
        return await attempt()
