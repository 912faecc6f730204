"""A feeling as it was read: a point of the PAD space, and how sure that is. Reads no text and no image itself.

The confidence says how much better the feeling is than none. Let d be its distance from neutral in standard
deviations, and P = Phi(d / 2) the probability, under a Gaussian of those deviations, that a reader's rating lies nearer
to the feeling than to neutral, in the same units. P runs from 1/2, a guess, to 1, and the confidence is 2 P - 1: 0 for
a text in which nothing is felt, near 1 for a strong feeling that is read with little doubt. So it can be checked by
counting: of the texts with confidence 0.6, eight in ten should be rated nearer to what was read than to neutral. (The
deviations alone would not do: they are smallest for texts without any feeling, and largest for the strongest.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue
from quantum_memory.types import PAD

LEAST_SPREAD = 1e-3
MOST_SPREAD = 2.0
"""No two points of the cube are farther apart on an axis."""


@dataclass(frozen=True, slots=True)
class Feeling:
    """What was felt in something, by somebody's reading.

    Attributes:
        pad: the feeling.
        spread: standard deviation of what people would rate, about ``pad``, per axis, in [0.001, 2].
        confidence: how much better than neutral ``pad`` is, in [0, 1].

    Raises: NotFinite, OutOfRange, InvalidValue.
    """

    pad: PAD
    spread: tuple[float, float, float]
    confidence: float

    def __post_init__(self) -> None:
        if len(self.spread) != 3:
            raise InvalidValue("spread", repr(self.spread), "a standard deviation for each of three axes")
        for axis, deviation in zip(("pleasure", "arousal", "dominance"), self.spread, strict=True):
            bounded(f"spread of {axis}", deviation, LEAST_SPREAD, MOST_SPREAD)
        bounded("confidence", self.confidence, 0.0, 1.0)

    @classmethod
    def of(cls, pad: PAD, spread: tuple[float, float, float]) -> Feeling:
        """A feeling with the confidence that follows from its spread."""
        return cls(pad, spread, confidence(pad, spread))


def confidence(pad: PAD, spread: Sequence[float]) -> float:
    """2 Phi(d / 2) - 1 = erf(d / (2 sqrt 2)), d being the distance of ``pad`` from neutral in units of ``spread``."""
    axes = (pad.pleasure, pad.arousal, pad.dominance)
    distance = math.sqrt(sum((value / deviation) ** 2 for value, deviation in zip(axes, spread, strict=True)))
    return math.erf(distance / (2.0 * math.sqrt(2.0)))


class FeelingReader(Protocol):
    """What reads feelings from texts.

    Law: a text gets the same feeling on every call and in any batch, to 1e-5 in each number; n texts get n feelings in
        their order, none get none. Any text will do, also an empty or a broken one.
    """

    def read(self, texts: Sequence[str]) -> list[Feeling]: ...


class ImageReader(Protocol):
    """What reads feelings from images, each the bytes of a file. The same law as for texts.

    Raises: InvalidValue for bytes that are no image; TooLong for more of them than are taken.
    """

    def read(self, images: Sequence[bytes]) -> list[Feeling]: ...
