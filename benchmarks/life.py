"""What the life of memories costs, without the encoder and without Ray: python benchmarks/life.py [--count 10000].

Made-up memories of 12 words with the word frequencies of natural texts and embeddings of 384 numbers. One in 20 is said
again in other words the same hour, one in 20 is one of 50 statements that are repeated. CPU time, one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
from threadpoolctl import threadpool_limits

from quantum_memory.memory.events import Used
from quantum_memory.memory.life.duplicates import Alike, groups
from quantum_memory.memory.life.episodes import Runs, episodes
from quantum_memory.memory.life.facts import Repeated, facts
from quantum_memory.memory.life.fading import fading
from quantum_memory.memory.life.novelty import ROWS, met
from quantum_memory.memory.life.uses import UsesFold, UsesState
from quantum_memory.policies.decay import Decay
from quantum_memory.policies.forgetting import Forgetting
from quantum_memory.types import NEUTRAL, Floats, Memory, Vector

DIM, VOCABULARY, WORDS, STATEMENTS, BATCH = 384, 8_000, 12, 50, 64
START = datetime(2026, 1, 1, tzinfo=UTC)


def memories(count: int) -> list[Memory]:
    """So many memories, ten minutes apart in talks of ten."""
    rng = np.random.default_rng(1)
    frequency = 1.0 / np.arange(1, VOCABULARY + 1)
    frequency /= frequency.sum()
    made: list[Memory] = []
    stated = [(" ".join(_words(rng, frequency)), _unit(rng)) for _ in range(STATEMENTS)]
    for number in range(count):
        text, vector = " ".join(_words(rng, frequency)), _unit(rng)
        if number % 20 == 10:
            text, vector = f"{made[-1].text} indeed", _near(rng, made[-1].embedding)
        elif number % 20 == 0:
            told, centre = stated[int(rng.integers(STATEMENTS))]
            text, vector = f"{told} {'and so on ' * int(rng.integers(3))}", _near(rng, centre)
        at = START + timedelta(hours=5 * (number // 10), minutes=number % 10)
        made.append(Memory(f"m{number:07d}", text, at, NEUTRAL, 0.5, float(rng.random()) / 2, vector, "Alice"))
    return made


def _words(rng: np.random.Generator, frequency: Floats) -> list[str]:
    return [f"w{word}" for word in rng.choice(VOCABULARY, WORDS, p=frequency).tolist()]


def _unit(rng: np.random.Generator) -> Vector:
    return _whole(rng.standard_normal(DIM).astype(np.float32))


def _near(rng: np.random.Generator, centre: Vector) -> Vector:
    return _whole(centre + 0.2 * _unit(rng))


def _whole(drawn: Vector) -> Vector:
    made: Vector = (drawn / np.linalg.norm(drawn)).astype(np.float32)
    return made


def cpu_s(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def used(every: list[Memory], batches: int) -> tuple[UsesState, float]:
    """The uses of so many batches of ten, and the microseconds that one batch took."""
    rng, fold = np.random.default_rng(2), UsesFold()
    events = [
        Used(tuple(every[one].id for one in rng.integers(0, len(every), 10)), START, "b:0") for _ in range(batches)
    ]
    state = fold.empty()
    begin = time.process_time()
    for event in events:
        state = fold.apply(state, event)
    return state, 1e6 * (time.process_time() - begin) / batches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    count = parser.parse_args().count
    every, now = memories(count), START + timedelta(days=3000)
    known = np.stack([one.embedding for one in every])
    blocks = [known[start : start + ROWS] for start in range(0, count, ROWS)]
    fresh = [_unit(np.random.default_rng(number)) for number in range(BATCH)]
    took = [cpu_s(lambda: met(blocks, fresh, 0.9)) for _ in range(5)]
    print(f"{count} memories: importance by what is known, {1e6 * min(took) / BATCH:.0f} us each in a batch of {BATCH}")
    state, batch_us = used(every, count // 10)
    print(f"a batch of 10 uses folded: {batch_us:.0f} us")
    policy = Forgetting(floor=0.05, most=count // 2)
    print(f"tidying up planned: {cpu_s(lambda: fading(every, state, Decay(), policy, now)):.2f} s")
    made: list[tuple[str, Callable[[], int]]] = [
        ("near-duplicates found", lambda: len(groups(every, Alike(), now))),
        ("episodes made", lambda: len(episodes(every, Runs(), now).written)),
        ("facts made", lambda: len(facts(every, Repeated(), now).written)),
    ]
    for name, work in made:
        begin = time.process_time()
        found = work()
        print(f"{name}: {time.process_time() - begin:.2f} s, {found}")


if __name__ == "__main__":
    with threadpool_limits(limits=1, user_api="blas"):
        main()
