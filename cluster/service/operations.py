"""The operations of the REST door: each says once what it is called, where it is, what it is for and whom it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, TypeVar

from fastapi import APIRouter, FastAPI, Response
from starlette.routing import BaseRoute

from quantum_memory.cluster.service.door import ROLE, UPLOAD, DoorRoute
from quantum_memory.cluster.service.principals import Role

VERSION = "/v1"
Method = Literal["GET", "PUT", "POST", "PATCH", "DELETE"]
F = TypeVar("F", bound=Callable[..., Any])


class Operations:
    """The operations of one subject. An object of it is a decorator: see ``__call__``.

    Args:
        subject: what they are about.
    """

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self._found: list[tuple[str, Callable[..., Any], dict[str, Any]]] = []

    def __call__(
        self,
        role: Role,
        method: Method,
        path: str,
        name: str,
        summary: str,
        *,
        status: int = 200,
        upload: Sequence[str] = (),
        examples: Mapping[str, str] | None = None,
        answers: Mapping[int | str, Mapping[str, Any]] | None = None,
        plain: bool = False,
    ) -> Callable[[F], F]:
        """Say of the coroutine below which operation it answers.

        Args:
            role: whom it takes.
            method: of HTTP.
            path: below the version.
            name: of the operation: stable, clients are made from it.
            summary: what it is for.
            status: of a good answer.
            upload: the media types that its body may have, where it takes a stream.
            examples: such a body of some of these types.
            answers: what is to be told of answers besides.
            plain: whether a good answer is no JSON, and ``answers`` says what it is.
        """
        extra: dict[str, Any] = {ROLE: role}
        if upload:
            content: dict[str, Any] = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in upload}
            for kind, example in (examples or {}).items():
                content[kind]["example"] = example
            extra |= {UPLOAD: True, "requestBody": {"required": True, "content": content}}
        options = {
            "methods": [method],
            "operation_id": name,
            "summary": summary,
            "status_code": status,
            "responses": dict(answers or {}),
            "openapi_extra": extra,
        }
        if plain:
            options["response_class"] = Response

        def add(work: F) -> F:
            self._found.append((path, work, options))
            return work

        return add

    def add_to(self, app: FastAPI) -> None:
        """Have an application answer them."""
        app.router.routes.extend(self._routes)

    @cached_property
    def _routes(self) -> list[BaseRoute]:
        """All of them, made once: a route finds what it needs in the application that a request comes to."""
        router = APIRouter(prefix=VERSION, tags=[self.subject], route_class=DoorRoute)
        for path, work, options in self._found:
            router.add_api_route(path, work, **options)
        return router.routes
