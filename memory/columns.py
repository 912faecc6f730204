"""Values in columns: texts, times and numbers of many records as typed arrays, and back. Knows no file and no view.

A column of texts is one run of UTF-8 bytes with the place where each text ends; a time is its microseconds since 1970
and the offset of its zone. Equal values make equal columns. What is read is checked, and never trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import CorruptRecord

T = TypeVar("T")
Array = NDArray[Any]
Arrays = Mapping[str, Array | bytes]
Attributes = Mapping[str, Any]
NEVER = np.iinfo(np.int64).min
"""Stands for a time that is not there."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock's; its zone comes with each time
_MICROSECOND = timedelta(microseconds=1)


class Dump(NamedTuple):
    """A state as plain typed arrays and values that JSON could hold."""

    arrays: dict[str, Array | bytes]
    attributes: dict[str, Any]


class Columns:
    """Columns being written. ``arrays`` are theirs so far."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array | bytes] = {}

    def numbers(self, name: str, values: object, dtype: Any) -> None:
        """Numbers of one type, in an array of any shape."""
        self.arrays[name] = np.ascontiguousarray(np.asarray(values, dtype=dtype))

    def blobs(self, name: str, values: Sequence[bytes]) -> None:
        """Byte strings."""
        self.arrays[f"{name}/bytes"] = b"".join(values)
        self.arrays[f"{name}/ends"] = np.cumsum(np.fromiter(map(len, values), np.int64, len(values)), dtype=np.int64)

    def grouped(self, name: str, values: Sequence[Sized]) -> None:
        """How many values are in each group; the values themselves are another column."""
        self.numbers(f"{name}_count", [len(group) for group in values], np.int64)

    def texts(self, name: str, values: Sequence[str]) -> None:
        """Texts. Raises: UnicodeEncodeError for half a surrogate pair, which no journal holds."""
        self.blobs(name, [value.encode() for value in values])

    def optional_texts(self, name: str, values: Sequence[str | None]) -> None:
        """Texts, some of which are not there."""
        self.numbers(f"{name}/known", [value is not None for value in values], np.uint8)
        self.texts(name, [value or "" for value in values])

    def times(self, name: str, values: Sequence[datetime | None]) -> None:
        """Times with a zone, some of which may not be there. A named zone is kept as its offset at that time."""
        count = len(values)
        us = np.fromiter((NEVER if at is None else (at - _EPOCH) // _MICROSECOND for at in values), np.int64, count)
        self.numbers(f"{name}/us", us, np.int64)
        self.numbers(f"{name}/offset_us", np.fromiter(map(zone_us, values), np.int64, count), np.int64)


def zone_us(at: datetime | None) -> int:
    """How far the clock of a time is ahead of UTC, in microseconds."""
    offset = None if at is None or at.tzinfo is UTC else at.utcoffset()
    return 0 if offset is None else offset // _MICROSECOND


class Reading:
    """Columns being read.

    Args:
        what: whose they are, for errors.
        arrays: the columns.
        attributes: the plain values beside them.

    Raises: CorruptRecord from every method, for what is not there or not as it was written.
    """

    def __init__(self, what: str, arrays: Arrays, attributes: Attributes) -> None:
        self.what, self._arrays, self._attributes = what, arrays, attributes

    def fault(self, name: str, reason: str) -> CorruptRecord:
        """The error that says what is wrong with a column."""
        return CorruptRecord(self.what, f"{name}: {reason}")

    def require(self, name: str, holds: object, reason: str) -> None:
        """Go on only if this holds of a column."""
        if not holds:
            raise self.fault(name, reason)

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return name in self._arrays

    def attribute(self, name: str, kind: type[T]) -> T:
        """A plain value of just this type."""
        value = self._attributes.get(name)
        if type(value) is not kind:
            raise self.fault(name, f"expected {kind.__name__}, got {value!r}")
        return value

    def count(self, name: str) -> int:
        """A whole number that is not negative."""
        value = self.attribute(name, int)
        self.require(name, value >= 0, f"{value} is less than nothing")
        return value

    def data(self, name: str) -> bytes:
        """Bytes."""
        value = self._arrays.get(name)
        if isinstance(value, bytes):
            return value
        if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 1:
            return value.tobytes()
        raise self.fault(name, "bytes are missing")

    def numbers(self, name: str, dtype: Any, shape: tuple[int | None, ...]) -> Array:
        """Numbers of this type and shape; a length of ``None`` may be any."""
        value = self._arrays.get(name)
        if not isinstance(value, np.ndarray):
            raise self.fault(name, "an array is missing")
        if value.dtype != np.dtype(dtype):
            raise self.fault(name, f"expected {np.dtype(dtype)}, got {value.dtype}")
        same_rank = value.ndim == len(shape)
        fits = same_rank and all(want in {None, got} for want, got in zip(shape, value.shape, strict=True))
        self.require(name, fits, f"expected shape {shape}, got {value.shape}")
        if value.dtype.kind == "f":
            self.require(name, np.isfinite(value).all(), "a number is not finite")
        return value

    def within(self, name: str, dtype: Any, shape: tuple[int | None, ...], low: float, high: float) -> Array:
        """Numbers that lie in [low, high]."""
        value = self.numbers(name, dtype, shape)
        self.require(name, not value.size or (value.min() >= low and value.max() <= high), f"not in [{low}, {high}]")
        return value

    def blobs(self, name: str, count: int | None = None) -> list[bytes]:
        """So many byte strings, or as many as there are."""
        data, ends = self.data(f"{name}/bytes"), self.numbers(f"{name}/ends", np.int64, (count,))
        starts = np.append(np.int64(0), ends)
        whole = (np.diff(starts) >= 0).all() and starts[-1] == len(data)
        self.require(name, whole, f"its ends do not cut up {len(data)} bytes")
        bounds = starts.tolist()
        return [data[start:end] for start, end in pairwise(bounds)]

    def raws(self, name: str, count: int | None = None) -> list[bytes]:
        """So many texts, or as many as there are, as the UTF-8 that they are kept in."""
        found = self.blobs(name, count)
        data = self.data(f"{name}/bytes")
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.fault(name, str(error)) from None
        starts = np.append(np.int64(0), self.numbers(f"{name}/ends", np.int64, (count,)))
        first = np.frombuffer(data, np.uint8)[starts[starts < len(data)]]
        self.require(name, not (first & 0xC0 == 0x80).any(), "a text begins within a character")
        return found

    def distinct_raws(self, name: str, count: int | None = None) -> list[bytes]:
        """The same, of which none stands twice."""
        found = self.raws(name, count)
        self.require(name, len(set(found)) == len(found), "a text stands twice")
        return found

    def texts(self, name: str, count: int | None = None) -> list[str]:
        """So many texts, or as many as there are."""
        return self.each(name, str, self.blobs(name, count), "utf-8")

    def distinct_texts(self, name: str, count: int | None = None) -> list[str]:
        """Texts of which none stands twice."""
        found = self.texts(name, count)
        self.require(name, len(set(found)) == len(found), "a text stands twice")
        return found

    def optional_texts(self, name: str, count: int) -> list[str | None]:
        """So many texts, some of which are not there."""
        known = self.within(f"{name}/known", np.uint8, (count,), 0, 1).tolist()
        return [text if here else None for text, here in zip(self.texts(name, count), known, strict=True)]

    def optional_times(self, name: str, count: int) -> list[datetime | None]:
        """So many times, some of which are not there."""
        us = self.numbers(f"{name}/us", np.int64, (count,))
        offsets = self.numbers(f"{name}/offset_us", np.int64, (count,))
        plain = not offsets.any()
        try:
            if plain:
                return [None if at == NEVER else _EPOCH + timedelta(microseconds=at) for at in us.tolist()]
            pairs = zip(us.tolist(), offsets.tolist(), strict=True)
            return [None if at == NEVER else moment(at, offset) for at, offset in pairs]
        except (OverflowError, ValueError) as error:
            raise self.fault(name, str(error)) from None

    def times(self, name: str, count: int) -> list[datetime]:
        """So many times, each of them there."""
        found = [at for at in self.optional_times(name, count) if at is not None]
        self.require(name, len(found) == count, "a time is missing")
        return found

    def sizes(self, name: str, count: int, total: int) -> Array:
        """How many values are in each of so many groups, which have so many in all."""
        sizes = self.within(f"{name}_count", np.int64, (count,), 0, total)
        self.require(name, int(sizes.sum()) == total, f"its counts do not cut up {total} values")
        return sizes

    def grouped(self, name: str, values: Sequence[T], count: int) -> Iterator[Sequence[T]]:
        """The values cut into so many groups, one after another, by how many are in each."""
        sizes = self.sizes(name, count, len(values))
        ends = np.cumsum(sizes).tolist()
        return (values[end - size : end] for end, size in zip(ends, sizes.tolist(), strict=True))

    def each(self, name: str, make: Callable[..., T], values: Sequence[object], *args: object) -> list[T]:
        """What ``make`` makes of each value; a value that it refuses is a fault of the column."""
        try:
            return [make(value, *args) for value in values]
        except (ValueError, TypeError) as error:
            raise self.fault(name, str(error)) from None


def moment(us: int, offset_us: int) -> datetime:
    """The time at so many microseconds since 1970, as a clock shows it that is so far ahead of UTC."""
    zone = timezone(timedelta(microseconds=offset_us)) if offset_us else UTC
    return (_LOCAL_EPOCH + timedelta(microseconds=us + offset_us)).replace(tzinfo=zone)


def difference(one: Dump, other: Dump) -> str | None:
    """The first thing that differs between two dumps, byte by byte; nothing if they are the same."""
    for kind, left, right in (("array", one.arrays, other.arrays), ("value", one.attributes, other.attributes)):
        missing = sorted(left.keys() ^ right.keys())
        if missing:
            return f"{kind} {missing[0]} is only in one of them"
    for name in sorted(one.attributes):
        if one.attributes[name] != other.attributes[name]:
            return f"{name}: {one.attributes[name]!r} and {other.attributes[name]!r}"
    for name in sorted(one.arrays):
        if _bytes(one.arrays[name]) != _bytes(other.arrays[name]):
            return f"{name} differs"
    return None


def _bytes(value: Array | bytes) -> tuple[str, tuple[int, ...], bytes]:
    if isinstance(value, bytes):
        return "bytes", (len(value),), value
    return value.dtype.str, value.shape, value.tobytes()
