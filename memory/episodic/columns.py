"""What a question reads of the columns of memories, as machine code: what lies around, where ids stand, fields.

The same as ``context``, ``look`` and ``parts`` do with arrays, which are its slow twins. Imports numba: ask
``compiled`` for it. Reads columns by ``heads``, which the caller holds; numbers of rows are those of ``Look``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic import matching as matching  # noqa: PLC0414 - whoever has this module wants it
from quantum_memory.memory.episodic.heads import (
    AFTER,
    AT,
    BEFORE,
    BEGIN,
    ID_STARTS,
    ID_WIDTH,
    IDS,
    KIND,
    LENGTH,
    NEWS,
    NUMBER_COUNT,
    NUMBERS,
    ORDER,
    SESSION,
    SPEAKER,
    TEXT_STARTS,
    TEXTS,
    TICKET,
    WIDE,
    Places,
    col,
    dead,
    field,
    slice_of,
)
from quantum_memory.memory.episodic.heads import heads_of as heads_of  # noqa: PLC0414 - and them
from quantum_memory.memory.machine import first_not_below, inside, machine, read_f32, read_u8, read_u64, signed

Ints = NDArray[np.int64]
Numbers = NDArray[np.uint64]
Octets = NDArray[np.uint8]
Floats = NDArray[np.float64]
COLUMNS = {"kind": KIND, "speaker": SPEAKER, "session": SESSION}
"""Columns of names, as ``grouped`` takes them."""


@machine
def around(places: Places, numbers: Ints, reach: int, gap_s: float) -> tuple[Ints, Ints]:
    """What lies around rows in their slices: (m, 2 reach) numbers as ``Look.around`` has them, -1 for none.

    And (l, 5) who came to the end of a slice before that: the place of the row among these, the slice, 1 for forward,
    the code of the session, and the row there.
    """
    near = np.full((len(numbers), 2 * reach), -1, np.int64)
    left, count = np.empty((2 * len(numbers), 5), np.int64), 0
    for index in range(len(numbers)):
        part = slice_of(places, numbers[index])
        head = places[part]
        for forward in range(2):
            at = numbers[index] - head[BEGIN]
            session = field(head, SESSION, at)
            for step in range(reach):
                to = at
                while True:
                    to = field(head, AFTER, to) if forward else field(head, BEFORE, to)
                    if to < 0 or to >= head[LENGTH] or not dead(head, to):
                        break
                if to < 0 or to >= head[LENGTH]:
                    left[count, 0], left[count, 1], left[count, 2] = index, part, forward
                    left[count, 3], left[count, 4] = session, at
                    count += 1
                    break
                if session < 0 and abs(field(head, AT, to) - field(head, AT, at)) / 1e6 > gap_s:
                    break
                near[index, step + reach * forward] = head[BEGIN] + to
                at = to
    return near, left[:count]


@inside
def _same(head: Any, row: int, data: Any, begin: int, end: int) -> Any:
    """Whether the id of a row of a run is what stands in ``data``."""
    size = end - begin
    if head[ID_WIDTH]:
        if size != 2 * head[ID_WIDTH]:
            return False
        for at in range(size):
            both = signed(read_u8(head[IDS] + head[ID_WIDTH] * row + (at >> 1)))
            half = both & 15 if at & 1 else both >> 4
            if signed(data[begin + at]) != (half + 48 if half < 10 else half + 87):
                return False
        return True
    first = col(head, ID_STARTS, row)
    if col(head, ID_STARTS, row + 1) - first != size:
        return False
    at = 0
    while at < size and read_u8(head[IDS] + first + at) == data[begin + at]:
        at += 1
    return at == size


@machine
def found(places: Places, numbers: Numbers, data: Octets, ends: Ints) -> Ints:
    """(k,) the number of each id's living row in a run, or -1.

    ``numbers`` are the ids', ``data`` their UTF-8, and each ends there at its place in ``ends``.
    """
    rows = np.full(len(numbers), -1, np.int64)
    for index in range(len(numbers)):
        begin = 0 if index == 0 else ends[index - 1]
        for part in range(len(places)):
            head = places[part]
            at = first_not_below(head[NUMBERS], head[NUMBER_COUNT], numbers[index])
            while at < head[NUMBER_COUNT] and read_u64(head[NUMBERS] + 8 * at) == numbers[index]:
                row = col(head, ORDER, at)
                if not dead(head, row) and _same(head, row, data, begin, ends[index]):
                    rows[index] = head[BEGIN] + row
                at += 1
            if rows[index] >= 0:
                break
    return rows


@machine
def stamps(places: Places, numbers: Ints) -> tuple[Ints, Ints, Floats]:
    """(m,) places in the order of remembering, times in microseconds, and how much of each was new."""
    tickets, at_us = np.empty(len(numbers), np.int64), np.empty(len(numbers), np.int64)
    news = np.empty(len(numbers))
    for index in range(len(numbers)):
        head = places[slice_of(places, numbers[index])]
        row = numbers[index] - head[BEGIN]
        tickets[index], at_us[index] = field(head, TICKET, row), field(head, AT, row)
        news[index] = read_f32(head[NEWS] + head[NEWS + 1] * row)
    return tickets, at_us, news


@machine
def grouped(places: Places, column: int, numbers: Ints) -> tuple[Ints, Ints, Ints]:
    """Which rows have one name in a column, by its codes: (m,) the group of each, -1 for those without a name.

    And of each of the (g,) groups the slice by 2^32 and the code, and the place of its first row. A name has a group in
    each slice.
    """
    which, keys, firsts = np.empty(len(numbers), np.int64), np.empty(len(numbers), np.int64), np.empty_like(numbers)
    size, count = 64, 0
    while size < 2 * len(numbers):
        size *= 2
    table = np.full(size, -1, np.int64)
    for index in range(len(numbers)):
        part = slice_of(places, numbers[index])
        head = places[part]
        code = field(head, column, numbers[index] - head[BEGIN])
        which[index] = -1
        if code < 0:
            continue
        key = (part << 32) | code
        slot = (part * 7919 + code) & (size - 1)
        while table[slot] >= 0 and keys[table[slot]] != key:
            slot = (slot + 1) & (size - 1)
        if table[slot] < 0:
            table[slot] = count
            keys[count], firsts[count] = key, index
            count += 1
        which[index] = table[slot]
    return which, keys[:count], firsts[:count]


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
        part = slice_of(places, numbers[index])
        row = numbers[index] - places[part, BEGIN]
        if places[part, TEXTS]:
            head = places[part]
            end = col(head, TEXT_STARTS, row + 1)
            if end > col(head, TEXT_STARTS, row):
                found[index] = read_u8(head[TEXTS] + end - 1)
    return found


def rehearse() -> None:
    """Have every function made."""
    places, none, nothing = np.zeros((0, WIDE), np.int64), np.zeros(0), np.zeros(0, np.int64)
    around(places, nothing, 1, 1.0)
    found(places, np.zeros(0, np.uint64), np.zeros(0, np.uint8), nothing)
    stamps(places, nothing)
    grouped(places, KIND, nothing)
    last_bytes(places, nothing)
    faded(none, nothing, nothing, none, nothing, np.zeros(1), 1.0)
