"""Memories in columns: a chunk that grows at its end, a run that is finished, and the slice of one that a state sees.

Owns vectors, filter columns, postings and records of a stretch of a branch. A slice shows the first so many rows
of its block and leaves out the dead ones, so one block serves many states; nothing here ever changes a row that
some slice shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.dense import DenseIndex, FlatIndex, Mask, Nearest, scan
from quantum_memory.memory.episodic.lexical import POSTING, Ints, Matches, Postings, match_flat
from quantum_memory.memory.episodic.words import Analyzer, Codes
from quantum_memory.types import Memory, Vector

ROW = np.dtype(
    [
        ("ticket", np.int64),  # place in the branch's order of remembering; never given out twice
        ("at_us", np.int64),
        ("kind", np.int32),
        ("speaker", np.int32),
        ("session", np.int32),
        ("terms", np.int32),  # length of the document, for BM25
        ("before", np.int32),  # rows of the same session just before and after this one in the block, or -1
        ("after", np.int32),
    ]
)
TAG = np.dtype([("row", np.int32), ("tag", np.int32)])
NOBODY = -1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_VECTOR = np.empty(0, np.float32)
_FIRST_CAPACITY = 4


def micros(at: datetime) -> int:
    """Microseconds since 1970, exactly."""
    span = at - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def with_vector(memory: Memory, embedding: Vector) -> Memory:
    """The same memory with another embedding. Spelled out, because ``replace`` takes three times as long."""
    return Memory(
        memory.id,
        memory.text,
        memory.at,
        memory.pad,
        memory.confidence,
        memory.importance,
        embedding,
        memory.speaker,
        memory.kind,
        memory.session,
        memory.tags,
        memory.metadata,
        memory.revised_at,
    )


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The numbers of terms and names, shared by every state of a lineage."""

    analyzer: Analyzer = field(default_factory=Analyzer)
    terms: Codes = field(default_factory=Codes)
    names: Codes = field(default_factory=Codes)

    def name(self, name: str | None) -> int:
        """The number of a kind, speaker, session or tag, learned if it is new."""
        return NOBODY if name is None else self.names.learn(name)

    def document(self, memory: Memory) -> list[int]:
        """The terms that a memory can be found by: those of its speaker, its text and its tags."""
        text = " ".join((memory.speaker or "", memory.text, *memory.tags))
        return [self.terms.learn(term) for term in self.analyzer.terms(text)]


