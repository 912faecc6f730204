"""What became of relations between two places, and what one place does not know of another. Judges no merge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import dropwhile

from quantum_memory.memory.events import Word
from quantum_memory.memory.merging import Change, Gone, Version
from quantum_memory.memory.semantic.relations import Relations, Said, said_in
from quantum_memory.types import Relation, RelationKey


def changes(base: Relations | None, theirs: Relations) -> tuple[Change[Relation], ...]:
    """The keys of which ``theirs`` says something else than the base did, sorted; all that it knows without a base.

    What the base had and ``theirs`` never heard of was rolled back there, which changes nothing elsewhere.
    """
    base = Relations() if base is None else base  # one of which nothing holds is false
    keys = {key for key, relation in theirs.by_key.items() if base.by_key.get(key) != relation}
    keys.update(key for key, at in theirs.removed.items() if base.version(key) != Gone(at))
    return tuple(Change(key, base.version(key), theirs.version(key)) for key in sorted(keys))


def words_since(base: Relations | None, theirs: Relations) -> tuple[Word, ...]:
    """The words that were said since the base, by key and of each the latest first; all without a base.

    An end that was overruled by saying again what the base has is no news: the relation stands there as it did.
    """
    base = Relations() if base is None else base  # one of which nothing holds is false
    keys = {key for key, relation in theirs.by_key.items() if base.by_key.get(key) != relation}
    keys.update(key for key, told in theirs.past.items() if base.past.get(key) != told)
    return tuple(
        Word(key, one.at, one.weight, one.memory)
        for key in sorted(keys)
        for one in _news(base.words(key), theirs.words(key))
    )


def _news(known: Sequence[Said], told: Sequence[Said]) -> list[Said]:
    """What was told and not known, the latest first."""
    fresh = [one for one in told if one not in known]
    return list(dropwhile(lambda one: one.weight is None, fresh)) if told[0] in known else fresh


def unheard(relations: Relations, words: Iterable[Word]) -> tuple[Word, ...]:
    """Those of these words that are not known here."""
    return tuple(word for word in words if said_in(word) not in relations.words(word.key))


def versions(relations: Relations, keys: Iterable[RelationKey]) -> dict[RelationKey, Version[Relation]]:
    """What is known under these keys; those never heard of are left out."""
    found = {key: relations.version(key) for key in keys}
    return {key: version for key, version in found.items() if version is not None}
