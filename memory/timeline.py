"""The states of one view along many branches: which are held, and how any other is folded from the journal.

Owns a bounded cache of immutable states by place. Never writes to the journal, never changes a state. A state that was
folded without events that could not be read is known for what it is, and never written down.
"""

from __future__ import annotations

import bisect
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Generic, NamedTuple, Protocol, Self, TypeVar, runtime_checkable

from quantum_memory.errors import CorruptRecord
from quantum_memory.memory.events import Entry, Event, RolledBack
from quantum_memory.memory.held import Held, Load
from quantum_memory.memory.residents import Residents
from quantum_memory.memory.snapshots import Leaving, Snapshots, Tally
from quantum_memory.types import Branch, BranchId, Part, Place

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)
CHUNK = 512
LOOK_BACK = 32
"""Events read first for a view of limited reach, and twice as many each time after: an event may hold many units."""
WORTH_ASKING = 128
"""A snapshot is not looked for where fewer events than this lie between a held state and the place."""
RETRY_S = 2.0
"""How long after a stretch could not be read it is tried again, if somebody reads a state that lacks it."""
GAPS_HELD = 1024
SUPERSEDED = 64
"""States that branches have moved on from and that are held for whoever asked before they did. They share what they
have in common with the newest, so each is small."""


class History(Protocol):
    """Where a view reads what happened. The vault is one; tests have a plain one."""

    def branch(self, branch: BranchId) -> Branch: ...

    def rollbacks(self, branch: BranchId, upto: int) -> Sequence[tuple[int, RolledBack]]:
        """The branch's own rollbacks with seq <= upto, oldest first."""
        ...

    def entries(self, branch: BranchId, after: int, upto: int) -> Sequence[Entry]:
        """The branch's own entries with after < seq <= upto, oldest first.

        They are numbered without a gap. Who leaves out what cannot be read shows it by the gap.
        """
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


@runtime_checkable
class Keeps(Protocol[S_contra]):
    """A fold that keeps what it made of states for those who ask again. ``forget`` lets go what it made of one."""

    def forget(self, state: S_contra) -> None: ...


@runtime_checkable
class Gathers(Protocol):
    """A fold that takes several events for fewer that come to the same: see ``gathered``."""

    def gathered(self, events: Iterable[Event]) -> Iterable[Event]: ...


@runtime_checkable
class Ripens(Protocol[S]):
    """A fold that leaves work for quiet moments. ``ripened`` does some of it: a state that reads as the one before."""

    def ripened(self, state: S) -> S | None: ...


class Span(NamedTuple):
    """A stretch of one branch's own journal: after < seq <= upto."""

    branch: BranchId
    after: int
    upto: int


def spans(history: History, part: Part, place: Place) -> list[Span]:
    """The stretches of journal that make up one part at a place, newest first, with rolled back ones left out."""
    found = []
    branch, seq = place
    known: dict[BranchId, list[tuple[int, RolledBack]]] = {}
    while True:
        row = history.branch(branch)
        if branch not in known:  # one question a branch: the walk never goes up again on one that it has left
            known[branch] = [(at, event) for at, event in history.rollbacks(branch, seq) if part in event.parts]
        undone = known[branch]
        while undone and undone[-1][0] > seq:
            undone.pop()
        floor = undone[-1][0] if undone else row.fork_seq
        if seq > row.fork_seq:
            found.append(Span(branch, floor, seq))
        if undone and seq > row.fork_seq:
            branch, seq = undone[-1][1].to
        elif row.parent is None:
            return found
        else:
            branch, seq = row.parent, min(seq, row.fork_seq)


class _Kept(NamedTuple, Generic[S]):
    """A state, how far it is from the last snapshot on the way to it, and the stretches that it was folded without."""

    state: S
    tally: Tally
    gaps: frozenset[Span] = frozenset()


