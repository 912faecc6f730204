"""Sequential circuits that prepare a state from |0…0⟩: found layer by layer, then improved gate by gate.

Owns the search. Works on the host in double precision, and never changes the state that it is given.

A layer is a staircase: one gate on sites 0 and 1, the next on 1 and 2, and so on to the last pair.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange
from quantum_memory.memory.quantum import linalg
from quantum_memory.memory.quantum.backend import host
from quantum_memory.memory.quantum.circuit import Circuit, Gate, unitary
from quantum_memory.memory.quantum.kak import Matrix, factors
from quantum_memory.memory.quantum.state import MAX_BOND, QuantumState

MAX_LAYERS = 64
MAX_SWEEPS = 10_000
WORK_FIDELITY = 1.0 - 1e-13
"""What applying the whole circuit may lose while it is searched: under what is asked of a fidelity that is reported."""
PRODUCT = 1e-13
"""A unitary that differs by less from a product of one-site unitaries is one."""
Layer = list[Matrix]
"""One (4, 4) unitary per pair of neighbours, from the first pair to the last; the first acts first."""
Train = Sequence[Matrix]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A circuit and how well it prepares a state.

    Attributes:
        circuit: acts on |0…0⟩.
        fidelity: F = |⟨ψ|C|0…0⟩|² / ⟨ψ|ψ⟩, in [0, 1].
        kept: the fidelity kept while C was applied to |0…0⟩ to find F; at 1 within rounding F is exact. Otherwise the
            angle arccos √F is wrong by at most arccos √kept, as angles between states obey the triangle inequality.
        by_layer: F after the search with 1, 2, … layers; it never falls, and the last is ``fidelity``.
    """

    circuit: Circuit
    fidelity: float
    kept: float
    by_layer: tuple[float, ...]

    @property
    def depth(self) -> int:
        """The length of the longest chain of gates of which each shares a site with the one before."""
        return self.circuit.depth

    @property
    def two_site_gates(self) -> int:
        """How many gates act on two sites."""
        return self.circuit.two_site_gates


class _Limits(NamedTuple):
    """How far a train may be cut when a layer is applied: the bond, and the weight at one cut."""

    bond: int
    weight: float


def to_circuit(
    state: QuantumState,
    layers: int,
    *,
    sweeps: int = 10,
    tolerance: float = 1e-7,
    max_bond: int = MAX_BOND,
    min_fidelity: float = WORK_FIDELITY,
) -> Prepared:
    """A circuit of so many staircases of two-site gates that prepares the state, as nearly as the search finds.

    Each new layer is the exact staircase of the best bond-2 approximation of what the layers so far leave of the state
    (Ran, Phys. Rev. A 101, 032310, 2020), or the identity where that is better. Then all gates are improved in turn:
    each becomes the unitary polar factor of its environment (Evenbly and Vidal, 2009; Rudolph et al., Quantum Sci.
    Technol. 9, 015012, 2023), which is the best that it can be while the others stay. The fidelity thus never falls,
    neither by a sweep nor by a layer, and a state of bond 2 needs one layer.

    Args:
        state: of any norm but 0.
        layers: 1 to 64.
        sweeps: the most sweeps over all gates after each new layer; 0 leaves the layers as Ran's algorithm makes them.
        tolerance: the sweeps end when one gains no more fidelity than that.
        max_bond: of the trains that the search works on.
        min_fidelity: that they keep when all layers are applied, where ``max_bond`` lets them.

    Raises: InvalidValue, OutOfRange, NotFinite; OutOfRange too for the zero vector.
    """
    if not isinstance(state, QuantumState):
        raise InvalidValue("state", type(state).__name__, "a quantum state")
    whole("layers", layers, 1, MAX_LAYERS)
    whole("sweeps", sweeps, 0, MAX_SWEEPS)
    whole("max_bond", max_bond, 2, 1 << 16)
    bounded("tolerance", tolerance, 0.0, 1.0)
    bounded("min_fidelity", min_fidelity, 0.0, 1.0)
    target = _unit([host(core).astype(np.complex128) for core in state.cores])
    weight = (1.0 - min_fidelity) / (layers * (len(target) - 1))
    limits = _Limits(max_bond, max(weight, float(np.finfo(np.float64).eps) ** 2))
    found: list[Layer] = []
    best = -1.0
    history: list[float] = []
    for _ in range(layers):
        found, best = _grown(target, found, best, limits)
        found, best = _improved(target, found, best, sweeps, tolerance, limits)
        history.append(min(1.0, best))
    circuit = Circuit(len(target), tuple(gate for layer in found for gate in _gates(layer))).merged()
    return Prepared(circuit, history[-1], _prepared(found, len(target), limits)[1], tuple(history))


def _grown(target: Train, found: list[Layer], best: float, limits: _Limits) -> tuple[list[Layer], float]:
    """One layer more, the first to act, and the fidelity with it."""
    rest: Train = target
    for layer in reversed(found):
        rest = _undone(rest, layer, limits)
    grown = [staircase(rest), *found]
    fidelity = _fidelity(target, grown, limits)
    if fidelity >= best:
        return grown, fidelity
    # Cutting all bonds to 2 one after the other is not quite the best bond-2 state, and so may lose to no layer at all.
    return [[np.eye(4, dtype=np.complex128)] * (len(target) - 1), *found], best


