"""Adding, searching and forking memories that are already perceived: python benchmarks/episodic.py.

Made-up texts with the word frequencies of natural ones, vectors of 384 numbers, one thread.
"""

from __future__ import annotations

import argparse
import gc
import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.search import Query, search
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.memory.events import Remembered
from quantum_memory.types import NEUTRAL, Filters, Memory

DIM, VOCABULARY, WORDS_PER_TEXT = 384, 8_000, 20
START = datetime(2026, 1, 1, tzinfo=UTC)


def made_up(count: int, seed: int, first: int = 0) -> list[Memory]:
    """So many memories of two speakers in sessions of thirty."""
    rng = np.random.default_rng(seed)
    frequency = 1.0 / np.arange(1, VOCABULARY + 1)
    words = rng.choice(VOCABULARY, (count, WORDS_PER_TEXT), p=frequency / frequency.sum())
    vectors = rng.standard_normal((count, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        Memory(
            id=f"memory-{first + index}",
            text=" ".join(f"word{word}" for word in words[index]),
            at=START + timedelta(minutes=first + index),
            pad=NEUTRAL,
            confidence=0.5,
            importance=0.5,
            embedding=vectors[index].copy(),
            speaker=("Alice", "Bob")[index % 2],
            session=f"session-{(first + index) // 30}",
        )
        for index in range(count)
    ]


def grown(fold: MemoriesFold, memories: list[Memory], batch: int) -> tuple[EpisodicState, float]:
    """A state with these memories, added so many at a time, and how many were added a second."""
    state = fold.empty()
    begin = time.perf_counter()
    for index in range(0, len(memories), batch):
        state = fold.apply(state, Remembered(tuple(memories[index : index + batch])))
    return state, len(memories) / (time.perf_counter() - begin)


def search_p50_ms(state: EpisodicState, asked: list[Memory], filters: Filters) -> float:
    taken = []
    for one in asked:
        begin = time.perf_counter()
        search(state, Query(one.text, one.embedding, filters))
        taken.append(time.perf_counter() - begin)
    return float(1e3 * np.median(taken))


def bytes_per_fork(fold: MemoriesFold, state: EpisodicState, writes: int, forks: int) -> float:
    """Memory that each of many forks of one state holds after its own writes, as tracemalloc sees it.

    It does not see the nodes of the persistent maps, which Rust allocates: some 0.6 kB a write.
    """
    batches = [made_up(writes, seed, 1_000_000 + seed * writes) for seed in range(forks)]
    held = []
    gc.collect()
    tracemalloc.start()
    begin = tracemalloc.get_traced_memory()[0]
    for batch in batches:
        fork = state
        for memory in batch:
            fork = fold.apply(fork, Remembered((replace(memory, text=memory.text + " again"),)))
        held.append(fork)
    del fork, batch, memory
    batches.clear()
    gc.collect()
    each = (tracemalloc.get_traced_memory()[0] - begin) / forks
    tracemalloc.stop()
    return each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 20_000])
    parser.add_argument("--queries", type=int, default=200)
    asked = parser.parse_args()
    fold = MemoriesFold(DIM)
    questions = made_up(asked.queries, seed=1)
    for size in asked.sizes:
        memories = made_up(size, seed=0)
        one_by_one = grown(fold, memories, 1)[1]
        state, in_batches = grown(fold, memories, 10)
        print(f"{size} memories: added {one_by_one:.0f}/s one by one, {in_batches:.0f}/s in tens")
        for name, filters in (("all", Filters()), ("one speaker", Filters(speaker="Alice"))):
            print(f"  search p50, {name}: {search_p50_ms(state, questions, filters):.2f} ms")
        for writes in (1, 10):
            print(f"  a fork with {writes} writes of its own: {bytes_per_fork(fold, state, writes, 200):.0f} bytes")


if __name__ == "__main__":
    main()
