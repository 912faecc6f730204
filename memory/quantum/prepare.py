"""Sequential circuits that prepare a state from |0…0⟩: found layer by layer, then improved gate by gate.

Owns how the search begins, grows and ends; ``exact_search`` and ``train_search`` own the sweeps. Works on the host in
double precision, and never changes the state that it is given.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange
from quantum_memory.memory.quantum import linalg
from quantum_memory.memory.quantum.backend import host
from quantum_memory.memory.quantum.circuit import Circuit, Gate, unitary
from quantum_memory.memory.quantum.exact_search import ExactSearch, fits
from quantum_memory.memory.quantum.kak import factors
from quantum_memory.memory.quantum.staircase import Layer, Limits, Train, staircase, undone
from quantum_memory.memory.quantum.state import MAX_BOND, QuantumState
from quantum_memory.memory.quantum.train_search import TrainSearch

MAX_LAYERS = 64
MAX_SWEEPS = 10_000
WORK_FIDELITY = 1.0 - 1e-13
"""What applying the whole circuit may lose while it is searched: under what is asked of a fidelity that is reported."""
PRODUCT = 1e-13
"""A unitary that differs by less from a product of one-site unitaries is one."""
GUESS = Limits(16, 1e-10)
"""How the target is cut where a new layer is guessed; what the guess is worth is measured exactly."""


class _Search(Protocol):
    """Layers, what they are worth, and sweeps that improve them."""

    fidelity: float
    kept: float

    @property
    def layers(self) -> list[Layer]: ...

    def sweep(self) -> float: ...


_Searcher = Callable[[list[Layer]], _Search]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A circuit and how well it prepares a state.

    Attributes:
        circuit: acts on |0…0⟩.
        fidelity: F = |⟨ψ|C|0…0⟩|² / ⟨ψ|ψ⟩, in [0, 1].
        kept: the fidelity kept while C was applied to |0…0⟩ to find F; 1 where nothing was cut, and F is exact.
            Otherwise the angle arccos √F is wrong by at most arccos √kept, as angles between states obey the triangle
            inequality.
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
        max_bond: of the trains that the search works on where the layers are too many to be contracted exactly, which
            is so from 13 layers on for a state of bond 32.
        min_fidelity: that these trains keep when all layers are applied, where ``max_bond`` lets them.

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
    limits = Limits(max_bond, max(weight, float(np.finfo(np.float64).eps) ** 2))

    def search(layers: list[Layer]) -> _Search:
        return ExactSearch(target, layers) if fits(target, len(layers)) else TrainSearch(target, layers, limits)

    found: list[Layer] = []
    best, history = -1.0, []
    for _ in range(layers):
        found, best = _grown(target, found, best, search)
        found, best = _improved(found, best, search, sweeps, tolerance)
        history.append(best)
    circuit = Circuit(len(target), tuple(gate for layer in found for gate in _gates(layer))).merged()
    return Prepared(circuit, history[-1], search(found).kept, tuple(history))


def _grown(target: Train, found: list[Layer], best: float, search: _Searcher) -> tuple[list[Layer], float]:
    """One layer more, the first to act, and the fidelity with it."""
    rest: Train = target
    for layer in reversed(found):
        rest = undone(rest, layer, GUESS)
    grown = [staircase(rest), *found]
    fidelity = search(grown).fidelity
    if fidelity >= best:
        return grown, fidelity
    # Cutting all bonds to 2 one after the other is not quite the best bond-2 state, and so may lose to no layer at all.
    return [[np.eye(4, dtype=np.complex128)] * (len(target) - 1), *found], best


def _improved(
    found: list[Layer], best: float, search: _Searcher, sweeps: int, tolerance: float
) -> tuple[list[Layer], float]:
    """The layers after sweeps through all of them, as long as that gains."""
    trial = search(found)
    for _ in range(sweeps):
        fidelity = trial.sweep()
        # What hardly gains is not taken: it fills product gates, which need no CX, with noise.
        if fidelity - best <= tolerance:
            break
        found, best = [list(layer) for layer in trial.layers], fidelity
    return found, best


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


def _unit(cores: Train) -> Train:
    right, norm = linalg.orthogonal_from_right(cores)
    if not math.isfinite(norm):
        raise NotFinite("norm of the state", norm)
    smallest = float(np.finfo(np.float32).tiny)
    if norm < smallest:
        raise OutOfRange("norm of the state", norm, smallest, math.inf)
    return [right[0] / norm, *right[1:]]
