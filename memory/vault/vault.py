"""The vault: every agent's journal, branches and commits, durable before they are acknowledged.

The only writer of its database. Folds nothing and keeps no view: timelines read from it.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from quantum_memory.checks import utc
from quantum_memory.errors import CorruptRecord, InvalidValue, PlaceNotFound, QuantumMemoryError, WriteFailed
from quantum_memory.memory.events import Entry, RolledBack
from quantum_memory.memory.vault import catalog as cat
from quantum_memory.memory.vault import embedding as pins
from quantum_memory.memory.vault import places, schema
from quantum_memory.memory.vault.database import Database
from quantum_memory.memory.vault.describe import describe, kind_of
from quantum_memory.memory.vault.judge import Judge, first_outcome
from quantum_memory.memory.vault.merge_base import MergeMarker
from quantum_memory.memory.vault.writes import Write, Written
from quantum_memory.types import AgentName, Branch, BranchId, Commit, LogEntry, Place


class Vault:
    """Every agent's journal, branches and commits. Opened with ``Vault.open``; a context manager.

    Thread-safe: writes go one batch at a time, reads go beside them and see every write that has returned. It is a
    ``MergeHistory``, so timelines and merges read from it directly.

    Attributes:
        storage: the folder or URL, without a password.
        embedding: the model and dimension that it is tied to; ``None`` as long as no opening has given one.
    """

    def __init__(self, database: Database, now: Callable[[], datetime], embedding: str | None) -> None:
        self._database, self._now = database, now
        self._catalog = cat.Catalog()
        self.storage, self.embedding = database.storage, embedding
        self._dim = None if embedding is None else pins.dimension(embedding)

    @classmethod
    def open(cls, storage: str | Path, *, now: Callable[[], datetime], embedding: str | None = None) -> Self:
        """Open a folder or a database URL, making what is not there yet.

        Args:
            storage: a folder, ``sqlite:///file`` or ``postgresql+psycopg://user:password@host/database``.
            now: the clock that events are stamped with.
            embedding: what makes the embeddings, as in ``minilm/384``. The first one given is the vault's for good, and
                memories with vectors of another length are refused. ``None`` asks for nothing.

        Raises: StorageLocked at once if another vault holds it, OtherEmbedding, NewerSchema, CorruptRecord,
            WriteFailed, InvalidInput, MissingDependency.
        """
        asked = None if embedding is None else pins.checked(embedding)
        database = Database(storage)
        try:
            with database.transaction() as connection:
                schema.prepare(connection, database.storage)
                pinned = pins.pin(connection, database.storage, asked)
        except BaseException as error:
            database.close()
            if isinstance(error, WriteFailed) and type(error.__cause__) is sa.exc.DatabaseError:
                raise CorruptRecord(database.storage, error.reason) from error  # SQLite: not a database, or malformed
            raise
        return cls(database, now, pinned)

    def close(self) -> None:
        """Let the storage go. Every later call raises VaultUnavailable."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, batch: Sequence[Write]) -> list[Written | QuantumMemoryError]:
        """Write a batch in one transaction, durable on return; each write has its own outcome, in order.

        A refused write (StaleWriter, AlreadyExists, PlaceNotFound, InvalidInput) changes nothing and does not touch its
        neighbours. A repeated operation id has its first outcome again, whatever happened since.

        Raises: WriteFailed if the database could not take the batch: then nothing of it was kept. VaultUnavailable,
            StorageLocked.
        """
        if not batch:
            return []
        try:
            with self._database.transaction() as connection:
                judge = Judge(self._catalog, connection, cat.to_us(utc("now", self._now())), self._dim)
                outcomes = judge.judge(batch)
                for table in schema.INSERT_ORDER:
                    if judge.rows[table]:
                        connection.execute(sa.insert(table), judge.rows[table])
        except BaseException:
            self._catalog.held_heads.clear()
            raise
        self._catalog.held_branches.changed(judge.branches.items())
        self._catalog.held_heads.changed(judge.heads.items())
        return outcomes

    def outcome(self, agent: AgentName, op_id: str) -> Written | None:
        """What an operation of an agent came to, if it was done: an event appended, a branch made, a place named."""
        with self._database.read() as connection:
            return first_outcome(connection, agent, op_id)

    def agents(self) -> list[AgentName]:
        """The names of all agents, sorted."""
        with self._database.read() as connection:
            return sorted(connection.execute(cat.SELECT_AGENTS).scalars())

    def find_agent(self, agent: AgentName) -> Branch:
        """The agent's root branch. Raises: AgentNotFound."""
        with self._database.read() as connection:
            return self._catalog.root(connection, agent)

    def branch(self, branch: BranchId) -> Branch:
        """Raises: PlaceNotFound."""
        with self._database.read() as connection:
            return self._catalog.branch(connection, branch)

    def branches(self, agent: AgentName) -> list[Branch]:
        """All branches of an agent, oldest first. Raises: AgentNotFound."""
        with self._database.read() as connection:
            self._catalog.root(connection, agent)
            return [cat.branch_of(row) for row in connection.execute(cat.SELECT_BRANCHES, {"agent": agent})]

    def branch_named(self, agent: AgentName, name: str) -> Branch:
        """Raises: AgentNotFound, PlaceNotFound."""
        with self._database.read() as connection:
            self._catalog.root(connection, agent)
            found = connection.execute(cat.SELECT_NAMED, {"agent": agent, "name": name}) if cat.findable(name) else None
            row = None if found is None else found.one_or_none()
            if row is None:
                raise PlaceNotFound(agent, name)
            return cat.branch_of(row)

    def head(self, branch: BranchId) -> int:
        """The number of the branch's last event. Raises: PlaceNotFound."""
        return self.heads([branch])[branch]

    def heads(self, branches: Iterable[BranchId]) -> dict[BranchId, int]:
        """The numbers of the last events of many branches. Raises: PlaceNotFound."""
        with self._database.read() as connection:
            rows = [self._catalog.branch(connection, branch) for branch in branches]
            return {row.id: self._catalog.head(connection, row).seq for row in rows}

    def rollbacks(self, branch: BranchId, upto: int) -> list[tuple[int, RolledBack]]:
        """The branch's own rollbacks with seq <= upto, oldest first. Raises: CorruptRecord."""
        with self._database.read() as connection:
            return self._catalog.rollbacks(connection, branch, upto)

    def merges(self, branch: BranchId, upto: int) -> list[MergeMarker]:
        """The branch's own merges with seq <= upto, oldest first, without what they brought."""
        with self._database.read() as connection:
            return self._catalog.merges(connection, branch, upto)

    def entries(self, branch: BranchId, after: int, upto: int) -> list[Entry]:
        """The branch's own entries with after < seq <= upto, oldest first.

        Raises: PlaceNotFound for an unknown branch or an ``upto`` beyond its head, CorruptRecord.
        """
        with self._database.read() as connection:
            return self._catalog.entries(connection, self._catalog.branch(connection, branch), after, upto)

    def commits(self, agent: AgentName) -> list[Commit]:
        """All commits of an agent, oldest first. Raises: AgentNotFound."""
        with self._database.read() as connection:
            self._catalog.root(connection, agent)
            return [cat.commit_of(row) for row in connection.execute(cat.SELECT_COMMITS, {"agent": agent})]

    def find_place(self, branch: BranchId, ref: str) -> Place:
        """The place that somebody on a branch means by a name.

        It is looked for in this order: the id of a commit, its message (the newest of several), the name of a branch of
        the agent (its head), the beginning of a commit's id, at least ``places.MIN_PREFIX_CHARS`` long. Commits are the
        agent's own, and after those, for a clone, the ones that name a place in the past it has inherited.

        Raises: PlaceNotFound, InvalidValue if several ids begin with it.
        """
        with self._database.read() as connection:
            agent = self._catalog.branch(connection, branch).agent
            return places.find_place(self._catalog, connection, agent, ref)

    def place_at(self, branch: BranchId, time: datetime) -> Place:
        """The last place whose event was written at or before a time, in the parent if that was before the fork.

        Before the first event of all it is number 0 of the root, where nothing had happened yet.

        Raises: PlaceNotFound.
        """
        at_us = cat.to_us(utc("time", time))
        with self._database.read() as connection:
            row = self._catalog.branch(connection, branch)
            upto = self._catalog.head(connection, row).seq
            while True:
                later = bisect.bisect_right(
                    range(row.fork_seq + 1, upto + 1), at_us, key=partial(_at_us, connection, row.id)
                )
                if later or row.parent is None:
                    return Place(row.id, row.fork_seq + later)
                upto = min(row.fork_seq, upto)
                row = self._catalog.branch(connection, row.parent)

    def log(self, branch: BranchId, limit: int = 50, before: int | None = None) -> list[LogEntry]:
        """What happened to a branch, newest first, across the fork into its parent, with the commits that name it.

        Args:
            branch: whose history.
            limit: how many entries at most.
            before: only entries with a smaller number: the last one of the page before this.

        Raises: PlaceNotFound, InvalidValue, CorruptRecord.
        """
        if limit < 1:
            raise InvalidValue("limit", repr(limit), "at least 1")
        found: list[Entry] = []
        commits: dict[int, list[Commit]] = {}
        with self._database.read() as connection:
            row = self._catalog.branch(connection, branch)
            upto = self._catalog.head(connection, row).seq
            upto = upto if before is None else min(upto, before - 1)
            while True:
                own = self._catalog.newest(connection, row, upto, limit - len(found))
                found += own
                low = own[-1].place.seq if len(found) == limit else 0
                named = connection.execute(cat.SELECT_COMMITS_AT, {"branch": row.id, "low": low, "high": upto})
                for commit in map(cat.commit_of, named):
                    commits.setdefault(commit.place.seq, []).append(commit)
                if len(found) == limit or row.parent is None:
                    break
                upto = min(row.fork_seq, upto)
                row = self._catalog.branch(connection, row.parent)
        return [
            LogEntry(place, at, kind_of(event), describe(event), tuple(commits.get(place.seq, ())))
            for place, at, event in found
        ]


def _at_us(connection: sa.Connection, branch: BranchId, seq: int) -> int:
    values = {"branch": branch, "seq": seq}
    return int(connection.execute(cat.SELECT_AT, values).scalar_one())
