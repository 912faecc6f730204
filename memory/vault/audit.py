"""Who changed what, and when: the journal's events and the audit's rows as one list. Reads, never writes."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.adopt import ACTION, BEGUN
from quantum_memory.memory.vault.catalog import MAX_VALUES, SELECT_HEAD, Catalog, from_us
from quantum_memory.memory.vault.describe import describe
from quantum_memory.memory.vault.judge_transactions import COMMITTED, MOVING
from quantum_memory.memory.vault.writes import AUTOMATIC
from quantum_memory.types import AgentName, AuditEntry, BranchId

BEGINNINGS = (MOVING, BEGUN)
"""What stands before changes that belong together, and is not worth a line of its own."""
_A, _J, _B, _S = schema.audit.c, schema.journal.c, schema.branches.c, schema.sessions.c
_p = sa.bindparam
_NOTE = (_A.position, _A.at, _A.op_id, _A.action, _A.agent, _A.branch, _A.seq, _A.detail)
_EVENT = (_J.position, _J.at, _J.op_id, _J.kind, _J.agent, _J.branch, _J.seq, _J.payload)
SELECT_NOTES = (
    sa.select(*_NOTE)
    .where(_A.position < _p("before"), _A.action.not_in(BEGINNINGS))
    .order_by(_A.position.desc())
    .limit(_p("count"))
)
SELECT_NOTES_OF = SELECT_NOTES.where(_A.agent == _p("agent"))
SELECT_EVENTS = (
    sa.select(*_EVENT)
    .join(schema.branches, _B.id == _J.branch)
    .where(_J.position < _p("before"), _B.kind != "transaction")
    .order_by(_J.position.desc())
    .limit(_p("count"))
)
SELECT_EVENTS_ON = (
    sa.select(*_EVENT).where(_J.branch == _p("branch"), _J.seq <= _p("upto")).order_by(_J.seq.desc()).limit(_p("count"))
)
SELECT_POSITION = sa.select(_J.position).where(_J.branch == _p("branch"), _J.seq == _p("seq"))
SELECT_BRANCHES_OF = sa.select(_B.id, _B.fork_seq).where(_B.agent == _p("agent"), _B.kind != "transaction")
SELECT_WHO = sa.select(_S.id, _S.who).where(_S.id.in_(_p("ids", expanding=True)))
SELECT_BOUNDARY = (
    sa.select(_A.position, _A.action)
    .where(_A.position <= _p("position"), _A.action.in_([*BEGINNINGS, COMMITTED, ACTION]))
    .order_by(_A.position.desc())
    .limit(1)
)


class Change(NamedTuple):
    """A row of the audit, or of the journal with its payload."""

    position: int
    at_us: int
    op_id: str | None
    action: str
    agent: AgentName | None
    branch: BranchId | None
    seq: int | None
    told: str | bytes | None


def audit(
    catalog: Catalog, connection: sa.Connection, agent: AgentName | None, limit: int, before: int
) -> list[AuditEntry]:
    """See ``Vault.audit``. What is damaged is told of all the same, without what it was."""
    if agent is None:
        values: dict[str, object] = {"before": before, "count": limit}
        notes = connection.execute(SELECT_NOTES, values).all()
        events: Sequence[Sequence[Any]] = connection.execute(SELECT_EVENTS, values).all()
    else:
        notes = connection.execute(SELECT_NOTES_OF, {"before": before, "count": limit, "agent": agent}).all()
        events = _events_of(connection, agent, limit, before)
    told = {row[0] for row in events}
    changes = sorted((Change(*row) for row in (*notes, *events)), key=lambda change: -change.position)[:limit]
    details = _details(catalog, connection, [change for change in changes if change.position in told])
    who = _who(connection, changes)
    return [
        AuditEntry(
            change.position,
            from_us(change.at_us),
            who.get(_session(change.op_id), ""),
            change.action,
            change.agent,
            change.branch,
            change.seq,
            details[change.position] if change.position in told else str(change.told),
        )
        for change in changes
    ]


def whole(connection: sa.Connection, position: int) -> int:
    """The greatest position up to this one where history can be cut: not through a transaction or an import."""
    row = connection.execute(SELECT_BOUNDARY, {"position": position}).one_or_none()
    return row.position - 1 if row is not None and row.action in BEGINNINGS else position


def _events_of(connection: sa.Connection, agent: AgentName, limit: int, before: int) -> list[Sequence[Any]]:
    """An agent's last events. On one branch numbers and positions rise together."""
    found: list[Sequence[Any]] = []
    for branch, fork_seq in connection.execute(SELECT_BRANCHES_OF, {"agent": agent}).all():
        head = connection.execute(SELECT_HEAD, {"branch": branch}).one_or_none()
        if head is None:
            continue
        own = range(fork_seq + 1, head.seq + 1)
        upto = fork_seq + bisect.bisect_left(own, before, key=partial(_position, connection, branch))
        found += connection.execute(SELECT_EVENTS_ON, {"branch": branch, "upto": upto, "count": limit}).all()
    return found


def _position(connection: sa.Connection, branch: BranchId, seq: int) -> int:
    return int(connection.execute(SELECT_POSITION, {"branch": branch, "seq": seq}).scalar_one_or_none() or 0)


def _details(catalog: Catalog, connection: sa.Connection, events: Iterable[Change]) -> dict[int, str]:
    """What happened in each event, by position."""
    by_branch: dict[BranchId, list[Change]] = defaultdict(list)
    for change in events:
        by_branch[change.branch or ""].append(change)
    details = {}
    for branch, changes in by_branch.items():
        rows = [(change.seq or 0, change.told) for change in changes]
        found = catalog.records.events(connection, branch, rows, "skip")  # type: ignore[arg-type]  # a journal's
        for change in changes:
            event = found.get(change.seq or 0)
            details[change.position] = DAMAGED if event is None else describe(event)
    return details


DAMAGED = "its record is damaged"


def _who(connection: sa.Connection, changes: Sequence[Change]) -> dict[str, str]:
    ids = sorted({_session(change.op_id) for change in changes} - {""})
    found: dict[str, str] = {}
    for start in range(0, len(ids), MAX_VALUES):
        rows = connection.execute(SELECT_WHO, {"ids": ids[start : start + MAX_VALUES]})
        found |= {row.id: row.who for row in rows}
    return found


def _session(op_id: str | None) -> str:
    """The session that an operation's id begins with, empty if there is none in it."""
    session, dot, _ = (op_id or "").removeprefix(AUTOMATIC).partition(".")
    return session if dot else ""
