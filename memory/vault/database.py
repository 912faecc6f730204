"""The database under a vault: one locked writer, many readers, and their errors in our words. Knows no table.

A local vault is SQLite with a write-ahead log, synced at every commit. A shared one is PostgreSQL.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool, QueuePool

from quantum_memory.errors import (
    CorruptRecord,
    InvalidValue,
    MissingDependency,
    StorageLocked,
    VaultUnavailable,
    WriteFailed,
)

FILE_NAME = "journal.sqlite"
BUSY_TIMEOUT_S = 10.0
CHECKPOINT_PAGES = 8192
READERS = 8
ADVISORY_LOCK = 0x716D656D  # "qmem": the first half of the key of PostgreSQL's advisory lock


class Database:
    """One writer connection, held with a lock that no other process can hold, and a pool of readers.

    Args:
        storage: a folder, or the URL of a SQLite file or a PostgreSQL database.

    Attributes:
        storage: the same for messages, without a password.

    Thread-safe. Raises: StorageLocked, WriteFailed, InvalidValue, MissingDependency.
    """

    def __init__(self, storage: str | Path) -> None:
        url, self._file = located(storage)
        self.storage = str(self._file.parent if self._file and "://" not in str(storage) else url.render_as_string())
        self._writing = threading.Lock()
        self._connection: sa.Connection | None = None
        self._closed = False
        self._writers, self._readers = _engines(url)
        self._lock_fd = None if self._file is None else _lock(self._file, self.storage)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """The writer's connection in a transaction: durable when left, undone by an error.

        Raises: WriteFailed for whatever the database says, StorageLocked, VaultUnavailable when closed. If PostgreSQL
        is lost in the very commit, nobody knows whether it was kept; a retry with the same operation id finds out.
        """
        with self._writing:
            if self._closed:
                raise VaultUnavailable(self.storage, "it is closed")
            try:
                connection = self._connected()
                with connection.begin():
                    yield connection
            except sa.exc.SQLAlchemyError as error:
                raise WriteFailed(self.storage, _reason(error)) from error
            finally:
                self._drop_if_broken()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees every commit made so far. Raises: VaultUnavailable, CorruptRecord."""
        if self._closed:
            raise VaultUnavailable(self.storage, "it is closed")
        try:
            with self._readers.connect() as connection:
                yield connection
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
            raise VaultUnavailable(self.storage, _reason(error)) from error
        except sa.exc.DatabaseError as error:
            raise CorruptRecord(self.storage, _reason(error)) from error

    def close(self) -> None:
        """Wait for the writer, then let go of connections and lock. May be called again."""
        with self._writing:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._writers.dispose()
            self._readers.dispose()
            if self._lock_fd is not None:
                os.close(self._lock_fd)
                self._lock_fd = None

    def _connected(self) -> sa.Connection:
        if self._connection is None:
            if self._file is not None:
                self._connection = self._writers.connect()
                return self._connection
            try:
                connection = self._writers.connect()
            except sa.exc.OperationalError as error:
                raise VaultUnavailable(self.storage, _reason(error)) from error
            _advisory_lock(connection, self.storage)
            self._connection = connection
        return self._connection

    def _drop_if_broken(self) -> None:
        """Let a lost connection go: reconnecting silently would be writing without the lock."""
        connection = self._connection
        if connection is not None and (connection.invalidated or connection.in_transaction()):
            self._connection = None
            with suppress(sa.exc.SQLAlchemyError):  # it is being thrown away
                connection.invalidate()
                connection.close()


def located(storage: str | Path) -> tuple[sa.URL, Path | None]:
    """The URL of a storage, and the file if it is SQLite. Raises: InvalidValue for what no vault can live in."""
    if isinstance(storage, Path) or "://" not in storage:
        if not str(storage):
            raise InvalidValue("storage", repr(storage), "a folder or a database URL")
        file = Path(storage).absolute() / FILE_NAME
        return sa.URL.create("sqlite", database=str(file)), file
    try:
        url = sa.make_url(storage)
    except sa.exc.ArgumentError:
        raise InvalidValue("storage", "a URL that cannot be parsed", "a folder or a database URL") from None
    if url.drivername in ("postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg"), None
    in_memory = url.database in (None, "", ":memory:") or str(url.database).startswith("file:")
    if url.drivername not in ("sqlite", "sqlite+pysqlite") or in_memory or url.query:
        raise InvalidValue("storage", url.render_as_string(), "a folder, sqlite:///file or postgresql+psycopg://")
    file = Path(str(url.database)).absolute()
    return url.set(database=str(file)), file


def _engines(url: sa.URL) -> tuple[sa.Engine, sa.Engine]:
    """For the writer and for the readers; neither connects yet."""
    local = url.get_backend_name() == "sqlite"
    try:
        writers = sa.create_engine(url, poolclass=NullPool)
        readers = sa.create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            poolclass=QueuePool,
            pool_size=READERS,
            max_overflow=-1,
            pool_reset_on_return=None,  # nothing to reset: each statement is its own transaction
            pool_pre_ping=not local,
        )
    except ModuleNotFoundError as error:
        install = "pip install 'quantum-memory[postgres]'"
        raise MissingDependency(str(error.name), "a vault in PostgreSQL", install) from error
    if local:
        sa.event.listen(writers, "connect", _set_up_writer)
        sa.event.listen(writers, "begin", _begin_immediate)
        sa.event.listen(readers, "connect", _set_up_reader)
    return writers, readers


def _lock(file: Path, storage: str) -> int:
    """Make the folder if need be and take the lock beside the file; the kernel frees it when the process ends."""
    lock = file.with_name(file.name + ".lock")
    try:
        _make_folder(file.parent)
        # What an agent remembers is private. SQLite gives its other files the mode of this one.
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise WriteFailed(storage, f"{error.strerror}: {error.filename}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise StorageLocked(storage) from None
        raise WriteFailed(storage, f"its lock cannot be taken: {error.strerror}") from error
    return descriptor


def _make_folder(folder: Path) -> None:
    """Make it, and see that its name outlives a power cut."""
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for above in (folder.parent, folder.parent.parent):
        descriptor = os.open(above, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _set_up_writer(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_immediate, not by the driver
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise connection.OperationalError(f"its file system allows no write-ahead log, only {mode!r}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _set_up_reader(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
    connection.execute("PRAGMA query_only = ON")


def _advisory_lock(connection: sa.Connection, storage: str) -> None:
    """One vault per PostgreSQL schema; the server frees the lock when the connection ends."""
    taken = connection.execute(
        sa.text("SELECT pg_try_advisory_lock(:key, hashtext(current_schema()))"), {"key": ADVISORY_LOCK}
    ).scalar_one()
    connection.commit()
    if not taken:
        connection.close()
        raise StorageLocked(storage)


def _reason(error: sa.exc.SQLAlchemyError) -> str:
    """What the driver said, without the statement and its values."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {cause}".strip()
