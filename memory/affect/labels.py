"""What a model's label means as a feeling: a point of the PAD space and how far about it. Owns a table of words.

A label is read like this, and the first that knows it wins:

1. what the caller says of it (``told``): a word of the kinds below, or three numbers;
2. a named emotion of ``emotions.EMOTIONS``, in any case, also in the plural;
3. ``WORDS``: other words for named emotions, each with the names to take in order of preference, of which the first
   that the table of emotions holds is taken. Most are the labels of published data sets: GoEmotions (Demszky et al.,
   2020), Ekman's six, Plutchik's eight, EmpatheticDialogues (Rashkin et al., 2019), TweetEval and SemEval-2018,
   CrowdFlower's, IEMOCAP's abbreviations, FER-2013 and AffectNet of faces, and the eight of Mikels et al. (2005) for
   pictures;
4. a polarity (``POLARITIES``: positive, negative, very positive, ...) or a number of stars from 1 to 5.

A named emotion reaches ``emotions.WIDTH`` about its point on each axis. A polarity tells of pleasure alone: "positive"
lies at the mean pleasure of all named emotions with more than 0 and reaches as far as they do; its arousal and
dominance are 0, give or take their root mean squares over those names. "Very positive", and five stars, lie at the
largest pleasure of a name; four stars half way. The negative side is made in the same way from the names below 0.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from quantum_memory.errors import InvalidValue, UnknownLabels
from quantum_memory.memory.affect.emotions import EMOTIONS, WIDTH
from quantum_memory.types import NEUTRAL, PAD, Floats

Told = str | Sequence[float]
"""What a caller says that a label means: a word, or pleasure, arousal and dominance."""


class Meaning(NamedTuple):
    """What a label means: the feeling, and its standard deviation on each axis."""

    pad: PAD
    spread: tuple[float, float, float]


WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # nothing felt
        **dict.fromkeys(("neu", "no emotion", "none", "other", "others", "unemotional", "normal"), ("neutral",)),
        # joy and its kin
        **dict.fromkeys(("joyful", "joyous"), ("joy",)),
        **dict.fromkeys(("happy", "hap", "glad", "cheerful", "cheerfulness"), ("happiness",)),
        **dict.fromkeys(("amusement", "amused", "fun", "funny", "humor", "humour"), ("amusement", "joy")),
        **dict.fromkeys(("excited", "exc", "enthusiasm", "enthusiastic", "thrilled"), ("excitement",)),
        **dict.fromkeys(("content", "contentment"), ("contentment", "satisfaction", "calm")),
        **dict.fromkeys(("satisfied", "satisfaction"), ("satisfaction", "contentment", "calm")),
        **dict.fromkeys(("relief", "relieved"), ("relief", "calm")),
        **dict.fromkeys(("calmness", "relaxed"), ("calm",)),
        **dict.fromkeys(("peaceful", "serenity", "serene", "tranquility"), ("tranquillity", "calm")),
        **dict.fromkeys(("proud",), ("pride",)),
        **dict.fromkeys(("confident", "confidence", "prepared"), ("confidence", "dignity")),
        **dict.fromkeys(("triumphant",), ("triumph",)),
        # towards what comes
        **dict.fromkeys(("optimism", "optimistic", "hopeful"), ("hope",)),
        **dict.fromkeys(("anticipation", "anticipating", "expectation"), ("anticipation", "interest")),
        **dict.fromkeys(("desire", "longing", "craving"), ("desire", "excitement")),
        **dict.fromkeys(("interested", "engagement"), ("interest",)),
        **dict.fromkeys(("curious",), ("curiosity",)),
        **dict.fromkeys(("surprised", "sur"), ("surprise",)),
        **dict.fromkeys(("astonished", "amazement", "amazed"), ("astonishment", "surprise")),
        **dict.fromkeys(("realization", "realisation"), ("realization", "surprise")),
        **dict.fromkeys(("awe", "wonder"), ("awe", "surprise")),
        # towards others
        **dict.fromkeys(("loving", "loved", "affection"), ("love",)),
        **dict.fromkeys(("caring", "compassion", "sympathy", "tenderness"), ("caring", "friendliness")),
        **dict.fromkeys(("friendly", "approval", "agreement"), ("friendliness",)),
        **dict.fromkeys(("trust", "trusting", "acceptance", "faithful"), ("trust", "friendliness")),
        **dict.fromkeys(("admiring", "respect", "impressed"), ("admiration", "interest")),
        **dict.fromkeys(("thankful", "grateful", "thankfulness"), ("gratitude",)),
        **dict.fromkeys(("nostalgia", "nostalgic", "sentimental"), ("nostalgia", "love")),
        # anger and its kin
        **dict.fromkeys(("angry", "ang", "mad"), ("anger",)),
        **dict.fromkeys(("fury", "furious", "enraged"), ("rage", "anger")),
        **dict.fromkeys(("annoyance", "annoyed", "irritation", "irritated"), ("annoyance", "irritation", "anger")),
        **dict.fromkeys(("frustration", "frustrated", "fru"), ("frustration", "anger")),
        **dict.fromkeys(("hate", "hatred", "hostility"), ("hatred", "hate", "anger")),
        **dict.fromkeys(("disgusted", "dis", "revulsion"), ("disgust",)),
        **dict.fromkeys(("contempt", "contemptuous", "scorn"), ("contempt", "disgust")),
        **dict.fromkeys(("disapproval", "disapproving"), ("disapproval", "contempt", "disgust")),
        **dict.fromkeys(("jealousy", "jealous"), ("jealousy", "envy", "anger")),
        **dict.fromkeys(("envy", "envious"), ("envy", "jealousy", "anger")),
        # fear and its kin
        **dict.fromkeys(("afraid", "fearful", "fea", "scared"), ("fear",)),
        **dict.fromkeys(("terrified", "horror"), ("terror", "fear")),
        **dict.fromkeys(("nervousness", "nervous"), ("nervousness", "anxiety", "fear")),
        **dict.fromkeys(("anxiety", "anxious", "worry", "worried", "apprehensive"), ("anxiety", "fear")),
        **dict.fromkeys(("confused", "puzzled"), ("confusion",)),
        **dict.fromkeys(("distressed", "pain", "suffering"), ("distress",)),
        # about oneself
        **dict.fromkeys(("embarrassment", "embarrassed"), ("embarrassment", "humiliation")),
        **dict.fromkeys(("humiliated",), ("humiliation",)),
        **dict.fromkeys(("ashamed", "shamed"), ("shame",)),
        **dict.fromkeys(("guilty",), ("guilt",)),
        **dict.fromkeys(("remorse", "remorseful", "regretful"), ("remorse", "regret")),
        # sadness and its kin
        **dict.fromkeys(("sad", "sorrow", "unhappy", "unhappiness"), ("sadness",)),
        **dict.fromkeys(("grief", "grieving", "devastated"), ("grief", "sadness")),
        **dict.fromkeys(("disappointment", "disappointed"), ("disappointment", "discouragement")),
        **dict.fromkeys(("pessimism", "pessimistic", "discouraged"), ("pessimism", "discouragement")),
        **dict.fromkeys(("depressed",), ("depression",)),
        **dict.fromkeys(("hopelessness", "hopeless", "desperate"), ("despair", "depression")),
        **dict.fromkeys(("lonely", "alone", "isolation"), ("loneliness",)),
        **dict.fromkeys(("bored",), ("boredom",)),
        **dict.fromkeys(("empty", "emptiness"), ("emptiness", "apathy", "boredom")),
        **dict.fromkeys(("tired", "fatigue", "fatigued", "sleepy"), ("fatigue", "boredom")),
    }
)

POLARITIES: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("positive", "pos"), 1.0),
        **dict.fromkeys(("negative", "neg"), -1.0),
        **dict.fromkeys(("very positive", "extremely positive"), 2.0),
        **dict.fromkeys(("very negative", "extremely negative"), -2.0),
        **dict.fromkeys(("mixed", "objective"), 0.0),
    }
)
"""The side, and 2 for its far end."""

STARS: Mapping[str, float] = MappingProxyType({"1": -2.0, "2": -1.5, "3": 0.0, "4": 1.5, "5": 2.0})
"""1.5 is half way between neutral and the far end."""

_STAR = re.compile(r"([1-5])(?: out of 5)?(?: stars?)")


def meanings(labels: Sequence[str], told: Mapping[str, Told], model: str, setting: str = "labels") -> list[Meaning]:
    """What each label of a model means.

    ``told`` goes before the tables, by label as the model has it or as ``plain`` makes it. ``model`` and ``setting``
    are for the errors: whose labels these are, and where the caller can say what they mean.

    Raises: UnknownLabels, which names all that nobody knows; InvalidValue for a meaning that is none or is of no label.
    """
    given = {plain(label): meaning for label, meaning in told.items()}
    strange = sorted(set(given) - {plain(label) for label in labels})
    if strange:
        raise InvalidValue(setting, repr(strange[0]), f"labels of {model}: {', '.join(labels)}")
    found = [_told(given[plain(label)], setting) if plain(label) in given else meaning_of(label) for label in labels]
    unknown = [label for label, meaning in zip(labels, found, strict=True) if meaning is None]
    if unknown:
        raise UnknownLabels(model, unknown, setting)
    return [meaning for meaning in found if meaning is not None]


def meaning_of(label: str) -> Meaning | None:
    """What a label means by the tables; nothing if they do not know it."""
    word = plain(label)
    for one in (word, word.removesuffix("s"), word.removesuffix("es")):
        for name in (one, *WORDS.get(one, ())):
            if name in EMOTIONS:
                return Meaning(EMOTIONS[name], (WIDTH, WIDTH, WIDTH))
    if word in POLARITIES:
        return _polarity(POLARITIES[word])
    star = _STAR.fullmatch(word)
    return None if star is None else _polarity(STARS[star[1]])


def plain(label: str) -> str:
    """The label in small letters and digits, one blank between words: ``"No_Emotion 😐"`` is ``"no emotion"``."""
    kept = (char if char.isalnum() else " " for char in unicodedata.normalize("NFKC", label).lower())
    return " ".join("".join(kept).split())


def _told(meaning: Told, setting: str) -> Meaning:
    """A caller's word for a label. Raises: InvalidValue, NotFinite, OutOfRange."""
    if isinstance(meaning, str):
        known = meaning_of(meaning)
        if known is None:
            raise InvalidValue(setting, repr(meaning), f"a polarity or one of {', '.join(EMOTIONS)}")
        return known
    if len(meaning) != 3:
        raise InvalidValue(setting, repr(meaning), "a named emotion or [pleasure, arousal, dominance]")
    return Meaning(PAD(*meaning), (WIDTH, WIDTH, WIDTH))


def _polarity(side: float) -> Meaning:
    """What is known of a feeling of which only the side is told, and how far on it."""
    if side == 0.0:
        return Meaning(NEUTRAL, (WIDTH, *unnamed_spread()[1:]))
    points = _points()
    there = points[points[:, 0] * side > 0]
    pleasure, reach = float(there[:, 0].mean()), float(there[:, 0].std())
    if abs(side) > 1.0:
        pleasure = float(np.sign(side) * np.abs(there[:, 0]).max()) * (abs(side) - 1.0)
        reach = 0.0
    _, arousal, dominance = unnamed_spread()
    return Meaning(PAD(pleasure, 0.0, 0.0), (float(np.hypot(WIDTH, reach)), arousal, dominance))


def unnamed_spread() -> tuple[float, float, float]:
    """How far a feeling may lie from neutral on each axis where nothing is said of it: of all names, with ``WIDTH``."""
    pleasure, arousal, dominance = np.sqrt(np.square(_points()).mean(axis=0) + WIDTH**2).tolist()
    return pleasure, arousal, dominance


def _points() -> Floats:
    return np.array([np.asarray(pad) for pad in EMOTIONS.values()], dtype=np.float64)
