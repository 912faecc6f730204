"""Snapshots: a view written down at a place, so that it need not be folded again from the first event.

Owns how a state becomes bytes and comes back, where that may be kept, and when it pays. A snapshot is a cache: what
cannot be read is passed over, and whatever was made by another fold or another version is never looked at.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from blake3 import blake3

from quantum_memory.checks import bounded
from quantum_memory.errors import CorruptRecord, QuantumMemoryError, StorageFailure
from quantum_memory.memory.clerk import Clerk
from quantum_memory.memory.columns import Arrays, Attributes, Dump
from quantum_memory.memory.events import Event
from quantum_memory.telemetry.catalog import SNAPSHOT_BYTES, SNAPSHOTS
from quantum_memory.telemetry.metrics import SILENT, Metrics
from quantum_memory.types import BranchId, Part, Place

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)
DIGEST_CHARS = 16
LEAVING_EVENTS, LEAVING_SHARE = 32, 0.005
"""A view that is put away is written down if so many events, and this share of all, would have to be folded again."""
FILES = "files"
"""The column of a dump that names files beside it: (n, 32) uint8, the BLAKE3 of each."""
logger = logging.getLogger(__name__)


class StateCodec(Protocol[S]):
    """How the states of a view are written down.

    Laws: ``load(*dump(state))`` reads as ``state`` does, and so does whatever is folded on top of it. Equal states
    give equal dumps, whatever way they came about, but for what lies in files that they name in the column ``FILES``.
    Nothing but plain typed arrays and JSON values goes in.

    ``fingerprint`` names the codec's version and every parameter of the fold that changes what it makes of events.
    ``difference`` says what is not alike in two states, beyond the fold's stated tolerance; nothing if they are alike.
    """

    @property
    def part(self) -> Part: ...

    @property
    def fingerprint(self) -> str: ...

    def dump(self, state: S) -> Dump: ...

    def load(self, arrays: Arrays, attributes: Attributes) -> S:
        """Raises: CorruptRecord for anything that ``dump`` did not make."""
        ...

    def difference(self, one: S, other: S) -> str | None: ...


@runtime_checkable
class Measured(Protocol[S_contra]):
    """A codec whose states do not grow by one with every event: ``size`` is what one weighs, in the units of events."""

    def size(self, state: S_contra) -> int: ...


class Saved(NamedTuple):
    """A packed snapshot and the number of the event after which it was made."""

    seq: int
    data: bytes


class Shelf(Protocol):
    """Where packed snapshots are kept."""

    def nearest(self, branch: BranchId, part: Part, fold: str, after: int, upto: int) -> Saved | None:
        """The latest one of a branch with after <= seq <= upto that can be read."""
        ...

    def keep(self, place: Place, part: Part, fold: str, data: bytes, files: Sequence[str] = ()) -> None:
        """Keep one, and the files that it names; older ones of the same branch and view may go."""
        ...


class Files(Protocol):
    """Where files that snapshots share are kept, by the BLAKE3 of their content in hexadecimal digits.

    A file that no snapshot names may go some time after it was put.
    """

    def lacking(self, names: Sequence[str]) -> list[str]:
        """Those of these that are not there."""
        ...

    def file(self, name: str) -> bytes:
        """What is in a file. Raises: CorruptRecord, Quarantined, BlockMissing, VaultUnavailable."""
        ...

    def put_file(self, data: bytes) -> str:
        """Keep a file, durably, and return its name. Raises: WriteFailed."""
        ...


class Leaving(NamedTuple):
    """A state that is to be written down before it is let go: in which drawer of the clerk, and what he does."""

    drawer: Hashable
    write: Callable[[], None]


class Packing(NamedTuple):
    """Dumps as bytes and back. ``unpack`` takes the bytes and whose they are. Raises: CorruptRecord, NewerSchema."""

    pack: Callable[[Arrays, Attributes], bytes]
    unpack: Callable[[bytes, str], tuple[Arrays, Attributes]]


def fingerprint(part: Part, version: int, **parameters: object) -> str:
    """A short text that differs wherever the codec's version or a parameter differs."""
    told = json.dumps(parameters, sort_keys=True, ensure_ascii=True, default=str)
    return f"{part}-{version}-{blake3(told.encode()).hexdigest()[:DIGEST_CHARS]}"


