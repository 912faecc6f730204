"""The database under a vault: one locked writer, many readers, and their errors in our words. Knows no table.

What readers may count on, in SQLite and in PostgreSQL alike:

* They see whole transactions that were committed, and every one that was committed before the read began. In one
  ``read`` a later statement may see more than an earlier one; in a ``snapshot`` all see the same.
* A transaction is kept whole or not at all, and is on the disk when it has been left.
* A reader never waits for the writer, nor the writer for a reader. In memory alone they take turns.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

import sqlalchemy as sa

from quantum_memory.errors import (
    CorruptRecord,
    InvalidValue,
    StorageLocked,
    VaultUnavailable,
    WriteFailed,
)
from quantum_memory.memory.durable import sync_folder
from quantum_memory.memory.vault.engines import engines

FILE_NAME = "journal.sqlite"
IN_MEMORY = "memory://"
WANT = "a folder, sqlite:///file, postgresql+psycopg:// or memory://"
ADVISORY_LOCK = 0x716D656D  # "qmem": the first half of the key of PostgreSQL's advisory lock


GARBLED = "a text in it is no text"
"""What is said of a damaged file whose schema SQLite itself cannot put into words."""


class Database:
    """One writer connection, held with a lock that no other process can hold, and a pool of readers.

    Args:
        storage: a folder, the URL of a SQLite file or a PostgreSQL database, or ``memory://`` for one that is gone
            when it is closed.
        holder: what whoever finds a file locked is told of who holds it; see ``holder_of``.

    Attributes:
        storage: the same for messages, without a password.

    Thread-safe. In memory, do not wait for another thread's write inside a ``read``: it waits for its turn.
    Raises: StorageLocked, WriteFailed, InvalidValue, MissingDependency.
    """

    def __init__(self, storage: str | Path, holder: str = "") -> None:
        url, self._file = located(storage)
        self._local = url.get_backend_name() == "sqlite"
        self._in_memory = self._local and self._file is None
        if self._in_memory:
            self.storage = IN_MEMORY
        else:
            self.storage = str(
                self._file.parent if self._file and "://" not in str(storage) else url.render_as_string()
            )
        turns = threading.RLock()
        self._turn: AbstractContextManager[object] = turns if self._in_memory else nullcontext()
        self._writing: AbstractContextManager[object] = turns if self._in_memory else threading.Lock()
        self._connection: sa.Connection | None = None
        self._closed = False
        self._engines = engines(url)
        self._lock_fd = None if self._file is None else _lock(self._file, self.storage)
        if self._lock_fd is not None:
            _tell(self._lock_fd, holder)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """The writer's connection in a transaction: durable when left, undone by an error.

        Raises: WriteFailed for whatever the database says, CorruptRecord where it says what is no text, StorageLocked,
            VaultUnavailable when closed. If PostgreSQL
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
            except UnicodeDecodeError as error:
                raise CorruptRecord(self.storage, GARBLED) from error
            finally:
                self._drop_if_broken()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees every commit made so far. Raises: VaultUnavailable, CorruptRecord."""
        with self._turn, self._reading(), self._engines.readers.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A connection that sees the database as it is now, in every statement, whatever is committed meanwhile.

        Nobody waits for it. SQLite's write-ahead log grows as long as it is held, PostgreSQL keeps what was deleted
        since, and in memory it is a copy of everything.

        Raises: VaultUnavailable, CorruptRecord.
        """
        with self._turn, self._reading():
            connection = self._engines.snapshots.connect()
        with self._reading(), connection:
            connection.begin()  # closing rolls it back, which a damaged file allows where it refuses a commit
            # A transaction's view is taken by its first statement, and SQLite's by the first that reads.
            connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1" if self._local else "SELECT 1").all()
            yield connection

    def close(self) -> None:
        """Wait for the writer, then let go of connections and lock. May be called again."""
        with self._writing:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            for engine in self._engines:
                engine.dispose()
            if self._lock_fd is not None:
                _tell(self._lock_fd, "")
                os.close(self._lock_fd)
                self._lock_fd = None

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """What goes wrong while reading, in our words."""
        if self._closed:
            raise VaultUnavailable(self.storage, "it is closed")
        try:
            yield
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
            raise VaultUnavailable(self.storage, _reason(error)) from error
        except sa.exc.DatabaseError as error:
            raise CorruptRecord(self.storage, _reason(error)) from error
        except UnicodeDecodeError as error:
            raise CorruptRecord(self.storage, GARBLED) from error

    def _connected(self) -> sa.Connection:
        if self._connection is None:
            if self._local:
                self._connection = self._engines.writers.connect()
                return self._connection
            try:
                connection = self._engines.writers.connect()
            except sa.exc.OperationalError as error:
                raise VaultUnavailable(self.storage, _reason(error)) from error
            _advisory_lock(connection, self.storage)
            self._connection = connection
        return self._connection

    def _drop_if_broken(self) -> None:
        """Let a lost connection go: reconnecting silently would be writing without the lock."""
        connection = self._connection
        if connection is None or self._in_memory:  # there, the connection is the database
            return
        if connection.invalidated or connection.in_transaction():
            self._connection = None
            with suppress(sa.exc.SQLAlchemyError):  # it is being thrown away
                connection.invalidate()
                connection.close()


def located(storage: str | Path) -> tuple[sa.URL, Path | None]:
    """The URL of a storage, and its file if there is one. Raises: InvalidValue for what no vault can live in."""
    if storage == IN_MEMORY:
        return sa.URL.create("sqlite"), None
    if isinstance(storage, Path) or "://" not in storage:
        if not str(storage):
            raise InvalidValue("storage", repr(storage), WANT)
        file = Path(storage).absolute() / FILE_NAME
        return sa.URL.create("sqlite", database=str(file)), file
    try:
        url = sa.make_url(storage)
    except (sa.exc.ArgumentError, ValueError):  # the latter for a port that is no number
        raise InvalidValue("storage", "a URL that cannot be parsed", WANT) from None
    if url.drivername in ("postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg"), None
    in_memory = url.database in (None, "", ":memory:") or str(url.database).startswith("file:")
    if url.drivername not in ("sqlite", "sqlite+pysqlite") or in_memory or url.query:
        raise InvalidValue("storage", url.render_as_string(), WANT)
    file = Path(str(url.database)).absolute()
    return url.set(database=str(file)), file


def holder_of(storage: str | Path) -> str:
    """What the vault that holds a local storage says of itself; nothing where it says nothing, or is another user's.

    It is true as long as it holds it, so it is for whoever was refused just now. Raises: InvalidValue.
    """
    _, file = located(storage)
    if file is None:
        return ""
    try:
        with _lock_of(file).open(encoding="utf-8") as lock:
            return lock.read() if os.fstat(lock.fileno()).st_uid == os.geteuid() else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _tell(lock: int, holder: str) -> None:
    """Say in a lock that was taken who has taken it. On a disk that is full nobody is told, and all else works."""
    with suppress(OSError):
        os.ftruncate(lock, 0)
        os.pwrite(lock, holder.encode(), 0)


def _lock_of(file: Path) -> Path:
    return file.with_name(file.name + ".lock")


def _lock(file: Path, storage: str) -> int:
    """Make the folder if need be and take the lock beside the file; the kernel frees it when the process ends."""
    lock = _lock_of(file)
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
        sync_folder(above)


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
