"""Feelings that go back to rest: a linear stochastic system with pushes from outside. Fits nothing, reads no memory.

    dx = -K (x - mu) dt + B u(t) dt + noise,     u(t) = sum of u_j delta(t - s_j)

x is a PAD, mu where it rests, K (1/s) how it is pulled back, u_j what another feels at s_j, B how far that moves x. It
is the multivariate process of Uhlenbeck and Ornstein (1930) with impulses, solved over any gap in closed form:

    x(t) | x(0) ~ N(mu + E(t) (x(0) - mu) + sum_j E(t - s_j) B u_j,  S - E(t) S E(t)'),     E(t) = exp(-K t)

where S, the spread in the long run, solves K S + S K' = D and D dt is the covariance of the noise (Gardiner, Handbook
of Stochastic Methods, 4.4.6). What is read is x with an error of its own, N(0, R), R diagonal. PADs end at the walls of
the cube; the model does not know that: predictions are clipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue, NotFinite, ShapeMismatch
from quantum_memory.memory.affect.dynamics.series import LATEST_S, Row, Series
from quantum_memory.types import PAD, Floats

WORST_BASIS = 1e6
"""Condition of the eigenvectors of K beyond which exponentials are not taken through them."""
LATEST_HALF = 64.0
"""Longest half-life that is looked for, in units of 1 / the slowest rate."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will be felt: its mean, clipped to the cube, and the standard deviation on each axis before clipping."""

    pad: PAD
    spread: tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Reverting:
    """The system. Every eigenvalue of K has a positive real part: whatever is felt fades.

    Attributes:
        rest: (3,) mu.
        pull: (3, 3) K per second.
        push: (3, 3) B: column b is what one unit of the other's axis b does.
        spread: (3, 3) S, symmetric and positive definite. The noise D that keeps it up must be so as well.
        reading: (3,) the diagonal of R: the variance of what is read about what is felt.

    Raises: ShapeMismatch, NotFinite; InvalidValue for a system that does not go back to rest.
    """

    rest: Floats
    pull: Floats
    push: Floats
    spread: Floats
    reading: Floats = field(default_factory=lambda: np.zeros(3))

    def __post_init__(self) -> None:
        three, square = (3,), (3, 3)
        shapes = {"rest": three, "pull": square, "push": square, "spread": square, "reading": three}
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values.shape != shape:
                raise ShapeMismatch(name, shape, values.shape)
            if not np.isfinite(values).all():
                raise NotFinite(name, float(values[~np.isfinite(values)][0]))
        if (self.reading < 0.0).any():
            raise InvalidValue("reading", f"{self.reading.min():g}", "variances of 0 or more")
        slowest = float(np.linalg.eigvals(self.pull).real.min())
        if slowest <= 0.0:
            raise InvalidValue("pull", f"an eigenvalue of real part {slowest:g}", "eigenvalues of positive real part")
        for name, matrix in (("spread", self.spread), ("noise", self.noise)):
            least = float(np.linalg.eigvalsh((matrix + matrix.T) / 2.0).min())
            if least < -1e-9 * float(np.abs(matrix).max()):
                raise InvalidValue(name, f"an eigenvalue of {least:g}", "a positive definite matrix")

    @property
    def noise(self) -> Floats:
        """(3, 3) D, the covariance of the noise per second."""
        return np.asarray(self.pull @ self.spread + self.spread @ self.pull.T)

    @property
    def modes(self) -> tuple[tuple[float, float | None], ...]:
        """Half-life and period in seconds of each way to fade, slowest first; no period where nothing swings."""
        values = np.linalg.eigvals(self.pull)
        order = np.argsort(values.real, kind="stable")
        return tuple(
            (float(np.log(2.0) / one.real), float(2.0 * np.pi / abs(one.imag)) if one.imag else None)
            for one in values[order]
        )

    def half_lives_s(self) -> Floats:
        """(3,) seconds until half of a feeling on an axis alone is left on that axis: first t with E(t)_aa = 1/2."""
        return half_lives(self.pull)

    def kept(self, seconds: Floats) -> Floats:
        """(n, 3, 3) E(t) for (n,) times."""
        return decays(self.pull, np.asarray(seconds, dtype=np.float64))

    def forecast(self, now: PAD, after_s: float, heard: Sequence[tuple[float, PAD]] = ()) -> Forecast:
        """What is felt ``after_s`` seconds from now, if the other feels ``heard``: seconds from now, and the PADs.

        Raises: OutOfRange, also for something heard later than that.
        """
        return self._ahead(np.asarray(now, dtype=np.float64), np.zeros((3, 3)), after_s, heard)

    def forecast_read(self, read: PAD, after_s: float, heard: Sequence[tuple[float, PAD]] = ()) -> Forecast:
        """The same where the feeling now was read, with an error: what is expected of it is nearer to rest.

        Raises: as ``forecast``.
        """
        known = trust(self.spread, self.reading)
        felt = self.rest + known @ (np.asarray(read, dtype=np.float64) - self.rest)
        return self._ahead(felt, self.spread - known @ self.spread, after_s, heard)

    def _ahead(self, now: Floats, doubt: Floats, after_s: float, heard: Sequence[tuple[float, PAD]]) -> Forecast:
        """From a feeling (3,) that is known up to a covariance (3, 3)."""
        bounded("after_s", after_s, 0.0, LATEST_S)
        lags = np.array([after_s - bounded("heard", at_s, 0.0, after_s) for at_s, _ in heard], dtype=np.float64)
        kept = self.kept(np.array([after_s]))[0]
        mean = self.rest + kept @ (now - self.rest)
        for left, (_, pad) in zip(self.kept(lags), heard, strict=True):
            mean = mean + left @ self.push @ np.asarray(pad, dtype=np.float64)
        spread = np.sqrt(np.maximum(np.diagonal(self.spread - kept @ (self.spread - doubt) @ kept.T), 0.0))
        pleasure, arousal, dominance = np.clip(mean, -1.0, 1.0).tolist()
        return Forecast(PAD(pleasure, arousal, dominance), (float(spread[0]), float(spread[1]), float(spread[2])))

    def simulated(
        self,
        at_s: Floats,
        seed: int,
        who: str = "self",
        others: Series | None = None,
    ) -> Series:
        """Readings drawn at (n,) times, never falling, beginning from the spread in the long run; others' among them.

        Exact over any gap: no small steps. PADs are clipped to the cube, the path that is drawn is not.
        """
        heard = Series.of([]) if others is None else others
        chance = np.random.default_rng(seed)
        state = self.rest + _root(self.spread) @ chance.standard_normal(3)
        clock = float(at_s[0]) if len(at_s) else 0.0
        rows: list[Row] = []
        # A push at the time of an own feeling comes before it.
        times = [(float(at), 0, index) for index, at in enumerate(heard.at_s)] + [(float(at), 1, 0) for at in at_s]
        for at, mine, index in sorted(times):
            if at >= clock:
                state, clock = self._moved(state, at - clock, chance), at
            if mine:
                rows.append(Row(at, _clipped(self._read(state, chance)), 1.0, who))
                continue
            rows.append(Row(at, PAD(*heard.pads[index].tolist()), float(heard.confidences[index]), heard.who[index]))
            if at >= clock:
                state = state + self.push @ heard.pads[index]
        return Series.of(rows)

    def _read(self, state: Floats, chance: np.random.Generator) -> Floats:
        return state + np.sqrt(self.reading) * chance.standard_normal(3) if self.reading.any() else state

    def _moved(self, state: Floats, passed_s: float, chance: np.random.Generator) -> Floats:
        kept = self.kept(np.array([passed_s]))[0]
        left = _root(self.spread - kept @ self.spread @ kept.T)
        return np.asarray(self.rest + kept @ (state - self.rest) + left @ chance.standard_normal(3))


