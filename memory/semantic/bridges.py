"""Bridges: from memories that were found to others that speak of the same rare name, which the question did not name.

Reads a graph state, never changes one, and knows no embedding: how well what it leads to answers the rest of the
question is for others to say. A question of several steps names the first thing only: "who leads the company that made
this phone" finds the phone's memory, that one names the company, and another one tells of the company.

Its cost is bounded by ``MOST_SEEDS``, the concepts of a memory and ``MOST_MENTIONS``, not by the size of the graph.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from heapq import nlargest
from itertools import islice
from typing import TypeAlias

from quantum_memory.checks import bounded
from quantum_memory.memory.semantic.extract import ConceptKind, extract
from quantum_memory.memory.semantic.graph import GraphState, settled
from quantum_memory.memory.semantic.swift import swift
from quantum_memory.memory.semantic.weave import Woven
from quantum_memory.types import MemoryId

Bridges: TypeAlias = "dict[MemoryId, dict[MemoryId, float]]"
"""For each memory that is led to, from which seeds, and how strongly, in (0, 1]."""

MOST_SEEDS = 8
"""Memories from which bridges lead: the most promising."""
MOST_MENTIONS = 30
"""A name that more memories mention leads nowhere in particular."""
MOST_LED_TO = 128
NAMED: frozenset[ConceptKind] = frozenset({"person", "entity", "date"})
"""Kinds of concepts that lead from one memory to another. Topics do not: sharing a common noun means little."""
OPENING = 2
"""A memory is about what is among the first so many concepts of it."""
MENTION = 1.0 / 3.0
"""How strongly a name leads to a memory that only mentions it, beside 1 for one that is about it."""


def bridges(state: GraphState, query: str, seeds: Mapping[MemoryId, float]) -> Bridges:
    """Where the names lead that the best seeds speak of and the question does not.

    Args:
        state: the graph.
        query: the question.
        seeds: memories found by other means and how good they are (at least 0); the first ``MOST_SEEDS`` count.

    The strength of a bridge is the square of the seed's goodness over the best one's, times the name's inverse document
    frequency over that of a name that stands in one memory, times ``MENTION`` unless the memory it leads to is about
    the name. Those that lead to the ``MOST_LED_TO`` strongest are kept.

    Raises: OutOfRange, NotFinite for a seed.
    """
    for memory, score in seeds.items():
        if not 0.0 <= score < math.inf:
            bounded(f"seeds[{memory!r}]", score, 0.0, math.inf)
    state = settled(state)
    woven = state.woven
    promising = sorted(((score, memory) for memory, score in seeds.items() if score > 0.0), reverse=True)
    fast = swift(state)
    if fast is not None:
        most = MOST_SEEDS, MOST_MENTIONS, MOST_LED_TO
        return fast.bridges(query, promising, NAMED, OPENING, MENTION, most)
    known = ((score, memory, at) for score, memory in promising if (at := woven.find(memory)) >= 0)
    best = list(islice(known, MOST_SEEDS))
    if not best or woven.count < 2:
        return {}
    asked = {state.relations.names.resolved(concept.key) for concept in extract(query)}
    found: Bridges = {}
    for score, seed, here in best:
        for memory, strength in _leads(woven, here, asked):
            ways, led = found.setdefault(memory, {}), strength * (score / best[0][0]) ** 2
            ways[seed] = max(led, ways.get(seed, 0.0))
    strongest = nlargest(MOST_LED_TO, found, key=lambda memory: (max(found[memory].values()), memory))
    return {memory: found[memory] for memory in strongest}


def _leads(woven: Woven, here: int, asked: set[str]) -> Iterator[tuple[MemoryId, float]]:
    """Other memories that share a rare name with this one, and how strongly each name ties them."""
    every = math.log(woven.count)
    for concept in woven.concepts(here):
        if concept.kind not in NAMED or concept.key in asked:
            continue
        spots = woven.spots(concept.key)
        mentions = woven.mentions(spots)
        if mentions > MOST_MENTIONS:
            continue
        rare = 1.0 - math.log(mentions) / every
        for at in woven.newest(spots):
            if at != here and rare > 0.0:
                about = concept.key in woven.keys(at)[:OPENING]
                yield woven.id(at), rare if about else rare * MENTION
