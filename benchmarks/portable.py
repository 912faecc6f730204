"""How large an agent's state is in each form beside plain JSON, and what an archive of many memories takes.

    python benchmarks/portable.py [--memories 1000 10000] [--archive 100000] [--json FILE]

Bound: the binary forms are at least 68 % smaller than plain JSON, in which numbers are decimal text. Embeddings are
random, so that nothing but their precision can be saved on them; texts are made of words as frequent as in English.
The archive is written and read by a process of its own for each, and its peak of resident memory is told.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from quantum_memory.actors.folds import plain_folds
from quantum_memory.memory.archive import export_archive, import_archive, state_at
from quantum_memory.memory.events import Remembered
from quantum_memory.memory.portable import FORMS, AgentState, read_state, write_state
from quantum_memory.memory.vault import Append, CreateAgent, Vault
from quantum_memory.settings import Settings
from quantum_memory.types import PAD, Memory, Place

DIM, BATCH, MB = 384, 100, 1e6
BOUND = 0.68
BINARY = ("msgpack", "npz")
START = datetime(2026, 1, 1, tzinfo=UTC)


def memories(count: int) -> Iterator[Memory]:
    chance = np.random.default_rng(0)
    for number in range(count):
        words = " ".join(f"word{int(one)}" for one in chance.zipf(1.3, 12) % 5000)
        vector = chance.normal(size=DIM).astype(np.float32)
        yield Memory(
            f"memory-{number:08d}",
            f"Memory {number}: {words}",
            START + timedelta(minutes=number),
            PAD(*chance.uniform(-0.9, 0.9, 3)),
            float(chance.uniform()),
            float(chance.uniform()),
            vector / np.linalg.norm(vector),
            f"speaker {number % 5}",
            session=f"session {number // 20}",
        )


def filled(storage: str, count: int) -> Vault:
    vault = Vault.open(storage, now=lambda: START, embedding=f"random/{DIM}")
    vault.write([CreateAgent("alice", "main")])
    batch: list[Memory] = []
    for memory in memories(count):
        batch.append(memory)
        if len(batch) == BATCH:
            head = vault.head("main")
            vault.write([Append("main", head, Remembered(tuple(batch)), f"s.{head}")])
            batch = []
    return vault


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def forms(count: int) -> dict[str, Any]:
    with filled("memory://", count) as vault:
        state: AgentState = state_at(vault, Place("main", vault.head("main")), plain_folds(Settings()))
    found: dict[str, Any] = {"memories": count}
    for form in FORMS:
        data, write_s = timed(partial(write_state, state, form))
        again, read_s = timed(partial(read_state, data, form))
        assert again == state
        found[form] = {"bytes": len(data), "write_s": write_s, "read_s": read_s}
    for form in FORMS:
        found[form]["smaller"] = 1.0 - found[form]["bytes"] / found["json"]["bytes"]
    return found


def _measured(work: Callable[..., Any], *args: Any) -> dict[str, float]:
    """Seconds and peak of resident memory of a call, in a process of its own; and what was resident before it."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak of whoever began this process
    before = peak_mb()
    _, seconds = timed(lambda: work(*args))
    return {"seconds": seconds, "before_mb": before, "peak_mb": peak_mb()}


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024 / MB


def _fill(storage: str, count: int) -> None:
    filled(storage, count).close()


def _export(storage: str, path: str, views: Any) -> None:
    with Vault.open(storage, now=lambda: START) as vault:
        export_archive(vault, "alice", path, plain_folds(Settings()), views=views)


def _import(storage: str, path: str) -> None:
    with Vault.open(storage, now=lambda: START) as vault:
        import_archive(vault, path)


def archive(count: int) -> dict[str, Any]:
    spawned = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        storage, other, path = f"{folder}/vault", f"{folder}/other", f"{folder}/alice.qms"
        steps: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
            ("fill", _fill, (storage, count)),
            ("export without views", _export, (storage, path, "none")),
            ("export", _export, (storage, path, "every")),
            ("import", _import, (other, path)),
        ]
        found: dict[str, Any] = {"memories": count, "vectors_mb": count * DIM * 4 / MB}
        for name, work, args in steps:
            with spawned.Pool(1) as pool:
                found[name] = pool.apply(_measured, (work, *args))
            if name.startswith("export"):
                found[name]["file_mb"] = Path(path).stat().st_size / MB
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--archive", type=int, default=100_000, help="0: none")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    runs = [forms(count) for count in asked.memories]
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}\n")
    for run in runs:
        print(f"{run['memories']:,} memories\n\n| form | MB | smaller than JSON | write | read |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for form in FORMS:
            one = run[form]
            print(
                f"| {form} | {one['bytes'] / MB:,.2f} | {one['smaller']:.1%} "
                f"| {one['write_s']:.2f} s | {one['read_s']:.2f} s |"
            )
        print()
    large = archive(asked.archive) if asked.archive else None
    if large is not None:
        print(f"an archive of {large['memories']:,} memories, whose vectors have {large['vectors_mb']:,.0f} MB\n")
        print("| | seconds | resident before | at its peak | file |\n| --- | ---: | ---: | ---: | ---: |")
        for name in ("export without views", "export", "import"):
            one = large[name]
            file = f"{one['file_mb']:,.0f} MB" if "file_mb" in one else ""
            print(f"| {name} | {one['seconds']:.0f} | {one['before_mb']:,.0f} MB | {one['peak_mb']:,.0f} MB | {file} |")
    if asked.json:
        asked.json.write_text(json.dumps({"forms": runs, "archive": large}, indent=1))
    over = [form for run in runs for form in BINARY if run[form]["smaller"] < BOUND]
    raise SystemExit(f"not {BOUND:.0%} smaller: {over}" if over else 0)


if __name__ == "__main__":
    main()
