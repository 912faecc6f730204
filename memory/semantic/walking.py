"""What a question asks of a graph, as machine code: ids found, what lies around gathered and walked, bridges.

The same as ``neighbourhood`` with ``dense_walk``, and as ``bridges``, of graphs that know no aliases and no relations;
those are its slow twins. Imports numba: ask ``compiled`` for it. Reads columns by ``heads``, which the caller holds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.machine import found_at, inside, machine, read_u8, read_u32, read_u64, signed, whole_at
from quantum_memory.memory.semantic.heads import (
    ATS,
    BEGIN,
    BEGUN,
    CHAINS,
    CONCEPTS,
    COUNTS,
    DEAD,
    FORMS,
    HASHES,
    ID_STARTS,
    ID_WIDTH,
    IDS,
    KEY_STARTS,
    KEYS,
    KINDS,
    NUMBERS,
    OF_FORM,
    ORDER,
    POSTED,
    POSTED_ROWS,
    ROWS,
    SESSION,
    SESSION_HASHES,
    SESSIONS,
    STARTS,
    WIDE,
    Heads,
)

Ints = NDArray[np.int64]
Numbers = NDArray[np.uint64]
Floats = NDArray[np.float64]
Octets = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""2^64 by the golden ratio: what numbers of memories are multiplied by for a place in a table."""
_UPPER = np.uint64(32)
_HALF = np.uint64(33)
_TABLE_PER_NODE = 4


# One slice


@inside
def _col(heads: Any, part: int, column: int, at: int) -> Any:
    return whole_at(heads[part, column], heads[part, column + 1], at)


@inside
def _dead(heads: Any, part: int, row: int) -> Any:
    return heads[part, DEAD] != 0 and (read_u8(heads[part, DEAD] + (row >> 3)) >> (row & 7)) & 1 != 0


@inside
def _mentions(heads: Any, key: np.uint64) -> Any:
    """How many living memories speak of a concept."""
    total = 0
    for part in range(len(heads)):
        place = found_at(heads[part, HASHES], heads[part, CONCEPTS], key)
        if place >= 0:
            if heads[part, COUNTS]:
                total += whole_at(heads[part, COUNTS], 8, place)
            else:
                total += _col(heads, part, POSTED, place + 1) - _col(heads, part, POSTED, place)
    return total


@inside
def _part_of(heads: Any, at: int) -> Any:
    """The slice in which a memory is."""
    part = len(heads) - 1
    while heads[part, BEGIN] > at:
        part -= 1
    return part


@inside
def _concept_at(heads: Any, part: int, mention: int) -> Any:
    """The place of the concept that is mentioned."""
    return _col(heads, part, OF_FORM, _col(heads, part, FORMS, mention))


# Names


@inside
def _hex_digit(half: int) -> Any:
    return half + 48 if half < 10 else half + 87


@inside
def _name(heads: Any, is_memory: bool, part: int, row: int) -> Any:
    """Where the name of a node lies, how long it is, and whether it is a number of which hexadecimal digits count."""
    if is_memory and heads[part, ID_WIDTH]:
        return heads[part, IDS] + heads[part, ID_WIDTH] * row, 2 * heads[part, ID_WIDTH], True
    column, starts = (IDS, ID_STARTS) if is_memory else (KEYS, KEY_STARTS)
    begin = _col(heads, part, starts, row)
    return heads[part, column] + begin, _col(heads, part, starts, row + 1) - begin, False


@inside
def _letter(address: int, digits: bool, at: int) -> Any:
    if not digits:
        return signed(read_u8(address + at))
    both = signed(read_u8(address + (at >> 1)))
    return _hex_digit(both & 15 if at & 1 else both >> 4)


@inside
def _before(heads: Any, nodes: Any, one: int, other: int) -> Any:
    """Whether the name of a node comes before that of another one, concepts before memories."""
    if nodes[one, MEMORY] != nodes[other, MEMORY]:
        return nodes[one, MEMORY] < nodes[other, MEMORY]
    is_memory = nodes[one, MEMORY] != 0
    mine, length, digits = _name(heads, is_memory, nodes[one, PART], nodes[one, ROW])
    theirs, other_length, other_digits = _name(heads, is_memory, nodes[other, PART], nodes[other, ROW])
    for at in range(min(length, other_length)):
        left, right = _letter(mine, digits, at), _letter(theirs, other_digits, at)
        if left != right:
            return left < right
    return length < other_length


