"""Finding memories in a state, by meaning and by words at once, and reading them by id. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, utc, vector
from quantum_memory.errors import InvalidValue, MemoryNotFound
from quantum_memory.memory.episodic import lexical
from quantum_memory.memory.episodic.columnar import Ints
from quantum_memory.memory.episodic.context import Addresses, Context, surroundings
from quantum_memory.memory.episodic.dense import Mask
from quantum_memory.memory.episodic.lexical import Bm25, Group
from quantum_memory.memory.episodic.records import micros
from quantum_memory.memory.episodic.runs import Slice
from quantum_memory.memory.episodic.state import EpisodicState, read
from quantum_memory.types import UNASKED_KINDS, Filters, Floats, Memory, MemoryId, Vector

NOTHING: Ints = np.empty(0, np.int64)
AT_ONCE = 256
"""Memories that are made at once where all are asked for."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for.

    Attributes:
        text: words to match, or ``None``.
        embedding: (d,) meaning to match, or ``None``; it is brought to unit length.
        filters: which memories may be found.
        limit: how many to take from each side, by meaning and by words.
        also: ids to look at besides, for instance those that a graph names; unknown ones are passed over.
        exact: whether no index may be asked that finds the nearest only almost always.

    Raises: InvalidValue, ShapeMismatch, NotFinite, OutOfRange.
    """

    text: str | None = None
    embedding: Vector | None = field(default=None, repr=False, compare=False)
    filters: Filters = field(default_factory=Filters)
    limit: int = 30
    also: tuple[MemoryId, ...] = ()
    exact: bool = False

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
        news: (m,) how much of each was new to the agent when it was remembered, in [0, 1).
        tickets: (m,) places in the order of remembering.

    None of these depends on the filters or the limit, which only decide what is among the candidates.
    """

    memories: tuple[Memory, ...]
    relevance: Floats
    lexical: Floats
    neighbours: Floats
    news: Floats
    tickets: NDArray[np.int64]


def search(state: EpisodicState, query: Query, bm25: Bm25 | None = None, context: Context | None = None) -> Candidates:
    """The ``limit`` nearest by meaning, the ``limit`` best by words, those that were named, and what lies around them.

    All pass the filters; filtering happens before the choice, so it never costs recall.
    Raises: ShapeMismatch if the embedding is not as long as those of the state.
    """
    context = context or Context()
    if query.embedding is not None and state.dim is not None:
        vector("embedding", query.embedding, state.dim)
    look = _Look(state)
    allowed = [_allowed(part, alive, query.filters) for part, alive in zip(look.slices, look.alive, strict=True)]
    words = _words(state, look, query.text, bm25 or Bm25())
    parts = _nearest(look, allowed, query), _best(look, allowed, words, query.limit), _named(look, state, query.also)
    chosen = look.passing(np.unique(np.concatenate(parts)), allowed)
    around = look.around(chosen, context)
    if context.widen:
        more = look.passing(np.setdiff1d(around[around >= 0], chosen), allowed)
        order = np.argsort(np.concatenate([chosen, more]), kind="stable")
        chosen = np.concatenate([chosen, more])[order]
        around = np.concatenate([around, look.around(more, context)])[order]
    return _measured(look, chosen, around, query.embedding, words, context)


class _Look:
    """What one search sees of a state: its slices, and one number for each row of any, in the order of remembering."""

    def __init__(self, state: EpisodicState) -> None:
        self.slices = state.slices()
        self.alive = [part.alive() for part in self.slices]
        self.begins = np.cumsum([0, *(part.length for part in self.slices)])

    def addresses(self, numbers: Ints) -> Addresses:
        """Where rows are; none where a number is -1."""
        index = np.searchsorted(self.begins, numbers, side="right") - 1
        return Addresses(index, np.where(numbers < 0, -1, numbers - self.begins[index]))

    def numbers(self, addresses: Addresses) -> Ints:
        """The numbers of rows; -1 where there is none."""
        return np.where(addresses.row < 0, -1, self.begins[addresses.which] + addresses.row)

    def by_slice(self, numbers: Ints) -> Iterator[tuple[int, Ints]]:
        """The rows with these numbers, which ascend, slice by slice."""
        bounds = np.searchsorted(numbers, self.begins).tolist()
        for index, (low, high) in enumerate(pairwise(bounds)):
            if high > low:
                yield index, numbers[low:high] - self.begins[index]

    def passing(self, numbers: Ints, allowed: Sequence[Mask | None]) -> Ints:
        """Those of these numbers, which ascend, that filters let through."""
        masks = [(rows, allowed[index]) for index, rows in self.by_slice(numbers)]
        passed = [np.ones(len(rows), np.bool_) if mask is None else mask[rows] for rows, mask in masks]
        return numbers[np.concatenate(passed)] if passed else numbers

    def around(self, numbers: Ints, context: Context) -> Ints:
        """(m, 2 reach) the numbers of what lies around, -1 for none."""
        return self.numbers(surroundings(self.slices, self.alive, self.addresses(numbers), context))


