"""Embeddings in an archive: each different one once, at half precision where that is exact; events refer to them.

Owns the sets of vectors of one file and the way an event is written without its vectors.
"""

from __future__ import annotations

import re
from typing import Any, get_origin

import h5py
import msgspec
import numpy as np
from blake3 import blake3

from quantum_memory.errors import CorruptRecord
from quantum_memory.memory.archive.columns import Growing, member
from quantum_memory.memory.events import Event
from quantum_memory.types import Vector

KEY_BYTES = 16
EVENTS_AT_ONCE = 64
"""Events that are held together: one may bring thousands of memories."""
CACHED_ROWS = 4096
_NAME = re.compile(r"(\d{3})_(float16|float32)_(\d{1,5})")


class VectorsOut:
    """The sets of vectors of a file that is being written, one for each precision and length, as they come up."""

    def __init__(self, group: h5py.Group) -> None:
        self._group = group
        self._sets: dict[tuple[str, int], tuple[int, Growing]] = {}
        self._rows: dict[bytes, tuple[int, int]] = {}

    def put(self, vector: Vector) -> tuple[int, int]:
        """The set and the row of a vector, written if it is new."""
        whole = np.ascontiguousarray(vector, "<f4")
        key = blake3(whole.tobytes()).digest(KEY_BYTES)
        found = self._rows.get(key)
        if found is None:
            with np.errstate(over="ignore"):
                half = whole.astype("<f2")
            exact = bool((half.astype("<f4").view("<u4") == whole.view("<u4")).all())
            kind = ("float16" if exact else "float32", whole.size)
            if kind not in self._sets:
                name = f"{len(self._sets):03d}_{kind[0]}_{kind[1]}"
                self._sets[kind] = len(self._sets), Growing(self._group, name, "<f2" if exact else "<f4", (whole.size,))
            number, rows = self._sets[kind]
            found = self._rows[key] = number, len(rows)
            rows.extend(half if exact else whole)
        return found

    def close(self) -> None:
        """Write what is held."""
        for _, rows in self._sets.values():
            rows.close()


class VectorsIn:
    """The sets of vectors of a file. Raises: CorruptRecord."""

    def __init__(self, group: h5py.Group, what: str) -> None:
        self._what = what
        self._sets: list[h5py.Dataset] = []
        self._held: dict[int, tuple[int, Vector]] = {}
        for index, name in enumerate(sorted(group)):
            found, dataset = _NAME.fullmatch(name), member(group, name, h5py.Dataset, what)
            if (
                found is None
                or int(found[1]) != index
                or (str(dataset.dtype), dataset.shape[1:])
                != (
                    found[2],
                    (int(found[3]),),
                )
            ):
                raise CorruptRecord(f"{what}/{name}", f"vectors of {dataset.dtype} and shape {dataset.shape}")
            self._sets.append(dataset)

    def get(self, number: int, row: int) -> Vector:
        """The vector at a row of a set, read-only. Neighbouring rows are read together."""
        if not 0 <= number < len(self._sets) or not 0 <= row < self._sets[number].shape[0]:
            raise CorruptRecord(self._what, f"no vector {row} in set {number}")
        start = row - row % CACHED_ROWS
        held = self._held.get(number)
        if held is None or held[0] != start:
            stretch = self._sets[number][start : start + CACHED_ROWS].astype(np.float32)
            if not np.isfinite(stretch).all():
                raise CorruptRecord(self._what, f"a vector of set {number} holds NaN or infinity")
            held = self._held[number] = start, stretch
        vector: Vector = held[1][row - start].copy()
        vector.flags.writeable = False
        return vector

    def dims(self) -> set[int]:
        """The lengths of all vectors."""
        return {int(dataset.shape[1]) for dataset in self._sets if dataset.shape[0]}


class EventsOut:
    """Writes events as MessagePack, with ``[set, row]`` for each vector."""

    def __init__(self, vectors: VectorsOut) -> None:
        self._vectors = vectors
        self._encoder = msgspec.msgpack.Encoder(enc_hook=self._plain)

    def encode(self, event: Event) -> bytes:
        return self._encoder.encode(event)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return self._vectors.put(value)
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(f"{type(value).__name__} has no place in an event")


class EventsIn:
    """Reads what ``EventsOut`` wrote."""

    def __init__(self, vectors: VectorsIn) -> None:
        self._vectors = vectors
        self._decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event, dec_hook=self._whole)

    def decode(self, data: bytes, what: str) -> Event:
        """Raises: CorruptRecord."""
        try:
            return self._decoder.decode(data)
        except CorruptRecord:
            raise
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise CorruptRecord(what, str(error)) from error

    def _whole(self, kind: Any, value: Any) -> Any:
        if get_origin(kind) is not np.ndarray or not isinstance(value, list) or len(value) != 2:
            raise TypeError(f"expected {kind}, got {type(value).__name__}")
        number, row = value
        if not isinstance(number, int) or not isinstance(row, int):
            raise TypeError("a vector is named by two whole numbers")
        return self._vectors.get(number, row)
