"""Feelings in the order of time, at whatever times they came, and the steps from one to the next. Fits nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.types import PAD, Floats, Memory

AXES = ("pleasure", "arousal", "dominance")
RESOLUTION_S = 1.0
"""Feelings that follow each other faster are one: nobody's feeling is told apart within a second of talk."""
LATEST_S = 1e12


class Row(NamedTuple):
    """One feeling of a series."""

    at_s: float
    pad: PAD
    confidence: float = 1.0
    who: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Feelings at irregular times, oldest first; those of one time are in the order in which they were given.

    Attributes:
        at_s: (n,) seconds since the epoch, never falling.
        pads: (n, 3) pleasure, arousal, dominance, in [-1, 1].
        confidences: (n,) in [0, 1].
        who: who felt or said each, n of them; ``None`` where nobody is named.

    Raises: ShapeMismatch, NotFinite, OutOfRange; InvalidValue for times that fall.
    """

    at_s: Floats
    pads: Floats
    confidences: Floats
    who: tuple[str | None, ...]

    def __post_init__(self) -> None:
        count = len(self.who)
        for name, values, shape in (
            ("at_s", self.at_s, (count,)),
            ("pads", self.pads, (count, 3)),
            ("confidences", self.confidences, (count,)),
        ):
            if values.shape != shape:
                raise ShapeMismatch(name, shape, values.shape)
        _inside("at_s", self.at_s, -LATEST_S, LATEST_S)
        _inside("pads", self.pads, -1.0, 1.0)
        _inside("confidences", self.confidences, 0.0, 1.0)
        if count and (np.diff(self.at_s) < 0.0).any():
            raise InvalidValue("at_s", "times that fall", "times that never fall: see Series.of")

    def __len__(self) -> int:
        return len(self.who)

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Series:
        """A series of rows in any order. Raises: as the series itself."""
        listed = list(rows)
        if not listed:
            return cls(np.zeros(0), np.zeros((0, 3)), np.zeros(0), ())
        at_s = np.array([row.at_s for row in listed], dtype=np.float64)
        pads = np.array([(row.pad.pleasure, row.pad.arousal, row.pad.dominance) for row in listed], dtype=np.float64)
        confidences = np.array([row.confidence for row in listed], dtype=np.float64)
        order = np.argsort(at_s, kind="stable")
        return cls(at_s[order], pads[order], confidences[order], tuple(listed[index].who for index in order.tolist()))

    @classmethod
    def of_memories(cls, memories: Sequence[Memory]) -> Series:
        """What was felt in memories, by who spoke; those of one time in the order in which they are given."""
        return cls.of(Row(memory.at.timestamp(), memory.pad, memory.confidence, memory.speaker) for memory in memories)

    def where(self, chosen: NDArray[np.bool_]) -> Series:
        """The rows where (n,) ``chosen`` is true. Raises: ShapeMismatch."""
        if chosen.shape != (len(self),):
            raise ShapeMismatch("chosen", (len(self),), chosen.shape)
        rows = np.flatnonzero(chosen)
        kept = tuple(self.who[index] for index in rows.tolist())
        return Series(self.at_s[rows], self.pads[rows], self.confidences[rows], kept)

    def of_whom(self, names: Iterable[str | None]) -> NDArray[np.bool_]:
        """(n,) which rows are those of these, whatever the case of their letters; ``None`` are rows without a name."""
        wanted = {folded(name) for name in names}
        return np.fromiter((folded(name) in wanted for name in self.who), np.bool_, len(self))


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """From each of somebody's feelings to the next, and what others felt in between: all that a model is fitted to.

    Attributes:
        gap_s: (n,) seconds from one feeling to the next, each at least the resolution.
        before, after: (n, 3) PADs.
        weights: (n,) of mean 1: a step is as sure as the less sure of its ends.
        kick_step: (m,) which step each of the others' feelings falls into, never falling.
        kick_lag_s: (m,) seconds from it to the end of that step, from 0 to the gap.
        kicks: (m, 3) what the others felt: PAD times confidence. A choice, and no correction of errors of reading: what
            is hardly told from neutral pushes hardly. What is fitted is per unit of this product.
        last_s, last: time and PAD of the last feeling.
    """

    gap_s: Floats
    before: Floats
    after: Floats
    weights: Floats
    kick_step: NDArray[np.intp]
    kick_lag_s: Floats
    kicks: Floats
    last_s: float
    last: Floats

    def __len__(self) -> int:
        return len(self.gap_s)

    def take(self, chosen: NDArray[np.intp]) -> Steps:
        """The steps at (k,) rising indices, with what falls into them."""
        inside = np.isin(self.kick_step, chosen)
        return Steps(
            self.gap_s[chosen],
            self.before[chosen],
            self.after[chosen],
            self.weights[chosen],
            np.searchsorted(chosen, self.kick_step[inside]),
            self.kick_lag_s[inside],
            self.kicks[inside],
            self.last_s,
            self.last,
        )

    def part(self, start: int, stop: int) -> Steps:
        """The steps from ``start`` up to ``stop``, with what falls into them."""
        low, high = np.searchsorted(self.kick_step, (start, stop)).tolist()
        return Steps(
            self.gap_s[start:stop],
            self.before[start:stop],
            self.after[start:stop],
            self.weights[start:stop],
            self.kick_step[low:high] - start,
            self.kick_lag_s[low:high],
            self.kicks[low:high],
            self.last_s,
            self.last,
        )


def steps(series: Series, own: NDArray[np.bool_], resolution_s: float = RESOLUTION_S) -> Steps:
    """The steps of those who are ``own`` (n,), moved by all the others of the series.

    Own feelings that follow each other faster than ``resolution_s`` are one: their mean by confidence, at the time of
    the last. What has confidence 0 was not read and is left out. Another's feeling at the time of an own one came
    before it if it stands before it.

    Raises: ShapeMismatch; InvalidValue if fewer than two own feelings are left.
    """
    bounded("resolution_s", resolution_s, 1e-6, LATEST_S)
    if own.shape != (len(series),):
        raise ShapeMismatch("own", (len(series),), own.shape)
    rows = np.flatnonzero(own & (series.confidences > 0.0))
    if len(rows) < 2:
        raise InvalidValue("history", f"{len(rows)} own feelings with a confidence above 0", "at least 2 of them")
    at_s, sure = series.at_s[rows], series.confidences[rows]
    first = np.flatnonzero(np.concatenate([[True], np.diff(at_s) >= resolution_s]))
    last = np.concatenate([first[1:] - 1, [len(rows) - 1]])
    mass = np.add.reduceat(sure, first)
    felt = np.add.reduceat(sure[:, None] * series.pads[rows], first, axis=0) / mass[:, None]
    sure, at_s = mass / (last - first + 1), at_s[last]
    if len(first) < 2:
        raise InvalidValue("history", f"own feelings within {resolution_s:g} s of each other", "at least 2 apart")
    weights = np.minimum(sure[:-1], sure[1:])
    others = np.flatnonzero(~own & (series.confidences > 0.0))
    into = np.searchsorted(rows[last], others)
    others, into = others[(into > 0) & (into < len(first))], into[(into > 0) & (into < len(first))]
    return Steps(
        gap_s=np.diff(at_s),
        before=felt[:-1],
        after=felt[1:],
        weights=weights / weights.mean(),
        kick_step=into - 1,
        kick_lag_s=np.clip(at_s[into] - series.at_s[others], 0.0, np.diff(at_s)[into - 1]),
        kicks=series.pads[others] * series.confidences[others, None],
        last_s=float(at_s[-1]),
        last=felt[-1],
    )


def sliding(series: Series, count: int | None = None, within_s: float | None = None) -> list[Series]:
    """For each feeling the ones up to it: at most the last ``count``, and none older than ``within_s``.

    Raises: InvalidValue if neither is given; OutOfRange.
    """
    if count is None and within_s is None:
        raise InvalidValue("sliding", "neither count nor within_s", "one of them or both")
    ends = np.arange(1, len(series) + 1)
    starts = np.zeros(len(series), dtype=np.intp)
    if count is not None:
        starts = np.maximum(starts, ends - whole("count", count, 1, 2**31))
    if within_s is not None:
        oldest = series.at_s - bounded("within_s", within_s, 0.0, LATEST_S)
        starts = np.maximum(starts, np.searchsorted(series.at_s, oldest))
    return [
        Series(series.at_s[a:b], series.pads[a:b], series.confidences[a:b], series.who[a:b])
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


@lru_cache(maxsize=4096)
def folded(name: str | None) -> str | None:
    """A name without its case."""
    return None if name is None else name.casefold().strip()


def _inside(name: str, values: Floats, low: float, high: float) -> None:
    wrong = np.flatnonzero(~((values >= low) & (values <= high)).ravel())
    if len(wrong):
        value = float(values.ravel()[wrong[0]])
        if not np.isfinite(value):
            raise NotFinite(name, value, f"index {int(wrong[0])}")
        raise OutOfRange(name, value, low, high)
