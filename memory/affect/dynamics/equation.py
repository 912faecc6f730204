"""The equation of a relationship: a fitted system as plain values, that can be kept, read back, printed and used.

Fits nothing. What it says of itself is mathematics (``str``) or a sentence (``sentence``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from quantum_memory.checks import visible, within
from quantum_memory.errors import InvalidValue, QuantumMemoryError
from quantum_memory.memory.affect.dynamics.fitting import Fit, Shape
from quantum_memory.memory.affect.dynamics.reverting import Forecast, Reverting
from quantum_memory.memory.affect.dynamics.series import AXES, folded
from quantum_memory.memory.affect.emotions import nearest
from quantum_memory.types import PAD, Floats, MemoryId

Triple = tuple[float, float, float]
Square = tuple[Triple, Triple, Triple]
Source = Literal["speech", "mood"]
KIND = "equation"
"""The kind of the memories that hold equations, and the key of their metadata."""
MAX_OTHER_CHARS = 119
"""Of a name, so that the id with what stands before it is not too long for a memory's."""
HOUR_S = 3600.0
SURE = 1.96
"""Standard errors to either side of a 95 % interval."""
TOLD = 2.0
"""A sentence tells of a push that is so many standard errors from none."""


class Estimate(NamedTuple):
    """A number, its standard error, and the scale on which it was estimated."""

    value: float
    error: float
    logarithmic: bool = False

    @property
    def interval(self) -> tuple[float, float]:
        """95 %: symmetric, or by the same factor up and down."""
        if not self.logarithmic:
            return self.value - SURE * self.error, self.value + SURE * self.error
        return self.value * math.exp(-SURE * self.error), self.value * math.exp(min(700.0, SURE * self.error))


