"""A call that is several, one after the other, each made of what came of those before.

Owns the going on, waiting for answers or on an event loop. What the steps are is their caller's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, TypeVar

from quantum_memory.actors.operations import Call
from quantum_memory.errors import InvalidValue, QuantumMemoryError

R = TypeVar("R")
Stepping = Generator[Sequence[Call[Any]], list[Any], R]
"""Gives calls that are made together, and is sent their answers, in order; an error of one is raised in it."""


class Steps(Call[R]):
    """Calls that go on until there is an answer.

    Args:
        work: begins anew each time that it is called.
        what: what it does, for the error of ``send``.
    """

    def __init__(self, work: Callable[[], Stepping[R]], what: str) -> None:
        self._work, self._what = work, what

    def send(self) -> object:  # type: ignore[override]  # there is no reference to give
        """Raises: InvalidValue. There is no one actor whose answer a reference could stand for."""
        raise InvalidValue(self._what, ".remote", "a call, or 'begin' on an event loop: it is several calls")

    def result(self) -> R:
        """Do all of it and wait. Raises: what the steps raise."""
        return self.begun()()

    def begun(self) -> Callable[[], R]:
        """Make the first calls now; calling what comes back waits for them, and goes on."""
        work = self._work()
        try:
            first = _begun(next(work))
        except StopIteration as end:
            answer: R = end.value
            return lambda: answer
        return lambda: _go_on(work, first)

    def begin(self) -> Awaitable[R]:
        """Go on as the answers come; awaiting what comes back gives the answer, or raises as ``result`` does."""
        return self._going_on()

    async def _going_on(self) -> R:
        work = self._work()
        try:
            calls = next(work)
            while True:
                answers = await asyncio.gather(*(call.begin() for call in calls), return_exceptions=True)
                calls = _told(work, answers)
        except StopIteration as end:
            answer: R = end.value
            return answer


def _begun(calls: Sequence[Call[Any]]) -> list[Callable[[], Any]]:
    return [call.begun() for call in calls]


def _go_on(work: Stepping[R], waiting: list[Callable[[], Any]]) -> R:
    try:
        while True:
            waiting = _begun(_told(work, [_landed(one) for one in waiting]))
    except StopIteration as end:
        answer: R = end.value
        return answer


def _landed(waiting: Callable[[], Any]) -> Any:
    """An answer, or the error in its place: the others are waited for all the same."""
    try:
        return waiting()
    except QuantumMemoryError as error:
        return error


def _told(work: Stepping[Any], answers: Sequence[Any]) -> Sequence[Call[Any]]:
    """The next calls, once the work has heard what came of the last. Raises: StopIteration with the answer."""
    failed = next((one for one in answers if isinstance(one, BaseException)), None)
    return work.send(list(answers)) if failed is None else work.throw(failed)
