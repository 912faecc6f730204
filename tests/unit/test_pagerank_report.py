"""What a report says of a walk, against every reading of the walk on all amplitudes."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import OutOfRange
from quantum_memory.memory.semantic.pagerank import quantum_pagerank, walk_ranks
from quantum_memory.memory.semantic.report import pagerank_report, walk_report
from tests.unit.slow_walks import dense_google, full_readings, problems


@settings(deadline=None, max_examples=80)
@given(problems())
def test_a_report_is_every_reading_summed_up(problem: dict[str, Any]) -> None:
    adjacency, alpha, steps, measure = (problem[name] for name in ("adjacency", "alpha", "steps", "measure"))
    even = np.ones(len(adjacency))
    readings = full_readings(dense_google(adjacency, alpha, even, even), even, steps, measure)
    found = walk_report(
        sp.csr_array(adjacency), alpha, steps=steps, measure=measure, deviation=True, instantaneous=True
    )
    assert found.steps == steps
    assert found.converged is None
    assert found.instantaneous is not None
    assert found.deviation is not None
    np.testing.assert_allclose(found.instantaneous, readings, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.average, readings.mean(axis=0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.deviation, readings.std(axis=0), rtol=0, atol=1e-7)
    np.testing.assert_allclose(found.deviation**2, readings.var(axis=0), rtol=0, atol=1e-13)
    np.testing.assert_allclose(found.last, readings[-1], rtol=0, atol=1e-12)
    times = [t for t in (steps >> halved for halved in range(8)) if t][::-1]
    assert [t for t, _ in found.shifts] == times
    means = np.cumsum(readings, axis=0) / np.arange(1, steps + 2)[:, None]
    want = [np.abs(means[t] - means[t // 2]).sum() for t in times]
    np.testing.assert_allclose([shift for _, shift in found.shifts], want, rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(problems(), st.sampled_from([0.0, 1e-3, 0.05, 0.2, 2.0]))
def test_it_stops_as_soon_as_the_mean_has_settled(problem: dict[str, Any], tol: float) -> None:
    adjacency = sp.csr_array(problem["adjacency"])
    whole = walk_report(adjacency, steps=64)
    found = walk_report(adjacency, steps=64, tol=tol)
    settled = [t for t, shift in whole.shifts if shift <= tol]
    assert found.converged == bool(settled)
    assert found.steps == (settled[0] if settled else 64)
    assert found.shifts == whole.shifts[: len(found.shifts)]
    shorter = walk_report(adjacency, steps=found.steps)
    np.testing.assert_allclose(found.average, shorter.average, rtol=0, atol=1e-13)


def test_a_mean_settles_about_as_one_over_time() -> None:
    found = walk_report(nx.to_scipy_sparse_array(nx.barabasi_albert_graph(60, 2, seed=1), dtype=float), steps=1024)
    shifts = dict(found.shifts)
    assert shifts[1024] < shifts[128] / 4
    assert shifts[1024] < 0.01


def test_a_report_of_a_graph_has_its_nodes() -> None:
    graph = nx.karate_club_graph()
    found = pagerank_report(graph, steps=40, personalization={0: 1.0})
    assert found.nodes == tuple(graph)
    want = quantum_pagerank(graph, steps=40, personalization={0: 1.0})
    assert found.ranks() == pytest.approx(want, abs=1e-14)
    assert found.deviation is None
    assert found.instantaneous is None


def test_reports_of_hardly_anything() -> None:
    empty = pagerank_report(nx.DiGraph(), deviation=True, instantaneous=True, tol=0.0)
    assert empty.ranks() == {}
    assert empty.converged
    one = walk_report(sp.csr_array((1, 1)), steps=0, tol=1.0)
    assert one.ranks() == {0: 1.0}
    assert one.shifts == ()
    assert one.converged is False  # nothing was compared
    np.testing.assert_array_equal(one.last, walk_ranks(sp.csr_array((1, 1)), steps=0))


def test_a_tolerance_below_zero_is_refused() -> None:
    with pytest.raises(OutOfRange, match="tol"):
        walk_report(sp.csr_array((1, 1)), tol=-1.0)
