"""Judges what makes agents and branches and what deletes them: whose they are, and that their names are free."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from quantum_memory.errors import AlreadyExists, BranchDeleted, InvalidValue, TransactionOver
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.adopt import ACTION as IMPORTED
from quantum_memory.memory.vault.batch import Batch
from quantum_memory.memory.vault.catalog import from_us
from quantum_memory.memory.vault.writes import ROOT_BRANCH, CreateAgent, CreateBranch, DeleteBranch, Written
from quantum_memory.types import AgentName, Branch, Place


def create_agent(batch: Batch, write: CreateAgent) -> Written:
    """Raises: AlreadyExists if a branch has that id."""
    found = batch.root(write.name)
    if found is not None:
        return replace(branched(found), repeated=True)
    batch.free_id(write.branch_id)
    created_at = from_us(batch.now_us)
    root = Branch(write.branch_id, write.name, ROOT_BRANCH, write.branch_id, "root", None, 0, created_at)
    batch.add_branch(root, None, batch.note("agent_created", root.agent, root.id, 0, op_id=write.op_id))
    return branched(root)


def create_branch(batch: Batch, write: CreateBranch) -> Written:
    """Raises: PlaceNotFound, AlreadyExists, InvalidValue, TransactionOpen, TransactionOver, BranchDeleted."""
    operation = (CreateBranch, write.agent, write.op_id)
    first = batch.done.get(operation)
    if first is not None and first.branch is not None:
        if _asked(first.branch) != (write.kind, write.name, write.parent):
            raise AlreadyExists("operation", write.op_id)
        return replace(first, repeated=True)
    parent = _parent(batch, write)
    if write.kind == "clone" and batch.root(write.agent) is not None:
        raise AlreadyExists("agent", write.agent)
    batch.free_name(write.agent, write.name)
    batch.free_id(write.id)
    at_us = max(batch.now_us, batch.head(parent).at_us)
    branch, seq = write.parent
    made = Branch(write.id, write.agent, write.name, parent.lineage, write.kind, branch, seq, from_us(at_us))
    if write.kind == "transaction":
        position = batch.next()
    else:
        detail = f"{write.kind} {write.name!r} of {parent.agent}@{parent.name}"
        position = batch.note("branch_created", made.agent, made.id, seq, detail, op_id=write.op_id, at_us=at_us)
    batch.add_branch(made, write.op_id, position)
    batch.done[operation] = outcome = branched(made)
    return outcome


def _parent(batch: Batch, write: CreateBranch) -> Branch:
    """The branch that it starts from, where it may."""
    parent = batch.place_from(write.parent, write.kind)
    if write.kind == "transaction":
        batch.open(parent.id)
    inherits = write.kind == "fork" and batch.inherits(write.agent, write.parent)
    if write.kind != "clone" and write.agent != parent.agent and not inherits:
        raise InvalidValue("agent", repr(write.agent), f"{parent.agent!r}, or a clone with that place in its past")
    return parent


def delete_branch(batch: Batch, write: DeleteBranch) -> Written:
    """Raises: PlaceNotFound, BranchDeleted, TransactionOver, AlreadyExists, InvalidValue for a first branch."""
    first = first_deletion(batch, write.op_id, batch.owner(write.branch))
    if first is not None:
        if first.place.branch != write.branch:
            raise AlreadyExists("operation", write.op_id)
        return first
    branch, deleted = batch.look(write.branch)
    head = batch.head(branch)
    outcome = Written(Place(branch.id, head.seq), from_us(max(batch.now_us, head.at_us)))
    if branch.kind in ("root", "clone"):
        raise InvalidValue("branch", repr(branch.name), "another one: an agent's first branch cannot be deleted")
    if not deleted:
        at_us = max(batch.now_us, head.at_us)
        position = batch.next() if branch.kind == "transaction" else _noted(batch, write, branch, head.seq, at_us)
        batch.delete_branch(branch, at_us, position)
        return outcome
    if branch.kind != "transaction":
        raise BranchDeleted(branch.agent, branch.name)
    if _was_committed(batch, branch):
        raise TransactionOver(branch.agent, batch.named(branch), "it was committed")
    return replace(outcome, repeated=True)


def _noted(batch: Batch, write: DeleteBranch, branch: Branch, seq: int, at_us: int) -> int:
    return batch.note("branch_deleted", branch.agent, branch.id, seq, branch.name, op_id=write.op_id, at_us=at_us)


def _was_committed(batch: Batch, branch: Branch) -> bool:
    """Whether a deleted transaction was kept: the audit tells that, and not that one was dropped."""
    b, a = schema.branches.c, schema.audit.c
    statement = sa.select(a.position).join(schema.branches, b.deleted_position == a.position).where(b.id == branch.id)
    return batch.execute(statement).first() is not None


def first_deletion(batch: Batch, op_id: str, agent: AgentName | None) -> Written | None:
    """What deleting a branch came to before."""
    found = batch.noted(op_id, agent, "branch_deleted")
    if found is None or found.branch is None or found.seq is None:
        return None
    return Written(Place(found.branch, found.seq), from_us(found.at_us), repeated=True)


def first_making(batch: Batch, op_id: str, agent: AgentName) -> Written | None:
    """What making an agent, or taking one in, came to before."""
    found = batch.noted(op_id, agent, "agent_created", IMPORTED)
    root = None if found is None else batch.root(agent)
    return None if root is None else replace(branched(root), repeated=True)


def branched(branch: Branch) -> Written:
    """The outcome of making a branch."""
    return Written(Place(branch.id, branch.fork_seq), branch.created_at, branch=branch)


def _asked(branch: Branch) -> tuple[str, str, Place]:
    return branch.kind, branch.name, Place(branch.parent or "", branch.fork_seq)
