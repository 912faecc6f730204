"""What can be read from a vault: branches and names, entries and their log, who changed what. Writes nothing."""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from quantum_memory.checks import utc, whole
from quantum_memory.errors import CorruptRecord, InvalidValue, PlaceNotFound
from quantum_memory.memory.events import Entry, Event, RolledBack
from quantum_memory.memory.vault import audit as audits
from quantum_memory.memory.vault import catalog as cat
from quantum_memory.memory.vault import keyring, places, trees
from quantum_memory.memory.vault.admission import ApiKey, Denial
from quantum_memory.memory.vault.adopt import HIDDEN
from quantum_memory.memory.vault.database import Database
from quantum_memory.memory.vault.describe import concerns, describe
from quantum_memory.memory.vault.feed import MOST, Feed, Wanted, feed
from quantum_memory.memory.vault.index import Index
from quantum_memory.memory.vault.judge import first_outcome
from quantum_memory.memory.vault.merge_base import MergeMarker
from quantum_memory.memory.vault.records import Damaged, Payloads, Records
from quantum_memory.memory.vault.writes import Written
from quantum_memory.types import (
    AgentName,
    AuditEntry,
    Branch,
    BranchId,
    Commit,
    CommitId,
    LogEntry,
    MemoryId,
    Place,
    Tag,
    Tree,
)

END = 2**63 - 1
"""No position is greater."""
LOOKED_AT = 256
"""Entries that are read at once where those of one memory are looked for."""


