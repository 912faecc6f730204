"""One agent's views in this process, asked as the actors ask them: what a hop and a journal cost is left out.

Not a benchmark itself: locomo.py and multihop.py measure recall with it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from pathlib import Path

import numpy as np

from quantum_memory.actors.folds import mood_fold
from quantum_memory.actors.life_rules import decay
from quantum_memory.memory import scoring
from quantum_memory.memory.affect.mood import MoodState
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.search import Query, search
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.memory.events import Related, Remembered
from quantum_memory.memory.semantic.bridges import bridges
from quantum_memory.memory.semantic.graph import GraphFold, GraphState
from quantum_memory.memory.semantic.spread import spread
from quantum_memory.policies.recall import PART_NAMES, RecallWeights
from quantum_memory.settings import Settings
from quantum_memory.types import Floats, Memory, Relation, Vector

TOGETHER = 256
"""Memories in one event."""


@dataclass(frozen=True)
class Asked:
    """One question's candidates by id, the parts of their scores, and the seconds that finding them took."""

    ids: tuple[str, ...]
    parts: Mapping[str, Floats]
    seconds: float


class OneAgent:
    """An agent under the default settings, which knows these memories.

    Args:
        memories: in the order of remembering.
        now: when it is asked; recency and the mood are as of then.
        relations: what it was told besides.
    """

    def __init__(self, memories: Sequence[Memory], now: datetime, relations: Sequence[Relation] = ()) -> None:
        self._settings, self._now = Settings(), now
        self._weights = self._settings.recall.weights.policy()
        events = [Remembered(tuple(memories[at : at + TOGETHER])) for at in range(0, len(memories), TOGETHER)]
        episodic, graph = MemoriesFold(), GraphFold()
        self._mood = mood_fold(self._settings.mood)
        state, known, felt = episodic.empty(), graph.empty(), self._mood.empty()
        for event in events:
            state, known = episodic.apply(state, event), graph.apply(known, event)
            felt = self._mood.apply(felt, event)
        if relations:
            known = graph.apply(known, Related(tuple(relations)))
        self.state: EpisodicState = state
        self.graph: GraphState = graph.settled(known)
        self._felt: MoodState = self._mood.settled(felt)

    def ask(self, text: str, meaning: Vector, weights: RecallWeights | None = None) -> Asked:
        """What recall does beyond perceiving the question, up to the weighing of the parts.

        ``weights`` decide where associations begin, as they do in recall, and which parts need not be measured.
        """
        begin = time.perf_counter()
        weights, wanted = weights or self._weights, self._settings.recall
        query = Query(text, meaning, limit=wanted.candidates)
        found = reduce(scoring.joined, [search(self.state, one) for one in scoring.searches(query, self._now)])
        seeds = scoring.seeds(found, weights)
        walked = (
            spread(self.graph, text, seeds, max_nodes=wanted.walk_nodes, method=wanted.walk) if weights.graph else {}
        )
        led = bridges(self.graph, text, seeds) if weights.bridge else {}
        strangers = scoring.strangers(found, walked, led)
        if strangers:
            found = scoring.joined(found, search(self.state, replace(query, limit=0, also=strangers)))
        parts = scoring.parts_of(query, found, walked, led, self._now) | self._others(found.memories)
        return Asked(tuple(one.id for one in found.memories), parts, time.perf_counter() - begin)

    def _others(self, memories: Sequence[Memory]) -> dict[str, Floats]:
        ages = [max(0.0, (self._now - one.at).total_seconds()) for one in memories]
        pads = np.array([one.pad for one in memories], dtype=np.float64).reshape(-1, 3)
        sure = np.array([one.confidence for one in memories], dtype=np.float64)
        kinds = [one.kind for one in memories]
        return {
            "recency": decay(self._settings.life).retention(np.array(ages, dtype=np.float64), kinds),
            "importance": np.array([one.importance for one in memories], dtype=np.float64),
            "mood": self._mood.congruence(self._felt, pads, sure) if memories else np.zeros(0),
        }


def write_parts(path: Path, every: Sequence[tuple[Asked, frozenset[str], str]]) -> None:
    """All parts of all candidates of questions, each with the ids that answer it and the group that it is of.

    In a file of numpy: (n, p) ``values`` with the p ``names`` of their parts, which ``question`` each row is of and
    whether it ``answers``; for each question how many are ``wanted``, and its ``group``.
    """
    tables = [np.stack([found.parts[name] for name in PART_NAMES], axis=1) for found, _, _ in every]
    np.savez_compressed(
        path,
        names=np.array(PART_NAMES),
        values=np.concatenate(tables),
        question=np.repeat(np.arange(len(every)), [len(table) for table in tables]),
        answers=np.array([one in wanted for found, wanted, _ in every for one in found.ids]),
        wanted=np.array([len(wanted) for _, wanted, _ in every]),
        group=np.array([group for _, _, group in every]),
    )
