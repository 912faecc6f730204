"""How well rows match a question, as machine code: BM25 of all of them, and cosine, BM25 and surroundings of some.

The same as ``lexical``, ``phrase`` and ``search`` do with arrays, which are its slow twins. Imports numba: ask
``compiled`` for it. Reads columns by ``heads``, which the caller holds; numbers of rows are those of ``Look``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.heads import (
    BEGIN,
    COUNTS,
    DEAD,
    DIM,
    FLAT,
    LENGTH,
    LENGTHS,
    POSTED,
    ROWS,
    STARTS,
    TERM_COUNT,
    TERMS,
    VECTORS,
    WIDE,
    Places,
    col,
    dead,
    field,
    slice_of,
)
from quantum_memory.memory.machine import (
    found_at,
    inside,
    machine,
    read_f32,
    read_i32,
    read_u8,
    read_u16,
    read_u64,
    signed,
)

Ints = NDArray[np.int64]
Terms = NDArray[np.uint64]
Floats = NDArray[np.float64]
_FLAT_WIDE, _FLAT_ROW, _FLAT_COUNT = 16, 8, 12
"""Bytes of a POSTING, and where in it its row and its count are."""
_TWO_BYTES, _LENGTHS_OF_A_BYTE = 2, 256
_AT_ONCE = 32
"""Rows of which it is seen at once whether any is better than the worst that is kept."""
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""2^64 by the golden ratio: what numbers are multiplied by for a place in a table."""
_UPPER = np.uint64(32)


# Postings


@inside
def _stands(head: Any, wanted: np.uint64) -> Any:
    """From where to where a term stands in the postings of a run; from 0 to 0 if it does not."""
    term = found_at(head[TERMS], head[TERM_COUNT], wanted)
    if term < 0:
        return 0, 0
    return col(head, STARTS, term), col(head, STARTS, term + 1)


@inside
def _flat_row(head: Any, at: int) -> Any:
    return signed(read_i32(head[FLAT] + _FLAT_WIDE * at + _FLAT_ROW))


@inside
def _flat_begin(head: Any, row: int) -> Any:
    """Where the postings of a row begin among those of a chunk, which are by row."""
    low, high = 0, head[POSTED]
    while low < high:
        middle = (low + high) >> 1
        if _flat_row(head, middle) < row:
            low = middle + 1
        else:
            high = middle
    return low


@inside
def _flat_count(head: Any, begin: int, row: int, wanted: np.uint64) -> Any:
    """How often a term stands in a row of a chunk, whose postings begin there."""
    at = begin
    while at < head[POSTED] and _flat_row(head, at) == row:
        if read_u64(head[FLAT] + _FLAT_WIDE * at) == wanted:
            return signed(read_i32(head[FLAT] + _FLAT_WIDE * at + _FLAT_COUNT))
        at += 1
    return 0


@inside
def _count(head: Any, begin: int, end: int, row: int) -> Any:
    """How often a term stands in a row of a run, by where it stands there."""
    low, high = begin, end
    if head[ROWS + 1] == _TWO_BYTES:
        rows = head[ROWS]
        while low < high:
            middle = (low + high) >> 1
            if signed(read_u16(rows + 2 * middle)) < row:
                low = middle + 1
            else:
                high = middle
    else:
        while low < high:
            middle = (low + high) >> 1
            if col(head, ROWS, middle) < row:
                low = middle + 1
            else:
                high = middle
    return col(head, COUNTS, low) if low < end and col(head, ROWS, low) == row else 0


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
                        counts[index] += 0 if dead(head, _flat_row(head, at)) else 1
                continue
            begin, end = _stands(head, terms[index])
            if not head[DEAD]:
                counts[index] += end - begin
                continue
            for at in range(begin, end):
                counts[index] += 0 if dead(head, col(head, ROWS, at)) else 1
    return counts


# BM25


@inside
def _gain(often: float, length: int, weight: float, mean_length: float, k1: float, b: float) -> Any:
    """What a term that stands so often in a document of this length adds to its score."""
    return often * (k1 + 1.0) / (often + k1 * (1.0 - b + b * (length / mean_length))) * weight


@inside
def _add(head: Any, wanted: np.uint64, weight: float, mean_length: float, k1: float, b: float, total: Any) -> None:
    """Add what a term gains each living row of a run to the (length,) ``total``."""
    begin, end = _stands(head, wanted)
    if begin == end:
        return
    if head[DEAD] or head[ROWS + 1] != _TWO_BYTES or head[COUNTS + 1] != 1 or head[LENGTHS + 2] != 1:
        for at in range(begin, end):
            row = col(head, ROWS, at)
            if not dead(head, row):
                often, length = float(col(head, COUNTS, at)), field(head, LENGTHS, row)
                total[row] = _gain(often, length, weight, mean_length, k1, b) + total[row]
        return
    # Most runs have columns of these widths and most terms stand once: what they gain is looked up by the length.
    once = np.empty(_LENGTHS_OF_A_BYTE)
    for length in range(_LENGTHS_OF_A_BYTE):
        once[length] = _gain(1.0, length, weight, mean_length, k1, b)
    rows, counts, lengths, step = head[ROWS], head[COUNTS], head[LENGTHS], head[LENGTHS + 1]
    for at in range(begin, end):
        row, often = signed(read_u16(rows + 2 * at)), signed(read_u8(counts + at))
        length = signed(read_u8(lengths + step * row))
        gain = once[length] if often == 1 else _gain(float(often), length, weight, mean_length, k1, b)
        total[row] = gain + total[row]


