"""The two clients: one for threads, one for coroutines. Each owns its connections, and nothing else is its own."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self, TypeVar, cast
from uuid import uuid4

import httpx
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException
from websockets.sync.client import connect as connect_sync

from quantum_memory_client._operations import Operations
from quantum_memory_client.calls import Answer, Call
from quantum_memory_client.downloads import Downloads
from quantum_memory_client.errors import ClientError, NoAnswer, of_answer
from quantum_memory_client.following import PATH, SUBPROTOCOL, Channel, Following
from quantum_memory_client.methods import Awaiting, Blocking
from quantum_memory_client.projects import AsyncProject, Project
from quantum_memory_client.retries import Retries, Send, performed
from quantum_memory_client.types import Event, Said
from quantum_memory_client.uploads import Upload, Uploaded

T = TypeVar("T")
BROKEN = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)
STREAM_BROKEN = (OSError, TimeoutError, WebSocketException)
READ_BYTES: Final = 1 << 16
RETRIES: Final = Retries()
MOST_FRAME_BYTES: Final = 64 << 20
"""A change of the stream that is larger ends its connection: one transaction of very many memories."""


class _Door:
    """Where the server is, and what is said to it with every request."""

    def __init__(
        self, url: str, key: str | None, retries: Retries, timeout_s: float, context: ssl.SSLContext | None
    ) -> None:
        self.url, self.retries, self.timeout_s, self.context = url.rstrip("/"), retries, timeout_s, context
        self.headers = {} if key is None else {"Authorization": f"Bearer {key}"}

    def options(self) -> dict[str, Any]:
        """Of a client of httpx."""
        verify = True if self.context is None else self.context
        return {"base_url": self.url, "headers": self.headers, "timeout": self.timeout_s, "verify": verify}

    def stream(self) -> tuple[str, dict[str, Any]]:
        """Where the stream is, and the options of its connection."""
        options: dict[str, Any] = {
            "additional_headers": self.headers,
            "subprotocols": [SUBPROTOCOL],
            "open_timeout": self.timeout_s,
            "close_timeout": 1.0,
            "max_size": MOST_FRAME_BYTES,
        }
        if self.context is not None:
            options["ssl"] = self.context
        return f"ws{self.url.removeprefix('http')}{PATH}", options

    def following(
        self,
        agents: str | Sequence[str],
        channels: Sequence[Channel],
        branch: str | None,
        after: int | None,
        *,
        presence: bool,
    ) -> Following:
        names = [agents] if isinstance(agents, str) else agents
        return Following(names, channels, branch, after, self.retries, time.monotonic, presence=presence)


class Events(Iterator[Event]):
    """What a stream tells, for threads."""

    def __init__(self, events: Iterator[Event | None], core: Following) -> None:
        self._events, self._core = events, core

    @property
    def position(self) -> int | None:
        """After it another stream can go on: everything up to it was told, with moods also all of those."""
        return self._core.position

    def __next__(self) -> Event:
        return next(event for event in self._events if event is not None)


class AsyncEvents(AsyncIterator[Event]):
    """What a stream tells, for coroutines: see ``Events``."""

    def __init__(self, events: AsyncIterator[Event | None], core: Following) -> None:
        self._events, self._core = events, core

    @property
    def position(self) -> int | None:
        """As that of ``Events``."""
        return self._core.position

    async def __anext__(self) -> Event:
        async for event in self._events:
            if event is not None:
                return event
        raise StopAsyncIteration


class Client(Operations, Downloads, Blocking):
    """The door, for threads. Several may use one client at once; ``with`` closes it.

    Args:
        url: where the server is, as "http://127.0.0.1:8000".
        key: an API key or a token.
        retries: when to send something again.
        timeout_s: how long one attempt may wait for anything.
        context: of TLS, where the certificates of the system are not those that are wanted.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        retries: Retries = RETRIES,
        timeout_s: float = 30.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._door = _Door(url, key, retries, timeout_s, context)
        self._http = httpx.Client(**self._door.options())

    def perform(self, call: Call[T]) -> T:
        """Send a call, again if need be. Raises: ClientError."""
        steps = performed(call, self._door.retries, self._door.timeout_s, time.monotonic)
        outcome: Answer | NoAnswer | None = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                return cast("T", done.value)
            if isinstance(step, Send):
                outcome = self._sent(step)
            else:
                time.sleep(step.seconds)
                outcome = None

    def project(self, name: str) -> Project:
        """A project of the library. Asks the server nothing; it begins with its first entry."""
        return Project(self, name)

    def _sent(self, step: Send) -> Answer | NoAnswer:
        call = step.call
        content = _read(call.content) if isinstance(call.content, Path) else call.content
        options: dict[str, Any] = {"params": call.query, "headers": call.headers, "timeout": step.within_s}
        try:
            with self._http.stream(call.method, call.path, content=content, **options) as told:
                if call.into is None or not told.is_success:
                    return Answer(told.status_code, told.headers, told.read())
                with _arriving(call.into) as file:
                    for chunk in told.iter_bytes():
                        file.write(chunk)
                return Answer(told.status_code, told.headers, b"")
        except BROKEN as error:
            return _no_answer(call, error)

    def remember_stream(
        self, agent: str, memories: Iterable[Said], *, branch: str | None = None, create: bool = False
    ) -> Iterator[Uploaded]:
        """Remember as many memories as there are; iterate over it to have them sent and to see how far it is.

        Raises: ClientError, with what was told before it remembered. The same memories again add nothing.
        """
        upload = Upload(agent, branch, create=create)
        for said in memories:
            for call in upload.add(said):
                yield upload.took(call, self.perform(call))
        for call in upload.rest():
            yield upload.took(call, self.perform(call))

    @contextmanager
    def stream(
        self,
        agents: str | Sequence[str] = "*",
        channels: Sequence[Channel] = ("mood", "memories", "history"),
        *,
        branch: str | None = None,
        after: int | None = None,
        presence: bool = False,
    ) -> Iterator[Events]:
        """What happens to agents from here on, or from after a position on, over as many connections as it takes.

        With ``presence`` also how many subscriptions cover each agent that is named, when that changes.

        Raises: Forbidden, InvalidInput, Unauthenticated, NoAnswer when it cannot begin; Revoked when it may not go on.
        """
        following = self._door.following(agents, channels, branch, after, presence=presence)
        with closing(self._follow(following)) as events:
            next(events)
            yield Events(events, following)

    def _follow(self, core: Following) -> Generator[Event | None]:
        """Nothing once it has begun, and then events."""
        url, options = self._door.stream()
        told = False
        while True:
            try:
                with connect_sync(url, **options) as socket:
                    for message in core.opened():
                        socket.send(message)
                    while True:
                        event = core.heard(socket.recv(core.silence_s))
                        if event is not None or (core.begun and not told):
                            told = True
                            yield event
                        if (ack := core.owed()) is not None:
                            socket.send(ack)
            except (*STREAM_BROKEN, ClientError) as error:
                pause_s = core.lost(_stream_error(error))
            time.sleep(pause_s)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(Operations, Downloads, Awaiting):
    """The door, for coroutines of one event loop. ``async with`` closes it.

    Args:
        url: where the server is, as "http://127.0.0.1:8000".
        key: an API key or a token.
        retries: when to send something again.
        timeout_s: how long one attempt may wait for anything.
        context: of TLS, where the certificates of the system are not those that are wanted.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        retries: Retries = RETRIES,
        timeout_s: float = 30.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._door = _Door(url, key, retries, timeout_s, context)
        self._http = httpx.AsyncClient(**self._door.options())

    async def perform(self, call: Call[T]) -> T:
        """Send a call, again if need be. Raises: ClientError."""
        steps = performed(call, self._door.retries, self._door.timeout_s, time.monotonic)
        outcome: Answer | NoAnswer | None = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                return cast("T", done.value)
            if isinstance(step, Send):
                outcome = await self._sent(step)
            else:
                await asyncio.sleep(step.seconds)
                outcome = None

    def project(self, name: str) -> AsyncProject:
        """A project of the library. Asks the server nothing; it begins with its first entry."""
        return AsyncProject(self, name)

    async def _sent(self, step: Send) -> Answer | NoAnswer:
        call = step.call
        content = _read_async(call.content) if isinstance(call.content, Path) else call.content
        options: dict[str, Any] = {"params": call.query, "headers": call.headers, "timeout": step.within_s}
        try:
            async with self._http.stream(call.method, call.path, content=content, **options) as told:
                if call.into is None or not told.is_success:
                    return Answer(told.status_code, told.headers, await told.aread())
                with _arriving(call.into) as file:
                    async for chunk in told.aiter_bytes():
                        await asyncio.to_thread(file.write, chunk)
                return Answer(told.status_code, told.headers, b"")
        except BROKEN as error:
            return _no_answer(call, error)

    async def remember_stream(
        self,
        agent: str,
        memories: Iterable[Said] | AsyncIterable[Said],
        *,
        branch: str | None = None,
        create: bool = False,
    ) -> AsyncIterator[Uploaded]:
        """Remember as many memories as there are; iterate over it to have them sent and to see how far it is.

        Raises: ClientError, with what was told before it remembered. The same memories again add nothing.
        """
        upload = Upload(agent, branch, create=create)
        async for said in _each(memories):
            for call in upload.add(said):
                yield upload.took(call, await self.perform(call))
        for call in upload.rest():
            yield upload.took(call, await self.perform(call))

    @asynccontextmanager
    async def stream(
        self,
        agents: str | Sequence[str] = "*",
        channels: Sequence[Channel] = ("mood", "memories", "history"),
        *,
        branch: str | None = None,
        after: int | None = None,
        presence: bool = False,
    ) -> AsyncIterator[AsyncEvents]:
        """What happens to agents from here on, or from after a position on, over as many connections as it takes.

        With ``presence`` also how many subscriptions cover each agent that is named, when that changes.

        Raises: Forbidden, InvalidInput, Unauthenticated, NoAnswer when it cannot begin; Revoked when it may not go on.
        """
        following = self._door.following(agents, channels, branch, after, presence=presence)
        async with aclosing(self._follow(following)) as events:
            await anext(events)
            yield AsyncEvents(events, following)

    async def _follow(self, core: Following) -> AsyncGenerator[Event | None]:
        """Nothing once it has begun, and then events."""
        url, options = self._door.stream()
        told = False
        while True:
            try:
                async with connect_async(url, **options) as socket:
                    for message in core.opened():
                        await socket.send(message)
                    while True:
                        event = core.heard(await asyncio.wait_for(socket.recv(), core.silence_s))
                        if event is not None or (core.begun and not told):
                            told = True
                            yield event
                        if (ack := core.owed()) is not None:
                            await socket.send(ack)
            except (*STREAM_BROKEN, ClientError) as error:
                pause_s = core.lost(_stream_error(error))
            await asyncio.sleep(pause_s)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _no_answer(call: Call[Any], error: Exception) -> NoAnswer:
    made = NoAnswer(f"{call.name}: no answer: {error or type(error).__name__}")
    made.__cause__ = error
    return made


def _stream_error(error: Exception) -> Exception:
    """What a connection that was not let in, or broke, stands for."""
    if isinstance(error, InvalidStatus):
        told = error.response
        headers = {name.lower(): value for name, value in told.headers.raw_items()}
        return of_answer(told.status_code, headers, bytes(told.body))
    if isinstance(error, InvalidHandshake) and not isinstance(error, OSError):
        return NoAnswer(f"the stream was not opened: {error}")
    return error


@contextmanager
def _arriving(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name when all of it has come, and is gone if it does not."""
    part = path.with_name(f"{path.name}.{uuid4().hex[:8]}.part")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(READ_BYTES):
            yield chunk


async def _read_async(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, READ_BYTES):
            yield chunk


async def _each(memories: Iterable[Said] | AsyncIterable[Said]) -> AsyncIterator[Said]:
    if isinstance(memories, AsyncIterable):
        async for said in memories:
            yield said
    else:
        for said in memories:
            yield said
