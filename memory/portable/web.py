"""A semantic graph as plain rows: nodes, edges between their numbers, relations. Knows no walk and no event."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

from quantum_memory.memory.semantic.graph import GraphState, relations, settled
from quantum_memory.types import Relation


class Node(NamedTuple):
    """A memory or a concept.

    Attributes:
        type: "memory" or "concept".
        key: the memory's id, or the concept's key.
        kind: "memory", or what the concept seems to be.
        label: how it stood in a text; the id for a memory.
        weight: how many memories are behind it.
    """

    type: str
    key: str
    kind: str
    label: str
    weight: int


class Edge(NamedTuple):
    """Two nodes by their numbers, and how they hang together: "mentions", "follows" or "together"."""

    source: int
    target: int
    kind: str
    weight: int


class Web(NamedTuple):
    """A graph as rows, in an order that depends on what is in it alone.

    Attributes:
        nodes, edges: memories and concepts.
        relations: those that hold.
        ended: those that held once, each with the time at which it ended.
        names: names that mean one thing: how one was told, and the one that stands for it.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    relations: tuple[Relation, ...]
    ended: tuple[Relation, ...] = ()
    names: tuple[tuple[str, str], ...] = ()


def web_of(state: GraphState) -> Web:
    """The rows of a graph."""
    whole = settled(state)
    aliases = whole.relations.names.aliases.values()
    names = tuple(sorted((alias.name, alias.keep) for alias in aliases))
    return Web(tuple(nodes(whole)), tuple(edges(whole)), relations(whole), whole.relations.ended(), names)


def nodes(state: GraphState) -> Iterator[Node]:
    """Memories by id, then concepts by key, of a settled state."""
    for memory in sorted(state.memories):
        yield Node("memory", memory, "memory", memory, 1)
    for key, known in sorted(state.concepts.told().items(), key=itemgetter(0)):
        concept = known.concept()
        yield Node("concept", key, concept.kind, concept.label, len(known))


def edges(state: GraphState) -> Iterator[Edge]:
    """The edges of a settled state, by their ends as ``nodes`` counts them."""
    traces, told = dict(state.memories.items()), state.concepts.told()
    memories = {memory: number for number, memory in enumerate(sorted(traces))}
    concepts = {key: number for number, key in enumerate(sorted(told), start=len(memories))}
    for memory, number in memories.items():
        trace = traces[memory]
        for concept in trace.concepts:
            yield Edge(number, concepts[concept.key], "mentions", 1)
        if trace.after is not None:
            yield Edge(number, memories[trace.after], "follows", 1)
    for key, number in concepts.items():
        for other, count in sorted(told[key].links.items()):
            if key < other:
                yield Edge(number, concepts[other], "together", count)
