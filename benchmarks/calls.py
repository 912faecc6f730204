"""How many calls a second one driver gets answered, in both placements: python benchmarks/calls.py.

    python benchmarks/calls.py [--memories 10000] [--calls 1500] [--in-flight 32] [--agents 8]
                               [--placement actors inline] [--json FILE]

Percepts are ready-made and questions are vectors: no model is asked. An agent has so many memories, and others are
empty. One after the other, and with so many calls on their way at a time, to the one agent and spread over several;
every call is one of its own, which remembers one text or asks one question. Questions come first, while the agent has
that many memories. A rate is the median of three rounds. Seconds of the processor are those of all processes together,
per call.

Bounds: between actors 300 remembers a second with 32 on their way, to the one agent, and a recall at 10,000 memories in
25 ms at the 95th percentile; inline twice as many and half as long.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import count, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from ann import made_like_sentences
from recall import AT, memories
from scale import a_second, processor_s

import quantum_memory as qm
from quantum_memory.types import Vector

if TYPE_CHECKING:
    from ray import ObjectRef

ROUNDS, WARM, WAVE = 3, 50, 1000
REST_S = 5.0
"""Until what goes on behind the writes is over."""
BOUND_CALLS, BOUND_RECALL_MS, BOUND_MEMORIES = 300.0, 25.0, 10_000
TIMES_INLINE = 2.0


def told(vectors: Vector) -> Iterator[qm.Utterance]:
    """An utterance for each vector, perceived already."""
    return (
        qm.Utterance(one.text, one.speaker, one.at, session=one.session, embedding=one.embedding, pad=one.pad)
        for one in memories(vectors, [])
    )


def rate(sent: Callable[[], Iterator[ObjectRef[Any]]], in_flight: int) -> tuple[float, float]:
    """Calls a second, the median of some rounds, and milliseconds of the processor for each call."""
    rates, begun_s, calls = [], processor_s(), 0
    for _ in range(ROUNDS):
        counted = count()
        rates.append(a_second((one for one, _ in zip(sent(), counted, strict=False)), in_flight))
        calls += next(counted)
    return median(rates), (processor_s() - begun_s) / calls * 1e3


def measured(placement: str, given: argparse.Namespace, vectors: Vector) -> dict[str, float]:
    """All figures of one placement."""
    config = {"placement": placement, "perception": {"model": "hashing", "dim": vectors.shape[1]}}
    with TemporaryDirectory() as folder, qm.connect("local", storage=folder, config=config) as memory:
        large, small = memory.agent("alice"), [memory.agent(f"agent {number}") for number in range(given.agents)]
        known, questions = list(told(vectors[: given.memories])), vectors[given.memories :]
        for start in range(0, len(known), WAVE):
            large.remember(known[start : start + WAVE])
        fresh = _fresh(known)
        for one in islice(fresh, WARM):
            small[0].remember(one)
            small[0].recall(one.text)

        def remembers(agents: Sequence[qm.AgentHandle], calls: int) -> Iterator[ObjectRef[Any]]:
            return (agents[at % len(agents)].remember.remote(one) for at, one in enumerate(islice(fresh, calls)))

        def recalls(calls: int) -> Iterator[ObjectRef[Any]]:
            return (large.recall.remote(questions[at % len(questions)]) for at in range(calls))

        time.sleep(REST_S)
        walls = [_seconds(large, one) for one in [*questions[:WARM], *questions]][WARM:]
        p50, p95 = np.quantile(walls, [0.5, 0.95]) * 1e3
        row: dict[str, float] = {"recall p50 ms": p50, "recall p95 ms": p95}
        few = max(1, given.calls // 10)
        works: dict[str, tuple[Callable[[], Iterator[ObjectRef[Any]]], int]] = {
            "recall, on their way": (lambda: recalls(given.calls // 3), given.in_flight),
            "remember, one after the other": (lambda: remembers([large], few), 1),
            "remember, to one agent": (lambda: remembers([large], given.calls), given.in_flight),
            "remember, to several": (lambda: remembers(small, given.calls), given.in_flight),
        }
        for name, (sent, in_flight) in works.items():
            row[name], row[f"{name}, processor ms"] = rate(sent, in_flight)
        return row


def _seconds(agent: qm.AgentHandle, question: Vector) -> float:
    begun_s = time.perf_counter()
    agent.recall(question)
    return time.perf_counter() - begun_s


def _fresh(known: Sequence[qm.Utterance]) -> Iterator[qm.Utterance]:
    """What nobody remembered yet, without end, after what is known."""
    last = known[-1].at or AT
    for number in count(1):
        one = known[number % len(known)]
        yield qm.Utterance(
            f"{one.text} ({number})",
            one.speaker,
            last + timedelta(seconds=30 * number),
            session=f"later {number // 20}",
            embedding=one.embedding,
            pad=one.pad,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=BOUND_MEMORIES)
    parser.add_argument("--calls", type=int, default=1500)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--placement", nargs="+", choices=("actors", "inline"), default=["actors", "inline"])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    vectors = made_like_sentences(given.memories + 400)
    rows = {placement: measured(placement, given, vectors) for placement in given.placement}
    print("| | " + " | ".join(rows) + " |\n| --- |" + " ---: |" * len(rows))
    for name in next(iter(rows.values())):
        print(f"| {name} | " + " | ".join(f"{row[name]:,.1f}" for row in rows.values()) + " |")
    for placement, row in rows.items():
        times = TIMES_INLINE if placement == "inline" else 1.0
        _judge(placement, "remember, to one agent", row["remember, to one agent"] / (times * BOUND_CALLS))
        _judge(placement, "recall p95 ms", BOUND_RECALL_MS / times / row["recall p95 ms"])
    if given.json:
        report = {"machine": platform.platform(), "cpus": psutil.cpu_count(), "rows": rows}
        given.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


def _judge(placement: str, name: str, share: float) -> None:
    print(f"{placement}: {name}: {share:.2f} of the bound: {'holds' if share >= 1.0 else 'MISSED'}")


if __name__ == "__main__":
    main()
