"""A timeline has the same state at every place as replaying everything, however little it may hold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import PlaceNotFound
from quantum_memory.memory.events import Entry, Event, Forgotten, RolledBack
from quantum_memory.memory.timeline import CHUNK, Span, Timeline, spans
from quantum_memory.types import PARTS, Branch, Part, Place
from tests.unit.histories import STEPS, Labels, PlainHistory, Replay, Step


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
    assert len(timeline) == 1
    assert len(timeline.at(Place("r0", 20))) == 20
    assert history.read == 0


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
