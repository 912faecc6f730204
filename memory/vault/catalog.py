"""What is in the tables: branches, heads, entries, commits, as values. Reads on a connection given, never writes.

Rows that cannot change are held in memory, and so are the heads of branches, up to a bound.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar, get_args

import sqlalchemy as sa

from quantum_memory.errors import AgentNotFound, CorruptRecord, PlaceNotFound
from quantum_memory.memory.events import Entry, Event, RolledBack
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.codec import decode
from quantum_memory.memory.vault.holdings import Holdings
from quantum_memory.memory.vault.merge_base import MergeMarker
from quantum_memory.memory.vault.records import Damaged, Records
from quantum_memory.memory.vault.writes import AUTOMATIC
from quantum_memory.types import PARTS, AgentName, Branch, BranchId, BranchKind, Commit, Part, Place, Tag

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HELD_ROWS = 65_536
MAX_VALUES = 500  # in one IN list

_J, _B, _C, _M, _T, _A = (
    table.c for table in (schema.journal, schema.branches, schema.commits, schema.merges, schema.tags, schema.audit)
)
_BRANCH = (_B.id, _B.agent, _B.name, _B.lineage, _B.kind, _B.parent, _B.fork_seq, _B.created_at)
_COMMIT = (_C.id, _C.agent, _C.branch, _C.seq, _C.message, _C.at, _C.op_id)
_p = sa.bindparam
_ALIVE = schema.is_alive
_SEEN = sa.and_(_ALIVE, _B.kind != "transaction")

SELECT_BRANCH = sa.select(*_BRANCH, _B.deleted_at).where(_B.id == _p("id"))
SELECT_ROOT = (
    sa.select(*_BRANCH).join(schema.agents, schema.agents.c.root == _B.id).where(schema.agents.c.name == _p("agent"))
)
SELECT_TAKEN = sa.select(_B.id).where(_B.agent == _p("agent"), _B.name == _p("name"), _ALIVE)
SELECT_NAMED = sa.select(*_BRANCH).where(_B.agent == _p("agent"), _B.name == _p("name"), _SEEN)
SELECT_BRANCHES = sa.select(*_BRANCH).where(_B.agent == _p("agent"), _SEEN).order_by(_B.ordinal)
SELECT_BRANCHES_OF = (
    sa.select(*_BRANCH).where(_B.agent.in_(_p("agents", expanding=True)), _SEEN).order_by(_B.ordinal).limit(_p("most"))
)
SELECT_NAMED_OF = SELECT_BRANCHES_OF.where(_B.name == _p("name"))
SELECT_AGENTS = sa.select(schema.agents.c.name)
SELECT_AGENTS_NAMED = SELECT_AGENTS.where(schema.agents.c.name.startswith(_p("beginning")))


@cache
def select_agents_between(dialect: str, hidden: str, *, ends: bool) -> sa.Select[Any]:
    """The next agents after a name and, where it ends, before another: by code points, as Python orders them."""
    name = schema.agents.c.name if dialect == "sqlite" else schema.agents.c.name.collate("C")
    found = SELECT_AGENTS.where(name > _p("after"), ~schema.agents.c.name.contains(hidden))
    return (found.where(name < _p("before")) if ends else found).order_by(name).limit(_p("most"))


SELECT_HEAD = sa.select(_J.seq, _J.at).where(_J.branch == _p("branch")).order_by(_J.seq.desc()).limit(1)
SELECT_SEALED = (  # what is collected of a deleted branch may end within a segment
    sa.select(sa.func.max(schema.segments.c.last_seq))
    .join(schema.branches, _B.id == schema.segments.c.branch)
    .where(schema.segments.c.branch == _p("branch"), schema.is_alive)
)
SELECT_AT = sa.select(_J.at).where(_J.branch == _p("branch"), _J.seq == _p("seq"))
_STRETCH = (_J.branch == _p("branch"), _J.seq > _p("after"), _J.seq <= _p("upto"))
_ENTRY = (_J.seq, _J.at, _J.kind, _J.payload)
SELECT_ENTRIES = sa.select(*_ENTRY).where(*_STRETCH).order_by(_J.seq)
SELECT_NEWEST = sa.select(*_ENTRY).where(*_STRETCH).order_by(_J.seq.desc()).limit(_p("count"))
SELECT_ROLLBACKS = (
    sa.select(_J.seq, _J.payload)
    .where(_J.branch == _p("branch"), _J.seq <= _p("upto"), schema.is_rollback)
    .order_by(_J.seq)
)
SELECT_MERGES = (
    sa.select(_M.seq, _M.source_branch, _M.source_seq, _M.base_branch, _M.base_seq, _M.parts)
    .where(_M.branch == _p("branch"), _M.seq <= _p("upto"))
    .order_by(_M.seq)
)
_HIDDEN = sa.exists().where(_B.id == _C.branch, _B.kind == "transaction")
_WITH_CONTEXT = sa.select(*_COMMIT, schema.contexts.c.body).outerjoin(
    schema.contexts, schema.contexts.c.commit == _C.id
)
SELECT_COMMIT = _WITH_CONTEXT.where(_C.id == _p("id"))
SELECT_COMMITS = _WITH_CONTEXT.where(_C.agent == _p("agent"), ~_HIDDEN).order_by(_C.ordinal)
SELECT_COMMITS_AT = _WITH_CONTEXT.where(_C.branch == _p("branch"), _C.seq >= _p("low"), _C.seq <= _p("high")).order_by(
    _C.ordinal
)
SELECT_COMMITS_ON = _WITH_CONTEXT.where(_C.branch == _p("branch")).order_by(_C.ordinal)
_SO_NAMED = (
    schema.message_head(_C.message) == schema.message_head(_p("ref")),
    schema.id_head(_C.id) == schema.id_head(_p("ref")),
)


def _like(*where: sa.ColumnElement[bool]) -> sa.CompoundSelect[Any]:
    """An agent's commits whose message or id begins as a name does, in no order, their ordinals before them.

    It takes two questions without an order for SQLite to use the indexes, and no condition on the message itself: it
    would put that in place of what is indexed.
    """
    asked = (sa.select(_C.ordinal, *_COMMIT).where(_C.agent == _p("agent"), one, *where) for one in _SO_NAMED)
    return sa.union_all(*asked)


SELECT_COMMITS_LIKE = _like(sa.or_(~_HIDDEN, _C.branch.in_(_p("inside", expanding=True))))
SELECT_COMMITS_LIKE_BELOW = _like(_C.branch.concat("") == _p("branch"), _C.seq <= _p("upto"))
"""The empty text keeps SQLite from going through all commits of the branch by their own index."""
_TAG = (_T.name, _T.agent, _T.branch, _T.seq, _T.at)
SELECT_TAG = sa.select(*_TAG).where(_T.agent == _p("agent"), _T.name == _p("name"))
SELECT_TAGS = sa.select(*_TAG).where(_T.agent == _p("agent")).order_by(_T.name)
SELECT_TAGS_BELOW = sa.select(_T.position, *_TAG).where(
    _T.branch == _p("branch"), _T.seq <= _p("upto"), _T.name == _p("name")
)
_MANY: sa.BindParameter[Any] = _p("op_ids", expanding=True)
SELECT_APPENDED = sa.select(_J.agent, _J.op_id, _J.branch, _J.seq, _J.at).where(_J.op_id.in_(_MANY))
SELECT_BRANCHED = sa.select(_B.op_id, *_BRANCH).where(_B.op_id.in_(_MANY))
SELECT_COMMITTED = sa.select(*_COMMIT).where(_C.op_id.in_(_MANY))
SELECT_NOTED = sa.select(_A.op_id, _A.action, _A.agent, _A.branch, _A.seq, _A.at, _A.detail).where(_A.op_id.in_(_MANY))
_IDS: sa.BindParameter[Any] = _p("ids", expanding=True)
SELECT_CONTEXTS = sa.select(schema.contexts.c.commit, schema.contexts.c.body).where(schema.contexts.c.commit.in_(_IDS))
# A key that is made or revoked is in the audit under the same position.
_POSITIONS = (
    _J.position,
    _B.position,
    _B.deleted_position,
    _C.position,
    _T.position,
    schema.sessions.c.position,
    _A.position,
    schema.denials.c.position,
    schema.requests.c.position,
    schema.tokens.c.position,
)


class Head(NamedTuple):
    """The number of a branch's last event and when it was written, in microseconds since the epoch."""

    seq: int
    at_us: int


