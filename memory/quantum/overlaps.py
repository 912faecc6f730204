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


def packet_overlaps(
    state: QuantumState, means: object, widths: object, momenta: object | None = None
) -> NDArray[np.complex128]:
    """(n,) ⟨packet|state⟩ for packets given by (n, 3) means, widths and momenta (``None``: all at rest).

    The cores of each axis are multiplied out once to (l, 2^bits, r); then every packet is three rows of sampled
    Gaussians, and all of them together three matrix products. Accurate to the precision of the state.

    Raises: ShapeMismatch, NotFinite, OutOfRange, InvalidValue, as ``Packets`` does, before anything is computed.
    """
    packets = Packets(state.grid, means, widths, momenta)  # type: ignore[arg-type]  # Packets checks and converts
    blocks = [linalg.dense_block(state.cores[sites]) for sites in state.grid.blocks()]
    inner = int(blocks[1].shape[0]), int(blocks[1].shape[2])
    xp = module_of(blocks[0])
    rows = [xp.ascontiguousarray(block.transpose(1, 0, 2).reshape(block.shape[1], -1)) for block in blocks]
    found = [_chunk(packets[at : at + CHUNK], rows, inner) for at in range(0, len(packets), CHUNK)]
    return np.concatenate([host(part) for part in found]) if found else np.empty(0, dtype=np.complex128)


def packet_fidelities(state: QuantumState, means: object, widths: object, momenta: object | None = None) -> Floats:
    """(n,) |⟨packet|state⟩|², in [0, 1] for a state of norm 1. Arguments and errors as ``packet_overlaps``."""
    overlaps = packet_overlaps(state, means, widths, momenta)
    return overlaps.real**2 + overlaps.imag**2


def _chunk(packets: Packets, rows: list[Array], inner: tuple[int, int]) -> Array:
    xp = module_of(rows[0])
    real = np.dtype(rows[0].dtype.char.lower())
    pleasure, arousal, dominance = (_project(packets.amplitudes(axis, xp, real), rows[axis]) for axis in range(3))
    joined = pleasure[:, None, :] @ arousal.reshape(-1, *inner)
    return (joined[:, 0].astype(np.complex128) * dominance).sum(axis=1)


def _project(amplitudes: Array, rows: Array) -> Array:
    """(n, columns) conj(amplitudes) @ rows. Real amplitudes meet the real and imaginary parts in one real product."""
    if amplitudes.dtype.kind == "c":
        return amplitudes.conj() @ rows
    return (amplitudes @ rows.view(amplitudes.dtype)).view(rows.dtype)
