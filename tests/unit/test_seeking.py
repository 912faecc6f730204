"""Questions that come together to one host: what they share, and what is kept of it afterwards."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from quantum_memory.actors import seeking
from quantum_memory.actors.seeking import Question, Seeker
from quantum_memory.memory import compiled
from quantum_memory.memory.episodic.dense import Company, all_products, company
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.search import Query
from quantum_memory.memory.events import Remembered
from quantum_memory.memory.life.uses import UsesState
from quantum_memory.settings import load
from quantum_memory.types import NEUTRAL, Filters, Memory, Place, Vector
from tests.unit.episodes import START

HERE, COUNT, DIM = Place("main", 1), 80, 16
CHANCE = np.random.default_rng(5)


@pytest.fixture(scope="module", autouse=True)
def _made() -> Iterator[None]:
    """Machine code, without which each looks by itself."""
    assert compiled.make()
    yield
    compiled._made.clear()


def made(count: int) -> list[Vector]:
    return list(CHANCE.normal(size=(count, DIM)).astype(np.float32))


@pytest.fixture
def seeker(monkeypatch: pytest.MonkeyPatch) -> Seeker:
    """Of memories that are many where a few bytes are many."""
    monkeypatch.setattr(company, "BLOCK_BYTES", 1 << 10)
    some = (Memory(f"m{n}", "a thing", START, NEUTRAL, 1.0, 0.5, one) for n, one in enumerate(made(COUNT)))
    fold = MemoriesFold(DIM)
    state = fold.apply(fold.empty(), Remembered(tuple(some)))
    return Seeker(load({}), lambda _: state, lambda _: UsesState())


def asked(queries: list[Query]) -> list[Question]:
    return [Question(str(number), HERE, one, START, 5) for number, one in enumerate(queries)]


def test_no_products_are_made_for_a_question_that_looks_at_fewer_vectors(
    seeker: Seeker, monkeypatch: pytest.MonkeyPatch
) -> None:
    multiplied = 0

    def counted(rows: Vector, query: Vector) -> Vector:
        nonlocal multiplied
        multiplied += len(rows)
        return all_products(rows, query)

    monkeypatch.setattr(company, "all_products", counted)
    queries = [Query(None, vector, limit=5) for vector in made(6)]
    mixed = [
        *queries[:2],
        replace(queries[2], filters=Filters(speaker="Ann")),
        replace(queries[3], filters=Filters(tags=["never"])),  # type: ignore[arg-type]  # as a driver may give them
        replace(queries[4], limit=0),
        replace(queries[5], filters=Filters(kind="dream")),
    ]
    together = seeker.seeds(asked(mixed))
    assert multiplied == 2 * COUNT
    assert together == [seeker.seeds([one])[0] for one in asked(mixed)]


def test_nothing_is_kept_of_whose_company_a_question_was_in(seeker: Seeker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its two steps a question would keep the vectors of all that came with it, and products of theirs."""
    companies: list[weakref.ref[Company]] = []

    class Watched(Company):
        def __init__(self, queries: list[Vector]) -> None:
            super().__init__(queries)
            companies.append(weakref.ref(self))

    monkeypatch.setattr(seeking, "Company", Watched)
    seeker.seeds(asked([Query(None, vector, limit=5) for vector in made(4)]))
    gc.collect()
    assert companies
    assert [one() for one in companies] == [None]
