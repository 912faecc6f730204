"""What one question sees of a state: its slices, and one number for each row of any. Reads columns, changes nothing.

Numbers follow the order of remembering, and may be asked for in any order. Whatever is asked for many rows is asked of
each slice once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory import compiled
from quantum_memory.memory.episodic.chunk import Chunk
from quantum_memory.memory.episodic.columnar import Ints
from quantum_memory.memory.episodic.context import (
    Addresses,
    Beyond,
    Context,
    surroundings,
)
from quantum_memory.memory.episodic.parts import told_by_last
from quantum_memory.memory.episodic.records import FELT
from quantum_memory.memory.episodic.rows import NOBODY, ROW
from quantum_memory.memory.episodic.runs import Block
from quantum_memory.memory.episodic.spelling import spelled
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.memory.episodic.words import Codes, id_number
from quantum_memory.types import Floats, Memory, MemoryId, Vector

Label = Literal["kind", "speaker", "session"]
T = TypeVar("T")
S = TypeVar("S", bound=np.generic)
NOTHING: Ints = np.empty(0, np.int64)


class Stamps(NamedTuple):
    """Of m rows the place in the order of remembering, the time in microseconds since 1970, and how new it was."""

    tickets: Ints
    at_us: Ints
    news: Floats


class Look:
    """The slices of a state, the living rows of each, and the number at which each begins.

    Attributes:
        machine: the module ``columns``, where there is machine code; then ``heads`` are what it reads.
    """

    def __init__(self, state: EpisodicState) -> None:
        self.slices = state.slices()
        self.alive = [part.alive() for part in self.slices]
        self._beyond: Beyond = {}
        self._sessions = Codes()
        self.machine: Any = compiled.ready("memories")
        self.heads = None if self.machine is None else self.machine.heads_of(self.slices)
        self.begins = np.cumsum([0, *(part.length for part in self.slices)])
        self._begin_list: list[int] = self.begins[:-1].tolist()

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

    def around(self, numbers: Ints, context: Context) -> Ints:
        """(m, 2 reach) the numbers of what lies around, -1 for none."""
        if self.heads is None:
            return self._around(numbers, context)
        near: Ints = self.machine.around(self.heads.places, numbers, context.reach, float(context.gap_s))
        return near

    def _around(self, numbers: Ints, context: Context) -> Ints:
        return self.numbers(surroundings(self.slices, self.alive, self.addresses(numbers), context, self._beyond))

    def find(self, ids: Sequence[MemoryId]) -> Ints:
        """(n,) the number of each id's living row, or -1. Every slice is asked for all of them at once."""
        found = np.full(len(ids), -1, np.int64)
        if not ids:
            return found
        if self.heads is not None:
            wanted = spelled(ids)
            found = self.machine.found(self.heads.places, *wanted)
            looked_at = [(index, part) for index, part in enumerate(self.slices) if isinstance(part.block, Chunk)]
            numbers = wanted.numbers
        else:
            looked_at = list(enumerate(self.slices))
            numbers = np.array([id_number(memory) for memory in ids], np.uint64)
        for index, part in looked_at:
            for at in part.block.likely(ids, numbers):
                row = part.find(ids[at], int(numbers[at]))
                if row >= 0:
                    found[at] = self.begins[index] + row
        return found

    def stamps(self, numbers: Ints) -> Stamps:
        """Where rows stand in the order of remembering, when each was, and how new."""
        if self.heads is not None:
            return Stamps(*self.machine.stamps(self.heads.places, numbers))
        held = self._placed(numbers, _rows_of, np.empty(0, ROW))
        news: Floats = held["news"].astype(np.float64)
        return Stamps(held["ticket"].copy(), held["at_us"].copy(), news)

    def named(self, column: Label, numbers: Ints) -> tuple[Ints, list[str]]:
        """(m,) the place of each row's name in a column among names that are given too, or -1 for none.

        A name may be there more than once.
        """
        if self.heads is not None:
            which, firsts = self.machine.grouped(self.heads.places, self.machine.COLUMNS[column], numbers)
            places = map(self._address, numbers[firsts].tolist())
            return which, [str(self.slices[index].block.label(column, row)) for index, row in places]
        known = Codes()
        which = np.array([NOBODY if name is None else known.learn(name) for name in self._labels(column, numbers)])
        return which.astype(np.int64), known.words()

    def sessions(self, numbers: Ints) -> Ints:
        """(m,) a number for the session of each row, the same for one session whenever this look is asked; -1: none."""
        if self.heads is not None:
            found: Ints = self.machine.sessions(self.heads.places, numbers)
            return found
        learn = self._sessions.learn
        names = self._labels("session", numbers)
        return np.array([NOBODY if name is None else learn(name) for name in names], np.int64)

    def _labels(self, column: Label, numbers: Ints) -> list[str | None]:
        return self._each(numbers, lambda block, rows: block.labels(column, rows))

    def _address(self, number: int) -> tuple[int, int]:
        index = bisect_right(self._begin_list, number) - 1
        return index, number - self._begin_list[index]

    def vectors(self, numbers: Ints) -> Vector:
        """(m, d) embeddings of rows; (0, 0) of none."""
        return self._placed(numbers, lambda block, rows: block.vectors(rows), np.empty((0, 0), np.float32))

    def felt(self, numbers: Ints) -> Floats:
        """(m, 5) what rows feel like and matter, in the order of ``FELT``."""
        return self._placed(numbers, lambda block, rows: block.felt(rows), np.empty((0, len(FELT))))

    def statements(self, numbers: Ints) -> Floats:
        """(m,) 0 for texts that end as a question and 1 for others."""
        if self.heads is not None:
            told, unclear = told_by_last(self.machine.last_bytes(self.heads.places, numbers))
            if len(unclear):
                told[unclear] = self._statements(numbers[unclear])
            return told
        return self._statements(numbers)

    def _statements(self, numbers: Ints) -> Floats:
        return self._placed(numbers, lambda block, rows: block.statements(rows), np.empty(0))

    def ids(self, numbers: Ints) -> list[MemoryId]:
        """The ids of rows."""
        places = map(self._address, numbers.tolist())
        return [self.slices[index].block.id(row) for index, row in places]

    def said(self, numbers: Ints) -> list[tuple[str, datetime]]:
        """The texts of rows, and when each was said."""
        return self._each(numbers, lambda block, rows: block.said(rows))

    def memories(self, numbers: Ints) -> list[Memory]:
        """The memories in rows, with vectors of their own."""
        return self._each(numbers, lambda block, rows: block.memories(rows))

    def _placed(self, numbers: Ints, read: Callable[[Block, Ints], NDArray[S]], nothing: NDArray[S]) -> NDArray[S]:
        """What is read of the rows of each slice, in the order of these; ``nothing`` of none."""
        order = np.argsort(numbers, kind="stable")
        found = [read(self.slices[index].block, rows) for index, rows in self.by_slice(numbers[order])]
        if not found:
            return nothing
        joined = found[0] if len(found) == 1 else np.concatenate(found)
        placed = np.empty_like(joined)
        placed[order] = joined
        return placed

    def _each(self, numbers: Ints, read: Callable[[Block, Ints], Sequence[T]]) -> list[T]:
        order = np.argsort(numbers, kind="stable")
        parts = ((self.slices[index].block, rows) for index, rows in self.by_slice(numbers[order]))
        found = [one for block, rows in parts for one in read(block, rows)]
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        return [found[place] for place in places.tolist()]


def _rows_of(block: Block, rows: Ints) -> NDArray[np.void]:
    held = np.empty(len(rows), ROW)
    block.fill(held, rows)
    return held
