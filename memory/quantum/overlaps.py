"""One state against many packets, without encoding any: the mood's part of recall. Makes no state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.quantum import linalg
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.packet import Packets
from quantum_memory.memory.quantum.state import QuantumState
from quantum_memory.types import Floats

CHUNK = 128


class Projector:
    """A state made ready for its overlaps with any number of packets.

    The cores of each axis are multiplied out once to (l, 2^bits, r); then every packet is three rows of sampled
    Gaussians, and 128 of them together three matrix products. Holds the state and the multiplied-out axes.

    Raises: MemoryError where the axes do not fit: compress the state first.
    """

    def __init__(self, state: QuantumState) -> None:
        self.state = state
        blocks = [linalg.dense_block(state.cores[sites]) for sites in state.grid.blocks()]
        xp = module_of(blocks[0])
        self._inner = int(blocks[1].shape[0]), int(blocks[1].shape[2])
        self._rows = [xp.ascontiguousarray(block.transpose(1, 0, 2).reshape(block.shape[1], -1)) for block in blocks]

    @property
    def nbytes(self) -> int:
        """Bytes of the multiplied-out axes."""
        return sum(int(rows.nbytes) for rows in self._rows)

    def overlaps(self, means: object, widths: object, momenta: object | None = None) -> NDArray[np.complex128]:
        """(n,) ⟨packet|state⟩ for packets given by (n, 3) means, widths and momenta (``None``: all at rest).

        Accurate to the precision of the state.

        Raises: ShapeMismatch, NotFinite, OutOfRange, InvalidValue, as ``Packets`` does, before anything is computed.
        """
        packets = Packets(self.state.grid, means, widths, momenta)  # type: ignore[arg-type]  # Packets checks and converts
        found = [self._chunk(packets[at : at + CHUNK]) for at in range(0, len(packets), CHUNK)]
        return np.concatenate([host(part) for part in found]) if found else np.empty(0, dtype=np.complex128)

    def fidelities(self, means: object, widths: object, momenta: object | None = None) -> Floats:
        """(n,) |⟨packet|state⟩|², in [0, 1] for a state of norm 1. Arguments and errors as ``overlaps``."""
        found = self.overlaps(means, widths, momenta)
        return found.real**2 + found.imag**2

    def _chunk(self, packets: Packets) -> Array:
        xp = module_of(self._rows[0])
        real = np.dtype(self._rows[0].dtype.char.lower())
        pleasure, arousal, dominance = (
            _project(packets.amplitudes(axis, xp, real), rows) for axis, rows in enumerate(self._rows)
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
