"""Errors as they go over the wire: problem details (RFC 9457). Owns which of them say what.

What an error holds is told where it is about the request: fields of bad input, names of what is not there. What is
about the machine (where it stores, which process is gone) is told to the log alone.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from quantum_memory import errors
from quantum_memory.cluster.service.refusals import Refusal
from quantum_memory.cluster.service.tenants import DEFAULT, outside
from quantum_memory.errors import QuantumMemoryError
from quantum_memory.memory.library.shelves import shelf_of

MEDIA_TYPE = "application/problem+json"
TYPES = "/problems/"
MAX_FIELD_CHARS, MAX_DETAIL_CHARS, MAX_ERRORS = 200, 1000, 20
STATUSES: tuple[tuple[type[QuantumMemoryError], int], ...] = (
    (errors.KeyReused, 422),
    (errors.InvalidInput, 422),
    (errors.Unauthenticated, 401),
    (errors.Denied, 403),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.RateLimited, 429),
    (errors.DeadlineExceeded, 504),
    (errors.Unavailable, 503),
    (errors.StorageFailure, 500),
)
"""The first that an error is one of says its status; any other is 500."""
TOLD = (errors.InvalidInput, errors.NotFound, errors.Conflict, errors.Denied)
UNTOLD = (
    errors.OtherEmbedding,
    errors.SettingsDiffer,
    errors.BlockMissing,
    errors.BackupNotFound,
    errors.InvalidSettings,
)
TOLD_OF_UNAVAILABLE = (errors.RateLimited, errors.Busy, errors.DeadlineExceeded)
RETRY_AFTER_S = 1
"""After which time to ask again, where the error does not know."""
BUG = "something went wrong here that is no fault of the request; the log tells what, under its request id"


class Problem(BaseModel):
    """What went wrong. Members beside these are the error's own, as ``agent`` of "agent-not-found"."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`/problems/` and which error it is.", examples=["/problems/agent-not-found"])
    title: str = Field(description="The same in words.", examples=["Agent not found"])
    status: int = Field(description="The status of HTTP.", examples=[404])
    detail: str = Field(description="What went wrong this time.", examples=["no agent is named 'bob'"])
    request_id: str | None = Field(description="The request's `X-Request-ID`.", examples=["4f1c9a"])


def kind_of(error: QuantumMemoryError) -> str:
    """The error's class in small letters with hyphens."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", type(error).__name__).lower()


def status_of(error: QuantumMemoryError) -> int:
    """Which status an error has, by its group."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def problem_of(error: QuantumMemoryError, request_id: str | None, tenant: str = DEFAULT) -> dict[str, Any]:
    """An error of the domain as a problem, with names as its tenant knows them."""
    status, kind = status_of(error), kind_of(error)
    if not isinstance(error, (*TOLD, *TOLD_OF_UNAVAILABLE)) or isinstance(error, UNTOLD):
        return _problem(kind, status, BUG if status == 500 else "not now; ask again", request_id)
    own = _for_tenant(error, tenant)
    fields = {name: _plain(value) for name, value in vars(own).items() if not name.startswith("_")}
    return fields | _problem(kind, status, str(own), request_id)


def refused(error: HTTPException, request_id: str | None) -> dict[str, Any]:
    """What HTTP itself refuses as a problem."""
    if isinstance(error, Refusal):
        return _problem(error.kind, error.status_code, str(error.detail), request_id)
    phrase = HTTPStatus(error.status_code).phrase
    return _problem(phrase.lower().replace(" ", "-"), error.status_code, phrase, request_id)


def invalid(misfits: Sequence[Mapping[str, Any]], request_id: str | None) -> dict[str, Any]:
    """What does not fit an operation's parameters or body as a problem; what was given is not repeated."""
    found = [
        {
            "at": _cut(".".join(str(step) for step in one["loc"]), MAX_FIELD_CHARS),
            "message": _cut(str(one["msg"]), MAX_FIELD_CHARS),
        }
        for one in misfits[:MAX_ERRORS]
    ]
    lead = f"{found[0]['at']}: {found[0]['message']}" if found else "the request does not fit"
    return {"errors": found} | _problem("invalid-request", 422, lead, request_id)


def bug(request_id: str | None) -> dict[str, Any]:
    """Whatever nobody foresaw, without a word of what it was."""
    return _problem("internal-error", 500, BUG, request_id)


def headers_of(error: QuantumMemoryError) -> dict[str, str]:
    """What the answer says beside the problem: when to ask again, how to say who one is."""
    if status_of(error) in (429, 503):
        wait_s = getattr(error, "retry_after_s", RETRY_AFTER_S)
        return {"Retry-After": str(max(1, math.ceil(wait_s)))}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, errors.Unauthenticated) else {}


def answer(problem: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """The problem as an answer."""
    body = encoded(problem)
    return Response(body, problem["status"], dict(headers or {}), MEDIA_TYPE)


def encoded(problem: Mapping[str, Any]) -> bytes:
    """The problem as JSON of ASCII: it may quote half a surrogate pair."""
    return json.dumps(problem, ensure_ascii=True, allow_nan=False).encode()


def _problem(kind: str, status: int, detail: str, request_id: str | None) -> dict[str, Any]:
    title = kind.replace("-", " ").capitalize()
    return {
        "type": f"{TYPES}{kind}",
        "title": title,
        "status": status,
        "detail": _cut(detail, MAX_DETAIL_CHARS),
        "request_id": request_id,
    }


def _for_tenant(error: QuantumMemoryError, tenant: str) -> QuantumMemoryError:
    """The same error, in which agents are called what their tenant calls them."""
    if not error.args:
        return error
    return type(error)(*(_own(value, tenant) for value in error.args))


def _own(value: Any, tenant: str) -> Any:
    """A name of an agent, or of a branch of one, as its tenant knows it, and of a shelf as his library has it; anything
    else as it is.
    """
    if not isinstance(value, str):
        return value
    agent, at, branch = value.partition("@")
    shelf = shelf_of(agent)
    if shelf is not None:
        return f"{shelf.project}/{shelf.tier}"
    name = outside(tenant, agent)
    return value if name is None else f"{name}{at}{branch}"


def _plain(value: Any) -> Any:
    """A field as JSON holds it."""
    if isinstance(value, str):
        return _cut(value, MAX_FIELD_CHARS)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value[:MAX_ERRORS]]
    return _cut(str(value), MAX_FIELD_CHARS)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
