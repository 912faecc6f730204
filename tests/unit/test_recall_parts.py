"""The parts of a score that follow from the candidates: their laws, and the slow twins of the fast ones."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.memory.episodic.columnar import Blobs
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.news import WORDS as WORDS_OF_NEWS
from quantum_memory.memory.episodic.parts import (
    FADE,
    GAP_S,
    bridged,
    matching,
    nearness,
    spoken_by,
    statements,
    statements_of,
)
from quantum_memory.memory.episodic.search import Query, search
from quantum_memory.memory.episodic.state import Sizes
from quantum_memory.memory.events import Forgotten, Remembered
from quantum_memory.types import NEUTRAL, Floats, Memory

AT = datetime(2026, 1, 1, tzinfo=UTC)
UNIT = st.floats(0.0, 1.0)
ROWS = st.lists(st.tuples(UNIT, st.sampled_from(["a", "b", None]), st.floats(0.0, 20_000.0)), min_size=1, max_size=12)


def slow_nearness(match: list[float], sessions: list[str | None], tickets: list[int]) -> list[float]:
    return [
        max(
            match[other] * FADE ** abs(tickets[other] - tickets[one])
            for other in range(len(match))
            if other == one or (sessions[other] == sessions[one] and sessions[one] is not None)
        )
        for one in range(len(match))
    ]


@given(ROWS, st.randoms(use_true_random=False))
def test_nearness_in_sessions_is_the_best_faded_match(
    rows: list[tuple[float, str | None, float]], random: object
) -> None:
    within = [(match, session or "c", at) for match, session, at in rows]
    tickets = list(range(0, 3 * len(rows), 3))
    random.shuffle(tickets)  # type: ignore[attr-defined]  # hypothesis' generator has no public type
    match, sessions = [row[0] for row in within], [row[1] for row in within]
    near = nearness(np.array(match), sessions, tickets, [row[2] for row in within])
    assert near == pytest.approx(slow_nearness(match, list(sessions), tickets))


@given(ROWS)
def test_nearness_is_never_below_the_match_itself_and_never_above_the_best(
    rows: list[tuple[float, str | None, float]],
) -> None:
    match = np.array([row[0] for row in rows])
    near = nearness(match, [row[1] for row in rows], list(range(len(rows))), [row[2] for row in rows])
    assert (near >= match).all()
    assert near.max() <= match.max()


def test_without_a_session_what_lies_close_in_time_is_near() -> None:
    match = np.array([1.0, 0.0, 0.0])
    near = nearness(match, [None, None, None], [0, 1, 2], [0.0, GAP_S, 2 * GAP_S + 1])
    assert near.tolist() == pytest.approx([1.0, FADE, 0.0])
    assert nearness(np.zeros(0), [], [], []).tolist() == []


@given(st.lists(st.tuples(st.floats(-1.0, 1.0), UNIT), min_size=1))
def test_matching_stays_in_bounds_and_rises_with_both(pairs: list[tuple[float, float]]) -> None:
    meaning, words = np.array(pairs).T
    found = matching(meaning, words)
    assert ((found >= 0.0) & (found <= 1.0)).all()
    assert (matching(meaning, np.minimum(words + 0.1, 1.0)) >= found).all()


def test_the_speaker_is_named_by_any_word_of_the_name() -> None:
    speakers = ["Alice Smith", "bob", None, "Al", "C"]
    assert spoken_by("What did SMITH say to Al's dog?", speakers).tolist() == [1.0, 0.0, 0.0, 1.0, 0.0]
    assert spoken_by("", speakers).tolist() == [0.0] * 5
    assert spoken_by("Do you see Bobby?", ["bob"]).tolist() == [0.0], "a part of a word is no name"


def test_questions_are_told_from_statements() -> None:
    texts = ["Who?", "Who is it? I know.", "He asked (why?)", "\u4f55\uff1f ", "Yes.", "?"]
    assert statements(texts).tolist() == [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]


ENDS = st.text(alphabet="a?.\uff1f\u061f\u037e \n\"')]\u201d\u2019\u00bb\u4f55", max_size=6)


@given(st.lists(ENDS, max_size=6))
def test_the_last_bytes_tell_of_questions_what_the_texts_tell(texts: list[str]) -> None:
    held = Blobs.of([text.encode() for text in texts])
    assert statements_of(held, np.arange(len(texts))).tolist() == statements(texts).tolist()


def unit(*values: float) -> Floats:
    vector = np.array(values)
    return np.asarray(vector / np.linalg.norm(vector))


def test_a_bridge_counts_by_what_the_seed_leaves_of_the_question() -> None:
    question = unit(1.0, 1.0, 0.0).astype(np.float32)
    vectors = np.array([unit(1.0, 0.0, 0.0), unit(0.0, 1.0, 0.0), unit(1.0, 0.0, 0.0), unit(0.0, 0.0, 1.0)])
    ways = {"rest": {"seed": 0.5}, "same": {"seed": 1.0}, "other": {"seed": 1.0}, "gone": {"seed": 1.0}}
    found = bridged(question, ["seed", "rest", "same", "other"], vectors.astype(np.float32), ways)
    assert found.tolist() == pytest.approx([0.0, 0.5, 0.0, 0.0], abs=1e-6)


def test_the_best_seed_counts_and_one_that_is_the_whole_question_leaves_nothing() -> None:
    question = unit(1.0, 1.0).astype(np.float32)
    vectors = np.array([unit(1.0, 0.0), unit(1.0, 1.0), unit(0.0, 1.0)]).astype(np.float32)
    both = bridged(question, ["a", "all", "led"], vectors, {"led": {"a": 0.4, "all": 1.0}})
    assert both.tolist() == pytest.approx([0.0, 0.0, 0.4], abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-8, 1e-7, 1e-6, 1e-5]))
def test_what_an_encoder_rounds_otherwise_is_no_rest_of_a_question(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    told = unit(*rng.normal(size=384)).astype(np.float32)
    others = [unit(*(rng.normal(size=384) + 10.0 * told)) for _ in range(8)]
    asked = unit(*(told + noise * rng.normal(size=384))).astype(np.float32)  # the same text, in another batch
    ids = ["told", *map(str, range(8))]
    found = bridged(asked, ids, np.stack([told, *others]).astype(np.float32), {one: {"told": 1.0} for one in ids[1:]})
    assert not found.any()


WORDS = ("apple", "bread", "cheese", "dates")
TURNS = st.lists(
    st.tuples(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3), st.booleans()), min_size=1, max_size=14
)


@given(TURNS, st.integers(1, 5), st.integers(1, 4))
def test_what_is_new_in_a_memory_is_what_few_living_ones_had_said(
    turns: list[tuple[list[str], bool]], tail: int, together: int
) -> None:
    fold = MemoriesFold(sizes=Sizes(tail, max(tail, 4), 2))
    state = fold.empty()
    living: dict[str, set[str]] = {}
    want: dict[str, float] = {}
    for start in range(0, len(turns), together):
        told = []
        for at, (words, _) in enumerate(turns[start : start + together], start):
            told.append(Memory(f"m{at}", " ".join(words), AT, NEUTRAL, 1.0, 0.5, np.ones(2, np.float32)))
            sums = sum(1 / (1 + sum(word in one for one in living.values())) for word in set(words))
            want[f"m{at}"] = 1 - math.exp(-sums / WORDS_OF_NEWS)
            living[f"m{at}"] = set(words)
        state = fold.apply(state, Remembered(tuple(told)))
        gone = tuple(f"m{at}" for at in range(start, start + len(told)) if turns[at][1])
        state = fold.apply(state, Forgotten(gone)) if gone else state
        for one in gone:
            del living[one]
    found = search(state, Query(" ".join(WORDS), limit=99))
    assert {one.id for one in found.memories} == set(living)
    for memory, news in zip(found.memories, found.news, strict=True):
        assert news == pytest.approx(want[memory.id], abs=1e-6)
        assert 0.0 <= news < 1.0
