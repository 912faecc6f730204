"""Finding memories in a state, by meaning and by words at once, and reading them by id. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, vector
from quantum_memory.errors import InvalidValue, MemoryNotFound
from quantum_memory.memory.episodic.columnar import Ints, ascending
from quantum_memory.memory.episodic.context import Context
from quantum_memory.memory.episodic.dense import Mask
from quantum_memory.memory.episodic.filtering import Allowed
from quantum_memory.memory.episodic.lexical import Bm25
from quantum_memory.memory.episodic.look import NOTHING, Look
from quantum_memory.memory.episodic.phrase import Phrase
from quantum_memory.memory.episodic.runs import Slice
from quantum_memory.memory.episodic.state import EpisodicState, read
from quantum_memory.types import Filters, Floats, Memory, MemoryId, Vector

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
        rows: (m,) ROW; codes of names in it mean nothing here.
        sessions: the session of each, or ``None``.
        relevance: (m,) cosine with the query, in [-1, 1]; 0 if the query has no embedding.
        lexical: (m,) BM25 over the best that any living memory reaches, in [0, 1]; 0 if the query has no words.
        neighbours: (m,) how well the memories just before and after match, in [-1, 1].

    None of these depends on the filters or the limit, which only decide what is among the candidates.
    """

    numbers: Ints
    rows: NDArray[np.void]
    sessions: tuple[str | None, ...]
    relevance: Floats
    lexical: Floats
    neighbours: Floats

    @property
    def at_s(self) -> Floats:
        """(m,) when each happened, in seconds since 1970."""
        seconds: Floats = self.rows["at_us"] / 1e6
        return seconds

    @property
    def news(self) -> Floats:
        """(m,) how much of each was new to the agent when it was remembered, in [0, 1)."""
        return np.asarray(self.rows["news"], np.float64)

    def followed_by(self, more: Found) -> Found:
        """These, then others."""
        return Found(
            np.concatenate([self.numbers, more.numbers]),
            _rows_joined(self.rows, more.rows),
            (*self.sessions, *more.sessions),
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
        np.ascontiguousarray(found.rows["ticket"]),
    )


class Sighting:
    """One question put to one state: what it sees there, with its words matched once.

    Args:
        state: where to look; it does not change.
        query: its text and its embedding count; which filters and what limit, ``chosen`` is told.
        bm25: the knobs of the words' score.
        context: how far surroundings reach.

    Raises: ShapeMismatch if the embedding is not as long as those of the state.
    """

    def __init__(
        self, state: EpisodicState, query: Query, bm25: Bm25 | None = None, context: Context | None = None
    ) -> None:
        if query.embedding is not None and state.dim is not None:
            vector("embedding", query.embedding, state.dim)
        self.look = Look(state)
        self._embedding, self._context = query.embedding, context or Context()
        self._phrase = Phrase(state, self.look, query.text, bm25 or Bm25())
        self._allowed: list[Allowed] = []

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
        context = self._context
        every = ascending(np.concatenate([numbers, around[around >= 0]]))
        lexical_part, cosine = self._phrase.at(every), np.zeros(len(every))
        if self._embedding is not None and len(every):
            cosine = self._cosines(every, self._embedding.astype(np.float64))
        matching = (cosine + context.lexical_share * lexical_part) / (1.0 + context.lexical_share)
        place = np.searchsorted(every, around)
        weights = np.array((*context.weights, *context.weights))
        if self.look.heads is not None:
            nearby = self.look.machine.matched(matching, np.where(around < 0, -1, place), weights)
        else:
            nearby = matched(matching, np.where(around < 0, -1, place), weights)
        here = np.searchsorted(every, numbers)
        return Found(
            numbers,
            self.look.rows(numbers),
            tuple(self.look.labels("session", numbers)),
            cosine[here],
            lexical_part[here],
            nearby,
        )

    def _cosines(self, numbers: Ints, wanted: Floats) -> Floats:
        look = self.look
        if look.heads is not None:
            found: Floats = look.machine.cosines(look.heads.places, wanted, numbers)
        else:
            found = np.multiply(look.vectors(numbers), wanted, dtype=np.float64).sum(axis=1)
        return found.clip(-1.0, 1.0)

    def settle(self) -> None:
        """Keep no more than ``measured`` needs: nothing is chosen any more."""
        self._phrase.settle()
        self._allowed = []

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
        found = [
            part.block.nearest(self._embedding, query.limit, allowed.of_slice(index), part.length, exact=query.exact)
            for index, part in enumerate(self.look.slices)
        ]
        numbered = [(begin + near.rows, near.products) for begin, near in zip(self.look.begins, found, strict=False)]
        return _top(numbered, query.limit)

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


def _rows_joined(one: NDArray[np.void], other: NDArray[np.void]) -> NDArray[np.void]:
    held = np.empty(len(one) + len(other), one.dtype)
    held[: len(one)], held[len(one) :] = one, other
    return held


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
