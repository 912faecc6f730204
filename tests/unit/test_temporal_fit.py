"""Laws of how well moments and told times fit what is asked about, beside a plain loop over every pair."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.errors import NotFinite, ShapeMismatch
from quantum_memory.memory.temporal.fit import fit, fit_both, fit_told
from quantum_memory.memory.temporal.span import HOWS, TimeSpan

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
DAY = 86400.0


def span(begin_s: float, length_s: float, how: str = "within") -> TimeSpan:
    begin = EPOCH + timedelta(seconds=begin_s)
    return TimeSpan(begin, begin + timedelta(seconds=length_s), how)  # type: ignore[arg-type]  # one of HOWS


SPANS = st.builds(span, st.integers(-(10**8), 10**8), st.integers(1, 10**8), st.sampled_from(HOWS))
AT = st.lists(st.floats(0, 4e9), max_size=12)


def edges(one: TimeSpan) -> tuple[float, float]:
    begin = -math.inf if one.how == "before" else one.begin.timestamp()
    return begin, math.inf if one.how == "after" else one.end.timestamp()


def slow_fit(at_s: Sequence[float], spans: Sequence[TimeSpan]) -> list[float]:
    """The formula, one pair after another."""
    scores = []
    for at in at_s:
        best = 0.0
        for one in spans:
            begin, end = edges(one)
            away = begin - at if at < begin else at - end if at > end else 0.0
            best = max(best, math.exp(-away / one.length_s))
        scores.append(best)
    return scores


@given(AT, st.lists(SPANS, max_size=4))
def test_a_fit_is_the_best_of_all_pairs(at_s: list[float], spans: list[TimeSpan]) -> None:
    found = fit(at_s, spans)
    assert found.shape == (len(at_s),)
    assert np.allclose(found, slow_fit(at_s, spans), rtol=1e-12, atol=1e-300)
    assert ((found >= 0.0) & (found <= 1.0)).all()


@given(SPANS, st.floats(0.0, 1.0))
def test_what_lies_inside_fits_in_full(one: TimeSpan, share: float) -> None:
    begin, end = one.begin.timestamp(), one.end.timestamp()
    assert fit([begin + share * (end - begin)], [one]).tolist() == [1.0]
    far = {"before": begin - 1e9, "after": end + 1e9, "within": begin}[one.how]
    assert fit([far], [one]).tolist() == [1.0]


@given(SPANS, st.lists(st.floats(0.0, 1e10), min_size=2, max_size=20), st.booleans())
def test_a_fit_never_rises_with_the_distance(one: TimeSpan, away: list[float], late: bool) -> None:
    distances = np.sort(np.array(away))
    moments = one.end.timestamp() + distances if late else one.begin.timestamp() - distances
    assert (np.diff(fit(moments, [one])) <= 0.0).all()


@given(st.lists(SPANS, min_size=1, max_size=3), SPANS, AT)
def test_one_more_time_asked_about_takes_nothing_away(spans: list[TimeSpan], more: TimeSpan, at_s: list[float]) -> None:
    assert (fit(at_s, [*spans, more]) >= fit(at_s, spans)).all()


@given(AT)
def test_without_times_nothing_fits(at_s: list[float]) -> None:
    assert fit(at_s, []).tolist() == [0.0] * len(at_s)
    assert fit_told([[span(0, DAY)]] * len(at_s), []).tolist() == [0.0] * len(at_s)


def test_the_fall_is_in_proportion_to_the_length() -> None:
    day, month = span(0, DAY), span(0, 30 * DAY)
    at = EPOCH.timestamp()
    assert fit([at + 2 * DAY], [day])[0] == pytest.approx(math.exp(-1.0))
    assert fit([at + 60 * DAY], [month])[0] == pytest.approx(math.exp(-1.0))


@given(st.lists(st.lists(SPANS, max_size=3), max_size=6), st.lists(SPANS, max_size=3))
def test_told_times_fit_between_none_and_all(told: list[list[TimeSpan]], spans: list[TimeSpan]) -> None:
    found = fit_told(told, spans)
    assert ((found >= 0.0) & (found <= 1.0)).all()
    assert all(found[index] == 0.0 for index, times in enumerate(told) if not times)
    both = fit_both([0.0] * len(told), told, spans)
    assert (both == np.maximum(found, fit([0.0] * len(told), spans))).all()


def test_a_text_that_tells_of_the_day_fits_it_and_a_vague_one_less() -> None:
    asked = span(5 * DAY, DAY)
    told = [[asked], [span(5 * DAY + 3600, 60)], [span(0, 16 * DAY)], [span(7 * DAY, DAY)], []]
    assert fit_told(told, [asked]) == pytest.approx([1.0, 1.0, 0.25, math.exp(-1.0), 0.0])


def test_a_long_told_time_within_an_open_side_fits_in_full() -> None:
    assert fit_told([[span(0, 100 * DAY)]], [span(200 * DAY, DAY, "before")]).tolist() == [1.0]


def test_the_turn_of_the_next_day_fits_by_what_it_tells() -> None:
    asked, at = span(0, DAY), EPOCH.timestamp() + 1.5 * DAY
    assert fit_both([at], [[span(0, DAY)]], [asked]).tolist() == [1.0]
    assert fit_both([at], [[]], [asked])[0] == pytest.approx(math.exp(-0.5))


def test_bad_moments_are_refused() -> None:
    with pytest.raises(ShapeMismatch, match="at_s"):
        fit(np.zeros((2, 2)), [])
    with pytest.raises(NotFinite, match="at_s"):
        fit([0.0, math.nan], [span(0, 1)])
    with pytest.raises(ShapeMismatch, match="told"):
        fit_both([0.0], [], [])
