"""How far API keys reach in the library.

Revision: 0006, after 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns, empty: keys that there are reach as far as their role and their agents say."""
    op.add_column("api_keys", sa.Column("clearance", sa.Text))
    op.add_column("api_keys", sa.Column("projects", sa.Text))
