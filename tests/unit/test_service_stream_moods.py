"""The moods that somebody watches, alone: read at once, not too often, in turn, and never too many together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import cast

import pytest

from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.stream import lanes
from quantum_memory.cluster.service.stream import moods as watching
from quantum_memory.cluster.service.stream.lanes import Lanes, Watched
from quantum_memory.cluster.service.stream.moods import PAUSE_S, READING, Moods
from quantum_memory.errors import AgentNotFound
from quantum_memory.memory.vault.feed import FeedEntry
from quantum_memory.types import AgentName, Mood

ALICE = Watched("alice", "main")
ANN, BOB = Principal("key:ann", "default", "reader"), Principal("key:bob", "default", "reader")


def felt(who: Watched, position: int) -> FeedEntry:
    """Something that was felt."""
    return FeedEntry(position, datetime.now(UTC), who.agent, "b", who.branch, 1, "felt", {})


async def all_there(names: Sequence[AgentName]) -> Sequence[AgentName]:
    return names


class Reading:
    """Gives moods, which are nothing here, and notes when, whose, and how many at once."""

    def __init__(self, takes_s: float = 0.0, failing: int = 0, error: Exception | None = None) -> None:
        self.takes_s, self.now, self.most = takes_s, 0, 0
        self.failing, self.error = failing, error or RuntimeError("busy for a moment")
        self.begun: list[float] = []
        self.whose: list[Watched] = []

    async def __call__(self, who: Watched) -> Mood:
        self.begun.append(time.monotonic())
        self.whose.append(who)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.now -= 1
        if self.failing:
            self.failing -= 1
            raise self.error
        return cast("Mood", None)


def some(count: int, name: str = "agent") -> list[Watched]:
    return [Watched(f"{name} {number}", "main") for number in range(count)]


async def until(moods: Moods, holds: Callable[[], bool]) -> None:
    """Wait for moods to be read until something holds."""
    while not holds():
        told = asyncio.Event()
        _rings(moods, told)
        await told.wait()


def _rings(moods: Moods, told: asyncio.Event) -> None:
    moods.told = lambda _: told.set()


def test_a_mood_is_read_at_once_and_what_follows_is_gathered() -> None:
    async def play() -> None:
        reading = Reading()
        moods = Moods(reading, all_there)
        moods.watch(ANN, "alice")
        moods.touched(felt(ALICE, 1))
        await asyncio.sleep(0)
        assert len(reading.begun) == 1, "in the very next turn"
        for position in range(2, 50):
            moods.touched(felt(ALICE, position))
        await until(moods, lambda: ALICE in moods.seen and moods.seen[ALICE].position == 49)
        assert len(reading.begun) == 2
        assert reading.begun[1] - reading.begun[0] >= PAUSE_S * 0.9
        moods.touched(felt(ALICE, 50))
        await until(moods, lambda: moods.seen[ALICE].position == 50)
        await moods.stop()

    asyncio.run(play())


def test_however_many_are_watched_only_some_are_read_at_once() -> None:
    async def play() -> None:
        reading = Reading(takes_s=0.01)
        moods = Moods(reading, all_there)
        everybody = some(5 * READING)
        moods.watch(ANN, None)
        moods.wanted(ANN, everybody, 1)
        await until(moods, lambda: len(moods.seen) == len(everybody))
        assert reading.most == READING
        await moods.stop()

    asyncio.run(play())


def test_one_that_wants_thousands_does_not_hold_up_another() -> None:
    async def play() -> None:
        reading = Reading(takes_s=0.01)
        moods = Moods(reading, all_there)
        moods.watch(ANN, None)
        moods.watch(BOB, "alice")
        moods.wanted(ANN, some(3000), 1)
        moods.wanted(BOB, [ALICE], 1)
        await until(moods, lambda: ALICE in moods.seen)
        assert reading.whose.index(ALICE) <= READING + 1, "the next place is his"
        moods.unwatch(ANN, None)
        await moods.stop()

    asyncio.run(play())


def test_what_nobody_waits_for_any_more_is_not_read() -> None:
    async def play() -> None:
        reading = Reading(takes_s=60.0)
        moods = Moods(reading, all_there)
        for who in some(3 * READING):
            moods.watch(ANN, who.agent)
        moods.watch(BOB, "agent 0")
        moods.wanted(ANN, some(3 * READING), 1)
        await asyncio.sleep(0)
        assert (reading.now, moods._lanes.waiting) == (READING, 2 * READING)
        for who in some(3 * READING):
            moods.unwatch(ANN, who.agent)
        await asyncio.sleep(0)
        assert (reading.now, moods._lanes.waiting) == (1, 0), "what another waits for, too, is read"
        moods.unwatch(BOB, "agent 0")
        await asyncio.sleep(0)
        assert (reading.now, moods._lanes._lanes, moods._later, dict(moods.seen)) == (0, {}, {}, {})
        moods.wanted(ANN, [ALICE], 2)
        assert not moods._reading, "he watches nobody"
        await moods.stop()

    asyncio.run(play())


def test_what_waits_is_bounded_for_each_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MOST_EACH", 10)
    monkeypatch.setattr(lanes, "MOST_IN_ALL", 15)
    waiting = Lanes()
    for who in (ANN, BOB):
        waiting.watch(who, None)
    ann, bob = waiting.lane(ANN), waiting.lane(BOB)
    assert ann is not None
    assert bob is not None
    left_out = [waiting.put(ann, who, 1) for who in some(12)]
    assert left_out == [None] * 10 + some(2), "the oldest go"
    left_out = [waiting.put(bob, who, 1) for who in some(8, "other")]
    assert left_out == [None] * 5 + some(5)[2:], "of him for whom most waits"
    assert (ann.waiting, bob.waiting, waiting.waiting) == (7, 8, 15)
    assert (ann.omitted, bob.omitted) == (5, 0)


def test_nobody_reads_for_whoever_does_not_see_it() -> None:
    async def play() -> None:
        moods = Moods(Reading(), all_there)
        moods.watch(Principal("key:dan", "other", "reader"), None)
        moods.watch(Principal("key:eve", "default", "reader", ("b*",)), None)
        moods.touched(felt(ALICE, 1))
        assert not moods._reading
        moods.touched(felt(Watched("bert", "main"), 2))
        moods.touched(felt(Watched("other:alice", "main"), 3))
        assert {who.agent for who in moods._reading} == {"bert", "other:alice"}
        await moods.stop()

    asyncio.run(play())


def test_a_mood_that_could_not_be_read_is_read_again_as_long_as_somebody_watches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "AGAIN_S", 0.02)
    monkeypatch.setattr(watching, "AGAIN_MOST_S", 0.05)

    async def play() -> None:
        reading = Reading(failing=4)
        moods = Moods(reading, all_there)
        moods.watch(ANN, "alice")
        moods.wanted(ANN, [ALICE], 5)
        await until(moods, lambda: ALICE in moods.seen)
        assert (len(reading.begun), moods.seen[ALICE].position, moods._failures) == (5, 5, {})
        pauses = [later - sooner for sooner, later in zip(reading.begun, reading.begun[1:], strict=False)]
        assert pauses[0] >= 0.02 * 0.9
        assert all(one >= 0.04 * 0.9 for one in pauses[1:])
        reading.failing = 1 << 30
        moods.touched(felt(ALICE, 6))
        await asyncio.sleep(0.3)
        moods.unwatch(ANN, "alice")
        await asyncio.sleep(0.1)
        tried = len(reading.begun)
        await asyncio.sleep(0.2)
        assert len(reading.begun) == tried
        assert (moods._failures, moods._later, moods._resting, dict(moods.seen)) == ({}, {}, {}, {})
        await moods.stop()

    asyncio.run(play())


def test_a_mood_that_is_not_there_is_read_once() -> None:
    async def play() -> None:
        reading = Reading(failing=9, error=AgentNotFound("alice"))
        moods = Moods(reading, all_there)
        moods.watch(ANN, "alice")
        moods.wanted(ANN, [ALICE], 5)
        await asyncio.sleep(4 * PAUSE_S)
        assert len(reading.begun) == 1
        assert (moods._failures, moods._later, moods._resting) == ({}, {}, {})
        await moods.stop()

    asyncio.run(play())


def test_of_too_many_that_fail_some_are_left_out_and_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "FAILING", 3)

    async def play() -> None:
        moods = Moods(Reading(failing=5), all_there)
        moods.watch(ANN, None)
        moods.wanted(ANN, some(5), 1)
        await until(moods, lambda: moods.omitted(ANN) == 2)
        assert len(moods._failures) == 3
        await moods.stop()

    asyncio.run(play())


def test_moods_of_one_tenant_that_fail_leave_none_of_another_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "FAILING", 3)
    monkeypatch.setattr(watching, "AGAIN_S", 0.02)
    carl = Principal("key:carl", "acme", "reader")

    async def play() -> None:
        reading = Reading(failing=1 << 30)
        moods = Moods(reading, all_there)
        moods.watch(ANN, None)
        moods.watch(carl, None)
        moods.wanted(ANN, some(5), 1)
        await until(moods, lambda: moods.omitted(ANN) == 2)
        moods.wanted(carl, some(3, "acme:agent"), 1)
        while len(moods._failures) < 6:  # noqa: ASYNC110 - a failure is told to nobody
            await asyncio.sleep(0.01)
        assert moods.omitted(carl) == 0
        reading.failing = 0
        await until(moods, lambda: len(moods.seen) == 6)
        assert not moods._failing
        await moods.stop()

    asyncio.run(play())


def test_a_mood_that_can_never_be_read_holds_no_position_back_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left out, which is told, and read as soon as it can be all the same."""
    monkeypatch.setattr(watching, "AGAIN_S", 0.001)
    monkeypatch.setattr(watching, "AGAIN_MOST_S", 0.001)

    async def play() -> None:
        reading = Reading(failing=1 << 30)
        moods = Moods(reading, all_there)
        moods.watch(ANN, None)
        moods.touched(felt(ALICE, 5))
        assert moods.unread(ANN) == {ALICE: 5}
        await until(moods, lambda: moods.omitted(ANN) == 1)
        assert len(reading.begun) == watching.HELD
        for position in (6, 7):
            assert moods.unread(ANN) == {}
            moods.touched(felt(ALICE, position))
            await asyncio.sleep(0.02)
        await until(moods, lambda: moods.omitted(ANN) >= 2)  # for who came since
        reading.failing = 0
        await until(moods, lambda: ALICE in moods.seen)
        assert moods.seen[ALICE].position == 7
        moods.touched(felt(ALICE, 8))
        assert moods.unread(ANN) == {ALICE: 8}
        await moods.stop()

    asyncio.run(play())


