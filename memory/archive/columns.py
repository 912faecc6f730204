"""Tables in HDF5: columns that grow row by row on the way out, and are read in stretches on the way in.

A column is a dataset of its table's group, or for text and bytes a group of two: ``bytes`` (uint8, all values one after
the other) and ``ends`` (int64, where each value ends). A value may be absent where ``present`` (uint8) lies beside it.
Only fixed-size numbers are stored, never an object type. What is long is chunked and compressed with deflate, which
every HDF5 reader knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import CorruptRecord
from quantum_memory.memory.archive.layout import Columns, Kind

CHUNK_BYTES = 1 << 18
PLAIN_BYTES = 1 << 12
"""Arrays of up to so many bytes lie in the file as they are."""
ROWS = 2048
"""Rows that are read together."""
DEFLATE = 4


class Growing:
    """An array that is written from its first row to its last, whatever its length; no more than a chunk is held."""

    def __init__(self, group: h5py.Group, name: str, dtype: Any, tail: tuple[int, ...] = ()) -> None:
        self._group, self._name, self._dtype, self._tail = group, name, np.dtype(dtype), tail
        row = self._dtype.itemsize * int(np.prod(tail, dtype=np.int64))
        self._rows = max(1, CHUNK_BYTES // max(1, row))
        self._parts: list[NDArray[Any]] = []
        self._held = self._written = 0
        self._dataset: h5py.Dataset | None = None

    def __len__(self) -> int:
        return self._written + self._held

    def extend(self, values: Any) -> None:
        """Add rows at the end."""
        part = np.asarray(values, dtype=self._dtype).reshape(-1, *self._tail)
        self._parts.append(part)
        self._held += len(part)
        if self._held >= self._rows:
            self._flush(self._held - self._held % self._rows)

    def close(self) -> None:
        """Write what is held. A short array becomes a plain dataset."""
        if self._dataset is not None:
            self._flush(self._held)
            return
        whole = self._taken(self._held)
        packed = _packed(self._dtype) if whole.nbytes > PLAIN_BYTES else {}
        self._group.create_dataset(self._name, data=whole, **packed)

    def _flush(self, rows: int) -> None:
        if not rows:
            return
        if self._dataset is None:
            shape, most, chunk = (0, *self._tail), (None, *self._tail), (self._rows, *self._tail)
            self._dataset = self._group.create_dataset(
                self._name, shape, self._dtype, maxshape=most, chunks=chunk, **_packed(self._dtype)
            )
        self._dataset.resize(self._written + rows, axis=0)
        self._dataset[self._written :] = self._taken(rows)
        self._written += rows

    def _taken(self, rows: int) -> NDArray[Any]:
        """The first rows that are held; the rest is held on."""
        whole = np.concatenate(self._parts) if self._parts else np.empty((0, *self._tail), self._dtype)
        self._parts = [whole[rows:]] if rows < len(whole) else []
        self._held = len(whole) - rows
        return whole[:rows]


def _packed(dtype: np.dtype[Any]) -> dict[str, Any]:
    return {"compression": "gzip", "compression_opts": DEFLATE, "shuffle": dtype.itemsize > 1}


class _TextOut:
    """A column of texts or bytes that grows."""

    def __init__(self, group: h5py.Group) -> None:
        self._bytes, self._ends = Growing(group, "bytes", np.uint8), Growing(group, "ends", np.int64)
        self._end = 0

    def extend(self, values: Sequence[str | bytes]) -> None:
        encoded = [value.encode() if isinstance(value, str) else value for value in values]
        ends = np.cumsum([len(value) for value in encoded], dtype=np.int64) + self._end
        self._end = int(ends[-1]) if len(ends) else self._end
        self._bytes.extend(np.frombuffer(b"".join(encoded), np.uint8))
        self._ends.extend(ends)

    def close(self) -> None:
        self._bytes.close()
        self._ends.close()


class TableOut:
    """A table that is written row by row. Close it when it is done."""

    def __init__(self, group: h5py.Group, columns: Columns, at_once: int = ROWS) -> None:
        self._names, self._at_once = tuple(columns), at_once
        self._rows: list[tuple[Any, ...]] = []
        self._done = 0
        self._out: dict[str, Any] = {}
        self._present: dict[str, Growing] = {}
        self._blank: dict[str, Any] = {}
        for name, kind in columns.items():
            bare = kind.rstrip("?")
            if bare in ("text", "bytes"):
                place = group.create_group(name)
                self._out[name] = _TextOut(place)
                self._blank[name] = b""
            else:
                place = group
                self._out[name] = Growing(group, name, "<f8" if bare in ("float", "pad") else "<i8", _tail(kind))
                self._blank[name] = 0
            if kind.endswith("?"):
                mark = "present" if place is not group else f"{name}_present"
                self._present[name] = Growing(place, mark, np.uint8)

    def __len__(self) -> int:
        return self._done + len(self._rows)

    def add(self, *row: Any) -> int:
        """Add a row, its values in the order of the columns; its number."""
        self._rows.append(row)
        if len(self._rows) >= self._at_once:
            self._flush()
        return len(self) - 1

    def close(self) -> None:
        """Write what is held."""
        self._flush()
        for out in (*self._out.values(), *self._present.values()):
            out.close()

    def _flush(self) -> None:
        for name, values in zip(self._names, zip(*self._rows, strict=True), strict=False):
            given: Sequence[Any] = values
            if name in self._present:
                self._present[name].extend([value is not None for value in values])
                given = [self._blank[name] if value is None else value for value in values]
            self._out[name].extend(given)
        self._done += len(self._rows)
        self._rows = []


class Column(Protocol):
    """A column that can be read in stretches."""

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Sequence[Any]: ...


class Given:
    """A column whose values are at hand."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def read(self, start: int, stop: int) -> Sequence[Any]:
        return self._values[start:stop]


