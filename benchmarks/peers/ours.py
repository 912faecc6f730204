"""What it takes to add memories with ready percepts to quantum_memory, and to search them, as ``searching.py`` asks it.

Run by ``benchmarks/peers.py`` with the Python of this project. Prints one JSON object a size.

    python ours.py actors|inline|bare CORPUS.npz SIZE...

``actors`` and ``inline`` are agents on Ray behind the public face, with all that is on by default, in either placement;
every call is on disk and on its way to every view when it returns. ``bare`` is the view of memories alone, in this
process.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from searching import STORES, K, Store, main

import quantum_memory as qm
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.search import Query, search
from quantum_memory.memory.events import Remembered
from quantum_memory.types import Memory

SPEAKERS, SESSION = 5, 20
START = datetime(2026, 1, 1, tzinfo=UTC)


class Pads:
    """A feeling for each memory, the same in every run: anywhere in the cube, which is the worst case for a mood."""

    def __init__(self) -> None:
        self._chance = np.random.default_rng(0)

    def some(self, count: int) -> list[qm.PAD]:
        return [qm.PAD(*point) for point in self._chance.uniform(-0.9, 0.9, (count, 3)).tolist()]


class Face(Store):
    """An agent on Ray."""

    placement = "actors"

    def __init__(self, folder: Path, dim: int) -> None:
        self._memory = qm.connect(
            storage=str(folder),
            config={
                "perception": {"model": "hashing", "dim": dim},  # ready percepts: it is never asked
                "placement": self.placement,
                "ray": {"dashboard": False},
                "timeouts": {"call_s": 600.0},
            },
        )
        self._agent, self._pads = self._memory.agent("alice"), Pads()
        self._numbers: dict[str, int] = {}

    def add(self, first: int, texts: list[str], vectors: Any) -> None:
        pads = self._pads.some(len(texts))
        said = [
            qm.Utterance(
                text,
                speaker=f"speaker {number % SPEAKERS}",
                session=f"session {number // SESSION}",
                embedding=vector,
                pad=pad,
            )
            for number, (text, vector, pad) in enumerate(zip(texts, vectors, pads, strict=True), start=first)
        ]
        self._numbers.update(zip(self._agent.remember(said), range(first, first + len(texts)), strict=True))

    def search(self, question: str, vector: Any) -> list[int]:  # noqa: ARG002 - it would be perceived anew
        return [self._numbers[hit.memory.id] for hit in self._agent.recall(vector, k=K)]

    def close(self) -> None:
        self._memory.close()


class InlineFace(Face):
    """The same with the views in the orchestrator's process."""

    placement = "inline"


class Bare(Store):
    """The view of memories, without a journal: by meaning and by words, ranked by meaning alone."""

    def __init__(self, folder: Path, dim: int) -> None:  # noqa: ARG002 - it is kept nowhere
        self._fold, self._pads = MemoriesFold(dim), Pads()
        self._state = self._fold.empty()

    def add(self, first: int, texts: list[str], vectors: Any) -> None:
        pads = self._pads.some(len(texts))
        memories = (
            Memory(
                str(number),
                text,
                START + timedelta(minutes=number),
                pad,
                confidence=1.0,
                importance=0.5,
                embedding=vector,
                speaker=f"speaker {number % SPEAKERS}",
                session=f"session {number // SESSION}",
            )
            for number, (text, vector, pad) in enumerate(zip(texts, vectors, pads, strict=True), start=first)
        )
        self._state = self._fold.apply(self._state, Remembered(tuple(memories)))

    def search(self, question: str, vector: Any) -> list[int]:
        found = search(self._state, Query(question, vector))
        best = np.argsort(-found.relevance, kind="stable")[:K]
        return [int(found.memories[at].id) for at in best]


if __name__ == "__main__":
    STORES.update(actors=Face, inline=InlineFace, bare=Bare)
    main(sys.argv[1], sys.argv[2], [int(one) for one in sys.argv[3:]])
