"""Traces through the door: a span for each request, within the trace of whoever asks, and above all that it asks for.

Owns the span of a request. It tells the route's template, the method and the status, never a path, a name or a word of
what was asked.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quantum_memory.cluster.service.templates import method_of, status_of, template_of
from quantum_memory.telemetry.carried import CARRIED, TRACEPARENT, TRACESTATE, Carried
from quantum_memory.telemetry.spans import Spans, spans_of

KINDS = frozenset({"http", "websocket"})
"""What is traced."""
FAULT = 500
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.{0,200})?")


class Tracing:
    """An application whose requests are traced, if anybody wants that.

    Args:
        app: the application.
        exporter: where spans go, as ``TelemetrySettings.spans``.

    The span goes on from what is carried already, else from the caller's ``traceparent`` and ``tracestate``; where that
    is no trace, a new one begins. What the request asks of the cluster is below it.
    """

    def __init__(self, app: ASGIApp, exporter: str | None) -> None:
        self._app, self._exporter = app, exporter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        spans = spans_of(self._exporter) if scope["type"] in KINDS else None
        if spans is None:
            await self._app(scope, receive, send)
        else:
            await self._traced(spans, scope, receive, send)

    async def _traced(self, spans: Spans, scope: Scope, receive: Receive, send: Send) -> None:
        from opentelemetry.trace import Status, StatusCode, get_current_span

        kind, root = scope["type"], scope.get("root_path", "")
        method = method_of(scope)
        about = {"http.request.method": method, "url.scheme": scope.get("scheme", kind)}
        carried = _carried(scope)
        with spans.server(method, carried, about) as headers:
            span = get_current_span()

            begun = False

            async def noted(message: Message) -> None:
                nonlocal begun
                status = None if begun else status_of(message)
                if status is not None:
                    begun = True
                    span.set_attribute("http.response.status_code", status)
                    if status >= FAULT:
                        span.set_attribute("error.type", str(status))
                        span.set_status(Status(StatusCode.ERROR))
                await send(message)

            token = CARRIED.set({**carried, **headers})
            try:
                await self._app(scope, receive, noted)
            finally:
                CARRIED.reset(token)
                route = template_of(scope, root)
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)


def _carried(scope: Scope) -> Carried:
    """What this request comes with: what was carried before it, and the context of its caller where that has none."""
    carried = CARRIED.get() or {}
    headers = Headers(scope=scope)
    if TRACEPARENT in carried or not _TRACE.fullmatch(headers.get(TRACEPARENT, "")):
        return carried
    told = {name: headers[name] for name in (TRACEPARENT, TRACESTATE) if name in headers}
    return {**carried, **told}
