"""Spreading activation: from what a question names and what was found already, to what hangs together with it.

Reads a graph state, never changes one. Its cost is bounded by ``max_nodes``, not by the size of the graph.

First a neighbourhood is gathered best first: the mass that would flow to a node decides when it is visited, and a
concept hands each of its memories one share of many, so one that half the memories mention attracts little and leads
to its newest memories alone. Then a personalised walk ranks that neighbourhood. Edges to a concept weigh its inverse
document frequency, for the same reason. A relation leads from one of its ends to the other, and to the memory that
said so.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from itertools import islice
from typing import Any, Literal, get_args

import numpy as np
import scipy.sparse as sp

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue, OutOfRange
from quantum_memory.memory.semantic.extract import Concept, extract, key_of
from quantum_memory.memory.semantic.google import Floats, Google
from quantum_memory.memory.semantic.graph import GraphState, settled
from quantum_memory.memory.semantic.pagerank import walk_ranks
from quantum_memory.types import MemoryId

Method = Literal["quantum", "classical"]
METHODS: tuple[Method, ...] = get_args(Method)
QUERY_SHARE = 0.5
"""Share of the start that the question's own concepts get where there are seeds as well."""
FANOUT = 64
"""Memories, links and relations of one concept that are followed; of a concept with more, the newest memories and
relations and no links."""
FOLLOWS = 30.0
"""Weight of the edge to the next memory of a session. The concepts of a memory weigh about 40 together, so half of
what leaves a memory goes to its neighbours in time: in talk the answer often stands in the next turn."""
SURPLUS = 1.25
"""How many times ``max_nodes`` are discovered before the best of them are kept."""
TOGETHER = 0.1
"""Weight of a link between concepts for each memory behind it, beside 1 for a mention: a mention makes about ten."""
STRONGEST = 10.0
"""Weight beyond which a relation leads no more strongly. One of weight 1 leads as a mention does."""


Node = tuple[bool, str]
"""(is a memory, id or key): plain tuples, because thousands are made for one question."""
Edge = tuple[Node, float]


