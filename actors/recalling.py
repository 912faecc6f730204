"""How things are found again: candidates by meaning and by words, associations in the graph, the mood, the policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import uuid4

import numpy as np

from quantum_memory.actors.emotion import EmotionHost, Said
from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.patience import Deadline, Patience
from quantum_memory.actors.quantum_state import Feelings, QuantumStateHost
from quantum_memory.actors.requests import RecallRequest, check_question
from quantum_memory.actors.seeking import Contenders, Led, Question
from quantum_memory.actors.semantic_graph import Associations, Seeds, SemanticGraphHost
from quantum_memory.memory.episodic.search import Query
from quantum_memory.policies.recall import RecallWeights, rank
from quantum_memory.settings import Settings
from quantum_memory.types import Branch, Floats, Hit, Hits, Place, Vector


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
        self.graph = Patience("graph", settings.timeouts.part_s)
        self.mood = Patience("mood", settings.timeouts.part_s)

    async def recall(self, requests: Sequence[RecallRequest], deadline: Deadline | None = None) -> list[Hits]:
        """Hits for each question, best first, made without the graph or the mood where these are away or too slow.

        Args:
            requests: the questions.
            deadline: when the answer is due; when the first of them says so, if left out.

        Raises: InvalidInput, PlaceNotFound; DeadlineExceeded.
        """
        for request in requests:
            check_question(request.query, request.k, self._settings)
        due = deadline or self.deadline(requests)
        async with due.kept("recall"):
            return await self._recalled(requests, due)

    async def best_words(self, branch: Branch, text: str) -> float:
        """The best BM25 that a text has on a branch; 0 if no memory has any of its words."""
        (tip,) = await self._parts.journal.tips([branch])
        (best,) = await self._parts.episodic.scatter(EpisodicMemoryHost.best_words, [branch.lineage], [(tip, text)])
        return best

    def deadline(self, requests: Sequence[RecallRequest]) -> Deadline:
        """When the first of these answers is due."""
        times = self._settings.timeouts
        given = [one.deadline_s for one in requests if one.deadline_s is not None]
        return Deadline(min(given, default=times.call_s + len(requests) * times.per_text_s))

    async def _recalled(self, requests: Sequence[RecallRequest], deadline: Deadline) -> list[Hits]:
        places = await self._places(requests)
        vectors = await self._vectors(requests)
        lineages, now = [lineage for lineage, _ in places], self._now()
        questions = [
            Question(uuid4().hex, place, self._query(request, meaning), now, request.k)
            for request, meaning, (_, place) in zip(requests, vectors, places, strict=True)
        ]
        associated = await self._associated(lineages, questions, deadline)
        nothing = [Associations({}, {})] * len(questions)
        led = [Led(question, *one) for question, one in zip(questions, associated or nothing, strict=True)]
        found = await self._parts.episodic.scatter(EpisodicMemoryHost.contenders, lineages, led)
        moods = [np.zeros(len(one.memories)) for one in found]
        felt: list[Floats] | None = moods
        if self._weights.mood:
            felt = await self.mood.within(deadline, lambda: self._moods(lineages, questions, found))
        moods = felt or moods
        told = ((self.graph.part, associated), (self.mood.part, felt))
        missing = [part for part, answer in told if answer is None]
        return [
            Hits(_hits(one, mood, self._weights, request.k), missing)
            for request, one, mood in zip(requests, found, moods, strict=True)
        ]

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
        return Query(text, meaning, request.filters, limit, exact=request.exact, over=request.over)

    async def _associated(
        self, lineages: Sequence[str], questions: Sequence[Question], deadline: Deadline
    ) -> list[Associations] | None:
        """What hangs together in the graph with the memories that match best; nothing if the graph does not say."""
        walk, bridge = self._weights.graph > 0.0, self._weights.bridge > 0.0
        if not walk and not bridge:
            return [Associations({}, {}) for _ in questions]
        best = await self._parts.episodic.scatter(EpisodicMemoryHost.seeds, lineages, questions)
        begun = [
            Seeds(question.place, question.query.text or "", seeds, walk, bridge)
            for question, seeds in zip(questions, best, strict=True)
        ]
        graph = self._parts.graph
        return await self.graph.within(deadline, lambda: graph.scatter(SemanticGraphHost.associate, lineages, begun))

    async def _moods(
        self, lineages: Sequence[str], questions: Sequence[Question], found: Sequence[Contenders]
    ) -> list[Floats]:
        """How well the feeling of each that may be among the best fits the mood."""
        fits: list[Floats] = [np.zeros(len(one.memories)) for one in found]
        asking = [index for index, one in enumerate(found) if one.memories]
        feelings = [
            Feelings(questions[index].place, found[index].feelings[:, :3], found[index].feelings[:, 3])
            for index in asking
        ]
        owners = [lineages[index] for index in asking]
        answers = await self._parts.quantum.scatter(QuantumStateHost.congruence, owners, feelings)
        for index, fit in zip(asking, answers, strict=True):
            fits[index] = fit
        return fits


def _hits(found: Contenders, mood: Floats, weights: RecallWeights, k: int) -> list[Hit]:
    ranked = rank(found.parts | {"mood": mood}, weights, k)
    return [
        Hit(found.memories[index], float(score), why)
        for index, score, why in zip(ranked.order.tolist(), ranked.scores, ranked.why, strict=True)
    ]
