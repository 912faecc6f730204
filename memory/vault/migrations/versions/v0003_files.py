"""Snapshots name the files that they share with others.

Revision: 0003, after 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a column to what is a cache."""
    op.add_column("snapshots", sa.Column("files", sa.Text))
