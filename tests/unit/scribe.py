"""Short words for what tests do to a vault, and what they look up in its tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from quantum_memory.errors import QuantumMemoryError
from quantum_memory.memory.events import Event, Forgotten
from quantum_memory.memory.vault import (
    Append,
    CreateAgent,
    CreateBranch,
    CreateCommit,
    Vault,
    Write,
    Written,
)
from quantum_memory.memory.vault.catalog import last_position
from quantum_memory.memory.vault.writes import CommitTransaction, DeleteBranch, DropTag, PutTag
from quantum_memory.types import Branch, Commit, Place

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def tick(self, seconds: float = 1.0) -> datetime:
        self.time += timedelta(seconds=seconds)
        return self.time


class Running(Clock):
    """A second passes each time that somebody looks."""

    def __call__(self) -> datetime:
        return self.tick()


def label(name: str) -> Forgotten:
    return Forgotten((name,))


class Scribe:
    """Writes to a vault, each time under a new operation id. Branches are named by their ids."""

    def __init__(self, vault: Vault, session: str = "s") -> None:
        self.vault, self.session, self.written = vault, session, 0

    def op(self) -> str:
        self.written += 1
        return f"{self.session}.{self.written}"

    def one(self, write: Write) -> Written | QuantumMemoryError:
        (outcome,) = self.vault.write([write])
        return outcome

    def done(self, write: Write) -> Written:
        outcome = self.one(write)
        assert isinstance(outcome, Written), outcome
        return outcome

    def agent(self, name: str, branch: str) -> Branch:
        made = self.done(CreateAgent(name, branch)).branch
        assert made is not None
        return made

    def add(self, branch: str, event: Event | str = "x", op_id: str | None = None) -> Place:
        event = label(event) if isinstance(event, str) else event
        return self.done(Append(branch, self.vault.head(branch), event, op_id or self.op())).place

    def fork(self, name: str, parent: Place, agent: str = "alice") -> Branch:
        made = self.done(CreateBranch(name, agent, name, "fork", parent, self.op())).branch
        assert made is not None
        return made

    def clone(self, agent: str, parent: Place) -> Branch:
        made = self.done(CreateBranch(agent, agent, "main", "clone", parent, self.op())).branch
        assert made is not None
        return made

    def begin(self, name: str, branch: str) -> Branch:
        """A transaction that begins where a branch stands."""
        parent = Place(branch, self.vault.head(branch))
        agent = self.vault.branch(branch).agent
        made = self.done(CreateBranch(name, agent, f"hidden {name}", "transaction", parent, self.op())).branch
        assert made is not None
        return made

    def keep(self, transaction: str, op_id: str | None = None, tags: Sequence[PutTag | DropTag] = ()) -> Written:
        return self.done(CommitTransaction(transaction, op_id or self.op(), tuple(tags)))

    def delete(self, branch: str, op_id: str | None = None) -> Written:
        return self.done(DeleteBranch(branch, op_id or self.op()))

    def tag(self, name: str, place: Place, agent: str = "alice", *, move: bool = False) -> Written:
        return self.done(PutTag(agent, name, place, move, self.op()))

    def untag(self, name: str, agent: str = "alice") -> Written:
        return self.done(DropTag(agent, name, self.op()))

    def commit(self, place: Place, message: str) -> Commit:
        found = self.done(CreateCommit(*place, message, self.op())).commit
        assert found is not None
        return found

    def labels(self, branch: str) -> list[str]:
        """What was forgotten on a branch's own stretch, in order; other events by their kinds."""
        events = [entry.event for entry in self.vault.entries(branch, 0, self.vault.head(branch))]
        return [event.ids[0] if isinstance(event, Forgotten) else type(event).__name__ for event in events]


def last(vault: Vault) -> int:
    """The greatest position of all tables."""
    with vault.database.read() as connection:
        return last_position(connection)


def rows(vault: Vault, statement: str, **values: object) -> list[tuple[object, ...]]:
    """What a query finds in the tables."""
    with vault.database.read() as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement), values)]


def change(vault: Vault, statement: str, **values: object) -> None:
    """Do to the tables what a vault would not."""
    with vault.database.transaction() as connection:
        assert connection.execute(sa.text(statement), values).rowcount > 0
