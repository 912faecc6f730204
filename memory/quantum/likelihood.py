"""The likelihood of Pauli counts, and the density matrix where it is greatest.

Owns the maximiser and its certificate. Knows frequencies, not counts, and no confidence.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from quantum_memory.memory.quantum.density import Matrix
from quantum_memory.memory.quantum.frames import born, summed
from quantum_memory.types import Floats

ROUNDING = 1e-14
"""The share of a log likelihood that rounding may move."""


class _Point(NamedTuple):
    rho: Matrix
    value: float
    gradient: Matrix


def most_likely(start: Matrix, seen: Floats, stop: float, max_iterations: int) -> tuple[Matrix, int]:
    """The likeliest state and the iterations it took: projected gradient ascent with momentum, and a step that grows
    until it would overshoot.

    The momentum restarts where it points against the step (O'Donoghue and Candès, 2015): close to the top the
    likelihood itself no longer tells two points apart, and the step still does.
    """
    now = _Point(start, *likelihood(start, seen))
    ahead, momentum, step = now, 1.0, 0.1
    least, best = excess(now.gradient), now.rho
    for iteration in range(max_iterations):
        if least <= stop:
            return best, iteration
        found, step = _ascended(ahead, seen, step)
        against = float(np.vdot(ahead.rho - found.rho, found.rho - now.rho).real) > 0.0
        after = 1.0 if against else (1.0 + math.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        further = found.rho + (0.0 if against else (momentum - 1.0) / after) * (found.rho - now.rho)
        now, momentum = found, after
        ahead = now if against else _Point(further, *likelihood(further, seen))
        if not math.isfinite(ahead.value):
            ahead, momentum = now, 1.0
        over = excess(now.gradient)
        if over < least:
            least, best = over, now.rho
        step *= 1.25
    return best, max_iterations


def _ascended(point: _Point, seen: Floats, step: float) -> tuple[_Point, float]:
    """The projected step from a point, and the step size at which it does not overshoot."""
    while True:
        rho = projected(point.rho + step * point.gradient)
        value, gradient = likelihood(rho, seen)
        move = rho - point.rho
        length = float(np.vdot(move, move).real)
        model = point.value + float(np.vdot(point.gradient, move).real) - length / (2.0 * step)
        if value >= model - ROUNDING * abs(point.value):
            return _Point(rho, value, gradient), step
        step /= 2.0


def likelihood(rho: Matrix, seen: Floats) -> tuple[float, Matrix]:
    """Σ f log p, and its gradient R = Σ f/p Π; -inf where something was seen that cannot be."""
    chances = born(rho)
    hit = seen > 0.0
    if not (chances[hit] > 0.0).all():
        return -math.inf, np.zeros_like(rho)
    ratio = np.zeros_like(chances)
    np.divide(seen, chances, out=ratio, where=hit)
    logs = np.log(chances, out=np.zeros_like(chances), where=hit)
    return float((seen * logs).sum()), summed(ratio)


def excess(gradient: Matrix) -> float:
    """λ_max(R) - 1: by concavity no state is likelier per shot by more, as tr(Rρ) = 1."""
    return float(np.linalg.eigvalsh(gradient)[-1]) - 1.0


def blurred(rho: Matrix, share: float) -> Matrix:
    """A little of everything mixed in, so that nothing that was seen is impossible."""
    return (1.0 - share) * rho + share / len(rho) * np.eye(len(rho))


def projected(matrix: Matrix) -> Matrix:
    """The density matrix nearest to a Hermitian one (Smolin, Gambetta and Smith, 2012)."""
    values, vectors = np.linalg.eigh(matrix)
    falling = values[::-1]
    over = (np.cumsum(falling) - 1.0) / np.arange(1, len(falling) + 1)
    kept = int(np.flatnonzero(falling > over)[-1])
    values = np.maximum(values - over[kept], 0.0)
    return (vectors * values) @ vectors.conj().T  # type: ignore[no-any-return]
