"""Adding and searching memories with ready embeddings, beside mem0, Chroma, LanceDB and embedded Qdrant.

    python benchmarks/peers.py [--sizes 2000 10000 100000] [--texts FILE] [--systems ...] [--cache FOLDER] [--json FILE]

Each of the others gets an environment of its own under ``--cache``, made here from PyPI with the versions pinned in
``peers/requirements-*.txt``; nothing else needs the network, and what they would send about their use is turned off.
mem0 runs without inference, so that it stores what it is given. All get the same texts with the same vectors, in calls
of 500 and one search behind them, which ends the time of adding; five seconds later they are asked for the ten nearest
of the same questions, one after another.

``--texts`` has a text a line, what follows a tab left out. Its first lines are embedded by the packaged model, and the
other memories are halves of two lines each under the vector of another line with noise, as unlike it as close lines are
to each other. Without it texts and vectors are made up in clusters.

quantum_memory is measured three times: an agent on Ray in both placements, with all that is on by default (the journal
is synced before a call returns, and every view is being told), and the bare view of memories in one process. What an
agent recalls is ranked by more than meaning, so its share of the truly nearest is no measure of it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import venv
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).parent / "peers"
PEERS = ("mem0", "chroma", "lancedb", "qdrant")
OURS = ("actors", "inline", "bare")
QUESTIONS, EMBEDDED, DIM, CLUSTERS = 100, 5_000, 384, 200
NOISE = 0.5
"""Length of the noise beside a vector of length 1: the cosine to it is 0.89."""
QUIET = {
    "ANONYMIZED_TELEMETRY": "False",
    "MEM0_TELEMETRY": "False",
    "POSTHOG_DISABLED": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "LANCEDB_CONFIG_DIR": os.devnull,
    "RAY_USAGE_STATS_ENABLED": "0",
}
HEAD = "| system | memories | added/s | added/s, one a call | search p50, ms | search p95, ms | recall@10 |"


class Corpus(NamedTuple):
    """(n, d) and (q, d) float32 of unit length, and what they are of."""

    vectors: Any
    queries: Any
    texts: list[str]
    questions: list[str]


def unit(vectors: Any) -> Any:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def noisy(vectors: Any, chance: np.random.Generator) -> Any:
    """The vectors, each moved by noise of length ``NOISE`` in a direction of its own."""
    return unit(vectors + NOISE * unit(chance.normal(size=vectors.shape)))


def of_lines(file: Path, count: int) -> Corpus:
    """A corpus of real texts: see the head of this module."""
    from quantum_memory.memory.affect.encoder import Encoder, packaged_model

    lines = [line.split("\t")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
    lines = list(dict.fromkeys(line for line in lines if line))
    questions, lines = lines[-QUESTIONS:], lines[:-QUESTIONS]
    known = lines[:EMBEDDED]
    embedded = unit(Encoder(packaged_model()).read([*known, *questions]).whole.numpy())
    base, queries = embedded[: len(known)], embedded[len(known) :]
    chance = np.random.default_rng(0)
    more = noisy(base[np.arange(len(base), max(count, len(base))) % len(base)], chance)
    return Corpus(np.concatenate([base, more])[:count], queries, [text_of(lines, at) for at in range(count)], questions)


def text_of(lines: list[str], at: int) -> str:
    """The line of this number, or once there is none halves of two."""
    again, row = divmod(at, len(lines))
    if not again:
        return lines[row]
    one, other = lines[row].split(), lines[(7 * row + 13 * again) % len(lines)].split()
    return " ".join(one[: (len(one) + 1) // 2] + other[len(other) // 2 :])


def made_up(count: int) -> Corpus:
    """A corpus in clusters, with words as often as they are in texts."""
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(CLUSTERS, DIM))
    base = unit(chance.normal(size=(EMBEDDED, DIM)) + 1.2 * centres[chance.integers(CLUSTERS, size=EMBEDDED)])
    words = chance.zipf(1.3, (count + QUESTIONS, 12)) % 5_000
    said = [" ".join(f"word{word}" for word in row) + f" {number}." for number, row in enumerate(words)]
    vectors = noisy(base[np.arange(count) % EMBEDDED], chance)
    return Corpus(vectors, noisy(base[chance.integers(EMBEDDED, size=QUESTIONS)], chance), said[:count], said[count:])


def corpus_file(cache: Path, texts: Path | None, count: int) -> Path:
    """The corpus on disk, made once."""
    told = f"{texts and blake2b(texts.read_bytes(), digest_size=6).hexdigest()}-{count}-{NOISE}-{EMBEDDED}"
    file = cache / f"corpus-{told}.npz"
    if not file.exists():
        made = made_up(count) if texts is None else of_lines(texts, count)
        part = file.with_name(f"part-{os.getpid()}.npz")
        np.savez(
            part,
            vectors=made.vectors,
            queries=made.queries,
            texts=np.array(made.texts),
            questions=np.array(made.questions),
        )
        part.replace(file)  # what was broken off is never taken for a corpus
    return file


def python_of(system: str, cache: Path) -> str:
    """The Python of a system's environment, which is made if there is none with these versions."""
    if system in OURS:
        return sys.executable
    wanted = HERE / f"requirements-{system}.txt"
    folder = cache / f"{system}-{blake2b(wanted.read_bytes(), digest_size=6).hexdigest()}"
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", wanted], check=True)
        ready.touch()
    return str(python)


