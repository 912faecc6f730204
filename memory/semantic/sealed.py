"""The matrix over which concepts are ranked: built once of a graph, and shared by all graphs that come from it.

Owns the arrays and how those of a graph that went on a little are made of them. Ranks nothing.

A fork shares the runs of what it came from. So its matrix is that of where it began, with what the memories of its own
runs add, and without what those that it no longer has had put in: whole numbers, which come out as if built anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from quantum_memory.memory.semantic.runs import Ints
from quantum_memory.memory.semantic.slices import WINDOW, Slice
from quantum_memory.memory.semantic.weave import Woven

STALE_SHARE = 8
"""The shared arrays are given up for newer ones when more than one memory of so many is another than there."""


class Counts(NamedTuple):
    """How often concepts are mentioned, and how often two of them stand close together.

    Shapes: ``mentions`` (n,) by concept; ``pairs`` (p,) distinct and rising, each the row's number times n and the
    column's; ``often`` (p,).
    """

    keys: list[str]
    mentions: Ints
    pairs: Ints
    often: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Sealed:
    """How concepts stand close together, as an (n, n) symmetric matrix in CSR, and of which memories it was made.

    Shapes: ``mentions`` (n,) memories that mention each concept; ``starts`` (n + 1,) int32, ``columns`` (m,) int32
    rising in each row, ``weights`` (m,) float64.
    """

    woven: Woven
    keys: tuple[str, ...]
    mentions: Ints
    starts: NDArray[np.int32]
    columns: NDArray[np.int32]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, woven: Woven) -> Sealed:
        """The matrix of these memories, concepts in order of their keys."""
        return _sealed(woven, _counted([(woven, part, 1) for part in range(len(woven.slices))], []))

    def matrix(self) -> Any:
        """The arrays as a scipy matrix over them, which is not to be changed."""
        return sp.csr_array((self.weights, self.columns, self.starts), shape=(len(self.keys),) * 2)

    def far_from(self, woven: Woven) -> bool:
        """Whether what it has in common with these memories is not worth going on from."""
        here, there = _apart(self.woven, woven)
        rows = sum(len(self.woven.slices[part]) for part in here) + sum(len(woven.slices[part]) for part in there)
        return self.woven.names is not woven.names or rows * STALE_SHARE > self.woven.count

    def grown(self, woven: Woven) -> Sealed:
        """The matrix of other memories, most of them the same: equal to one built anew. Itself if none is another."""
        if woven.names is not self.woven.names:
            return Sealed.of(woven)
        here, there = _apart(self.woven, woven)
        if not here and not there:
            return self
        parts = [(self.woven, part, -1) for part in here] + [(woven, part, 1) for part in there]
        return _sealed(woven, _summed(self._counts(), _counted(parts, self.keys)))

    def _counts(self) -> Counts:
        rows = np.repeat(np.arange(len(self.keys)), np.diff(self.starts))
        pairs = rows * len(self.keys) + self.columns
        return Counts(list(self.keys), self.mentions, pairs, self.weights.astype(np.int64))


class Seal:
    """Where the graphs that come from one keep the matrix that they share. A thread may replace it at any time."""

    __slots__ = ("latest",)

    def __init__(self) -> None:
        self.latest: Sealed | None = None

    def __reduce__(self) -> tuple[type[Seal], tuple[()]]:
        return Seal, ()  # a matrix is sooner built again than sent

    def sealed(self, woven: Woven) -> Sealed:
        """The matrix of these memories, made of the shared one where that is near."""
        base = self.latest
        if base is None or base.far_from(woven):
            self.latest = Sealed.of(woven)
            return self.latest
        return base.grown(woven)


def _apart(one: Woven, other: Woven) -> tuple[list[int], list[int]]:
    """The slices of one that the other has not, and the other way round."""
    mine, theirs = ({id(part.run): part for part in woven.slices} for woven in (one, other))

    def missing(here: Woven, there: dict[int, Slice]) -> list[int]:
        return [at for at, part in enumerate(here.slices) if not _same(part, there.get(id(part.run)))]

    return missing(one, theirs), missing(other, mine)


def _same(part: Slice, other: Slice | None) -> bool:
    return other is not None and part.run is other.run and part.dead == other.dead


def _counted(parts: Sequence[tuple[Woven, int, int]], among: Iterable[str]) -> Counts:
    """What is in some slices, each of them counted so many times, among these concepts and their own."""
    places = [list(map(woven.names.resolved, woven.slices[part].run.keys.all())) for woven, part, _ in parts]
    keys = sorted({*among, *(key for own in places for key in own)})
    number = {key: at for at, key in enumerate(keys)}
    mentions, found = np.zeros(len(keys), np.int64), []
    for (woven, part, times), own in zip(parts, places, strict=True):
        rows, spoken = woven.slices[part].spoken()
        concepts = np.array([number[key] for key in own], np.int64)[spoken]
        if len(woven.names):  # of two names for one thing the first counts
            _, first = np.unique(rows * len(keys) + concepts, return_index=True)
            first.sort()
            rows, concepts = rows[first], concepts[first]
        mentions += times * np.bincount(concepts, minlength=len(keys))
        for step in range(1, WINDOW + 1):
            same = rows[step:] == rows[:-step]
            one, other = concepts[:-step][same], concepts[step:][same]
            pairs = np.concatenate([one * len(keys) + other, other * len(keys) + one])
            found.append((pairs, np.full(len(pairs), times)))
    return Counts(keys, mentions, *_added(found))


def _summed(one: Counts, other: Counts) -> Counts:
    """Both together, among the concepts of the other, which has all that there are."""
    count, before = len(other.keys), max(1, len(one.keys))
    number = {key: at for at, key in enumerate(other.keys)}
    moved = np.array([number[key] for key in one.keys], np.int64)
    mentions = other.mentions.copy()
    mentions[moved] += one.mentions
    pairs = moved[one.pairs // before] * count + moved[one.pairs % before] if len(one.pairs) else one.pairs
    # Most is in the first: what is new is put between, so that not all has to be sorted.
    at = np.searchsorted(pairs, other.pairs)
    known = np.zeros(len(at), np.bool_)
    inside = at < len(pairs)
    known[inside] = pairs[at[inside]] == other.pairs[inside]
    often = one.often.copy()
    often[at[known]] += other.often[known]
    pairs = np.insert(pairs, at[~known], other.pairs[~known])
    return Counts(other.keys, mentions, pairs, np.insert(often, at[~known], other.often[~known]))


def _added(found: Sequence[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    """Pairs that may stand several times, each once and rising, and how often it stands in all."""
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    pairs, times = (np.concatenate(side) for side in zip(*found, strict=True))
    order = np.argsort(pairs, kind="stable")
    pairs, times = pairs[order], times[order]
    first = np.flatnonzero(np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)])
    return pairs[first], np.add.reduceat(times, first) if len(first) else times


def _sealed(woven: Woven, counts: Counts) -> Sealed:
    """The arrays of what is left once nothing is counted that no memory says."""
    there, real = counts.mentions > 0, counts.often > 0
    place = np.cumsum(there) - 1
    count = max(1, len(counts.keys))
    rows, columns = place[counts.pairs[real] // count], place[counts.pairs[real] % count]
    starts = np.searchsorted(rows, np.arange(int(there.sum()) + 1))
    return Sealed(
        woven,
        tuple(key for key, stays in zip(counts.keys, there.tolist(), strict=True) if stays),
        counts.mentions[there],
        starts.astype(np.int32),
        columns.astype(np.int32),
        counts.often[real].astype(np.float64),
    )
