"""Garbage collection: what no living branch and no tag can reach any more, and blocks that no row names.

What was deleted can be had back until it has been so for the grace period. Never touches what can be reached, and never
looks into an event other than a rollback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.batch import Batch
from quantum_memory.memory.vault.blocks import BlockInfo, BlockStore, Swept
from quantum_memory.memory.vault.catalog import last_position, to_us
from quantum_memory.memory.vault.owner import claim
from quantum_memory.memory.vault.reach import ROLLBACKS, BranchRow, Reach, rollbacks
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.types import AgentName, BranchId, Place

BLOCK_GRACE_S = 600.0
"""A block younger than this is never taken: somebody may be about to name it."""
ROWS = 512
"""About how many rows one transaction removes."""
ATTEMPTS = 5
END = 2**63 - 1
NOTHING_SWEPT = Swept(0, 0)
_S_TO_US = 1_000_000

_J, _B, _C, _M, _S, _N, _T = (
    table.c
    for table in (
        schema.journal,
        schema.branches,
        schema.commits,
        schema.merges,
        schema.segments,
        schema.snapshots,
        schema.tags,
    )
)
_LAST_AT = sa.select(sa.func.max(_J.at)).where(_J.branch == _B.id).scalar_subquery()
_TOUCHED = sa.case((_B.kind == "transaction", sa.func.coalesce(_LAST_AT, _B.created_at)), else_=None)
BRANCHES = sa.select(_B.ordinal, _B.id, _B.agent, _B.kind, _B.parent, _B.fork_seq, _B.deleted_at, _TOUCHED).order_by(
    _B.ordinal
)
NEW_MERGES = (
    sa.select(_M.source_branch, _M.base_branch)
    .select_from(schema.journal.join(schema.merges, sa.and_(_M.branch == _J.branch, _M.seq == _J.seq)))
    .where(_J.position > sa.bindparam("since"), _J.kind == "merged")
)
TAGS = sa.select(_T.branch, _T.seq)


class Trim(NamedTuple):
    """What is to become of a branch that is neither alive nor deleted just now.

    Attributes:
        keep: the last event that can be reached; there may be none of its own.
        skeleton: up to where rollbacks and merges are kept, since merges elsewhere go by them.
        row: whether its row stays.
        events, commits, segments, snapshots: how many of each go.
        nbytes: what the events take in the database and the segments and snapshots in blocks.
    """

    branch: BranchId
    agent: AgentName
    kind: str
    keep: int
    skeleton: int
    row: bool
    events: int
    commits: int
    segments: int
    snapshots: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class Garbage:
    """What can go, or what went.

    Attributes:
        position: the last change that was known when this was found out.
        trims: branches that lose something.
        blocks: blocks that no row names, or none will when the rows are gone.
        swept: what writes that never ended had left behind.
    """

    position: int
    trims: tuple[Trim, ...] = ()
    blocks: tuple[BlockInfo, ...] = ()
    swept: Swept = NOTHING_SWEPT

    @property
    def branches(self) -> int:
        """How many branches go whole."""
        return sum(not trim.row for trim in self.trims)

    @property
    def events(self) -> int:
        """How many events go."""
        return sum(trim.events for trim in self.trims)

    @property
    def nbytes(self) -> int:
        """How many bytes of blocks go."""
        return sum(block.nbytes for block in self.blocks) + self.swept.nbytes

    def __str__(self) -> str:
        commits = sum(trim.commits for trim in self.trims)
        return (
            f"{self.branches} branches, {self.events} events, {commits} commits, {len(self.blocks)} blocks and "
            f"{self.swept.files} unfinished files of {self.nbytes} bytes"
        )


def plan(
    connection: sa.Connection,
    blocks: BlockStore | None,
    now: datetime,
    grace_s: float,
    block_grace_s: float = BLOCK_GRACE_S,
) -> Garbage:
    """What could go now; changes nothing. Unfinished files are not counted.

    Args:
        connection: where the tables are read: best a ``Database.snapshot``.
        blocks: where blocks lie; ``None`` looks at the tables only.
        now: the time.
        grace_s: how long what was deleted is kept, and a transaction that nobody goes on with.
        block_grace_s: how old a block is at least that goes, however short the other grace is.

    Raises: CorruptRecord if a rollback cannot be read: nobody could say then what is reached.
    """
    garbage = _Look(connection, now, grace_s).garbage
    if blocks is None:
        return garbage
    before_s = _before(now, grace_s, block_grace_s)
    old = [block for block in blocks.listing() if block.modified_s < before_s]
    return replace(garbage, blocks=tuple(_unnamed(connection, old, garbage.trims)))


def collect(
    vault: Vault,
    now: Callable[[], datetime],
    grace_s: float,
    block_grace_s: float = BLOCK_GRACE_S,
) -> Garbage:
    """Let go what can go, in small transactions with a line in the audit, and return what went.

    What a new fork, tag, rollback or merge reaches by now stays, also if it was found to be garbage a moment before.
    A vault's search index drops what it has of these events with its own ``sweep``.

    Raises: WriteFailed, VaultUnavailable, CorruptRecord, InvalidValue if the blocks are another vault's.
    """
    went: list[Trim] = []
    position = 0
    for _ in range(ATTEMPTS):
        with vault.database.snapshot() as connection:
            look = _Look(connection, now(), grace_s)
        position = look.garbage.position
        if _remove(vault, look, went):
            break
    gone, swept = _remove_blocks(vault, _before(now(), grace_s, block_grace_s))
    result = Garbage(position, tuple(went), gone, swept)
    if went or gone or swept.files:
        vault.note("garbage_collected", detail=str(result))
    return result


class _Look:
    """One look at all branches.

    Attributes:
        garbage: what could go, without blocks; children before their parents.
        over: the branches that are neither alive nor were deleted just now.
        youngest: the ordinal of the youngest other branch: new ones have greater ones.
    """

    def __init__(self, connection: sa.Connection, now: datetime, grace_s: float) -> None:
        since = to_us(now) - round(grace_s * _S_TO_US)
        rows = [BranchRow(*row) for row in connection.execute(BRANCHES)]
        over = [row for row in rows if _is_over(row, since)]
        self.over = frozenset(row.id for row in over)
        self.youngest = max((row.ordinal for row in rows if row.id not in self.over), default=0)
        trims: list[Trim] = []
        if over:
            reach = Reach(connection, {row.id: row for row in rows})
            for row in rows:
                if row.id not in self.over:
                    reach.whole(Place(row.id, END))
            for branch, seq in connection.execute(TAGS):
                reach.whole(Place(branch, seq))
            reach.walk()
            trims = [_trim(connection, row, reach) for row in reversed(over)]
        self.garbage = Garbage(last_position(connection), tuple(trim for trim in trims if _loses(trim)))
        self._seen = self.garbage.position

    def outdated(self, batch: Batch) -> bool:
        """Whether anything since then came to reach one of the branches that seemed to be over.

        Nothing is looked at twice: what was written before the last time it was asked reached none of them.
        """
        since = self._seen
        found = batch.execute(sa.select(_B.parent).where(_B.ordinal > self.youngest, _B.position > since)).scalars()
        reached = set(found)
        reached.update(batch.execute(sa.select(_T.branch).where(_T.position > since)).scalars())
        new = _J.position > since
        reached.update(batch.execute(sa.select(_J.branch).where(new)).scalars())  # DISTINCT would read all of history
        reached.update(to.branch for _, _, to in rollbacks(batch.execute(ROLLBACKS.where(new))))
        for row in batch.execute(NEW_MERGES, {"since": since}):
            reached.update(row)
        self._seen = batch.position
        return not reached.isdisjoint(self.over)


def _is_over(row: BranchRow, since: int) -> bool:
    """Whether a branch was deleted before this time, or is a transaction that nobody touched since."""
    if row.deleted_at is not None:
        return row.deleted_at < since
    return row.touched_at is not None and row.touched_at < since


def _trim(connection: sa.Connection, row: BranchRow, reach: Reach) -> Trim:
    """What a branch loses."""
    needed, skeleton = reach.needed.get(row.id), reach.skeleton.get(row.id)
    keep = row.fork_seq if needed is None else max(row.fork_seq, needed)
    bones = keep if skeleton is None else max(keep, skeleton)
    size = sa.func.coalesce(sa.func.sum(sa.func.length(_J.payload)), 0)
    events, nbytes = connection.execute(
        sa.select(sa.func.count(), size).where(*_gone_events(row.id, keep, bones))
    ).one()
    stays = needed is not None or skeleton is not None
    counts: list[int] = []
    for table, where in _beside(row.id, _last(keep, row_stays=stays)):
        taken = sa.func.coalesce(sa.func.sum(table.c.bytes), 0) if "bytes" in table.c else sa.literal(0)
        count, of_these = connection.execute(sa.select(sa.func.count(), taken).select_from(table).where(*where)).one()
        counts.append(count)
        nbytes += of_these
    commits, segments, snapshots = counts
    lost = (events, commits, segments, snapshots, int(nbytes))
    return Trim(row.id, row.agent, row.kind, keep, bones, stays, *lost)


def _loses(trim: Trim) -> bool:
    return not trim.row or bool(trim.events or trim.commits or trim.segments or trim.snapshots)


def _gone_events(branch: BranchId, keep: int, skeleton: int) -> tuple[sa.ColumnElement[bool], ...]:
    return _J.branch == branch, _J.seq > keep, sa.or_(~schema.is_rollback, _J.seq > skeleton)


def _last(keep: int, *, row_stays: bool) -> int:
    """Up to which event what goes with events stays: also a commit and a snapshot of where a branch began are its own,
    and go with its row.
    """
    return keep if row_stays else -1


def _beside(branch: BranchId, keep: int) -> list[tuple[sa.Table, tuple[sa.ColumnElement[bool], ...]]]:
    """What goes with the events after ``keep``, in the order of ``Trim``."""
    return [
        (schema.commits, (_C.branch == branch, _C.seq > keep)),
        (schema.segments, (_S.branch == branch, _S.first_seq > keep)),
        (schema.snapshots, (_N.branch == branch, _N.seq > keep)),
    ]


def _remove(vault: Vault, look: _Look, went: list[Trim]) -> bool:
    """Remove the rows; ``False`` if history has moved on, so that another look is needed."""
    todo = list(look.garbage.trims)
    begun = False
    while todo:
        with vault.maintenance() as batch:
            if look.outdated(batch):
                return False
            if not begun:  # a position that rows are removed with must not be the last one: it would be given again
                batch.note("collection_begun", detail=str(look.garbage))
            done = _remove_some(batch, todo)
        begun = True
        went += todo[:done]
        todo = todo[done:]
    return True


def _remove_some(batch: Batch, todo: Sequence[Trim]) -> int:
    """Remove about as many rows as one transaction may; return how many branches are done with."""
    room = ROWS
    for done, trim in enumerate(todo):
        if trim.kind == "transaction":
            ended = {"deleted_at": batch.now_us, "deleted_position": batch.next()}
            batch.execute(sa.update(schema.branches).where(_B.id == trim.branch, _B.deleted_at.is_(None)).values(ended))
        gone = _gone_events(trim.branch, trim.keep, trim.skeleton)
        last = sa.select(_J.seq).where(*gone).order_by(_J.seq.desc()).limit(max(1, room))
        seqs = batch.execute(last).scalars().all()
        if seqs:
            batch.execute(sa.delete(schema.journal).where(*gone, _J.seq >= seqs[-1]))
        room -= len(seqs)
        if room <= 0:
            return done
        _finish(batch, trim)
        room -= 1
    return len(todo)


def _finish(batch: Batch, trim: Trim) -> None:
    """Remove what goes with a branch's events, and its row if nobody needs it."""
    last = _last(trim.keep, row_stays=trim.row)
    named = sa.select(_C.id).where(_C.branch == trim.branch, _C.seq > last)
    batch.execute(sa.delete(schema.contexts).where(schema.contexts.c.commit.in_(named)))
    for table, where in _beside(trim.branch, last):
        batch.execute(sa.delete(table).where(*where))
    batch.execute(sa.delete(schema.merges).where(_M.branch == trim.branch, _M.seq > trim.skeleton))
    if not trim.row:
        batch.execute(sa.delete(schema.branches).where(_B.id == trim.branch))
    if trim.kind != "transaction":
        detail = f"{trim.events} events and {trim.commits} commits after {trim.keep}"
        batch.note("branch_collected", trim.agent, trim.branch, trim.keep, detail)


