"""Finding memories in a state, by meaning and by words at once, and reading them by id. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, utc, vector
from quantum_memory.errors import InvalidValue, MemoryNotFound
from quantum_memory.memory.episodic import lexical
from quantum_memory.memory.episodic.context import Address, Context, neighbours
from quantum_memory.memory.episodic.dense import Mask
from quantum_memory.memory.episodic.lexical import Bm25
from quantum_memory.memory.episodic.runs import Lexicon, Slice, micros, with_vector
from quantum_memory.memory.episodic.state import EpisodicState, locate
from quantum_memory.types import UNASKED_KINDS, Filters, Floats, Memory, MemoryId, Vector


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for.

    Attributes:
        text: words to match, or ``None``.
        embedding: (d,) meaning to match, or ``None``; it is brought to unit length.
        filters: which memories may be found.
        limit: how many to take from each side, by meaning and by words.
        also: ids to look at besides, for instance those that a graph names; unknown ones are passed over.

    Raises: InvalidValue, ShapeMismatch, NotFinite, OutOfRange.
    """

    text: str | None = None
    embedding: Vector | None = field(default=None, repr=False, compare=False)
    filters: Filters = field(default_factory=Filters)
    limit: int = 30
    also: tuple[MemoryId, ...] = ()

    def __post_init__(self) -> None:
        if self.text is not None and not isinstance(self.text, str):
            raise InvalidValue("text", type(self.text).__name__, "a text or None")
        if self.embedding is not None:
            object.__setattr__(self, "embedding", vector("embedding", self.embedding))
        if not isinstance(self.limit, int):
            raise InvalidValue("limit", repr(self.limit), "a whole number")
        bounded("limit", self.limit, 0, 2**31 - 1)
        object.__setattr__(self, "also", tuple(self.also))


@dataclass(frozen=True, slots=True)
class Candidates:
    """What was found, in the order of remembering, and how each part matches.

    Attributes:
        memories: the m memories.
        relevance: (m,) cosine with the query, in [-1, 1]; 0 if the query has no embedding.
        lexical: (m,) BM25 over the best that any living memory reaches, in [0, 1]; 0 if the query has no words.
        neighbours: (m,) how well the memories just before and after match, in [-1, 1].

    None of the three depends on the filters or the limit, which only decide what is among the candidates.
    """

    memories: tuple[Memory, ...]
    relevance: Floats
    lexical: Floats
    neighbours: Floats


def search(state: EpisodicState, query: Query, bm25: Bm25 | None = None, context: Context | None = None) -> Candidates:
    """The ``limit`` nearest by meaning, the ``limit`` best by words, those that were named, and what lies around them.

    All pass the filters; filtering happens before the choice, so it never costs recall.
    Raises: ShapeMismatch if the embedding is not as long as those of the state.
    """
    context = context or Context()
    if query.embedding is not None and state.dim is not None:
        vector("embedding", query.embedding, state.dim)
    slices = state.slices()
    allowed = [_allowed(part, query.filters, state.lexicon) for part in slices]
    words = _words(state, slices, query.text, bm25 or Bm25())
    chosen = {
        *_nearest(slices, allowed, query),
        *_best(slices, allowed, words, query.limit),
        *_named(state, slices, allowed, query.also),
    }
    around = {address: neighbours(slices, address, context) for address in chosen}
    if context.widen:
        for address in {found for near in list(around.values()) for found, _ in near} - chosen:
            if _passes(allowed, address):
                around[address] = neighbours(slices, address, context)
    return _measured(slices, around, query.embedding, words, context)


