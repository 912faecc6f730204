"""The grid on the PAD cube: where its points lie and which qubits name them. Owns no amplitude."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from quantum_memory.checks import whole
from quantum_memory.errors import InvalidValue
from quantum_memory.types import Floats

AXES = ("pleasure", "arousal", "dominance")
MIN_BITS = 2
MAX_BITS = 12
MAX_PADDING = 2


@dataclass(frozen=True, slots=True)
class Grid:
    """The cube [-c, c]³ cut into 2^bits cells per axis; a point is the centre of its cell.

    The half edge c is 2^padding: 1 for the PAD cube itself, 2 or 4 where an amplitude needs room to move beyond it.
    With b bits the spacing is h = 2c / 2^b and point j lies at -c + (j + ½) h, so the points are symmetric about 0
    and none lies on the border. The bits of j, most significant first, are the qubits of the axis; the sites of a
    state are those of pleasure, then arousal, then dominance.

    Attributes:
        bits: qubits of each axis, those of the padding counted in.
        padding: how often the cube was doubled, 0 to 2.

    Raises: InvalidValue, OutOfRange (2 + padding to 12 bits, so that the PAD cube keeps 2).
    """

    bits: tuple[int, int, int] = (10, 9, 9)
    padding: int = 0

    def __post_init__(self) -> None:
        given: object = self.bits
        if not isinstance(given, tuple | list) or len(given) != len(AXES):
            raise InvalidValue("bits", repr(given), "three whole numbers, one per axis")
        padding = whole("padding", self.padding, 0, MAX_PADDING)
        for axis, bits in zip(AXES, given, strict=True):
            whole(f"bits of {axis}", bits, MIN_BITS + padding, MAX_BITS)
        object.__setattr__(self, "padding", padding)
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
    def half_edge(self) -> float:
        """The largest coordinate of the cube: 2^padding."""
        return float(1 << self.padding)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """The distance between neighbouring points along each axis."""
        pleasure, arousal, dominance = self.shape
        edge = 2.0 * self.half_edge
        return edge / pleasure, edge / arousal, edge / dominance

    @property
    def origin(self) -> tuple[float, float, float]:
        """The point whose bits are all 0."""
        pleasure, arousal, dominance = self.spacing
        return pleasure / 2 - self.half_edge, arousal / 2 - self.half_edge, dominance / 2 - self.half_edge

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

    def padded(self, by: int = 1) -> Grid:
        """The grid of the cube doubled ``by`` times: one more most significant bit per axis each time.

        Its middle points are those of this grid, to the last bit. Raises: InvalidValue, OutOfRange (more than 12 bits,
        or a padding over 2).
        """
        more = whole("by", by, 0, MAX_PADDING)
        pleasure, arousal, dominance = self.bits
        return Grid((pleasure + more, arousal + more, dominance + more), self.padding + more)

    def cropped(self, by: int = 1) -> Grid:
        """The grid of the cube halved ``by`` times: what ``padded`` undoes. Raises: InvalidValue, OutOfRange."""
        less = whole("by", by, 0, self.padding)
        pleasure, arousal, dominance = self.bits
        return Grid((pleasure - less, arousal - less, dominance - less), self.padding - less)
