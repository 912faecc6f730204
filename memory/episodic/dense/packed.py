"""Packed codes: product quantization into four bits, scanned whole, and the best ranked again by exact products.

Owns the codes, d/8 bytes a row. Scanning them costs some 2 % of the exact products, so for segments of up to a million
rows there is nothing left that a graph or lists could save.

Source: Jégou, Douze and Schmid, Product Quantization for Nearest Neighbor Search (2011); André, Kermarrec and
Le Scouarnec, Quicker ADC (2019); FAISS' IndexPQFastScan.
"""

from __future__ import annotations

from typing import Any

from quantum_memory.errors import CorruptRecord
from quantum_memory.memory.episodic.dense.calibration import effort, places, samples
from quantum_memory.memory.episodic.dense.frame import WHAT, Bytes
from quantum_memory.memory.episodic.dense.index import CALIBRATED_K, Kind, Parameters
from quantum_memory.memory.episodic.dense.library import Rows, engine
from quantum_memory.memory.episodic.dense.ranked import Ranked
from quantum_memory.memory.episodic.dense.structure import Structure, serialized
from quantum_memory.types import Vector

BITS = 4
LEAST_DEPTH, DEEPEST_TRY = 100, 4096
TRAINING_ROWS = 4096
TRAINING_ROUNDS = 10
SCANNED = 40
"""Codes that are scanned in the time of one exact product, at the least."""
RERANKED = 2
"""Exact products in the time that one candidate takes, of which it is one itself."""


class PackedIndex(Ranked):
    """Vectors and their packed codes. ``depth`` rows are ranked again for the ten best, and in proportion for more."""

    kind: Kind = "pq"

    def __init__(self, vectors: Vector, codes: memoryview, depth: int) -> None:
        super().__init__(vectors)
        self._codes = Structure(codes)
        self._codes.check("IndexPQFastScan", *self._array.shape)
        self._depth_of_ten = depth

    @classmethod
    def built(cls, vectors: Vector, depth: int, recall: float) -> PackedIndex:
        """The index of (n, d) vectors; a depth of 0 is found out. The same vectors make the same bytes."""
        faiss = engine(1)
        size, dim = vectors.shape
        index: Any = faiss.IndexPQFastScan(dim, dim // numbers_a_code(dim), BITS, faiss.METRIC_INNER_PRODUCT)
        index.pq.cp.niter, index.pq.cp.min_points_per_centroid = TRAINING_ROUNDS, 1
        index.train(vectors[:: -(-size // TRAINING_ROWS)].copy())
        index.add(vectors)
        made = cls(vectors, serialized(index), depth or LEAST_DEPTH)
        if not depth:
            made._depth_of_ten = made._calibrated(recall)
        return made

    def _calibrated(self, recall: float) -> int:
        tried, size = min(DEEPEST_TRY, len(self)), len(self)
        reached = [places(self._first(query, tried), near, size) for query, near in samples(self._array)]
        return min(effort(reached, recall, LEAST_DEPTH), size)

    @classmethod
    def opened(cls, vectors: Vector, parameters: Parameters, structure: dict[str, memoryview]) -> PackedIndex:
        """The index of which ``dump`` wrote these. Raises: CorruptRecord where they do not fit together."""
        try:
            return cls(vectors, structure["codes"], int(parameters["depth"]))
        except KeyError as error:
            raise CorruptRecord(WHAT, f"it is of packed codes and has no {error}") from None

    @property
    def resident(self) -> int:
        return self._codes.size

    def _depth(self, k: int) -> int:
        return self._depth_of_ten * max(k, CALIBRATED_K) // CALIBRATED_K

    def _cost(self, depth: int) -> float:
        return len(self) / SCANNED + RERANKED * depth

    def _first(self, query: Vector, depth: int) -> Rows:
        return self._codes.search(query, depth)

    def _parameters(self) -> Parameters:
        return {"depth": self._depth_of_ten}

    def _structure(self) -> dict[str, Bytes]:
        return {"codes": self._codes.blob()}


def numbers_a_code(dim: int) -> int:
    """How many numbers of a vector share a code: four, or what divides its length."""
    return next(numbers for numbers in (4, 3, 2, 5, 7, 1) if dim % numbers == 0)
