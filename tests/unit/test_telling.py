"""Views that are told behind a long write: who returns when, and who sees what."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from quantum_memory.actors import telling
from quantum_memory.actors.requests import RememberRequest
from quantum_memory.errors import VaultUnavailable
from quantum_memory.types import Branch
from tests.unit.orchestra import Orchestra, ready

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


def test_a_branch_is_never_far_ahead_of_its_views_and_holds_no_other_up(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "BEHIND", 2 * LONG)
    alice, bob = orchestra.agent("alice"), orchestra.agent("bob")
    held = Held(orchestra.parts.episodic, monkeypatch)

    async def play() -> None:
        assert await over(remembering(orchestra, alice, 0, LONG), 20.0)
        assert await over(remembering(orchestra, alice, LONG, LONG), 20.0)
        third = remembering(orchestra, alice, 2 * LONG, LONG)
        assert not await over(third)
        assert await over(remembering(orchestra, bob, 0, LONG), 20.0), "another lineage is not behind"
        held.may.set()
        assert await over(third, 20.0)
        await asyncio.sleep(0)
        assert len(await orchestra.host.memories(alice, None)) == 3 * LONG
        assert not orchestra.host._writer.telling._flying, "nothing is kept of what arrived"

    orchestra.run(play())


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
