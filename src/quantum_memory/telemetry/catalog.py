"""Every metric by name: its kind, its labels, its buckets, and what it says. Records none.

No label ever names an agent, a branch or an operation: there may be millions, and each would be a series of its own.
Ray exports the names with the prefix ``ray_``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PREFIX = "quantum_memory_"
SECONDS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
COUNTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0, 16384.0)
INFIDELITIES = tuple(10.0**-exponent for exponent in range(12, 0, -1))


@dataclass(frozen=True, eq=False)
class Metric:
    """One metric. Compared by identity, so that it is a cheap key.

    Attributes:
        labels: the names of its labels; whoever records gives their values in this order.
        buckets: upper bounds of a histogram's buckets, rising; none for others.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(PREFIX + name, "counter", meaning, labels)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(PREFIX + name, "gauge", meaning, labels)


def _histogram(name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(PREFIX + name, "histogram", meaning, labels, buckets)


OPERATIONS = _counter("operations_total", "Operations that an orchestrator has ended.", "operation", "outcome")
OPERATION_SECONDS = _histogram(
    "operation_seconds", "From the arrival of an operation at its orchestrator to its answer.", SECONDS, "operation"
)
VIEW_SECONDS = _histogram("view_seconds", "One call in the host that answers it.", SECONDS, "view", "method")
BATCH_SIZE = _histogram("batch_size", "Requests answered in one call, or texts in one forward pass.", COUNTS, "pool")
CACHE = _counter("cache_total", "What was looked for in a cache, by whether it was there.", "cache", "outcome")
MOOD_INFIDELITY = _histogram(
    "mood_fidelity", "1 - F of a mood after an event: what compressing it has cost.", INFIDELITIES
)
BRANCHES = _counter("branches_total", "Forks, clones, checkpoints, rollbacks and merges.", "how")
JOURNAL_EVENTS = _counter("journal_events_total", "Events that are durable.")
JOURNAL_COMMIT_SECONDS = _histogram("journal_commit_seconds", "One transaction of the vault, synced.", SECONDS)
JOURNAL_BATCH = _histogram("journal_batch", "Writes in one transaction of the vault.", COUNTS)
JOURNAL_LAG = _gauge("journal_lag_events", "Acknowledged events that a view has not folded yet.", "view")
SNAPSHOTS = _counter("snapshots_total", "Views written down, and found again.", "part", "outcome")
SNAPSHOT_BYTES = _counter("snapshot_bytes_total", "Bytes of the views written down.")
RESIDENT_AGENTS = _gauge("resident_agents", "Branches of agents that members of a pool hold in memory.", "pool")
RESIDENT_BYTES = _gauge("resident_bytes", "Resident memory of a pool's processes.", "pool")
EVICTIONS = _counter("evictions_total", "Agents put away, by reason.", "pool", "why")
BACKPRESSURE = _counter("backpressure_total", "Calls refused because too many wait already.", "pool")
GPU_BYTES = _gauge("gpu_bytes", "Device memory that a pool's processes have taken.", "pool")
HTTP_REQUESTS = _counter("http_requests_total", "Requests that the door answered.", "route", "method", "status")
HTTP_SECONDS = _histogram(
    "http_request_seconds", "From a request to the last of its answer.", SECONDS, "route", "method"
)

METRICS: tuple[Metric, ...] = tuple(value for value in globals().copy().values() if isinstance(value, Metric))
"""All of them, in the order above."""
