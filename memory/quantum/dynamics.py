"""How an amplitude changes with time: free flight and a pull to rest. Splits no core itself.

Dimensionless units with ħ = 1. The Hamiltonian is a sum over the axes, so the evolution is a product over them: each
axis takes all its steps on one dense block (``blocks``), and the train is split into cores once, at the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from reprlib import repr as short
from typing import Any, NamedTuple

import numpy as np

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue, OutOfRange
from quantum_memory.memory.quantum import blocks as dense
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.engines import engine_of
from quantum_memory.memory.quantum.grid import AXES, MAX_PADDING, Grid
from quantum_memory.memory.quantum.packet import Triple, triple
from quantum_memory.memory.quantum.state import MAX_BOND, MIN_FIDELITY, QuantumState, checked_state
from quantum_memory.types import Floats

MAX_STRENGTH = 1e6
MIN_MASS, MAX_MASS = 1e-3, 1e6
MAX_TIME = 1e6
MAX_STEPS = 100_000
MAX_WRAPPED = 0.01
BORDER_PLACES = 64
"""How many distances from the border the estimate of what wraps tries."""


@dataclass(frozen=True, slots=True)
class Pull:
    """The forces on a mood: V(x) = Σ stiffness/2 (x - rest)² + quartic/4 (x - rest)⁴, one term per axis.

    Attributes:
        rest: (3,) the PAD that the mood is drawn to, each in [-1, 1].
        stiffness: (3,) k of the harmonic part, each in [0, 10⁶]. A packet swings with the frequency √(k / mass).
        quartic: (3,) q of the anharmonic part, each in [0, 10⁶].
        mass: inertia, in [10⁻³, 10⁶]. A packet of momentum p moves at p / mass, and a heavy one spreads slowly.

    Raises: ShapeMismatch, NotFinite, OutOfRange, InvalidValue.
    """

    rest: Triple
    stiffness: Triple
    quartic: Triple = (0.0, 0.0, 0.0)
    mass: float = 1.0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("rest", -1.0, 1.0),
            ("stiffness", 0.0, MAX_STRENGTH),
            ("quartic", 0.0, MAX_STRENGTH),
        ):
            values = triple(name, getattr(self, name))
            for axis, value in zip(AXES, values, strict=True):
                bounded(f"{name} of {axis}", value, low, high)
            object.__setattr__(self, name, values)
        object.__setattr__(self, "mass", bounded("mass", self.mass, MIN_MASS, MAX_MASS))

    @classmethod
    def free(cls, mass: float = 1.0) -> Pull:
        """No force at all: packets fly along their momentum and spread. Raises: what ``Pull`` raises."""
        return cls((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), mass=mass)

    def is_free(self, axis: int) -> bool:
        """Whether nothing pulls along that axis."""
        return self.stiffness[axis] == 0.0 and self.quartic[axis] == 0.0

    def potential(self, axis: int, points: Floats) -> Floats:
        """(n,) V at the points (n,) of an axis."""
        away = points - self.rest[axis]
        return self.stiffness[axis] / 2.0 * away**2 + self.quartic[axis] / 4.0 * away**4

    def force(self, axis: int, points: Floats) -> Floats:
        """(n,) -dV/dx at the points (n,) of an axis."""
        away = points - self.rest[axis]
        return -self.stiffness[axis] * away - self.quartic[axis] * away**3


class Evolved(NamedTuple):
    """What an evolution came to.

    Attributes:
        state: on the grid of the state that was given, of norm 1.
        fidelity: what the truncation to small bonds kept of the evolved amplitude inside the grid; exact.
        escaped: the share of the probability that ended outside the grid and was cut away, in [0, 1).
        norm: the norm after the steps over that before, ahead of the cut: 1 but for rounding.
        wrapped: an estimate of the probability that went over the border of the padded grid and came back on the other
            side, in position or in momentum, summed over the steps. That part of the result is wrong. It is taken as
            classical particles fly, and from above, so it misses what only waves do: some 10⁻⁵ at most in trials with
            amplitudes that the border of their cube cuts off.
        steps: how many Strang steps an axis with a force took; a free axis takes one, which is exact.
    """

    state: QuantumState
    fidelity: float
    escaped: float
    norm: float
    wrapped: float
    steps: int


def evolve(
    state: QuantumState,
    pull: Pull,
    time: float,
    steps: int = 1,
    *,
    padding: int = 1,
    max_bond: int = MAX_BOND,
    min_fidelity: float = MIN_FIDELITY,
    max_wrapped: float = MAX_WRAPPED,
) -> Evolved:
    """The state after ``time`` under Σ p²/2m + V(x), by Strang steps e^{-iV dt/2} e^{-iT dt} e^{-iV dt/2}.

    T is applied by a Fourier transform along each axis, on a cube doubled ``padding`` times. The error of the steps
    falls as dt² (amplitude); a free axis has none. A negative time goes back.

    Args:
        state: of any norm but 0.
        pull: the force and the mass.
        time: dimensionless (ħ = 1), in [-10⁶, 10⁶].
        steps: 1 to 100,000.
        padding: how often the cube is doubled for the flight, 0 to 2.
        max_bond: as for ``QuantumState.compress``, applied once, at the end.
        min_fidelity: likewise.
        max_wrapped: the most of ``Evolved.wrapped`` to accept, in [0, 1]. An amplitude that is cut off sharply at the
            border of its cube holds all momenta, so some of it always wraps: the later and the lighter, the more.

    Raises: InvalidValue, NotFinite; OutOfRange for an argument outside its limits, for the zero vector, for a block
        of over 2^26 amplitudes, for more than ``max_wrapped``, and if nothing is left inside the grid.
    Source: Feit, Fleck and Steiger (1982); Strang (1968).
    """
    span = bounded("time", time, -MAX_TIME, MAX_TIME)
    whole("steps", steps, 1, MAX_STEPS)
    whole("padding", padding, 0, MAX_PADDING)
    bounded("max_wrapped", max_wrapped, 0.0, 1.0)
    dense.check_truncation(max_bond, min_fidelity)
    grid = _checked(state, pull).padded(padding)
    parts = dense.at_norm_one(state.grid, state.cores, padding)
    before = dense.norm_of(parts[0])
    wrapped = 0.0
    for axis in range(len(AXES)):
        line = _Line.of(grid, axis, pull, span, steps, parts[axis])
        parts[axis], share = _flown(dense.widened(parts[axis], padding), line)
        wrapped += share
        if axis + 1 < len(AXES):
            parts[axis], parts[axis + 1] = dense.passed_right(parts[axis], parts[axis + 1])
    after = dense.norm_of(parts[-1])
    wrapped = min(1.0, wrapped)
    if wrapped > max_wrapped:
        raise OutOfRange("probability that wraps around (pad more, or evolve for less time)", wrapped, 0, max_wrapped)
    inside = [dense.middle(part, padding) for part in parts]
    small = dense.split(inside, state.grid.bits, max_bond, min_fidelity)
    return Evolved(
        state=QuantumState(state.grid, tuple(small.cores)),
        fidelity=small.fidelity,
        escaped=max(0.0, 1.0 - (small.norm / after) ** 2),
        norm=after / before,
        wrapped=wrapped,
        steps=steps,
    )


def energy(state: QuantumState, pull: Pull, *, padding: int = 1) -> float:
    """⟨p²/2m + V⟩ of the state over ⟨ψ|ψ⟩, with p by Fourier transform on the cube doubled ``padding`` times.

    Raises: InvalidValue; OutOfRange for a padding outside 0 to 2, for the zero vector, and for a block of over 2^26
        amplitudes.
    """
    whole("padding", padding, 0, MAX_PADDING)
    grid = _checked(state, pull).padded(padding)
    parts = dense.at_norm_one(state.grid, state.cores, padding)
    total = 0.0
    for axis in range(len(AXES)):
        block = dense.widened(parts[axis], padding)
        places, waves = host(_density(block)), host(_density(engine_of(block).fft(block, axis=1)))
        total += float(pull.potential(axis, grid.points(axis)) @ places / places.sum())
        total += float(_wave_numbers(grid, axis) ** 2 @ waves / waves.sum()) / (2.0 * pull.mass)
        if axis + 1 < len(AXES):
            _, parts[axis + 1] = dense.passed_right(parts[axis], parts[axis + 1])
    return total


def _checked(state: object, pull: object) -> Grid:
    """The grid of the state. Raises: InvalidValue for what is no state or no pull."""
    if not isinstance(pull, Pull):
        raise InvalidValue("pull", short(pull), "a Pull")
    return checked_state(state).grid


class _Line(NamedTuple):
    """What a Strang step does along one axis: (n, 1) phases, and (d, n) masks that tell what may wrap.

    ``near`` and ``far_flung`` are for the same d distances: near the border in position by less than it, and flung
    further than it by a step; ``fast`` and ``kicked`` likewise for momentum.
    """

    steps: int
    half_kick: Array | None
    kick: Array | None
    flight: Array
    near: Array
    flung: Array
    fast: Array
    kicked: Array

    @classmethod
    def of(cls, grid: Grid, axis: int, pull: Pull, time: float, steps: int, like: Array) -> _Line:
        """For one axis of a padded grid, in the module and at the precision of the block ``like``."""
        xp, real = module_of(like), like.real.dtype
        points, waves = grid.points(axis), _wave_numbers(grid, axis)
        free = pull.is_free(axis)
        count = 1 if free else steps
        dt = time / count
        phases = pull.potential(axis, points) * dt

        def column(angles: Floats) -> Array:
            return xp.asarray(np.exp(-1j * angles)[:, None], dtype=like.dtype)

        def mask(truth: Any) -> Array:
            return xp.asarray(truth.astype(np.float64), dtype=real)

        reach = _distances(grid.spacing[axis], grid.half_edge)
        swing = _distances(math.pi / grid.half_edge, math.pi / grid.spacing[axis])
        return cls(
            steps=count,
            half_kick=None if free else column(phases / 2.0),
            kick=None if free else column(phases),
            flight=column(waves**2 / (2.0 * pull.mass) * dt),
            near=mask(np.abs(points) > grid.half_edge - reach),
            flung=mask(np.abs(waves * dt / pull.mass) > reach),
            fast=mask(np.abs(waves) > math.pi / grid.spacing[axis] - swing),
            kicked=mask(np.abs(pull.force(axis, points) * dt) > swing),
        )


def _flown(block: Array, line: _Line) -> tuple[Array, float]:
    """The block after all steps, and the share of its probability that may have wrapped in them.

    Whatever is flung over the border by a step was either within a distance d of it or flung further than d, for
    every d; the d for which the two together are least is the estimate, and likewise for momentum.
    """
    engine = engine_of(block)
    wrapped = 0.0
    if line.half_kick is not None:
        block = block * line.half_kick
    for step in range(line.steps):
        waves = engine.fft(block, axis=1)
        places, speeds = _shares(block), _shares(waves)
        for one, other in ((line.near, line.flung), (line.kicked, line.fast)):
            wrapped += float((one @ places + other @ speeds).min())
        block = engine.ifft(waves * line.flight, axis=1)
        if line.kick is not None:
            block = block * (line.kick if step + 1 < line.steps else line.half_kick)
    return block, wrapped


def _distances(least: float, most: float) -> Floats:
    """(d, 1) distances from a border: 0, and from one cell to the middle."""
    return np.concatenate(([0.0], np.geomspace(least, most, BORDER_PLACES - 1)))[:, None]


def _density(block: Array) -> Array:
    """(n,) the squared norm of the block at each of its points."""
    return (block.real**2 + block.imag**2).sum(axis=(0, 2))


def _shares(block: Array) -> Array:
    density = _density(block)
    return density / density.sum()


def _wave_numbers(grid: Grid, axis: int) -> Floats:
    """(n,) the momenta of the Fourier transform along an axis, in its order."""
    return np.asarray(2.0 * np.pi * np.fft.fftfreq(grid.shape[axis], grid.spacing[axis]), dtype=np.float64)
