"""Statements read behind the writes: what was remembered goes to an extractor, and the graph is told what it says.

Never in the way of a write, and never the reason why one fails. Owns the queue and the extractor; the texts and the
graph are read in the views. What waits is lost with the process, and read when somebody asks for it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from blake3 import blake3

from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.journal import Draft
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.semantic_graph import SemanticGraphHost
from quantum_memory.actors.views import CLOSING_S
from quantum_memory.errors import DeadlineExceeded, InvalidValue, NotFound
from quantum_memory.memory.events import Entry, Remembered, Revised
from quantum_memory.memory.merging import Under
from quantum_memory.memory.semantic.endpoint_extractor import EndpointExtractor
from quantum_memory.memory.semantic.extractors import Extractor, RuleExtractor
from quantum_memory.memory.semantic.hearing import Reading
from quantum_memory.memory.semantic.relating import RelationExtractor
from quantum_memory.memory.semantic.spacy_extractor import SpacyExtractor
from quantum_memory.settings import GraphSettings, Settings
from quantum_memory.types import UNASKED_KINDS, Branch, Memory, MemoryId, Place

logger = logging.getLogger(__name__)
WAITING = 20_000
"""Memories that wait to be read, of all branches; beyond that new ones are left out until somebody asks for them."""
BATCH = 16
"""Memories read at a time: by rules a few milliseconds."""
DELAY_S = 0.25
"""Before the first batch, so that whatever was asked right after a write goes first; and the longest rest later on."""
RESTS = 3.0
"""Times as long as a batch took it rests after it: others are waiting for the same branch and the same processor."""
Decide = Callable[[], Awaitable[Sequence[Draft]]]


class Due(NamedTuple):
    """Memories of a branch that are to be read. ``revised``: the event at this place rewrote them."""

    branch: Branch
    ids: tuple[MemoryId, ...]
    place: Place
    revised: bool = False


class Outcome(NamedTuple):
    """How many relations the graph was told of, and why some memories could not be read."""

    relations: int = 0
    errors: tuple[Exception, ...] = ()


class Extracting:
    """Reads the statements of memories on one event loop, one batch at a time.

    Args:
        parts: ways to the views and the journal.
        settings: which extractor, and how long closing may take.
        write: writes what is decided on a branch's head when its turn comes, and decides again if the head moved.
    """

    def __init__(self, parts: Parts, settings: Settings, write: Callable[[Branch, Decide], Awaitable[None]]) -> None:
        self._parts, self._wanted, self._write = parts, settings.graph, write
        self._closing_s = min(CLOSING_S, settings.timeouts.call_s / 4)
        self._due: deque[Due] = deque()
        self._waiting = self._told = self._dropped = self._failed = 0
        self._complained: set[str] = set()
        self._worker: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._closing, self._stop = asyncio.Event(), threading.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="extraction")
        self._made: RelationExtractor | None = None

    @property
    def on(self) -> bool:
        """Whether the settings name an extractor."""
        return self._wanted.extractor != "off"

    def soon(self, branch: Branch, entries: Sequence[Entry]) -> None:
        """Read what these acknowledged events brought, and let nobody wait for it.

        Of a transaction nobody knows yet whether it stays: what it brought is read on the branch that it is kept on.
        """
        if not self.on or branch.kind == "transaction" or self._closing.is_set():
            return
        for entry in entries:
            if isinstance(entry.event, Remembered | Revised):
                ids = tuple(memory.id for memory in entry.event.memories if memory.kind not in UNASKED_KINDS)
                self._queue(Due(branch, ids, entry.place, isinstance(entry.event, Revised)))
        if self._due and (self._worker is None or self._worker.done()):
            self._worker = asyncio.get_running_loop().create_task(self._drain())

    async def catch_up(self, branch: Branch, last: int) -> int:
        """Read those of the last memories that have told the graph nothing; how many relations it was told of.

        Raises: InvalidValue if no extractor is set; the first error of the extractor, once what else is in its batch
            was written.
        """
        if not self.on:
            raise InvalidValue("graph.extractor", self._wanted.extractor, "rules, spacy or endpoint in the settings")
        place, told = await self._parts.journal.tip(branch), 0
        ids = await self._parts.episodic.ask(EpisodicMemoryHost.latest, branch.lineage, (place, last))
        for start in range(0, len(ids), BATCH):
            async with self._one_at_a_time:
                here = await self._parts.journal.tip(branch)
                asked = Under(here, ids[start : start + BATCH])
                silent = await self._parts.graph.ask(SemanticGraphHost.silent, branch.lineage, asked)
                outcome = await self._read(Due(branch, silent, here))
            told += outcome.relations
            if outcome.errors:
                raise outcome.errors[0]
        return told

    def status(self) -> dict[str, int]:
        """Memories that wait, relations that were told of, and memories that were left out or could not be read."""
        return {
            "extraction_waiting": self._waiting,
            "extraction_relations": self._told,
            "extraction_dropped": self._dropped,
            "extraction_failed": self._failed,
        }

    async def close(self) -> None:
        """Read what waits, as much as there is time for, and no more. What is left is read when somebody asks."""
        self._closing.set()
        if self._worker is not None and not self._worker.done():
            await asyncio.wait([self._worker], timeout=self._closing_s)
        self._stop.set()
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker
        if self._waiting:
            logger.warning("%d memories were not read for their statements before the end", self._waiting)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _queue(self, due: Due) -> None:
        taken = due.ids[: max(0, WAITING - self._waiting)]
        left = len(due.ids) - len(taken)
        if left and not self._dropped:
            logger.warning("more than %d memories wait to be read for their statements: others are left out", WAITING)
        self._dropped += left
        if taken:
            self._due.append(due._replace(ids=taken))
            self._waiting += len(taken)

    async def _drain(self) -> None:
        rest_s = DELAY_S
        while self._due:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), rest_s)
            begun, due = time.monotonic(), self._next()
            try:
                async with self._one_at_a_time:
                    outcome = await self._read(due)
            except NotFound as error:
                logger.debug("the branch of %d memories is gone: %s", len(due.ids), error)
            except Exception as error:  # noqa: BLE001 - nobody waits for it who could be told
                self._complain([error] * len(due.ids))
            else:
                self._complain(outcome.errors)
            self._waiting -= len(due.ids)
            rest_s = min(RESTS * (time.monotonic() - begun), DELAY_S)

    def _next(self) -> Due:
        """The next batch of one branch; what was remembered one by one is read together."""
        due = self._due.popleft()
        while self._due and not (due.revised or self._due[0].revised) and self._due[0].branch.id == due.branch.id:
            if len(due.ids) >= BATCH:
                break
            due = due._replace(ids=due.ids + self._due.popleft().ids)
        if len(due.ids) > BATCH:
            self._due.appendleft(due._replace(ids=due.ids[BATCH:]))
        return due._replace(ids=due.ids[:BATCH])

    def _complain(self, errors: Sequence[Exception]) -> None:
        """Count what could not be read, and say so once for each kind of error until all goes well again."""
        self._failed += len(errors)
        if not errors:
            self._complained.clear()
        for error in errors:
            kind = type(error).__name__
            if kind not in self._complained:
                self._complained.add(kind)
                logger.warning("statements were not read, %d memories so far: %s: %s", self._failed, kind, error)

    async def _read(self, due: Due) -> Outcome:
        """Read some memories as they stand now, and tell the graph what is new in them."""
        if not due.ids:
            return Outcome()
        branch, loop = due.branch, asyncio.get_running_loop()
        here = await self._parts.journal.tip(branch)
        memories = await self._standing(branch, here, due.ids)
        before: dict[MemoryId, Memory] = {}
        if due.revised and memories:
            before = await self._standing(branch, Place(branch.id, due.place.seq - 1), due.ids)
        pairs = [(memory, before.get(one)) for one, memory in memories.items()]
        read = await loop.run_in_executor(self._thread, self._readings, pairs)
        errors = tuple(one for one in read if isinstance(one, Exception))
        said = [one for one in read if isinstance(one, Reading) and one.says]
        written = 0

        async def decide() -> Sequence[Draft]:
            nonlocal written
            there = await self._parts.journal.tip(branch)
            now = memories if there == here else await self._standing(branch, there, due.ids)
            fresh = tuple(one for one in said if _reads_alike(now.get(one.new.memory), memories[one.new.memory]))
            told = await self._parts.graph.ask(SemanticGraphHost.hear, branch.lineage, (there, fresh))
            written = sum(len(one.event.relations) for one in told)
            return [Draft(branch, one.event, operation_id(there, one.memory)) for one in told]

        if said:
            await self._write(branch, decide)
        self._told += written
        return Outcome(written, errors)

    async def _standing(self, branch: Branch, place: Place, ids: Sequence[MemoryId]) -> dict[MemoryId, Memory]:
        """Those of some memories that are there at a place, in the order of their ids."""
        asked = Under(place, tuple(ids))
        found = await self._parts.episodic.ask(EpisodicMemoryHost.memory_versions, branch.lineage, asked)
        standing = {one: found.get(one) for one in ids}
        return {one: memory for one, memory in standing.items() if isinstance(memory, Memory)}

    def _readings(self, pairs: Sequence[tuple[Memory, Memory | None]]) -> list[Reading | Exception]:
        """What each memory says, and said before, or why it could not be read. Runs in the thread."""
        if self._made is None:
            extractor = extractor_of(self._wanted, self._rest)
            self._made = RelationExtractor(extractor, least_confidence=self._wanted.least_confidence)
        read: list[Reading | Exception] = []
        for memory, before in pairs:
            if self._stop.is_set():
                break
            try:
                read.append(_reading(self._made, memory, before))
            except Exception as error:  # noqa: BLE001 - an extractor may raise anything, and the next may go well
                read.append(error)
        return read

    def _rest(self, seconds: float) -> None:
        """How an extractor waits before it tries again: not beyond the end. Raises: DeadlineExceeded."""
        if self._stop.wait(seconds):
            raise DeadlineExceeded("extraction", self._closing_s)


def extractor_of(wanted: GraphSettings, sleep: Callable[[float], None] = time.sleep) -> Extractor:
    """The extractor that the settings name. Loads a model if it has one, and opens no connection.

    Raises: MissingDependency; InvalidValue, also where it is off.
    """
    if wanted.extractor == "rules":
        return RuleExtractor()
    if wanted.extractor == "spacy":
        return SpacyExtractor(wanted.spacy_model)
    if wanted.extractor == "endpoint":
        return EndpointExtractor(
            wanted.endpoint_url or "",
            wanted.endpoint_model or "",
            wanted.endpoint_key_file,
            api_key_env=wanted.endpoint_key_env,
            timeout_s=wanted.endpoint_timeout_s,
            retries=wanted.endpoint_retries,
            sleep=sleep,
        )
    raise InvalidValue("graph.extractor", wanted.extractor, "rules, spacy or endpoint in the settings")


def operation_id(here: Place, memory: MemoryId) -> str:
    """The id of the operation that tells what a memory says after an event: a repeated call is done once."""
    return blake3(f"extract:{here.branch}:{here.seq}:{memory}".encode()).hexdigest(length=16)


def _reading(reader: RelationExtractor, memory: Memory, before: Memory | None) -> Reading:
    (new,) = reader.read([memory])
    if before is None or _reads_alike(before, memory):
        return Reading(new)
    return Reading(new, reader.read([before])[0])


def _reads_alike(one: Memory | None, other: Memory) -> bool:
    """Whether two versions of a memory say the same to an extractor."""
    return one is not None and (one.text, one.speaker, one.at) == (other.text, other.speaker, other.at)
