"""Judges events: that nobody missed one, that what they point to was written before them, that views can use them.

Makes the checkpoints that nobody asked for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from quantum_memory.errors import AlreadyExists, InvalidValue, ShapeMismatch, StaleWriter
from quantum_memory.memory.events import Event, Merged, Picked, Remembered, Revised, RolledBack
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.batch import Batch
from quantum_memory.memory.vault.catalog import SELECT_COMMITTED, Head, commit_of, from_us, with_op_ids
from quantum_memory.memory.vault.codec import Recorded, encode, proven, skills_of
from quantum_memory.memory.vault.describe import kind_of
from quantum_memory.memory.vault.judge_names import add_commit
from quantum_memory.memory.vault.writes import AUTOMATIC, Append, Written
from quantum_memory.types import PARTS, AgentName, Branch, Commit, Place


class Draft(NamedTuple):
    """An event that may stand, its record, and when it is written."""

    event: Event
    payload: bytes
    at_us: int
    op_id: str


def append(batch: Batch, write: Append) -> Written:
    """Raises: PlaceNotFound, BranchDeleted, TransactionOver, TransactionOpen, StaleWriter, AlreadyExists, InvalidInput.

    An operation that was done before has its first outcome, also on a branch that was deleted since.
    """
    branch = batch.branch(write.branch)
    first = batch.done.get((Append, branch.agent, write.op_id))
    if first is not None:
        if first.place.branch != write.branch:
            raise AlreadyExists("operation", write.op_id)
        beside = checkpoint_beside(batch, branch.agent, write.op_id)
        return replace(first, repeated=True, commit=beside)
    batch.open(write.branch)
    head = batch.head(branch)
    if write.expected != head.seq:
        raise StaleWriter(write.branch, write.expected, head.seq)
    event, payload = _read(write.event)
    _check_places(batch, branch, event)
    _check_dimension(batch, event)
    return add_event(batch, branch, Draft(event, payload or encode(event), max(batch.now_us, head.at_us), write.op_id))


def _read(given: Event | Recorded) -> tuple[Event, bytes | None]:
    """An event, and its record if that was given and can be read. Raises: InvalidValue if it cannot."""
    return (proven(given), given.record) if isinstance(given, Recorded) else (given, None)


def add_event(batch: Batch, branch: Branch, draft: Draft) -> Written:
    """Write an event after the branch's last one, and name the place before it if that is due."""
    head = batch.head(branch)
    event, payload, at_us, op_id = draft
    kind = kind_of(event)
    place = Place(branch.id, head.seq + 1)
    commit = None
    if batch.checkpoints is not None and branch.kind != "transaction":
        message = batch.checkpoints.due(head, (place.seq, at_us), kind)
        if message is not None:
            commit = add_commit(batch, branch, head.seq, message, AUTOMATIC + op_id)
    row = {"position": batch.next(), "branch": branch.id, "seq": place.seq, "at": at_us, "kind": kind}
    batch.insert(schema.journal, row | {"agent": branch.agent, "op_id": op_id, "payload": payload})
    if isinstance(event, Merged):
        batch.insert(schema.merges, marker(place, event))
    batch.heads[branch.id] = Head(place.seq, at_us)
    outcome = Written(place, from_us(at_us), commit=commit)
    batch.done[Append, branch.agent, op_id] = outcome
    return outcome


def checkpoint_beside(batch: Batch, agent: AgentName, op_id: str) -> Commit | None:
    """The checkpoint that was made by itself beside an operation."""
    batch.flush()
    found = map(commit_of, with_op_ids(batch.connection, SELECT_COMMITTED, [AUTOMATIC + op_id]))
    return next((commit for commit in found if commit.agent == agent), None)


def _check_dimension(batch: Batch, event: Event) -> None:
    if batch.dim is None:
        return
    for skill in skills_of(event):
        if skill.embedding is not None and skill.embedding.shape != (batch.dim,):
            raise ShapeMismatch("skill.embedding", (batch.dim,), skill.embedding.shape)
    if not isinstance(event, Remembered | Revised | Merged | Picked):
        return
    memories = event.memories + (event.revised if isinstance(event, Merged | Picked) else ())
    for memory in memories:
        if memory.embedding.shape != (batch.dim,):
            raise ShapeMismatch("memory.embedding", (batch.dim,), memory.embedding.shape)


def _check_places(batch: Batch, branch: Branch, event: Event) -> None:
    """What an event points to must have been written before it: that is why every walk through history ends."""
    if isinstance(event, RolledBack):
        if not event.parts:
            raise InvalidValue("parts", "none", "at least one part to roll back")
        batch.place_from(event.to, "rollback", branch)
    elif isinstance(event, Merged | Picked):
        batch.place_from(event.source, "merge", branch)
        if isinstance(event, Merged) and event.base is not None:
            batch.place_from(event.base, "merge", branch)


def marker(place: Place, event: Merged) -> dict[str, Any]:
    """The row of a merge."""
    base_branch, base_seq = event.base or (None, None)
    return {
        "branch": place.branch,
        "seq": place.seq,
        "source_branch": event.source.branch,
        "source_seq": event.source.seq,
        "base_branch": base_branch,
        "base_seq": base_seq,
        "parts": None if set(event.parts) == set(PARTS) else " ".join(event.parts),
    }
