"""The relations that a branch knows: who stands how to whom, how strongly, since when, until when, and who said so.

Owns every word that was said on a relation, and what is needed to find relations by either end, by time and by memory.
Compares no branches, reads no event, walks nowhere.

A word says of a relation that it holds, with a weight, or that it ended; it has a date and may have a memory that says
so. The latest word on a relation decides whether it holds; the latest of those dated no later than a time decides
whether it held then. Forgetting a memory strikes its words and no others, so what others said holds again.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

from rpds import HashTrieMap, HashTrieSet, List

from quantum_memory.checks import MAX_ID_CHARS, bounded, utc, visible, within
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.events import Word
from quantum_memory.memory.merging import MAX_WEIGHT, Gone, Version
from quantum_memory.memory.semantic.names import MAX_END_CHARS, Names
from quantum_memory.memory.semantic.weave import without
from quantum_memory.types import MemoryId, Relation, RelationKey

MAX_PREDICATE_CHARS = 128
LEAST_WEIGHT = sys.float_info.min
KeyLike: TypeAlias = RelationKey | Relation | tuple[str, str, str]


class Said(NamedTuple):
    """One word on a relation that is known from elsewhere: its weight, or ``None`` where it says that it ended."""

    weight: float | None
    at: datetime | None
    memory: MemoryId | None


@dataclass(frozen=True, slots=True)
class Relations:
    """The relations at one place in history. It never changes: branches share all that they have in common.

    Attributes:
        by_key: what holds, the latest word on it.
        ends: keys of what holds by the concept at either end, the last said first.
        said: keys by the memories that have a word on them.
        removed: when each relation that holds no longer was removed.
        past: all words on a relation, the latest first, where there are others than the one in ``by_key``. No word is
            the same as the one before it, and the oldest never says that it ended: what was not known cannot end.
        names: which concept a name stands for.
    """

    by_key: HashTrieMap[RelationKey, Relation] = field(default_factory=HashTrieMap)
    ends: HashTrieMap[str, List[RelationKey]] = field(default_factory=HashTrieMap)
    said: HashTrieMap[MemoryId, HashTrieSet[RelationKey]] = field(default_factory=HashTrieMap)
    removed: HashTrieMap[RelationKey, datetime | None] = field(default_factory=HashTrieMap)
    past: HashTrieMap[RelationKey, List[Said]] = field(default_factory=HashTrieMap)
    names: Names = field(default_factory=Names)

    def __len__(self) -> int:
        return len(self.by_key)

    def version(self, key: RelationKey) -> Version[Relation]:
        """What is known of this key: a relation, that it ended, or nothing."""
        if key in self.removed:
            return Gone(self.removed[key])
        return self.by_key.get(key)

    def words(self, key: RelationKey) -> tuple[Said, ...]:
        """Every word on a relation, the latest first."""
        told = self.past.get(key)
        if told is not None:
            return tuple(told)
        relation = self.by_key.get(key)
        return () if relation is None else (_word(relation),)

    def keys(self, name: str | None = None) -> set[RelationKey]:
        """The relations on which there is a word, also of what ended; all, or those with this name at either end."""
        if name is None:
            return {*self.by_key, *self.past}
        end = self.names.of(name)
        return {*self.ends.get(end, ()), *(key for key in self.past if end in ends(self.names, key))}

    def about(self, name: str | None = None, at: datetime | None = None) -> tuple[Relation, ...]:
        """What stands in a relation with this name in any of its forms, or all there is; sorted by key.

        With a time, what held then: each as it was said to be at that time, and until when where it has ended since.
        """
        if at is not None:
            found = (self.held(key, at) for key in sorted(self.keys(name)))
            return tuple(relation for relation in found if relation is not None)
        keys: Iterable[RelationKey] = self.by_key if name is None else self.ends.get(self.names.of(name), ())
        return tuple(self.by_key[key] for key in sorted(keys))

    def held(self, key: RelationKey, at: datetime) -> Relation | None:
        """The relation as it was said to be at this time; ``None`` if it did not hold then. An undated word counts."""
        until: datetime | None = None
        for weight, since, memory in self.words(key):
            if since is None or since <= at:
                return None if weight is None else Relation(*key, weight, since, memory, until)
            if weight is None:
                until = since
        return None

    def as_of(self, at: datetime) -> Relations:
        """Without any word of a later date."""
        writer = _Writer(self)
        for key in sorted(self.keys()):
            words = self.words(key)
            left = [one for one in words if one.at is None or one.at <= at]
            if len(left) < len(words):
                writer.put(key, left, at)
        return writer.relations()

    def history(self, key: RelationKey) -> tuple[Relation, ...]:
        """What was said of a relation, oldest first: each with the time at which it ended, if it did."""
        found: list[Relation] = []
        until: datetime | None = None
        for weight, at, memory in self.words(key):
            if weight is None:
                until = at
            else:
                found.append(Relation(*key, weight, at, memory, until))
        return tuple(reversed(found))

    def ended(self) -> tuple[Relation, ...]:
        """What held once and ended at a known time, as it was last said to be before that; by key, oldest first."""
        found: list[Relation] = []
        for key in sorted(self.past):
            told = [one for one in self.history(key) if one.until is not None]
            latest = {one.until: one for one in told}
            found += latest.values()
        return tuple(found)

    def say(self, words: Iterable[Word]) -> Relations:
        """With these words as the latest ones, in order.

        What is known alike is passed over. That an unknown relation ended is noted for merges, and is no word on it.
        """
        writer = _Writer(self)
        for word in words:
            writer.say(word)
        return writer.relations()

    def bring(self, words: Iterable[Word], *, over: bool = False) -> Relations:
        """With these words, the latest of each key first, where they belong by their dates.

        Whether the relation holds stays as it is, unless they may go ``over`` the latest word because another is to be
        said after them. On a relation of which nothing is known they are all there is.
        """
        brought: dict[RelationKey, list[Said]] = {}
        for word in words:
            brought.setdefault(word.key, []).append(said_in(word))
        writer = _Writer(self)
        for key, told in brought.items():
            known = self.words(key)
            fresh = [one for one in told if one not in known]
            if fresh and (known or any(one.weight is not None for one in fresh)):
                ended = known and known[0].weight is None and fresh[0].weight is None
                fixed = 0 if over or ended else 1
                writer.put(key, [*known[:fixed], *_by_date(known[fixed:], fresh)] if known else fresh, None)
        return writer.relations()

    def relate(self, relations: Iterable[Relation]) -> Relations:
        """With these; of two with one key the later one holds, also against one that was removed."""
        return self.say(spoken(relations))

    def unrelate(self, keys: Iterable[RelationKey], at: datetime | None) -> Relations:
        """Without these, and with the time at which they ended; one that is not known ends as well."""
        return self.say(Word(key, at) for key in keys)

    def unsay(self, memories: Collection[MemoryId], at: datetime | None) -> Relations:
        """As if these memories had never said anything; ``at`` is when what nobody else said was removed."""
        if not len(self.said):
            return self
        gone = frozenset(memories)
        keys = dict.fromkeys(key for memory in memories for key in sorted(self.said.get(memory, ())))
        writer = _Writer(self)
        for key in keys:
            writer.put(key, [one for one in self.words(key) if one.memory not in gone], at)
        return writer.relations() if keys else self

    def join(self, names: Names, gone: Iterable[str] | None = None) -> Relations:
        """With more names that mean one thing; ``gone``, sorted, are the concepts that are none any more, if known."""
        ends = self.ends
        for key in sorted(names.aliases) if gone is None else gone:
            moved = ends.get(key)
            if moved is not None:
                target = names.resolved(key)
                both = dict.fromkeys([*ends.get(target, ()), *moved])
                ends = ends.remove(key).insert(target, List(both))
        return replace(self, ends=ends, names=names)


class _Writer:
    """Relations while they change."""

    def __init__(self, start: Relations) -> None:
        self._start = start
        self._by_key, self._ends, self._said = start.by_key, start.ends, start.said
        self._removed, self._past = start.removed, start.past

    def relations(self) -> Relations:
        return replace(
            self._start,
            by_key=self._by_key,
            ends=self._ends,
            said=self._said,
            removed=self._removed,
            past=self._past,
        )

    def say(self, word: Word) -> None:
        key, said = word.key, said_in(word)
        told, old = self._past.get(key), self._by_key.get(key)
        if said.weight is None:
            self._removed = self._removed.insert(key, said.at)
            if old is None and told is None:
                return
        if told is None and old is not None:
            told = List([_word(old)])
        if told is not None:
            if next(iter(told)) == said:
                return
            self._past = self._past.insert(key, told.push_front(said))
        if said.weight is not None:
            self._hold(Relation(*key, said.weight, said.at, said.memory), renewed=True)
        elif old is not None:
            self._leave(key)
        if said.memory is not None:
            self._index(said.memory, key, speaks=True)

    def put(self, key: RelationKey, words: list[Said], at: datetime | None) -> None:
        """Let there be these words on a relation, the latest first; ``at`` is when it was removed if there are none."""
        words = [one for one, _ in groupby(words)]
        while words and words[-1].weight is None:
            words.pop()
        before = self._past.get(key, _SILENCE)
        if not len(before) and key in self._by_key:
            before = List([_word(self._by_key[key])])
        for memory in {one.memory for one in before} ^ {one.memory for one in words}:
            if memory is not None:
                self._index(memory, key, speaks=any(one.memory == memory for one in words))
        latest = words[0] if words else Said(None, self._removed.get(key, at), None)
        if latest.weight is None:
            if key in self._by_key:
                self._leave(key)
            self._removed = self._removed.insert(key, latest.at)
        else:
            self._hold(Relation(*key, latest.weight, latest.at, latest.memory))
        several = len(words) > 1 or (words and latest.weight is None)
        self._past = self._past.insert(key, List(words)) if several else self._past.discard(key)

    def _index(self, memory: MemoryId, key: RelationKey, *, speaks: bool) -> None:
        keys = self._said.get(memory, _NOTHING)
        keys = keys.insert(key) if speaks else keys.discard(key)
        self._said = self._said.insert(memory, keys) if len(keys) else self._said.discard(memory)

    def _hold(self, relation: Relation, *, renewed: bool = False) -> None:
        """Let this hold. It comes to the front at both ends if it did not hold before, or was said again."""
        key = relation.key
        known = key in self._by_key
        self._by_key, self._removed = self._by_key.insert(key, relation), self._removed.discard(key)
        if known and not renewed:
            return
        for end in ends(self._start.names, key):
            others = self._ends.get(end, _NONE)
            self._ends = self._ends.insert(end, (without(others, (key,), 1) if known else others).push_front(key))

    def _leave(self, key: RelationKey) -> None:
        """Let this hold no longer."""
        self._by_key = self._by_key.remove(key)
        for end in ends(self._start.names, key):
            left = without(self._ends[end], (key,), 1)
            self._ends = self._ends.insert(end, left) if len(left) else self._ends.remove(end)


_NONE: List[RelationKey] = List()
_NOTHING: HashTrieSet[RelationKey] = HashTrieSet()
_SILENCE: List[Said] = List()


def spoken(relations: Iterable[Relation]) -> Iterator[Word]:
    """The words that tell of relations; one that has ended is told of by two."""
    for one in relations:
        yield Word(one.key, one.at, one.weight, one.memory)
        if one.until is not None:
            yield Word(one.key, one.until, None, one.memory)


def checked(relation: Relation) -> Relation:
    """The relation, if it can be kept; its times in UTC.

    Raises: InvalidValue, also for one that ended before it began; EmptyText, TooLong, NotFinite, OutOfRange.
    """
    key = checked_key(relation.key)
    weight = bounded("relation.weight", relation.weight, LEAST_WEIGHT, MAX_WEIGHT)
    at = None if relation.at is None else utc("relation.at", relation.at)
    until = None if relation.until is None else utc("relation.until", relation.until)
    if at is not None and until is not None and until < at:
        raise InvalidValue("relation.until", until.isoformat(), f"a time at or after {at.isoformat()}")
    memory = relation.memory
    if memory is not None:
        within("relation.memory", visible("relation.memory", memory), MAX_ID_CHARS)
    return Relation(*key, weight, at, memory, until)


def checked_key(key: RelationKey) -> RelationKey:
    """The key, if it can be kept. Raises: InvalidValue, EmptyText, TooLong."""
    for name, limit in (("subject", MAX_END_CHARS), ("predicate", MAX_PREDICATE_CHARS), ("object", MAX_END_CHARS)):
        what = f"relation.{name}"
        within(what, visible(what, getattr(key, name)), limit)
    return key


def key_of_like(given: object) -> RelationKey:
    """The key of a relation that is given as itself, as its key or as a plain triple. Raises: InvalidInput."""
    if isinstance(given, Relation):
        return checked_key(given.key)
    if isinstance(given, tuple | list) and len(given) == len(RelationKey._fields):
        return checked_key(RelationKey(*given))
    raise InvalidValue("relation", repr(given), "a Relation, or subject, predicate and object")


def keys_of(given: Any) -> tuple[RelationKey, ...]:
    """The keys of one relation or several. Raises: InvalidInput."""
    if isinstance(given, Relation) or (isinstance(given, tuple) and given and isinstance(given[0], str)):
        return (key_of_like(given),)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidValue("relation", repr(given), "a relation's subject, predicate and object, or several of these")
    return tuple(dict.fromkeys(map(key_of_like, given)))


def ends(names: Names, key: RelationKey) -> tuple[str, ...]:
    """The concepts at the two ends of a relation, or the one at both."""
    return tuple(dict.fromkeys((names.of(key.subject), names.of(key.object))))


def said_in(word: Word) -> Said:
    """What a word says, without of which relation."""
    return Said(word.weight, word.at, word.memory)


def _word(relation: Relation) -> Said:
    return Said(relation.weight, relation.at, relation.memory)


def _by_date(known: Iterable[Said], fresh: Iterable[Said]) -> list[Said]:
    """Both runs of words in one, each in its own order: a fresh one goes before the first that is no later than it."""
    merged: list[Said] = []
    ahead = list(known)
    for one in fresh:
        while ahead and _is_later(ahead[0], one):
            merged.append(ahead.pop(0))
        merged.append(one)
    return [*merged, *ahead]


def _is_later(one: Said, other: Said) -> bool:
    return one.at is not None and (other.at is None or one.at > other.at)
