"""EpisodicMemoryActor: what many branches remember, hold before the inner eye, and can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import ray

from quantum_memory.actors.deferred import Deferred
from quantum_memory.actors.views import ViewHost
from quantum_memory.memory.episodic import merge
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.merge import Delta
from quantum_memory.memory.episodic.search import Candidates, Query, fetch, memories, search
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.memory.skills import SkillsFold, SkillsState, find, judge_skills
from quantum_memory.memory.timeline import History, Timeline
from quantum_memory.memory.working import WorkingFold, WorkingState
from quantum_memory.policies.merge import MergeRule
from quantum_memory.settings import Settings
from quantum_memory.types import Memory, MemoryId, MergeConflict, Place, Skill


class Known(NamedTuple):
    """What a branch knows of an id: its text, or that it was forgotten."""

    text: str | None
    forgotten: bool


class Lesson(NamedTuple):
    """What a branch did since a base: memories, and its skills with those of the base."""

    memories: Delta
    skills: tuple[Skill, ...]
    base_skills: tuple[Skill, ...]


class LessonAsk(NamedTuple):
    """Which place is asked what it did, and since when: for its memories and for its skills."""

    place: Place
    base: Place | None
    skills_base: Place | None


class MergeAsk(NamedTuple):
    """What is to be merged into a place, from which base, and who wins where both changed the same."""

    place: Place
    base: Place | None
    lesson: Lesson
    rule: MergeRule


class MergePlan(NamedTuple):
    """What a merge takes over, and what it could not decide."""

    adopted: tuple[Memory, ...]
    forgotten: tuple[MemoryId, ...]
    skills: tuple[Skill, ...]
    conflicts: tuple[MergeConflict, ...]


class EpisodicViews(NamedTuple):
    """The timelines of this host."""

    memories: Timeline[EpisodicState]
    working: Timeline[WorkingState]
    skills: Timeline[SkillsState]


class EpisodicMemoryHost(ViewHost):
    """What many branches remember and can do. Everything an EpisodicMemoryActor does, without Ray."""

    def __init__(self, settings: Settings, history: History) -> None:
        self._settings, self._history = settings, history
        self._views = Deferred(self._made)

    def _made(self) -> EpisodicViews:
        settings, history, keep = self._settings, self._history, self._settings.views.resident_states
        return EpisodicViews(
            Timeline(MemoriesFold(settings.perception.dim, faiss_threads=settings.blas_threads), history, keep),
            Timeline(WorkingFold(settings.views.working_memories), history, keep),
            Timeline(SkillsFold(), history, keep),
        )

    def timelines(self) -> Sequence[Timeline[Any]]:
        """The memories, working memories and skills."""
        return self._views()

    def search(self, asked: Sequence[tuple[Place, Query]]) -> list[Candidates]:
        """Candidates for each question, with the parts of their scores."""
        return [search(self._views().memories.at(place), query) for place, query in asked]

    def known(self, asked: Sequence[tuple[Place, tuple[MemoryId, ...]]]) -> list[dict[MemoryId, Known]]:
        """What each branch knows of ids; an unknown one is left out."""
        return [self._known(place, ids) for place, ids in asked]

    def memories(self, places: Sequence[Place]) -> list[list[Memory]]:
        """Every memory at each place, in the order of remembering."""
        return [list(memories(self._views().memories.at(place))) for place in places]

    def working(self, places: Sequence[Place]) -> list[list[Memory]]:
        """The latest memories at each place that are not forgotten, oldest first."""
        return [self._at_hand(place) for place in places]

    def all_skills(self, places: Sequence[Place]) -> list[list[Skill]]:
        """Every skill at each place, by name."""
        return [list(self._views().skills.at(place).all()) for place in places]

    def find_skills(self, asked: Sequence[tuple[Place, str, int]]) -> list[list[Skill]]:
        """The skills that fit a situation, best first."""
        return [[skill for skill, _ in find(self._views().skills.at(place), text, top)] for place, text, top in asked]

    def lesson(self, asked: Sequence[LessonAsk]) -> list[Lesson]:
        """What a branch did between a base and a place."""
        return [self._lesson(one) for one in asked]

    def judge(self, asked: Sequence[MergeAsk]) -> list[MergePlan]:
        """What each place is to take over of what another branch did."""
        return [self._judge(one) for one in asked]

    def _known(self, place: Place, ids: Sequence[MemoryId]) -> dict[MemoryId, Known]:
        state = self._views().memories.at(place)
        alive = [one for one in ids if one in state.tickets]
        found = {memory.id: Known(memory.text, forgotten=False) for memory in fetch(state, alive)}
        return found | {one: Known(None, forgotten=True) for one in ids if one in state.forgotten}

    def _at_hand(self, place: Place) -> list[Memory]:
        views = self._views()
        state = views.memories.at(place)
        return list(fetch(state, [one.id for one in views.working.at(place).recent() if one.id in state.tickets]))

    def _lesson(self, one: LessonAsk) -> Lesson:
        views = self._views()
        before = None if one.base is None else views.memories.at(one.base)
        skills_before = () if one.skills_base is None else views.skills.at(one.skills_base).all()
        change = merge.delta(before, views.memories.at(one.place))
        return Lesson(change, views.skills.at(one.place).all(), skills_before)

    def _judge(self, one: MergeAsk) -> MergePlan:
        views = self._views()
        ours = views.memories.at(one.place)
        base = None if one.base is None else views.memories.at(one.base)
        verdict = merge.judge(ours, base, one.lesson.memories)
        skills = judge_skills(
            views.skills.at(one.place),
            SkillsState.of(one.lesson.base_skills),
            SkillsState.of(one.lesson.skills),
            one.rule,
        )
        return MergePlan(verdict.adopt, verdict.forget, skills.skills, (*verdict.conflicts, *skills.conflicts))


EpisodicMemoryActor = ray.remote(max_restarts=-1, max_task_retries=-1)(EpisodicMemoryHost)
