"""The O(edges) walk against published numbers and against two slow twins that hold everything."""

from __future__ import annotations

import doctest
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import InvalidInput, InvalidValue, NotFinite, OutOfRange, ShapeMismatch, ZeroMass
from quantum_memory.memory.semantic.google import Google, Overlap
from quantum_memory.memory.semantic.pagerank import quantum_pagerank, walk_ranks
from quantum_memory.memory.semantic.reversible import null_directions
from quantum_memory.memory.semantic.szegedy import Walk

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "squwals_vectors.json").read_text())["graphs"]
FULL = [name for name in VECTORS if not name.startswith("karate")]
Array = NDArray[Any]


def reference_graph(name: str) -> Any:
    vectors = VECTORS[name]
    if name.startswith("karate"):
        graph = nx.karate_club_graph()
        return nx.Graph(graph.edges)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(vectors["n"]))
    weights = vectors["weights"] or [1.0] * len(vectors["edges_src_dst"])
    graph.add_weighted_edges_from(
        (*edge, weight) for edge, weight in zip(vectors["edges_src_dst"], weights, strict=True)
    )
    return graph


def ranks(graph: Any, **kwargs: Any) -> Array:
    found = quantum_pagerank(graph, **kwargs)
    return np.array([found[node] for node in range(len(graph))])


def dense_google(adjacency: Array, alpha: float, teleport: Array, sink: Array) -> Array:
    """G (N, N) by its definition, column by column."""
    columns = []
    for row in adjacency:
        follows = row / row.sum() if row.any() else sink / sink.sum()
        columns.append(alpha * follows + (1 - alpha) * teleport / teleport.sum())
    return np.array(columns).T


def full_walk(google: Array, start: Array, half_steps: int, theta: float = np.pi) -> list[Array]:
    """The walk on all N² amplitudes: the states (register 1, register 2) after 0, 1, .. applications of U."""
    psi = np.sqrt(google).T  # row j is the second register of |ψ_j⟩
    state = np.sqrt(start / start.sum())[:, None] * psi + 0j
    states = [state]
    for _ in range(half_steps):
        projected = (state * psi).sum(axis=1, keepdims=True) * psi
        state = ((1 - np.exp(1j * theta)) * projected - state).T
        states.append(state)
    return states


def full_ranks(google: Array, start: Array, steps: int, measure: int, average: bool) -> Array:
    states = full_walk(google, start, 2 * steps)[::2]
    over = 0 if measure == 2 else 1
    seen = [(np.abs(state) ** 2).sum(axis=over) for state in states]
    return np.asarray(np.mean(seen, axis=0) if average else seen[-1])


def dense_ranks(google: Array, start: Array, steps: int) -> Array:
    """The 2N-dimensional recursion with D and G written out, averaged, register 2."""
    overlap = np.sqrt(google * google.T)
    a, b = np.sqrt(start / start.sum()), np.zeros(len(google))
    seen = []
    for t in range(steps + 1):
        for _ in range(2 if t else 0):
            a, b = -b, a + 2 * overlap @ b
        seen.append(google @ a**2 + b**2 + 2 * b * (overlap @ a))
    return np.asarray(np.mean(seen, axis=0))


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    """A graph of up to 8 nodes with any mixture of loops, gaps and weights, and everything that a walk takes."""
    n = draw(st.integers(1, 8))
    weight = st.sampled_from([0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 0.25, 7.0, 1e-3])
    adjacency = np.array(draw(st.lists(weight, min_size=n * n, max_size=n * n))).reshape(n, n)
    if draw(st.booleans()):
        adjacency = adjacency + adjacency.T
    mass = st.lists(st.sampled_from([0.0, 1.0, 1.0, 3.0]), min_size=n, max_size=n).filter(any).map(np.array)
    return {
        "adjacency": adjacency,
        "alpha": draw(st.sampled_from([0.0, 0.15, 0.5, 0.85, 0.99, 1.0])),
        "personalization": draw(st.none() | mass),
        "dangling": draw(st.none() | mass),
        "start": draw(st.none() | mass),
        "steps": draw(st.integers(0, 16)),
        "measure": draw(st.sampled_from([1, 2])),
        "average": draw(st.booleans()),
    }


@settings(deadline=None, max_examples=150)
@given(problems())
def test_it_is_the_walk_on_all_amplitudes(problem: dict[str, Any]) -> None:
    adjacency = problem.pop("adjacency")
    even = np.ones(len(adjacency))
    teleport = even if problem["personalization"] is None else problem["personalization"]
    sink = teleport if problem["dangling"] is None else problem["dangling"]
    start = even if problem["start"] is None else problem["start"]
    google = dense_google(adjacency, problem["alpha"], teleport, sink)
    want = full_ranks(google, start, problem["steps"], problem["measure"], problem["average"])
    got = walk_ranks(sp.csr_array(adjacency), **problem)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)
    assert got.sum() == pytest.approx(1.0, abs=1e-12)
    assert (got >= 0).all()


