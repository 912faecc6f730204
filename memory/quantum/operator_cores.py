"""The cores of operators: made of polynomials of a coordinate and of matrices on a few sites, and rounded.

Works on (l, 2, 2, r) arrays, the indices in the order left bond, bit that comes out, bit that goes in, right bond.
Knows no operator as a whole and no state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory.quantum import linalg
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.grid import Grid

MAX_DEGREE = 16
ROUNDING = 1e-13
"""Singular values under this share of the largest, or of the norm, are rounding."""
Core = NDArray[np.complex128]


def passing(bond: int = 1) -> Core:
    """(bond, 2, 2, bond) the core that hands its bond on and leaves its bit alone."""
    made: Core = np.einsum("ab,oi->aoib", np.eye(bond), np.eye(2)).astype(np.complex128)
    return made


def polynomial(grid: Grid, axis: int, weights: Core) -> list[Core]:
    """Σ_p weights[p] x^p of the coordinate along an axis, (degree + 1,) weights, at bond degree + 1.

    A bit that is 1 moves the coordinate by its step, and a power of the moved coordinate is a binomial sum of powers
    of the unmoved one. Source: Oseledets (2013), Constructive representation of functions in low-rank tensor formats.
    """
    degree = len(weights) - 1
    powers = np.arange(degree + 1)
    sites = grid.blocks()[axis]
    cores = [passing() for _ in range(grid.sites)]
    for site, step in zip(range(sites.start, sites.stop), grid.steps(axis), strict=True):
        core = np.zeros((degree + 1, 2, 2, degree + 1), dtype=np.complex128)
        core[powers, 0, 0, powers] = 1.0
        for power in range(degree + 1):
            for lower in range(power + 1):
                core[lower, 1, 1, power] = math.comb(power, lower) * float(step) ** (power - lower)
        cores[site] = core
    cores[sites.start] = np.tensordot(grid.origin[axis] ** powers[None, :], cores[sites.start], axes=1)
    cores[sites.stop - 1] = np.tensordot(cores[sites.stop - 1], weights[:, None], axes=1)
    return cores


def local(matrix: Core, places: Sequence[int], sites: int) -> list[Core]:
    """A (2^k, 2^k) matrix on k different places of so many sites, the first the most significant bit; 1 elsewhere.

    Source: the operator Schmidt form site after site, as TT-SVD (Oseledets, 2011).
    """
    count = len(places)
    axes = [axis for place in np.argsort(places) for axis in (int(place), count + int(place))]
    rest = matrix.reshape((2,) * (2 * count)).transpose(axes).reshape(1, -1)
    made: list[Core] = []
    for _ in range(count - 1):
        left = rest.shape[0]
        basis, values, right = linalg.svd(rest.reshape(left * 4, -1))
        rank = max(1, int(np.count_nonzero(values > ROUNDING * values[0])))
        made.append(basis[:, :rank].reshape(left, 2, 2, rank))
        rest = values[:rank, None] * right[:rank]
    made.append(rest.reshape(-1, 2, 2, 1))
    ordered, cores, bond = sorted(places), [], 1
    for site in range(sites):
        core = made[ordered.index(site)] if site in places else passing(bond)
        cores.append(core)
        bond = core.shape[3]
    return cores


def rounded(cores: list[Array], max_bond: int, min_fidelity: float) -> tuple[list[Array], float]:
    """(l, 4, r) cores with smaller bonds at the same norm, and the fidelity kept."""
    done = list(cores)
    linear = module_of(done[0]).linalg
    for site in range(len(done) - 1, 0, -1):
        left, _, right = done[site].shape
        basis, triangle = linear.qr(done[site].reshape(left, -1).T)
        done[site] = basis.T.reshape(-1, 4, right)
        done[site - 1] = done[site - 1] @ triangle.T
    fidelity = 1.0
    for site in range(len(done) - 1):
        core = done[site]
        basis, values, rest = linalg.svd(core.reshape(-1, core.shape[2]))
        falling = host(values)
        powers = falling**2
        total = float(powers.sum())
        if not 0.0 < total < math.inf:
            raise OutOfRange("norm of the operator", math.sqrt(total), float(np.finfo(np.float64).tiny), math.inf)
        allowed = max(0.0, 1.0 - min_fidelity / fidelity) / (len(done) - 1 - site)
        rank = min(linalg.kept_rank(falling, max(allowed, ROUNDING**2)), max_bond)
        kept, dropped = float(powers[:rank].sum()), float(powers[rank:].sum())
        fidelity *= kept / (kept + dropped)
        done[site] = basis[:, :rank].reshape(-1, 4, rank)
        carried = values[:rank, None] * math.sqrt((kept + dropped) / kept) * rest[:rank]
        following = done[site + 1]
        done[site + 1] = (carried @ following.reshape(following.shape[0], -1)).reshape(rank, 4, -1)
    return done, fidelity


def coefficients(values: object) -> Core:
    """(p,) the numbers, at most 17, in complex128. Raises: InvalidValue, ShapeMismatch, OutOfRange, NotFinite."""
    try:
        made = np.array(values, dtype=np.complex128)
    except (TypeError, ValueError):
        raise InvalidValue("coefficients", type(values).__name__, "numbers") from None
    if made.ndim != 1 or not made.size:
        raise ShapeMismatch("coefficients", ("p",), made.shape)
    if made.size > MAX_DEGREE + 1:
        raise OutOfRange("degree", made.size - 1, 0, MAX_DEGREE)
    if not np.isfinite(made).all():
        raise NotFinite("coefficients", float("nan"), f"index {int(np.flatnonzero(~np.isfinite(made))[0])}")
    return made
