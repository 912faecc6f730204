"""What it takes to add memories with ready embeddings to another system, and to search them.

Run by ``benchmarks/peers.py`` with the Python of an environment that holds one of the ``requirements-*.txt``; it
imports nothing of ours and nothing of the other systems but the one that is asked for. Prints one JSON object a size.

    python searching.py mem0|chroma|lancedb|qdrant CORPUS.npz SIZE...

One store grows through the sizes. ``CORPUS.npz`` holds ``vectors`` (n, d) and ``queries`` (q, d), float32 of unit
length, ``texts`` (n,) and ``questions`` (q,).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import warnings
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

BATCH, SINGLES, K, WARM = 500, 50, 10, 5
REST_S = 5.0
"""Between adding and searching, so that what a system does behind its writes is over."""
DEADLINE_S = float(os.environ.get("PEERS_DEADLINE_S", "300"))
"""A size is left out where adding up to it would take longer, judged by what was added so far."""


class Store(ABC):
    """A system that holds numbered texts with their vectors, on disk in a folder."""

    @abstractmethod
    def add(self, first: int, texts: list[str], vectors: Any) -> None:
        """Add texts and their (n, d) vectors, numbered from ``first``."""

    @abstractmethod
    def search(self, question: str, vector: Any) -> list[int]:
        """The numbers of the ``K`` nearest, best first."""

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Let everything go."""


class Mem0(Store):
    """mem0 without inference, with what it stores in by default: embedded Qdrant on disk, and its history in SQLite."""

    def __init__(self, folder: Path, dim: int) -> None:
        os.environ.update(MEM0_TELEMETRY="False", MEM0_DIR=str(folder / "mem0"))
        from mem0 import Memory

        # Both are made in any case and never asked for anything: the embedder is replaced, and nothing is inferred.
        unused = {"provider": "openai", "config": {"api_key": "none"}}
        self._memory = Memory.from_config(
            {
                "vector_store": {
                    "provider": "qdrant",
                    "config": {"path": str(folder / "qdrant"), "on_disk": True, "embedding_model_dims": dim},
                },
                "history_db_path": str(folder / "history.db"),
                "embedder": unused,
                "llm": unused,
            }
        )
        self._ready = self._memory.embedding_model = Ready()
        self._numbers: dict[str, int] = {}

    def add(self, first: int, texts: list[str], vectors: Any) -> None:
        self._ready.vectors = dict(zip(texts, vectors.tolist(), strict=True))
        messages = [{"role": "user", "content": text} for text in texts]
        found = self._memory.add(messages, user_id="alice", infer=False)["results"]
        self._numbers.update((one["id"], number) for number, one in enumerate(found, start=first))

    def search(self, question: str, vector: Any) -> list[int]:
        self._ready.vectors = {question: vector.tolist()}
        found = self._memory.search(question, filters={"user_id": "alice"}, top_k=K, threshold=0.0)
        return [self._numbers[one["id"]] for one in found["results"]]


class Ready:
    """An embedder that has the embeddings already."""

    def __init__(self) -> None:
        self.vectors: dict[str, list[float]] = {}

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:  # noqa: ARG002  (mem0's signature)
        return self.vectors[text]

    def embed_batch(self, texts: list[str], memory_action: str | None = None) -> list[list[float]]:
        return [self.embed(text, memory_action) for text in texts]


class Chroma(Store):
    """Chroma's persistent client."""

    def __init__(self, folder: Path, dim: int) -> None:  # noqa: ARG002  (it takes it from the first vector)
        import chromadb

        client = chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))
        self._collection = client.create_collection(
            "memories", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )

    def add(self, first: int, texts: list[str], vectors: Any) -> None:
        ids = [str(first + row) for row in range(len(texts))]
        self._collection.add(ids=ids, embeddings=vectors, documents=texts)

    def search(self, question: str, vector: Any) -> list[int]:  # noqa: ARG002
        found = self._collection.query(query_embeddings=[vector], n_results=K)
        return [int(one) for one in found["ids"][0]]


