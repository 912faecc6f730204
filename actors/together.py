"""Calls that come while others like them are being done, and are done with each other: questions, and brief writes.

Owns who waits for which batch. Asks and writes nothing itself. Nobody waits for others to come: whatever has come while
a batch was done is the next one, and a call that comes alone is done at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from quantum_memory.actors.apart import apart, asked_apart
from quantum_memory.actors.requests import RememberRequest
from quantum_memory.actors.turns import Turn, Turns
from quantum_memory.actors.writing import Writer
from quantum_memory.errors import QuantumMemoryError
from quantum_memory.telemetry.carried import CARRIED, Carried, shared
from quantum_memory.types import BranchId, MemoryId

T = TypeVar("T")
R = TypeVar("R")
Asked = tuple[T, asyncio.Future[R], Carried | None]
"""A question, whoever waits for its answer, and what it was asked for."""
MOST = 64
"""Calls of one batch."""
FLYING = 3
"""Batches of questions to one lineage that are answered at a time: while one travels, others are worked on."""
FEW = 4
"""Questions that go together where no more wait than others can take: who is in a small batch is answered sooner."""
WRITING = 1
"""Batches that are written at a time. Two were slower: each was half as large."""
PATIENCE_S = 2.0
"""How long a batch may keep others from being written. One that takes longer has met a part that is slow or away."""


class Questions(Generic[T, R]):
    """Questions to the same keep each other company. One that fails takes no other along, whatever it fails with.

    Args:
        work: answers several, in order, or says what one is refused with; harmless to repeat.
    """

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R | QuantumMemoryError]]]) -> None:
        self._work = work
        self._waiting: dict[Hashable, list[Asked[T, R]]] = {}
        self._flying: dict[Hashable, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, key: Hashable, question: T) -> R:
        """The answer to a question; it shares a batch with others of its key alone. Raises: what it is refused with."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append((question, answer, CARRIED.get()))
        if self._flying.get(key, 0) < FLYING:
            self._flying[key] = self._flying.get(key, 0) + 1
            _kept(self._tasks, self._done(key))
        return await answer

    def waiting(self, key: Hashable) -> int:
        """How many questions of a key are in no batch yet, those included for which nobody waits any more."""
        return len(self._waiting.get(key, ()))

    async def settled(self) -> None:
        """Wait until nothing is being answered any more."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _done(self, key: Hashable) -> None:
        """Answer what waits, batch after batch, until nothing does. However it ends, it is in nobody's way then."""
        try:
            while waiting := self._waiting.get(key):
                share = min(MOST, max(FEW, -(-len(waiting) // FLYING)))
                self._waiting[key] = waiting[share:]
                some = [one for one in waiting[:share] if not one[1].done()]
                if not some:
                    continue
                CARRIED.set(shared([carried for _, _, carried in some]))
                await _settled([answer for _, answer, _ in some], asked_apart(self._asked, some))
        finally:
            self._flying[key] -= 1
            if not self._flying[key]:
                del self._flying[key]
                for _, answer, _ in self._waiting.pop(key, ()):
                    answer.cancel()

    async def _asked(self, some: Sequence[Asked[T, R]]) -> list[R | Exception]:
        """What these come to; one for whom nobody waits any more is not asked, however often the others are."""
        over = [answer.done() for _, answer, _ in some]
        questions = [question for (question, _, _), done in zip(some, over, strict=True) if not done]
        found = list(await self._work(questions)) if questions else []
        if len(found) != len(questions):
            raise ValueError(f"{len(found)} answers to {len(questions)} questions")
        answers = iter(found)
        return [asyncio.InvalidStateError() if done else next(answers) for done in over]


class Batch:
    """Brief writes that are to become durable together, each behind what came before it on its branch."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.requests: list[RememberRequest] = []
        self.answers: list[asyncio.Future[list[MemoryId]]] = []
        self.carried: list[Carried | None] = []
        self._ids: set[tuple[BranchId, MemoryId]] = set()

    def takes(self, request: RememberRequest) -> bool:
        """Whether one more may come in: not beside one with the same id for a memory, of which it has to know."""
        return len(self.requests) < MOST and self._ids.isdisjoint(_chosen(request))

    def add(self, request: RememberRequest) -> asyncio.Future[list[MemoryId]]:
        """One more; the ids of its memories, once they are on disk."""
        self.requests.append(request)
        self._ids.update(_chosen(request))
        self.carried.append(CARRIED.get())
        self.answers.append(asyncio.get_running_loop().create_future())
        return self.answers[-1]


class Remembering:
    """Remembers, and lets what waits behind the same writes be written at once.

    What has to be perceived first, is long or stands behind something long is written alone, as it always was.

    Args:
        writer: writes.
        turns: the order of each branch's writes, which the writer shares.
    """

    def __init__(self, writer: Writer, turns: Turns) -> None:
        self._writer, self._turns = writer, turns
        self._open: Batch | None = None
        self._room = asyncio.Semaphore(WRITING)
        self._tasks: set[asyncio.Task[None]] = set()

    async def remember(self, request: RememberRequest) -> list[MemoryId]:
        """See ``Writer.remember``."""
        if not self._writer.brief(request) or not self._turns.soon(request.branch.id):
            return (await self._writer.remember([request]))[0]
        self._writer.check([request])
        return await self._batch(request).add(request)

    async def settled(self) -> None:
        """Wait until no batch is being written any more, also where nobody waits for it."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    def _batch(self, request: RememberRequest) -> Batch:
        """The batch that still takes it, or a new one."""
        batch, keys = self._open, [request.branch.id]
        if batch is None or not batch.takes(request) or not self._turns.join(batch.turn, keys):
            batch = self._open = Batch(self._turns.take(keys, brief=True))
            _kept(self._tasks, self._done(batch))
        return batch

    async def _done(self, batch: Batch) -> None:
        """Have a batch written once there is room; until that begins it takes more.

        One that is not over in ``PATIENCE_S`` leaves its room to others, and who comes to its branches then goes alone.
        """
        work: asyncio.Task[None] | None = None
        try:
            async with self._room:
                work = asyncio.create_task(self._written(batch))
                await asyncio.wait((work,), timeout=PATIENCE_S)
            batch.turn.brief = False
            self._close(batch)
            await work
        except BaseException as error:
            _failed(batch.answers, error)
            raise
        finally:
            if work is None:
                batch.turn.give_back()

    async def _written(self, batch: Batch) -> None:
        """Write a batch once those before it are over, without what nobody waits for any more."""
        async with batch.turn:
            self._close(batch)
            CARRIED.set(shared(batch.carried))
            some = [both for both in zip(batch.requests, batch.answers, strict=True) if not both[1].done()]
            await _settled([answer for _, answer in some], apart(self._writer.write, [request for request, _ in some]))

    def _close(self, batch: Batch) -> None:
        """Let a batch take no more."""
        if self._open is batch:
            self._open = None


def _chosen(request: RememberRequest) -> list[tuple[BranchId, MemoryId]]:
    return [(request.branch.id, one.id) for one in request.utterances if one.id is not None]


def _kept(tasks: set[asyncio.Task[None]], work: Awaitable[None]) -> None:
    """Begin something, and hold it until it is done."""
    task = asyncio.ensure_future(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def _settled(answers: Sequence[asyncio.Future[R]], work: Awaitable[Sequence[R | Exception]]) -> None:
    """Give everybody what the work came to for him. Nobody is left waiting, however it ends."""
    try:
        outcomes = list(zip(answers, await work, strict=True))
    except BaseException as error:
        _failed(answers, error)
        if not isinstance(error, Exception):
            raise
        return
    for answer, outcome in outcomes:
        if answer.done():  # whoever asked waits no longer
            continue
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)


def _failed(answers: Sequence[asyncio.Future[R]], error: BaseException) -> None:
    for answer in answers:
        if not answer.done() and isinstance(error, Exception):
            answer.set_exception(error)
        elif not answer.done():
            answer.cancel()
