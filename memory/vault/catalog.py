"""What is in the tables: branches, heads, entries, commits, as values. Reads on a connection given, never writes.

Rows that cannot change are held in memory, and so are the heads of branches, up to a bound.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar, get_args

import sqlalchemy as sa

from quantum_memory.errors import AgentNotFound, CorruptRecord, PlaceNotFound
from quantum_memory.memory.events import Entry, RolledBack
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.codec import decode
from quantum_memory.memory.vault.merge_base import MergeMarker
from quantum_memory.types import AgentName, Branch, BranchId, BranchKind, Commit, Place

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HELD_ROWS = 65_536
MAX_VALUES = 500  # in one IN list

_J, _B, _C, _M = schema.journal.c, schema.branches.c, schema.commits.c, schema.merges.c
_BRANCH = (_B.id, _B.agent, _B.name, _B.lineage, _B.kind, _B.parent, _B.fork_seq, _B.created_at)
_COMMIT = (_C.id, _C.agent, _C.branch, _C.seq, _C.message, _C.at)
_p = sa.bindparam

SELECT_BRANCH = sa.select(*_BRANCH).where(_B.id == _p("id"))
SELECT_ROOT = (
    sa.select(*_BRANCH).join(schema.agents, schema.agents.c.root == _B.id).where(schema.agents.c.name == _p("agent"))
)
SELECT_NAMED = sa.select(*_BRANCH).where(_B.agent == _p("agent"), _B.name == _p("name"))
SELECT_BRANCHES = sa.select(*_BRANCH).where(_B.agent == _p("agent")).order_by(_B.ordinal)
SELECT_AGENTS = sa.select(schema.agents.c.name)
SELECT_HEAD = sa.select(_J.seq, _J.at).where(_J.branch == _p("branch")).order_by(_J.seq.desc()).limit(1)
SELECT_AT = sa.select(_J.at).where(_J.branch == _p("branch"), _J.seq == _p("seq"))
_STRETCH = (_J.branch == _p("branch"), _J.seq > _p("after"), _J.seq <= _p("upto"))
SELECT_ENTRIES = sa.select(_J.seq, _J.at, _J.payload).where(*_STRETCH).order_by(_J.seq)
SELECT_NEWEST = sa.select(_J.seq, _J.at, _J.payload).where(*_STRETCH).order_by(_J.seq.desc()).limit(_p("count"))
SELECT_ROLLBACKS = (
    sa.select(_J.seq, _J.payload)
    .where(_J.branch == _p("branch"), _J.seq <= _p("upto"), schema.is_rollback)
    .order_by(_J.seq)
)
SELECT_MERGES = (
    sa.select(_M.seq, _M.source_branch, _M.source_seq, _M.base_branch, _M.base_seq)
    .where(_M.branch == _p("branch"), _M.seq <= _p("upto"))
    .order_by(_M.seq)
)
SELECT_COMMITS = sa.select(*_COMMIT).where(_C.agent == _p("agent")).order_by(_C.ordinal)
SELECT_COMMITS_AT = (
    sa.select(*_COMMIT).where(_C.branch == _p("branch"), _C.seq >= _p("low"), _C.seq <= _p("high")).order_by(_C.ordinal)
)
_LIKE = sa.or_(_C.message == _p("ref"), sa.func.substr(_C.id, 1, _p("length", type_=sa.Integer)) == _p("ref"))
SELECT_COMMITS_LIKE = sa.select(*_COMMIT).where(_C.agent == _p("agent"), _LIKE).order_by(_C.ordinal)
SELECT_COMMITS_LIKE_BELOW = sa.select(_C.ordinal, *_COMMIT).where(
    _C.branch == _p("branch"), _C.seq <= _p("upto"), _LIKE
)
_MANY: sa.BindParameter[Any] = _p("op_ids", expanding=True)
SELECT_APPENDED = sa.select(_J.agent, _J.op_id, _J.branch, _J.seq, _J.at).where(_J.op_id.in_(_MANY))
SELECT_BRANCHED = sa.select(_B.op_id, *_BRANCH).where(_B.op_id.in_(_MANY))
SELECT_COMMITTED = sa.select(_C.op_id, *_COMMIT).where(_C.op_id.in_(_MANY))


class Head(NamedTuple):
    """The number of a branch's last event and when it was written, in microseconds since the epoch."""

    seq: int
    at_us: int


def to_us(at: datetime) -> int:
    """Whole microseconds since the epoch, exactly."""
    return (at - EPOCH) // MICROSECOND


def from_us(at_us: int) -> datetime:
    """The time in UTC."""
    return EPOCH + at_us * MICROSECOND


