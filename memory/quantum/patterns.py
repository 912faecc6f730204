"""Entangling patterns between pleasure, arousal and dominance, as circuits over a grid. Applies nothing to a state.

The leading bit of an axis says which half of it a feeling lies in, the next which quarter. Patterns join these leading
bits across the axes, so that what is felt on one axis comes to depend on the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue, OutOfRange
from quantum_memory.memory.quantum.circuit import Circuit, Gate, Matrix, unitary
from quantum_memory.memory.quantum.grid import AXES, Grid

CHAIN = ((0, 1), (1, 2))
RING = ((0, 1), (1, 2), (2, 0))
ALL = tuple(combinations(range(len(AXES)), 2))
MAX_LAYERS = 1024


def chain(grid: Grid, *, depth: int = 1, strength: float = 1.0) -> Circuit:
    """P with A, and A with D: ``rxx(strength · π/2)`` between their ``depth`` leading bits, pair by pair.

    At strength 1 a joined pair of bits, both 0 before, is entangled by a whole bit; at 0 the circuit is the identity.

    Args:
        grid: whose axes are joined.
        depth: how many leading bits of each axis take part; at most the bits of the shortest axis.
        strength: in [-1, 1]; the inverse pattern has the opposite sign.

    Raises: InvalidValue, OutOfRange, NotFinite.
    """
    return _joined(grid, CHAIN, depth, strength)


def ring(grid: Grid, *, depth: int = 1, strength: float = 1.0) -> Circuit:
    """P with A, A with D, and D with P. Otherwise as ``chain``."""
    return _joined(grid, RING, depth, strength)


def all_to_all(grid: Grid, *, depth: int = 1, strength: float = 1.0) -> Circuit:
    """Every two of the leading bits of different axes, of the same place in them or not. Otherwise as ``chain``."""
    layers = _depth(grid, depth, range(len(AXES)))
    angle = _angle(strength)
    pairs = [
        (_site(grid, one, place), _site(grid, other, beside))
        for one, other in ALL
        for place in range(layers)
        for beside in range(layers)
    ]
    return Circuit(grid.sites, tuple(Gate.of("rxx", pair, angle) for pair in pairs))


def ghz(grid: Grid, *, depth: int = 1) -> Circuit:
    """From the vacuum, (|0…0⟩ + |1…1⟩)/√2 on the ``depth`` leading bits of all axes: one bit across every cut of them.

    Raises: InvalidValue, OutOfRange.
    Source: Greenberger, Horne and Zeilinger (1989).
    """
    layers = _depth(grid, depth, range(len(AXES)))
    sites = [_site(grid, axis, place) for axis in range(len(AXES)) for place in range(layers)]
    gates = [Gate.of("h", (sites[0],))]
    gates += [Gate.of("cx", (one, other)) for one, other in pairwise(sites)]
    return Circuit(grid.sites, tuple(gates))


def bell_pairs(grid: Grid, one: int, other: int, *, depth: int = 1) -> Circuit:
    """From the vacuum, ``depth`` pairs (|00⟩ + |11⟩)/√2 of leading bits of two axes: as many bits between them.

    Args:
        grid: whose axes are joined.
        one: an axis, 0 to 2.
        other: another axis.
        depth: how many pairs; at most the bits of the shorter of the two axes.

    Raises: InvalidValue, OutOfRange.
    Source: Nielsen and Chuang (2000), section 1.3.6.
    """
    axes = whole("axis", one, 0, len(AXES) - 1), whole("axis", other, 0, len(AXES) - 1)
    if axes[0] == axes[1]:
        raise InvalidValue("axes", repr(axes), "two different axes")
    gates = []
    for place in range(_depth(grid, depth, axes)):
        control, target = (_site(grid, axis, place) for axis in axes)
        gates += [Gate.of("h", (control,)), Gate.of("cx", (control, target))]
    return Circuit(grid.sites, tuple(gates))


def brickwork(grid: Grid, seed: int | np.random.Generator, *, depth: int = 1, strength: float = 1.0) -> Circuit:
    """``depth`` layers of random gates on neighbouring sites, even pairs and odd pairs in turn.

    Each gate is the unitary matrix power U^strength of a Haar-random (4, 4) unitary U, its eigenphases in (-π, π]:
    Haar at 1, the identity at 0, and the same gates at every strength for one seed.

    Args:
        grid: whose sites are joined, across the borders of the axes too.
        seed: of the gates.
        depth: 1 to 1024 layers.
        strength: in [-1, 1].

    Raises: InvalidValue, OutOfRange, NotFinite.
    Source: Mezzadri (2007) for the Haar measure; Fisher et al. (2023), Random quantum circuits, for the layout.
    """
    layers, power = whole("depth", depth, 1, MAX_LAYERS), bounded("strength", strength, -1.0, 1.0)
    if not isinstance(seed, np.random.Generator):
        whole("seed", seed, 0, 2**63 - 1)
    rng = np.random.default_rng(seed)
    gates = [
        unitary(_haar_power(rng, power), (site, site + 1))
        for layer in range(layers)
        for site in range(layer % 2, grid.sites - 1, 2)
    ]
    return Circuit(grid.sites, tuple(gates))


def _haar_power(rng: np.random.Generator, power: float) -> Matrix:
    normal = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    basis, triangle = np.linalg.qr(normal)
    signs = np.diagonal(triangle)
    values, vectors = np.linalg.eig(basis * (signs / np.abs(signs)))
    # A unitary is normal, so its eigenvectors are orthogonal up to rounding; QR takes the rounding away.
    vectors, _ = np.linalg.qr(vectors)
    made: Matrix = (vectors * np.exp(1j * power * np.angle(values))) @ vectors.conj().T
    return made


def _joined(grid: Grid, pairs: Sequence[tuple[int, int]], depth: int, strength: float) -> Circuit:
    angle = _angle(strength)
    gates = [
        Gate.of("rxx", (_site(grid, one, place), _site(grid, other, place)), angle)
        for place in range(_depth(grid, depth, range(len(AXES))))
        for one, other in pairs
    ]
    return Circuit(grid.sites, tuple(gates))


def _angle(strength: float) -> float:
    return bounded("strength", strength, -1.0, 1.0) * math.pi / 2


def _depth(grid: Grid, depth: int, axes: Sequence[int]) -> int:
    most = min(grid.bits[axis] for axis in axes)
    made = whole("depth", depth, 1, 2**31)
    if made > most:
        raise OutOfRange("depth", made, 1, most)
    return made


def _site(grid: Grid, axis: int, place: int) -> int:
    return int(grid.blocks()[axis].start) + place
