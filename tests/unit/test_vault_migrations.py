"""A vault's tables come about: new ones, those of an older vault brought on, and what is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.schema import CreateIndex

from quantum_memory.errors import CorruptRecord, InvalidValue, NewerSchema, WriteFailed
from quantum_memory.memory.events import Event, Forgotten, Merged, Remembered, RolledBack
from quantum_memory.memory.vault import migrations, schema
from quantum_memory.memory.vault.catalog import to_us
from quantum_memory.memory.vault.codec import decode, encode
from quantum_memory.memory.vault.database import Database
from quantum_memory.memory.vault.describe import kind_of
from quantum_memory.memory.vault.migrations import migrate
from quantum_memory.types import PAD, Memory, Place
from tests.unit.postgres import ON_POSTGRES
from tests.unit.steps import Steps

START = datetime(2026, 1, 1, tzinfo=UTC)
Row = dict[str, Any]
RUN = migrations._run


@pytest.fixture(scope="module", autouse=True)
def steps() -> None:
    """Alembic's, always."""


def migrated(storage: str) -> Database:
    database = Database(storage)
    try:
        with database.transaction() as connection:
            migrate(connection, storage)
    except BaseException:
        database.close()
        raise
    return database


class Undone(Exception):
    """A transaction is to leave nothing."""


def undone(storage: str) -> None:
    """Tables that are made, and are gone with the transaction."""
    database = Database(storage)
    try:
        with database.transaction() as connection:
            migrate(connection, storage)
            raise Undone
    finally:
        database.close()


def older_vault(storage: str, step: str) -> Database:
    """The tables as a step made them."""
    database = Database(storage)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with database.transaction() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, step)
    return database


def first_vault(storage: str) -> Database:
    """The tables as the first version made them, with no table of Alembic's."""
    database = older_vault(storage, "0001")
    with database.transaction() as connection:
        connection.execute(sa.text("DROP TABLE alembic_version"))
    return database


