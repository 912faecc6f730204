"""Many agents on one machine: how fast they are made, filled, asked and forked, and how many bytes each takes.

    python benchmarks/scale.py [--agents 1 100 1000 10000] [--memories 20] [--placement inline|actors] [--pool 2]
                               [--alone 16] [--json FILE]

Percepts are ready-made: no model is asked. Each size has a Ray and a vault of its own. Resident memory is what all
processes of the run take (driver, actors and Ray's own; what they share is counted once), and per agent the growth of
the private memory of the actors. Beside it `--alone` agents with an actor each, which hold the vectors of as many
memories and nothing else: no journal, no words, no graph, no mood. Seconds of the processor are of all processes
together; they hardly depend on what else the machine does, but for making the memories, which counts here.

Bounds, at 10,000 agents with 20 memories each: made and filled in 120 s, 4 GiB in all, 1,000 agents asked in one call
in 2 s.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import ray

import quantum_memory as qm
from quantum_memory.types import Vector

if TYPE_CHECKING:
    from ray import ObjectRef

DIM = 384
WAVE = 1000
"""Agents of one call: so many of their memories are held here at a time."""
ASKED = 1000
"""Agents that are asked in one call, if there are so many."""
SINGLE, FORKS, IN_FLIGHT = 200, 200, 32
LOOK_S = 0.1
KIB, GIB = 2**10, 2**30
BOUNDS = {"filled_s": 120.0, "all_gib": 4.0, "recall_many_s": 2.0}
BOUND_AGENTS, BOUND_MEMORIES = 10_000, 20
PLACES = ("mill", "river", "market", "garden", "bridge", "ferry", "well", "tower", "bakery", "gate", "yard", "quay")
THINGS = ("bread", "letter", "song", "umbrella", "kettle", "boat", "lamp", "coat", "violin", "apple", "rope", "clock")
DONE = ("found", "lost", "mended", "sold", "borrowed", "painted", "dropped", "carried")


class Alone:
    """An agent in an actor of its own: vectors, and the nearest of them."""

    def __init__(self) -> None:
        self._vectors = np.empty((0, DIM), np.float32)
        self._texts: list[str] = []

    def remember(self, texts: list[str], vectors: Vector) -> int:
        """Take in some texts and their vectors."""
        self._texts += texts
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        self._vectors = np.concatenate([self._vectors, unit.astype(np.float32)])
        return len(self._texts)

    def recall(self, query: Vector, k: int) -> list[tuple[float, str]]:
        """The nearest texts."""
        scores = self._vectors @ query
        return [(float(scores[at]), self._texts[at]) for at in np.argsort(-scores)[:k].tolist()]

    def private(self) -> int:
        """Bytes that are this process's alone."""
        return int(psutil.Process().memory_full_info().uss)


def life(chance: np.random.Generator, agent: int, memories: int) -> list[qm.Utterance]:
    """What one agent remembers, perceived already."""
    vectors = chance.normal(size=(memories, DIM)).astype(np.float32)
    feelings = chance.uniform(-0.9, 0.9, (memories, 3))
    words = chance.integers(0, 96, (memories, 3))
    return [
        qm.Utterance(
            f"On day {day} I {DONE[own[0] % 8]} the {THINGS[own[1] % 12]} by the {PLACES[own[2] % 12]}.",
            speaker=f"Agent {agent}",
            session=f"week {day // 7}",
            pad=qm.PAD(*feelings[day]),
            embedding=vectors[day],
        )
        for day, own in enumerate(words)
    ]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """How many seconds something takes, and what it gives."""
    begun = time.perf_counter()
    given = work()
    return time.perf_counter() - begun, given


