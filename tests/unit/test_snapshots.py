"""A state that was written down reads as before, goes on as before, and is written the same way again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import CorruptRecord, OutOfRange, PlaceNotFound
from quantum_memory.memory.affect.mood import MoodFold, MoodState, apart
from quantum_memory.memory.affect.snapshot import TOLERANCE, MoodCodec
from quantum_memory.memory.columns import Dump, difference
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.search import Query, memories, search
from quantum_memory.memory.episodic.snapshot import MemoriesCodec
from quantum_memory.memory.episodic.state import EpisodicState, Sizes
from quantum_memory.memory.events import Entry, Event, Forgotten, Picked, Related, Remembered, SkillLearned, Unrelated
from quantum_memory.memory.events import Felt as FeltEvent
from quantum_memory.memory.quantum import Grid
from quantum_memory.memory.semantic.graph import GraphFold, to_networkx
from quantum_memory.memory.semantic.snapshot import GraphCodec
from quantum_memory.memory.semantic.spread import spread
from quantum_memory.memory.skills import SkillsFold, find
from quantum_memory.memory.skills_snapshot import SkillsCodec
from quantum_memory.memory.snapshot_check import check_snapshot
from quantum_memory.memory.snapshots import StateCodec, packed, unpacked
from quantum_memory.memory.timeline import Fold
from quantum_memory.memory.vault.shelf import packing
from quantum_memory.memory.working import WorkingFold
from quantum_memory.memory.working_snapshot import WorkingCodec
from quantum_memory.types import PAD, Place, Relation, RelationKey, Skill
from tests.unit import test_semantic_graph, test_skills, test_working
from tests.unit.episodes import DIM, EVENTS, SIZES, START, memory
from tests.unit.histories import PlainHistory, Replay
from tests.unit.shelves import PACKING, PlainShelf
from tests.unit.test_mood import SMALL

HISTORY = st.lists(EVENTS, max_size=4) | st.lists(EVENTS, min_size=8, max_size=25)
ZIP = packing(3)


def folded(fold: Fold[Any], events: Sequence[Event], state: Any = None) -> Any:
    state = fold.empty() if state is None else state
    for event in events:
        state = fold.apply(state, event)
    return state


def again(codec: StateCodec[Any], state: Any) -> Any:
    """The state as it comes back from a real container."""
    return unpacked(codec, ZIP, Place("b", 1), packed(codec, ZIP, state))


# Memories


def told(state: EpisodicState) -> list[tuple[Any, ...]]:
    return [(one, repr(one), one.embedding.tobytes()) for one in memories(state)]


def tickets(state: EpisodicState) -> dict[str, int]:
    """The place of each living memory in the order of remembering."""
    return {
        memory.id: ticket
        for part in state.slices()
        for memory, ticket in zip(part.memories(), part.column("ticket")[part.living()].tolist(), strict=True)
    }


def found(state: EpisodicState, query: Query) -> list[tuple[Any, ...]]:
    got = search(state, query)
    parts = zip(got.memories, got.relevance.tolist(), got.lexical.tolist(), got.neighbours.tolist(), strict=True)
    return [(one.id, *scores) for one, *scores in parts]


def assert_same_memories(one: EpisodicState, other: EpisodicState) -> None:
    assert told(one) == told(other)
    assert tickets(one) == tickets(other)
    for name in ("dim", "forgotten", "picked", "next_ticket", "live_terms"):
        assert getattr(one, name) == getattr(other, name), name
    everything = Query(limit=100)
    for number in (1, 5, 9):
        asked = memory(number)
        for query in (
            everything,
            Query(asked.text, limit=100),
            Query(asked.text, asked.embedding, limit=100),
            Query("rain violin", also=("m3", "m4"), limit=2),
        ):
            assert found(one, query) == found(other, query)


@settings(deadline=None, max_examples=50)
@given(HISTORY, HISTORY, SIZES)
def test_memories_that_were_written_down_read_and_go_on_as_before(
    before: list[Event], after: list[Event], sizes: Sizes
) -> None:
    fold, codec = MemoriesFold(DIM, sizes), MemoriesCodec(DIM, sizes)
    state = folded(fold, before)
    loaded = again(codec, state)
    assert_same_memories(state, loaded)
    assert codec.difference(state, loaded) is None
    state, loaded = folded(fold, after, state), folded(fold, after, loaded)
    assert_same_memories(state, loaded)
    assert packed(codec, ZIP, state) == packed(codec, ZIP, loaded)


@settings(deadline=None, max_examples=40)
@given(HISTORY, st.lists(EVENTS, max_size=5))
def test_how_a_state_came_about_does_not_show_in_what_is_written(events: list[Event], other: list[Event]) -> None:
    small, large = MemoriesFold(DIM, Sizes(tail=3, sealed=6, small=2)), MemoriesFold(DIM)
    codec = MemoriesCodec(DIM)
    cut, whole = folded(small, events), large.empty()
    for event in events:
        folded(large, other, whole)  # a fork that learns other words first, and takes the chunk's end
        whole = large.apply(whole, event)
    assert packed(codec, ZIP, cut) == packed(codec, ZIP, whole)


def test_every_field_of_a_memory_comes_back() -> None:
    zone = timezone(timedelta(hours=5, minutes=45))
    at = datetime(2025, 5, 5, 1, 2, 3, 4, zone)
    odd = replace(
        memory(7),
        text="Ein Gruß \N{SNOWMAN}\n",
        at=at,
        pad=PAD(-1.0, 0.1, 1.0),
        confidence=1.0,
        importance=0.1,
        speaker="",
        session=None,
        tags=("b", "a", "b"),
        metadata={"z": [1, {"y": None}], "a": 0.1, "n": 2**63},
        revised_at=datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
    )
    fold, codec = MemoriesFold(), MemoriesCodec()
    state = folded(fold, [Remembered((odd, memory(8))), Picked(Place("b", 1), (), (), (("m9", b"\x00digest"),))])
    (back, _) = memories(again(codec, state))
    assert (back, repr(back), back.embedding.tobytes()) == (odd, repr(odd), odd.embedding.tobytes())
    assert list(back.metadata) == ["z", "a", "n"]
    assert back.at.utcoffset() == at.utcoffset()


def test_a_state_can_be_written_down_while_it_goes_on_in_another_thread() -> None:
    fold, codec = MemoriesFold(DIM, Sizes(tail=400, sealed=4000)), MemoriesCodec(DIM)
    words = [f"w{number}" for number in range(3000)]
    new = [replace(memory(n % 40), id=f"x{n}", text=" ".join(words[7 * n : 7 * n + 7])) for n in range(380)]
    state = folded(fold, [Remembered(tuple(new[:20]))])
    calm = packed(codec, PACKING, state)
    written: list[bytes] = []
    ready = threading.Event()

    def write() -> None:
        ready.set()
        written.extend(packed(codec, PACKING, state) for _ in range(60))

    writer = threading.Thread(target=write)
    writer.start()
    ready.wait()
    on = state
    for one in new[20:]:
        on = fold.apply(on, Remembered((one,)))
    writer.join()
    assert len(on) == len(new)
    assert set(written) == {calm}


# The graph


@settings(deadline=None, max_examples=40)
@given(st.lists(test_semantic_graph.EVENTS, max_size=12), st.lists(test_semantic_graph.EVENTS, max_size=6))
def test_a_graph_that_was_written_down_reads_and_goes_on_as_before(before: list[Event], after: list[Event]) -> None:
    fold, codec = GraphFold(), GraphCodec()
    state = folded(fold, before)
    loaded = again(codec, state)
    for _ in range(2):
        assert test_semantic_graph.view(state) == test_semantic_graph.view(loaded)
        one, other = fold.settled(state), fold.settled(loaded)
        assert (one.forgotten, one.relations.removed) == (other.forgotten, other.relations.removed)
        assert {end: list(keys) for end, keys in one.relations.ends.items()} == {
            end: list(keys) for end, keys in other.relations.ends.items()
        }
        left, right = to_networkx(state), to_networkx(loaded)
        assert list(left.nodes(data=True)) == list(right.nodes(data=True))
        assert list(left.edges(data=True, keys=True)) == list(right.edges(data=True, keys=True))
        assert spread(one, "Bob's umbrella", {"m1": 1.0}) == spread(other, "Bob's umbrella", {"m1": 1.0})
        assert packed(codec, ZIP, state) == packed(codec, ZIP, loaded)
        state, loaded = folded(fold, after, state), folded(fold, after, loaded)


# The mood


def feelings(start: int, rows: Sequence[tuple[float, ...]]) -> list[Event]:
    return [
        Remembered((replace(memory(start + n), pad=PAD(*row[:3]), confidence=row[3], importance=row[4]),))
        if n % 3
        else FeltEvent(START + timedelta(hours=start + n), PAD(*row[:3]), row[3], row[4])
        for n, row in enumerate(rows)
    ]


ROWS = st.lists(st.tuples(*[st.floats(-1, 1)] * 3, *[st.floats(0, 1)] * 2), max_size=20)


def cores(fold: MoodFold, state: MoodState) -> tuple[Any, ...]:
    settled = fold.settled(state)
    return settled.state.to_bytes(), settled.times, settled.last, settled.trend, settled.error


@settings(deadline=None, max_examples=25)
@given(ROWS, ROWS)
def test_a_mood_that_was_written_down_goes_on_bit_for_bit(
    before: list[tuple[float, ...]], after: list[tuple[float, ...]]
) -> None:
    fold = MoodFold(SMALL)
    codec = MoodCodec(fold)
    state = folded(fold, feelings(0, before))
    loaded = again(codec, state)
    assert (state.pending, state.times, state.last) == (loaded.pending, loaded.times, loaded.last)
    assert fold.read(state) == fold.read(loaded)
    state, loaded = (folded(fold, feelings(30, after), one) for one in (state, loaded))
    assert cores(fold, state) == cores(fold, loaded)
    assert codec.difference(state, loaded) is None


def test_moods_that_differ_are_told_apart() -> None:
    fold = MoodFold(SMALL)
    codec = MoodCodec(fold)
    one, other = (folded(fold, feelings(0, [(x, 0.0, 0.0, 1.0, 1.0)] * 3)) for x in (0.5, 0.6))
    assert "tensors" in str(codec.difference(one, other))
    late = folded(fold, feelings(1, [(0.5, 0.0, 0.0, 1.0, 1.0)] * 3))
    assert "clock" in str(codec.difference(one, late))


def test_a_mood_within_tight_limits_is_told_by_what_they_cost_and_no_more() -> None:
    fold = MoodFold(SMALL, max_bond=4)
    codec = MoodCodec(fold)
    chance = np.random.default_rng(5)
    count = (fold.reach or 0) + 60
    rows = [(*chance.uniform(-0.6, 0.6, 3), *chance.uniform(0.3, 1.0, 2)) for _ in range(count)]
    events = feelings(0, rows)
    live, rebuilt = folded(fold, events), folded(fold, events[count - (fold.reach or 0) - 3 :])
    infidelity = 1.0 - fold.settled(live).state.fidelity(fold.settled(rebuilt).state)
    assert infidelity > TOLERANCE, "the groups that were compressed began elsewhere"
    assert infidelity <= apart(fold.settled(live).error, fold.settled(rebuilt).error)
    assert codec.difference(live, rebuilt) is None
    other = folded(fold, feelings(count, [(-0.9, 0.9, 0.9, 1.0, 1.0)] * 5), live)
    assert "tensors" in str(codec.difference(live, other))


# Working memory and skills


@settings(deadline=None, max_examples=40)
@given(test_working.STEPS, test_working.STEPS, st.integers(1, 9))
def test_working_memory_comes_back(before: Any, after: Any, size: int) -> None:
    fold, codec = WorkingFold(size), WorkingCodec(size)
    state = folded(fold, test_working.events_of(before))
    loaded = again(codec, state)
    assert loaded == state
    more = test_working.events_of(after)
    assert folded(fold, more, loaded) == folded(fold, more, state)


@settings(deadline=None, max_examples=40)
@given(test_skills.EVENTS, test_skills.EVENTS)
def test_skills_come_back(before: list[Event], after: list[Event]) -> None:
    fold, codec = SkillsFold(), SkillsCodec()
    state = folded(fold, before)
    loaded = again(codec, state)
    for one, other in ((state, loaded), (folded(fold, after, state), folded(fold, after, loaded))):
        assert one == other
        for text in ("pour tea", "Bob is running in the rain"):
            assert find(one, text, 5) == find(other, text, 5)
        assert packed(codec, ZIP, one) == packed(codec, ZIP, other)


# What is damaged


class Case(NamedTuple):
    codec: Any
    state: Any


def cases() -> list[Case]:
    mood, texts = MoodFold(SMALL), [replace(memory(n), id=f"m{n}") for n in range(20)]
    many: list[Event] = [Remembered(tuple(texts)), Forgotten(("m3", "never"), START)]
    skill = Skill("tea", ("boil", "pour"), "thirst", 1, 2, START)
    return [
        Case(MemoriesCodec(DIM), folded(MemoriesFold(DIM), [*many, Picked(Place("b", 1), (), (), (("m1", b"d"),))])),
        Case(GraphCodec(), folded(GraphFold(), [*many, *TOLD])),
        Case(MoodCodec(mood), folded(mood, feelings(0, [(0.1, 0.2, 0.3, 0.9, 0.5)] * 11))),
        Case(WorkingCodec(32), folded(WorkingFold(32), many)),
        Case(SkillsCodec(), folded(SkillsFold(), [SkillLearned(skill)])),
    ]


TOLD: list[Event] = [
    Related((Relation("Bob", "likes", "tea", 2.0, START, "m1"),)),
    Unrelated((RelationKey("Bob", "hates", "tea"),), START),
]


def spoilt(dump: Dump) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The dump with one thing wrong, in many ways."""
    wrong: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
    for name, value in dump.attributes.items():
        rest = {key: told for key, told in dump.attributes.items() if key != name}
        wrong += [(name, dump.arrays, rest), (name, dump.arrays, {**rest, name: "2"})]
        if type(value) is int:
            others = (-1, value - 1) if name == "next_ticket" else (-1, value - 1, value + 1)
            wrong += [(name, dump.arrays, {**rest, name: other}) for other in others]
    for name, array in dump.arrays.items():
        bad: list[Any] = []
        if isinstance(array, bytes):
            bad += [array[:-1], array + b"\xff", np.zeros(3)] if array else [b"\x00"]
        else:
            bad += [b"", array.astype(np.float32 if array.dtype != np.float32 else np.float64), array[..., None]]
            bad += [array[:-1]] if array.size else []
            if array.dtype.kind == "f" and array.size:
                bad += [np.where(np.arange(array.size).reshape(array.shape) == 0, np.nan, array).astype(array.dtype)]
            if array.dtype in (np.int32, np.uint8) and array.size:
                bad += [np.full_like(array, 100), np.full_like(array, -50 if array.dtype == np.int32 else 7)]
        rest = {key: held for key, held in dump.arrays.items() if key != name}
        wrong += [(name, rest, dump.attributes)]
        wrong += [(name, {**rest, name: other}, dump.attributes) for other in bad]
    return wrong


