"""Blocks at an fsspec URL: an object store, a server, another file system. As durable as what is behind it."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from fsspec.core import url_to_fs

from quantum_memory.errors import InvalidValue, MissingDependency, VaultUnavailable, WriteFailed
from quantum_memory.memory.hashed import NAME, TEMPORARY, checked
from quantum_memory.memory.vault.blocks import OWNER, QUARANTINE, BlockInfo, BlockStore, Swept

FRESH_S = 300.0
"""A block that is put again and is older than this is written again: whoever collects must see that it is new."""
ATOMIC = frozenset({"memory", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "r2", "tos"})
"""Protocols in which an object is there whole or not at all."""


class RemoteBlocks(BlockStore):
    """Blocks at an fsspec URL. As durable as what is behind it.

    Raises: InvalidValue for an unknown protocol, MissingDependency where its package is not installed.
    """

    def __init__(self, url: str) -> None:
        super().__init__(_without_password(url))
        protocol = url.partition("://")[0]
        try:
            self._files, root = url_to_fs(url)
        except ImportError as error:
            raise MissingDependency("an fsspec driver", f"{protocol}://", str(error)) from error
        except ValueError as error:
            raise InvalidValue("blocks", self.where, f"a protocol that fsspec knows ({error})") from error
        self._root = root.rstrip("/")
        self._atomic = protocol in ATOMIC

    def listing(self) -> Iterator[BlockInfo]:
        for path, found in self._found(self._root):
            name = path.rpartition("/")[2]
            if NAME.fullmatch(name) and path == self._path(name):
                yield self._info(name, path, found)

    def quarantine(self, name: str) -> None:
        checked(name)
        with self._changing, self._failing(WriteFailed):
            if self._look(name) is not None:
                self._files.makedirs(f"{self._root}/{QUARANTINE}", exist_ok=True)
                self._files.mv(self._path(name), f"{self._root}/{QUARANTINE}/{name}")

    def quarantined(self) -> list[str]:
        names = (path.rpartition("/")[2] for path, _ in self._found(f"{self._root}/{QUARANTINE}"))
        return sorted(name for name in names if NAME.fullmatch(name))

    def sweep(self, before_s: float) -> Swept:
        files = nbytes = 0
        with self._changing, self._failing(WriteFailed):
            for path, found in self._found(self._root):
                name = path.rpartition("/")[2]
                if name.startswith(TEMPORARY) and self._info(name, path, found).modified_s < before_s:
                    self._files.rm_file(path)
                    files, nbytes = files + 1, nbytes + int(found.get("size") or 0)
        return Swept(files, nbytes)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name[:2]}/{name}"

    def _found(self, under: str) -> Iterable[tuple[str, dict[str, Any]]]:
        with self._failing(VaultUnavailable):
            self._files.invalidate_cache()
            found: dict[str, dict[str, Any]] = self._files.find(under, detail=True)
        return list(found.items())

    def _info(self, name: str, path: str, found: dict[str, Any]) -> BlockInfo:
        """When a block was last put; where the store does not tell, it was just now, and is never collected."""
        try:
            modified = self._files.modified(path).timestamp()
        except NotImplementedError:
            modified = time.time()
        return BlockInfo(name, int(found.get("size") or 0), modified)

    def _look(self, name: str) -> BlockInfo | None:
        path = self._path(name)
        with self._failing(VaultUnavailable):
            self._files.invalidate_cache()
            try:
                return self._info(name, path, self._files.info(path))
            except FileNotFoundError:
                return None

    def _read(self, name: str) -> bytes | None:
        return self._bytes(self._path(name))

    def _bytes(self, path: str) -> bytes | None:
        with self._failing(VaultUnavailable):
            try:
                return bytes(self._files.cat_file(path))
            except FileNotFoundError:
                return None

    def _write(self, name: str, data: bytes) -> None:
        self._place(self._path(name), data)

    def _touch(self, name: str) -> bool:
        found = self._look(name)
        return found is not None and found.modified_s > time.time() - FRESH_S

    def _delete(self, name: str) -> None:
        with self._failing(WriteFailed), suppress(FileNotFoundError):
            self._files.rm_file(self._path(name))

    def _owner(self) -> str | None:
        found = self._bytes(f"{self._root}/{OWNER}")
        return None if found is None else found.decode(errors="replace").strip()

    def _set_owner(self, owner: str) -> None:
        self._place(f"{self._root}/{OWNER}", owner.encode())

    def _place(self, path: str, data: bytes) -> None:
        folder = path.rpartition("/")[0]
        with self._failing(WriteFailed):
            if self._atomic:
                self._files.pipe_file(path, data)
                return
            self._files.makedirs(folder, exist_ok=True)
            temporary = f"{folder}/{TEMPORARY}{os.getpid()}-{uuid.uuid4().hex}"
            try:
                self._files.pipe_file(temporary, data)
                self._files.mv(temporary, path)
            except BaseException:
                with suppress(Exception):  # what failed is on its way up already; a sweep finds what is left
                    self._files.rm_file(temporary)
                raise

    @contextmanager
    def _failing(self, kind: type[WriteFailed | VaultUnavailable]) -> Iterator[None]:
        """Whatever a driver raises, in our words: each has exceptions of its own."""
        try:
            yield
        except (WriteFailed, VaultUnavailable):
            raise
        except Exception as error:
            raise kind(self.where, f"{type(error).__name__}: {error}") from error


def _without_password(url: str) -> str:
    host = urlsplit(url).netloc
    return url.replace(host, f"***@{host.rpartition('@')[2]}", 1) if "@" in host else url
