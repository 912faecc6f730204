"""How things are found again: candidates by meaning and by words, a walk over the graph, the mood, and the policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from quantum_memory.actors.emotion import EmotionHost, Said
from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.quantum_state import Feelings, QuantumStateHost
from quantum_memory.actors.requests import RecallRequest
from quantum_memory.actors.semantic_graph import Seeds, SemanticGraphHost
from quantum_memory.checks import within
from quantum_memory.errors import ShapeMismatch, TooLong
from quantum_memory.memory.episodic.search import Candidates, Query
from quantum_memory.policies.decay import DecayPolicy, Exponential
from quantum_memory.policies.recall import rank
from quantum_memory.settings import Settings
from quantum_memory.types import Floats, Hit, MemoryId, Place, Vector

SEEDS = 20
"""How many of the first candidates a walk starts from."""
STRANGERS = 20
"""How many memories that only the walk found become candidates."""


class Recaller:
    """Answers questions, many at once. Takes no turn: a read sees every write that was acknowledged.

    Args:
        parts: ways to perception and the views.
        settings: weights, candidates, limits.
        now: the time that recency is measured from.
    """

    def __init__(self, parts: Parts, settings: Settings, now: Callable[[], datetime]) -> None:
        self._parts, self._settings, self._now = parts, settings, now
        self._weights = settings.recall.weights.policy()
        self._decay: DecayPolicy = Exponential(settings.recall.half_life_s)

    async def recall(self, requests: Sequence[RecallRequest]) -> list[list[Hit]]:
        """Hits for each question, best first. Raises: InvalidInput, PlaceNotFound."""
        for request in requests:
            self._check(request)
        places = await self._places(requests)
        vectors = await self._vectors(requests)
        lineages = [lineage for lineage, _ in places]
        looked = [
            (place, self._query(request, meaning))
            for request, meaning, (_, place) in zip(requests, vectors, places, strict=True)
        ]
        found = await self._parts.episodic.scatter(EpisodicMemoryHost.search, lineages, looked)
        walked = await self._walk(requests, lineages, looked, found)
        found = await self._with_strangers(lineages, looked, found, walked)
        moods = await self._moods(lineages, looked, found)
        return [
            self._rank(request, candidates, walk, mood)
            for request, candidates, walk, mood in zip(requests, found, walked, moods, strict=True)
        ]

    def _check(self, request: RecallRequest) -> None:
        limits, dim = self._settings.limits, self._settings.perception.dim
        if request.k > limits.recalled:
            raise TooLong("k", request.k, limits.recalled, "memories")
        if isinstance(request.query, str):
            within("query", request.query, limits.text_chars)
        elif request.query.shape != (dim,):
            raise ShapeMismatch("query", (dim,), request.query.shape)

    async def _places(self, requests: Sequence[RecallRequest]) -> list[tuple[str, Place]]:
        """For each question the lineage and the place it is asked at; the vault is asked once for all tips."""
        journal = self._parts.journal
        now = [request.branch for request in requests if request.as_of is None]
        tips = iter(zip((branch.lineage for branch in now), await journal.tips(now), strict=True))
        return [next(tips) if request.as_of is None else await self._then(request) for request in requests]

    async def _then(self, request: RecallRequest) -> tuple[str, Place]:
        place = await self._parts.journal.resolve(request.branch, request.as_of)
        return (await self._parts.journal.branch(place.branch)).lineage, place

    async def _vectors(self, requests: Sequence[RecallRequest]) -> list[Vector]:
        texts = [request.query for request in requests if isinstance(request.query, str)]
        seen = iter(await self._parts.emotion.scatter(EmotionHost.perceive, texts, [Said(text) for text in texts]))
        return [next(seen).embedding if isinstance(request.query, str) else request.query for request in requests]

    def _query(self, request: RecallRequest, meaning: Vector) -> Query:
        limit = max(self._settings.recall.candidates, request.k) if request.k else 0
        text = request.query if isinstance(request.query, str) else None
        return Query(text, meaning, request.filters, limit)

    async def _walk(
        self,
        requests: Sequence[RecallRequest],
        lineages: Sequence[str],
        looked: Sequence[tuple[Place, Query]],
        found: Sequence[Candidates],
    ) -> list[dict[MemoryId, float]]:
        """What a walk over the graph from the best candidates finds."""
        if not self._weights.graph:
            return [{} for _ in requests]
        seeds = [
            Seeds(place, query.text or "", _best(candidates))
            for (place, query), candidates in zip(looked, found, strict=True)
        ]
        return await self._parts.graph.scatter(SemanticGraphHost.spread, lineages, seeds)

    async def _with_strangers(
        self,
        lineages: Sequence[str],
        looked: Sequence[tuple[Place, Query]],
        found: Sequence[Candidates],
        walked: Sequence[dict[MemoryId, float]],
    ) -> list[Candidates]:
        """Candidates with the memories that only the walk found, under the same filters."""
        named = [
            _strangers(candidates, walk) if query.limit else ()
            for (_, query), candidates, walk in zip(looked, found, walked, strict=True)
        ]
        asking = [index for index, ids in enumerate(named) if ids]
        more = await self._parts.episodic.scatter(
            EpisodicMemoryHost.search,
            [lineages[index] for index in asking],
            [(looked[index][0], replace(looked[index][1], limit=0, also=named[index])) for index in asking],
        )
        joined = list(found)
        for index, strangers in zip(asking, more, strict=True):
            joined[index] = _join(found[index], strangers)
        return joined

    async def _moods(
        self, lineages: Sequence[str], looked: Sequence[tuple[Place, Query]], found: Sequence[Candidates]
    ) -> list[Floats]:
        """How well each candidate's feeling fits the mood."""
        fits: list[Floats] = [np.zeros(len(candidates.memories)) for candidates in found]
        if not self._weights.mood:
            return fits
        asking = [index for index, candidates in enumerate(found) if candidates.memories]
        feelings = [
            Feelings(
                looked[index][0],
                np.array([memory.pad for memory in found[index].memories], dtype=np.float64),
                np.array([memory.confidence for memory in found[index].memories], dtype=np.float64),
            )
            for index in asking
        ]
        owners = [lineages[index] for index in asking]
        answers = await self._parts.quantum.scatter(QuantumStateHost.congruence, owners, feelings)
        for index, fit in zip(asking, answers, strict=True):
            fits[index] = fit
        return fits

    def _rank(
        self, request: RecallRequest, candidates: Candidates, walk: dict[MemoryId, float], mood: Floats
    ) -> list[Hit]:
        memories = candidates.memories
        now_s = self._now().timestamp()
        ages = np.array([max(0.0, now_s - memory.at.timestamp()) for memory in memories], dtype=np.float64)
        parts = {
            "relevance": candidates.relevance,
            "lexical": candidates.lexical,
            "neighbours": candidates.neighbours,
            "graph": np.array([walk.get(memory.id, 0.0) for memory in memories], dtype=np.float64),
            "recency": self._decay.retention(ages),
            "importance": np.array([memory.importance for memory in memories], dtype=np.float64),
            "mood": mood,
        }
        ranked = rank(parts, self._weights, request.k)
        return [
            Hit(memories[index], float(score), why)
            for index, score, why in zip(ranked.order.tolist(), ranked.scores, ranked.why, strict=True)
        ]


