"""Times the mood on one processor core: encoding, feeling, and comparing with many packets.

    python benchmarks/mood.py

Prints medians of processor time in milliseconds (with one thread, the time on a core of its own), the size of moods,
and how long quimb needs for the same overlaps one by one.
"""

from __future__ import annotations

import os

# Before numpy is imported: more than one BLAS thread makes these small matrices slower, not faster.
os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np

from quantum_memory.memory.affect.mood import MoodFold, MoodState
from quantum_memory.memory.events import Remembered
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, packet_fidelities
from quantum_memory.types import PAD, Memory

GRID = Grid()
START = datetime(2026, 1, 1, tzinfo=UTC)
QUIMB_PACKETS = 200


def median_ms(work: Callable[[], object], repeats: int) -> float:
    """The median of so many runs after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return float(np.median(times)) * 1e3


def random_packet(rng: np.random.Generator) -> Packet:
    mean, width, momentum = rng.uniform(-0.8, 0.8, 3), rng.uniform(0.1, 0.35, 3), rng.normal(size=3)
    return Packet(tuple(mean), tuple(width), tuple(momentum))


def random_memory(rng: np.random.Generator, number: int) -> Memory:
    at = START + timedelta(minutes=10 * number)
    pad = PAD(*rng.uniform(-0.9, 0.9, 3))
    return Memory(str(number), "x", at, pad, rng.uniform(0.2, 1.0), rng.uniform(), np.ones(1, dtype=np.float32))


def fold_ms(fold: MoodFold, memories: list[Memory], counted: int) -> tuple[MoodState, float]:
    """The mood after one event per memory, read after each, and the median time of the last ``counted`` of them."""
    state, times = fold.empty(), []
    for memory in memories:
        start = time.process_time()
        state = fold.settled(fold.apply(state, Remembered((memory,))))
        times.append(time.process_time() - start)
    return state, float(np.median(times[-counted:])) * 1e3


def unread_ms(fold: MoodFold, memories: list[Memory]) -> float:
    """Milliseconds per feeling where nobody reads in between, so that eight are worked in at a time."""
    start, state = time.process_time(), fold.empty()
    for memory in memories:
        state = fold.apply(state, Remembered((memory,)))
    fold.settled(state)
    return (time.process_time() - start) / len(memories) * 1e3


def quimb_ms(state: QuantumState, packets: list[Packet]) -> tuple[float, float]:
    """Milliseconds per overlap that quimb takes, packets encoded beforehand; and its largest difference from ours."""
    import quimb.tensor as qtn

    def train(of: QuantumState) -> Any:
        cores = [np.array(core) for core in of.cores]
        return qtn.MatrixProductState([cores[0][0], *cores[1:-1], cores[-1][..., 0]], shape="lpr")

    mood = train(state)
    encoded = [train(QuantumState.from_packet(GRID, packet)) for packet in packets]
    theirs = [abs(complex(packet.H @ mood)) ** 2 for packet in encoded[:1]]
    start = time.process_time()
    theirs = [abs(complex(packet.H @ mood)) ** 2 for packet in encoded]
    spent = time.process_time() - start
    table = np.array([(p.mean, p.width, p.momentum) for p in packets])
    ours = packet_fidelities(state, table[:, 0], table[:, 1], table[:, 2])
    return spent / len(packets) * 1e3, float(np.abs(ours - theirs).max())


def main() -> None:
    rng = np.random.default_rng(0)
    packets = [random_packet(rng) for _ in range(5)]
    five = QuantumState.from_packets(GRID, packets)
    small, kept = five.compress()
    rows: list[tuple[str, str]] = [
        ("encode one packet", f"{median_ms(lambda: QuantumState.from_packet(GRID, packets[0]), 100):.2f} ms"),
        ("five packets: compress the sum", f"{median_ms(five.compress, 50):.2f} ms"),
        ("five packets: bond, bytes, 1 - fidelity kept", f"{small.bond}, {small.nbytes}, {1 - kept:.1e}"),
    ]
    for count, repeats in ((100, 50), (10_000, 7)):
        means, widths = rng.uniform(-1, 1, (count, 3)), rng.uniform(0.1, 0.35, (count, 3))
        waves = rng.normal(size=(count, 3))
        still = median_ms(partial(packet_fidelities, small, means, widths), repeats)
        moving = median_ms(partial(packet_fidelities, small, means, widths, waves), repeats)
        rows.append((f"packet_fidelities of {count}: at rest, moving", f"{still:.2f} ms, {moving:.2f} ms"))
    each, apart = quimb_ms(small, [random_packet(rng) for _ in range(QUIMB_PACKETS)])
    rows += [
        ("quimb, one overlap, packet encoded beforehand", f"{each:.2f} ms (largest difference {apart:.0e})"),
        ("quimb for 10000 / packet_fidelities of 10000, moving", f"{each * 10_000 / moving:.0f} times"),
    ]
    for max_bond in (32, 64):
        fold = MoodFold(GRID, max_bond=max_bond)
        memories = [random_memory(rng, number) for number in range(200)]
        for count in (5, 200):
            state, spent = fold_ms(fold, memories[:count], counted=min(count, 100))
            words = f"{state.state.bond}, {state.state.nbytes}, {spent:.2f} ms, {state.error:.0e}"
            rows.append((f"mood of {count}, max_bond {max_bond}: bond, bytes, one feeling that is read, error", words))
        unread = unread_ms(fold, memories)
        rows.append((f"one feeling of 200 that nobody reads, max_bond {max_bond}", f"{unread:.2f} ms"))
        reading = median_ms(partial(fold.read, state), 20)
        rows.append((f"read that mood, max_bond {max_bond}", f"{reading:.2f} ms"))
    wide = max(len(name) for name, _ in rows)
    for name, words in rows:
        print(f"{name:<{wide}}  {words}")


if __name__ == "__main__":
    main()
