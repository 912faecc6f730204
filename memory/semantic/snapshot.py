"""Graphs as columns: memories, concepts and relations in order of their names, and which of them hang together.

Owns the layout and its checks. A graph is written down with nothing pending, so it does not matter how its changes were
grouped. Knows no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import Stemmer
from rpds import HashTrieMap, HashTrieSet, List

from quantum_memory.memory.columns import Array, Arrays, Attributes, Columns, Dump, Reading, difference
from quantum_memory.memory.merging import MAX_WEIGHT
from quantum_memory.memory.semantic import words
from quantum_memory.memory.semantic.extract import KINDS, MAX_NAME_WORDS, Concept, extract, key_of
from quantum_memory.memory.semantic.graph import MAX_CONCEPTS, GraphState, settled
from quantum_memory.memory.semantic.relations import LEAST_WEIGHT, Relations
from quantum_memory.memory.semantic.weave import WINDOW, Known, Trace
from quantum_memory.memory.snapshots import fingerprint
from quantum_memory.types import MemoryId, Part, Relation, RelationKey

VERSION = 2
NOTHING = -1
MOST = 2**31 - 1
PROBE = (
    "My friend Bob Smith's sister met Dr. Müller at the Louvre in New York on 7 May 2023, at 3.15 pm.",
    "We don't like running; 42 letters and twenty-one violins cost $1,200.50! LAST TUESDAY 友達と東京へ行きました。",
)
"""What extraction makes of these goes into the fingerprint, so that a change of its rules is noticed."""
T = TypeVar("T")


class Names(NamedTuple):
    """What is numbered in a graph: memories, concepts and sessions by name, and forms of concepts."""

    memories: list[MemoryId]
    concepts: list[str]
    sessions: list[str]
    forms: list[Concept]


class GraphCodec:
    """A ``StateCodec`` of the part "graph"."""

    part: Part = "graph"

    def __init__(self) -> None:
        lists = {name: sorted(getattr(words, name)) for name in dir(words) if name.isupper() and name[0] != "_"}
        self.fingerprint = fingerprint(
            self.part,
            VERSION,
            words=lists,
            limits=(MAX_CONCEPTS, WINDOW, MAX_NAME_WORDS),
            stemmer=Stemmer.version(),
            probe=[extract(text, "Ann") for text in PROBE],
        )

    def dump(self, state: GraphState) -> Dump:
        """The settled graph."""
        state = settled(state)
        forms = {form for known in state.concepts.values() for form in known.forms}
        sessions = {trace.session for trace in state.memories.values() if trace.session is not None}
        names = Names(sorted(state.memories), sorted(state.concepts), sorted(sessions | set(state.last)), sorted(forms))
        columns = Columns()
        columns.texts("memory", names.memories)
        columns.texts("concept", names.concepts)
        columns.texts("session", names.sessions)
        columns.texts("forgotten", sorted(state.forgotten))
        _put_forms(columns, names)
        _put_traces(columns, names, state)
        _put_concepts(columns, names, state)
        _put_relations(columns, state.relations)
        return Dump(columns.arrays, {"memories": len(names.memories), "concepts": len(names.concepts)})

    def load(self, arrays: Arrays, attributes: Attributes) -> GraphState:
        """Raises: CorruptRecord."""
        read = Reading("snapshot of graph", arrays, attributes)
        concepts = read.distinct_texts("concept", read.count("concepts"))
        memories = read.distinct_texts("memory", read.count("memories"))
        names = Names(memories, concepts, read.distinct_texts("session"), _forms(read, concepts))
        forgotten = HashTrieSet(read.distinct_texts("forgotten"))
        traces = _traces(read, names)
        read.require("forgotten", not any(map(forgotten.__contains__, memories)), "a memory is there and forgotten")
        last = _numbers(read, "last", len(names.sessions), len(memories)).tolist()
        return GraphState(
            traces,
            _concepts(read, names),
            HashTrieMap(
                {session: memories[at] for session, at in zip(names.sessions, last, strict=True) if at != NOTHING}
            ),
            forgotten,
            _relations(read),
        )

    def difference(self, one: GraphState, other: GraphState) -> str | None:
        """What differs, byte by byte, once nothing is pending."""
        return difference(self.dump(one), self.dump(other))


def _numbered(names: Sequence[T]) -> dict[T, int]:
    return {name: number for number, name in enumerate(names)}


def _put_forms(columns: Columns, names: Names) -> None:
    concept, kind = _numbered(names.concepts), _numbered(KINDS)
    columns.numbers("form/concept", [concept[form.key] for form in names.forms], np.int32)
    columns.texts("form/label", [form.label for form in names.forms])
    columns.numbers("form/kind", [kind[form.kind] for form in names.forms], np.int32)


def _put_traces(columns: Columns, names: Names, state: GraphState) -> None:
    """Of each memory its session, its neighbours there, and its concepts as they stood."""
    memory: dict[MemoryId | None, int] = {**_numbered(names.memories), None: NOTHING}
    session: dict[str | None, int] = {**_numbered(names.sessions), None: NOTHING}
    form = _numbered(names.forms)
    traces = [state.memories[name] for name in names.memories]
    columns.numbers("trace/session", [session[trace.session] for trace in traces], np.int32)
    columns.numbers("trace/before", [memory[trace.before] for trace in traces], np.int32)
    columns.numbers("trace/after", [memory[trace.after] for trace in traces], np.int32)
    columns.grouped("trace/form", [trace.concepts for trace in traces])
    columns.numbers("trace/form", [form[one] for trace in traces for one in trace.concepts], np.int32)
    columns.numbers("last", [memory[state.last.get(name)] for name in names.sessions], np.int32)


def _put_concepts(columns: Columns, names: Names, state: GraphState) -> None:
    """Of each concept its forms, its mentions, newest first, and its links, each with how often."""
    memory, concept, form = _numbered(names.memories), _numbered(names.concepts), _numbered(names.forms)
    known = [state.concepts[key] for key in names.concepts]
    columns.grouped("mention", [each.mentions for each in known])
    columns.numbers("mention", [memory[one] for each in known for one in each.mentions], np.int32)
    _put_counts(columns, "forms", [each.forms for each in known], form)
    _put_counts(columns, "links", [each.links for each in known], concept)


def _put_counts(columns: Columns, name: str, counts: Sequence[HashTrieMap[T, int]], number: Mapping[T, int]) -> None:
    """For each concept how often it has each of these things, by their numbers."""
    columns.grouped(name, counts)
    found: list[int] = []  # a thing and how often, by turns: millions of pairs would keep the collector busy
    for each in counts:
        for thing, count in each.items():
            found += (number[thing], count)
    which, often = np.array(found, np.int32).reshape(-1, 2).T
    order = np.lexsort((which, np.repeat(np.arange(len(counts)), [len(each) for each in counts])))
    columns.numbers(name, which[order], np.int32)
    columns.numbers(f"{name}_often", often[order], np.int32)


def _put_relations(columns: Columns, relations: Relations) -> None:
    """What holds and what ended, by key, and the order in which what each end knows was said."""
    keys, removed, ends = sorted(relations.by_key), sorted(relations.removed), sorted(relations.ends)
    number = _numbered(keys)
    told = [relations.by_key[key] for key in keys]
    for name, listed in (("relation", keys), ("removed", removed)):
        for place, field in enumerate(RelationKey._fields):
            columns.texts(f"{name}/{field}", [key[place] for key in listed])
    columns.numbers("relation/weight", [one.weight for one in told], np.float64)
    columns.times("relation/at", [one.at for one in told])
    columns.optional_texts("relation/memory", [one.memory for one in told])
    columns.times("removed/at", [relations.removed[key] for key in removed])
    said = [[number[key] for key in relations.ends[end]] for end in ends]
    columns.texts("end", ends)
    columns.grouped("end/relation", said)
    columns.numbers("end/relation", _flat(said), np.int32)


def _flat(groups: Iterable[Iterable[T]]) -> list[T]:
    return [one for group in groups for one in group]


def _numbers(read: Reading, name: str, count: int | None, most: int, low: int = NOTHING) -> Array:
    """Numbers of things of which there are so many."""
    return read.within(name, np.int32, (count,), low, most - 1)


def _forms(read: Reading, concepts: list[str]) -> list[Concept]:
    labels = read.texts("form/label")
    keys = _numbers(read, "form/concept", len(labels), len(concepts), 0).tolist()
    kinds = _numbers(read, "form/kind", len(labels), len(KINDS), 0).tolist()
    return [Concept(concepts[key], label, KINDS[kind]) for key, label, kind in zip(keys, labels, kinds, strict=True)]


def _traces(read: Reading, names: Names) -> HashTrieMap[MemoryId, Trace]:
    count = len(names.memories)
    memories: list[MemoryId | None] = [*names.memories, None]  # NOTHING is -1 and finds the last
    sessions: list[str | None] = [*names.sessions, None]
    form = [names.forms[one] for one in _numbers(read, "trace/form", None, len(names.forms), 0).tolist()]
    columns = zip(
        names.memories,
        read.grouped("trace/form", form, count),
        _numbers(read, "trace/session", count, len(names.sessions)).tolist(),
        _numbers(read, "trace/before", count, count).tolist(),
        _numbers(read, "trace/after", count, count).tolist(),
        strict=True,
    )
    return HashTrieMap(
        {
            memory: Trace(tuple(concepts), sessions[session], memories[before], memories[after])
            for memory, concepts, session, before, after in columns
        }
    )


def _concepts(read: Reading, names: Names) -> HashTrieMap[str, Known]:
    count = len(names.concepts)
    spoken = [names.memories[one] for one in _numbers(read, "mention", None, len(names.memories), 0).tolist()]
    mentions = read.grouped("mention", spoken, count)
    forms, links = _counted(read, "forms", names.forms, count), _counted(read, "links", names.concepts, count)
    found = {}
    for key, form, own, link in zip(names.concepts, forms, mentions, links, strict=True):
        read.require("mention", own, "a concept of which no memory speaks")
        read.require("forms", form and all(one.key == key for one in form), "a concept has forms of another, or none")
        found[key] = Known(form, List(own), link)
    return HashTrieMap(found)


def _counted(read: Reading, name: str, things: Sequence[T], count: int) -> Iterator[HashTrieMap[T, int]]:
    """For each concept how often it has each of these things."""
    which = _numbers(read, name, None, len(things), 0)
    often = read.within(f"{name}_often", np.int32, (len(which),), 1, MOST)
    owner = np.repeat(np.arange(count), read.sizes(name, count, len(which)))
    rising = np.diff(owner * max(1, len(things)) + which) > 0
    read.require(name, rising.all(), "they do not rise")
    named, counts = [things[one] for one in which.tolist()], often.tolist()
    groups = zip(read.grouped(name, named, count), read.grouped(name, counts, count), strict=True)
    return (HashTrieMap(dict(zip(own, often, strict=True))) for own, often in groups)


def _keys(read: Reading, name: str) -> list[RelationKey]:
    subjects = read.texts(f"{name}/subject")
    others = (read.texts(f"{name}/{field}", len(subjects)) for field in ("predicate", "object"))
    keys = [RelationKey(*key) for key in zip(subjects, *others, strict=True)]
    read.require(name, len(set(keys)) == len(keys), "a key stands twice")
    return keys


def _relations(read: Reading) -> Relations:
    keys, removed, ends = _keys(read, "relation"), _keys(read, "removed"), read.distinct_texts("end")
    weights = read.within("relation/weight", np.float64, (len(keys),), LEAST_WEIGHT, MAX_WEIGHT).tolist()
    times, memories = read.optional_times("relation/at", len(keys)), read.optional_texts("relation/memory", len(keys))
    by_key = {
        key: Relation(*key, weight, at, memory)
        for key, weight, at, memory in zip(keys, weights, times, memories, strict=True)
    }
    said: dict[MemoryId, HashTrieSet[RelationKey]] = {}
    for key, memory in zip(keys, memories, strict=True):
        if memory is not None:
            said[memory] = said.get(memory, HashTrieSet()).insert(key)
    order = read.grouped("end/relation", _numbers(read, "end/relation", None, len(keys), 0).tolist(), len(ends))
    lists = {end: [keys[one] for one in own] for end, own in zip(ends, order, strict=True)}
    read.require("end/relation", _ends_of(lists) == _ends_of_keys(keys), "the ends are not those of the relations")
    ended = dict(zip(removed, read.optional_times("removed/at", len(removed)), strict=True))
    read.require("removed", not by_key.keys() & ended.keys(), "a relation holds and has ended")
    return Relations(
        HashTrieMap(by_key),
        HashTrieMap({end: List(own) for end, own in lists.items()}),
        HashTrieMap(said),
        HashTrieMap(ended),
    )


def _ends_of(lists: dict[str, list[RelationKey]]) -> list[tuple[str, RelationKey]]:
    return sorted((end, key) for end, own in lists.items() for key in own)


def _ends_of_keys(keys: Iterable[RelationKey]) -> list[tuple[str, RelationKey]]:
    return sorted((end, key) for key in keys for end in {key_of(key.subject), key_of(key.object)})
