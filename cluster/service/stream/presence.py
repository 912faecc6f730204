"""Who is there: how many subscriptions of a replica cover an agent, and who is to be told when that changes.

Owns the numbers, and whom they concern. Changes within ``SOON_S`` are told together. What is said is a
session's business.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.tenants import outside
from quantum_memory.types import AgentName

SOON_S = 1.0
"""How long changes are gathered before anybody is told."""
MOST = 4096
"""Agents whose numbers wait to be told to one onlooker; of what is more he is told when it changes the next time."""

Whom = AgentName | None
"""An agent by the cluster's name, or nothing for all that may be seen."""


class Onlooker:
    """One connection that wants to know who else is there.

    Args:
        who: whose it is.
        ring: called when there is something to tell.
    """

    def __init__(self, who: Principal, ring: Callable[[], None]) -> None:
        self.who, self._ring = who, ring
        self._watched: Counter[Whom] = Counter()
        self._changed: dict[Whom, None] = {}
        self._told: dict[Whom, int] = {}

    @property
    def idle(self) -> bool:
        """Whether he watches nobody."""
        return not self._watched

    def watch(self, one: Whom) -> None:
        """One more subscription of his. Whoever asks anew is told anew."""
        self._watched[one] += 1
        self._told.pop(one, None)
        self._changed[one] = None

    def unwatch(self, one: Whom) -> None:
        """One subscription less."""
        self._watched[one] -= 1
        if not self._watched[one]:
            del self._watched[one]
            self._told.pop(one, None)
            self._changed.pop(one, None)

    def note(self, changed: set[Whom]) -> None:
        """Some numbers changed. How many watch all that they may see is part of every agent's number."""
        concerned = set(self._watched) if None in changed else changed & self._watched.keys()
        if None in self._watched:
            concerned.update(one for one in changed if one is not None and self._sees(one))
        for one in concerned:
            if len(self._changed) < MOST:
                self._changed[one] = None
        if self._changed:
            self._ring()

    def news(self, watchers: Watchers) -> Iterator[tuple[Whom, int]]:
        """What he has yet to be told: of whom, and how many subscriptions there are now."""
        while self._changed:
            one = next(iter(self._changed))
            del self._changed[one]
            number = watchers.number(self.who.tenant, one)
            if self._told.get(one) != number:
                if one in self._watched:
                    self._told[one] = number
                yield one, number

    def _sees(self, agent: AgentName) -> bool:
        own = outside(self.who.tenant, agent)
        return own is not None and self.who.sees(own)


class Watchers:
    """All subscriptions of a replica. Used on one event loop."""

    def __init__(self) -> None:
        self._named: Counter[AgentName] = Counter()
        self._everybody: defaultdict[str, Counter[Principal]] = defaultdict(Counter)
        self._onlookers: defaultdict[str, set[Onlooker]] = defaultdict(set)
        self._changed: defaultdict[str, set[Whom]] = defaultdict(set)
        self._soon: asyncio.TimerHandle | None = None

    def come(self, who: Principal, whom: Iterable[Whom], onlooker: Onlooker | None) -> None:
        """One more subscription of a principal; also one whose own connection does not want to know."""
        for one in whom:
            if onlooker is not None:
                onlooker.watch(one)
                self._onlookers[who.tenant].add(onlooker)
            if one is None:
                self._everybody[who.tenant][who] += 1
            else:
                self._named[one] += 1
            self._changes(who.tenant, one)

    def go(self, who: Principal, whom: Iterable[Whom], onlooker: Onlooker | None) -> None:
        """One subscription less."""
        for one in whom:
            if onlooker is not None:
                onlooker.unwatch(one)
                self._without(onlooker)
            if one is None:
                self._leave_all(who)
            else:
                self._named[one] -= 1
                if not self._named[one]:
                    del self._named[one]
            self._changes(who.tenant, one)

    def number(self, tenant: str, whom: Whom) -> int:
        """How many subscriptions cover an agent of a tenant; without one, how many there are to all."""
        everybody = self._everybody.get(tenant, Counter())
        if whom is None:
            return everybody.total()
        own = outside(tenant, whom)
        return self._named[whom] + sum(times for who, times in everybody.items() if own and who.sees(own))

    def stop(self) -> None:
        """Tell nobody any more."""
        if self._soon is not None:
            self._soon.cancel()

    def _leave_all(self, who: Principal) -> None:
        some = self._everybody[who.tenant]
        some[who] -= 1
        if not some[who]:
            del some[who]
        if not some:
            del self._everybody[who.tenant]

    def _without(self, onlooker: Onlooker) -> None:
        tenant = onlooker.who.tenant
        if onlooker.idle and tenant in self._onlookers:
            self._onlookers[tenant].discard(onlooker)
            if not self._onlookers[tenant]:
                del self._onlookers[tenant]

    def _changes(self, tenant: str, whom: Whom) -> None:
        if tenant in self._onlookers:
            self._changed[tenant].add(whom)
            if self._soon is None:
                self._soon = asyncio.get_running_loop().call_later(SOON_S, self._tell)

    def _tell(self) -> None:
        """Let those know whom it concerns."""
        self._soon = None
        changed, self._changed = self._changed, defaultdict(set)
        for tenant, some in changed.items():
            for onlooker in self._onlookers.get(tenant, ()):
                onlooker.note(some)
