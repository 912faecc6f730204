"""One step ahead: the linear system, the neural field and two guesses, on the part of each history that none has seen.

    python benchmarks/dynamics.py --data locomo_dev5.json

Histories: a pair that follows the linear system; two places of rest (a double well) and a cycle, neither of which is
linear; and with ``--data`` both speakers of every LoCoMo conversation, as the packaged model perceives them. The first
80 % of the steps are known, the rest is foreseen step by step. ``--speed`` measures fits to long histories instead.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import torch

from quantum_memory.memory.affect.dynamics import Reverting, Series, Steps, equation, fit, steps
from quantum_memory.memory.affect.dynamics.likelihood import log_likelihood, predicted
from quantum_memory.memory.affect.dynamics.ode import trained
from quantum_memory.memory.affect.dynamics.series import Row
from quantum_memory.memory.affect.perceiver import MiniLMPerceiver
from quantum_memory.types import PAD, Floats, Memory

KNOWN = 0.8
COUNT = 800
GAP_S = 600.0
SMALL_S = 10.0
Guess = Callable[[Steps], Callable[[Steps], tuple[Floats, float]]]


@dataclass(frozen=True)
class History:
    """Steps under a name: those that are known, and those to foresee."""

    name: str
    known: Steps
    unseen: Steps

    @classmethod
    def of(cls, name: str, found: Steps) -> History:
        cut = int(KNOWN * len(found))
        return cls(name, found.part(0, cut), found.part(cut, len(found)))


def linear(seed: int) -> History:
    """A pair that follows the linear system."""
    chance = np.random.default_rng(seed)
    model = Reverting(
        np.array([0.2, -0.1, 0.05]),
        np.diag(np.log(2.0) / np.array([3600.0, 1200.0, 2400.0])),
        np.diag([0.4, 0.3, -0.2]),
        0.03 * np.eye(3),
    )
    at_s = np.cumsum(2.0 + chance.exponential(GAP_S, COUNT))
    theirs = np.sort(chance.uniform(at_s[0], at_s[-1], COUNT))
    felt = np.clip(chance.normal(0.0, 0.4, (COUNT, 3)), -1.0, 1.0)
    heard = Series(theirs, felt, np.ones(COUNT), ("Bob",) * COUNT)
    series = model.simulated(at_s, seed, "Alice", heard)
    return History.of("linear pair", steps(series, series.of_whom(["Alice"])))


def bent(name: str, field: Callable[[Floats], Floats], noise: float, seed: int) -> History:
    """Somebody alone who follows a field, in steps of 10 s, with noise per root of 600 s."""
    chance = np.random.default_rng(seed)
    gaps = np.maximum(1, np.round(chance.exponential(GAP_S, COUNT) / SMALL_S)).astype(int)
    x, rows, clock = np.array([0.5, 0.0, 0.0]), [], 0.0
    for gap in gaps.tolist():
        for _ in range(gap):
            x = x + field(x) * (SMALL_S / GAP_S) + noise * np.sqrt(SMALL_S / GAP_S) * chance.standard_normal(3)
        clock += gap * SMALL_S
        rows.append(Row(clock, PAD(*np.clip(x, -1.0, 1.0).tolist()), 1.0, "Alice"))
    series = Series.of(rows)
    return History.of(name, steps(series, series.of_whom(["Alice"])))


def well(x: Floats) -> Floats:
    """Two places of rest, at pleasures of ±0.6; the rest fades."""
    return np.array([8.0 * x[0] * (0.36 - x[0] ** 2), -x[1], -x[2]])


def cycle(x: Floats) -> Floats:
    """Pleasure and arousal run round at a distance of 0.6 from neutral."""
    radius = float(x[0] ** 2 + x[1] ** 2)
    grow = 4.0 * (0.36 - radius)
    return np.array([grow * x[0] - 1.5 * x[1], grow * x[1] + 1.5 * x[0], -x[2]])


def conversations(path: Path, count: int) -> Iterator[History]:
    """Both speakers of the first LoCoMo conversations: a turn a second, sessions when they were."""
    perceiver = MiniLMPerceiver()
    for record in json.loads(path.read_text())[:count]:
        talk, rows = record["conversation"], []
        for number in sorted(int(key.split("_")[1]) for key in talk if re.fullmatch(r"session_\d+", key)):
            begin = datetime.strptime(talk[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
            turns = talk[f"session_{number}"]
            seen = perceiver.perceive([turn["text"] for turn in turns], [turn["speaker"] for turn in turns])
            rows += [
                Row(begin.timestamp() + index, percept.pad, percept.confidence, turn["speaker"])
                for index, (turn, percept) in enumerate(zip(turns, seen, strict=True))
            ]
        series = Series.of(rows)
        for name in sorted({str(who) for who in series.who}):
            yield History.of(f"{record['sample_id']} {name}", steps(series, series.of_whom([name])))


def mean(known: Steps) -> Callable[[Steps], tuple[Floats, float]]:
    """What was felt on average."""
    centre, spread = known.after.mean(axis=0), known.after.var(axis=0)

    def foresee(unseen: Steps) -> tuple[Floats, float]:
        each = -0.5 * (np.square(unseen.after - centre) / spread + np.log(2.0 * np.pi * spread)).sum(axis=1)
        return np.broadcast_to(centre, unseen.after.shape), float(each.mean())

    return foresee


def last(known: Steps) -> Callable[[Steps], tuple[Floats, float]]:
    """What was felt last."""
    spread = np.square(known.after - known.before).mean(axis=0)

    def foresee(unseen: Steps) -> tuple[Floats, float]:
        each = -0.5 * (np.square(unseen.after - unseen.before) / spread + np.log(2.0 * np.pi * spread)).sum(axis=1)
        return unseen.before, float(each.mean())

    return foresee


def system(known: Steps) -> Callable[[Steps], tuple[Floats, float]]:
    """The linear system in the better shape."""
    model = fit(known).model
    return lambda unseen: (predicted(model, unseen), log_likelihood(model, unseen) / float(unseen.weights.sum()))


def neural(known: Steps) -> Callable[[Steps], tuple[Floats, float]]:
    """The neural field."""
    model = trained(known)
    return lambda unseen: (model.predicted(unseen), model.log_likelihood(unseen) / float(unseen.weights.sum()))


GUESSES: dict[str, Guess] = {"mean": mean, "last": last, "linear": system, "neural ODE": neural}


def judged(histories: Sequence[History]) -> dict[str, tuple[float, float, float]]:
    """For each way to foresee: RMSE, log likelihood a step in nats, and seconds of CPU to learn; means of histories."""
    told = {}
    for name, guess in GUESSES.items():
        rows = []
        for history in histories:
            begin = time.process_time()
            foresee = guess(history.known)
            learnt_s = time.process_time() - begin
            ahead, nats = foresee(history.unseen)
            rows.append((float(np.sqrt(np.square(history.unseen.after - ahead).mean())), nats, learnt_s))
        told[name] = tuple(float(one) for one in np.mean(rows, axis=0))
    return told  # type: ignore[return-value]  # three columns, as was just written


def table(name: str, histories: Sequence[History]) -> None:
    """A part of the table."""
    print(f"\n{name}: {len(histories)} histories of {np.mean([len(one.known) for one in histories]):.0f} known steps")
    for guess, (rmse, nats, learnt_s) in judged(histories).items():
        print(f"  {guess:<11} RMSE {rmse:.4f}   {nats:+.3f} nats a step   {learnt_s:.2f} s", flush=True)


def speed() -> None:
    """Seconds of CPU from memories to an equation, half of them the other's."""
    unit = np.array([1.0, 0.0], dtype=np.float32)
    chance = np.random.default_rng(0)
    for count in (1_000, 10_000, 100_000):
        at_s = np.cumsum(1.0 + chance.exponential(GAP_S, count))
        pads = np.clip(chance.normal(0.0, 0.3, (count, 3)), -1.0, 1.0)
        pads = np.clip(0.5 * pads + 0.5 * np.roll(pads, 1, axis=0), -1.0, 1.0)
        begin = datetime(2020, 1, 1, tzinfo=UTC)
        told = [
            Memory(
                str(index), "x", begin + timedelta(seconds=at), PAD(*pad), 1.0, 0.5, unit, ("Alice", "Bob")[index % 2]
            )
            for index, (at, pad) in enumerate(zip(at_s.tolist(), pads.tolist(), strict=True))
        ]
        for shape in ("axes", None):
            start = time.process_time()
            found = equation(told, "alice", "Bob", shape=shape)
            spent_s = time.process_time() - start
            print(f"{count:>7} memories, {shape or 'the better shape':<16} {spent_s:.2f} s ({found.shape})", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--data", type=Path, help="a LoCoMo file")
    options.add_argument("--seeds", type=int, default=3, help="histories of each simulated kind (%(default)s)")
    options.add_argument("--conversations", type=int, default=5, help="of the file, the first so many (%(default)s)")
    options.add_argument("--speed", action="store_true", help="how long fits take")
    given = options.parse_args()
    torch.set_num_threads(1)
    if given.speed:
        speed()
        return
    seeds = range(given.seeds)
    made: dict[str, Callable[[int], History]] = {
        "linear pair": linear,
        "double well": lambda seed: bent("double well", well, 0.25, seed),
        "cycle": lambda seed: bent("cycle", cycle, 0.08, seed),
    }
    for name, make in made.items():
        table(name, [make(seed) for seed in seeds])
    if given.data is not None:
        table("LoCoMo", list(conversations(given.data, given.conversations)))


if __name__ == "__main__":
    main()
