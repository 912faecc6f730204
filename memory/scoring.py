"""The parts of the scores of one question's candidates, by their names in ``RecallWeights``. Asks no view.

What recall does between the search, the graph and the policy, as plain functions: the orchestrator calls them, and so
do the benchmarks, which therefore measure what users get.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from heapq import nsmallest

import numpy as np

from quantum_memory.memory.episodic.columnar import Ints
from quantum_memory.memory.episodic.dense import Mask, Multiply, all_products
from quantum_memory.memory.episodic.look import Look
from quantum_memory.memory.episodic.parts import matching, nearness_by_code, spoken_by
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
        multiply: what multiplies all rows of an array with the embedding.

    Raises: ShapeMismatch if the embedding is not as long as those of the state.
    """

    def __init__(self, state: EpisodicState, query: Query, now: datetime, multiply: Multiply = all_products) -> None:
        self._query, self._now = query, now
        self._sighting = Sighting(state, query, multiply=multiply)
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
        told = _Told(walked, bridges)
        numbers = self.look.find(told.ids)
        if self._query.limit:
            named = self._strangers(told, numbers)
            if len(named):
                self._add(self._sighting.named(named, self._query.filters))
        return self._parts(told, numbers)

    def felt(self) -> Floats:
        """(m, 5) pleasure, arousal, dominance, confidence and importance of all candidates."""
        return self.look.felt(self.found.numbers)

    def importance(self, weights: RecallWeights) -> Floats:
        """(m,) how much each candidate matters; 0 where that counts nothing, and then nothing is read."""
        return self.felt()[:, 4] if weights.importance else np.zeros(len(self.found.numbers))

    def lasting(self, decay: Decay, practised: Callable[[Sequence[MemoryId]], Practice] | None = None) -> Floats:
        """(m,) what the decay policy leaves of each candidate. Where uses count, their ids tell how they were used."""
        now_s, numbers = self._now.timestamp(), self.found.numbers
        which, names = self.look.named("kind", numbers)
        ages = np.maximum(0.0, now_s - self.found.at_s)
        used = None if practised is None else practised(self.look.ids(numbers))
        uses = () if used is None else (used.counts.astype(np.float64), now_s - used.last_s)
        return decay.retention(ages, [names[at] for at in which.tolist()], *uses)

    def _add(self, chosen: Chosen) -> None:
        """Make these candidates too, after those that are some already."""
        new = chosen.without(self.found.numbers)
        if len(new.numbers):
            self.found = self.found.followed_by(self._sighting.measured(new))

    def _strangers(self, told: _Told, numbers: Ints) -> Ints:
        """What only the graph found: the best of the walk, and what bridges lead to."""
        new = (_places(self.found.numbers, numbers) < 0).tolist()
        walked = zip(told.ids[: len(told.ranks)], told.ranks, range(len(told.ranks)), strict=True)
        best = nsmallest(STRANGERS, ((-rank_of, memory, at) for memory, rank_of, at in walked if new[at]))
        named = np.array([*(at for _, _, at in best), *(at for at in told.led if new[at])], np.int64)
        return numbers[named][numbers[named] >= 0]

    def _parts(self, told: _Told, numbers: Ints) -> dict[str, Floats]:
        found, look, text = self.found, self.look, self._query.text or ""
        at = _places(found.numbers, numbers)
        which, speakers = look.named("speaker", found.numbers)
        return {
            "relevance": found.relevance,
            "lexical": found.lexical,
            "neighbours": found.neighbours,
            "news": found.news,
            "nearness": _near(found),
            "speaker": spoken_by(text, [*speakers, None])[which],
            "statement": look.statements(found.numbers),
            **time_parts(text, self._now, found.at_s, lambda: look.said(found.numbers)),
            "graph": _spread_out(np.array(told.ranks), at[: len(told.ranks)], len(found.numbers)),
            "bridge": self._bridged(told, at),
        }

    def _bridged(self, told: _Told, at: Ints) -> Floats:
        part = np.zeros(len(self.found.numbers))
        ways, strengths = told.between(at >= 0)
        if self._query.embedding is None or not len(ways):
            return part
        ends, by = np.unique(ways, return_inverse=True)
        fits = self._sighting.bridged(self.found.numbers[at[ends]], by.reshape(-1, 2), strengths)
        part[at[ends]] = fits
        return part


class _Told:
    """What the graph says of a question, by places among the ids that it names.

    Attributes:
        ids: each once, those that the walk came to first.
        ranks: what the walk gives to the first ones.
        led: those that bridges lead to.
    """

    def __init__(self, walked: Mapping[MemoryId, float], bridges: Bridges) -> None:
        place = {memory: at for at, memory in enumerate(walked)}
        self.ranks, self.led = list(walked.values()), list[int]()
        self._ways, self._strengths = list[tuple[int, int]](), list[float]()
        for memory, seeds in bridges.items():
            to = place.setdefault(memory, len(place))
            self.led.append(to)
            for seed, strength in seeds.items():
                self._ways.append((to, place.setdefault(seed, len(place))))
                self._strengths.append(strength)
        self.ids = list(place)

    def between(self, here: Mask) -> tuple[Ints, Floats]:
        """(w, 2) the end and the beginning of each bridge whose both are here, and (w,) how strong it is."""
        ways, strengths = np.array(self._ways, np.int64).reshape(-1, 2), np.array(self._strengths)
        kept = here[ways].all(axis=1)
        return ways[kept], strengths[kept]


def _places(numbers: Ints, wanted: Ints) -> Ints:
    """(k,) where each wanted number, which may be -1, stands among distinct ones; -1 if it does not."""
    if not len(numbers):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(numbers)
    at = order[np.minimum(np.searchsorted(numbers, wanted, sorter=order), len(numbers) - 1)]
    return np.where(numbers[at] == wanted, at, -1)


def _near(found: Found) -> Floats:
    match = matching(found.relevance, found.lexical)
    return nearness_by_code(match, found.sessions, found.stamps.tickets, found.at_s)


def _spread_out(ranks: Floats, at: Ints, count: int) -> Floats:
    """(count,) what the walk gives each candidate, by their places or -1; 0 to those that it did not come to."""
    part = np.zeros(count)
    part[at[at >= 0]] = ranks[at >= 0]
    return part
