"""How much a new memory matters in itself, before anybody asks for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from quantum_memory.checks import bounded
from quantum_memory.types import PAD


class ImportancePolicy(Protocol):
    """What importance a memory gets when it is remembered.

    Laws: it lies in [0, 1]; what the caller gave wins, unchanged.
    """

    def importance(self, pad: PAD, confidence: float, given: float | None) -> float: ...


@dataclass(frozen=True, slots=True)
class Intensity:
    """What was felt strongly matters: the length of the PAD over its greatest, times the confidence in it.

    Raises: NotFinite, OutOfRange from ``importance``.
    """

    def importance(self, pad: PAD, confidence: float, given: float | None) -> float:
        if given is not None:
            return bounded("importance", given, 0.0, 1.0)
        length = math.hypot(pad.pleasure, pad.arousal, pad.dominance) / math.sqrt(3.0)
        return min(1.0, length) * bounded("confidence", confidence, 0.0, 1.0)
