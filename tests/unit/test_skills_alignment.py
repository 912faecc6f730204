"""Attempts are laid side by side as well as they can be, and nothing that was done gets lost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantum_memory.memory.skills import Deed, aligned, alike, joined
from quantum_memory.memory.skills.opposites import contrary
from quantum_memory.types import Floats

LETTERS = "abcdef"
ATTEMPTS = st.lists(st.sampled_from(LETTERS), max_size=6)
LIKENESS = st.tuples(st.integers(0, 4), st.integers(0, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.5, 0.7, 0.75, 1.0]))
)


def deeds(letters: Sequence[str]) -> tuple[Deed, ...]:
    """Steps that are the same if their letter is, and at right angles if not."""
    axes = np.eye(len(LETTERS), dtype=np.float32)
    return tuple(Deed(f"do {one}", axes[LETTERS.index(one)], frozenset([one])) for one in letters)


def told(text: str, *meaning: float) -> Deed:
    vector = np.array(meaning, np.float32)
    return Deed(text, vector / np.linalg.norm(vector), frozenset(text.split()))


def best_sum(likeness: Floats) -> float:
    """The largest sum over every choice of pairs that rise, one by one."""
    rows, columns = likeness.shape
    sums = [0.0]
    for count in range(1, min(rows, columns) + 1):
        for mine in combinations(range(rows), count):
            for other in combinations(range(columns), count):
                chosen = [likeness[pair] for pair in zip(mine, other, strict=True)]
                if min(chosen) >= 0.7:
                    sums.append(sum(chosen))
    return max(sums)


@settings(deadline=None, max_examples=150)
@given(LIKENESS)
def test_no_choice_of_pairs_is_worth_more(likeness: Floats) -> None:
    pairs = aligned(likeness, 0.7)
    assert list(pairs) == sorted(pairs)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert all(likeness[pair] >= 0.7 for pair in pairs)
    assert sum(likeness[pair] for pair in pairs) == pytest.approx(best_sum(likeness))


def within(part: Sequence[str], whole: Sequence[str]) -> bool:
    rest = iter(whole)
    return all(one in rest for one in part)


@settings(deadline=None, max_examples=100)
@given(ATTEMPTS, ATTEMPTS)
def test_both_attempts_can_be_read_in_what_is_joined_and_the_optional_steps_are_those_of_one(
    ours: list[str], theirs: list[str]
) -> None:
    both = joined(deeds(ours), deeds(theirs))
    texts = [one.text.removeprefix("do ") for one in both]
    assert within(ours, texts)
    assert within(theirs, texts)
    shared = [one.text.removeprefix("do ") for one in both if not one.optional]
    assert within(shared, ours)
    assert within(shared, theirs)
    assert len(both) == len(ours) + len(theirs) - len(shared)


@given(ATTEMPTS)
def test_the_same_attempt_again_changes_nothing(attempt: list[str]) -> None:
    once = deeds(attempt)
    assert joined(once, once) == once


def test_what_was_optional_stays_so_and_the_first_telling_stays() -> None:
    first = (told("knock", 1, 0, 0), told("open the door", 0, 1, 0))
    second = (told("open that door", 0, 1, 0.1), told("sit", 0, 0, 1))
    both = joined(first, second)
    assert [(one.text, one.optional) for one in both] == [("knock", True), ("open the door", False), ("sit", True)]
    again = joined(both, (told("knock", 1, 0, 0), told("open the door", 0, 1, 0)))
    assert [one.optional for one in again] == [True, False, True]


def test_likeness_is_of_meaning_and_words() -> None:
    ours = (told("boil water", 1, 0), told("Pour", 0, 1))
    theirs = (told("boil water", 0, 1), told("heat water", 1, 0), told("pour", 1, 0))
    likeness = alike(ours, theirs)
    assert likeness[0].tolist() == pytest.approx([1.0, 0.6 + 0.4 * 0.5, 0.6])
    assert likeness[1].tolist() == pytest.approx([0.6, 0.0, 1.0]), "the same words in other letters are the same"
    assert alike((), theirs).shape == (0, 3)


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("turn off the gas", "turn on the gas", True),
        ("open the door", "she closed the door", True),
        ("stopping the server", "the server was started", True),
        ("press it", "don't press it", True),
        ("boil the water", "bring the water to the boil", False),
        ("turn it on and off", "turn it off and on again", False),
        ("do not run", "never run", False),
    ],
)
def test_contraries_are_told_apart_by_their_words(one: str, other: str, wanted: bool) -> None:
    assert contrary(one, other) == contrary(other, one) == wanted
    close = alike((told(one, 1, 0),), (told(other, 1, 0.1),))[0, 0]
    assert close == 0.0 if wanted else close > 0.6
