"""Nearest vectors by every kind of index, beside exact search and bare FAISS: python benchmarks/ann.py.

    python benchmarks/ann.py [--sizes 10000 100000] [--large] [--kinds flat pq hnsw ivf] [--data FILE] [--json FILE]

One thread; times are of the processor, which other programs on the machine hardly add to. For each size and kind:
seconds to build a thousand vectors, bytes held for each besides the vector itself, recall@10 against exact search,
queries a second, p50 and p95 of single queries for the ten nearest, and the same queries put to bare FAISS: an index of
the same type with the same effort, built on the same vectors, asked in turns with ours. Bare, "flat" is IndexFlatIP,
"pq" an IndexRefineFlat over an IndexPQFastScan, "hnsw" IndexHNSWFlat, "ivf" IndexIVFFlat. Then ours under filters that
allow a share of the rows: at random, and those farthest from the first query.

``--large`` adds a million vectors, without "hnsw", which takes minutes to build. ``--data`` reads vectors from a
``.npy`` or a table of tabs (``--columns`` says how many of its columns are the vector); its last ``--queries`` rows are
the questions.

The vectors that are made are like those of sentences, and not like noise, whose nearest neighbours are hardly nearer
than all others: 300 topics, a twentieth as many subtopics as vectors, some far more popular than others, and what is a
text's own; each with a falling spectrum, 1/(i + 10) of the i-th direction, around a common mean. Beside 42,000 comments
of GoEmotions as all-MiniLM-L6-v2 embeds them (--like FILE.npy prints the same of any vectors), medians of 300 queries:

                                              comments       made
    cosine of the 1st, 10th, 50th nearest     .55 .44 .38    .54 .44 .35
    cosine of any two, 5 % to 95 %            -.05 to .23    -.07 to .22
    intrinsic dimension (Levina and Bickel)   30             25
    variance in 30, 100, 200 directions       .37 .66 .87    .39 .67 .85
"""

from __future__ import annotations

import os

# Before numpy is imported: one core is what is measured.
os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.dense import DenseIndex, IndexPolicy, Kind, build, engine
from quantum_memory.memory.episodic.dense.packed import BITS, numbers_a_code

DIM, TOPICS, PER_SUBTOPIC, BLOCK = 384, 300, 20, 65_536
SHIFT, OF_TOPIC, OF_SUBTOPIC = 0.28, 0.2, 0.18
LARGE = 1_000_000
K = 10
SHARES = (0.01, 0.1, 0.5)
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Row:
    """One kind at one size. ``bare`` are of FAISS alone; ``overhead`` is our p50 by its. Times are CPU time."""

    kind: str
    size: int
    effort: str
    build_s_per_1000: float
    bytes_each: float
    recall: float
    per_second: float
    p50_ms: float
    p95_ms: float
    bare_recall: float
    bare_p50_ms: float
    bare_build_s_per_1000: float
    overhead: float


