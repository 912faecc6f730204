"""What sealing costs and saves: bytes, events a second, what a write waits meanwhile, recall lost to half precision.

    OPENBLAS_NUM_THREADS=1 python benchmarks/segments.py [--folder FOLDER] [--events 20000] [--rounds 6]

Embeddings are MiniLM's of the turns in examples/data, of each sentence and of each pair of neighbouring sentences; the
questions are those that come with the turns. Where more are needed, two of them are mixed. Exact search in float32 is
the truth of the recall. Latencies are of single synced writes, in turns with and without a keeper that has work to do.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from quantum_memory.memory.affect.perceiver import MiniLMPerceiver
from quantum_memory.memory.events import Remembered
from quantum_memory.memory.vault import Append, CreateAgent, Vault, Written, schema
from quantum_memory.memory.vault.blocks import open_blocks
from quantum_memory.memory.vault.keeper import Background, Keeper
from quantum_memory.memory.vault.segments import SegmentReader, half
from quantum_memory.types import PAD, Memory

DATA = Path(__file__).parents[1] / "examples" / "data"
DIM, K, SEAL, BATCH = 384, 10, 4096, 64
Array = NDArray[np.float32]


def lines(name: str, field: str) -> list[str]:
    return [json.loads(line)[field] for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def corpus() -> list[str]:
    turns = lines("conversation.jsonl", "text")
    sentences = [part for turn in turns for part in re.split(r"(?<=[.!?])\s+", turn) if part]
    return [*turns, *sentences, *(f"{one} {other}" for one, other in pairwise(sentences))]


def embedded(texts: Sequence[str]) -> Array:
    return np.stack([percept.embedding for percept in MiniLMPerceiver().perceive(texts)])


def halved(vectors: Array) -> Array:
    return np.stack([half(vector) for vector in vectors])


def recall(questions: Array, known: Array, other: Array) -> tuple[float, float]:
    """How much of the exact ten nearest is found in the other vectors, and how often the nearest is another."""
    truth = np.argsort(-(questions @ known.T), axis=1, kind="stable")[:, :K]
    found = np.argsort(-(questions @ other.T), axis=1, kind="stable")[:, :K]
    shared = [len(set(left) & set(right)) / K for left, right in zip(truth, found, strict=True)]
    return statistics.fmean(shared), float((truth[:, 0] != found[:, 0]).mean())


def events(count: int, texts: Sequence[str], vectors: Array, *, rounded: bool, seed: int = 0) -> list[Remembered]:
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        one, other = rng.integers(len(vectors), size=2)
        vector = vectors[one] + (vectors[other] if number >= len(vectors) else 0)
        vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        kept = half(vector) if rounded else vector
        at = datetime.now(UTC)
        made.append(Remembered((Memory(f"m{number}", texts[one], at, PAD(0.4, 0.1, 0.2), 0.9, 0.5, kept),)))
    return made


def fill(vault: Vault, branch: str, made: Sequence[Remembered]) -> None:
    head = vault.head(branch)
    for first in range(0, len(made), BATCH):
        part = enumerate(made[first : first + BATCH], start=head + first)
        outcomes = vault.write([Append(branch, seq, event, f"s.{branch}.{seq}") for seq, event in part])
        assert all(isinstance(outcome, Written) for outcome in outcomes), outcomes


def now() -> datetime:
    return datetime.now(UTC)


def database_bytes(vault: Vault, folder: Path) -> int:
    """What the database takes once it has let go of free pages."""
    with vault.database.read() as connection:
        connection.exec_driver_sql("PRAGMA query_only = OFF")
        connection.exec_driver_sql(f"VACUUM INTO '{folder / 'copy.sqlite'}'")
        connection.exec_driver_sql("PRAGMA query_only = ON")
    size = (folder / "copy.sqlite").stat().st_size
    (folder / "copy.sqlite").unlink()
    return size


def sealing(folder: Path, made: Sequence[Remembered]) -> dict[str, float]:
    """Bytes an event before and after, and how fast it goes with nothing else to do."""
    blocks = open_blocks(folder / "blocks")
    with Vault.open(folder, now=now, blocks=blocks) as vault:
        vault.write([CreateAgent("agent", "main")])
        empty = database_bytes(vault, folder)
        fill(vault, "main", made)
        before = database_bytes(vault, folder) - empty
        begun = time.perf_counter()
        Keeper(vault.database, blocks, now, seal_events=SEAL).settle()
        took = time.perf_counter() - begun
        with vault.database.read() as connection:
            s = schema.segments.c
            raw, kept, sealed = connection.execute(
                sa.select(sa.func.sum(s.raw_bytes), sa.func.sum(s.bytes), sa.func.sum(s.last_seq - s.first_seq + 1))
            ).one()
            begun = time.perf_counter()
            reader = SegmentReader(blocks)
            for after in range(0, sealed, 512):
                reader.payloads(connection, "main", after, min(after + 512, sealed))
            read = time.perf_counter() - begun
        after_ = database_bytes(vault, folder) - empty
    left = (after_ - (len(made) - sealed) * before / len(made)) / sealed
    return {
        "row": before / len(made),
        "raw": raw / sealed,
        "kept": kept / sealed,
        "left": left,
        "events/s": sealed / took,
        "MB/s": raw / took / 1e6,
        "read": sealed / read,
    }


def latencies(vault: Vault, made: Sequence[Remembered], seconds: float, busy: Background | None) -> list[float]:
    """Milliseconds of single writes, one after another, for so long."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    head = vault.head("writer")
    while time.perf_counter() < end:
        begun = time.perf_counter()
        (outcome,) = vault.write([Append("writer", head, made[head % len(made)], f"w.{head}")])
        times.append(1e3 * (time.perf_counter() - begun))
        assert isinstance(outcome, Written), outcome
        head += 1
        time.sleep(0.0005)  # a writer that never rests leaves the disk no room for anybody
    assert busy is None or busy.last_error is None
    return times


