"""Cartan (KAK) decomposition of unitaries on one and two sites into rotations and at most three CX. Owns no circuit.

Any two-site unitary is e^{iφ} (A ⊗ B) exp(i (x XX + y YY + z ZZ)) (C ⊗ D), with x, y, z in the Weyl chamber
π/4 ≥ x ≥ y ≥ |z|, and z ≥ 0 where x = π/4 (Zhang, Vala, Sastry and Whaley, 2003); then x, y and z are unique.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import OutOfRange, ShapeMismatch
from quantum_memory.memory.quantum.circuit import UNITARITY, Gate, distinct_sites, square_matrix
from quantum_memory.memory.quantum.standard import I2, X, Y, Z

Matrix = NDArray[Any]

COORDINATE_TOLERANCE = 1e-11
"""Coordinates of the Weyl chamber that differ by less count as equal."""
SWEEPS = 30
"""Jacobi sweeps before giving up; from the start that is made here two or three are enough."""

_H = (X + Z) / math.sqrt(2.0)
_PAULIS = (X, Y, Z)
_MAGIC: Matrix = np.array([[1, 0, 0, 1j], [0, 1j, 1, 0], [0, 1j, -1, 0], [1, 0, 0, -1j]]) / math.sqrt(2.0)
_SIGNS = np.array(
    [np.ones(4)] + [np.diagonal(_MAGIC.conj().T @ np.kron(pauli, pauli) @ _MAGIC).real for pauli in _PAULIS]
)
"""(4, 4) the eigenvalues of 1, XX, YY and ZZ on the vectors of the magic basis: rows of a Hadamard matrix."""


class Euler(NamedTuple):
    """Angles in radians: the matrix is e^{i phase} U(theta, phi, lam), whose first entry is cos(theta/2)."""

    theta: float
    phi: float
    lam: float
    phase: float


@dataclass(frozen=True, slots=True, eq=False)
class Cartan:
    """e^{i phase} (after[0] ⊗ after[1]) exp(i (x XX + y YY + z ZZ)) (before[0] ⊗ before[1]).

    Attributes:
        phase: radians.
        coordinates: x, y and z in the Weyl chamber, in radians.
        before, after: the (2, 2) unitaries on the first and the second site.
    """

    phase: float
    coordinates: tuple[float, float, float]
    before: tuple[Matrix, Matrix]
    after: tuple[Matrix, Matrix]

    @property
    def cx_count(self) -> int:
        """How many CX the unitary needs: 0 to 3 (Shende, Markov and Bullock, 2004)."""
        x, y, z = self.coordinates
        if abs(z) > COORDINATE_TOLERANCE:
            return 3
        if y > COORDINATE_TOLERANCE:
            return 2
        if x <= COORDINATE_TOLERANCE:
            return 0
        return 1 if math.pi / 4 - x <= COORDINATE_TOLERANCE else 2

    def matrix(self) -> Matrix:
        """(4, 4) the unitary."""
        middle = cmath.exp(1j * self.phase) * interaction(*self.coordinates)
        made: Matrix = np.kron(*self.after) @ middle @ np.kron(*self.before)
        return made


def interaction(x: float, y: float, z: float) -> Matrix:
    """(4, 4) exp(i (x XX + y YY + z ZZ)), angles in radians."""
    made: Matrix = (_MAGIC * np.exp(1j * (np.array([0.0, x, y, z]) @ _SIGNS))) @ _MAGIC.conj().T
    return made


def euler(matrix: object) -> Euler:
    """The angles of a (2, 2) unitary: rotations about Z, Y and Z, and a phase.

    Raises: InvalidValue, ShapeMismatch, NotFinite; OutOfRange if it is not unitary to 1e-10.
    """
    given = _unitary(matrix, 1)
    cos, sin = abs(given[0, 0]), abs(given[1, 0])
    phase = cmath.phase(given[0, 0])
    phi = cmath.phase(given[1, 0]) - phase
    # The larger entries fix the angles; those of a vanishing entry are noise and must only cancel.
    lam = cmath.phase(given[1, 1]) - phase - phi if cos >= sin else cmath.phase(-given[0, 1]) - phase
    return Euler(2.0 * math.atan2(sin, cos), _turn(phi), _turn(lam), phase)


def cartan(matrix: object) -> Cartan:
    """The Cartan decomposition of a (4, 4) unitary, in the Weyl chamber.

    In the magic basis local unitaries are real orthogonal, so the symmetric unitary UᵀU = P D Pᵀ has a real P, found
    by diagonalising its real and imaginary part at once (Tucci, 2005).

    Raises: InvalidValue, ShapeMismatch, NotFinite; OutOfRange if it is not unitary to 1e-10.
    """
    given = _unitary(matrix, 2)
    basis, _, rest = np.linalg.svd(given)
    phase = cmath.phase(np.linalg.det(basis @ rest)) / 4.0
    magic = _MAGIC.conj().T @ (basis @ rest) @ _MAGIC * cmath.exp(-1j * phase)
    symmetric = magic.T @ magic
    axes = diagonalise_together(symmetric.real, symmetric.imag)
    if np.linalg.det(axes) < 0.0:
        axes[:, 0] = -axes[:, 0]
    angles = np.angle(np.diagonal(axes.T @ symmetric @ axes)) / 2.0
    # The roots must multiply to det(magic) = 1, or the left factor would be no rotation.
    if math.cos(float(angles.sum())) < 0.0:
        angles[0] += math.pi
    left = (magic @ axes * np.exp(-1j * angles)).real
    common, *coordinates = (_SIGNS @ angles / 4.0).tolist()
    after_phase, *after = factors(_MAGIC @ left @ _MAGIC.conj().T)
    before_phase, *before = factors(_MAGIC @ axes.T @ _MAGIC.conj().T)
    return _to_chamber(phase + common + after_phase + before_phase, coordinates, before, after)


def synthesise(matrix: object, sites: tuple[int, int]) -> tuple[tuple[Gate, ...], float]:
    """The gates ``U`` and ``cx``, at most three of the latter, and the phase that make a (4, 4) unitary on two sites.

    The unitary is e^{i phase} times the product of the gates, the first acting first. The number of CX is the least
    possible; the circuits are those of Vidal and Dawson (2004) and of Vatan and Williams (2004).

    Raises: InvalidValue, ShapeMismatch, NotFinite; OutOfRange if it is not unitary to 1e-10.
    """
    places = distinct_sites(sites)
    if len(places) != 2:
        raise ShapeMismatch("sites", (2,), (len(places),))
    found = cartan(matrix)
    locals_, reversed_cx, phase = _middle(found)
    pairs = [list(pair) for pair in locals_]
    for site in (0, 1):
        pairs[0][site] = pairs[0][site] @ found.before[site]
        pairs[-1][site] = found.after[site] @ pairs[-1][site]
    phase += found.phase
    gates: list[Gate] = []
    for index, pair in enumerate(pairs):
        if index:
            gates.append(Gate.of("cx", places[::-1] if reversed_cx[index - 1] else places))
        for site, local in zip(places, pair, strict=True):
            angles = euler(local)
            phase += angles.phase
            if float(np.abs(local - cmath.exp(1j * angles.phase) * I2).max()) > 1e-15:
                gates.append(Gate.of("U", (site,), *angles[:3]))
    return tuple(gates), _turn(phase)


def diagonalise_together(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, n) a real orthogonal matrix whose columns are eigenvectors of both of two commuting symmetric matrices.

    Jacobi rotations, each the best for both matrices (Bunse-Gerstner, Byers and Mehrmann, 1993; the angle of Cardoso
    and Souloumiac, 1996), from the eigenvectors of a mixture: these are right already unless eigenvalues of the
    mixture nearly meet, and equal eigenvalues of both need no care at all.
    """
    axes: NDArray[np.float64] = np.linalg.eigh(one + 0.618 * other)[1]
    pair = np.stack([axes.T @ one @ axes, axes.T @ other @ axes])
    size = len(axes)
    for _ in range(SWEEPS):
        moved = 0.0
        for p in range(size - 1):
            for q in range(p + 1, size):
                difference, twice = pair[:, p, p] - pair[:, q, q], pair[:, p, q] + pair[:, q, p]
                on = float(difference @ difference - twice @ twice)
                off = 2.0 * float(difference @ twice)
                angle = 0.5 * math.atan2(off, on + math.hypot(on, off))
                if float(np.abs(twice).max()) < 1e-16 or abs(angle) < 1e-17:
                    continue
                turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
                pair[:, :, [p, q]] = pair[:, :, [p, q]] @ turn
                pair[:, [p, q], :] = turn.T @ pair[:, [p, q], :]
                axes[:, [p, q]] = axes[:, [p, q]] @ turn
                moved = max(moved, float(np.abs(twice).max()))
        if moved < 1e-15:
            break
    return axes


