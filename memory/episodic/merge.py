"""Joining the memories of two branches: what the other side brings, and what of it is taken over. Changes nothing."""

from __future__ import annotations

from typing import NamedTuple

from quantum_memory.memory.episodic.search import fetch, memories, records
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.types import Memory, MemoryId, MergeConflict

_SHOWN_CHARS = 500


class Delta(NamedTuple):
    """What one side did since the base: memories in the order of remembering, ids in the order of forgetting."""

    added: tuple[Memory, ...]
    forgotten: tuple[MemoryId, ...]


class Verdict(NamedTuple):
    """What a merge takes over, and what it could not decide."""

    adopt: tuple[Memory, ...]
    forget: tuple[MemoryId, ...]
    conflicts: tuple[MergeConflict, ...]


def delta(base: EpisodicState | None, theirs: EpisodicState) -> Delta:
    """What ``theirs`` has that ``base`` never knew, and what it forgot since; all of it if there is no base.

    Slices that both share are not read, so this costs about what changed.
    """
    if base is None:
        return Delta(tuple(memories(theirs)), _in_order(theirs, None))
    shared = {(id(part.block), part.length) for part in base.slices()}
    added = [
        memory
        for part in theirs.slices()
        if (id(part.block), part.length) not in shared
        for memory in records(part)
        if not base.knows(memory.id)
    ]
    return Delta(tuple(added), _in_order(theirs, base))


def _in_order(theirs: EpisodicState, base: EpisodicState | None) -> tuple[MemoryId, ...]:
    """The ids that ``theirs`` forgot and ``base`` did not, in the order of forgetting."""
    new = [
        (order, memory) for memory, order in theirs.forgotten.items() if base is None or memory not in base.forgotten
    ]
    return tuple(memory for _, memory in sorted(new))


def judge(ours: EpisodicState, base: EpisodicState | None, change: Delta) -> Verdict:
    """What ``ours`` is to take over of what the other side did since the base.

    Memories join by id. What either side forgot stays forgotten. One id that means two different things on the
    two sides is a conflict, and ours is kept; an id that the base had already is ours to keep without one.
    """
    adopt = tuple(memory for memory in change.added if not ours.knows(memory.id))
    forget = tuple(memory for memory in change.forgotten if memory in ours.tickets)
    both = [
        memory
        for memory in change.added
        if memory.id in ours.tickets and not (base is not None and base.knows(memory.id))
    ]
    kept = fetch(ours, [memory.id for memory in both])
    conflicts = tuple(
        MergeConflict(
            "memories", theirs.id, "the same id has different content on both sides", _shown(mine), _shown(theirs)
        )
        for mine, theirs in zip(kept, both, strict=True)
        if mine != theirs
    )
    return Verdict(adopt, forget, conflicts)


def _shown(memory: Memory) -> str:
    speaker = f"{memory.speaker}: " if memory.speaker else ""
    return f"{speaker}{memory.text[:_SHOWN_CHARS]} ({memory.at.isoformat()})"
