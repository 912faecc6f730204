"""What spreads where: reach, bounds, and the same answer every time."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange
from quantum_memory.memory import compiled
from quantum_memory.memory.events import Remembered
from quantum_memory.memory.semantic import neighbourhood
from quantum_memory.memory.semantic.graph import GraphFold, GraphState, settled, to_networkx
from quantum_memory.memory.semantic.neighbourhood import gathered
from quantum_memory.memory.semantic.pagerank import quantum_pagerank
from quantum_memory.memory.semantic.runs import Run
from quantum_memory.memory.semantic.spread import METHODS, Method, concepts, spread
from quantum_memory.types import NEUTRAL, Memory
from tests.unit.test_semantic_graph import AT, EMBEDDING, memory, remembered

STORY = [
    "Bob lent me his umbrella.",
    "My neighbour Bob plays the violin.",
    "The violin came from Cremona.",
    "Rain is expected on Monday.",
    "A goat ate the hedge.",
]


def told(*texts: str, session: str | None = None, speaker: str | None = None) -> GraphState:
    return remembered(
        *(
            Memory(f"m{n}", text, AT, NEUTRAL, 0.5, 0.5, EMBEDDING, session=session, speaker=speaker)
            for n, text in enumerate(texts)
        )
    )


@pytest.mark.parametrize("method", METHODS)
def test_it_reaches_what_shares_no_word_with_the_question(method: Method) -> None:
    found = spread(told(*STORY), "who had an umbrella?", {}, method=method)
    assert found["m0"] == 1.0
    assert found["m0"] > found["m1"] > found["m2"] > 0.0
    assert "m3" not in found
    assert "m4" not in found


@pytest.mark.parametrize("method", METHODS)
def test_seeds_alone_spread_too(method: Method) -> None:
    found = spread(told(*STORY), "??", {"m2": 0.3, "unknown": 1.0}, method=method)
    assert set(found) == {"m0", "m1", "m2"}
    assert found["m2"] == 1.0
    assert found == pytest.approx(spread(told(*STORY), "", {"m2": 0.9}, method=method))


@pytest.mark.parametrize("method", METHODS)
def test_neighbours_in_time_are_reached(method: Method) -> None:
    state = told("The goat sleeps.", "Yes!", "A violin.", session="s")
    assert set(spread(state, "goats", {}, method=method)) == {"m0", "m1", "m2"}


@pytest.mark.parametrize("method", METHODS)
def test_a_rare_concept_counts_for_more_than_one_that_all_share(method: Method) -> None:
    texts = [f"word{number} topic{number}" for number in range(200)]
    state = told("a violin", *texts, speaker="Alice")
    found = spread(state, "Alice and the violin", {}, method=method)
    assert found["m0"] == 1.0
    assert max(score for memory, score in found.items() if memory != "m0") < 0.5


@pytest.mark.parametrize("method", METHODS)
def test_nothing_to_start_from_gives_nothing(method: Method) -> None:
    state = told(*STORY)
    assert spread(state, "quasars", {}, method=method) == {}
    assert spread(state, "", {"unknown": 1.0, "m1": 0.0}, method=method) == {}
    assert spread(GraphFold().empty(), "violin", {"m1": 1.0}, method=method) == {}


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 60), max_size=25),
    st.sampled_from(["umbrella", "Bob in the rain", "北京", "!!", "Alice Smith, three times"]),
    st.dictionaries(st.integers(0, 60).map("m{}".format), st.floats(0, 1e300), max_size=4),
    st.integers(1, 40),
    st.sampled_from(METHODS),
)
def test_laws(numbers: list[int], query: str, seeds: dict[str, float], max_nodes: int, method: Method) -> None:
    state = remembered(*map(memory, numbers))
    before = list(to_networkx(state).edges(data=True))
    found = spread(state, query, seeds, max_nodes=max_nodes, method=method)
    assert set(found) <= set(state.memories)
    assert len(found) <= max_nodes
    assert all(0.0 < score <= 1.0 for score in found.values())
    assert not found or max(found.values()) == 1.0
    assert found == spread(remembered(*map(memory, numbers)), query, seeds, max_nodes=max_nodes, method=method)
    assert list(to_networkx(state).edges(data=True)) == before


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(0, 40), max_size=30),
    st.dictionaries(st.integers(0, 40).map("m{}".format), st.floats(0.1, 1.0), min_size=1, max_size=5),
    st.integers(1, 30),
)
def test_what_is_looked_at_last_has_the_edges_that_it_would_have_in_full(
    numbers: list[int], seeds: dict[str, float], max_nodes: int
) -> None:
    """Of a memory that is in the part for good, only the edges to what is in it too are asked for."""
    state = settled(remembered(*map(memory, dict.fromkeys(numbers))))
    start = {(True, one): mass for one, mass in seeds.items() if one in state.memories}
    if not start:
        return
    most = max(max_nodes, len(start))
    some = gathered(neighbourhood._Met(state), start, 0.85, most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbourhood._Met, "edges_within", lambda met, one: met.edges((True, one)))
        full = gathered(neighbourhood._Met(state), start, 0.85, most)
    assert some.nodes == full.nodes
    assert (some.adjacency.toarray() == full.adjacency.toarray()).all()
    assert (some.start == full.start).all()


def test_the_cost_does_not_grow_with_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alice said everything and each word is in a tenth of it, yet only a neighbourhood is looked at."""
    looked_up: list[int] = []
    real = Run.places

    def counted(run: Run, row: int) -> list[int]:
        looked_up[-1] += 1
        return real(run, row)

    monkeypatch.setattr(compiled, "_made", {})
    monkeypatch.setattr(Run, "places", counted)
    for size in (500, 4000):
        state = told(*(f"word{n % 10} topic{n // 3} thing{n}" for n in range(size)), session="s", speaker="Alice")
        looked_up.append(0)
        found = spread(state, "Alice and word3", {"m7": 1.0}, max_nodes=100)
        assert 10 < len(found) <= 100
    assert 0 < max(looked_up) <= 200


