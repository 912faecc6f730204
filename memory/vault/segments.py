"""Segments: consecutive events of one branch in one immutable block, and how their exact bytes are read back.

The form is documented in docs/formats.md. Decodes no event and writes to no catalog.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self, TypeVar

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from quantum_memory.errors import BlockMissing, CorruptRecord, InvalidValue, Quarantined
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.blocks import BlockStore
from quantum_memory.memory.vault.container import Contents, pack, unpack
from quantum_memory.memory.vault.owner import check_there
from quantum_memory.memory.vault.vectors import cuts_in, half, taken_out
from quantum_memory.types import AgentName, BranchId

__all__ = [
    "LIVE",
    "QUARANTINED",
    "Listed",
    "Row",
    "Segment",
    "SegmentReader",
    "build",
    "half",
    "listed",
    "load",
    "told",
]

T = TypeVar("T")
FORMAT = "quantum_memory.segment"
VERSION = 1
LIVE, QUARANTINED = "live", "quarantined"
HELD_BYTES = 256 * 2**20

_S = schema.segments.c
SELECT_SEGMENTS = (
    sa.select(_S.first_seq, _S.last_seq, _S.block, _S.raw_bytes, _S.state)
    .where(
        _S.branch == sa.bindparam("branch"),
        _S.first_seq <= sa.bindparam("upto"),
        _S.last_seq > sa.bindparam("after"),
    )
    .order_by(_S.first_seq)
)


class Row(NamedTuple):
    """A row of the journal, all but its branch. Times are microseconds since the epoch."""

    seq: int
    at: int
    kind: str
    op_id: str
    agent: AgentName
    position: int
    payload: bytes


class Listed(NamedTuple):
    """A sealed stretch as the catalog lists it: what else its block may hold is not history."""

    first_seq: int
    last_seq: int
    block: str
    raw_bytes: int
    state: str


def build(branch: BranchId, rows: Sequence[Row], compression: int, pause: Callable[[], None] = lambda: None) -> bytes:
    """A segment of consecutive rows. The same rows give the same bytes.

    Args:
        branch: whose rows they are.
        rows: at least one, numbered without a gap, of one agent.
        compression: Zstandard's level.
        pause: called after each piece of work, so that other threads have their turn.

    Raises: InvalidValue.
    """
    _check(rows)
    stream = b"".join(row.payload for row in rows)
    starts = list(itertools.accumulate((len(row.payload) for row in rows), initial=0))
    pause()
    cuts, width = cuts_in(stream, starts, pause)
    vectors, rest = taken_out(stream, cuts, width, pause)
    op_ids = [row.op_id.encode() for row in rows]
    kinds = sorted({row.kind for row in rows})
    arrays: dict[str, NDArray[np.generic] | bytes] = {
        "at": np.array([row.at for row in rows], np.int64),
        "kind": np.array([kinds.index(row.kind) for row in rows], np.uint8),
        "position": np.array([row.position for row in rows], np.int64),
        "op_id/bytes": b"".join(op_ids),
        "op_id/length": np.array([len(op_id) for op_id in op_ids], np.int32),
        "payload/bytes": rest,
        "payload/length": np.diff(np.array(starts, np.int64)),
        "payload/cut": np.array(cuts, np.int64),
        "payload/vectors": vectors,
    }
    attributes = {
        "format": FORMAT,
        "version": VERSION,
        "branch": branch,
        "agent": rows[0].agent,
        "first_seq": rows[0].seq,
        "last_seq": rows[-1].seq,
        "kinds": kinds,
        "raw_bytes": len(stream),
    }
    return pack(arrays, attributes, compression, pause)


class Segment:
    """A decoded segment: rows first_seq to last_seq of a branch. Made by ``read``; never changes.

    Attributes:
        nbytes: what it takes in memory.
    """

    def __init__(self, what: str, contents: Contents) -> None:
        told, self._what = contents.attributes, what
        self.branch: BranchId = _attribute(what, told, "branch", str)
        self.agent: AgentName = _attribute(what, told, "agent", str)
        self.first_seq: int = _attribute(what, told, "first_seq", int)
        self.last_seq: int = _attribute(what, told, "last_seq", int)
        self._kinds: list[str] = _attribute(what, told, "kinds", list)
        count = self.last_seq - self.first_seq + 1
        if count < 1:
            raise CorruptRecord(what, f"its events are {self.first_seq}..{self.last_seq}")
        self._at = contents.numbers(what, "at", "i", (count,))
        self._kind = contents.numbers(what, "kind", "u", (count,))
        self._position = contents.numbers(what, "position", "i", (count,))
        self._op_ids = contents.raw(what, "op_id/bytes")
        self._op_starts = _starts(what, contents, "op_id/length", count, len(self._op_ids))
        self._vectors = contents.numbers(what, "payload/vectors", "f", (None, None))
        self._cuts = contents.numbers(what, "payload/cut", "i", (len(self._vectors),))
        self._width = 4 * self._vectors.shape[1]
        self._rest = contents.raw(what, "payload/bytes")
        self.raw_bytes = len(self._rest) + self._width * len(self._cuts)
        self._starts = _starts(what, contents, "payload/length", count, self.raw_bytes)
        self._check_cuts()
        if int(self._kind.max()) >= len(self._kinds) or not all(isinstance(kind, str) for kind in self._kinds):
            raise CorruptRecord(what, f"an event of kind number {self._kind.max()}, there are {len(self._kinds)}")
        columns = (self._at, self._kind, self._position, self._op_starts, self._vectors, self._cuts, self._starts)
        self.nbytes = sum(column.nbytes for column in columns) + len(self._op_ids) + len(self._rest)

    @classmethod
    def read(cls, data: bytes, what: str) -> Self:
        """The segment of a block's bytes. Raises: CorruptRecord, NewerSchema, naming ``what``."""
        contents = unpack(data, what)
        contents.expect(what, FORMAT, VERSION)
        return cls(what, contents)

    def payloads(self, after: int, upto: int) -> dict[int, bytes]:
        """The exact payloads of its events with after < seq <= upto, by number."""
        low, high = max(after + 1, self.first_seq), min(upto, self.last_seq)
        if low > high:
            return {}
        starts = self._starts[low - self.first_seq : high - self.first_seq + 2].tolist()
        first, last = np.searchsorted(self._cuts, [starts[0], starts[-1]]).tolist()
        cuts = [*self._cuts[first:last].tolist(), starts[-1]]  # the last one ends every search
        vectors = self._vectors[first:last].astype("<f4", copy=False).tobytes()
        at, taken = starts[0] - first * self._width, 0
        found = {}
        for seq, start, stop in zip(range(low, high + 1), starts, starts[1:], strict=False):
            pieces, done = [], start
            while cuts[taken] < stop:
                gap = cuts[taken] - done
                pieces += [self._rest[at : at + gap], vectors[taken * self._width : (taken + 1) * self._width]]
                at, done, taken = at + gap, cuts[taken] + self._width, taken + 1
            pieces.append(self._rest[at : at + stop - done])
            at += stop - done
            found[seq] = b"".join(pieces)
        return found

    def rows(self, after: int = -1, upto: int = 2**63 - 1) -> list[Row]:
        """The rows with after < seq <= upto, as they stood in the journal. Raises: CorruptRecord."""
        made = []
        for seq, payload in self.payloads(after, upto).items():
            number = seq - self.first_seq
            raw = self._op_ids[self._op_starts[number] : self._op_starts[number + 1]]
            try:
                op_id = raw.decode()
            except UnicodeDecodeError as error:
                raise CorruptRecord(self._what, f"the operation id of event {seq} is no text") from error
            at, position = int(self._at[number]), int(self._position[number])
            made.append(Row(seq, at, self._kinds[self._kind[number]], op_id, self.agent, position, payload))
        return made

    def marks(self, after: int, upto: int) -> list[tuple[int, int, str, bytes]]:
        """Number, time, kind and operation id of its events with after < seq <= upto: which events they are."""
        low, high = max(after + 1, self.first_seq), min(upto, self.last_seq)
        made = []
        for number in range(low - self.first_seq, high - self.first_seq + 1):
            raw = self._op_ids[self._op_starts[number] : self._op_starts[number + 1]]
            made.append((self.first_seq + number, int(self._at[number]), self._kinds[self._kind[number]], raw))
        return made

    def _check_cuts(self) -> None:
        """Each vector lies in one payload, after the one before it."""
        if not len(self._cuts):
            return
        ends = self._cuts + self._width
        event = np.searchsorted(self._starts, self._cuts, side="right")
        if (
            self._width == 0
            or self._cuts[0] < 0
            or (self._cuts[1:] < ends[:-1]).any()
            or ends[-1] > self.raw_bytes
            or (ends > self._starts[event]).any()
        ):
            raise CorruptRecord(self._what, "its vectors do not lie where vectors can")


