"""One request on its way in: who it is from, whether he may, what it brings, and under which name it is kept.

Owns the order of these; what is asked for is the routes' business.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any, TypeVar, cast
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.library import Library
from quantum_memory.cluster.service.access.entry import entered, note
from quantum_memory.cluster.service.backend import Backend, session_of
from quantum_memory.cluster.service.bodies import BoundedRequest
from quantum_memory.cluster.service.idempotency import READS, Key, key_of, takes_key
from quantum_memory.cluster.service.limits.meter import MEMORIES, Meter, beside
from quantum_memory.cluster.service.principals import ROLES, Principal, Role
from quantum_memory.cluster.service.refusals import unsupported
from quantum_memory.cluster.service.seams import Authenticator, Denials, Ledger, Limiter
from quantum_memory.cluster.service.uploads import Uploads
from quantum_memory.cluster.service.workers import Workers
from quantum_memory.errors import Denied, InvalidInput, InvalidValue, PlaceNotFound
from quantum_memory.settings import HttpSettings

ROLE, UPLOAD = "x-role", "x-upload"
"""What an operation of the OpenAPI document says of itself: whom it takes, and whether it takes a stream."""
AGENT = "agent"
"""What a path calls an agent."""
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Work = TypeVar("Work", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True)
class Door:
    """What all requests share.

    Attributes:
        backend: the way to the agents.
        authenticator: who somebody is.
        limits: what a request may bring.
        limiter: how often somebody may ask; as often as he likes without one.
        ledger: which idempotency keys were used; a key is refused without one.
        denied: who is told of what was denied.
        uploads: what files that come and go have on disk.
        workers: the threads that read and write them.
    """

    backend: Backend
    authenticator: Authenticator
    limits: HttpSettings
    limiter: Limiter | None
    ledger: Ledger | None
    denied: Denials | None
    uploads: Uploads
    workers: Workers


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was let in.

    Attributes:
        door: through which.
        who: who asks.
        request_id: what it is called in answers, logs and traces.
        key: its idempotency key, where it is a change and brought one.
        upload: whether it brings a stream. What a stream holds is safe to repeat by its ids, so its batches do not get
            the key's name: as one operation only the first of them would be written.
    """

    door: Door
    who: Principal
    request_id: str
    key: Key | None
    upload: bool = False

    @property
    def limits(self) -> HttpSettings:
        """What a request may bring."""
        return self.door.limits

    async def agent(self, name: str, branch: str | None = None, *, create: bool = False) -> AgentHandle:
        """An agent on his behalf; see ``Backend.agent``. What the request is to do has its key's name from here on.

        Raises: KeyReused.
        """
        backend, op = self.door.backend, None
        if self.key is not None:
            await self.key.claim()
            op = None if self.upload else self.key.op
        try:
            return await backend.agent(self.who, name, branch, create=create, op=op)
        except PlaceNotFound:
            if op is None or branch is None or self.key is None or not self.key.repeated:
                raise
            gone = await backend.gone(self.who, name, branch, op)
            if gone is None:
                raise
            return gone

    async def pay(self, memories: int) -> None:
        """Pay at once for all that the request brings. Raises: RateLimited."""
        if self.door.limiter is not None:
            await self.door.limiter.charge(self.who, beside(memories))

    def meter(self) -> Meter:
        """What he pays by for memories that come one after the other."""
        return Meter(self._token)

    async def wait(self, memories: int) -> None:
        """Wait until all that the request brings is paid; of more than the smallest burst, as much as that holds."""
        limiter = self.door.limiter
        if limiter is not None:
            meter = self.meter()
            meter.add(int(min(memories, (1.0 + limiter.beside) * MEMORIES)))
            await meter.paid()

    async def _token(self) -> None:
        if self.door.limiter is not None:
            await self.door.limiter.admit_caller(self.who)

    async def done(self, name: str) -> bool:
        """Whether this very change of an agent was made before, under its key. Raises: KeyReused."""
        if self.key is None:
            return False
        await self.key.claim()
        return self.key.repeated and await self.door.backend.outcome(self.who, name, self.key.op) is not None

    async def library(self) -> Library:
        """The library as far as he may reach. What the request is to do has its key's name from here on.

        Raises: KeyReused.
        """
        if self.key is not None:
            await self.key.claim()
        return await self.door.backend.library(self.who, None if self.key is None else self.key.op)