def made_like_sentences(count: int, seed: int = 0, dim: int = DIM) -> Floats:
    """(count, dim) unit vectors, made in blocks, so that no more than they is held; the docstring says of what."""
    rng = np.random.default_rng(seed)
    spread = np.sqrt(1 / (np.arange(dim) + 10)).astype(np.float32)
    spread /= np.linalg.norm(spread)
    turned = np.linalg.qr(rng.standard_normal((dim, dim)))[0].astype(np.float32)
    subtopics = max(1, count // PER_SUBTOPIC)
    topics = rng.standard_normal((TOPICS, dim), np.float32) * spread
    own = rng.standard_normal((subtopics, dim), np.float32) * spread
    topic_of = rng.integers(0, TOPICS, subtopics)
    popular = np.cumsum(1 / np.sqrt(np.arange(1, subtopics + 1)))
    made = np.empty((count, dim), np.float32)
    for at in range(0, count, BLOCK):
        block = made[at : at + BLOCK]
        which = np.searchsorted(popular, rng.random(len(block)) * popular[-1])
        share = (2 * OF_SUBTOPIC * rng.beta(2, 2, (len(block), 1))).astype(np.float32)
        block[:] = np.sqrt(1 - OF_TOPIC - share) * (rng.standard_normal(block.shape, np.float32) * spread)
        block += np.sqrt(share) * own[which] + np.sqrt(OF_TOPIC, dtype=np.float32) * topics[topic_of[which]]
        block *= np.sqrt(1 - SHIFT**2)
        block[:, 5] += SHIFT
        block[:] = block @ turned
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return made


def read(path: Path, columns: int | None) -> Floats:
    """Vectors of a file, brought to unit length."""
    table = np.load(path) if path.suffix == ".npy" else np.loadtxt(path, delimiter="\t", dtype=np.float32, ndmin=2)
    found = np.ascontiguousarray(table[:, :columns], np.float32)
    unit: Floats = found / np.linalg.norm(found, axis=1, keepdims=True)
    return unit


def likeness(vectors: Floats, queries: int = 300) -> str:
    """The figures of the docstring's table."""
    order = np.random.default_rng(0).permutation(len(vectors))
    asked, rest = vectors[order[:queries]], vectors[order[queries:]]
    cosines = np.sort(asked @ rest.T, axis=1)[:, ::-1]
    distance = np.sqrt(np.maximum(2 - 2 * cosines[:, :20], 1e-9))
    dimension = np.median(1 / np.mean(np.log(distance[:, 19:] / distance[:, :19]), axis=1))
    variance = np.linalg.eigvalsh(np.cov(rest[:8000].T))[::-1]
    held = [float(variance[:count].sum() / variance.sum()) for count in (30, 100, 200)]
    nearest = [float(np.median(cosines[:, rank])) for rank in (0, 9, 49)]
    return (
        f"nearest {np.round(nearest, 2)}, any {np.round(np.quantile(cosines, [0.05, 0.95]), 2)}, "
        f"dimension {dimension:.0f}, variance {np.round(held, 2)}"
    )


def bare(kind: Kind, vectors: Floats, index: Any) -> tuple[Any, Any]:
    """FAISS' own index of that kind with the effort of ours, and its search parameters."""
    faiss = engine(1)
    size, dim = vectors.shape
    made: Any = faiss.IndexFlatIP(dim)
    parameters = None
    told = index._parameters()  # noqa: SLF001 - the effort that was found out is what both are to spend
    if kind == "pq":
        codes = faiss.IndexPQFastScan(dim, dim // numbers_a_code(dim), BITS, faiss.METRIC_INNER_PRODUCT)
        made = faiss.IndexRefineFlat(codes)
        made.k_factor = told["depth"] / K
    elif kind == "hnsw":
        made = faiss.IndexHNSWFlat(dim, IndexPolicy().links, faiss.METRIC_INNER_PRODUCT)
        made.hnsw.efConstruction = IndexPolicy().ef_construction
        parameters = faiss.SearchParametersHNSW(efSearch=told["ef_search"])
    elif kind == "ivf":
        lists = IndexPolicy().lists_for(size)[0]
        made = faiss.IndexIVFFlat(made, dim, lists, faiss.METRIC_INNER_PRODUCT)
        made.nprobe = told["probes"]
    made.train(vectors)
    made.add(vectors)
    return made, parameters


def asked_in_turns(index: DenseIndex, other: Any, parameters: Any, queries: Floats) -> Iterator[tuple[Any, ...]]:
    """Rows and seconds of ours, then of the other, for each query."""
    for query in queries:
        begin = time.process_time()
        ours = index.nearest(query, K).rows
        between = time.process_time()
        theirs = other.search(query[np.newaxis], K, params=parameters)[1][0]
        yield ours, between - begin, theirs, time.process_time() - between


def overlap(found: list[Any], true: list[NDArray[np.int64]]) -> float:
    return float(
        np.mean([len(np.intersect1d(one, other)) / len(other) for one, other in zip(found, true, strict=True)])
    )


def measured(kind: Kind, vectors: Floats, queries: Floats) -> tuple[Row, DenseIndex]:
    begin = time.process_time()
    index = build(vectors, IndexPolicy(kind=kind, from_rows=256, device="cpu"))
    built = time.process_time()
    other, parameters = bare(kind, vectors, index)
    bare_built = time.process_time() - built
    true = [index.nearest(query, K, exact=True).rows for query in queries]
    ours, seconds, theirs, bare_seconds = zip(*asked_in_turns(index, other, parameters, queries), strict=True)
    held = len(vectors)
    told = index._parameters()  # type: ignore[attr-defined]  # noqa: SLF001 - to say what was found out
    row = Row(
        kind,
        held,
        ", ".join(f"{name} {value}" for name, value in told.items() if name != "storage"),
        1e3 * (built - begin) / held,
        index.resident / held,
        overlap(list(ours), true),
        len(queries) / sum(seconds),
        1e3 * float(np.median(seconds)),
        1e3 * float(np.quantile(seconds, 0.95)),
        overlap(list(theirs), true),
        1e3 * float(np.median(bare_seconds)),
        1e3 * bare_built / held,
        float(np.median(seconds) / np.median(bare_seconds)),
    )
    return row, index


def filtered(index: DenseIndex, queries: Floats) -> Iterator[str]:
    """Recall and times under filters."""
    size = len(index.array)
    far = np.argsort(index.array @ queries[0])
    for share in SHARES:
        for name, order in (("at random", np.random.default_rng(1).permutation(size)), ("far away", far)):
            allowed = np.zeros(size, np.bool_)
            allowed[order[: round(share * size)]] = True
            true = [index.nearest(query, K, allowed, exact=True).rows for query in queries]
            found, seconds = [], []
            for query in queries:
                begin = time.process_time()
                found.append(index.nearest(query, K, allowed).rows)
                seconds.append(time.process_time() - begin)
            p50, p95 = 1e3 * np.quantile(seconds, [0.5, 0.95])
            yield f"    {share:4.0%} {name:9}: recall@{K} {overlap(found, true):.3f}, p50 {p50:.2f} p95 {p95:.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--kinds", nargs="+", choices=get_args(Kind), default=get_args(Kind))
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--columns", type=int)
    parser.add_argument("--like", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if asked.like:
        print("these:", likeness(read(asked.like, asked.columns)))
        print("made: ", likeness(made_like_sentences(42_000)))
        return
    rows = []
    given = read(asked.data, asked.columns) if asked.data else None
    sizes = [len(given) - asked.queries] if given is not None else [*asked.sizes, *([LARGE] if asked.large else [])]
    for size in sizes:
        vectors = made_like_sentences(size + asked.queries) if given is None else given
        print(f"{size} vectors of {vectors.shape[1]} numbers, {asked.queries} queries")
        for kind in asked.kinds:
            if kind == "hnsw" and size >= LARGE:
                continue
            row, index = measured(kind, vectors[:size], vectors[size:])
            rows.append(row)
            print(
                f"  {row.kind:4} {row.effort or '-':14} build {row.build_s_per_1000:.4f} s/1000, "
                f"{row.bytes_each:5.0f} B each, recall@{K} {row.recall:.3f}, {row.per_second:6.0f}/s, "
                f"p50 {row.p50_ms:.2f} p95 {row.p95_ms:.2f} ms; bare: build {row.bare_build_s_per_1000:.4f}, "
                f"recall {row.bare_recall:.3f}, p50 {row.bare_p50_ms:.2f} ms, ours {row.overhead:.2f} times",
                flush=True,
            )
            if kind != "flat":
                print("\n".join(filtered(index, vectors[size:])), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
