"""What perceiving costs beside the bare encoder of sentence-transformers, on one core and through an actor.

    python benchmarks/perceive.py [--data FILE] [--actor] [--json FILE]

reads texts with their speakers: a file of JSON lines with "text" and "speaker", as the packaged conversation is, a
LoCoMo JSON, or a CSV with a column "text". In every round the readers take turns on the same texts, in calls of 1, 8,
64 and 256; a figure is the median over rounds, and a ratio is made within each round. Time is that of the processor,
which other programs on the machine hardly add to; the wall's is beside it in --json.

* sentence-transformers: ``encode`` as it is, in its own batches of 32, and in batches of 8, which suit a CPU better.
* encoder: all hidden layers' means by each engine that runs here, without cache, preparation and head.
* perceiver: the whole of it. "cold" has nothing in its cache, "named" has a speaker for each text, "known" was read
  before.

``--actor`` starts Ray and asks an EmotionActor from 1, 8 and 32 callers at once, each with one text after the other,
and then measures how long one text waits while somebody else has thousands read.
"""

from __future__ import annotations

import os

# Before torch is imported: one core is what is measured.
os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import asyncio
import csv
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from quantum_memory.actors.emotion import Said
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.encoder import Encoder, EngineName, packaged_model
from quantum_memory.memory.affect.perceiver import MiniLMPerceiver

CONVERSATION = Path(__file__).parents[1] / "examples" / "data" / "conversation.jsonl"
SIZES = (1, 8, 64, 256)
SINGLES = 64
"""Texts that are read one by one in a round."""
CALLERS = (1, 8, 32)
BARE, KNOWN = "sentence-transformers, 32", "perceiver, known"

Reader = Callable[[list[Said]], object]


@dataclass(frozen=True)
class Row:
    """One reader in calls of one size: texts a second and milliseconds a call, of processor and wall time; medians.

    ``ratio`` is its throughput by that of bare ``encode`` in the same rounds. ``p95_ms`` is of single calls.
    """

    reader: str
    size: int
    texts_per_s: float
    wall_texts_per_s: float
    ratio: float
    call_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Served:
    """What callers got from an actor: texts a second by the wall, milliseconds they waited, texts in a batch."""

    callers: int
    texts_per_s: float
    wait_ms: float
    wait_p95_ms: float
    mean_batch: float


def texts_of(path: Path) -> Iterator[Said]:
    """Texts and speakers of a file, in its order, those that come again left out."""
    seen = set()
    for text, speaker in _lines(path):
        if text.strip() and text not in seen:
            seen.add(text)
            yield Said(text, speaker)


def _lines(path: Path) -> Iterator[tuple[str, str | None]]:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            yield from ((row["text"], None) for row in csv.DictReader(file))
    elif path.suffix == ".jsonl":
        for line in path.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            yield one["text"], one.get("speaker")
    else:
        for record in json.loads(path.read_text(encoding="utf-8")):
            for turns in record["conversation"].values():
                if isinstance(turns, list):
                    yield from ((turn["text"], turn["speaker"]) for turn in turns if turn.get("text"))


def readers(cache: int) -> dict[str, Reader]:
    """Everything that is compared, ready to read."""
    from sentence_transformers import SentenceTransformer

    bare = SentenceTransformer(str(packaged_model()), device="cpu", local_files_only=True)
    cold, known = MiniLMPerceiver(cache_size=0), MiniLMPerceiver(cache_size=cache)

    def encode(size: int) -> Reader:
        return lambda said: bare.encode([one.text for one in said], batch_size=size, show_progress_bar=False)

    found: dict[str, Reader] = {BARE: encode(32), "sentence-transformers, 8": encode(8)}
    for name in get_args(EngineName):
        if name == "auto":
            continue
        try:
            found[f"encoder, {name}"] = _encoding(Encoder(packaged_model(), engine=name))
        except InvalidValue as error:
            print(f"not here: {error}")
    found["perceiver, cold"] = lambda said: cold.perceive([one.text for one in said])
    found["perceiver, cold, named"] = lambda said: cold.perceive([one.text for one in said], ["Ilka"] * len(said))
    found[KNOWN] = lambda said: known.perceive([one.text for one in said])
    return found


def _encoding(encoder: Encoder) -> Reader:
    return lambda said: encoder.read([one.text for one in said])


def compare(said: Sequence[Said], rounds: int, sizes: Sequence[int]) -> list[Row]:
    """Rounds over all readers and sizes, after each has read a little and the cache of one is filled."""
    names = readers(len(said))
    for name, read in names.items():
        read(list(said) if name == KNOWN else list(said[:8]))
    times: dict[tuple[str, int], list[list[tuple[float, float]]]] = {}
    for number in range(rounds):
        for size in sizes:
            part = said[:SINGLES] if size == 1 else said
            for name, read in names.items():
                times.setdefault((name, size), []).append(_calls(read, part, size))
        print(f"round {number + 1} of {rounds}", flush=True)
    return [_row(name, size, taken, times[BARE, size]) for (name, size), taken in times.items()]


