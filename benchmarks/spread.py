"""What the semantic graph costs: adding a memory, spreading through a large graph, one step of quantum PageRank.

    OPENBLAS_NUM_THREADS=1 python benchmarks/spread.py [--nodes 20000] [--repeat 200]

The texts are made up: a vocabulary with the long tail of natural language, eight content words to a memory, five
speakers, sessions of twenty turns. The dense reference of the walk holds D and G as N x N arrays.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.events import Remembered
from quantum_memory.memory.semantic.extract import extract
from quantum_memory.memory.semantic.google import Google
from quantum_memory.memory.semantic.graph import GraphFold, GraphState
from quantum_memory.memory.semantic.pagerank import walk_ranks
from quantum_memory.memory.semantic.spread import METHODS, concepts, spread
from quantum_memory.memory.semantic.szegedy import Walk
from quantum_memory.types import NEUTRAL, Memory

SPEAKERS = ("Alice", "Bob", "Carol", "Dan", "Erin")
VOCABULARY, WORDS, TURNS, SEEDS = 60_000, 8, 20, 20
DENSE_NODES, DEGREE = 2000, 10
AT = datetime(2026, 1, 1, tzinfo=UTC)
EMBEDDING = np.ones(1, dtype=np.float32)
Array = NDArray[np.float64]


def text(rng: np.random.Generator) -> str:
    ranks = np.minimum(rng.zipf(1.25, WORDS), VOCABULARY)
    return "so " + " and the ".join(f"word{rank}q" for rank in ranks)


def memory(number: int, rng: np.random.Generator) -> Memory:
    speaker = SPEAKERS[number % len(SPEAKERS)]
    session = f"s{number // TURNS}"
    return Memory(f"m{number}", text(rng), AT, NEUTRAL, 0.5, 0.5, EMBEDDING, speaker=speaker, session=session)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def row(name: str, times_s: list[float], note: str = "") -> None:
    ordered = sorted(times_s)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    print(f"{name:<46} {statistics.median(ordered) * 1e3:>10.3f} {p95 * 1e3:>10.3f}   {note}")


def grow(nodes: int, rng: np.random.Generator) -> tuple[GraphState, list[float]]:
    fold, state = GraphFold(), GraphState()
    times_s: list[float] = []
    while _nodes(state) < nodes:
        event = Remembered((memory(len(times_s), rng),))
        start = time.perf_counter()
        state = fold.apply(state, event)
        times_s.append(time.perf_counter() - start)
    return fold.settled(state), times_s


def _nodes(state: GraphState) -> int:
    """Memories and concepts worked in so far."""
    return len(state.memories) + len(state.concepts)


def dense_step_s(google: Google, repeat: int) -> list[float]:
    """Seconds of one U² of the same recursion on dense matrices."""
    n = google.teleport.size
    matrix = np.array([google.apply(x) for x in np.eye(n)]).T
    overlap = np.sqrt(matrix * matrix.T)
    a, b, times_s = np.sqrt(google.teleport), np.zeros(n), []
    for _ in range(repeat):
        start = time.perf_counter()
        for _ in range(2):
            a, b = -b, a + 2 * overlap @ b
        times_s.append(time.perf_counter() - start)
    return times_s


def full_step_s(google: Google, repeat: int) -> list[float]:
    """Seconds of one U² on all N² amplitudes, as the published simulators do it."""
    n = google.teleport.size
    psi = np.sqrt(np.array([google.apply(x) for x in np.eye(n)]))  # row j is the second register of |psi_j>
    state, times_s = np.sqrt(google.teleport)[:, None] * psi, []
    for _ in range(repeat):
        start = time.perf_counter()
        for _ in range(2):
            state = (2 * (state * psi).sum(axis=1, keepdims=True) * psi - state).T
        times_s.append(time.perf_counter() - start)
    return times_s


def walk_step_s(google: Google, repeat: int) -> list[float]:
    walk, times_s = Walk(google, google.teleport), []
    for _ in range(repeat):
        start = time.perf_counter()
        walk.advance()
        walk.advance()
        times_s.append(time.perf_counter() - start)
    return times_s


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
        row(f"spread, {method}", times_s, f"{SEEDS} seeds, at most 600 of {_nodes(state):,} nodes")
    row("rank all concepts", [seconds(lambda: concepts(state)) for _ in range(3)], f"{len(state.concepts):,} concepts")
    graph = nx.gnp_random_graph(DENSE_NODES, DEGREE / DENSE_NODES, seed=1, directed=True)
    adjacency = nx.to_scipy_sparse_array(graph, dtype=float)
    google = Google.of(adjacency, 0.85)
    sparse_s, dense_s, full_s = walk_step_s(google, 200), dense_step_s(google, 20), full_step_s(google, 5)
    ratios = [statistics.median(slow) / statistics.median(sparse_s) for slow in (dense_s, full_s)]
    row(f"one walk step, N = {DENSE_NODES}", sparse_s, f"{adjacency.nnz:,} edges")
    row("  the same, dense D", dense_s, f"{ratios[0]:,.0f} times as long")
    row("  the same, all N x N amplitudes", full_s, f"{ratios[1]:,.0f} times as long")
    row("quantum PageRank, 100 steps, whole call", [seconds(lambda: walk_ranks(adjacency)) for _ in range(10)])


if __name__ == "__main__":
    main()
