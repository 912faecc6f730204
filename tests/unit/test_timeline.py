"""A timeline has the same state at every place as replaying everything, however little it may hold."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import CorruptRecord, PlaceNotFound
from quantum_memory.memory.clerk import LONGEST, Clerk
from quantum_memory.memory.columns import Arrays, Attributes, Columns, Dump, Reading
from quantum_memory.memory.events import Entry, Event, Forgotten, RolledBack
from quantum_memory.memory.held import Load
from quantum_memory.memory.snapshots import Purse, Snapshots, Spacing, Tally
from quantum_memory.memory.timeline import CHUNK, RETRY_S, SUPERSEDED, Span, Timeline, spans
from quantum_memory.types import PARTS, Branch, Part, Place
from tests.unit.histories import START, STEPS, Labels, PlainHistory, Replay, Step
from tests.unit.shelves import PACKING, PlainShelf


class ForgottenLabels:
    """A view of nothing but the labels in Forgotten events, all of them or the last ``reach``."""

    def __init__(self, part: Part, reach: int | None = None) -> None:
        self.part, self.reach = part, reach
        self.applied = 0

    def empty(self) -> Labels:
        return ()

    def apply(self, state: Labels, event: Event) -> Labels:
        self.applied += 1
        if not isinstance(event, Forgotten):
            return state
        labels = state + event.ids
        return labels if self.reach is None else labels[-self.reach :]

    def units(self, event: Event) -> int:
        return len(event.ids) if isinstance(event, Forgotten) else 0


class CountingHistory(PlainHistory):
    """Counts the entries that are read."""

    read = 0

    def entries(self, branch: str, after: int, upto: int) -> list[Entry]:
        found = list(super().entries(branch, after, upto))
        self.read += len(found)
        return found


class HolesHistory(PlainHistory):
    """Leaves out what is damaged just now."""

    def __init__(self) -> None:
        super().__init__()
        self.damaged: set[Place] = set()

    def entries(self, branch: str, after: int, upto: int) -> list[Entry]:
        return [entry for entry in super().entries(branch, after, upto) if entry.place not in self.damaged]


class Ticks:
    """A clock that somebody turns."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


KEEPS = st.sampled_from([1, 2, 5, 1000])


@settings(deadline=None, max_examples=150)
@given(STEPS, st.sampled_from(PARTS))
def test_folding_the_spans_gives_what_replaying_everything_gives(steps: list[Step], part: Part) -> None:
    replay = Replay()
    for step in steps:
        replay.happen(step)
    for place, meaning in replay.means.items():
        folded: Labels = ()
        for span in reversed(spans(replay.history, part, place)):
            for entry in replay.history.entries(*span):
                folded += entry.event.ids if isinstance(entry.event, Forgotten) else ()
        assert folded == meaning.labels[part], place


@settings(deadline=None, max_examples=150)
@given(STEPS, st.sampled_from(PARTS), KEEPS, st.none() | st.integers(1, 6), st.lists(st.integers(0, 200), max_size=40))
def test_a_live_timeline_has_the_replayed_state_at_every_place(
    steps: list[Step], part: Part, keep: int, reach: int | None, reads: list[int]
) -> None:
    replay = Replay()
    timeline = Timeline(ForgottenLabels(part, reach), replay.history, keep)

    def expected(place: Place) -> Labels:
        labels = replay.means[place].labels[part]
        return labels if reach is None else labels[-reach:]

    for number, step in enumerate(steps):
        made = replay.happen(step)
        if isinstance(made, Entry):
            timeline.push(made)
        elif isinstance(made, Branch) and made.parent is not None:
            timeline.fork(Place(made.parent, made.fork_seq), made.id)
        if number < len(reads):
            places = list(replay.means)
            place = places[reads[number] % len(places)]
            assert timeline.at(place) == expected(place)
        assert len(timeline) <= keep
    for place in replay.means:
        assert timeline.at(place) == expected(place)
        assert len(timeline) <= keep


