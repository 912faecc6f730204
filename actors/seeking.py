"""How an episodic host answers questions: first where associations begin, then the memories that may be among the best.

What was found the first time is kept for the second. It follows from the question and the place alone, so where it is
not there any more, after a restart or among very many questions, it is found again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

import numpy as np

from quantum_memory.actors import life_rules
from quantum_memory.memory.episodic.dense import Company, Multiply, all_products
from quantum_memory.memory.episodic.records import felt
from quantum_memory.memory.episodic.search import Query, Sighting
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.memory.held import Held
from quantum_memory.memory.life.uses import Practice, UsesState, practice
from quantum_memory.memory.scoring import Sought
from quantum_memory.memory.semantic.bridges import Bridges
from quantum_memory.policies.recall import contenders
from quantum_memory.settings import Settings
from quantum_memory.types import Filters, Floats, Memory, MemoryId, Place, Vector

KEPT = 256
"""Questions between their two steps whose candidates are kept."""


class Question(NamedTuple):
    """What is looked for at a place, when it is asked, and how many of the best are wanted.

    ``token`` is of this question alone.
    """

    token: str
    place: Place
    query: Query
    now: datetime
    k: int


class Led(NamedTuple):
    """A question and what the graph says of it: what a walk comes to, and what shares a rare name with its seeds."""

    question: Question
    walked: dict[MemoryId, float]
    bridges: Bridges


class Contenders(NamedTuple):
    """The n memories that may be among the k best once the mood is asked, in the order in which equal ones come.

    ``parts`` are those of their scores, (n,) each, but for the mood; ``feelings`` is (n, 4): PAD and confidence.
    """

    memories: tuple[Memory, ...]
    parts: dict[str, Floats]
    feelings: Floats


_Sight: TypeAlias = tuple[Place, int, bool]


def _sight(question: Question) -> _Sight:
    """Which vectors a question looks at, one by one, if it has no filters: all of one sight look at the same."""
    return question.place, question.query.limit, question.query.exact


class Seeker:
    """Answers questions at places of the views of one host. One thread calls it.

    Args:
        settings: weights, and what fades how.
        memories: gives what is remembered at a place.
        uses: gives how it was of use up to there.
    """

    def __init__(
        self, settings: Settings, memories: Callable[[Place], EpisodicState], uses: Callable[[Place], UsesState]
    ) -> None:
        self._memories, self._uses = memories, uses
        self._weights = settings.recall.weights.policy()
        self._decay, self._reinforced = life_rules.decay(settings.life), settings.life.reinforce != "off"
        self._kept: Held[str, Sought] = Held(KEPT)

    def seeds(self, questions: Sequence[Question]) -> list[dict[MemoryId, float]]:
        """For each question the memories from which the graph is to be asked, and how well they match.

        Those that look at the same vectors do so in one pass. Raises: what ``Sought`` raises.
        """
        embeddings: defaultdict[_Sight, list[Vector]] = defaultdict(list)
        for one in questions:
            if one.query.embedding is not None and one.query.filters == Filters():
                embeddings[_sight(one)].append(one.query.embedding)
        companies = {sight: Company(some) for sight, some in embeddings.items()}
        return [self._seeds(one, companies.get(_sight(one))) for one in questions]

    def _seeds(self, question: Question, company: Company | None) -> dict[MemoryId, float]:
        sought = self._found(question, all_products if company is None else company.all_products)
        self._kept.put(question.token, sought)
        return sought.seeds(self._weights)

    def best_words(self, place: Place, text: str) -> float:
        """The best BM25 that a text has at a place; 0 if no memory has any of its words."""
        return Sighting(self._memories(place), Query(text, limit=1)).best_words

    def contenders(self, led: Led) -> Contenders:
        """What may be among the best. Raises: what ``Sought`` raises."""
        question = led.question
        sought = self._kept.get(question.token) or self._found(question)
        self._kept.drop(question.token)
        parts = sought.led_to(led.walked, led.bridges)
        parts["importance"] = sought.importance(self._weights)
        parts["recency"] = self._recency(question.place, sought)
        chosen = contenders(parts, self._weights, question.k, "mood")
        memories = tuple(sought.look.memories(sought.found.numbers[chosen]))
        return Contenders(memories, {name: part[chosen] for name, part in parts.items()}, felt(memories)[:, :4])

    def _found(self, question: Question, multiply: Multiply = all_products) -> Sought:
        return Sought(self._memories(question.place), question.query, question.now, multiply)

    def _recency(self, place: Place, sought: Sought) -> Floats:
        if not self._weights.recency:
            return np.zeros(len(sought.found.numbers))
        used = self._uses(place) if self._reinforced else UsesState()
        if not len(used):
            return sought.lasting(self._decay)

        def practised(ids: Sequence[MemoryId]) -> Practice:
            return practice(used, ids)

        return sought.lasting(self._decay, practised)
