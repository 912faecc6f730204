"""What the steps of a memory's life did, or would do: values for people and programs to look at. Does nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from quantum_memory.memory.life.provenance import How
from quantum_memory.types import Commit, MemoryId


@dataclass(frozen=True, slots=True)
class Step:
    """What all reports have.

    Attributes:
        dry_run: whether nothing was done.
        at: the moment for which it was decided.
        checkpoint: the place before it was done, to roll back to; ``None`` if nothing was done, or none is wanted.
    """

    dry_run: bool
    at: datetime
    checkpoint: Commit | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Fading:
    """A memory that goes: what is left of it, how much it matters, and why it goes."""

    id: MemoryId
    text: str
    kind: str
    at: datetime
    retention: float
    importance: float
    uses: int
    reason: str


@dataclass(frozen=True, slots=True)
class TidyReport(Step):
    """What forgetting by policy took away, and how many memories were left."""

    gone: tuple[Fading, ...]
    kept: int


@dataclass(frozen=True, slots=True)
class Absorbed:
    """A memory that was merged into another, and how alike they are: the share of words, and the cosine."""

    id: MemoryId
    text: str
    words: float
    cosine: float


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """A memory that stays, and those that were merged into it."""

    id: MemoryId
    text: str
    absorbed: tuple[Absorbed, ...]


@dataclass(frozen=True, slots=True)
class DuplicatesReport(Step):
    """Which near-duplicates were merged."""

    groups: tuple[DuplicateGroup, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """A memory that was made of others. ``new`` is false where it was there and reads otherwise now."""

    id: MemoryId
    how: How
    text: str
    sources: tuple[MemoryId, ...]
    new: bool


@dataclass(frozen=True, slots=True)
class ConsolidationReport(Step):
    """Which episodes and facts were made, and which facts went because others have their sources."""

    made: tuple[Made, ...]
    dropped: tuple[MemoryId, ...]