@settings(deadline=None, max_examples=60)
@given(problems(), st.integers(17, 300))
def test_rounding_grows_no_faster_than_the_square_of_the_steps(problem: dict[str, Any], steps: int) -> None:
    adjacency = problem["adjacency"]
    even = np.ones(len(adjacency))
    google = dense_google(adjacency, problem["alpha"], even, even)
    want = full_ranks(google, even, steps, 2, average=False)
    got = walk_ranks(sp.csr_array(adjacency), problem["alpha"], steps=steps, average=False)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12 + 1e-14 * steps**2)


@settings(deadline=None, max_examples=100)
@given(problems())
def test_operators_are_the_matrices_they_stand_for(problem: dict[str, Any]) -> None:
    adjacency, alpha = problem["adjacency"], problem["alpha"]
    even = np.ones(len(adjacency))
    teleport = even if problem["personalization"] is None else problem["personalization"]
    sink = teleport if problem["dangling"] is None else problem["dangling"]
    dense = dense_google(adjacency, alpha, teleport, sink)
    google = Google.of(sp.csr_array(adjacency), alpha, problem["personalization"], problem["dangling"])
    overlap = Overlap.of(google)
    unit = np.eye(len(adjacency))
    np.testing.assert_allclose(np.array([google.apply(x) for x in unit]).T, dense, atol=1e-15)
    np.testing.assert_allclose(np.array([overlap.apply(x) for x in unit]), np.sqrt(dense * dense.T), atol=1e-15)


