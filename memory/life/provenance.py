"""Where a memory comes from that was made of others: what stands in its metadata, written and read in one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from blake3 import blake3

from quantum_memory.types import Memory, MemoryId

KEY = "made_of"
"""The key in a memory's metadata."""
How = Literal["duplicates", "fact", "episode"]
ID_BYTES = 10


@dataclass(frozen=True, slots=True)
class Origin:
    """What a memory was made of.

    Attributes:
        how: by which step of its life.
        sources: the memories it was made of, oldest first.
        said: of duplicates that were merged into it, when and by whom each was said: as plain values.
        words: digest of the text as it was made; empty where that is not known.
    """

    how: How
    sources: tuple[MemoryId, ...]
    said: tuple[Mapping[str, Any], ...] = ()
    words: str = ""

    def to_plain(self) -> dict[str, Any]:
        """As it stands in the metadata."""
        told: dict[str, Any] = {"how": self.how, "sources": list(self.sources)}
        told |= {"said": [dict(one) for one in self.said]} if self.said else {}
        return told | ({"words": self.words} if self.words else {})


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a memory comes from and what was made of it.

    Attributes:
        memory: the memory.
        how: how it was made; ``None`` for one that was simply remembered.
        sources: what it was made of and is still there.
        gone: the ids of sources that are not there any more.
        made: what was made of it.
    """

    memory: Memory
    how: How | None
    sources: tuple[Memory, ...]
    gone: tuple[MemoryId, ...]
    made: tuple[Memory, ...]


def origin_of(memory: Memory) -> Origin | None:
    """What a memory was made of, as its metadata say; nothing if they do not, or say it in no form that is known."""
    told = memory.metadata.get(KEY)
    if not isinstance(told, Mapping) or told.get("how") not in get_args(How):
        return None
    sources, said = told.get("sources"), told.get("said", [])
    if not isinstance(sources, list) or not all(isinstance(one, str) for one in sources):
        return None
    spoken = tuple(one for one in said if isinstance(one, Mapping)) if isinstance(said, list) else ()
    words = told.get("words")
    return Origin(told["how"], tuple(sources), spoken, words if isinstance(words, str) else "")


def derived(memory: Memory) -> bool:
    """Whether a memory was made of others by consolidation, so that it is no source of the next."""
    origin = origin_of(memory)
    return origin is not None and origin.how in ("fact", "episode")


def provenance(memory: Memory, every: Iterable[Memory]) -> Provenance:
    """Where one of a branch's memories comes from, among all of them."""
    origin = origin_of(memory)
    named = () if origin is None else origin.sources
    here, made = {}, []
    for other in every:
        here[other.id] = other
        of = origin_of(other)
        if of is not None and memory.id in of.sources and other.id != memory.id:
            made.append(other)
    return Provenance(
        memory,
        None if origin is None else origin.how,
        tuple(here[one] for one in named if one in here),
        tuple(one for one in named if one not in here),
        tuple(made),
    )


def made_id(how: How, first: MemoryId) -> MemoryId:
    """The id of what is made of memories of which this is the first: the same on every branch and at every repeat."""
    return f"{how}:{blake3(f'{how}:{first}'.encode()).hexdigest(length=ID_BYTES)}"


def words_of(text: str) -> str:
    """The digest of a text, to tell later whether somebody wrote it anew."""
    return blake3(text.encode()).hexdigest(length=ID_BYTES)


def rewritten(memory: Memory) -> bool:
    """Whether a memory that was made of others has other words by now than it was made with."""
    origin = origin_of(memory)
    return origin is not None and origin.words not in ("", words_of(memory.text))


def in_order(memories: Iterable[Memory]) -> list[Memory]:
    """Memories by time, then by id."""
    return sorted(memories, key=lambda one: (one.at, one.id))


def joined_tags(memories: Sequence[Memory]) -> tuple[str, ...]:
    """The tags of all of them, each once, in the order in which they come."""
    return tuple(dict.fromkeys(tag for one in memories for tag in one.tags))
