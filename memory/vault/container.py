"""Containers: arrays, bytes and attributes in one HDF5 image, sealed by a hash and the same for the same content.

What stands in the arrays is the business of segments, archives and snapshots; see docs/formats.md. Touches no disk, and
trusts no file: HDF5 never sees an image whose hash is wrong, and nothing is allocated that a limit does not allow.
"""

from __future__ import annotations

import itertools
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import h5py
import hdf5plugin
import msgspec
import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from quantum_memory.checks import plain
from quantum_memory.errors import CorruptRecord, InvalidValue, NewerSchema, OutOfRange, TooLong

VERSION = 1
HEADER_BYTES = 512
LIMIT_BYTES = 4 * 2**30
CHUNK_BYTES = 256 * 2**10
WHOLE_BYTES = 4096
"""Arrays smaller than this stand in one piece, neither chunked nor compressed: that would make them larger."""
MAX_ATTRIBUTE_BYTES = 32_768
MAX_NAMES = 100_000
MAX_DEPTH = 8
_HEADER = re.compile(rb"quantum_memory container (\d{1,9}) blake3 [0-9a-f]{64}\n\x00*")
_NAME = re.compile(r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.\-]+(/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.\-]+)*")
_FILTERS = frozenset({h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, hdf5plugin.Zstd.filter_id})
_KINDS = frozenset({"b1", "f2", "f4", "f8", "c8", "c16", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8))})
_BYTES = np.dtype("V1")
_NUMBERS = itertools.count()

Value = NDArray[Any] | bytes
"""What a container holds by name: numbers of any shape, or bytes."""


