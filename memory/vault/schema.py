"""The tables of a vault and their version. Knows how they are made, not what is read from them.

Times are whole microseconds since the epoch, so that they compare alike in every database. An operation id is unique
per agent and kind of write: a retry finds its first outcome even if it was given another branch id meanwhile, and
one operation may make one branch, one event and one commit under the same id. An ordinal keeps the order of making.
"""

from __future__ import annotations

import sqlalchemy as sa

from quantum_memory.errors import CorruptRecord, InvalidValue, NewerSchema

VERSION = 1
ROLLED_BACK = "rolled_back"


metadata = sa.MetaData()

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

agents = sa.Table(
    "agents",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("root", sa.Text, nullable=False, unique=True),
)

branches = sa.Table(
    "branches",
    metadata,
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("agent", sa.Text, sa.ForeignKey("agents.name"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("lineage", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("parent", sa.Text, sa.ForeignKey("branches.id")),
    sa.Column("fork_seq", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("op_id", sa.Text),
    sa.UniqueConstraint("agent", "name", name="branches_by_name"),
    sa.Index("branches_by_operation", "op_id", "agent", unique=True),
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("op_id", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Index("journal_by_operation", "op_id", "agent", unique=True),
)

is_rollback = journal.c.kind == sa.literal_column(f"'{ROLLED_BACK}'")
"""Spelled out, not bound: SQLite uses a partial index only where the query repeats its condition word for word."""

rollbacks_index = sa.Index(
    "journal_rollbacks", journal.c.branch, journal.c.seq, sqlite_where=is_rollback, postgresql_where=is_rollback
)

merges = sa.Table(
    "merges",
    metadata,
    sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("source_branch", sa.Text, nullable=False),
    sa.Column("source_seq", sa.BigInteger, nullable=False),
    sa.Column("base_branch", sa.Text),
    sa.Column("base_seq", sa.BigInteger),
)

commits = sa.Table(
    "commits",
    metadata,
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("agent", sa.Text, sa.ForeignKey("agents.name"), nullable=False),
    sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("op_id", sa.Text, nullable=False),
    sa.Index("commits_by_operation", "op_id", "agent", unique=True),
    sa.Index("commits_by_agent", "agent", "ordinal"),
    sa.Index("commits_by_place", "branch", "seq"),
)

INSERT_ORDER = (agents, branches, journal, merges, commits)
"""Rows that others refer to come first."""


def prepare(connection: sa.Connection, storage: str) -> None:
    """Make the tables, or see that those found are of a version that is known.

    Raises: NewerSchema, CorruptRecord, InvalidValue if the tables there belong to something else.
    """
    found = set(sa.inspect(connection).get_table_names())
    ours = set(metadata.tables)
    if meta.name not in found:
        if found & ours:
            raise InvalidValue(
                "storage", f"{storage} with tables {sorted(found & ours)}", "an empty database or a vault"
            )
        metadata.create_all(connection)
        connection.execute(sa.insert(meta), {"key": "schema_version", "value": str(VERSION)})
        return
    value = connection.execute(sa.select(meta.c.value).where(meta.c.key == "schema_version")).scalar_one_or_none()
    if value is None or not value.isdecimal():
        raise CorruptRecord(f"{storage}: schema_version", f"expected a whole number, got {value!r}")
    if int(value) > VERSION:
        raise NewerSchema(storage, int(value), VERSION)
    if not ours <= found:
        raise CorruptRecord(storage, f"tables are missing: {sorted(ours - found)}")
