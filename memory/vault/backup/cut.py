"""A catalog cut off after one of its changes: everything later is as if it had never been. Only for restored copies."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from quantum_memory.memory.vault import index, schema
from quantum_memory.memory.vault.catalog import last_position, to_us
from quantum_memory.types import BranchId

COLLECTED = "branch_collected"
_J, _B, _C, _T, _A = schema.journal.c, schema.branches.c, schema.commits.c, schema.tags.c, schema.audit.c
_K, _D, _R, _U = schema.api_keys.c, schema.denials.c, schema.requests.c, schema.tokens.c


def position_at(connection: sa.Connection, at: datetime) -> int:
    """The last change before the first one that was made after a time.

    Not the last one with such a time: what was imported or moved keeps times older than its place in the order.
    """
    at_us = to_us(at)
    later = [
        connection.execute(sa.select(sa.func.min(position)).where(time > at_us)).scalar_one()
        for position, time in (
            (_J.position, _J.at),
            (_A.position, _A.at),
            (_C.position, _C.at),
            (_B.position, _B.created_at),
            (_B.deleted_position, _B.deleted_at),
            (_D.position, _D.at),
            (_R.position, _R.at),
            (_U.position, _U.at),
        )
    ]
    first = min((int(found) for found in later if found is not None), default=None)
    return last_position(connection) if first is None else first - 1


def revived(connection: sa.Connection, position: int) -> list[BranchId]:
    """Branches that lived at a position and of which parts were collected since: they cannot be had back from here."""
    collected = sa.select(_A.branch).where(_A.action == COLLECTED, _A.position > position)
    living = sa.select(_B.id).where(_B.deleted_position > position, _B.position <= position, _B.id.in_(collected))
    return list(connection.execute(living).scalars())


def cut(connection: sa.Connection, position: int) -> None:
    """Keep only the changes up to a position. Tags are again where they stood; what is derived is made anew."""
    tags = _tags_at(connection, position)
    run = connection.execute
    run(sa.delete(schema.tags))
    run(sa.delete(schema.contexts).where(schema.contexts.c.commit.in_(sa.select(_C.id).where(_C.position > position))))
    run(sa.delete(schema.commits).where(_C.position > position))
    run(sa.delete(schema.journal).where(_J.position > position))
    later = sa.select(_B.id).where(_B.position > position)
    for table in (schema.segments, schema.snapshots, schema.merges):
        run(sa.delete(table).where(table.c.branch.in_(later)))
    run(sa.delete(schema.snapshots))
    index.clear(connection)
    # Children before parents: a branch refers to the one that it left.
    for branch in run(later.order_by(_B.ordinal.desc())).scalars().all():
        run(sa.delete(schema.branches).where(_B.id == branch))
    run(sa.update(schema.branches).where(_B.deleted_position > position).values(deleted_at=None, deleted_position=None))
    run(sa.delete(schema.agents).where(schema.agents.c.root.not_in(sa.select(_B.id))))
    _shorten(connection)
    run(sa.delete(schema.sessions).where(schema.sessions.c.position > position))
    run(sa.delete(schema.audit).where(_A.position > position))
    if tags:
        run(sa.insert(schema.tags), tags)
    _cut_admission(connection, position)


def _cut_admission(connection: sa.Connection, position: int) -> None:
    """Keys that were made later are gone. What was closed stays closed: a key that was revoked later may be known to
    somebody who should not know it, and a token that was used later has had its one use.
    """
    run = connection.execute
    for table in (schema.api_keys, schema.denials, schema.requests):
        run(sa.delete(table).where(table.c.position > position))
    run(sa.update(schema.api_keys).where(_K.revoked_position > position).values(revoked_position=position))
    run(sa.update(schema.tokens).where(_U.position > position).values(position=position))


def _shorten(connection: sa.Connection) -> None:
    """Let segments and merge markers end where their branches end now."""
    s, m = schema.segments.c, schema.merges.c
    head = sa.select(sa.func.coalesce(sa.func.max(_J.seq), 0))
    of_segment = head.where(_J.branch == s.branch).scalar_subquery()
    of_merge = head.where(_J.branch == m.branch).scalar_subquery()
    connection.execute(sa.delete(schema.segments).where(s.first_seq > of_segment))
    connection.execute(sa.update(schema.segments).where(s.last_seq > of_segment).values(last_seq=of_segment))
    connection.execute(sa.delete(schema.merges).where(m.seq > of_merge))


def _tags_at(connection: sa.Connection, position: int) -> list[dict[str, object]]:
    """The tags as they stood after a change, told by the audit; imported ones, of which it is silent, as they are."""
    standing = connection.execute(sa.select(schema.tags).where(_T.position <= position)).mappings()
    tags = {(row["agent"], row["name"]): dict(row) for row in standing}
    notes = connection.execute(
        sa.select(schema.audit).where(_A.action.in_(("tag_put", "tag_moved", "tag_dropped"))).order_by(_A.position)
    ).all()
    touched = {(note.agent, note.detail) for note in notes if note.position > position}
    for key in touched:
        tags.pop(key, None)
    for note in notes:
        key = note.agent, note.detail
        if note.position > position or key not in touched:
            continue
        if note.action == "tag_dropped":
            tags.pop(key, None)
            continue
        place = {"branch": note.branch, "seq": note.seq, "at": note.at, "position": note.position}
        tags[key] = {"agent": note.agent, "name": note.detail} | place
    return list(tags.values())
