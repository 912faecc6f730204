"""Spreading activation: from what a question names and what was found already, to what hangs together with it.

Reads a graph state, never changes one. Its cost is bounded by ``max_nodes``, not by the size of the graph.

First the part of the graph around the question is gathered (``neighbourhood``), then a personalised walk ranks it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.semantic import dense_walk
from quantum_memory.memory.semantic.extract import Concept, extract
from quantum_memory.memory.semantic.google import Floats, Google
from quantum_memory.memory.semantic.graph import GraphState, settled
from quantum_memory.memory.semantic.neighbourhood import Node, gather, rarity
from quantum_memory.memory.semantic.pagerank import walk_ranks
from quantum_memory.memory.semantic.swift import MOST_NODES, swift
from quantum_memory.types import MemoryId

Method = Literal["quantum", "classical"]
METHODS: tuple[Method, ...] = get_args(Method)
DIGITS = 12
"""Of a score: nodes that stand alike in the graph get one score, whatever the sums were rounded to on the way."""
QUERY_SHARE = 0.5
"""Share of the start that the question's own concepts get where there are seeds as well."""


def spread(
    state: GraphState,
    query: str,
    seeds: Mapping[MemoryId, float],
    *,
    max_nodes: int = 400,
    steps: int = 6,
    alpha: float = 0.85,
    method: Method = "quantum",
) -> dict[MemoryId, float]:
    """How strongly each memory near the question hangs together with it, in [0, 1], the best one 1.

    Args:
        state: the graph.
        query: the question; its concepts are where half of the walk starts and teleports to.
        seeds: memories found by other means and how good they are (at least 0); the other half. Ids that the graph
            does not know are passed over.
        max_nodes: how many memories and concepts are looked at.
        steps: time steps of the quantum walk, or iterations of classical PageRank.
        alpha: share of the walk that follows edges; the rest goes back to the start.
        method: quantum PageRank, or personalised PageRank.

    Nothing found gives an empty dict. Memories to which the walk did not come are left out.

    Raises: OutOfRange, NotFinite, InvalidValue.
    """
    for memory, score in seeds.items():
        if not 0.0 <= score < math.inf:
            bounded(f"seeds[{memory!r}]", score, 0.0, math.inf)
    whole("max_nodes", max_nodes, 1, math.inf)
    whole("steps", steps, 0, math.inf)
    if method not in METHODS:
        raise InvalidValue("method", repr(method), f"one of {', '.join(METHODS)}")
    bounded("alpha", alpha, 0.0, 1.0)
    state = settled(state)
    small = method == "quantum" and max_nodes <= MOST_NODES and steps <= dense_walk.MOST_STEPS
    fast = swift(state) if small else None
    if fast is not None:
        return fast.spread(query, seeds, max_nodes, steps, alpha, shared_out, DIGITS)
    start = _start(state, query, seeds, max_nodes)
    if not start:
        return {}
    around = gather(state, start, alpha, max_nodes)
    if method == "classical":
        ranks = _classical(Google.of(around.adjacency, alpha, around.start), steps)
    elif len(around.nodes) <= dense_walk.MOST_NODES and steps <= dense_walk.MOST_STEPS:
        ranks = dense_walk.dense_ranks(around.written_out(), alpha, around.start, steps)
    else:
        ranks = walk_ranks(around.adjacency, alpha, around.start, start=around.start, steps=steps)
    told = zip(around.nodes, ranks.tolist(), strict=True)
    scores = {key: rank for (is_memory, key), rank in told if is_memory and rank > 0.0}
    best = max(scores.values(), default=1.0)
    return {memory: round(score / best, DIGITS) for memory, score in scores.items()}


def concepts(state: GraphState, top: int = 20, *, steps: int = 50) -> tuple[tuple[Concept, float], ...]:
    """The concepts that matter most by quantum PageRank over which stand close together, best first; O(edges).

    Raises: InvalidValue; OutOfRange if ``top`` or ``steps`` is below 0.
    """
    whole("top", top, 0, math.inf)
    state = settled(state)
    sealed = state.seal.sealed(state.woven)
    keys, ranks = sealed.keys, walk_ranks(sealed.matrix(), steps=steps)
    order = np.lexsort((np.arange(len(keys)), -ranks))[:top]
    return tuple((state.concepts[keys[at]].concept(), float(ranks[at])) for at in order)


def _start(state: GraphState, query: str, seeds: Mapping[MemoryId, float], most: int) -> dict[Node, float]:
    """Where the walk starts and how much, the heaviest ``most`` nodes; empty if the graph knows none of it."""
    woven = state.woven
    named = (state.relations.names.resolved(concept.key) for concept in extract(query))
    known = (key for key in named if key in state.concepts or key in state.relations.ends)
    asked = {(False, key): rarity(state, key) for key in known}
    given = {(True, memory): score for memory, score in seeds.items() if score > 0.0 and woven.find(memory) >= 0}
    return shared_out(asked, given, most)


def shared_out(asked: Mapping[Node, float], given: Mapping[Node, float], most: int) -> dict[Node, float]:
    """The mass of nodes by what they weigh among those that the question names, or that were found; the heaviest."""
    start: dict[Node, float] = {}
    for part, share in ((asked, QUERY_SHARE), (given, 1.0 - QUERY_SHARE)):
        largest = max(part.values(), default=1.0)
        total = math.fsum(weight / largest for weight in part.values())
        alone = not asked or not given
        start.update((node, (1.0 if alone else share) * (weight / largest) / total) for node, weight in part.items())
    return dict(sorted(start.items(), key=_heaviest)[:most])


def _heaviest(entry: tuple[Node, float]) -> tuple[float, Node]:
    """Sorts nodes by falling mass, and equal ones the same way in every process."""
    node, mass = entry
    return -mass, node


def _classical(google: Google, steps: int) -> Floats:
    """Personalised PageRank (n,) after so many iterations from the start."""
    ranks = google.teleport
    for _ in range(steps):
        ranks = google.apply(ranks)
    return ranks
