"""Who hosts what: rendezvous hashing moves only what must move, and drivers hear of new sizes before they matter."""

from __future__ import annotations

import pickle
from concurrent.futures import Future

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.directory import Directory, number_of
from quantum_memory.actors.layouts import LEASE_S, PATIENCE_S, KnownLayout
from quantum_memory.actors.ports import LocalPort, PoolPort
from quantum_memory.errors import ActorUnavailable
from quantum_memory.policies.placement import Layout, member_of

KEYS = st.lists(st.text(min_size=1, max_size=12), unique=True, min_size=1, max_size=60)


@given(KEYS, st.integers(1, 12), st.integers(1, 12))
def test_only_what_the_members_own_that_come_or_go_moves(keys: list[str], before: int, after: int) -> None:
    low, high = sorted((before, after))
    for key in keys:
        small, large = member_of(key, low), member_of(key, high)
        assert 0 <= small < low
        assert large == small or large >= low, "a member that stays gives to new ones only"


def test_members_have_about_the_same_share() -> None:
    for size in (2, 3, 8):
        counts = [0] * size
        for number in range(4_000):
            counts[member_of(f"lineage {number}", size)] += 1
        assert min(counts) > 0.8 * 4_000 / size
        moved = sum(member_of(f"lineage {n}", size) != member_of(f"lineage {n}", size + 1) for n in range(4_000))
        assert moved == pytest.approx(4_000 / (size + 1), rel=0.15)


@given(st.integers(0, 5), st.integers(0, 5), st.sampled_from("ab"), st.sampled_from("ab"))
def test_of_two_layouts_of_one_cluster_the_later_version_counts(left: int, right: int, mine: str, other: str) -> None:
    one, two = Layout({"agents": 1}, left, mine), Layout({"agents": 2}, right, other)
    assert one.newer(two) == (mine != other or left > right)
    bigger = one.resized("agents", 7)
    assert bigger.newer(one)
    assert not one.newer(bigger)
    assert (one.sizes["agents"], bigger.sizes["agents"]) == (1, 7)
    assert pickle.loads(pickle.dumps(bigger)) == bigger  # noqa: S301 (our own)


class Sky:
    """A clock, and a vault that is asked for the layout."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.layout = Layout({"agents": 1}, 1, "c")
        self.asked: list[Future[Layout]] = []
        self.known = KnownLayout(self.layout, lambda: self.now_s)

    def ask(self) -> Future[Layout]:
        self.asked.append(Future())
        return self.asked[-1]

    def sizes(self, seconds: float = 0.0) -> int:
        self.now_s += seconds
        return self.known.leased(self.ask).sizes["agents"]

    def answer(self) -> None:
        self.asked[-1].set_result(self.layout)


def test_a_driver_asks_again_in_the_background_when_half_of_its_lease_is_over() -> None:
    sky = Sky()
    assert sky.sizes(LEASE_S * 0.4) == 1
    assert not sky.asked
    sky.layout = sky.layout.resized("agents", 2)
    assert sky.sizes(LEASE_S * 0.2) == 1, "nobody waits"
    assert sky.sizes() == 1
    assert len(sky.asked) == 1
    sky.answer()
    assert sky.sizes() == 2
    assert sky.sizes(LEASE_S * 0.4) == 2
    assert len(sky.asked) == 1


def test_what_was_told_is_relied_on_for_a_lease_from_the_question_on() -> None:
    sky = Sky()
    sky.sizes(LEASE_S * 0.6)
    sky.now_s += LEASE_S * 0.3
    sky.answer()
    sky.sizes()
    assert len(sky.asked) == 1
    sky.sizes(LEASE_S * 0.25)  # 0.55 of a lease after the question, 0.25 after the answer
    assert len(sky.asked) == 2


@given(st.lists(st.floats(0.0, 20.0), min_size=1, max_size=30), st.integers(0, 29))
@settings(deadline=None)
def test_no_call_goes_by_sizes_older_than_a_lease(pauses: list[float], at: int) -> None:
    """A vault that answers at once: whatever the pauses between calls, a change is known within a lease."""
    sky = Sky()

    def told() -> Future[Layout]:
        answer: Future[Layout] = Future()
        answer.set_result(sky.layout)
        return answer

    changed_s = 0.0
    for number, pause_s in enumerate(pauses):
        sky.now_s += pause_s
        size = sky.known.leased(told).sizes["agents"]
        if changed_s and sky.now_s - changed_s > LEASE_S:
            assert size == 2
        if number == at:
            sky.layout, changed_s = sky.layout.resized("agents", 2), sky.now_s


def test_a_vault_that_is_away_holds_nobody_up() -> None:
    sky = Sky()
    assert sky.sizes(LEASE_S * 2) == 1  # waits PATIENCE_S of the wall's time, once
    assert sky.sizes(PATIENCE_S) == 1
    assert len(sky.asked) == 1, "the question stands"
    sky.layout = sky.layout.resized("agents", 3)
    sky.answer()
    assert sky.sizes(LEASE_S) == 3


def test_a_vault_that_cannot_be_asked_or_fails_is_asked_again_later() -> None:
    sky = Sky()

    def gone() -> Future[Layout]:
        raise ActorUnavailable("VaultActor-0", "not found")

    sky.now_s += LEASE_S * 2
    assert sky.known.leased(gone).sizes["agents"] == 1
    sky.sizes()
    sky.asked[-1].set_exception(OSError("no"))
    assert sky.sizes() == 1
    assert len(sky.asked) == 1
    assert sky.sizes(LEASE_S) == 1
    assert len(sky.asked) == 2


def test_sizes_that_nobody_can_change_are_never_asked_for() -> None:
    known = KnownLayout(Layout({"agents": 4}), lambda: 1e9)
    assert known.leased(lambda: pytest.fail("asked")).sizes == {"agents": 4}


def test_all_directories_of_a_cluster_in_a_process_know_the_same() -> None:
    layout = Layout({"agents": 2}, 5, "one of a kind")
    first = Directory("n", layout, 1.0, 1.0)
    second: Directory = pickle.loads(pickle.dumps(first)).under("s")  # noqa: S301 (our own)
    other = Directory("elsewhere", layout, 1.0, 1.0)
    second.learn(layout.resized("agents", 3))
    assert (first.sizes, other.sizes) == ({"agents": 3}, {"agents": 2})
    first.learn(layout)
    assert first.layout.version == 6, "nobody goes back"
    assert pickle.loads(pickle.dumps(first)).layout == first.layout  # noqa: S301 (our own)


def test_names_of_actors_tell_their_number() -> None:
    assert number_of("agents", "QuantumMemoryAgent-12") == 12
    for name in ("QuantumMemoryAgent-x", "EmotionActor-1", "QuantumMemoryAgent", "a-QuantumMemoryAgent-1"):
        assert number_of("agents", name) is None


def test_ports_are_of_one_face() -> None:
    assert LocalPort.__abstractmethods__ == PoolPort.__abstractmethods__ == frozenset()
