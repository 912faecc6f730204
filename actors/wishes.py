"""What open transactions mean to do to tags when they are kept.

Owns that until they end, or until nobody has gone on with them for so long that nobody will. Writes no tag.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile

from quantum_memory.memory.held import Held
from quantum_memory.memory.vault.writes import DropTag, PutTag
from quantum_memory.types import BranchId, Place, Tag

MOST = 10_000
"""Transactions that may have wishes at a time; those that were used longest ago lose theirs."""
LEAST_S = 3600.0
"""For so long at least nothing goes for want of use, however soon the vault collects a transaction."""


@dataclass
class Wishes:
    """The tags that a transaction means to put and drop, and the ids of all operations that asked for some."""

    ops: set[str] = field(default_factory=set)
    writes: list[PutTag | DropTag] = field(default_factory=list)
    tags: dict[str, Tag | None] = field(default_factory=dict)
    used_s: float = 0.0


class OpenWishes:
    """The wishes of transactions, by their branches.

    A transaction that comes to be kept after its wishes went is refused (TransactionOver), so none is lost unnoticed.

    Args:
        kept_s: how long they stay where nobody uses the transaction: as long as the vault keeps it.
        clock: seconds that only rise.
    """

    def __init__(self, kept_s: float = LEAST_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept_s, self._clock = max(kept_s, LEAST_S), clock
        self._held: Held[BranchId, Wishes] = Held(MOST)

    def __len__(self) -> int:
        return len(self._held)

    def find(self, branch: BranchId) -> Wishes | None:
        """Those of a transaction, which now count as used; ``None`` where it has none."""
        found = self._held.get(branch)
        if found is not None:
            found.used_s = self._clock()
        return found

    def of(self, branch: BranchId) -> Wishes:
        """The same, begun where it has none."""
        found = self.find(branch)
        if found is None:
            self.tidy()
            found = Wishes(used_s=self._clock())
            self._held.put(branch, found)
        return found

    def place(self, branch: BranchId, name: str) -> Place | None:
        """The place that a transaction means to give a name."""
        found = self.find(branch)
        tag = None if found is None else found.tags.get(name)
        return None if tag is None else tag.place

    def drop(self, branch: BranchId) -> None:
        """The transaction is over. Harmless if it has none."""
        self._held.drop(branch)

    def tidy(self) -> None:
        """Let go what nobody used for too long."""
        before = self._clock() - self._kept_s
        for branch, _ in list(takewhile(lambda held: held[1].used_s <= before, self._held.oldest())):
            self._held.drop(branch)
