"""Queries in one pass over the rows: the bits of each alone, whoever asks first, again, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.memory.episodic.dense import Company, FlatIndex, company
from quantum_memory.memory.episodic.dense.library import all_products
from quantum_memory.types import Vector

CHANCE = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    """Blocks so small that a few rows are several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(company, "BLOCK_BYTES", 1 << 10)
        yield


def some(count: int, dim: int) -> Vector:
    return CHANCE.normal(size=(count, dim)).astype(np.float32)


@given(st.sampled_from([1, 12, 13, 16, 96, 384]), st.integers(1, 400), st.integers(1, 9), st.data())
def test_each_query_gets_the_bits_of_its_own_products(dim: int, count: int, queries: int, data: st.DataObject) -> None:
    arrays, asked = [some(count, dim), some(count + 1, dim)], list(some(queries, dim))
    together = Company(asked)
    order = data.draw(st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(0, queries - 1)), max_size=24))
    for which, one in order:
        found = together.all_products(arrays[which], asked[one])
        assert found.tobytes() == all_products(arrays[which], asked[one]).tobytes()


def test_an_array_is_read_once_for_all_and_what_was_asked_for_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    array, asked, read = some(300, 96), list(some(5, 96)), 0

    def counted(rows: Vector, query: Vector) -> Vector:
        nonlocal read
        read += len(rows)
        return all_products(rows, query)

    monkeypatch.setattr(company, "all_products", counted)
    together = Company(asked)
    first = together.all_products(array, asked[0])
    assert read == 5 * 300
    others = [together.all_products(array, one) for one in asked[1:]]
    assert read == 5 * 300, "they were multiplied with the first"
    assert together.all_products(array, asked[2]).tobytes() == others[1].tobytes()
    assert read == 6 * 300, "what was given away is not kept"
    assert first.tobytes() == all_products(array, asked[0]).tobytes()


def test_a_stranger_and_an_equal_twin_are_multiplied_alone() -> None:
    array, asked = some(300, 96), list(some(3, 96))
    together = Company(asked)
    for query in (asked[1].copy(), some(1, 96)[0]):
        assert together.all_products(array, query).tobytes() == all_products(array, query).tobytes()


def test_what_is_of_another_length_is_in_the_way_of_no_other() -> None:
    array, asked = some(300, 96), [*some(2, 96), some(1, 90)[0], some(1, 4096)[0]]
    together = Company(asked)
    for query in asked[:2]:
        assert together.all_products(array, query).tobytes() == all_products(array, query).tobytes()
    assert len(together._made) == 2


def test_no_more_waits_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company, "HELD_BYTES", 2 * 300 * 4)
    arrays, asked = [some(300, 96) for _ in range(4)], list(some(7, 96))
    together = Company(asked)
    for one in asked:
        for array in arrays:
            assert together.all_products(array, one).tobytes() == all_products(array, one).tobytes()
            waiting = [products for _, products in together._made.values() if products is not None]
            assert sum(products.nbytes for products in waiting) <= 2 * 300 * 4


def test_an_index_finds_the_same_in_company() -> None:
    index, asked = FlatIndex(some(300, 96)), list(some(4, 96))
    together = Company(asked)
    for one in asked:
        alone, with_others = index.near(one, 5), index.near(one, 5, multiply=together.all_products)
        assert alone.rows.tolist() == with_others.rows.tolist()
        assert alone.products.tobytes() == with_others.products.tobytes()
