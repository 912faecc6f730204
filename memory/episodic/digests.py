"""The numbers of ids as machine code: the first 64 bits of BLAKE2b. Its slow twin is ``words.id_number``.

Imports numba: ask ``compiled`` for it.

Source: RFC 7693, Saarinen and Aumasson (2015), The BLAKE2 Cryptographic Hash and Message Authentication Code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.machine import inside, machine

Numbers = NDArray[np.uint64]
_START = np.array(
    [
        0x6A09E667F3BCC908,
        0xBB67AE8584CAA73B,
        0x3C6EF372FE94F82B,
        0xA54FF53A5F1D36F1,
        0x510E527FADE682D1,
        0x9B05688C2B3E6C1F,
        0x1F83D9ABFB41BD6B,
        0x5BE0CD19137E2179,
    ],
    np.uint64,
)
_ORDERS = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
    ],
    np.int64,
)
_MIXED = np.array(
    [
        [0, 4, 8, 12],
        [1, 5, 9, 13],
        [2, 6, 10, 14],
        [3, 7, 11, 15],
        [0, 5, 10, 15],
        [1, 6, 11, 12],
        [2, 7, 8, 13],
        [3, 4, 9, 14],
    ],
    np.int64,
)
_ROUNDS, _BLOCK = 12, 128
_PARAMETERS = np.uint64(0x01010008)
"""A digest of eight bytes, without a key, of one sequence."""
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_WORD_BITS, _EIGHT = np.uint64(64), np.uint64(8)
_TURNS = np.array([32, 24, 16, 63], np.uint64)


@inside
def _turned(word: np.uint64, turn: int) -> Any:
    bits = _TURNS[turn]
    return (word >> bits) | (word << (_WORD_BITS - bits))


@inside
def _compress(state: Any, work: Any, block: Any, told: int, last: bool) -> None:
    """Mix a block of 16 words into the (8,) state; ``told`` bytes were read up to its end."""
    for at in range(8):
        work[at], work[at + 8] = state[at], _START[at]
    work[12] ^= np.uint64(told)
    if last:
        work[14] ^= _ALL
    for turn in range(_ROUNDS):
        order = _ORDERS[turn % 10]
        for step in range(8):
            a, b, c, d = _MIXED[step, 0], _MIXED[step, 1], _MIXED[step, 2], _MIXED[step, 3]
            work[a] += work[b] + block[order[2 * step]]
            work[d] = _turned(work[d] ^ work[a], 0)
            work[c] += work[d]
            work[b] = _turned(work[b] ^ work[c], 1)
            work[a] += work[b] + block[order[2 * step + 1]]
            work[d] = _turned(work[d] ^ work[a], 2)
            work[c] += work[d]
            work[b] = _turned(work[b] ^ work[c], 3)
    for at in range(8):
        state[at] ^= work[at] ^ work[at + 8]


@machine
def numbers(data: NDArray[np.uint8], ends: NDArray[np.int64]) -> Numbers:
    """(k,) the number of each id, which ``data`` has as UTF-8 up to its end."""
    found = np.empty(len(ends), np.uint64)
    state, work, block = np.empty(8, np.uint64), np.empty(16, np.uint64), np.empty(16, np.uint64)
    begin = 0
    for index in range(len(ends)):
        end = ends[index]
        state[:] = _START
        state[0] ^= _PARAMETERS
        at = begin
        while True:
            block[:] = 0
            stop = min(at + _BLOCK, end)
            for here in range(at, stop):
                place = here - at
                block[place >> 3] |= np.uint64(data[here]) << (np.uint64(place & 7) * _EIGHT)
            _compress(state, work, block, stop - begin, stop == end)
            at = stop
            if stop == end:
                break
        found[index] = state[0]
        begin = end
    return found


def rehearse() -> None:
    """Have every function made."""
    numbers(np.zeros(1, np.uint8), np.zeros(0, np.int64))
