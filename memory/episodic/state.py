"""The memories of one branch at one place: finished runs shared with every relative, and a tail of its own.

Built like a log-structured merge tree. A memory is appended in place to the tail chunk when this state is the
one that reaches the chunk's end; a state that has been overtaken (its fork, or its parent, wrote first) keeps
what it sees of that chunk as a slice and starts a small chunk of its own, so the first write after a fork copies
nothing. A full tail becomes a run, and runs join with their neighbours as in a binary counter, so a row is
copied O(log n) times until its run is large enough to stay for good. Nothing that was handed out ever changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

import numpy as np
from rpds import HashTrieMap

from quantum_memory.checks import bounded
from quantum_memory.errors import ShapeMismatch
from quantum_memory.memory.episodic.chunk import Chunk, Lexicon
from quantum_memory.memory.episodic.news import news
from quantum_memory.memory.episodic.runs import Slice, joined
from quantum_memory.memory.episodic.words import id_number
from quantum_memory.types import Memory, MemoryId

Address = tuple[int, int]
"""A slice by number, and a row in it."""
Times: TypeAlias = "HashTrieMap[MemoryId, datetime | None]"
Digests: TypeAlias = "HashTrieMap[MemoryId, bytes]"


@dataclass(frozen=True, slots=True)
class Sizes:
    """When chunks become runs and runs join.

    Attributes:
        tail: rows at which the tail becomes a run.
        sealed: rows from which a run is never joined again.
        small: how many unsealed parts may pile up, left behind by forks and by forgetting, before they join.
    """

    tail: int = 256
    sealed: int = 16_384
    small: int = 16

    def __post_init__(self) -> None:
        bounded("tail", self.tail, 1, 2**20)
        bounded("sealed", self.sealed, self.tail, 2**24)
        bounded("small", self.small, 1, 1024)


@dataclass(frozen=True, slots=True)
class EpisodicState:
    """What a branch remembers. Made by ``MemoriesFold``; read through ``search`` and its neighbours.

    Attributes:
        dim: length of every embedding, or ``None`` as long as nothing fixed it.
        parts: slices in the order of remembering.
        tail: the slice that may still be appended to.
        forgotten: the ids that must not be found again, and when each was forgotten, where that is known.
        picked: of memories that were looked at in a selective merge, how they were on the other side then.
        next_ticket: the place of the next memory.
        live_terms: summed document length of the living.
    """

    lexicon: Lexicon = field(repr=False)
    dim: int | None = None
    parts: tuple[Slice, ...] = field(default=(), repr=False)
    tail: Slice | None = field(default=None, repr=False)
    forgotten: Times = field(default_factory=HashTrieMap, repr=False)
    picked: Digests = field(default_factory=HashTrieMap, repr=False)
    next_ticket: int = 0
    live_terms: int = 0

    def __len__(self) -> int:
        return sum(part.length - part.dead_count for part in self.slices())

    def slices(self) -> tuple[Slice, ...]:
        """Every slice, in the order of remembering."""
        return self.parts if self.tail is None else (*self.parts, self.tail)

    def find(self, memory: MemoryId) -> Address | None:
        """Where a living memory stands, or ``None``."""
        number, slices = id_number(memory), self.slices()
        for index in range(len(slices) - 1, -1, -1):  # what is asked for is likely to be new
            row = slices[index].find(memory, number)
            if row >= 0:
                return index, row
        return None

    def __contains__(self, memory: MemoryId) -> bool:
        return self.find(memory) is not None

    def knows(self, memory: MemoryId) -> bool:
        """Whether this id was ever remembered or forgotten here."""
        return memory in self.forgotten or memory in self


def check_dim(state: EpisodicState, memories: Iterable[Memory]) -> None:
    """Let through what the state could remember. Raises: ShapeMismatch, before anything is changed."""
    dim = state.dim
    for memory in memories:
        shape = memory.embedding.shape
        if len(shape) != 1 or not shape[0] or (dim is not None and shape[0] != dim):
            raise ShapeMismatch(f"embedding of memory {memory.id!r}", ("d" if dim is None else dim,), shape)
        dim = shape[0]


def remember(state: EpisodicState, memories: Iterable[Memory], sizes: Sizes) -> EpisodicState:
    """The state with what it did not know yet; the state itself if it knew everything. Raises: ShapeMismatch."""
    fresh: dict[MemoryId, Memory] = {}
    for memory in memories:
        if not state.knows(memory.id):
            fresh.setdefault(memory.id, memory)
    return _appended(state, list(fresh.values()), sizes) if fresh else state


def revise(state: EpisodicState, memories: Iterable[Memory], sizes: Sizes) -> EpisodicState:
    """The state in which these read as they do here, known before or not; itself if they do already.

    The old row dies and a new one comes last, so the order of remembering has a memory where it was last revised.
    What was forgotten is there again. Raises: ShapeMismatch.
    """
    new = [memory for memory in {one.id: one for one in memories}.values() if not _reads_as(state, memory)]
    if not new:
        return state
    check_dim(state, new)
    back = [memory.id for memory in new if memory.id in state.forgotten]
    if back:
        forgotten = state.forgotten
        for one in back:
            forgotten = forgotten.remove(one)
        state = replace(state, forgotten=forgotten)
    return _appended(_without(state, [memory.id for memory in new]), new, sizes)


def _reads_as(state: EpisodicState, memory: Memory) -> bool:
    found = read(state, memory.id)
    return found == memory and np.array_equal(found.embedding, memory.embedding)


def read(state: EpisodicState, memory: MemoryId) -> Memory | None:
    """The memory with this id, or ``None``."""
    address = state.find(memory)
    if address is None:
        return None
    return state.slices()[address[0]].block.memories(np.array([address[1]]))[0]


def read_all(state: EpisodicState, memories: Iterable[MemoryId]) -> dict[MemoryId, Memory]:
    """Those of these memories that are there, each slice read once."""
    rows: dict[int, list[int]] = defaultdict(list)
    for one in memories:
        address = state.find(one)
        if address is not None:
            rows[address[0]].append(address[1])
    slices = state.slices()
    found = (memory for index, some in rows.items() for memory in slices[index].block.memories(np.array(sorted(some))))
    return {memory.id: memory for memory in found}


def _appended(state: EpisodicState, new: Sequence[Memory], sizes: Sizes) -> EpisodicState:
    """The state with these memories, none of which lives in it, as its last."""
    check_dim(state, new)
    dim = new[0].embedding.shape[0]
    parts, tail = state.parts, state.tail
    ticket, live_terms = state.next_ticket, state.live_terms
    documents = [state.lexicon.document(memory) for memory in new]
    rows = iter(zip(documents, news(state.slices(), documents), strict=True))
    while new:
        if tail is not None and tail.length >= sizes.tail:
            parts, tail = _stack(parts, joined([tail]), sizes), None
        parts, chunk, tail = _writable(parts, tail, dim, sizes)
        taken, new = new[: sizes.tail - tail.length], new[sizes.tail - tail.length :]
        for memory in taken:
            live_terms += chunk.append(ticket, memory, *next(rows))
            ticket += 1
        tail = replace(tail, length=chunk.filled)
    return replace(state, dim=dim, parts=parts, tail=tail, next_ticket=ticket, live_terms=live_terms)


def forget(state: EpisodicState, ids: Iterable[MemoryId], times: Sequence[datetime | None] = ()) -> EpisodicState:
    """The state with these ids never to be found again, whether it knew them or not; itself if all were forgotten.

    ``times`` has when each was forgotten, as far as that is known; an id that is forgotten already keeps its time.
    """
    since: dict[MemoryId, datetime | None] = {}
    for number, memory in enumerate(ids):
        if memory not in state.forgotten:
            since.setdefault(memory, times[number] if number < len(times) else None)
    if not since:
        return state
    forgotten = state.forgotten
    for memory, at in since.items():
        forgotten = forgotten.insert(memory, at)
    return replace(_without(state, since), forgotten=forgotten)


def pick(state: EpisodicState, seen: Iterable[tuple[MemoryId, bytes]]) -> EpisodicState:
    """The state that knows how these were on another side when they were last decided about."""
    picked = state.picked
    for memory, digest in seen:
        if picked.get(memory) != digest:
            picked = picked.insert(memory, digest)
    return state if picked is state.picked else replace(state, picked=picked)


def _without(state: EpisodicState, ids: Iterable[MemoryId]) -> EpisodicState:
    """The state in which these rows are dead."""
    live_terms, whole = state.live_terms, state.slices()
    slices: list[Slice | None] = list(whole)
    rows: dict[int, set[int]] = {}
    for memory in ids:
        address = state.find(memory)
        if address is not None and address[1] not in rows.setdefault(address[0], set()):
            rows[address[0]].add(address[1])
            live_terms -= int(whole[address[0]].lengths[address[1]])
    if not rows:
        return state
    for index, dead in rows.items():
        slices[index] = _thinned(whole[index].without(np.array(sorted(dead), dtype=np.int64)))
    tail = slices.pop() if state.tail is not None else None
    if tail is not None and not isinstance(tail.block, Chunk):
        slices.append(tail)
        tail = None
    parts = tuple(part for part in slices if part is not None)
    return replace(state, parts=parts, tail=tail, live_terms=live_terms)


def _thinned(part: Slice) -> Slice | None:
    """The slice, written anew once more than half of it is dead: so the dead cost no more than the living."""
    return joined([part]) if 2 * part.dead_count > part.length else part


def _writable(
    parts: tuple[Slice, ...], tail: Slice | None, dim: int, sizes: Sizes
) -> tuple[tuple[Slice, ...], Chunk, Slice]:
    """A chunk whose end is this state's end; a tail that was overtaken is kept among the parts as it is."""
    if tail is not None and isinstance(tail.block, Chunk) and tail.block.filled == tail.length:
        return parts, tail.block, tail
    if tail is not None:
        parts = (*parts, tail)
    # Forks leave small parts behind, and so do tails of which most was forgotten and that were written anew.
    if _unsealed(parts, sizes) > sizes.small:
        parts = _collapse(parts, sizes, slack=2)
    chunk = Chunk(dim)
    return parts, chunk, Slice(chunk, 0)


def _unsealed(parts: tuple[Slice, ...], sizes: Sizes) -> int:
    """How many parts at the end are still to be joined."""
    count = 0
    for part in reversed(parts):
        if part.length >= sizes.sealed:
            break
        count += 1
    return count


def _stack(parts: tuple[Slice, ...], run: Slice | None, sizes: Sizes) -> tuple[Slice, ...]:
    """The parts with a full tail on top, joined downwards as in a binary counter."""
    return parts if run is None else _collapse((*parts, run), sizes, slack=1)


def _collapse(parts: tuple[Slice, ...], sizes: Sizes, slack: int) -> tuple[Slice, ...]:
    """Join neighbours at the end as long as the left one is at most ``slack`` times as long as all to its right."""
    begin, rows = len(parts) - 1, parts[-1].length
    while begin and parts[begin - 1].length <= slack * rows and max(parts[begin - 1].length, rows) < sizes.sealed:
        begin -= 1
        rows += parts[begin].length
    if begin == len(parts) - 1:
        return parts
    run = joined(parts[begin:])
    return parts[:begin] if run is None else (*parts[:begin], run)
