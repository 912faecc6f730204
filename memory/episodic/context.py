"""What was remembered just before and after a memory in the same session. Reads slices and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.episodic.columnar import Ints
from quantum_memory.memory.episodic.dense import Mask
from quantum_memory.memory.episodic.rows import NOBODY, ROW
from quantum_memory.memory.episodic.runs import Slice
from quantum_memory.memory.episodic.state import Address
from quantum_memory.memory.episodic.tables import UNHEARD

_UNKNOWN: Final[Address] = (-1, -1)


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


Beyond: TypeAlias = "dict[tuple[int, bool, int], Address | None]"
"""By slice, direction and session there: the next living row of that session beyond the slice, or ``None``."""


def surroundings(
    slices: Sequence[Slice],
    alive: Sequence[Mask | None],
    of: Addresses,
    context: Context,
    beyond: Beyond | None = None,
) -> Addresses:
    """The neighbours of m rows: (m, 2 reach) addresses, those before from the nearest on, then those after.

    There are fewer at the ends of a session. ``alive`` has the living rows of each slice, ``None`` for all. Who asks of
    the same slices more than once gives the same ``beyond``, empty at first, which is filled.
    """
    count, reach = len(of.row), context.reach
    found = Addresses(np.repeat(of.which[:, np.newaxis], 2 * reach, axis=1), np.full((count, 2 * reach), -1, np.int64))
    if count and reach:
        order = np.argsort(of.which, kind="stable")
        walk = _Walk(slices, alive, context.gap_s, found, {} if beyond is None else beyond)
        walk.go(order, of.which[order], of.row[order])
    return found


def neighbours(slices: Sequence[Slice], address: Address, context: Context) -> list[tuple[Address, float]]:
    """The addresses of one row's neighbours and their weights."""
    one = Addresses(np.array([address[0]]), np.array([address[1]]))
    found = surroundings(slices, [part.alive() for part in slices], one, context)
    weights = (*context.weights, *context.weights)
    near = zip(found.which[0].tolist(), found.row[0].tolist(), weights, strict=True)
    return [((index, row), weight) for index, row, weight in near if row >= 0]


def _further(slices: Sequence[Slice], index: int, session: str | None, *, forward: bool) -> Address | None:
    """The next living row of a session beyond a slice."""
    others = range(index + 1, len(slices)) if forward else range(index - 1, -1, -1)
    for other in others:
        part = slices[other]
        code = part.block.code(session)
        if code == UNHEARD:
            continue
        row = _end(part, code, forward)
        link = part.block.rows["after" if forward else "before"]
        while 0 <= row < part.length:
            if part.lives(row):
                return other, row
            row = int(link[row])
    return None


class _Walk:
    """Goes from rows to their neighbours and writes down where it came. All rows go a step together, both ways."""

    def __init__(
        self,
        slices: Sequence[Slice],
        alive: Sequence[Mask | None],
        gap_s: float,
        found: Addresses,
        beyond: Beyond,
    ) -> None:
        self._slices, self._alive, self._gap_s, self._found = slices, alive, gap_s, found
        self._reach = found.row.shape[1] // 2
        self._lengths = np.array([part.length for part in slices])
        self._starts, self._all_live = np.arange(len(slices) + 1), all(mask is None for mask in alive)
        self._beyond = beyond

    def go(self, walkers: Ints, which: Ints, at: Ints) -> None:
        """Let two walkers go from each of these rows, whose slices ascend; who leaves a slice goes on alone."""
        forward = np.tile([False, True], len(walkers))
        held = np.repeat(self._held(which, at), 2)
        walkers, which, at = np.repeat(walkers, 2), np.repeat(which, 2), np.repeat(at, 2)
        for step in range(self._reach):
            to = np.where(forward, held["after"], held["before"]).astype(np.int64)
            inside = self._shown(which, to)
            if not inside.all():
                self._leave(step, ~inside, walkers, which, at, forward, held["session"])
                walkers, which, held, to = walkers[inside], which[inside], held[inside], to[inside]
                forward = forward[inside]
            if not len(walkers):
                return
            there = self._held(which, to)
            near = (held["session"] != NOBODY) | (np.abs(there["at_us"] - held["at_us"]) / 1e6 <= self._gap_s)
            if not near.all():
                walkers, which, there, to, forward = walkers[near], which[near], there[near], to[near], forward[near]
            at, held = to, there
            self._found.row[walkers, step + self._reach * forward] = at

    def _leave(
        self,
        step: int,
        gone: Mask,
        walkers: Ints,
        which: Ints,
        at: Ints,
        forward: Mask,
        sessions: NDArray[np.int32],
    ) -> None:
        """Those that come to no living row of their slice any more in one step."""
        columns = (column[gone].tolist() for column in (walkers, which, at, forward, sessions))
        for walker, index, row, ahead, session in zip(*columns, strict=True):
            if self._alive[index] is None and self._beyond.get((index, ahead, session), _UNKNOWN) is None:
                continue
            self._alone(walker, (index, row), step, ahead)

    def _held(self, which: Ints, row: Ints) -> NDArray[np.void]:
        """(n,) ROW of rows whose slices ascend."""
        held = np.empty(len(row), ROW)  # to join arrays of records takes numpy several times as long as to fill one
        for index, own in self._by_slice(which):
            self._slices[index].block.fill(held[own], row[own])
        return held

    def _shown(self, which: Ints, row: Ints) -> Mask:
        """Which of these rows, whose slices ascend, are living rows that slices show; a row may be -1."""
        shown: Mask = (row >= 0) & (row < self._lengths[which])
        if self._all_live:
            return shown
        for index, own in self._by_slice(which):
            alive = self._alive[index]
            if alive is not None:
                shown[own] &= alive[np.where(shown[own], row[own], 0)]
        return shown

    def _by_slice(self, which: Ints) -> Iterator[tuple[int, slice]]:
        """Each slice and where it stands among these, which ascend."""
        bounds = np.searchsorted(which, self._starts).tolist()
        return ((index, slice(low, high)) for index, (low, high) in enumerate(pairwise(bounds)) if high > low)

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
        key = index, forward, part.block.code(session)
        if key not in self._beyond:
            self._beyond[key] = _further(self._slices, index, session, forward=forward)
        return self._beyond[key]


def _end(part: Slice, session: int, forward: bool) -> int:
    """The first or last row of a session that a slice shows, dead or not, or -1."""
    if forward:
        return part.block.first(session)
    row = part.block.last(session)
    # A chunk may have grown beyond this slice: walk back to what it shows.
    while row >= part.length:
        row = int(part.block.rows["before"][row])
    return row
