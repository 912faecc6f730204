"""FAISS' structures as they are used here: opened over bytes, searched, and never changed.

Owns the FAISS objects. What would change one is refused by name: on a structure over mapped memory, FAISS would end the
process. Bytes have been compared with their hash before they come here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import CorruptRecord, IndexSealed
from quantum_memory.memory.episodic.dense.exact import Mask
from quantum_memory.memory.episodic.dense.frame import WHAT
from quantum_memory.memory.episodic.dense.library import Rows, engine
from quantum_memory.types import Vector


class Structure:
    """A FAISS index that is only read.

    ``blob`` is what ``serialized`` gave. With ``in_place`` it is read where it lies and kept as long, else it is copied
    and may go. A graph over ``vectors`` that lie elsewhere reads those in place.
    """

    def __init__(self, blob: memoryview, vectors: Vector | None = None, *, in_place: bool = False) -> None:
        faiss = engine()
        octets = np.frombuffer(blob, np.uint8)
        self.size = len(octets)
        self._blob = octets if in_place else None
        try:
            self._index = _in_place(octets) if in_place else faiss.deserialize_index(octets)
        except RuntimeError as error:
            raise CorruptRecord(WHAT, f"FAISS does not read its structure: {str(error).splitlines()[-1]}") from None
        if vectors is not None:
            self._storage = storage(vectors)
            self._index.storage, self._index.own_fields = self._storage, False
            self._vectors = vectors

    def blob(self) -> memoryview:
        """The bytes that it was read from, written again if they were let go: they are the same."""
        return serialized(self._index) if self._blob is None else self._blob.data

    def check(self, kind: str, rows: int, dim: int) -> None:
        """Raises: CorruptRecord unless this is what the header says."""
        found = type(self._index).__name__, int(self._index.ntotal), int(self._index.d)
        if found != (kind, rows, dim):
            raise CorruptRecord(WHAT, f"its structure is a {found[0]} of {found[1:]}, not a {kind} of {(rows, dim)}")

    def search(self, query: Vector, count: int, parameters: Any = None) -> Rows:
        """The rows that the structure holds for the best, in its own order; at most ``count``."""
        rows: Rows = self._index.search(query[np.newaxis], count, params=parameters)[1][0]
        return rows if not len(rows) or rows[-1] >= 0 else rows[rows >= 0]

    def search_lists(self, query: Vector, probes: int, count: int, allowed: Mask | None) -> Rows:
        """The best ``count`` of the allowed rows in the nearest lists of an inverted file, by their codes."""
        faiss = engine()
        selector = None
        if allowed is not None:
            # The selector reads the bits in place: they are named here so that they outlive the search.
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
        return self.search(query, count, faiss.SearchParametersIVF(nprobe=probes, sel=selector))

    def _refuse(operation: str) -> Callable[..., NoReturn]:  # type: ignore[misc]  # noqa: N805 - makes methods below
        def refused(self: Structure, *_: object, **__: object) -> NoReturn:
            raise IndexSealed(type(self._index).__name__, operation)

        return refused

    add, add_with_ids = _refuse("add"), _refuse("add_with_ids")
    train, reset, remove_ids = _refuse("train"), _refuse("reset"), _refuse("remove_ids")


def serialized(index: Any, *, with_storage: bool = True) -> memoryview:
    """The bytes of a FAISS index, without its vectors if these are kept beside it."""
    faiss = engine()
    writer = faiss.VectorIOWriter()
    faiss.write_index(index, writer, 0 if with_storage else faiss.IO_FLAG_SKIP_STORAGE)
    return memoryview(faiss.vector_to_array(writer.data))


def storage(vectors: Vector) -> Any:
    """FAISS' flat index over an array in place, which has to outlive it.

    The owner of a view is a shared pointer, and an index that was read without a copy has one that owns nothing.
    """
    faiss = engine()
    flat = faiss.IndexFlatIP(vectors.shape[1])
    blob = np.frombuffer(serialized(flat), np.uint8)
    read = _in_place(blob)  # what is taken of it points into it, so it is named until the view is made
    octets = vectors.reshape(-1).view(np.uint8)
    flat.codes = faiss.MaybeOwnedVectorUInt8.create_view(faiss.swig_ptr(octets), octets.size, read.codes.owner)
    flat.ntotal = len(vectors)
    return flat


def _in_place(octets: NDArray[np.uint8]) -> Any:
    """The index in these bytes, which have to outlive it."""
    faiss = engine()
    return faiss.read_index(faiss.ZeroCopyIOReader(faiss.swig_ptr(octets), len(octets)), faiss.IO_FLAG_MMAP_IFC)
