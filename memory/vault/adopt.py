"""A whole agent taken into a vault: rows that others wrote, under new positions, in one transaction.

Checks that nothing there is in the way. What the rows say must have been checked before (``memory.archive``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from quantum_memory.errors import AlreadyExists, OtherEmbedding, ShapeMismatch
from quantum_memory.memory.vault import embedding as pins
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.batch import Batch
from quantum_memory.memory.vault.writes import DERIVED
from quantum_memory.types import AgentName

T = TypeVar("T")
Row = dict[str, Any]
BEGUN, ACTION = "import_begun", "imported"
"""What stands in the audit before and after the rows, so that history is not cut off between them."""
HIDDEN = "/"
"""Between an agent's name and that of another one whose past it shares: no agent can be given such a name."""
ROWS = 256
"""Rows that are inserted together."""


class Entered(NamedTuple):
    """A row of the journal, and the row of merges that goes with it."""

    row: Row
    merge: Row | None


@dataclass(frozen=True)
class Adoption:
    """What is to be taken in. A row's ``position`` is its rank among all of them, from 0 without gaps.

    Attributes:
        agent: its name.
        embedding: the pin of the vault that it comes from.
        dims: the lengths of its vectors.
        changes: how many ranks there are.
        agents, branches, commits, contexts, tags, sessions: rows of these tables; parents come first.
        journal: its entries; read once, within the transaction.
        detail: for the audit.
    """

    agent: AgentName
    embedding: str | None
    dims: frozenset[int]
    changes: int
    agents: Sequence[Row]
    branches: Sequence[Row]
    commits: Sequence[Row]
    contexts: Sequence[Row]
    tags: Sequence[Row]
    sessions: Sequence[Row]
    journal: Iterable[Entered] = field(repr=False)
    detail: str = ""


def check(connection: sa.Connection, adoption: Adoption, storage: str, pinned: str | None) -> None:
    """Let through what can be taken in. Raises: AlreadyExists, OtherEmbedding, ShapeMismatch."""
    wanted = adoption.embedding
    if wanted is not None and pinned is not None and wanted != pinned:
        raise OtherEmbedding(storage, pinned, wanted)
    dim = pins.dimension(pinned or wanted or "")
    others = sorted(adoption.dims - {dim})
    if dim is not None and others:
        raise ShapeMismatch("memory.embedding", (dim,), (others[0],))
    taken = (
        ("agent", schema.agents.c.name, [row["name"] for row in adoption.agents]),
        ("branch id", schema.branches.c.id, [row["id"] for row in adoption.branches]),
        ("commit id", schema.commits.c.id, [row["id"] for row in adoption.commits]),
    )
    for kind, column, names in taken:
        for name in _found(connection, column, names):
            raise AlreadyExists(kind, name)
    for row in _believed(adoption.sessions):
        who = connection.execute(sa.select(schema.sessions.c.who).where(schema.sessions.c.id == row["id"])).scalar()
        if who not in (None, row["who"]):
            raise AlreadyExists("session", row["id"])


def adopt(batch: Batch, adoption: Adoption, storage: str, pinned: str | None, op_id: str | None = None) -> str | None:
    """Take it in, after all that was written before; to which embeddings the vault is tied now.

    ``op_id`` is for the audit: it tells who took the agent in.

    Raises: what ``check`` raises, and whatever reading the journal raises: then the transaction must be undone.
    """
    connection = batch.connection
    check(connection, adoption, storage, pinned)
    first = batch.note(BEGUN, adoption.agent, op_id=op_id) + 1
    if pinned is None and adoption.embedding is not None:
        pinned = pins.pin(connection, storage, adoption.embedding)
    known = set(_found(connection, schema.sessions.c.id, [row["id"] for row in adoption.sessions]))
    _insert(connection, schema.agents, adoption.agents)
    _insert(connection, schema.branches, (_moved(row, first) for row in adoption.branches))
    for group in _groups(adoption.journal):
        _insert(connection, schema.journal, (_moved(one.row, first) for one in group))
        _insert(connection, schema.merges, (one.merge for one in group if one.merge is not None))
    _insert(connection, schema.commits, (_moved(row, first) for row in adoption.commits))
    _insert(connection, schema.contexts, adoption.contexts)
    _insert(connection, schema.tags, (_moved(row, first) for row in adoption.tags))
    _insert(
        connection,
        schema.sessions,
        (_moved(row, first) for row in _believed(adoption.sessions) if row["id"] not in known),
    )
    batch.position += adoption.changes
    batch.note(ACTION, adoption.agent, detail=adoption.detail, op_id=op_id)
    return pinned


def _believed(sessions: Sequence[Row]) -> list[Row]:
    """The sessions of which an archive may say whose they were."""
    return [row for row in sessions if not str(row["id"]).startswith(DERIVED)]


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> None:
    for group in _groups(rows):
        connection.execute(sa.insert(table), group)


def _moved(row: Row, first: int) -> Row:
    """The row with its ranks as positions."""
    moved = row | {"position": row["position"] + first}
    if row.get("deleted_position") is not None:
        moved["deleted_position"] = row["deleted_position"] + first
    return moved


def _found(connection: sa.Connection, column: sa.Column[Any], names: Sequence[str]) -> Iterator[str]:
    """Which of these are there."""
    for group in _groups(names):
        yield from connection.execute(sa.select(column).where(column.in_(group))).scalars()


def _groups(items: Iterable[T]) -> Iterator[list[T]]:
    """The items in lists of ``ROWS``."""
    left = iter(items)
    while group := list(islice(left, ROWS)):
        yield group