class _NumbersIn:
    """A column of numbers in a file."""

    def __init__(self, dataset: h5py.Dataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return int(self._dataset.shape[0])

    def read(self, start: int, stop: int) -> Sequence[Any]:
        values: list[Any] = self._dataset[start:stop].tolist()
        return values


class _TextIn:
    """A column of texts or bytes in a file. Raises: CorruptRecord, also for what is not UTF-8."""

    def __init__(self, values: h5py.Dataset, ends: h5py.Dataset, what: str, *, text: bool) -> None:
        self._bytes, self._ends, self._what, self._text = values, ends, what, text

    def __len__(self) -> int:
        return int(self._ends.shape[0])

    def read(self, start: int, stop: int) -> Sequence[Any]:
        first = max(start - 1, 0)
        ends = self._ends[first:stop].tolist()
        bounds = ends if start else [0, *ends]
        if any(a > b for a, b in pairwise(bounds)) or bounds[-1] > self._bytes.shape[0]:
            raise CorruptRecord(self._what, "values that overlap or end beyond their bytes")
        low = bounds[0]
        data = self._bytes[low : bounds[-1]].tobytes()
        cut = [data[a - low : b - low] for a, b in pairwise(bounds)]
        if not self._text:
            return cut
        try:
            return [value.decode() for value in cut]
        except UnicodeDecodeError as error:
            raise CorruptRecord(self._what, str(error)) from error


class _PartlyIn:
    """A column some of whose values are absent."""

    def __init__(self, column: Column, present: h5py.Dataset) -> None:
        self._column, self._present = column, present

    def __len__(self) -> int:
        return len(self._column)

    def read(self, start: int, stop: int) -> Sequence[Any]:
        there = self._present[start:stop].tolist()
        return [value if one else None for value, one in zip(self._column.read(start, stop), there, strict=True)]


Table = Mapping[str, Column]


def table_in(group: h5py.Group, columns: Columns, what: str) -> dict[str, Column]:
    """A table of a file. Raises: CorruptRecord if it does not look as it should."""
    found: dict[str, Column] = {}
    for name, kind in columns.items():
        found[name] = _column_in(group, name, kind, f"{what}/{name}")
    lengths = {len(column) for column in found.values()}
    if len(lengths) > 1:
        raise CorruptRecord(what, f"columns of {sorted(lengths)} rows")
    return found


def _column_in(group: h5py.Group, name: str, kind: Kind, what: str) -> Column:
    bare = kind.rstrip("?")
    column: Column
    if bare in ("text", "bytes"):
        place, mark = member(group, name, h5py.Group, what), "present"
        values, ends = _numbers(place, "bytes", "uint8", (), what), _numbers(place, "ends", "int64", (), what)
        column = _TextIn(values, ends, what, text=bare == "text")
    else:
        place, mark = group, f"{name}_present"
        dtype = "float64" if bare in ("float", "pad") else "int64"
        column = _NumbersIn(_numbers(group, name, dtype, _tail(kind), what))
    if not kind.endswith("?"):
        return column
    present = _numbers(place, mark, "uint8", (), what)
    if present.shape[0] != len(column):
        raise CorruptRecord(what, f"{present.shape[0]} marks for {len(column)} values")
    return _PartlyIn(column, present)


def member(group: h5py.Group, name: str, kind: type[Any], what: str) -> Any:
    """A dataset or a group that lies in this very file. Raises: CorruptRecord; a link to elsewhere is not followed."""
    link = group.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise CorruptRecord(what, f"it has no {name!r}" if link is None else f"{name!r} is a link")
    found = group[name]
    if not isinstance(found, kind) or (kind is h5py.Dataset and (found.is_virtual or found.external)):
        raise CorruptRecord(what, f"{name!r} is no {kind.__name__.lower()} of its own")
    return found


def _numbers(group: h5py.Group, name: str, dtype: str, tail: tuple[int, ...], what: str) -> h5py.Dataset:
    dataset = member(group, name, h5py.Dataset, what)
    if dataset.dtype != np.dtype(dtype) or dataset.ndim != 1 + len(tail) or dataset.shape[1:] != tail:
        raise CorruptRecord(what, f"{name!r} is an array of {dataset.dtype} and shape {dataset.shape}")
    return dataset


def _tail(kind: Kind) -> tuple[int, ...]:
    return (3,) if kind == "pad" else ()


def rows(table: Table, names: Sequence[str], at_once: int = ROWS) -> Iterator[tuple[Any, ...]]:
    """The rows of a table, these columns of it; so many are read at a time."""
    count = length(table)
    for start in range(0, count, at_once):
        stop = min(start + at_once, count)
        yield from zip(*(table[name].read(start, stop) for name in names), strict=True)


def length(table: Table) -> int:
    """How many rows a table has."""
    return len(next(iter(table.values())))
