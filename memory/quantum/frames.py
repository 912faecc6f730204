"""The Pauli measurements of all sites as linear maps: probabilities of a matrix, and what goes back from them.

Owns the projectors, their dual frame, and the order of settings and outcomes. Draws nothing, estimates no state.

A table is (3^k, 2^k), by setting and outcome; read site by site it is (6^k,), by (basis, outcome) of each site.
"""

from __future__ import annotations

import math

import numpy as np

from quantum_memory.memory.quantum.channels import PAULIS
from quantum_memory.memory.quantum.density import Matrix
from quantum_memory.types import Floats

# Row (basis, outcome), column (row, column) of a 2 x 2 matrix: the projectors (1 ± P) / 2 of one site.
_SIGNS = np.array([1.0, -1.0])[None, :, None, None]
_PROJECTORS = ((PAULIS[0] + _SIGNS * PAULIS[1:, None]) / 2.0).reshape(6, 4)
_MEASURE = _PROJECTORS.conj()
# The dual frame 3 (1 ± P) / 2 - 1, so that a mean over settings and outcomes is the linear inversion.
_DUAL = (3.0 * _PROJECTORS - PAULIS[0].reshape(1, 4)) / 3.0


def born(rho: Matrix) -> Floats:
    """(6^k,) the probability of every outcome in every setting, (basis, outcome) site by site."""
    return _per_site(_MEASURE, _paired(rho)).real.copy()


def summed(weights: Floats) -> Matrix:
    """(d, d) Σ weight · projector over all settings and outcomes: the adjoint of ``born``."""
    return _unpaired(_per_site(_PROJECTORS.T, weights.astype(np.complex128)))


def inverted(frequencies: Floats) -> Matrix:
    """(d, d) linear inversion: the mean over settings of Σ frequency · dual projector."""
    made = _unpaired(_per_site(_DUAL.T, interleaved(frequencies).astype(np.complex128)))
    return (made + made.conj().T) / 2.0


def interleaved(table: Floats) -> Floats:
    """(3^k, 2^k) by setting and outcome, as (6^k,) by (basis, outcome) site by site."""
    count = table.shape[1].bit_length() - 1
    return table.reshape((3,) * count + (2,) * count).transpose(_zipped(count)).reshape(-1)


def grouped(values: Floats) -> Floats:
    """The other way round."""
    count = round(math.log(values.size, 6))
    order = [*range(0, 2 * count, 2), *range(1, 2 * count, 2)]
    return values.reshape((3, 2) * count).transpose(order).reshape(3**count, 2**count)


def _per_site(matrix: Matrix, values: Matrix) -> Matrix:
    """A small matrix on every index of a tensor, one after the other: k products instead of one of 6^k rows."""
    columns = matrix.shape[1]
    count = round(math.log(values.size, columns))
    for _ in range(count):
        values = (matrix @ values.reshape(columns, -1)).T
    return values.reshape(-1)


def _paired(rho: Matrix) -> Matrix:
    """(4^k,) the entries of a matrix with row and column bit of each site side by side."""
    count = len(rho).bit_length() - 1
    return rho.reshape((2,) * (2 * count)).transpose(_zipped(count)).reshape(-1)


def _unpaired(values: Matrix) -> Matrix:
    count = (values.size.bit_length() - 1) // 2
    size = 1 << count
    return values.reshape((2,) * (2 * count)).transpose(np.argsort(_zipped(count))).reshape(size, size)


def _zipped(count: int) -> list[int]:
    return [axis for site in range(count) for axis in (site, count + site)]
