"""How two equations differ: number by number with its doubt, and as a distance of where both end up. Fits nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quantum_memory.memory.affect.dynamics.equation import Equation, Estimate, duration
from quantum_memory.types import Floats

NOTED = 2.0
"""Standard errors from which on a change is told in words."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one number.

    Attributes:
        name: which, as in ``Equation.coefficients``.
        left, right: the number on either side; ``None`` where the other's shape holds it at 0.
        z: right less left in standard errors of the difference, as if both were fitted to histories of their own. Forks
            share a past, which makes both err alike, so the true z is rather larger.
    """

    name: str
    left: Estimate | None
    right: Estimate | None
    z: float

    def __str__(self) -> str:
        return f"{self.name}: {_said(self.left)} to {_said(self.right)} (z {self.z:+.1f})"


@dataclass(frozen=True, slots=True)
class Difference:
    """What parts two equations.

    Attributes:
        changes: every number that is free on either side, the surest change first.
        wasserstein: distance of order 2 between the feelings in the long run, in units of PAD; pushes left out.
        kl: Kullback-Leibler divergence of the right from the left ones, in nats.
    """

    changes: tuple[Change, ...]
    wasserstein: float
    kl: float

    @property
    def noted(self) -> tuple[Change, ...]:
        """The changes of at least two standard errors."""
        return tuple(change for change in self.changes if abs(change.z) >= NOTED)

    def __str__(self) -> str:
        told = "; ".join(str(change) for change in self.noted) or "no number differs by two standard errors"
        return f"{told}. Left alone, the feelings end {self.wasserstein:.3f} apart (Wasserstein), {self.kl:.3f} nats."


def difference(left: Equation, right: Equation) -> Difference:
    """How ``right`` differs from ``left``; the two may be of forks, of places in time, or of different people.

    Law: of an equation with itself every z, the distance and the divergence are 0.
    """
    ours, theirs = left.coefficients, right.coefficients
    names = [*ours, *(name for name in theirs if name not in ours)]
    changes = [Change(name, ours.get(name), theirs.get(name), _z(ours.get(name), theirs.get(name))) for name in names]
    means = np.array(left.rest), np.array(right.rest)
    spreads = np.array(left.spread), np.array(right.spread)
    return Difference(
        tuple(sorted(changes, key=lambda change: -abs(change.z))),
        wasserstein(means[0], spreads[0], means[1], spreads[1]),
        divergence(means[1], spreads[1], means[0], spreads[0]),
    )


def wasserstein(mean: Floats, spread: Floats, other_mean: Floats, other_spread: Floats) -> float:
    """Distance of order 2 of two Gaussians: |m - n|² + tr(S + T - 2 (S½ T S½)½), and its root.

    Source: Olkin and Pukelsheim, Linear Algebra and its Applications 48 (1982) 257-263.
    """
    root = _root(spread)
    # Equal to rounding where both are one; the parts cancel to the last digits.
    cross = float(np.trace(spread) + np.trace(other_spread) - 2.0 * np.trace(_root(root @ other_spread @ root)))
    scale = float(np.trace(spread) + np.trace(other_spread))
    return math.sqrt(float(np.square(mean - other_mean).sum()) + (cross if cross > 1e-12 * scale else 0.0))


def divergence(mean: Floats, spread: Floats, other_mean: Floats, other_spread: Floats) -> float:
    """Kullback-Leibler divergence of N(mean, spread) from N(other_mean, other_spread), in nats."""
    off = other_mean - mean
    inverse = np.linalg.inv(other_spread)
    logs = np.linalg.slogdet(other_spread)[1] - np.linalg.slogdet(spread)[1]
    return max(0.0, 0.5 * float(np.trace(inverse @ spread) - len(mean) + off @ inverse @ off + logs))


def _z(left: Estimate | None, right: Estimate | None) -> float:
    one, other = left or Estimate(0.0, 0.0), right or Estimate(0.0, 0.0)
    log = one.logarithmic and other.logarithmic
    apart = math.log(other.value / one.value) if log else other.value - one.value
    error = math.hypot(one.error, other.error)
    if apart == 0.0:
        return 0.0
    return apart / error if error > 0.0 else math.copysign(math.inf, apart)


def _said(estimate: Estimate | None) -> str:
    if estimate is None:
        return "0"
    return duration(estimate.value) if estimate.logarithmic else f"{estimate.value:+.2f}"


def _root(covariance: Floats) -> Floats:
    """The symmetric square root of a symmetric matrix."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2.0)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
