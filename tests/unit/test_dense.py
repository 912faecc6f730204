"""Nearest vectors: every kind of index keeps the contract, exact search is the slow way's, and filters cost nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidInput, InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory.episodic.dense import DenseIndex, FlatIndex, IndexPolicy, build, load, scan
from quantum_memory.memory.episodic.dense.calibration import samples
from quantum_memory.memory.episodic.dense.exact import Mask, Nearest
from quantum_memory.memory.episodic.dense.gpu import GpuIndex
from quantum_memory.memory.episodic.dense.library import Rows
from quantum_memory.memory.episodic.dense.lists import IvfIndex
from quantum_memory.memory.episodic.dense.ranked import Ranked
from quantum_memory.memory.episodic.dense.structure import storage
from quantum_memory.types import Vector

DIM = 24


def clustered(size: int, seed: int, dim: int = DIM) -> Vector:
    """Unit vectors around a tenth as many centres, the first of which are the most crowded."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(1, size // 10), dim))
    which = rng.integers(0, len(centres), size) * rng.integers(0, 2, size)
    vectors = centres[which] + 0.7 * rng.standard_normal((size, dim))
    unit: Vector = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def whole_numbers(size: int, seed: int, dim: int = DIM) -> Vector:
    """Vectors whose products float32 holds exactly, many of them equal: any way of adding gives the same bits."""
    return np.random.default_rng(seed).integers(-2, 3, (size, dim)).astype(np.float32)


def slowly(vectors: Vector, query: Vector, k: int, allowed: Mask | None) -> list[int]:
    """The rows by product and then by number, all sorted."""
    values = vectors.astype(np.float64) @ query.astype(np.float64)
    rows = [row for row in range(len(vectors)) if allowed is None or allowed[row]]
    return sorted(rows, key=lambda row: (-values[row], row))[:k]


def recall(index: DenseIndex, queries: Vector, allowed: Mask | None, k: int = 10) -> float:
    """The share of the k nearest allowed rows that the index finds."""
    shares = []
    for query in queries:
        true = index.nearest(query, k, allowed, exact=True).rows
        found = index.nearest(query, k, allowed).rows
        assert len(found) == len(true)
        shares.append(len(np.intersect1d(found, true)) / len(true))
    return float(np.mean(shares))


