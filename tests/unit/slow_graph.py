"""The memories of a graph as persistent maps, with every link and neighbour in them: the slow twin of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, TypeVar

from rpds import HashTrieMap, List

from quantum_memory.memory.semantic.extract import KINDS, Concept, ConceptKind
from quantum_memory.memory.semantic.runs import Heard
from quantum_memory.memory.semantic.slices import WINDOW
from quantum_memory.memory.semantic.weave import NAMED_SHARE, Trace, without
from quantum_memory.types import MemoryId

K = TypeVar("K")


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


class Maps(NamedTuple):
    """What memories weave: their traces by id, concepts by key, and the last memory of each session."""

    memories: HashTrieMap[MemoryId, Trace]
    concepts: HashTrieMap[str, Known]
    last: HashTrieMap[str, MemoryId]


class _Change(NamedTuple):
    """What some memories add to a concept, or take from it: a form and a mention for each, and the keys beside it."""

    forms: list[Concept]
    mentions: list[MemoryId]
    links: list[str]


def put_in(maps: Maps, heard: Sequence[Heard]) -> Maps:
    """The maps with these memories, which they do not have, after all others and in this order."""
    traces: dict[MemoryId, Trace] = {}
    last: dict[str, MemoryId] = {}
    for memory, concepts, session in heard:
        before = None
        if session is not None:
            before = last.get(session) or maps.last.get(session)
            last[session] = memory
        if before is not None:
            older = traces.get(before) or maps.memories[before]
            traces[before] = older._replace(after=memory)
        traces[memory] = Trace(concepts, session, before, None)
    changed = _changes((one.memory, one.concepts) for one in heard)
    known = {key: _more(maps.concepts.get(key), change) for key, change in changed.items()}
    return Maps(maps.memories.update(traces), maps.concepts.update(known), maps.last.update(last))


def take_out(maps: Maps, ids: Collection[MemoryId]) -> Maps:
    """The maps as they would be had these memories never been; ids that they do not have are passed over."""
    traces, concepts, last = maps
    gone: list[tuple[MemoryId, tuple[Concept, ...]]] = []
    for memory in ids:
        trace = traces.get(memory)
        if trace is None:
            continue
        gone.append((memory, trace.concepts))
        traces = traces.remove(memory)
        if trace.before is not None:
            traces = traces.insert(trace.before, traces[trace.before]._replace(after=trace.after))
        if trace.after is not None:
            traces = traces.insert(trace.after, traces[trace.after]._replace(before=trace.before))
        elif trace.session is not None:
            before = trace.before
            last = last.remove(trace.session) if before is None else last.insert(trace.session, before)
    for key, change in _changes(gone).items():
        known = _fewer(concepts[key], change)
        concepts = concepts.remove(key) if known is None else concepts.insert(key, known)
    return Maps(traces, concepts, last)


def _changes(memories: Iterable[tuple[MemoryId, tuple[Concept, ...]]]) -> dict[str, _Change]:
    """What these memories say of each concept, by key, in their order."""
    changes: dict[str, _Change] = {}
    for memory, concepts in memories:
        keys = [concept.key for concept in concepts]
        for at, concept in enumerate(concepts):
            change = changes.get(keys[at])
            if change is None:
                change = changes[keys[at]] = _Change([], [], [])
            forms, mentions, links = change
            forms.append(concept)
            mentions.append(memory)
            links += keys[max(0, at - WINDOW) : at]
            links += keys[at + 1 : at + 1 + WINDOW]
    return changes


def _more(known: Known | None, change: _Change) -> Known:
    """The concept with the mentions of more memories."""
    if known is None:
        forms, links = Counter(change.forms), Counter(change.links)
        return Known(HashTrieMap(forms), List(change.mentions[::-1]), HashTrieMap(links))
    mentions = known.mentions
    for memory in change.mentions:
        mentions = mentions.push_front(memory)
    return Known(_summed(known.forms, change.forms), mentions, _summed(known.links, change.links))


def _fewer(known: Known, change: _Change) -> Known | None:
    """The concept without these mentions of it; None if no memory speaks of it any more."""
    if len(change.mentions) == len(known.mentions):
        return None
    mentions = without(known.mentions, frozenset(change.mentions), len(change.mentions))
    return Known(_less(known.forms, change.forms), mentions, _less(known.links, change.links))


def _summed(counts: HashTrieMap[K, int], more: Iterable[K]) -> HashTrieMap[K, int]:
    """The counts with one more for each time that something comes."""
    return counts.update({key: counts.get(key, 0) + count for key, count in Counter(more).items()})


def _less(counts: HashTrieMap[K, int], fewer: Iterable[K]) -> HashTrieMap[K, int]:
    """The counts with one less for each time that something comes, and nothing of what is left with none."""
    for key, count in Counter(fewer).items():
        left = counts[key] - count
        counts = counts.insert(key, left) if left else counts.remove(key)
    return counts
