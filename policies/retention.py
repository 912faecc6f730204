"""Which backups are kept: the newest of each of the last days, weeks and months that have any. Deletes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from quantum_memory.checks import bounded

MAX_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Retention:
    """Grandfather, father, son.

    Laws: the newest of all is always kept; adding an older backup takes away none that is kept; at most
    ``daily + weekly + monthly + 1`` are kept.

    Attributes:
        daily, weekly, monthly: how many days, ISO weeks and calendar months, in UTC, keep their newest backup. What has
            none does not count.

    Raises: OutOfRange, NotFinite.
    """

    daily: int = 7
    weekly: int = 4
    monthly: int = 12

    def __post_init__(self) -> None:
        for name in ("daily", "weekly", "monthly"):
            bounded(name, getattr(self, name), 0, MAX_KEPT)

    def kept(self, times: Iterable[datetime]) -> frozenset[datetime]:
        """Of these times of backups, those that stay."""
        newest_first = sorted({time.astimezone(UTC) for time in times}, reverse=True)
        kept = set(newest_first[:1])
        for period, count in ((_day, self.daily), (_week, self.weekly), (_month, self.monthly)):
            kept.update(_newest_of_each(newest_first, period, count))
        return frozenset(kept)


def _newest_of_each(newest_first: list[datetime], period: Callable[[datetime], object], count: int) -> list[datetime]:
    found: dict[object, datetime] = {}
    for time in newest_first:
        found.setdefault(period(time), time)
    return list(found.values())[:count]


def _day(time: datetime) -> object:
    return time.date()


def _week(time: datetime) -> object:
    return time.isocalendar()[:2]


def _month(time: datetime) -> object:
    return time.year, time.month
