"""Slices: what one state sees of a run of memories, without those that were taken out of it.

Owns which rows live, how often a concept stands in them, and when neighbours are joined. Resolves no alias.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.semantic.runs import Heard, Ints, Rows, Run
from quantum_memory.memory.semantic.texts import spread
from quantum_memory.types import MemoryId

WINDOW = 5
"""A concept is joined with this many that follow it in a text, so pairs grow with its length and not its square."""
SEALED = 65_536
"""Rows from which a run is never joined again, but for being rid of its dead."""
FEW = 48
"""Mentions up to which numbers are looked at one by one, which is sooner done than arrays are made."""
Mask = NDArray[np.bool_]
T = TypeVar("T")


class Slice:
    """A run without its dead rows.

    Attributes:
        run: the memories.
        dead: one bit a row, least significant first; ``None`` if all live.
        gone: how many are dead.
    """

    __slots__ = ("_counts", "_head", "_seen", "dead", "gone", "run")

    def __init__(self, run: Run, dead: bytes | None = None, gone: int = 0) -> None:
        self.run, self.dead, self.gone = run, dead, gone
        self._counts: Ints | None = None
        self._seen: tuple[object, Any] | None = None
        self._head: Ints | None = None

    @property
    def head(self) -> Ints:
        """Where its columns lie, for machine code; see ``heads``."""
        if self._head is None:
            from quantum_memory.memory.semantic.heads import head_of  # it imports numba

            self._head = head_of(self)
        return self._head

    def __reduce__(self) -> Any:
        return Slice, (self.run, self.dead, self.gone)

    def __len__(self) -> int:
        return len(self.run) - self.gone

    def lives(self, row: int) -> bool:
        """Whether a row is still there."""
        return self.dead is None or not self.dead[row >> 3] >> (row & 7) & 1

    def alive(self) -> Mask | None:
        """Truth per row, or ``None`` if all live."""
        if self.dead is None:
            return None
        bits = np.frombuffer(self.dead, np.uint8)
        return ~np.unpackbits(bits, count=len(self.run), bitorder="little").view(np.bool_)

    def living(self) -> Ints:
        """The living rows, in order."""
        alive = self.alive()
        return np.arange(len(self.run)) if alive is None else np.flatnonzero(alive)

    def find(self, memory: MemoryId, number: int) -> int:
        """The living row of an id, whose number this is, or -1."""
        return next((row for row in self.run.find(memory, number) if self.lives(row)), -1)

    def without(self, rows: Iterable[int]) -> Slice:
        """The same with these living rows dead."""
        bits, count = bytearray(self.dead or bytes((len(self.run) + 7) // 8)), self.gone
        for row in rows:
            bits[row >> 3] |= 1 << (row & 7)
            count += 1
        fewer = Slice(self.run, bytes(bits), count)
        fewer._seen = self._seen
        return fewer

    def count(self, place: int) -> int:
        """How many living rows mention a concept."""
        if self.dead is None:
            posted, _ = self.run.stands
            found: int = posted[place + 1] - posted[place]
            return found
        return int(self.counts()[place])

    def counts(self) -> Ints:
        """(c,) how many living rows mention each concept."""
        if self._counts is None:
            run = self.run
            sizes = sizes_of(run.posted)
            alive = self.alive()
            if alive is not None:
                owner = np.repeat(np.arange(len(sizes)), sizes)
                sizes = np.bincount(owner[alive[run.rows]], minlength=len(sizes))
            self._counts = sizes
        return self._counts

    def rows(self, place: int) -> list[int]:
        """The living rows that mention a concept, in order."""
        run = self.run
        rows: list[int] = run.rows[run.posted[place] : run.posted[place + 1]].tolist()
        return rows if self.dead is None else [row for row in rows if self.lives(row)]

    def among(self, places: Sequence[int]) -> Ints:
        """The living rows that mention one of several concepts at least, each once and in order."""
        run = self.run
        posted, _ = run.stands
        spoken = np.zeros(len(run), np.bool_)
        for place in places:
            spoken[run.rows[posted[place] : posted[place + 1]]] = True
        alive = self.alive()
        return np.flatnonzero(spoken if alive is None else spoken & alive)

    def newest(self, place: int) -> Iterator[int]:
        """Those that mention one concept, the newest first, no sooner than they are asked for."""
        posted, rows = self.run.stands
        for at in range(posted[place + 1] - 1, posted[place] - 1, -1):
            if self.dead is None or self.lives(rows[at]):
                yield rows[at]

    def beside(self, place: int, skipped: Mask | None, most: int | None = None) -> Counter[int] | None:
        """The concepts that stand close to one, by place, and in how many living rows; none of those ``skipped``.

        ``None`` as soon as they are more than ``most``.
        """
        posted, _ = self.run.stands
        begin, end = posted[place], posted[place + 1]
        if most is None and end - begin > FEW:
            return self._all_beside(begin, end, skipped)
        found: Counter[int] = Counter()
        cut = begin
        for share in (FEW // 4, FEW - FEW // 4):  # so soon it mostly shows that a common concept has too many
            cut, start = min(end, cut + share), cut
            self._count_beside(found, start, cut, skipped)
            if most is not None and len(found) > most:
                return None
        if cut < end:
            found.update(self._all_beside(cut, end, skipped))
        return None if most is not None and len(found) > most else found

    def _count_beside(self, found: Counter[int], begin: int, end: int, skipped: Mask | None) -> None:
        run = self.run
        starts, forms, of_form = run.starts.data, run.forms.data, run.of_form.data
        rows, ats = run.rows.data, run.ats.data
        near: list[int] = []
        for at in range(begin, end):
            row = rows[at]
            if (skipped is not None and skipped[row]) or not self.lives(row):
                continue
            first, last = starts[row], starts[row + 1]
            here = first + ats[at]
            low, high = here - WINDOW, here + 1 + WINDOW
            near += [of_form[one] for one in forms[max(first, low) : here]]
            near += [of_form[one] for one in forms[here + 1 : min(last, high)]]
        found.update(near)

    def _all_beside(self, begin: int, end: int, skipped: Mask | None) -> Counter[int]:
        run = self.run
        rows, ats = run.rows[begin:end].astype(np.int64), run.ats[begin:end].astype(np.int64)
        kept = self.alive()
        kept = np.ones(len(run), np.bool_) if kept is None else kept
        kept = (kept if skipped is None else kept & ~skipped)[rows]
        rows, ats = rows[kept], ats[kept]
        first, last = run.starts[rows].astype(np.int64), run.starts[rows + 1].astype(np.int64)
        here = first + ats
        low, high = np.maximum(first, here - WINDOW), np.minimum(last, here + 1 + WINDOW)
        return counted(run.of_form[run.forms[around(low, here, high)]])

    def seen(self, names: object, look: Callable[[Run], T]) -> T:
        """What is found in the run, its dead rows too, under these names; looked at again only under others."""
        known = self._seen
        if known is None or known[0] is not names:
            known = self._seen = names, look(self.run)
        found: T = known[1]
        return found

    def spoken(self) -> tuple[Ints, Ints]:
        """The row and the place of every concept that a living row mentions, row by row in its order."""
        run, alive = self.run, self.alive()
        rows = np.repeat(np.arange(len(run)), sizes_of(run.starts))
        places = run.of_form[run.forms].astype(np.int64)
        return (rows, places) if alive is None else (rows[alive[rows]], places[alive[rows]])


def around(low: Ints, here: Ints, high: Ints) -> Ints:
    """The numbers from each ``low`` up to ``high``, without the one that is ``here``."""
    near = spread(low, high - low)
    others: Ints = near[near != np.repeat(here, high - low)]
    return others


def counted(places: NDArray[Any]) -> Counter[int]:
    """How often each stands there."""
    found, often = np.unique(places, return_counts=True)
    return Counter(dict(zip(found.tolist(), often.tolist(), strict=True)))


def sizes_of(starts: NDArray[Any]) -> Ints:
    """How long the stretches are that begin there, each where the one before it ends."""
    ends: Ints = starts.astype(np.int64)
    return ends[1:] - ends[:-1]


def stacked(slices: tuple[Slice, ...], heard: Sequence[Heard], joined: dict[int, Slice]) -> tuple[Slice, ...]:
    """The slices with one more of these memories; those that it outgrows are joined, as in a binary counter.

    Args:
        slices: in the order of remembering.
        heard: what comes after them.
        joined: what was made of these very slices before, by the first that went into it. All that goes on from one
            state finds it there, so a thousand forks share what is joined and do not each write it anew.
    """
    begin, count = len(slices), len(heard)
    while begin and len(slices[begin - 1]) <= count and max(len(slices[begin - 1]), count) < SEALED:
        begin -= 1
        count += len(slices[begin])
    fresh = Slice(Run(Rows.of(heard)))
    if len(slices) - begin < 2:
        return (*slices, fresh)
    if begin not in joined:
        joined[begin] = Slice(Run(Rows.concat([part.run.taken(part.living()) for part in slices[begin:]])))
    return (*slices[:begin], joined[begin], fresh)


def thinned(part: Slice) -> Slice:
    """The slice, written anew once more than half of it is dead: so the dead cost no more than the living."""
    return Slice(Run(part.run.taken(part.living()))) if 2 * part.gone > len(part.run) else part
