"""What ``emobank.py`` compares: the files it reads, the baselines, and the perceivers of the package.

A reader makes readings of texts. Those that learn do so from a train split, which is never the one that is measured.
"""

from __future__ import annotations

import csv
import importlib.util
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, MissingDependency
from quantum_memory.memory.affect.head import load, packaged_head
from quantum_memory.memory.affect.perceiver import MiniLMPerceiver, Perceiver

Numbers = NDArray[np.float64]
AXES = ("V", "A", "D")
COLUMNS = ("id", "split", *AXES, "text")
FOLDS = 5
PENALTIES = tuple(float(10.0**power) for power in np.arange(-6.0, 1.01, 0.5))
"""Of ridge regression, per text of the training split."""
_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)*")


class Split(NamedTuple):
    """Texts and their ratings, (n, 3) in [-1, 1]: a rating x from 1 to 5 is (x - 3) / 2."""

    texts: list[str]
    ratings: Numbers


class Labels(NamedTuple):
    """Mean and standard deviation of the training labels, (3,) each, and where they are from."""

    mean: Numbers
    spread: Numbers
    source: str


class Readings(NamedTuple):
    """What a reader makes of n texts: (n, 3) in [-1, 1], not a number on an axis that it does not read.

    Attributes:
        spread: (n, 3) standard deviations, or None where the reader names none.
    """

    pads: Numbers
    spread: Numbers | None = None


class Reader(Protocol):
    """What reads texts."""

    @property
    def name(self) -> str: ...

    def read(self, texts: Sequence[str]) -> Readings: ...


