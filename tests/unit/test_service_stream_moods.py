"""The moods that somebody watches, alone: read at once, not too often, and never too many together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import cast

from quantum_memory.cluster.service.stream.moods import PAUSE_S, READING, Moods, Watched
from quantum_memory.types import Mood

ALICE = Watched("alice", "main")


class Reading:
    """Gives moods, which are nothing here, and notes when and how many at once."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.takes_s, self.now, self.most = takes_s, 0, 0
        self.begun: list[float] = []

    async def __call__(self, _: Watched) -> Mood:
        self.begun.append(time.monotonic())
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.takes_s)
        self.now -= 1
        return cast("Mood", None)


async def until(moods: Moods, holds: Callable[[], bool]) -> None:
    """Wait for moods to be read until something holds."""
    while not holds():
        told = asyncio.Event()
        moods.told = told.set
        await told.wait()


def test_a_mood_is_read_at_once_and_what_follows_is_gathered() -> None:
    async def play() -> None:
        reading = Reading()
        moods = Moods(reading)
        moods.wanted(ALICE, 1)
        await asyncio.sleep(0)
        assert len(reading.begun) == 1, "in the very next turn"
        for position in range(2, 50):
            moods.wanted(ALICE, position)
        await until(moods, lambda: ALICE in moods.seen and moods.seen[ALICE].position == 49)
        assert len(reading.begun) == 2
        assert reading.begun[1] - reading.begun[0] >= PAUSE_S * 0.9
        moods.wanted(ALICE, 50)
        await until(moods, lambda: moods.seen[ALICE].position == 50)
        await moods.stop()

    asyncio.run(play())


def test_however_many_are_watched_only_some_are_read_at_once() -> None:
    async def play() -> None:
        reading = Reading(takes_s=0.01)
        moods = Moods(reading)
        everybody = [Watched(f"agent {number}", "main") for number in range(5 * READING)]
        for who in everybody:
            moods.wanted(who, 1)
        await until(moods, lambda: len(moods.seen) == len(everybody))
        assert reading.most == READING
        await moods.stop()

    asyncio.run(play())
