"""What rules read in texts, and how long it takes: python benchmarks/statements.py --data locomo.json.

    python benchmarks/statements.py --data FILE [--sample 100] [--seed 4711]

FILE is a LoCoMo file, or a JSON list of records with a "text" or a "paragraph_text", which have no speaker. Prints the
share of texts in which there is a statement, processor time a text, and a sample of statements with what they were read
in, for somebody to judge. Nothing here knows which of them are right.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from quantum_memory.memory.semantic.extract import extract
from quantum_memory.memory.semantic.triples import Triple, triples

Said = tuple[str, str | None]
ROUNDS = 3
AROUND = 40


def load(path: Path) -> list[Said]:
    """Every text with its speaker, in the order of the file."""
    return [said for record in json.loads(path.read_text(encoding="utf-8")) for said in _texts(record)]


def _texts(record: dict[str, Any]) -> Iterator[Said]:
    talk = record.get("conversation")
    if talk is None:
        yield str(record.get("text") or record.get("paragraph_text")), None
        return
    for name, turns in talk.items():
        if re.fullmatch(r"session_\d+", name):
            yield from ((str(turn["text"]), str(turn["speaker"])) for turn in turns)


def microseconds(texts: list[Said], work: Callable[[str, str | None], object]) -> float:
    """Processor time a text, the best of a few rounds."""
    times_s = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for text, speaker in texts:
            work(text, speaker)
        times_s.append(time.process_time() - start)
    return 1e6 * min(times_s) / len(texts)


def shown(text: str, one: Triple) -> str:
    """A statement on one line, with the text around it."""
    around = " ".join(text[max(0, one.start - AROUND) : one.end + AROUND].split())
    said = f"{'not: ' if one.negated else ''}{one.subject} | {one.predicate} | {one.object}"
    return f"{said}  ({one.confidence:.2f}, {one.tense})\n    ... {around} ..."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a LoCoMo file, or a JSON list of texts")
    parser.add_argument("--sample", type=int, default=0, help="statements to print")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    texts = load(asked.data)
    every = [(text, one) for text, speaker in texts for one in triples(text, speaker)]
    having = sum(bool(triples(text, speaker)) for text, speaker in texts)
    print(f"{len(texts)} texts, {len(every)} statements, in {having / len(texts):.1%} of the texts")
    print(f"concepts {microseconds(texts, extract):.0f} us a text, statements {microseconds(texts, triples):.0f} us")
    chosen = random.Random(asked.seed).sample(every, min(asked.sample, len(every)))  # noqa: S311 - no secret
    for text, one in chosen:
        print(shown(text, one))


if __name__ == "__main__":
    main()
