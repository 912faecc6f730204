"""The three-way merge: what one side changed is taken, what both changed is decided, and nothing is lost in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidInput, InvalidValue
from quantum_memory.memory.episodic.merge import MemoryTrait
from quantum_memory.memory.merging import Change, Gone, RelationTrait, Verdict, Version, merge
from quantum_memory.policies.merge import MergePolicy, MergePolicyLike
from quantum_memory.types import Memory, MergeConflict, Relation
from tests.unit.episodes import START, memory

TRAIT = MemoryTrait(1000)
RULES = ("union", "ours", "theirs", "newest")
EDITS: dict[str, tuple[Any, ...]] = {
    "text": ("one text", "another text"),
    "tags": (("home",), ("home", "work"), ("play",)),
    "metadata": ({"a": 1}, {"a": 2, "b": 3}, {"c": 4}),
    "importance": (0.25, 0.75),
    "speaker": (None, "Eve"),
}
CHANGED = st.dictionaries(st.sampled_from(sorted(EDITS)), st.integers(0, 2), min_size=1, max_size=3)


def edited(number: int, choices: Mapping[str, int], hour: int) -> Memory:
    chosen = {name: EDITS[name][index % len(EDITS[name])] for name, index in choices.items()}
    return replace(memory(number), **chosen, revised_at=START + timedelta(hours=hour))


def sides(number: int) -> st.SearchStrategy[tuple[Version[Memory], Version[Memory], Version[Memory]]]:
    """Base, ours and theirs of one memory. Theirs knows it if the base does, because a branch forgets no forgetting."""
    version = st.builds(edited, st.just(number), CHANGED, st.integers(0, 9))
    gone = st.builds(lambda hour: Gone(START + timedelta(hours=hour, minutes=30)), st.integers(0, 9))
    base = st.none() | st.just(memory(number))

    def after(before: Version[Memory]) -> st.SearchStrategy[Version[Memory]]:
        return st.just(before) | version | gone

    return base.flatmap(lambda old: st.tuples(st.just(old), after(old), after(old)))


SCENES = st.tuples(*(sides(number) for number in range(4)))
Scene = tuple[tuple[Any, Any, Any], ...]
"""Base, ours and theirs of the memories m0, m1, ..."""


def judged(scene: Scene, policy: MergePolicyLike) -> Verdict[Memory]:
    """The verdict, where the base is also where theirs last saw ours."""
    changes = [Change(f"m{n}", base, theirs) for n, (base, _, theirs) in enumerate(scene) if theirs != base]
    ours = {f"m{n}": ours for n, (_, ours, _) in enumerate(scene)}
    seen = {f"m{n}": base for n, (base, _, _) in enumerate(scene)}
    return merge(TRAIT, changes, ours, seen, MergePolicy.of(policy))


def after(scene: Scene, verdict: Verdict[Memory]) -> dict[str, Version[Memory]]:
    result = {f"m{n}": ours for n, (_, ours, _) in enumerate(scene)}
    result |= {one.id: one for one in (*verdict.added, *verdict.changed)}
    return result | dict(verdict.dropped)


def changed_fields(base: Version[Memory], side: Memory) -> set[str]:
    names = (*EDITS, "at")
    return {one for one in names if not isinstance(base, Memory) or getattr(base, one) != getattr(side, one)}


@settings(deadline=None, max_examples=150)
@given(SCENES, st.sampled_from(RULES))
def test_what_one_side_changed_is_as_that_side_has_it_under_every_rule(scene: Scene, rule: Any) -> None:
    result = after(scene, judged(scene, rule))
    for number, (base, ours, theirs) in enumerate(scene):
        found = result[f"m{number}"]
        if theirs == base:
            assert found == ours
        elif ours == base and not (ours is None and isinstance(theirs, Gone)):
            assert found == theirs, "untouched here: as there, also what was forgotten there"
        if isinstance(base, Memory) and isinstance(ours, Memory) and isinstance(theirs, Memory):
            assert isinstance(found, Memory)
            for name in EDITS:
                mine, other = (name in changed_fields(base, side) for side in (ours, theirs))
                if mine != other:
                    assert getattr(found, name) == getattr(ours if mine else theirs, name)


@settings(deadline=None, max_examples=150)
@given(SCENES, st.sampled_from([*RULES, lambda _: "ours", lambda _: "theirs", {"memories.tags": "union"}, None]))
def test_whatever_both_changed_differently_is_in_the_report(scene: Scene, policy: Any) -> None:
    told = {(one.key, one.field): one for one in judged(scene, policy).conflicts}
    wanted = set()
    for number, (base, ours, theirs) in enumerate(scene):
        if ours in (base, theirs) or theirs == base:
            continue
        if isinstance(ours, Memory) and isinstance(theirs, Memory):
            both = changed_fields(base, ours) & changed_fields(base, theirs)
            wanted |= {(f"m{number}", one) for one in both if getattr(ours, one) != getattr(theirs, one)}
        elif isinstance(ours, Memory) or isinstance(theirs, Memory):
            wanted.add((f"m{number}", "forgotten"))
    assert set(told) == wanted
    for one in told.values():
        assert one.kept in ("ours", "theirs", "both")
        assert one.reason
        if one.field != "forgotten":
            original = scene[int(str(one.key)[1:])]
            assert one.ours == getattr(original[1], one.field)
            assert one.theirs == getattr(original[2], one.field)


@settings(deadline=None, max_examples=80)
@given(SCENES, st.sampled_from(RULES))
def test_merging_again_takes_nothing(scene: Scene, rule: Any) -> None:
    """Whole merges begin at the other side's place the second time, so nothing there is new."""
    first = after(scene, judged(scene, rule))
    again = tuple((theirs, first[f"m{n}"], theirs) for n, (_, _, theirs) in enumerate(scene))
    verdict = judged(again, rule)
    assert verdict.empty
    assert verdict.conflicts == ()


