"""Operators on the grid as matrix product operators: made, added, multiplied, compressed, and set against states.

Owns the operators and their algebra; ``operator_cores`` makes and rounds cores. Never holds the dense matrix, but for
``to_dense`` on few sites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, distinct, whole
from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory.quantum import operator_cores
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.circuit import MAX_DENSE_SITES, Circuit, square_matrix
from quantum_memory.memory.quantum.grid import AXES, Grid
from quantum_memory.memory.quantum.linalg import power_of
from quantum_memory.memory.quantum.state import MAX_BOND, MIN_FIDELITY, QuantumState, checked_state

MAX_LOCAL_SITES = 6
MAX_OPERATOR_BOND = 1024
"""Bonds over it are refused before anything is multiplied: compress the factors first."""


@dataclass(frozen=True, slots=True, eq=False)
class MPO:
    """A linear operator on the amplitudes over a grid, as a train of cores.

    Attributes:
        grid: where it acts.
        cores: one (l, 2, 2, r) complex128 array per site of the grid, the indices in the order left bond, bit that
            comes out, bit that goes in, right bond; the outer bonds are 1. Of numpy, then made read-only, or of CuPy.

    Raises: InvalidValue, ShapeMismatch, NotFinite.
    Source: Schollwöck (2011), section 5; Oseledets (2011) for the arithmetic.
    """

    grid: Grid
    cores: tuple[Array, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "cores", tuple(self.cores))
        if len(self.cores) != self.grid.sites:
            raise ShapeMismatch("cores", (self.grid.sites,), (len(self.cores),))
        left = 1
        for site, core in enumerate(self.cores):
            right = 1 if site == len(self.cores) - 1 else "r"
            fits = core.ndim == 4 and core.shape[:3] == (left, 2, 2) and core.size and right in (core.shape[3], "r")
            if not fits:
                raise ShapeMismatch(f"core {site}", (left, 2, 2, right), tuple(core.shape))
            if core.dtype != np.complex128:
                raise InvalidValue(f"core {site}", str(core.dtype), "complex128")
            if not bool(module_of(core).isfinite(core).all()):
                raise NotFinite(f"core {site}", float("nan"))
            left = core.shape[3]
            if isinstance(core, np.ndarray):
                core.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.grid, self.cores)

    @classmethod
    def identity(cls, grid: Grid) -> MPO:
        """The operator that changes nothing, of bond 1."""
        return cls(grid, tuple(operator_cores.passing() for _ in range(grid.sites)))

    @classmethod
    def position(cls, grid: Grid, axis: int) -> MPO:
        """The coordinate along an axis, 0 to 2: diagonal, of bond 2. Raises: InvalidValue, OutOfRange."""
        return cls.polynomial(grid, axis, (0.0, 1.0))

    @classmethod
    def polynomial(cls, grid: Grid, axis: int, coefficients: Sequence[complex]) -> MPO:
        """Σ_p coefficients[p] x^p of the coordinate along an axis: diagonal, of bond degree + 1, exact.

        A bit that is 1 moves the coordinate by its step, and a power of the moved coordinate is a binomial sum of
        powers of the unmoved one.

        Raises: InvalidValue for no coefficient; OutOfRange for a degree over 16 or another axis; NotFinite.
        Source: Oseledets (2013), Constructive representation of functions in low-rank tensor formats.
        """
        place = whole("axis", axis, 0, len(AXES) - 1)
        return cls(grid, tuple(operator_cores.polynomial(grid, place, operator_cores.coefficients(coefficients))))

    @classmethod
    def from_matrix(cls, grid: Grid, matrix: object, sites: Sequence[int]) -> MPO:
        """A (2^k, 2^k) matrix on k different sites, 1 to 6, the first the most significant bit; identity elsewhere.

        Raises: InvalidValue, ShapeMismatch, OutOfRange, NotFinite.
        Source: the operator Schmidt form site after site, as TT-SVD (Oseledets, 2011).
        """
        places = distinct("sites", sites, grid.sites)
        whole("number of sites", len(places), 1, MAX_LOCAL_SITES)
        return cls(grid, tuple(operator_cores.local(square_matrix(matrix, len(places)), places, grid.sites)))

    @classmethod
    def from_circuit(cls, grid: Grid, circuit: Circuit) -> MPO:
        """The unitary of a circuit, exact up to rounding, at the smallest bonds: for shallow circuits or few sites.

        Raises: InvalidValue for what is no circuit or has another number of sites than the grid; OutOfRange if a bond
            would pass 1024.
        """
        if not isinstance(circuit, Circuit):
            raise InvalidValue("circuit", type(circuit).__name__, "a circuit")
        if circuit.sites != grid.sites:
            raise InvalidValue("sites of the circuit", str(circuit.sites), f"{grid.sites}, as the grid has")
        total = cls.identity(grid)
        for gate in circuit.gates:
            total, _ = (cls.from_matrix(grid, gate.matrix, gate.sites) @ total).compress(MAX_OPERATOR_BOND, 1.0)
        return total

    @property
    def bonds(self) -> tuple[int, ...]:
        """The bond dimensions between neighbouring sites."""
        return tuple(int(core.shape[3]) for core in self.cores[:-1])

    @property
    def bond(self) -> int:
        """The largest bond dimension."""
        return max(self.bonds)

    def __add__(self, other: MPO) -> MPO:
        """The sum; the bonds add up. Raises: InvalidValue for another grid; OutOfRange for a bond over 1024."""
        if not isinstance(other, MPO):
            return NotImplemented
        self._fits(other.grid, (a + b for a, b in zip(self.bonds, other.bonds, strict=True)))
        xp = module_of(self.cores[0])
        cores = [xp.concatenate([self.cores[0], other.cores[0]], axis=3)]
        for one, two in zip(self.cores[1:-1], other.cores[1:-1], strict=True):
            core = xp.zeros((one.shape[0] + two.shape[0], 2, 2, one.shape[3] + two.shape[3]), dtype=np.complex128)
            core[: one.shape[0], :, :, : one.shape[3]] = one
            core[one.shape[0] :, :, :, one.shape[3] :] = two
            cores.append(core)
        cores.append(xp.concatenate([self.cores[-1], other.cores[-1]], axis=0))
        return MPO(self.grid, tuple(cores))

    def __matmul__(self, other: MPO) -> MPO:
        """The product: the other acts first; the bonds multiply. Raises: as the sum."""
        if not isinstance(other, MPO):
            return NotImplemented
        self._fits(other.grid, (a * b for a, b in zip(self.bonds, other.bonds, strict=True)))
        xp = module_of(self.cores[0])
        cores = []
        for one, two in zip(self.cores, other.cores, strict=True):
            joined = xp.tensordot(one, two, axes=((2,), (1,))).transpose(0, 3, 1, 4, 2, 5)
            cores.append(joined.reshape(one.shape[0] * two.shape[0], 2, 2, -1))
        return MPO(self.grid, tuple(cores))

    def scaled(self, factor: complex) -> MPO:
        """The operator times a number. Raises: InvalidValue, NotFinite."""
        number = complex(operator_cores.coefficients((factor,))[0])
        return MPO(self.grid, (self.cores[0] * number, *self.cores[1:]))

    def adjoint(self) -> MPO:
        """The operator's Hermitian conjugate."""
        return MPO(self.grid, tuple(core.conj().transpose(0, 2, 1, 3) for core in self.cores))

    def on(self, xp: Any) -> MPO:
        """The operator with its cores in that array module: itself if they are there."""
        here = module_of(self.cores[0])
        return self if here is xp else MPO(self.grid, tuple(xp.asarray(host(core)) for core in self.cores))

    def compress(self, max_bond: int = MAX_BOND, min_fidelity: float = MIN_FIDELITY) -> tuple[MPO, float]:
        """A smaller operator of the same Frobenius norm, and the exact |tr(A†B)|² / (tr(A†A) tr(B†B)) kept.

        Raises: InvalidValue, NotFinite; OutOfRange for the zero operator or a bad limit.
        Source: Oseledets (2011), TT rounding.
        """
        whole("max_bond", max_bond, 1, 1 << 16)
        bounded("min_fidelity", min_fidelity, 0.0, 1.0)
        flat = [core.reshape(core.shape[0], 4, core.shape[3]) for core in self.cores]
        small, fidelity = operator_cores.rounded(flat, int(max_bond), min_fidelity)
        return MPO(self.grid, tuple(core.reshape(core.shape[0], 2, 2, core.shape[2]) for core in small)), fidelity

    def apply(
        self, state: QuantumState, max_bond: int = MAX_BOND, min_fidelity: float = MIN_FIDELITY
    ) -> tuple[QuantumState, float]:
        """The operator times the state, compressed, and the exact fidelity to the uncompressed product.

        The norm of the result is that of the product: compression changes only the direction.

        Raises: InvalidValue for another grid; OutOfRange if nothing is left or for a bad limit; NotFinite.
        """
        self._fits(checked_state(state).grid, ())
        xp = module_of(state.cores[0])
        cores = []
        for operator, core in zip(self.cores, state.cores, strict=True):
            joined = xp.tensordot(operator, core.astype(np.complex128, copy=False), axes=((2,), (1,)))
            cores.append(joined.transpose(0, 3, 1, 2, 4).reshape(operator.shape[0] * core.shape[0], 2, -1))
        small = QuantumState._made(state.grid, cores).compressed(max_bond, min_fidelity)  # noqa: SLF001 - own cores
        made = [small.cores[0] * small.norm, *small.cores[1:]]
        return QuantumState._made(state.grid, made).astype(state.dtype), small.fidelity  # noqa: SLF001 - own cores

    def expectation(self, state: QuantumState) -> complex:
        """⟨ψ|A|ψ⟩ / ⟨ψ|ψ⟩. Raises: InvalidValue for another grid; OutOfRange for the zero vector."""
        power = power_of(checked_state(state).cores)
        return self.matrix_element(state, state) / power

    def matrix_element(self, bra: QuantumState, ket: QuantumState) -> complex:
        """⟨bra|A|ket⟩ in double precision. Raises: InvalidValue for another grid."""
        for state in (bra, ket):
            self._fits(checked_state(state).grid, ())
        xp = module_of(self.cores[0])
        carried = xp.ones((1, 1, 1), dtype=np.complex128)
        for ours, operator, theirs in zip(bra.cores, self.cores, ket.cores, strict=True):
            right = xp.tensordot(carried, theirs.astype(np.complex128), axes=((2,), (0,)))
            middle = xp.tensordot(right, operator, axes=((1, 2), (0, 2)))
            carried = xp.tensordot(ours.astype(np.complex128).conj(), middle, axes=((0, 1), (0, 2)))
            carried = carried.transpose(0, 2, 1)
        return complex(host(carried)[0, 0, 0])

    def to_dense(self) -> NDArray[np.complex128]:
        """(2^sites, 2^sites) the matrix, on the host. Raises: OutOfRange over 12 sites."""
        whole("sites", self.grid.sites, 1, MAX_DENSE_SITES)
        total: NDArray[np.complex128] = np.ones((1, 1, 1), dtype=np.complex128)
        for core in self.cores:
            size = total.shape[0]
            joined = np.tensordot(total, host(core), axes=1).transpose(0, 2, 1, 3, 4)
            total = joined.reshape(size * 2, size * 2, -1)
        return total[:, :, 0]

    def _fits(self, grid: Grid, bonds: Any) -> None:
        if grid != self.grid:
            raise InvalidValue("grid", str(grid.bits), f"the grid of the operator, {self.grid.bits}")
        widest = max(bonds, default=1)
        if widest > MAX_OPERATOR_BOND:
            raise OutOfRange("bond of the operator", widest, 1, MAX_OPERATOR_BOND)
