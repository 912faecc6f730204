"""A small graph at once is what is found node by node, and the walk written out is the walk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.memory.events import Remembered
from quantum_memory.memory.semantic import dense_walk, neighbourhood, small, spread
from quantum_memory.memory.semantic.dense_walk import dense_ranks
from quantum_memory.memory.semantic.graph import GraphFold, GraphState, settled
from quantum_memory.memory.semantic.neighbourhood import Neighbourhood, Node, gather, gathered
from quantum_memory.memory.semantic.pagerank import walk_ranks
from quantum_memory.types import NEUTRAL, Memory
from tests.unit.test_semantic_graph import AT, EMBEDDING

WORDS = (
    *("violin", "goat", "umbrella", "Bob", "Alice", "Cremona", "hedge", "letter"),
    *("mill", "river", "song", "Nour", "ferry", "bridge", "honey"),
)
SAYINGS = st.lists(st.sampled_from(WORDS), min_size=0, max_size=9).map(" ".join)


def state_of(texts: list[tuple[str, str | None]], speaker: str | None) -> GraphState:
    """One run of memories, each with its session."""
    told = [
        Memory(f"m{n}", text, AT, NEUTRAL, 0.5, 0.5, EMBEDDING, session=session, speaker=speaker)
        for n, (text, session) in enumerate(texts)
    ]
    fold = GraphFold()
    return settled(fold.apply(fold.empty(), Remembered(tuple(told))))


def both_ways(state: GraphState, start: dict[Node, float], most: int) -> tuple[Neighbourhood, Neighbourhood]:
    assert small.small_graph(state, neighbourhood.WEIGHTS) is not None
    return gather(state, start, 0.85, most), gathered(neighbourhood._Met(state), start, 0.85, most)


def alike(one: Neighbourhood, other: Neighbourhood) -> None:
    assert one.nodes == other.nodes
    for ours, theirs in zip(one[1:], other[1:], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(one.adjacency.toarray(), one.written_out())


@settings(deadline=None, max_examples=120)
@given(
    st.lists(st.tuples(SAYINGS, st.sampled_from([None, "s", "t"])), min_size=1, max_size=24),
    st.sampled_from([None, "Zoe"]),
    st.data(),
)
def test_all_edges_at_once_are_those_found_one_by_one(
    texts: list[tuple[str, str | None]], speaker: str | None, data: st.DataObject
) -> None:
    state = state_of(texts, speaker)
    nodes: list[Node] = [(True, f"m{n}") for n in range(len(texts))] + [(False, key) for key in state.concepts]
    start = data.draw(st.dictionaries(st.sampled_from(nodes), st.floats(1e-3, 1.0), min_size=1, max_size=5))
    for most in (len(start), len(start) + data.draw(st.integers(0, 30)), 400):
        alike(*both_ways(state, start, most))


@pytest.mark.parametrize("spoken", ["Zoe and the goat", "word{n} thing{n} goat"])
def test_what_many_memories_mention_is_followed_as_far_as_one_by_one(spoken: str) -> None:
    """More memories of one name, and more names beside one, than are followed."""
    state = state_of([(spoken.format(n=n), "s") for n in range(80)], "Zoe")
    for key in ("zoe", "goat"):
        for most in (20, 120, 400):
            alike(*both_ways(state, {(False, key): 1.0}, most))


def test_only_what_is_one_run_of_moderate_length_is_taken_at_once() -> None:
    few = state_of([("a goat", None)], None)
    fold = GraphFold()
    named = Memory("x", "a hedge", AT, NEUTRAL, 0.5, 0.5, EMBEDDING)
    many = state_of([(f"word{n} thing{n}", None) for n in range(300)], None)
    two = settled(fold.apply(many, Remembered((named,))))
    assert small.small_graph(few, neighbourhood.WEIGHTS) is not None
    assert small.small_graph(many, neighbourhood.WEIGHTS) is None
    assert len(two.woven.slices) == 2
    assert small.small_graph(two, neighbourhood.WEIGHTS) is None
    assert small.small_graph(fold.empty(), neighbourhood.WEIGHTS) is None


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Any, Any]:
    n = draw(st.integers(1, 20))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    matrix = np.triu(chance.uniform(0.01, 50.0, (n, n)) * (chance.uniform(size=(n, n)) < draw(st.floats(0, 1))), 1)
    start = chance.uniform(size=n) * (chance.uniform(size=n) < 0.6)
    start[draw(st.integers(0, n - 1))] = 1.0
    return matrix + matrix.T, start


@settings(deadline=None, max_examples=120)
@given(graphs(), st.sampled_from([0.0, 0.5, 0.85, 1.0]), st.integers(0, 16))
def test_the_walk_written_out_is_the_walk(graph: tuple[Any, Any], alpha: float, steps: int) -> None:
    matrix, start = graph
    want = walk_ranks(sp.csr_array(matrix), alpha, start, start=start, steps=steps)
    np.testing.assert_allclose(dense_ranks(matrix, alpha, start, steps), want, atol=1e-12)


def test_a_spread_over_many_nodes_is_that_over_few(monkeypatch: pytest.MonkeyPatch) -> None:
    state = state_of([(f"{WORDS[n % 15]} and {WORDS[n * 7 % 15]}", "s") for n in range(30)], None)
    assert dense_walk.MOST_NODES >= 64
    found = spread.spread(state, "goat", {"m3": 1.0}, max_nodes=64)
    monkeypatch.setattr(dense_walk, "MOST_NODES", 0)
    sparse = spread.spread(state, "goat", {"m3": 1.0}, max_nodes=64)
    assert len(found) > 20
    assert found == pytest.approx(sparse, abs=1e-11)
