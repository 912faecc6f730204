"""Which route a request took, by its template. Metrics and spans name it so: never a path, which may name an agent."""

from __future__ import annotations

from typing import Any

from starlette.types import Scope

UNMATCHED = "unmatched"
"""The template of what no route answers."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "OTHER"


def method_of(scope: Scope) -> str:
    """The method of a request, if it is one of the usual ones: callers can make up others."""
    method: str = scope["method"]
    return method if method in METHODS else OTHER


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