@inside
def _score(head: Any, terms: Any, weights: Any, mean_length: float, k1: float, b: float, total: Any) -> None:
    """Add the BM25 of each living row of a slice to the (length,) ``total``, the terms in their order."""
    for index in range(len(terms)):
        if not head[FLAT]:
            _add(head, terms[index], weights[index], mean_length, k1, b, total)
            continue
        for at in range(head[POSTED]):
            row = _flat_row(head, at)
            if read_u64(head[FLAT] + _FLAT_WIDE * at) == terms[index] and not dead(head, row):
                often = float(read_i32(head[FLAT] + _FLAT_WIDE * at + _FLAT_COUNT))
                gain = _gain(often, field(head, LENGTHS, row), weights[index], mean_length, k1, b)
                total[row] = gain + total[row]


@machine
def scores(places: Places, terms: Terms, weights: Floats, mean_length: float, k1: float, b: float) -> Floats:
    """(n,) BM25 of every row of all slices, 0 where no term stands and for the dead; as ``lexical.scores``."""
    total = np.zeros(0 if not len(places) else places[-1, BEGIN] + places[-1, LENGTH])
    for part in range(len(places)):
        begin = places[part, BEGIN]
        own = total[begin : begin + places[part, LENGTH]]
        _score(places[part], terms, weights, mean_length, k1, b, own)
    return total


@inside
def _keep(kept: Any, values: Any, found: int, number: int, value: float) -> Any:
    """Put a row in its place among the best, the largest first, of equals the first; how many there are then.

    It is better than the last, if there are as many as there is room for.
    """
    at = found if found < len(kept) else found - 1
    while at > 0 and (values[at - 1] < value or (values[at - 1] == value and kept[at - 1] > number)):
        kept[at], values[at] = kept[at - 1], values[at - 1]
        at -= 1
    kept[at], values[at] = number, value
    return min(found + 1, len(kept))


@machine
def best(
    places: Places, terms: Terms, weights: Floats, mean_length: float, k1: float, b: float, limit: int
) -> tuple[Ints, Floats]:
    """The numbers of at most so many of the rows with the largest BM25 above 0, and it; the largest first.

    Of equals the first. ``limit`` is at least 1. One slice is scored after the other, in the same room.
    """
    kept, values, found = np.empty(limit, np.int64), np.empty(limit), 0
    longest = 0
    for part in range(len(places)):
        longest = max(longest, places[part, LENGTH])
    room = np.empty(longest)
    for part in range(len(places)):
        size = places[part, LENGTH]
        total = room[:size]
        total[:] = 0.0
        _score(places[part], terms, weights, mean_length, k1, b, total)
        for begin in range(0, size, _AT_ONCE):
            end, floor, better = min(begin + _AT_ONCE, size), values[limit - 1] if found == limit else 0.0, False
            for row in range(begin, end):
                better |= total[row] > floor
            if better:
                for row in range(begin, end):
                    if total[row] > (values[limit - 1] if found == limit else 0.0):
                        found = _keep(kept, values, found, places[part, BEGIN] + row, total[row])
    return kept[:found], values[:found]


@machine
def foremost(numbers: Ints, products: NDArray[np.float32], limit: int) -> Ints:
    """The numbers of at most so many of the (n,) largest products, the largest first; of equals the lowest number."""
    kept, values, found = np.empty(limit, np.int64), np.empty(limit), 0
    for begin in range(0, len(numbers) if limit else 0, _AT_ONCE):
        end, better = min(begin + _AT_ONCE, len(numbers)), found < limit
        if not better:
            floor = np.float32(values[limit - 1])
            for at in range(begin, end):
                better |= products[at] >= floor
        if better:
            for at in range(begin, end):
                value = float(products[at])
                if (
                    found < limit
                    or value > values[limit - 1]
                    or (value == values[limit - 1] and numbers[at] < kept[limit - 1])
                ):
                    found = _keep(kept, values, found, numbers[at], value)
    return kept[:found]


# Some rows


@inside
def _cosine(head: Any, row: int, wanted: Any) -> Any:
    """The product of the vector of a row with a (d,) one, summed in double precision."""
    address = head[VECTORS] + 4 * head[DIM] * row
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
    return ((z0 + z1) + (z2 + z3)) + ((z4 + z5) + (z6 + z7))


