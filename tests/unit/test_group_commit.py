"""Writes of many threads end up in few transactions, each with its own outcome, none lost and none kept waiting."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quantum_memory.errors import (
    InvalidValue,
    PlaceNotFound,
    QuantumMemoryError,
    StaleWriter,
    VaultUnavailable,
    WriteFailed,
)
from quantum_memory.memory.events import Forgotten
from quantum_memory.memory.vault import Append, CreateAgent, GroupCommit, Vault, Write, Written
from quantum_memory.types import Place


def open_vault(folder: Path) -> Vault:
    vault = Vault.open(folder, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    vault.write([CreateAgent(f"agent{number}", f"b{number}") for number in range(8)])
    return vault


class Gate:
    """A writer that waits at a gate before each batch, and remembers how large the batches were."""

    def __init__(self, vault: Vault) -> None:
        self.storage, self._vault = vault.storage, vault
        self.arrived, self.opened = threading.Semaphore(0), threading.Semaphore(0)
        self.sizes: list[int] = []

    def write(self, batch: Sequence[Write]) -> list[Written | QuantumMemoryError]:
        self.sizes.append(len(batch))
        self.arrived.release()
        self.opened.acquire()
        return self._vault.write(batch)


class Broken:
    """A writer whose disk has died."""

    storage = "a dead disk"

    def write(self, batch: Sequence[Write]) -> list[Written | QuantumMemoryError]:
        raise WriteFailed(self.storage, f"{len(batch)} lost")


def appends(branch: str, count: int) -> list[Append]:
    return [Append(branch, seq, Forgotten((f"{branch}-{seq}",)), f"{branch}-{seq}") for seq in range(count)]


def test_eight_threads_lose_nothing_and_keep_their_order(tmp_path: Path) -> None:
    count = 60

    def work(group: GroupCommit, branch: str) -> list[int]:
        return [group.write(write).place.seq for write in appends(branch, count)]

    with open_vault(tmp_path) as vault:
        with GroupCommit(vault) as group, ThreadPoolExecutor(8) as pool:
            seqs = list(pool.map(lambda number: work(group, f"b{number}"), range(8)))
        assert seqs == [list(range(1, count + 1))] * 8
        for number in range(8):
            found = [entry.event for entry in vault.entries(f"b{number}", 0, count)]
            assert found == [Forgotten((f"b{number}-{seq}",)) for seq in range(count)]


def test_what_waits_together_is_written_together_up_to_the_limit(tmp_path: Path) -> None:
    with open_vault(tmp_path) as vault:
        gate = Gate(vault)
        with GroupCommit(gate, max_batch=4) as group:
            futures = [group.submit(appends("b0", 1)[0])]
            gate.arrived.acquire()
            futures += [group.submit(write) for write in appends("b1", 6)]
            for _ in range(3):
                gate.opened.release()
            assert [future.result().place.seq for future in futures] == [1, 1, 2, 3, 4, 5, 6]
        assert gate.sizes == [1, 4, 2]


def test_a_refused_write_is_told_to_its_own_waiter_alone(tmp_path: Path) -> None:
    with open_vault(tmp_path) as vault:
        gate = Gate(vault)
        with GroupCommit(gate) as group:
            first = group.submit(appends("b0", 1)[0])
            gate.arrived.acquire()
            stale = group.submit(Append("b0", 7, Forgotten(("x",)), "x"))
            lost = group.submit(Append("nowhere", 0, Forgotten(("y",)), "y"))
            good = group.submit(Append("b0", 1, Forgotten(("z",)), "z"))
            gate.opened.release(2)
            assert first.result().place == Place("b0", 1)
            assert good.result().place == Place("b0", 2)
            with pytest.raises(StaleWriter):
                stale.result()
            with pytest.raises(PlaceNotFound):
                lost.result()
        assert gate.sizes == [1, 3]


def test_a_dead_database_is_told_to_every_waiter() -> None:
    with GroupCommit(Broken()) as group, ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(group.write, write) for write in appends("b0", 20)]
        for future in futures:
            with pytest.raises(WriteFailed, match="a dead disk"):
                future.result()


def test_closing_finishes_what_was_queued_and_refuses_the_rest(tmp_path: Path) -> None:
    with open_vault(tmp_path) as vault:
        gate = Gate(vault)
        group = GroupCommit(gate, max_batch=2)
        futures = [group.submit(write) for write in appends("b0", 9)]
        gate.arrived.acquire()
        closing = threading.Thread(target=group.close)
        closing.start()
        gate.opened.release(9)
        closing.join()
        assert [future.result(timeout=0).place.seq for future in futures] == list(range(1, 10))
        with pytest.raises(VaultUnavailable, match="closed"):
            group.submit(appends("b1", 1)[0])
        with pytest.raises(VaultUnavailable, match="closed"):
            group.write(appends("b1", 1)[0])
        group.close()
        assert vault.head("b1") == 0


def test_a_cancelled_write_is_not_written(tmp_path: Path) -> None:
    with open_vault(tmp_path) as vault:
        gate = Gate(vault)
        with GroupCommit(gate) as group:
            group.submit(appends("b0", 1)[0])
            gate.arrived.acquire()
            unwanted: Future[Written] = group.submit(appends("b1", 1)[0])
            wanted = group.submit(appends("b2", 1)[0])
            assert unwanted.cancel()
            gate.opened.release(2)
            wanted.result()
            with pytest.raises(CancelledError):
                unwanted.result()
        assert vault.heads(["b0", "b1", "b2"]) == {"b0": 1, "b1": 0, "b2": 1}


def test_a_batch_holds_at_least_one_write(tmp_path: Path) -> None:
    with open_vault(tmp_path) as vault, pytest.raises(InvalidValue, match="max_batch"):
        GroupCommit(vault, max_batch=0)
