"""Byte strings and numbers of many rows in as little room as loses nothing. Knows no memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]


def narrow(values: NDArray[Any], *kinds: Any) -> NDArray[Any]:
    """Whole numbers in the first of these kinds that holds them all, or as they are."""
    least, most = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for kind in kinds:
        limits = np.iinfo(kind)
        if limits.min <= least and most <= limits.max:
            return values.astype(kind, copy=False)
    return values


def exact_floats(values: NDArray[np.float64]) -> NDArray[np.floating]:
    """The same numbers in half the room where that loses nothing."""
    single = values.astype(np.float32)
    return single if np.array_equal(single, values) else values


def ascending(values: Ints) -> Ints:
    """The distinct ones, ascending. For some hundreds ``np.unique`` takes several times as long."""
    held = np.sort(values)
    return held[np.append(True, held[1:] != held[:-1])] if len(held) else held


class Blobs:
    """Byte strings one after another. Shapes: ``data`` (bytes,) uint8; ``starts`` (n + 1,) whole numbers."""

    __slots__ = ("_view", "data", "starts")

    def __init__(self, data: Bytes, starts: NDArray[Any]) -> None:
        self.data, self.starts = data, starts
        self._view = data.data

    @classmethod
    def of(cls, values: Sequence[bytes | memoryview]) -> Blobs:
        """These byte strings."""
        starts = np.zeros(len(values) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, values), np.int64, len(values)), out=starts[1:])
        return cls(np.frombuffer(b"".join(values), np.uint8), narrow(starts, np.uint32))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def nbytes(self) -> int:
        return int(self.data.nbytes + self.starts.nbytes)

    def raw(self, rows: Ints) -> list[memoryview]:
        """Some of them."""
        bounds = zip(self.starts[rows].tolist(), self.starts[rows + 1].tolist(), strict=True)
        return [self._view[start:end] for start, end in bounds]

    def text(self, row: int) -> str:
        """One of them, which is UTF-8, as text."""
        return str(self._view[int(self.starts[row]) : int(self.starts[row + 1])], "utf-8")

    def texts(self, rows: Ints) -> list[str]:
        """Some of them as texts."""
        return [str(one, "utf-8") for one in self.raw(rows)]

    def take(self, rows: Ints) -> Blobs:
        """Some of them."""
        return Blobs.of(self.raw(rows))

    def cut(self, start: int, end: int) -> Blobs:
        """Those from one number to another, in place."""
        bounds = self.starts[start : end + 1]
        return Blobs(self.data[int(bounds[0]) : int(bounds[-1])], bounds - bounds[0])

    @classmethod
    def concat(cls, parts: Sequence[Blobs]) -> Blobs:
        """All of these, in order."""
        sizes = np.concatenate([np.diff(part.starts.astype(np.int64)) for part in parts])
        starts = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(sizes, out=starts[1:])
        return cls(np.concatenate([part.data for part in parts]), narrow(starts, np.uint32))
