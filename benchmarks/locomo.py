"""Recall of evidence turns on LoCoMo, without a judge: python benchmarks/locomo.py --data locomo.json.

    python benchmarks/locomo.py --data FILE [--ablate] [--parts OUT.npz] [--captions]

Each conversation is an agent, each turn a memory with its speaker. Recall@k is the share of a question's evidence turns
among the first k memories of its own conversation; all-evidence@10 the share of questions with every evidence turn
among the first ten. Scored as recall scores by default, through the same functions, without the hops between actors.
Intervals are bootstrapped over questions. ``--ablate`` leaves out each part of the score in turn; ``--parts`` writes
all parts of all candidates for training/learn_recall.py, which tells the figures of weights learned from the other
conversations than the one that is measured.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from one_agent import Asked, OneAgent, write_parts

from quantum_memory.memory.affect.perceiver import MiniLMPerceiver, Perceiver
from quantum_memory.policies.importance import Salience
from quantum_memory.policies.recall import PART_NAMES, RecallWeights, rank
from quantum_memory.types import Floats, Memory

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
EVIDENCE = re.compile(r"D:?(\d+):(\d+)")
METRICS = ("recall@5", "recall@10", "recall@20", "all-evidence@10", "nDCG@10", "MRR")
RESAMPLES = 2_000


class Question(NamedTuple):
    """What is asked, and the turns that answer it."""

    text: str
    category: int
    evidence: frozenset[str]


class Conversation(NamedTuple):
    """A conversation as memories, with its questions."""

    name: str
    memories: tuple[Memory, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Answer:
    """One question with what was found for it."""

    conversation: str
    question: Question
    found: Asked

    def measured(self, weights: RecallWeights) -> Floats:
        """(6,) what ``METRICS`` names."""
        order = rank(self.found.parts, weights).order[:20]
        hits = np.array([self.found.ids[index] in self.question.evidence for index in order], dtype=np.float64)
        hits = np.pad(hits, (0, 20 - len(hits)))
        wanted = len(self.question.evidence)
        gains = 1.0 / np.log2(np.arange(2, 12))
        first = np.flatnonzero(hits)
        return np.array(
            [
                *(hits[:k].sum() / wanted for k in (5, 10, 20)),
                float(hits[:10].sum() == wanted),
                (hits[:10] * gains).sum() / gains[: min(wanted, 10)].sum(),
                1.0 / (1.0 + first[0]) if len(first) else 0.0,
            ]
        )


def load(path: Path, perceiver: Perceiver, captions: bool) -> Iterator[Conversation]:
    """The conversations of a LoCoMo file. Evidence ids are repaired; what names no turn is dropped."""
    for record in json.loads(path.read_text()):
        memories = tuple(_memories(record["conversation"], perceiver, captions))
        turns = {memory.id for memory in memories}
        found = (
            Question(str(one["question"]), int(one["category"]), evidence(one.get("evidence")) & turns)
            for one in record["qa"]
        )
        yield Conversation(str(record["sample_id"]), memories, tuple(one for one in found if one.evidence))


def evidence(marks: object) -> frozenset[str]:
    """Turn ids out of marks such as ``D1:3``, ``D8:6; D9:17``, ``D:11:26`` and ``D30:05``."""
    listed = marks if isinstance(marks, list) else [marks]
    pairs = [pair for mark in listed for pair in EVIDENCE.findall(str(mark))]
    return frozenset(f"D{int(session)}:{int(turn)}" for session, turn in pairs)


def _memories(talk: Mapping[str, Any], perceiver: Perceiver, captions: bool) -> Iterator[Memory]:
    numbers = sorted(int(key.split("_")[1]) for key in talk if re.fullmatch(r"session_\d+", key))
    salience = Salience()
    for number in numbers:
        begin = datetime.strptime(talk[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        turns = talk[f"session_{number}"]
        texts = [_text(turn, captions) for turn in turns]
        percepts = perceiver.perceive(texts, [turn["speaker"] for turn in turns])
        for index, (turn, text, percept) in enumerate(zip(turns, texts, percepts, strict=True)):
            yield Memory(
                id=turn["dia_id"],
                text=text,
                at=begin + timedelta(seconds=index),
                pad=percept.pad,
                confidence=percept.confidence,
                importance=salience.importance(percept.pad, percept.confidence, None),
                embedding=percept.embedding,
                speaker=turn["speaker"],
                session=str(number),
            )


def _text(turn: Mapping[str, Any], captions: bool) -> str:
    caption = turn.get("blip_caption") if captions else None
    return f"{turn['text']} [shares a picture: {caption}]" if caption else str(turn["text"])


def answers(talk: Conversation, agent: OneAgent, perceiver: Perceiver) -> Iterator[Answer]:
    """Every question of a conversation with what was found for it."""
    seen = perceiver.perceive([question.text for question in talk.questions])
    for question, percept in zip(talk.questions, seen, strict=True):
        yield Answer(talk.name, question, agent.ask(question.text, percept.embedding))


def table(every: Sequence[Answer], weights: RecallWeights) -> Floats:
    """(n, 6) measures of all answers."""
    return np.array([answer.measured(weights) for answer in every])


def show(every: Sequence[Answer], weights: RecallWeights) -> None:
    """The figures in all and by category."""
    rng = np.random.default_rng(0)
    measured = table(every, weights)
    print("| | questions | " + " | ".join(METRICS) + " |\n| --- |" + " ---: |" * (1 + len(METRICS)))
    low, high = _interval(measured, rng)
    cells = [f"{m:.4f} [{a:.3f}, {b:.3f}]" for m, a, b in zip(measured.mean(axis=0), low, high, strict=True)]
    print(f"| **all** | {len(every)} | " + " | ".join(cells) + " |")
    category = np.array([answer.question.category for answer in every])
    for number, name in CATEGORIES.items():
        chosen = measured[category == number]
        if len(chosen):
            low, high = _interval(chosen, rng)
            cells = [f"{m:.3f} [{a:.2f}, {b:.2f}]" for m, a, b in zip(chosen.mean(axis=0), low, high, strict=True)]
            print(f"| {name} | {len(chosen)} | " + " | ".join(cells) + " |")


def _interval(values: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The middle 95 % of the means of (n, m) values when the questions are drawn anew."""
    means = [values[rng.integers(len(values), size=len(values))].mean(axis=0) for _ in range(RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975), axis=0)
    return low, high


