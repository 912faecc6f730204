"""The part of a graph around a few nodes, gathered best first and bounded in nodes.

Owns what leads from a node to another and how strongly. Reads a graph state, never changes one, walks nowhere.

The mass that would flow to a node decides when it is visited. A concept hands each of its memories one share of many,
so one that half the memories mention attracts little and leads to its newest memories alone. Edges to a concept weigh
its inverse document frequency, for the same reason. A relation leads from one of its ends to the other, and to the
memory that said so.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterator, Mapping
from itertools import chain, islice
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from quantum_memory.memory.semantic.google import Floats
from quantum_memory.memory.semantic.graph import GraphState
from quantum_memory.memory.semantic.relations import ends
from quantum_memory.memory.semantic.runs import Ints
from quantum_memory.memory.semantic.small import SmallGraph, Weights, small_graph
from quantum_memory.memory.semantic.weave import Spot
from quantum_memory.types import MemoryId

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

WEIGHTS = Weights(FOLLOWS, TOGETHER, FANOUT)
Node = tuple[bool, str]
"""(is a memory, id or key): plain tuples, because thousands are made for one question."""


class Edges(NamedTuple):
    """What leads away from a node: to which nodes by their numbers, how strongly, and all that there is of it."""

    to: list[int]
    weights: list[float]
    total: float


class Neighbourhood(NamedTuple):
    """Nodes in the order of their names, and the edges between them, each once.

    Attributes:
        nodes: n of them.
        low, high: (e,) places of the nodes that an edge joins.
        weights: (e,) how strongly.
        start: (n,) the mass that each node began with.
    """

    nodes: list[Node]
    low: Ints
    high: Ints
    weights: Floats
    start: Floats

    @property
    def adjacency(self) -> Any:
        """The symmetric (n, n) matrix of the edges, as CSR."""
        both = np.concatenate([self.low, self.high]), np.concatenate([self.high, self.low])
        return sp.coo_array((np.tile(self.weights, 2), both), shape=(len(self.nodes),) * 2).tocsr()

    def written_out(self) -> Floats:
        """The same (n, n), with every zero."""
        matrix = np.zeros((len(self.nodes),) * 2)
        matrix[self.low, self.high] = matrix[self.high, self.low] = self.weights
        return matrix


class Meeting(Protocol):
    """Who knows the nodes that were met, by number in the order of meeting, and what leads from each."""

    nodes: list[Node]

    def number(self, node: Node) -> int:
        """The number of a node, a new one if it was not met."""
        ...

    def edges(self, node: Node) -> Edges:
        """The edges of a node that are followed."""
        ...

    def edges_within(self, memory: MemoryId) -> Edges:
        """The edges of a memory to nodes that were met already; what else there is of it is not even counted."""
        ...


class _Met:
    """The nodes met so far, by number in the order of meeting, and the edges of those that were looked at."""

    def __init__(self, state: GraphState) -> None:
        self.nodes: list[Node] = []
        self._state, self._woven = state, state.woven
        self._memories: dict[int, int] = {}
        self._at: dict[MemoryId, int] = {}
        self._concepts: dict[str, tuple[int, float]] = {}
        # A memory's concepts are known by their places in its run: their keys are read of those alone that are new.
        self._places: list[dict[int, tuple[int, float]]] = [{} for _ in self._woven.slices]
        self._spots: dict[str, list[Spot]] = {}
        self._mentions: dict[str, int] = {}

    def number(self, node: Node) -> int:
        """The number of a node, a new one if it was not met."""
        is_memory, key = node
        if not is_memory:
            return self._concept(key)[0]
        at = self._at.get(key)
        return self._memory(self._woven.find(key) if at is None else at, key)

    def edges(self, node: Node) -> Edges:
        """The edges of a node that are followed."""
        is_memory, key = node
        return self._of_memory(key) if is_memory else self._of_concept(key)

    def edges_within(self, memory: MemoryId) -> Edges:
        """The edges of a memory to nodes that were met already; what else there is of it is not even counted."""
        at = self._at[memory]
        part, row = self._woven.split(at)
        known = self._places[part]
        found = [own for place in self._woven.slices[part].run.places(row) if (own := known.get(place)) is not None]
        if len(self._woven.names):
            found = list(dict.fromkeys(found))
        if self._state.relations.said:
            found += [own for end in self._told(at) if (own := self._concepts.get(end)) is not None]
        to, weights = [number for number, _ in found], [weight for _, weight in found]
        for near in self._woven.near(at):
            number = self._memories.get(near)
            if number is not None:
                to.append(number)
                weights.append(FOLLOWS)
        return Edges(to, weights, 0.0)

    def _memory(self, at: int, memory: MemoryId | None = None) -> int:
        known = self._memories.get(at)
        if known is None:
            known = self._memories[at] = len(self.nodes)
            memory = memory or self._woven.id(at)
            self._at[memory] = at
            self.nodes.append((True, memory))
        return known

    def _concept(self, key: str) -> tuple[int, float]:
        known = self._concepts.get(key)
        if known is None:
            spots = self._spots[key] = self._woven.spots(key)
            mentions = self._mentions[key] = self._woven.mentions(spots)
            known = self._concepts[key] = len(self.nodes), _rare(self._woven.count, mentions)
            self.nodes.append((False, key))
            for part, place in spots:
                self._places[part][place] = known
        return known

    def _of_memory(self, memory: MemoryId) -> Edges:
        at, woven = self._at[memory], self._woven
        part, row = woven.split(at)
        run, known, names = woven.slices[part].run, self._places[part], woven.names
        found = [known.get(place) or self._concept(names.resolved(run.keys[place])) for place in run.places(row)]
        if len(names):
            found = list(dict.fromkeys(found))
        if self._state.relations.said:
            found += map(self._concept, self._told(at))
        to, weights = [number for number, _ in found], [weight for _, weight in found]
        for near in woven.near(at):
            if near >= 0:
                to.append(self._memory(near))
                weights.append(FOLLOWS)
        return Edges(to, weights, math.fsum(weights))

    def _of_concept(self, key: str) -> Edges:
        _, own = self._concept(key)
        links = self._related(key, own) if len(self._state.relations) else {}
        spots, mentions = self._spots[key], self._mentions[key]
        beside = self._woven.links(key, spots, FANOUT) if mentions else None
        for other, count in (beside or {}).items():
            near, rare = self._concept(other)
            links[near] = links.get(near, 0.0) + TOGETHER * count * min(own, rare)
        newest = [self._memory(at) for at in islice(self._woven.newest(spots), FANOUT)]
        total = own * mentions + math.fsum(links.values())
        return Edges([*newest, *links], [*([own] * len(newest)), *links.values()], total)

    def _related(self, key: str, own: float) -> dict[int, float]:
        """From a concept along its relations: to their other ends, and to memories that said so in other words."""
        relations = self._state.relations
        links: dict[int, float] = {}
        for one in islice(relations.ends.get(key, ()), FANOUT):
            relation = relations.by_key[one]
            for end in set(ends(relations.names, one)) - {key}:
                near, rare = self._concept(end)
                links[near] = links.get(near, 0.0) + min(relation.weight, STRONGEST) * min(own, rare)
            at = -1 if relation.memory is None else self._woven.find(relation.memory)
            if at >= 0 and key not in self._woven.keys(at):
                links[self._memory(at)] = own
        return links

    def _told(self, at: int) -> Iterator[str]:
        """The ends of what a memory said of them, where its words do not lead there already."""
        relations = self._state.relations
        said = relations.said.get(self._woven.id(at), ())
        spoken = set(self._woven.keys(at)) if said else set()
        told = (key for key in sorted(said) if key in relations.by_key)
        both = dict.fromkeys(end for key in islice(told, FANOUT) for end in ends(relations.names, key))
        return (end for end in both if end not in spoken)


class _MetSmall:
    """The same of a small graph, whose edges are known."""

    def __init__(self, graph: SmallGraph) -> None:
        self.nodes: list[Node] = []
        self._graph = graph
        self._numbers: dict[int, int] = {}

    def number(self, node: Node) -> int:
        """The number of a node, a new one if it was not met."""
        return self._met(self._graph.at(*node), node)

    def edges(self, node: Node) -> Edges:
        """The edges of a node that are followed."""
        targets, weights, total = self._graph.edges(self._graph.at(*node))
        return Edges(list(map(self._met, targets)), weights, total)

    def edges_within(self, memory: MemoryId) -> Edges:
        """The edges of a memory to nodes that were met already."""
        targets, weights, _ = self._graph.edges(self._graph.at(True, memory))
        known = ((self._numbers.get(to), weight) for to, weight in zip(targets, weights, strict=True))
        met = [(at, weight) for at, weight in known if at is not None]
        return Edges([at for at, _ in met], [weight for _, weight in met], 0.0)

    def _met(self, at: int, node: Node | None = None) -> int:
        known = self._numbers.get(at)
        if known is None:
            known = self._numbers[at] = len(self.nodes)
            self.nodes.append(node or self._graph.node(at))
        return known


def rarity(state: GraphState, key: str) -> float:
    """ln(1 + M / m) of a concept that m of M memories speak of.

    One that relations alone know of is as rare as one that a single memory speaks of.
    """
    return _rare(state.woven.count, state.woven.mentions(state.woven.spots(key)))


def _rare(memories: int, mentions: int) -> float:
    return math.log1p(max(1, memories) / max(1, mentions))


def gather(state: GraphState, start: Mapping[Node, float], alpha: float, max_nodes: int) -> Neighbourhood:
    """The nodes that most of the mass flows to, at most ``max_nodes``, those of the start among them.

    Args:
        state: a graph with nothing pending, which knows the nodes of the start.
        start: the mass that each begins with.
        alpha: share of a node's mass that flows on along its edges.
        max_nodes: at least as many as the start has.

    They stand in the order of their names, and nothing about them depends on how the state came about.
    """
    small = small_graph(state, WEIGHTS)
    if small is None:
        return gathered(_Met(state), start, alpha, max_nodes)
    if len(small) > max_nodes:
        return gathered(_MetSmall(small), start, alpha, max_nodes)
    reached = np.flatnonzero(small.reached(np.array([small.at(*node) for node in start], np.int64))).tolist()
    nodes = [small.node(at) for at in reached]
    chosen = dict(sorted(zip(nodes, reached, strict=True)))
    place = _places(chosen.values(), len(small))
    memory = np.arange(len(small)) < small.memories
    return _between(chosen, start, place, memory, (small.origins, small.targets, small.weights))


def gathered(met: Meeting, start: Mapping[Node, float], alpha: float, max_nodes: int) -> Neighbourhood:
    """The same, looking at one node after another."""
    mass = dict.fromkeys((met.number(node) for node in start), 0.0)
    mass.update((met.number(node), weight) for node, weight in start.items())
    begun = list(mass)
    edges: dict[int, Edges] = {}
    # Equal masses are taken by name, not by number: where names are met in the order of a hash, numbers differ.
    queue = [(-weight, met.nodes[at], at) for at, weight in mass.items()]
    heapq.heapify(queue)
    while queue and len(edges) < max_nodes and len(mass) < SURPLUS * max_nodes:
        _, node, at = heapq.heappop(queue)
        if at in edges:
            continue
        found = edges[at] = met.edges(node)
        flow, nodes = alpha * mass[at] / found.total if found.total else 0.0, met.nodes
        for to, weight in zip(found.to, found.weights, strict=True):
            mass[to] = reached = mass.get(to, 0.0) + flow * weight
            if to not in edges:
                heapq.heappush(queue, (-reached, nodes[to], to))
    best = sorted([(-weight, met.nodes[at], at) for at, weight in mass.items()])  # hardly more than are kept
    kept = islice(dict.fromkeys(chain(begun, (at for _, _, at in best))), max_nodes)
    chosen = dict(sorted((met.nodes[at], at) for at in kept))
    for (is_memory, key), at in chosen.items():
        if is_memory and at not in edges:
            edges[at] = met.edges_within(key)
    place = _places(chosen.values(), len(met.nodes))
    memory = np.array([is_memory for is_memory, _ in met.nodes], dtype=np.bool_)
    looked_at = [at for at in chosen.values() if at in edges]
    origins = np.repeat(np.array(looked_at, dtype=np.int64), [len(edges[at].to) for at in looked_at])
    targets = np.fromiter(chain.from_iterable(edges[at].to for at in looked_at), np.int64, len(origins))
    weights = np.fromiter(chain.from_iterable(edges[at].weights for at in looked_at), np.float64, len(origins))
    return _between(chosen, start, place, memory, (origins, targets, weights))


def _places(chosen: Collection[int], count: int) -> Ints:
    """(count,) the place of each node among those that were chosen, or -1."""
    place = np.full(count, -1, dtype=np.int64)
    place[list(chosen)] = np.arange(len(chosen))
    return place


def _between(
    chosen: Mapping[Node, int],
    start: Mapping[Node, float],
    place: Ints,
    memory: NDArray[np.bool_],
    edges: tuple[Ints, Ints, Floats],
) -> Neighbourhood:
    """The chosen nodes, and the edges between them, each as heavy as the side that tells more of it."""
    origins, targets, weights = edges
    # Mentions come from the memories' side. Of a concept with too many links or relations not all are here: the other
    # side tells the whole.
    kept = (place[origins] >= 0) & (place[targets] >= 0) & (memory[origins] | ~memory[targets]) & (origins != targets)
    one, other = place[origins[kept]], place[targets[kept]]
    low, high = np.minimum(one, other), np.maximum(one, other)
    pairs = low * len(chosen) + high
    order = np.lexsort((weights[kept], pairs))
    last = order[np.flatnonzero(np.diff(pairs[order], append=-1))]
    begun = np.array([start.get(node, 0.0) for node in chosen])
    return Neighbourhood(list(chosen), low[last], high[last], weights[kept][last], begun)
