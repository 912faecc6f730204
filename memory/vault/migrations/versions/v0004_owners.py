"""Who may write: sizes of pools, orchestrators and their incarnations, lineages and their epochs.

Revision: 0004, after 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add empty tables: a vault that no cluster has opened yet knows of no pools."""
    op.create_table(
        "pools",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("moving_until", sa.BigInteger),
    )
    op.create_table(
        "members",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("incarnation", sa.BigInteger, nullable=False),
        sa.Column("process", sa.Text, nullable=False),
    )
    op.create_table(
        "lineages",
        sa.Column("lineage", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("member", sa.Integer, nullable=False),
        sa.Column("incarnation", sa.BigInteger, nullable=False),
    )
