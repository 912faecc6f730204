"""The mean-reverting system that explains a history best, and how sure each of its numbers is. Reads no memory.

Maximum likelihood with weak priors, climbed by Fisher scoring. K, S and the noise D are made from numbers that are free
to be anything, so that what fades by itself is not a condition to be checked but the only thing that can come out: for
any positive definite S and D and any skew J, K = (D / 2 + J) S⁻¹ solves K S + S K' = D, and by Lyapunov's theorem every
eigenvalue of it has a positive real part; and every stable system can be written so.

Feelings that a model reads are misread, and the shortest gaps then look as if feelings faded within them. So a longer
history is fitted with errors of reading too, and the smaller BIC decides whether there are any.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.special import expit

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.dynamics.likelihood import Seen, Slope, System, profile, slope
from quantum_memory.memory.affect.dynamics.reverting import Reverting, half_lives
from quantum_memory.memory.affect.dynamics.series import AXES, Steps
from quantum_memory.types import Floats

Shape = Literal["axes", "coupled"]
LEAST_STEPS: dict[Shape, int] = {"axes": 8, "coupled": 40}
"""Steps from one feeling to the next that a fit needs: 12 and 27 numbers come out, of three per step."""
LEAST_HEARD = 4
LEAST_READ = 40
"""Steps from which on errors of reading are looked for."""
RATIOS = (-3.0, -1.0, 0.5)
"""Logarithms of the variance of readings over that of feelings from which the best one to begin with is taken."""
MOST_MISREAD = 0.999
"""Of the variance of what was seen, in any direction."""
LEAST_VARIANCE = 1e-8
PRIOR_WIDTH = 3.0
"""Standard deviation of the logarithms of rates and spreads about their first guess: factors of e³ = 20 are nothing
unusual. It tells only where the history does not, as with feelings that were all gone when the next one came."""
LINEAR_PRECISION = 1.0
"""Of mu and B about 0: a feeling rests within the cube, and a push does not outgrow what pushed."""
STEP = 1e-6
DAMPING = 1e-3
LONGEST_STEP = 2.0
ROUNDS = 60
DECREMENT = 1e-5
"""The climb ends when the next step would gain less log likelihood than this, or than rounding takes from so many."""
ROUNDING = 1e-9
NEAR = 1.0
"""A step that gains less leads from within a standard error of the top to the top itself, as far as a long history can
tell (Le Cam's one step), and the curvature on its way is that of the top."""
SAMPLE = 4000
"""Of a longer history the climb first takes so many steps, drawn at random, and all of them for the last rounds."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A system, and what a reader must know to believe it.

    Attributes:
        model: the system.
        shape: "axes" if each axis minds itself alone, "coupled" if they mind each other.
        rest_error, pull_error, push_error, spread_error: standard errors, of the shapes of the model's own.
        half_life_error: (3,) standard errors of the logarithms of the half-lives.
        reading_error: (3,) standard errors of the deviations of what is read about what is felt.
        log_likelihood: of the steps given their beginnings, by weight; PADs per unit.
        parameters: how many numbers were fitted.
        steps, heard: how many steps and feelings of others it comes from.
    """

    model: Reverting
    shape: Shape
    rest_error: Floats
    pull_error: Floats
    push_error: Floats
    spread_error: Floats
    half_life_error: Floats
    reading_error: Floats
    log_likelihood: float
    parameters: int
    steps: int
    heard: int

    @property
    def bic(self) -> float:
        """Schwarz's criterion: the smaller the better."""
        return self.parameters * math.log(self.steps) - 2.0 * self.log_likelihood


def fit(steps: Steps, shape: Shape | None = None, *, moved: bool | None = None) -> Fit:
    """The system that explains the steps best.

    Args:
        steps: of one person, with what others felt.
        shape: "axes", "coupled", or whichever has the smaller BIC when left out.
        moved: whether to look for pushes; when left out, if there is anything that pushes.

    Raises: InvalidValue for a history that is too short or does not change, or has too little of others' feelings.
    """
    if shape is not None and shape not in get_args(Shape):
        raise InvalidValue("shape", repr(shape), " or ".join(get_args(Shape)))
    pushed = len(steps.kick_step) > 0 if moved is None else moved
    _check(steps, shape or "axes", pushed)
    axes = _fitted(steps, _axes(steps, pushed))
    if len(steps) >= LEAST_READ:
        misread = _fitted(steps, _axes(steps, pushed, misread=True))
        axes = misread if misread.bic < axes.bic else axes
    if shape == "axes" or (shape is None and len(steps) < LEAST_STEPS["coupled"]):
        return axes
    space = _coupled(axes.model, pushed, Seen.of(steps) if pushed else None)
    if shape is None and _hopeless(steps, space, axes):
        return axes
    coupled = _fitted(steps, space)
    return coupled if shape == "coupled" or coupled.bic < axes.bic else axes


def _hopeless(steps: Steps, space: _Space, axes: Fit) -> bool:
    """Whether a long history says from where it stands that freeing more numbers will not pay (Rao's score test).

    The gain that the first step promises is off by a part that falls with the length; half of it is left open.
    """
    if len(steps) <= SAMPLE:
        return False
    linear = profile(space.made(space.start), steps, LINEAR_PRECISION).linear
    found = _slope(steps, space, space.start, linear)
    _, gain = _step(space, space.start, found, linear, 0.0)
    more = len(space.start) + len(linear) - axes.parameters
    return gain < 0.5 * more * math.log(len(steps))


def _check(steps: Steps, shape: Shape, pushed: bool) -> None:
    least = LEAST_STEPS[shape]
    if len(steps) < least:
        raise InvalidValue("history", f"{len(steps) + 1} own feelings at different times", f"at least {least + 1}")
    for axis, name in enumerate(AXES):
        felt = steps.after[:, axis]
        if float(felt.var()) < LEAST_VARIANCE:
            raise InvalidValue("history", f"a {name} of {felt[0]:g} throughout", f"a {name} that changes")
    if pushed and len(steps.kick_step) < LEAST_HEARD:
        raise InvalidValue("history", f"{len(steps.kick_step)} feelings of the other in between", f"{LEAST_HEARD}")


@dataclass(frozen=True, slots=True, eq=False)
class _Space:
    """Free numbers that make a system, and where the search begins.

    Attributes:
        shape: what comes of it.
        start: (q,) where the climb begins.
        made: the system of (q,) numbers.
    """

    shape: Shape
    start: Floats
    made: Callable[[Floats], System]

    def penalty(self, theta: Floats) -> float:
        return 0.5 * float(np.square((theta - self.start) / PRIOR_WIDTH).sum())


def _axes(steps: Steps, moved: bool, *, misread: bool = False) -> _Space:
    """Six numbers: the logarithms of a rate and of a spread for each axis. Nine with those of R over the variance."""

    def made(theta: Floats) -> System:
        variance = np.exp(2.0 * theta[3:6])
        reading = np.zeros(3)
        if misread:
            # No more than all of what was seen is misread.
            reading = variance * np.exp(theta[6:]) if seen is None else np.diag(seen.covariance) * expit(theta[6:])
        pull = np.diag(np.exp(theta[:3]))
        return System(pull, np.diag(variance), coupled=False, moved=moved, reading=reading, seen=seen)

    seen = None
    if misread and moved:
        found = Seen.of(steps)
        seen = Seen(np.diag(np.diag(found.covariance)), found.centre)

    spread = 0.5 * np.log(np.maximum(steps.after.var(axis=0), LEAST_VARIANCE))
    drawn = _drawn(steps)
    low, high = math.log(0.1 / float(steps.gap_s.sum())), math.log(10.0 / float(np.quantile(steps.gap_s, 0.05)))
    tried = [np.concatenate([np.full(3, rate), spread]) for rate in np.linspace(low, high, 12)]
    if misread:
        tried = [np.concatenate([one, np.full(3, ratio)]) for one in tried for ratio in RATIOS]
    best = max(tried, key=lambda theta: profile(made(theta), drawn, LINEAR_PRECISION).penalised)
    return _Space("axes", best, made)


def _coupled(begin: Reverting, moved: bool, seen: Seen | None = None) -> _Space:
    """Fifteen numbers about a system, eighteen where it is misread.

    They are triangles that stretch its spread and its noise, what turns, and what stretches R.

    S = L C C' L', D = M F F' M', K = (D / 2 + M J M') S⁻¹ with L L' and M M' the spread and the noise to begin with.
    """
    spread_root, noise_root = np.linalg.cholesky(begin.spread), np.linalg.cholesky(begin.noise)

    def made(theta: Floats) -> System:
        S = _square(spread_root @ _triangle(theta[:6]))
        D = _square(noise_root @ _triangle(theta[6:12]))
        skew = np.zeros((3, 3))
        skew[(0, 0, 1), (1, 2, 2)] = theta[12:15]
        turning = noise_root @ (skew - skew.T) @ noise_root.T
        pull = np.asarray(np.linalg.solve(S, (0.5 * D + turning).T).T, dtype=np.float64)
        reading = begin.reading * np.exp(theta[15:]) if len(theta) > 15 else begin.reading
        if seen is not None:
            # What is left of what was seen stays a covariance.
            share = float(np.linalg.eigvals(np.linalg.solve(seen.covariance, np.diag(reading))).real.max())
            reading = reading / max(1.0, share / MOST_MISREAD)
        return System(pull, S, coupled=True, moved=moved, reading=reading, seen=seen)

    return _Space("coupled", np.zeros(18 if begin.reading.any() else 15), made)


def _triangle(numbers: Floats) -> Floats:
    triangle = np.diag(np.exp(numbers[:3]))
    triangle[(1, 2, 2), (0, 0, 1)] = numbers[3:]
    return triangle


def _square(root: Floats) -> Floats:
    return np.asarray(root @ root.T)


def _drawn(steps: Steps) -> Steps:
    """The steps, or some of them where there are many. The same ones each time."""
    if len(steps) <= SAMPLE:
        return steps
    chosen = np.sort(np.random.default_rng(0).choice(len(steps), SAMPLE, replace=False))
    return steps.take(chosen)


def _fitted(steps: Steps, space: _Space) -> Fit:
    begin = space.start
    drawn = _drawn(steps)
    if drawn is not steps:
        begin, _ = _climbed(drawn, space, begin)
    theta, found = _climbed(steps, space, begin)
    return _told(steps, space, theta, found)


def _climbed(steps: Steps, space: _Space, theta: Floats) -> tuple[Floats, Slope]:
    """The top, by Fisher scoring with Levenberg's damping, and the slope there."""
    damping = DAMPING
    here = profile(space.made(theta), steps, LINEAR_PRECISION)
    height = here.penalised - space.penalty(theta)
    for _ in range(ROUNDS):
        found = _slope(steps, space, theta, here.linear)
        step, gain = _step(space, theta, found, here.linear, damping)
        if gain < max(DECREMENT, ROUNDING * abs(height)):
            return theta, found
        while damping < 1e12:
            there = theta + step * min(1.0, LONGEST_STEP / float(np.abs(step).max()))
            try:
                next_ = profile(space.made(there), steps, LINEAR_PRECISION)
                reached = next_.penalised - space.penalty(there)
            except np.linalg.LinAlgError:
                reached = -math.inf  # so far away a covariance is singular: the step was too long
            if math.isfinite(reached) and reached > height:
                break
            damping *= 8.0
            step, _ = _step(space, theta, found, here.linear, damping)
        else:
            return theta, found  # no step of any size leads up: rounding is all that is left
        theta, here, height = there, next_, reached
        if gain < NEAR and len(steps) > SAMPLE:
            return theta, found
        damping = max(1e-9, damping / 10.0)
    return theta, _slope(steps, space, theta, here.linear)


def _slope(steps: Steps, space: _Space, theta: Floats, linear: Floats) -> Slope:
    nearby = [space.made(theta + STEP * unit) for unit in np.eye(len(theta))]
    return slope(space.made(theta), nearby, STEP, linear, steps)


def _precision(space: _Space, linear: Floats) -> Floats:
    """(q + p,) of the priors."""
    return np.concatenate([np.full(len(space.start), PRIOR_WIDTH**-2), np.full(len(linear), LINEAR_PRECISION)])


def _step(space: _Space, theta: Floats, found: Slope, linear: Floats, damping: float) -> tuple[Floats, float]:
    """The step for the free numbers, and twice what it should gain. Mu and B follow by themselves."""
    precision = _precision(space, linear)
    uphill = found.score - precision * np.concatenate([theta - space.start, linear])
    curved = found.information + np.diag(precision)
    curved[np.diag_indices_from(curved)] *= 1.0 + damping
    whole = np.linalg.solve(curved, uphill)
    return whole[: len(theta)], float(uphill @ whole)


def _told(steps: Steps, space: _Space, theta: Floats, found: Slope) -> Fit:
    """The fit with its errors: the sandwich of the information, carried over to the numbers that are told."""
    system = space.made(theta)
    best = profile(system, steps, LINEAR_PRECISION)
    precision = np.diag(_precision(space, best.linear))
    bread = np.linalg.inv(found.information + precision)
    covariance = bread @ (found.doubled + precision) @ bread
    count = len(theta)
    slopes = np.stack([(_natural(space, theta, unit) - _natural(space, theta, -unit)) / 2e-5 for unit in np.eye(count)])
    errors = np.sqrt(np.maximum(np.einsum("qn,qr,rn->n", slopes, covariance[:count, :count], slopes), 0.0))
    linear_errors = np.sqrt(np.maximum(np.diagonal(covariance)[count:], 0.0))
    push, push_error = np.zeros((3, 3)), np.zeros((3, 3))
    for index, entry in enumerate(system.pushes, start=3):
        push[entry], push_error[entry] = best.linear[index], linear_errors[index]
    return Fit(
        model=Reverting(best.linear[:3], system.pull, push, system.spread, system.reading),
        shape=space.shape,
        rest_error=linear_errors[:3],
        pull_error=errors[:9].reshape(3, 3),
        push_error=push_error,
        spread_error=errors[9:18].reshape(3, 3),
        half_life_error=errors[18:21],
        reading_error=errors[21:],
        log_likelihood=best.log_likelihood,
        parameters=count + len(best.linear),
        steps=len(steps),
        heard=len(steps.kick_step) if system.moved else 0,
    )


def _natural(space: _Space, theta: Floats, unit: Floats) -> Floats:
    """(24,) K, S, logarithms of the half-lives and deviations of readings, a little off along a free number."""
    system = space.made(theta + 1e-5 * unit)
    logs, read = np.log(half_lives(system.pull)), np.sqrt(system.reading)
    return np.concatenate([system.pull.ravel(), system.spread.ravel(), logs, read])
