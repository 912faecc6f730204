"""In which order the changes of a first vault were made, which kept no number of it. Used by one step, never changed.

Events: SQLite kept the order of writing in its row numbers; in PostgreSQL it is told from their times, then by the age
of their branch. Branches and commits: after the event that they start at or name, before the first event of their own
and of whoever left them, and among these bounds by their times.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

ORDERED = "v1_order"
_TABLE = sa.table(ORDERED, sa.column("branch"), sa.column("seq"), sa.column("at"), sa.column("number", sa.BigInteger))
_C = _TABLE.c
_AT_PLACE = sa.select(_C.number).where(_C.branch == sa.bindparam("branch"), _C.seq == sa.bindparam("seq"))
_FIRST_OWN = sa.select(sa.func.min(_C.number)).where(_C.branch == sa.bindparam("branch"))
_LAST_BEFORE = sa.select(_C.number).where(_C.at < sa.bindparam("at")).order_by(_C.at.desc(), _C.number.desc()).limit(1)
_LAST = sa.select(sa.func.coalesce(sa.func.max(_C.number), 0))

BRANCHES = "SELECT ordinal, id, parent, fork_seq, created_at FROM v1_branches ORDER BY ordinal"
COMMITS = "SELECT ordinal, branch, seq, at FROM v1_commits ORDER BY ordinal"


class Order(NamedTuple):
    """The positions of all that was written.

    Attributes:
        branches, commits: positions by ordinal.
        shifts: ``(after, upto, shift)``: an event with after < number <= upto has the position number + shift.
        last: the last position.
    """

    branches: dict[int, int]
    commits: dict[int, int]
    shifts: list[tuple[int, int, int]]
    last: int


def number_events(connection: sa.Connection) -> None:
    """Make ``v1_order``, which numbers the events of ``v1_journal`` from 1."""
    if connection.dialect.name == "sqlite":
        written, tables = "j.rowid", "v1_journal j"
    else:
        written, tables = "j.at, b.ordinal, j.seq", "v1_journal j JOIN v1_branches b ON b.id = j.branch"
    numbered = f"SELECT j.branch, j.seq, j.at, row_number() OVER (ORDER BY {written}) AS number FROM {tables}"  # noqa: S608
    for statement in (
        f"CREATE TABLE {ORDERED} AS {numbered}",
        f"CREATE INDEX {ORDERED}_place ON {ORDERED} (branch, seq)",
        f"CREATE INDEX {ORDERED}_number ON {ORDERED} (number)",
        f"CREATE INDEX {ORDERED}_at ON {ORDERED} (at, number)",
    ):
        connection.execute(sa.text(statement))


def order(connection: sa.Connection) -> Order:
    """Where the branches and commits come among the events that ``number_events`` numbered."""
    after = _anchors(connection)
    last_event = connection.execute(_LAST).scalar_one()
    made: dict[str, dict[int, int]] = {"branch": {}, "commit": {}}
    shifts: list[tuple[int, int, int]] = []
    before = 0
    for shift, (anchor, what, ordinal) in enumerate(sorted(after)):
        if anchor > before:
            shifts.append((before, anchor, shift))
            before = anchor
        made[what][ordinal] = anchor + shift + 1
    shifts.append((before, last_event, len(after)))
    return Order(made["branch"], made["commit"], shifts, last_event + len(after))


def _anchors(connection: sa.Connection) -> list[tuple[int, str, int]]:
    """Each branch and commit with the number of the event that it comes after; "branch" sorts before "commit"."""
    branches = connection.execute(sa.text(BRANCHES)).all()
    last = connection.execute(_LAST).scalar_one()
    first_own = {row.id: connection.execute(_FIRST_OWN, {"branch": row.id}).scalar_one() for row in branches}
    limit = {branch: last if first is None else first - 1 for branch, first in first_own.items()}
    for row in reversed(branches):
        if row.parent is not None:
            limit[row.parent] = min(limit[row.parent], limit[row.id])
    made: dict[str, int] = {}
    found: list[tuple[int, str, int]] = []
    for row in branches:
        least = 0
        if row.parent is not None:
            least = max(made[row.parent], _number_at(connection, row.parent, row.fork_seq))
        made[row.id] = max(least, min(_before(connection, row.created_at), limit[row.id]))
        found.append((made[row.id], "branch", row.ordinal))
    for row in connection.execute(sa.text(COMMITS)).all():
        least = max(made[row.branch], _number_at(connection, row.branch, row.seq))
        found.append((max(least, _before(connection, row.at)), "commit", row.ordinal))
    return found


def _number_at(connection: sa.Connection, branch: str, seq: int) -> int:
    """The number of the event at a place; 0 where a branch has none of its own."""
    values: dict[str, Any] = {"branch": branch, "seq": seq}
    return connection.execute(_AT_PLACE, values).scalar_one_or_none() or 0


def _before(connection: sa.Connection, at: int) -> int:
    return connection.execute(_LAST_BEFORE, {"at": at}).scalar_one_or_none() or 0
