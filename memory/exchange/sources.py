"""Where bytes come from: a file, an archive or a folder, in UTF-8 or UTF-16, counted as they are read.

Owns what may be opened at all: paths that lead out, links, encrypted members and zip bombs are refused before anything
is read. Nothing is ever unpacked to disk. Knows no format.
"""

from __future__ import annotations

import codecs
import errno
import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from quantum_memory.errors import InvalidValue, TooLong, UnreadableFile, UnreadableLine, UnsafeArchive

CHUNK = 1 << 16
MAX_LINE_BYTES = 16 << 20
MAX_MEMBERS = 200_000
MAX_ARCHIVE_BYTES = 1 << 38
"""256 GiB: what all members of an archive may hold once unpacked."""
MAX_RATIO = 200
"""Exports of chats shrink to between a tenth and a fiftieth; zip bombs to less than a thousandth."""
SMALL_BYTES = 1 << 20
"""Members below this may shrink as they like."""
READ_SUFFIXES = (".json", ".jsonl", ".ndjson", ".txt", ".csv", ".tsv", ".af")
MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
WIDE_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, UnicodeDecodeError, struct.error
)  # fmt: skip
"""What ``zipfile`` raises for archives that are damaged, or packed in a way that it does not know."""


@dataclass(frozen=True)
class Part:
    """One file of a source: its name inside, how many bytes it has, and how to open it."""

    name: str
    size: int
    begin: Callable[[], IO[bytes]]


class Source:
    """Something to import from. It can be read again and again, one part at a time.

    Attributes:
        name: for messages.
        parts: its files, by name. Those of archives and folders are the ones that a format here may be in.
        path: where its one file lies, for those who cannot read from a stream; ``None`` where that is nowhere.
        packed: whether the parts come from an archive or a folder.
        position: bytes read since ``rewind``, over all parts.
    """

    def __init__(self, name: str, parts: Sequence[Part], *, packed: bool = False, path: Path | None = None) -> None:
        self.name, self.packed, self.path = name, packed, path
        self.parts = sorted(parts, key=lambda part: part.name)
        self.position = 0

    @property
    def total(self) -> int:
        """Bytes in all parts."""
        return sum(part.size for part in self.parts)

    def rewind(self) -> None:
        """Count from 0 again."""
        self.position = 0

    def label(self, part: Part) -> str:
        """What a message calls a part."""
        return f"{self.name}/{part.name}" if self.packed else self.name

    def open(self, part: Part) -> io.BufferedReader:
        """A part's bytes in UTF-8, without a byte order mark. Raises, also on reading: UnreadableFile; OSError."""
        return io.BufferedReader(_Counted(self, part), CHUNK)

    def lines(self, part: Part) -> Iterator[tuple[int, str | UnreadableLine]]:
        """The lines of a part with their numbers, from 1 on, without their ends; what is wrong with one in its stead.

        A line ends with a line feed, and a carriage return before it is a part of that. Raises: as ``open``.
        """
        label, number = self.label(part), 0
        with self.open(part) as stream:
            while raw := stream.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(raw) > MAX_LINE_BYTES:
                    length = len(raw) + _rest_of_line(stream, raw)
                    yield (
                        number,
                        UnreadableLine(label, number, str(TooLong("line", length, MAX_LINE_BYTES, "bytes"))),
                    )
                    continue
                try:
                    yield number, raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
                except UnicodeDecodeError as error:
                    reason = f"byte {raw[error.start]:#04x} is not UTF-8"
                    yield number, UnreadableLine(label, number, reason)


def _rest_of_line(stream: IO[bytes], raw: bytes) -> int:
    length = 0
    while raw and not raw.endswith(b"\n"):
        raw = stream.readline(CHUNK)
        length += len(raw)
    return length


@contextmanager
def _undamaged(label: str) -> Iterator[None]:
    """Raises: UnreadableFile for a damaged archive; OSError that has another reason."""
    try:
        yield
    except DAMAGE as error:
        raise UnreadableFile(label, f"the archive is damaged: {error}") from None
    except OSError as error:  # bzip2 tells damage so, without a number; and a seek to where no file can have a byte
        if error.errno not in (None, errno.EINVAL):
            raise
        raise UnreadableFile(label, f"the archive is damaged: {error}") from None


