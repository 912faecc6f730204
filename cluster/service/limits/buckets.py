"""Token buckets by key, and what is leased of them. Owns how much each still holds; asks nobody, waits for nothing.

A bucket holds up to ``burst`` tokens and gains ``per_s`` of them each second. What is leased counts as held until it
is settled or lapses, because it may still be spent: a bucket gains nothing that would make both more than its burst.

Law: whatever the order of calls and however many lessees, what is taken of a bucket and what lessees spend before their
leases lapse is in any t seconds at most ``burst + per_s * t``, and ``SLACK`` for rounding.

Source: the bucket is that of Turner (1986), "New directions in communications".
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple

from quantum_memory.checks import bounded, whole

LAPSE_S = 2.0
"""After so long nobody may spend of a lease any more."""
MOST_LAPSE_S = 3600.0
MOST = 100_000
"""Buckets that are kept; those that are full again need not be."""
PART = 0.25
"""How much of what a bucket holds one lease may take beyond what is needed at once, so that others find some too."""
SLACK = 1e-6
"""Tokens that may be missing by rounding."""


class Rate(NamedTuple):
    """How fast: tokens that come in each second, and how many there are at most. Both above 0."""

    per_s: float
    burst: float


class Grant(NamedTuple):
    """What came of a wish: so many tokens, at least those that were needed, or none and when to ask again."""

    tokens: float
    retry_after_s: float


class _Bucket:
    """One of them: what it holds at a moment, and what of it is leased until when, the first to lapse first."""

    __slots__ = ("at_s", "leases", "rate", "tokens")

    def __init__(self, rate: Rate, at_s: float) -> None:
        self.rate, self.tokens, self.at_s = rate, rate.burst, at_s
        self.leases: dict[str, tuple[float, float]] = {}

    def settle(self, now_s: float) -> None:
        """Take in what came since, and what lapsed meanwhile, one lapse after the other."""
        for lease, (_, lapses_s) in tuple(self.leases.items()):
            if lapses_s > now_s:
                break
            self._gain(lapses_s)
            del self.leases[lease]
        self._gain(now_s)

    def change(self, rate: Rate) -> None:
        """Go on with another rate."""
        self.rate = rate
        self.tokens = min(self.tokens, max(self._room, 0.0))

    def back(self, lease: str, left: float) -> None:
        """A lease is settled, and so much of it was not spent."""
        granted, _ = self.leases.pop(lease, (0.0, 0.0))
        self.tokens = min(self.tokens + min(left, granted), self._room)

    def wait_s(self, needed: float) -> float:
        """When it will hold so much if nobody takes any and no lease comes back."""
        tokens, at_s, leased = self.tokens, self.at_s, sum(granted for granted, _ in self.leases.values())
        for granted, lapses_s in self.leases.values():
            room = self.rate.burst - leased
            if room >= needed and self._until(tokens, needed) <= lapses_s - at_s:
                break
            tokens = min(tokens + self.rate.per_s * (lapses_s - at_s), max(room, tokens))
            at_s, leased = lapses_s, leased - granted
        return at_s - self.at_s + self._until(tokens, needed)

    def full_s(self) -> float:
        """When it is full, if nobody takes any."""
        return self.at_s + self.wait_s(self.rate.burst)

    @property
    def _room(self) -> float:
        return self.rate.burst - sum(granted for granted, _ in self.leases.values())

    def _gain(self, now_s: float) -> None:
        if now_s > self.at_s:
            self.tokens = min(self.tokens + self.rate.per_s * (now_s - self.at_s), max(self._room, self.tokens))
            self.at_s = now_s

    def _until(self, tokens: float, needed: float) -> float:
        return max(0.0, needed - tokens) / self.rate.per_s


class Buckets:
    """The buckets of many keys; one that is new is full. One owner calls it, it is not thread-safe.

    Args:
        clock: seconds, which only rise; only differences count.
        most: how many may be there. Where all are in use, a new key is refused until one of them is full again.
        lapse_s: how long a lease may be spent.

    Raises: InvalidValue, NotFinite, OutOfRange.
    """

    def __init__(self, clock: Callable[[], float], most: int = MOST, lapse_s: float = LAPSE_S) -> None:
        self._clock, self._most = clock, whole("most", most, 1, 1 << 40)
        self._lapse_s = bounded("lapse_s", lapse_s, 0.0, MOST_LAPSE_S)
        self._buckets: dict[str, _Bucket] = {}
        self._due: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._buckets)

    @property
    def leases(self) -> int:
        """Leases that are neither settled nor found lapsed."""
        return sum(len(bucket.leases) for bucket in self._buckets.values())

    def take(self, key: str, rate: Rate, cost: float) -> float:
        """Spend at once; 0 if that was possible, else in how many seconds it will be.

        Raises: NotFinite, OutOfRange if it is more than the burst.
        """
        bucket, wait_s = self._ready(key, rate, cost)
        if bucket is None or wait_s:
            return wait_s
        bucket.tokens -= cost
        return 0.0

    def lease(self, key: str, rate: Rate, lease: str, needed: float, wanted: float) -> Grant:
        """Tokens that may be spent elsewhere within ``lapse_s`` from now, once.

        Args:
            key: of the bucket.
            rate: as it is now; a bucket goes on with the last that it was told.
            lease: its name, unlike that of any other; the same again is the same lease.
            needed: as many at least, or none.
            wanted: as many at most, as far as ``PART`` of what is there allows.

        Raises: NotFinite, OutOfRange if more is needed than the burst.
        """
        known = self._buckets.get(key)
        if known is not None and lease in known.leases:
            return Grant(known.leases[lease][0], 0.0)
        bucket, wait_s = self._ready(key, rate, needed)
        if bucket is None or wait_s:
            return Grant(0.0, wait_s)
        granted = max(needed, min(wanted, bucket.tokens * PART))
        bucket.tokens -= granted
        bucket.leases[lease] = granted, bucket.at_s + self._lapse_s
        return Grant(granted, 0.0)

    def give_back(self, key: str, lease: str, left: float) -> None:
        """Settle a lease of which so much was not spent. One that lapsed, or that nobody knows, brings nothing."""
        bucket = self._buckets.get(key)
        if bucket is not None:
            bucket.settle(self._clock())
            bucket.back(lease, bounded("left", left, 0.0, float("inf")))

    def _ready(self, key: str, rate: Rate, cost: float) -> tuple[_Bucket | None, float]:
        """The bucket and how long it takes until it can give so much; no bucket where there is no room for it."""
        bounded("cost", cost, 0.0, rate.burst)
        now_s = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            self._let_go(now_s)
            if len(self._buckets) >= self._most:
                return None, max(SLACK, self._due[0][0] - now_s)
            bucket = self._buckets[key] = _Bucket(rate, now_s)
            heapq.heappush(self._due, (now_s, key))
        bucket.settle(now_s)
        if bucket.rate != rate:
            bucket.change(rate)
        return bucket, 0.0 if bucket.tokens + SLACK >= cost else bucket.wait_s(cost)

    def _let_go(self, now_s: float) -> None:
        """Drop buckets that are full, and find out when the next will be.

        Each has one entry that says when it is full at the earliest; what was taken since is found out here.
        """
        while self._due:
            due_s, key = self._due[0]
            bucket = self._buckets[key]
            bucket.settle(now_s)
            full_s = bucket.full_s()
            if full_s <= now_s:
                heapq.heappop(self._due)
                del self._buckets[key]
            elif full_s > due_s:
                heapq.heapreplace(self._due, (full_s, key))
            else:
                return
