"""A call over many agents in pieces: sent to whoever has them, landed, and put together with an outcome for each.

Owns how many pieces are on their way, and what is raised where some agents failed. Knows no agent and no request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from quantum_memory.actors.directory import Directory
from quantum_memory.actors.operations import Call, domain_errors
from quantum_memory.errors import QuantumMemoryError, SomeFailed

if TYPE_CHECKING:
    from ray import ObjectRef

R = TypeVar("R")
IN_FLIGHT = 2
"""Pieces on their way to one orchestrator: it works on one while the next one travels."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call over many agents is to come to.

    Attributes:
        what: the operation.
        keys: how its caller names each agent, in his order.
        failed: errors of those who are not even asked, by their number among the keys.
        op: the operation's name where it writes.
    """

    what: str
    keys: tuple[Any, ...]
    failed: Mapping[int, QuantumMemoryError]
    op: str | None = None

    def together(self, outcomes: Mapping[int, Any]) -> dict[Any, Any]:
        """What each came to by its caller's name.

        Raises: SomeFailed if any failed; that error itself where one agent alone was asked.
        """
        told = {number: self.failed.get(number, outcomes.get(number)) for number in range(len(self.keys))}
        errors = {number: one for number, one in told.items() if isinstance(one, QuantumMemoryError)}
        if errors and len(told) == 1:
            raise errors[0]
        done = {self.keys[number]: one for number, one in told.items() if number not in errors}
        if errors:
            raise SomeFailed(self.what, done, {self.keys[number]: one for number, one in errors.items()}, self.op)
        return done


class Piece(NamedTuple):
    """One call to one orchestrator, for the keys of these numbers; how long it may take; and which orchestrator."""

    call: Call[list[Any]]
    numbers: tuple[int, ...]
    deadline_s: float
    owner: int


class Sent(NamedTuple):
    """A piece that was sent: where its outcomes will be."""

    answer: ObjectRef[list[Any]]
    numbers: tuple[int, ...]
    deadline_s: float


class ManyCall(Call[dict[Any, R]]):
    """A call over many agents that has not begun."""

    def __init__(self, plan: Plan, pieces: Sequence[Piece], directory: Directory) -> None:
        self._plan, self._pieces, self._directory = plan, pieces, directory

    def result(self) -> dict[Any, R]:
        """Send the pieces, a few at a time, and wait for all. Raises: SomeFailed, or the one agent's error."""
        return self.begun()()

    def begun(self) -> Callable[[], dict[Any, R]]:
        """Send the first pieces now; calling what comes back sends the others and waits."""
        flight = _Flight(self._pieces)
        flight.go_on()
        return lambda: self._plan.together(flight.outcomes())

    def begin(self) -> Awaitable[dict[Any, R]]:
        """Send all of it now; awaiting what comes back gives the answer."""
        return collected(*self._sent())

    def send(self) -> ObjectRef[dict[Any, R]]:
        """Send all of it now; an orchestrator puts the outcomes together."""
        return self._directory.call("agents", 0, "collected", self._sent()).send()

    def _sent(self) -> tuple[Plan, list[Sent]]:
        failed, sent = dict(self._plan.failed), []
        for piece in self._pieces:
            try:
                sent.append(Sent(piece.call.send(), piece.numbers, piece.deadline_s))
            except QuantumMemoryError as error:
                failed.update(dict.fromkeys(piece.numbers, error))
        plan = self._plan
        return Plan(plan.what, plan.keys, failed, plan.op), sent


class _Flight:
    """Pieces on their way, no more than ``IN_FLIGHT`` to one orchestrator."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._waiting = deque(pieces)
        self._most = IN_FLIGHT * len({piece.owner for piece in pieces})
        self._flying: deque[tuple[tuple[int, ...], Callable[[], list[Any]]]] = deque()
        self._outcomes: dict[int, Any] = {}

    def go_on(self) -> None:
        """Send as many as there is room for. Pieces come in turns, so the first that flies is the next to land."""
        while self._waiting and len(self._flying) < self._most:
            piece = self._waiting.popleft()
            try:
                self._flying.append((piece.numbers, piece.call.begun()))
            except QuantumMemoryError as error:
                self._outcomes.update(dict.fromkeys(piece.numbers, error))

    def outcomes(self) -> dict[int, Any]:
        """What each key came to, by number. An error of a whole piece is that of each of its keys."""
        while self._flying:
            numbers, landed = self._flying.popleft()
            try:
                self._outcomes.update(zip(numbers, landed(), strict=True))
            except QuantumMemoryError as error:
                self._outcomes.update(dict.fromkeys(numbers, error))
            self.go_on()
        return self._outcomes


async def collected(plan: Plan, sent: Sequence[Sent]) -> dict[Any, Any]:
    """What pieces that were sent come to together. Raises: as ``Plan.together``."""
    outcomes: dict[int, Any] = {}
    for one, answer in zip(sent, await asyncio.gather(*(_landed(plan.what, one) for one in sent)), strict=True):
        several = [answer] * len(one.numbers) if isinstance(answer, QuantumMemoryError) else answer
        outcomes.update(zip(one.numbers, several, strict=True))
    return plan.together(outcomes)


async def _landed(what: str, sent: Sent) -> list[Any] | QuantumMemoryError:
    try:
        with domain_errors(what, sent.deadline_s):
            answer: list[Any] = await asyncio.wait_for(sent.answer, sent.deadline_s)
    except QuantumMemoryError as error:
        return error
    return answer
