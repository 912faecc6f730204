"""Laws of reading times: any text in any zone, dates in every form, and arithmetic beside plain day counts."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quantum_memory.memory.temporal.cursor import DIGITS
from quantum_memory.memory.temporal.grammar import MAX_MENTIONS, _Phrases
from quantum_memory.memory.temporal.reading import MAX_CHARS, spoken_of, tells_when, understood
from quantum_memory.memory.temporal.words import STARTS, clued

ZONES = st.one_of(
    st.none(),
    st.just(UTC),
    st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    st.sampled_from(["America/Sao_Paulo", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"]).map(ZoneInfo),
)
MOMENTS = st.datetimes(timezones=ZONES)
WORDS = st.sampled_from(
    [*sorted(STARTS), "ago", "and", "to", "-", ",", ".", "s", "3", "5th", "2022", "2023-05-07", "on", "eve"]
)
PHRASES = st.lists(WORDS, max_size=14).map(" ".join)
FIGURES = st.text("0123456789/.-, on", max_size=14)
DATES = st.dates(date(1950, 1, 1), date(2049, 12, 31))


@given(st.one_of(st.text(max_size=60), PHRASES, FIGURES), MOMENTS)
@example("on 2023/5.7, or 2023.5/7", datetime(2023, 10, 18, tzinfo=UTC))
@example("hours ago 1 hour ago", datetime(2023, 10, 29, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1))
@example("this week next century last decade", datetime.min.replace(tzinfo=timezone(timedelta(hours=23))))
@example("tomorrow next year ١٢ May", datetime.max.replace(tzinfo=timezone(-timedelta(hours=23))))
def test_any_text_in_any_zone_gives_stretches_that_end_after_they_begin(text: str, now: datetime) -> None:
    spans = understood(text, now)
    assert all(span.length_s > 0 for span in spans)
    assert all(span.words in text and span.begin.utcoffset() is not None for span in spans)
    assert spans == spoken_of(text, now)
    assert len(spans) <= MAX_MENTIONS
    assert not spans or tells_when(text)


@given(st.one_of(PHRASES, FIGURES))
@example("1823-05-07")
@example("fifteenth start five second back")
def test_the_cheap_looks_pass_over_nothing(text: str) -> None:
    """Neither the look for clues nor that for words to begin with hides what a reading from every token finds."""
    phrases = _Phrases(text)
    found = [index for index in range(len(phrases)) if phrases._phrase(index) is not None]
    assert clued(text) or not found
    assert all(phrases.word(index) in STARTS or phrases.kind(index) in DIGITS for index in found)


@given(PHRASES, MOMENTS)
def test_curly_signs_change_nothing(text: str, now: datetime) -> None:
    straight = understood(f"{text} new year's eve", now)
    curly = understood(f"{text} new year\u2019s eve", now)
    assert [(one.begin, one.end, one.how) for one in straight] == [(one.begin, one.end, one.how) for one in curly]


FORMS = ["{0:%Y-%m-%d}", "{0:%B} {0.day}, {0.year}", "{0.day} {0:%B} {0.year}", "{0:%b} {0.day} {0.year}"]
FORMS += ["the {0.day}{1} of {0:%B} {0.year}", "{0:%A}, {0.day} {0:%b}, {0.year}", "{0:%m/%d/%Y}", "{0:%d.%m.%Y}"]
ENDINGS = {1: "st", 21: "st", 31: "st", 2: "nd", 22: "nd", 3: "rd", 23: "rd"}


@given(DATES, st.sampled_from(FORMS), st.sampled_from(["", "on ", "What happened on "]), MOMENTS)
def test_a_date_in_full_is_that_day_in_every_form(day: date, form: str, lead: str, now: datetime) -> None:
    (span,) = understood(lead + form.format(day, ENDINGS.get(day.day, "th")) + "?", now)
    assert span.begin.replace(tzinfo=None) == datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a wall clock
    assert span.how == "within"
    assert 23 * 3600 <= span.length_s <= 25 * 3600 or isinstance(now.tzinfo, ZoneInfo)


@given(DATES, st.integers(1, 400))
def test_days_ago_are_counted_as_a_calendar_counts(today: date, count: int) -> None:
    now = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    (ago,) = understood(f"{count} days ago", now)
    (running,) = understood(f"the last {count} days", now)
    assert ago.begin.date() == today - timedelta(days=count) == running.begin.date()
    assert (ago.end - ago.begin, running.end.date()) == (timedelta(days=1), today + timedelta(days=1))


@given(DATES, st.integers(0, 6))
def test_a_weekday_is_within_a_week_and_never_today(today: date, weekday: int) -> None:
    now = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    name = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"][weekday]
    for lead, days in (("last", range(-7, 0)), ("on", range(-7, 0)), ("next", range(1, 8))):
        (span,) = understood(f"{lead} {name}", now)
        wanted = [today + timedelta(days=away) for away in days if (today + timedelta(days=away)).weekday() == weekday]
        assert [span.begin.date()] == wanted


@given(DATES, st.integers(1, 12))
def test_a_month_without_a_year_is_the_last_that_has_begun(today: date, month: int) -> None:
    now = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    (span,) = understood(f"in {date(2000, month, 1):%B}", now)
    assert (span.begin.month, span.begin.day, span.end.day) == (month, 1, 1)
    assert span.begin <= now < span.begin.replace(year=span.begin.year + 1)


@given(DATES, DATES)
def test_between_two_dates_lies_all_from_the_first_to_the_last(one: date, other: date) -> None:
    first, last = sorted((one, other))
    (span,) = understood(f"between {first:%d %B %Y} and {last:%B %d, %Y}", datetime(2023, 1, 1, tzinfo=UTC))
    assert (span.begin.date(), span.end.date()) == (first, last + timedelta(days=1))


@pytest.mark.parametrize(
    "piece",
    ["the week before ", "from May to ", "5 - ", "between 5 and ", "last Friday of the ", "2023-05-05 ", "a few ", "1"],
)
def test_a_megabyte_is_looked_at_no_further_than_a_page(piece: str) -> None:
    long = piece * (2**20 // len(piece))
    now = datetime(2023, 5, 8, tzinfo=UTC)
    assert understood(long, now) == understood(long[:MAX_CHARS], now)
    assert len(understood(long, now)) <= MAX_MENTIONS
