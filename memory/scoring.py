"""The parts of the scores of one question's candidates, by their names in ``RecallWeights``. Asks no view.

What recall does between the search, the graph and the policy, as plain functions: the orchestrator calls them, and so
do the benchmarks, which therefore measure what users get.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from quantum_memory.memory.episodic.columnar import Ints
from quantum_memory.memory.episodic.look import Look
from quantum_memory.memory.episodic.parts import bridged, matching, nearness, spoken_by
from quantum_memory.memory.episodic.search import Chosen, Found, Query, Sighting
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.memory.life.uses import Practice
from quantum_memory.memory.semantic.bridges import Bridges
from quantum_memory.memory.temporal.parts import time_parts, window
from quantum_memory.memory.temporal.reading import understood
from quantum_memory.policies.decay import Decay
from quantum_memory.policies.recall import RecallWeights, rank
from quantum_memory.types import Floats, MemoryId

MOST_SEEDS = 20
"""Memories from which the graph is asked: the most promising so far."""
MATCHING = ("relevance", "lexical", "neighbours", "nearness")
"""The parts by which associations begin: those that say how well a memory matches the question."""
MOST_TIMES = 4
"""Times of one question within which it is searched for once more each."""
STRANGERS = 5
"""Memories that only the walk found and that become candidates."""


def searches(query: Query, now: datetime) -> tuple[Query, ...]:
    """What is searched for a question: itself, and itself once more within each time that it names.

    What was on a day is not among the nearest of a long life unless one looks at that day.
    """
    found = [query]
    for span in understood(query.text or "", now)[:MOST_TIMES] if query.limit else ():
        since, until = window(span)
        own = query.filters
        since = own.since if since is None else since if own.since is None else max(since, own.since)
        until = own.until if until is None else until if own.until is None else min(until, own.until)
        found.append(replace(query, filters=replace(own, since=since, until=until)))
    return tuple(found)


class Sought:
    """One question in one state: its candidates so far, as columns. What the graph says of it is told once, at the end.

    Args:
        state: what is remembered; it does not change.
        query: what is asked, and under which filters.
        now: when it is asked.

    Raises: ShapeMismatch if the embedding is not as long as those of the state.
    """

    def __init__(self, state: EpisodicState, query: Query, now: datetime) -> None:
        self._query, self._now = query, now
        self._sighting = Sighting(state, query)
        first, *others = searches(query, now)
        self.found = self._sighting.measured(self._sighting.chosen(first))
        for one in others:
            self._add(self._sighting.chosen(one))
        self._sighting.settle()

    @property
    def look(self) -> Look:
        """What numbers of candidates stand for."""
        return self._sighting.look

    def seeds(self, weights: RecallWeights) -> dict[MemoryId, float]:
        """The candidates that match best, whatever else speaks for them, and how well, best first."""
        found = self.found
        parts = dict(zip(MATCHING, (found.relevance, found.lexical, found.neighbours, _near(found)), strict=True))
        ranked = rank(parts, weights, MOST_SEEDS)
        good = ranked.scores > 0.0
        ids = self.look.ids(found.numbers[ranked.order[good]])
        return dict(zip(ids, ranked.scores[good].tolist(), strict=True))

    def led_to(self, walked: Mapping[MemoryId, float], bridges: Bridges) -> dict[str, Floats]:
        """The parts of all candidates, with those that only the graph found now among them.

        Args:
            walked: how much hangs together with the seeds by a walk, in [0, 1].
            bridges: what shares a rare name with one of them, as the graph gives it.
        """
        seeds = {seed for ways in bridges.values() for seed in ways}
        every = list(dict.fromkeys([*walked, *bridges, *seeds]))
        numbers = dict(zip(every, self.look.find(every).tolist(), strict=True))
        if self._query.limit:
            named = np.array(self._strangers(walked, bridges, numbers), np.int64)
            if len(named):
                self._add(self._sighting.named(named, self._query.filters))
        return self._parts(walked, bridges, numbers)

    def felt(self) -> Floats:
        """(m, 5) pleasure, arousal, dominance, confidence and importance of all candidates."""
        return self._in_order(self.look.felt)

    def lasting(self, decay: Decay, practised: Callable[[Sequence[MemoryId]], Practice] | None = None) -> Floats:
        """(m,) what the decay policy leaves of each candidate. Where uses count, their ids tell how they were used."""
        now_s, numbers = self._now.timestamp(), self.found.numbers
        order = np.argsort(numbers)
        kinds = [str(kind) for kind in self.look.labels("kind", numbers[order])]
        ages = np.maximum(0.0, now_s - self.found.at_s)
        used = None if practised is None else practised(self.look.ids(numbers))
        uses = () if used is None else (used.counts.astype(np.float64)[order], (now_s - used.last_s)[order])
        kept = np.empty(len(order))
        kept[order] = decay.retention(ages[order], kinds, *uses)
        return kept

    def _in_order(self, read: Callable[[Ints], Floats]) -> Floats:
        """What is read of numbers that ascend, in the order of the candidates."""
        order = np.argsort(self.found.numbers)
        values = read(self.found.numbers[order])
        placed = np.empty_like(values)
        placed[order] = values
        return placed

    def _add(self, chosen: Chosen) -> None:
        """Make these candidates too, after those that are some already."""
        new = chosen.without(self.found.numbers)
        if len(new.numbers):
            self.found = self.found.followed_by(self._sighting.measured(new))

    def _strangers(
        self, walked: Mapping[MemoryId, float], bridges: Bridges, numbers: Mapping[MemoryId, int]
    ) -> list[int]:
        """What only the graph found: the best of the walk, and what bridges lead to."""
        here = set(self.found.numbers.tolist())
        best = sorted((one for one in walked.items() if numbers[one[0]] not in here), key=lambda one: (-one[1], one[0]))
        named = [*(memory for memory, _ in best[:STRANGERS]), *bridges]
        return [numbers[memory] for memory in named if numbers[memory] >= 0 and numbers[memory] not in here]

    def _parts(
        self, walked: Mapping[MemoryId, float], bridges: Bridges, numbers: Mapping[MemoryId, int]
    ) -> dict[str, Floats]:
        found, look, text = self.found, self.look, self._query.text or ""
        size = len(found.numbers)
        place = dict(zip(found.numbers.tolist(), range(size), strict=True))
        at = {memory: place[number] for memory, number in numbers.items() if number in place}
        order = np.argsort(found.numbers)
        rows = found.numbers[order]
        speaker, statement = np.empty(size), np.empty(size)
        speaker[order] = spoken_by(text, look.labels("speaker", rows))
        statement[order] = look.statements(rows)
        return {
            "relevance": found.relevance,
            "lexical": found.lexical,
            "neighbours": found.neighbours,
            "news": found.news,
            "nearness": _near(found),
            "speaker": speaker,
            "statement": statement,
            **time_parts(text, self._now, found.at_s, lambda: look.said(found.numbers)),
            "graph": _spread_out(walked, at, size),
            "bridge": self._bridged(bridges, at),
        }

    def _bridged(self, bridges: Bridges, at: Mapping[MemoryId, int]) -> Floats:
        part = np.zeros(len(self.found.numbers))
        concerned = {seed for ways in bridges.values() for seed in ways}.union(bridges)
        ids = sorted((memory for memory in concerned if memory in at), key=at.__getitem__)
        if self._query.embedding is None or not ids:
            return part
        rows = np.array([at[memory] for memory in ids])
        numbers = self.found.numbers[rows]
        order = np.argsort(numbers)
        vectors = np.empty((len(ids), len(self._query.embedding)), np.float32)
        vectors[order] = self.look.vectors(numbers[order])
        part[rows] = bridged(self._query.embedding, ids, vectors, bridges)
        return part


def _near(found: Found) -> Floats:
    return nearness(matching(found.relevance, found.lexical), found.sessions, found.rows["ticket"], found.at_s)


def _spread_out(walked: Mapping[MemoryId, float], at: Mapping[MemoryId, int], count: int) -> Floats:
    """(count,) what the walk gives each candidate, 0 to those that it did not come to."""
    part = np.zeros(count)
    for memory, rank_of in walked.items():
        if memory in at:
            part[at[memory]] = rank_of
    return part
