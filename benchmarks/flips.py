"""Flip random bits of files on disk, one at a time, and see that each is found and none gives wrong data.

    python benchmarks/flips.py [--flips 10000] [--events 2000] [--seed 0] [--folder FOLDER]

Every kind of file has a maker, which writes one, and a reader, which hands out what is in it or raises. A flip counts
as found if reading raises one of this package's errors; silent if the data came out as it was; wrong if it came out
otherwise. The command fails unless every flip was found.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa

from quantum_memory.actors.folds import plain_folds
from quantum_memory.errors import QuantumMemoryError
from quantum_memory.memory.archive import export_archive, open_archive
from quantum_memory.memory.events import Remembered
from quantum_memory.memory.vault import Append, CreateAgent, Vault, Written, schema
from quantum_memory.memory.vault.blocks import open_blocks
from quantum_memory.memory.vault.keeper import Keeper
from quantum_memory.memory.vault.segments import SegmentReader, half
from quantum_memory.settings import Settings
from quantum_memory.types import PAD, Memory

DIM = 384
Read = Callable[[], object]


class Target(NamedTuple):
    """A file, and how its user reads it: freshly each time, from the disk."""

    name: str
    file: Path
    read: Read


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def event(number: int, rng: np.random.Generator, *, rounded: bool) -> Remembered:
    vector = rng.normal(size=DIM).astype(np.float32)
    kept = half(vector) if rounded else vector
    text = f"What happened on day {number}: " + " ".join(rng.choice(["rain", "tea", "Bob", "a walk", "home"], 8))
    return Remembered((Memory(f"m{number}", text, now(), PAD(0.4, 0.1, 0.2), 0.9, 0.5, kept),))


def segment(folder: Path, count: int, *, rounded: bool) -> Target:
    """A vault with one segment, read the way the vault reads it."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    blocks = open_blocks(folder / "blocks")
    vault = Vault.open("memory://", now=now, blocks=blocks)
    writes = [CreateAgent("agent", "main")]
    writes += [Append("main", seq, event(seq, rng, rounded=rounded), f"op{seq}") for seq in range(count)]  # type: ignore[misc]  # a list of writes
    assert all(isinstance(outcome, Written) for outcome in vault.write(writes))
    Keeper(vault.database, blocks, now, seal_events=count, segment_events=count).settle()
    with vault.database.read() as connection:
        (name,) = connection.execute(sa.select(schema.segments.c.block)).scalars()

    def read() -> object:
        with vault.database.read() as connection:
            return SegmentReader(open_blocks(folder / "blocks")).payloads(connection, "main", 0, count)

    return Target(f"segment, {'float16' if rounded else 'float32'}", folder / "blocks" / name[:2] / name, read)


def archive(folder: Path, count: int) -> Target:
    """An archive, read whole: its events as an import takes them, every byte checked before."""
    folder.mkdir()
    rng, path = np.random.default_rng(0), folder / "agent.qms"
    with Vault.open("memory://", now=now) as vault:
        writes = [CreateAgent("agent", "main")]
        writes += [Append("main", seq, event(seq, rng, rounded=False), f"op{seq}") for seq in range(count)]  # type: ignore[misc]  # a list of writes
        assert all(isinstance(outcome, Written) for outcome in vault.write(writes))
        export_archive(vault, "agent", path, plain_folds(Settings()), views="root")

    def read() -> object:
        with open_archive(path) as found:
            events = found.tables["journal"]["event"]
            return [found.events.decode(one, "event") for one in events.read(0, len(events))]

    return Target("archive", path, read)


def flipped(target: Target, flips: int, chance: random.Random) -> Counter[str]:
    """What came of so many flips, each undone before the next."""
    whole, size = target.read(), target.file.stat().st_size
    outcomes: Counter[str] = Counter()
    with target.file.open("r+b", buffering=0) as file:
        for _ in range(flips):
            at, bit = chance.randrange(size), chance.randrange(8)
            file.seek(at)
            (was,) = file.read(1)
            _put(file.fileno(), at, was ^ 1 << bit)
            try:
                found = target.read()
            except QuantumMemoryError:
                outcomes["found"] += 1
            except Exception as error:  # noqa: BLE001  (whatever else it is, it is no error of ours)
                outcomes[f"raised {type(error).__name__}"] += 1
            else:
                outcomes["silent" if found == whole else "wrong"] += 1
            _put(file.fileno(), at, was)
    assert target.read() == whole, "the file is whole again"
    return outcomes


def _put(descriptor: int, at: int, value: int) -> None:
    os.pwrite(descriptor, bytes([value]), at)


def targets(folder: Path, count: int) -> list[Target]:
    return [
        segment(folder / "float32", count, rounded=False),
        segment(folder / "float16", count, rounded=True),
        archive(folder / "archive", count),
    ]


def report(folder: Path, flips: int, count: int, seed: int) -> bool:
    every = targets(folder, count)
    print(f"| file of {count} events | bytes | flips | found | silent | wrong data | other errors | seconds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    clean = True
    for number, target in enumerate(every):
        share = flips // len(every) + (number < flips % len(every))
        begun = time.perf_counter()
        outcomes = flipped(target, share, random.Random(f"{seed} {target.name}"))  # noqa: S311  (no secret)
        other = sum(count for name, count in outcomes.items() if name.startswith("raised"))
        cells = [
            f"{target.file.stat().st_size:,}",
            share,
            outcomes["found"],
            outcomes["silent"],
            outcomes["wrong"],
            other,
        ]
        print(f"| {target.name} | {' | '.join(map(str, cells))} | {time.perf_counter() - begun:.0f} |")
        clean = clean and outcomes["found"] == share
    return clean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to write; a fresh temporary folder if not given")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        clean = report(Path(folder), asked.flips, asked.events, asked.seed)
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
