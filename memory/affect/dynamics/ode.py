"""Feelings that follow a learnt vector field: a neural ordinary differential equation. Needs torch and torchdiffeq.

dx/dt = f(x, u), f a small network of the PAD x and of what others feel per unit of time u, spread evenly over the step
into which it falls. Solved by dopri5 (Dormand and Prince, 1980) with torchdiffeq, through which it is trained (Chen et
al., Neural Ordinary Differential Equations, 2018). It may bend as the linear model cannot: cycles, two places of rest.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import CorruptRecord, InvalidValue, MissingDependency, ShapeMismatch
from quantum_memory.memory.affect.dynamics.reverting import Forecast
from quantum_memory.memory.affect.dynamics.series import LATEST_S, Steps
from quantum_memory.types import PAD, Floats

RTOL = 1e-3
ATOL = 1e-4
LONGEST = 30.0
"""Units of time that are followed at most: what lies further back has no say in a feeling any more."""
HELD_OUT = 0.2
"""The share of the steps, the last ones, by which the best round of training is chosen."""
LEAST_STEPS = 32
RATE = 1e-2
NOISE_TIMES = tuple(np.geomspace(0.05, 50.0, 40).tolist())
LEAST_NOISE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class NeuralDynamics:
    """A trained field.

    Attributes:
        field: the network; takes (n, 6) float32 of x and u, gives (n, 3) per unit of time.
        unit_s: the unit of time: the median gap that it was trained on.
        noise: (3,) variance of what is left unexplained after a long time.
        noise_units: (3,) units of time in which that noise comes up: variance noise × (1 - exp(-2 t / units)).
    """

    field: torch.nn.Sequential
    unit_s: float
    noise: Floats
    noise_units: Floats

    def predicted(self, steps: Steps) -> Floats:
        """(n, 3) the PAD expected at the end of each step, given its beginning."""
        with torch.no_grad():
            return np.asarray(_solved(self.field, _Batch.of(steps, self.unit_s)).double().numpy())

    def variances(self, gap_s: Floats) -> Floats:
        """(n, 3) of what is felt (n,) seconds after something that is known."""
        units = np.asarray(gap_s, dtype=np.float64)[:, None] / self.unit_s
        return np.asarray(np.maximum(self.noise * -np.expm1(-2.0 * units / self.noise_units), LEAST_NOISE))

    def log_likelihood(self, steps: Steps) -> float:
        """Of the steps given their beginnings, each axis Gaussian, by weight."""
        variance = self.variances(steps.gap_s)
        squares = np.square(steps.after - self.predicted(steps)) / variance
        each = -0.5 * (squares + np.log(2.0 * math.pi * variance)).sum(axis=1)
        return float(steps.weights @ each)

    def forecast(self, now: PAD, after_s: float, heard: Sequence[tuple[float, PAD]] = ()) -> Forecast:
        """What is felt ``after_s`` seconds from ``now``, if the other feels ``heard`` until then, at any time of it.

        Raises: OutOfRange, also for something heard later than that.
        """
        bounded("after_s", after_s, 0.0, LATEST_S)
        lags = [after_s - bounded("heard", at_s, 0.0, after_s) for at_s, _ in heard]
        begin = np.asarray(now, dtype=np.float64)[None]
        if after_s == 0.0:
            return Forecast(now, (0.0, 0.0, 0.0))
        step = Steps(
            np.array([after_s]),
            begin,
            begin,
            np.ones(1),
            np.zeros(len(lags), dtype=np.intp),
            np.array(lags, dtype=np.float64),
            np.array([np.asarray(pad) for _, pad in heard], dtype=np.float64).reshape(-1, 3),
            0.0,
            begin[0],
        )
        pleasure, arousal, dominance = np.clip(self.predicted(step)[0], -1.0, 1.0).tolist()
        spread = np.sqrt(self.variances(np.array([after_s]))[0])
        return Forecast(PAD(pleasure, arousal, dominance), (float(spread[0]), float(spread[1]), float(spread[2])))

    def save(self, path: Path) -> None:
        """Write the weights as safetensors, with what else is needed in its header."""
        told = {"unit_s": self.unit_s, "noise": self.noise.tolist(), "noise_units": self.noise_units.tolist()}
        save_file(
            {name: one.contiguous() for name, one in self.field.state_dict().items()}, path, {"model": json.dumps(told)}
        )

    @classmethod
    def load(cls, path: Path) -> NeuralDynamics:
        """What ``save`` wrote. Raises: CorruptRecord for anything else."""
        try:
            with safe_open(path, framework="pt") as file:
                told = json.loads((file.metadata() or {})["model"])
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
            field = _network(weights["0.weight"].shape[0], 0)
            field.load_state_dict(weights)
            noise, units = np.array(told["noise"], dtype=np.float64), np.array(told["noise_units"], dtype=np.float64)
            if noise.shape != (3,) or units.shape != (3,):
                raise ShapeMismatch("noise", (3,), noise.shape)
            return cls(field.eval(), bounded("unit_s", told["unit_s"], 1e-9, LATEST_S), noise, units)
        except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise CorruptRecord(str(path), f"no weights of a neural ODE: {error}") from None


def trained(steps: Steps, *, seed: int = 0, rounds: int = 150, hidden: int = 24) -> NeuralDynamics:
    """A field that explains the steps: one step ahead, by least squares with the steps' weights.

    The same steps and seed give the same field on one machine. The last fifth of the steps is held out, and the round
    that was best on it is kept: that is what stops a network from learning the noise.

    Raises: InvalidValue for fewer than 32 steps, OutOfRange; MissingDependency without torchdiffeq.
    """
    _solver()
    whole("rounds", rounds, 1, 100_000)
    if len(steps) < LEAST_STEPS:
        raise InvalidValue("history", f"{len(steps)} steps", f"at least {LEAST_STEPS}")
    unit_s = float(np.median(steps.gap_s))
    cut = int(len(steps) * (1.0 - HELD_OUT))
    train, held = (_Batch.of(part, unit_s) for part in (steps.part(0, cut), steps.part(cut, len(steps))))
    field = _network(whole("hidden", hidden, 1, 4096), seed)
    optimiser = torch.optim.Adam(field.parameters(), lr=RATE)
    best, kept = math.inf, {name: one.clone() for name, one in field.state_dict().items()}
    for _ in range(rounds):
        optimiser.zero_grad()
        loss = _loss(field, train)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation here
        torch.nn.utils.clip_grad_norm_(field.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            away = float(_loss(field, held))
        if away < best:
            best, kept = away, {name: one.clone() for name, one in field.state_dict().items()}
    field.load_state_dict(kept)
    with torch.no_grad():
        residual = steps.after - _solved(field, _Batch.of(steps, unit_s)).double().numpy()
    noise, units = _noise(residual, steps.gap_s / unit_s, steps.weights)
    return NeuralDynamics(field.eval(), unit_s, noise, units)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Steps as tensors: (n, 3) before and after, (n, 3) what was heard per unit, (n, 1) gaps in units, (n,) weights."""

    before: torch.Tensor
    after: torch.Tensor
    heard: torch.Tensor
    gap: torch.Tensor
    weights: torch.Tensor

    @classmethod
    def of(cls, steps: Steps, unit_s: float) -> _Batch:
        gap = np.minimum(steps.gap_s / unit_s, LONGEST)[:, None]
        heard = np.zeros((len(steps), 3))
        np.add.at(heard, steps.kick_step, steps.kicks)
        parts = (steps.before, steps.after, heard / gap, gap, steps.weights)
        return cls(*(torch.as_tensor(part, dtype=torch.float32) for part in parts))


