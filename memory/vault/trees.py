"""How branches hang together and what became of them: which are gone, where a transaction's places went. Only reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from quantum_memory.errors import BranchDeleted, TransactionOver
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.catalog import (
    SELECT_AT,
    SELECT_COMMITS,
    SELECT_TAGS,
    Catalog,
    branch_of,
    commit_of,
    from_us,
    tag_of,
)
from quantum_memory.types import AgentName, Branch, BranchId, Commit, Place, Tag, Tree

LAST = 2**63 - 1
_B, _A = schema.branches.c, schema.audit.c
SELECT_ALL = (
    sa.select(_B.id, _B.agent, _B.name, _B.lineage, _B.kind, _B.parent, _B.fork_seq, _B.created_at, _B.deleted_at)
    .where(_B.agent == sa.bindparam("agent"), _B.kind != "transaction")
    .order_by(_B.ordinal)
)
SELECT_END = (
    sa.select(_A.action)
    .join(schema.branches, _B.deleted_position == _A.position)
    .where(_B.id == sa.bindparam("branch"), _A.action == "transaction_committed")
)
"""A transaction's commit and its deletion are one change."""


def counts(connection: sa.Connection) -> dict[str, int]:
    """How much there is: rows by table, how many events wait to be sealed, and how much sealing saved."""
    j, s = schema.journal, schema.segments.c
    count = sa.func.count()
    asked = {
        "agents": sa.select(count).select_from(schema.agents),
        "branches": sa.select(count).select_from(schema.branches).where(schema.is_alive, _B.kind != "transaction"),
        "transactions": sa.select(count).select_from(schema.branches).where(schema.is_alive, _B.kind == "transaction"),
        "commits": sa.select(count).select_from(schema.commits),
        "tags": sa.select(count).select_from(schema.tags),
        "events": sa.select(count).select_from(j),
        "unsealed": sa.select(count).select_from(j).where(j.c.payload.is_not(None), ~schema.is_rollback),
        "segments": sa.select(count).select_from(schema.segments).where(s.state == "live"),
        "quarantined": sa.select(count).select_from(schema.segments).where(s.state == "quarantined"),
        "sealed_bytes": sa.select(sa.func.coalesce(sa.func.sum(s.bytes), 0)),
        "raw_bytes": sa.select(sa.func.coalesce(sa.func.sum(s.raw_bytes), 0)),
        "snapshots": sa.select(count).select_from(schema.snapshots),
    }
    return {name: int(connection.execute(select).scalar_one()) for name, select in asked.items()}


def living(catalog: Catalog, connection: sa.Connection, branches: Iterable[BranchId]) -> dict[BranchId, int]:
    """The heads of branches that can be worked on. Raises: PlaceNotFound, BranchDeleted, TransactionOver."""
    heads = {}
    for id_ in branches:
        branch, deleted = catalog.known(connection, id_)
        if deleted and branch.kind == "transaction":
            raise TransactionOver(branch.agent, _outer(catalog, connection, branch).name, "it has ended")
        if deleted:
            raise BranchDeleted(branch.agent, branch.name)
        heads[id_] = catalog.head(connection, branch).seq
    return heads


def settled(catalog: Catalog, connection: sa.Connection, place: Place) -> Place:
    """Where a place is now: if it was in a transaction that was kept, it is on the branch which that was on.

    Raises: PlaceNotFound; TransactionOver if the transaction was dropped.
    """
    while True:
        branch, deleted = catalog.known(connection, place.branch)
        if branch.kind != "transaction" or not deleted or branch.parent is None:
            return place
        if place.seq > branch.fork_seq and connection.execute(SELECT_END, {"branch": branch.id}).first() is None:
            raise TransactionOver(branch.agent, _outer(catalog, connection, branch).name, "it was dropped")
        place = Place(branch.parent, place.seq)


def _outer(catalog: Catalog, connection: sa.Connection, branch: Branch) -> Branch:
    while branch.kind == "transaction" and branch.parent is not None:
        branch = catalog.branch(connection, branch.parent)
    return branch


@dataclass
class _Kept:
    """The branches of a tree so far; ``needed`` is how far each is needed by its children, by merges and by tags."""

    rows: dict[BranchId, Branch] = field(default_factory=dict)
    deleted: set[BranchId] = field(default_factory=set)
    needed: dict[BranchId, int] = field(default_factory=lambda: defaultdict(int))


