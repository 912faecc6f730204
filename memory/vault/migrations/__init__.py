"""How a vault's tables come about: made new, or brought on from an older version, in the writer's own transaction.

Alembic does the steps, in ``versions``. All of them are kept or none is, in SQLite as in PostgreSQL, so a vault whose
migration was cut off is what it was before. Never goes back to an older version.
"""

from __future__ import annotations

import threading
from pathlib import Path

import sqlalchemy as sa

from quantum_memory.errors import CorruptRecord, InvalidValue, NewerSchema
from quantum_memory.memory.vault import schema

HEAD = "0006"
"""The last step, whose tables are those of ``schema``."""

VERSION_TABLE = "alembic_version"
FIRST = "0001"
FIRST_TABLES = frozenset({"meta", "agents", "branches", "journal", "merges", "commits"})
ADDED = {
    "0004": frozenset({"pools", "members", "lineages"}),
    "0005": frozenset({"api_keys", "denials", "requests", "tokens"}),
}
"""Tables that came with a step after the second; all others but the first ones came with that."""
FIRST_KEY = "schema_version"
"""Where the first version kept its number; it had no table for it."""

_one_at_a_time = threading.Lock()  # Alembic's context belongs to the whole process


def migrate(connection: sa.Connection, storage: str) -> None:
    """Make the tables, bring older ones up to date, or see that those found are as they should be.

    Raises: NewerSchema, CorruptRecord if tables are missing or the version cannot be read, InvalidValue if the tables
        there belong to something else.
    """
    inspector = sa.inspect(connection)
    found = set(inspector.get_table_names())
    revision = _revision(connection, storage, inspector, found)
    wanted = set(schema.metadata.tables)
    if revision == HEAD:
        if not wanted <= found:
            raise CorruptRecord(storage, f"tables are missing: {sorted(wanted - found)}")
        return
    if revision is not None and not found >= FIRST_TABLES:
        raise CorruptRecord(storage, f"tables are missing: {sorted(FIRST_TABLES - found)}")
    in_the_way = found & (wanted - _tables_at(revision, wanted))
    if in_the_way:
        raise _foreign(storage, in_the_way)
    _run(connection, stamp=FIRST if revision == FIRST and VERSION_TABLE not in found else None)


def _tables_at(revision: str | None, wanted: set[str]) -> set[str]:
    """Those of the tables wanted that a vault has after a step."""
    if revision is None:
        return set()
    if revision == FIRST:
        return wanted & FIRST_TABLES
    return {table for table in wanted if all(table not in added for step, added in ADDED.items() if step > revision)}


def _revision(connection: sa.Connection, storage: str, inspector: sa.Inspector, found: set[str]) -> str | None:
    """The step that the tables are at; ``None`` if there is no vault yet."""
    if schema.meta.name not in found:
        ours = found & (set(schema.metadata.tables) | {VERSION_TABLE})
        if ours:
            raise _foreign(storage, ours)
        return None
    if {column["name"] for column in inspector.get_columns(schema.meta.name)} != set(schema.meta.c.keys()):
        raise _foreign(storage, {schema.meta.name})
    if VERSION_TABLE in found:
        steps = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all()  # noqa: S608
        name, value = VERSION_TABLE, steps[0] if len(steps) == 1 else None
    else:
        kept = sa.select(schema.meta.c.value).where(schema.meta.c.key == FIRST_KEY)
        name, value = FIRST_KEY, connection.execute(kept).scalar_one_or_none()
    if value is None or not (value.isascii() and value.isdecimal() and int(value)):
        raise CorruptRecord(f"{storage}: {name}", f"expected a whole number, got {value!r}")
    known = int(FIRST if name == FIRST_KEY else HEAD)
    if int(value) > known:
        raise NewerSchema(storage, int(value), int(HEAD))
    return f"{int(value):04}"


def _run(connection: sa.Connection, stamp: str | None) -> None:
    """Hand the connection to Alembic, which takes a good part of a second to load."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    with _one_at_a_time:
        if stamp is not None:
            command.stamp(config, stamp)
        command.upgrade(config, "head")


def _foreign(storage: str, tables: set[str]) -> InvalidValue:
    return InvalidValue("storage", f"{storage} with tables {sorted(tables)}", "an empty database or a vault")
