"""The overlap matrix of a Google matrix, D_ij = √(G_ij G_ji): sparse but for outer products.

Knows operators alone. Never builds an N × N array.

Where no edge joins them, G_ij is (1-α) v_i, plus α d_i if j dangles: it depends on j only through whether it dangles.
So D = W + p pᵀ among nodes that do not dangle, + r rᵀ among those that do, + q zᵀ + z qᵀ across, W holding what edges
change. If nobody dangles, or dangling nodes go where teleport goes, all four are one s sᵀ with s_i = √(v_i c_i), c_i
being 1 if i dangles and 1-α otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from quantum_memory.memory.semantic.google import Google
from quantum_memory.memory.semantic.hardware import Array, Block, Hardware, RowBlocks


@dataclass(frozen=True, slots=True)
class Overlap:
    """D = W + Σ left rightᵀ.

    Shapes: ``edges`` is W, (N, N); each of ``outer`` is (left, right), both (N,).
    """

    edges: RowBlocks
    outer: tuple[tuple[Array, Array], ...]

    @classmethod
    def of(cls, google: Google, hardware: Hardware, times: float = 1.0) -> Overlap:
        """So many ``times`` D, built block by block: on the host a few blocks are held beside the result."""
        cuts = hardware.cut(google.links.indptr.astype(np.int64) + google.leads.indptr)
        blocks: list[Block | None] = [None] * len(cuts)

        def build(number: int) -> None:
            blocks[number] = Block(cuts[number], hardware.matrix(_rows(google, cuts[number], times)))

        hardware.each(build, range(len(cuts)))
        outer = tuple((hardware.vector(times * left), hardware.vector(right)) for left, right in _outer(google))
        return cls(RowBlocks((block for block in blocks if block is not None), hardware), outer)

    def apply(self, x: Array) -> Array:
        """D x, (N,) to (N,)."""
        result = self.edges @ x
        for left, right in self.outer:
            result += (right @ x) * left
        return result


def _rows(google: Google, at: slice, times: float) -> Any:
    """Rows of W as CSR."""
    pairs = google.pairs(at)
    values = np.multiply(pairs.there, pairs.back, out=pairs.there)
    np.sqrt(values, out=values)
    values -= pairs.base
    values *= times
    found = sp.csr_array((values, pairs.j, pairs.pointers), shape=(at.stop - at.start, google.teleport.size))
    if not values.all():  # one-way edges between nodes that teleport does not reach
        found.eliminate_zeros()
    return found


def _outer(google: Google) -> list[tuple[Array, Array]]:
    free = (1.0 - google.alpha) * google.teleport
    held = google.dangles
    if google.sink is google.teleport:
        s = np.sqrt(np.where(held, google.teleport, free))
        found = [(s, s)]
    else:
        roots = np.sqrt(free), np.sqrt(free + google.alpha * google.sink)
        (p, z), (q, r) = ((np.where(held, 0.0, root), np.where(held, root, 0.0)) for root in roots)
        found = [(p, p), (r, r), (q, z), (z, q)]
    return [(left, right) for left, right in found if left.any() and right.any()]
