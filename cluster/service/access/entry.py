"""Coming in: who it is, and whether he may ask again already. The one way, for requests, streams and tools alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import HTTPConnection

from quantum_memory.cluster.service.access.authenticator import Admitted
from quantum_memory.cluster.service.access.caller import Caller, caller_of
from quantum_memory.cluster.service.access.refused import whose
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.seams import Authenticator, Denials, Limiter
from quantum_memory.errors import Denied, Unauthenticated

Place = Callable[[Principal], Awaitable[None]]
"""Has a request be one of those under way, for somebody; see ``Ongoing``."""
PLACE = "place"
"""Under which name the state of a request has it."""


def anybody(_: Principal) -> None:
    """Let through whoever is known."""


async def entered(
    authenticator: Authenticator,
    limiter: Limiter | None,
    request: HTTPConnection,
    may: Callable[[Principal], None] = anybody,
    *,
    caller: Caller | None = None,
    knocked: bool = False,
) -> Admitted:
    """Who a request or a stream is from; its state has him as ``principal`` as soon as he is known.

    Args:
        authenticator: as in ``admitted``.
        limiter: as there.
        request: takes its place among those under way, where these are counted.
        may: as in ``admitted``.
        caller: what is known of him, where that is not only what the request says.
        knocked: whether it was counted for its connection before.

    Raises: as ``admitted``.
    """

    def known(who: Principal) -> None:
        request.state.principal = who
        may(who)

    connection = None if knocked else connection_of(request)
    place: Place | None = getattr(request.state, PLACE, None)
    return await admitted(authenticator, limiter, caller or caller_of(request.scope), connection, known, place)


def note(denials: Denials, request: HTTPConnection, error: Denied, action: str, agent: str | None = None) -> None:
    """Have it written down that a request, or something that was said on a stream, was denied: to whose credential it
    came with, also where that opens nothing any more.
    """
    state, address = request.state, caller_of(request.scope).address
    who: Principal | None = getattr(state, "principal", None) or whose(error)
    denials.note(error, action, who=who, address=address, agent=agent, request=state.request_id)


async def admitted(
    authenticator: Authenticator,
    limiter: Limiter | None,
    caller: Caller,
    connection: str | None,
    may: Callable[[Principal], None] = anybody,
    place: Place | None = None,
) -> Admitted:
    """Who it is. What he came with is used up, if it is for one use, only once all else lets him in.

    Args:
        authenticator: who somebody is.
        limiter: how often he may ask; as often as he likes without one.
        caller: what is known of him.
        connection: over which he asks; nothing where that was counted already.
        may: whether he may do what he wants. Raises: Forbidden.
        place: makes him one of those under way from here on; where nobody counts these there is none.

    Raises: RateLimited, whoever he is; Busy; Unauthenticated; Unavailable; what ``may`` raises.
    """
    if limiter is None:
        found = await authenticator.admit(caller)
    else:
        found = await _in_time(authenticator, limiter, caller, connection)
    may(found.principal)
    if place is not None:
        await place(found.principal)
    await authenticator.use(found)
    return found


async def _in_time(authenticator: Authenticator, limiter: Limiter, caller: Caller, connection: str | None) -> Admitted:
    """Who it is, if he may ask again already. One whom nobody knows spends the rate of his address, and no other's."""
    stranger = limiter.stranger(caller.address)
    async with limiter.over(connection):
        try:
            found = await authenticator.admit(caller, stranger.pay)
        except Unauthenticated:
            stranger.unknown()
            raise
        stranger.known()
        await limiter.admit_caller(found.principal)
    return found


def connection_of(request: Any) -> str:
    """What a request's or a WebSocket's connection is called: by its other end."""
    return ":".join(map(str, request.client or ("unknown",)))
