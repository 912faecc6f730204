"""A stretch of memories as columns: rows, names, tags, records, postings and vectors, and several stretches as one.

Knows no index and no branch; no table changes once made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.columnar import Ints, narrow
from quantum_memory.memory.episodic.lexical import Postings
from quantum_memory.memory.episodic.records import Records
from quantum_memory.memory.episodic.rows import NOBODY, Rows, coded
from quantum_memory.types import PAD, Memory, Vector

TAG = np.dtype([("row", np.int32), ("tag", np.int32)])
UNHEARD = -2
"""Stands for a name that nothing here has."""
_set = object.__setattr__


class Ends(NamedTuple):
    """The first and the last row of each session of a run, and of none in the last place: (names + 1,), -1 for none."""

    first: NDArray[np.int32]
    last: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Table:
    """n memories in columns, in the order of remembering.

    Attributes:
        rows: kinds, speakers and sessions are places in ``names``, or NOBODY.
        tags: (t,) TAG by row, in each row's order.
        names: distinct, in ascending order.
        records: what else they read as.
        postings: where each term stands.
        vectors: (n, d).
        codes: the place of each name.
    """

    rows: Rows
    tags: NDArray[np.void]
    names: tuple[str, ...]
    records: Records
    postings: Postings
    vectors: Vector
    codes: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", {name: code for code, name in enumerate(self.names)})

    def __len__(self) -> int:
        return len(self.rows)

    def code(self, name: str | None) -> int:
        """The place of a name, UNHEARD if no memory here has it."""
        if name is None:
            return NOBODY
        return self.codes.get(name, UNHEARD)

    def memories(self, rows: Ints, vectors: Vector) -> list[Memory]:
        """The memories in some rows, whose vectors are given and become theirs."""
        own, records, names = self.rows, self.records, (*self.names, None)
        low, high = (np.searchsorted(self.tags["row"], rows, side).tolist() for side in ("left", "right"))
        tags = self.tags["tag"]
        columns = zip(
            records.ids.texts(rows),
            records.texts.texts(rows),
            records.ats(rows, own["at_us"][rows]),
            records.felt(rows).tolist(),
            vectors,
            *(own[column][rows].tolist() for column in ("speaker", "kind", "session")),
            low,
            high,
            records.told(rows),
            records.revisions(rows),
            strict=True,
        )
        return [
            Memory(
                identity,
                text,
                at,
                _felt(*felt[:3]),
                felt[3],
                felt[4],
                vector,
                names[speaker],
                self.names[kind],
                names[session],
                tuple(self.names[tag] for tag in tags[begin:end].tolist()) if end > begin else (),
                told,
                revised_at,
            )
            for identity, text, at, felt, vector, speaker, kind, session, begin, end, told, revised_at in columns
        ]

    def take(self, rows: Ints) -> Table:
        """Some rows, in ascending order. Names that nothing has any more are left out by ``concat``."""
        place = np.full(len(self), -1, np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        moved = place[self.postings.rows]
        kept = moved >= 0
        tags = self.tags[place[self.tags["row"]] >= 0].copy()
        tags["row"] = place[tags["row"]]
        return Table(
            self.rows.take(rows),
            tags,
            self.names,
            self.records.take(rows),
            Postings.group(self.postings.each()[kept], moved[kept], self.postings.counts[kept]),
            self.vectors[rows],
        )

    def tied(self) -> tuple[Table, Ends]:
        """The table with each row tied to those of its session just before and after it, and where sessions end."""
        order = np.argsort(self.rows["session"], kind="stable")
        session = self.rows["session"][order]
        same = session[1:] == session[:-1]
        first, last = (np.full(len(self.names) + 1, -1, np.int32) for _ in range(2))
        starts, stops = np.append(True, ~same), np.append(~same, True)
        first[session[starts]], last[session[stops]] = order[starts], order[stops]
        return replace(self, rows=self.rows.tied(order, same)), Ends(first, last)


def _felt(pleasure: float, arousal: float, dominance: float) -> PAD:
    """A PAD that was checked when it was remembered, or read: checking again would take most of a search's time."""
    pad = object.__new__(PAD)
    _set(pad, "pleasure", pleasure)
    _set(pad, "arousal", arousal)
    _set(pad, "dominance", dominance)
    return pad


def concat(tables: Sequence[Table]) -> Table:
    """One table of all rows, not tied, which has just the names that they use. Nothing is shared with the tables."""
    names, codes = _names(tables)
    begins = np.cumsum([0, *map(len, tables)])[:-1].tolist()
    tags = []
    for table, code, begin in zip(tables, codes, begins, strict=True):
        marks = table.tags.copy()
        marks["tag"] = code[marks["tag"]]
        marks["row"] += begin
        tags.append(marks)
    postings = Postings.group(
        np.concatenate([table.postings.each() for table in tables]),
        np.concatenate(
            [table.postings.rows.astype(np.int32) + begin for table, begin in zip(tables, begins, strict=True)]
        ),
        np.concatenate([table.postings.counts for table in tables]),
    )
    return Table(
        coded([table.rows for table in tables], codes),
        np.concatenate(tags),
        names,
        Records.concat([table.records for table in tables]),
        postings,
        np.concatenate([table.vectors for table in tables]),
    )


def _names(tables: Sequence[Table]) -> tuple[tuple[str, ...], list[NDArray[np.int32]]]:
    """The names that these tables use, and for each table the new place of each of its names, then NOBODY."""
    used: list[list[int]] = []
    for table in tables:
        columns = [table.rows[column] for column in ("kind", "speaker", "session")]
        found: Any = np.unique(np.concatenate([*columns, table.tags["tag"]]))
        used.append([code for code in found.tolist() if code != NOBODY])
    names = tuple(sorted({table.names[code] for table, codes in zip(tables, used, strict=True) for code in codes}))
    place = {name: number for number, name in enumerate(names)}
    moved = []
    for table, codes in zip(tables, used, strict=True):
        to = np.full(len(table.names) + 1, NOBODY, np.int32)
        for code in codes:
            to[code] = place[table.names[code]]
        moved.append(to)
    return names, moved


def cut(table: Table, starts: Sequence[int]) -> list[Table]:
    """Tables that begin at these rows, which ascend from 0. They share the vectors and texts of the table."""
    if len(starts) <= 1:
        return [table]
    whole, terms = table.postings, table.postings.each()
    piece = narrow(np.searchsorted(starts, whole.rows, side="right") - 1, np.uint8, np.uint16)
    order = np.argsort(piece, kind="stable")
    bounds = np.searchsorted(piece[order], np.arange(len(starts) + 1))
    found = []
    for number, (start, end) in enumerate(pairwise((*starts, len(table)))):
        mine = order[bounds[number] : bounds[number + 1]]
        low, high = np.searchsorted(table.tags["row"], (start, end))
        tags = table.tags[low:high].copy()
        tags["row"] -= start
        postings = Postings.group(terms[mine], whole.rows[mine].astype(np.int64) - start, whole.counts[mine])
        nothing = table.vectors[start:end, :0]
        rows, records = table.rows.take(slice(start, end)), table.records.cut(start, end)
        own = Table(rows, tags, table.names, records, postings, nothing)
        found.append(replace(concat([own]), vectors=table.vectors[start:end]))
    return found
