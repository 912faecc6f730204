"""The quantum state: an amplitude on the PAD grid as an immutable matrix product state (a quantics tensor train).

Owns the cores and the operations that make new states of them; what can be measured lies in ``observe``, the byte
layout in ``wire``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory.quantum import linalg, observe, sampling, wire
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.grid import Grid
from quantum_memory.memory.quantum.packet import Packet, encode
from quantum_memory.memory.quantum.sampling import Bits, Seed
from quantum_memory.types import Floats

DTYPES: tuple[np.dtype[Any], ...] = (np.dtype(np.complex64), np.dtype(np.complex128))
MAX_BOND = 64
MIN_FIDELITY = 1.0 - 1e-7
MAX_DENSE_POINTS = 1 << 20
WIDEST = 1 << 16


class Measured(NamedTuple):
    """What a measurement found: the bits of the sites asked for, how likely that was, and the state it left."""

    bits: Bits
    probability: float
    state: QuantumState


@dataclass(frozen=True, slots=True, eq=False)
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
        object.__setattr__(self, "cores", tuple(self.cores))
        if len(self.cores) != self.grid.sites:
            raise ShapeMismatch("cores", (self.grid.sites,), (len(self.cores),))
        dtype = self.cores[0].dtype
        left = 1
        for site, core in enumerate(self.cores):
            right = 1 if site == len(self.cores) - 1 else "r"
            if core.ndim != 3 or core.shape[:2] != (left, 2) or (right == 1 and core.shape[2] != 1) or not core.size:
                raise ShapeMismatch(f"core {site}", (left, 2, right), tuple(core.shape))
            if core.dtype not in DTYPES or core.dtype != dtype:
                raise InvalidValue(
                    f"core {site}", str(core.dtype), f"{dtype if dtype in DTYPES else 'complex64'} cores"
                )
            if not bool(module_of(core).isfinite(core).all()):
                raise NotFinite(f"core {site}", float("nan"))
            left = core.shape[2]
        _seal(self.cores)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.grid, self.cores)

    @classmethod
    def from_packet(cls, grid: Grid, packet: Packet, *, dtype: Any = np.complex64, xp: Any = np) -> QuantumState:
        """One packet, of norm 1. Raises: OutOfRange for a packet that is too narrow or too fast for the grid."""
        kind = _dtype(dtype)
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
        """Σ weight · packet, neither normalised nor compressed; weights of 1 where none are given."""
        states = [cls.from_packet(grid, packet, dtype=dtype, xp=xp) for packet in packets]
        return superpose(states, [1.0] * len(states) if weights is None else weights)

    @classmethod
    def vacuum(cls, grid: Grid, *, dtype: Any = np.complex64, xp: Any = np) -> QuantumState:
        """|0...0⟩: all amplitude on the point of the lowest pleasure, arousal and dominance. Raises: InvalidValue."""
        kind = _dtype(dtype)
        zero = np.array([1, 0], dtype=kind).reshape(1, 2, 1)
        return cls._made(grid, [xp.asarray(zero.copy()) for _ in range(grid.sites)])

    @classmethod
    def random(cls, grid: Grid, bond: int, seed: Seed, *, dtype: Any = np.complex64, xp: Any = np) -> QuantumState:
        """A state of norm 1 whose right-canonical cores are isometries drawn evenly, of that bond or what a cut allows.

        Equal seeds make equal states. Raises: InvalidValue, OutOfRange for the bond, the seed or the dtype.
        Source: Garnerone, de Oliveira and Zanardi (2010), typicality in random matrix product states.
        """
        kind = _dtype(dtype)
        whole("bond", bond, 1, WIDEST)
        cores = linalg.random_cores(grid.sites, int(bond), sampling.generator(seed))
        return cls._made(grid, [xp.asarray(core.astype(kind)) for core in cores])

    @classmethod
    def _made(cls, grid: Grid, cores: Sequence[Array]) -> QuantumState:
        """A state of cores that this library computed from checked ones."""
        state = object.__new__(cls)
        object.__setattr__(state, "grid", grid)
        object.__setattr__(state, "cores", tuple(cores))
        _seal(state.cores)
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
        """√⟨ψ|ψ⟩."""
        return math.sqrt(max(0.0, self.overlap(self).real))

    def normalised(self) -> QuantumState:
        """The same feeling at norm 1. Raises: OutOfRange for the zero vector."""
        norm = self.norm()
        if not norm >= np.finfo(np.float32).tiny:
            raise OutOfRange("norm of the state", norm, float(np.finfo(np.float32).tiny), math.inf)
        return self._made(self.grid, [self.cores[0] / norm, *self.cores[1:]])

    def compress(
        self, max_bond: int | Sequence[int] = MAX_BOND, min_fidelity: float = MIN_FIDELITY
    ) -> tuple[QuantumState, float]:
        """The state of norm 1 with smaller bonds, and the fidelity |⟨small|ψ⟩|² / ⟨ψ|ψ⟩ that it kept.

        The fidelity is at least ``min_fidelity`` unless ``max_bond`` forces more away; it is exact, not an estimate.
        ``max_bond`` is one limit, or one for each of the sites - 1 cuts.
        Raises: InvalidValue, ShapeMismatch, OutOfRange; OutOfRange too for the zero vector.
        """
        small = self.compressed(max_bond, min_fidelity)
        return self._made(self.grid, small.cores), small.fidelity

    def compressed(self, max_bond: int | Sequence[int], min_fidelity: float) -> linalg.Compressed:
        """What ``compress`` computes, with the norm that the state had."""
        each = isinstance(max_bond, Sequence) and not isinstance(max_bond, str)
        limits: list[Any] = list(max_bond) if each else [max_bond] * (self.grid.sites - 1)  # type: ignore[arg-type]
        if len(limits) != self.grid.sites - 1:
            raise ShapeMismatch("max_bond", (self.grid.sites - 1,), (len(limits),))
        checked = [whole("max_bond", limit, 1, WIDEST) for limit in limits]
        bounded("min_fidelity", min_fidelity, 0.0, 1.0)
        return linalg.compress(self.cores, checked, min_fidelity)

    def overlap(self, other: QuantumState) -> complex:
        """⟨self|other⟩, in double precision. Raises: InvalidValue if the grids differ."""
        _same_grid([self, other])
        return complex(linalg.left_gram(self.cores, other.cores)[0, 0])

    def fidelity(self, other: QuantumState) -> float:
        """|⟨self|other⟩|² / (⟨self|self⟩⟨other|other⟩), in [0, 1]. Raises: OutOfRange for a zero vector."""
        power = self.overlap(self).real * other.overlap(other).real
        if not power > 0.0:
            raise OutOfRange("norms multiplied", power, float(np.finfo(np.float64).tiny), math.inf)
        return min(1.0, abs(self.overlap(other)) ** 2 / power)

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
        """|amplitude|² / ⟨ψ|ψ⟩ of the point with those bits. Raises: OutOfRange for the zero vector."""
        found = abs(self.amplitude(bits)) ** 2
        power = self.overlap(self).real
        if not power > 0.0:
            raise OutOfRange("squared norm of the state", power, float(np.finfo(np.float64).tiny), math.inf)
        return min(1.0, found / power)

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
        """(2^bits, 2^bits, 2^bits) the amplitudes on the host. Raises: OutOfRange over 2^20 points."""
        points = math.prod(self.grid.shape)
        if points > MAX_DENSE_POINTS:
            raise OutOfRange("points of the grid", points, 1, MAX_DENSE_POINTS)
        return host(linalg.dense_block(self.cores)).reshape(self.grid.shape)

    def astype(self, dtype: Any) -> QuantumState:
        """The state at that precision: itself if it has it."""
        kind = _dtype(dtype)
        return self if kind == self.dtype else self._made(self.grid, [core.astype(kind) for core in self.cores])

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

    Raises: ShapeMismatch if the lengths differ; InvalidValue for no state or for different grids; NotFinite.
    """
    if not states:
        raise InvalidValue("states", "none", "at least one state")
    if len(weights) != len(states):
        raise ShapeMismatch("weights", (len(states),), (len(weights),))
    _same_grid(states)
    for index, weight in enumerate(weights):
        if not (math.isfinite(complex(weight).real) and math.isfinite(complex(weight).imag)):
            raise NotFinite("weights", abs(weight), f"index {index}")
    xp = module_of(states[0].cores[0])
    dtype = np.result_type(*(state.dtype for state in states))
    trains = [state.cores for state in states]
    first = xp.concatenate([train[0] * complex(w) for w, train in zip(weights, trains, strict=True)], axis=2)
    cores = [first.astype(dtype, copy=False)]
    bounds = [np.cumsum([0, *(train[site].shape[2] for train in trains)]).tolist() for site in range(len(trains[0]))]
    for site in range(1, len(trains[0]) - 1):
        core = xp.zeros((bounds[site - 1][-1], 2, bounds[site][-1]), dtype=dtype)
        blocks = zip(pairwise(bounds[site - 1]), pairwise(bounds[site]), trains, strict=True)
        for (top, bottom), (start, stop), train in blocks:
            core[top:bottom, :, start:stop] = train[site]
        cores.append(core)
    cores.append(xp.concatenate([train[-1] for train in trains], axis=0).astype(dtype, copy=False))
    return QuantumState._made(states[0].grid, cores)  # noqa: SLF001 - the one other place in this module that makes states


def _dtype(dtype: Any) -> np.dtype[Any]:
    for kind in DTYPES:
        if dtype == kind:
            return kind
    raise InvalidValue("dtype", repr(dtype), "complex64 or complex128")


def _same_grid(states: Sequence[QuantumState]) -> None:
    for state in states[1:]:
        if state.grid != states[0].grid:
            raise InvalidValue("grid", str(state.grid.bits), f"the grid of the other state, {states[0].grid.bits}")


def _seal(cores: Sequence[Array]) -> None:
    """Make host cores read-only; CuPy has no such flag."""
    for core in cores:
        if isinstance(core, np.ndarray):
            core.flags.writeable = False
