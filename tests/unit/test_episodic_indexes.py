"""Sealed runs get an index behind the writes; whatever its kind, what was forgotten stays so and forks keep theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import CorruptRecord
from quantum_memory.memory.clerk import Clerk
from quantum_memory.memory.episodic import indexing
from quantum_memory.memory.episodic.context import Context
from quantum_memory.memory.episodic.dense import IndexPolicy
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.indexing import Indexer
from quantum_memory.memory.episodic.runs import Run
from quantum_memory.memory.episodic.search import Query, memories, search
from quantum_memory.memory.episodic.snapshot import MemoriesCodec
from quantum_memory.memory.episodic.state import EpisodicState, Sizes
from quantum_memory.memory.events import Forgotten, Remembered, Revised
from quantum_memory.memory.snapshots import packed, unpacked
from quantum_memory.memory.vault.shelf import packing
from quantum_memory.types import Filters, Memory, Place
from tests.unit.episodes import memory
from tests.unit.shelves import PACKING

KINDS: tuple[Literal["flat", "pq", "hnsw", "ivf"], ...] = ("flat", "pq", "hnsw", "ivf")
DIM, COUNT = 16, 1500
SIZES = Sizes(tail=64, sealed=512)
ALONE = Context(reach=0)
ZIP = packing(3)
_CHANCE = np.random.default_rng(3)
_CENTRES = _CHANCE.standard_normal((20, DIM))
VECTORS = (_CENTRES[_CHANCE.integers(0, 20, COUNT)] + 0.5 * _CHANCE.standard_normal((COUNT, DIM))).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
MANY = tuple(replace(memory(n % 40), id=f"x{n}", kind="utterance", embedding=VECTORS[n]) for n in range(COUNT))


class Made:
    """A fold with an indexer of one kind, and a state with many memories whose runs are indexed."""

    def __init__(self, kind: Literal["flat", "pq", "hnsw", "ivf"]) -> None:
        self.indexer = Indexer(SIZES.sealed, IndexPolicy(kind=kind, from_rows=256, recall=0.99))
        self.fold = MemoriesFold(DIM, SIZES, indexer=self.indexer)
        self.codec = MemoriesCodec(DIM, SIZES, self.indexer)
        self.state = self.fold.apply(self.fold.empty(), Remembered(MANY))
        assert self.indexer.wait(60.0)

    def again(self, state: EpisodicState) -> EpisodicState:
        """The state as it comes back after a restart."""
        return unpacked(self.codec, PACKING, Place("b", 1), packed(self.codec, PACKING, state))


@pytest.fixture(scope="module", params=KINDS)
def made(request: pytest.FixtureRequest) -> Made:
    return Made(request.param)


def kinds(state: EpisodicState) -> list[str]:
    return [part.block.index.kind for part in state.slices() if isinstance(part.block, Run)]


def nearest(state: EpisodicState, vector: np.ndarray, k: int, filters: Filters | None = None) -> set[str]:
    found = search(state, Query(None, vector, filters or Filters(), limit=k), context=ALONE)
    return {one.id for one in found.memories}


def slowly(living: list[Memory], vector: np.ndarray, k: int) -> set[str]:
    order = sorted(living, key=lambda one: -float(one.embedding.astype(float) @ vector.astype(float)))
    return {one.id for one in order[:k]}


def test_sealed_runs_are_indexed_once_and_others_are_not(made: Made) -> None:
    kind = made.indexer.policy.kind
    assert kinds(made.state)[:2] == [kind, kind]
    assert set(kinds(made.state)[2:]) == {"flat"}
    before = [part.block.index for part in made.state.parts if isinstance(part.block, Run)]
    state = made.fold.apply(made.state, Remembered((replace(MANY[0], id="more"),)))
    assert made.indexer.wait(60.0)
    assert [part.block.index for part in state.parts if isinstance(part.block, Run)][: len(before)] == before


def test_recall_is_high_with_and_without_filters_and_exact_is_exact(made: Made) -> None:
    some = Filters(speaker="Bob")
    living = {None: list(MANY), "Bob": [one for one in MANY if one.speaker == "Bob"]}
    found = {None: 0, "Bob": 0}
    asked = np.random.default_rng(9).standard_normal((40, DIM)).astype(np.float32)
    for vector in asked:
        for speaker, filters in ((None, Filters()), ("Bob", some)):
            wanted = slowly(living[speaker], vector, 10)
            found[speaker] += len(wanted & nearest(made.state, vector, 10, filters))
            exact = search(made.state, Query(None, vector, filters, 10, exact=True), context=ALONE)
            assert {one.id for one in exact.memories} == wanted
    assert min(found.values()) >= 0.95 * 10 * len(asked)
    assert found["Bob"] >= found[None] - 8, "a filter costs no recall"


@settings(deadline=None, max_examples=6)
@given(st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=30, unique=True), st.integers(0, COUNT - 1))
def test_what_was_forgotten_is_not_found_also_after_a_restart_and_still_on_a_fork(
    made: Made, gone: list[int], revised: int
) -> None:
    ids = {f"x{number}" for number in gone}
    state = made.fold.apply(made.state, Forgotten(tuple(sorted(ids))))
    changed = replace(MANY[revised], embedding=-MANY[revised].embedding)
    on = made.fold.apply(state, Revised((changed,)))
    back = made.again(on)
    for number in gone[:5]:
        vector = VECTORS[number]
        for after in (state, on, back):
            assert not nearest(after, vector, 20) & ids - {changed.id}
            assert not {one.id for one in search(after, Query(MANY[number].text)).memories} & ids - {changed.id}
        assert f"x{number}" in nearest(made.state, vector, 20), "a fork made before has it still"
    assert changed.id in nearest(on, changed.embedding, 3)
    assert changed.id in nearest(back, changed.embedding, 3)


def test_fresh_writes_are_found_at_once(made: Made) -> None:
    fresh = replace(MANY[5], id="fresh", embedding=-MANY[5].embedding)
    assert "fresh" in nearest(made.fold.apply(made.state, Remembered((fresh,))), fresh.embedding, 1)


def test_a_restart_loads_indexes_and_builds_none(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("an index was built again")

    data = packed(made.codec, ZIP, made.state)
    assert made.indexer.wait(60.0), "what other tests left to be built"
    monkeypatch.setattr(indexing, "build", refused)
    failed = made.indexer.failed
    back = unpacked(made.codec, ZIP, Place("b", 1), data)
    assert made.indexer.wait(60.0)
    assert made.indexer.failed == failed
    assert kinds(back)[:2] == [made.indexer.policy.kind] * 2
    assert list(memories(back)) == list(MANY)
    for vector in VECTORS[:20]:
        assert nearest(back, vector, 10) == nearest(made.state, vector, 10)
    assert made.codec.difference(back, made.state) is None


def restarted(made: Made, state: EpisodicState, indexer: Indexer | None = None) -> EpisodicState:
    """The state as it is when it was just loaded by an indexer that has built nothing yet."""
    clerk = Clerk("none")
    clerk.close()
    dump = made.codec.dump(state)
    own = indexer or Indexer(SIZES.sealed, made.indexer.policy, clerk)
    return MemoriesCodec(DIM, SIZES, own).load(dump.arrays, dump.attributes)


def test_forgetting_one_memory_costs_one_index_at_a_restart(made: Made) -> None:
    kind = made.indexer.policy.kind
    state = made.fold.apply(made.state, Forgotten(("x3",)))
    back = restarted(made, state)
    assert kinds(back)[:2] == ["flat", kind]
    assert list(memories(back)) == list(memories(state))
    again = made.again(state)
    assert made.indexer.wait(60.0)
    assert kinds(again)[:2] == [kind, kind], "a run before a sealed one is never joined again, and is indexed"


def test_a_branch_that_grew_after_a_restart_keeps_its_indexes_at_the_next(made: Made) -> None:
    state = made.again(made.state)
    more = [replace(one, id=f"y{one.id}") for one in MANY]
    for start in range(0, COUNT, 50):
        state = made.fold.apply(state, Remembered(tuple(more[start : start + 50])))
    assert made.indexer.wait(60.0)
    assert kinds(state)[:5] == [made.indexer.policy.kind] * 5
    back = restarted(made, state)
    assert kinds(back)[:5] == kinds(state)[:5]
    assert list(memories(back)) == [*MANY, *more]
    for vector in VECTORS[:20]:
        assert nearest(back, vector, 10) == nearest(state, vector, 10)


def test_under_another_policy_an_index_is_not_taken_over(made: Made) -> None:
    others = [replace(made.indexer.policy, kind="flat"), replace(made.indexer.policy, recall=0.8)]
    for policy in others:
        if policy == made.indexer.policy:
            continue
        clerk = Clerk("none")
        clerk.close()
        assert set(kinds(restarted(made, made.state, Indexer(SIZES.sealed, policy, clerk)))) == {"flat"}
    assert set(kinds(MemoriesCodec(DIM, SIZES).load(*made.codec.dump(made.state)))) == {"flat"}


@pytest.mark.parametrize(
    "rows", [[[0, 512], [400, 900]], [[512, 512], [512, 1024]], [[-1, 512], [512, 1024]], [[0, 9]]]
)
def test_places_of_indexes_that_do_not_fit_are_refused(made: Made, rows: list[list[int]]) -> None:
    dump = made.codec.dump(made.state)
    assert np.asarray(dump.arrays["index/rows"]).tolist() in ([[0, 512], [512, 1024]], [])
    with pytest.raises(CorruptRecord):
        made.codec.load({**dump.arrays, "index/rows": np.array(rows, np.int64)}, dump.attributes)


def test_on_a_gpu_runs_are_handed_on_though_they_stay_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = Clerk("none")
    offered: list[Run] = []

    def offer(run: Run, _: object) -> bool:
        offered.append(run)
        return True

    monkeypatch.setattr(clerk, "offer", offer)
    state = MemoriesFold(DIM, SIZES).apply(MemoriesFold(DIM, SIZES).empty(), Remembered(MANY))
    monkeypatch.setattr(indexing, "available", lambda _: True)
    Indexer(SIZES.sealed, IndexPolicy(kind="flat"), clerk).see(state.slices())
    assert len(offered) == 2


def test_an_index_that_is_damaged_is_refused(made: Made) -> None:
    dump = made.codec.dump(made.state)
    names = [name for name in dump.arrays if name.removeprefix("index/").isdigit()]
    assert len(names) == (0 if made.indexer.policy.kind == "flat" else 2)
    for name in names:
        whole = np.asarray(dump.arrays[name])
        flipped = np.where(np.arange(len(whole)) > len(whole) // 3, 255 - whole, whole)
        for damaged in (whole[: len(whole) // 2], flipped):
            with pytest.raises(CorruptRecord):
                made.codec.load({**dump.arrays, name: damaged.astype(np.uint8)}, dump.attributes)
    other = dump.arrays | {names[0]: dump.arrays[names[1]]} if names else {}
    if other:
        with pytest.raises(CorruptRecord):
            made.codec.load(other, dump.attributes)


def test_until_its_index_is_there_a_run_is_searched_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: list[Callable[[], None]] = []
    clerk = Clerk("none")

    def offer(_: object, job: Callable[[], None]) -> bool:
        jobs.append(job)
        return True

    monkeypatch.setattr(clerk, "offer", offer)
    fold = MemoriesFold(DIM, SIZES, indexer=Indexer(SIZES.sealed, IndexPolicy(from_rows=256), clerk))
    state = fold.apply(fold.empty(), Remembered(MANY))
    for vector in VECTORS[:20]:
        assert nearest(state, vector, 10) == slowly(list(MANY), vector, 10)
    assert len(jobs) == 2
    assert set(kinds(state)) == {"flat"}
    for job in jobs:
        job()
    assert kinds(state)[:2] == ["pq", "pq"]


def test_a_clerk_that_takes_nothing_more_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clerk, full = Clerk("none"), [True]
    offered: list[Run] = []

    def offer(run: Run, _: object) -> bool:
        offered.append(run)
        return not full[0]

    monkeypatch.setattr(clerk, "offer", offer)
    indexer = Indexer(SIZES.sealed, IndexPolicy(from_rows=256), clerk)
    state = MemoriesFold(DIM, SIZES).apply(MemoriesFold(DIM, SIZES).empty(), Remembered(MANY))
    for _ in range(2):
        indexer.see(state.slices())
    full[0] = False
    for _ in range(2):
        indexer.see(state.slices())
    assert len(offered) == 6
    indexer.close()
