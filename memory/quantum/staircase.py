"""One staircase of two-site gates: made from a train, and applied to one or undone with truncation.

Owns the layer as data and as an action. Works on the host in double precision; searches nothing.

A layer is a gate on sites 0 and 1, then one on 1 and 2, and so on to the last pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quantum_memory.memory.quantum import linalg
from quantum_memory.memory.quantum.kak import Matrix

Layer = list[Matrix]
"""One (4, 4) unitary per pair of neighbours, from the first pair to the last; the first acts first."""
Train = Sequence[Matrix]


class Limits(NamedTuple):
    """How far a train may be cut when a layer is applied: the bond, and the weight at one cut."""

    bond: int
    weight: float


def staircase(cores: Train) -> Layer:
    """The gates that prepare the bond-2 approximation of a train from |0…0⟩ (Ran, 2020).

    Right-orthogonal cores are isometries from a bond to a site and the next bond, which the next site holds.
    """
    small, _ = linalg.orthogonal_from_right(linalg.compress(cores, 2, 1.0).cores)
    layer = []
    for k in range(len(small) - 1):
        core, last = small[k], k == len(small) - 2
        if core.shape[2] == 1:
            # No entanglement crosses here, so that a product of one-site gates is enough.
            layer.append(np.kron(completed(core[:, :, 0].T), completed(small[-1][:, :, 0].T) if last else np.eye(2)))
            continue
        if last:
            core = np.tensordot(core, small[-1], axes=(2, 0))[..., 0]
        before = core.shape[0]
        columns = core.transpose(1, 2, 0).reshape(4, before)
        layer.append(completed(columns)[:, [0, 2, 1, 3] if before == 2 else [0, 1, 2, 3]])
    return layer


def completed(columns: Matrix) -> Matrix:
    """A unitary whose first columns are these, which are orthonormal but for rounding."""
    one, _, other = np.linalg.svd(columns, full_matrices=True)
    width = columns.shape[1]
    return np.concatenate([one[:, :width] @ other, one[:, width:]], axis=1)


def nearest_unitary(environment: Matrix) -> Matrix | None:
    """(4, 4) the unitary U that makes |Σ environment · U| largest; ``None`` where the environment is 0.

    The conjugate of the unitary polar factor (Evenbly and Vidal, 2009).
    """
    one, values, other = linalg.svd(environment)
    if not values[0] > 0.0:
        return None
    made: Matrix = (one @ other).conj()
    return made


def vacuum(sites: int) -> list[Matrix]:
    """The cores of |0…0⟩."""
    return [np.array([1.0, 0.0], dtype=np.complex128).reshape(1, 2, 1) for _ in range(sites)]


def applied(cores: Train, layer: Layer, limits: Limits) -> tuple[list[Matrix], float]:
    """The train of norm 1 after a layer, and the fidelity kept, exactly: each cut is made where the norm lies."""
    done, _ = linalg.orthogonal_from_right(cores)
    kept = 1.0
    for k, gate in enumerate(layer):
        pair = np.tensordot(done[k], done[k + 1], axes=(2, 0))
        left, _, _, right = pair.shape
        turned = np.tensordot(pair, gate.reshape(2, 2, 2, 2), axes=([1, 2], [2, 3])).transpose(0, 2, 3, 1)
        basis, values, rest = linalg.svd(turned.reshape(left * 2, 2 * right))
        rank = min(linalg.kept_rank(values, limits.weight), limits.bond)
        share = float((values[:rank] ** 2).sum() / (values**2).sum())
        kept *= share
        done[k] = basis[:, :rank].reshape(left, 2, rank)
        scaled = values[:rank, None] / np.linalg.norm(values[:rank]) * rest[:rank]
        done[k + 1] = scaled.reshape(rank, 2, right)
    return linalg.orthogonal_from_right(done)[0], kept


def undone(cores: Train, layer: Layer, limits: Limits) -> list[Matrix]:
    """The train of norm 1 before a layer: the same from the other end."""
    mirrored = [gate.conj().T.reshape(2, 2, 2, 2).transpose(1, 0, 3, 2).reshape(4, 4) for gate in reversed(layer)]
    return _mirror(applied(_mirror(cores), mirrored, limits)[0])


def _mirror(cores: Train) -> list[Matrix]:
    return [core.transpose(2, 1, 0) for core in reversed(cores)]
