"""What was refused, written into the catalog a little later. Refuses nothing itself, and keeps nobody waiting."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from quantum_memory.cluster.service.access.ledger import Ledger
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.shares import of_tenant
from quantum_memory.errors import Denied
from quantum_memory.memory.vault.admission import MAX_TOLD_CHARS, NoteDenial

logger = logging.getLogger(__name__)
MOST_WAITING = 1_000
SHARES = 10
"""Each caller has one of so many parts of the room, and so have all together whom nobody knew."""
EVERY_S = 1.0


class Denials:
    """Denials on their way to the catalog. Used on one event loop.

    Whoever is refused over and over costs the vault one write every so often: of very many denials at once some are
    only counted, for each tenant. Each caller has a tenth of the room, and so have all together whom nobody knew; all
    of one tenant have no more than ``of_tenant``, however many they are.

    Args:
        ledger: the catalog.
        now: the clock.
        every_s: how often they are written.
        most: how many wait at most.
    """

    def __init__(
        self,
        ledger: Ledger,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        every_s: float = EVERY_S,
        most: int = MOST_WAITING,
    ) -> None:
        self._ledger, self._now, self._every_s, self._most = ledger, now, every_s, most
        self._waiting: deque[NoteDenial] = deque()
        self._waits: Counter[tuple[str | None, ...]] = Counter()
        self._uncounted: Counter[str | None] = Counter()
        self._writing: asyncio.Task[None] | None = None
        self._flushing = asyncio.Lock()

    def note(
        self,
        error: Denied,
        action: str,
        *,
        who: Principal | None = None,
        address: str | None = None,
        agent: str | None = None,
        request: str | None = None,
    ) -> None:
        """Something was denied; it is written down soon.

        Args:
            error: with which words.
            action: what was wanted, such as "GET /v1/agents".
            who: who wanted it, if he is known.
            address: from where.
            agent: which agent it was about, as he called it.
            request: the id of his request.
        """
        tenant, subject = (None, None) if who is None else (who.tenant, storable(who.subject))
        if (
            len(self._waiting) >= self._most
            or self._waits[(tenant,)] >= of_tenant(self._most)
            or self._waits[tenant, subject] >= self._most // SHARES
        ):
            self._uncounted[tenant] += 1
            return
        reason = "; ".join((str(error), *getattr(error, "__notes__", ())))
        self._wait(action, reason, tenant, subject, address, agent, request)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_soon())

    def _wait(self, action: str, reason: str, *told: str | None) -> None:
        fields = [None if text is None else storable(text) for text in told]
        one = NoteDenial(uuid4().hex, self._now(), storable(action), storable(reason), *fields)
        self._waiting.append(one)
        self._waits.update(_places(one))

    async def flush(self) -> None:
        """Write what waits now. Raises: Unavailable, StorageFailure; then it waits on."""
        async with self._flushing:
            if len(self._waiting) <= self._most:
                uncounted, self._uncounted = self._uncounted, Counter()
                for tenant, count in uncounted.items():
                    self._wait("many", f"{count} more were denied in a short time", tenant)
            batch = list(self._waiting)
            if batch:
                await self._ledger.write(*batch)
                for _ in batch:
                    self._waiting.popleft()
                self._waits = Counter(place for one in self._waiting for place in _places(one))

    async def close(self) -> None:
        """Write what waits, if that can be, and stop."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            self._writing = None
        await self._tried()

    async def _write_soon(self) -> None:
        """Write until nothing waits any more."""
        try:
            while self._waiting or self._uncounted:
                await asyncio.sleep(self._every_s)
                await self._tried()
        finally:
            self._writing = None

    async def _tried(self) -> None:
        try:
            await self.flush()
        except Exception as error:  # noqa: BLE001 (whatever it is, those that come later are written)
            logger.warning("%d denials could not be written and wait: %s", len(self._waiting), error)


def _places(one: NoteDenial) -> tuple[tuple[str | None, ...], ...]:
    """Of whose room it takes a place: of the caller's, and of his tenant's."""
    return (one.tenant, one.who), (one.tenant,)


def storable(text: str) -> str:
    """What a caller said as the catalog takes it: no longer than it may be, and nothing that cannot be shown."""
    told = text[:MAX_TOLD_CHARS].encode(errors="replace").decode()
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in told).strip() or "-"
