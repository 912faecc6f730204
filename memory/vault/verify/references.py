"""What one row of a catalog says of another: parents, roots, places, tags, contexts. Reads no event, mends nothing."""

from __future__ import annotations

from typing import get_args

import sqlalchemy as sa

from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.adopt import ACTION, HIDDEN
from quantum_memory.memory.vault.verify.finding import Report
from quantum_memory.types import BranchKind

_B, _J, _C, _T, _M, _A = (
    schema.branches.c,
    schema.journal.c,
    schema.commits.c,
    schema.tags.c,
    schema.merges.c,
    schema.agents.c,
)
_HEAD = sa.select(_J.branch, sa.func.max(_J.seq).label("head")).group_by(_J.branch).subquery("heads")
_BRANCHES = (
    sa.select(_B.id, _B.agent, _B.name, _B.lineage, _B.kind, _B.parent, _B.fork_seq, _B.deleted_at, _HEAD.c.head)
    .outerjoin(_HEAD, _HEAD.c.branch == _B.id)
    .order_by(_B.ordinal)
)


def check_references(connection: sa.Connection, report: Report) -> None:
    """Look at branches, agents, commits, tags, merge markers, rollbacks' rows and contexts."""
    heads = _check_branches(connection, report)
    _check_agents(connection, heads, report)
    for table, c in (("commit", _C), ("tag", _T)):
        name = _C.id if table == "commit" else _T.name
        for label, branch, seq in connection.execute(sa.select(name, c.branch, c.seq)):
            report.count(table)
            if not 0 <= seq <= heads.get(branch, -1):
                report.add(table, label, f"it names {branch}@{seq}, which is not there", "none")
    _check_merges(connection, heads, report)
    lone = sa.select(sa.func.count()).where(schema.contexts.c.commit.not_in(sa.select(_C.id)))
    count = connection.execute(lone.select_from(schema.contexts)).scalar_one()
    if count:
        report.add("commit", "contexts", f"{count} contexts belong to no commit", "drop")


def _check_merges(connection: sa.Connection, heads: dict[str, int], report: Report) -> None:
    """Where merges came from. An agent that was imported came without the others that it had merged."""
    imported = sa.select(schema.audit.c.agent).where(schema.audit.c.action == ACTION)
    rows = connection.execute(
        sa.select(_M.branch, _M.seq, _M.source_branch, _M.source_seq, _M.base_branch, _M.base_seq, _B.agent).join(
            schema.branches, _B.id == _M.branch
        )
    ).all()
    strangers = set(connection.execute(imported).scalars())
    for branch, seq, source, source_seq, base, base_seq, agent in rows:
        report.count("merge")
        for what, other, number in (("source", source, source_seq), ("base", base, base_seq)):
            known = other is None or other in heads or agent.partition(HIDDEN)[0] in strangers
            if not known:
                report.add("merge", f"{branch}@{seq}", f"its {what} {other}@{number} is not there", "none")


def _check_branches(connection: sa.Connection, report: Report) -> dict[str, int]:
    """The branches that are there, and how far each reaches."""
    rows = connection.execute(_BRANCHES).all()
    heads = {row.id: row.fork_seq if row.head is None else row.head for row in rows}
    lineages = {row.id: row.lineage for row in rows}
    for row in rows:
        wrong = None
        if row.kind not in get_args(BranchKind):
            wrong = f"its kind is {row.kind!r}"
        elif (row.parent is None) != (row.kind == "root"):
            wrong = f"a {row.kind} with the parent {row.parent}"
        elif row.parent is not None and row.parent not in heads:
            wrong = f"its parent {row.parent} is not there"
        elif row.parent is not None and row.fork_seq > heads[row.parent]:
            wrong = f"it left its parent at {row.fork_seq}, which ends at {heads[row.parent]}"
        elif row.lineage != (row.id if row.parent is None else lineages[row.parent]):
            wrong = f"its lineage is {row.lineage}"
        if wrong is not None:
            report.add("branch", f"{row.agent}@{row.name} ({row.id})", wrong, "none", lost=True)
    return heads


def _check_agents(connection: sa.Connection, heads: dict[str, int], report: Report) -> None:
    for name, root in connection.execute(sa.select(_A.name, _A.root)):
        report.count("agent")
        if root not in heads:
            report.add("branch", name, f"its first branch {root} is not there", "none", lost=True)
