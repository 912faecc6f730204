"""How things are found again: candidates by meaning and by words, associations in the graph, the mood, the policy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce

import numpy as np

from quantum_memory.actors import life_rules
from quantum_memory.actors.emotion import EmotionHost, Said
from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.quantum_state import Feelings, QuantumStateHost
from quantum_memory.actors.requests import RecallRequest
from quantum_memory.actors.semantic_graph import Associations, Seeds, SemanticGraphHost
from quantum_memory.checks import within
from quantum_memory.errors import ShapeMismatch, TooLong
from quantum_memory.memory import scoring
from quantum_memory.memory.episodic.search import Candidates, Query
from quantum_memory.memory.life.uses import Practice
from quantum_memory.memory.merging import Under
from quantum_memory.policies.recall import rank
from quantum_memory.settings import Settings
from quantum_memory.types import Floats, Hit, Place, Vector


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
        self._decay = life_rules.decay(settings.life)

    async def recall(self, requests: Sequence[RecallRequest]) -> list[list[Hit]]:
        """Hits for each question, best first. Raises: InvalidInput, PlaceNotFound."""
        for request in requests:
            self._check(request)
        places = await self._places(requests)
        vectors = await self._vectors(requests)
        lineages, now = [lineage for lineage, _ in places], self._now()
        looked = [
            (place, self._query(request, meaning))
            for request, meaning, (_, place) in zip(requests, vectors, places, strict=True)
        ]
        found = await self._searched(lineages, looked, now)
        led = await self._associated(lineages, looked, found)
        found = await self._with_strangers(lineages, looked, found, led)
        moods, practised = await asyncio.gather(
            self._moods(lineages, looked, found), self._practised(lineages, looked, found)
        )
        # Hundreds of long texts that are read for times take half a second, in which others must be answered.
        parts = await asyncio.to_thread(_parts_of, looked, found, led, now)
        ranked = zip(requests, parts, found, moods, practised, strict=True)
        return [self._rank(*one, now) for one in ranked]

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
        return Query(text, meaning, request.filters, limit, exact=request.exact)

    async def _searched(
        self, lineages: Sequence[str], looked: Sequence[tuple[Place, Query]], now: datetime
    ) -> list[Candidates]:
        """The candidates of each question, of all its searches together, in as few calls as there are hosts."""
        asked = [(place, scoring.searches(query, now)) for place, query in looked]
        each = [(place, query) for place, queries in asked for query in queries]
        owners = [lineage for lineage, (_, queries) in zip(lineages, asked, strict=True) for _ in queries]
        found = iter(await self._parts.episodic.scatter(EpisodicMemoryHost.search, owners, each))
        return [reduce(scoring.joined, [next(found) for _ in queries]) for _, queries in asked]

    async def _associated(
        self,
        lineages: Sequence[str],
        looked: Sequence[tuple[Place, Query]],
        found: Sequence[Candidates],
    ) -> list[Associations]:
        """What hangs together in the graph with the best candidates."""
        walk, bridge = self._weights.graph > 0.0, self._weights.bridge > 0.0
        if not walk and not bridge:
            return [Associations({}, {}) for _ in looked]
        begun = [
            Seeds(place, query.text or "", scoring.seeds(candidates, self._weights), walk, bridge)
            for (place, query), candidates in zip(looked, found, strict=True)
        ]
        return await self._parts.graph.scatter(SemanticGraphHost.associate, lineages, begun)

    async def _with_strangers(
        self,
        lineages: Sequence[str],
        looked: Sequence[tuple[Place, Query]],
        found: Sequence[Candidates],
        led: Sequence[Associations],
    ) -> list[Candidates]:
        """Candidates with the memories that only the graph found, under the same filters."""
        named = [
            scoring.strangers(candidates, *association) if query.limit else ()
            for (_, query), candidates, association in zip(looked, found, led, strict=True)
        ]
        asking = [index for index, ids in enumerate(named) if ids]
        more = await self._parts.episodic.scatter(
            EpisodicMemoryHost.search,
            [lineages[index] for index in asking],
            [(looked[index][0], replace(looked[index][1], limit=0, also=named[index])) for index in asking],
        )
        joined = list(found)
        for index, strangers in zip(asking, more, strict=True):
            joined[index] = scoring.joined(found[index], strangers)
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

    async def _practised(
        self, lineages: Sequence[str], looked: Sequence[tuple[Place, Query]], found: Sequence[Candidates]
    ) -> list[Practice | None]:
        """How each candidate was of use; nothing where recency does not count or no use is ever noted."""
        if not self._weights.recency or self._settings.life.reinforce == "off":
            return [None for _ in found]
        asked = [
            Under(place, tuple(memory.id for memory in candidates.memories))
            for (place, _), candidates in zip(looked, found, strict=True)
        ]
        return [*await self._parts.episodic.scatter(EpisodicMemoryHost.practice, lineages, asked)]

    def _rank(
        self,
        request: RecallRequest,
        parts: dict[str, Floats],
        candidates: Candidates,
        mood: Floats,
        used: Practice | None,
        now: datetime,
    ) -> list[Hit]:
        memories, now_s = candidates.memories, now.timestamp()
        ages = np.array([max(0.0, now_s - memory.at.timestamp()) for memory in memories], dtype=np.float64)
        uses = () if used is None else (used.counts.astype(np.float64), now_s - used.last_s)
        others = {
            "recency": self._decay.retention(ages, [memory.kind for memory in memories], *uses),
            "importance": np.array([memory.importance for memory in memories], dtype=np.float64),
            "mood": mood,
        }
        ranked = rank(parts | others, self._weights, request.k)
        return [
            Hit(memories[index], float(score), why)
            for index, score, why in zip(ranked.order.tolist(), ranked.scores, ranked.why, strict=True)
        ]


def _parts_of(
    looked: Sequence[tuple[Place, Query]],
    found: Sequence[Candidates],
    led: Sequence[Associations],
    now: datetime,
) -> list[dict[str, Floats]]:
    """The parts of the candidates of each question, but for those that views have a say in."""
    return [
        scoring.parts_of(query, candidates, walked, bridges, now)
        for (_, query), candidates, (walked, bridges) in zip(looked, found, led, strict=True)
    ]
