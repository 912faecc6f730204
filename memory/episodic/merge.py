"""Memories in a merge: what a branch did to them since a base, how it has them, and how two versions become one.

Changes nothing, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from blake3 import blake3

from quantum_memory.checks import within
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.episodic.columnar import Ints
from quantum_memory.memory.episodic.runs import Slice
from quantum_memory.memory.episodic.state import EpisodicState, read, read_all
from quantum_memory.memory.merging import Change, Gone, Key, Trait, Version
from quantum_memory.policies.merge import Side
from quantum_memory.types import PAD, Memory, MemoryId, Utterance

DIGEST_BYTES = 16
FIELDS = ("text", "at", "importance", "speaker", "kind", "session", "tags", "metadata")
NEEDED = ("at", "importance", "kind")
"""Fields that a memory cannot be without, though an utterance can."""
AT_ONCE = 256
"""Memories that are compared at once: no more of those that differ in nothing are held."""
_NONE: Ints = np.empty(0, np.int64)
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_ENCODER = msgspec.msgpack.Encoder(order="sorted", enc_hook=np.generic.item)


def changes(base: EpisodicState | None, theirs: EpisodicState) -> tuple[Change[Memory], ...]:
    """What became of memories between two states of a branch; all that it ever did if there is no base.

    First what is new or reads otherwise, in the order of remembering, then what was forgotten, in the order of
    forgetting. Rows that both see of a block are not read, so this costs about what changed.
    """
    before = {} if base is None else {id(part.block): part for part in base.slices()}
    told: list[Change[Memory]] = []
    for part in theirs.slices():
        rows = _fresh(part, before.get(id(part.block)))
        for start in range(0, len(rows), AT_ONCE):
            some = part.block.memories(rows[start : start + AT_ONCE])
            had = {} if base is None else read_all(base, [one.id for one in some])
            told += [
                Change(one.id, had.get(one.id) or version(base, one.id), one) for one in some if had.get(one.id) != one
            ]
    return (*told, *_gone(base, theirs))


def _gone(base: EpisodicState | None, theirs: EpisodicState) -> list[Change[Memory]]:
    """What was forgotten since the base, or at another time, in the order of forgetting."""
    before: Mapping[MemoryId, datetime | None] = {} if base is None else base.forgotten
    if theirs.forgotten is before:
        return []
    gone = [(memory, at) for memory, at in theirs.forgotten.items() if memory not in before or before[memory] != at]
    had = {} if base is None else read_all(base, [memory for memory, _ in gone])
    gone.sort(key=lambda one: (one[1] or _EARLIEST, one[0]))
    return [Change(memory, had.get(memory) or version(base, memory), Gone(at)) for memory, at in gone]


def _fresh(part: Slice, before: Slice | None) -> Ints:
    """The living rows of a slice that were not among the living of one of the same block before."""
    if before is None:
        return part.living()
    if part.length <= before.length and (before.dead is None or before.dead is part.dead):
        return _NONE
    return np.setdiff1d(part.living(), before.living(), assume_unique=True)


def version(state: EpisodicState | None, memory: MemoryId) -> Version[Memory]:
    """What a state has under an id."""
    if state is None:
        return None
    if memory in state.forgotten:
        return Gone(state.forgotten[memory])
    return read(state, memory)


def versions(state: EpisodicState, ids: Iterable[MemoryId]) -> dict[MemoryId, Version[Memory]]:
    """What a state has under each id; what it never knew is left out."""
    return {one: version(state, one) for one in ids if state.knows(one)}


def digest(memory: Memory) -> bytes:
    """A short name for how a memory reads: equal for equal memories, and for no others."""
    told = [getattr(memory, name) for name in (*FIELDS, "pad", "confidence", "revised_at")]
    return blake3(_ENCODER.encode((memory.id, told))).digest(DIGEST_BYTES)


class MemoryTrait(Trait[Memory]):
    """Memories: field by field; the embedding, the PAD and its confidence go with the text that they were made of.

    Args:
        text_chars: the longest text that a policy may give.
    """

    part = "memories"
    gone = "forgotten"

    def __init__(self, text_chars: int) -> None:
        self._text_chars = text_chars

    def key(self, value: Memory) -> Key:
        return value.id

    def fields(self, ours: Memory, theirs: Memory) -> tuple[str, ...]:
        return (*FIELDS, "pad") if ours.text == theirs.text else FIELDS

    def at(self, value: Memory) -> datetime | None:
        return value.revised_at or value.at

    def edited_at(self, value: Memory) -> datetime | None:
        return value.revised_at

    def put(
        self,
        bases: Sequence[Memory],  # noqa: ARG002 - nothing of a memory adds up
        ours: Memory,
        theirs: Memory,
        chosen: Mapping[str, Any],
        sides: Mapping[str, str],
    ) -> Memory:
        for side in (ours, theirs):
            if all(getattr(side, name) == value for name, value in chosen.items()):
                return side
        felt = theirs if sides["text" if ours.text != theirs.text else "pad"] == "theirs" else ours
        told = theirs if sides["text"] == "theirs" else ours
        changed = dict(chosen)
        pad = changed.pop("pad", felt.pad)
        return replace(
            ours,
            **changed,
            embedding=told.embedding,
            pad=pad,
            confidence=felt.confidence if pad == felt.pad else 1.0,
            # No clock: both orders of a merge, and a repeated one, must come to the same.
            revised_at=max(filter(None, (ours.revised_at, theirs.revised_at)), default=max(ours.at, theirs.at)),
        )

    def union(self, name: str, ours: Any, theirs: Any, newer: Side) -> Any:
        if name == "tags":
            return tuple(dict.fromkeys((*ours, *theirs)))
        if name == "metadata":
            return theirs | ours if newer == "ours" else ours | theirs
        if name == "importance":
            return max(ours, theirs)
        return super().union(name, ours, theirs, newer)

    def checked(self, name: str, value: Any) -> Any:
        if name == "pad":
            if not isinstance(value, PAD):
                raise InvalidValue("pad", repr(value), "a PAD")
            return value
        if name == "text":
            return within("text", Utterance(value).text, self._text_chars)
        if name in NEEDED and value is None:
            raise InvalidValue(name, "None", "a value")
        return getattr(Utterance("-", **{name: value}), name)