class FirstWriter:
    """Writes rows as version 1 did, and remembers in which order."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.time = START
        self.heads: dict[str, int] = {}
        self.written: list[tuple[Any, ...]] = []
        self.agents: dict[str, str] = {}

    def insert(self, table: str, **row: Any) -> None:
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        self.connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)  # noqa: S608

    def branch(self, name: str, agent: str, parent: Place | None = None) -> None:
        kind = "fork" if parent else "root"
        if parent is None:
            self.insert("agents", name=agent, root=name)
        row = {"id": name, "agent": agent, "name": name, "lineage": "main", "kind": kind, "op_id": f"op {name}"}
        at = {"created_at": to_us(self.time), "fork_seq": parent.seq if parent else 0}
        self.insert("branches", **row, **at, parent=parent.branch if parent else None)
        self.heads[name] = parent.seq if parent else 0
        self.agents[name] = agent
        self.written.append(("branch", name))

    def event(self, branch: str, event: Event) -> None:
        seq = self.heads[branch] = self.heads[branch] + 1
        row = {"branch": branch, "seq": seq, "at": to_us(self.time), "kind": kind_of(event), "payload": encode(event)}
        self.insert("journal", **row, agent=self.agents[branch], op_id=f"{branch}@{seq}")
        self.written.append(("event", branch, seq))

    def commit(self, branch: str, seq: int, message: str) -> None:
        row = {"agent": self.agents[branch], "branch": branch, "seq": seq, "message": message, "op_id": message}
        self.insert("commits", id=f"commit {message}", at=to_us(self.time), **row)
        self.written.append(("commit", message))

    def tick(self, seconds: float = 1.0) -> None:
        self.time += timedelta(seconds=seconds)


def rows(connection: sa.Connection, table: str, order: str) -> list[Row]:
    found = connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY {order}"))  # noqa: S608
    return [dict(row._mapping) for row in found]


def dump(connection: sa.Connection) -> dict[str, list[Row]]:
    orders = {
        "agents": "name",
        "branches": "ordinal",
        "journal": "branch, seq",
        "merges": "branch, seq",
        "commits": "ordinal",
    }
    return {table: rows(connection, table, order) for table, order in orders.items()}


def positions(connection: sa.Connection) -> list[tuple[Any, ...]]:
    """What was written, in the order that the positions say; they must be 1, 2, 3 and so on."""
    found: list[tuple[int, tuple[Any, ...]]] = []
    for branch, seq, position in connection.execute(sa.text("SELECT branch, seq, position FROM journal")):
        found.append((position, ("event", branch, seq)))
    for name, position in connection.execute(sa.text("SELECT id, position FROM branches")):
        found.append((position, ("branch", name)))
    for message, position in connection.execute(sa.text("SELECT message, position FROM commits")):
        found.append((position, ("commit", message)))
    assert sorted(position for position, _ in found) == list(range(1, len(found) + 1))
    return [what for _, what in sorted(found)]


def a_year(writer: FirstWriter) -> None:
    """Something of everything that a first vault could hold."""
    memory = Memory("m", "Grüße, Bob\x00", START, PAD(0.1, 0.2, 0.3), 1.0, 0.5, np.arange(4, dtype=np.float32))
    writer.insert("meta", key="embedding", value="minilm/4")
    writer.branch("main", "alice")
    writer.tick()
    writer.branch("bobs", "bob")
    for number in range(3):
        writer.tick()
        writer.event("main", Remembered((memory,)))
        writer.event("bobs", Forgotten((f"{number}",)))
    writer.tick()
    writer.branch("f", "alice", Place("main", 2))
    writer.tick()
    writer.commit("f", 2, "at the fork")
    writer.tick()
    writer.event("f", Remembered((memory,)))
    writer.tick()
    writer.event("main", Merged(Place("f", 3), Place("main", 2), (memory,), (), (), None))
    writer.insert("merges", branch="main", seq=4, source_branch="f", source_seq=3, base_branch="main", base_seq=2)
    writer.tick()
    writer.event("main", RolledBack(Place("main", 1), ("mood",)))
    writer.tick()
    writer.branch("g", "alice", Place("f", 2))
    writer.branch("h", "alice", Place("g", 2))
    writer.event("h", Forgotten(("m",)))
    writer.tick()
    writer.commit("main", 5, "the end")


def indexes(connection: sa.Connection) -> dict[str, str]:
    """The indexes of the database and how each is made. SQLAlchemy does not see those on expressions in SQLite."""
    if connection.dialect.name == "sqlite":
        asked = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    else:
        asked = "SELECT indexname AS name, indexdef AS sql FROM pg_indexes WHERE schemaname = current_schema()"
    return {row.name: row.sql for row in connection.execute(sa.text(asked))}


def test_a_commit_is_indexed_by_the_beginnings_of_its_message_and_its_id(storage: str) -> None:
    database = migrated(storage)
    with database.read() as connection:
        made = indexes(connection)
        for index in schema.commits.indexes:
            if index.name in ("commits_by_message", "commits_by_prefix") and connection.dialect.name == "sqlite":
                assert made[index.name] == str(CreateIndex(index).compile(connection.engine))
        assert "substr(message, 1, 64), agent" in made["commits_by_message"]
        assert "substr(id, 1, 6), agent" in made["commits_by_prefix"]
    database.close()


def test_what_the_steps_make_is_what_the_code_expects(storage: str) -> None:
    expected_by_the_code(migrated(storage))


def test_so_is_what_their_statements_make(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By which most other tests have their vaults."""
    told: list[tuple[sa.Connection, str | None]] = []

    def run(connection: sa.Connection, stamp: str | None) -> None:
        told.append((connection, stamp))
        RUN(connection, stamp)

    monkeypatch.setattr(migrations, "_run", Steps(run))
    with pytest.raises(Undone):
        undone(storage)
    expected_by_the_code(migrated(storage))
    assert len(told) == 1, "the first time"


def expected_by_the_code(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _: kind != "table" or not name.startswith("remembered_words")},
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "autoincrement", sa.exc.SAWarning)
            warnings.filterwarnings("ignore", ".*expression-based index")
            assert compare_metadata(context, schema.metadata) == []
            made_indexes = indexes(connection)
        inspector = sa.inspect(connection)
        for name, table in schema.metadata.tables.items():
            columns = {column["name"]: column["nullable"] for column in inspector.get_columns(name)}
            assert columns == {column.name: column.nullable for column in table.columns}, name
            assert inspector.get_pk_constraint(name)["constrained_columns"] == list(table.primary_key.columns.keys())
            wanted = {str(index.name): bool(index.unique) for index in table.indexes}
            assert wanted.items() <= {made: "UNIQUE" in sql for made, sql in made_indexes.items()}.items(), name
            assert {key["referred_table"] for key in inspector.get_foreign_keys(name)} == {
                key.column.table.name for key in table.foreign_keys
            }
        assert "remembered_words" in inspector.get_table_names()
    database.close()


def test_the_head_is_the_last_step() -> None:
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_heads() == [migrations.HEAD]


