"""How far along each branch somebody can come who starts from living branches and tags. Reads, never writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from quantum_memory.errors import CorruptRecord
from quantum_memory.memory.events import RolledBack
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.codec import decode
from quantum_memory.types import AgentName, BranchId, Place

_J, _M = schema.journal.c, schema.merges.c
ROLLBACKS = sa.select(_J.branch, _J.seq, _J.payload).where(schema.is_rollback)
FORKS = sa.select(schema.branches.c.id, schema.branches.c.parent, schema.branches.c.fork_seq).where(
    schema.branches.c.parent.is_not(None)
)
MARKERS = sa.select(_M.branch, _M.seq, _M.source_branch, _M.source_seq, _M.base_branch, _M.base_seq)


class BranchRow(NamedTuple):
    """A row of branches; ``touched_at`` is when a transaction was last written to."""

    ordinal: int
    id: BranchId
    agent: AgentName
    kind: str
    parent: BranchId | None
    fork_seq: int
    deleted_at: int | None
    touched_at: int | None


class Reach:
    """How far along each branch somebody alive can come.

    Attributes:
        needed: up to where the events of a branch can be read.
        skeleton: up to where its rollbacks and merges are looked at, to find from where a merge has to start.
    """

    def __init__(self, connection: sa.Connection, rows: Mapping[BranchId, BranchRow]) -> None:
        self.needed: dict[BranchId, int] = {}
        self.skeleton: dict[BranchId, int] = {}
        self._rows = rows
        self._todo: list[tuple[Place, bool]] = []
        self._rollbacks: dict[BranchId, list[tuple[int, Place]]] = defaultdict(list)
        self._sources: dict[BranchId, list[tuple[int, Place]]] = defaultdict(list)
        for branch, seq, to in rollbacks(connection.execute(ROLLBACKS)):
            self._rollbacks[branch].append((seq, to))
        for branch, seq, source, source_seq, base, base_seq in connection.execute(MARKERS):
            self._sources[branch].append((seq, Place(source, source_seq)))
            if base is not None:
                self._sources[branch].append((seq, Place(base, base_seq)))

    def whole(self, place: Place) -> None:
        """Somebody can read everything up to here."""
        self._todo += [(place, True), (place, False)]

    def walk(self) -> None:
        """Follow everything that leads further, until there is nothing new."""
        while self._todo:
            (branch, seq), readable = self._todo.pop()
            known = self.needed if readable else self.skeleton
            row = self._rows.get(branch)
            before = known.get(branch)
            if row is None or (before is not None and before >= seq):
                continue
            known[branch] = seq
            if row.parent is not None:
                self._todo.append((Place(row.parent, min(seq, row.fork_seq)), readable))
            further = self._rollbacks[branch] if readable else self._rollbacks[branch] + self._sources[branch]
            for at, place in further:
                if at <= seq and (before is None or at > before):
                    self._todo.append((place, readable))


def builds_on(connection: sa.Connection, stretches: Sequence[tuple[BranchId, int]]) -> dict[BranchId, int]:
    """From which number on the branches build on what a branch has at a number or after it, for each of several.

    Those are the branch itself, whoever left it later than that, and whoever came back to it by a rollback.

    Raises: CorruptRecord if a rollback cannot be read.
    """
    forks: dict[BranchId, list[tuple[BranchId, int, int]]] = defaultdict(list)
    for child, parent, fork_seq in connection.execute(FORKS):
        forks[parent].append((child, fork_seq, fork_seq))
    for branch, seq, to in rollbacks(connection.execute(ROLLBACKS)):
        forks[to.branch].append((branch, seq, to.seq))
    found: dict[BranchId, int] = {}
    todo = list(stretches)
    while todo:
        branch, seq = todo.pop()
        if seq < found.get(branch, seq + 1):
            found[branch] = seq
            todo += [(further, begin) for further, begin, left in forks[branch] if left >= seq]
    return found


def rollbacks(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[BranchId, int, Place]]:
    """Each rollback and where it leads. Raises: CorruptRecord: without it nobody knows what can be reached."""
    for branch, seq, payload in rows:
        event = None if payload is None else decode(payload, f"entry {branch}@{seq}")
        if not isinstance(event, RolledBack):
            raise CorruptRecord(f"entry {branch}@{seq}", "a rollback without its event")
        yield branch, seq, event.to