@inside
def _every(numbers: Any, near: Any) -> Any:
    """The distinct (e,) rows among distinct (m,) ones, which are the first, and (m, w) others or -1; and the places
    of the others.
    """
    most = len(numbers) + near.size
    size = 64
    while size < 2 * most:
        size *= 2
    table, every, found = np.full(size, -1, np.int64), np.empty(most, np.int64), 0
    place = np.full(near.shape, -1, np.int64)
    for column in range(-1, near.shape[1]):
        for index in range(len(numbers)):
            number = numbers[index] if column < 0 else near[index, column]
            if number < 0:
                continue
            slot = signed((np.uint64(number) * _SPREAD) >> _UPPER) & (size - 1)
            while table[slot] >= 0 and every[table[slot]] != number:
                slot = (slot + 1) & (size - 1)
            if table[slot] < 0:
                table[slot], every[found] = found, number
                found += 1
            if column >= 0:
                place[index, column] = table[slot]
    return every[:found], place


@machine
def measured(
    places: Places,
    terms: Terms,
    weights: Floats,
    mean_length: float,
    k1: float,
    b: float,
    best_score: float,
    wanted: Floats,
    share: float,
    numbers: Ints,
    near: Ints,
    steps: Floats,
) -> tuple[Floats, Floats, Floats]:
    """How well rows match, and what lies around them.

    Args:
        places: of the slices.
        terms: of the question, distinct; none if nothing has any of them.
        weights: of the terms.
        mean_length: of the documents.
        k1: as in ``Bm25``.
        b: as in ``Bm25``.
        best_score: the best BM25 of all rows.
        wanted: (d,) the embedding of the question; (0,) for none.
        share: of words beside meaning in how well a neighbour matches.
        numbers: (m,) distinct living rows.
        near: (m, w) the rows around each, or -1.
        steps: (w,) what each of those weighs.

    Returns: (m,) cosines, (m,) BM25 over the best, and (m,) the weighted sum of how well those around match.
    """
    every, place = _every(numbers, near)
    cosine, lexical, match = np.empty(len(every)), np.zeros(len(every)), np.empty(len(every))
    begins, ends, last = np.zeros(len(terms), np.int64), np.zeros(len(terms), np.int64), -1
    for index in range(len(every)):
        part = slice_of(places, every[index])
        head = places[part]
        row = every[index] - head[BEGIN]
        cosine[index] = min(max(_cosine(head, row, wanted), -1.0), 1.0)
        if not head[FLAT] and part != last:
            last = part
            for each in range(len(terms)):
                begins[each], ends[each] = _stands(head, terms[each])
        flat = _flat_begin(head, row) if head[FLAT] else 0
        score, length = 0.0, field(head, LENGTHS, row)
        for each in range(len(terms)):
            if head[FLAT]:
                often = _flat_count(head, flat, row, terms[each])
            else:
                often = _count(head, begins[each], ends[each], row)
            if often:
                score = _gain(float(often), length, weights[each], mean_length, k1, b) + score
        lexical[index] = score / best_score if best_score > 0.0 else 0.0
        match[index] = (cosine[index] + share * lexical[index]) / (1.0 + share)
    nearby = np.zeros(len(numbers))
    for column in range(near.shape[1]):
        for index in range(len(numbers)):
            if place[index, column] >= 0:
                nearby[index] += steps[column] * match[place[index, column]]
    return cosine[: len(numbers)], lexical[: len(numbers)], nearby


@machine
def bridged(
    places: Places, question: Floats, least_left: float, leading: Ints, led: Ints, by: Ints, strengths: Floats
) -> Floats:
    """(m,) as ``parts.bridged``, of rows that are led to.

    Args:
        places: of the slices.
        question: (d,) of unit length.
        least_left: the length of what is left of it below which a row leads nowhere.
        leading: (s,) the rows that lead.
        led: (m,) the rows that are led to.
        by: (w, 2) of each way the place of its end in ``led``, and of its beginning in ``leading``.
        strengths: (w,) of the ways.
    """
    found, rest = np.zeros(len(led)), np.empty(len(question))
    for seed in range(len(leading)):
        head = places[slice_of(places, leading[seed])]
        row = leading[seed] - head[BEGIN]
        address, along, square = head[VECTORS] + 4 * head[DIM] * row, np.float32(_cosine(head, row, question)), 0.0
        for at in range(len(question)):
            rest[at] = question[at] - float(along * read_f32(address + 4 * at))
            square += rest[at] * rest[at]
        length = np.sqrt(square)
        if length < least_left:
            continue
        for at in range(len(question)):
            rest[at] /= length
        for way in range(len(by)):
            if by[way, 1] == seed:
                to = by[way, 0]
                head = places[slice_of(places, led[to])]
                fits = min(max(_cosine(head, led[to] - head[BEGIN], rest), 0.0), 1.0) * strengths[way]
                found[to] = max(found[to], fits)
    return found


def rehearse() -> None:
    """Have every function made."""
    places, terms = np.zeros((0, WIDE), np.int64), np.zeros(0, np.uint64)
    none, nothing, pairs = np.zeros(0), np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
    frequencies(places, terms)
    scores(places, terms, none, 1.0, 1.0, 1.0)
    best(places, terms, none, 1.0, 1.0, 1.0, 1)
    foremost(nothing, np.zeros(0, np.float32), 1)
    measured(places, terms, none, 1.0, 1.0, 1.0, 1.0, none, 1.0, nothing, pairs, np.zeros(2))
    bridged(places, none, 0.1, nothing, nothing, pairs, none)
