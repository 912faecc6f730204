"""One state against many packets, without encoding any: the mood's part of recall. Makes no state."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.quantum import linalg, nodes
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.packet import Packets
from quantum_memory.memory.quantum.state import QuantumState
from quantum_memory.types import Floats

CHUNK_NUMBERS = 1 << 17
"""Amplitudes along one axis that are made at once."""
MANY = 32
"""Packets from which on it pays to gather the rows of an axis at fewer points."""


class Projector:
    """A state made ready for its overlaps with any number of packets.

    The cores of each axis are multiplied out once to (l, 2^bits, r); then a packet is three rows of sampled Gaussians,
    and many of them together three matrix products. Where many packets are asked for, they are sampled at the few
    points that ``nodes`` finds enough for the precision of the state, and what the axes hold is gathered there once for
    each fineness. Holds the state, the multiplied-out axes and what was gathered.

    Raises: MemoryError where the axes do not fit: compress the state first.
    """

    def __init__(self, state: QuantumState) -> None:
        self.state = state
        blocks = [linalg.dense_block(state.cores[sites]) for sites in state.grid.blocks()]
        xp = module_of(blocks[0])
        self._inner = int(blocks[1].shape[0]), int(blocks[1].shape[2])
        self._rows = [xp.ascontiguousarray(block.transpose(1, 0, 2).reshape(block.shape[1], -1)) for block in blocks]
        self._real = np.dtype(state.dtype.char.lower())
        self._gathered: dict[int, list[Array]] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of the multiplied-out axes, and of what was gathered from them."""
        return sum(int(rows.nbytes) for some in (self._rows, *self._gathered.values()) for rows in some)

    def overlaps(self, means: object, widths: object, momenta: object | None = None) -> NDArray[np.complex128]:
        """(n,) ⟨packet|state⟩ for packets given by (n, 3) means, widths and momenta (``None``: all at rest).

        Accurate to the precision of the state.

        Raises: ShapeMismatch, NotFinite, OutOfRange, InvalidValue, as ``Packets`` does, before anything is computed.
        """
        packets = Packets(self.state.grid, means, widths, momenta)  # type: ignore[arg-type]  # Packets checks and converts
        found = np.empty(len(packets), dtype=np.complex128)
        for cells, rows in self._by_cells(packets):
            step = max(1, CHUNK_NUMBERS // self._points(cells))
            for start in range(0, len(rows), step):
                some = rows[start : start + step]
                found[some] = host(self._chunk(packets[some], cells))
        return found

    def fidelities(self, means: object, widths: object, momenta: object | None = None) -> Floats:
        """(n,) |⟨packet|state⟩|², in [0, 1] for a state of norm 1. Arguments and errors as ``overlaps``."""
        found = self.overlaps(means, widths, momenta)
        return found.real**2 + found.imag**2

    def _by_cells(self, packets: Packets) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """The places of the packets by how many cells of an axis they need, 0 for all points of the grid."""
        cells = nodes.cells_needed(self.state.grid, packets.widths, packets.momenta, self._real)
        for needed in np.unique(cells).tolist():
            rows = np.flatnonzero(cells == needed)
            yield needed if len(rows) >= MANY or needed in self._gathered else 0, rows

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
    """(n,) |⟨packet|state⟩|², in [0, 1] for a state of norm 1. Arguments and errors as ``packet_overlaps``."""
    return Projector(state).fidelities(means, widths, momenta)


def _project(amplitudes: Array, rows: Array) -> Array:
    """(n, columns) conj(amplitudes) @ rows. Real amplitudes meet the real and imaginary parts in one real product."""
    if amplitudes.dtype.kind == "c":
        return amplitudes.conj() @ rows
    return (amplitudes @ rows.view(amplitudes.dtype)).view(rows.dtype)