@settings(deadline=None, max_examples=100)
@given(STEPS, st.sampled_from(PARTS), KEEPS)
def test_a_timeline_that_was_told_nothing_catches_up(steps: list[Step], part: Part, keep: int) -> None:
    replay = Replay()
    for step in steps:
        replay.happen(step)
    timeline = Timeline(ForgottenLabels(part), replay.history, keep)
    for place in reversed(list(replay.means)):
        assert timeline.at(place) == replay.means[place].labels[part]


def labelled(count: int, history: PlainHistory | None = None) -> Replay:
    replay = Replay()
    if history is not None:
        history.rows, history.journal = replay.history.rows, replay.history.journal
        replay.history = history
    for _ in range(count):
        replay.happen(Step("label", 0, 0, PARTS))
    return replay


def roll_back(replay: Replay, to: int, *parts: Part) -> None:
    replay._roll_back(replay.history.rows["r0"], RolledBack(Place("r0", to), parts))


def test_spans_leave_out_what_was_rolled_back_for_that_part_alone() -> None:
    replay = labelled(5)
    roll_back(replay, 2, "mood")
    replay.happen(Step("label", 0, 0, PARTS))
    here = Place("r0", 7)
    assert spans(replay.history, "mood", here) == [Span("r0", 6, 7), Span("r0", 0, 2)]
    assert spans(replay.history, "graph", here) == [Span("r0", 0, 7)]


def test_rolling_back_to_before_a_rollback_undoes_it() -> None:
    replay = labelled(3)
    roll_back(replay, 1, "memories")
    roll_back(replay, 3, "memories")
    timeline = Timeline(ForgottenLabels("memories"), replay.history, 8)
    assert timeline.at(Place("r0", 4)) == ("e0",)
    assert timeline.at(Place("r0", 5)) == ("e0", "e1", "e2")


def test_a_fork_shares_the_very_state_of_its_parent() -> None:
    replay = labelled(3)
    timeline = Timeline(ForgottenLabels("graph"), replay.history, 8)
    state = timeline.at(Place("r0", 3))
    child = replay._fork(Place("r0", 3))
    timeline.fork(Place("r0", 3), child.id)
    assert timeline.at(Place(child.id, 3)) is state
    entry = replay.happen(Step("label", 0, 0, PARTS))
    assert isinstance(entry, Entry)
    timeline.push(entry)
    assert timeline.at(Place("r0", 3)) is state, "pinned by the fork"


def test_pushing_moves_the_held_state_on_without_reading() -> None:
    history = CountingHistory()
    replay = labelled(0, history)
    timeline = Timeline(ForgottenLabels("graph"), history, 8)
    for _ in range(20):
        entry = replay.happen(Step("label", 0, 0, PARTS))
        assert isinstance(entry, Entry)
        timeline.push(entry)
    assert len(timeline) == 8
    assert len(timeline.at(Place("r0", 20))) == 20
    assert len(timeline.at(Place("r0", 13))) == 13, "for whoever asked before the branch moved on"
    assert history.read == 0


def test_what_branches_have_moved_on_from_goes_before_what_they_stand_at() -> None:
    """However much is pushed to one branch, the others stay at hand, and no more than so many old states with them."""
    history = CountingHistory()
    replay = labelled(0, history)
    timeline = Timeline(ForgottenLabels("graph"), history, 1000)
    timeline.at(Place("r0", 0))
    timeline.fork(Place("r0", 0), "idle")
    for _ in range(2 * SUPERSEDED):
        entry = replay.happen(Step("label", 0, 0, PARTS))
        assert isinstance(entry, Entry)
        timeline.push(entry)
    assert len(timeline) <= SUPERSEDED + 3
    assert timeline.held(Place("idle", 0)) is not None
    assert timeline.held(Place("r0", SUPERSEDED - 1)) is None
    assert timeline.held(Place("r0", 2 * SUPERSEDED)) is not None
    few = Timeline(ForgottenLabels("graph"), history, 3)
    few.at(Place("r0", 0))
    few.fork(Place("r0", 0), "idle")
    for row in history.journal["r0"]:
        few.push(row)
    assert len(few) == 3
    assert few.held(Place("idle", 0)) is not None


