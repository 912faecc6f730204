"""What a process knows of the sizes of pools, and for how long it may rely on that. Never changes a size.

A driver relies on what it was told for ``LEASE_S``, then asks again; so an actor that is to end after a change of size
may do so once no driver can mean it any more. Orchestrators are told of each change and rely on that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

from quantum_memory.errors import QuantumMemoryError
from quantum_memory.policies.placement import Layout

LEASE_S = 5.0
"""For so long a driver sends its calls where it was last told to."""
PATIENCE_S = 0.25
"""How long a call waits for the vault to say where it is to go; then it goes where the last one went."""


class KnownLayout:
    """The layout of one cluster as this process knows it. Thread-safe.

    Args:
        layout: what was told first.
        clock: seconds that only rise.
    """

    def __init__(self, layout: Layout, clock: Callable[[], float] = time.monotonic) -> None:
        self.layout, self._clock = layout, clock
        self._until = clock() + LEASE_S
        self._lock = threading.Lock()
        self._asked: Future[Layout] | None = None
        self._asked_at = 0.0

    def learn(self, layout: Layout) -> bool:
        """Take in what somebody told, if it is newer; whether it was."""
        with self._lock:
            if not layout.newer(self.layout):
                return False
            self.layout = layout
            return True

    def leased(self, ask: Callable[[], Future[Layout]]) -> Layout:
        """The layout for a call that is sent now. ``ask`` asks the vault.

        It is asked in the background when half of the lease is over, and waited for, a little, when all of it is.
        """
        now = self._clock()
        if not self.layout.cluster or now < self._until - LEASE_S / 2:
            return self.layout
        with self._lock:
            if self._asked is None:
                with suppress(QuantumMemoryError):  # the call itself will say what is wrong
                    self._asked, self._asked_at = ask(), now
            asked = self._asked
        if asked is None:
            return self.layout
        if now < self._until and not asked.done():
            return self.layout
        self._take(asked)
        return self.layout

    def _take(self, asked: Future[Layout]) -> None:
        told: Layout | None = None
        try:
            told = asked.result(PATIENCE_S)
        except TimeoutError:
            if not asked.done():  # the vault is away: it answers later, and nobody can change a size meanwhile
                self._until = self._clock() + PATIENCE_S * 4
                return
        except Exception:  # noqa: BLE001 - whatever keeps the vault from answering, the next call asks again
            told = None
        with self._lock:
            if self._asked is asked:
                self._asked = None
                self._until = (self._asked_at if told is not None else self._clock()) + LEASE_S
        if told is not None:
            self.learn(told)


_KNOWN: WeakValueDictionary[tuple[str, str], KnownLayout] = WeakValueDictionary()
_KNOWN_LOCK = threading.Lock()


def known_layout(namespace: str, layout: Layout) -> KnownLayout:
    """What this process knows of a cluster: one for all handles that come to it, however many are unpickled."""
    if not layout.cluster:
        return KnownLayout(layout)
    with _KNOWN_LOCK:
        known = _KNOWN.get((namespace, layout.cluster))
        if known is None:
            known = _KNOWN[namespace, layout.cluster] = KnownLayout(layout)
    known.learn(layout)
    return known


def as_layout(given: Any) -> Layout:
    """A layout, or the sizes of pools that nobody can change."""
    return given if isinstance(given, Layout) else Layout(dict(given))