def _allowed(part: Slice, filters: Filters, lexicon: Lexicon) -> Mask | None:
    """(length,) truth per row that lives and passes the filters, or ``None`` if all do."""
    rows, masks = part.rows, []
    alive = part.alive()
    if alive is not None:
        masks.append(alive)
    if filters.since is not None:
        masks.append(rows["at_us"] >= micros(utc("since", filters.since)))
    if filters.until is not None:
        masks.append(rows["at_us"] < micros(utc("until", filters.until)))
    for column, name in (("kind", filters.kind), ("speaker", filters.speaker)):
        if name is not None:
            code = lexicon.names.find(name)
            masks.append(rows[column] == code if code >= 0 else np.zeros(part.length, np.bool_))
    if filters.kind is None:
        unasked = [code for code in map(lexicon.names.find, sorted(UNASKED_KINDS)) if code >= 0]
        if unasked:
            masks.append(~np.isin(rows["kind"], unasked))
    if filters.tags:
        tags = part.block.tags[part.block.tags["row"] < part.length]
        for tag in filters.tags:
            tagged = np.zeros(part.length, np.bool_)
            tagged[tags["row"][tags["tag"] == lexicon.names.find(tag)]] = True
            masks.append(tagged)
    if not masks:
        return None
    passed: Mask = np.logical_and.reduce(masks)
    return passed


def _words(state: EpisodicState, slices: Sequence[Slice], text: str | None, knobs: Bm25) -> list[Floats]:
    """Normalised BM25 of every row of every slice; dead rows have some score too, which nobody asks for."""
    none = [np.zeros(part.length) for part in slices]
    if not text or not state.live_terms:
        return none
    terms = lexical.distinct([state.lexicon.terms.find(term) for term in state.lexicon.analyzer.terms(text)])
    found = [part.block.match(terms, part.length) for part in slices]
    alive = [part.alive() for part in slices]
    frequencies = np.zeros(len(terms), np.int64)
    for matches, living in zip(found, alive, strict=True):
        terms_here = matches.term if living is None else matches.term[living[matches.row]]
        frequencies += np.bincount(terms_here, minlength=len(terms))
    weights = lexical.inverse_frequencies(len(state), frequencies)
    mean = state.live_terms / len(state)
    raw = [
        lexical.scores(matches, weights, part.rows["terms"], mean, knobs)
        for matches, part in zip(found, slices, strict=True)
    ]
    shown = [score if living is None else score[living] for score, living in zip(raw, alive, strict=True)]
    best = max(float(score.max(initial=0.0)) for score in shown)
    return [score / best for score in raw] if best > 0.0 else none


def _nearest(slices: Sequence[Slice], allowed: Sequence[Mask | None], query: Query) -> list[Address]:
    """The nearest by meaning over all slices; of equals the older."""
    if query.embedding is None or not query.limit:
        return []
    found = [
        part.block.nearest(query.embedding, query.limit, mask, part.length)
        for part, mask in zip(slices, allowed, strict=True)
    ]
    return _top([(index, near.rows, near.products) for index, near in enumerate(found)], query.limit)


def _best(
    slices: Sequence[Slice], allowed: Sequence[Mask | None], words: Sequence[Floats], limit: int
) -> list[Address]:
    """The best by words over all slices; of equals the older."""
    found = []
    for index, (part, mask, score) in enumerate(zip(slices, allowed, words, strict=True)):
        rows = np.flatnonzero(score[: part.length] > 0.0 if mask is None else (score > 0.0) & mask)
        if len(rows) > limit > 0:
            # Everything that ties with the last place stays in, so that the choice among equals is made once, below.
            floor = np.partition(score[rows], len(rows) - limit)[len(rows) - limit]
            rows = rows[score[rows] >= floor]
        found.append((index, rows, score[rows]))
    return _top(found, limit)


def _top(found: Sequence[tuple[int, NDArray[np.int64], NDArray[np.floating]]], limit: int) -> list[Address]:
    if not found or not limit:
        return []
    index = np.concatenate([np.full(len(rows), which) for which, rows, _ in found])
    rows = np.concatenate([rows for _, rows, _ in found])
    scores = np.concatenate([scores for _, _, scores in found])
    best = np.lexsort((rows, index, -scores))[:limit]
    return list(zip(index[best].tolist(), rows[best].tolist(), strict=True))


