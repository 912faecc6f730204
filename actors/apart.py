"""Work on many agents that is done at once, with an outcome for each: one that fails takes no other along.

Owns how the one that fails is told from the others. Does no work itself, knows no agent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from quantum_memory.errors import Conflict, Fenced, InvalidInput, NotFound, QuantumMemoryError

T = TypeVar("T")
R = TypeVar("R")
OWN = (InvalidInput, NotFound, Conflict)
"""Errors that are somebody's own: others may fare better. Where a part is away or the disk is full nobody does."""


async def apart(
    work: Callable[[Sequence[T]], Awaitable[Sequence[R | QuantumMemoryError]]], items: Sequence[T]
) -> list[R | QuantumMemoryError]:
    """What each item came to, or the error that refused it, in order.

    The work is done for all at once; where that raises an error that may be one item's own, it is done for each half
    anew; not where somebody else has them now, who is to be asked for all of them. So it must be harmless to repeat: a
    read, or a write with an operation id.
    """
    try:
        return list(await work(items)) if items else []
    except QuantumMemoryError as error:
        if len(items) == 1 or not isinstance(error, OWN) or isinstance(error, Fenced):
            return [error] * len(items)
    middle = len(items) // 2
    return [*await apart(work, items[:middle]), *await apart(work, items[middle:])]
