"""The mood: its laws as a fold, what a feeling, time and a merge do to it, and how it is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import CorruptRecord, InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.affect import mood
from quantum_memory.memory.affect.emotions import EMOTIONS
from quantum_memory.memory.affect.mood import MoodFold, MoodState
from quantum_memory.memory.affect.snapshot import MoodCodec
from quantum_memory.memory.affect.spanned import chord, relaxed
from quantum_memory.memory.events import (
    Entry,
    Event,
    Felt,
    Forgotten,
    Merged,
    MoodBrought,
    Remembered,
    Revised,
    RolledBack,
    SkillLearned,
    SkillUsed,
)
from quantum_memory.memory.quantum import Grid, Packet, Packets, QuantumState, superpose
from quantum_memory.memory.timeline import Fold, Timeline
from quantum_memory.types import PAD, Branch, Floats, Memory, Place, Skill

START = datetime(2026, 1, 1, tzinfo=UTC)
TINY = Grid((4, 4, 4))
SMALL = Grid((6, 5, 5))
BRANCH = "b"
UNITS = st.floats(0.0, 1.0)
PADS = st.tuples(*[st.floats(-1.0, 1.0)] * 3)


def memory(
    number: int,
    pad: Sequence[float] | Floats,
    confidence: float = 0.7,
    importance: float = 0.5,
    at: datetime | None = None,
) -> Memory:
    when = START + timedelta(minutes=10 * number) if at is None else at
    return Memory(str(number), "x", when, PAD(*pad), confidence, importance, np.ones(1, dtype=np.float32))


def exact(grid: Grid = TINY, **options: Any) -> MoodFold:
    """A fold in double precision that drops nothing."""
    given = {"narrow": 0.15, "max_bond": 1 << 10, "min_fidelity": 1.0, "dtype": np.complex128, **options}
    return MoodFold(grid, **given)


def small(**options: Any) -> MoodFold:
    return MoodFold(SMALL, **options)


def feel(fold: MoodFold, memories: Sequence[Memory], state: MoodState | None = None) -> MoodState:
    """One event per memory."""
    return in_events(fold, memories, 1, state)


def in_events(fold: MoodFold, memories: Sequence[Memory], size: int, state: MoodState | None = None) -> MoodState:
    """One event for so many memories; what is pending in the end is worked in."""
    state = fold.empty() if state is None else state
    for start in range(0, len(memories), size):
        state = fold.apply(state, Remembered(tuple(memories[start : start + size])))
    return fold.settled(state)


def merged(tensors: bytes | None, weight: float, *memories: Memory) -> Merged:
    brought = None if tensors is None else MoodBrought(tensors, weight)
    return Merged(Place("other", 3), Place(BRANCH, 1), tuple(memories), (), (), brought)


def infidelity(fold: MoodFold, one: MoodState, other: MoodState) -> float:
    return 1.0 - fold.settled(one).state.fidelity(fold.settled(other).state)


FEELINGS = st.lists(st.tuples(PADS, UNITS, UNITS), min_size=1, max_size=12).map(
    lambda rows: [memory(number, *row) for number, row in enumerate(rows)]
)


# What a fold promises


def test_it_is_a_fold_of_the_mood() -> None:
    fold: Fold[MoodState] = small()
    assert fold.part == "mood"
    assert fold.reach == 256
    assert (small(learning_rate=0.05).reach or 0) > 256, "who learns slowly looks further back"


@settings(deadline=None, max_examples=15)
@given(FEELINGS)
def test_the_same_events_give_the_same_bytes_and_change_no_state(memories: list[Memory]) -> None:
    event = Remembered(tuple(memories))
    fold, twin = small(), small()
    before = feel(fold, memories[:3])
    kept = before.state.to_bytes()
    after = fold.settled(fold.apply(before, event))
    assert before.state.to_bytes() == kept
    again = twin.settled(twin.apply(feel(twin, memories[:3]), event))
    assert again.state.to_bytes() == after.state.to_bytes()
    assert (again.at, again.last, again.trend, again.error) == (after.at, after.last, after.trend, after.error)


def test_what_is_none_of_its_business_returns_the_state_itself() -> None:
    fold = small()
    state = feel(fold, [memory(0, (0.5, 0.2, 0.1))])
    events: list[Event] = [
        Forgotten(("0",)),
        SkillLearned(Skill("greet", ("wave",))),
        SkillUsed("greet", succeeded=True),
        RolledBack(Place(BRANCH, 0), ("graph",)),
        Remembered(()),
        Remembered((memory(1, (0.9, 0.9, 0.9), confidence=0.0),)),
        Felt(START, PAD(0.9, 0.9, 0.9), 0.0, 1.0),
        Revised((memory(0, (-0.9, 0.9, 0.9)),)),
        merged(None, 0.0, memory(2, (0.9, 0.9, 0.9))),
        merged(small().empty().state.to_bytes(), 0.0),
    ]
    for event in events:
        assert fold.apply(state, event) is state
        assert fold.units(event) == 0


@settings(deadline=None, max_examples=15)
@given(FEELINGS, PADS, UNITS)
def test_a_bare_feeling_counts_like_a_memory_as_important_as_it_is_intense(
    memories: list[Memory], pad: tuple[float, float, float], intensity: float
) -> None:
    fold = small()
    state = feel(fold, memories)
    at = START + timedelta(hours=9)
    felt = Felt(at, PAD(*pad), 1.0, intensity, "because")
    as_memory = memory(99, pad, 1.0, intensity, at)
    one, other = fold.apply(state, felt), fold.apply(state, Remembered((as_memory,)))
    assert fold.settled(one).state.to_bytes() == fold.settled(other).state.to_bytes()
    assert fold.units(felt) == fold.units(Remembered((as_memory,))) == 1


def test_a_feeling_out_of_bounds_is_refused() -> None:
    for confidence, intensity in ((1.5, 0.5), (0.5, -0.1), (math.nan, 0.5)):
        with pytest.raises((OutOfRange, NotFinite)):
            small().apply(small().empty(), Felt(START, PAD(0, 0, 0), confidence, intensity))


def test_units_are_the_feelings_of_an_event() -> None:
    event = Remembered((memory(0, (0, 0, 0)), memory(1, (0, 0, 0), 0.0), memory(2, (0, 0, 0), 0.1)))
    assert small().units(event) == 2


def sequences() -> dict[str, list[Memory]]:
    rng = np.random.default_rng(4)
    count = 300
    walk = np.clip(np.cumsum(rng.normal(size=(count, 3)) * 0.15, axis=0), -0.9, 0.9)
    return {
        "mixed": [memory(i, rng.uniform(-0.9, 0.9, 3), rng.uniform(0.2, 1), rng.uniform()) for i in range(count)],
        "alternating": [memory(i, (0.7, 0.5, 0.3) if i % 2 else (-0.6, 0.5, -0.4)) for i in range(count)],
        "unsure": [memory(i, rng.uniform(-0.9, 0.9, 3), 0.01, 0.0) for i in range(count)],
        "close and fast": [memory(i, (0.1 * (-1) ** i, 0.0, 0.0), 1.0, 0.0) for i in range(count)],
        "drifting": [memory(i, pad, 0.9, 0.3) for i, pad in enumerate(walk)],
    }


@pytest.mark.parametrize("name", list(sequences()))
def test_the_last_feelings_make_the_mood(name: str) -> None:
    memories = sequences()[name]
    for fold, size in ((small(), 4), (small(max_bond=16, momentum_scale=100.0), 10)):
        whole = in_events(fold, memories, size)
        tail = in_events(fold, memories[-260:], size)
        assert infidelity(fold, whole, tail) <= 1e-6


@settings(deadline=None, max_examples=5)
@given(st.lists(PADS, min_size=1, max_size=5), st.sampled_from([0.01, 0.4, 1.0]), st.sampled_from([0.0, 1.0]))
def test_whatever_came_before_is_forgotten(pads: list[Any], confidence: float, importance: float) -> None:
    fold = small(momentum_scale=5.0)
    dark = fold.apply(fold.empty(), Remembered(tuple(memory(i, (-0.9, -0.9, -0.9), 1.0, 1.0) for i in range(30))))
    same = Remembered(tuple(memory(100 + i, pads[i % len(pads)], confidence, importance) for i in range(256)))
    assert infidelity(fold, fold.apply(fold.empty(), same), fold.apply(dark, same)) <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", list(sequences()))
def test_the_last_feelings_make_the_mood_on_28_qubits(name: str) -> None:
    memories = sequences()[name]
    fold = MoodFold(max_bond=32)
    whole = feel(fold, memories)
    assert infidelity(fold, whole, feel(fold, memories[-256:])) <= 1e-6
    assert infidelity(fold, whole, fold.apply(fold.empty(), Remembered(tuple(memories)))) <= 5e-6


def test_memories_beyond_reach_in_one_event_need_no_packet() -> None:
    fold = small()
    memories = [memory(i, (math.sin(i), math.cos(i), math.sin(3 * i))) for i in range(fold._reach + 40)]
    whole = fold.settled(fold.apply(fold.empty(), Remembered(tuple(memories))))
    last = fold.settled(fold.apply(fold.empty(), Remembered(tuple(memories[-fold._reach :]))))
    assert whole.state.to_bytes() == last.state.to_bytes()
    assert infidelity(fold, whole, in_events(fold, memories, 8)) <= 1e-6


@settings(deadline=None, max_examples=15)
@given(FEELINGS)
def test_a_batch_is_felt_one_by_one(memories: list[Memory]) -> None:
    fold = exact()
    batch = fold.settled(fold.apply(fold.empty(), Remembered(tuple(memories))))
    single = feel(fold, memories)
    assert infidelity(fold, batch, single) < 1e-10
    assert batch.trend == single.trend
    assert batch.last == single.last


def test_many_feelings_at_once_wait_and_make_forgotten_what_came_before() -> None:
    """Nothing is computed for an event of many, however many follow each other, until somebody reads."""
    fold, count = small(), 0
    memories = [memory(i, (math.sin(i), math.cos(2 * i), math.sin(3 * i)), 0.9, 0.6) for i in range(192)]
    slow = in_events(fold, memories, 8)
    for size in (48, 192):
        state = fold.empty()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fold, "_feel", lambda *_: pytest.fail("computed while nobody reads"))
            for start in range(0, len(memories), size):
                state = fold.apply(state, Remembered(tuple(memories[start : start + size])))
                count = max(count, len(state.pending))
        assert infidelity(fold, state, slow) <= 1e-6
        settled = fold.settled(state)
        assert (settled.times, settled.last) == (slow.times, slow.last)
        assert math.dist(settled.trend, slow.trend) <= 1e-6
    assert mood.PENDING < count <= mood.WAITING


def test_what_waits_is_worked_in_little_by_little_and_as_if_it_had_not_waited() -> None:
    """Not one bit is otherwise for whoever reads, before, on the way or after, or feels more."""
    fold, untouched = small(), small()
    many = [memory(i, (math.sin(i), math.cos(2 * i), math.sin(3 * i)), 0.9, 0.6) for i in range(120)]
    bulk = fold.apply(fold.empty(), Remembered(tuple(many)))
    assert len(bulk.pending) == len(many)
    wanted, steps, state = untouched.settled(bulk).state.to_bytes(), [], bulk
    while (ripe := fold.ripened(state)) is not None:
        steps.append(len(state.pending) - len(ripe.pending))
        state = ripe
        assert fold.settled(state).state.to_bytes() == wanted
    assert set(steps) == {mood.GROUP}
    assert mood.PENDING - mood.GROUP <= len(state.pending) < mood.PENDING
    more = Remembered((memory(200, (-0.5, 0.2, 0.0)),))
    assert (
        fold.settled(fold.apply(state, more)).state.to_bytes()
        == untouched.settled(untouched.apply(bulk, more)).state.to_bytes()
    )
    assert fold.ripened(fold.empty()) is None


def test_one_by_one_nothing_is_computed_either_until_somebody_reads() -> None:
    """However many there are: those that the last ones make forgotten are left out."""
    fold, count = small(), 0
    memories = [memory(i, (math.sin(i), math.cos(2 * i), math.sin(3 * i)), 0.9, 0.6) for i in range(2 * mood.WAITING)]
    quick, slow = fold.empty(), fold.empty()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "_feel", lambda *_: pytest.fail("computed while nobody reads"))
        for one in memories:
            quick = fold.apply(quick, Remembered((one,)))
            count = max(count, len(quick.pending))
    assert count == mood.WAITING
    for one in memories:
        slow = fold.apply(slow, Remembered((one,)))
        while (ripe := fold.ripened(slow)) is not None:
            slow = ripe
    assert infidelity(fold, quick, slow) <= 1e-6


@pytest.mark.parametrize(("rate", "strength"), [(0.01, 1.0), (0.2, 0.0), (0.9, 1.0)])
def test_no_fewer_feelings_are_remembered_than_make_the_mood(rate: float, strength: float) -> None:
    """However fast it learns and however strong they are, within what an event of many may leave waiting."""
    fold = small(learning_rate=rate, max_bond=16)
    dark = fold.apply(fold.empty(), Remembered(tuple(memory(i, (-0.9, -0.9, -0.9), 1.0, 1.0) for i in range(40))))
    many = [memory(100 + i, (math.sin(i), 0.3, math.cos(i)), max(strength, 0.01), strength) for i in range(250)]
    whole = fold.settled(in_events(fold, many, 5, fold.settled(dark)))
    state = fold.apply(dark, Remembered(tuple(many)))
    assert len(state.pending) <= mood.WAITING
    assert infidelity(fold, state, whole) <= 1e-6


class Journal:
    """A history of one branch in a list."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.rows = [Entry(Place(BRANCH, seq), START, event) for seq, event in enumerate(events, start=1)]
        self.read: list[int] = []

    def branch(self, branch: str) -> Branch:
        return Branch(branch, "alice", "main", "l", "root", None, 0, START)

    def rollbacks(self, branch: str, upto: int) -> Sequence[tuple[int, RolledBack]]:  # noqa: ARG002 - there is one
        return [(r.place.seq, r.event) for r in self.rows[:upto] if isinstance(r.event, RolledBack)]

    def entries(self, branch: str, after: int, upto: int) -> Sequence[Entry]:  # noqa: ARG002 - there is one
        self.read += range(after + 1, upto + 1)
        return self.rows[after:upto]