def _network(hidden: int, seed: int) -> torch.nn.Sequential:
    """Six in, three out, and a field that is small to begin with."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        out = torch.nn.Linear(hidden, 3)
        first = torch.nn.Linear(6, hidden)
    with torch.no_grad():
        out.weight.mul_(0.1)
        out.bias.zero_()
    return torch.nn.Sequential(first, torch.nn.Tanh(), out)


def _solved(field: torch.nn.Sequential, batch: _Batch) -> torch.Tensor:
    """(n, 3) where each step ends: all are followed over one unit, each at its own speed."""

    def flow(_: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        moved: torch.Tensor = field(torch.cat([x, batch.heard], dim=1))
        return batch.gap * moved

    ends = _solver()(flow, batch.before, torch.tensor([0.0, 1.0]), method="dopri5", rtol=RTOL, atol=ATOL)
    end: torch.Tensor = ends[1]
    return end


def _loss(field: torch.nn.Sequential, batch: _Batch) -> torch.Tensor:
    return (batch.weights[:, None] * (batch.after - _solved(field, batch)).square()).mean()


def _noise(residual: Floats, units: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """(3,) variance and (3,) time on each axis that make the residuals likeliest, the time from a grid."""
    shapes = -np.expm1(-2.0 * units[:, None] / np.array(NOISE_TIMES)) + 1e-9
    total = float(weights.sum())
    noise, times = np.empty(3), np.empty(3)
    for axis in range(3):
        scale = (weights[:, None] * np.square(residual[:, axis, None]) / shapes).sum(axis=0) / total
        unlikely = total * np.log(np.maximum(scale, LEAST_NOISE)) + (weights[:, None] * np.log(shapes)).sum(axis=0)
        best = int(np.argmin(unlikely))
        noise[axis], times[axis] = max(float(scale[best]), LEAST_NOISE), NOISE_TIMES[best]
    return noise, times


def _solver() -> Any:
    try:
        from torchdiffeq import odeint
    except ImportError:
        raise MissingDependency("torchdiffeq", "a neural ODE", "pip install 'quantum-memory[dynamics]'") from None
    return odeint
