"""Blocks: immutable byte strings named by the BLAKE3 of what is in them, in a folder, at an fsspec URL or in memory.

Knows nothing of what the bytes mean, and never changes a block that has its name.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from quantum_memory.errors import (
    BlockMissing,
    CorruptRecord,
    InvalidValue,
    Quarantined,
    VaultUnavailable,
    WriteFailed,
)
from quantum_memory.memory.hashed import checked

QUARANTINE = "quarantine"
OWNER = "owner"


class BlockInfo(NamedTuple):
    """A block as a listing shows it: its name, its size and when it was last put, in seconds since the epoch."""

    name: str
    nbytes: int
    modified_s: float


class Swept(NamedTuple):
    """What a sweep took away."""

    files: int
    nbytes: int


class BlockStore(ABC):
    """Where blocks lie. ``open_blocks`` finds the right one.

    Laws: ``get(put(data)) == data``; what ``get`` returns has the hash that it was asked for; a block is there whole or
    not at all, and durable when ``put`` returns. Thread-safe.

    Attributes:
        where: the folder or URL, for messages.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self._changing = threading.RLock()
        self._holders = 0

    def put(self, data: bytes) -> str:
        """Keep a block and return its name. One that is there already is looked at, and rewritten only if damaged.

        Raises: WriteFailed.
        """
        name = blake3(data).hexdigest()
        with self._changing:
            try:
                found = self._look(name)
                sound = found is not None and found.nbytes == len(data) and self._read(name) == data
            except VaultUnavailable as error:
                raise WriteFailed(self.where, error.reason) from error
            if not (sound and self._touch(name)):
                self._write(name, data)
        return name

    def get(self, name: str) -> bytes:
        """The bytes of a block. Raises: CorruptRecord if they are not those of its name, BlockMissing, Quarantined."""
        data = self._read(checked(name))
        if data is None:
            if name in self.quarantined():
                raise Quarantined(self.where, name)
            raise BlockMissing(self.where, name)
        if blake3(data).hexdigest() != name:
            raise CorruptRecord(f"block {name} in {self.where}", f"its {len(data)} bytes do not have this hash")
        return data

    def renew(self, name: str) -> bool:
        """Make a block count as put just now, so that no collection takes it for a while. Whether it is there.

        It is not read. Where only writing makes it new it is read and written again, and is not there if it is damaged.

        Raises: WriteFailed, VaultUnavailable.
        """
        with self._changing:
            if self._look(checked(name)) is None:
                return False
            if self._touch(name):
                return True
            data = self._read(name)
            if data is None or blake3(data).hexdigest() != name:
                return False
            self._write(name, data)
            return True

    def has(self, name: str) -> bool:
        """Whether the block is there, whole or damaged. One in quarantine is not."""
        return self._look(checked(name)) is not None

    def remove(self, name: str, before_s: float | None = None) -> bool:
        """Take a block away, unless it was put since ``before_s`` or somebody holds the blocks. Whether it went."""
        with self._changing:
            found = self._look(checked(name))
            if found is None or self._holders or (before_s is not None and found.modified_s >= before_s):
                return False
            self._delete(name)
            return True

    @contextmanager
    def held(self) -> Iterator[None]:
        """As long as this is open, no block is removed: what a catalog named at its beginning can be copied."""
        with self._changing:
            self._holders += 1
        try:
            yield
        finally:
            with self._changing:
                self._holders -= 1

    def claim(self, owner: str) -> None:
        """Say whose blocks these are: two vaults in one place would collect each other's.

        Raises: InvalidValue if they are another's, WriteFailed.
        """
        with self._changing:
            found = self._owner()
            if found is None:
                self._set_owner(owner)
            elif found != owner:
                raise InvalidValue("blocks", self.where, f"a place that no other vault keeps its blocks in ({found})")

    def owner(self) -> str | None:
        """Whose blocks these are, if anybody ever said. Raises: VaultUnavailable."""
        return self._owner()

    @abstractmethod
    def listing(self) -> Iterator[BlockInfo]:
        """Every block, in no order."""

    @abstractmethod
    def quarantine(self, name: str) -> None:
        """Put a block aside: ``get`` raises Quarantined from then on. Harmless if it is there already or missing."""

    @abstractmethod
    def quarantined(self) -> list[str]:
        """The names of the blocks in quarantine, sorted."""

    @abstractmethod
    def sweep(self, before_s: float) -> Swept:
        """Remove what writes that never ended left behind, if it was last changed before this time."""

    @abstractmethod
    def _look(self, name: str) -> BlockInfo | None: ...

    @abstractmethod
    def _read(self, name: str) -> bytes | None: ...

    @abstractmethod
    def _write(self, name: str, data: bytes) -> None: ...

    @abstractmethod
    def _touch(self, name: str) -> bool:
        """Make a block count as put just now; ``False`` if only writing it again can."""

    @abstractmethod
    def _delete(self, name: str) -> None: ...

    @abstractmethod
    def _owner(self) -> str | None: ...

    @abstractmethod
    def _set_owner(self, owner: str) -> None: ...


def open_blocks(where: str | Path) -> BlockStore:
    """The blocks in a local folder, which is made if need be, or at any fsspec URL.

    Raises: InvalidValue, MissingDependency, WriteFailed.
    """
    from quantum_memory.memory.vault.blocks_local import LocalBlocks
    from quantum_memory.memory.vault.blocks_remote import RemoteBlocks

    if isinstance(where, Path) or "://" not in where:
        if not str(where):
            raise InvalidValue("blocks", repr(where), "a folder or an fsspec URL")
        return LocalBlocks(Path(where))
    protocol, _, path = where.partition("://")
    return LocalBlocks(Path(path)) if protocol in ("file", "local") else RemoteBlocks(where)


class MemoryBlocks(BlockStore):
    """Blocks that are gone with the process: for vaults in memory, and for tests.

    Args:
        now: the clock that they are stamped with, in seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        super().__init__("memory")
        self._now = now
        self._blocks: dict[str, tuple[bytes, float]] = {}
        self._aside: dict[str, bytes] = {}
        self._owned_by: str | None = None

    def listing(self) -> Iterator[BlockInfo]:
        for name, (data, modified_s) in list(self._blocks.items()):
            yield BlockInfo(name, len(data), modified_s)

    def quarantine(self, name: str) -> None:
        with self._changing:
            data, _ = self._blocks.pop(checked(name), (None, 0.0))
            if data is not None:
                self._aside[name] = data

    def quarantined(self) -> list[str]:
        return sorted(self._aside)

    def sweep(self, before_s: float) -> Swept:  # noqa: ARG002  (nothing is ever half written here)
        return Swept(0, 0)

    def _look(self, name: str) -> BlockInfo | None:
        found = self._blocks.get(name)
        return None if found is None else BlockInfo(name, len(found[0]), found[1])

    def _read(self, name: str) -> bytes | None:
        found = self._blocks.get(name)
        return None if found is None else found[0]

    def _write(self, name: str, data: bytes) -> None:
        self._blocks[name] = (bytes(data), self._now())

    def _touch(self, name: str) -> bool:
        self._blocks[name] = (self._blocks[name][0], self._now())
        return True

    def _delete(self, name: str) -> None:
        self._blocks.pop(name, None)

    def _owner(self) -> str | None:
        return self._owned_by

    def _set_owner(self, owner: str) -> None:
        self._owned_by = owner
