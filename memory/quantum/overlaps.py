"""One state against many packets, without encoding any: the mood's part of recall. Makes no state."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.quantum import nodes
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.blocks import multiplied_out
from quantum_memory.memory.quantum.cores import finite
from quantum_memory.memory.quantum.linalg import finite_overlaps, unwarned
from quantum_memory.memory.quantum.packet import Packets
from quantum_memory.memory.quantum.state import QuantumState, checked_state
from quantum_memory.types import Floats

CHUNK_NUMBERS = 1 << 17
"""Amplitudes along one axis that are made at once."""
JOINED_NUMBERS = 1 << 22
"""Numbers between the axes, two bonds of them for a packet, that are made at once."""


class Projector:
    """A state made ready for its overlaps with any number of packets.

    The cores of each axis are multiplied out once to (l, 2^bits, r); then a packet is three rows of sampled Gaussians,
    and many of them together three matrix products. A packet is sampled at the few points that ``nodes`` finds enough
    for the precision of the state, and what the axes hold is gathered there once for each fineness. So what was asked
    before changes no answer. Holds the state, the multiplied-out axes and what was gathered.

    Raises: InvalidValue for what is no state; OutOfRange for an axis of more than 2^26 amplitudes: compress the state
        first; NotFinite for a state so large that they overflow.
    """

    def __init__(self, state: QuantumState) -> None:
        self.state = checked_state(state)
        blocks = finite(multiplied_out(state.grid, state.cores, 0))
        xp = module_of(blocks[0])
        self._inner = int(blocks[1].shape[0]), int(blocks[1].shape[2])
        self._rows = [xp.ascontiguousarray(block.transpose(1, 0, 2).reshape(block.shape[1], -1)) for block in blocks]
        self._real = np.dtype(state.dtype.char.lower())
        self._gathered: dict[int, list[Array]] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of the multiplied-out axes, and of what was gathered from them."""
        return sum(int(rows.nbytes) for some in (self._rows, *self._gathered.values()) for rows in some)

    @unwarned
    def overlaps(self, means: object, widths: object, momenta: object | None = None) -> NDArray[np.complex128]:
        """(n,) ⟨packet|state⟩ for packets given by (n, 3) means, widths and momenta (``None``: all at rest).

        Accurate to the precision of the state.

        Raises: ShapeMismatch, NotFinite, OutOfRange, InvalidValue, as ``Packets`` does, before anything is computed;
            NotFinite too for an overlap that the precision of the state cannot hold.
        """
        packets = Packets(self.state.grid, means, widths, momenta)  # type: ignore[arg-type]  # Packets checks and converts
        found = np.empty(len(packets), dtype=np.complex128)
        needed = nodes.cells_needed(self.state.grid, packets.widths, packets.momenta, self._real)
        for cells in np.unique(needed).tolist():
            rows = np.flatnonzero(needed == cells)
            step = max(1, min(CHUNK_NUMBERS // self._points(cells), JOINED_NUMBERS // math.prod(self._inner)))
            for start in range(0, len(rows), step):
                some = rows[start : start + step]
                found[some] = host(self._chunk(packets[some], cells))
        return finite_overlaps(found)

    def fidelities(self, means: object, widths: object, momenta: object | None = None) -> Floats:
        """(n,) |⟨packet|state⟩|²: for a state of norm 1 in [0, 1], but for rounding. Called as ``overlaps``."""
        found = self.overlaps(means, widths, momenta)
        return found.real**2 + found.imag**2

    def _points(self, cells: int) -> int:
        return cells * nodes.ACCURACY[self._real].order if cells else max(self.state.grid.shape)

    def _chunk(self, packets: Packets, cells: int) -> Array:
        xp, grid, order = module_of(self._rows[0]), self.state.grid, nodes.ACCURACY[self._real].order
        if cells and cells not in self._gathered:
            self._gathered[cells] = [nodes.gathered(rows, cells, order) for rows in self._rows]
        pleasure, arousal, dominance = (
            _project(
                packets.amplitudes(axis, xp, self._real, nodes.of_cells(grid, axis, cells, order) if cells else None),
                rows,
            )
            for axis, rows in enumerate(self._gathered[cells] if cells else self._rows)
        )
        joined = pleasure[:, None, :] @ arousal.reshape(-1, *self._inner)
        return (joined[:, 0].astype(np.complex128) * dominance).sum(axis=1)


def packet_overlaps(
    state: QuantumState, means: object, widths: object, momenta: object | None = None
) -> NDArray[np.complex128]:
    """(n,) ⟨packet|state⟩: ``Projector(state).overlaps``, for a state that is asked once."""
    return Projector(state).overlaps(means, widths, momenta)


def packet_fidelities(state: QuantumState, means: object, widths: object, momenta: object | None = None) -> Floats:
    """(n,) |⟨packet|state⟩|²: ``Projector(state).fidelities``, for a state that is asked once."""
    return Projector(state).fidelities(means, widths, momenta)


def _project(amplitudes: Array, rows: Array) -> Array:
    """(n, columns) conj(amplitudes) @ rows. Real amplitudes meet the real and imaginary parts in one real product."""
    if amplitudes.dtype.kind == "c":
        return amplitudes.conj() @ rows
    return (amplitudes @ rows.view(amplitudes.dtype)).view(rows.dtype)
