"""The memories of a branch are what its events say, in every state that was ever handed out."""

from __future__ import annotations

import gc
import math
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import MissingDependency, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory.episodic.chunk import Chunk
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.runs import Slice, joined
from quantum_memory.memory.episodic.search import contains, count, fetch, known, memories
from quantum_memory.memory.episodic.state import EpisodicState, Sizes, check_dim
from quantum_memory.memory.events import Forgotten, Remembered, RolledBack, SkillLearned, SkillUsed
from quantum_memory.types import Memory, Place, Skill
from tests.unit.episodes import DIM, HAPPENINGS, SIZES, Happening, Plain, memory, merged

TINY = Sizes(tail=3, sealed=12, small=3)
ALL_IDS = [f"m{number}" for number in range(40)]


def play(fold: MemoriesFold, happenings: list[Happening]) -> list[tuple[EpisodicState, Plain]]:
    """Every state that came about, with what it must mean."""
    seen = [(fold.empty(), Plain())]
    for happening in happenings:
        state, plain = seen[-1 - happening.at % len(seen)]
        seen.append((fold.apply(state, happening.event), plain.apply(happening.event)))
    return seen


def same(found: Memory, wanted: Memory) -> bool:
    return found == wanted and np.array_equal(found.embedding, wanted.embedding)


@settings(deadline=None, max_examples=60)
@given(HAPPENINGS, SIZES)
def test_every_state_ever_handed_out_means_what_its_own_events_say(happenings: list[Happening], sizes: Sizes) -> None:
    for state, plain in play(MemoriesFold(sizes=sizes), happenings):
        found = list(memories(state))
        assert len(found) == len(plain.living) == count(state)
        assert all(map(same, found, plain.living))
        live = [one.id for one in plain.living]
        assert contains(state, ALL_IDS) == [one in live for one in ALL_IDS]
        assert known(state, ALL_IDS) == [one in live or one in plain.gone for one in ALL_IDS]
        assert dict(state.forgotten.items()) == plain.gone
        assert all(map(same, fetch(state, live[::-1]), plain.living[::-1]))


@settings(deadline=None, max_examples=30)
@given(HAPPENINGS)
def test_applying_an_event_again_changes_nothing(happenings: list[Happening]) -> None:
    fold = MemoriesFold(sizes=TINY)
    state = fold.empty()
    for happening in happenings:
        state = fold.apply(state, happening.event)
        assert fold.apply(state, happening.event) is state


@settings(deadline=None, max_examples=25)
@given(HAPPENINGS)
def test_the_living_terms_and_the_dead_are_counted_right_however_runs_lie(happenings: list[Happening]) -> None:
    for state, _ in play(MemoriesFold(sizes=TINY), happenings):
        terms = 0
        for part in state.slices():
            assert part.dead_count == part.length - len(part.living())
            assert 2 * part.dead_count <= part.length, "a slice that is mostly dead is written anew"
            terms += int(part.lengths[part.living()].sum())
        assert terms == state.live_terms


def test_events_of_other_parts_return_the_state_itself() -> None:
    fold = MemoriesFold()
    state = fold.apply(fold.empty(), Remembered((memory(1),)))
    others = (
        SkillUsed("x", succeeded=True),
        SkillLearned(Skill("x", ("y",))),
        RolledBack(Place("b", 1), ("mood",)),
        Remembered(()),
        Forgotten(()),
        merged((), ()),
    )
    for event in others:
        assert fold.apply(state, event) is state
        assert fold.units(event) == 0


def test_of_two_memories_with_one_id_in_one_event_the_first_is_kept() -> None:
    fold = MemoriesFold()
    state = fold.apply(fold.empty(), Remembered((memory(1), memory(2), memory(1, "something else"))))
    assert [found.text for found in memories(state)] == [memory(1).text, memory(2).text]


def test_a_forgotten_id_is_not_remembered_again_and_one_forgotten_beforehand_never_comes() -> None:
    fold = MemoriesFold()
    state = fold.apply(fold.empty(), Remembered((memory(1),)))
    state = fold.apply(state, Forgotten(("m1", "m2")))
    state = fold.apply(state, Remembered((memory(1), memory(2), memory(3))))
    assert [found.id for found in memories(state)] == ["m3"]


def test_the_first_write_after_a_fork_leaves_the_parents_rows_where_they_are() -> None:
    fold = MemoriesFold(sizes=Sizes(tail=100))
    parent = fold.apply(fold.empty(), Remembered(tuple(memory(n) for n in range(20))))
    assert parent.tail is not None
    first = fold.apply(parent, Remembered((memory(20),)))
    second = fold.apply(parent, Remembered((memory(21),)))
    again = fold.apply(parent, Remembered((memory(22),)))
    assert first.tail is not None
    assert first.tail.block is parent.tail.block, "whoever writes first goes on in place"
    for late in (second, again):
        assert late.parts[-1].block is parent.tail.block, "whoever writes later keeps it as it was"
        assert late.parts[-1].length == 20
        assert late.tail is not None
        assert late.tail.length == 1
    assert [len(state) for state in (parent, first, second, again)] == [20, 21, 21, 21]


def test_many_generations_of_forks_do_not_pile_up_slices() -> None:
    fold = MemoriesFold(sizes=Sizes(tail=64, sealed=256, small=8))
    state = fold.empty()
    for number in range(300):
        older = state
        state = fold.apply(state, Remembered((replace(memory(number % 40), id=f"x{number}"),)))
        fold.apply(older, Remembered((replace(memory(0), id=f"y{number}"),)))
        state = fold.apply(older, Remembered((replace(memory(number % 40), id=f"x{number}"),)))
        assert len(state.slices()) <= 8 + 300 // 256 + 2
    assert [found.id for found in memories(state)] == [f"x{number}" for number in range(300)]


