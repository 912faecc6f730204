"""A search finds what a slow search over a plain list finds, whatever happened and however branches forked."""

from __future__ import annotations

import pickle
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, MemoryNotFound, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory.episodic.context import Context
from quantum_memory.memory.episodic.dense import FlatIndex, scan
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.lexical import Bm25
from quantum_memory.memory.episodic.search import Query, fetch, search
from quantum_memory.memory.episodic.state import Sizes
from quantum_memory.memory.events import Forgotten, Remembered
from quantum_memory.types import NEUTRAL, PAD, Filters, Near
from tests.unit.episodes import DIM, HAPPENINGS, SIZES, START, WORDS, Happening, memory, slow_search
from tests.unit.test_episodic_fold import TINY, play

TIMES = st.none() | st.integers(0, 300).map(lambda minute: START + timedelta(minutes=minute))
FILTERS = st.builds(
    Filters,
    since=TIMES,
    until=TIMES,
    kind=st.sampled_from([None, None, "fact", "utterance", "dream"]),
    speaker=st.sampled_from([None, None, "Alice", "Bob", "Nobody"]),
    tags=st.sampled_from([(), (), ("home",), ("home", "work"), ("unheard of",)]),
    near=st.none() | st.builds(Near, st.sampled_from([NEUTRAL, PAD(0.5, -0.5, 0.2)]), st.sampled_from([0.0, 0.7, 4.0])),
)
VECTORS = st.none() | st.integers(100, 200).map(lambda n: np.random.default_rng(n).standard_normal(DIM).astype("f4"))
QUERIES = st.builds(
    Query,
    text=st.none() | st.lists(st.sampled_from([*WORDS, "unheard", "home"]), max_size=6).map(" ".join),
    embedding=VECTORS,
    filters=FILTERS | st.just(Filters()),
    limit=st.sampled_from([0, 1, 2, 5, 1000]),
    also=st.lists(st.integers(0, 45), max_size=2).map(lambda numbers: tuple(f"m{n}" for n in numbers)),
)
CONTEXTS = st.builds(
    Context,
    reach=st.integers(0, 3),
    fade=st.sampled_from([0.0, 0.5, 1.0]),
    gap_s=st.sampled_from([0.0, 3600.0, 1e9]),
    widen=st.booleans(),
)


@settings(deadline=None, max_examples=150)
@given(HAPPENINGS, SIZES, QUERIES, CONTEXTS, st.sampled_from([Bm25(), Bm25(1.2, 0.75), Bm25(0.0, 1.0)]))
def test_a_search_finds_what_a_slow_one_finds(
    happenings: list[Happening], sizes: Sizes, query: Query, context: Context, knobs: Bm25
) -> None:
    states = play(MemoriesFold(sizes=sizes), happenings)
    for state, plain in states[-1:-6:-1]:
        found = search(state, query, knobs, context)
        wanted = slow_search(plain.living, query, knobs, context)
        assert [one.id for one in found.memories] == list(wanted.parts)
        expected = np.array(list(wanted.parts.values())).reshape(-1, 3)
        got = np.column_stack([found.relevance, found.lexical, found.neighbours])
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(found.lexical, expected[:, 1], rtol=1e-12)


@settings(deadline=None, max_examples=30)
@given(HAPPENINGS, SIZES, QUERIES)
def test_a_rebuilt_state_answers_bit_for_bit_like_the_live_one(
    happenings: list[Happening], sizes: Sizes, query: Query
) -> None:
    live, plain = play(MemoriesFold(sizes=sizes), happenings)[-1]
    fold = MemoriesFold(sizes=Sizes(tail=7, sealed=14, small=1))
    rebuilt = fold.apply(fold.empty(), Remembered(plain.living))
    one, other = search(live, query), search(rebuilt, query)
    assert [m.id for m in one.memories] == [m.id for m in other.memories]
    for left, right in ((one.relevance, other.relevance), (one.lexical, other.lexical)):
        assert left.tobytes() == right.tobytes()
    assert one.neighbours.tobytes() == other.neighbours.tobytes()


@settings(deadline=None, max_examples=30)
@given(HAPPENINGS, QUERIES)
def test_filters_choose_but_do_not_change_a_score(happenings: list[Happening], query: Query) -> None:
    state, _ = play(MemoriesFold(sizes=TINY), happenings)[-1]
    every = search(state, Query(query.text, query.embedding, limit=1000), context=Context(widen=False))
    some = search(state, Query(query.text, query.embedding, query.filters, 1000), context=Context(widen=False))
    parts = zip(every.relevance, every.lexical, every.neighbours, strict=True)
    by_id = dict(zip([m.id for m in every.memories], parts, strict=True))
    for found, *values in zip(some.memories, some.relevance, some.lexical, some.neighbours, strict=True):
        assert by_id[found.id] == tuple(values)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(1, 80), st.integers(0, 1000), st.booleans())