class SegmentReader:
    """Payloads of sealed events, by way of the catalog. Holds decoded segments up to a bound. Thread-safe.

    Args:
        blocks: where the segments lie.
        held_bytes: how much of them is kept decoded; the least recently read go first.
    """

    def __init__(self, blocks: BlockStore, held_bytes: int = HELD_BYTES) -> None:
        self._blocks, self._held_bytes = blocks, held_bytes
        self._held: OrderedDict[str, Segment] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def payloads(
        self, connection: sa.Connection, branch: BranchId, after: int, upto: int, *, skip: bool = False
    ) -> dict[int, bytes]:
        """The payloads of the sealed events of a branch with after < seq <= upto, by number; others are left out.

        Args:
            connection: where the catalog is read.
            branch: whose events.
            after: the number before the first.
            upto: the number of the last.
            skip: leave out what is in quarantine.

        Raises: Quarantined unless ``skip``, CorruptRecord for a block that is damaged or gone, VaultUnavailable if the
            whole place is not where this vault keeps its blocks.
        """
        if upto <= after:
            return {}
        stretches = listed(connection, branch, after, upto)
        try:
            return self._payloads(branch, stretches, after, upto, skip)
        except BlockMissing as error:
            again = listed(connection, branch, after, upto)
            if again == stretches:
                raise self._lost(connection, branch, after, upto, error) from error
        try:  # they were joined and collected just now
            return self._payloads(branch, again, after, upto, skip)
        except BlockMissing as error:
            raise self._lost(connection, branch, after, upto, error) from error

    def _lost(
        self, connection: sa.Connection, branch: BranchId, after: int, upto: int, error: BlockMissing
    ) -> CorruptRecord:
        """A block is missing though its place is there. Raises: VaultUnavailable if the whole place is away."""
        check_there(connection, self._blocks)
        return CorruptRecord(f"branch {branch}, {after + 1}..{upto}", str(error))

    def drop(self, block: str) -> None:
        """Hold a segment no longer. Harmless if it is not held."""
        with self._lock:
            gone = self._held.pop(block, None)
            self._bytes -= 0 if gone is None else gone.nbytes

    def _payloads(
        self, branch: BranchId, stretches: Sequence[Listed], after: int, upto: int, skip: bool
    ) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for stretch in stretches:
            what = told(branch, stretch)
            if stretch.state == QUARANTINED:
                if skip:
                    continue
                raise Quarantined(what, stretch.block)
            low, high = max(after, stretch.first_seq - 1), min(upto, stretch.last_seq)
            found |= self._segment(branch, stretch).payloads(low, high)
        return found

    def _segment(self, branch: BranchId, stretch: Listed) -> Segment:
        with self._lock:
            held = self._held.get(stretch.block)
            if held is not None:
                self._held.move_to_end(stretch.block)
                return held
        segment = load(self._blocks, branch, stretch)
        with self._lock:
            if stretch.block not in self._held:
                self._held[stretch.block] = segment
                self._bytes += segment.nbytes
            while self._bytes > self._held_bytes and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1].nbytes
        return segment


