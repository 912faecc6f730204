"""The semantic graph of a branch: memories, the concepts they speak of, and how these hang together.

Owns the persistent state and the fold that makes it from events. Never talks to Ray, never reads a text twice.

Nodes are memories and concepts, kept apart by type. Edges are counted in whole numbers, so that taking a memory
away leaves exactly what would be there without it:

    memory - concept     it speaks of it, or is spoken by it: 1
    concept - concept    memories in which they stand close together: how many
    memory - memory      one follows the other in a session: 1
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, TypeVar

import networkx as nx
from rpds import HashTrieMap, HashTrieSet, List

from quantum_memory.memory.events import Event, Forgotten, Merged, Remembered
from quantum_memory.memory.semantic.extract import KINDS, Concept, ConceptKind, extract
from quantum_memory.types import Memory, MemoryId, Part

MAX_CONCEPTS = 32
"""Concepts kept of one memory, names before topics: a long text would make every edge of it mean little."""
WINDOW = 5
"""A concept is joined with this many that follow it in a text, so pairs grow with its length and not its square."""
NAMED_SHARE = 0.25

K = TypeVar("K")


class Trace(NamedTuple):
    """What one memory put into the graph, which is all that is needed to take it out again."""

    concepts: tuple[Concept, ...]
    session: str | None
    before: MemoryId | None
    after: MemoryId | None


class Known(NamedTuple):
    """A concept as the memories of a branch know it.

    Attributes:
        forms: the forms in which it stood, and in how many memories each.
        mentions: the memories that speak of it, newest first.
        links: keys of the concepts beside it, and in how many memories they stand close together.
    """

    forms: HashTrieMap[Concept, int]
    mentions: List[MemoryId]
    links: HashTrieMap[str, int]

    def concept(self) -> Concept:
        """Its commonest form of the most telling kind that a quarter of its memories give it."""
        counts: dict[ConceptKind, int] = dict.fromkeys(KINDS, 0)
        for form, count in self.forms.items():
            counts[form.kind] += count
        enough = NAMED_SHARE * sum(counts.values())
        kind = next(kind for kind in KINDS if counts[kind] >= enough and counts[kind])
        return min((-count, form) for form, count in self.forms.items() if form.kind == kind)[1]


@dataclass(frozen=True, slots=True)
class GraphState:
    """The graph at one place in history. It never changes: branches share all that they have in common.

    Attributes:
        memories: what each memory put in.
        concepts: the concepts by key.
        last: the last memory of each session.
        forgotten: what is not to come back on this branch.
    """

    memories: HashTrieMap[MemoryId, Trace] = field(default_factory=HashTrieMap)
    concepts: HashTrieMap[str, Known] = field(default_factory=HashTrieMap)
    last: HashTrieMap[str, MemoryId] = field(default_factory=HashTrieMap)
    forgotten: HashTrieSet[MemoryId] = field(default_factory=HashTrieSet)

    def __len__(self) -> int:
        return len(self.memories) + len(self.concepts)


class GraphFold:
    """How the graph follows from events.

    Laws: forgetting leaves the memories, concepts and edges that would be there had the memory never been; what was
    forgotten never comes back, whether it was known before or not; remembering what is known changes nothing.
    """

    part: Part = "graph"
    reach: int | None = None

    def empty(self) -> GraphState:
        return GraphState()

    def apply(self, state: GraphState, event: Event) -> GraphState:
        if isinstance(event, Remembered):
            return _remember(state, event.memories)
        if isinstance(event, Forgotten):
            return _forget(state, event.ids)
        if isinstance(event, Merged):
            return _forget(_remember(state, event.memories), event.forgotten)
        return state

    def units(self, event: Event) -> int:  # noqa: ARG002 - a view without a reach counts nothing
        return 0


def to_networkx(state: GraphState) -> nx.Graph:
    """The graph as networkx knows it.

    Nodes are ``("memory", id)`` and ``("concept", key)`` with ``kind`` ("memory" or the concept's), ``label`` and
    ``weight``, which is the number of memories behind it. Edges have ``kind`` ("mentions", "together" or "follows")
    and ``weight``. Nodes and edges come sorted, so equal states give equal graphs in the same order.
    """
    graph = nx.Graph()
    for memory in sorted(state.memories):
        graph.add_node(("memory", memory), kind="memory", label=memory, weight=1)
    for key in sorted(state.concepts):
        concept = state.concepts[key].concept()
        weight = len(state.concepts[key].mentions)
        graph.add_node(("concept", key), kind=concept.kind, label=concept.label, weight=weight)
    for memory in sorted(state.memories):
        trace = state.memories[memory]
        for concept in trace.concepts:
            graph.add_edge(("memory", memory), ("concept", concept.key), kind="mentions", weight=1)
        if trace.after is not None:
            graph.add_edge(("memory", memory), ("memory", trace.after), kind="follows", weight=1)
    for key in sorted(state.concepts):
        for other, count in sorted(state.concepts[key].links.items()):
            if key < other:
                graph.add_edge(("concept", key), ("concept", other), kind="together", weight=count)
    return graph


def _remember(state: GraphState, memories: Iterable[Memory]) -> GraphState:
    traces, concepts, last = state.memories, state.concepts, state.last
    for memory in memories:
        if memory.id in traces or memory.id in state.forgotten:
            continue
        kept = _most_telling(extract(memory.text, memory.speaker))
        before = None
        if memory.session is not None:
            before = last.get(memory.session)
            last = last.insert(memory.session, memory.id)
        if before is not None:
            traces = traces.insert(before, traces[before]._replace(after=memory.id))
        traces = traces.insert(memory.id, Trace(kept, memory.session, before, None))
        for concept, beside in _neighbourhoods(kept):
            concepts = concepts.insert(concept.key, _mentioned(concepts.get(concept.key), concept, memory.id, beside))
    return state if traces is state.memories else GraphState(traces, concepts, last, state.forgotten)


def _mentioned(known: Known | None, concept: Concept, memory: MemoryId, beside: list[str]) -> Known:
    """The concept once more: ``beside`` are the keys that it stands close to in this memory."""
    if known is None:
        return Known(HashTrieMap({concept: 1}), List([memory]), HashTrieMap(dict.fromkeys(beside, 1)))
    forms, mentions, links = known
    for key in beside:
        links = links.insert(key, links.get(key, 0) + 1)
    return Known(forms.insert(concept, forms.get(concept, 0) + 1), mentions.push_front(memory), links)


def _forget(state: GraphState, ids: Iterable[MemoryId]) -> GraphState:
    """Take memories out together: each concept they share is visited once, whatever the number of memories."""
    traces, last = state.memories, state.last
    gone: dict[str, list[tuple[Concept, list[str]]]] = {}
    removed = {memory for memory in ids if memory not in state.forgotten}
    if not removed:
        return state
    for memory in removed:
        trace = traces.get(memory)
        if trace is None:
            continue
        traces = traces.remove(memory)
        if trace.before is not None:
            traces = traces.insert(trace.before, traces[trace.before]._replace(after=trace.after))
        if trace.after is not None:
            traces = traces.insert(trace.after, traces[trace.after]._replace(before=trace.before))
        elif trace.session is not None:
            before = trace.before
            last = last.remove(trace.session) if before is None else last.insert(trace.session, before)
        for concept, beside in _neighbourhoods(trace.concepts):
            gone.setdefault(concept.key, []).append((concept, beside))
    concepts = state.concepts
    for key, mentions in gone.items():
        known = _unmentioned(concepts[key], mentions, removed)
        concepts = concepts.remove(key) if known is None else concepts.insert(key, known)
    return GraphState(traces, concepts, last, state.forgotten.update(removed))


def _unmentioned(known: Known, gone: list[tuple[Concept, list[str]]], removed: set[MemoryId]) -> Known | None:
    """The concept without these mentions of it; None if no memory speaks of it any more."""
    if len(gone) == len(known.mentions):
        return None
    forms, links = known.forms, known.links
    for concept, beside in gone:
        forms = _less(forms, concept)
        for key in beside:
            links = _less(links, key)
    return Known(forms, _without(known.mentions, removed, len(gone)), links)


def _less(counts: HashTrieMap[K, int], key: K) -> HashTrieMap[K, int]:
    left = counts[key] - 1
    return counts.insert(key, left) if left else counts.remove(key)


def _without(mentions: List[MemoryId], removed: set[MemoryId], count: int) -> List[MemoryId]:
    """The list without ``count`` of its memories. What is older than the oldest of them is shared, not copied."""
    kept: list[MemoryId] = []
    for memory in mentions:
        if not count:
            break
        mentions = mentions.drop_first()
        if memory in removed:
            count -= 1
        else:
            kept.append(memory)
    for memory in reversed(kept):
        mentions = mentions.push_front(memory)
    return mentions


def _neighbourhoods(concepts: tuple[Concept, ...]) -> Iterator[tuple[Concept, list[str]]]:
    """Each concept of a memory with the keys of those that stand within the window around it."""
    keys = [concept.key for concept in concepts]
    for at, concept in enumerate(concepts):
        yield concept, keys[max(0, at - WINDOW) : at] + keys[at + 1 : at + 1 + WINDOW]


def _most_telling(concepts: tuple[Concept, ...]) -> tuple[Concept, ...]:
    """At most so many concepts as a memory may have, in their order in the text."""
    if len(concepts) <= MAX_CONCEPTS:
        return concepts
    ranked = sorted(range(len(concepts)), key=lambda at: (concepts[at].kind == "topic", at))
    return tuple(concepts[at] for at in sorted(islice(ranked, MAX_CONCEPTS)))
