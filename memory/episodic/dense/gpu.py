"""Indexes on a GPU: who has one, and search there. Owns the copy of the vectors in the GPU's memory.

The host keeps its array and its structure: products are still computed there, from the few rows that the GPU found, so
an answer has the same bits with a GPU as without.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np

from quantum_memory.errors import MissingDependency, NoDevice
from quantum_memory.memory.episodic.dense.exact import Mask
from quantum_memory.memory.episodic.dense.index import FlatIndex, Indexed
from quantum_memory.memory.episodic.dense.library import Rows, engine
from quantum_memory.memory.episodic.dense.lists import IvfIndex
from quantum_memory.memory.episodic.dense.policy import Device
from quantum_memory.memory.episodic.dense.ranked import Ranked
from quantum_memory.memory.episodic.dense.structure import storage
from quantum_memory.types import Vector

MOST_FOUND = 2048
"""More rows FAISS does not bring from a GPU in one search."""
SPARE = 16
"""Rows beyond those asked for: the GPU rounds otherwise, and may order nearly equal ones otherwise."""
SCRATCH_BYTES = 64 << 20
_TURN = threading.Lock()
"""Held by whoever uses the GPU: FAISS' scratch memory there is one for all indexes, and can serve one thread."""


def available(device: Device) -> bool:
    """Whether indexes go to a GPU. Raises: MissingDependency, NoDevice where "cuda" is asked for and is not there."""
    if device == "cpu":
        return False
    faiss = engine()
    if not hasattr(faiss, "StandardGpuResources"):
        if device == "cuda":
            raise MissingDependency("faiss-gpu", "dense indexes on a GPU", 'pip install "quantum-memory[gpu-cu12]"')
        return False
    if not faiss.get_num_gpus():
        if device == "cuda":
            raise NoDevice("faiss-gpu", "ask for the device 'cpu' or 'auto'")
        return False
    return True


class GpuIndex(Ranked):
    """A flat or inverted index of the host, and FAISS' copy of it that is searched. One search at a time on a GPU."""

    def __init__(self, host: Indexed, moved: Any) -> None:
        super().__init__(host.array)
        self.kind = host.kind
        self._host, self._moved = host, moved

    @property
    def resident(self) -> int:
        return self._host.resident

    def dump(self, *, vectors: bool = True) -> list[memoryview]:
        return self._host.dump(vectors=vectors)

    def _found(self, query: Vector, k: int, allowed: Mask | None, count: int) -> Rows | None:
        if allowed is None or isinstance(self._host, FlatIndex):
            return super()._found(query, k, allowed, count)
        # The GPU looks at so many lists, whether they hold allowed rows or not; the host at as many as it takes.
        return self._host._found(query, k, allowed, count)  # noqa: SLF001 - it stands in for this very method

    def _depth(self, k: int) -> int:
        return k + SPARE

    def _cost(self, depth: int) -> float:
        return 0.0 if depth <= MOST_FOUND else float(len(self))

    def _first(self, query: Vector, depth: int) -> Rows:
        with _TURN:
            rows: Rows = self._moved.search(query[np.newaxis], depth)[1][0]
        return rows[rows >= 0]


def moved(host: Indexed) -> Indexed:
    """The same index, searched on the first GPU if it is flat or of lists; itself otherwise. A GPU is there."""
    faiss = engine()
    if isinstance(host, FlatIndex):
        source = storage(host.array)
    elif isinstance(host, IvfIndex):
        source = host.with_vectors()
    else:
        return host
    with _TURN:
        return GpuIndex(host, faiss.index_cpu_to_gpu(_resources(), 0, source))


@functools.cache
def _resources() -> Any:
    """FAISS' streams and scratch memory on the GPU, one set in a process."""
    found = engine().StandardGpuResources()
    found.setTempMemory(SCRATCH_BYTES)
    return found
