"""The keeper: moves old events from the database into segments, and small segments into larger ones, a piece at a time.

A write never waits for it longer than for one of its short transactions. Whatever it is stopped in the middle of, the
vault reads the same before, between and after. Deletes no event and no block.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import sqlalchemy as sa

from quantum_memory.errors import BlockMissing, CorruptRecord, OutOfRange
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.blocks import BlockStore
from quantum_memory.memory.vault.catalog import to_us
from quantum_memory.memory.vault.database import Database
from quantum_memory.memory.vault.lookout import Job, Lookout, waiting
from quantum_memory.memory.vault.owner import check_there, claim
from quantum_memory.memory.vault.segments import LIVE, QUARANTINED, Listed, Row, Segment, build, listed, load, told
from quantum_memory.types import BranchId

SEGMENT_BYTES = 32 * 2**20
"""A segment takes no more events once their payloads have this many bytes together, however few they are."""
READ_ROWS = 256
CLEAR_ROWS = 256
PAUSE_S = 0.0002
RETRY_S = 60.0
END = 2**63 - 1

_J, _S = schema.journal.c, schema.segments.c
_p = sa.bindparam
_OWN = (_J.branch == _p("b"), _J.seq >= _p("low"), _J.seq <= _p("high"))
ROWS = (
    sa.select(_J.seq, _J.at, _J.kind, _J.op_id, _J.agent, _J.position, _J.payload)
    .where(*_OWN)
    .order_by(_J.seq)
    .limit(READ_ROWS)
)
COUNT = sa.select(sa.func.count()).select_from(schema.journal).where(*_OWN)
MARKS = sa.select(_J.seq, _J.at, _J.kind, _J.op_id).where(*_OWN).order_by(_J.seq)
COVERED = sa.select(_S.first_seq, _S.last_seq, _S.block, _S.raw_bytes, _S.state).where(
    _S.branch == _p("b"), _S.first_seq <= _p("low"), _S.last_seq >= _p("high"), _S.state == LIVE
)
CLEAR = sa.update(schema.journal).where(*_OWN, ~schema.is_rollback, _J.payload.is_not(None)).values(payload=None)


class Work(NamedTuple):
    """What one step did: ``kind`` to these events of a branch, of so many bytes in the journal and in the block."""

    kind: Literal["nothing", "looked", "sealed", "cleared", "joined"]
    branch: BranchId = ""
    first_seq: int = 0
    last_seq: int = 0
    raw_bytes: int = 0
    nbytes: int = 0

    def __bool__(self) -> bool:
        """Whether there may be more to do."""
        return self.kind != "nothing"


NOTHING, LOOKED = Work("nothing"), Work("looked")


class _OtherwiseNow(Exception):
    """The catalog is no longer as it was when this work began."""


class Keeper:
    """Seals and joins. One step at a time, whoever asks.

    Args:
        database: the vault's.
        blocks: where segments go; they are claimed for this vault.
        now: the clock that segments are stamped with.
        seal_events: how many events of a branch wait in the database before the oldest are sealed.
        segment_events: how many events a segment may have after it was joined with its neighbours.
        compression: Zstandard's level.

    Raises: OutOfRange.
    """

    def __init__(
        self,
        database: Database,
        blocks: BlockStore,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        seal_events: int = 4096,
        segment_events: int = 65_536,
        compression: int = 3,
    ) -> None:
        if not 1 <= seal_events <= segment_events:
            raise OutOfRange("seal_events", seal_events, 1, segment_events)
        self._database, self._blocks, self._now = database, blocks, now
        self._seal_events, self._segment_events, self._compression = seal_events, segment_events, compression
        self._stepping = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._failed: list[tuple[float, Job]] = []
        self._claimed = False
        self._opened: tuple[str, Segment] | None = None
        self._lookout = Lookout(seal_events)

    @property
    def put_off(self) -> bool:
        """Whether there is work that failed and is to be tried again."""
        return bool(self._failed)

    def step(self) -> Work:
        """Do one bounded piece of what there is to do. "nothing" if it was all done when this looked.

        What could not be done is put off for a minute, and everything else goes on meanwhile.

        Raises: WriteFailed, VaultUnavailable, CorruptRecord, Quarantined, InvalidValue for another vault's blocks.
        """
        with self._stepping:
            if not self._claimed:
                claim(self._database, self._blocks)
                self._claimed = True
            if not self._jobs:
                return self._look()
            job = self._jobs.popleft()
            try:
                match job.kind:
                    case "clear":
                        return self._clear(job)
                    case "join":
                        return self._join(job.branch)
                    case "seal":
                        return self._seal(job.branch)
            except _OtherwiseNow:
                return LOOKED
            except BaseException:
                self._failed.append((time.monotonic() + RETRY_S, job))
                raise

    def settle(self) -> list[Work]:
        """Step until there is nothing left to do. Raises: what ``step`` raises."""
        done = []
        while work := self.step():
            done.append(work)
        return done

    def _look(self) -> Work:
        """Find out what there is to do."""
        due = time.monotonic()
        self._jobs.extend(job for at, job in self._failed if at <= due)
        self._failed = [(at, job) for at, job in self._failed if at > due]
        with self._database.read() as connection:
            found = self._lookout.look(connection)
        self._jobs.extend(found or ())
        return NOTHING if found is None and not self._jobs else LOOKED

    def _seal(self, branch: BranchId) -> Work:
        """Put the oldest waiting events of a branch into a segment."""
        with self._database.read() as connection:
            first, count = waiting(connection, branch)
            if count < self._seal_events:
                return LOOKED
            most = self._seal_events
            while 2 * most <= min(count, self._segment_events):
                most *= 2
        rows = self._rows(branch, first, first + most - 1)
        stretch, nbytes = self._written(branch, rows)
        high = stretch.last_seq
        with self._database.transaction() as connection:
            there = connection.execute(COUNT, {"b": branch, "low": first, "high": high}).scalar_one()
            if waiting(connection, branch)[0] != first or there != len(rows):
                raise _OtherwiseNow
            self._insert(connection, branch, stretch, nbytes)
        self._jobs.append(Job("clear", branch, first, high))
        if count - len(rows) >= self._seal_events:
            self._jobs.append(Job("seal", branch))
        return Work("sealed", branch, first, high, stretch.raw_bytes, nbytes)

    def _rows(self, branch: BranchId, first: int, last: int) -> list[Row]:
        """The journal's rows from ``first`` on, as many as one segment takes. Raises: CorruptRecord."""
        rows: list[Row] = []
        nbytes, want = 0, first
        while want <= last and nbytes < SEGMENT_BYTES:
            with self._database.read() as connection:
                found = connection.execute(ROWS, {"b": branch, "low": want, "high": last}).all()
            for row in found:
                if row[0] != want or row[-1] is None:
                    raise CorruptRecord(f"entry {branch}@{want}", "it is neither in the journal nor in a segment")
                want += 1
                nbytes += len(row[-1])
                rows.append(Row(*row))
                if nbytes >= SEGMENT_BYTES:
                    break
            if not found:
                raise CorruptRecord(f"entry {branch}@{want}", "it is missing from the journal")
            self._pause()
        return rows

    def _written(self, branch: BranchId, rows: Sequence[Row]) -> tuple[Listed, int]:
        """A segment of these rows, durable, read back and found the same.

        Raises: CorruptRecord, WriteFailed, VaultUnavailable if the place is no longer there.
        """
        data = build(branch, rows, self._compression, self._pause)
        name = self._blocks.put(data)
        with self._database.read() as connection:
            check_there(connection, self._blocks)  # after it was put: what went into a place that is away is no use
        raw_bytes = sum(len(row.payload) for row in rows)
        stretch = Listed(rows[0].seq, rows[-1].seq, name, raw_bytes, LIVE)
        segment = load(self._blocks, branch, stretch)
        self._opened = name, segment
        for start in range(0, len(rows), READ_ROWS):
            part = list(rows[start : start + READ_ROWS])
            if segment.rows(part[0].seq - 1, part[-1].seq) != part:
                raise CorruptRecord(told(branch, stretch), f"what was written to {name} does not read the same")
            self._pause()
        return stretch, len(data)

    def _insert(self, connection: sa.Connection, branch: BranchId, stretch: Listed, nbytes: int) -> None:
        at = {"branch": branch, "bytes": nbytes, "at": to_us(self._now())}
        connection.execute(sa.insert(schema.segments), stretch._asdict() | at)

    def _clear(self, job: Job) -> Work:
        """Take payloads out of the database that a live segment has: a few, the oldest first.

        Raises: CorruptRecord if the segment does not have these very events: then they stay.
        """
        high = min(job.first_seq + CLEAR_ROWS - 1, job.last_seq)
        stretch = {"b": job.branch, "low": job.first_seq, "high": high}
        with self._database.read() as connection:
            segment = self._covering(connection, job.branch, stretch)
        there = set(segment.marks(job.first_seq - 1, high))
        with self._database.transaction() as connection:
            if segment != self._covering(connection, job.branch, stretch):
                raise _OtherwiseNow
            rows = [(row.seq, row.at, row.kind, row.op_id.encode()) for row in connection.execute(MARKS, stretch)]
            others = [row[0] for row in rows if row not in there]
            if others:
                what = f"branch {job.branch}, {others[0]}..{others[-1]}"
                raise CorruptRecord(what, f"the segment {job.first_seq}..{job.last_seq} holds other events")
            connection.execute(CLEAR, stretch)
        rest = job._replace(first_seq=high + 1)
        self._jobs.appendleft(rest if high < job.last_seq else Job("join", job.branch))
        if high == job.last_seq:
            self._opened = None
        return Work("cleared", job.branch, job.first_seq, high)

    def _covering(self, connection: sa.Connection, branch: BranchId, stretch: Mapping[str, object]) -> Segment:
        """The live segment that has these events. One is held open, since it is asked for many times in a row."""
        row = connection.execute(COVERED, stretch).first()
        if row is None:
            raise _OtherwiseNow
        found = Listed(*row)
        if self._opened is None or self._opened[0] != found.block:
            try:
                self._opened = found.block, load(self._blocks, branch, found)
            except BlockMissing as error:
                raise CorruptRecord(told(branch, found), str(error)) from error
        return self._opened[1]

    def _join(self, branch: BranchId) -> Work:
        """Make one segment of a branch's last ones, as a binary counter carries."""
        with self._database.read() as connection:
            joined = self._carried(listed(connection, branch, -1, END))
        if len(joined) < 2:
            return LOOKED
        rows: list[Row] = []
        for stretch in joined:
            try:
                segment = load(self._blocks, branch, stretch)
            except BlockMissing as error:
                raise CorruptRecord(told(branch, stretch), str(error)) from error
            for low in range(stretch.first_seq, stretch.last_seq + 1, READ_ROWS):
                rows += segment.rows(low - 1, min(low + READ_ROWS - 1, stretch.last_seq))
                self._pause()
        whole, nbytes = self._written(branch, rows)
        self._opened = None
        with self._database.transaction() as connection:
            for stretch in joined:
                gone = sa.delete(schema.segments).where(
                    _S.branch == branch, _S.first_seq == stretch.first_seq, _S.block == stretch.block, _S.state == LIVE
                )
                if connection.execute(gone).rowcount != 1:
                    raise _OtherwiseNow
            self._insert(connection, branch, whole, nbytes)
        return Work("joined", branch, whole.first_seq, whole.last_seq, whole.raw_bytes, nbytes)

    def _carried(self, stretches: Sequence[Listed]) -> list[Listed]:
        """The last stretches that are to become one: each no longer than all that come after it."""
        joined: list[Listed] = []
        events = raw_bytes = 0
        for stretch in reversed(stretches):
            own = stretch.last_seq - stretch.first_seq + 1
            fits = events + own <= self._segment_events and raw_bytes + stretch.raw_bytes <= SEGMENT_BYTES
            apart = joined and (own > events or stretch.last_seq + 1 != joined[0].first_seq)
            if stretch.state != LIVE or not fits or apart:
                break
            joined.insert(0, stretch)
            events, raw_bytes = events + own, raw_bytes + stretch.raw_bytes
        return joined

    def _pause(self) -> None:
        """Let the writer have the interpreter: it would wait for its turn five milliseconds at a time."""
        time.sleep(PAUSE_S)