@dataclass(slots=True)
class Purse:
    """Events that were folded and have not paid for a snapshot yet, shared by all states that come from one."""

    events: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """How many events a state is away from the last snapshot on the way to it."""

    events: int = 0
    purse: Purse = field(default_factory=Purse, compare=False)

    def plus(self, events: int) -> Tally:
        """The tally of a state that so many events were folded into."""
        self.purse.events += events
        return Tally(self.events + events, self.purse)


@dataclass(frozen=True, slots=True)
class Spacing:
    """When a state is due to be written down.

    It is due ``every`` events after the last snapshot on the way to it, and not before ``share`` of all that came
    before: so snapshots of a growing state lie further and further apart. What a snapshot costs is also taken from the
    purse that all states since the last one share, into which every event folded goes once. So all writing together
    stays linear in all folding, even where a thousand forks come due with the same past behind them.

    All that came before is the number of the event, or the size of the state where its codec is ``Measured``: so a view
    whose events bring many things is no dearer at the same number, and one that lost most of them is cheap again.

    A view of limited reach does not grow; it needs no ``share``. One whose snapshots name files that are written once
    costs no more than what is in no file, however large it is: ``most`` events lie between two, or ``every`` if more.
    """

    every: int
    share: float = 0.25
    most: int | None = None

    def __post_init__(self) -> None:
        bounded("every", self.every, 1, 2**53)
        bounded("share", self.share, 0.0, 1.0)
        if self.most is not None:
            bounded("most", self.most, 1, 2**53)

    def price(self, size: int) -> int:
        """How many events a snapshot costs after so many."""
        grown = int(self.share * size)
        return max(self.every, grown if self.most is None else min(grown, self.most))

    def due(self, tally: Tally, size: int) -> bool:
        """Whether a state with this tally is to be written down after so many events."""
        price = self.price(size)
        return tally.events >= price and tally.purse.events >= price

    def paid(self, tally: Tally, size: int) -> Tally:
        """The tally after the snapshot was made."""
        tally.purse.events -= self.price(size)
        return Tally(0, tally.purse)

    def worthwhile(self, tally: Tally, size: int) -> bool:
        """Whether a state with this tally is to be written down before it is let go.

        That is not so often as for one that stays: folding again what lies behind the last snapshot must only take
        longer than loading one of this size.
        """
        price = self.leaving_price(size)
        return tally.events >= price and tally.purse.events >= price

    def leaving_price(self, size: int) -> int:
        """How many events a snapshot costs of a state that is let go after so many."""
        return min(self.price(size), max(LEAVING_EVENTS, int(min(LEAVING_SHARE, self.share) * size)))


def one_each(_: Event) -> int:
    """Every event weighs the same."""
    return 1


