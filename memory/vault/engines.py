"""Connections to the database under a vault: how each kind is set up. Knows no table, and holds no lock of a vault's.

A local vault is SQLite with a write-ahead log, synced at every commit. A shared one is PostgreSQL. One in memory is a
single SQLite connection, which its users must take in turns.
"""

from __future__ import annotations

import functools
import sqlite3
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

from quantum_memory.errors import MissingDependency

BUSY_TIMEOUT_S = 10.0
CHECKPOINT_PAGES = 8192
READERS = 8
MORE_READERS = 24
"""Beyond ``READERS`` for a while, where a server has to hold them. A PostgreSQL allows 100 in all unless it is told."""
POOL_TIMEOUT_S = 30.0
PATIENCE: dict[str, object] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""What libpq is told, unless the URL says otherwise: a server that fell silent is lost within a minute, not hours."""
SERVERS_PATIENCE = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
"""What the server is told of the writer, for whom it holds the lock: one whose machine fell silent is gone in 20 s, and
not in the two hours of most systems. Then the vault can be opened on another machine.
"""


class Engines(NamedTuple):
    """Where connections come from; none is made yet.

    Attributes:
        writers: a connection that changes things, in transactions.
        readers: pooled connections that cannot write; each statement sees what is committed when it begins.
        snapshots: connections of which each transaction is one view of the database, and cannot write.
    """

    writers: sa.Engine
    readers: sa.Engine
    snapshots: sa.Engine


def engines(url: sa.URL) -> Engines:
    """For a SQLite file, SQLite in memory if the URL names no file, or PostgreSQL. Raises: MissingDependency."""
    if url.get_backend_name() == "postgresql":
        return _postgresql(url)
    return _in_memory() if url.database is None else _file(url)


def _file(url: sa.URL) -> Engines:
    writers = sa.create_engine(url, poolclass=NullPool)
    readers = sa.create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=-1,  # a file has no server that could run short of them
        pool_reset_on_return=None,  # nothing to reset: each statement is its own transaction
    )
    snapshots = sa.create_engine(url, poolclass=NullPool)
    sa.event.listen(writers, "connect", _set_up_writer)
    sa.event.listen(writers, "begin", _begin_immediate)
    sa.event.listen(readers, "connect", _set_up_reader)
    sa.event.listen(snapshots, "connect", _set_up_reader)
    sa.event.listen(snapshots, "begin", _begin)
    return Engines(writers, readers, snapshots)


def _in_memory() -> Engines:
    """One connection for all. A snapshot is a copy of everything: then nobody waits for who reads it."""

    @functools.cache
    def shared() -> sqlite3.Connection:
        return sqlite3.connect(":memory:", check_same_thread=False)

    def copied() -> sqlite3.Connection:
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        shared().backup(copy)
        return copy

    writers = sa.create_engine("sqlite://", poolclass=StaticPool, creator=shared)
    readers = sa.create_engine(
        "sqlite://",
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        poolclass=StaticPool,
        pool_reset_on_return=None,
        creator=shared,
    )
    snapshots = sa.create_engine("sqlite://", poolclass=NullPool, creator=copied)
    sa.event.listen(writers, "connect", _set_up_shared)
    sa.event.listen(writers, "begin", _begin_immediate)
    sa.event.listen(snapshots, "connect", _set_up_reader)
    sa.event.listen(snapshots, "begin", _begin)
    return Engines(writers, readers, snapshots)


def _postgresql(url: sa.URL) -> Engines:
    patience = {name: value for name, value in PATIENCE.items() if name not in url.query}
    try:
        writers = sa.create_engine(url, poolclass=NullPool, connect_args=patience)
        readers = sa.create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            poolclass=QueuePool,
            pool_size=READERS,
            max_overflow=MORE_READERS,
            pool_timeout=POOL_TIMEOUT_S,
            pool_reset_on_return=None,
            pool_pre_ping=True,
            connect_args=patience,
        )
        snapshots = sa.create_engine(url, isolation_level="REPEATABLE READ", poolclass=NullPool, connect_args=patience)
    except ModuleNotFoundError as error:
        install = "pip install 'quantum-memory[postgres]'"
        raise MissingDependency(str(error.name), "a vault in PostgreSQL", install) from error
    sa.event.listen(writers, "connect", _set_up_durable)
    sa.event.listen(readers, "connect", _set_up_read_only)
    sa.event.listen(snapshots, "connect", _set_up_read_only)
    return Engines(writers, readers, snapshots)


def _set_up_writer(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_immediate, not by the driver
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise connection.OperationalError(f"its file system allows no write-ahead log, only {mode!r}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")


def _set_up_shared(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


def _set_up_reader(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
    connection.execute("PRAGMA query_only = ON")


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _set_up_durable(connection: Any, _record: Any) -> None:
    """What is acknowledged is on the server's disk, also where its default is to answer before that; and the server
    notices when nobody is there any more. Over a Unix socket it ignores the latter, as it need not be told.
    """
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    for name, value in SERVERS_PATIENCE.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    connection.commit()


def _set_up_read_only(connection: Any, _record: Any) -> None:
    connection.execute("SET default_transaction_read_only = on")
    if not connection.autocommit:
        connection.commit()
