"""Times quantum PageRank beside its dense references, ``networkx.pagerank`` and a power iteration of scipy.

    python benchmarks/pagerank.py [--data FOLDER] [--largest 1000000] [--threads 2] [--json FILE]

Prints tables in Markdown. Graphs are scale-free and made from a seed: both ends of an edge drawn with weights
rank^(-2/3), which makes degrees fall as k^-2.5, in two orders that know nothing of each other; edges are distinct and
directed. Each graph is made, and each is measured, in a process of its own, whose peak memory is told by the kernel.
Steps and iterations take turns within one process, so that other work on the machine slows both; times are medians.
Where one thread works it is processor time, the time on a core of its own; several threads are timed by the clock, and
compared with the iteration by the clock.
``--data`` adds the graphs of a folder: edge lists (.txt, .cites) and .gml.
"""

from __future__ import annotations

import os

# Before numpy is imported: the dense references would otherwise use another number of threads than what they stand by.
os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy import stats

from quantum_memory.memory.semantic import kernel
from quantum_memory.memory.semantic.google import Google
from quantum_memory.memory.semantic.hardware import Hardware, cores
from quantum_memory.memory.semantic.pagerank import quantum_pagerank, walk_ranks
from quantum_memory.memory.semantic.reversible import null_directions
from quantum_memory.memory.semantic.szegedy import Walk

SIZES = ((10_000, 100_000), (100_000, 1_000_000), (1_000_000, 10_000_000))
DENSE_NODES, DENSE_EDGES = 2_000, (2_000, 4_000, 20_000)
STEPS, ROUNDS, ALPHA, SEED = 50, 15, 0.85, 1
AT_ONCE = 50
LARGEST_NETWORKX = 1_000_000
"""Edges beyond which a graph of networkx takes gigabytes of its own."""
Array = NDArray[np.float64]


