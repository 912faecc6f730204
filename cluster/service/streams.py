"""Memories that come as a stream of JSON lines: several batches on their way, and told line by line what was refused.

Owns the pace; holds no more than the batches that are on their way. Every line has an id, its own or one made of what
it says and of all that stands before it, so the same stream again adds nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.importing import BATCH, LISTED
from quantum_memory.actors.requests import check_utterances
from quantum_memory.cluster.service import problems
from quantum_memory.cluster.service.limits.meter import Meter
from quantum_memory.cluster.service.models_memories import Said
from quantum_memory.cluster.service.refusals import Refusal
from quantum_memory.cluster.service.strict_json import parsed
from quantum_memory.errors import InvalidInput, InvalidValue, QuantumMemoryError
from quantum_memory.memory.exchange.entries import WINDOW, derived_id
from quantum_memory.settings import Settings
from quantum_memory.types import MemoryId, Utterance

WAITED_S = 0.5
"""How long a stream that is over its rate waits at once, so that it still tells how far it came."""
BATCH_BYTES = 1 << 20
"""Of lines; one that is longer is a batch of its own."""
Numbered = tuple[int, bytes]
T = TypeVar("T")


class Duplex(StreamingResponse):
    """An answer that is sent while the request's body is still read: nobody else may ask for what comes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        await self.stream_response(send)


@dataclass
class Count:
    """How far a stream came: its last line, memories that are on disk, and lines that were refused."""

    line: int = 0
    remembered: int = 0
    refused: int = 0

    def told(self, event: str, **more: Any) -> bytes:
        """A line of the answer."""
        return json.dumps({"event": event, **vars(self), **more}, allow_nan=False).encode() + b"\n"


class Read(NamedTuple):
    """What some lines say: what is to be remembered, and what is wrong with the others, by line."""

    good: list[Utterance]
    bad: list[tuple[int, dict[str, Any]]]


class Remembering:
    """One stream.

    Args:
        handle: whose memory.
        settings: what a memory may be, and the pace.
        request_id: of the request that brings it, for problems.
        tenant: whose names problems have.
        meter: what its lines are paid by.
    """

    def __init__(self, handle: AgentHandle, settings: Settings, request_id: str, tenant: str, meter: Meter) -> None:
        self._meter = meter
        self._handle, self._settings, self._http = handle, settings, settings.service.http
        self._request_id, self._tenant = request_id, tenant
        self._batch = min(BATCH, settings.limits.batch)
        self._count = Count()
        self._seen: dict[MemoryId, int] = {}
        self._before = ""
        self._told_s = 0.0
        self._sent: deque[asyncio.Future[list[MemoryId]]] = deque()

    async def run(self, lines: AsyncIterator[Numbered]) -> AsyncIterator[bytes]:
        """Remember what the lines say; the lines of the answer.

        A line that cannot be remembered is told of and left out. Where a batch fails, or the stream itself, the last
        line says so ("failed") and nothing after that is remembered; else it says "done". Where its caller is over a
        rate nothing more of it is read until he is not.
        """
        self._told_s = asyncio.get_running_loop().time()
        try:
            async for batch in self._batches(lines):
                self._meter.add(len(batch))
                while wait_s := await self._meter.pay():
                    await asyncio.sleep(min(wait_s, WAITED_S))
                    for progress in self._progress():
                        yield progress
                for refusal in await self._take(batch):
                    yield refusal
                for progress in self._progress():
                    yield progress
            await self._settle(0)
        except (QuantumMemoryError, Refusal) as error:
            await self._end()
            yield self._count.told("failed", problem=self._problem(error))
        except ClientDisconnect:
            await self._end()  # whoever sent it is gone: nobody reads how it ended
        else:
            yield self._count.told("done")

    def _progress(self) -> list[bytes]:
        """What is told of how far it came, if it is time to."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._told_s < self._http.progress_s:
            return []
        self._told_s = now_s
        return [self._count.told("progress")]

    async def _batches(self, lines: AsyncIterator[Numbered]) -> AsyncIterator[list[Numbered]]:
        waiting: list[Numbered] = []
        nbytes = 0
        async for number, line in lines:
            waiting.append((number, line))
            nbytes += len(line)
            if len(waiting) == self._batch or nbytes >= BATCH_BYTES:
                yield waiting
                waiting, nbytes = [], 0
        if waiting:
            yield waiting

    async def _take(self, batch: Sequence[Numbered]) -> list[bytes]:
        """Send what a batch says, when there is room for it; what is to be told of its other lines."""
        read = await asyncio.to_thread(self._read, batch)
        self._count.line = batch[-1][0]
        if read.good:
            await self._settle(self._http.in_flight - 1)
            self._sent.append(asyncio.ensure_future(_of(self._handle.remember.begin(read.good))))
        room = max(0, LISTED - self._count.refused)
        self._count.refused += len(read.bad)
        return [self._count.told("refused", line=number, problem=told) for number, told in read.bad[:room]]

    def _read(self, batch: Sequence[Numbered]) -> Read:
        read = Read([], [])
        for number, line in batch:
            try:
                read.good.append(self._utterance(number, line))
            except (InvalidInput, Refusal) as error:
                read.bad.append((number, self._problem(error)))
            except ValidationError as error:
                misfits = error.errors(include_url=False, include_context=False, include_input=False)
                read.bad.append((number, problems.invalid([dict(one) for one in misfits], self._request_id)))
        return read

    def _utterance(self, number: int, line: bytes) -> Utterance:
        """Raises: Refusal, ValidationError, InvalidInput."""
        one = Said.model_validate(parsed(line, self._http.depth)).utterance()
        check_utterances([one], self._settings)
        before = derived_id(self._before, one)
        identity = one.id or before
        if identity in self._seen:
            raise InvalidValue("id", repr(identity), f"another one than in line {self._seen[identity]}")
        self._before, self._seen[identity] = before, number
        if len(self._seen) > WINDOW:
            del self._seen[next(iter(self._seen))]
        return replace(one, id=identity)

    async def _settle(self, room: int) -> None:
        """Count what is there, and wait until no more batches are on their way. Raises: what remembering raises."""
        while len(self._sent) > room or (self._sent and self._sent[0].done()):
            self._count.remembered += len(await self._sent[0])
            self._sent.popleft()

    async def _end(self) -> None:
        """Wait for what is on its way, and count what of it was remembered."""
        for answer in await asyncio.gather(*self._sent, return_exceptions=True):
            if not isinstance(answer, BaseException):
                self._count.remembered += len(answer)
        self._sent.clear()

    def _problem(self, error: QuantumMemoryError | Refusal) -> dict[str, Any]:
        if isinstance(error, Refusal):
            return problems.refused(error, self._request_id)
        return problems.problem_of(error, self._request_id, self._tenant)


async def _of(answer: Awaitable[T]) -> T:
    return await answer