class DenseIndexContract:
    """What every kind of index keeps; a subclass says how one is made of vectors."""

    policy: ClassVar[IndexPolicy]
    kind: ClassVar[str]

    def made(self, vectors: Vector) -> DenseIndex:
        return build(vectors, self.policy)

    def test_it_is_of_its_kind_and_holds_the_one_copy(self) -> None:
        vectors = clustered(600, 1)
        index = self.made(vectors)
        assert index.kind == self.kind
        assert np.shares_memory(index.array, vectors)
        assert index.array.shape == vectors.shape
        assert not index.array.flags.writeable
        assert (index.vectors(np.array([5, 0, 5])) == vectors[[5, 0, 5]]).all()
        assert (index.resident == 0) == (self.kind == "flat")

    def test_exact_search_is_the_slow_way(self) -> None:
        index, vectors = self.once("whole")

        @settings(max_examples=25, deadline=None)
        @given(st.integers(0, 40), st.integers(0, 10_000), st.floats(0, 1))
        def holds(k: int, seed: int, share: float) -> None:
            rng = np.random.default_rng(seed)
            query = rng.integers(-2, 3, DIM).astype(np.float32)
            for allowed in (None, rng.random(len(vectors)) < share):
                found = index.nearest(query, k, allowed, exact=True)
                assert found.rows.tolist() == slowly(vectors, query, k, allowed)
                assert (found.products == vectors[found.rows] @ query).all()

        holds()

    def test_as_many_allowed_rows_as_there_are_come_back_best_first(self) -> None:
        index, vectors = self.once("clustered")

        @settings(max_examples=40, deadline=None)
        @given(st.integers(0, 700), st.integers(0, 10_000), st.sampled_from([0.0, 0.001, 0.02, 0.3, 0.9, 1.0]))
        def holds(k: int, seed: int, share: float) -> None:
            rng = np.random.default_rng(seed)
            query = vectors[rng.integers(len(vectors))] + 0.1 * rng.standard_normal(DIM).astype(np.float32)
            for allowed in (None, rng.random(len(vectors)) < share):
                found = index.nearest(query, k, allowed)
                assert len(found.rows) == min(k, len(vectors) if allowed is None else np.count_nonzero(allowed))
                assert len(set(found.rows.tolist())) == len(found.rows)
                assert allowed is None or allowed[found.rows].all()
                exact = dict(zip(*index.nearest(query, len(vectors), None, exact=True), strict=True))
                assert [exact[row] for row in found.rows] == found.products.tolist()
                order = list(zip(-found.products, found.rows, strict=True))
                assert order == sorted(order)
                near = index.near(query, k, allowed)
                assert len(set(near.rows.tolist())) == len(near.rows)
                assert sorted(zip(-near.products, near.rows, strict=True))[: len(order)] == order

        holds()

    @pytest.mark.parametrize("size", [1, 2, 17, 255, 256, 300])
    def test_few_vectors_and_equal_ones_are_found(self, size: int) -> None:
        for vectors in (clustered(size, size), np.ones((size, DIM), np.float32)):
            found = self.made(vectors).nearest(vectors[0], size + 5)
            assert sorted(found.rows.tolist()) == list(range(size))

    @pytest.mark.parametrize("dim", [1, 5, 22, 11, 64])
    def test_any_length_of_vectors_will_do(self, dim: int) -> None:
        vectors = clustered(400, 3, dim)
        index = self.made(vectors)
        assert index.nearest(vectors[7], 10, None, exact=True).rows.tolist() == slowly(vectors, vectors[7], 10, None)
        assert len(index.nearest(vectors[7], 10).rows) == 10

    def test_it_is_found_again_in_its_bytes(self) -> None:
        index, vectors = self.once("clustered")
        whole = b"".join(index.dump())
        for again in (load(whole), load(b"".join(index.dump(vectors=False)), vectors)):
            assert (again.kind, again.array.tobytes()) == (index.kind, vectors.tobytes())
            for query in vectors[:20]:
                found, before = again.nearest(query, 9), index.nearest(query, 9)
                assert (found.rows.tolist(), found.products.tolist()) == (
                    before.rows.tolist(),
                    before.products.tolist(),
                )
            assert b"".join(again.dump()) == whole

    def test_threads_may_search_at_once(self) -> None:
        index, vectors = self.once("clustered")
        alone = [index.nearest(query, 9).rows.tolist() for query in vectors[:200]]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda query: index.nearest(query, 9).rows.tolist(), vectors[:200]))
        assert together == alone

    def test_equal_vectors_make_equal_bytes(self) -> None:
        vectors = clustered(600, 4)
        assert b"".join(self.made(vectors).dump()) == b"".join(self.made(vectors.copy()).dump())

    def test_what_cannot_be_asked_is_refused(self) -> None:
        index, vectors = self.once("clustered")
        query, size = vectors[0], len(vectors)
        for bad, error in (
            ((query[:-1], 3), ShapeMismatch),
            ((query[np.newaxis], 3), ShapeMismatch),
            ((query * np.nan, 3), NotFinite),
            ((query, -1), OutOfRange),
            ((query, 2**31), OutOfRange),
            ((query, 1.5), InvalidValue),
            ((query, 3, np.ones(size - 1, np.bool_)), ShapeMismatch),
            ((query, 3, np.ones(size, np.int64)), InvalidValue),
        ):
            with pytest.raises(error):
                index.nearest(*bad)
        assert index.nearest(query, 0).rows.tolist() == []
        assert index.nearest(query, 3, np.zeros(size, np.bool_)).rows.tolist() == []
        with pytest.raises(InvalidInput):
            self.made(np.empty((3, 0), np.float32))
        with pytest.raises(ShapeMismatch):
            self.made(query)

    def test_a_filter_does_not_cost_recall(self) -> None:
        index, vectors = self.once("large")

        @settings(max_examples=8, deadline=None)
        @given(
            st.sampled_from([0.001, 0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.0]), st.booleans(), st.integers(0, 99)
        )
        def holds(share: float, crowded: bool, seed: int) -> None:
            rng = np.random.default_rng(seed)
            wanted = max(1, round(share * len(vectors)))
            order = np.argsort(-(vectors @ vectors[seed])) if crowded else rng.permutation(len(vectors))
            allowed = np.zeros(len(vectors), np.bool_)
            allowed[order[:wanted]] = True
            # Crowded rows lie together, and those who ask are as far away from them as rows are.
            queries = vectors[order[-400:] if crowded else order][rng.choice(400, 60, replace=False)]
            queries = queries + 0.05 * rng.standard_normal(queries.shape).astype(np.float32)
            # Three of six hundred may be lost by chance where nearly all are found.
            assert recall(index, queries, allowed) >= recall(index, queries, None) - 0.005

        holds()

    cache: ClassVar[dict[tuple[str, str], tuple[DenseIndex, Vector]]] = {}

    def once(self, name: str) -> tuple[DenseIndex, Vector]:
        """An index that many tests share."""
        key = type(self).__name__, name
        if key not in self.cache:
            vectors = {
                "whole": lambda: whole_numbers(500, 1),
                "clustered": lambda: clustered(700, 2),
                "large": lambda: clustered(8_000, 5),
            }[name]()
            self.cache[key] = self.made(vectors), vectors
        return self.cache[key]


