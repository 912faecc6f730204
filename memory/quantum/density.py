"""Density matrices of a few sites: what makes one, and how close two of them are.

Owns the checks of small matrices and sites that channels and tomography share. Never changes a matrix or a state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, distinct
from quantum_memory.errors import InvalidValue, NotFinite, ShapeMismatch
from quantum_memory.memory.quantum import linalg
from quantum_memory.memory.quantum.backend import Array, host
from quantum_memory.memory.quantum.state import QuantumState

Matrix = NDArray[np.complex128]
PHYSICAL = 1e-8
"""How far a density matrix may be from Hermitian, positive and of trace 1."""


def state_fidelity(one: QuantumState | Array, other: QuantumState | Array) -> float:
    """(tr √(√ρ σ √ρ))² in [0, 1], the squared convention (Uhlmann, 1976; Jozsa, 1994).

    Args:
        one: a QuantumState, a (d,) vector of any norm but 0, or a (d, d) density matrix.
        other: a QuantumState beside a QuantumState; otherwise a vector or a matrix of the same d.

    Raises: InvalidValue for a QuantumState beside an array; ShapeMismatch, NotFinite, OutOfRange.
    """
    if isinstance(one, QuantumState) and isinstance(other, QuantumState):
        return one.fidelity(other)
    if isinstance(one, QuantumState) or isinstance(other, QuantumState):
        raise InvalidValue("states", "a QuantumState and an array", "two of a kind: reduce the QuantumState first")
    rho, sigma = _vector_or_density("one", one), _vector_or_density("other", other)
    if len(rho) != len(sigma):
        raise ShapeMismatch("other", rho.shape, sigma.shape)
    if rho.ndim == sigma.ndim == 1:
        value = float(abs(np.vdot(rho, sigma)) ** 2)
    elif 1 in {rho.ndim, sigma.ndim}:
        vector, matrix = (rho, sigma) if rho.ndim == 1 else (sigma, rho)
        value = float(np.vdot(vector, matrix @ vector).real)
    else:
        value = float(np.linalg.svd(_root(rho) @ _root(sigma), compute_uv=False).sum() ** 2)
    return min(1.0, max(0.0, value))


def trace_distance(rho: Array, sigma: Array) -> float:
    """½ Σ |eigenvalues of ρ-σ| in [0, 1], (d, d) each. Raises: ShapeMismatch, NotFinite, OutOfRange."""
    one, other = density("rho", rho), density("sigma", sigma)
    if one.shape != other.shape:
        raise ShapeMismatch("sigma", one.shape, other.shape)
    return min(1.0, float(np.abs(np.linalg.eigvalsh(one - other)).sum()) / 2.0)


def purity(rho: Array) -> float:
    """The trace of ρ², in [1/d, 1], ρ (d, d). Raises: ShapeMismatch, NotFinite, OutOfRange."""
    return float((np.abs(density("rho", rho)) ** 2).sum())


def numeric(name: str, value: object) -> Matrix:
    """A copy on the host in complex128. Raises: InvalidValue, NotFinite."""
    try:
        found = value if isinstance(value, list | tuple) else host(value)
        made = np.array(found, dtype=np.complex128)
    except (TypeError, ValueError, OverflowError):
        raise InvalidValue(name, type(value).__name__, "numbers") from None
    if not np.isfinite(made).all():
        raise NotFinite(name, float("nan"))
    return made


def density(name: str, value: object) -> Matrix:
    """(d, d) the matrix, if it is Hermitian, positive and of trace 1 to 1e-8. Raises: ShapeMismatch, OutOfRange, ..."""
    matrix = numeric(name, value)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ShapeMismatch(name, ("d", "d"), matrix.shape)
    sites_of(name, len(matrix))
    bounded(f"distance of {name} from its adjoint", distance(matrix, matrix.conj().T), 0.0, PHYSICAL)
    bounded(f"trace of {name}", float(np.trace(matrix).real), 1.0 - PHYSICAL, 1.0 + PHYSICAL)
    bounded(f"least eigenvalue of {name}", float(np.linalg.eigvalsh(matrix)[0]), -PHYSICAL, 1.0)
    return matrix


def sites_of(name: str, dim: int) -> int:
    """k, if the dimension is 2^k with k at least 1. Raises: InvalidValue."""
    if dim < 2 or dim & (dim - 1):
        raise InvalidValue(f"dimension of {name}", str(dim), "a power of two, at least 2")
    return dim.bit_length() - 1


def chosen_sites(sites: Sequence[int], available: int, want: int) -> tuple[int, ...]:
    """The sites, if they are that many, each there once. Raises: ShapeMismatch, InvalidValue, OutOfRange."""
    if not isinstance(sites, Sequence | np.ndarray):
        raise InvalidValue("sites", repr(sites), "a sequence of whole numbers")
    if len(sites) != want or want == 0:
        raise ShapeMismatch("sites", (max(1, want),), (len(sites),))
    return distinct("sites", sites, available)


def _vector_or_density(name: str, value: object) -> Matrix:
    made = numeric(name, value)
    if made.ndim != 1:
        return density(name, made)
    return made / linalg.positive(f"norm of {name}", float(np.linalg.norm(made)))


def _root(matrix: Matrix) -> Matrix:
    values, vectors = np.linalg.eigh(matrix)
    # An eigenvalue that is rounding of 0 would count with its square root, 1e-8.
    values = np.where(values > len(values) * np.finfo(np.float64).eps, values, 0.0)
    root: Matrix = (vectors * np.sqrt(values)) @ vectors.conj().T
    return root


def distance(one: NDArray[Any], other: NDArray[Any]) -> float:
    """The largest difference of two entries."""
    return float(np.abs(one - other).max())