def _named(
    state: EpisodicState, slices: Sequence[Slice], allowed: Sequence[Mask | None], ids: Iterable[MemoryId]
) -> list[Address]:
    places = [locate(slices, state.tickets[memory]) for memory in ids if memory in state.tickets]
    return [address for address in places if _passes(allowed, address)]


def _passes(allowed: Sequence[Mask | None], address: Address) -> bool:
    mask = allowed[address[0]]
    return mask is None or bool(mask[address[1]])


def _measured(
    slices: Sequence[Slice],
    around: dict[Address, list[tuple[Address, float]]],
    embedding: Vector | None,
    words: Sequence[Floats],
    context: Context,
) -> Candidates:
    """The parts of every candidate; cosines are taken again in float64, so they do not depend on how runs lie."""
    chosen = sorted(around)
    every = sorted({*chosen, *(found for near in around.values() for found, _ in near)})
    place = {address: number for number, address in enumerate(every)}
    vectors = _vectors(slices, every)
    cosine = np.zeros(len(every))
    if embedding is not None and every:
        cosine = (vectors.astype(np.float64) * embedding.astype(np.float64)).sum(axis=1).clip(-1.0, 1.0)
    lexical_part = np.array([words[index][row] for index, row in every], dtype=np.float64)
    matching = (cosine + context.lexical_share * lexical_part) / (1.0 + context.lexical_share)
    here = np.array([place[address] for address in chosen], dtype=np.int64)
    nearby = np.array(
        [sum(weight * matching[place[found]] for found, weight in around[address]) for address in chosen],
        dtype=np.float64,
    )
    memories = tuple(
        with_vector(slices[index].block.records[row], vectors[place[index, row]].copy()) for index, row in chosen
    )
    return Candidates(memories, cosine[here], lexical_part[here], nearby)


def _vectors(slices: Sequence[Slice], addresses: Sequence[Address]) -> Vector:
    """(n, d) vectors at addresses that are sorted."""
    if not addresses:
        return np.empty((0, 0), np.float32)
    index = np.array(addresses, dtype=np.int64)
    used, starts = np.unique(index[:, 0], return_index=True)
    rows = np.split(index[:, 1], starts[1:])
    return np.concatenate([slices[which].block.vectors(here) for which, here in zip(used.tolist(), rows, strict=True)])


def fetch(state: EpisodicState, ids: Iterable[MemoryId]) -> tuple[Memory, ...]:
    """The memories with these ids, in this order. Raises: MemoryNotFound for one that is unknown or forgotten."""
    slices, found = state.slices(), []
    for memory in ids:
        if memory not in state.tickets:
            raise MemoryNotFound(memory)
        index, row = locate(slices, state.tickets[memory])
        found.append(record(slices[index], row))
    return tuple(found)


def contains(state: EpisodicState, ids: Iterable[MemoryId]) -> list[bool]:
    """Which of these ids can be found."""
    return [memory in state.tickets for memory in ids]


def known(state: EpisodicState, ids: Iterable[MemoryId]) -> list[bool]:
    """Which of these ids were ever remembered or forgotten here."""
    return [state.knows(memory) for memory in ids]


def count(state: EpisodicState) -> int:
    """How many memories can be found."""
    return len(state)


def memories(state: EpisodicState) -> Iterator[Memory]:
    """Every memory that can be found, in the order of remembering."""
    for part in state.slices():
        yield from records(part)


def records(part: Slice) -> Iterator[Memory]:
    """The living memories of a slice, in order."""
    for row in part.living():
        yield record(part, int(row))


def record(part: Slice, row: int) -> Memory:
    """The memory in a row of a slice."""
    found = part.block.vectors(np.array([row]))[0]
    return with_vector(part.block.records[row], found)
