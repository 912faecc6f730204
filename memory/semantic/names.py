"""Names that mean one thing: which concept a name stands for once duplicates were merged.

Owns the aliases of a branch. Forgets no name, and knows no memory and no relation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from rpds import HashTrieMap, HashTrieSet

from quantum_memory.checks import visible, within
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.events import Unified
from quantum_memory.memory.semantic.extract import KINDS, Concept, key_of

MAX_END_CHARS = 512
"""Characters of a name at an end of a relation."""


class Alias(NamedTuple):
    """What a key that is no concept of its own any more stands for.

    Attributes:
        key: of the concept that was kept.
        name: how the alias was told.
        keep: how the concept that was kept was told.
    """

    key: str
    name: str
    keep: str


@dataclass(frozen=True, slots=True)
class Names:
    """The aliases at one place in history, by key; it never changes. Each leads straight to a key that is no alias.

    Laws: it is an equivalence: in whatever order names are joined, the same ones mean one thing, and joining again
    changes nothing.

    Attributes:
        aliases: what each key that is no concept of its own stands for.
        groups: the same from the other side, the keys of the aliases of each concept; found if it is not given.
    """

    aliases: HashTrieMap[str, Alias] = field(default_factory=HashTrieMap)
    groups: HashTrieMap[str, HashTrieSet[str]] = field(default_factory=HashTrieMap, compare=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.aliases) and not len(self.groups):
            found: dict[str, list[str]] = {}
            for key, alias in self.aliases.items():
                found.setdefault(alias.key, []).append(key)
            groups = HashTrieMap({key: HashTrieSet(own) for key, own in found.items()})
            object.__setattr__(self, "groups", groups)

    def __len__(self) -> int:
        return len(self.aliases)

    def resolved(self, key: str) -> str:
        """The key of the concept that a key stands for."""
        alias = self.aliases.get(key)
        return key if alias is None else alias.key

    def of(self, name: str) -> str:
        """The key of the concept that a name stands for, in any form of it."""
        return self.resolved(key_of(name))

    def told(self, key: str) -> tuple[str, ...]:
        """The names that lead to the concept of this key, besides its own; sorted."""
        return tuple(sorted(self.aliases[own].name for own in self.groups.get(key, ())))

    def joined(self, keep: str, others: Iterable[str]) -> Names:
        """With the other names, and all that meant the same as they, standing for what ``keep`` stands for.

        O(what is moved), however many aliases there are.
        """
        aliases, groups = self.aliases, self.groups
        found = aliases.get(key_of(keep))
        target, kept = (key_of(keep), keep) if found is None else (found.key, found.keep)
        for name in others:
            alias = aliases.get(key_of(name))
            root, told = (key_of(name), name) if alias is None else (alias.key, alias.keep)
            if root == target:
                continue
            own = groups.get(root, _NOBODY)
            for key in own:
                aliases = aliases.insert(key, Alias(target, aliases[key].name, kept))
            aliases = aliases.insert(root, Alias(target, told, kept))
            groups = groups.discard(root).insert(target, groups.get(target, _NOBODY).update(own).insert(root))
        return self if aliases is self.aliases else Names(aliases, groups)

    def gone(self, later: Names, names: Iterable[str]) -> tuple[str, ...]:
        """Of the concepts that these names stand for here, the keys that stand for another ``later``; sorted."""
        keys = {self.of(name) for name in names}
        return tuple(sorted(key for key in keys if key in later.aliases))

    def since(self, base: Names) -> tuple[Unified, ...]:
        """What has to be joined for the base to have all that means one thing here."""
        news = (alias for key, alias in sorted(self.aliases.items()) if base.resolved(key) != base.of(alias.keep))
        return tuple(Unified(alias.keep, (alias.name,)) for alias in news)

    def concepts(self, concepts: tuple[Concept, ...]) -> tuple[Concept, ...]:
        """What a text speaks of, with each thing under one key, where it came first.

        Of its forms the one of the most telling kind stays, and of several such the first by label: by its place it
        would depend on the order in which names were joined.
        """
        if not len(self.aliases) or not any(concept.key in self.aliases for concept in concepts):
            return concepts
        found: dict[str, Concept] = {}
        for concept in concepts:
            own = concept._replace(key=self.resolved(concept.key))
            before = found.setdefault(own.key, own)
            found[own.key] = min(before, own, key=_telling)
        return tuple(found.values())


def _telling(form: Concept) -> tuple[int, str]:
    return KINDS.index(form.kind), form.label


_NOBODY: HashTrieSet[str] = HashTrieSet()


def unified(keep: str, others: str | Iterable[str]) -> Unified:
    """The event that merges names, checked. Raises: InvalidInput."""
    names = (others,) if isinstance(others, str) else tuple(others)
    if not names:
        raise InvalidValue("names", "nothing", "at least one other name")
    for name in (keep, *names):
        within("name", visible("name", name), MAX_END_CHARS)
    return Unified(keep, names)