def test_a_timeline_finds_the_same_mood_by_reading_only_the_end() -> None:
    memories = sequences()["mixed"]
    journal = Journal([Remembered(tuple(memories[at : at + 5])) for at in range(0, len(memories), 5)])
    fold = small()
    live = Timeline(fold, journal, keep=4)
    for row in journal.rows:
        live.push(row)
    head = journal.rows[-1].place
    assert journal.read == []
    cold = Timeline(small(), journal, keep=4).at(head)
    assert infidelity(fold, live.at(head), cold) <= 1e-6
    short = Journal([Remembered(tuple(memories[:4])), Forgotten(("0",)), Remembered(tuple(memories[4:9]))])
    cold = fold.settled(Timeline(fold, short, keep=4).at(short.rows[-1].place))
    pushed = Timeline(fold, short, keep=4)
    for row in short.rows:
        pushed.push(row)
    assert fold.settled(pushed.at(short.rows[-1].place)).state.to_bytes() == cold.state.to_bytes()


def test_forks_that_felt_a_little_share_one_tensor_network() -> None:
    fold = small()
    trunk = feel(fold, [memory(i, (0.3, 0.2, 0.1)) for i in range(8)])
    forks = [fold.apply(trunk, Remembered((memory(20 + i, (0.1 * i - 0.5, 0, 0)),))) for i in range(5)]
    assert all(fork.state is trunk.state for fork in forks)
    moods = [fold.read(fork).mean.pleasure for fork in forks]
    assert moods == sorted(moods)
    assert len(set(moods)) == 5
    assert [fold.read(fork).mean.pleasure for fork in forks] == moods