class Known(NamedTuple):
    """A branch, and whether it was deleted: then it stays for those that came of it."""

    branch: Branch
    deleted: bool


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
    """The vault's tables as values. Thread-safe, each caller with a connection of its own.

    Args:
        records: what turns rows of the journal into events, wherever their payloads are.
        held_rows: how many branches and heads are held.
    """

    def __init__(self, records: Records, held_rows: int = HELD_ROWS) -> None:
        self.records = records
        self.held_branches: Held[BranchId, Known] = Held(held_rows)
        self.held_heads: Held[BranchId, Head] = Held(held_rows)
        self.holdings = Holdings()

    def forget(self) -> None:
        """Hold nothing any more: what is in the tables may have changed. The writer alone forgets its ``holdings``."""
        self.held_branches.clear()
        self.held_heads.clear()

    def known(self, connection: sa.Connection, branch: BranchId) -> Known:
        """Raises: PlaceNotFound."""

        def read() -> Known:
            row = connection.execute(SELECT_BRANCH, {"id": branch}).one_or_none() if findable(branch) else None
            if row is None:
                raise PlaceNotFound("any agent", branch)
            return Known(branch_of(row[:-1]), row[-1] is not None)

        return self.held_branches.get(branch) or self.held_branches.fill(branch, read)

    def branch(self, connection: sa.Connection, branch: BranchId) -> Branch:
        """A branch, deleted or not. Raises: PlaceNotFound."""
        return self.known(connection, branch).branch

    def root(self, connection: sa.Connection, agent: AgentName) -> Branch:
        """Raises: AgentNotFound."""
        row = connection.execute(SELECT_ROOT, {"agent": agent}).one_or_none() if findable(agent) else None
        if row is None:
            raise AgentNotFound(agent)
        return branch_of(row)

    def head(self, connection: sa.Connection, branch: Branch) -> Head:
        """The last event of a branch: where it was forked, as long as it has none of its own.

        Raises: CorruptRecord if events of its end were lost from the journal after they were sealed.
        """

        def read() -> Head:
            row = connection.execute(SELECT_HEAD, {"branch": branch.id}).one_or_none()
            head = Head(branch.fork_seq, to_us(branch.created_at)) if row is None else Head(row[0], row[1])
            sealed = connection.execute(SELECT_SEALED, {"branch": branch.id}).scalar_one_or_none()
            if sealed is not None and sealed > head.seq:  # the next event must not be given the number of one of these
                raise CorruptRecord(
                    f"branch {branch.id}",
                    f"events {head.seq + 1}..{sealed} are in a segment and not in the journal; repair brings them back",
                )
            return head

        return self.held_heads.get(branch.id) or self.held_heads.fill(branch.id, read)

    def entries(
        self, connection: sa.Connection, branch: Branch, after: int, upto: int, damaged: Damaged = "raise"
    ) -> list[Entry]:
        """Raises: PlaceNotFound beyond the head, CorruptRecord where an entry is missing or damaged, Quarantined."""
        first = max(after, branch.fork_seq)
        rows = connection.execute(SELECT_ENTRIES, {"branch": branch.id, "after": first, "upto": upto}).all()
        if len(rows) != max(0, upto - first):
            if upto > self.head(connection, branch).seq:
                raise PlaceNotFound(branch.agent, f"{branch.id}@{upto}")
            self.records.lost(branch.id, f"{len(rows)} entries in {first + 1}..{upto}", damaged)
        payloads = [(seq, payload) for seq, _, _, payload in rows]
        events = self.records.events(connection, branch.id, payloads, damaged)
        return [Entry(Place(branch.id, seq), from_us(at), events[seq]) for seq, at, _, _ in rows if seq in events]

    def newest(
        self, connection: sa.Connection, branch: Branch, upto: int, count: int, damaged: Damaged = "raise"
    ) -> list[tuple[str, Place, datetime, Event | None]]:
        """The branch's own last ``count`` entries up to a place, newest first, with their kinds."""
        values = {"branch": branch.id, "after": branch.fork_seq, "upto": upto, "count": count}
        rows = connection.execute(SELECT_NEWEST, values).all()
        payloads = [(seq, payload) for seq, _, _, payload in rows]
        events = self.records.events(connection, branch.id, payloads, damaged)
        return [(kind, Place(branch.id, seq), from_us(at), events.get(seq)) for seq, at, kind, _ in rows]

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
            MergeMarker(seq, Place(source, source_seq), None if base is None else Place(base, base_seq), _parts(parts))
            for seq, source, source_seq, base, base_seq, parts in rows
        ]


