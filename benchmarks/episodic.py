"""What an agent of many memories costs, and how fast it adds and finds: python benchmarks/episodic.py [--large].

    OPENBLAS_NUM_THREADS=1 python benchmarks/episodic.py [--sizes 10000 100000] [--queries 200] [--json FILE]

One process and one thread, ready-made vectors of 384 numbers, no Ray. Texts have word frequencies and a length like
those of talk; vectors lie in clusters; feelings, confidences and importances
need double precision. ``--large`` adds a million memories, which takes 3 GB. Times are of the CPU, so
that other processes count less; seconds after a restart are of the clock, and of the CPU where they say so. A restart
is measured from a snapshot that holds everything, and from one that names files, fetched or at hand to be mapped.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil

from quantum_memory.memory.affect.mood import MoodFold
from quantum_memory.memory.episodic.dense import IndexPolicy, build
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.indexing import Indexer
from quantum_memory.memory.episodic.runs import Run
from quantum_memory.memory.episodic.search import Query, search
from quantum_memory.memory.episodic.segments import Segments
from quantum_memory.memory.episodic.snapshot import MemoriesCodec
from quantum_memory.memory.episodic.state import EpisodicState, Sizes
from quantum_memory.memory.events import Remembered
from quantum_memory.memory.freed import MALLOC
from quantum_memory.memory.mapped import FileCache
from quantum_memory.memory.semantic.graph import GraphFold
from quantum_memory.memory.snapshots import packed, unpacked
from quantum_memory.memory.vault.blocks import BlockStore, open_blocks
from quantum_memory.memory.vault.shelf import packing
from quantum_memory.types import PAD, Filters, Memory, Place

T = TypeVar("T")
DIM, VOCABULARY, WORDS, STOPPED = 384, 20_000, 15, 20
BATCH, BLOCK = 100, 1000
CLUSTERS, WITHIN = 200, 0.9
START = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = Place("root", 1)


def made_up(count: int, seed: int, first: int = 0) -> list[Memory]:
    """So many memories of two speakers in sessions of thirty. The most frequent words stand for stop words."""
    chance = np.random.default_rng((seed, first))
    frequency = 1.0 / np.arange(1, VOCABULARY + 1)
    words = chance.choice(VOCABULARY, (count, WORDS), p=frequency / frequency.sum())
    centres = np.random.default_rng(0).standard_normal((CLUSTERS, DIM))
    vectors = centres[chance.integers(0, CLUSTERS, count)] + WITHIN * chance.standard_normal((count, DIM))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    felt = chance.uniform((-0.9, -0.9, -0.9, 0.0, 0.0), 0.9, (count, 5))
    return [
        Memory(
            id=f"{seed:08x}{first + row:024x}",
            text=" ".join("and" if word < STOPPED else f"word{word}" for word in words[row].tolist()),
            at=START + timedelta(minutes=first + row),
            pad=PAD(*felt[row, :3].tolist()),
            confidence=float(felt[row, 3]),
            importance=float(felt[row, 4]),
            embedding=vectors[row].copy(),
            speaker=("Alice", "Bob")[row % 2],
            session=f"session-{(first + row) // 30}",
        )
        for row in range(count)
    ]


def blocks(count: int) -> Iterator[list[Memory]]:
    for first in range(0, count, BLOCK):
        yield made_up(min(BLOCK, count - first), 1, first)


def resident(folder: str | None = None, *, trim: bool = True) -> int:
    """Bytes of this process that are in no file, and those pages of files of a folder that it has mapped.

    Pages of libraries do not count, which are private or not as other processes come and go. With ``trim`` what the
    allocator has free is given back before, else it counts.
    """
    gc.collect()
    if sys.platform != "linux":
        return int(psutil.Process().memory_full_info().uss)
    if trim:
        ctypes.CDLL(None).malloc_trim(0)
    told = dict(line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    own = 1024 * int(told["Anonymous"].split()[0])
    if folder is None:
        return own
    return own + sum(one.rss - one.anonymous for one in psutil.Process().memory_maps() if one.path.startswith(folder))


def grown(fold: Any, count: int) -> tuple[Any, float, int]:
    """A state with so many memories, how many were added in a second of the CPU, and the bytes of their texts."""
    state, taken, text = fold.empty(), 0.0, 0
    for block in blocks(count):
        text += sum(len(one.text.encode()) for one in block)
        begin = time.process_time()
        for start in range(0, len(block), BATCH):
            state = fold.apply(state, Remembered(tuple(block[start : start + BATCH])))
        taken += time.process_time() - begin
    return state, count / taken, text


def parts_of(state: EpisodicState) -> dict[str, float]:
    """Bytes a memory by what they are for, as the arrays say."""
    total: dict[str, int] = {}
    for part in state.slices():
        for name, size in (
            part.block.weights() if isinstance(part.block, Run) else {"tail": part.block.nbytes}
        ).items():
            total[name] = total.get(name, 0) + size
    return {f"bytes_{name}": size / len(state) for name, size in total.items()}


def milliseconds(state: EpisodicState, asked: Sequence[Memory], **wanted: Any) -> dict[str, float]:
    taken = []
    for one in asked:
        begin = time.process_time()
        search(state, Query(one.text, one.embedding, **wanted))
        taken.append(1e3 * (time.process_time() - begin))
    return {"p50": float(np.percentile(taken, 50)), "p95": float(np.percentile(taken, 95))}


def recall(state: EpisodicState, asked: Sequence[Memory], k: int = 10) -> float:
    """The share of the k nearest that searches find without being told to be exact."""
    found = 0
    for one in asked:
        near, exact = (
            {
                found.id
                for found, cosine in zip(got.memories, got.relevance, strict=True)
                if cosine >= np.sort(got.relevance)[-k]
            }
            for got in (search(state, Query(None, one.embedding, limit=k, exact=exact)) for exact in (False, True))
        )
        found += len(near & exact)
    return found / (k * len(asked))


def timed(what: Callable[[], T]) -> tuple[T, float]:
    begin = time.perf_counter()
    result = what()
    return result, time.perf_counter() - begin


def calibration() -> float:
    """Milliseconds to multiply 100,000 vectors by one: what this machine, as busy as it is, does with memory."""
    vectors = np.random.default_rng(0).standard_normal((100_000, DIM)).astype(np.float32)
    taken = []
    for row in range(20):
        begin = time.process_time()
        vectors @ vectors[row]
        taken.append(1e3 * (time.process_time() - begin))
    return float(np.median(taken))


class Kept:
    """The files of a folder of blocks."""

    def __init__(self, blocks: BlockStore) -> None:
        self.file, self.put_file, self._blocks = blocks.get, blocks.put, blocks

    def lacking(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if not self._blocks.has(name)]


def first_answer(codec: MemoriesCodec, data: bytes, asked: Memory) -> dict[str, float]:
    """Seconds from a snapshot's bytes to a state and from there to an answer, and the bytes it then has of its own."""
    before, cpu = resident(), time.process_time()
    back, loaded = timed(partial(unpacked, codec, packing(3), PLACE, data))
    _, answered = timed(partial(search, back, Query(asked.text, asked.embedding)))
    taken = time.process_time() - cpu
    own = (resident() - before) / len(back)
    return {"s": loaded, "answer_s": answered, "to_first_answer_cpu_s": taken, "own_bytes_a_memory": own}


