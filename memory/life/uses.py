"""Uses: how often each memory of a branch was of use, and when it last was. Weighs nothing and finds nothing.

Uses are counted by the stretch of history in which they were, as tries of skills are: on one stretch they are only ever
added, so of two counts of it the larger has all that the smaller has, and a merge counts nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rpds import HashTrieMap

from quantum_memory.memory.events import Event, Merged, Used, Uses
from quantum_memory.types import Floats, MemoryId, Part

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Counts: TypeAlias = tuple[int, int]
"""How often, and when last, in microseconds since 1970."""
ByOrigin: TypeAlias = tuple[tuple[str, int, int], ...]
"""The counts of one memory by origin, in the order of origins."""
ById: TypeAlias = "HashTrieMap[MemoryId, ByOrigin]"


class Practice(NamedTuple):
    """How some memories were used.

    Attributes:
        counts: (m,) how often.
        last_s: (m,) when last, in seconds since 1970; NaN for one that never was.
    """

    counts: NDArray[np.int64]
    last_s: Floats


@dataclass(frozen=True, slots=True)
class UsesState:
    """The uses of a branch, by memory and origin. Also those of memories that were forgotten: they may come back."""

    by_id: ById = field(default_factory=HashTrieMap)

    def __len__(self) -> int:
        return len(self.by_id)


class UsesFold:
    """The fold of uses. They are part of the memories: rolled back with them, and merged with them.

    Laws: a merge of uses that are counted already changes nothing; the order in which merges come does not matter.
    """

    part: Part = "memories"
    reach: int | None = None

    def empty(self) -> UsesState:
        return UsesState()

    def apply(self, state: UsesState, event: Event) -> UsesState:
        if isinstance(event, Used):
            return _added(state, event)
        if isinstance(event, Merged) and event.uses:
            return joined(state, event.uses)
        return state

    def units(self, event: Event) -> int:  # noqa: ARG002 - every event back to the first one counts, so none is counted
        return 0


def _added(state: UsesState, event: Used) -> UsesState:
    by_id, at_us = state.by_id, micros(event.at)
    for memory in dict.fromkeys(event.ids):
        known = by_id.get(memory, ())
        count, last = counts_at(known, event.origin) or (0, at_us)
        by_id = by_id.insert(memory, _with(known, event.origin, (count + 1, max(last, at_us))))
    return state if by_id is state.by_id else UsesState(by_id)


def joined(state: UsesState, uses: Iterable[Uses]) -> UsesState:
    """The state that has counted these too: of each stretch the larger count and the later use.

    Idempotent, commutative and associative: the join of a semilattice.
    """
    by_id = state.by_id
    for one in uses:
        known = by_id.get(one.memory, ())
        old = counts_at(known, one.origin)
        new = one.count, micros(one.last)
        best = new if old is None else (max(old[0], new[0]), max(old[1], new[1]))
        if best != old:
            by_id = by_id.insert(one.memory, _with(known, one.origin, best))
    return state if by_id is state.by_id else UsesState(by_id)


def of(uses: Iterable[Uses]) -> UsesState:
    """The state that has counted just these."""
    return joined(UsesState(), uses)


def told(state: UsesState, ids: Iterable[MemoryId] | None = None) -> Iterator[Uses]:
    """The uses of some memories, or of all by id, by origin."""
    for memory in sorted(state.by_id) if ids is None else ids:
        for origin, count, last in state.by_id.get(memory, ()):
            yield Uses(memory, origin, count, EPOCH + last * _MICROSECOND)


def news(here: UsesState, theirs: Iterable[Uses]) -> tuple[Uses, ...]:
    """Those of the other side's uses that are not counted so here."""
    found = []
    for one in theirs:
        known = counts_at(here.by_id.get(one.memory, ()), one.origin)
        if known is None or one.count > known[0] or micros(one.last) > known[1]:
            found.append(one)
    return tuple(found)


def since(base: UsesState, state: UsesState) -> tuple[Uses, ...]:
    """The uses that a state has counted and an earlier one has not. Only what differs is compared one by one."""
    changed = sorted(memory for memory, known in state.by_id.items() if base.by_id.get(memory) != known)
    return news(base, told(state, changed))


def practice(state: UsesState, ids: Sequence[MemoryId]) -> Practice:
    """How each of some memories was used, over all stretches."""
    counts, last_s = np.zeros(len(ids), np.int64), np.full(len(ids), np.nan)
    if not len(state):
        return Practice(counts, last_s)
    for number, memory in enumerate(ids):
        known = state.by_id.get(memory)
        if known:
            counts[number] = sum(count for _, count, _ in known)
            last_s[number] = max(last for _, _, last in known) / 1e6
    return Practice(counts, last_s)


def counts_at(known: ByOrigin, origin: str) -> Counts | None:
    """The counts of one origin; nothing if it has none."""
    return next(((count, last) for one, count, last in known if one == origin), None)


def _with(known: ByOrigin, origin: str, counts: Counts) -> ByOrigin:
    return tuple(sorted((*(one for one in known if one[0] != origin), (origin, *counts))))


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - EPOCH) // _MICROSECOND
