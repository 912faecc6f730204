"""A train as one dense block per axis: multiplied out, widened by zeros, cut back, and split into cores again.

A block is (l, points, r): the amplitudes along its axis between the bonds to the axes before and after. Owns no
physics: what is done to a block along its axis lies in ``dynamics`` and ``widening``. Orthogonal factors are found in
double precision on every backend, as numpy does of itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import OutOfRange
from quantum_memory.memory.quantum.backend import Array, module_of
from quantum_memory.memory.quantum.engines import engine_of
from quantum_memory.memory.quantum.grid import AXES, Grid
from quantum_memory.memory.quantum.linalg import (
    Compressed,
    absorbed,
    dense_block,
    explicit_fidelity,
    left_gram,
    positive,
    rounding_shows,
    truncated,
    unwarned,
)

MAX_BLOCK = 1 << 26
"""Amplitudes that one block may have: 512 MiB in single precision."""


def multiplied_out(grid: Grid, cores: Sequence[Array], padding: int) -> list[Array]:
    """The three blocks of a train, checked to fit into memory once padded.

    Raises: OutOfRange for a block of more than 2^26 amplitudes: compress the state first.
    """
    slices = grid.blocks()
    for axis, sites in enumerate(slices):
        left, right = cores[sites.start].shape[0], cores[sites.stop - 1].shape[2]
        widest = max(core.shape[2] << (place + 1) for place, core in enumerate(cores[sites]))
        size = left * max(widest, right << (grid.bits[axis] + padding))
        if size > MAX_BLOCK:
            raise OutOfRange(f"amplitudes of the block of {AXES[axis]}", float(size), 1, MAX_BLOCK)
    return [dense_block(cores[sites]) for sites in slices]


def at_norm_one(grid: Grid, cores: Sequence[Array], padding: int) -> list[Array]:
    """``multiplied_out`` at norm 1, all blocks but the first right-orthogonal, so that the first carries the norm.

    At norm 1, for what is done to a block squares it, and in single precision the square of a large norm overflows.
    Raises: OutOfRange for a block that is too large and for the zero vector; NotFinite.
    """
    parts = centred_on_first(multiplied_out(grid, cores, padding))
    # In double precision, for single precision may hold the quotient and not the norm.
    first = parts[0].astype(np.complex128, copy=False)
    parts[0] = (first / norm_of(first)).astype(parts[0].dtype, copy=False)
    return parts


def widened(block: Array, by: int) -> Array:
    """(l, 2^by n, r): the block in the middle of zeros."""
    if not by:
        return block
    left, points, right = block.shape
    side = module_of(block).zeros((left, (points << by) - points >> 1, right), dtype=block.dtype)
    return module_of(block).concatenate([side, block, side], axis=1)


def middle(block: Array, by: int) -> Array:
    """(l, n / 2^by, r): the middle of the block, which ``widened`` put zeros around."""
    points = block.shape[1] >> by
    start = (block.shape[1] - points) // 2
    return block[:, start : start + points]


@unwarned
def norm_of(block: Array) -> float:
    """The norm of the block that carries it, in double precision. Raises: OutOfRange for the zero vector; NotFinite."""
    return positive("norm of the state", float(module_of(block).linalg.norm(block.astype(np.complex128, copy=False))))


def check_truncation(max_bond: object, min_fidelity: float) -> None:
    """Raises: InvalidValue, NotFinite, OutOfRange for limits that ``split`` cannot keep to."""
    whole("max_bond", max_bond, 1, 1 << 16)
    bounded("min_fidelity", min_fidelity, 0.0, 1.0)


@unwarned
def centred_on_first(blocks: Sequence[Array]) -> list[Array]:
    """The same train with every block but the first right-orthogonal, so that the first carries the norm.

    Raises: OutOfRange where rounding alone is left of it, as ``absorbed`` finds it.
    """
    done = list(blocks)
    for axis in range(len(done) - 1, 0, -1):
        left, points, right = done[axis].shape
        # The transpose, not the adjoint: Q^T has orthonormal rows as well, and nothing need be conjugated.
        basis, triangle = _qr(done[axis].reshape(left, -1).T)
        done[axis] = basis.T.reshape(-1, points, right)
        done[axis - 1] = absorbed(done[axis - 1], triangle)
    return done


@unwarned
def passed_right(block: Array, following: Array) -> tuple[Array, Array]:
    """The block left-orthogonal, and the next one carrying the norm in its stead."""
    left, points, right = block.shape
    basis, triangle = _qr(block.reshape(-1, right))
    carried = triangle @ following.reshape(right, -1)
    return basis.reshape(left, points, -1), carried.reshape(-1, *following.shape[1:])


def _qr(matrix: Array) -> tuple[Array, Array]:
    basis, triangle = engine_of(matrix).qr(matrix.astype(np.complex128, copy=False))
    return basis.astype(matrix.dtype, copy=False), triangle.astype(matrix.dtype, copy=False)


def split(blocks: Sequence[Array], bits: Sequence[int], max_bond: int, min_fidelity: float) -> Compressed:
    """The cores of norm 1 of three blocks, the fidelity kept, and the norm that the blocks had.

    The blocks are made right-orthogonal but for the first; a sweep of truncated splits from the left is then optimal
    at every cut, the truncations are nested, and the fidelity is the product of the kept weights. All of it is done in
    double precision; where single-precision cores cannot bear out the product, the fidelity is their explicit overlap.

    Raises: OutOfRange if the blocks are the zero vector; NotFinite.
    Source: TT-SVD, Oseledets (2011); the order of the sweeps, Schollwöck (2011), section 4.5.1.
    """
    dtype = blocks[0].dtype
    centred = centred_on_first([block.astype(np.complex128, copy=False) for block in blocks])
    norm = norm_of(centred[0])
    centred[0] = centred[0] / norm
    cores: list[Array] = []
    fidelity = 1.0
    rest = centred[0].reshape(1, -1)
    cuts = sum(bits) - 1
    for axis, count in enumerate(bits):
        for _ in range(count if axis < len(bits) - 1 else count - 1):
            allowed = max(0.0, 1.0 - min_fidelity / fidelity) / (cuts - len(cores))
            left = rest.shape[0]
            basis, rest, kept = truncated(rest.reshape(left * 2, -1), max_bond, allowed, dtype)
            fidelity *= kept
            cores.append(basis.reshape(left, 2, -1).astype(dtype, copy=False))
        if axis < len(bits) - 1:
            rest = rest @ centred[axis + 1].reshape(rest.shape[1], -1)
    cores.append((rest / float(module_of(rest).linalg.norm(rest))).reshape(-1, 2, 1).astype(dtype, copy=False))
    if rounding_shows(fidelity, dtype):
        fidelity = explicit_fidelity(cores, _overlap(cores, bits, centred))
    return Compressed(cores, fidelity, norm)


def _overlap(cores: Sequence[Array], bits: Sequence[int], blocks: Sequence[Array]) -> complex:
    """⟨cores|blocks⟩, in double precision."""
    ends = np.cumsum(bits).tolist()
    exact = [core.astype(np.complex128, copy=False) for core in cores]
    ours = [dense_block(exact[end - count : end]) for count, end in zip(bits, ends, strict=True)]
    return complex(left_gram(ours, blocks)[0, 0])
