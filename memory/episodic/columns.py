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
    FIRSTS,
    ID_STARTS,
    ID_WIDTH,
    IDS,
    KIND,
    LASTS,
    LENGTH,
    NAME_COUNT,
    NAME_ORDER,
    NAMES,
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
from quantum_memory.memory.machine import (
    first_not_below,
    inside,
    machine,
    read_f32,
    read_i32,
    read_u8,
    read_u64,
    signed,
    whole,
)

Ints = NDArray[np.int64]
Numbers = NDArray[np.uint64]
Octets = NDArray[np.uint8]
Floats = NDArray[np.float64]
COLUMNS = {"kind": KIND, "speaker": SPEAKER, "session": SESSION}
"""Columns of names, as ``grouped`` takes them."""


@inside
def _mark(head: Any, code: int) -> Any:
    """The mark of a name by its code; -1 for none."""
    return -1 if code < 0 else signed(read_u64(head[NAMES] + 8 * code))


@inside
def _code(head: Any, mark: int) -> Any:
    """The code of a name by its mark, the one after all names for none; -1 if the slice has no such name."""
    if mark < 0:
        return head[NAME_COUNT]
    low, high = 0, head[NAME_COUNT]
    while low < high:
        middle = (low + high) >> 1
        if _mark(head, whole(head[NAME_ORDER] + 8 * middle, 8)) < mark:
            low = middle + 1
        else:
            high = middle
    if low == head[NAME_COUNT]:
        return -1
    code = whole(head[NAME_ORDER] + 8 * low, 8)
    return code if _mark(head, code) == mark else -1


@inside
def _living(head: Any, row: int, forward: int) -> Any:
    """The first living row that a slice shows from one on along its session, that one included; or -1."""
    while 0 <= row < head[LENGTH] and dead(head, row):
        row = field(head, AFTER, row) if forward else field(head, BEFORE, row)
    return row if row < head[LENGTH] else -1


@inside
def _entered(head: Any, mark: int, forward: int) -> Any:
    """The first living row of a session in a slice, or the last one; or -1."""
    code = _code(head, mark)
    if code < 0:
        return -1
    if forward:
        return _living(head, signed(read_i32(head[FIRSTS] + 4 * code)), 1)
    row = signed(read_i32(head[LASTS] + 4 * code))
    while row >= head[LENGTH]:  # a chunk may have grown beyond this slice
        row = field(head, BEFORE, row)
    return _living(head, row, 0)


@machine
def around(places: Places, numbers: Ints, reach: int, gap_s: float) -> Ints:
    """(m, 2 reach) the numbers of what lies around rows, as ``Look.around`` has them; -1 for none."""
    near = np.full((len(numbers), 2 * reach), -1, np.int64)
    for index in range(len(numbers)):
        for forward in range(2):
            part = slice_of(places, numbers[index])
            at = numbers[index] - places[part, BEGIN]
            session = field(places[part], SESSION, at)
            mark = _mark(places[part], session)
            for step in range(reach):
                head, other = places[part], part
                to = _living(head, field(head, AFTER, at) if forward else field(head, BEFORE, at), forward)
                while to < 0:
                    other += 1 if forward else -1
                    if other < 0 or other >= len(places):
                        break
                    to = _entered(places[other], mark, forward)
                if to < 0:
                    break
                if session < 0 and abs(field(places[other], AT, to) - field(head, AT, at)) / 1e6 > gap_s:
                    break
                near[index, step + reach * forward] = places[other, BEGIN] + to
                part, at = other, to
    return near


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
def sessions(places: Places, numbers: Ints) -> Ints:
    """(m,) the marks of the sessions of rows, -1 for none."""
    marks = np.empty(len(numbers), np.int64)
    for index in range(len(numbers)):
        head = places[slice_of(places, numbers[index])]
        marks[index] = _mark(head, field(head, SESSION, numbers[index] - head[BEGIN]))
    return marks


@machine
def grouped(places: Places, column: int, numbers: Ints) -> tuple[Ints, Ints]:
    """Which rows have one name in a column, by its codes: (m,) the group of each, -1 for those without a name.

    And (g,) the place of the first row of each group. A name has a group in each slice.
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
    return which, firsts[:count]


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
    sessions(places, nothing)
    grouped(places, KIND, nothing)
    last_bytes(places, nothing)
    faded(none, nothing, nothing, none, nothing, np.zeros(1), 1.0)
