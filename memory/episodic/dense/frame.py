"""An index as bytes: a header that says what follows, then aligned arrays. Owns the layout and its checks.

    8 bytes   magic and version
    8 bytes   length of the header, little-endian
    32 bytes  BLAKE3 of the header
    header    JSON: kind, shape, parameters, and for each array its name, place, length and BLAKE3
    arrays    each at a multiple of 64 bytes from the start; "vectors" is the first, unless it is kept elsewhere

Nothing is handed to FAISS whose hash was not compared: it trusts the numbers that it reads, and a wrong one ends the
process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from blake3 import blake3

from quantum_memory.errors import CorruptRecord, InvalidValue, ShapeMismatch
from quantum_memory.types import Vector

Bytes: TypeAlias = "bytes | memoryview | np.ndarray[Any, Any]"
MAGIC = b"QMINDEX\x01"
ALIGNMENT = 64
LONGEST_HEADER = 1 << 16
WHAT = "dense index"
VECTORS = "vectors"
_FIXED = len(MAGIC) + 8 + 32


@dataclass(frozen=True, slots=True)
class Frame:
    """What was read: views on the buffer, no copies."""

    kind: str
    parameters: dict[str, int | str]
    vectors: Vector
    structure: dict[str, memoryview]


def pieces(
    kind: str, parameters: Mapping[str, int | str], vectors: Vector, structure: Mapping[str, Bytes], *, inside: bool
) -> list[memoryview]:
    """Pieces that make a file when they are written one after the other; the arrays among them are not copied."""
    arrays = {VECTORS: _flat(vectors), **{name: _flat(array) for name, array in structure.items()}}
    placed, at = [], 0
    for name, array in arrays.items():
        here = inside or name != VECTORS
        placed.append([name, at if here else -1, len(array), blake3(array).hexdigest()])
        at += _padded(len(array)) if here else 0
    header = json.dumps(
        {"kind": kind, "shape": list(vectors.shape), "parameters": dict(parameters), "arrays": placed}
    ).encode()
    front = MAGIC + len(header).to_bytes(8, "little") + blake3(header).digest() + header
    written = [memoryview(front + bytes(_padded(len(front)) - len(front)))]
    for name, array in arrays.items():
        if inside or name != VECTORS:
            written += [array, memoryview(bytes(_padded(len(array)) - len(array)))]
    return [piece for piece in written if len(piece)]


def read(buffer: Bytes, vectors: Vector | None, *, verify: bool) -> Frame:
    """The frame in a buffer, which may be longer, and has to live as long as what is made of the frame.

    ``vectors`` are (n, d) float32, where they were left out of the frame. ``verify`` says whether they are hashed
    too; the rest always is.

    Raises: CorruptRecord; ShapeMismatch for other vectors; InvalidValue if they are missing or given twice.
    """
    whole = _flat(buffer)
    header, start = _header(whole)
    try:
        kind, shape, parameters = header["kind"], header["shape"], header["parameters"]
        rows, dim = (int(number) for number in shape)
        placed = {name: (int(at), int(length), digest) for name, at, length, digest in header["arrays"]}
        at, length, digest = placed.pop(VECTORS)
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptRecord(WHAT, f"its header does not say what it should: {error}") from None
    if rows < 0 or dim < 1 or length != rows * dim * 4:
        raise CorruptRecord(WHAT, f"{rows} vectors of {dim} numbers are not {length} bytes")
    structure = {name: _section(whole, name, start, *place) for name, place in placed.items()}
    if (vectors is None) == (at < 0):
        raise InvalidValue("vectors", "none" if at < 0 else "some", "them exactly where the index was dumped without")
    if vectors is None:
        vectors = np.frombuffer(
            _section(whole, VECTORS, start, at, length, digest if verify else None), np.float32
        ).reshape(rows, dim)
        if not vectors.flags.aligned:
            raise InvalidValue("buffer", "an odd address", "one that is a multiple of 4")
    elif vectors.shape != (rows, dim):
        raise ShapeMismatch("vectors", (rows, dim), vectors.shape)
    elif verify and blake3(_flat(vectors)).hexdigest() != digest:
        raise CorruptRecord(WHAT, "the vectors are not those it was built of")
    return Frame(kind, parameters, vectors, structure)


def _header(whole: memoryview) -> tuple[dict[str, Any], int]:
    """The header, and where the arrays begin."""
    if len(whole) < _FIXED or whole[: len(MAGIC)] != MAGIC:
        raise CorruptRecord(WHAT, f"{len(whole)} bytes that do not begin as one of this version")
    length = int.from_bytes(whole[len(MAGIC) : len(MAGIC) + 8], "little")
    if length > LONGEST_HEADER or len(whole) < _FIXED + length:
        raise CorruptRecord(WHAT, f"a header of {length} bytes in a file of {len(whole)}")
    text = whole[_FIXED : _FIXED + length]
    if blake3(text).digest() != whole[_FIXED - 32 : _FIXED]:
        raise CorruptRecord(WHAT, "the header is not what was written")
    found = json.loads(bytes(text))
    return found, _padded(_FIXED + length)


def _section(whole: memoryview, name: str, start: int, at: int, length: int, digest: str | None) -> memoryview:
    """One array, compared with its hash where one is given."""
    if at < 0 or length < 0 or start + at + length > len(whole):
        raise CorruptRecord(WHAT, f"{name} should end at byte {start + at + length}, the file has {len(whole)}")
    found = whole[start + at : start + at + length]
    if digest is not None and blake3(found).hexdigest() != digest:
        raise CorruptRecord(WHAT, f"{name} is not what was written")
    return found


def _flat(array: Bytes) -> memoryview:
    """The bytes of an array or a buffer, in place."""
    if isinstance(array, np.ndarray):
        return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    return memoryview(array).cast("B")


def _padded(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT
