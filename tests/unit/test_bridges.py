"""Bridges of names between memories: what leads where, how strongly, and what leads nowhere."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.errors import NotFinite, OutOfRange
from quantum_memory.memory.events import Remembered, Unified
from quantum_memory.memory.semantic import bridges as made
from quantum_memory.memory.semantic.bridges import MENTION, MOST_LED_TO, MOST_MENTIONS, MOST_SEEDS, bridges
from quantum_memory.memory.semantic.graph import GraphFold, GraphState
from quantum_memory.types import NEUTRAL, Memory

AT = datetime(2026, 1, 1, tzinfo=UTC)
FOLD = GraphFold()


def told(*texts: str) -> GraphState:
    """The graph of some texts, with the ids m0, m1, ..."""
    memories = [
        Memory(f"m{number}", text, AT, NEUTRAL, 1.0, 0.5, np.ones(2, np.float32)) for number, text in enumerate(texts)
    ]
    return FOLD.apply(FOLD.empty(), Remembered(tuple(memories)))


SONG = told(
    "Hello Love was a single by Hank Snow.",
    "Hank Snow moved to Nashville.",
    "An old market opened late in Nashville.",
    "We talked about trees and about rivers.",
)


def test_a_name_leads_on_and_what_is_about_it_counts_more_than_what_mentions_it() -> None:
    found = bridges(SONG, "Where did the singer of Hello Love live?", {"m0": 1.0})
    assert set(found) == {"m1"}
    rare = 1.0 - math.log(2) / math.log(4)
    assert found["m1"]["m0"] == pytest.approx(rare)
    onward = bridges(SONG, "Which shop is there?", {"m1": 2.0})
    assert onward["m2"]["m1"] == pytest.approx(rare * MENTION), "the market only mentions the town"


def test_what_the_question_names_leads_nowhere_because_it_was_searched_for() -> None:
    assert bridges(SONG, "Who is Hank Snow?", {"m0": 1.0}) == {}


def test_topics_and_names_that_many_memories_mention_lead_nowhere() -> None:
    common = told(*["The tall trees grow."] * 3, *[f"Yesterday Anna saw number {n}." for n in range(MOST_MENTIONS + 1)])
    assert bridges(common, "what?", {"m0": 1.0, "m3": 1.0}) == {}
    fewer = told(*[f"Yesterday Anna saw Bert{'a' * n}." for n in range(MOST_MENTIONS)], "Nobody came.")
    assert len(bridges(fewer, "what?", {"m0": 1.0})) == MOST_MENTIONS - 1


def test_a_seed_that_is_half_as_good_leads_a_quarter_as_strongly() -> None:
    both = bridges(SONG, "what?", {"m0": 2.0, "m2": 1.0})
    alone = bridges(SONG, "what?", {"m2": 1.0})
    assert both["m1"]["m2"] == pytest.approx(alone["m1"]["m2"] / 4)


def test_names_that_mean_one_thing_are_one_bridge() -> None:
    state = told("It was sung by Hank Snow.", "The Singing Ranger lived by the river.", "Nothing else was said.")
    assert "m1" not in bridges(state, "where?", {"m0": 1.0})
    joined = FOLD.apply(state, Unified("Hank Snow", ("Singing Ranger",)))
    assert "m1" in bridges(joined, "where?", {"m0": 1.0})


def test_only_so_many_seeds_lead_and_to_only_so_many() -> None:
    names = [f"Then Bert{'a' * n} met Carl{'o' * n}." for n in range(MOST_SEEDS + 2)]
    state = told(*names, *[f"And Carl{'o' * n} slept." for n in range(MOST_SEEDS + 2)])
    seeds = {f"m{n}": float(n + 1) for n in range(MOST_SEEDS + 2)}
    ways = {seed for own in bridges(state, "who?", seeds).values() for seed in own}
    assert ways == {f"m{n}" for n in range(2, MOST_SEEDS + 2)}


def test_no_more_than_the_strongest_are_led_to(monkeypatch: pytest.MonkeyPatch) -> None:
    state = told("We met Anna.", *["Later Anna left."] * 5, "It rained.")
    assert len(bridges(state, "who?", {"m0": 1.0})) == 5 <= MOST_LED_TO
    monkeypatch.setattr(made, "MOST_LED_TO", 3)
    assert len(bridges(state, "who?", {"m0": 1.0})) == 3


@pytest.mark.parametrize(("score", "error"), [(-1.0, OutOfRange), (math.nan, NotFinite), (math.inf, NotFinite)])
def test_a_seed_that_is_no_score_is_refused(score: float, error: type[Exception]) -> None:
    with pytest.raises(error, match="m0"):
        bridges(SONG, "who?", {"m0": score})


def test_nothing_leads_from_nothing() -> None:
    assert bridges(FOLD.empty(), "who?", {"m0": 1.0}) == {}
    assert bridges(SONG, "who?", {}) == {}
    assert bridges(SONG, "who?", {"unknown": 1.0, "m0": 0.0}) == {}


@given(st.dictionaries(st.sampled_from(["m0", "m1", "m2", "m3", "?"]), st.floats(0.0, 1e6)), st.text(max_size=40))
def test_strengths_lie_between_nothing_and_one_and_no_memory_leads_to_itself(
    seeds: dict[str, float], question: str
) -> None:
    for memory, ways in bridges(SONG, question, seeds).items():
        assert memory not in ways
        assert all(0.0 <= strength <= 1.0 and seeds[seed] > 0.0 for seed, strength in ways.items())
