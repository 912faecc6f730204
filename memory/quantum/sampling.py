"""Measurement of a state: amplitudes of points, samples, and projective measurement. Never compresses or superposes.

Every sample is drawn from the exact distribution of the state, site after site, so there is no chain to warm up and no
two samples depend on each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import distinct, whole
from quantum_memory.errors import InvalidValue, NotFinite, ShapeMismatch
from quantum_memory.memory.quantum import linalg
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.grid import Grid
from quantum_memory.types import Floats

Bits = NDArray[np.uint8]
Seed = int | np.random.Generator
CHUNK = 4096
"""Samples that go through the sites side by side: what bounds the memory, never the outcome."""
MAX_SAMPLES = 1 << 28


class Collapsed(NamedTuple):
    """What was measured at some sites, how likely that was, and the cores that are left, not of norm 1."""

    bits: Bits
    probability: float
    cores: list[Array]


def sample(cores: Sequence[Array], count: int, seed: Seed) -> Bits:
    """(count, sites) uint8 independent samples from |amplitude|^2, each bit most significant first within its axis.

    From the right-canonical form a site's probabilities depend on what was drawn to its left alone, so one pass over
    the sites draws all samples side by side. Equal seeds draw equal samples.

    Raises: InvalidValue, OutOfRange for the count, the seed, or the zero vector; NotFinite.
    Source: Ferris and Vidal (2012), perfect sampling with unitary tensor networks.
    """
    rng = generator(seed)
    count = whole("count", count, 0, MAX_SAMPLES)
    right, _ = linalg.canonical(cores)
    # Single precision moves a probability by 1e-6 at most, under the noise of any count of samples of such a state.
    right = [core.astype(cores[0].dtype, copy=False) for core in right]
    drawn = np.empty((count, len(right)), dtype=np.uint8)
    for start in range(0, count, CHUNK):
        part = drawn[start : start + CHUNK]
        part[:] = _side_by_side(right, rng.random(part.shape))
    return drawn


def to_pad(grid: Grid, bits: Bits) -> Floats:
    """(n, 3) the points that (n, sites) bits name. Raises: ShapeMismatch, InvalidValue."""
    table = points("bits", bits, grid.sites)
    columns = [table[:, sites] @ grid.steps(axis) + grid.origin[axis] for axis, sites in enumerate(grid.blocks())]
    return np.stack(columns, axis=1)


@linalg.unwarned
def amplitudes(cores: Sequence[Array], bits: Any) -> NDArray[np.complex128]:
    """(n,) amplitudes at the points that (n, sites) bits name, of the state as it is, whatever its norm.

    Raises: ShapeMismatch, InvalidValue for anything but zeros and ones; NotFinite for an amplitude that overflows.
    """
    table = points("bits", bits, len(cores))
    xp = module_of(cores[0])
    rows = xp.ones((len(table), 1), dtype=np.complex128)
    for site, core in enumerate(cores):
        chosen = xp.asarray(table[:, site, None].astype(np.float64))
        zero, one = (rows @ core[:, bit].astype(np.complex128) for bit in (0, 1))
        rows = zero * (1.0 - chosen) + one * chosen
    found: NDArray[np.complex128] = host(rows)[:, 0]
    if not np.isfinite(found).all():
        raise NotFinite("amplitude", float("inf"), f"point {np.flatnonzero(~np.isfinite(found))[0]}")
    return found


def collapse(cores: Sequence[Array], sites: Sequence[int], seed: Seed) -> Collapsed:
    """One projective measurement of some sites in the computational basis.

    The outcome is drawn site by site given those before it; sites that are not asked for are traced out on the way.
    The cores that are returned are the given ones with the other outcome set to zero.

    Args:
        cores: (l, 2, r) each, of any norm but 0.
        sites: which to measure, in any order, each once; the bits come back in that order.
        seed: a number, or a generator that moves on.

    Raises: InvalidValue, OutOfRange for sites, seed or the zero vector; NotFinite.
    """
    rng = generator(seed)
    chosen = distinct("sites", sites, len(cores))
    right, _ = linalg.canonical(cores)
    xp = module_of(right[0])
    density = xp.ones((1, 1), dtype=np.complex128)
    outcome: dict[int, int] = {}
    probability = 1.0
    for site, core in enumerate(right):
        parts = [core[:, bit].conj().T @ density @ core[:, bit] for bit in (0, 1)]
        if site not in chosen:
            density = parts[0] + parts[1]
            continue
        weights = [max(0.0, float(part.trace().real)) for part in parts]
        bit = int(rng.random() * (weights[0] + weights[1]) >= weights[0])
        outcome[site] = bit
        probability *= weights[bit] / (weights[0] + weights[1])
        density = parts[bit] / weights[bit]
    projected = list(cores)
    for site, bit in outcome.items():
        keep = np.zeros((1, 2, 1), dtype=np.float32)
        keep[0, bit] = 1.0
        projected[site] = cores[site] * xp.asarray(keep, dtype=cores[site].dtype)
    bits = np.array([outcome[site] for site in chosen], dtype=np.uint8)
    return Collapsed(bits, min(1.0, probability), projected)


def generator(seed: Seed) -> np.random.Generator:
    """The generator, or a new one from a whole number that is not negative. Raises: InvalidValue, OutOfRange."""
    if isinstance(seed, np.random.Generator):
        return seed
    return np.random.default_rng(whole("seed", seed, 0, 1 << 64))


def points(name: str, bits: Any, sites: int) -> Bits:
    """(n, sites) bits as they were given, if they are that, on the host. Raises: ShapeMismatch, InvalidValue."""
    try:
        table = np.asarray(bits)
    except (TypeError, ValueError):
        raise InvalidValue(name, type(bits).__name__, "rows of zeros and ones on the host") from None
    if table.dtype.kind in "USO":
        raise InvalidValue(name, str(table.dtype), "rows of zeros and ones")
    if table.ndim != 2 or table.shape[1] != sites:
        raise ShapeMismatch(name, ("n", sites), table.shape)
    if table.dtype.kind not in "iub" or not ((table == 0) | (table == 1)).all():
        raise InvalidValue(name, str(table.dtype), "zeros and ones")
    return table.astype(np.uint8)


def _side_by_side(right: Sequence[Array], uniform: Floats) -> Bits:
    """(n, sites) bits drawn with (n, sites) uniform numbers: a row of ``rows`` is one sample's amplitude so far."""
    xp = module_of(right[0])
    dtype = right[0].dtype
    real = np.dtype(dtype.char.lower())
    # Compared in double: a lot just under 1 must not round up to it and choose what is impossible.
    lots = xp.asarray(np.ascontiguousarray(uniform.T))
    rows = xp.ones((len(uniform), 1), dtype=dtype)
    drawn = []
    for site, core in enumerate(right):
        left, _, width = core.shape
        both = rows @ core.reshape(left, -1)
        powers = (both.real**2 + both.imag**2).reshape(-1, 2, width).sum(axis=2).astype(np.float64)
        total = powers[:, 0] + powers[:, 1]
        one = lots[site] * total >= powers[:, 0]
        scale = xp.where(one, powers[:, 1], powers[:, 0])
        rows = xp.where(one.reshape(-1, 1), both[:, width:], both[:, :width]) / xp.sqrt(scale).reshape(-1, 1).astype(
            real, copy=False
        )
        drawn.append(one.reshape(-1, 1))
    return host(xp.concatenate(drawn, axis=1)).astype(np.uint8)
