"""Agents on behalf of whoever asks, for coroutines: the way from the door to the cluster.

Owns which handle stands for whom. What it does to agents is what their handles do; nothing here blocks an event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import ExitStack, asynccontextmanager, nullcontext
from dataclasses import replace
from hashlib import blake2b

from quantum_memory.actors.directory import session_of as session_of_op
from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.library import Library
from quantum_memory.actors.patience import Deadline
from quantum_memory.actors.ray_metrics import ray_metrics
from quantum_memory.actors.requests import LEAST_DEADLINE_S, RecallRequest
from quantum_memory.checks import named
from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.cluster.service.gathered import Recalls, looks_far
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.shares import Shares
from quantum_memory.cluster.service.tenants import beyond, inside, outside, skipped
from quantum_memory.errors import AgentNotFound
from quantum_memory.memory.held import Held
from quantum_memory.memory.vault.admission import Denial
from quantum_memory.memory.vault.writes import DERIVED, OpenSession, Written
from quantum_memory.telemetry import SILENT
from quantum_memory.types import AgentName, Branch, Hits, Mood, Tree

LONG_S = 5.0
"""How long a question that takes long may keep others from their turn: eight that one part answers in order may need
it where all is well. One that takes longer has met a part that is slow or away.
"""
KEPT = 10_000
"""Callers whose way to the cluster is kept, and agents of theirs."""

SESSION_BYTES = 16
READ_AT_ONCE = 1000
"""The most names of agents that one call to the vault reads, for callers who do not see all of them."""


class Backend:
    """The agents of a cluster, as each caller may see them. Used on one event loop.

    Args:
        memory: the cluster, connected. Closing it is not this object's business.
        long: questions that take long and are answered at a time, for all callers; that of the cluster without one.

    Every change is the caller's in the audit: his session is made from his tenant and subject, so it is the same in
    every replica.
    """

    def __init__(self, memory: MemoryCluster, long: int | None = None) -> None:
        self.memory = memory
        self._callers: Held[tuple[str, str], MemoryCluster] = Held(KEPT)
        self._recalls = Recalls(memory, ray_metrics() if memory.settings.telemetry.metrics else SILENT)
        self._first: Held[tuple[str, str, str], AgentHandle] = Held(KEPT)
        self._long = Shares(long or memory.settings.service.replicas.long)

    @asynccontextmanager
    async def long(self, who: Principal, due_s: float | None = None) -> AsyncIterator[float | None]:
        """Be one of those whose question takes long, when it is his turn: everybody else's come in between.

        After ``LONG_S`` the turn is the next one's. What is left by now of the seconds in which the answer is due.

        Raises: DeadlineExceeded where it was due before it was his turn.
        """
        due = None if due_s is None else Deadline(due_s)
        with ExitStack() as held:
            async with nullcontext() if due is None else due.kept("waiting for a turn"):
                await self._long.come(who, held)
            over = asyncio.get_running_loop().call_later(LONG_S, held.close)
            held.callback(over.cancel)
            yield None if due is None else max(due.left_s, LEAST_DEADLINE_S)

    async def agents_page(self, who: Principal, after: str | None, limit: int) -> list[str]:
        """The names of the first agents that a caller sees after one, in order, and so many at most.

        Reads names of his tenant alone, and no more of them than it gives, but for agents that he may not see.
        Raises: InvalidInput for what is no agent's name.
        """
        low, high = beyond(who.tenant, "" if after is None else inside(who.tenant, after))
        found: list[str] = []
        most = limit
        while True:
            names = await self.memory.call_vault("agents_between", low, high, most).begin()
            for name in names:
                if name <= low:
                    continue  # of a tenant that is passed by
                own = outside(who.tenant, name)
                low = name if own is not None else skipped(who.tenant, name)
                if own is not None and who.sees(own):
                    found.append(own)
                if len(found) == limit:
                    return found
            if len(names) < most:
                return found
            most = min(2 * most, READ_AT_ONCE)  # there are some that he does not see

    async def denials(self, who: Principal, limit: int, before: int | None) -> list[Denial]:
        """What callers of a caller's tenant were denied lately, newest first, before the one with this number."""
        found: list[Denial] = await self.memory.call_vault("denials", who.tenant, limit, before).begin()
        return found

    async def agent(
        self, who: Principal, name: str, branch: str | None = None, *, create: bool = False, op: str | None = None
    ) -> AgentHandle:
        """An agent of a caller, on its first branch or on a named one.

        Args:
            who: on whose behalf.
            name: the tenant's own.
            branch: a branch's name.
            create: make it if there is none, by an operation of that name if there is one; a named branch is never
                made.
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
                found = memory.handle(await _branch(memory, full, branch, op, create=create))
            except AgentNotFound:
                raise AgentNotFound(name) from None
            if branch is None:
                self._first.put(key, found)  # first branches are never deleted: what was found once is so for good
        return found if op is None else found.repeatable(op)

    async def gone(self, who: Principal, name: str, branch: str, op: str) -> AgentHandle | None:
        """An agent of a caller on the branch that had this name last and was deleted, if one had it.

        Only what was done before can be asked of it again: see ``agent`` for ``op``.
        """
        full, memory = inside(who.tenant, name), await self.cluster(who)
        tree: Tree = await memory.call_vault("tree", full).begin()
        named_so = (one for one in tree.branches if (one.agent, one.name) == (full, branch) and one.id in tree.deleted)
        last = max(named_so, key=lambda one: one.created_at, default=None)
        return None if last is None else memory.handle(last).repeatable(op)

    async def outcome(self, who: Principal, name: str, op: str) -> Written | None:
        """What the first operation of this name came to, of an agent of the caller's; nothing if it was not done.

        Raises: InvalidInput; Forbidden.
        """
        who.require_agent(name, "agent")
        memory = await self.cluster(who)
        found: Written | None
        found = await memory.call_vault("outcome", inside(who.tenant, name), memory.op_id(op)).begin()
        return found

    async def recall(self, who: Principal, request: RecallRequest) -> Hits:
        """What is found for whoever has seen to it that he may ask, with what comes meanwhile; see ``Recalls``.

        What looks far waits until it is his turn, which is no longer than its answer is due; see ``long``.

        Raises: as ``AgentHandle.recall`` does; Busy.
        """
        if not looks_far(request):
            return await self._recalls.recall(request)
        async with self.long(who, request.deadline_s) as left_s:
            return await self._recalls.recall(replace(request, deadline_s=left_s))

    async def library(self, who: Principal, op: str | None = None) -> Library:
        """The library as far as a caller may reach; with a name for what he does now, that is done once."""
        return (await self.cluster(who)).library(who.reach, op)

    async def mood(self, agent: AgentName, branch: str) -> Mood:
        """How an agent feels, by the cluster's name for it, for whoever has seen to it that it may be told.

        Raises: AgentNotFound, PlaceNotFound; Unavailable.
        """
        return await self.memory.handle(await _branch(self.memory, agent, branch, None, create=False)).mood.begin()

    async def there(self, agents: Sequence[AgentName]) -> list[AgentName]:
        """Which of some agents there are, by the cluster's names for them. Raises: Unavailable, StorageFailure."""
        found = await self.memory.call_vault("find_agents", tuple(agents)).begin()
        return [agent for agent, first in zip(agents, found, strict=True) if first is not None]

    async def branches(
        self, who: Principal, agents: Collection[AgentName] | None, name: str | None, most: int
    ) -> tuple[list[tuple[AgentName, str]], bool]:
        """Branches by agent and name, so many at most, and whether these are all.

        Of some agents by the cluster's names, or of all that a caller sees, of whom so many are looked at. Of all
        branches of theirs, or of those alone that are called so. Raises: Unavailable, StorageFailure.
        """
        looked_at = True
        if agents is None:
            seen = await self.agents_page(who, None, most + 1)
            agents, looked_at = [inside(who.tenant, own) for own in seen[:most]], len(seen) <= most
        found: list[Branch] = await self.memory.call_vault("branches_of", tuple(agents), name, most + 1).begin()
        return [(one.agent, one.name) for one in found[:most]], looked_at and len(found) <= most

    async def cluster(self, who: Principal) -> MemoryCluster:
        """The cluster, every change of which is this caller's."""
        key = who.tenant, who.subject
        known = self._callers.get(key)
        if known is None:
            known = await asyncio.to_thread(self.memory.on_behalf, session_of(who))
            self._callers.put(key, known)
        return known


async def _branch(
    memory: MemoryCluster, agent: AgentName, branch: str | None, op: str | None, *, create: bool
) -> Branch:
    """An agent's first branch, or a named one. Raises: AgentNotFound, PlaceNotFound; InvalidInput."""
    found: Branch | None
    if branch is not None:
        found = await memory.call_vault("branch_named", agent, named("branch", branch)).begin()
    else:
        (found,) = await memory.call_vault("find_agents", (agent,)).begin()
    if found is None and create:
        op_id = memory.op_id(op)
        (made,) = await memory.call_owner(agent, "open", (agent,), True, session_of_op(op_id), op_id).begin()
        found = made.info
    if found is None:
        raise AgentNotFound(agent)
    return found


def session_of(who: Principal) -> OpenSession:
    """The session of a caller, the same in every replica and at every time."""
    told = blake2b(repr((who.tenant, who.subject)).encode(), digest_size=SESSION_BYTES).hexdigest()
    return OpenSession(f"{DERIVED}{told}", f"{who.tenant}/{who.subject}")
