"""Named emotions as points of the PAD space, and the names nearest to a feeling. Owns a table; knows no model.

Source of every value: the mean ratings in J. A. Russell and A. Mehrabian, "Evidence for a three-factor theory of
emotions", Journal of Research in Personality 11 (1977) 273-294, scaled to [-1, 1] there. The word that was rated
stands behind each entry. The values were read from published transcriptions of that table, not from its print, and
kept only where two or more transcriptions agree. Trust, relief and jealousy are missing because no such word was found
there; frustration is missing because the transcriptions disagree about its dominance. Neutral is the origin of the
scale, by definition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from quantum_memory.checks import whole
from quantum_memory.types import NEUTRAL, PAD, Floats

EMOTIONS: Mapping[str, PAD] = MappingProxyType(
    {
        "neutral": NEUTRAL,
        "joy": PAD(0.76, 0.48, 0.35),  # joyful
        "happiness": PAD(0.81, 0.51, 0.46),  # happy
        "love": PAD(0.87, 0.54, -0.18),  # loved
        "friendliness": PAD(0.69, 0.35, 0.30),  # friendly
        "excitement": PAD(0.62, 0.75, 0.38),  # excited
        "triumph": PAD(0.69, 0.57, 0.63),  # triumphant
        "pride": PAD(0.77, 0.38, 0.65),  # proud
        "dignity": PAD(0.55, 0.22, 0.61),  # dignified
        "hope": PAD(0.51, 0.23, 0.14),  # hopeful
        "interest": PAD(0.64, 0.51, 0.17),  # interested
        "curiosity": PAD(0.22, 0.62, -0.01),  # curious
        "gratitude": PAD(0.61, 0.10, -0.13),  # thankful
        "calm": PAD(0.68, -0.46, 0.06),  # relaxed
        "surprise": PAD(0.40, 0.67, -0.13),  # surprised
        "anger": PAD(-0.51, 0.59, 0.25),  # angry
        "disgust": PAD(-0.60, 0.35, 0.11),  # disgusted
        "fear": PAD(-0.64, 0.60, -0.43),  # fearful
        "distress": PAD(-0.61, 0.28, -0.36),  # distressed
        "humiliation": PAD(-0.63, 0.43, -0.38),  # humiliated
        "confusion": PAD(-0.53, 0.27, -0.32),  # confused
        "guilt": PAD(-0.57, 0.28, -0.34),  # guilty
        "shame": PAD(-0.57, 0.01, -0.34),  # shamed
        "regret": PAD(-0.52, 0.02, -0.21),  # regretful
        "discouragement": PAD(-0.61, -0.15, -0.29),  # discouraged
        "sadness": PAD(-0.63, -0.27, -0.33),  # sad
        "loneliness": PAD(-0.66, -0.43, -0.32),  # lonely
        "depression": PAD(-0.72, -0.29, -0.41),  # depressed
        "boredom": PAD(-0.65, -0.62, -0.33),  # bored
    }
)

WIDTH = 0.25
"""Standard deviation, on each axis, of what a name covers. A choice: every name is the likeliest at its own point,
and at the origin nothing but neutral is likelier than 1 in 10; both are tested."""

_NAMES: tuple[str, ...] = tuple(EMOTIONS)
_POINTS: Floats = np.array([np.asarray(pad) for pad in EMOTIONS.values()], dtype=np.float64)


def nearest(pad: PAD, top: int = 3) -> tuple[tuple[str, float], ...]:
    """The names likeliest for a feeling, likeliest first, with their probabilities.

    Each name is a round Gaussian of standard deviation ``WIDTH`` around its point and all are as likely beforehand,
    so the probabilities are the softmin of the squared distances over 2 WIDTH². They sum to 1 over the whole table,
    to less over the first ``top``. Equal probabilities keep the order of the table.

    Raises: InvalidValue if ``top`` is not a whole number, OutOfRange if it is not between 1 and the number of names.
    """
    whole("top", top, 1, len(_NAMES))
    closeness = -np.square(_POINTS - np.asarray(pad, dtype=np.float64)).sum(axis=1) / (2.0 * WIDTH**2)
    weights = np.exp(closeness - closeness.max())
    probabilities = weights / weights.sum()
    order = np.argsort(-probabilities, kind="stable")[:top]
    return tuple((_NAMES[index], float(probabilities[index])) for index in order)


def named(pads: Sequence[PAD]) -> list[str]:
    """The likeliest name for each of many feelings: what ``nearest`` says first."""
    points = np.array([(pad.pleasure, pad.arousal, pad.dominance) for pad in pads], dtype=np.float64).reshape(-1, 3)
    distances = np.square(points[:, None, :] - _POINTS).sum(axis=2)
    return [_NAMES[index] for index in distances.argmin(axis=1)]
