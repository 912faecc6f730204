"""Many writers, one transaction: writes that wait together become durable together. Adds no delay."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from time import perf_counter
from types import TracebackType
from typing import Protocol, Self

from quantum_memory.errors import InvalidValue, QuantumMemoryError, VaultUnavailable
from quantum_memory.memory.vault.telling import tell
from quantum_memory.memory.vault.writes import Write, Written
from quantum_memory.telemetry.metrics import SILENT, Metrics

Job = tuple[Write, "Future[Written]"]


class Writer(Protocol):
    """Who makes a batch durable: the vault."""

    storage: str

    def write(self, batch: Sequence[Write]) -> list[Written | QuantumMemoryError]: ...


class GroupCommit:
    """Gathers the writes of many threads into batches for a vault, in the order in which they came.

    While one batch is on its way to the disk, the next one gathers. One thread of its own does the writing.

    Args:
        vault: where the batches go; closing this does not close it.
        max_batch: how many writes one transaction may hold.
        metrics: where it is told what became durable, and how long that took.
        written: called after each batch.
    """

    def __init__(
        self,
        vault: Writer,
        max_batch: int = 512,
        metrics: Metrics = SILENT,
        written: Callable[[], object] = lambda: None,
    ) -> None:
        if max_batch < 1:
            raise InvalidValue("max_batch", repr(max_batch), "at least 1")
        self._vault, self._max_batch, self._metrics, self._written = vault, max_batch, metrics, written
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._drain, name="vault-group-commit", daemon=True)
        self._thread.start()

    def submit(self, write: Write) -> Future[Written]:
        """Queue a write. The future holds its outcome, or its error, once the outcome is durable.

        Raises: VaultUnavailable after ``close``.
        """
        future: Future[Written] = Future()
        with self._closing:
            if self._closed:
                raise VaultUnavailable(self._vault.storage, "its group commit is closed")
            self._queue.put((write, future))
        return future

    def write(self, write: Write) -> Written:
        """Write and wait until it is durable. Raises: what refused it, or VaultUnavailable after ``close``."""
        return self.submit(write).result()

    @property
    def waiting(self) -> int:
        """How many writes have not begun, about."""
        return self._queue.qsize()

    def close(self) -> None:
        """Finish what was queued, then end. A second call waits for the first."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _drain(self) -> None:
        more = True
        while more:
            jobs, more = self._gather()
            wanted = [job for job in jobs if job[1].set_running_or_notify_cancel()]
            if wanted:
                self._settle(wanted)

    def _gather(self) -> tuple[list[Job], bool]:
        """Whatever waits, up to ``max_batch``, and whether there may be more after it."""
        jobs: list[Job] = []
        job = self._queue.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == self._max_batch:
                return jobs, True
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    def _settle(self, jobs: list[Job]) -> None:
        began_s, writes = perf_counter(), [write for write, _ in jobs]
        try:
            outcomes = self._vault.write(writes)
        except Exception as error:  # noqa: BLE001 - every waiter must hear of it, or it would wait for ever
            for _, future in jobs:
                future.set_exception(error)
            return
        tell(self._metrics, writes, outcomes, perf_counter() - began_s)
        self._written()
        for (_, future), outcome in zip(jobs, outcomes, strict=True):
            if isinstance(outcome, QuantumMemoryError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
