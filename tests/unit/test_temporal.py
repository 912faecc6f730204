"""What times questions and texts speak of: examples, each against the calendar written out."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.temporal.reading import MAX_CHARS, spoken_of, tells_when, understood
from quantum_memory.memory.temporal.span import TimeSpan

NOW = datetime(2023, 10, 18, 15, 30, tzinfo=UTC)  # a Wednesday


def shown(span: TimeSpan) -> str:
    """A span as its ends, with the hour only where one is not midnight."""
    form = "%Y-%m-%d" if span.begin.hour == span.end.hour == 0 else "%Y-%m-%dT%H"
    return f"{span.begin:{form}} {span.end:{form}}"


WITHIN = {
    "What did she do yesterday?": "2023-10-17 2023-10-18",
    "the day before yesterday": "2023-10-16 2023-10-17",
    "who called today": "2023-10-18 2023-10-19",
    "this morning": "2023-10-18T05 2023-10-18T12",
    "yesterday evening": "2023-10-17T17 2023-10-18T00",
    "last night": "2023-10-17T18 2023-10-18T06",
    "last week": "2023-10-09 2023-10-16",
    "this week": "2023-10-16 2023-10-23",
    "next week": "2023-10-23 2023-10-30",
    "the week before last": "2023-10-02 2023-10-09",
    "last weekend": "2023-10-14 2023-10-16",
    "over the weekend": "2023-10-14 2023-10-16",
    "two weekends ago": "2023-10-07 2023-10-09",
    "last month": "2023-09-01 2023-10-01",
    "last year": "2022-01-01 2023-01-01",
    "late last year": "2022-09-01 2023-01-01",
    "in the last year": "2022-10-18 2023-10-19",
    "in the last three days": "2023-10-15 2023-10-19",
    "for the past couple of weeks": "2023-10-04 2023-10-19",
    "in the next two weeks": "2023-10-18 2023-11-02",
    "two days ago": "2023-10-16 2023-10-17",
    "on 2 May or 3 days ago": "2023-10-15 2023-10-16",
    "a week ago": "2023-10-08 2023-10-15",
    "an hour ago": "2023-10-18T14 2023-10-18T15",
    "a few days ago": "2023-10-13 2023-10-17",
    "weeks ago": "2023-08-20 2023-10-08",
    "two nights ago": "2023-10-16 2023-10-17",
    "in May last year": "2022-05-01 2022-06-01",
    "in the summer of last year": "2022-06-01 2022-09-01",
    "in the year 2021": "2021-01-01 2022-01-01",
    "the 2020 election": "2020-01-01 2021-01-01",
    "on the 7th and 8th of May": "2023-05-07 2023-05-09",
    "2023/05/07": "2023-05-07 2023-05-08",
    "all last week": "2023-10-09 2023-10-16",
    "three days from now": "2023-10-21 2023-10-22",
    "last summer": "2023-06-01 2023-09-01",
    "next summer": "2024-06-01 2024-09-01",
    "in the summer of 2021": "2021-06-01 2021-09-01",
    "in winter 2022": "2022-12-01 2023-03-01",
    "towards the end of summer 2023": "2023-08-01 2023-09-01",
    "in May 2023": "2023-05-01 2023-06-01",
    "in May": "2023-05-01 2023-06-01",
    "in November": "2022-11-01 2022-12-01",
    "June's game, in June": "2023-06-01 2023-07-01",
    "during September, 2022": "2022-09-01 2022-10-01",
    "in mid-August 2023": "2023-08-11 2023-08-21",
    "in 2022": "2022-01-01 2023-01-01",
    "in the 1980s": "1980-01-01 1990-01-01",
    "on 7 May 2023": "2023-05-07 2023-05-08",
    "on May 7th, 2023": "2023-05-07 2023-05-08",
    "on December 1,2023": "2023-12-01 2023-12-02",
    "Sunday, 7 May 2023": "2023-05-07 2023-05-08",
    "on the 3rd of June": "2023-06-03 2023-06-04",
    "the twenty-first of June": "2023-06-21 2023-06-22",
    "on Aug 15th": "2023-08-15 2023-08-16",
    "Feb. 3rd": "2023-02-03 2023-02-04",
    "on Feb 29": "2020-02-29 2020-03-01",
    "what happened on the 5th?": "2023-10-05 2023-10-06",
    "2023-05-07": "2023-05-07 2023-05-08",
    "born on 1823-05-07": "1823-05-07 1823-05-08",
    "5/7/2023": "2023-05-07 2023-05-08",
    "13/7/2023": "2023-07-13 2023-07-14",
    "7.5.2023": "2023-05-07 2023-05-08",
    "as of 27 March, 2022": "2022-03-27 2022-03-28",
    "on the evening of 7 July, 2023": "2023-07-07T17 2023-07-08T00",
    "on Friday": "2023-10-13 2023-10-14",
    "last Wednesday": "2023-10-11 2023-10-12",
    "this Friday": "2023-10-20 2023-10-21",
    "last Fri": "2023-10-13 2023-10-14",
    "on last Tuesday night": "2023-10-17T18 2023-10-18T06",
    "What will I do on Friday?": "2023-10-20 2023-10-21",
    "What are my plans for the summer?": "2024-06-01 2024-09-01",
    "between March and May": "2023-03-01 2023-06-01",
    "between November and February": "2022-11-01 2023-03-01",
    "from March to May 2022": "2022-03-01 2022-06-01",
    "between August 11 and August 15 2023": "2023-08-11 2023-08-16",
    "between August 11 and 15, 2022": "2022-08-11 2022-08-16",
    "11-15 August 2022": "2022-08-11 2022-08-16",
    "from 2019 to 2021": "2019-01-01 2022-01-01",
    "the week before 9 June 2023": "2023-06-02 2023-06-09",
    "two weeks before August 11, 2023": "2023-07-25 2023-08-01",
    "the weekend before 17 July 2023": "2023-07-15 2023-07-17",
    "last weekend before April 10, 2023": "2023-04-08 2023-04-10",
    "the weekend after 17 July 2023": "2023-07-22 2023-07-24",
    "the Friday before 14 August": "2023-08-11 2023-08-12",
    "the day after May 3, 2023": "2023-05-04 2023-05-05",
    "the day before yesterday evening": "2023-10-16 2023-10-17",
    "the day after tomorrow morning": "2023-10-20 2023-10-21",
    "the week of June 7": "2023-06-05 2023-06-12",
    "in the second week of November": "2022-11-08 2022-11-15",
    "the last Friday of May 2023": "2023-05-26 2023-05-27",
    "the first weekend of May 2023": "2023-05-06 2023-05-08",
    "last Christmas": "2022-12-24 2022-12-27",
    "New Year's Eve": "2022-12-31 2023-01-01",
    "Thanksgiving 2023": "2023-11-23 2023-11-24",
    "Easter 2024": "2024-03-31 2024-04-02",
}


@pytest.mark.parametrize("text", WITHIN)
def test_a_time_is_the_stretch_that_it_is_called_by(text: str) -> None:
    (span,) = understood(text, NOW)[-1:]
    assert (shown(span), span.how) == (WITHIN[text], "within")


@pytest.mark.parametrize(
    ("text", "how", "begin", "end"),
    [
        ("before June 9, 2023", "before", "2023-06-08", "2023-06-09"),
        ("prior to 2022", "before", "2021-01-01", "2022-01-01"),
        ("by 7 November 2022", "before", "2022-11-07", "2022-11-08"),
        ("until March", "before", "2023-03-01", "2023-04-01"),
        ("up to last week", "before", "2023-10-09", "2023-10-16"),
        ("after the 12th of May", "after", "2023-05-13", "2023-05-14"),
        ("since January", "after", "2023-01-01", "2023-02-01"),
        ("since last Tuesday", "after", "2023-10-17", "2023-10-18"),
        ("from May on", "after", "2023-05-01", "2023-06-01"),
    ],
)
def test_one_side_of_a_time_has_the_stretch_at_its_edge(text: str, how: str, begin: str, end: str) -> None:
    (span,) = understood(text, NOW)
    assert (span.how, f"{span.begin:%Y-%m-%d}", f"{span.end:%Y-%m-%d}") == (how, begin, end)


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "What is her name?", "May I ask you something?", "They march on.", "Wait a second, please."),
        *("the May family", "in the May family", "the cat sat on the mat", "the sun is out", "What did April say?"),
        *("Did June come?", "fall off the bike", "Cyberpunk 2077", "over 2000 people", "every Friday", "each summer"),
        *("on the 5th floor", "Black Friday", "on February 30 2023", "version 1.2.3", "31/31/2023", "99999 years ago"),
        *("a new year-long plan", "one day", "the day", "the next day", "in 1 hour", "twice a week", "for two weeks"),
        *("the end of the road", "early bird", "last", "before", "since when", "between us", "from home", "2023/5.7"),
        *("I may 5 times", "they march 5 miles", "last day of school", "half a year ago", "a May 5 days long"),
    ],
)
def test_false_friends_speak_of_no_time(text: str) -> None:
    assert understood(text, NOW) == ()


def test_several_times_come_in_their_order_with_their_words() -> None:
    text = "Did we meet on 7 May 2023, or was it last week?"
    assert [span.words for span in understood(text, NOW)] == ["on 7 May 2023", "last week"]


def test_a_day_is_one_of_the_zone_of_now() -> None:
    tokyo = NOW.astimezone(ZoneInfo("Asia/Tokyo"))  # half past midnight on the 19th
    (span,) = understood("yesterday", tokyo)
    assert span.begin == datetime(2023, 10, 18, tzinfo=tokyo.tzinfo)
    assert span.begin.utcoffset() == timedelta(hours=9)
    assert spoken_of("yesterday", NOW)[0].begin == datetime(2023, 10, 17, tzinfo=UTC)


def test_a_moment_seen_in_two_zones_keeps_its_two_days() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=12)))
    assert [spoken_of("today", at)[0].begin.day for at in (NOW, east, NOW)] == [18, 19, 18]


def test_a_day_on_which_the_clock_changes_has_its_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    (long,) = understood("on 29 October 2023", NOW.astimezone(berlin))
    (short,) = understood("on 26 March 2023", NOW.astimezone(berlin))
    assert (long.length_s / 3600.0, short.length_s / 3600.0) == (25.0, 23.0)


def test_a_time_without_a_zone_is_utc() -> None:
    assert understood("last week", NOW.replace(tzinfo=None)) == understood("last week", NOW)


def test_a_text_speaks_of_days_about_when_it_was_said() -> None:
    (span,) = spoken_of("I went to the support group yesterday.", datetime(2023, 5, 8, 13, 56, tzinfo=UTC))
    assert shown(span) == "2023-05-07 2023-05-08"


def test_what_a_sentence_expects_is_not_carried_to_the_next_one() -> None:
    dates = spoken_of("I will call. On Friday we met. I will come on Friday.", NOW)
    assert [span.begin.day for span in dates] == [13, 20]


def test_only_the_beginning_of_a_text_is_looked_at() -> None:
    assert understood("x" * (MAX_CHARS - 9) + " in 2022", NOW)
    assert not understood("x" * MAX_CHARS + " in 2022", NOW)


def test_what_tells_when_names_a_time_or_a_length_of_days() -> None:
    told = ["We met last week.", "for two years", "it took a few days", "in May 2023"]
    silent = ["We met.", "for two hours", "a second", "one thing"]
    assert [tells_when(text) for text in told + silent] == [True] * 4 + [False] * 4


@pytest.mark.parametrize("year", [1, 9999])
def test_what_leaves_the_calendar_is_no_time(year: int) -> None:
    edge = datetime(year, 1 if year == 1 else 12, 31 if year != 1 else 1, tzinfo=UTC)
    assert understood("last year" if year == 1 else "next year", edge) == ()


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidValue, match="question"):
        understood(b"last week", NOW)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(InvalidValue, match="now"):
        understood("last week", "now")  # type: ignore[arg-type]  # what is tested
    with pytest.raises(InvalidValue, match="at"):
        spoken_of("nothing", None)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(InvalidValue, match="text"):
        tells_when(None)  # type: ignore[arg-type]  # what is tested


def test_a_span_checks_itself() -> None:
    later = NOW + timedelta(days=1)
    for begin, end, how in ((later, NOW, "within"), (NOW, NOW, "within"), (NOW, later, "near")):
        with pytest.raises(InvalidValue):
            TimeSpan(begin, end, how)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(InvalidValue, match="zone"):
        TimeSpan(NOW.replace(tzinfo=None), later)