class Held(Generic[K, V]):
    """A bounded mapping that several threads share; what was used least recently goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()
        self._changes = 0

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: K) -> V | None:
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key]

    def changed(self, items: Iterable[tuple[K, V]]) -> None:
        """Take in what was just made durable; values that were read before it no longer get in."""
        with self._lock:
            self._changes += 1
            for key, value in items:
                self._put(key, value)

    def fill(self, key: K, read: Callable[[], V]) -> V:
        """What ``read`` gives, held unless something changed while it was reading: then it may be of the past."""
        before = self._changes
        value = read()
        with self._lock:
            if self._changes == before:
                self._put(key, value)
        return value

    def clear(self) -> None:
        with self._lock:
            self._changes += 1
            self._items.clear()

    def _put(self, key: K, value: V) -> None:
        self._items[key] = value
        self._items.move_to_end(key)
        while len(self._items) > self._limit:
            self._items.popitem(last=False)


class Catalog:
    """The vault's tables as values. Thread-safe, each caller with a connection of its own."""

    def __init__(self, held_rows: int = HELD_ROWS) -> None:
        self.held_branches: Held[BranchId, Branch] = Held(held_rows)
        self.held_heads: Held[BranchId, Head] = Held(held_rows)

    def branch(self, connection: sa.Connection, branch: BranchId) -> Branch:
        """Raises: PlaceNotFound."""
        held = self.held_branches.get(branch)
        if held is None:
            row = connection.execute(SELECT_BRANCH, {"id": branch}).one_or_none() if findable(branch) else None
            if row is None:
                raise PlaceNotFound("any agent", branch)
            held = branch_of(row)
            self.held_branches.changed([(branch, held)])
        return held

    def root(self, connection: sa.Connection, agent: AgentName) -> Branch:
        """Raises: AgentNotFound."""
        row = connection.execute(SELECT_ROOT, {"agent": agent}).one_or_none() if findable(agent) else None
        if row is None:
            raise AgentNotFound(agent)
        return branch_of(row)

    def head(self, connection: sa.Connection, branch: Branch) -> Head:
        """The last event of a branch: where it was forked, as long as it has none of its own."""

        def read() -> Head:
            row = connection.execute(SELECT_HEAD, {"branch": branch.id}).one_or_none()
            return Head(branch.fork_seq, to_us(branch.created_at)) if row is None else Head(row[0], row[1])

        return self.held_heads.get(branch.id) or self.held_heads.fill(branch.id, read)

    def entries(self, connection: sa.Connection, branch: Branch, after: int, upto: int) -> list[Entry]:
        """Raises: PlaceNotFound beyond the head, CorruptRecord where an entry is missing or damaged."""
        first = max(after, branch.fork_seq)
        values = {"branch": branch.id, "after": first, "upto": upto}
        found = [entry_of(branch.id, row) for row in connection.execute(SELECT_ENTRIES, values)]
        if len(found) != max(0, upto - first):
            if upto > self.head(connection, branch).seq:
                raise PlaceNotFound(branch.agent, f"{branch.id}@{upto}")
            raise CorruptRecord(f"branch {branch.id}", f"{len(found)} entries in {first + 1}..{upto}")
        return found

    def newest(self, connection: sa.Connection, branch: Branch, upto: int, count: int) -> list[Entry]:
        """The branch's own last ``count`` entries up to a place, newest first."""
        values = {"branch": branch.id, "after": branch.fork_seq, "upto": upto, "count": count}
        return [entry_of(branch.id, row) for row in connection.execute(SELECT_NEWEST, values)]

    def rollbacks(self, connection: sa.Connection, branch: BranchId, upto: int) -> list[tuple[int, RolledBack]]:
        """Raises: CorruptRecord."""
        found = []
        for seq, payload in connection.execute(SELECT_ROLLBACKS, {"branch": branch, "upto": upto}):
            event = decode(payload, f"entry {branch}@{seq}")
            if not isinstance(event, RolledBack):
                raise CorruptRecord(f"entry {branch}@{seq}", f"a {type(event).__name__} listed as a rollback")
            found.append((seq, event))
        return found

    def merges(self, connection: sa.Connection, branch: BranchId, upto: int) -> list[MergeMarker]:
        rows = connection.execute(SELECT_MERGES, {"branch": branch, "upto": upto})
        return [
            MergeMarker(seq, Place(source, source_seq), None if base is None else Place(base, base_seq))
            for seq, source, source_seq, base, base_seq in rows
        ]


def findable(text: str) -> bool:
    """Whether every database can look for it: UTF-8 holds it, and it has no NUL."""
    return "\x00" not in text and text.encode(errors="replace").decode() == text


def branch_of(row: Sequence[Any]) -> Branch:
    """A row of branches as a value. Raises: CorruptRecord."""
    id_, agent, name, lineage, kind, parent, fork_seq, created_at = row
    if kind not in get_args(BranchKind):
        raise CorruptRecord(f"branch {id_}", f"its kind is {kind!r}")
    return Branch(id_, agent, name, lineage, kind, parent, fork_seq, from_us(created_at))


def commit_of(row: Sequence[Any]) -> Commit:
    """A row of commits as a value."""
    id_, agent, branch, seq, message, at = row
    return Commit(id_, agent, Place(branch, seq), message, from_us(at))


def entry_of(branch: BranchId, row: Sequence[Any]) -> Entry:
    """A row of the journal as a value. Raises: CorruptRecord."""
    seq, at, payload = row
    return Entry(Place(branch, seq), from_us(at), decode(payload, f"entry {branch}@{seq}"))


def with_op_ids(connection: sa.Connection, select: sa.Select[Any], op_ids: Sequence[str]) -> list[Sequence[Any]]:
    """The rows of a SELECT_APPENDED, SELECT_BRANCHED or SELECT_COMMITTED for these operations, of any agent."""
    found: list[Sequence[Any]] = []
    for start in range(0, len(op_ids), MAX_VALUES):
        found += connection.execute(select, {"op_ids": list(op_ids[start : start + MAX_VALUES])}).all()
    return found
