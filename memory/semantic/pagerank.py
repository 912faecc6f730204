"""Quantum PageRank in O(edges) a step, of networkx graphs and of sparse matrices.

The public face of the walk in ``szegedy``. Knows no memories and no agents.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import networkx as nx
import numpy as np

from quantum_memory.checks import whole
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.semantic.google import Floats, Google, distribution
from quantum_memory.memory.semantic.reversible import null_directions
from quantum_memory.memory.semantic.szegedy import Walk

SHORT_WALK_STEPS = 8
"""Up to here the roundings that null directions gather stay below 1e-13, and looking for them costs more."""


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

    An undirected edge counts in both directions, parallel edges add up, an edge without ``weight`` weighs 1.

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

    >>> ranks = quantum_pagerank(nx.star_graph(3))
    >>> max(ranks, key=ranks.get)
    0
    """
    _check(steps, measure)
    nodes = list(G)
    if not nodes:
        return {}
    teleport = _over("personalization", personalization, nodes)
    sink = _over("dangling", dangling, nodes)
    adjacency = nx.to_scipy_sparse_array(G, weight=weight, dtype=float)
    ranks = walk_ranks(adjacency, alpha, teleport, sink, steps=steps, measure=measure, average=average)
    return dict(zip(nodes, ranks.tolist(), strict=True))


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

    Rounding: 1e-13 after hundreds of steps. Where two halves of the walk nearly cancel, which ``reversible`` says
    more of, it can grow with the square of the steps, to 1e-10 after 500.

    Raises: OutOfRange, NotFinite, ShapeMismatch, InvalidValue, ZeroMass.
    """
    _check(steps, measure)
    google = Google.of(adjacency, alpha, personalization, dangling)
    n = google.teleport.size
    null = null_directions(adjacency, google) if steps > SHORT_WALK_STEPS else ()
    walk = Walk(google, distribution("start", start, n), null)
    total = np.zeros((3, n))
    for t in range(steps + 1):
        if t:
            walk.advance()
            walk.advance()
        if average or t == steps:
            walk.add_moments(total, measure)
    return walk.distribution(total, steps + 1 if average else 1, measure)


def _check(steps: int, measure: int) -> None:
    whole("steps", steps, 0, math.inf)
    if measure not in (1, 2):
        raise InvalidValue("measure", repr(measure), "register 1 or 2")


def _over(name: str, weights: Mapping[Hashable, float] | None, nodes: list[Any]) -> Floats | None:
    """Weights by node as an array in the order of ``nodes``. Raises: InvalidValue for what is no node."""
    if weights is None:
        return None
    known = set(nodes)
    strangers = [node for node in weights if node not in known]
    if strangers:
        raise InvalidValue(name, repr(strangers[0]), "nodes of the graph alone")
    return np.array([weights.get(node, 0.0) for node in nodes], dtype=np.float64)
