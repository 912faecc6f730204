"""Packets: Gaussian amplitudes over the PAD grid, and their matrix product form. Knows no superposition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from reprlib import repr as short
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory.quantum.backend import Array
from quantum_memory.memory.quantum.fitting import checked_grid
from quantum_memory.memory.quantum.grid import AXES, Grid
from quantum_memory.memory.quantum.linalg import kept_rank, svd
from quantum_memory.memory.quantum.nodes import Nodes, of_grid
from quantum_memory.types import Floats

Triple = tuple[float, float, float]
MAX_WIDTH = 100.0
"""Beyond it a packet on [-1, 1] is flat to the last bit."""
DROPPED_WEIGHT = {np.dtype(np.complex64): 1e-10, np.dtype(np.complex128): 1e-26}
"""The weight that encoding may drop at a cut: well under what compression allows, at each precision."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A feeling as an amplitude: exp(-Σ (x-mean)²/4width²) · e^{i momentum·(x-mean)}, normalised on the grid.

    Attributes:
        mean: (3,) centre, each in [-1, 1].
        width: (3,) standard deviation of the probability density (the squared amplitude), each in (0, 100].
        momentum: (3,) wave numbers: where the feeling is heading. The phase is 0 at the mean.

    Raises: ShapeMismatch, NotFinite, OutOfRange, InvalidValue.
    """

    mean: Triple
    width: Triple
    momentum: Triple = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        for name in ("mean", "width", "momentum"):
            object.__setattr__(self, name, triple(name, getattr(self, name)))
        _check_ranges(np.array(self.mean), np.array(self.width))


@dataclass(frozen=True, slots=True, eq=False)
class Packets:
    """Many packets at once, checked against a grid.

    Attributes:
        means, widths: (n, 3).
        momenta: (n, 3), or ``None`` where all are at rest, which saves half the arithmetic.

    Raises: ShapeMismatch, NotFinite, InvalidValue; OutOfRange for a mean outside the cube, a width under the grid
        spacing, or a momentum over π / spacing, which the grid could not tell from a smaller one.
    """

    grid: Grid
    means: Floats
    widths: Floats
    momenta: Floats | None = None

    def __post_init__(self) -> None:
        checked_grid(self.grid)
        means = _rows("means", _numbers("means", self.means), ("n", 3))
        widths = _rows("widths", _numbers("widths", self.widths), means.shape)
        object.__setattr__(self, "means", means)
        object.__setattr__(self, "widths", widths)
        _check_ranges(means, widths)
        spacing = np.array(self.grid.spacing)
        narrow = np.argwhere(widths < spacing)
        if narrow.size:
            row, axis = narrow[0]
            raise OutOfRange(f"width of {AXES[axis]}", float(widths[row, axis]), float(spacing[axis]), MAX_WIDTH)
        if self.momenta is None:
            return
        momenta = _rows("momenta", _numbers("momenta", self.momenta), means.shape)
        limit = np.pi / spacing
        wild = np.argwhere(np.abs(momenta) > limit)
        if wild.size:
            row, axis = wild[0]
            high = float(limit[axis])
            raise OutOfRange(f"momentum of {AXES[axis]}", float(momenta[row, axis]), -high, high)
        object.__setattr__(self, "momenta", momenta if momenta.any() else None)

    @classmethod
    def of(cls, grid: Grid, packets: Sequence[Packet]) -> Packets:
        """The packets in one batch. Raises: InvalidValue for what is no packet; what ``Packets`` raises."""
        for packet in packets:
            if not isinstance(packet, Packet):
                raise InvalidValue("packet", short(packet), "a Packet")
        table = np.array([(p.mean, p.width, p.momentum) for p in packets], dtype=np.float64).reshape(-1, 3, 3)
        return cls(grid, table[:, 0], table[:, 1], table[:, 2])

    def __len__(self) -> int:
        return len(self.means)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Packets:
        """Those packets, which were checked already."""
        picked = object.__new__(Packets)
        momenta = None if self.momenta is None else self.momenta[rows]
        for name, value in (("means", self.means[rows]), ("widths", self.widths[rows]), ("momenta", momenta)):
            object.__setattr__(picked, name, value)
        object.__setattr__(picked, "grid", self.grid)
        return picked

    def amplitudes(self, axis: int, xp: Any, real: Any, nodes: Nodes | None = None) -> Array:
        """(n, 2^bits) unit amplitudes of each packet along an axis, made by ``xp`` at the real type ``real``.

        They are real where the packets are at rest, complex otherwise. Their product over the axes is the packet. With
        ``nodes`` they are at those points instead, (n, nodes), scaled alike.
        """
        at = of_grid(self.grid, axis) if nodes is None else nodes
        points = xp.asarray(at.points, dtype=real)
        means = xp.asarray(self.means[:, axis, None], dtype=real)
        scale = xp.asarray(0.5 / self.widths[:, axis, None], dtype=real)
        gauss = xp.exp(-(((points - means) * scale) ** 2))
        squares = gauss * gauss
        if at.weights is None:
            power = squares.sum(axis=1, keepdims=True)
        else:
            power = squares @ xp.asarray(at.weights[:, None], dtype=real)
        gauss /= xp.sqrt(power)
        return gauss if self.momenta is None else gauss * self._phases(axis, at, xp, real)

    def _phases(self, axis: int, nodes: Nodes, xp: Any, real: Any) -> Array:
        """(n, nodes) e^{i k (x - mean)}: an outer product over starts and offsets, so few exponentials."""
        if self.momenta is None:
            raise InvalidValue("momenta", "None", "packets that move")
        wave = self.momenta[:, axis, None]
        high = np.exp(1j * (wave * (nodes.starts - self.means[:, axis, None])))
        low = np.exp(1j * (wave * nodes.offsets))
        kind = np.result_type(real, np.complex64)
        outer = xp.asarray(high, dtype=kind)[:, :, None] * xp.asarray(low, dtype=kind)[:, None]
        return outer.reshape(len(self), -1)

    def gram(self) -> NDArray[np.complex128]:
        """(n, n) overlaps ⟨packet_i|packet_j⟩ on the grid, without encoding any."""
        product = np.ones((len(self), len(self)), dtype=np.complex128)
        for axis in range(len(AXES)):
            rows = self.amplitudes(axis, np, np.float64)
            product *= rows.conj() @ rows.T
        return product


def encode(grid: Grid, packet: Packet, dtype: np.dtype[Any]) -> list[NDArray[Any]]:
    """The cores of one packet, (l, 2, r) each, site by site, of norm 1.

    The real Gaussian of each axis is split by singular values (TT-SVD, in double precision); the phase is a product
    over bits and is multiplied in afterwards. Raises: what ``Packets`` raises.
    """
    batch = Packets.of(grid, [packet])
    cores: list[NDArray[Any]] = []
    for axis in range(len(AXES)):
        real = _split(
            Packets(grid, batch.means, batch.widths).amplitudes(axis, np, np.float64)[0], DROPPED_WEIGHT[dtype]
        )
        made = [core.astype(dtype) for core in real]
        wave = packet.momentum[axis]
        if wave:
            for core, step in zip(made, grid.steps(axis), strict=True):
                core[:, 1] *= np.exp(1j * wave * step)
            made[0] *= np.exp(1j * wave * (grid.origin[axis] - packet.mean[axis]))
        cores += made
    return cores


def _split(amplitudes: Floats, dropped_weight: float) -> list[Floats]:
    """The cores of a real vector of length 2^b and norm 1: left-orthogonal but for the last, which carries
    the norm.
    """
    bits = amplitudes.size.bit_length() - 1
    cores: list[Floats] = []
    left = 1
    rest = amplitudes
    for _ in range(bits - 1):
        basis, values, right = svd(rest.reshape(left * 2, -1))
        rank = kept_rank(values, dropped_weight)
        cores.append(basis[:, :rank].reshape(left, 2, rank))
        rest = values[:rank, None] * right[:rank]
        left = rank
    cores.append((rest / np.linalg.norm(rest)).reshape(left, 2, 1))
    return cores


def triple(name: str, value: object) -> Triple:
    """Three finite numbers, one per axis. Raises: InvalidValue, ShapeMismatch, NotFinite."""
    pleasure, arousal, dominance = _rows(name, _numbers(name, value), (3,)).tolist()
    return pleasure, arousal, dominance


def _numbers(name: str, value: object) -> Floats:
    try:
        made = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidValue(name, type(value).__name__, "numbers") from None
    made.flags.writeable = False
    return made


def _rows(name: str, values: Floats, want: tuple[int | str, ...]) -> Floats:
    """The table, if it has that shape and every number in it is finite, or a named error."""
    fits = values.ndim == len(want) and all(w in (g, "n") for w, g in zip(want, values.shape, strict=True))
    if not fits:
        raise ShapeMismatch(name, want, values.shape)
    if not np.isfinite(values).all():
        place = tuple(np.argwhere(~np.isfinite(values))[0].tolist())
        raise NotFinite(name, float(values[place]), f"index {place}")
    return values


def _check_ranges(means: Floats, widths: Floats) -> None:
    outside = means[np.abs(means) > 1.0]
    if outside.size:
        raise OutOfRange("mean", float(outside[0]), -1.0, 1.0)
    bad = widths[~((widths > 0.0) & (widths <= MAX_WIDTH))]
    if bad.size:
        raise OutOfRange("width", float(bad[0]), 0.0, MAX_WIDTH)