class Timeline(Generic[S]):
    """The states of one view, by place.

    Args:
        fold: how the view follows from events.
        history: where events are read that were not pushed.
        keep: how many states are held; the least recently used goes first. It can always be folded again.
        snapshots: where states are written down and found; without them all is folded from events.
        clock: seconds that never go back.
        residents: told which branches it holds something of, and when they are used; one for all views of a host.

    What the history leaves out is left out of the state, which is served all the same. Such a state is not written
    down, and it is folded anew once some of what it lacks can be read: see ``RETRY_S``.

    Where a branch begins, its parent's state is held too, so that branches that are read from the journal share what
    they have in common as much as those that were forked here.

    One owner calls it; it is not thread-safe.

    Attributes:
        hits, misses: how often a state was held, and had to be folded. Any thread may read them.
    """

    def __init__(
        self,
        fold: Fold[S],
        history: History,
        keep: int,
        snapshots: Snapshots[S] | None = None,
        clock: Callable[[], float] = time.monotonic,
        residents: Residents | None = None,
    ) -> None:
        self._fold, self._history, self._keep, self._snapshots = fold, history, keep, snapshots
        self._gathered: Callable[[Iterable[Event]], Iterable[Event]] = (
            fold.gathered if isinstance(fold, Gathers) else iter
        )
        self._clock, self._residents = clock, Residents(clock) if residents is None else residents
        self._tried: Held[Span, tuple[float, int]] = Held(GAPS_HELD)
        self._held: OrderedDict[Place, _Kept[S]] = OrderedDict()
        self._seqs: dict[BranchId, list[int]] = {}
        self._pinned: set[Place] = set()
        self._superseded: deque[Place] = deque()
        self._load: Load[S] | None = None
        self.hits = self.misses = 0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def part(self) -> Part:
        """Which view it is."""
        return self._fold.part

    @property
    def branches(self) -> int:
        """Of how many branches it holds a state. Any thread may ask."""
        return len(self._seqs)

    def held(self, place: Place) -> S | None:
        """The state at a place if it is at hand; folds nothing, and does not count as a use."""
        kept = self._held.get(place)
        return None if kept is None else kept.state

    def within(self, load: Load[S]) -> Self:
        """The timeline, which from now on also lets its oldest states go where they are over this load.

        The state that is asked for is held whatever it weighs.
        """
        for kept in self._held.values():
            load.add(kept.state)
        self._load = load
        return self

    def push(self, entry: Entry) -> None:
        """Take in an event just journalled; if the state before it is not held, the next read will catch up."""
        self.push_all((entry,))

    def push_all(self, entries: Sequence[Entry]) -> None:
        """The same of several of one branch, each right after the one before; only the state after the last is held."""
        before, last = Place(entries[0].place.branch, entries[0].place.seq - 1), entries[-1].place
        kept = self._empty() if before.seq == 0 else self._held.get(before)
        back = any(isinstance(entry.event, RolledBack) for entry in entries)
        if len(entries) > 1 and (back or kept is None or self._start_after(before, last)):
            for entry in entries:
                self.push(entry)
        elif kept is not None and last not in self._held:
            self._move_on(before, last, self._after(kept, entries))

    def _after(self, kept: _Kept[S], entries: Sequence[Entry]) -> _Kept[S]:
        """What follows from a rollback, or from some entries of which none is one."""
        event = entries[0].event
        if isinstance(event, RolledBack):
            return self._kept_at(event.to) if self._fold.part in event.parts else kept
        return _Kept(self._applied(kept.state, entries), kept.tally.plus(self._weight(entries)), kept.gaps)

    def _applied(self, state: S, entries: Iterable[Entry]) -> S:
        for event in self._gathered(entry.event for entry in entries):
            state = self._fold.apply(state, event)
        return state

    def _start_after(self, before: Place, last: Place) -> bool:
        """Whether a state between two places is held, or the one at the second."""
        seqs = self._seqs.get(last.branch, [])
        return bisect.bisect_right(seqs, last.seq) > bisect.bisect_right(seqs, before.seq)

    def _move_on(self, before: Place, place: Place, kept: _Kept[S]) -> None:
        """Hold the state at the place to which a branch has moved on."""
        if before in self._held:
            self._superseded.append(before)
        self._hold(place, kept)
        while len(self._superseded) > SUPERSEDED:
            self._leave()

    def pin(self, place: Place) -> None:
        """Go on holding the state at this place, if it is held, when its branch moves on."""
        if place in self._held:
            self._pinned.add(place)

    def fork(self, parent: Place, child: BranchId) -> None:
        """Let a new branch start from a held state of its parent: the same object, nothing copied."""
        kept = self._held.get(parent)
        if kept is not None:
            self._pinned.add(parent)
            self._hold(Place(child, parent.seq), kept)
            self._residents.rests(child, parent.branch)

    def ripen(self, branch: BranchId) -> bool:
        """Do some of the work that the fold left for later in the newest state held of a branch; whether there was any.

        It does not count as a use.
        """
        seqs = self._seqs.get(branch)
        if not seqs or not isinstance(self._fold, Ripens):
            return False
        place = Place(branch, seqs[-1])
        kept = self._held[place]
        ripe = self._fold.ripened(kept.state)
        if ripe is None:
            return False
        self._held[place] = kept._replace(state=ripe)
        if self._load is not None:
            self._load.add(ripe)
            self._load.remove(kept.state)
        self._make_room()
        return True

    def leaving(self, branch: BranchId) -> Leaving | None:
        """What there is to be written down before a branch is put away; nothing if folding it again is no work.

        It is the newest state that is held of it. Reads nothing; the writing does, and may do so in any thread.
        """
        seqs = self._seqs.get(branch)
        if self._snapshots is None or not seqs:
            return None
        kept = self._held[Place(branch, seqs[-1])]
        if kept.gaps or not self._snapshots.worthwhile(seqs[-1], kept.state, kept.tally):
            return None
        history, place = self._history, Place(branch, seqs[-1])
        return self._snapshots.leaving(place, kept.state, kept.tally, lambda: _home(history, place))

    def put_away(self, branch: BranchId) -> int:
        """Hold nothing of a branch any more; how many states that were. It comes back when somebody asks for it."""
        seqs = tuple(self._seqs.get(branch, ()))
        for seq in seqs:
            if isinstance(self._fold, Keeps):
                self._fold.forget(self._held[Place(branch, seq)].state)
            self._drop(Place(branch, seq))
        return len(seqs)

    def at(self, place: Place) -> S:
        """The state at a place, folded from the nearest held or written one before it.

        Raises: what ``history`` raises.
        """
        return self._kept_at(place).state

    def lacks(self, place: Place) -> Span | None:
        """The first stretch that the state at a place was folded without; nothing if it is whole."""
        return min(self._kept_at(place).gaps, default=None)

    def whole(self, place: Place) -> S:
        """The state at a place, for whoever decides by it what is to be written.

        Raises: CorruptRecord naming what it lacks, if it is not whole; what ``history`` raises.
        """
        kept = self._kept_at(place)
        if kept.gaps:
            branch, after, upto = min(kept.gaps)
            raise CorruptRecord(
                f"branch {branch}, {after + 1}..{upto}", f"it cannot be read, and {self._fold.part} depend on it"
            )
        return kept.state

    def _kept_at(self, place: Place) -> _Kept[S]:
        kept = self._held.get(place)
        if kept is not None and kept.gaps and self._outdated(place, kept.gaps):
            kept = None
        if kept is not None:
            self.hits += 1
            self._held.move_to_end(place)
            self._residents.used(place.branch)
            return kept
        self.misses += 1
        kept, todo = self._nearest(place)
        for span in todo:
            for after in range(span.after, span.upto, CHUNK):
                kept = self._folded(kept, Span(span.branch, after, min(after + CHUNK, span.upto)))
            if span is not todo[-1]:
                kept = self._shared(Place(span.branch, span.upto), kept)
        kept = self._hold(place, kept)
        if self._fold.reach is None:
            for span, upon in pairwise([*todo, Span(*place, place.seq)]):
                self._residents.rests(upon.branch, span.branch)
        return kept

    def _folded(self, kept: _Kept[S], span: Span) -> _Kept[S]:
        """The state with the entries of this stretch in it. Rollbacks among them are of other parts."""
        entries = self._history.entries(*span)
        state = self._applied(kept.state, (entry for entry in entries if not isinstance(entry.event, RolledBack)))
        gaps = kept.gaps
        if len(entries) != span.upto - span.after:
            gaps = _joined(gaps, _missing(span, [entry.place.seq for entry in entries]))
        return _Kept(state, kept.tally.plus(self._weight(entries)), gaps)

    def _weight(self, entries: Sequence[Entry]) -> int:
        """How much of what lies between two snapshots these are."""
        return 0 if self._snapshots is None else sum(self._snapshots.weigh(entry.event) for entry in entries)

    def _outdated(self, place: Place, gaps: frozenset[Span]) -> bool:
        """Whether the state at a place can be had with less missing by now. Then none is held that lacks the same."""
        mended = {gap for gap in gaps if self._worth_trying(place, gap)}
        for other in [other for other, kept in self._held.items() if kept.gaps & mended]:
            self._drop(other)
        return bool(mended)

    def _worth_trying(self, place: Place, gap: Span) -> bool:
        """Whether folding anew may do without a gap. Looked for now and then: see ``RETRY_S``.

        It may if an event of the gap can be read: the first one, the last one, or others by turns. It may also in a
        view of limited reach that has moved on so far that it has forgotten by itself what is missing.
        """
        at, tries = self._tried.get(gap) or (float("-inf"), 0)
        if self._clock() - at < RETRY_S:
            return False
        self._tried.put(gap, (self._clock(), tries + 1))
        reach = self._fold.reach
        if reach is not None and (gap.branch != place.branch or place.seq - gap.upto > reach):
            return True
        turns = (gap.after, gap.upto - 1, *range(gap.after, gap.upto, CHUNK))
        after = turns[tries % len(turns)]
        return bool(self._history.entries(gap.branch, after, after + 1))

    def _shared(self, place: Place, kept: _Kept[S]) -> _Kept[S]:
        """Hold a state on the way to another: other branches begin there too, or come back to it."""
        if self._fold.reach is not None:
            return kept  # folded from the middle of history for one place, and small
        kept = self._hold(place, kept)
        self.pin(place)
        return kept

    def _nearest(self, place: Place) -> tuple[_Kept[S], list[Span]]:
        """The best state to start from, held or written down, and the stretches to fold on top of it, oldest first."""
        todo: list[Span] = []
        units = passed = 0
        for span in spans(self._history, self._fold.part, place):
            start = self._start_within(span, passed)
            if start is not None:
                todo.append(Span(span.branch, start.seq, span.upto))
                return self._held[start], todo[::-1]
            passed += span.upto - span.after
            if self._fold.reach is None:
                todo.append(span)
                continue
            begin, units = self._reach_back(span, units)
            todo.append(Span(span.branch, begin, span.upto))
            if units >= self._fold.reach:
                break
        return self._empty(), todo[::-1]

    def _start_within(self, span: Span, passed: int) -> Place | None:
        """The place of the best state in a span to begin from, which is then held; nothing if there is none.

        ``passed`` events lie between the span and the place that is asked for. A snapshot is no help to a view of
        limited reach if more than that lies behind it.
        """
        held = self._held_within(span)
        after, near = span.after, False
        if held is not None:
            gaps = self._held[held].gaps
            after = held.seq + 1
            near = span.upto - held.seq < WORTH_ASKING and not gaps
            if gaps:  # a snapshot from beyond them is whole, and no other is
                after = max([span.after, *(gap.upto for gap in gaps if gap.branch == span.branch)])
        if self._fold.reach is not None:
            after = max(after, span.upto + passed - self._fold.reach)
        if self._snapshots is None or after > span.upto or near:
            return held
        found = self._snapshots.nearest(span.branch, after, span.upto)
        if found is None:
            return held
        seq, state = found
        place = Place(span.branch, seq)
        self._hold(place, _Kept(state, Tally()))
        return place

    def _reach_back(self, span: Span, units: int) -> tuple[int, int]:
        """How far back in this span the fold must start so that ``reach`` units are seen, and the units so far."""
        if self._fold.reach is None:
            return span.after, units
        upto, step = span.upto, LOOK_BACK
        while upto > span.after:
            after = max(span.after, upto - step)
            step = min(2 * step, CHUNK)
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

    def _empty(self) -> _Kept[S]:
        return _Kept(self._fold.empty(), Tally())

    def _hold(self, place: Place, kept: _Kept[S]) -> _Kept[S]:
        """Hold a state, and have it written down if that is due and nothing is missing from it."""
        if self._snapshots is not None and not kept.gaps:
            kept = _Kept(kept.state, self._snapshots.noted(place, kept.state, kept.tally))
        for gap in kept.gaps:
            if self._tried.get(gap) is None:
                self._tried.put(gap, (self._clock(), 0))
        before = self._held.get(place)
        if before is None:
            if place.branch not in self._seqs:
                self._seqs[place.branch] = []
                self._residents.hold(place.branch)
            bisect.insort(self._seqs[place.branch], place.seq)
        self._residents.used(place.branch)
        self._held[place] = kept
        self._held.move_to_end(place)
        if self._load is not None:
            self._load.add(kept.state)
            if before is not None:
                self._load.remove(before.state)
        self._make_room()
        return kept

    def _make_room(self) -> None:
        """Let states go where too much is held: first what branches have moved on from, then what was not used."""
        while self._superseded and (len(self._held) > self._keep or self._overloaded()):
            self._leave()
        while len(self._held) > self._keep or self._overloaded():
            self._drop(next(iter(self._held)))

    def _leave(self) -> None:
        """Let the oldest state go that its branch has moved on from, unless somebody means to come back to it."""
        place = self._superseded.popleft()
        if place in self._held and place not in self._pinned and self._seqs[place.branch][-1] > place.seq:
            self._drop(place)

    def _overloaded(self) -> bool:
        return self._load is not None and self._load.over and len(self._held) > 1

    def _drop(self, place: Place) -> None:
        kept = self._held.pop(place)
        if self._load is not None:
            self._load.remove(kept.state)
        self._pinned.discard(place)
        seqs = self._seqs[place.branch]
        seqs.remove(place.seq)
        if not seqs:
            del self._seqs[place.branch]
            self._residents.release(place.branch)


def _home(history: History, place: Place) -> Place:
    """The same place on the branch that wrote it: numbers up to a fork are the parent's, and so are its snapshots."""
    row = history.branch(place.branch)
    while place.seq <= row.fork_seq and row.parent is not None:
        place, row = Place(row.parent, place.seq), history.branch(row.parent)
    return place


def _missing(span: Span, seqs: Sequence[int]) -> Iterator[Span]:
    """The stretches of a span between these numbers."""
    before = span.after
    for seq in (*seqs, span.upto + 1):
        if seq > before + 1:
            yield Span(span.branch, before, seq - 1)
        before = seq


def _joined(gaps: frozenset[Span], more: Iterator[Span]) -> frozenset[Span]:
    """The gaps and those that were found after them; two that touch become one."""
    found = set(gaps)
    for gap in more:
        before = next((one for one in found if one.branch == gap.branch and one.upto == gap.after), None)
        if before is not None:
            found.discard(before)
        found.add(gap if before is None else Span(gap.branch, before.after, gap.upto))
    return frozenset(found)