def _allowed(part: Slice, alive: Mask | None, filters: Filters) -> Mask | None:
    """(length,) truth per row that lives and passes the filters, or ``None`` if all do."""
    rows, code, masks = part.rows, part.block.code, []
    if alive is not None:
        masks.append(alive)
    if filters.since is not None:
        masks.append(rows["at_us"] >= micros(utc("since", filters.since)))
    if filters.until is not None:
        masks.append(rows["at_us"] < micros(utc("until", filters.until)))
    for column, name in (("kind", filters.kind), ("speaker", filters.speaker)):
        if name is not None:
            masks.append(rows[column] == code(name))
    if filters.kind is None:
        unasked = [found for found in map(code, sorted(UNASKED_KINDS)) if found >= 0]
        if unasked:
            masks.append(~np.isin(rows["kind"], unasked))
    if filters.tags:
        tags = part.block.tags[part.block.tags["row"] < part.length]
        for tag in filters.tags:
            tagged = np.zeros(part.length, np.bool_)
            tagged[tags["row"][tags["tag"] == code(tag)]] = True
            masks.append(tagged)
    if filters.near is not None:
        apart = part.block.feelings(part.length) - np.asarray(filters.near.pad)
        masks.append(np.sqrt((apart**2).sum(axis=1)) <= filters.near.radius)
    if not masks:
        return None
    passed: Mask = np.logical_and.reduce(masks)
    return passed


class _Words(NamedTuple):
    """What the words of a query find.

    Attributes:
        scores: BM25 of every row of every slice, dead ones have none.
        best: the best that any living row has; 0 if none has any.
    """

    scores: list[Floats]
    best: float


def _words(state: EpisodicState, look: _Look, text: str | None, knobs: Bm25) -> _Words:
    if not text or not state.live_terms:
        return _Words([], 0.0)
    terms = lexical.distinct(state.lexicon.terms(text))
    matches = (part.block.match(terms, part.length) for part in look.slices)
    found = [_living(groups, alive) for groups, alive in zip(matches, look.alive, strict=True)]
    frequencies = np.zeros(len(terms), np.int64)
    for group in chain.from_iterable(found):
        frequencies[group.term] += len(group.rows)
    count = len(state)
    weights, mean = lexical.inverse_frequencies(count, frequencies), state.live_terms / count
    scores = [
        lexical.scores(groups, weights, part.lengths, mean, knobs)
        for groups, part in zip(found, look.slices, strict=True)
    ]
    best = max(float(score.max(initial=0.0)) for score in scores)
    return _Words(scores, best)


def _living(groups: list[Group], alive: Mask | None) -> list[Group]:
    """The groups without dead rows, and without those that have no others."""
    if alive is None:
        return groups
    kept = [(group, alive[group.rows]) for group in groups]
    return [Group(group.term, group.rows[lives], group.counts[lives]) for group, lives in kept if lives.any()]


def _nearest(look: _Look, allowed: Sequence[Mask | None], query: Query) -> Ints:
    """The nearest by meaning over all slices; of equals the older."""
    if query.embedding is None or not query.limit:
        return NOTHING
    found = [
        part.block.nearest(query.embedding, query.limit, mask, part.length, exact=query.exact)
        for part, mask in zip(look.slices, allowed, strict=True)
    ]
    numbered = [(begin + near.rows, near.products) for begin, near in zip(look.begins, found, strict=False)]
    return _top(numbered, query.limit)


