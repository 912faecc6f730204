"""How fast the journal takes events durably, beside bare sqlite3 on the same disk in the same run.

    python benchmarks/journal.py [--folder FOLDER] [--events 6400]

Every figure counts acknowledged, synced writes of one memory with a 384-dimensional embedding.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from quantum_memory.memory.events import Remembered
from quantum_memory.memory.vault import Append, CreateAgent, CreateBranch, GroupCommit, Vault, Written
from quantum_memory.memory.vault.codec import encode
from quantum_memory.types import PAD, Memory, Place

BATCH, THREADS, FORKS, DIM = 32, 8, 200, 384
TEXT = "Bob lent me his umbrella in the rain, and walked home without one himself."
CREATE = """
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 8192;
    CREATE TABLE journal (branch TEXT, seq INTEGER, at INTEGER, kind TEXT, op_id TEXT UNIQUE, payload BLOB,
                          PRIMARY KEY (branch, seq));
"""


def event(number: int, rng: np.random.Generator) -> Remembered:
    embedding = rng.normal(size=DIM).astype(np.float32)
    return Remembered((Memory(f"m{number}", TEXT, datetime.now(UTC), PAD(0.4, 0.1, 0.2), 0.9, 0.5, embedding),))


def timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def done(outcomes: list[object]) -> None:
    assert all(isinstance(outcome, Written) for outcome in outcomes), outcomes


def in_batches(vault: Vault, events: list[Remembered]) -> float:
    """Events a second, one branch, 32 to a transaction."""
    vault.write([CreateAgent("batches", "batches")])

    def work() -> None:
        for first in range(0, len(events), BATCH):
            part = enumerate(events[first : first + BATCH], start=first)
            done([*vault.write([Append("batches", seq, made, f"{seq}") for seq, made in part])])

    return len(events) / timed(work)


def one_by_one(vault: Vault, events: list[Remembered]) -> float:
    """Events a second, eight threads with a branch each, every call waiting for its own acknowledgement."""
    done([*vault.write([CreateAgent(f"thread{number}", f"thread{number}") for number in range(THREADS)])])
    share = len(events) // THREADS

    def thread(group: GroupCommit, number: int) -> None:
        own = events[number * share : (number + 1) * share]
        for seq, made in enumerate(own):
            group.write(Append(f"thread{number}", seq, made, f"{seq}"))

    def work() -> None:
        with GroupCommit(vault) as group, ThreadPoolExecutor(THREADS) as pool:
            for future in [pool.submit(thread, group, number) for number in range(THREADS)]:
                future.result()

    return share * THREADS / timed(work)


def forks(vault: Vault) -> float:
    """Median time of one durable fork of a branch that has a long past, in ms."""
    parent = Place("batches", vault.head("batches"))
    times = []
    for number in range(FORKS):
        write = CreateBranch(f"fork{number}", "batches", f"fork{number}", "fork", parent, f"fork{number}")
        times.append(timed(lambda write=write: done([*vault.write([write])])))  # type: ignore[misc]  # bound at once
    return 1000 * statistics.median(times)


def bare_batches(folder: Path, payloads: list[bytes], size: int) -> float:
    """Events a second that bare sqlite3 takes in, ``size`` to a transaction, from one thread."""
    with closing(sqlite3.connect(folder / f"bare{size}.sqlite", isolation_level=None)) as connection:
        connection.executescript(CREATE)

        def work() -> None:
            for first in range(0, len(payloads), size):
                rows = [
                    ("branch", seq, seq, "remembered", f"{seq}", payload)
                    for seq, payload in enumerate(payloads[first : first + size], start=first)
                ]
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", rows)
                connection.execute("COMMIT")

        return len(payloads) / timed(work)


def report(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    events = [event(number, rng) for number in range(count)]
    payloads = [encode(made) for made in events]
    few = count // 4
    with Vault.open(folder / "vault", now=lambda: datetime.now(UTC), embedding=f"random/{DIM}") as vault:
        batched, single, fork_ms = in_batches(vault, events), one_by_one(vault, events[:few]), forks(vault)
    bare_batched, bare_single = bare_batches(folder, payloads, BATCH), bare_batches(folder, payloads[:few], 1)
    bare_fork_ms = 1000 / bare_single
    print(f"{count} events of {statistics.fmean(map(len, payloads)):.0f} bytes, synced to {folder}\n")
    print("| what | vault | bare sqlite3 | ratio |")
    print("| --- | ---: | ---: | ---: |")
    for name, ours, bare in (
        (f"events/s in batches of {BATCH}", batched, bare_batched),
        (f"single calls/s from {THREADS} threads (bare: 1 thread)", single, bare_single),
    ):
        print(f"| {name} | {ours:,.0f} | {bare:,.0f} | {ours / bare:.2f} |")
    print(
        f"| fork, median ms (bare: one row, mean) | {fork_ms:.2f} | {bare_fork_ms:.2f} | {fork_ms / bare_fork_ms:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where to write; a fresh temporary folder if not given")
    parser.add_argument("--events", type=int, default=6400)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        report(Path(folder), asked.events)


if __name__ == "__main__":
    main()
