"""What of a vault belongs into an archive of one agent: branches and how far each is needed, and all that names them.

Reads the catalog as it is at one moment. Writes nothing, and reads no event but rollbacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from quantum_memory.errors import AgentNotFound, CorruptRecord
from quantum_memory.memory.events import RolledBack
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.adopt import HIDDEN
from quantum_memory.memory.vault.codec import decode
from quantum_memory.types import AgentName, BranchId

Ints = NDArray[np.int64]
Row = dict[str, Any]


class Stretch(NamedTuple):
    """A branch and the last of its events that is needed."""

    row: Row
    head: int


class Source(NamedTuple):
    """The catalog of one agent.

    Attributes:
        agent: its name.
        root: the id of its root branch.
        stretches: its branches and the inherited ones, in the order in which they were made.
        commits, tags, sessions: rows of these tables, in the order of making; a commit has its context.
        positions: of every journal row that is needed, by branch.
        order: all positions, sorted, each once.
    """

    agent: AgentName
    root: BranchId
    stretches: tuple[Stretch, ...]
    commits: tuple[Row, ...]
    tags: tuple[Row, ...]
    sessions: tuple[Row, ...]
    positions: dict[BranchId, Ints]
    order: Ints

    def rank(self, position: int) -> int:
        """Which in the order of the archive's changes one of the vault's is."""
        return int(np.searchsorted(self.order, position))

    def owner(self, agent: AgentName) -> AgentName:
        """The name of an agent as the archive has it."""
        return agent.removeprefix(self.agent + HIDDEN)


def gather(connection: sa.Connection, agent: AgentName, *, alone: bool = False) -> Source:
    """The catalog of an agent; ``alone`` without others' commits, and without who wrote.

    Raises: AgentNotFound, CorruptRecord.
    """
    return _Gatherer(connection, agent, alone=alone).gather()


class _Gatherer:
    def __init__(self, connection: sa.Connection, agent: AgentName, *, alone: bool) -> None:
        self._connection, self._agent, self._alone = connection, agent, alone
        self._branches: dict[BranchId, Row] = {}
        self._heads: dict[BranchId, int] = {}
        self._needed: dict[BranchId, int] = {}

    def gather(self) -> Source:
        root = self._one(sa.select(schema.agents.c.root).where(schema.agents.c.name == self._agent))
        if root is None:
            raise AgentNotFound(self._agent)
        self._follow(self._seeds())
        chosen = sorted((self._branches[branch] for branch in self._needed), key=lambda row: int(row["ordinal"]))
        stretches = tuple(Stretch(row, self._needed[row["id"]]) for row in chosen)
        commits = self._named(schema.commits, schema.commits.c.ordinal)
        if self._alone:
            commits = [row for row in commits if row["agent"] == self._agent]
        self._add_contexts(commits)
        tags = [row for row in self._named(schema.tags, schema.tags.c.position) if row["agent"] == self._agent]
        positions = {one.row["id"]: self._positions(one) for one in stretches}
        sessions = [] if self._alone else self._sessions(stretches, commits)
        order = self._order(stretches, [*commits, *tags, *sessions], positions)
        return Source(self._agent, str(root), stretches, tuple(commits), tuple(tags), tuple(sessions), positions, order)

    def _seeds(self) -> list[tuple[BranchId, int]]:
        """The heads of the living branches, and the places that tags name."""
        own = schema.branches.c.agent == self._agent
        seen = sa.select(schema.branches.c.id).where(own, schema.is_alive, schema.branches.c.kind != "transaction")
        living = [str(branch) for branch in self._connection.execute(seen).scalars()]
        tags = sa.select(schema.tags.c.branch, schema.tags.c.seq).where(schema.tags.c.agent == self._agent)
        tagged = [(str(branch), int(seq)) for branch, seq in self._connection.execute(tags)]
        return [(branch, self._head(branch)) for branch in living] + tagged

    def _follow(self, todo: list[tuple[BranchId, int]]) -> None:
        """Note how far each branch is needed: for the branches that left it, and for what was rolled back to it."""
        while todo:
            branch, seq = todo.pop()
            row = self._branch(branch)
            if branch not in self._needed:
                self._needed[branch] = int(row["fork_seq"])
                if row["parent"] is not None:
                    todo.append((row["parent"], int(row["fork_seq"])))
            if seq > self._needed[branch]:
                todo += [
                    (event.to.branch, event.to.seq) for event in self._rollbacks(branch, self._needed[branch], seq)
                ]
                self._needed[branch] = seq

    def _branch(self, branch: BranchId) -> Row:
        if branch not in self._branches:
            found = self._connection.execute(sa.select(schema.branches).where(schema.branches.c.id == branch))
            row = found.mappings().one_or_none()
            if row is None:
                raise CorruptRecord(f"branch {branch}", "something names it, and it is not there")
            self._branches[branch] = dict(row)
        return self._branches[branch]

    def _head(self, branch: BranchId) -> int:
        if branch not in self._heads:
            found = self._one(sa.select(sa.func.max(schema.journal.c.seq)).where(schema.journal.c.branch == branch))
            self._heads[branch] = int(self._branch(branch)["fork_seq"] if found is None else found)
        return self._heads[branch]

    def _rollbacks(self, branch: BranchId, after: int, upto: int) -> list[RolledBack]:
        columns = schema.journal.c
        where = columns.branch == branch, columns.seq > after, columns.seq <= upto, schema.is_rollback
        found = []
        for seq, payload in self._connection.execute(sa.select(columns.seq, columns.payload).where(*where)):
            event = decode(payload or b"", f"entry {branch}@{seq}")
            if not isinstance(event, RolledBack):
                raise CorruptRecord(f"entry {branch}@{seq}", f"a {type(event).__name__} listed as a rollback")
            found.append(event)
        return found

    def _named(self, table: sa.Table, order: sa.ColumnElement[Any]) -> list[Row]:
        """Rows of commits or tags that name a place which is in the archive."""
        found: list[Row] = []
        for branch, upto in self._needed.items():
            where = table.c.branch == branch, table.c.seq <= upto
            found += [dict(row) for row in self._connection.execute(sa.select(table).where(*where)).mappings()]
        return sorted(found, key=lambda row: int(row[order.name]))

    def _add_contexts(self, commits: Sequence[Row]) -> None:
        for row in commits:
            row["context"] = self._one(sa.select(schema.contexts.c.body).where(schema.contexts.c.commit == row["id"]))

    def _positions(self, stretch: Stretch) -> Ints:
        columns = schema.journal.c
        where = columns.branch == stretch.row["id"], columns.seq <= stretch.head
        found = self._connection.execute(sa.select(columns.position).where(*where).order_by(columns.seq)).scalars()
        positions = np.fromiter(found, np.int64)
        if len(positions) != stretch.head - int(stretch.row["fork_seq"]):
            what = f"{len(positions)} entries up to {stretch.head}"
            raise CorruptRecord(f"branch {stretch.row['id']}", what)
        return positions

    def _sessions(self, stretches: Sequence[Stretch], commits: Sequence[Row]) -> list[Row]:
        """Who is behind the operations, as far as it is known."""
        named = {_session(row["op_id"]) for row in (*(one.row for one in stretches), *commits)}
        columns = schema.journal.c
        for one in stretches:
            where = columns.branch == one.row["id"], columns.seq <= one.head
            named |= {_session(op) for op in self._connection.execute(sa.select(columns.op_id).where(*where)).scalars()}
        rows = self._connection.execute(sa.select(schema.sessions).order_by(schema.sessions.c.position))
        return [dict(row) for row in rows.mappings() if row["id"] in named]

    def _order(self, stretches: Sequence[Stretch], rows: Sequence[Row], positions: dict[BranchId, Ints]) -> Ints:
        """Every position that the archive tells of; that a branch of others is deleted is not told."""
        named = [one.row["position"] for one in stretches] + [row["position"] for row in rows]
        gone = [row["deleted_position"] for row, _ in stretches if row["agent"] == self._agent]
        named += [position for position in gone if position is not None]
        return np.unique(np.concatenate([*positions.values(), np.array(named, np.int64)]))

    def _one(self, select: sa.Select[Any]) -> Any:
        return self._connection.execute(select).scalar_one_or_none()


def _session(op_id: str | None) -> str:
    """The session that an operation id begins with, behind the word "auto" of an automatic checkpoint."""
    return (op_id or "").removeprefix("auto:").partition(".")[0]


def stamps(connection: sa.Connection, branch: BranchId, after: int, upto: int) -> list[tuple[int, int, str, str]]:
    """Number, time, kind and operation of the branch's own entries with after < seq <= upto, oldest first."""
    columns = schema.journal.c
    where = columns.branch == branch, columns.seq > after, columns.seq <= upto
    rows = connection.execute(
        sa.select(columns.seq, columns.at, columns.kind, columns.op_id).where(*where).order_by(columns.seq)
    )
    return [(int(seq), int(at), str(kind), str(op_id)) for seq, at, kind, op_id in rows]
