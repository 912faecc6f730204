"""Where a walk's amplitudes mean nothing: the vectors x with D x = ±x exactly.

Knows the Google matrix alone. Never claims a direction that rounding could have made up.

For such x the halves |ψ_x⟩ and S|ψ_x⟩ of the walk's state are one vector but for the sign, so (a, b) and
(a + γx, b ∓ γx) are the same state. The recursion adds to γ at every step and the reading takes it away again: t
steps cost t² roundings (2.5e-10 on a star after 500). Keeping b clear of x costs nothing and keeps 1e-14.

x exists where G is reversible, G_ij x_j² = G_ji x_i² on every pair. The kinds met in practice are found: teleport
alone; graphs with teleport everywhere that are regular, or stars, or the like; and undirected graphs without
teleport, where bipartite ones have a second such vector, with sign -1. Others walk without this help.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse import csgraph

from quantum_memory.memory.semantic.google import Floats, Google

Amplitudes = NDArray[Any]
"""(N,) float64 or complex128."""
ROUNDINGS = 16 * np.finfo(np.float64).eps
FIRST_LOOK, LOOK = 1 << 10, 1 << 20
"""Pairs that are checked at a time: few at first, because most graphs are out of balance at once."""


class NullDirections:
    """Vectors x with D x = ``sign`` · x, one to a component.

    Shapes: ``x`` (N,), of unit length within each component that has one, zero elsewhere; ``component`` (N,) labels.
    """

    def __init__(self, x: Floats, component: NDArray[np.int32], sign: float) -> None:
        self.x, self.component, self.sign = x, component, sign

    def part(self, amplitudes: Amplitudes) -> Amplitudes:
        """What of the amplitudes (N,), real or complex, lies along these directions."""
        if np.iscomplexobj(amplitudes):
            return np.asarray(self.part(amplitudes.real) + 1j * self.part(amplitudes.imag))
        along = np.bincount(self.component, weights=self.x * amplitudes)
        return np.asarray(along[self.component] * self.x)


def null_directions(adjacency: Any, google: Google) -> tuple[NullDirections, ...]:
    """The null directions of the walk on a graph (N, N) with this Google matrix, in O(edges + N log N)."""
    if google.teleport.size == 0:
        return ()
    if google.alpha == 0.0:  # D = √v √vᵀ
        return (NullDirections(np.sqrt(google.teleport), np.zeros(google.teleport.size, dtype=np.int32), 1.0),)
    if google.alpha < 1.0:
        return _with_teleport(google)
    return () if google.dangles.any() else _undirected(sp.csr_array(adjacency, dtype=np.float64))


def _with_teleport(google: Google) -> tuple[NullDirections, ...]:
    """The direction at +1, if teleport leads everywhere and G is in detailed balance on every pair."""
    n, free = google.teleport.size, (1.0 - google.alpha) * google.teleport
    if not google.teleport.all() or google.sink is not google.teleport:
        return ()
    leaves = np.where(google.dangles, google.teleport, free) / free  # c_j, up to a factor
    first = google.pairs(slice(0, 1))
    to_first, from_first = free[0] * leaves, free * leaves[0]
    to_first[first.j], from_first[first.j] = first.there, first.back
    x = np.sqrt(from_first / to_first)
    x[0] = 1.0
    level = _levels(x * np.sqrt(leaves / free))
    apart = 0
    for at in _looks(google):
        i, j, _, there, back, _ = google.pairs(at)
        forth, back = np.sqrt(there) * x[j], np.sqrt(back) * x[i]
        if (np.abs(forth - back) > ROUNDINGS * forth).any():
            return ()
        apart += int((level[i] != level[j]).sum())
    # Teleport alone is in balance only among nodes of one level, so edges have to join all the others.
    if n**2 - int((np.bincount(level).astype(np.int64) ** 2).sum()) != apart:
        return ()
    return (NullDirections(x / np.sqrt(x @ x), np.zeros(n, dtype=np.int32), 1.0),)


def _levels(values: Floats) -> NDArray[np.int64]:
    """Labels (N,) of values that are equal but for rounding."""
    order = np.argsort(values)
    label = np.zeros(values.size, dtype=np.int64)
    label[order[1:]] = np.cumsum(np.diff(values[order]) > ROUNDINGS * values[order][1:])
    return label


def _looks(google: Google) -> list[slice]:
    """All rows, in parts of about so many pairs."""
    pointers = google.links.indptr.astype(np.int64) + google.leads.indptr
    ends = [FIRST_LOOK, *range(FIRST_LOOK + LOOK, int(pointers[-1]), LOOK)]
    cuts = np.unique([0, *np.searchsorted(pointers[:-1], ends, side="right"), google.teleport.size])
    return [slice(int(first), int(last)) for first, last in pairwise(cuts)]


def _undirected(weights: Any) -> tuple[NullDirections, ...]:
    """The directions of a symmetric graph without teleport: √strength, and the same with signs where bipartite."""
    if (weights != weights.T).nnz:
        return ()
    n = weights.shape[0]
    _, component = csgraph.connected_components(weights, directed=False)
    x = np.sqrt(np.asarray(weights.sum(axis=1), dtype=np.float64).ravel())
    x /= np.sqrt(np.bincount(component, weights=x * x))[component]
    # In the double cover every edge changes sides, so a bipartite component falls into two.
    _, cover = csgraph.connected_components(sp.block_array([[None, weights], [weights, None]]), directed=False)
    side = np.sign(cover[:n].astype(np.int64) - cover[n:]).astype(np.float64)
    found = [NullDirections(x, component, 1.0)]
    if side.any():
        found.append(NullDirections(x * side, component, -1.0))
    return tuple(found)
