"""What a replica asks before it does anything: whether the caller, his connection and all together keep to their rates.

Owns what the replica has leased and not spent yet, and the buckets of its own connections and of the addresses from
which callers came whom nobody knows. It leases in small lots, so that a request normally costs no call, and brings back
what it does not need. Where nobody answers it goes on with its own share of each rate.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv6Address, ip_address
from itertools import count
from uuid import uuid4

from quantum_memory.checks import bounded
from quantum_memory.cluster.service.limits.buckets import LAPSE_S, Buckets, Rate
from quantum_memory.cluster.service.limits.host import Returned, Wanted
from quantum_memory.cluster.service.limits.remote import Leases
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.errors import RateLimited, Unauthenticated, Unavailable
from quantum_memory.memory.held import Held
from quantum_memory.settings import RateSettings, RatesSettings

LOT_S = 0.5
"""A lot is what comes in during this time."""
IDLE_S, OLD_S = 0.5, 0.75 * LAPSE_S
"""A lease that nobody spent of for so long is brought back, and one that is so old."""
TIDY_S = 0.25
"""How often leases are looked at."""
AWAY_S = 5.0
"""How long an actor that did not answer is not asked again."""
IPV6_HOST_BITS = 64
KEPT = 10_000
"""Principals whose leases are kept."""
logger = logging.getLogger(__name__)


class Limiter:
    """Lets requests through, or says when they may be made again. One event loop uses it.

    Args:
        limits: the rates.
        leases: where tokens are leased.
        replicas: how many there may be at most; what the actor says counts once it has said something.
        clock: seconds, which only rise.
    """

    def __init__(
        self,
        limits: RatesSettings,
        leases: Leases,
        replicas: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits, self._leases, self._replicas, self._clock = limits, leases, replicas, clock
        self._name, self._numbers = uuid4().hex, count(1)
        self._everyone = _Share("global", "global", limits.everyone)
        self._shares: Held[str, _Share] = Held(KEPT)
        self._connections, self._own, self._addresses = Buckets(clock), Buckets(clock), Buckets(clock)
        self._open: dict[str, _Share] = {}
        self._tidying: asyncio.Task[None] | None = None
        self._away, self._away_until_s = False, 0.0

    async def admit(self, principal: Principal | None, connection: str, cost: float = 1.0) -> None:
        """Let a request through, and count it.

        Args:
            principal: who asks; ``None`` for one who is known and has no rate of his own, as a scraper.
            connection: over which, by a name that no other open connection of this replica has.
            cost: how many requests it counts for.

        Raises: RateLimited, with the first rate that it is over; the others do not count it then. NotFinite; OutOfRange
            if it costs more than a rate ever lets through at once.
        """
        of_caller = () if principal is None else (self._share(principal),)
        async with self.over(connection, cost):
            await self._take((*of_caller, self._everyone), cost)

    async def admit_caller(self, principal: Principal, cost: float = 1.0) -> None:
        """Count a request of somebody, and for all together, whose connection counts already. Raises: as ``admit``."""
        await self._take((self._share(principal), self._everyone), cost)

    @property
    def beside(self) -> float:
        """The most that a request can cost besides: with it that fills the smallest burst."""
        rates = (self._limits.key, self._limits.connection, self._limits.everyone)
        return min((rate.burst for rate in rates if rate is not None), default=math.inf) - 1.0

    async def charge(self, principal: Principal, cost: float) -> None:
        """Count what a request that was let in costs besides, or as much of that as can ever be there beside it.

        Raises: RateLimited, with the time after which the request and this are let through together.
        """
        cost = min(cost, self.beside)
        if cost <= 0.0:
            return
        try:
            await self.admit_caller(principal, cost)
        except RateLimited as error:
            rate = self._limits.everyone if error.scope == "global" else self._limits.key
            again_s = 0.0 if rate is None else 1.0 / rate.per_s
            raise RateLimited(error.scope, error.retry_after_s + again_s) from None

    def stranger(self, address: str | None) -> Stranger:
        """A caller at an address before it is known who he is."""
        return Stranger(self._addresses, _rate(self._limits.unknown), address, str(next(self._numbers)))

    async def _take(self, wanted: Sequence[_Share], cost: float) -> None:
        """Take a request's cost of all of these, or of none. Raises: RateLimited."""
        rates = (self._limits.key, self._limits.connection, self._limits.everyone)
        bounded("cost", cost, 0.0, min((rate.burst for rate in rates if rate is not None), default=float("inf")))
        shares = [share for share in wanted if share.rate is not None]
        if shares:
            while lacking := [share for share in shares if not share.holds(cost, self._clock())]:
                for share in lacking:
                    share.refuse(cost, self._clock())
                await self._fill(lacking[0], cost)
            for share in shares:
                share.take(cost, self._clock())

    async def bring_back(self) -> None:
        """Bring back what was leased and is not needed, or will lapse soon.

        A lease of which nothing is left, too: until it is settled its bucket gains less than it could.
        """
        now_s = self._clock()
        returned = [share.settled() for share in tuple(self._open.values()) if share.stale(now_s)]
        for one in returned:
            del self._open[one.key]
        if returned and now_s >= self._away_until_s:
            try:
                await self._leases.lease(self._name, (), returned)
            except Unavailable as error:
                self._lost(error)

    async def close(self) -> None:
        """Bring everything back. Nothing is to be let through any more."""
        if self._tidying is not None:
            self._tidying.cancel()
        returned = [share.settled() for share in self._open.values()]
        self._open.clear()
        try:
            await self._leases.leave(self._name, returned)
        except Unavailable as error:
            logger.info("what was left of the rates lapses: %s", error)

    @asynccontextmanager
    async def over(self, connection: str | None, cost: float = 1.0) -> AsyncIterator[None]:
        """Count what comes over a connection, if over one, unless the body raises anything but Unauthenticated.

        Raises: RateLimited.
        """
        rate = _rate(self._limits.connection)
        if rate is None or connection is None:
            yield
            return
        lease = str(next(self._numbers))
        granted = self._connections.lease(connection, rate, lease, cost, cost)
        if granted.retry_after_s:
            raise RateLimited("connection", granted.retry_after_s)
        try:
            yield
        except Unauthenticated:
            self._connections.give_back(connection, lease, 0.0)
            raise
        except BaseException:
            self._connections.give_back(connection, lease, cost)
            raise
        self._connections.give_back(connection, lease, 0.0)

    def _share(self, principal: Principal) -> _Share:
        key = f"key:{principal.tenant}/{principal.subject}"
        share = self._shares.get(key)
        if share is None:
            share = _Share(key, "key", self._limits.key)
            self._shares.put(key, share)
        return share

    async def _fill(self, share: _Share, cost: float) -> None:
        """Have so much in a share, unless somebody else takes it before it is used. Raises: RateLimited."""
        async with share.turn:
            if share.rate is None or share.holds(cost, self._clock()):
                return
            share.refuse(cost, self._clock())
            if not await self._leased(share, share.rate, cost):
                self._alone(share, share.rate, cost)

    async def _leased(self, share: _Share, rate: Rate, cost: float) -> bool:
        """Ask for another lot; whether there was an answer. Raises: RateLimited."""
        asked_s = self._clock()
        if asked_s < self._away_until_s:
            return False
        if self._away:  # one request finds out, the others go on meanwhile
            self._away_until_s = asked_s + AWAY_S
        lease = f"{self._name}.{next(self._numbers)}"
        wanted = Wanted(share.key, rate, lease, cost, rate.per_s * LOT_S)
        returned = (share.settled(),) if self._open.get(share.key) is share else ()
        try:
            (grant,), self._replicas = await self._leases.lease(self._name, (wanted,), returned)
        except Unavailable as error:
            self._lost(error)
            return False
        self._found()
        if grant.retry_after_s:
            share.refused = cost, self._clock() + grant.retry_after_s
            raise RateLimited(share.scope, grant.retry_after_s)
        share.leased(lease, grant.tokens, asked_s)
        self._open[share.key] = share
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._tidy())
        return True

    def _alone(self, share: _Share, rate: Rate, cost: float) -> None:
        """Have of what is this replica's own share of a rate while nobody answers.

        What costs more than that ever holds costs all of it. Raises: RateLimited.
        """
        own = Rate(rate.per_s / self._replicas, max(rate.burst / self._replicas, 1.0))
        wait_s = self._own.take(share.key, own, min(cost, own.burst))
        if wait_s:
            raise RateLimited(share.scope, wait_s)
        share.leased("", cost, self._clock())

    def _lost(self, error: Unavailable) -> None:
        self._away_until_s = self._clock() + AWAY_S
        if not self._away:
            self._away = True
            logger.warning("rates are not shared, this replica keeps to 1/%d of each: %s", self._replicas, error)

    def _found(self) -> None:
        self._away_until_s = 0.0
        if self._away:
            self._away = False
            logger.info("rates are shared again")

    async def _tidy(self) -> None:
        while self._open:
            await asyncio.sleep(TIDY_S)
            await self.bring_back()


