"""What it costs to be watched: recall and remember in one process, with and without metrics, JSON logs and traces.

    python benchmarks/telemetry.py [--memories 1000] [--rounds 60] [--calls 20] [--without-ray] [--json FILE]

One agent under each way of being watched, all with real parts, a vault on disk and ready-made embeddings, in turns:
so many calls of one, then of the next. Of each turn the CPU time of the whole process counts, the thread that hands
measurements to Ray included, and of all turns of a way the median. "bare" has no wrapper around any call.

Beside that, because a difference of two medians is noisy where it is small: how many measurements a call makes, what
taking one and handing it to Ray takes, and what that is of a call.

With ``--without-ray`` no Ray is started, so that handing a measurement over is dropping it in the same library.

Bound: metrics take under 2 % of a recall and of a remember.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import ray
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from quantum_memory.actors.agent import QuantumMemoryHost
from quantum_memory.actors.directory import Directory
from quantum_memory.actors.emotion import EmotionHost
from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.journal import Journal
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.ports import LocalPort, LocalVault
from quantum_memory.actors.quantum_state import QuantumStateHost
from quantum_memory.actors.ray_metrics import RayMetrics
from quantum_memory.actors.requests import RecallRequest, RememberRequest
from quantum_memory.actors.semantic_graph import SemanticGraphHost
from quantum_memory.actors.vault import VaultHost
from quantum_memory.settings import load
from quantum_memory.telemetry import SILENT, Metrics, Recorder
from quantum_memory.telemetry.catalog import JOURNAL_EVENTS, METRICS, OPERATION_SECONDS, OPERATIONS
from quantum_memory.telemetry.logs import to_stderr
from quantum_memory.types import PAD, Filters, Utterance, Vector

DIM, K = 384, 10
BOUND = 0.02
US = 1e6
SHOTS = 20_000


class Dropped(SpanExporter):
    """Spans go nowhere: what making and batching them takes is what is measured."""

    def export(self, _: Sequence[Any]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def dropped() -> SpanExporter:
    return Dropped()


WAYS: dict[str, dict[str, Any]] = {
    "bare": {},
    "silent": {},
    "metrics": {},
    "metrics, JSON logs": {"logs": "json"},
    "metrics, traces": {"traces": True, "exporter": "__main__:dropped"},
}


def unwatched(host: type) -> type:
    """The host as it would be if nobody had ever watched it."""
    methods = {name: value.unwatched for name, value in vars(host).items() if hasattr(value, "unwatched")}
    return type(host.__name__, (host,), methods)


class Bench:
    """One agent with all its parts in this process."""

    def __init__(self, folder: str, metrics: Metrics, *, bare: bool = False, **telemetry: Any) -> None:
        self.settings = load({"storage": folder, "perception": {"model": "hashing"}, "telemetry": telemetry})
        made: Callable[[type], Any] = unwatched if bare else lambda host: host
        self.vault = made(VaultHost)(self.settings, metrics)
        views = (
            LocalPort(made(kind)(self.settings, self.vault, metrics), kind.pool)
            for kind in (QuantumStateHost, EpisodicMemoryHost, SemanticGraphHost)
        )
        emotion = LocalPort(made(EmotionHost)(self.settings, metrics), "emotion")
        parts = Parts(Journal(LocalVault(self.vault), lambda _: True), emotion, *views)
        directory = Directory("none", {"agents": 1}, 60.0, 1.0)
        self.runner = asyncio.Runner()
        self.host = made(QuantumMemoryHost)(self.settings, directory, parts=parts, metrics=metrics)
        self.branch = self.runner.run(self.host.open(["alice"], create=True))[0].info
        self.calls = 0

    def remember(self, given: Sequence[Utterance]) -> None:
        self.calls += 1
        self.runner.run(self.host.remember_one(RememberRequest(self.branch, tuple(given), f"op {self.calls}")))

    def recall(self, query: Vector) -> None:
        self.runner.run(self.host.recall_one(RecallRequest(self.branch, query, K, Filters(), None)))

    def close(self) -> None:
        self.runner.run(self.host.close())
        self.vault.close()
        self.runner.close()


def utterance(chance: np.random.Generator, number: int) -> Utterance:
    words = " ".join(f"word{int(one)}" for one in chance.zipf(1.3, 12) % 5000)
    embedding = chance.normal(size=DIM).astype(np.float32)
    return Utterance(f"Memory {number}: {words}", embedding=embedding, pad=PAD(*chance.uniform(-0.9, 0.9, 3)))


def measured(benches: dict[str, Bench], memories: int, rounds: int, calls: int) -> dict[str, dict[str, list[float]]]:
    """CPU seconds of one call, by operation and way, one number for each turn."""
    chance = np.random.default_rng(0)
    first = [utterance(chance, number) for number in range(memories)]
    for bench in benches.values():
        for start in range(0, memories, 250):
            bench.remember(first[start : start + 250])
    taken: dict[str, dict[str, list[float]]] = {what: {way: [] for way in benches} for what in ("recall", "remember")}
    for turn in range(rounds + 1):
        queries = chance.normal(size=(calls, DIM)).astype(np.float32)
        given = [utterance(chance, memories + turn * calls + number) for number in range(calls)]
        ways = list(benches)
        for way in ways[turn % len(ways) :] + ways[: turn % len(ways)]:
            bench = benches[way]
            times_s = [time.process_time()]
            for query in queries:
                bench.recall(query)
            times_s.append(time.process_time())
            for one in given:
                bench.remember([one])
            times_s.append(time.process_time())
            if turn:  # the first warms code paths
                for what, (began_s, ended_s) in zip(taken, pairwise(times_s), strict=True):
                    taken[what][way].append((ended_s - began_s) / calls)
    return taken


def counted(memories: int) -> dict[str, int]:
    """How many measurements one call makes."""
    chance, recorder = np.random.default_rng(1), Recorder()
    with TemporaryDirectory() as folder:
        bench = Bench(folder, recorder)
        bench.remember([utterance(chance, number) for number in range(memories)])

        query, given = np.ones(DIM, dtype=np.float32), [utterance(chance, memories)]
        before = taken_by(recorder)
        bench.recall(query)
        between = taken_by(recorder)
        bench.remember(given)
        made = {"recall": between - before, "remember": taken_by(recorder) - between}
        bench.close()
    return made


def taken_by(recorder: Recorder) -> int:
    """How many measurements a recorder was given; of the counters those that rise with each call."""
    values = sum(len(recorder.values(one, *labels)) for one in METRICS for labels in recorder.seen(one))
    risen = sum(recorder.number(one, *labels) for one in (OPERATIONS, JOURNAL_EVENTS) for labels in recorder.seen(one))
    return values + int(risen)


def each_us() -> float:
    """CPU time of one measurement of the dearest kind: taking it, and handing it to Ray."""
    metrics = RayMetrics(every_s=3600.0)
    metrics.observe(OPERATION_SECONDS, 0.001, "recall")
    time.sleep(0.1)  # its thread has begun, and has nothing to do for an hour
    began_s = time.process_time()
    for _ in range(SHOTS):
        metrics.observe(OPERATION_SECONDS, 0.001, "recall")
    metrics.hand_over()
    return (time.process_time() - began_s) / SHOTS * US


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--without-ray", action="store_true")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    to_stderr("json", "warning", {})
    if not asked.without_ray:
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    print(f"{platform.platform()}, Python {platform.python_version()}, {asked.memories} memories")
    with TemporaryDirectory() as folder:
        benches = {
            way: Bench(
                f"{folder}/{number}", SILENT if way in ("bare", "silent") else RayMetrics(), bare=way == "bare", **told
            )
            for number, (way, told) in enumerate(WAYS.items())
        }
        taken = measured(benches, asked.memories, asked.rounds, asked.calls)
        for bench in benches.values():
            bench.close()
    made, each = counted(asked.memories), each_us()
    ray.shutdown()
    answer: dict[str, Any] = {"each_us": each, "memories": asked.memories}
    for what, ways in taken.items():
        bare = statistics.median(ways["bare"])
        print(f"\n{what}: CPU time of one call, over {asked.rounds} turns of {asked.calls}")
        for way, times in ways.items():
            median = statistics.median(times)
            # Each turn against the bare one beside it: what slows the machine for a while slows both.
            more = statistics.median(one / other for one, other in zip(times, ways["bare"], strict=True)) - 1.0
            print(f"  {way:20} {median * US:8.0f} us {more:+8.1%}")
            answer[f"{what}, {way}"] = {"us": median * US, "more": more}
        share = made[what] * each / (bare * US)
        print(f"  {made[what]} measurements of {each:.2f} us: {share:.2%} of the call; bound {BOUND:.0%}")
        answer[f"{what}, share"] = share
        assert share < BOUND, f"metrics take {share:.1%} of a {what}"
    if asked.json is not None:
        asked.json.write_text(json.dumps(answer, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
