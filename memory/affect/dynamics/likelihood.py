"""How likely steps are under a mean-reverting system: exact over irregular gaps, many steps at once. Searches nothing.

The resting place and the pushes enter the mean linearly: for given K, S and R they are found by weighed least squares.

    after = E G before + (I - E G) mu + sum_j E(lag_j) B u_j + N(0, S + R - E G S E'),    E = exp(-K gap)

G = S (S + R)⁻¹ is what a reading tells of the feeling. Where nothing is misread, R is 0, G the unit matrix, and this
is the likelihood. Else it is the conditional pairwise likelihood (Varin, Reid and Firth, Statistica Sinica 21 (2011)
5-42): each step is right by itself, and what readings before the last tell beside it is left unused. Where others
push, feelings spread by more than S, and about another place than mu: then the covariance V and mean c of readings are
taken as they were, T = V - R stands for S in G and in what is not known of the beginning, and steps begin about c.

Everything is arithmetic on long columns. E, its sums over pushes and S - E S E' all are products of exponentials of the
eigenvalues of K with one small matrix, so a step costs some hundred multiplications, made by BLAS.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.affect.dynamics.fading import Basis
from quantum_memory.memory.affect.dynamics.reverting import Reverting, trust
from quantum_memory.memory.affect.dynamics.series import Steps
from quantum_memory.types import Floats

BLOCK = 4096
"""Steps looked at together: so many columns stay in a core's cache."""
LEAST_VARIANCE = 1e-12
"""As a share of the spread in the long run; rounding must not turn a tiny variance over."""
UPPER = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
_ROWS, _COLUMNS = [a for a, _ in UPPER], [b for _, b in UPPER]
_NORMAL = math.log(2.0 * math.pi)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """How readings spread: covariance (3, 3) and centre (3,)."""

    covariance: Floats
    centre: Floats

    @classmethod
    def of(cls, steps: Steps) -> Seen:
        """Of the readings at the beginnings of steps, by weight."""
        centre = np.average(steps.before, axis=0, weights=steps.weights)
        return cls(np.cov(steps.before.T, aweights=steps.weights), centre)


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """K, S and R of a system, and which of mu and B are looked for.

    Attributes:
        pull, spread: (3, 3) K and S.
        coupled: whether all of B is looked for, or its diagonal alone.
        moved: whether others move it at all.
        reading: (3,) the diagonal of R.
        seen: V and c of the readings at the beginnings; left out, S + R and mu.
    """

    pull: Floats
    spread: Floats
    coupled: bool
    moved: bool
    reading: Floats = field(default_factory=lambda: np.zeros(3))
    seen: Seen | None = None

    @property
    def pushes(self) -> tuple[tuple[int, int], ...]:
        """The entries of B that are looked for."""
        if not self.moved:
            return ()
        if not self.coupled:
            return ((0, 0), (1, 1), (2, 2))
        return tuple((a, b) for a in range(3) for b in range(3))


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """One block of steps as a regression, not yet whitened.

    Attributes:
        target: (3, n) after - E G before.
        design: (3, p, n) of mu, then of the pushes.
        variance: (6, n) upper triangle of S + R - E G S E'.
    """

    target: Floats
    design: Floats
    variance: Floats


def blocks(steps: Steps) -> Iterator[Steps]:
    """The steps in blocks."""
    for start in range(0, len(steps), BLOCK):
        yield steps.part(start, start + BLOCK)


def columns(system: System, steps: Steps) -> Columns:
    """The steps under a system."""
    basis = Basis.of(system.pull)
    kept = basis.kept(steps.gap_s)
    count = len(steps)
    seen = system.seen if system.reading.any() else None
    begun = system.spread if seen is None else seen.covariance - np.diag(system.reading)
    known = trust(begun, system.reading)
    carried = np.einsum("abn,bc->acn", kept, known) if system.reading.any() else kept
    target = steps.after.T - np.einsum("abn,bn->an", carried, steps.before.T)
    design = np.empty((3, 3 + len(system.pushes), count))
    np.negative(carried if seen is None else kept, out=design[:, :3])
    if seen is not None:
        target -= np.einsum("abn,b->an", kept - carried, seen.centre)
    design[[0, 1, 2], [0, 1, 2]] += 1.0
    if system.moved:
        pushed = basis.faded(steps)
        if system.coupled:
            design[:, 3:] = pushed.reshape(3, 9, count)
        else:
            design[:, 3:] = pushed[:, [0, 1, 2], [0, 1, 2]]
    left = np.einsum("abn,bc->acn", kept, system.spread - begun + known @ begun)
    whole = system.spread + np.diag(system.reading)
    variance = np.empty((6, count))
    for index, (a, b) in enumerate(UPPER):
        variance[index] = whole[a, b] - np.einsum("cn,cn->n", left[a], kept[b])
    for index, axis in ((0, 0), (3, 1), (5, 2)):
        np.maximum(variance[index], LEAST_VARIANCE * system.spread[axis, axis], out=variance[index])
    return Columns(target, design, variance)


