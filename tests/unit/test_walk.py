"""The laws of the O(edges) walk, against two slow twins that hold everything."""

from __future__ import annotations

import sys
import types
from typing import Any

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, MissingDependency, NotFinite, OutOfRange
from quantum_memory.memory.semantic import hardware, kernel
from quantum_memory.memory.semantic.course import UNITARIES, Unitary
from quantum_memory.memory.semantic.google import Google
from quantum_memory.memory.semantic.hardware import Hardware
from quantum_memory.memory.semantic.overlap import Overlap
from quantum_memory.memory.semantic.pagerank import walk_ranks
from quantum_memory.memory.semantic.report import walk_report
from quantum_memory.memory.semantic.reversible import null_directions
from quantum_memory.memory.semantic.szegedy import PLAIN, Walk
from tests.unit.quantum_backends import DeviceArray, cupy_like
from tests.unit.slow_walks import Array, dense_google, dense_ranks, full_ranks, full_readings, full_walk, problems


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
    overlap = Overlap.of(google, Hardware())
    unit = np.eye(len(adjacency))
    np.testing.assert_allclose(np.array([google.apply(x) for x in unit]).T, dense, atol=1e-15)
    np.testing.assert_allclose(np.array([overlap.apply(x) for x in unit]), np.sqrt(dense * dense.T), atol=1e-15)


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
    adjacency = nx.to_scipy_sparse_array(graph, dtype=float)
    google = dense_google(adjacency.toarray(), 0.85, np.ones(150), np.ones(150))
    got = walk_ranks(adjacency, steps=60)
    np.testing.assert_allclose(got, dense_ranks(google, np.ones(150), 60), rtol=0, atol=1e-12)


def matrices(problem: dict[str, Any]) -> tuple[Array, Array]:
    """G (N, N) and where the walk starts (N,), written out."""
    even = np.ones(len(problem["adjacency"]))
    teleport = even if problem["personalization"] is None else problem["personalization"]
    sink = teleport if problem["dangling"] is None else problem["dangling"]
    start = even if problem["start"] is None else problem["start"]
    return dense_google(problem["adjacency"], problem["alpha"], teleport, sink), start


PHASES = st.sampled_from([0.0, np.pi / 3, np.pi / 2, 2.5, np.pi, -1.0, 1e-3])


@settings(deadline=None, max_examples=150)
@given(problems(), st.sampled_from(UNITARIES), st.tuples(PHASES, PHASES))
def test_any_phases_and_steps_are_the_walk_on_all_amplitudes(
    problem: dict[str, Any], unitary: Unitary, phases: tuple[float, float]
) -> None:
    google, start = matrices(problem)
    steps, measure = problem["steps"], problem["measure"]
    want = full_readings(google, start, steps, measure, 2 if unitary == "double" else 1, phases)
    adjacency = sp.csr_array(problem.pop("adjacency"))
    average = problem.pop("average")
    got = walk_ranks(adjacency, **problem, average=average, unitary=unitary, phases=phases)
    np.testing.assert_allclose(got, want.mean(axis=0) if average else want[-1], rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=100)
@given(problems(), st.integers(0, 40), st.tuples(PHASES, PHASES))
def test_its_amplitudes_are_the_state(problem: dict[str, Any], halves: int, phases: tuple[float, float]) -> None:
    dense, start = matrices(problem)
    adjacency = sp.csr_array(problem["adjacency"])
    google = Google.of(adjacency, problem["alpha"], problem["personalization"], problem["dangling"])
    walk = Walk(google, start / start.sum(), null_directions(adjacency, google), phases=phases)
    for _ in range(halves):
        walk.advance()
    psi = np.sqrt(dense).T
    state = walk.a[:, None] * psi + (walk.b[:, None] * psi).T
    np.testing.assert_allclose(state, full_walk(dense, start, halves, phases)[-1], rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(problems(), st.integers(1, 4), st.sampled_from(["numpy", "numba"]))
def test_threads_and_compiled_code_change_nothing(problem: dict[str, Any], threads: int, backend: str) -> None:
    adjacency = sp.csr_array(problem.pop("adjacency"))
    want = walk_ranks(adjacency, **problem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hardware, "WORTH_CUTTING", 0)
        patch.setattr(hardware, "BLOCK_ENTRIES", 3)
        got = walk_ranks(adjacency, **problem, threads=threads, backend=backend)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-13)