# What was met: (capacity, 5) int64 nodes

MEMORY, PART, ROW, AT, NEXT = range(5)
"""Of a node: 1 for a memory; the slice and the row or place where it stands; its number or the bits of its hash."""


@inside
def _slot(table: Any, nodes: Any, is_memory: int, key: int) -> Any:
    """Where a node stands in the table, or where it would."""
    mask = len(table) - 1
    mixed = np.uint64(key) * _SPREAD + np.uint64(is_memory)
    at = signed(mixed >> _HALF) & mask
    while table[at] >= 0 and (nodes[table[at], MEMORY] != is_memory or nodes[table[at], AT] != key):
        at = (at + 1) & mask
    return at


@inside
def _put(table: Any, nodes: Any, size: Any, slot: int, is_memory: int, part: int, row: int, key: int) -> Any:
    number = size[0]
    nodes[number, MEMORY], nodes[number, PART], nodes[number, ROW], nodes[number, AT] = is_memory, part, row, key
    table[slot] = number
    size[0] = number + 1
    return number


@inside
def _meet_memory(heads: Any, table: Any, nodes: Any, size: Any, at: int) -> Any:
    slot = _slot(table, nodes, 1, at)
    if table[slot] >= 0:
        return table[slot]
    part = _part_of(heads, at)
    return _put(table, nodes, size, slot, 1, part, at - heads[part, BEGIN], at)


@inside
def _meet_concept(
    heads: Any, count: int, table: Any, nodes: Any, size: Any, rare: Any, often: Any, part: int, place: int, key: int
) -> Any:
    slot = _slot(table, nodes, 0, key)
    if table[slot] >= 0:
        return table[slot]
    number = _put(table, nodes, size, slot, 0, part, place, key)
    often[number] = _mentions(heads, np.uint64(key))
    rare[number] = math.log1p(max(1, count) / max(1, often[number]))
    return number


# Sessions


@inside
def _living(heads: Any, part: int, first: int, end: int, step: int) -> Any:
    """The first row that lives among these places of the chains, or -1."""
    at = first
    while at != end:
        row = _col(heads, part, CHAINS, at)
        if not _dead(heads, part, row):
            return row
        at += step
    return -1


@inside
def _elsewhere(heads: Any, session: np.uint64, part: int, step: int) -> Any:
    """The first living memory of a session in the slices after one, or the last in those before; or -1."""
    part += step
    while 0 <= part < len(heads):
        place = found_at(heads[part, SESSION_HASHES], heads[part, SESSIONS], session)
        if place >= 0:
            begin, end = _col(heads, part, BEGUN, place), _col(heads, part, BEGUN, place + 1)
            row = _living(heads, part, begin, end, 1) if step > 0 else _living(heads, part, end - 1, begin - 1, -1)
            if row >= 0:
                return heads[part, BEGIN] + row
        part += step
    return -1


@inside
def _near(heads: Any, part: int, row: int) -> Any:
    """The memories of the same session just before one and just after it, each -1 if there is none."""
    session = _col(heads, part, SESSION, row)
    if session < 0:
        return -1, -1
    begin, end = _col(heads, part, BEGUN, session), _col(heads, part, BEGUN, session + 1)
    low, high = begin, end
    while low < high:
        middle = (low + high) >> 1
        if _col(heads, part, CHAINS, middle) < row:
            low = middle + 1
        else:
            high = middle
    before = _living(heads, part, low - 1, begin - 1, -1)
    after = _living(heads, part, low + 1, end, 1) if low + 1 < end else -1
    before = before + heads[part, BEGIN] if before >= 0 else before
    after = after + heads[part, BEGIN] if after >= 0 else after
    own = read_u64(heads[part, SESSION_HASHES] + 8 * session)
    if before < 0:
        before = _elsewhere(heads, own, part, -1)
    if after < 0:
        after = _elsewhere(heads, own, part, 1)
    return before, after


# Sums


