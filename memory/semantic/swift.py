"""Spreading and bridges over a graph by machine code, where there is machine code and the graph is plain enough.

Owns how a question's words and seeds become numbers for ``walking``, and its answers ids again.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nlargest
from typing import Any

import numpy as np

from quantum_memory.memory import compiled
from quantum_memory.memory.episodic.spelling import spelled
from quantum_memory.memory.episodic.words import number
from quantum_memory.memory.semantic.extract import KINDS, ConceptKind, extract
from quantum_memory.memory.semantic.graph import GraphState
from quantum_memory.memory.semantic.neighbourhood import FANOUT, FOLLOWS, SURPLUS, TOGETHER, Node
from quantum_memory.memory.semantic.runs import Ints
from quantum_memory.memory.semantic.slices import WINDOW
from quantum_memory.memory.semantic.weave import Woven
from quantum_memory.types import MemoryId

MOST_NODES = 128
"""Beyond this the walk goes over sparse matrices."""
_LAST = threading.local()
Shares = Callable[[Mapping[Node, float], Mapping[Node, float], int], dict[Node, float]]
"""Makes of what nodes weigh the mass that each begins with."""


class Swift:
    """A state that machine code can read. Holds the columns that it reads.

    Args:
        machine: the module ``walking``.
        woven: the memories, without aliases.
    """

    def __init__(self, machine: Any, woven: Woven) -> None:
        self._machine, self._woven, self._heads = machine, woven, woven.heads

    def spread(
        self,
        query: str,
        seeds: Mapping[MemoryId, float],
        max_nodes: int,
        steps: int,
        alpha: float,
        shares: Shares,
        digits: int,
    ) -> dict[MemoryId, float]:
        """As ``spread.spread`` by the quantum walk, to so many digits; what it is given has been checked."""
        woven, machine = self._woven, self._machine
        keys = dict.fromkeys(asked_for(query))
        hashes = np.array([number(key) for key in keys], np.uint64)
        spoken = zip(keys, hashes.view(np.int64).tolist(), machine.concepts(self._heads, hashes).tolist(), strict=True)
        places: dict[Node, tuple[int, int, int, int]] = {}
        asked: dict[Node, float] = {}
        for key, bits, (mentions, part, place) in spoken:
            if mentions:
                places[False, key] = 0, part, place, bits
                asked[False, key] = math.log1p(max(1, woven.count) / mentions)
        good = [memory for memory, score in seeds.items() if score > 0.0]
        given: dict[Node, float] = {}
        for memory, at in zip(good, self.find(good), strict=True):
            if at >= 0:
                places[True, memory] = 1, *woven.split(at), at
                given[True, memory] = seeds[memory]
        start = shares(asked, given, max_nodes)
        if not start:
            return {}
        begun = np.array([places[node] for node in start], np.int64)
        mass = np.fromiter(start.values(), np.float64, len(start))
        nodes, matrix, began = machine.around(
            *(self._heads, woven.count, begun, mass, alpha, max_nodes),
            *(SURPLUS * max_nodes, FOLLOWS, TOGETHER, FANOUT, WINDOW),
        )
        ranks = machine.ranked(matrix, began, alpha, steps)
        reached = np.flatnonzero((nodes[:, 0] == 1) & (ranks > 0.0))
        scores = ranks[reached]
        scores = np.round(scores / (scores.max(initial=0.0) or 1.0), digits)
        return dict(zip(self._ids(nodes[reached, 1:3]), scores.tolist(), strict=True))

    def bridges(
        self,
        query: str,
        seeds: Sequence[tuple[float, MemoryId]],
        kinds: Iterable[ConceptKind],
        opening: int,
        mention: float,
        most: tuple[int, int, int],
    ) -> dict[MemoryId, dict[MemoryId, float]]:
        """As ``bridges.bridges``, which has checked the seeds and has them in order, the best first.

        ``most`` are how many seeds lead, how many memories may mention a name that does, and to how many they lead.
        """
        woven, machine = self._woven, self._machine
        places = self.find([memory for _, memory in seeds])
        known = [(*seed, at) for seed, at in zip(seeds, places, strict=True) if at >= 0][: most[0]]
        if not known or woven.count < 2:
            return {}
        goodness = np.array([(score / known[0][0]) ** 2 for score, _, _ in known])
        asked = np.array([number(key) for key in asked_for(query)], np.uint64)
        named = np.isin(np.array(KINDS), list(kinds))
        ways, strengths = machine.led(
            *(self._heads, woven.count, np.array([at for _, _, at in known], np.int64), goodness),
            *(asked, named, most[1], opening, mention),
        )
        strongest: dict[int, float] = {}
        for (at, _, _), strength in zip(ways.tolist(), strengths.tolist(), strict=True):
            strongest[at] = max(strength, strongest.get(at, 0.0))
        # Of equals the last by name: the names are read of those alone that may be among the strongest.
        floor = nlargest(most[2], strongest.values())[-1] if strongest else 0.0
        ids = {at: woven.id(at) for at, strength in strongest.items() if strength >= floor}
        kept = nlargest(most[2], ids, key=lambda at: (strongest[at], ids[at]))
        found: dict[MemoryId, dict[MemoryId, float]] = {ids[at]: {} for at in kept}
        leading = [memory for _, memory, _ in known]
        wanted = set(kept)
        for (at, seed, _), strength in zip(ways.tolist(), strengths.tolist(), strict=True):
            if at in wanted:
                found[ids[at]][leading[seed]] = strength
        return found

    def find(self, ids: Sequence[MemoryId]) -> list[int]:
        """The numbers of memories, or -1. What was found last is kept: a walk and bridges begin at the same ones."""
        known: tuple[weakref.ref[Woven], dict[MemoryId, int]] | None = getattr(_LAST, "found", None)
        if known is None or known[0]() is not self._woven or not known[1].keys() >= set(ids):
            numbers: list[int] = self._machine.found(self._heads, *spelled(ids)).tolist()
            known = _LAST.found = weakref.ref(self._woven), dict(zip(ids, numbers, strict=True))
        return [known[1][memory] for memory in ids]

    def _ids(self, places: Ints) -> list[MemoryId]:
        """The ids of memories by slice and row."""
        parts = [part.run.ids for part in self._woven.slices]
        return [parts[part][row] for part, row in places.tolist()]


def asked_for(query: str) -> tuple[str, ...]:
    """The keys of a question's concepts. What was asked last is kept, because each question is asked twice."""
    known: tuple[str, tuple[str, ...]] | None = getattr(_LAST, "asked", None)
    if known is None or known[0] != query:
        known = _LAST.asked = query, tuple(concept.key for concept in extract(query))
    return known[1]


def swift(state: GraphState) -> Swift | None:
    """The state for machine code, or ``None`` where there is none of that or the graph has more than memories say."""
    machine, relations = compiled.ready("graph"), state.relations
    if machine is None or not state.woven.slices or len(state.woven.names) or len(relations) or len(relations.said):
        return None
    return Swift(machine, state.woven)
