"""How a snapshot of memories names sealed runs, says which of their rows are dead, and where they stand among others.

Owns these columns and the checks that need all slices at once. Reads no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from quantum_memory.memory.columns import Columns, Reading
from quantum_memory.memory.episodic.dense import Mask
from quantum_memory.memory.episodic.runs import Run, Slice
from quantum_memory.memory.episodic.words import id_number
from quantum_memory.memory.snapshots import FILES
from quantum_memory.types import MemoryId

DEAD = "dead/"
A_FILE = -1
"""Stands in the column "cut" for a file; other numbers there are of rows."""
DIGEST_BYTES = 32


def run_of(part: Slice) -> Run:
    if not isinstance(part.block, Run):
        raise TypeError(f"a {type(part.block).__name__} is not sealed")
    return part.block


def put_files(columns: Columns, slices: Sequence[Slice], sealed: Sequence[Slice], names: Sequence[str]) -> None:
    """The names of sealed runs, which of their rows are dead, and where they stand among the other rows."""
    order: list[int] = []
    for part in slices:
        if any(part is one for one in sealed):
            order.append(A_FILE)
        elif order and order[-1] != A_FILE:
            order[-1] += part.length - part.dead_count
        else:
            order.append(part.length - part.dead_count)
    digests = np.frombuffer(b"".join(bytes.fromhex(name) for name in names), np.uint8)
    columns.numbers(FILES, digests.reshape(-1, DIGEST_BYTES), np.uint8)
    columns.numbers("cut", [rows for rows in order if rows], np.int64)
    for number, part in enumerate(sealed):
        if part.dead_count:
            columns.numbers(f"{DEAD}{number}", np.packbits(~_alive(part), bitorder="little"), np.uint8)


def _alive(part: Slice) -> Mask:
    alive = part.alive()
    return np.ones(part.length, np.bool_) if alive is None else alive


def slices_of(read: Reading, runs: Sequence[Run], dim: int) -> Iterator[Slice]:
    """The slices of sealed runs, without the dead rows."""
    for number, run in enumerate(runs):
        read.require(FILES, run.whole.vectors.shape[1] == dim, f"{run.name} has vectors of another length")
        part = Slice(run, len(run))
        if read.has(f"{DEAD}{number}"):
            bits = read.numbers(f"{DEAD}{number}", np.uint8, ((len(run) + 7) // 8,))
            dead = np.unpackbits(bits, bitorder="little")
            gone = np.flatnonzero(dead)
            read.require(f"{DEAD}{number}", len(gone) and gone[-1] < len(run), "none is dead, or one that is not there")
            part = part.without(gone)
        yield part


def check_order(read: Reading, parts: Sequence[Slice], next_ticket: int) -> None:
    """See that the slices follow each other, and that no two of them hold the same memory."""
    last = -1
    for part in parts:
        read.require("cut", int(part.column("ticket")[0]) > last, "the rows are not in the order of remembering")
        last = int(part.column("ticket")[-1])
    read.require("next_ticket", last < next_ticket, f"{next_ticket}, and there is a memory {last}")
    if len(parts) < 2:
        return
    numbers = np.concatenate([run_of(part).whole.records.by_row()[part.living()] for part in parts])
    numbers.sort()
    twice = set(numbers[1:][numbers[1:] == numbers[:-1]].tolist())
    # Two ids may share a number, which next to none do: then the ids themselves are compared.
    ids = [memory.id for part in parts for memory in part.memories() if id_number(memory.id) in twice] if twice else []
    read.require("id", len(set(ids)) == len(ids), "an id stands twice")


def any_living(parts: Sequence[Slice], forgotten: Sequence[MemoryId]) -> bool:
    numbers = np.array([id_number(memory) for memory in forgotten], np.uint64)
    for part in parts:
        for place in np.flatnonzero(np.isin(numbers, run_of(part).whole.records.numbers)).tolist():
            if part.find(forgotten[place], int(numbers[place])) >= 0:
                return True
    return False
