"""Ids that are asked for, as machine code reads them. Knows no memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory import compiled
from quantum_memory.memory.episodic.columnar import Bytes, Ints
from quantum_memory.memory.episodic.words import id_number
from quantum_memory.types import MemoryId


class Spelled(NamedTuple):
    """k ids: (k,) their numbers, their UTF-8 one after another, and (k,) where each ends in it."""

    numbers: NDArray[np.uint64]
    data: Bytes
    ends: Ints


def spelled(ids: Sequence[MemoryId]) -> Spelled:
    """These ids. Half a surrogate pair, which no id has that is remembered, is spelled out too."""
    raw = [memory.encode("utf-8", "surrogatepass") for memory in ids]
    # Of an array that is read-only machine code would be made anew, while somebody waits.
    data = np.frombuffer(bytearray(b"".join(raw) or b"\0"), np.uint8)
    ends = np.cumsum(np.fromiter(map(len, raw), np.int64, len(raw)))
    machine = compiled.ready("digests")
    if machine is not None:
        return Spelled(machine.numbers(data, ends), data, ends)
    return Spelled(np.array([id_number(memory) for memory in ids], np.uint64), data, ends)