def _best(look: _Look, allowed: Sequence[Mask | None], words: _Words, limit: int) -> Ints:
    """The best by words over all slices; of equals the older."""
    found = []
    for begin, mask, score in zip(look.begins, allowed, words.scores, strict=False):
        rows = np.flatnonzero(score > 0.0 if mask is None else (score > 0.0) & mask)
        if len(rows) > limit > 0:
            # Everything that ties with the last place stays in, so that the choice among equals is made once, below.
            floor = np.partition(score[rows], len(rows) - limit)[len(rows) - limit]
            rows = rows[score[rows] >= floor]
        found.append((begin + rows, score[rows]))
    return _top(found, limit)


def _top(found: Sequence[tuple[Ints, NDArray[np.floating]]], limit: int) -> Ints:
    if not found or not limit:
        return NOTHING
    numbers, scores = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return numbers[np.lexsort((numbers, -scores))[:limit]]


def _named(look: _Look, state: EpisodicState, ids: Iterable[MemoryId]) -> Ints:
    places = [address for memory in ids if (address := state.find(memory)) is not None]
    return np.array([look.begins[index] + row for index, row in places], np.int64)


def _measured(
    look: _Look, chosen: Ints, around: Ints, embedding: Vector | None, words: _Words, context: Context
) -> Candidates:
    """The parts of every candidate; cosines are taken again in float64, so they do not depend on how runs lie."""
    every = np.unique(np.concatenate([chosen, around[around >= 0]]))
    lexical_part, cosine = np.zeros(len(every)), np.zeros(len(every))
    vectors = [look.slices[index].block.vectors(rows) for index, rows in look.by_slice(every)]
    if embedding is not None and vectors:
        cosine = (np.concatenate(vectors).astype(np.float64) * embedding.astype(np.float64)).sum(axis=1).clip(-1.0, 1.0)
    if words.best > 0.0 and vectors:
        scores = [words.scores[index][rows] for index, rows in look.by_slice(every)]
        lexical_part = np.concatenate(scores) / words.best
    matching = (cosine + context.lexical_share * lexical_part) / (1.0 + context.lexical_share)
    nearby = np.zeros(len(chosen))
    place = np.searchsorted(every, around)
    for column, weight in enumerate((*context.weights, *context.weights)):
        there = around[:, column] >= 0
        nearby[there] += weight * matching[place[there, column]]
    here, asked = np.searchsorted(every, chosen), dict(look.by_slice(chosen))
    found = [(look.slices[index], rows) for index, rows in asked.items()]
    return Candidates(
        tuple(memory for part, rows in found for memory in part.block.memories(rows)),
        cosine[here],
        lexical_part[here],
        nearby,
        np.concatenate([part.rows["news"][rows] for part, rows in found]).astype(np.float64) if found else np.zeros(0),
        np.concatenate([part.rows["ticket"][rows] for part, rows in found]) if found else NOTHING,
    )


def fetch(state: EpisodicState, ids: Iterable[MemoryId]) -> tuple[Memory, ...]:
    """The memories with these ids, in this order. Raises: MemoryNotFound for one that is unknown or forgotten."""
    found = []
    for identity in ids:
        memory = read(state, identity)
        if memory is None:
            raise MemoryNotFound(identity)
        found.append(memory)
    return tuple(found)


def contains(state: EpisodicState, ids: Iterable[MemoryId]) -> list[bool]:
    """Which of these ids can be found."""
    return [memory in state for memory in ids]


def known(state: EpisodicState, ids: Iterable[MemoryId]) -> list[bool]:
    """Which of these ids were ever remembered or forgotten here."""
    return [state.knows(memory) for memory in ids]


def count(state: EpisodicState) -> int:
    """How many memories can be found."""
    return len(state)


def memories(state: EpisodicState) -> Iterator[Memory]:
    """Every memory that can be found, in the order of remembering."""
    for part in state.slices():
        rows = part.living()
        for start in range(0, len(rows), AT_ONCE):
            yield from part.block.memories(rows[start : start + AT_ONCE])


def record(part: Slice, row: int) -> Memory:
    """The memory in a row of a slice."""
    return part.block.memories(np.array([row]))[0]


def latest(state: EpisodicState, most: int) -> tuple[MemoryId, ...]:
    """The ids of the last so many memories, in the order of remembering."""
    found: list[Memory] = []
    for part in reversed(state.slices()):
        if len(found) < most:
            found = part.block.memories(part.living()[len(found) - most :]) + found
    return tuple(one.id for one in found)
