"""States on a larger cube and back: new leading bits, nothing else. Truncates nothing and evolves nothing."""

from __future__ import annotations

import numpy as np

from quantum_memory.memory.quantum.backend import Array, module_of
from quantum_memory.memory.quantum.linalg import left_gram, power_of, unwarned
from quantum_memory.memory.quantum.state import QuantumState, checked_state


def padded(state: QuantumState, by: int = 1) -> QuantumState:
    """The same amplitude on ``state.grid.padded(by)``, 0 outside the cube where it lived. Exact; the norm stays.

    Doubling a cube of N points moves point j to j + N/2, so the leading bit b becomes the two bits (b, 1 - b) and all
    other bits stay. A new bond is at most twice the smaller bond beside the old leading core.

    Raises: InvalidValue, OutOfRange (a padding over 2, or more than 12 bits).
    Source: shifts as quantics tensor trains, Kazeev, Khoromskij and Tyrtyshnikov (2013).
    """
    grid = checked_state(state).grid.padded(by)
    cores: list[Array] = []
    for sites in state.grid.blocks():
        first, *others = state.cores[sites]
        leading = [first]
        for _ in range(by):
            leading = [*_doubled(leading[0]), *leading[1:]]
        cores += [*leading, *others]
    return QuantumState(grid, tuple(cores))


@unwarned
def cropped(state: QuantumState, by: int = 1) -> tuple[QuantumState, float]:
    """The amplitude on ``state.grid.cropped(by)``, and the share of the probability that lay outside of it.

    What ``padded`` undoes. A projection: the part inside is neither normalised nor compressed, and its squared norm
    is 1 - the share, times what it was.

    Raises: InvalidValue; OutOfRange (``by`` over the padding, or the zero vector); NotFinite.
    """
    grid = checked_state(state).grid.cropped(by)
    cores: list[Array] = []
    for sites in state.grid.blocks():
        block = list(state.cores[sites])
        for _ in range(by):
            block[:2] = [_halved(block[0], block[1])]
        cores += block
    inside = QuantumState(grid, tuple(cores))
    total = power_of(state.cores)
    kept = complex(left_gram(inside.cores, inside.cores)[0, 0]).real
    return inside, max(0.0, 1.0 - kept / total)


def _doubled(core: Array) -> tuple[Array, Array]:
    """The cores of the bits (b, 1 - b) for the core of the bit b: the bond between them carries b beside l or r."""
    xp = module_of(core)
    left, _, right = core.shape
    narrow = min(left, right)
    one, two = xp.zeros((left, 2, 2 * narrow), dtype=core.dtype), xp.zeros((2 * narrow, 2, right), dtype=core.dtype)
    same = xp.asarray(np.eye(narrow), dtype=core.dtype)
    for bit in (0, 1):
        carried = slice(bit * narrow, (bit + 1) * narrow)
        one[:, bit, carried] = same if left <= right else core[:, bit]
        two[carried, 1 - bit] = core[:, bit] if left <= right else same
    return one, two


def _halved(one: Array, two: Array) -> Array:
    """The core of the bit b from those of the bits (b, 1 - b)."""
    parts = [(one[:, bit] @ two[:, 1 - bit]).reshape(one.shape[0], 1, -1) for bit in (0, 1)]
    return module_of(one).concatenate(parts, axis=1)
