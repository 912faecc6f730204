"""What was remembered just before and after a memory in the same session. Reads slices and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.episodic.runs import NOBODY, Slice

Address = tuple[int, int]
"""A slice by number, and a row in it."""


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


def neighbours(slices: Sequence[Slice], address: Address, context: Context) -> list[tuple[Address, float]]:
    """The addresses of the neighbours and their weights; fewer at the ends of a session."""
    rows = slices[address[0]].block.rows
    session, weights = int(rows["session"][address[1]]), context.weights
    found = []
    for forward in (False, True):
        at = address
        for weight in weights:
            step = _next(slices, at, session, forward)
            if step is None or (session == NOBODY and _apart_s(slices, at, step) > context.gap_s):
                break
            found.append((step, weight))
            at = step
    return found


def _apart_s(slices: Sequence[Slice], one: Address, other: Address) -> float:
    left, right = (slices[index].block.rows["at_us"][row] for index, row in (one, other))
    return abs(int(left) - int(right)) / 1e6


def _next(slices: Sequence[Slice], address: Address, session: int, forward: bool) -> Address | None:
    """The next living row of the same session, in one direction, or ``None``."""
    index, row = address
    link = "after" if forward else "before"
    part = slices[index]
    while True:
        row = int(part.block.rows[link][row])
        while row < 0 or row >= part.length:
            index += 1 if forward else -1
            if not 0 <= index < len(slices):
                return None
            part = slices[index]
            row = _end(part, session, forward)
        if part.lives(row):
            return index, row


def _end(part: Slice, session: int, forward: bool) -> int:
    """The first or last row of a session that a slice shows, dead or not, or -1."""
    if forward:
        return part.block.first.get(session, -1)
    row = part.block.last.get(session, -1)
    # A chunk may have grown beyond this slice: walk back to what it shows.
    while row >= part.length:
        row = int(part.block.rows["before"][row])
    return row
