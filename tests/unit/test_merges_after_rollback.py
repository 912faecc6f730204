"""Parts that were rolled back alone: merges, relations and memories bring the graph back to what the memories are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quantum_memory.actors.handle import AgentHandle
from quantum_memory.memory.events import Merged, Picked
from quantum_memory.types import PAD, MergeConflict, RelationKey, Utterance
from tests.unit.front import Front

JOY = PAD(0.7, 0.4, 0.3)
KEY = RelationKey("Bob", "likes", "tea")


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    one = Front(tmp_path / "vault")
    yield one
    one.close()


def told(agent: AgentHandle, identity: str, text: str, **fields: Any) -> None:
    agent.remember(Utterance(text, id=identity, pad=JOY, **fields))


def woven(agent: AgentHandle) -> tuple[set[str], set[str]]:
    """The memories and the concepts of the graph."""
    nodes = set(agent.graph())
    return tuple({name for kind, name in nodes if kind == which} for which in ("memory", "concept"))  # type: ignore[return-value]


def whole(front: Front, *agents: AgentHandle) -> None:
    """What is live is what the journal says."""
    live = [(woven(agent), agent.relations(), agent.skills()) for agent in agents]
    front.reopen()
    assert [(woven(again), again.relations(), again.skills()) for again in map(same(front), agents)] == live


def same(front: Front) -> Any:
    return lambda agent: front.memory.agent(agent.info.agent, None if agent.info.kind == "root" else agent.info.name)


def test_a_graph_that_was_rolled_back_alone_gets_back_what_a_merge_brought(front: Front) -> None:
    alice = front.agent()
    told(alice, "x", "Carol sings.")
    fork = alice.fork("f")
    told(fork, "y", "Dave lives in Berlin.", speaker="Bob")
    fork.revise("x", text="Carol paints.")
    fork.relate(*KEY, memory="y")
    before = alice.checkpoint("before")
    alice.merge(fork)
    after = woven(alice)
    assert after[0] == {"x", "y"}
    assert {"berlin", "dave", "paint"} <= after[1]
    alice.rollback(before, parts={"graph"})
    assert woven(alice)[0] == {"x"}
    report = alice.merge(fork)
    assert (report.added, report.revised) == ((), ()), "the memories were there all the time"
    assert report.relations == (KEY,)
    assert woven(alice) == after
    assert [one.memory for one in alice.relations()] == ["y"]
    head = alice.log()[0].place
    again = alice.merge(fork)
    assert again.place == head
    whole(front, alice)


def test_what_a_merge_forgot_goes_from_a_graph_that_was_rolled_back_alone(front: Front) -> None:
    alice = front.agent()
    told(alice, "x", "Carol sings.")
    before = alice.checkpoint("before")
    fork = alice.fork("f")
    fork.forget("x")
    alice.merge(fork)
    assert woven(alice)[0] == set()
    alice.rollback(before, parts={"graph"})
    assert woven(alice)[0] == {"x"}
    assert alice.merge(fork).forgotten == ()
    assert woven(alice) == (set(), set())
    whole(front, alice)


def test_memories_that_were_rolled_back_alone_come_again_and_the_graph_has_them_as_they_are(front: Front) -> None:
    alice = front.agent()
    before = alice.checkpoint("before")
    fork = alice.fork("f")
    told(fork, "y", "Dave lives in Berlin.")
    alice.merge(fork)
    alice.forget("y")
    alice.rollback(before, parts={"memories"})
    assert alice.merge(fork).added == ("y",)
    assert woven(alice)[0] == {"y"}, "the graph had it among what was forgotten"
    alice.rollback(before, parts={"memories"})
    fork.revise("y", text="Dave lives in Paris.")
    assert alice.merge(fork).added == ("y",)
    concepts = woven(alice)[1]
    assert "pari" in concepts
    assert "berlin" not in concepts
    whole(front, alice)


def test_a_memory_that_was_picked_comes_back_to_the_graph(front: Front) -> None:
    alice = front.agent()
    fork = alice.fork("f")
    told(fork, "y", "Dave lives in Berlin.")
    before = alice.checkpoint("before")
    alice.merge(fork, only=["y"])
    alice.rollback(before, parts={"graph"})
    assert woven(alice)[0] == set()
    head = alice.info.id, front.vault.head(alice.info.id)
    assert alice.merge(fork, only=["y"]).added == ()
    assert woven(alice)[0] == {"y"}
    (entry,) = front.vault.entries(*head, head[1] + 1)
    assert isinstance(entry.event, Picked)
    alice.rollback(before, parts={"graph"})
    alice.merge(fork)
    assert woven(alice)[0] == {"y"}
    whole(front, alice)


def test_a_relation_revives_the_memory_that_tells_it_where_the_graph_alone_had_lost_it(front: Front) -> None:
    alice = front.agent()
    told(alice, "x", "Bob likes tea.")
    before = alice.checkpoint("before")
    alice.forget("x")
    alice.rollback(before, parts={"memories"})
    assert [one.id for one in alice.memories()] == ["x"]
    relation = alice.relate(*KEY, memory="x")
    assert alice.relations() == [relation]
    assert woven(alice)[0] == {"x"}
    alice.forget("x")
    assert alice.relations() == []
    whole(front, alice)


@pytest.mark.parametrize("forgotten", [False, True])
def test_an_id_that_is_remembered_anew_reads_anew_in_the_graph(front: Front, forgotten: bool) -> None:
    alice = front.agent()
    before = alice.checkpoint("before")
    told(alice, "x", "Carol lives in Paris.")
    if forgotten:
        alice.forget("x")
    alice.rollback(before, parts={"memories"})
    told(alice, "x", "Dave lives in Berlin.")
    memories, concepts = woven(alice)
    assert memories == {"x"}
    assert {"dave", "berlin"} <= concepts
    assert not {"carol", "pari"} & concepts
    whole(front, alice)


def test_a_relation_told_by_what_is_forgotten_here_is_a_conflict_and_no_relation(front: Front) -> None:
    alice = front.agent()
    told(alice, "x", "Bob likes tea.")
    fork = alice.fork("f")
    relation = fork.relate(*KEY, memory="x")
    alice.forget("x")
    report = alice.merge(fork)
    assert (report.relations, alice.relations()) == ((), [])
    (conflict,) = report.conflicts
    assert (conflict.part, conflict.key, conflict.field) == ("graph", KEY, "memory")
    assert (conflict.ours, conflict.theirs, conflict.kept, conflict.value) == (None, relation, "ours", None)
    assert "'x'" in conflict.reason
    (entry,) = front.vault.entries(alice.info.id, report.place.seq - 1, report.place.seq)
    assert isinstance(entry.event, Merged)
    assert entry.event.relations == ()
    other = alice.relate("Bob", "hates", "rain", weight=3.0)
    fork.relate(*other.key, weight=9.0, memory="x")
    report = alice.merge(fork, policy="theirs")
    assert (report.relations, alice.relations()) == ((), [other])
    assert [(one.field, one.value) for one in report.conflicts] == [("memory", other)]
    whole(front, alice)


def test_a_try_that_comes_by_two_ways_is_counted_once(front: Front) -> None:
    alice = front.agent()
    alice.learn("tea", ("boil",))
    fork = alice.fork("f")
    third = fork.fork("g")
    third.practise("tea", succeeded=False)
    alice.merge(third)
    fork.merge(third)
    alice.merge(fork)
    (skill,) = alice.skills()
    assert (skill.successes, skill.failures) == (0, 1)
    fork.merge(alice)
    third.merge(alice)
    assert [one.failures for agent in (fork, third) for one in agent.skills()] == [1, 1]
    whole(front, alice, fork, third)


def test_tries_after_a_rollback_and_in_transactions_are_other_tries(front: Front) -> None:
    alice = front.agent()
    alice.learn("tea", ("boil",))
    fork = alice.fork("f")
    before = fork.checkpoint("before")
    fork.practise("tea", succeeded=True)
    alice.merge(fork)
    fork.rollback(before, parts={"skills"})
    fork.practise("tea", succeeded=True)
    alice.merge(fork)
    assert alice.skills()[0].successes == 2
    with alice.transaction():
        alice.practise("tea", succeeded=False)
        alice.practise("tea", succeeded=False)
    alice.practise("tea", succeeded=False)
    assert alice.skills()[0].failures == 3
    fork.merge(alice)
    assert (fork.skills()[0].successes, fork.skills()[0].failures) == (2, 3)
    whole(front, alice, fork)


def edited(conflict: MergeConflict) -> Any:
    conflict.ours.update(conflict.theirs)
    return conflict.ours


def test_what_a_policy_edits_in_place_is_taken_over_by_an_event_and_not_behind_its_back(front: Front) -> None:
    alice = front.agent()
    told(alice, "x", "Carol sings.", metadata={"a": 1})
    fork = alice.fork("f")
    fork.revise("x", metadata={"b": 2})
    alice.revise("x", metadata={"c": 3})
    before = alice.checkpoint("before")
    report = alice.merge(fork, policy={"memories.metadata": edited})
    assert report.revised == ("x",)
    assert [one.metadata for one in alice.memories()] == [{"b": 2, "c": 3}]
    assert [one.metadata for one in alice.memories(as_of=before)] == [{"c": 3}]
    front.reopen()
    assert [one.metadata for one in front.agent().memories()] == [{"b": 2, "c": 3}]