@inside
def _exact_sum(values: Any, begin: int, end: int, parts: Any) -> Any:
    """The correctly rounded sum of some, as ``math.fsum`` gives it. ``parts`` (64,) is room for it.

    Source: Shewchuk (1997), Adaptive Precision Floating-Point Arithmetic, as in CPython.
    """
    held = 0
    for index in range(begin, end):
        x, kept = values[index], 0
        for at in range(held):
            y = parts[at]
            if abs(x) < abs(y):
                x, y = y, x
            high = x + y
            low = y - (high - x)
            if low != 0.0:
                parts[kept] = low
                kept += 1
            x = high
        parts[kept] = x
        held = kept + 1
    if not held:
        return 0.0
    held -= 1
    high, low = parts[held], 0.0
    while held > 0:
        x = high
        held -= 1
        y = parts[held]
        high = x + y
        low = y - (high - x)
        if low != 0.0:
            break
    if held > 0 and ((low < 0.0 and parts[held - 1] < 0.0) or (low > 0.0 and parts[held - 1] > 0.0)):
        y = low * 2.0
        x = high + y
        if y == x - high:
            high = x
    return high


# Edges


@inside
def _of_memory(
    heads: Any,
    count: int,
    table: Any,
    nodes: Any,
    size: Any,
    rare: Any,
    often: Any,
    node: int,
    follows: float,
    to: Any,
    weights: Any,
    found: int,
    met_only: bool,
) -> Any:
    """The edges of a memory, written to ``to`` and ``weights`` from ``found`` on; where they end.

    With ``met_only`` those to nodes that were met.
    """
    part, row = nodes[node, PART], nodes[node, ROW]
    for mention in range(_col(heads, part, STARTS, row), _col(heads, part, STARTS, row + 1)):
        place = _concept_at(heads, part, mention)
        key = signed(read_u64(heads[part, HASHES] + 8 * place))
        if met_only:
            other = table[_slot(table, nodes, 0, key)]
            if other < 0:
                continue
        else:
            other = _meet_concept(heads, count, table, nodes, size, rare, often, part, place, key)
        to[found], weights[found] = other, rare[other]
        found += 1
    before, after = _near(heads, part, row)
    for step in range(2):
        near = after if step else before
        if near < 0:
            continue
        other = table[_slot(table, nodes, 1, near)] if met_only else _meet_memory(heads, table, nodes, size, near)
        if other >= 0:
            to[found], weights[found] = other, follows
            found += 1
    return found


@inside
def _beside(heads: Any, key: np.uint64, most: int, window: int, others: Any, places: Any) -> Any:
    """The concepts close to one: (most, 2) hashes as bits and how often, and where each stands; -1 if they are more."""
    found = 0
    for part in range(len(heads) - 1, -1, -1):
        place = found_at(heads[part, HASHES], heads[part, CONCEPTS], key)
        if place < 0:
            continue
        for at in range(_col(heads, part, POSTED, place), _col(heads, part, POSTED, place + 1)):
            row = _col(heads, part, POSTED_ROWS, at)
            if _dead(heads, part, row):
                continue
            first, last = _col(heads, part, STARTS, row), _col(heads, part, STARTS, row + 1)
            here = first + _col(heads, part, ATS, at)
            for mention in range(max(first, here - window), min(last, here + 1 + window)):
                if mention == here:
                    continue
                other = _concept_at(heads, part, mention)
                own = signed(read_u64(heads[part, HASHES] + 8 * other))
                known = 0
                while known < found and others[known, 0] != own:
                    known += 1
                if known == found:
                    if found == most:
                        return -1
                    others[known, 0], others[known, 1] = own, 0
                    places[known, 0], places[known, 1] = part, other
                    found += 1
                others[known, 1] += 1
    return found


