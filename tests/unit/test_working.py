"""Working memory holds the last memories, and can be folded from the last of them alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import OutOfRange
from quantum_memory.memory.events import Forgotten, Picked, Remembered, Revised, SkillUsed
from quantum_memory.memory.working import Recent, WorkingFold, WorkingState
from quantum_memory.types import Place
from tests.unit.episodes import memory, merged, revised

STEPS = st.lists(
    st.integers(1, 4)
    | st.integers(-60, -1)
    | st.lists(st.integers(0, 60), min_size=1, max_size=4).map(lambda n: tuple(f"m{i}" for i in n)),
    max_size=25,
)


def events_of(steps: list[int | tuple[str, ...]]) -> list[Remembered | Forgotten | Revised]:
    """A number remembers so many new memories, or revises the one of that number if it is negative; a tuple forgets."""
    made: list[Remembered | Forgotten | Revised] = []
    number = 0
    for step in steps:
        if isinstance(step, int) and step < 0:
            made.append(Revised((revised(-step, len(made)),)))
        elif isinstance(step, int):
            made.append(Remembered(tuple(memory(number + i) for i in range(step))))
            number += step
        else:
            made.append(Forgotten(step))
    return made


@settings(deadline=None, max_examples=60)
@given(STEPS, st.integers(1, 9))
def test_it_is_the_last_memories_less_those_forgotten_since(steps: list[int | tuple[str, ...]], size: int) -> None:
    fold = WorkingFold(size)
    state, slots = fold.empty(), list[tuple[str, bool]]()
    for event in events_of(steps):
        before, held = state, state.recent()
        state = fold.apply(state, event)
        assert before.recent() == held
        if isinstance(event, Remembered):
            slots = [*slots, *((one.id, True) for one in event.memories)][-size:]
        elif isinstance(event, Revised):
            shown = {one.id: one.text for one in state.recent()}
            assert all(shown.get(one.id, one.text) == one.text for one in event.memories), "it reads anew where it is"
        else:
            slots = [(one, lives and one not in event.ids) for one, lives in slots]
        assert [one.id for one in state.recent()] == [one for one, lives in slots if lives]


@settings(deadline=None, max_examples=60)
@given(STEPS, st.integers(1, 9))
def test_folding_from_the_last_reach_units_gives_the_same_state(steps: list[int | tuple[str, ...]], size: int) -> None:
    fold, events = WorkingFold(size), events_of(steps)
    whole, late, start, units = fold.empty(), fold.empty(), len(events), 0
    while start and units < size:
        start -= 1
        units += fold.units(events[start])
    for event in events:
        whole = fold.apply(whole, event)
    for event in events[start:]:
        late = fold.apply(late, event)
    assert late == whole
    assert fold.reach == size


def test_it_keeps_text_time_and_speaker_and_gives_the_latest() -> None:
    fold = WorkingFold()
    state = fold.apply(fold.empty(), Remembered((memory(1), memory(2))))
    last = memory(2)
    assert state.recent(1) == (Recent(last.id, last.text, last.at, last.speaker),)
    assert state.recent(0) == ()
    assert len(state.recent(99)) == 2


def test_what_a_merge_brings_does_not_enter_and_what_it_forgets_leaves() -> None:
    fold = WorkingFold()
    state = fold.apply(fold.empty(), Remembered((memory(1), memory(2))))
    state = fold.apply(state, merged([memory(3)], ["m1"]))
    assert [one.id for one in state.recent()] == ["m2"]


def test_what_a_merge_revises_reads_anew_where_it_stands() -> None:
    fold = WorkingFold()
    before = fold.apply(fold.empty(), Remembered((memory(1), memory(2))))
    for event in (merged([], [], [revised(1, 1)]), Picked(Place("b", 1), (memory(3),), (revised(1, 1), revised(4, 1)))):
        state = fold.apply(before, event)
        assert [one.text for one in state.recent()] == [revised(1, 1).text, memory(2).text]


def test_nothing_new_returns_the_state_itself() -> None:
    fold = WorkingFold()
    state = fold.apply(fold.empty(), Remembered((memory(1),)))
    for event in (
        Remembered((memory(1),)),
        Forgotten(("m9",)),
        SkillUsed("x", succeeded=True),
        merged([], ["m9"]),
        Revised((revised(9, 1),)),
    ):
        assert fold.apply(state, event) is state
    assert fold.empty() == WorkingState()


def test_a_working_memory_of_nothing_is_refused() -> None:
    with pytest.raises(OutOfRange):
        WorkingFold(0)
