"""Requests under way: so many at once, as many that wait for a while, and the others are told to come again."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from quantum_memory.cluster.service import replica as replica_module
from quantum_memory.cluster.service.envelope import Envelope
from quantum_memory.cluster.service.listening import Address
from quantum_memory.cluster.service.ongoing import Ongoing
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.problems import answer, headers_of, problem_of
from quantum_memory.cluster.service.replica import Replica
from quantum_memory.cluster.service.routes import exchange
from quantum_memory.errors import Busy, RateLimited
from tests.unit.door_served import Direct, free_port
from tests.unit.doors import problem, said
from tests.unit.front import Front
from tests.unit.test_service_replica import Served


class Slow:
    """Answers when it is told to, and knows how many it has under way.

    Each is of whom its query names, or of another one.
    """

    def __init__(self) -> None:
        self.on, self.now, self.most = asyncio.Event(), 0, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        called = dict(scope["headers"])[b"x-request-id"].decode()
        try:
            if "place" in scope["state"]:
                subject, _, tenant = scope["query_string"].decode().partition("@")
                await scope["state"]["place"](Principal(subject or called, tenant or "acme", "reader"))
        except (Busy, RateLimited) as error:
            await answer(problem_of(error, called), headers_of(error))(scope, receive, send)
            return
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


def played(wait_s: float, play: Callable[[Slow, httpx.AsyncClient], Awaitable[None]], most: int = 2) -> None:
    async def going() -> None:
        slow = Slow()
        transport = httpx.ASGITransport(Envelope(Ongoing(slow, most, wait_s)))
        numbers = itertools.count()

        async def named(request: httpx.Request) -> None:
            request.headers["X-Request-ID"] = f"r{next(numbers)}"

        async with httpx.AsyncClient(
            transport=transport, base_url="http://door", event_hooks={"request": [named]}
        ) as client:
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


def test_nobody_has_more_than_his_share_and_what_he_has_is_his_until_it_is_answered() -> None:
    async def play(slow: Slow, client: httpx.AsyncClient) -> None:
        asked = [asyncio.create_task(client.get("/slow?ann")) for _ in range(8)]
        done, under_way = await asyncio.wait(asked, timeout=0.2)
        assert (slow.now, len(done), len(under_way)) == (2, 4, 4), "a quarter of eight, and as many wait"
        for one in done:
            told = one.result()
            assert problem(told, 429, "rate-limited")["scope"] == "requests"
            assert told.headers["retry-after"] == "1"
        bobs = [asyncio.create_task(client.get("/slow?bob")) for _ in range(2)]
        assert (await client.get("/fast?eve")).status_code == 200, "whoever waits for his own is in nobody's way"
        for one in under_way:
            one.cancel()
        await asyncio.sleep(0.01)
        assert (await client.get("/failed?ann")).status_code == 500, "whoever left gave his place back"
        assert (await client.get("/fast?ann")).status_code == 200, "and so did what failed"
        slow.on.set()
        assert {(await one).status_code for one in bobs} == {200}
        again = await asyncio.gather(*(client.get(f"/slow?{who}") for who in ("ann", "ann", "bob", "bob")))
        assert {one.status_code for one in again} == {200}

    played(30.0, play, 8)


def test_one_who_is_alone_waits_for_his_own_share_and_not_for_ever() -> None:
    async def play(slow: Slow, client: httpx.AsyncClient) -> None:
        asked = [asyncio.create_task(client.get("/slow?ann")) for _ in range(4)]
        await asyncio.sleep(0.05)
        assert slow.now == 2
        slow.on.set()
        assert [(await one).status_code for one in asked] == [200] * 4, "they waited no second, and were not sent away"
        slow.on.clear()
        asked = [asyncio.create_task(client.get("/slow?ann")) for _ in range(3)]
        problem(await asked.pop(), 429, "rate-limited")
        slow.on.set()
        assert [(await one).status_code for one in asked] == [200] * 2

    played(0.2, play, 8)


def test_whoever_waits_for_a_place_of_all_has_one_of_his_share_and_leaves_nothing() -> None:
    async def play(slow: Slow, client: httpx.AsyncClient) -> None:
        first = [asyncio.create_task(client.get("/slow")) for _ in range(2)]
        await asyncio.sleep(0.02)
        waits = [asyncio.create_task(client.get("/slow?ann")) for _ in range(2)]
        await asyncio.sleep(0.02)
        problem(await client.get("/slow?ann"), 429, "rate-limited")
        for one in waits:
            one.cancel()
        await asyncio.sleep(0.01)
        problem(await client.get("/slow?ann"), 503, "busy")
        slow.on.set()
        assert [(await one).status_code for one in first] == [200, 200]
        assert (await client.get("/slow?ann")).status_code == 200

    played(0.1, play)


def test_places_add_up_whoever_leaves_when() -> None:
    """Requests that are cancelled at any moment: while they wait, when they are let in, and under way."""

    async def play(slow: Slow, client: httpx.AsyncClient) -> None:
        for turn in range(60):
            asked = [asyncio.create_task(client.get(f"/slow?{who}@{turn % 2}")) for who in "aaabbbccc"]
            for _ in range(turn % 12):
                await asyncio.sleep(0)
            for one in asked[turn % 3 :: 2]:
                one.cancel()
            slow.on.set()
            await asyncio.gather(*asked, return_exceptions=True)
            slow.on.clear()
        slow.on.set()
        again = await asyncio.gather(*(client.get(f"/slow?{number}@{number % 2}") for number in range(8)))
        assert [one.status_code for one in again] == [200] * 8
        slow.on.clear()
        last = [asyncio.create_task(client.get(f"/slow?{number}@{number % 2}")) for number in range(5)]
        await asyncio.sleep(0.05)
        assert slow.now == 4, "as many as there were, neither more nor fewer"
        slow.on.set()
        await asyncio.gather(*last)

    played(5.0, play, 4)


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


@asynccontextmanager
async def listening(front: Front, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Replica, Address]]:
    monkeypatch.setattr(replica_module, "GOODBYE_S", 0.1)
    address = Address("127.0.0.1", free_port())
    made = Replica(front.memory, front.settings, Direct(front), None, address)
    async with made._life(made.app):
        yield made, address


@asynccontextmanager
async def client_of(front: Front, address: Address, tenant: str = "acme") -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {await Served(front, '').key(tenant=tenant)}"}
    async with httpx.AsyncClient(base_url=f"http://{address}", headers=headers, trust_env=False) as client:
        yield client


def test_a_replica_that_listens_itself_keeps_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    front = Front(tmp_path, service={"replicas": {"ongoing": 4}})
    now = most = 0

    async def slowly(*_: Any) -> list[str]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.2)
        now -= 1
        return []

    async def going() -> None:
        async with AsyncExitStack() as stack:
            made, address = await stack.enter_async_context(listening(front, monkeypatch))
            monkeypatch.setattr(made._backend, "agents_page", slowly)
            tenants = ["acme", "other"] * 10
            clients = [await stack.enter_async_context(client_of(front, address, tenant)) for tenant in tenants]
            answers = await asyncio.gather(*(client.get("/v1/agents") for client in clients))
            found = [one.status_code for one in answers]
            assert (most, set(found)) == (4, {200, 503})
            assert found.count(200) >= 8
            assert (await clients[0].get("/health")).status_code == 200
            again = await asyncio.gather(*(clients[0].get("/v1/agents") for _ in range(4)))
            assert sorted(one.status_code for one in again) == [200, 200, 429, 429]

    try:
        asyncio.run(going())
    finally:
        front.close()


async def endless(*_: Any) -> AsyncIterator[bytes]:
    while True:
        yield b"x" * (1 << 20)
        await asyncio.sleep(0.001)


async def asked(address: Address, *lines: str, times: int = 1) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which something is asked that is not read."""
    reader, writer = await asyncio.open_connection(*address, limit=1)
    writer.write("\r\n".join((*lines, "Host: door", "", "")).encode() * times)
    return reader, writer