class TestFlat(DenseIndexContract):
    policy, kind = IndexPolicy(kind="flat"), "flat"


class TestPacked(DenseIndexContract):
    policy, kind = IndexPolicy(kind="pq", from_rows=256, depth=40), "pq"


class TestPackedAsDeepAsNeeded(DenseIndexContract):
    policy, kind = IndexPolicy(from_rows=256), "pq"


class TestGraph(DenseIndexContract):
    policy, kind = IndexPolicy(kind="hnsw", from_rows=256, links=8, ef_construction=40, ef_search=20), "hnsw"


class TestGraphOfCodes(DenseIndexContract):
    policy, kind = IndexPolicy(kind="hnsw", from_rows=256, links=8, ef_construction=40, storage="sq8"), "hnsw"


class TestLists(DenseIndexContract):
    policy, kind = IndexPolicy(kind="ivf", from_rows=256, lists=40, probes=4), "ivf"


class TestListsOfBytes(DenseIndexContract):
    policy, kind = IndexPolicy(kind="ivf", from_rows=256, lists=30, probes=2, storage="sq8"), "ivf"


class TestListsOfCodes(DenseIndexContract):
    policy, kind = IndexPolicy(kind="ivf", from_rows=256, lists=30, probes=5, storage="pq"), "ivf"


class TestSearchedElsewhere(DenseIndexContract):
    """What a GPU would search, searched on the host: the part of it that does not need one."""

    policy, kind = IndexPolicy(kind="flat"), "flat"

    def made(self, vectors: Vector) -> DenseIndex:
        host = FlatIndex(vectors)
        return GpuIndex(host, storage(host.array))


class TestListsSearchedElsewhere(DenseIndexContract):
    policy, kind = IndexPolicy(kind="ivf", from_rows=256, lists=40, probes=4), "ivf"

    def made(self, vectors: Vector) -> DenseIndex:
        host = build(vectors, self.policy)
        return GpuIndex(host, host.with_vectors()) if isinstance(host, IvfIndex) else host


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 80), st.integers(0, 90), st.integers(0, 10_000), st.booleans())
def test_a_scan_is_the_slow_way(size: int, k: int, seed: int, masked: bool) -> None:
    vectors = whole_numbers(size, seed)
    rng = np.random.default_rng(seed)
    query, allowed = whole_numbers(1, seed + 1)[0], rng.random(size) < 0.5 if masked else None
    found = scan(vectors, query, k, allowed)
    assert found.rows.tolist() == slowly(vectors, query, k, allowed)
    assert (found.rows.dtype.name, found.products.dtype.name) == ("int64", "float32")


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(0, 10_000), st.sampled_from([1, 2, 4, 5, 8, 12, 13, 16, 50, 384]))
def test_a_product_has_the_same_bits_wherever_its_row_stands(size: int, seed: int, dim: int) -> None:
    vectors, rng = clustered(size, seed, dim), np.random.default_rng(seed)
    query = clustered(1, seed + 1, dim)[0]
    whole = scan(vectors, query, size, None)
    assert scan(vectors, query, size, np.ones(size, np.bool_)).products.tolist() == whole.products.tolist()
    order = rng.permutation(size)
    moved = FlatIndex(vectors[order]).nearest(query, size)
    assert dict(zip(order[moved.rows].tolist(), moved.products.tolist(), strict=True)) == dict(
        zip(whole.rows.tolist(), whole.products.tolist(), strict=True)
    )


