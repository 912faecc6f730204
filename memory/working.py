"""Working memory: what was said last, ready without a search. Finds nothing by meaning and forgets by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from quantum_memory.checks import bounded
from quantum_memory.memory.events import Event, Forgotten, Merged, Picked, Remembered, Revised
from quantum_memory.types import Memory, MemoryId, Part


class Recent(NamedTuple):
    """A memory as working memory holds it."""

    id: MemoryId
    text: str
    at: datetime
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class WorkingState:
    """The last memories, oldest first. A forgotten one leaves its slot empty, so nothing older comes back for it.

    That makes the state a function of the last so many memories alone, which is what lets it be folded from there.
    """

    slots: tuple[Recent | None, ...] = ()

    def recent(self, limit: int | None = None) -> tuple[Recent, ...]:
        """The last memories, oldest first, at most ``limit`` of them."""
        held = tuple(slot for slot in self.slots if slot is not None)
        return held if limit is None else held[len(held) - min(max(limit, 0), len(held)) :]


class WorkingFold:
    """The fold of the part "working".

    Args:
        size: how many memories are held.

    What a merge brings happened elsewhere and does not enter; what it forgets leaves. What is revised, here or by a
    merge, reads anew where it stands; out of sight it stays out of sight.
    Raises: InvalidValue, OutOfRange from the constructor.
    """

    part: Part = "working"

    def __init__(self, size: int = 128) -> None:
        bounded("size", size, 1, 2**16)
        self._size = size
        self.reach: int | None = size

    def empty(self) -> WorkingState:
        return WorkingState()

    def apply(self, state: WorkingState, event: Event) -> WorkingState:
        if isinstance(event, Remembered):
            held = {slot.id for slot in state.slots if slot is not None}
            new = [_recent(memory) for memory in event.memories if memory.id not in held]
            return WorkingState((*state.slots, *new)[-self._size :]) if new else state
        if isinstance(event, Forgotten):
            return _without(state, frozenset(event.ids))
        if isinstance(event, Revised):
            return _rewritten(state, event.memories)
        if isinstance(event, Picked):
            return _rewritten(state, event.revised)
        if isinstance(event, Merged):
            return _without(_rewritten(state, event.revised), frozenset(event.forgotten))
        return state

    def units(self, event: Event) -> int:
        return len(event.memories) if isinstance(event, Remembered) else 0


def _rewritten(state: WorkingState, memories: Iterable[Memory]) -> WorkingState:
    new = {memory.id: _recent(memory) for memory in memories}
    slots = tuple(slot if slot is None else new.get(slot.id, slot) for slot in state.slots)
    return state if slots == state.slots else WorkingState(slots)


def _recent(memory: Memory) -> Recent:
    return Recent(memory.id, memory.text, memory.at, memory.speaker)


def _without(state: WorkingState, ids: frozenset[MemoryId]) -> WorkingState:
    if not any(slot is not None and slot.id in ids for slot in state.slots):
        return state
    return WorkingState(tuple(None if slot is not None and slot.id in ids else slot for slot in state.slots))
