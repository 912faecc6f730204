"""Near-duplicates: all pairs are found that the slow way finds, and merging them leaves none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory.life.duplicates import Alike, groups, merged
from quantum_memory.memory.life.near import CROWD, Pair, jaccard, pairs
from quantum_memory.memory.life.novelty import met
from quantum_memory.memory.life.provenance import KEY, Origin, origin_of, provenance
from quantum_memory.memory.life.wording import asks, features, pins
from quantum_memory.policies.importance import Met
from quantum_memory.types import Memory, Vector
from tests.unit.lives import DIM, START, direction, said

WORDS = [f"word{number}" for number in range(12)]
TEXTS = st.lists(st.frozensets(st.sampled_from(WORDS), max_size=8), max_size=20)
NOW = START + timedelta(days=30)


def slow_pairs(texts: list[frozenset[str]], least: float) -> list[Pair]:
    found = []
    for one, text in enumerate(texts):
        for other in range(one + 1, len(texts)):
            union = len(text | texts[other])
            share = len(text & texts[other]) / union if union else 0.0
            if share >= least:
                found.append(Pair(one, other, share))
    return found


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.sampled_from([0.75, 0.8, 1.0]))
def test_pairs_are_those_that_comparing_all_with_all_finds(texts: list[frozenset[str]], least: float) -> None:
    assert pairs(texts, least) == slow_pairs(texts, least)


def test_pairs_at_the_least_likeness_are_nearly_all_found() -> None:
    chance = np.random.default_rng(3)
    texts: list[frozenset[str]] = []
    for number in range(400):
        words = [f"{number}-{index}" for index in range(16)]
        texts += [frozenset(words[:12]), frozenset(words[: int(chance.integers(7, 9))])]
    every = slow_pairs(texts, 0.55)
    found = pairs(texts, 0.55)
    assert len(every) > 300
    assert set(found) <= set(every)
    assert len(found) >= 0.99 * len(every)


def test_a_crowd_of_the_same_text_costs_no_square_and_is_still_joined() -> None:
    texts = [frozenset({"the", "same", "words"})] * (40 * CROWD)
    found = pairs(texts, 0.9)
    assert {(pair.one, pair.other) for pair in found} >= {(number, number + 1) for number in range(len(texts) - 1)}
    assert len(found) < 2 * len(texts)


def test_pairs_refuse_a_share_that_most_texts_have() -> None:
    for least, error in ((0.4, OutOfRange), (float("nan"), NotFinite)):
        with pytest.raises(error):
            pairs([frozenset({"a"})], least)
    with pytest.raises(ShapeMismatch, match="sorts"):
        pairs([frozenset({"a"})], 0.5, [])
    copies = [frozenset({"a"})] * 4
    assert [pair[:2] for pair in pairs(copies, 0.5, [1, 2, 1, 2])] == [(0, 2), (1, 3)]
    assert pairs([], 0.5) == pairs([frozenset(), frozenset()], 0.5) == []
    assert jaccard(frozenset(), frozenset()) == 0.0


def test_words_tell_what_may_not_differ() -> None:
    assert pins("I have two cats") == pins("I have 2 cats") != pins("I have 3 cats")
    assert pins("I don't like tea") == pins("I do NOT like tea") != pins("I like tea")
    assert features("Bob hit Ann") != features("Ann hit Bob")
    assert asks("Do you? ")
    assert asks('"Really?"')
    assert not asks("I do.")


# Merging

TEXT = st.lists(
    st.sampled_from(["rain", "tea", "bob", "umbrella", "garden", "not", "2", "two", "storm"]), min_size=1, max_size=7
)


@st.composite
def memories(draw: st.DrawFn) -> list[Memory]:
    texts = draw(st.lists(TEXT, max_size=12))
    topics, minutes = st.integers(0, 2), st.integers(0, 3000)
    speakers = st.sampled_from(["Alice", "Bob", None])
    return [
        said(number, " ".join(words), draw(topics), draw(minutes), speaker=draw(speakers), tags=(f"t{number % 3}",))
        for number, words in enumerate(texts)
    ]


@settings(deadline=None, max_examples=80)
@given(memories())
def test_merging_loses_nothing_and_leaves_nothing_alike(given_: list[Memory]) -> None:
    rule = Alike(words=0.6)
    found = groups(given_, rule, NOW)
    gone = [twin.memory.id for group in found for twin in group.twins]
    stay = [group.stays.id for group in found]
    assert len({*gone, *stay}) == len(gone) + len(stay)
    for group in found:
        origin = origin_of(group.becomes)
        assert origin is not None
        assert set(origin.sources) == {twin.memory.id for twin in group.twins}
        assert [one["text"] for one in origin.said] == [
            twin.memory.text for twin in sorted(group.twins, key=lambda twin: (twin.memory.at, twin.memory.id))
        ]
        for twin in group.twins:
            assert (twin.memory.speaker, twin.memory.kind) == (group.stays.speaker, group.stays.kind)
            assert pins(twin.memory.text) == pins(group.stays.text)
            assert twin.words >= rule.words
            assert set(twin.memory.tags) <= set(group.becomes.tags)
            assert group.becomes.importance >= twin.memory.importance
    after = [one for one in given_ if one.id not in {*gone, *stay}] + [group.becomes for group in found]
    assert groups(after, rule, NOW) == []
    assert groups(given_[::-1], rule, NOW) == found


def test_what_was_said_by_another_of_another_number_or_on_another_day_is_no_copy() -> None:
    text = "Bob lent me two big umbrellas in the rain today"
    first, again = said(1, text, 1), said(2, text + ".", 1, 10)
    assert [group.stays.id for group in groups([first, again], Alike(), NOW)] == ["m1"]
    others = [
        replace(again, speaker="Bob"),
        replace(again, kind="note"),
        replace(again, text=text.replace("two", "3")),
        replace(again, text=text.replace("lent", "never lent")),
        replace(again, at=START + timedelta(days=2)),
        replace(again, embedding=direction(2)),
        replace(again, kind="equation"),
        replace(again, metadata={KEY: Origin("fact", ("m9",)).to_plain()}),
    ]
    for other in others:
        assert groups([first, other], Alike(), NOW) == [], other


def test_many_copies_are_merged_at_once_for_each_speaker_and_day() -> None:
    copies = [
        said(
            number,
            "Good morning to all of you",
            1,
            minutes=2880.0 * (number % 3) + number / 100,
            speaker=("Alice", "Bob")[number % 2],
            embedding=direction(1),
        )
        for number in range(6 * CROWD)
    ]
    found = groups(copies, Alike(), NOW)
    assert [len(group.twins) for group in found] == [CROWD - 1] * 6
    for group in found:
        assert {twin.memory.speaker for twin in group.twins} == {group.stays.speaker}
        assert all(twin.memory.at - group.stays.at < timedelta(days=1) for twin in group.twins)
    assert groups([group.becomes for group in found], Alike(), NOW) == []


def test_what_merged_before_is_told_on() -> None:
    first, second, third = (said(number, "We met in the park", 1, number) for number in (1, 2, 3))
    once = merged(first, [second], NOW)
    twice = merged(third, [once], NOW)
    origin = origin_of(twice)
    assert origin is not None
    assert origin.sources == ("m2", "m1")
    found = provenance(twice, [twice, second])
    assert ([one.id for one in found.sources], found.gone, found.how) == (["m2"], ("m1",), "duplicates")
    assert [one.id for one in provenance(second, [twice, second]).made] == ["m3"]
    assert twice.revised_at == NOW


def test_metadata_that_somebody_else_wrote_is_no_provenance() -> None:
    for told in (
        "x",
        {"how": "magic", "sources": []},
        {"how": "fact", "sources": "m1"},
        {"how": "fact", "sources": [1]},
    ):
        assert origin_of(said(1, "x", 1, metadata={KEY: told})) is None


# Novelty


def slow_met(known: list[Vector], new: list[Vector], alike: float) -> list[Met]:
    found = []
    for number, one in enumerate(new):
        cosines = [float(one @ other) for other in [*known, *new[:number]]]
        surprise = min(1.0, max(0.0, 1.0 - max(cosines))) if cosines else 0.0
        found.append(Met(surprise, sum(cosine >= alike for cosine in cosines)))
    return found


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), max_size=12), st.lists(st.integers(0, 5), max_size=6), st.integers(1, 5))
def test_a_batch_meets_what_is_known_as_one_by_one(old: list[int], new: list[int], cut: int) -> None:
    known = [direction(topic, number) for number, topic in enumerate(old)]
    fresh = [direction(topic, 100 + number) for number, topic in enumerate(new)]
    blocks = [np.stack(known[start : start + cut]) for start in range(0, len(known), cut)]
    found = met(iter(blocks), fresh, 0.9)
    slow = slow_met(known, fresh, 0.9)
    assert [one.repeats for one in found] == [one.repeats for one in slow]
    assert [one.surprise for one in found] == pytest.approx([one.surprise for one in slow], abs=1e-5)


def test_nothing_known_is_no_surprise_and_a_copy_is_none_either() -> None:
    one = direction(1)
    assert met([], [], 0.9) == []
    assert met([], [one], 0.9) == [Met(0.0, 0)]
    assert met([np.empty((0, DIM), np.float32)], [one], 0.9) == [Met(0.0, 0)]
    found = met([np.stack([one])], [one, -one], 0.9)
    assert found[0].surprise == pytest.approx(0.0, abs=1e-6)
    assert found[0].repeats == 1
    assert found[1] == Met(1.0, 0)
    with pytest.raises(OutOfRange):
        met([], [one], 1.5)
