"""One replica of the door: its parts put together, from the start to the last answer. Decides nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
from fastapi import FastAPI, Request
from mcp.server.mcpserver import Context
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from quantum_memory.actors.ray_metrics import ray_metrics
from quantum_memory.cluster.connect import MemoryCluster, reach
from quantum_memory.cluster.service import tools
from quantum_memory.cluster.service.access.authenticator import Admitted, Authenticator
from quantum_memory.cluster.service.access.caller import Caller, caller_of
from quantum_memory.cluster.service.access.denials import Denials
from quantum_memory.cluster.service.access.entry import admitted, connection_of
from quantum_memory.cluster.service.access.ledger import Ledger
from quantum_memory.cluster.service.app import create_app
from quantum_memory.cluster.service.backend import Backend
from quantum_memory.cluster.service.counting import Counting
from quantum_memory.cluster.service.ending import being_deleted
from quantum_memory.cluster.service.exposition import Exposition
from quantum_memory.cluster.service.health import Health
from quantum_memory.cluster.service.health_routes import health_router
from quantum_memory.cluster.service.limits.limiter import Limiter
from quantum_memory.cluster.service.limits.remote import Leases, RemoteLeases
from quantum_memory.cluster.service.listening import Address, Listener
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.problems import answer, headers_of, problem_of
from quantum_memory.cluster.service.stream.endpoint import Guest, Stream
from quantum_memory.cluster.service.stream.hub import Hub
from quantum_memory.cluster.service.stream.messages import schema
from quantum_memory.cluster.service.stream.moods import Moods
from quantum_memory.cluster.service.tracing import Tracing
from quantum_memory.errors import Denied, QuantumMemoryError
from quantum_memory.settings import Settings
from quantum_memory.telemetry import SILENT

STREAM, TOOLS = "/v1/stream", "/mcp"
THREADS = 64
ASK_S = 1.0
GOODBYE_S = 2.0
"""How long streams may take to end by themselves, before connections are closed."""
END_S = 3.0 + GOODBYE_S
"""What of the time that a replica may take to end is for all else than answers."""
logger = logging.getLogger(__name__)
UNGUARDED = TransportSecuritySettings(enable_dns_rebinding_protection=False)
"""What ``caller_of`` looks at itself: who is let in without a credential has to ask for this machine by its name."""


def replica(wishes: Settings, settings: Settings, namespace: str, name: str, address: Address | None = None) -> FastAPI:
    """The application of a replica, in a process of a Ray cluster: it connects to the memory there, or starts it.

    Args:
        wishes: what was said explicitly; where the actors run already, they must have been made so.
        settings: what new actors are made with, and what the door keeps to.
        namespace: where the actors are.
        name: of Serve's application.
        address: where it listens itself, beside what Serve's proxies bring.

    Raises: as ``connect``.
    """
    memory = reach(None, settings, wishes, namespace, author="the door")
    return Replica(memory, settings, RemoteLeases(settings, namespace), partial(being_deleted, name), address).app


class Replica:
    """The door to one cluster.

    Args:
        memory: the cluster, connected. Closing it is not this object's business.
        settings: what the door keeps to.
        leases: where rates are leased.
        ending: whether the replica is about to end, which is asked every ``ASK_S``; it may block.
        address: where it listens itself; nowhere if there is none.

    Attributes:
        app: the application. Its lifespan begins what goes on behind the requests, and ends it.
    """

    def __init__(
        self,
        memory: MemoryCluster,
        settings: Settings,
        leases: Leases,
        ending: Callable[[], bool] = lambda: False,
        address: Address | None = None,
    ) -> None:
        self._memory, self._ending, wanted = memory, ending, settings.service
        self._backend, ledger = Backend(memory), Ledger(memory)
        self._gate, self._denials = Authenticator(ledger, wanted.access), Denials(ledger)
        self._limiter = Limiter(wanted.limits, leases, replicas=wanted.replicas.most)
        self._hub = Hub(memory.feed.begin, Moods(lambda who: self._backend.mood(*who)))
        self._health, self._client = Health(memory), httpx.AsyncClient(trust_env=False)
        self._tools = tools.server(self._backend, self._calling)
        self.app = create_app(
            self._backend,
            self._gate,
            wanted.http,
            limiter=self._limiter,
            ledger=ledger,
            denied=self._denials,
            lifespan=self._life,
        )
        self.app.include_router(health_router(self._health, Exposition(self._client), self._reading))
        self._stream = Stream(self._hub, self._listening)
        self.app.add_api_websocket_route(STREAM, self._stream.open)
        self.app.add_route(f"{STREAM}/schema", _schema)
        served = self._tools.streamable_http_app(
            streamable_http_path=TOOLS, stateless_http=True, transport_security=UNGUARDED
        )
        (tools_route,) = (route for route in served.routes if isinstance(route, Route))
        # Without sessions there is nothing to get and nothing to delete: a stream that is held open would tell nothing.
        self.app.router.routes.append(Route(TOOLS, Guarded(tools_route.app, self._using), methods=["POST"]))
        self.app.add_middleware(Tracing, exporter=settings.telemetry.spans)
        self.app.add_middleware(Counting, metrics=ray_metrics() if settings.telemetry.metrics else SILENT)
        drain_s = wanted.replicas.drain_s - END_S
        self._listener = None if address is None else Listener(self.app, address, drain_s)

    @asynccontextmanager
    async def _life(self, _: FastAPI) -> AsyncIterator[None]:
        """Follow the vault and keep to the rates as long as requests come; then let all go in good order."""
        # What only blocks goes to threads. With as few as there are by default one slow agent would hold up the others.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "door"))
        await self._hub.start(await self._memory.position.begin())
        watching = asyncio.create_task(self._until_the_end())
        try:
            async with self._tools.session_manager.run():
                if self._listener is not None:
                    await self._listener.start()
                yield
                await self._drained()
        finally:
            watching.cancel()
            self._health.drain()
            await self._hub.stop()
            await asyncio.gather(self._limiter.close(), self._denials.close())
            await self._client.aclose()

    async def _drained(self) -> None:
        """Let everybody on the stream say good-bye, and what came to this listener be answered."""
        self._farewell()
        if self._listener is not None:
            await self._stream.left(GOODBYE_S)
            await self._listener.stop()

    def _farewell(self) -> None:
        self._health.drain()
        self._hub.closing.set()
        self._hub.wake()

    async def _until_the_end(self) -> None:
        """Let everybody on the stream say good-bye once the replica is about to end."""
        while not self._hub.closing.is_set():
            await asyncio.sleep(ASK_S)
            try:
                if await asyncio.to_thread(self._ending):
                    self._farewell()
            except Exception as error:  # noqa: BLE001 (Serve is asked again)
                logger.info("nobody says whether this replica is about to end: %s", error)

    async def _admitted(self, caller: Caller, connection: str, action: str) -> Admitted:
        """Who it is, if he may ask again already; also one whom nobody knows may not try too often."""
        try:
            return await admitted(self._gate, self._limiter, caller, connection)
        except Denied as error:
            self._denials.note(error, action, address=caller.address)
            raise

    async def _reading(self, request: Request) -> Principal:
        action = f"GET {request.url.path}"
        who = (await self._admitted(caller_of(request.scope), connection_of(request), action)).principal
        who.require("reader", action)
        return who

    async def _listening(self, socket: WebSocket, token: str | None) -> Guest:
        caller, connection = caller_of(socket.scope), connection_of(socket)
        if caller.authorization is None and token is not None:
            caller = caller._replace(authorization=f"Bearer {token}")
        guest = await self._admitted(caller, connection, STREAM)
        return Guest(guest.principal, partial(self._gate.stands, guest), partial(self._heard, guest, connection))

    async def _heard(self, guest: Admitted, connection: str) -> None:
        """Count something that was said on a stream."""
        await self._limiter.admit(guest.principal, connection)

    async def _using(self, request: Request) -> Principal:
        return (await self._admitted(caller_of(request.scope), connection_of(request), TOOLS)).principal

    async def _calling(self, context: Context[Any, Any]) -> Principal:
        who: Principal = context.request_context.request.state.principal  # type: ignore[union-attr]  # see ``Guarded``
        return who


class Guarded:
    """The tools over HTTP, for whoever is known: nothing is read, and nothing is held open, for anybody else.

    Args:
        app: the library's.
        known: who asks. Raises: Unauthenticated, RateLimited, Unavailable.
    """

    def __init__(self, app: ASGIApp, known: Callable[[Request], Awaitable[Principal]]) -> None:
        self._app, self._known = app, known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        called = request.state.request_id
        try:
            request.state.principal = await self._known(request)
        except QuantumMemoryError as error:
            await answer(problem_of(error, called), headers_of(error))(scope, receive, send)
            return
        await self._app(scope, receive, send)


async def _schema(_: Request) -> JSONResponse:
    return JSONResponse(schema(), media_type="application/schema+json")
