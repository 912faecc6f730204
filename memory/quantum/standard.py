"""The gates that have a name: their matrices, how many sites and angles they take, and which undoes which.

Owns the table. Knows neither circuit nor state; what a gate object is lies in ``circuit``.

The names are those of OpenQASM 3 and its stdgates.inc (Cross et al., 2022), with ``rxx``, ``ryy`` and ``rzz`` added.
A global phase is part of a matrix: rotations have determinant 1; ``p``, ``s``, ``t`` and ``u3`` a real first entry.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import ShapeMismatch

Matrix = NDArray[np.complex128]

I2 = np.eye(2, dtype=np.complex128)
X = np.array([[0, 1], [1, 0]], dtype=np.complex128)
Y = np.array([[0, -1j], [1j, 0]], dtype=np.complex128)
Z = np.diag([1, -1]).astype(np.complex128)
SWAP = np.eye(4, dtype=np.complex128)[[0, 2, 1, 3]]
for _constant_matrix in (I2, X, Y, Z, SWAP):
    _constant_matrix.flags.writeable = False


def _controlled(matrix: Matrix) -> Matrix:
    made = np.eye(4, dtype=np.complex128)
    made[2:, 2:] = matrix
    return made


def _rotation(generator: Matrix) -> Callable[[float], Matrix]:
    """exp(-i angle/2 · generator), for a generator whose square is the identity."""

    def made(angle: float) -> Matrix:
        matrix: Matrix = math.cos(angle / 2) * np.eye(len(generator)) - 1j * math.sin(angle / 2) * generator
        return matrix

    return made


def _phase(angle: float) -> Matrix:
    return np.diag([1.0, cmath.exp(1j * angle)])


def _u3(theta: float, phi: float, lam: float) -> Matrix:
    cos, sin = math.cos(theta / 2), math.sin(theta / 2)
    return np.array(
        [[cos, -cmath.exp(1j * lam) * sin], [cmath.exp(1j * phi) * sin, cmath.exp(1j * (phi + lam)) * cos]],
        dtype=np.complex128,
    )


def _constant(matrix: Matrix) -> Callable[[], Matrix]:
    return lambda: matrix


STANDARD: Mapping[str, tuple[int, int, Callable[..., Matrix]]] = {
    "h": (1, 0, _constant((X + Z) / math.sqrt(2.0))),
    "x": (1, 0, _constant(X)),
    "y": (1, 0, _constant(Y)),
    "z": (1, 0, _constant(Z)),
    "s": (1, 0, _constant(np.diag([1, 1j]))),
    "sdg": (1, 0, _constant(np.diag([1, -1j]))),
    "t": (1, 0, _constant(_phase(math.pi / 4))),
    "tdg": (1, 0, _constant(_phase(-math.pi / 4))),
    "sx": (1, 0, _constant(((1 + 1j) * I2 + (1 - 1j) * X) / 2)),
    "rx": (1, 1, _rotation(X)),
    "ry": (1, 1, _rotation(Y)),
    "rz": (1, 1, _rotation(Z)),
    "p": (1, 1, _phase),
    "u3": (1, 3, _u3),
    "U": (1, 3, _u3),
    "cx": (2, 0, _constant(_controlled(X))),
    "cy": (2, 0, _constant(_controlled(Y))),
    "cz": (2, 0, _constant(_controlled(Z))),
    "cp": (2, 1, lambda angle: _controlled(_phase(angle))),
    "swap": (2, 0, _constant(SWAP)),
    "rxx": (2, 1, _rotation(np.kron(X, X).astype(np.complex128))),
    "ryy": (2, 1, _rotation(np.kron(Y, Y).astype(np.complex128))),
    "rzz": (2, 1, _rotation(np.kron(Z, Z).astype(np.complex128))),
}
"""By name: how many sites, how many angles, and the matrix made of the angles."""

_SELF_INVERSE = ("h", "x", "y", "z", "cx", "cy", "cz", "swap")
INVERSE_NAMES: Mapping[str, str] = {name: name for name in _SELF_INVERSE} | {
    "s": "sdg",
    "sdg": "s",
    "t": "tdg",
    "tdg": "t",
}


def standard_matrix(name: str, sites: int, params: tuple[float, ...]) -> Matrix:
    """The (2^sites, 2^sites) matrix of a name in ``STANDARD``. Raises: ShapeMismatch for another number of sites."""
    want, _, make = STANDARD[name]
    if sites != want:
        raise ShapeMismatch(f"sites of {name}", (want,), (sites,))
    return make(*params)
