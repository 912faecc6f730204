"""Everything in a vault, looked at: the database's own check, and then what only we can know. Changes nothing.

All of it is one moment, whatever is written meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from quantum_memory.errors import QuantumMemoryError
from quantum_memory.memory.snapshot_check import check_snapshot
from quantum_memory.memory.snapshots import Packing, StateCodec
from quantum_memory.memory.timeline import Fold
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.memory.vault.verify.finding import Report
from quantum_memory.memory.vault.verify.journals import check_journals
from quantum_memory.memory.vault.verify.references import check_references
from quantum_memory.types import Place

_Shelved = tuple[str, str, str, int, str]
"""A snapshot as the catalog lists it: branch, part, fold, number, block."""
_S, _R, _J = schema.snapshots.c, schema.remembered.c, schema.journal.c


class ViewCheck(NamedTuple):
    """A view whose snapshots are to be compared with what folding gives."""

    fold: Fold[Any]
    codec: StateCodec[Any]


def verify(
    vault: Vault,
    views: Sequence[ViewCheck] = (),
    packing: Packing | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Look at every row, every reference and every block of a vault.

    Args:
        vault: one that is open. Writing may go on.
        views: whose snapshots are folded again and compared; snapshots made under other settings are not looked into.
        packing: how those are packed.
        progress: told what is being looked at.

    Raises: VaultUnavailable if the database cannot be reached at all.
    """
    report = Report()
    with vault.database.snapshot() as connection:
        local, rows = connection.dialect.name == "sqlite", list[_Shelved]()
        stages: dict[str, Callable[[], None]] = {
            "the database's own check": lambda: _check_database(connection, vault.storage, report),
            "branches, commits, tags and merges": lambda: check_references(connection, report),
            "journals and segments": lambda: check_journals(connection, vault.blocks, report),
            "the search index": lambda: _check_index(connection, report),
            "the list of snapshots": lambda: rows.extend(_shelved(connection)),
        }
        for what, look in stages.items():
            progress(what)
            try:
                look()
            except sa.exc.DatabaseError as error:
                if not local:
                    raise
                report.add("database", vault.storage, f"{what}: {error.orig}", "none", lost=True)
    if vault.blocks is not None:
        progress("snapshots")
        for row in rows:
            _check_snapshot(vault, views, packing, row, report)
    return report


def _shelved(connection: sa.Connection) -> list[_Shelved]:
    found = connection.execute(sa.select(_S.branch, _S.part, _S.fold, _S.seq, _S.block).order_by(_S.branch))
    return [(branch, part, fold, seq, block) for branch, part, fold, seq, block in found]


def _check_database(connection: sa.Connection, storage: str, report: Report) -> None:
    """What the database says of itself. Only SQLite is asked: a server looks after its own pages."""
    report.count("database")
    if connection.dialect.name != "sqlite":
        return
    for (fault,) in connection.exec_driver_sql("PRAGMA integrity_check(20)"):
        if fault != "ok":
            in_index = "index" in fault and "row" in fault
            report.add("database", storage, fault, "rebuild" if in_index else "none", lost=not in_index)
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        report.add("database", storage, f"row {row} of {table} refers to what {parent} does not have", "none")


def _check_index(connection: sa.Connection, report: Report) -> None:
    """Rows of the search index that stand for no event, or for another branch's."""
    stray = (
        sa.select(sa.func.count())
        .select_from(schema.remembered.join(schema.journal, _J.position == _R.position))
        .where(sa.or_(_J.branch != _R.branch, _J.seq != _R.seq))
    )
    report.count("index", connection.execute(sa.select(sa.func.count()).select_from(schema.remembered)).scalar_one())
    wrong = connection.execute(stray).scalar_one()
    if wrong:
        report.add("index", "remembered", f"{wrong} rows stand for other events than they say", "rebuild")


def _check_snapshot(
    vault: Vault,
    views: Sequence[ViewCheck],
    packing: Packing | None,
    row: _Shelved,
    report: Report,
) -> None:
    branch, part, fold, seq, block = row
    where = f"of {part} at {branch}@{seq}"
    report.count("snapshot")
    if vault.blocks is None or vault.shelf is None:
        return
    try:
        vault.blocks.get(block)
    except QuantumMemoryError as error:
        report.add("snapshot", where, str(error), "drop", branch=branch, seq=seq, block=block)
        return
    for view in views:
        if packing is None or (view.codec.part, view.codec.fingerprint) != (part, fold):
            continue
        try:
            wrong = check_snapshot(vault, vault.shelf, view.fold, view.codec, packing, Place(branch, seq))
        except QuantumMemoryError as error:
            report.add("snapshot", where, f"it cannot be compared: {error}", "none")
            continue
        if wrong is not None:
            report.add("snapshot", where, wrong.reason, "drop", branch=branch, seq=seq, block=block)
