"""The rows of memories: what search reads of each, in columns as narrow as their values allow.

Owns what a row is. Knows no memory and no branch; no column changes once made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.columnar import Ints, narrow

ROW = np.dtype(
    [
        ("ticket", np.int64),  # place in the branch's order of remembering; never given out twice
        ("at_us", np.int64),
        ("kind", np.int32),
        ("speaker", np.int32),
        ("session", np.int32),
        ("terms", np.int32),  # length of the document, for BM25
        ("news", np.float32),  # how much of it was new to the agent when it was remembered, in [0, 1]
        ("before", np.int32),  # rows of the same session just before and after this one in the block, or -1
        ("after", np.int32),
    ]
)
COLUMNS: tuple[str, ...] = ROW.names or ()
NOBODY = -1
"""Stands for a name that is not there."""
LINKS = ("before", "after")
Column = NDArray[Any]
_NARROWER: Mapping[str, tuple[type[np.integer], ...]] = {
    "kind": (np.int8, np.int16),
    "speaker": (np.int8, np.int16),
    "session": (np.int8, np.int16),
    "terms": (np.uint8, np.uint16),
    "before": (np.int16,),
    "after": (np.int16,),
}


class Rows:
    """n rows of a finished block. Shapes: each column is (n,), in one piece, and has the values of ``ROW``'s."""

    __slots__ = ("_columns",)

    def __init__(self, columns: Mapping[str, Column]) -> None:
        """Columns as they are to be, every one of ``COLUMNS``."""
        self._columns = {name: columns[name] for name in COLUMNS}

    @classmethod
    def of(cls, columns: Mapping[str, Column] | NDArray[np.void]) -> Rows:
        """Columns made narrow, or an array of ``ROW``."""
        held = {name: narrow(columns[name], *_NARROWER.get(name, ())) for name in COLUMNS}
        return cls({name: np.ascontiguousarray(column) for name, column in held.items()})

    def __len__(self) -> int:
        return len(self._columns["ticket"])

    def __getitem__(self, name: str) -> Column:
        return self._columns[name]

    @property
    def nbytes(self) -> int:
        return sum(column.nbytes for column in self._columns.values())

    def columns(self) -> Mapping[str, Column]:
        """All of them, by name."""
        return self._columns

    def fill(self, held: NDArray[np.void], rows: Ints) -> None:
        """Write some rows into as long an array of ``ROW``."""
        for name, column in self._columns.items():
            held[name] = column[rows]

    def take(self, rows: Ints | slice) -> Rows:
        """Some rows, whose links are of the block that they are taken of until ``tied``."""
        return Rows({name: column[rows] for name, column in self._columns.items()})

    def tied(self, order: Ints, same: NDArray[np.bool_]) -> Rows:
        """The same rows, made narrow, linked to each other.

        ``order`` (n,) has the rows session by session, ``same`` (n - 1,) whether two neighbours in it are of one.
        """
        before, after = (np.full(len(self), -1, np.int32) for _ in LINKS)
        before[order[1:][same]] = order[:-1][same]
        after[order[:-1][same]] = order[1:][same]
        return Rows.of({**self._columns, "before": before, "after": after})


def coded(parts: Sequence[Rows], codes: Sequence[NDArray[np.int32]]) -> Rows:
    """All of these, in order, names by new codes: those of each part at the place of its old one. Nobody is tied."""
    joined: dict[str, Column] = {}
    for name in COLUMNS:
        columns = [part[name] for part in parts]
        if name in {"kind", "speaker", "session"}:
            columns = [code[column] for code, column in zip(codes, columns, strict=True)]
        joined[name] = np.concatenate(columns)
    return Rows(joined)