class Snapshots(Generic[S]):
    """The snapshots of one view: found, loaded, and handed to a clerk to be written down.

    Args:
        codec: how a state becomes arrays.
        shelf: where they are kept.
        packing: how arrays become bytes.
        clerk: who writes them down in the background.
        spacing: when.
        weigh: how much of what lies between two snapshots an event is; a view whose events bring many things counts
            these.
        metrics: where it is told what was written down, and found again.

    One owner calls it; the clerk calls ``codec.dump``, ``packing.pack`` and ``shelf.keep`` from a thread of its own.
    """

    def __init__(
        self,
        codec: StateCodec[S],
        shelf: Shelf,
        packing: Packing,
        clerk: Clerk,
        spacing: Spacing,
        weigh: Callable[[Event], int] = one_each,
        metrics: Metrics = SILENT,
    ) -> None:
        self._metrics = metrics
        self._codec, self._shelf, self._packing = codec, shelf, packing
        self._measured = codec if isinstance(codec, Measured) else None
        self._clerk, self._spacing, self.weigh = clerk, spacing, weigh

    def nearest(self, branch: BranchId, after: int, upto: int) -> tuple[int, S] | None:
        """The latest state of a branch with after <= seq <= upto that can be loaded, and its number."""
        codec = self._codec
        while upto >= after:
            try:
                saved = self._shelf.nearest(branch, codec.part, codec.fingerprint, after, upto)
            except QuantumMemoryError as error:
                logger.warning("no snapshot can be had, so history is read instead: %s", error)
                return None
            if saved is None:
                return None
            try:
                state = unpacked(codec, self._packing, Place(branch, saved.seq), saved.data)
            except StorageFailure as error:
                self._metrics.add(SNAPSHOTS, 1, codec.part, "damaged")
                logger.warning("a snapshot is passed over: %s", error)
            else:
                self._metrics.add(SNAPSHOTS, 1, codec.part, "loaded")
                return saved.seq, state
            upto = saved.seq - 1
        return None

    def noted(self, place: Place, state: S, tally: Tally) -> Tally:
        """See to it that the state is written down if it is due; its tally from now on."""
        size = self._size(place.seq, state)
        if not self._spacing.due(tally, size):
            return tally
        # Two views may tell of one part; each has a drawer of its own.
        taken = self._clerk.offer((self._codec.fingerprint, place.branch), lambda: self._keep(place, state))
        return self._spacing.paid(tally, size) if taken else tally

    def worthwhile(self, seq: int, state: S, tally: Tally) -> bool:
        """Whether a state that is let go is worth being written down: see ``Spacing.worthwhile``."""
        return self._spacing.worthwhile(tally, self._size(seq, state))

    def leaving(self, place: Place, state: S, tally: Tally, home: Callable[[], Place]) -> Leaving:
        """What the clerk is to do with a state before it is let go. ``home`` is where it will be looked for."""
        tally.purse.events -= self._spacing.leaving_price(self._size(place.seq, state))
        return Leaving(("leaving", self._codec.fingerprint, place.branch), lambda: self._keep(home(), state))

    def _size(self, seq: int, state: S) -> int:
        return seq if self._measured is None else self._measured.size(state)

    def _keep(self, place: Place, state: S) -> None:
        codec, outcome = self._codec, "failed"
        try:
            dump = codec.dump(state)
            data = _packed(codec, self._packing, dump)
            self._shelf.keep(place, codec.part, codec.fingerprint, data, named(dump.arrays))
            outcome = "written"
            self._metrics.add(SNAPSHOT_BYTES, len(data))
        finally:
            self._metrics.add(SNAPSHOTS, 1, codec.part, outcome)


def named(arrays: Arrays) -> list[str]:
    """The names of the files that a dump refers to."""
    found = arrays.get(FILES)
    return [] if not isinstance(found, np.ndarray) else [bytes(digest).hex() for digest in found.astype(np.uint8)]


def packed(codec: StateCodec[Any], packing: Packing, state: object) -> bytes:
    """A state as the bytes of its snapshot. Equal states give equal bytes, but for files: see ``StateCodec``."""
    return _packed(codec, packing, codec.dump(state))


def _packed(codec: StateCodec[Any], packing: Packing, dump: Dump) -> bytes:
    return packing.pack(dump.arrays, {**dump.attributes, "part": codec.part, "fold": codec.fingerprint})


def unpacked(codec: StateCodec[S], packing: Packing, place: Place, data: bytes) -> S:
    """The state of a snapshot. Raises: CorruptRecord, also for a snapshot of another view or fold; NewerSchema."""
    what = f"snapshot of {codec.part} at {place.branch}:{place.seq}"
    arrays, attributes = packing.unpack(data, what)
    told = attributes.get("part"), attributes.get("fold")
    if told != (codec.part, codec.fingerprint):
        raise CorruptRecord(what, f"it is one of {told[0]}, folded by {told[1]}")
    return codec.load(arrays, {name: attributes[name] for name in attributes if name not in {"part", "fold"}})
