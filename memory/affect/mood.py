"""The mood of a branch: how what is felt, time and merging change a quantum state, and how the state is read.

Owns the laws of feeling. The arithmetic is ``memory.quantum``'s; the journal and the cache are the timeline's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, utc, whole
from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory import events
from quantum_memory.memory.affect import emotions
from quantum_memory.memory.affect.kept import KEPT_BYTES, MOST, Kept, Resting
from quantum_memory.memory.affect.mixed import PACKET_WIDTH
from quantum_memory.memory.affect.spanned import AGAINST, chord, infidelity, mixed, relaxed, superposition
from quantum_memory.memory.events import Component, Event, Merged, MoodBrought, Remembered
from quantum_memory.memory.held import Held, Load
from quantum_memory.memory.quantum import (
    Grid,
    Packet,
    Packets,
    QuantumState,
    choose,
    fit,
    packet_overlaps,
    superpose,
)
from quantum_memory.types import NEUTRAL, PAD, Floats, Memory, Mood, Part

Triple = tuple[float, float, float]
GROUP = 8
"""Feelings summed before one compression. A state is the same function of its events whatever holds it."""
PENDING = 32
"""Feelings at which the oldest group is worked in while nobody asks for anything: see ``MoodFold.ripened``. A reading
that comes after that takes at most four compressions."""
WAITING = 256
"""Feelings that wait at most. Those of a hasty time wait for a reader or a quiet moment: by then the ones after them
will have made most of them forgotten before anybody has seen the mood."""
REACH = 256
CLOCK = 16
SETTLED_KEPT = 64
FORGOTTEN_WEIGHT = 1e-7
"""What the feelings beyond ``reach`` may weigh together at most."""
LEAST_SHARE = 0.4
"""The share of the learning rate left to a feeling of no confidence and no importance; it keeps ``reach`` finite."""
TREND_RATE = 0.5
MOMENTUM_CAP = 0.5
"""Largest |momentum × width|. Under it the overlap of two packets of one width has a real part over -0.06, so that a
new feeling never cancels the old ones and every feeling makes older ones weigh less."""
NORM_SLACK = 1e-3
"""How far single precision may carry the norm of a mood from 1."""
EMOTION_WIDTH = PACKET_WIDTH


class Felt(NamedTuple):
    """What of a memory, or of a bare feeling, a mood takes up: when, how it feels, and how strongly.

    ``parts`` are those of a mixed feeling, without their names; ``pad`` is their mean.
    """

    at: datetime
    pad: PAD
    confidence: float
    importance: float
    parts: tuple[Component, ...] = ()

    @property
    def points(self) -> tuple[PAD, ...]:
        """Where it lies: one point, or those of its parts."""
        return tuple(part.pad for part in self.parts) or (self.pad,)

    @property
    def weights(self) -> tuple[float, ...]:
        """The share of each point; together 1."""
        return tuple(part.weight for part in self.parts) or (1.0,)


@dataclass(frozen=True, slots=True, eq=False)
class MoodState:
    """A mood: a quantum state, what the next feeling needs to know of the last, and the feelings not yet worked in.

    Feelings are worked in eight at a time, and late: when somebody reads, or nobody wants anything. Until then a state
    is its predecessor's tensors and a few numbers, so that a thousand forks that each felt something share one tensor
    network. ``MoodFold.settled`` gives the mood with nothing pending, and that is what every reading reads.

    Attributes:
        state: the amplitude, of norm 1, before the pending feelings.
        times: times of the last ``CLOCK`` feelings worked in, in UTC. The latest is the mood's clock, so that an
            old line between two feelings lets no time pass, and one date far ahead does not stop the clock for good.
        last: the last feeling worked in; ``None`` before the first.
        trend: exponential average of the changes from one feeling to the next, per axis.
        error: estimate, on the high side, of the infidelity to a mood that was never compressed: the distances lost at
            each compression add up, and fade with the feelings they belong to.
        pending: at most ``WAITING`` feelings, oldest first.
    """

    state: QuantumState
    times: tuple[datetime, ...]
    last: PAD | None
    trend: Triple
    error: float
    pending: tuple[Felt, ...] = ()

    @property
    def at(self) -> datetime | None:
        """The mood's clock; ``None`` before the first feeling."""
        return max(self.times, default=None)


