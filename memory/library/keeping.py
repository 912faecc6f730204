"""Entries as memories of a shelf and back: one memory for the title, one for each passage, and all that holds of the
entry beside every one of them.

All memories of a version are remembered in one event, and the version before is forgotten in the next one, in the same
transaction of the vault. So a version is on a shelf whole or not at all, and where two are, the later one counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from quantum_memory.checks import utc
from quantum_memory.memory.library.entries import MARK, Content, Entry, EntryHit, Origin, Passage, kind_named
from quantum_memory.memory.library.passages import passages
from quantum_memory.memory.library.shelves import TIERS, Shelf, tier_named
from quantum_memory.types import PAD, Hit, Memory, MemoryId, Utterance

GRAPH = "graph"
TITLE = f"{MARK}title"
"""The tag of the memory that holds a title: there is one of each version."""
BIRTH = f"{MARK}birth"
"""What holds of every memory of an entry, and of no other memory."""
_CALM = PAD(0.0, 0.0, 0.0)
"""Nobody feels what is on a shelf."""


class Standing(NamedTuple):
    """What is to be put on a shelf beside the content: which entry it is, and since when."""

    id: str
    birth: str
    version: int
    created: datetime
    updated: datetime
    origin: Origin | None = None


class Kept(NamedTuple):
    """An entry as a shelf has it: its newest version, and the ids of the memories of all its versions there."""

    entry: Entry
    ids: tuple[MemoryId, ...]


def utterances(content: Content, standing: Standing) -> tuple[Utterance, ...]:
    """The memories that an entry becomes, the title first."""
    pieces = passages(content.text)
    told: dict[str, Any] = {
        "version": standing.version,
        BIRTH: standing.birth,
        "title": content.title,
        "uri": content.uri,
        "priority": content.priority,
        "enabled": content.enabled,
        "updated": standing.updated.isoformat(),
        "origin": None if standing.origin is None else list(standing.origin),
        "passages": len(pieces),
    }
    texts = [(-1, content.title), *enumerate(pieces)]
    return tuple(
        Utterance(
            text,
            at=standing.created,
            kind=content.kind,
            session=standing.id,
            tags=(*content.tags, TITLE) if number < 0 else content.tags,
            metadata={**told, "passage": number},
            pad=_CALM,
        )
        for number, text in texts
    )


def is_kept(memory: Memory) -> bool:
    """Whether a memory of a shelf is of an entry: a driver who has the shelf's agent may remember anything on it."""
    return BIRTH in memory.metadata


def number_of(memory: Memory) -> int:
    """Which passage a memory of a shelf is; -1 for a title."""
    return int(memory.metadata["passage"])


def version_of(memory: Memory) -> int:
    """Which version a memory of a shelf is of."""
    return int(memory.metadata["version"])


def entry_of(memory: Memory, shelf: Shelf, text: str | None = None) -> Entry:
    """The entry that a memory of a shelf is of."""
    told = memory.metadata
    return Entry(
        id=memory.session or "",
        project=shelf.project,
        tier=shelf.tier,
        kind=kind_named(memory.kind),
        title=told["title"],
        text=text,
        uri=told["uri"],
        tags=tuple(tag for tag in memory.tags if tag != TITLE),
        priority=told["priority"],
        enabled=told["enabled"],
        created=memory.at,
        updated=utc("updated", datetime.fromisoformat(told["updated"])),
        version=told["version"],
        passages=told["passages"],
        birth=told[BIRTH],
        origin=origin_of(memory),
    )


def kept(memories: Sequence[Memory], shelf: Shelf) -> Kept | None:
    """The entry that the memories of one id on a shelf are; ``None`` where none is of an entry."""
    theirs = [one for one in memories if is_kept(one)]
    if not theirs:
        return None
    newest = max(map(version_of, theirs))
    mine = sorted((one for one in theirs if version_of(one) == newest), key=number_of)
    text = "".join(one.text for one in mine if number_of(one) >= 0)
    return Kept(entry_of(mine[0], shelf, text), tuple(one.id for one in theirs))


def standing(copies: Iterable[Entry]) -> list[Entry]:
    """Those of some copies of entries that count, in their order: of each entry the one of the highest version.

    Whoever asks shelf after shelf while an entry is moved meets it twice. Two of one version are there only where a
    shelf was rolled back; then the one that was changed last counts.
    """
    found = list(copies)
    last: dict[str, Entry] = {}
    for one in found:
        known = last.get(one.birth)
        if known is None or (known.version, known.updated) < (one.version, one.updated):
            last[one.birth] = one
    return [one for one in found if last[one.birth] is one]


def origin_of(memory: Memory) -> Origin | None:
    """From where the entry was moved that a memory of a shelf is of; ``None`` if it was not."""
    told = memory.metadata["origin"]
    return None if told is None else Origin(told[0], tier_named(told[1]), *told[2:])


def current(copies: Iterable[Entry]) -> Entry | None:
    """Which of the copies of one id on the shelves of a project is the entry.

    Those that have nothing to do with each other were made by somebody who may not read the one that counts, which is
    the one that fewest may read.
    """
    return max(standing(copies), key=lambda one: TIERS.index(one.tier), default=None)


def comparable(found: Iterable[tuple[Shelf, Sequence[Hit]]]) -> Iterator[tuple[Shelf, Hit]]:
    """Hits of several recalls, whose words were measured by one best match, with scores that can be compared.

    What the graph gives is over its first in each recall, whatever that is worth: it counts as much as the best of the
    recall matches, by meaning and by words, beside the best of all.
    """
    told = [(shelf, hits, max((_match(hit) for hit in hits), default=0.0)) for shelf, hits in found]
    top = max((best for _, _, best in told), default=0.0)
    for shelf, hits, best in told:
        share = best / top if top > 0.0 else 1.0
        for hit in hits:
            graph = hit.why.get(GRAPH, 0.0)
            why = {**hit.why, GRAPH: graph * share} if GRAPH in hit.why else hit.why
            yield shelf, replace(hit, score=hit.score - graph * (1.0 - share), why=why)


def _match(hit: Hit) -> float:
    return max(0.0, hit.why.get("relevance", 0.0)) + hit.why.get("lexical", 0.0)


def gathered(found: Iterable[tuple[Shelf, Hit]], k: int, each: int) -> list[EntryHit]:
    """What was found on shelves by entry, best first: ``k`` entries at most, and ``each`` passages of one at most."""
    hits: dict[tuple[str, Shelf], list[Hit]] = defaultdict(list)
    seen: set[tuple[Shelf, MemoryId]] = set()
    for shelf, hit in found:
        if is_kept(hit.memory) and (shelf, hit.memory.id) not in seen:
            seen.add((shelf, hit.memory.id))
            hits[hit.memory.session or "", shelf].append(hit)
    copies: dict[tuple[str, str], list[EntryHit]] = defaultdict(list)
    for (name, shelf), some in hits.items():
        newest = max(version_of(hit.memory) for hit in some)
        mine = sorted((hit for hit in some if version_of(hit.memory) == newest), key=lambda hit: -hit.score)
        told = [Passage(number_of(hit.memory), hit.memory.text, hit.score, hit.why) for hit in mine[:each]]
        copies[shelf.scope, name].append(EntryHit(entry_of(mine[0].memory, shelf), tuple(told)))
    chosen: list[EntryHit] = []
    for alike in copies.values():
        counting = {id(entry) for entry in standing(one.entry for one in alike)}
        chosen += [one for one in alike if id(one.entry) in counting]
    return sorted(chosen, key=lambda one: (-one.score, one.entry.id, one.entry.project))[:k]
