"""How long a recall takes beyond embedding the question, and what takes it: python benchmarks/recall.py.

    python benchmarks/recall.py [--sizes 10000 100000] [--large] [--questions 200] [--texts FILE] [--ray] [--plain]

One thread, in this process: an agent under the default settings, asked as the actors ask it; no hops and no journal.
Wall and processor time of the whole recall, processor time of its stages, in milliseconds. ``--large`` adds a million
memories, for which the graph alone takes some 11 GB. With ``--ray`` the same questions also go through the public face,
with ready vectors and the journal, in both placements, at the first size. ``--plain`` goes without machine code.

Vectors are made as in ann.py, the last ones being the questions'. Texts are of a small grammar, in sessions of twenty;
``--texts`` reads them from a file of lines instead, over and over. A question is about a remembered text.

Bounds, p95 of processor time: 5 ms at 10,000 memories, 10 ms at 100,000, 50 ms at 1,000,000.
"""

from __future__ import annotations

import os

# Before numpy is imported: one core is what is measured.
os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ann import LARGE, made_like_sentences
from one_agent import OneAgent

import quantum_memory as qm
from quantum_memory.memory import compiled
from quantum_memory.memory.episodic.indexing import Indexer
from quantum_memory.memory.episodic.state import Sizes
from quantum_memory.types import PAD, Memory, Vector

AT = datetime(2025, 1, 1, tzinfo=UTC)
BOUNDS_MS = {10_000: 5.0, 100_000: 10.0, LARGE: 50.0}
SESSION, SPEAKERS, NAMES = 20, 6, 2000
WARM = 20
DOES = ("met", "called", "wrote to", "visited", "argued with", "cooked for", "waited for", "travelled with", "painted")
WHAT = ("the garden", "an old violin", "the storm", "a new job", "the harbour", "her exam", "a lost dog", "the market")
WHEN = ("yesterday", "last week", "in the morning", "after work", "on Monday", "two days ago", "before dinner", "again")
HEAD = ("Mar", "Jon", "El", "Tam", "Ros", "Vik", "Han", "Bel", "Cor", "Dav")
TAIL = ("a", "en", "is", "or", "ette", "ian", "wick", "ley", "mund", "ra")


def name(number: int) -> str:
    """One of ``NAMES`` names of two words."""
    first, rest = number % 10, number // 10
    return f"{HEAD[first]}{TAIL[rest % 10]} {HEAD[rest // 10 % 10]}{TAIL[(rest + first) % 10]}{TAIL[rest // 100 % 10]}"


def text(chance: np.random.Generator) -> str:
    """A sentence of the grammar; some names are far more popular than others."""
    who, whom = (name(int(one)) for one in chance.zipf(1.4, 2) % NAMES)
    does, what, when = (str(chance.choice(words)) for words in (DOES, WHAT, WHEN))
    return f"{who} {does} {whom} about {what} {when}{'?' if chance.random() < 0.2 else '.'}"


def texts(count: int, lines: Sequence[str]) -> Iterator[str]:
    """So many texts."""
    chance = np.random.default_rng(1)
    return (lines[number % len(lines)] if lines else text(chance) for number in range(count))


def memories(vectors: Vector, lines: Sequence[str]) -> Iterator[Memory]:
    """One for each vector, made as they are asked for."""
    pads = np.random.default_rng(2).uniform(-0.9, 0.9, (len(vectors), 3))
    for number, (vector, own, said) in enumerate(zip(vectors, pads, texts(len(vectors), lines), strict=True)):
        at, speaker = AT + timedelta(seconds=30 * number), f"speaker {number % SPEAKERS}"
        session = f"session {number // SESSION}"
        yield Memory(f"m{number}", said, at, PAD(*own.tolist()), 0.5, 0.5, vector, speaker, session=session)


def asked(count: int, size: int, lines: Sequence[str]) -> list[str]:
    """Questions about some of the texts: about half of each one's words."""
    chance = np.random.default_rng(3)
    wanted = set(chance.integers(0, size, count).tolist())
    found = [said for number, said in enumerate(texts(size, lines)) if number in wanted]
    short = (" ".join(said.rstrip(".?").split()[: max(3, len(said.split()) // 2)]) for said in found)
    questions = [f"What do you know of {one}?" for one in short]
    return (questions * (count // len(questions) + 1))[:count]


def line(label: str, values: Sequence[float]) -> str:
    """p50 and p95 of seconds, in milliseconds."""
    p50, p95 = np.quantile(values, [0.5, 0.95]) * 1e3
    return f"  {label:<22} p50 {p50:7.2f}  p95 {p95:7.2f} ms"


def in_process(size: int, vectors: Vector, questions: Sequence[str], lines: Sequence[str]) -> None:
    indexer, begin = Indexer(Sizes().sealed), time.perf_counter()
    agent = OneAgent(memories(vectors[:size], lines), AT + timedelta(days=400), indexer=indexer)
    indexer.wait()
    print(f"{size:,} memories in process, made in {time.perf_counter() - begin:.0f} s", flush=True)
    walls, cpus, stages = [], [], []
    for number, (question, meaning) in enumerate(zip(questions, vectors[size:], strict=True)):
        wall, cpu = time.perf_counter(), time.thread_time()
        _, took = agent.recall(question, meaning)
        if number >= WARM:
            walls.append(time.perf_counter() - wall)
            cpus.append(time.thread_time() - cpu)
            stages.append(took)
    indexer.close()
    print(line("whole, wall", walls))
    print(line("whole, processor", cpus) + (f", bound {BOUNDS_MS[size]:g}" if size in BOUNDS_MS else ""))
    for stage in stages[0]:
        print(line(stage, [one[stage] for one in stages]), flush=True)


def through_ray(placement: str, size: int, vectors: Vector, questions: Sequence[str], lines: Sequence[str]) -> None:
    config = {"placement": placement, "perception": {"model": "hashing"}, "ray": {"dashboard": False}}
    with TemporaryDirectory() as folder, qm.connect("local", storage=folder, config=config) as memory:
        agent, some = memory.agent("alice"), list(memories(vectors[:size], lines))
        for begin in range(0, size, 1000):
            agent.remember(
                [
                    qm.Utterance(
                        one.text, one.speaker, one.at, session=one.session, embedding=one.embedding, pad=one.pad
                    )
                    for one in some[begin : begin + 1000]
                ]
            )
        walls: list[float] = []
        with_words: list[float] = []
        for meaning, question in zip(vectors[size:], questions, strict=True):
            for query, into in ((meaning, walls), (question, with_words)):
                begin_s = time.perf_counter()
                agent.recall(query)
                into.append(time.perf_counter() - begin_s)
        print(f"{size:,} memories through the public face, {placement}")
        print(line("by a ready vector", walls[WARM:]))
        print(line("by words, hashed", with_words[WARM:]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    if not options.plain:
        begin = time.perf_counter()
        print(f"machine code: {compiled.make()}, {time.perf_counter() - begin:.1f} s")
    lines = options.texts.read_text().splitlines() if options.texts else []
    for size in [*options.sizes, *([LARGE] if options.large else [])]:
        vectors = made_like_sentences(size + options.questions)
        in_process(size, vectors, asked(options.questions, size, lines), lines)
    if options.ray:
        size = options.sizes[0]
        vectors, questions = made_like_sentences(size + options.questions), asked(options.questions, size, lines)
        for placement in ("inline", "actors"):
            through_ray(placement, size, vectors, questions, lines)


if __name__ == "__main__":
    main()
