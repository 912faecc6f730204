"""What was last read of each mood, in the order of reading, and by agent and by tenant. Reads nothing itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, MutableMapping
from itertools import takewhile
from typing import NamedTuple

from quantum_memory.cluster.service.stream.lanes import Watched
from quantum_memory.cluster.service.tenants import owned
from quantum_memory.types import AgentName, Mood


class Seen(NamedTuple):
    """A mood, and the position of the last change that is in it. ``number`` rises with every reading."""

    number: int
    position: int
    mood: Mood


Reading = tuple[Watched, Seen]


class Readings(MutableMapping[Watched, Seen]):
    """The last reading of each mood, those read longest ago first. What is put in has a higher number than all else."""

    def __init__(self) -> None:
        self._all: dict[Watched, Seen] = {}
        self._agents: defaultdict[AgentName, dict[Watched, Seen]] = defaultdict(dict)
        self._tenants: defaultdict[str | None, dict[Watched, Seen]] = defaultdict(dict)

    def __getitem__(self, who: Watched) -> Seen:
        return self._all[who]

    def __iter__(self) -> Iterator[Watched]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __setitem__(self, who: Watched, seen: Seen) -> None:
        self.pop(who, None)  # to the end
        for some in (self._all, self._agents[who.agent], self._tenants[tenant_of(who)]):
            some[who] = seen

    def __delitem__(self, who: Watched) -> None:
        del self._all[who], self._agents[who.agent][who], self._tenants[tenant_of(who)][who]
        if not self._agents[who.agent]:
            del self._agents[who.agent]
        if not self._tenants[tenant_of(who)]:
            del self._tenants[tenant_of(who)]

    def oldest(self) -> Watched:
        """What was read longest ago, of the tenant of which most is kept: nobody's are in the way of another's."""
        tenant = max(self._tenants, key=lambda one: len(self._tenants[one]))
        return next(iter(self._tenants[tenant]))

    def since(self, number: int, tenant: str, agents: frozenset[AgentName] | None) -> list[Reading]:
        """What was read after the reading of this number, of these agents or of all of a tenant, in that order."""
        if agents is None:
            return _later(self._tenants.get(tenant, {}), number)
        found = [one for agent in agents for one in _later(self._agents.get(agent, {}), number)]
        return sorted(found, key=lambda one: one[1].number)


def _later(some: dict[Watched, Seen], number: int) -> list[Reading]:
    fresh = list(takewhile(lambda one: one[1].number > number, reversed(some.items())))
    fresh.reverse()
    return fresh


def tenant_of(who: Watched) -> str | None:
    """Whose an agent is; nothing where it is of no tenant."""
    found = owned(who.agent)
    return None if found is None else found.tenant
