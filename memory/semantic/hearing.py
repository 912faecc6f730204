"""What a graph is told once memories were read: the words by which it comes to know what they say. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import chain, takewhile
from typing import NamedTuple

from quantum_memory.memory.events import Related, Word
from quantum_memory.memory.semantic.extract import key_of
from quantum_memory.memory.semantic.predicates import ENDS, FUNCTIONAL, replaced
from quantum_memory.memory.semantic.relating import Denied, Extraction
from quantum_memory.memory.semantic.relations import Relations, Said, spoken
from quantum_memory.types import MemoryId, Relation, RelationKey

_TELLING = FUNCTIONAL.keys() | ENDS.keys()
"""Predicates that say something of what else holds of their subject."""


class Reading(NamedTuple):
    """What a memory says, and what it said before it was revised, if it was."""

    new: Extraction
    old: Extraction | None = None

    @property
    def says(self) -> bool:
        """Whether a graph could have to be told of it."""
        return bool(self.new.relations or self.new.denied or (self.old and (self.old.relations or self.old.denied)))


class News(NamedTuple):
    """The event by which relations come to have what a memory says."""

    memory: MemoryId
    event: Related


def hear(relations: Relations, readings: Iterable[Reading]) -> tuple[News, ...]:
    """What relations have to be told for them to have what memories say, in order; nothing of what is not new.

    Laws:
        * Hearing the same readings again gives nothing: a word that was ever said is not said again, whatever became
          of its relation since.
        * Of what holds of one thing at a time the latest dated holds, in whatever order memories are read: news ends
          what held before and nothing that is dated later; news of an earlier time ends when what came later began.
        * Every word has the memory that says so. What others said is never struck.
        * What a memory said before it was revised, and no longer says, is as if it had never held, or stands again as
          the one before it told. Only words that are exactly those of the old reading are taken back.

    Names that were merged are one name.
    """
    found: list[News] = []
    for reading in readings:
        hearing = _Hearing(relations, reading.new.memory)
        if reading.old is not None:
            hearing.take_back(reading.old, reading.new)
        for denied in reading.new.denied:
            hearing.deny(denied)
        for relation in reading.new.relations:
            hearing.tell(relation)
        event = hearing.event()
        if event is not None:
            relations = relations.say((*event.ended, *spoken(event.relations)))
            found.append(News(reading.new.memory, event))
    return tuple(found)


class _Hearing:
    """What one memory makes of relations, word by word.

    The event has what ends a relation before what tells it, and an end after that as an ``until``: the words on each
    key come in the order in which they were found.
    """

    def __init__(self, relations: Relations, memory: MemoryId) -> None:
        self._now, self._memory = relations, memory
        self._ended: dict[RelationKey, Word] = {}
        self._told: list[Relation] = []

    def event(self) -> Related | None:
        if not self._ended and not self._told:
            return None
        return Related(tuple(self._told), ended=tuple(self._ended.values()))

    def tell(self, relation: Relation) -> None:
        """Say that it holds, and what that ends."""
        words = self._now.words(relation.key)
        if Said(relation.weight, relation.at, relation.memory) in words:
            return
        ends: list[datetime] = []
        if relation.at is not None:
            rivals = self._rivals(relation)
            for key in rivals:
                self._make_room(key, relation, relation.at)
            ends = self._ends_of(relation, relation.at, rivals)
            if words and words[0].weight is None and words[0].at is not None and words[0].at > relation.at:
                ends.append(words[0].at)
        current = self._now.by_key.get(relation.key)
        self._hold(replace(relation, until=min(ends, default=None)))
        if current is not None and _is_later(current.at, relation.at):
            self._hold(current)

    def deny(self, denied: Denied) -> None:
        """Say that what holds of these two ended, unless it is dated later."""
        names, (subject, predicate, object_) = self._now.names, denied.key
        for key in sorted(self._now.ends.get(names.of(subject), ())):
            same = key.predicate == predicate and names.of(key.subject) == names.of(subject)
            if not same or names.of(key.object) != names.of(object_):
                continue
            known = Said(None, denied.at, self._memory) in self._now.words(key)
            if not known and not _is_later(self._now.by_key[key].at, denied.at):
                self._end(key, denied.at)

    def take_back(self, old: Extraction, new: Extraction) -> None:
        """Undo what an earlier reading of the memory said and this one does not."""
        gone = [one for one in old.relations if one not in new.relations]
        dates = {one.at for one in gone} | {one.at for one in old.denied if one not in new.denied}
        for relation in gone:
            own = self._own(relation.key)
            there = Said(relation.weight, relation.at, self._memory) in own
            never_held = Said(None, relation.at, self._memory)
            if there and own[0] != never_held and not self._restore(relation.key):
                self._end(relation.key, relation.at)
        for key in sorted(self._now.said.get(self._memory, ())):
            own = self._own(key)
            if own and own[0].weight is None and own[0].at in dates:
                self._restore(key)

    def _own(self, key: RelationKey) -> list[Said]:
        """The memory's words on a relation, down to the latest of another."""
        return list(takewhile(lambda one: one.memory == self._memory, self._now.words(key)))

    def _restore(self, key: RelationKey) -> bool:
        """Let a relation be as another said before; whether somebody did and it held."""
        before = next((one for one in self._now.words(key) if one.memory != self._memory), None)
        if before is None or before.weight is None:
            return False
        self._hold(Relation(*key, before.weight, before.at, before.memory))
        return True

    def _rivals(self, relation: Relation) -> list[RelationKey]:
        """What holds or held of the same subject and could have ended with a relation, or end it."""
        if relation.predicate not in _TELLING:
            return []
        of = self._now.names.of
        subject = of(relation.subject)
        held = (key for key in self._now.ends.get(subject, ()) if key.predicate in _TELLING)
        past = (key for key in self._now.past if key.predicate in _TELLING)
        return sorted({key for key in chain(held, past) if of(key.subject) == subject and key != relation.key})

    def _make_room(self, key: RelationKey, news: Relation, at: datetime) -> None:
        """End what held when the news began, if it ends with it; what was said of later times stays."""
        held = self._now.held(key, at)
        if held is None or (held.until is not None and held.until <= at) or not self._replaces(news, held):
            return
        current = self._now.by_key.get(key)
        self._end(key, at)
        if current is not None and _is_later(current.at, at):
            self._hold(current)

    def _ends_of(self, relation: Relation, at: datetime, rivals: Iterable[RelationKey]) -> list[datetime]:
        """When something began, later than a relation, that ended it."""
        later = (one for key in rivals for one in self._now.history(key) if _is_later(one.at, at))
        return [one.at for one in later if one.at is not None and self._replaces(one, relation)]

    def _replaces(self, new: Relation, old: Relation) -> bool:
        return bool(replaced(self._under_one_name(new), [self._under_one_name(old)]))

    def _under_one_name(self, relation: Relation) -> Relation:
        return replace(relation, subject=self._kept(relation.subject), object=self._kept(relation.object))

    def _kept(self, name: str) -> str:
        alias = self._now.names.aliases.get(key_of(name))
        return name if alias is None else alias.keep

    def _hold(self, relation: Relation) -> None:
        self._told.append(relation)
        self._now = self._now.say(spoken((relation,)))

    def _end(self, key: RelationKey, at: datetime | None) -> None:
        word = Word(key, at, None, self._memory)
        before = [number for number, one in enumerate(self._told) if one.key == key]
        if before:
            self._told[before[-1]] = replace(self._told[before[-1]], until=at)
        else:
            self._ended[key] = word
        self._now = self._now.say((word,))


def _is_later(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one > other
