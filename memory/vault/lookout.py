"""What the keeper has to do: found by looking at everything once, then only at what is new. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.segments import LIVE
from quantum_memory.types import BranchId

POSITIONS = 8192
ROWS = 256

_J, _B, _S = schema.journal.c, schema.branches.c, schema.segments.c
_p = sa.bindparam
_STANDING = (
    sa.select(
        _B.id,
        _B.fork_seq,
        sa.select(sa.func.max(_J.seq)).where(_J.branch == _B.id).scalar_subquery(),
        sa.select(sa.func.max(_S.last_seq)).where(_S.branch == _B.id).scalar_subquery(),
    )
    .where(_B.deleted_at.is_(None), _B.kind != "transaction")
    .order_by(_B.ordinal)
)
STANDING_OF = _STANDING.where(_B.id == _p("b"))
STANDING_AFTER = _STANDING.add_columns(_B.ordinal).where(_B.ordinal > _p("ordinal")).limit(ROWS)
NEWEST = sa.select(sa.func.max(_J.position))
WRITTEN = sa.select(_J.branch).where(_J.position > _p("after"), _J.position <= _p("upto")).distinct()
SEALED_AFTER = (
    sa.select(_S.branch, _S.first_seq, _S.last_seq)
    .where(_S.state == LIVE, sa.tuple_(_S.branch, _S.first_seq) > sa.tuple_(_p("b"), _p("first", type_=sa.BigInteger)))
    .order_by(_S.branch, _S.first_seq)
    .limit(ROWS)
)
LAST_IS_FULL = (
    sa.select(_J.payload.is_not(None))
    .where(_J.branch == _p("b"), _J.seq >= _p("low"), _J.seq <= _p("high"), ~schema.is_rollback)
    .order_by(_J.seq.desc())
    .limit(1)
)


class Job(NamedTuple):
    """Something to be done to a branch. Only a clearing is about certain events."""

    kind: Literal["clear", "join", "seal"]
    branch: BranchId
    first_seq: int = 0
    last_seq: int = 0


class Lookout:
    """Looks a bounded piece at a time.

    Args:
        seal_events: how many events of a branch have to wait before they are to be sealed.
    """

    def __init__(self, seal_events: int) -> None:
        self._seal_events = seal_events
        self._position: int | None = None
        self._segment_seen: tuple[BranchId, int] | None = ("", -1)
        self._branch_seen: int | None = -1

    def look(self, connection: sa.Connection) -> list[Job] | None:
        """What was found to be done in the next piece; ``None`` if there is nothing left to look at."""
        newest = connection.execute(NEWEST).scalar_one() or 0
        if self._position is None:
            self._position = newest  # what is written from here on is found by its position
        if self._segment_seen is not None:
            return self._segments(connection, self._segment_seen)
        if self._branch_seen is not None:
            return self._branches(connection, self._branch_seen)
        if self._position >= newest:
            return None
        upto = min(newest, self._position + POSITIONS)
        written = connection.execute(WRITTEN, {"after": self._position, "upto": upto}).scalars().all()
        self._position = upto
        return [Job("seal", branch) for branch in written if waiting(connection, branch)[1] >= self._seal_events]

    def _segments(self, connection: sa.Connection, seen: tuple[BranchId, int]) -> list[Job]:
        """Segments whose events were not all taken out of the database. The last one is taken out last."""
        rows = connection.execute(SEALED_AFTER, {"b": seen[0], "first": seen[1]}).all()
        self._segment_seen = (rows[-1][0], rows[-1][1]) if rows else None
        return [
            Job("clear", branch, first, last)
            for branch, first, last in rows
            if connection.execute(LAST_IS_FULL, {"b": branch, "low": first, "high": last}).scalar_one_or_none()
        ]

    def _branches(self, connection: sa.Connection, seen: int) -> list[Job]:
        """Branches with enough events that wait."""
        rows = connection.execute(STANDING_AFTER, {"ordinal": seen}).all()
        self._branch_seen = rows[-1].ordinal if rows else None
        return [Job("seal", row.id) for row in rows if _waiting(row)[1] >= self._seal_events]


def waiting(connection: sa.Connection, branch: BranchId) -> tuple[int, int]:
    """The first event of a branch that is in no segment, and how many there are from there on.

    There are none of a transaction, whose events are to move, and of a branch that was deleted.
    """
    row = connection.execute(STANDING_OF, {"b": branch}).one_or_none()
    return (0, 0) if row is None else _waiting(row)


def _waiting(row: Sequence[Any]) -> tuple[int, int]:
    _, fork_seq, head, sealed = row[:4]
    done = fork_seq if sealed is None else sealed
    return done + 1, max(0, (fork_seq if head is None else head) - done)
