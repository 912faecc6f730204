"""A folder of files named by the BLAKE3 of what is in them, mapped for reading: what a node has at hand of a store.

Owns the folder's size and what is in it. A cache: any file may be missing, cut short or damaged at any time, which is
seen when it is mapped, and by whom it is used again it is fetched again. Several processes may share a folder.
"""

from __future__ import annotations

import logging
import mmap
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from quantum_memory.checks import whole
from quantum_memory.memory.hashed import NAME, TEMPORARY, checked

MOST_BYTES = 1 << 62
ABANDONED_S = 3600.0
"""A file that was begun so long ago and never finished is nobody's any more."""
logger = logging.getLogger(__name__)


class _Found(NamedTuple):
    used_s: float
    nbytes: int
    path: Path


class FileCache:
    """Files in a folder, mapped.

    Args:
        folder: made when the first file comes; only its owner can read it.
        most: bytes there should be at most. The file that came last stays, whatever it weighs.

    What is mapped goes on being readable when its file is removed; its bytes are then free once nobody has it mapped.
    Thread-safe. Raises: InvalidValue, OutOfRange from the constructor.

    Attributes:
        hits, misses: how often ``get`` found a file and found none; about, where several threads ask at once.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.folder, self.most = folder, whole("most", most, 1, MOST_BYTES)
        self._changing = threading.Lock()
        self.hits = self.misses = 0

    def get(self, name: str) -> memoryview | None:
        """The bytes of a file, which are those of its name; nothing if it is not there, or was damaged and is gone.

        Raises: InvalidValue for what is no name.
        """
        found = self._found(self.folder / checked(name), name)
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

    def _make_room(self, newest: Path) -> None:
        with self._changing:
            held = sorted(self._files())
            excess = sum(one.nbytes for one in held) - self.most
            for one in held:
                if excess <= 0:
                    return
                if one.path != newest:
                    with suppress(OSError):
                        one.path.unlink(missing_ok=True)
                        excess -= one.nbytes

    def _files(self) -> Iterator[_Found]:
        """Every file and when it was last used. What was begun and given up is removed on the way."""
        for path in self.folder.iterdir():
            with suppress(OSError):  # another process removed it just now
                found = path.stat()
                if NAME.fullmatch(path.name):
                    yield _Found(found.st_mtime, found.st_size, path)
                elif path.name.startswith(TEMPORARY) and found.st_mtime < time.time() - ABANDONED_S:
                    path.unlink(missing_ok=True)


def _mapped(path: Path) -> memoryview:
    """A file's bytes where they lie. Raises: OSError; ValueError for an empty file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
    finally:
        os.close(descriptor)
