"""Requests under way: so many at once, as many that wait for a while, and the others are told to come again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from quantum_memory.cluster.service import replica as replica_module
from quantum_memory.cluster.service.envelope import Envelope
from quantum_memory.cluster.service.listening import Address
from quantum_memory.cluster.service.ongoing import Ongoing
from quantum_memory.cluster.service.replica import Replica
from tests.unit.door_served import Direct, free_port
from tests.unit.doors import problem
from tests.unit.front import Front
from tests.unit.test_service_replica import Served


class Slow:
    """Answers when it is told to, and knows how many it has under way."""

    def __init__(self) -> None:
        self.on, self.now, self.most = asyncio.Event(), 0, 0

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if scope["path"] == "/failed":
                raise RuntimeError("it fails")
            if scope["path"] == "/slow":
                await self.on.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self.now -= 1


def played(wait_s: float, play: Callable[[Slow, httpx.AsyncClient], Awaitable[None]]) -> None:
    async def going() -> None:
        slow = Slow()
        transport = httpx.ASGITransport(Envelope(Ongoing(slow, 2, wait_s)))
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            await play(slow, client)

    asyncio.run(going())


def test_others_wait_and_the_others_still_come_again() -> None:
    async def play(slow: Slow, client: httpx.AsyncClient) -> None:
        asked = [asyncio.create_task(client.get("/slow")) for _ in range(6)]
        done, under_way = await asyncio.wait(asked, timeout=0.2)
        assert (slow.now, len(done), len(under_way)) == (2, 2, 4)
        for one in done:
            told = one.result()
            assert problem(told, 503, "busy")["request_id"] == told.headers["x-request-id"]
            assert told.headers["retry-after"] == "1"
        for path in ("/health", "/health/detailed", "/metrics"):
            assert (await client.get(path)).status_code == 200
        assert (await client.get("/healthy")).status_code == 503
        slow.on.set()
        assert [(await one).status_code for one in under_way] == [200] * 4
        assert slow.most == 3, "two, and one that looked after them"
        for _ in range(5):
            assert (await client.get("/failed")).status_code == 500
        assert (await client.get("/fast")).status_code == 200, "what failed or was refused holds nothing"

    played(30.0, play)


def test_nobody_waits_for_longer_than_he_may() -> None:
    async def play(slow: Slow, client: httpx.AsyncClient) -> None:
        asked = [asyncio.create_task(client.get("/slow")) for _ in range(2)]
        await asyncio.sleep(0.05)
        problem(await client.get("/slow"), 503, "busy")
        left = asyncio.create_task(client.get("/slow"))
        await asyncio.sleep(0.02)
        left.cancel()
        slow.on.set()
        assert [(await one).status_code for one in asked] == [200, 200]
        again = await asyncio.gather(*(client.get("/slow") for _ in range(4)))
        assert [one.status_code for one in again] == [200] * 4

    played(0.1, play)


def test_what_is_no_request_is_not_counted() -> None:
    async def work() -> None:
        entered, on = 0, asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal entered
            entered += 1
            await on.wait()

        ongoing = Ongoing(app, 1)

        async def never(*_: Any) -> Any:
            raise AssertionError

        streams = [
            asyncio.create_task(ongoing({"type": "websocket", "path": "/v1/stream"}, never, never)) for _ in "abc"
        ]
        await asyncio.sleep(0.01)
        assert entered == 3
        on.set()
        await asyncio.gather(*streams)

    asyncio.run(work())


def test_a_replica_that_listens_itself_keeps_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_module, "GOODBYE_S", 0.1)
    front = Front(tmp_path, service={"replicas": {"ongoing": 4}})
    now = most = 0

    async def slowly(*_: Any) -> list[str]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.2)
        now -= 1
        return []

    @asynccontextmanager
    async def listening() -> Any:
        address = Address("127.0.0.1", free_port())
        made = Replica(front.memory, front.settings, Direct(front), None, address)
        monkeypatch.setattr(made._backend, "agents_page", slowly)
        async with made._life(made.app):
            key = await Served(front, "").key("reader")
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx.AsyncClient(base_url=f"http://{address}", headers=headers, trust_env=False) as client:
                yield client

    async def going() -> None:
        async with listening() as client:
            answers = await asyncio.gather(*(client.get("/v1/agents") for _ in range(20)))
            found = [one.status_code for one in answers]
            assert (most, set(found)) == (4, {200, 503})
            assert found.count(200) >= 8
            assert (await client.get("/health")).status_code == 200

    try:
        asyncio.run(going())
    finally:
        front.close()
