"""Quantum PageRank against published numbers, and with the manners of networkx."""

from __future__ import annotations

import doctest
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from quantum_memory.errors import InvalidInput, InvalidValue, NotFinite, OutOfRange, ShapeMismatch, ZeroMass
from quantum_memory.memory.semantic.google import Google
from quantum_memory.memory.semantic.pagerank import quantum_pagerank, walk_ranks
from quantum_memory.memory.semantic.report import pagerank_report, walk_report
from tests.unit.slow_walks import dense_google, full_ranks, full_walk

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
    found = pagerank_report(reference_graph(name), steps=500, deviation=True, instantaneous=True)
    assert found.deviation is not None
    assert found.instantaneous is not None
    order = np.argsort(np.array(found.nodes))
    vectors = VECTORS[name]
    np.testing.assert_allclose(found.deviation[order], vectors["std_T500"], rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.average[order], vectors["averaged_T500"], rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.last[order], vectors["instantaneous_t500"], rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.instantaneous[:21, order], vectors["instantaneous_t0_to_t20"], rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", FULL)
def test_reference_single_steps_and_matrix(name: str) -> None:
    graph, vectors = reference_graph(name), VECTORS[name]
    n = len(graph)
    adjacency = nx.to_scipy_sparse_array(graph, nodelist=range(n), dtype=float)
    google = Google.of(adjacency, 0.85)
    dense = np.array([google.apply(x) for x in np.eye(n)]).T
    np.testing.assert_allclose(dense, vectors["google_matrix"], rtol=0, atol=1e-15)
    found = walk_report(adjacency, steps=5, unitary="single", instantaneous=True).instantaneous
    assert found is not None
    np.testing.assert_allclose(found, vectors["single_step_SR_t0_to_t5"], rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", FULL)
def test_reference_with_other_phases(name: str) -> None:
    graph, vectors = reference_graph(name), VECTORS[name]
    adjacency = nx.to_scipy_sparse_array(graph, nodelist=range(len(graph)), dtype=float)
    got = walk_ranks(adjacency, steps=500, phases=(np.pi / 2, np.pi / 2))
    np.testing.assert_allclose(got, vectors["apr_equal_pi_over_2_averaged_T500"], rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", FULL)
def test_the_slow_twin_is_the_published_walk_with_its_phases_too(name: str) -> None:
    vectors = VECTORS[name]
    states = full_walk(np.array(vectors["google_matrix"]), np.ones(vectors["n"]), 1000, (np.pi / 2, np.pi / 2))[::2]
    mean = np.mean([(np.abs(state) ** 2).sum(axis=0) for state in states], axis=0)
    np.testing.assert_allclose(mean, vectors["apr_equal_pi_over_2_averaged_T500"], rtol=0, atol=1e-11)


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
        with pytest.raises(OutOfRange, match="alpha"):
            quantum_pagerank(nx.Graph(), alpha=alpha)
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


def test_what_adds_up_to_a_good_weight_is_refused_all_the_same() -> None:
    graph = nx.MultiDiGraph()
    graph.add_weighted_edges_from([("a", "b", 3.0), ("a", "b", -1.0), ("b", "a", 1.0)])
    with pytest.raises(OutOfRange, match="weight"):
        quantum_pagerank(graph)
    twice = sp.coo_array((np.array([3.0, -1.0, 1.0]), ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    with pytest.raises(OutOfRange, match="weight"):
        walk_ranks(twice)


@pytest.mark.parametrize("odd", [np.array([1j, 1.0]), np.array(["x", "y"]), np.array([{}, 1.0], dtype=object)])
def test_what_is_no_real_number_is_refused(odd: Any) -> None:
    with pytest.raises(InvalidValue, match="start"):
        walk_ranks(sp.csr_array(np.eye(2)), start=odd)
    if odd.dtype.kind == "c":
        with pytest.raises(InvalidValue, match="weight"):
            walk_ranks(sp.csr_array(np.diag(odd)))


def test_weights_too_small_to_divide_by_are_none() -> None:
    adjacency = sp.csr_array(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]))
    for least in (5e-324, 1e-310, 1e-300):
        ranks = walk_ranks(adjacency, personalization=np.array([least, 1.0, 1e-5]), steps=20)
        none = walk_ranks(adjacency, personalization=np.array([0.0, 1.0, 1e-5]), steps=20)
        np.testing.assert_allclose(ranks, none, rtol=0, atol=1e-12)


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


def test_it_loads_with_numpy_scipy_and_networkx_alone() -> None:
    script = """
import sys, numpy, scipy.sparse.csgraph, networkx
before = set(sys.modules)
import quantum_memory.memory.semantic.report
roots = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(roots - {"quantum_memory", "numpy", "scipy", "networkx"} - sys.stdlib_module_names))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.parametrize("module", ["pagerank", "report"])
def test_the_examples_in_the_docstrings_hold(module: str) -> None:
    failed, tried = doctest.testmod(sys.modules[f"quantum_memory.memory.semantic.{module}"])
    assert tried > 0
    assert failed == 0