def spread(
    state: GraphState,
    query: str,
    seeds: Mapping[MemoryId, float],
    *,
    max_nodes: int = 600,
    steps: int = 12,
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
        bounded(f"seeds[{memory!r}]", score, 0.0, math.inf)
    if max_nodes < 1:
        raise OutOfRange("max_nodes", max_nodes, 1, math.inf)
    if steps < 0:
        raise OutOfRange("steps", steps, 0, math.inf)
    if method not in METHODS:
        raise InvalidValue("method", repr(method), f"one of {', '.join(METHODS)}")
    bounded("alpha", alpha, 0.0, 1.0)
    state = settled(state)
    start = _start(state, query, seeds, max_nodes)
    if not start:
        return {}
    nodes, edges = _gather(state, start, alpha, max_nodes)
    adjacency, teleport = _matrix(nodes, edges, start)
    if method == "quantum":
        ranks = walk_ranks(adjacency, alpha, teleport, start=teleport, steps=steps)
    else:
        ranks = _classical(Google.of(adjacency, alpha, teleport), steps)
    scores = {key: float(rank) for (is_memory, key), rank in zip(nodes, ranks, strict=True) if is_memory and rank > 0.0}
    best = max(scores.values(), default=1.0)
    return {memory: score / best for memory, score in scores.items()}


def concepts(state: GraphState, top: int = 20, *, steps: int = 50) -> tuple[tuple[Concept, float], ...]:
    """The concepts that matter most by quantum PageRank over which stand close together, best first; O(edges).

    Raises: OutOfRange if ``top`` or ``steps`` is below 0.
    """
    if top < 0:
        raise OutOfRange("top", top, 0, math.inf)
    state = settled(state)
    keys = sorted(state.concepts)
    place = {key: at for at, key in enumerate(keys)}
    counts = [len(state.concepts[key].links) for key in keys]
    rows = np.repeat(np.arange(len(keys)), counts)
    links = [link for key in keys for link in state.concepts[key].links.items()]
    cols = np.array([place[key] for key, _ in links], dtype=np.int64)
    weights = np.array([count for _, count in links], dtype=np.float64)
    ranks = walk_ranks(sp.coo_array((weights, (rows, cols)), shape=(len(keys),) * 2), steps=steps)
    order = np.lexsort((np.arange(len(keys)), -ranks))[:top]
    return tuple((state.concepts[keys[at]].concept(), float(ranks[at])) for at in order)


class _Toward(dict[str, Edge]):
    """The edge to each concept that was asked for, whose weight is ln(1 + M / m) if m of M memories speak of it."""

    def __init__(self, state: GraphState) -> None:
        super().__init__()
        self._state = state

    def __missing__(self, key: str) -> Edge:
        known = self._state.concepts.get(key)
        # A concept that relations alone know of is as rare as one that a single memory speaks of.
        share = len(known.mentions) / len(self._state.memories) if known else 1.0 / max(1, len(self._state.memories))
        edge = self[key] = (False, key), math.log1p(1.0 / share)
        return edge


def _start(state: GraphState, query: str, seeds: Mapping[MemoryId, float], most: int) -> dict[Node, float]:
    """Where the walk starts and how much, the heaviest ``most`` nodes; empty if the graph knows none of it."""
    toward = _Toward(state)
    named = (concept.key for concept in extract(query))
    asked = dict(toward[key] for key in named if key in state.concepts or key in state.relations.ends)
    given = {(True, memory): score for memory, score in seeds.items() if score > 0.0 and memory in state.memories}
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


def _gather(
    state: GraphState, start: Mapping[Node, float], alpha: float, max_nodes: int
) -> tuple[list[Node], dict[Node, list[Edge]]]:
    """The nodes that most of the mass flows to, and the edges of those whose neighbours were looked up."""
    mass: dict[Node, float] = dict(start)
    edges: dict[Node, list[Edge]] = {}
    toward = _Toward(state)
    queue = [(-weight, node) for node, weight in start.items()]
    heapq.heapify(queue)
    while queue and len(edges) < max_nodes and len(mass) < SURPLUS * max_nodes:
        _, node = heapq.heappop(queue)
        if node in edges:
            continue
        edges[node], total = _edges(state, node, toward)
        flow = alpha * mass[node] / total if total else 0.0
        for to, weight in edges[node]:
            reached = mass.get(to, 0.0) + flow * weight
            mass[to] = reached
            if to not in edges:
                heapq.heappush(queue, (-reached, to))
    others = heapq.nsmallest(max_nodes, mass.items(), key=_heaviest)
    nodes = [*start, *(node for node, _ in others if node not in start)][:max_nodes]
    for node in nodes:
        if node[0] and node not in edges:
            edges[node] = _edges(state, node, toward)[0]
    return nodes, edges


def _edges(state: GraphState, node: Node, toward: _Toward) -> tuple[list[Edge], float]:
    """The edges of a node that are followed, and the weight of all that it has."""
    is_memory, key = node
    found: list[Edge]
    if is_memory:
        trace = state.memories[key]
        found = [toward[concept.key] for concept in trace.concepts]
        found.extend(((True, near), FOLLOWS) for near in (trace.before, trace.after) if near is not None)
        found.extend(_told(state, key, toward))
        return found, sum([weight for _, weight in found])
    own = toward[key][1]
    links = _related(state, key, toward) if len(state.relations) else {}
    known = state.concepts.get(key)
    mentions = () if known is None else known.mentions
    if known is not None and len(known.links) <= FANOUT:
        for other, count in known.links.items():
            near, rarity = toward[other]
            links[near] = links.get(near, 0.0) + TOGETHER * count * min(own, rarity)
    total = own * len(mentions) + math.fsum(links.values())
    return [*(((True, memory), own) for memory in islice(mentions, FANOUT)), *links.items()], total


def _related(state: GraphState, key: str, toward: _Toward) -> dict[Node, float]:
    """From a concept along its relations: to their other ends, and to memories that said so in other words."""
    edges: dict[Node, float] = {}
    own = toward[key][1]
    for one in islice(state.relations.ends.get(key, ()), FANOUT):
        relation = state.relations.by_key[one]
        for end in {key_of(one.subject), key_of(one.object)} - {key}:
            near, rarity = toward[end]
            edges[near] = edges.get(near, 0.0) + min(relation.weight, STRONGEST) * min(own, rarity)
        trace = None if relation.memory is None else state.memories.get(relation.memory)
        if trace is not None and all(concept.key != key for concept in trace.concepts):
            edges[True, str(relation.memory)] = own
    return edges


def _told(state: GraphState, memory: MemoryId, toward: _Toward) -> list[Edge]:
    """From a memory to the ends of what it said of them, where its words do not lead there already."""
    spoken = {concept.key for concept in state.memories[memory].concepts}
    told = islice(sorted(state.relations.said.get(memory, ())), FANOUT)
    ends = dict.fromkeys(key_of(name) for key in told for name in (key.subject, key.object))
    return [toward[end] for end in ends if end not in spoken]


def _matrix(nodes: list[Node], edges: Mapping[Node, list[Edge]], start: Mapping[Node, float]) -> tuple[Any, Floats]:
    """The neighbourhood as a symmetric (n, n) CSR matrix, and where the walk starts as (n,)."""
    n = len(nodes)
    place = {node: at for at, node in enumerate(nodes)}
    pairs: dict[int, float] = {}
    for at, node in enumerate(nodes):
        for to, one_way in edges.get(node, ()):
            other = place.get(to)
            if other is not None and (node[0] or not to[0]):  # mentions come from the memories' side
                # Of a concept with too many links or relations not all are here: the other side tells the whole.
                weight = max(one_way, pairs.get(at * n + other, 0.0))
                pairs[at * n + other] = pairs[other * n + at] = weight
    flat = np.fromiter(pairs, dtype=np.int64, count=len(pairs))
    weights = np.fromiter(pairs.values(), dtype=np.float64, count=len(pairs))
    teleport = np.array([start.get(node, 0.0) for node in nodes])
    return sp.coo_array((weights, np.divmod(flat, n)), shape=(n, n)).tocsr(), teleport


def _classical(google: Google, steps: int) -> Floats:
    """Personalised PageRank (n,) after so many iterations from the start."""
    ranks = google.teleport
    for _ in range(steps):
        ranks = google.apply(ranks)
    return ranks
