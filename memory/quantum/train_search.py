"""Staircases of gates against a state, through trains with truncated bonds: for more layers than fit exactly.

Owns the sweeps and what truncation cost. Knows neither how layers begin nor when to stop.
"""

from __future__ import annotations

import math

import numpy as np

from quantum_memory.memory.quantum import linalg
from quantum_memory.memory.quantum.kak import Matrix
from quantum_memory.memory.quantum.staircase import Layer, Limits, Train, applied, nearest_unitary, undone, vacuum


class TrainSearch:
    """⟨target|layers|0…0⟩ and its environments, as ``ExactSearch``, but for truncation.

    Attributes:
        fidelity: |⟨target|layers|0…0⟩|² with the truncated state.
        kept: the fidelity of that state to the exact one. The cut states need not be nested from layer to layer, so
            the angles that were lost add up at worst.
    """

    def __init__(self, target: Train, layers: list[Layer], limits: Limits) -> None:
        self.layers, self._target, self._limits = [list(layer) for layer in layers], target, limits
        self.fidelity, self.kept = self._measured()

    def sweep(self) -> float:
        """Renew every gate twice: once from the last layer down to the first, once back up. The fidelity then."""
        layers, limits = self.layers, self._limits
        kets: list[Train] = [vacuum(len(self._target))]
        for layer in layers[:-1]:
            kets.append(applied(kets[-1], layer, limits)[0])
        bras: list[Train] = [self._target] * len(layers)
        for index in range(len(layers) - 1, -1, -1):
            layers[index] = _renewed(bras[index], layers[index], kets[index], upward=False)
            if index:
                bras[index - 1] = undone(bras[index], layers[index], limits)
        ket: Train = kets[0]
        for index in range(len(layers)):
            layers[index] = _renewed(bras[index], layers[index], ket, upward=True)
            ket = applied(ket, layers[index], limits)[0]
        self.fidelity, self.kept = self._measured()
        return self.fidelity

    def _measured(self) -> tuple[float, float]:
        made: Train = vacuum(len(self._target))
        angle = 0.0
        for layer in self.layers:
            made, kept = applied(made, layer, self._limits)
            angle += math.acos(min(1.0, math.sqrt(kept)))
        fidelity = float(abs(linalg.left_gram(self._target, made)[0, 0]) ** 2)
        return min(1.0, fidelity), math.cos(min(angle, math.pi / 2)) ** 2


def _renewed(bra: Train, layer: Layer, ket: Train, *, upward: bool) -> Layer:
    """The layer with each gate in turn replaced by what makes |⟨bra|layer|ket⟩| largest."""
    gates = [gate.reshape(2, 2, 2, 2) for gate in layer]
    last = len(gates) - 1
    left, right = [ket[0]], [bra[-1].conj()]
    for k in range(last) if not upward else range(0):
        left.append(_from_left(left[-1], bra[k], gates[k], ket[k + 1]))
    for k in range(last, 0, -1) if upward else range(0):
        right.append(_from_right(right[-1], bra[k], gates[k], ket[k + 1]))
    for k in range(last + 1) if upward else range(last, -1, -1):
        inner = np.tensordot(left[-1], ket[k + 1], axes=(2, 0))
        outer = np.tensordot(bra[k].conj(), right[-1], axes=(2, 0))
        environment = np.tensordot(outer, inner, axes=([0, 3], [0, 3])).reshape(4, 4)
        better = nearest_unitary(environment)
        if better is not None:
            gates[k] = better.reshape(2, 2, 2, 2)
        if upward:
            right.pop()
            left.append(_from_left(left[-1], bra[k], gates[k], ket[k + 1]))
        else:
            left.pop()
            right.append(_from_right(right[-1], bra[k], gates[k], ket[k + 1]))
    return [gate.reshape(4, 4) for gate in gates]


def _from_left(left: Matrix, bra: Matrix, gate: Matrix, ket: Matrix) -> Matrix:
    """(bra bond, 2, ket bond): the environment of all gates up to this one; the middle leg is its second output."""
    inner = np.tensordot(gate, np.tensordot(left, ket, axes=(2, 0)), axes=([2, 3], [1, 2]))
    made: Matrix = np.tensordot(bra.conj(), inner, axes=([0, 1], [2, 0]))
    return made


def _from_right(right: Matrix, bra: Matrix, gate: Matrix, ket: Matrix) -> Matrix:
    """(bra bond, 2, ket bond): the environment of all gates from this one on; the middle leg is its first input."""
    inner = np.tensordot(np.tensordot(ket, right, axes=(2, 2)), gate, axes=([1, 3], [3, 1]))
    made: Matrix = np.tensordot(bra.conj(), inner, axes=([1, 2], [2, 1])).transpose(0, 2, 1)
    return made
