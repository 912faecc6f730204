"""Deadlines of writes, whoever waits: what has not begun is given up, what has begun comes to its end."""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from quantum_memory.actors.overdue import Overdue, writing
from quantum_memory.actors.ports import LocalVault
from quantum_memory.actors.requests import RememberRequest, utterances
from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.writing import Writer
from quantum_memory.errors import DeadlineExceeded, StorageFailure, WriteFailed
from quantum_memory.memory.vault.writes import Append
from quantum_memory.types import Branch
from tests.unit.front import Front
from tests.unit.orchestra import Orchestra, ready

LATE_S = 0.05


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    one = Orchestra(tmp_path)
    yield one
    one.close()


def request(branch: Branch, number: int, deadline_s: float | None = LATE_S, op: str = "s.1") -> RememberRequest:
    return RememberRequest(branch, utterances(ready(number)), f"{op}:{branch.agent}", deadline_s)


def slow_to_perceive(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    perceive = Writer._perceive

    async def slowly(self: Writer, said: Any) -> Any:
        await asyncio.sleep(seconds)
        return await perceive(self, said)

    monkeypatch.setattr(Writer, "_perceive", slowly)


def slow_to_write(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The vault takes its time for events, before it does what it is asked."""
    ask = LocalVault.ask

    async def slowly(self: LocalVault, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if method is VaultHost.write and isinstance(args[0][0], Append):
            await asyncio.sleep(seconds)
        return await ask(self, method, *args, **kwargs)

    monkeypatch.setattr(LocalVault, "ask", slowly)


def test_what_has_not_begun_to_be_written_is_given_up(orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = orchestra.agent("alice")
    slow_to_perceive(monkeypatch, 0.5)
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="remember"):
        orchestra.run(orchestra.host.remember_one(request(alice, 1)))
    assert time.monotonic() - began < 0.4, "it was answered when its time was over"
    orchestra.run(asyncio.sleep(0.7))
    assert orchestra.memories(alice) == []
    monkeypatch.undo()
    assert orchestra.run(orchestra.host.remember_one(request(alice, 2, None, "s.2"))), "nobody waits for its turn"
    assert [memory.text for memory in orchestra.memories(alice)] == ["thing number 2"]


def test_what_has_begun_to_be_written_comes_to_its_end(orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = orchestra.agent("alice")
    slow_to_write(monkeypatch, 0.3)
    with pytest.raises(DeadlineExceeded):
        orchestra.run(orchestra.host.remember_one(request(alice, 1)))
    assert orchestra.vault.head(alice.id) == 0
    monkeypatch.undo()
    (two,) = orchestra.run(orchestra.host.remember_one(request(alice, 2, None, "s.2")))
    assert [memory.text for memory in orchestra.memories(alice)] == ["thing number 1", "thing number 2"], "in order"
    (again,) = orchestra.run(orchestra.host.remember_one(request(alice, 1, None)))
    assert [memory.id for memory in orchestra.memories(alice)] == [again, two], "told again it is there once"


def test_who_retires_waits_for_what_is_being_written(orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = orchestra.agent("alice")
    slow_to_write(monkeypatch, 0.3)

    async def play() -> None:
        with pytest.raises(DeadlineExceeded):
            await orchestra.host.remember_one(request(alice, 1))
        await orchestra.host.retire()

    orchestra.run(play())
    assert orchestra.vault.head(alice.id) == 1


def test_each_of_many_is_told_of_the_deadline(orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch) -> None:
    branches = [orchestra.agent(name) for name in ("alice", "bob")]
    slow_to_perceive(monkeypatch, 0.5)
    answers = orchestra.run(orchestra.host.remember_each([request(branch, 1) for branch in branches]))
    assert [type(one) for one in answers] == [DeadlineExceeded] * 2
    assert [orchestra.memories(branch) for branch in branches] == [[], []]


def test_it_holds_where_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    front = Front(tmp_path)
    try:
        alice = front.agent()
        slow_to_perceive(monkeypatch, 0.5)
        begun: Any = [
            alice.remember.remote(ready(1), deadline_s=LATE_S),
            front.memory.remember.remote({"alice": ready(2)}, deadline_s=LATE_S),
        ]
        with pytest.raises(DeadlineExceeded):
            begun[0].future.result(5)
        with pytest.raises(DeadlineExceeded):
            begun[1].future.result(5)
        monkeypatch.undo()
        time.sleep(0.6)
        assert alice.memories() == []
    finally:
        front.close()


def test_a_request_keeps_its_deadline_on_its_way(orchestra: Orchestra) -> None:
    told = request(orchestra.agent("alice"), 1, 7.5)
    assert pickle.loads(pickle.dumps(told)).deadline_s == 7.5  # noqa: S301 - what was dumped here


def test_the_work_says_itself_what_it_comes_to_in_time(caplog: pytest.LogCaptureFixture) -> None:
    async def refused() -> None:
        raise WriteFailed("disk", "it is full")

    async def refused_late() -> None:
        writing()
        await asyncio.sleep(2 * LATE_S)
        await refused()

    async def play() -> None:
        some = Overdue()
        with pytest.raises(StorageFailure):
            await some.kept("remember", 5.0, refused)
        with pytest.raises(DeadlineExceeded):
            await some.kept("remember", LATE_S, refused_late)
        await some.settled()
        await some.settled()

    asyncio.run(play())
    assert "late for its caller failed: " in caplog.text


def test_who_is_cancelled_takes_the_work_along() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            ended.append("work")
            raise

    async def play() -> None:
        asking = asyncio.create_task(Overdue().kept("remember", 9.0, work))
        await asyncio.sleep(LATE_S)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.sleep(0)

    asyncio.run(play())
    assert ended == ["work"]
