"""Which backups stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.errors import OutOfRange
from quantum_memory.policies.retention import Retention

TIMES = st.lists(
    st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    min_size=1,
    max_size=60,
)
COUNTS = st.integers(0, 6)


@given(TIMES, COUNTS, COUNTS, COUNTS)
def test_the_newest_stays_and_no_more_than_asked_for(times: list[datetime], days: int, weeks: int, months: int) -> None:
    kept = Retention(days, weeks, months).kept(times)
    assert max(times) in kept
    assert len(kept) <= days + weeks + months + 1
    assert kept <= set(times)


@given(TIMES, st.integers(1, 400))
def test_an_older_backup_takes_none_away(times: list[datetime], days: int) -> None:
    older = min(times) - timedelta(days=days)
    assert Retention().kept(times) <= Retention().kept([*times, older])


@given(TIMES)
def test_thinning_out_twice_is_thinning_out_once(times: list[datetime]) -> None:
    kept = Retention().kept(times)
    assert Retention().kept(kept) == kept


def test_two_years_of_nights_leave_seven_days_four_weeks_and_twelve_months() -> None:
    last = datetime(2026, 11, 21, 3, tzinfo=UTC)
    nights = [last - timedelta(days=day) for day in range(730)]
    kept = Retention().kept(nights)
    assert {last - timedelta(days=day) for day in range(7)} <= kept
    assert {datetime(2026, month, 28, 3, tzinfo=UTC) for month in (2,)} <= kept
    assert datetime(2025, 12, 31, 3, tzinfo=UTC) in kept
    assert datetime(2025, 11, 30, 3, tzinfo=UTC) not in kept
    assert len(kept) <= 7 + 4 + 12


def test_a_count_below_zero_is_refused() -> None:
    with pytest.raises(OutOfRange, match="weekly: -1"):
        Retention(weekly=-1)
