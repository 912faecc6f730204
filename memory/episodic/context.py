"""What was remembered just before and after a memory in the same session. Reads slices and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.episodic.columnar import Ints
from quantum_memory.memory.episodic.dense import Mask
from quantum_memory.memory.episodic.runs import Slice
from quantum_memory.memory.episodic.state import Address
from quantum_memory.memory.episodic.tables import NOBODY, UNHEARD


@dataclass(frozen=True, slots=True)
class Context:
    """How far the surroundings of a memory reach.

    Attributes:
        reach: how many memories to look at on each side.
        fade: weight of each next one relative to the one before it; the weights of both sides add up to 1.
        lexical_share: weight of words against meaning in how well a neighbour matches.
        gap_s: memories without a session are neighbours only if no more than this lies between them.
        widen: whether neighbours of what was found are candidates too.
        weights: the weight of the first, second, ... neighbour on either side, made of the above.

    Neighbours follow the order of remembering. What was forgotten is stepped over.
    Raises: NotFinite, OutOfRange.
    """

    reach: int = 2
    fade: float = 0.5
    lexical_share: float = 0.6
    gap_s: float = 3600.0
    widen: bool = True
    weights: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.reach, int):
            raise InvalidValue("reach", repr(self.reach), "a whole number")
        bounded("reach", self.reach, 0, 64)
        bounded("fade", self.fade, 0.0, 1.0)
        bounded("lexical_share", self.lexical_share, 0.0, 1e6)
        bounded("gap_s", self.gap_s, 0.0, 1e12)

        steps = [self.fade**step for step in range(self.reach)]
        object.__setattr__(self, "weights", tuple(step / (2.0 * sum(steps)) for step in steps))


class Addresses(NamedTuple):
    """Slices by number and rows in them, in arrays of one shape; a row is -1 where there is none."""

    which: Ints
    row: Ints


def surroundings(slices: Sequence[Slice], alive: Sequence[Mask | None], of: Addresses, context: Context) -> Addresses:
    """The neighbours of m rows: (m, 2 reach) addresses, those before from the nearest on, then those after.

    There are fewer at the ends of a session. ``alive`` has the living rows of each slice, ``None`` for all.
    """
    count, reach = len(of.row), context.reach
    found = Addresses(np.repeat(of.which[:, np.newaxis], 2 * reach, axis=1), np.full((count, 2 * reach), -1, np.int64))
    walk = _Walk(slices, alive, context.gap_s, found)
    for index in np.unique(of.which).tolist():
        mine = np.flatnonzero(of.which == index)
        for forward in (False, True):
            walk.within(index, mine, of.row[mine], forward)
    return found


def neighbours(slices: Sequence[Slice], address: Address, context: Context) -> list[tuple[Address, float]]:
    """The addresses of one row's neighbours and their weights."""
    one = Addresses(np.array([address[0]]), np.array([address[1]]))
    found = surroundings(slices, [part.alive() for part in slices], one, context)
    weights = (*context.weights, *context.weights)
    near = zip(found.which[0].tolist(), found.row[0].tolist(), weights, strict=True)
    return [((index, row), weight) for index, row, weight in near if row >= 0]


class _Walk:
    """Goes from rows to their neighbours and writes down where it came. Rows of one slice go together."""

    def __init__(self, slices: Sequence[Slice], alive: Sequence[Mask | None], gap_s: float, found: Addresses) -> None:
        self._slices, self._alive, self._gap_s, self._found = slices, alive, gap_s, found
        self._reach = found.row.shape[1] // 2
        self._beyond: dict[tuple[int, bool, str | None], Address | None] = {}

    def within(self, index: int, walkers: Ints, at: Ints, forward: bool) -> None:
        """Let these walkers, who stand at rows of one slice, go their way; who leaves it goes on alone."""
        part, alive = self._slices[index], self._alive[index]
        link, rows = part.block.rows["after" if forward else "before"], part.block.rows
        for step in range(self._reach):
            if not len(walkers):
                return
            to = link[at].astype(np.int64)
            inside = (to >= 0) & (to < part.length)
            if alive is not None:
                inside[inside] = alive[to[inside]]
            for walker, row in zip(walkers[~inside].tolist(), at[~inside].tolist(), strict=True):
                self._alone(walker, (index, row), step, forward)
            walkers, at, to = walkers[inside], at[inside], to[inside]
            near = np.abs(rows["at_us"][to] - rows["at_us"][at]) / 1e6 <= self._gap_s
            near |= rows["session"][at] != NOBODY
            walkers, at = walkers[near], to[near]
            self._found.row[walkers, step + self._reach * forward] = at

    def _alone(self, walker: int, at: Address, step: int, forward: bool) -> None:
        session = self._slices[at[0]].block.session(at[1])
        for column in range(step, self._reach):
            to = self._next(at, session, forward)
            if to is None or (session is None and self._apart_s(at, to) > self._gap_s):
                return
            where = walker, column + self._reach * forward
            self._found.which[where], self._found.row[where] = at = to

    def _apart_s(self, one: Address, other: Address) -> float:
        left, right = (self._slices[index].block.rows["at_us"][row] for index, row in (one, other))
        return abs(int(left) - int(right)) / 1e6

    def _next(self, address: Address, session: str | None, forward: bool) -> Address | None:
        """The next living row of the same session, in one direction, or ``None``."""
        index, row = address
        part = self._slices[index]
        link = part.block.rows["after" if forward else "before"]
        row = int(link[row])
        while 0 <= row < part.length:
            if part.lives(row):
                return index, row
            row = int(link[row])
        key = index, forward, session
        if key not in self._beyond:
            self._beyond[key] = self._further(index, session, forward)
        return self._beyond[key]

    def _further(self, index: int, session: str | None, forward: bool) -> Address | None:
        """The next living row of a session beyond a slice."""
        others = range(index + 1, len(self._slices)) if forward else range(index - 1, -1, -1)
        for other in others:
            part = self._slices[other]
            code = part.block.code(session)
            row = _end(part, code, forward) if code != UNHEARD else -1
            link = part.block.rows["after" if forward else "before"]
            while 0 <= row < part.length:
                if part.lives(row):
                    return other, row
                row = int(link[row])
        return None


def _end(part: Slice, session: int, forward: bool) -> int:
    """The first or last row of a session that a slice shows, dead or not, or -1."""
    if forward:
        return part.block.first(session)
    row = part.block.last(session)
    # A chunk may have grown beyond this slice: walk back to what it shows.
    while row >= part.length:
        row = int(part.block.rows["before"][row])
    return row
