"""What takes a member long, and what it is asked meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from quantum_memory.actors.agent import QuantumMemoryHost
from quantum_memory.actors.ports import LocalPort
from quantum_memory.types import Branch
from tests.unit.orchestra import Orchestra, ready

Ask = Callable[[QuantumMemoryHost, Branch], Awaitable[Any]]
LONG: dict[str, Ask] = {
    "neighbours": lambda host, branch: host.neighbours(branch, "Initech", (1, 10), None, None),
    "paths": lambda host, branch: host.paths(branch, ("Initech", "Peter"), (5, 4), None, None),
    "communities": lambda host, branch: host.communities(branch, 0, 1.0, None),
    "concepts": lambda host, branch: host.concepts(branch, 5),
    "graph": lambda host, branch: host.graph(branch, None),
    "knowledge": lambda host, branch: host.knowledge(branch, None),
}


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    made = Orchestra(tmp_path)
    yield made
    made.close()


class Slow:
    """A host that notes what it did, in order, and does what is long once it may."""

    def __init__(self) -> None:
        self.may, self.began, self.did = threading.Event(), threading.Event(), list[str]()

    def long(self, items: Sequence[str]) -> list[str]:
        self.began.set()
        assert self.may.wait(30.0)
        self.did += items
        if "bad" in items:
            raise ValueError("bad")
        return list(items)

    def brief(self, items: Sequence[str]) -> list[str]:
        self.did += items
        return list(items)


async def begun(host: Slow) -> None:
    assert await asyncio.to_thread(host.began.wait, 30.0)


def test_a_brief_question_waits_for_one_long_one_and_not_for_all() -> None:
    async def play() -> list[str]:
        host = Slow()
        port = LocalPort(host, "slow")
        long = [asyncio.ensure_future(port.ask_long(Slow.long, "key", f"long {number}")) for number in range(4)]
        await begun(host)
        brief = asyncio.ensure_future(port.ask(Slow.brief, "key", "brief"))
        await asyncio.sleep(0)
        host.may.set()
        assert await asyncio.gather(*long, brief) == ["long 0", "long 1", "long 2", "long 3", "brief"]
        return host.did

    assert asyncio.run(play()) == ["long 0", "brief", "long 1", "long 2", "long 3"]


def test_one_that_fails_or_for_which_nobody_waits_is_in_nobodys_way() -> None:
    async def play() -> list[str]:
        host = Slow()
        port = LocalPort(host, "slow")
        asked = ["bad", "left waiting", "good"]
        bad, left, good = [asyncio.ensure_future(port.ask_long(Slow.long, "key", one)) for one in asked]
        await begun(host)
        left.cancel()
        host.may.set()
        assert await asyncio.wait_for(good, 30.0) == "good"
        with pytest.raises(ValueError, match="bad"):
            await bad
        assert left.cancelled()
        return host.did

    assert asyncio.run(play()) == ["bad", "good"]


@pytest.mark.parametrize("name", LONG)
def test_what_looks_at_much_of_a_graph_is_asked_one_at_a_time(
    name: str, orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = orchestra.agent("alice"), orchestra.agent("bob")
    orchestra.remember(alice, [ready(0, "Peter works at Initech.")], "op-1")
    port, slow = orchestra.parts.graph, Slow()
    assert isinstance(port, LocalPort)
    host, waits = port._host, port._thread._work_queue
    real, relations = getattr(host, name), host.relations

    def held(asked: Sequence[Any], **carried: Any) -> Any:
        slow.long([name])
        return real(asked, **carried)

    def told(asked: Sequence[Any], **carried: Any) -> Any:
        slow.brief(["relations"])
        return relations(asked, **carried)

    monkeypatch.setattr(host, name, held)
    monkeypatch.setattr(host, "relations", told)

    async def play() -> None:
        long = [asyncio.ensure_future(LONG[name](orchestra.host, alice)) for _ in range(3)]
        await begun(slow)
        brief = asyncio.ensure_future(orchestra.host.relations(bob, None, None))
        async with asyncio.timeout(30.0):
            while not waits.qsize():  # noqa: ASYNC110  (another thread takes from it)
                await asyncio.sleep(0.001)
        slow.may.set()
        await asyncio.gather(*long, brief)

    orchestra.run(play())
    assert slow.did.index("relations") == 1, slow.did