def test_the_index_and_the_scan_agree_with_sorting_everything(size: int, k: int, seed: int, masked: bool) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((size, DIM)).astype(np.float32)
    query = rng.standard_normal(DIM).astype(np.float32)
    allowed = rng.random(size) < 0.4 if masked else None
    kept = np.arange(size) if allowed is None else np.flatnonzero(allowed)
    wanted = kept[np.argsort(-(vectors[kept] @ query), kind="stable")][:k]
    index = FlatIndex(vectors)
    for found in (index.nearest(query, k, allowed), scan(vectors, query, k, allowed)):
        assert found.rows.tolist() == wanted.tolist()
        np.testing.assert_allclose(found.products, vectors[wanted] @ query, rtol=1e-5, atol=1e-6)
    assert np.array_equal(index.vectors(kept), vectors[kept])


def test_an_empty_memory_finds_nothing() -> None:
    state = MemoriesFold().empty()
    for query in (Query(), Query("rain"), Query(None, np.ones(3, np.float32)), Query(also=("m1",))):
        found = search(state, query)
        assert found.memories == ()
        assert found.relevance.shape == found.lexical.shape == found.neighbours.shape == (0,)


def test_when_all_is_forgotten_nothing_is_found() -> None:
    fold = MemoriesFold(sizes=TINY)
    state = fold.apply(fold.empty(), Remembered(tuple(memory(n) for n in range(30))))
    state = fold.apply(state, Forgotten(tuple(f"m{n}" for n in range(30))))
    assert search(state, Query("rain", np.ones(DIM, np.float32))).memories == ()
    state = fold.apply(state, Remembered((memory(31, "rain again"),)))
    assert [m.id for m in search(state, Query("rain")).memories] == ["m31"]


def test_a_query_of_stop_words_only_finds_by_meaning_alone() -> None:
    fold = MemoriesFold()
    state = fold.apply(fold.empty(), Remembered((memory(1, "the and of"), memory(2, "not the rain"))))
    assert search(state, Query("the not of")).memories == ()
    found = search(state, Query("the not of", np.ones(DIM, np.float32)))
    assert len(found.memories) == 2
    assert not found.lexical.any()


def test_a_text_of_a_megabyte_is_searched_like_any_other() -> None:
    fold = MemoriesFold()
    state = fold.apply(fold.empty(), Remembered((memory(1, "umbrella"), memory(2, "violin"))))
    text = " ".join(f"noise{n}" for n in range(90_000)) + " umbrella " + "x" * 300_000
    assert [m.id for m in search(state, Query(text), context=Context(reach=0)).memories] == ["m1"]


def test_a_speaker_and_a_tag_are_words_to_be_found_by() -> None:
    fold = MemoriesFold()
    state = fold.apply(fold.empty(), Remembered((memory(3, "tea"), memory(4, "tea"), memory(5, "tea"))))
    assert memory(4).speaker == "Alice"
    alone = Context(reach=0)
    assert [m.id for m in search(state, Query("what did Alice's say"), context=alone).memories] == ["m4"]
    tagged = {m.id for m in (memory(3), memory(4), memory(5)) if "work" in m.tags}
    assert {m.id for m in search(state, Query("at work"), context=alone).memories} == tagged != set()


def test_candidates_travel_by_pickle_and_own_their_vectors() -> None:
    fold = MemoriesFold(sizes=TINY)
    state = fold.apply(fold.empty(), Remembered(tuple(memory(n) for n in range(10))))
    found = search(state, Query("rain", memory(0).embedding))
    again = pickle.loads(pickle.dumps(found))  # noqa: S301 - made a line above
    assert again.memories == found.memories
    found.memories[0].embedding[:] = 0.0
    assert np.array_equal(fetch(state, ["m0"])[0].embedding, memory(0).embedding)


def test_what_a_query_cannot_be_is_refused() -> None:
    fold = MemoriesFold()
    state = fold.apply(fold.empty(), Remembered((memory(1),)))
    with pytest.raises(ShapeMismatch, match=rf"expected shape \({DIM},\)"):
        search(state, Query(embedding=np.ones(DIM + 1, np.float32)))
    with pytest.raises(NotFinite):
        Query(embedding=np.full(DIM, np.nan, np.float32))
    with pytest.raises(OutOfRange):
        Query(limit=-1)
    with pytest.raises(InvalidValue):
        Query(limit=1.5)  # type: ignore[arg-type]  # what an untyped caller might bring
    with pytest.raises(InvalidValue):
        Query(b"rain")  # type: ignore[arg-type]  # what an untyped caller might bring
    with pytest.raises(InvalidValue):
        Context(reach=1.5)  # type: ignore[arg-type]  # what an untyped caller might bring
    with pytest.raises(OutOfRange):
        Bm25(b=1.5)
    with pytest.raises(OutOfRange):
        Near(NEUTRAL, -0.1)
    with pytest.raises(NotFinite):
        Near(NEUTRAL, float("nan"))
    with pytest.raises(InvalidValue):
        Near((0.0, 0.0, 0.0), 1.0)  # type: ignore[arg-type]  # what an untyped caller might bring


def test_fetching_what_is_unknown_or_forgotten_says_so() -> None:
    fold = MemoriesFold()
    state = fold.apply(fold.empty(), Remembered((memory(1), memory(2))))
    state = fold.apply(state, Forgotten(("m2",)))
    for gone in ("m2", "m3"):
        with pytest.raises(MemoryNotFound, match=gone):
            fetch(state, ["m1", gone])