def listed(connection: sa.Connection, branch: BranchId, after: int, upto: int) -> list[Listed]:
    """The sealed stretches of a branch that have events with after < seq <= upto, oldest first."""
    rows = connection.execute(SELECT_SEGMENTS, {"branch": branch, "after": after, "upto": upto})
    return [Listed(*row) for row in rows]


def load(blocks: BlockStore, branch: BranchId, stretch: Listed) -> Segment:
    """The segment that the catalog lists. It may hold more: a restore can cut history off within it.

    Raises: CorruptRecord if it does not hold these events, BlockMissing, Quarantined, VaultUnavailable.
    """
    what = told(branch, stretch)
    segment = Segment.read(blocks.get(stretch.block), what)
    inside = segment.first_seq <= stretch.first_seq <= stretch.last_seq <= segment.last_seq
    if segment.branch != branch or not inside:
        raise CorruptRecord(what, f"its block holds {segment.branch}, {segment.first_seq}..{segment.last_seq}")
    return segment


def told(branch: BranchId, stretch: Listed) -> str:
    """What an error calls a sealed stretch."""
    return f"segment {branch}, {stretch.first_seq}..{stretch.last_seq}"


def _check(rows: Sequence[Row]) -> None:
    if not rows:
        raise InvalidValue("rows", "none", "at least one event")
    for number, row in enumerate(rows, start=rows[0].seq):
        if row.seq != number or row.agent != rows[0].agent:
            raise InvalidValue("rows", f"{row.agent} {row.seq}", f"event {number} of {rows[0].agent}")


def _starts(what: str, contents: Contents, name: str, count: int, total: int) -> NDArray[np.int64]:
    """Where each of ``count`` parts starts, and where the last ends. Raises: CorruptRecord if they do not add up."""
    lengths = contents.numbers(what, name, "i", (count,))
    starts = np.zeros(count + 1, np.int64)
    if (lengths < 0).any() or (lengths > total).any():
        raise CorruptRecord(what, f"{name!r} has impossible lengths")
    np.cumsum(lengths, out=starts[1:])
    if starts[-1] != total or (np.diff(starts) < 0).any():
        raise CorruptRecord(what, f"{name!r} adds up to {starts[-1]}, expected {total}")
    return starts


def _attribute(what: str, told_: dict[str, object], name: str, kind: type[T]) -> T:
    found = told_.get(name)
    if not isinstance(found, kind) or isinstance(found, bool):
        raise CorruptRecord(what, f"its {name!r} is {found!r}")
    return found
