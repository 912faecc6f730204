"""What a block is made of, gathered and not yet written; and how conversations are read for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

import numpy as np

from quantum_memory.checks import whole
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.episodic.context import Addresses, surroundings
from quantum_memory.memory.episodic.context import Context as Reach
from quantum_memory.memory.episodic.runs import Slice
from quantum_memory.memory.episodic.state import Address, EpisodicState
from quantum_memory.memory.prompting.block import LEVELS, SECTIONS, Level
from quantum_memory.types import UNASKED_KINDS, Filters, Hit, Memory, MemoryId, Mood, Relation

MAX_TOKENS = 1_000_000
MAX_NEIGHBOURS = 32
"""How many memories of a conversation before and after a hit can be asked for."""
LINE_TOKENS = 30
"""About what a line of a block has; decides how much is gathered, never what fits."""
LEAST_HITS = 8
PART_TOKENS = 400
"""For how many tokens of the budget one part of the past is looked at."""
LEAST_PARTS = 4
MAX_PARTS = 400
PART_REACH = 12
"""How many memories before and after a hit are looked at as a part of the past."""

Stretch = tuple[Memory, ...]
"""Memories of one conversation in the order of remembering, with nothing that lives between them."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What kind of block is wanted.

    Attributes:
        tokens: the budget.
        neighbours: how many memories before and after each recollection may come with it.
        level: how fully parts of the past may be told: in a sentence, a paragraph, or in detail.
        sections: what the block may hold.

    Raises: InvalidValue, OutOfRange.
    """

    tokens: int = 8000
    neighbours: int = 1
    level: Level = "detail"
    sections: tuple[str, ...] = SECTIONS

    def __post_init__(self) -> None:
        whole("tokens", self.tokens, 1, MAX_TOKENS)
        whole("neighbours", self.neighbours, 0, MAX_NEIGHBOURS)
        if self.level not in LEVELS:
            raise InvalidValue("level", repr(self.level), f"one of {', '.join(LEVELS)}")
        unknown = [name for name in self.sections if name not in SECTIONS]
        if unknown or not self.sections:
            raise InvalidValue("sections", repr(unknown or self.sections), f"some of {', '.join(SECTIONS)}")

    @property
    def hits(self) -> int:
        """How many recollections to ask for."""
        return max(LEAST_HITS, math.ceil(self.tokens / LINE_TOKENS))

    @property
    def accompanied(self) -> int:
        """To how many of the recollections their neighbours are looked up: those of the last would be too late."""
        return max(LEAST_HITS, self.hits // 4)

    @property
    def parts(self) -> int:
        """At how many parts of the past to look."""
        return min(max(LEAST_PARTS, self.tokens // PART_TOKENS), MAX_PARTS)


@dataclass(frozen=True, slots=True)
class Material:
    """What a block is made of.

    Attributes:
        query: what is asked, where it is a text.
        hits: recollections, best first.
        stretches: the conversations around them, in the order of remembering.
        working: what was said last, oldest first.
        relations: of what the question names, that hold.
        sources: which of the memories that told them can be found.
        mood: ``None`` where nothing was ever felt.
        missing: parts of memory that are away or did not answer in time: see ``Hits``.
    """

    query: str | None = None
    hits: tuple[Hit, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    working: tuple[Memory, ...] = ()
    relations: tuple[Relation, ...] = ()
    sources: frozenset[MemoryId] = field(default_factory=frozenset)
    mood: Mood | None = None
    missing: tuple[str, ...] = ()


def passes(memory: Memory, filters: Filters) -> bool:
    """Whether filters let a memory through, as search lets it."""
    return (
        (filters.since is None or memory.at >= filters.since)
        and (filters.until is None or memory.at < filters.until)
        and (memory.kind == filters.kind if filters.kind is not None else memory.kind not in UNASKED_KINDS)
        and (filters.speaker is None or memory.speaker == filters.speaker)
        and set(filters.tags) <= set(memory.tags)
        and (filters.near is None or memory.pad.distance(filters.near.pad) <= filters.near.radius)
    )


def company(state: EpisodicState, reaches: Mapping[MemoryId, int]) -> tuple[Stretch, ...]:
    """Memories with those just before and after them in their conversations, each as far as its reach on either side.

    Stretches that share a memory are one. Ids that cannot be found are passed over.
    """
    slices = state.slices()
    alive = [part.alive() for part in slices]
    stretch_of: dict[Address, set[Address]] = {}
    for reach in sorted(set(reaches.values())):
        wanted = (state.find(one) for one, far in reaches.items() if far == reach)
        found = [address for address in wanted if address is not None]
        if not found:
            continue
        which, rows = np.array(found, dtype=np.int64).T
        near = surroundings(slices, alive, Addresses(which, rows), Reach(reach=reach))
        for address, parts, there in zip(found, near.which.tolist(), near.row.tolist(), strict=True):
            joined = {address, *((part, row) for part, row in zip(parts, there, strict=True) if row >= 0)}
            for other in [stretch_of[one] for one in joined if one in stretch_of]:
                joined |= other
            stretch_of.update(dict.fromkeys(joined, joined))
    distinct = {id(one): sorted(one) for one in stretch_of.values()}.values()
    memories = _read(slices, sorted(stretch_of))
    return tuple(tuple(memories[address] for address in one) for one in sorted(distinct, key=lambda one: one[0]))


def _read(slices: Sequence[Slice], addresses: Sequence[Address]) -> dict[Address, Memory]:
    """The memories at addresses in their order, those of a slice at once."""
    found: dict[Address, Memory] = {}
    for which, group in groupby(addresses, key=itemgetter(0)):
        mine = list(group)
        rows = np.array([row for _, row in mine], dtype=np.int64)
        found.update(zip(mine, slices[which].block.memories(rows), strict=True))
    return found


def beside(stretches: Iterable[Stretch], reach: int) -> dict[MemoryId, tuple[Stretch, Stretch]]:
    """For each memory of the stretches those before and after it, at most ``reach`` each, in order."""
    found: dict[MemoryId, tuple[Stretch, Stretch]] = {}
    for stretch in stretches:
        for at, memory in enumerate(stretch):
            found[memory.id] = stretch[max(0, at - reach) : at], stretch[at + 1 : at + 1 + reach]
    return found
