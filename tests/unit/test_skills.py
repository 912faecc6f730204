"""Skills are what was learned last under each name, with all their tries, and are found by their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, SkillNotFound
from quantum_memory.memory.episodic.lexical import Bm25
from quantum_memory.memory.events import Event, Forgotten, Merged, SkillLearned, SkillUsed
from quantum_memory.memory.skills import SkillsFold, SkillsState, find, judge_skills
from quantum_memory.types import Place, Skill
from tests.unit.episodes import textbook_bm25, textbook_terms

DAY = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = st.lists(st.sampled_from(["boil water", "pour the tea", "ask Bob", "running home"]), max_size=3).map(tuple)
SKILLS = st.builds(
    Skill,
    name=st.sampled_from(["brew tea", "ask_help", "go"]),
    steps=STEPS,
    when=st.sampled_from(["", "someone is thirsty", "it rains"]),
    successes=st.integers(0, 2),
    failures=st.integers(0, 2),
    at=st.none() | st.integers(0, 9).map(lambda day: DAY + timedelta(days=day)),
)
EVENTS: st.SearchStrategy[list[Event]] = st.lists(
    st.builds(SkillLearned, SKILLS)
    | st.builds(SkillUsed, st.sampled_from(["brew tea", "ask_help", "no"]), st.booleans()),
    max_size=15,
)


def folded(events: Sequence[Event], state: SkillsState | None = None) -> SkillsState:
    fold = SkillsFold()
    state = fold.empty() if state is None else state
    for event in events:
        state = fold.apply(state, event)
    return state


@settings(deadline=None, max_examples=60)
@given(EVENTS)
def test_counts_go_on_and_words_are_those_of_the_latest(events: list[Event]) -> None:
    plain: dict[str, Skill] = {}
    for event in events:
        if isinstance(event, SkillLearned):
            new, old = event.skill, plain.get(event.skill.name, Skill("", ()))
            tries = (old.successes + new.successes, old.failures + new.failures)
            plain[new.name] = replace(new, successes=tries[0], failures=tries[1])
        elif isinstance(event, SkillUsed) and event.name in plain:
            old = plain[event.name]
            won, lost = (1, 0) if event.succeeded else (0, 1)
            plain[event.name] = replace(old, successes=old.successes + won, failures=old.failures + lost)
    assert folded(events).all() == tuple(plain[name] for name in sorted(plain))


@settings(deadline=None, max_examples=60)
@given(EVENTS, st.lists(st.sampled_from(["tea", "the", "thirsty", "Bob's", "run", "help", "nothing"]), max_size=4))
def test_finding_agrees_with_the_textbook_over_the_skills_of_now(events: list[Event], words: list[str]) -> None:
    state = folded(events)
    skills = state.all()
    documents = [textbook_terms(" ".join((one.name, one.when, *one.steps))) for one in skills]
    query = textbook_terms(" ".join(words).replace("'s", ""))
    scores = textbook_bm25(documents, query, Bm25())
    wanted = sorted(((-score, one.name) for score, one in zip(scores, skills, strict=True) if score > 0))
    found = find(state, " ".join(words), 10)
    assert [one.name for one, _ in found] == [name for _, name in wanted]
    assert [score for _, score in found] == pytest.approx([-score for score, _ in wanted])
    assert found[:1] == find(state, " ".join(words), 1)
    assert find(state, " ".join(words), 0) == ()


@settings(deadline=None, max_examples=60)
@given(EVENTS, EVENTS, EVENTS, st.sampled_from(["ours", "theirs", "newest"]))
def test_a_merge_adds_up_tries_and_never_drops_a_change_in_silence(
    before: list[Event], mine: list[Event], others: list[Event], rule: str
) -> None:
    base = folded(before)
    ours, theirs = folded(mine, base), folded(others, base)
    verdict = judge_skills(ours, base, theirs, rule)  # type: ignore[arg-type]  # hypothesis gives plain strings
    after = folded([Merged(Place("b", 1), None, (), (), verdict.skills, None)], ours)
    told = {conflict.key for conflict in verdict.conflicts}
    for name in {one.name for one in (*ours.all(), *theirs.all())}:
        left, old, right = (side.by_name.get(name, Skill(name, ())) for side in (ours, base, theirs))
        joined = after.get(name)
        assert joined.successes == left.successes + right.successes - old.successes
        assert joined.failures == left.failures + right.failures - old.failures
        bodies = {(one.steps, one.when) for one in (left, right)}
        assert (joined.steps, joined.when) in bodies
        if name in base.by_name:
            moved = [one for one in (left, right) if (one.steps, one.when) != (old.steps, old.when)]
            assert (name in told) == (len(moved) == 2 and len(bodies) == 2)
            if len(moved) == 1:
                assert (joined.steps, joined.when) == (moved[0].steps, moved[0].when)


def test_the_rule_decides_what_both_sides_rewrote_and_the_conflict_shows_both() -> None:
    base = folded([SkillLearned(Skill("tea", ("boil",)))])
    ours = folded([SkillLearned(Skill("tea", ("boil", "steep"), at=DAY))], base)
    theirs = folded([SkillLearned(Skill("tea", ("buy",), at=DAY + timedelta(days=1)))], base)
    for rule, steps in (("ours", ("boil", "steep")), ("theirs", ("buy",)), ("newest", ("buy",))):
        verdict = judge_skills(ours, base, theirs, rule)  # type: ignore[arg-type]  # the loop makes plain strings
        assert [one.steps for one in verdict.skills] == ([] if rule == "ours" else [steps])
        (conflict,) = verdict.conflicts
        assert (conflict.part, conflict.key) == ("skills", "tea")
        assert "steep" in conflict.ours
        assert "buy" in conflict.theirs
    with pytest.raises(InvalidValue, match="ours, theirs or newest"):
        judge_skills(ours, base, theirs, "loudest")  # type: ignore[arg-type]  # what a caller might bring


def test_merging_the_same_side_twice_takes_nothing_the_second_time() -> None:
    base = folded([SkillLearned(Skill("tea", ("boil",)))])
    theirs = folded([SkillUsed("tea", succeeded=True), SkillLearned(Skill("go", ("run",)))], base)
    ours = folded([Merged(Place("b", 1), None, (), (), judge_skills(base, base, theirs).skills, None)], base)
    assert ours.all() == theirs.all()
    assert judge_skills(ours, theirs, theirs) == ((), ())


def test_without_a_common_past_tries_of_both_are_counted() -> None:
    ours = SkillsState.of([Skill("tea", ("boil",), successes=2)])
    theirs = SkillsState.of([Skill("tea", ("boil",), successes=3, failures=1), Skill("go", ("run",))])
    verdict = judge_skills(ours, None, theirs)
    assert verdict.skills == (Skill("go", ("run",)), Skill("tea", ("boil",), successes=5, failures=1))
    assert verdict.conflicts == ()


def test_an_unknown_skill_says_so_and_using_one_changes_nothing() -> None:
    fold = SkillsFold()
    state = folded([SkillLearned(Skill("tea", ("boil",)))])
    with pytest.raises(SkillNotFound, match="coffee"):
        state.get("coffee")
    for event in (SkillUsed("coffee", succeeded=True), Forgotten(("m1",)), SkillLearned(Skill("tea", ("boil",)))):
        assert fold.apply(state, event) is state