def restarted(state: EpisodicState, asked: Memory, indexer: Indexer) -> dict[str, float]:
    """What it takes to write a state with its sealed runs as files, to have it again, and what it then holds."""
    pack, found = packing(3), dict[str, float]()
    with tempfile.TemporaryDirectory() as folder:
        kept, cache = Kept(open_blocks(f"{folder}/blocks")), FileCache(Path(folder) / "cache", 1 << 40)

        def codec() -> MemoriesCodec:
            return MemoriesCodec(DIM, indexer=indexer, segments=Segments(kept, cache, indexer))

        data, found["files_written_s"] = timed(lambda: packed(codec(), pack, state))
        found["snapshot_naming_files_bytes_a_memory"] = len(data) / len(state)
        for name in ("store", "files"):
            if name == "store":
                for path in cache.folder.iterdir() if cache.folder.exists() else ():
                    path.unlink()
            found |= {f"from_{name}_{what}": value for what, value in first_answer(codec(), data, asked).items()}
    return found


def measure(count: int, queries: int, *, restart: bool) -> dict[str, float]:
    indexer = Indexer(Sizes().sealed)
    fold, codec = MemoriesFold(DIM, indexer=indexer), MemoriesCodec(DIM, indexer=indexer)
    warm, _, _ = grown(fold, 2000)
    asked = [replace(one, id="q") for one in made_up(queries, seed=2)]
    milliseconds(warm, asked[:20])
    del warm
    before = resident()
    state, rate, text = grown(fold, count)
    found: dict[str, float] = {"adds_a_second": rate}
    _, found["seconds_until_indexed"] = timed(indexer.wait)
    held, raw = resident() - before, 4 * DIM * count + text
    found |= {"bytes_a_memory": held / count, "bytes_beyond_vectors_and_text": (held - raw) / count}
    found["resident_over_raw"] = held / raw
    found |= parts_of(state)
    cases: dict[str, dict[str, Any]] = {
        "": {},
        "_one_speaker": {"filters": Filters(speaker="Alice")},
        "_exact": {"exact": True},
    }
    for name, wanted in cases.items():
        found |= {f"search{name}_{share}_ms": value for share, value in milliseconds(state, asked, **wanted).items()}
    found["recall_at_10"] = recall(state, asked[:100])
    if restart:
        found |= restarted(state, asked[0], indexer)
        pack = packing(3)
        data = packed(codec, pack, state)
        del state
        back, found["restart_s"] = timed(lambda: unpacked(codec, pack, PLACE, data))
        _, found["first_answer_s"] = timed(lambda: search(back, Query(asked[0].text, asked[0].embedding)))
        found["snapshot_bytes_a_memory"] = len(data) / count
    indexer.close()
    return found


