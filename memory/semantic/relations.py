"""The relations that a branch knows: who stands how to whom, how strongly, and since when.

Owns the relations by key and what is needed to find them by either end and to merge them. Judges no merge, reads no
event, walks nowhere.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from rpds import HashTrieMap, HashTrieSet, List

from quantum_memory.checks import MAX_ID_CHARS, bounded, utc, visible, within
from quantum_memory.memory.merging import MAX_WEIGHT, Change, Gone, Version
from quantum_memory.memory.semantic.extract import key_of
from quantum_memory.memory.semantic.weave import without
from quantum_memory.types import MemoryId, Relation, RelationKey

MAX_END_CHARS = 512
MAX_PREDICATE_CHARS = 128
LEAST_WEIGHT = sys.float_info.min


@dataclass(frozen=True, slots=True)
class Relations:
    """The relations at one place in history. It never changes: branches share all that they have in common.

    Attributes:
        by_key: what holds, the latest word on it.
        ends: keys by the concept at either end, the last said first.
        said: keys by the memory that said so.
        removed: when each relation that holds no longer was removed.
    """

    by_key: HashTrieMap[RelationKey, Relation] = field(default_factory=HashTrieMap)
    ends: HashTrieMap[str, List[RelationKey]] = field(default_factory=HashTrieMap)
    said: HashTrieMap[MemoryId, HashTrieSet[RelationKey]] = field(default_factory=HashTrieMap)
    removed: HashTrieMap[RelationKey, datetime | None] = field(default_factory=HashTrieMap)

    def __len__(self) -> int:
        return len(self.by_key)

    def version(self, key: RelationKey) -> Version[Relation]:
        """What is known of this key: a relation, that it ended, or nothing."""
        if key in self.removed:
            return Gone(self.removed[key])
        return self.by_key.get(key)

    def about(self, name: str | None = None) -> tuple[Relation, ...]:
        """What stands in a relation with this name in any of its forms, or all there is; sorted by key."""
        keys: Iterable[RelationKey] = self.by_key if name is None else self.ends.get(key_of(name), ())
        return tuple(self.by_key[key] for key in sorted(keys))

    def relate(self, relations: Iterable[Relation]) -> Relations:
        """With these; of two with one key the later one holds, also against one that was removed.

        What is known alike already is passed over.
        """
        by_key, ends, said, removed = self.by_key, self.ends, self.said, self.removed
        for relation in relations:
            key = relation.key
            old = by_key.get(key)
            if old == relation:
                continue
            for end in _ends(key):
                others = ends.get(end, _NONE)
                ends = ends.insert(end, (others if old is None else without(others, (key,), 1)).push_front(key))
            if old is not None and old.memory is not None:
                said = _unsaid(said, old.memory, key)
            if relation.memory is not None:
                said = said.insert(relation.memory, said.get(relation.memory, _NOTHING).insert(key))
            by_key, removed = by_key.insert(key, relation), removed.discard(key)
        return Relations(by_key, ends, said, removed)

    def unrelate(self, keys: Iterable[RelationKey], at: datetime | None) -> Relations:
        """Without these, and with the time at which they ended; one that is not known ends as well."""
        by_key, ends, said, removed = self.by_key, self.ends, self.said, self.removed
        for key in keys:
            removed = removed.insert(key, at)
            old = by_key.get(key)
            if old is None:
                continue
            by_key = by_key.remove(key)
            for end in _ends(key):
                left = without(ends[end], (key,), 1)
                ends = ends.insert(end, left) if len(left) else ends.remove(end)
            if old.memory is not None:
                said = _unsaid(said, old.memory, key)
        return Relations(by_key, ends, said, removed)

    def unsay(self, memories: Collection[MemoryId], at: datetime | None) -> Relations:
        """Without what these memories were the last to say."""
        if not len(self.said):
            return self
        keys = [key for memory in memories for key in sorted(self.said.get(memory, ()))]
        return self.unrelate(keys, at) if keys else self


_NONE: List[RelationKey] = List()
_NOTHING: HashTrieSet[RelationKey] = HashTrieSet()


def checked(relation: Relation) -> Relation:
    """The relation, if it can be kept; its time in UTC.

    Raises: InvalidValue, EmptyText, TooLong, NotFinite, OutOfRange.
    """
    key = checked_key(relation.key)
    weight = bounded("relation.weight", relation.weight, LEAST_WEIGHT, MAX_WEIGHT)
    at = None if relation.at is None else utc("relation.at", relation.at)
    memory = relation.memory
    if memory is not None:
        within("relation.memory", visible("relation.memory", memory), MAX_ID_CHARS)
    return Relation(*key, weight, at, memory)


def checked_key(key: RelationKey) -> RelationKey:
    """The key, if it can be kept. Raises: InvalidValue, EmptyText, TooLong."""
    for name, limit in (("subject", MAX_END_CHARS), ("predicate", MAX_PREDICATE_CHARS), ("object", MAX_END_CHARS)):
        what = f"relation.{name}"
        within(what, visible(what, getattr(key, name)), limit)
    return key


def changes(base: Relations | None, theirs: Relations) -> tuple[Change[Relation], ...]:
    """The keys of which ``theirs`` says something else than the base did, sorted; all that it knows without a base.

    What the base had and ``theirs`` never heard of was rolled back there, which changes nothing elsewhere.
    """
    base = base or Relations()
    keys = {key for key, relation in theirs.by_key.items() if base.by_key.get(key) != relation}
    keys.update(key for key, at in theirs.removed.items() if base.version(key) != Gone(at))
    return tuple(Change(key, base.version(key), theirs.version(key)) for key in sorted(keys))


def versions(relations: Relations, keys: Iterable[RelationKey]) -> dict[RelationKey, Version[Relation]]:
    """What is known under these keys; those never heard of are left out."""
    found = {key: relations.version(key) for key in keys}
    return {key: version for key, version in found.items() if version is not None}


def _ends(key: RelationKey) -> tuple[str, ...]:
    """The concepts at its two ends, or the one at both."""
    return tuple(dict.fromkeys((key_of(key.subject), key_of(key.object))))


def _unsaid(
    said: HashTrieMap[MemoryId, HashTrieSet[RelationKey]], memory: MemoryId, key: RelationKey
) -> HashTrieMap[MemoryId, HashTrieSet[RelationKey]]:
    left = said[memory].remove(key)
    return said.insert(memory, left) if len(left) else said.remove(memory)
