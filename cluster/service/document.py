"""The OpenAPI document: what FastAPI makes of the routes, and what every operation has in common."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from quantum_memory import errors
from quantum_memory.cluster.service.access.authenticator import TEXT
from quantum_memory.cluster.service.bodies import JSON
from quantum_memory.cluster.service.door import ROLE, UPLOAD
from quantum_memory.cluster.service.envelope import HEADER
from quantum_memory.cluster.service.idempotency import KEY_HEADER, takes_key
from quantum_memory.cluster.service.problems import MEDIA_TYPE, Problem, problem_of, refused
from quantum_memory.cluster.service.refusals import Refusal, too_large, too_slow, unsupported
from quantum_memory.cluster.service.strict_json import malformed
from quantum_memory.errors import QuantumMemoryError

TITLE = "Quantum memory"
ABOUT = """A memory for agents: it remembers, recalls with reasons, carries a mood, and forks like git.

Names in paths are percent-encoded. Errors are problem details (RFC 9457). A change with an `Idempotency-Key` is made
once, however often it is sent."""
BEARER = "bearer"
CALLED = "4f1c9a"
"""What the requests of examples are called."""
NOT_NOW = (
    "Not now. Where it is `busy` or `uploads-full`, nothing was done. Else a part is away, and a change may have been "
    "made: sent again under its key it is made once."
)
LATE = "The answer did not come in time. A change may be made all the same."
PROBLEMS: dict[int, tuple[str, QuantumMemoryError | Refusal]] = {
    400: ("The body is not JSON as it is taken here.", malformed("the key 'text' stands twice in one object")),
    401: ("Nobody knows who asks.", errors.Unauthenticated(TEXT)),
    403: (
        "It is known who asks, and he may not do this.",
        errors.Forbidden("remember", "it takes the role 'writer', and this is a reader"),
    ),
    404: ("What was asked for does not exist.", errors.AgentNotFound("bob")),
    408: ("The body did not come in time.", too_slow(10.0)),
    409: ("Somebody else was there first.", errors.AlreadyExists("tag", "v1")),
    413: ("The body is over the limit.", too_large(8 << 20)),
    415: ("The body is of another media type.", unsupported("text/plain", JSON)),
    422: ("The request does not fit.", errors.InvalidValue("format", "a database", "one of jsonl, transcript")),
    429: ("More was asked for than the caller's rate allows; nothing was done.", errors.RateLimited("key", 2.0)),
    500: ("Something went wrong that is no fault of the request.", errors.InternalError("recall", "")),
    503: (NOT_NOW, errors.Busy("agents", 10_000, 1.0)),
    504: (LATE, errors.DeadlineExceeded("recall", 1.0)),
}
"""By status: what it says, and an error that is told as an example."""
KEY_PATTERN = "^[!-~]{1,255}$"
WITH_BODY = (400, 408, 413, 415)
RETRIES = (429, 503)


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=TITLE, version=app.version, description=ABOUT, routes=app.routes)
        _common(made.setdefault("components", {}))
        for path in made["paths"].values():
            for method, operation in path.items():
                _complete(method, operation)
        made["security"] = [{BEARER: []}]
        app.openapi_schema = made
    return app.openapi_schema


def _common(components: dict[str, Any]) -> None:
    """Schemes, headers, parameters and problems that operations point to."""
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = {
        BEARER: {"type": "http", "scheme": "bearer", "description": "An API key or a token (JWT)."}
    }
    components["headers"] = {
        "RequestId": {"description": "What the request is called in logs and traces.", "schema": {"type": "string"}},
        "RetryAfter": {"description": "In how many seconds to ask again.", "schema": {"type": "string"}},
    }
    components["parameters"] = {
        "RequestId": _header(HEADER, "What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not."),
        "IdempotencyKey": _header(KEY_HEADER, "A name of the caller's for this change: it is made once.", KEY_PATTERN),
    }
    components["responses"] = {f"Problem{status}": _problem(status) for status in PROBLEMS}


def _header(name: str, description: str, pattern: str | None = None) -> dict[str, Any]:
    schema = {"type": "string"} | ({"pattern": pattern} if pattern else {})
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


def _problem(status: int) -> dict[str, Any]:
    description, error = PROBLEMS[status]
    example = refused(error, CALLED) if isinstance(error, Refusal) else problem_of(error, CALLED)
    headers = {HEADER: {"$ref": "#/components/headers/RequestId"}}
    if status in RETRIES:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    return {"description": description, "headers": headers, "content": content}


def _complete(method: str, operation: dict[str, Any]) -> None:
    """Say of an operation what is so of all of its kind."""
    upload = operation.pop(UPLOAD, False)
    parameters = operation.setdefault("parameters", [])
    parameters.append({"$ref": "#/components/parameters/RequestId"})
    if ROLE in operation and takes_key(method, operation[ROLE]):
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    for answer in operation["responses"].values():
        answer.setdefault("headers", {})[HEADER] = {"$ref": "#/components/headers/RequestId"}
    body = upload or "requestBody" in operation
    for status in PROBLEMS:
        if body or method != "get" or status not in WITH_BODY:
            operation["responses"][str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    taking = f"Takes the role `{operation[ROLE]}`." if ROLE in operation else "Takes no credential."
    operation["description"] = f"{operation.get('description', '')}\n\n{taking}".strip()
