"""The quantum state: an amplitude on the PAD grid as an immutable matrix product state (a quantics tensor train).

Owns the operations that make new states of them; what makes arrays a train of cores lies in ``cores``, what can be
measured in ``observe`` and ``sampling``, the byte layout in ``wire``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from reprlib import repr as short
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory.quantum import linalg, observe, sampling, wire
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.cores import (
    cast,
    checked_train,
    direct_sum,
    divided,
    kind_of,
    listed,
    numbers,
    seal,
)
from quantum_memory.memory.quantum.fitting import check_place, checked_grid
from quantum_memory.memory.quantum.grid import Grid
from quantum_memory.memory.quantum.packet import Packet, encode
from quantum_memory.memory.quantum.sampling import Bits, Seed
from quantum_memory.types import Floats

MAX_BOND = 64
MIN_FIDELITY = 1.0 - 1e-7
MAX_DENSE_POINTS = 1 << 20
WIDEST = 1 << 16


class Measured(NamedTuple):
    """What a measurement found: the bits of the sites asked for, how likely that was, and the state it left."""

    bits: Bits
    probability: float
    state: QuantumState


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class QuantumState:
    """An amplitude on the grid, as a train of cores.

    Attributes:
        grid: where the amplitude lives.
        cores: one (l, 2, r) array per site, sites in the order pleasure, arousal, dominance, most significant bit
            first; the outer bonds are 1. All are complex64 or all complex128, of numpy or of CuPy. numpy cores are
            made read-only, so hand in arrays that nobody else writes to.

    A state need not have norm 1; ``compress`` and ``normalised`` return one that has. Two states that differ by a
    phase are the same feeling: compare by ``fidelity``; ``==`` is identity.

    Raises: InvalidValue, ShapeMismatch, NotFinite.
    """

    grid: Grid
    cores: tuple[Array, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "cores", checked_train(self.cores, checked_grid(self.grid).sites))
        seal(self.cores)

    def __repr__(self) -> str:
        where = module_of(self.cores[0]).__name__
        return f"QuantumState({self.grid}, bond {self.bond}, {self.dtype}, {self.nbytes} bytes of {where})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.grid, self.cores)

    @classmethod
    def from_packet(cls, grid: Grid, packet: Packet, *, dtype: Any = np.complex64, xp: Any = np) -> QuantumState:
        """One packet, of norm 1. Raises: OutOfRange for one too narrow or too fast for the grid; InvalidValue."""
        kind = kind_of(dtype)
        checked_grid(grid)
        if not isinstance(packet, Packet):
            raise InvalidValue("packet", short(packet), "a Packet")
        return cls._made(grid, [xp.asarray(core) for core in encode(grid, packet, kind)])

    @classmethod
    def from_packets(
        cls,
        grid: Grid,
        packets: Sequence[Packet],
        weights: Sequence[complex] | None = None,
        *,
        dtype: Any = np.complex64,
        xp: Any = np,
    ) -> QuantumState:
        """Σ weight · packet, neither normalised nor compressed; weights of 1 where none are given.

        Raises: what ``from_packet`` and ``superpose`` raise.
        """
        states = [cls.from_packet(grid, packet, dtype=dtype, xp=xp) for packet in listed("packets", packets)]
        return superpose(states, [1.0] * len(states) if weights is None else weights)

    @classmethod
    def vacuum(cls, grid: Grid, *, dtype: Any = np.complex64, xp: Any = np) -> QuantumState:
        """|0...0⟩: all amplitude on the point of the lowest pleasure, arousal and dominance. Raises: InvalidValue."""
        kind = kind_of(dtype)
        checked_grid(grid)
        zero = np.array([1, 0], dtype=kind).reshape(1, 2, 1)
        return cls._made(grid, [xp.asarray(zero.copy()) for _ in range(grid.sites)])

    @classmethod
    def random(cls, grid: Grid, bond: int, seed: Seed, *, dtype: Any = np.complex64, xp: Any = np) -> QuantumState:
        """A state of norm 1 whose right-canonical cores are isometries drawn evenly, of that bond or what a cut allows.

        Equal seeds make equal states. Raises: InvalidValue, OutOfRange for the bond, the seed or the dtype.
        Source: Garnerone, de Oliveira and Zanardi (2010), typicality in random matrix product states.
        """
        kind = kind_of(dtype)
        bond = whole("bond", bond, 1, WIDEST)
        cores = linalg.random_cores(checked_grid(grid).sites, bond, sampling.generator(seed))
        return cls._made(grid, [xp.asarray(core.astype(kind)) for core in cores])

    @classmethod
    def _made(cls, grid: Grid, cores: Sequence[Array]) -> QuantumState:
        """A state of cores that this library computed from checked ones."""
        state = object.__new__(cls)
        object.__setattr__(state, "grid", grid)
        object.__setattr__(state, "cores", tuple(cores))
        seal(state.cores)
        return state

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self.cores[0].dtype
        return dtype

    @property
    def bonds(self) -> tuple[int, ...]:
        """The bond dimensions between neighbouring sites."""
        return tuple(int(core.shape[2]) for core in self.cores[:-1])

    @property
    def bond(self) -> int:
        """The largest bond dimension."""
        return max(self.bonds)

    @property
    def nbytes(self) -> int:
        """Bytes of all cores."""
        return sum(int(core.nbytes) for core in self.cores)

    def norm(self) -> float:
        """√⟨ψ|ψ⟩. Raises: NotFinite for a state so large that ⟨ψ|ψ⟩ overflows."""
        return math.sqrt(max(0.0, self.overlap(self).real))

    def normalised(self) -> QuantumState:
        """The same feeling at norm 1. Raises: OutOfRange for the zero vector; NotFinite."""
        norm = math.sqrt(linalg.power_of(self.cores))
        bounded("norm of the state", norm, float(np.finfo(np.float32).tiny), math.inf)
        return self._made(self.grid, divided(self.cores, norm))

    def compress(
        self, max_bond: int | Sequence[int] = MAX_BOND, min_fidelity: float = MIN_FIDELITY
    ) -> tuple[QuantumState, float]:
        """The state of norm 1 with smaller bonds, and the fidelity |⟨small|ψ⟩|² / ⟨ψ|ψ⟩ that it kept.

        The fidelity is at least ``min_fidelity`` unless ``max_bond`` forces more away; it is exact, not an estimate.
        ``max_bond`` is one limit, or one for each of the sites - 1 cuts.
        Raises: InvalidValue, ShapeMismatch, OutOfRange; OutOfRange too for the zero vector; NotFinite.
        """
        small = self.compressed(max_bond, min_fidelity)
        return self._made(self.grid, small.cores), small.fidelity

    def compressed(self, max_bond: int | Sequence[int], min_fidelity: float) -> linalg.Compressed:
        """What ``compress`` computes, with the norm that the state had."""
        each = isinstance(max_bond, Sequence | np.ndarray)
        limits = listed("max_bond", max_bond) if each else [max_bond] * (self.grid.sites - 1)
        if len(limits) != self.grid.sites - 1:
            raise ShapeMismatch("max_bond", (self.grid.sites - 1,), (len(limits),))
        checked = [whole("max_bond", limit, 1, WIDEST) for limit in limits]
        bounded("min_fidelity", min_fidelity, 0.0, 1.0)
        return linalg.compress(self.cores, checked, min_fidelity)

    def overlap(self, other: QuantumState) -> complex:
        """⟨self|other⟩, in double precision. Raises: InvalidValue for another grid or array module; NotFinite."""
        check_fitting(self, other)
        return linalg.overlap(self.cores, other.cores)

    def fidelity(self, other: QuantumState) -> float:
        """|⟨self|other⟩|² / (⟨self|self⟩⟨other|other⟩), in [0, 1].

        Raises: InvalidValue as ``overlap``; OutOfRange for a zero vector; NotFinite.
        """
        found = abs(self.overlap(other))
        # Each divided by itself: the product of two squared norms may leave what a double holds where neither does.
        return min(1.0, found / linalg.power_of(self.cores) * (found / linalg.power_of(other.cores)))

    def mean_and_covariance(self) -> tuple[Floats, Floats]:
        """(3,) and (3, 3): both from one pass through the cores."""
        return observe.mean_and_covariance(self.grid, self.cores)

    def mean(self) -> Floats:
        """(3,) expected pleasure, arousal and dominance."""
        return self.mean_and_covariance()[0]

    def covariance(self) -> Floats:
        """(3, 3) covariance of the PAD."""
        return self.mean_and_covariance()[1]

    def spread(self) -> Floats:
        """(3,) standard deviations of the PAD."""
        return np.sqrt(np.diagonal(self.covariance()))

    def marginal(self, axis: int) -> Floats:
        """(2^bits,) probabilities of the points along an axis; they sum to 1."""
        return observe.marginal(self.grid, self.cores, axis)

    def marginal_pair(self, axis: int, other: int) -> Floats:
        """(2^bits, 2^bits') joint probabilities of the points along two different axes; they sum to 1."""
        return observe.marginal_pair(self.grid, self.cores, axis, other)

    def reduced(self, sites: Sequence[int]) -> NDArray[np.complex128]:
        """(2^k, 2^k) density matrix of up to 8 sites in any order, the first the most significant bit; trace 1."""
        return observe.reduced(self.cores, sites)

    def schmidt(self, cut: int) -> Floats:
        """Falling Schmidt coefficients between the first ``cut`` sites and the rest; their squares sum to 1."""
        return observe.schmidt(self.grid, self.cores, cut)

    def entropy(self, cut: int) -> float:
        """Entanglement entropy in bits between the first ``cut`` sites and the rest."""
        return observe.entropy(self.grid, self.cores, cut)

    def entropies(self) -> Floats:
        """(sites - 1,) ``entropy`` at every cut, from one pass."""
        return observe.entropies(self.cores)

    def amplitude(self, bits: Sequence[int] | Bits) -> complex:
        """The amplitude at the point with those bits, most significant first, of the state as it is."""
        return complex(sampling.amplitudes(self.cores, [bits])[0])

    def probability(self, bits: Sequence[int] | Bits) -> float:
        """|amplitude|² / ⟨ψ|ψ⟩ of the point with those bits. Raises: OutOfRange for the zero vector; NotFinite."""
        found = self.amplitude(bits)
        return min(1.0, (abs(found) / math.sqrt(linalg.power_of(self.cores))) ** 2)

    def sample(self, count: int, seed: Seed) -> Bits:
        """(count, sites) bits of independent samples; equal seeds draw equal ones. The state is left as it is."""
        return sampling.sample(self.cores, count, seed)

    def sample_pad(self, count: int, seed: Seed) -> Floats:
        """(count, 3) PAD of independent samples: ``sample`` as points of the grid."""
        return sampling.to_pad(self.grid, self.sample(count, seed))

    def measure(self, sites: Sequence[int] | None, seed: Seed) -> Measured:
        """A projective measurement of those sites, ``None`` for all: the outcome, and the state of norm 1 it leaves.

        The bits come in the order of the sites. The state left behind has no larger bonds than this one.
        Raises: InvalidValue, OutOfRange; OutOfRange too for the zero vector.
        """
        chosen = range(self.grid.sites) if sites is None else sites
        found = sampling.collapse(self.cores, chosen, seed)
        left = linalg.compress(found.cores, self.bond, 1.0)
        return Measured(found.bits, found.probability, self._made(self.grid, left.cores))

    def to_dense(self) -> NDArray[Any]:
        """(2^bits, 2^bits, 2^bits) the amplitudes on the host. Raises: OutOfRange over 2^20 points; NotFinite."""
        points = math.prod(self.grid.shape)
        if points > MAX_DENSE_POINTS:
            raise OutOfRange("points of the grid", points, 1, MAX_DENSE_POINTS)
        dense = host(linalg.dense_block(self.cores))
        if not np.isfinite(dense).all():
            raise NotFinite("amplitude", math.inf)
        return dense.reshape(self.grid.shape)

    def astype(self, dtype: Any) -> QuantumState:
        """The state at that precision: itself if it has it. Raises: InvalidValue; NotFinite for what it cannot hold."""
        kind = kind_of(dtype)
        return self if kind == self.dtype else self._made(self.grid, cast(self.cores, kind))

    def on(self, xp: Any) -> QuantumState:
        """The state with its cores in that array module: itself if they are there."""
        here = module_of(self.cores[0])
        return self if here is xp else self._made(self.grid, [xp.asarray(host(core)) for core in self.cores])

    def to_bytes(self) -> bytes:
        """The state as bytes that ``from_bytes`` reads on any machine; equal cores make equal bytes."""
        return wire.pack(self.grid, [host(core) for core in self.cores])

    @classmethod
    def from_bytes(cls, data: bytes, *, xp: Any = np) -> QuantumState:
        """The state that was written. Raises: CorruptRecord for anything that ``to_bytes`` did not write."""
        grid, cores = wire.unpack(data)
        return cls._made(grid, [xp.asarray(core) for core in cores])


def superpose(states: Sequence[QuantumState], weights: Sequence[complex]) -> QuantumState:
    """Σ weight · state as a direct sum, neither normalised nor compressed; the bonds add up.

    Raises: ShapeMismatch if the lengths differ; InvalidValue for no state, for different grids or array modules, and
        for a weight that is no number; NotFinite for one that is not finite, or that the numbers of the cores cannot
        hold.
    """
    given, factors = listed("states", states), listed("weights", weights)
    if not given:
        raise InvalidValue("states", "none", "at least one state")
    if len(factors) != len(given):
        raise ShapeMismatch("weights", (len(given),), (len(factors),))
    for state in given:
        check_fitting(given[0], state)
    cores = direct_sum([state.cores for state in given], numbers("weights", factors))
    return QuantumState._made(given[0].grid, cores)  # noqa: SLF001 - the one other place in this module that makes states


def checked_state(state: object) -> QuantumState:
    """The state, if it is one. Raises: InvalidValue."""
    if not isinstance(state, QuantumState):
        raise InvalidValue("state", short(state), "a QuantumState")
    return state


def check_fitting(one: object, other: object) -> None:
    """Raises: InvalidValue unless both are states on one grid, padding and all, with cores of one array module."""
    first, second = checked_state(one), checked_state(other)
    here, there = module_of(first.cores[0]), module_of(second.cores[0])
    check_place(second.grid, there, first.grid, here, "the other state")