@pytest.mark.parametrize("before", [0, 7, 8, mood.PENDING - 1, mood.PENDING])
def test_a_fork_has_no_tensors_of_its_own_before_it_felt_much(before: int) -> None:
    """Whatever its parent had pending; what is worked in of the parent's is worked in once for all forks."""
    fold = small()
    trunk = fold.empty()
    for i in range(before):
        trunk = fold.apply(trunk, Remembered((memory(i, (0.3, 0.1 * (i % 5), 0)),)))
    forks = []
    for number in range(3):
        fork = trunk
        for i in range(mood.PENDING - mood.GROUP):
            fork = fold.apply(fork, Remembered((memory(100 + i, (0.1 * number, 0, 0.02 * i)),)))
        forks.append(fork)
    assert len({id(fork.state) for fork in forks}) == 1
    assert len({fold.read(fork).mean.pleasure for fork in forks}) == 3


def test_reading_on_the_way_changes_nothing() -> None:
    """Not one bit, although a reader leaves behind what it worked in."""
    quiet, watched = small(), small()
    one, other = quiet.empty(), watched.empty()
    for i in range(mood.WAITING + mood.PENDING + 3):
        event = Remembered((memory(i, (math.sin(i), math.cos(2 * i) / 2, 0.1)),))
        one, other = quiet.apply(one, event), watched.apply(other, event)
        assert len(other.pending) <= mood.WAITING
        if i % 3:
            watched.read(other)
    fresh = small()
    assert quiet.settled(one).state.to_bytes() == watched.settled(other).state.to_bytes()
    assert fresh.settled(one).state.to_bytes() == watched.settled(other).state.to_bytes()


