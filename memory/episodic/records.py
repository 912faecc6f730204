"""The fields of memories in columns: what each one reads as, but for its vector, and the row where each id stands.

Owns how memories become columns and come back, equal in every field. Knows no branch; nothing here changes once made.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.columns import NEVER, moment, zone_us
from quantum_memory.memory.episodic.columnar import Blobs, Ids, Ints, exact_floats, joined_ids, narrow, packed
from quantum_memory.memory.episodic.words import id_number
from quantum_memory.types import Memory, MemoryId

FELT = ("pleasure", "arousal", "dominance", "confidence", "importance")
_AXES = 3
_UTC_US = 0
_EPOCH = moment(0, _UTC_US)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no place in metadata")


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain)
DECODER = msgspec.msgpack.Decoder(dict[str, Any])
_NOTHING_TOLD = _ENCODER.encode({})


def micros(at: datetime) -> int:
    """Microseconds since 1970, exactly."""
    span = at - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


@dataclass(frozen=True, slots=True)
class Records:
    """The fields of n memories that search does not read. What all of them lack has no column.

    Attributes:
        ids: as UTF-8, or as the numbers that their digits write.
        texts: as UTF-8.
        pads: (n, 3) PADs, in single precision where that is exact.
        weights: (n, 2) confidences and importances, likewise.
        zone_us: (n,) how far the clocks were ahead of UTC; ``None`` if none was.
        revised: (n, 2) microseconds since 1970, or ``NEVER``, and how far the clock was ahead; ``None`` if none was.
        metadata: as MessagePack; ``None`` if all are empty.
        numbers: (n,) the ids' numbers, ascending.
        order: (n,) the row of each number.
    """

    ids: Ids
    texts: Blobs
    pads: NDArray[np.floating]
    weights: NDArray[np.floating]
    zone_us: NDArray[np.int64] | None
    revised: NDArray[np.int64] | None
    metadata: Blobs | None
    numbers: NDArray[np.uint64]
    order: NDArray[np.integer]

    @classmethod
    def of(cls, memories: Sequence[Memory]) -> Records:
        """The columns of these memories."""
        revised = [
            (NEVER, 0) if one.revised_at is None else (micros(one.revised_at), zone_us(one.revised_at))
            for one in memories
        ]
        return cls.made(
            Blobs.of([one.id.encode() for one in memories]),
            Blobs.of([one.text.encode() for one in memories]),
            felt(memories),
            np.array([zone_us(one.at) for one in memories], np.int64),
            np.array(revised, np.int64).reshape(-1, 2),
            Blobs.of([_ENCODER.encode(one.metadata) for one in memories]),
            np.array([id_number(one.id) for one in memories], np.uint64),
        )

    @classmethod
    def made(
        cls,
        ids: Ids,
        texts: Blobs,
        felt: NDArray[np.float64],
        zones: NDArray[np.int64] | None,
        revised: NDArray[np.int64] | None,
        metadata: Blobs | None,
        numbers: NDArray[np.uint64],
    ) -> Records:
        """Columns made small.

        ``felt`` (n, 5) is in the order of ``FELT``; ``numbers`` (n,) are those of the ids, row by row.
        """
        order = np.argsort(numbers, kind="stable")
        return cls(
            packed(ids),
            texts,
            exact_floats(felt[:, :_AXES]),
            exact_floats(felt[:, _AXES:]),
            zones if zones is not None and zones.any() else None,
            revised if revised is not None and (revised[:, 0] != NEVER).any() else None,
            metadata if metadata is not None and len(metadata.data) > len(_NOTHING_TOLD) * len(metadata) else None,
            numbers[order],
            narrow(order, np.uint16, np.int32),
        )

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def nbytes(self) -> int:
        """Bytes of all columns but the texts."""
        beside = (self.zone_us, self.revised, self.metadata)
        columns = (self.ids, self.pads, self.weights, self.numbers, self.order, *beside)
        return self.texts.starts.nbytes + sum(column.nbytes for column in columns if column is not None)

    def felt(self, rows: Ints | slice) -> NDArray[np.float64]:
        """(m, 5) what some rows feel like and matter, in the order of ``FELT``."""
        return np.concatenate([self.pads[rows], self.weights[rows]], axis=1, dtype=np.float64)

    def find(self, memory: MemoryId, number: int) -> int:
        """The row of an id, whose number this is, or -1."""
        numbers = self.numbers.data
        at = bisect_left(numbers, number)
        while at < len(numbers) and numbers[at] == number:
            row = int(self.order[at])
            if self.ids.text(row) == memory:
                return row
            at += 1
        return -1

    def by_row(self) -> NDArray[np.uint64]:
        """(n,) the numbers of the ids, row by row."""
        numbers = np.empty_like(self.numbers)
        numbers[self.order] = self.numbers
        return numbers

    def has_twins(self) -> bool:
        """Whether an id stands twice."""
        same = np.flatnonzero(self.numbers[1:] == self.numbers[:-1])
        # Of equal numbers, of which there are next to none, the ids themselves are compared.
        rows = self.order[np.unique(np.concatenate([same, same + 1]))].astype(np.int64)
        return len(set(self.ids.texts(rows))) < len(rows)

    def ats(self, rows: Ints, us: Ints) -> list[datetime]:
        """The times of some rows, whose microseconds since 1970 are given."""
        if self.zone_us is None:
            return [_EPOCH + timedelta(0, 0, at) for at in us.tolist()]
        return [moment(at, zone) for at, zone in zip(us.tolist(), self.zone_us[rows].tolist(), strict=True)]

    def revisions(self, rows: Ints) -> list[datetime | None]:
        """When some rows were last rewritten."""
        if self.revised is None:
            return [None] * len(rows)
        return [None if at == NEVER else moment(at, zone) for at, zone in self.revised[rows].tolist()]

    def told(self, rows: Ints) -> list[dict[str, Any]]:
        """The metadata of some rows."""
        if self.metadata is None:
            return [{} for _ in rows]
        return [DECODER.decode(one) for one in self.metadata.raw(rows)]

    def take(self, rows: Ints) -> Records:
        """Some rows."""
        return self.made(
            self.ids.take(rows),
            self.texts.take(rows),
            self.felt(rows),
            None if self.zone_us is None else self.zone_us[rows],
            None if self.revised is None else self.revised[rows],
            None if self.metadata is None else self.metadata.take(rows),
            self.by_row()[rows],
        )

    def cut(self, start: int, end: int) -> Records:
        """The rows from one number to another, whose texts stay in place."""
        return self.made(
            self.ids.cut(start, end),
            self.texts.cut(start, end),
            self.felt(slice(start, end)),
            None if self.zone_us is None else self.zone_us[start:end],
            None if self.revised is None else self.revised[start:end],
            None if self.metadata is None else self.metadata.cut(start, end),
            self.by_row()[start:end],
        )

    def within(self, whole: Records, start: int, end: int) -> Records:
        """The same records, in the columns of others of which they are the rows from one number to another."""
        metadata, pads, weights = self.metadata, self.pads, self.weights
        if metadata is not None and whole.metadata is not None:
            metadata = whole.metadata.cut(start, end)
        if pads.dtype == whole.pads.dtype:
            pads = whole.pads[start:end]
        if weights.dtype == whole.weights.dtype:
            weights = whole.weights[start:end]
        ids, texts = whole.ids.cut(start, end), whole.texts.cut(start, end)
        return replace(self, ids=ids, texts=texts, pads=pads, weights=weights, metadata=metadata)

    @classmethod
    def concat(cls, parts: Sequence[Records]) -> Records:
        """All of these, in order. One part is itself."""
        if len(parts) == 1:
            return parts[0]
        return cls.made(
            joined_ids([part.ids for part in parts]),
            Blobs.concat([part.texts for part in parts]),
            np.concatenate([part.felt(slice(None)) for part in parts]),
            _filled([(len(part), part.zone_us) for part in parts], 0),
            _filled([(len(part), part.revised) for part in parts], (NEVER, 0)),
            _metadata(parts),
            np.concatenate([part.by_row() for part in parts]),
        )


def id_numbers(ids: Ids) -> NDArray[np.uint64]:
    """(n,) the ``id_number`` of each."""
    digests = [blake2b(one, digest_size=8).digest() for one in ids.raw(np.arange(len(ids)))]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def felt(memories: Sequence[Memory]) -> NDArray[np.float64]:
    """(n, 5) what memories feel like and matter, in the order of ``FELT``."""
    return np.array([(*_axes_of(one), one.confidence, one.importance) for one in memories], np.float64).reshape(-1, 5)


def _axes_of(memory: Memory) -> tuple[float, float, float]:
    return memory.pad.pleasure, memory.pad.arousal, memory.pad.dominance


def _filled(parts: Sequence[tuple[int, NDArray[np.int64] | None]], nothing: Any) -> NDArray[np.int64] | None:
    """Columns one after another, with ``nothing`` where a part has none; none if no part has one."""
    if all(column is None for _, column in parts):
        return None
    fill = np.asarray(nothing, np.int64)
    return np.concatenate([np.full((size, *fill.shape), fill) if column is None else column for size, column in parts])


def _metadata(parts: Sequence[Records]) -> Blobs | None:
    if all(part.metadata is None for part in parts):
        return None
    return Blobs.concat([part.metadata or Blobs.of([_NOTHING_TOLD] * len(part)) for part in parts])
