"""Which route a request took, by its template. Metrics and spans name it so: never a path, which may name an agent."""

from __future__ import annotations

from typing import Any

from starlette.types import Message, Scope

UNMATCHED = "unmatched"
"""The template of what no route answers."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "OTHER"
WEBSOCKET = "WEBSOCKET"
"""The method of a WebSocket's handshake."""
STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
ACCEPTED, REFUSED = 101, 403


def method_of(scope: Scope) -> str:
    """The method of a request, if it is one of the usual ones: callers can make up others."""
    if scope["type"] == "websocket":
        return WEBSOCKET
    method: str = scope["method"]
    return method if method in METHODS else OTHER


def status_of(message: Message) -> int | None:
    """The status that an answer begins with, if this message is its beginning; a handshake's too."""
    kind = message["type"]
    if kind in STARTS:
        return int(message["status"])
    # A WebSocket that is closed before it was accepted is refused; later it has its status already.
    return {"websocket.accept": ACCEPTED, "websocket.close": REFUSED}.get(kind)


def template_of(scope: Scope, root: str = "") -> str:
    """The template of the route that was chosen, as ``/v1/agents/{agent}/memories``.

    Args:
        scope: of a request that went through the application.
        root: what the scope's root path was before.

    An application that is mounted, and tells no route of its own, is known by where it is mounted: without parameters.
    """
    mounted: str = scope.get("root_path", "").removeprefix(root)
    path = _path_of(scope)
    if path is not None:
        return mounted + path
    return f"{mounted}/{{path}}" if mounted else UNMATCHED


def _path_of(scope: Scope) -> str | None:
    """The route's template; of a router that was included, with the prefixes that it was included under."""
    told: Any = scope.get("fastapi") or {}
    for route in (told.get("effective_route_context"), scope.get("route")):
        path = getattr(route, "path_format", None) or getattr(route, "path", None)
        if isinstance(path, str):
            return path
    return None
