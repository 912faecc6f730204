"""One order of changes, branches that can be deleted, tags, sessions, an audit, segments, snapshots, a search index.

Four tables are made anew and filled from the old ones, which SQLite cannot alter. Children go before their parents: a
foreign key is never broken on the way.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from quantum_memory.memory.vault.migrations.order import ORDERED, Order, number_events, order

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

POSITION = sa.BigInteger().with_variant(sa.Integer, "sqlite")
OLD = ("journal", "merges", "commits", "branches")
INDEXES = {
    "branches": ("branches_by_operation",),
    "journal": ("journal_by_operation", "journal_rollbacks"),
    "commits": ("commits_by_operation", "commits_by_agent", "commits_by_place"),
}
RELATIONS = ("branches_pkey", "branches_id_key", "journal_pkey", "merges_pkey", "commits_pkey", "commits_id_key")
SEQUENCES = ("branches_ordinal_seq", "commits_ordinal_seq")


def upgrade() -> None:
    connection = op.get_bind()
    _put_aside()
    _make_tables()
    _make_derived_tables()
    _make_words(connection)
    number_events(connection)
    _fill(connection, order(connection))
    for table in (ORDERED, *(f"v1_{name}" for name in OLD)):
        op.drop_table(table)
    op.execute("DELETE FROM meta WHERE key = 'schema_version'")


def _put_aside() -> None:
    """Give the old tables other names, and free the names of what belongs to them."""
    for table, indexes in INDEXES.items():
        for index in indexes:
            op.drop_index(index, table)
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("branches_by_name", "branches")
        for name in RELATIONS:
            op.execute(f"ALTER INDEX {name} RENAME TO v1_{name}")
        for name in SEQUENCES:
            op.execute(f"ALTER SEQUENCE {name} RENAME TO v1_{name}")
    for table in OLD:
        op.rename_table(table, f"v1_{table}")


def _make_tables() -> None:
    op.create_table(
        "branches",
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
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("deleted_at", sa.BigInteger),
        sa.Column("deleted_position", sa.BigInteger),
    )
    alive = sa.text("deleted_at IS NULL")
    op.create_index("ix_branches_parent", "branches", ["parent"])
    op.create_index("branches_by_operation", "branches", ["op_id", "agent"], unique=True)
    op.create_index(
        "branches_by_name", "branches", ["agent", "name"], unique=True, sqlite_where=alive, postgresql_where=alive
    )
    op.create_table(
        "journal",
        sa.Column("position", POSITION, primary_key=True, autoincrement=False),
        sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("op_id", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary),
    )
    op.create_table(
        "merges",
        sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("source_branch", sa.Text, nullable=False),
        sa.Column("source_seq", sa.BigInteger, nullable=False),
        sa.Column("base_branch", sa.Text),
        sa.Column("base_seq", sa.BigInteger),
        sa.Column("parts", sa.Text),
    )
    op.create_table(
        "commits",
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("agent", sa.Text, sa.ForeignKey("agents.name"), nullable=False),
        sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("op_id", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_index("commits_by_operation", "commits", ["op_id", "agent"], unique=True)
    op.create_index("commits_by_agent", "commits", ["agent", "ordinal"])
    op.create_index("commits_by_place", "commits", ["branch", "seq"])
    op.create_index("commits_by_message", "commits", [sa.text("substr(message, 1, 64)"), "agent"])
    op.create_index("commits_by_prefix", "commits", [sa.text("substr(id, 1, 6)"), "agent"])
    op.create_table(
        "tags",
        sa.Column("agent", sa.Text, sa.ForeignKey("agents.name"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("position", POSITION, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("op_id", sa.Text),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("agent", sa.Text),
        sa.Column("branch", sa.Text),
        sa.Column("seq", sa.BigInteger),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("audit_by_agent", "audit", ["agent", "position"])
    op.create_index("audit_by_operation", "audit", ["op_id"])


def _make_derived_tables() -> None:
    op.create_table(
        "contexts",
        sa.Column("commit", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "segments",
        sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), primary_key=True),
        sa.Column("first_seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("block", sa.Text, primary_key=True),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("raw_bytes", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_index("segments_by_block", "segments", ["block"])
    op.create_table(
        "snapshots",
        sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), primary_key=True),
        sa.Column("part", sa.Text, primary_key=True),
        sa.Column("fold", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("block", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("snapshots_by_block", "snapshots", ["block"])
    op.create_table(
        "remembered",
        sa.Column("ordinal", POSITION, primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("branch", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("session", sa.Text),
        sa.Column("speaker", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("emotion", sa.Text, nullable=False),
        sa.Column("pleasure", sa.Float, nullable=False),
        sa.Column("arousal", sa.Float, nullable=False),
        sa.Column("dominance", sa.Float, nullable=False),
        sa.Column("importance", sa.Float, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("remembered_by_position", "remembered", ["position", "n"], unique=True)
    op.create_index("remembered_by_time", "remembered", ["at"])
    op.create_index("remembered_by_agent", "remembered", ["agent", "at"])
    op.create_index("remembered_by_emotion", "remembered", ["emotion", "at"])
    op.create_index("remembered_by_feeling", "remembered", ["agent", "emotion", "at"])
    op.create_index("remembered_by_session", "remembered", ["session", "at"])
    op.create_index("remembered_by_id", "remembered", ["id"])


def _make_words(connection: sa.Connection) -> None:
    """The words of ``remembered`` by ordinal: FTS5 if it is compiled into this SQLite, a GIN index in PostgreSQL."""
    if connection.dialect.name == "postgresql":
        op.execute(
            "CREATE TABLE remembered_words ("
            " ordinal BIGINT PRIMARY KEY REFERENCES remembered (ordinal) ON DELETE CASCADE, words TSVECTOR NOT NULL)"
        )
        op.execute("CREATE INDEX remembered_words_by_word ON remembered_words USING gin (words)")
    elif connection.execute(sa.text("SELECT sqlite_compileoption_used('ENABLE_FTS5')")).scalar_one():
        tokens = "unicode61 remove_diacritics 0"
        op.execute(f"CREATE VIRTUAL TABLE remembered_words USING fts5(words, content='', tokenize='{tokens}')")


def _fill(connection: sa.Connection, made: Order) -> None:
    columns = "ordinal, id, agent, name, lineage, kind, parent, fork_seq, created_at, op_id"
    _copy_ordered(connection, "branches", columns, made.branches)
    numbered = sa.text(
        "INSERT INTO journal (position, branch, seq, at, kind, agent, op_id, payload)"
        " SELECT o.number + :shift, j.branch, j.seq, j.at, j.kind, j.agent, j.op_id, j.payload"
        " FROM v1_order o JOIN v1_journal j ON j.branch = o.branch AND j.seq = o.seq"
        " WHERE o.number > :after AND o.number <= :upto ORDER BY o.number"
    )
    for after, upto, shift in made.shifts:
        connection.execute(numbered, {"after": after, "upto": upto, "shift": shift})
    op.create_index("journal_by_place", "journal", ["branch", "seq"], unique=True)
    op.create_index("journal_by_operation", "journal", ["op_id", "agent"], unique=True)
    is_rollback = sa.text("kind = 'rolled_back'")
    op.create_index(
        "journal_rollbacks", "journal", ["branch", "seq"], sqlite_where=is_rollback, postgresql_where=is_rollback
    )
    columns = "branch, seq, source_branch, source_seq, base_branch, base_seq"
    op.execute(f"INSERT INTO merges ({columns}) SELECT {columns} FROM v1_merges")  # noqa: S608
    columns = "ordinal, id, agent, branch, seq, message, at, op_id"
    _copy_ordered(connection, "commits", columns, made.commits)


def _copy_ordered(connection: sa.Connection, table: str, columns: str, positions: dict[int, int]) -> None:
    """Copy the rows, oldest first, each with its position, and let new ordinals go on after the last."""
    copy = sa.text(
        f"INSERT INTO {table} ({columns}, position)"  # noqa: S608
        f" SELECT {columns}, CAST(:position AS BIGINT) FROM v1_{table} WHERE ordinal = :ordinal"
    )
    rows = [{"ordinal": ordinal, "position": position} for ordinal, position in sorted(positions.items())]
    if rows:
        connection.execute(copy, rows)
        if connection.dialect.name == "postgresql":
            last = sa.text(f"SELECT setval(pg_get_serial_sequence('{table}', 'ordinal'), :last)")
            connection.execute(last, {"last": rows[-1]["ordinal"]})
