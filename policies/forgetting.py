"""Which memories may go, and why. Knows no clock and forgets nothing itself."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from quantum_memory.checks import bounded, visible, whole
from quantum_memory.types import Floats, MemoryId

LONGEST_S = 1e15
MOST = 2**53


class Standing(NamedTuple):
    """What is known of a memory when it is decided whether it stays.

    Attributes:
        age_s: since it was remembered.
        retention: what ``Decay`` leaves of it.
        importance: how much it matters in itself.
    """

    id: MemoryId
    kind: str
    tags: tuple[str, ...]
    age_s: float
    retention: float
    importance: float

    @property
    def worth(self) -> float:
        """Why it is worth keeping, for freshness or for importance: 1 - (1 - retention) (1 - importance); in [0, 1]."""
        return 1.0 - (1.0 - self.retention) * (1.0 - self.importance)


class ForgettingPolicy(Protocol):
    """Which of some memories go.

    Laws: what is protected never goes; the answer follows from the arguments alone, and not from their order; what is
    left is not chosen again at the same moment; each that goes has a reason, a sentence for people.
    """

    def goes(self, memories: Sequence[Standing]) -> dict[MemoryId, str]:
        """The reason of each memory that goes."""
        ...


@dataclass(frozen=True, slots=True)
class Forgetting:
    """What has faded and does not matter goes, what is older than its kind may be, and what is more than fits.

    Attributes:
        floor: retention below which a memory has faded; 0 for none.
        spared: importance from which one that has faded stays all the same.
        oldest_s: by kind, the age from which a memory goes.
        most: how many memories may be left, the protected included; those worth least go. ``None`` for any number.
        kinds, tags: what is protected.

    Raises: InvalidValue, EmptyText, NotFinite, OutOfRange.
    """

    floor: float = 0.05
    spared: float = 0.5
    oldest_s: Mapping[str, float] = field(default_factory=dict)
    most: int | None = None
    kinds: frozenset[str] = field(default_factory=frozenset)
    tags: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        bounded("floor", self.floor, 0.0, 1.0)
        bounded("spared", self.spared, 0.0, 1.0)
        for kind, age_s in self.oldest_s.items():
            bounded(f"oldest_s[{visible('kind', kind)!r}]", age_s, 0.0, LONGEST_S)
        if self.most is not None:
            whole("most", self.most, 0, MOST)

    def protects(self, memory: Standing) -> bool:
        """Whether a memory stays whatever else is so."""
        return memory.kind in self.kinds or not self.tags.isdisjoint(memory.tags)

    def goes(self, memories: Sequence[Standing]) -> dict[MemoryId, str]:
        loose = [one for one in memories if not self.protects(one)]
        found = {one.id: why for one in loose if (why := self._why(one)) is not None}
        if self.most is not None:
            over = len(memories) - len(found) - self.most
            left = [one for one in loose if one.id not in found]
            for one in heapq.nsmallest(max(0, over), left, key=lambda one: (one.worth, -one.age_s, one.id)):
                found[one.id] = f"more than {self.most} memories, and its worth is only {one.worth:.3f}"
        return {one.id: found[one.id] for one in memories if one.id in found}

    def _why(self, one: Standing) -> str | None:
        oldest_s = self.oldest_s.get(one.kind)
        if oldest_s is not None and one.age_s > oldest_s:
            return f"of kind {one.kind} and {one.age_s:.0f} s old, more than {oldest_s:.0f} s"
        if one.retention < self.floor and one.importance < self.spared:
            faded = f"retention {one.retention:.3f} below {self.floor:g}"
            return f"{faded}, importance {one.importance:.3f} below {self.spared:g}"
        return None


def standings(
    rows: Sequence[tuple[MemoryId, str, tuple[str, ...], float]], age_s: Floats, retention: Floats
) -> list[Standing]:
    """Standings of memories given as (id, kind, tags, importance), with their ages (m,) and retentions (m,)."""
    ages, kept = np.asarray(age_s).tolist(), np.asarray(retention).tolist()
    return [Standing(*row[:3], age, left, row[3]) for row, age, left in zip(rows, ages, kept, strict=True)]
