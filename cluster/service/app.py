"""The REST application: routes, problems and document over one backend. Starts nothing and holds nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

import quantum_memory
from quantum_memory.cluster.service import problems
from quantum_memory.cluster.service.backend import Backend
from quantum_memory.cluster.service.document import TITLE, document
from quantum_memory.cluster.service.door import Door
from quantum_memory.cluster.service.envelope import Envelope
from quantum_memory.cluster.service.kept import Kept
from quantum_memory.cluster.service.ongoing import Ongoing
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.routes import SUBJECTS
from quantum_memory.cluster.service.seams import Authenticator, Denials, Ledger, Limiter
from quantum_memory.cluster.service.tenants import DEFAULT
from quantum_memory.cluster.service.uploads import Uploads
from quantum_memory.cluster.service.workers import Workers
from quantum_memory.errors import QuantumMemoryError
from quantum_memory.settings import HttpSettings

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
DOCUMENT_PATH = "/v1/openapi.json"


def create_app(
    backend: Backend,
    authenticator: Authenticator,
    http: HttpSettings,
    *,
    limiter: Limiter | None = None,
    ledger: Ledger | None = None,
    denied: Denials | None = None,
    ongoing: int | None = None,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """The application.

    Args:
        backend: the way to the agents.
        authenticator: who somebody is.
        http: what a request may bring.
        limiter: how often somebody may ask.
        ledger: which idempotency keys were used; without one, requests that bring a key are refused.
        denied: who is told of what was denied.
        ongoing: how many requests are under way at once; as many as come without it.
        lifespan: what goes on as long as it serves.
    """
    app = FastAPI(
        title=TITLE,
        version=quantum_memory.__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    uploads = Uploads(http.uploads_bytes, http.upload_bytes)
    app.state.door = Door(backend, authenticator, http, limiter, ledger, denied, uploads, Workers())
    for subject in SUBJECTS:
        subject.add_to(app)
    app.add_exception_handler(QuantumMemoryError, _of_the_domain)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    if ongoing is not None:
        app.add_middleware(Ongoing, most=ongoing)
    app.add_middleware(Envelope)

    def openapi() -> dict[str, Any]:
        return document(app)

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it
    app.add_route(DOCUMENT_PATH, Kept(openapi, "application/json").answer, include_in_schema=False)
    return app


async def _of_the_domain(request: Request, error: Exception) -> Response:
    if not isinstance(error, QuantumMemoryError):
        raise error
    who: Principal | None = getattr(request.state, "principal", None)
    told = problems.problem_of(error, request.state.request_id, DEFAULT if who is None else who.tenant)
    return problems.answer(told, problems.headers_of(error))


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return problems.answer(problems.invalid(error.errors(), request.state.request_id))


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # which names the methods of one route alone
        headers["Allow"] = ", ".join(_methods(request))
    return problems.answer(problems.refused(error, request.state.request_id), headers)


def _methods(request: Request) -> list[str]:
    """The methods that a path takes, over all of its routes."""
    found = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return sorted(found)