@pytest.mark.parametrize("step", ["0002", "0003", "0004", "0005"])
def test_a_vault_of_any_step_is_brought_on(storage: str, step: str) -> None:
    database = older_vault(storage, step)
    with database.transaction() as connection:
        writer = FirstWriter(connection)
        writer.insert("agents", name="alice", root="a")
        row = {"agent": "alice", "name": "main", "lineage": "a", "kind": "root", "fork_seq": 0, "created_at": 0}
        writer.insert("branches", id="a", position=1, **row)
    with database.transaction() as connection:
        migrate(connection, storage)
        assert not [one for one in sa.inspect(connection).get_table_names() if one.startswith("v1")]
        assert set(schema.metadata.tables) <= set(sa.inspect(connection).get_table_names())
        assert [row["id"] for row in rows(connection, "branches", "ordinal")] == ["a"]
        later = ("pools", "members", "lineages", "api_keys", "denials", "requests", "tokens")
        assert [rows(connection, table, "1") for table in later] == [[]] * len(later)
    database.close()


@pytest.mark.parametrize("table", ["pools", "lineages", "api_keys", "requests"])
def test_a_table_of_a_later_step_that_is_there_is_somebody_elses(storage: str, table: str) -> None:
    database = older_vault(storage, "0003")
    with database.transaction() as connection:
        connection.execute(sa.text(f"CREATE TABLE {table} (mine TEXT)"))
    with pytest.raises(InvalidValue, match=table), database.transaction() as connection:
        migrate(connection, storage)
    database.close()


def test_partial_indexes_are_partial(storage: str) -> None:
    database = migrated(storage)
    with database.transaction() as connection:
        writer = FirstWriter(connection)
        writer.insert("agents", name="alice", root="a")
        row = {"agent": "alice", "name": "same", "lineage": "a", "kind": "fork", "fork_seq": 0, "created_at": 0}
        writer.insert("branches", id="a", position=1, deleted_at=5, **row)
        writer.insert("branches", id="b", position=2, deleted_at=6, **row)
        writer.insert("branches", id="c", position=3, **row)
    with pytest.raises(WriteFailed, match=r"UNIQUE|branches_by_name"), database.transaction() as connection:
        FirstWriter(connection).insert("branches", id="d", position=4, **row)
    database.close()


def test_migrating_again_changes_nothing(storage: str) -> None:
    migrated(storage).close()
    database = migrated(storage)
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one() == migrations.HEAD
        assert rows(connection, "meta", "key") == []
    database.close()


def test_an_old_vault_keeps_every_row_and_gets_positions_in_the_order_of_writing(storage: str) -> None:
    database = first_vault(storage)
    with database.transaction() as connection:
        writer = FirstWriter(connection)
        a_year(writer)
        before = dump(connection)
    with database.transaction() as connection:
        migrate(connection, storage)
    with database.read() as connection:
        after = dump(connection)
        for table, old in before.items():
            new = [{name: row[name] for name in old[0]} for row in after[table]]
            assert new == old, table
        assert positions(connection) == writer.written
        payloads = [decode(row["payload"], "it") for row in after["journal"]]
        assert payloads == [decode(row["payload"], "it") for row in before["journal"]]
        assert {row["deleted_at"] for row in after["branches"]} == {None}
        assert rows(connection, "meta", "key") == [{"key": "embedding", "value": "minilm/4"}]
        left = {name for name in sa.inspect(connection).get_table_names() if name.startswith("v1")}
        assert left == set()
    with database.transaction() as connection:  # ordinals go on
        branch = sa.insert(schema.branches).values(id="new", agent="alice", name="new", lineage="main", kind="fork")
        values = {"parent": "main", "fork_seq": 0, "created_at": 0, "position": 1000}
        connection.execute(branch.values(**values))
        assert rows(connection, "branches", "ordinal")[-1]["ordinal"] == len(before["branches"]) + 1
    database.close()