def _to_chamber(phase: float, coordinates: list[float], before: list[Matrix], after: list[Matrix]) -> Cartan:
    """Move the coordinates into the Weyl chamber, and what that takes into the factors and the phase."""
    at = list(coordinates)

    def around(local: Matrix, other: Matrix) -> None:
        after[0], after[1] = after[0] @ local, after[1] @ other
        before[0], before[1] = local.conj().T @ before[0], other.conj().T @ before[1]

    def shift(axis: int, turns: int) -> None:
        # exp(iπ/2 XX) = i XX
        nonlocal phase
        at[axis] -= turns * math.pi / 2
        phase += turns * math.pi / 2
        if turns % 2:
            after[0], after[1] = after[0] @ _PAULIS[axis], after[1] @ _PAULIS[axis]

    def swap(one: int, other: int) -> None:
        both = (_PAULIS[one] + _PAULIS[other]) / math.sqrt(2.0)
        around(both, both)
        at[one], at[other] = at[other], at[one]

    def negate(one: int, other: int) -> None:
        around(_PAULIS[3 - one - other], I2)
        at[one], at[other] = -at[one], -at[other]

    for axis in range(3):
        shift(axis, round(at[axis] / (math.pi / 2)))
    for one, other in ((0, 1), (1, 2), (0, 1)):
        if abs(at[one]) < abs(at[other]):
            swap(one, other)
    for axis in (0, 1):
        if at[axis] < 0.0:
            negate(axis, 2)
    if at[0] > math.pi / 4 - COORDINATE_TOLERANCE and at[2] < 0.0:
        shift(0, 1)
        negate(0, 2)
    return Cartan(_turn(phase), (at[0], at[1], at[2]), (before[0], before[1]), (after[0], after[1]))


