"""The matrix over which concepts are ranked: built once of a graph, and shared by all graphs that come from it.

Owns the arrays and how those of a graph that went on a little are made of them. Ranks nothing.

A graph is persistent maps, so a concept that did not change is the very same object in a fork as where the fork began.
So a fork's matrix is the rows of those that are not, built anew, among all other rows as they stand: one look at each
concept and a copy of arrays, and never a walk through all links.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from rpds import HashTrieMap

from quantum_memory.memory.semantic.weave import Known

STALE_SHARE = 8
"""The shared arrays are given up for newer ones when more than one concept of so many is another than there."""


@dataclass(frozen=True, slots=True, eq=False)
class Sealed:
    """How concepts stand close together, as an (n, n) symmetric matrix in CSR, and of which concepts it was made.

    ``others`` is how many concepts are others than in the matrix that it was grown from, if it was.

    Shapes: ``starts`` (n + 1,) int32, ``columns`` (m,) int32 rising in each row, ``weights`` (m,) float64.
    """

    concepts: HashTrieMap[str, Known]
    keys: tuple[str, ...]
    starts: NDArray[np.int32]
    columns: NDArray[np.int32]
    weights: NDArray[np.float64]
    others: int = 0

    @classmethod
    def of(cls, concepts: HashTrieMap[str, Known]) -> Sealed:
        """The matrix of these concepts, in order of their keys."""
        keys = sorted(concepts)
        starts, columns, weights = _rows(keys, keys, concepts)
        return cls(concepts, tuple(keys), starts, columns, weights)

    def matrix(self) -> Any:
        """The arrays as a scipy matrix over them, which is not to be changed."""
        return sp.csr_array((self.weights, self.columns, self.starts), shape=(len(self.keys),) * 2)

    def grown(self, concepts: HashTrieMap[str, Known]) -> Sealed:
        """The matrix of other concepts, most of them the same: equal to one built anew. Itself if none is another."""
        here = self.concepts
        changed = [key for key, known in concepts.items() if here.get(key) is not known]
        fresh = sorted(key for key in changed if key not in here)
        if not changed and len(concepts) == len(self.keys):
            return self
        stay = np.ones(len(self.keys), np.bool_)
        if len(concepts) - len(fresh) < len(self.keys):
            stay = np.fromiter((key in concepts for key in self.keys), np.bool_, len(self.keys))
        keys = [key for key, stays in zip(self.keys, stay.tolist(), strict=True) if stays]
        keys = sorted([*keys, *fresh])
        return self._spliced(concepts, keys, sorted(changed), fresh, stay)

    def _spliced(
        self,
        concepts: HashTrieMap[str, Known],
        keys: list[str],
        changed: Sequence[str],
        fresh: Iterable[str],
        stay: NDArray[np.bool_],
    ) -> Sealed:
        """The rows ``changed`` built anew, and the others moved to where they belong among ``keys``."""
        old = np.ones(len(keys), np.bool_)
        old[[bisect_left(keys, key) for key in fresh]] = False
        moved = np.full(len(self.keys), -1, np.int64)
        moved[stay] = np.flatnonzero(old)
        at = np.array([bisect_left(keys, key) for key in changed], np.int64)
        anew = np.zeros(len(keys), np.bool_)
        anew[at] = True
        kept = np.flatnonzero(stay)
        kept = kept[~anew[moved[kept]]]
        sizes = np.diff(self.starts)
        starts, columns, weights = _rows(changed, keys, concepts)
        counts = np.zeros(len(keys), np.int64)
        counts[moved[kept]], counts[at] = sizes[kept], np.diff(starts)
        ends = np.append(0, np.cumsum(counts))
        own = _spread(self.starts[kept], sizes[kept])
        there, here = _spread(ends[moved[kept]], sizes[kept]), _spread(ends[at], np.diff(starts))
        all_columns, all_weights = np.empty(ends[-1], np.int32), np.empty(ends[-1], np.float64)
        all_columns[there], all_weights[there] = moved[self.columns[own]], self.weights[own]
        all_columns[here], all_weights[here] = columns, weights
        others = len(changed) + int((~stay).sum())
        return Sealed(concepts, tuple(keys), ends.astype(np.int32), all_columns, all_weights, others)


class Seal:
    """Where the graphs that come from one keep the matrix that they share. A thread may replace it at any time."""

    __slots__ = ("latest",)

    def __init__(self) -> None:
        self.latest: Sealed | None = None

    def __reduce__(self) -> tuple[type[Seal], tuple[()]]:
        return Seal, ()  # a matrix is sooner built again than sent

    def sealed(self, concepts: HashTrieMap[str, Known]) -> Sealed:
        """The matrix of these concepts, made of the shared one where there is one."""
        base = self.latest
        if base is None:
            self.latest = Sealed.of(concepts)
            return self.latest
        found = base.grown(concepts)
        if found is not base and found.others * STALE_SHARE > len(found.keys):
            self.latest = found
        return found


def _rows(
    wanted: Sequence[str], keys: Sequence[str], concepts: HashTrieMap[str, Known]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """The rows of the wanted concepts among columns for ``keys``, which rise."""
    place = {key: at for at, key in enumerate(keys)}
    flat: list[int] = []  # a column and a weight, by turns: millions of pairs would keep the collector busy
    sizes = []
    for key in wanted:
        links = concepts[key].links
        sizes.append(len(links))
        for other, count in links.items():
            flat += (place[other], count)
    columns, weights = np.array(flat, np.int64).reshape(-1, 2).T
    order = np.lexsort((columns, np.repeat(np.arange(len(sizes)), sizes)))
    starts = np.append(0, np.cumsum(sizes, dtype=np.int64))
    return starts.astype(np.int32), columns[order].astype(np.int32), weights[order].astype(np.float64)


def _spread(starts: NDArray[Any], sizes: NDArray[Any]) -> NDArray[np.int64]:
    """The numbers of all entries of runs that begin at ``starts`` and are so long."""
    before = np.cumsum(sizes) - sizes
    total = int(sizes.sum())
    return np.repeat(starts.astype(np.int64) - before, sizes) + np.arange(total)
