"""Named emotions as points of the PAD space, and the names nearest to a feeling. Owns a table; knows no model.

Every entry carries the word that people rated and the study it comes from (``RATINGS``); docs/emotions.md has the table
in print.

Russell and Mehrabian: mean ratings in J. A. Russell and A. Mehrabian, "Evidence for a three-factor theory of emotions",
Journal of Research in Personality 11 (1977) 273-294, scaled to [-1, 1] there. Read from transcriptions of that table,
not from its print. Two or more agree on most entries; the others come from the one that has nearly all 151 words. Of 47
words that another transcription has as well, that one agrees in every digit on 43; "self-satisfied", the one of the
other four that is used here, has a pleasure of 0.87 in the other.

Glasgow: mean ratings from 1 to 9 in G. G. Scott, A. Keitel, M. Becirspahic, B. Yao and S. C. Sereno, "The Glasgow
Norms: Ratings of 5,500 words on nine scales", Behavior Research Methods 51 (2019) 1258-1270, CC BY 4.0. They name what
the older table lacks. The two scales differ: of the words that both rated, the 1977 ratings are higher by 0.10 in
pleasure, 0.19 in arousal and 0.07 in dominance, and the Glasgow ratings reach farther out. So these are brought to the
older scale by ``ALIGNMENT``, one straight line per axis, fitted on 81 such words (tests/data/emotion_norms.tsv). It
tells a word's 1977 rating to 0.20, 0.23 and 0.18 (root mean square of words left out): no entry of theirs is surer.

Given: "love" and "trust" are what this project was asked to mean by them. No publication with these values was found;
of the words that were rated, "loved" lies at (0.87, 0.54, -0.18) in 1977, and "trust" at about (0.57, 0.25, 0.21)
in Glasgow. Neutral is the origin of the scale, by definition.

Nostalgia and envy are missing: no rated word was found for them. PAD does not tell all names apart: guilt, distress
and confusion lie within 0.1 of each other, and so do hope and relief.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from quantum_memory.checks import whole
from quantum_memory.types import NEUTRAL, PAD, Floats


class Source(StrEnum):
    """Where the point of a name comes from; the module's docstring cites the studies."""

    AGREED = "Russell and Mehrabian (1977), transcriptions agree"
    SINGLE = "Russell and Mehrabian (1977), one transcription"
    GLASGOW = "Glasgow Norms (2019), aligned"
    GIVEN = "given"


class Rating(NamedTuple):
    """What a name stands for: its point, the word that was rated, and by whom."""

    pad: PAD
    word: str
    source: Source


ALIGNMENT = ((0.814, 0.089), (0.832, 0.197), (0.827, 0.069))
"""Slope and intercept, for pleasure, arousal and dominance, from a Glasgow rating on [-1, 1] to one of 1977."""


def aligned(pad: PAD) -> PAD:
    """A Glasgow rating, brought to [-1, 1], as the raters of 1977 would have given it, to two decimals."""
    axes = (pad.pleasure, pad.arousal, pad.dominance)
    lines = zip(ALIGNMENT, axes, strict=True)
    return PAD.clipped(*(round(slope * value + intercept, 2) for (slope, intercept), value in lines))


def _agreed(pleasure: float, arousal: float, dominance: float, word: str) -> Rating:
    return Rating(PAD(pleasure, arousal, dominance), word, Source.AGREED)


def _single(pleasure: float, arousal: float, dominance: float, word: str) -> Rating:
    return Rating(PAD(pleasure, arousal, dominance), word, Source.SINGLE)


def _glasgow(valence: float, arousal: float, dominance: float, word: str) -> Rating:
    """From mean ratings of 1 to 9."""
    return Rating(aligned(PAD.from_scale(valence, arousal, dominance)), word, Source.GLASGOW)


