"""Szegedy's walk on a graph, kept in the 2N dimensions that it never leaves.

Owns the amplitudes of one walk. Knows operators and arrays alone, no graphs and no memories.

The walker stands on a pair of nodes. With G the column-stochastic Google matrix, S the swap of both registers and
Π the projector on the |ψ_j⟩,

    |ψ_j⟩ = |j⟩ ⊗ Σ_k √G_kj |k⟩,   one U = S(f Π - 1),  f = 1 - exp(iθ),   start Σ_j √start_j |ψ_j⟩.

θ = π is the walk of Paparo and Martin-Delgado, f = 2, whose time step is U². From that start the state stays
Σ a_j |ψ_j⟩ + b_j S|ψ_j⟩, and with D_ij = √(G_ij G_ji)

    U: (a, b) → (-b, (f-1) a + f D b)
    register 2:  p = G|a|² + |b|² + 2 Re(b̄ ∘ D a)        register 1:  that of register 2 after one more U

because fΠ - 1 keeps what register 1 shows and S hands it over. As a is always the last b, one vector goes on by three
terms, b_{k+1} = f D b_k - (f-1) b_{k-1}, with one product a U, and that product gives the reading as well:
z = D b_{k-1} makes p_k = G|b_{k-1}|² + Re(b̄_k ∘ (b_k - 2z)). G is linear, so a mean needs it once at the end.

What belongs to vectors x with D x = ±x, see ``reversible``, would grow in b with every step and cancel in p. It has
S|ψ_x⟩ = ±|ψ_x⟩, so it is kept apart in a alone, where U only multiplies it by ±(f-1).

References:
    Szegedy, M. (2004). Quantum speed-up of Markov chain based algorithms. FOCS.
    Paparo, G. D. and Martin-Delgado, M. A. (2012). Google in a quantum network. Scientific Reports 2, 444.
    Ortega, S. A. and Martin-Delgado, M. A. (2023). Generalized quantum PageRank algorithm with arbitrary phase
        rotations. Physical Review Research 5, 013061.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from quantum_memory.memory.semantic.google import Floats, Google
from quantum_memory.memory.semantic.hardware import Array, Block, Hardware, RowBlocks
from quantum_memory.memory.semantic.overlap import Overlap
from quantum_memory.memory.semantic.reversible import NullDirections

PLAIN = (math.pi, math.pi)
"""Both phases of the walk of Paparo and Martin-Delgado."""
CLEAN_EVERY = 16
"""Applications of U after which what rounding put into null directions is taken out."""


class Moments(NamedTuple):
    """What readings of register 2 add up to before G: ``led`` is Σ |a|², ``kept`` the rest of p. Each is (N,)."""

    led: Array
    kept: Array

    def add(self, other: Moments) -> None:
        """Add the readings of another, which stay there too."""
        self.led[:] += other.led
        self.kept[:] += other.kept

    def clear(self) -> None:
        """Forget all readings."""
        self.led[:] = 0.0
        self.kept[:] = 0.0


class Walk:
    """The state of one walk.

    Args:
        google: where the walker may go from each node.
        start: (N,) probabilities of the nodes it starts from.
        null: directions in which the amplitudes mean nothing and would only gather rounding errors.
        phases: θ of every second U, and of those between; radians.
        hardware: where to compute; one thread if it is not given.

    Attributes:
        halves: how many times U was applied.
    """

    def __init__(
        self,
        google: Google,
        start: Floats,
        null: Sequence[NullDirections] = (),
        *,
        phases: tuple[float, float] = PLAIN,
        hardware: Hardware | None = None,
    ) -> None:
        self._hardware = hardware or Hardware()
        self._overlap = Overlap.of(google, self._hardware, 2.0)  # 2 D: of the usual walk nothing else is asked
        self._google = _sent(google, self._hardware)
        self._real = phases == PLAIN
        self._factors = tuple(2.0 if theta == math.pi else 1.0 - cmath.exp(1j * theta) for theta in phases)
        self._null = tuple(null)
        amplitudes: Floats = np.sqrt(start)
        apart = [direction.part(amplitudes) for direction in null]
        dtype = np.float64 if self._real else np.complex128
        before = (sum(apart, np.zeros(start.size)) - amplitudes).astype(dtype)
        self._before, self._b = self._hardware.vector(before), self._hardware.vector(np.zeros(start.size, dtype))
        self._apart = [self._hardware.vector(part) for part in apart]
        self._turned: list[complex | float] = [1.0] * len(apart)  # what U has made of each part so far
        self.halves = 0
        self._kernel = _Kernel(self._hardware.kernel, self._overlap) if self._hardware.kernel and self._real else None

    @property
    def a(self) -> Array:
        """Amplitudes (N,) of the |ψ_j⟩, as they are read: null parts are here alone."""
        return sum((turned * part for turned, part in zip(self._turned, self._apart, strict=True)), -self._before)

    @property
    def b(self) -> Array:
        """Amplitudes (N,) of the S|ψ_j⟩."""
        return self._b

    def moments(self) -> Moments:
        """Room for readings, all zero."""
        xp, n = self._hardware.xp, len(self._b)
        return Moments(xp.zeros(n, dtype=np.float64), xp.zeros(n, dtype=np.float64))

    def read_start(self, into: Moments) -> None:
        """Add a reading of register 2 before the first U."""
        into.led[:] += abs(self.a) ** 2

    def advance(self, into: Moments | None = None) -> None:
        """Apply U once; then read register 2 into ``into``, which is what register 1 held before."""
        factor = self._factors[self.halves % 2]
        b, before = self._b, self._before
        shares = [right @ b for _, right in self._overlap.outer]
        go_on = self._kernel.u(shares, b, before, into) if self._kernel else self._by_calls(factor, shares, into)
        self._hardware.each(go_on, self._overlap.edges.blocks)
        if self._null:
            self._turn(factor - 1.0)
            if into is not None:
                self._read_apart(into, b, before)
        self._b, self._before = before, b
        self.halves += 1
        if self._null and self.halves % CLEAN_EVERY == 0:
            self._clean()

    def _by_calls(self, factor: complex, shares: list[Array], into: Moments | None) -> Callable[[Block], None]:
        """What writes the next b over the last in rows of one block, in calls of numpy or CuPy."""
        b, before = self._b, self._before
        planes = (b,) if self._real else (b.real.copy(), b.imag.copy())  # the product is of real numbers

        def go_on(block: Block) -> None:
            at = block.at
            twice = block.edges @ planes[0]
            if len(planes) == 2:
                twice = twice + 1j * (block.edges @ planes[1])
            for (left, _), share in zip(self._overlap.outer, shares, strict=True):
                twice += share * left[at]
            last, now = before[at], b[at]
            if self._real:
                twice -= last
                new = twice
            else:
                new = 0.5 * factor * twice - (factor - 1.0) * last
            if into is not None:
                into.led[at] += now * now if self._real else abs(now) ** 2
                into.kept[at] -= last * new if self._real else (new.conj() * (twice - new)).real
            before[at] = new

        return go_on

    def distribution(self, moments: Moments, samples: int = 1) -> Floats:
        """Probabilities (N,) from readings added up over so many samples.

        What rounding did is taken out where it is known: none is below 0, and they add up to 1. Unscaled, the sum is
        off by 1e-14 after a thousand steps, and by a few 1e-10 if an eigenvalue of D is 1e-7 away from ±1.
        """
        result = self._hardware.host(self._google.apply(moments.led) + moments.kept)
        result /= samples
        np.maximum(result, 0.0, out=result)
        return result / result.sum() if result.size else result

    def _turn(self, turn: complex) -> None:
        """Apply U to the null parts."""
        self._turned = [t * one.sign * turn for t, one in zip(self._turned, self._null, strict=True)]

    def _read_apart(self, into: Moments, b: Array, new: Array) -> None:
        """Add to a reading with a = -b what it is more with a = Σ own - b."""
        parts = [turned * part for turned, part in zip(self._turned, self._apart, strict=True)]
        own = sum(parts)
        mirrored = sum(one.sign * part for one, part in zip(self._null, parts, strict=True))  # D own
        into.led[:] += (own.conj() * (own - 2.0 * b)).real
        into.kept[:] += 2.0 * (new.conj() * mirrored).real

    def _clean(self) -> None:
        """Take what rounding put into the null directions out of both vectors of the recursion."""
        for vector in (self._b, self._before):
            held = self._hardware.host(vector)
            excess = sum((direction.part(held) for direction in self._null), np.zeros_like(held))
            vector[:] -= self._hardware.vector(excess)


class _Kernel:
    """The compiled U, bound to the overlap matrix of one real walk on the host."""

    def __init__(self, function: Callable[..., None], overlap: Overlap) -> None:
        self._function = function
        self._lefts = np.array([left for left, _ in overlap.outer])
        if not len(self._lefts):
            self._lefts = np.zeros((0, 0))
        self._rows = {}
        for at, edges in overlap.edges.blocks:
            unsigned = f"u{edges.indices.itemsize}"
            pointers, places = edges.indptr.view(unsigned), edges.indices.view(unsigned)
            self._rows[at.start] = (at.start, pointers, places, edges.data, self._lefts)

    def u(self, shares: list[Array], b: Array, before: Array, into: Moments | None) -> Callable[[Block], None]:
        """What writes the next b over the last in rows of one block."""
        led, kept = into or (b, b)
        rest = (np.array(shares, dtype=np.float64), b, before, into is not None, led, kept)
        return lambda block: self._function(*self._rows[block.at.start], *rest)


def _sent(google: Google, hardware: Hardware) -> Google:
    """The Google matrix where the work is done; only what ``apply`` needs of it."""
    links = RowBlocks.of(google.links, hardware)
    vectors = (hardware.vector(part) for part in (google.teleport, google.sink, google.dangles))
    teleport, sink, dangles = vectors
    return replace(google, links=links, leads=None, teleport=teleport, sink=sink, dangles=dangles)