def test_a_graph_too_large_for_any_dense_matrix_on_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """60,000 nodes: D written out would take 29 GB."""
    monkeypatch.setattr(hardware, "WORTH_CUTTING", 0)
    rng = np.random.default_rng(1)
    ends = (60_000 * rng.random((2, 300_000)) ** 2).astype(np.int64)
    adjacency = sp.coo_array((rng.random(300_000), tuple(ends)), shape=(60_000, 60_000))
    one, two = (walk_ranks(adjacency, steps=3, threads=threads) for threads in (1, 2))
    assert len(Hardware(2).cut(Google.of(adjacency, 0.85).leads.indptr * 2)) == 8
    np.testing.assert_allclose(one, two, rtol=0, atol=1e-15)
    assert one.sum() == pytest.approx(1.0, abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(problems(), st.sampled_from([PLAIN, (np.pi, 1.0)]))
def test_on_a_gpu_the_same_calls_are_made(problem: dict[str, Any], phases: tuple[float, float]) -> None:
    """On a double of CuPy, which mixes with no array of the host; not a measurement of anything."""
    adjacency = sp.csr_array(problem.pop("adjacency"))
    problem["steps"] += 17  # long enough for null directions to be cleaned
    want = walk_ranks(adjacency, **problem, phases=phases)
    with pytest.MonkeyPatch.context() as patch:
        made = pretend_gpu(patch)
        got = walk_ranks(adjacency, **problem, phases=phases, backend="cupy")
        assert walk_report(adjacency, steps=2, deviation=True, backend="auto").deviation is not None
    assert len(made) == 4  # W and G, of both walks
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)


def pretend_gpu(patch: pytest.MonkeyPatch) -> list[Any]:
    """Put a double of CuPy and its sparse matrices in place; the matrices that are made come into the list."""
    made = []

    class Matrix:
        def __init__(self, edges: Any) -> None:
            assert sp.issparse(edges)
            self.edges = edges
            made.append(self)

        def __matmul__(self, x: DeviceArray) -> DeviceArray:
            assert isinstance(x, DeviceArray)
            return DeviceArray(self.edges @ x.data)

    patch.setitem(sys.modules, "cupy", cupy_like(1))
    for name, content in (("cupyx", {}), ("cupyx.scipy", {}), ("cupyx.scipy.sparse", {"csr_matrix": Matrix})):
        module = types.ModuleType(name)
        vars(module).update(content)
        patch.setitem(sys.modules, name, module)
    return made


def far(n: int) -> Array:
    return np.arange(1.0, n + 1)