@settings(deadline=None, max_examples=80)
@given(SCENES)
def test_ours_never_changes_a_field_that_ours_changed_nor_forgets_what_it_edited(scene: Scene) -> None:
    result = after(scene, judged(scene, "ours"))
    for number, (base, ours, _) in enumerate(scene):
        found = result[f"m{number}"]
        if isinstance(ours, Gone) and ours != base:
            assert found == ours
        if isinstance(ours, Memory) and ours != base:
            assert isinstance(found, Memory)
            assert all(getattr(found, one) == getattr(ours, one) for one in changed_fields(base, ours))


@settings(deadline=None, max_examples=80)
@given(SCENES)
def test_without_conflicts_both_orders_of_a_union_come_to_the_same(scene: Scene) -> None:
    turned = tuple((base, theirs, ours) for base, ours, theirs in scene)
    here, there = judged(scene, "union"), judged(turned, "union")
    assert len(here.conflicts) == len(there.conflicts)
    clash = {one.key for one in here.conflicts}
    left, right = (
        {key: replace(one, revised_at=None) for key, one in result.items() if isinstance(one, Memory)}
        for result in (after(scene, here), after(turned, there))
    )
    assert [left.get(key) for key in left.keys() - clash] == [right.get(key) for key in left.keys() - clash]
    assert left.keys() - clash == right.keys() - clash


def one(base: Version[Memory], ours: Version[Memory], theirs: Version[Memory], policy: Any = None) -> Version[Memory]:
    scene = ((base, ours, theirs),)
    return after(scene, judged(scene, policy))["m0"]


@pytest.mark.parametrize(("edited_h", "gone_h", "kept"), [(1, 2, False), (3, 2, True), (1, None, True)])
def test_a_deletion_wins_over_an_edit_only_if_it_is_newer(edited_h: int, gone_h: int | None, kept: bool) -> None:
    edit = edited(0, {"text": 0}, edited_h)
    gone = Gone(None if gone_h is None else START + timedelta(hours=gone_h))
    for policy in (None, "newest"):
        assert one(memory(0), edit, gone, policy) == (edit if kept else gone)
        assert one(memory(0), gone, edit, policy) == (edit if kept else gone)
    assert one(memory(0), edit, gone, "ours") == one(memory(0), gone, edit, "theirs") == edit
    assert one(memory(0), edit, gone, "theirs") == one(memory(0), gone, edit, "ours") == gone
    assert one(memory(0), edit, gone, "union") == one(memory(0), gone, edit, "union") == edit


def test_what_was_never_edited_has_nothing_to_set_against_a_deletion() -> None:
    for gone in (Gone(), Gone(START - timedelta(days=9))):
        assert one(None, memory(0), gone) == one(None, gone, memory(0)) == gone


def test_union_joins_what_can_be_joined() -> None:
    ours = edited(0, {"tags": 0, "metadata": 0, "importance": 1, "text": 0}, 5)
    theirs = edited(0, {"tags": 2, "metadata": 1, "importance": 0, "text": 1}, 4)
    found = one(memory(0), ours, theirs, "union")
    assert isinstance(found, Memory)
    assert found.tags == ("home", "play")
    assert found.metadata == {"a": 1, "b": 3}, "of a key that both have the newest stays"
    assert found.importance == 0.75
    assert found.text == ours.text
    assert found.revised_at == ours.revised_at