@dataclass(frozen=True, slots=True, eq=False)
class Roots:
    """Cholesky factors of n covariances of three rows, lower triangles as columns."""

    l11: Floats
    l21: Floats
    l31: Floats
    l22: Floats
    l32: Floats
    l33: Floats

    @classmethod
    def of(cls, variance: Floats) -> Roots:
        """Of (6, n) upper triangles; what rounding makes negative is held at the least variance."""
        v11, v12, v13, v22, v23, v33 = variance
        l11 = np.sqrt(v11)
        l21, l31 = v12 / l11, v13 / l11
        l22 = np.sqrt(np.maximum(v22 - l21 * l21, LEAST_VARIANCE * v22))
        l32 = (v23 - l21 * l31) / l22
        l33 = np.sqrt(np.maximum(v33 - l31 * l31 - l32 * l32, LEAST_VARIANCE * v33))
        return cls(l11, l21, l31, l22, l32, l33)

    def whiten(self, values: Floats) -> Floats:
        """L⁻¹ of (3, ..., n)."""
        out = np.empty_like(values)
        out[0] = values[0] / self.l11
        out[1] = (values[1] - self.l21 * out[0]) / self.l22
        out[2] = (values[2] - self.l31 * out[0] - self.l32 * out[1]) / self.l33
        return out

    def log_determinants(self) -> Floats:
        """(n,) log of the determinants of the covariances."""
        return np.asarray(2.0 * (np.log(self.l11) + np.log(self.l22) + np.log(self.l33)))


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The best mu and B for a K and S, and how likely the steps are with them.

    Attributes:
        linear: (p,) mu, then the pushes.
        log_likelihood: of the steps, each counted with its weight.
        penalised: that and the log prior of ``linear``: what is climbed.
    """

    linear: Floats
    log_likelihood: float
    penalised: float


def profile(system: System, steps: Steps, prior: float) -> Profile:
    """The best mu and B under a Gaussian prior of precision ``prior`` about 0, in one pass."""
    size = 3 + len(system.pushes)
    normal, right = np.eye(size) * prior, np.zeros(size)
    square, logs = 0.0, 0.0
    for block in blocks(steps):
        part = columns(system, block)
        roots = Roots.of(part.variance)
        y, X = roots.whiten(part.target), roots.whiten(part.design)
        for axis in range(3):
            weighed = X[axis] * block.weights
            normal += weighed @ X[axis].T
            right += weighed @ y[axis]
            square += float((block.weights * y[axis]) @ y[axis])
        logs += float(block.weights @ roots.log_determinants())
    linear = np.asarray(np.linalg.solve(normal, right), dtype=np.float64)
    residual = square - 2.0 * float(right @ linear) + float(linear @ normal @ linear)
    penalty = prior * float(linear @ linear)
    constant = 3.0 * float(steps.weights.sum()) * _NORMAL
    likelihood = -0.5 * (residual - penalty + logs + constant)
    return Profile(linear, likelihood, likelihood - 0.5 * penalty)


def predicted(model: Reverting, steps: Steps) -> Floats:
    """(n, 3) the PAD expected at the end of each step, given its beginning and what others felt."""
    part = columns(_full(model), steps)
    linear = np.concatenate([model.rest, model.push.ravel()])
    return np.asarray((steps.after.T - part.target + np.matmul(linear, part.design)).T)


def log_likelihood(model: Reverting, steps: Steps) -> float:
    """Of the steps under a system, each counted with its weight."""
    part = columns(_full(model), steps)
    roots = Roots.of(part.variance)
    linear = np.concatenate([model.rest, model.push.ravel()])
    z = roots.whiten(part.target - np.matmul(linear, part.design))
    each = np.square(z).sum(axis=0) + roots.log_determinants() + 3.0 * _NORMAL
    return -0.5 * float(steps.weights @ each)


def _full(model: Reverting) -> System:
    return System(model.pull, model.spread, coupled=True, moved=True, reading=model.reading)


@dataclass(frozen=True, slots=True, eq=False)
class Slope:
    """How the log likelihood changes with (q + p,) parameters: those of K and S, then mu and the pushes.

    Attributes:
        score: (q + p,) its derivatives.
        information: Fisher's, expected given when and what others felt: the score's covariance if the model holds and
            a step of weight w were w steps.
        doubled: the same with squared weights: the score's covariance with each step counted for the one it is. Where
            readings err, steps that share one are not independent, and it is estimated: see ``long_run``.
    """

    score: Floats
    information: Floats
    doubled: Floats


def slope(
    system: System,
    nearby: list[System],
    by: float,
    linear: Floats,
    steps: Steps,
) -> Slope:
    """The slope at a system, by differences to ``nearby``, each of which has one parameter larger by ``by``.

    Source: for steps N(m, V) the information is m_a' V⁻¹ m_b + tr(V⁻¹ V_a V⁻¹ V_b) / 2 (Kay, Fundamentals of
    Statistical Signal Processing, 3.9).
    """
    size = len(nearby) + len(linear)
    score, information, doubled = np.zeros(size), np.zeros((size, size)), np.zeros((size, size))
    gains: list[Floats] = []
    for block in blocks(steps):
        here = columns(system, block)
        roots = Roots.of(here.variance)
        mean = np.matmul(linear, here.design)
        z = roots.whiten(here.target - mean)
        means = np.empty((size, 3, len(block)))
        spreads = np.zeros((size, 6, len(block)))
        for index, other in enumerate(nearby):
            there = columns(other, block)
            moved = np.matmul(linear, there.design) - there.target + here.target - mean
            means[index] = roots.whiten(moved / by)
            spreads[index] = _sandwiched(roots, (there.variance - here.variance) / by)
        means[len(nearby) :] = np.moveaxis(roots.whiten(here.design), 1, 0)
        gain = np.einsum("qan,an->qn", means, z)
        for index, (a, b) in enumerate(UPPER):
            times = 1.0 if a == b else 2.0
            gain += spreads[:, index] * (0.5 * times * z[a] * z[b] - (0.5 if a == b else 0.0))
            # The Frobenius product counts what is off the diagonal twice, and stands under a half.
            spreads[:, index] *= math.sqrt(0.5 * times)
        score += gain @ block.weights
        gains.append(gain * block.weights)
        flat = np.concatenate([means, spreads], axis=1)
        information += _product(flat, block.weights)
        doubled += _product(flat, block.weights**2)
    if system.reading.any():
        doubled = long_run(np.concatenate(gains, axis=1))
    return Slope(score, information, doubled)


def long_run(gains: Floats) -> Floats:
    """(q, q) covariance of the sum of (q, n) scores, one after the other, that are not independent of their neighbours.

    Source: Newey and West, Econometrica 55 (1987) 703-708.
    """
    count = gains.shape[1]
    centred = gains - gains.mean(axis=1, keepdims=True)
    found = centred @ centred.T
    lags = min(count - 1, math.ceil(2.0 * count ** (1.0 / 3.0)))
    for lag in range(1, lags + 1):
        both = centred[:, lag:] @ centred[:, :-lag].T
        found += (1.0 - lag / (lags + 1.0)) * (both + both.T)
    return np.asarray(found)


def _sandwiched(roots: Roots, change: Floats) -> Floats:
    """(6, n) upper triangle of L⁻¹ C L⁻ᵀ for (6, n) changes C of the covariances."""
    whole = np.empty((3, 3, change.shape[1]))
    whole[_ROWS, _COLUMNS] = change
    whole[_COLUMNS, _ROWS] = change
    once = roots.whiten(whole)
    return roots.whiten(np.ascontiguousarray(np.swapaxes(once, 0, 1)))[_ROWS, _COLUMNS]


def _product(flat: Floats, weights: NDArray[np.float64]) -> Floats:
    size = len(flat)
    return np.asarray((flat * weights).reshape(size, -1) @ flat.reshape(size, -1).T)
