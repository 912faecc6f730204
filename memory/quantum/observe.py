"""What can be measured in a state: moments, marginals and entanglement. Changes nothing, returns host arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, distinct, whole
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.quantum import linalg
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.grid import AXES, Grid
from quantum_memory.types import Floats

POWER = "squared norm of the state"
MAX_REDUCED_SITES = 8
CHUNK_NUMBERS = 1 << 20
"""Numbers in the small density matrices of a joint marginal that are held at once."""
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


@linalg.unwarned
def mean_and_covariance(grid: Grid, cores: Sequence[Array]) -> tuple[Floats, Floats]:
    """(3,) mean and (3, 3) covariance of the PAD. Raises: OutOfRange for the zero vector.

    A coordinate is a sum over bits, so ten environments, one per monomial, pass through the train once: a site whose
    bit is 1 shifts the coordinate, and a shifted monomial is a combination of monomials.
    """
    xp = module_of(cores[0])
    start = [math.prod(o**p for o, p in zip(grid.origin, powers, strict=True)) for powers in MONOMIALS]
    moments = xp.asarray(np.array(start, dtype=np.complex128).reshape(-1, 1, 1))
    steps = [(axis, step) for axis in range(len(AXES)) for step in grid.steps(axis)]
    for site, (core, (axis, step)) in enumerate(zip(cores, steps, strict=True)):
        if site == len(cores) - 1:
            linalg.uncancelled(POWER, moments[0], linalg.right_gram(cores[site:], cores[site:]))
        zero, one = core[:, 0].astype(np.complex128), core[:, 1].astype(np.complex128)
        shift = xp.asarray(_shift(axis, float(step)), dtype=np.complex128)
        moved = xp.tensordot(shift, one.conj().T @ moments @ one, axes=1)
        moments = zero.conj().T @ moments @ zero + moved
    values = host(moments).real.ravel()
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


@linalg.unwarned
def marginal(grid: Grid, cores: Sequence[Array], axis: int) -> Floats:
    """(2^bits,) probabilities of the points along one axis, summing to 1. Raises: OutOfRange, InvalidValue."""
    whole("axis", axis, 0, len(AXES) - 1)
    linalg.power_of(cores, POWER)
    sites = grid.blocks()[axis]
    before, within, after = cores[: sites.start], cores[sites], cores[sites.stop :]
    xp = module_of(cores[0])
    one = xp.ones((1, 1), dtype=np.complex128)
    left = linalg.left_gram(before, before) if before else one
    right = linalg.right_gram(after, after) if after else one
    block = _exact_block(within)
    weighed = xp.tensordot(left, block, axes=1) @ right.T
    density = host((block.conj() * weighed).real.sum(axis=(0, 2)))
    return _distribution(density)


@linalg.unwarned
def marginal_pair(grid: Grid, cores: Sequence[Array], axis: int, other: int) -> Floats:
    """(2^bits, 2^bits') joint probabilities of the points along two axes, summing to 1.

    Each point of an axis is a small density matrix on the bond between the blocks, so the table is one matrix product
    over the square of a bond, and nothing larger than the table and those matrices is ever formed.

    Raises: OutOfRange, InvalidValue for the axes or where they are one; OutOfRange for the zero vector.
    """
    whole("axis", axis, 0, len(AXES) - 1)
    whole("other", other, 0, len(AXES) - 1)
    if axis == other:
        raise InvalidValue("other", str(other), "an axis that is not the first")
    if axis > other:
        return marginal_pair(grid, cores, other, axis).T
    linalg.power_of(cores, POWER)
    xp = module_of(cores[0])
    blocks = grid.blocks()
    first, second = blocks[axis], blocks[other]
    before, between, after = cores[: first.start], cores[first.stop : second.start], cores[second.stop :]
    one = xp.ones((1, 1), dtype=np.complex128)
    left = linalg.left_gram(before, before) if before else one
    right = linalg.right_gram(after, after) if after else one
    ours = _exact_block(cores[first]).transpose(1, 0, 2)
    theirs = _exact_block(cores[second]).transpose(1, 0, 2)
    rows = max(1, CHUNK_NUMBERS // max(core.shape[0] * core.shape[2] for core in cores))
    table = np.empty((len(ours), len(theirs)))
    for start in range(0, len(theirs), rows):
        # What lies to the right of a point as a density matrix, taken leftwards through the sites between.
        part = theirs[start : start + rows]
        density = part.conj() @ right @ part.transpose(0, 2, 1)
        for core in reversed(between):
            zero, upper = core[:, 0].astype(np.complex128), core[:, 1].astype(np.complex128)
            density = zero.conj() @ density @ zero.T + upper.conj() @ density @ upper.T
        columns = _real_rows(density.conj()).T
        for top in range(0, len(ours), rows):
            block = ours[top : top + rows]
            weighed = block.conj().transpose(0, 2, 1) @ left @ block
            # The sum of products of two Hermitian matrices is real, so it is one real product of twice the length.
            table[top : top + rows, start : start + rows] = host(_real_rows(weighed) @ columns)
    return _distribution(table)


@linalg.unwarned
def reduced(cores: Sequence[Array], sites: Sequence[int]) -> NDArray[np.complex128]:
    """(2^k, 2^k) density matrix of k <= 8 sites, of trace 1, all others traced out.

    The first site given is the most significant bit. The train is contracted from both ends to where half of the
    sites lie on either side, so that at most 2^k · bond^2 numbers are held and not 4^k · bond^2.

    Raises: InvalidValue for a site twice or none; OutOfRange for a site, more than 8 of them, or the zero vector.
    """
    chosen = distinct("sites", sites, len(cores))
    bounded("number of sites", len(chosen), 1, MAX_REDUCED_SITES)
    linalg.power_of(cores, POWER)
    rising = sorted(chosen)
    half = rising[len(rising) // 2]
    left = _open_from_left(cores[:half], [site in chosen for site in range(half)], module_of(cores[0]))
    right = _open_from_right(cores[half:], [site in chosen for site in range(half, len(cores))])
    joined = host(module_of(cores[0]).tensordot(left, right, axes=([2, 3], [2, 3]))).transpose(0, 2, 1, 3)
    count = len(chosen)
    order = [rising.index(site) for site in chosen]
    tensor = joined.reshape((2,) * (2 * count)).transpose([*order, *(count + place for place in order)])
    matrix = tensor.reshape(1 << count, -1)
    matrix = (matrix + matrix.conj().T) / 2
    return matrix / linalg.positive(POWER, float(matrix.trace().real))  # type: ignore[no-any-return]


def schmidt(grid: Grid, cores: Sequence[Array], cut: int) -> Floats:
    """Falling Schmidt coefficients between the first ``cut`` sites and the rest; their squares sum to 1.

    Raises: OutOfRange, InvalidValue for the cut; OutOfRange for the zero vector.
    """
    whole("cut", cut, 1, grid.sites - 1)
    return _unit(linalg.schmidt_values(cores, cut))


def entropies(cores: Sequence[Array]) -> Floats:
    """(sites - 1,) entanglement entropy in bits at every cut, from two sweeps.

    Raises: OutOfRange for the zero vector.
    """
    return np.array([_entropy(_unit(values)) for values in linalg.spectra(cores)])


def entropy(grid: Grid, cores: Sequence[Array], cut: int) -> float:
    """Entanglement entropy in bits between the first ``cut`` sites and the rest. Raises: OutOfRange, InvalidValue."""
    return _entropy(schmidt(grid, cores, cut))


def _open_from_left(cores: Sequence[Array], keep: Sequence[bool], xp: Any) -> Array:
    """(2^j, 2^j, r, r') ket, bra, and both bonds, of a run from the left whose j kept sites stay open."""
    found = xp.ones((1, 1, 1, 1), dtype=np.complex128)
    for core, stays in zip(cores, keep, strict=True):
        ket = core.astype(np.complex128)
        half = xp.tensordot(found, ket, axes=([2], [0]))
        if stays:
            pair = xp.tensordot(half, ket.conj(), axes=([2], [0])).transpose(0, 2, 1, 4, 3, 5)
            size = 2 * found.shape[0]
            found = pair.reshape(size, size, ket.shape[2], ket.shape[2])
        else:
            found = xp.tensordot(half, ket.conj(), axes=([2, 3], [0, 1]))
    return found


def _open_from_right(cores: Sequence[Array], keep: Sequence[bool]) -> Array:
    """(2^j, 2^j, l, l') as ``_open_from_left``, of a run that ends at the last site."""
    xp = module_of(cores[0])
    found = xp.ones((1, 1, 1, 1), dtype=np.complex128)
    for core, stays in zip(reversed(cores), reversed(keep), strict=True):
        ket = core.astype(np.complex128)
        half = xp.tensordot(ket, found, axes=([2], [2]))  # l, bit, ket, bra, r'
        if stays:
            pair = xp.tensordot(half, ket.conj(), axes=([4], [2])).transpose(1, 2, 5, 3, 0, 4)
            size = 2 * found.shape[0]
            found = pair.reshape(size, size, ket.shape[0], ket.shape[0])
        else:
            found = xp.tensordot(half, ket.conj(), axes=([1, 4], [1, 2])).transpose(1, 2, 0, 3)
    return found


def _exact_block(cores: Sequence[Array]) -> Array:
    """The run of cores multiplied out in double precision: in single the product of a large state's could overflow."""
    return linalg.dense_block([core.astype(np.complex128, copy=False) for core in cores])


def _real_rows(matrices: Array) -> Array:
    """(n, 2 m^2) the real and imaginary parts of n matrices of side m."""
    xp = module_of(matrices)
    flat = xp.ascontiguousarray(matrices).reshape(matrices.shape[0], -1)
    return xp.concatenate([flat.real, flat.imag], axis=1)


def _distribution(density: Floats) -> Floats:
    """The table without the negative dust of rounding, summing to 1. Raises: OutOfRange for the zero vector."""
    density = np.maximum(density, 0.0)
    return density / linalg.positive(POWER, float(density.sum()))


@linalg.unwarned
def _unit(values: Floats) -> Floats:
    return values / math.sqrt(linalg.positive(POWER, float((values**2).sum())))


def _entropy(coefficients: Floats) -> float:
    weights = coefficients**2
    weights = weights[weights > 0.0]
    return max(0.0, -float((weights * np.log2(weights)).sum()))
