"""Measurements on their way to Ray, which exports them to Prometheus on every node. Owns the buffer and its thread.

Who measures appends to a queue, which costs a fraction of a microsecond; a thread hands what gathered to Ray, counters
added up. What a process measured in its last moments is lost with it if it is killed.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any

from ray.util import metrics as ray_side

from quantum_memory.actors.process import gpu_bytes, resident_bytes
from quantum_memory.telemetry.catalog import GPU_BYTES, RESIDENT_BYTES, Metric
from quantum_memory.telemetry.metrics import Key, Metrics

EVERY_S = 1.0
MOST = 200_000
"""Measurements that may wait; of more the oldest are lost."""
EARLY = MOST // 4
"""From so many on they are handed over at once."""
logger = logging.getLogger(__name__)


class RayMetrics:
    """``Metrics`` that Ray exports. Its thread begins with the first measurement and ends with the process.

    Args:
        every_s: how often what gathered is handed over, and what is watched is looked at.
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._waiting: deque[tuple[Metric, float, tuple[str, ...]]] = deque(maxlen=MOST)
        self._gauges: dict[Key, float] = {}
        self._watched: list[Callable[[], None]] = []
        self._made: dict[Metric, Any] = {}
        self._handing_over, self._starting, self._due = threading.Lock(), threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        """See ``Metrics.add``."""
        self._waiting.append((metric, amount, labels))
        if self._thread is None or len(self._waiting) > EARLY:
            self._wake()

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """See ``Metrics.observe``."""
        self._waiting.append((metric, value, labels))
        if self._thread is None or len(self._waiting) > EARLY:
            self._wake()

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """See ``Metrics.set``: of what a gauge is set to between two times, the last counts."""
        self._gauges[metric, labels] = value
        if self._thread is None:
            self._wake()

    def watch(self, look: Callable[[], None]) -> None:
        """See ``Metrics.watch``."""
        self._watched.append(look)
        if self._thread is None:
            self._wake()

    def hand_over(self) -> None:
        """Give Ray all that gathered, now."""
        with self._handing_over:
            for look in tuple(self._watched):
                try:
                    look()
                except Exception as error:  # noqa: BLE001 - whatever it is, the others are looked at all the same
                    self._watched.remove(look)
                    logger.warning("something is measured no longer: %s", error)
            sums: dict[Key, float] = {}
            for _ in range(len(self._waiting)):
                metric, value, labels = self._waiting.popleft()
                if metric.kind == "histogram":
                    self._of(metric).observe(value, dict(zip(metric.labels, labels, strict=True)))
                else:
                    sums[metric, labels] = sums.get((metric, labels), 0.0) + value
            for (metric, labels), amount in sums.items():
                if amount > 0:
                    self._of(metric).inc(amount, dict(zip(metric.labels, labels, strict=True)))
            gauges, self._gauges = self._gauges, {}
            for (metric, labels), value in tuple(gauges.items()):  # whoever was setting one may still have the old ones
                self._of(metric).set(value, dict(zip(metric.labels, labels, strict=True)))

    def _of(self, metric: Metric) -> Any:
        """Ray's own metric, made when it is first needed."""
        made = self._made.get(metric)
        if made is None:
            if metric.kind == "histogram":
                made = ray_side.Histogram(metric.name, metric.meaning, list(metric.buckets), metric.labels)
            else:
                kind = ray_side.Counter if metric.kind == "counter" else ray_side.Gauge
                made = kind(metric.name, metric.meaning, metric.labels)
            self._made[metric] = made
        return made

    def _wake(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
                self._thread.start()
        if len(self._waiting) > EARLY:
            self._due.set()

    def _run(self) -> None:
        while True:
            self._due.wait(self._every_s)
            self._due.clear()
            try:
                self.hand_over()
            except Exception:
                logger.exception("measurements were not handed to Ray")


@cache
def ray_metrics() -> RayMetrics:
    """The measurements of this process."""
    return RayMetrics()


def watch_process(metrics: Metrics, pool: str) -> None:
    """Tell what this process, a member of a pool, takes of the machine."""

    def look() -> None:
        metrics.set(RESIDENT_BYTES, resident_bytes(), pool)
        taken = gpu_bytes()
        if taken is not None:
            metrics.set(GPU_BYTES, taken, pool)

    metrics.watch(look)
