"""What machine code finds for a question is what plain Python finds, and without it nothing is missing but speed."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue
from quantum_memory.memory import compiled
from quantum_memory.memory.episodic import look, records, spelling
from quantum_memory.memory.episodic.chunk import Chunk
from quantum_memory.memory.episodic.context import Context
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.lexical import Bm25
from quantum_memory.memory.episodic.look import Look
from quantum_memory.memory.episodic.news import news
from quantum_memory.memory.episodic.parts import nearness
from quantum_memory.memory.episodic.runs import Run
from quantum_memory.memory.episodic.search import Candidates, Query, Sighting, search
from quantum_memory.memory.episodic.search import memories as stored
from quantum_memory.memory.episodic.segment import opened, pieces
from quantum_memory.memory.episodic.spelling import spelled
from quantum_memory.memory.episodic.state import EpisodicState, Sizes
from quantum_memory.memory.episodic.tables import Ends
from quantum_memory.memory.episodic.words import id_number
from quantum_memory.memory.events import Event, Forgotten, Related, Remembered, Unified
from quantum_memory.memory.scoring import Sought
from quantum_memory.memory.semantic.bridges import Bridges, bridges
from quantum_memory.memory.semantic.graph import GraphFold, GraphState, settled
from quantum_memory.memory.semantic.spread import spread
from quantum_memory.memory.semantic.swift import swift
from quantum_memory.policies.decay import Decay
from quantum_memory.policies.recall import RecallWeights
from quantum_memory.types import NEUTRAL, Filters, Floats, Memory, Relation

AT = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("Bob", "Alice", "Cremona", "Nour", "New York", "Zoe Ito")
WORDS = (*NAMES, "violin", "goat", "umbrella", "hedge", "letter", "mill", "river", "song", "ferry", "honey", "Zürich")
SAYINGS = st.lists(st.sampled_from(WORDS), max_size=9).map(
    lambda words: f"They saw {' '.join(words)}{'?' * (len(words) % 2)}{')' * (len(words) % 3)}"
)
SESSIONS = st.sampled_from([None, "s", "t", "ü"])
T = TypeVar("T")


@pytest.fixture(scope="module", autouse=True)
def _made() -> Iterator[None]:
    """Machine code for these tests alone: the others are of plain Python, whatever was played before them."""
    assert compiled.make()
    yield
    compiled._made.clear()


def plain(ask: Callable[[], T]) -> T:
    """What is found without machine code."""
    made = dict(compiled._made)
    compiled._made.clear()
    try:
        return ask()
    finally:
        compiled._made.update(made)


def memory(number: int, text: str, session: str | None, *, hexed: bool = False) -> Memory:
    identity = f"{number * 7919 % 65_536:08x}" if hexed else f"m{number}"
    vector = np.random.default_rng(number % 11).normal(size=19).astype(np.float32)  # some are alike
    at = AT + timedelta(minutes=37 * number)
    return Memory(identity, text, at, NEUTRAL, 0.5, 0.5, vector, f"speaker {number % 3}", session=session)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Some events, in several of which memories come and in some of which they go."""
    hexed, told, events = draw(st.booleans()), 0, list[Event]()
    ids: list[str] = []
    for _ in range(draw(st.integers(1, 6))):
        some = draw(st.lists(st.tuples(SAYINGS, SESSIONS), min_size=1, max_size=9))
        made = tuple(memory(told + at, text, session, hexed=hexed) for at, (text, session) in enumerate(some))
        events.append(Remembered(made))
        told += len(made)
        ids += [one.id for one in made]
        if draw(st.booleans()):
            gone = draw(st.lists(st.sampled_from(ids), max_size=3, unique=True))
            events += [Forgotten(tuple(gone), at=AT)] if gone else []
            ids = [one for one in ids if one not in gone] or ids
    return events


def graph(events: list[Event]) -> GraphState:
    fold = GraphFold()
    state = fold.empty()
    for event in events:
        state = settled(fold.apply(state, event))
    return state


