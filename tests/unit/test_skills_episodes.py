"""What was done becomes steps, in order; what attempts share is the skill, and how they ended is counted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, TooLong
from quantum_memory.memory.skills import Attempt, Lesson, attempt_of, continued, episodes_of, step_of, told_text
from quantum_memory.memory.skills.lessons import MAX_WHEN_CHARS
from quantum_memory.types import NEUTRAL, Memory, Skill, Vector

START = datetime(2026, 1, 1, tzinfo=UTC)
VERBS = ("acknowledge", "bake", "carve", "draw", "empty", "fetch")
AXES = np.eye(len(VERBS) + 1, dtype=np.float32)


def memory(number: int, text: str, kind: str = "action", session: str | None = None, **fields: Any) -> Memory:
    at = START + timedelta(minutes=number)
    return Memory(f"m{number}", text, at, NEUTRAL, 1.0, 0.5, AXES[0], kind=kind, session=session, **fields)


class Meanings(Mapping[str, Vector]):
    """A meaning for every text: that of its first word."""

    def __getitem__(self, text: str) -> Vector:
        word = text.split(maxsplit=1)[0].casefold()
        axis: Vector = AXES[VERBS.index(word) if word in VERBS else -1]
        return axis

    def __iter__(self) -> Any:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)


def tried(first: int, verbs: Sequence[str], succeeded: bool | None = None, opening: str = "") -> Attempt:
    before = [memory(first, opening, kind="utterance")] if opening else []
    return attempt_of([*before, *(memory(first + 1 + n, verb) for n, verb in enumerate(verbs))], succeeded)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("  1. Boil   the water.", "Boil the water"),
        ("- Then, pour it;", "pour it"),
        ("Step 3: and then wait", "wait"),
        ("(2) finally serve", "serve"),
        ("first", "first"),
        ("First, boil the water", "boil the water"),
        ("First aid is given", "First aid is given"),
        ("Next door is asked", "Next door is asked"),
        ("3.5 grams of salt", "3.5 grams of salt"),
        ("nextcloud is restarted", "nextcloud is restarted"),
        ("...", ""),
    ],
)
def test_a_text_becomes_a_step(text: str, step: str) -> None:
    assert step_of(text) == step
    assert step_of(step) == step


@given(st.text(max_size=60))
def test_a_step_is_one_line_and_is_made_of_the_text(text: str) -> None:
    step = step_of(text)
    assert "\n" not in step
    assert step == step.strip()
    assert len(step) <= len(" ".join(text.split())) * 3, "only composing characters changes letters"


def test_marked_memories_are_the_steps_and_what_comes_before_the_occasion() -> None:
    lived = [
        memory(0, "the page rang", kind="utterance"),
        memory(1, "the site is down", kind="utterance"),
        memory(2, "acknowledge"),
        memory(3, "it is worse than we thought", kind="utterance"),
        memory(4, "fetch the log", kind="note", tags=("action",)),
        memory(5, "draw a graph", kind="note", metadata={"step": True}),
        memory(6, "all is well", kind="utterance", metadata={"succeeded": True}),
    ]
    attempt = attempt_of(lived)
    assert [one.id for one in attempt.opening] == ["m0", "m1"]
    assert [one.id for one in attempt.actions] == ["m2", "m4", "m5"]
    assert attempt.succeeded
    assert attempt.ids == ("m0", "m1", "m2", "m4", "m5")
    assert not attempt_of(lived, succeeded=False).succeeded


def test_without_a_mark_all_are_steps_and_numbers_put_them_in_order() -> None:
    plain = [memory(0, "bake", kind="utterance"), memory(1, "carve", kind="utterance")]
    assert attempt_of(plain).actions == tuple(plain)
    assert attempt_of(plain).opening == ()
    mixed = [memory(number, verb, metadata={"step": 3 - number}) for number, verb in enumerate(VERBS[:3])]
    assert [one.text for one in attempt_of(mixed).actions] == ["carve", "bake", "acknowledge"]
    with pytest.raises(InvalidValue, match="at least one step"):
        attempt_of([memory(0, "...")])
    with pytest.raises(InvalidValue, match="at least one step"):
        attempt_of([])


def test_the_last_word_on_the_ending_counts() -> None:
    ends = [memory(n, "bake", metadata={"succeeded": good}) for n, good in enumerate([True, False])]
    assert not attempt_of(ends).succeeded
    assert attempt_of(ends[::-1]).succeeded
    assert attempt_of([memory(0, "bake", metadata={"succeeded": "no"})]).succeeded, "only a truth value says so"


def test_episodes_are_told_apart_by_name_or_by_session() -> None:
    lived = [
        memory(3, "c", session="s2"),
        memory(0, "a", session="s1"),
        memory(1, "b", session="s2"),
        memory(2, "d", session="s1", metadata={"episode": "third"}),
        memory(4, "e", metadata={"episode": "third"}),
    ]
    assert [[one.text for one in episode] for episode in episodes_of(lived)] == [["a"], ["b", "c"], ["d", "e"]]


def test_attempts_become_one_skill_with_what_they_do_not_share_as_optional() -> None:
    attempts = (
        tried(0, ["bake", "bake.", "carve", "draw"], opening="A guest is hungry and it is late"),
        tried(10, ["bake", "empty", "draw"], opening="A guest is hungry"),
        tried(20, ["fetch"], succeeded=False, opening="An earthquake"),
    )
    lesson = Lesson("cook", attempts)
    skill = lesson.skill(Meanings())
    assert skill.steps == ("bake", "carve", "empty", "draw")
    assert skill.optional == (1, 2)
    assert (skill.successes, skill.failures, skill.version) == (2, 1, 1)
    assert skill.when == "A guest is hungry and it is late"
    assert skill.sources == ("m0", "m1", "m2", "m3", "m4", "m10", "m11", "m12", "m13", "m20", "m21")
    assert set(lesson.texts()) == {"bake", "carve", "draw", "empty"}, "a failed attempt teaches no step"


def test_what_failed_alone_is_still_known() -> None:
    lesson = Lesson("cook", (tried(0, ["bake", "draw"], succeeded=False),))
    skill = lesson.skill(Meanings())
    assert (skill.steps, skill.successes, skill.failures) == (("bake", "draw"), 0, 1)
    failed = Lesson("cook", (tried(10, ["fetch"], succeeded=False),), skill)
    assert failed.texts() == ()
    again = continued(skill, failed.skill({}))
    assert (again.steps, again.failures, again.version) == (("bake", "draw"), 2, 1)


def test_a_later_attempt_revises_and_one_that_is_known_is_passed_over() -> None:
    first = tried(0, ["bake", "draw"], opening="hunger")
    old = Lesson("cook", (first,)).skill(Meanings())
    assert Lesson("cook", (first,), old).empty
    assert not Lesson("cook", (first,), old, "at noon").empty
    told = Lesson("cook", (first, tried(10, ["bake", "carve", "draw"])), old).skill(Meanings())
    assert (told.successes, told.sources) == (1, ("m11", "m12", "m13"))
    new = continued(old, told)
    assert (new.steps, new.optional, new.version) == (("bake", "carve", "draw"), (1,), 2)
    assert (new.successes, new.when) == (2, "hunger")
    assert new.sources == ("m0", "m1", "m2", "m11", "m12", "m13")


def test_an_attempt_that_went_on_teaches_and_is_counted_once() -> None:
    begun = tried(0, ["bake"])
    old = Lesson("cook", (begun,)).skill(Meanings())
    told = Lesson("cook", (tried(0, ["bake", "draw"]),), old).skill(Meanings())
    assert (told.steps, told.successes, told.sources) == (("bake", "draw"), 0, ("m2",))


def test_what_is_told_by_hand_goes_on_with_its_sources() -> None:
    old = Lesson("cook", (tried(0, ["bake"]),)).skill(Meanings())
    new = continued(old, Skill("cook", ("order pizza",)))
    assert (new.sources, new.version, new.successes) == (old.sources, 2, 1)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.lists(st.sampled_from(VERBS), min_size=1, max_size=5), st.booleans()), max_size=4))
def test_every_attempt_that_went_well_can_be_read_in_the_steps(attempts: list[tuple[list[str], bool]]) -> None:
    skill: Skill | None = None
    for number, (verbs, succeeded) in enumerate(attempts):
        lesson = Lesson("it", (tried(10 * number, verbs, succeeded),), skill)
        told = lesson.skill(Meanings())
        assert told == lesson.skill(Meanings())
        skill = continued(skill, told)
    for number, (verbs, succeeded) in enumerate(attempts):
        assert skill is not None
        plain = [verb for index, verb in enumerate(verbs) if verbs[index - 1 : index] != [verb]]
        if succeeded:
            rest = iter(skill.steps)
            assert all(verb in rest for verb in plain)
            assert {*skill.steps} - {skill.steps[step] for step in skill.optional} <= {*verbs}
        assert {f"m{10 * number + 1 + index}" for index in range(len(verbs))} <= {*skill.sources}
    if skill is not None:
        assert skill.successes == sum(succeeded for _, succeeded in attempts)
        assert skill.failures == sum(not succeeded for _, succeeded in attempts)


def test_too_many_steps_are_refused_and_a_long_occasion_is_cut() -> None:
    long = attempt_of([memory(n, f"bake number {n}") for n in range(101)])
    with pytest.raises(TooLong, match="101 steps"):
        Lesson("cook", (long,)).skill(Meanings())
    talk = tried(0, ["bake"], opening="word " * 200)
    assert len(Lesson("cook", (talk,)).skill(Meanings()).when) <= MAX_WHEN_CHARS


def test_a_skill_is_embedded_by_all_that_it_says() -> None:
    assert told_text(Skill("tea", ("boil", "pour"), "thirst")) == "tea\nthirst\nboil\npour"
    assert told_text(Skill("tea", ("boil",))) == "tea\nboil"
