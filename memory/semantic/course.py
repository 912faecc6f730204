"""How a walk is to go and be read, checked once; and going it.

Knows matrices alone, no graphs of networkx.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.semantic.google import Floats, Google, distribution
from quantum_memory.memory.semantic.hardware import Hardware
from quantum_memory.memory.semantic.reversible import null_directions
from quantum_memory.memory.semantic.szegedy import PLAIN, Moments, Walk

Unitary = Literal["double", "single"]
"""What one time step is: U², as Paparo and Martin-Delgado have it, or one U."""
UNITARIES: tuple[Unitary, ...] = get_args(Unitary)
SHORT_WALK_STEPS = 8
"""Up to here the roundings that null directions gather stay below 1e-13, and looking for them costs more."""


@dataclass(frozen=True, slots=True)
class Course:
    """How a walk goes and is read.

    Args:
        steps: time steps T; it is read at t = 0..T.
        measure: the register that is read: 2, where the walker goes, or 1, where it comes from.
        unitary: whether a time step is U² or one U.
        phases: θ of the projector's reflection, in radians, in every second U and in those between; (π, π) is the
            usual walk.

    Raises: OutOfRange, InvalidValue, NotFinite.
    """

    steps: int = 100
    measure: int = 2
    unitary: Unitary = "double"
    phases: tuple[float, float] = PLAIN

    def __post_init__(self) -> None:
        whole("steps", self.steps, 0, math.inf)
        if self.measure not in (1, 2):
            raise InvalidValue("measure", repr(self.measure), "register 1 or 2")
        if self.unitary not in UNITARIES:
            raise InvalidValue("unitary", repr(self.unitary), f"one of {', '.join(UNITARIES)}")
        if not isinstance(self.phases, tuple | list) or len(self.phases) != 2:
            raise InvalidValue("phases", repr(self.phases), "two angles in radians")
        checked = tuple(bounded(f"phases[{at}]", theta, -math.inf, math.inf) for at, theta in enumerate(self.phases))
        object.__setattr__(self, "phases", checked)

    @contextmanager
    def walk(
        self,
        adjacency: Any,
        alpha: float,
        personalization: Floats | None,
        dangling: Floats | None,
        start: Floats | None,
        hardware: Hardware,
    ) -> Iterator[Walk]:
        """The walk at its start; what computes it is given back at the end. Raises: as ``walk_ranks`` does."""
        google = Google.of(adjacency, alpha, personalization, dangling)
        begun = distribution("start", start, google.teleport.size)
        null = null_directions(adjacency, google) if self.steps > SHORT_WALK_STEPS else ()
        with hardware:
            walk = Walk(google, begun, null, phases=self.phases, hardware=hardware)
            del google  # a third of its memory was needed for building alone
            yield walk

    def samples(self, walk: Walk, into: Moments, wanted: Callable[[int], bool]) -> Iterator[int]:
        """Go the course, adding to ``into`` at each t that is wanted, and stop at every t = 0..T for who looks."""
        late = 1 if self.measure == 1 else 0  # register 1 shows what register 2 will after one more U
        a_step = 2 if self.unitary == "double" else 1
        if not late and wanted(0):
            walk.read_start(into)
        for t in range(self.steps + 1):
            halves = a_step if t else late
            for half in range(halves):
                walk.advance(into if half == halves - 1 and wanted(t) else None)
            yield t
