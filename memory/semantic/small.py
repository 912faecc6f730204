"""A small graph at once: every edge that a search would follow, as arrays, made in a few calls.

Owns the edges of what is one run of memories, as ``neighbourhood`` follows them one node at a time. Walks nowhere.
Where a state is made of more than one run, or knows aliases or relations, there is no such form.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.words import number
from quantum_memory.memory.semantic.graph import GraphState
from quantum_memory.memory.semantic.runs import Ints, Run
from quantum_memory.memory.semantic.slices import WINDOW
from quantum_memory.types import MemoryId

MOST_NODES = 512
"""Memories and concepts up to which making all edges is sooner done than looking for those that are needed."""
Floats = NDArray[np.float64]


class Weights(NamedTuple):
    """How strongly edges lead: to the next memory of a session, to a concept beside one for each memory behind it.

    ``fanout`` is how many memories and how many concepts beside one are followed from a concept.
    """

    follows: float
    together: float
    fanout: int


class SmallGraph:
    """The nodes and edges of one run: first its memories by row, then its concepts by place.

    Attributes:
        memories: how many of the nodes are memories.
        origins, targets: (e,) the nodes of each edge; those of one origin stand together, in its order.
        weights: (e,) how strongly each leads.
        begins: (n + 1,) where the edges of each node begin.
    """

    __slots__ = ("_rare", "_run", "begins", "memories", "origins", "targets", "weights")

    def __init__(self, run: Run, wanted: Weights) -> None:
        n, c = len(run), len(run.keys)
        self._run, self.memories = run, n
        starts, posted = run.starts.astype(np.int64), run.posted.astype(np.int64)
        places = run.of_form[run.forms].astype(np.int64)
        rows = np.repeat(np.arange(n), starts[1:] - starts[:-1])
        counts = posted[1:] - posted[:-1]
        self._rare = rare = np.array([math.log1p(n / count) for count in counts.tolist()])
        concept = np.repeat(np.arange(c), counts)
        kept = posted[1:][concept] - np.arange(len(concept)) <= wanted.fanout  # the newest stand last
        near, far = _followed(run)
        one, other, often = _beside(rows, places, c)
        few = np.bincount(one, minlength=c) <= wanted.fanout
        one, other, often = (column[few[one]] for column in (one, other, often))
        origins = np.concatenate([rows, near, n + concept[kept], n + one])
        order = np.argsort(origins, kind="stable")
        self.origins = origins[order]
        self.targets = np.concatenate([n + places, far, run.rows[kept].astype(np.int64), n + other])[order]
        follows = np.full(len(near), wanted.follows)
        together = wanted.together * often * np.minimum(rare[one], rare[other])
        self.weights = np.concatenate([rare[places], follows, rare[concept[kept]], together])[order]
        self.begins = np.searchsorted(self.origins, np.arange(n + c + 1))

    def __len__(self) -> int:
        return self.memories + len(self._run.keys)

    def at(self, is_memory: bool, key: str) -> int:
        """The number of a node, or -1 if it has none here."""
        if is_memory:
            return next(iter(self._run.find(key, number(key))), -1)
        place = self._run.place(number(key))
        return place if place < 0 else self.memories + place

    def node(self, at: int) -> tuple[bool, MemoryId]:
        """Whether a node is a memory, and its id or key."""
        n = self.memories
        return (True, self._run.ids[at]) if at < n else (False, self._run.keys[at - n])

    def edges(self, at: int) -> tuple[list[int], list[float], float]:
        """Where the edges of a node lead, how strongly, and all that there is of it, also where it is not followed."""
        begin, end = self.begins[at : at + 2].tolist()
        targets, weights = self.targets[begin:end].tolist(), self.weights[begin:end].tolist()
        if at < self.memories:
            return targets, weights, math.fsum(weights)
        own, mentions = float(self._rare[at - self.memories]), self._run.stands[0]
        count = mentions[at - self.memories + 1] - mentions[at - self.memories]
        links = math.fsum(weight for to, weight in zip(targets, weights, strict=True) if to >= self.memories)
        return targets, weights, own * count + links

    def reached(self, begun: Ints) -> NDArray[np.bool_]:
        """(n,) which nodes the edges lead to from these, themselves among them."""
        seen = np.zeros(len(self), np.bool_)
        seen[begun] = True
        count = 0
        while count != (count := int(np.count_nonzero(seen))):
            seen[self.targets[seen[self.origins]]] = True
        return seen


def small_graph(state: GraphState, wanted: Weights) -> SmallGraph | None:
    """A state's edges at once, or nothing where they have to be looked for: with nothing pending."""
    woven, relations = state.woven, state.relations
    if len(woven.slices) != 1 or len(woven.names) or len(relations) or len(relations.said):
        return None
    (whole,) = woven.slices
    if whole.dead is not None or len(whole.run) + len(whole.run.keys) > MOST_NODES:
        return None
    return SmallGraph(whole.run, wanted)


def _followed(run: Run) -> tuple[Ints, Ints]:
    """Each memory with those of its session just before and just after it, in this order."""
    chains, begun = run.chains.astype(np.int64), run.begun.astype(np.int64)
    if len(chains) < 2:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing
    within = np.ones(len(chains) - 1, np.bool_)
    within[begun[1:-1] - 1] = False
    before, after = chains[:-1][within], chains[1:][within]
    # The one before comes first where a memory has both: a stable sort by origin keeps this order.
    return np.concatenate([after, before]), np.concatenate([before, after])


def _beside(rows: Ints, places: Ints, concepts: int) -> tuple[Ints, Ints, Any]:
    """Each concept with those that stand close to it in some memory, and in how many."""
    pairs = []
    for apart in range(1, min(WINDOW, len(rows) - 1) + 1):
        together = rows[apart:] == rows[:-apart]
        left, right = places[:-apart][together], places[apart:][together]
        pairs += [left * concepts + right, right * concepts + left]
    if not pairs:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    both, often = np.unique(np.concatenate(pairs), return_counts=True)
    return both // concepts, both % concepts, often
