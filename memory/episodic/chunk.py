"""A chunk: memories that were remembered last, which grows at its end.

Owns how a memory becomes a row. What some slice shows of it never changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.columnar import Ints
from quantum_memory.memory.episodic.dense import FlatIndex, Mask, Multiply, Nearest, scan
from quantum_memory.memory.episodic.lexical import POSTING, Group, Postings, Terms, match_flat
from quantum_memory.memory.episodic.parts import statements
from quantum_memory.memory.episodic.records import Records, felt, micros
from quantum_memory.memory.episodic.rows import NOBODY, ROW, Rows
from quantum_memory.memory.episodic.tables import TAG, UNHEARD, Ends, Table
from quantum_memory.memory.episodic.words import Analyzer, Codes, number
from quantum_memory.types import Memory, MemoryId, Vector

T = TypeVar("T")
_NO_VECTOR = np.empty(0, np.float32)
_FIRST_CAPACITY = 4


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


_ANALYZER = Analyzer()
"""Shared by all branches of a process: each would keep stems of its own."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Which terms a memory can be found by, as numbers."""

    analyzer: Analyzer = _ANALYZER

    def document(self, memory: Memory) -> Counter[int]:
        """Those of its speaker, its text and its tags, and how often each stands there."""
        return Counter(self.terms(" ".join((memory.speaker or "", memory.text, *memory.tags))))

    def terms(self, text: str) -> list[int]:
        """Those of a text, in its order, repeated ones too."""
        return [number(term) for term in self.analyzer.terms(text)]


