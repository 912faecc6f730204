"""The catalog of a vault as pieces, and back: through SQLite's online backup, or as rows of one snapshot.

Knows the tables only as tables. Pieces are compressed and cut at fixed places, so that what did not change between two
copies has the same name in both.
"""

from __future__ import annotations

import sqlite3
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from quantum_memory.errors import CorruptRecord, WriteFailed
from quantum_memory.memory.vault import schema

PIECE_BYTES = 4 * 2**20
ROWS = 4096
DERIVED = (schema.remembered, schema.snapshots)
"""Made again where they are missing."""
TABLES = tuple(table for table in schema.metadata.sorted_tables if table not in DERIVED)
_LEVEL = 1
_MOST = 64 * 2**20


def sqlite_pieces(connection: sa.Connection, storage: str) -> Iterator[bytes]:
    """The database file as this connection sees it, copied by SQLite and found sound, in compressed pieces.

    Raises: CorruptRecord if the copy fails SQLite's own check, WriteFailed if there is no room for it.
    """
    source: Any = connection.connection.dbapi_connection
    with _scratch(storage) as folder:
        file = folder / "copy.sqlite"
        with closing(sqlite3.connect(file)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise CorruptRecord(storage, f"the copy of its catalog is not sound: {verdict}")
        with file.open("rb") as data:
            while piece := data.read(PIECE_BYTES):
                yield zlib.compress(piece, _LEVEL)


@contextmanager
def _scratch(storage: str) -> Iterator[Path]:
    """A folder for the copy, and what goes wrong in it in our words."""
    try:
        with tempfile.TemporaryDirectory(prefix="catalog-") as folder:
            yield Path(folder)
    except (sqlite3.OperationalError, OSError) as error:
        where = tempfile.gettempdir()
        raise WriteFailed(storage, f"its catalog cannot be copied to {where}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise CorruptRecord(storage, f"its catalog cannot be copied: {error}") from error


def row_pieces(connection: sa.Connection) -> Iterator[bytes]:
    """The rows of every table that is not derived, as this connection sees them, in compressed pieces."""
    for table in TABLES:
        rows = connection.execute(sa.select(table).order_by(*table.primary_key).execution_options(yield_per=ROWS))
        for part in rows.mappings().partitions(ROWS):
            body = msgspec.msgpack.encode(
                [str(table.name), [str(column.name) for column in table.columns], [list(row.values()) for row in part]]
            )
            yield zlib.compress(body, _LEVEL)


def write_sqlite(pieces: Iterable[bytes], file: Path, what: str) -> None:
    """Put the file together again. Raises: CorruptRecord."""
    with file.open("xb") as out:
        for piece in pieces:
            out.write(_inflated(piece, what))
    file.chmod(0o600)
    try:
        with closing(sqlite3.connect(file)) as copy:
            (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        raise CorruptRecord(what, f"SQLite cannot read it: {error}") from error
    if verdict != "ok":
        raise CorruptRecord(what, f"SQLite finds it damaged: {verdict}")


def write_rows(pieces: Iterable[bytes], connection: sa.Connection, what: str) -> None:
    """Put the rows into empty tables. Raises: CorruptRecord."""
    known = {table.name: table for table in TABLES}
    for piece in pieces:
        try:
            name, columns, rows = msgspec.msgpack.decode(
                _inflated(piece, what), type=tuple[str, list[str], list[list[Any]]]
            )
        except msgspec.MsgspecError as error:
            raise CorruptRecord(what, str(error)) from error
        table = known.get(name)
        if table is None or set(columns) != set(table.columns.keys()) or any(len(row) != len(columns) for row in rows):
            raise CorruptRecord(what, f"rows of {name!r} that no table here has")
        if rows:
            connection.execute(sa.insert(table), [dict(zip(columns, row, strict=True)) for row in rows])
    if connection.dialect.name == "postgresql":
        _advance_numbers(connection)


def _advance_numbers(connection: sa.Connection) -> None:
    """Let PostgreSQL go on numbering after the rows that came with their numbers."""
    for table in (schema.branches, schema.commits):
        last = connection.execute(sa.select(sa.func.max(table.c.ordinal))).scalar_one()
        if last is not None:
            sequence = sa.func.pg_get_serial_sequence(table.name, "ordinal")
            connection.execute(sa.select(sa.func.setval(sequence, last)))


def _inflated(piece: bytes, what: str) -> bytes:
    machine = zlib.decompressobj()
    try:
        data = machine.decompress(piece, _MOST)
    except zlib.error as error:
        raise CorruptRecord(what, str(error)) from error
    if not machine.eof or machine.unused_data:
        raise CorruptRecord(what, f"a piece that does not end within {_MOST} bytes")
    return data
