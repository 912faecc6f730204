"""The OpenAPI document: what FastAPI makes of the routes, and what every operation has in common."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from quantum_memory.cluster.service.door import ROLE, UPLOAD
from quantum_memory.cluster.service.envelope import HEADER
from quantum_memory.cluster.service.idempotency import KEY_HEADER, takes_key
from quantum_memory.cluster.service.problems import MEDIA_TYPE, TYPES, Problem

TITLE = "Quantum memory"
ABOUT = """A memory for agents: it remembers, recalls with reasons, carries a mood, and forks like git.

Names in paths are percent-encoded. Errors are problem details (RFC 9457). A change with an `Idempotency-Key` is made
once, however often it is sent."""
BEARER = "bearer"
NOT_NOW = (
    "Not now. Where it is `busy` or `uploads-full`, nothing was done. Else a part is away, and a change may have been "
    "made: sent again under its key it is made once."
)
LATE = "The answer did not come in time. A change may be made all the same."
PROBLEMS: dict[int, tuple[str, str, str]] = {
    400: ("malformed-body", "The body is not JSON as it is taken here.", "the key 'text' stands twice in one object"),
    401: ("unauthenticated", "Nobody knows who asks.", "this takes an API key or a token"),
    403: ("forbidden", "It is known who asks, and he may not do this.", "remember: it takes the role 'writer'"),
    404: ("agent-not-found", "What was asked for does not exist.", "no agent is named 'bob'"),
    408: ("slow-body", "The body did not come in time.", "the body did not come within 10 s"),
    409: ("already-exists", "Somebody else was there first.", "the tag 'v1' exists already and is not the same"),
    413: ("body-too-large", "The body is over the limit.", "the body is over the limit of 8388608 bytes"),
    415: ("unsupported-media-type", "The body is of another media type.", "expected a body of application/json"),
    422: ("invalid-value", "The request does not fit.", "place: expected an event's number, got ':x'"),
    429: ("rate-limited", "More was asked for than the caller's rate allows.", "ask again in 2 s"),
    500: ("internal-error", "Something went wrong that is no fault of the request.", "the log tells what"),
    503: ("busy", NOT_NOW, "agents: 10000 calls wait already"),
    504: ("deadline-exceeded", LATE, "recall: no answer within 1 s"),
}
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
    kind, description, detail = PROBLEMS[status]
    headers = {HEADER: {"$ref": "#/components/headers/RequestId"}}
    if status in RETRIES:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    title = kind.replace("-", " ").capitalize()
    example = {"type": f"{TYPES}{kind}", "title": title, "status": status, "detail": detail, "request_id": "4f1c9a"}
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