def a_second(sent: Iterator[ObjectRef[Any]], in_flight: int = 1) -> float:
    """How many calls are answered in a second, so many being on their way at a time; the iterator sends them."""
    flying: deque[ObjectRef[Any]] = deque()
    begun, count = time.perf_counter(), 0
    for reference in sent:
        flying.append(reference)
        count += 1
        if len(flying) == in_flight:
            ray.get(flying.popleft())
    ray.get(list(flying))
    return count / (time.perf_counter() - begun)


def processor_s() -> float:
    """Seconds of the processor that this process and all that it started have taken so far."""
    here, total = psutil.Process(), 0.0
    for process in (here, *here.children(recursive=True)):
        try:
            times = process.cpu_times()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        total += times.user + times.system
    return total


def private(memory: qm.MemoryCluster) -> int:
    """Bytes that are the actors' alone."""
    return sum(psutil.Process(pid).memory_full_info().uss for pids in memory.processes().values() for pid in pids)


def in_all() -> int:
    """Bytes of this process and of all that it started, each page once."""
    here = psutil.Process()
    total = 0
    for process in (here, *here.children(recursive=True)):
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


def measured(memory: qm.MemoryCluster, agents: int, memories: int) -> dict[str, float]:
    """All figures of one size."""
    chance = np.random.default_rng(0)
    warm(memory, chance, memories)
    names = [f"agent {number}" for number in range(agents)]
    gc.collect()
    before, began_s = private(memory), processor_s()
    open_s, handles = timed(lambda: memory.open(names))
    fill_s = 0.0
    for start in range(0, agents, WAVE):
        wave = {names[at]: life(chance, at, memories) for at in range(start, min(start + WAVE, agents))}
        fill_s += timed(partial(memory.remember, wave))[0]
        del wave
    fill_s += timed(partial(settled, memory))[0]
    grown, filled_s = private(memory) - before, processor_s()
    asked = [handles[name] for name in names[:ASKED]]
    queries = chance.normal(size=(len(asked), DIM)).astype(np.float32)
    asked_s = processor_s()
    first_s, _ = timed(lambda: memory.recall(dict(zip(asked, queries, strict=True)), k=10))
    first_processor_s = processor_s() - asked_s
    again_s, hits = timed(lambda: memory.recall(dict(zip(asked, queries[::-1], strict=True)), k=10))
    assert all(len(one) == min(10, memories) for one in hits.values())
    one_each = {handle: life(chance, 0, 1)[0] for handle in asked}
    remember_s, _ = timed(lambda: memory.remember(one_each))
    some = [asked[at % len(asked)] for at in range(SINGLE)]
    query, told = queries[0], life(chance, 0, 1)
    forks = (one.fork.remote(f"what if {number}") for number, one in enumerate(some[:FORKS]))
    return {
        "agents": agents,
        "opened_a_s": agents / open_s,
        "filled_s": open_s + fill_s,
        "filled_processor_s": filled_s - began_s,
        "memories_a_s": agents * memories / fill_s,
        "kib_each": grown / agents / KIB,
        "all_gib": in_all() / GIB,
        "recall_many_s": first_s,
        "recall_many_processor_s": first_processor_s,
        "recalls_a_s_many": len(asked) / again_s,
        "remembers_a_s_many": len(asked) / remember_s,
        "recalls_a_s_single": a_second(one.recall.remote(query) for one in some),
        "recalls_a_s_flying": a_second((one.recall.remote(query) for one in some), IN_FLIGHT),
        "remembers_a_s_single": a_second(one.remember.remote(told) for one in some),
        "remembers_a_s_flying": a_second((one.remember.remote(told) for one in some), IN_FLIGHT),
        "forks_a_s": a_second(forks, IN_FLIGHT),
    }


def settled(memory: qm.MemoryCluster) -> None:
    """Wait until every view has taken in what was acknowledged: that is part of filling."""
    while any(value for each in memory.status()["agents"] for name, value in each.items() if name.endswith("_lag")):
        time.sleep(LOOK_S)


