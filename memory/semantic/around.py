"""What is near a concept, which ways lead from one to another, and which concepts hang together.

Reads a settled graph and never changes one. Follows relations, and which concepts stand close together in memories.
With a time it follows the relations that held then, and nothing else: what stands together in a text has no date.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise, takewhile

import numpy as np

from quantum_memory.checks import bounded, whole
from quantum_memory.memory.semantic.bonds import (
    LOOK,
    MAX_DEPTH,
    MAX_HOPS,
    MAX_NEAR,
    MAX_SEED,
    MAX_STEPS,
    MAX_WAYS,
    Bond,
    Neighbour,
    Way,
)
from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.memory.semantic.graph import GraphState, settled
from quantum_memory.memory.semantic.relations import ends
from quantum_memory.types import Relation, RelationKey

STRONGEST = 10.0
"""Weight beyond which a relation ties a community no more strongly, as in a walk."""


class _Around:
    """The bonds of each concept that was asked for.

    Attributes:
        steps: how much was looked at.
    """

    def __init__(self, state: GraphState, at: datetime | None) -> None:
        self._state, self._at = state, at
        self._ended: dict[str, list[RelationKey]] = defaultdict(list)
        for key in state.relations.past if at is not None else ():
            for end in ends(state.relations.names, key):
                self._ended[end].append(key)
        self._known: dict[str, dict[str, Bond]] = {}
        self._concepts: dict[str, Concept] = {}
        self.steps = 0

    def bonds(self, key: str) -> dict[str, Bond]:
        """The concepts that hang together with one, and how."""
        if key not in self._known:
            self._known[key] = self._look(key)
            self.steps += LOOK
        self.steps += len(self._known[key])
        return self._known[key]

    def there(self, key: str) -> bool:
        """Whether anything is known of this concept."""
        return (key in self._state.concepts and self._at is None) or bool(self._relations(key))

    def concept(self, key: str) -> Concept:
        """A concept by its key; one that relations alone know is named as they name it."""
        if key not in self._concepts:
            self._concepts[key] = self._named(key)
        return self._concepts[key]

    def _named(self, key: str) -> Concept:
        known = self._state.concepts.get(key)
        if known is not None:
            return known.concept()
        names = self._state.relations.names
        both = ((one.subject, one.object) for one in self._relations(key))
        return Concept(key, next(name for pair in both for name in pair if names.of(name) == key), "entity")

    def _relations(self, key: str) -> list[Relation]:
        told = self._state.relations
        keys = told.ends.get(key, ())
        if self._at is None:
            return [told.by_key[one] for one in sorted(keys)]
        found = (told.held(one, self._at) for one in sorted({*keys, *self._ended.get(key, ())}))
        return [one for one in found if one is not None]

    def _look(self, key: str) -> dict[str, Bond]:
        told: dict[str, list[Relation]] = defaultdict(list)
        for relation in self._relations(key):
            for end in set(ends(self._state.relations.names, relation.key)) - {key}:
                told[end].append(relation)
        known = None if self._at is not None else self._state.concepts.get(key)
        links = known.links if known is not None else {}
        found = {other: Bond((), count) for other, count in links.items()}
        found.update((other, Bond(tuple(of), links.get(other, 0))) for other, of in told.items())
        return found


def neighbours(
    state: GraphState, name: str, depth: int = 1, limit: int = 100, at: datetime | None = None
) -> tuple[Neighbour, ...]:
    """What is at most so many steps from a concept, nearest first, of these the strongest bonds first.

    No more concepts are looked at than are told.

    Args:
        state: the graph.
        name: of the concept, in any form; one that nothing is known of has no neighbours.
        depth: how many steps.
        limit: how many at most.
        at: follow the relations that held at this time instead.

    Raises: InvalidValue, OutOfRange.
    """
    whole("depth", depth, 1, MAX_DEPTH)
    whole("limit", limit, 1, MAX_NEAR)
    state = settled(state)
    around, start = _Around(state, at), state.relations.names.of(name)
    found: list[Neighbour] = []
    seen, edge = {start}, [start]
    for distance in range(1, depth + 1):
        reached: dict[str, tuple[str, Bond]] = {}
        for key in edge:
            for other, bond in around.bonds(key).items():
                if other not in seen and (other not in reached or bond.weight > reached[other][1].weight):
                    reached[other] = key, bond
        seen.update(reached)
        edge = heapq.nsmallest(limit - len(found), reached, key=lambda key: (-reached[key][1].weight, key))
        found += [
            Neighbour(around.concept(key), distance, around.concept(reached[key][0]), reached[key][1]) for key in edge
        ]
        if len(found) == limit:
            break
    return tuple(found)


def paths(
    state: GraphState, start: str, goal: str, limit: int = 5, longest: int = 4, at: datetime | None = None
) -> tuple[Way, ...]:
    """The ways between two concepts on which none comes twice, shortest first, at most ``limit``.

    Args:
        state: the graph.
        start: the name of the first concept, in any form.
        goal: the name of the last one.
        limit: how many ways.
        longest: how many steps a way may have.
        at: follow the relations that held at this time instead.

    There is none where nothing is known of an end, or both are one. The search ends after ``MAX_STEPS``: among very
    many concepts those that are left out are no shorter than those that are told. Raises: InvalidValue, OutOfRange.
    """
    whole("limit", limit, 1, MAX_WAYS)
    whole("longest", longest, 1, MAX_HOPS)
    state = settled(state)
    around, names = _Around(state, at), state.relations.names
    first, last = names.of(start), names.of(goal)
    if first == last or not around.there(first) or not around.there(last):
        return ()
    left, edge = {last: 0}, [last]
    found: list[tuple[str, ...]] = []
    for total in range(1, longest + 1):
        if any(other in left for other in around.bonds(first)):
            # Both are the first of the same ways: a search that was broken off may have come less far than the last.
            found = max(found, _shortest(around, left, first, last, limit, total), key=len)
        if len(found) == limit or total == longest:
            break
        # How many steps it is to the goal is found out no further than the ways that are still wanted can lead.
        looked = takewhile(lambda _: around.steps < MAX_STEPS, edge)
        edge = sorted({other for key in looked for other in around.bonds(key) if other not in left})
        left.update(dict.fromkeys(edge, total))
        if around.steps >= MAX_STEPS:
            break
    return tuple(
        Way(tuple(map(around.concept, way)), tuple(around.bonds(here)[there] for here, there in pairwise(way)))
        for way in found
    )


def _shortest(
    around: _Around, left: Mapping[str, int], first: str, last: str, limit: int, longest: int
) -> list[tuple[str, ...]]:
    """The shortest ways, best first by the least length that one which begins so can have; equal ones by their keys.

    ``left`` says how many steps it is to the last concept, wherever it is fewer than ``longest``.
    """
    found: list[tuple[str, ...]] = []
    queue: list[tuple[int, tuple[str, ...]]] = [(0, (first,))]
    while queue and len(found) < limit and around.steps < MAX_STEPS:
        _, way = heapq.heappop(queue)
        if way[-1] == last:
            found.append(way)
            continue
        for other in around.bonds(way[-1]):
            total = len(way) + left.get(other, longest)
            if other not in way and total <= longest:
                heapq.heappush(queue, (total, (*way, other)))
    return found


def communities(state: GraphState, seed: int = 0, resolution: float = 1.0) -> tuple[tuple[Concept, ...], ...]:
    """The concepts in groups that hang together more among themselves than with others, the largest first.

    By Louvain's method over how often concepts stand close together and how strongly they are related. The same graph
    and seed give the same groups. A greater resolution gives smaller ones.

    Raises: InvalidValue, NotFinite, OutOfRange.
    """
    import networkx as nx

    whole("seed", seed, 0, MAX_SEED)
    bounded("resolution", resolution, 0.0, math.inf)
    state = settled(state)
    around = _Around(state, None)
    keys = sorted({*state.concepts, *state.relations.ends})
    place = {key: at for at, key in enumerate(keys)}
    graph = nx.Graph()
    graph.add_nodes_from(range(len(keys)))  # by number: sets of texts have another order in each process
    matrix = state.seal.sealed(state.woven)
    where = np.array([place[key] for key in matrix.keys], np.int64)
    rows = np.repeat(where, np.diff(matrix.starts))
    columns, upper = where[matrix.columns], rows < where[matrix.columns]
    graph.add_weighted_edges_from(
        zip(rows[upper].tolist(), columns[upper].tolist(), matrix.weights[upper].tolist(), strict=True)
    )
    for relation in state.relations.about():
        one, other = (place[state.relations.names.of(name)] for name in (relation.subject, relation.object))
        if one != other:
            before = graph.get_edge_data(one, other, {"weight": 0.0})["weight"]
            graph.add_edge(one, other, weight=before + min(relation.weight, STRONGEST))
    groups = nx.community.louvain_communities(graph, resolution=resolution, seed=seed) if keys else []
    ordered = sorted((sorted(group) for group in groups), key=lambda group: (-len(group), group))
    return tuple(tuple(around.concept(keys[at]) for at in group) for group in ordered)
