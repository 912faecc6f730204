"""Everything in a vault, looked at: the database's own check, and then what only we can know. Changes nothing.

All of it is one moment, whatever is written, joined or collected meanwhile. Of snapshots of views only those count that
are still listed when they are looked at: a newer one takes the place of an older.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import sqlalchemy as sa

from quantum_memory.errors import CorruptRecord, QuantumMemoryError
from quantum_memory.memory.snapshot_check import check_snapshot
from quantum_memory.memory.snapshots import Packing, StateCodec
from quantum_memory.memory.timeline import Fold
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.memory.vault.verify.callers import check_callers
from quantum_memory.memory.vault.verify.finding import Remedy, Report
from quantum_memory.memory.vault.verify.journals import check_journals
from quantum_memory.memory.vault.verify.references import check_references
from quantum_memory.types import BranchId, Place

_S, _R, _J = schema.snapshots.c, schema.remembered.c, schema.journal.c
_DROP: Remedy = "drop"


class _Shelved(NamedTuple):
    """A snapshot as the catalog lists it."""

    branch: BranchId
    part: str
    fold: str
    seq: int
    block: str
    files: str | None


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
    """Look at every row, every reference and every block of a vault. No block is removed meanwhile.

    Args:
        vault: one that is open. Writing, sealing and collecting may go on.
        views: whose snapshots are folded again and compared; snapshots made under other settings are not looked into.
        packing: how those are packed.
        progress: told what is being looked at.

    Raises: VaultUnavailable if the database cannot be reached at all.
    """
    report = Report()
    with nullcontext() if vault.blocks is None else vault.blocks.held():  # before its rows are read, which name blocks
        rows = _check_catalog(vault, report, progress)
        if vault.blocks is not None:
            progress("snapshots")
            files: dict[str, str | None] = {}
            for row in rows:
                _check_snapshot(vault, views, packing, row, files, report)
    return report


def _check_catalog(vault: Vault, report: Report, progress: Callable[[str], None]) -> list[_Shelved]:
    """Look at all but the snapshots of views, of which the list is returned."""
    rows = list[_Shelved]()
    with vault.database.snapshot() as connection:
        local = connection.dialect.name == "sqlite"
        stages: dict[str, Callable[[], None]] = {
            "the database's own check": lambda: _check_database(connection, vault.storage, report),
            "branches, commits, tags and merges": lambda: check_references(connection, report),
            "callers from outside": lambda: check_callers(connection, report),
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
    return rows


def _shelved(connection: sa.Connection) -> list[_Shelved]:
    found = connection.execute(sa.select(_S.branch, _S.part, _S.fold, _S.seq, _S.block, _S.files).order_by(_S.branch))
    return [_Shelved(*row) for row in found]


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
    files: dict[str, str | None],
    report: Report,
) -> None:
    """Look at a snapshot and at the files that it names. ``files`` has what is wrong with those looked at already."""
    if not _still_listed(vault, row):
        return
    report.count("snapshot")
    block, wrong = row.block, None
    for name in (row.files or "").split():
        if name not in files:
            report.count("file")
            files[name] = _unreadable(vault, name)
        told = files[name]
        if told is not None and wrong is None:
            block, wrong = name, (told, _DROP)
    wrong = wrong or _wrong_with(vault, views, packing, row)
    if wrong is not None and _still_listed(vault, row):
        what, remedy = wrong
        where = f"of {row.part} at {row.branch}@{row.seq}"
        report.add("snapshot", where, what, remedy, branch=row.branch, seq=row.seq, block=block)


def _unreadable(vault: Vault, block: str) -> str | None:
    """Why a block cannot be had, if it cannot."""
    try:
        if vault.blocks is not None:
            vault.blocks.get(block)
    except QuantumMemoryError as error:
        return str(error)
    return None


def _wrong_with(
    vault: Vault, views: Sequence[ViewCheck], packing: Packing | None, row: _Shelved
) -> tuple[str, Remedy] | None:
    """What is wrong with a snapshot, and what could be done about it."""
    if vault.blocks is None or vault.shelf is None:
        return None
    told = _unreadable(vault, row.block)
    if told is not None:
        return told, "drop"
    for view in views:
        if packing is None or (view.codec.part, view.codec.fingerprint) != (row.part, row.fold):
            continue
        try:
            wrong = check_snapshot(vault, vault.shelf, view.fold, view.codec, packing, Place(row.branch, row.seq))
        except QuantumMemoryError as error:
            return f"it cannot be compared: {error}", "none"
        if wrong is not None:
            return wrong.reason, "drop"
    return None


def _still_listed(vault: Vault, row: _Shelved) -> bool:
    """Whether the catalog has the snapshot now: a newer one may have taken its place, or it was collected."""
    same = (_S.branch == row.branch, _S.part == row.part, _S.fold == row.fold, _S.seq == row.seq, _S.block == row.block)
    try:
        with vault.database.read() as connection:
            return connection.execute(sa.select(_S.block).where(*same)).first() is not None
    except CorruptRecord:  # found before, by the database's own check
        return True
