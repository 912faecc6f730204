"""A series of feelings made calmer: exponential smoothing over irregular times, and the feeling of late."""

from __future__ import annotations

import math

import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.dynamics.series import LATEST_S, Series
from quantum_memory.types import PAD, Floats

BLOCK = 256
LEAST_MASS = 1e-280
"""What weighs less than a float can say still decides where nothing else was felt since."""
SPAN = 500.0
"""The most that weights in one block may differ by, in powers of e: so none of them overflows."""


def smoothed(series: Series, time_constant_s: float) -> Floats:
    """(n, 3) the feeling so far at each time: the mean of all feelings up to it, by confidence and by age.

    A feeling that is ``age`` seconds old weighs confidence × exp(-age / time constant), whatever the times between are,
    so a feeling told twice at one time counts twice and a pause changes nothing but the weight of what comes next.
    Rows before the first of any confidence are 0. Linear in n: the weights are sums, block by block.

    Raises: OutOfRange.
    """
    rate = 1.0 / bounded("time_constant_s", time_constant_s, 1e-6, LATEST_S)
    count = len(series)
    out = np.zeros((count, 3))
    mean, mass, clock = np.zeros(3), 0.0, 0.0
    start = 0
    while start < count:
        within = np.searchsorted(series.at_s, series.at_s[start] + SPAN * time_constant_s, side="right")
        stop = min(start + BLOCK, int(within))
        at_s, sure = series.at_s[start:stop], series.confidences[start:stop]
        kept = math.exp(-(at_s[0] - clock) * rate) if start else 0.0
        # Relative to the block's first time; growth is at most e^SPAN.
        growth = sure * np.exp((at_s - at_s[0]) * rate)
        mass = max(mass * kept, LEAST_MASS) if mass else 0.0
        sums = mean * mass + np.cumsum(growth[:, None] * series.pads[start:stop], axis=0)
        masses = mass + np.cumsum(growth)
        np.divide(sums, masses[:, None], out=out[start:stop], where=masses[:, None] > 0.0)
        shrunk = math.exp(-(at_s[-1] - at_s[0]) * rate)
        left = float(masses[-1])
        mean, mass = out[stop - 1], max(left * shrunk, LEAST_MASS) if left else 0.0
        clock, start = float(at_s[-1]), stop
    return out


def recent(series: Series, at_s: float, time_constant_s: float) -> PAD:
    """The feeling of late at a time: ``smoothed`` of all until then, of which age alone takes nothing.

    Raises: InvalidValue if nothing was felt until then; OutOfRange.
    """
    until = series.where(series.at_s <= bounded("at_s", at_s, -LATEST_S, LATEST_S))
    if not len(until) or not until.confidences.any():
        raise InvalidValue("at_s", f"{at_s:g}", "a time after the first feeling")
    pleasure, arousal, dominance = np.clip(smoothed(until, time_constant_s)[-1], -1.0, 1.0).tolist()
    return PAD(pleasure, arousal, dominance)
