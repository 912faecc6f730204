"""How one named emotion follows another: a continuous-time Markov chain read from a series. Names nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue, ShapeMismatch
from quantum_memory.memory.affect.dynamics.series import LATEST_S, Series
from quantum_memory.memory.affect.emotions import EMOTIONS, named
from quantum_memory.types import PAD, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Transitions:
    """Between ``names``, in the same order on both axes.

    Attributes:
        names: the emotions, those that occur.
        counts: (k, k) times that one was followed by the other, weighed by confidence; the diagonal counts staying.
        prior: Dirichlet mass spread evenly over each row.
        held_s: (k,) seconds that each was held: from its feeling to the next, pauses left out.
        jumps: (k, k) of ``counts``, those after no pause; the diagonal is 0.
        gap_s: the median of the times between two feelings.
    """

    names: tuple[str, ...]
    counts: Floats
    prior: float
    held_s: Floats
    jumps: Floats
    gap_s: float

    @property
    def matrix(self) -> Floats:
        """(k, k) row-stochastic: the chance that the *next* feeling is named so, however long that takes.

        It is the posterior mean under a Dirichlet prior that puts ``prior`` / k on every name.
        """
        raised = self.counts + self.prior / len(self.names)
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    @property
    def stationary(self) -> Floats:
        """(k,) the share of feelings named so in the long run; it is left unchanged by ``matrix``."""
        return _stationary(self.matrix)

    @property
    def dwell(self) -> Floats:
        """(k,) how many feelings in a row are named so, in the mean: 1 / (1 - chance of staying); inf if never left."""
        leaving = 1.0 - np.diagonal(self.matrix)
        return np.asarray(np.divide(1.0, leaving, out=np.full(len(leaving), np.inf), where=leaving > 0.0))

    @property
    def rates(self) -> Floats:
        """(k, k) generator of the chain in continuous time, per second: rows sum to 0, off-diagonals are not negative.

        A leap after a short gap and one after a long gap are not the same news. Here the name is taken to hold until
        the next feeling, and a rate is leaps per second so held (the maximum of the likelihood of a fully observed
        chain), with a Gamma prior of ``prior`` / k leaps in as much time as makes the prior rate one leap per gap. What
        happens unsaid between two feelings is not seen, so rates are lower bounds where feelings are rare.
        """
        share = self.prior / len(self.names)
        rates = (self.jumps + share) / (self.held_s + share * len(self.names) * self.gap_s)[:, None]
        np.fill_diagonal(rates, 0.0)
        np.fill_diagonal(rates, -rates.sum(axis=1))
        return np.asarray(rates)

    @property
    def dwell_s(self) -> Floats:
        """(k,) seconds until the name changes, in the mean: -1 / diagonal of ``rates``."""
        diagonal = np.diagonal(self.rates)
        return np.asarray(np.divide(-1.0, diagonal, out=np.full(len(diagonal), np.inf), where=diagonal < 0.0))

    def after(self, seconds: float) -> Floats:
        """(k, k) row-stochastic: the chance of being in each so many seconds later, exp(rates × seconds)."""
        passed = bounded("seconds", seconds, 0.0, LATEST_S)
        chances = np.maximum(scipy.linalg.expm(self.rates * passed), 0.0)
        return np.asarray(chances / chances.sum(axis=1, keepdims=True))

    def likeliest(self, name: str, top: int = 3) -> tuple[tuple[str, float], ...]:
        """What mostly follows an emotion, with the chances. Raises: InvalidValue for a name that never occurred."""
        if name not in self.names:
            raise InvalidValue("emotion", repr(name), f"one of {', '.join(self.names)}")
        row = self.matrix[self.names.index(name)]
        order = np.argsort(-row, kind="stable")[:top]
        return tuple((self.names[index], float(row[index])) for index in order.tolist())


def transitions(
    series: Series,
    *,
    prior: float = 1.0,
    pause_s: float | None = None,
    among: Mapping[str, PAD] = EMOTIONS,
) -> Transitions:
    """The transitions in a series, each feeling called by the nearest name.

    Args:
        series: whose; those of several people are best parted before.
        prior: Dirichlet mass of a row. 0 gives plain shares, and no row for what is never left is possible then.
        pause_s: a longer gap says nothing of what followed what, and no time is held over it; none if left out.
        among: the names and where they lie.

    Raises: InvalidValue for fewer than two feelings, or a name that is never left with no prior; OutOfRange.
    """
    bounded("prior", prior, 0.0, 1e6)
    longest = np.inf if pause_s is None else bounded("pause_s", pause_s, 0.0, LATEST_S)
    kept = series.where(series.confidences > 0.0)
    if len(kept) < 2:
        raise InvalidValue("series", f"{len(kept)} feelings with a confidence above 0", "at least 2")
    called = _called(kept.pads, among)
    names, states = np.unique(called, return_inverse=True)
    return counted(
        tuple(names.tolist()),
        states,
        kept.at_s,
        np.minimum(kept.confidences[:-1], kept.confidences[1:]),
        prior,
        longest,
    )


def counted(
    names: Sequence[str],
    states: NDArray[np.intp],
    at_s: Floats,
    weights: Floats,
    prior: float,
    pause_s: float = np.inf,
) -> Transitions:
    """The same of (n,) states, indices into ``names``, at (n,) times, with (n - 1,) weights of the steps.

    Raises: ShapeMismatch, InvalidValue.
    """
    if at_s.shape != states.shape:
        raise ShapeMismatch("at_s", states.shape, at_s.shape)
    size = len(names)
    gaps = np.diff(at_s)
    near = gaps <= pause_s
    begin, end = states[:-1][near], states[1:][near]
    counts, jumps, held_s = np.zeros((size, size)), np.zeros((size, size)), np.zeros(size)
    np.add.at(counts, (begin, end), weights[near])
    np.add.at(held_s, begin, (weights * gaps)[near])
    jumps += counts
    np.fill_diagonal(jumps, 0.0)
    unknown = (counts.sum(axis=1) == 0.0) | (held_s == 0.0)
    if prior == 0.0 and unknown.any():
        never = names[int(np.flatnonzero(unknown)[0])]
        raise InvalidValue("prior", "0", f"more than 0: nothing is known to follow {never!r}")
    positive = gaps[near & (gaps > 0.0)]
    gap_s = float(np.median(positive)) if len(positive) else 1.0
    return Transitions(tuple(names), counts, prior, held_s, jumps, gap_s)


def _called(pads: Floats, among: Mapping[str, PAD]) -> NDArray[Any]:
    if among is EMOTIONS:
        return np.array(named([PAD(*row) for row in pads.tolist()]))
    points = np.array([np.asarray(pad, dtype=np.float64) for pad in among.values()])
    distances = np.square(pads[:, None, :] - points).sum(axis=2)
    return np.asarray(np.array(list(among))[distances.argmin(axis=1)])


def _stationary(matrix: Floats) -> Floats:
    """The row vector that a stochastic matrix leaves unchanged, by least squares with the sum fixed at 1."""
    size = len(matrix)
    system = np.vstack([matrix.T - np.eye(size), np.ones(size)])
    found = np.linalg.lstsq(system, np.append(np.zeros(size), 1.0), rcond=None)[0]
    raised = np.maximum(found, 0.0)
    return np.asarray(raised / raised.sum())
