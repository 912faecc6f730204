"""The orchestrator over the real vault and views, without Ray: what is acknowledged, who sees it, what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.agent import QuantumMemoryHost
from quantum_memory.actors.directory import Directory
from quantum_memory.actors.journal import Journal
from quantum_memory.actors.parts import local_parts
from quantum_memory.actors.ports import LocalVault
from quantum_memory.actors.requests import (
    FeelRequest,
    MergeRequest,
    RecallRequest,
    RelateRequest,
    RememberRequest,
    ReviseRequest,
    Tip,
    utterances,
)
from quantum_memory.errors import (
    AgentNotFound,
    AlreadyExists,
    InvalidInput,
    MemoryNotFound,
    PlaceNotFound,
    QuantumMemoryError,
    ShapeMismatch,
    SkillNotFound,
    TooLong,
)
from quantum_memory.memory.events import Remembered
from quantum_memory.types import (
    NEUTRAL,
    PAD,
    PARTS,
    Branch,
    Filters,
    Place,
    Relation,
    RelationKey,
    Skill,
    Utterance,
)
from tests.unit.orchestra import DIM, Orchestra, ready


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    one = Orchestra(tmp_path)
    yield one
    one.close()


def texts(orchestra: Orchestra, branch: Branch) -> list[str]:
    return [memory.text for memory in orchestra.memories(branch)]


def test_what_is_remembered_is_found_with_parts_that_add_up(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    orchestra.remember(alice, ["Bob lent me his umbrella.", "The cat slept.", "We ate soup."], "op")
    hits = orchestra.recall(alice, "Who had an umbrella?", k=2)
    assert hits[0].memory.text == "Bob lent me his umbrella."
    assert len(hits) == 2
    for hit in hits:
        assert sum(hit.why.values()) == pytest.approx(hit.score, abs=1e-12)


def test_a_repeated_operation_is_applied_once(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    first = orchestra.remember(alice, ["one", "two"], "same")
    assert orchestra.remember(alice, ["one", "two"], "same") == first
    assert texts(orchestra, alice) == ["one", "two"]


def test_remembering_known_ids_again_adds_nothing_and_a_forgotten_one_stays_forgotten(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    batch = [Utterance("one", id="a"), Utterance("two", id="b")]
    orchestra.remember(alice, batch, "first")
    assert orchestra.run(orchestra.host.forget(alice, ["a"], "forget")) == 1
    assert orchestra.remember(alice, [*batch, Utterance("three", id="c")], "second") == ["a", "b", "c"]
    assert texts(orchestra, alice) == ["two", "three"]
    with pytest.raises(AlreadyExists, match="'b'"):
        orchestra.remember(alice, Utterance("another two", id="b"), "third")


@pytest.mark.parametrize("what", ["forget", "practise", "merge", "rollback", "fork", "clone"])
def test_an_operation_that_ray_repeats_has_its_first_outcome(orchestra: Orchestra, what: str) -> None:
    alice = orchestra.agent("alice")
    (one,) = orchestra.remember(alice, "one", "op-1")
    orchestra.run(orchestra.host.learn(alice, Skill("sail", ("hoist",)), "op-2"))
    what_if = orchestra.fork(alice, "what-if")
    orchestra.remember(what_if, "two", "op-3")
    host = orchestra.host
    calls: dict[str, Any] = {
        "forget": lambda: host.forget(alice, [one], "again"),
        "practise": lambda: host.practise(alice, "sail", True, "again"),
        "merge": lambda: host.merge(MergeRequest(alice, what_if, None, "ours", 0.5, "again")),
        "rollback": lambda: host.rollback(alice, Place(alice.id, 1), PARTS, "again"),
        "fork": lambda: host.fork(alice, "again", None, "again"),
        "clone": lambda: host.clone(alice, "again", None, "again"),
    }
    first = orchestra.run(calls[what]())
    orchestra.remember(alice, "the branch moves on", "op-4")
    head = orchestra.vault.head(alice.id)
    assert orchestra.run(calls[what]()) == first
    assert orchestra.vault.head(alice.id) == head


def test_everything_acknowledged_is_there_after_a_restart(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    orchestra.remember(alice, [ready(n) for n in range(30)], "a")
    orchestra.run(orchestra.host.learn(alice, Skill("sail", ("hoist",)), "b"))
    orchestra.run(orchestra.host.forget(alice, [orchestra.memories(alice)[3].id], "c"))
    before = state_of(orchestra, alice)
    orchestra.reopen()
    assert state_of(orchestra, alice) == before


def state_of(orchestra: Orchestra, branch: Branch) -> tuple[Any, ...]:
    """Everything that can be read of a branch, in a form that compares."""
    host, run = orchestra.host, orchestra.run
    graph = run(host.graph(branch, None))
    mood = run(host.mood(branch, None))
    return (
        orchestra.memories(branch),
        [memory.embedding.tobytes() for memory in orchestra.memories(branch)],
        run(host.working(branch, None)),
        run(host.skills(branch, None, 100)),
        sorted(graph.nodes(data="kind")),
        sorted(map(repr, graph.edges(data="weight"))),
        np.round([*mood.mean.__array__(), *mood.spread, mood.entropy], 5).tolist(),
    )


def test_calls_for_one_agent_keep_their_order_while_others_wait(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")

    async def burst() -> None:
        requests = [RememberRequest(alice, utterances(f"number {n}"), f"op-{n}") for n in range(40)]
        await asyncio.gather(*(orchestra.host.remember_one(request) for request in requests))

    orchestra.run(burst())
    assert texts(orchestra, alice) == [f"number {n}" for n in range(40)]


def test_a_partial_rollback_leaves_the_other_parts_alone_and_can_be_undone(orchestra: Orchestra) -> None:
    host, run = orchestra.host, orchestra.run
    alice = orchestra.agent("alice")
    orchestra.remember(alice, [ready(n) for n in range(5)], "a")
    calm = run(host.mood(alice, None))
    before = run(host.checkpoint(alice, "before", "c"))
    orchestra.remember(alice, [ready(n) for n in range(5, 10)], "b")
    stirred = run(host.mood(alice, None))
    run(host.rollback(alice, "before", ("mood",), "r"))
    assert run(host.mood(alice, None)) == calm
    assert len(orchestra.memories(alice)) == 10
    run(host.rollback(alice, Place(alice.id, 2), ("mood",), "undo"))
    assert run(host.mood(alice, None)) == stirred
    run(host.rollback(alice, before.place, PARTS, "whole"))
    assert len(orchestra.memories(alice)) == 5


def test_a_merge_takes_over_what_is_new_once_and_can_be_rolled_back(orchestra: Orchestra) -> None:
    host, run = orchestra.host, orchestra.run
    alice = orchestra.agent("alice")
    shared, gone = orchestra.remember(alice, [Utterance("shared", id="s"), Utterance("gone", id="g")], "a")
    what_if = orchestra.fork(alice, "what-if")
    orchestra.remember(what_if, [Utterance("theirs", id="t"), Utterance("clash there", id="x")], "b")
    run(host.forget(what_if, [gone], "c"))
    run(host.learn(what_if, Skill("sail", ("hoist",)), "d"))
    orchestra.remember(alice, [Utterance("ours", id="o"), Utterance("clash here", id="x")], "e")
    report = run(host.merge(MergeRequest(alice, what_if, None, "ours", 0.5, "m")))
    assert (report.added, report.forgotten, report.skills) == (("t",), ("g",), ("sail",))
    assert {(one.part, one.key, one.field) for one in report.conflicts} == {
        ("memories", "x", "text"),
        ("memories", "x", "at"),
    }
    assert {memory.id for memory in orchestra.memories(alice)} == {shared, "o", "t", "x"}
    head = orchestra.vault.head(alice.id)
    assert run(host.merge(MergeRequest(alice, what_if, None, "ours", 0.5, "m2"))).added == ()
    assert orchestra.vault.head(alice.id) == head, "merging twice is a no-op"
    run(host.rollback(alice, Place(alice.id, head - 1), PARTS, "r"))
    assert run(host.merge(MergeRequest(alice, what_if, None, "ours", 0.5, "m3"))).added == ("t",)


def test_a_repeated_merge_reports_what_it_did_though_the_other_side_moved_on(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    orchestra.remember(alice, "shared", "a")
    what_if = orchestra.fork(alice, "what-if")
    orchestra.remember(what_if, Utterance("first", id="f1"), "b")
    merge = MergeRequest(alice, what_if, None, "ours", 0.5, "m")
    first = orchestra.run(orchestra.host.merge(merge))
    orchestra.remember(what_if, Utterance("second", id="f2"), "c")
    assert orchestra.run(orchestra.host.merge(merge)) == first
    again = orchestra.run(orchestra.host.merge(MergeRequest(alice, what_if, None, "ours", 0.5, "m2")))
    assert again.added == ("f2",)


def test_skills_are_merged_once_whatever_part_was_rolled_back(orchestra: Orchestra) -> None:
    host, run = orchestra.host, orchestra.run
    alice = orchestra.agent("alice")
    run(host.learn(alice, Skill("sail", ("hoist",)), "a"))
    what_if = orchestra.fork(alice, "what-if")
    for number in range(3):
        run(host.practise(what_if, "sail", True, f"p{number}"))
    orchestra.remember(what_if, Utterance("theirs", id="t"), "b")

    def merged(op_id: str) -> tuple[int, list[str]]:
        run(host.merge(MergeRequest(alice, what_if, None, "ours", 0.5, op_id)))
        (skill,) = run(host.skills(alice, None, 10))
        return skill.successes, texts(orchestra, alice)

    before = Place(alice.id, orchestra.vault.head(alice.id))
    assert merged("m1") == (3, ["theirs"])
    run(host.rollback(alice, before, ("memories",), "r1"))
    assert merged("m2") == (3, ["theirs"])
    run(host.rollback(alice, before, ("skills",), "r2"))
    assert merged("m3") == (3, ["theirs"])
    assert merged("m4") == (3, ["theirs"])


def test_names_mean_what_they_say_and_a_clone_owns_its_past(orchestra: Orchestra) -> None:
    host, run = orchestra.host, orchestra.run
    alice = orchestra.agent("alice")
    for number in range(8):
        orchestra.remember(alice, f"text {number}", f"op-{number}")
        run(host.checkpoint(alice, f"after {number}", f"c{number}"))
    for letter in "abcdef0123456789":
        orchestra.fork(alice, letter)
        assert run(host.memories(alice, letter)) == orchestra.memories(alice)
    twin = run(host.clone(alice, "twin", "after 5", "t")).info
    assert len(orchestra.memories(twin)) == 6
    assert len(run(host.memories(twin, "after 2"))) == 3
    run(host.rollback(twin, "after 3", PARTS, "r"))
    assert len(orchestra.memories(twin)) == 4
    early = run(host.fork(twin, "early", "after 1", "e")).info
    assert early.agent == "twin"
    assert len(orchestra.memories(early)) == 2
    assert run(host.memories(early, Place(early.id, 1))) == run(host.memories(alice, Place(alice.id, 1)))
    with pytest.raises(PlaceNotFound, match="'after 6'"):
        run(host.rollback(twin, "after 6", PARTS, "r2"))


def test_a_write_by_somebody_else_is_looked_at_before_writing_again(orchestra: Orchestra) -> None:
    """As after a lost answer or beside another orchestrator: what was decided on the old head is decided anew."""
    alice = orchestra.agent("alice")
    orchestra.remember(alice, Utterance("one", id="a"), "op-1")
    other = QuantumMemoryHost(
        orchestra.settings,
        Directory("none", {"agents": 1}, 1.0, 1.0),
        parts=local_parts(orchestra.settings, Journal(LocalVault(orchestra.vault), lambda _: True), orchestra.vault),
    )
    write = RememberRequest(alice, utterances([Utterance("two", id="b"), Utterance("three", id="c")]), "op-2")
    assert orchestra.run(other.remember_one(write)) == ["b", "c"]
    head = orchestra.vault.head(alice.id)
    assert orchestra.remember(alice, [Utterance("two", id="b"), Utterance("four", id="d")], "op-3") == ["b", "d"]
    assert texts(orchestra, alice) == ["one", "two", "three", "four"]
    orchestra.run(other.remember_one(RememberRequest(alice, utterances(Utterance("five", id="e")), "op-4")))
    with pytest.raises(AlreadyExists, match="'e'"):
        orchestra.remember(alice, Utterance("not five", id="e"), "op-5")
    assert orchestra.vault.head(alice.id) == head + 2
    assert sum(isinstance(one.event, Remembered) for one in orchestra.vault.entries(alice.id, 0, head + 2)) == head + 2


def test_another_lineage_is_never_read_from_a_stale_head(orchestra: Orchestra) -> None:
    """Two orchestrators, each the only writer of its lineages: what one acknowledged, the other finds."""
    alice, bob = orchestra.agent("alice"), orchestra.agent("bob")
    hosts = {
        branch.id: QuantumMemoryHost(
            orchestra.settings,
            Directory("none", {"agents": 1}, 1.0, 1.0),
            parts=local_parts(
                orchestra.settings, Journal(LocalVault(orchestra.vault), branch.lineage.__eq__), orchestra.vault
            ),
        )
        for branch in (alice, bob)
    }
    for number in range(3):
        write = RememberRequest(bob, utterances(Utterance(f"news {number}", id=f"n{number}")), f"op-{number}")
        orchestra.run(hosts[bob.id].remember_one(write))
        merge = MergeRequest(alice, bob, None, "ours", 0.5, f"merge-{number}")
        assert orchestra.run(hosts[alice.id].merge(merge)).added == (f"n{number}",)


def test_two_agents_that_share_nothing_can_be_merged(orchestra: Orchestra) -> None:
    alice, bob = orchestra.agent("alice"), orchestra.agent("bob")
    orchestra.remember(alice, "hers", "a")
    orchestra.remember(bob, "his", "b")
    report = orchestra.run(orchestra.host.merge(MergeRequest(alice, bob, None, "ours", 0.3, "m")))
    assert report.base is None
    assert texts(orchestra, alice) == ["hers", "his"]


def test_what_was_believed_at_an_earlier_time_can_be_asked(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    orchestra.remember(alice, "old news", "a")
    before = orchestra.run(orchestra.host.checkpoint(alice, "then", "c"))
    orchestra.remember(alice, "fresh news", "b")
    for where in (before.place, before.id, "then", before.at):
        request = RecallRequest(alice, "news", 10, Filters(), where)
        assert [hit.memory.text for hit in orchestra.run(orchestra.host.recall_one(request))] == ["old news"]
    request = RecallRequest(alice, "news", 10, Filters(), Tip(alice.id))
    assert len(orchestra.run(orchestra.host.recall_one(request))) == 2


BAD_WRITES: list[tuple[str, type[QuantumMemoryError], str, Any]] = [
    ("text over the limit", TooLong, "33 characters, the limit is 32", lambda h, b: remember(h, b, "x" * 33)),
    ("too many", TooLong, "4 utterances, the limit is 3", lambda h, b: remember(h, b, ["x"] * 4)),
    (
        "embedding of another shape",
        ShapeMismatch,
        rf"\({DIM},\), got \(3,\)",
        lambda h, b: remember(h, b, Utterance("x", embedding=np.ones(3, np.float32))),
    ),
    ("unknown memory", MemoryNotFound, "'nobody'", lambda h, b: h.forget(b, ["nobody"], "z")),
    ("unknown skill", SkillNotFound, "'fly'", lambda h, b: h.practise(b, "fly", True, "z")),
    ("unknown commit", PlaceNotFound, "'nowhere'", lambda h, b: h.rollback(b, "nowhere", PARTS, "z")),
    ("place to come", PlaceNotFound, "99", lambda h, b: h.rollback(b, Place(b.id, 99), PARTS, "z")),
    ("taken branch", AlreadyExists, "'main'", lambda h, b: h.fork(b, "main", None, "z")),
    ("taken agent", AlreadyExists, "'alice'", lambda h, b: h.clone(b, "alice", None, "z")),
    ("itself", InvalidInput, "alice@main", lambda h, b: h.merge(MergeRequest(b, b, None, "ours", 0.5, "z"))),
    ("too many wanted", TooLong, "2000 memories, the limit is 1000", lambda h, b: recall(h, b, "x", 2000)),
    ("query of another shape", ShapeMismatch, "query", lambda h, b: recall(h, b, np.ones(3, np.float32), 1)),
    ("unknown agent", AgentNotFound, "'nobody'", lambda h, _: h.open(["nobody"], create=False)),
]


def remember(host: Any, branch: Branch, what: Any) -> Any:
    return host.remember_one(RememberRequest(branch, utterances(what), "z"))


def recall(host: Any, branch: Branch, query: Any, k: int) -> Any:
    return host.recall_one(RecallRequest(branch, query, k, Filters(), None))


@pytest.mark.parametrize(("name", "kind", "message", "call"), BAD_WRITES, ids=[case[0] for case in BAD_WRITES])
def test_bad_input_is_refused_by_name_and_changes_nothing(
    tmp_path: Path, name: str, kind: type[QuantumMemoryError], message: str, call: Any
) -> None:
    orchestra = Orchestra(tmp_path, limits={"text_chars": 32, "batch": 3})
    alice = orchestra.agent("alice")
    orchestra.remember(alice, "one", "a")
    before = (state_of(orchestra, alice), orchestra.vault.head(alice.id), orchestra.vault.agents())
    with pytest.raises(kind, match=message):
        orchestra.run(call(orchestra.host, alice))
    assert (state_of(orchestra, alice), orchestra.vault.head(alice.id), orchestra.vault.agents()) == before
    orchestra.remember(alice, "the queue goes on", "b")
    orchestra.close()


Step = tuple[str, int, int]
KINDS = ("remember", "revise", "forget", "feel", "relate", "unrelate", "fork", "clone", "rollback", "checkpoint")
STEPS = st.lists(
    st.tuples(
        st.sampled_from([*KINDS, "merge", "merge", "pick", "reopen"]),
        st.integers(0, 20),
        st.integers(0, 20),
    ),
    min_size=4,
    max_size=16,
)


@given(STEPS)
@settings(max_examples=25, deadline=None)
def test_no_branch_ever_sees_what_another_one_did_after_they_parted(steps: list[Step]) -> None:
    """Random histories against a plain model: what was said last of each thing, by branch."""
    with TemporaryDirectory() as folder:
        orchestra = Orchestra(Path(folder))
        try:
            play(orchestra, steps)
        finally:
            orchestra.close()


Said = dict[Any, tuple[int, Any]]
"""By key: the number of the step that had the last word, and what it said; ``None`` took it away."""


class Side(NamedTuple):
    """What was last said of memories, and of relations."""

    memories: Said
    relations: Said

    def known(self) -> dict[str, str]:
        return {key: text for key, (_, text) in self.memories.items() if text is not None}

    def weights(self) -> dict[tuple[str, ...], float]:
        return {key: weight for key, (_, weight) in self.relations.items() if weight is not None}

    def say(self, key: str, number: int, text: str | None) -> Side:
        return Side({**self.memories, key: (number, text)}, self.relations)

    def relate(self, key: tuple[str, ...], number: int, weight: float | None) -> Side:
        return Side(self.memories, {**self.relations, key: (number, weight)})

    def joined(self, other: Side) -> Side:
        """Merged by "newest": of each thing the last word. That something is gone is news to those who knew it only."""
        return Side(joined(self.memories, other.memories), joined(self.relations, other.relations))


def joined(mine: Said, theirs: Said) -> Said:
    news = {key: last for key, last in theirs.items() if key in mine or last[1] is not None}
    return mine | {key: last for key, last in news.items() if key not in mine or last[0] > mine[key][0]}


def play(orchestra: Orchestra, steps: list[Step]) -> None:
    branches = [orchestra.agent("alice")]
    model = [Side({}, {})]
    past = [{0: Side({}, {})}]
    for number, (kind, which, what) in enumerate(steps):
        index = which % len(branches)
        model[index] = step(orchestra, branches, model, past[index], (kind, index, what), number)
        if len(branches) > len(model):
            model.append(model[index])
            past.append(dict(past[index]))
        past[index][orchestra.vault.head(branches[index].id)] = model[index]
        for one, expected in zip(branches, model, strict=True):
            assert {memory.id: memory.text for memory in orchestra.memories(one)} == expected.known()
            found = {hit.memory.id for hit in orchestra.recall(one, "thing number", k=50)}
            assert found == set(expected.known())
            relations = orchestra.run(orchestra.host.relations(one, None, None))
            assert {relation.key: relation.weight for relation in relations} == expected.weights()


def step(  # noqa: PLR0911 - one return a kind of step
    orchestra: Orchestra, branches: list[Branch], model: list[Side], past: dict[int, Side], what: Step, number: int
) -> Side:
    """Do one step for real; what the branch should be like then."""
    host, run, op_id = orchestra.host, orchestra.run, f"op-{number}"
    kind, index, choice = what
    branch, mine = branches[index], model[index]
    known, other = sorted(mine.known()), choice % len(branches)
    key = RelationKey("Bob", "likes", ("tea", "rain")[choice % 2])
    if kind == "remember":
        orchestra.remember(branch, ready(number, id=f"m{number}"), op_id)
        return mine.say(f"m{number}", number, f"thing number {number}")
    if kind == "revise" and known:
        identity, text = known[choice % len(known)], f"thing number {number}, revised"
        assert run(host.revise(ReviseRequest(branch, identity, {"text": text}, op_id))).text == text
        return mine.say(identity, number, text)
    if kind == "forget" and known:
        identity = known[choice % len(known)]
        run(host.forget(branch, [identity], op_id))
        return mine.say(identity, number, None)
    if kind == "feel":
        run(host.feel(FeelRequest(branch, PAD(0.5, 0.1 * (choice % 5), 0.0), 1.0, "", op_id)))
    elif kind == "relate":
        run(host.relate(RelateRequest(branch, Relation(*key, weight=1.0 + number), op_id)))
        return mine.relate(key, number, 1.0 + number)
    elif kind == "unrelate" and key in mine.weights():
        run(host.unrelate(branch, key, op_id))
        return mine.relate(key, number, None)
    elif kind in ("fork", "clone"):
        grow = host.fork if kind == "fork" else host.clone
        branches.append(run(grow(branch, f"{kind}-{number}", None, op_id)).info)
    elif kind == "rollback":
        seq = sorted(past)[choice % len(past)]
        run(host.rollback(branch, place_in(orchestra, branch, seq), PARTS, op_id))
        return past[seq]
    elif kind == "checkpoint":
        run(host.checkpoint(branch, f"c{number}", op_id))
    elif kind in ("merge", "pick") and other != index:
        return merged(orchestra, (branch, branches[other]), (mine, model[other]), kind == "pick", number)
    elif kind == "reopen":
        orchestra.reopen()
    return mine


def merged(
    orchestra: Orchestra, branches: tuple[Branch, Branch], sides: tuple[Side, Side], pick: bool, number: int
) -> Side:
    """Merge the second branch into the first, or one memory of it, and then once more, which must do nothing."""
    (branch, other), (mine, theirs) = branches, sides
    some = sorted(theirs.known())
    if pick and not some:
        return mine
    only = (some[number % len(some)],) if pick else None
    for attempt in range(2):
        request = MergeRequest(branch, other, None, "newest", 0.5, f"op-{number}-{attempt}", only)
        head = orchestra.vault.head(branch.id)
        report = orchestra.run(orchestra.host.merge(request))
    assert orchestra.vault.head(branch.id) == head
    assert (report.added, report.revised, report.forgotten, report.relations, report.conflicts) == ((),) * 5
    if only is None:
        return mine.joined(theirs)
    return mine.joined(Side({one: theirs.memories[one] for one in only}, {}))


def place_in(orchestra: Orchestra, branch: Branch, seq: int) -> Place:
    """The place of an event number in a branch's past, in the parent if it was before the fork."""
    while seq < branch.fork_seq or (seq == branch.fork_seq and branch.parent is not None):
        assert branch.parent is not None
        branch = orchestra.vault.branch(branch.parent)
    return Place(branch.id, seq)


