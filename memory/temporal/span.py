"""What a text says about time, made exact: a stretch on the calendar, and whether it means in, before or after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from quantum_memory.errors import InvalidValue

How = Literal["within", "before", "after"]
HOWS: tuple[How, ...] = get_args(How)


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A time that a text speaks of.

    Attributes:
        begin: the first moment of the stretch, with its zone.
        end: the first moment after it, later than ``begin``.
        how: ``within``: the stretch itself; ``before``: everything up to its end; ``after``: everything from its
            beginning on. *Before 9 June* is up to the end of the 8th, *after May* from the first of June on, and the
            stretch is then the day or the month that lies next to the date.
        words: what in the text it was read from.

    Raises: InvalidValue for a time without a zone, an end that is not later, an unknown ``how``.
    """

    begin: datetime
    end: datetime
    how: How = "within"
    words: str = ""

    def __post_init__(self) -> None:
        for name in ("begin", "end"):
            at = getattr(self, name)
            if not isinstance(at, datetime) or at.utcoffset() is None:
                raise InvalidValue(name, repr(at), "a datetime with a zone")
        if not self.begin.timestamp() < self.end.timestamp():
            raise InvalidValue("end", self.end.isoformat(), f"later than the beginning, {self.begin.isoformat()}")
        if self.how not in HOWS:
            raise InvalidValue("how", repr(self.how), f"one of {', '.join(HOWS)}")

    @property
    def length_s(self) -> float:
        """How long the stretch is, in seconds, above 0."""
        return self.end.timestamp() - self.begin.timestamp()