class MoodFold:
    """How a mood follows from events: a ``Fold`` of the part "mood".

    * A feeling: ψ' ∝ √(1-η) ψ + √η packet. The packet lies at the memory's PAD, the wider the less sure it is, and
      moves along the trend. η is the learning rate times a share from ``LEAST_SHARE`` to 1 that rises with confidence
      and importance. A memory of confidence 0 carries no feeling. What is felt without a memory counts like one that is
      as important as the feeling is intense. Revising a memory changes nothing: what was felt was felt.
    * Time between two feelings: ψ turns towards the packet of the temperament, on the great circle between the two, and
      the angle to it halves every half-life. So the path depends on the time that passed and not on how often the
      agent felt something on the way. Times out of order let nothing pass.
    * A merge: ψ' ∝ √(1-w) ours + √w theirs. The memories it brings were felt by the mood it brings.

    Laws: those of ``Fold``. Folding the last ``reach`` feelings, from ``empty``, gives the mood of all to an infidelity
    of at most 1e-6, or of what ``apart`` says of their errors where the limits on bond, fidelity or bytes cost more.

    Args:
        temperament: the resting PAD.
        learning_rate: η of a feeling of full confidence and importance, in [0.01, 0.9].
        half_life_s: seconds in which the angle to rest halves.
        max_bond, min_fidelity: the limits of every compression; the bond wins.
        narrow, wide: width of a feeling of full and of no confidence. ``wide`` is also that of the resting packet.
        momentum_scale: momentum × width of a packet per unit of trend, before the cap.
        backend: "numpy", "cupy", "cuquantum" or "auto"; below some hundred bonds numpy is faster. Who opened it calls
            the fold while it is in use: see ``Backend.use``.
        max_bytes: of the tensors of a mood, those of the resting one included. It wins over the fidelity, and what it
            cost is in ``error``. ``None`` for no limit.
        settled_kept: how many settled moods are kept for those who ask again, within ``kept_bytes``.
        kept_bytes: what the fold keeps at most for those who ask again; see ``Kept``.

    Raises: InvalidValue, NotFinite, OutOfRange; MissingDependency or NoDevice for a backend that is not there.
    """

    part: Part = "mood"
    reach: int | None = REACH

    def __init__(
        self,
        grid: Grid | None = None,
        temperament: PAD = NEUTRAL,
        *,
        learning_rate: float = 0.2,
        half_life_s: float = 3 * 86_400.0,
        max_bond: int = 64,
        min_fidelity: float = 1.0 - 1e-7,
        narrow: float = 0.1,
        wide: float = 0.35,
        momentum_scale: float = 1.0,
        backend: str = "numpy",
        dtype: Any = np.complex64,
        max_bytes: int | None = None,
        settled_kept: int = SETTLED_KEPT,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self._grid = Grid() if grid is None else grid
        self._eta = bounded("learning_rate", learning_rate, 0.01, 0.9)
        self._half_life_s = bounded("half_life_s", half_life_s, 1.0, 1e12)
        self._max_bond, self._min_fidelity = max_bond, bounded("min_fidelity", min_fidelity, 0.0, 1.0)
        self._max_bytes = max_bytes
        self._narrow = bounded("narrow", narrow, max(self._grid.spacing), 1.0)
        self._wide = bounded("wide", wide, narrow, 1.0)
        self._momentum_scale = bounded("momentum_scale", momentum_scale, 0.0, 100.0)
        xp = choose(backend)
        self._rest = Packet(_triple(temperament), (wide, wide, wide))
        encode = partial(QuantumState.from_packet, self._grid, dtype=dtype, xp=xp)
        resting = fit(encode(self._rest), max_bond=max_bond, min_fidelity=1.0, max_bytes=max_bytes)
        self._resting, self._rest_away = resting.state, chord(1.0 - resting.fidelity)
        self._dtype, self._xp = dtype, xp
        self._kept = Kept(encode, kept_bytes)
        # By the identity of a state, or of the last feeling of a group, which is beside it so that it stays the same.
        self._settled: Held[int, tuple[MoodState | Felt, MoodState]] = Held(
            whole("settled_kept", settled_kept, 1, MOST), Load(self._kept.settled_bytes, lambda held: held[1].state)
        )
        forgetting = -math.log1p(-self._eta * LEAST_SHARE)
        self.reach = self._reach = max(REACH, math.ceil(-math.log(FORGOTTEN_WEIGHT) / forgetting))

    @property
    def counts(self) -> Mapping[str, int]:
        """How often what is kept for those who ask again was there, and was not: "settled_hits" and so on."""
        return {
            "settled_hits": self._settled.hits,
            "settled_misses": self._settled.misses,
            **self._kept.counts,
        }

    def let_go(self) -> None:
        """Keep nothing for those who ask again; it is made anew when somebody does."""
        self._settled.clear()
        self._kept.clear()

    @property
    def parameters(self) -> dict[str, object]:
        """Whatever decides what a mood becomes. The backend is not among it: it only rounds otherwise."""
        # Left out where there is no budget: what was written down without one is still what would be made.
        budget = {} if self._max_bytes is None else {"max_bytes": self._max_bytes}
        return budget | {
            "grid": self._grid.bits,
            "temperament": self._rest.mean,
            "learning_rate": self._eta,
            "half_life_s": self._half_life_s,
            "max_bond": self._max_bond,
            "min_fidelity": self._min_fidelity,
            "narrow": self._narrow,
            "wide": self._wide,
            "momentum_scale": self._momentum_scale,
            "dtype": np.dtype(self._dtype).name,
            "laws": (GROUP, CLOCK, LEAST_SHARE, TREND_RATE, MOMENTUM_CAP, AGAINST),
        }

    def restored(self, tensors: bytes) -> QuantumState:
        """An amplitude of this fold's grid and precision, from its bytes.

        Raises: CorruptRecord for bytes that hold none; InvalidValue for one on another grid or of another precision;
            OutOfRange for one whose norm is not 1.
        """
        state = QuantumState.from_bytes(tensors, xp=self._xp)
        found = (state.grid.bits, state.cores[0].dtype)
        wanted = (self._grid.bits, np.dtype(self._dtype))
        if found != wanted:
            raise InvalidValue("tensors", f"{found[1]} on a grid of {found[0]} bits", f"{wanted[1]}, {wanted[0]} bits")
        bounded("norm of the state", state.norm(), 1.0 - NORM_SLACK, 1.0 + NORM_SLACK)
        return state

    def empty(self) -> MoodState:
        """At rest, having felt nothing."""
        return MoodState(self._resting, (), None, (0.0, 0.0, 0.0), infidelity(self._rest_away))

    def units(self, event: Event) -> int:
        """How many feelings the event holds."""
        if isinstance(event, events.Felt):
            return int(event.confidence > 0.0)
        return sum(memory.confidence > 0.0 for memory in event.memories) if isinstance(event, Remembered) else 0

    def apply(self, state: MoodState, event: Event) -> MoodState:
        """The mood after the event; the same object where it touches no mood.

        Raises: NotFinite, OutOfRange, InvalidValue for a memory, a feeling or a weight out of bounds; CorruptRecord for
            a brought mood that cannot be read; InvalidValue for one on another grid.
        """
        if isinstance(event, Remembered):
            for memory in event.memories:
                bounded("confidence", memory.confidence, 0.0, 1.0)
                bounded("importance", memory.importance, 0.0, 1.0)
                utc("at", memory.at)
            felt = [_felt(memory) for memory in event.memories if memory.confidence > 0.0][-self._reach :]
            if felt:
                state = self._take_up(state, felt)
        elif isinstance(event, events.Felt):
            confidence = bounded("confidence", event.confidence, 0.0, 1.0)
            intensity = bounded("intensity", event.intensity, 0.0, 1.0)
            if confidence > 0.0:
                parts = tuple(Component(part.pad, part.weight) for part in event.parts)
                felt_now = Felt(utc("at", event.at), event.pad, confidence, intensity, parts)
                state = self._take_up(state, [felt_now])
        elif isinstance(event, Merged) and event.mood is not None:
            state = self._merge(state, event.mood, event.memories)
        return state

    def forget(self, state: MoodState) -> None:
        """Keep nothing that was made of this mood but what others may share."""
        self._settled.drop(id(state))

    def ripened(self, state: MoodState) -> MoodState | None:
        """The same mood with one more group worked in, where so many wait that a reading would take long; else nothing.

        It is what a reading would work in first, so whoever reads gets the same mood, to the last bit.
        """
        if len(state.pending) < PENDING:
            return None
        group, rest = state.pending[:GROUP], state.pending[GROUP:]
        return replace(self._with_group(state, group, keep=True), pending=rest)

    def settled(self, state: MoodState) -> MoodState:
        """The mood with every pending feeling worked in; the last few are kept, for those who read again."""
        if not state.pending:
            return state
        held = self._settled.get(id(state))
        if held is not None:
            return held[1]
        mood, felt = state, state.pending
        while len(felt) >= GROUP:
            mood, felt = self._with_group(mood, felt[:GROUP], keep=True), felt[GROUP:]
        if felt:
            mood = self._feel(mood, felt)
        self._settled.put(id(state), (state, mood))
        return mood

    def read(self, state: MoodState, top: int = 5) -> Mood:
        """The mood in words and numbers, with its ``top`` likeliest named emotions.

        An emotion's probability is |⟨packet|ψ⟩|² with a packet at its PAD, as a share of the sum over all names.
        Raises: InvalidValue, OutOfRange for ``top``.
        """
        whole("top", top, 1, len(emotions.EMOTIONS))
        state = self.settled(state)
        psi = state.state
        points = np.array([np.asarray(pad) for pad in emotions.EMOTIONS.values()], dtype=np.float64)
        weights = self._kept.projected(psi, points, np.full(points.shape, EMOTION_WIDTH))
        total = float(weights.sum())
        # A feeling so far from every name that each weighs 0 is no nearer to one than to another.
        chances = weights / total if total > 0.0 else np.full(len(weights), 1.0 / len(weights))
        names = tuple(emotions.EMOTIONS)
        order = np.argsort(-chances, kind="stable")[:top]
        mean, covariance = psi.mean_and_covariance()
        pleasure, arousal, dominance = np.clip(mean, -1.0, 1.0).tolist()
        spread = np.minimum(np.sqrt(np.diagonal(covariance)), 1.0).tolist()
        return Mood(
            mean=PAD(pleasure, arousal, dominance),
            spread=(spread[0], spread[1], spread[2]),
            emotions=tuple((names[index], float(chances[index])) for index in order),
            entropy=psi.entropy(self._grid.bits[0]),
            fidelity=1.0 - state.error,
            bond=psi.bond,
            nbytes=psi.nbytes,
            at=state.at,
        )

    def congruence(self, state: MoodState, pads: object, confidences: object) -> Floats:
        """``congruences`` with one mood."""
        return self.congruences([(state, pads, confidences)])[0]

    def congruences(self, asked: Sequence[tuple[MoodState, object, object]]) -> list[Floats]:
        """For each mood (n,) in [0, 1]: how well feelings at (n, 3) PADs, held with (n,) confidences, fit it.

        It is confidence × |⟨packet|ψ⟩|, the packet being the one that the feeling would add, at rest. The modulus and
        not its square, so that it falls as slowly as an amplitude; times confidence, so that an unknown feeling fits
        no mood. Those of one settled mood, which forks have in common, are asked together.

        Raises: ShapeMismatch, NotFinite, OutOfRange.
        """
        checked = [self._feelings(pads, confidences) for _, pads, confidences in asked]
        states = [self.settled(state).state for state, _, _ in asked]
        widths = [self._wide - (self._wide - self._narrow) * sure for _, sure in checked]
        found = self._kept.fidelities(
            [
                Resting(psi, points, np.repeat(width[:, None], 3, axis=1))
                for psi, (points, _), width in zip(states, checked, widths, strict=True)
            ]
        )
        return [sure * np.sqrt(np.minimum(one, 1.0)) for one, (_, sure) in zip(found, checked, strict=True)]

    def _feelings(self, pads: object, confidences: object) -> tuple[Floats, Floats]:
        """(n, 3) PADs in the cube and (n,) confidences in [0, 1]. Raises: ShapeMismatch, NotFinite, OutOfRange."""
        points = np.asarray(pads, dtype=np.float64)
        sure = np.asarray(confidences, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 3:
            raise ShapeMismatch("pads", ("n", 3), points.shape)
        if sure.shape != (len(points),):
            raise ShapeMismatch("confidences", (len(points),), sure.shape)
        for index in np.flatnonzero(~((sure >= 0.0) & (sure <= 1.0))).tolist():
            if not math.isfinite(sure[index]):
                raise NotFinite("confidences", float(sure[index]), f"index {index}")
            raise OutOfRange("confidences", float(sure[index]), 0.0, 1.0)
        return points, sure

    def _take_up(self, state: MoodState, new: Sequence[Felt]) -> MoodState:
        """The state with these feelings pending, and groups of them worked in where too many would be."""
        felt, known = (*state.pending, *new), len(state.pending)
        if len(felt) > WAITING:
            count = self._remembered(felt)
            if count is not None:
                # Whole groups go, so that the others stay the same ones. Copies of these, because what a reader left
                # behind for a pending one has another mood before it.
                gone = (len(felt) - count) // GROUP * GROUP
                state, felt, known = self.empty(), tuple(one._replace() for one in felt[gone:]), 0
        while len(felt) > WAITING:
            state = self._with_group(state, felt[:GROUP], keep=known >= GROUP)
            felt, known = felt[GROUP:], known - GROUP
        return replace(state, pending=felt)

    def _remembered(self, felt: Sequence[Felt]) -> int | None:
        """How many of the last feelings make any mood before them forgotten; ``None`` if all do not.

        Together they forget as much as ``reach`` of the least share do. No fewer than fill the clock and the trend.
        """
        left = self._reach * -math.log1p(-self._eta * LEAST_SHARE)
        for count, one in enumerate(reversed(felt), start=1):
            left += math.log1p(-self._share(one))
            if left <= 0.0 and count >= PENDING:
                return count
        return None

    def _with_group(self, state: MoodState, group: tuple[Felt, ...], *, keep: bool) -> MoodState:
        """The mood after a whole group; kept where a reader or a relative may come to the same group.

        One feeling stands in one history, so the last of a group says which moods came before.
        """
        last = group[-1]
        held = self._settled.get(id(last))
        if held is not None:
            return held[1]
        mood = self._feel(state, group)
        if keep:
            self._settled.put(id(last), (last, mood))
        return mood

    def _feel(self, state: MoodState, feelings: Sequence[Felt]) -> MoodState:
        """The mood after a few feelings, with one compression.

        The basis is the mood before, the resting packet and the new packets. Their overlaps are known without encoding
        any, so the coefficients are followed feeling by feeling, and the tensors are summed once.
        """
        packets = [self._rest]
        last, trend = state.last, state.trend
        for felt in feelings:
            trend = _next_trend(trend, last, felt.pad)
            last = felt.pad
            packets += self._packets(felt, trend)
        gram = self._gram(state.state, Packets.of(self._grid, packets))
        mix = np.zeros(len(gram), dtype=np.complex128)
        mix[0] = 1.0
        away, times, first = chord(state.error), state.times, 2
        for felt in feelings:
            passed_s = max(0.0, (felt.at - max(times)).total_seconds()) if times else 0.0
            mix, off = relaxed(mix, gram, passed_s / self._half_life_s)
            away = off.of_mood * away + off.of_rest * self._rest_away
            mix, away = mixed(mix, gram, superposition(gram, first, felt.weights), self._share(felt), away)
            times, first = (*times, felt.at)[-CLOCK:], first + len(felt.points)
        parts = [state.state, self._resting, *(self._kept.encoded(packet) for packet in packets[1:])]
        used = np.flatnonzero(mix).tolist()
        mood, lost = self._fitted(superpose([parts[i] for i in used], mix[used].tolist()))
        return MoodState(mood, times, last, trend, infidelity(away + lost))

    def _fitted(self, state: QuantumState) -> tuple[QuantumState, float]:
        """The state within the limits of a mood, and the distance that was lost to them."""
        fitted = fit(state, max_bond=self._max_bond, min_fidelity=self._min_fidelity, max_bytes=self._max_bytes)
        return fitted.state, chord(1.0 - fitted.fidelity)

    def _merge(self, state: MoodState, brought: MoodBrought, memories: Sequence[Memory]) -> MoodState:
        share = bounded("weight", brought.weight, 0.0, 1.0)
        if share == 0.0:
            return state
        state = self.settled(state)
        theirs = QuantumState.from_bytes(brought.tensors, xp=self._xp).astype(self._dtype).normalised()
        overlap = state.state.overlap(theirs)
        gram = np.array([[1.0, overlap], [overlap.conjugate(), 1.0]])
        ours, added = np.eye(2, dtype=np.complex128)
        mix, away = mixed(ours, gram, added, share, chord(state.error))
        both, lost = self._fitted(superpose([state.state, theirs], mix.tolist()))
        times = [utc("at", memory.at) for memory in memories if memory.confidence > 0.0]
        clock = (*state.times, max(times))[-CLOCK:] if times else state.times
        return MoodState(both, clock, state.last, state.trend, infidelity(away + lost))

    def _gram(self, psi: QuantumState, packets: Packets) -> NDArray[np.complex128]:
        """(n + 1, n + 1) overlaps of the state and the packets."""
        gram = np.ones((len(packets) + 1, len(packets) + 1), dtype=np.complex128)
        gram[1:, 1:] = packets.gram()
        gram[1:, 0] = packet_overlaps(psi, packets.means, packets.widths, packets.momenta)
        gram[0, 1:] = gram[1:, 0].conj()
        return gram

    def _packets(self, felt: Felt, trend: Triple) -> list[Packet]:
        """The packet of a feeling, or one for each of its parts, all heading where the trend goes."""
        width = self._wide - (self._wide - self._narrow) * felt.confidence
        push = self._momentum_scale * np.array(trend)
        length = float(np.linalg.norm(push))
        if length > MOMENTUM_CAP:
            push *= MOMENTUM_CAP / length
        return [Packet(_triple(pad), (width, width, width), _triple(push / width)) for pad in felt.points]

    def _share(self, felt: Felt) -> float:
        strength = (felt.confidence + felt.importance) / 2.0
        return self._eta * (LEAST_SHARE + (1.0 - LEAST_SHARE) * strength)


def _felt(memory: Memory) -> Felt:
    return Felt(utc("at", memory.at), memory.pad, memory.confidence, memory.importance)


def _next_trend(trend: Triple, last: PAD | None, pad: PAD) -> Triple:
    step = np.zeros(3) if last is None else np.asarray(pad) - np.asarray(last)
    return _triple((1.0 - TREND_RATE) * np.array(trend) + TREND_RATE * step)


def apart(one: float, other: float) -> float:
    """The greatest infidelity of two moods of these errors that come of the same feelings."""
    return infidelity(chord(one) + chord(other))


def _triple(values: object) -> Triple:
    pleasure, arousal, dominance = np.asarray(values, dtype=np.float64).tolist()
    return pleasure, arousal, dominance
