"""Snapshots in a vault: the bytes as blocks, and a row that says which view they are, of which branch, and when.

Files that snapshots share are blocks too, which their rows name. Knows nothing of what is in them. They are a cache:
any row or block of theirs may be deleted at any time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from quantum_memory.checks import utc
from quantum_memory.errors import BlockMissing, CorruptRecord, NotFound, PlaceNotFound, StorageFailure
from quantum_memory.memory.columns import Arrays, Attributes
from quantum_memory.memory.snapshots import Packing, Saved
from quantum_memory.memory.vault import container
from quantum_memory.memory.vault.blocks import BlockStore
from quantum_memory.memory.vault.catalog import to_us
from quantum_memory.memory.vault.database import Database
from quantum_memory.memory.vault.schema import branches, journal, snapshots
from quantum_memory.types import BranchId, Part, Place

FORMAT = "quantum_memory snapshot"
VERSION = 1
PAUSE_S = 0.0005
KEPT = 2
"""Snapshots kept of each branch and view: the latest, and the one before it in case that is damaged."""
logger = logging.getLogger(__name__)


def packing(compression: int) -> Packing:
    """Snapshots as containers, compressed by Zstandard at this level; other threads have their turn meanwhile."""

    def packed(arrays: Arrays, attributes: Attributes) -> bytes:
        told = {**attributes, "format": FORMAT, "version": VERSION}
        return container.pack(arrays, told, compression, lambda: time.sleep(PAUSE_S))

    def unpacked(data: bytes, what: str) -> tuple[Arrays, Attributes]:
        contents = container.unpack(data, what)
        contents.expect(what, FORMAT, VERSION)
        own = {name: told for name, told in contents.attributes.items() if name not in {"format", "version"}}
        return contents.arrays, own

    return Packing(packed, unpacked)


class SnapshotShelf:
    """The snapshots of a vault, and the files that they share; a ``Shelf`` and ``Files``. Thread-safe.

    Args:
        database: the vault's.
        blocks: where the bytes lie.
        now: the clock.
    """

    def __init__(self, database: Database, blocks: BlockStore, now: Callable[[], datetime]) -> None:
        self._database, self._blocks, self._now = database, blocks, now

    def nearest(self, branch: BranchId, part: Part, fold: str, after: int, upto: int) -> Saved | None:
        """The latest snapshot of a branch with after <= seq <= upto whose bytes can be had; damaged ones are logged.

        Raises: WriteFailed, VaultUnavailable, CorruptRecord for what the database says.
        """
        query = (
            sa.select(snapshots.c.seq, snapshots.c.block)
            .where(_is(branch, part, fold), snapshots.c.seq.between(after, upto))
            .order_by(snapshots.c.seq.desc())
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        for seq, block in rows:
            try:
                return Saved(int(seq), self._blocks.get(block))
            except (StorageFailure, NotFound) as error:
                logger.warning("the snapshot of %s at %s:%s is passed over: %s", part, branch, seq, error)
        return None

    def keep(self, place: Place, part: Part, fold: str, data: bytes, files: Sequence[str] = ()) -> None:
        """Keep a snapshot, in place of one at the same place; of others the highest and the newest stay.

        The bytes are durable before the row is. What no row names any more goes with the next collection of garbage.

        Raises: PlaceNotFound for a place that the journal does not have, BlockMissing for a file that is not there,
            WriteFailed, VaultUnavailable.
        """
        at = to_us(utc("now", self._now()))
        block = self._blocks.put(data)
        row = {"branch": place.branch, "part": part, "fold": fold, "seq": place.seq}
        row |= {"block": block, "bytes": len(data), "at": at, "files": " ".join(files) or None}
        new: set[str] = set()
        while not self._inserted(place, row, set(files), new):
            with self._database.read() as connection:
                named = _named(connection, place.branch) if files else set()
            for name in sorted({*files} - named - new):
                if not self._blocks.renew(name):
                    raise BlockMissing(self._blocks.where, name)
                new.add(name)

    def _inserted(self, place: Place, row: dict[str, Any], files: set[str], new: set[str]) -> bool:
        """Whether the row is in, beside no more than a few others.

        Not if it names a file that is neither new nor named by another row of the agent: a collection under way may be
        taking it.
        """
        same = _is(place.branch, row["part"], row["fold"])
        with self._database.transaction() as connection:
            if files - new and files - new - _named(connection, place.branch):
                return False
            _check_place(connection, place)
            connection.execute(sa.delete(snapshots).where(same, snapshots.c.seq == place.seq))
            connection.execute(sa.insert(snapshots), row)
            found = connection.execute(sa.select(snapshots.c.seq, snapshots.c.at).where(same)).all()
            surplus = _surplus([(int(seq), int(at)) for seq, at in found])
            if surplus:
                connection.execute(sa.delete(snapshots).where(same, snapshots.c.seq.in_(surplus)))
        return True

    def lacking(self, names: Sequence[str]) -> list[str]:
        """Those of these files that are not there. Raises: VaultUnavailable."""
        return [name for name in names if not self._blocks.has(name)]

    def file(self, name: str) -> bytes:
        """What is in a file. A damaged one is put aside, so that whoever has it whole may put it again.

        Raises: CorruptRecord, Quarantined, BlockMissing, VaultUnavailable, WriteFailed.
        """
        try:
            return self._blocks.get(name)
        except CorruptRecord:
            self._blocks.quarantine(name)
            raise

    def put_file(self, data: bytes) -> str:
        """Keep a file and return its name. It goes again if no snapshot comes to name it. Raises: WriteFailed."""
        return self._blocks.put(data)


def _named(connection: sa.Connection, branch: BranchId) -> set[str]:
    """The files that snapshots of an agent name, one of whose branches this is. Other agents' rows are not read."""
    agent = sa.select(branches.c.agent).where(branches.c.id == branch).scalar_subquery()
    own = sa.select(branches.c.id).where(branches.c.agent == agent)
    query = sa.select(snapshots.c.files).where(snapshots.c.branch.in_(own), snapshots.c.files.is_not(None)).distinct()
    return {name for told in connection.execute(query).scalars() for name in told.split()}


def _is(branch: BranchId, part: Part, fold: str) -> sa.ColumnElement[bool]:
    return sa.and_(snapshots.c.branch == branch, snapshots.c.part == part, snapshots.c.fold == fold)


def _check_place(connection: sa.Connection, place: Place) -> None:
    """See that history reaches this far. Raises: PlaceNotFound."""
    row = connection.execute(
        sa.select(branches.c.agent, branches.c.fork_seq).where(branches.c.id == place.branch)
    ).one_or_none()
    own = sa.select(journal.c.seq).where(journal.c.branch == place.branch, journal.c.seq == place.seq)
    there = row is not None and (row.fork_seq == place.seq or connection.execute(own).first() is not None)
    if not there:
        raise PlaceNotFound("?" if row is None else row.agent, f"{place.branch}:{place.seq}")


def _surplus(found: Sequence[tuple[int, int]]) -> list[int]:
    """Of (seq, at) all but the furthest on and the newest others: what was rolled back may be the furthest for ever."""
    newest = sorted(found, key=lambda row: (row[1], row[0]), reverse=True)
    furthest = max(found)
    return [seq for seq, at in newest if (seq, at) != furthest][KEPT - 1 :]