@pytest.mark.parametrize("many", [234, 242])
def test_reading_before_an_event_of_many_changes_nothing(many: int) -> None:
    """Not one bit, though some of what waited is left out and what is left has another mood before it."""
    quiet, watched = small(), small()
    few = [memory(i, (math.sin(i), math.cos(2 * i) / 2, 0.1), 1.0, 1.0) for i in range(30)]
    lot = [memory(100 + i, (math.cos(i), math.sin(2 * i) / 2, 0.1), 1.0, 1.0) for i in range(many)]
    one, other = (fold.apply(fold.empty(), Remembered(tuple(few))) for fold in (quiet, watched))
    watched.read(other)
    one, other = quiet.apply(one, Remembered(tuple(lot))), watched.apply(other, Remembered(tuple(lot)))
    assert len(one.pending) < len(few) + many, "what is forgotten is left out"
    assert quiet.settled(one).state.to_bytes() == watched.settled(other).state.to_bytes()


def test_settled_moods_are_kept_for_those_who_read_again_and_no_longer() -> None:
    fold = small()
    states = [fold.apply(fold.empty(), Remembered((memory(i, (0.1, 0, 0)),))) for i in range(mood.SETTLED_KEPT + 3)]
    first = fold.settled(states[0])
    assert fold.settled(states[0]) is first
    for state in states:
        fold.settled(state)
    assert len(fold._settled) == mood.SETTLED_KEPT
    assert fold.settled(states[0]) is not first


# A feeling


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(PADS, st.floats(0.01, 1.0), UNITS), min_size=2, max_size=4))
def test_a_feeling_is_the_superposition_that_is_documented(rows: list[Any]) -> None:
    fold = exact(learning_rate=0.3, momentum_scale=0.8)
    dense = fold.empty().state.to_dense()
    last, trend = None, np.zeros(3)
    for pad, confidence, importance in rows:
        point = np.array(pad)
        trend = 0.5 * trend + 0.5 * (np.zeros(3) if last is None else point - last)
        last = point
        push = 0.8 * trend
        push *= min(1.0, 0.5 / max(1e-300, float(np.linalg.norm(push))))
        width = 0.35 - 0.2 * confidence
        packet = Packet(tuple(point), (width,) * 3, tuple(push / width))
        eta = 0.3 * (0.4 + 0.6 * (confidence + importance) / 2)
        new = QuantumState.from_packet(TINY, packet, dtype=np.complex128).to_dense()
        assert np.vdot(new, dense).real > -0.5
        dense = math.sqrt(1 - eta) * dense + math.sqrt(eta) * new
        dense /= np.linalg.norm(dense)
    got = feel(fold, [memory(i, pad, sure, weight, START) for i, (pad, sure, weight) in enumerate(rows)])
    assert abs(np.vdot(got.state.to_dense(), dense)) ** 2 == pytest.approx(1.0, abs=1e-9)
    assert got.trend == pytest.approx(tuple(trend))


def test_the_mood_goes_where_the_feelings_are() -> None:
    fold = small()
    state = feel(fold, [memory(i, (0.7, 0.4, -0.3), 0.9) for i in range(40)])
    assert np.allclose(state.state.mean(), (0.7, 0.4, -0.3), atol=0.03)
    surer = feel(fold, [memory(i, (0.0, 0.0, 0.0), 1.0, 1.0) for i in range(40)])
    less = feel(fold, [memory(i, (0.0, 0.0, 0.0), 0.1, 1.0) for i in range(40)])
    assert (surer.state.spread() < less.state.spread()).all()


