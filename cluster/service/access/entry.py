"""Coming in: who it is, and whether he may ask again already. The one way, for requests, streams and tools alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quantum_memory.cluster.service.access.authenticator import Admitted
from quantum_memory.cluster.service.access.caller import Caller
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.seams import Authenticator, Limiter
from quantum_memory.errors import Unauthenticated


def anybody(_: Principal) -> None:
    """Let through whoever is known."""


async def admitted(
    authenticator: Authenticator,
    limiter: Limiter | None,
    caller: Caller,
    connection: str | None,
    may: Callable[[Principal], None] = anybody,
) -> Admitted:
    """Who it is. What he came with is used up, if it is for one use, only once all else lets him in.

    Args:
        authenticator: who somebody is.
        limiter: how often he may ask; as often as he likes without one.
        caller: what is known of him.
        connection: over which he asks; nothing where that was counted already.
        may: whether he may do what he wants. Raises: Forbidden.

    Raises: RateLimited, whoever he is; Unauthenticated; Unavailable; what ``may`` raises.
    """
    if limiter is None:
        found = await authenticator.admit(caller)
    else:
        found = await _in_time(authenticator, limiter, caller, connection)
    may(found.principal)
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
