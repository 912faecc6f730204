"""The three-way merge: what one side takes over from another, and what a policy has to decide. Changes nothing.

One arithmetic for memories, skills and relations; a ``Trait`` says how the things of one part are taken apart and put
together. A view of a part takes part in a merge with two readings, batch-first as all of a host's methods:

    changes(Since)    what a branch did to which keys between two places, with both versions: a tuple of ``Change``
    versions(Under)   what a branch has at a place under some keys: a mapping to ``Version``, unknown keys left out

Everything else happens here, on values, in no view's process.

Whether a side changed something is asked of two places: the latest place of theirs that ours has had, and the latest
place of ours that theirs has had. What is as it was at either has been seen by the other side already. So branches that
merge each other by turns find no conflict in what they brought each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Generic, NamedTuple, TypeAlias, TypeVar

from quantum_memory.checks import bounded, visible
from quantum_memory.errors import InvalidInput, InvalidValue
from quantum_memory.policies.merge import MergePolicy, Side, ask, settled, winner
from quantum_memory.types import MergeConflict, Part, Place, Relation

V = TypeVar("V")
Key: TypeAlias = Any
"""What makes two things the same: a memory's id, a skill's name, a ``RelationKey``."""
MAX_WEIGHT = 1e9


class Gone(NamedTuple):
    """That something was known and was taken away, and when, if that is known."""

    at: datetime | None = None


Version: TypeAlias = "V | Gone | None"
"""A value, that it was taken away, or ``None`` where it was never known."""


class Change(NamedTuple, Generic[V]):
    """What became of one key on the other side since the base. The two versions differ."""

    key: Key
    base: Version[V]
    theirs: Version[V]


class Since(NamedTuple):
    """Which place is asked what it did, and since when; ``None`` asks for all that it ever did."""

    place: Place
    base: Place | None


class Under(NamedTuple):
    """Which place is asked what it has under which keys."""

    place: Place
    keys: tuple[Key, ...]


class Verdict(NamedTuple, Generic[V]):
    """What a merge takes over, in the order of the changes.

    Attributes:
        added: what was not known here.
        changed: what reads otherwise now, or had been taken away here and comes back.
        dropped: what is to be taken away, and when the other side took it away.
        conflicts: all that both sides changed differently, decided.
        worded: keys of values into which a function of the policy put something of its own.
    """

    added: tuple[V, ...]
    changed: tuple[V, ...]
    dropped: tuple[tuple[Key, Gone], ...]
    conflicts: tuple[MergeConflict, ...]
    worded: frozenset[Key]

    @property
    def empty(self) -> bool:
        """Whether nothing is to be written."""
        return not (self.added or self.changed or self.dropped)


class Trait(ABC, Generic[V]):
    """How the things of one part are compared and put together.

    Attributes:
        part: which part they are of.
        gone: the name under which an edit against a deletion is decided.
        adds_up: whether something in it is counted on both sides, so that equal values may still say different things.
    """

    part: ClassVar[Part]
    gone: ClassVar[str]
    adds_up: ClassVar[bool] = False

    @abstractmethod
    def key(self, value: V) -> Key:
        """What makes it the same as another."""

    @abstractmethod
    def fields(self, ours: V, theirs: V) -> tuple[str, ...]:
        """The fields to compare between these two."""

    @abstractmethod
    def at(self, value: V) -> datetime | None:
        """When it came to be as it is."""

    def edited_at(self, value: V) -> datetime | None:
        """When it was last edited; ``None`` if it is as it first was, and so no match for a deletion."""
        return self.at(value)

    def read(self, value: V, name: str) -> Any:
        """A field."""
        return getattr(value, name)

    @abstractmethod
    def put(self, bases: Sequence[V], ours: V, theirs: V, chosen: Mapping[str, Any], sides: Mapping[str, str]) -> V:
        """The value that has these fields; ``sides`` says where each came from ("both" and "given" included).

        It is ``ours`` itself if nothing differs from it.
        """

    def union(self, name: str, ours: Any, theirs: Any, newer: Side) -> Any:  # noqa: ARG002 - some fields join
        """Two values of a field in one, as far as they can be joined; else the newer one."""
        return ours if newer == "ours" else theirs

    @abstractmethod
    def checked(self, name: str, value: Any) -> Any:
        """A value that a policy gave for a field, if it is fit for one. Raises: InvalidInput."""


def merge(
    trait: Trait[V],
    changes: Iterable[Change[V]],
    ours: Mapping[Key, Version[V]],
    seen: Mapping[Key, Version[V]],
    policy: MergePolicy,
) -> Verdict[V]:
    """What ours takes over of the changes on the other side.

    Args:
        trait: what is merged.
        changes: what the other side did, in its order.
        ours: what this side has under the changed keys; a missing key is one never known.
        seen: what it had when the other side last saw it.
        policy: who decides.

    Laws: what only one side changed is as that side has it; what both changed differently is among the conflicts, under
    every policy; a field that only ours changed is never touched.

    Raises: InvalidValue if a function of the policy fails or gives what its field cannot hold.
    """
    judge = _Judge(trait, policy)
    for change in changes:
        judge.hear(change, ours.get(change.key), seen.get(change.key))
    return judge.verdict()


class _Judge(Generic[V]):
    """Takes in change after change and gathers what comes of them."""

    def __init__(self, trait: Trait[V], policy: MergePolicy) -> None:
        self._trait, self._policy = trait, policy
        self._added: list[V] = []
        self._changed: list[V] = []
        self._dropped: list[tuple[Key, Gone]] = []
        self._conflicts: list[MergeConflict] = []
        self._worded: set[Key] = set()

    def verdict(self) -> Verdict[V]:
        return Verdict(
            tuple(self._added),
            tuple(self._changed),
            tuple(self._dropped),
            tuple(self._conflicts),
            frozenset(self._worded),
        )

    def hear(self, change: Change[V], here: Version[V], seen: Version[V]) -> None:
        """Decide about one key."""
        theirs = change.theirs
        known = [one for one in (change.base, seen) if one is not None]
        if theirs is None or theirs in known or (here == theirs and not self._trait.adds_up):
            return
        if here is None or here in known:
            self._take(change.key, here, theirs)
        elif not isinstance(here, Gone) and not isinstance(theirs, Gone):
            bases = [one for one in known if not isinstance(one, Gone)]
            joined = self._fieldwise(change.key, bases, here, theirs)
            if joined is not here:
                self._changed.append(joined)
        elif isinstance(here, Gone) != isinstance(theirs, Gone):
            one = self._kept_or_gone(change, here)
            self._conflicts.append(one)
            if one.kept == "theirs":
                self._take(change.key, here, theirs)

    def _take(self, key: Key, here: Version[V], theirs: V | Gone) -> None:
        if not isinstance(theirs, Gone):
            (self._added if here is None else self._changed).append(theirs)
        elif here is not None and not isinstance(here, Gone):
            self._dropped.append((key, theirs))

    def _kept_or_gone(self, change: Change[V], here: V | Gone) -> MergeConflict:
        """An edit against a deletion. The later one wins under "newest"; "union" keeps the edit."""
        trait = self._trait
        base, ours, theirs = (None if isinstance(one, Gone) else one for one in (change.base, here, change.theirs))
        conflict = MergeConflict(trait.part, change.key, trait.gone, base, ours, theirs)
        choice = self._policy.choice(trait.part, trait.gone)
        if callable(choice):
            answer = ask(choice, conflict)
            if answer.kept == "given":
                raise InvalidValue(_about(conflict), repr(answer.value), "'ours' or 'theirs'")
            return answer
        edit: Side = "theirs" if ours is None else "ours"
        deletion: Side = "ours" if ours is None else "theirs"
        if choice in ("ours", "theirs"):
            side = winner(choice, None, None)
        elif choice == "union":
            side = edit
        else:
            edited_at = trait.edited_at(ours) if ours is not None else self._their_edit(change)
            gone = here if isinstance(here, Gone) else change.theirs
            gone_at = gone.at if isinstance(gone, Gone) else None
            later = edited_at is None or (gone_at is not None and gone_at > edited_at)
            side = deletion if later else edit
        return settled(conflict, side, f"the rule {choice!r}")

    def _their_edit(self, change: Change[V]) -> datetime | None:
        theirs = change.theirs
        return None if theirs is None or isinstance(theirs, Gone) else self._trait.edited_at(theirs)

    def _fieldwise(self, key: Key, bases: Sequence[V], ours: V, theirs: V) -> V:
        """The value in which every field is from the side that changed it, or as the policy decides."""
        trait = self._trait
        base = max(bases, key=lambda one: _order(trait.at(one)), default=None)
        chosen: dict[str, Any] = {}
        sides: dict[str, str] = {}
        for name in trait.fields(ours, theirs):
            mine, other = trait.read(ours, name), trait.read(theirs, name)
            before = None if base is None else trait.read(base, name)
            if mine == other or (base is not None and other == before):
                chosen[name], sides[name] = mine, "ours"
            elif base is not None and mine == before:
                chosen[name], sides[name] = other, "theirs"
            else:
                conflict = MergeConflict(trait.part, key, name, before, mine, other)
                conflict = self._settle(conflict, ours, theirs)
                self._conflicts.append(conflict)
                chosen[name], sides[name] = conflict.value, conflict.kept
        if "given" in sides.values():
            self._worded.add(key)
        return trait.put(bases, ours, theirs, chosen, sides)

    def _settle(self, conflict: MergeConflict, ours: V, theirs: V) -> MergeConflict:
        """A field that both sides changed differently, decided."""
        trait = self._trait
        choice = self._policy.choice(trait.part, conflict.field)
        if callable(choice):
            answer = ask(choice, conflict)
            if answer.kept != "given":
                return answer
            try:
                return replace(answer, value=trait.checked(conflict.field, answer.value))
            except InvalidInput as error:
                raise InvalidValue(_about(conflict), repr(answer.value), f"what that can be ({error})") from error
        side = winner(choice, trait.at(ours), trait.at(theirs))
        if choice == "union":
            joined = trait.union(conflict.field, conflict.ours, conflict.theirs, side)
            if joined not in (conflict.ours, conflict.theirs):
                return replace(conflict, kept="both", value=joined, reason="the rule 'union' joined both")
            side = "ours" if joined == conflict.ours else "theirs"
        return settled(conflict, side, f"the rule {choice!r}")


def _order(at: datetime | None) -> tuple[bool, float]:
    return at is not None, at.timestamp() if at is not None else 0.0


def _about(conflict: MergeConflict) -> str:
    return f"policy: {conflict.part}.{conflict.field} of {conflict.key!r}"


class RelationTrait(Trait[Relation]):
    """Relations: how strong they are, and which memory said so."""

    part = "graph"
    gone = "unrelated"

    def key(self, value: Relation) -> Key:
        return value.key

    def fields(self, ours: Relation, theirs: Relation) -> tuple[str, ...]:  # noqa: ARG002 - any two are compared so
        return "weight", "memory"

    def at(self, value: Relation) -> datetime | None:
        return value.at

    def put(
        self,
        bases: Sequence[Relation],  # noqa: ARG002 - nothing of a relation adds up
        ours: Relation,
        theirs: Relation,
        chosen: Mapping[str, Any],
        sides: Mapping[str, str],  # noqa: ARG002 - its fields do not hang together
    ) -> Relation:
        for side in (ours, theirs):
            if all(getattr(side, name) == value for name, value in chosen.items()):
                return side
        return replace(ours, **chosen, at=max(ours.at, theirs.at) if ours.at and theirs.at else ours.at or theirs.at)

    def union(self, name: str, ours: Any, theirs: Any, newer: Side) -> Any:
        return max(ours, theirs) if name == "weight" else super().union(name, ours, theirs, newer)

    def checked(self, name: str, value: Any) -> Any:
        if name == "weight":
            weight = bounded("weight", value, 0.0, MAX_WEIGHT)
            if weight == 0.0:
                raise InvalidValue("weight", "0", "a number above 0")
            return weight
        return value if value is None else visible("memory", value)
