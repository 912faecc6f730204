"""Views that are told behind a long write: who returns when, and who sees what."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from quantum_memory.actors import telling
from quantum_memory.actors.ports import LocalPort
from quantum_memory.actors.requests import RememberRequest
from quantum_memory.errors import VaultUnavailable
from quantum_memory.memory.events import Entry, Forgotten
from quantum_memory.types import Branch, Place
from tests.unit.orchestra import Orchestra, ready
from tests.unit.scribe import START

LONG = telling.SHORT + 72


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    made = Orchestra(tmp_path)
    yield made
    made.close()


class Held:
    """A host that takes in what it is told only once it may."""

    def __init__(self, port: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may, self.taken = threading.Event(), 0
        real = port._host.apply

        def apply(entries: Sequence[Any], **carried: Any) -> Any:
            self.may.wait(30.0)
            self.taken += sum(len(entry.event.memories) for entry in entries)
            return real(entries, **carried)

        monkeypatch.setattr(port._host, "apply", apply)


def remembering(orchestra: Orchestra, branch: Branch, start: int, count: int) -> asyncio.Task[Any]:
    said = tuple(ready(number) for number in range(start, start + count))
    return asyncio.ensure_future(
        orchestra.host.remember_one(RememberRequest(branch, said, f"op-{branch.name}-{start}"))
    )


async def over(task: asyncio.Task[Any], within_s: float = 0.3) -> bool:
    """Whether a call returns before it is due."""
    done, _ = await asyncio.wait((task,), timeout=within_s)
    return bool(done)


def test_a_long_write_returns_before_the_views_and_is_read_all_the_same(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = orchestra.agent("alice")
    held = Held(orchestra.parts.episodic, monkeypatch)

    async def play() -> list[str]:
        assert await over(remembering(orchestra, alice, 0, LONG), 20.0)
        assert held.taken == 0, "acknowledged, and nowhere but in the journal"
        asked = asyncio.ensure_future(orchestra.host.memories(alice, None))
        assert not await over(asked), "whoever asks waits for what was written before"
        held.may.set()
        return [one.text for one in await asked]

    assert orchestra.run(play()) == [f"thing number {number}" for number in range(LONG)]


def test_a_short_write_waits_for_the_views(orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = orchestra.agent("alice")
    held = Held(orchestra.parts.graph, monkeypatch)

    async def play() -> None:
        short = remembering(orchestra, alice, 0, telling.SHORT - 1)
        assert not await over(short)
        held.may.set()
        assert await over(short, 20.0)

    orchestra.run(play())


def test_writes_are_never_far_ahead_of_a_view_whosever_they_are(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "BEHIND", 2 * LONG)
    alice, bob = orchestra.agent("alice"), orchestra.agent("bob")
    held = Held(orchestra.parts.episodic, monkeypatch)

    async def play() -> None:
        assert await over(remembering(orchestra, alice, 0, LONG), 20.0)
        assert await over(remembering(orchestra, bob, 0, LONG), 20.0)
        third, fourth = remembering(orchestra, alice, LONG, LONG), remembering(orchestra, bob, LONG, LONG)
        assert not await over(third)
        assert not fourth.done()
        held.may.set()
        assert await over(third, 20.0)
        assert await over(fourth, 20.0)
        assert len(await orchestra.host.memories(alice, None)) == 2 * LONG

    orchestra.run(play())
    while any(way._flying for way in orchestra.host._writer.telling._ways.values()):
        orchestra.run(asyncio.sleep(0.001))  # nothing is kept of what arrived


class Members(LocalPort[Any]):
    """A port whose keys fall to members by their first letter; what is told to them arrives when they may take it."""

    def __init__(self) -> None:
        super().__init__(object(), "members")
        self.may = {0: asyncio.Event(), 1: asyncio.Event()}

    def shares(self, keys: Sequence[str]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for at, key in enumerate(keys):
            found.setdefault(int(key[0]), []).append(at)
        return found

    def _start(self, method: Any, keys: Sequence[str], items: Sequence[Any]) -> Any:  # noqa: ARG002 - it is taken in
        (member,) = self.shares(keys)

        async def taken() -> list[None]:
            await self.may[member].wait()
            return [None] * len(items)

        return taken()


def told(number: int) -> Entry:
    return Entry(Place(f"b{number}", 1), START, Forgotten(("m",)))


def test_a_member_that_is_slow_holds_up_only_what_falls_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "SHORT", 1)
    monkeypatch.setattr(telling, "BEHIND", 3)

    async def play() -> None:
        port = Members()
        way = telling.Telling([port])
        port.may[1].set()
        await way.tell(["0a", "0b", "1a"], [told(1), told(2), told(3)])
        await way.tell(["0a"], [told(4)])
        stuck = asyncio.ensure_future(way.tell(["0c", "1c"], [told(5), told(6)]))
        for number in range(20):
            await way.tell(["1x"], [told(number)])
        assert not await over(stuck)
        port.may[0].set()
        assert await over(stuck)

    asyncio.run(play())


def test_writers_that_wait_do_not_wake_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "SHORT", 1)
    woken = 0
    real = asyncio.wait

    async def counting(*args: Any, **fields: Any) -> Any:
        nonlocal woken
        found = await real(*args, **fields)
        woken += 1
        return found

    async def play() -> None:
        port = Members()
        way = telling.Telling([port])
        monkeypatch.setattr(asyncio, "wait", counting)
        writers = [asyncio.ensure_future(way.tell(["0a"], [told(n)])) for n in range(2 * telling.BEHIND)]
        await asyncio.sleep(0)
        port.may[0].set()
        await asyncio.gather(*writers)
        assert woken == telling.BEHIND, "each of those that were too many once"

    asyncio.run(play())


def test_a_view_that_cannot_be_told_fails_no_write_and_lacks_nothing_when_it_is_asked(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    alice = orchestra.agent("alice")

    class Away:
        def apply(self, _: object) -> None:
            raise VaultUnavailable("episodic", "it is being restarted")

    async def play() -> int:
        with monkeypatch.context() as patched:
            patched.setattr(orchestra.parts.episodic, "_host", Away())
            assert await over(remembering(orchestra, alice, 0, LONG), 20.0)
            assert await over(remembering(orchestra, alice, LONG, 1), 20.0)
        return len(await orchestra.host.memories(alice, None))

    assert orchestra.run(play()) == LONG + 1
    assert "a view was not told" in caplog.text


def test_who_gives_up_waiting_takes_nothing_from_the_views(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = orchestra.agent("alice")
    held = Held(orchestra.parts.graph, monkeypatch)

    async def play() -> None:
        writing = asyncio.ensure_future(orchestra.host._writer.remember([RememberRequest(alice, (ready(1),), "op-1")]))
        assert not await over(writing)
        writing.cancel()
        await asyncio.wait((writing,))
        held.may.set()

    orchestra.run(play())
    while not held.taken or orchestra.parts.graph.lag.events:
        orchestra.run(asyncio.sleep(0.001))