def _parts(listed: str | None) -> tuple[Part, ...]:
    """The parts of a merge as its row lists them."""
    return PARTS if listed is None else tuple(part for part in PARTS if part in listed.split())


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
    """A row of commits as a value, with its context if that was read too."""
    id_, agent, branch, seq, message, at, op_id, *body = row
    context = json.loads(body[0]) if body and body[0] is not None else None
    return Commit(id_, agent, Place(branch, seq), message, from_us(at), context, op_id.startswith(AUTOMATIC))


def tag_of(row: Sequence[Any]) -> Tag:
    """A row of tags as a value."""
    name, agent, branch, seq, at = row
    return Tag(name, agent, Place(branch, seq), from_us(at))


def last_position(connection: sa.Connection) -> int:
    """The greatest position of all changes, 0 if there is none."""
    return max(connection.execute(sa.select(sa.func.max(column))).scalar_one() or 0 for column in _POSITIONS)


def with_op_ids(connection: sa.Connection, select: sa.Select[Any], op_ids: Sequence[str]) -> list[Sequence[Any]]:
    """The rows of a SELECT_APPENDED, _BRANCHED, _COMMITTED or _NOTED for these operations, of any agent."""
    found: list[Sequence[Any]] = []
    for start in range(0, len(op_ids), MAX_VALUES):
        found += connection.execute(select, {"op_ids": list(op_ids[start : start + MAX_VALUES])}).all()
    return found