def _before(now: datetime, grace_s: float, block_grace_s: float) -> float:
    return now.timestamp() - max(grace_s, block_grace_s)


def _unnamed(connection: sa.Connection, old: Iterable[BlockInfo], trims: Sequence[Trim]) -> list[BlockInfo]:
    """Of old blocks those that no row names that stays. The listing must be older than what is read here."""
    keep = {trim.branch: trim.keep if trim.row else -1 for trim in trims}
    rows = [
        *connection.execute(sa.select(_S.branch, _S.first_seq, _S.block)),
        *connection.execute(sa.select(_N.branch, _N.seq, _N.block)),
        *connection.execute(sa.select(_N.branch, _N.seq, _N.files).where(_N.files.is_not(None))),
    ]
    named = {block for branch, seq, told in rows if seq <= keep.get(branch, END) for block in told.split()}
    return [block for block in old if block.name not in named]


def _remove_blocks(vault: Vault, before_s: float) -> tuple[tuple[BlockInfo, ...], Swept]:
    blocks = vault.blocks
    if blocks is None:
        return (), NOTHING_SWEPT
    claim(vault.database, blocks)
    old = [block for block in blocks.listing() if block.modified_s < before_s]
    with vault.database.read() as connection:
        unnamed = _unnamed(connection, old, ())
    gone = tuple(block for block in unnamed if blocks.remove(block.name, before_s))
    return gone, blocks.sweep(before_s)
