"""What a backup consists of, as a small JSON file, and the folder or URL where such files lie. Copies no data."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import fsspec
import msgspec
from blake3 import blake3

from quantum_memory.errors import (
    CorruptRecord,
    MissingDependency,
    NewerSchema,
    StorageFailure,
    VaultUnavailable,
    WriteFailed,
)
from quantum_memory.memory.durable import sync_folder
from quantum_memory.memory.hashed import NAME

FORMAT = 1
_FILE = re.compile(r"backup-\d{8}T\d{12}Z-\d{1,20}\.json")


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One backup. Everything it names is a block, so one backup shares with the next what did not change.

    Attributes:
        vault: the identity of the vault.
        kind: "full" if every block was read and compared again, else "incremental".
        at: when the catalog was copied.
        position: the last change that it holds.
        engine: "sqlite" for pieces of a database file, "rows" for pieces of its tables.
        catalog: the pieces of the catalog, in order.
        catalog_bytes: its size.
        blocks: sealed segments, sorted.
        copied: how many blocks were new, and how many bytes.
        schema: the revision of the tables.
    """

    vault: str
    kind: str
    at: datetime
    position: int
    engine: str
    catalog: tuple[str, ...]
    catalog_bytes: int
    blocks: tuple[str, ...]
    copied: tuple[int, int]
    schema: str
    format: int = FORMAT

    @property
    def name(self) -> str:
        """Its file's name."""
        return f"backup-{self.at:%Y%m%dT%H%M%S%f}Z-{self.position}.json"

    def named(self) -> frozenset[str]:
        """Every block that it needs."""
        return frozenset(self.catalog) | frozenset(self.blocks)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    checksum: str
    manifest: msgspec.Raw


class Manifests:
    """The manifests in a folder or at an fsspec URL.

    Args:
        where: the place of the backups; the files lie directly in it.

    Attributes:
        place: the same, however it was spelled.

    Raises: MissingDependency, from every method WriteFailed or VaultUnavailable.
    """

    def __init__(self, where: str | Path) -> None:
        self.where = str(where)
        local = "://" not in self.where or self.where.startswith(("file://", "local://"))
        self._folder = Path(self.where.partition("://")[2] or self.where).absolute() if local else None
        try:
            self._system, self._root = fsspec.core.url_to_fs(str(self._folder) if local else self.where)
        except ImportError as error:
            raise MissingDependency(str(error.name), f"backups at {self.where}", f"pip install {error.name}") from None
        self.place = str(self._system.unstrip_protocol(self._root))

    def all(self) -> tuple[list[Manifest], list[str]]:
        """The manifests that can be read, oldest first, and what is wrong with the others. Raises: VaultUnavailable."""
        try:
            names = self._system.ls(self._root, detail=False) if self._system.exists(self._root) else []
            files = {name: self._system.cat_file(name) for name in map(str, names) if _FILE.fullmatch(Path(name).name)}
        except OSError as error:
            raise VaultUnavailable(self.where, f"{type(error).__name__}: {error}") from error
        found, faults = [], []
        for name, data in sorted(files.items()):
            try:
                found.append(read(data, name))
            except StorageFailure as error:
                faults.append(str(error))
        return sorted(found, key=lambda one: (one.at, one.position)), faults

    def write(self, manifest: Manifest) -> None:
        """Durable on return. Raises: WriteFailed."""
        body = msgspec.json.encode(manifest)
        data = msgspec.json.encode(_File(blake3(body).hexdigest(), msgspec.Raw(body)))
        try:
            if self._folder is None:
                self._system.pipe_file(f"{self._root}/{manifest.name}", data)
            else:
                _write(self._folder / manifest.name, data)
        except OSError as error:
            raise WriteFailed(self.where, f"{type(error).__name__}: {error}") from error

    def remove(self, manifest: Manifest) -> None:
        """Take a manifest away. Raises: WriteFailed."""
        try:
            self._system.rm_file(f"{self._root}/{manifest.name}")
        except OSError as error:
            raise WriteFailed(self.where, f"{type(error).__name__}: {error}") from error


def read(data: bytes, what: str) -> Manifest:
    """A manifest from its file's bytes. Raises: CorruptRecord, NewerSchema."""
    try:
        file = msgspec.json.decode(data, type=_File)
        if blake3(bytes(file.manifest)).hexdigest() != file.checksum:
            raise CorruptRecord(what, "its checksum does not match")
        tree: Any = msgspec.json.decode(file.manifest)
        version = tree.get("format") if isinstance(tree, dict) else None
        if isinstance(version, int) and version > FORMAT:
            raise NewerSchema(what, version, FORMAT)
        manifest = msgspec.convert(tree, Manifest)
    except msgspec.MsgspecError as error:
        raise CorruptRecord(what, str(error)) from error
    if not all(NAME.fullmatch(name) for name in manifest.named()):
        raise CorruptRecord(what, "it names what is no block")
    return manifest


def _write(file: Path, data: bytes) -> None:
    """Whole under its name, or not at all."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = file.with_name(f".tmp-{file.name}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
    except OSError:
        with suppress(OSError):  # the disk may be read-only by now; the next try writes over it
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)
