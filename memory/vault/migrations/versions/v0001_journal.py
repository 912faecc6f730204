"""The tables of the first vaults: agents, branches, a journal by place, merges and commits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    meta = op.create_table(
        "meta",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "agents",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("root", sa.Text, nullable=False, unique=True),
    )
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
        sa.UniqueConstraint("agent", "name", name="branches_by_name"),
    )
    op.create_index("branches_by_operation", "branches", ["op_id", "agent"], unique=True)
    op.create_table(
        "journal",
        sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("op_id", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    op.create_index("journal_by_operation", "journal", ["op_id", "agent"], unique=True)
    is_rollback = sa.text("kind = 'rolled_back'")
    op.create_index(
        "journal_rollbacks", "journal", ["branch", "seq"], sqlite_where=is_rollback, postgresql_where=is_rollback
    )
    op.create_table(
        "merges",
        sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("source_branch", sa.Text, nullable=False),
        sa.Column("source_seq", sa.BigInteger, nullable=False),
        sa.Column("base_branch", sa.Text),
        sa.Column("base_seq", sa.BigInteger),
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
    )
    op.create_index("commits_by_operation", "commits", ["op_id", "agent"], unique=True)
    op.create_index("commits_by_agent", "commits", ["agent", "ordinal"])
    op.create_index("commits_by_place", "commits", ["branch", "seq"])
    op.bulk_insert(meta, [{"key": "schema_version", "value": "1"}])
