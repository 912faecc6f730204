"""Bodies as they come: counted and timed while they come, and JSON that is strict. Knows nobody who asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message, Receive, Send

from quantum_memory.cluster.service.refusals import too_large, too_slow, unsupported
from quantum_memory.cluster.service.strict_json import parsed
from quantum_memory.settings import HttpSettings

JSON: Final = "application/json"
LARGE_BYTES = 1 << 16
"""A body over this is parsed in a thread."""
DISCARD_BYTES, DISCARD_S = 64 << 20, 5.0
"""How much of a body that was refused is read all the same, and for how long."""


class Measured:
    """The messages of one request: a body of at most ``limit`` bytes, in ``whole_s``, never silent for ``idle_s``.

    Raises, when called: Refusal (413, 408). Once the body is there it only passes on.
    """

    def __init__(self, receive: Receive, limit: int, idle_s: float, whole_s: float) -> None:
        self._receive, self._limit, self._idle_s, self._whole_s = receive, limit, idle_s, whole_s
        self._due = asyncio.get_running_loop().time() + whole_s
        self._count, self._over = 0, False

    async def __call__(self) -> Message:
        if self._over:
            return await self._receive()
        left_s = self._due - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(self._idle_s, left_s)):
                message = await self._receive()
        except TimeoutError:
            raise too_slow(self._idle_s if self._idle_s <= left_s else self._whole_s) from None
        self._count += len(message.get("body", b""))
        if self._count > self._limit:
            raise too_large(self._limit)
        self._over = not message.get("more_body", False)
        return message


class Refusable:
    """One request and its answer: what a refusal leaves unread is read and discarded before the connection is closed.

    A connection that is closed while somebody sends on it is reset, and who sends may lose the answer that said why. So
    he is told first, then ``DISCARD_BYTES`` are read for ``DISCARD_S`` at most, and then it is closed.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._read_whole, self._closes = False, False

    async def receive(self) -> Message:
        """What comes next of the request."""
        message = await self._receive()
        self._read_whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Say what is next of the answer."""
        if message["type"] == "http.response.start":
            closes = Headers(raw=message.get("headers", [])).get("connection", "").lower() == "close"
            self._closes = closes and message["status"] in (413, 503)
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if not last or not self._closes or self._read_whole:
            await self._send(message)
            return
        await self._send({**message, "more_body": True})
        await self._discard()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _discard(self) -> None:
        left = DISCARD_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_S):
                while left > 0 and not self._read_whole:
                    left -= len((await self.receive()).get("body", b""))


def announced(headers: Headers) -> int:
    """How many bytes a body is to have, as its request says before it comes; 0 where it does not say."""
    told = headers.get("content-length", "")
    return int(told) if told.isdecimal() else 0


class BoundedRequest(Request):
    """A request whose body is measured, and whose JSON is strict.

    Args:
        request: as it came.
        limits: what it may bring.
        upload: whether it is a stream, with a stream's limits.

    Raises: Refusal (413) if it says of itself that it is too long.
    """

    def __init__(self, request: Request, limits: HttpSettings, *, upload: bool) -> None:
        most, whole_s = (limits.upload_bytes, limits.upload_s) if upload else (limits.body_bytes, limits.body_s)
        super().__init__(request.scope, Measured(request.receive, most, limits.idle_s, whole_s))
        self._depth = limits.depth
        self._value: Any = None
        if announced(self.headers) > most:
            raise too_large(most)

    @property
    def media_type(self) -> str:
        """What it says that its body is, in small letters and without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def take_json(self) -> bytes:
        """Read the body, so that ``json`` has its value; the bytes. Raises: Refusal (400, 408, 413, 415)."""
        raw = await self.body()
        if raw:
            if self.media_type != JSON:
                raise unsupported(self.media_type, JSON)
            small = len(raw) <= LARGE_BYTES
            self._value = parsed(raw, self._depth) if small else await asyncio.to_thread(parsed, raw, self._depth)
        return raw

    async def json(self) -> Any:
        """The value that ``take_json`` read."""
        return self._value


async def lines(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[tuple[int, bytes]]:
    """Lines that are not empty, with their numbers, from 1 on. Raises: Refusal (413) for one over the limit."""
    held, number = bytearray(), 0
    async for chunk in chunks:
        held += chunk
        if b"\n" in chunk:
            *whole, rest = bytes(held).split(b"\n")
            held = bytearray(rest)
            for line in whole:
                number += 1
                if line.strip():
                    yield number, line
        if len(held) > limit:
            raise too_large(limit)
    if held.strip():
        yield number + 1, bytes(held)