def test_what_the_caller_knows_is_taken_and_the_rest_perceived(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    feeling, meaning = PAD(0.5, 0.25, -0.5), np.ones(DIM, np.float32)
    orchestra.remember(
        alice,
        [
            Utterance("both", embedding=meaning, pad=feeling, confidence=0.25),
            Utterance("neither"),
            Utterance("the feeling", pad=feeling),
            Utterance("the meaning", embedding=meaning),
        ],
        "op",
    )
    both, neither, felt, meant = orchestra.memories(alice)
    assert (both.pad, both.confidence, felt.pad, felt.confidence) == (feeling, 0.25, feeling, 1.0)
    assert (neither.pad, neither.confidence) == (meant.pad, meant.confidence) == (NEUTRAL, 0.0)
    assert both.embedding.tobytes() == meant.embedding.tobytes()
    assert neither.embedding.tobytes() != felt.embedding.tobytes(), "each has its own text's"


def test_views_that_live_here_are_called_by_their_own_methods(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    orchestra = Orchestra(tmp_path, recall={"weights": {"mood": 0.2}})
    request.addfinalizer(orchestra.close)
    alice = orchestra.agent("alice")
    orchestra.remember(alice, [ready(1), ready(2)], "one")
    for _ in range(2):
        assert all(hit.why["mood"] > 0.0 for hit in orchestra.recall(alice, np.ones(DIM, dtype=np.float32)))
    told = orchestra.run(orchestra.host.status())
    assert told["quantum_projector_misses"] == 1
    assert told["quantum_projector_hits"] == 1
    assert 0 < told["quantum_bytes"] < told["quantum_bytes_limit"]
    assert "graph_states" in told
    moods = orchestra.parts.quantum._host  # type: ignore[attr-defined]  # it lives here
    backend = moods._views().backend
    orchestra.run(orchestra.host.close())
    assert backend.closed, "by the host's own close"
    assert orchestra.recall(alice, np.ones(DIM, dtype=np.float32))