def measured(system: str, cache: Path, corpus: Path, sizes: list[int], deadline_s: float) -> list[dict[str, float]]:
    """What a system took, a row for each size."""
    script = HERE / ("ours.py" if system in OURS else "searching.py")
    environment = os.environ | QUIET | {"PEERS_DEADLINE_S": str(deadline_s)}
    done = subprocess.run(
        [python_of(system, cache), script, system, corpus, *map(str, sizes)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env=environment,
    )
    rows: list[dict[str, float]] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        print(f"{system} ended with {done.returncode} after {len(rows)} sizes", file=sys.stderr)
    return rows


def told(system: str, row: dict[str, float]) -> str:
    """A row of the table."""
    start = f"| {system} | {row['size']:,.0f} | "
    if "left_out_s" in row:
        return start + f"left out: adding them would take {row['left_out_s']:,.0f} s | | | | |"
    numbers = f"{row['adds_s']:,.0f} | {row['singles_s']:,.0f} | {row['p50_ms']:,.1f} | {row['p95_ms']:,.1f}"
    return start + f"{numbers} | {row['recall']:.3f} |"


def beside_mem0(found: dict[str, list[dict[str, float]]]) -> None:
    """How many times as fast as mem0 the agents are, at every size that both have."""
    theirs = {row["size"]: row for row in found.get("mem0", []) if "adds_s" in row}
    for system in OURS:
        for row in found.get(system, []):
            other = theirs.get(row["size"])
            if other is not None and "adds_s" in row:
                adds, search = row["adds_s"] / other["adds_s"], other["p50_ms"] / row["p50_ms"]
                print(f"{system} at {row['size']:,.0f}: adds {adds:.1f} times mem0's rate, searches {search:.1f} times")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2_000, 10_000, 100_000])
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--systems", nargs="+", choices=[*OURS, *PEERS], default=[*OURS, *PEERS])
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "quantum_memory" / "peers")
    parser.add_argument("--deadline", type=float, default=300.0, help="seconds that adding up to a size may take")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    asked.cache.mkdir(parents=True, exist_ok=True)
    sizes = sorted(asked.sizes)
    corpus = corpus_file(asked.cache, asked.texts, sizes[-1])
    for system in asked.systems:
        python_of(system, asked.cache)  # all are there before anything is measured
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores\n\n{HEAD}")
    print("| --- |" + " ---: |" * 6, flush=True)
    found = {}
    for system in asked.systems:
        found[system] = measured(system, asked.cache, corpus, sizes, asked.deadline)
        for row in found[system]:
            print(told(system, row), flush=True)
    print()
    beside_mem0(found)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