def ablate(every: Sequence[Answer], weights: RecallWeights) -> None:
    """What each part gives: the figures without it, less those with all."""
    rng, whole = np.random.default_rng(0), table(every, weights)
    print("\n| without | weight | recall@10 | all-evidence@10 | nDCG@10 |\n| --- |" + " ---: |" * 4)
    for name in PART_NAMES:
        if not getattr(weights, name):
            continue
        change = table(every, replace(weights, **{name: 0.0})) - whole
        low, high = _interval(change, rng)
        cells = [f"{change[:, at].mean():+.4f} [{low[at]:+.3f}, {high[at]:+.3f}]" for at in (1, 3, 4)]
        print(f"| {name} | {getattr(weights, name)} | " + " | ".join(cells) + " |")
    print("\n| alone | recall@10 | all-evidence@10 | nDCG@10 |\n| --- |" + " ---: |" * 3)
    for name in ("relevance", "lexical"):
        only = RecallWeights(**{one: float(one == name) for one in PART_NAMES})
        means = table(every, only).mean(axis=0)
        print(f"| {name} | {means[1]:.4f} | {means[3]:.4f} | {means[4]:.4f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a LoCoMo JSON file")
    parser.add_argument("--captions", action="store_true", help="with the captions of shared pictures")
    parser.add_argument("--ablate", action="store_true", help="also without each part of the score in turn")
    parser.add_argument("--parts", type=Path, help="where to write the parts of all candidates")
    asked = parser.parse_args()
    perceiver = MiniLMPerceiver()
    every: list[Answer] = []
    indexed_s, turns = 0.0, 0
    for talk in load(asked.data, perceiver, asked.captions):
        begin = time.perf_counter()
        agent = OneAgent(talk.memories, max(memory.at for memory in talk.memories) + timedelta(days=1))
        indexed_s, turns = indexed_s + time.perf_counter() - begin, turns + len(talk.memories)
        every += answers(talk, agent, perceiver)
    weights = RecallWeights()
    spent = 1e3 * np.array([answer.found.seconds for answer in every])
    print(f"{turns} turns, {turns / indexed_s:.0f} a second into all views with percepts at hand; a question beyond")
    print(
        f"its perception {np.median(spent):.1f} ms, 95 % {np.quantile(spent, 0.95):.1f} ms; weights {asdict(weights)}\n"
    )
    show(every, weights)
    if asked.ablate:
        ablate(every, weights)
    if asked.parts:
        write_parts(asked.parts, [(one.found, one.question.evidence, one.conversation) for one in every])


if __name__ == "__main__":
    main()