LONG: dict[str, tuple[Any, float]] = {
    "path": (nx.path_graph(200), 1.0),
    "path, teleport": (nx.path_graph(200), 0.85),
    "star": (nx.star_graph(99), 0.85),
    "bipartite, no teleport": (nx.complete_bipartite_graph(3, 40), 1.0),
    "regular": (nx.random_regular_graph(4, 60, seed=1), 0.85),
    "regular, no teleport": (nx.random_regular_graph(4, 60, seed=1), 1.0),
    "grid, no teleport": (nx.convert_node_labels_to_integers(nx.grid_2d_graph(12, 12)), 1.0),
    "mostly dangling": (nx.gnp_random_graph(200, 0.002, seed=2, directed=True), 0.85),
    "mostly dangling, no teleport": (nx.gnp_random_graph(200, 0.002, seed=2, directed=True), 1.0),
    "directed cycle, no teleport": (nx.cycle_graph(50, create_using=nx.DiGraph), 1.0),
    "scale-free": (nx.barabasi_albert_graph(300, 3, seed=1), 0.85),
    "scale-free, directed": (nx.DiGraph(nx.scale_free_graph(200, seed=1)), 0.85),
    "two parts, no teleport": (nx.disjoint_union(nx.path_graph(30), nx.star_graph(9)), 1.0),
    "teleport alone": (nx.path_graph(5), 0.0),
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("personal", [False, True])
def test_after_a_thousand_steps_all_is_still_there(name: str, personal: bool) -> None:
    graph, alpha = LONG[name]
    adjacency, n = nx.to_scipy_sparse_array(graph, dtype=float), len(graph)
    google = Google.of(adjacency, alpha, far(n) if personal else None)
    walk = Walk(google, google.teleport, null_directions(adjacency, google))
    total, last = walk.moments(), walk.moments()
    for t in range(2000):
        walk.advance(last if t == 1999 else total if t % 2 else None)
    # Columns of G add up to 1, so this is the sum of all probabilities before anything is scaled.
    assert float(last.led.sum() + last.kept.sum()) == pytest.approx(1.0, abs=1e-10)
    assert float(total.led.sum() + total.kept.sum()) / 999 == pytest.approx(1.0, abs=1e-10)


@settings(deadline=None, max_examples=30)
@given(problems())
def test_after_a_thousand_steps_of_any_small_walk_the_sum_is_one(problem: dict[str, Any]) -> None:
    adjacency = sp.csr_array(problem.pop("adjacency"))
    problem["steps"] = 1000
    assert walk_ranks(adjacency, **problem).sum() == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("alpha", [0.9999, 0.999999, 0.99999999])
def test_an_eigenvalue_close_to_one_costs_the_square_of_the_steps(alpha: float) -> None:
    """Teleport so rare that the graph is almost in balance: the hardest case known, 1e-10 and not more."""
    graph = nx.path_graph(40)
    adjacency = nx.to_scipy_sparse_array(graph, dtype=float)
    google = dense_google(adjacency.toarray(), alpha, np.ones(40), np.ones(40))
    for average in (False, True):
        got = walk_ranks(adjacency, alpha, start=far(40), steps=1000, average=average)
        np.testing.assert_allclose(got, full_ranks(google, far(40), 1000, 2, average), rtol=0, atol=1e-10)
        assert got.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_indices_take_four_bytes_whatever_they_took(dtype: Any) -> None:
    adjacency = nx.to_scipy_sparse_array(nx.gnp_random_graph(30, 0.2, seed=1, directed=True), dtype=float)
    adjacency.indices, adjacency.indptr = adjacency.indices.astype(dtype), adjacency.indptr.astype(dtype)
    google = Google.of(adjacency, 0.85)
    for matrix in (google.links, google.leads, *(b.edges for b in Overlap.of(google, Hardware()).edges.blocks)):
        assert matrix.indices.dtype == matrix.indptr.dtype == np.int32
        assert matrix.data.dtype == np.float64
    assert adjacency.indices.dtype == dtype


def test_pairs_that_overlap_nowhere_are_not_kept() -> None:
    """Without teleport a one-way edge leads nowhere back: D is zero there."""
    google = Google.of(nx.to_scipy_sparse_array(nx.path_graph(9, create_using=nx.DiGraph), dtype=float), 1.0)
    assert sum(block.edges.nnz for block in Overlap.of(google, Hardware()).edges.blocks) < 16


def test_a_failing_block_is_heard_of() -> None:
    with Hardware(threads=2) as two, pytest.raises(ZeroDivisionError):
        two.each(lambda number: 1 // number, [1, 0, 1])


def test_where_to_compute_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    adjacency = sp.csr_array(np.ones((2, 2)))
    with pytest.raises(OutOfRange, match="threads"):
        walk_ranks(adjacency, threads=0)
    with pytest.raises(InvalidValue, match="backend"):
        walk_ranks(adjacency, backend="abacus")
    with pytest.raises(InvalidValue, match="unitary"):
        walk_ranks(adjacency, unitary="triple")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(InvalidValue, match="phases"):
        walk_ranks(adjacency, phases=(1.0,))  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(NotFinite, match="phases"):
        walk_ranks(adjacency, phases=(1.0, float("nan")))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    kernel.compiled.cache_clear()
    with pytest.raises(MissingDependency, match="numba"):
        walk_ranks(adjacency, backend="numba")
    with pytest.raises(MissingDependency, match="cupy"):
        walk_ranks(adjacency, backend="cupy")
    assert walk_ranks(adjacency, backend="auto").sum() == pytest.approx(1.0)
    assert Hardware(threads=None).threads >= 1
