"""Views are told what is journalled. A long write does not wait for them, unless they are far behind.

Owns how much is on its way to the views. Each is told in the order of the journal, so what is asked afterwards comes
after it; one that cannot be told reads it in the vault when it is asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from quantum_memory.actors.ports import Port
from quantum_memory.actors.views import ViewHost
from quantum_memory.memory.events import Entry, Remembered, Revised, RolledBack

BEHIND = 1_000
"""Memories of a lineage that may be on their way to the views when a write returns; other events count as one. So long
does whoever asks next wait at most for what was written before.
"""
SHORT = 128
"""A write of fewer memories waits for the views all the same. What comes meanwhile is then written in one piece, which
is worth more: without that 565 remembers a second were acknowledged inline instead of 650.
"""


class Telling:
    """Tells views what they are to take in.

    Args:
        views: the ways to all of them.
    """

    def __init__(self, views: Sequence[Port[Any]]) -> None:
        self._views = views
        self._flying: dict[str, dict[asyncio.Future[Any], int]] = {}

    async def tell(self, keys: Sequence[str], entries: Sequence[Entry]) -> None:
        """Tell every view of events in the vault, each under its lineage.

        Waits for the views after a write that is ``SHORT``; after others until no more than ``BEHIND`` is on its way.
        A rollback brings nothing, so it may travel with what comes next.
        """
        for view in self._views:
            view.lag.acknowledged(keys)
        if all(isinstance(entry.event, RolledBack) for entry in entries):
            for view in self._views:
                for key, entry in zip(keys, entries, strict=True):
                    view.post(ViewHost.apply, key, entry)
            return
        told = asyncio.gather(*(view.tell(ViewHost.apply, keys, entries) for view in self._views))
        weights: Counter[str] = Counter()
        for key, entry in zip(keys, entries, strict=True):
            weights[key] += _weight(entry)
        for key, weight in weights.items():
            self._flying.setdefault(key, {})[told] = weight
        told.add_done_callback(partial(self._told, list(weights)))
        if weights.total() < SHORT:
            await asyncio.wait((told,))
        while before := self._too_many(weights):
            await asyncio.wait(before, return_when=asyncio.FIRST_COMPLETED)

    def _told(self, keys: Sequence[str], told: asyncio.Future[Any]) -> None:
        for key in keys:
            flying = self._flying[key]
            del flying[told]
            if not flying:
                del self._flying[key]

    def _too_many(self, keys: Counter[str]) -> set[asyncio.Future[Any]]:
        """What is on its way to lineages of these that are far behind."""
        ways = [self._flying[key] for key in keys if key in self._flying]
        return {one for flying in ways if sum(flying.values()) > BEHIND for one in flying}


def _weight(entry: Entry) -> int:
    event = entry.event
    return len(event.memories) if isinstance(event, (Remembered, Revised)) else 1