def test_other_numbers_and_orders_are_read_as_float32_rows() -> None:
    vectors = whole_numbers(50, 3)
    want = slowly(vectors, vectors[4], 9, None)
    others: list[Any] = [vectors.astype(np.float64), np.asfortranarray(vectors), np.repeat(vectors, 2, axis=0)[::2]]
    for other in others:
        assert scan(other, other[4], 9, None).rows.tolist() == want
        assert FlatIndex(other).nearest(other[4], 9).rows.tolist() == want


@pytest.mark.parametrize("kind", ["pq", "hnsw", "ivf"])
@pytest.mark.parametrize("noise", [True, False], ids=["noise", "clusters"])
def test_effort_that_is_left_open_is_as_much_as_the_recall_needs(kind: Any, noise: bool) -> None:
    rng = np.random.default_rng(8)
    vectors = rng.standard_normal((6_000, DIM)).astype(np.float32) if noise else clustered(6_000, 8)
    index = build(vectors[:-100].copy(), IndexPolicy(kind=kind, from_rows=256, recall=0.9, links=3, ef_construction=6))
    assert recall(index, vectors[-100:], None) >= 0.9


def test_a_phrase_that_is_said_often_takes_no_more_effort() -> None:
    """Which of equal rows are found does not matter, so they are not looked for."""
    policy, said = IndexPolicy(from_rows=256), clustered(3_000, 9)
    said[np.random.default_rng(9).choice(3_000, 600, replace=False)] = clustered(1, 10)[0]
    for query, nearest in samples(said):
        values = said[nearest] @ query
        assert len(nearest) <= 10
        assert not len(nearest) or np.count_nonzero(said @ query >= values.min() - 1e-6) <= 11
    same = np.ones((300, DIM), np.float32)
    assert not any(len(one.nearest) for one in samples(same))
    assert build(same, policy).nearest(same[0], 3).rows.tolist() == [0, 1, 2]


class Known(Ranked):
    """An order that is told, and how far down it was looked."""

    kind = "pq"

    def __init__(self, order: Rows) -> None:
        super().__init__(np.ones((len(order), 1), np.float32))
        self.order, self.looked = order, 0

    def _depth(self, k: int) -> int:
        return 4 * k

    def _cost(self, depth: int) -> float:
        return depth / 2

    def _first(self, query: Vector, depth: int) -> Rows:  # noqa: ARG002 - the order is told
        self.looked = depth
        return self.order[:depth]


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 20), st.integers(0, 10_000), st.floats(0.05, 1), st.booleans())
def test_under_a_filter_the_order_is_read_in_proportion_to_where_its_last_row_stands(
    k: int, seed: int, share: float, last: bool
) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(2_000)
    index = Known(order)
    chance = share * np.linspace(0, 2, 2_000) if last else np.full(2_000, share)
    allowed = np.zeros(2_000, np.bool_)
    allowed[order] = rng.random(2_000) < chance
    if not k < allowed.sum() < 2_000:
        return
    found = index._found(np.ones(1, np.float32), k, allowed, int(allowed.sum()))
    place = int(np.flatnonzero(allowed[order])[k - 1]) + 1
    if found is None:  # reading so far would cost more than looking at all
        begun = 1.5 * 2 * 4 * k * 2_000 / allowed.sum() + 1
        assert max(begun, 2 * 4 * place) >= min(2_000, 2 * allowed.sum())
    else:
        assert index.looked * k >= place * 2 * 4 * k
        assert found.tolist() == [row for row in order[: index.looked] if allowed[row]]


def test_an_empty_index_finds_nothing() -> None:
    index = build(np.empty((0, 3), np.float32))
    assert index.kind == "flat"
    assert index.nearest(np.ones(3, np.float32), 5) == Nearest(*scan(index.array, np.ones(3, np.float32), 5, None))
    assert load(b"".join(index.dump())).array.shape == (0, 3)
