"""The tables of a vault. Knows what they look like, not how they came about (``migrations``) or what is read from them.

Times are whole microseconds since the epoch, so that they compare alike in every database. Every change to a vault has
a position: one order of changes over all agents, in which a backup can be cut off anywhere. An operation id is unique
per agent and kind of write: a retry finds its first outcome even if it was given another branch id meanwhile, and one
operation may make one branch, one event and one commit under the same id. An ordinal keeps the order of making.
"""

from __future__ import annotations

import sqlalchemy as sa

ROLLED_BACK = "rolled_back"
POSITION = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""In SQLite only a column declared INTEGER is the row's own number and costs no index of its own."""

metadata = sa.MetaData()

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

agents = sa.Table(
    "agents",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("root", sa.Text, nullable=False, unique=True),
)

branches = sa.Table(
    "branches",
    metadata,
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("agent", sa.Text, sa.ForeignKey("agents.name"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("lineage", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("parent", sa.Text, sa.ForeignKey("branches.id"), index=True),
    sa.Column("fork_seq", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("op_id", sa.Text),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("deleted_at", sa.BigInteger),
    sa.Column("deleted_position", sa.BigInteger),
    sa.Index("branches_by_operation", "op_id", "agent", unique=True),
)

is_alive = branches.c.deleted_at.is_(None)
names_index = sa.Index(
    "branches_by_name",
    branches.c.agent,
    branches.c.name,
    unique=True,
    sqlite_where=is_alive,
    postgresql_where=is_alive,
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("position", POSITION, primary_key=True, autoincrement=False),
    sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("op_id", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=True),
    sa.Index("journal_by_place", "branch", "seq", unique=True),
    sa.Index("journal_by_operation", "op_id", "agent", unique=True),
)
"""A row without a payload is sealed: its event is in a segment. Rollbacks always keep theirs."""

is_rollback = journal.c.kind == sa.literal_column(f"'{ROLLED_BACK}'")
"""Spelled out, not bound: SQLite uses a partial index only where the query repeats its condition word for word."""

rollbacks_index = sa.Index(
    "journal_rollbacks", journal.c.branch, journal.c.seq, sqlite_where=is_rollback, postgresql_where=is_rollback
)

merges = sa.Table(
    "merges",
    metadata,
    sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("source_branch", sa.Text, nullable=False),
    sa.Column("source_seq", sa.BigInteger, nullable=False),
    sa.Column("base_branch", sa.Text),
    sa.Column("base_seq", sa.BigInteger),
    sa.Column("parts", sa.Text),
)
"""``parts`` are those that were taken over, with spaces between them; NULL is all."""

MIN_PREFIX_CHARS = 6
"""A commit can be named by so many characters of its id, or more."""
_ONE: sa.ColumnElement[int] = sa.literal_column("1")


def message_head(message: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """As much of a message as is indexed: PostgreSQL refuses rows of more than 2,704 bytes in an index."""
    return sa.func.substr(message, _ONE, sa.literal_column("64"))


def id_head(id_: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """As much of a commit's id as any name of it has."""
    return sa.func.substr(id_, _ONE, sa.literal_column(str(MIN_PREFIX_CHARS)))


commits = sa.Table(
    "commits",
    metadata,
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("agent", sa.Text, sa.ForeignKey("agents.name"), nullable=False),
    sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("op_id", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Index("commits_by_operation", "op_id", "agent", unique=True),
    sa.Index("commits_by_agent", "agent", "ordinal"),
    sa.Index("commits_by_place", "branch", "seq"),
)
"""An automatic checkpoint's operation id is "auto:" and the id of the operation that it was made beside."""
sa.Index("commits_by_message", message_head(commits.c.message), commits.c.agent)
sa.Index("commits_by_prefix", id_head(commits.c.id), commits.c.agent)

contexts = sa.Table(
    "contexts",
    metadata,
    sa.Column("commit", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)
"""What was so at a commit, as JSON. Derived: it can be made again."""

tags = sa.Table(
    "tags",
    metadata,
    sa.Column("agent", sa.Text, sa.ForeignKey("agents.name"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
)
"""Who is behind the operations whose ids begin with the session's and a dot."""

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("position", POSITION, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("op_id", sa.Text),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("agent", sa.Text),
    sa.Column("branch", sa.Text),
    sa.Column("seq", sa.BigInteger),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Index("audit_by_agent", "agent", "position"),
    sa.Index("audit_by_operation", "op_id"),
)
"""Changes to the catalog. An event's row in the journal is its own audit."""

segments = sa.Table(
    "segments",
    metadata,
    sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), primary_key=True),
    sa.Column("first_seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("block", sa.Text, primary_key=True),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("raw_bytes", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Index("segments_by_block", "block"),
)
"""Where sealed stretches lie. ``state`` is "live" or "quarantined". Stretches of a branch do not overlap."""

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("fold", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("block", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("files", sa.Text),
    sa.Index("snapshots_by_block", "block"),
)
"""Views written down, so that they need not be folded again. ``fold`` tells how they were folded.

``files`` are the blocks that a snapshot shares with others, with spaces between them; NULL if there are none.
"""


def names_file(block: str) -> sa.ColumnElement[bool]:
    """Whether a snapshot shares this block with others."""
    return snapshots.c.files.contains(block, autoescape=True)


remembered = sa.Table(
    "remembered",
    metadata,
    sa.Column("ordinal", POSITION, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("session", sa.Text),
    sa.Column("speaker", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("emotion", sa.Text, nullable=False),
    sa.Column("pleasure", sa.Float, nullable=False),
    sa.Column("arousal", sa.Float, nullable=False),
    sa.Column("dominance", sa.Float, nullable=False),
    sa.Column("importance", sa.Float, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Index("remembered_by_position", "position", "n", unique=True),
    sa.Index("remembered_by_time", "at"),
    sa.Index("remembered_by_agent", "agent", "at"),
    sa.Index("remembered_by_emotion", "emotion", "at"),
    sa.Index("remembered_by_feeling", "agent", "emotion", "at"),
    sa.Index("remembered_by_session", "session", "at"),
    sa.Index("remembered_by_id", "id"),
)
"""What was ever remembered, to be found by its columns and words. Derived from the journal, behind it for a while.

Its words are in ``remembered_words``, which each database has in its own way (``words``). No ordinal is used again.
"""

pools = sa.Table(
    "pools",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("moving_until", sa.BigInteger),
)
"""How many members each pool of the cluster has that holds the vault open; which cluster that is stands in ``meta``.

The greatest ``version`` is that of them all. Until ``moving_until`` somebody is at work on a change of size.
"""

members = sa.Table(
    "members",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("incarnation", sa.BigInteger, nullable=False),
    sa.Column("process", sa.Text, nullable=False),
)
"""The newest process of each orchestrator: an older one of the same number writes no more."""

lineages = sa.Table(
    "lineages",
    metadata,
    sa.Column("lineage", sa.Text, primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("member", sa.Integer, nullable=False),
    sa.Column("incarnation", sa.BigInteger, nullable=False),
)
"""Who took up the writes of a lineage last; each time that is somebody else its epoch is one more."""

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("agents", sa.Text, nullable=False),
    sa.Column("channels", sa.Text, nullable=False),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("revoked_position", sa.BigInteger),
    sa.Column("clearance", sa.Text),
    sa.Column("projects", sa.Text),
    sa.Index("api_keys_by_tenant", "tenant", "position"),
)
"""Keys of callers from outside. ``agents``, ``channels`` and ``projects`` are lists as JSON; of the secret there is a
salted hash. Without a clearance it is that of the role, and without projects what follows from the agents.
"""

denials = sa.Table(
    "denials",
    metadata,
    sa.Column("ordinal", POSITION, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("tenant", sa.Text),
    sa.Column("who", sa.Text),
    sa.Column("address", sa.Text),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("agent", sa.Text),
    sa.Column("request", sa.Text),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Index("denials_by_tenant", "tenant", "ordinal"),
    sa.Index("denials_by_position", "position"),
)
"""What callers from outside were denied lately. ``tenant`` and ``who`` are NULL where nobody knew who it was."""

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("session", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Index("requests_by_position", "position"),
    sa.Index("requests_by_time", "at"),
)
"""Which request each idempotency key of a session was used for, lately."""

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("use", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Index("tokens_by_position", "position"),
    sa.Index("tokens_by_expiry", "expires_at"),
)
"""Tokens for one use that were used, as long as they would be taken otherwise. ``use`` is unlike any other use's."""

INSERT_ORDER = (agents, branches, journal, merges, commits, tags, sessions, audit)
"""Rows that others refer to come first."""
