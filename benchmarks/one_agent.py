"""One agent's views in this process, asked as the actors ask them: what a hop and a journal cost is left out.

Not a benchmark itself: locomo.py and multihop.py measure recall with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

import numpy as np

from quantum_memory.actors.folds import mood_fold
from quantum_memory.actors.life_rules import decay
from quantum_memory.memory import scoring
from quantum_memory.memory.affect.mood import MoodState
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.indexing import Indexer
from quantum_memory.memory.episodic.records import felt
from quantum_memory.memory.episodic.search import Query
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.memory.events import Related, Remembered
from quantum_memory.memory.semantic.bridges import bridges
from quantum_memory.memory.semantic.graph import GraphFold, GraphState
from quantum_memory.memory.semantic.spread import spread
from quantum_memory.policies.recall import PART_NAMES, RecallWeights, contenders, rank
from quantum_memory.settings import Settings
from quantum_memory.types import Floats, Hit, Memory, Relation, Vector

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
        indexer: indexes runs that are long enough; without one every search looks at every row.
    """

    def __init__(
        self,
        memories: Iterable[Memory],
        now: datetime,
        relations: Sequence[Relation] = (),
        indexer: Indexer | None = None,
    ) -> None:
        self._settings, self._now = Settings(), now
        self._weights = self._settings.recall.weights.policy()
        self._decay = decay(self._settings.life)
        episodic, graph = MemoriesFold(indexer=indexer), GraphFold()
        self._mood = mood_fold(self._settings.mood)
        state, known, felt = episodic.empty(), graph.empty(), self._mood.empty()
        given = iter(memories)
        while some := tuple(islice(given, TOGETHER)):
            event = Remembered(some)
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
        sought = scoring.Sought(self.state, query, self._now)
        seeds = sought.seeds(weights)
        walked = (
            spread(self.graph, text, seeds, max_nodes=wanted.walk_nodes, method=wanted.walk) if weights.graph else {}
        )
        led = bridges(self.graph, text, seeds) if weights.bridge else {}
        parts = sought.led_to(walked, led)
        parts |= self._others(sought)
        seconds = time.perf_counter() - begin
        return Asked(tuple(sought.look.ids(sought.found.numbers)), parts, seconds)

    def recall(self, text: str, meaning: Vector, k: int = 10) -> tuple[list[Hit], dict[str, float]]:
        """What recall does beyond perceiving the question, to its end: hits, and processor seconds by stage."""
        wanted, weights, stages, begin = self._settings.recall, self._weights, {}, time.thread_time()

        def passed(stage: str) -> None:
            nonlocal begin
            stages[stage], begin = time.thread_time() - begin, time.thread_time()

        sought = scoring.Sought(self.state, Query(text, meaning, limit=max(wanted.candidates, k)), self._now)
        passed("search")
        seeds = sought.seeds(weights)
        passed("seeds")
        walked = (
            spread(self.graph, text, seeds, max_nodes=wanted.walk_nodes, method=wanted.walk) if weights.graph else {}
        )
        passed("walk")
        led = bridges(self.graph, text, seeds) if weights.bridge else {}
        passed("bridges")
        parts = sought.led_to(walked, led)
        parts["importance"] = sought.importance(weights)
        parts["recency"] = sought.lasting(self._decay) if weights.recency else np.zeros(len(parts["importance"]))
        passed("parts")
        chosen = contenders(parts, weights, k, "mood")
        memories = sought.look.memories(sought.found.numbers[chosen])
        feelings = felt(memories)
        passed("memories")
        few = {name: part[chosen] for name, part in parts.items()}
        few["mood"] = np.zeros(len(chosen))
        if weights.mood:
            few["mood"] = self._mood.congruence(self._felt, feelings[:, :3], feelings[:, 3])
        passed("mood")
        ranked = rank(few, weights, k)
        order = zip(ranked.order.tolist(), ranked.scores, ranked.why, strict=True)
        hits = [Hit(memories[index], float(score), why) for index, score, why in order]
        passed("rank")
        return hits, stages

    def _others(self, sought: scoring.Sought) -> dict[str, Floats]:
        feelings = sought.felt()
        return {
            "recency": sought.lasting(self._decay),
            "importance": feelings[:, 4],
            "mood": self._mood.congruence(self._felt, feelings[:, :3], feelings[:, 3])
            if len(feelings)
            else np.zeros(0),
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