class Stranger:
    """A caller before it is known who he is. Until then he spends of the rate of his address, and of no other.

    Args:
        addresses: the buckets of all addresses.
        rate: of each; ``None`` for no limit.
        address: his.
        lease: unlike that of any other.
    """

    def __init__(self, addresses: Buckets, rate: Rate | None, address: str | None, lease: str) -> None:
        self._addresses, self._rate, self._address, self._lease = addresses, rate, address, lease
        self._paid = False

    def pay(self) -> None:
        """Count him for his address, once. Raises: RateLimited."""
        if self._rate is None or self._paid:
            return
        granted = self._addresses.lease(_near(self._address), self._rate, self._lease, 1.0, 1.0)
        if granted.retry_after_s:
            raise RateLimited("address", granted.retry_after_s)
        self._paid = True

    def unknown(self) -> None:
        """Nobody knows him: he pays, if he has not, and for good. Raises: RateLimited."""
        self.pay()
        self._addresses.give_back(_near(self._address), self._lease, 0.0)

    def known(self) -> None:
        """He is known after all: what he paid comes back."""
        if self._paid:
            self._addresses.give_back(_near(self._address), self._lease, 1.0)


class _Share:
    """What a replica may spend of one bucket: what is left of its lease, and until when it knows that there is no more.

    Args:
        key: the bucket's.
        scope: as ``RateLimited`` names it.
        rate: ``None`` for no limit.

    Attributes:
        turn: held by whoever asks for more.
        refused: what cost so much, or more, is refused until then.
    """

    def __init__(self, key: str, scope: str, rate: RateSettings | None) -> None:
        self.key, self.scope, self.rate = key, scope, _rate(rate)
        self.turn = asyncio.Lock()
        self.refused = 0.0, 0.0
        self._lease, self._left, self._leased_s, self._used_s = "", 0.0, 0.0, 0.0

    def holds(self, cost: float, now_s: float) -> bool:
        """Whether enough is left of the lease."""
        return self._left >= cost and now_s < self._leased_s + LAPSE_S

    def take(self, cost: float, now_s: float) -> None:
        """Spend of the lease, of which enough is left."""
        self._left -= cost
        self._used_s = now_s

    def refuse(self, cost: float, now_s: float) -> None:
        """Refuse what was refused before and still would be. Raises: RateLimited."""
        least, until_s = self.refused
        if cost >= least and now_s < until_s:
            raise RateLimited(self.scope, until_s - now_s)

    def leased(self, lease: str, tokens: float, asked_s: float) -> None:
        """Spend of this lease from now on. It lapses here before it does where it was asked for."""
        self._lease, self._left = lease, tokens
        self._leased_s = self._used_s = asked_s
        self.refused = 0.0, 0.0

    def settled(self) -> Returned:
        """Spend of the lease no more; what was left of it."""
        returned = Returned(self.key, self._lease, self._left)
        self._lease, self._left = "", 0.0
        return returned

    def stale(self, now_s: float) -> bool:
        """Whether the lease should be brought back: nobody spends of it, or it lapses soon."""
        return now_s >= self._used_s + IDLE_S or now_s >= self._leased_s + OLD_S


def _near(address: str | None) -> str:
    """What an address counts as: of IPv6 its first half, all of which one caller may have."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return address or ""
    if not isinstance(found, IPv6Address):
        return str(found)
    return f"{int(found) >> IPV6_HOST_BITS:x}" if found.ipv4_mapped is None else str(found.ipv4_mapped)


def _rate(settings: RateSettings | None) -> Rate | None:
    return None if settings is None else Rate(settings.per_s, settings.burst)
