"""What takes long: of one principal a few at a time, and everything else in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from quantum_memory.actors.patience import Deadline
from quantum_memory.actors.recalling import Recaller
from quantum_memory.actors.requests import RecallRequest
from quantum_memory.cluster.service import backend as service
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.shares import of_principal
from quantum_memory.errors import RateLimited
from quantum_memory.settings import ReplicasSettings
from tests.unit.doors import ANN, Rest, Turnstile, said, scope_of

ALICE = "/agents/alice"
LONG = ReplicasSettings().long
QUESTION = {"query": "Which thing?", "k": 2}
LOOKS_FAR: dict[str, tuple[str, str, Any]] = {
    "listMemories": ("GET", "/memories", None),
    "readProvenance": ("GET", "/provenance?memory=m0", None),
    "readLog": ("GET", "/log", None),
    "listCommits": ("GET", "/commits", None),
    "diff": ("GET", "/diff?left=main&right=main", None),
    "readMoodHistory": ("GET", "/mood/history", None),
    "listConcepts": ("GET", "/concepts", None),
    "listRelations": ("GET", "/relations", None),
    "listNeighbours": ("GET", "/neighbours?name=Ann", None),
    "listPaths": ("GET", "/paths?start=Ann&goal=Bob", None),
    "context": ("POST", "/context", {"query": "Which thing?"}),
    "exportMemories": ("GET", "/export", None),
    "recall exactly": ("POST", "/recall", QUESTION | {"exact": True}),
    "recall of the past": ("POST", "/recall", QUESTION | {"as_of": "main"}),
    "recall of many": ("POST", "/recall", QUESTION | {"k": 101}),
    "recall with company": ("POST", "/recall", QUESTION | {"neighbours": 1}),
}
BRIEF: dict[str, tuple[str, str, Any]] = {
    "recall": ("POST", "/recall", QUESTION),
    "recall in time": ("POST", "/recall", QUESTION | {"deadline_s": 20.0}),
    "readMood": ("GET", "/mood", None),
    "readMemory": ("GET", "/memories/m0", None),
}


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    made = Rest(tmp_path_factory.mktemp("vault"))
    made.put(ALICE)
    assert made.post(f"{ALICE}/remember", json=said(1, id="m0")).status_code == 200
    yield made
    made.close()


@pytest.fixture(autouse=True)
def turns_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LONG_S", 60.0)


async def answered(client: httpx.AsyncClient, asked: tuple[str, str, Any]) -> int:
    method, path, body = asked
    answer = await client.request(method, f"{ALICE}{path}", json=body)
    return answer.status_code


@pytest.mark.parametrize("name", LOOKS_FAR)
def test_what_takes_long_waits_for_its_callers_turn_and_is_in_nobody_elses_way(rest: Rest, name: str) -> None:
    backend = rest.app.state.door.backend

    async def play() -> None:
        async with rest.client() as ann, rest.client("reader") as reader, AsyncExitStack() as his:
            for _ in range(of_principal(LONG)):
                await his.enter_async_context(backend.long(ANN))
            waits = asyncio.ensure_future(answered(ann, LOOKS_FAR[name]))
            for brief in BRIEF.values():
                assert await answered(ann, brief) == 200
            assert await answered(reader, LOOKS_FAR[name]) == 200
            assert not waits.done()
            await his.aclose()
            assert await asyncio.wait_for(waits, 30.0) == 200
        assert backend._long._all._free._value == LONG

    rest.run(play())


def test_a_turn_is_given_back_by_what_fails_and_by_who_leaves(rest: Rest) -> None:
    backend = rest.app.state.door.backend

    async def play() -> None:
        async with rest.client() as ann, AsyncExitStack() as his:
            for _ in range(2 * LONG):
                assert await answered(ann, ("GET", "/provenance?memory=nothing", None)) == 404
            for _ in range(of_principal(LONG)):
                await his.enter_async_context(backend.long(ANN))
            leaves = asyncio.ensure_future(answered(ann, LOOKS_FAR["diff"]))
            await asyncio.sleep(0.05)
            leaves.cancel()
            await asyncio.wait((leaves,))
            await his.aclose()
            assert await asyncio.wait_for(answered(ann, LOOKS_FAR["diff"]), 30.0) == 200
        assert backend._long._all._free._value == LONG

    rest.run(play())


def test_what_does_not_come_back_keeps_nobody_from_his_turn(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = rest.app.state.door.backend
    monkeypatch.setattr(service, "LONG_S", 0.2)

    async def play() -> None:
        async with rest.client() as ann, rest.client("other") as other, AsyncExitStack() as stuck:
            for name in "abcd":
                for _ in range(of_principal(LONG)):
                    await stuck.enter_async_context(backend.long(Principal(f"key:{name}", f"of-{name}", "reader")))
            asked = [asyncio.ensure_future(answered(ann, LOOKS_FAR["diff"])) for _ in range(2 * LONG)]
            asked.append(asyncio.ensure_future(answered(other, ("GET", "/log", None))))
            await asyncio.sleep(0.05)
            assert not any(one.done() for one in asked)
            assert await asyncio.wait_for(asyncio.gather(*asked), 20.0) == [200] * 2 * LONG + [404]
        assert backend._long._all._free._value == LONG

    rest.run(play())


@pytest.mark.parametrize("path", ["/recall", "/context"])
def test_what_is_due_waits_no_longer_for_its_turn_and_has_what_is_left(
    rest: Rest, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = rest.app.state.door.backend
    asked = QUESTION | {"exact": True} if path == "/recall" else {"query": "Which thing?"}
    dues: list[float] = []
    due = Recaller.deadline

    def deadline(self: Recaller, requests: Sequence[RecallRequest]) -> Deadline:
        dues.extend(one.deadline_s for one in requests if one.deadline_s is not None)
        return due(self, requests)

    monkeypatch.setattr(Recaller, "deadline", deadline)

    async def play() -> None:
        async with rest.client() as ann, AsyncExitStack() as his:
            for _ in range(of_principal(LONG)):
                await his.enter_async_context(backend.long(ANN))
            late = answered(ann, ("POST", path, asked | {"deadline_s": 0.1}))
            assert await asyncio.wait_for(late, 20.0) == 504
            assert not dues
            waits = asyncio.ensure_future(answered(ann, ("POST", path, asked | {"deadline_s": 60.0})))
            await asyncio.sleep(0.3)
            await his.aclose()
            assert await asyncio.wait_for(waits, 20.0) == 200
        assert dues
        assert max(dues) <= 59.8
        assert backend._long._all._free._value == LONG

    rest.run(play())


@pytest.mark.parametrize("name", ["listNeighbours", "listPaths"])
def test_who_cannot_pay_is_told_before_his_turn(tmp_path: Path, name: str) -> None:
    class Poor(Turnstile):
        async def charge(self, principal: Principal, cost: float) -> None:
            raise RateLimited(principal.subject, cost)

    rest = Rest(tmp_path, Poor(100))
    backend = rest.app.state.door.backend

    async def play() -> None:
        async with rest.client() as ann, AsyncExitStack() as his:
            for _ in range(of_principal(LONG)):
                await his.enter_async_context(backend.long(ANN))
            assert await asyncio.wait_for(answered(ann, LOOKS_FAR[name]), 20.0) == 429

    try:
        rest.run(play())
    finally:
        rest.close()


def test_an_export_that_is_not_read_holds_no_turn(rest: Rest) -> None:
    backend = rest.app.state.door.backend

    async def play() -> None:
        stuck, on = asyncio.Event(), asyncio.Event()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body" and message.get("body"):
                stuck.set()
                await on.wait()

        async def receive() -> Any:
            await on.wait()
            return {"type": "http.disconnect"}

        slow = asyncio.ensure_future(rest.app(scope_of(f"{ALICE}/export"), receive, send))
        await asyncio.wait_for(stuck.wait(), 30.0)
        assert backend._long._all._free._value == LONG
        on.set()
        await asyncio.wait_for(slow, 30.0)

    rest.run(play())
