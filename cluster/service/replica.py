"""One replica of the door: its parts put together, from the start to the last answer. Decides nothing else."""

from __future__ import annotations

import asyncio
import gc
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
from starlette.requests import HTTPConnection
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from quantum_memory.actors.ray_metrics import ray_metrics
from quantum_memory.actors.shells import OLD, OLDER, YOUNG
from quantum_memory.cluster.connect import MemoryCluster, reach
from quantum_memory.cluster.service import tools
from quantum_memory.cluster.service.access.authenticator import Admitted, Authenticator
from quantum_memory.cluster.service.access.caller import Caller, caller_of
from quantum_memory.cluster.service.access.denials import Denials
from quantum_memory.cluster.service.access.entry import anybody, connection_of, entered, note
from quantum_memory.cluster.service.access.ledger import Ledger
from quantum_memory.cluster.service.access.scraping import Scrapers
from quantum_memory.cluster.service.app import create_app
from quantum_memory.cluster.service.backend import Backend
from quantum_memory.cluster.service.bodies import BoundedRequest
from quantum_memory.cluster.service.console import console_routes
from quantum_memory.cluster.service.counting import Counting
from quantum_memory.cluster.service.exposition import Exposition
from quantum_memory.cluster.service.health import Health
from quantum_memory.cluster.service.health_routes import health_router
from quantum_memory.cluster.service.kept import Kept
from quantum_memory.cluster.service.limits.limiter import Limiter
from quantum_memory.cluster.service.limits.remote import Leases, RemoteLeases
from quantum_memory.cluster.service.listening import Address, Listener
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.problems import answer, headers_of, problem_of, refused
from quantum_memory.cluster.service.refusals import Refusal
from quantum_memory.cluster.service.stream.endpoint import Guest, Stream
from quantum_memory.cluster.service.stream.hub import Hub
from quantum_memory.cluster.service.stream.messages import schema
from quantum_memory.cluster.service.stream.moods import Moods
from quantum_memory.cluster.service.tenants import DEFAULT
from quantum_memory.cluster.service.tracing import Tracing
from quantum_memory.errors import Denied, Forbidden, QuantumMemoryError
from quantum_memory.settings import HttpSettings, Settings
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


def replica(
    wishes: Settings,
    settings: Settings,
    namespace: str,
    ends: Callable[[], bool] | None,
    address: Address | None = None,
) -> FastAPI:
    """The application of a replica, in a process of a Ray cluster: it connects to the memory there, or starts it.

    Args:
        wishes: what was said explicitly; where the actors run already, they must have been made so.
        settings: what new actors are made with, and what the door keeps to.
        namespace: where the actors are.
        ends: whether the replica is about to end; see ``Replica``.
        address: where it listens itself, beside what Serve's proxies bring.

    Raises: as ``connect``.
    """
    memory = reach(None, settings, wishes, namespace, author="the door")
    made = Replica(memory, settings, RemoteLeases(settings, namespace), ends, address).app
    gc.set_threshold(YOUNG, OLDER, OLD)
    gc.collect()
    gc.freeze()  # what is there stays; while it was looked through, one recall of a hundred took twice as long
    return made


