"""What was found wrong, put right where that loses nothing: derived from the journal, or brought from a backup.

Never guesses: what cannot be told from what is there stays as it is, and is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from quantum_memory.errors import CorruptRecord, NotFound, QuantumMemoryError, Quarantined
from quantum_memory.memory.events import Merged
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.batch import Batch
from quantum_memory.memory.vault.blocks import BlockStore
from quantum_memory.memory.vault.catalog import MAX_VALUES
from quantum_memory.memory.vault.judge_events import marker
from quantum_memory.memory.vault.keeper import put_aside
from quantum_memory.memory.vault.owner import claim
from quantum_memory.memory.vault.reach import builds_on
from quantum_memory.memory.vault.segments import LIVE, Listed, Row, load
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.memory.vault.verify.finding import Finding, Report
from quantum_memory.types import BranchId, Place

NOTHING = "nothing: a person must look"
MAX_DETAIL = 4096
_S, _J, _N, _A, _R = (
    table.c for table in (schema.segments, schema.journal, schema.snapshots, schema.audit, schema.remembered)
)


class Repair(NamedTuple):
    """Something that was found, and what became of it. ``mended``: it can be read again, and as it was written."""

    finding: Finding
    done: str
    mended: bool


def repair(vault: Vault, report: Report, spare: BlockStore | None = None) -> list[Repair]:
    """Put right what can be.

    Args:
        vault: one that is open, and that nobody else writes to meanwhile.
        report: what ``verify`` found just now.
        spare: blocks of a backup, where damaged ones may be had whole.

    Raises: WriteFailed, InvalidValue for blocks of another vault; VaultUnavailable, also if the vault's blocks are
        elsewhere: then nothing is changed.
    """
    if vault.blocks is not None:
        claim(vault.database, vault.blocks)  # where they are elsewhere, nothing is lost and nothing must be put aside
    mender = _Mender(vault, spare)
    done = []
    for finding in report.findings:
        outcome = mender.mend(finding)
        if outcome.done != NOTHING:
            vault.note("repaired", detail=f"{finding}: {outcome.done}"[:MAX_DETAIL])
        done.append(outcome)
    mender.index()
    return done


class _Mender:
    """Mends one vault. What is derived is made again once, however much of it was found wrong."""

    def __init__(self, vault: Vault, spare: BlockStore | None) -> None:
        self._vault, self._spare = vault, spare
        self._again: dict[tuple[str, BranchId], str] = {}
        self._back: list[tuple[BranchId, int]] = []

    def index(self) -> None:
        """Make the search index again if it went past what was brought back while that could not be read."""
        with self._vault.database.read() as connection:
            for branch, first in self._back:
                indexed = sa.exists().where(_R.position == _J.position)
                own = (_J.branch == branch, _J.seq >= first, _J.kind == "remembered", ~indexed)
                if connection.execute(sa.select(_J.seq).where(*own).limit(1)).first() is not None:
                    break
            else:
                return
        self._vault.index.rebuild()

    def mend(self, finding: Finding) -> Repair:
        """Do what the finding's remedy says."""
        work: Callable[[Finding], str]
        match finding.remedy, finding.kind:
            case "restore_block", _:
                return self._segment(finding)
            case "drop", "snapshot":
                work = self._drop_snapshot
            case "drop", _:
                work = self._drop_contexts
            case "rebuild", "index":
                work = self._index
            case "rebuild", "merge":
                work = self._markers
            case "rebuild", "database":
                work = self._reindex
            case "rebuild", "entry":
                work = self._rows
            case _:
                return Repair(finding, NOTHING, mended=False)
        key = finding.kind, finding.branch + finding.block
        if key not in self._again:
            self._again[key] = work(finding)
        return Repair(finding, self._again[key], mended=self._again[key] != NOTHING)

    def _segment(self, finding: Finding) -> Repair:
        """The block from a backup; or the events that are still in the journal; or else it is put aside."""
        vault, block = self._vault, finding.block
        if vault.blocks is None:
            return Repair(finding, NOTHING, mended=False)
        if self._brought(finding):
            return Repair(finding, f"block {block} was brought from the backup", mended=True)
        stretch = (_S.branch == finding.branch, _S.first_seq == finding.seq, _S.block == block)
        with vault.database.read() as connection:
            row = connection.execute(sa.select(_S.last_seq, _S.state).where(*stretch)).one()
            own = (_J.branch == finding.branch, _J.seq >= finding.seq, _J.seq <= row.last_seq)
            bare = connection.execute(sa.select(sa.func.count()).where(*own, _J.payload.is_(None))).scalar_one()
        if not bare:
            with vault.maintenance() as batch:
                batch.execute(sa.delete(schema.segments).where(*stretch))
            return Repair(finding, "its events are still in the journal; it is sealed again later", mended=True)
        if row.state == LIVE:
            put_aside(vault.database, vault.blocks, block)
            self._forget(block)
            return Repair(finding, f"block {block} was put into quarantine; {bare} events cannot be read", mended=False)
        return Repair(finding, NOTHING, mended=False)

    def _brought(self, finding: Finding) -> bool:
        """Whether a backup had the block, and it is in its place again."""
        vault, block = self._vault, finding.block
        if self._spare is None or vault.blocks is None:
            return False
        try:
            data = self._spare.get(block)
        except QuantumMemoryError:
            return False
        vault.blocks.put(data)
        with vault.maintenance() as batch:
            batch.execute(sa.update(schema.segments).where(_S.block == block).values(state=LIVE))
            whose = batch.execute(sa.select(_S.branch, _S.first_seq).where(_S.block == block))
            self._unlearn(batch, [(row.branch, row.first_seq) for row in whose])
        self._forget(block)
        return True

    def _unlearn(self, batch: Batch, stretches: Sequence[tuple[BranchId, int]]) -> None:
        """Let go of views that may have been written down without events that can be read again."""
        self._back += stretches
        try:
            concerned = builds_on(batch.connection, stretches)
        except CorruptRecord:  # nobody can say what follows from what
            batch.execute(sa.delete(schema.snapshots))
            return
        for branch, seq in concerned.items():
            batch.execute(sa.delete(schema.snapshots).where(_N.branch == branch, _N.seq >= seq))

    def _forget(self, block: str) -> None:
        if self._vault.segments is not None:
            self._vault.segments.drop(block)

    def _drop_snapshot(self, finding: Finding) -> str:
        with self._vault.maintenance() as batch:
            shared = batch.execute(sa.select(_N.seq).where(schema.names_file(finding.block)).limit(1)).first()
            own = sa.or_(_N.block == finding.block, schema.names_file(finding.block))
            batch.execute(sa.delete(schema.snapshots).where(own, _N.branch == finding.branch))
        if shared is not None:
            self._put_aside(finding.block)
        return "the snapshot was dropped; the view is folded from the journal"

    def _put_aside(self, block: str) -> None:
        """Put a file that snapshots shared out of the way if it is damaged: then it is written again."""
        if self._vault.blocks is not None:
            try:
                self._vault.blocks.get(block)
            except CorruptRecord:
                self._vault.blocks.quarantine(block)
            except (NotFound, Quarantined):
                return

    def _drop_contexts(self, _: Finding) -> str:
        with self._vault.maintenance() as batch:
            lone = schema.contexts.c.commit.not_in(sa.select(schema.commits.c.id))
            batch.execute(sa.delete(schema.contexts).where(lone))
        return "contexts of no commit were taken away"

    def _index(self, _: Finding) -> str:
        return f"the search index was made again from {self._vault.index.rebuild()} events"

    def _reindex(self, _: Finding) -> str:
        with self._vault.maintenance() as batch:
            batch.execute(sa.text("REINDEX"))
        return "the indexes of the database were made again"

    def _markers(self, _: Finding) -> str:
        """Every merge's marker, told by the merge itself."""
        vault = self._vault
        made: list[dict[str, Any]] = []
        with vault.database.read() as connection:
            rows = connection.execute(sa.select(_J.branch, _J.seq).where(_J.kind == "merged")).all()
        for branch, seq in rows:
            entries = vault.entries(branch, seq - 1, seq, damaged="skip")
            made += [marker(Place(branch, seq), one.event) for one in entries if isinstance(one.event, Merged)]
        with vault.maintenance() as batch:
            batch.execute(sa.delete(schema.merges))
            for row in made:
                batch.insert(schema.merges, row)
        return f"the markers of {len(made)} merges were made again"

    def _rows(self, finding: Finding) -> str:
        """Rows of the journal that are missing, from the segments that have them.

        The last ones of a branch get new positions if theirs were given to others since.
        """
        vault, lost = self._vault, list[Row]()
        if vault.blocks is None:
            return NOTHING
        with vault.database.read() as connection:
            stretches = connection.execute(
                sa.select(_S.first_seq, _S.last_seq, _S.block, _S.raw_bytes, _S.state).where(
                    _S.branch == finding.branch, _S.state == LIVE
                )
            ).all()
            there = set(connection.execute(sa.select(_J.seq).where(_J.branch == finding.branch)).scalars())
        for listed in (Listed(*row) for row in stretches):
            segment = load(vault.blocks, finding.branch, listed)
            lost += [row for row in segment.rows(listed.first_seq - 1, listed.last_seq) if row.seq not in there]
        if not lost:
            return NOTHING
        lost.sort()
        with vault.maintenance() as batch:
            if _any(batch, _J.op_id, [row.op_id for row in lost]):
                return NOTHING  # whoever did not find them has done them again
            if any(_any(batch, column, [row.position for row in lost]) for column in (_J.position, _A.position)):
                if lost[0].seq < max(there, default=0):
                    return NOTHING
                lost = [row._replace(position=batch.next()) for row in lost]
            for row in lost:
                batch.insert(schema.journal, row._asdict() | {"branch": finding.branch})
            self._unlearn(batch, [(finding.branch, lost[0].seq)])
        return f"{len(lost)} rows were made again from segments"


def _any(batch: Batch, column: sa.Column[Any], values: Sequence[Any]) -> bool:
    """Whether any row has one of these values."""
    parts = (values[start : start + MAX_VALUES] for start in range(0, len(values), MAX_VALUES))
    return any(batch.execute(sa.select(column).where(column.in_(part)).limit(1)).first() for part in parts)
