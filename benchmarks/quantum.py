"""Times the tensor-network engine on one processor core, beside quimb, seemps and dense arithmetic.

    python benchmarks/quantum.py [--peers PYTHON|make|none] [--backend cupy|cuquantum]

Prints one table: medians of processor time in milliseconds (with one thread, the time on a core of its own), the bound,
and how many times as long the others need for the same. ``--peers make`` makes an environment of its own for seemps; it
needs PyPI and a C compiler. Dense arithmetic is on 2^14 points: on the whole grid one amplitude would be 2 GiB.

``--backend`` adds a second table: the device beside one processor core, in milliseconds of wall clock until the device
is done, and the share of its memory bandwidth that stacked overlaps reach, as a copy in the same run measures it.
"""

from __future__ import annotations

import os

# Before numpy is imported: more than one BLAS thread makes these small matrices slower, not faster.
os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import subprocess
import tempfile
import time
import tracemalloc
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from quantum_memory.memory.quantum import (
    Backend,
    Environments,
    Grid,
    Packet,
    Projector,
    Pull,
    QuantumState,
    StateBatch,
    evolve,
    open_backend,
    superpose,
)
from quantum_memory.memory.quantum.backend import BACKENDS

HERE = Path(__file__).parent
GRID, SMALL = Grid(), Grid((5, 5, 4))
BATCHED, STORED, COMPARED = 10_000, 100_000, 100
COPIED_BYTES = 1 << 28
PULL = Pull((0.1, -0.1, 0.0), (1.0, 1.0, 1.0), mass=1000.0)
FLIP = np.array([[0.0, 1.0], [1.0, 0.0]])


class Row(NamedTuple):
    """One line: what was done, our milliseconds, the bound, and those of the others by name."""

    what: str
    ours: float
    bound: float | None = None
    peers: tuple[tuple[str, float], ...] = ()


