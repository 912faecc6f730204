"""What a question asks of the columns of memories, as machine code: BM25, cosines, what lies around, where ids stand.

The same as ``lexical``, ``context`` and ``look`` do with arrays, which are its slow twins. Imports numba: ask
``compiled`` for it. Reads columns by ``heads``, which the caller holds; numbers of rows are those of ``Look``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.heads import (
    AFTER,
    AT,
    BEFORE,
    BEGIN,
    COUNTS,
    DEAD,
    DEAD_BYTES,
    DIM,
    FLAT,
    LENGTH,
    LENGTHS,
    NUMBER_COUNT,
    NUMBERS,
    ORDER,
    POSTED,
    ROWS,
    SESSION,
    STARTS,
    TERM_COUNT,
    TERMS,
    TEXT_STARTS,
    TEXTS,
    VECTORS,
    WIDE,
    Places,
)
from quantum_memory.memory.episodic.heads import heads_of as heads_of  # noqa: PLC0414 - whoever has this module wants them
from quantum_memory.memory.machine import (
    first_not_below,
    found_at,
    inside,
    machine,
    read_f32,
    read_i32,
    read_u8,
    read_u64,
    signed,
    whole,
    whole_at,
)

Ints = NDArray[np.int64]
Terms = NDArray[np.uint64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_FLAT_WIDE, _FLAT_ROW, _FLAT_COUNT = 16, 8, 12
"""Bytes of a POSTING, and where in it its row and its count are."""


@inside
def _field(head: Any, column: int, row: int) -> Any:
    return whole(head[column] + head[column + 1] * row, head[column + 2])


@inside
def _col(head: Any, column: int, at: int) -> Any:
    return whole_at(head[column], head[column + 1], at)


@inside
def _dead(head: Any, row: int) -> Any:
    if not head[DEAD] or row >> 3 >= head[DEAD_BYTES]:
        return False
    return (read_u8(head[DEAD] + (row >> 3)) >> (row & 7)) & 1 != 0


@inside
def _term(head: Any, wanted: np.uint64) -> Any:
    """The place of a term in the postings of a run, or -1."""
    return found_at(head[TERMS], head[TERM_COUNT], wanted)


@inside
def _slice_of(places: Any, number: int) -> Any:
    at = len(places) - 1
    while places[at, BEGIN] > number:
        at -= 1
    return at


@machine
def frequencies(places: Places, terms: Terms) -> Ints:
    """(q,) how many living rows have each of these distinct (q,) terms."""
    counts = np.zeros(len(terms), np.int64)
    for part in range(len(places)):
        head = places[part]
        for index in range(len(terms)):
            if head[FLAT]:
                for at in range(head[POSTED]):
                    if read_u64(head[FLAT] + _FLAT_WIDE * at) == terms[index]:
                        row = signed(read_i32(head[FLAT] + _FLAT_WIDE * at + _FLAT_ROW))
                        counts[index] += 0 if _dead(head, row) else 1
                continue
            term = _term(head, terms[index])
            if term < 0:
                continue
            begin, end = _col(head, STARTS, term), _col(head, STARTS, term + 1)
            if not head[DEAD]:
                counts[index] += end - begin
                continue
            for at in range(begin, end):
                counts[index] += 0 if _dead(head, _col(head, ROWS, at)) else 1
    return counts


@machine
def scores(places: Places, terms: Terms, weights: Floats, mean_length: float, k1: float, b: float) -> Floats:
    """(n,) BM25 of every row of all slices, 0 where no term stands and for the dead; as ``lexical.scores``."""
    size = 0 if not len(places) else places[-1, BEGIN] + places[-1, LENGTH]
    total = np.zeros(size)
    for part in range(len(places)):
        head = places[part]
        for index in range(len(terms)):
            flat = head[FLAT] != 0
            term = 0 if flat else _term(head, terms[index])
            if term < 0:
                continue
            begin, end = (0, head[POSTED]) if flat else (_col(head, STARTS, term), _col(head, STARTS, term + 1))
            for at in range(begin, end):
                if flat:
                    posting = head[FLAT] + _FLAT_WIDE * at
                    if read_u64(posting) != terms[index]:
                        continue
                    row, often = signed(read_i32(posting + _FLAT_ROW)), float(read_i32(posting + _FLAT_COUNT))
                else:
                    row, often = _col(head, ROWS, at), float(_col(head, COUNTS, at))
                if _dead(head, row):
                    continue
                norm = k1 * (1.0 - b + b * (_field(head, LENGTHS, row) / mean_length))
                number = head[BEGIN] + row
                total[number] = often * (k1 + 1.0) / (often + norm) * weights[index] + total[number]
    return total


@machine
def scores_at(
    places: Places, terms: Terms, weights: Floats, mean_length: float, k1: float, b: float, numbers: Ints
) -> Floats:
    """(m,) what ``scores`` has at living rows, bit for bit."""
    total = np.zeros(len(numbers))
    for index in range(len(numbers)):
        head = places[_slice_of(places, numbers[index])]
        row = numbers[index] - head[BEGIN]
        norm = k1 * (1.0 - b + b * (_field(head, LENGTHS, row) / mean_length))
        for each in range(len(terms)):
            often = 0.0
            if head[FLAT]:
                for at in range(head[POSTED]):
                    posting = head[FLAT] + _FLAT_WIDE * at
                    if read_u64(posting) == terms[each] and signed(read_i32(posting + _FLAT_ROW)) == row:
                        often = float(read_i32(posting + _FLAT_COUNT))
            else:
                term = _term(head, terms[each])
                if term < 0:
                    continue
                low, end = _col(head, STARTS, term), _col(head, STARTS, term + 1)
                high = end
                while low < high:
                    middle = (low + high) >> 1
                    if _col(head, ROWS, middle) < row:
                        low = middle + 1
                    else:
                        high = middle
                if low < end and _col(head, ROWS, low) == row:
                    often = float(_col(head, COUNTS, low))
            if often:
                total[index] = often * (k1 + 1.0) / (often + norm) * weights[each] + total[index]
    return total


@machine
def best(values: Floats, limit: int) -> Ints:
    """The numbers of at most so many of the largest of (n,) values above 0, the largest first; of equals the first."""
    kept, found = np.empty(limit, np.int64), 0
    for number in range(len(values)):
        value = values[number]
        if value <= 0.0 or (found == limit and (not limit or value <= values[kept[found - 1]])):
            continue
        at = found if found < limit else found - 1
        found = min(found + 1, limit)
        while at > 0 and values[kept[at - 1]] < value:
            kept[at] = kept[at - 1]
            at -= 1
        kept[at] = number
    return kept[:found]


@machine
def cosines(places: Places, wanted: Floats, numbers: Ints) -> Floats:
    """(m,) products of the vectors of rows with a (d,) one, summed in double precision."""
    found = np.zeros(len(numbers))
    for index in range(len(numbers)):
        head = places[_slice_of(places, numbers[index])]
        address = head[VECTORS] + 4 * head[DIM] * (numbers[index] - head[BEGIN])
        z0, z1, z2, z3 = 0.0, 0.0, 0.0, 0.0
        z4, z5, z6, z7 = 0.0, 0.0, 0.0, 0.0
        at, size = 0, len(wanted)
        while at + 7 < size:  # eight sums, because each would wait for its last addition
            here = address + 4 * at
            z0 += read_f32(here) * wanted[at]
            z1 += read_f32(here + 4) * wanted[at + 1]
            z2 += read_f32(here + 8) * wanted[at + 2]
            z3 += read_f32(here + 12) * wanted[at + 3]
            z4 += read_f32(here + 16) * wanted[at + 4]
            z5 += read_f32(here + 20) * wanted[at + 5]
            z6 += read_f32(here + 24) * wanted[at + 6]
            z7 += read_f32(here + 28) * wanted[at + 7]
            at += 8
        while at < size:
            z0 += read_f32(address + 4 * at) * wanted[at]
            at += 1
        found[index] = ((z0 + z1) + (z2 + z3)) + ((z4 + z5) + (z6 + z7))
    return found


@machine
def around(places: Places, numbers: Ints, reach: int, gap_s: float) -> tuple[Ints, Ints]:
    """What lies around rows in their slices: (m, 2 reach) numbers as ``Look.around`` has them, -1 for none.

    And (l, 5) who came to the end of a slice before that: the place of the row among these, the slice, 1 for forward,
    the code of the session, and the row there.
    """
    near = np.full((len(numbers), 2 * reach), -1, np.int64)
    left, count = np.empty((2 * len(numbers), 5), np.int64), 0
    for index in range(len(numbers)):
        part = _slice_of(places, numbers[index])
        head = places[part]
        for forward in range(2):
            at = numbers[index] - head[BEGIN]
            session = _field(head, SESSION, at)
            for step in range(reach):
                to = at
                while True:
                    to = _field(head, AFTER, to) if forward else _field(head, BEFORE, to)
                    if to < 0 or to >= head[LENGTH] or not _dead(head, to):
                        break
                if to < 0 or to >= head[LENGTH]:
                    left[count, 0], left[count, 1], left[count, 2] = index, part, forward
                    left[count, 3], left[count, 4] = session, at
                    count += 1
                    break
                if session < 0 and abs(_field(head, AT, to) - _field(head, AT, at)) / 1e6 > gap_s:
                    break
                near[index, step + reach * forward] = head[BEGIN] + to
                at = to
    return near, left[:count]


@machine
def standing(places: Places, wanted: Terms) -> Ints:
    """(k, 2) the slice that is a run, and the row there, of the first living memory whose id has each number, or -1."""
    found = np.full((len(wanted), 2), -1, np.int64)
    for index in range(len(wanted)):
        for part in range(len(places)):
            head = places[part]
            at = first_not_below(head[NUMBERS], head[NUMBER_COUNT], wanted[index])
            while at < head[NUMBER_COUNT] and read_u64(head[NUMBERS] + 8 * at) == wanted[index]:
                row = _col(head, ORDER, at)
                if not _dead(head, row):
                    found[index, 0], found[index, 1] = part, row
                at += 1
    return found


@machine
def matched(scores_of: Floats, near: Ints, weights: Floats) -> Floats:
    """(m,) the weighted sum of what (m, 2 reach) places, or -1, have among (n,) scores."""
    found = np.zeros(len(near))
    for column in range(near.shape[1]):
        for index in range(len(near)):
            if near[index, column] >= 0:
                found[index] += weights[column] * scores_of[near[index, column]]
    return found


@machine
def faded(
    match: Floats, sessions: Ints, tickets: Ints, at_s: Floats, order: Ints, fade: Floats, gap_s: float
) -> Floats:
    """(m,) as ``parts.nearness``, of codes of sessions, -1 for none. ``order`` is by session and then by ticket."""
    count = len(order)
    near, steps = np.empty(count), np.zeros(count)
    for at in range(count):
        near[at] = match[order[at]]
    for at in range(count - 1):
        one, other = order[at], order[at + 1]
        if sessions[one] == sessions[other] and (sessions[one] >= 0 or abs(at_s[other] - at_s[one]) <= gap_s):
            steps[at] = fade[min(max(tickets[other] - tickets[one], 0), len(fade) - 1)]
        if steps[at] and steps[at] * near[at] > near[at + 1]:
            near[at + 1] = steps[at] * near[at]
    for at in range(count - 2, -1, -1):
        if steps[at] and steps[at] * near[at + 1] > near[at]:
            near[at] = steps[at] * near[at + 1]
    found = np.empty(count)
    for at in range(count):
        found[order[at]] = near[at]
    return found


@machine
def last_bytes(places: Places, numbers: Ints) -> Ints:
    """(m,) the last byte of the text of each row of a run; -1 for an empty one, and for rows of what is no run."""
    found = np.full(len(numbers), -1, np.int64)
    for index in range(len(numbers)):
        part = _slice_of(places, numbers[index])
        row = numbers[index] - places[part, BEGIN]
        if places[part, TEXTS]:
            head = places[part]
            end = _col(head, TEXT_STARTS, row + 1)
            if end > _col(head, TEXT_STARTS, row):
                found[index] = read_u8(head[TEXTS] + end - 1)
    return found


def rehearse() -> None:
    """Have every function made."""
    places, terms = np.zeros((0, WIDE), np.int64), np.zeros(0, np.uint64)
    none, nothing = np.zeros(0), np.zeros(0, np.int64)
    frequencies(places, terms)
    scores(places, terms, none, 1.0, 1.0, 1.0)
    scores_at(places, terms, none, 1.0, 1.0, 1.0, nothing)
    best(none, 1)
    cosines(places, none, nothing)
    around(places, nothing, 1, 1.0)
    standing(places, terms)
    last_bytes(places, nothing)
    matched(none, np.zeros((0, 2), np.int64), np.zeros(2))
    faded(none, nothing, nothing, none, nothing, np.zeros(1), 1.0)
