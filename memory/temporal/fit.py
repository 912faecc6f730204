"""How well moments, and what texts tell of, fit the times that a question asks about. Reads no text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from quantum_memory.errors import NotFinite, ShapeMismatch
from quantum_memory.memory.temporal.span import TimeSpan
from quantum_memory.types import Floats

_FARTHEST = 700.0  # beyond it exp gives 0 anyway, and may warn of it


def fit(at_s: ArrayLike, spans: Sequence[TimeSpan]) -> Floats:
    """How well each moment fits the best of the stretches asked about.

    1 inside; outside exp(-d / L), with d the distance to the nearer end and L the length of the stretch, both in
    seconds: a day late costs much for a day and little for a month. What is open on one side has its inside there.

    Args:
        at_s: (m,) seconds since the epoch.
        spans: what is asked about.

    Returns: (m,) in [0, 1], never rising with the distance; all 0 without spans.
    Raises: ShapeMismatch, NotFinite.
    """
    moments = _moments(at_s)
    best = np.zeros(len(moments))
    for begin, end, length in map(_ends, spans):
        away = np.maximum(np.maximum(begin - moments, moments - end), 0.0)
        np.maximum(best, np.exp(-np.minimum(away / length, _FARTHEST)), out=best)
    return best


def fit_told(told: Sequence[Sequence[TimeSpan]], spans: Sequence[TimeSpan]) -> Floats:
    """How well what each text tells of fits the best of the stretches asked about.

    exp(-d / L) as in ``fit``, with d the gap between the two stretches, times sqrt(L / T) where the told stretch is
    T long and longer than L: that something was last year says little of a day in it. Told times that are open on
    one side count as the stretch that they name.

    Args:
        told: for each of m texts the times that it speaks of.
        spans: what is asked about.

    Returns: (m,) in [0, 1], 0 for texts that tell of no time.
    """
    asked = [_ends(span) for span in spans]
    best = np.zeros(len(told))
    if not asked:
        return best
    for index, times in enumerate(told):
        for time in times:
            first, last = time.begin.timestamp(), time.end.timestamp()
            for begin, end, length in asked:
                away = max(begin - last, first - end, 0.0)
                share = length / (last - first) if math.isfinite(begin) and math.isfinite(end) else 1.0
                best[index] = max(best[index], math.exp(-min(away / length, _FARTHEST)) * math.sqrt(min(share, 1.0)))
    return best


def fit_both(at_s: ArrayLike, told: Sequence[Sequence[TimeSpan]], spans: Sequence[TimeSpan]) -> Floats:
    """The better of when each text was said and what it tells of: (m,) in [0, 1].

    A turn of 8 May that speaks of yesterday fits the 7th in full.
    Raises: ShapeMismatch if there are not as many texts as moments; NotFinite.
    """
    moments = _moments(at_s)
    if len(told) != len(moments):
        raise ShapeMismatch("told", (len(moments),), (len(told),))
    return np.maximum(fit(moments, spans), fit_told(told, spans))


def _moments(at_s: ArrayLike) -> Floats:
    moments = np.asarray(at_s, dtype=np.float64)
    if moments.ndim != 1:
        raise ShapeMismatch("at_s", ("m",), moments.shape)
    bad = np.flatnonzero(~np.isfinite(moments))
    if len(bad):
        raise NotFinite("at_s", float(moments[bad[0]]), f"index {int(bad[0])}")
    return moments


def _ends(span: TimeSpan) -> tuple[float, float, float]:
    """The first and last moment that are inside, and the length that the fall is measured by; seconds."""
    begin, end = span.begin.timestamp(), span.end.timestamp()
    length = end - begin
    if span.how == "before":
        begin = -math.inf
    elif span.how == "after":
        end = math.inf
    return begin, end, length
