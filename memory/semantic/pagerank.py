"""Quantum PageRank in O(edges) a step, of networkx graphs and of sparse matrices.

The public face of the walk in ``szegedy``; ``report`` tells more of the same walk. Knows no memories and no agents.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.semantic.course import Course, Unitary
from quantum_memory.memory.semantic.google import Floats, non_negative
from quantum_memory.memory.semantic.hardware import Hardware
from quantum_memory.memory.semantic.szegedy import PLAIN


def quantum_pagerank(
    G: Any,
    alpha: float = 0.85,
    personalization: Mapping[Any, float] | None = None,
    weight: str | None = "weight",
    dangling: Mapping[Any, float] | None = None,
    steps: int = 100,
    measure: int = 2,
    average: bool = True,
) -> dict[Any, float]:
    """Quantum PageRank of each node, with the manners of ``networkx.pagerank``.

    An undirected edge counts in both directions, parallel edges add up, an edge without ``weight`` weighs 1. On large
    graphs all cores work that the process has; ``walk_ranks`` lets you choose, ``report`` tells more.

    Args:
        G: any networkx graph.
        alpha: share of the walk that follows edges; the rest teleports.
        personalization: weights of the nodes it teleports to; ``None`` means all alike.
        weight: edge attribute that holds the weights; ``None`` means that all weigh 1.
        dangling: weights of where a node without outgoing weight goes; ``None`` means ``personalization``.
        steps: time steps T of the walk.
        measure: the register that is read: 2, where the walker goes, or 1, where it comes from.
        average: the mean over t = 0..T, which is T + 1 samples; otherwise the distribution at t = T alone.

    Raises:
        OutOfRange: ``alpha`` outside [0, 1], ``steps`` below 0, or a negative weight.
        NotFinite: a weight is NaN or infinite.
        InvalidValue: ``measure`` is neither 1 nor 2, or a weight is given for what is no node of ``G``.
        ZeroMass: ``personalization`` or ``dangling`` adds up to zero; a ZeroDivisionError, as in networkx.

    >>> import networkx as nx
    >>> ranks = quantum_pagerank(nx.star_graph(3))
    >>> max(ranks, key=ranks.get)
    0
    """
    course = Course(steps, measure)
    bounded("alpha", alpha, 0.0, 1.0)
    graph = of_graph(G, personalization, weight, dangling)
    ranks = _ranks(graph, alpha, None, course, average, Hardware(threads=None))
    return dict(zip(graph.nodes, ranks.tolist(), strict=True))


def walk_ranks(
    adjacency: Any,
    alpha: float = 0.85,
    personalization: Floats | None = None,
    dangling: Floats | None = None,
    *,
    start: Floats | None = None,
    steps: int = 100,
    measure: int = 2,
    average: bool = True,
    unitary: Unitary = "double",
    phases: tuple[float, float] = PLAIN,
    threads: int | None = 1,
    backend: str = "numpy",
) -> Floats:
    """Quantum PageRank (N,) float64 of a graph given as a sparse matrix; O(edges) a step and of memory.

    Args:
        adjacency: (N, N) scipy sparse, the weight of the edge from row to column; it is not changed.
        alpha: share of the walk that follows edges; the rest teleports.
        personalization: (N,) weights of where it teleports to; ``None`` means evenly.
        dangling: (N,) weights of where nodes without outgoing weight go; ``None`` means ``personalization``.
        start: (N,) weights of where the walk starts; ``None`` means evenly, as Paparo and Martin-Delgado do.
        steps: time steps T.
        measure: the register that is read, 1 or 2.
        average: the mean over t = 0..T, T + 1 samples; otherwise the distribution at t = T alone.
        unitary: "double" if a time step is U², "single" if it is one U.
        phases: θ of every second U, and of those between, in radians; (π, π) is the usual walk.
        threads: that work on one product; ``None`` means all cores that the process has.
        backend: "numpy"; "numba", which compiles U and pays for many steps on a few thousand nodes; "cupy"; or "auto",
            which is "cupy" where it finds a GPU.

    Rounding: 1e-13 after hundreds of steps. Where two halves of the walk nearly cancel, which ``reversible`` says
    more of, it can grow with the square of the steps, to 1e-10 after 500. What it does to the sum of all
    probabilities is taken out.

    Raises: OutOfRange, NotFinite, ShapeMismatch, InvalidValue, ZeroMass; MissingDependency, NoDevice.
    """
    course = Course(steps, measure, unitary, phases)
    graph = Arrays(adjacency, personalization, dangling)
    return _ranks(graph, alpha, start, course, average, Hardware(threads, backend))


class Arrays(NamedTuple):
    """A graph as arrays in the order of ``nodes``: (N, N) scipy sparse and (N,) weights."""

    adjacency: Any
    personalization: Floats | None
    dangling: Floats | None
    nodes: tuple[Hashable, ...] = ()


def of_graph(
    graph: Any, personalization: Mapping[Any, float] | None, weight: str | None, dangling: Mapping[Any, float] | None
) -> Arrays:
    """A networkx graph as arrays.

    Raises: InvalidValue for weights of what is no node; of parallel edges, for each weight, also OutOfRange, NotFinite.
    """
    import networkx as nx

    nodes = tuple(graph)
    teleport = _over("personalization", personalization, nodes)
    sink = _over("dangling", dangling, nodes)
    if nodes and graph.is_multigraph():
        # Of parallel edges the sum could hide what is wrong with one.
        non_negative("weight", np.array([own for *_, own in graph.edges(data=weight, default=1.0)], dtype=np.float64))
    # networkx refuses a graph without nodes here, and ranks it elsewhere.
    adjacency = nx.to_scipy_sparse_array(graph, weight=weight, dtype=float) if nodes else sp.csr_array((0, 0))
    return Arrays(adjacency, teleport, sink, nodes)


def _ranks(
    graph: Arrays, alpha: float, start: Floats | None, course: Course, average: bool, hardware: Hardware
) -> Floats:
    with course.walk(graph.adjacency, alpha, graph.personalization, graph.dangling, start, hardware) as walk:
        total = walk.moments()
        for _ in course.samples(walk, total, lambda t: average or t == course.steps):
            pass
        return walk.distribution(total, course.steps + 1 if average else 1)


def _over(name: str, weights: Mapping[Hashable, float] | None, nodes: tuple[Any, ...]) -> Floats | None:
    """Weights by node as an array in the order of ``nodes``. Raises: InvalidValue for what is no node."""
    if weights is None:
        return None
    known = set(nodes)
    strangers = [node for node in weights if node not in known]
    if strangers:
        raise InvalidValue(name, repr(strangers[0]), "nodes of the graph alone")
    return np.array([weights.get(node, 0.0) for node in nodes])