@inside
def _of_concept(
    heads: Any,
    count: int,
    table: Any,
    nodes: Any,
    size: Any,
    rare: Any,
    often: Any,
    node: int,
    together: float,
    fanout: int,
    window: int,
    to: Any,
    weights: Any,
    found: int,
    parts: Any,
) -> Any:
    """The edges of a concept that are followed, to its newest memories and then to concepts; where they end.

    And all that there is of it, also where it is not followed.
    """
    key, own, most = np.uint64(nodes[node, AT]), rare[node], found + fanout
    others, places = np.empty((fanout, 2), np.int64), np.empty((fanout, 2), np.int64)
    links = _beside(heads, key, fanout, window, others, places) if often[node] else -1
    for part in range(len(heads) - 1, -1, -1):
        place = found_at(heads[part, HASHES], heads[part, CONCEPTS], key)
        if place < 0:
            continue
        at, end = _col(heads, part, POSTED, place + 1) - 1, _col(heads, part, POSTED, place)
        while at >= end and found < most:
            row = _col(heads, part, POSTED_ROWS, at)
            if not _dead(heads, part, row):
                to[found] = _meet_memory(heads, table, nodes, size, heads[part, BEGIN] + row)
                weights[found] = own
                found += 1
            at -= 1
    begin = found
    for at in range(links):
        other = _meet_concept(
            heads, count, table, nodes, size, rare, often, places[at, 0], places[at, 1], others[at, 0]
        )
        to[found], weights[found] = other, together * others[at, 1] * min(own, rare[other])
        found += 1
    return found, own * often[node] + _exact_sum(weights, begin, found, parts)


@inside
def _most_edges(heads: Any, nodes: Any, node: int, fanout: int) -> Any:
    """No fewer than a node has."""
    if not nodes[node, MEMORY]:
        return 2 * fanout
    part, row = nodes[node, PART], nodes[node, ROW]
    return _col(heads, part, STARTS, row + 1) - _col(heads, part, STARTS, row) + 2


@inside
def _longer_whole(column: Any, size: int) -> Any:
    grown = np.empty(size, np.int64)
    for at in range(len(column)):
        grown[at] = column[at]
    return grown


@inside
def _longer(column: Any, size: int) -> Any:
    grown = np.zeros(size)
    for at in range(len(column)):
        grown[at] = column[at]
    return grown


@inside
def _powers(least: int) -> Any:
    size = 64
    while size < least:
        size *= 2
    return size