@dataclass(frozen=True, slots=True)
class Equation:
    """How somebody's feelings go on by themselves, and how somebody else's move them: see ``reverting``.

    Attributes:
        agent, other: whose feelings, and who moves them; ``None`` for a system left alone.
        shape: "axes" or "coupled".
        source: "speech" if the agent's feelings are those it spoke of, "mood" if its mood's.
        rest, rest_error: mu, and standard errors, as in all that follows.
        pull, pull_error: K per hour, rows first.
        push, push_error: B: ``push[a][b]`` is how far one unit of the other's axis b moves the agent's axis a.
        spread, spread_error: the covariance of the feelings in the long run, pushes left out.
        half_lives_s, half_life_error: of a feeling on each axis, and standard errors of their logarithms.
        log_likelihood: of the steps, given the first feeling.
        steps, heard: how many steps from feeling to feeling, and how many feelings of the other, it was fitted to.
        begin, end: times of the first and the last feeling.
        last: the feeling at ``end`` as it was read, from which a forecast goes on.
        reading, reading_error: standard deviation on each axis of what is read about what is felt; 0 where nothing says
            that readings err.
    """

    agent: str
    other: str | None
    shape: Shape
    source: Source
    rest: Triple
    rest_error: Triple
    pull: Square
    pull_error: Square
    push: Square
    push_error: Square
    spread: Square
    spread_error: Square
    half_lives_s: Triple
    half_life_error: Triple
    log_likelihood: float
    steps: int
    heard: int
    begin: datetime
    end: datetime
    last: PAD
    reading: Triple = (0.0, 0.0, 0.0)
    reading_error: Triple = (0.0, 0.0, 0.0)

    @classmethod
    def of(
        cls, fit: Fit, agent: str, other: str | None, source: Source, span: tuple[datetime, datetime], last: PAD
    ) -> Equation:
        """A fit in plain values."""
        model = fit.model
        return cls(
            agent=agent,
            other=other,
            shape=fit.shape,
            source=source,
            rest=_triple(model.rest),
            rest_error=_triple(fit.rest_error),
            pull=_square(model.pull * HOUR_S),
            pull_error=_square(fit.pull_error * HOUR_S),
            push=_square(model.push),
            push_error=_square(fit.push_error),
            spread=_square(model.spread),
            spread_error=_square(fit.spread_error),
            half_lives_s=_triple(model.half_lives_s()),
            half_life_error=_triple(fit.half_life_error),
            log_likelihood=fit.log_likelihood,
            steps=fit.steps,
            heard=fit.heard,
            begin=span[0],
            end=span[1],
            last=last,
            reading=_triple(np.sqrt(model.reading)),
            reading_error=_triple(fit.reading_error),
        )

    @property
    def id(self) -> MemoryId:
        """The id of the memory that keeps it: the same for the same other, however the name is written."""
        return equation_id(self.other)

    @property
    def model(self) -> Reverting:
        """The system itself. Raises: InvalidInput if the numbers are none of a system that comes to rest."""
        pull, reading = np.array(self.pull) / HOUR_S, np.square(self.reading)
        return Reverting(np.array(self.rest), pull, np.array(self.push), np.array(self.spread), reading)

    @property
    def coefficients(self) -> dict[str, Estimate]:
        """Every number by name: "rest pleasure", "half-life arousal", "reading ...", "push dominance by pleasure", ...

        Numbers that the shape holds at 0 are left out.
        """
        found: dict[str, Estimate] = {}
        for index, axis in enumerate(AXES):
            found[f"rest {axis}"] = Estimate(self.rest[index], self.rest_error[index])
            found[f"half-life {axis}"] = Estimate(self.half_lives_s[index], self.half_life_error[index], True)
            if any(self.reading):
                found[f"reading {axis}"] = Estimate(self.reading[index], self.reading_error[index])
        for name, values, errors in (
            ("push", self.push, self.push_error),
            ("pull", self.pull, self.pull_error),
            ("spread", self.spread, self.spread_error),
        ):
            for a, b in ((a, b) for a in range(3) for b in range(3)):
                if (a == b or errors[a][b]) and not (name == "push" and self.other is None):
                    found[f"{name} {AXES[a]} by {AXES[b]}"] = Estimate(values[a][b], errors[a][b])
        return found

    def forecast(self, after_s: float, now: PAD | None = None, heard: Sequence[tuple[float, PAD]] = ()) -> Forecast:
        """What the agent feels ``after_s`` seconds after ``end``, or from a feeling ``now``.

        Args:
            after_s: seconds ahead.
            now: the feeling to go on from, as it is; the last one that was read if left out.
            heard: what the other feels until then: seconds from now, and the PADs; one that was read with some
                confidence counts times that, as it did when B was fitted.

        Raises: OutOfRange.
        """
        if now is None:
            return self.model.forecast_read(self.last, after_s, heard)
        return self.model.forecast(now, after_s, heard)

    @property
    def sentence(self) -> str:
        """In words, for people: where it rests, how long a feeling lasts, what the other does to it."""
        name = nearest(PAD(*np.clip(self.rest, -1.0, 1.0).tolist()), 1)[0][0]
        whose = f"With {self.other}, {self.agent}" if self.other is not None else self.agent
        rest = ", ".join(f"{axis} {value:+.2f}" for axis, value in zip(AXES, self.rest, strict=True))
        spans = [duration(value) for value in self.half_lives_s]
        halves = ", ".join(f"{axis} in {span}" for axis, span in zip(AXES, spans, strict=True))
        fades = f"A feeling halves in {spans[0]}." if len(set(spans)) == 1 else f"Feelings halve: {halves}."
        return f"{whose} rests at {rest} (near {name}). {fades}{self._moves()}"

    def _moves(self) -> str:
        if self.other is None:
            return ""
        told = [
            f"{self.other}'s {AXES[b]} moves {self.agent}'s {'own' if a == b else AXES[a]} by {self.push[a][b]:+.2f}"
            for a in range(3)
            for b in range(3)
            if abs(self.push[a][b]) > TOLD * self.push_error[a][b] and self.push_error[a][b] > 0.0
        ]
        return " " + ("; ".join(told) if told else f"{self.other}'s feelings move {self.agent} by nothing sure") + "."

    def __str__(self) -> str:
        who = self.agent if self.other is None else f"{self.agent}, {self.other}"
        lines = [f"dx = -K (x - μ) dt{'' if self.other is None else ' + B u dt'} + noise    ({who}: {', '.join(AXES)})"]
        lines.append("μ      " + "  ".join(map(_pm, self.rest, self.rest_error)))
        lines += _rows("K /h", self.pull, self.pull_error)
        if self.other is not None:
            lines += _rows("B", self.push, self.push_error)
        spreads = [math.sqrt(self.spread[axis][axis]) for axis in range(3)]
        lines.append("spread " + "  ".join(f"{value:<15.3f}" for value in spreads).rstrip())
        if any(self.reading):
            lines.append("read   " + "  ".join(f"{f'± {value:.3f}':<15}" for value in self.reading).rstrip())
        lines.append("half   " + "  ".join(f"{_between(self.half_life(axis)):<15}" for axis in AXES).rstrip())
        heard = "" if self.other is None else f", {self.heard} feelings of {self.other}"
        lines.append(
            f"from {self.steps} steps{heard}, {self.begin:%Y-%m-%d} to {self.end:%Y-%m-%d}; "
            f"{self.shape}, {self.source}; log likelihood {self.log_likelihood:.1f}"
        )
        return "\n".join(lines)

    def half_life(self, axis: str) -> Estimate:
        """Of a feeling on an axis, in seconds. Raises: InvalidValue."""
        if axis not in AXES:
            raise InvalidValue("axis", repr(axis), f"one of {', '.join(AXES)}")
        index = AXES.index(axis)
        return Estimate(self.half_lives_s[index], self.half_life_error[index], True)

    def to_plain(self) -> dict[str, Any]:
        """What JSON can hold; ``from_plain`` gives an equal equation."""
        return dict(msgspec.to_builtins(self))

    @classmethod
    def from_plain(cls, given: Mapping[str, Any]) -> Equation:
        """The equation that was made plain. Raises: InvalidValue for anything else."""
        try:
            read = msgspec.convert(given, cls, strict=False)
            read.model  # noqa: B018  (numbers that are none of a system are refused)
        except (msgspec.ValidationError, QuantumMemoryError) as error:
            raise InvalidValue("equation", str(error), "the plain values of an equation") from None
        return read


