"""Matrix factorisations for trains of cores: singular values, ranks, and the two sweeps of compression.

Works on lists of (l, 2, r) arrays of one module. Knows neither grid nor packet.
"""

from __future__ import annotations

import cmath
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
TINY = float(np.finfo(np.float64).tiny)
CANCELLED = 64.0
"""Roundings under which what is left of a sum is rounding itself: such sums leave 1 to 13, those of states far more."""
unwarned = np.errstate(over="ignore", invalid="ignore")
"""For what may overflow on the way to a number that is then checked: the named error says it, no warning has to."""


class Compressed(NamedTuple):
    """The cores of norm 1, the fidelity that was kept, and the norm there was before."""

    cores: list[Array]
    fidelity: float
    norm: float


class Cut(NamedTuple):
    """A matrix in the columns that weigh most: (m, k) basis, (k, n) rest of norm 1, and the share of weight kept."""

    basis: Array
    rest: Array
    kept: float


def positive(name: str, value: float) -> float:
    """A norm, or a product of norms, that can be divided by.

    Raises: NotFinite for one that overflowed; OutOfRange for that of the zero vector, or of a state so small that its
        norm cannot be told from 0.
    """
    if not math.isfinite(value):
        raise NotFinite(name, value)
    if not value >= TINY:
        raise OutOfRange(name, value, TINY, math.inf)
    return value


def overlap(ours: Sequence[Array], theirs: Sequence[Array]) -> complex:
    """<ours|theirs>, in double precision. Raises: NotFinite for one that overflows."""
    found = complex(left_gram(ours, theirs)[0, 0])
    if not cmath.isfinite(found):
        raise NotFinite("overlap", math.inf)
    return found