@machine
def around(  # noqa: C901, PLR0912, PLR0915 - one loop, as in ``neighbourhood.gathered``; parts of it would hand on all arrays
    heads: Heads,
    count: int,
    begun: Ints,
    begun_mass: Floats,
    alpha: float,
    max_nodes: int,
    most_met: float,
    follows: float,
    together: float,
    fanout: int,
    window: int,
) -> tuple[Ints, Floats, Floats]:
    """The nodes that most of the mass flows to, as ``neighbourhood.gathered`` finds them, and what joins them.

    Args:
        heads: of the slices.
        count: living memories.
        begun: (b, 4) the nodes that it begins with: 1 for a memory, slice, row or place, number or bits of the hash.
        begun_mass: (b,) the mass of each.
        alpha: share of a node's mass that flows on.
        max_nodes: how many are kept, no fewer than begin.
        most_met: no more are looked at once so many were met.
        follows: as in ``neighbourhood``.
        together: as in ``neighbourhood``.
        fanout: as in ``neighbourhood``.
        window: as in ``slices``.

    Returns: (n, 4) nodes in the order of their names, (n, n) symmetric weights between them, and (n,) the mass that
    each began with.
    """
    first = len(begun)
    capacity = max(first, max_nodes) + 4 * fanout
    nodes, size = np.empty((capacity, 4), np.int64), np.zeros(1, np.int64)
    rare, often, mass = np.empty(capacity), np.empty(capacity, np.int64), np.zeros(capacity)
    edge_begin, edge_end = np.full(capacity, -1, np.int64), np.full(capacity, -1, np.int64)
    table = np.full(_powers(_TABLE_PER_NODE * capacity), -1, np.int64)
    to, weights, edges, parts = np.empty(1024, np.int64), np.empty(1024), 0, np.empty(64)
    for at in range(first):
        if begun[at, MEMORY]:
            number = _meet_memory(heads, table, nodes, size, begun[at, AT])
        else:
            number = _meet_concept(
                heads, count, table, nodes, size, rare, often, begun[at, PART], begun[at, ROW], begun[at, AT]
            )
        mass[number] = begun_mass[at]

    looked = 0
    while looked < max_nodes and size[0] < most_met:
        best = -1
        for node in range(size[0]):
            if edge_begin[node] >= 0:
                continue
            if best < 0 or mass[node] > mass[best] or (mass[node] == mass[best] and _before(heads, nodes, node, best)):
                best = node
        if best < 0:
            break
        needed = _most_edges(heads, nodes, best, fanout)
        if size[0] + needed > capacity:
            capacity = 2 * (size[0] + needed)
            grown = np.empty((capacity, 4), np.int64)
            begins, ends = np.full(capacity, -1, np.int64), np.full(capacity, -1, np.int64)
            for node in range(size[0]):
                begins[node], ends[node] = edge_begin[node], edge_end[node]
                for column in range(4):
                    grown[node, column] = nodes[node, column]
            nodes, edge_begin, edge_end = grown, begins, ends
            rare, often, mass = _longer(rare, capacity), _longer_whole(often, capacity), _longer(mass, capacity)
            table = np.full(_powers(_TABLE_PER_NODE * capacity), -1, np.int64)
            for node in range(size[0]):
                table[_slot(table, nodes, nodes[node, MEMORY], nodes[node, AT])] = node
        if edges + needed > len(to):
            to, weights = _longer_whole(to, 2 * (edges + needed)), _longer(weights, 2 * (edges + needed))
        if nodes[best, MEMORY]:
            end = _of_memory(heads, count, table, nodes, size, rare, often, best, follows, to, weights, edges, False)
            total = _exact_sum(weights, edges, end, parts)
        else:
            end, total = _of_concept(
                heads,
                count,
                table,
                nodes,
                size,
                rare,
                often,
                best,
                together,
                fanout,
                window,
                to,
                weights,
                edges,
                parts,
            )
        edge_begin[best], edge_end[best] = edges, end
        flow = alpha * mass[best] / total if total else 0.0
        for at in range(edges, end):
            mass[to[at]] += flow * weights[at]
        edges = end
        looked += 1

    # What is kept: where it began, then what has most mass; of equals by name.
    met = size[0]
    kept, chosen = np.zeros(met, np.bool_), 0
    for node in range(min(first, met)):
        kept[node] = True
        chosen += 1
    while chosen < min(met, max_nodes):
        best = -1
        for node in range(met):
            if kept[node]:
                continue
            if best < 0 or mass[node] > mass[best] or (mass[node] == mass[best] and _before(heads, nodes, node, best)):
                best = node
        kept[best] = True
        chosen += 1
    order = np.empty(chosen, np.int64)
    held = 0
    for node in range(met):
        if kept[node]:
            at = held
            while at > 0 and _before(heads, nodes, node, order[at - 1]):
                order[at] = order[at - 1]
                at -= 1
            order[at] = node
            held += 1
    place = np.full(met, -1, np.int64)
    for at in range(chosen):
        place[order[at]] = at

    matrix, start = np.zeros((chosen, chosen)), np.zeros(chosen)
    for at in range(chosen):
        node = order[at]
        if node < first:
            start[at] = begun_mass[node]
        if nodes[node, MEMORY] and edge_begin[node] < 0:
            needed = _most_edges(heads, nodes, node, fanout)
            if edges + needed > len(to):
                to, weights = _longer_whole(to, 2 * (edges + needed)), _longer(weights, 2 * (edges + needed))
            end = _of_memory(heads, count, table, nodes, size, rare, often, node, follows, to, weights, edges, True)
            edge_begin[node], edge_end[node] = edges, end
            edges = end
        # Mentions come from the memories' side. Each edge is as heavy as the side that tells more of it.
        for edge in range(edge_begin[node], edge_end[node]):
            other = to[edge]
            if other == node or place[other] < 0 or (nodes[other, MEMORY] and not nodes[node, MEMORY]):
                continue
            there = place[other]
            weight = max(matrix[at, there], weights[edge])
            matrix[at, there] = weight
            matrix[there, at] = weight
    return nodes[order], matrix, start


