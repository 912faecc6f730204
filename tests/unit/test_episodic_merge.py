"""Merging memories: what became of them since a base, and how two versions of one become a third."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidInput
from quantum_memory.memory.episodic.chunk import Chunk
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.merge import FIELDS, MemoryTrait, changes, digest, version, versions
from quantum_memory.memory.episodic.runs import Run
from quantum_memory.memory.episodic.search import memories
from quantum_memory.memory.episodic.state import Sizes
from quantum_memory.memory.events import Forgotten, Picked, Remembered, Revised
from quantum_memory.memory.merging import Change, Gone, Version
from quantum_memory.policies.merge import FIELDS as DECIDED
from quantum_memory.types import PAD, Memory, Place
from tests.unit.episodes import HAPPENINGS, SIZES, START, Happening, Plain, memory, revised
from tests.unit.test_episodic_fold import ALL_IDS, play, same

PICK = st.integers(0, 30)
TRAIT = MemoryTrait(100)


def plain_version(plain: Plain, identity: str) -> Version[Memory]:
    if identity in plain.gone:
        return Gone(plain.gone[identity])
    return next((one for one in plain.living if one.id == identity), None)


@settings(deadline=None, max_examples=60)
@given(HAPPENINGS, SIZES, PICK, PICK)
def test_the_changes_between_any_two_states_are_what_plain_lists_say(
    happenings: list[Happening], sizes: Sizes, left: int, right: int
) -> None:
    states = play(MemoriesFold(sizes=sizes), happenings)
    (base, plain_base), (theirs, plain_theirs) = states[left % len(states)], states[right % len(states)]
    for before, plain_before in ((base, plain_base), (None, Plain())):
        found = changes(before, theirs)
        wanted = {
            one for one in ALL_IDS if plain_version(plain_theirs, one) not in (None, plain_version(plain_before, one))
        }
        assert {change.key for change in found} == wanted
        assert len(found) == len(wanted)
        for change in found:
            assert change.base == plain_version(plain_before, change.key)
            assert change.theirs == plain_version(plain_theirs, change.key)
        brought = [change.theirs for change in found if isinstance(change.theirs, Memory)]
        assert brought == [one for one in plain_theirs.living if one.id in wanted]
        assert all(same(one, next(m for m in plain_theirs.living if m.id == one.id)) for one in brought)


def test_what_was_forgotten_is_read_at_once_and_what_both_forgot_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fold = MemoriesFold(sizes=Sizes(tail=8, sealed=16))
    base = fold.apply(fold.empty(), Remembered(tuple(memory(n) for n in range(30))))
    theirs = fold.apply(base, Forgotten(tuple(f"m{n}" for n in range(0, 30, 3)), START))
    reads: list[int] = []
    for block in (Chunk, Run):

        def read(self: Any, rows: Any, real: Any = block.memories) -> Any:
            reads.append(len(rows))
            return real(self, rows)

        monkeypatch.setattr(block, "memories", read)
    assert changes(base, theirs) == tuple(
        Change(f"m{n}", memory(n), Gone(START)) for n in sorted(range(0, 30, 3), key=str)
    )
    assert len(reads) <= len(base.slices())
    reads.clear()
    later = fold.apply(theirs, Remembered((memory(31),)))
    assert changes(theirs, later) == (Change("m31", None, memory(31)),)
    assert reads == [1]


@settings(deadline=None, max_examples=30)
@given(HAPPENINGS)
def test_versions_tell_the_living_the_gone_and_the_unknown_apart(happenings: list[Happening]) -> None:
    state, plain = play(MemoriesFold(), happenings)[-1]
    found = versions(state, ALL_IDS)
    assert {one: found.get(one) for one in ALL_IDS} == {one: plain_version(plain, one) for one in ALL_IDS}
    assert version(None, "m1") is None


def test_what_is_revised_comes_last_and_what_was_forgotten_comes_back() -> None:
    fold = MemoriesFold(sizes=Sizes(tail=2, sealed=4))
    state = fold.apply(fold.empty(), Remembered(tuple(memory(n) for n in range(5))))
    state = fold.apply(state, Forgotten(("m1", "m3"), START))
    before = state
    state = fold.apply(state, Revised((revised(1, 2), revised(0, 1))))
    assert list(memories(state)) == [memory(2), memory(4), revised(1, 2), revised(0, 1)]
    assert dict(state.forgotten.items()) == {"m3": START}
    assert fold.apply(state, Revised((revised(1, 2), revised(0, 1)))) is state
    assert [one.id for one in memories(before)] == ["m0", "m2", "m4"], "the state before is as it was"
    assert list(memories(fold.apply(fold.empty(), Revised((revised(7, 1),))))) == [revised(7, 1)]


def test_what_was_picked_is_known_by_how_it_was_there() -> None:
    fold = MemoriesFold()
    seen = (("m1", digest(memory(1))), ("m2", digest(revised(2, 1))))
    picked = Picked(Place("b", 3), (memory(1),), (revised(2, 2),), seen)
    state = fold.apply(fold.empty(), picked)
    assert dict(state.picked.items()) == dict(seen)
    assert list(memories(state)) == [memory(1), revised(2, 2)]
    assert fold.apply(state, picked) is state


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 39), st.integers(0, 3), st.integers(0, 39), st.integers(0, 3))
def test_digests_are_equal_where_memories_are(one: int, hour: int, other: int, later: int) -> None:
    left, right = revised(one, hour), revised(other, later)
    assert (digest(left) == digest(right)) == (left == right)
    assert digest(replace(left, embedding=np.zeros(6, np.float32))) == digest(left)
    assert digest(replace(left, metadata={"b": 1, "a": 2})) == digest(replace(left, metadata={"a": 2, "b": 1}))


OTHER: dict[str, Any] = {
    "text": "something else",
    "at": START + timedelta(days=9),
    "importance": 0.9,
    "speaker": "Eve",
    "kind": "dream",
    "session": "s9",
    "tags": ("new",),
    "metadata": {"other": True},
    "pad": PAD(0.5, 0.5, 0.5),
}


def test_every_field_of_a_memory_is_merged_or_goes_with_its_text() -> None:
    assert {*FIELDS, "pad"} == set(OTHER) == set(DECIDED["memories"]) - {"forgotten"}
    assert {one.name for one in fields(Memory)} == {*OTHER, "id", "confidence", "embedding", "revised_at"}


@pytest.mark.parametrize("name", sorted(OTHER))
def test_putting_together_takes_each_field_from_its_side(name: str) -> None:
    ours = memory(1)
    theirs = replace(ours, **{name: OTHER[name]}, confidence=0.75, embedding=-ours.embedding)
    names = TRAIT.fields(ours, theirs)
    assert ("pad" in names) == (name != "text"), "where the texts differ, the feeling goes with its text"
    chosen = {one: getattr(ours, one) for one in names}
    assert TRAIT.put((), ours, theirs, chosen, dict.fromkeys(names, "ours")) is ours
    extra = "speaker" if name != "speaker" else "kind"
    sides = {**dict.fromkeys(names, "ours"), extra: "given", name: "theirs"}
    mixed = TRAIT.put((), ours, theirs, {**chosen, extra: "mixed", name: OTHER[name]}, sides)
    assert getattr(mixed, extra) == "mixed"
    assert getattr(mixed, name) == OTHER[name]
    from_theirs = name in ("text", "pad")
    assert mixed.confidence == (0.75 if from_theirs else ours.confidence)
    assert np.array_equal(mixed.embedding, theirs.embedding if name == "text" else ours.embedding)
    assert mixed.revised_at is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", ""),
        ("text", "x" * 101),
        ("text", 7),
        ("pad", (0.1, 0.2, 0.3)),
        ("at", "today"),
        ("at", None),
        ("importance", 2.0),
        ("importance", None),
        ("kind", None),
        ("speaker", " "),
        ("tags", "work"),
        ("metadata", {"x": object()}),
    ],
)
def test_what_a_policy_gives_is_checked_as_an_utterance_is(name: str, value: object) -> None:
    with pytest.raises(InvalidInput):
        TRAIT.checked(name, value)