def test_whoever_reads_and_says_slowly_is_in_nobodys_way_but_his_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of his share goes to bodies that do not come, half to answers that are not read; strangers have none."""
    front = Front(tmp_path, service={"replicas": {"ongoing": 16}})

    async def play(address: Address, ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
        assert (await ann.put("/v1/agents/alice")).status_code == 201
        monkeypatch.setattr(exchange, "_written", endless)
        alice, who = "/v1/agents/alice", f"Authorization: {ann.headers['authorization']}"
        bodies = (("import", "text/plain"), ("remember", "application/json"))
        slow = [
            await asked(address, f"POST {alice}/{path} HTTP/1.1", who, f"Content-Type: {kind}", "Content-Length: 9")
            for path, kind in bodies
        ]
        slow += [await asked(address, f"GET {alice}/export HTTP/1.1", who) for _ in range(2)]
        await asyncio.sleep(0.3)
        told = await asyncio.gather(ann.get("/v1/agents", timeout=20.0), ann.post("/mcp", timeout=20.0))
        assert [problem(one, 429, "rate-limited")["scope"] for one in told] == ["requests"] * 2
        slow += [await asked(address, "GET /v1/openapi.json HTTP/1.1", times=100) for _ in range(16)]
        await asyncio.sleep(0.3)
        for path in ("/v1/agents", "/health"):
            assert (await bob.get(path)).status_code == 200
        for _, writer in slow:
            writer.transport.abort()
        await asyncio.sleep(0.2)
        assert (await ann.get("/v1/agents")).status_code == 200

    async def going() -> None:
        async with (
            listening(front, monkeypatch) as (_, address),
            client_of(front, address) as ann,
            client_of(front, address) as bob,
        ):
            await play(address, ann, bob)

    try:
        asyncio.run(going())
    finally:
        front.close()


def test_what_is_cut_off_by_a_replica_that_ends_may_be_sent_again_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import that waits for its rate, an upload of which more is to come, and a read: nobody knows what was done."""
    rates = {"limits": {"key": {"per_s": 0.5, "burst": 8.0}, "connection": None}}
    front = Front(tmp_path, service={"replicas": {"drain_s": replica_module.END_S + 1.0}, **rates})
    alice = "/v1/agents/alice"

    async def sent(
        client: httpx.AsyncClient, address: Address, lines: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        body = b"".join(json.dumps(said(number)).encode() + b"\n" for number in range(lines))
        reader, writer = await asyncio.open_connection(*address)
        asked = (
            f"POST {alice}/import?skip_bad=true HTTP/1.1",
            "Host: door",
            f"Authorization: {client.headers['authorization']}",
            "Content-Type: application/x-ndjson",
            f"Content-Length: {len(body) + (lines == 1)}",
        )
        writer.write("\r\n".join((*asked, "", "")).encode() + body)
        await writer.drain()
        return reader, writer

    async def going() -> None:
        async with AsyncExitStack() as stack:
            async with listening(front, monkeypatch) as (made, address):
                ann, bob, eve = [await stack.enter_async_context(client_of(front, address)) for _ in range(3)]
                assert (await ann.put("/v1/agents/alice")).status_code == 201
                room = made.app.state.door.uploads
                left = [await sent(ann, address, 2_000), await sent(bob, address, 1)]
                monkeypatch.setattr(made._backend, "agents_page", lambda *_: asyncio.Event().wait())
                read = asyncio.create_task(eve.get("/v1/agents", timeout=60.0))
                async with asyncio.timeout(30.0):
                    while len(front.agent("acme:alice").memories()) < 128:  # noqa: ASYNC110 - nobody tells
                        await asyncio.sleep(0.01)
                assert room.held
            told = problem(await read, 504, "deadline-exceeded")
            assert told["operation"] == "the request"
            for reader, writer in left:
                assert (await reader.readline()).split()[1] == b"504"
                writer.close()
            assert room.held == 0

    try:
        asyncio.run(going())
    finally:
        front.close()
