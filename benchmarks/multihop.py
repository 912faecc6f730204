"""Passages found for questions that need several of them: python benchmarks/multihop.py --data musique_train.json.

    python benchmarks/multihop.py --data FILE [--corpus FILE] [--openie FILE] [--parts OUT.npz]

The questions are MuSiQue's, each with the passages that answer it only together. Every passage is a memory of its own,
title first; a question's recall@k is the share of its passages among the first k of the whole corpus, scored as recall
scores by default. Beside that stand single parts, and the default without each part in turn; with ``--openie`` the
agent is also told relations that somebody else's model extracted. Intervals are bootstrapped over the questions, those
of a difference by pairs.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from one_agent import Asked, OneAgent, write_parts

from quantum_memory.memory.affect.perceiver import MiniLMPerceiver, Perceiver
from quantum_memory.memory.semantic.extract import key_of
from quantum_memory.policies.recall import PART_NAMES, RecallWeights, rank
from quantum_memory.types import Floats, Memory, Relation, Vector

KS = (2, 5, 10)
RESAMPLES = 10_000
FOLDS = 5
"""Groups of questions, for training/learn_recall.py."""
AT = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 64


class Question(NamedTuple):
    """What is asked, its meaning, and the ids of the passages that answer it together."""

    text: str
    embedding: Vector
    wanted: frozenset[str]


class Corpus(NamedTuple):
    """The passages as memories, and the questions."""

    memories: tuple[Memory, ...]
    questions: tuple[Question, ...]


def load(data: Path, corpus: Path, perceiver: Perceiver) -> Corpus:
    """A MuSiQue file and its passages. Passages that support no question are there to be told apart."""
    passages = [(one["title"], one["text"]) for one in json.loads(corpus.read_text())]
    place = {passage: f"p{number}" for number, passage in enumerate(passages)}
    texts = [f"{title}. {text}" for title, text in passages]
    memories: list[Memory] = []
    for at in range(0, len(texts), BATCH):
        for text, percept in zip(texts[at : at + BATCH], perceiver.perceive(texts[at : at + BATCH]), strict=True):
            name = f"p{len(memories)}"
            memories.append(
                Memory(name, text, AT, percept.pad, percept.confidence, 0.5, percept.embedding, session=name)
            )
    records = json.loads(data.read_text())
    meanings = perceiver.perceive([record["question"] for record in records])
    questions = (
        Question(record["question"], percept.embedding, _wanted(record, place))
        for record, percept in zip(records, meanings, strict=True)
    )
    return Corpus(tuple(memories), tuple(questions))


def _wanted(record: Mapping[str, Any], place: Mapping[tuple[str, str], str]) -> frozenset[str]:
    supporting = [one for one in record["paragraphs"] if one["is_supporting"]]
    return frozenset(place[one["title"], one["paragraph_text"]] for one in supporting)


def _triples(corpus: Corpus, openie: Path) -> list[Relation]:
    """Relations out of extracted triples; what is no triple of names is passed over."""
    place = {memory.text: memory.id for memory in corpus.memories}
    found: dict[tuple[str, ...], Relation] = {}
    for document in json.loads(openie.read_text())["docs"]:
        memory = place.get(f"{document['title']}. {document['text']}")
        for triple in document["extracted_triples"]:
            if memory is None or len(triple) != 3 or not all(isinstance(part, str) for part in triple):
                continue
            subject, predicate, target = (part.strip() for part in triple)
            if key_of(subject) and key_of(target) and predicate and max(map(len, (subject, predicate, target))) <= 128:
                relation = Relation(subject=subject, predicate=predicate, object=target, at=AT, memory=memory)
                found[subject, predicate, target] = relation
    return list(found.values())


class Found(NamedTuple):
    """What each way of asking found for one question: (k,) recalls by name, and all that they were made of."""

    recalls: dict[str, Floats]
    asked: Asked


def ask(agent: OneAgent, question: Question) -> Found:
    """One question as recall asks it, and by some of its parts alone."""
    found = agent.ask(question.text, question.embedding)
    ways = {name: RecallWeights(**{one: float(one == name) for one in PART_NAMES}) for name in ("relevance", "lexical")}
    default, none = RecallWeights(), dict.fromkeys(PART_NAMES, 0.0)
    ways["both"] = RecallWeights(**{**none, "relevance": default.relevance, "lexical": default.lexical})
    ways["default"] = default
    ways |= {
        f"default without {name}": replace(default, **{name: 0.0}) for name in PART_NAMES if getattr(default, name)
    }
    recalls = {}
    for name, weights in ways.items():
        order = rank(found.parts, weights, max(KS)).order
        hits = np.array([found.ids[index] in question.wanted for index in order])
        recalls[name] = np.array([hits[:k].sum() / len(question.wanted) for k in KS])
    return Found(recalls, found)


def interval(values: NDArray[Any], rng: np.random.Generator) -> tuple[float, float]:
    """The middle 95 % of the mean of (n,) values when the questions are drawn anew."""
    drawn = rng.integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), (0.025, 0.975)).tolist()
    return low, high


def show(every: Sequence[Found]) -> None:
    """One table of recalls with their intervals, and one of differences."""
    rng = np.random.default_rng(0)
    names = list(every[0].recalls)
    table = {name: np.array([found.recalls[name] for found in every]) for name in names}
    print("| | " + " | ".join(f"recall@{k}" for k in KS) + " |\n| --- |" + " ---: |" * len(KS))
    for name in names:
        cells = []
        for column in table[name].T:
            low, high = interval(column, rng)
            cells.append(f"{column.mean():.3f} [{low:.3f}, {high:.3f}]")
        print(f"| {name} | " + " | ".join(cells) + " |")
    print("\n| | " + " | ".join(f"change of recall@{k}" for k in KS) + " |\n| --- |" + " ---: |" * len(KS))
    for name in names:
        if name == "default":
            continue
        cells = []
        for column in (table[name] - table["default"]).T:
            low, high = interval(column, rng)
            cells.append(f"{column.mean():+.4f} [{low:+.3f}, {high:+.3f}]")
        print(f"| {name} | " + " | ".join(cells) + " |")
    spent = 1e3 * np.array([found.asked.seconds for found in every])
    print(f"\na question beyond its perception {np.median(spent):.1f} ms, 95 % {np.quantile(spent, 0.95):.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="MuSiQue questions with their paragraphs, JSON")
    parser.add_argument("--corpus", type=Path, help="all passages; FILE_corpus.json beside the data unless given")
    parser.add_argument("--openie", type=Path, help="triples extracted by a model, as HippoRAG stores them")
    parser.add_argument("--parts", type=Path, help="where to write the parts of all candidates")
    asked = parser.parse_args()
    beside = asked.data.with_name(f"{asked.data.stem}_corpus.json")
    corpus = load(asked.data, asked.corpus or beside, MiniLMPerceiver())
    relations = () if asked.openie is None else _triples(corpus, asked.openie)
    agent = OneAgent(corpus.memories, AT + timedelta(days=1), relations)
    graph = agent.graph
    size = f"{len(graph.memories):,} passages, {len(graph.concepts):,} concepts, {len(graph.relations):,} relations"
    print(f"{len(corpus.questions)} questions, {size}\n")
    every = [ask(agent, question) for question in corpus.questions]
    show(every)
    if asked.parts:
        folds = enumerate(zip(every, corpus.questions, strict=True))
        write_parts(asked.parts, [(one.asked, question.wanted, f"fold {at % FOLDS}") for at, (one, question) in folds])


if __name__ == "__main__":
    main()
