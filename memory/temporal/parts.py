"""What time gives to recall: the two parts of the score of candidates, and when to look for more of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np

from quantum_memory.memory.temporal.asking import asks_when
from quantum_memory.memory.temporal.fit import fit_both
from quantum_memory.memory.temporal.reading import spoken_of, tells_when, understood
from quantum_memory.memory.temporal.span import TimeSpan
from quantum_memory.types import Floats

PARTS = ("time", "when")


def time_parts(
    question: str, now: datetime, at_s: Floats, said: Callable[[], Sequence[tuple[str, datetime]]]
) -> dict[str, Floats]:
    """Both parts by name for m candidates, each (m,) in [0, 1].

    time: how well a memory fits the times that the question names, by when it was said or what it tells of; 0 for a
        question that names none.
    when: 1 for a memory that names a time or a length of days, 0 for others; 0 for a question that asks for no time.

    Args:
        question: its text.
        now: when it is asked.
        at_s: (m,) when each candidate was said, in seconds since 1970.
        said: gives the text of each and when it was said; it is called only if the question is one of time.

    Raises: InvalidValue.
    """
    spans, asked = understood(question, now), asks_when(question)
    fitting, telling = np.zeros(len(at_s)), np.zeros(len(at_s))
    if spans or asked:
        texts = said()
        if spans:
            fitting = fit_both(at_s, [spoken_of(text, at) for text, at in texts], spans)
        if asked:
            telling = np.array([tells_when(text) for text, _ in texts], dtype=np.float64)
    return dict(zip(PARTS, (fitting, telling), strict=True))


def window(span: TimeSpan) -> tuple[datetime | None, datetime | None]:
    """Since when and until when memories are likely to answer for a time, ``None`` for an open side.

    As long again after its end as the stretch is: people tell of what has been.
    """
    since = None if span.how == "before" else span.begin
    if span.how == "after":
        return since, None
    try:
        return since, span.end + (span.end - span.begin)
    except OverflowError:  # the calendar ends before
        return since, None
