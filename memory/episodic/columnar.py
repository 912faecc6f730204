"""Byte strings and numbers of many rows in as little room as loses nothing. Knows no memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
_NO_DIGIT = 0xFF
_DIGITS = np.full(256, _NO_DIGIT, np.uint8)
_DIGITS[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)


def narrow(values: NDArray[Any], *kinds: Any) -> NDArray[Any]:
    """Whole numbers in the first of these kinds that holds them all, or as they are."""
    least, most = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for kind in kinds:
        limits = np.iinfo(kind)
        if limits.min <= least and most <= limits.max:
            return values.astype(kind, copy=False)
    return values


def exact_floats(values: NDArray[np.float64]) -> NDArray[np.floating]:
    """The same numbers in an array of their own, of half the room where that loses nothing."""
    single = values.astype(np.float32)
    return single if np.array_equal(single, values) else values.copy()


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


class Hexes:
    """Strings of hexadecimal digits, all of one length, as the bytes that these write. Shape: ``data`` (n, w)."""

    __slots__ = ("data",)

    def __init__(self, data: Bytes) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    @property
    def nbytes(self) -> int:
        return int(self.data.nbytes)

    def texts(self, rows: Ints) -> list[str]:
        """Some of them."""
        digits, width = self.data[rows].tobytes().hex(), 2 * self.data.shape[1]
        return [digits[start : start + width] for start in range(0, len(digits), width)]

    def text(self, row: int) -> str:
        """One of them."""
        return bytes(self.data[row]).hex()

    def raw(self, rows: Ints) -> list[bytes]:
        """Some of them, as they are encoded."""
        return [one.encode("ascii") for one in self.texts(rows)]

    def blobs(self) -> Blobs:
        """All of them, spelled out."""
        return Blobs.of(self.raw(np.arange(len(self))))

    def take(self, rows: Ints) -> Hexes:
        """Some of them."""
        return Hexes(self.data[rows])

    def cut(self, start: int, end: int) -> Hexes:
        """Those from one number to another, in place."""
        return Hexes(self.data[start:end])


Ids: TypeAlias = "Blobs | Hexes"
"""Strings that are mostly digits of one length."""


def packed(ids: Ids) -> Ids:
    """The same strings in the least room."""
    if isinstance(ids, Hexes) or not len(ids):
        return ids
    width = len(ids.data) // len(ids)
    if not width or width % 2 or (np.diff(ids.starts.astype(np.int64)) != width).any():
        return ids
    digits = _DIGITS[ids.data]
    if (digits == _NO_DIGIT).any():
        return ids
    numbers: Bytes = np.bitwise_or(digits[0::2] << 4, digits[1::2], dtype=np.uint8)
    return Hexes(numbers.reshape(len(ids), width // 2))


def spelled(ids: Ids) -> Blobs:
    """The same strings spelled out."""
    return ids.blobs() if isinstance(ids, Hexes) else ids


def joined_ids(parts: Sequence[Ids]) -> Ids:
    """All of these, in order, in the least room."""
    numbers = [part.data for part in parts if isinstance(part, Hexes)]
    if len(numbers) == len(parts) and len({part.shape[1] for part in numbers}) == 1:
        return Hexes(np.concatenate(numbers))
    return packed(Blobs.concat([spelled(part) for part in parts]))