def _calls(read: Reader, said: Sequence[Said], size: int) -> list[tuple[float, float]]:
    """Seconds of the processor and of the wall for each call with ``size`` texts."""
    taken = []
    for start in range(0, len(said) - size + 1, size):
        call = list(said[start : start + size])
        before = time.process_time(), time.perf_counter()
        read(call)
        taken.append((time.process_time() - before[0], time.perf_counter() - before[1]))
    return taken


def _row(name: str, size: int, rounds: list[list[tuple[float, float]]], bare: list[list[tuple[float, float]]]) -> Row:
    texts = len(rounds[0]) * size
    own = [sum(cpu for cpu, _ in taken) for taken in rounds]
    walls = [sum(wall for _, wall in taken) for taken in rounds]
    ratios = [sum(cpu for cpu, _ in one) / mine for one, mine in zip(bare, own, strict=True)]
    calls = [1000.0 * cpu for taken in rounds for cpu, _ in taken]
    return Row(
        name,
        size,
        texts / statistics.median(own),
        texts / statistics.median(walls),
        statistics.median(ratios),
        statistics.median(calls),
        statistics.quantiles(calls, n=20)[-1] if size == 1 else float("nan"),
    )


async def serve(said: Sequence[Said], many: int, seconds: float) -> tuple[list[Served], Served]:
    """An actor asked from several callers, each with texts of its own; then one caller beside one with ``many``."""
    from quantum_memory.actors.emotion import EmotionActor
    from quantum_memory.settings import Settings

    actor = EmotionActor.remote(Settings.model_validate({"perception": {"cache": 0, "device": "cpu"}}))
    await actor.status.remote()
    served = [await _served(actor, said, callers, seconds) for callers in CALLERS]
    long = actor.perceive.remote([Said(f"{said[n % len(said)].text} {n}") for n in range(many)])
    beside = await _served(actor, said, 1, seconds)
    await long
    return served, beside


async def _served(actor: Any, said: Sequence[Said], callers: int, seconds: float) -> Served:
    waits: list[float] = []
    start = await actor.status.remote()
    began = time.perf_counter()

    async def ask(caller: int) -> None:
        number = caller
        while time.perf_counter() - began < seconds:
            sent = time.perf_counter()
            await actor.perceive.remote([Said(f"{said[number % len(said)].text} {number}")])
            waits.append(1000.0 * (time.perf_counter() - sent))
            number += callers

    await asyncio.gather(*(ask(caller) for caller in range(callers)))
    took_s = time.perf_counter() - began
    end = await actor.status.remote()
    batch = (end["read"] - start["read"]) / max(1, end["batches"] - start["batches"])
    p95 = statistics.quantiles(waits, n=20)[-1] if len(waits) > 1 else float("nan")
    return Served(callers, len(waits) / took_s, statistics.median(waits), p95, batch)


def show(rows: Sequence[Row]) -> None:
    print(f"\n{'reader':28}{'texts a call':>13}{'texts/s':>9}{'of bare':>9}{'ms a call':>11}{'95 %':>7}")
    for one in sorted(rows, key=lambda one: one.size):
        tail = f"{one.p95_ms:7.1f}" if one.size == 1 else ""
        print(f"{one.reader:28}{one.size:13}{one.texts_per_s:9.0f}{one.ratio:9.2f}{one.call_ms:11.1f}{tail}")


def show_served(served: Sequence[Served], beside: Served, many: int) -> None:
    print(f"\n{'callers of an actor':28}{'texts/s':>9}{'wait ms':>9}{'95 %':>7}{'a batch':>9}   (wall)")
    for one, name in [*((one, str(one.callers)) for one in served), (beside, f"1 beside one with {many}")]:
        print(f"{name:28}{one.texts_per_s:9.0f}{one.wait_ms:9.1f}{one.wait_p95_ms:7.1f}{one.mean_batch:9.1f}")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=CONVERSATION)
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="texts a call")
    parser.add_argument("--actor", action="store_true", help="also ask an actor, by Ray")
    parser.add_argument("--many", type=int, default=10_000, help="texts of the one who asks for thousands")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long callers ask an actor")
    parser.add_argument("--json", type=Path, default=None)
    given = parser.parse_args(argv)
    said = list(texts_of(given.data))[: given.texts]
    print(
        f"{len(said)} texts of {statistics.mean(len(one.text) for one in said):.0f} characters, {given.rounds} rounds"
    )
    rows = compare(said, given.rounds, given.sizes)
    show(rows)
    told: dict[str, Any] = {"rows": [asdict(row) for row in rows]}
    if given.actor:
        import ray

        from quantum_memory.cluster.rays import start_ray
        from quantum_memory.settings import Settings

        start_ray(Settings.model_validate({"ray": {"dashboard": False}}))
        served, beside = asyncio.run(serve(said, given.many, given.seconds))
        ray.shutdown()
        show_served(served, beside, given.many)
        told |= {"served": [asdict(one) for one in served], "beside": asdict(beside)}
    if given.json is not None:
        given.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
