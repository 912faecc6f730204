"""What a fork costs: time and resident memory of many forks of an agent that remembers much.

    python benchmarks/forks.py [--memories 5000] [--forks 500] [--writes 1] [--placement actors|inline] [--json FILE]

Bounds: under 5 ms a fork in the median and under 50 kB of resident memory each, over all actors together.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil

import quantum_memory as qm

MS, KB = 1e3, 1e3
BOUND_MS, BOUND_KB = 5.0, 50.0


def utterance(chance: np.random.Generator, number: int) -> qm.Utterance:
    words = " ".join(f"word{int(one)}" for one in chance.zipf(1.3, 12) % 5000)
    return qm.Utterance(
        f"Memory {number}: {words}",
        speaker=f"speaker {number % 5}",
        session=f"session {number // 20}",
        pad=qm.PAD(*chance.uniform(-0.9, 0.9, 3)),
        embedding=chance.normal(size=384).astype(np.float32),
    )


def resident(memory: qm.MemoryCluster) -> int:
    """Private memory of every actor, in bytes. What processes share, such as Ray's object store, does not count."""
    pids = [pid for pids in memory.processes().values() for pid in pids]
    return sum(psutil.Process(pid).memory_full_info().uss for pid in pids)


def measure(memory: qm.MemoryCluster, memories: int, forks: int, writes: int) -> dict[str, float]:
    chance = np.random.default_rng(0)
    alice = memory.agent("alice")
    for start in range(0, memories, 100):
        alice.remember([utterance(chance, number) for number in range(start, min(start + 100, memories))])
    alice.recall("word1 word2")
    alice.mood()
    # The first forks warm code paths and allocators that every agent shares.
    for number in range(20):
        alice.fork(f"warm {number}").remember(utterance(chance, number))
    gc.collect()
    before = resident(memory)
    times, branches = [], []
    for number in range(forks):
        started = time.perf_counter()
        branches.append(alice.fork(f"fork {number}"))
        times.append(time.perf_counter() - started)
    forked = resident(memory)
    for number, branch in enumerate(branches):
        for _ in range(writes):
            branch.remember(utterance(chance, number))
    written = resident(memory)
    assert len(branches[-1].memories()) == memories + writes
    assert len(alice.memories()) == memories
    return {
        "memories": memories,
        "forks": forks,
        "fork_ms_median": statistics.median(times) * MS,
        "fork_ms_p95": statistics.quantiles(times, n=20)[-1] * MS,
        "resident_kb_per_fork": (forked - before) / forks / KB,
        "writes_per_fork": writes,
        "resident_kb_per_written_fork": (written - before) / forks / KB,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memories", type=int, default=5000)
    parser.add_argument("--forks", type=int, default=500)
    parser.add_argument("--writes", type=int, default=1)
    parser.add_argument("--placement", choices=["actors", "inline"], default="actors")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    config = {"placement": asked.placement, "perception": {"model": "hashing"}, "ray": {"dashboard": False}}
    with TemporaryDirectory() as folder, qm.connect(storage=folder, config=config) as memory:
        found = measure(memory, asked.memories, asked.forks, asked.writes)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.processor() or platform.machine()}, {psutil.cpu_count()} cores")
    for name, value in found.items():
        print(f"{name:32} {value:10.3f}")
    print(f"bounds: {BOUND_MS} ms, {BOUND_KB} kB")
    if asked.json:
        asked.json.write_text(json.dumps(found | {"placement": asked.placement}, indent=1))


if __name__ == "__main__":
    main()
