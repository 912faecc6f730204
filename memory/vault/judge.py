"""Which writes of a batch may stand: each is judged on its own, in order, seeing those before it. Inserts nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, assert_never

import sqlalchemy as sa
from blake3 import blake3

from quantum_memory.errors import (
    AgentNotFound,
    AlreadyExists,
    InvalidValue,
    PlaceNotFound,
    QuantumMemoryError,
    ShapeMismatch,
    StaleWriter,
)
from quantum_memory.memory.events import Event, Merged, Remembered, RolledBack
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.catalog import (
    SELECT_APPENDED,
    SELECT_BRANCHED,
    SELECT_COMMITTED,
    SELECT_NAMED,
    Catalog,
    Head,
    branch_of,
    commit_of,
    from_us,
    to_us,
    with_op_ids,
)
from quantum_memory.memory.vault.codec import encode
from quantum_memory.memory.vault.describe import kind_of
from quantum_memory.memory.vault.places import inherited
from quantum_memory.memory.vault.writes import (
    ROOT_BRANCH,
    Append,
    CreateAgent,
    CreateBranch,
    CreateCommit,
    Write,
    Written,
)
from quantum_memory.types import AgentName, Branch, BranchId, Commit, Place

COMMIT_ID_CHARS = 32
Operation = tuple[type[Write], AgentName, str]


class Judge:
    """Judges one batch.

    Args:
        catalog: what is durable already.
        connection: where it reads; no one else writes meanwhile.
        now_us: the time of the batch; a branch that was written later by its clock keeps its own.
        dim: of every embedding; ``None`` if the vault is not tied to one.

    Attributes:
        rows: what is to be inserted, by table.
        heads, branches: what the batch changed, to be held once it is durable.
    """

    def __init__(self, catalog: Catalog, connection: sa.Connection, now_us: int, dim: int | None) -> None:
        self._catalog, self._connection, self._now_us, self._dim = catalog, connection, now_us, dim
        self.rows: dict[sa.Table, list[dict[str, Any]]] = defaultdict(list)
        self.heads: dict[BranchId, Head] = {}
        self.branches: dict[BranchId, Branch] = {}
        self._roots: dict[AgentName, Branch] = {}
        self._done: dict[Operation, Written] = {}

    def judge(self, batch: Sequence[Write]) -> list[Written | QuantumMemoryError]:
        """The outcome of each write, or what refused it; a refused one leaves no trace."""
        self._recollect(batch)
        outcomes: list[Written | QuantumMemoryError] = []
        for write in batch:
            try:
                outcomes.append(self._decide(write))
            except QuantumMemoryError as refusal:
                outcomes.append(refusal)
        return outcomes

    def _recollect(self, batch: Sequence[Write]) -> None:
        """Find which operations were done before."""
        wanted: dict[type[Write], list[str]] = defaultdict(list)
        for write in batch:
            if not isinstance(write, CreateAgent):
                wanted[type(write)].append(write.op_id)
        for agent, op_id, branch_id, seq, at in with_op_ids(self._connection, SELECT_APPENDED, wanted[Append]):
            self._done[Append, agent, op_id] = Written(Place(branch_id, seq), from_us(at))
        for op_id, *row in with_op_ids(self._connection, SELECT_BRANCHED, wanted[CreateBranch]):
            made = branch_of(row)
            self._done[CreateBranch, made.agent, op_id] = _branched(made)
        for op_id, *row in with_op_ids(self._connection, SELECT_COMMITTED, wanted[CreateCommit]):
            commit = commit_of(row)
            self._done[CreateCommit, commit.agent, op_id] = _committed(commit)

    def _decide(self, write: Write) -> Written:
        match write:
            case CreateAgent():
                return self._create_agent(write)
            case CreateBranch():
                return self._create_branch(write)
            case Append():
                return self._append(write)
            case CreateCommit():
                return self._create_commit(write)
            case _:
                assert_never(write)

    def _create_agent(self, write: CreateAgent) -> Written:
        found = self._root(write.name)
        if found is not None:
            return replace(_branched(found), repeated=True)
        self._free_id(write.branch_id)
        created_at = from_us(self._now_us)
        root = Branch(write.branch_id, write.name, ROOT_BRANCH, write.branch_id, "root", None, 0, created_at)
        self._add_branch(root, op_id=None)
        return _branched(root)

    def _create_branch(self, write: CreateBranch) -> Written:
        operation = (CreateBranch, write.agent, write.op_id)
        first = self._done.get(operation)
        if first is not None and first.branch is not None:
            if _asked(first.branch) != (write.kind, write.name, write.parent):
                raise AlreadyExists("operation", write.op_id)
            return replace(first, repeated=True)
        parent = self._place(write.parent)
        if write.kind == "fork" and write.agent != parent.agent and not self._inherits(write.agent, write.parent):
            raise InvalidValue("agent", repr(write.agent), f"{parent.agent!r}, or a clone with that place in its past")
        if write.kind == "clone" and self._root(write.agent) is not None:
            raise AlreadyExists("agent", write.agent)
        if self._named(write.agent, write.name):
            raise AlreadyExists("branch", write.name)
        self._free_id(write.id)
        created_at = from_us(max(self._now_us, self._head(parent).at_us))
        branch, seq = write.parent
        made = Branch(write.id, write.agent, write.name, parent.lineage, write.kind, branch, seq, created_at)
        self._add_branch(made, write.op_id)
        self._done[operation] = outcome = _branched(made)
        return outcome

    def _append(self, write: Append) -> Written:
        branch = self._branch(write.branch)
        operation = (Append, branch.agent, write.op_id)
        first = self._done.get(operation)
        if first is not None:
            if first.place.branch != write.branch:
                raise AlreadyExists("operation", write.op_id)
            return replace(first, repeated=True)
        head = self._head(branch)
        if write.expected != head.seq:
            raise StaleWriter(write.branch, write.expected, head.seq)
        self._check_places(write.event)
        payload = encode(write.event)
        self._check_dimension(write.event)
        place = Place(branch.id, head.seq + 1)
        at_us = max(self._now_us, head.at_us)
        row = {"branch": branch.id, "seq": place.seq, "at": at_us, "kind": kind_of(write.event)}
        self.rows[schema.journal].append(row | {"agent": branch.agent, "op_id": write.op_id, "payload": payload})
        if isinstance(write.event, Merged):
            self.rows[schema.merges].append(_marker(place, write.event))
        self.heads[branch.id] = Head(place.seq, at_us)
        self._done[operation] = outcome = Written(place, from_us(at_us))
        return outcome

    def _create_commit(self, write: CreateCommit) -> Written:
        place = Place(write.branch, write.seq)
        branch = self._branch(write.branch)
        operation = (CreateCommit, branch.agent, write.op_id)
        first = self._done.get(operation)
        if first is not None:
            if first.place.branch != write.branch:
                raise AlreadyExists("operation", write.op_id)
            return replace(first, repeated=True)
        self._place(place)
        at_us = max(self._now_us, self._head(branch).at_us)
        commit = Commit(_commit_id(branch.agent, write), branch.agent, place, write.message, from_us(at_us))
        row = {"id": commit.id, "agent": commit.agent, "branch": place.branch, "seq": place.seq}
        self.rows[schema.commits].append(row | {"message": commit.message, "at": at_us, "op_id": write.op_id})
        self._done[operation] = outcome = _committed(commit)
        return outcome

    def _add_branch(self, branch: Branch, op_id: str | None) -> None:
        at_us = to_us(branch.created_at)
        if branch.kind != "fork":
            self.rows[schema.agents].append({"name": branch.agent, "root": branch.id})
            self._roots[branch.agent] = branch
        row = {name: getattr(branch, name) for name in ("id", "agent", "name", "lineage", "kind", "parent", "fork_seq")}
        self.rows[schema.branches].append(row | {"created_at": at_us, "op_id": op_id})
        self.branches[branch.id] = branch
        self.heads[branch.id] = Head(branch.fork_seq, at_us)

    def _branch(self, branch: BranchId) -> Branch:
        return self.branches.get(branch) or self._catalog.branch(self._connection, branch)

    def _head(self, branch: Branch) -> Head:
        return self.heads.get(branch.id) or self._catalog.head(self._connection, branch)

    def _root(self, agent: AgentName) -> Branch | None:
        try:
            return self._roots.get(agent) or self._catalog.root(self._connection, agent)
        except AgentNotFound:
            return None

    def _named(self, agent: AgentName, name: str) -> bool:
        if any((made.agent, made.name) == (agent, name) for made in self.branches.values()):
            return True
        return self._connection.execute(SELECT_NAMED, {"agent": agent, "name": name}).first() is not None

    def _free_id(self, branch: BranchId) -> None:
        try:
            self._branch(branch)
        except PlaceNotFound:
            return
        raise AlreadyExists("branch id", branch)

    def _place(self, place: Place) -> Branch:
        """The branch of a place that exists. Raises: PlaceNotFound."""
        branch = self._branch(place.branch)
        if not 0 <= place.seq <= self._head(branch).seq:
            raise PlaceNotFound(branch.agent, f"{place.branch}@{place.seq}")
        return branch

    def _inherits(self, agent: AgentName, place: Place) -> bool:
        """Whether an agent is a clone whose past, before it became one, holds a place."""
        root = self._root(agent)
        if root is None:
            return False
        return any(last.branch == place.branch and place.seq <= last.seq for last in inherited(root, self._branch))

    def _check_dimension(self, event: Event) -> None:
        if self._dim is None or not isinstance(event, Remembered | Merged):
            return
        for memory in event.memories:
            if memory.embedding.shape != (self._dim,):
                raise ShapeMismatch("memory.embedding", (self._dim,), memory.embedding.shape)

    def _check_places(self, event: Event) -> None:
        """What an event points to must have been written before it: that is why every walk through history ends."""
        if isinstance(event, RolledBack):
            if not event.parts:
                raise InvalidValue("parts", "none", "at least one part to roll back")
            self._place(event.to)
        elif isinstance(event, Merged):
            self._place(event.source)
            if event.base is not None:
                self._place(event.base)


def first_outcome(connection: sa.Connection, agent: AgentName, op_id: str) -> Written | None:
    """What an operation of an agent came to, if it was done."""
    for owner, _, branch_id, seq, at in with_op_ids(connection, SELECT_APPENDED, [op_id]):
        if owner == agent:
            return Written(Place(branch_id, seq), from_us(at), repeated=True)
    for _, *row in with_op_ids(connection, SELECT_BRANCHED, [op_id]):
        if branch_of(row).agent == agent:
            return replace(_branched(branch_of(row)), repeated=True)
    for _, *row in with_op_ids(connection, SELECT_COMMITTED, [op_id]):
        if commit_of(row).agent == agent:
            return replace(_committed(commit_of(row)), repeated=True)
    return None


def _branched(branch: Branch) -> Written:
    return Written(Place(branch.id, branch.fork_seq), branch.created_at, branch=branch)


def _committed(commit: Commit) -> Written:
    return Written(commit.place, commit.at, commit=commit)


def _asked(branch: Branch) -> tuple[str, str, Place]:
    return branch.kind, branch.name, Place(branch.parent or "", branch.fork_seq)


def _commit_id(agent: AgentName, write: CreateCommit) -> str:
    told = "\x00".join((agent, write.op_id, write.branch, str(write.seq), write.message))
    return blake3(told.encode()).hexdigest()[:COMMIT_ID_CHARS]


def _marker(place: Place, event: Merged) -> dict[str, Any]:
    base_branch, base_seq = event.base or (None, None)
    return {
        "branch": place.branch,
        "seq": place.seq,
        "source_branch": event.source.branch,
        "source_seq": event.source.seq,
        "base_branch": base_branch,
        "base_seq": base_seq,
    }
