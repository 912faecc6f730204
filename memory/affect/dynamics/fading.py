"""exp(-K t) for many times at once, as sums of real functions of t. Knows nothing of chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from quantum_memory.memory.affect.dynamics.reverting import WORST_BASIS
from quantum_memory.memory.affect.dynamics.series import Steps
from quantum_memory.types import Floats

NUDGE = 1e-9
NOWHERE = np.array([[0.3, -0.7, 0.5], [0.9, -0.2, -0.4], [0.6, 0.8, 0.1]])
"""A direction that is no coordinate's, so that the nudge parts what is triangular too."""


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """exp(-K t) as a sum of three real functions of t times three matrices.

    Attributes:
        rates, swings: real and imaginary parts of the eigenvalues; a pair that swings has one entry for its cosine and
            one for its sine.
        sine: which of the three are sines.
        mixed: (9, 3) the matrices, flattened, as columns.
    """

    rates: tuple[float, float, float]
    swings: tuple[float, float, float]
    sine: tuple[bool, bool, bool]
    mixed: Floats

    @classmethod
    def of(cls, pull: Floats) -> Basis:
        values, vectors = np.linalg.eig(pull)
        if np.linalg.cond(vectors) > WORST_BASIS:
            # Ways to fade have become one, and no basis is left. A nudge of ε parts them by √ε or ∛ε.
            pull = pull + NOWHERE * (NUDGE * float(np.abs(pull).max()))
            values, vectors = np.linalg.eig(pull)
        inverse = np.linalg.inv(vectors)
        rates: list[float] = []
        swings: list[float] = []
        sine: list[bool] = []
        mixed: list[Floats] = []
        for index, value in enumerate(values.tolist()):
            if value.imag < 0.0:
                continue  # the twin of one with a positive part
            matrix = np.outer(vectors[:, index], inverse[index]).ravel()
            parts = (matrix.real,) if value.imag == 0.0 else (2.0 * matrix.real, 2.0 * matrix.imag)
            for second, part in enumerate(parts):
                rates.append(value.real)
                swings.append(value.imag)
                sine.append(bool(second))
                mixed.append(part)
        return cls(_three(rates), _three(swings), _three(sine), np.stack(mixed, axis=1))

    def functions(self, seconds: Floats) -> Floats:
        """(3, n) the functions at (n,) times."""
        out = np.empty((3, len(seconds)))
        for index, (rate, swing, sine) in enumerate(zip(self.rates, self.swings, self.sine, strict=True)):
            np.exp(-rate * seconds, out=out[index])
            if swing:
                out[index] *= np.sin(swing * seconds) if sine else np.cos(swing * seconds)
        return out

    def kept(self, seconds: Floats) -> Floats:
        """(3, 3, n) exp(-K t) at (n,) times."""
        return np.asarray((self.mixed @ self.functions(seconds)).reshape(3, 3, -1))

    def faded(self, steps: Steps) -> Floats:
        """(3, a, b, n): what is left on each axis, at the end of each step, of unit pushes of B_ab."""
        sums = np.zeros((3, 3, len(steps)))
        if len(steps.kick_step):
            each = self.functions(steps.kick_lag_s)[:, None] * steps.kicks.T
            starts = np.flatnonzero(np.concatenate([[True], np.diff(steps.kick_step) > 0]))
            sums[:, :, steps.kick_step[starts]] = np.add.reduceat(each, starts, axis=2)
        return np.asarray((self.mixed @ sums.reshape(3, -1)).reshape(3, 3, 3, -1))


def _three(values: list[Any]) -> tuple[Any, Any, Any]:
    one, two, three = values
    return one, two, three