class DoorRoute(APIRoute):
    """A route through the door: nothing of a body is read before it is known who asks and that he may.

    Raises, when made: KeyError, ValueError for one that does not say which role it takes.
    """

    def get_route_handler(self) -> Handler:
        """What answers a request."""
        told, action = self.openapi_extra or {}, self.operation_id or self.name
        role: Role = ROLES[ROLES.index(told[ROLE])]
        work = super().get_route_handler()
        upload = tuple(told["requestBody"]["content"]) if told.get(UPLOAD) else ()
        headers = tuple(one.alias for one in self.dependant.header_params)
        known = _asked_for(self.dependant)

        async def handle(request: Request) -> Response:
            door: Door = request.app.state.door
            return await _let_in(door, request, work, action, role, upload, headers, known)

        return handle


async def _let_in(
    door: Door,
    request: Request,
    work: Handler,
    action: str,
    role: Role,
    upload: Sequence[str],
    headers: Sequence[str],
    known: Collection[str],
) -> Response:
    key = None

    def may(who: Principal) -> None:
        who.require(role, action)
        if upload and AGENT in request.path_params:
            who.require_agent(request.path_params[AGENT], action)
        _spelled(request)
        _no_other(request, known)

    try:
        who = (await entered(door.authenticator, door.limiter, request, may)).principal
        taken = BoundedRequest(request, door.limits, upload=bool(upload))
        if upload and taken.media_type not in upload:
            raise unsupported(taken.media_type, " or ".join(upload))
        body = b"" if upload or request.method == READS else await taken.take_json()
        if takes_key(request.method, role):
            key = key_of(taken, body, session_of(who).id, door.ledger, headers)
        taken.state.asked = Asked(door, who, request.state.request_id, key, bool(upload))
        return await work(taken)
    except InvalidInput:
        if key is not None:
            await key.free()
        raise
    except Denied as error:
        if door.denied is not None:
            note(door.denied, request, error, action, request.path_params.get(AGENT))
        raise


def _spelled(request: Request) -> None:
    """Refuse a URL that is not UTF-8: read with replacements, different names would be one. Raises: InvalidValue."""
    for part in ("raw_path", "query_string"):
        raw: bytes = request.scope.get(part) or b""
        try:
            unquote_to_bytes(raw).decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidValue("url", repr(raw[:64]), "percent-encoded UTF-8") from None


def _asked_for(dependant: Dependant) -> frozenset[str]:
    """The names of the query's parameters that a route takes, or what it depends on."""
    own = frozenset(one.alias for one in dependant.query_params)
    return own.union(*map(_asked_for, dependant.dependencies))


def _no_other(request: Request, known: Collection[str]) -> None:
    """Refuse parameters that the operation does not take: with `branch` misspelt it would change the first branch.

    Raises: RequestValidationError.
    """
    other = [name for name in request.query_params if name not in known]
    if other:
        message = "no parameter of this operation"
        raise RequestValidationError([{"loc": ("query", name), "msg": message, "type": "extra"} for name in other])


async def asked_of(request: Request) -> Asked:
    """The request that was let in."""
    asked: Asked = request.state.asked
    return asked


Asks = Annotated[Asked, Depends(asked_of)]


def takes_long(work: Work) -> Work:
    """An operation that waits until it is its caller's turn among what takes long; see ``Backend.long``."""

    @wraps(work)
    async def in_turn(*, asked: Asked, **others: Any) -> Any:
        async with asked.door.backend.long(asked.who):
            return await work(asked=asked, **others)

    return cast("Work", in_turn)
