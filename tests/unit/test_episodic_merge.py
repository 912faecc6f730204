"""Merging memories: all that is new comes over, what either side forgot stays forgotten, nothing is lost in silence."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.merge import delta, judge
from quantum_memory.memory.episodic.search import memories
from quantum_memory.memory.episodic.state import EpisodicState, Sizes
from quantum_memory.memory.events import Forgotten, Remembered
from tests.unit.episodes import HAPPENINGS, SIZES, Happening, memory, merged, other
from tests.unit.test_episodic_fold import play

PICK = st.integers(0, 30)


def ids(state: EpisodicState) -> list[str]:
    return [one.id for one in memories(state)]


@settings(deadline=None, max_examples=80)
@given(HAPPENINGS, SIZES, PICK, PICK)
def test_the_delta_of_any_two_states_is_what_a_plain_list_says(
    happenings: list[Happening], sizes: Sizes, left: int, right: int
) -> None:
    states = play(MemoriesFold(sizes=sizes), happenings)
    (base, plain_base), (theirs, plain_theirs) = states[left % len(states)], states[right % len(states)]
    known = {*(one.id for one in plain_base.living), *plain_base.forgotten}
    change = delta(base, theirs)
    assert list(change.added) == [one for one in plain_theirs.living if one.id not in known]
    assert list(change.forgotten) == [one for one in plain_theirs.forgotten if one not in plain_base.forgotten]
    everything = delta(None, theirs)
    assert everything.added == plain_theirs.living
    assert everything.forgotten == plain_theirs.forgotten


@settings(deadline=None, max_examples=80)
@given(HAPPENINGS, HAPPENINGS, HAPPENINGS, SIZES)
def test_a_merge_is_union_less_what_either_forgot(
    before: list[Happening], mine: list[Happening], others: list[Happening], sizes: Sizes
) -> None:
    fold = MemoriesFold(sizes=sizes)
    base, _ = play(fold, before)[-1]
    ours, theirs = base, base
    for happening in mine:
        ours = fold.apply(ours, happening.event)
    for happening in others:
        theirs = fold.apply(theirs, happening.event)
    held = ids(ours)
    verdict = judge(ours, base, delta(base, theirs))
    after = fold.apply(ours, merged(verdict.adopt, verdict.forget))
    gone = {*(one for one, _ in ours.forgotten.items()), *(one for one, _ in theirs.forgotten.items())}
    assert set(ids(after)) == {*held, *ids(theirs)} - gone
    assert verdict.conflicts == ()
    assert ids(ours) == held
    again = judge(after, theirs, delta(theirs, theirs))
    assert again == ((), (), ())
    assert judge(after, base, delta(base, theirs)) == ((), (), ())


def test_one_id_with_two_meanings_is_a_conflict_and_ours_is_kept() -> None:
    fold = MemoriesFold()
    base = fold.apply(fold.empty(), Remembered((memory(1),)))
    ours = fold.apply(base, Remembered((memory(2), memory(3))))
    theirs = fold.apply(base, Remembered((other(memory(2), "quite another thing"), memory(3), memory(4))))
    verdict = judge(ours, base, delta(base, theirs))
    assert [one.id for one in verdict.adopt] == ["m4"]
    (conflict,) = verdict.conflicts
    assert (conflict.part, conflict.key) == ("memories", "m2")
    assert memory(2).text in conflict.ours
    assert "quite another thing" in conflict.theirs
    after = fold.apply(ours, merged(verdict.adopt, verdict.forget))
    assert [one.text for one in memories(after)] == [memory(n).text for n in (1, 2, 3, 4)]


def test_histories_without_a_common_past_join_by_id() -> None:
    fold = MemoriesFold()
    ours = fold.apply(fold.empty(), Remembered((memory(1), memory(2))))
    ours = fold.apply(ours, Forgotten(("m2",)))
    theirs = fold.apply(MemoriesFold().empty(), Remembered((memory(1), memory(2), memory(3), memory(4))))
    theirs = fold.apply(theirs, Forgotten(("m1", "m4")))
    verdict = judge(ours, None, delta(None, theirs))
    assert [one.id for one in verdict.adopt] == ["m3"]
    assert verdict.forget == ("m1",)
    assert verdict.conflicts == ()