class Odd(BaseException):
    """What nobody foresaw."""


@pytest.mark.parametrize("error", [asyncio.CancelledError(), Odd()])
def test_however_a_reading_ends_its_place_is_free(error: BaseException) -> None:
    """Also where it was cancelled by others than who has it read: then it is read again."""

    async def play() -> None:
        async def failing(_: Watched) -> Mood:
            moods._read = reading
            raise error

        reading = Reading()
        moods = Moods(failing, all_there)
        moods.watch(ANN, "alice")
        moods.touched(felt(ALICE, 1))
        await asyncio.sleep(0.01)
        assert not moods._reading
        if isinstance(error, Odd):
            moods.touched(felt(ALICE, 2))
        await until(moods, lambda: ALICE in moods.seen)
        await moods.stop()

    asyncio.run(play())


def test_when_it_is_stopped_nothing_is_read_any_more() -> None:
    async def play() -> None:
        reading = Reading(takes_s=60.0)
        moods = Moods(reading, all_there)
        moods.watch(ANN, None)
        moods.watch(BOB, "alice")
        moods.wanted(ANN, some(2 * READING), 1)
        await asyncio.sleep(0)
        await moods.stop()
        moods.unwatch(BOB, "alice")
        assert (reading.now, len(reading.begun), moods._reading) == (0, READING, {})

    asyncio.run(play())
