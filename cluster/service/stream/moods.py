"""The moods that somebody watches: each is read once however many watch it, and not more often than ten times a second.

Owns what is being read, what was read last, and when it is read again. A mood is a state and no event: who was away
finds the newest. What waits, and for whom, is the business of ``Lanes``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.stream.lanes import Lane, Lanes, Watched
from quantum_memory.cluster.service.stream.readings import Readings, Seen, tenant_of
from quantum_memory.errors import NotFound, RateLimited
from quantum_memory.memory.library.shelves import reserved
from quantum_memory.memory.vault.feed import FeedEntry
from quantum_memory.types import AgentName, Mood

PAUSE_S = 0.1
"""How long a mood is left alone after it was read; what is felt meanwhile is gathered."""
READING = 64
"""How many moods are read at once: whoever watches thousands waits, and the cluster is asked no more than that."""
KEPT = 4096
"""Readings that are kept, whether anybody asks for them any more or not; those read longest ago go, of the tenant that
has most of them. Who was not told of one that goes is told so."""
AGAIN_S, AGAIN_MOST_S = 0.25, 5.0
"""How soon a mood is read again that could not be read: after the first time, and after many."""
FAILING = 1024
"""Moods of one tenant that could not be read and are to be read again; what is more is left out, and whoever watches is
told so."""
HELD = 16
"""Times that a mood cannot be read until whoever watches is told that it is left out, and positions go on without it:
after about a minute. It is read again all the same."""
MOST_WATCHED = 262_144
"""Agents whose moods the subscriptions of one principal name on a replica, all together."""
OF_ALL, LEAST = 1024, 64
"""For how many agents a subscription to all counts there, and any other at least: each is told every mood by itself."""
CROWDED_S = 5.0
"""When to try again where a principal's subscriptions name so many."""
logger = logging.getLogger(__name__)


Read = Callable[[Watched], Awaitable[Mood]]
There = Callable[[Sequence[AgentName]], Awaitable[Collection[AgentName]]]


class Begun(NamedTuple):
    """A reading on its way, with all up to a position in it."""

    task: asyncio.Task[None]
    position: int