def _best(candidates: Candidates) -> dict[MemoryId, float]:
    """The most promising candidates so far, and how promising."""
    promise = np.maximum(candidates.relevance, 0.0) + candidates.lexical + np.maximum(candidates.neighbours, 0.0)
    best = np.argsort(-promise, kind="stable")[:SEEDS]
    return {candidates.memories[index].id: float(promise[index]) for index in best if promise[index] > 0.0}


def _strangers(candidates: Candidates, walk: dict[MemoryId, float]) -> tuple[MemoryId, ...]:
    """The memories that the walk found and the search did not, best first."""
    here = {memory.id for memory in candidates.memories}
    ranked = sorted(walk.items(), key=lambda item: (-item[1], item[0]))
    return tuple(identity for identity, _ in ranked if identity not in here)[:STRANGERS]


def _join(found: Candidates, more: Candidates) -> Candidates:
    """Both, without those of the second that are in the first already."""
    here = {memory.id for memory in found.memories}
    new = [index for index, memory in enumerate(more.memories) if memory.id not in here]
    return Candidates(
        (*found.memories, *(more.memories[index] for index in new)),
        np.concatenate([found.relevance, more.relevance[new]]),
        np.concatenate([found.lexical, more.lexical[new]]),
        np.concatenate([found.neighbours, more.neighbours[new]]),
    )
