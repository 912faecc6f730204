"""From what a model puts out to feelings: probabilities of labels, or numbers on the axes. Runs no model itself.

Probabilities are a mixture: each label lies about a point of the PAD space with a deviation (``labels``), so the
feeling is the mean of the points, weighed by the probabilities, and its variance is the mean of the labels' own
variances plus the variance of the points: how far a label reaches, and how far apart those lie that are likely. A
softmax gives the weights as they are. Sigmoids, of labels that may hold together, need not sum to 1: the weights are
the probabilities together with that of none, prod(1 - p), for neutral, divided by their sum.

A regression head names the point itself, and its deviation is ``emotions.WIDTH`` on an axis that it reads. Everywhere
``spread`` scales the deviation: 1 believes the norms; fit it where you have ratings (``training/`` has EmoBank's).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.errors import CorruptRecord, InvalidValue, UnknownLabels
from quantum_memory.memory.affect.emotions import WIDTH
from quantum_memory.memory.affect.feeling import LEAST_SPREAD, MOST_SPREAD, Feeling
from quantum_memory.memory.affect.labels import Told, meanings, plain, unnamed_spread
from quantum_memory.types import PAD, Floats

Kind = Literal["auto", "single", "multi", "regression"]
KINDS: tuple[Kind, ...] = ("auto", "single", "multi", "regression")
AXES = 3
AXIS_NAMES: Mapping[str, int] = {
    **dict.fromkeys(("pleasure", "valence", "v", "p"), 0),
    **dict.fromkeys(("arousal", "activation", "a"), 1),
    **dict.fromkeys(("dominance", "control", "power", "d"), 2),
}
_PROBLEMS: Mapping[str, Kind] = {
    "single_label_classification": "single",
    "multi_label_classification": "multi",
    "regression": "regression",
}


class Moments(NamedTuple):
    """Means (n, 3) of feelings and of their squares: they can be averaged where deviations cannot."""

    first: Floats
    second: Floats


@dataclass(frozen=True)
class Reading:
    """What is said of a model's output.

    Attributes:
        kind: what its numbers are; auto asks its configuration (``problem_type``, then the names of the labels).
        labels: what its labels mean, before what ``labels`` knows; for a regression head the axis of an output.
        scale: the numbers of a regression head that are -1 and 1.
        spread: factor on the deviations.

    Raises: InvalidValue, NotFinite, OutOfRange.
    """

    kind: Kind = "auto"
    labels: Mapping[str, Told] | None = None
    scale: tuple[float, float] = (-1.0, 1.0)
    spread: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidValue("kind", repr(self.kind), f"one of {', '.join(KINDS)}")
        low, high = self.scale
        bounded("scale", low, -1e6, 1e6)
        bounded("scale", high, -1e6, 1e6)
        if low >= high:
            raise InvalidValue("scale", repr(self.scale), "a lower and a higher number")
        bounded("spread", self.spread, 0.01, 100.0)


class Readout:
    """How the k outputs of a model become feelings.

    Args:
        labels: their names.
        problem: what the model's configuration says it was trained for, if anything.
        model, setting: for the errors.

    Attributes:
        kind: single, multi or regression.

    Raises: UnknownLabels, InvalidValue.
    """

    def __init__(
        self, labels: Sequence[str], problem: str | None, reading: Reading, model: str, setting: str = "labels"
    ) -> None:
        self._model, self._reading = model, reading
        self.labels = tuple(labels)
        self.kind = _kind(labels, problem, reading.kind)
        if self.kind == "regression":
            self._columns = _columns(labels, reading.labels or {}, model, setting)
            return
        meant = meanings(labels, reading.labels or {}, model, setting)
        points = np.array([np.asarray(one.pad) for one in meant], dtype=np.float64)
        spreads = np.array([one.spread for one in meant], dtype=np.float64)
        self._first, self._second = points, np.square(points) + np.square(spreads)

    @classmethod
    def of(cls, config: Any, reading: Reading, model: str, setting: str = "labels") -> Readout:
        """For a configuration of transformers. Raises: UnknownLabels, InvalidValue; CorruptRecord for one with gaps."""
        missing = [index for index in range(int(config.num_labels)) if index not in config.id2label]
        if missing:
            raise CorruptRecord(model, f"names no label for its output {missing[0]} (id2label in config.json)")
        names = [str(config.id2label[index]) for index in range(int(config.num_labels))]
        return cls(names, getattr(config, "problem_type", None), reading, model, setting)

    def moments(self, outputs: Floats) -> Moments:
        """Of outputs (n, k) as the model gives them, before any softmax. Raises: CorruptRecord if one is no number."""
        if outputs.ndim != 2 or outputs.shape[1] != len(self.labels):
            raise CorruptRecord(self._model, f"puts out {outputs.shape[1:]} numbers for {len(self.labels)} labels")
        if not np.isfinite(outputs).all():
            raise CorruptRecord(self._model, "puts out what is no finite number; if its dtype is not float32, try that")
        if self.kind == "regression":
            return self._named(outputs)
        weights = _softmax(outputs) if self.kind == "single" else _sigmoid(outputs)
        rest = 1.0 - weights.sum(axis=1, keepdims=True) if self.kind == "multi" else np.zeros((len(weights), 1))
        return Moments(weights @ self._first, weights @ self._second + rest * WIDTH**2)

    def feelings(self, moments: Moments) -> list[Feeling]:
        """The feelings that have these moments."""
        means = np.clip(moments.first, -1.0, 1.0)
        variances = np.maximum(moments.second - np.square(moments.first), 0.0)
        spreads = np.clip(np.sqrt(variances) * self._reading.spread, LEAST_SPREAD, MOST_SPREAD)
        return [
            Feeling.of(PAD(*mean), (spread[0], spread[1], spread[2]))
            for mean, spread in zip(means.tolist(), spreads.tolist(), strict=True)
        ]

    def _named(self, outputs: Floats) -> Moments:
        low, high = self._reading.scale
        points = np.zeros((len(outputs), AXES))
        spreads = np.tile(unnamed_spread(), (len(outputs), 1))
        for column, axis in enumerate(self._columns):
            points[:, axis] = np.clip((outputs[:, column] - low) / (high - low) * 2.0 - 1.0, -1.0, 1.0)
            spreads[:, axis] = WIDTH
        return Moments(points, np.square(points) + np.square(spreads))


def _kind(labels: Sequence[str], problem: str | None, wanted: Kind) -> Kind:
    """What the outputs are: as wanted, as the model says, or as its labels look."""
    if wanted != "auto":
        return wanted
    if problem is not None and problem in _PROBLEMS:
        return _PROBLEMS[problem]
    return "regression" if all(plain(label) in AXIS_NAMES for label in labels) else "single"


def _columns(labels: Sequence[str], told: Mapping[str, Told], model: str, setting: str) -> list[int]:
    """The axis of each output: as told, by its name, or in the order V, A, D if there are three without such names."""
    given = {plain(label): _axis(meaning, setting) for label, meaning in told.items()}
    strange_to = sorted(set(given) - {plain(label) for label in labels})
    if strange_to:
        raise InvalidValue(setting, repr(strange_to[0]), f"labels of {model}: {', '.join(labels)}")
    named = [given.get(plain(label), AXIS_NAMES.get(plain(label))) for label in labels]
    known = [axis for axis in named if axis is not None]
    if not known and len(labels) == AXES:
        return list(range(AXES))
    if len(known) < len(labels) or len(set(known)) < len(known):
        strange = [label for label, axis in zip(labels, named, strict=True) if axis is None]
        raise UnknownLabels(model, strange or labels, setting)
    return known


def _axis(meaning: Told, setting: str) -> int:
    """The axis that a caller's word for an output names. Raises: InvalidValue."""
    axis = AXIS_NAMES.get(plain(meaning)) if isinstance(meaning, str) else None
    if axis is None:
        raise InvalidValue(setting, repr(meaning), "valence, arousal or dominance, because it is a regression head")
    return axis


def _softmax(outputs: Floats) -> Floats:
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    weights: Floats = powers / powers.sum(axis=1, keepdims=True)
    return weights


def _sigmoid(outputs: Floats) -> Floats:
    """Weights (n, k) of labels that may hold together; what is missing to 1 is for none of them."""
    likely = 0.5 * (1.0 + np.tanh(0.5 * outputs))  # the sigmoid, without overflow
    none = np.prod(1.0 - likely, axis=1, keepdims=True)
    weights: Floats = likely / (likely.sum(axis=1, keepdims=True) + none)
    return weights
