"""Every error that the client raises, as one tree grouped by what a handler would do: the server's, as far as they
cross the wire.

    ClientError
    ├── InvalidInput    (also ValueError)    fix the arguments
    │   └── KeyReused                        the idempotency key was another request's
    ├── NotFound        (also LookupError)   ask for something else
    ├── Conflict                             reload and retry, or decide
    ├── Denied                               say who you are, or ask for permission
    │   ├── Unauthenticated
    │   │   └── Revoked                      the credential was good when the stream began
    │   └── Forbidden
    ├── Unavailable                          wait and retry; the client did for as long as it was allowed
    │   ├── RateLimited
    │   ├── DeadlineExceeded
    │   └── NoAnswer    (also ConnectionError)   nobody knows whether it was done, unless it is sent again with its key
    └── ServerFailure                        a person must look; ``request_id`` says where
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

TYPES = "/problems/"
COMMON = frozenset({"type", "title", "status", "detail", "request_id"})


class ClientError(Exception):
    """The root.

    Attributes:
        kind: which error of the server it is, as "agent-not-found"; empty where the server said nothing.
        detail: what went wrong this time, for people.
        status: of HTTP; nothing where there was no answer.
        request_id: what the request is called in the server's logs.
        members: what the error says of its own, as ``agent``.
        retry_after_s: after how long the server wants to be asked again, where it says so.
        idempotency_key: of the change that failed: the same call with it does it if it was not done, and never twice.
        may_be_done: whether it may have been done all the same, by an attempt of which nobody knows what came of it,
            whatever the last one was told.
    """

    idempotency_key: str | None = None
    may_be_done: bool = False

    def __init__(
        self,
        detail: str,
        kind: str = "",
        status: int | None = None,
        request_id: str | None = None,
        members: Mapping[str, Any] = MappingProxyType({}),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail, kind, status, request_id, dict(members), retry_after_s)
        self.detail, self.kind, self.status, self.request_id = detail, kind, status, request_id
        self.members, self.retry_after_s = dict(members), retry_after_s

    def __str__(self) -> str:
        where = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.detail}{where}"


class InvalidInput(ClientError, ValueError):
    """The request does not fit. Nothing was changed."""


class KeyReused(InvalidInput):
    """The idempotency key was used for another request before."""


class NotFound(ClientError, LookupError):
    """What was asked for does not exist."""


class Conflict(ClientError):
    """Somebody else was there first, or two wishes exclude each other."""


class Denied(ClientError):
    """Whoever asks may not."""


class Unauthenticated(Denied):
    """Nobody knows who asks: there is no credential, or it is not valid."""


class Revoked(Unauthenticated):
    """The credential of a stream is not valid any more."""


class Forbidden(Denied):
    """It is known who asks, and he may not do this."""


class Unavailable(ClientError):
    """Not now."""


class RateLimited(Unavailable):
    """More was asked for than the caller's rate allows."""


class DeadlineExceeded(Unavailable):
    """The server's parts did not answer in time."""


class NoAnswer(Unavailable, ConnectionError):
    """The server cannot be reached, or the connection broke before its answer was there."""


class ServerFailure(ClientError):
    """Something went wrong there that is no fault of the request."""


FINAL = frozenset({501, 505, 511})
"""What something in between answers for good, however often it is asked."""
STATUSES: Mapping[int, type[ClientError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: DeadlineExceeded,
}
KINDS: Mapping[str, type[ClientError]] = {"key-reused": KeyReused}


def of_problem(problem: Mapping[str, Any], retry_after_s: float | None = None) -> ClientError:
    """What a problem (RFC 9457) stands for."""
    status, kind = int(problem["status"]), str(problem.get("type", "")).removeprefix(TYPES)
    members = {name: value for name, value in problem.items() if name not in COMMON}
    detail = str(problem.get("detail") or problem.get("title") or _phrase(status))
    made = KINDS.get(kind) or STATUSES.get(status) or (ServerFailure if status >= 500 else InvalidInput)
    return made(detail, kind, status, problem.get("request_id"), members, retry_after_s)


def of_answer(status: int, headers: Mapping[str, str], body: bytes) -> ClientError:
    """What an answer that is no success stands for, also where something in between gave it."""
    retry_after_s = _seconds(headers.get("retry-after", ""))
    if headers.get("content-type", "").startswith("application/problem+json"):
        try:
            problem = json.loads(body)
        except ValueError:
            problem = None
        if isinstance(problem, dict):
            return of_problem({**problem, "status": status}, retry_after_s)
    request_id = headers.get("x-request-id")
    if status >= 500 and status not in STATUSES and status not in FINAL:
        # The server's own failures are problems: something in between has lost the server in the middle of it.
        return NoAnswer(_phrase(status), "", status, request_id, retry_after_s=retry_after_s)
    return of_problem({"status": status, "request_id": request_id}, retry_after_s)


def _seconds(told: str) -> float | None:
    """A Retry-After in seconds; the server gives no dates."""
    return float(told) if told.isdecimal() else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status {status}"
