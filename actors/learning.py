"""How an agent comes by skills and finds them again: told, learned from what it lived through, tried, asked for.

What follows from attempts is ``memory.skills``'s to say; perception reads the texts, and writing is the writer's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias, TypeVar

import msgspec

from quantum_memory.actors.emotion import Said
from quantum_memory.actors.episodic_memory import EpisodicMemoryHost, SkillQuestion
from quantum_memory.actors.journal import Draft
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.perceiving import perceived
from quantum_memory.actors.requests import Where, texts_of
from quantum_memory.actors.turns import Turns
from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.writing import Writer, on_fresh_head
from quantum_memory.checks import visible, within
from quantum_memory.errors import InvalidValue, MemoryNotFound, NotFound, ShapeMismatch, SkillNotFound, TooLong
from quantum_memory.memory.events import SkillLearned, SkillUsed
from quantum_memory.memory.merging import Under
from quantum_memory.memory.skills import Lesson, Tried, attempt_of, continued, episodes_of, told_text
from quantum_memory.memory.skills.lessons import MAX_STEPS
from quantum_memory.settings import Settings
from quantum_memory.types import Branch, Memory, MemoryId, Place, Skill, SkillHit, Vector

T = TypeVar("T")
Episodes: TypeAlias = "str | Iterable[MemoryId] | Iterable[Iterable[MemoryId]]"
"""A tag, the ids of one attempt in order, or those of several attempts."""
MAX_EPISODES = 100
MAX_MEMORIES = 1000
"""In all the episodes of one lesson."""
LESSON_TEXTS = MAX_STEPS
"""Texts for which a lesson waits longer; one that ends before all are read may be repeated."""


@dataclass(frozen=True, slots=True)
class LessonRequest:
    """Learn a skill from attempts.

    Attributes:
        episodes: the ids of each attempt, in order; empty where a tag says which they are.
        ended: whether each attempt went well, or one answer for all; empty where the memories say so themselves.
        preview: only say what would be learned.
    """

    branch: Branch
    name: str
    op_id: str
    tag: str | None = None
    episodes: tuple[tuple[MemoryId, ...], ...] = ()
    ended: tuple[bool, ...] = ()
    when: str | None = None
    preview: bool = False


def lesson_request(
    branch: Branch,
    episodes: Episodes,
    name: str,
    succeeded: bool | Sequence[bool] | None,
    when: str | None,
    op_id: str,
) -> LessonRequest:
    """A checked lesson. Raises: InvalidInput for what names no memories, names one twice or too many."""
    tag = visible("tag", episodes) if isinstance(episodes, str) else None
    told = () if isinstance(episodes, str) else _ids(episodes)
    ended = _ended(succeeded, len(told))
    occasion = visible("when", when) if when else when
    return LessonRequest(branch, visible("name", name), op_id, tag, told, ended, occasion)


def _ids(episodes: Iterable[MemoryId] | Iterable[Iterable[MemoryId]]) -> tuple[tuple[MemoryId, ...], ...]:
    if not isinstance(episodes, Iterable):
        raise InvalidValue("episodes", type(episodes).__name__, "a tag, ids, or the ids of several attempts")
    given = list(episodes)
    single = all(isinstance(one, str) for one in given)
    told = _few(tuple([texts_of("id", given)] if single else [texts_of("id", one) for one in given]))
    ids = [one for episode in told for one in episode]
    if not ids or not all(told):
        raise InvalidValue("episodes", "an empty one" if ids else "none", "at least one memory in each")
    if len(set(ids)) < len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise InvalidValue("id", repr(twice), "each memory once")
    return told


def _few(episodes: tuple[tuple[T, ...], ...]) -> tuple[tuple[T, ...], ...]:
    """The episodes, if they are not too many. Raises: TooLong."""
    count = sum(map(len, episodes))
    if len(episodes) > MAX_EPISODES:
        raise TooLong("episodes", len(episodes), MAX_EPISODES, "attempts")
    if count > MAX_MEMORIES:
        raise TooLong("episodes", count, MAX_MEMORIES, "memories")
    return episodes


def _ended(succeeded: object, count: int) -> tuple[bool, ...]:
    """One answer for each of so many episodes, one for all, or none. Raises: InvalidValue."""
    if succeeded is None:
        return ()
    ended = (succeeded,) if isinstance(succeeded, bool) else succeeded
    if not isinstance(ended, Sequence) or not all(isinstance(one, bool) for one in ended):
        raise InvalidValue("succeeded", repr(succeeded), "a truth value, or one for each attempt")
    if not isinstance(succeeded, bool) and len(ended) != count:
        wanted = f"as many as attempts, {count}" if count else "one for all, because a tag tells no number of attempts"
        raise InvalidValue("succeeded", f"{len(ended)} truth values", wanted)
    return tuple(ended)


def skill_of(name: str, steps: Iterable[str], when: str) -> Skill:
    """A skill that is told, checked. Raises: InvalidInput for no steps, or too many."""
    if isinstance(steps, str):
        raise InvalidValue("steps", repr(steps), "a collection of texts")
    return _checked(Skill(visible("name", name), texts_of("step", steps), visible("when", when) if when else ""))


def _checked(skill: Skill) -> Skill:
    if not skill.steps:
        raise InvalidValue("steps", "none", "at least one step")
    if len(skill.steps) > MAX_STEPS:
        raise TooLong("steps", len(skill.steps), MAX_STEPS, "steps")
    return skill


class Learner:
    """Learns skills, counts how they go and finds them.

    Args:
        parts, turns, writer: who reads, waits and writes.
        settings: the limits of texts, the dimension of embeddings and how they are kept.
        now: when a skill was learned.
    """

    def __init__(
        self, parts: Parts, turns: Turns, writer: Writer, settings: Settings, now: Callable[[], datetime]
    ) -> None:
        self._parts, self._turns, self._writer = parts, turns, writer
        self._settings, self._now = settings, now

    async def learn(self, branch: Branch, skill: Skill, op_id: str) -> Skill:
        """Learn or rewrite a skill; returns it as the branch now has it. Raises: InvalidInput."""
        told = _checked(Skill(skill.name, skill.steps, skill.when, at=self._now()))
        self._fit(told)

        async def write() -> Place:
            event = SkillLearned(await meant(self._parts, self._writer, self._settings, told))
            return await self._commit(branch, event, op_id, await self._parts.journal.tip(branch))

        async with self._turns.take([branch.id]):
            return await self._get(branch, told.name, await on_fresh_head(write))

    async def learn_from(self, request: LessonRequest) -> Skill:
        """Learn a skill from attempts; returns it as the branch now has it, or would have it.

        Attempts that it was learned from already are passed over, and nothing is written if there is no other.

        Raises: MemoryNotFound; InvalidValue where a tag names nothing, or a memory has nothing to do in it; TooLong.
        """
        branch = request.branch
        if request.preview:
            old, told = await self._lesson(request, await self._parts.journal.tip(branch))
            return continued(old, told) if told is not None else await self._get(branch, request.name, None)

        async def write() -> Place:
            here = await self._parts.journal.tip(branch)
            try:
                _, told = await self._lesson(request, here)
            except NotFound:
                first = await self._parts.journal.ask(VaultHost.outcome, branch.agent, request.op_id)
                if first is None:
                    raise
                return first.place
            if told is None:
                return here
            event = SkillLearned(await meant(self._parts, self._writer, self._settings, told))
            return await self._commit(branch, event, request.op_id, here)

        async with self._turns.take([branch.id]):
            return await self._get(branch, request.name, await on_fresh_head(write))

    async def practise(self, branch: Branch, name: str, succeeded: bool, op_id: str) -> Skill:
        """Count a use of a skill. Raises: SkillNotFound."""

        async def write() -> Place:
            here = await self._parts.journal.tip(branch)
            await self._get(branch, name, here)
            return await self._commit(branch, SkillUsed(name, succeeded), op_id, here)

        async with self._turns.take([branch.id]):
            return await self._get(branch, name, await on_fresh_head(write))

    async def find(self, branch: Branch, query: str | Vector | None, k: int, as_of: Where = None) -> list[SkillHit]:
        """The skills at a place that fit a question, best first; all of them, by name, if nothing is asked.

        Raises: TooLong, ShapeMismatch.
        """
        dim = self._settings.perception.dim
        if isinstance(query, str):
            within("query", query, self._settings.limits.text_chars)
        elif query is not None and query.shape != (dim,):
            raise ShapeMismatch("query", (dim,), query.shape)
        place = await self._parts.journal.resolve(branch, as_of)
        lineage = (await self._parts.journal.branch(place.branch)).lineage
        text, meaning = (query, None) if query is None or isinstance(query, str) else (None, query)
        if text is not None:
            (percept,) = await perceived(self._parts.emotion, [Said(text)])
            meaning = percept.embedding
        asked = SkillQuestion(place, text, meaning, k)
        return await self._parts.episodic.ask(EpisodicMemoryHost.find_skills, lineage, asked)

    async def _lesson(self, request: LessonRequest, here: Place) -> tuple[Skill | None, Skill | None]:
        """The skill as it is known at a place, and what the attempts add to it; ``None`` where they add nothing."""
        episodes = await self._episodes(request, here)
        ended: Sequence[bool | None] = request.ended or (None,)
        endings = ended if len(ended) == len(episodes) else [ended[0]] * len(episodes)
        attempts = tuple(attempt_of(one, end) for one, end in zip(episodes, endings, strict=True))
        old = await self._known(request.branch, request.name, here)
        lesson = Lesson(request.name, attempts, old, request.when)
        if request.tag is not None:  # those that it was learned from already cost nothing
            _few(tuple(one.ids for one in lesson.fresh))
        if lesson.empty:
            return old, None
        texts = lesson.texts()
        percepts = await perceived(self._parts.emotion, [Said(text) for text in texts])
        meanings = {text: percept.embedding for text, percept in zip(texts, percepts, strict=True)}
        told = replace(await asyncio.to_thread(lesson.skill, meanings), at=self._now())
        self._fit(told)
        return old, told

    async def _episodes(self, request: LessonRequest, here: Place) -> Sequence[Sequence[Memory]]:
        """The memories of each attempt, in order."""
        lineage, episodic = request.branch.lineage, self._parts.episodic
        if request.tag is not None:
            tagged = await episodic.ask(EpisodicMemoryHost.tagged, lineage, (here, request.tag))
            if not tagged:
                raise InvalidValue("tag", repr(request.tag), "one that a memory has")
            return episodes_of(tagged)
        ids = tuple(one for episode in request.episodes for one in episode)
        found = await episodic.ask(EpisodicMemoryHost.memory_versions, lineage, Under(here, ids))
        memories = {key: one for key, one in found.items() if isinstance(one, Memory)}
        for one in ids:
            if one not in memories:
                raise MemoryNotFound(one)
        return [[memories[one] for one in episode] for episode in request.episodes]

    def _fit(self, skill: Skill) -> None:
        """Raises: TooLong."""
        for name, text in (("name", skill.name), ("when", skill.when), *(("step", step) for step in skill.steps)):
            within(name, text, self._settings.limits.text_chars)

    async def _commit(self, branch: Branch, event: SkillLearned | SkillUsed, op_id: str, here: Place) -> Place:
        told = msgspec.structs.replace(event, origin=await self._stretch(branch, here))
        return (await self._writer.commit([Draft(branch, told, op_id)]))[0]

    async def _stretch(self, branch: Branch, here: Place) -> str:
        """The name of the stretch of history in which skills are tried now: it began with the branch or a rollback."""
        rolled = await self._parts.journal.ask(VaultHost.rollbacks, branch.id, here.seq)
        began = max((seq for seq, event in rolled if "skills" in event.parts), default=branch.fork_seq)
        return f"{branch.id}:{began}"

    async def _known(self, branch: Branch, name: str, place: Place) -> Skill | None:
        under = Under(place, (name,))
        found = (await self._parts.episodic.ask(EpisodicMemoryHost.skill_versions, branch.lineage, under)).get(name)
        return found.skill if isinstance(found, Tried) else None

    async def _get(self, branch: Branch, name: str, place: Place | None) -> Skill:
        """Raises: SkillNotFound."""
        found = await self._known(branch, name, place or await self._parts.journal.tip(branch))
        if found is None:
            raise SkillNotFound(name)
        return found


async def meant(parts: Parts, writer: Writer, settings: Settings, skill: Skill) -> Skill:
    """The skill with the embedding of all that it says, as the journal is to hold it."""
    (percept,) = await perceived(parts.emotion, [Said(told_text(skill)[: settings.limits.text_chars])])
    return replace(skill, embedding=writer.stored(percept.embedding))
