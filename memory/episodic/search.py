"""Finding memories in a state, by meaning and by words at once, and reading them by id. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, vector
from quantum_memory.errors import InvalidValue, MemoryNotFound
from quantum_memory.memory.episodic.columnar import Ints, ascending
from quantum_memory.memory.episodic.context import Context
from quantum_memory.memory.episodic.dense import Mask, Multiply, all_products
from quantum_memory.memory.episodic.filtering import Allowed
from quantum_memory.memory.episodic.lexical import Bm25
from quantum_memory.memory.episodic.look import NOTHING, Look, Stamps
from quantum_memory.memory.episodic.parts import LEAST_LEFT, bridged_rows
from quantum_memory.memory.episodic.phrase import MOST_KEPT, Phrase
from quantum_memory.memory.episodic.runs import Slice
from quantum_memory.memory.episodic.state import EpisodicState, read
from quantum_memory.types import Filters, Floats, Memory, MemoryId, Vector

AT_ONCE = 256
"""Memories that are made at once where all are asked for."""


MAX_BM25 = 1e9


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
        over: what BM25 is taken over where it is more than the best of any memory here: the best of several states,
            whose scores can be compared then.

    Raises: InvalidValue, ShapeMismatch, NotFinite, OutOfRange.
    """

    text: str | None = None
    embedding: Vector | None = field(default=None, repr=False, compare=False)
    filters: Filters = field(default_factory=Filters)
    limit: int = 30
    also: tuple[MemoryId, ...] = ()
    exact: bool = False
    over: float = 0.0

    def __post_init__(self) -> None:
        if self.text is not None and not isinstance(self.text, str):
            raise InvalidValue("text", type(self.text).__name__, "a text or None")
        if self.embedding is not None:
            object.__setattr__(self, "embedding", vector("embedding", self.embedding))
        if not isinstance(self.limit, int):
            raise InvalidValue("limit", repr(self.limit), "a whole number")
        bounded("limit", self.limit, 0, 2**31 - 1)
        bounded("over", self.over, 0.0, MAX_BM25)
        object.__setattr__(self, "also", tuple(self.also))


class Chosen(NamedTuple):
    """Candidates by their numbers (m,), which ascend, and (m, 2 reach) what lies around each, -1 for none."""

    numbers: Ints
    around: Ints

    def without(self, numbers: Ints) -> Chosen:
        """Those that are not among these numbers."""
        new = ~_among(self.numbers, np.sort(numbers))
        return Chosen(self.numbers[new], self.around[new])


@dataclass(frozen=True, slots=True)
class Found:
    """Candidates as columns, and how each part matches.

    Attributes:
        numbers: (m,) which rows, as ``Look`` numbers them.
        stamps: where each stands in the order of remembering, when it was, and how new.
        sessions: (m,) a number for the session of each, as ``Look`` gives it, or -1.
        relevance: (m,) cosine with the query, in [-1, 1]; 0 if the query has no embedding.
        lexical: (m,) BM25 over the best that any living memory reaches, in [0, 1]; 0 if the query has no words.
        neighbours: (m,) how well the memories just before and after match, in [-1, 1].

    None of these depends on the filters or the limit, which only decide what is among the candidates.
    """

    numbers: Ints
    stamps: Stamps
    sessions: Ints
    relevance: Floats
    lexical: Floats
    neighbours: Floats

    @property
    def at_s(self) -> Floats:
        """(m,) when each happened, in seconds since 1970."""
        seconds: Floats = self.stamps.at_us / 1e6
        return seconds

    @property
    def news(self) -> Floats:
        """(m,) how much of each was new to the agent when it was remembered, in [0, 1)."""
        return self.stamps.news

    def followed_by(self, more: Found) -> Found:
        """These, then others."""
        return Found(
            np.concatenate([self.numbers, more.numbers]),
            Stamps(*(np.concatenate(both) for both in zip(self.stamps, more.stamps, strict=True))),
            np.concatenate([self.sessions, more.sessions]),
            np.concatenate([self.relevance, more.relevance]),
            np.concatenate([self.lexical, more.lexical]),
            np.concatenate([self.neighbours, more.neighbours]),
        )


