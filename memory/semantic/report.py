"""What a quantum PageRank came to and how settled it is: spread over time, single readings, convergence.

Goes the same walk as ``pagerank``. Knows no memories and no agents.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.memory.semantic.course import Course, Unitary
from quantum_memory.memory.semantic.google import Floats
from quantum_memory.memory.semantic.hardware import Hardware
from quantum_memory.memory.semantic.pagerank import Arrays, of_graph
from quantum_memory.memory.semantic.szegedy import PLAIN


@dataclass(frozen=True, slots=True)
class WalkReport:
    """What a walk of T time steps came to.

    Attributes:
        nodes: what the arrays stand for, in their order.
        steps: T.
        average: (N,) mean of the distribution over t = 0..T, the quantum PageRank.
        last: (N,) distribution at t = T.
        shifts: for t = .., T/4, T/2, T, rounded down, how far the mean over 0..t lies from that over 0..t/2: the sum
            of absolute differences. A walk never comes to rest; its mean does, about as 1 / t.
        converged: whether the last shift was at most ``tol``; None if none was asked for.
        deviation: (N,) standard deviation over t = 0..T, or None if it was not asked for.
        instantaneous: (T + 1, N) every distribution, or None if they were not asked for.
    """

    nodes: tuple[Hashable, ...]
    steps: int
    average: Floats
    last: Floats
    shifts: tuple[tuple[int, float], ...]
    converged: bool | None
    deviation: Floats | None
    instantaneous: Floats | None

    def ranks(self) -> dict[Hashable, float]:
        """The mean by node."""
        return dict(zip(self.nodes, self.average.tolist(), strict=True))


def pagerank_report(
    G: Any,
    alpha: float = 0.85,
    personalization: Mapping[Any, float] | None = None,
    weight: str | None = "weight",
    dangling: Mapping[Any, float] | None = None,
    steps: int = 100,
    measure: int = 2,
    *,
    tol: float | None = None,
    deviation: bool = False,
    instantaneous: bool = False,
    unitary: Unitary = "double",
    phases: tuple[float, float] = PLAIN,
    threads: int | None = None,
    backend: str = "numpy",
) -> WalkReport:
    """``quantum_pagerank`` with all there is to know of it; arguments as there and in ``walk_report``.

    >>> import networkx as nx
    >>> found = pagerank_report(nx.star_graph(3), tol=0.05, deviation=True)
    >>> found.converged, max(found.ranks(), key=found.ranks().get)
    (True, 0)
    """
    bounded("alpha", alpha, 0.0, 1.0)
    course = Course(steps, measure, unitary, phases)
    graph = of_graph(G, personalization, weight, dangling)
    return _report(graph, alpha, None, course, _Asked(tol, deviation, instantaneous), Hardware(threads, backend))


def walk_report(
    adjacency: Any,
    alpha: float = 0.85,
    personalization: Floats | None = None,
    dangling: Floats | None = None,
    *,
    start: Floats | None = None,
    steps: int = 100,
    measure: int = 2,
    tol: float | None = None,
    deviation: bool = False,
    instantaneous: bool = False,
    unitary: Unitary = "double",
    phases: tuple[float, float] = PLAIN,
    threads: int | None = 1,
    backend: str = "numpy",
) -> WalkReport:
    """``walk_ranks`` with all there is to know of it; arguments are as there, and these beside.

    With ``tol``, ``steps`` is the most that are taken: it stops at the first of t = .., T/4, T/2, T whose shift is at
    most that, see ``WalkReport.shifts``. ``deviation`` works out the standard deviation over time, with one more
    product by G a step. ``instantaneous`` keeps every distribution, (T + 1) N numbers.

    Raises: as ``walk_ranks``; and for ``tol`` below 0.
    """
    course = Course(steps, measure, unitary, phases)
    graph = Arrays(adjacency, personalization, dangling)
    return _report(graph, alpha, start, course, _Asked(tol, deviation, instantaneous), Hardware(threads, backend))


class _Spread:
    """Mean and standard deviation of distributions that come one by one, after Welford (1962)."""

    def __init__(self, n: int) -> None:
        self.count, self.mean, self._squares = 0, np.zeros(n), np.zeros(n)

    def add(self, seen: Floats) -> None:
        self.count += 1
        away = seen - self.mean
        self.mean += away / self.count
        self._squares += away * (seen - self.mean)

    def deviation(self) -> Floats:
        return np.sqrt(self._squares / self.count)


class _Asked(NamedTuple):
    tol: float | None
    deviation: bool
    instantaneous: bool


def _report(
    graph: Arrays, alpha: float, start: Floats | None, course: Course, asked: _Asked, hardware: Hardware
) -> WalkReport:
    if asked.tol is not None:
        bounded("tol", asked.tol, 0.0, math.inf)
    marks = {course.steps >> halved for halved in range(course.steps.bit_length() + 1)}
    shifts: list[tuple[int, float]] = []
    kept: list[Floats] = []
    with course.walk(graph.adjacency, alpha, graph.personalization, graph.dangling, start, hardware) as walk:
        n = len(walk.b)
        total, one, spread, average = walk.moments(), walk.moments(), _Spread(n), np.zeros(n)
        for t in course.samples(walk, one, lambda _: True):
            if asked.deviation or asked.instantaneous:
                seen = walk.distribution(one)
                spread.add(seen)
                kept.extend([seen] if asked.instantaneous else [])
            total.add(one)
            if t in marks:
                before, average = average, walk.distribution(total, t + 1)
                last = walk.distribution(one)
                if t:
                    shifts.append((t, float(np.abs(average - before).sum())))
                if t and asked.tol is not None and shifts[-1][1] <= asked.tol:
                    break
            one.clear()
    return WalkReport(
        nodes=graph.nodes or tuple(range(n)),
        steps=t,
        average=average,
        last=last,
        shifts=tuple(shifts),
        converged=None if asked.tol is None else bool(shifts) and shifts[-1][1] <= asked.tol,
        deviation=spread.deviation() if asked.deviation else None,
        instantaneous=np.array(kept) if asked.instantaneous else None,
    )
