"""EpisodicMemoryActor: what many branches remember, hold before the inner eye, and can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from quantum_memory.actors.deferred import Deferred
from quantum_memory.actors.room import Room
from quantum_memory.actors.seeking import Contenders, Led, Question, Seeker
from quantum_memory.actors.shells import actor
from quantum_memory.actors.views import CLOSING_S, FileKeeper, VaultFiles, ViewHost, keeps_snapshots
from quantum_memory.actors.watching import ALL, watched
from quantum_memory.memory import skills
from quantum_memory.memory.episodic import merge
from quantum_memory.memory.episodic.dense.gpu import available
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.indexing import Indexer
from quantum_memory.memory.episodic.search import fetch, latest, memories, page
from quantum_memory.memory.episodic.segments import Segments
from quantum_memory.memory.episodic.snapshot import MemoriesCodec
from quantum_memory.memory.episodic.state import EpisodicState, Sizes, read
from quantum_memory.memory.events import Uses, rows_of
from quantum_memory.memory.library.entries import Entry
from quantum_memory.memory.library.keeping import Kept
from quantum_memory.memory.library.reading import Listing, found, listed
from quantum_memory.memory.library.shelves import Shelf
from quantum_memory.memory.life import uses
from quantum_memory.memory.life.fading import fading
from quantum_memory.memory.life.novelty import met
from quantum_memory.memory.life.provenance import Provenance, provenance
from quantum_memory.memory.life.reports import Fading
from quantum_memory.memory.life.uses import Practice, UsesFold, UsesState
from quantum_memory.memory.life.uses_snapshot import UsesCodec
from quantum_memory.memory.merging import Change, Since, Under, Version
from quantum_memory.memory.prompting.material import Stretch, company
from quantum_memory.memory.skills import Fit, SkillsFold, SkillsState, Tried, hit_of, ranked
from quantum_memory.memory.skills_snapshot import SkillsCodec
from quantum_memory.memory.snapshots import one_each
from quantum_memory.memory.timeline import History, Timeline
from quantum_memory.memory.working import WorkingFold, WorkingState
from quantum_memory.memory.working_snapshot import WorkingCodec
from quantum_memory.policies.decay import Decay
from quantum_memory.policies.forgetting import Forgetting
from quantum_memory.policies.importance import Met
from quantum_memory.settings import Settings
from quantum_memory.telemetry import SILENT, Metrics
from quantum_memory.types import Memory, MemoryId, Place, Skill, SkillHit, Vector

APART = 4096
"""Memories between two snapshots of them, however many there are: sealed runs are not written again."""


class Known(NamedTuple):
    """What a branch knows of an id: its text, or that it was forgotten."""

    text: str | None
    forgotten: bool


class Encounter(NamedTuple):
    """New memories of a place, as their vectors in order, and the cosine from which two say the same."""

    place: Place
    vectors: tuple[Vector, ...]
    alike: float


class Tidying(NamedTuple):
    """By which rules a place would forget at a moment."""

    place: Place
    now: datetime
    decay: Decay
    policy: Forgetting


class SkillQuestion(NamedTuple):
    """Which skills at a place fit a text and its meaning, or either; all of them if it asks nothing."""

    place: Place
    text: str | None
    meaning: Vector | None
    top: int


class EpisodicViews(NamedTuple):
    """The timelines of this host."""

    memories: Timeline[EpisodicState]
    working: Timeline[WorkingState]
    skills: Timeline[SkillsState]
    uses: Timeline[UsesState]


@watched("episodic", batches=ALL, hidden=("timelines",))
class EpisodicMemoryHost(ViewHost):
    """What many branches remember and can do. Everything an EpisodicMemoryActor does, without Ray."""

    pool = "episodic"

    def __init__(self, settings: Settings, history: History, metrics: Metrics = SILENT) -> None:
        super().__init__(settings, history, metrics)
        self._indexer = Indexer(Sizes().sealed, settings.index.policy())
        self._room = Room(settings)
        self._views = Deferred(self._made)
        self._seeker = Seeker(settings, self._remembered, self._used)

    def _made(self) -> EpisodicViews:
        dim, size = self._settings.perception.dim, self._settings.views.working_memories
        available(self._indexer.policy.device)
        history, segments = self._history, None
        if keeps_snapshots(self._settings) and isinstance(history, FileKeeper):
            files = self._room.cache()
            self._caches["files"] = [] if files is None else [files]
            segments = Segments(VaultFiles(history), files, self._indexer)
        return EpisodicViews(
            self._timeline(
                MemoriesFold(dim, faiss_threads=self._settings.blas_threads, indexer=self._indexer),
                MemoriesCodec(dim, indexer=self._indexer, segments=segments),
                most=None if segments is None else APART,
                weigh=one_each if segments is None else rows_of,
            ),
            self._timeline(WorkingFold(size), WorkingCodec(size)),
            self._timeline(SkillsFold(), SkillsCodec()),
            self._timeline(UsesFold(), UsesCodec()),
        )

    def timelines(self) -> Sequence[Timeline[Any]]:
        """The memories, working memories, skills and uses."""
        return self._views()

    def close(self) -> None:
        """Finish what is being indexed and written down, as far as there is time."""
        self._indexer.close(min(CLOSING_S, self._settings.timeouts.call_s / 2))
        super().close()
        self._room.close()

    def seeds(self, asked: Sequence[Question]) -> list[dict[MemoryId, float]]:
        """For each question the memories from which the graph is to be asked, and how well they match, best first."""
        return self._seeker.seeds(asked)

    def contenders(self, asked: Sequence[Led]) -> list[Contenders]:
        """For each question the memories that may be among its best, and the parts of their scores but for the mood."""
        return [self._seeker.contenders(one) for one in asked]

    def best_words(self, asked: Sequence[tuple[Place, str]]) -> list[float]:
        """The best BM25 that each text has at its place; 0 if no memory has any of its words."""
        return [self._seeker.best_words(*one) for one in asked]

    def known(self, asked: Sequence[tuple[Place, tuple[MemoryId, ...]]]) -> list[dict[MemoryId, Known]]:
        """What each branch knows of ids; an unknown one is left out."""
        return [self._known(place, ids) for place, ids in asked]

    def memories(self, places: Sequence[Place]) -> list[list[Memory]]:
        """Every memory at each place, in the order of remembering."""
        return [list(memories(self._views().memories.at(place))) for place in places]

    def page(self, asked: Sequence[tuple[Place, int, int]]) -> list[tuple[list[Memory], int]]:
        """So many memories at each place from a number on, in the order of remembering, and how many there are."""
        return [page(self._views().memories.at(place), begin, most) for place, begin, most in asked]

    def provenance(self, asked: Sequence[tuple[Place, MemoryId]]) -> list[Provenance | None]:
        """Where a memory comes from and what was made of it, at each place; nothing of one that is not there."""
        states = [(self._views().memories.at(place), memory) for place, memory in asked]
        found = [(read(state, memory), state) for state, memory in states]
        return [None if one is None else provenance(one, memories(state)) for one, state in found]

    def latest(self, asked: Sequence[tuple[Place, int]]) -> list[tuple[MemoryId, ...]]:
        """The ids of the last so many memories at each place, in the order of remembering."""
        return [latest(self._views().memories.at(place), last) for place, last in asked]

    def count(self, places: Sequence[Place]) -> list[int]:
        """How many memories there are at each place."""
        return [len(self._views().memories.at(place)) for place in places]

    def company(self, asked: Sequence[tuple[Place, Mapping[MemoryId, int]]]) -> list[tuple[Stretch, ...]]:
        """Memories with those just before and after them in their conversations; see ``material.company``."""
        at = self._views().memories.at
        return [company(at(place), reaches) for place, reaches in asked]

    def working(self, places: Sequence[Place]) -> list[list[Memory]]:
        """The latest memories at each place that are not forgotten, oldest first."""
        return [self._at_hand(place) for place in places]

    def all_skills(self, places: Sequence[Place]) -> list[list[Skill]]:
        """Every skill at each place, by name."""
        return [list(self._views().skills.at(place).all()) for place in places]

    def find_skills(self, asked: Sequence[SkillQuestion]) -> list[list[SkillHit]]:
        """The skills that fit each question, best first."""
        return [self._fitting(one) for one in asked]

    def tagged(self, asked: Sequence[tuple[Place, str]]) -> list[list[Memory]]:
        """The memories at each place that have a tag, in the order of remembering."""
        return [[one for one in memories(self._views().memories.at(place)) if tag in one.tags] for place, tag in asked]

    def kept_entries(self, asked: Sequence[tuple[Place, Shelf, str]]) -> list[Kept | None]:
        """The entry of an id on the shelf that each place is of, whole."""
        at = self._views().memories.at
        return [found(at(place), shelf, entry) for place, shelf, entry in asked]

    def listed_entries(self, asked: Sequence[tuple[Place, Shelf, Listing]]) -> list[list[Entry]]:
        """Entries on the shelf that each place is of, in the order of making, without their texts."""
        at = self._views().memories.at
        return [listed(at(place), shelf, wanted) for place, shelf, wanted in asked]

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

    def practice(self, asked: Sequence[Under]) -> list[Practice]:
        """How memories were used up to each place, in the order of the ids."""
        return [uses.practice(self._views().uses.at(one.place), one.keys) for one in asked]

    def uses_since(self, asked: Sequence[Since]) -> list[tuple[Uses, ...]]:
        """The uses that each place has counted since another."""
        at = self._views().uses.at
        bases = [UsesState() if one.base is None else at(one.base) for one in asked]
        return [uses.since(base, at(one.place)) for one, base in zip(asked, bases, strict=True)]

    def uses_new(self, asked: Sequence[tuple[Place, tuple[Uses, ...]]]) -> list[tuple[Uses, ...]]:
        """Those of another side's uses that each place has not counted."""
        return [uses.news(self._views().uses.at(place), told) for place, told in asked]

    def met(self, asked: Sequence[Encounter]) -> list[list[Met]]:
        """How new memories meet what each place knows."""
        states = [self._views().memories.at(one.place) for one in asked]
        known = [(part.block.vectors(part.living()) for part in state.slices()) for state in states]
        return [met(blocks, one.vectors, one.alike) for one, blocks in zip(asked, known, strict=True)]

    def fading(self, asked: Sequence[Tidying]) -> list[tuple[tuple[Fading, ...], int]]:
        """What each place would forget, and how many memories would stay."""
        views = self._views()
        return [
            fading(memories(views.memories.at(one.place)), views.uses.at(one.place), one.decay, one.policy, one.now)
            for one in asked
        ]

    def _remembered(self, place: Place) -> EpisodicState:
        return self._views().memories.at(place)

    def _used(self, place: Place) -> UsesState:
        return self._views().uses.at(place)

    def _fitting(self, asked: SkillQuestion) -> list[SkillHit]:
        views = self._views()
        known, state = views.skills.at(asked.place), views.memories.at(asked.place)
        if asked.text is None and asked.meaning is None:
            found = [Fit(skill, 0.0, {}) for skill in known.all()]
        else:
            found = list(ranked(known, asked.text, asked.meaning, asked.top))
        return [hit_of(fit, tuple(one for one in fit.skill.sources if one not in state)) for fit in found]

    def _known(self, place: Place, ids: Sequence[MemoryId]) -> dict[MemoryId, Known]:
        state = self._views().memories.at(place)
        alive = [one for one in ids if one in state]
        found = {memory.id: Known(memory.text, forgotten=False) for memory in fetch(state, alive)}
        return found | {one: Known(None, forgotten=True) for one in ids if one in state.forgotten}

    def _at_hand(self, place: Place) -> list[Memory]:
        views = self._views()
        state = views.memories.at(place)
        return list(fetch(state, [one.id for one in views.working.at(place).recent() if one.id in state]))


EpisodicMemoryActor = actor("EpisodicMemoryActor", "episodic", EpisodicMemoryHost)
