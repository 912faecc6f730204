"""One request on its way in: who it is from, whether he may, what it brings, and under which name it is kept.

Owns the order of these; what is asked for is the routes' business.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Any, Final
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from quantum_memory.actors.handle import AgentHandle
from quantum_memory.cluster.service.access.caller import Caller, caller_of
from quantum_memory.cluster.service.access.ledger import digest_of
from quantum_memory.cluster.service.backend import Backend, session_of
from quantum_memory.cluster.service.bodies import BoundedRequest
from quantum_memory.cluster.service.principals import ROLES, Principal, Role
from quantum_memory.cluster.service.refusals import unsupported
from quantum_memory.cluster.service.seams import Authenticator, Denials, Ledger, Limiter
from quantum_memory.errors import Denied, InvalidValue, KeysNotKept
from quantum_memory.settings import HttpSettings

KEY_HEADER: Final = "Idempotency-Key"
ROLE, UPLOAD = "x-role", "x-upload"
"""What an operation of the OpenAPI document says of itself: whom it takes, and whether it takes a stream."""
READS: Final = "GET"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_OP_BYTES = 16
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
logger = logging.getLogger(__name__)


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
    """

    backend: Backend
    authenticator: Authenticator
    limits: HttpSettings
    limiter: Limiter | None = None
    ledger: Ledger | None = None
    denied: Denials | None = None

    async def claim(self, who: Principal, request: Request, body: bytes) -> str | None:
        """The name of what a request changes, if it brings a key. Raises: InvalidValue, KeysNotKept, KeyReused."""
        key = request.headers.get(KEY_HEADER)
        if key is None or request.method == READS:
            return None
        if _KEY.fullmatch(key) is None:
            raise InvalidValue(KEY_HEADER, repr(key[:64]), "1 to 255 visible characters of ASCII")
        if self.ledger is None:
            raise KeysNotKept(key)
        digest = digest_of(request.method, f"{request.url.path}?{request.url.query}", body)
        await self.ledger.claim(session_of(who).id, key, digest)
        return blake2b(key.encode(), digest_size=_OP_BYTES).hexdigest()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was let in.

    Attributes:
        door: through which.
        who: who asks.
        request_id: what it is called in answers, logs and traces.
        op: the name of what it changes, where its caller gave it one.
    """

    door: Door
    who: Principal
    request_id: str
    op: str | None

    @property
    def limits(self) -> HttpSettings:
        """What a request may bring."""
        return self.door.limits

    async def agent(self, name: str, branch: str | None = None, *, create: bool = False) -> AgentHandle:
        """An agent on his behalf; see ``Backend.agent``."""
        return await self.door.backend.agent(self.who, name, branch, create=create, op=self.op)


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

        async def handle(request: Request) -> Response:
            door: Door = request.app.state.door
            return await _let_in(door, request, work, action, role, upload)

        return handle


async def _let_in(
    door: Door, request: Request, work: Handler, action: str, role: Role, upload: Sequence[str]
) -> Response:
    who, caller = None, caller_of(request.scope)
    try:
        who = await _known(door, caller, request)
        who.require(role, action)
        _spelled(request)
        taken = BoundedRequest(request, door.limits, upload=bool(upload))
        if upload and taken.media_type not in upload:
            raise unsupported(taken.media_type, " or ".join(upload))
        body = b"" if upload or request.method == READS else await taken.take_json()
        op = await door.claim(who, taken, body)
        # A stream is the same again by the ids of what it holds: under its key all batches would be the first stream's.
        taken.state.asked = Asked(door, who, request.state.request_id, None if upload else op)
        return await work(taken)
    except Denied as error:
        if door.denied is not None:
            agent, called = request.path_params.get("agent"), request.state.request_id
            door.denied.note(error, action, who=who, address=caller.address, agent=agent, request=called)
        raise


def _spelled(request: Request) -> None:
    """Two names that are no text are not to be one agent's. Raises: InvalidValue for a URL that is not UTF-8."""
    for part in ("raw_path", "query_string"):
        raw: bytes = request.scope.get(part) or b""
        try:
            unquote_to_bytes(raw).decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidValue("url", repr(raw[:64]), "percent-encoded UTF-8") from None


async def _known(door: Door, caller: Caller, request: Request) -> Principal:
    """Who asks, if he may ask again already; also one whom nobody knows may not try too often."""
    if door.limiter is not None:  # before anybody is asked who it is
        await door.limiter.admit(None, ":".join(map(str, request.client or ("unknown",))))
    who = await door.authenticator.who(caller)
    request.state.tenant = who.tenant
    if door.limiter is not None:
        await door.limiter.admit_caller(who)
    return who


async def asked_of(request: Request) -> Asked:
    """The request that was let in."""
    asked: Asked = request.state.asked
    return asked


Asks = Annotated[Asked, Depends(asked_of)]
