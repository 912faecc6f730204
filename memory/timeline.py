"""The states of one view along many branches: which are held, and how any other is folded from the journal.

Owns a bounded cache of immutable states by place. Never writes to the journal, never changes a state.
"""

from __future__ import annotations

import bisect
from collections import OrderedDict
from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from quantum_memory.memory.events import Entry, Event, RolledBack
from quantum_memory.types import Branch, BranchId, Part, Place

S = TypeVar("S")
CHUNK = 512


class History(Protocol):
    """Where a view reads what happened. The vault is one; tests have a plain one."""

    def branch(self, branch: BranchId) -> Branch: ...

    def rollbacks(self, branch: BranchId, upto: int) -> Sequence[tuple[int, RolledBack]]:
        """The branch's own rollbacks with seq <= upto, oldest first."""
        ...

    def entries(self, branch: BranchId, after: int, upto: int) -> Sequence[Entry]:
        """The branch's own entries with after < seq <= upto, oldest first."""
        ...


class Fold(Protocol[S]):
    """How a view follows from events.

    Laws: ``apply`` is a pure function: the same state and event give the same new state, and no state that was
    handed out ever changes. An event that is none of the view's business returns the state itself.
    ``reach`` is ``None``, or the number of units (as ``units`` counts them, newest first) beyond which older
    events no longer change the state by more than the view's stated tolerance.
    """

    part: Part
    reach: int | None

    def empty(self) -> S: ...

    def apply(self, state: S, event: Event) -> S: ...

    def units(self, event: Event) -> int: ...


class Span(NamedTuple):
    """A stretch of one branch's own journal: after < seq <= upto."""

    branch: BranchId
    after: int
    upto: int


def spans(history: History, part: Part, place: Place) -> list[Span]:
    """The stretches of journal that make up one part at a place, newest first, with rolled back ones left out."""
    found = []
    branch, seq = place
    while True:
        row = history.branch(branch)
        undone = [(at, event) for at, event in history.rollbacks(branch, seq) if part in event.parts]
        floor = undone[-1][0] if undone else row.fork_seq
        if seq > row.fork_seq:
            found.append(Span(branch, floor, seq))
        if undone and seq > row.fork_seq:
            branch, seq = undone[-1][1].to
        elif row.parent is None:
            return found
        else:
            branch, seq = row.parent, min(seq, row.fork_seq)


class Timeline(Generic[S]):
    """The states of one view, by place.

    Args:
        fold: how the view follows from events.
        history: where events are read that were not pushed.
        keep: how many states are held; the least recently used goes first. It can always be folded again.

    One owner calls it; it is not thread-safe.
    """

    def __init__(self, fold: Fold[S], history: History, keep: int) -> None:
        self._fold, self._history, self._keep = fold, history, keep
        self._states: OrderedDict[Place, S] = OrderedDict()
        self._seqs: dict[BranchId, list[int]] = {}
        self._pinned: set[Place] = set()

    def __len__(self) -> int:
        return len(self._states)

    def push(self, entry: Entry) -> None:
        """Take in an event just journalled; if the state before it is not held, the next read will catch up."""
        before = Place(entry.place.branch, entry.place.seq - 1)
        state = self._fold.empty() if before.seq == 0 else self._states.get(before)
        if state is None or entry.place in self._states:
            return
        if isinstance(entry.event, RolledBack):
            if self._fold.part in entry.event.parts:
                state = self.at(entry.event.to)
        else:
            state = self._fold.apply(state, entry.event)
        self._hold(entry.place, state)
        if before in self._states and before not in self._pinned:
            self._drop(before)

    def pin(self, place: Place) -> None:
        """Go on holding the state at this place, if it is held, when its branch moves on."""
        if place in self._states:
            self._pinned.add(place)

    def fork(self, parent: Place, child: BranchId) -> None:
        """Let a new branch start from a held state of its parent: the same object, nothing copied."""
        state = self._states.get(parent)
        if state is not None:
            self._pinned.add(parent)
            self._hold(Place(child, parent.seq), state)

    def at(self, place: Place) -> S:
        """The state at a place, folded from the nearest held one before it. Raises: what ``history`` raises."""
        held = self._states.get(place)
        if held is not None:
            self._states.move_to_end(place)
            return held
        state, todo = self._nearest(place)
        for span in todo:
            for after in range(span.after, span.upto, CHUNK):
                for entry in self._history.entries(span.branch, after, min(after + CHUNK, span.upto)):
                    if not isinstance(entry.event, RolledBack):
                        state = self._fold.apply(state, entry.event)
        self._hold(place, state)
        return state

    def _nearest(self, place: Place) -> tuple[S, list[Span]]:
        """The best held state to start from, and the stretches to fold on top of it, oldest first."""
        todo: list[Span] = []
        units = 0
        for span in spans(self._history, self._fold.part, place):
            held = self._held_within(span)
            if held is not None:
                todo.append(Span(span.branch, held.seq, span.upto))
                return self._states[held], todo[::-1]
            if self._fold.reach is None:
                todo.append(span)
                continue
            start, units = self._reach_back(span, units)
            todo.append(Span(span.branch, start, span.upto))
            if units >= self._fold.reach:
                break
        return self._fold.empty(), todo[::-1]

    def _reach_back(self, span: Span, units: int) -> tuple[int, int]:
        """How far back in this span the fold must start so that ``reach`` units are seen, and the units so far."""
        if self._fold.reach is None:
            return span.after, units
        upto = span.upto
        while upto > span.after:
            after = max(span.after, upto - CHUNK)
            for entry in reversed(self._history.entries(span.branch, after, upto)):
                units += self._fold.units(entry.event)
                if units >= self._fold.reach:
                    return entry.place.seq - 1, units
            upto = after
        return span.after, units

    def _held_within(self, span: Span) -> Place | None:
        seqs = self._seqs.get(span.branch, [])
        index = bisect.bisect_right(seqs, span.upto) - 1
        if index < 0 or seqs[index] < span.after:
            return None
        return Place(span.branch, seqs[index])

    def _hold(self, place: Place, state: S) -> None:
        if place not in self._states:
            bisect.insort(self._seqs.setdefault(place.branch, []), place.seq)
        self._states[place] = state
        self._states.move_to_end(place)
        while len(self._states) > self._keep:
            self._drop(next(iter(self._states)))

    def _drop(self, place: Place) -> None:
        del self._states[place]
        self._pinned.discard(place)
        seqs = self._seqs[place.branch]
        seqs.remove(place.seq)
        if not seqs:
            del self._seqs[place.branch]
