"""What can be measured in a state: moments, marginals and entanglement. Changes nothing, returns host arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue, OutOfRange
from quantum_memory.memory.quantum import linalg
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.grid import AXES, Grid
from quantum_memory.types import Floats

MONOMIALS = (
    (0, 0, 0),
    (1, 0, 0),
    (0, 1, 0),
    (0, 0, 1),
    (2, 0, 0),
    (0, 2, 0),
    (0, 0, 2),
    (1, 1, 0),
    (1, 0, 1),
    (0, 1, 1),
)
"""Powers of pleasure, arousal and dominance, up to degree two."""


def mean_and_covariance(grid: Grid, cores: Sequence[Array]) -> tuple[Floats, Floats]:
    """(3,) mean and (3, 3) covariance of the PAD. Raises: OutOfRange for the zero vector.

    A coordinate is a sum over bits, so ten environments, one per monomial, pass through the train once: a site whose
    bit is 1 shifts the coordinate, and a shifted monomial is a combination of monomials.
    """
    xp = module_of(cores[0])
    start = [math.prod(o**p for o, p in zip(grid.origin, powers, strict=True)) for powers in MONOMIALS]
    moments = xp.asarray(np.array(start, dtype=np.complex128).reshape(-1, 1, 1))
    steps = [(axis, step) for axis in range(len(AXES)) for step in grid.steps(axis)]
    for core, (axis, step) in zip(cores, steps, strict=True):
        zero, one = core[:, 0].astype(np.complex128), core[:, 1].astype(np.complex128)
        shift = xp.asarray(_shift(axis, float(step)), dtype=np.complex128)
        moved = xp.tensordot(shift, one.conj().T @ moments @ one, axes=1)
        moments = zero.conj().T @ moments @ zero + moved
    values = host(moments).real.ravel()
    if not values[0] > 0.0:
        raise OutOfRange("squared norm of the state", float(values[0]), float(np.finfo(np.float64).tiny), math.inf)
    values = values / values[0]
    mean = values[1:4]
    second = np.empty((3, 3))
    for powers, value in zip(MONOMIALS[4:], values[4:], strict=True):
        one, other = (axis for axis, power in enumerate(powers) for _ in range(power))
        second[one, other] = second[other, one] = value
    covariance = second - np.outer(mean, mean)
    np.fill_diagonal(covariance, np.maximum(np.diagonal(covariance), 0.0))
    return mean, covariance


def _shift(axis: int, step: float) -> Floats:
    """(10, 10) the monomials of a point moved along one axis, as combinations of those of the point."""
    matrix = np.zeros((len(MONOMIALS), len(MONOMIALS)))
    for row, powers in enumerate(MONOMIALS):
        for power in range(powers[axis] + 1):
            lower = [*powers]
            lower[axis] = power
            matrix[row, MONOMIALS.index((lower[0], lower[1], lower[2]))] = math.comb(powers[axis], power) * step ** (
                powers[axis] - power
            )
    return matrix


def marginal(grid: Grid, cores: Sequence[Array], axis: int) -> Floats:
    """(2^bits,) probabilities of the points along one axis, summing to 1. Raises: OutOfRange, InvalidValue."""
    _whole("axis", axis, 0, len(AXES) - 1)
    sites = grid.blocks()[axis]
    before, within, after = cores[: sites.start], cores[sites], cores[sites.stop :]
    xp = module_of(cores[0])
    one = xp.ones((1, 1), dtype=np.complex128)
    left = linalg.left_gram(before, before) if before else one
    right = linalg.right_gram(after, after) if after else one
    block = linalg.dense_block(within).astype(np.complex128)
    weighed = xp.tensordot(left, block, axes=1) @ right.T
    density = host((block.conj() * weighed).real.sum(axis=(0, 2)))
    density = np.maximum(density, 0.0)
    total = float(density.sum())
    if not total > 0.0:
        raise OutOfRange("squared norm of the state", total, float(np.finfo(np.float64).tiny), math.inf)
    return density / total  # type: ignore[no-any-return]


def entropy(grid: Grid, cores: Sequence[Array], cut: int) -> float:
    """Entanglement entropy in bits between the first ``cut`` sites and the rest. Raises: OutOfRange, InvalidValue."""
    _whole("cut", cut, 1, grid.sites - 1)
    weights = linalg.schmidt_values(cores, cut) ** 2
    total = float(weights.sum())
    if not total > 0.0:
        raise OutOfRange("squared norm of the state", total, float(np.finfo(np.float64).tiny), math.inf)
    weights = weights[weights > 0.0] / total
    return max(0.0, -float((weights * np.log2(weights)).sum()))


def _whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InvalidValue(name, repr(value), "a whole number")
    bounded(name, int(value), low, high)
