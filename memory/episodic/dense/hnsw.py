"""A graph of near rows, walked from afar to the query: HNSW. Owns the links, some 9 M bytes a row.

Source: Malkov and Yashunin, Efficient and Robust Approximate Nearest Neighbor Search Using Hierarchical Navigable Small
World Graphs (2018); FAISS' IndexHNSW.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from quantum_memory.errors import CorruptRecord
from quantum_memory.memory.episodic.dense.calibration import MARGIN, samples
from quantum_memory.memory.episodic.dense.frame import WHAT, Bytes
from quantum_memory.memory.episodic.dense.index import Kind, Parameters
from quantum_memory.memory.episodic.dense.library import Rows, engine
from quantum_memory.memory.episodic.dense.ranked import Ranked
from quantum_memory.memory.episodic.dense.structure import Structure, serialized
from quantum_memory.types import Vector

VISITED = 20
"""Exact products in the time that a place in the beam takes: so many rows the walk looks at for it."""
PER_RESULT = 3
"""Places in the beam for each row that is asked for, where ``ef_search`` is less."""
LEAST_BEAM = 64
SPARE = 8
"""Rows beyond those asked for that are ranked again, for products that differ in the last bits."""
FAISS_KINDS = {"flat": "IndexHNSWFlat", "sq8": "IndexHNSWSQ"}


class HnswIndex(Ranked):
    """Vectors and a graph over them, or over their codes of one byte a number (``sq8``)."""

    kind: Kind = "hnsw"

    def __init__(self, vectors: Vector, graph: memoryview, ef_search: int, storage: str) -> None:
        super().__init__(vectors)
        self._ef_search, self._storage_kind = ef_search, storage
        self._walked = Structure(graph, self._array if storage == "flat" else None, in_place=True)
        self._walked.check(FAISS_KINDS[storage], *self._array.shape)

    @classmethod
    def built(
        cls,
        vectors: Vector,
        links: int,
        ef_construction: int,
        ef_search: int,
        storage: Literal["flat", "sq8"],
        recall: float,
    ) -> HnswIndex:
        """The index of (n, d) vectors, which FAISS copies while it builds. One thread: the same bytes each time."""
        faiss = engine(1)
        dim = vectors.shape[1]
        index: Any
        if storage == "flat":
            index = faiss.IndexHNSWFlat(dim, links, faiss.METRIC_INNER_PRODUCT)
        else:
            index = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_8bit, links, faiss.METRIC_INNER_PRODUCT)
            index.train(vectors)
        index.hnsw.efConstruction = ef_construction
        index.add(vectors)
        graph = serialized(index, with_storage=storage != "flat")
        made = cls(vectors, graph, ef_search or LEAST_BEAM, storage)
        if not ef_search:
            made._ef_search = made._calibrated(recall)
        return made

    def _calibrated(self, recall: float) -> int:
        beam, tried = LEAST_BEAM, samples(self._array)
        wanted = sum(len(near) for _, near in tried)
        while beam < len(self):
            found = sum(int(np.isin(near, self._first(query, beam)[: len(near) + 1]).sum()) for query, near in tried)
            if found >= recall * wanted:
                break
            beam = beam * 3 // 2
        return min(round(MARGIN * beam), len(self))

    @classmethod
    def opened(cls, vectors: Vector, parameters: Parameters, structure: dict[str, memoryview]) -> HnswIndex:
        """The index of which ``dump`` wrote these. Raises: CorruptRecord where they do not fit together."""
        try:
            ef_search, storage = int(parameters["ef_search"]), str(parameters["storage"])
            return cls(vectors, structure["graph"], ef_search, storage)
        except KeyError as error:
            raise CorruptRecord(WHAT, f"it is a graph and has no {error}") from None

    @property
    def resident(self) -> int:
        return self._walked.size

    def _depth(self, k: int) -> int:
        return max(self._ef_search, PER_RESULT * k)

    def _cost(self, depth: int) -> float:
        return VISITED * depth

    def _first(self, query: Vector, depth: int) -> Rows:
        return self._walked.search(query, depth, engine().SearchParametersHNSW(efSearch=depth))

    def _best(self, query: Vector, k: int, depth: int) -> Rows:
        # The graph ranks by products of its own, which are exact but for the last bits unless it has only codes.
        wanted = min(k + SPARE, depth) if self._storage_kind == "flat" else depth
        return self._walked.search(query, wanted, engine().SearchParametersHNSW(efSearch=depth))

    def _parameters(self) -> Parameters:
        return {"ef_search": self._ef_search, "storage": self._storage_kind}

    def _structure(self) -> dict[str, Bytes]:
        return {"graph": self._walked.blob()}
