"""Views are told what is journalled. A long write does not wait for them, unless they are far behind.

Owns how much is on its way to each member of each view. A member is told in the order of the journal, so what is asked
afterwards comes after it; one that cannot be told reads it in the vault when it is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from quantum_memory.actors.ports import Port
from quantum_memory.actors.views import ViewHost
from quantum_memory.memory.events import Entry, Remembered, Revised, RolledBack

BEHIND = 1_000
"""Memories that may be on their way to one member of a view when a long write returns; other events count as one. So
long does whoever asks it next wait at most for what was written before.
"""
SHORT = 128
"""A write of fewer memories waits for the views all the same. What comes meanwhile is then written in one piece, which
is worth more: without that 565 remembers a second were acknowledged inline instead of 650.
"""


class Way:
    """What is on its way to a member of a view, oldest first."""

    def __init__(self) -> None:
        self._flying: dict[asyncio.Future[None], int] = {}

    def send(self, told: asyncio.Future[None], weight: int) -> None:
        """Something more is on its way, until that is done."""
        self._flying[told] = weight
        told.add_done_callback(lambda _: self._flying.pop(told, None))

    def far(self) -> asyncio.Future[None] | None:
        """The newest of what has to arrive before no more than ``BEHIND`` is on its way; nothing if that is so now."""
        after = 0
        for told, weight in reversed(self._flying.items()):
            after += weight
            if after > BEHIND:
                return told
        return None


class Telling:
    """Tells views what they are to take in.

    Args:
        views: the ways to all of them.
    """

    def __init__(self, views: Sequence[Port[Any]]) -> None:
        self._views = views
        self._ways: dict[tuple[int, int], Way] = {}

    async def tell(self, keys: Sequence[str], entries: Sequence[Entry]) -> None:
        """Tell every view of events in the vault, each under its lineage.

        Waits for the views after a write that is ``SHORT``. After others it waits until no more is on its way than may
        be, of what was sent up to now: what others send later is their own business.
        A rollback brings nothing, so it may travel with what comes next.
        """
        for view in self._views:
            view.lag.acknowledged(keys)
        if all(isinstance(entry.event, RolledBack) for entry in entries):
            for view in self._views:
                for key, entry in zip(keys, entries, strict=True):
                    view.post(ViewHost.apply, key, entry)
            return
        weights = [_weight(entry) for entry in entries]
        sent: dict[asyncio.Future[None], Way] = {}
        for number, view in enumerate(self._views):
            for member, share in view.shares(keys).items():
                told = view.tell(ViewHost.apply, [keys[at] for at in share], [entries[at] for at in share])
                way = sent[told] = self._ways.setdefault((number, member), Way())
                way.send(told, sum(weights[at] for at in share))
        waits = set(sent) if sum(weights) < SHORT else {far for way in sent.values() if (far := way.far()) is not None}
        if waits:
            await asyncio.wait(waits)


def _weight(entry: Entry) -> int:
    event = entry.event
    return len(event.memories) if isinstance(event, (Remembered, Revised)) else 1