def test_mixed_feelings_keep_two_peaks_and_are_entangled() -> None:
    fold = small()
    state = feel(fold, [memory(i, (0.7, 0.6, 0.5) if i % 2 else (-0.7, -0.6, -0.5), 1.0) for i in range(60)])
    density = state.state.marginal(0)
    points = SMALL.points(0)
    assert density[np.argmin(abs(points - 0.7))] > 3 * density[np.argmin(abs(points))]
    assert density[np.argmin(abs(points + 0.7))] > 3 * density[np.argmin(abs(points))]
    assert fold.read(state).entropy > 0.8


def test_momentum_follows_the_trend_and_is_capped() -> None:
    fold = small(momentum_scale=100.0)
    state = feel(fold, [memory(0, (-0.5, 0, 0)), memory(1, (0.5, 0, 0))])
    assert state.trend == pytest.approx((0.5, 0.0, 0.0))
    (packet,) = fold._packets(mood.Felt(START, PAD(0.5, 0, 0), 0.8, 0.5), state.trend)
    assert packet.momentum[0] * packet.width[0] == pytest.approx(mood.MOMENTUM_CAP)
    rising = feel(fold, [memory(i, (0.1 * i - 0.5, 0.0, 0.0), at=START) for i in range(11)])
    falling = feel(fold, [memory(i, (0.5 - 0.1 * i, 0.0, 0.0), at=START) for i in range(11)])
    assert rising.trend[0] > 0 > falling.trend[0]


@settings(deadline=None, max_examples=60)
@given(PADS, PADS, st.floats(0.1, 1.0), PADS, PADS)
def test_capped_packets_never_cancel(one: Any, other: Any, width: float, push: Any, pull: Any) -> None:
    waves = [np.array(p) * min(1.0, mood.MOMENTUM_CAP / max(1e-300, float(np.linalg.norm(p)))) for p in (push, pull)]
    gram = Packets(SMALL, np.array([one, other]), np.full((2, 3), width), np.array(waves) / width).gram()
    assert gram[0, 1].real > -0.12, "at the border of the cube packets are cut and overlap a little otherwise"


# Time


def test_the_angle_to_rest_halves_every_half_life_however_often_one_looks() -> None:
    rng = np.random.default_rng(2)
    basis = rng.normal(size=(5, 3)) + 1j * rng.normal(size=(5, 3))
    basis /= np.linalg.norm(basis, axis=0)
    gram = basis.conj().T @ basis
    start = np.array([1.0, 0.0, 0.0], dtype=np.complex128)

    def angle(mix: Any) -> float:
        return math.acos((basis[:, 1].conj() @ basis @ mix).real)

    assert angle(start) < 2.0
    once, _ = relaxed(start, gram, 1.0)
    assert angle(once) == pytest.approx(angle(start) / 2, abs=1e-12)
    assert np.linalg.norm(basis @ once) == pytest.approx(1.0, abs=1e-12)
    often = start
    for _ in range(100):
        often, _ = relaxed(often, gram, 0.01)
    assert np.allclose(often, once, atol=1e-10)


def test_long_after_a_feeling_the_mood_is_at_rest() -> None:
    fold = small(temperament=PAD(0.3, -0.1, 0.2), half_life_s=3600.0, momentum_scale=0.0)
    grief = memory(0, (-0.8, 0.1, -0.6))
    joy = memory(1, (0.8, 0.5, 0.6), at=START + timedelta(days=30))
    assert infidelity(fold, feel(fold, [grief, joy]), feel(fold, [joy])) < 1e-6
    soon = memory(1, (0.8, 0.5, 0.6), at=START + timedelta(seconds=1))
    assert infidelity(fold, feel(fold, [grief, soon]), feel(fold, [joy])) > 1e-2


def test_times_out_of_order_let_nothing_pass() -> None:
    fold = small()
    first = memory(0, (0.5, 0.5, 0.5))
    now, before = (memory(1, (-0.5, 0.0, 0.1), at=START + timedelta(days=days)) for days in (0, -9))
    there, back = feel(fold, [first, now]), feel(fold, [first, before])
    assert there.state.to_bytes() == back.state.to_bytes()
    assert back.at == first.at


def test_an_old_line_between_two_feelings_lets_only_the_real_time_pass() -> None:
    fold = small(half_life_s=3600.0)
    joys = [memory(i, (0.8, 0.5, 0.4), 1.0, 1.0, START + timedelta(seconds=i)) for i in range(10)]
    diary = memory(10, (0.0, 0.0, 0.0), 0.05, 0.0, START - timedelta(days=2000))
    after = memory(11, (0.8, 0.5, 0.4), 1.0, 1.0, START + timedelta(seconds=60))
    plain, mixed = feel(fold, [*joys, after]), feel(fold, [*joys, diary, after])
    assert mixed.state.mean()[0] > plain.state.mean()[0] - 0.1
    assert mixed.at == after.at


def test_one_date_far_ahead_does_not_stop_the_clock_for_good() -> None:
    fold = small(half_life_s=3600.0)
    future = memory(0, (0.1, 0.0, 0.0), at=START + timedelta(days=9000))
    later = [memory(1 + i, (0.8, 0.5, 0.4), 1.0, 1.0, START + timedelta(seconds=i)) for i in range(mood.CLOCK + 8)]
    state = feel(fold, [future, *later])
    assert state.at == later[-1].at
    rested = feel(fold, [memory(99, (0.8, 0.5, 0.4), 0.1, 0.0, START + timedelta(days=3))], state)
    assert abs(rested.state.mean()[0]) < 0.3