@pytest.mark.parametrize("storage", ["sqlite"], indirect=True)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(-2, 3)), max_size=25))
def test_no_position_comes_before_what_it_needs_even_if_the_clock_goes_back(
    tmp_path: Path, storage: str, steps: Sequence[tuple[int, int, int]]
) -> None:
    database = first_vault(f"{tmp_path}/{np.random.default_rng().integers(2**62)}")
    with database.transaction() as connection:
        writer = FirstWriter(connection)
        writer.branch("b0", "alice")
        for number, (what, choice, seconds) in enumerate(steps):
            writer.tick(seconds)
            names = list(writer.heads)
            name = names[choice % len(names)]
            if what == 0:
                writer.branch(f"b{len(names)}", "alice", Place(name, choice % (writer.heads[name] + 1)))
            elif what == 1:
                writer.commit(name, writer.heads[name], f"{number}")
            else:
                writer.event(name, Forgotten((f"{number}",)))
    with database.transaction() as connection:
        migrate(connection, "it")
        order = positions(connection)
        parents = rows(connection, "branches", "ordinal")
        commits = rows(connection, "commits", "ordinal")
    events = [what for what in order if what[0] == "event"]
    assert events == [what for what in writer.written if what[0] == "event"]
    for row in parents:
        made = order.index(("branch", row["id"]))
        if row["parent"] is not None:
            assert order.index(("branch", row["parent"])) < made
            started = ("event", row["parent"], row["fork_seq"])
            assert started not in order or order.index(started) < made
        own = [order.index(what) for what in events if what[1] == row["id"]]
        assert all(made < place for place in own)
    for row in commits:
        named = order.index(("commit", row["message"]))
        assert order.index(("branch", row["branch"])) < named
        place = ("event", row["branch"], row["seq"])
        assert place not in order or order.index(place) < named
    database.close()


def test_a_migration_that_breaks_off_leaves_the_old_vault(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = first_vault(storage)
    with database.transaction() as connection:
        a_year(FirstWriter(connection))
        before, meta = dump(connection), rows(connection, "meta", "key")

    class PowerCut(Exception):
        pass

    def cut(_: sa.Connection) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr("quantum_memory.memory.vault.migrations.order.number_events", cut)
        with pytest.raises(PowerCut), database.transaction() as connection:
            migrate(connection, storage)
    with database.read() as connection:
        assert dump(connection) == before
        assert rows(connection, "meta", "key") == meta
        assert set(sa.inspect(connection).get_table_names()) == migrations.FIRST_TABLES
    with database.transaction() as connection:
        migrate(connection, storage)
        assert len(positions(connection)) > 0
    database.close()


def alter(statement: str) -> Callable[[sa.Connection], None]:
    return lambda connection: connection.execute(sa.text(statement)).close()


@pytest.mark.parametrize(
    ("done", "error", "told"),
    [
        ("UPDATE alembic_version SET version_num = '0099'", NewerSchema, "version 99, .* up to 6"),
        ("UPDATE alembic_version SET version_num = 'x'", CorruptRecord, "alembic_version: expected a whole number"),
        ("UPDATE alembic_version SET version_num = '0000'", CorruptRecord, "alembic_version: expected a whole number"),
        ("DELETE FROM alembic_version", CorruptRecord, "alembic_version: expected a whole number, got None"),
        ("DROP TABLE alembic_version", CorruptRecord, "schema_version: expected a whole number, got None"),
        ("DROP TABLE commits", CorruptRecord, r"tables are missing: \['commits'\]"),
        ("DROP TABLE meta", InvalidValue, "an empty database or a vault"),
        ("ALTER TABLE meta RENAME COLUMN value TO other", InvalidValue, "an empty database or a vault"),
    ],
)
def test_tables_that_are_not_as_they_should_be_are_refused(
    storage: str, done: str, error: type[Exception], told: str
) -> None:
    database = migrated(storage)
    with database.transaction() as connection:
        alter(done)(connection)
    with pytest.raises(error, match=told), database.transaction() as connection:
        migrate(connection, storage)
    database.close()


@pytest.mark.parametrize(
    ("done", "error", "told"),
    [
        ("UPDATE meta SET value = '2'", NewerSchema, "version 2, .* up to 6"),
        ("UPDATE meta SET value = 'x'", CorruptRecord, "schema_version: expected a whole number, got 'x'"),
        ("DROP TABLE merges", CorruptRecord, r"tables are missing: \['merges'\]"),
        ("CREATE TABLE tags (mine TEXT)", InvalidValue, "tables .'tags'."),
    ],
)
def test_an_old_vault_that_is_not_as_it_should_be_is_refused(
    storage: str, done: str, error: type[Exception], told: str
) -> None:
    database = first_vault(storage)
    with database.transaction() as connection:
        alter(done)(connection)
    with pytest.raises(error, match=told), database.transaction() as connection:
        migrate(connection, storage)
    database.close()


@pytest.mark.parametrize("storage", ["sqlite", ON_POSTGRES], indirect=True)
def test_tables_of_something_else_may_stand_beside_it_unless_they_share_a_name(storage: str) -> None:
    database = Database(storage)
    with database.transaction() as connection:
        alter("CREATE TABLE users (id TEXT)")(connection)
        migrate(connection, storage)
        assert "users" in sa.inspect(connection).get_table_names()
    database.close()
