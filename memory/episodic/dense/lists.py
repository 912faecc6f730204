"""Rows in lists around centroids, of which a search looks at the nearest: IVF. Owns centroids, lists and codes.

Lists hold numbers of rows, not vectors, which stay where they are. With codes (``sq8``, ``pq``), the rows of a list are
first ranked by these, and only the best are ranked again by exact products.

Source: Sivic and Zisserman, Video Google (2003); Jégou, Douze and Schmid (2011); FAISS' IndexIVF.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import CorruptRecord
from quantum_memory.memory.episodic.dense.calibration import effort, places, samples
from quantum_memory.memory.episodic.dense.exact import Mask
from quantum_memory.memory.episodic.dense.frame import WHAT, Bytes
from quantum_memory.memory.episodic.dense.index import CALIBRATED_K, FILTERED, Indexed, Kind, Parameters
from quantum_memory.memory.episodic.dense.library import Rows, engine, products
from quantum_memory.memory.episodic.dense.packed import numbers_a_code
from quantum_memory.memory.episodic.dense.structure import Structure, serialized
from quantum_memory.types import Vector

Storage: TypeAlias = Literal["flat", "sq8", "pq"]
TRAINING_ROUNDS = 8
POINTS_PER_LIST = 64
"""Rows for each centroid that k-means looks at."""
GATHERED = 1.5
"""Exact products in order in the time of one of a row elsewhere."""
RERANKED = {"sq8": 4, "pq": 20}
"""Rows that are ranked again by exact products, for each that is asked for and at least ten."""
FAISS_KINDS = {"sq8": "IndexIVFScalarQuantizer", "pq": "IndexIVFPQ"}


class IvfIndex(Indexed):
    """Vectors and the lists that their rows are in.

    Shapes: ``centroids`` (l, d) float32; ``starts`` (l + 1,) int64; ``members`` (n,) int32, list by list.
    """

    kind: Kind = "ivf"

    def __init__(
        self,
        vectors: Vector,
        centroids: Vector,
        members: tuple[NDArray[np.int64], NDArray[np.int32]],
        probes: int,
        codes: tuple[str, memoryview] | None = None,
    ) -> None:
        super().__init__(vectors)
        self._centroids, (self._starts, self._members), self._probes = centroids, members, probes
        self._sizes = np.diff(self._starts)
        self._storage = codes[0] if codes is not None else "flat"
        self._codes = Structure(codes[1]) if codes is not None else None
        if self._codes is not None:
            self._codes.check(FAISS_KINDS[self._storage], *self._array.shape)

    @classmethod
    def built(cls, vectors: Vector, lists: int, probes: int, storage: Storage, recall: float) -> IvfIndex:
        """The index of (n, d) vectors; 0 probes are found out. One thread: the same vectors make the same bytes."""
        faiss = engine(1)
        dim = vectors.shape[1]
        quantizer: Any = faiss.IndexFlatIP(dim)
        clustering = faiss.Clustering(dim, lists)
        clustering.niter, clustering.spherical = TRAINING_ROUNDS, True
        clustering.min_points_per_centroid, clustering.max_points_per_centroid = 1, POINTS_PER_LIST
        clustering.train(vectors, quantizer)
        nearest: NDArray[np.int64] = quantizer.search(vectors, 1)[1][:, 0]
        members = np.argsort(nearest, kind="stable").astype(np.int32)
        starts = np.append(0, np.cumsum(np.bincount(nearest, minlength=lists)))
        centroids: Vector = quantizer.reconstruct_n(0, lists)
        codes = None if storage == "flat" else (storage, _codes(vectors, quantizer, storage))
        made = cls(vectors, centroids, (starts.astype(np.int64), members), probes or lists, codes)
        if not probes:
            made._probes = made._calibrated(nearest, recall)
        return made

    def _calibrated(self, list_of: Rows, recall: float) -> int:
        lists = len(self._centroids)
        reached = [places(self._order(query), list_of[near], lists) for query, near in samples(self._array)]
        return min(effort(reached, recall, 1), lists)

    def _order(self, query: Vector) -> Rows:
        """The lists, nearest first."""
        near = products(self._centroids, query, np.arange(len(self._centroids)))
        found: Rows = np.argsort(-near, kind="stable")
        return found

    @classmethod
    def opened(cls, vectors: Vector, parameters: Parameters, structure: dict[str, memoryview]) -> IvfIndex:
        """The index of which ``dump`` wrote these. Raises: CorruptRecord where they do not fit together."""
        size, dim = vectors.shape
        try:
            centroids = np.frombuffer(structure["centroids"], np.float32).reshape(-1, dim)
            starts = np.frombuffer(structure["starts"], np.int64)
            members = np.frombuffer(structure["members"], np.int32)
            storage, probes = str(parameters["storage"]), int(parameters["probes"])
            codes = None if storage == "flat" else (storage, structure["codes"])
        except (KeyError, ValueError) as error:
            raise CorruptRecord(WHAT, f"its lists do not fit together: {error}") from None
        if (
            len(starts) != len(centroids) + 1
            or starts[0] != 0
            or (np.diff(starts) < 0).any()
            or starts[-1] != size
            or not np.array_equal(np.sort(members), np.arange(size))
        ):
            raise CorruptRecord(WHAT, "its lists do not hold every row once")
        return cls(vectors, centroids, (starts, members), probes, codes)

    @property
    def resident(self) -> int:
        held = self._centroids.nbytes + self._starts.nbytes + self._members.nbytes
        return held + (self._codes.size if self._codes is not None else 0)

    def with_vectors(self) -> Any:
        """FAISS' own index of the same lists, which holds the vectors once more: what is copied to a GPU."""
        faiss = engine(1)
        dim = self._array.shape[1]
        quantizer = faiss.IndexFlatIP(dim)
        quantizer.add(self._centroids)
        index: Any = faiss.IndexIVFFlat(quantizer, dim, len(self._centroids), faiss.METRIC_INNER_PRODUCT)
        index.add(self._array)
        index.nprobe = self._probes
        return index

    def _found(self, query: Vector, k: int, allowed: Mask | None, count: int) -> Rows | None:
        order = self._order(query)
        # Under a filter, lists are looked at until they hold as many allowed rows as would be looked at without one,
        # and more.
        wanted = max(k, int(self._sizes[order[: self._probes]].sum())) * (1 if allowed is None else FILTERED)
        if len(self._centroids) + GATHERED * wanted >= count:
            return None
        sizes = self._sizes if allowed is None else self._allowed_sizes(allowed)
        probes = int(np.searchsorted(np.cumsum(sizes[order]), wanted)) + 1
        if self._codes is not None:
            rows = self._codes.search_lists(query, probes, self._candidates(k, count), allowed)
            return rows if len(rows) >= k else None
        taken = order[:probes][sizes[order[:probes]] > 0]
        rows = np.concatenate([self._members[self._starts[at] : self._starts[at + 1]] for at in taken])
        return (rows if allowed is None else rows[allowed[rows]]).astype(np.int64)

    def _allowed_sizes(self, allowed: Mask) -> NDArray[np.int64]:
        """How many allowed rows each list holds."""
        before = np.append(0, np.cumsum(allowed[self._members], dtype=np.int64))
        return np.diff(before[self._starts])

    def _candidates(self, k: int, count: int) -> int:
        """How many of the best by codes are ranked again."""
        return min(count, max(k, CALIBRATED_K) * RERANKED[self._storage])

    def _parameters(self) -> Parameters:
        return {"probes": self._probes, "storage": self._storage}

    def _structure(self) -> dict[str, Bytes]:
        codes: dict[str, Bytes] = {"codes": self._codes.blob()} if self._codes is not None else {}
        return {"centroids": self._centroids, "starts": self._starts, "members": self._members, **codes}


def _codes(vectors: Vector, quantizer: Any, storage: str) -> memoryview:
    """The rows' codes in FAISS' own lists around the same centroids."""
    faiss = engine(1)
    dim, lists = vectors.shape[1], quantizer.ntotal
    index: Any
    if storage == "sq8":
        kind = faiss.ScalarQuantizer.QT_8bit
        index = faiss.IndexIVFScalarQuantizer(quantizer, dim, lists, kind, faiss.METRIC_INNER_PRODUCT, False)
    else:
        index = faiss.IndexIVFPQ(quantizer, dim, lists, dim // numbers_a_code(dim), 8, faiss.METRIC_INNER_PRODUCT)
        index.by_residual = False
        index.pq.cp.niter, index.pq.cp.min_points_per_centroid = TRAINING_ROUNDS, 1
    index.train(vectors)
    index.add(vectors)
    return serialized(index)