def _improved(
    target: Train, found: list[Layer], best: float, sweeps: int, tolerance: float, limits: _Limits
) -> tuple[list[Layer], float]:
    """The layers after sweeps down and up through all of them, as long as that gains."""
    for _ in range(sweeps):
        trial = _swept(target, found, limits)
        fidelity = _fidelity(target, trial, limits)
        # What hardly gains is not taken: it fills product gates, which need no CX, with noise.
        if fidelity - best <= tolerance:
            break
        found, best = trial, fidelity
    return found, best


def _swept(target: Train, found: list[Layer], limits: _Limits) -> list[Layer]:
    """Every gate renewed twice: once from the last layer down to the first, once back up."""
    layers = list(found)
    kets: list[Train] = [vacuum(len(target))]
    for layer in layers[:-1]:
        kets.append(_applied(kets[-1], layer, limits)[0])
    bras: list[Train] = [target] * len(layers)
    for index in range(len(layers) - 1, -1, -1):
        layers[index] = _renewed(bras[index], layers[index], kets[index], upward=False)
        if index:
            bras[index - 1] = _undone(bras[index], layers[index], limits)
    ket: Train = kets[0]
    for index in range(len(layers)):
        layers[index] = _renewed(bras[index], layers[index], ket, upward=True)
        ket = _applied(ket, layers[index], limits)[0]
    return layers


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
        one, values, other = linalg.svd(environment)
        if values[0] > 0.0:
            gates[k] = (one @ other).conj().reshape(2, 2, 2, 2)
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
            layer.append(np.kron(_completed(core[:, :, 0].T), _completed(small[-1][:, :, 0].T) if last else np.eye(2)))
            continue
        if last:
            core = np.tensordot(core, small[-1], axes=(2, 0))[..., 0]
        before = core.shape[0]
        columns = core.transpose(1, 2, 0).reshape(4, before)
        layer.append(_completed(columns)[:, [0, 2, 1, 3] if before == 2 else [0, 1, 2, 3]])
    return layer


def _completed(columns: Matrix) -> Matrix:
    """A unitary whose first columns are these, which are orthonormal but for rounding."""
    one, _, other = np.linalg.svd(columns, full_matrices=True)
    width = columns.shape[1]
    return np.concatenate([one[:, :width] @ other, one[:, width:]], axis=1)


def vacuum(sites: int) -> list[Matrix]:
    """The cores of |0…0⟩."""
    return [np.array([1.0, 0.0], dtype=np.complex128).reshape(1, 2, 1) for _ in range(sites)]


def _applied(cores: Train, layer: Layer, limits: _Limits) -> tuple[list[Matrix], float]:
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


def _undone(cores: Train, layer: Layer, limits: _Limits) -> list[Matrix]:
    """The train of norm 1 before a layer: the same from the other end."""
    mirrored = [gate.conj().T.reshape(2, 2, 2, 2).transpose(1, 0, 3, 2).reshape(4, 4) for gate in reversed(layer)]
    return _mirror(_applied(_mirror(cores), mirrored, limits)[0])


def _mirror(cores: Train) -> list[Matrix]:
    return [core.transpose(2, 1, 0) for core in reversed(cores)]


def _prepared(layers: list[Layer], sites: int, limits: _Limits) -> tuple[Train, float]:
    """|0…0⟩ after all layers, and the fidelity kept on the way.

    The cut states need not be nested from layer to layer, so that the angles that were lost add up at worst.
    """
    made: Train = vacuum(sites)
    angle = 0.0
    for layer in layers:
        made, kept = _applied(made, layer, limits)
        angle += math.acos(min(1.0, math.sqrt(kept)))
    return made, math.cos(min(angle, math.pi / 2)) ** 2


def _fidelity(target: Train, layers: list[Layer], limits: _Limits) -> float:
    made, _ = _prepared(layers, len(target), limits)
    return float(abs(linalg.left_gram(target, made)[0, 0]) ** 2)


def _gates(layer: Layer) -> list[Gate]:
    """The layer as gates, with two one-site gates for a unitary that is a product."""
    gates = []
    for k, matrix in enumerate(layer):
        phase, one, other = factors(matrix)
        one = cmath.exp(1j * phase) * one
        if float(np.abs(np.kron(one, other) - matrix).max()) < PRODUCT:
            gates += [unitary(one, (k,)), unitary(other, (k + 1,))]
        else:
            gates.append(unitary(matrix, (k, k + 1)))
    return gates


def _unit(cores: Train) -> list[Matrix]:
    right, norm = linalg.orthogonal_from_right(cores)
    if not math.isfinite(norm):
        raise NotFinite("norm of the state", norm)
    smallest = float(np.finfo(np.float32).tiny)
    if norm < smallest:
        raise OutOfRange("norm of the state", norm, smallest, math.inf)
    return [right[0] / norm, *right[1:]]
