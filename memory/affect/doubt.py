"""A feeling trusted less than its reader trusts it, because of what was read. Reads nothing itself."""

from __future__ import annotations

from statistics import NormalDist

from quantum_memory.checks import bounded
from quantum_memory.memory.affect.feeling import LEAST_SPREAD, MOST_SPREAD, Feeling

_NORMAL = NormalDist()


def doubted(feeling: Feeling, certainty: float) -> Feeling:
    """The feeling with its confidence times ``certainty``, and the spread that this confidence follows from.

    By ``feeling.confidence``, a confidence c says that the feeling is d(c) = 2 PhiInv((1 + c) / 2) standard deviations
    from neutral. So the deviations grow by d(c) / d(c certainty) on each axis, up to 2: where two feelings are fused,
    the one in doubt weighs as little as it is trusted. Near c = 0 the ratio is 1 / certainty, since d is linear there.

    Law: certainty 1 changes nothing; the confidence never rises with less certainty, and the spread never falls.
    Raises: NotFinite, OutOfRange if ``certainty`` is not in [0, 1].
    """
    bounded("certainty", certainty, 0.0, 1.0)
    if certainty == 1.0:
        return feeling
    wider = _distance(feeling.confidence) / nearer if (nearer := _distance(feeling.confidence * certainty)) else 0.0
    if not wider:
        wider = 1.0 / certainty if certainty else MOST_SPREAD / LEAST_SPREAD
    pleasure, arousal, dominance = (min(MOST_SPREAD, deviation * wider) for deviation in feeling.spread)
    return Feeling(feeling.pad, (pleasure, arousal, dominance), feeling.confidence * certainty)


def _distance(confidence: float) -> float:
    """From neutral, in standard deviations; what is beyond any doubt counts as 1 - 1e-12."""
    return 2.0 * _NORMAL.inv_cdf((1.0 + min(confidence, 1.0 - 1e-12)) / 2.0)
