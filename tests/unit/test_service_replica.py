"""A replica with all its real parts, on real sockets: keys, REST, the stream, tools, health, limits; without Ray."""

from __future__ import annotations

import asyncio
import json
import re
import socket as sockets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import sqlalchemy as sa
import typer
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from websockets.asyncio.client import connect

from quantum_memory.actors import scratch
from quantum_memory.actors.vault import utc_now
from quantum_memory.cluster import cli
from quantum_memory.cluster.service.access.authenticator import TEXT
from quantum_memory.cluster.service.access.keys import mint
from quantum_memory.cluster.service.access.ledger import Ledger
from quantum_memory.cluster.service.backend import Backend
from quantum_memory.cluster.service.limits.host import RateLimitsHost
from quantum_memory.cluster.service.principals import Principal, Role
from quantum_memory.cluster.service.replica import Replica
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.admission import RevokeKey
from quantum_memory.memory.vault.catalog import to_us
from quantum_memory.settings import load
from tests.unit.front import Front

ROOT = Path(__file__).parents[2]
ADMIN = Principal("tests", "acme", "admin")


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    made = Front(tmp_path, service={"limits": {"key": {"per_s": 5.0, "burst": 30.0}}})
    yield made
    made.close()


class Direct:
    """The buckets that replicas lease from, in this process."""

    def __init__(self, front: Front) -> None:
        self.host = RateLimitsHost(front.settings)

    async def lease(self, *asked: Any) -> Any:
        return self.host.lease(*asked)

    async def leave(self, *asked: Any) -> None:
        self.host.leave(*asked)


