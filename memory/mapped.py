"""A folder of files named by the BLAKE3 of what is in them, mapped for reading: what a node has at hand of a store.

Owns the folder's size and what is in it. A cache: any file may be missing or damaged, which is seen when it is mapped,
and then it is fetched again. Several processes may share a folder, of one user: what belongs to another is not read,
since its owner could change it after it was looked at.
"""

from __future__ import annotations

import logging
import mmap
import os
import stat
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from quantum_memory.checks import bounded, whole
from quantum_memory.memory.hashed import NAME, TEMPORARY, checked

MOST_BYTES = 1 << 62
ABANDONED_S = 3600.0
"""A file that was begun so long ago and never finished is nobody's any more."""
UNUSED_S = 7 * 86_400.0
"""A file that nobody loaded for so long goes, however much room there is: its store may have let it go long ago."""
TIDY_S = 3600.0
"""How often a cache that only reads looks for such files."""
logger = logging.getLogger(__name__)


class _Found(NamedTuple):
    used_s: float
    nbytes: int
    path: Path


class FileCache:
    """Files in a folder, mapped.

    Args:
        folder: made when the first file comes. Only the owner can read it, or its files if it was there before.
        most: bytes there should be at most. The file that came last stays, whatever it weighs.
        unused_s: a file that nobody loaded for so long goes when the folder is next looked through: when a file
            comes, and now and then when one is read.

    What is mapped goes on being readable when its file is removed; its bytes are then free once nobody has it mapped.
    Thread-safe. Raises: InvalidValue, OutOfRange from the constructor.

    Attributes:
        hits, misses: how often ``get`` found a file and found none; about, where several threads ask at once.
    """

    def __init__(self, folder: Path, most: int, unused_s: float = UNUSED_S) -> None:
        self.folder, self.most = folder, whole("most", most, 1, MOST_BYTES)
        self._unused_s = bounded("unused_s", unused_s, 0.0, float(MOST_BYTES))
        self._changing = threading.Lock()
        self._tidied = float("-inf")
        self.hits = self.misses = 0

    def get(self, name: str) -> memoryview | None:
        """The bytes of a file, which are those of its name; nothing if it is not there, or was damaged and is gone.

        Raises: InvalidValue for what is no name.
        """
        path = self.folder / checked(name)
        if time.monotonic() - self._tidied >= TIDY_S:
            self._make_room(path)
        found = self._found(path, name)
        if found is None:
            self.misses += 1
        else:
            self.hits += 1
        return found

    def _found(self, path: Path, name: str) -> memoryview | None:
        try:
            found = _mapped(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:  # an empty file cannot be mapped
            self._drop(path, str(error))
            return None
        if blake3(found).hexdigest() != name:
            self._drop(path, f"its {len(found)} bytes do not have the hash of its name")
            return None
        with suppress(OSError):
            os.utime(path)
        return found

    def put(self, name: str, data: bytes) -> memoryview:
        """Keep the bytes of this name, and let what was used longest ago go if there are too many.

        They come back mapped; as they were given if the folder cannot take them.
        """
        path = self.folder / checked(name)
        temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{uuid.uuid4().hex}")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            found = _mapped(temporary)
            temporary.rename(path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            logger.warning("%s takes no file, so what belongs there is held in memory: %s", self.folder, error)
            return memoryview(data)
        self._make_room(path)
        return found

    def _drop(self, path: Path, reason: str) -> None:
        logger.warning("%s is fetched again: %s", path, reason)
        with suppress(OSError):
            path.unlink(missing_ok=True)

    def _make_room(self, wanted: Path) -> None:
        """Let go what nobody loaded for long, and of too much what was used longest ago; never what is wanted."""
        with self._changing, suppress(OSError):  # there may be no such folder yet
            self._tidied, since_s = time.monotonic(), time.time() - self._unused_s
            held = sorted(self._files())
            excess = sum(one.nbytes for one in held) - self.most
            for one in held:
                if excess <= 0 and one.used_s >= since_s:
                    return
                if one.path != wanted:
                    with suppress(OSError):
                        one.path.unlink(missing_ok=True)
                        excess -= one.nbytes

    def _files(self) -> Iterator[_Found]:
        """Every file and when it was last used. What was begun and given up is removed on the way."""
        for path in self.folder.iterdir():
            with suppress(OSError):  # another process removed it just now
                found = path.lstat()
                if NAME.fullmatch(path.name):
                    yield _Found(found.st_mtime, found.st_size, path)
                elif path.name.startswith(TEMPORARY) and found.st_mtime < time.time() - ABANDONED_S:
                    path.unlink(missing_ok=True)


def let_go(mapped: memoryview) -> None:
    """Take the pages of a mapped file out of the process; whoever looks at one has it again. Other bytes stay."""
    whole_file = mapped.obj
    if isinstance(whole_file, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        whole_file.madvise(mmap.MADV_DONTNEED)


def _mapped(path: Path) -> memoryview:
    """A file's bytes where they lie. Raises: OSError, also for what is no file of ours; ValueError for an empty one."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise PermissionError(f"it is no file of user {os.geteuid()}")
        return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
    finally:
        os.close(descriptor)
