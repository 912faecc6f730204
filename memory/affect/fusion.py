"""Several readings of one moment made one: text and image weighed by how sure each is. Reads neither.

Each axis by itself. Readings x_i with standard deviations s_i are weighed so that the mean has the least variance that
weights of 0 or more reach, where any two errors are correlated by rho: two readers that were taught by the same norms
err together, and what they share does not average out. For rho = 0 these are the inverse variances. With a correlation
a reading much vaguer than the best gets no weight; which those are follows the cut-off rule of Elton, Gruber and
Padberg ("Simple criteria for optimal portfolio selection", Journal of Finance 31 (1976) 1341-1357, constant
correlation), where the best reading by 1/s_i comes first and others are taken as long as their weight is positive.

Readings farther apart than their deviations allow are not to be believed as they stand. The spread is then multiplied
by R, the square root of the mean over all pairs, weighed by 1 / (s_i s_j)^2, of the squared distance of a pair over its
variance s_i^2 + s_j^2 - 2 rho s_i s_j, which is 1 on average where the deviations are right; below 1 it changes
nothing. For equal deviations and for two readings without correlation it is the ratio of R. T. Birge ("The calculation
of errors by the method of least squares", Physical Review 40 (1932) 207-227), which the Particle Data Group calls the
scale factor. The weights of the pairs let a reading of infinite spread drop out, where Birge's would count it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue, OutOfRange, ShapeMismatch
from quantum_memory.memory.affect.feeling import LEAST_SPREAD, MOST_SPREAD, Feeling
from quantum_memory.types import PAD, Floats

CORRELATION = 0.25
"""Of the errors of two readers. A choice: nothing at hand is rated in words and in images, so it cannot be fitted.
Two readings that agree and are as sure make one of 0.79 times their spread, where without a correlation it is 0.71."""


def fuse(feelings: Sequence[Feeling], correlation: float = CORRELATION) -> Feeling:
    """The feelings as one.

    Laws: their order does not matter; on each axis the fused feeling lies between those given; where they agree, its
        spread is no larger than any of theirs; where two lie sqrt(2 / (1 + correlation)) of the standard deviations of
        their difference apart or more, it is no smaller than the least.

    Raises: InvalidValue if there is none; OutOfRange if ``correlation`` is not in [0, 0.99].
    """
    if not feelings:
        raise InvalidValue("feelings", "none", "one feeling or more")
    points = np.array([np.asarray(one.pad) for one in feelings], dtype=np.float64)
    spreads = np.array([one.spread for one in feelings], dtype=np.float64)
    mean, spread = combined(points, spreads, correlation)
    pleasure, arousal, dominance = mean.tolist()
    low, middle, high = np.clip(spread, LEAST_SPREAD, MOST_SPREAD).tolist()
    return Feeling.of(PAD(pleasure, arousal, dominance), (low, middle, high))


def combined(points: Floats, spreads: Floats, correlation: float = CORRELATION) -> tuple[Floats, Floats]:
    """Means and standard deviations (a,) of k readings (k, a), k of 1 or more; see the head of this module.

    A spread may be infinite, and then its reading changes nothing; on each axis one must be finite.

    Raises: ShapeMismatch, OutOfRange.
    """
    bounded("correlation", correlation, 0.0, 0.99)
    if points.ndim != 2 or points.shape[0] < 1 or spreads.shape != points.shape:
        raise ShapeMismatch("spreads", (max(1, len(points)), *points.shape[1:]), spreads.shape)
    if not (spreads > 0).all() or np.isinf(spreads).all(axis=0).any():
        raise OutOfRange("spread", float(np.min(spreads)), 0.0, float(np.finfo(np.float64).max))
    axes = [_axis(points[:, axis], spreads[:, axis], correlation) for axis in range(points.shape[1])]
    return np.array([mean for mean, _ in axes]), np.array([spread for _, spread in axes])


def _axis(points: Floats, spreads: Floats, correlation: float) -> tuple[float, float]:
    """Mean and standard deviation of k readings (k,) on one axis."""
    known = np.isfinite(spreads)  # the rest would change nothing but the rounding
    points, spreads = points[known], spreads[known]
    order = np.lexsort((points, spreads))  # the surest first, and one order for all: sums are then the same too
    at, sure = points[order], 1.0 / spreads[order]
    weights = _weights(sure, correlation)
    mean = float(np.clip(weights @ at, at.min(), at.max()))
    scaled = weights / sure
    variance = (1.0 - correlation) * float(scaled @ scaled) + correlation * float(scaled.sum()) ** 2
    return mean, float(np.sqrt(variance)) * max(1.0, _apart(at, sure, correlation))


def _weights(sure: Floats, correlation: float) -> Floats:
    """Weights (k,) that sum to 1, for 1 / s, largest first: those of least variance among weights of 0 or more."""
    taken = 1
    while taken < len(sure):
        cut = correlation * float(sure[:taken].sum()) / (1.0 + (taken - 1) * correlation)
        if sure[taken] <= cut:
            break
        taken += 1
    cut = correlation * float(sure[:taken].sum()) / (1.0 + (taken - 1) * correlation)
    weights = np.zeros_like(sure)
    weights[:taken] = sure[:taken] * (sure[:taken] - cut)
    shares: Floats = weights / weights.sum()
    return shares


def _apart(points: Floats, sure: Floats, correlation: float) -> float:
    """The root mean square, over pairs, of distances in units of what their deviations allow."""
    left, right = np.triu_indices(len(points), k=1)
    if not len(left):
        return 0.0
    pairs = np.square(sure[left] * sure[right])
    # The variance of a difference in terms of 1 / s, which is small where a reading says next to nothing.
    allowed = (sure[left] ** 2 + sure[right] ** 2 - 2.0 * correlation * sure[left] * sure[right]) / pairs
    squares = np.square(points[left] - points[right]) / allowed
    return float(np.sqrt(pairs @ squares / pairs.sum()))
