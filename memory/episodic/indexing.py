"""Indexes of sealed runs, built by a clerk behind the writes. Until they are there, runs are searched exactly.

Owns when a run gets its index. Never changes what a run holds.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import partial

from quantum_memory.memory.clerk import Clerk
from quantum_memory.memory.episodic.dense import IndexPolicy, build
from quantum_memory.memory.episodic.dense.gpu import available
from quantum_memory.memory.episodic.runs import Run, Slice

WAITING = 256
"""Runs that may wait for their index; any more are offered again with the next event."""


class Indexer:
    """Sees to it that sealed runs get an index.

    Args:
        sealed: rows from which a run is never joined again, nor are those before it; so each row is indexed once.
        policy: which index.
        clerk: who builds them; ``None`` for a thread of its own.
    """

    def __init__(self, sealed: int, policy: IndexPolicy | None = None, clerk: Clerk | None = None) -> None:
        self._sealed, self.policy = sealed, policy or IndexPolicy()
        self._clerk = clerk or Clerk("indexes", WAITING)
        self._building = threading.Lock()

    def see(self, slices: Iterable[Slice]) -> None:
        """Have the runs indexed among a state's that are never joined again, large enough, and not indexed yet."""
        last = False
        for part in reversed(tuple(slices)):
            run, last = part.block, last or part.length >= self._sealed
            if last and isinstance(run, Run) and not run.indexed:
                flat = self.policy.kind_for(part.length) == "flat" and not available(self.policy.device)
                run.indexed = flat or self._clerk.offer(run, partial(self._build, run))

    def ensure(self, run: Run) -> None:
        """Index a run here and now, if it is to have an index and has none yet. Any thread may call it."""
        if len(run) >= self._sealed and self.policy.kind_for(len(run)) != "flat":
            run.indexed = True
            self._build(run)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Come back when all that was seen is indexed, or the time is over. Whether nothing is left."""
        return self._clerk.wait(timeout_s)

    @property
    def failed(self) -> int:
        """How many could not be built; their runs go on being searched exactly."""
        return self._clerk.failed

    def close(self, timeout_s: float | None = None) -> None:
        """Build no more than what waits, and of that no more than there is time for."""
        self._clerk.close(timeout_s)

    def _build(self, run: Run) -> None:
        with self._building:
            if run.index.kind == "flat":
                run.index = build(run.index.array, self.policy)
