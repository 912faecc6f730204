"""Many states of one grid stacked per site, so that all their overlaps are a few batched matrix products.

Owns the stacked cores. Never compresses, never changes a state or a batch: what adds or picks makes a new batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from reprlib import repr as short
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, OutOfRange, ShapeMismatch
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.cores import cast, kind_of, listed
from quantum_memory.memory.quantum.fitting import check_place
from quantum_memory.memory.quantum.grid import Grid
from quantum_memory.memory.quantum.linalg import CANCELLED, finite_overlaps, positive, power_of, unwarned
from quantum_memory.memory.quantum.state import QuantumState, checked_state
from quantum_memory.types import Floats

CHUNK = 128
"""States stacked together: enough for one matrix product to fill a core, few enough for its cache."""
WORKSPACE_BYTES = 1 << 25
"""What one block of a many-against-many product may take for its intermediates."""
HALF_ROUNDING = 2.0**-11
"""The relative error of rounding to a half-precision number."""
Storage = Literal["full", "half"]


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Up to 128 states: conjugated cores (n, l, 2, r) padded by zeros to the largest bonds of these states.

    ``bonds`` is (n, sites + 1) with the outer ones. With ``scales`` (n, sites), powers of two, the cores are
    (n, l, 2, 2r) half-precision numbers, real and imaginary parts side by side, to be multiplied by them.
    """

    bonds: NDArray[np.int64]
    cores: tuple[Array, ...]
    scales: Floats | None

    def __post_init__(self) -> None:
        for array in (self.bonds, self.scales, *self.cores):
            if isinstance(array, np.ndarray):
                array.flags.writeable = False

    @property
    def nbytes(self) -> int:
        kept = (self.bonds, *self.cores) if self.scales is None else (self.bonds, self.scales, *self.cores)
        return sum(int(array.nbytes) for array in kept)

    def core(self, site: int) -> Array:
        """(n, l, 2, r) the conjugated cores at the precision of arithmetic, not yet scaled."""
        return self.cores[site] if self.scales is None else self.cores[site].astype(np.float32).view(np.complex64)

    def scale(self) -> Any:
        """(n,) what the product of the stored cores has to be multiplied by."""
        return 1.0 if self.scales is None else self.scales.prod(axis=1)

    def member(self, row: int) -> list[Array]:
        """The cores of one state as they were handed in, rounded only by the storage."""
        xp = module_of(self.cores[0])
        made = []
        for site in range(len(self.cores)):
            left, right = self.bonds[row, site : site + 2].tolist()
            if self.scales is None:
                core = self.cores[site][row, :left, :, :right]
            else:
                halves = xp.ascontiguousarray(self.cores[site][row, :left, :, : 2 * right])
                core = halves.astype(np.float32).view(np.complex64) * np.float32(self.scales[row, site]).item()
            made.append(xp.ascontiguousarray(core.conj()))
        return made

    @cached_property
    def powers(self) -> Floats:
        """(n,) squared norms, in double precision; 0 where rounding alone is left of one, as ``uncancelled`` says."""
        count = len(self.bonds)
        xp = module_of(self.cores[0])
        gram = xp.ones((count, 1, 1), dtype=np.complex128)
        parts = gram
        for site in range(len(self.cores)):
            bra = self.core(site).astype(np.complex128)
            left, right = bra.shape[1], bra.shape[3]
            if site == len(self.cores) - 1:
                parts = gram * (bra[..., 0] @ bra[..., 0].conj().transpose(0, 2, 1))
            half = (gram @ bra.conj().reshape(count, left, 2 * right)).reshape(count, 2 * left, right)
            gram = bra.reshape(count, 2 * left, right).transpose(0, 2, 1) @ half
        rough = host(gram)[:, 0, 0].real
        least = CANCELLED * float(np.finfo(np.float64).eps) * host(abs(parts).sum(axis=(1, 2)))
        found: Floats = np.where((rough <= least) & (least < math.inf), 0.0, rough) * self.scale() ** 2
        return found


