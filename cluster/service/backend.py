"""Agents on behalf of whoever asks, for coroutines: the way from the door to the cluster.

Owns which handle stands for whom. What it does to agents is what their handles do; nothing here blocks an event loop.
"""

from __future__ import annotations

import asyncio
from hashlib import blake2b

from quantum_memory.actors.handle import AgentHandle
from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.tenants import inside, outside
from quantum_memory.errors import AgentNotFound
from quantum_memory.memory.held import Held
from quantum_memory.memory.vault.writes import DERIVED, OpenSession
from quantum_memory.types import AgentName, Mood

KEPT = 10_000
"""Callers whose way to the cluster is kept, and agents of theirs."""

SESSION_BYTES = 16


class Backend:
    """The agents of a cluster, as each caller may see them. Used on one event loop.

    Args:
        memory: the cluster, connected. Closing it is not this object's business.

    Every change is the caller's in the audit: his session is made from his tenant and subject, so it is the same in
    every replica.
    """

    def __init__(self, memory: MemoryCluster) -> None:
        self.memory = memory
        self._callers: Held[tuple[str, str], MemoryCluster] = Held(KEPT)
        self._first: Held[tuple[str, str, str], AgentHandle] = Held(KEPT)

    async def agents(self, who: Principal) -> list[str]:
        """The names of the agents that a caller sees, in order."""
        own = (outside(who.tenant, name) for name in await asyncio.to_thread(self.memory.agents))
        return sorted(name for name in own if name is not None and who.sees(name))

    async def agent(
        self, who: Principal, name: str, branch: str | None = None, *, create: bool = False, op: str | None = None
    ) -> AgentHandle:
        """An agent of a caller, on its first branch or on a named one.

        Args:
            who: on whose behalf.
            name: the tenant's own.
            branch: a branch's name.
            create: make it if there is none; a named branch is never made.
            op: a name of the caller's for what he does now: done once, however often he asks.

        Raises: InvalidInput; Forbidden; AgentNotFound, with the tenant's own name; PlaceNotFound.
        """
        full = inside(who.tenant, name)
        who.require_agent(name, "agent")
        key = who.tenant, who.subject, name
        found = self._first.get(key) if branch is None else None
        if found is None:
            memory = await self.cluster(who)
            try:
                found = await asyncio.to_thread(memory.agent, full, branch, create=create)
            except AgentNotFound:
                raise AgentNotFound(name) from None
            if branch is None:
                self._first.put(key, found)  # first branches are never deleted: what was found once is so for good
        return found if op is None else found.repeatable(op)

    async def mood(self, agent: AgentName, branch: str) -> Mood:
        """How an agent feels, by the cluster's name for it, for whoever has seen to it that it may be told.

        Raises: AgentNotFound, PlaceNotFound; Unavailable.
        """
        found = await asyncio.to_thread(self.memory.agent, agent, branch, create=False)
        return await found.mood.begin()

    async def cluster(self, who: Principal) -> MemoryCluster:
        """The cluster, every change of which is this caller's."""
        key = who.tenant, who.subject
        known = self._callers.get(key)
        if known is None:
            known = await asyncio.to_thread(self.memory.on_behalf, session_of(who))
            self._callers.put(key, known)
        return known


def session_of(who: Principal) -> OpenSession:
    """The session of a caller, the same in every replica and at every time."""
    told = blake2b(repr((who.tenant, who.subject)).encode(), digest_size=SESSION_BYTES).hexdigest()
    return OpenSession(f"{DERIVED}{told}", f"{who.tenant}/{who.subject}")
