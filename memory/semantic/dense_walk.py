"""The walk on a graph of a few dozen nodes, with its matrices written out: what a question to one agent comes to.

Owns nothing but the arithmetic of ``szegedy`` in this form: there a product of sparse matrices costs less, here the
calls do. ``walk_ranks`` gives the same within 1e-12.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_NODES = 128
MOST_STEPS = 16
"""Beyond this the roundings that ``reversible`` speaks of would show."""


def dense_ranks(adjacency: Floats, alpha: float, start: Floats, steps: int) -> Floats:
    """Quantum PageRank (n,) by register 2, the mean over t = 0..steps, as ``walk_ranks`` gives it.

    Args:
        adjacency: (n, n) symmetric weights, none below 0, with a zero diagonal.
        alpha: share of the walk that follows edges, in [0, 1].
        start: (n,) weights of where the walk starts and teleports to, some above 0.
        steps: time steps, two applications of U each.
    """
    scaled = start / start.max()
    teleport = scaled / scaled.sum()
    leads = adjacency.sum(axis=1)
    dangles = leads == 0.0
    links = adjacency / np.where(dangles, 1.0, leads)  # the matrix is its own transpose: column j is where j leads
    lost = np.where(dangles, 1.0, 1.0 - alpha)
    google = alpha * links + np.outer(teleport, lost)
    twice = 2.0 * np.sqrt(google * google.T)
    before, b = -np.sqrt(teleport), np.zeros(len(teleport))
    led, crossed = teleport.copy(), np.zeros(len(teleport))
    for half in range(2 * steps):
        new = twice @ b
        new -= before
        if half % 2:  # p = G b² + new ∘ (new - 2 D b), of which the bracket is the amplitude before b, negated
            led += b * b
            crossed += new * before
        before, b = b, new
    ranks = google @ led - crossed
    np.maximum(ranks, 0.0, out=ranks)
    return np.asarray(ranks / ranks.sum())
