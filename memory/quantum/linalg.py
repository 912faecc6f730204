"""Matrix factorisations for trains of cores: singular values, ranks, and the two sweeps of compression.

Works on lists of (l, 2, r) arrays of one module. Knows neither grid nor packet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import NotFinite, OutOfRange
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.engines import engine_of
from quantum_memory.types import Floats

MEASURED_FROM = 1e-6
"""Infidelity from which rounding the cores to single precision moves the fidelity by more than 1e-10."""


class Compressed(NamedTuple):
    """The cores of norm 1, the fidelity that was kept, and the norm there was before."""

    cores: list[Array]
    fidelity: float
    norm: float


def svd(matrix: Array) -> tuple[Array, Array, Array]:
    """The thin singular value decomposition. Raises: NotFinite for a matrix that holds NaN or infinity."""
    return engine_of(matrix).svd(matrix)


def kept_rank(values: Floats, weight: float) -> int:
    """How many of the falling singular values to keep so that those dropped weigh at most that share of all."""
    return _rank(values.astype(np.float64) ** 2, weight)


def compress(cores: Sequence[Array], max_bond: int | Sequence[int], min_fidelity: float) -> Compressed:
    """The train with the smallest bonds that the fidelity allows, and never more than ``max_bond``.

    One QR sweep from the right makes every cut's singular values visible; one truncated sweep from the left uses
    them. The truncations project onto nested spaces, so the fidelity kept is exactly the product of the kept weights.
    What one cut does not use of the budget is left for the cuts to come. All of it is done in double precision, which
    LAPACK does as fast; the cores that come out have the type of those that went in.

    Args:
        cores: (l, 2, r) each.
        max_bond: one limit for all bonds, or one for each of the len(cores) - 1 cuts.
        min_fidelity: what to keep where the limits let it, in [0, 1].

    Raises: OutOfRange if the train is the zero vector; NotFinite.
    Source: Schollwoeck (2011), sections 4.4 and 4.5.1.
    """
    dtype = cores[0].dtype
    single = dtype == np.complex64
    right, norm = orthogonal_from_right(cores)
    if not math.isfinite(norm):
        raise NotFinite("norm of the state", norm)
    if norm <= 0.0:
        raise OutOfRange("norm of the state", norm, np.finfo(np.float64).tiny, np.inf)
    cuts = len(right) - 1
    limits = [max_bond] * cuts if isinstance(max_bond, int) else list(max_bond)
    least = float(np.finfo(dtype).eps) ** 2
    done: list[Array] = []
    fidelity = 1.0
    carry = right[0] / norm
    for site, limit in enumerate(limits):
        left = carry.shape[0]
        basis, powers, rest = _split(carry.reshape(left * 2, -1), squared=single)
        allowed = max(0.0, 1.0 - min_fidelity / fidelity) / (cuts - site)
        rank = min(_rank(powers, max(allowed, least)), limit)
        kept, dropped = float(powers[:rank].sum()), float(powers[rank:].sum())
        fidelity *= kept / (kept + dropped)
        done.append(basis[:, :rank].reshape(left, 2, rank).astype(dtype, copy=False))
        carry = _absorb_right(rest[:rank] / math.sqrt(kept), right[site + 1])
    done.append((carry / float(module_of(carry).linalg.norm(carry))).astype(dtype, copy=False))
    if single and 1.0 - fidelity > MEASURED_FROM:
        fidelity = _explicit(done, cores)
    return Compressed(done, fidelity, norm)


def _split(matrix: Array, *, squared: bool) -> tuple[Array, Floats, Array]:
    """Matrix = basis · rest, the weights (squared singular values) of the columns of the basis falling.

    ``squared`` allows the eigenvectors of matrix · matrix^H where that is the smaller side: faster, and blind to
    weights under the rounding of a double, which no single-precision state resolves.
    """
    if squared and matrix.shape[0] <= matrix.shape[1]:
        try:
            rising, vectors = module_of(matrix).linalg.eigh(matrix @ matrix.conj().T)
        except np.linalg.LinAlgError:
            return _split(matrix, squared=False)
        basis = vectors[:, ::-1]
        return basis, np.maximum(host(rising)[::-1], 0.0), basis.conj().T @ matrix
    basis, values, rest = svd(matrix)
    return basis, host(values) ** 2, values[:, None] * rest


def _rank(powers: Floats, weight: float) -> int:
    """How many of the falling weights to keep so that the share of those dropped is at most ``weight``."""
    tails = powers[::-1].cumsum()[::-1]
    return max(1, int(np.count_nonzero(tails > weight * tails[0])))


def _explicit(small: Sequence[Array], whole: Sequence[Array]) -> float:
    """|<small|whole>|^2 / (<small|small> <whole|whole>), in double precision."""
    overlap, ours, theirs = (
        complex(left_gram(a, b)[0, 0]) for a, b in ((small, whole), (small, small), (whole, whole))
    )
    return min(1.0, abs(overlap) ** 2 / (ours.real * theirs.real))


def orthogonal_from_right(cores: Sequence[Array]) -> tuple[list[Array], float]:
    """The same train in double precision with every core but the first right-orthogonal, and its norm."""
    xp = module_of(cores[0])
    done = [core.astype(np.complex128, copy=False) for core in cores]
    for site in range(len(done) - 1, 0, -1):
        left, _, right = done[site].shape
        # The transpose, not the adjoint: Q^T has orthonormal rows as well, and nothing need be conjugated.
        basis, triangle = engine_of(done[site]).qr(done[site].reshape(left, -1).T)
        done[site] = basis.T.reshape(-1, 2, right)
        done[site - 1] = (done[site - 1].reshape(-1, left) @ triangle.T).reshape(done[site - 1].shape[0], 2, -1)
    return done, float(xp.linalg.norm(done[0]))


def schmidt_values(cores: Sequence[Array], cut: int) -> Floats:
    """Falling singular values of the train between its first ``cut`` sites and the rest."""
    right, _ = orthogonal_from_right(cores)
    carry = right[0]
    for site in range(cut - 1):
        _, triangle = engine_of(carry).qr(carry.reshape(carry.shape[0] * 2, -1))
        carry = _absorb_right(triangle, right[site + 1])
    _, values, _ = svd(carry.reshape(carry.shape[0] * 2, -1))
    return host(values).astype(np.float64)


def spectra(cores: Sequence[Array]) -> list[Floats]:
    """The falling singular values of the train at every cut, from two sweeps. Raises: NotFinite."""
    right, _ = orthogonal_from_right(cores)
    carry, found = right[0], []
    for following in right[1:]:
        _, values, rest = svd(carry.reshape(carry.shape[0] * 2, -1))
        found.append(host(values).astype(np.float64))
        carry = _absorb_right(values[:, None] * rest, following)
    return found


def random_cores(sites: int, bond: int, rng: np.random.Generator) -> list[NDArray[np.complex128]]:
    """Right-canonical cores of norm 1 on the host, each an isometry drawn evenly (Haar), as wide as a cut can use.

    Source: Mezzadri (2007), how to generate random matrices from the classical compact groups.
    """
    bonds = [min(bond, 1 << min(cut, sites - cut, 62)) for cut in range(sites + 1)]
    cores = []
    for left, right in pairwise(bonds):
        gauss = rng.normal(size=(2 * right, left)) + 1j * rng.normal(size=(2 * right, left))
        basis, triangle = np.linalg.qr(gauss)
        phases = np.diagonal(triangle) / np.abs(np.diagonal(triangle))
        cores.append((basis * phases).T.reshape(left, 2, right))
    return cores


def dense_block(cores: Sequence[Array]) -> Array:
    """(l, 2^sites, r): a run of cores multiplied out."""
    block = cores[0]
    for core in cores[1:]:
        left, size, _ = block.shape
        block = (block.reshape(left * size, -1) @ core.reshape(core.shape[0], -1)).reshape(left, size * 2, -1)
    return block


def left_gram(ours: Sequence[Array], theirs: Sequence[Array]) -> Array:
    """(r, r') Σ conj(ours) theirs over all sites of two runs that start at the same place, in double precision."""
    xp = module_of(ours[0])
    gram = xp.ones((1, 1), dtype=np.complex128)
    for a, b in zip(ours, theirs, strict=True):
        half = gram @ b.astype(np.complex128).reshape(b.shape[0], -1)
        gram = a.astype(np.complex128).conj().reshape(-1, a.shape[2]).T @ half.reshape(-1, b.shape[2])
    return gram


def right_gram(ours: Sequence[Array], theirs: Sequence[Array]) -> Array:
    """(l, l') Σ conj(ours) theirs over all sites of two runs that end at the same place, in double precision."""
    xp = module_of(ours[0])
    gram = xp.ones((1, 1), dtype=np.complex128)
    for a, b in zip(reversed(ours), reversed(theirs), strict=True):
        half = (b.astype(np.complex128).reshape(-1, b.shape[2]) @ gram.T).reshape(b.shape[0], -1)
        gram = a.astype(np.complex128).conj().reshape(a.shape[0], -1) @ half.T
    return gram


def _absorb_right(matrix: Any, core: Array) -> Array:
    return (matrix @ core.reshape(core.shape[0], -1)).reshape(-1, 2, core.shape[2])
