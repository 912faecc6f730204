"""The grid on the PAD cube: where its points lie and which qubits name them. Owns no amplitude."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from quantum_memory.errors import InvalidValue, OutOfRange
from quantum_memory.types import Floats

AXES = ("pleasure", "arousal", "dominance")
MIN_BITS = 2
MAX_BITS = 12


@dataclass(frozen=True, slots=True)
class Grid:
    """The cube [-1, 1]³ cut into 2^bits cells per axis; a point is the centre of its cell.

    With b bits the spacing is h = 2^(1-b) and point j lies at -1 + (j + ½) h, so the points are symmetric about 0
    and none lies on the border. The bits of j, most significant first, are the qubits of the axis; the sites of a
    state are those of pleasure, then arousal, then dominance.

    Raises: InvalidValue, OutOfRange (2 to 12 bits).
    """

    bits: tuple[int, int, int] = (10, 9, 9)

    def __post_init__(self) -> None:
        given: object = self.bits
        if not isinstance(given, tuple | list) or len(given) != len(AXES):
            raise InvalidValue("bits", repr(given), "three whole numbers, one per axis")
        for axis, bits in zip(AXES, given, strict=True):
            if isinstance(bits, bool) or not isinstance(bits, int | np.integer):
                raise InvalidValue(f"bits of {axis}", repr(bits), "a whole number")
            if not MIN_BITS <= bits <= MAX_BITS:
                raise OutOfRange(f"bits of {axis}", float(bits), MIN_BITS, MAX_BITS)
        object.__setattr__(self, "bits", tuple(int(bits) for bits in given))

    @property
    def sites(self) -> int:
        """How many qubits there are."""
        return sum(self.bits)

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many points there are along each axis."""
        pleasure, arousal, dominance = self.bits
        return 1 << pleasure, 1 << arousal, 1 << dominance

    @property
    def spacing(self) -> tuple[float, float, float]:
        """The distance between neighbouring points along each axis."""
        pleasure, arousal, dominance = self.shape
        return 2.0 / pleasure, 2.0 / arousal, 2.0 / dominance

    @property
    def origin(self) -> tuple[float, float, float]:
        """The point whose bits are all 0."""
        pleasure, arousal, dominance = self.spacing
        return pleasure / 2 - 1.0, arousal / 2 - 1.0, dominance / 2 - 1.0

    def points(self, axis: int) -> Floats:
        """(2^bits,) coordinates along an axis, rising."""
        return self.origin[axis] + self.spacing[axis] * np.arange(self.shape[axis], dtype=np.float64)

    def steps(self, axis: int) -> Floats:
        """(bits,) how far a 1 in each bit moves a point along the axis, most significant first."""
        bits = self.bits[axis]
        return self.spacing[axis] * 2.0 ** np.arange(bits - 1, -1, -1, dtype=np.float64)

    def blocks(self) -> tuple[slice, slice, slice]:
        """The sites of each axis."""
        pleasure, arousal, dominance = (slice(a, b) for a, b in pairwise(np.cumsum((0, *self.bits)).tolist()))
        return pleasure, arousal, dominance