def scale_free(nodes: int, edges: int, seed: int) -> Any:
    """A (N, N) CSR matrix of so many distinct directed edges of weight 1, without loops."""
    rng = np.random.default_rng(seed)
    leaving, arriving = rng.permutation(nodes), rng.permutation(nodes)
    keys = np.zeros(0, dtype=np.int64)
    while keys.size < edges:
        # The cube of an even number is drawn with the weight that is wanted.
        ends = (nodes * rng.random((2, edges + edges // 4 - keys.size // 2)) ** 3).astype(np.int64)
        sources, targets = leaving[ends[0]], arriving[ends[1]]
        fresh = (sources * nodes + targets)[sources != targets]
        keys = np.unique(np.concatenate((keys, fresh)))
    keys = np.delete(keys, rng.choice(keys.size, keys.size - edges, replace=False, shuffle=False))
    sources, targets = np.divmod(keys, nodes)
    pointers = np.concatenate(([0], np.cumsum(np.bincount(sources, minlength=nodes)))).astype(np.int32)
    return sp.csr_array((np.ones(edges), targets.astype(np.int32), pointers), shape=(nodes, nodes))


def read(path: Path) -> Any:
    """A graph of networkx from an edge list or GML."""
    if path.suffix == ".gml":
        text = path.read_text()
        try:
            return nx.parse_gml(text)
        except nx.NetworkXError:  # some have parallel edges and do not say so
            return nx.parse_gml(text.replace("graph [", "graph [\n  multigraph 1", 1))
    directed = path.suffix == ".cites" or "Directed edge" in path.read_text()[:1000]
    graph = nx.read_edgelist(path, create_using=nx.DiGraph if directed else nx.Graph)
    return graph.reverse() if path.suffix == ".cites" else graph  # "cited citing"


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turns(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Median seconds of each by the clock and of processors, run one after the other again and again.

    The first round is not counted. Garbage is collected before, not while the clock runs: a graph of networkx has so
    many objects that whoever comes to pay for them looks ten times as slow.
    """
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    gc.collect()
    gc.disable()
    for _ in range(rounds + 1):
        for name, work in works.items():
            before = time.perf_counter(), time.process_time()
            work()
            taken[name].append((time.perf_counter() - before[0], time.process_time() - before[1]))
    gc.enable()
    return {name: np.median(times[1:], axis=0).tolist() for name, times in taken.items()}


class Power:
    """Power iteration of classical PageRank, as plain scipy does it best: gathering along rows."""

    def __init__(self, google: Google) -> None:
        self.google, self.ranks = google, google.teleport
        self.base = (1.0 - google.alpha) * google.teleport

    def iterate(self) -> float:
        before = self.ranks
        self.ranks = self.google.links @ before
        self.ranks += self.base
        self.ranks += (self.google.alpha * before[self.google.dangles].sum()) * self.google.sink
        return float(np.abs(self.ranks - before).sum())


def stepping(walk: Walk) -> Callable[[], None]:
    """One time step U² with its reading, as for the mean."""
    moments = walk.moments()

    def step() -> None:
        walk.advance()
        walk.advance(moments)

    return step


def go(walk: Walk, steps: int) -> None:
    step = stepping(walk)
    for _ in range(steps):
        step()


def ways(threads: int) -> dict[str, Hardware]:
    """Where a walk can be computed: by scipy, and compiled if numba is installed, on one thread and on so many."""
    backends = {"scipy": "numpy"} | ({"numba": "numba"} if kernel.available() else {})
    return {
        f"{name}, {count} thread" + "s" * (count > 1): Hardware(count, backend)
        for name, backend in backends.items()
        for count in sorted({1, threads})
    }


def measure(path: Path, threads: int) -> dict[str, Any]:
    """Everything about one graph. The order matters: peak memory is read before anything else is built."""
    adjacency = sp.csr_array(sp.load_npz(path))
    found: dict[str, Any] = {"nodes": adjacency.shape[0], "edges": int(adjacency.nnz)}
    start = time.perf_counter()
    google = Google.of(adjacency, ALPHA)
    with Hardware(threads) as hardware:
        walk = Walk(google, google.teleport, null_directions(adjacency, google), hardware=hardware)
        found["build_s"] = time.perf_counter() - start
        found["steps_s"] = seconds(lambda: go(walk, STEPS))
    quantum = walk_ranks(adjacency, ALPHA, steps=STEPS, threads=threads)
    found["peak_gib"] = peak_kib() / 2**20
    power = Power(google)
    works: dict[str, Callable[[], object]] = {"power": power.iterate}
    for way, place in ways(threads).items():
        works[way] = stepping(Walk(google, google.teleport, hardware=place))
    found["times_s"] = in_turns(works, ROUNDS)
    while power.iterate() > 1e-12:
        pass
    found["correlation"] = float(stats.spearmanr(quantum, power.ranks).statistic)
    if adjacency.nnz <= LARGEST_NETWORKX:
        graph = nx.from_scipy_sparse_array(adjacency, create_using=nx.DiGraph)
        found |= whole_calls(graph, 3)
    return found


def peak_kib() -> int:
    """Peak resident memory of this process. On Linux of this program alone: getrusage adds what its parent had."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    own = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return own[0] if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def whole_calls(graph: Any, rounds: int) -> dict[str, float]:
    """Processor seconds of each, from a graph of networkx to a dictionary."""
    works = {
        "quantum_s": lambda: quantum_pagerank(graph, ALPHA, steps=STEPS),
        "networkx_s": lambda: nx.pagerank(graph, ALPHA),
    }
    return {name: cpu for name, (_, cpu) in in_turns(works, rounds).items()}


def child(*arguments: str) -> Any:
    """What this script prints in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout or "null")


def dense(edges: int) -> dict[str, float]:
    """Seconds of one time step with its reading: ours, the dense 2N-dimensional one, and on all N² amplitudes."""
    google = Google.of(scale_free(DENSE_NODES, edges, SEED), ALPHA)
    matrix = np.array([google.apply(x) for x in np.eye(DENSE_NODES)]).T
    overlap = np.sqrt(matrix * matrix.T)
    root = np.sqrt(matrix)
    held = {"a": np.sqrt(google.teleport), "b": np.zeros(DENSE_NODES), "state": root / np.sqrt(DENSE_NODES)}

    def subspace() -> Array:
        for _ in range(2):
            held["a"], held["b"] = -held["b"], held["a"] + 2.0 * (overlap @ held["b"])
        a, b = held["a"], held["b"]
        return np.asarray(matrix @ a**2 + b**2 + 2.0 * b * (overlap @ a))

    def amplitudes() -> Array:
        """Column j of the state is |j> in register 1, as the published simulators have it."""
        for _ in range(2):
            state = held["state"]
            held["state"] = (2.0 * root * (root * state).sum(axis=0) - state).T
        return np.asarray((np.abs(held["state"]) ** 2).sum(axis=1))

    works: dict[str, Callable[[], object]] = {"subspace": subspace, "amplitudes": amplitudes}
    for way, hardware in ways(1).items():
        walk = Walk(google, google.teleport, hardware=hardware)
        works[way] = partial(go, walk, AT_ONCE)
    taken = {name: cpu for name, (_, cpu) in in_turns(works, 21).items()}
    return {name: cpu if name in {"subspace", "amplitudes"} else cpu / AT_ONCE for name, cpu in taken.items()}


def print_dense(results: dict[str, Any]) -> None:
    names = list(ways(1))
    print(
        f"\nOne time step U² with its reading, {DENSE_NODES:,} nodes, one thread, milliseconds; in brackets, how many"
    )
    print("times as long the dense subspace and all N² amplitudes take:\n")
    head = ["edges", "dense subspace", "all N² amplitudes", *names]
    print("| " + " | ".join(head) + " |\n|" + " ---: |" * len(head))
    for edges in DENSE_EDGES:
        found = results[f"dense {edges}"] = dense(edges)
        slow = [found["subspace"], found["amplitudes"]]
        cells = [f"{edges:,}", f"{slow[0] * 1e3:.2f}", f"{slow[1] * 1e3:.1f}"]
        cells += [f"{found[n] * 1e3:.4f} ({slow[0] / found[n]:,.0f}, {slow[1] / found[n]:,.0f})" for n in names]
        print("| " + " | ".join(cells) + " |", flush=True)


def print_scale_free(sizes: list[tuple[int, int]], threads: int, results: dict[str, Any]) -> None:
    print(
        f"\nScale-free graphs. Building and {STEPS} steps by scipy on {threads} threads; milliseconds of one step, and"
    )
    print("how many times one iteration of the power iteration that is:\n")
    head: list[str] = []
    for nodes, edges in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "graph.npz")
            child("--make", path, "--size", str(nodes), str(edges))
            found = child("--measure", path, "--threads", str(threads))
        results[f"scale-free {nodes} {edges}"] = found
        power = found["times_s"].pop("power")
        times = {name: (taken, 1 if "1 thread" in name else 0) for name, taken in found["times_s"].items()}
        if not head:
            head = ["nodes, edges", "build s", f"{STEPS} steps s", "peak GiB", "power iteration", *times]
            head += ["Spearman with classical", f"quantum_pagerank, {STEPS} steps / networkx.pagerank, s"]
            print("| " + " | ".join(head) + " |\n|" + " ---: |" * len(head))
        calls = f"{found['quantum_s']:.2f} / {found['networkx_s']:.2f}" if "networkx_s" in found else ""
        cells = [f"{nodes:,}, {edges:,}", f"{found['build_s']:.2f}", f"{found['steps_s']:.2f}"]
        cells += [f"{found['peak_gib']:.2f}", f"{power[1] * 1e3:.2f}"]
        cells += [f"{taken[kind] * 1e3:.2f} ({taken[kind] / power[kind]:.2f})" for taken, kind in times.values()]
        print("| " + " | ".join([*cells, f"{found['correlation']:.3f}", calls]) + " |", flush=True)


def print_data(folder: Path, results: dict[str, Any]) -> None:
    print(f"\nGraphs of others, whole calls, {STEPS} steps:\n")
    print("| graph | nodes | edges | quantum ms | networkx.pagerank ms | ratio | Spearman | of the first 10, in both |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for path in sorted(p for p in folder.iterdir() if p.suffix in {".gml", ".cites", ".txt"}):
        graph = read(path)
        found: dict[str, Any] = whole_calls(graph, 5)
        quantum = quantum_pagerank(graph, ALPHA, steps=STEPS)
        classical = nx.pagerank(graph, ALPHA, tol=1e-12, max_iter=1000)
        first = [set(sorted(ranks, key=ranks.__getitem__)[-10:]) for ranks in (quantum, classical)]
        found["correlation"] = float(stats.spearmanr([quantum[n] for n in graph], [classical[n] for n in graph])[0])
        results[path.stem] = found
        own, other = found["quantum_s"] * 1e3, found["networkx_s"] * 1e3
        sizes = f"{len(graph):,} | {graph.number_of_edges():,}"
        shared = f"{found['correlation']:.3f} | {len(first[0] & first[1])}"
        print(f"| {path.stem} | {sizes} | {own:.1f} | {other:.1f} | {own / other:.2f} | {shared} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of more graphs")
    parser.add_argument("--largest", type=int, default=SIZES[-1][0], help="nodes of the largest graph that is made")
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--json", type=Path, help="where to write every number")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.make:
        nodes, edges = asked.size
        sp.save_npz(asked.make, scale_free(nodes, edges, SEED), compressed=False)
    elif asked.measure:
        print(json.dumps(measure(asked.measure, asked.threads)))
    else:
        results: dict[str, Any] = {}
        print_dense(results)
        print_scale_free([size for size in SIZES if size[0] <= asked.largest], asked.threads, results)
        if asked.data:
            print_data(asked.data, results)
        if asked.json:
            asked.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
