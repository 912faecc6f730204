"""Skills are what was learned last under each name, with all their tries, and are found by their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidInput, SkillNotFound
from quantum_memory.memory.episodic.lexical import Bm25
from quantum_memory.memory.events import Event, Forgotten, Merged, SkillLearned, SkillUsed, Tries
from quantum_memory.memory.merging import Verdict, merge
from quantum_memory.memory.skills import (
    SkillsFold,
    SkillsState,
    SkillTrait,
    Tried,
    changes,
    find,
    news,
    tries_of,
    versions,
)
from quantum_memory.memory.skills_snapshot import SkillsCodec
from quantum_memory.policies.merge import MergePolicy
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
            rewritten = new.name in plain and (old.steps, old.when) != (new.steps, new.when)
            version = old.version + rewritten
            plain[new.name] = replace(new, successes=tries[0], failures=tries[1], version=version)
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


def judged(
    ours: SkillsState,
    base: SkillsState | None,
    theirs: SkillsState,
    rule: str = "newest",
    seen: SkillsState | None = None,
) -> Verdict[Tried]:
    """The verdict on what theirs did since the base; where ours was seen last, if not at the base."""
    found = changes(base, theirs)
    names = [change.key for change in found]
    policy = MergePolicy.of(rule)  # type: ignore[arg-type]  # hypothesis gives plain strings
    last = base if seen is None else seen
    known = {} if last is None else versions(last, names)
    return merge(SkillTrait(), found, versions(ours, names), known, policy)


def taken(verdict: Verdict[Tried], ours: SkillsState) -> SkillsState:
    told = (*verdict.added, *verdict.changed)
    tries = news(versions(ours, [one.skill.name for one in told]), told)
    skills = tuple(one.skill for one in told)
    return folded([Merged(Place("b", 1), None, (), (), skills, None, tries=tries)], ours)


@settings(deadline=None, max_examples=60)
@given(EVENTS, EVENTS, EVENTS, st.sampled_from(["ours", "theirs", "newest", "union"]))
def test_a_merge_adds_up_tries_and_never_drops_a_change_in_silence(
    before: list[Event], mine: list[Event], others: list[Event], rule: str
) -> None:
    base = folded(before)
    ours, theirs = folded(mine, base), folded(others, base)
    verdict = judged(ours, base, theirs, rule)
    after = taken(verdict, ours)
    told = {(conflict.key, conflict.field) for conflict in verdict.conflicts}
    for name in {one.name for one in (*ours.all(), *theirs.all())}:
        left, old, right = (side.by_name.get(name) for side in (ours, base, theirs))
        joined = after.get(name)
        for count in ("successes", "failures"):
            counts = [0 if side is None else getattr(side, count) for side in (left, right, old)]
            assert getattr(joined, count) == counts[0] + counts[1] - counts[2]
        for field in ("steps", "when"):
            mine_now, theirs_now, then = (None if one is None else getattr(one, field) for one in (left, right, old))
            changed = left is not None and right is not None and mine_now != theirs_now
            clash = changed and (old is None or then not in (mine_now, theirs_now))
            assert ((name, field) in told) == clash
            if clash:
                assert getattr(joined, field) in (mine_now, theirs_now)
            elif left is None or (changed and mine_now == then):
                assert getattr(joined, field) == theirs_now
            else:
                assert getattr(joined, field) == mine_now


def test_the_rule_decides_what_both_sides_rewrote_and_the_conflict_shows_both() -> None:
    base = folded([SkillLearned(Skill("tea", ("boil",)))])
    ours = folded([SkillLearned(Skill("tea", ("boil", "steep"), at=DAY))], base)
    theirs = folded([SkillLearned(Skill("tea", ("buy",), at=DAY + timedelta(days=1)))], base)
    for rule, steps in (("ours", ("boil", "steep")), ("theirs", ("buy",)), ("newest", ("buy",)), ("union", ("buy",))):
        verdict = judged(ours, base, theirs, rule)
        assert [one.skill.steps for one in verdict.changed] == ([] if rule == "ours" else [steps])
        (conflict,) = verdict.conflicts
        assert (conflict.part, conflict.key, conflict.field) == ("skills", "tea", "steps")
        assert (conflict.base, conflict.ours, conflict.theirs) == (("boil",), ("boil", "steep"), ("buy",))
        assert conflict.value == steps


def test_merging_the_same_side_twice_takes_nothing_the_second_time() -> None:
    base = folded([SkillLearned(Skill("tea", ("boil",)))])
    theirs = folded([SkillUsed("tea", succeeded=True), SkillLearned(Skill("go", ("run",)))], base)
    ours = taken(judged(base, base, theirs), base)
    assert ours.all() == theirs.all()
    assert judged(ours, theirs, theirs).empty


def test_without_a_common_past_tries_of_both_are_counted() -> None:
    ours = SkillsState.of([Skill("tea", ("boil",), successes=2)])
    theirs = SkillsState.of([Skill("tea", ("boil",), successes=3, failures=1), Skill("go", ("run",))])
    verdict = judged(ours, None, theirs)
    assert verdict.added == (Tried(Skill("go", ("run",)), {}),)
    assert verdict.changed == (Tried(Skill("tea", ("boil",), successes=5, failures=1), {}),)
    assert verdict.conflicts == ()


def test_tries_that_went_to_and_fro_are_counted_once() -> None:
    start = folded([SkillLearned(Skill("tea", ("boil",)))])
    hit = SkillUsed("tea", succeeded=True)
    ours, theirs = folded([hit, hit], start), folded([hit], start)
    had = taken(judged(theirs, start, ours), theirs)
    assert had.get("tea").successes == 3
    went_on = folded([hit], ours)
    later = folded([hit], had)
    merged = judged(ours, start, later, seen=ours).changed[0].skill
    assert merged.successes == 4, "ours did nothing more: theirs has it all"
    assert judged(went_on, start, later, seen=ours).changed[0].skill.successes == 5


def test_tries_of_a_third_side_are_counted_once_by_whatever_way_they_come() -> None:
    start = folded([SkillLearned(Skill("tea", ("boil",), successes=1))])
    third = folded([SkillUsed("tea", succeeded=False, origin="g:1")], start)
    ours = taken(judged(start, start, third), start)
    theirs = taken(judged(start, start, third), start)
    assert judged(ours, start, theirs).empty
    theirs = folded([SkillUsed("tea", succeeded=True, origin="f:1")], theirs)
    after = taken(judged(ours, start, theirs), ours)
    assert (after.get("tea").successes, after.get("tea").failures) == (2, 1)
    assert list(tries_of(after)) == [Tries("tea", "f:1", 1, 0), Tries("tea", "g:1", 0, 1)]
    behind = folded([SkillUsed("tea", succeeded=False, origin="g:1")], third)
    caught_up = taken(judged(after, start, behind), after)
    assert (caught_up.get("tea").successes, caught_up.get("tea").failures) == (2, 2)


NETWORK = st.lists(
    st.tuples(st.sampled_from(["use", "merge", "merge", "rollback"]), st.integers(0, 3), st.integers(0, 3)), max_size=25
)


@settings(deadline=None, max_examples=150)
@given(NETWORK)
def test_however_branches_merge_each_try_counts_once(steps: list[tuple[str, int, int]]) -> None:
    """Beside branches that know each single try, without any base to count from."""
    start = folded([SkillLearned(Skill("tea", ("boil",)))])
    states, tries = [start] * 4, [frozenset[int]()] * 4
    stretch, past = [0] * 4, [(start, frozenset[int]())] * 4
    for number, (what, one, other) in enumerate(steps, 1):
        if what == "use":
            used = SkillUsed("tea", succeeded=bool(other % 2), origin=f"{one}:{stretch[one]}")
            past[one] = states[one], tries[one]
            states[one], tries[one] = folded([used], states[one]), tries[one] | {number}
        elif what == "rollback":
            states[one], tries[one] = past[one]
            stretch[one] = number
        elif one != other:
            states[one] = taken(judged(states[one], start, states[other]), states[one])
            tries[one] |= tries[other]
        counted = states[one].get("tea")
        assert counted.successes + counted.failures == len(tries[one])


def test_tries_are_written_down_with_their_origins() -> None:
    codec = SkillsCodec()
    uses = [SkillUsed("tea", succeeded=True, origin=f"b:{number % 2}") for number in range(3)]
    state = folded([SkillLearned(Skill("tea", ("boil",))), *uses, SkillUsed("tea", succeeded=False)])
    again = codec.load(*codec.dump(state))
    assert again.tried("tea") == state.tried("tea") == Tried(state.get("tea"), {"b:0": (2, 0), "b:1": (1, 0)})
    assert codec.difference(again, folded(uses[:1], state)) is not None


@pytest.mark.parametrize(("field", "value"), [("steps", "boil"), ("steps", 3), ("steps", ["", "x"]), ("when", 4)])
def test_what_a_policy_gives_for_a_skill_is_checked(field: str, value: object) -> None:
    with pytest.raises(InvalidInput):
        SkillTrait().checked(field, value)
    assert SkillTrait().checked("steps", ["a", "b"]) == ("a", "b")
    assert SkillTrait().checked("when", "") == ""


def test_an_unknown_skill_says_so_and_using_one_changes_nothing() -> None:
    fold = SkillsFold()
    state = folded([SkillLearned(Skill("tea", ("boil",)))])
    with pytest.raises(SkillNotFound, match="coffee"):
        state.get("coffee")
    for event in (SkillUsed("coffee", succeeded=True), Forgotten(("m1",)), SkillLearned(Skill("tea", ("boil",)))):
        assert fold.apply(state, event) is state