@machine
def ranked(  # noqa: C901 - every step written out
    matrix: Floats, start: Floats, alpha: float, steps: int
) -> Floats:
    """(n,) quantum PageRank as ``dense_walk.dense_ranks`` gives it, but for the last bits."""
    n = len(start)
    teleport = start / start.max()
    teleport /= teleport.sum()
    links, lost = np.empty((n, n)), np.empty(n)
    for column in range(n):
        leads = 0.0
        for row in range(n):
            leads += matrix[column, row]
        lost[column] = 1.0 if leads == 0.0 else 1.0 - alpha
        share = 0.0 if leads == 0.0 else alpha / leads
        for row in range(n):  # the matrix is its own transpose: column j is where j leads
            links[row, column] = matrix[column, row] * share + teleport[row] * lost[column]
    twice = np.empty((n, n))
    for row in range(n):
        for column in range(n):
            twice[row, column] = 2.0 * math.sqrt(links[row, column] * links[column, row])
    before, b, new = -np.sqrt(teleport), np.zeros(n), np.empty(n)
    led, crossed = teleport.copy(), np.zeros(n)
    for half in range(2 * steps):
        for row in range(n):
            z0, z1, z2, z3 = 0.0, 0.0, 0.0, 0.0
            at = 0
            while at + 3 < n:
                z0 += twice[row, at] * b[at]
                z1 += twice[row, at + 1] * b[at + 1]
                z2 += twice[row, at + 2] * b[at + 2]
                z3 += twice[row, at + 3] * b[at + 3]
                at += 4
            while at < n:
                z0 += twice[row, at] * b[at]
                at += 1
            new[row] = (z0 + z1) + (z2 + z3) - before[row]
            if half % 2:
                led[row] += b[row] * b[row]
                crossed[row] += new[row] * before[row]
        before, b, new = b, new, before
    ranks, total = np.empty(n), 0.0
    for row in range(n):
        reached = -crossed[row]
        for column in range(n):
            reached += links[row, column] * led[column]
        ranks[row] = max(reached, 0.0)
        total += ranks[row]
    return ranks / total


# Ids and concepts


@machine
def found(heads: Heads, numbers: Numbers, data: Octets, ends: Ints) -> Ints:
    """(k,) the number of each id's living memory, or -1. ``numbers`` are the ids', which ``data`` holds as UTF-8."""
    at = np.full(len(numbers), -1, np.int64)
    for index in range(len(numbers)):
        upper = numbers[index] >> _UPPER
        begin = 0 if index == 0 else ends[index - 1]
        length = ends[index] - begin
        for back in range(len(heads)):
            part = len(heads) - 1 - back
            rows, low, high = heads[part, ROWS], 0, heads[part, ROWS]
            while low < high:
                middle = (low + high) >> 1
                if np.uint64(read_u32(heads[part, NUMBERS] + 4 * middle)) < upper:
                    low = middle + 1
                else:
                    high = middle
            while low < rows and at[index] < 0 and np.uint64(read_u32(heads[part, NUMBERS] + 4 * low)) == upper:
                row = _col(heads, part, ORDER, low)
                name, own, digits = _name(heads, True, part, row)
                same = own == length and not _dead(heads, part, row)
                letter = 0
                while same and letter < length:
                    same = _letter(name, digits, letter) == signed(data[begin + letter])
                    letter += 1
                if same:
                    at[index] = heads[part, BEGIN] + row
                low += 1
            if at[index] >= 0:
                break
    return at


@machine
def concepts(heads: Heads, hashes: Numbers) -> Ints:
    """(k, 3) of each concept how many living memories speak of it, and the newest slice and place where it stands."""
    told = np.full((len(hashes), 3), -1, np.int64)
    for index in range(len(hashes)):
        told[index, 0] = _mentions(heads, hashes[index])
        for part in range(len(heads)):
            place = found_at(heads[part, HASHES], heads[part, CONCEPTS], hashes[index])
            if place >= 0:
                told[index, 1], told[index, 2] = part, place
    return told


