"""Merging, revising, feeling and relating, through the orchestrator over the real vault and views."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantum_memory.actors.requests import (
    FeelRequest,
    MergeRequest,
    RelateRequest,
    ReviseRequest,
    feeling,
    revision,
)
from quantum_memory.errors import (
    InvalidInput,
    InvalidValue,
    MemoryNotFound,
    NotFound,
    QuantumMemoryError,
    RelationNotFound,
    TooLong,
)
from quantum_memory.memory.affect.emotions import EMOTIONS
from quantum_memory.memory.events import Merged, Picked
from quantum_memory.types import (
    PAD,
    PARTS,
    Branch,
    Memory,
    MergeConflict,
    MergeReport,
    Mood,
    Place,
    Relation,
    RelationKey,
    Skill,
    Utterance,
)
from tests.unit.orchestra import DIM, Orchestra, ready

JOY = PAD(0.76, 0.48, 0.35)
GLOOM = PAD(-0.7, -0.3, -0.3)


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    one = Orchestra(tmp_path)
    yield one
    one.close()


class Pair:
    """An agent and a fork of it, with short words for what is done to them."""

    def __init__(self, orchestra: Orchestra, *texts: str) -> None:
        self.orchestra, self.number = orchestra, 0
        self.ours = orchestra.agent("alice")
        if texts:
            orchestra.remember(self.ours, [ready(n, text, id=f"m{n}") for n, text in enumerate(texts)], "start")
        self.theirs = orchestra.fork(self.ours, "what-if")

    def op(self) -> str:
        self.number += 1
        return f"op-{self.number}"

    def run(self, work: Any) -> Any:
        return self.orchestra.run(work)

    def revise(self, branch: Branch, identity: str, **fields: Any) -> Memory:
        found: Memory = self.run(
            self.orchestra.host.revise(ReviseRequest(branch, identity, revision(fields), self.op()))
        )
        return found

    def forget(self, branch: Branch, identity: str) -> None:
        self.run(self.orchestra.host.forget(branch, [identity], self.op()))

    def feel(self, branch: Branch, pad: PAD, intensity: float = 1.0) -> None:
        self.run(self.orchestra.host.feel(FeelRequest(branch, pad, intensity, "", self.op())))

    def relate(self, branch: Branch, weight: float, memory: str | None = None) -> Relation:
        relation = Relation("Bob", "likes", "tea", weight, memory=memory)
        found: Relation = self.run(self.orchestra.host.relate(RelateRequest(branch, relation, self.op())))
        return found

    def merge(self, policy: Any = None, turned: bool = False, **more: Any) -> MergeReport:
        ours, theirs = (self.theirs, self.ours) if turned else (self.ours, self.theirs)
        weight = more.pop("mood_weight", 0.5)
        report: MergeReport = self.run(
            self.orchestra.host.merge(MergeRequest(ours, theirs, None, policy, weight, self.op(), **more))
        )
        return report

    def texts(self, branch: Branch | None = None) -> dict[str, str]:
        return {one.id: one.text for one in self.orchestra.memories(branch or self.ours)}

    def mood(self, branch: Branch | None = None) -> Mood:
        mood: Mood = self.run(self.orchestra.host.mood(branch or self.ours, None))
        return mood

    def head(self) -> int:
        return self.orchestra.vault.head(self.ours.id)

    def nothing_new(self, policy: Any = None, **more: Any) -> None:
        head = self.head()
        report = self.merge(policy, **more)
        assert self.head() == head, "no event"
        assert (report.added, report.revised, report.forgotten, report.skills) == ((), (), (), ())
        assert (report.relations, report.unrelated, report.conflicts, report.mood) == ((), (), (), 0.0)


# Revising, feeling, relating


def test_a_revised_memory_reads_anew_everywhere_and_the_mood_stays(orchestra: Orchestra) -> None:
    pair = Pair(orchestra, "The cat slept on the mat.", "We ate soup.")
    before, mood = orchestra.memories(pair.ours)[0], pair.mood()
    new = pair.revise(pair.ours, "m0", text="The violin is out of tune.", tags="music", metadata={"by": "me"})
    assert (new.id, new.at, new.importance, new.speaker) == (before.id, before.at, before.importance, before.speaker)
    assert (new.tags, new.metadata) == (("music",), {"by": "me"})
    assert new.revised_at is not None
    assert not np.array_equal(new.embedding, before.embedding), "perceived anew"
    assert [one.id for one in orchestra.memories(pair.ours)] == ["m1", "m0"], "it stands where it was revised"
    working = orchestra.run(orchestra.host.working(pair.ours, None))
    assert [one.text for one in working] == ["The violin is out of tune.", "We ate soup."], "it stays where it was"
    assert orchestra.recall(pair.ours, "violin")[0].memory == new
    assert {hit.why.get("lexical") for hit in orchestra.recall(pair.ours, "cat")} <= {0.0, None}
    assert pair.mood() == mood
    assert pair.texts(pair.theirs)["m0"] == "The cat slept on the mat.", "the fork has its own"
    orchestra.reopen()
    assert orchestra.memories(pair.ours)[1] == new


def test_what_is_not_given_stays_and_none_takes_away(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    orchestra.remember(alice, ready(1, id="m1", speaker="Bob", session="s", tags=("a",)), "op")
    (old,) = orchestra.memories(alice)
    host = orchestra.host
    new = orchestra.run(host.revise(ReviseRequest(alice, "m1", revision({"speaker": None, "importance": 0.5}), "r")))
    assert (new.speaker, new.importance, new.session, new.tags, new.text) == (None, 0.5, "s", ("a",), old.text)
    assert (new.pad, new.embedding.tobytes()) == (old.pad, old.embedding.tobytes())
    assert orchestra.run(host.revise(ReviseRequest(alice, "m1", {"importance": 0.9}, "r"))) == new, "repeated by Ray"
    orchestra.run(host.forget(alice, ["m1"], "f"))
    assert orchestra.run(host.revise(ReviseRequest(alice, "m1", {"importance": 0.9}, "r"))) == new


@pytest.mark.parametrize(
    "fields", [{}, {"text": ""}, {"text": None}, {"at": None}, {"importance": 2.0}, {"tags": 3}, {"speaker": " "}]
)
def test_a_revision_is_checked_like_an_utterance(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        revision(fields)


def test_a_feeling_is_a_name_or_a_pad() -> None:
    assert feeling("joy") == EMOTIONS["joy"]
    assert feeling(GLOOM) == GLOOM
    with pytest.raises(InvalidValue, match="sadness"):
        feeling("schadenfreude")


def test_what_is_felt_enters_the_mood_by_its_intensity_and_is_rolled_back(orchestra: Orchestra) -> None:
    pair = Pair(orchestra)
    assert pair.mood().at is None
    pair.feel(pair.ours, JOY, 1.0)
    pair.feel(pair.theirs, JOY, 0.1)
    strong, weak = pair.mood(), pair.mood(pair.theirs)
    assert strong.mean.pleasure > weak.mean.pleasure > 0.0
    assert orchestra.memories(pair.ours) == []
    pair.run(orchestra.host.rollback(pair.ours, Place(pair.ours.id, 0), ("mood",), "r"))
    assert pair.mood().at is None


def test_relations_are_known_changed_and_ended(orchestra: Orchestra) -> None:
    pair = Pair(orchestra, "Bob likes tea.")
    host = orchestra.host
    first = pair.relate(pair.ours, 1.0, "m0")
    assert first.at is not None
    second = pair.relate(pair.ours, 2.0)
    assert orchestra.run(host.relations(pair.ours, None, None)) == [second]
    assert orchestra.run(host.relations(pair.ours, "tea", None)) == [second]
    assert orchestra.run(host.relations(pair.ours, "coffee", None)) == []
    assert orchestra.run(host.relations(pair.ours, None, Place(pair.ours.id, 2))) == [first]
    orchestra.run(host.unrelate(pair.ours, first.key, "u"))
    orchestra.run(host.unrelate(pair.ours, first.key, "u"))
    assert orchestra.run(host.relations(pair.ours, None, None)) == []
    with pytest.raises(RelationNotFound, match="'Bob' 'likes' 'tea'"):
        orchestra.run(host.unrelate(pair.ours, first.key, "again"))


BAD: list[tuple[str, type[QuantumMemoryError], Any]] = [
    ("unknown memory", MemoryNotFound, lambda h, b: h.revise(ReviseRequest(b, "nobody", {"text": "x"}, "z"))),
    ("forgotten memory", MemoryNotFound, lambda h, b: h.revise(ReviseRequest(b, "m1", {"text": "x"}, "z"))),
    ("long text", TooLong, lambda h, b: h.revise(ReviseRequest(b, "m0", {"text": "x" * 33}, "z"))),
    ("long cause", TooLong, lambda h, b: h.feel(FeelRequest(b, JOY, 1.0, "x" * 33, "z"))),
    (
        "relation of nobody",
        MemoryNotFound,
        lambda h, b: h.relate(RelateRequest(b, Relation("a", "b", "c", memory="m9"), "z")),
    ),
    ("unknown relation", NotFound, lambda h, b: h.unrelate(b, RelationKey("a", "b", "c"), "z")),
]


@pytest.mark.parametrize(("name", "kind", "call"), BAD, ids=[case[0] for case in BAD])
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    tmp_path: Path, name: str, kind: type[QuantumMemoryError], call: Any
) -> None:
    orchestra = Orchestra(tmp_path, limits={"text_chars": 32})
    pair = Pair(orchestra, "one", "two")
    pair.forget(pair.ours, "m1")
    before = (orchestra.memories(pair.ours), pair.head())
    with pytest.raises(kind):
        pair.run(call(orchestra.host, pair.ours))
    assert (orchestra.memories(pair.ours), pair.head()) == before, name
    orchestra.close()


def test_embeddings_are_rounded_before_they_are_journalled(tmp_path: Path) -> None:
    orchestra = Orchestra(tmp_path, vault={"embeddings": "float16"})
    pair = Pair(orchestra, "one")
    pair.revise(pair.ours, "m0", text="another one")
    orchestra.remember(pair.ours, "two", "op")
    live = [one.embedding for one in orchestra.memories(pair.ours)]
    for one in live:
        assert np.array_equal(one, one.astype(np.float16).astype(np.float32))
        assert np.linalg.norm(one) == pytest.approx(1.0, abs=2e-3)
    orchestra.reopen()
    assert [one.embedding.tobytes() for one in orchestra.memories(pair.ours)] == [one.tobytes() for one in live]
    orchestra.close()


# Whole merges


def test_what_theirs_revised_and_forgot_is_so_here_where_nothing_was_done(orchestra: Orchestra) -> None:
    pair = Pair(orchestra, "zero", "one", "two")
    pair.revise(pair.theirs, "m0", text="zero, revised")
    pair.forget(pair.theirs, "m1")
    report = pair.merge("ours")
    assert (report.added, report.revised, report.forgotten, report.conflicts) == ((), ("m0",), ("m1",), ())
    assert pair.texts() == {"m2": "two", "m0": "zero, revised"}
    pair.nothing_new("ours")
    pair.nothing_new("theirs")


def test_fields_changed_on_one_side_each_end_up_in_one_memory(orchestra: Orchestra) -> None:
    pair = Pair(orchestra, "zero")
    pair.revise(pair.ours, "m0", tags=("here",))
    there = pair.revise(pair.theirs, "m0", text="zero, revised", importance=0.5)
    report = pair.merge()
    (found,) = orchestra.memories(pair.ours)
    assert (found.text, found.tags, found.importance) == ("zero, revised", ("here",), 0.5)
    assert found.embedding.tobytes() == there.embedding.tobytes()
    assert report.conflicts == ()
    turned = pair.merge(turned=True)
    assert turned.conflicts == ()
    assert orchestra.memories(pair.theirs) == [found], "both sides are the same now"
    assert pair.merge().revised == ()
    pair.nothing_new()


@pytest.mark.parametrize("rule", ["union", "ours", "theirs", "newest", None])
def test_branches_that_merge_by_turns_find_no_conflict_in_what_they_brought(orchestra: Orchestra, rule: Any) -> None:
    pair = Pair(orchestra, "zero")
    for number in range(3):
        pair.revise(pair.ours, "m0", text=f"ours {number}")
        assert pair.merge(rule, turned=True).conflicts == ()
        pair.revise(pair.theirs, "m0", text=f"theirs {number}")
        assert pair.merge(rule).conflicts == ()
        assert pair.texts() == pair.texts(pair.theirs) == {"m0": f"theirs {number}"}


def test_each_rule_decides_and_the_report_has_the_real_values(tmp_path: Path) -> None:
    expected = {
        "ours": ("ours", ("a",)),
        "theirs": ("theirs", ("b",)),
        "newest": ("theirs", ("b",)),
        "union": ("theirs", ("a", "b")),
        None: ("ours", ("a",)),
    }
    for rule, (text, tags) in expected.items():
        orchestra = Orchestra(tmp_path / str(rule))
        pair = Pair(orchestra, "zero")
        pair.revise(pair.ours, "m0", text="ours", tags=("a",))
        pair.revise(pair.theirs, "m0", text="theirs", tags=("b",))
        report = pair.merge(rule)
        (found,) = orchestra.memories(pair.ours)
        assert (found.text, found.tags) == (text, tags)
        told = {one.field: (one.base, one.ours, one.theirs, one.value) for one in report.conflicts}
        assert told == {"text": ("zero", "ours", "theirs", text), "tags": ((), ("a",), ("b",), tags)}
        pair.nothing_new(rule)
        orchestra.close()


def test_a_function_may_write_a_new_text_which_is_perceived(orchestra: Orchestra) -> None:
    pair = Pair(orchestra, "zero")
    pair.revise(pair.ours, "m0", text="rain")
    pair.revise(pair.theirs, "m0", text="wind")
    pair.merge({"memories.text": lambda one: f"{one.ours} and {one.theirs}"})
    (found,) = orchestra.memories(pair.ours)
    (alike,) = orchestra.remember(pair.theirs, "rain and wind", "op")
    other = next(one for one in orchestra.memories(pair.theirs) if one.id == alike)
    assert found.text == "rain and wind"
    assert found.embedding.tobytes() == other.embedding.tobytes()


def broken(_: MergeConflict) -> Any:
    raise RuntimeError("no opinion")


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (broken, "policy.*no opinion"),
        ({"memories": lambda _: ""}, r"memories\.text of 'm0'"),
        ({"memories": lambda _: "x" * 40_000}, r"memories\.text of 'm0'"),
        ({"mood": lambda _: 7}, "policy: mood"),
    ],
)
def test_a_function_that_fails_writes_nothing(orchestra: Orchestra, policy: Any, message: str) -> None:
    pair = Pair(orchestra, "zero", "one")
    pair.revise(pair.ours, "m0", text="rain")
    pair.revise(pair.theirs, "m0", text="wind")
    pair.forget(pair.theirs, "m1")
    pair.feel(pair.theirs, JOY)
    before, head = pair.texts(), pair.head()
    with pytest.raises(InvalidValue, match=message):
        pair.merge(policy)
    assert (pair.texts(), pair.head()) == (before, head)
    assert pair.merge("theirs").forgotten == ("m1",), "the queue goes on"


def test_relations_and_skills_are_merged_three_ways(orchestra: Orchestra) -> None:
    pair = Pair(orchestra, "zero")
    host, run = orchestra.host, orchestra.run
    pair.relate(pair.ours, 1.0)
    run(host.learn(pair.ours, Skill("sail", ("hoist",), "windy"), pair.op()))
    pair.merge(turned=True)
    pair.relate(pair.ours, 3.0)
    pair.relate(pair.theirs, 2.0)
    run(host.learn(pair.ours, Skill("sail", ("hoist", "steer"), "windy"), pair.op()))
    run(host.learn(pair.theirs, Skill("sail", ("hoist",), "stormy"), pair.op()))
    report = pair.merge("union")
    (relation,) = run(host.relations(pair.ours, None, None))
    assert relation.weight == 3.0
    assert [(one.part, one.field, one.kept) for one in report.conflicts] == [("graph", "weight", "ours")]
    (skill,) = run(host.skills(pair.ours, None, 10))
    assert (skill.steps, skill.when) == (("hoist", "steer"), "stormy"), "each from the side that changed it"
    run(host.unrelate(pair.theirs, relation.key, pair.op()))
    assert pair.merge("newest").unrelated == (relation.key,)
    assert run(host.relations(pair.ours, None, None)) == []
    pair.nothing_new()


def test_a_mood_that_was_left_alone_is_offered_again(orchestra: Orchestra) -> None:
    pair = Pair(orchestra)
    pair.feel(pair.ours, GLOOM)
    pair.feel(pair.theirs, JOY)
    before = pair.mood()
    for quiet in (
        {"policy": "ours"},
        {"mood_weight": 0.0},
        {"policy": {"mood": "ours"}},
        {"policy": {"mood": lambda _: 0}},
    ):
        pair.merge(**quiet)
        pair.nothing_new(**quiet)
        assert pair.mood() == before
    assert pair.merge(mood_weight=0.25).mood == 0.25
    assert pair.mood().mean.pleasure > before.mean.pleasure
    pair.nothing_new()


@pytest.mark.parametrize("rule", ["theirs", "newest", lambda _: "theirs", lambda _: 1.0])
def test_a_mood_can_be_taken_whole_and_the_lost_one_is_in_the_report(orchestra: Orchestra, rule: Any) -> None:
    pair = Pair(orchestra)
    pair.feel(pair.ours, GLOOM)
    ours = pair.mood()
    pair.feel(pair.theirs, JOY)
    theirs = pair.mood(pair.theirs)
    report = pair.merge({"mood": rule})
    assert report.mood == 1.0
    assert pair.mood().mean.pleasure == pytest.approx(theirs.mean.pleasure, abs=1e-4)
    (conflict,) = report.conflicts
    assert (conflict.part, conflict.ours, conflict.theirs) == ("mood", ours, theirs)
    pair.nothing_new({"mood": rule})


def test_the_newest_mood_may_be_ours(orchestra: Orchestra) -> None:
    pair = Pair(orchestra)
    pair.feel(pair.theirs, JOY)
    pair.feel(pair.ours, GLOOM)
    before = pair.mood()
    assert pair.merge("newest").mood == 0.0
    assert pair.mood() == before


# Chosen memories


def test_chosen_memories_come_alone_and_a_later_merge_offers_the_rest(orchestra: Orchestra) -> None:
    pair = Pair(orchestra, "zero", "one")
    host, run = orchestra.host, orchestra.run
    orchestra.remember(pair.theirs, [ready(n, f"new {n}", id=f"n{n}") for n in range(3)], pair.op())
    pair.revise(pair.theirs, "m0", text="zero, revised")
    pair.forget(pair.theirs, "m1")
    run(host.learn(pair.theirs, Skill("sail", ("hoist",)), pair.op()))
    pair.relate(pair.theirs, 1.0)
    mood = pair.mood()
    report = pair.merge(only=("n1", "m0"))
    assert (report.added, report.revised) == (("n1",), ("m0",))
    assert pair.texts() == {"m1": "one", "n1": "new 1", "m0": "zero, revised"}
    assert pair.mood() == mood
    assert run(host.skills(pair.ours, None, 10)) == []
    assert run(host.relations(pair.ours, None, None)) == []
    pair.nothing_new(only=("m0", "n1"))
    whole = pair.merge()
    assert (whole.added, whole.revised, whole.forgotten, whole.skills) == (("n0", "n2"), (), ("m1",), ("sail",))
    assert len(whole.relations) == 1
    assert whole.mood == 0.5
    kinds = [type(one.event) for one in orchestra.vault.entries(pair.ours.id, 0, pair.head())][-2:]
    assert kinds == [Picked, Merged]


def test_what_was_picked_and_went_its_own_way_is_no_conflict_later(orchestra: Orchestra) -> None:
    pair = Pair(orchestra)
    orchestra.remember(pair.theirs, [ready(n, f"new {n}", id=f"n{n}") for n in range(3)], pair.op())
    pair.merge(only=("n0", "n1", "n2"))
    pair.revise(pair.ours, "n0", text="ours went on")
    pair.forget(pair.ours, "n1")
    pair.revise(pair.theirs, "n2", text="theirs went on")
    report = pair.merge("theirs")
    assert (report.added, report.revised, report.conflicts) == ((), ("n2",), ())
    assert pair.texts() == {"n0": "ours went on", "n2": "theirs went on"}


@pytest.mark.parametrize(("rule", "text"), [("ours", "ours"), ("theirs", "theirs"), ("union", "theirs")])
def test_a_conflict_in_a_selective_merge_is_decided_once(orchestra: Orchestra, rule: str, text: str) -> None:
    pair = Pair(orchestra, "zero")
    pair.revise(pair.ours, "m0", text="ours")
    pair.revise(pair.theirs, "m0", text="theirs")
    assert [one.field for one in pair.merge(rule, only=("m0",)).conflicts] == ["text"]
    assert pair.texts() == {"m0": text}
    pair.nothing_new(rule, only=("m0",))
    assert pair.merge("theirs").conflicts == ()
    assert pair.texts() == {"m0": text}


def test_what_recall_finds_there_can_be_merged(orchestra: Orchestra) -> None:
    pair = Pair(orchestra)
    orchestra.remember(pair.theirs, ["Bob lent me his umbrella.", "The cat slept.", "We ate soup."], pair.op())
    report = pair.merge(matching="umbrella", k=1)
    assert len(report.added) == 1
    assert list(pair.texts().values()) == ["Bob lent me his umbrella."]
    pair.nothing_new(matching="umbrella", k=1)
    assert len(pair.merge(matching=np.ones(DIM, np.float32), k=3).added) == 2


def test_a_repeated_selective_merge_has_its_first_outcome(orchestra: Orchestra) -> None:
    pair = Pair(orchestra)
    orchestra.remember(pair.theirs, ["Bob lent me his umbrella.", "The cat slept."], pair.op())
    request = MergeRequest(pair.ours, pair.theirs, None, None, 0.5, "again", None, "umbrella", 1)
    first = pair.run(orchestra.host.merge(request))
    orchestra.remember(pair.theirs, "An umbrella is an umbrella.", pair.op())
    assert pair.run(orchestra.host.merge(request)) == first
    assert len(pair.texts()) == 1


@pytest.mark.parametrize("wrong", ["nobody", "m1"])
def test_ids_that_the_other_side_has_not_are_refused(orchestra: Orchestra, wrong: str) -> None:
    pair = Pair(orchestra, "zero", "one")
    pair.forget(pair.theirs, "m1")
    orchestra.remember(pair.theirs, Utterance("new", id="n"), pair.op())
    head = pair.head()
    with pytest.raises(MemoryNotFound, match=wrong):
        pair.merge(only=("n", wrong))
    assert pair.head() == head


def test_a_selective_merge_can_be_rolled_back_and_done_again(orchestra: Orchestra) -> None:
    pair = Pair(orchestra, "zero")
    orchestra.remember(pair.theirs, Utterance("new", id="n"), pair.op())
    head = pair.head()
    assert pair.merge(only=("n",)).added == ("n",)
    pair.run(orchestra.host.rollback(pair.ours, Place(pair.ours.id, head), PARTS, "r"))
    assert pair.merge(only=("n",)).added == ("n",)
    orchestra.reopen()
    pair.nothing_new(only=("n",))
