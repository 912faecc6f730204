"""What time gives to the score: the two parts of candidates, beside readings and fits taken one by one."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.memory.temporal.asking import asks_when
from quantum_memory.memory.temporal.fit import fit, fit_told
from quantum_memory.memory.temporal.parts import PARTS, time_parts, window
from quantum_memory.memory.temporal.reading import spoken_of, tells_when, understood
from quantum_memory.memory.temporal.span import TimeSpan
from quantum_memory.types import PAD, Floats, Memory

NOW = datetime(2023, 10, 18, 15, 30, tzinfo=UTC)
TEXTS = ["I went to the support group yesterday.", "We moved last year.", "It took two weeks.", "Hello there."]
QUESTIONS = ["What did she do on 7 May 2023?", "When did she go?", "When did they move in 2022?", "What is her name?"]
CANDIDATES = st.lists(st.tuples(st.sampled_from(TEXTS), st.integers(0, 400)), max_size=6)


def said(number: int, text: str, days_ago: int) -> Memory:
    at = NOW - timedelta(days=days_ago)
    return Memory(f"m{number}", text, at, PAD(0.0, 0.0, 0.0), 0.5, 0.5, np.array([1.0, 0.0], np.float32))


def parted(question: str, memories: list[Memory]) -> dict[str, Floats]:
    at_s = np.array([one.at.timestamp() for one in memories])
    return time_parts(question, NOW, at_s, lambda: [(one.text, one.at) for one in memories])


@given(CANDIDATES, st.sampled_from(QUESTIONS))
def test_the_parts_are_those_of_each_candidate_alone(candidates: list[tuple[str, int]], question: str) -> None:
    memories = [said(number, *one) for number, one in enumerate(candidates)]
    found = parted(question, memories)
    assert tuple(found) == PARTS
    for index, one in enumerate(memories):
        spans = understood(question, NOW)
        alone = max(fit([one.at.timestamp()], spans)[0], fit_told([spoken_of(one.text, one.at)], spans)[0])
        assert found["time"][index] == pytest.approx(alone)
        assert found["when"][index] == float(asks_when(question) and tells_when(one.text))
    assert all(part.shape == (len(memories),) for part in found.values())


def test_the_turn_that_speaks_of_the_day_wins_over_one_of_another_month() -> None:
    memories = [said(0, TEXTS[3], 200), said(1, TEXTS[0], 163), said(2, TEXTS[3], 20)]  # the second on 8 May
    found = parted("What did she do on 7 May 2023?", memories)
    assert found["time"].argmax() == 1
    assert found["time"][1] == 1.0
    assert not found["when"].any()


def test_a_question_without_time_gives_nothing() -> None:
    found = parted("What is her name?", [said(0, TEXTS[0], 1)])
    assert not found["time"].any()
    assert not found["when"].any()


def test_a_window_holds_the_stretch_and_as_much_after_it() -> None:
    day = timedelta(days=1)
    (within,) = understood("on 7 May 2023", NOW)
    assert window(within) == (within.begin, within.end + day)
    (before,) = understood("before 8 May 2023", NOW)
    assert window(before) == (None, before.end + day)
    (after,) = understood("after 6 May 2023", NOW)
    assert window(after) == (after.begin, None)
    last = TimeSpan(datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
    assert window(last) == (last.begin, None)