class _Counted(io.RawIOBase):
    """The bytes of a part as UTF-8, counted in its source as they are taken."""

    def __init__(self, source: Source, part: Part) -> None:
        self._source, self._label = source, source.label(part)
        with _undamaged(self._label):
            self._file = part.begin()
        head = self._taken(CHUNK)
        if head.startswith(WIDE_MARKS):
            raise UnreadableFile(self._label, "it is in UTF-32, expected UTF-8 or UTF-16")
        mark, encoding = next(((m, e) for m, e in MARKS if head.startswith(m)), (b"", "utf-8"))
        # Half a surrogate pair goes through here and is told with its line, where lines are decoded.
        self._decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._ready = self._turned(head[len(mark) :])

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        room = len(buffer)
        while not self._ready:
            raw = self._taken(room)
            self._ready = self._turned(raw)
            if not raw:
                break
        part, self._ready = self._ready[:room], self._ready[room:]
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _taken(self, size: int) -> bytes:
        with _undamaged(self._label):
            raw = self._file.read(size)
        self._source.position += len(raw)
        return raw

    def _turned(self, raw: bytes) -> bytes:
        if self._decoder is None:
            return raw
        try:
            return self._decoder.decode(raw, final=not raw).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise UnreadableFile(self._label, f"it is not the UTF-16 that it begins as: {error.reason}") from None


def of_bytes(name: str, raw: bytes) -> Source:
    """A source that is in memory already."""
    return Source(name, [Part(name, len(raw), lambda: io.BytesIO(raw))])


def located(path: object) -> Path:
    """The path, if it can be one. Raises: InvalidValue."""
    if not isinstance(path, str | Path) or not str(path) or "\0" in str(path):
        raise InvalidValue("path", repr(path), "the path of a file, an archive or a folder")
    return Path(path)


def of_path(path: str | Path) -> Source:
    """A file, the members of a zip archive, or the files of a folder that a format here may be in.

    Raises: InvalidValue; UnsafeArchive; UnreadableFile for an archive that is damaged, and for a pipe, which could be
        read only once; OSError.
    """
    place = located(path)
    if place.is_dir():
        return Source(str(path), list(_folder(place)), packed=True)
    if not stat.S_ISREG(place.stat().st_mode):
        raise UnreadableFile(str(path), "it is no file but a pipe or a device, and a file is read more than once")
    with place.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    if zipped:
        return _archive(place)
    return Source(str(path), [Part(place.name, place.stat().st_size, _opening(place))], path=place)


def _folder(root: Path) -> Iterator[Part]:
    inside = root.resolve()
    for number, path in enumerate(root.rglob("*")):
        if number >= MAX_MEMBERS:
            raise UnsafeArchive(str(root), path.name, f"is one of more than {MAX_MEMBERS} files")
        if path.suffix.lower() not in READ_SUFFIXES or not path.is_file():
            continue
        if not path.resolve().is_relative_to(inside):
            raise UnsafeArchive(str(root), str(path.relative_to(root)), "is a link that leads out of the folder")
        yield Part(path.relative_to(root).as_posix(), path.stat().st_size, _opening(path))


def _opening(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _archive(path: Path) -> Source:
    with _undamaged(str(path)):
        archive = zipfile.ZipFile(path)
    members = [one for one in archive.infolist() if not one.filename.endswith("/")]
    check_members(str(path), members)
    wanted = [one for one in members if PurePosixPath(one.filename).suffix.lower() in READ_SUFFIXES]
    parts = [Part(one.filename, one.file_size, _unpacking(archive, one)) for one in wanted]
    return Source(str(path), parts, packed=True)


def _unpacking(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: archive.open(member)


def check_members(name: str, members: Sequence[zipfile.ZipInfo]) -> None:
    """Raises: UnsafeArchive for the first member that leads out, is a link or encrypted, or unpacks to far too much."""
    if len(members) > MAX_MEMBERS:
        raise UnsafeArchive(name, members[MAX_MEMBERS].filename, f"is one of more than {MAX_MEMBERS} members")
    whole = 0
    for one in members:
        path = PurePosixPath(one.filename.replace("\\", "/"))
        whole += one.file_size
        if path.is_absolute() or ".." in path.parts or ":" in one.filename.split("/", 1)[0]:
            raise UnsafeArchive(name, one.filename, "leads out of the archive")
        if stat.S_ISLNK(one.external_attr >> 16):
            raise UnsafeArchive(name, one.filename, "is a link")
        if one.flag_bits & 1:
            raise UnsafeArchive(name, one.filename, "is encrypted")
        if one.file_size > max(SMALL_BYTES, MAX_RATIO * one.compress_size):
            ratio = f"{one.compress_size} bytes would become {one.file_size}"
            raise UnsafeArchive(name, one.filename, f"is packed too tight: {ratio}, the limit is {MAX_RATIO} times")
        if whole > MAX_ARCHIVE_BYTES:
            raise UnsafeArchive(name, one.filename, f"brings the archive over {MAX_ARCHIVE_BYTES} bytes")