@machine
def led(  # noqa: C901, PLR0912 - loops in loops, as in ``bridges``
    heads: Heads,
    count: int,
    seeds: Ints,
    goodness: Floats,
    asked: Numbers,
    named: Mask,
    most_mentions: int,
    opening: int,
    mention_share: float,
) -> tuple[Ints, Floats]:
    """Where names lead that seeds speak of, as ``bridges`` finds it.

    Args:
        heads: of the slices.
        count: living memories, 2 at least.
        seeds: (s,) their numbers, the best first.
        goodness: (s,) what each gives to the strength of its bridges.
        asked: hashes of the concepts of the question.
        named: by kind of concept whether it leads.
        most_mentions: as in ``bridges``.
        opening: as in ``bridges``.
        mention_share: as in ``bridges``.

    Returns: (m, 3) memory, place of the seed, and the order of its first bridge; and (m,) the strongest of them.
    """
    room = 256
    ways, strengths, size = np.empty((room, 3), np.int64), np.empty(room), 0
    table = np.full(4 * room, -1, np.int64)
    every = math.log(count)
    for index in range(len(seeds)):
        own = _part_of(heads, seeds[index])
        here = seeds[index] - heads[own, BEGIN]
        for mention in range(_col(heads, own, STARTS, here), _col(heads, own, STARTS, here + 1)):
            form = _col(heads, own, FORMS, mention)
            key = read_u64(heads[own, HASHES] + 8 * _col(heads, own, OF_FORM, form))
            wanted = named[_col(heads, own, KINDS, form)]
            for at in range(len(asked)):
                wanted = wanted and asked[at] != key
            mentions = _mentions(heads, key) if wanted else most_mentions + 1
            if mentions > most_mentions:
                continue
            rare = 1.0 - math.log(mentions) / every
            if rare <= 0.0:
                continue
            for back in range(len(heads)):
                part = len(heads) - 1 - back
                place = found_at(heads[part, HASHES], heads[part, CONCEPTS], key)
                if place < 0:
                    continue
                for back_at in range(_col(heads, part, POSTED, place + 1) - _col(heads, part, POSTED, place)):
                    row = _col(heads, part, POSTED_ROWS, _col(heads, part, POSTED, place + 1) - 1 - back_at)
                    memory = heads[part, BEGIN] + row
                    if memory == seeds[index] or _dead(heads, part, row):
                        continue
                    begin = _col(heads, part, STARTS, row)
                    about = False
                    for at in range(begin, min(begin + opening, _col(heads, part, STARTS, row + 1))):
                        about = about or _concept_at(heads, part, at) == place
                    strength = (rare if about else rare * mention_share) * goodness[index]
                    if 2 * size >= room:
                        room *= 2
                        wider = np.empty((room, 3), np.int64)
                        for at in range(size):
                            wider[at, 0], wider[at, 1], wider[at, 2] = ways[at, 0], ways[at, 1], ways[at, 2]
                        ways, strengths = wider, _longer(strengths, room)
                        table = np.full(4 * room, -1, np.int64)
                        for at in range(size):
                            slot = (ways[at, 0] * 31 + ways[at, 1]) & (len(table) - 1)
                            while table[slot] >= 0:
                                slot = (slot + 1) & (len(table) - 1)
                            table[slot] = at
                    slot = (memory * 31 + index) & (len(table) - 1)
                    while table[slot] >= 0 and (ways[table[slot], 0] != memory or ways[table[slot], 1] != index):
                        slot = (slot + 1) & (len(table) - 1)
                    if table[slot] < 0:
                        table[slot] = size
                        ways[size, 0], ways[size, 1], ways[size, 2] = memory, index, size
                        strengths[size] = strength
                        size += 1
                    elif strength > strengths[table[slot]]:
                        strengths[table[slot]] = strength
    return ways[:size], strengths[:size]


def rehearse() -> None:
    """Have every function made."""
    heads, nothing = np.zeros((0, WIDE), np.int64), np.zeros(0, np.int64)
    around(heads, 0, np.zeros((0, 4), np.int64), np.zeros(0), 0.85, 1, 1.0, 1.0, 1.0, 1, 1)
    ranked(np.zeros((1, 1)), np.ones(1), 0.85, 1)
    found(heads, np.zeros(0, np.uint64), np.zeros(0, np.uint8), nothing)
    concepts(heads, np.zeros(0, np.uint64))
    led(heads, 2, nothing, np.zeros(0), np.zeros(0, np.uint64), np.zeros(5, np.bool_), 1, 1, 1.0)
