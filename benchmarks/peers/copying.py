"""What it costs to copy a collection of memories in Chroma and embedded Qdrant, and to branch it with LanceDB.

Run by ``benchmarks/branching.py`` with the Python of an environment that holds ``requirements.txt``; it imports nothing
of ours. Prints one JSON object.

    python copying.py chroma|qdrant|lancedb COUNT
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

DIM, BATCH, BRANCHES = 384, 5000, 20


def batches(count: int) -> Iterator[tuple[list[str], Any, list[str]]]:
    """Ids, (n, d) float32 vectors of unit length and texts, the same in every system."""
    chance = np.random.default_rng(0)
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        vectors = chance.normal(size=(size, DIM)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        numbers = range(start, start + size)
        yield [f"m{number}" for number in numbers], vectors, [f"Memory {number} of many" for number in numbers]


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def measured(folder: Path, copies: int, copy: Callable[[int], None]) -> dict[str, float]:
    """Median seconds, bytes on disk and resident bytes of one copy."""
    disk, resident = size_of(folder), psutil.Process().memory_info().rss
    times = []
    for number in range(copies):
        started = time.perf_counter()
        copy(number)
        times.append(time.perf_counter() - started)
    return {
        "seconds": statistics.median(times),
        "disk_bytes": (size_of(folder) - disk) / copies,
        "resident_bytes": (psutil.Process().memory_info().rss - resident) / copies,
    }


def chroma(folder: Path, count: int) -> dict[str, float]:
    import chromadb

    client = chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))
    step = client.get_max_batch_size()
    whole = client.create_collection("whole", embedding_function=None)
    for ids, vectors, texts in batches(count):
        for at in range(0, len(ids), step):
            part = slice(at, at + step)
            whole.add(ids=ids[part], embeddings=vectors[part], documents=texts[part])

    def copy(number: int) -> None:
        other = client.create_collection(f"copy{number}", embedding_function=None)
        for start in range(0, count, step):
            part = whole.get(limit=step, offset=start, include=["embeddings", "documents"])
            other.add(ids=part["ids"], embeddings=part["embeddings"], documents=part["documents"])

    return measured(folder, 1, copy)


def qdrant(folder: Path, count: int) -> dict[str, float]:
    import warnings

    from qdrant_client import QdrantClient
    from qdrant_client.models import Distance, PointStruct, VectorParams

    warnings.simplefilter("ignore")  # it advises against its embedded mode above 20,000 points
    client = QdrantClient(path=str(folder))
    config = VectorParams(size=DIM, distance=Distance.COSINE)
    client.create_collection("whole", vectors_config=config)
    done = 0
    for _, vectors, texts in batches(count):
        points = [
            PointStruct(id=done + row, vector=vector.tolist(), payload={"text": text})
            for row, (vector, text) in enumerate(zip(vectors, texts, strict=True))
        ]
        client.upsert("whole", points)
        done += len(points)

    def copy(number: int) -> None:
        name, offset = f"copy{number}", None
        client.create_collection(name, vectors_config=config)
        while True:
            found, offset = client.scroll("whole", limit=BATCH, offset=offset, with_vectors=True)
            client.upsert(name, [PointStruct(id=one.id, vector=one.vector, payload=one.payload) for one in found])
            if offset is None:
                return

    return measured(folder, 1, copy)


def lancedb(folder: Path, count: int) -> dict[str, float]:
    import lancedb as lance
    import pyarrow as pa

    table = None
    client = lance.connect(folder)
    for ids, vectors, texts in batches(count):
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), DIM)
        rows = pa.table({"id": ids, "text": texts, "vector": column})
        if table is None:
            table = client.create_table("whole", rows)
        else:
            table.add(rows)
    data = table.to_lance()
    return measured(folder, BRANCHES, lambda number: data.create_branch(f"branch{number}") and None)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        system = {"chroma": chroma, "qdrant": qdrant, "lancedb": lancedb}[sys.argv[1]]
        print(json.dumps(system(Path(made), int(sys.argv[2]))))
