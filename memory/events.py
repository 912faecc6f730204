"""What can happen to a branch: the events that its journal holds and every view is folded from.

An event carries all that a fold needs; no fold looks anything up. Adding a kind is compatible, changing one is not.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from quantum_memory.types import Memory, MemoryId, Part, Place, Skill


class Remembered(msgspec.Struct, frozen=True, tag="remembered"):
    """Memories were added, in this order."""

    memories: tuple[Memory, ...]


class Forgotten(msgspec.Struct, frozen=True, tag="forgotten"):
    """Memories are not to be found again on this branch."""

    ids: tuple[MemoryId, ...]


class SkillLearned(msgspec.Struct, frozen=True, tag="skill_learned"):
    """A skill was added or rewritten; counts of one with the same name go on."""

    skill: Skill


class SkillUsed(msgspec.Struct, frozen=True, tag="skill_used"):
    """A skill was tried, and it went well or not."""

    name: str
    succeeded: bool


class RolledBack(msgspec.Struct, frozen=True, tag="rolled_back"):
    """These parts are again what they were at an earlier place. Undone by rolling back to before this event."""

    to: Place
    parts: tuple[Part, ...]


class MoodBrought(msgspec.Struct, frozen=True):
    """The mood of the other side of a merge, as bytes of its tensors, and its weight in [0, 1]."""

    tensors: bytes
    weight: float


class Merged(msgspec.Struct, frozen=True, tag="merged"):
    """What was taken over from another branch, by value, so that replay needs no other journal.

    ``source`` is the other side's place; merging again starts from there.
    """

    source: Place
    base: Place | None
    memories: tuple[Memory, ...]
    forgotten: tuple[MemoryId, ...]
    skills: tuple[Skill, ...]
    mood: MoodBrought | None


Event = Remembered | Forgotten | SkillLearned | SkillUsed | RolledBack | Merged


class Entry(NamedTuple):
    """An event with its place in the journal and the time at which it was written."""

    place: Place
    at: datetime
    event: Event
