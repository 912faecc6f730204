"""How the parts of a recollection weigh, and the order they give. Knows no index and no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue, NotFinite, ShapeMismatch
from quantum_memory.types import Floats

MAX_WEIGHT = 1e6
_ROUNDING = 1e-9
"""Relative error of a score, on the high side."""


@dataclass(frozen=True, slots=True)
class RecallWeights:
    """The weight of each part of a score. A part lies in [0, 1], or in [-1, 1] where it is a cosine.

    Attributes:
        relevance: cosine of the meanings.
        lexical: BM25 over the best of the query.
        neighbours: how well what was said just before and after matches.
        nearness: the best match of the same session, less by the distance to it.
        speaker: whether the query names who said it.
        statement: whether it tells something, rather than asks.
        news: how much of it was new to the agent when it was remembered.
        time: how well it fits the times that the query names, by when it was or what it tells of.
        when: whether it names a time, where the query asks for one.
        bridge: how well it answers what is left of the query, where a memory that was found leads to it by a name.
        graph: rank in the graph of what the query names.
        recency: what the decay policy leaves of the age.
        importance: how much the memory matters in itself.
        mood: overlap of its feeling with the mood of now.

    Those above recency are fitted to LoCoMo and MuSiQue (``training/learn_recall.py``). The last three are 0: no
    question there asks for what is recent, important or in the mood. An agent to whom they matter sets them.

    Raises: InvalidValue, NotFinite, OutOfRange.
    """

    relevance: float = 1.0
    lexical: float = 0.3
    neighbours: float = 1.0
    nearness: float = 0.9
    speaker: float = 0.1
    statement: float = 0.15
    news: float = 0.35
    time: float = 1.0
    when: float = 0.15
    bridge: float = 4.0
    graph: float = 0.25
    recency: float = 0.0
    importance: float = 0.0
    mood: float = 0.0

    def __post_init__(self) -> None:
        for part in PART_NAMES:
            object.__setattr__(self, part, bounded(part, getattr(self, part), 0.0, MAX_WEIGHT))
        if not any(astuple(self)):
            raise InvalidValue("recall weights", "all zero", "at least one above zero")


PART_NAMES: tuple[str, ...] = tuple(part.name for part in fields(RecallWeights))


class Ranking(NamedTuple):
    """The candidates, best first.

    Attributes:
        order: (k,) indices into the candidates.
        scores: (k,) their scores, never rising.
        why: what each part gave to each score; added up in their order they are the score exactly.
    """

    order: NDArray[np.int64]
    scores: Floats
    why: tuple[dict[str, float], ...]


def rank(parts: Mapping[str, Floats], weights: RecallWeights, k: int | None = None) -> Ranking:
    """The ``k`` best candidates, or all; of equals the earlier one.

    Args:
        parts: (m,) values of each part by its name in ``RecallWeights``; a part that is missing counts nothing.
        weights: what each part is multiplied by.
        k: how many to give back at most.

    Raises: InvalidValue for a name that has no weight; ShapeMismatch, NotFinite.
    """
    gains = _gains(parts, weights)
    scores = _sum(gains, parts)
    order = np.argsort(-scores, kind="stable")[: None if k is None else max(k, 0)]
    why = tuple(dict(zip(gains.names, given, strict=True)) for given in gains.table[:, order].T.tolist())
    return Ranking(order, scores[order], why)


def contenders(parts: Mapping[str, Floats], weights: RecallWeights, k: int, missing: str) -> NDArray[np.int64]:
    """Those of which the ``k`` best are, whatever a part in [0, 1] that is not known yet will give each; ascending.

    Raises: as ``rank``.
    """
    scores, most = _sum(_gains(parts, weights), parts), getattr(weights, missing)
    if k <= 0 or k >= len(scores):
        return np.arange(len(scores) if k > 0 else 0)
    floor = float(np.partition(scores, len(scores) - k)[len(scores) - k])
    slack = _ROUNDING * (abs(floor) + most)
    return np.flatnonzero(scores >= floor - most - slack)


class _Gains(NamedTuple):
    """What each of p parts adds to the scores, in the order of the weights: their names, and (p, m) what they add."""

    names: tuple[str, ...]
    table: Floats


def _gains(parts: Mapping[str, Floats], weights: RecallWeights) -> _Gains:
    names = tuple(name for name in PART_NAMES if name in parts)
    if unknown := parts.keys() - set(names):
        raise InvalidValue("part", repr(min(unknown)), f"one of {', '.join(PART_NAMES)}")
    columns = [_column(name, parts) for name in names]
    size = len(columns[0]) if columns else 0
    table = np.empty((len(names), size))
    for name, column, gain in zip(names, columns, table, strict=True):
        if len(column) != size:
            raise ShapeMismatch(name, (size,), column.shape)
        gain[:] = column
    table *= np.array([[getattr(weights, name)] for name in names]).reshape(-1, 1)
    return _Gains(names, table)


def _sum(gains: _Gains, parts: Mapping[str, Floats]) -> Floats:
    """(m,) what all parts add, one after the other in the order of the weights."""
    table = gains.table
    if table.shape[1] == 1:  # numpy adds one column in pairs, and then the reasons come to another last bit
        scores: Floats = np.add.accumulate(table, axis=0)[-1]
    else:
        scores = np.add.reduce(table, axis=0, initial=0.0)
    if not np.isfinite(scores).all():  # what is not finite in a part is not finite in the sum
        for name in gains.names:
            _check_finite(name, np.asarray(parts[name], dtype=np.float64))
    return scores


def _column(name: str, parts: Mapping[str, Floats]) -> Floats:
    column = np.asarray(parts[name], dtype=np.float64)
    if column.ndim != 1:
        raise ShapeMismatch(name, ("m",), column.shape)
    return column


def _check_finite(name: str, column: Floats) -> None:
    finite = np.isfinite(column)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise NotFinite(name, float(column[bad[0]]), f"candidate {int(bad[0])}")
