"""What predicates mean for one another: which hold of one thing at a time, and which bring another about or end it.

Closed lists over the predicates that ``triples`` makes. Knows no store, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from quantum_memory.memory.semantic.extract import key_of
from quantum_memory.types import Relation, RelationKey

_ATTRIBUTES = {
    "home": ("lives in", "lives at"),
    "work": ("works at", "works for"),
    "spouse": ("is married to",),
    "fiance": ("is engaged to",),
    "name": ("is named",),
}
FUNCTIONAL = {predicate: attribute for attribute, predicates in _ATTRIBUTES.items() for predicate in predicates}
"""Predicates of which one object holds at a time, by what they say of the subject. A new one ends the one before."""
BEGINS = {
    "moved to": "lives in",
    "relocated to": "lives in",
    "married": "is married to",
    "got married to": "is married to",
    "got engaged to": "is engaged to",
    "was hired by": "works at",
    "got hired at": "works at",
}
"""What happened, and what holds from then on. "moved to" does so only for a place with a name: see ``begun``."""
ENDS = {
    "moved from": "home",
    "quit": "work",
    "left": "work",
    "retired from": "work",
    "divorced": "spouse",
    "got divorced from": "spouse",
}
"""What happened, and the attribute that ends with it, if it held of the same object."""


def begun(relation: Relation) -> Relation | None:
    """What holds since a relation came to be, with its date and its memory; ``None`` if nothing does.

    >>> begun(Relation("Ann", "moved to", "Boston")).predicate
    'lives in'
    """
    predicate = BEGINS.get(relation.predicate)
    if predicate is None or not relation.object[:1].isupper():
        return None
    return Relation(relation.subject, predicate, relation.object, relation.weight, relation.at, relation.memory)


def replaced(new: Relation, held: Iterable[Relation]) -> tuple[RelationKey, ...]:
    """The relations that end when a new one holds, sorted by key.

    Args:
        new: what is known now.
        held: what holds of its subject; others are passed over.

    Something that is dated later than ``new`` stays: the news is about an earlier time.
    """
    attribute, ending = FUNCTIONAL.get(new.predicate), ENDS.get(new.predicate)
    subject, object_ = key_of(new.subject), key_of(new.object)
    found = []
    for old in held:
        had = FUNCTIONAL.get(old.predicate)
        if had is None or had not in {attribute, ending} or key_of(old.subject) != subject or _after(old.at, new.at):
            continue
        same = key_of(old.object) == object_
        if (had == attribute and not same) or (had == ending and same):
            found.append(old.key)
    return tuple(sorted(found))


def _after(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one > other
