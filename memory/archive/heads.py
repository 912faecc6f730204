"""What an agent is at the head of each living branch, as plain datasets for readers who have no vault.

Derived from the journal by the plain folds; no import reads it. See ``layout`` for the columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import h5py
import msgspec
import numpy as np
from blake3 import blake3
from threadpoolctl import threadpool_limits

from quantum_memory.memory.affect.mood import MoodFold
from quantum_memory.memory.archive import layout
from quantum_memory.memory.archive.columns import TableOut
from quantum_memory.memory.archive.vectors import KEY_BYTES, VectorsOut
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.search import memories
from quantum_memory.memory.portable.state import MoodTensors
from quantum_memory.memory.portable.web import edges, nodes
from quantum_memory.memory.semantic.graph import GraphFold, relations
from quantum_memory.memory.skills import SkillsFold
from quantum_memory.memory.timeline import Fold, History, Timeline
from quantum_memory.memory.vault.catalog import to_us
from quantum_memory.memory.working import WorkingFold
from quantum_memory.types import Memory, Place, Skill

Views = Literal["every", "root", "none"]
"""Which branches have their heads written: every living one, the root alone, or none."""
KEPT = 2


@dataclass(frozen=True)
class Folds:
    """How views follow from events, with the settings that decide them. ``about`` tells these in the archive."""

    memories: MemoriesFold
    graph: GraphFold
    mood: MoodFold
    working: WorkingFold
    skills: SkillsFold
    about: dict[str, Any]


def one_thread() -> AbstractContextManager[object]:
    """While it is held, linear algebra uses one thread: the last bits of a mood depend on how many there are.

    More of them make these small matrices many times slower, too.
    """
    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits


class Heads:
    """Writes heads, one after the other. A memory that several have is written once."""

    def __init__(self, file: h5py.File, vectors: VectorsOut, history: History, folds: Folds) -> None:
        self._group = file.create_group("heads")
        self._vectors, self._folds, self._history = vectors, folds, history
        self._memories = TableOut(file.create_group("memories"), layout.MEMORIES)
        self._rows: dict[bytes, int] = {}
        self._episodic = self._timeline(folds.memories)
        self._graphs = self._timeline(folds.graph)
        self._moods = self._timeline(folds.mood)
        self._working = self._timeline(folds.working)
        self._skills = self._timeline(folds.skills)

    def add(self, number: int, place: Place) -> None:
        """Write what holds at the head of the branch that has this number in the archive."""
        group = self._group.create_group(f"{number:06d}")
        group.attrs["branch"], group.attrs["seq"] = np.int64(number), np.int64(place.seq)
        held = (self._row(memory) for memory in memories(self._episodic.at(place)))
        _write(group, "memories", layout.HELD, ((row,) for row in held))
        self._write_graph(group, place)
        self._write_mood(group.create_group("mood"), place)
        working = self._working.at(place).recent()
        _write(group, "working", layout.WORKING, ((one.id,) for one in working))
        skills = self._skills.at(place).all()
        _write(
            group,
            "skills",
            layout.SKILLS,
            map(_skill, skills),
        )

    @property
    def memories(self) -> int:
        """How many different ones there are."""
        return len(self._memories)

    def close(self) -> None:
        """Write what is held."""
        self._memories.close()

    def _timeline(self, fold: Fold[Any]) -> Timeline[Any]:
        return Timeline(fold, self._history, KEPT)

    def _row(self, memory: Memory) -> int:
        """The row of a memory in the archive's table, added if it is new."""
        columns = (
            memory.id,
            memory.text,
            to_us(memory.at),
            memory.speaker,
            memory.kind,
            memory.session,
            _text(memory.tags),
            _text(memory.metadata),
            tuple(np.asarray(memory.pad).tolist()),
            float(memory.confidence),
            float(memory.importance),
            *self._vectors.put(memory.embedding),
            _us(memory.revised_at),
        )
        key = blake3(msgspec.msgpack.encode(columns)).digest(KEY_BYTES)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self._memories.add(*columns)
        return row

    def _write_graph(self, group: h5py.Group, place: Place) -> None:
        state = self._folds.graph.settled(self._graphs.at(place))
        place_of = group.create_group("graph")
        _write(place_of, "nodes", layout.NODES, nodes(state))
        _write(place_of, "edges", layout.EDGES, edges(state))
        told = ((*one.key, float(one.weight), _us(one.at), one.memory) for one in relations(state))
        _write(place_of, "relations", layout.RELATIONS, told)

    def _write_mood(self, group: h5py.Group, place: Place) -> None:
        state = self._folds.mood.settled(self._moods.at(place))
        mood = MoodTensors.of(state.state)
        for site, core in enumerate(mood.cores):
            group.create_dataset(f"core_{site:02d}", data=core)
        group.create_dataset("mean", data=mood.mean)
        group.create_dataset("covariance", data=mood.covariance)
        group.attrs["bits"] = np.array(mood.bits, np.int64)
        group.attrs["error"] = np.float64(state.error)


def _write(group: h5py.Group, name: str, columns: layout.Columns, rows: Iterable[tuple[Any, ...]]) -> None:
    table = TableOut(group.create_group(name), columns)
    for row in rows:
        table.add(*row)
    table.close()


def _skill(one: Skill) -> tuple[Any, ...]:
    tried = one.successes, one.failures, _us(one.at)
    return one.name, _text(one.steps), one.when, *tried, _text(one.optional), _text(one.sources), one.version


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _us(at: datetime | None) -> int | None:
    return None if at is None else to_us(at)