def trust(spread: Floats, reading: Floats) -> Floats:
    """(3, 3) G = S (S + R)⁻¹: how much of what is read is felt, in the mean; the unit matrix if nothing is misread."""
    if not reading.any():
        return np.eye(3)
    return np.asarray(np.linalg.solve(spread + np.diag(reading), spread).T)


def decays(pull: Floats, seconds: Floats) -> Floats:
    """(n, 3, 3) exp(-pull t) for (n,) times: through the eigenvectors where these are a fair basis."""
    values, basis = np.linalg.eig(pull)
    if np.linalg.cond(basis) > WORST_BASIS:
        return np.asarray(scipy.linalg.expm(-pull * seconds[:, None, None]))
    mixed = np.einsum("ak,kb->kab", basis, np.linalg.inv(basis)).reshape(3, 9)
    return np.asarray((np.exp(-seconds[:, None] * values) @ mixed).real.reshape(-1, 3, 3))


def half_lives(pull: Floats) -> Floats:
    """(3,) first times at which exp(-pull t)_aa is 1/2: on a grid, on a finer one there, and a line in between."""
    slowest = float(np.linalg.eigvals(pull).real.min())
    grid = np.concatenate([[0.0], np.geomspace(1e-6, LATEST_HALF, 511)]) / slowest
    left = np.diagonal(decays(pull, grid), axis1=1, axis2=2)
    found = np.empty(3)
    for axis in range(3):
        below = np.flatnonzero(left[:, axis] <= 0.5)
        at = int(below[0]) if len(below) else len(grid) - 1
        fine = np.linspace(grid[at - 1], grid[at], 129)
        there = decays(pull, fine)[:, axis, axis]
        crossed = np.flatnonzero(there <= 0.5)
        end = int(crossed[0]) if len(crossed) and crossed[0] else len(fine) - 1
        part = (there[end - 1] - 0.5) / (there[end - 1] - there[end]) if there[end - 1] != there[end] else 1.0
        found[axis] = fine[end - 1] + min(1.0, max(0.0, part)) * (fine[end] - fine[end - 1])
    return found


def _root(covariance: Floats) -> Floats:
    """A matrix whose square is the covariance, also where that is 0 in some direction."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2.0)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _clipped(state: NDArray[np.float64]) -> PAD:
    pleasure, arousal, dominance = np.clip(state, -1.0, 1.0).tolist()
    return PAD(pleasure, arousal, dominance)
