"""Importing texts beside the bare encoder of sentence-transformers, through the public face on Ray.

    python benchmarks/importing.py [--data FILE] [--texts 2000] [--rounds 3] [--speakers] [--model NAME] [--json FILE]

FILE is a LoCoMo JSON, JSON lines with "text" and "speaker", or a CSV with a column "text". Texts that come again are
left out. In every round ``encode`` reads all texts in batches of 32, as it does by itself, and then a new agent imports
them from a file of JSON lines. Ratios are made within a round. "of bare" is from the wall's time: an import has several
processes at work at once, and what is asked is when it is done; it means something only while nobody else uses the
machine. "cpu" is the processor time of ``encode`` by that of the actor that perceives, which others hardly add to.
What was perceived before is not kept in these runs, so every text is encoded.

``--speakers`` has the names of speakers in the file: they count in what is encoded, for the import alone.
``--model hashing`` leaves the encoder out and shows what everything else takes.
"""

from __future__ import annotations

import os

# Before torch is imported: one core is what either encoder has.
os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from perceive import CONVERSATION, texts_of

from quantum_memory.actors.emotion import Said
from quantum_memory.cluster.connect import MemoryCluster, connect
from quantum_memory.memory.affect.encoder import packaged_model


@dataclass(frozen=True)
class Round:
    """One round: texts a second by the wall, also of a second import; seconds of the processor, those by pool."""

    bare_per_s: float
    bare_cpu_s: float
    import_per_s: float
    again_per_s: float
    cpu_s: dict[str, float]

    @property
    def ratio(self) -> float:
        return self.import_per_s / self.bare_per_s

    @property
    def cpu_ratio(self) -> float:
        return self.bare_cpu_s / self.cpu_s["emotion"]


def bare() -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(packaged_model()), device="cpu", local_files_only=True)


def cpu_of(memory: MemoryCluster) -> dict[str, float]:
    """Seconds of the processor that each pool has used, and this process."""
    used = {"here": time.process_time()}
    for pool, pids in memory.processes().items():
        times = [psutil.Process(pid).cpu_times() for pid in pids]
        used[pool] = sum(one.user + one.system for one in times)
    return used


def measure(memory: MemoryCluster, encoder: Any, said: Sequence[Said], file: Path, agent: str) -> Round:
    used, began = time.process_time(), time.perf_counter()
    encoder.encode([one.text for one in said], batch_size=32, show_progress_bar=False)
    bare_s, bare_cpu_s = time.perf_counter() - began, time.process_time() - used
    before, began = cpu_of(memory), time.perf_counter()
    report = memory.import_file(file, agent)
    import_s = time.perf_counter() - began
    after = cpu_of(memory)
    began = time.perf_counter()
    again = memory.import_file(file, agent)
    again_s = time.perf_counter() - began
    assert (report.added, again.known) == (len(said), len(said))
    shares = {pool: round(after[pool] - before[pool], 3) for pool in after}
    return Round(len(said) / bare_s, bare_cpu_s, len(said) / import_s, len(said) / again_s, shares)


def run(said: Sequence[Said], rounds: int, model: str, folder: Path) -> list[Round]:
    file = folder / "texts.jsonl"
    records = ({"text": one.text, "speaker": one.speaker} for one in said)
    file.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    config = {"perception": {"cache": 0, "model": model, "device": "cpu"}, "ray": {"dashboard": False}}
    encoder = bare()
    with connect("local", storage=folder / "vault", config=config, namespace="importing") as memory:
        memory.perceive([one.text for one in said[:64]])
        encoder.encode([one.text for one in said[:64]], show_progress_bar=False)
        return [measure(memory, encoder, said, file, f"agent-{number}") for number in range(rounds)]


def show(found: Sequence[Round]) -> None:
    print(f"{'round':>6}{'bare/s':>9}{'import/s':>10}{'of bare':>9}{'cpu':>6}{'again/s':>9}   processor s")
    for number, one in enumerate(found, start=1):
        used = ", ".join(f"{pool} {seconds:.1f}" for pool, seconds in one.cpu_s.items())
        rates = f"{number:6}{one.bare_per_s:9.0f}{one.import_per_s:10.0f}{one.ratio:9.2f}{one.cpu_ratio:6.2f}"
        print(f"{rates}{one.again_per_s:9.0f}   encode {one.bare_cpu_s:.1f}, {used}")
    ratio, cpu = (statistics.median(getattr(one, name) for one in found) for name in ("ratio", "cpu_ratio"))
    print(f"medians: {ratio:.2f} of bare encode by the wall, {cpu:.2f} by the processor")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=CONVERSATION)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--speakers", action="store_true")
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--json", type=Path, default=None)
    given = parser.parse_args(argv)
    said = [one if given.speakers else Said(one.text) for one in texts_of(given.data)][: given.texts]
    print(f"{len(said)} texts of {statistics.mean(len(one.text) for one in said):.0f} characters")
    with tempfile.TemporaryDirectory(prefix="importing-") as folder:
        found = run(said, given.rounds, given.model, Path(folder))
    show(found)
    if given.json is not None:
        given.json.write_text(
            json.dumps([asdict(one) | {"ratio": one.ratio, "cpu_ratio": one.cpu_ratio} for one in found], indent=1)
            + "\n"
        )


if __name__ == "__main__":
    main()
