"""When to send a call again. Owns no connection and no clock: it says what is to be done, and is told how that went."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from quantum_memory_client.calls import Answer, Call
from quantum_memory_client.errors import ClientError, DeadlineExceeded, NoAnswer

T = TypeVar("T")
AGAIN = frozenset({429, 502, 503, 504})
NOTHING_DONE = frozenset({"busy", "uploads-full"})
"""Kinds of 503 with which the server says that it has done nothing."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often, and for how long.

    Pauses double from ``first_s`` to ``most_s``, and each is drawn from its upper half, so that many clients do not
    come back at once. A Retry-After is waited out where it is longer. Nothing is begun that the deadline leaves no time
    for.

    Attributes:
        deadline_s: for one call with all its pauses; 0 sends it once.
        draw: from [0, 1).
    """

    deadline_s: float = 60.0
    first_s: float = 0.1
    most_s: float = 5.0
    draw: Callable[[], float] = random.random

    def pause_s(self, attempt: int, told_s: float | None = None) -> float:
        """How long to wait after this attempt, the first of which is 0."""
        half_s = min(self.most_s, self.first_s * 2.0 ** min(attempt, 60)) / 2
        return max(half_s, told_s or 0.0) + half_s * self.draw()


class Send(NamedTuple):
    """Send this, and say what came back: an answer, or the error of a connection."""

    call: Call[Any]
    within_s: float


class Wait(NamedTuple):
    """Wait for so long."""

    seconds: float


Steps = Generator[Send | Wait, Answer | NoAnswer | None, T]


def performed(call: Call[T], retries: Retries, timeout_s: float, clock: Callable[[], float]) -> Steps[T]:
    """A call from its first attempt to what it says in the end.

    Raises: ClientError of the last attempt, which says whether an earlier one may have done what was asked.
    """
    end_s = clock() + retries.deadline_s
    attempt, lost = 0, False
    while True:
        left_s = end_s - clock()
        outcome = yield Send(call, min(timeout_s, left_s) if attempt else timeout_s)
        try:
            return _read(call, outcome)
        except ClientError as error:
            lost = lost or _is_lost(error)
            error.idempotency_key, error.may_be_done = call.key, lost and call.key is not None
            if not isinstance(error, NoAnswer) and error.status not in AGAIN:
                raise
            pause_s = retries.pause_s(attempt, error.retry_after_s)
            if clock() + pause_s >= end_s:
                raise
        yield Wait(pause_s)
        attempt += 1


def _read(call: Call[T], outcome: Answer | NoAnswer | None) -> T:
    if isinstance(outcome, Answer):
        return call.read_answer(outcome)
    if outcome is None:
        raise TypeError("a call that was sent has an outcome")
    raise outcome


def _is_lost(error: ClientError) -> bool:
    """Whether nobody knows what came of an attempt: the server did not say that nothing of it was done.

    Also where it says that a part of it is gone, as the vault: that may have done it before.
    """
    return isinstance(error, NoAnswer | DeadlineExceeded) or (
        error.status in (502, 503) and error.kind not in NOTHING_DONE
    )
