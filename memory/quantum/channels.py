"""Few-site quantum channels, how they act on density matrices and on states, and the fidelities of processes.

Owns Kraus operators and what follows from them. Never estimates anything from counts, never evolves in time.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue, ShapeMismatch
from quantum_memory.memory.quantum.backend import Array, module_of
from quantum_memory.memory.quantum.density import (
    Matrix,
    chosen_sites,
    density,
    distance,
    numeric,
    sites_of,
    state_fidelity,
)
from quantum_memory.memory.quantum.mpo import MPO
from quantum_memory.memory.quantum.sampling import generator
from quantum_memory.memory.quantum.standard import I2, X, Y, Z
from quantum_memory.memory.quantum.state import MAX_BOND, MIN_FIDELITY, QuantumState, checked_state

MAX_SITES = 4
"""A Choi matrix of four sites is 256 x 256; of six it would be 4096 x 4096."""
COMPLETENESS = 1e-10
PAULIS: Matrix = np.array([I2, X, Y, Z])
PAULIS.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """A completely positive, trace-preserving map ρ → Σ K ρ K† (Kraus, 1983).

    Attributes:
        kraus: (m, d, d) operators, d = 2^sites for 1 to 4 sites, Σ K†K = 1 to 1e-10. The first site is the most
            significant bit. Kept read-only in complex128.

    Raises: InvalidValue, ShapeMismatch, NotFinite; OutOfRange where the operators are not complete.
    """

    kraus: Matrix

    def __post_init__(self) -> None:
        kraus = numeric("kraus", self.kraus)
        if kraus.ndim != 3 or kraus.shape[1] != kraus.shape[2] or not kraus.size:
            raise ShapeMismatch("kraus", ("m", "d", "d"), kraus.shape)
        bounded("sites of the channel", sites_of("kraus", kraus.shape[1]), 1, MAX_SITES)
        stacked = kraus.reshape(-1, kraus.shape[1])
        bounded(
            "distance of Σ K†K from 1", distance(stacked.conj().T @ stacked, np.eye(len(kraus[0]))), 0, COMPLETENESS
        )
        kraus.flags.writeable = False
        object.__setattr__(self, "kraus", kraus)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kraus,)

    @classmethod
    def from_unitary(cls, unitary: Array) -> Channel:
        """ρ → UρU†, U (d, d). Raises: what ``Channel`` raises; OutOfRange if U is not unitary to 1e-10."""
        matrix = numeric("unitary", unitary)
        if matrix.ndim != 2:
            raise ShapeMismatch("unitary", ("d", "d"), matrix.shape)
        return cls(matrix[None])

    @classmethod
    def from_choi(cls, choi: Array) -> Channel:
        """The channel with that Choi matrix (d², d²), in the convention of ``choi`` (Choi, 1975).

        Raises: ShapeMismatch, NotFinite; OutOfRange where it is not Hermitian, not positive, or does not keep traces.
        """
        matrix = numeric("choi", choi)
        dim = math.isqrt(matrix.shape[0]) if matrix.ndim == 2 else 0
        if matrix.ndim != 2 or matrix.shape != (dim * dim, dim * dim):
            raise ShapeMismatch("choi", ("d²", "d²"), matrix.shape)
        bounded("sites of the channel", sites_of("choi", dim), 1, MAX_SITES)
        bounded("distance of the Choi matrix from its adjoint", distance(matrix, matrix.conj().T), 0, COMPLETENESS)
        traced = np.trace(matrix.reshape(dim, dim, dim, dim), axis1=1, axis2=3)
        bounded("distance of the traced Choi matrix from 1", distance(traced, np.eye(dim)), 0, COMPLETENESS)
        values, vectors = np.linalg.eigh((matrix + matrix.conj().T) / 2)
        bounded("least eigenvalue of the Choi matrix", float(values[0]), -COMPLETENESS, dim)
        kept = values > dim * dim * np.finfo(np.float64).eps
        operators = (vectors[:, kept] * np.sqrt(values[kept])).T.reshape(-1, dim, dim).transpose(0, 2, 1)
        # What was dropped or negative moves the sum of K†K by up to 1e-9: bring it back to 1.
        weights, basis = np.linalg.eigh(np.einsum("mba,mbc->ac", operators.conj(), operators))
        return cls(operators @ (basis / np.sqrt(weights)) @ basis.conj().T)

    @property
    def dim(self) -> int:
        """d, the dimension that it acts on."""
        return len(self.kraus[0])

    @property
    def sites(self) -> int:
        """How many sites it acts on."""
        return self.dim.bit_length() - 1

    def choi(self) -> Matrix:
        """(d², d²) Σ_ij |i⟩⟨j| ⊗ Λ(|i⟩⟨j|), of trace d; the input is the more significant half (Choi, 1975)."""
        columns = self.kraus.transpose(0, 2, 1).reshape(len(self.kraus), -1)
        return columns.T @ columns.conj()

    def superoperator(self) -> Matrix:
        """(d², d²) Σ K ⊗ K*: the matrix that acts on a density matrix read row by row."""
        size = self.dim**2
        made: Matrix = np.einsum("mab,mcd->acbd", self.kraus, self.kraus.conj(), optimize=True)
        return made.reshape(size, size)

    def pauli_transfer(self) -> NDArray[np.float64]:
        """(4^sites, 4^sites) tr(P_i Λ(P_j)) / d, Paulis in the order I, X, Y, Z, first site most significant.

        Source: Greenbaum, Introduction to quantum gate set tomography (2015), section 2.
        """
        rows = pauli_strings(self.sites).reshape(4**self.sites, -1)
        return np.ascontiguousarray((rows.conj() @ self.superoperator() @ rows.T).real / self.dim)

    def then(self, other: Channel) -> Channel:
        """First this channel, then the other. Raises: ShapeMismatch if they act on different numbers of sites."""
        if other.dim != self.dim:
            raise ShapeMismatch("kraus of the other channel", ("m", self.dim, self.dim), other.kraus.shape)
        return _fewest(np.matmul(other.kraus[:, None], self.kraus[None]).reshape(-1, self.dim, self.dim))

    def tensor(self, other: Channel) -> Channel:
        """Side by side: this channel on the first sites, the other on those after. Raises: OutOfRange over 4 sites."""
        bounded("sites of the channel", self.sites + other.sites, 1, MAX_SITES)
        size = self.dim * other.dim
        return _fewest(np.einsum("mab,ncd->mnacbd", self.kraus, other.kraus).reshape(-1, size, size))

    def apply(self, rho: Array, sites: Sequence[int] | None = None) -> Matrix:
        """(2^n, 2^n) the density matrix after the channel acted on those of its n sites; on all where none are given.

        Raises: ShapeMismatch, NotFinite, InvalidValue; OutOfRange for a site or a matrix that cannot be.
        """
        matrix = density("rho", rho)
        count = sites_of("rho", len(matrix))
        chosen = chosen_sites(range(count) if sites is None else sites, count, self.sites)
        order = [*chosen, *(site for site in range(count) if site not in chosen)]
        axes = [*order, *(count + site for site in order)]
        rest = 1 << (count - self.sites)
        blocks = matrix.reshape((2,) * (2 * count)).transpose(axes).reshape(self.dim, rest, self.dim, rest)
        moved = self.superoperator() @ blocks.transpose(0, 2, 1, 3).reshape(self.dim**2, -1)
        back = moved.reshape(self.dim, self.dim, rest, rest).transpose(0, 2, 1, 3).reshape((2,) * (2 * count))
        return back.transpose(np.argsort(axes)).reshape(matrix.shape)


class Branch(NamedTuple):
    """One quantum jump: the state of norm 1 after it, which Kraus operator acted, how likely that was, and the
    fidelity that compression kept.
    """

    state: QuantumState
    operator: int
    probability: float
    fidelity: float


def apply_to(
    state: QuantumState,
    channel: Channel,
    sites: Sequence[int],
    seed: int | np.random.Generator,
    max_bond: int = MAX_BOND,
    min_fidelity: float = MIN_FIDELITY,
) -> Branch:
    """One Kraus branch of the channel on those sites of a pure state, drawn with its probability.

    The mean over seeds of |branch⟩⟨branch| is the channel on |ψ⟩⟨ψ|. Source: Dalibard, Castin and Mølmer (1992).

    Args:
        state: of any norm but 0.
        channel: on as many sites as are named.
        sites: where it acts, the first the most significant bit of the channel; near or far, in any order.
        seed: of the draw.
        max_bond: as in ``QuantumState.compress``.
        min_fidelity: as in ``QuantumState.compress``.

    Raises: InvalidValue, OutOfRange; OutOfRange too for the zero vector.
    """
    rng = generator(seed)
    chosen = chosen_sites(sites, checked_state(state).grid.sites, channel.sites)
    rho = state.reduced(chosen)
    weights = np.einsum("mab,bc,mac->m", channel.kraus, rho, channel.kraus.conj(), optimize=True).real.clip(0.0)
    weights /= weights.sum()
    index = int(rng.choice(len(weights), p=weights))
    operator = MPO.from_matrix(state.grid, channel.kraus[index], chosen).on(module_of(state.cores[0]))
    moved, fidelity = operator.apply(state, max_bond, min_fidelity)
    return Branch(moved.normalised(), index, float(weights[index]), fidelity)


def identity(sites: int = 1) -> Channel:
    """Nothing happens. Raises: InvalidValue, OutOfRange (1 to 4 sites)."""
    return Channel(np.eye(1 << _count(sites), dtype=np.complex128)[None])


def depolarising(probability: float, sites: int = 1) -> Channel:
    """ρ → (1-p) ρ + p 1/d, p in [0, 1]. Source: Nielsen and Chuang (2010), section 8.3.4."""
    bounded("probability", probability, 0.0, 1.0)
    strings = pauli_strings(_count(sites))
    weights = np.full(len(strings), probability / len(strings))
    weights[0] += 1.0 - probability
    return Channel(np.sqrt(weights)[:, None, None] * strings)


def dephasing(probability: float) -> Channel:
    """ρ → (1-p) ρ + p ZρZ, p in [0, 1]: coherences shrink by 1-2p. Source: Nielsen and Chuang (2010), 8.3.3."""
    return _flip(probability, PAULIS[3])


def bit_flip(probability: float) -> Channel:
    """ρ → (1-p) ρ + p XρX, p in [0, 1]. Source: Nielsen and Chuang (2010), section 8.3.3."""
    return _flip(probability, PAULIS[1])


def amplitude_damping(rate: float) -> Channel:
    """|1⟩ falls to |0⟩ with probability γ in [0, 1]. Source: Nielsen and Chuang (2010), section 8.3.5."""
    bounded("rate", rate, 0.0, 1.0)
    stay = [[1.0, 0.0], [0.0, math.sqrt(1.0 - rate)]]
    return Channel(np.array([stay, [[0.0, math.sqrt(rate)], [0.0, 0.0]]], dtype=np.complex128))


def process_fidelity(channel: Channel, target: Channel | Array) -> float:
    """Fidelity of the two normalised Choi matrices, in [0, 1] (Gilchrist, Langford and Nielsen, 2005).

    Args:
        channel: what was done.
        target: what it is compared with: a channel or a (d, d) unitary.

    Raises: ShapeMismatch if they act on different numbers of sites; what ``Channel.from_unitary`` raises.
    """
    aim = target if isinstance(target, Channel) else Channel.from_unitary(target)
    if aim.dim != channel.dim:
        raise ShapeMismatch("kraus of the target", ("m", channel.dim, channel.dim), aim.kraus.shape)
    for one, other in ((channel, aim), (aim, channel)):
        if len(other.kraus) == 1:  # a pure Choi state
            traces = np.einsum("mab,ab->m", one.kraus, other.kraus[0].conj())
            return min(1.0, float((np.abs(traces) ** 2).sum()) / channel.dim**2)
    return state_fidelity(channel.choi() / channel.dim, aim.choi() / channel.dim)


def average_gate_fidelity(channel: Channel, unitary: Channel | Array) -> float:
    """Mean over pure inputs of the fidelity to what the unitary makes of them: (d F + 1) / (d + 1).

    Source: Horodecki, Horodecki and Horodecki (1999); Nielsen (2002). Raises: what ``process_fidelity`` raises;
    InvalidValue for a target that is not unitary, where the formula does not hold.
    """
    aim = unitary if isinstance(unitary, Channel) else Channel.from_unitary(unitary)
    if len(aim.kraus) > 1:
        aim = _fewest(aim.kraus, always=True)
    if len(aim.kraus) > 1:
        raise InvalidValue("unitary", f"a channel of Kraus rank {len(aim.kraus)}", "a unitary")
    return (channel.dim * process_fidelity(channel, aim) + 1.0) / (channel.dim + 1.0)


@functools.cache
def pauli_strings(sites: int) -> Matrix:
    """(4^sites, d, d) products of I, X, Y, Z, the first site most significant."""
    made: Matrix = np.ones((1, 1, 1), dtype=np.complex128)
    for _ in range(sites):
        size = made.shape[1] * 2
        made = np.einsum("mab,ncd->mnacbd", made, PAULIS).reshape(-1, size, size)
    made.flags.writeable = False
    return made


def _fewest(kraus: Matrix, *, always: bool = False) -> Channel:
    """The same map by no more than d² operators, found from its Choi matrix where there are more."""
    raw = kraus[np.abs(kraus).max(axis=(1, 2)) > 0.0]
    if len(raw) <= raw.shape[1] ** 2 and not always:
        return Channel(raw)
    return Channel.from_choi(Channel(raw).choi())


def _flip(probability: float, matrix: Matrix) -> Channel:
    bounded("probability", probability, 0.0, 1.0)
    return Channel(np.array([math.sqrt(1.0 - probability) * PAULIS[0], math.sqrt(probability) * matrix]))


def _count(sites: int) -> int:
    return whole("sites", sites, 1, MAX_SITES)
