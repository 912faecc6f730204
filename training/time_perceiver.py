"""Time MiniLMPerceiver on this machine, beside the bare encoder of sentence-transformers.

    python training/time_perceiver.py --data emobank.csv

Latency is the median over single texts, throughput that of calls with 64 texts, without the cache; of the rounds, in
which the readers take turns, the best counts. On one thread of a CPU the time is that of the core, which other programs
do not add to; else it is the wall's. sentence-transformers runs with its usual batches of 32, and with those of 8 that
the perceiver uses on a CPU.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from quantum_memory.memory.affect.encoder import packaged_model
from quantum_memory.memory.affect.perceiver import MiniLMPerceiver

BATCH = 64


def throughput(read: Callable[[list[str]], object], texts: list[str], clock: Callable[[], float]) -> float:
    """Texts a second in calls with 64."""
    start = clock()
    for first in range(0, len(texts), BATCH):
        read(texts[first : first + BATCH])
    return len(texts) / (clock() - start)


def latency_ms(read: Callable[[list[str]], object], texts: list[str], clock: Callable[[], float]) -> float:
    """Median milliseconds for one text."""
    times = []
    for text in texts:
        start = clock()
        read([text])
        times.append(clock() - start)
    return 1000.0 * statistics.median(times)


def main(argv: Sequence[str] | None = None) -> None:
    from sentence_transformers import SentenceTransformer

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a CSV with a column of texts")
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(argv)
    with given.data.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)][: given.texts]
    start = time.perf_counter()
    perceiver = MiniLMPerceiver(given.device, threads=given.threads, cache_size=0)
    print(f"start {time.perf_counter() - start:.2f} s, {torch.get_num_threads()} thread(s), {given.device}")
    bare = SentenceTransformer(str(packaged_model()), device=given.device, local_files_only=True)

    def encode(size: int) -> Callable[[list[str]], object]:
        return lambda batch: bare.encode(batch, batch_size=size, show_progress_bar=False)

    readers: dict[str, Callable[[list[str]], object]] = {"MiniLMPerceiver": perceiver.perceive}
    readers |= {f"sentence-transformers, batches of {size}": encode(size) for size in (32, 8)}
    one_core = given.device == "cpu" and given.threads == 1
    clock = time.process_time if one_core else time.perf_counter
    single = dict.fromkeys(readers, float("inf"))
    many = dict.fromkeys(readers, 0.0)
    for _ in range(given.rounds):
        for name, read in readers.items():
            read(texts[:BATCH])
            single[name] = min(single[name], latency_ms(read, texts[:100], clock))
            many[name] = max(many[name], throughput(read, texts, clock))
    for name in readers:
        print(f"{name}: one text {single[name]:.1f} ms, calls with {BATCH}: {many[name]:.0f} texts/s")


if __name__ == "__main__":
    main()