def test_another_process_with_other_hashes_finds_the_same() -> None:
    """Maps iterate in an order that differs from process to process; nothing may hang on it."""
    code = (
        "from tests.unit.test_semantic_spread import *\n"
        "state = remembered(*map(memory, range(60)))\n"
        "print(repr(spread(state, 'Bob in the rain', {'m3': 0.5}, max_nodes=25)), repr(concepts(state)))"
    )
    root = Path(__file__).parents[2]
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
    assert "m3" in seen.pop()


def test_concepts_are_ranked_by_the_walk_over_them() -> None:
    state = remembered(*map(memory, range(30)))
    whole = to_networkx(state)
    graph = nx.Graph(whole.subgraph([node for node in whole if node[0] == "concept"]))
    want = quantum_pagerank(graph, steps=50)
    ranked = concepts(state, top=1000)
    assert len(ranked) == len(state.concepts)
    np.testing.assert_allclose([score for _, score in ranked], [want["concept", c.key] for c, _ in ranked], atol=1e-12)
    assert [score for _, score in ranked] == sorted((score for _, score in ranked), reverse=True)
    assert concepts(state, top=3) == ranked[:3]
    assert concepts(GraphFold().empty()) == ()


def test_mistakes_have_names() -> None:
    state = told(*STORY)
    with pytest.raises(OutOfRange, match="m1"):
        spread(state, "violin", {"m1": -0.1})
    with pytest.raises(NotFinite, match="m1"):
        spread(state, "violin", {"m1": math.nan})
    with pytest.raises(OutOfRange, match="max_nodes"):
        spread(state, "violin", {}, max_nodes=0)
    with pytest.raises(OutOfRange, match="alpha"):
        spread(state, "violin", {}, alpha=1.5)
    with pytest.raises(InvalidValue, match="method"):
        spread(state, "violin", {}, method="magic")  # type: ignore[arg-type]  # the mistake under test
    for method in METHODS:
        with pytest.raises(OutOfRange, match="steps"):
            spread(state, "violin", {}, steps=-1, method=method)


def test_a_negative_number_of_concepts_has_a_name() -> None:
    with pytest.raises(OutOfRange, match="top"):
        concepts(told(*STORY), top=-1)
    assert concepts(told(*STORY), top=0) == ()


def test_the_event_that_made_a_state_does_not_matter() -> None:
    one_by_one = GraphFold().empty()
    for number in range(20):
        one_by_one = GraphFold().apply(one_by_one, Remembered((memory(number),)))
    together = remembered(*map(memory, range(20)))
    assert settled(one_by_one) == together
    assert spread(one_by_one, "Bob", {}) == spread(together, "Bob", {})
