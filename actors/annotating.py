"""What was so at a commit: read from the views a moment after it was acknowledged, and written beside it.

Never in the way of a write. What could not be read is logged, and read when somebody asks for the commits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.quantum_state import QuantumStateHost
from quantum_memory.actors.views import ViewHost
from quantum_memory.errors import CorruptRecord
from quantum_memory.memory.quantum.grid import Grid
from quantum_memory.memory.vault.writes import Annotate
from quantum_memory.types import Commit, Mood, Place

logger = logging.getLogger(__name__)
AMPLITUDE_BYTES = 8
"""Of one complex64."""
DENSE_BYTES = AMPLITUDE_BYTES * 2 ** Grid().sites
"""What a mood would take if every amplitude of its grid were kept."""
DELAY_S = 0.25
"""Between two readings, so that whatever was asked right after a commit goes first."""
BATCH = 4
"""Commits read at a time: a mood takes milliseconds, and others are waiting."""
ASKED = 32
"""Of those who ask for commits, the newest so many are read while they wait."""
WAITING = 4096
"""Commits that wait to be read; beyond that the oldest waits for somebody to ask."""


class Annotator:
    """Reads the context of commits on one event loop.

    Args:
        parts: ways to the views and the journal.
        now: the time that a context is stamped with.
    """

    def __init__(self, parts: Parts, now: Callable[[], datetime]) -> None:
        self._parts, self._now = parts, now
        self._waiting: deque[Commit] = deque(maxlen=WAITING)
        self._worker: asyncio.Task[None] | None = None

    def soon(self, commits: Sequence[Commit]) -> None:
        """Read and write the contexts of commits, and let nobody wait for it."""
        self._waiting += commits
        if self._waiting and (self._worker is None or self._worker.done()):
            self._worker = asyncio.get_running_loop().create_task(self._drain())

    async def filled(self, commits: Sequence[Commit]) -> list[Commit]:
        """The commits with their contexts. Of those that have none the newest few are read now, the rest later."""
        missing = [index for index, commit in enumerate(commits) if commit.context is None]
        now, later = missing[-ASKED:], missing[:-ASKED]
        self.soon([commits[index] for index in later])
        whole = list(commits)
        for index, read in zip(now, await self._read([commits[index] for index in now]), strict=True):
            whole[index] = read
        return whole

    async def close(self) -> None:
        """Stop reading. What was not read is read when somebody asks."""
        self._waiting.clear()
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker

    async def _drain(self) -> None:
        while self._waiting:
            await asyncio.sleep(DELAY_S)
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                await self._read(batch)
            except Exception as error:  # noqa: BLE001 - nobody waits for it who could be told
                logger.warning("the contexts of %d commits were not read: %s", len(batch), error)

    async def _read(self, commits: Sequence[Commit]) -> list[Commit]:
        if not commits:
            return []
        places = [commit.place for commit in commits]
        lineages = [(await self._parts.journal.branch(place.branch)).lineage for place in places]
        moods, counts = await asyncio.gather(
            self._parts.quantum.scatter(QuantumStateHost.read, lineages, places),
            self._parts.episodic.scatter(EpisodicMemoryHost.count, lineages, places),
        )
        read_at = self._now()
        read = [
            replace(commit, context=context(mood, count, read_at))
            for commit, mood, count in zip(commits, moods, counts, strict=True)
        ]
        if await self._whole(lineages, places):
            await self._parts.journal.write([Annotate(commit.id, commit.context or {}) for commit in read])
        return read

    async def _whole(self, lineages: Sequence[str], places: Sequence[Place]) -> bool:
        """Whether nothing is missing from what is read; else it is told, and not written down."""
        try:
            await asyncio.gather(
                self._parts.quantum.scatter(ViewHost.whole, lineages, [("mood", place) for place in places]),
                self._parts.episodic.scatter(ViewHost.whole, lineages, [("memories", place) for place in places]),
            )
        except CorruptRecord as error:
            logger.warning("the contexts of %d commits are not written down: %s", len(places), error)
            return False
        return True


def context(mood: Mood, memories: int, read_at: datetime) -> dict[str, Any]:
    """What is written beside a commit, as plain values.

    ``mood`` is the mean, ``fidelity`` the overlap with the mood that was never compressed, ``bytes`` what its tensors
    take, ``dense_bytes`` what its amplitudes would take, and ``compression`` how many times as much that is.
    """
    return {
        "mood": {axis: float(getattr(mood.mean, axis)) for axis in ("pleasure", "arousal", "dominance")},
        "emotions": {name: float(chance) for name, chance in mood.emotions},
        "fidelity": float(mood.fidelity),
        "entropy": float(mood.entropy),
        "bond": int(mood.bond),
        "bytes": int(mood.nbytes),
        "dense_bytes": DENSE_BYTES,
        "compression": DENSE_BYTES / mood.nbytes,
        "felt_at": None if mood.at is None else mood.at.isoformat(),
        "memories": int(memories),
        "read_at": read_at.isoformat(),
    }
