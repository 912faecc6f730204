"""The parts of a score the slow way: from memories taken one by one, ids and not rows. The twin of ``scoring``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce

import numpy as np

from quantum_memory.memory import scoring
from quantum_memory.memory.episodic.parts import FADE, GAP_S, bridged, matching, spoken_by, statements
from quantum_memory.memory.episodic.search import Candidates, Query, search
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.memory.semantic.bridges import Bridges
from quantum_memory.memory.temporal.asking import asks_when
from quantum_memory.memory.temporal.fit import fit_both
from quantum_memory.memory.temporal.reading import spoken_of, tells_when, understood
from quantum_memory.policies.recall import RecallWeights, rank
from quantum_memory.types import Floats, Memory, MemoryId


def found(state: EpisodicState, query: Query, now: datetime) -> Candidates:
    """What all searches find, each candidate once."""
    return reduce(_joined, [search(state, one) for one in scoring.searches(query, now)])


def seeds(query: Query, found: Candidates, weights: RecallWeights, now: datetime) -> dict[MemoryId, float]:
    """The best by what matches, best first."""
    parts = _found_parts(query, found, now)
    ranked = rank({name: parts[name] for name in scoring.MATCHING}, weights, scoring.MOST_SEEDS)
    best = zip(ranked.order.tolist(), ranked.scores.tolist(), strict=True)
    return {found.memories[index].id: score for index, score in best if score > 0.0}


def with_strangers(
    state: EpisodicState, query: Query, found: Candidates, walked: Mapping[MemoryId, float], bridges: Bridges
) -> Candidates:
    """And what only the graph found."""
    here = {memory.id for memory in found.memories}
    best = sorted((one for one in walked.items() if one[0] not in here), key=lambda one: (-one[1], one[0]))
    named = [*(memory for memory, _ in best[: scoring.STRANGERS]), *bridges]
    more = search(state, replace(query, limit=0, also=tuple(one for one in named if one not in here)))
    return _joined(found, more) if query.limit else found


def parts_of(
    query: Query, found: Candidates, walked: Mapping[MemoryId, float], bridges: Bridges, now: datetime
) -> dict[str, Floats]:
    """All parts but recency, importance and mood."""
    ids = [memory.id for memory in found.memories]
    parts = _found_parts(query, found, now)
    parts["graph"] = np.array([walked.get(memory, 0.0) for memory in ids], dtype=np.float64)
    parts["bridge"] = np.zeros(len(ids))
    if query.embedding is not None and bridges and ids:
        vectors = np.stack([memory.embedding for memory in found.memories])
        parts["bridge"] = bridged(query.embedding, ids, vectors, bridges)
    return parts


def _joined(one: Candidates, other: Candidates) -> Candidates:
    here = {memory.id for memory in one.memories}
    new = [index for index, memory in enumerate(other.memories) if memory.id not in here]
    return Candidates(
        (*one.memories, *(other.memories[index] for index in new)),
        np.concatenate([one.relevance, other.relevance[new]]),
        np.concatenate([one.lexical, other.lexical[new]]),
        np.concatenate([one.neighbours, other.neighbours[new]]),
        np.concatenate([one.news, other.news[new]]),
        np.concatenate([one.tickets, other.tickets[new]]),
    )


def _found_parts(query: Query, found: Candidates, now: datetime) -> dict[str, Floats]:
    memories, text = found.memories, query.text or ""
    spans = understood(text, now)
    told = [spoken_of(one.text, one.at) for one in memories]
    at_s = [one.at.timestamp() for one in memories]
    when = [float(asks_when(text) and tells_when(one.text)) for one in memories]
    return {
        "relevance": found.relevance,
        "lexical": found.lexical,
        "neighbours": found.neighbours,
        "news": found.news,
        "nearness": nearness(matching(found.relevance, found.lexical), memories, found.tickets.tolist()),
        "speaker": spoken_by(text, [memory.speaker for memory in memories]),
        "statement": statements(memory.text for memory in memories),
        "time": fit_both(at_s, told, spans) if spans else np.zeros(len(memories)),
        "when": np.array(when),
    }


def nearness(match: Floats, memories: Sequence[Memory], tickets: Sequence[int]) -> Floats:
    """From each candidate outwards, along those of its session, as long as no gap is too long."""
    best = np.array(match, dtype=np.float64)
    for at, memory in enumerate(memories):
        same = sorted((tickets[i], i) for i, other in enumerate(memories) if other.session == memory.session)
        here = same.index((tickets[at], at))
        for way in (same[here + 1 :], same[:here][::-1]):
            left, last = 1.0, at
            for _, i in way:
                gap_s = abs(memories[i].at.timestamp() - memories[last].at.timestamp())
                if memory.session is None and gap_s > GAP_S:
                    break
                left *= FADE ** abs(tickets[i] - tickets[last])
                best[i], last = max(best[i], left * match[at]), i
    return best
