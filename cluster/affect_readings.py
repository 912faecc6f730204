"""What the pictures of an agent's feelings are drawn from: plain values, read through its handle. Draws nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from scipy.special import erfinv

from quantum_memory.cluster.pictures import MoodPoint, point
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.emotions import EMOTIONS
from quantum_memory.memory.affect.feeling import LEAST_SPREAD, MOST_SPREAD
from quantum_memory.memory.affect.mood import MoodFold, MoodState
from quantum_memory.types import Branch, BranchId, Memory, Mood, Place

if TYPE_CHECKING:
    from quantum_memory.actors.handle import AgentHandle, PlaceLike
    from quantum_memory.memory.quantum import QuantumState

MOST_MOODS = 2_000
"""Events after which a mood is read for one picture, at most."""
SHARED = 24
"""Of the common past, how many moods a comparison shows."""
AT_ONCE = 500
"""Moods that one call reads, so that none takes longer than a call may."""
Triple = tuple[float, float, float]


class FeltPoint(NamedTuple):
    """A memory's feeling at a moment.

    Attributes:
        pad: pleasure, arousal, dominance.
        confidence: how much better than neutral ``pad`` is, in (0, 1].
        session: the conversation that it belongs to, empty outside of any.
    """

    at: datetime
    pad: Triple
    confidence: float
    session: str = ""

    @property
    def spread(self) -> float | None:
        """The standard deviation that its confidence implies, the same on every axis; see ``implied_spread``."""
        return implied_spread(self.pad, self.confidence)


@dataclass(frozen=True)
class Life:
    """What an agent felt and how that left it.

    Attributes:
        felt: the feelings of its last memories, in the order of their times.
        moods: its mood after the events of that time, oldest first.
        memories: how many memories there are in all.
    """

    felt: tuple[FeltPoint, ...]
    moods: tuple[MoodPoint, ...]
    memories: int


@dataclass(frozen=True)
class Side:
    """One of two branches that are compared.

    Attributes:
        name: of the branch.
        moods: its mood after each of its own events since they parted, oldest first.
        chances: the probability of every named emotion, as it stands.
        mood: as it stands.
    """

    name: str
    moods: tuple[MoodPoint, ...]
    chances: Mapping[str, float]
    mood: MoodPoint


@dataclass(frozen=True)
class Comparison:
    """Two branches and what they share.

    Attributes:
        left, right: both of them.
        shared: the mood after the last events of their common past; empty where there is none.
        parted: the place where they parted, in words; empty where they have no past in common.
        fidelity: of the two moods as they stand, in [0, 1].
    """

    left: Side
    right: Side
    shared: tuple[MoodPoint, ...]
    parted: str
    fidelity: float


def implied_spread(pad: Triple, confidence: float) -> float | None:
    """The standard deviation, the same on every axis, at which a feeling has this confidence.

    A confidence is erf(d / (2 sqrt 2)), d being the distance from neutral in standard deviations
    (``memory.affect.feeling``), and this solves it for the deviation. None for a memory without confidence, whose
    feeling counts for nothing, and for one that is neutral, where every deviation gives the same. A feeling that is
    sure has the least spread.
    """
    length = math.hypot(*pad)
    if confidence <= 0.0 or length == 0.0:
        return None
    away = 2.0 * math.sqrt(2.0) * float(erfinv(min(confidence, 1.0 - 1e-12)))
    return min(max(length / away, LEAST_SPREAD), MOST_SPREAD) if confidence < 1.0 else LEAST_SPREAD


def felt_of(memories: Iterable[Memory], last: int) -> tuple[FeltPoint, ...]:
    """The feelings of the last so many memories in the order of their times; those without confidence are left out."""
    told = sorted((one for one in memories if one.confidence > 0.0), key=lambda one: one.at)[-last:]
    return tuple(FeltPoint(one.at, _pad(one), one.confidence, one.session or "") for one in told)


def _pad(one: Memory) -> Triple:
    return one.pad.pleasure, one.pad.arousal, one.pad.dominance


def life(handle: AgentHandle, last: int, as_of: PlaceLike = None) -> Life:
    """The last so many feelings of an agent, and its moods meanwhile."""
    memories = handle.memories(as_of)
    felt = felt_of(memories, last)
    moods = [point(mood, mood.at) for _, mood in history(handle, min(last, MOST_MOODS), as_of) if mood.at is not None]
    meanwhile = [one for one in moods if not felt or one.at >= felt[0].at]
    return Life(felt, tuple(meanwhile), len(memories))


def history(handle: AgentHandle, limit: int, as_of: PlaceLike = None) -> list[tuple[Place, Mood]]:
    """The mood after each of the last events up to a place, oldest first, read in parts."""
    found: list[tuple[Place, Mood]] = []
    entries = handle.log(limit, as_of=as_of)
    for start in range(0, len(entries), AT_ONCE):
        part = entries[start : start + AT_ONCE]
        told = handle.mood_history(len(part), as_of=part[0].place)
        found = [(entry.place, mood) for entry, mood in told] + found
    return found


def chances(handle: AgentHandle, as_of: PlaceLike = None) -> dict[str, float]:
    """The probability of every named emotion in the mood, by the law that ``mood`` names the likeliest with."""
    return chances_of(handle.mood_state(as_of))


def chances_of(state: QuantumState) -> dict[str, float]:
    """The same of a mood as a quantum state."""
    reader = MoodFold(state.grid, narrow=1.0, wide=1.0)
    read = reader.read(MoodState(state, (), None, (0.0, 0.0, 0.0), 0.0), len(EMOTIONS))
    return dict(read.emotions)


def compared(left: AgentHandle, right: AgentHandle) -> Comparison:
    """Two branches, of one agent or of two. Raises: InvalidValue if both are one."""
    if left == right:
        raise InvalidValue("against", repr(left), "another branch")
    known = {one.id: one for tree in (left.tree(), right.tree()) for one in tree.branches}
    parted = parting(known, left.info, right.info)
    past = {} if parted is None else past_of(known, known[parted.branch], parted.seq)
    twins = left.branch == right.branch
    (ours, shared), (theirs, _) = (
        _side(handle, handle.name if twins else handle.branch, past) for handle in (left, right)
    )
    told = "" if parted is None else f"{known[parted.branch].name}:{parted.seq}"
    return Comparison(ours, theirs, shared, told, left.mood_state().fidelity(right.mood_state()))


def _side(handle: AgentHandle, name: str, past: Mapping[BranchId, float]) -> tuple[Side, tuple[MoodPoint, ...]]:
    """One branch since the common past ended, and the last moods of that past."""
    own = sum(not within_past(past, entry.place) for entry in handle.log(MOST_MOODS))
    moods = [(place, point(mood, mood.at)) for place, mood in history(handle, own + SHARED) if mood.at is not None]
    since = tuple(one for place, one in moods if not within_past(past, place))
    before = tuple(one for place, one in moods if within_past(past, place))[-SHARED:]
    now = handle.mood()
    return Side(name, since, chances(handle), point(now, now.at or handle.info.created_at)), before


def past_of(known: Mapping[BranchId, Branch], branch: Branch, seq: float = math.inf) -> dict[BranchId, float]:
    """The branches that a branch comes from, itself included, each with its last event that still counts."""
    past = {branch.id: seq}
    while branch.parent is not None and branch.parent in known:
        seq, branch = branch.fork_seq, known[branch.parent]
        past[branch.id] = seq
    return past


def parting(known: Mapping[BranchId, Branch], left: Branch, right: Branch) -> Place | None:
    """The last event that two branches have in common; None if they never were one."""
    ours, theirs = past_of(known, left), past_of(known, right)
    common = next((branch for branch in ours if branch in theirs), None)
    return None if common is None else Place(common, int(min(ours[common], theirs[common])))


def within_past(past: Mapping[BranchId, float], place: Place) -> bool:
    """Whether an event belongs to a past that ``past_of`` gave."""
    return place.seq <= past.get(place.branch, -math.inf)