class Replica:
    """The door to one cluster.

    Args:
        memory: the cluster, connected. Closing it is not this object's business.
        settings: what the door keeps to.
        leases: where rates are leased.
        ending: whether the replica is about to end, which is asked every ``ASK_S``; it may block. Without it, that is
            known when the lifespan ends.
        address: where it listens itself; nowhere if there is none.

    Attributes:
        app: the application. Its lifespan begins what goes on behind the requests, and ends it.
    """

    def __init__(
        self,
        memory: MemoryCluster,
        settings: Settings,
        leases: Leases,
        ending: Callable[[], bool] | None = None,
        address: Address | None = None,
    ) -> None:
        self._memory, self._ending, wanted = memory, ending, settings.service
        self._backend, ledger = Backend(memory, wanted.replicas.long), Ledger(memory)
        self._gate, self._denials = Authenticator(ledger, wanted.access), Denials(ledger)
        self._scrapers = Scrapers(wanted.access)
        self._limiter = Limiter(wanted.limits, leases, replicas=wanted.replicas.most)
        moods = Moods(lambda who: self._backend.mood(*who), self._backend.there)
        self._hub = Hub(memory.feed.begin, moods, self._backend.branches)
        self._health, self._client = Health(memory), httpx.AsyncClient(trust_env=False)
        self._tools = tools.server(self._backend, self._calling, self._forbidden)
        self.app = create_app(
            self._backend,
            self._gate,
            wanted.http,
            limiter=self._limiter,
            ledger=ledger,
            denied=self._denials,
            ongoing=wanted.replicas.ongoing,
            lifespan=self._life,
        )
        page = Exposition(self._client)
        self.app.router.routes.extend(health_router(self._health, page, self._administering, self._scraping).routes)
        self._stream = Stream(self._hub, self._knocking, self._listening, wanted.limits.streams)
        self.app.add_api_websocket_route(STREAM, self._stream.open)
        self.app.add_route(f"{STREAM}/schema", Kept(schema, "application/schema+json").answer)
        served = self._tools.streamable_http_app(
            streamable_http_path=TOOLS, stateless_http=True, transport_security=UNGUARDED
        )
        (tools_route,) = (route for route in served.routes if isinstance(route, Route))
        # Without sessions there is nothing to get and nothing to delete: a stream that is held open would tell nothing.
        self.app.router.routes.append(
            Route(TOOLS, Guarded(tools_route.app, self._using, wanted.http), methods=["POST"])
        )
        self.app.router.routes.extend(console_routes())
        self.app.add_middleware(Tracing, exporter=settings.telemetry.spans)
        self.app.add_middleware(Counting, metrics=ray_metrics() if settings.telemetry.metrics else SILENT)
        http = wanted.http
        bounds = wanted.replicas.drain_s - END_S, http.head_s, http.head_bytes, http.write_s
        self._listener = None if address is None else Listener(self.app, address, *bounds)

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
        self._hub.close()

    async def _until_the_end(self) -> None:
        """Let everybody on the stream say good-bye once the replica is about to end."""
        ending = self._ending
        while ending is not None and not self._hub.closing.is_set():
            await asyncio.sleep(ASK_S)
            try:
                if await asyncio.to_thread(ending):
                    self._farewell()
            except Exception as error:  # noqa: BLE001 (Serve is asked again)
                logger.info("nobody says whether this replica is about to end: %s", error)

    async def _admitted(
        self,
        request: HTTPConnection,
        action: str,
        may: Callable[[Principal], None] = anybody,
        *,
        caller: Caller | None = None,
        knocked: bool = False,
    ) -> Admitted:
        """Who it is, if he may ask again already, and may do this; also one whom nobody knows may not try too often."""
        try:
            return await entered(self._gate, self._limiter, request, may, caller=caller, knocked=knocked)
        except Denied as error:
            note(self._denials, request, error, action)
            raise

    async def _administering(self, request: Request) -> None:
        """Let through who may see what is so of the whole cluster. Raises: Unauthenticated, Forbidden, RateLimited."""
        action = f"GET {request.url.path}"
        await self._admitted(request, action, partial(_require_all, action=action))

    async def _scraping(self, request: Request) -> None:
        """Let through who may read metrics. Raises: Unauthenticated, Forbidden, RateLimited."""
        if self._scrapers.know(caller_of(request.scope)):
            await self._limiter.admit(None, connection_of(request))
        else:
            await self._administering(request)

    async def _knocking(self, socket: WebSocket) -> None:
        """Let a connection be opened, if its rate has room for one more request.

        Who does not say yet who he is counts for his address until he does.
        """
        caller = caller_of(socket.scope)
        async with self._limiter.over(connection_of(socket)):
            socket.state.stranger = self._limiter.stranger(caller.address)
            if caller.authorization is None:
                socket.state.stranger.pay()

    async def _listening(self, socket: WebSocket, token: str | None) -> Guest:
        caller, connection = caller_of(socket.scope), connection_of(socket)
        if caller.authorization is None and token is not None:
            caller = caller._replace(authorization=f"Bearer {token}")
        guest = await self._admitted(socket, STREAM, caller=caller, knocked=True)
        socket.state.stranger.known()
        return Guest(
            guest.principal,
            partial(self._gate.stands, guest),
            partial(self._heard, guest, connection),
            partial(note, self._denials, socket, action=STREAM),
        )

    async def _heard(self, guest: Admitted, connection: str, cost: float) -> None:
        """Count something that was said on a stream."""
        await self._limiter.admit(guest.principal, connection, cost)

    async def _using(self, request: Request) -> None:
        await self._admitted(request, TOOLS)

    async def _calling(self, context: Context[Any, Any]) -> Principal:
        who: Principal = context.request_context.request.state.principal  # type: ignore[union-attr]  # see ``Guarded``
        return who

    def _forbidden(self, error: Denied, call: tools.ToolCall) -> None:
        """Note what a tool was denied."""
        request: Request = call.context.request_context.request  # type: ignore[assignment]  # see ``Guarded``
        note(self._denials, request, error, call.what, call.agent)


class Guarded:
    """The tools over HTTP, for whoever is known: nothing is read, and nothing is held open, for anybody else.

    Args:
        app: the library's.
        known: lets through whoever is known, and has the request's state say who asks; see ``entered``. Raises:
            Unauthenticated, RateLimited, Unavailable.
        limits: what a request may bring, and how slowly.
    """

    def __init__(self, app: ASGIApp, known: Callable[[Request], Awaitable[None]], limits: HttpSettings) -> None:
        self._app, self._known, self._limits = app, known, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        called = request.state.request_id
        try:
            await self._known(request)
            body = await BoundedRequest(request, self._limits, upload=False).take_json()
        except QuantumMemoryError as error:
            await answer(problem_of(error, called), headers_of(error))(scope, receive, send)
        except Refusal as error:
            await answer(refused(error, called), error.headers)(scope, receive, send)
        else:
            await self._app(scope, _read(body, receive), send)


def _read(body: bytes, receive: Receive) -> Receive:
    """What a request brings, once more: its body, which was read, and then whatever else comes."""
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return whole.pop() if whole else await receive()

    return again


def _require_all(who: Principal, action: str) -> None:
    """Let through who may see what is so of all tenants together. Raises: Forbidden."""
    who.require("admin", action)
    if who.tenant != DEFAULT:
        raise Forbidden(action, f"it tells of all tenants, and takes an admin of the tenant {DEFAULT!r}")
