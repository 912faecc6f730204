"""What the semantic graph costs: extracting concepts, adding a memory, spreading through a large graph, ranking it.

    OPENBLAS_NUM_THREADS=1 python benchmarks/spread.py [--nodes 20000] [--repeat 200]

The texts are made up: a vocabulary with the long tail of natural language, eight content words to a memory, five
speakers, sessions of twenty turns. What a step of the walk costs is in ``benchmarks/pagerank.py``. Times are of the
processor: on one thread, the time on a core of its own.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from quantum_memory.memory.events import Remembered
from quantum_memory.memory.semantic.extract import extract
from quantum_memory.memory.semantic.graph import GraphFold, GraphState
from quantum_memory.memory.semantic.spread import METHODS, concepts, spread
from quantum_memory.types import NEUTRAL, Memory

SPEAKERS = ("Alice", "Bob", "Carol", "Dan", "Erin")
VOCABULARY, WORDS, TURNS, SEEDS = 60_000, 8, 20, 20
AT = datetime(2026, 1, 1, tzinfo=UTC)
EMBEDDING = np.ones(1, dtype=np.float32)


def text(rng: np.random.Generator) -> str:
    ranks = np.minimum(rng.zipf(1.25, WORDS), VOCABULARY)
    return "so " + " and the ".join(f"word{rank}q" for rank in ranks)


def memory(number: int, rng: np.random.Generator) -> Memory:
    speaker = SPEAKERS[number % len(SPEAKERS)]
    session = f"s{number // TURNS}"
    return Memory(f"m{number}", text(rng), AT, NEUTRAL, 0.5, 0.5, EMBEDDING, speaker=speaker, session=session)


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def row(name: str, times_s: list[float], note: str = "") -> None:
    ordered = sorted(times_s)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    print(f"{name:<46} {statistics.median(ordered) * 1e3:>10.3f} {p95 * 1e3:>10.3f}   {note}")


def grow(nodes: int, rng: np.random.Generator) -> tuple[GraphState, list[float]]:
    fold, state = GraphFold(), GraphState()
    times_s: list[float] = []
    while _nodes(state) < nodes:
        event = Remembered((memory(len(times_s), rng),))
        start = time.process_time()
        state = fold.apply(state, event)
        times_s.append(time.process_time() - start)
    return fold.settled(state), times_s


def _nodes(state: GraphState) -> int:
    """Memories and concepts worked in so far."""
    return len(state.memories) + len(state.concepts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=20_000, help="memories and concepts in the graph")
    parser.add_argument("--repeat", type=int, default=200)
    asked = parser.parse_args()
    rng = np.random.default_rng(7)
    print(f"{'':<46} {'median ms':>10} {'p95 ms':>10}")
    texts = [text(rng) for _ in range(2000)]
    row("extract the concepts of 1,000 texts", [seconds(lambda: [extract(t) for t in texts]) / 2 for _ in range(7)])
    state, times_s = grow(asked.nodes, rng)
    size = f"{len(state.memories):,} memories, {len(state.concepts):,} concepts"
    row("add one memory", times_s[len(times_s) // 2 :], f"second half of growing to {size}")
    for method in METHODS:
        times_s = []
        for _ in range(asked.repeat):
            seeds = {f"m{rng.integers(len(state.memories))}": float(rng.random()) for _ in range(SEEDS)}
            query = text(rng)
            times_s.append(seconds(lambda q=query, s=seeds, m=method: spread(state, q, s, method=m)))  # type: ignore[misc]  # bound now
        row(f"spread, {method}", times_s, f"{SEEDS} seeds, at most 400 of {_nodes(state):,} nodes")
    row("rank all concepts", [seconds(lambda: concepts(state)) for _ in range(3)], f"{len(state.concepts):,} concepts")


if __name__ == "__main__":
    main()