def memories(events: Sequence[Event], sizes: Sizes) -> EpisodicState:
    fold = MemoriesFold(sizes=sizes)
    state = fold.empty()
    for event in events:
        state = fold.apply(state, event)
    return state


SEEDS = st.dictionaries(
    st.integers(0, 40).map(lambda n: f"m{n}") | st.integers(0, 40).map(lambda n: f"{n * 7919 % 65_536:08x}"),
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(histories(), SAYINGS, SEEDS, st.sampled_from([8, 16, 64]))
def test_what_lies_around_a_question_is_walked_alike(
    events: list[Event], question: str, seeds: dict[str, float], most: int
) -> None:
    state = graph(events)
    if not state.woven.slices:
        return
    assert swift(state) is not None
    found = spread(state, question, seeds, max_nodes=most)
    wanted = plain(lambda: spread(state, question, seeds, max_nodes=most))
    assert found == pytest.approx(wanted, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(histories(), SAYINGS, SEEDS)
def test_bridges_are_the_same_to_the_bit(events: list[Event], question: str, seeds: dict[str, float]) -> None:
    state = graph(events)
    found = bridges(state, question, seeds)
    wanted = plain(lambda: bridges(state, question, seeds))
    assert list(found) == list(wanted)
    assert found == wanted


@settings(deadline=None, max_examples=60)
@given(histories(), st.one_of(st.none(), SAYINGS), st.integers(0, 7), st.sampled_from([2, 5, 64]), st.booleans())
def test_a_search_finds_the_same_and_measures_alike(
    events: list[Event], text: str | None, limit: int, tail: int, filtered: bool
) -> None:
    state = memories(events, Sizes(tail=tail, sealed=64, small=2))
    if state.dim is None:
        return
    filters = Filters(speaker="speaker 1") if filtered else Filters()
    also = tuple(one.id for event in events if isinstance(event, Remembered) for one in event.memories[:1])
    query = Query(text, memory(3, "", None).embedding, filters, limit, also=also)
    found, wanted = search(state, query), plain(lambda: search(state, query))
    same(found, wanted)
    ids = [one.id for event in events if isinstance(event, Remembered) for one in event.memories]
    assert Look(state).find(ids).tolist() == plain(lambda: Look(state).find(ids)).tolist()
    rows = np.arange(int(Look(state).begins[-1]))
    assert Look(state).statements(rows).tolist() == plain(lambda: Look(state).statements(rows)).tolist()


LED = st.dictionaries(
    st.integers(0, 40).map(lambda n: f"m{n}"),
    st.dictionaries(st.integers(0, 40).map(lambda n: f"m{n}"), st.floats(0.01, 1.0), min_size=1, max_size=3),
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(histories(), st.one_of(st.none(), SAYINGS), st.sampled_from([0, 2, 30]), st.sampled_from([2, 5, 64]), SEEDS, LED)
def test_what_the_graph_leads_to_is_found_read_and_measured_alike(
    events: list[Event], text: str | None, limit: int, tail: int, walked: dict[str, float], led: Bridges
) -> None:
    state = memories(events, Sizes(tail=tail, sealed=64, small=2))
    if state.dim is None:
        return

    def ask() -> tuple[dict[str, float], dict[str, Floats], list[str], Floats]:
        sought = Sought(state, Query(text, memory(3, "", None).embedding, limit=limit), AT)
        seeds, parts = sought.seeds(RecallWeights()), sought.led_to(walked, led)
        return seeds, parts, sought.look.ids(sought.found.numbers), sought.lasting(Decay())

    (seeds, parts, ids, lasting), (own_seeds, own_parts, own_ids, own_lasting) = ask(), plain(ask)
    np.testing.assert_allclose(list(seeds.values()), list(own_seeds.values()), atol=1e-9)
    assert ids == own_ids
    assert parts.keys() == own_parts.keys()
    for name, part in parts.items():
        np.testing.assert_allclose(part, own_parts[name], atol=1e-12, err_msg=name)
    np.testing.assert_array_equal(lasting, own_lasting)


VALUES = st.lists(st.integers(0, 6).map(float), max_size=200)


@given(VALUES, st.integers(0, 40), st.integers(0, 9))
def test_the_foremost_are_those_that_sorting_gives(values: list[float], limit: int, seed: int) -> None:
    numbers = np.random.default_rng(seed).permutation(len(values))
    products = np.array(values, np.float32)
    found = compiled.ready("matching").foremost(numbers, products, limit)
    assert found.tolist() == numbers[np.lexsort((numbers, -products))[:limit]].tolist()


@settings(deadline=None, max_examples=60)
@given(histories(), SAYINGS, st.integers(1, 30), st.sampled_from([2, 5, 64]))
def test_the_best_by_words_are_those_of_all_scores(events: list[Event], text: str, limit: int, tail: int) -> None:
    state, matching = memories(events, Sizes(tail=tail, sealed=64, small=2)), compiled.ready("matching")
    places = Look(state).heads.places  # type: ignore[union-attr]  # there is machine code
    terms = np.array(list(dict.fromkeys(state.lexicon.terms(text))), np.uint64)
    law = terms, np.linspace(0.5, 2.0, len(terms)), 3.5, 0.9, 0.4
    scores = matching.scores(places, *law)
    found, values = matching.best(places, *law, limit)
    order = np.lexsort((np.arange(len(scores)), -scores))[:limit]
    assert found.tolist() == order[scores[order] > 0.0].tolist()
    assert values.tolist() == scores[found].tolist()


def same(found: Candidates, wanted: Candidates) -> None:
    assert [one.id for one in found.memories] == [one.id for one in wanted.memories]
    np.testing.assert_array_equal(found.lexical, wanted.lexical)
    np.testing.assert_allclose(found.relevance, wanted.relevance, atol=1e-12)
    np.testing.assert_allclose(found.neighbours, wanted.neighbours, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(histories(), SAYINGS, st.sampled_from([0.5, 1.0, 2.0, 8.0]))
def test_words_are_taken_over_what_is_said_where_it_is_more_than_the_best(
    events: list[Event], text: str, times: float
) -> None:
    state = memories(events, Sizes(tail=5, sealed=64, small=2))
    own, best = search(state, Query(text)), Sighting(state, Query(text)).best_words
    for ask in (lambda one: one(), plain):
        found = ask(lambda: search(state, Query(text, over=best * times)))
        assert [one.id for one in found.memories] == [one.id for one in own.memories]
        np.testing.assert_allclose(found.lexical, own.lexical / max(times, 1.0), rtol=1e-12)


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from([None, "s", "t"]), st.integers(0, 900), st.integers(0, 9000)),
        max_size=30,
        unique_by=lambda one: one[2],
    )
)
def test_nearness_is_the_same_to_the_bit(rows: list[tuple[float, str | None, int, int]]) -> None:
    match, sessions, tickets, at_s = (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 4

    def ask() -> Floats:
        return nearness(np.array(match, np.float64), sessions, tickets, at_s)

    np.testing.assert_array_equal(ask(), plain(ask))


def test_a_graph_that_knows_more_than_memories_say_is_left_to_plain_python() -> None:
    told = [Remembered((memory(0, "Bob saw Alice", None),))]
    assert swift(graph([*told])) is not None
    assert swift(graph([*told, Related((Relation("Bob", "knows", "Alice"),))])) is None
    assert swift(graph([*told, Unified("Bob", ("Alice",))])) is None
    assert plain(lambda: swift(graph([*told]))) is None


def test_it_is_made_once_behind_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    asked = threading.Event()

    def make() -> None:
        made.append(1)
        asked.set()

    monkeypatch.setattr(compiled, "make", make)
    monkeypatch.setattr(compiled, "_work", [compiled._Work()])
    compiled.begin()
    compiled.begin()
    assert asked.wait(10)
    assert made == [1]


def test_without_numba_there_is_none_and_nothing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "available", lambda: False)
    monkeypatch.setattr(compiled, "_made", {})
    compiled.begin()
    assert not compiled.make()
    assert compiled.ready("graph") is None


def test_a_column_that_does_not_lie_in_one_piece_is_refused_by_name() -> None:
    from quantum_memory.memory.machine import address_of

    with pytest.raises(InvalidValue, match="in one piece"):
        address_of(np.arange(10)[::2])
    assert address_of(np.empty(0)) == 0


def test_sums_are_rounded_once() -> None:
    from quantum_memory.memory.semantic.walking import _exact_sum

    chance = np.random.default_rng(1)
    for _ in range(200):
        values = chance.normal(size=chance.integers(0, 60)) * 10.0 ** chance.integers(-12, 12)
        values = np.concatenate([values, -values[: len(values) // 2], [1e16, 1.0, -1e16][: chance.integers(0, 4)]])
        assert _exact_sum(values, 0, len(values), np.empty(64)) == math.fsum(values)


def alike(state: EpisodicState, texts: Sequence[str | None]) -> None:
    """Every number that machine code reads of a state comes out as plain Python reads it."""
    every, ids = np.arange(int(Look(state).begins[-1])), [one.id for one in stored(state)]
    context = Context(reach=3)

    def read() -> tuple[list[list[int]], list[int], list[float]]:
        sight = Look(state)
        living = sight.find(ids)
        return sight.around(living, context).tolist(), living.tolist(), sight.statements(every).tolist()

    assert read() == plain(read)
    for text in texts:
        query = Query(text, memory(3, "", None).embedding, limit=40, also=tuple(ids[:3]))
        same(search(state, query), plain(partial(search, state, query)))


def many(count: int, begin: int = 0) -> Remembered:
    """Memories of half as many sessions and speakers, one of which repeats a word more often than a byte can count."""
    texts = ["violin goat", "goat? (", "river mill river", ""]
    told = [memory(number, texts[number % 4], f"s{number // 2}") for number in range(begin, begin + count)]
    long = replace(told[count // 3], text=" ".join(["violin"] * 300 + ["goat"] * 70_000))
    told[count // 3] = long
    return Remembered(tuple(replace(one, speaker=f"who {number}") for number, one in enumerate(told)))


def test_columns_of_each_width_are_read_alike_also_joined_and_from_a_file() -> None:
    forgotten = Forgotten(("m7", "m160", "m301"), at=AT)
    told = [many(150), many(150, 150), many(40, 300)]
    state = memories([*told, forgotten], Sizes(tail=150, sealed=4096, small=2))
    (run, *_) = [part.block for part in state.slices() if isinstance(part.block, Run)]
    kinds = {name: column.dtype.str[1:] for name, column in run.rows.columns().items()}
    assert (kinds["kind"], kinds["speaker"], kinds["terms"], kinds["before"]) == ("i2", "i2", "i4", "i2")
    assert run.whole.postings.counts.dtype == np.int32
    texts = [None, "violin", "the goat at the mill", "river river"]
    alike(state, texts)
    twin = opened(memoryview(b"".join(pieces(run))), "a file").run
    assert not twin.whole.vectors.flags.writeable
    run.become(twin)
    alike(state, texts)
    alike(memories([many(100)], Sizes(tail=20, sealed=20, small=2)), texts)


@pytest.mark.slow
def test_columns_of_the_greatest_width_are_read_alike() -> None:
    state = memories([many(66_001)], Sizes(tail=66_000, sealed=66_000, small=2))
    (run,) = [part.block for part in state.slices() if isinstance(part.block, Run)]
    assert {run.rows[name].dtype.str[1:] for name in ("speaker", "session", "before", "after")} == {"i4"}
    assert run.whole.records.order.dtype == run.whole.postings.rows.dtype == np.int32
    alike(state, ["violin", "river mill"])


@given(st.lists(st.text(max_size=300), max_size=20))
def test_ids_have_the_numbers_that_they_are_kept_by(ids: list[str]) -> None:
    ids += ["\ud800", "x" * 128, "é" * 64, ""]
    assert spelled(ids).numbers.tolist() == [id_number(one) for one in ids]
    assert plain(lambda: spelled(ids)).numbers.tolist() == spelled(ids).numbers.tolist()


def test_ids_that_share_a_number_are_told_apart_across_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (spelling, look, records):
        monkeypatch.setattr(module, "id_number", len)
    monkeypatch.delitem(compiled._made, "digests")
    events = [Remembered(tuple(memory(10 * run + at, "goat", None) for at in range(1, 6))) for run in range(1, 5)]
    state = memories(events, Sizes(tail=5, sealed=5, small=2))
    ids = [one.id for one in stored(state)]
    assert len(state.slices()) > 2
    assert Look(state).find([*ids, "m99"]).tolist() == [*range(20), -1]


def test_no_question_makes_a_function_anew() -> None:
    """Another type of number, or an array that is read-only, would be another form of it, made while somebody waits."""
    state, woven = memories([many(30)], Sizes(tail=8, sealed=8, small=2)), graph([many(30)])
    query = Query("violin goat", memory(3, "", None).embedding, limit=5, also=("m1",))
    search(state, query, Bm25(k1=1, b=0), Context(gap_s=60))
    search(state, query, Bm25(), Context(reach=0))
    search(state, replace(query, limit=0, text=None))
    nearness(np.array([1.0, 0.5]), ["s", None], [1, 2], [1, 2])
    spread(woven, "violin", {"m1": 1.0}, max_nodes=8)
    bridges(woven, "violin", {"m1": 1.0})
    sought = Sought(state, query, AT)
    sought.led_to({"m2": 1.0}, {"m3": {"m1": 0.5}})
    sought.lasting(Decay())
    modules = {name: compiled.ready(name) for name in compiled.MODULES}
    forms = {
        f"{name}.{key}": len(one.signatures)
        for name, module in modules.items()
        for key, one in vars(module).items()
        if hasattr(one, "signatures") and one.__module__ == module.__name__ and not key.startswith("_")
    }
    assert {"memories.found", "graph.around", "matching.scores", "matching.measured", "memories.faded"} <= forms.keys()
    assert {name for name, count in forms.items() if count > 1} == set()


def test_what_a_compiler_stumbles_over_is_told_and_plain_python_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def make() -> bool:
        raise ImportError("Numba needs another NumPy")

    monkeypatch.setattr(compiled, "make", make)
    compiled._try()
    assert "plain Python goes on" in caplog.text
    assert "Numba needs another NumPy" in caplog.text


@given(histories(), SAYINGS)
@settings(max_examples=40, deadline=None)
def test_what_is_new_to_an_agent_is_new_to_it_without_machine_code(events: list[Event], text: str) -> None:
    """To the last bit: it is written down with the memory."""
    state = memories(events, Sizes(tail=4, sealed=8))
    documents = [state.lexicon.document(memory(900 + at, said, None)) for at, said in enumerate((text, "goat", text))]
    told = news(state.slices(), documents)
    assert told == plain(lambda: news(state.slices(), documents))


def test_no_head_points_beyond_the_columns_that_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where another thread adds rows, and makes the columns longer, while the head is made."""
    fold = MemoriesFold()
    state = fold.apply(fold.empty(), Remembered((memory(0, "one", "s"),)))
    (part,) = state.slices()
    chunk = part.block
    assert isinstance(chunk, Chunk)
    by_name = Chunk.sessions_by_name

    def grown(self: Chunk) -> tuple[list[str], Ends]:
        for number in range(1, 100):
            self.append(number, memory(number, "more", "s"), {}, 0.0)
        return by_name(self)

    monkeypatch.setattr(Chunk, "sessions_by_name", grown)
    heads = compiled.ready("memories").heads_of(state.slices())
    rows, *_, (_, _, ends) = heads.held[0]
    assert int(ends.last.max()) < len(rows)
