"""What one batch of writes has come to so far: rows to be inserted, what they change, and the numbers they were given.

Decides nothing about a write. It is all in one transaction: without its commit nothing of it was ever so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import sqlalchemy as sa

from quantum_memory.errors import (
    AgentNotFound,
    AlreadyExists,
    BranchDeleted,
    PlaceNotFound,
    TransactionOpen,
    TransactionOver,
)
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.catalog import (
    SELECT_NOTED,
    SELECT_TAKEN,
    Catalog,
    Head,
    Known,
    to_us,
    with_op_ids,
)
from quantum_memory.memory.vault.holdings import Changes
from quantum_memory.memory.vault.places import inherited
from quantum_memory.memory.vault.writes import Write, Written
from quantum_memory.policies.checkpoints import CheckpointPolicy
from quantum_memory.types import AgentName, Branch, BranchId, Place

Operation = tuple[type[Write], AgentName, str]


class Noted(NamedTuple):
    """A row of the audit, as far as it tells the first outcome of an operation."""

    op_id: str
    action: str
    agent: AgentName | None
    branch: BranchId | None
    seq: int | None
    at_us: int
    detail: str


class Batch:
    """One batch, on the writer's connection; no one else writes meanwhile.

    Args:
        catalog: what is durable already.
        connection: where it reads and writes.
        now_us: the time of the batch; a branch that was written later by its clock keeps its own.
        position: the last number given to a change.
        dim: of every embedding; ``None`` if the vault is not tied to one.
        checkpoints: when the vault makes checkpoints by itself; ``None`` for never.

    Attributes:
        heads, known: what the batch changed, to be held once it is durable.
        done: outcomes of operations that were done before, or in this batch.
        holdings: who may write, and what the batch changed of that.
    """

    def __init__(
        self,
        catalog: Catalog,
        connection: sa.Connection,
        now_us: int,
        position: int,
        dim: int | None = None,
        checkpoints: CheckpointPolicy | None = None,
    ) -> None:
        self.catalog, self.connection, self.now_us = catalog, connection, now_us
        self.position, self.dim, self.checkpoints = position, dim, checkpoints
        self.heads: dict[BranchId, Head] = {}
        self.known: dict[BranchId, Known] = {}
        self.done: dict[Operation, Written] = {}
        self.holdings = Changes(catalog.holdings, connection)
        self._rows: dict[sa.Table, list[dict[str, Any]]] = defaultdict(list)
        self._roots: dict[AgentName, Branch] = {}
        self._names: set[tuple[AgentName, str]] = set()
        self._noted: dict[str, list[Noted]] = defaultdict(list)

    def next(self) -> int:
        """The number of one more change."""
        self.position += 1
        return self.position

    def insert(self, table: sa.Table, row: dict[str, Any]) -> None:
        """A row to be inserted with the next ``flush``."""
        self._rows[table].append(row)

    def note(
        self,
        action: str,
        agent: AgentName | None = None,
        branch: BranchId | None = None,
        seq: int | None = None,
        detail: str = "",
        *,
        op_id: str | None = None,
        at_us: int | None = None,
    ) -> int:
        """Give a change to the catalog its number and write it into the audit. Returns the number."""
        at_us = self.now_us if at_us is None else at_us
        row = {"position": self.next(), "at": at_us, "op_id": op_id, "action": action, "agent": agent}
        self.insert(schema.audit, row | {"branch": branch, "seq": seq, "detail": detail})
        if op_id is not None:
            self._noted[op_id].append(Noted(op_id, action, agent, branch, seq, at_us, detail))
        return self.position

    def recall(self, op_ids: Iterable[str]) -> None:
        """Find what the audit knows of operations."""
        for row in with_op_ids(self.connection, SELECT_NOTED, list(op_ids)):
            self._noted[row[0]].append(Noted(*row))

    def noted(self, op_id: str, agent: AgentName | None, *actions: str) -> Noted | None:
        """What an operation came to, if it was ``recall``ed or done in this batch."""
        return next(
            (one for one in self._noted[op_id] if one.action in actions and agent in (None, one.agent)),
            None,
        )

    def flush(self) -> None:
        """Insert what waits, so that the tables tell all."""
        for table in schema.INSERT_ORDER:
            if self._rows[table]:
                self.connection.execute(sa.insert(table), self._rows[table])
        self._rows.clear()
        self.holdings.flush()

    def execute(self, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> sa.CursorResult[Any]:
        """Run a statement that sees and changes what the batch has inserted so far."""
        self.flush()
        return self.connection.execute(statement, values or {})

    @contextmanager
    def whole(self) -> Iterator[None]:
        """What happens inside happens all, or with an error not at all; the batch goes on either way."""
        self.flush()
        before = self.position, dict(self.heads), dict(self.known), dict(self.done), set(self._names)
        noted = {op_id: list(rows) for op_id, rows in self._noted.items()}
        try:
            with self.connection.begin_nested():
                yield
                self.flush()
        except BaseException:
            self._rows.clear()
            self.position, self.heads, self.known, self.done, self._names = before
            self._noted = defaultdict(list, noted)
            raise

    def add_branch(self, branch: Branch, op_id: str | None, position: int) -> None:
        """A new branch, and its agent with it if it is a first one."""
        at_us = to_us(branch.created_at)
        if branch.kind in ("root", "clone"):
            self.insert(schema.agents, {"name": branch.agent, "root": branch.id})
            self._roots[branch.agent] = branch
        row = {name: getattr(branch, name) for name in ("id", "agent", "name", "lineage", "kind", "parent", "fork_seq")}
        self.insert(schema.branches, row | {"created_at": at_us, "op_id": op_id, "position": position})
        self.known[branch.id] = Known(branch, deleted=False)
        self.heads[branch.id] = Head(branch.fork_seq, at_us)
        self._names.add((branch.agent, branch.name))

    def delete_branch(self, branch: Branch, at_us: int, position: int) -> None:
        """Mark a branch as deleted. Its name is free again."""
        statement = sa.update(schema.branches).where(schema.branches.c.id == branch.id)
        self.execute(statement.values(deleted_at=at_us, deleted_position=position))
        self.known[branch.id] = Known(branch, deleted=True)
        self._names.discard((branch.agent, branch.name))

    def look(self, branch: BranchId) -> Known:
        """Raises: PlaceNotFound."""
        return self.known.get(branch) or self.catalog.known(self.connection, branch)

    def branch(self, branch: BranchId) -> Branch:
        """A branch, deleted or not. Raises: PlaceNotFound."""
        return self.look(branch).branch

    def owner(self, branch: BranchId) -> AgentName | None:
        """Whose branch it is; ``None`` if there is none of this id, or none any more."""
        try:
            return self.branch(branch).agent
        except PlaceNotFound:
            return None

    def open(self, branch: BranchId) -> Branch:
        """A branch that takes writes. Raises: PlaceNotFound, BranchDeleted, TransactionOver."""
        found, deleted = self.look(branch)
        if deleted and found.kind == "transaction":
            raise TransactionOver(found.agent, self.named(found), "it has ended")
        if deleted:
            raise BranchDeleted(found.agent, found.name)
        return found

    def head(self, branch: Branch) -> Head:
        return self.heads.get(branch.id) or self.catalog.head(self.connection, branch)

    def root(self, agent: AgentName) -> Branch | None:
        try:
            return self._roots.get(agent) or self.catalog.root(self.connection, agent)
        except AgentNotFound:
            return None

    def place(self, place: Place) -> Branch:
        """The branch of a place that exists. Raises: PlaceNotFound."""
        branch = self.branch(place.branch)
        if not 0 <= place.seq <= self.head(branch).seq:
            raise PlaceNotFound(branch.agent, f"{place.branch}@{place.seq}")
        return branch

    def place_from(self, place: Place, operation: str, onlooker: Branch | None = None) -> Branch:
        """The branch of a place that may be pointed to: nothing points into a transaction but what is in it.

        Raises: PlaceNotFound, TransactionOpen, TransactionOver.
        """
        branch = self.place(place)
        if branch.kind == "transaction" and branch != onlooker:
            self.open(branch.id)
            raise TransactionOpen(operation, branch.agent, self.named(branch))
        return branch

    def named(self, branch: Branch) -> str:
        """The name of the branch that people know: of the one that a transaction is on."""
        return self.branch(branch.parent).name if branch.kind == "transaction" and branch.parent else branch.name

    def inherits(self, agent: AgentName, place: Place) -> bool:
        """Whether an agent is a clone whose past, before it became one, holds a place."""
        root = self.root(agent)
        if root is None:
            return False
        return any(last.branch == place.branch and place.seq <= last.seq for last in inherited(root, self.branch))

    def free_id(self, branch: BranchId) -> None:
        """Raises: AlreadyExists if a branch has this id."""
        try:
            self.branch(branch)
        except PlaceNotFound:
            return
        raise AlreadyExists("branch id", branch)

    def free_name(self, agent: AgentName, name: str) -> None:
        """Raises: AlreadyExists if a branch of the agent has this name."""
        values = {"agent": agent, "name": name}
        if (agent, name) in self._names or self.connection.execute(SELECT_TAKEN, values).first() is not None:
            raise AlreadyExists("branch", name)