@pytest.mark.parametrize("name", VECTORS)
def test_reference_after_many_steps(name: str) -> None:
    graph, vectors = reference_graph(name), VECTORS[name]
    np.testing.assert_allclose(
        ranks(graph, steps=500, average=False), vectors["instantaneous_t500"], rtol=0, atol=1e-11
    )
    np.testing.assert_allclose(ranks(graph, steps=500), vectors["averaged_T500"], rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", FULL)
def test_reference_step_by_step(name: str) -> None:
    graph, vectors = reference_graph(name), VECTORS[name]
    for t, want in enumerate(vectors["instantaneous_t0_to_t20"]):
        np.testing.assert_allclose(ranks(graph, steps=t, average=False), want, rtol=0, atol=1e-11)
    np.testing.assert_allclose(ranks(graph, steps=100), vectors["averaged_T100"], rtol=0, atol=1e-11)
    register_1 = ranks(graph, steps=5, average=False, measure=1)
    np.testing.assert_allclose(register_1, vectors["register1_t5"], rtol=0, atol=1e-11)


def test_reference_after_one_step_of_the_karate_club() -> None:
    name = "karate34_unweighted"
    got = ranks(reference_graph(name), steps=1, average=False)
    np.testing.assert_allclose(got, VECTORS[name]["instantaneous_t1"], rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", FULL)
def test_reference_spread_over_time(name: str) -> None:
    graph = reference_graph(name)
    n = len(graph)
    adjacency = nx.to_scipy_sparse_array(graph, nodelist=range(n), dtype=float)
    google = Google.of(adjacency, 0.85)
    walk, seen = Walk(google, np.full(n, 1 / n), null_directions(adjacency, google)), []
    for _ in range(501):
        moments = np.zeros((3, n))
        walk.add_moments(moments, 2)
        seen.append(walk.distribution(moments, 1, 2))
        walk.advance()
        walk.advance()
    np.testing.assert_allclose(np.std(seen, axis=0), VECTORS[name]["std_T500"], rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", FULL)
def test_reference_half_steps_and_matrix(name: str) -> None:
    graph, vectors = reference_graph(name), VECTORS[name]
    n = len(graph)
    google = Google.of(nx.to_scipy_sparse_array(graph, nodelist=range(n), dtype=float), 0.85)
    dense = np.array([google.apply(x) for x in np.eye(n)]).T
    np.testing.assert_allclose(dense, vectors["google_matrix"], rtol=0, atol=1e-15)
    walk = Walk(google, np.full(n, 1 / n))
    for want in vectors["single_step_SR_t0_to_t5"]:
        moments = np.zeros((3, n))
        walk.add_moments(moments, 2)
        np.testing.assert_allclose(walk.distribution(moments, 1, 2), want, rtol=0, atol=1e-11)
        walk.advance()


@pytest.mark.parametrize("name", FULL)
def test_the_slow_twin_is_the_published_walk_with_its_phases_too(name: str) -> None:
    vectors = VECTORS[name]
    states = full_walk(np.array(vectors["google_matrix"]), np.ones(vectors["n"]), 1000, np.pi / 2)[::2]
    mean = np.mean([(np.abs(state) ** 2).sum(axis=0) for state in states], axis=0)
    np.testing.assert_allclose(mean, vectors["apr_equal_pi_over_2_averaged_T500"], rtol=0, atol=1e-11)


REVERSIBLE = {
    "star": (nx.star_graph(5), 0.85, {1.0}),
    "cycle": (nx.cycle_graph(6), 0.85, {1.0}),
    "complete": (nx.complete_graph(4), 0.5, {1.0}),
    "multipartite": (nx.complete_multipartite_graph(2, 3, 1), 0.85, {1.0}),
    "teleport alone": (nx.path_graph(4), 0.0, {1.0}),
    "odd cycle without teleport": (nx.cycle_graph(5), 1.0, {1.0}),
    "path without teleport": (nx.path_graph(7), 1.0, {1.0, -1.0}),
    "two parts without teleport": (nx.disjoint_union(nx.path_graph(4), nx.cycle_graph(5)), 1.0, {1.0, -1.0}),
    "no edges": (nx.empty_graph(3), 0.85, {1.0}),
    "wheel": (nx.wheel_graph(6), 0.85, {1.0}),
    "grid": (nx.convert_node_labels_to_integers(nx.grid_2d_graph(2, 3)), 0.85, set()),
    "directed cycle": (nx.cycle_graph(5, create_using=nx.DiGraph), 1.0, set()),
}


@pytest.mark.parametrize("name", REVERSIBLE)
def test_rounding_does_not_grow_where_both_halves_of_the_walk_are_one(name: str) -> None:
    graph, alpha, signs = REVERSIBLE[name]
    adjacency = nx.to_scipy_sparse_array(graph, dtype=float)
    n = len(graph)
    google, dense = Google.of(adjacency, alpha), dense_google(adjacency.toarray(), alpha, np.ones(n), np.ones(n))
    null = null_directions(adjacency, google)
    assert {direction.sign for direction in null} == signs
    overlap = np.sqrt(dense * dense.T)
    for direction in null:
        np.testing.assert_allclose(overlap @ direction.x, direction.sign * direction.x, atol=1e-14)
    want = full_ranks(dense, np.arange(1.0, n + 1), 2000, 2, average=False)
    got = walk_ranks(adjacency, alpha, start=np.arange(1.0, n + 1), steps=2000, average=False)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-11)


def test_a_graph_almost_in_balance_gets_no_null_direction() -> None:
    """A weight off by 1e-9 makes a real direction of it; settling there would change the walk."""
    adjacency = nx.to_scipy_sparse_array(nx.star_graph(4), dtype=float)
    adjacency.data[0] *= 1 + 1e-9
    assert null_directions(adjacency, Google.of(adjacency, 0.85)) == ()


def test_a_larger_graph_agrees_with_the_dense_recursion() -> None:
    graph = nx.gnp_random_graph(150, 0.03, seed=3, directed=True)
    adjacency = nx.to_numpy_array(graph)
    google = dense_google(adjacency, 0.85, np.ones(150), np.ones(150))
    np.testing.assert_allclose(ranks(graph, steps=60), dense_ranks(google, np.ones(150), 60), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph])
def test_any_graph_of_networkx_will_do(kind: Any) -> None:
    graph = kind()
    graph.add_edge("a", "b", weight=2.0)
    graph.add_edge("b", (1, 2), weight=0.5)
    graph.add_edge("b", "b")
    graph.add_edge("a", "b", weight=1.0)
    graph.add_node("alone")
    before = sorted(graph.edges(data="weight"), key=repr)
    found = quantum_pagerank(graph)
    assert list(found) == list(graph)
    assert all(type(rank) is float for rank in found.values())
    assert sum(found.values()) == pytest.approx(1.0)
    assert sorted(graph.edges(data="weight"), key=repr) == before
    dense = nx.to_numpy_array(graph)  # adds up parallel edges, as pagerank does
    google = dense_google(dense, 0.85, np.ones(4), np.ones(4))
    np.testing.assert_allclose(list(found.values()), full_ranks(google, np.ones(4), 100, 2, average=True), atol=1e-12)


def test_small_graphs() -> None:
    assert quantum_pagerank(nx.Graph()) == {}
    assert quantum_pagerank(nx.DiGraph(), personalization={}) == {}
    one = nx.Graph()
    one.add_node("only")
    assert quantum_pagerank(one) == {"only": 1.0}
    assert walk_ranks(sp.csr_array((0, 0))).shape == (0,)


def test_weight_can_be_another_attribute_or_none() -> None:
    graph = nx.DiGraph()
    graph.add_edge(0, 1, weight=5.0, other=1.0)
    graph.add_edge(0, 2, weight=1.0, other=5.0)
    heavy, other, none = (quantum_pagerank(graph, weight=weight) for weight in ("weight", "other", None))
    assert heavy[1] > heavy[2]
    assert other[2] > other[1]
    assert none[1] == pytest.approx(none[2], abs=1e-12)


def test_personalization_draws_the_walk() -> None:
    graph = nx.path_graph(9)
    assert quantum_pagerank(graph, personalization={8: 1.0})[8] > quantum_pagerank(graph)[8]


def test_positional_arguments_stand_in_the_order_of_networkx() -> None:
    graph = nx.DiGraph([(0, 1), (1, 2)])
    by_place = quantum_pagerank(graph, 0.5, {0: 1}, "weight", {1: 1}, 7, 1, False)
    by_name = quantum_pagerank(
        graph, alpha=0.5, personalization={0: 1}, weight="weight", dangling={1: 1}, steps=7, measure=1, average=False
    )
    assert by_place == by_name


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1e9, 1e308])
def test_the_unit_of_the_weights_does_not_matter(scale: float) -> None:
    adjacency = np.array([[0.0, 0.5, 1.0], [0.25, 0.0, 1.0], [1.0, 1.0, 1.0]])
    scaled = walk_ranks(sp.csr_array(adjacency * scale))
    np.testing.assert_allclose(scaled, walk_ranks(sp.csr_array(adjacency)), rtol=0, atol=1e-12)


