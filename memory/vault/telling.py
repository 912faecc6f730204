"""What of a batch of writes is worth counting: events, branches, checkpoints, and how long they took to be durable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from quantum_memory.errors import QuantumMemoryError
from quantum_memory.memory.events import Merged, Picked, RolledBack
from quantum_memory.memory.vault.writes import Append, CreateBranch, CreateCommit, Write, Written
from quantum_memory.telemetry.catalog import BRANCHES, JOURNAL_BATCH, JOURNAL_COMMIT_SECONDS, JOURNAL_EVENTS
from quantum_memory.telemetry.metrics import SILENT, Metrics


def tell(
    metrics: Metrics, writes: Sequence[Write], outcomes: Sequence[Written | QuantumMemoryError], seconds: float
) -> None:
    """Count one transaction that was kept. A write that was refused, or done before, counts in its batch alone."""
    if metrics is SILENT:
        return
    metrics.observe(JOURNAL_BATCH, len(writes))
    metrics.observe(JOURNAL_COMMIT_SECONDS, seconds)
    events, how = 0, Counter[str]()
    for write, outcome in zip(writes, outcomes, strict=True):
        if isinstance(outcome, Written) and not outcome.repeated:
            events += isinstance(write, Append)
            how.update(_hows(write, outcome))
    if events:
        metrics.add(JOURNAL_EVENTS, events)
    for one, times in how.items():
        metrics.add(BRANCHES, times, one)


def _hows(write: Write, outcome: Written) -> Iterator[str]:
    """What happened to branches: the fork of a transaction is none that anybody sees."""
    if isinstance(write, CreateBranch) and write.kind != "transaction":
        yield write.kind
    elif isinstance(write, CreateCommit):
        yield "checkpoint"
    elif isinstance(write, Append):
        if isinstance(write.event, RolledBack):
            yield "rollback"
        elif isinstance(write.event, Merged | Picked):
            yield "merge"
        if outcome.commit is not None:
            yield "checkpoint"