def splits_of(path: Path) -> dict[str, Split]:
    """The splits of a file of EmoBank's columns. Raises: InvalidValue, with the line, for what is none."""
    if not path.is_file():
        raise InvalidValue("data", repr(str(path)), "a CSV file")
    texts: dict[str, list[str]] = {}
    ratings: dict[str, list[list[float]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise InvalidValue("data", f"no column {', '.join(missing)}", f"the columns {', '.join(COLUMNS)}")
        for row in rows:
            texts.setdefault(row["split"], []).append(row["text"])
            ratings.setdefault(row["split"], []).append([_rating(row, axis, rows.line_num) for axis in AXES])
    return {name: Split(texts[name], np.array(ratings[name])) for name in texts}


def _rating(row: Mapping[str, str | None], axis: str, line: int) -> float:
    try:
        rating = float(row[axis] or "")
    except ValueError:
        rating = float("nan")
    if not 1.0 <= rating <= 5.0:
        raise InvalidValue(f"{axis} in line {line}", repr(row[axis]), "a number from 1 to 5")
    return (rating - 3.0) / 2.0


def split_of(splits: Mapping[str, Split], name: str) -> Split:
    """The split of this name. Raises: InvalidValue if there is none."""
    if name not in splits:
        raise InvalidValue("split", repr(name), f"one of {', '.join(sorted(splits)) or 'none: the file is empty'}")
    return splits[name]


def labels_of(train: Split | None, source: str) -> Labels:
    """Of a training split, or of what the packaged weights were trained on where there is none."""
    if train is not None:
        return Labels(train.ratings.mean(0), train.ratings.std(0), source)
    head = load(packaged_head())
    mean, spread = (np.array(part.tolist()) for part in (head.calibration.label_mean, head.calibration.label_scale))
    return Labels(mean, spread, "the packaged weights")


@dataclass(frozen=True)
class Mean:
    """The mean of the training labels for every text, with their deviation: what every reader must beat."""

    labels: Labels
    name: str = "mean of train"

    def read(self, texts: Sequence[str]) -> Readings:
        """The same for each."""
        mean, spread = (np.tile(part, (len(texts), 1)) for part in (self.labels.mean, self.labels.spread))
        return Readings(mean, spread)


class Lexicon:
    """The mean of the norms of the words of a text; one without any such word gets the mean of all norms.

    Scott, Keitel, Becirspahic, Yao and Sereno (2019), The Glasgow Norms: Ratings of 5,500 words on nine scales,
    Behavior Research Methods 51, 1258-1270. Ratings x from 1 to 9 are (x - 5) / 4.
    """

    name = "lexicon: Glasgow norms"

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InvalidValue("lexicon", repr(str(path)), "a file of the Glasgow norms")
        wanted = ("word", "valence_1_9", "arousal_1_9", "dominance_1_9")
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t")
            if [name for name in wanted if name not in (rows.fieldnames or ())]:
                raise InvalidValue("lexicon", str(rows.fieldnames), f"the columns {', '.join(wanted)}")
            self._norms = {row["word"].lower(): [(float(row[name]) - 5.0) / 4.0 for name in wanted[1:]] for row in rows}
        self._middle = np.mean(list(self._norms.values()), axis=0)

    def read(self, texts: Sequence[str]) -> Readings:
        """Words as they stand, in lower case; a word that comes twice counts twice."""
        return Readings(np.array([self._one(text) for text in texts]))

    def _one(self, text: str) -> Numbers:
        found = [self._norms[word] for word in _WORD.findall(text.lower()) if word in self._norms]
        return np.asarray(np.mean(found, axis=0) if found else self._middle, dtype=np.float64)


class Vader:
    """VADER's compound score as pleasure; it reads neither arousal nor dominance.

    Hutto and Gilbert (2014), VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text,
    ICWSM 8, 216-225. Raises: MissingDependency if the package is not there: ``pip install quantum-memory[bench]``.
    """

    name = "VADER"

    def __init__(self) -> None:
        if importlib.util.find_spec("vaderSentiment") is None:
            raise MissingDependency("vaderSentiment", "the row of VADER", "pip install quantum-memory[bench]")
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        self._analyzer = SentimentIntensityAnalyzer()

    def read(self, texts: Sequence[str]) -> Readings:
        """The compound score, in [-1, 1]."""
        pads = np.full((len(texts), 3), np.nan)
        pads[:, 0] = [self._analyzer.polarity_scores(text)["compound"] for text in texts]
        return Readings(pads)


@dataclass(frozen=True)
class Perceived:
    """A perceiver of the package, without its cache."""

    name: str
    perceiver: Perceiver

    def read(self, texts: Sequence[str]) -> Readings:
        """Feelings and their spreads."""
        percepts = self.perceiver.perceive(texts)
        pads = np.array([np.asarray(one.pad) for one in percepts], dtype=np.float64)
        spreads = [one.spread for one in percepts if one.spread is not None]
        return Readings(pads, np.array(spreads, dtype=np.float64) if len(spreads) == len(percepts) else None)


class Ridge:
    """Ridge regression on the embedding of MiniLM, with a penalty per axis by 5-fold cross-validation on train.

    Its spread is the root mean squared error of the folds left out.

    Args:
        perceiver: makes the embeddings.
        train: what it learns from.
        seed: of the folds.
    """

    name = "ridge on MiniLM"

    def __init__(self, perceiver: Perceiver, train: Split, seed: int = 0) -> None:
        self._perceiver = perceiver
        features = self._embedded(train.texts)
        folds = np.random.default_rng(seed).permutation(len(features)) % min(FOLDS, len(features))
        errors = np.zeros((len(PENALTIES), 3))
        for fold in range(int(folds.max()) + 1):
            kept, left = folds != fold, folds == fold
            fitted = ridge_fits(features[kept], train.ratings[kept], PENALTIES)
            errors += ((fitted.read(features[left]) - train.ratings[left]) ** 2).sum(1)
        best = errors.argmin(0)
        self.penalties = np.array(PENALTIES)[best]
        self._spread = np.sqrt(errors[best, range(3)] / len(features))
        fits = ridge_fits(features, train.ratings, PENALTIES)
        self._fit = RidgeFits(fits.weights[best, :, range(3)].T[None], fits.shift, fits.mean)

    def read(self, texts: Sequence[str]) -> Readings:
        """Within the cube."""
        pads = np.clip(self._fit.read(self._embedded(texts))[0], -1.0, 1.0)
        return Readings(pads, np.tile(self._spread, (len(texts), 1)))

    def _embedded(self, texts: Sequence[str]) -> Numbers:
        return np.array([one.embedding for one in self._perceiver.perceive(texts)], dtype=np.float64)


class RidgeFits(NamedTuple):
    """Fits for k penalties: weights (k, f, 3), the mean (f,) of the features and that (3,) of the ratings."""

    weights: Numbers
    shift: Numbers
    mean: Numbers

    def read(self, features: Numbers) -> Numbers:
        """(k, n, 3) readings of (n, f) features."""
        return np.asarray((features - self.shift) @ self.weights + self.mean, dtype=np.float64)


def ridge_fits(features: Numbers, ratings: Numbers, penalties: Sequence[float]) -> RidgeFits:
    """Least squares plus n * penalty * |weights|^2, with a free mean, for every penalty from one decomposition."""
    shift, mean = features.mean(0), ratings.mean(0)
    centred = features - shift
    values, vectors = np.linalg.eigh(centred.T @ centred)
    turned = vectors.T @ (centred.T @ (ratings - mean))
    values = np.maximum(values, 0.0)
    weights = [vectors @ (turned / (values + len(features) * penalty)[:, None]) for penalty in penalties]
    return RidgeFits(np.array(weights), shift, mean)


def perceivers(head: Path | None, threads: int) -> list[Perceived]:
    """The packaged default, the accurate one where this version has it, and one with another head if that is given."""
    made = [Perceived("default", MiniLMPerceiver(cache_size=0, threads=threads))]
    if "accurate" in inspect.signature(MiniLMPerceiver).parameters:
        more = {"accurate": True}
        made.append(Perceived("accurate", MiniLMPerceiver(cache_size=0, threads=threads, **more)))  # type: ignore[arg-type]  # only where there is such an argument
    if head is not None:
        made.append(Perceived(f"head {head}", MiniLMPerceiver(cache_size=0, threads=threads, head=str(head))))
    return made