def test_what_either_side_has_seen_of_the_other_is_no_change() -> None:
    """As after merges by turns: the two bases differ, and each side went on from what it was brought."""
    first, second = edited(0, {"text": 0}, 1), edited(0, {"text": 1}, 2)
    policy = MergePolicy.of("newest")
    brought = [Change("m0", memory(0), second)]
    verdict = merge(TRAIT, brought, {"m0": first}, {"m0": first}, policy)
    assert (verdict.changed, verdict.conflicts) == ((second,), ()), "theirs had ours as it is, and went on"
    verdict = merge(TRAIT, [Change("m0", memory(0), first)], {"m0": second}, {"m0": first}, policy)
    assert verdict.empty, "theirs is what ours was: ours went on"
    assert verdict.conflicts == ()


def test_a_function_sees_values_and_gives_a_value_that_is_stored() -> None:
    seen: list[MergeConflict] = []

    def decide(conflict: MergeConflict) -> Any:
        seen.append(conflict)
        return ("both", *conflict.ours, *conflict.theirs) if conflict.field == "tags" else "theirs"

    ours, theirs = edited(0, {"tags": 0, "speaker": 0}, 1), edited(0, {"tags": 2, "speaker": 1}, 2)
    scene = ((memory(0), ours, theirs),)
    verdict = judged(scene, decide)
    (found,) = verdict.changed
    assert (found.tags, found.speaker) == (("both", "home", "play"), "Eve")
    assert verdict.worded == {"m0"}
    assert {(one.field, one.kept) for one in verdict.conflicts} >= {("tags", "given")}
    assert all(one.kept == "" for one in seen), "asked before anything is decided"
    assert {one.field: one.base for one in seen}["tags"] == memory(0).tags


@pytest.mark.parametrize(
    ("choices", "answer"),
    [
        ({"text": 0}, ""),
        ({"text": 0}, "x" * 1001),
        ({"importance": 0}, 3.0),
        ({"tags": 0}, "home"),
        ({"tags": 0}, None),
    ],
)
def test_a_wrong_value_names_the_key_and_the_field(choices: dict[str, int], answer: object) -> None:
    ours, theirs = edited(0, choices, 1), edited(0, {name: index + 1 for name, index in choices.items()}, 2)
    (name,) = choices
    with pytest.raises(InvalidValue, match=rf"memories\.{name} of 'm0'"):
        one(memory(0), ours, theirs, lambda _: answer)


def test_of_an_edit_and_a_deletion_a_function_names_a_side() -> None:
    edit, gone = edited(0, {"text": 0}, 1), Gone(START)

    def keep(conflict: MergeConflict) -> str:
        assert (conflict.field, conflict.base, conflict.ours, conflict.theirs) == ("forgotten", memory(0), edit, None)
        return "ours"

    assert one(memory(0), edit, gone, keep) == edit
    with pytest.raises(InvalidValue, match=r"memories\.forgotten of 'm0'"):
        one(memory(0), edit, gone, lambda _: edit)


def related(weight: float, hour: int, said: str | None = None) -> Relation:
    return Relation("Bob", "likes", "tea", weight, START + timedelta(hours=hour), said)


def test_relations_take_the_larger_weight_in_a_union_and_the_later_one_under_newest() -> None:
    base, ours, theirs = related(1.0, 0), related(3.0, 1, "m1"), related(2.0, 2)
    for rule, weight in (("union", 3.0), ("newest", 2.0), ("ours", 3.0), ("theirs", 2.0)):
        verdict = merge(
            RelationTrait(),
            [Change(base.key, base, theirs)],
            {base.key: ours},
            {base.key: base},
            MergePolicy.of(rule),  # type: ignore[arg-type]
        )
        found = verdict.changed[0] if verdict.changed else ours
        assert (found.weight, found.memory) == (weight, "m1"), "who said so was changed on one side only"
        assert [(one.part, one.key, one.field) for one in verdict.conflicts] == [("graph", base.key, "weight")]
    gone = Gone(START + timedelta(hours=9))
    for policy, kept in (("union", True), (None, False), ("ours", True), ("theirs", False)):
        verdict = merge(
            RelationTrait(),
            [Change(base.key, base, gone)],
            {base.key: ours},
            {base.key: base},
            MergePolicy.of(policy),  # type: ignore[arg-type]
        )
        assert verdict.dropped == (() if kept else ((base.key, gone),))
    for value in (0.0, -1.0, "much", float("nan")):
        with pytest.raises(InvalidInput):
            RelationTrait().checked("weight", value)
