"""Fewer events that come to the same: memories that events bring one after the other, brought at once.

For folds to which it makes no difference, and which pay for each event. Changes no memory, no order.
"""

from __future__ import annotations

from collections.abc import Iterable

from quantum_memory.memory.events import Event, Remembered
from quantum_memory.types import Memory, MemoryId

MOST = 512
"""Memories of one event that is made of several."""


def gathered(events: Iterable[Event]) -> list[Event]:
    """The events, where several that follow each other remember as one, unless one id stands in two of them.

    Of one id twice in an event the first counts; in two events the second may bring what was said anew.
    """
    found: list[Event] = []
    memories: list[Memory] = []
    ids: set[MemoryId] = set()
    for event in events:
        own = {memory.id for memory in event.memories} if isinstance(event, Remembered) else set()
        if memories and (not own or len(memories) + len(own) > MOST or not ids.isdisjoint(own)):
            found.append(Remembered(tuple(memories)))
            memories, ids = [], set()
        if isinstance(event, Remembered) and own:
            memories += event.memories
            ids |= own
        else:
            found.append(event)
    return [*found, Remembered(tuple(memories))] if memories else found