class Contents(NamedTuple):
    """What a container held."""

    arrays: dict[str, Value]
    attributes: dict[str, Any]

    def expect(self, what: str, form: str, version: int) -> int:
        """The version of the form that it is in. Raises: CorruptRecord if it is of another, NewerSchema."""
        if self.attributes.get("format") != form:
            raise CorruptRecord(what, f"its format is {self.attributes.get('format')!r}, expected {form!r}")
        found = self.attributes.get("version")
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            raise CorruptRecord(what, f"its version is {found!r}")
        if found > version:
            raise NewerSchema(what, found, version)
        return found

    def numbers(self, what: str, name: str, kinds: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
        """An array of one of these kinds (as in ``dtype.kind``) and this shape, ``None`` being any length.

        Raises: CorruptRecord.
        """
        found = self.arrays.get(name)
        if not isinstance(found, np.ndarray):
            raise CorruptRecord(what, f"it has no array {name!r}")
        same = len(found.shape) == len(shape) and all(
            want in (None, got) for want, got in zip(shape, found.shape, strict=True)
        )
        if found.dtype.kind not in kinds or not same:
            raise CorruptRecord(what, f"{name!r} is {found.dtype} of shape {found.shape}")
        return found

    def raw(self, what: str, name: str) -> bytes:
        """The bytes of this name. Raises: CorruptRecord."""
        found = self.arrays.get(name)
        if not isinstance(found, bytes):
            raise CorruptRecord(what, f"it has no bytes {name!r}")
        return found


def _at_once() -> None:
    """No pause."""


def pack(
    arrays: Mapping[str, Value],
    attributes: Mapping[str, Any],
    compression: int,
    pause: Callable[[], None] = _at_once,
) -> bytes:
    """A container. The same arrays and attributes, in whatever order, give the same bytes.

    Args:
        arrays: numbers or bytes by name; slashes in a name make groups.
        attributes: what JSON can hold, with the name of the format and its version among them.
        compression: Zstandard's level, 1 to 22.
        pause: called after each piece of work, so that other threads have their turn.

    Raises: InvalidValue, NotFinite, OutOfRange, TooLong.
    """
    if not 1 <= compression <= 22:
        raise OutOfRange("compression", compression, 1, 22)
    checked = {name: _checked(name, arrays[name]) for name in sorted(arrays)}
    told = {name: _told(name, attributes[name]) for name in sorted(attributes)}
    with h5py.File(_new_file()) as file:
        for name, text in told.items():
            file.attrs[name] = np.bytes_(text)
        for folder in sorted({folder for name in checked for folder in _folders(name)}):
            _make_group(file, folder)
        for name, array in checked.items():
            _write(file, name, array, compression, pause)
        file.flush()
        image = file.id.get_file_image()
    pause()
    sealed: bytes = _header(VERSION, image) + image
    return sealed


def unpack(data: bytes, what: str, limit: int = LIMIT_BYTES) -> Contents:
    """What a container holds.

    Args:
        data: the container.
        what: what errors call it.
        limit: how many bytes its arrays may have together.

    Raises: CorruptRecord, NewerSchema.
    """
    image = memoryview(data)[HEADER_BYTES:]
    header = _HEADER.fullmatch(data[:HEADER_BYTES])
    if header is None or len(data) <= HEADER_BYTES:
        raise CorruptRecord(what, "it does not begin like a container")
    if data[:HEADER_BYTES] != _header(int(header[1]), image):
        raise CorruptRecord(what, "its bytes do not have the hash that they should have")
    if int(header[1]) > VERSION:
        raise NewerSchema(what, int(header[1]), VERSION)
    try:
        with h5py.File(_open_file(bytes(image))) as file:
            return _read(file, what, limit)
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
        raise CorruptRecord(what, f"HDF5: {error}") from error


def _header(version: int, image: bytes | memoryview) -> bytes:
    """What stands before the image. Its hash is of the version too."""
    digest = blake3(image, derive_key_context=f"quantum_memory container {version}").hexdigest()
    return f"quantum_memory container {version} blake3 {digest}\n".encode().ljust(HEADER_BYTES, b"\x00")


def _name() -> bytes:
    """A name that no other file has: HDF5 takes two open images of one name for the same file."""
    return f"container-{next(_NUMBERS)}".encode()


def _new_file() -> Any:
    """An HDF5 file in memory that tells no time."""
    made = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    made.set_obj_track_times(False)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(CHUNK_BYTES, False)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    return h5py.h5f.create(_name(), h5py.h5f.ACC_TRUNC, fcpl=made, fapl=access)


def _open_file(image: bytes) -> Any:
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(CHUNK_BYTES, False)
    access.set_file_image(image)
    return h5py.h5f.open(_name(), h5py.h5f.ACC_RDONLY, fapl=access)


def _checked(name: str, value: Value) -> NDArray[Any]:
    """The array as it is stored: little-endian, in C order. Raises: InvalidValue."""
    if not isinstance(name, str) or _NAME.fullmatch(name) is None or name.count("/") > MAX_DEPTH:
        raise InvalidValue("name", repr(name), "letters, digits, '_', '-', '.', and '/' between groups")
    if isinstance(value, bytes):
        return np.frombuffer(value, dtype=_BYTES)
    given: object = value
    if not isinstance(given, np.ndarray) or not _storable(value.dtype):
        raise InvalidValue(name, str(getattr(given, "dtype", type(given).__name__)), "bytes or an array of numbers")
    return np.asarray(value, dtype=value.dtype.newbyteorder("<"), order="C")


def _storable(kind: np.dtype[Any]) -> bool:
    return f"{kind.kind}{kind.itemsize}" in _KINDS


def _told(name: str, value: Any) -> bytes:
    """An attribute as JSON in ASCII. Raises: InvalidValue, NotFinite, TooLong."""
    if not isinstance(name, str) or _NAME.fullmatch(name) is None or "/" in name:
        raise InvalidValue("attribute", repr(name), "a name of letters, digits, '_', '-' and '.'")
    text = msgspec.json.encode(plain(name, value), order="sorted")
    if len(text) > MAX_ATTRIBUTE_BYTES:
        raise TooLong(name, len(text), MAX_ATTRIBUTE_BYTES, "bytes of JSON")
    return text


def _folders(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _make_group(file: h5py.File, name: str) -> None:
    properties = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    properties.set_obj_track_times(False)
    h5py.h5g.create(file.id, name.encode(), gcpl=properties)


def _write(file: h5py.File, name: str, array: NDArray[Any], compression: int, pause: Callable[[], None]) -> None:
    if array.nbytes < WHOLE_BYTES:
        file.create_dataset(name, data=array, track_times=False)
        return
    chunks = _chunks(array.shape, array.itemsize)
    dataset = file.create_dataset(
        name,
        shape=array.shape,
        dtype=array.dtype,
        chunks=chunks,
        shuffle=array.itemsize > 1,
        fletcher32=True,
        track_times=False,
        **hdf5plugin.Zstd(compression),
    )
    for piece in _pieces(array.shape, chunks):
        dataset[piece] = array[piece]
        pause()


def _chunks(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """At most CHUNK_BYTES, cut along the first axis that is long enough."""
    chunks = list(shape)
    for axis, length in enumerate(shape):
        others = math.prod(chunks[:axis] + chunks[axis + 1 :]) * itemsize
        chunks[axis] = max(1, min(length, CHUNK_BYTES // others))
    return tuple(chunks)


def _pieces(shape: tuple[int, ...], chunks: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Where each chunk lies, in order."""
    axes = (range(0, length, step) for length, step in zip(shape, chunks, strict=True))
    for starts in itertools.product(*axes):
        yield tuple(slice(start, start + step) for start, step in zip(starts, chunks, strict=True))


def _read(file: h5py.File, what: str, limit: int) -> Contents:
    attributes = {}
    for name, text in file.attrs.items():
        try:
            attributes[name] = msgspec.json.decode(bytes(text))
        except (msgspec.MsgspecError, TypeError, ValueError) as error:
            raise CorruptRecord(what, f"its attribute {name!r} is no JSON: {error}") from error
    arrays: dict[str, Value] = {}
    for name, found in _datasets(file, what):
        dataset = _Dataset(found)
        limit -= dataset.size(what, name)
        if limit < 0:
            raise CorruptRecord(what, f"its arrays are larger than it may hold, at {name!r}")
        arrays[name] = dataset.value()
    return Contents(arrays, attributes)


def _datasets(file: h5py.File, what: str) -> Iterator[tuple[str, Any]]:
    """Every dataset by its path, as HDF5 itself knows it. No link but a plain one is followed."""
    todo: list[tuple[str, Any, int]] = [("", file.id, 0)]
    seen = 0
    while todo:
        prefix, group, depth = todo.pop()
        for link in group:
            name = link.decode()
            seen += 1
            if seen > MAX_NAMES or depth > MAX_DEPTH:
                raise CorruptRecord(what, f"more than {MAX_NAMES} names, or nested deeper than {MAX_DEPTH}")
            if group.links.get_info(link).type != h5py.h5l.TYPE_HARD:
                raise CorruptRecord(what, f"{prefix + name!r} is a link to elsewhere")
            found = h5py.h5o.open(group, link)
            if isinstance(found, h5py.h5d.DatasetID):
                yield prefix + name, found
            elif isinstance(found, h5py.h5g.GroupID):
                todo.append((f"{prefix}{name}/", found, depth + 1))
            else:
                raise CorruptRecord(what, f"{prefix + name!r} is neither a group nor a dataset")


class _Dataset:
    """A dataset that is to be read. There are some fifty in a snapshot, so h5py's own, which asks for each thing anew,
    took twice as long.
    """

    def __init__(self, found: Any) -> None:
        self._found, self._properties = found, found.get_create_plist()
        self._kind: np.dtype[Any] = found.dtype
        self._chunks: tuple[int, ...] | None = None
        if self._properties.get_layout() == h5py.h5d.CHUNKED:
            self._chunks = self._properties.get_chunk()

    def size(self, what: str, name: str) -> int:
        """How many bytes it takes to read it, by what it declares. Raises: CorruptRecord for what we never write."""
        kind, properties = self._kind, self._properties
        if kind != _BYTES and not _storable(kind):
            raise CorruptRecord(what, f"{name!r} holds {kind}")
        is_virtual = properties.get_layout() == h5py.h5d.VIRTUAL
        is_empty = self._found.get_space().get_simple_extent_type() == h5py.h5s.NULL
        if is_empty or is_virtual or properties.get_external_count():
            raise CorruptRecord(what, f"{name!r} has no values of its own")
        filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
        if not filters <= _FILTERS:
            raise CorruptRecord(what, f"{name!r} goes through the filters {sorted(filters)}")
        return int(max(math.prod(self._found.shape), math.prod(self._chunks or (0,))) * kind.itemsize)

    def value(self) -> Value:
        """What is in it, read chunk by chunk."""
        shape: tuple[int, ...] = self._found.shape
        array = np.empty(shape, dtype=self._kind)
        if array.size and self._chunks is not None and any(map(operator.lt, self._chunks, shape)):
            dataset = h5py.Dataset(self._found)
            for piece in _pieces(shape, self._chunks):
                array[piece] = dataset[piece]
        elif array.size:
            self._found.read(h5py.h5s.ALL, h5py.h5s.ALL, array)
        return array.tobytes() if array.dtype == _BYTES else array
