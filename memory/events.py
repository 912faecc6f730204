"""What can happen to a branch: the events that its journal holds and every view is folded from.

An event carries all that a fold needs; no fold looks anything up. Adding a kind is compatible, changing one is not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from quantum_memory.checks import MAX_NAME_CHARS, bounded, within
from quantum_memory.errors import InvalidValue, TooLong
from quantum_memory.types import PAD, PARTS, Memory, MemoryId, Part, Place, Relation, RelationKey, Skill

LEAST_WEIGHT = 1e-3
"""The share of a feeling that still counts in a mixture."""
MOST_COMPONENTS = 8
"""Every feeling of a mixture is a state to be summed, so a mood takes up no more of them at once."""
WEIGHT_SLACK = 1e-6
"""How far rounding may carry the sum of weights from 1, and a mean from what follows of its parts."""


class Remembered(msgspec.Struct, frozen=True, tag="remembered"):
    """Memories were added, in this order."""

    memories: tuple[Memory, ...]


class Forgotten(msgspec.Struct, frozen=True, tag="forgotten", omit_defaults=True):
    """Memories are not to be found again on this branch."""

    ids: tuple[MemoryId, ...]
    at: datetime | None = None


class Revised(msgspec.Struct, frozen=True, tag="revised"):
    """Memories were rewritten: each reads now as it does here, also one that had been forgotten."""

    memories: tuple[Memory, ...]


class Component(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the feelings that a mixed one consists of: where it lies, its share, and its name if it was given one.

    Raises: InvalidValue, NotFinite, OutOfRange for a weight that is not in [0.001, 1]; TooLong for the name.
    """

    pad: PAD
    weight: float
    name: str = ""

    def __post_init__(self) -> None:
        bounded("weight", self.weight, LEAST_WEIGHT, 1.0)
        within("name", self.name, MAX_NAME_CHARS)


class Felt(msgspec.Struct, frozen=True, tag="felt", omit_defaults=True):
    """Something was felt that is no memory. ``cause`` is for people who read the log.

    ``parts`` are the feelings of a mixed one, and ``pad`` is their mean; there are none where it is one feeling.

    Raises: InvalidValue, TooLong for parts that are no mixture.
    """

    at: datetime
    pad: PAD
    confidence: float
    intensity: float
    cause: str = ""
    parts: tuple[Component, ...] = ()

    def __post_init__(self) -> None:
        if self.parts:
            check_mixture(self.parts, self.pad)


def check_mixture(parts: Sequence[Component], pad: PAD | None = None) -> None:
    """Let through feelings that make up a mixture: some, each at its own point, with shares that sum to 1.

    Where ``pad`` is given, they must have it for their mean.

    Raises: InvalidValue; TooLong for more than ``MOST_COMPONENTS``.
    """
    if not parts:
        raise InvalidValue("parts", "none", "one feeling or more")
    if len(parts) > MOST_COMPONENTS:
        raise TooLong("parts", len(parts), MOST_COMPONENTS, "feelings")
    points = [part.pad for part in parts]
    for number, point in enumerate(points):
        if point in points[:number]:
            raise InvalidValue("parts", repr(point), "feelings that differ; add the weights of equal ones")
    total = math.fsum(part.weight for part in parts)
    if abs(total - 1.0) > WEIGHT_SLACK:
        raise InvalidValue("weights", f"a sum of {total:g}", "a sum of 1")
    if pad is not None:
        mean = PAD.mean(points, [part.weight for part in parts])
        if pad.distance(mean) > WEIGHT_SLACK:
            raise InvalidValue("pad", repr(pad), f"the mean of the parts, {mean}")


class Spoken(msgspec.Struct, frozen=True, omit_defaults=True):
    """As much of a memory as the graph takes up."""

    id: MemoryId
    text: str
    speaker: str | None = None
    session: str | None = None


class Word(msgspec.Struct, frozen=True, omit_defaults=True):
    """One word on a relation: that it holds, with a weight, or without one that it ended; since when, and who says so.

    Without a date it counts as of any time.
    """

    key: RelationKey
    at: datetime | None = None
    weight: float | None = None
    memory: MemoryId | None = None


class Related(msgspec.Struct, frozen=True, tag="related", omit_defaults=True):
    """Relations are known, or known with a new weight.

    ``heard`` are memories that are there and that the graph had lost: it takes them up again, and then the relations.
    ``ended`` are the words by which other relations end first, because these take their place.
    """

    relations: tuple[Relation, ...]
    heard: tuple[Spoken, ...] = ()
    ended: tuple[Word, ...] = ()


class Unrelated(msgspec.Struct, frozen=True, tag="unrelated"):
    """Relations hold no longer."""

    keys: tuple[RelationKey, ...]
    at: datetime


