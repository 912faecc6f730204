"""A search index over everything that was ever remembered, by time, agent, session, speaker, emotion and words.

It says what was ever written and still is in the journal: what was forgotten, rewritten or rolled back since, and what
is on deleted branches, is found too. What a transaction wrote is found once it was committed. Derived from the journal
and behind it for a while; never what a recall is answered from.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import blake3
import sqlalchemy as sa

from quantum_memory.checks import utc
from quantum_memory.errors import CorruptRecord, InvalidValue, NotFound, Quarantined
from quantum_memory.memory.affect.emotions import EMOTIONS, named
from quantum_memory.memory.events import Entry, Merged, Picked, Remembered, Revised
from quantum_memory.memory.vault import schema, words
from quantum_memory.memory.vault.catalog import from_us, last_position, to_us
from quantum_memory.memory.vault.codec import memories_of
from quantum_memory.memory.vault.database import Database
from quantum_memory.types import PAD, AgentName, BranchId, Found, Memory, Place

CHUNK = 256
"""How many events are looked at between two writes to the index."""
MEMORIES = 1024
"""How many memories one write may bring, so that no other write waits long."""
GAP = 64
"""Entries without memories that are rather read too than reading twice."""
LEFT_BEHIND = 4096
"""Positions without memories after which it is noted that there is nothing to take in."""
UPTO, NEXT, NAMES = "indexed_upto", "indexed_ordinal", "indexed_emotions"
_POINTS = [(name, pad.pleasure, pad.arousal, pad.dominance) for name, pad in EMOTIONS.items()]
TABLE = blake3.blake3(repr(_POINTS).encode()).hexdigest()
"""Which names feelings were given: rows made with another table of emotions are made again."""
KINDS = tuple(str(kind.__struct_config__.tag) for kind in (Remembered, Revised, Merged, Picked))

_J, _B, _R, _M = schema.journal.c, schema.branches.c, schema.remembered.c, schema.meta.c
_p = sa.bindparam
SELECT_META = sa.select(_M.value).where(_M.key == _p("name"))
SELECT_LAST = sa.select(sa.func.coalesce(sa.func.max(_J.position), 0))
SELECT_NEW = (
    sa.select(_J.position, _J.branch, _J.seq, _J.agent)
    .where(_J.position > _p("after"), _J.position <= _p("upto"), _J.kind.in_(KINDS))
    .order_by(_J.position)
    .limit(_p("count"))
)
SELECT_PLACE = sa.select(_J.branch, _J.seq).where(_J.position == _p("position"))
SELECT_DONE = sa.select(_R.position, sa.func.max(_R.n)).where(_R.position > _p("after")).group_by(_R.position)
_GONE = ~sa.exists().where(_J.position == _R.position)
SELECT_GONE = sa.select(_R.ordinal, _R.text).where(_GONE).limit(_p("count"))
_FOUND = (_J.agent, _J.branch, _J.seq, _R.position, _R.id, _R.text, _R.at, _R.emotion)
_MORE = (_R.pleasure, _R.arousal, _R.dominance, _R.importance, _R.speaker, _R.kind, _R.session)

Entries = Callable[[BranchId, int, int], Sequence[Entry]]
logger = logging.getLogger(__name__)


class _New(NamedTuple):
    """A journal row that brings memories."""

    position: int
    branch: BranchId
    seq: int
    agent: AgentName


class Index:
    """What was ever remembered, found by its columns and words. Thread-safe.

    Args:
        database: where the journal and the index are.
        entries: the branch's own entries with after < seq <= upto, sealed or not. It may leave out what is damaged.
    """

    def __init__(self, database: Database, entries: Entries) -> None:
        self._database, self._entries = database, entries
        self._taking = threading.Lock()

    def catch_up(self, limit: int | None = None) -> int:
        """Take in what was written since, and return how many events that were; with a limit, about so many at most.

        What is damaged is left out, and the log is told; ``rebuild`` finds it once it is mended. Writes to the vault
        go between the small writes that this does.

        Raises: WriteFailed, VaultUnavailable.
        """
        taken = 0
        with self._taking:
            while limit is None or taken < limit:
                count = CHUNK if limit is None else min(CHUNK, limit - taken)
                step = self._take(count)
                taken += step
                if step < count:
                    break
        return taken

    def rebuild(self) -> int:
        """Empty the index and take in everything again; return how many events that were. Raises: as ``catch_up``."""
        with self._taking, self._database.transaction() as connection:
            clear(connection)
        return self.catch_up()

    def sweep(self) -> int:
        """Leave out what is no longer in the journal, and return how much that was. It is not found in any case."""
        swept = 0
        with self._taking:
            while True:
                with self._database.read() as connection:
                    gone = [(row[0], row[1]) for row in connection.execute(SELECT_GONE, {"count": MEMORIES})]
                if not gone:
                    return swept
                with self._database.transaction() as connection:
                    if words.is_there(connection):
                        words.erase(connection, gone)
                    ordinals = [ordinal for ordinal, _ in gone]
                    connection.execute(sa.delete(schema.remembered).where(_R.ordinal.in_(ordinals)))
                swept += len(gone)

    def find(
        self,
        words: str | None = None,
        agent: AgentName | None = None,
        session: str | None = None,
        emotion: str | None = None,
        speaker: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
    ) -> list[Found]:
        """What was ever remembered and is all of this, after taking in what was written so far.

        Args:
            words: all of them must be in the text, in any order; ``umbr*`` is any word that begins so. The best match
                comes first, else what happened last.
            agent: whose memory.
            session: the memory's own session.
            emotion: the name nearest to its feeling, of ``quantum_memory.memory.affect.emotions.EMOTIONS``.
            speaker: who said it.
            kind: its kind.
            since: it happened then or later.
            until: it happened before.
            limit: how many at most.

        Raises: InvalidValue, TooLong, WriteFailed if the index cannot be written, VaultUnavailable.
        """
        query = _query(words, limit, since, until)
        if emotion is not None and emotion not in EMOTIONS:
            raise InvalidValue("emotion", repr(emotion), f"one of {', '.join(EMOTIONS)}")
        wanted = {_R.agent: agent, _R.session: session, _R.emotion: emotion, _R.speaker: speaker, _R.kind: kind}
        for column, value in wanted.items():
            if value is not None:
                query.where.append(column == _storable(value))
        self.catch_up()
        with self._database.read() as connection:
            return [_found(row) for row in connection.execute(query.select(connection))]

    def _take(self, count: int) -> int:
        """Take in the next events, at most ``count``; return how many there were."""
        while True:
            with self._database.read() as connection:
                upto, last = _number(connection, UPTO), connection.execute(SELECT_LAST).scalar_one()
                values = {"after": upto, "upto": last, "count": count}
                new = [_New(*row) for row in connection.execute(SELECT_NEW, values)]
                done = {row[0]: row[1] for row in connection.execute(SELECT_DONE, {"after": upto})}
                longer = upto > last and upto > last_position(connection)
                renamed = upto > 0 and _text(connection, NAMES) != TABLE
            if longer or renamed:  # it was made from a journal that went on longer, or with other names
                with self._database.transaction() as connection:
                    clear(connection)
                continue
            if not new:
                if last - upto >= LEFT_BEHIND:
                    self._write([], last)
                return 0
            entries = self._read(new)
            lost = [row for row in new if (row.branch, row.seq) not in entries]
            if self._moved(lost):
                continue
            for row in lost:
                logger.warning("the search index leaves out %s@%s: its entry cannot be read", row.branch, row.seq)
            self._take_in(new, entries, done, last if len(new) < count else new[-1].position)
            return len(new)

    def _read(self, new: Sequence[_New]) -> dict[tuple[BranchId, int], Entry]:
        """The entries of rows that can be read, by place."""
        found: dict[tuple[BranchId, int], Entry] = {}
        for branch, stretch in _stretches(new):
            try:
                entries = list(self._entries(branch, stretch[0] - 1, stretch[-1]))
            except (CorruptRecord, Quarantined, NotFound):
                entries = [entry for seq in stretch for entry in self._read_one(branch, seq)]
            found |= {(entry.place.branch, entry.place.seq): entry for entry in entries}
        return found

    def _read_one(self, branch: BranchId, seq: int) -> Sequence[Entry]:
        try:
            return self._entries(branch, seq - 1, seq)
        except (CorruptRecord, Quarantined, NotFound):
            return ()

    def _moved(self, lost: Sequence[_New]) -> bool:
        """Whether any of these rows is elsewhere by now: a transaction was committed, or a branch collected."""
        if not lost:
            return False
        with self._database.read() as connection:
            for row in lost:
                place = connection.execute(SELECT_PLACE, {"position": row.position}).one_or_none()
                if place is None or tuple(place) != (row.branch, row.seq):
                    return True
        return False

    def _take_in(
        self, new: Sequence[_New], entries: dict[tuple[BranchId, int], Entry], done: dict[int, int], end: int
    ) -> None:
        """Write what the entries bring, in order, in small transactions; all up to ``end`` is taken in then.

        ``done`` is the last memory of each event that an earlier attempt got to.
        """
        some: list[tuple[_New, int, Memory]] = []
        upto = new[0].position - 1
        for row in new:
            entry = entries.get((row.branch, row.seq))
            for n, memory in enumerate(() if entry is None else memories_of(entry.event)):
                if n <= done.get(row.position, -1):
                    continue
                some.append((row, n, memory))
                if len(some) == MEMORIES:
                    self._write(_rows(some), upto)
                    some = []
            upto = row.position
        self._write(_rows(some), end)

    def _write(self, rows: list[dict[str, Any]], upto: int) -> None:
        with self._database.transaction() as connection:
            if rows:
                first = _number(connection, NEXT)
                for ordinal, row in enumerate(rows, start=first):
                    row["ordinal"] = ordinal
                connection.execute(sa.insert(schema.remembered), rows)
                if words.is_there(connection):
                    words.insert(connection, [(row["ordinal"], row["text"]) for row in rows])
                _put(connection, NEXT, first + len(rows))
            _put(connection, UPTO, max(upto, _number(connection, UPTO)))
            _put(connection, NAMES, TABLE)


def clear(connection: sa.Connection) -> None:
    """Empty the index in a transaction of the caller's: after a restore to an earlier place it is to be made again."""
    if words.is_there(connection):
        words.clear(connection)
    connection.execute(sa.delete(schema.remembered))
    _put(connection, UPTO, 0)


