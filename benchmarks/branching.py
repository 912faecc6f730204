"""Fork, clone, checkpoint, rollback and merge at growing sizes, beside copying the same memories in other systems.

    python benchmarks/branching.py [--sizes 1000 10000 100000 1000000] [--peers PYTHON|make|none] [--json FILE]

Bounds: 10 ms or less in the median at the largest size and at most twice the time at the smallest; under 4 kB on disk
each. ``--peers make`` makes an environment of its own for Chroma, Qdrant and LanceDB; it needs PyPI.
Sizes above ``--peer-limit`` are not tried in the others: a copy there takes hours.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import quantum_memory as qm

MS, KB = 1e3, 1e3
BOUND_MS, BOUND_RATIO, BOUND_DISK_KB = 10.0, 2.0, 4.0
BATCH, OWN_WRITES, WARM = 2000, 10, 10
HERE = Path(__file__).parent
OPERATIONS = ("fork", "clone", "checkpoint", "rollback", "merge")


def utterances(chance: np.random.Generator, start: int, count: int) -> list[qm.Utterance]:
    words = chance.zipf(1.3, (count, 6)) % 5000
    pads, vectors = chance.uniform(-0.9, 0.9, (count, 3)), chance.normal(size=(count, 384)).astype(np.float32)
    return [
        qm.Utterance(
            f"Memory {start + row}: " + " ".join(f"word{word}" for word in words[row]),
            speaker=f"speaker {row % 5}",
            session=f"session {(start + row) // 20}",
            pad=qm.PAD(*pads[row]),
            embedding=vectors[row],
        )
        for row in range(count)
    ]


class Meter:
    """Times, database pages and private memory of what is done to one cluster in one folder."""

    def __init__(self, memory: qm.MemoryCluster, folder: Path) -> None:
        self._memory, self._folder = memory, folder
        self.found: dict[str, dict[str, float]] = {}

    def disk(self) -> int:
        """Bytes of the catalog as it is after the write-ahead log is folded in."""
        with closing(sqlite3.connect(f"file:{self._folder / 'journal.sqlite'}?mode=ro", uri=True)) as connection:
            (pages,), (size,), (free,) = (
                connection.execute(f"PRAGMA {name}").fetchone()
                for name in ("page_count", "page_size", "freelist_count")
            )
        return int((pages - free) * size)

    def resident(self) -> int:
        """Private memory of every actor. What processes share, such as Ray's object store, does not count."""
        pids = [pid for pids in self._memory.processes().values() for pid in pids]
        return sum(psutil.Process(pid).memory_full_info().uss for pid in pids)

    @contextmanager
    def measure(self, name: str, count: int) -> Iterator[Callable[[Callable[[], object]], None]]:
        """What is timed inside counts for ``name``."""
        times: list[float] = []

        def timed(work: Callable[[], object]) -> None:
            started = time.perf_counter()
            work()
            times.append(time.perf_counter() - started)

        gc.collect()
        disk, resident = self.disk(), self.resident()
        yield timed
        self.found[name] = {
            "ms_median": statistics.median(times) * MS,
            "ms_p95": statistics.quantiles(times, n=20)[-1] * MS,
            "disk_kb": (self.disk() - disk) / count / KB,
            "resident_kb": (self.resident() - resident) / count / KB,
        }


def ours(size: int, rounds: int) -> dict[str, Any]:
    config = {"perception": {"model": "hashing"}, "ray": {"dashboard": False}, "timeouts": {"call_s": 600.0}}
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        qm.connect(storage=folder, config=config) as memory,
    ):
        chance = np.random.default_rng(0)
        alice = memory.agent("alice")
        started = time.perf_counter()
        for start in range(0, size, BATCH):
            alice.remember(utterances(chance, start, min(BATCH, size - start)))
        filled_s = time.perf_counter() - started
        alice.recall("word1 word2")
        alice.mood()
        for number in range(WARM):
            warm = alice.fork(f"warm {number}")
            warm.remember(utterances(chance, number, 1))
            warm.rollback(alice.checkpoint(f"warm {number}"))
        meter = Meter(memory, Path(folder))
        branched(meter, alice, chance, rounds)
        assert len(alice.recall("word1 word2", k=5)) == 5
        return {"size": size, "filled_s": filled_s, "resident_gb": meter.resident() / 1e9, "ops": meter.found}


