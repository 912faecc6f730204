"""A replica's own listener: HTTP and WebSocket at an address that the replicas of one machine share. Knows no route.

Between Serve's proxy and a replica each request takes two processes and two hops of Ray, which cost more than most
requests themselves. Where all replicas are on one machine the kernel shares connections out among them instead, and
who is at the other end of a connection is known for certain.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import uvicorn
from starlette.types import ASGIApp

from quantum_memory.cluster.service.heads import protocol
from quantum_memory.errors import InvalidValue

KEEP_ALIVE_S = 30
BACKLOG = 512
MOST_CONNECTIONS = 4096
"""Of one replica, beyond which whoever comes is sent away: each holds memory."""
WS_BYTES = 2**20
"""Of one message on a WebSocket, at which a connection breaks off; what may be said is far shorter."""


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def claimed(address: Address) -> socket.socket:
    """Keep an address for the listeners of this user that are yet to come, until the socket is closed.

    Two doors that begin at the same time would share their callers otherwise, and so would one that begins while the
    only replica of another is started again. Raises: InvalidValue where somebody listens, or has claimed it.
    """
    found = _bound(address, shared=False)
    # Alone until here. From here on it is in the way of whoever does not share, and of nobody who does.
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return found


class Listener:
    """Takes connections for an application. Used on one event loop.

    Args:
        app: whose lifespan is somebody else's business.
        address: of this machine; processes of the same user may listen there together.
        drain_s: how long what is under way may take once it stops.
        head_s, head_bytes: how long the headers of a request may take to come, and be.
        write_s: after how long who takes nothing of what he is told is cut off.
    """

    def __init__(
        self, app: ASGIApp, address: Address, drain_s: float, head_s: float, head_bytes: int, write_s: float
    ) -> None:
        self._address = address
        self._server = _Server(
            uvicorn.Config(
                app,
                http=protocol(head_s, head_bytes, write_s),
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,  # a header does not make an address
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=max(1, round(drain_s)),
                backlog=BACKLOG,
                limit_concurrency=MOST_CONNECTIONS,
                ws="websockets-sansio",
                ws_max_size=WS_BYTES,
                ws_per_message_deflate=False,  # messages are short and many, and each connection would hold a window
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take connections from now on. Raises: InvalidValue where the address is another's, or none of here."""
        bound = _bound(self._address, shared=True)
        self._serving = asyncio.create_task(self._server.serve(sockets=[bound]))
        listening = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait((self._serving, listening), return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if self._serving.done():
            self._serving.result()

    async def stop(self) -> None:
        """Take no more connections, and wait until what is under way is answered, for ``drain_s`` at most."""
        if self._serving is not None:
            self._server.should_exit = True
            await self._serving


class _Server(uvicorn.Server):
    """A server that says when it listens, in a process where signals are another's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bound(address: Address, *, shared: bool) -> socket.socket:
    """A socket of this address. Raises: InvalidValue."""
    try:
        family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        found = socket.socket(family, socket.SOCK_STREAM)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that ended do not count
            if shared:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            found.bind(address)
        except OSError:
            found.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        raise InvalidValue("address", str(address), f"one of this machine that is free ({error})") from error
    return found
