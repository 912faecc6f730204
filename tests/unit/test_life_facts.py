"""Facts and episodes: what they are made of, in whose words, and that making them again makes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import OutOfRange
from quantum_memory.memory.life import clusters as clustering
from quantum_memory.memory.life.clusters import clusters, medoid
from quantum_memory.memory.life.episodes import Runs, centroid, episodes, runs, summary
from quantum_memory.memory.life.facts import Found, Repeated, again, facts
from quantum_memory.memory.life.provenance import derived, made_id, origin_of
from quantum_memory.types import Memory
from tests.unit.lives import START, direction, said

NOW = START + timedelta(days=400)
TOPICS = ["the umbrella of Bob", "green tea at noon", "a violin lesson"]


def done(memories: list[Memory], found: Found) -> list[Memory]:
    """The memories of a branch once what was found is written."""
    written = {one.id: one for one in found.written}
    kept = [written.pop(one.id, one) for one in memories if one.id not in found.dropped]
    return kept + list(written.values())


@st.composite
def talks(draw: st.DrawFn) -> list[Memory]:
    """What two people say about three topics, now and then denied or asked."""
    made = []
    minutes = 0.0
    for number in range(draw(st.integers(0, 14))):
        topic = draw(st.integers(0, 2))
        minutes += draw(st.sampled_from([1.0, 5.0, 45.0, 2000.0]))
        form = draw(st.sampled_from(["I like {}", "I really like {}", "I never like {}", "Do I like {}?"]))
        session = draw(st.sampled_from([None, None, "s1"]))
        speaker = draw(st.sampled_from(["Alice", "Alice", "Bob"]))
        text = form.format(TOPICS[topic])
        made.append(said(number, text, topic, minutes, speaker=speaker, session=session))
    return made


@settings(deadline=None, max_examples=60)
@given(talks())
def test_facts_come_of_statements_of_one_speaker_that_agree_and_come_once(memories: list[Memory]) -> None:
    rule = Repeated(0.75, 2)
    found = facts(memories, rule, NOW)
    by_id = {one.id: one for one in memories}
    used: list[str] = []
    for fact in found.written:
        origin = origin_of(fact)
        assert origin is not None
        sources = [by_id[one] for one in origin.sources]
        used += origin.sources
        assert len(sources) >= 2
        assert {one.speaker for one in sources} == {fact.speaker}
        assert fact.text in {one.text for one in sources}
        assert len({"never" in one.text for one in sources}) == 1
        assert not any(one.text.endswith("?") for one in sources)
        assert fact.at == max(one.at for one in sources)
        assert fact.importance >= max(one.importance for one in sources)
        assert fact.id == made_id("fact", min(sources, key=lambda one: (one.at, one.id)).id)
        assert np.mean([[float(a.embedding @ b.embedding) for a in sources] for b in sources]) >= rule.cosine
    assert len(used) == len(set(used))
    assert facts(memories[::-1], rule, NOW) == found
    after = done(memories, found)
    assert facts(after, rule, NOW + timedelta(days=1)) == Found((), ())


@settings(deadline=None, max_examples=40)
@given(talks(), st.integers(0, 14), st.integers(0, 14))
def test_a_fact_grows_with_what_is_said_later_and_outlives_what_is_forgotten(
    memories: list[Memory], first: int, forgotten: int
) -> None:
    rule = Repeated(0.75, 2)
    branch = done(memories[:first], facts(memories[:first], rule, NOW))
    before = {one.id for one in branch if derived(one)}
    branch = [one for one in branch if one.id != f"m{forgotten}"] + memories[first:]
    grown = facts(branch, rule, NOW)
    branch = done(branch, grown)
    assert before - set(grown.dropped) <= {one.id for one in branch}
    sources = [origin.sources for one in branch if (origin := origin_of(one)) is not None]
    assert all(len(set(one)) == len(one) for one in sources)
    assert facts(branch, rule, NOW) == Found((), ())


def test_two_facts_whose_sources_turn_out_to_be_one_become_one() -> None:
    talk = [said(number, f"I like {TOPICS[0]}", 0, number) for number in range(6)]
    one = replace(facts(talk[:3], Repeated(), NOW).written[0], id="fact:b")
    other = replace(facts(talk[3:], Repeated(), NOW).written[0], id="fact:a")
    found = facts([*talk, one, other], Repeated(), NOW)
    assert found.dropped == ("fact:b",)
    (kept,) = found.written
    assert kept.id == "fact:a"
    assert kept.revised_at == NOW
    origin = origin_of(kept)
    assert origin is not None
    assert set(origin.sources) == {turn.id for turn in talk}


def test_what_is_said_again_after_its_sources_went_is_the_fact_that_is_known() -> None:
    talk = [said(number, f"I like {TOPICS[0]}", 0, number) for number in range(12)]
    (fact,) = facts(talk[:3], Repeated(), NOW).written
    (grown,) = facts([fact, *talk[3:6]], Repeated(), NOW).written
    origin = origin_of(grown)
    assert grown.id == fact.id
    assert origin is not None
    assert origin.sources == tuple(one.id for one in talk[:6])
    assert facts([grown, *talk[3:6]], Repeated(), NOW) == Found((), ())
    for other in (
        [replace(one, text=f"I never like {TOPICS[0]}") for one in talk[6:9]],
        [replace(one, speaker="Bob") for one in talk[6:9]],
        [replace(one, embedding=direction(1, number)) for number, one in enumerate(talk[6:9])],
        [replace(one, text="We love the sea") for one in talk[6:9]],
    ):
        (another,) = facts([fact, *other], Repeated(), NOW).written
        assert another.id == made_id("fact", "m6")


def test_words_that_somebody_wrote_anew_stay() -> None:
    talk = [said(number, f"I like {TOPICS[0]}", 0, number, session="s1") for number in range(6)]
    (fact,), (episode,) = facts(talk[:4], Repeated(), NOW).written, episodes(talk[:4], Runs(), NOW).written
    fact, episode = (
        replace(one, text=f"In truth, {one.text}", embedding=direction(2), revised_at=NOW) for one in (fact, episode)
    )
    later = NOW + timedelta(days=1)
    (fact_now,), (episode_now,) = (
        facts([*talk, fact], Repeated(), later).written,
        episodes([*talk, episode], Runs(), later).written,
    )
    for before, after in ((fact, fact_now), (episode, episode_now)):
        origin = origin_of(after)
        assert origin is not None
        assert len(origin.sources) == 6
        assert (after.id, after.text, after.speaker) == (before.id, before.text, before.speaker)
        assert np.array_equal(after.embedding, before.embedding)
    assert facts([*talk, fact_now], Repeated(), NOW) == Found((), ())
    assert episodes([*talk, episode_now], Runs(), NOW) == Found(())


def test_no_chain_of_small_steps_makes_one_group() -> None:
    """Each is near the next, and the ends are far apart: average linkage cuts the chain, single linkage would not."""
    angles = np.linspace(0.0, np.pi, 9)
    chain = [
        said(number, f"I like {TOPICS[0]}", 0, number, embedding=np.eye(2, 16, dtype=np.float32).T @ turn)
        for number, turn in enumerate(np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32))
    ]
    found = clusters(chain, 0.8, 2)
    assert len(found) > 1
    assert sorted(one.id for group in found for one in group) == sorted({one.id for group in found for one in group})


def test_a_part_too_large_to_be_linked_is_cut_and_copies_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = [said(number, f"I like {TOPICS[number % 2]}", number % 2, number) for number in range(40)]
    whole = clusters(talk, 0.75, 3)
    monkeypatch.setattr(clustering, "LARGEST", 20)
    assert clusters(talk, 0.75, 3) == whole
    monkeypatch.setattr(clustering, "LARGEST", 8)
    same = [replace(one, embedding=direction(1)) for one in talk]
    groups = clusters(same, 0.75, 3)
    assert all(len(group) <= 8 for group in groups)
    assert sum(map(len, groups)) == 40


def test_the_medoid_is_the_most_central_and_importance_adds_up() -> None:
    group = [said(number, "x", 0, embedding=direction(0, number, 0.5)) for number in range(7)]
    means = [np.mean([one.embedding @ other.embedding for other in group]) for one in group]
    assert medoid(group) is group[int(np.argmax(means))]
    assert again([0.5, 0.5]) == 0.75
    assert again([]) == 0.0
    for make in (lambda: Repeated(cosine=1.5), lambda: Repeated(least=1), lambda: Runs(least=1), lambda: Runs(told=0)):
        with pytest.raises(OutOfRange):
            make()


# Episodes


@settings(deadline=None, max_examples=60)
@given(talks())
def test_episodes_are_runs_without_a_long_gap_and_come_once(memories: list[Memory]) -> None:
    rule = Runs(gap_s=1800.0, least=2, told=2)
    found = episodes(memories, rule, NOW)
    by_id = {one.id: one for one in memories}
    told: list[str] = []
    for episode in found.written:
        origin = origin_of(episode)
        assert origin is not None
        turns = [by_id[one] for one in origin.sources]
        told += origin.sources
        assert len({one.session for one in turns}) == 1
        if turns[0].session is None:
            gaps = [(b.at - a.at).total_seconds() for a, b in pairwise(turns)]
            assert max(gaps) <= rule.gap_s
        lines = episode.text.split("\n")
        assert len(lines) == min(2, len(turns))
        assert set(lines) <= {f"{one.speaker}: {one.text}" for one in turns}
        assert np.linalg.norm(episode.embedding) == pytest.approx(1.0, abs=1e-5)
    assert len(told) == len(set(told))
    assert episodes(memories[::-1], rule, NOW) == found
    assert episodes(done(memories, found), rule, NOW) == Found(())


def test_what_still_goes_on_is_no_episode_and_a_session_that_goes_on_grows_one() -> None:
    rule = Runs(gap_s=1800.0, least=2)
    talk = [said(number, f"turn {number}", number, number, session="s1") for number in range(5)]
    assert episodes(talk, rule, talk[-1].at + timedelta(minutes=10)) == Found(())
    (first,) = episodes(talk[:3], rule, NOW).written
    branch = [*talk, first]
    (grown,) = episodes(branch, rule, NOW).written
    assert (grown.id, grown.revised_at, grown.session) == (first.id, NOW, "s1")
    origin = origin_of(grown)
    assert origin is not None
    assert len(origin.sources) == 5
    (shrunk,) = episodes([*talk[1:], grown], rule, NOW).written
    now_told = origin_of(shrunk)
    assert now_told is not None
    assert (shrunk.id, now_told.sources) == (first.id, origin.sources)


def test_a_summary_is_central_first_in_order_of_time_and_not_longer_than_allowed() -> None:
    talk = [said(number, f"turn {number}", 0, number) for number in range(4)]
    talk.append(said(9, "something else " * 100, 5, 9))
    lines = summary(talk, 2).split("\n")
    assert len(lines) == 2
    assert lines == sorted(lines)
    assert len(max(summary(talk, 5).split("\n"), key=len)) <= len("Alice: ") + 400
    (episode,) = episodes(talk, Runs(chars=10, told=5), NOW).written
    assert len(episode.text) <= 10
    opposite = [said(1, "a", 0), said(2, "b", 0, embedding=-said(1, "a", 0).embedding)]
    assert centroid(opposite) is opposite[0].embedding
    assert [len(run) for run in runs(talk, Runs(), NOW)] == [5]