class Served:
    """A replica that serves on loopback.

    Attributes:
        url: where.
    """

    def __init__(self, front: Front, url: str) -> None:
        self.front, self.url = front, url
        self.ledger = Ledger(front.memory)

    async def key(self, role: Role = "writer", tenant: str = "acme", agents: tuple[str, ...] = ("*",)) -> str:
        """A key that an admin made."""
        backend = Backend(self.front.memory)
        await backend.cluster(ADMIN)
        minted = mint("tests", tenant, "a test", role, agents, now=utc_now())
        await self.ledger.write(minted.write)
        return minted.text

    @asynccontextmanager
    async def tools(self, key: str | None) -> AsyncIterator[Client]:
        """The SDK's own client of the tools."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers))
            way = streamable_http_client(f"{self.url}/mcp", http_client=http)
            yield await stack.enter_async_context(Client(way))

    def client(self, key: str | None) -> httpx.AsyncClient:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30.0)


def served(front: Front, play: Callable[[Served], Awaitable[None]]) -> None:
    @asynccontextmanager
    async def running() -> AsyncIterator[str]:
        app = Replica(front.memory, front.settings, Direct(front)).app
        listener = sockets.create_server(("127.0.0.1", 0))
        host, port = listener.getsockname()
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="websockets-sansio"))
        task = asyncio.create_task(server.serve([listener]))
        while not server.started:  # noqa: ASYNC110 - it tells nobody when it has
            await asyncio.sleep(0.01)
        try:
            yield f"http://{host}:{port}"
        finally:
            server.should_exit = True
            await task

    async def going() -> None:
        async with asyncio.timeout(100), running() as url:
            await play(Served(front, url))

    asyncio.run(going())


def test_a_key_opens_rest_the_stream_and_the_tools_onto_the_same_agent(front: Front) -> None:
    async def play(door: Served) -> None:
        key = await door.key()
        async with door.client(key) as client, connect(f"ws{door.url[4:]}/v1/stream") as stream:
            await stream.send(json.dumps({"type": "hello", "token": key}))
            assert json.loads(await stream.recv())["type"] == "welcome"
            await stream.send(
                json.dumps({"type": "subscribe", "id": "s", "agents": ["alice"], "channels": ["memories"]})
            )
            assert json.loads(await stream.recv())["type"] == "subscribed"
            path, once = "/v1/agents/alice/remember", {"Idempotency-Key": "k"}
            body = {"text": "Bob lent me his umbrella.", "speaker": "Alice"}
            assert (await client.put("/v1/agents/alice")).status_code in (200, 201)
            first = await client.post(path, json=body, headers=once)
            again = await client.post(path, json=body, headers=once)
            assert first.status_code == again.status_code < 300, first.text
            assert first.json() == again.json()
            other = await client.post(path, json={"text": "x"}, headers=once)
            assert other.status_code == 422
            while (told := json.loads(await stream.recv()))["type"] != "memory_operation":
                pass
            assert told["told"]["memories"][0]["text"] == "Bob lent me his umbrella."
        async with door.tools(key) as client:
            found = await client.call_tool("recall", {"agent": "alice", "query": "umbrella"})
            assert found.structured_content is not None, found.content
            assert len(found.structured_content["memories"]) == 1
        async with door.client(None) as nobody:
            call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            assert (await nobody.post("/mcp", json=call)).status_code == 401
            assert (await nobody.get("/mcp")).status_code == 405, "there is nothing to be held open"
        assert [one.text for one in front.agent("acme:alice").memories()] == ["Bob lent me his umbrella."]
        assert any("acme/key:" in entry.who for entry in front.agent("acme:alice").audit())

    served(front, play)


def test_who_is_not_known_may_ask_for_health_alone_and_what_was_denied_is_in_the_catalog(front: Front) -> None:
    async def play(door: Served) -> None:
        reader = await door.key("reader", agents=("bob",))
        async with door.client(None) as nobody, door.client(reader) as client:
            assert (await nobody.get("/health")).json()["status"] == "serving"
            assert ((await nobody.head("/health")).status_code, (await nobody.head("/health")).content) == (200, b"")
            for path, methods in (("/health", "GET, HEAD"), ("/health/detailed", "GET"), ("/metrics", "GET")):
                answer = await nobody.post(path)
                assert (answer.status_code, answer.headers["allow"]) == (405, methods)
            for path in ("/v1/agents", "/health/detailed", "/metrics"):
                answer = await nobody.get(path)
                assert answer.status_code == 401, path
                assert answer.headers["content-type"] == "application/problem+json"
                assert "no credential" not in answer.text, "what was wrong with it is nobody's business"
            admin, of_all = await door.key("admin"), await door.key("admin", "default")
            for key, status in ((reader, 403), (admin, 403), (of_all, 200)):
                headers = {"Authorization": f"Bearer {key}"}
                for path in ("/health/detailed", "/health/gpu", "/metrics"):
                    answer = await nobody.get(path, headers=headers)
                    assert answer.status_code == status, (path, answer.text)
            assert (await nobody.get("/v1/stream/schema")).json()["$id"] == "/v1/stream/schema"
            assert (await nobody.get("/v1/openapi.json")).status_code == 200
            assert (await nobody.get("/nowhere")).status_code == 404
            forbidden = await client.post("/v1/agents/alice/remember", json={"text": "x"})
            assert forbidden.status_code == 403
        for _ in range(100):
            actions = {denial.action for denial in await door.ledger.denials("acme")}
            if {"remember", "GET /health/detailed"} <= actions:
                break
            await asyncio.sleep(0.1)
        assert {"remember", "GET /health/detailed"} <= actions, actions

    served(front, play)


@pytest.mark.parametrize("over", ["revoked", "expired"])
def test_what_a_key_that_is_over_was_denied_is_told_to_whom_it_belonged(front: Front, over: str) -> None:
    async def play(door: Served) -> None:
        admin, key = await door.key("admin"), await door.key()
        name = key.split("_")[1]
        async with door.client(key) as client, door.client(admin) as owner:
            assert (await client.get("/v1/agents")).status_code == 200
            if over == "revoked":
                await door.ledger.write(RevokeKey(name, "acme", "tests.revoked"))
            else:
                over_now = sa.update(schema.api_keys).values(expires_at=to_us(utc_now()))
                with door.front.vault._vault.database.transaction() as rows:
                    rows.execute(over_now.where(schema.api_keys.c.id == name))
            while (await client.get("/v1/agents")).status_code == 200:  # noqa: ASYNC110 - keys are believed for a while
                await asyncio.sleep(0.1)
            answer = await client.post("/v1/agents/alice/remember", json={"text": "x"})
            assert answer.json()["detail"] == TEXT
            tools = await client.post("/mcp", json={})
            assert tools.status_code == 401
            async with connect(f"ws{door.url[4:]}/v1/stream") as stream:
                await stream.send(json.dumps({"type": "hello", "token": key}))
                assert json.loads(await stream.recv())["error"] == "Unauthenticated"
            wrong = f"{key[:-1]}{'0' if key[-1] != '0' else '1'}"
            for _ in range(3):
                async with door.client(wrong) as nobody:
                    assert (await nobody.get("/v1/caller")).status_code == 401
            told: list[dict[str, Any]] = []
            while len({one["action"] for one in told}) < 4:
                await asyncio.sleep(0.1)
                told = (await owner.get("/v1/denials")).json()["items"]
        why = "was revoked" if over == "revoked" else "is over"
        assert {one["who"] for one in told} == {f"key:{name}"}, "another secret is nobody's"
        assert {one["action"] for one in told} == {"listAgents", "remember", "/mcp", "/v1/stream"}
        assert {one["reason"] for one in told} == {f"{TEXT}; the key {name}, which {why}"}
        assert not any(key.rpartition("_")[2] in str(one) for one in told)
        everybody = await door.ledger.denials(None)
        assert [one.tenant for one in everybody if one.action == "readCaller"] == [None] * 3

    served(front, play)


def test_a_body_for_the_tools_has_to_come_in_time_and_to_be_no_longer_than_others(tmp_path: Path) -> None:
    front = Front(tmp_path, service={"http": {"idle_s": 0.2, "body_bytes": 2048}})

    async def play(door: Served) -> None:
        headers = {"Authorization": f"Bearer {await door.key()}", "Content-Type": "application/json"}
        host, port = door.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"POST /mcp HTTP/1.1\r\nHost: door\r\n{told}Content-Length: 100\r\n\r\n{{".encode())
        assert (await asyncio.wait_for(reader.readline(), 20.0)).split()[1] == b"408"
        writer.close()
        async with httpx.AsyncClient(base_url=door.url, headers=headers) as client:
            assert (await client.post("/mcp", content=b" " * 4096)).status_code == 413

    try:
        served(front, play)
    finally:
        front.close()


def test_the_tools_read_json_as_strictly_as_the_routes(front: Front) -> None:
    async def play(door: Served) -> None:
        key = await door.key()
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        call = '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "remember", "arguments": %s}}'
        deep = f'{{"agent": "alice", "texts": ["a"], "at": {"[" * 40}1{"]" * 40}}}'
        async with door.client(key) as client:
            for arguments in (
                '{"agent": "alice", "agent": "bob", "texts": ["a"]}',
                '{"agent": "alice", "texts": ["a"], "importance": NaN}',
                '{"agent": "alice", "texts": ["a"], "importance": 1e999}',
                deep,
            ):
                answer = await client.post("/mcp", content=call % arguments, headers=headers)
                assert answer.status_code == 400, (arguments, answer.text)
                assert answer.json()["type"] == "/problems/malformed-body"
            good = '{"agent": "alice", "texts": ["a"], "importance": 0.5}'
            answer = await client.post("/mcp", content=call % good, headers=headers)
            assert answer.status_code == 200, answer.text

    served(front, play)


def test_the_readme_tells_assistants_of_the_tools_as_they_are(front: Front) -> None:
    readme, tools = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/mcp.md"))
    stdio, http = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", readme, re.DOTALL))
    assert stdio == json.loads(re.findall(r"```json\n(.*?)```", tools, re.DOTALL)[0])
    server = stdio["mcpServers"]["memory"]
    assert server["command"] == "qmem"
    called, *options = server["args"]
    command = typer.main.get_command(cli.app).commands[called]  # type: ignore[attr-defined]
    assert command.make_context(called, [*options]).params["storage"] == options[-1]

    async def play(door: Served) -> None:
        told = http["mcpServers"]["memory"]
        headers = {name: value.replace("qm_…", await door.key()) for name, value in told["headers"].items()}
        headers["Accept"] = "application/json, text/event-stream"
        asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        async with httpx.AsyncClient(headers=headers) as client:
            answer = await client.post(told["url"].replace("http://127.0.0.1:8000", door.url), json=asked)
        assert answer.status_code == 200, answer.text
        assert '"remember"' in answer.text

    served(front, play)


def test_who_asks_too_often_is_told_when_he_may_ask_again(front: Front) -> None:
    async def play(door: Served) -> None:
        async with door.client(await door.key()) as client:
            begun = time.monotonic()
            answers = [await client.get("/v1/agents") for _ in range(80)]
            refused = [one for one in answers if one.status_code == 429]
            assert 20 <= len(answers) - len(refused) <= 30 + 5 * (time.monotonic() - begun)
            assert float(refused[0].headers["retry-after"]) > 0
            await asyncio.sleep(1.0)
            assert (await client.get("/v1/agents")).status_code == 200

    served(front, play)


def test_names_of_agents_that_one_does_not_see_come_out_nowhere(front: Front) -> None:
    async def play(door: Served) -> None:
        writer, narrow = await door.key(), await door.key("admin", agents=("team-*",))
        async with (
            door.client(writer) as client,
            door.client(narrow) as team,
            connect(f"ws{door.url[4:]}/v1/stream", additional_headers={"Authorization": f"Bearer {narrow}"}) as stream,
        ):
            await stream.send(json.dumps({"type": "hello"}))
            await stream.recv()
            await stream.send(json.dumps({"type": "subscribe", "id": "s", "agents": ["*"], "channels": ["history"]}))
            await stream.recv()
            assert (await client.put("/v1/agents/secret-plan")).is_success
            cloned = await client.post("/v1/agents/secret-plan/clone", json={"name": "team-a"})
            assert cloned.is_success, cloned.text
            told = json.loads(await stream.recv())
            assert (told["operation"], told["agent"]) == ("branch_created", "team-a")
            pages = [
                (await team.get(f"/v1/agents/team-a/{what}")).text for what in ("tree", "audit", "branches", "log")
            ]
            assert "secret" not in json.dumps(told) + "".join(pages)
            assert "acme:" not in "".join(pages)

    served(front, play)


def test_nobody_is_looked_up_who_asks_too_often(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    real = Ledger.key

    async def counting(self: Ledger, id_: str) -> Any:
        looked.append(id_)
        return await real(self, id_)

    monkeypatch.setattr(Ledger, "key", counting)
    limits = {"connection": {"per_s": 1.0, "burst": 5.0}}
    narrow = front.settings.service.model_copy(update={"limits": load({"service": {"limits": limits}}).service.limits})
    monkeypatch.setattr(front, "settings", front.settings.model_copy(update={"service": narrow}))

    async def play(door: Served) -> None:
        async with door.client(None) as client:
            for number in range(40):
                made_up = {"Authorization": f"Bearer qm_{number:016x}_{'0' * 64}"}
                await client.get("/v1/agents", headers=made_up)
        assert len(looked) <= 10

    served(front, play)


def test_an_archive_that_was_sent_leaves_nothing_behind(
    front: Front, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(scratch, "_own", [tmp_path])
    front.agent("acme:alice").remember("Bob lent me his umbrella.")

    async def play(door: Served) -> None:
        async with door.client(await door.key()) as client:
            whole = await client.get("/v1/agents/alice/archive")
            assert len(whole.content) > 1000
            async with client.stream("GET", "/v1/agents/alice/archive") as answer:
                assert answer.status_code == 200

    served(front, play)
    assert not list(tmp_path.glob("qmem-door-*"))