class StateBatch:
    """Many states of one grid, ready for overlaps with all of them at once. Make one by ``StateBatch.of``.

    Chunks of 128 states are stacked per site, each padded only to its own largest bonds. Immutable: ``append`` and
    ``gather`` return new batches. ``append`` shares the full chunks; ``gather`` copies the states it picks, no others.

    Attributes:
        grid: that of all states.
        dtype: complex64 or complex128, in which overlaps are computed.
        storage: "full", or "half" for real and imaginary parts in half precision with one scale per core. Half
            precision takes half the bytes of complex64, and moves an overlap of states of norm 1 in left-orthogonal
            form (what ``compress`` and ``from_packet`` make) by at most 2^-11 Σ √bond to first order.
    """

    def __init__(self, grid: Grid, dtype: np.dtype[Any], storage: Storage, xp: Any, chunks: Sequence[_Chunk]) -> None:
        self.grid, self.dtype, self.storage = grid, dtype, storage
        self._xp = xp
        self._chunks = tuple(chunks)

    @classmethod
    def of(cls, states: Sequence[QuantumState], dtype: Any = np.complex64, storage: Storage = "full") -> StateBatch:
        """A batch of at least one state.

        Raises: InvalidValue for no state, states of different grids or array modules, another ``dtype`` or
            ``storage``, or half-precision storage of complex128.
        """
        if not isinstance(storage, str) or storage not in ("full", "half"):
            raise InvalidValue("storage", repr(storage), "'full' or 'half'")
        kind = kind_of(dtype)
        if storage == "half" and kind != np.complex64:
            raise InvalidValue("dtype", repr(dtype), "complex64, or complex128 with full storage")
        given = [checked_state(state) for state in listed("states", states)]
        if not given:
            raise InvalidValue("states", "none", "at least one state")
        empty = cls(given[0].grid, kind, storage, module_of(given[0].cores[0]), ())
        return empty.append(given)

    def __len__(self) -> int:
        return sum(len(chunk.bonds) for chunk in self._chunks)

    def __getitem__(self, index: int) -> QuantumState:
        """The state as it was handed in, rounded only by dtype and storage; a negative index counts from the end.

        Raises: InvalidValue, OutOfRange.
        """
        row = int(self._rows([index])[0])
        return QuantumState(self.grid, tuple(self._chunks[row // CHUNK].member(row % CHUNK)))

    def __iter__(self) -> Iterator[QuantumState]:
        return (self[row] for row in range(len(self)))

    @property
    def nbytes(self) -> int:
        """Bytes of all stacked cores and what goes with them; chunks shared with another batch count in both."""
        return sum(chunk.nbytes for chunk in self._chunks)

    def append(self, states: Sequence[QuantumState]) -> StateBatch:
        """The batch with more states at its end. All full chunks are shared; only a last partial one is stacked anew.

        Raises: InvalidValue for a state of another grid or array module; NotFinite for one that ``dtype`` cannot hold.
        """
        given = listed("states", states)
        for state in given:
            self._check(state)
        full = [chunk for chunk in self._chunks if len(chunk.bonds) == CHUNK]
        rest: list[Sequence[Array]] = [
            chunk.member(row) for chunk in self._chunks[len(full) :] for row in range(len(chunk.bonds))
        ]
        rest += [cast(state.cores, self.dtype) for state in given]
        made = [self._stacked(rest[at : at + CHUNK]) for at in range(0, len(rest), CHUNK)]
        return StateBatch(self.grid, self.dtype, self.storage, self._xp, full + made)

    def gather(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> StateBatch:
        """The batch of those states, in that order; repeats are allowed. Raises: InvalidValue, OutOfRange."""
        rows = self._rows(indices)
        made = [self._picked(rows[at : at + CHUNK]) for at in range(0, len(rows), CHUNK)]
        return StateBatch(self.grid, self.dtype, self.storage, self._xp, made)

    @unwarned
    def overlaps(self, state: QuantumState) -> NDArray[np.complex128]:
        """(n,) ⟨member|state⟩, to the precision of ``dtype``.

        Raises: InvalidValue for another grid or module; NotFinite for an overlap that ``dtype`` cannot hold.
        """
        self._check(state)
        cores = [core.astype(self.dtype, copy=False)[None] for core in state.cores]
        found = [host(_grams(chunk, cores))[:, 0] * chunk.scale() for chunk in self._chunks]
        return finite_overlaps(self._joined(found, (0,)))

    @unwarned
    def fidelities(self, state: QuantumState) -> Floats:
        """(n,) |⟨member|state⟩|² / (⟨member|member⟩⟨state|state⟩), in [0, 1]. Squared norms are kept once computed.

        Raises: InvalidValue, NotFinite as ``overlaps``; OutOfRange if the state or a member is the zero vector.
        """
        found = np.abs(self.overlaps(state))
        powers = self._powers()
        for power in (powers.max(initial=1.0), powers.min(initial=1.0)):
            positive("squared norms of the members", float(power))
        return np.minimum(1.0, (found / powers) * (found / power_of(state.cores)))

    @unwarned
    def gram(self, other: StateBatch) -> NDArray[np.complex128]:
        """(n, m) ⟨member|member of other⟩, computed at this batch's ``dtype``.

        Raises: InvalidValue for another grid or array module; NotFinite for an overlap that ``dtype`` cannot hold.
        """
        if not isinstance(other, StateBatch):
            raise InvalidValue("other", short(other), "a StateBatch")
        check_place(other.grid, other._xp, self.grid, self._xp, "the batch")
        columns = [self._columns(chunk) for chunk in other._chunks]
        return finite_overlaps(np.concatenate([np.empty((len(self), 0), dtype=np.complex128), *columns], axis=1))

    def _columns(self, theirs: _Chunk) -> NDArray[np.complex128]:
        """(n, m) all members against those of one chunk."""
        kets = [theirs.core(site).conj().astype(self.dtype, copy=False) for site in range(len(theirs.cores))]
        rows = []
        for ours in self._chunks:
            shapes = zip(ours.bonds.max(axis=0)[:-1].tolist(), kets, strict=True)
            widest = max(2 * left * ket.shape[3] for left, ket in shapes)
            step = max(1, WORKSPACE_BYTES // (len(ours.bonds) * widest * self.dtype.itemsize))
            parts = [
                host(_grams(ours, [ket[at : at + step] for ket in kets])) for at in range(0, len(theirs.bonds), step)
            ]
            rows.append((np.concatenate(parts, axis=1).T * ours.scale()).T)
        found: NDArray[np.complex128] = self._joined(rows, (0, len(theirs.bonds))) * theirs.scale()
        return found

    def _joined(self, parts: list[NDArray[Any]], empty: tuple[int, ...]) -> NDArray[np.complex128]:
        return np.concatenate([np.empty(empty, dtype=np.complex128), *parts]).astype(np.complex128, copy=False)

    def _powers(self) -> Floats:
        return np.concatenate([np.empty(0), *(chunk.powers for chunk in self._chunks)])

    def _check(self, state: object) -> None:
        given = checked_state(state)
        check_place(given.grid, module_of(given.cores[0]), self.grid, self._xp, "the batch")

    def _rows(self, indices: object) -> NDArray[np.int64]:
        try:
            given = np.asarray(indices)
        except (TypeError, ValueError):
            raise InvalidValue("indices", type(indices).__name__, "whole numbers on the host") from None
        if given.ndim != 1:
            raise ShapeMismatch("indices", ("n",), given.shape)
        if given.size and given.dtype.kind not in "iu":
            raise InvalidValue("indices", str(given.dtype), "whole numbers")
        # Before they are made signed: the largest unsigned numbers would count from the end.
        outside = given[(given < -len(self)) | (given >= len(self))]
        if outside.size:
            raise OutOfRange("index", float(outside[0]), -len(self), len(self) - 1)
        rows = given.astype(np.int64)
        return np.where(rows < 0, rows + len(self), rows)

    def _stacked(self, trains: Sequence[Sequence[Array]]) -> _Chunk:
        sites = self.grid.sites
        bonds = np.array([[1, *(int(core.shape[2]) for core in train)] for train in trains], dtype=np.int64)
        widest = bonds.max(axis=0).tolist()
        cores = []
        for site in range(sites):
            stack = self._xp.zeros((len(trains), widest[site], 2, widest[site + 1]), dtype=self.dtype)
            for row, train in enumerate(trains):
                core = train[site]
                stack[row, : core.shape[0], :, : core.shape[2]] = core.conj()
            cores.append(stack)
        if self.storage == "full":
            return _Chunk(bonds, tuple(cores), None)
        halved = [_halved(core) for core in cores]
        return _Chunk(bonds, tuple(core for core, _ in halved), np.stack([scale for _, scale in halved], axis=1))

    def _picked(self, rows: NDArray[np.int64]) -> _Chunk:
        """One chunk of members from anywhere: taken chunk by chunk, then put in order."""
        order = np.argsort(rows // CHUNK, kind="stable")
        places = self._xp.asarray(np.argsort(order, kind="stable"))
        sources = [(self._chunks[number], rows[rows // CHUNK == number] % CHUNK) for number in np.unique(rows // CHUNK)]
        back = np.argsort(order, kind="stable")
        bonds = np.concatenate([chunk.bonds[picked] for chunk, picked in sources])[back]
        widest = bonds.max(axis=0).tolist()
        wide = 1 if self.storage == "full" else 2
        cores = []
        for site in range(self.grid.sites):
            left, right = widest[site], wide * widest[site + 1]
            kind = sources[0][0].cores[site].dtype
            stack = self._xp.zeros((len(rows), left, 2, right), dtype=kind)
            at = 0
            for chunk, picked in sources:
                some = chunk.cores[site].take(self._xp.asarray(picked), axis=0)[:, :left, :, :right]
                stack[at : at + len(picked), : some.shape[1], :, : some.shape[3]] = some
                at += len(picked)
            cores.append(stack.take(places, axis=0))
        scales = [chunk.scales[picked] for chunk, picked in sources if chunk.scales is not None]
        return _Chunk(bonds, tuple(cores), np.concatenate(scales)[back] if scales else None)


def _halved(core: Array) -> tuple[Array, Floats]:
    """(n, l, 2, 2r) half-precision parts in [-2, 2], and (n,) the powers of two that scale them back."""
    xp = module_of(core)
    parts = core.view(np.float32)
    peaks = np.sqrt(host((parts.astype(np.float64) ** 2).max(axis=(1, 2, 3))))
    # 2^127 is the largest power of two in single precision.
    scales = 2.0 ** np.minimum(np.ceil(np.log2(np.where(peaks > 0.0, peaks, 1.0))), 127.0)
    divided = parts / xp.asarray(scales.astype(np.float32).reshape(-1, 1, 1, 1))
    return divided.astype(np.float16), scales


def _grams(chunk: _Chunk, kets: Sequence[Array]) -> Array:
    """(n, m) Σ core · ket over all sites, for the conjugated cores of a chunk and kets (m, L, 2, R) of one module.

    The environment is (m, n l, L). At each site either the kets or the chunk's cores are multiplied in first,
    whichever needs fewer products; four more per number stand for the copy that the second order makes.
    """
    many, count = int(kets[0].shape[0]), len(chunk.bonds)
    carried = module_of(kets[0]).ones((many, count, 1), dtype=kets[0].dtype)
    for site, ket in enumerate(kets):
        bra = chunk.core(site)
        left, right = bra.shape[1], bra.shape[3]
        above, below = ket.shape[1], ket.shape[3]
        if left * below * (above + right) <= above * right * (left + below + 4):
            half = (carried @ ket.reshape(many, above, 2 * below)).reshape(many, count, 2 * left, below)
            half = half.transpose(1, 2, 0, 3).reshape(count, 2 * left, many * below)
            grown = bra.reshape(count, 2 * left, right).transpose(0, 2, 1) @ half
            grown = grown.reshape(count, right, many, below).transpose(2, 0, 1, 3)
            carried = grown.reshape(many, count * right, below)
        else:
            turned = carried.reshape(many, count, left, above).transpose(1, 2, 0, 3)
            turned = turned.reshape(count, left, many * above)
            half = bra.reshape(count, left, 2 * right).transpose(0, 2, 1) @ turned
            half = half.reshape(count, 2, right, many, above).transpose(3, 0, 2, 4, 1)
            carried = half.reshape(many, count * right, above * 2) @ ket.reshape(many, above * 2, below)
    return carried.reshape(many, count).T