class Unified(msgspec.Struct, frozen=True, tag="unified"):
    """Other names stand for the same thing as one that is kept."""

    keep: str
    names: tuple[str, ...]


class SkillLearned(msgspec.Struct, frozen=True, tag="skill_learned", omit_defaults=True):
    """A skill was added or rewritten; counts of one with the same name go on."""

    skill: Skill
    origin: str = ""


class SkillUsed(msgspec.Struct, frozen=True, tag="skill_used", omit_defaults=True):
    """A skill was tried, and it went well or not.

    ``origin`` names the stretch of history in which it was tried, on which tries are only ever added: a merge counts
    those of each stretch once, by whatever ways they come. It is empty where nobody wrote it down.
    """

    name: str
    succeeded: bool
    origin: str = ""


class Used(msgspec.Struct, frozen=True, tag="used", omit_defaults=True):
    """These memories were of use at a time, each once, however often it was asked for in between.

    ``origin`` names the stretch of history in which that was, as in ``SkillUsed``.
    """

    ids: tuple[MemoryId, ...]
    at: datetime
    origin: str = ""


class RolledBack(msgspec.Struct, frozen=True, tag="rolled_back"):
    """These parts are again what they were at an earlier place. Undone by rolling back to before this event."""

    to: Place
    parts: tuple[Part, ...]


class MoodBrought(msgspec.Struct, frozen=True):
    """The mood of the other side of a merge, as bytes of its tensors, and its weight in [0, 1]."""

    tensors: bytes
    weight: float


class Tries(msgspec.Struct, frozen=True):
    """How often a skill was tried in the stretch of history that ``origin`` names, and how that went."""

    skill: str
    origin: str
    successes: int
    failures: int


class Uses(msgspec.Struct, frozen=True):
    """How often a memory was of use in the stretch of history that ``origin`` names, and when it last was."""

    memory: MemoryId
    origin: str
    count: int
    last: datetime


class Merged(msgspec.Struct, frozen=True, tag="merged", omit_defaults=True):
    """What was taken over from another branch, by value, so that replay needs no other journal.

    ``source`` is the other side's place; merging again starts from there, for each of ``parts``. ``forgotten_at`` and
    ``unrelated_at`` say since when each of what is gone has been gone, where that is known.

    ``tries`` are those of ``skills`` that this side had not counted; the counts in ``skills`` have them already. After
    a rollback of one part alone the graph may lack what the memories have, and the other way round: ``heard`` and
    ``unheard``, each with its time, are what the graph takes up and gives up although the memories stay as they are.
    ``words`` are what was said of relations on the other side and not here, of each the latest first, and ``unified``
    the names that mean one thing there. ``uses`` are those of memories, by stretch, that this side had not counted.
    """

    source: Place
    base: Place | None
    memories: tuple[Memory, ...]
    forgotten: tuple[MemoryId, ...]
    skills: tuple[Skill, ...]
    mood: MoodBrought | None
    revised: tuple[Memory, ...] = ()
    relations: tuple[Relation, ...] = ()
    unrelated: tuple[RelationKey, ...] = ()
    parts: tuple[Part, ...] = PARTS
    forgotten_at: tuple[datetime | None, ...] = ()
    unrelated_at: tuple[datetime | None, ...] = ()
    tries: tuple[Tries, ...] = ()
    heard: tuple[Spoken, ...] = ()
    unheard: tuple[tuple[MemoryId, datetime | None], ...] = ()
    words: tuple[Word, ...] = ()
    unified: tuple[Unified, ...] = ()
    uses: tuple[Uses, ...] = ()


class Picked(msgspec.Struct, frozen=True, tag="picked", omit_defaults=True):
    """Chosen memories were taken over from another branch, by value. A later merge still offers all the rest.

    ``memories`` are added where they are not known; ``revised`` read now as they do here. ``seen`` has the id and the
    digest of every memory that was decided about, as the other side had it: in that version it is not offered again.
    ``heard`` is as in ``Merged``.
    """

    source: Place
    memories: tuple[Memory, ...]
    revised: tuple[Memory, ...] = ()
    seen: tuple[tuple[MemoryId, bytes], ...] = ()
    heard: tuple[Spoken, ...] = ()


Event = (
    Remembered
    | Forgotten
    | Revised
    | Felt
    | Related
    | Unrelated
    | Unified
    | SkillLearned
    | SkillUsed
    | Used
    | RolledBack
    | Merged
    | Picked
)


class Entry(NamedTuple):
    """An event with its place in the journal and the time at which it was written."""

    place: Place
    at: datetime
    event: Event


def rows_of(event: Event) -> int:
    """How much an event is to fold: the memories that it brings, or one."""
    if isinstance(event, Remembered | Revised):
        return max(1, len(event.memories))
    if isinstance(event, Merged | Picked):
        return max(1, len(event.memories) + len(event.revised))
    return 1
