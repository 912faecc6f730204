"""Many hits as they travel from process to process: in columns, each value by itself only where it has to be.

Owns their form on the way. In a process they are lists, and nothing here is needed to read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from quantum_memory.errors import QuantumMemoryError
from quantum_memory.types import PAD, Hit, Hits, Memory

Outcome = list[Hit] | Hits | QuantumMemoryError
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_APART = ("at", "pad", "embedding")
_PLAIN = tuple(one.name for one in fields(Memory) if one.name not in _APART)
_SET: dict[str, Any] = {one.name: Memory.__dict__[one.name].__set__ for one in fields(Memory)}
_SET_PAD = tuple(PAD.__dict__[one.name].__set__ for one in fields(PAD))


class Columns(NamedTuple):
    """Hits in columns, those of one question after those of another.

    Attributes:
        outcomes: of each question how many hits there are, or its error.
        columns: fields of the memories, one value for each.
        same: fields that all have in common.
        at: microseconds since the epoch, or the times as they are where some are of another zone.
        pads: (n, 3) float64.
        embeddings: (n, d) float32, or as they are where they differ in length.
        scores: of the hits.
        names: of the parts of their scores, and ``why``: (n, parts); or the parts as they are where they differ.
        beside: the neighbours of each, where any has some.
        missing: of each question the parts of memory that its hits were found without; ``None`` where none is missing.
    """

    outcomes: list[int | QuantumMemoryError]
    columns: dict[str, list[Any]]
    same: dict[str, Any]
    at: Any
    pads: Any
    embeddings: Any
    scores: list[float]
    names: tuple[str, ...] | None
    why: Any
    beside: list[tuple[tuple[Memory, ...], tuple[Memory, ...]]] | None
    missing: list[tuple[str, ...]] | None = None


class HitLists(list[Outcome]):
    """Hits of many questions, or errors: a list like any other that travels in columns."""

    def __reduce_ex__(self, protocol: object) -> tuple[Any, tuple[Any, ...]]:
        return unpacked, (packed(self),)


def packed(outcomes: Sequence[Outcome]) -> Columns:
    """Hits in columns."""
    missing = [one.missing if isinstance(one, Hits) else () for one in outcomes]
    hits = [hit for one in outcomes if not isinstance(one, QuantumMemoryError) for hit in one]
    memories = [hit.memory for hit in hits]
    columns: dict[str, list[Any]] = {}
    same: dict[str, Any] = {}
    for name in _PLAIN:
        column = [getattr(one, name) for one in memories]
        if column and not isinstance(column[0], dict) and column.count(column[0]) == len(column):
            same[name] = column[0]
        else:
            columns[name] = column
    at: Any = [one.at for one in memories]
    if all(one.tzinfo is UTC for one in at):
        at = np.array([(one - EPOCH) // MICROSECOND for one in at], np.int64)
    pads = [(one.pad.pleasure, one.pad.arousal, one.pad.dominance) for one in memories]
    embeddings: Any = [one.embedding for one in memories]
    if len({(one.shape, one.dtype) for one in embeddings}) == 1:
        embeddings = np.stack(embeddings)
    names = tuple(hits[0].why) if hits else ()
    alike = all(tuple(hit.why) == names for hit in hits)
    return Columns(
        [one if isinstance(one, QuantumMemoryError) else len(one) for one in outcomes],
        columns,
        same,
        at,
        np.array(pads, np.float64),
        embeddings,
        [hit.score for hit in hits],
        names if alike else None,
        np.array([list(hit.why.values()) for hit in hits], np.float64) if alike else [hit.why for hit in hits],
        [(hit.before, hit.after) for hit in hits] if any(hit.before or hit.after for hit in hits) else None,
        missing if any(missing) else None,
    )


def unpacked(given: Columns) -> HitLists:
    """The hits again, equal in every field. Their embeddings are rows of one array."""
    count = len(given.scores)
    memories = [object.__new__(Memory) for _ in range(count)]
    columns = dict(given.columns)
    columns["at"] = given.at if isinstance(given.at, list) else [EPOCH + one * MICROSECOND for one in given.at.tolist()]
    columns["pad"] = list(map(_pad, given.pads.tolist()))
    columns["embedding"] = list(given.embeddings)
    for name, value in given.same.items():
        columns[name] = [value] * count
    for name, column in columns.items():
        put = _SET[name]
        for one, value in zip(memories, column, strict=True):
            put(one, value)
    names = given.names
    whys = given.why if names is None else [dict(zip(names, row, strict=True)) for row in given.why.tolist()]
    rows = zip(memories, given.scores, whys, given.beside or [((), ())] * count, strict=True)
    hits = iter([Hit(memory, score, why, *beside) for memory, score, why, beside in rows])
    told = zip(given.outcomes, given.missing or [()] * len(given.outcomes), strict=True)
    return HitLists(
        one if isinstance(one, QuantumMemoryError) else Hits(islice(hits, one), missing) for one, missing in told
    )


def _pad(axes: Sequence[float]) -> PAD:
    """A feeling whose axes were checked where it was made."""
    pad = object.__new__(PAD)
    for put, value in zip(_SET_PAD, axes, strict=True):
        put(pad, value)
    return pad
