"""How much of a memory's freshness is left after some time. Knows no clock: ages come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.types import Floats

_SHORTEST_S, _LONGEST_S = 1e-6, 1e15
DAY_S = 86_400.0


class DecayPolicy(Protocol):
    """How much an untouched memory still weighs.

    Laws: retention(0) == 1; it never rises with age; it stays in [0, 1]. An age below 0, of a memory dated after
    the question, counts as 0.
    """

    def retention(self, age_s: Floats) -> Floats: ...


@dataclass(frozen=True, slots=True)
class Exponential:
    """Half of it is gone after each half-life. Raises: NotFinite, OutOfRange."""

    half_life_s: float = 30 * DAY_S

    def __post_init__(self) -> None:
        bounded("half_life_s", self.half_life_s, _SHORTEST_S, _LONGEST_S)

    def retention(self, age_s: Floats) -> Floats:
        kept: Floats = np.exp2(-np.maximum(age_s, 0.0) / self.half_life_s)
        return kept


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """Fast at first and slow later, as people forget: (1 + age / scale) ** -exponent.

    Source: Ebbinghaus (1885), in the power form of Wixted and Carpenter (2007).
    Raises: NotFinite, OutOfRange.
    """

    scale_s: float = DAY_S
    exponent: float = 0.5

    def __post_init__(self) -> None:
        bounded("scale_s", self.scale_s, _SHORTEST_S, _LONGEST_S)
        bounded("exponent", self.exponent, 0.0, 100.0)

    def retention(self, age_s: Floats) -> Floats:
        kept: Floats = (1.0 + np.maximum(age_s, 0.0) / self.scale_s) ** -self.exponent
        return kept
