"""A replica on loopback, in a thread of its own, that ends and starts again, and a way to it that can be cut."""

from __future__ import annotations

import asyncio
import socket as sockets
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import uvicorn

from quantum_memory.actors.vault import utc_now
from quantum_memory.cluster.service.access.keys import mint
from quantum_memory.cluster.service.access.ledger import Ledger
from quantum_memory.cluster.service.backend import Backend
from quantum_memory.cluster.service.heads import protocol
from quantum_memory.cluster.service.limits.host import RateLimitsHost
from quantum_memory.cluster.service.principals import Principal, Role
from quantum_memory.cluster.service.replica import Replica
from quantum_memory.memory.vault.admission import RevokeKey
from tests.unit.front import Front

R = TypeVar("R")
ADMIN = Principal("tests", "acme", "admin")


class Direct:
    """The buckets that replicas lease from, in this process."""

    def __init__(self, front: Front) -> None:
        self.host = RateLimitsHost(front.settings)

    async def lease(self, *asked: Any) -> Any:
        return self.host.lease(*asked)

    async def leave(self, *asked: Any) -> None:
        self.host.leave(*asked)


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60.0)

    def close(self) -> None:
        self.run(self.loop.shutdown_asyncgens())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


class Door:
    """A vault, views, and a replica before them.

    Attributes:
        port: where it listens, also after it was started again.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.front = Front(folder, **settings)
        self.loop = Loop()
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Let a new replica serve."""
        self.server, self.serving = self.loop.run(self._started())

    async def _started(self) -> tuple[uvicorn.Server, asyncio.Task[None]]:
        app = Replica(self.front.memory, self.front.settings, Direct(self.front)).app
        http = self.front.settings.service.http
        config = uvicorn.Config(
            app,
            http=protocol(http.head_s, http.head_bytes, http.write_s),
            port=self.port,
            log_level="critical",
            ws="websockets-sansio",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve())
        while not server.started:  # noqa: ASYNC110 - it tells nobody when it has
            await asyncio.sleep(0.01)
        return server, task

    def stop(self) -> None:
        """End the replica; the vault stays."""
        self.server.should_exit = True
        self.loop.run(self._ended())

    async def _ended(self) -> None:
        await self.serving

    def key(self, role: Role = "writer", agents: tuple[str, ...] = ("*",)) -> str:
        """A key of the tenant "acme"."""
        return self.loop.run(self._key(role, agents))

    async def _key(self, role: Role, agents: tuple[str, ...]) -> str:
        await Backend(self.front.memory).cluster(ADMIN)
        minted = mint("tests", "acme", "a test", role, agents, now=utc_now())
        await Ledger(self.front.memory).write(minted.write)
        return minted.text

    def revoke(self, key: str) -> None:
        """The key opens nothing from here on, once what is known of it is looked up again."""
        self.loop.run(self._revoke(key))

    async def _revoke(self, key: str) -> None:
        await Ledger(self.front.memory).write(RevokeKey(key.split("_")[1], "acme", uuid4().hex))

    def close(self) -> None:
        self.stop()
        self.loop.close()
        self.front.close()


def free_port() -> int:
    with sockets.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Proxy:
    """A way to a server that hands bytes on, and can lose what the server answers.

    Attributes:
        lost: asked of each chunk that the server answers; the connection is cut where it says so.
    """

    def __init__(self, loop: Loop, port: int) -> None:
        self.lost: Callable[[bytes], bool] = lambda _: False
        self.cuts = 0
        self._to, self._loop = port, loop
        self._ways: set[asyncio.StreamWriter] = set()
        self.server = loop.run(asyncio.start_server(self._way, "127.0.0.1", 0))
        self.port: int = self.server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.close()
            return
        ends = {writer, there_writer}
        self._ways |= ends
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._handed_on(reader, there_writer, ends, answers=False))
                both.create_task(self._handed_on(there_reader, writer, ends, answers=True))
        finally:
            self._ways -= ends

    async def _handed_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ends: set[asyncio.StreamWriter],
        *,
        answers: bool,
    ) -> None:
        try:
            while chunk := await reader.read(1 << 16):
                if answers and self.lost(chunk):
                    self.cuts += 1
                    break
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            for end in ends:
                end.transport.abort()

    def cut(self) -> None:
        """Cut every connection."""
        self._loop.run(self._cut())

    async def _cut(self) -> None:
        self.cuts += 1
        for end in list(self._ways):
            end.transport.abort()

    def close(self) -> None:
        self._loop.run(self._close())

    async def _close(self) -> None:
        self.server.close()
        await self._cut()
        await asyncio.sleep(0.05)


@contextmanager
def proxied(door: Door) -> Iterator[Proxy]:
    proxy = Proxy(door.loop, door.port)
    try:
        yield proxy
    finally:
        proxy.close()
