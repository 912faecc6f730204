"""Where the columns of slices lie, as one table of numbers: what machine code reads them by, and how it reads one.

Owns the order of that table. Whoever has a table has the columns too, so they stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.chunk import Chunk
from quantum_memory.memory.episodic.columnar import Hexes, Ids
from quantum_memory.memory.episodic.rows import Rows
from quantum_memory.memory.episodic.runs import Run, Slice
from quantum_memory.memory.episodic.tables import Ends, Table
from quantum_memory.memory.machine import address_of, field_of, inside, place_of, read_u8, whole, whole_at

Places = NDArray[np.int64]

BEGIN, LENGTH, DEAD, DEAD_BYTES, VECTORS, DIM, FLAT, POSTED, TERMS, TERM_COUNT, NUMBERS, NUMBER_COUNT = range(12)
STARTS, ROWS, COUNTS, ORDER = range(12, 20, 2)
"""Columns of whole numbers in one piece: the address, and in the place after it how wide they are."""
LENGTHS, BEFORE, AFTER, SESSION, AT, TICKET, SPEAKER, KIND = range(20, 44, 3)
"""Fields: the address, how far the next one is, how wide they are."""
NEWS = 44
"""A field in single precision: the address, and how far the next one is."""
TEXTS, TEXT_STARTS = 46, 47
"""The texts of a run, and where each begins, as a column of whole numbers."""
IDS, ID_STARTS, ID_WIDTH = 49, 50, 52
"""The ids of a run likewise, or how many bytes each takes where they are numbers."""
NAMES, NAME_COUNT, NAME_ORDER, FIRSTS, LASTS = range(53, 58)
"""The marks of the names in a slice by their codes, how many there are, and the codes in the order of their marks; the
first and the last row of each session by its code, and of none in the last place."""
WIDE = 58
_MARK_BITS = (1 << 62) - 1


class Heads(NamedTuple):
    """Of s slices (s, ``WIDE``) where their columns begin, and the columns themselves."""

    places: Places
    held: Sequence[Any]


@inside
def field(head: Any, column: int, row: int) -> Any:
    """A field of a row, which is a whole number."""
    return whole(head[column] + head[column + 1] * row, head[column + 2])


@inside
def col(head: Any, column: int, at: int) -> Any:
    """The whole number at a place of a column in one piece."""
    return whole_at(head[column], head[column + 1], at)


@inside
def dead(head: Any, row: int) -> Any:
    """Whether a row of a slice is dead."""
    if not head[DEAD] or row >> 3 >= head[DEAD_BYTES]:
        return False
    return (read_u8(head[DEAD] + (row >> 3)) >> (row & 7)) & 1 != 0


@inside
def slice_of(places: Any, number: int) -> Any:
    """The slice in which a row is, by its number."""
    low, high = 0, len(places) - 1
    while low < high:
        middle = (low + high + 1) >> 1
        if places[middle, BEGIN] > number:
            high = middle - 1
        else:
            low = middle
    return low


def heads_of(slices: Sequence[Slice]) -> Heads:
    """Those of the slices of a state."""
    places, held, begin = np.zeros((len(slices), WIDE), np.int64), [], 0
    for at, part in enumerate(slices):
        block, head = part.block, places[at]
        own, columns = block.head(_of_run) if isinstance(block, Run) else block.head(part.length, _of_chunk)
        head[:] = own
        held.append(columns)
        head[BEGIN], head[LENGTH] = begin, part.length
        begin += part.length
        if part.dead is not None:
            head[DEAD], head[DEAD_BYTES] = address_of(part.dead), len(part.dead)
            held.append((part.dead,))
    return Heads(places, held)


def _of_run(table: Table, ends: Ends) -> tuple[Places, tuple[Any, ...]]:
    head, postings, records = np.zeros(WIDE, np.int64), table.postings, table.records
    _put_rows(head, table.rows, table.rows["terms"], table.vectors)
    marked = _put_names(head, table.names, ends)
    head[TERMS], head[TERM_COUNT] = address_of(postings.terms), len(postings.terms)
    head[NUMBERS], head[NUMBER_COUNT] = address_of(records.numbers), len(records.numbers)
    head[TEXTS], texts = address_of(records.texts.data), records.texts.starts
    _put_ids(head, records.ids)
    columns = (
        (TEXT_STARTS, texts),
        (STARTS, postings.starts),
        (ROWS, postings.rows),
        (COUNTS, postings.counts),
        (ORDER, records.order),
    )
    for place, column in columns:
        head[place : place + 2] = place_of(column)
    return head, (table, marked)


def _of_chunk(chunk: Chunk, length: int) -> tuple[Places, tuple[Any, ...]]:
    # First, since another thread may go on adding: a last row that is read later may lie beyond the columns held here.
    head, names = np.zeros(WIDE, np.int64), chunk.sessions_by_name()
    rows, vectors, flat = chunk.rows, chunk.shown(length), chunk.flat(length)
    lengths = rows["terms"]
    _put_rows(head, rows, lengths, vectors)
    head[FLAT], head[POSTED] = address_of(flat), len(flat)
    return head, (rows, lengths, vectors, flat, _put_names(head, *names))


def _put_rows(
    head: Places, rows: Rows | NDArray[np.void], lengths: NDArray[np.integer[Any]], vectors: NDArray[np.float32]
) -> None:
    head[VECTORS], head[DIM] = address_of(vectors), vectors.shape[1]
    named = {BEFORE: "before", AFTER: "after", SESSION: "session", AT: "at_us"}
    named |= {TICKET: "ticket", SPEAKER: "speaker", KIND: "kind"}
    head[LENGTHS : LENGTHS + 3] = field_of(lengths)
    for place, name in named.items():
        head[place : place + 3] = field_of(rows[name])
    news = rows["news"]
    head[NEWS : NEWS + 2] = news.__array_interface__["data"][0] if news.size else 0, news.strides[0]


def _put_names(head: Places, names: Sequence[str], ends: Ends) -> tuple[Any, ...]:
    """The columns of names, which are made here.

    A name is known by 62 bits of its hash in this process: among a million sessions two share them with a probability
    of 1e-7, and would be taken for one.
    """
    marks = np.fromiter((hash(name) & _MARK_BITS for name in names), np.int64, len(names))
    order = np.argsort(marks)
    head[NAMES], head[NAME_COUNT], head[NAME_ORDER] = address_of(marks), len(marks), address_of(order)
    head[FIRSTS], head[LASTS] = address_of(ends.first), address_of(ends.last)
    return marks, order, ends


def _put_ids(head: Places, ids: Ids) -> None:
    head[IDS] = address_of(ids.data)
    if isinstance(ids, Hexes):
        head[ID_WIDTH] = ids.data.shape[1]
    else:
        head[ID_STARTS : ID_STARTS + 2] = place_of(ids.starts)