def equation_id(other: str | None) -> MemoryId:
    """The id under which an equation with somebody is kept, or of the agent alone. Raises: EmptyText, TooLong."""
    if other is None:
        return KIND
    return f"{KIND}:{folded(within('other', visible('other', other), MAX_OTHER_CHARS))}"


def duration(seconds: float) -> str:
    """A time in the unit that fits it."""
    for unit, size in (("d", 86_400.0), ("h", HOUR_S), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def _between(estimate: Estimate) -> str:
    low, high = estimate.interval
    return f"{duration(estimate.value)} ({duration(low)}..{duration(high)})"


def _pm(value: float, error: float) -> str:
    return f"{value:+.3f} ± {error:.3f}"


def _rows(name: str, values: Square, errors: Square) -> list[str]:
    """A matrix in three lines; what is held at 0 is a dot."""
    lines = []
    for index, (row, row_errors) in enumerate(zip(values, errors, strict=True)):
        cells = [
            f"{_pm(value, error) if value or error else '0':<15}" for value, error in zip(row, row_errors, strict=True)
        ]
        lines.append(f"{name if not index else '':<7}{'  '.join(cells)}".rstrip())
    return lines


def _triple(values: Floats) -> Triple:
    one, two, three = values.tolist()
    return one, two, three


def _square(values: Floats) -> Square:
    one, two, three = values
    return _triple(one), _triple(two), _triple(three)
