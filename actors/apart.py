"""Work on many agents that is done at once, with an outcome for each: one that fails takes no other along.

Owns how the one that fails is told from the others, and what is told of a fault that nobody foresaw. Does no work
itself, knows no agent.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from traceback import format_exception_only
from typing import TypeVar

from quantum_memory.errors import Conflict, Fenced, InternalError, InvalidInput, NotFound, QuantumMemoryError

T = TypeVar("T")
R = TypeVar("R")
E = TypeVar("E", bound=Exception)
OWN = (InvalidInput, NotFound, Conflict)
"""Errors that are somebody's own: others may fare better. Where a part is away or the disk is full nobody does."""
logger = logging.getLogger(__name__)


async def apart(
    work: Callable[[Sequence[T]], Awaitable[Sequence[R | QuantumMemoryError]]], items: Sequence[T]
) -> list[R | QuantumMemoryError]:
    """What each item came to, or the error that refused it, in order.

    The work is done for all at once; where that raises an error that may be one item's own, it is done for each half
    anew; not where somebody else has them now, who is to be asked for all of them. So it must be harmless to repeat: a
    read, or a write with an operation id.
    """
    return await _halved(work, items, QuantumMemoryError)


async def asked_apart(
    work: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]], questions: Sequence[T]
) -> list[R | Exception]:
    """The same for questions, which are harmless to ask again whatever happened.

    So they are asked by halves also where something was raised that is none of this package's errors: one of them may
    have met a fault that the others do not. The log is told of it once.
    """
    return await _halved(work, questions, Exception)


def foreseen(what: str, outcomes: Sequence[R | Exception]) -> list[R | QuantumMemoryError]:
    """Outcomes that may be told to whoever asked, wherever he is. A fault that nobody foresaw is for the log to tell;
    he is told that there was one.
    """
    return [
        _fault(what, one) if isinstance(one, Exception) and not isinstance(one, QuantumMemoryError) else one
        for one in outcomes
    ]


async def _halved(
    work: Callable[[Sequence[T]], Awaitable[Sequence[R | E]]], items: Sequence[T], kind: type[E], *, told: bool = False
) -> list[R | E]:
    """What each item came to, or the error of this kind that refused it; the log is told of a fault once at most."""
    try:
        return list(await work(items)) if items else []
    except kind as error:
        if len(items) == 1 or not _own(error):
            return [error] * len(items)
        if not isinstance(error, QuantumMemoryError) and not told:
            told = True
            logger.warning("%d questions failed together, and are asked apart", len(items), exc_info=error)
    middle = len(items) // 2
    first: list[R | E] = await _halved(work, items[:middle], kind, told=told)
    second: list[R | E] = await _halved(work, items[middle:], kind, told=told)
    return first + second


def _own(error: Exception) -> bool:
    """Whether a question's error may be its own. What came too late holds for all of them."""
    if isinstance(error, QuantumMemoryError):
        return isinstance(error, OWN) and not isinstance(error, Fenced)
    return not isinstance(error, TimeoutError)


def _fault(what: str, error: Exception) -> InternalError:
    logger.error("%s: a fault that nobody foresaw", what, exc_info=error)
    return InternalError(what, "".join(format_exception_only(error)).strip().splitlines()[-1])