@dataclass(frozen=True, slots=True)
class Candidates:
    """What was found, in the order of remembering, and how each part matches; see ``Found``.

    Attributes:
        memories: the m memories.
        news: (m,) how much of each was new to the agent when it was remembered, in [0, 1).
        tickets: (m,) places in the order of remembering.
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
    sighting = Sighting(state, query, bm25, context)
    found = sighting.measured(sighting.chosen(query))
    return Candidates(
        tuple(sighting.look.memories(found.numbers)),
        found.relevance,
        found.lexical,
        found.neighbours,
        found.news,
        found.stamps.tickets,
    )


class Sighting:
    """One question put to one state: what it sees there, with its words matched once.

    Args:
        state: where to look; it does not change.
        query: its text and its embedding count; which filters and what limit, ``chosen`` is told.
        bm25: the knobs of the words' score.
        context: how far surroundings reach.
        multiply: what multiplies all rows of an array with the embedding.

    Raises: ShapeMismatch if the embedding is not as long as those of the state.
    """

    def __init__(
        self,
        state: EpisodicState,
        query: Query,
        bm25: Bm25 | None = None,
        context: Context | None = None,
        multiply: Multiply = all_products,
    ) -> None:
        if query.embedding is not None and state.dim is not None:
            vector("embedding", query.embedding, state.dim)
        self.look = Look(state)
        self._embedding, self._context, self._multiply = query.embedding, context or Context(), multiply
        self._wanted = np.empty(0) if query.embedding is None else query.embedding.astype(np.float64)
        self._phrase = Phrase(state, self.look, query.text, bm25 or Bm25(), query.limit, query.over)
        self._allowed: list[Allowed] = []

    @property
    def best_words(self) -> float:
        """The best BM25 that any living memory has, or what it is taken over; 0 if none has any of the words."""
        return self._phrase.best

    def chosen(self, query: Query) -> Chosen:
        """The candidates under the filters and the limit of a query."""
        allowed = self._allowed_by(query.filters)
        named = self.look.find(query.also)
        parts = self._nearest(allowed, query), self._best(allowed, query.limit), named[named >= 0]
        return self._widened(ascending(np.concatenate(parts)), allowed)

    def named(self, numbers: Ints, filters: Filters) -> Chosen:
        """Those of these rows, and of what lies around them, that pass the filters."""
        return self._widened(ascending(numbers), self._allowed_by(filters))

    def measured(self, chosen: Chosen) -> Found:
        """The parts of candidates.

        Cosines are taken again in float64, so they do not depend on how runs lie.
        """
        numbers, around = chosen
        match = self._matched if self.look.heads is None else self._swiftly_matched
        return Found(numbers, self.look.stamps(numbers), self.look.sessions(numbers), *match(numbers, around))

    def _swiftly_matched(self, numbers: Ints, around: Ints) -> tuple[Floats, Floats, Floats]:
        """By machine code: cosines of rows, their BM25 over the best, and how well what lies around each matches."""
        look, phrase, context = self.look, self._phrase, self._context
        weights = np.array((*context.weights, *context.weights))
        found: tuple[Floats, Floats, Floats] = look.machine.matching.measured(
            *(look.heads.places, *phrase.law, phrase.best),  # type: ignore[union-attr]  # it has heads
            *(self._wanted, float(context.lexical_share), numbers, around, weights),
        )
        return found

    def _matched(self, numbers: Ints, around: Ints) -> tuple[Floats, Floats, Floats]:
        """The same by arrays."""
        context = self._context
        every = ascending(np.concatenate([numbers, around[around >= 0]]))
        lexical_part, cosine = self._phrase.at(every), np.zeros(len(every))
        if len(self._wanted) and len(every):
            products = np.multiply(self.look.vectors(every), self._wanted, dtype=np.float64)
            cosine = products.sum(axis=1).clip(-1.0, 1.0)
        matching = (cosine + context.lexical_share * lexical_part) / (1.0 + context.lexical_share)
        weights = np.array((*context.weights, *context.weights))
        nearby = matched(matching, np.where(around < 0, -1, np.searchsorted(every, around)), weights)
        here = np.searchsorted(every, numbers)
        return cosine[here], lexical_part[here], nearby

    def bridged(self, numbers: Ints, ways: Ints, strengths: Floats) -> Floats:
        """(m,) how well rows answer what those that lead to them leave of the question; see ``parts.bridged``.

        Args:
            numbers: (m,) the rows that lead or are led to.
            ways: (w, 2) the places in them of the end and the beginning of each bridge.
            strengths: (w,) of the bridges.
        """
        if self.look.heads is None:
            return bridged_rows(self._wanted, self.look.vectors(numbers), ways, strengths)
        leading, by = np.unique(ways[:, 1], return_inverse=True)
        found: Floats = self.look.machine.matching.bridged(
            *(self.look.heads.places, self._wanted, LEAST_LEFT, numbers[leading], numbers),
            *(np.stack([ways[:, 0], by], axis=1), strengths),
        )
        return found

    def settle(self) -> None:
        """Keep no more than ``measured`` needs: nothing is chosen any more."""
        self._phrase.settle()
        self._allowed, self._multiply = [], all_products

    def _widened(self, numbers: Ints, allowed: Allowed) -> Chosen:
        numbers = allowed.passing(numbers)
        around = self.look.around(numbers, self._context)
        if not self._context.widen:
            return Chosen(numbers, around)
        near = ascending(around[around >= 0])
        more = allowed.passing(near[~_among(near, numbers)])
        every = np.concatenate([numbers, more])
        order = np.argsort(every, kind="stable")
        return Chosen(every[order], np.concatenate([around, self.look.around(more, self._context)])[order])

    def _allowed_by(self, filters: Filters) -> Allowed:
        for known in self._allowed:
            if known.filters == filters:
                return known
        self._allowed.append(Allowed(self.look, filters))
        return self._allowed[-1]

    def _nearest(self, allowed: Allowed, query: Query) -> Ints:
        """The nearest by meaning over all slices; of equals the older."""
        if self._embedding is None or not query.limit:
            return NOTHING
        swift = self.look.heads is not None and query.limit <= MOST_KEPT
        numbered = []
        for index, (begin, part) in enumerate(zip(self.look.begins, self.look.slices, strict=False)):
            find = partial(part.block.near, multiply=self._multiply) if swift else part.block.nearest
            found = find(self._embedding, query.limit, allowed.of_slice(index), part.length, exact=query.exact)
            numbered.append((begin + found.rows, found.products))
        if not swift or not numbered:
            return _top(numbered, query.limit)
        columns = (np.concatenate(column) for column in zip(*numbered, strict=True))
        foremost: Ints = self.look.machine.matching.foremost(*columns, query.limit)
        return foremost

    def _best(self, allowed: Allowed, limit: int) -> Ints:
        """The best by words over all slices; of equals the older."""
        quick = self._phrase.top(limit) if allowed.all_pass else None
        if quick is not None:
            return quick
        found = []
        for index, begin in enumerate(self.look.begins[:-1]):
            score = self._phrase.of_slice(index)
            if score is None or not limit:
                continue
            mask = allowed.of_slice(index)
            rows = np.flatnonzero(score > 0.0 if mask is None else (score > 0.0) & mask)
            if len(rows) > limit:
                # Everything that ties with the last place stays in: the choice among equals is made once, below.
                floor = np.partition(score[rows], len(rows) - limit)[len(rows) - limit]
                rows = rows[score[rows] >= floor]
            found.append((begin + rows, score[rows]))
        return _top(found, limit)


def matched(scores: Floats, near: Ints, weights: Floats) -> Floats:
    """(m,) the weighted sum of what (m, w) places, or -1, have among (n,) scores."""
    found = np.zeros(len(near))
    for column, weight in enumerate(weights.tolist()):
        there = near[:, column] >= 0
        found[there] += weight * scores[near[there, column]]
    return found


def _among(some: Ints, numbers: Ints) -> Mask:
    """Which of some are among numbers that ascend."""
    if not len(numbers):
        return np.zeros(len(some), np.bool_)
    found: Mask = numbers[np.minimum(np.searchsorted(numbers, some), len(numbers) - 1)] == some
    return found


def _top(found: Sequence[tuple[Ints, NDArray[np.floating]]], limit: int) -> Ints:
    if not found or not limit:
        return NOTHING
    numbers, scores = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return numbers[np.lexsort((numbers, -scores))[:limit]]


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


def page(state: EpisodicState, begin: int, most: int) -> tuple[list[Memory], int]:
    """So many of these from the ``begin``-th on, and how many there are. No other one is read."""
    found: list[Memory] = []
    total = 0
    for part in state.slices():
        rows = part.living()
        first = max(0, begin - total)
        if first < len(rows) and len(found) < most:
            found += part.block.memories(rows[first : first + most - len(found)])
        total += len(rows)
    return found, total


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
