"""The REST door over a real vault and real views, without Ray and without sockets: who asks is told by a table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import httpx

from quantum_memory.cluster.service.access.authenticator import Admitted
from quantum_memory.cluster.service.access.caller import Caller
from quantum_memory.cluster.service.app import create_app
from quantum_memory.cluster.service.backend import Backend
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.seams import Limiter
from quantum_memory.errors import Denied, KeyReused, RateLimited, Unauthenticated
from tests.unit.front import Front

R = TypeVar("R")
ANN = Principal("key:ann", "acme", "writer")
PEOPLE = {
    "reader": Principal("key:reader", "acme", "reader"),
    "ann": ANN,
    "admin": Principal("key:admin", "acme", "admin"),
    "team": Principal("key:team", "acme", "writer", ("team-*",)),
    "warden": Principal("key:warden", "acme", "admin", ("team-*",)),
    "other": Principal("key:other", "other", "admin"),
    "driver": Principal("key:driver", "default", "admin"),
}


class Table:
    """Knows people by their bearer tokens."""

    async def admit(self, caller: Caller, pay: Callable[[], None] = lambda: None) -> Admitted:  # noqa: ARG002
        known = PEOPLE.get((caller.authorization or "").removeprefix("Bearer "))
        if known is None:
            raise Unauthenticated("this takes an API key or a token")
        return Admitted(known)

    async def use(self, admitted: Admitted) -> None:
        """Nothing is for one use."""


class Keys:
    """Keeps idempotency keys in this process."""

    def __init__(self) -> None:
        self.used: dict[tuple[str, str], str] = {}

    async def claim(self, session: str, key: str, digest: str) -> bool:
        repeated = (session, key) in self.used
        if self.used.setdefault((session, key), digest) != digest:
            raise KeyReused(key)
        return repeated

    async def free(self, session: str, key: str, digest: str) -> None:
        if self.used.get((session, key)) == digest:
            del self.used[session, key]

    async def first_told(self, session: str, name: str, told: str) -> str:
        return self.used.setdefault((session, name), told)


class Turnstile:
    """Lets so many through, and nobody after them."""

    def __init__(self, most: int) -> None:
        self.left = most

    def stranger(self, address: str | None) -> Turnstile:  # noqa: ARG002
        return self

    def pay(self) -> None:
        """Nobody is refused before he is known."""

    unknown = pay

    def known(self) -> None:
        """Nothing was paid."""

    def over(self, connection: str | None) -> AbstractAsyncContextManager[None]:  # noqa: ARG002
        return nullcontext()

    async def admit_caller(self, principal: Principal, cost: float = 1.0) -> None:  # noqa: ARG002
        self.left -= 1
        if self.left < 0:
            raise RateLimited("key", 2.5)

    @property
    def beside(self) -> float:
        return 0.0

    async def charge(self, principal: Principal, cost: float) -> None:
        """Memories cost nothing here."""


class Rest:
    """A door and its clients, on one event loop.

    Attributes:
        denied: what was denied: by whom, what, of which agent, in which request.
    """

    def __init__(
        self, folder: Path | str, limiter: Limiter | None = None, *, keys: bool = True, **settings: Any
    ) -> None:
        self.front = Front(folder, **settings)
        self.denied: list[tuple[str | None, str, str | None, str]] = []
        self.keys = Keys() if keys else None
        http = self.front.settings.service.http
        self.app = create_app(Backend(self.front.memory), Table(), http, limiter=limiter, ledger=self.keys, denied=self)
        self.runner = asyncio.Runner()

    def note(
        self,
        error: Denied,  # noqa: ARG002
        action: str,
        *,
        who: Principal | None = None,
        address: str | None = None,  # noqa: ARG002
        agent: str | None = None,
        request: str | None = None,
    ) -> None:
        """What was denied is noted here."""
        self.denied.append((None if who is None else who.subject, action, agent, request or ""))

    def client(self, who: str = "ann") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {who}"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://door/v1", headers=headers)

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        return self.runner.run(work)

    def ask(self, method: str, path: str, *, who: str = "ann", **options: Any) -> httpx.Response:
        """One request of its own."""

        async def once() -> httpx.Response:
            async with self.client(who) as client:
                return await client.request(method, path, **options)

        return self.run(once())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, body: object = None, **options: Any) -> httpx.Response:
        if body is not None:
            options["json"] = body
        return self.ask("POST", path, **options)

    def put(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("PUT", path, **options)

    def close(self) -> None:
        self.runner.close()
        self.front.close()


def scope_of(path: str, who: str = "ann") -> dict[str, Any]:
    """A GET as a server hands it on, for what no client does: an answer that nobody reads."""
    return {
        "type": "http",
        "method": "GET",
        "path": f"/v1{path}",
        "raw_path": f"/v1{path}".encode(),
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {who}".encode()), (b"host", b"door")],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("door", 80),
        "state": {},
    }


def said(number: int, **fields: Any) -> dict[str, Any]:
    """What needs no model."""
    axis = ((number * 7) % 19) / 19.0 - 0.5
    embedding = [float((number * step) % 11) + 1.0 for step in range(1, 17)]
    return {
        "text": f"thing number {number}",
        "embedding": embedding,
        "pad": {"pleasure": axis, "arousal": 0.1, "dominance": -0.2},
        **fields,
    }


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem of an answer, which is of this kind."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["type"] == f"/problems/{kind}", told
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    assert told["request_id"] == answer.headers["x-request-id"]
    return told