def warm(memory: qm.MemoryCluster, chance: np.random.Generator, memories: int) -> None:
    """What every agent shares is loaded before anything is measured."""
    handle = memory.open(["somebody"])["somebody"]
    memory.remember({handle: life(chance, 0, memories)})
    memory.recall({handle: "the bread by the mill"})
    handle.fork("what if")


def alone(agents: int, memories: int) -> dict[str, float]:
    """The same of agents with an actor each."""
    chance = np.random.default_rng(0)
    texts = [one.text for one in life(chance, 0, memories)]
    vectors = chance.normal(size=(memories, DIM)).astype(np.float32)
    make: Any = ray.remote(num_cpus=0)(Alone)
    made_s, actors = timed(lambda: _ready([make.remote() for _ in range(agents)], texts, vectors))
    query = vectors[0]
    first_s, _ = timed(lambda: ray.get([actor.recall.remote(query, 10) for actor in actors]))
    private_each = float(np.mean(ray.get([actor.private.remote() for actor in actors])))
    single = a_second(actors[at % agents].recall.remote(query, 10) for at in range(SINGLE))
    for actor in actors:
        ray.kill(actor)
    return {
        "agents": agents,
        "opened_a_s": agents / made_s,
        "kib_each": private_each / KIB,
        "recall_many_s": first_s,
        "recalls_a_s_many": agents / first_s,
        "recalls_a_s_single": single,
    }


def _ready(actors: Sequence[Any], texts: list[str], vectors: Vector) -> Sequence[Any]:
    ray.get([actor.remember.remote(texts, vectors) for actor in actors])
    return actors


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--agents", type=int, nargs="+", default=[1, 100, 1000, 10_000])
    options.add_argument("--memories", type=int, default=20)
    options.add_argument("--placement", choices=("actors", "inline"), default="inline")
    options.add_argument("--pool", type=int, default=2, help="members of each pool of agents and views")
    options.add_argument("--alone", type=int, default=16, help="agents with an actor each; 0 for none")
    options.add_argument("--json", type=Path, help="where to write the figures")
    given = options.parse_args()
    config = {
        "perception": {"model": "hashing", "dim": DIM},
        "placement": given.placement,
        "pools": {name: {"size": given.pool} for name in ("agents", "quantum", "episodic", "graph")},
        "ray": {"dashboard": False},
    }
    rows = []
    for agents in given.agents:
        with TemporaryDirectory() as folder, qm.connect(storage=folder, config=config) as memory:
            rows.append(measured(memory, agents, given.memories))
            print(json.dumps(rows[-1]), flush=True)
            if agents == given.agents[-1] and given.alone:
                rows.append(alone(given.alone, given.memories) | {"alone": True})
    tell(rows)
    report = {"machine": platform.platform(), "cpus": psutil.cpu_count(), "rows": rows} | vars(given)
    if given.json:
        given.json.write_text(json.dumps(report | {"json": str(given.json)}, indent=1), encoding="utf-8")


def tell(rows: Sequence[dict[str, float]]) -> None:
    """The figures as a table, one column for each size, and the bounds."""
    print("| | " + " | ".join(_head(row) for row in rows) + " |")
    print("| --- |" + " ---: |" * len(rows))
    for name in rows[0]:
        if name != "agents":
            print(f"| {name} | " + " | ".join(_told(row.get(name)) for row in rows) + " |")
    for row in rows:
        if row["agents"] == BOUND_AGENTS:
            for name, bound in BOUNDS.items():
                print(f"{name}: {row[name]:.2f}, bound {bound:g}: {'holds' if row[name] <= bound else 'MISSED'}")


def _told(figure: float | None) -> str:
    if figure is None:
        return "-"
    return f"{figure:,.0f}" if figure >= 1000 else f"{figure:,.3g}"


def _head(row: dict[str, float]) -> str:
    return f"{row['agents']:,.0f}, an actor each" if row.get("alone") else f"{row['agents']:,.0f}"


if __name__ == "__main__":
    main()
