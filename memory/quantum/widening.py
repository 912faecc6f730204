"""Widening: lost coherence as a wider amplitude. Knows neither time nor force.

Each axis is convolved on its dense block (``blocks``), and the train is split into cores once, at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.errors import OutOfRange
from quantum_memory.memory.quantum import blocks as dense
from quantum_memory.memory.quantum.backend import Array, module_of
from quantum_memory.memory.quantum.engines import engine_of
from quantum_memory.memory.quantum.grid import AXES
from quantum_memory.memory.quantum.packet import triple
from quantum_memory.memory.quantum.state import MAX_BOND, MIN_FIDELITY, QuantumState, checked_state

MAX_WIDENING = 0.5
ONE_PADDING_WIDENING = 0.2
"""Up to here a padding of 1 keeps the two ends of an axis apart to 1e-10, above it takes 2."""
LOST_IN_ROUNDING = 1e3
"""How many roundings the norm that is left must measure: below, noise would pass for a state."""


def widen(
    state: QuantumState,
    by: float | Sequence[float],
    *,
    max_bond: int = MAX_BOND,
    min_fidelity: float = MIN_FIDELITY,
) -> tuple[QuantumState, float]:
    """The amplitude convolved along each axis with exp(-x² / 4 by²), at norm 1, and the fidelity that truncation kept.

    A packet of width w and momentum k keeps its mean and its phase there; its width becomes √(w² + by²) and its
    momentum k w² / (w² + by²). For the wave of momentum q is damped by exp(-q² by²), and the spectrum of a packet,
    exp(-(q - k)² w²), times that is again a Gaussian in q. Widening by a and then by b is widening by √(a² + b²).

    This is a model of lost coherence, not decoherence: what varies fast in the amplitude, so momentum and interference
    fringes, fades, and the feeling becomes less sure of its place. But the state stays pure, and the map is not a
    channel. Within a superposition the packets that move, and the narrow ones, lose weight against the others, so the
    entropy of the density, which rises for a packet and for packets at rest of one width, can fall where packets move.
    What is carried over the border of the cube is cut away, and only part of it would have come back in a second
    widening, so the law of two widenings holds away from the border.

    Args:
        state: of any norm but 0.
        by: one widening for all axes or (3,) of them, each in [0, 0.5]; 0 changes nothing.
        max_bond: as for ``QuantumState.compress``.
        min_fidelity: likewise.

    Raises: InvalidValue, ShapeMismatch, NotFinite; OutOfRange too for the zero vector, for a block of over 2^26
        amplitudes, and for a state so fast that less of it would be left than rounding leaves of anything.
    """
    scale = by if isinstance(by, int | float | np.integer | np.floating) else None
    widenings = triple("by", by) if scale is None else (bounded("by", scale, 0.0, MAX_WIDENING),) * 3
    for axis, value in zip(AXES, widenings, strict=True):
        bounded(f"by along {axis}", value, 0.0, MAX_WIDENING)
    dense.check_truncation(max_bond, min_fidelity)
    paddings = [0 if value == 0.0 else 1 if value <= ONE_PADDING_WIDENING else 2 for value in widenings]
    parts = dense.at_norm_one(checked_state(state).grid, state.cores, max(paddings))
    parts = [
        _convolved(part, padding, state.grid.spacing[axis], widenings[axis]) if padding else part
        for axis, (part, padding) in enumerate(zip(parts, paddings, strict=True))
    ]
    small = dense.split(parts, state.grid.bits, max_bond, min_fidelity)
    least = LOST_IN_ROUNDING * float(np.finfo(state.dtype).eps)
    if small.norm < least:
        raise OutOfRange("share of the norm that widening leaves", small.norm, least, 1.0)
    return QuantumState(state.grid, tuple(small.cores)), small.fidelity


def _convolved(block: Array, padding: int, spacing: float, by: float) -> Array:
    """The block with each wave of momentum q along it damped by exp(-q² by²)."""
    engine = engine_of(block)
    wide = dense.widened(block, padding)
    waves = 2.0 * np.pi * np.fft.fftfreq(wide.shape[1], spacing)
    damping = module_of(block).asarray(np.exp(-((waves * by) ** 2))[:, None], dtype=block.dtype)
    return dense.middle(engine.ifft(engine.fft(wide, axis=1) * damping, axis=1), padding)