def tree(catalog: Catalog, connection: sa.Connection, agent: AgentName) -> Tree:
    """All that a picture of an agent's branches needs. Raises: AgentNotFound."""
    catalog.root(connection, agent)
    tags = tuple(tag_of(row) for row in connection.execute(SELECT_TAGS, {"agent": agent}))
    kept = _kept(catalog, connection, agent, tags)
    heads = {
        id_: kept.needed[id_] if row.agent != agent or id_ in kept.deleted else catalog.head(connection, row).seq
        for id_, row in kept.rows.items()
    }
    merges = tuple(
        (Place(id_, marker.seq), marker.source)
        for id_, head in heads.items()
        for marker in catalog.merges(connection, id_, head)
    )
    named = (commit_of(row) for row in connection.execute(SELECT_COMMITS, {"agent": agent}))
    commits = tuple(one for one in named if one.place.seq <= heads.get(one.place.branch, -1))
    return Tree(
        branches=tuple(kept.rows.values()),
        heads=heads,
        deleted=frozenset(kept.deleted),
        merges=merges,
        commits=commits,
        tags=tags,
        times=_times(connection, kept.rows, _mattering(kept.rows, heads, merges, commits, tags)),
    )


def _kept(catalog: Catalog, connection: sa.Connection, agent: AgentName, tags: Iterable[Tag]) -> _Kept:
    """Living branches, and of the others those that they came from or merged, or that a tag is on; parents first."""
    kept = _Kept()
    rows = connection.execute(SELECT_ALL, {"agent": agent})
    own = {row[0]: (branch_of(row[:-1]), row[-1] is not None) for row in rows}
    for tag in tags:
        kept.needed[tag.place.branch] = max(kept.needed[tag.place.branch], tag.place.seq)
    wanted = [branch for branch, deleted in own.values() if not deleted or branch.id in kept.needed]
    found: dict[BranchId, Branch] = {}
    for branch in wanted:
        for marker in catalog.merges(connection, branch.id, kept.needed[branch.id] if own[branch.id][1] else LAST):
            source, seq = marker.source
            if source in own and own[source][1]:
                wanted += [own[source][0]] if source not in kept.needed else []
                kept.needed[source] = max(kept.needed[source], seq)
        line = [branch]
        while line[-1].parent is not None:
            parent = catalog.branch(connection, line[-1].parent)
            kept.needed[parent.id] = max(kept.needed[parent.id], line[-1].fork_seq)
            line.append(parent)
        found |= {one.id: one for one in reversed(line) if one.id not in found}
    order = {id_: number for number, id_ in enumerate(own)}
    kept.rows = {one.id: one for one in sorted(found.values(), key=lambda one: order.get(one.id, -1))}
    kept.deleted = {id_ for id_ in kept.rows if catalog.known(connection, id_).deleted}
    return kept


def _mattering(
    rows: dict[BranchId, Branch],
    heads: dict[BranchId, int],
    merges: Iterable[tuple[Place, Place]],
    commits: Iterable[Commit],
    tags: Iterable[Tag],
) -> set[Place]:
    """The places that a picture shows."""
    places = {Place(id_, head) for id_, head in heads.items()}
    places |= {Place(row.parent, row.fork_seq) for row in rows.values() if row.parent is not None}
    places |= {place for pair in merges for place in pair if place.branch in rows}
    return places | {one.place for one in commits} | {one.place for one in tags}


def _times(connection: sa.Connection, rows: dict[BranchId, Branch], places: Iterable[Place]) -> dict[Place, datetime]:
    """When these places were reached. Where a branch began it was made, and its parent's numbers are the parent's."""
    times = {}
    for place in places:
        row = rows.get(place.branch)
        while row is not None and place.seq < row.fork_seq and row.parent in rows:
            row = rows[row.parent]
        if row is None:
            continue
        at_us = connection.execute(SELECT_AT, {"branch": row.id, "seq": place.seq}).scalar_one_or_none()
        if at_us is not None or place.seq == row.fork_seq:
            times[Place(row.id, place.seq)] = row.created_at if at_us is None else from_us(at_us)
    return times
