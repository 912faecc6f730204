"""One replica of the door: its parts put together, from the start to the last answer. Decides nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
from fastapi import FastAPI, Request
from mcp.server.mcpserver import Context
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from quantum_memory.actors.ray_metrics import ray_metrics
from quantum_memory.cluster.connect import MemoryCluster, reach
from quantum_memory.cluster.service import tools
from quantum_memory.cluster.service.access.authenticator import Admitted, Authenticator
from quantum_memory.cluster.service.access.caller import Caller, caller_of
from quantum_memory.cluster.service.access.denials import Denials
from quantum_memory.cluster.service.access.ledger import Ledger
from quantum_memory.cluster.service.app import create_app
from quantum_memory.cluster.service.backend import Backend
from quantum_memory.cluster.service.counting import Counting
from quantum_memory.cluster.service.exposition import Exposition
from quantum_memory.cluster.service.health import Health
from quantum_memory.cluster.service.health_routes import health_router
from quantum_memory.cluster.service.limits.limiter import Limiter
from quantum_memory.cluster.service.limits.remote import Leases, RemoteLeases
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.stream.endpoint import Guest, Stream
from quantum_memory.cluster.service.stream.hub import Hub
from quantum_memory.cluster.service.stream.messages import schema
from quantum_memory.cluster.service.stream.moods import Moods
from quantum_memory.cluster.service.tracing import Tracing
from quantum_memory.settings import Settings
from quantum_memory.telemetry import SILENT

STREAM, TOOLS = "/v1/stream", "/mcp"
UNGUARDED = TransportSecuritySettings(enable_dns_rebinding_protection=False)
"""What ``caller_of`` looks at itself: who is let in without a credential has to ask for this machine by its name."""


def replica(wishes: Settings, settings: Settings, namespace: str) -> FastAPI:
    """The application of a replica, in a process of a Ray cluster: it connects to the memory there, or starts it.

    Args:
        wishes: what was said explicitly; where the actors run already, they must have been made so.
        settings: what new actors are made with, and what the door keeps to.
        namespace: where the actors are.

    Raises: as ``connect``.
    """
    memory = reach(None, settings, wishes, namespace, author="the door")
    return Replica(memory, settings, RemoteLeases(settings, namespace)).app


class Replica:
    """The door to one cluster.

    Args:
        memory: the cluster, connected. Closing it is not this object's business.
        settings: what the door keeps to.
        leases: where rates are leased.

    Attributes:
        app: the application. Its lifespan begins what goes on behind the requests, and ends it.
    """

    def __init__(self, memory: MemoryCluster, settings: Settings, leases: Leases) -> None:
        self._memory, wanted = memory, settings.service
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
        self.app.add_api_websocket_route(STREAM, Stream(self._hub, self._listening).open)
        self.app.add_route(f"{STREAM}/schema", _schema)
        served = self._tools.streamable_http_app(
            streamable_http_path=TOOLS, stateless_http=True, transport_security=UNGUARDED
        )
        self.app.router.routes.extend(served.routes)
        self.app.add_middleware(Tracing, exporter=settings.telemetry.spans)
        self.app.add_middleware(Counting, metrics=ray_metrics() if settings.telemetry.metrics else SILENT)

    @asynccontextmanager
    async def _life(self, _: FastAPI) -> AsyncIterator[None]:
        """Follow the vault and keep to the rates as long as requests come; then let all go in good order."""
        await self._hub.start(await self._memory.position.begin())
        try:
            async with self._tools.session_manager.run():
                yield
        finally:
            self._health.drain()
            await self._hub.stop()
            await asyncio.gather(self._limiter.close(), self._denials.close())
            await self._client.aclose()

    async def _admitted(self, caller: Caller, connection: str) -> Admitted:
        """Who it is, if he may ask again already; also one whom nobody knows may not try too often."""
        admitted: Admitted | None = None
        try:
            admitted = await self._gate.admit(caller)
        finally:
            await self._limiter.admit(None if admitted is None else admitted.principal, connection)
        return admitted

    async def _reading(self, request: Request) -> Principal:
        who = (await self._admitted(caller_of(request.scope), _connection(request))).principal
        who.require("reader", request.url.path)
        return who

    async def _listening(self, socket: WebSocket, token: str | None) -> Guest:
        caller = caller_of(socket.scope)
        if caller.authorization is None and token is not None:
            caller = caller._replace(authorization=f"Bearer {token}")
        admitted = await self._admitted(caller, _connection(socket))
        return Guest(admitted.principal, partial(self._gate.stands, admitted))

    async def _calling(self, context: Context[Any, Any]) -> Principal:
        request: Any = context.request_context.request
        return (await self._admitted(caller_of(request.scope), _connection(request))).principal


def _connection(request: Any) -> str:
    return ":".join(map(str, request.client or ("unknown",)))


async def _schema(_: Request) -> JSONResponse:
    return JSONResponse(schema(), media_type="application/schema+json")