class Background:
    """A keeper at work in a thread of its own, until it is closed.

    Args:
        keeper: whose steps.
        every_s: how long it rests when there is nothing to do. After each piece of work it rests as long as that took.

    Attributes:
        last_error: what the last step that failed raised; ``None`` once work was done again, or none is put off.
    """

    def __init__(self, keeper: Keeper, every_s: float = 2.0) -> None:
        self._keeper, self._every_s = keeper, every_s
        self.last_error: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vault-keeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let the step under way end, and stop. May be called again."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        rest_s = 0.0
        while not self._stop.wait(rest_s):
            begun = time.perf_counter()
            try:
                work = self._keeper.step()
            except Exception as error:  # noqa: BLE001  (whatever it is, it is kept and told, and the next piece may go well)
                if type(error) is not type(self.last_error):
                    _LOG.exception("the vault's keeper could not do its work and will try again")
                self.last_error = error
                rest_s = self._every_s
            else:
                if work.kind not in ("nothing", "looked") or not self._keeper.put_off:
                    self.last_error = None
                rest_s = min(time.perf_counter() - begun, self._every_s) if work else self._every_s


def put_aside(database: Database, blocks: BlockStore, block: str) -> list[tuple[BranchId, int, int]]:
    """Put a damaged block into quarantine. What it held of views is forgotten; the stretches of history are returned.

    Raises: WriteFailed, InvalidValue.
    """
    own = sa.or_(schema.snapshots.c.block == block, schema.names_file(block))
    snapshots = sa.delete(schema.snapshots).where(own)
    with database.transaction() as connection:
        hit = connection.execute(sa.select(_S.branch, _S.first_seq, _S.last_seq).where(_S.block == block)).all()
        connection.execute(sa.update(schema.segments).where(_S.block == block).values(state=QUARANTINED))
        connection.execute(snapshots)
    blocks.quarantine(block)
    return [(branch, first, last) for branch, first, last in hit]


_LOG = logging.getLogger(__name__)
