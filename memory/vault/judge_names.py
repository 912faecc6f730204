"""Judges what gives things names: commits, tags, sessions, and the notes beside commits."""

from __future__ import annotations

import json
from dataclasses import replace

import sqlalchemy as sa
from blake3 import blake3

from quantum_memory.errors import AgentNotFound, AlreadyExists, PlaceNotFound
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.batch import Batch
from quantum_memory.memory.vault.catalog import SELECT_COMMIT, SELECT_TAG, commit_of, from_us, tag_of
from quantum_memory.memory.vault.writes import AUTOMATIC, Annotate, CreateCommit, DropTag, OpenSession, PutTag, Written
from quantum_memory.types import AgentName, Branch, Commit, Place, Tag

COMMIT_ID_CHARS = 32


def create_commit(batch: Batch, write: CreateCommit) -> Written:
    """Raises: PlaceNotFound, BranchDeleted, TransactionOver, AlreadyExists."""
    branch = batch.branch(write.branch)
    operation = (CreateCommit, branch.agent, write.op_id)
    first = batch.done.get(operation)
    if first is not None:
        if first.place.branch not in (write.branch, branch.parent if branch.kind == "transaction" else None):
            raise AlreadyExists("operation", write.op_id)
        return replace(first, repeated=True)
    batch.open(write.branch)
    batch.place(Place(write.branch, write.seq))
    commit = add_commit(batch, branch, write.seq, write.message, write.op_id)
    batch.done[operation] = outcome = committed(commit)
    return outcome


def add_commit(batch: Batch, branch: Branch, seq: int, message: str, op_id: str) -> Commit:
    """Name a place of a branch."""
    at_us = max(batch.now_us, batch.head(branch).at_us)
    told = "\x00".join((branch.agent, op_id, branch.id, str(seq), message))
    made = Commit(_commit_id(told), branch.agent, Place(branch.id, seq), message, from_us(at_us))
    if branch.kind == "transaction":
        position = batch.next()
    else:
        position = batch.note("commit_created", branch.agent, branch.id, seq, message, op_id=op_id, at_us=at_us)
    row = {"id": made.id, "agent": made.agent, "branch": branch.id, "seq": seq, "message": message, "at": at_us}
    batch.insert(schema.commits, row | {"op_id": op_id, "position": position})
    return replace(made, automatic=op_id.startswith(AUTOMATIC))


def committed(commit: Commit) -> Written:
    """The outcome of naming a place."""
    return Written(commit.place, commit.at, commit=commit)


def put_tag(batch: Batch, write: PutTag) -> Written:
    """Raises: AgentNotFound, PlaceNotFound, AlreadyExists, TransactionOpen, TransactionOver."""
    first = first_tag(batch, write.op_id, write.agent)
    if first is not None:
        if first.tag is None or (first.tag.name, first.place) != (write.name, write.place):
            raise AlreadyExists("operation", write.op_id)
        return first
    if batch.root(write.agent) is None:
        raise AgentNotFound(write.agent)
    branch = batch.place_from(write.place, "tag")
    if branch.agent != write.agent and not batch.inherits(write.agent, write.place):
        raise PlaceNotFound(write.agent, f"{write.place.branch}@{write.place.seq}")
    found = tag_named(batch, write.agent, write.name)
    if found is not None and found.place == write.place:
        return Written(found.place, found.at, repeated=True, tag=found)
    if found is not None and not write.move:
        raise AlreadyExists("tag", write.name)
    action = "tag_put" if found is None else "tag_moved"
    position = batch.note(action, write.agent, *write.place, write.name, op_id=write.op_id)
    row = {"branch": write.place.branch, "seq": write.place.seq, "at": batch.now_us, "position": position}
    if found is None:
        batch.execute(sa.insert(schema.tags), row | {"agent": write.agent, "name": write.name})
    else:
        batch.execute(sa.update(schema.tags).where(*_is(write)).values(**row))
    tag = Tag(write.name, write.agent, write.place, from_us(batch.now_us))
    return Written(tag.place, tag.at, tag=tag)


def drop_tag(batch: Batch, write: DropTag) -> Written:
    """Raises: AgentNotFound, AlreadyExists if the operation was another."""
    first = first_tag(batch, write.op_id, write.agent)
    if first is not None:
        if first.tag is None or first.tag.name != write.name:
            raise AlreadyExists("operation", write.op_id)
        return replace(first, tag=None)
    root = batch.root(write.agent)
    if root is None:
        raise AgentNotFound(write.agent)
    found = tag_named(batch, write.agent, write.name)
    if found is None:
        return Written(Place(root.id, root.fork_seq), from_us(batch.now_us), repeated=True)
    batch.note("tag_dropped", write.agent, *found.place, write.name, op_id=write.op_id)
    batch.execute(sa.delete(schema.tags).where(*_is(write)))
    return Written(found.place, from_us(batch.now_us))


def first_tag(batch: Batch, op_id: str, agent: AgentName) -> Written | None:
    """What putting or dropping a tag came to before."""
    found = batch.noted(op_id, agent, "tag_put", "tag_moved", "tag_dropped")
    if found is None or found.branch is None or found.seq is None:
        return None
    tag = Tag(found.detail, agent, Place(found.branch, found.seq), from_us(found.at_us))
    return Written(tag.place, tag.at, repeated=True, tag=tag)


def tag_named(batch: Batch, agent: AgentName, name: str) -> Tag | None:
    """An agent's tag of this name."""
    row = batch.execute(SELECT_TAG, {"agent": agent, "name": name}).one_or_none()
    return None if row is None else tag_of(row)


def open_session(batch: Batch, write: OpenSession) -> Written:
    """Raises: AlreadyExists if the session is somebody else's."""
    s = schema.sessions.c
    found = batch.execute(sa.select(s.who, s.at).where(s.id == write.id)).one_or_none()
    if found is not None and found.who != write.who:
        raise AlreadyExists("session", write.id)
    if found is not None:
        return Written(Place("", 0), from_us(found.at), repeated=True)
    position = batch.note("session_opened", detail=write.who, op_id=f"{write.id}.opened")
    batch.insert(schema.sessions, {"id": write.id, "who": write.who, "at": batch.now_us, "position": position})
    return Written(Place("", 0), from_us(batch.now_us))


def annotate(batch: Batch, write: Annotate) -> Written:
    """Raises: PlaceNotFound if there is no such commit."""
    row = batch.execute(SELECT_COMMIT, {"id": write.commit}).one_or_none()
    if row is None:
        raise PlaceNotFound("any agent", write.commit)
    body = json.dumps(write.context, sort_keys=True, separators=(",", ":"))
    batch.execute(sa.delete(schema.contexts).where(schema.contexts.c.commit == write.commit))
    batch.execute(sa.insert(schema.contexts), {"commit": write.commit, "body": body})
    commit = replace(commit_of(row), context=dict(write.context))
    return Written(commit.place, commit.at, commit=commit)


def _is(write: PutTag | DropTag) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return schema.tags.c.agent == write.agent, schema.tags.c.name == write.name


def _commit_id(told: str) -> str:
    return blake3(told.encode()).hexdigest()[:COMMIT_ID_CHARS]
