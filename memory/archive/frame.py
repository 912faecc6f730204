r"""The frame of an archive: 512 bytes before the HDF5 image, by which any flipped byte is found. Knows no table.

The user block, all little-endian:

    offset  size  what
    0       16    b"qmem archive\r\n\x1a\n"
    16      4     version of the archive
    20      4     0
    24      8     bytes of the HDF5 image, which begins at 512
    32      32    BLAKE3 of the image
    64      416   0
    480     32    BLAKE3 of the 480 bytes before
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from blake3 import blake3

from quantum_memory.errors import CorruptRecord, NewerSchema, WriteFailed
from quantum_memory.memory.archive.layout import VERSION
from quantum_memory.memory.durable import sync_folder

MAGIC = b"qmem archive\r\n\x1a\n"
HEADER = struct.Struct("<16sIIQ32s")
BLOCK_BYTES = 512
DIGEST_BYTES = 32
SEALED_BYTES = BLOCK_BYTES - DIGEST_BYTES
PIECE_BYTES = 1 << 20


class Frame(NamedTuple):
    """What the user block says: the version, how long the image is, and its BLAKE3."""

    version: int
    nbytes: int
    digest: bytes


def pack(frame: Frame) -> bytes:
    """The 512 bytes of a user block."""
    head = HEADER.pack(MAGIC, frame.version, 0, frame.nbytes, frame.digest).ljust(SEALED_BYTES, b"\x00")
    return head + blake3(head).digest()


def unpack(data: bytes, what: str) -> Frame:
    """The frame of a user block. Raises: CorruptRecord, NewerSchema."""
    if len(data) < BLOCK_BYTES:
        raise CorruptRecord(what, f"{len(data)} bytes are too few for an archive")
    if data[: len(MAGIC)] != MAGIC:
        raise CorruptRecord(what, "this is no archive: it does not begin as one")
    if blake3(data[:SEALED_BYTES]).digest() != data[SEALED_BYTES:BLOCK_BYTES]:
        raise CorruptRecord(what, "the checksum of its first block does not match")
    _, version, _, nbytes, digest = HEADER.unpack_from(data)
    if version > VERSION:
        raise NewerSchema(what, version, VERSION)
    if version < 1:
        raise CorruptRecord(what, f"version {version}")
    return Frame(version, nbytes, digest)


def verified(path: Path) -> Frame:
    """The frame of a file of which every byte is as it was written.

    Raises: CorruptRecord, NewerSchema; OSError if it cannot be read.
    """
    what = str(path)
    with path.open("rb") as file:
        frame = unpack(file.read(BLOCK_BYTES), what)
        found = os.fstat(file.fileno()).st_size - BLOCK_BYTES
        if found != frame.nbytes:
            raise CorruptRecord(what, f"{found} bytes after its first block, it was written with {frame.nbytes}")
        if _digest(file) != frame.digest:
            raise CorruptRecord(what, "its checksum does not match")
    return frame


@contextmanager
def replacing(path: Path, version: int = VERSION) -> Iterator[Path]:
    """A file to write an HDF5 image with a user block into; it takes the path's place, sealed and synced, at the end.

    An error leaves what was at the path. Raises: WriteFailed.
    """
    with _scratch(path) as scratch:
        yield scratch
        _seal(scratch, version)


def replacing_bytes(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file whole or not at all: under another name, synced, then renamed. Raises: WriteFailed."""
    with _scratch(path) as scratch, scratch.open("r+b") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """A file beside a path that takes its place at the end."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
    except OSError as error:
        raise WriteFailed(str(path), error.strerror or str(error)) from error
    os.close(descriptor)
    scratch = Path(name)
    try:
        yield scratch
        scratch.replace(path)  # with the mode 0600 that it was made with: what an agent remembers is private
        sync_folder(path.absolute().parent)
    except OSError as error:
        raise WriteFailed(str(path), error.strerror or str(error)) from error
    finally:
        scratch.unlink(missing_ok=True)


def _seal(path: Path, version: int) -> None:
    with path.open("r+b") as file:
        file.seek(BLOCK_BYTES)
        digest = _digest(file)
        nbytes = file.tell() - BLOCK_BYTES
        file.seek(0)
        file.write(pack(Frame(version, nbytes, digest)))
        file.flush()
        os.fsync(file.fileno())


def _digest(file: BinaryIO) -> bytes:
    """The BLAKE3 of all that is left of a file."""
    hasher = blake3()
    while piece := file.read(PIECE_BYTES):
        hasher.update(piece)
    return hasher.digest()
