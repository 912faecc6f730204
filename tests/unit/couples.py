"""A pair of people who talk: simulated from a system that is known, as a series and as utterances."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from quantum_memory.memory.affect.dynamics import Reverting, Series
from quantum_memory.types import PAD, Floats, Memory, Utterance

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOUR_S = 3600.0


def system(
    rest: tuple[float, float, float] = (0.2, -0.1, 0.05),
    half_lives_h: tuple[float, float, float] = (3.0, 1.0, 2.0),
    push: Any = (0.4, 0.3, -0.2),
    turning: float = 0.0,
) -> Reverting:
    """A known system; ``turning`` per hour lets pleasure and arousal mind each other."""
    pull = np.diag(np.log(2.0) / (np.array(half_lives_h) * HOUR_S))
    pull[0, 1], pull[1, 0] = turning / HOUR_S, -turning / HOUR_S
    given = np.asarray(push, dtype=np.float64)
    spread = 0.03 * np.eye(3)
    return Reverting(np.array(rest), pull, np.diag(given) if given.ndim == 1 else given, spread)


def talk(model: Reverting, count: int, seed: int, gap_s: float = 1800.0) -> Series:
    """``count`` feelings of Alice and as many of Bob, who moves her, at irregular times."""
    chance = np.random.default_rng(seed)
    at_s = START.timestamp() + np.cumsum(2.0 + chance.exponential(gap_s, count))
    theirs = np.sort(chance.uniform(at_s[0], at_s[-1], count))
    felt = np.clip(chance.normal(0.0, 0.4, (count, 3)), -1.0, 1.0)
    return model.simulated(at_s, seed + 1, "Alice", Series(theirs, felt, np.ones(count), ("Bob",) * count))


def utterances(series: Series, dim: int, **fields: Any) -> list[Utterance]:
    """The series as what was said, with its feelings, so that no model is asked."""
    return [
        Utterance(
            f"thing number {index}",
            speaker=who,
            at=datetime.fromtimestamp(at_s, UTC),
            embedding=_embedding(index, dim),
            pad=PAD(*pad),
            confidence=sure,
            **fields,
        )
        for index, (at_s, pad, sure, who) in enumerate(
            zip(series.at_s.tolist(), series.pads.tolist(), series.confidences.tolist(), series.who, strict=True)
        )
    ]


def memories(series: Series) -> list[Memory]:
    """The series as memories."""
    return [
        Memory(str(index), "x", datetime.fromtimestamp(at_s, UTC), PAD(*pad), sure, 0.5, _unit(), who)
        for index, (at_s, pad, sure, who) in enumerate(
            zip(series.at_s.tolist(), series.pads.tolist(), series.confidences.tolist(), series.who, strict=True)
        )
    ]


def _embedding(number: int, dim: int) -> Any:
    return np.random.default_rng(number).normal(size=dim).astype(np.float32)


def _unit() -> Any:
    found: Floats = np.array([1.0, 0.0])
    return found.astype(np.float32)
