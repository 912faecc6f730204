"""Which writes of a batch may stand: each is judged on its own, in order, seeing those before it.

Knows what was done before, and hands each write to those who know its kind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

import sqlalchemy as sa

from quantum_memory.errors import QuantumMemoryError
from quantum_memory.memory.vault import judge_admission as admission
from quantum_memory.memory.vault import judge_branches as branches
from quantum_memory.memory.vault import judge_events as events
from quantum_memory.memory.vault import judge_holdings as holdings
from quantum_memory.memory.vault import judge_names as names
from quantum_memory.memory.vault import judge_transactions as transactions
from quantum_memory.memory.vault.admission import FreeRequest, MakeKey, NoteDenial, NoteRequest, RevokeKey, UseToken
from quantum_memory.memory.vault.batch import Batch
from quantum_memory.memory.vault.catalog import (
    SELECT_APPENDED,
    SELECT_BRANCHED,
    SELECT_COMMITTED,
    Catalog,
    branch_of,
    commit_of,
    from_us,
    with_op_ids,
)
from quantum_memory.memory.vault.writes import (
    Annotate,
    Append,
    Claim,
    CommitTransaction,
    CreateAgent,
    CreateBranch,
    CreateCommit,
    DeleteBranch,
    DropTag,
    Enlist,
    OpenSession,
    PutTag,
    Resize,
    Settle,
    Write,
    Written,
)
from quantum_memory.types import AgentName, Place

NOTED = (CommitTransaction, DeleteBranch, PutTag, DropTag, Resize)
"""Writes whose first outcome the audit tells."""


def judge(batch: Batch, writes: Sequence[Write]) -> list[Written | QuantumMemoryError]:
    """The outcome of each write, or what refused it; a refused one leaves no trace."""
    _recollect(batch, writes)
    outcomes: list[Written | QuantumMemoryError] = []
    for write in writes:
        try:
            admitted = holdings.admitted(batch, write)
            outcome = _decide(batch, write)
            outcomes.append(outcome if admitted is None else holdings.held(batch, admitted, outcome))
        except QuantumMemoryError as refusal:
            outcomes.append(refusal)
    return outcomes


def _recollect(batch: Batch, writes: Sequence[Write]) -> None:
    """Find which operations were done before."""
    wanted: dict[type[Write], list[str]] = defaultdict(list)
    noted: list[str] = []
    for write in writes:
        if isinstance(write, NOTED):
            noted.append(write.op_id)
            noted += [tag.op_id for tag in write.tags] if isinstance(write, CommitTransaction) else []
        elif isinstance(write, Append | CreateBranch | CreateCommit):
            wanted[type(write)].append(write.op_id)
    connection, done = batch.connection, batch.done
    for agent, op_id, branch_id, seq, at in with_op_ids(connection, SELECT_APPENDED, wanted[Append]):
        done[Append, agent, op_id] = Written(Place(branch_id, seq), from_us(at))
    for op_id, *row in with_op_ids(connection, SELECT_BRANCHED, wanted[CreateBranch]):
        made = branch_of(row)
        done[CreateBranch, made.agent, op_id] = branches.branched(made)
    for named in with_op_ids(connection, SELECT_COMMITTED, wanted[CreateCommit]):
        commit = commit_of(named)
        done[CreateCommit, commit.agent, named[-1]] = names.committed(commit)
    batch.recall(noted)
    holdings.look_up(batch, writes)


def _decide(batch: Batch, write: Write) -> Written:  # noqa: C901, PLR0911, PLR0912 - one line for each kind
    match write:
        case Append():
            return events.append(batch, write)
        case CreateAgent():
            return branches.create_agent(batch, write)
        case CreateBranch():
            return branches.create_branch(batch, write)
        case DeleteBranch():
            return branches.delete_branch(batch, write)
        case CommitTransaction():
            return transactions.commit_transaction(batch, write)
        case CreateCommit():
            return names.create_commit(batch, write)
        case PutTag():
            return names.put_tag(batch, write)
        case DropTag():
            return names.drop_tag(batch, write)
        case OpenSession():
            return names.open_session(batch, write)
        case Annotate():
            return names.annotate(batch, write)
        case Enlist() | Claim() | Resize() | Settle():
            return holdings.decide(batch, write)
        case MakeKey() | RevokeKey() | NoteDenial() | NoteRequest() | FreeRequest() | UseToken():
            return admission.decide(batch, write)
        case _:
            assert_never(write)


def first_outcome(catalog: Catalog, connection: sa.Connection, agent: AgentName, op_id: str) -> Written | None:
    """What an operation of an agent came to, if it was done."""
    batch = Batch(catalog, connection, 0, 0)
    batch.recall([op_id])
    found = transactions.first_commit(batch, op_id, agent) or names.first_tag(batch, op_id, agent)
    found = found or branches.first_deletion(batch, op_id, agent)
    if found is not None:
        return found
    for owner, _, branch_id, seq, at in with_op_ids(connection, SELECT_APPENDED, [op_id]):
        if owner == agent:
            commit = events.checkpoint_beside(batch, agent, op_id)
            return Written(Place(branch_id, seq), from_us(at), repeated=True, commit=commit)
    for _, *row in with_op_ids(connection, SELECT_BRANCHED, [op_id]):
        if branch_of(row).agent == agent:
            return replace(branches.branched(branch_of(row)), repeated=True)
    for named in with_op_ids(connection, SELECT_COMMITTED, [op_id]):
        if commit_of(named).agent == agent:
            return replace(names.committed(commit_of(named)), repeated=True)
    return branches.first_making(batch, op_id, agent)
