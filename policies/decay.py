"""How much of a memory's freshness is left after some time, and what being used does for it. Knows no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue, ShapeMismatch
from quantum_memory.types import Floats

_SHORTEST_S, _LONGEST_S = 1e-6, 1e15
DAY_S = 86_400.0
MAX_GAIN = 100.0


class DecayPolicy(Protocol):
    """How much a memory still weighs so long after it was remembered, or last of use.

    Laws: retention(0) == 1; it never rises with age; it stays in [0, 1]; more traces never lower it, and one trace is
    as if nothing was said. An age below 0, of a memory dated after the question, counts as 0.
    """

    def retention(self, age_s: Floats, traces: Floats | None = None) -> Floats:
        """What is left at these ages (m,), where each memory has left so many traces (m,), 1 or more."""
        ...


@dataclass(frozen=True, slots=True)
class Never:
    """Nothing of it goes: for facts."""

    def retention(self, age_s: Floats, traces: Floats | None = None) -> Floats:  # noqa: ARG002 - any number keeps it
        return np.ones(np.shape(age_s))


@dataclass(frozen=True, slots=True)
class Exponential:
    """Half of it is gone after each half-life, which is as many times longer as there are traces.

    Source: half-life regression (Settles and Meeder, 2016), with a half-life that grows in proportion to exposures.
    Raises: NotFinite, OutOfRange.
    """

    half_life_s: float = 30 * DAY_S

    def __post_init__(self) -> None:
        bounded("half_life_s", self.half_life_s, _SHORTEST_S, _LONGEST_S)

    def retention(self, age_s: Floats, traces: Floats | None = None) -> Floats:
        halves = np.maximum(age_s, 0.0) / self.half_life_s
        kept: Floats = np.exp2(-halves if traces is None else -halves / traces)
        return kept


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """Fast at first and slow later, as people forget: (1 + age / scale) ** -exponent.

    With n traces the scale is n ** (1 / exponent) times longer. So long after, n traces are worth n times one, as in
    the base level of ACT-R, log(sum of age ** -exponent over all traces), with all of them as old as the last; and at
    no age are they worth more than 1.

    Source: Ebbinghaus (1885), in the power form of Wixted and Carpenter (2007); Anderson and Schooler (1991).
    Raises: NotFinite, OutOfRange.
    """

    scale_s: float = DAY_S
    exponent: float = 0.5

    def __post_init__(self) -> None:
        bounded("scale_s", self.scale_s, _SHORTEST_S, _LONGEST_S)
        bounded("exponent", self.exponent, 0.0, 100.0)

    def retention(self, age_s: Floats, traces: Floats | None = None) -> Floats:
        ages = np.maximum(age_s, 0.0) / self.scale_s
        if traces is None or self.exponent == 0.0:
            kept: Floats = (1.0 + ages) ** -self.exponent
            return kept
        with np.errstate(divide="ignore", over="ignore"):  # log 0 is the logarithm of age 0; a tiny exponent slows all
            stretched = np.log(ages) - np.log(traces) / self.exponent
        told: Floats = np.exp(-self.exponent * np.logaddexp(0.0, stretched))
        return told


@dataclass(frozen=True, slots=True)
class Decay:
    """Which kind of memory fades how, and how uses slow that.

    A memory leaves one trace when it is remembered and ``gain`` more with each use; its age is counted from the last.
    Uses that were journalled together count once, so what is asked ten times in a moment is not kept ten times longer
    (the spacing effect; Cepeda and others, 2006).

    Attributes:
        default: for kinds that are not named.
        kinds: by kind.
        gain: what a use is worth beside the remembering, in [0, 100].

    Raises: NotFinite, OutOfRange.
    """

    default: DecayPolicy = field(default_factory=PowerLaw)
    kinds: Mapping[str, DecayPolicy] = field(default_factory=dict)
    gain: float = 1.0

    def __post_init__(self) -> None:
        bounded("gain", self.gain, 0.0, MAX_GAIN)

    def retention(
        self, age_s: Floats, kinds: Sequence[str], uses: Floats | None = None, since_use_s: Floats | None = None
    ) -> Floats:
        """What is left of m memories, in [0, 1].

        Args:
            age_s: (m,) since each was remembered.
            kinds: the kind of each.
            uses: (m,) how often each was of use; never if left out.
            since_use_s: (m,) since it last was; NaN, or left out, where it never was.

        Raises: ShapeMismatch; InvalidValue if only one of the last two is given.
        """
        ages = np.asarray(age_s, dtype=np.float64)
        if ages.shape != (len(kinds),):
            raise ShapeMismatch("age_s", (len(kinds),), ages.shape)
        if (uses is None) != (since_use_s is None):
            raise InvalidValue("uses", "one of uses and since_use_s", "both or neither")
        traces = np.ones(len(kinds))
        if uses is not None and since_use_s is not None:
            for name, given in (("uses", uses), ("since_use_s", since_use_s)):
                if np.shape(given) != ages.shape:
                    raise ShapeMismatch(name, ages.shape, np.shape(given))
            traces = 1.0 + self.gain * np.asarray(uses, dtype=np.float64)
            ages = np.fmin(ages, since_use_s)
        kept = np.ones(len(kinds))
        of_kind = np.array(kinds, dtype=object)
        for kind in set(kinds):
            here = of_kind == kind
            kept[here] = self.kinds.get(kind, self.default).retention(ages[here], traces[here])
        return kept
