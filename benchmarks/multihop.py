"""Passages found for questions that need several of them: python benchmarks/multihop.py --data musique_train.json.

    python benchmarks/multihop.py --data FILE [--corpus FILE] [--openie FILE] [--nodes 400] [--weight 0.2]

The questions are MuSiQue's, each with the passages that answer it only together. Every passage is a memory of its own,
title first; a question's recall@k is the share of its passages among the first k of the whole corpus. Beside the search
by meaning and by words stand walks over the graph that extraction makes of the passages, alone and as a part of the
score; with ``--openie`` also over relations that somebody else's model extracted. Intervals are bootstrapped over the
questions, those of a difference by pairs.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.affect.perceiver import MiniLMPerceiver, Perceiver
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.search import Query, search
from quantum_memory.memory.events import Related, Remembered
from quantum_memory.memory.semantic.extract import key_of
from quantum_memory.memory.semantic.graph import GraphFold, GraphState
from quantum_memory.memory.semantic.spread import METHODS, Method, spread
from quantum_memory.policies.recall import RecallWeights, rank
from quantum_memory.types import Floats, Memory, Relation, Vector

KS = (2, 5, 10)
SEEDS = 20
RESAMPLES = 10_000
AT = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 64
FUSED = RecallWeights()


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


def graph_of(corpus: Corpus, openie: Path | None) -> GraphState:
    """The graph of the passages, with the given triples as relations that the passages told, if there are any."""
    fold = GraphFold()
    state = fold.apply(fold.empty(), Remembered(corpus.memories))
    if openie is not None:
        state = fold.apply(state, Related(tuple(_triples(corpus, openie))))
    return fold.settled(state)


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
    """What each way of asking found for one question: (k,) recalls by name, and the seconds of each walk."""

    recalls: dict[str, Floats]
    walks_s: dict[Method, float]


def ask(state: Any, graph: GraphState, question: Question, nodes: int, weight: float) -> Found:
    """One question by every way of asking."""
    found = search(state, Query(question.text, question.embedding, limit=len(state)))
    ids = [memory.id for memory in found.memories]
    parts = {"relevance": found.relevance, "lexical": found.lexical}
    fused = FUSED.relevance * found.relevance + FUSED.lexical * found.lexical
    scores: dict[str, Floats] = {"dense": found.relevance, "lexical": found.lexical, "fusion": fused}
    best = np.argsort(-fused, kind="stable")[:SEEDS]
    seeds = {ids[index]: float(max(fused[index], 0.0)) for index in best}
    walks_s: dict[Method, float] = {}
    for method in METHODS:
        begin = time.perf_counter()
        walked = spread(graph, question.text, seeds, max_nodes=nodes, method=method)
        walks_s[method] = time.perf_counter() - begin
        scores[f"{method} walk alone"] = np.array([walked.get(one, 0.0) for one in ids])
        scores[f"fusion and {method} walk"] = fused + weight * scores[f"{method} walk alone"]
    # The product's own ranking must be the fusion that is measured here.
    order = rank({**parts, "graph": scores["quantum walk alone"]}, RecallWeights(graph=weight)).order
    assert np.array_equal(order, np.argsort(-scores["fusion and quantum walk"], kind="stable"))
    return Found({name: _recalls(ids, score, question.wanted) for name, score in scores.items()}, walks_s)


def _recalls(ids: Sequence[str], scores: Floats, wanted: frozenset[str]) -> Floats:
    order = np.argsort(-scores, kind="stable")[: max(KS)]
    hits = np.array([ids[index] in wanted for index in order])
    return np.array([hits[:k].sum() / len(wanted) for k in KS])


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
    print("\n| difference | " + " | ".join(f"recall@{k}" for k in KS) + " |\n| --- |" + " ---: |" * len(KS))
    for one, other in (
        ("fusion", "dense"),
        ("fusion and classical walk", "fusion"),
        ("fusion and quantum walk", "fusion"),
        ("fusion and quantum walk", "fusion and classical walk"),
        ("quantum walk alone", "classical walk alone"),
    ):
        cells = []
        for column in (table[one] - table[other]).T:
            low, high = interval(column, rng)
            cells.append(f"{column.mean():+.3f} [{low:+.3f}, {high:+.3f}]")
        print(f"| {one} over {other} | " + " | ".join(cells) + " |")
    methods: tuple[Method, ...] = METHODS
    times = {method: statistics.median(found.walks_s[method] for found in every) * 1e3 for method in methods}
    print("\nmedian of a walk: " + ", ".join(f"{method} {spent:.1f} ms" for method, spent in times.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="MuSiQue questions with their paragraphs, JSON")
    parser.add_argument("--corpus", type=Path, help="all passages; FILE_corpus.json beside the data unless given")
    parser.add_argument("--openie", type=Path, help="triples extracted by a model, as HippoRAG stores them")
    parser.add_argument("--nodes", type=int, default=400, help="nodes that a walk looks at")
    parser.add_argument("--weight", type=float, default=FUSED.graph, help="of the walk in the score")
    asked = parser.parse_args()
    beside = asked.data.with_name(f"{asked.data.stem}_corpus.json")
    corpus = load(asked.data, asked.corpus or beside, MiniLMPerceiver())
    fold = MemoriesFold()
    state = fold.apply(fold.empty(), Remembered(corpus.memories))
    graph = graph_of(corpus, asked.openie)
    size = f"{len(graph.memories):,} passages, {len(graph.concepts):,} concepts, {len(graph.relations):,} relations"
    print(f"{len(corpus.questions)} questions, {size}; walks of {asked.nodes} nodes, weight {asked.weight}\n")
    show([ask(state, graph, question, asked.nodes, asked.weight) for question in corpus.questions])


if __name__ == "__main__":
    main()
