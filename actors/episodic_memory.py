"""EpisodicMemoryActor: what many branches remember, hold before the inner eye, and can do."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest
from operator import itemgetter
from typing import Any, NamedTuple

import ray

from quantum_memory.actors.deferred import Deferred
from quantum_memory.actors.views import ViewHost
from quantum_memory.memory import skills
from quantum_memory.memory.episodic import merge
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.search import Candidates, Query, fetch, memories, search
from quantum_memory.memory.episodic.snapshot import MemoriesCodec
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.memory.merging import Change, Since, Under, Version
from quantum_memory.memory.skills import SkillsFold, SkillsState, Tried, find
from quantum_memory.memory.skills_snapshot import SkillsCodec
from quantum_memory.memory.timeline import History, Timeline
from quantum_memory.memory.working import WorkingFold, WorkingState
from quantum_memory.memory.working_snapshot import WorkingCodec
from quantum_memory.settings import Settings
from quantum_memory.types import Memory, MemoryId, Place, Skill


class Known(NamedTuple):
    """What a branch knows of an id: its text, or that it was forgotten."""

    text: str | None
    forgotten: bool


class EpisodicViews(NamedTuple):
    """The timelines of this host."""

    memories: Timeline[EpisodicState]
    working: Timeline[WorkingState]
    skills: Timeline[SkillsState]


class EpisodicMemoryHost(ViewHost):
    """What many branches remember and can do. Everything an EpisodicMemoryActor does, without Ray."""

    def __init__(self, settings: Settings, history: History) -> None:
        super().__init__(settings, history)
        self._views = Deferred(self._made)

    def _made(self) -> EpisodicViews:
        dim, size = self._settings.perception.dim, self._settings.views.working_memories
        return EpisodicViews(
            self._timeline(MemoriesFold(dim, faiss_threads=self._settings.blas_threads), MemoriesCodec(dim)),
            self._timeline(WorkingFold(size), WorkingCodec(size)),
            self._timeline(SkillsFold(), SkillsCodec()),
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

    def latest(self, asked: Sequence[tuple[Place, int]]) -> list[tuple[MemoryId, ...]]:
        """The ids of the last so many memories at each place, in the order of remembering."""
        tickets = [(self._views().memories.at(place).tickets, last) for place, last in asked]
        found = [nlargest(last, held.items(), key=itemgetter(1)) for held, last in tickets]
        return [tuple(one for one, _ in reversed(newest)) for newest in found]

    def count(self, places: Sequence[Place]) -> list[int]:
        """How many memories there are at each place."""
        return [len(self._views().memories.at(place).tickets) for place in places]

    def working(self, places: Sequence[Place]) -> list[list[Memory]]:
        """The latest memories at each place that are not forgotten, oldest first."""
        return [self._at_hand(place) for place in places]

    def all_skills(self, places: Sequence[Place]) -> list[list[Skill]]:
        """Every skill at each place, by name."""
        return [list(self._views().skills.at(place).all()) for place in places]

    def find_skills(self, asked: Sequence[tuple[Place, str, int]]) -> list[list[Skill]]:
        """The skills that fit a situation, best first."""
        return [[skill for skill, _ in find(self._views().skills.at(place), text, top)] for place, text, top in asked]

    def memory_changes(self, asked: Sequence[Since]) -> list[tuple[Change[Memory], ...]]:
        """What became of memories between two places."""
        at = self._views().memories.at
        return [merge.changes(None if one.base is None else at(one.base), at(one.place)) for one in asked]

    def memory_versions(self, asked: Sequence[Under]) -> list[dict[MemoryId, Version[Memory]]]:
        """What each place has under some ids; what it never knew is left out."""
        return [merge.versions(self._views().memories.at(one.place), one.keys) for one in asked]

    def picked(self, asked: Sequence[Under]) -> list[dict[MemoryId, bytes]]:
        """How memories that selective merges looked at were on the other side then."""
        known = [(self._views().memories.at(one.place).picked, one.keys) for one in asked]
        return [{key: found[key] for key in keys if key in found} for found, keys in known]

    def skill_changes(self, asked: Sequence[Since]) -> list[tuple[Change[Tried], ...]]:
        """What became of skills between two places."""
        at = self._views().skills.at
        return [skills.changes(None if one.base is None else at(one.base), at(one.place)) for one in asked]

    def skill_versions(self, asked: Sequence[Under]) -> list[dict[str, Version[Tried]]]:
        """What each place has under some names."""
        return [skills.versions(self._views().skills.at(one.place), one.keys) for one in asked]

    def _known(self, place: Place, ids: Sequence[MemoryId]) -> dict[MemoryId, Known]:
        state = self._views().memories.at(place)
        alive = [one for one in ids if one in state.tickets]
        found = {memory.id: Known(memory.text, forgotten=False) for memory in fetch(state, alive)}
        return found | {one: Known(None, forgotten=True) for one in ids if one in state.forgotten}

    def _at_hand(self, place: Place) -> list[Memory]:
        views = self._views()
        state = views.memories.at(place)
        return list(fetch(state, [one.id for one in views.working.at(place).recent() if one.id in state.tickets]))


EpisodicMemoryActor = ray.remote(max_restarts=-1, max_task_retries=-1)(EpisodicMemoryHost)