def test_a_pinned_place_outlives_the_next_event() -> None:
    replay = labelled(2)
    timeline = Timeline(ForgottenLabels("graph"), replay.history, 8)
    state = timeline.at(Place("r0", 2))
    timeline.pin(Place("r0", 2))
    entry = replay.happen(Step("label", 0, 0, PARTS))
    assert isinstance(entry, Entry)
    timeline.push(entry)
    assert len(timeline) == 2
    assert timeline.at(Place("r0", 2)) is state


def test_a_fold_of_limited_reach_reads_no_further_back_than_it_must() -> None:
    history = CountingHistory()
    replay = labelled(3 * CHUNK + 100, history)
    head = history.head("r0")
    fold = ForgottenLabels("working", reach=10)
    state = Timeline(fold, history, 4).at(Place("r0", head))
    assert state == replay.means[Place("r0", head)].labels["working"][-10:]
    assert fold.applied == 10
    assert history.read <= 2 * CHUNK


def test_a_long_journal_is_read_in_chunks_and_whole() -> None:
    history = CountingHistory()
    replay = labelled(2 * CHUNK + 1, history)
    place = Place("r0", 2 * CHUNK + 1)
    assert Timeline(ForgottenLabels("graph"), history, 4).at(place) == replay.means[place].labels["graph"]
    assert history.read == 2 * CHUNK + 1


def test_a_place_on_an_unknown_branch_is_refused() -> None:
    with pytest.raises(PlaceNotFound, match="nowhere"):
        Timeline(ForgottenLabels("graph"), PlainHistory(), 4).at(Place("nowhere", 1))


class LabelsCodec:
    """Labels as they are."""

    fingerprint = "labels-1"

    def __init__(self, part: Part) -> None:
        self.part = part

    def dump(self, state: Labels) -> Dump:
        columns = Columns()
        columns.texts("labels", state)
        return Dump(columns.arrays, {"labels": len(state)})

    def load(self, arrays: Arrays, attributes: Attributes) -> Labels:
        read = Reading("labels", arrays, attributes)
        return tuple(read.texts("labels", read.count("labels")))

    def difference(self, one: Labels, other: Labels) -> str | None:
        return None if one == other else f"{one} and {other}"