def test_a_naive_time_is_read_as_utc() -> None:
    fold = small()
    state = feel(fold, [memory(0, (0, 0, 0)), memory(1, (0, 0, 0), at=datetime(2026, 1, 2))])  # noqa: DTZ001 - naive on purpose
    assert state.at == START + timedelta(days=1)


# A merge


@settings(deadline=None, max_examples=15)
@given(FEELINGS, FEELINGS, st.floats(0.0, 1.0))
def test_a_merge_superposes_the_moods(ours: list[Memory], theirs: list[Memory], weight: float) -> None:
    fold = exact()
    left, right = (feel(fold, side) for side in (ours, theirs))
    got = fold.apply(left, merged(right.state.to_bytes(), weight))
    want = superpose([left.state, right.state], [math.sqrt(1 - weight), math.sqrt(weight)])
    assert 1.0 - got.state.fidelity(want) < 1e-10
    assert got.state.norm() == pytest.approx(1.0, abs=1e-10)


def test_the_memories_of_a_merge_are_not_felt_again() -> None:
    fold = small()
    left = feel(fold, [memory(0, (0.5, 0.2, 0.1))])
    late = memory(9, (-0.9, 0.9, -0.9), 1.0, 1.0)
    brought = feel(fold, [memory(0, (0.5, 0.2, 0.1)), late]).state.to_bytes()
    with_memories = fold.apply(left, merged(brought, 0.5, late))
    without = fold.apply(left, merged(brought, 0.5))
    assert with_memories.state.to_bytes() == without.state.to_bytes()
    assert with_memories.at == late.at
    assert without.at == left.at
    assert fold.apply(fold.empty(), merged(brought, 0.5)).at is None


def test_a_mood_and_its_negative_are_one_feeling() -> None:
    fold = exact()
    state = feel(fold, [memory(0, (0.5, 0.2, 0.1)), memory(1, (0.4, 0.2, 0.3))])
    negative = superpose([state.state], [-1.0])
    same = fold.apply(state, merged(negative.to_bytes(), 0.5))
    assert infidelity(fold, same, state) < 1e-10
    turned = fold.apply(fold.empty(), merged(negative.to_bytes(), 1.0))
    for event in (Remembered((memory(2, (0.5, 0.2, 0.1)),)), Remembered((memory(2, (-0.5, 0.2, 0.1)),))):
        assert fold.settled(fold.apply(turned, event)).state.norm() == pytest.approx(1.0, abs=1e-10)


def test_a_brought_mood_of_other_norm_and_precision_is_taken_as_the_feeling_it_is() -> None:
    fold = small()
    state = feel(fold, [memory(0, (0.5, 0.2, 0.1))])
    loud = superpose([feel(fold, [memory(0, (-0.3, 0.2, 0.1))]).state.astype(np.complex128)], [7.0])
    got = fold.apply(state, merged(loud.to_bytes(), 0.5))
    quiet = fold.apply(state, merged(loud.normalised().to_bytes(), 0.5))
    assert infidelity(fold, got, quiet) < 1e-10
    assert {core.dtype for core in got.state.cores} == {np.dtype(np.complex64)}


# What compression costs


@settings(deadline=None, max_examples=15)
@given(FEELINGS, st.integers(2, 6), UNITS)
def test_the_error_is_an_upper_estimate_of_the_infidelity(memories: list[Memory], bond: int, weight: float) -> None:
    rough, whole = exact(max_bond=bond, min_fidelity=0.999), exact()
    states = [feel(fold, memories) for fold in (rough, whole)]
    assert infidelity(whole, *states) <= states[0].error + 1e-9
    other = feel(whole, memories[:2]).state.to_bytes()
    ends = [
        feel(fold, memories[:3], fold.apply(state, merged(other, weight)))
        for fold, state in zip((rough, whole), states, strict=True)
    ]
    assert infidelity(whole, *ends) <= ends[0].error + 1e-9
    assert ends[1].error < 1e-9


def test_the_error_fades() -> None:
    fold = exact(max_bond=4, min_fidelity=0.99)
    rough = feel(fold, [memory(i, (math.sin(i), math.cos(i), math.sin(5 * i)), 1.0) for i in range(20)])
    assert rough.error > 1e-4
    fine = exact()
    later = feel(fine, [memory(30 + i, (0.1, 0.1, 0.1)) for i in range(40)], rough)
    assert later.error < rough.error / 10


@settings(deadline=None, max_examples=25)
@given(FEELINGS, st.integers(1, 10), UNITS)
def test_a_mood_never_takes_more_than_its_bytes_and_tells_what_that_cost(
    memories: list[Memory], times: int, weight: float
) -> None:
    budget = times * 12 * 2 * 16  # so many times what a mood without entanglement takes
    tight, whole = exact(max_bytes=budget), exact()
    assert tight.empty().state.nbytes <= budget
    states = [feel(fold, memories) for fold in (tight, whole)]
    assert states[0].state.nbytes <= budget
    assert infidelity(whole, *states) <= states[0].error + 1e-9
    assert tight.read(states[0]).fidelity == 1.0 - states[0].error
    other = feel(whole, memories[:2]).state.to_bytes()
    ends = [
        feel(fold, memories[:3], fold.apply(state, merged(other, weight)))
        for fold, state in zip((tight, whole), states, strict=True)
    ]
    assert ends[0].state.nbytes <= budget
    assert infidelity(whole, *ends) <= ends[0].error + 1e-9


