"""An operation as plain values: what is sent, and how its answer is read. Owns no connection.

Operations are built by the functions of ``_operations``, which are made from the OpenAPI document.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, Generic, TypedDict, TypeVar
from urllib.parse import quote
from uuid import uuid4

from quantum_memory_client.errors import NoAnswer, of_answer, of_problem

T = TypeVar("T")
JSON_TYPE: Final = "application/json"


class Unset(Enum):
    """What stands for a field that is left as it is, where null takes it away."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


class Page(TypedDict, Generic[T]):
    """A page of a list; ``next`` is the cursor of the page after it, and nothing after the last."""

    items: list[T]
    next: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One operation with its arguments, to be sent as often as it takes.

    Attributes:
        name: of the operation.
        method: of HTTP.
        path: with its names percent-encoded.
        read: what a good answer says.
        query: the parameters that were given.
        content: the body, or the file that has it.
        media_type: of the body.
        key: what makes it the same change however often it is sent; a reading has none.
        into: the file that a good answer goes to, in the place of being held.
    """

    name: str
    method: str
    path: str
    read: Callable[[Answer], T]
    query: tuple[tuple[str, str], ...] = ()
    content: bytes | Path | None = field(default=None, repr=False)
    media_type: str | None = None
    key: str | None = None
    into: Path | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Those that are this operation's own."""
        given = {"Content-Type": self.media_type, "Idempotency-Key": self.key}
        return {name: value for name, value in given.items() if value is not None}

    def read_answer(self, answer: Answer) -> T:
        """What an answer says. Raises: ClientError."""
        if not 200 <= answer.status < 300:
            raise of_answer(answer.status, answer.headers, answer.body)
        return self.read(answer)


def following(call: Call[Page[T]], page: Page[T]) -> Call[Page[T]] | None:
    """What asks for the page after this one, if there is one."""
    cursor = page["next"]
    if cursor is None:
        return None
    kept = tuple(pair for pair in call.query if pair[0] != "cursor")
    return replace(call, query=(*kept, ("cursor", cursor)))


def segment(name: str) -> str:
    """A name as a part of a path. Raises: ValueError for one that every client takes for a step of the path."""
    if name in (".", ".."):
        raise ValueError(f"{name!r} is no name that can be asked for by a URL")
    return quote(name, safe="")


def query(**given: Any) -> tuple[tuple[str, str], ...]:
    """Parameters as they are sent, one for each value of a list; those that are None are left out."""
    several = {name: value if isinstance(value, list | tuple) else [value] for name, value in given.items()}
    return tuple((name, _parameter(one)) for name, values in several.items() for one in values if one is not None)


def _parameter(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def body(given: Mapping[str, Any]) -> bytes:
    """A body of JSON. Fields that are None are left out. Raises: TypeError, ValueError for what JSON does not hold."""
    return encoded({name: value for name, value in given.items() if value is not None})


def patch(given: Mapping[str, Any]) -> bytes:
    """A body of JSON in which None is said, and UNSET left out. Raises: as ``body``."""
    return encoded({name: value for name, value in given.items() if value is not UNSET})


def encoded(value: Any) -> bytes:
    """JSON, with times in ISO 8601. Raises: as ``body``."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) or hasattr(value, "tolist"):
        return value.tolist() if hasattr(value, "tolist") else list(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON holds")


def key(given: str | None) -> str:
    """The caller's idempotency key, or a new one."""
    return uuid4().hex if given is None else given


def read_json(answer: Answer) -> Any:
    """The body as JSON. Raises: NoAnswer if it is none: something in between answered."""
    try:
        return json.loads(answer.body)
    except ValueError as error:
        raise NoAnswer(f"the answer is not JSON: {error}", status=answer.status) from error


def read_nothing(answer: Answer) -> None:
    """There is nothing to read."""


def read_bytes(answer: Answer) -> bytes:
    """The body as it is."""
    return answer.body


def read_text(answer: Answer) -> str:
    """The body as text."""
    return answer.body.decode()


def read_lines(answer: Answer) -> list[dict[str, Any]]:
    """The JSON lines that answer a stream. Raises: NoAnswer if it was cut off; ClientError if the stream failed."""
    try:
        lines: list[dict[str, Any]] = [json.loads(line) for line in answer.body.splitlines()]
    except ValueError:
        lines = []
    last = lines[-1] if lines else {}
    if last.get("event") == "failed":
        raise of_problem(last["problem"])
    if last.get("event") != "done":
        raise NoAnswer("the answer to a stream was cut off", status=answer.status)
    return lines
