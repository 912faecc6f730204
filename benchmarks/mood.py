"""Times the moods of agents on one processor core: feeling, reading, and what recall asks of them.

    python benchmarks/mood.py [--agents 200]

Prints medians of processor time (with one thread, the time on a core of its own). What the engine beneath takes for a
packet, a compression or an overlap is in ``benchmarks/quantum.py``.
"""

from __future__ import annotations

import os

# Before numpy is imported: more than one BLAS thread makes these small matrices slower, not faster.
os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np

from quantum_memory.memory.affect.mood import MoodFold, MoodState
from quantum_memory.memory.events import Remembered
from quantum_memory.types import PAD, Floats, Memory

START = datetime(2026, 1, 1, tzinfo=UTC)
FEELINGS, CANDIDATES = 8, 50
Asked = tuple[MoodState, Floats, Floats]


def spent_ms(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3


def random_memory(rng: np.random.Generator, number: int) -> Memory:
    at = START + timedelta(minutes=10 * number)
    pad = PAD(*rng.uniform(-0.9, 0.9, 3))
    return Memory(str(number), "x", at, pad, rng.uniform(0.2, 1.0), rng.uniform(), np.ones(1, dtype=np.float32))


def life(fold: MoodFold, memories: list[Memory], counted: int) -> tuple[MoodState, float]:
    """The mood after one event per memory, read after each, and the median time of the last ``counted`` of them."""
    state, times = fold.empty(), []
    for memory in memories:
        start = time.process_time()
        state = fold.settled(fold.apply(state, Remembered((memory,))))
        times.append(time.process_time() - start)
    return state, float(np.median(times[-counted:])) * 1e3


def unread(fold: MoodFold, memories: list[Memory]) -> MoodState:
    """The mood where nobody reads in between, so that eight are worked in at a time."""
    state = fold.empty()
    for memory in memories:
        state = fold.apply(state, Remembered((memory,)))
    return fold.settled(state)


def question(rng: np.random.Generator, state: MoodState) -> Asked:
    """What one recall asks: how well its candidates' feelings fit the mood."""
    return state, rng.uniform(-1, 1, (CANDIDATES, 3)), rng.uniform(0, 1, CANDIDATES)


def one_agent(rng: np.random.Generator, max_bond: int) -> list[tuple[str, str]]:
    """How long one agent's feelings take, and how large its mood becomes."""
    memories = [random_memory(rng, number) for number in range(200)]
    rows = []
    for count in (5, 200):
        state, each = life(MoodFold(max_bond=max_bond), memories[:count], counted=min(count, 100))
        words = f"{state.state.bond}, {state.state.nbytes:,}, {each:.2f} ms, {state.error:.0e}"
        rows.append((f"mood of {count}, max_bond {max_bond}: bond, bytes, one feeling that is read, error", words))
    fold = MoodFold(max_bond=max_bond)
    apart = spent_ms(lambda: unread(fold, memories)) / len(memories)
    rows.append((f"one feeling of 200 that nobody reads, max_bond {max_bond}", f"{apart:.2f} ms"))
    state = unread(fold, memories)
    reading = float(np.median([spent_ms(partial(fold.read, state)) for _ in range(20)]))
    rows.append((f"read that mood again, max_bond {max_bond}", f"{reading:.2f} ms"))
    return rows


def many_agents(rng: np.random.Generator, agents: int) -> list[tuple[str, str]]:
    """What a host does for many agents in one call, and for as many forks of one."""
    fold = MoodFold(settled_kept=10_000)
    events = [[Remembered((random_memory(rng, number),)) for number in range(FEELINGS)] for _ in range(agents)]
    states: list[MoodState] = []

    def feel() -> None:
        for each in events:
            state = fold.empty()
            for event in each:
                state = fold.apply(state, event)
            states.append(state)

    feeling = spent_ms(feel)
    asked = [question(rng, state) for state in states]
    first, again = (spent_ms(lambda: fold.congruences(asked)) for _ in range(2))
    forks = [question(rng, states[0]) for _ in range(agents)]
    together = spent_ms(lambda: fold.congruences(forks))
    apart = spent_ms(lambda: [fold.congruence(*one) for one in forks])
    kept = ", ".join(f"{name} {count:,}" for name, count in fold.counts.items())
    return [
        (f"{agents} agents feel {FEELINGS} things each", f"{feeling:.1f} ms"),
        (f"{agents} agents recall {CANDIDATES} candidates each, first and again", f"{first:.0f} ms, {again:.1f} ms"),
        (f"{agents} forks of one agent recall, in one call and one by one", f"{together:.1f} ms, {apart:.1f} ms"),
        ("found ready and not", kept),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=200)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    rows = [*one_agent(rng, 32), *one_agent(rng, 64), *many_agents(rng, asked.agents)]
    wide = max(len(name) for name, _ in rows)
    for name, words in rows:
        print(f"{name:<{wide}}  {words}")


if __name__ == "__main__":
    main()