def codec_of(folder: str, indexer: Indexer) -> MemoriesCodec:
    """What writes sealed runs as files into a folder and maps them there."""
    kept, cache = Kept(open_blocks(f"{folder}/blocks")), FileCache(Path(folder) / "cache", 1 << 40)
    return MemoriesCodec(DIM, indexer=indexer, segments=Segments(kept, cache, indexer))


def agent_cost(count: int) -> dict[str, float]:
    """What a whole agent holds: its memories, its graph and its mood; first as made, then with sealed runs in files.

    "untrimmed" is with what the allocator keeps for later; "all_pages" with every page of the files, which are the
    system's to take back, and else with those that 50 searches looked at.
    """
    indexer = Indexer(Sizes().sealed)
    folds: dict[str, Any] = {"memories": MemoriesFold(DIM, indexer=indexer), "graph": GraphFold(), "mood": MoodFold()}
    for fold in folds.values():  # what a process has once for all: libraries, and what is kept of words
        warm, _, _ = grown(fold, 2000)
        if isinstance(warm, EpisodicState):
            with tempfile.TemporaryDirectory() as folder:
                packed(codec_of(folder, indexer), packing(3), warm)
            milliseconds(warm, made_up(20, seed=3))
            build(warm.slices()[0].block.vectors(np.arange(1000)), IndexPolicy(from_rows=256))
        del warm
    found, states, begun, text = dict[str, float](), dict[str, Any](), resident(), 0
    before = begun
    for name, fold in folds.items():
        states[name], _, text = grown(fold, count)
        indexer.wait()
        held, before = resident() - before, resident()
        found[f"{name}_bytes_a_memory"] = held / count
    raw = 4 * DIM * count + text
    found["resident_over_raw_untrimmed"] = (resident(trim=False) - begun) / raw
    found["resident_over_raw"] = (resident() - begun) / raw
    with tempfile.TemporaryDirectory() as folder:
        packed(codec_of(folder, indexer), packing(3), states["memories"])
        for query in made_up(50, seed=2):
            search(states["memories"], Query(query.text, query.embedding))
        found["resident_over_raw_with_files_untrimmed"] = (resident(folder, trim=False) - begun) / raw
        found["resident_over_raw_with_files"] = (resident(folder) - begun) / raw
        files = sum(path.stat().st_size for path in (Path(folder) / "cache").iterdir())
        found["resident_over_raw_with_files_all_pages"] = (resident() + files - begun) / raw
    indexer.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--large", action="store_true", help="a million memories too")
    parser.add_argument(
        "--agent", action="store_true", help="what a whole agent of as many memories holds, and nothing else"
    )
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if sys.platform == "linux" and not MALLOC.items() <= os.environ.items():  # as the actors have it
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **MALLOC})  # noqa: S606 - itself
    told: dict[str, dict[str, float]] = {}
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.processor() or platform.machine()}, {psutil.cpu_count()} cores")
    print(f"100,000 vectors by one, numpy: {calibration():.2f} ms")
    for size in [*asked.sizes, *([1_000_000] if asked.large else [])]:
        found = agent_cost(size) if asked.agent else measure(size, asked.queries, restart=size <= 200_000)
        told[str(size)] = found
        print(f"{size:,} memories")
        for name, value in found.items():
            print(f"  {name:32} {value:12.3f}")
    if asked.json:
        asked.json.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
