"""Recall of evidence turns on LoCoMo, without a judge: python benchmarks/locomo.py --data locomo.json.

Each turn is remembered with its speaker; a question's recall@k is the share of its evidence turns among the first
k memories of its own conversation. Weights are the defaults; ``--tune`` also fits the two that LoCoMo can fit,
always on the other conversations than the one that is measured.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from quantum_memory.memory.affect.perceiver import MiniLMPerceiver, Perceiver
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.search import Candidates, Query, search
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.memory.events import Remembered
from quantum_memory.memory.semantic.graph import GraphFold
from quantum_memory.memory.semantic.spread import spread
from quantum_memory.policies.recall import RecallWeights, rank
from quantum_memory.types import Floats, Memory

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
EVIDENCE = re.compile(r"D:?(\d+):(\d+)")
SEEDS = 20

PartOf = Callable[[str, Candidates], Floats]
"""One more part of the score: question and candidates in, (m,) values out."""


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
    """One question's candidates by id, the parts of their scores, and the time it took to find them."""

    conversation: str
    question: Question
    ids: tuple[str, ...]
    parts: Mapping[str, Floats]
    found_s: float

    def recall(self, weights: RecallWeights, k: int) -> float:
        order = rank(self.parts, weights, k).order
        return len(self.question.evidence & {self.ids[index] for index in order}) / len(self.question.evidence)


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
                importance=0.5,
                embedding=percept.embedding,
                speaker=turn["speaker"],
                session=str(number),
            )


def _text(turn: Mapping[str, Any], captions: bool) -> str:
    caption = turn.get("blip_caption") if captions else None
    return f"{turn['text']} [shares a picture: {caption}]" if caption else str(turn["text"])


def answers(talk: Conversation, perceiver: Perceiver, more: Mapping[str, PartOf], limit: int) -> Iterator[Answer]:
    """Every question of a conversation with what was found for it."""
    state = _remembered(talk)
    seen = perceiver.perceive([question.text for question in talk.questions])
    for question, percept in zip(talk.questions, seen, strict=True):
        begin = time.perf_counter()
        found = search(state, Query(question.text, percept.embedding, limit=limit))
        found_s = time.perf_counter() - begin
        parts = {"relevance": found.relevance, "lexical": found.lexical, "neighbours": found.neighbours}
        parts |= {name: part(question.text, found) for name, part in more.items()}
        yield Answer(talk.name, question, tuple(one.id for one in found.memories), parts, found_s)


def _remembered(talk: Conversation) -> EpisodicState:
    fold = MemoriesFold()
    return fold.apply(fold.empty(), Remembered(talk.memories))


def graph_part(talk: Conversation) -> PartOf:
    """What a walk over the conversation's graph finds, from the most promising candidates."""
    fold = GraphFold()
    state = fold.settled(fold.apply(fold.empty(), Remembered(talk.memories)))

    def part(question: str, found: Candidates) -> Floats:
        promise = np.maximum(found.relevance, 0.0) + found.lexical + np.maximum(found.neighbours, 0.0)
        best = [index for index in np.argsort(-promise, kind="stable")[:SEEDS] if promise[index] > 0.0]
        walked = spread(state, question, {found.memories[index].id: float(promise[index]) for index in best})
        return np.array([walked.get(one.id, 0.0) for one in found.memories], dtype=np.float64)

    return part


def tuned(every: Sequence[Answer], k: int) -> tuple[float, dict[str, RecallWeights]]:
    """Recall when each conversation is measured with the weights that are best on the others, and those weights."""
    names = sorted({answer.conversation for answer in every})
    grid = [replace(RecallWeights(), lexical=a, neighbours=b) for a, b in itertools.product(LEXICAL, NEIGHBOURS)]
    table = np.array([[answer.recall(weights, k) for answer in every] for weights in grid])
    where = np.array([answer.conversation for answer in every])
    best = {name: int(table[:, where != name].mean(axis=1).argmax()) for name in names}
    held_out = np.concatenate([table[best[name], where == name] for name in names])
    return float(held_out.mean()), {name: grid[index] for name, index in best.items()}


LEXICAL = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
NEIGHBOURS = (0.0, 0.4, 0.8, 1.0, 1.2, 1.5, 1.8, 2.4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a LoCoMo JSON file")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--limit", type=int, default=Query().limit, help="candidates from each side")
    parser.add_argument("--graph", action="store_true", help="with the part of the graph")
    parser.add_argument("--captions", action="store_true", help="with the captions of shared pictures")
    parser.add_argument("--tune", action="store_true", help="also with weights fitted to the other conversations")
    asked = parser.parse_args()
    perceiver = MiniLMPerceiver()
    every: list[Answer] = []
    for talk in load(asked.data, perceiver, asked.captions):
        more = {"graph": graph_part(talk)} if asked.graph else {}
        every += answers(talk, perceiver, more, asked.limit)
    weights, k = RecallWeights(), asked.k
    recalls = np.array([answer.recall(weights, k) for answer in every])
    print(f"recall@{k} {recalls.mean():.4f} over {len(every)} questions, weights {weights}")
    print(f"search p50 {1e3 * np.median([answer.found_s for answer in every]):.2f} ms")
    for number, name in CATEGORIES.items():
        chosen = np.array([answer.question.category == number for answer in every])
        if chosen.any():
            print(f"  {name:12} {recalls[chosen].mean():.4f} over {chosen.sum()}")
    for alone in ("relevance", "lexical"):
        only = RecallWeights(**{name: float(name == alone) for name in RecallWeights.__dataclass_fields__})
        print(f"  {alone} alone: {np.mean([answer.recall(only, k) for answer in every]):.4f}")
    if asked.tune:
        held_out, chosen_weights = tuned(every, k)
        print(f"recall@{k} {held_out:.4f} with weights fitted to the other conversations:")
        for name, best in chosen_weights.items():
            print(f"  {name}: lexical {best.lexical}, neighbours {best.neighbours}")


if __name__ == "__main__":
    main()
