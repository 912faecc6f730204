"""Counting what the door is asked: each request by route, method and status, and how long its answer took.

Owns what is counted. Changes no request and no answer.
"""

from __future__ import annotations

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quantum_memory.cluster.service.templates import method_of, status_of, template_of
from quantum_memory.telemetry import Metrics
from quantum_memory.telemetry.catalog import HTTP_REQUESTS, HTTP_SECONDS

HANDSHAKES = frozenset({"http", "websocket"})
FAILED, GONE = 500, 499
"""The status of a request that raised before it was answered, and of one whose caller was gone by then."""


class Counting:
    """An application whose requests are counted. Of a WebSocket that is its handshake, under the method "WEBSOCKET".

    Args:
        app: the application.
        metrics: where.

    A request ends with the last part of its answer, a handshake with the first.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in HANDSHAKES:
            await self._app(scope, receive, send)
            return
        status, began_s, root = GONE, perf_counter(), scope.get("root_path", "")
        stream, counted = scope["type"] == "websocket", False

        def count() -> None:
            nonlocal counted
            route, method, counted = template_of(scope, root), method_of(scope), True
            self._metrics.add(HTTP_REQUESTS, 1, route, method, str(status))
            self._metrics.observe(HTTP_SECONDS, perf_counter() - began_s, route, method)

        async def noted(message: Message) -> None:
            nonlocal status
            told = status_of(message)
            if told is not None and status == GONE:
                status = told
                if stream:
                    count()
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            status = FAILED if status == GONE else status
            raise
        finally:
            if not counted:
                count()