FREE = {"postings/count", "forms_often", "links_often"}
"""Any count above 0 could be meant."""


@pytest.mark.parametrize("number", range(5))
def test_whatever_is_not_as_it_was_written_is_refused_by_name(number: int) -> None:
    codec, state = cases()[number]
    dump = codec.dump(state)
    assert difference(dump, codec.dump(codec.load(*dump))) is None
    assert not any(isinstance(value, np.ndarray) and value.dtype.hasobject for value in dump.arrays.values())
    for name, arrays, attributes in spoilt(dump):
        value = arrays.get(name)
        if name in FREE and isinstance(value, np.ndarray) and value.dtype == np.int32 and (value == 100).all():
            continue
        try:
            codec.load(arrays, attributes)
        except CorruptRecord:
            continue
        pytest.fail(f"{name} was taken as {value!r}")


def test_a_snapshot_of_another_view_or_fold_is_refused() -> None:
    working, larger = WorkingCodec(8), WorkingCodec(9)
    data = packed(working, PACKING, WorkingFold(8).empty())
    with pytest.raises(CorruptRecord, match="folded by working-1-"):
        unpacked(larger, PACKING, Place("b", 1), data)
    with pytest.raises(CorruptRecord):
        unpacked(SkillsCodec(), PACKING, Place("b", 1), data)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: WorkingCodec(8), lambda: WorkingCodec(9)),
        (lambda: MemoriesCodec(3), lambda: MemoriesCodec(4)),
        (lambda: MoodCodec(MoodFold(SMALL)), lambda: MoodCodec(MoodFold(SMALL, learning_rate=0.3))),
        (lambda: MoodCodec(MoodFold(SMALL)), lambda: MoodCodec(MoodFold(SMALL, PAD(0.1, 0.0, 0.0)))),
        (lambda: MoodCodec(MoodFold(SMALL)), lambda: MoodCodec(MoodFold(Grid((5, 5, 5))))),
    ],
)
def test_other_parameters_have_another_fingerprint(one: Callable[[], Any], other: Callable[[], Any]) -> None:
    assert one().fingerprint == one().fingerprint
    assert one().fingerprint != other().fingerprint