def test_the_adjacency_is_not_changed() -> None:
    adjacency = sp.csr_array(np.array([[0.0, 3.0], [2.0, 5.0]]))
    before = adjacency.copy()
    walk_ranks(adjacency)
    assert (adjacency != before).nnz == 0


def test_mistakes_have_names() -> None:
    graph = nx.path_graph(3)
    for alpha in (-0.1, 1.1):
        with pytest.raises(OutOfRange, match="alpha"):
            quantum_pagerank(graph, alpha=alpha)
    with pytest.raises(NotFinite, match="alpha"):
        quantum_pagerank(graph, alpha=float("nan"))
    with pytest.raises(OutOfRange, match="steps"):
        quantum_pagerank(graph, steps=-1)
    with pytest.raises(InvalidValue, match="steps"):
        quantum_pagerank(graph, steps=1.5)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(InvalidValue, match="measure"):
        quantum_pagerank(graph, measure=3)
    with pytest.raises(InvalidValue, match="'nobody'"):
        quantum_pagerank(graph, personalization={"nobody": 1.0})
    with pytest.raises(OutOfRange, match="personalization"):
        quantum_pagerank(graph, personalization={0: -1.0, 1: 2.0})
    with pytest.raises(NotFinite, match="dangling"):
        quantum_pagerank(graph, dangling={0: float("inf")})
    with pytest.raises(ShapeMismatch, match="start"):
        walk_ranks(sp.csr_array((3, 3)), start=np.ones(2))
    with pytest.raises(ShapeMismatch, match="adjacency"):
        walk_ranks(sp.csr_array((3, 2)))
    with pytest.raises(InvalidValue, match="sparse"):
        walk_ranks(np.ones((2, 2)))


@pytest.mark.parametrize(
    ("weight", "error"), [(-1.0, OutOfRange), (float("nan"), NotFinite), (float("inf"), NotFinite)]
)
def test_bad_weights_have_names(weight: float, error: type[Exception]) -> None:
    graph = nx.Graph()
    graph.add_edge(0, 1, weight=weight)
    with pytest.raises(error, match="weight"):
        quantum_pagerank(graph)


def test_no_mass_raises_what_networkx_raises() -> None:
    graph = nx.path_graph(3)
    with pytest.raises(ZeroDivisionError):
        nx.pagerank(graph, personalization={0: 0.0})
    for name in ("personalization", "dangling"):
        with pytest.raises(ZeroDivisionError, match=name) as caught:
            quantum_pagerank(graph, **{name: {0: 0.0}})  # type: ignore[arg-type]  # the name varies
        assert isinstance(caught.value, InvalidInput)
    error = pickle.loads(pickle.dumps(ZeroMass("personalization")))  # noqa: S301 - our own bytes, as Ray sends them
    assert str(error) == str(ZeroMass("personalization"))


def test_the_examples_in_the_docstrings_hold() -> None:
    failed, tried = doctest.testmod(sys.modules["quantum_memory.memory.semantic.pagerank"])
    assert tried > 0
    assert failed == 0