def finite_overlaps(overlaps: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The overlaps on the host, if every one of them is finite. Raises: NotFinite."""
    if not np.isfinite(overlaps).all():
        raise NotFinite("overlap", math.inf, f"index {tuple(np.argwhere(~np.isfinite(overlaps))[0].tolist())}")
    return overlaps


def power_of(cores: Sequence[Array], name: str = "squared norm of the state") -> float:
    """<train|train>, in double precision.

    Raises: OutOfRange for the zero vector, and where rounding alone is left of it; NotFinite for one that overflows.
    """
    last = cores[-1:]
    return uncancelled(name, left_gram(cores[:-1], cores[:-1]), right_gram(last, last))


@unwarned
def uncancelled(name: str, left: Array, right: Array) -> float:
    """The squared norm that two environments of one cut make, each (bra bond, ket bond), in double precision.

    The parts of a sum of trains meet in blocks of them: where the parts cancel, so do the blocks, to rounding.

    Raises: OutOfRange where they do, and for 0; NotFinite.
    """
    parts = left * right
    value = positive(name, float(parts.sum().real))
    least = CANCELLED * float(np.finfo(np.float64).eps) * float(abs(parts).sum())
    if value <= least < math.inf:
        raise OutOfRange(name, value, least, math.inf)
    return value


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
    right, norm = canonical(cores)
    cuts = len(right) - 1
    limits = [max_bond] * cuts if isinstance(max_bond, int) else list(max_bond)
    done: list[Array] = []
    fidelity = 1.0
    carry = right[0]
    for site, limit in enumerate(limits):
        left = carry.shape[0]
        allowed = max(0.0, 1.0 - min_fidelity / fidelity) / (cuts - site)
        cut = truncated(carry.reshape(left * 2, -1), limit, allowed, dtype)
        fidelity *= cut.kept
        done.append(cut.basis.reshape(left, 2, -1).astype(dtype, copy=False))
        carry = left_times(cut.rest, right[site + 1])
    done.append((carry / float(module_of(carry).linalg.norm(carry))).astype(dtype, copy=False))
    if rounding_shows(fidelity, dtype):
        fidelity = explicit_fidelity(done, complex(left_gram(done, right)[0, 0]))
    return Compressed(done, fidelity, norm)


def truncated(matrix: Array, limit: int, weight: float, dtype: np.dtype[Any]) -> Cut:
    """The matrix in as few columns as leave out that share of its weight at most, and never more than ``limit``.

    Args:
        matrix: (m, n) in double precision.
        limit: of columns.
        weight: share of the squared singular values that may be left out; what the cores cannot resolve always may.
        dtype: of the cores that are made. For complex64 the basis comes from the eigenvectors of matrix · matrix^H
            where that is the smaller side: faster, and blind only to weights under the rounding of a double.

    Raises: NotFinite.
    """
    basis, powers, rest = _weighed(matrix, squared=dtype == np.complex64)
    rank = min(_rank(powers, max(weight, float(np.finfo(dtype).eps) ** 2)), limit)
    kept, dropped = float(powers[:rank].sum()), float(powers[rank:].sum())
    basis = basis[:, :rank]
    rest = basis.conj().T @ matrix if rest is None else rest[0][:rank, None] * rest[1][:rank]
    return Cut(basis, rest / math.sqrt(kept), kept / (kept + dropped))


def _weighed(matrix: Array, *, squared: bool) -> tuple[Array, Floats, tuple[Array, Array] | None]:
    """An orthonormal basis of the columns, its falling weights, and the other factors where the SVD was taken."""
    if squared and matrix.shape[0] <= matrix.shape[1]:
        try:
            rising, vectors = module_of(matrix).linalg.eigh(matrix @ matrix.conj().T)
        except np.linalg.LinAlgError:
            return _weighed(matrix, squared=False)
        powers = host(rising)[::-1]
        # cuSOLVER reports no failure through CuPy: it shows in the values alone.
        if np.isfinite(powers).all():
            return vectors[:, ::-1], np.maximum(powers, 0.0), None
    basis, values, right = svd(matrix)
    return basis, host(values) ** 2, (values, right)


def rounding_shows(fidelity: float, dtype: np.dtype[Any]) -> bool:
    """Whether cores of that type differ from those that were computed by more than the fidelity may be off."""
    return dtype == np.complex64 and 1.0 - fidelity > MEASURED_FROM


def explicit_fidelity(small: Sequence[Array], overlap: complex) -> float:
    """|overlap|^2 / <small|small> for the overlap of the small train with one of norm 1."""
    return min(1.0, abs(overlap) ** 2 / power_of(small))


def canonical(cores: Sequence[Array]) -> tuple[list[Array], float]:
    """The right-canonical cores at norm 1, in double precision, and the norm there was.

    Raises: OutOfRange for the zero vector, and for one of which rounding alone is left; NotFinite.
    """
    right, norm = orthogonal_from_right(cores)
    positive("norm of the state", norm)
    return [right[0] / norm, *right[1:]], norm


def absorbed(core: Array, triangle: Array) -> Array:
    """(..., k) the (..., l) core times the transpose of a (k, l) triangle, which a QR of what lies to its right left.

    A train whose parts cancel, as those of a state less itself, has a norm of nothing but rounding. It shows here: the
    product is then at the rounding of the products that it sums. The lengths of the triangle's columns bound those.

    Raises: OutOfRange for such a product.
    """
    xp = module_of(core)
    rows = core.reshape(-1, core.shape[-1])
    made = rows @ triangle.T
    length = math.sqrt(float(xp.vdot(made, made).real))
    rounding = CANCELLED * float(np.finfo(core.dtype).eps)
    # Frobenius norms are the looser bound and the cheaper one.
    most = math.sqrt(float(xp.vdot(rows, rows).real)) * math.sqrt(float(xp.vdot(triangle, triangle).real))
    if 0.0 < length <= rounding * most:
        least = rounding * float(xp.linalg.norm(abs(rows) @ xp.linalg.norm(triangle, axis=0)))
        if length <= least < math.inf:
            raise OutOfRange("norm of what does not cancel in the state", length, least, math.inf)
    return made.reshape(*core.shape[:-1], -1)


def _rank(powers: Floats, weight: float) -> int:
    """How many of the falling weights to keep so that the share of those dropped is at most ``weight``."""
    tails = powers[::-1].cumsum()[::-1]
    return max(1, int(np.count_nonzero(tails > weight * tails[0])))


@unwarned
def orthogonal_from_right(cores: Sequence[Array]) -> tuple[list[Array], float]:
    """The same train in double precision with every core but the first right-orthogonal, and its norm.

    Raises: OutOfRange for a train of which rounding alone is left, as ``absorbed`` finds it.
    """
    xp = module_of(cores[0])
    done = [core.astype(np.complex128, copy=False) for core in cores]
    for site in range(len(done) - 1, 0, -1):
        left, _, right = done[site].shape
        # The transpose, not the adjoint: Q^T has orthonormal rows as well, and nothing need be conjugated.
        basis, triangle = engine_of(done[site]).qr(done[site].reshape(left, -1).T)
        done[site] = basis.T.reshape(-1, 2, right)
        done[site - 1] = absorbed(done[site - 1], triangle)
    return done, float(xp.linalg.norm(done[0]))


@unwarned
def schmidt_values(cores: Sequence[Array], cut: int) -> Floats:
    """Falling singular values of the train between its first ``cut`` sites and the rest."""
    right, _ = orthogonal_from_right(cores)
    carry = right[0]
    for site in range(cut - 1):
        _, triangle = engine_of(carry).qr(carry.reshape(carry.shape[0] * 2, -1))
        carry = left_times(triangle, right[site + 1])
    _, values, _ = svd(carry.reshape(carry.shape[0] * 2, -1))
    return host(values).astype(np.float64)


@unwarned
def spectra(cores: Sequence[Array]) -> list[Floats]:
    """The falling singular values of the train at every cut, from two sweeps. Raises: NotFinite."""
    right, _ = orthogonal_from_right(cores)
    carry, found = right[0], []
    for following in right[1:]:
        _, values, rest = svd(carry.reshape(carry.shape[0] * 2, -1))
        found.append(host(values).astype(np.float64))
        carry = left_times(values[:, None] * rest, following)
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


@unwarned
def dense_block(cores: Sequence[Array]) -> Array:
    """(l, 2^sites, r): a run of cores multiplied out."""
    block = cores[0]
    for core in cores[1:]:
        left, size, _ = block.shape
        block = (block.reshape(left * size, -1) @ core.reshape(core.shape[0], -1)).reshape(left, size * 2, -1)
    return block


@unwarned
def left_gram(ours: Sequence[Array], theirs: Sequence[Array]) -> Array:
    """(r, r') Σ conj(ours) theirs over all sites of two runs that start at the same place, in double precision."""
    xp = module_of(ours[0])
    gram = xp.ones((1, 1), dtype=np.complex128)
    for a, b in zip(ours, theirs, strict=True):
        half = gram @ b.astype(np.complex128).reshape(b.shape[0], -1)
        gram = a.astype(np.complex128).conj().reshape(-1, a.shape[2]).T @ half.reshape(-1, b.shape[2])
    return gram


@unwarned
def right_gram(ours: Sequence[Array], theirs: Sequence[Array]) -> Array:
    """(l, l') Σ conj(ours) theirs over all sites of two runs that end at the same place, in double precision."""
    xp = module_of(ours[0])
    gram = xp.ones((1, 1), dtype=np.complex128)
    for a, b in zip(reversed(ours), reversed(theirs), strict=True):
        half = (b.astype(np.complex128).reshape(-1, b.shape[2]) @ gram.T).reshape(b.shape[0], -1)
        gram = a.astype(np.complex128).conj().reshape(a.shape[0], -1) @ half.T
    return gram


def left_times(matrix: Array, core: Array) -> Array:
    """(k, 2, r): a (k, l) matrix multiplied into the left bond of an (l, 2, r) core."""
    return (matrix @ core.reshape(core.shape[0], -1)).reshape(-1, 2, core.shape[2])