class Moods:
    """The moods of watched agents. Used on one event loop.

    Args:
        read: gives a mood as it is now. Raises: NotFound where there is none.
        there: which of some agents there are, in one call.

    Attributes:
        told: called with whose mood was read, or left out.
        unkept: called with whose reading is kept no more, and its number.
        number: that of the last reading.
        seen: the last reading of each: as it is, or soon read anew.
    """

    def __init__(self, read: Read, there: There) -> None:
        self._read, self.there = read, there
        self.told: Callable[[Watched], None] = lambda _: None
        self.unkept: Callable[[Watched, int], None] = lambda _, __: None
        self.seen = Readings()
        self._lanes = Lanes()
        self._reading: dict[Watched, Begun] = {}
        self._resting: dict[Watched, asyncio.TimerHandle] = {}
        self._later: dict[Watched, int] = {}
        self._failures: dict[Watched, int] = {}
        self._failing: Counter[str | None] = Counter()
        self._watched: Counter[tuple[str, str]] = Counter()
        self.number = 0
        self._stopped = False

    def watch(self, by: Principal, *agents: AgentName | None, instead: int = 0) -> None:
        """One more of a principal's subscriptions watches agents, or all that he may see.

        It may take the place of one that counts for so many ``instead``. Raises: RateLimited, and nothing is watched.
        """
        who, more = (by.tenant, by.subject), weight_of(agents)
        if more > instead and self._watched[who] + more - instead > MOST_WATCHED:
            raise RateLimited("moods", CROWDED_S)
        self._watched[who] += more
        for agent in agents:
            self._lanes.watch(by, agent)

    def unwatch(self, by: Principal, *agents: AgentName | None) -> None:
        """One less. What is read for nobody else is read no more."""
        who = by.tenant, by.subject
        self._watched[who] -= weight_of(agents)
        if not self._watched[who]:
            del self._watched[who]
        for agent in agents:
            for who in self._lanes.unwatch(by, agent):
                self._unseen(who)
        for who in list(self._reading):
            if not self._lanes.covering(who.agent):
                self._reading.pop(who).task.cancel()
                self._unseen(who)
        self._go_on()

    def unread(self, by: Principal) -> dict[Watched, int]:
        """What is yet to be read for a principal, and a position from which on each was not told.

        Without what he was told is left out, because it could not be read so many times.
        """
        lane = self._lanes.lane(by)
        if lane is None:
            return {}
        begun = ((who, one.position) for who, one in self._reading.items())
        others = chain(self._later.items(), begun)  # of both that which is just being read is older
        found = chain(lane.waits(), (one for one in others if lane.covers(one[0].agent)))
        return {who: at for who, at in found if self._failures.get(who, 0) < HELD}

    def omitted(self, by: Principal) -> int:
        """How many moods were not read for a principal, because too many waited. It rises as long as he watches."""
        lane = self._lanes.lane(by)
        return 0 if lane is None else lane.omitted

    def touched(self, entry: FeedEntry) -> None:
        """Something was felt. Whose mood somebody watches is read soon; nobody watches shelves of the library."""
        if entry.agent is None or entry.name is None or reserved(entry.agent):
            return
        self._wanted(self._lanes.covering(entry.agent), Watched(entry.agent, entry.name), entry.position)

    def wanted(self, by: Principal, moods: Iterable[Watched], position: int) -> None:
        """A principal that watches them wants to know moods. Those are read that are not known already."""
        lane = self._lanes.lane(by)
        for who in moods if lane is not None else ():
            if lane is not None and lane.covers(who.agent) and not (lane.waits_for(who) or self._known(who)):
                self._wanted([lane], who, position)

    def _known(self, who: Watched) -> bool:
        """Whether a mood is known as it is, or is just being read: what is felt meanwhile has it read again."""
        return who in self.seen or who in self._reading

    def anew(self, position: int) -> None:
        """The vault was restored as it was at a position: what somebody watches is read again.

        What waited for what came after it waits for nothing later than what comes now.
        """
        self._lanes.anew(position)
        self._later = {who: position for who in self._later if who not in self._reading}
        known, self._reading, reading = [*self.seen, *self._reading], {}, self._reading
        for one in reading.values():
            one.task.cancel()  # it may give a mood that never was
        self.seen.clear()
        for who in known:
            self._wanted(self._lanes.covering(who.agent), who, position)

    async def stop(self) -> None:
        """Read no more."""
        self._stopped = True
        for timer in self._resting.values():
            timer.cancel()
        tasks = [one.task for one in self._reading.values()]
        self._reading.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _wanted(self, lanes: Sequence[Lane], who: Watched, position: int) -> None:
        """A mood is to be read, with all up to a position in it: soon, or once it has rested."""
        if not lanes:
            self._unseen(who)  # it is the mood no longer, and nobody has it read
        elif who in self._reading or who in self._resting:
            self._later[who] = max(position, self._later.get(who, 0))
        else:
            for lane in lanes:
                left_out = self._lanes.put(lane, who, position)
                if left_out is not None:
                    self.seen.pop(left_out, None)
                    self.told(left_out)
            self._go_on()

    def _unseen(self, who: Watched) -> None:
        """A mood is not known any more, if nobody has it read."""
        if not self._lanes.covering(who.agent):
            self.seen.pop(who, None)
            self._later.pop(who, None)
            self._fails_no_more(who)

    def _go_on(self) -> None:
        """Read what waits, as far as there is room."""
        while not self._stopped and len(self._reading) < READING and (found := self._lanes.next()) is not None:
            who, position = found
            self._reading[who] = Begun(asyncio.create_task(self._read_once(who, position)), position)

    async def _read_once(self, who: Watched, position: int) -> None:
        """Read a mood that has all up to a position in it, and let it rest. One that cannot be read is read again.

        Whoever cancels a reading has taken it out of those that are on their way. However else one ends, its place is
        free: also where what it waited for was cancelled, which is a failure like others.
        """
        pause_s = PAUSE_S
        try:
            self._take(who, position, await self._read(who))
        except NotFound:
            self.seen.pop(who, None)
            self._fails_no_more(who)
        except (Exception, asyncio.CancelledError) as error:  # whatever it is, it may be over in a moment
            if is_cancelled():
                raise
            logger.info("a mood could not be read for those who watch it: %s", error)
            pause_s = self._failed(who, position)
        finally:
            begun = self._reading.get(who)
            if begun is not None and begun.task is asyncio.current_task():
                del self._reading[who]
                if not is_cancelled():  # else all that runs here is ended
                    self._resting[who] = asyncio.get_running_loop().call_later(pause_s, self._rested, who)
                    self._go_on()

    def _take(self, who: Watched, position: int, mood: Mood) -> None:
        self._fails_no_more(who)
        self.number += 1
        self.seen[who] = Seen(self.number, position, mood)
        while len(self.seen) > KEPT:
            oldest = self.seen.oldest()
            self.unkept(oldest, self.seen.pop(oldest).number)
        self.told(who)

    def _failed(self, who: Watched, position: int) -> float:
        """Note that a mood is to be read again, if there is room; in how many seconds."""
        tenant, times = tenant_of(who), self._failures.get(who, 0) + 1
        full = times == 1 and self._failing[tenant] >= FAILING
        if full or times % HELD == 0:  # and again, for who came since
            for lane in self._lanes.covering(who.agent):
                lane.omitted += 1
            self.seen.pop(who, None)
            self.told(who)
        if full:
            return PAUSE_S
        self._failing[tenant] += times == 1
        self._failures[who] = times
        self._later[who] = max(position, self._later.get(who, 0))
        return float(min(AGAIN_S * 2 ** min(times - 1, 16), AGAIN_MOST_S))

    def _fails_no_more(self, who: Watched) -> None:
        """A mood was read, or nobody has it read any more."""
        if self._failures.pop(who, None) is not None:
            tenant = tenant_of(who)
            self._failing[tenant] -= 1
            if not self._failing[tenant]:
                del self._failing[tenant]

    def _rested(self, who: Watched) -> None:
        """A mood may be read again."""
        del self._resting[who]
        position = self._later.pop(who, None)
        lanes = self._lanes.covering(who.agent)
        if position is None or not lanes:
            self._fails_no_more(who)
        if position is not None:
            self._wanted(lanes, who, position)


def weight_of(agents: Collection[AgentName | None]) -> int:
    """For how many agents a subscription counts that watches these, or all where that is one of them."""
    return 0 if not agents else OF_ALL if None in agents else max(LEAST, len(agents))


def is_cancelled() -> bool:
    """Whether the task that asks is to end; else what it waits for was cancelled, and not the task itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
