"""The way of a replica to the actor that all of them lease from: found by its name, or made. Owns nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import ray
import ray.exceptions

from quantum_memory.actors.operations import Call, Told, domain_errors
from quantum_memory.cluster.service.limits.host import NAME, POOL, Granted, RateLimits, Returned, Wanted
from quantum_memory.errors import ActorUnavailable
from quantum_memory.settings import Settings

ANSWER_S = 0.5
"""How long a request may be kept waiting for an answer."""


class Leases(Protocol):
    """Where tokens are leased; see ``RateLimitsHost``. Raises, from both: Unavailable."""

    async def lease(self, replica: str, wanted: Sequence[Wanted], returned: Sequence[Returned]) -> Granted:
        """Settle what is brought back, and then grant what is asked for."""
        ...

    async def leave(self, replica: str, returned: Sequence[Returned]) -> None:
        """Settle all, and ask no more."""
        ...


class RemoteLeases:
    """The actor of a cluster. It outlives whoever made it, and ends with the cluster.

    Args:
        settings: the cluster's, with which it is made where there is none.
        namespace: the cluster's.
        answer_s: how long an answer may take.
    """

    def __init__(self, settings: Settings, namespace: str, answer_s: float = ANSWER_S) -> None:
        self._settings, self._namespace, self._answer_s = settings, namespace, answer_s
        self._member: Any = None

    async def lease(self, replica: str, wanted: Sequence[Wanted], returned: Sequence[Returned]) -> Granted:
        """See ``Leases.lease``."""
        granted: Granted = await self._ask("lease", replica, wanted, returned)
        return granted

    async def leave(self, replica: str, returned: Sequence[Returned]) -> None:
        """See ``Leases.leave``."""
        await self._ask("leave", replica, returned)

    async def _ask(self, method: str, *args: object) -> Any:
        told = Told(f"{POOL}.{method}", self._settings.telemetry.spans)
        with domain_errors(NAME, self._answer_s):
            async with asyncio.timeout(self._answer_s):
                member = await self._found()
                return await Call[Any](member, method, args, self._answer_s, lost=self._lose, told=told)

    async def _found(self) -> Any:
        if self._member is None:
            self._member = await asyncio.to_thread(self._find_or_make)
        return self._member

    def _find_or_make(self) -> Any:
        if not ray.is_initialized():
            raise ActorUnavailable(NAME, "this process is connected to no Ray cluster")
        wanted = {"name": NAME, "namespace": self._namespace, "get_if_exists": True, "lifetime": "detached"}
        return RateLimits.options(**wanted, num_cpus=0).remote(self._settings)

    def _lose(self) -> None:
        self._member = None


def end(namespace: str) -> None:
    """End the actor of a cluster, if there is one."""
    try:
        member = ray.get_actor(NAME, namespace=namespace)
    except ValueError:
        return
    ray.kill(member)