@settings(deadline=None, max_examples=10)
@given(FEELINGS)
def test_a_budget_that_suffices_changes_not_one_bit(memories: list[Memory]) -> None:
    free, bounded = small(), small(max_bytes=1 << 30)
    assert feel(free, memories).state.to_bytes() == feel(bounded, memories).state.to_bytes()
    parts = [Packet((0.1, 0.2, 0.3), (0.2,) * 3), Packet((-0.4, 0.0, 0.2), (0.1,) * 3)]
    given = QuantumState.from_packets(SMALL, parts)
    compressed, kept = given.compress(64, 1.0 - 1e-7)
    fitted, lost = free._fitted(given)
    assert fitted.to_bytes() == compressed.to_bytes()
    assert lost == chord(1.0 - kept)


def test_a_budget_is_part_of_what_a_mood_becomes_and_none_leaves_the_name_of_old_snapshots() -> None:
    free, tight, tighter = small(), small(max_bytes=4096), small(max_bytes=2048)
    assert "max_bytes" not in free.parameters
    assert (tight.parameters["max_bytes"], tighter.parameters["max_bytes"]) == (4096, 2048)
    assert len({MoodCodec(fold).fingerprint for fold in (free, tight, tighter)}) == 3


# Reading


def test_an_agent_that_felt_nothing_is_at_rest() -> None:
    fold = small(temperament=PAD(0.2, 0.0, -0.1))
    read = fold.read(fold.empty())
    assert np.allclose(read.mean, (0.2, 0.0, -0.1), atol=0.03)
    assert read.at is None
    assert read.fidelity == 1.0
    assert read.entropy == pytest.approx(0.0, abs=1e-5)
    assert read.bond == fold.empty().state.bond
    assert read.nbytes == fold.empty().state.nbytes


@pytest.mark.parametrize("name", ["joy", "anger", "fear", "sadness", "calm", "neutral"])
def test_a_feeling_is_named(name: str) -> None:
    fold = small()
    state = feel(fold, [memory(i, np.asarray(EMOTIONS[name]), 1.0, 1.0) for i in range(30)])
    read = fold.read(state)
    assert read.emotions[0][0] == name
    assert len(read.emotions) == 5
    assert read.at == state.at


@settings(deadline=None, max_examples=15)
@given(FEELINGS)
def test_the_emotions_share_one(memories: list[Memory]) -> None:
    fold = small()
    state = feel(fold, memories)
    everything = fold.read(state, top=len(EMOTIONS)).emotions
    shares = [share for _, share in everything]
    assert sum(shares) == pytest.approx(1.0)
    assert shares == sorted(shares, reverse=True)
    assert fold.read(state, top=3).emotions == everything[:3]
    assert all(0.0 <= part <= 1.0 for part in fold.read(state).spread)
    packets = [
        QuantumState.from_packet(SMALL, Packet(tuple(np.asarray(pad).tolist()), (mood.EMOTION_WIDTH,) * 3))
        for pad in EMOTIONS.values()
    ]
    weights = dict(zip(EMOTIONS, (abs(p.overlap(state.state)) ** 2 for p in packets), strict=True))
    total = sum(weights.values())
    assert all(share == pytest.approx(weights[name] / total, abs=1e-4) for name, share in everything)


def test_congruence_is_high_for_what_fits_and_none_for_what_is_not_known() -> None:
    fold = small()
    state = feel(fold, [memory(i, (0.7, 0.4, 0.3), 0.8) for i in range(20)])
    pads = [(0.7, 0.4, 0.3), (0.5, 0.3, 0.2), (-0.7, -0.4, -0.3), (0.7, 0.4, 0.3)]
    fits = fold.congruence(state, np.array(pads), np.array([0.8, 0.8, 0.8, 0.0]))
    assert fits[0] > 0.7
    assert fits[0] > fits[1] > fits[2]
    assert fits[2] < 0.05
    assert fits[3] == 0.0
    packet = QuantumState.from_packet(SMALL, Packet(pads[1], (0.35 - 0.25 * 0.8,) * 3))
    assert fits[1] == pytest.approx(0.8 * abs(packet.overlap(state.state)), abs=1e-5)
    assert fold.congruence(state, np.empty((0, 3)), np.empty(0)).shape == (0,)


@settings(deadline=None, max_examples=20)
@given(FEELINGS, st.lists(st.tuples(PADS, UNITS), min_size=1, max_size=20))
def test_congruence_lies_between_0_and_1(memories: list[Memory], asked: list[Any]) -> None:
    fold = small()
    state = fold.apply(fold.empty(), Remembered(tuple(memories)))
    fits = fold.congruence(state, [pad for pad, _ in asked], [sure for _, sure in asked])
    assert ((fits >= 0.0) & (fits <= 1.0)).all()


@settings(deadline=None, max_examples=15)
@given(
    st.lists(FEELINGS, min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 3), st.lists(st.tuples(PADS, UNITS), max_size=40)), max_size=8),
)
def test_moods_are_asked_together_as_one_by_one(histories: list[list[Memory]], asked: list[Any]) -> None:
    fold, twin = small(), small()
    states = [fold.apply(fold.empty(), Remembered(tuple(memories))) for memories in histories]
    states.append(fold.empty())
    requests = [
        (states[which % len(states)], np.array([pad for pad, _ in rows]).reshape(-1, 3), np.array([c for _, c in rows]))
        for which, rows in asked
    ]
    together = fold.congruences(requests)
    assert len(together) == len(requests)
    for (state, pads, sure), fits in zip(requests, together, strict=True):
        assert fits.shape == sure.shape
        assert np.allclose(fits, twin.congruence(state, pads, sure), atol=1e-6)
    used = {id(fold.settled(state).state) for state, _, _ in requests}
    assert fold.counts["projector_misses"] == len(used), "one projector for each settled mood"


