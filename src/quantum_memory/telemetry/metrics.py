"""Where measurements go: one Protocol, one that keeps nothing, and one that keeps all in the process, for tests.

The one that hands them to Ray is ``quantum_memory.actors.ray_metrics``.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from quantum_memory.telemetry.catalog import METRICS, Metric

Key = tuple[Metric, tuple[str, ...]]


class Metrics(Protocol):
    """Takes measurements. Values of labels come in the order of ``Metric.labels``.

    Laws: nothing is raised for the sake of a measurement, and nobody waits for one. Any thread may call it.
    """

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        """A counter rises by an amount of 0 or more."""
        ...

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """A histogram takes one more value."""
        ...

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """A gauge stands at a value."""
        ...

    def watch(self, look: Callable[[], None]) -> None:
        """Have this called now and then, from another thread: it sets gauges and adds what others have counted."""
        ...


class Silent:
    """Keeps nothing; the ``Metrics`` of whoever names none."""

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        """Nothing."""

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Nothing."""

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Nothing."""

    def watch(self, look: Callable[[], None]) -> None:
        """Nothing: it is never called."""


SILENT: Metrics = Silent()


class Recorder:
    """Keeps all, for tests and benchmarks. Strict, where others are lenient: see Raises.

    Raises, from every measurement: ValueError for a metric that is in no catalog or of another kind, for too many or
    too few labels, and for a counter that falls.
    """

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._numbers: defaultdict[Key, float] = defaultdict(float)
        self._values: defaultdict[Key, list[float]] = defaultdict(list)
        self._watched: list[Callable[[], None]] = []

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        """See ``Metrics.add``."""
        _check(metric, "counter", labels)
        if not amount >= 0:
            raise ValueError(f"{metric.name}: a counter cannot rise by {amount}")
        with self._changing:
            self._numbers[metric, labels] += amount

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """See ``Metrics.observe``."""
        _check(metric, "histogram", labels)
        with self._changing:
            self._values[metric, labels].append(float(value))

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """See ``Metrics.set``."""
        _check(metric, "gauge", labels)
        with self._changing:
            self._numbers[metric, labels] = float(value)

    def watch(self, look: Callable[[], None]) -> None:
        """See ``Metrics.watch``; it is called whenever somebody reads."""
        self._watched.append(look)

    def number(self, metric: Metric, *labels: str) -> float:
        """Where a counter or a gauge stands; 0 if it was never touched."""
        self._look()
        with self._changing:
            return self._numbers.get((metric, labels), 0.0)

    def values(self, metric: Metric, *labels: str) -> list[float]:
        """What a histogram was given under these labels, in order."""
        self._look()
        with self._changing:
            return list(self._values.get((metric, labels), ()))

    def seen(self, metric: Metric) -> frozenset[tuple[str, ...]]:
        """The labels under which a metric was given anything."""
        self._look()
        with self._changing:
            return frozenset(labels for kept in (self._numbers, self._values) for one, labels in kept if one is metric)

    def _look(self) -> None:
        for look in self._watched:
            look()


class Risen:
    """A count that somebody else keeps, as a counter: whatever it has risen by since it was last told.

    Args:
        metrics, metric, labels: where it is told.

    One thread tells; the first telling counts from 0.
    """

    def __init__(self, metrics: Metrics, metric: Metric, *labels: str) -> None:
        self._metrics, self._metric, self._labels = metrics, metric, labels
        self._told = 0

    def to(self, count: int) -> None:
        """It stands at this now. One that fell began anew."""
        before, self._told = self._told, count
        risen = count - before if count >= before else count
        if risen:
            self._metrics.add(self._metric, risen, *self._labels)


def _check(metric: Metric, kind: str, labels: tuple[str, ...]) -> None:
    if metric not in METRICS or metric.kind != kind:
        raise ValueError(f"{metric.name} is no {kind} of the catalog")
    if len(labels) != len(metric.labels):
        raise ValueError(f"{metric.name} has the labels {metric.labels}, got {labels}")