class Chunk:
    """A block that grows at its end. Only a state whose slice reaches ``filled`` may append.

    ``first`` and ``last`` give the end rows of each session, in a chunk as in a run.
    """

    def __init__(self, dim: int) -> None:
        self.filled = 0
        self.rows = np.empty(_FIRST_CAPACITY, ROW)
        self.tags = np.empty(0, TAG)
        self.records: list[Memory] = []
        self.first: dict[int, int] = {}
        self.last: dict[int, int] = {}
        self._vectors = np.empty((_FIRST_CAPACITY, dim), np.float32)
        self._postings = np.empty(0, POSTING)
        self._posted = 0

    def append(self, ticket: int, memory: Memory, lexicon: Lexicon) -> int:
        """Add a row and return the length of its document."""
        row, counts = self.filled, Counter(lexicon.document(memory))
        self._reserve(row + 1, self._posted + len(counts))
        session = lexicon.name(memory.session)
        before, length = self.last.get(session, -1), counts.total()
        self.rows[row] = (
            ticket,
            micros(memory.at),
            lexicon.name(memory.kind),
            lexicon.name(memory.speaker),
            session,
            length,
            before,
            -1,
        )
        self._vectors[row] = memory.embedding
        if counts:
            added = self._postings[self._posted : self._posted + len(counts)]
            added["term"], added["row"], added["count"] = list(counts), row, list(counts.values())
        if memory.tags:
            tags = np.array([(row, lexicon.name(tag)) for tag in dict.fromkeys(memory.tags)], TAG)
            self.tags = np.concatenate([self.tags, tags])
        # A slice that ends before this row takes a link to it for none, so older states do not see it.
        if before >= 0:
            self.rows["after"][before] = row
        self.first.setdefault(session, row)
        self.last[session] = row
        self.records.append(with_vector(memory, _NO_VECTOR))
        self._posted += len(counts)
        self.filled += 1
        return length

    def _reserve(self, rows: int, postings: int) -> None:
        if rows > len(self.rows):
            capacity = rows + max(_FIRST_CAPACITY, rows // 2) - 1
            grown_rows = np.empty(capacity, ROW)
            grown_rows[: self.filled] = self.rows[: self.filled]
            self.rows = grown_rows
            grown = np.empty((capacity, self._vectors.shape[1]), np.float32)
            grown[: self.filled] = self._vectors[: self.filled]
            self._vectors = grown
        if postings > len(self._postings):
            grown_postings = np.empty(postings + postings // 2, POSTING)
            grown_postings[: self._posted] = self._postings[: self._posted]
            self._postings = grown_postings

    def nearest(self, query: Vector, k: int, allowed: Mask | None, length: int) -> Nearest:
        return scan(self._vectors[:length], query, k, allowed)

    def vectors(self, rows: Ints) -> Vector:
        return self._vectors[rows]

    def postings(self, length: int) -> NDArray[np.void]:
        """The postings of the first so many rows, by row."""
        # Counted before the array is looked up: another thread may read while rows are added behind these.
        count = self._posted
        posted = self._postings[:count]
        return posted[: np.searchsorted(posted["row"], length)]

    def match(self, terms: Ints, length: int) -> Matches:
        return match_flat(self.postings(length), terms)


class Run:
    """A finished block: vectors in an index, postings grouped by term."""

    index_of: ClassVar[type[FlatIndex]] = FlatIndex

    def __init__(
        self,
        rows: NDArray[np.void],
        tags: NDArray[np.void],
        postings: NDArray[np.void],
        records: tuple[Memory, ...],
        vectors: Vector,
    ) -> None:
        self.rows, self.tags, self.records = rows, tags, records
        self._index: DenseIndex = self.index_of(vectors)
        self._postings = Postings.group(postings)
        self._link()

    def _link(self) -> None:
        """Tie each row to the rows of its session just before and after it."""
        order = np.argsort(self.rows["session"], kind="stable")
        session = self.rows["session"][order]
        same = session[1:] == session[:-1]
        self.rows["before"], self.rows["after"] = -1, -1
        self.rows["before"][order[1:][same]] = order[:-1][same]
        self.rows["after"][order[:-1][same]] = order[1:][same]
        starts, ends = np.append(True, ~same), np.append(~same, True)
        self.first = dict(zip(session[starts].tolist(), order[starts].tolist(), strict=True))
        self.last = dict(zip(session[ends].tolist(), order[ends].tolist(), strict=True))

    def nearest(self, query: Vector, k: int, allowed: Mask | None, length: int) -> Nearest:  # noqa: ARG002 - a run is always seen whole
        return self._index.nearest(query, k, allowed)

    def vectors(self, rows: Ints) -> Vector:
        return self._index.vectors(rows)

    def postings(self, length: int) -> NDArray[np.void]:  # noqa: ARG002 - a run is always seen whole
        return self._postings.flat()

    def match(self, terms: Ints, length: int) -> Matches:  # noqa: ARG002 - a run is always seen whole
        return self._postings.match(terms)


@dataclass(frozen=True, slots=True)
class Slice:
    """What one state sees of a block: its first ``length`` rows, without the dead ones.

    ``dead`` is one bit a row, least significant first; it may be shorter than ``length``.
    """

    block: Chunk | Run
    length: int
    dead: NDArray[np.uint8] | None = None
    dead_count: int = 0

    @property
    def start(self) -> int:
        """The ticket of the first row."""
        return int(self.block.rows["ticket"][0])

    @property
    def rows(self) -> NDArray[np.void]:
        return self.block.rows[: self.length]

    def alive(self) -> Mask | None:
        """(length,) truth per row, or ``None`` if all rows live."""
        if self.dead is None:
            return None
        return ~np.unpackbits(self.dead, count=self.length, bitorder="little").view(np.bool_)

    def lives(self, row: int) -> bool:
        return self.dead is None or row >> 3 >= len(self.dead) or not self.dead[row >> 3] >> (row & 7) & 1

    def row_of(self, ticket: int) -> int:
        """The row of a ticket that is known to be in this slice."""
        return int(np.searchsorted(self.rows["ticket"], ticket))

    def without(self, rows: Ints) -> Slice:
        """The same slice with these living rows dead."""
        bits = np.zeros((self.length + 7) // 8, np.uint8)
        if self.dead is not None:
            bits[: len(self.dead)] = self.dead
        np.bitwise_or.at(bits, rows >> 3, (1 << (rows & 7)).astype(np.uint8))
        return replace(self, dead=bits, dead_count=self.dead_count + len(rows))

    def living(self) -> Ints:
        """The living rows, in order."""
        alive = self.alive()
        return np.arange(self.length) if alive is None else np.flatnonzero(alive)


def joined(slices: Sequence[Slice]) -> Slice | None:
    """One finished run of the living rows of neighbouring slices, or ``None`` if there are none."""
    rows: list[NDArray[np.void]] = []
    vectors: list[Vector] = []
    records: list[Memory] = []
    tags: list[NDArray[np.void]] = []
    postings: list[NDArray[np.void]] = []
    done = 0
    for part in slices:
        living = part.living()
        place = np.full(part.length, -1, np.int32)
        place[living] = np.arange(done, done + len(living))
        rows.append(part.rows[living])
        vectors.append(part.block.vectors(living))
        records.extend(part.block.records[row] for row in living)
        tags.append(_moved(part.block.tags, place))
        postings.append(_moved(part.block.postings(part.length), place))
        done += len(living)
    if not done:
        return None
    tables = np.concatenate(rows), np.concatenate(tags), np.concatenate(postings)
    return Slice(Run(*tables, tuple(records), np.concatenate(vectors)), done)


def _moved(found: NDArray[np.void], place: NDArray[np.int32]) -> NDArray[np.void]:
    """The records of the rows that have a new place, with it; the others are left out."""
    shown = found[found["row"] < len(place)]
    row = place[shown["row"]]
    moved: NDArray[np.void] = shown[row >= 0]
    moved["row"] = row[row >= 0]
    return moved