def test_what_is_kept_is_counted_and_changes_nothing_when_it_goes() -> None:
    fold = small()
    state = fold.apply(fold.empty(), Remembered((memory(0, (0.5, 0.2, 0.1)), memory(1, (-0.2, 0.4, 0.0)))))
    pads, sure = np.array([(0.4, 0.1, 0.0)] * 40), np.full(40, 0.6)
    assert set(fold.counts.values()) == {0}
    first, read = fold.congruence(state, pads, sure), fold.read(state)
    assert np.array_equal(fold.congruence(state, pads, sure), first)
    more = fold.apply(state, Remembered((memory(2, (0.1, 0.1, 0.1)),)))
    tensors = fold.settled(more).state.to_bytes()
    counts = fold.counts
    assert (counts["projector_hits"], counts["projector_misses"]) == (2, 1), "a reading asks the same one"
    assert (counts["packet_hits"], counts["packet_misses"]) == (2, 3), "two feelings were encoded before"
    assert (counts["settled_hits"], counts["settled_misses"]) == (2, 2)
    fold.let_go()
    assert fold.settled(more).state.to_bytes() == tensors
    assert fold.read(state) == read
    assert np.array_equal(fold.congruence(state, pads, sure), first)
    assert fold.counts["projector_misses"] == 2


def test_what_is_kept_stays_within_its_bytes() -> None:
    limit = 1 << 18
    fold = small(settled_kept=1000, kept_bytes=limit)
    for i in range(40):
        state = fold.apply(fold.empty(), Remembered((memory(i, (math.sin(i), math.cos(i), 0.3)),)))
        fold.congruence(state, np.full((40, 3), 0.1), np.full(40, 0.5))
    loads = [held._load for held in (fold._settled, fold._kept._projectors, fold._kept._packets)]
    assert all(load is not None and 0 < load.held <= load.limit for load in loads)
    assert sum(load.limit for load in loads if load is not None) == limit
    assert len(fold._settled) < 40


# Bad input


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (Remembered((memory(0, (0, 0, 0)), memory(1, (0, 0, 0), 1.5))), OutOfRange),
        (Remembered((memory(0, (0, 0, 0), math.nan),)), NotFinite),
        (Remembered((memory(0, (0, 0, 0), 0.5, -0.1),)), OutOfRange),
        (Remembered((memory(0, (0, 0, 0), at="today"),)), InvalidValue),  # type: ignore[arg-type]
        (merged(b"", 0.5), CorruptRecord),
        (merged(small().empty().state.to_bytes()[:-1], 0.5), CorruptRecord),
        (merged(exact().empty().state.to_bytes(), 0.5), InvalidValue),
        (merged(small().empty().state.to_bytes(), 1.5), OutOfRange),
        (merged(small().empty().state.to_bytes(), math.nan), NotFinite),
    ],
)
def test_a_bad_event_is_refused_and_changes_nothing(event: Event, error: type[QuantumMemoryError]) -> None:
    fold = small()
    state = feel(fold, [memory(0, (0.3, 0.2, 0.1))])
    before = state.state.to_bytes()
    with pytest.raises(error):
        fold.apply(state, event)
    assert state.state.to_bytes() == before


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: small(learning_rate=0.0), OutOfRange),
        (lambda: small(learning_rate=1.0), OutOfRange),
        (lambda: small(half_life_s=0.0), OutOfRange),
        (lambda: small(max_bond=0), OutOfRange),
        (lambda: small(max_bond=1.5), InvalidValue),
        (lambda: small(min_fidelity=1.1), OutOfRange),
        (lambda: small(narrow=0.01), OutOfRange),
        (lambda: small(narrow=0.3, wide=0.2), OutOfRange),
        (lambda: small(momentum_scale=-1.0), OutOfRange),
        (lambda: small(backend="torch"), InvalidValue),
        (lambda: small(dtype=np.float32), InvalidValue),
        (lambda: small(max_bytes=255), OutOfRange),
        (lambda: small(max_bytes=1e6), InvalidValue),
        (lambda: small(settled_kept=0), OutOfRange),
        (lambda: small(kept_bytes=1), OutOfRange),
        (lambda: small().read(small().empty(), top=0), OutOfRange),
        (lambda: small().read(small().empty(), top=1.0), InvalidValue),  # type: ignore[arg-type]
        (lambda: small().congruence(small().empty(), np.zeros(3), np.zeros(1)), ShapeMismatch),
        (lambda: small().congruence(small().empty(), np.zeros((2, 3)), np.zeros(3)), ShapeMismatch),
        (lambda: small().congruence(small().empty(), np.zeros((1, 3)), np.array([1.1])), OutOfRange),
        (lambda: small().congruence(small().empty(), np.zeros((1, 3)), np.array([math.nan])), NotFinite),
        (lambda: small().congruence(small().empty(), np.full((1, 3), 2.0), np.array([0.5])), OutOfRange),
    ],
)
def test_bad_arguments_are_refused(make: Callable[[], object], error: type[QuantumMemoryError]) -> None:
    with pytest.raises(error):
        make()
