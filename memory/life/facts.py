"""Facts: what is said again and again becomes a memory of its own, which says so and from where. Writes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np

from quantum_memory.checks import bounded, whole
from quantum_memory.memory.life.clusters import clusters, medoid
from quantum_memory.memory.life.provenance import (
    KEY,
    Origin,
    derived,
    joined_tags,
    made_id,
    origin_of,
    rewritten,
    words_of,
)
from quantum_memory.memory.life.wording import asks, pins, words
from quantum_memory.memory.semantic.extract import extract
from quantum_memory.types import PAD, Memory, MemoryId

KIND = "fact"
FEWEST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Repeated:
    """What counts as said again and again.

    Attributes:
        cosine: the least mean cosine of the statements of a group.
        least: how many there must be.
        kinds: the kinds of memories that are looked at.

    Raises: InvalidValue, NotFinite, OutOfRange.
    """

    cosine: float = 0.75
    least: int = 3
    kinds: frozenset[str] = field(default_factory=lambda: frozenset({"utterance"}))

    def __post_init__(self) -> None:
        bounded("cosine", self.cosine, 0.0, 1.0)
        whole("least", self.least, 2, 2**31)


class Found(NamedTuple):
    """What consolidation makes of some memories.

    Attributes:
        written: memories that are new, or read otherwise than before.
        dropped: facts whose sources are those of another by now.
    """

    written: tuple[Memory, ...]
    dropped: tuple[MemoryId, ...] = ()


def facts(memories: Iterable[Memory], rule: Repeated, now: datetime) -> Found:
    """The facts that follow from memories, as far as they are not there already.

    A fact says what the most central of its sources says, in its words, with its embedding, unless somebody wrote it
    anew. It has one id on every branch, from its first source; a fact that is there keeps its id and gains sources,
    also where all that it had are gone and what is said now means the same. Sources that are gone stay in its
    provenance. Doing what is found and asking again finds nothing.
    """
    every = list(memories)
    there = [one for one in every if one.kind == KIND and derived(one)]
    said = [one for one in every if one.kind in rule.kinds and not derived(one) and _states(one.text)]
    ids = {one.id for one in every}
    fact_of: dict[MemoryId, list[Memory]] = {}
    for one in sorted(there, key=lambda fact: fact.id):
        for source in _sources(one):
            fact_of.setdefault(source, []).append(one)
    alone = [one for one in there if ids.isdisjoint(_sources(one))]
    written: list[Memory] = []
    taken, dropped = set[MemoryId](), list[MemoryId]()
    for group in clusters(said, rule.cosine, rule.least):
        overlapping = {old.id: old for one in group for old in fact_of.get(one.id, ()) if old.id not in taken}
        known = sorted(overlapping.values(), key=lambda old: (-_common(old, group), old.id))
        known = known or _remembered(group, [one for one in alone if one.id not in taken], rule)
        first = known[0].id if known else made_id("fact", group[0].id)
        if not known and first in ids:
            continue
        taken.update((first, *overlapping))
        dropped += [old.id for old in known[1:]]
        new = _fact(first, group, known)
        if not known or replace(new, revised_at=known[0].revised_at) != known[0]:
            written.append(replace(new, revised_at=now) if known else new)
    return Found(tuple(written), tuple(dropped))


def _remembered(group: Sequence[Memory], alone: Sequence[Memory], rule: Repeated) -> list[Memory]:
    """The fact without sources that means what a group says, if there is one: it was said before, and forgotten."""
    says = medoid(group)
    concepts, fixed = {concept.key for concept in extract(says.text)}, pins(says.text)
    meant = [
        (-round(float(np.dot(one.embedding.astype(np.float64), says.embedding)), 9), one.id, one)
        for one in alone
        if one.speaker == says.speaker and pins(one.text) == fixed
    ]
    near = sorted(one for one in meant if -one[0] >= rule.cosine)
    return [one for _, _, one in near if not concepts.isdisjoint(concept.key for concept in extract(one.text))][:1]


def _fact(identity: MemoryId, group: Sequence[Memory], known: Sequence[Memory]) -> Memory:
    central, last = medoid(group), group[-1]
    says = known[0] if known and rewritten(known[0]) else central
    sources = dict.fromkeys((*(one for old in known for one in _sources(old)), *(one.id for one in group)))
    sure = [one.confidence for one in group]
    metadata = dict(known[0].metadata) if known else {}
    return replace(
        says,
        id=identity,
        at=max((last.at, *(old.at for old in known))),
        pad=PAD.mean([one.pad for one in group], sure if any(sure) else None),
        confidence=math.fsum(sure) / len(sure),
        importance=again(one.importance for one in group),
        kind=KIND,
        session=None,
        tags=joined_tags([*known[:1], *group]),
        metadata={**metadata, KEY: Origin("fact", tuple(sources), words=words_of(central.text)).to_plain()},
        revised_at=None,
    )


def again(importances: Iterable[float]) -> float:
    """How much a thing matters that is said several times: 1 - product of (1 - importance)."""
    return min(1.0, 1.0 - math.prod(1.0 - one for one in importances))


def _states(text: str) -> bool:
    return not asks(text) and len(words(text)) >= FEWEST_WORDS


def _sources(fact: Memory) -> tuple[MemoryId, ...]:
    origin = origin_of(fact)
    return () if origin is None else origin.sources


def _common(fact: Memory, group: Sequence[Memory]) -> int:
    return len({one.id for one in group} & set(_sources(fact)))
