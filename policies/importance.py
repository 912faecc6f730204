"""How much a new memory matters in itself, before anybody asks for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from quantum_memory.checks import bounded
from quantum_memory.types import PAD


class ImportancePolicy(Protocol):
    """What importance a memory gets when it is remembered.

    Laws: it lies in [0, 1]; what the caller gave wins, unchanged; it does not fall as the standing rises. Where
    ``reads_graph`` is false the standing changes nothing, and nobody finds it out.
    """

    @property
    def reads_graph(self) -> bool: ...

    def importance(self, pad: PAD, confidence: float, given: float | None, standing: float = 0.0) -> float:
        """The importance of a memory in which this is felt, so surely; in [0, 1].

        ``standing`` is how much what it speaks of matters to the agent, in [0, 1]: see ``semantic.standing``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Intensity:
    """What was felt strongly matters: the length of the PAD over its greatest, times the confidence in it.

    Of what that leaves open up to 1 the standing of what a memory speaks of fills at most ``concepts``.

    Raises: NotFinite, OutOfRange, also from ``importance``.
    """

    concepts: float = 0.0

    def __post_init__(self) -> None:
        bounded("concepts", self.concepts, 0.0, 1.0)

    @property
    def reads_graph(self) -> bool:
        """Whether concepts count."""
        return self.concepts > 0.0

    def importance(self, pad: PAD, confidence: float, given: float | None, standing: float = 0.0) -> float:
        if given is not None:
            return bounded("importance", given, 0.0, 1.0)
        length = math.hypot(pad.pleasure, pad.arousal, pad.dominance) / math.sqrt(3.0)
        felt = min(1.0, length) * bounded("confidence", confidence, 0.0, 1.0)
        return min(1.0, felt + (1.0 - felt) * self.concepts * bounded("standing", standing, 0.0, 1.0))
