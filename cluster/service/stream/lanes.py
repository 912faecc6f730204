"""Whose turn it is: what each principal watches, and which moods are yet to be read for him.

Owns who watches whom and what waits, never more than ``MOST_EACH`` for one principal and ``MOST_IN_ALL`` together. What
finds no room is left out, and counted. Principals take turns, however much waits for each of them. Reads nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.tenants import outside, owned
from quantum_memory.types import AgentName

K = TypeVar("K")
MOST_EACH = 4096
"""Moods that wait to be read for one principal."""
MOST_IN_ALL = 32_768
"""Moods that wait to be read for all principals together."""


class Watched(NamedTuple):
    """Whose mood: an agent by the cluster's name, and the name of a branch."""

    agent: AgentName
    branch: str


class Lane:
    """One principal: whom he watches, and what waits for him, the oldest first.

    Attributes:
        who: the principal.
        waiting: how many moods wait.
        omitted: how many were left out since he began to watch.
    """

    def __init__(self, who: Principal) -> None:
        self.who = who
        self.waiting = self.omitted = 0
        self._named: Counter[AgentName] = Counter()
        self._everybody = 0
        self._wanted: dict[AgentName, dict[str, int]] = {}

    @property
    def idle(self) -> bool:
        """Whether nobody is watched."""
        return not self._everybody and not self._named

    @property
    def watches_all(self) -> bool:
        """Whether everybody is watched that the principal may see."""
        return self._everybody > 0

    def watch(self, agent: AgentName | None, more: int) -> bool:
        """One more watches, or one less; whether it was the first, or the last, of this agent."""
        if agent is None:
            self._everybody += more
            return self._everybody == (more > 0)
        self._named[agent] += more
        if not self._named[agent]:
            del self._named[agent]
        return self._named[agent] == (more > 0)

    def covers(self, agent: AgentName) -> bool:
        """Whether an agent is watched."""
        if agent in self._named:
            return True
        own = outside(self.who.tenant, agent) if self._everybody else None
        return own is not None and self.who.sees(own)

    def put(self, who: Watched, position: int) -> None:
        """A mood waits, with all up to a position in it."""
        branches = self._wanted.setdefault(who.agent, {})
        self.waiting += who.branch not in branches
        branches[who.branch] = max(position, branches.get(who.branch, 0))

    def waits_for(self, who: Watched) -> bool:
        """Whether a mood waits."""
        return who.branch in self._wanted.get(who.agent, ())

    def taken(self, who: Watched) -> int:
        """A mood waits no more; up to which position it was wanted, 0 if it was not."""
        if not self.waits_for(who):
            return 0
        branches = self._wanted[who.agent]
        position = branches.pop(who.branch)
        self.waiting -= 1
        if not branches:
            del self._wanted[who.agent]
        return position

    def waits(self) -> Iterator[tuple[Watched, int]]:
        """What waits, and up to which position it is wanted."""
        for agent, branches in self._wanted.items():
            for branch, position in branches.items():
                yield Watched(agent, branch), position

    def anew(self, position: int) -> None:
        """What waits is wanted with all up to a position in it, and no more."""
        for branches in self._wanted.values():
            branches.update(dict.fromkeys(branches, position))

    def oldest(self) -> Watched:
        """What has waited longest. Something waits."""
        agent, branches = next(iter(self._wanted.items()))
        return Watched(agent, next(iter(branches)))

    def left(self, agent: AgentName | None) -> Iterator[Watched]:
        """What waits of one agent, or of all, though it is watched no more; it waits no more from here on."""
        agents = list(self._wanted) if agent is None else [agent] if agent in self._wanted else []
        for one in agents:
            if not self.covers(one):
                for branch in list(self._wanted[one]):
                    who = Watched(one, branch)
                    self.taken(who)
                    yield who


class Lanes:
    """All principals that watch. Used on one event loop.

    Attributes:
        waiting: how many moods wait, for all together.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._lanes: dict[Principal, Lane] = {}
        self._naming: defaultdict[AgentName, dict[Lane, None]] = defaultdict(dict)
        self._all: defaultdict[str, dict[Lane, None]] = defaultdict(dict)
        self._turns: dict[Lane, None] = {}

    def lane(self, who: Principal) -> Lane | None:
        """A principal's, if he watches anybody."""
        return self._lanes.get(who)

    def watch(self, who: Principal, agent: AgentName | None) -> None:
        """One more of a principal's watches an agent, or all that he may see."""
        lane = self._lanes.setdefault(who, Lane(who))
        if lane.watch(agent, 1):
            (self._all[who.tenant] if agent is None else self._naming[agent])[lane] = None

    def unwatch(self, who: Principal, agent: AgentName | None) -> list[Watched]:
        """One less; what waited for him, and does so no more."""
        lane = self._lanes[who]
        if not lane.watch(agent, -1):
            return []
        if agent is None:
            _without(self._all, who.tenant, lane)
        else:
            _without(self._naming, agent, lane)
        gone = list(lane.left(agent))
        self.waiting -= len(gone)
        if not lane.waiting:
            self._turns.pop(lane, None)
        if lane.idle:
            del self._lanes[who]
        return gone

    def anew(self, position: int) -> None:
        """What waits is wanted with all up to a position in it, and no more."""
        for lane in self._lanes.values():
            lane.anew(position)

    def covering(self, agent: AgentName) -> list[Lane]:
        """Who watches an agent."""
        named = self._naming.get(agent, {})
        found = owned(agent)
        everybody = {} if found is None else self._all.get(found.tenant, {})
        return [*named, *(lane for lane in everybody if lane not in named and lane.covers(agent))]

    def put(self, lane: Lane, who: Watched, position: int) -> Watched | None:
        """A mood is to be read for a principal; what is not read for that, where there is no room."""
        before = lane.waiting
        lane.put(who, position)
        self.waiting += lane.waiting - before
        self._turns.setdefault(lane)
        if lane.waiting > MOST_EACH:
            return self._omit(lane)
        if self.waiting > MOST_IN_ALL:
            return self._omit(max(self._turns, key=lambda one: one.waiting))
        return None

    def next(self) -> tuple[Watched, int] | None:
        """What is to be read next, for whose turn it is and for whoever else waits for it."""
        if not self._turns:
            return None
        lane = next(iter(self._turns))
        who = lane.oldest()
        position = max(self._taken(one, who) for one in (lane, *self.covering(who.agent)))
        if lane.waiting:
            self._turns[lane] = self._turns.pop(lane)  # behind all others
        return who, position

    def _taken(self, lane: Lane, who: Watched) -> int:
        before, position = lane.waiting, lane.taken(who)
        self.waiting -= before - lane.waiting
        if not lane.waiting:
            self._turns.pop(lane, None)
        return position

    def _omit(self, lane: Lane) -> Watched:
        who = lane.oldest()
        self._taken(lane, who)
        lane.omitted += 1
        return who


def _without(index: dict[K, dict[Lane, None]], key: K, lane: Lane) -> None:
    del index[key][lane]
    if not index[key]:
        del index[key]
