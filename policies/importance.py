"""How much a new memory matters in itself, before anybody asks for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from quantum_memory.checks import bounded, whole
from quantum_memory.types import PAD

MOST_REPEATS = 2**31 - 1


class Met(NamedTuple):
    """How a new memory meets what is known.

    Attributes:
        surprise: how far its meaning is from the nearest of what is known, in [0, 1]; 0 where nothing is known, because
            then nothing is expected.
        repeats: how many of what is known say the same.
    """

    surprise: float = 0.0
    repeats: int = 0


NOT_ASKED = Met()


class ImportancePolicy(Protocol):
    """What importance a memory gets when it is remembered.

    Laws: it lies in [0, 1]; what the caller gave wins, unchanged; it does not fall as the standing, the surprise or the
    repeats rise. Where ``reads_graph`` is false the standing changes nothing, and where ``reads_memories`` is false
    what it met changes nothing; nobody finds these out then. ``parts`` add up to the importance of what nobody gave.
    """

    @property
    def reads_graph(self) -> bool: ...

    @property
    def reads_memories(self) -> bool: ...

    def importance(
        self, pad: PAD, confidence: float, given: float | None, standing: float = 0.0, met: Met = NOT_ASKED
    ) -> float:
        """The importance of a memory in which this is felt, so surely; in [0, 1].

        ``standing`` is how much what it speaks of matters to the agent, in [0, 1]: see ``semantic.standing``.
        """
        ...

    def parts(self, pad: PAD, confidence: float, standing: float = 0.0, met: Met = NOT_ASKED) -> Mapping[str, float]:
        """What each reason gives to the importance, by name."""
        ...


@dataclass(frozen=True, slots=True)
class Salience:
    """What was felt strongly matters, and what is unexpected, is said again, or speaks of what matters already.

    Each part lies in [0, 1], times its weight; each fills its share of what those before it leave open up to 1. So
    importance is 1 - product of (1 - weight * part), whatever their order.

    Attributes:
        feeling: weight of the length of the PAD over its greatest, times the confidence in it.
        surprise: weight of the distance to the nearest of what is known.
        repetition: weight of how often it was said before: half at the first time, and half of what is left at each.
        concepts: weight of the standing of what it speaks of.

    Source: arousal and novelty as what makes memories last: McGaugh (2004); Ranganath and Rainer (2003).
    Raises: NotFinite, OutOfRange, also from ``importance``.
    """

    feeling: float = 1.0
    surprise: float = 0.0
    repetition: float = 0.0
    concepts: float = 0.0

    def __post_init__(self) -> None:
        for name in ("feeling", "surprise", "repetition", "concepts"):
            bounded(name, getattr(self, name), 0.0, 1.0)

    @property
    def reads_graph(self) -> bool:
        """Whether concepts count."""
        return self.concepts > 0.0

    @property
    def reads_memories(self) -> bool:
        """Whether it counts how a memory meets what is known."""
        return self.surprise > 0.0 or self.repetition > 0.0

    def importance(
        self, pad: PAD, confidence: float, given: float | None, standing: float = 0.0, met: Met = NOT_ASKED
    ) -> float:
        if given is not None:
            return bounded("importance", given, 0.0, 1.0)
        return min(1.0, sum(self.parts(pad, confidence, standing, met).values()))

    def parts(self, pad: PAD, confidence: float, standing: float = 0.0, met: Met = NOT_ASKED) -> dict[str, float]:
        felt = pad.intensity * bounded("confidence", confidence, 0.0, 1.0)
        again = 1.0 - math.exp2(-whole("repeats", met.repeats, 0, MOST_REPEATS))
        told = {
            "feeling": self.feeling * felt,
            "surprise": self.surprise * bounded("surprise", met.surprise, 0.0, 1.0),
            "repetition": self.repetition * again,
            "concepts": self.concepts * bounded("standing", standing, 0.0, 1.0),
        }
        left, gains = 1.0, {}
        for name, part in told.items():
            gains[name] = left * part
            left *= 1.0 - part
        return gains
