"""Staircases of gates against a state, contracted exactly: their fidelity, and sweeps that make each gate its best.

Owns the contraction through a moving window. Truncates nothing; knows neither how layers begin nor when to stop.

Gate k of layer l follows gate k - 1 of its layer and gates k and k + 1 of the layer before. Taken by columns, the gates
with k + l = j from the right to the left, all gates up to a column leave at most as many unfinished sites as there are
layers, and one more while the column is worked on. What lies to the left of a column is thus one dense tensor over
these sites and a bond of the state, and so is what lies to its right.

A tensor is flat, in the order (bond, sites from left to right) between columns. A gate takes the last two sites, as
(rest, 4), and leaves (2, rest, 2), its right site first, so that the next gate finds its two sites last again.
"""

from __future__ import annotations

import numpy as np

from quantum_memory.memory.quantum.kak import Matrix
from quantum_memory.memory.quantum.staircase import Layer, Train, nearest_unitary

LARGEST = 1 << 18
"""Entries of the tensor of a window: 4 MB, two for each column of gates at most. Trains cut to bond 64 are slower still
there, but they need no such room."""


def fits(target: Train, layers: int) -> bool:
    """Whether so many layers on that train can be contracted exactly."""
    widest = max(int(core.shape[0]) for core in target)
    return widest << min(layers + 1, len(target)) <= LARGEST


class ExactSearch:
    """⟨target|layers|0…0⟩ and its environments.

    Args:
        target: cores of norm 1.
        layers: one staircase each, the first acts first; they are copied.

    Attributes:
        fidelity: |⟨target|layers|0…0⟩|², exact but for rounding.
        kept: what truncation left of it: all.
        layers: as they are now.
    """

    kept = 1.0

    def __init__(self, target: Train, layers: list[Layer]) -> None:
        self.layers = [list(layer) for layer in layers]
        self._bra = [core.conj() for core in target]
        pairs, depth = len(target) - 1, len(layers)
        self._columns = [
            [(layer, column - layer) for layer in range(depth) if 0 <= column - layer < pairs]
            for column in range(pairs + depth - 1)
        ]
        # What lies left and right of each column; the right ones hold after a sweep, the left ones halfway.
        self._left: list[Matrix] = [np.array([1.0, 0.0], dtype=np.complex128)] * len(self._columns)
        self._right: list[Matrix] = [self._bra[-1].reshape(-1)] * len(self._columns)
        self.fidelity = self._downward(renew=False)

    def sweep(self) -> float:
        """Renew every gate twice, column by column to the right and back. The fidelity then, which never falls."""
        self._upward()
        self.fidelity = self._downward(renew=True)
        return self.fidelity

    def _upward(self) -> None:
        for index, column in enumerate(self._columns):
            right, afters = self._opened(index), []
            for layer, k in reversed(column):
                afters.append(right.reshape(2, -1, 2))
                right = _backward(afters[-1], self._acting(layer, k))
            tensor = self._left[index]
            for layer, k in column:
                before = tensor.reshape(-1, 4 if layer else 2)
                self._renew(layer, k, before, afters.pop())
                tensor = _forward(before, self._acting(layer, k))
            if index + 1 < len(self._columns):
                closing = self._closing(index)
                self._left[index + 1] = (tensor.reshape(-1, len(closing)) @ closing).T

    def _downward(self, *, renew: bool) -> float:
        """The fidelity, with all tensors on the right made anew, and each gate too if ``renew``."""
        right = self._right[-1]
        for index in range(len(self._columns) - 1, -1, -1):
            self._right[index] = right
            befores, tensor = [], self._left[index]
            for layer, k in self._columns[index] if renew else ():
                befores.append(tensor.reshape(-1, 4 if layer else 2))
                tensor = _forward(befores[-1], self._acting(layer, k))
            right = self._opened(index)
            for layer, k in reversed(self._columns[index]):
                after = right.reshape(2, -1, 2)
                if renew:
                    self._renew(layer, k, befores.pop(), after)
                right = _backward(after, self._acting(layer, k))
        return min(1.0, float(abs(right.reshape(-1)[0]) ** 2))

    def _acting(self, layer: int, k: int) -> Matrix:
        """(2, 2, 4) a gate by right output, left output and input; (2, 2, 2) in layer 0, where its right input is 0."""
        gate = self.layers[layer][k].reshape(2, 2, 4).transpose(1, 0, 2)
        return gate if layer else gate[:, :, ::2]

    def _closing(self, index: int) -> Matrix:
        """What takes the (bond, leftmost site) of a column's tensor away: the core of a site that is finished, or 1."""
        layer, k = self._columns[index][-1]
        if layer < len(self.layers) - 1:
            return np.eye(2, dtype=np.complex128)
        return self._bra[k].reshape(-1, self._bra[k].shape[2])

    def _opened(self, index: int) -> Matrix:
        """(rest, bond · 2) what lies right of a column, up to its last gate."""
        closing = self._closing(index)
        opened: Matrix = self._right[index].reshape(closing.shape[1], -1).T @ closing.T
        return opened

    def _renew(self, layer: int, k: int, before: Matrix, after: Matrix) -> None:
        environment = np.zeros((2, 2, 4), dtype=np.complex128)
        environment[:, :, :: 4 // before.shape[1]] = np.matmul(after.transpose(0, 2, 1), before)
        better = nearest_unitary(environment.transpose(1, 0, 2).reshape(4, 4))
        if better is not None:
            self.layers[layer][k] = better


def _forward(before: Matrix, gate: Matrix) -> Matrix:
    """(rest, 4) or (rest, 2) before the gate, (2, rest, 2) after it."""
    after: Matrix = np.matmul(before, gate.transpose(0, 2, 1))
    return after


def _backward(after: Matrix, gate: Matrix) -> Matrix:
    """The transpose of ``_forward``."""
    before: Matrix = after[0] @ gate[0] + after[1] @ gate[1]
    return before
