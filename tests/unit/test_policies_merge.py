"""Who decides about a conflict: rules, functions, and the parts and fields that they are for."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quantum_memory.errors import InvalidValue
from quantum_memory.policies.merge import DEFAULT, FIELDS, MergePolicy, ask, settled, winner
from quantum_memory.types import MergeConflict

DAY = datetime(2026, 1, 1, tzinfo=UTC)
LATER = DAY + timedelta(seconds=1)
CONFLICT = MergeConflict("memories", "m1", "text", "a", "b", "c")


def shorter(conflict: MergeConflict) -> str:
    return "ours" if len(conflict.ours) < len(conflict.theirs) else "theirs"


def test_without_a_word_ours_is_kept_the_later_of_edit_and_deletion_wins_and_moods_superpose() -> None:
    policy = MergePolicy.of(None)
    for part, names in FIELDS.items():
        for name in names:
            assert policy.choice(part, name) == ("newest" if name in ("forgotten", "unrelated") else "ours")
    assert policy.choice("mood") == "union"
    assert not policy.asks
    assert MergePolicy.of({}) == policy


def test_a_function_may_edit_what_it_is_shown_and_the_values_stay_as_they_are() -> None:
    conflict = MergeConflict("memories", "m1", "metadata", None, {"a": [1]}, {"a": [2], "b": 3})

    def edits(shown: MergeConflict) -> Any:
        shown.ours["a"].append(9)
        return (shown.ours.update(shown.theirs), shown.ours)[1]

    decided = ask(edits, conflict)
    assert (decided.ours, decided.theirs) == ({"a": [1]}, {"a": [2], "b": 3})
    assert (decided.kept, decided.value) == ("given", {"a": [2], "b": 3})


@pytest.mark.parametrize("rule", ["union", "ours", "theirs", "newest", shorter])
def test_one_rule_or_function_is_for_everything(rule: Any) -> None:
    policy = MergePolicy.of(rule)
    assert all(policy.choice(part, name) == rule for part, names in FIELDS.items() for name in (*names, ""))
    assert policy.asks == callable(rule)
    assert MergePolicy.of(policy) is policy


def test_a_mapping_goes_from_the_field_to_its_part_to_the_default() -> None:
    policy = MergePolicy.of({"memories": "theirs", "memories.tags": "union", "graph.weight": shorter})
    assert policy.choice("memories", "tags") == "union"
    assert policy.choice("memories", "text") == policy.choice("memories", "forgotten") == "theirs"
    assert policy.choice("graph", "weight") is shorter
    assert policy.choice("graph", "memory") == DEFAULT["graph"]
    assert policy.choice("skills", "when") == DEFAULT["skills"]
    assert policy.asks


@pytest.mark.parametrize(
    "given",
    [
        "loudest",
        7,
        {"memory": "ours"},
        {"memories.embedding": "ours"},
        {"working": "ours"},
        {"memories": "loudest"},
        {"memories": None},
        {3: "ours"},
    ],
)
def test_what_is_no_policy_is_refused_by_name(given: Any) -> None:
    with pytest.raises(InvalidValue, match="policy"):
        MergePolicy.of(given)


def test_a_policy_travels() -> None:
    policy = MergePolicy.of({"memories.tags": "union", "mood": shorter})
    assert pickle.loads(pickle.dumps(policy)) == policy  # noqa: S301  (made a line ago)


def test_the_newest_wins_and_an_undated_version_counts_as_oldest() -> None:
    for rule in ("newest", "union"):
        assert winner(rule, DAY, LATER) == winner(rule, None, DAY) == "theirs"
        assert winner(rule, LATER, DAY) == winner(rule, DAY, DAY) == winner(rule, None, None) == "ours"
    assert winner("ours", DAY, LATER) == "ours"
    assert winner("theirs", LATER, DAY) == "theirs"
    with pytest.raises(InvalidValue, match="union, ours, theirs, newest"):
        winner("loudest", DAY, DAY)  # type: ignore[arg-type]  # what a caller might bring


def test_a_side_that_is_kept_says_who_kept_it() -> None:
    kept = settled(CONFLICT, "theirs", "the rule 'theirs'")
    assert (kept.kept, kept.value, kept.reason) == ("theirs", "c", "the rule 'theirs' kept theirs")
    assert (kept.base, kept.ours, kept.theirs) == ("a", "b", "c")


def test_a_function_names_a_side_or_gives_a_value() -> None:
    assert ask(shorter, CONFLICT).kept == "theirs"
    assert ask(lambda _: "ours", CONFLICT).value == "b"
    given = ask(lambda one: one.ours + one.theirs, CONFLICT)
    assert (given.kept, given.value) == ("given", "bc")
    assert ask(lambda _: None, CONFLICT).kept == "given"


def test_a_function_that_fails_is_named_with_what_it_was_asked() -> None:
    with pytest.raises(InvalidValue, match=r"policy.*memories\.text of 'm1'.*ZeroDivisionError") as caught:
        ask(lambda _: 1 / 0, CONFLICT)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.name == "policy"
