"""Forks of a large semantic graph: what one costs, and what ranking it costs beside building the matrix anew.

    python benchmarks/knowledge.py [edges]

Prints CPU times in milliseconds, and what the process holds more for each of many forks. Bounds: under 1 ms and under
20 kB a fork. Linux alone: it gives freed memory back before it looks.
"""

from __future__ import annotations

import ctypes
import gc
import random
import sys
import time
from collections.abc import Callable

import psutil

from quantum_memory.memory.events import Related, Spoken
from quantum_memory.memory.semantic import SemanticGraph
from quantum_memory.memory.semantic.pagerank import walk_ranks
from quantum_memory.memory.semantic.sealed import Sealed
from quantum_memory.types import Relation

FORKS, READ = 20_000, 500
PER_EVENT = 1000


def word(number: int) -> str:
    """A word of its own that no stemmer touches."""
    letters = "bcdfghjklm"
    return "".join(letters[int(digit)] + "a" for digit in f"{number:05d}") + "k"


def grown(edges: int, rng: random.Random) -> SemanticGraph:
    """A graph of so many edges in all: mentions, concepts that stand together, and relations."""
    graph = SemanticGraph()
    number = 0
    while count(graph) < edges:
        heard = tuple(
            Spoken(f"m{number + at}", " ".join(word(int(20_000 * rng.random() ** 2)) for _ in range(8)))
            for at in range(PER_EVENT)
        )
        told = tuple(
            Relation(word(rng.randrange(20_000)), "knows", word(rng.randrange(20_000)), memory=f"m{number + at}")
            for at in range(PER_EVENT)
        )
        graph.apply(Related(told, heard))
        number += PER_EVENT
    return graph


def count(graph: SemanticGraph) -> int:
    """The edges of a graph."""
    state = graph.state
    mentions = sum(len(trace.concepts) for trace in state.memories.values())
    together = sum(len(known.links) for known in state.concepts.told().values()) // 2
    return mentions + together + len(state.relations)


def resident() -> int:
    """Private memory of this process, in bytes."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # else what is new lies where something old was
    return int(psutil.Process().memory_full_info().uss)


def cpu_ms(work: Callable[[], object], times: int = 1) -> float:
    """CPU milliseconds of one run, the best of three."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for _ in range(times):
            work()
        best = min(best, time.process_time() - start)
    return 1000 * best / times


def learned(graph: SemanticGraph, number: int, memories: int) -> SemanticGraph:
    """A fork that remembered something of its own."""
    fork = graph.fork()
    for at in range(memories):
        fork.remember(Spoken(f"f{number}-{at}", f"{word(number % 20_000)} {word((number + 7 * at) % 20_000)} violin"))
    return fork


def main() -> None:
    edges = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    rng = random.Random(7)  # noqa: S311 - a graph that is the same each time
    graph = grown(edges, rng)
    state = graph.state
    print(f"{count(graph):,} edges, {len(state.memories):,} memories, {len(state.concepts):,} concepts")
    print(f"fork: {cpu_ms(graph.fork, 1000):.4f} ms")
    graph.concepts(1)  # the matrix is there before anybody forks
    before = resident()
    forks = [learned(graph, number, 1) for number in range(FORKS)]
    for number, fork in enumerate(forks):
        fork.relate(word(number), "knows", "violin")
        assert number >= READ or fork.relations("violin")
    after = resident()
    print(
        f"each of {FORKS} forks that learned a memory and a relation, {READ} of them read: "
        f"{(after - before) / FORKS:,.0f} bytes"
    )
    build = cpu_ms(lambda: Sealed.of(state.woven))
    ahead = learned(graph, 12_345, 10).state.woven
    shared = Sealed.of(state.woven)
    grow = cpu_ms(lambda: shared.grown(ahead))
    print(f"matrix of {shared.weights.size:,} entries built: {build:.1f} ms; of a fork with 10 memories: {grow:.1f} ms")
    print(f"ranks of 20 steps over it: {cpu_ms(lambda: walk_ranks(shared.matrix(), steps=20)):.1f} ms")
    names = [concept.label for concept, _ in graph.concepts(50)]
    print(f"neighbours of a leading concept: {cpu_ms(lambda: graph.neighbours(names[0])):.1f} ms")
    print(f"5 paths between two: {cpu_ms(lambda: graph.paths(names[30], names[49])):.1f} ms")


if __name__ == "__main__":
    main()