def median_ms(work: Callable[[], object], repeats: int = 20) -> float:
    """The median of so many runs after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return float(np.median(times)) * 1e3


def random_packet(rng: np.random.Generator, least: float = 0.1) -> Packet:
    mean, width, momentum = rng.uniform(-0.8, 0.8, 3), rng.uniform(least, 0.35, 3), rng.normal(size=3)
    return Packet(tuple(mean), tuple(width), tuple(momentum))


def quimb_train(state: QuantumState) -> Any:
    import quimb.tensor as qtn

    cores = [np.array(core) for core in state.cores]
    return qtn.MatrixProductState([cores[0][0], *cores[1:-1], cores[-1][..., 0]], shape="lpr")


def seemps_ms(python: str, whole: QuantumState, mood: QuantumState, packets: list[QuantumState]) -> dict[str, float]:
    """Milliseconds of seemps, from its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trains.npz"
        arrays: dict[str, Any] = {"packets": len(packets)}
        named = {"sum": whole, "mood": mood} | {f"packet{number}": one for number, one in enumerate(packets)}
        for name, state in named.items():
            arrays |= {f"{name}/{site}": np.asarray(core) for site, core in enumerate(state.cores)}
        np.savez(file, **arrays)
        done = subprocess.run([python, HERE / "peers" / "trains.py", file], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def python_of_peers(asked: str) -> str:
    """The Python that has seemps; made if need be."""
    if asked != "make":
        return asked
    folder = Path(tempfile.mkdtemp(prefix="peers-"))
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    wanted = HERE / "peers" / "requirements-trains.txt"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", wanted], check=True)
    return python


def of_one_state(rng: np.random.Generator, peers: str | None) -> list[Row]:
    """Encoding, compressing, feeling, sampling, moving."""
    packets = [random_packet(rng) for _ in range(5)]
    encoded = [QuantumState.from_packet(GRID, random_packet(rng)) for _ in range(COMPARED)]
    whole = QuantumState.from_packets(GRID, packets)
    mood, kept = whole.compress()
    train, trains = quimb_train(whole), [quimb_train(one) for one in encoded]
    small = quimb_train(mood)
    seemps = seemps_ms(peers, whole, mood, encoded) if peers is not None else {}
    theirs = {name: (("seemps", value),) for name, value in seemps.items()}

    def squeezed() -> None:
        train.copy().compress(cutoff=1e-7, max_bond=64)

    felt = QuantumState.from_packets(GRID, [random_packet(rng) for _ in range(40)]).compress(32, 0.0)[0]

    def feel() -> None:
        superpose([felt, QuantumState.from_packet(GRID, packets[0])], [0.9, 0.44]).compress(32)

    quimb_overlap = median_ms(lambda: [complex(one.H @ small) for one in trains], 5) / COMPARED
    ours_overlap = median_ms(lambda: [one.overlap(mood) for one in encoded], 5) / COMPARED
    print(f"a mood of five packets: bond {mood.bond}, {mood.nbytes:,} bytes (bound 60,000), 1 - F {1 - kept:.1e}\n")
    return [
        Row("encode a packet", median_ms(lambda: QuantumState.from_packet(GRID, packets[0])), 2.0),
        Row(
            "compress the sum of five packets",
            median_ms(whole.compress),
            None,
            (("quimb", median_ms(squeezed)), *theirs.get("compress", ())),
        ),
        Row("feel one event, bond 32", median_ms(feel), 10.0),
        Row(
            "one overlap with a mood",
            ours_overlap,
            None,
            (("quimb", quimb_overlap), *theirs.get("overlap", ())),
        ),
        Row(
            "1,000 samples of a mood",
            median_ms(lambda: mood.sample(1000, 0)),
            25.0,
            (("quimb", median_ms(lambda: list(small.sample(50, seed=0)), 3) * 20),),
        ),
        Row("a Strang step of five packets", median_ms(lambda: evolve(mood, PULL, 0.1, 1, max_wrapped=1.0)), 40.0),
        Row("ten Strang steps", median_ms(lambda: evolve(mood, PULL, 1.0, 10, max_wrapped=1.0), 5)),
    ]


def of_many_states(rng: np.random.Generator) -> list[Row]:
    """One against many: stacked states, packets, and environments that are kept."""
    mood = QuantumState.random(GRID, 8, 0)
    members = [QuantumState.random(GRID, 8, seed) for seed in range(1, 201)]
    batch = StateBatch.of([members[number % len(members)] for number in range(BATCHED)])
    target, others = quimb_train(mood), [quimb_train(one) for one in members]
    quimb = median_ms(lambda: [complex(one.H @ target) for one in others], 3) * BATCHED / len(others)
    five = QuantumState.from_packets(GRID, [random_packet(rng) for _ in range(5)]).compress(8, 0.0)[0]
    rows = [
        Row("10,000 overlaps, bond 8, stacked", median_ms(lambda: batch.overlaps(mood), 5), 150.0, (("quimb", quimb),))
    ]
    for count, bound, repeats in ((BATCHED, None, 5), (STORED, 1000.0, 3)):
        means, widths = rng.uniform(-1, 1, (count, 3)), rng.uniform(0.1, 0.35, (count, 3))
        waves = rng.normal(size=(count, 3))
        for words, momenta in (("at rest", None), ("moving", waves)):
            spent = median_ms(
                lambda m=means, w=widths, k=momenta: Projector(five).fidelities(m, w, k),  # type: ignore[misc]
                repeats,
            )
            rows.append(Row(f"{count:,} packets {words}, bond 8", spent, bound))
    tracemalloc.start()
    Projector(five).fidelities(means, widths, waves)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{STORED:,} moving packets: {peak / 2**20:.0f} MiB at most (bound 1,024)\n")
    large = QuantumState.random(GRID, 32, 0)

    def together() -> None:
        kept = Environments(large)
        for site in range(GRID.sites):
            kept.expectation(FLIP, (site,))

    def apart() -> None:
        for site in range(GRID.sites):
            Environments(large).expectation(FLIP, (site,))

    rows.append(Row("28 expectations, bond 32", median_ms(together, 5), None, (("from scratch", median_ms(apart, 3)),)))
    return rows


def of_dense(rng: np.random.Generator) -> list[Row]:
    """The same on 2^14 points, where dense arithmetic can follow."""
    packets = [random_packet(rng, 0.15) for _ in range(5)]
    state = QuantumState.from_packets(SMALL, packets).compress()[0]
    other = QuantumState.from_packets(SMALL, packets[:2]).compress()[0]
    one, two = state.to_dense(), other.to_dense()
    points = [SMALL.points(axis) for axis in range(3)]

    def moments() -> None:
        density = np.abs(one) ** 2
        for axis in range(3):
            marginal = density.sum(axis=tuple(set(range(3)) - {axis}))
            float(marginal @ points[axis])

    return [
        Row(
            "2^14 points: an overlap",
            median_ms(lambda: state.overlap(other)),
            None,
            (("dense", median_ms(lambda: np.vdot(one, two))),),
        ),
        Row(
            "2^14 points: mean and covariance",
            median_ms(state.mean_and_covariance),
            None,
            (("dense", median_ms(moments)),),
        ),
    ]


def wall_ms(backend: Backend, work: Callable[[], object], repeats: int = 10) -> float:
    """The median of so many runs on a device, each until it is done, after one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        backend.synchronise()
        start = time.perf_counter()
        work()
        backend.synchronise()
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:])) * 1e3


def of_device(backend: Backend, rng: np.random.Generator) -> list[Row]:
    """The same work on the device and on one core of the processor, with the bandwidth that stacked overlaps reach."""
    xp = backend.xp
    source = xp.ones(COPIED_BYTES, dtype=np.uint8)
    copied = 2 * COPIED_BYTES / (wall_ms(backend, source.copy) / 1e3)
    print(f"{device_name(backend)}: a copy moves {copied / 1e9:,.0f} GB/s\n")
    rows = []
    for bond, count in ((8, BATCHED), (8, STORED), (32, BATCHED)):
        states = [QuantumState.random(GRID, bond, seed) for seed in range(101)]
        members = [states[1 + number % 100] for number in range(count)]
        here, there = StateBatch.of(members), StateBatch.of([state.on(xp) for state in members])
        mood = states[0].on(xp)
        spent = wall_ms(backend, lambda batch=there, one=mood: batch.overlaps(one))  # type: ignore[misc]
        core = median_ms(lambda batch=here, one=states[0]: batch.overlaps(one), 3)  # type: ignore[misc]
        share = there.nbytes / (spent / 1e3) / copied
        what = f"{count:,} overlaps, bond {bond}, stacked: {share:.0%} of the bandwidth"
        rows.append(Row(what, spent, None, (("one core", core),)))
    five = QuantumState.from_packets(GRID, [random_packet(rng) for _ in range(5)])
    mood = five.compress()[0]
    table = rng.uniform(-1, 1, (STORED, 3)), rng.uniform(0.1, 0.35, (STORED, 3)), rng.normal(size=(STORED, 3))
    pairs: list[tuple[str, Callable[[QuantumState], object], QuantumState]] = [
        (f"{STORED:,} packets moving", lambda state: Projector(state).fidelities(*table), mood),
        ("compress the sum of five packets", lambda state: state.compress(), five),
        ("100,000 samples of a mood", lambda state: state.sample(100_000, 0), mood),
        ("a Strang step of five packets", lambda state: evolve(state, PULL, 0.1, 1, max_wrapped=1.0), mood),
    ]
    for what, work, state in pairs:
        there_state = state.on(xp)
        spent = wall_ms(backend, lambda do=work, at=there_state: do(at), 5)  # type: ignore[misc]
        rows.append(Row(what, spent, None, (("one core", median_ms(lambda do=work, at=state: do(at), 3)),)))  # type: ignore[misc]
    return rows


def device_name(backend: Backend) -> str:
    if backend.device is None:
        return "the processor itself"
    return f"{backend.name} on {backend.xp.cuda.runtime.getDeviceProperties(backend.device)['name'].decode()}"


def show(rows: list[Row], where: str = "one core") -> None:
    print(f"| {where}, complex64, ms | ours | bound | others | others / ours |\n| --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        bound = "" if row.bound is None else f"{row.bound:,.0f}"
        others = ", ".join(f"{name} {value:,.2f}" for name, value in row.peers)
        ratios = ", ".join(f"{value / row.ours:,.1f}" for _, value in row.peers)
        print(f"| {row.what} | {row.ours:,.2f} | {bound} | {others} | {ratios} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default="none", help="the Python that has seemps, 'make' or 'none'")
    parser.add_argument(
        "--backend", choices=BACKENDS, help="add a table for this backend; numpy compares a core with itself"
    )
    asked = parser.parse_args()
    peers = None if asked.peers == "none" else python_of_peers(asked.peers)
    rng = np.random.default_rng(0)
    show([*of_one_state(rng, peers), *of_many_states(rng), *of_dense(rng)])
    if asked.backend is not None:
        print()
        with open_backend(asked.backend) as backend:
            show(of_device(backend, rng), backend.name)


if __name__ == "__main__":
    main()
