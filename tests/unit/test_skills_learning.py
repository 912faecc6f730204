"""An agent learns from what it did: what it learned is found, revised, forked, merged and carried elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from quantum_memory.actors.folds import plain_folds
from quantum_memory.actors.journal import Draft
from quantum_memory.actors.learning import MAX_EPISODES, MAX_MEMORIES, LessonRequest, lesson_request, skill_of
from quantum_memory.actors.requests import MergeRequest
from quantum_memory.errors import (
    EmptyText,
    InvalidInput,
    InvalidValue,
    MemoryNotFound,
    QuantumMemoryError,
    ShapeMismatch,
    SkillNotFound,
    TooLong,
)
from quantum_memory.memory.archive import export_archive, import_archive
from quantum_memory.memory.events import SkillLearned
from quantum_memory.memory.portable import FORMS, read_state, write_state
from quantum_memory.memory.skills import SkillsState, SkillTrait, Tried
from quantum_memory.memory.skills_snapshot import SkillsCodec
from quantum_memory.memory.vault.codec import decode, encode
from quantum_memory.types import Branch, Skill, SkillHit, Utterance
from tests.unit.orchestra import DIM, Orchestra, ready

FIRST = ("the page rang at night", "acknowledge the page", "check the logs", "roll back the release", "tell the team")
SECOND = ("the page rang in the morning", "acknowledge the page", "roll back the release", "tell the team")


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    made = Orchestra(tmp_path / "vault")
    yield made
    made.close()


def live(orchestra: Orchestra, branch: Branch, texts: tuple[str, ...], session: str, **metadata: Any) -> list[str]:
    """An opening and then actions, in a session of their own."""
    told = [
        Utterance(text, kind="action" if number else "utterance", session=session, tags=("outage",), metadata=metadata)
        for number, text in enumerate(texts)
    ]
    return orchestra.remember(branch, told, f"live-{session}-{branch.id}")


def lesson(branch: Branch, episodes: Any, op_id: str, **fields: Any) -> LessonRequest:
    preview = fields.pop("preview", False)
    given = {"name": "handle an outage", "succeeded": None, "when": None} | fields
    return replace(lesson_request(branch, episodes, op_id=op_id, **given), preview=preview)


def learned(orchestra: Orchestra, branch: Branch, episodes: Any, op_id: str, **fields: Any) -> Skill:
    return orchestra.run(orchestra.host.learn_from(lesson(branch, episodes, op_id, **fields)))


def skills(orchestra: Orchestra, branch: Branch, query: Any = None, k: int = 10) -> list[SkillHit]:
    return orchestra.run(orchestra.host.skills(branch, query, k))


def seq(orchestra: Orchestra, branch: Branch) -> int:
    return orchestra.run(orchestra.parts.journal.tip(branch)).seq


def test_an_attempt_becomes_a_skill_that_is_found_by_meaning_and_says_why(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    ids = live(orchestra, alice, FIRST, "monday")
    skill = learned(orchestra, alice, ids, "l1")
    assert skill.steps == FIRST[1:]
    assert (skill.when, skill.successes, skill.failures, skill.version) == (FIRST[0], 1, 0, 1)
    assert skill.sources == tuple(ids)
    assert skill.embedding is not None
    assert skill.embedding.shape == (DIM,)
    (hit,) = skills(orchestra, alice, "who rang the page?")
    assert hit == skill
    assert hit.why["relevance"] > 0.2
    assert hit.score == pytest.approx(sum(hit.why.values()))
    assert hit.gone == ()
    (same,) = skills(orchestra, alice, skill.embedding)
    assert same.why["relevance"] == pytest.approx(1.0, abs=1e-3)
    assert same.why["lexical"] == 0.0
    orchestra.reopen()
    assert skills(orchestra, alice) == [skill]
    (again,) = skills(orchestra, alice, "who rang the page?")
    assert again.score == hit.score, "nothing has to be read again by a model"


def test_several_attempts_are_one_skill_and_a_later_one_revises_it(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    live(orchestra, alice, FIRST, "monday")
    live(orchestra, alice, (*SECOND, "write it up"), "tuesday", succeeded=False)
    first = learned(orchestra, alice, "outage", "l1")
    assert (first.steps, first.optional) == (FIRST[1:], ()), "what failed teaches no step"
    assert (first.successes, first.failures) == (1, 1)
    assert learned(orchestra, alice, "outage", "l2") == first
    assert seq(orchestra, alice) == 3, "nothing was new, so nothing was written"
    live(orchestra, alice, SECOND, "wednesday")
    before = seq(orchestra, alice)
    shown = learned(orchestra, alice, "outage", "l3", preview=True)
    assert (seq(orchestra, alice), skills(orchestra, alice)) == (before, [first])
    second = learned(orchestra, alice, "outage", "l4")
    assert replace(shown, at=second.at) == second
    assert (second.steps, second.optional, second.version) == (FIRST[1:], (1,), 2)
    assert (second.successes, second.failures) == (2, 1)
    assert len(second.sources) == len(FIRST) + len(SECOND) + 1 + len(SECOND)
    place = orchestra.run(orchestra.parts.journal.tip(alice))._replace(seq=3)
    assert orchestra.run(orchestra.host.skills(alice, None, 10, place)) == [first], "old versions are in the log"


def test_a_repeated_call_counts_once(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    ids = live(orchestra, alice, FIRST, "monday")
    once = learned(orchestra, alice, ids, "l1")
    orchestra.run(orchestra.host.forget(alice, ids[:1], "f1"))
    assert learned(orchestra, alice, ids, "l1") == once
    assert learned(orchestra, alice, [ids[1:]], "l2", succeeded=[True]) == once


def test_forgetting_a_source_leaves_the_skill_and_is_told(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    ids = live(orchestra, alice, FIRST, "monday")
    learned(orchestra, alice, ids, "l1")
    fork = orchestra.fork(alice, "what-if")
    orchestra.run(orchestra.host.forget(alice, ids[2:4], "f1"))
    for found in (skills(orchestra, alice), skills(orchestra, alice, "page")):
        assert found[0].steps == FIRST[1:]
        assert (found[0].sources, found[0].gone) == (tuple(ids), tuple(ids[2:4]))
    assert skills(orchestra, fork)[0].gone == ()


def merged(orchestra: Orchestra, ours: Branch, theirs: Branch, op_id: str, policy: Any = None) -> Any:
    return orchestra.run(orchestra.host.merge(MergeRequest(ours, theirs, None, policy, 0.5, op_id)))


def test_forks_and_clones_have_it_and_a_merge_takes_it_over_with_all_that_hangs_on_it(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    orchestra.remember(alice, "hello", "h")
    fork = orchestra.fork(alice, "what-if")
    live(orchestra, fork, FIRST, "monday")
    skill = learned(orchestra, fork, "outage", "l1")
    assert skills(orchestra, alice) == []
    merged(orchestra, alice, fork, "m1")
    (taken,) = skills(orchestra, alice)
    assert taken == skill
    np.testing.assert_array_equal(taken.embedding, skill.embedding)
    assert taken.gone == ()
    live(orchestra, fork, SECOND, "tuesday")
    revised = learned(orchestra, fork, "outage", "l2")
    merged(orchestra, alice, fork, "m2")
    assert skills(orchestra, alice) == [revised]
    assert merged(orchestra, alice, fork, "m3").skills == ()
    twin = orchestra.run(orchestra.host.clone(alice, "alice-2", None, "c")).info
    assert skills(orchestra, twin, "who rang the page?") == [revised]


def test_words_that_come_from_both_sides_are_read_anew(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    orchestra.run(orchestra.host.learn(alice, Skill("tea", ("boil",), "thirst"), "a"))
    fork = orchestra.fork(alice, "what-if")
    orchestra.run(orchestra.host.learn(alice, Skill("tea", ("boil", "steep"), "thirst"), "b"))
    orchestra.run(orchestra.host.learn(fork, Skill("tea", ("boil",), "guests"), "c"))
    merged(orchestra, alice, fork, "m1")
    (both,) = skills(orchestra, alice)
    assert (both.steps, both.when, both.version) == (("boil", "steep"), "guests", 3)
    fresh = orchestra.agent("bob")
    orchestra.run(orchestra.host.learn(fresh, both.skill, "d"))
    np.testing.assert_array_equal(both.embedding, skills(orchestra, fresh)[0].embedding)


def test_a_lesson_is_carried_by_every_file(orchestra: Orchestra, tmp_path: Path) -> None:
    alice = orchestra.agent("alice")
    live(orchestra, alice, FIRST, "monday")
    live(orchestra, alice, SECOND, "tuesday")
    skill = learned(orchestra, alice, "outage", "l1")
    state = orchestra.run(orchestra.host.state(alice, None))
    assert state.skills == (skill,)
    for form in FORMS:
        again = read_state(write_state(state, form))
        assert again == state
        np.testing.assert_array_equal(again.skills[0].embedding, skill.embedding)
    bare = replace(state, skills=(replace(skill, embedding=None),))
    assert bare != state, "an embedding is part of a state"
    path = tmp_path / "alice.qms"
    export_archive(orchestra.vault._vault, "alice", path, plain_folds(orchestra.settings, DIM))
    elsewhere = Orchestra(tmp_path / "other")
    import_archive(elsewhere.vault._vault, path)
    (found,) = skills(elsewhere, elsewhere.agent("alice"), "who rang the page?")
    assert found == skill
    np.testing.assert_array_equal(found.embedding, skill.embedding)
    elsewhere.close()


def test_half_precision_is_what_is_journalled_and_what_is_live(tmp_path: Path) -> None:
    orchestra = Orchestra(tmp_path / "vault", vault={"embeddings": "float16"})
    alice = orchestra.agent("alice")
    orchestra.run(orchestra.host.learn(alice, Skill("tea", ("boil",)), "a"))
    live_one = skills(orchestra, alice)[0].embedding
    assert live_one is not None
    np.testing.assert_array_equal(live_one, live_one.astype(np.float16).astype(np.float32))
    orchestra.close()


FULL = Skill("tea", ("boil", "steep"), "thirst", 1, 0, None, (1,), ("m1",), 3, np.ones(3, np.float32))


def test_events_and_snapshots_keep_every_field() -> None:
    event = decode(encode(SkillLearned(FULL)))
    assert isinstance(event, SkillLearned)
    assert event.skill == FULL
    np.testing.assert_array_equal(event.skill.embedding, FULL.embedding)
    state = SkillsState.of([FULL, Skill("go", ("run",))])
    codec = SkillsCodec()
    again = codec.load(*codec.dump(state))
    assert again.all() == state.all()
    np.testing.assert_array_equal(again.get("tea").embedding, FULL.embedding)
    assert again.get("go").embedding is None
    assert codec.difference(again, state) is None
    assert codec.difference(again, SkillsState.of([replace(FULL, embedding=None), Skill("go", ("run",))])) is not None


def test_a_skill_of_before_is_read_as_it_was() -> None:
    fields = ("name", "steps", "when", "successes", "failures", "at")
    old = msgspec.convert({name: getattr(FULL, name) for name in fields}, Skill)
    assert old == Skill("tea", ("boil", "steep"), "thirst", 1)
    assert old.embedding is None


@pytest.mark.parametrize(
    "change",
    [{"optional": (2,)}, {"optional": (1, 0)}, {"optional": (-1,)}, {"version": 0},
     {"embedding": np.array([np.nan], np.float32)}, {"embedding": np.ones((1, 2), np.float32)}],
)  # fmt: skip
def test_what_no_fold_could_use_is_not_journalled(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        encode(SkillLearned(replace(FULL, **change)))


def test_an_embedding_of_another_length_is_refused(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    with pytest.raises(ShapeMismatch, match=r"skill\.embedding"):
        orchestra.run(orchestra.host._writer.commit([Draft(alice, SkillLearned(FULL), "x")]))


def test_a_merge_keeps_what_hangs_on_the_words() -> None:
    ours = replace(FULL, optional=(0,), sources=("m1", "m2"), version=2)
    theirs = replace(FULL, sources=("m3", "m1"), version=5)
    trait = SkillTrait()
    words = {"steps": FULL.steps, "when": FULL.when}
    joined = trait.put((), Tried(ours, {}), Tried(theirs, {}), words, {}).skill
    assert (joined.optional, joined.sources, joined.version) == ((0, 1), ("m1", "m2", "m3"), 5)
    assert joined.embedding is ours.embedding
    given = trait.put((), Tried(ours, {}), Tried(theirs, {}), {"steps": ("buy",), "when": ""}, {}).skill
    assert (given.optional, given.version, given.embedding) == ((), 6, None)
    bare = replace(ours, embedding=None)
    late = trait.put((), Tried(bare, {}), Tried(theirs, {}), words, {}).skill
    assert late.embedding is theirs.embedding
    back = trait.put((), Tried(theirs, {}), Tried(joined, {}), words, {}).skill
    assert back == replace(joined, successes=back.successes), "the other side comes to the same"


BRANCH = Branch("b0", "alice", "main", "b0", "root", None, 0, datetime(2026, 1, 1, tzinfo=UTC))
BAD: list[tuple[type[QuantumMemoryError], str, Any, dict[str, Any]]] = [
    (InvalidValue, "none", [], {}),
    (InvalidValue, "an empty one", [["m1"], []], {}),
    (InvalidValue, "int", 3, {}),
    (InvalidValue, "'m1'", ["m1", "m2", "m1"], {}),
    (InvalidValue, "'m1'", [["m1"], ["m2", "m1"]], {}),
    (InvalidValue, "int", ["m1", 2], {}),
    (EmptyText, "tag", "  ", {}),
    (EmptyText, "name", "x", {"name": " "}),
    (EmptyText, "when", "x", {"when": " "}),
    (TooLong, "101 attempts", [[f"m{n}"] for n in range(101)], {}),
    (TooLong, "1001 memories", [f"m{n}" for n in range(MAX_MEMORIES + 1)], {}),
    (InvalidValue, "truth value", ["m1"], {"succeeded": "yes"}),
    (InvalidValue, "as many as attempts, 1", ["m1"], {"succeeded": [True, False]}),
    (InvalidValue, "one for all", "outage", {"succeeded": [True]}),
]


@pytest.mark.parametrize(("error", "word", "episodes", "fields"), BAD)
def test_a_bad_lesson_is_refused_before_it_is_sent(
    error: type[QuantumMemoryError], word: str, episodes: Any, fields: dict[str, Any]
) -> None:
    with pytest.raises(error, match=word):
        lesson(BRANCH, episodes, "x", **fields)


def test_what_is_not_there_is_named_and_nothing_is_written(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    ids = live(orchestra, alice, ("...", "…"), "monday")
    before = seq(orchestra, alice)
    for episodes, error, word in (
        ([ids[0], "nobody"], MemoryNotFound, "nobody"),
        ("no such tag", InvalidValue, "no such tag"),
        ([ids[0]], InvalidValue, "at least one step"),
    ):
        with pytest.raises(error, match=word):
            learned(orchestra, alice, episodes, "x")
    with pytest.raises(SkillNotFound):
        orchestra.run(orchestra.host.practise(alice, "handle an outage", True, "y"))
    with pytest.raises(ShapeMismatch):
        skills(orchestra, alice, np.ones(DIM + 1, np.float32))
    assert seq(orchestra, alice) == before


def test_a_tag_of_too_many_attempts_is_refused(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    many = [ready(n, session=f"s{n}", tags=("often",)) for n in range(MAX_EPISODES + 1)]
    orchestra.remember(alice, many, "many")
    with pytest.raises(TooLong, match="101 attempts"):
        learned(orchestra, alice, "often", "x")
    for start in (0, MAX_EPISODES - 10):  # as when it is learned from now and then: what is known does not count
        numbers = range(start, start + MAX_EPISODES - 10)
        some = [ready(n, f"open the door {n % 2}", session=f"t{n}", tags=("now and then",)) for n in numbers]
        orchestra.remember(alice, some, f"now-{start}")
        assert len(learned(orchestra, alice, "now and then", f"l-{start}").sources) == numbers.stop


def test_a_skill_needs_steps_and_not_too_many() -> None:
    with pytest.raises(InvalidValue, match="at least one step"):
        skill_of("x", [], "")
    with pytest.raises(TooLong, match="101 steps"):
        skill_of("x", [f"step {n}" for n in range(101)], "")
    with pytest.raises(InvalidValue, match="a collection of texts"):
        skill_of("x", "boil", "")
    assert skill_of("x", ["boil"], "") == Skill("x", ("boil",))