class Reading:
    """The reading half of a vault. It is a ``MergeHistory``, so timelines and merges read from it directly.

    Args:
        database: where the tables are.
        segments: what reads sealed entries; ``None`` if there is nothing to read them from.

    Attributes:
        storage: the folder or URL, without a password.
        database: for background work that reads the tables, or changes what no reader can tell: sealing, indexing.
        index: what was ever remembered, by its columns and words. ``find`` asks it.

    Thread-safe: a read sees every write that has returned.
    """

    def __init__(self, database: Database, segments: Payloads | None) -> None:
        self.database, self.storage = database, database.storage
        self._catalog = cat.Catalog(Records(segments))
        self.index = Index(database, partial(self.entries, damaged="skip"))
        self.find = self.index.find

    def outcome(self, agent: AgentName, op_id: str) -> Written | None:
        """What an operation of an agent came to, if it was done: an event appended, a branch made, a place named."""
        with self.database.read() as connection:
            return first_outcome(self._catalog, connection, agent, op_id)

    def appended(self, asked: Sequence[tuple[AgentName, str]]) -> list[bool]:
        """Of each of these operations of agents, whether it appended an event."""
        wanted = list(dict.fromkeys(op_id for _, op_id in asked))
        with self.database.read() as connection:
            rows = cat.with_op_ids(connection, cat.SELECT_APPENDED, wanted)
        there = {(agent, op_id) for agent, op_id, *_ in rows}
        return [one in there for one in asked]

    def agents(self, beginning: str = "") -> list[AgentName]:
        """The names of all agents, or of those that begin so, sorted, without those that an archive brought along for
        their past.
        """
        wanted = cat.SELECT_AGENTS if not beginning else cat.SELECT_AGENTS_NAMED
        with self.database.read() as connection:
            names = connection.execute(wanted, {"beginning": beginning} if beginning else {}).scalars()
            return sorted(name for name in names if HIDDEN not in name and name.startswith(beginning))

    def agents_between(self, after: str, before: str | None, limit: int) -> list[AgentName]:
        """The first agents by name after one and before another, so many at most; none that ``agents`` leaves out."""
        with self.database.read() as connection:
            wanted = cat.select_agents_between(connection.dialect.name, HIDDEN, ends=before is not None)
            asked = {"after": after, "most": limit} | ({} if before is None else {"before": before})
            return list(connection.execute(wanted, asked).scalars())

    def find_agent(self, agent: AgentName) -> Branch:
        """The agent's root branch. Raises: AgentNotFound."""
        with self.database.read() as connection:
            return self._catalog.root(connection, agent)

    def branch(self, branch: BranchId) -> Branch:
        """Raises: PlaceNotFound."""
        with self.database.read() as connection:
            return self._catalog.branch(connection, branch)

    def branches(self, agent: AgentName) -> list[Branch]:
        """The branches of an agent, oldest first, without deleted ones and transactions. Raises: AgentNotFound."""
        with self.database.read() as connection:
            self._catalog.root(connection, agent)
            return [cat.branch_of(row) for row in connection.execute(cat.SELECT_BRANCHES, {"agent": agent})]

    def branches_of(self, agents: Sequence[AgentName], name: str | None, limit: int) -> list[Branch]:
        """The branches of agents, as ``branches`` tells them, or those alone that are called so; so many at most."""
        if name is not None and not cat.findable(name):
            return []
        wanted, named = (cat.SELECT_BRANCHES_OF, {}) if name is None else (cat.SELECT_NAMED_OF, {"name": name})
        found: list[Branch] = []
        with self.database.read() as connection:
            for begin in range(0, len(agents), cat.MAX_VALUES):
                asked = {"agents": list(agents[begin : begin + cat.MAX_VALUES]), "most": limit - len(found), **named}
                found += map(cat.branch_of, connection.execute(wanted, asked))
        return found

    def branch_named(self, agent: AgentName, name: str) -> Branch:
        """Raises: AgentNotFound, PlaceNotFound."""
        with self.database.read() as connection:
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
        with self.database.read() as connection:
            rows = [self._catalog.branch(connection, branch) for branch in branches]
            return {row.id: self._catalog.head(connection, row).seq for row in rows}

    def living(self, branches: Iterable[BranchId]) -> dict[BranchId, int]:
        """As ``heads``, of branches that can be worked on. Raises: PlaceNotFound, BranchDeleted, TransactionOver."""
        with self.database.read() as connection:
            return trees.living(self._catalog, connection, branches)

    def settled(self, place: Place) -> Place:
        """Where a place of a transaction went when that was kept; any other place is where it is.

        Raises: PlaceNotFound; TransactionOver if the transaction was dropped.
        """
        with self.database.read() as connection:
            return trees.settled(self._catalog, connection, place)

    def counts(self) -> dict[str, int]:
        """How much there is, by name: agents, branches, events, segments and so on."""
        with self.database.read() as connection:
            return trees.counts(connection)

    def tree(self, agent: AgentName) -> Tree:
        """How the branches of an agent hang together. Raises: AgentNotFound."""
        with self.database.read() as connection:
            return trees.tree(self._catalog, connection, agent)

    def rollbacks(self, branch: BranchId, upto: int) -> list[tuple[int, RolledBack]]:
        """The branch's own rollbacks with seq <= upto, oldest first. Raises: CorruptRecord."""
        with self.database.read() as connection:
            return self._catalog.rollbacks(connection, branch, upto)

    def merges(self, branch: BranchId, upto: int) -> list[MergeMarker]:
        """The branch's own merges with seq <= upto, oldest first, without what they brought."""
        with self.database.read() as connection:
            return self._catalog.merges(connection, branch, upto)

    def entries(self, branch: BranchId, after: int, upto: int, damaged: Damaged = "raise") -> list[Entry]:
        """The branch's own entries with after < seq <= upto, oldest first, wherever they lie.

        Args:
            branch: whose entries.
            after: the number before the first one.
            upto: the number of the last one.
            damaged: what becomes of entries that cannot be read: an error, or left out, so that the rest still serves.

        Raises: PlaceNotFound for an unknown branch or an ``upto`` beyond its head, CorruptRecord, Quarantined,
            VaultUnavailable for sealed entries if the vault was opened without its blocks.
        """
        with self.database.read() as connection:
            row = self._catalog.branch(connection, branch)
            return self._catalog.entries(connection, row, after, upto, damaged)

    def commits(self, agent: AgentName) -> list[Commit]:
        """All commits of an agent, oldest first. Raises: AgentNotFound."""
        with self.database.read() as connection:
            self._catalog.root(connection, agent)
            return [cat.commit_of(row) for row in connection.execute(cat.SELECT_COMMITS, {"agent": agent})]

    def contexts(self, commits: Sequence[CommitId]) -> dict[CommitId, dict[str, Any]]:
        """What was written beside commits; those that have nothing are not in it."""
        found: dict[CommitId, dict[str, Any]] = {}
        with self.database.read() as connection:
            for start in range(0, len(commits), cat.MAX_VALUES):
                ids = [one for one in commits[start : start + cat.MAX_VALUES] if cat.findable(one)]
                found |= {id_: json.loads(body) for id_, body in connection.execute(cat.SELECT_CONTEXTS, {"ids": ids})}
        return found

    def tags(self, agent: AgentName) -> list[Tag]:
        """All tags of an agent, by name. Raises: AgentNotFound."""
        with self.database.read() as connection:
            self._catalog.root(connection, agent)
            return [cat.tag_of(row) for row in connection.execute(cat.SELECT_TAGS, {"agent": agent})]

    def feed(self, after: int, limit: int = MOST, wanted: Wanted | None = None) -> Feed:
        """What happened after a position, in order; see ``vault.feed``. Raises: OutOfRange, VaultUnavailable."""
        start, most = whole("after", after, 0, END), whole("limit", limit, 1, MOST)
        with self.database.read() as connection:
            return feed(self._catalog, connection, start, most, wanted)

    def position(self) -> int:
        """The position of the last change. Raises: VaultUnavailable."""
        with self.database.read() as connection:
            return cat.last_position(connection)

    def audit(self, agent: AgentName | None = None, limit: int = 100, before: int | None = None) -> list[AuditEntry]:
        """Who changed what: events and changes to the catalog together, newest first.

        Args:
            agent: whose; of all agents if nothing is given.
            limit: how many entries at most.
            before: only entries with a smaller position: that of the last one of the page before this.

        Raises: AgentNotFound, InvalidValue.
        """
        if limit < 1:
            raise InvalidValue("limit", repr(limit), "at least 1")
        with self.database.read() as connection:
            if agent is not None:
                self._catalog.root(connection, agent)
            return audits.audit(self._catalog, connection, agent, limit, END if before is None else before)

    def api_key(self, id_: str) -> ApiKey | None:
        """The key of a caller from outside, by its id; also one that is revoked or over."""
        with self.database.read() as connection:
            return keyring.api_key(connection, id_)

    def api_keys(self, tenant: str | None = None) -> list[ApiKey]:
        """All keys of callers from outside, or a tenant's, oldest first."""
        with self.database.read() as connection:
            return keyring.api_keys(connection, tenant)

    def request(self, session: str, key: str) -> str | None:
        """The digest of the request that an idempotency key of a session names, if it names one."""
        with self.database.read() as connection:
            return keyring.request(connection, session, key)

    def denials(self, tenant: str | None = None, limit: int = 100, before: int | None = None) -> list[Denial]:
        """What callers from outside were denied lately, or those of a tenant, newest first.

        Args:
            tenant: whose callers; without one also those that nobody knew.
            limit: how many at most.
            before: only those with a smaller number: that of the last one of the page before this.

        Raises: InvalidValue.
        """
        if limit < 1:
            raise InvalidValue("limit", repr(limit), "at least 1")
        with self.database.read() as connection:
            return keyring.denials(connection, tenant, limit, 2**63 - 1 if before is None else before)

    def find_place(self, branch: BranchId, ref: str) -> Place:
        """The place that somebody on a branch means by a name.

        It is looked for in this order: the id of a commit, a tag, a commit's message (the newest of several), the name
        of a branch of the agent (its head), the beginning of a commit's id, at least ``schema.MIN_PREFIX_CHARS`` long.
        Commits and tags are the agent's own, and after those, for a clone, the ones that name a place in the past it
        has inherited.

        Raises: PlaceNotFound, InvalidValue if several ids begin with it.
        """
        with self.database.read() as connection:
            return places.find_place(self._catalog, connection, self._catalog.branch(connection, branch), ref)

    def place_at(self, branch: BranchId, time: datetime) -> Place:
        """The last place whose event was written at or before a time, in the parent if that was before the fork.

        Before the first event of all it is number 0 of the root, where nothing had happened yet.

        Raises: PlaceNotFound.
        """
        at_us = cat.to_us(utc("time", time))
        with self.database.read() as connection:
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

    def log(
        self,
        branch: BranchId,
        limit: int = 50,
        before: int | None = None,
        damaged: Damaged = "raise",
        about: MemoryId | None = None,
    ) -> list[LogEntry]:
        """What happened to a branch, newest first, across the fork into its parent, with the commits that name it.

        Args:
            branch: whose history.
            limit: how many entries at most.
            before: only entries with a smaller number: the last one of the page before this.
            damaged: what becomes of entries that cannot be read: an error, or told of without what they were.
            about: only entries that concern this memory, see ``concerns``; the whole history is looked through until
                there are enough of them.

        Raises: PlaceNotFound, InvalidValue, CorruptRecord, Quarantined, VaultUnavailable.
        """
        if limit < 1:
            raise InvalidValue("limit", repr(limit), "at least 1")
        found: list[tuple[str, Place, datetime, Event | None]] = []
        commits: dict[int, list[Commit]] = {}
        with self.database.read() as connection:
            row = self._catalog.branch(connection, branch)
            upto = self._catalog.head(connection, row).seq
            upto = upto if before is None else min(upto, before - 1)
            while True:
                own = self._own(connection, row, upto, limit - len(found), damaged, about)
                found += own
                low = own[-1][1].seq if len(found) == limit else 0
                named = connection.execute(cat.SELECT_COMMITS_AT, {"branch": row.id, "low": low, "high": upto})
                for commit in map(cat.commit_of, named):
                    commits.setdefault(commit.place.seq, []).append(commit)
                if len(found) == limit or row.parent is None:
                    break
                upto = min(row.fork_seq, upto)
                row = self._catalog.branch(connection, row.parent)
        return [
            LogEntry(place, at, kind, describe(event) if event else audits.DAMAGED, tuple(commits.get(place.seq, ())))
            for kind, place, at, event in found
        ]

    def _own(
        self,
        connection: sa.Connection,
        row: Branch,
        upto: int,
        count: int,
        damaged: Damaged,
        about: MemoryId | None,
    ) -> list[tuple[str, Place, datetime, Event | None]]:
        """The branch's own last ``count`` entries up to a place, newest first; of one memory, if one is named."""
        if about is None:
            return self._catalog.newest(connection, row, upto, count, damaged)
        found: list[tuple[str, Place, datetime, Event | None]] = []
        while page := self._catalog.newest(connection, row, upto, LOOKED_AT, damaged):
            found += [one for one in page if one[3] is not None and concerns(one[3], about)]
            upto = page[-1][1].seq - 1
            if len(found) >= count:
                break
        return found[:count]


def _at_us(connection: sa.Connection, branch: BranchId, seq: int) -> int:
    values = {"branch": branch, "seq": seq}
    found = connection.execute(cat.SELECT_AT, values).scalar_one_or_none()
    if found is None:
        raise CorruptRecord(f"entry {branch}@{seq}", "it is missing")
    return int(found)
