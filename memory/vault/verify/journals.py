"""Every event of every branch: there, in order, whole, and the same in the journal as in its segment. Mends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from quantum_memory.errors import BlockMissing, CorruptRecord, QuantumMemoryError, Quarantined, VaultUnavailable
from quantum_memory.memory.events import Merged
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.blocks import BlockStore
from quantum_memory.memory.vault.codec import decode
from quantum_memory.memory.vault.describe import kind_of
from quantum_memory.memory.vault.owner import check_there
from quantum_memory.memory.vault.segments import LIVE, Listed, Row, Segment, load, told
from quantum_memory.memory.vault.verify.finding import Report
from quantum_memory.types import BranchId

ROWS = 512
_J, _B, _S, _M = schema.journal.c, schema.branches.c, schema.segments.c, schema.merges.c
_BRANCHES = sa.select(_B.id, _B.agent, _B.fork_seq, _B.deleted_at).order_by(_B.ordinal)
_STRETCHES = (
    sa.select(_S.first_seq, _S.last_seq, _S.block, _S.raw_bytes, _S.state)
    .where(_S.branch == sa.bindparam("branch"))
    .order_by(_S.first_seq)
)
_ROWS = (
    sa.select(_J.seq, _J.at, _J.kind, _J.agent, _J.op_id, _J.position, _J.payload)
    .where(_J.branch == sa.bindparam("branch"), _J.seq > sa.bindparam("after"))
    .order_by(_J.seq)
    .limit(ROWS)
)
_MARKERS = sa.select(_M.seq, _M.source_branch, _M.source_seq, _M.base_branch, _M.base_seq).where(
    _M.branch == sa.bindparam("branch")
)


def check_journals(connection: sa.Connection, blocks: BlockStore | None, report: Report) -> None:
    """Look at every branch's events and segments."""
    if blocks is not None:
        try:
            check_there(connection, blocks)
        except VaultUnavailable as error:
            report.add("block", blocks.where, error.reason, "none", lost=True)
            blocks = None
    for branch, agent, fork_seq, deleted_at in connection.execute(_BRANCHES).all():
        _Journal(connection, blocks, report, branch).check(agent, fork_seq, deleted=deleted_at is not None)
        report.count("branch")