class _Query:
    """What is looked for, before it is known what the database can do."""

    def __init__(self, asked: Sequence[words.Asked] | None, limit: int) -> None:
        self.asked, self.limit = asked, limit
        self.where: list[sa.ColumnElement[bool]] = []

    def select(self, connection: sa.Connection) -> sa.Select[Any]:
        """Rows of ``remembered`` where their journal rows are now; hidden as long as that is a transaction's branch."""
        newest: list[Any] = [_R.at.desc(), _R.position.desc(), _R.n.desc()]
        select = sa.select(*_FOUND, *_MORE).where(_R.position == _J.position, _J.branch == _B.id, *self.where)
        select = select.where(_B.kind != "transaction").limit(self.limit)
        if self.asked is None:
            return select.order_by(*newest)
        ranked = words.ranked(connection, self.asked)
        if ranked.table is not None:
            select = select.select_from(ranked.table).where(ranked.joined)
        best = [] if ranked.order is None else [ranked.order]
        return select.where(ranked.matches).order_by(*best, *newest)


def _query(text: str | None, limit: int, since: datetime | None, until: datetime | None) -> _Query:
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise InvalidValue("limit", repr(limit), "a whole number, at least 1")
    query = _Query(None if text is None else words.asked(text), limit)
    if since is not None:
        query.where.append(_R.at >= to_us(utc("since", since)))
    if until is not None:
        query.where.append(_R.at < to_us(utc("until", until)))
    return query


