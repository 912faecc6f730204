"""How sections share a budget. Data and its checks; packs nothing."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue

MAX_SHARE = 1e6


@dataclass(frozen=True, slots=True)
class Shares:
    """The weight of each section where they compete for room; a section with 0 is left away.

    Only their proportions count, and only as long as there is something to tell: room that one section has no use for
    goes to the others. Raises: InvalidValue, NotFinite, OutOfRange.
    """

    known: float = 0.06
    earlier: float = 0.08
    remembered: float = 0.70
    threads: float = 0.04
    mood: float = 0.02
    said_last: float = 0.10

    def __post_init__(self) -> None:
        for one in fields(self):
            object.__setattr__(self, one.name, bounded(one.name, getattr(self, one.name), 0.0, MAX_SHARE))
        if not any(astuple(self)):
            raise InvalidValue("context shares", "all zero", "at least one above zero")