class _Journal:
    """One branch's journal under examination."""

    def __init__(self, connection: sa.Connection, blocks: BlockStore | None, report: Report, branch: BranchId) -> None:
        self._connection, self._blocks, self._report, self._branch = connection, blocks, report, branch
        found = connection.execute(_STRETCHES, {"branch": branch}).all()
        self._stretches = [Listed(*row) for row in found]
        self._sound: list[Listed] = []
        self._open: tuple[Listed, Segment] | None = None
        self._markers = {row[0]: tuple(row[1:]) for row in connection.execute(_MARKERS, {"branch": branch})}

    def check(self, agent: str, fork_seq: int, *, deleted: bool) -> None:
        self._check_segments()
        want, time, position = fork_seq + 1, None, 0
        for seq, at, kind, owner, op_id, number, payload in self._rows():
            where = f"{self._branch}@{seq}"
            self._report.count("entry")
            if seq != want and not deleted:
                missing = f"{want}..{seq - 1}" if seq > want else f"{seq} again"
                self._report.add(
                    "entry", where, f"events {missing} are missing before it", "rebuild", lost=True, branch=self._branch
                )
            if owner != agent:
                self._report.add("entry", where, f"it is of {owner!r}, its branch of {agent!r}", "none")
            if time is not None and at < time:
                self._report.add("entry", where, "it is older than the event before it", "none")
            if number <= position:
                self._report.add("entry", where, f"its position {number} is not after {position}", "none")
            self._check_payload(seq, at, kind, op_id, payload, deleted=deleted)
            want, time, position = seq + 1, at, number
        last = self._stretches[-1].last_seq if self._stretches else 0
        if last >= want and not deleted:
            where, what = f"{self._branch}@{want}", f"events {want}..{last} are in a segment and not in the journal"
            self._report.add("entry", where, what, "rebuild", lost=True, branch=self._branch)
        for seq in self._markers.keys() - {0}:
            self._report.add("merge", f"{self._branch}@{seq}", "a marker of a merge that is not there", "rebuild")

    def _rows(self) -> Iterator[Any]:
        after = -1
        while rows := self._connection.execute(_ROWS, {"branch": self._branch, "after": after}).all():
            yield from rows
            after = rows[-1][0]

    def _check_payload(self, seq: int, at: int, kind: str, op_id: str, payload: bytes | None, *, deleted: bool) -> None:
        where = f"{self._branch}@{seq}"
        sealed = self._sealed(seq)
        if sealed is not None:
            stretch, found = sealed
            if (found.at, found.kind, found.op_id) != (at, kind, op_id):
                self._report.add("segment", told(self._branch, stretch), f"it tells another event {seq}", "none")
            if payload is not None and found.payload != payload:
                self._report.add("segment", told(self._branch, stretch), f"its event {seq} reads otherwise", "none")
            payload = payload if payload is not None else found.payload
        if payload is None:
            aside = any(one.first_seq <= seq <= one.last_seq for one in self._stretches)
            if not aside and not deleted:
                self._report.add("entry", where, "it is neither in the journal nor in a segment", "none", lost=True)
            self._markers.pop(seq, None)
            return
        try:
            event = decode(payload, f"entry {where}")
        except CorruptRecord as error:
            self._report.add("entry", where, error.reason, "none", lost=True)
            return
        if kind_of(event) != kind:
            self._report.add("entry", where, f"its row says {kind!r}, it is {kind_of(event)!r}", "none")
        marker = self._markers.pop(seq, None)
        if isinstance(event, Merged) and marker != (*event.source, *(event.base or (None, None))):
            self._report.add("merge", where, "its marker does not say what it says", "rebuild")
        elif marker is not None and not isinstance(event, Merged):
            self._report.add("merge", where, f"a marker of a merge beside a {kind_of(event)}", "rebuild")

    def _sealed(self, seq: int) -> tuple[Listed, Row] | None:
        """The stretch that an event was sealed in, and what it tells of it. One segment is open at a time."""
        if self._open is None or not self._open[0].first_seq <= seq <= self._open[0].last_seq:
            stretch = next((one for one in self._sound if one.first_seq <= seq <= one.last_seq), None)
            if stretch is None or self._blocks is None:
                return None
            self._open = stretch, load(self._blocks, self._branch, stretch)
        stretch, segment = self._open
        return stretch, segment.rows(seq - 1, seq)[0]

    def _check_segments(self) -> None:
        end = -1
        for stretch in self._stretches:
            what = told(self._branch, stretch)
            self._report.count("segment")
            if stretch.first_seq <= end:
                self._report.add("segment", what, "it overlaps the one before it", "none")
            end = stretch.last_seq
            if stretch.state != LIVE:
                self._damaged(stretch, f"its block {stretch.block} is in quarantine")
                continue
            if self._blocks is None:
                self._report.add("segment", what, "the blocks are not there", "none", lost=True)
                continue
            try:
                load(self._blocks, self._branch, stretch).rows(stretch.first_seq - 1, stretch.last_seq)
            except (BlockMissing, Quarantined, CorruptRecord) as error:
                self._damaged(stretch, str(error))
            except QuantumMemoryError as error:
                self._report.add("segment", what, str(error), "none", lost=True)
            else:
                self._sound.append(stretch)

    def _damaged(self, stretch: Listed, what: str) -> None:
        where = told(self._branch, stretch)
        place = {"branch": self._branch, "block": stretch.block}
        self._report.add("segment", where, what, "restore_block", lost=True, seq=stretch.first_seq, **place)