class Desk:
    """A shelf, a clerk, and timelines that use both."""

    def __init__(self, part: Part = "memories", every: int = 1, share: float = 0.0) -> None:
        self.part, self.shelf, self.clerk = part, PlainShelf(), Clerk("test")
        self.spacing = Spacing(every, share)

    def timeline(
        self,
        history: PlainHistory,
        keep: int = 8,
        reach: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> Timeline[Labels]:
        snapshots = Snapshots(LabelsCodec(self.part), self.shelf, PACKING, self.clerk, self.spacing)
        self.fold = ForgottenLabels(self.part, reach)
        return Timeline(self.fold, history, keep, snapshots, clock)


@settings(deadline=None, max_examples=120)
@given(
    STEPS, st.sampled_from(PARTS), KEEPS, st.none() | st.integers(1, 6), st.integers(1, 4), st.sets(st.integers(0, 40))
)
def test_no_snapshot_makes_a_reader_wrong(
    steps: list[Step], part: Part, keep: int, reach: int | None, every: int, spoilt: set[int]
) -> None:
    """Also one from a stretch that was rolled back later, one of another branch, or one that cannot be read."""
    replay, desk = Replay(), Desk(part, every)
    live = desk.timeline(replay.history, keep, reach)
    for step in steps:
        made = replay.happen(step)
        if isinstance(made, Entry):
            live.push(made)
        elif isinstance(made, Branch) and made.parent is not None:
            live.fork(Place(made.parent, made.fork_seq), made.id)
    desk.clerk.wait()
    for number in spoilt:
        places = desk.shelf.places()
        if places:
            desk.shelf.spoil(places[number % len(places)])
    for timeline in (live, desk.timeline(replay.history, keep, reach)):
        for place in reversed(replay.means):
            labels = replay.means[place].labels[part]
            assert timeline.at(place) == (labels if reach is None else labels[-reach:])
            assert len(timeline) <= keep
    desk.clerk.close()


def test_a_snapshot_spares_reading_what_came_before_it() -> None:
    history = CountingHistory()
    desk = Desk(every=1000)
    replay = labelled(1700, history)
    place = Place("r0", 1700)
    assert desk.timeline(history).at(place) == replay.means[place].labels["memories"]
    desk.clerk.close()
    assert desk.shelf.places() == [place], "folded in one go, so written down where it was read"
    for _ in range(3):
        replay.happen(Step("label", 0, 0, PARTS))
    history.read = 0
    later = Place("r0", 1703)
    assert desk.timeline(history).at(later) == replay.means[later].labels["memories"]
    assert history.read == 3


def test_a_snapshot_that_was_rolled_back_is_not_used_and_the_one_before_is() -> None:
    history = CountingHistory()
    desk = Desk(every=10)
    replay = labelled(0, history)
    live = desk.timeline(history)
    for _ in range(40):
        entry = replay.happen(Step("label", 0, 0, PARTS))
        assert isinstance(entry, Entry)
        live.push(entry)
        desk.clerk.wait()
    assert {place.seq for place in desk.shelf.places()} == {10, 20, 30, 40}
    roll_back(replay, 25, "memories")
    history.read = 0
    here = Place("r0", 41)
    assert desk.timeline(history).at(here) == replay.means[here].labels["memories"]
    assert history.read == 5, "21 to 25, on top of the snapshot at 20"


def test_a_held_state_is_preferred_to_an_older_snapshot_and_not_asked_about_when_it_is_near() -> None:
    history = CountingHistory()
    desk = Desk(every=10)
    labelled(20, history)
    timeline = desk.timeline(history)
    timeline.at(Place("r0", 15))
    asked = desk.shelf.asked
    timeline.at(Place("r0", 20))
    assert desk.shelf.asked == asked


def test_branches_read_from_the_journal_share_the_state_of_their_parent() -> None:
    history = CountingHistory()
    replay = labelled(50, history)
    children = [replay._fork(Place("r0", 50)).id for _ in range(10)]
    timeline = Timeline(ForgottenLabels("graph"), history, 100)
    for child in children:
        replay.happen(Step("label", list(history.rows).index(child), 0, PARTS))
    for child in children:
        place = Place(child, 51)
        assert timeline.at(place) == replay.means[place].labels["graph"]
    assert history.read == 50 + len(children)


def test_a_view_of_limited_reach_uses_a_snapshot_only_where_it_is_nearer() -> None:
    history = CountingHistory()
    desk = Desk("working", every=100)
    replay = labelled(100, history)
    desk.timeline(history, reach=10).at(Place("r0", 100))
    desk.clerk.wait()
    assert not desk.shelf.places(), "the last ten events were enough, so it was not due"
    live = desk.timeline(history, reach=10)
    live.at(Place("r0", 1))
    for entry in history.entries("r0", 1, 100):
        live.push(entry)
    desk.clerk.wait()
    assert desk.shelf.places() == [Place("r0", 100)]
    for _ in range(20):
        replay.happen(Step("label", 0, 0, PARTS))
    for seq, folded in ((104, 4), (120, 10)):
        place = Place("r0", seq)
        assert desk.timeline(history, reach=10).at(place) == replay.means[place].labels["working"][-10:]
        assert desk.fold.applied == folded


def push_labels(timeline: Timeline[Labels], desk: Desk, branch: str, seqs: range) -> None:
    for seq in seqs:
        timeline.push(Entry(Place(branch, seq), START, Forgotten((f"{branch}:{seq}",))))
        desk.clerk.wait()


def test_growing_views_are_written_down_ever_more_rarely_and_forks_do_not_multiply_it() -> None:
    desk = Desk(every=8, share=0.25)
    live = desk.timeline(PlainHistory(), keep=1000)
    push_labels(live, desk, "r0", range(1, 401))
    seqs = sorted(place.seq for place in desk.shelf.places())
    assert seqs[:4] == [8, 16, 24, 32]
    assert sum(seqs) <= 400 * (1 + 1 / 0.25), "all that was written is linear in all that was folded"
    assert all(later - before >= 0.2 * later for before, later in pairwise(seqs[4:]))

    assert 400 < seqs[-1] / 0.75 < 460, "the forks begin with most of the way behind them"
    for number in range(50):
        live.fork(Place("r0", 400), f"b{number}")
        push_labels(live, desk, f"b{number}", range(401, 461))
    written = len(desk.shelf.places()) - len(seqs)
    assert 0 < written <= 50 * 60 // 100 + 1, "3,000 events pay for no more than this at a hundred each"
    desk.clerk.close()


def test_a_tally_pays_from_the_purse_of_all_its_relatives() -> None:
    spacing = Spacing(10, 0.0)
    one = Tally(purse=Purse()).plus(10)
    other = one.plus(0)
    assert spacing.due(one, 10)
    assert spacing.due(other, 10)
    assert spacing.paid(one, 10) == Tally(0)
    assert not spacing.due(other, 10), "the same events do not pay twice"
    assert spacing.due(other.plus(10), 20)


def test_a_clerk_does_the_newest_wish_of_each_drawer_and_survives_failures() -> None:
    clerk, done, gate = Clerk("test", waiting=2), list[str](), threading.Event()

    def fail() -> None:
        raise PlaceNotFound("alice", "nowhere")

    def wait() -> None:
        gate.wait()
        done.append("first")

    assert clerk.offer("first", wait)
    while not clerk._busy:
        time.sleep(0.001)
    assert clerk.offer("a", lambda: done.append("old a"))
    assert clerk.offer("b", fail)
    assert clerk.offer("a", lambda: done.append("new a"))
    assert not clerk.offer("c", lambda: done.append("c")), "two wait already"
    assert not clerk.wait(0.0)
    gate.set()
    clerk.close()
    assert (done, clerk.done, clerk.failed) == (["first", "new a"], 2, 1)
    assert not clerk.offer("a", lambda: done.append("late"))


def test_a_clerk_leaves_what_is_soon_overtaken_until_it_calms_down() -> None:
    clerk, done = Clerk("test", calm_s=0.2), list[tuple[int, float]]()
    begun = time.monotonic()

    def job(number: int) -> Callable[[], None]:
        return lambda: done.append((number, time.monotonic() - begun))

    number = 0
    while not done:  # a drawer that never calms down
        assert clerk.offer("a", job(number))
        number += 1
        time.sleep(0.01)
    ((first, after_s),) = done
    assert first > 10
    assert after_s >= 0.2 * LONGEST
    assert clerk.wait(10.0)


def test_a_clerk_holds_nothing_back_when_somebody_waits_or_no_more_can_wait() -> None:
    clerk, done = Clerk("test", waiting=2, calm_s=600.0), list[str]()
    assert clerk.offer("a", lambda: done.append("a"))
    assert clerk.finish("b", lambda: done.append("b"), time.monotonic() + 10.0)
    assert "b" in done
    assert clerk.wait(10.0)
    assert sorted(done) == ["a", "b"]
    clerk.offer("c", lambda: done.append("c"))
    clerk.offer("d", lambda: done.append("d"))
    while "c" not in done:
        time.sleep(0.001)
    clerk.close()
    assert done[-2:] == ["c", "d"]


def test_a_clerk_that_is_closed_in_a_hurry_drops_what_waits() -> None:
    clerk, done, gate = Clerk("test"), list[str](), threading.Event()

    def wait() -> None:
        gate.wait()
        done.append("first")

    clerk.offer("a", wait)
    while not clerk._busy:
        time.sleep(0.001)
    clerk.offer("b", lambda: done.append("waits"))
    clerk.close(0.0)
    gate.set()
    assert clerk.wait(10.0)
    assert (done, clerk.failed) == (["first"], 0)


def holes(replay: Replay, damaged: set[Place]) -> HolesHistory:
    history = HolesHistory()
    history.rows, history.journal, history.damaged = replay.history.rows, replay.history.journal, damaged
    return history


@settings(deadline=None, max_examples=120)
@given(
    STEPS,
    st.sampled_from(PARTS),
    KEEPS,
    st.none() | st.integers(1, 6),
    st.sets(st.integers(0, 200), max_size=4),
    st.integers(0, 40),
)
def test_what_could_not_be_read_is_missing_only_as_long_as_it_cannot_be_read(
    steps: list[Step], part: Part, keep: int, reach: int | None, spoilt: set[int], late: int
) -> None:
    """No snapshot is made of a state that lacks something, and whoever is concerned by nothing never notices."""
    replay = Replay()
    for step in steps:
        replay.happen(step)
    own = [place for place in replay.means if any(e.place == place for e in replay.history.journal[place.branch])]
    undone = {entry.place for rows in replay.history.journal.values() for entry in rows if _is_rollback(entry)}
    damaged = {own[number % len(own)] for number in spoilt if own} - undone
    history, desk, clock = holes(replay, set(damaged)), Desk(part), Ticks()
    timeline = desk.timeline(history, keep, reach, clock)
    for place in replay.means:
        made_up = set(replay.means[place].effective[part])
        state, labels = timeline.at(place), replay.means[place].labels[part]
        if not made_up & damaged:
            assert timeline.lacks(place) is None
            assert timeline.whole(place) == state == (labels if reach is None else labels[-reach:])
        elif reach is None:
            assert timeline.lacks(place) is not None
            with pytest.raises(CorruptRecord, match="cannot be read"):
                timeline.whole(place)
            assert set(state) <= set(labels)
    desk.clerk.wait()
    if reach is None:
        for place in desk.shelf.places():
            assert not set(replay.means[place].effective[part]) & damaged
    for entry in [one for rows in replay.history.journal.values() for one in rows][-late:]:
        timeline.push(entry)
    history.damaged.clear()
    for timeline_ in (timeline, desk.timeline(history, keep, reach)):
        for place in reversed(replay.means):
            for _ in range(4):  # a stretch of several gaps is tried by turns
                clock.time += RETRY_S
                timeline_.at(place)
            labels = replay.means[place].labels[part]
            assert timeline_.whole(place) == (labels if reach is None else labels[-reach:])
    desk.clerk.close()


def test_no_snapshot_is_taken_from_what_was_rolled_back_after_a_gap() -> None:
    replay = labelled(8)
    roll_back(replay, 1, "memories")
    for _ in range(3):
        replay.happen(Step("label", 0, 0, PARTS))
    history, desk = holes(replay, {Place("r0", 1)}), Desk(every=2)
    written = desk.timeline(replay.history, 1000)
    for entry in replay.history.journal["r0"][:8]:
        written.push(entry)
    desk.clerk.wait()
    assert Place("r0", 8) in desk.shelf.places(), "whole, written, and rolled back since"
    timeline = desk.timeline(history, 1)
    assert timeline.at(Place("r0", 10)) == ("e9",)
    assert timeline.at(Place("r0", 12)) == ("e9", "e10", "e11")
    desk.clerk.close()


def _is_rollback(entry: Entry) -> bool:
    return isinstance(entry.event, RolledBack)


def test_a_state_that_lacks_something_is_held_and_tried_again_only_now_and_then() -> None:
    replay = labelled(2000)
    history, clock = holes(replay, {Place("r0", seq) for seq in range(601, 1801)}), Ticks()
    desk = Desk(every=100)
    timeline = desk.timeline(history, 8, None, clock)
    here = Place("r0", 2000)
    state = timeline.at(here)
    assert timeline.lacks(here) == Span("r0", 600, 1800), "pieces that touch are one"
    assert timeline.at(here) is state
    entry = replay.happen(Step("label", 0, 0, PARTS))
    assert isinstance(entry, Entry)
    timeline.push(entry)
    assert timeline.lacks(entry.place) == Span("r0", 600, 1800), "it is missing from what comes after, too"
    clock.time += RETRY_S
    assert timeline.at(entry.place) is timeline.at(entry.place)
    history.damaged = {Place("r0", seq) for seq in range(601, 701)}
    assert timeline.lacks(entry.place) == Span("r0", 600, 1800), "nobody looks again so soon"
    clock.time += RETRY_S
    assert timeline.lacks(entry.place) == Span("r0", 600, 700), "a part of it came back"
    history.damaged = set()
    for _ in range(2):
        clock.time += RETRY_S
        timeline.at(entry.place)
    assert timeline.whole(entry.place) == replay.means[entry.place].labels["memories"]
    desk.clerk.close()
    assert desk.shelf.places() == [entry.place], "written down only when nothing was missing any more"


def test_a_snapshot_from_beyond_what_is_missing_makes_it_whole() -> None:
    replay = labelled(1000)
    desk = Desk(every=10)
    desk.timeline(holes(replay, set())).at(Place("r0", 900))
    desk.clerk.wait()
    timeline = desk.timeline(holes(replay, {Place("r0", 5)}), 8)
    assert timeline.lacks(Place("r0", 890)) == Span("r0", 4, 5)
    assert timeline.lacks(Place("r0", 950)) is None
    desk.clerk.close()


def test_a_view_of_limited_reach_forgets_that_something_was_missing() -> None:
    replay = labelled(20)
    clock = Ticks()
    timeline = Timeline(ForgottenLabels("working", 5), holes(replay, {Place("r0", 18)}), 8, None, clock)
    assert timeline.lacks(Place("r0", 20)) == Span("r0", 17, 18)
    for _ in range(10):
        entry = replay.happen(Step("label", 0, 0, PARTS))
        assert isinstance(entry, Entry)
        timeline.push(entry)
    clock.time += RETRY_S
    assert timeline.lacks(Place("r0", 30)) is None


# Bytes


class Network:
    """A state whose tensors others may share: the labels, and the tensors of every second one."""

    def __init__(self, labels: Labels, tensors: Tensors) -> None:
        self.labels, self.tensors = labels, tensors


class Tensors:
    """So many bytes."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


class Networks:
    """A fold whose states have tensors of their own after every second label, and share them until then."""

    part: Part = "mood"
    reach: int | None = None

    def __init__(self) -> None:
        self._empty = Network((), Tensors(10))

    def empty(self) -> Network:
        return self._empty

    def apply(self, state: Network, event: Event) -> Network:
        if not isinstance(event, Forgotten):
            return state
        labels = state.labels + event.ids
        return Network(labels, state.tensors if len(labels) % 2 else Tensors(10 + len(labels)))

    def units(self, event: Event) -> int:
        return len(event.ids) if isinstance(event, Forgotten) else 0


@settings(deadline=None, max_examples=100)
@given(STEPS, st.integers(1, 200), st.lists(st.integers(0, 200), max_size=40))
def test_a_timeline_holds_no_more_bytes_than_it_may(steps: list[Step], limit: int, reads: list[int]) -> None:
    """Each tensor network counts once, the oldest go first, and every place still reads as it was."""
    replay = Replay()
    load: Load[Network] = Load(limit, lambda state: state.tensors)
    timeline = Timeline(Networks(), replay.history, 1000).within(load)

    def check() -> None:
        tensors = {id(kept.state.tensors): kept.state.tensors for kept in timeline._held.values()}
        assert load.held == sum(one.nbytes for one in tensors.values())
        assert load.held <= limit or len(timeline) == 1

    for number, step in enumerate(steps):
        made = replay.happen(step)
        if isinstance(made, Entry):
            timeline.push(made)
        elif isinstance(made, Branch) and made.parent is not None:
            timeline.fork(Place(made.parent, made.fork_seq), made.id)
        check()
        if number < len(reads):
            places = list(replay.means)
            place = places[reads[number] % len(places)]
            assert timeline.at(place).labels == replay.means[place].labels["mood"]
            check()
    for place, meaning in replay.means.items():
        assert timeline.at(place).labels == meaning.labels["mood"]
        check()


def test_a_limit_that_comes_late_counts_what_is_held_already() -> None:
    replay = labelled(4)
    timeline = Timeline(Networks(), replay.history, 1000)
    for place in replay.means:
        timeline.at(place)
    load: Load[Network] = Load(20, lambda state: state.tensors)
    timeline.within(load)
    assert load.over
    timeline.at(max(replay.means))
    timeline.push(labelled(5).history.journal["r0"][-1])
    assert len(timeline) == 1
    assert load.held == 14
