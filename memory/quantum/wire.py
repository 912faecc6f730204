"""The bytes of a state. Owns the layout and its checks; trusts nothing that it reads.

Version 1, the state on the PAD cube itself, all little-endian:

    offset  size        what
    0       4           b"QMPS"
    4       2           version, 1
    6       1           bytes of a number: 8 (complex64) or 16 (complex128)
    7       3           bits of pleasure, arousal, dominance
    10      4 (n + 1)   the n + 1 bond dimensions around the n sites, the outer two 1
    ...     sum         the cores in order, each (l, 2, r) with the last index fastest, real part before imaginary
    end-16  16          BLAKE2b-128 of everything before

Version 2, the state on a padded grid, is the same with one byte more at offset 10, the padding (1 or 2), and everything
after it one byte later. A state has one version only, so that equal states make equal bytes.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import CorruptRecord, InvalidInput
from quantum_memory.memory.quantum.grid import Grid

MAGIC = b"QMPS"
VERSION = 1
PADDED_VERSION = 2
HEADER = struct.Struct("<4sHB3B")
DIGEST_BYTES = 16
KINDS: dict[int, np.dtype[Any]] = {8: np.dtype("<c8"), 16: np.dtype("<c16")}
WHAT = "quantum state"


def pack(grid: Grid, cores: Sequence[NDArray[Any]]) -> bytes:
    """The bytes of the cores."""
    kind = KINDS[cores[0].dtype.itemsize]
    version = PADDED_VERSION if grid.padding else VERSION
    bonds = [1, *(core.shape[2] for core in cores)]
    body = b"".join(
        (
            HEADER.pack(MAGIC, version, kind.itemsize, *grid.bits),
            bytes((grid.padding,)) if grid.padding else b"",
            np.asarray(bonds, dtype="<u4").tobytes(),
            *(np.ascontiguousarray(core, dtype=kind).tobytes() for core in cores),
        )
    )
    return body + _digest(body)


def unpack(data: bytes) -> tuple[Grid, list[NDArray[Any]]]:
    """The grid and the cores, in memory of their own. Raises: CorruptRecord."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise CorruptRecord(WHAT, f"expected bytes, got {type(data).__name__}")
    data = bytes(data)
    if len(data) < HEADER.size + DIGEST_BYTES:
        raise CorruptRecord(WHAT, f"{len(data)} bytes are too few for a header")
    magic, version, itemsize, *bits = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise CorruptRecord(WHAT, f"begins with {magic!r}, not {MAGIC!r}")
    if version not in {VERSION, PADDED_VERSION}:
        raise CorruptRecord(WHAT, f"version {version}, this reads versions {VERSION} and {PADDED_VERSION}")
    if _digest(data[:-DIGEST_BYTES]) != data[-DIGEST_BYTES:]:
        raise CorruptRecord(WHAT, "the checksum does not match")
    kind = KINDS.get(itemsize)
    if kind is None:
        raise CorruptRecord(WHAT, f"numbers of {itemsize} bytes")
    padding = data[HEADER.size] if version == PADDED_VERSION else 0
    if version == PADDED_VERSION and padding == 0:
        raise CorruptRecord(WHAT, f"version {version} with padding 0, which version {VERSION} writes")
    try:
        grid = Grid(tuple(bits), padding)
    except InvalidInput as error:
        raise CorruptRecord(WHAT, str(error)) from None
    return grid, _cores(data, HEADER.size + (version == PADDED_VERSION), grid, kind)


def _cores(data: bytes, bonds_at: int, grid: Grid, kind: np.dtype[Any]) -> list[NDArray[Any]]:
    start = bonds_at + 4 * (grid.sites + 1)
    end = len(data) - DIGEST_BYTES
    if end < start:
        raise CorruptRecord(WHAT, f"{len(data)} bytes are too few for the bonds of {grid.sites} sites")
    bonds = np.frombuffer(data, dtype="<u4", count=grid.sites + 1, offset=bonds_at).tolist()
    if bonds[0] != 1 or bonds[-1] != 1 or min(bonds) < 1:
        raise CorruptRecord(WHAT, f"bond dimensions {bonds}")
    sizes = [2 * left * right for left, right in pairwise(bonds)]
    if end - start != sum(sizes) * kind.itemsize:
        raise CorruptRecord(WHAT, f"{end - start} bytes of cores, the bonds ask for {sum(sizes) * kind.itemsize}")
    numbers = np.frombuffer(data, dtype=kind, count=sum(sizes), offset=start).astype(kind.newbyteorder("="))
    if not np.isfinite(numbers).all():
        raise CorruptRecord(WHAT, "a number that is not finite")
    flat = np.split(numbers, np.cumsum(sizes)[:-1])
    return [part.reshape(left, 2, right).copy() for part, (left, right) in zip(flat, pairwise(bonds), strict=True)]


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=DIGEST_BYTES).digest()
