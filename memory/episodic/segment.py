"""A finished run as the bytes of one file, and back: read where they lie, over bytes or a mapping, nothing copied.

    8 bytes   magic and version
    8 bytes   length of the header, little-endian
    header    JSON: how many rows, the length of a vector, by which policy it was indexed, and of each column its name,
              type, shape and place
    columns   each at a multiple of 64 bytes from the start, the index last

A file is named by the BLAKE3 of all its bytes. Whoever opens one has compared it with its name, so damage is known;
what is looked at here is whether the columns fit together. Equal runs with equal indexes make equal bytes.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import CorruptRecord, QuantumMemoryError
from quantum_memory.memory.columns import Reading
from quantum_memory.memory.episodic.columnar import Blobs, Hexes, Ids
from quantum_memory.memory.episodic.dense import IndexPolicy
from quantum_memory.memory.episodic.dense import load as load_index
from quantum_memory.memory.episodic.lexical import Postings
from quantum_memory.memory.episodic.records import Records
from quantum_memory.memory.episodic.rows import NOBODY, Rows
from quantum_memory.memory.episodic.runs import Run
from quantum_memory.memory.episodic.tables import TAG, Ends, Table

MAGIC = b"QMSEGMT\x02"
ALIGNMENT = 64
LONGEST_HEADER = 1 << 16
INDEX, HEXES = "index", "id/hex"
_FIXED = len(MAGIC) + 8
_TYPES = {
    "tag": TAG,
    **{kind: np.dtype(kind) for kind in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8")},
}
_NAMES = {kind: name for name, kind in _TYPES.items()}
_WHOLE, _CODES, _REAL = ("u1", "u2", "u4", "i4", "i8"), ("i1", "i2", "i4"), ("f4", "f8")


class Opened(NamedTuple):
    """A run, and whether its file has the index that the policy in force would build."""

    run: Run
    lawful: bool


def pieces(run: Run, policy: IndexPolicy | None = None) -> list[memoryview]:
    """Pieces that make the file when they are written one after the other; the columns among them are not copied.

    ``policy`` is the one by which the run was indexed. Without one its index stays out.
    """
    columns = {name: np.ascontiguousarray(column) for name, column in _columns(run).items()}
    if policy is not None and run.index.kind != "flat":
        columns[INDEX] = np.frombuffer(b"".join(run.index.dump(vectors=False)), np.uint8)
    placed, at = [], 0
    for name, column in columns.items():
        placed.append([name, _NAMES[column.dtype.newbyteorder("=")], list(column.shape), at])
        at += _padded(column.nbytes)
    rows, dim = run.whole.vectors.shape
    law = None if policy is None else policy.law
    header = json.dumps({"rows": rows, "dim": dim, "law": law, "columns": placed}, separators=(",", ":")).encode()
    front = MAGIC + len(header).to_bytes(8, "little") + header
    written = [memoryview(front + bytes(_padded(len(front)) - len(front)))]
    for column in columns.values():
        written += [_octets(column), memoryview(bytes(_padded(column.nbytes) - column.nbytes))]
    return [piece for piece in written if len(piece)]


def opened(buffer: memoryview, what: str, policy: IndexPolicy | None = None) -> Opened:
    """The run in a buffer that nothing changes and that was compared with its name.

    ``what`` is the file in errors. Raises: CorruptRecord.
    """
    front = _front(buffer, what)
    read = _Columns(what, front.arrays)
    rows, dim = front.rows, front.dim
    table = _table(read, rows, dim)
    names, index = len(table.names), None
    ends = Ends(*(read.within(f"ends/{end}", np.int32, (names + 1,), -1, rows - 1) for end in ("first", "last")))
    lawful = policy is None or front.law == policy.law
    if INDEX in front.arrays and policy is not None and lawful:
        try:
            index = load_index(front.arrays[INDEX], table.vectors, policy, verify=False)
        except QuantumMemoryError as error:
            raise read.fault(INDEX, str(error)) from error
    return Opened(Run(table, index, ends), lawful)


def _columns(run: Run) -> dict[str, NDArray[Any]]:
    table = run.whole
    records, postings = table.records, table.postings
    found: dict[str, NDArray[Any]] = {"vectors": table.vectors, "tags": table.tags}
    found |= {f"row/{name}": column for name, column in table.rows.columns().items()}
    blobs = {"names": Blobs.of([name.encode() for name in table.names]), "text": records.texts}
    if isinstance(records.ids, Hexes):
        found[HEXES] = records.ids.data
    else:
        blobs["id"] = records.ids
    if records.metadata is not None:
        blobs["metadata"] = records.metadata
    for name, held in blobs.items():
        found |= {f"{name}/bytes": held.data, f"{name}/starts": held.starts}
    found |= {"pad": records.pads, "weight": records.weights}
    if records.zone_us is not None:
        found["zone_us"] = records.zone_us
    if records.revised is not None:
        found["revised"] = records.revised
    found |= {"id/number": records.numbers, "id/row": records.order}
    found |= {"postings/term": postings.terms, "postings/start": postings.starts}
    found |= {"postings/row": postings.rows, "postings/count": postings.counts}
    return found | {"ends/first": run.ends.first, "ends/last": run.ends.last}


class _Front(NamedTuple):
    rows: int
    dim: int
    law: str | None
    arrays: dict[str, NDArray[Any]]


def _front(buffer: memoryview, what: str) -> _Front:
    """What the header tells, and the columns as views on the buffer."""
    octets = np.frombuffer(buffer, np.uint8)
    if len(octets) < _FIXED or octets[: len(MAGIC)].tobytes() != MAGIC:
        raise CorruptRecord(what, f"{len(octets)} bytes that do not begin as a segment of this version")
    length = int.from_bytes(octets[len(MAGIC) : _FIXED].tobytes(), "little")
    if length > LONGEST_HEADER or len(octets) < _FIXED + length:
        raise CorruptRecord(what, f"a header of {length} bytes in a file of {len(octets)}")
    start = _padded(_FIXED + length)
    arrays: dict[str, NDArray[Any]] = {}
    try:
        told = json.loads(octets[_FIXED : _FIXED + length].tobytes())
        rows, dim = (int(told[name]) for name in ("rows", "dim"))
        law = told["law"]
        for name, kind, shape, at in told["columns"]:
            dtype, count = _TYPES[kind], int(np.prod([int(side) for side in shape], dtype=np.int64))
            end = start + at + count * dtype.itemsize
            if at < 0 or at % ALIGNMENT or count < 0 or end > len(octets):
                raise CorruptRecord(what, f"{name} should end at byte {end}, the file has {len(octets)}")
            arrays[name] = octets[start + at : end].view(dtype).reshape(shape)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise CorruptRecord(what, f"its header does not say what it should: {error}") from None
    if rows < 1 or dim < 1:
        raise CorruptRecord(what, f"{rows} vectors of {dim} numbers")
    if not isinstance(law, str | None):
        raise CorruptRecord(what, f"indexed by {law!r}, which is no policy")
    return _Front(rows, dim, law, arrays)


class _Columns(Reading):
    """The columns of a segment, read in place and seen to fit together."""

    def __init__(self, what: str, arrays: dict[str, NDArray[Any]]) -> None:
        super().__init__(what, arrays, {})
        self._views = arrays

    def some(
        self, name: str, kinds: tuple[str, ...], shape: tuple[int | None, ...], low: float, high: float
    ) -> NDArray[Any]:
        """Numbers of one of these types in [low, high]."""
        there = self._views.get(name)
        kind = kinds[0] if there is None else _NAMES.get(there.dtype, "")
        self.require(name, kind in kinds, f"of the type {kind!r}")
        return self.within(name, _TYPES[kind], shape, low, high)

    def blobs_in_place(self, name: str, count: int | None) -> Blobs:
        """Byte strings."""
        data = self.numbers(f"{name}/bytes", np.uint8, (None,))
        starts = self.some(f"{name}/starts", _WHOLE, (None if count is None else count + 1,), 0, len(data))
        whole = len(starts) and starts[0] == 0 and starts[-1] == len(data) and (starts[1:] >= starts[:-1]).all()
        self.require(name, whole, f"its starts do not cut up {len(data)} bytes")
        return Blobs(data, starts)

    def texts_in_place(self, name: str, count: int | None) -> Blobs:
        """Texts; that each of them is whole shows where it begins."""
        found = self.blobs_in_place(name, count)
        self.each(name, str, [found.data.data], "utf-8")
        begins = found.starts[:-1]
        begins = begins[begins < len(found.data)]
        self.require(name, not (found.data[begins] & 0xC0 == 0x80).any(), "it is cut within a character")
        return found


def _table(read: _Columns, rows: int, dim: int) -> Table:
    name_blobs = read.texts_in_place("names", None)
    names = tuple(name_blobs.texts(np.arange(len(name_blobs))))
    read.require("names", all(one < other for one, other in pairwise(names)), "they do not ascend")
    held, tags = _rows(read, rows, len(names)), read.numbers("tags", TAG, (None,))
    of, tag = tags["row"], tags["tag"]
    fits = not len(tags) or (of.min() >= 0 and of.max() < rows and tag.min() >= 0 and tag.max() < len(names))
    read.require("tags", fits and (of[1:] >= of[:-1]).all(), "they are not of these rows and names")
    vectors = read.numbers("vectors", np.float32, (rows, dim))
    return Table(held, tags, names, _records(read, rows), _postings(read, rows), vectors)


def _rows(read: _Columns, rows: int, names: int) -> Rows:
    held: dict[str, NDArray[Any]] = {
        name: read.numbers(f"row/{name}", np.int64, (rows,)) for name in ("ticket", "at_us")
    }
    for name, kinds, low, high in (
        ("kind", _CODES, 0, names - 1),
        ("speaker", _CODES, NOBODY, names - 1),
        ("session", _CODES, NOBODY, names - 1),
        ("terms", _WHOLE, 0, 2**31 - 1),
        ("news", ("f4",), 0, 1),
        ("before", _CODES, -1, rows - 1),
        ("after", _CODES, -1, rows - 1),
    ):
        held[name] = read.some(f"row/{name}", kinds, (rows,), low, high)
    read.require("row/ticket", (held["ticket"][1:] > held["ticket"][:-1]).all(), "they do not rise")
    every, before, after = np.arange(rows), held["before"], held["after"]
    # Who follows links ends: none leads back to where it came from.
    read.require("row/before", (before < every).all(), "a row comes before itself")
    read.require("row/after", ((after < 0) | (after > every)).all(), "a row comes after itself")
    return Rows(held)


def _ids(read: _Columns, rows: int) -> Ids:
    if not read.has(HEXES):
        return read.texts_in_place("id", rows)
    digits = read.numbers(HEXES, np.uint8, (rows, None))
    read.require(HEXES, digits.shape[1], "ids of no digits")
    return Hexes(digits)


def _records(read: _Columns, rows: int) -> Records:
    order = read.some("id/row", _WHOLE, (rows,), 0, rows - 1)
    numbers = read.numbers("id/number", np.uint64, (rows,))
    placed = np.zeros(rows, np.bool_)
    placed[order] = True
    read.require("id", placed.all() and (numbers[1:] >= numbers[:-1]).all(), "their numbers are not those of the rows")
    return Records(
        _ids(read, rows),
        read.texts_in_place("text", rows),
        read.some("pad", _REAL, (rows, 3), -1.0, 1.0),
        read.some("weight", _REAL, (rows, 2), 0.0, 1.0),
        read.numbers("zone_us", np.int64, (rows,)) if read.has("zone_us") else None,
        read.numbers("revised", np.int64, (rows, 2)) if read.has("revised") else None,
        read.blobs_in_place("metadata", rows) if read.has("metadata/bytes") else None,
        numbers,
        order,
    )


def _postings(read: _Columns, rows: int) -> Postings:
    terms = read.numbers("postings/term", np.uint64, (None,))
    of = read.some("postings/row", _WHOLE, (None,), 0, rows - 1)
    counts = read.some("postings/count", _WHOLE, (len(of),), 1, 2**31 - 1)
    starts = read.some("postings/start", _WHOLE, (len(terms) + 1,), 0, len(of))
    grouped = starts[0] == 0 and starts[-1] == len(of) and (starts[1:] > starts[:-1]).all()
    read.require("postings", grouped and (terms[1:] > terms[:-1]).all(), "they are not by term")
    ascends = of[1:] > of[:-1]
    ascends[starts[1:-1].astype(np.int64) - 1] = True  # from one term to the next
    read.require("postings", ascends.all(), "they are not by term and row")
    return Postings(terms, starts, of, counts)


def _octets(column: NDArray[Any]) -> memoryview:
    return column.reshape(-1).view(np.uint8).data


def _padded(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT
