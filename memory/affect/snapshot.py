"""Moods as columns: tensors bit for bit, and what the next feeling needs to know. Knows no file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

import numpy as np

from quantum_memory.errors import CorruptRecord, InvalidInput
from quantum_memory.memory.affect.mood import CLOCK, WAITING, Felt, MoodFold, MoodState, apart
from quantum_memory.memory.columns import Arrays, Attributes, Columns, Dump, Reading
from quantum_memory.memory.events import Component, check_mixture
from quantum_memory.memory.snapshots import fingerprint
from quantum_memory.types import PAD, Part

VERSION = 2
"""From 2 on, the parts of mixed feelings are kept beside the pending ones."""
TOLERANCE = 4e-6
"""Two moods that are each within 1e-6 of the mood of all events are this close to each other. The fold promises that
where its limits cost no more; where they do, a mood says so in ``error``."""
TREND_TOLERANCE = 1e-6


class MoodCodec:
    """A ``StateCodec`` of the part "mood".

    Args:
        fold: whose moods they are.
        working: what holds the fold's backend in use, in whichever thread a mood is written down or read.
    """

    part: Part = "mood"

    def __init__(self, fold: MoodFold, working: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        self._fold, self._working = fold, working
        self.fingerprint = fingerprint(self.part, VERSION, **fold.parameters)

    def dump(self, state: MoodState) -> Dump:
        """The tensors as ``QuantumState`` writes them, the clock, the trend, and the feelings that are pending."""
        columns = Columns()
        with self._working():
            columns.arrays["tensors"] = state.state.to_bytes()
        columns.times("times", state.times)
        columns.numbers("last", [np.asarray(state.last, np.float64)] if state.last else np.empty((0, 3)), np.float64)
        columns.numbers("trend", state.trend, np.float64)
        columns.numbers("error", [state.error], np.float64)
        columns.times("pending/at", [felt.at for felt in state.pending])
        rows = [(*np.asarray(felt.pad).tolist(), felt.confidence, felt.importance) for felt in state.pending]
        columns.numbers("pending/felt", np.array(rows, np.float64).reshape(-1, 5), np.float64)
        columns.grouped("pending/parts", [felt.parts for felt in state.pending])
        parts = [(*np.asarray(part.pad).tolist(), part.weight) for felt in state.pending for part in felt.parts]
        columns.numbers("pending/parts", np.array(parts, np.float64).reshape(-1, 4), np.float64)
        return Dump(columns.arrays, {"times": len(state.times), "felt": state.last is not None, "pending": len(rows)})

    def load(self, arrays: Arrays, attributes: Attributes) -> MoodState:
        """Raises: CorruptRecord."""
        read = Reading("snapshot of mood", arrays, attributes)
        times, pending = read.count("times"), read.count("pending")
        read.require("times", times <= CLOCK, f"{times} are more than {CLOCK}")
        read.require("pending", pending <= WAITING, f"{pending} are more than {WAITING}")
        felt = read.attribute("felt", bool)
        trend = read.within("trend", np.float64, (3,), -2.0, 2.0).tolist()
        last = read.within("last", np.float64, (int(felt), 3), -1.0, 1.0).tolist()
        rows = read.within("pending/felt", np.float64, (pending, 5), -1.0, 1.0)
        read.require("pending/felt", not pending or rows[:, 3:].min() >= 0.0, "a confidence or importance under 0")
        try:
            with self._working():
                tensors = self._fold.restored(read.data("tensors"))
        except InvalidInput as error:
            raise CorruptRecord(read.what, str(error)) from None
        return MoodState(
            tensors,
            tuple(read.times("times", times)),
            PAD(*last[0]) if felt else None,
            (trend[0], trend[1], trend[2]),
            float(read.within("error", np.float64, (1,), 0.0, 1.0)[0]),
            _pending(read, rows.tolist()),
        )

    def difference(self, one: MoodState, other: MoodState) -> str | None:
        """What is not alike once nothing is pending: the tensors within ``TOLERANCE``, or as far apart as two moods may
        be that lost what the first says it lost; the times exactly.
        """
        with self._working():
            left, right = self._fold.settled(one), self._fold.settled(other)
            infidelity = 1.0 - left.state.fidelity(right.state)
        limit = max(TOLERANCE, apart(left.error, left.error))
        if infidelity > limit:
            return f"tensors: an infidelity of {infidelity:.3g}, the limit is {limit:.3g}"
        if left.times != right.times or left.last != right.last:
            return f"clock: {left.at} and {right.at}, or another last feeling"
        if math.dist(left.trend, right.trend) > TREND_TOLERANCE:
            return f"trend: {left.trend} and {right.trend}"
        return None


def _pending(read: Reading, rows: list[list[float]]) -> tuple[Felt, ...]:
    """The pending feelings, with the parts of those that are mixed. Raises: CorruptRecord."""
    count = len(rows)
    weighed = read.within("pending/parts", np.float64, (None, 4), -1.0, 1.0).tolist()
    parts = read.grouped("pending/parts", read.each("pending/parts", _component, weighed), count)
    told = zip(read.times("pending/at", count), rows, parts, strict=True)
    return tuple(read.each("pending/parts", _felt, [*told]))


def _component(row: Sequence[float]) -> Component:
    *pad, weight = row
    return Component(PAD(*pad), weight)


def _felt(told: tuple[datetime, Sequence[float], Sequence[Component]]) -> Felt:
    at, (*point, confidence, importance), parts = told
    pad = PAD(*point)
    if parts:
        check_mixture(parts, pad)
    return Felt(at, pad, confidence, importance, tuple(parts))
