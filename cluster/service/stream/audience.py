"""Who is concerned by a change: the subscriptions of a replica, by the agents and the tenants that they are of.

Owns the index of subscriptions, and of each how far it was told. What is said to whom is a session's own business.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.tenants import belonging, owned
from quantum_memory.memory.vault.feed import FeedEntry, Wanted
from quantum_memory.types import AgentName


@dataclass(eq=False)
class Follower:
    """What is to be told to somebody, and how far he was.

    Attributes:
        who: whose it is.
        agents: by the cluster's names; nothing is every one that he may see.
        actions: the kinds of changes that he is told of.
        moods: whether he is told of moods.
        branch: the one branch that he is told of; nothing is all of them.
        position: everything up to it was told. While nothing is due, so was everything that the hub knows.
        bell: set when there is something for him.
        due: whether something after the position may concern him.
        felt: the number of the last reading of a mood that may concern him.
        heard: that of the last one up to which he was told all that concern him.
        lost: whether a reading after it that concerns him is kept no more.
    """

    who: Principal
    agents: frozenset[AgentName] | None
    actions: frozenset[str]
    moods: bool
    branch: str | None
    position: int
    bell: asyncio.Event
    due: bool = True
    felt: int = 0
    heard: int = 0
    lost: bool = False

    def concerned(self, entry: FeedEntry) -> bool:
        """Whether he is told of a change, if he may see the agent."""
        return entry.action in self.actions and self.follows(entry.agent, entry.name)

    def follows(self, agent: AgentName | None, branch: str | None) -> bool:
        """Whether he is told of an agent and of this branch, if he may see the agent."""
        if agent is None or (self.branch is not None and branch != self.branch):
            return False
        if self.agents is not None:
            return agent in self.agents
        found = owned(agent)
        return found is not None and found.tenant == self.who.tenant

    def wanted(self) -> Wanted:
        """What he is to be told of, as the vault is asked for it."""
        return Wanted(belonging(self.who.tenant, self.who.agents), self.agents, self.actions)


class Audience:
    """The followers of a replica. Used on one event loop."""

    def __init__(self) -> None:
        self._agents: defaultdict[AgentName, set[Follower]] = defaultdict(set)
        self._tenants: defaultdict[str, set[Follower]] = defaultdict(set)

    def __iter__(self) -> Iterator[Follower]:
        yield from {one for some in (*self._agents.values(), *self._tenants.values()) for one in some}

    def join(self, one: Follower) -> None:
        """One more is to be told."""
        for agent in one.agents or ():
            self._agents[agent].add(one)
        if one.agents is None:
            self._tenants[one.who.tenant].add(one)

    def leave(self, one: Follower) -> None:
        """One less."""
        for agent in one.agents or ():
            self._agents[agent].discard(one)
            if not self._agents[agent]:
                del self._agents[agent]
        if one.agents is None:
            self._tenants[one.who.tenant].discard(one)
            if not self._tenants[one.who.tenant]:
                del self._tenants[one.who.tenant]

    def changed(self, entry: FeedEntry, before: int) -> None:
        """Wake whoever is concerned by a change; all that came to be up to ``before`` was known before it."""
        for one in self._of(entry.agent):
            if entry.position > one.position and one.concerned(entry):
                if not one.due:
                    one.position, one.due = max(one.position, before), True
                one.bell.set()

    def felt(self, agent: AgentName, branch: str, number: int) -> None:
        """Wake whoever is to be told of a mood that was read: of this reading, or of one before it."""
        for one in self._of(agent):
            if one.moods and one.follows(agent, branch):
                one.felt = number
                one.bell.set()

    def unkept(self, agent: AgentName, branch: str, number: int) -> None:
        """Wake whoever was not told of a reading of a mood that is kept no more."""
        found = owned(agent)
        for one in self._of(agent):
            told = not one.moods or one.heard >= number or not one.follows(agent, branch)
            if not told and found is not None and one.who.sees(found.name):
                one.lost = True
                one.bell.set()

    def restored(self, position: int) -> None:
        """Wake everybody: the vault, known up to a position, was restored as it was at an earlier time."""
        for one in self:
            if not one.due:
                one.position, one.due = max(one.position, position), True
            one.bell.set()

    def _of(self, agent: AgentName | None) -> Iterator[Follower]:
        if agent is None:
            return
        yield from self._agents.get(agent, ())
        found = owned(agent)
        if found is not None:
            yield from self._tenants.get(found.tenant, ())
