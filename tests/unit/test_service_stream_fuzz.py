"""The stream against whatever bytes come: no crash, every answer as the catalog has it, and nothing left behind.

Conversations are of frames as they go over the wire, good and bad, in any order, over a real socket to a real server.
``QM_TEST_CASES`` says how many; ``make test-contract`` plays 10,000.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import random
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from websockets.exceptions import InvalidState

from quantum_memory.cluster.service.stream import endpoint, session
from quantum_memory.cluster.service.stream.lanes import Lane
from tests.unit.front import Front
from tests.unit.orchestra import ready
from tests.unit.test_service_stream import SERVER_SCHEMA, Server, quietly, served

CONVERSATIONS = int(os.environ.get("QM_TEST_CASES", "250"))
CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MOST_LEFT_BYTES = 16 << 20
"""By how much the process may be larger after all conversations but the first, which warm it: allocators keep some."""
PATIENCE_S = 2.0
"""After which a client goes whose last frame was none, so that its good-bye is taken for a part of it."""
SPARE = 8
"""Descriptors that the vault may open once, of its own."""
HELLO = '{"type":"hello","token":"ann"}'
GREETINGS: tuple[tuple[str, ...], ...] = ((HELLO,), ('{"type":"hello","token":"nobody"}',), ())
CODES = {1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 1011, 1012, 4401}
GOOD = (
    HELLO,
    '{"type":"hello","token":"ann","versions":[99]}',
    '{"type":"subscribe","id":"s","agents":["alice"],"channels":["mood","memories","history"]}',
    '{"type":"subscribe","id":"t","agents":["*"],"channels":["memories"],"after":0}',
    '{"type":"subscribe","id":"u","agents":["nobody"],"channels":["mood"],"branch":"none"}',
    '{"type":"unsubscribe","id":"s"}',
    '{"type":"unsubscribe","id":"nothing"}',
    '{"type":"ack","received":1}',
    '{"type":"ping","nonce":"n"}',
)
PIECES = (
    '{"type":', '"subscribe"', '"hello"', '"ack"', ",", ":", "[", "]", "{", "}", '"agents"', '"received"', "1e999",
    "NaN", "-1", "null", "true", "\\u0000", "\\ud800", "é", "\x00", " ", '"', "9" * 400,
)  # fmt: skip


def frame(opcode: int, payload: bytes, *, last: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """A frame of RFC 6455, also one that none may send."""
    size, mark = len(payload), 0x80 if masked else 0
    head = bytes([(0x80 if last else 0) | reserved << 4 | opcode])
    if size < 126:
        head += bytes([mark | size])
    elif size < 1 << 16:
        head += bytes([mark | 126]) + struct.pack(">H", size)
    else:
        head += bytes([mark | 127]) + struct.pack(">Q", size)
    return head + (bytes(4) + payload if masked else payload)  # a mask of zeros changes nothing


class Wire(NamedTuple):
    """What goes over the wire: good frames, and those that break the protocol."""

    chance: random.Random

    def conversation(self) -> list[bytes]:
        """Some frames, mostly after a greeting."""
        first = [frame(TEXT, text.encode()) for text in self.chance.choices(GREETINGS, (14, 2, 4))[0]]
        kinds = (self.said, self.mutated, self.garbage, self.pieces, self.control, self.broken)
        weights = (6, 5, 2, 3, 2, 1)
        return first + [b"".join(self.chance.choices(kinds, weights)[0]()) for _ in range(self.chance.randrange(0, 7))]

    def noise(self, most: int) -> bytes:
        return self.chance.randbytes(self.chance.randrange(0, most))

    def said(self) -> Iterator[bytes]:
        """Something that may be said, whole or in fragments with control frames between."""
        text = self.chance.choice(GOOD).encode()
        cuts = sorted(self.chance.randrange(len(text) + 1) for _ in range(self.chance.choice((0, 0, 1, 4))))
        parts = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        for number, part in enumerate(parts):
            yield frame(CONTINUED if number else TEXT, part, last=number == len(parts) - 1)
            if self.chance.random() < 0.2:
                yield frame(PING, b"between")

    def mutated(self) -> Iterator[bytes]:
        """The same with another value somewhere, or a byte changed."""
        text = self.chance.choice(GOOD)
        if self.chance.random() < 0.5:
            message = json.loads(text)
            odd: list[Any] = [None, True, -1, 2**70, "", "x" * 3000, [], {}, [[]], ["a"] * 300, {"a": 1}, "\ud800", ":"]
            message[self.chance.choice([*message, "more"])] = self.chance.choice(odd)
            yield frame(TEXT, json.dumps(message).encode())
        else:
            raw = bytearray(text.encode())
            for _ in range(self.chance.randrange(1, 4)):
                raw[self.chance.randrange(len(raw))] = self.chance.randrange(256)
            yield frame(TEXT, bytes(raw))

    def pieces(self) -> Iterator[bytes]:
        yield frame(TEXT, "".join(self.chance.choices(PIECES, k=self.chance.randrange(1, 30))).encode())

    def garbage(self) -> Iterator[bytes]:
        """Bytes, frames too large, and what is nested too deep."""
        opened, closed = self.chance.choice((("[", "]"), ('{"a":', "}")))
        deep = 60_000 // (len(opened) + len(closed))
        yield self.chance.choice(
            (
                frame(BINARY, self.noise(2000)),
                frame(TEXT, self.noise(200)),
                frame(TEXT, b"\xed\xa0\x80\xff"),
                frame(TEXT, b"x" * self.chance.choice((65_536, 65_537, 300_000))),
                frame(TEXT, (opened * deep + closed * deep).encode()),
                frame(TEXT, (opened * 10_000).encode()),
            )
        )

    def control(self) -> Iterator[bytes]:
        codes = (b"", b"\x03", struct.pack(">H", self.chance.randrange(1 << 16)), b"\x03\xe8\xff\xfe", b"\x03\xe8bye")
        yield self.chance.choice(
            (
                frame(PING, self.noise(125)),
                frame(PONG, self.noise(125)),
                frame(PING, b"x" * 126),
                frame(PING, b"", last=False),
                frame(CLOSE, self.chance.choice(codes)),
            )
        )

    def broken(self) -> Iterator[bytes]:
        """Frames out of order, of kinds that there are not, unmasked, longer than they say, and no frames."""
        yield self.chance.choice(
            (
                frame(CONTINUED, b"of nothing"),
                frame(TEXT, b"begun", last=False) + frame(TEXT, b"again"),
                frame(self.chance.choice((3, 7, 0xB, 0xF)), b"x"),
                frame(TEXT, HELLO.encode(), masked=False),
                frame(TEXT, HELLO.encode(), reserved=self.chance.randrange(1, 8)),
                b"\x81\xff" + struct.pack(">Q", self.chance.choice((1 << 40, (1 << 63) + 1))) + bytes(4) + b"x" * 100,
                frame(TEXT, HELLO.encode())[: self.chance.randrange(1, 20)],
                b"GET / HTTP/1.1\r\n\r\n",
                self.noise(500),
            )
        )


@dataclass
class Heard:
    """What a server said on one connection.

    Attributes:
        kinds: of its messages, each of which was as the catalog has it.
        code: with which it closed, if it said so.
    """

    kinds: list[str] = field(default_factory=list)
    code: int | None = None


@asynccontextmanager
async def opened(server: Server) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection after its handshake, as bytes."""
    host, port = server.url.removeprefix("ws://").partition("/")[0].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(
            b"GET /v1/stream HTTP/1.1\r\nHost: door\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def heard(reader: asyncio.StreamReader) -> Heard:
    """What comes until the server is done. Raises: ValidationError for what is not in the catalog."""
    found = Heard()
    with suppress(asyncio.IncompleteReadError, OSError):
        while True:
            first, size = await reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack(">H", await reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", await reader.readexactly(8))
            payload = await reader.readexactly(size)
            assert first & 0xF0 == 0x80, "what the server says comes whole"
            if first == 0x80 | TEXT:
                message = json.loads(payload)
                SERVER_SCHEMA.validate(message)
                found.kinds.append(message["type"])
            elif first == 0x80 | CLOSE:
                found.code = struct.unpack(">H", payload[:2])[0] if payload else 1005
            else:
                assert first in (0x80 | PONG, 0x80 | PING), first
    return found


async def conversed(server: Server, frames: list[bytes], ending: str) -> Heard:
    """One conversation, and how the client leaves: in good order, by half, by breaking off, or not at all."""
    async with opened(server) as (reader, writer):
        listening = asyncio.create_task(heard(reader))
        with suppress(OSError):
            for one in frames:
                writer.write(one)
                await writer.drain()
                if len(one) % 3 == 0:
                    await asyncio.sleep(0)
            if ending == "close":
                writer.write(frame(CLOSE, b"\x03\xe8"))
            elif ending == "half":
                writer.write_eof()
            elif ending == "abort":
                writer.transport.abort()
        if ending != "none":
            await asyncio.wait((listening,), timeout=PATIENCE_S)
            writer.transport.abort()  # it waits for the rest of a frame, as it should
        async with asyncio.timeout(20.0):
            return await listening


class Left(NamedTuple):
    """What a process has that a connection could leave behind."""

    tasks: int
    descriptors: int
    nbytes: int
    watched: int


def counted(server: Server) -> Left:
    process, moods = psutil.Process(), server.hub.moods
    waiting = moods._lanes.waiting + len(moods._reading) + len(moods._resting) + len(moods._later)
    watched = sum(map(_watches, moods._lanes._lanes.values())) + len(moods._failures) + waiting
    of_vault = sum("journal.sqlite" in one.path for one in process.open_files())  # its pool of readers, bounded there
    return Left(len(asyncio.all_tasks()), process.num_fds() - of_vault, process.memory_info().rss, watched)


def _watches(lane: Lane) -> int:
    return lane._everybody + sum(lane._named.values())


async def left(server: Server, like: Left) -> Left:
    """What there is once it is no more than that, or half a minute is over."""
    until = time.monotonic() + 30.0
    while True:
        found = counted(server)
        if time.monotonic() > until or all(one <= other for one, other in zip(found, like, strict=True)):
            gc.collect()
            return counted(server)
        await asyncio.sleep(0.1)


@pytest.mark.timeout(1800)
def test_no_conversation_crashes_it_and_none_leaves_anything(
    front: Front, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(endpoint, "HELLO_S", 0.3)
    front.agent("acme:alice").remember([ready(0)])
    chance = random.Random(1)
    wire = Wire(chance)
    seen: set[str] = set()
    codes: set[int] = set()

    async def some(server: Server, count: int) -> None:
        for _ in range(0, count, 10):
            ends = chance.choices(("close", "half", "abort"), (3, 1, 1), k=10)
            all_heard = await asyncio.gather(*(conversed(server, wire.conversation(), end) for end in ends))
            for one in all_heard:
                seen.update(one.kinds)
                codes.update({one.code} if one.code is not None else ())

    async def play(server: Server) -> None:
        before = counted(server)
        await some(server, 50)
        warm = await left(server, before._replace(descriptors=1 << 20, nbytes=1 << 40))
        await some(server, CONVERSATIONS)
        most = Left(before.tasks, warm.descriptors + SPARE, warm.nbytes + MOST_LEFT_BYTES, 0)
        after = await left(server, most)
        told = f"{CONVERSATIONS} conversations: {before}, {warm}, {after}"
        print(told)  # noqa: T201 (what make test-contract is asked for)
        assert all(one <= other for one, other in zip(after, most, strict=True)), told
        async with server.client() as to:
            await to.say("subscribe", id="s", agents=["alice"], channels=["memories"])
            await to.until("subscribed")
            await quietly(front.agent("acme:alice").remember, [ready(1)])
            await to.until("memory_operation")

    servers = logging.getLogger("asyncio")
    servers.addFilter(_is_ours)  # what is logged is kept, with all that its traceback holds
    try:
        with caplog.at_level(logging.ERROR):
            served(front, play, limit_s=1500.0, most=200)
    finally:
        servers.removeFilter(_is_ours)
    assert {code for code in codes if not 3000 <= code < 5000} <= CODES, codes  # a client's own are said back to it
    assert {1002, 1003, 1007, 1008, 1009, 4401} <= codes, codes
    assert {"welcome", "subscribed", "refused", "pong", "closing"} <= seen, seen
    assert [record.getMessage() for record in caplog.records] == []


def _is_ours(record: logging.LogRecord) -> bool:
    """Not so what uvicorn says where it closes a connection for text that is no UTF-8, and is closing it already."""
    return not record.exc_info or not isinstance(record.exc_info[1], InvalidState)


def test_thousands_of_subscriptions_are_gone_with_their_connections(front: Front) -> None:
    connections, most = 40, session.MOST_SUBSCRIPTIONS

    async def subscribing(server: Server, first: int, leave: Callable[[asyncio.StreamWriter], None]) -> int:
        async with opened(server) as (reader, writer):
            listening = asyncio.create_task(heard(reader))
            writer.write(frame(TEXT, HELLO.encode()))
            for number in range(most + 6):
                names = [f"agent {(first + number + one) % 100}" for one in range(4)]
                wanted = {"type": "subscribe", "id": str(number), "agents": names, "channels": ["mood", "memories"]}
                writer.write(frame(TEXT, json.dumps(wanted).encode()))
                await writer.drain()
            while sum(map(_watches, server.hub.moods._lanes._lanes.values())) < 4 * most:  # noqa: ASYNC110 - it tells nobody when it is
                await asyncio.sleep(0.01)
            leave(writer)
            async with asyncio.timeout(60.0):
                return (await listening).kinds.count("subscribed")

    async def play(server: Server) -> None:
        before = counted(server)
        leave: list[Callable[[asyncio.StreamWriter], None]] = [
            lambda writer: writer.write(frame(CLOSE, b"\x03\xe8")),
            lambda writer: writer.transport.abort(),
            lambda writer: writer.write_eof(),
        ]
        made = await asyncio.gather(*(subscribing(server, 7 * one, leave[one % 3]) for one in range(connections)))
        assert max(made) <= most
        assert sum(made) >= 1000, "many of those that are cut off do not hear of theirs"
        before = before._replace(descriptors=before.descriptors + SPARE, nbytes=1 << 40)
        after = await left(server, before)
        assert all(one <= other for one, other in zip(after, before, strict=True)), (before, after)

    served(front, play, most=200)


def test_connections_that_say_nothing_are_let_go(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "HELLO_S", 0.3)

    async def play(server: Server) -> None:
        before = counted(server)
        silent = await asyncio.gather(*(conversed(server, [], "none") for _ in range(100)))
        assert {one.code for one in silent} == {1008}
        before = before._replace(descriptors=before.descriptors + SPARE, nbytes=1 << 40)
        after = await left(server, before)
        assert all(one <= other for one, other in zip(after, before, strict=True)), (before, after)

    served(front, play, most=200)


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    made = Front(tmp_path)
    yield made
    made.close()
