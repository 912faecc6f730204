"""What readers and the writer may count on, in SQLite, in PostgreSQL and in memory."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from quantum_memory.errors import CorruptRecord, InvalidValue, StorageLocked, VaultUnavailable, WriteFailed
from quantum_memory.memory.vault import engines as engines_module
from quantum_memory.memory.vault.database import IN_MEMORY, Database, located
from quantum_memory.memory.vault.engines import MORE_READERS, READERS, engines
from tests.unit.postgres import ON_POSTGRES, Server, missing

COUNT = sa.text("SELECT count(*) FROM things")
ADD = sa.text("INSERT INTO things (id) VALUES (:id)")
POSTGRES_URL = "postgresql+psycopg://memory:secret@127.0.0.1:1/x"


def opened(where: str | Path) -> Database:
    database = Database(where)
    with database.transaction() as connection:
        connection.execute(sa.text("CREATE TABLE IF NOT EXISTS things (id INTEGER PRIMARY KEY)"))
    return database


@pytest.fixture(params=["sqlite", ON_POSTGRES])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database whose readers and writer never wait for each other."""
    database = opened(tmp_path / "vault" if request.param == "sqlite" else request.getfixturevalue("postgres"))
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "memory", ON_POSTGRES])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of any kind."""
    local = {"sqlite": str(tmp_path / "vault"), "memory": IN_MEMORY}.get(request.param)
    made = opened(local or request.getfixturevalue("postgres"))
    yield made
    made.close()


def add(database: Database, *ids: int) -> None:
    with database.transaction() as connection:
        for id_ in ids:
            connection.execute(ADD, {"id": id_})


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(COUNT).scalar_one())


def work(where: Callable[[], AbstractContextManager[sa.Connection]], *steps: str | Callable[[], object]) -> None:
    """Statements on one connection, and other things between them."""
    with where() as connection:
        for step in steps:
            if isinstance(step, str):
                connection.execute(sa.text(step))
            else:
                step()


def give_up() -> None:
    raise RuntimeError


def cut_links(postgres: str) -> str:
    name = postgres.rpartition("/")[2]
    return f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608


def test_a_transaction_is_kept_whole_or_not_at_all(database: Database) -> None:
    add(database, 1, 2)
    with pytest.raises(WriteFailed):
        add(database, 3, 4, 1)
    with pytest.raises(RuntimeError):
        work(database.transaction, "INSERT INTO things VALUES (5)", give_up)
    with pytest.raises(WriteFailed, match=r"syntax|nonsense"):
        work(database.transaction, "INSERT INTO things VALUES (6)", "nonsense")
    assert count(database) == 2
    add(database, 3)
    assert count(database) == 3


def test_tables_that_are_made_in_a_broken_transaction_are_not_there(database: Database) -> None:
    made, renamed = "CREATE TABLE others (id INTEGER)", "ALTER TABLE things RENAME TO those"
    with pytest.raises(RuntimeError):
        work(database.transaction, made, renamed, give_up)
    with database.read() as connection:
        assert sa.inspect(connection).get_table_names() == ["things"]


def test_a_reader_sees_what_is_committed_and_nobody_waits(shared: Database) -> None:
    add(shared, 1)
    with shared.read() as reader:
        assert reader.execute(COUNT).scalar_one() == 1
        with shared.transaction() as connection:
            connection.execute(ADD, {"id": 2})
            assert reader.execute(COUNT).scalar_one() == 1, "nothing of it before the commit"
            assert count(shared) == 1
        assert reader.execute(COUNT).scalar_one() == 2, "and all of it after that"
        cursor = reader.execute(sa.text("SELECT id FROM things ORDER BY id"))
        add(shared, 3)
        assert [row[0] for row in cursor] == [1, 2]


def test_a_snapshot_sees_one_moment_in_all_its_statements(database: Database) -> None:
    add(database, 1)
    with database.snapshot() as early:
        add(database, 2)
        with database.snapshot() as late:
            add(database, 3)
            assert [early.execute(COUNT).scalar_one() for _ in range(2)] == [1, 1]
            assert late.execute(COUNT).scalar_one() == 2
        assert early.execute(COUNT).scalar_one() == 1
    with database.snapshot() as again:
        assert again.execute(COUNT).scalar_one() == 3
    add(database, 4)
    assert count(database) == 4


def test_a_snapshot_that_ends_in_an_error_leaves_nothing_behind(database: Database) -> None:
    add(database, 1)
    with pytest.raises(RuntimeError):
        work(database.snapshot, "SELECT count(*) FROM things", give_up)
    add(database, 2)
    with database.snapshot() as connection:
        assert connection.execute(COUNT).scalar_one() == 2


def test_who_reads_cannot_write(shared: Database) -> None:
    for where in (shared.read, shared.snapshot):
        with pytest.raises((VaultUnavailable, CorruptRecord), match=r"read-?only"):
            work(where, "INSERT INTO things VALUES (1)")
    assert count(shared) == 0


def test_readers_never_see_half_a_batch(database: Database) -> None:
    size, stop = 5, threading.Event()

    def watch(look: Callable[[], Any]) -> int:
        seen = 0
        while not stop.is_set():
            with look() as connection:
                now = connection.execute(COUNT).scalar_one()
            assert now % size == 0
            assert now >= seen
            seen = now
        return seen

    with ThreadPoolExecutor(3) as pool:
        watchers = [pool.submit(watch, look) for look in (database.read, database.read, database.snapshot)]
        try:
            for start in range(0, 200, size):
                add(database, *range(start, start + size))
        finally:
            stop.set()
        assert all(watcher.result() <= 200 for watcher in watchers)
    assert count(database) == 200


def test_threads_write_one_after_the_other(database: Database) -> None:
    def write(worker: int) -> None:
        for step in range(20):
            add(database, worker * 100 + step)
            assert count(database) > step

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert count(database) == 80


def test_an_open_database_is_locked_and_a_closed_one_says_so(shared: Database) -> None:
    where = shared._engines.readers.url
    storage = (
        where.render_as_string(hide_password=False) if where.drivername != "sqlite" else f"sqlite:///{where.database}"
    )
    with pytest.raises(StorageLocked):
        opened(storage)
    shared.close()
    for refused in (shared.read, shared.snapshot, shared.transaction):
        with pytest.raises(VaultUnavailable, match="closed"), refused():
            pass
    again = opened(storage)
    again.close()


def test_each_vault_in_memory_is_its_own_and_is_gone_when_it_is_closed() -> None:
    one, two = opened(IN_MEMORY), opened(IN_MEMORY)
    add(one, 1)
    assert (count(one), count(two)) == (1, 0)
    assert one.storage == IN_MEMORY
    one.close()
    one.close()
    for refused in (one.read, one.snapshot, one.transaction):
        with pytest.raises(VaultUnavailable, match="closed"), refused():
            pass
    again = opened(IN_MEMORY)
    assert count(again) == 0
    again.close()
    two.close()


def test_in_memory_a_thread_may_read_inside_its_own_reading_and_writing() -> None:
    database = opened(IN_MEMORY)
    with database.read() as outer, database.read() as inner:
        assert outer.execute(COUNT).scalar_one() == inner.execute(COUNT).scalar_one() == 0
        add(database, 1)
        assert outer.execute(COUNT).scalar_one() == 1
    with database.transaction() as connection:
        connection.execute(ADD, {"id": 2})
        with database.read() as reader:
            assert reader.execute(COUNT).scalar_one() == 2
        connection.execute(ADD, {"id": 3})
    with pytest.raises(RuntimeError):
        work(database.transaction, "INSERT INTO things VALUES (4)", lambda: count(database), give_up)
    assert count(database) == 3
    database.close()


def test_after_a_failed_write_reads_go_on(tmp_path: Path) -> None:
    database = opened(tmp_path)
    add(database, 1)
    with database.transaction() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        (pages,) = driver.execute("PRAGMA page_count").fetchone()
        driver.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(WriteFailed, match="full"):
        add(database, *range(10, 5000))
    assert count(database) == 1
    driver.execute("PRAGMA max_page_count = 1000000")
    add(database, 2)
    assert count(database) == 2
    database.close()


def test_the_pool_of_a_server_is_bounded_and_its_links_are_tested() -> None:
    pytest.importorskip("psycopg")
    made = engines(sa.make_url(POSTGRES_URL))
    assert isinstance(made.readers.pool, sa.pool.QueuePool)
    assert (made.readers.pool.size(), made.readers.pool._max_overflow) == (READERS, MORE_READERS)
    assert made.readers.pool._pre_ping


def test_what_a_url_says_about_patience_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    asked: list[dict[str, Any]] = []
    create = sa.create_engine

    def remember(url: sa.URL, **options: Any) -> sa.Engine:
        asked.append(options["connect_args"])
        return create(url, **options)

    monkeypatch.setattr("quantum_memory.memory.vault.engines.sa.create_engine", remember)
    engines(sa.make_url(f"{POSTGRES_URL}?connect_timeout=3"))
    assert all("connect_timeout" not in options and options["keepalives_idle"] == 30 for options in asked)
    asked.clear()
    engines(sa.make_url(POSTGRES_URL))
    assert [options["connect_timeout"] for options in asked] == [10] * 3


@pytest.mark.slow
@pytest.mark.postgres
def test_more_readers_than_the_pool_holds_wait_and_then_are_told(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines_module, "READERS", 1)
    monkeypatch.setattr(engines_module, "MORE_READERS", 1)
    monkeypatch.setattr(engines_module, "POOL_TIMEOUT_S", 0.2)
    database = opened(postgres)
    with database.read(), database.read():
        with pytest.raises(VaultUnavailable, match="QueuePool"):
            count(database)
        with database.snapshot() as connection:
            assert connection.execute(COUNT).scalar_one() == 0
    assert count(database) == 0
    database.close()


@pytest.mark.slow
@pytest.mark.postgres
def test_a_commit_waits_for_the_servers_disk_also_where_the_default_is_not_to(server: Server, postgres: str) -> None:
    name = postgres.rpartition("/")[2]
    server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    database = opened(postgres)
    with database.transaction() as connection:
        assert connection.execute(sa.text("SHOW synchronous_commit")).scalar_one() == "on"
    database.close()


@pytest.mark.slow
@pytest.mark.postgres
def test_the_server_soon_notices_that_a_writers_machine_fell_silent(server: Server, postgres: str) -> None:
    database = opened(postgres)
    with database.transaction() as connection:
        idle, interval, count = (
            int(connection.execute(sa.text(f"SHOW tcp_keepalives_{name}")).scalar_one())
            for name in ("idle", "interval", "count")
        )
    assert 0 < idle + interval * count <= 20, "seconds until its lock is free for another machine"
    database.close()


@pytest.mark.slow
@pytest.mark.postgres
def test_lost_connections_are_told_and_made_again(server: Server, postgres: str) -> None:
    cut = cut_links(postgres)
    database = opened(postgres)
    add(database, 1)
    with pytest.raises(VaultUnavailable):
        work(database.read, lambda: server.execute(cut), "SELECT count(*) FROM things")
    assert count(database) == 1
    server.execute(cut)
    assert count(database) == 1, "a link from the pool is tested before it is used"
    steps = "INSERT INTO things VALUES (2)", lambda: server.execute(cut), "INSERT INTO things VALUES (3)"
    with pytest.raises(WriteFailed):
        work(database.transaction, *steps)
    add(database, 2)
    assert count(database) == 2
    with pytest.raises(StorageLocked):
        opened(postgres)
    database.close()


@pytest.mark.slow
@pytest.mark.postgres
def test_who_lost_the_lock_to_another_vault_does_not_write(server: Server, postgres: str) -> None:
    first = opened(postgres)
    server.execute(cut_links(postgres))
    second = opened(postgres)
    with pytest.raises(WriteFailed):
        add(first, 1)
    with pytest.raises(StorageLocked):
        add(first, 1)
    add(second, 2)
    assert count(first) == 1, "reading goes on"
    second.close()
    add(first, 3)
    assert count(first) == 2
    first.close()


@pytest.mark.slow
@pytest.mark.postgres
def test_a_server_that_is_away_is_unavailable_until_it_is_back(server: Server, postgres: str) -> None:
    database = opened(postgres)
    add(database, 1)
    server.stop()
    try:
        with pytest.raises(VaultUnavailable):
            count(database)
        with pytest.raises(WriteFailed):
            add(database, 2)
        with pytest.raises(VaultUnavailable):
            add(database, 2)
        with pytest.raises(VaultUnavailable), database.snapshot():
            pass
    finally:
        server.start()
    add(database, 2)
    assert count(database) == 2
    database.close()


def test_without_a_server_tests_are_skipped_and_fail_where_one_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QM_TEST_POSTGRES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no server"):
        missing("no server", "apt-get install postgresql")
    monkeypatch.setenv("QM_TEST_POSTGRES", "required")
    with pytest.raises(pytest.fail.Exception, match="no server: apt-get install postgresql"):
        missing("no server", "apt-get install postgresql")


@pytest.mark.parametrize("storage", ["postgresql://user:secret@host:notaport/db", "://secret"])
def test_a_url_that_cannot_be_read_is_refused_without_its_password(storage: str) -> None:
    with pytest.raises(InvalidValue, match="storage") as refused:
        located(storage)
    assert "secret" not in str(refused.value)