def _stretches(new: Sequence[_New]) -> Iterator[tuple[BranchId, list[int]]]:
    """The rows' numbers by branch, in runs without wide gaps."""
    numbers: dict[BranchId, list[int]] = {}
    for row in new:
        numbers.setdefault(row.branch, []).append(row.seq)
    for branch, seqs in numbers.items():
        run: list[int] = []
        for seq in sorted(seqs):
            if run and seq - run[-1] > GAP:
                yield branch, run
                run = []
            run.append(seq)
        yield branch, run


def _rows(some: Sequence[tuple[_New, int, Memory]]) -> list[dict[str, Any]]:
    """Memories as rows of ``remembered``, but for their ordinals."""
    emotions = named([memory.pad for _, _, memory in some])
    return [
        {
            "position": new.position,
            "n": n,
            "id": _storable(memory.id),
            "agent": new.agent,
            "branch": new.branch,
            "seq": new.seq,
            "at": to_us(memory.at),
            "session": None if memory.session is None else _storable(memory.session),
            "speaker": None if memory.speaker is None else _storable(memory.speaker),
            "kind": _storable(memory.kind),
            "emotion": emotion,
            "pleasure": memory.pad.pleasure,
            "arousal": memory.pad.arousal,
            "dominance": memory.pad.dominance,
            "importance": memory.importance,
            "text": _storable(memory.text),
        }
        for (new, n, memory), emotion in zip(some, emotions, strict=True)
    ]


def _found(row: Sequence[Any]) -> Found:
    agent, branch, seq, position, id_, text, at, emotion, *pad, importance, speaker, kind, session = row
    return Found(
        agent,
        Place(branch, seq),
        position,
        id_,
        text,
        from_us(at),
        emotion,
        PAD(*pad),
        importance,
        speaker,
        kind,
        session,
    )


def _storable(text: str) -> str:
    """As every database can hold it: PostgreSQL has no NUL."""
    return text.replace("\x00", "\ufffd")


def _text(connection: sa.Connection, name: str) -> str | None:
    value: str | None = connection.execute(SELECT_META, {"name": name}).scalar_one_or_none()
    return value


def _number(connection: sa.Connection, name: str) -> int:
    return int(_text(connection, name) or 0)


def _put(connection: sa.Connection, name: str, value: int | str) -> None:
    changed = connection.execute(sa.update(schema.meta).where(_M.key == name).values(value=str(value)))
    if changed.rowcount == 0:
        connection.execute(sa.insert(schema.meta), {"key": name, "value": str(value)})
