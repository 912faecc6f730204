"""What reading times costs, and what it gives on LoCoMo: python benchmarks/temporal.py --data locomo.json.

Recall of evidence turns at k with and without the two parts of ``memory.temporal.parts``, the others as they are by
default. Each conversation is measured with the weights of the two that are best on the other conversations. *Now* is
the last turn of the conversation.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
from locomo import CATEGORIES, Answer, answers, load
from numpy.typing import NDArray
from one_agent import OneAgent

from quantum_memory.memory.affect.perceiver import MiniLMPerceiver
from quantum_memory.memory.temporal import reading
from quantum_memory.memory.temporal.asking import asks_when
from quantum_memory.memory.temporal.parts import PARTS, time_parts
from quantum_memory.policies.recall import PART_NAMES, RecallWeights
from quantum_memory.types import Floats, Memory

NAMED = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6)
ASKED = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)


@dataclass(frozen=True)
class Measured:
    """A question's two measures at k under each pair of weights, (pairs, 2): recall and all evidence."""

    conversation: str
    category: int
    dated: bool
    when: bool
    at_k: Floats


def measured(answer: Answer, now: datetime, memories: Sequence[Memory], k: int) -> Measured:
    """One question under every pair of weights; the other weights are the defaults."""
    defaults, found, text = RecallWeights(), answer.found, answer.question.text
    others = [name for name in PART_NAMES if name in found.parts and name not in PARTS]
    base = np.sum([getattr(defaults, name) * found.parts[name] for name in others], axis=0)
    at_s = np.array([one.at.timestamp() for one in memories])
    mine = time_parts(text, now, at_s, lambda: [(one.text, one.at) for one in memories])
    evidence, at_k = answer.question.evidence, []
    for pair in itertools.product(NAMED, ASKED):
        score = base + sum(weight * mine[name] for weight, name in zip(pair, PARTS, strict=True))
        first = evidence & {found.ids[index] for index in np.argsort(-score, kind="stable")[:k]}
        at_k.append((len(first) / len(evidence), float(first == evidence)))
    dated = bool(reading.understood(text, now))
    return Measured(answer.conversation, answer.question.category, dated, asks_when(text), np.array(at_k))


def recall(every: Sequence[Measured], k: int) -> None:
    """Prints both measures, without and with, over all questions and over kinds of them."""
    table = np.stack([one.at_k for one in every])
    where = np.array([one.conversation for one in every])
    pairs, names = list(itertools.product(NAMED, ASKED)), sorted(set(where.tolist()))
    if len(names) < 2:
        raise SystemExit(f"only the conversation {names[0]}: no other is left to fit the weights to")
    held = np.empty((len(every), 2))
    for name in names:
        best = int(table[where != name, :, 0].mean(axis=0).argmax())
        held[where == name] = table[where == name, best]
        print(f"{name}: weights fitted to the others: {dict(zip(PARTS, pairs[best], strict=True))}")
    kinds: dict[str, NDArray[np.bool_]] = {
        "all": np.ones(len(every), np.bool_),
        "name a time": np.array([one.dated for one in every]),
        "ask for a time": np.array([one.when for one in every]),
        "neither": np.array([not (one.dated or one.when) for one in every]),
    }
    kinds |= {name: np.array([one.category == number for one in every]) for number, name in CATEGORIES.items()}
    print(f"questions | recall@{k} without, with | all evidence@{k} without, with")
    for name, chosen in kinds.items():
        if chosen.any():
            without, beside = table[chosen, 0].mean(axis=0), held[chosen].mean(axis=0)
            print(f"  {name:14} {chosen.sum():5} | {without[0]:.4f} {beside[0]:.4f} | {without[1]:.4f} {beside[1]:.4f}")


def costs(questions: Sequence[tuple[str, datetime]], memories: Sequence[Memory]) -> None:
    """Prints CPU times of first readings, and of 200 texts that were read before."""
    texts = [(one.text, one.at) for one in memories]
    for name, pairs in (("question", questions), ("text", texts)):
        timed = [pair for pair in pairs if reading.understood(*pair)]
        plain = [pair for pair in pairs if not reading.understood(*pair)]
        for kind, chosen in (("with a time", timed), ("without", plain)):
            taken = [_cpu_us(partial(reading.understood, *pair), 20, reading.forget) for pair in chosen[:300]]
            print(f"{name} {kind}: {_shown(taken)} microseconds of CPU, read anew")
    groups = [texts[at : at + 200] for at in range(0, min(len(texts), 2000), 200)]
    anew = [_cpu_us(partial(_read_all, group), 5, reading.forget) for group in groups]
    for group in groups:
        _read_all(group)
    again = [_cpu_us(partial(_read_all, group), 5) for group in groups]
    print(f"200 texts: {_shown(anew)} microseconds of CPU read anew, {_shown(again)} read before")
    print(f"asks_when: {_shown([_cpu_us(partial(asks_when, text), 20) for text, _ in questions[:300]])}")


def _read_all(pairs: Sequence[tuple[str, datetime]]) -> None:
    for pair in pairs:
        reading.spoken_of(*pair)


def _cpu_us(call: Callable[[], object], times: int, before: Callable[[], None] | None = None) -> float:
    total = 0.0
    for _ in range(times):
        if before is not None:
            before()
        begin = time.process_time()
        call()
        total += time.process_time() - begin
    return 1e6 * total / times


def _shown(taken: Iterable[float]) -> str:
    values = np.array(list(taken))
    return f"median {np.median(values):.0f}, p95 {np.percentile(values, 95):.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a LoCoMo JSON file")
    parser.add_argument("--k", type=int, default=10)
    asked = parser.parse_args()
    perceiver = MiniLMPerceiver()
    every: list[Measured] = []
    questions: list[tuple[str, datetime]] = []
    memories: list[Memory] = []
    for talk in load(asked.data, perceiver, captions=False):
        now = max(one.at for one in talk.memories)
        by_id = {one.id: one for one in talk.memories}
        every += [
            measured(answer, now, [by_id[one] for one in answer.found.ids], asked.k)
            for answer in answers(talk, OneAgent(talk.memories, now), perceiver)
        ]
        questions += [(question.text, now) for question in talk.questions]
        memories += talk.memories
    recall(every, asked.k)
    costs(questions, memories)


if __name__ == "__main__":
    main()
