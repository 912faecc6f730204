"""Mixed emotions: what a mixture is, its superposition, how a mood takes it up, and that its journal keeps it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.folds import plain_folds
from quantum_memory.errors import CorruptRecord, InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, TooLong
from quantum_memory.memory.affect.emotions import EMOTIONS, nearest
from quantum_memory.memory.affect.mixed import PACKET_WIDTH, Mixture
from quantum_memory.memory.affect.mood import MoodFold, MoodState
from quantum_memory.memory.affect.snapshot import MoodCodec
from quantum_memory.memory.archive import export_archive, import_archive, state_at
from quantum_memory.memory.events import Component, Felt
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, packet_fidelities
from quantum_memory.memory.vault import Vault
from quantum_memory.memory.vault.codec import FORMAT, HEADER_BYTES, decode, encode
from quantum_memory.settings import Settings
from quantum_memory.types import NEUTRAL, PAD, Place
from tests.unit.front import Front
from tests.unit.scribe import Clock, Scribe

START = datetime(2026, 1, 1, tzinfo=UTC)
SMALL = Grid((6, 5, 5))
LEAP = Mixture.of({"joy": 0.6, "fear": 0.4})
UNIT = st.floats(-1.0, 1.0)
INSIDE = st.floats(-0.6, 0.6)
WEIGHTS = st.floats(0.05, 1.0)


def shares(points: st.SearchStrategy[float], most: int = 5) -> st.SearchStrategy[list[tuple[PAD, float]]]:
    """Different points with weights of any sum."""
    rows = st.lists(st.tuples(st.builds(PAD, points, points, points), WEIGHTS), min_size=1, max_size=most)
    return rows.map(lambda given: list(dict(given).items()))


MIXTURES = shares(INSIDE).map(Mixture.proportional)


def happened(mixture: Mixture, hours: float = 0.0, intensity: float = 1.0) -> Felt:
    return Felt(START + timedelta(hours=hours), mixture.pad, 1.0, intensity, "", mixture.parts)


def folded(fold: MoodFold, events: Sequence[Any], state: MoodState | None = None) -> MoodState:
    state = fold.empty() if state is None else state
    for event in events:
        state = fold.apply(state, event)
    return state


# What a mixture is


@given(shares(UNIT, 8))
def test_shares_of_any_sum_become_weights_in_proportion(rows: list[tuple[PAD, float]]) -> None:
    mixture, total = Mixture.proportional(rows), sum(weight for _, weight in rows)
    expected = {pad: weight / total for pad, weight in rows}
    assert {part.pad: part.weight for part in mixture.parts} == pytest.approx(expected)
    assert list(mixture.weights) == sorted(mixture.weights, reverse=True)
    pads, weights = zip(*rows, strict=True)
    assert np.allclose(mixture.pad, np.average([np.asarray(pad) for pad in pads], axis=0, weights=weights))


@given(shares(UNIT), st.floats(0.0, 1.0))
def test_the_spread_is_that_of_many_draws(rows: list[tuple[PAD, float]], within: float) -> None:
    """The law of total variance, against the second moment of the mixture of Gaussians."""
    mixture = Mixture.proportional(rows)
    points = np.array([np.asarray(part.pad) for part in mixture.parts])
    second = np.array(mixture.weights) @ (np.square(points) + within**2)
    variance = np.maximum(second - np.square(np.asarray(mixture.pad)), 0.0)
    assert np.allclose(np.square(mixture.spread(within)), variance, atol=1e-9)


def test_a_mixture_is_told_in_words() -> None:
    assert str(LEAP) == "joy 0.60, fear 0.40"
    assert str(Mixture.of({PAD(0.5, 0.0, -1.0): 1.0})) == "(+0.50, +0.00, -1.00) 1.00"
    assert Mixture.of([("joy", 0.6), ("fear", 0.4)]) == LEAP
    assert LEAP.pad == PAD.mean([EMOTIONS["joy"], EMOTIONS["fear"]], [0.6, 0.4])


def test_what_a_reader_of_probabilities_hands_over_is_a_mixture() -> None:
    feeling = PAD(0.5, 0.4, 0.2)
    names = nearest(feeling, 4)
    near = Mixture.near(feeling, 4)
    assert [part.name for part in near.parts] == [name for name, _ in names]
    assert np.allclose(near.weights, np.array([p for _, p in names]) / sum(p for _, p in names))
    labels = Mixture.proportional({"joy": 0.5, EMOTIONS["joy"]: 0.25, "fear": 0.25, "sadness": 0.0, "anger": 1e-6})
    assert [(part.name, part.weight) for part in labels.parts] == [("joy", 0.75), ("fear", 0.25)]
    assert len(Mixture.proportional(dict.fromkeys(EMOTIONS, 1.0)).parts) == 8
    assert [part.name for part in Mixture.proportional({"fear": 1.0, "joy": 2.0}, most=1).parts] == ["joy"]


@given(shares(UNIT, 8), st.floats(0.0, 2.0))
def test_neighbours_count_towards_the_likeliest_of_them(rows: list[tuple[PAD, float]], distance: float) -> None:
    mixture = Mixture.told_apart(rows, distance)
    pads = [part.pad for part in mixture.parts]
    assert all(one.distance(two) >= distance for one in pads for two in pads if one != two)
    assert all(min(pad.distance(one) for one in pads) < max(distance, 1e-300) or pad in pads for pad, _ in rows)
    assert max(rows, key=lambda row: row[1])[0] in pads
    total = sum(weight for _, weight in rows)
    for part in mixture.parts:
        theirs = [w for pad, w in rows if min(pads, key=pad.distance) == part.pad]
        least = dict(rows)[part.pad] / total
        assert least - 1e-12 <= part.weight <= 1.0 + 1e-12
        assert part.weight <= sum(theirs) / total + sum(w for pad, w in rows if pad not in pads) / total + 1e-12


def test_a_reading_of_the_table_says_what_stands_out() -> None:
    told = Mixture.told_apart({"joy": 0.25, "happiness": 0.2, "fear": 0.3, "terror": 0.05, "humiliation": 0.2})
    assert [(part.name, round(part.weight, 9)) for part in told.parts] == [("fear", 0.55), ("joy", 0.45)]
    assert Mixture.told_apart([("joy", 0.5), ("happiness", 0.5)], 0.1) == Mixture.of({"joy": 0.5, "happiness": 0.5})


NINE = [(PAD(0.1 * n, 0.0, 0.0), 1.0 / 9.0) for n in range(9)]
BAD: list[tuple[str, Callable[[], Any], type[QuantumMemoryError], str]] = [
    ("nothing", lambda: Mixture.of({}), InvalidValue, "one feeling or more"),
    ("a sum under 1", lambda: Mixture.of({"joy": 0.6}), InvalidValue, "a sum of 1, got a sum of 0.6"),
    ("a sum over 1", lambda: Mixture.of({"joy": 0.6, "fear": 0.6}), InvalidValue, "a sum of 1.2"),
    ("an unknown name", lambda: Mixture.of({"joy": 0.5, "schadenfreude": 0.5}), InvalidValue, "schadenfreude"),
    ("a negative weight", lambda: Mixture.of({"joy": 1.5, "fear": -0.5}), OutOfRange, "weight: 1.5"),
    ("no weight", lambda: Mixture.of({"joy": 1.0, "fear": 0.0}), OutOfRange, "weight: 0.0"),
    ("no number", lambda: Mixture.of({"joy": math.nan, "fear": 1.0}), NotFinite, "weight"),
    ("a text for a weight", lambda: Mixture.of({"joy": "1"}), InvalidValue, "a number"),  # type: ignore[arg-type]  # is refused
    ("a text", lambda: Mixture.of("joy"), InvalidValue, "weights by feeling"),  # type: ignore[arg-type]  # is refused
    ("names alone", lambda: Mixture.of(["joy", "fear"]), InvalidValue, "weights by feeling"),  # type: ignore[list-item]  # is refused
    (
        "one point twice",
        lambda: Mixture.of([("joy", 0.5), (EMOTIONS["joy"], 0.5)]),
        InvalidValue,
        "feelings that differ",
    ),
    ("too many", lambda: Mixture.of(NINE), TooLong, "9"),
    ("a name without end", lambda: Component(NEUTRAL, 1.0, "x" * 129), TooLong, "name"),
    ("no components", lambda: Mixture((NEUTRAL,)), InvalidValue, "components"),  # type: ignore[arg-type]  # is refused
    ("shares of nothing", lambda: Mixture.proportional({}), InvalidValue, "none"),
    ("shares of 0", lambda: Mixture.proportional({"joy": 0.0}), InvalidValue, "above 0"),
    ("shares below 0", lambda: Mixture.proportional({"joy": -1.0}), OutOfRange, "weight: -1"),
    ("too few phases", lambda: LEAP.state(SMALL, phases=[0.0]), QuantumMemoryError, "phases"),
    ("a phase of nothing", lambda: LEAP.amplitudes([0.0, math.inf]), NotFinite, "phases"),
    ("too narrow for the grid", lambda: LEAP.state(SMALL, width=0.01), OutOfRange, "width"),
    ("no spread", lambda: LEAP.spread(1.5), OutOfRange, "within: 1.5"),
    ("a wrong mean", lambda: Felt(START, NEUTRAL, 1.0, 1.0, "", LEAP.parts), InvalidValue, "the mean of the parts"),
    ("half a mixture", lambda: Felt(START, LEAP.pad, 1.0, 1.0, "", LEAP.parts[:1]), InvalidValue, "a sum of 1"),
]


@pytest.mark.parametrize(("make", "error", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_is_no_mixture_is_named(make: Callable[[], Any], error: type[QuantumMemoryError], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_feelings_that_cancel_are_no_state() -> None:
    twins = Mixture.of({PAD(0.2, 0.0, 0.0): 0.5, PAD(0.2 + 1e-6, 0.0, 0.0): 0.5})
    with pytest.raises(InvalidValue, match="cancel"):
        twins.state(SMALL, phases=[0.0, math.pi])
    assert twins.state(SMALL).norm() == pytest.approx(1.0, abs=1e-5)


# Its superposition


def closed_form(mixture: Mixture, phases: Sequence[float]) -> list[float]:
    """The probability of reading each part, from the overlaps exp(-d² / 8 width²) of Gaussians on all of space."""
    terms = [math.sqrt(w) * complex(math.cos(p), math.sin(p)) for w, p in zip(mixture.weights, phases, strict=True)]
    pads = [part.pad for part in mixture.parts]
    overlaps = [[math.exp(-(one.distance(two) ** 2) / (8.0 * PACKET_WIDTH**2)) for two in pads] for one in pads]
    found = [sum(term * overlap for term, overlap in zip(terms, row, strict=True)) for row in overlaps]
    norm = sum((term.conjugate() * value).real for term, value in zip(terms, found, strict=True))
    return [abs(value) ** 2 / norm for value in found]


@settings(deadline=None, max_examples=40)
@given(MIXTURES, st.lists(st.floats(0.0, 1.5), min_size=8, max_size=8))
def test_what_is_read_back_is_what_gaussians_give(mixture: Mixture, turns: list[float]) -> None:
    """Phases up to 1.5 apart: the parts support or hinder each other, and do not cancel."""
    phases = turns[: len(mixture.parts)]
    state = mixture.state(SMALL, phases=phases, dtype=np.complex128)
    assert state.norm() == pytest.approx(1.0, abs=1e-9)
    packets = mixture.packets()
    found = packet_fidelities(state, [packet.mean for packet in packets], [packet.width for packet in packets])
    assert np.allclose(found, closed_form(mixture, phases), atol=0.02), "the walls of the cube cut off little"


CORNERS = st.permutations([PAD(0.6 * p, 0.6 * a, 0.6 * d) for p in (-1, 1) for a in (-1, 1) for d in (-1, 1)])


@settings(deadline=None, max_examples=30)
@given(CORNERS, st.lists(WEIGHTS, min_size=2, max_size=6), st.lists(st.floats(0.0, 6.3), min_size=6, max_size=6))
def test_far_apart_the_probabilities_are_the_weights(pads: list[PAD], weights: list[float], turns: list[float]) -> None:
    mixture = Mixture.proportional(zip(pads, weights, strict=False))
    count = len(mixture.parts)
    state = mixture.state(SMALL, width=0.1, phases=turns[:count], dtype=np.complex128)
    found = packet_fidelities(state, [np.asarray(part.pad) for part in mixture.parts], np.full((count, 3), 0.1))
    assert np.allclose(found, mixture.weights, atol=1e-6)


def test_near_feelings_interfere() -> None:
    one, other = PAD(-0.1, 0.0, 0.0), PAD(0.1, 0.0, 0.0)
    mixture = Mixture.of({one: 0.5, other: 0.5})
    between = QuantumState.from_packet(SMALL, Packet((0.0, 0.0, 0.0), (PACKET_WIDTH,) * 3))
    alike, opposed = (mixture.state(SMALL, phases=phases) for phases in ([0.0, 0.0], [0.0, math.pi]))
    apart = np.mean([QuantumState.from_packet(SMALL, packet).fidelity(between) for packet in mixture.packets()])
    assert alike.fidelity(between) > apart > 0.8, "more than either part gives"
    assert opposed.fidelity(between) < 1e-6
    assert opposed.spread()[0] > alike.spread()[0]


# What a mood makes of it


def named(fold: MoodFold, state: MoodState, top: int = 5) -> dict[str, float]:
    return dict(fold.read(state, top).emotions)


def test_a_mood_shows_both_of_two_feelings_and_their_mean_shows_neither() -> None:
    fold = MoodFold(SMALL)
    mixed = folded(fold, [happened(LEAP, hours) for hours in range(6)])
    mean = folded(fold, [Felt(START + timedelta(hours=hours), LEAP.pad, 1.0, 1.0) for hours in range(6)])
    both, neither = named(fold, mixed), named(fold, mean)
    assert {"joy", "fear"} <= both.keys()
    everything = Mixture.told_apart(named(fold, mixed, len(EMOTIONS)))
    assert [part.name for part in everything.parts][:2] == ["joy", "fear"]
    assert both["joy"] > both["fear"]
    assert not {"joy", "fear"} & neither.keys()
    assert mixed.pending[0].points == tuple(part.pad for part in LEAP.parts)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_mood_of_one_mixture_alone_has_its_weights(share: float) -> None:
    """Felt over and over, it is all there is; the packets are those of a sure feeling, at rest as the trend is 0."""
    one, other = PAD(0.6, 0.5, 0.4), PAD(-0.6, 0.5, -0.4)
    fold, mixture = MoodFold(SMALL, half_life_s=1e12), Mixture.of({one: share, other: 1.0 - share})
    state = fold.settled(folded(fold, [happened(mixture)] * 120)).state
    found = packet_fidelities(state, [np.asarray(one), np.asarray(other)], np.full((2, 3), 0.1))
    assert np.allclose(found, [share, 1.0 - share], atol=1e-4)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.tuples(MIXTURES, st.floats(0.0, 1.0)), min_size=1, max_size=4))
def test_a_mixture_is_taken_up_as_one_feeling(rows: list[tuple[Mixture, float]]) -> None:
    """The slow twin: the superposition made as a state, added to the mood by hand, feeling by feeling."""
    fold = MoodFold(SMALL, narrow=0.15, max_bond=1 << 10, min_fidelity=1.0, dtype=np.complex128, momentum_scale=0.0)
    events = [happened(mixture, 0.0, intensity) for mixture, intensity in rows]
    state = folded(fold, events)
    assert len(state.pending) == sum(map(fold.units, events)) == len(rows)
    slow = fold.empty().state.to_dense()
    for mixture, intensity in rows:
        eta = 0.2 * (0.4 + 0.6 * (1.0 + intensity) / 2.0)
        new = mixture.state(SMALL, width=0.15, dtype=np.complex128).to_dense()
        sign = -1.0 if np.vdot(new, slow).real < -0.5 else 1.0
        slow = math.sqrt(1.0 - eta) * slow + sign * math.sqrt(eta) * new
        slow = slow / np.linalg.norm(slow)
    fast = fold.settled(state)
    assert abs(np.vdot(slow, fast.state.to_dense())) ** 2 > 1.0 - 1e-10
    assert fast.last == rows[-1][0].pad, "the trend follows the mean"


@settings(deadline=None, max_examples=10)
@given(MIXTURES, st.floats(0.0, 1.0))
def test_a_mixture_of_one_feeling_is_that_feeling(mixture: Mixture, intensity: float) -> None:
    fold, alone = MoodFold(SMALL), Mixture.of({mixture.parts[0].pad: 1.0})
    plain = Felt(START, alone.pad, 1.0, intensity)
    states = [fold.settled(folded(fold, [event, plain])) for event in (happened(alone, 0.0, intensity), plain)]
    assert 1.0 - states[0].state.fidelity(states[1].state) < 1e-6
    assert (states[0].trend, states[0].last) == (states[1].trend, states[1].last)


@pytest.mark.slow
def test_whatever_came_before_mixtures_is_forgotten() -> None:
    fold = MoodFold(SMALL, momentum_scale=5.0)
    chance = np.random.default_rng(6)
    rows = [[PAD(*chance.uniform(-0.9, 0.9, 3)) for _ in range(2)] for _ in range(4)]
    mixtures = [Mixture.proportional(zip(pads, (0.7, 0.3), strict=True)) for pads in rows]
    events = [happened(mixtures[number % 4], number, 0.0) for number in range(fold.reach or 0)]
    dark = folded(fold, [Felt(START, PAD(-0.9, -0.9, -0.9), 1.0, 1.0)] * 24)
    infidelity = 1.0 - fold.settled(folded(fold, events)).state.fidelity(fold.settled(folded(fold, events, dark)).state)
    assert infidelity <= 1e-6


# What is written down


def test_the_parts_of_what_was_felt_lie_on_disk() -> None:
    event = Felt(START, LEAP.pad, 1.0, 0.5, "the leap", LEAP.parts)
    told = msgspec.msgpack.decode(encode(event)[HEADER_BYTES:])
    assert told["parts"] == [
        {"pad": {"pleasure": 0.76, "arousal": 0.48, "dominance": 0.35}, "weight": 0.6, "name": "joy"},
        {"pad": {"pleasure": -0.64, "arousal": 0.6, "dominance": -0.43}, "weight": 0.4, "name": "fear"},
    ]
    assert decode(encode(event)) == event
    assert "parts" not in msgspec.msgpack.decode(encode(Felt(START, NEUTRAL, 1.0, 0.5))[HEADER_BYTES:])


def record(body: bytes) -> bytes:
    mark = bytes([FORMAT])
    return mark + blake3(mark + body).digest(HEADER_BYTES - 1) + body


def test_what_was_felt_before_there_were_mixtures_is_read_and_what_is_none_is_not() -> None:
    told = msgspec.msgpack.decode(encode(Felt(START, LEAP.pad, 1.0, 0.5, "", LEAP.parts))[HEADER_BYTES:])
    old = {name: value for name, value in told.items() if name != "parts"} | {"cause": ""}
    assert decode(record(msgspec.msgpack.encode(old))) == Felt(START, LEAP.pad, 1.0, 0.5)
    told["parts"][0]["weight"] = 0.7
    with pytest.raises(CorruptRecord, match="a sum of 1"):
        decode(record(msgspec.msgpack.encode(told)))


@settings(deadline=None, max_examples=8)
@given(st.lists(MIXTURES, max_size=12), st.lists(MIXTURES, max_size=3))
def test_a_mood_with_mixtures_pending_goes_on_bit_for_bit(before: list[Mixture], after: list[Mixture]) -> None:
    fold = MoodFold(SMALL)
    codec = MoodCodec(fold)
    state = folded(fold, [happened(mixture, hours) for hours, mixture in enumerate(before)])
    loaded = codec.load(*codec.dump(state))
    assert loaded.pending == state.pending
    more = [happened(mixture, 20.0 + hours) for hours, mixture in enumerate(after)]
    one, other = (fold.settled(folded(fold, more, start)) for start in (state, loaded))
    assert one.state.to_bytes() == other.state.to_bytes()
    assert codec.difference(state, loaded) is None


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("pending/parts", lambda rows: rows[:-1]),
        ("pending/parts", lambda rows: rows * 0.5),
        ("pending/parts", lambda rows: np.concatenate([rows[:1], rows[:1], rows[2:]])),
        ("pending/parts_count", lambda counts: counts[::-1]),
    ],
)
def test_damaged_parts_are_refused(column: str, change: Callable[[Any], Any]) -> None:
    fold = MoodFold(SMALL)
    codec = MoodCodec(fold)
    dump = codec.dump(folded(fold, [happened(LEAP), Felt(START, NEUTRAL, 1.0, 1.0), happened(LEAP), happened(LEAP)]))
    arrays = {**dump.arrays, column: np.ascontiguousarray(change(dump.arrays[column]))}
    with pytest.raises(CorruptRecord, match="pending/parts"):
        codec.load(arrays, dump.attributes)


def test_an_archive_keeps_the_parts(tmp_path: Path) -> None:
    folds = plain_folds(Settings())
    with Vault.open("memory://", now=Clock(), embedding="hashing/8") as vault:
        scribe = Scribe(vault)
        scribe.agent("alice", "main")
        for hours in range(3):
            scribe.add("main", happened(LEAP, hours))
        export_archive(vault, "alice", tmp_path / "alice.qms", folds)
        with Vault.open("memory://", now=Clock(), embedding="hashing/8") as other:
            import_archive(other, tmp_path / "alice.qms")
            head = Place("main", vault.head("main"))
            kept = other.entries("main", 0, head.seq)
            assert [entry.event for entry in kept] == [happened(LEAP, hours) for hours in range(3)]
            mine, theirs = (state_at(one, head, folds).mood for one in (vault, other))
            assert mine == theirs


# All the way


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    one = Front(tmp_path)
    yield one
    one.close()


def shown(handle: Any, **asked: Any) -> tuple[Any, ...]:
    mood = handle.mood(**asked)
    return [name for name, _ in mood.emotions], np.round(
        [*mood.mean.__array__(), *mood.spread, mood.entropy], 5
    ).tolist()


def test_an_agent_feels_several_things_at_once_and_its_history_keeps_them(front: Front) -> None:
    alice, bob = front.agent(), front.agent("bob")
    for _ in range(4):
        alice.feel({"joy": 0.6, "fear": 0.4}, cause="the leap")
        bob.feel(LEAP.pad)
    both, before = shown(alice), alice.checkpoint("before")
    assert {"joy", "fear"} <= set(both[0])
    assert not {"joy", "fear"} & set(shown(bob)[0])
    fork = alice.fork("what-if")
    assert shown(fork) == both
    alice.feel(Mixture.of({"boredom": 1.0}))
    alice.feel({PAD(-0.6, -0.3, -0.3): 0.5, "fatigue": 0.5})
    after = shown(alice)
    assert after != both
    assert (shown(alice, as_of="before"), shown(fork)) == (both, both)
    front.reopen()
    assert shown(front.agent()) == after, "replay is what was lived"
    front.agent().rollback(before)
    assert shown(front.agent()) == both
    with pytest.raises(InvalidValue, match="a sum of 1"):
        front.agent().feel({"joy": 0.6, "fear": 0.6})
    assert shown(front.agent()) == both
