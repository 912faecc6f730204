"""How much that travels together travels: utterances in columns, events as their records, each made once.

Owns the form in which they go from process to process. Checks nothing again: what is packed was checked where it was
made, and the vault reads every record that it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from quantum_memory.errors import InvalidInput
from quantum_memory.memory.events import Entry, Event, Remembered
from quantum_memory.memory.vault.codec import Recorded, decode, recorded
from quantum_memory.types import PAD, Place, Utterance

FEW = 4
"""Fewer utterances than this gain nothing by columns, and fewer memories nothing by a record made early."""
_NAMES = tuple(one.name for one in fields(Utterance))
_SET: dict[str, Any] = {name: Utterance.__dict__[name].__set__ for name in _NAMES}
_SET_PAD = tuple(PAD.__dict__[one.name].__set__ for one in fields(PAD))


class Packed(NamedTuple):
    """Utterances in columns.

    Attributes:
        number: how many.
        same: the fields that are the same object in all, and that object.
        columns: the other fields, one value for each utterance.
        embeddings: (n, d) float32 where all have one of the same length.
        pads: (n, 3) float64 where all have one.
    """

    number: int
    same: dict[str, Any]
    columns: dict[str, list[Any]]
    embeddings: Any = None
    pads: Any = None


def packed(utterances: Sequence[Utterance]) -> Packed | tuple[Utterance, ...]:
    """The utterances in the form in which they travel best."""
    if len(utterances) < FEW:
        return tuple(utterances)
    same: dict[str, Any] = {}
    columns: dict[str, list[Any]] = {}
    for name in _NAMES:
        column = [getattr(one, name) for one in utterances]
        first = column[0]
        empty = isinstance(first, tuple | dict) and not first
        if all(value is first for value in column) or (empty and all(value == first for value in column)):
            same[name] = first
        else:
            columns[name] = column
    embeddings, pads = columns.get("embedding"), columns.get("pad")
    stacked = points = None
    if embeddings is not None and None not in map(_shape, embeddings) and len(set(map(_shape, embeddings))) == 1:
        stacked = np.stack(columns.pop("embedding"))
    if pads is not None and None not in pads:
        points = np.array([(pad.pleasure, pad.arousal, pad.dominance) for pad in columns.pop("pad")], dtype=np.float64)
    return Packed(len(utterances), same, columns, stacked, points)


def unpacked(parcel: Packed | tuple[Utterance, ...]) -> tuple[Utterance, ...]:
    """The utterances again, equal in every field. Their embeddings are rows of one array."""
    if not isinstance(parcel, Packed):
        return parcel
    made = [object.__new__(Utterance) for _ in range(parcel.number)]
    for name, value in parcel.same.items():
        put = _SET[name]
        for one in made:
            put(one, dict(value) if name == "metadata" else value)
    columns = dict(parcel.columns)
    if parcel.embeddings is not None:
        columns["embedding"] = list(parcel.embeddings)
    if parcel.pads is not None:
        columns["pad"] = list(map(_pad, parcel.pads.tolist()))
    for name, column in columns.items():
        put = _SET[name]
        for one, value in zip(made, column, strict=True):
            put(one, value)
    return tuple(made)


def _shape(embedding: Any) -> tuple[int, ...] | None:
    return None if embedding is None else embedding.shape


def _pad(point: Sequence[float]) -> PAD:
    pad = object.__new__(PAD)
    for put, value in zip(_SET_PAD, point, strict=True):
        put(pad, value)
    return pad


class Carried(Entry):
    """An entry that travels as the record of its event. Where it arrives it is a plain entry."""

    record: Recorded

    def __reduce__(self) -> tuple[Any, tuple[Place, datetime, Recorded]]:
        return _entry, (self.place, self.at, self.record)


def _entry(place: Place, at: datetime, record: Recorded) -> Entry:
    return Entry(place, at, decode(record.record))


def carried(place: Place, at: datetime, event: Event, record: Recorded | None) -> Entry:
    """An entry, which travels as its record where there is one."""
    if record is None:
        return Entry(place, at, event)
    entry = Carried(place, at, event)
    entry.record = record
    return entry


def record_of(event: Event) -> Recorded | None:
    """The record of an event that is large enough to be worth one before it travels; nothing for any other.

    An event that cannot be recorded has none: the vault is to refuse it, in its place among others.
    """
    if not isinstance(event, Remembered) or len(event.memories) < FEW:
        return None
    try:
        return recorded(event)
    except InvalidInput:
        return None
