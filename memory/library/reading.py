"""What a shelf holds, read from what its agent remembers at one place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from quantum_memory.memory.episodic.filtering import allowed
from quantum_memory.memory.episodic.records import micros
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.memory.library.entries import Entry, Kind
from quantum_memory.memory.library.keeping import TITLE, Kept, entry_of, is_kept, kept
from quantum_memory.memory.library.shelves import Shelf
from quantum_memory.types import Filters, Memory

AT_ONCE = 256
"""Titles that are read together."""


class Listing(NamedTuple):
    """Which entries of a shelf are wanted, in the order of ``Entry.order``.

    Attributes:
        kind: of that kind, or any.
        tags: having all of these.
        after: behind that place in the order.
        limit: how many at most.
    """

    kind: Kind | None = None
    tags: tuple[str, ...] = ()
    after: tuple[datetime, str] | None = None
    limit: int = 100


def found(state: EpisodicState, shelf: Shelf, entry: str) -> Kept | None:
    """The entry of this id, whole; ``None`` if there is none."""
    memories: list[Memory] = []
    for part in state.slices():
        code = part.block.code(entry)
        if code < 0:
            continue
        wanted = part.sessions == code
        alive = part.alive()
        rows = np.flatnonzero(wanted if alive is None else wanted & alive)
        if len(rows):
            memories += part.block.memories(rows)
    return kept(memories, shelf)


def listed(state: EpisodicState, shelf: Shelf, asked: Listing) -> list[Entry]:
    """The entries that are wanted, without their texts."""
    chosen: list[Entry] = []
    for entry in _newest(_titles(state, asked), shelf):
        if asked.after is None or entry.order > asked.after:
            chosen.append(entry)
        if len(chosen) == asked.limit:
            break
    return chosen


def _newest(titles: Iterator[Memory], shelf: Shelf) -> Iterator[Entry]:
    """Of each entry the newest version, where those of equal times follow each other in any order."""
    together: dict[str, Entry] = {}
    now: datetime | None = None
    for memory in titles:
        if not is_kept(memory):
            continue
        if memory.at != now:
            yield from sorted(together.values(), key=lambda one: one.id)
            together, now = {}, memory.at
        entry = entry_of(memory, shelf)
        known = together.get(entry.id)
        if known is None or known.version < entry.version:
            together[entry.id] = entry
    yield from sorted(together.values(), key=lambda one: one.id)


def _titles(state: EpisodicState, asked: Listing) -> Iterator[Memory]:
    """The memories that hold titles, by their time, from that of ``after`` on."""
    slices = state.slices()
    since = None if asked.after is None else micros(asked.after[0])
    filters = Filters(kind=asked.kind, tags=(*asked.tags, TITLE))
    which, rows, times = [], [], []
    for number, part in enumerate(slices):
        mask = allowed(part, part.alive(), filters)
        at = part.column("at_us")
        if since is not None:
            mask = at >= since if mask is None else mask & (at >= since)
        mine = np.arange(part.length) if mask is None else np.flatnonzero(mask)
        which.append(np.full(len(mine), number))
        rows.append(mine)
        times.append(at[mine])
    if not which:
        return
    numbers, places = np.concatenate(which), np.concatenate(rows)
    order = np.argsort(np.concatenate(times), kind="stable")
    for start in range(0, len(order), AT_ONCE):
        yield from _read(state, numbers, places, order[start : start + AT_ONCE])


def _read(
    state: EpisodicState, numbers: np.ndarray, places: np.ndarray, wanted: Sequence[int] | np.ndarray
) -> Iterator[Memory]:
    slices = state.slices()
    for one in wanted:
        yield slices[int(numbers[one])].block.memories(places[one : one + 1])[0]
