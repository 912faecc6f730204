"""Runs and slices: memories that are finished, and what one state sees of a block.

A slice shows the first so many rows of its block and leaves out the dead ones, so one block serves many states;
nothing here ever changes a row that some slice shows.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.chunk import Chunk
from quantum_memory.memory.episodic.columnar import Ints
from quantum_memory.memory.episodic.dense import DenseIndex, FlatIndex, Mask, Multiply, Nearest
from quantum_memory.memory.episodic.lexical import Group, Terms
from quantum_memory.memory.episodic.parts import statements_of
from quantum_memory.memory.episodic.rows import Rows
from quantum_memory.memory.episodic.tables import Ends, Table, concat
from quantum_memory.types import Memory, MemoryId, Vector

T = TypeVar("T")


class Run:
    """A finished block: a table, and an index over its vectors.

    What it holds never changes, but where that lies may: in a file that is mapped, or in a larger run.

    Args:
        table: tied, if ``ends`` are given.
        ends: where each session begins and ends.

    Attributes:
        since, until: the first and the last moment of any row, in microseconds since 1970; of none, the second is less.
        index: over the vectors. Another one may take its place at any time, which finds the same or nearly the same.
        indexed: whether one was built, or is about to be.
        name: of the file that holds it, once there is one.
    """

    def __init__(self, table: Table, index: DenseIndex | None = None, ends: Ends | None = None) -> None:
        self._table, self._ends = table.tied() if ends is None else (table, ends)
        self._labels = (*table.names, None)
        at_us = table.rows["at_us"]
        self.since, self.until = (int(at_us.min()), int(at_us.max())) if len(at_us) else (0, -1)
        self.index: DenseIndex = index or FlatIndex(table.vectors)
        self.indexed = index is not None
        self.name: str | None = None
        self._head: tuple[Table, Any] | None = None
        self._within: list[tuple[weakref.ref[Run], int]] = []

    def __len__(self) -> int:
        return len(self._table)

    @property
    def whole(self) -> Table:
        """All of it, with the rows tied."""
        return self._table

    @property
    def ends(self) -> Ends:
        return self._ends

    def head(self, made: Callable[[Table, Ends], T]) -> T:
        """What is made of the columns that it shows now; made again, and let go, once it shows others."""
        known, table = self._head, self._table
        if known is None or known[0] is not table:
            known = self._head = table, made(table, self._ends)
        found: T = known[1]
        return found

    @property
    def kinds(self) -> NDArray[np.integer]:
        return self._table.rows["kind"]

    @property
    def speakers(self) -> NDArray[np.integer]:
        return self._table.rows["speaker"]

    @property
    def sessions(self) -> NDArray[np.integer]:
        return self._table.rows["session"]

    @property
    def lengths(self) -> NDArray[np.integer]:
        return self._table.rows["terms"]

    def become(self, twin: Run) -> None:
        """Show the columns of an equal run from now on, and let its own go."""
        self._table, self._ends, self._head = twin.whole, twin.ends, None
        self.index, self.indexed = twin.index, self.indexed or twin.indexed
        self._lend()

    def contain(self, part: Run, start: int) -> None:
        """Let a run whose rows are rows of this one, from ``start`` on, show this one's vectors and texts."""
        self._within.append((weakref.ref(part), start))
        part._borrow(self._table, start)

    def _borrow(self, whole: Table, start: int) -> None:
        own, end = self._table, start + len(self._table)
        records = own.records.within(whole.records, start, end)
        self._table, self._head = replace(own, vectors=whole.vectors[start:end], records=records), None
        if self.index.kind == "flat":
            self.index = FlatIndex(self._table.vectors)
        self._lend()

    def _lend(self) -> None:
        """Let those that show columns of this run show those that it has now."""
        self._within = [(part, start) for part, start in self._within if part() is not None]
        for part, start in self._within:
            held = part()
            if held is not None:
                held._borrow(self._table, start)  # noqa: SLF001 - it is one of these

    @property
    def rows(self) -> Rows:
        return self._table.rows

    def fill(self, held: NDArray[np.void], rows: Ints) -> None:
        """Write some rows into as long an array of ``ROW``."""
        self._table.rows.fill(held, rows)

    @property
    def tags(self) -> NDArray[np.void]:
        return self._table.tags

    def weights(self) -> dict[str, int]:
        """Bytes by what they are for."""
        table = self._table
        records, names = table.records, sum(map(sys.getsizeof, table.names)) + sys.getsizeof(table.codes)
        return {
            "vectors": table.vectors.nbytes,
            "index": self.index.resident,
            "texts": records.texts.data.nbytes,
            "records": records.nbytes,
            "postings": table.postings.nbytes,
            "rows": table.rows.nbytes + table.tags.nbytes,
            "names": names,
        }

    def code(self, name: str | None) -> int:
        return self._table.code(name)

    def session(self, row: int) -> str | None:
        code = int(self._table.rows["session"][row])
        return None if code < 0 else self._table.names[code]

    def label(self, column: str, row: int) -> str | None:
        found: str | None = self._labels[self._table.rows[column][row]]
        return found

    def labels(self, column: str, rows: Ints) -> list[str | None]:
        return [self._labels[code] for code in self._table.rows[column][rows].tolist()]

    def likely(self, ids: Sequence[MemoryId], numbers: NDArray[np.uint64]) -> list[int]:  # noqa: ARG002 - numbers do
        own = self._table.records.numbers
        at = np.minimum(np.searchsorted(own, numbers), len(own) - 1)
        return np.flatnonzero(own[at] == numbers).tolist() if len(own) else []

    def id(self, row: int) -> MemoryId:
        """The id of a row."""
        return self._table.records.ids.text(row)

    def ids(self, rows: Ints) -> list[MemoryId]:
        return self._table.records.ids.texts(rows)

    def said(self, rows: Ints) -> list[tuple[str, datetime]]:
        records = self._table.records
        return list(zip(records.texts.texts(rows), records.ats(rows, self.rows["at_us"][rows]), strict=True))

    def felt(self, rows: Ints) -> NDArray[np.float64]:
        return self._table.records.felt(rows)

    def statements(self, rows: Ints) -> NDArray[np.float64]:
        return statements_of(self._table.records.texts, rows)

    def first(self, session: int) -> int:
        return int(self._ends.first[session])

    def last(self, session: int) -> int:
        return int(self._ends.last[session])

    def find(self, memory: MemoryId, code: int) -> Sequence[int]:
        row = self._table.records.find(memory, code)
        return () if row < 0 else (row,)

    def nearest(self, query: Vector, k: int, allowed: Mask | None, length: int, *, exact: bool) -> Nearest:  # noqa: ARG002 - a run is always seen whole
        return self.index.nearest(query, k, allowed, exact=exact)

    def near(
        self,
        query: Vector,
        k: int,
        allowed: Mask | None,
        length: int,  # noqa: ARG002 - a run is always seen whole
        *,
        exact: bool,
        multiply: Multiply,
    ) -> Nearest:
        return self.index.near(query, k, allowed, exact=exact, multiply=multiply)

    def vectors(self, rows: Ints) -> Vector:
        return self._table.vectors[rows]

    def feelings(self, length: int) -> NDArray[np.float64]:  # noqa: ARG002 - a run is always seen whole
        return self._table.records.pads.astype(np.float64)

    def memories(self, rows: Ints) -> list[Memory]:
        return self._table.memories(rows, self.vectors(rows))

    def match(self, terms: Terms, length: int) -> list[Group]:  # noqa: ARG002 - a run is always seen whole
        return self._table.postings.match(terms)

    def table(self, rows: Ints, length: int) -> Table:  # noqa: ARG002 - a run is always seen whole
        return self._table if len(rows) == len(self._table) else self._table.take(rows)


