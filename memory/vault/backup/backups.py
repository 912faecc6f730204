"""Backups in a folder or at a URL: made, listed, checked and thinned out. Restores nothing.

Segments never change, so a backup copies those that no earlier one has, and then the catalog as it was when it began.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from quantum_memory.checks import utc
from quantum_memory.errors import BackupNotFound, CorruptRecord, QuantumMemoryError
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.backup.catalog_copy import row_pieces, sqlite_pieces
from quantum_memory.memory.vault.backup.manifest import Manifest, Manifests
from quantum_memory.memory.vault.blocks import BlockStore, open_blocks
from quantum_memory.memory.vault.catalog import last_position
from quantum_memory.policies.retention import Retention

if TYPE_CHECKING:
    from quantum_memory.memory.vault.database import Database

BLOCKS = "blocks"
WEEK = 7


class Backups:
    """The backups of one vault in one place.

    Args:
        where: a folder or an fsspec URL. Manifests lie in it, what they name in ``blocks`` below it.
        now: the clock.

    Raises: WriteFailed, MissingDependency, InvalidValue if another vault keeps its backups there.
    """

    def __init__(self, where: str | Path, now: Callable[[], datetime]) -> None:
        self.where, self._now = str(where), now
        self._manifests = Manifests(where)
        self._turn = _TURNS.setdefault(self._manifests.place, threading.Lock())
        self.blocks: BlockStore = open_blocks(f"{self.where.rstrip('/')}/{BLOCKS}")

    def all(self) -> list[Manifest]:
        """Every backup whose manifest can be read, oldest first. Raises: VaultUnavailable."""
        return self._manifests.all()[0]

    def unreadable(self) -> list[str]:
        """What is wrong with the other manifests, in words. Raises: VaultUnavailable."""
        return self._manifests.all()[1]

    def make(self, database: Database, blocks: BlockStore | None, vault: str, *, full: bool = False) -> Manifest:
        """Copy a vault that goes on being written to, and read back what was copied.

        Args:
            database: the vault's.
            blocks: where its segments lie.
            vault: its identity.
            full: read every segment again and compare it with its copy, instead of trusting earlier backups.

        Raises: WriteFailed, CorruptRecord and BlockMissing if a segment or a copy is not what it should be; then there
            is no new backup, and the earlier ones are as they were.
        """
        self.blocks.claim(vault)
        fresh: dict[str, int] = {}
        with self._turn, _held(blocks), database.snapshot() as connection:
            at = utc("now", self._now())
            rows = connection.execute(sa.select(_S.block, _S.bytes).where(_LIVE).order_by(_S.block)).all()
            sealed: dict[str, int] = {row.block: row.bytes for row in rows}
            names = list(sealed)
            trusted = {} if full else self._trusted(at)
            for name, nbytes in sealed.items():
                if blocks is None:
                    raise CorruptRecord(database.storage, f"it names the block {name}, and no blocks were given")
                if trusted.get(name) != nbytes:
                    self._copy(blocks.get(name), fresh)
            local = connection.dialect.name == "sqlite"
            pieces = sqlite_pieces(connection, database.storage) if local else row_pieces(connection)
            catalog, size = [], 0
            for piece in pieces:
                size += len(piece)
                catalog.append(self._copy(piece, fresh))
            manifest = Manifest(
                vault=vault,
                kind="full" if full else "incremental",
                at=at,
                position=last_position(connection),
                engine="sqlite" if local else "rows",
                catalog=tuple(catalog),
                catalog_bytes=size,
                blocks=tuple(names),
                copied=(len(fresh), sum(fresh.values())),
                schema=str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one()),
            )
            for name in manifest.named() if full else fresh:
                self.blocks.get(name)  # read back: what does not have its name's hash is refused
            self._manifests.write(manifest)
        return manifest

    def _trusted(self, at: datetime) -> dict[str, int]:
        """Blocks that earlier backups left here, and their sizes, without those that are not what they should be.

        A part of them is read again each day, so that each is about once a week.
        """
        known = frozenset().union(*(one.named() for one in self.all()))
        found = {}
        for info in self.blocks.listing():
            due = int(info.name[:4], 16) % WEEK == at.toordinal() % WEEK
            if info.name in known and not (due and self._damaged(info.name)):
                found[info.name] = info.nbytes
        return found

    def _damaged(self, name: str) -> str:
        """What is wrong with a block, in words; nothing, if all is well."""
        try:
            self.blocks.get(name)
        except QuantumMemoryError as error:
            return str(error)
        return ""

    def check(self, manifest: Manifest) -> list[str]:
        """What is wrong with a backup, in words: nothing, if it can be restored."""
        return [fault for name in sorted(manifest.named()) if (fault := self._damaged(name))]

    def thin_out(self, retention: Retention) -> list[Manifest]:
        """Remove the backups that the policy does not keep, and what only they named. Returns them.

        No block goes as long as a manifest cannot be read: nobody knows what it names.
        """
        with self._turn:
            every, unreadable = self._manifests.all()
            kept = retention.kept(one.at for one in every)
            gone = [one for one in every if one.at not in kept]
            for one in gone:
                self._manifests.remove(one)
            if not unreadable:
                needed = frozenset().union(*(one.named() for one in every if one.at in kept))
                for info in list(self.blocks.listing()):
                    if info.name not in needed:
                        self.blocks.remove(info.name)
            return gone

    def latest(self) -> Manifest:
        """The newest backup. Raises: BackupNotFound."""
        every, unreadable = self._manifests.all()
        if not every:
            raise BackupNotFound(self.where, "; ".join(["any moment", *unreadable]))
        return every[-1]

    def covering(self, position: int | None, at: datetime | None) -> Manifest:
        """The earliest backup that holds everything up to a position or a time; the newest, if neither is given.

        The earliest, because less was collected as garbage when it was made. A time after the newest backup means all
        that the newest holds. Raises: BackupNotFound.
        """
        if position is None and at is None:
            return self.latest()
        for one in self.all():
            if (position is not None and one.position >= position) or (at is not None and one.at >= at):
                return one
        latest = self.latest()
        if position is not None:
            raise BackupNotFound(self.where, f"position {position}; the newest ends at {latest.position}")
        return latest

    def _copy(self, data: bytes, fresh: dict[str, int]) -> str:
        name = self.blocks.put(data)
        fresh.setdefault(name, len(data))
        return name


_S = schema.segments.c
_LIVE = _S.state == "live"
_TURNS: dict[str, threading.Lock] = {}
"""By place: who makes a backup there, or thins them out, does so alone. No other process holds the same vault."""


@contextmanager
def _held(blocks: BlockStore | None) -> Iterator[None]:
    """Nothing that the vault's catalog names is removed meanwhile."""
    if blocks is None:
        yield
        return
    with blocks.held():
        yield
