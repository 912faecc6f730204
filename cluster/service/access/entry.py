"""Coming in: who it is, and whether he may ask again already. The one way, for requests, streams and tools alike."""

from __future__ import annotations

from typing import Any

from quantum_memory.cluster.service.access.authenticator import Admitted
from quantum_memory.cluster.service.access.caller import Caller
from quantum_memory.cluster.service.seams import Authenticator, Limiter


async def admitted(
    authenticator: Authenticator, limiter: Limiter | None, caller: Caller, connection: str | None
) -> Admitted:
    """Who it is; also one whom nobody knows may not try too often.

    Args:
        authenticator: who somebody is.
        limiter: how often he may ask; as often as he likes without one.
        caller: what is known of him.
        connection: over which he asks; nothing where that was counted already.

    Raises: RateLimited, before anybody is asked who it is, and once that is known; Unauthenticated; Unavailable.
    """
    if limiter is not None and connection is not None:
        await limiter.admit(None, connection)
    found = await authenticator.admit(caller)
    if limiter is not None:
        await limiter.admit_caller(found.principal)
    return found


def connection_of(request: Any) -> str:
    """What a request's or a WebSocket's connection is called: by its other end."""
    return ":".join(map(str, request.client or ("unknown",)))
