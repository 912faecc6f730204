"""Matrix factorisations for trains of cores: singular values, ranks, and the two sweeps of compression.

Works on lists of (l, 2, r) arrays of one module. Knows neither grid nor packet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from quantum_memory.errors import NotFinite, OutOfRange
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.types import Floats


class Compressed(NamedTuple):
    """The cores of norm 1, the fidelity that was kept, and the norm there was before."""

    cores: list[Array]
    fidelity: float
    norm: float


def svd(matrix: Array) -> tuple[Array, Array, Array]:
    """The thin singular value decomposition. Raises: NotFinite for a matrix that holds NaN or infinity."""
    xp = module_of(matrix)
    try:
        return xp.linalg.svd(matrix, full_matrices=False)  # type: ignore[no-any-return]
    except np.linalg.LinAlgError:
        # gesdd fails on rare finite matrices that the slower gesvd handles.
        try:
            left, values, right = scipy.linalg.svd(host(matrix), full_matrices=False, lapack_driver="gesvd")
        except ValueError:
            raise NotFinite("matrix", float("nan")) from None
        return xp.asarray(left), xp.asarray(values), xp.asarray(right)


def kept_rank(values: Floats, weight: float) -> int:
    """How many of the falling singular values to keep so that those dropped weigh at most that share of all."""
    powers = values.astype(np.float64) ** 2
    tails = np.cumsum(powers[::-1])[::-1]
    return max(1, int(np.count_nonzero(tails > weight * tails[0])))


def compress(cores: Sequence[Array], max_bond: int, min_fidelity: float) -> Compressed:
    """The train with the smallest bonds that the fidelity allows, and never more than ``max_bond``.

    One QR sweep from the right makes every cut's singular values visible; one truncated SVD sweep from the left uses
    them. The truncations project onto nested spaces, so the fidelity kept is exactly the product of the kept weights.
    What one cut does not use of the budget is left for the cuts to come.

    Raises: OutOfRange if the train is the zero vector; NotFinite.
    """
    right, norm = orthogonal_from_right(cores)
    if not math.isfinite(norm):
        raise NotFinite("norm of the state", norm)
    if norm <= 0.0:
        raise OutOfRange("norm of the state", norm, np.finfo(np.float64).tiny, np.inf)
    done: list[Array] = []
    fidelity = 1.0
    carry = right[0] / norm
    for site in range(len(right) - 1):
        left = carry.shape[0]
        basis, values, rest = svd(carry.reshape(left * 2, -1))
        weights = host(values).astype(np.float64)
        allowed = max(0.0, 1.0 - min_fidelity / fidelity) / (len(right) - 1 - site)
        rank = min(kept_rank(weights, max(allowed, float(np.finfo(values.dtype).eps) ** 2)), max_bond)
        powers = weights**2
        kept, dropped = float(powers[:rank].sum()), float(powers[rank:].sum())
        fidelity *= kept / (kept + dropped)
        done.append(basis[:, :rank].reshape(left, 2, rank))
        carry = values[:rank, None] / math.sqrt(kept) * rest[:rank]
        carry = _absorb_right(carry, right[site + 1])
    done.append(carry / float(module_of(carry).linalg.norm(carry)))
    return Compressed(done, fidelity, norm)


def orthogonal_from_right(cores: Sequence[Array]) -> tuple[list[Array], float]:
    """The same train with every core but the first right-orthogonal, and its norm."""
    xp = module_of(cores[0])
    done = list(cores)
    for site in range(len(done) - 1, 0, -1):
        left = done[site].shape[0]
        basis, triangle = xp.linalg.qr(done[site].reshape(left, -1).conj().T)
        done[site] = basis.conj().T.reshape(-1, 2, done[site].shape[2])
        done[site - 1] = done[site - 1] @ triangle.conj().T
    return done, float(xp.linalg.norm(done[0]))


def schmidt_values(cores: Sequence[Array], cut: int) -> Floats:
    """Falling singular values of the train between its first ``cut`` sites and the rest."""
    xp = module_of(cores[0])
    right, _ = orthogonal_from_right(cores)
    carry = right[0]
    for site in range(cut - 1):
        _, triangle = xp.linalg.qr(carry.reshape(carry.shape[0] * 2, -1))
        carry = _absorb_right(triangle, right[site + 1])
    _, values, _ = svd(carry.reshape(carry.shape[0] * 2, -1))
    return host(values).astype(np.float64)


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
