"""How well readings agree with ratings: correlation, concordance, error, coverage, and how sure each of these is.

Owns the statistics of ``emobank.py``. Every statistic is taken along the last axis, so that one call measures many
resamples: readings and ratings are (n,) or (b, n), what comes back is a number or (b,). Reads no file, knows no model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue, NotFinite, ShapeMismatch

Numbers = NDArray[np.float64]
Statistic = Callable[[Numbers, Numbers], Numbers]
MOST_AT_ONCE = 2_000_000
"""Numbers of one array of resamples; more of them go in parts."""
CERTAINTY = 0.95
"""Of every bootstrap interval."""
CONSTANT = 1e-9
"""A standard deviation below this is rounding: what is read is the same for every text."""


class Estimate(NamedTuple):
    """A statistic with its bootstrap interval. Not a number where it is not defined."""

    value: float
    low: float
    high: float


def pearson(read: Numbers, rated: Numbers) -> Numbers:
    """Pearson's r, in [-1, 1]; not a number where either is constant."""
    x, y = read - read.mean(-1, keepdims=True), rated - rated.mean(-1, keepdims=True)
    deviations = np.sqrt((x**2).mean(-1)), np.sqrt((y**2).mean(-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (x * y).mean(-1) / (deviations[0] * deviations[1])
    known = (deviations[0] > CONSTANT) & (deviations[1] > CONSTANT)
    return np.asarray(np.where(known, np.clip(r, -1.0, 1.0), np.nan), dtype=np.float64)


def concordance(read: Numbers, rated: Numbers) -> Numbers:
    """Lin's concordance correlation coefficient, in [-1, 1]: how near the pairs lie to the line read = rated.

    2 s_xy / (s_x^2 + s_y^2 + (mean x - mean y)^2) with variances over n: Lin (1989), A concordance correlation
    coefficient to evaluate reproducibility, Biometrics 45, 255-268. Not a number where both are one and the same
    constant.
    """
    x, y = read - read.mean(-1, keepdims=True), rated - rated.mean(-1, keepdims=True)
    apart = (read.mean(-1) - rated.mean(-1)) ** 2
    total = (x**2).mean(-1) + (y**2).mean(-1) + apart
    with np.errstate(invalid="ignore", divide="ignore"):
        found = 2.0 * (x * y).mean(-1) / total
    return np.asarray(np.where(total > CONSTANT**2, np.clip(found, -1.0, 1.0), np.nan), dtype=np.float64)


def rescaled(read: Numbers, mean: float, spread: float) -> Numbers:
    """The readings moved and stretched to a mean and a standard deviation; not numbers where they are constant.

    Their own mean and deviation are those of the readings given, so that no rating is looked at.
    """
    own = read.std(-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = (read - read.mean(-1, keepdims=True)) / own * spread + mean
    return np.asarray(np.where(own > CONSTANT, moved, np.nan), dtype=np.float64)


def rescaled_concordance(mean: float, spread: float) -> Statistic:
    """``concordance`` of the readings after ``rescaled``; in a resample they are rescaled anew."""

    def statistic(read: Numbers, rated: Numbers) -> Numbers:
        return concordance(rescaled(read, mean, spread), rated)

    return statistic


def absolute_error(read: Numbers, rated: Numbers) -> Numbers:
    """The mean absolute error."""
    return np.asarray(np.abs(read - rated).mean(-1), dtype=np.float64)


def coverage(read: Numbers, spread: Numbers, rated: Numbers, level: float) -> float:
    """The share of ratings inside the central Gaussian intervals of this level: it should be the level.

    Raises: OutOfRange, NotFinite, ShapeMismatch; InvalidValue for spreads that are not above 0.
    """
    reach = float(ndtri(0.5 + 0.5 * bounded("level", level, 0.0, 1.0)))
    _alike(read, rated)
    _alike(read, spread)
    if not (spread > 0.0).all():
        raise InvalidValue("spread", str(float(spread.min())), "standard deviations above 0")
    return float((np.abs(rated - read) <= reach * spread).mean())


def estimate(statistic: Statistic, read: Numbers, rated: Numbers, resamples: int, seed: int) -> Estimate:
    """A statistic of (n,) pairs with its 95 % percentile interval over resamples of the pairs, drawn with replacement.

    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13. The same seed draws the same pairs, for
    every statistic and every reader. Resamples in which the statistic is not defined are left out.

    Raises: ShapeMismatch, NotFinite; InvalidValue, OutOfRange for the number of resamples or the seed.
    """
    _alike(read, rated)
    count = whole("resamples", resamples, 1, 1_000_000)
    chance = np.random.default_rng(whole("seed", seed, 0, math.inf))
    value = float(statistic(read, rated))
    part = max(1, MOST_AT_ONCE // len(read))
    drawn: list[Numbers] = []
    for start in range(0, count, part):
        rows = chance.integers(0, len(read), (min(part, count - start), len(read)))
        drawn.append(statistic(read[rows], rated[rows]))
    found = np.concatenate(drawn)
    found = found[np.isfinite(found)]
    if math.isnan(value) or not len(found):
        return Estimate(math.nan, math.nan, math.nan)
    low, high = np.quantile(found, ((1.0 - CERTAINTY) / 2.0, (1.0 + CERTAINTY) / 2.0)).tolist()
    return Estimate(value, low, high)


def _alike(read: Numbers, rated: Numbers) -> None:
    """Raises: ShapeMismatch unless both are (n,) with n at least 1; NotFinite."""
    if read.ndim != 1 or not len(read):
        raise ShapeMismatch("readings", ("n",), read.shape)
    if read.shape != rated.shape:
        raise ShapeMismatch("ratings", read.shape, rated.shape)
    for name, values in (("readings", read), ("ratings", rated)):
        if not np.isfinite(values).all():
            worst = int(np.flatnonzero(~np.isfinite(values))[0])
            raise NotFinite(name, float(values[worst]), f"index {worst}")
