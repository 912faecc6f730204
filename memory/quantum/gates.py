"""Gates applied to a state, with truncation: on one site, on neighbours, and on sites far apart. Owns no circuit.

The train is kept in mixed canonical form and its centre stays where the last gate left it, so a gate costs one
decomposition and the steps to its sites. Sites far apart are joined by the operator Schmidt form of the gate, a matrix
product operator of bond 4 at most (2 for a controlled gate), and the sites between are compressed in one sweep, which
takes half the decompositions of swapping there and back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.circuit import Circuit, Gate, Matrix, distinct_sites, square_matrix
from quantum_memory.memory.quantum.fusion import placed
from quantum_memory.memory.quantum.linalg import kept_rank, left_times, positive, svd
from quantum_memory.memory.quantum.state import MAX_BOND, MIN_FIDELITY, QuantumState, checked_state

ROUNDING = 1e-13
"""Singular values under this share of the largest, or of the norm, are rounding, at double precision."""


class Applied(NamedTuple):
    """What a circuit made of a state.

    Attributes:
        state: at the norm that the exact result has; truncation changes only the direction.
        fidelity: the product of the weights that the truncations kept. With one gate it is exact; with more it is the
            estimate of Zhou, Stoudenmire and Waintal (2020), for the errors of different gates may also cancel or add.
        at_least: a bound that always holds: the angles arccos √kept of the gates add up at worst.
    """

    state: QuantumState
    fidelity: float
    at_least: float


def apply_gate(
    state: QuantumState,
    gate: Gate | object,
    sites: Sequence[int] | None = None,
    *,
    max_bond: int = MAX_BOND,
    min_fidelity: float = MIN_FIDELITY,
) -> tuple[QuantumState, float]:
    """The state after one gate, and the exact fidelity that truncation kept: 1 for a gate on one site.

    Args:
        state: of any norm but 0.
        gate: a ``Gate``, or any finite (2, 2) or (4, 4) matrix; one that is not unitary changes the norm of the state.
        sites: where it acts, the first being the most significant bit of the matrix; where none are given, the own
            sites of a ``Gate``.
        max_bond: limit of the bonds between the sites; the others stay as they are.
        min_fidelity: what to keep unless ``max_bond`` forces more away.

    Raises: InvalidValue, ShapeMismatch, OutOfRange, NotFinite; OutOfRange too if a gate on two sites leaves nothing;
        NotFinite too if a matrix takes the state beyond what its precision holds.
    Source: Vidal (2003); Schollwöck (2011), section 7.
    """
    checked_state(state)
    if sites is None:
        if not isinstance(gate, Gate):
            raise InvalidValue("sites", "None", "the sites of the matrix")
        sites = gate.sites
    places = distinct_sites(sites, state.grid.sites)
    matrix = square_matrix(gate.matrix if isinstance(gate, Gate) else gate, len(places))
    limit, floor = _limits(max_bond, min_fidelity)
    if len(places) == 1:
        return _made(state, _with_one(list(state.cores), matrix, places[0]), places[0]), 1.0
    train = _Train(state, min(places), limit)
    kept = train.two(matrix, places, floor)
    return _made(state, train.cores, train.centre), kept


def apply_circuit(
    state: QuantumState,
    circuit: Circuit,
    *,
    max_bond: int = MAX_BOND,
    min_fidelity: float = MIN_FIDELITY,
) -> Applied:
    """The state after all gates of the circuit, in their order.

    What may be lost is shared out over the two-site gates still to come, so that ``fidelity`` is at least
    ``min_fidelity`` unless ``max_bond`` forces more away. ``circuit.merged()`` first makes fewer truncations.

    Raises: InvalidValue for what is no circuit or has another number of sites than the grid; OutOfRange for bad limits
        or the zero vector; NotFinite.
    """
    if not isinstance(circuit, Circuit):
        raise InvalidValue("circuit", type(circuit).__name__, "a circuit")
    if circuit.sites != checked_state(state).grid.sites:
        raise InvalidValue("sites of the circuit", str(circuit.sites), f"{state.grid.sites}, as the grid has")
    limit, floor = _limits(max_bond, min_fidelity)
    pairs = [gate.sites for gate in circuit.gates if len(gate.sites) == 2]
    if not pairs:
        positive("norm of the state", state.norm())
        cores = list(state.cores)
        for gate in circuit.gates:
            cores = _with_one(cores, gate.matrix, gate.sites[0])
        return Applied(_made(state, cores), 1.0, 1.0)
    train = _Train(state, min(pairs[0]), limit)
    fidelity, angle, done = 1.0, 0.0, 0
    for gate in circuit.gates:
        if len(gate.sites) == 1:
            train.cores = _with_one(train.cores, gate.matrix, gate.sites[0])
            continue
        left = len(pairs) - done
        done += 1
        allowed = max(0.0, 1.0 - floor / fidelity) / left
        kept = train.two(gate.matrix, gate.sites, 1.0 - allowed, min(pairs[done]) if done < len(pairs) else None)
        fidelity *= kept
        angle += math.acos(min(1.0, math.sqrt(kept)))
    return Applied(_made(state, train.cores), fidelity, math.cos(min(angle, math.pi / 2)) ** 2)


class _Train:
    """Cores in mixed canonical form in double precision: orthogonal towards the centre from either side."""

    def __init__(self, state: QuantumState, centre: int, max_bond: int) -> None:
        self.cores: list[Array] = [core.astype(np.complex128, copy=False) for core in state.cores]
        self.max_bond = max_bond
        self.least = max(ROUNDING, float(np.finfo(state.dtype).eps)) ** 2
        self.centre = len(self.cores) - 1
        self.move(centre)
        last, self.centre = self.centre, 0
        self.move(last)

    def move(self, site: int) -> None:
        """Bring the centre to a site by QR steps."""
        while self.centre < site:
            core, following = self.cores[self.centre], self.cores[self.centre + 1]
            basis, triangle = module_of(core).linalg.qr(core.reshape(-1, core.shape[2]))
            self.cores[self.centre] = basis.reshape(core.shape[0], 2, -1)
            self.centre += 1
            self.cores[self.centre] = left_times(triangle, following)
        while self.centre > site:
            core, before = self.cores[self.centre], self.cores[self.centre - 1]
            basis, triangle = module_of(core).linalg.qr(core.reshape(core.shape[0], -1).T)
            self.cores[self.centre] = basis.T.reshape(-1, 2, core.shape[2])
            self.centre -= 1
            self.cores[self.centre] = _times_right(before, triangle.T)

    def two(self, matrix: Matrix, sites: tuple[int, ...], min_fidelity: float, towards: int | None = None) -> float:
        """Apply a matrix to two sites and return the fidelity kept; the centre ends on the side of ``towards``."""
        first, last = min(sites), max(sites)
        ordered = placed(matrix, sites, (first, last))
        self.move(min(max(self.centre, first), last))
        if last > first + 1:
            return self._far(ordered, first, last, min_fidelity)
        one, other = self.cores[first], self.cores[last]
        left, right = one.shape[0], other.shape[2]
        pair = _times_right(one, other.reshape(other.shape[0], -1)).reshape(left, 4, right)
        pair = module_of(one).asarray(ordered) @ pair
        basis, values, rest, kept = self._split(pair.reshape(left * 2, 2 * right), 1.0 - min_fidelity)
        to_right = towards is None or towards > first
        if to_right:
            rest = values[:, None] * rest
        else:
            basis = basis * values
        self.cores[first], self.cores[last] = basis.reshape(left, 2, -1), rest.reshape(-1, 2, right)
        self.centre = last if to_right else first
        return kept

    def _far(self, matrix: Matrix, first: int, last: int, min_fidelity: float) -> float:
        """Multiply the operator Schmidt form into the sites from first to last, and compress these in one sweep."""
        xp = module_of(self.cores[first])
        ours, theirs = operator_schmidt(matrix)
        rank = ours.shape[2]
        one, other = self.cores[first], self.cores[last]
        opened = xp.tensordot(xp.asarray(ours), one, axes=((1,), (1,))).transpose(2, 0, 1, 3)
        closed = xp.tensordot(xp.asarray(theirs), other, axes=((2,), (1,))).transpose(0, 2, 1, 3)
        self.cores[first] = opened.reshape(one.shape[0], 2, -1)
        self.cores[last] = closed.reshape(-1, 2, other.shape[2])
        for site in range(first + 1, last):
            self.cores[site] = _side_by_side(self.cores[site], rank)
        self.centre = last
        self.move(first)
        fidelity = 1.0
        for site in range(first, last):
            core = self.cores[site]
            allowed = max(0.0, 1.0 - min_fidelity / fidelity) / (last - site)
            basis, values, rest, kept = self._split(core.reshape(-1, core.shape[2]), allowed)
            self.cores[site] = basis.reshape(core.shape[0], 2, -1)
            self.cores[site + 1] = left_times(values[:, None] * rest, self.cores[site + 1])
            fidelity *= kept
        self.centre = last
        return fidelity

    def _split(self, matrix: Array, allowed: float) -> tuple[Array, Array, Array, float]:
        """The truncated singular value decomposition at the norm of the whole, and the share of the weight kept."""
        basis, values, rest = svd(matrix)
        falling = host(values).astype(np.float64)
        with np.errstate(over="ignore"):  # told below
            powers = falling**2
            total = float(powers.sum())
        if not math.isfinite(total):
            raise NotFinite("norm of the state", total)
        if total <= 0.0:
            raise OutOfRange("norm of the state", 0.0, float(np.finfo(np.float64).tiny), math.inf)
        rank = min(kept_rank(falling, max(allowed, self.least)), self.max_bond)
        kept, dropped = float(powers[:rank].sum()), float(powers[rank:].sum())
        scaled = values[:rank] * math.sqrt((kept + dropped) / kept)
        return basis[:, :rank], scaled, rest[:rank], kept / (kept + dropped)


def operator_schmidt(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """(2, 2, k) and (k, 2, 2): a (4, 4) matrix as Σ_k ours[:, :, k] ⊗ theirs[k], with the least k, at most 4.

    Source: Nielsen et al. (2003), Quantum dynamics as a physical resource.
    """
    basis, values, rest = np.linalg.svd(matrix.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(4, 4))
    rank = max(1, int(np.count_nonzero(values > ROUNDING * values[0])))
    roots = np.sqrt(values[:rank])
    return (basis[:, :rank] * roots).reshape(2, 2, rank), (roots[:, None] * rest[:rank]).reshape(rank, 2, 2)


def _with_one(cores: list[Array], matrix: Matrix, site: int) -> list[Array]:
    core = cores[site]
    factor = module_of(core).asarray(matrix)
    return [*cores[:site], factor @ core, *cores[site + 1 :]]


def _side_by_side(core: Array, count: int) -> Array:
    """(count · l, 2, count · r): the core on the diagonal ``count`` times."""
    left, _, right = core.shape
    made = module_of(core).zeros((count * left, 2, count * right), dtype=core.dtype)
    for place in range(count):
        made[place * left : (place + 1) * left, :, place * right : (place + 1) * right] = core
    return made


def _times_right(core: Array, matrix: Array) -> Array:
    return (core.reshape(-1, core.shape[2]) @ matrix).reshape(core.shape[0], 2, -1)


def _limits(max_bond: int, min_fidelity: float) -> tuple[int, float]:
    return whole("max_bond", max_bond, 1, 1 << 16), bounded("min_fidelity", min_fidelity, 0.0, 1.0)


def _made(state: QuantumState, cores: Sequence[Array], scaled: int | None = None) -> QuantumState:
    """The state in its own precision. Raises: NotFinite if the core at ``scaled`` holds what that cannot hold."""
    with np.errstate(over="ignore"):  # told below
        made = [core.astype(state.dtype, copy=False) for core in cores]
    if scaled is not None and not bool(module_of(made[scaled]).isfinite(made[scaled]).all()):
        raise NotFinite(f"core {scaled} after the gate", math.inf)
    return QuantumState._made(state.grid, made)  # noqa: SLF001 - cores computed from checked ones