def _middle(found: Cartan) -> tuple[list[tuple[Matrix, Matrix]], tuple[bool, ...], float]:
    """The interaction as local pairs with CX between them, which of the CX run from the second site to the first,
    and a phase.
    """
    x, y, z = found.coordinates
    count = found.cx_count
    if count == 0:
        return [(I2, I2)], (), 0.0
    if count == 1:
        # CX = e^{iπ/4} exp(-iπ/4 ZI) exp(-iπ/4 IX) exp(iπ/4 ZX), and H turns Z into X.
        quarter = math.pi / 4
        return [(_H, I2), (_H @ _exponential(Z, quarter), _exponential(X, quarter))], (False,), -quarter
    if count == 2:
        # CX takes XX to XI and ZZ to IZ; the basis change makes the second coordinate that of ZZ.
        change = (Y + Z) / math.sqrt(2.0)
        inner = _exponential(X, x), _exponential(Z, y)
        return [(change, change), inner, (change, change)], (False, False), 0.0
    turn = _exponential(Z, math.pi / 4)
    first = _exponential(Z, z - math.pi / 4), _exponential(Y, math.pi / 4 - x)
    second = I2, _exponential(Y, y - math.pi / 4)
    return [(I2, turn), first, second, (turn.conj().T, I2)], (True, False, True), math.pi / 4


def _exponential(pauli: Matrix, angle: float) -> Matrix:
    """exp(i angle pauli)."""
    made: Matrix = math.cos(angle) * I2 + 1j * math.sin(angle) * pauli
    return made


def factors(product: Matrix) -> tuple[float, Matrix, Matrix]:
    """A phase in radians and two (2, 2) matrices of determinant 1 whose tensor product is nearest to a (4, 4) unitary.

    It is the unitary itself if that is a product (Van Loan and Pitsianis, 1993).
    """
    blocks = product.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(4, 4)
    left, values, right = np.linalg.svd(blocks)
    one, other = (left[:, 0] * math.sqrt(values[0])).reshape(2, 2), (right[0] * math.sqrt(values[0])).reshape(2, 2)
    phases = [cmath.phase(complex(np.linalg.det(factor))) / 2.0 for factor in (one, other)]
    return phases[0] + phases[1], one * cmath.exp(-1j * phases[0]), other * cmath.exp(-1j * phases[1])


def _unitary(matrix: object, sites: int) -> Matrix:
    given = square_matrix(matrix, sites)
    away = float(np.abs(given @ given.conj().T - np.eye(len(given))).max())
    if not away <= UNITARITY:
        raise OutOfRange("distance from a unitary", away, 0.0, UNITARITY)
    return given


def _turn(angle: float) -> float:
    """The angle in [-π, π]."""
    return math.remainder(angle, 2.0 * math.pi)
