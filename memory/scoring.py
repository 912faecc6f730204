"""The parts of the scores of one question's candidates, by their names in ``RecallWeights``. Asks no view.

What recall does between the search, the graph and the policy, as plain functions: the orchestrator calls them, and so
do the benchmarks, which therefore measure what users get.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np

from quantum_memory.memory.episodic.parts import bridged, matching, nearness, spoken_by, statements
from quantum_memory.memory.episodic.search import Candidates, Query
from quantum_memory.memory.semantic.bridges import Bridges
from quantum_memory.memory.temporal.parts import time_parts, window
from quantum_memory.memory.temporal.reading import understood
from quantum_memory.policies.recall import RecallWeights, rank
from quantum_memory.types import Floats, MemoryId, Vector

MOST_SEEDS = 20
"""Memories from which the graph is asked: the most promising so far."""
MOST_TIMES = 4
"""Times of one question within which it is searched for once more each."""
STRANGERS = 20
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


def matching_parts(found: Candidates) -> dict[str, Floats]:
    """The parts that say how well a memory matches the question, by which associations begin."""
    memories = found.memories
    near = nearness(
        matching(found.relevance, found.lexical),
        [memory.session for memory in memories],
        found.tickets.tolist(),
        [memory.at.timestamp() for memory in memories],
    )
    return {
        "relevance": found.relevance,
        "lexical": found.lexical,
        "neighbours": found.neighbours,
        "nearness": near,
    }


def found_parts(query: Query, found: Candidates, now: datetime) -> dict[str, Floats]:
    """The parts that follow from the search and the clock alone."""
    memories = found.memories
    return {
        **matching_parts(found),
        "news": found.news,
        "speaker": spoken_by(query.text or "", [memory.speaker for memory in memories]),
        "statement": statements(memory.text for memory in memories),
        **time_parts(query.text or "", now, memories),
    }


def seeds(found: Candidates, weights: RecallWeights) -> dict[MemoryId, float]:
    """The candidates that match best, whatever else speaks for them, and how well, best first."""
    ranked = rank(matching_parts(found), weights, MOST_SEEDS)
    return {
        found.memories[index].id: float(score)
        for index, score in zip(ranked.order.tolist(), ranked.scores, strict=True)
        if score > 0.0
    }


def strangers(found: Candidates, walked: Mapping[MemoryId, float], bridges: Bridges) -> tuple[MemoryId, ...]:
    """The memories that only the graph found: the best of the walk, and those that bridges lead to."""
    here = {memory.id for memory in found.memories}
    best = sorted((one for one in walked.items() if one[0] not in here), key=lambda one: (-one[1], one[0]))
    walkers = (memory for memory, _ in best[:STRANGERS])
    return tuple(dict.fromkeys([*walkers, *(memory for memory in bridges if memory not in here)]))


def joined(found: Candidates, more: Candidates) -> Candidates:
    """Both, without those of the second that are in the first already."""
    here = {memory.id for memory in found.memories}
    new = [index for index, memory in enumerate(more.memories) if memory.id not in here]
    return Candidates(
        (*found.memories, *(more.memories[index] for index in new)),
        np.concatenate([found.relevance, more.relevance[new]]),
        np.concatenate([found.lexical, more.lexical[new]]),
        np.concatenate([found.neighbours, more.neighbours[new]]),
        np.concatenate([found.news, more.news[new]]),
        np.concatenate([found.tickets, more.tickets[new]]),
    )


def parts_of(
    query: Query, found: Candidates, walked: Mapping[MemoryId, float], bridges: Bridges, now: datetime
) -> dict[str, Floats]:
    """The parts that follow from the search, the clock, and what the graph associates."""
    ids = [memory.id for memory in found.memories]
    parts = found_parts(query, found, now)
    parts["graph"] = np.array([walked.get(memory, 0.0) for memory in ids], dtype=np.float64)
    parts["bridge"] = np.zeros(len(ids))
    if query.embedding is not None and bridges:
        parts["bridge"] = bridged(query.embedding, ids, _vectors(found), bridges)
    return parts


def _vectors(found: Candidates) -> Vector:
    """(m, d) embeddings of the candidates."""
    return np.stack([memory.embedding for memory in found.memories])
