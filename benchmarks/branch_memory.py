"""What a fork with writes of its own costs in memory, view by view, and whether forks are searchable and apart.

    OPENBLAS_NUM_THREADS=1 python benchmarks/branch_memory.py [--memories 100000] [--forks 1000] [--writes 10]

One process holds every view of one agent and all its forks, without Ray and without a vault, so nothing can be read
again from a journal: what a fork answers is what it holds. Views take in the same events one view after another, each
from records of its own, as in actors of their own. Bound: 100 MiB for all forks together.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from quantum_memory.errors import PlaceNotFound
from quantum_memory.memory.affect.mood import MoodFold
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.search import Query, search
from quantum_memory.memory.events import Entry, Remembered, RolledBack
from quantum_memory.memory.semantic.graph import GraphFold
from quantum_memory.memory.semantic.spread import spread
from quantum_memory.memory.skills import SkillsFold
from quantum_memory.memory.timeline import Timeline
from quantum_memory.memory.working import WorkingFold
from quantum_memory.types import PAD, Branch, BranchId, Memory, Place

MIB, KB = 2**20, 1e3
BOUND_MIB = 100.0
DIM, BATCH, TURNS, WARM = 384, 500, 20, 200
ROOT = "root"
START = datetime(2026, 1, 1, tzinfo=UTC)


class NoJournal:
    """A history that knows its branches and has nothing to read."""

    def __init__(self) -> None:
        self._rows = {ROOT: Branch(ROOT, "alice", "main", ROOT, "root", None, 0, START)}

    def branch(self, branch: BranchId) -> Branch:
        return self._rows[branch]

    def rollbacks(self, branch: BranchId, upto: int) -> Sequence[tuple[int, RolledBack]]:  # noqa: ARG002 - there are none
        return ()

    def entries(self, branch: BranchId, after: int, upto: int) -> Sequence[Entry]:  # noqa: ARG002 - none is kept
        raise PlaceNotFound("alice", f"{branch}@{upto}")


def memories(seed: int, count: int, mark: str, confidence: float = 0.8) -> tuple[Memory, ...]:
    """So many memories that all have one word in common; always the same ones for a seed."""
    chance = np.random.default_rng(seed)
    words = chance.zipf(1.3, (count, 8)) % 20_000
    vectors = chance.normal(size=(count, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pads = chance.uniform(-0.9, 0.9, (count, 3))
    return tuple(
        Memory(
            f"{seed:08x}{row:024x}",
            f"{mark} " + " ".join(f"word{word}" for word in words[row].tolist()),
            START + timedelta(seconds=row),
            PAD(*pads[row].tolist()),
            confidence,
            0.5,
            vectors[row].copy(),
            speaker=f"speaker {row % 5}",
            session=f"session {seed} {row // TURNS}",
        )
        for row in range(count)
    )


def past(count: int) -> Iterator[Entry]:
    """The events of the agent before any fork. Only the last are felt: of older ones a mood knows nothing any more."""
    for number, start in enumerate(range(0, count, BATCH)):
        felt = 0.8 if count - start <= 2 * BATCH else 0.0
        batch = memories(1 + number, min(BATCH, count - start), "common", felt)
        yield Entry(Place(ROOT, number + 1), START, Remembered(batch))


def own(fork: int, writes: int) -> tuple[Memory, ...]:
    return memories(1_000_000 + WARM + fork, writes, mark(fork))


def mark(fork: int) -> str:
    return f"zmark{fork}z"


def resident() -> int:
    """Private bytes of this process, once what is free was given back."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return int(psutil.Process().memory_full_info().uss)


def measured(view: Timeline[Any], memories: int, forks: int, writes: int) -> tuple[int, int]:
    """Bytes that one view needs for all forks, and for all forks after their writes."""
    head = Place(ROOT, 0)
    for entry in past(memories):
        view.push(entry)
        head = entry.place
    # The first forks fill what building left free in the allocators, which would make the others look cheaper.
    grow(view, head, range(-WARM, 0), writes)
    before = resident()
    for fork in range(forks):
        view.fork(head, f"fork {fork}")
    forked = resident()
    grow(view, head, range(forks), writes)
    return forked - before, resident() - before


def grow(view: Timeline[Any], head: Place, forks: range, writes: int) -> None:
    """Let forks write by turns, one memory a time."""
    for fork in forks:
        view.fork(head, f"fork {fork}")
    for number in range(writes):
        for fork in forks:
            event = Remembered((own(fork, writes)[number],))
            view.push(Entry(Place(f"fork {fork}", head.seq + number + 1), START, event))


def search_all(episodic: Timeline[Any], graphs: Timeline[Any], seq: int, forks: int, writes: int) -> float:
    """Ask every fork for its own writes and for its neighbour's, by word, by meaning and by a walk; seconds it took.

    Raises: SystemExit if one finds too little or too much.
    """
    started, walker = time.perf_counter(), GraphFold()
    for fork in range(forks):
        mine, others = own(fork, writes), own((fork + 1) % forks, writes)
        place = Place(f"fork {fork}", seq)
        state, graph = episodic.at(place), walker.settled(graphs.at(place))
        for wanted, word, there in ((mine, mark(fork), True), (others, mark((fork + 1) % forks), False)):
            ids = {memory.id for memory in wanted}
            by_word = {one.id for one in search(state, Query(word, limit=2 * writes)).memories}
            near = {one.id for one in search(state, Query(None, wanted[0].embedding, limit=1)).memories}
            walked = set(spread(graph, word, {}))
            for found in (by_word, walked):
                if not (ids <= found if there else not ids & found):
                    raise SystemExit(f"fork {fork} found {len(ids & found)} of {writes} by {word!r}")
            if (wanted[0].id in near) is not there:
                raise SystemExit(f"fork {fork} found {near} by meaning")
    return time.perf_counter() - started


def measure(memories: int, forks: int, writes: int) -> dict[str, float]:
    keep = 2 * forks + 1000
    folds = (SkillsFold(), WorkingFold(), MoodFold(), MemoriesFold(DIM), GraphFold())
    found: dict[str, float] = {}
    held: dict[str, Timeline[Any]] = {}
    total = 0
    for fold in folds:
        started = time.perf_counter()
        view = held[fold.part] = Timeline[Any](fold, NoJournal(), keep)
        forked, written = measured(view, memories, forks, writes)
        total += written
        found[f"{fold.part}_kb_per_fork"] = forked / forks / KB
        found[f"{fold.part}_kb_per_written_fork"] = written / forks / KB
        found[f"{fold.part}_s"] = time.perf_counter() - started
    seq = -(-memories // BATCH) + writes
    before = resident()
    found["search_s"] = search_all(held["memories"], held["graph"], seq, forks, writes)
    found["search_mib"] = (resident() - before) / MIB
    return found | {"kb_per_written_fork": total / forks / KB, "mib_in_all": total / MIB}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=100_000)
    parser.add_argument("--forks", type=int, default=1000)
    parser.add_argument("--writes", type=int, default=10)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found = measure(asked.memories, asked.forks, asked.writes)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.processor() or platform.machine()}, {psutil.cpu_count()} cores")
    print(f"{asked.memories:,} memories, {asked.forks:,} forks with {asked.writes} writes each")
    for name, value in found.items():
        print(f"{name:32} {value:10.3f}")
    print(f"bound: {BOUND_MIB:.0f} MiB in all")
    if asked.json:
        asked.json.write_text(json.dumps(vars(asked) | {"json": str(asked.json)} | found, indent=1))


if __name__ == "__main__":
    main()
