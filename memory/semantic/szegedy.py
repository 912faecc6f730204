"""Szegedy's walk on a graph, kept in the 2N dimensions that it never leaves.

Owns the amplitudes of one walk. Knows operators and arrays alone, no graphs and no memories.

The walker stands on a pair of nodes. With G the column-stochastic Google matrix and S the swap of both registers,

    |ψ_j⟩ = |j⟩ ⊗ Σ_k √G_kj |k⟩,   one U = S(2Π - 1),   one time step = U²,   start Σ_j √start_j |ψ_j⟩.

From that start the state stays Σ a_j |ψ_j⟩ + b_j S|ψ_j⟩, and with D_ij = √(G_ij G_ji)

    U: (a, b) → (-b, a + 2 D b)
    register 2:  p = G(a²) + b² + 2 b∘(D a)        register 1:  p = a² + G(b²) + 2 a∘(D b)

References:
    Szegedy, M. (2004). Quantum speed-up of Markov chain based algorithms. FOCS.
    Paparo, G. D. and Martin-Delgado, M. A. (2012). Google in a quantum network. Scientific Reports 2, 444.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantum_memory.memory.semantic.google import Floats, Google, Overlap
from quantum_memory.memory.semantic.reversible import NullDirections


class Walk:
    """The state of one walk.

    Args:
        google: where the walker may go from each node.
        start: (N,) probabilities of the nodes it starts from.
        null: directions in which the amplitudes mean nothing and would only gather rounding errors.

    Shapes: ``a`` and ``b`` are (N,) float64.
    """

    def __init__(self, google: Google, start: Floats, null: Sequence[NullDirections] = ()) -> None:
        self._google, self._overlap = google, Overlap.of(google)
        self._null = tuple(null)
        self.a: Floats = np.sqrt(start)
        self.b: Floats = np.zeros(start.size)
        self._d_a: Floats = np.zeros(start.size)  # D a; while b is zero nobody asks for it
        self._d_b: Floats = np.zeros(start.size)

    def advance(self) -> None:
        """Apply U once: half a time step."""
        self.a, self.b = -self.b, self.a + 2.0 * self._d_b
        for direction in self._null:
            direction.settle(self.a, self.b)
        self._d_a = self._overlap.apply(self.a) if self._null else -self._d_b
        self._d_b = self._overlap.apply(self.b)

    def add_moments(self, total: Floats, measure: int) -> None:
        """Add a², b² and the cross term to ``total`` (3, N): all that the chosen register's distribution needs."""
        total[0] += self.a * self.a
        total[1] += self.b * self.b
        total[2] += self.a * self._d_b if measure == 1 else self.b * self._d_a

    def distribution(self, total: Floats, samples: int, measure: int) -> Floats:
        """Probabilities (N,) from moments (3, N) added up over samples; G is linear, so once at the end will do."""
        kept, led = (total[0], total[1]) if measure == 1 else (total[1], total[0])
        result: Floats = (kept + self._google.apply(led) + 2.0 * total[2]) / samples
        return np.maximum(result, 0.0, out=result)  # rounding may leave -1e-17 where nobody goes
