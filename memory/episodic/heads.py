"""Where the columns of slices lie, as one table of numbers: what machine code reads them by.

Owns the order of that table. Whoever has a table has the columns too, so they stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.chunk import Chunk
from quantum_memory.memory.episodic.rows import Rows
from quantum_memory.memory.episodic.runs import Run, Slice
from quantum_memory.memory.episodic.tables import Table
from quantum_memory.memory.machine import address_of, field_of, place_of

Places = NDArray[np.int64]

BEGIN, LENGTH, DEAD, DEAD_BYTES, VECTORS, DIM, FLAT, POSTED, TERMS, TERM_COUNT, NUMBERS, NUMBER_COUNT = range(12)
STARTS, ROWS, COUNTS, ORDER = range(12, 20, 2)
"""Columns of whole numbers in one piece: the address, and in the place after it how wide they are."""
LENGTHS, BEFORE, AFTER, SESSION, AT = range(20, 35, 3)
"""Fields: the address, how far the next one is, how wide they are."""
TEXTS, TEXT_STARTS = 35, 36
"""The texts of a run, and where each begins, as a column of whole numbers."""
WIDE = 38


class Heads(NamedTuple):
    """Of s slices (s, ``WIDE``) where their columns begin, and the columns themselves."""

    places: Places
    held: Sequence[Any]


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


def _of_run(table: Table) -> tuple[Places, tuple[Any, ...]]:
    head, postings, records = np.zeros(WIDE, np.int64), table.postings, table.records
    _put_rows(head, table.rows, table.rows["terms"], table.vectors)
    head[TERMS], head[TERM_COUNT] = address_of(postings.terms), len(postings.terms)
    head[NUMBERS], head[NUMBER_COUNT] = address_of(records.numbers), len(records.numbers)
    head[TEXTS], texts = address_of(records.texts.data), records.texts.starts
    columns = (
        (TEXT_STARTS, texts),
        (STARTS, postings.starts),
        (ROWS, postings.rows),
        (COUNTS, postings.counts),
        (ORDER, records.order),
    )
    for place, column in columns:
        head[place : place + 2] = place_of(column)
    return head, (table,)


def _of_chunk(chunk: Chunk, length: int) -> tuple[Places, tuple[Any, ...]]:
    head, rows, lengths, vectors = np.zeros(WIDE, np.int64), chunk.rows, chunk.lengths, chunk.shown(length)
    _put_rows(head, rows, lengths, vectors)
    flat = chunk.flat(length)
    head[FLAT], head[POSTED] = address_of(flat), len(flat)
    return head, (rows, lengths, vectors, flat)


def _put_rows(
    head: Places, rows: Rows | NDArray[np.void], lengths: NDArray[np.integer[Any]], vectors: NDArray[np.float32]
) -> None:
    head[VECTORS], head[DIM] = address_of(vectors), vectors.shape[1]
    fields = ((LENGTHS, lengths), (BEFORE, rows["before"]), (AFTER, rows["after"]), (SESSION, rows["session"]))
    for place, column in (*fields, (AT, rows["at_us"])):
        head[place : place + 3] = field_of(column)
