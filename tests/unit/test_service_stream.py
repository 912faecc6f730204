"""The stream over real sockets: a real server on loopback, a real client, a real vault and real views."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import random
import socket as sockets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response

from quantum_memory.cluster.service import heads
from quantum_memory.cluster.service.backend import Backend
from quantum_memory.cluster.service.envelope import Envelope
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.stream import away, encoding, endpoint, session, window
from quantum_memory.cluster.service.stream.hub import Hub
from quantum_memory.cluster.service.stream.messages import CLIENT, SERVER, schema
from quantum_memory.cluster.service.stream.moods import Moods
from quantum_memory.cluster.service.stream.session import Session
from quantum_memory.errors import Denied, RateLimited, Unauthenticated, Unavailable
from quantum_memory.memory.library.entries import Content
from quantum_memory.memory.library.reach import Reach
from quantum_memory.memory.vault.feed import Feed, FeedEntry, Wanted
from quantum_memory.types import AgentName
from tests.unit.front import Front
from tests.unit.orchestra import ready

SCHEMA = schema()
SERVER_SCHEMA = jsonschema.Draft202012Validator(
    {**SCHEMA, "$ref": "#/properties/server", "properties": SCHEMA["properties"]}
)
KEYS = {
    "ann": Principal("key:ann", "acme", "reader"),
    "bob": Principal("key:bob", "other", "reader"),
    "mood": Principal("key:mood", "acme", "reader", ("alice",), ("mood",)),
}


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    made = Front(tmp_path)
    yield made
    made.close()


class Client:
    """What a client of the stream does: it reads, checks every message by the schema, and acknowledges."""

    def __init__(self, connection: ClientConnection, *, acknowledges: bool = True) -> None:
        self._connection, self._acknowledges = connection, acknowledges
        self.received = 0
        self.got: list[dict[str, Any]] = []

    async def say(self, kind: str, **fields: Any) -> None:
        await self._connection.send(json.dumps({"type": kind, **fields}))

    async def next(self, within_s: float = 20.0) -> dict[str, Any]:
        async with asyncio.timeout(within_s):
            text = await self._connection.recv()
        message: dict[str, Any] = json.loads(text)
        SERVER_SCHEMA.validate(message)
        self.got.append(message)
        if message["type"] not in {"welcome", "heartbeat", "closing"}:
            self.received += 1
            if self._acknowledges:
                await self.say("ack", received=self.received)
        return message

    async def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        while True:
            message = await self.next()
            if message["type"] == kind and all(message.get(name) == value for name, value in fields.items()):
                return message

    async def hello(self, **fields: Any) -> dict[str, Any]:
        await self.say("hello", **fields)
        return await self.next()


class Server:
    """A server of the stream alone, and ways to it."""

    stream: endpoint.Stream

    def __init__(self, front: Front, write_s: float = 30.0) -> None:
        self.front, self.valid, self.write_s = front, dict(KEYS), write_s
        self.backend = Backend(front.memory)
        self.away = self.full = self.shut = False
        self.denied: list[Denied] = []
        self.costs: list[float] = []
        self.end: int | None = None

        async def follow(after: int, limit: int, wait_s: float, wanted: Wanted | None = None) -> Any:
            if self.away:
                raise Unavailable("the vault is being restarted")
            if self.end is not None:
                await asyncio.sleep(0.02)
                return Feed((), min(after, self.end))
            return await front.memory.feed.begin(after, limit, min(wait_s, 1.0), wanted)

        moods = Moods(lambda who: self.backend.mood(*who), self.backend.there)
        self.hub = Hub(follow, moods, self.backend.branches)
        self.url = ""

    async def identify(self, socket: WebSocket, token: str | None) -> endpoint.Guest:
        key = socket.headers.get("authorization", token or "")
        if key not in self.valid:
            raise Unauthenticated("no valid credential came with the request")

        async def stands() -> bool:
            return key in self.valid

        async def counted(cost: float) -> None:
            self.costs.append(cost)
            if self.full:
                raise RateLimited("key", 2.0)

        return endpoint.Guest(self.valid[key], stands, counted, self.denied.append)

    async def knock(self, _: WebSocket) -> None:
        if self.shut:
            raise RateLimited("connection", 3.0)

    @asynccontextmanager
    async def client(
        self, key: str = "ann", *, acknowledges: bool = True, features: Sequence[str] = ()
    ) -> AsyncIterator[Client]:
        async with connect(self.url, max_size=None) as connection:
            made = Client(connection, acknowledges=acknowledges)
            assert (await made.hello(token=key, features=features))["type"] == "welcome"
            yield made


def served(
    front: Front,
    play: Callable[[Server], Awaitable[None]],
    limit_s: float = 120.0,
    most: int = 3,
    write_s: float = 30.0,
) -> None:
    async def going() -> None:
        server = Server(front, write_s)
        stream = server.stream = endpoint.Stream(server.hub, server.knock, server.identify, most)
        app = Envelope(Starlette(routes=[WebSocketRoute("/v1/stream", stream.open)]))
        listener = sockets.create_server(("127.0.0.1", 0))
        host, port = listener.getsockname()
        server.url = f"ws://{host}:{port}/v1/stream"
        http = heads.protocol(10.0, 1 << 16, server.write_s)
        config = uvicorn.Config(app, http=http, log_level="error", lifespan="off", ws="websockets-sansio")
        running = uvicorn.Server(config)
        running.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        await server.hub.start(await front.memory.position.begin())
        task = asyncio.create_task(running.serve([listener]))
        try:
            async with asyncio.timeout(limit_s):
                await play(server)
        finally:
            await server.hub.stop()
            running.should_exit = running.force_exit = True
            await task

    asyncio.run(going())


async def quietly(work: Callable[..., Any], *args: Any, **fields: Any) -> Any:
    return await asyncio.to_thread(work, *args, **fields)


def test_nobody_is_told_of_the_library_by_the_stream(front: Front) -> None:
    """Not even who may read all of it, and watches everybody."""
    alice = front.agent("acme:alice")
    library = front.memory.library(Reach("acme"))

    async def play(server: Server) -> None:
        server.valid["admin"] = Principal("key:admin", "acme", "admin")
        async with server.client("admin") as to:
            await to.say("subscribe", id="s", agents=["*"], channels=["mood", "memories", "history"])
            assert (await to.next())["type"] == "subscribed"
            made = await quietly(library.add, "apollo", Content("rule", "Sesame", "Open."), "restricted")
            await quietly(library.update, "apollo", made.id, 1, {"text": "Sesame, open."})
            await quietly(library.delete, "apollo", made.id)
            await quietly(alice.remember, [ready(1)])
            told: list[dict[str, Any]] = []
            while not told or told[-1]["type"] != "emotional_update":
                told.append(await to.next())
            assert {one.get("agent") for one in told} <= {"alice", None}
            assert "esame" not in json.dumps(told)
            for name in (":acme:apollo:restricted", "acme:alice"):
                await to.say("subscribe", id=name, agents=[name], channels=["mood"])
                assert (await to.until("refused"))["error"] == "InvalidValue"

    served(front, play)


def test_what_happens_is_told_as_it_happens(front: Front) -> None:
    alice = front.agent("acme:alice")

    async def play(server: Server) -> None:
        async with server.client() as to:
            await to.say("subscribe", id="s", agents=["alice"], channels=["mood", "memories", "history"])
            assert (await to.next())["type"] == "subscribed"
            (one,) = await quietly(alice.remember, [ready(1)])
            added = await to.until("memory_operation")
            assert (added["operation"], added["agent"], added["branch"]) == ("remembered", "alice", "main")
            assert added["told"]["memories"][0]["id"] == one
            mood = await to.until("emotional_update", position=added["position"])
            pad = (await quietly(alice.mood)).mean
            assert mood["mood"]["pad"] == pytest.approx([pad.pleasure, pad.arousal, pad.dominance], abs=1e-3)
            await quietly(alice.checkpoint, "before")
            assert (await to.until("history"))["told"] == {"detail": "before"}
            await quietly(alice.forget, one)
            assert (await to.until("memory_operation"))["told"] == {"ids": [one]}
            await to.say("unsubscribe", id="s")
            await to.until("unsubscribed")
            await quietly(alice.remember, [ready(2)])
            await to.say("ping", nonce="n")
            assert (await to.next()) == {"type": "pong", "nonce": "n"}

    served(front, play)


def test_a_feeling_that_turns_is_told_and_many_at_once_are_one(front: Front) -> None:
    alice = front.agent("acme:alice")
    alice.feel("joy")

    async def play(server: Server) -> None:
        async with server.client() as to:
            await to.say("subscribe", id="s", agents=["alice"], channels=["mood"])
            first = await to.until("emotional_update")
            for _ in range(12):
                await quietly(alice.feel, "fear")
            turned = await to.until("phase_transition")
            assert turned["before"] == next(iter(first["mood"]["emotions"]))
            assert turned["after"] != turned["before"]
            told = [one for one in to.got if one["type"] == "emotional_update"]
            while told[-1]["position"] < server.hub.position:
                told.append(await to.until("emotional_update"))
            assert sum(one["type"] == "emotional_update" for one in to.got) < 12

    served(front, play)


def test_who_comes_back_finds_what_he_missed_and_nothing_twice(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "MOST_ENTRIES", 4)
    alice = front.agent("acme:alice")
    start = front.vault.position()
    ids = [alice.remember([ready(number)])[0] for number in range(12)]

    async def play(server: Server) -> None:
        seen: list[str] = []
        after, chance = start, random.Random(0)
        for number in range(12, 40):
            if number % 3 == 0:
                ids.append((await quietly(alice.remember, [ready(number)]))[0])
            async with server.client() as to:
                await to.say("subscribe", id="s", agents=["alice"], channels=["memories"], after=after)
                assert (await to.until("subscribed"))["position"] == after
                for _ in range(chance.randrange(0, 4)):
                    if len(seen) == len(ids):
                        break
                    told = await to.until("memory_operation")
                    seen += [one["id"] for one in told["told"]["memories"]]
                    after = told["position"]
        async with server.client() as to:
            await to.say("subscribe", id="s", agents=["alice"], channels=["memories"], after=after)
            while len(seen) < len(ids):
                seen += [one["id"] for one in (await to.until("memory_operation"))["told"]["memories"]]
        assert seen == ids

    served(front, play)


async def operations(to: Client, count: int) -> None:
    """Read on until so many operations were told."""
    for _ in range(count):
        await to.until("memory_operation")


async def beside_heartbeats(to: Client, within_s: float) -> dict[str, Any]:
    """The next message that is no heartbeat. Raises: TimeoutError."""
    while (found := await to.next(within_s))["type"] == "heartbeat":
        continue
    return found


def test_a_reader_that_does_not_keep_up_takes_no_room_and_finds_moods_as_they_are(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "CREDIT", 16)
    monkeypatch.setattr(session, "SLOW_S", 0.3)
    alice = front.agent("acme:alice")

    async def play(server: Server) -> None:
        async with server.client(acknowledges=False) as slow, server.client() as quick:
            for to in (slow, quick):
                await to.say("subscribe", id="s", agents=["alice"], channels=["memories", "mood"])
                await to.until("subscribed")
            reading = asyncio.create_task(operations(quick, 40))
            for number in range(40):
                await quietly(alice.remember, [ready(number)])
            await reading
            while slow.received < 16:
                await slow.next()
            with pytest.raises(TimeoutError):
                await beside_heartbeats(slow, 0.6)
            await slow.say("ack", received=slow.received)
            lagging = await slow.until("lagging")
            assert (lagging["subscription"], lagging["upto"]) == ("s", server.hub.position)
            await slow.until("emotional_update")
            seen = [one["position"] for one in slow.got if one["type"] == "memory_operation"]
            assert max(seen) == lagging["after"]
            slow._acknowledges = True  # from here on it keeps up
            await slow.say("ack", received=slow.received)
            await slow.say("subscribe", id="t", agents=["alice"], channels=["memories"], after=lagging["after"])
            while len(seen) < 40:
                seen.append((await slow.until("memory_operation"))["position"])
            assert seen == sorted(set(seen)), "with what it asks for later it has everything, once"
            assert sum(one["type"] == "lagging" for one in slow.got) == 1

    served(front, play)


def frame(said: dict[str, Any]) -> bytes:
    text = json.dumps(said).encode()
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text


def unread(server: Server) -> sockets.socket:
    """A reader that subscribes, and reads nothing after the handshake."""
    host, port = server.url.removeprefix("ws://").partition("/")[0].split(":")
    to = sockets.socket()
    to.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    to.connect((host, int(port)))
    to.sendall(
        b"GET /v1/stream HTTP/1.1\r\nHost: door\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nAuthorization: ann\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert to.recv(4096).startswith(b"HTTP/1.1 101")
    to.sendall(frame({"type": "hello"}))
    to.sendall(frame({"type": "subscribe", "id": "s", "agents": ["alice"], "channels": ["memories", "mood"]}))
    return to


@pytest.mark.parametrize(
    ("bound", "send_s", "write_s", "beat_s"),
    [("a message", 0.5, 60.0, 60.0), ("the connection", 60.0, 0.5, 60.0), ("a revoked key", 60.0, 60.0, 0.2)],
)
def test_a_reader_that_takes_nothing_is_let_go(
    front: Front, monkeypatch: pytest.MonkeyPatch, bound: str, send_s: float, write_s: float, beat_s: float
) -> None:
    """Its seat, its watchers and what it was told are free, whichever bound comes first; its connection is reset."""
    monkeypatch.setattr(endpoint, "SEND_S", send_s)
    monkeypatch.setattr(endpoint, "CLOSING_S", 0.5)
    monkeypatch.setattr(session, "HEARTBEAT_S", beat_s)
    alice = front.agent("acme:alice")

    def stalled() -> bool:
        return any(type(one) is Session and one._saying.locked() for one in gc.get_objects())

    async def play(server: Server) -> None:
        with await asyncio.to_thread(unread, server) as to:
            for number in range(100):
                text = f"{number} " + "x" * 30_000
                await quietly(alice.remember, [ready(4 * number + one, f"{one} {text}") for one in range(4)])
                if stalled():
                    break
            assert stalled(), "no buffer takes any more"
            assert server.stream._seats
            if bound == "a revoked key":
                del server.valid["ann"]
            async with asyncio.timeout(10.0):
                while server.stream._open:  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.05)
            assert not server.stream._seats
            assert not server.hub.watchers.number("acme", AgentName("acme:alice"))
            gc.collect()
            assert not any(type(one) is Session for one in gc.get_objects())
            with pytest.raises(ConnectionResetError):
                await asyncio.to_thread(drained, to)
        async with server.client("bob") as other:
            await other.say("ping")
            await other.until("pong")

    served(front, play, write_s=write_s)


def drained(to: sockets.socket) -> None:
    """Read to the end. Raises: ConnectionResetError where there is none."""
    while to.recv(1 << 16):
        continue


def test_of_what_is_not_acknowledged_there_are_so_many_bytes(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "CREDIT_BYTES", 8000)
    alice = front.agent("acme:alice")

    async def play(server: Server) -> None:
        async with server.client(acknowledges=False) as to:
            await to.say("subscribe", id="s", agents=["alice"], channels=["memories"])
            await to.until("subscribed")
            for number in range(8):
                await quietly(alice.remember, [ready(number, f"{number} " + "x" * 3000)])
            await operations(to, 3)
            with pytest.raises(TimeoutError):
                await beside_heartbeats(to, 0.5)
            for _ in range(5):  # each as soon as there is room for it
                await to.say("ack", received=to.received)
                await to.until("memory_operation")
                await to.say("ack", received=to.received)
            assert not any(one["type"] == "lagging" for one in to.got)

    served(front, play)


@pytest.mark.parametrize("agents", [["*"], ["alice", "dora"]])
def test_who_comes_back_is_told_once_how_each_feels_now_that_felt_something(front: Front, agents: list[str]) -> None:
    """On every branch, whether it is named or not; also where nobody watched meanwhile, and where others did."""
    alice, dora = front.agent("acme:alice"), front.agent("acme:dora")
    what_if = alice.fork("what-if")
    alice.fork("quiet")

    async def told(server: Server, to: Client) -> list[tuple[str, str]]:
        await to.until("snapshot")
        await asyncio.sleep(1.0)
        await to.say("ping")
        await to.until("pong")
        return sorted((one["agent"], one["branch"]) for one in to.got if one["type"] == "emotional_update")

    async def play(server: Server) -> None:
        start = server.hub.position
        for _ in range(3):
            for one, emotion in ((alice, "joy"), (what_if, "fear")):
                await quietly(one.feel, emotion)
        await quietly(front.agent("other:alice").feel, "joy")
        while server.hub.position < front.vault.position():  # noqa: ASYNC110 - it tells nobody when it is
            await asyncio.sleep(0.01)
        touched = [("alice", "main"), ("alice", "what-if")]
        async with server.client(features=["snapshots"]) as to:
            await to.say("subscribe", id="s", agents=agents, channels=["mood"], after=start)
            named = [] if agents == ["*"] else [("dora", "main")]
            assert await told(server, to) == touched + named
            (snapshot,) = [one for one in to.got if one["type"] == "snapshot"]
            assert (snapshot["branches"], snapshot["complete"]) == (2, True)
            fears = [one["mood"] for one in to.got if one["type"] == "emotional_update" and one["branch"] == "what-if"]
            assert next(iter(fears[0]["emotions"])) != "joy"
            async with server.client(features=["snapshots"]) as beside:
                await beside.say("subscribe", id="s", agents=agents, channels=["mood", "memories"], after=start)
                assert await told(server, beside) == touched + named, "from what is known, and none of it twice"
            await quietly(dora.feel, "joy")
            await to.until("emotional_update", agent="dora", position=front.vault.position())

    served(front, play)


def test_of_too_many_moods_it_is_told_that_there_were_more(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(away, "MOST", 3)
    start = front.vault.position()
    for number in range(5):
        front.agent(f"acme:agent {number}").feel("joy")

    async def play(server: Server) -> None:
        async with server.client(features=["snapshots"]) as to, server.client() as other:
            for one in (to, other):
                await one.say("subscribe", id="s", agents=["*"], channels=["mood"], after=start)
            snapshot = await to.until("snapshot")
            assert (snapshot["branches"], snapshot["complete"]) == (3, False)
            told = {(await to.until("emotional_update"))["agent"] for _ in range(3)}
            assert told == {"agent 0", "agent 1", "agent 2"}
            await to.say("unsubscribe", id="s")
            await to.until("unsubscribed")
            await other.say("ping")
            await other.until("pong")
            assert "snapshot" not in {one["type"] for one in other.got}, "it did not ask for them"

    served(front, play)


def test_a_mood_that_cannot_be_read_for_a_while_is_told_later(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = front.agent("acme:alice")
    alice.feel("joy")

    async def play(server: Server) -> None:
        read, failures = server.backend.mood, [True] * 3

        async def failing(agent: str, branch: str) -> Any:
            if failures and failures.pop():
                raise Unavailable("it is being started")
            return await read(agent, branch)

        monkeypatch.setattr(server.backend, "mood", failing)
        async with server.client() as to:
            await to.say("subscribe", id="s", agents=["alice"], channels=["mood"])
            assert (await to.until("emotional_update"))["agent"] == "alice"
            assert not failures

    served(front, play)


def test_an_ack_of_nothing_new_counts_and_one_wakes_only_who_waits_for_it(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    tell = Session._tell

    async def looking(one: Session) -> None:
        nonlocal looks
        looks += 1
        await tell(one)

    async def play(server: Server) -> None:
        async with server.client(acknowledges=False) as to:
            for number in range(50):
                await to.say("ping", nonce=str(number))
            while to.received < 50:
                await to.next()
            monkeypatch.setattr(Session, "_tell", looking)
            server.full = True
            for received in range(1, 51):
                await to.say("ack", received=received)
            for received in (50, 10, 99):  # once more, fewer, and more than there were
                await to.say("ack", received=received)
                assert (await to.next())["error"] == "RateLimited"
            assert looks == 0

    served(front, play)


def test_a_change_is_encoded_once_for_all_and_a_large_one_told_by_ids(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, made = front.agent("acme:alice"), []
    encoded = encoding._encoded

    def counted(told: Any) -> Any:
        made.append(told)
        return encoded(told)

    monkeypatch.setattr(encoding, "_encoded", counted)
    monkeypatch.setattr(encoding, "TOLD_BYTES", 2000)

    async def play(server: Server) -> None:
        async with contextlib.AsyncExitStack() as stack:
            many = [await stack.enter_async_context(server.client()) for _ in range(3)]
            for to in many:
                await to.say("subscribe", id="s", agents=["alice"], channels=["memories"])
                await to.until("subscribed")
            (small,) = await quietly(alice.remember, [ready(1)])
            large = await quietly(alice.remember, [ready(number, f"{number} " + "x" * 1000) for number in range(2, 5)])
            lot = await quietly(alice.remember, [ready(number) for number in range(5, 85)])
            for to in many:
                whole, ids, numbers = [await to.until("memory_operation") for _ in range(3)]
                assert "brief" not in whole
                assert (whole["told"]["memories"][0]["id"], whole["told"]["memories"][0]["text"]) == (
                    small,
                    "thing number 1",
                )
                assert (ids["brief"], ids["told"]) == (True, {"memories": [{"id": one} for one in large]})
                assert (numbers["brief"], numbers["told"]) == (True, {"memories": len(lot)})
            assert len(made) == 3

    served(front, play)


def test_who_watches_is_told_how_many_do_when_that_changes_and_if_he_asked(front: Front) -> None:
    """However they watch: by name or all, moods or memories. Nobody else hears of it, and no tenant of another."""

    async def watched(to: Client, **numbers: int) -> None:
        """Wait until so many watch each, as it was told last."""
        while {one["agent"]: one["watching"] for one in to.got if one["type"] == "presence"} != numbers:
            await to.next()

    async def play(server: Server) -> None:
        server.valid["cleo"] = Principal("key:cleo", "acme", "reader", ("c*",))
        async with server.client(features=["presence", "resume"]) as one, server.client("bob") as stranger:
            assert one.got[0]["features"] == ["presence"], "what is not offered is not said to be there"
            await stranger.say("subscribe", id="s", agents=["*", "alice"], channels=["memories"])
            await one.say("subscribe", id="s", agents=["alice", "carl"], channels=["memories"])
            await watched(one, alice=1, carl=1)
            async with server.client() as two, server.client("cleo", features=["presence"]) as three:
                await two.say("subscribe", id="s", agents=["alice"], channels=["mood"])
                await watched(one, alice=2, carl=1)
                await three.say("subscribe", id="s", agents=["*"], channels=["mood"])
                await watched(one, alice=2, carl=2)
                await watched(three, **{"*": 1})
                await two.say("subscribe", id="t", agents=["carl"], channels=["history"])
                await watched(one, alice=2, carl=3)
                await three.say("ping")
                await three.until("pong")
                assert [told["watching"] for told in three.got if told["type"] == "presence"] == [1], "of all alone"
                await two.say("ping")
                await two.until("pong")
                assert "presence" not in {told["type"] for told in two.got}
            await watched(one, alice=1, carl=1)
            told = [told for told in one.got if told["type"] == "presence"]
            assert len(told) <= 8, "what changes within a second is told together"
            await one.say("unsubscribe", id="s")
            await one.until("unsubscribed")
        while server.hub.watchers._named or server.hub.watchers._everybody:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        assert not server.hub.watchers._onlookers
        assert not server.hub.watchers._naming

    served(front, play)


def test_what_was_encoded_is_kept_in_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "KEPT_BYTES", 5000)
    encoder = encoding.Encoder()

    def entry(position: int, text: str, at: int = 0) -> FeedEntry:
        told = {"memories": [{"id": text, "kind": "equation"}]}
        when = datetime.fromtimestamp(at, UTC)
        return FeedEntry(position, when, AgentName("a"), None, "main", 1, "remembered", told)

    for position in range(100):
        found = encoder.encoded(entry(position, str(position)))
        assert found is encoder.encoded(entry(position, str(position)))
        assert found.equations == (str(position),)
    assert len(encoder._kept) < 20
    assert sum(map(encoding._size, encoder._kept.values())) == encoder._nbytes <= 5000
    assert encoder.encoded(entry(99, "restored", at=1)).equations == ("restored",)


def test_tenants_do_not_hear_of_each_other(front: Front) -> None:
    front.agent("acme:alice").remember(ready(0))

    async def play(server: Server) -> None:
        async with server.client("bob") as bob, server.client("mood") as narrow:
            await bob.say("subscribe", id="s", agents=["*"], channels=["mood", "memories", "history"], after=0)
            await bob.say("subscribe", id="t", agents=["alice"], channels=["mood", "memories"], after=0)
            await narrow.say("subscribe", id="s", agents=["alice"], channels=["memories"])
            assert (await narrow.next())["error"] == "Forbidden"
            await narrow.say("subscribe", id="s", agents=["carol"], channels=["mood"])
            assert (await narrow.next())["error"] == "Forbidden"
            await narrow.say("subscribe", id="s", agents=["*"], channels=["mood"])
            await narrow.until("subscribed")
            await quietly(front.agent("acme:alice").remember, [ready(1)])
            await quietly(front.agent("acme:carol").remember, [ready(2)])
            await quietly(front.agent("other:dan").remember, [ready(3)])
            assert (await narrow.until("emotional_update"))["agent"] == "alice"
            while not any(one["type"] == "memory_operation" for one in bob.got):
                await bob.next()
            await bob.say("ping")
            await bob.until("pong")
            await narrow.say("ping")
            await narrow.until("pong")
            assert {one["agent"] for one in bob.got if "position" in one and "agent" in one} == {"dan"}
            assert {one["agent"] for one in narrow.got if "position" in one and "agent" in one} == {"alice"}

    served(front, play)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (["{}"], 1008),
        (["[1]"], 1008),
        (["nothing"], 1008),
        (['{"type":"subscribe","id":"s","agents":["a"],"channels":["mood"]}'], 1008),
        (['{"type":"hello"}'], 4401),
        (['{"type":"hello","token":"ann","versions":[99]}'], 1008),
        (['{"type":"hello","token":"nobody"}'], 4401),
        (["[" * 60_000], 1008),
        (["x" * 65_537], 1009),
        ([b"\x00\x01"], 1003),
        (['{"type":"hello","token":"ann"}', b"binary"], 1003),
        (['{"type":"hello","token":"ann"}', *["?"] * 16], 1008),
    ],
)
def test_who_does_not_speak_it_is_sent_away(front: Front, frames: list[str | bytes], code: int) -> None:
    async def play(server: Server) -> None:
        async with connect(server.url, max_size=None) as connection:
            for frame in frames:
                await connection.send(frame)
            with contextlib.suppress(ConnectionClosed):
                async for text in connection:
                    SERVER_SCHEMA.validate(json.loads(text))
            assert connection.close_code == code

    served(front, play)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"type": "subscribe", "id": "s", "agents": ["a:b"], "channels": ["mood"]}, "InvalidValue"),
        ({"type": "subscribe", "id": "s", "agents": ["a"], "channels": ["mood"], "after": -1}, "InvalidMessage"),
        ({"type": "subscribe", "id": "s", "agents": [], "channels": ["mood"]}, "InvalidMessage"),
        ({"type": "subscribe", "id": "s", "agents": ["a"], "channels": ["all"]}, "InvalidMessage"),
        ({"type": "subscribe", "id": "s", "agents": ["a"], "channels": ["mood"], "more": 1}, "InvalidMessage"),
        ({"type": "ack", "received": 99}, "OutOfRange"),
        ({"type": "hello"}, "protocol"),
        ({"type": "dance"}, "InvalidMessage"),
    ],
)
def test_what_cannot_be_done_is_refused_and_the_connection_stays(
    front: Front, message: dict[str, Any], error: str
) -> None:
    async def play(server: Server) -> None:
        async with server.client() as to:
            await to.say(**{"kind" if name == "type" else name: value for name, value in message.items()})
            assert (await to.next())["error"] == error
            await to.say("ping")
            await to.until("pong")

    served(front, play)


def test_agents_that_are_not_there_are_looked_up_at_once_and_names_are_charged(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    front.agent("acme:alice").feel("joy")
    names = ["alice", *(f"nobody {number}" for number in range(255))]

    async def play(server: Server) -> None:
        read: list[tuple[Any, ...]] = []
        asked: list[tuple[Any, ...]] = []
        monkeypatch.setattr(server.hub.moods, "there", _noting(server.hub.moods.there, asked))
        monkeypatch.setattr(server.backend, "mood", _noting(server.backend.mood, read))
        async with server.client() as to:
            await to.say("subscribe", id="s", agents=names, channels=["mood"])
            await to.until("emotional_update", agent="alice")
            await to.say("subscribe", id="s", agents=names, channels=["mood"])
            await to.until("subscribed")
            await to.say("subscribe", id="t", agents=["alice"], channels=["memories"])
            await to.until("subscribed", id="t")
        assert [len(one) for (one,) in asked] == [256, 256]
        assert read == [("acme:alice", "main")], "and what is known is not read again"
        assert server.costs == [16.0, 16.0, 1.0]

    served(front, play)


def _noting(read: Callable[..., Awaitable[Any]], noted: list[tuple[Any, ...]]) -> Callable[..., Awaitable[Any]]:
    async def reading(*asked: Any) -> Any:
        noted.append(asked)
        return await read(*asked)

    return reading


def test_a_connection_has_so_many_subscriptions(front: Front) -> None:
    async def play(server: Server) -> None:
        async with server.client() as to:
            for number in range(session.MOST_SUBSCRIPTIONS + 1):
                await to.say("subscribe", id=str(number), agents=["alice"], channels=["memories"])
            assert (await to.until("refused"))["error"] == "TooLong"
            await to.say("subscribe", id="0", agents=["alice"], channels=["memories"])
            await to.until("subscribed", id="0")

    served(front, play)


def test_good_bye_is_said_before_the_end_and_a_revoked_key_ends_it(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "HEARTBEAT_S", 0.2)

    async def play(server: Server) -> None:
        async with server.client() as to, server.client("bob") as bob:
            assert (await to.until("heartbeat"))["position"] == server.hub.position
            del server.valid["bob"]
            last = await bob.until("closing")
            assert last["reason"] == "revoked"
            with pytest.raises(ConnectionClosed) as closed:
                await bob.next()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401
            stopping = asyncio.create_task(server.hub.stop())
            assert (await to.until("closing"))["reason"] == "shutdown"
            await stopping

    served(front, play)


def test_a_vault_that_is_away_for_a_while_loses_nobody_anything(front: Front) -> None:
    alice = front.agent("acme:alice")

    async def play(server: Server) -> None:
        async with server.client() as to:
            await to.say("subscribe", id="s", agents=["alice"], channels=["memories"])
            await to.until("subscribed")
            server.away = True
            await asyncio.sleep(1.2)
            ids = [(await quietly(alice.remember, [ready(number)]))[0] for number in range(3)]
            server.away = False
            seen = [(await to.until("memory_operation"))["told"]["memories"][0]["id"] for _ in ids]
            assert seen == ids

    served(front, play)


def test_whoever_asks_too_often_or_takes_no_answer_is_refused(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "CREDIT", 8)
    alice = front.agent("acme:alice")

    async def play(server: Server) -> None:
        async with server.client(acknowledges=False) as to:
            server.full = True
            await to.say("ping")
            refused = await to.next()
            assert (refused["error"], refused["retry_after_s"]) == ("RateLimited", 2.0)
            server.full = False
            for _ in range(20):
                await to.say("ping")
            assert (await to.until("closing"))["reason"] == "protocol"
            assert to.received <= 2 * session.CREDIT
        async with server.client(acknowledges=False) as to:
            await to.say("subscribe", id="s", agents=["alice"], channels=["memories"])
            await to.until("subscribed")
            for number in range(12):
                await quietly(alice.remember, [ready(number, f"{number}")])
            await operations(to, session.CREDIT - 1)
            last = max(one["position"] for one in to.got if one["type"] == "memory_operation")
            for _ in range(20):
                await to.say("ping")
            assert (await to.until("closing"))["position"] == last, "the rest was not told"

    served(front, play)


def test_whoever_may_not_come_in_is_refused_in_the_handshake(front: Front) -> None:
    """As far as the request itself tells who he is; browsers cannot say it there, and are refused after it."""

    async def refused(server: Server, key: str | None) -> Response:
        headers = {} if key is None else {"Authorization": key}
        with pytest.raises(InvalidStatus) as caught:
            await connect(server.url, additional_headers=headers)
        answer = caught.value.response
        told = json.loads(answer.body)
        assert (told["status"], told["request_id"]) == (answer.status_code, answer.headers["x-request-id"])
        return answer

    async def play(server: Server) -> None:
        unknown = await refused(server, "nobody")
        assert (unknown.status_code, unknown.headers["www-authenticate"]) == (401, "Bearer")
        server.shut = True
        for key in (None, "ann"):
            shut = await refused(server, key)
            assert (shut.status_code, shut.headers["retry-after"]) == (429, "3")
        server.shut = False
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(3):
                await stack.enter_async_context(server.client())
            assert (await refused(server, "ann")).status_code == 429
            key = "ann"
            async with connect(server.url) as browser:
                full = await Client(browser).hello(token=key)
                assert (full["type"], full["error"], full["retry_after_s"]) == ("refused", "RateLimited", 5.0)
            async with server.client("bob"):
                """Others have streams of their own."""
        async with server.client():
            """Those that were closed do not count."""

    served(front, play)


def test_who_is_beyond_the_end_of_a_restored_vault_is_told_and_begins_there_again(front: Front) -> None:
    alice = front.agent("acme:alice")
    alice.remember(ready(1))

    async def play(server: Server) -> None:
        async with server.client() as to:
            await to.say("subscribe", id="s", agents=["alice"], channels=["memories", "mood"])
            start = (await to.until("subscribed"))["position"]
            before = server.hub.position
            server.end = start - 1
            back = await to.until("lagging")
            assert (back["after"], back["upto"]) == (start, start - 1)
            assert (await to.until("emotional_update"))["agent"] == "alice", "moods are told as they are then"
            async with server.client() as late:
                await late.say("subscribe", id="s", agents=["alice"], channels=["memories"], after=before + 5)
                assert (await late.until("subscribed"))["position"] == start - 1
                assert (await late.until("lagging"))["upto"] == start - 1
            server.end = None
            await quietly(alice.remember, ready(2))
            assert (await to.until("memory_operation"))["position"] > start - 1, "and hears of what happens then"

    served(front, play)


def test_what_a_stream_is_denied_is_noted(front: Front) -> None:
    async def play(server: Server) -> None:
        async with server.client("mood") as to:
            await to.say("subscribe", id="s", agents=["bob"], channels=["mood"])
            assert (await to.next())["error"] == "Forbidden"
            await to.say("subscribe", id="s", agents=["alice"], channels=["memories"])
            assert (await to.next())["error"] == "Forbidden"
        assert ["bob" in str(server.denied[0]), "memories" in str(server.denied[1])] == [True, True]

    served(front, play)


def test_what_fails_in_an_unforeseen_way_ends_neither_the_feed_nor_moods(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = front.agent("acme:alice")

    async def play(server: Server) -> None:
        follow, read, failures = server.hub._follow, server.hub.moods._read, [True, True]

        async def odd(*args: Any) -> Any:
            if failures.pop(0) if failures else False:
                raise RuntimeError("nobody foresaw it")
            return await follow(*args)

        async def odd_mood(who: Any) -> Any:
            monkeypatch.setattr(server.hub.moods, "_read", read)
            raise RuntimeError("nobody foresaw it")

        monkeypatch.setattr(server.hub, "_follow", odd)
        monkeypatch.setattr(server.hub.moods, "_read", odd_mood)
        async with server.client() as to:
            await to.say("subscribe", id="s", agents=["alice"], channels=["memories", "mood"])
            for number in range(3):
                await quietly(alice.remember, [ready(number)])
                await asyncio.sleep(0.5)
            while server.hub.position > max(one.get("position", 0) for one in to.got):
                await to.next()
            await to.until("emotional_update", position=server.hub.position)
            assert sum(one["type"] == "memory_operation" for one in to.got) == 3

    served(front, play)


def test_the_schema_names_every_message() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert {kind.__name__ for kind in (*CLIENT, *SERVER)} <= set(SCHEMA["$defs"])
    assert len(SCHEMA["properties"]["client"]["anyOf"]) == len(CLIENT)
    assert len(SCHEMA["properties"]["server"]["anyOf"]) == len(SERVER)
