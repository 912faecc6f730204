"""The table of named emotions and the names nearest to a feeling."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, OutOfRange
from quantum_memory.memory.affect.emotions import ALIGNMENT, EMOTIONS, RATINGS, WIDTH, Source, aligned, named, nearest
from quantum_memory.types import NEUTRAL, PAD, Floats

ROOT = Path(__file__).parents[2]
UNIT = st.floats(-1.0, 1.0)
PADS = st.builds(PAD, UNIT, UNIT, UNIT)


def test_anchors_of_the_table_are_the_published_ones() -> None:
    assert EMOTIONS["joy"] == PAD(0.76, 0.48, 0.35)
    assert EMOTIONS["love"] == PAD(0.85, 0.13, 0.32)
    assert EMOTIONS["trust"] == PAD(0.69, -0.34, 0.47)
    assert EMOTIONS["anger"] == PAD(-0.51, 0.59, 0.25)
    assert EMOTIONS["fear"] == PAD(-0.64, 0.60, -0.43)
    assert EMOTIONS["neutral"] == NEUTRAL
    assert len(EMOTIONS) >= 45
    assert len(set(EMOTIONS.values())) == len(EMOTIONS)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        EMOTIONS["joy"] = NEUTRAL  # type: ignore[index]  # that it is refused is the point


@pytest.mark.parametrize("name", EMOTIONS)
def test_an_emotion_is_nearest_to_its_own_point(name: str) -> None:
    assert nearest(EMOTIONS[name], 1)[0][0] == name


def test_nothing_but_neutral_is_likely_at_the_origin() -> None:
    (first, first_p), (_, second_p) = nearest(NEUTRAL, 2)
    assert first == "neutral"
    assert second_p < 0.1 < first_p


@given(PADS)
@settings(deadline=None, max_examples=100)
def test_probabilities_are_the_softmin_of_squared_distance(pad: PAD) -> None:
    slow = {
        name: math.exp(
            -(
                (pad.pleasure - point.pleasure) ** 2
                + (pad.arousal - point.arousal) ** 2
                + (pad.dominance - point.dominance) ** 2
            )
            / (2 * WIDTH**2)
        )
        for name, point in EMOTIONS.items()
    }
    total = sum(slow.values())
    named = nearest(pad, len(EMOTIONS))
    assert sum(p for _, p in named) == pytest.approx(1.0)
    for name, p in named:
        assert p == pytest.approx(slow[name] / total, abs=1e-12)
    assert [p for _, p in named] == sorted((p for _, p in named), reverse=True)


@given(PADS, st.integers(1, len(EMOTIONS)))
@settings(deadline=None, max_examples=50)
def test_a_shorter_answer_is_the_head_of_a_longer_one(pad: PAD, top: int) -> None:
    assert nearest(pad, top) == nearest(pad, len(EMOTIONS))[:top]


@pytest.mark.parametrize("top", [0, -1, len(EMOTIONS) + 1])
def test_top_outside_the_table_is_refused(top: int) -> None:
    with pytest.raises(OutOfRange, match=str(top)):
        nearest(NEUTRAL, top)


@pytest.mark.parametrize("top", [1.5, True, "3", None])
def test_top_must_be_a_whole_number(top: object) -> None:
    with pytest.raises(InvalidValue):
        nearest(NEUTRAL, top)  # type: ignore[arg-type]  # that it is refused is the point


@given(st.lists(PADS, max_size=20))
@settings(deadline=None, max_examples=100)
def test_many_feelings_are_named_as_each_alone(pads: list[PAD]) -> None:
    assert named([*pads, *EMOTIONS.values()]) == [*(nearest(pad, 1)[0][0] for pad in pads), *EMOTIONS]


# Where the values come from


def norms() -> tuple[list[str], Floats, Floats]:
    """The words that both studies rated, and their (n, 3) ratings on [-1, 1]: of 1977, and of Glasgow."""
    with (ROOT / "tests" / "data" / "emotion_norms.tsv").open(encoding="utf-8", newline="") as file:
        words, *rows = zip(*list(csv.reader(file, delimiter="\t"))[1:], strict=True)
    table = np.array(rows, dtype=np.float64).T
    return list(words), table[:, :3], (table[:, 3:] - 5.0) / 4.0


def test_every_name_says_which_word_was_rated_and_by_whom() -> None:
    assert {name: rating.pad for name, rating in RATINGS.items()} == EMOTIONS
    assert all(rating.word.strip() for rating in RATINGS.values())
    assert [name for name, rating in RATINGS.items() if rating.source is Source.GIVEN] == ["neutral", "love", "trust"]
    rated = [rating.word for rating in RATINGS.values()]
    assert len(set(rated)) == len(rated)


def test_the_alignment_is_the_least_squares_fit_on_words_that_both_studies_rated() -> None:
    words, older, newer = norms()
    assert len(words) == 81
    fits = [np.polyfit(newer[:, axis], older[:, axis], 1) for axis in range(3)]
    assert np.allclose(fits, ALIGNMENT, atol=6e-4)
    agreement = [np.corrcoef(newer[:, axis], older[:, axis])[0, 1] for axis in range(3)]
    assert np.allclose(agreement, [0.92, 0.79, 0.88], atol=6e-3)


def test_the_alignment_halves_no_error_but_takes_the_bias_away() -> None:
    words, older, newer = norms()
    out = []
    for row in range(len(words)):  # each word left out once
        rest = np.arange(len(words)) != row
        lines = [np.polyfit(newer[rest, axis], older[rest, axis], 1) for axis in range(3)]
        out.append([np.polyval(line, newer[row, axis]) for axis, line in enumerate(lines)])
    assert np.allclose(np.sqrt(np.square(np.array(out) - older).mean(axis=0)), [0.20, 0.23, 0.18], atol=6e-3)
    assert np.allclose(np.sqrt(np.square(newer - older).mean(axis=0)), [0.25, 0.30, 0.20], atol=6e-3)
    assert np.allclose((older - newer).mean(axis=0), [0.10, 0.19, 0.07], atol=6e-3)
    made = np.array([np.asarray(aligned(PAD(*row))) for row in newer])
    assert np.abs((made - older).mean(axis=0)).max() < 2e-3


def test_names_read_from_one_transcription_lie_where_the_other_study_would_put_them() -> None:
    words, older, newer = norms()
    known = dict(zip(words, zip(older, newer, strict=True), strict=True))
    checked = 0
    for rating in RATINGS.values():
        if rating.source is Source.SINGLE and rating.word in known:
            before, after = known[rating.word]
            assert np.array_equal(before, rating.pad)
            error = np.abs(np.asarray(aligned(PAD(*after))) - before)
            assert (error < 2.0 * np.array([0.20, 0.23, 0.18])).all(), rating.word
            checked += 1
    assert checked >= 7


def test_the_page_about_emotions_shows_this_table() -> None:
    page = (ROOT / "docs" / "emotions.md").read_text(encoding="utf-8")
    number = r"([+-]\d\.\d\d)"
    shown = re.findall(rf"^\| (\w+) \| {number} \| {number} \| {number} \| ([^|]+) \| (\S+) \|$", page, re.MULTILINE)
    marks = {Source.AGREED: "RM", Source.SINGLE: "RM¹", Source.GLASGOW: "G", Source.GIVEN: "given"}
    assert [(name, *map(float, pad), word, mark) for name, *pad, word, mark in shown] == [
        (name, *np.asarray(rating.pad).tolist(), rating.word, marks[rating.source]) for name, rating in RATINGS.items()
    ]
    assert f"has {len(RATINGS)} named emotions" in page
    for (slope, intercept), axis in zip(ALIGNMENT, ("pleasure", "arousal", "dominance"), strict=True):
        assert f"| {axis} | {slope} x + {intercept} |" in page
