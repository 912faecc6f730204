"""What one question sees of a state: its slices, and one number for each row of any. Reads columns, changes nothing.

Numbers follow the order of remembering. Whatever is asked for many rows is asked of each slice once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory import compiled
from quantum_memory.memory.episodic.chunk import Chunk
from quantum_memory.memory.episodic.columnar import Ints
from quantum_memory.memory.episodic.context import (
    Addresses,
    Beyond,
    Context,
    goes_on,
    surroundings,
    surroundings_of_few,
)
from quantum_memory.memory.episodic.parts import told_by_last
from quantum_memory.memory.episodic.records import FELT
from quantum_memory.memory.episodic.rows import ROW
from quantum_memory.memory.episodic.runs import Block, Slice
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.memory.episodic.words import id_number
from quantum_memory.types import Floats, Memory, MemoryId, Vector

Label = Literal["kind", "speaker", "session"]
T = TypeVar("T")
S = TypeVar("S", bound=np.generic)
NOTHING: Ints = np.empty(0, np.int64)


class Look:
    """The slices of a state, the living rows of each, and the number at which each begins.

    Attributes:
        machine: the module ``columns``, where there is machine code; then ``heads`` are what it reads.
    """

    def __init__(self, state: EpisodicState) -> None:
        self.slices = state.slices()
        self.alive = [part.alive() for part in self.slices]
        self._beyond: Beyond = {}
        self.machine: Any = compiled.ready("memories")
        self.heads = None if self.machine is None else self.machine.heads_of(self.slices)
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

    def around(self, numbers: Ints, context: Context) -> Ints:
        """(m, 2 reach) the numbers of what lies around, -1 for none."""
        if self.heads is None:
            return self._around(numbers, context)
        near: Ints
        near, left = self.machine.around(self.heads.places, numbers, context.reach, float(context.gap_s))
        if len(left):
            beyond, slices = self._beyond, self.slices
            on = {one for one, *end in left.tolist() if goes_on(slices, beyond, *end)}
            if on:
                some = np.array(sorted(on))
                of = self.addresses(numbers[some])
                near[some] = self.numbers(surroundings_of_few(slices, self.alive, of, context, beyond))
        return near

    def _around(self, numbers: Ints, context: Context) -> Ints:
        return self.numbers(surroundings(self.slices, self.alive, self.addresses(numbers), context, self._beyond))

    def find(self, ids: Sequence[MemoryId]) -> Ints:
        """(n,) the number of each id's living row, or -1. Every slice is asked for all of them at once."""
        found = np.full(len(ids), -1, np.int64)
        if not ids:
            return found
        wanted = np.array([id_number(memory) for memory in ids], np.uint64)
        if self.heads is not None:
            return self._found(ids, wanted, self.machine.standing(self.heads.places, wanted), found)
        for index, part in enumerate(self.slices):
            for at in part.block.likely(ids, wanted):
                row = part.find(ids[at], int(wanted[at]))
                if row >= 0:
                    found[at] = self.begins[index] + row
        return found

    def _found(self, ids: Sequence[MemoryId], wanted: NDArray[np.uint64], standing: Ints, found: Ints) -> Ints:
        """The same by machine code; whether a number stands for the id is seen by the id itself."""
        shared = False
        for at, (index, row) in enumerate(standing.tolist()):
            if index < 0:
                continue
            if self.slices[index].block.id(row) == ids[at]:
                found[at] = self.begins[index] + row
            else:
                shared = True  # next to never: several ids have this number, and the one asked for may be in any run
        for index, part in enumerate(self.slices):
            if shared or isinstance(part.block, Chunk):
                for at in part.block.likely(ids, wanted):
                    row = part.find(ids[at], int(wanted[at]))
                    if row >= 0:
                        found[at] = self.begins[index] + row
        return found

    def rows(self, numbers: Ints) -> NDArray[np.void]:
        """(m,) ROW of numbers that ascend. Names in it are of the slice alone: see ``labels``."""
        held = np.empty(len(numbers), ROW)  # to join arrays of records takes numpy several times as long
        low = 0
        for part, rows in self._parts(numbers):
            part.block.fill(held[low : low + len(rows)], rows)
            low += len(rows)
        return held

    def vectors(self, numbers: Ints) -> Vector:
        """(m, d) embeddings of numbers that ascend; (0, 0) of none."""
        found = [part.block.vectors(rows) for part, rows in self._parts(numbers)]
        return joined(found, np.empty((0, 0), np.float32))

    def felt(self, numbers: Ints) -> Floats:
        """(m, 5) what numbers that ascend feel like and matter, in the order of ``FELT``."""
        return joined([part.block.felt(rows) for part, rows in self._parts(numbers)], np.empty((0, len(FELT))))

    def statements(self, numbers: Ints) -> Floats:
        """(m,) 0 for texts that end as a question and 1 for others, of numbers that ascend."""
        if self.heads is not None:
            last = self.machine.last_bytes(self.heads.places, numbers)
            told, unclear = told_by_last(last)
            told[unclear] = self._statements(numbers[unclear])
            return told
        return self._statements(numbers)

    def _statements(self, numbers: Ints) -> Floats:
        return joined([part.block.statements(rows) for part, rows in self._parts(numbers)], np.empty(0))

    def labels(self, column: Label, numbers: Ints) -> list[str | None]:
        """The names in a column, of numbers that ascend."""
        return [name for part, rows in self._parts(numbers) for name in part.block.labels(column, rows)]

    def ids(self, numbers: Ints) -> list[MemoryId]:
        """The ids of rows, in any order."""
        return self._each(numbers, lambda block, rows: block.ids(rows))

    def said(self, numbers: Ints) -> list[tuple[str, datetime]]:
        """The texts of rows, in any order, and when each was said."""
        return self._each(numbers, lambda block, rows: block.said(rows))

    def memories(self, numbers: Ints) -> list[Memory]:
        """The memories in rows, in any order, with vectors of their own."""
        return self._each(numbers, lambda block, rows: block.memories(rows))

    def _parts(self, numbers: Ints) -> Iterator[tuple[Slice, Ints]]:
        return ((self.slices[index], rows) for index, rows in self.by_slice(numbers))

    def _each(self, numbers: Ints, read: Callable[[Block, Ints], Sequence[T]]) -> list[T]:
        order = np.argsort(numbers, kind="stable")
        found = [one for part, rows in self._parts(numbers[order]) for one in read(part.block, rows)]
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        return [found[place] for place in places.tolist()]


def joined(found: Sequence[NDArray[S]], nothing: NDArray[S]) -> NDArray[S]:
    """Arrays one after another; ``nothing`` of none."""
    return found[0] if len(found) == 1 else np.concatenate(found) if found else nothing