Block: TypeAlias = Chunk | Run


@dataclass(frozen=True, slots=True)
class Slice:
    """What one state sees of a block: its first ``length`` rows, without the dead ones.

    ``dead`` is one bit a row, least significant first; it may be shorter than ``length``.
    """

    block: Block
    length: int
    dead: NDArray[np.uint8] | None = None
    dead_count: int = 0

    def column(self, name: str) -> NDArray[Any]:
        """(length,) a column of ``ROW``."""
        found: NDArray[Any] = self.block.rows[name]
        return found[: self.length]

    @property
    def sessions(self) -> NDArray[np.integer]:
        """(length,) the session of each row, or NOBODY."""
        return self.block.sessions[: self.length]

    @property
    def kinds(self) -> NDArray[np.integer]:
        """(length,) the kind of each row."""
        return self.block.kinds[: self.length]

    @property
    def speakers(self) -> NDArray[np.integer]:
        """(length,) the speaker of each row, or NOBODY."""
        return self.block.speakers[: self.length]

    @property
    def lengths(self) -> NDArray[np.integer]:
        """(length,) terms of each document."""
        return self.block.lengths[: self.length]

    def alive(self) -> Mask | None:
        """(length,) truth per row, or ``None`` if all rows live."""
        if self.dead is None:
            return None
        return ~np.unpackbits(self.dead, count=self.length, bitorder="little").view(np.bool_)

    def lives(self, row: int) -> bool:
        return self.dead is None or row >> 3 >= len(self.dead) or not self.dead[row >> 3] >> (row & 7) & 1

    def find(self, memory: MemoryId, number: int) -> int:
        """The living row of an id, whose number this is, or -1."""
        for row in self.block.find(memory, number):
            if row < self.length and self.lives(row):
                return row
        return -1

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

    def memories(self) -> list[Memory]:
        """The living memories, in order, with vectors of their own."""
        return self.block.memories(self.living())


def tabled(slices: Sequence[Slice]) -> Table | None:
    """The living rows of neighbouring slices as one table, or ``None`` if there are none."""
    tables = [part.block.table(rows, part.length) for part in slices if len(rows := part.living())]
    return concat(tables) if tables else None


def joined(slices: Sequence[Slice]) -> Slice | None:
    """One finished run of the living rows of neighbouring slices, or ``None`` if there are none.

    Runs that are whole in it show its columns from then on, so what older states still hold of them costs little.
    """
    table = tabled(slices)
    if table is None:
        return None
    run, start = Run(table), 0
    for part in slices:
        if isinstance(part.block, Run) and not part.dead_count:
            run.contain(part.block, start)
        start += part.length - part.dead_count
    return Slice(run, len(table))