def interleaved(folder: Path, made: Sequence[Remembered], rounds: int) -> tuple[list[float], list[float], int]:
    """Latencies without and with a keeper at work, and how many events it sealed meanwhile."""
    blocks = open_blocks(folder / "blocks")
    alone: list[float] = []
    beside: list[float] = []
    with Vault.open(folder, now=now, blocks=blocks) as vault:
        vault.write([CreateAgent("writer", "writer")])
        for number in range(rounds):
            branch = f"backlog{number}"
            vault.write([CreateAgent(branch, branch)])
            fill(vault, branch, made)
            alone += latencies(vault, made, 3.0, None)
            keeper = Background(Keeper(vault.database, blocks, now, seal_events=SEAL), every_s=0.5)
            beside += latencies(vault, made, 3.0, keeper)
            keeper.close()
            Keeper(vault.database, blocks, now, seal_events=SEAL).settle()
        with vault.database.read() as connection:
            s = schema.segments.c
            sealed = connection.execute(sa.select(sa.func.sum(s.last_seq - s.first_seq + 1))).scalar_one()
    return alone, beside, int(sealed)


def quantile(times: Sequence[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def report(folder: Path, count: int, rounds: int) -> None:
    texts = corpus()
    vectors, questions = embedded(texts), embedded(lines("questions.jsonl", "question"))
    found, first = recall(questions, vectors, halved(vectors))
    every, nearest = recall(vectors, vectors, halved(vectors))
    print(f"{len(texts)} texts, {len(questions)} questions, {DIM} dimensions\n")
    print("| recall@10 of half precision | of the exact ten | another one first |\n| --- | ---: | ---: |")
    print(
        f"| the questions | {found:.4f} | {first:.4f} |\n| every text as a question | {every:.4f} | {nearest:.4f} |\n"
    )
    for name in ("float32", "float16"):
        (folder / name).mkdir()
    table = {
        name: sealing(folder / name, events(count, texts, vectors, rounded=name == "float16"))
        for name in ("float32", "float16")
    }
    print(f"| {count} events of one memory, sealed by {SEAL} | float32 | float16 |\n| --- | ---: | ---: |")
    for key, told in (
        ("row", "bytes an event in the database before"),
        ("raw", "of these, payload"),
        ("kept", "bytes an event in a segment"),
        ("left", "bytes an event left in the database"),
        ("events/s", "events a second sealed"),
        ("MB/s", "megabytes of payload a second"),
        ("read", "events a second read back, cold"),
    ):
        print(f"| {told} | {table['float32'][key]:,.0f} | {table['float16'][key]:,.0f} |")
    (folder / "latency").mkdir()
    made = events(2 * SEAL, texts, vectors, rounded=False, seed=1)
    alone, beside, sealed = interleaved(folder / "latency", made, rounds)
    print(f"\n{sealed} events sealed beside {len(beside)} writes\n")
    print("| one synced write, ms | median | 95 % | 99 % | longest |\n| --- | ---: | ---: | ---: | ---: |")
    for name, times in (("keeper idle", alone), ("keeper sealing and joining", beside)):
        shares = (f"{quantile(times, share):.2f}" for share in (0.5, 0.95, 0.99))
        print(f"| {name} | {' | '.join(shares)} | {max(times):.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where to write; a fresh temporary folder if not given")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=6)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        report(Path(folder), asked.events, asked.rounds)


if __name__ == "__main__":
    main()
