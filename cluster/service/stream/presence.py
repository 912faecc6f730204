"""Who is there: how many subscriptions of a replica cover an agent, and who is to be told when that changes.

Owns the numbers, and whom they concern: who names an agent hears of it, who watches all hears how many do. Changes
within ``SOON_S`` are told together. What is said is a session's business.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from quantum_memory.cluster.service.principals import Principal, matched
from quantum_memory.cluster.service.tenants import outside
from quantum_memory.types import AgentName

SOON_S = 1.0
"""How long changes are gathered before anybody is told."""
AT_ONCE = 64
"""Numbers that changed whose onlookers are told in one go; whatever else happens has its turn before the next."""

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
        self._all_changed = False

    @property
    def idle(self) -> bool:
        """Whether he watches nobody."""
        return not self._watched

    def watch(self, one: Whom) -> None:
        """One more subscription of his. Whoever asks anew is told anew."""
        self._watched[one] += 1
        self._told.pop(one, None)
        self._changed[one] = None

    def unwatch(self, one: Whom) -> bool:
        """One subscription less; whether it was the last one to this agent, or to all."""
        self._watched[one] -= 1
        if self._watched[one]:
            return False
        del self._watched[one]
        self._told.pop(one, None)
        self._changed.pop(one, None)
        return True

    def note(self, one: Whom) -> None:
        """A number of his changed. How many watch all that they may see is part of every agent's number."""
        if one is None:
            self._all_changed = True
        else:
            self._changed[one] = None
        self._ring()

    def news(self, watchers: Watchers) -> Iterator[tuple[Whom, int | None]]:
        """What he watches and may have to be told: of whom, and how many subscriptions there are, if he does not know.

        Whatever he does not go on to is left for the next time.
        """
        if self._all_changed:
            self._all_changed = False
            self._changed.update(dict.fromkeys(self._watched))
        while self._changed:
            one = next(iter(self._changed))
            del self._changed[one]
            number = watchers.number(self.who.tenant, one)
            known, self._told[one] = self._told.get(one), number
            yield one, None if known == number else number


class Watchers:
    """All subscriptions of a replica. Used on one event loop."""

    def __init__(self) -> None:
        self._named: Counter[AgentName] = Counter()
        self._everybody: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
        self._naming: defaultdict[AgentName, set[Onlooker]] = defaultdict(set)
        self._onlookers: defaultdict[str, set[Onlooker]] = defaultdict(set)
        self._changed: dict[tuple[str, Whom], None] = {}
        self._soon: asyncio.TimerHandle | None = None

    def come(self, who: Principal, whom: Iterable[Whom], onlooker: Onlooker | None) -> None:
        """One more subscription of a principal; also one whose own connection does not want to know."""
        for one in whom:
            if onlooker is not None:
                onlooker.watch(one)
                self._onlookers[who.tenant].add(onlooker)
                if one is not None:
                    self._naming[one].add(onlooker)
            if one is None:
                self._everybody[who.tenant][who.agents] += 1
            else:
                self._named[one] += 1
            self._changes(who.tenant, one)

    def go(self, who: Principal, whom: Iterable[Whom], onlooker: Onlooker | None) -> None:
        """One subscription less."""
        for one in whom:
            if onlooker is not None and onlooker.unwatch(one):
                self._without(onlooker, one)
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
        return self._named[whom] + sum(times for some, times in everybody.items() if own and matched(own, some))

    def stop(self) -> None:
        """Tell nobody any more."""
        if self._soon is not None:
            self._soon.cancel()

    def _leave_all(self, who: Principal) -> None:
        some = self._everybody[who.tenant]
        some[who.agents] -= 1
        if not some[who.agents]:
            del some[who.agents]
        if not some:
            del self._everybody[who.tenant]

    def _without(self, onlooker: Onlooker, one: Whom) -> None:
        """An onlooker watches one no more."""
        if one is not None:
            self._naming[one].discard(onlooker)
            if not self._naming[one]:
                del self._naming[one]
        tenant = onlooker.who.tenant
        if onlooker.idle:
            self._onlookers[tenant].discard(onlooker)
            if not self._onlookers[tenant]:
                del self._onlookers[tenant]

    def _changes(self, tenant: str, whom: Whom) -> None:
        if tenant in self._onlookers if whom is None else whom in self._naming:
            self._changed[tenant, whom] = None
            if self._soon is None:
                self._soon = asyncio.get_running_loop().call_later(SOON_S, self._tell)

    def _tell(self) -> None:
        """Let those know whom some of the changes concern, and the others soon."""
        for tenant, whom in list(islice(self._changed, AT_ONCE)):
            del self._changed[tenant, whom]
            concerned = self._onlookers.get(tenant, ()) if whom is None else self._naming.get(whom, ())
            for onlooker in concerned:
                onlooker.note(whom)
        self._soon = asyncio.get_running_loop().call_later(0.0, self._tell) if self._changed else None
