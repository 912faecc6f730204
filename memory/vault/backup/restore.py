"""A vault made anew from a backup, as it was when that was made or at an earlier change. Never touches the old one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from quantum_memory.checks import utc
from quantum_memory.errors import AlreadyExists, BackupNotFound, InvalidValue, OutOfRange, WriteFailed
from quantum_memory.memory.durable import sync_folder
from quantum_memory.memory.vault.audit import whole
from quantum_memory.memory.vault.backup.backups import Backups
from quantum_memory.memory.vault.backup.catalog_copy import row_pieces, write_rows, write_sqlite
from quantum_memory.memory.vault.backup.cut import cut, position_at, revived
from quantum_memory.memory.vault.backup.manifest import Manifest
from quantum_memory.memory.vault.blocks import BlockStore
from quantum_memory.memory.vault.catalog import last_position
from quantum_memory.memory.vault.database import Database, located
from quantum_memory.memory.vault.migrations import migrate
from quantum_memory.memory.vault.owner import claim_within


class Restored(NamedTuple):
    """What a restore made: from which backup, up to which change, and how much was copied."""

    manifest: Manifest
    position: int
    blocks: int
    nbytes: int


def restore(
    backups: Backups,
    storage: str | Path,
    blocks: BlockStore | None,
    *,
    position: int | None = None,
    at: datetime | None = None,
) -> Restored:
    """Make a vault at a new place.

    Args:
        backups: where the backup is taken from.
        storage: a folder or database with nothing in it yet.
        blocks: where the new vault's segments are to lie.
        position: keep only changes up to this one; of a transaction, all or none.
        at: keep only changes up to this time.

    A folder is complete when the file ``journal.sqlite`` is in it; a restore that was cut off leaves none, and can be
    repeated.

    Raises: BackupNotFound, AlreadyExists if something is there, InvalidValue also for a place in which another vault
        keeps its blocks, CorruptRecord if the backup is damaged, WriteFailed.
    """
    if position is not None and at is not None:
        raise InvalidValue("restore", "a position and a time", "one of the two")
    at = None if at is None else utc("at", at)
    manifest = backups.covering(position, at)
    if manifest.blocks and blocks is None:
        raise InvalidValue("blocks", "none", f"a place for {len(manifest.blocks)} segments")
    _, file = located(storage)
    if file is not None and manifest.engine == "sqlite" and file.exists():
        raise AlreadyExists("vault", str(file))
    nbytes = 0
    for name in manifest.blocks if blocks is not None else ():
        data = backups.blocks.get(name)
        nbytes += len(data)
        blocks.put(data)  # type: ignore[union-attr]  # seen above
    home = blocks if manifest.blocks else None  # a vault without segments has no place that is its own yet
    with _making(storage):
        if file is not None and manifest.engine == "sqlite":
            upto = _as_file(backups, manifest, file, home, position, at)
        else:
            upto = _as_rows(backups, manifest, storage, home, position, at)
    return Restored(manifest, upto, len(manifest.blocks), nbytes)


@contextmanager
def _making(storage: str | Path) -> Iterator[None]:
    """What the system says against a new vault, in our words."""
    try:
        yield
    except OSError as error:
        url, file = located(storage)
        reason = f"{error.strerror or error}: {error.filename or storage}" if file is not None else str(error)
        raise WriteFailed(url.render_as_string() if file is None else str(file.parent), reason) from error


def _as_file(
    backups: Backups,
    manifest: Manifest,
    file: Path,
    blocks: BlockStore | None,
    position: int | None,
    at: datetime | None,
) -> int:
    """Put the catalog's file together beside its place, cut it, and move it there."""
    with tempfile.TemporaryDirectory(dir=_made(file.parent), prefix=".restore-") as folder:
        write_sqlite(map(backups.blocks.get, manifest.catalog), Path(folder) / file.name, backups.where)
        database = Database(folder)
        try:
            upto = _finish(database, backups.where, blocks, position, at)
        finally:
            database.close()
        with (Path(folder) / file.name).open("rb") as data:
            os.fsync(data.fileno())
        (Path(folder) / file.name).rename(file)
    sync_folder(file.parent)
    return upto


def _as_rows(
    backups: Backups,
    manifest: Manifest,
    storage: str | Path,
    blocks: BlockStore | None,
    position: int | None,
    at: datetime | None,
) -> int:
    """Fill a database row by row, in one transaction."""
    database = Database(storage)
    try:
        with database.transaction() as connection:
            migrate(connection, database.storage)
            if last_position(connection):
                raise AlreadyExists("vault", database.storage)
            connection.execute(sa.text("DELETE FROM meta"))
            if manifest.engine == "rows":
                write_rows(map(backups.blocks.get, manifest.catalog), connection, backups.where)
            else:
                _through_a_file(backups, manifest, connection)
            return _cut(connection, backups.where, blocks, position, at)
    finally:
        database.close()


def _through_a_file(backups: Backups, manifest: Manifest, connection: sa.Connection) -> None:
    """The rows of a catalog that was copied as a SQLite file, into another database."""
    with tempfile.TemporaryDirectory(prefix="restore-") as folder:
        write_sqlite(map(backups.blocks.get, manifest.catalog), Path(folder) / "journal.sqlite", backups.where)
        source = Database(folder)
        try:
            with source.transaction() as old:
                migrate(old, backups.where)
            with source.snapshot() as old:
                write_rows(row_pieces(old), connection, backups.where)
        finally:
            source.close()


def _finish(
    database: Database, where: str, blocks: BlockStore | None, position: int | None, at: datetime | None
) -> int:
    with database.transaction() as connection:
        migrate(connection, database.storage)
        return _cut(connection, where, blocks, position, at)


def _cut(
    connection: sa.Connection, where: str, blocks: BlockStore | None, position: int | None, at: datetime | None
) -> int:
    last = last_position(connection)
    wanted = position_at(connection, at) if at is not None else last if position is None else position
    if not 0 <= wanted <= last:
        raise OutOfRange("position", wanted, 0, last)
    wanted = whole(connection, wanted)
    lost = revived(connection, wanted)
    if lost:
        raise BackupNotFound(where, f"position {wanted}: of the branch {lost[0]} parts were collected since")
    cut(connection, wanted)
    if blocks is not None:
        claim_within(connection, blocks)
    return wanted


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
