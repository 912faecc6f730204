"""Which side wins where a merge finds that both changed the same thing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, get_args

from quantum_memory.errors import InvalidValue

Side = Literal["ours", "theirs"]
MergeRule = Literal["ours", "theirs", "newest"]
_EARLIEST = datetime.min.replace(tzinfo=UTC)


def winner(rule: MergeRule, ours_at: datetime | None, theirs_at: datetime | None) -> Side:
    """The side whose version is kept. Under "newest" an undated version counts as oldest, and a tie goes to ours.

    Raises: InvalidValue for a rule that does not exist.
    """
    if rule not in get_args(MergeRule):
        raise InvalidValue("merge rule", repr(rule), "ours, theirs or newest")
    if rule == "newest":
        return "theirs" if (theirs_at or _EARLIEST) > (ours_at or _EARLIEST) else "ours"
    return rule
