"""New vaults of tests get their tables by the statements that Alembic's steps executed for the first one in a process.

Working these out from the steps takes ten times as long as executing them, and thousands of vaults are made. Vaults of
an older version are brought on by the steps themselves. So is every vault of test_vault_migrations.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from quantum_memory.memory.vault import migrations, schema

ASKING = ("SELECT", "PRAGMA")
Run = Callable[[sa.Connection, str | None], None]
Statement = tuple[str, Any]


class Steps:
    """What runs the missing steps on a connection, and remembers what they execute where nothing is yet.

    Args:
        run: what runs them.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._made: dict[str, list[Statement]] = {}

    def __call__(self, connection: sa.Connection, stamp: str | None) -> None:
        dialect = connection.dialect.name
        if stamp is not None or sa.inspect(connection).has_table(schema.meta.name):
            self._run(connection, stamp)
        elif dialect not in self._made:
            self._made[dialect] = self._heard(connection)
        else:
            for text, values in self._made[dialect]:
                connection.exec_driver_sql(text, values).close()

    def _heard(self, connection: sa.Connection) -> list[Statement]:
        """Run all steps; what they executed, without what they asked."""
        heard: list[Statement] = []

        def hear(_: object, __: object, text: str, values: Any, ___: object, many: bool) -> None:
            assert not many, "nothing is there yet of which there could be many"
            if not text.lstrip().startswith(ASKING):
                heard.append((text, values))

        event.listen(connection, "before_cursor_execute", hear)
        try:
            self._run(connection, None)
        finally:
            event.remove(connection, "before_cursor_execute", hear)
        return heard


STEPS = Steps(migrations._run)
"""Of this process."""
