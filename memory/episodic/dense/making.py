"""Indexes from vectors and from bytes. Decides nothing: a policy says which, a header says what is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from quantum_memory.errors import CorruptRecord
from quantum_memory.memory.episodic.dense import frame
from quantum_memory.memory.episodic.dense.gpu import available, moved
from quantum_memory.memory.episodic.dense.hnsw import HnswIndex
from quantum_memory.memory.episodic.dense.index import DenseIndex, FlatIndex, Indexed, Kind, Parameters
from quantum_memory.memory.episodic.dense.library import fit_array
from quantum_memory.memory.episodic.dense.lists import IvfIndex
from quantum_memory.memory.episodic.dense.packed import PackedIndex
from quantum_memory.memory.episodic.dense.policy import IndexPolicy
from quantum_memory.types import Vector

Opener: TypeAlias = Callable[[Vector, Parameters, dict[str, memoryview]], Indexed]
OPENERS: dict[str, Opener] = {
    "flat": FlatIndex.opened,
    "pq": PackedIndex.opened,
    "hnsw": HnswIndex.opened,
    "ivf": IvfIndex.opened,
}


def build(vectors: Vector, policy: IndexPolicy | None = None) -> DenseIndex:
    """The index that the policy has for so many vectors, (n, d) float32, which are taken over and never change again.

    FAISS computes on one thread and without the interpreter's lock; equal vectors give equal bytes.
    Raises: ShapeMismatch, MissingDependency, NoDevice.
    """
    policy = policy or IndexPolicy()
    vectors = fit_array("vectors", vectors)
    on_gpu = available(policy.device)
    kind = policy.kind_for(len(vectors), on_gpu=on_gpu)
    return _placed(_built(kind, vectors, policy), policy, on_gpu=on_gpu)


def load(
    buffer: frame.Bytes, vectors: Vector | None = None, policy: IndexPolicy | None = None, *, verify: bool = True
) -> DenseIndex:
    """The index in a buffer that nothing will change, read in place: bytes, or a file that is mapped.

    ``vectors`` are (n, d) float32, if it was dumped without them. ``verify`` says whether they are compared with their
    hash; the structure always is, so damage is found before FAISS could stumble over it. Of the policy, the device
    counts.

    Raises: CorruptRecord, ShapeMismatch, InvalidValue, MissingDependency, NoDevice.
    """
    policy = policy or IndexPolicy()
    on_gpu = available(policy.device)
    found = frame.read(buffer, vectors, verify=verify)
    opener = OPENERS.get(found.kind)
    if opener is None:
        raise CorruptRecord(frame.WHAT, f"of a kind that is not known here: {found.kind!r}")
    return _placed(opener(found.vectors, found.parameters, found.structure), policy, on_gpu=on_gpu)


def _built(kind: Kind, vectors: Vector, policy: IndexPolicy) -> Indexed:
    if kind == "pq":
        return PackedIndex.built(vectors, policy.depth, policy.recall)
    if kind == "hnsw":
        efforts = policy.links, policy.ef_construction, policy.ef_search
        return HnswIndex.built(vectors, *efforts, "sq8" if policy.storage == "sq8" else "flat", policy.recall)
    if kind == "ivf":
        return IvfIndex.built(vectors, *policy.lists_for(len(vectors)), policy.storage, policy.recall)
    return FlatIndex(vectors)


def _placed(index: Indexed, policy: IndexPolicy, *, on_gpu: bool) -> DenseIndex:
    return moved(index) if on_gpu and len(index) >= policy.from_rows else index
