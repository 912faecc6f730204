"""Ranking: why adds up to the score, and weights that cannot rank are refused."""

from __future__ import annotations

import math
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.policies.recall import PART_NAMES, RecallWeights, rank

VALUES = st.floats(-1.0, 1.0, width=32)


@st.composite
def parts(draw: st.DrawFn) -> dict[str, np.ndarray]:
    size = draw(st.integers(0, 12))
    names = draw(st.lists(st.sampled_from(PART_NAMES), unique=True, min_size=1))
    return {name: np.array(draw(st.lists(VALUES, min_size=size, max_size=size)), dtype=np.float64) for name in names}


@st.composite
def weights(draw: st.DrawFn) -> RecallWeights:
    values = draw(st.lists(st.floats(0.0, 100.0), min_size=len(PART_NAMES), max_size=len(PART_NAMES)))
    values[draw(st.integers(0, len(values) - 1))] += 0.5
    return RecallWeights(*values)


ONE = {name: np.array([value]) for name, value in zip(PART_NAMES, np.linspace(0.1, 0.7, len(PART_NAMES)), strict=True)}


@settings(deadline=None)
@given(parts(), weights(), st.none() | st.integers(-1, 15))
@example(
    ONE, RecallWeights(*np.linspace(0.3, 3.0999999999999996, len(PART_NAMES)).tolist()), None
)  # one alone is added up alike
def test_why_adds_up_to_the_score_and_scores_never_rise(
    given_parts: dict[str, np.ndarray], chosen: RecallWeights, k: int | None
) -> None:
    before = {name: column.copy() for name, column in given_parts.items()}
    ranking = rank(given_parts, chosen, k)
    size = len(next(iter(given_parts.values())))
    assert len(ranking.order) == len(ranking.scores) == len(ranking.why) == min(size, size if k is None else max(k, 0))
    for index, score, why in zip(ranking.order, ranking.scores, ranking.why, strict=True):
        assert reduce(add, why.values(), 0.0) == score
        assert list(why) == [name for name in PART_NAMES if name in given_parts]
        for name, gain in why.items():
            assert gain == getattr(chosen, name) * given_parts[name][index]
    assert (np.diff(ranking.scores) <= 0).all()
    assert all(np.array_equal(before[name], given_parts[name]) for name in before)


@settings(deadline=None)
@given(parts(), weights())
def test_the_best_few_are_the_beginning_of_all_and_equals_keep_their_order(
    given_parts: dict[str, np.ndarray], chosen: RecallWeights
) -> None:
    every = rank(given_parts, chosen)
    scores = np.empty(len(every.order))
    scores[every.order] = every.scores
    wanted = sorted(range(len(scores)), key=lambda index: (-scores[index], index))
    assert every.order.tolist() == wanted
    assert rank(given_parts, chosen, 3).order.tolist() == wanted[:3]


@pytest.mark.parametrize("name", PART_NAMES)
def test_a_weight_must_be_a_finite_number_not_below_zero(name: str) -> None:
    for bad in (math.nan, math.inf):
        with pytest.raises(NotFinite, match=name):
            RecallWeights(**{name: bad})
    with pytest.raises(OutOfRange, match=name):
        RecallWeights(**{name: -0.1})
    with pytest.raises(InvalidValue, match=name):
        RecallWeights(**{name: "much"})  # type: ignore[arg-type]  # what a settings file might bring


def test_weights_that_are_all_zero_rank_nothing() -> None:
    with pytest.raises(InvalidValue, match="at least one above zero"):
        RecallWeights(**dict.fromkeys(PART_NAMES, 0.0))


def test_parts_that_cannot_be_ranked_are_refused() -> None:
    one, two = np.zeros(1), np.zeros(2)
    with pytest.raises(InvalidValue, match="'luck'"):
        rank({"relevance": one, "luck": one}, RecallWeights())
    with pytest.raises(ShapeMismatch):
        rank({"relevance": one, "lexical": two}, RecallWeights())
    with pytest.raises(ShapeMismatch):
        rank({"relevance": np.zeros((1, 1))}, RecallWeights())
    with pytest.raises(NotFinite, match="candidate 1"):
        rank({"relevance": np.array([0.0, np.nan])}, RecallWeights())
    assert rank({}, RecallWeights()).why == ()