class Chunk:
    """A block that grows at its end. Only a state whose slice reaches ``filled`` may append."""

    def __init__(self, dim: int) -> None:
        self.filled = 0
        self.rows = np.empty(_FIRST_CAPACITY, ROW)
        self.tags = np.empty(0, TAG)
        self._names = Codes()
        self._records: list[Memory] = []
        self._ids: dict[MemoryId, tuple[int, ...]] = {}
        self._first: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._vectors = np.empty((_FIRST_CAPACITY, dim), np.float32)
        self._postings = np.empty(0, POSTING)
        self._posted = 0
        self._head: tuple[int, Any] | None = None

    def append(self, ticket: int, memory: Memory, counts: Mapping[int, int], news: float) -> int:
        """Add a row, with the terms of its document and how often each stands there; returns how long that is."""
        row = self.filled
        self._reserve(row + 1, self._posted + len(counts))
        session = self._learn(memory.session)
        before, length = self._last.get(session, -1), sum(counts.values())
        kind, speaker = self._learn(memory.kind), self._learn(memory.speaker)
        self.rows[row] = (ticket, micros(memory.at), kind, speaker, session, length, news, before, -1)
        self._vectors[row] = memory.embedding
        if counts:
            added = self._postings[self._posted : self._posted + len(counts)]
            added["term"], added["row"], added["count"] = list(counts), row, list(counts.values())
        if memory.tags:
            tags = np.array([(row, self._learn(tag)) for tag in memory.tags], TAG)
            self.tags = np.concatenate([self.tags, tags])
        # A slice that ends before this row takes a link to it for none, so older states do not see it.
        if before >= 0:
            self.rows["after"][before] = row
        self._first.setdefault(session, row)
        self._last[session] = row
        self._records.append(with_vector(memory, _NO_VECTOR))
        self._ids[memory.id] = (*self._ids.get(memory.id, ()), row)
        self._posted += len(counts)
        self.filled += 1
        return length

    def _learn(self, name: str | None) -> int:
        return NOBODY if name is None else self._names.learn(name)

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

    @property
    def nbytes(self) -> int:
        """Bytes of its columns, without the texts."""
        return self.rows.nbytes + self.tags.nbytes + self._vectors.nbytes + self._postings.nbytes

    def fill(self, held: NDArray[np.void], rows: Ints) -> None:
        """Write some rows into as long an array of ``ROW``."""
        held[:] = self.rows[rows]

    @property
    def sessions(self) -> NDArray[np.int32]:
        """The session of each row."""
        found: NDArray[np.int32] = self.rows["session"]
        return found

    @property
    def kinds(self) -> NDArray[np.int32]:
        """The kind of each row."""
        found: NDArray[np.int32] = self.rows["kind"]
        return found

    @property
    def speakers(self) -> NDArray[np.int32]:
        """The speaker of each row."""
        found: NDArray[np.int32] = self.rows["speaker"]
        return found

    @property
    def lengths(self) -> NDArray[np.int32]:
        """The terms of each row's document."""
        found: NDArray[np.int32] = self.rows["terms"]
        return found

    def code(self, name: str | None) -> int:
        """The number of a name, UNHEARD if no memory here has it."""
        if name is None:
            return NOBODY
        found = self._names.find(name)
        return UNHEARD if found < 0 else found

    def session(self, row: int) -> str | None:
        """The session of a row."""
        return self._records[row].session

    def sessions_by_name(self) -> tuple[list[str], Ends]:
        """Its names so far in the order of their codes, and where the session of each of them begins and ends."""
        names = self._names.words()  # read first: another thread may go on adding
        first, last = (np.full(len(names) + 1, -1, np.int32) for _ in range(2))
        for ends, of in ((first, self._first), (last, self._last)):
            for code, row in list(of.items()):
                if code < len(names):
                    ends[code] = row
        return names, Ends(first, last)

    def label(self, column: str, row: int) -> str | None:
        """The kind, speaker or session of a row."""
        found: str | None = getattr(self._records[row], column)
        return found

    def labels(self, column: str, rows: Ints) -> list[str | None]:
        """The kinds, speakers or sessions of some rows."""
        return [getattr(self._records[row], column) for row in rows.tolist()]

    def likely(self, ids: Sequence[MemoryId], numbers: NDArray[np.uint64]) -> list[int]:  # noqa: ARG002 - ids do
        """Which of these ids, whose numbers these are, some row may have: their places among them."""
        return [at for at, memory in enumerate(ids) if memory in self._ids]

    def id(self, row: int) -> MemoryId:
        """The id of a row."""
        return self._records[row].id

    def ids(self, rows: Ints) -> list[MemoryId]:
        """The ids of some rows."""
        return [self._records[row].id for row in rows.tolist()]

    def said(self, rows: Ints) -> list[tuple[str, datetime]]:
        """The texts of some rows, and when each was said."""
        return [(one.text, one.at) for one in (self._records[row] for row in rows.tolist())]

    def felt(self, rows: Ints) -> NDArray[np.float64]:
        """(m, 5) in the order of ``FELT``."""
        return felt([self._records[row] for row in rows.tolist()])

    def statements(self, rows: Ints) -> NDArray[np.float64]:
        """(m,) 0 for a text that ends as a question, and 1 for any other."""
        return statements(self._records[row].text for row in rows.tolist())

    def first(self, session: int) -> int:
        """The first row of a session, or -1."""
        return self._first.get(session, -1)

    def last(self, session: int) -> int:
        """The last row of a session, or -1."""
        return self._last.get(session, -1)

    def find(self, memory: MemoryId, code: int) -> Sequence[int]:  # noqa: ARG002 - runs look ids up by their number
        """The rows that ever had this id."""
        return self._ids.get(memory, ())

    def nearest(self, query: Vector, k: int, allowed: Mask | None, length: int, *, exact: bool) -> Nearest:  # noqa: ARG002 - it is exact anyway
        return scan(self._vectors[:length], query, k, allowed)

    def near(
        self,
        query: Vector,
        k: int,
        allowed: Mask | None,
        length: int,
        *,
        exact: bool,  # noqa: ARG002 - it is exact anyway
        multiply: Multiply,
    ) -> Nearest:
        return FlatIndex(self._vectors[:length]).near(query, k, allowed, multiply=multiply)

    def vectors(self, rows: Ints) -> Vector:
        return self._vectors[rows]

    def shown(self, length: int) -> Vector:
        """(length, d) the vectors of the first so many rows, in place."""
        return self._vectors[:length]

    def feelings(self, length: int) -> NDArray[np.float64]:
        """(length, 3) the PAD of each row."""
        return np.array([np.asarray(one.pad) for one in self._records[:length]], np.float64).reshape(-1, 3)

    def memories(self, rows: Ints) -> list[Memory]:
        """The memories in some rows, with vectors of their own."""
        return [with_vector(self._records[row], self._vectors[row].copy()) for row in rows.tolist()]

    def match(self, terms: Terms, length: int) -> list[Group]:
        return match_flat(self.flat(length), terms)

    def table(self, rows: Ints, length: int) -> Table:
        """These rows, which are among the first so many, as a table."""
        place = np.full(length, -1, np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        flat, tags = self.flat(length), self.tags
        moved = place[flat["row"]]
        kept = moved >= 0
        tags = tags[tags["row"] < length]
        tags = tags[place[tags["row"]] >= 0]
        tags["row"] = place[tags["row"]]
        records = Records.of([self._records[row] for row in rows.tolist()])
        postings = Postings.group(flat["term"][kept], moved[kept], flat["count"][kept])
        return Table(Rows.of(self.rows[rows]), tags, tuple(self._names.words()), records, postings, self._vectors[rows])

    def head(self, length: int, made: Callable[[Chunk, int], T]) -> T:
        """What is made of the columns of the first so many rows, which do not change; made again for another length."""
        known = self._head
        if known is None or known[0] != length:
            known = self._head = length, made(self, length)
        found: T = known[1]
        return found

    def flat(self, length: int) -> NDArray[np.void]:
        """The postings of the first so many rows, by row."""
        # Counted before the array is looked up: another thread may read while rows are added behind these.
        count = self._posted
        posted = self._postings[:count]
        return posted[: np.searchsorted(posted["row"], length)]
