"""Judges the end of a transaction: that nobody wrote in between, and then moves all that it holds to its parent."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa
from msgspec import structs

from quantum_memory.errors import AlreadyExists, CorruptRecord, InvalidValue, TransactionConflict
from quantum_memory.memory.events import Entry, Event, Merged, Picked, RolledBack
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.batch import Batch
from quantum_memory.memory.vault.catalog import (
    SELECT_APPENDED,
    SELECT_COMMITS_ON,
    SELECT_COMMITTED,
    SELECT_ENTRIES,
    commit_of,
    from_us,
    with_op_ids,
)
from quantum_memory.memory.vault.codec import decode, encode
from quantum_memory.memory.vault.judge_events import Draft, add_event
from quantum_memory.memory.vault.judge_names import drop_tag, put_tag
from quantum_memory.memory.vault.writes import AUTOMATIC, CommitTransaction, PutTag, Written
from quantum_memory.types import AgentName, Branch, BranchId, Place

MOVING, COMMITTED = "transaction_moving", "transaction_committed"
"""What the audit says where a transaction's changes begin and where they end: with the deletion of its branch."""


def commit_transaction(batch: Batch, write: CommitTransaction) -> Written:
    """Raises: PlaceNotFound, BranchDeleted, TransactionOver, TransactionConflict, AlreadyExists, what a tag raises."""
    first = first_commit(batch, write.op_id, batch.owner(write.branch), write.branch)
    if first is not None:
        return first
    branch = batch.open(write.branch)
    if branch.kind != "transaction" or branch.parent is None:
        raise InvalidValue("branch", repr(branch.name), "a transaction")
    parent = batch.open(branch.parent)
    head = batch.head(parent)
    if head.seq != branch.fork_seq:
        raise TransactionConflict(parent.agent, parent.name, branch.fork_seq, head.seq)
    with batch.whole():
        return _moved(batch, branch, parent, write)


def _moved(batch: Batch, branch: Branch, parent: Branch, write: CommitTransaction) -> Written:
    """All that the transaction holds, on its parent, between two rows of the audit.

    So whoever cuts history at a position can see whether that would cut through a transaction.
    """
    last = batch.head(branch)
    at_us = max(batch.now_us, batch.head(parent).at_us, last.at_us)
    drafts = _drafts(batch, branch, parent, write.op_id, at_us)
    end = Place(parent.id, last.seq)
    detail = f"{len(drafts)} {'event' if len(drafts) == 1 else 'events'} of {branch.id}"
    batch.note(MOVING, parent.agent, *end, detail, at_us=at_us)
    _move_commits(batch, branch, parent, at_us)
    written = [add_event(batch, parent, draft) for draft in drafts]
    for tag in write.tags:
        if isinstance(tag, PutTag):
            put_tag(batch, replace(tag, place=_on_parent(tag.place, branch, parent)))
        else:
            drop_tag(batch, tag)
    position = batch.note(COMMITTED, parent.agent, *end, detail, op_id=write.op_id, at_us=at_us)
    batch.delete_branch(branch, at_us, position)
    entries = [Entry(done.place, done.at, draft.event) for done, draft in zip(written, drafts, strict=True)]
    commits = [done.commit for done in written if done.commit is not None]
    return Written(end, from_us(at_us), commit=commits[-1] if commits else None, entries=tuple(entries))


def _drafts(batch: Batch, branch: Branch, parent: Branch, op_id: str, at_us: int) -> list[Draft]:
    """The transaction's own events as they read on its parent. Raises: AlreadyExists, CorruptRecord, Quarantined."""
    upto = batch.head(branch).seq
    rows = batch.execute(SELECT_ENTRIES, {"branch": branch.id, "after": branch.fork_seq, "upto": upto}).all()
    if len(rows) != upto - branch.fork_seq:
        raise CorruptRecord(f"branch {branch.id}", f"{len(rows)} entries in {branch.fork_seq + 1}..{upto}")
    sealed = [(row.seq, row.payload) for row in rows]
    payloads = batch.catalog.records.payloads(batch.connection, branch.id, sealed)
    op_ids = _op_ids(op_id, len(rows))
    taken = {found[1] for found in with_op_ids(batch.connection, SELECT_APPENDED, op_ids) if found[0] == parent.agent}
    if taken:
        raise AlreadyExists("operation", min(taken))
    drafts = []
    for row, one in zip(rows, op_ids, strict=True):
        payload = payloads[row.seq]
        event = decode(payload, f"entry {branch.id}@{row.seq}")
        moved = _event_on_parent(event, branch, parent)
        drafts.append(Draft(moved, payload if moved is event else encode(moved), at_us, one))
    return drafts


def _op_ids(op_id: str, count: int) -> list[str]:
    """The operation ids of moved events: the first has the transaction's own."""
    return [op_id, *(f"{op_id}#{number}" for number in range(1, count))][:count]


def _event_on_parent(event: Event, branch: Branch, parent: Branch) -> Event:
    """The event with its places on the parent; the very same one if it has none on the transaction."""
    match event:
        case RolledBack(to=to) if to.branch == branch.id:
            return structs.replace(event, to=_on_parent(to, branch, parent))
        case Picked(source=source) if source.branch == branch.id:
            return structs.replace(event, source=_on_parent(source, branch, parent))
        case Merged(source=source, base=base) if branch.id in (source.branch, base.branch if base else None):
            base = None if base is None else _on_parent(base, branch, parent)
            return structs.replace(event, source=_on_parent(source, branch, parent), base=base)
        case _:
            return event


def _on_parent(place: Place, branch: Branch, parent: Branch) -> Place:
    return Place(parent.id, place.seq) if place.branch == branch.id else place


def _move_commits(batch: Batch, branch: Branch, parent: Branch, at_us: int) -> None:
    """Commits that were made inside name the same places on the parent, are told of only now, and date from now."""
    c = schema.commits.c
    for row in batch.execute(SELECT_COMMITS_ON, {"branch": branch.id}).all():
        commit, op_id = commit_of(row), row.op_id
        place = Place(parent.id, commit.place.seq)
        position = batch.note("commit_created", parent.agent, *place, commit.message, op_id=op_id, at_us=at_us)
        moved = {"branch": parent.id, "position": position, "at": at_us}
        batch.execute(sa.update(schema.commits).where(c.id == commit.id).values(moved))


def first_commit(batch: Batch, op_id: str, agent: AgentName | None, branch: BranchId | None = None) -> Written | None:
    """What committing a transaction came to before. Raises: AlreadyExists if it was another one than ``branch``."""
    found = batch.noted(op_id, agent, COMMITTED)
    if found is None or found.agent is None or found.branch is None or found.seq is None:
        return None
    if branch is not None and not found.detail.endswith(f" of {branch}"):
        raise AlreadyExists("operation", op_id)
    batch.flush()
    parent = batch.branch(found.branch)
    firsts = [row[3] for row in with_op_ids(batch.connection, SELECT_APPENDED, [op_id]) if row[0] == found.agent]
    entries = batch.catalog.entries(batch.connection, parent, firsts[0] - 1, found.seq) if firsts else []
    beside = [AUTOMATIC + one for one in _op_ids(op_id, len(entries))]
    commits = [commit_of(row) for row in with_op_ids(batch.connection, SELECT_COMMITTED, beside)]
    commits = sorted((one for one in commits if one.agent == found.agent), key=lambda one: one.place.seq)
    place, at = Place(found.branch, found.seq), from_us(found.at_us)
    return Written(place, at, repeated=True, commit=commits[-1] if commits else None, entries=tuple(entries))
