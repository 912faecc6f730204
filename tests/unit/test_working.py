"""Working memory holds the last memories, and can be folded from the last of them alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import OutOfRange
from quantum_memory.memory.events import Forgotten, Remembered, SkillUsed
from quantum_memory.memory.working import Recent, WorkingFold, WorkingState
from tests.unit.episodes import memory, merged

STEPS = st.lists(
    st.integers(1, 4) | st.lists(st.integers(0, 60), min_size=1, max_size=4).map(lambda n: tuple(f"m{i}" for i in n)),
    max_size=25,
)


def events_of(steps: list[int | tuple[str, ...]]) -> list[Remembered | Forgotten]:
    """A number remembers so many new memories, a tuple forgets these."""
    made: list[Remembered | Forgotten] = []
    number = 0
    for step in steps:
        if isinstance(step, int):
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


def test_nothing_new_returns_the_state_itself() -> None:
    fold = WorkingFold()
    state = fold.apply(fold.empty(), Remembered((memory(1),)))
    for event in (Remembered((memory(1),)), Forgotten(("m9",)), SkillUsed("x", succeeded=True), merged([], ["m9"])):
        assert fold.apply(state, event) is state
    assert fold.empty() == WorkingState()


def test_a_working_memory_of_nothing_is_refused() -> None:
    with pytest.raises(OutOfRange):
        WorkingFold(0)
