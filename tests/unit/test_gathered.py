"""Views that are told several events at once come to what they come to one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.views import runs
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.search import Query, search
from quantum_memory.memory.episodic.search import memories as stored
from quantum_memory.memory.episodic.state import Sizes
from quantum_memory.memory.events import Entry, Event, Forgotten, Remembered, Revised, RolledBack
from quantum_memory.memory.gathered import MOST, gathered
from quantum_memory.memory.semantic.graph import GraphFold, settled, to_networkx
from quantum_memory.memory.timeline import Timeline
from quantum_memory.memory.working import WorkingFold
from quantum_memory.types import NEUTRAL, Branch, Memory, Place
from tests.unit.histories import PlainHistory

AT = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ("Bob", "Alice", "Cremona", "violin", "goat", "umbrella", "letter", "mill", "river", "song")


def memory(number: int, words: Sequence[str]) -> Memory:
    vector = np.random.default_rng(number).normal(size=8).astype(np.float32)
    text = f"They saw {' '.join(words)}"
    return Memory(f"m{number}", text, AT + timedelta(minutes=number), NEUTRAL, 0.5, 0.5, vector, session="s")


@st.composite
def lives(draw: st.DrawFn) -> list[Event]:
    """Events of few memories, with ids that come again, and some that change what is there."""
    events: list[Event] = []
    for _ in range(draw(st.integers(1, 14))):
        numbers = draw(st.lists(st.integers(0, 12), max_size=3))
        kind = draw(st.sampled_from(["remember", "remember", "remember", "forget", "revise"]))
        words = draw(st.lists(st.sampled_from(WORDS), max_size=4))
        if kind == "forget":
            events.append(Forgotten(tuple(f"m{number}" for number in dict.fromkeys(numbers)), AT))
        else:
            told = tuple(memory(number, words) for number in numbers)
            events.append(Remembered(told) if kind == "remember" else Revised(told))
    return events


@given(lives())
@settings(deadline=None, max_examples=80)
def test_fewer_events_come_to_the_same(events: list[Event]) -> None:
    few = gathered(events)
    assert len(few) <= len(events)
    for fold in (MemoriesFold(sizes=Sizes(tail=4, sealed=16)), GraphFold()):
        one: Any = fold.empty()
        other: Any = fold.empty()
        for event in events:
            one = fold.apply(one, event)
        for event in few:
            other = fold.apply(other, event)
        if isinstance(fold, GraphFold):
            left, right = to_networkx(settled(one)), to_networkx(settled(other))
            assert list(left.nodes(data=True)) == list(right.nodes(data=True))
            assert sorted(map(str, left.edges(data=True))) == sorted(map(str, right.edges(data=True)))
        elif one.dim is not None:
            assert [(each.id, each.text) for each in stored(one)] == [(each.id, each.text) for each in stored(other)]
            query = Query("the violin of Alice", memory(3, ()).embedding, limit=6)
            left, right = search(one, query), search(other, query)
            assert [hit.id for hit in left.memories] == [hit.id for hit in right.memories]
            for name in ("relevance", "lexical", "news"):
                assert getattr(left, name).tolist() == getattr(right, name).tolist()


@given(lives(), st.lists(st.integers(1, 5), min_size=1, max_size=14))
@settings(deadline=None, max_examples=40)
def test_a_timeline_that_is_told_several_at_once_stands_where_it_would_stand(
    events: list[Event], cuts: list[int]
) -> None:
    history = PlainHistory()
    history.rows["b"] = Branch("b", "alice", "main", "l", "root", None, 0, AT)
    entries = [Entry(Place("b", seq), AT, event) for seq, event in enumerate(events, start=1)]
    if len(entries) > 3:
        entries[3] = Entry(Place("b", 4), AT, RolledBack(Place("b", 2), ("memories",)))
    history.journal["b"] = entries
    for fold in (MemoriesFold(sizes=Sizes(tail=4, sealed=16)), WorkingFold(4)):
        one: Timeline[Any] = Timeline(fold, history, 100)
        many: Timeline[Any] = Timeline(fold, history, 100)
        for entry in entries:
            one.push(entry)
        start = 0
        for count in [*cuts, len(entries)]:
            some = entries[start : start + count]
            if some:
                many.push_all(some)
            start += count
        for place in (entries[-1].place, entries[len(entries) // 2].place):
            left, right = one.at(place), many.at(place)
            if isinstance(fold, WorkingFold):
                assert left == right
            elif left.dim is not None:
                assert [each.id for each in stored(left)] == [each.id for each in stored(right)]


def test_one_id_in_two_events_is_told_twice() -> None:
    first, again, other = (Remembered((memory(one, ()),)) for one in (1, 1, 2))
    assert gathered([first, other]) == [Remembered((*first.memories, *other.memories))]
    assert gathered([first, again, other]) == [first, Remembered((*again.memories, *other.memories))]
    assert gathered([]) == []
    nothing = Remembered(())
    assert gathered([first, nothing, other]) == [first, nothing, other]
    many = [Remembered((memory(one, ()),)) for one in range(MOST + 1)]
    assert [len(event.memories) for event in gathered(many) if isinstance(event, Remembered)] == [MOST, 1]


def test_entries_are_told_by_branch_and_without_gaps() -> None:
    def entry(branch: str, seq: int) -> Entry:
        return Entry(Place(branch, seq), AT, Remembered(()))

    told = [entry("a", 1), entry("b", 7), entry("a", 2), entry("b", 9), entry("a", 3), entry("b", 10)]
    assert [[(one.place.branch, one.place.seq) for one in run] for run in runs(told)] == [
        [("a", 1), ("a", 2), ("a", 3)],
        [("b", 7)],
        [("b", 9), ("b", 10)],
    ]