def branched(meter: Meter, alice: qm.AgentHandle, chance: np.random.Generator, rounds: int) -> None:
    with meter.measure("fork", rounds) as timed:
        for number in range(rounds):
            timed(partial(alice.fork, f"fork {number}"))
    with meter.measure("clone", rounds) as timed:
        for number in range(rounds):
            timed(partial(alice.clone, f"clone {number}"))
    with meter.measure("checkpoint", rounds) as timed:
        for number in range(rounds):
            timed(partial(alice.checkpoint, f"checkpoint {number}"))
    place = alice.checkpoint("before")
    alice.remember(utterances(chance, 0, 1))
    with meter.measure("rollback", rounds) as timed:
        for _ in range(rounds):
            timed(lambda: alice.rollback(place))
    sides = [alice.fork(f"side {number}") for number in range(max(5, rounds // 5))]
    for number, side in enumerate(sides):
        side.remember(utterances(chance, number * OWN_WRITES, OWN_WRITES))
    with meter.measure("merge", len(sides)) as timed:
        for side in sides:
            timed(partial(alice.merge, side))


def python_of_peers(asked: str) -> str:
    """The Python of the environment that holds the others, made if asked for."""
    if asked != "make":
        return asked
    folder = Path(tempfile.mkdtemp(prefix="peers-"))
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", HERE / "peers" / "requirements.txt"], check=True)
    return str(python)


def theirs(python: str, system: str, size: int) -> dict[str, float] | None:
    done = subprocess.run(
        [python, HERE / "peers" / "copying.py", system, str(size)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"{system} at {size}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(runs: list[dict[str, Any]], peers: dict[str, dict[int, dict[str, float]]]) -> None:
    sizes = [run["size"] for run in runs]
    head = "| what | " + " | ".join(f"{size:,}" for size in sizes) + " | largest / smallest |"
    rule = "| --- |" + " ---: |" * (len(sizes) + 1)
    for field, unit in (("ms_median", "ms, median"), ("disk_kb", "kB on disk"), ("resident_kb", "kB resident")):
        print(f"\n{unit}\n{head}\n{rule}")
        for name in OPERATIONS:
            values = [run["ops"][name][field] for run in runs]
            ratio = f"{values[-1] / values[0]:.2f}" if field == "ms_median" else ""
            print(f"| {name} | " + " | ".join(f"{value:,.2f}" for value in values) + f" | {ratio} |")
    for system, found in peers.items():
        print(
            f"\n{system}: "
            + "; ".join(
                f"{size:,}: {one['seconds'] * MS:,.1f} ms, {one['disk_bytes'] / KB:,.1f} kB on disk, "
                f"{one['resident_bytes'] / KB:,.0f} kB resident"
                for size, one in found.items()
            )
        )
    print("\nfilling: " + ", ".join(f"{run['size']:,} in {run['filled_s']:.0f} s" for run in runs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--peers", default="none", help="the Python that has them, 'make' or 'none'")
    parser.add_argument("--peer-limit", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    runs = []
    for size in asked.sizes:
        runs.append(ours(size, asked.rounds))
        print(json.dumps(runs[-1]), flush=True)
    peers: dict[str, dict[int, dict[str, float]]] = {}
    if asked.peers != "none":
        python = python_of_peers(asked.peers)
        for system in ("chroma", "qdrant", "lancedb"):
            limit = asked.sizes[-1] if system == "lancedb" else asked.peer_limit
            found = {size: theirs(python, system, size) for size in asked.sizes if size <= limit}
            peers[system] = {size: one for size, one in found.items() if one is not None}
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {psutil.cpu_count()} cores")
    show(runs, peers)
    last = runs[-1]["ops"]
    for name in OPERATIONS[:4]:
        ratio = last[name]["ms_median"] / runs[0]["ops"][name]["ms_median"]
        held = last[name]["ms_median"] <= BOUND_MS and ratio <= BOUND_RATIO and last[name]["disk_kb"] < BOUND_DISK_KB
        print(f"{name}: {'within' if held else 'OVER'} {BOUND_MS} ms, {BOUND_RATIO} times, {BOUND_DISK_KB} kB")
    if asked.json:
        asked.json.write_text(json.dumps({"ours": runs, "peers": peers}, indent=1))


if __name__ == "__main__":
    main()
