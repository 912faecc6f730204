"""Near-duplicates: which memories say the same in nearly the same words, and what one of them becomes. Writes nothing.

Two are alike if kind, speaker, numbers and negation are the same, words and meaning nearly so, and not much time lies
between them: what is said again another day is not a copy, it happened again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.memory.life.near import pairs
from quantum_memory.memory.life.provenance import KEY, Origin, derived, in_order, joined_tags, origin_of
from quantum_memory.memory.life.wording import features, pins
from quantum_memory.types import UNASKED_KINDS, Memory, MemoryId

MOST_SAID = 64
"""Of what was merged into a memory the latest so many keep their words in its metadata."""


@dataclass(frozen=True, slots=True)
class Alike:
    """From when on two memories count as one.

    Attributes:
        words: Jaccard index of their words and neighbouring pairs, in [0.5, 1].
        cosine: of their meanings.
        within_s: the longest time between them.

    Raises: InvalidValue, NotFinite, OutOfRange.
    """

    words: float = 0.7
    cosine: float = 0.9
    within_s: float = 86_400.0

    def __post_init__(self) -> None:
        bounded("words", self.words, 0.5, 1.0)
        bounded("cosine", self.cosine, -1.0, 1.0)
        bounded("within_s", self.within_s, 0.0, 1e15)


class Twin(NamedTuple):
    """One that is merged into another, and how alike they are: the share of words, and the cosine."""

    memory: Memory
    words: float
    cosine: float


class Group(NamedTuple):
    """Memories that say the same: the one that stays, as it is and as it would become, and those that go into it."""

    stays: Memory
    becomes: Memory
    twins: tuple[Twin, ...]


def groups(memories: Iterable[Memory], alike: Alike, now: datetime) -> list[Group]:
    """The groups of near-duplicates, by the one that stays.

    Of each group the one with the most to say stays; of equals the earliest. Every other of a group is alike to that
    one itself, so no chain of small differences is merged. Merging the groups leaves nothing that is alike, as far as
    ``near.pairs`` finds it; copies of one text are all found.
    """
    merging = in_order(one for one in memories if one.kind not in UNASKED_KINDS and not derived(one))
    texts = _Texts(merging, alike)
    found, taken = [], set[int]()
    for number in texts.fullest_first():
        if number in taken:
            continue
        taken.add(number)
        twins = texts.twins(number, taken)
        if not twins:
            continue
        taken.update(twins)
        together = tuple(twins[other] for other in sorted(twins))
        stays = merging[number]
        found.append(Group(stays, merged(stays, [twin.memory for twin in together], now), together))
    return sorted(found, key=lambda group: (group.stays.at, group.stays.id))


class _Said(NamedTuple):
    """What has to be the same of two memories that are alike, and the words that nearly have to be."""

    kind: str
    speaker: str | None
    pins: frozenset[str]
    words: frozenset[str]


class _Texts:
    """Memories in the order of time by what they say, so that of many copies of one text each is looked at once."""

    def __init__(self, merging: Sequence[Memory], alike: Alike) -> None:
        self._merging, self._alike = merging, alike
        self._said = [_Said(one.kind, one.speaker, pins(one.text), features(one.text)) for one in merging]
        self._at_s = [one.at.timestamp() for one in merging]
        self._copies: dict[_Said, list[int]] = {}
        for number, said in enumerate(self._said):
            self._copies.setdefault(said, []).append(number)
        distinct = list(self._copies)
        sorts: dict[tuple[object, ...], int] = {}
        of_sort = [sorts.setdefault(said[:3], len(sorts)) for said in distinct]
        self._near: dict[_Said, dict[_Said, float]] = {}
        for said in distinct:
            if said.words and len(self._copies[said]) > 1:
                self._near[said] = {said: 1.0}
        for one, other, share in pairs([said.words for said in distinct], alike.words, of_sort):
            for said, near in ((distinct[one], distinct[other]), (distinct[other], distinct[one])):
                self._near.setdefault(said, {})[near] = share

    def fullest_first(self) -> list[int]:
        """The memories near which others are, by number: those with the most to say first, of equals the earliest."""
        numbers = (number for said in self._near for number in self._copies[said])
        return sorted(numbers, key=lambda number: (-len(self._said[number].words), number))

    def twins(self, number: int, taken: set[int]) -> dict[int, Twin]:
        """Those alike to one, by number, that are not taken."""
        found: dict[int, Twin] = {}
        for said, share in self._near[self._said[number]].items():
            copies, reach_s = self._copies[said], self._alike.within_s + 1.0  # to the microsecond below
            first = bisect_left(copies, self._at_s[number] - reach_s, key=self._at_s.__getitem__)
            last = bisect_right(copies, self._at_s[number] + reach_s, key=self._at_s.__getitem__)
            for other in copies[first:last]:
                if other not in taken and (cosine := self._cosine(number, other)) is not None:
                    found[other] = Twin(self._merging[other], share, cosine)
        return found

    def _cosine(self, number: int, twin: int) -> float | None:
        """The cosine of two memories, if it and the time between them allow that they are one."""
        one, other = self._merging[number], self._merging[twin]
        if abs((one.at - other.at).total_seconds()) > self._alike.within_s:
            return None
        cosine = float(np.clip(np.dot(one.embedding.astype(np.float64), other.embedding), -1.0, 1.0))
        return cosine if cosine >= self._alike.cosine else None


def merged(stays: Memory, twins: Sequence[Memory], now: datetime) -> Memory:
    """What a memory becomes that others are merged into: their tags, the greatest importance, and where it comes from.

    Of two values of one key in their metadata that of the memory which stays is kept.
    """
    before = origin_of(stays)
    sources: dict[MemoryId, None] = dict.fromkeys(before.sources if before else ())
    said = list(before.said if before else ())
    metadata = dict(stays.metadata)
    for twin in in_order(twins):
        known = origin_of(twin)
        sources |= dict.fromkeys((*(known.sources if known else ()), twin.id))
        said += known.said if known else ()
        said.append({"id": twin.id, "text": twin.text, "at": twin.at.isoformat(), "speaker": twin.speaker})
        metadata = {**twin.metadata, **metadata}
    distinct = {str(one.get("id")): one for one in said}
    origin = Origin("duplicates", tuple(sources), tuple(distinct.values())[-MOST_SAID:])
    metadata[KEY] = origin.to_plain()
    tags, importance = joined_tags([stays, *in_order(twins)]), max(one.importance for one in (stays, *twins))
    return replace(stays, tags=tags, importance=importance, metadata=metadata, revised_at=now)