def test_a_mood_of_another_grid_or_precision_is_refused() -> None:
    dump = MoodCodec(MoodFold(SMALL)).dump(MoodFold(SMALL).empty())
    for fold in (MoodFold(Grid((5, 5, 5))), MoodFold(SMALL, dtype=np.complex128)):
        with pytest.raises(CorruptRecord, match="expected"):
            MoodCodec(fold).load(*dump)


# Checking


def test_a_snapshot_is_checked_against_folding() -> None:
    history, fold, codec = PlainHistory(), MemoriesFold(DIM), MemoriesCodec(DIM)
    replay = Replay()
    history.rows, history.journal = replay.history.rows, replay.history.journal
    events = [Remembered((memory(number),)) for number in range(6)]
    history.journal["r0"] = [Entry(Place("r0", n), START, event) for n, event in enumerate(events, start=1)]
    shelf, place = PlainShelf(), Place("r0", 6)
    with pytest.raises(PlaceNotFound):
        check_snapshot(history, shelf, fold, codec, PACKING, place)
    shelf.keep(place, "memories", codec.fingerprint, packed(codec, PACKING, folded(fold, events)))
    assert check_snapshot(history, shelf, fold, codec, PACKING, place) is None
    shelf.keep(place, "memories", codec.fingerprint, packed(codec, PACKING, folded(fold, events[:-1])))
    wrong = check_snapshot(history, shelf, fold, codec, PACKING, place)
    assert wrong is not None
    assert (wrong.part, wrong.place, wrong.reason) == ("memories", place, "memories: 6 and 5")
    shelf.spoil(place)
    damaged = check_snapshot(history, shelf, fold, codec, PACKING, place)
    assert damaged is not None
    assert "snapshot of memories at r0:6" in damaged.reason


def test_sizes_of_working_memory_and_its_snapshot_agree() -> None:
    state = folded(WorkingFold(4), [Remembered(tuple(memory(n) for n in range(4)))])
    with pytest.raises(CorruptRecord, match="4 are more than 3"):
        WorkingCodec(3).load(*WorkingCodec(4).dump(state))
    with pytest.raises(OutOfRange):
        WorkingFold(0)