RATINGS: Mapping[str, Rating] = MappingProxyType(
    {
        "neutral": Rating(NEUTRAL, "neutral", Source.GIVEN),
        "joy": _agreed(0.76, 0.48, 0.35, "joyful"),
        "happiness": _agreed(0.81, 0.51, 0.46, "happy"),
        "love": Rating(PAD(0.85, 0.13, 0.32), "love", Source.GIVEN),
        "trust": Rating(PAD(0.69, -0.34, 0.47), "trust", Source.GIVEN),
        "infatuation": _agreed(0.82, 0.65, -0.05, "in love"),
        "friendliness": _agreed(0.69, 0.35, 0.30, "friendly"),
        "excitement": _agreed(0.62, 0.75, 0.38, "excited"),
        "desire": _glasgow(6.9375, 7.4242, 5.8788, "desire"),
        "anticipation": _glasgow(6.4242, 7.3030, 5.0, "anticipation"),
        "triumph": _agreed(0.69, 0.57, 0.63, "triumphant"),
        "pride": _agreed(0.77, 0.38, 0.65, "proud"),
        "satisfaction": _single(0.86, 0.20, 0.62, "self-satisfied"),
        "dignity": _agreed(0.55, 0.22, 0.61, "dignified"),
        "hope": _agreed(0.51, 0.23, 0.14, "hopeful"),
        "relief": _glasgow(7.2647, 5.1515, 5.6286, "relieved"),
        "approval": _glasgow(7.4375, 5.7143, 4.7941, "approval"),
        "interest": _agreed(0.64, 0.51, 0.17, "interested"),
        "fascination": _single(0.55, 0.51, -0.07, "fascinated"),
        "curiosity": _agreed(0.22, 0.62, -0.01, "curious"),
        "gratitude": _agreed(0.61, 0.10, -0.13, "thankful"),
        "admiration": _single(0.41, 0.30, -0.32, "impressed"),
        "awe": _single(0.18, 0.40, -0.38, "awed"),
        "security": _single(0.74, -0.13, 0.03, "secure"),
        "tranquillity": _glasgow(7.6970, 3.3871, 5.9697, "tranquil"),
        "calm": _agreed(0.68, -0.46, 0.06, "relaxed"),
        "surprise": _agreed(0.40, 0.67, -0.13, "surprised"),
        "astonishment": _single(0.16, 0.88, -0.15, "astonished"),
        "startle": _single(-0.09, 0.65, -0.33, "startled"),
        "defiance": _single(-0.16, 0.54, 0.32, "defiant"),
        "contempt": _single(-0.23, 0.31, 0.18, "contempt"),
        "annoyance": _glasgow(2.4706, 4.4571, 4.9394, "annoyance"),
        "anger": _agreed(-0.51, 0.59, 0.25, "angry"),
        "rage": _agreed(-0.44, 0.72, 0.32, "enraged"),
        "hate": _single(-0.56, 0.59, 0.13, "hate"),
        "disgust": _agreed(-0.60, 0.35, 0.11, "disgusted"),
        "jealousy": _glasgow(2.2941, 5.4848, 4.1818, "jealous"),
        "resentment": _glasgow(1.9412, 4.8, 4.3235, "resentment"),
        "frustration": _glasgow(2.4, 5.1143, 3.4286, "frustration"),
        "fear": _agreed(-0.64, 0.60, -0.43, "fearful"),
        "terror": _agreed(-0.62, 0.82, -0.43, "terrified"),
        "anxiety": _glasgow(2.2571, 5.2647, 2.3125, "anxiety"),
        "helplessness": _single(-0.71, 0.42, -0.51, "helpless"),
        "distress": _agreed(-0.61, 0.28, -0.36, "distressed"),
        "humiliation": _agreed(-0.63, 0.43, -0.38, "humiliated"),
        "embarrassment": _single(-0.46, 0.54, -0.24, "embarrassed"),
        "confusion": _agreed(-0.53, 0.27, -0.32, "confused"),
        "guilt": _agreed(-0.57, 0.28, -0.34, "guilty"),
        "shame": _agreed(-0.57, 0.01, -0.34, "shamed"),
        "regret": _agreed(-0.52, 0.02, -0.21, "regretful"),
        "grief": _glasgow(1.9412, 4.8710, 3.6176, "grief"),
        "disappointment": _glasgow(2.3636, 3.9063, 3.4848, "disappointed"),
        "discouragement": _agreed(-0.61, -0.15, -0.29, "discouraged"),
        "sadness": _agreed(-0.63, -0.27, -0.33, "sad"),
        "gloom": _glasgow(2.6875, 2.9355, 3.8387, "gloomy"),
        "loneliness": _agreed(-0.66, -0.43, -0.32, "lonely"),
        "despair": _single(-0.72, -0.16, -0.38, "despairing"),
        "depression": _agreed(-0.72, -0.29, -0.41, "depressed"),
        "boredom": _agreed(-0.65, -0.62, -0.33, "bored"),
        "apathy": _single(-0.47, -0.50, -0.08, "uninterested"),
        "fatigue": _single(-0.18, -0.57, -0.29, "fatigued"),
        "timidity": _single(-0.15, -0.12, -0.47, "timid"),
    }
)

EMOTIONS: Mapping[str, PAD] = MappingProxyType({name: rating.pad for name, rating in RATINGS.items()})

WIDTH = 0.2
"""Standard deviation, on each axis, of what a name covers: about as far as the two studies, once aligned, place one
word apart (0.20, 0.23, 0.18). So nobody can say more closely where a name lies. Every name is the likeliest at its own
point, and at the origin nothing but neutral is likelier than 1 in 10; both are tested."""

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
