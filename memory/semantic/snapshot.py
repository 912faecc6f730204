"""Graphs as columns: memories in the order of remembering and what they speak of, and relations by key.

Owns the layout and its checks. A graph is written down with nothing pending, so it does not matter how its changes were
grouped. Knows no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import Stemmer
from rpds import HashTrieMap, HashTrieSet, List

from quantum_memory.memory.columns import Array, Arrays, Attributes, Columns, Dump, Reading, difference
from quantum_memory.memory.merging import MAX_WEIGHT
from quantum_memory.memory.semantic import words
from quantum_memory.memory.semantic.extract import KINDS, MAX_NAME_WORDS, Concept, extract
from quantum_memory.memory.semantic.graph import MAX_CONCEPTS, GraphState, settled
from quantum_memory.memory.semantic.names import Alias, Names
from quantum_memory.memory.semantic.relations import LEAST_WEIGHT, Relations, Said, ends
from quantum_memory.memory.semantic.runs import ALONE, Heard, Rows, Run, numbers_of
from quantum_memory.memory.semantic.slices import WINDOW, Slice
from quantum_memory.memory.semantic.texts import Ids, Texts
from quantum_memory.memory.semantic.weave import Woven
from quantum_memory.memory.snapshots import fingerprint
from quantum_memory.types import MemoryId, Part, Relation, RelationKey

VERSION = 4
NOTHING = -1
MOST = 2**31 - 1
PROBE = (
    "My friend Bob Smith's sister met Dr. Müller at the Louvre in New York on 7 May 2023, at 3.15 pm.",
    "We don't like running; 42 letters and twenty-one violins cost $1,200.50! LAST TUESDAY 友達と東京へ行きました。",
)
"""What extraction makes of these goes into the fingerprint, so that a change of its rules is noticed."""
T = TypeVar("T")


class Listed(NamedTuple):
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
        heard = list(state.woven.heard())
        forms = sorted({concept for one in heard for concept in one.concepts})
        names = Listed(
            [one.memory for one in heard],
            sorted({form.key for form in forms}),
            sorted({one.session for one in heard if one.session is not None}),
            forms,
        )
        columns = Columns()
        columns.texts("memory", names.memories)
        columns.texts("concept", names.concepts)
        columns.texts("session", names.sessions)
        columns.texts("forgotten", sorted(state.forgotten))
        _put_forms(columns, names)
        _put_heard(columns, names, heard)
        _put_relations(columns, state.relations)
        return Dump(columns.arrays, {"memories": len(names.memories), "concepts": len(names.concepts)})

    def size(self, state: GraphState) -> int:
        """How many memories it has heard, how many it knows to be forgotten, and how many relations it was told."""
        return len(state.memories) + len(state.pending) + len(state.forgotten) + len(state.relations)

    def load(self, arrays: Arrays, attributes: Attributes) -> GraphState:
        """Raises: CorruptRecord."""
        read = Reading("snapshot of graph", arrays, attributes)
        concepts = read.distinct_raws("concept", read.count("concepts"))
        memories = read.distinct_raws("memory", read.count("memories"))
        forgotten = read.distinct_texts("forgotten")
        lost = {one.encode() for one in forgotten} & set(memories)
        read.require("forgotten", not lost, "a memory is there and forgotten")
        told = _relations(read)
        rows = _rows(read, memories, concepts)
        other = {key.encode() for key in told.names.aliases} & set(concepts)
        read.require("concept", not other, "a concept has another name")
        slices = (Slice(Run(rows)),) if memories else ()
        return GraphState(Woven(slices, told.names), HashTrieSet(forgotten), told)

    def difference(self, one: GraphState, other: GraphState) -> str | None:
        """What differs, byte by byte, once nothing is pending."""
        return difference(self.dump(one), self.dump(other))


def _numbered(names: Sequence[T]) -> dict[T, int]:
    return {name: number for number, name in enumerate(names)}


def _put_forms(columns: Columns, names: Listed) -> None:
    concept, kind = _numbered(names.concepts), _numbered(KINDS)
    columns.numbers("form/concept", [concept[form.key] for form in names.forms], np.int32)
    columns.texts("form/label", [form.label for form in names.forms])
    columns.numbers("form/kind", [kind[form.kind] for form in names.forms], np.int32)


def _put_heard(columns: Columns, names: Listed, heard: Sequence[Heard]) -> None:
    """Of each memory its session and its concepts as they stood."""
    session: dict[str | None, int] = {**_numbered(names.sessions), None: NOTHING}
    form = _numbered(names.forms)
    columns.numbers("trace/session", [session[one.session] for one in heard], np.int32)
    columns.grouped("trace/form", [one.concepts for one in heard])
    columns.numbers("trace/form", [form[concept] for one in heard for concept in one.concepts], np.int32)


def _put_relations(columns: Columns, relations: Relations) -> None:
    """What holds and what ended, by key, every word on it, and the order in which what each end knows was said."""
    keys, past = sorted(relations.by_key), sorted(relations.past)
    removed, places = sorted(relations.removed), sorted(relations.ends)
    number = _numbered(keys)
    told = [relations.by_key[key] for key in keys]
    for name, listed in (("relation", keys), ("removed", removed), ("past", past)):
        for place, field in enumerate(RelationKey._fields):
            columns.texts(f"{name}/{field}", [key[place] for key in listed])
    _put_words(columns, "relation", [Said(one.weight, one.at, one.memory) for one in told])
    words = [relations.words(key) for key in past]
    columns.grouped("past/word", words)
    _put_words(columns, "past", _flat(words))
    columns.times("removed/at", [relations.removed[key] for key in removed])
    said = [[number[key] for key in relations.ends[end]] for end in places]
    columns.texts("end", places)
    columns.grouped("end/relation", said)
    columns.numbers("end/relation", _flat(said), np.int32)
    aliases = sorted(relations.names.aliases.items())
    columns.texts("alias", [key for key, _ in aliases])
    for place, field in enumerate(Alias._fields):
        columns.texts(f"alias/{field}", [alias[place] for _, alias in aliases])


def _put_words(columns: Columns, name: str, words: Sequence[Said]) -> None:
    """Words on relations; one that says that it ended has no weight, which is written as 0."""
    columns.numbers(f"{name}/weight", [word.weight or 0.0 for word in words], np.float64)
    columns.times(f"{name}/at", [word.at for word in words])
    columns.optional_texts(f"{name}/memory", [word.memory for word in words])


def _flat(groups: Iterable[Iterable[T]]) -> list[T]:
    return [one for group in groups for one in group]


def _numbers(read: Reading, name: str, count: int | None, most: int, low: int = NOTHING) -> Array:
    """Numbers of things of which there are so many."""
    return read.within(name, np.int32, (count,), low, most - 1)


def _rows(read: Reading, memories: list[bytes], concepts: list[bytes]) -> Rows:
    """Memories as a run takes them up, without making anything of each of them alone."""
    count, labels = len(memories), read.raws("form/label")
    keys = _numbers(read, "form/concept", len(labels), len(concepts), 0)
    kinds = _numbers(read, "form/kind", len(labels), len(KINDS), 0)
    mentions = _numbers(read, "trace/form", None, len(labels), 0).astype(np.int64)
    read.require("form/label", (np.bincount(mentions, minlength=len(labels)) > 0).all(), "a form that no memory has")
    sizes = read.sizes("trace/form", count, len(mentions))
    read.require("trace/form", sizes.max(initial=0) <= MAX_CONCEPTS, "a memory has more concepts than any may have")
    spoken = np.sort(np.repeat(np.arange(count), sizes) * max(1, len(concepts)) + keys[mentions])
    read.require("trace/form", (np.diff(spoken) > 0).all(), "a memory has a concept twice")
    sessions = read.distinct_raws("session")
    session = _numbers(read, "trace/session", count, len(sessions)).astype(np.int64)
    had = np.bincount(session[session != ALONE], minlength=len(sessions))
    read.require("session", (had > 0).all(), "a session that no memory has")
    return Rows(
        Ids.of(memories),
        (numbers_of(memories) >> np.uint64(32)).astype(np.uint32),
        session,
        sessions,
        sizes,
        mentions,
        numbers_of(concepts)[keys],
        kinds.astype(np.uint8),
        Texts.of(concepts).taken(keys),
        Texts.of(labels),
    )


def _keys(read: Reading, name: str) -> list[RelationKey]:
    subjects = read.texts(f"{name}/subject")
    others = (read.texts(f"{name}/{field}", len(subjects)) for field in ("predicate", "object"))
    keys = [RelationKey(*key) for key in zip(subjects, *others, strict=True)]
    read.require(name, len(set(keys)) == len(keys), "a key stands twice")
    return keys


def _words(read: Reading, name: str, count: int | None, low: float) -> list[Said]:
    """So many words, or as many as there are; a weight of 0 says that a relation ended."""
    weights = read.within(f"{name}/weight", np.float64, (count,), low, MAX_WEIGHT).tolist()
    read.require(f"{name}/weight", all(one == 0.0 or one >= LEAST_WEIGHT for one in weights), "not a weight")
    times = read.optional_times(f"{name}/at", len(weights))
    memories = read.optional_texts(f"{name}/memory", len(weights))
    return [Said(weight or None, at, memory) for weight, at, memory in zip(weights, times, memories, strict=True)]


def _relations(read: Reading) -> Relations:
    keys, removed, places = _keys(read, "relation"), _keys(read, "removed"), read.distinct_texts("end")
    names, told = _names(read), _words(read, "relation", len(keys), LEAST_WEIGHT)
    by_key = {key: Relation(*key, one.weight or 0.0, one.at, one.memory) for key, one in zip(keys, told, strict=True)}
    past = _past(read, by_key)
    said: dict[MemoryId, HashTrieSet[RelationKey]] = {}
    spoken = [*zip(keys, told, strict=True), *((key, one) for key, words in past.items() for one in words)]
    for key, one in spoken:
        if one.memory is not None:
            said[one.memory] = said.get(one.memory, HashTrieSet()).insert(key)
    order = read.grouped("end/relation", _numbers(read, "end/relation", None, len(keys), 0).tolist(), len(places))
    lists = {end: [keys[one] for one in own] for end, own in zip(places, order, strict=True)}
    known = _ends_of_keys(names, keys)
    read.require("end/relation", _ends_of(lists) == known, "the ends are not those of the relations")
    ended = dict(zip(removed, read.optional_times("removed/at", len(removed)), strict=True))
    read.require("removed", not by_key.keys() & ended.keys(), "a relation holds and has ended")
    read.require("past", past.keys() <= by_key.keys() | ended.keys(), "what has a past holds or has ended")
    return Relations(
        HashTrieMap(by_key),
        HashTrieMap({end: List(own) for end, own in lists.items()}),
        HashTrieMap(said),
        HashTrieMap(ended),
        HashTrieMap({key: List(words) for key, words in past.items()}),
        names,
    )


def _past(read: Reading, by_key: Mapping[RelationKey, Relation]) -> dict[RelationKey, Sequence[Said]]:
    """The words on relations that have more than one, the latest first."""
    keys, words = _keys(read, "past"), _words(read, "past", None, 0.0)
    past = dict(zip(keys, read.grouped("past/word", words, len(keys)), strict=True))
    for key, own in past.items():
        read.require("past", own and own[-1].weight is not None, "what was not known cannot end")
        latest = by_key.get(key)
        same = own[0].weight is None if latest is None else own[0] == Said(latest.weight, latest.at, latest.memory)
        read.require("past", same and len(own) > 1, "the latest word is not the one that counts, or the only one")
    return past


def _names(read: Reading) -> Names:
    keys = read.distinct_texts("alias")
    fields = (read.texts(f"alias/{field}", len(keys)) for field in Alias._fields)
    aliases = {key: Alias(*own) for key, own in zip(keys, zip(*fields, strict=True), strict=True)}
    read.require("alias", not any(alias.key in aliases for alias in aliases.values()), "an alias of an alias")
    return Names(HashTrieMap(aliases))


def _ends_of(lists: dict[str, list[RelationKey]]) -> list[tuple[str, RelationKey]]:
    return sorted((end, key) for end, own in lists.items() for key in own)


def _ends_of_keys(names: Names, keys: Iterable[RelationKey]) -> list[tuple[str, RelationKey]]:
    return sorted((end, key) for key in keys for end in ends(names, key))