def test_forgetting_most_of_what_is_new_does_not_pile_up_slices() -> None:
    fold = MemoriesFold(sizes=Sizes(tail=64, sealed=256, small=8))
    state, kept = fold.empty(), []
    for number in range(0, 500, 5):
        new = [replace(memory(one % 40), id=f"x{one}") for one in range(number, number + 5)]
        state = fold.apply(state, Remembered(tuple(new)))
        state = fold.apply(state, Forgotten(tuple(one.id for one in new[:3])))
        kept += [one.id for one in new[3:]]
        assert len(state.slices()) <= 8 + 2
    assert [found.id for found in memories(state)] == kept


def test_a_long_branch_is_a_few_runs_and_a_large_one_is_never_written_again() -> None:
    fold = MemoriesFold(sizes=Sizes(tail=8, sealed=64))
    state = fold.empty()
    sealed: set[int] = set()
    for number in range(700):
        state = fold.apply(state, Remembered((replace(memory(number % 40), id=f"x{number}"),)))
        large = {id(part.block) for part in state.parts if part.length >= 64}
        assert sealed <= large
        sealed = large
    assert len(state.parts) <= 700 // 64 + 4
    assert isinstance(state.slices()[-1].block, Chunk)


def test_a_row_is_copied_no_more_often_than_runs_can_double(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = 0

    def counted(slices: Sequence[Slice]) -> Slice | None:
        nonlocal copied
        copied += sum(part.length for part in slices)
        return joined(slices)

    monkeypatch.setattr("quantum_memory.memory.episodic.state.joined", counted)
    fold = MemoriesFold(sizes=Sizes(tail=8, sealed=64))
    state = fold.empty()
    for number in range(1000):
        state = fold.apply(state, Remembered((replace(memory(number % 40), id=f"x{number}"),)))
    assert 0 < copied <= 1000 * (1 + math.log2(64 / 8))


def test_a_fork_with_ten_writes_of_its_own_takes_less_than_50_kb() -> None:
    fold, rng = MemoriesFold(), np.random.default_rng(0)
    vectors = rng.standard_normal((5000, 384)).astype(np.float32)
    whole = tuple(replace(memory(n % 40), id=f"x{n}", embedding=vectors[n]) for n in range(5000))
    state = fold.apply(fold.empty(), Remembered(whole))
    written = [replace(memory(n % 40), id=f"y{n}", embedding=vectors[n]) for n in range(200)]
    forks = []
    gc.collect()
    tracemalloc.start()
    begin = tracemalloc.get_traced_memory()[0]
    for number in range(20):
        fork = state
        for new in written[10 * number : 10 * number + 10]:
            fork = fold.apply(fork, Remembered((new,)))
        forks.append(fork)
    gc.collect()
    each = (tracemalloc.get_traced_memory()[0] - begin) / len(forks)
    tracemalloc.stop()
    assert {len(fork) for fork in forks} == {5010}
    assert each < 40_000, "and the nodes of the maps, which Python does not see, take less than 10 kB"


def test_bringing_many_at_once_is_the_same_as_one_by_one() -> None:
    fold = MemoriesFold(sizes=TINY)
    many = tuple(memory(n) for n in range(40))
    at_once, one_by_one = fold.apply(fold.empty(), Remembered(many)), fold.empty()
    for one in many:
        one_by_one = fold.apply(one_by_one, Remembered((one,)))
    assert all(map(same, memories(at_once), memories(one_by_one)))


@given(dim=st.integers(1, 12).filter(lambda dim: dim != DIM))
@settings(deadline=None, max_examples=10)
def test_a_vector_of_another_length_is_refused_before_anything_changes(dim: int) -> None:
    fold = MemoriesFold(DIM)
    state = fold.apply(fold.empty(), Remembered((memory(1),)))
    odd = replace(memory(2), embedding=np.ones(dim, np.float32))
    for begin in (state, fold.empty()):
        with pytest.raises(ShapeMismatch, match=f"expected shape \\({DIM},\\), got \\({dim},\\)"):
            check_dim(begin, [odd])
        with pytest.raises(ShapeMismatch):
            fold.apply(begin, Remembered((memory(3), odd)))
    assert [found.id for found in memories(state)] == ["m1"]


def test_without_a_given_length_the_first_memory_fixes_it_for_the_rest() -> None:
    state = MemoriesFold().empty()
    check_dim(state, [memory(1), memory(2)])
    with pytest.raises(ShapeMismatch):
        check_dim(state, [memory(1), replace(memory(2), embedding=np.ones(2, np.float32))])
    with pytest.raises(ShapeMismatch):
        check_dim(state, [replace(memory(2), embedding=np.ones((2, 2), np.float32))])


@pytest.mark.parametrize("make", [lambda: Sizes(tail=0), lambda: Sizes(tail=10, sealed=9), lambda: MemoriesFold(0)])
def test_sizes_that_make_no_sense_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(OutOfRange):
        make()
    with pytest.raises(NotFinite):
        Sizes(small=float("nan"))  # type: ignore[arg-type]  # what a settings file might bring


def test_without_faiss_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingDependency, match=r'pip install "quantum-memory\[cpu\]"'):
        MemoriesFold()