class Lance(Store):
    """A LanceDB table as it is after adding: without an index, so every search is a scan."""

    def __init__(self, folder: Path, dim: int) -> None:
        import lancedb
        import pyarrow as pa

        self._pa, self._dim = pa, dim
        schema = pa.schema([("id", pa.int64()), ("text", pa.string()), ("vector", pa.list_(pa.float32(), dim))])
        self._table = lancedb.connect(folder).create_table("memories", schema=schema)

    def add(self, first: int, texts: list[str], vectors: Any) -> None:
        pa = self._pa
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), self._dim)
        self._table.add(pa.table({"id": range(first, first + len(texts)), "text": texts, "vector": column}))

    def search(self, question: str, vector: Any) -> list[int]:  # noqa: ARG002
        found = self._table.search(vector).distance_type("cosine").limit(K).to_arrow()
        return [int(one) for one in found["id"].to_pylist()]


class Qdrant(Store):
    """Qdrant's embedded mode, on disk."""

    def __init__(self, folder: Path, dim: int) -> None:
        from qdrant_client import QdrantClient, models

        warnings.simplefilter("ignore")  # it advises against its embedded mode above 20,000 points
        self._models, self._client = models, QdrantClient(path=str(folder))
        config = models.VectorParams(size=dim, distance=models.Distance.COSINE)
        self._client.create_collection("memories", vectors_config=config)

    def add(self, first: int, texts: list[str], vectors: Any) -> None:
        rows = enumerate(zip(texts, vectors.tolist(), strict=True), start=first)
        points = [self._models.PointStruct(id=at, vector=vector, payload={"text": text}) for at, (text, vector) in rows]
        self._client.upsert("memories", points)

    def search(self, question: str, vector: Any) -> list[int]:  # noqa: ARG002
        return [int(one.id) for one in self._client.query_points("memories", query=vector, limit=K).points]


STORES: dict[str, type[Store]] = {"mem0": Mem0, "chroma": Chroma, "lancedb": Lance, "qdrant": Qdrant}


def one_by_one(store: Store, texts: list[str], vectors: Any, start: int, stop: int) -> float:
    """The same, one a call."""
    begun = time.perf_counter()
    for number in range(start, stop):
        store.add(number, texts[number : number + 1], vectors[number : number + 1])
    return (stop - start) / (time.perf_counter() - begun)


def grown(store: Store, texts: list[str], vectors: Any, start: int, stop: int) -> float:
    """Add what comes between two sizes, until a search has found the last of it; how many a second."""
    begun = time.perf_counter()
    for first in range(start, stop, BATCH):
        last = min(first + BATCH, stop)
        store.add(first, texts[first:last], vectors[first:last])
    store.search(texts[stop - 1], vectors[stop - 1])  # whoever adds in the background has now done it
    return (stop - start) / (time.perf_counter() - begun)


def asked(store: Store, questions: list[str], queries: Any, truth: Any) -> dict[str, float]:
    """Search times in ms, and the share of the truly nearest that are found."""
    for question, query in zip(questions[:WARM], queries[:WARM], strict=True):
        store.search(question, query)
    times, right = [], 0
    for question, query, nearest in zip(questions, queries, truth, strict=True):
        begun = time.perf_counter()
        found = store.search(question, query)
        times.append(time.perf_counter() - begun)
        right += len(set(found) & set(nearest.tolist()))
    p50, p95 = np.percentile(times, [50, 95]) * 1e3
    return {"p50_ms": float(p50), "p95_ms": float(p95), "recall": right / truth.size}


def nearest(vectors: Any, queries: Any) -> Any:
    """(q, K) numbers of the vectors that are nearest by cosine, exactly."""
    return np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :K]


def main(system: str, corpus: str, sizes: list[int]) -> None:
    stored = np.load(corpus, allow_pickle=False)
    vectors, queries = stored["vectors"], stored["queries"]
    texts, questions = stored["texts"].tolist(), stored["questions"].tolist()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store = STORES[system](Path(folder), vectors.shape[1])
        size, rate = 0, float("inf")
        for wanted in sizes:
            if (wanted - size) / rate > DEADLINE_S:
                print(json.dumps({"size": wanted, "left_out_s": (wanted - size) / rate}), flush=True)
                continue
            rate = grown(store, texts, vectors, size, wanted - SINGLES)
            singles = one_by_one(store, texts, vectors, wanted - SINGLES, wanted)
            size = wanted
            time.sleep(REST_S)
            found = asked(store, questions, queries, nearest(vectors[:size], queries))
            print(json.dumps({"size": size, "adds_s": rate, "singles_s": singles, **found}), flush=True)
        store.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], [int(one) for one in sys.argv[3:]])
