"""The public face, run the same way on both placements."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import networkx as nx
import numpy as np
import pytest
import ray

import quantum_memory as qm
from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.errors import (
    AgentNotFound,
    AlreadyExists,
    EmptyText,
    InvalidValue,
    MemoryNotFound,
    NotFinite,
    OutOfRange,
    PlaceNotFound,
    RelationNotFound,
    ShapeMismatch,
    SkillNotFound,
    TooLong,
)
from quantum_memory.memory.quantum import QuantumState, to_circuit, to_qasm

START = datetime(2025, 3, 1, 9, tzinfo=UTC)
LINES = [
    ("Ilka", "Bob lent me his umbrella when it poured."),
    ("Tomasz", "My grandmother died on Sunday, I cannot stop crying."),
    ("Ilka", "We won the regatta in Lisbon! I am so happy."),
    ("Tomasz", "I am furious that you sold the boat without asking."),
    ("Ilka", "The train to Graz leaves at seven on Friday."),
]


@pytest.fixture(params=["actors", "inline"])
def memory(request: pytest.FixtureRequest, cluster: MemoryCluster, inline: MemoryCluster) -> MemoryCluster:
    return cluster if request.param == "actors" else inline


@pytest.fixture
def alice(memory: MemoryCluster, request: pytest.FixtureRequest) -> qm.AgentHandle:
    name = request.node.name.replace("/", " ").replace("@", " ")[:100]
    agent = memory.agent(name)
    agent.remember(conversation())
    return agent


def conversation(prefix: str = "t") -> list[qm.Utterance]:
    chance = np.random.default_rng(7)
    return [
        qm.Utterance(
            text,
            speaker=speaker,
            at=START + timedelta(hours=3 * number),
            session=f"s{number // 3}",
            tags=("told",) if number % 2 else (),
            id=f"{prefix}{number}",
            pad=qm.PAD(*chance.uniform(-0.8, 0.8, 3)),
            embedding=chance.normal(size=384).astype(np.float32),
        )
        for number, (speaker, text) in enumerate(LINES)
    ]


def texts(memories: Sequence[qm.Memory]) -> list[str]:
    return [memory.text for memory in memories]


def test_recall_gives_hits_whose_parts_add_up(alice: qm.AgentHandle) -> None:
    hits = alice.recall("who lent an umbrella?", k=3)
    assert hits[0].memory.text == LINES[0][1]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        assert sum(hit.why.values()) == pytest.approx(hit.score)


def test_filters_let_through_what_they_say(alice: qm.AgentHandle) -> None:
    middle = START + timedelta(hours=6)
    assert {hit.memory.speaker for hit in alice.recall("boat", speaker="Tomasz")} == {"Tomasz"}
    assert all(hit.memory.at >= middle for hit in alice.recall("boat", since=middle))
    assert all(hit.memory.at < middle for hit in alice.recall("boat", until=middle))
    assert {hit.memory.id for hit in alice.recall("boat", tags="told")} == {"t1", "t3"}
    assert alice.recall("boat", kind="dream") == []
    assert alice.recall("boat", k=0) == []


def test_a_fork_goes_its_own_way_and_comes_back(alice: qm.AgentHandle) -> None:
    before = alice.checkpoint("before the argument")
    what_if = alice.fork("what-if")
    what_if.remember("We talked it over calmly.", id="calm")
    alice.remember("We shouted for an hour.", id="shout")
    assert "calm" not in {memory.id for memory in alice.memories()}
    assert "shout" not in {memory.id for memory in what_if.memories()}
    difference = alice.diff(before, what_if)
    assert texts(difference.only_right) == ["We talked it over calmly."]
    report = alice.merge(what_if)
    assert report.added == ("calm",)
    assert alice.merge(what_if).added == ()
    alice.rollback("before the argument")
    assert {memory.id for memory in alice.memories()} == {"t0", "t1", "t2", "t3", "t4"}
    kinds = [entry.kind for entry in alice.log()]
    assert kinds[:3] == ["rolled_back", "merged", "remembered"]
    assert [handle.branch for handle in alice.branches()] == ["main", "what-if"]
    made = [commit.message for commit in alice.commits() if not commit.automatic]
    assert made == ["before the argument"]


def test_a_clone_is_an_agent_of_its_own(memory: MemoryCluster, alice: qm.AgentHandle) -> None:
    twin = alice.clone(f"{alice.name} twin")
    twin.remember("Only the twin knows.", id="secret")
    assert len(twin.memories()) == len(alice.memories()) + 1
    assert twin.name in memory.agents()
    assert memory.agent(twin.name) == twin


def test_mood_moves_with_what_is_felt_and_rolls_back_alone(alice: qm.AgentHandle) -> None:
    before = alice.checkpoint("calm")
    calm = alice.mood()
    alice.remember(
        [qm.Utterance("Joy!", pad=qm.PAD(0.9, 0.6, 0.5), embedding=np.ones(384, np.float32)) for _ in range(3)]
    )
    merry = alice.mood()
    assert merry.mean.pleasure > calm.mean.pleasure + 0.1
    assert 0.99 < merry.fidelity <= 1.0
    assert sum(share for _, share in merry.emotions) <= 1.0 + 1e-9
    alice.rollback(before, parts={"mood"})
    assert alice.mood() == calm
    assert len(alice.memories()) == len(LINES) + 3
    assert len(alice.mood_history()) == len(alice.log())
    for points, weights in alice.marginals().values():
        assert points.shape == weights.shape
        assert weights.sum() == pytest.approx(1.0, abs=1e-4)


def test_the_mood_is_a_quantum_state_of_ones_own(alice: qm.AgentHandle) -> None:
    mood, psi = alice.mood(), alice.mood_state()
    assert np.allclose(psi.mean(), mood.mean, atol=1e-5)
    assert (psi.bond, psi.nbytes) == (mood.bond, mood.nbytes)
    assert psi.to_bytes() == ray.get(alice.mood_state.remote()).to_bytes() == asyncio.run(awaited(alice)).to_bytes()
    assert np.abs(psi.sample_pad(200, seed=1).mean(axis=0) - np.asarray(mood.mean)).max() < 0.1
    calm = alice.checkpoint("calm")
    alice.feel("joy")
    assert psi.fidelity(alice.mood_state()) < 0.999
    assert alice.mood_state(as_of=calm).to_bytes() == psi.to_bytes()
    assert to_qasm(to_circuit(psi, 1, sweeps=0).circuit).startswith("OPENQASM 3")


async def awaited(alice: qm.AgentHandle) -> QuantumState:
    return await alice.mood_state.remote()


def test_skills_working_memory_concepts_and_graph(alice: qm.AgentHandle) -> None:
    alice.learn("mend a sail", ["find the tear", "sew it"], when="the sail is torn")
    alice.learn("bake bread", ["knead", "wait", "bake"], when="guests are coming")
    assert alice.practise("mend a sail", succeeded=True).successes == 1
    assert [skill.name for skill in alice.skills("a torn sail", k=1)] == ["mend a sail"]
    assert [skill.name for skill in alice.skills()] == ["bake bread", "mend a sail"]
    assert texts(alice.working()) == [text for _, text in LINES]
    assert alice.concepts(3)[0][1] > 0
    graph = alice.graph()
    assert isinstance(graph, nx.Graph)
    assert graph.number_of_edges() > len(LINES)


def test_a_skill_is_learned_from_what_was_done_and_says_why_it_fits(alice: qm.AgentHandle) -> None:
    opening = qm.Utterance("The sail is torn in a storm.", session="voyage", tags=("sailing",))
    steps = ["find the tear", "sew it", "wax the seam"]
    done = [qm.Utterance(step, kind="action", session="voyage", tags=("sailing",)) for step in steps]
    ids = alice.remember([opening, *done])
    assert alice.learn_from(ids, name="mend a sail", preview=True).steps == tuple(steps)
    assert alice.skills() == []
    skill = ray.get(alice.learn_from.remote("sailing", name="mend a sail", succeeded=True))
    assert (skill.steps, skill.when, skill.successes) == (tuple(steps), opening.text, 1)
    assert alice.learn_from(ids, name="mend a sail") == skill
    (hit,) = alice.skills("a torn sail", k=1)
    assert hit == skill
    assert hit.score == pytest.approx(sum(hit.why.values()))
    assert {"relevance", "lexical", "success"} == set(hit.why)
    alice.forget(ids[1])
    assert alice.skills()[0].gone == (ids[1],)


def test_relations_have_dates_and_names_can_be_one(alice: qm.AgentHandle) -> None:
    acme, initech = ("Bob", "works at", "Acme"), ("Bob", "works at", "Initech")
    alice.relate(*acme, at=START, memory="t0")
    new = alice.relate(*initech, 2.0, at=START + timedelta(days=9), replaces=acme)
    assert alice.relations() == [new]
    (old,) = alice.relations("Acme", at=START + timedelta(days=1))
    assert (old.key, old.until, old.memory) == (acme, new.at, "t0")
    assert alice.merge_entities("Bob", ["Robert"]) == ("Robert",)
    assert alice.relations("Robert") == [new]
    assert "Initech" in {near.concept.label for near in alice.neighbours("Robert")}
    assert [len(way.bonds) for way in alice.paths("Initech", "Robert", limit=1)] == [1]
    assert alice.paths("Acme", "Bob", at=START)[0].bonds[0].relations[0].key == acme
    assert sum(map(len, alice.communities())) == len({concept for group in alice.communities() for concept in group})
    graph = alice.knowledge()
    assert type(graph).from_cypher(graph.to_cypher()) == graph
    alice.unrelate(*initech, at=START + timedelta(days=12))
    assert (alice.relations(), alice.relations(at=START + timedelta(days=11))[0].weight) == ([], 2.0)
    with pytest.raises(RelationNotFound, match="Initech"):
        alice.relate(*acme, replaces=[initech])


def test_a_call_can_be_begun_and_awaited(alice: qm.AgentHandle) -> None:
    reference = alice.recall.remote("umbrella", k=1)
    assert isinstance(reference, ray.ObjectRef)
    assert ray.get(reference)[0].memory.id == "t0"

    async def two() -> tuple[list[qm.Hit], qm.Mood]:
        hits, mood = await asyncio.gather(alice.recall.remote("umbrella"), alice.mood.remote())
        return hits, mood

    hits, mood = asyncio.run(two())
    assert hits[0].memory.id == "t0"
    assert mood == alice.mood()
    assert isinstance(ray.get(alice.fork.remote("later")), qm.AgentHandle)


def test_a_handle_can_be_sent_to_a_task(alice: qm.AgentHandle) -> None:
    @ray.remote(num_cpus=0)
    def elsewhere(agent: qm.AgentHandle) -> int:
        agent.remember("written in a task", id="task")
        return len(agent.memories())

    assert ray.get(elsewhere.remote(alice)) == len(LINES) + 1
    assert pickle.loads(pickle.dumps(alice)) == alice  # noqa: S301  (made a moment ago)


def test_writes_begun_together_are_all_there_and_each_batch_is_whole(alice: qm.AgentHandle) -> None:
    batches = [[f"step {number}.{part}" for part in range(3)] for number in range(30)]
    ray.get([alice.remember.remote(batch) for batch in batches])
    found = texts(alice.memories())[-90:]
    assert sorted(found[start : start + 3] for start in range(0, 90, 3)) == sorted(batches)


def test_many_agents_in_one_call(memory: MemoryCluster) -> None:
    names = [f"crowd {number}" for number in range(20)]
    ids = memory.remember({name: [f"{name} likes tea", f"{name} has a dog"] for name in names})
    assert all(len(ids[name]) == 2 for name in names)
    found = memory.recall(dict.fromkeys(names, "who has a dog?"), k=1)
    assert {name: hits[0].memory.text for name, hits in found.items()} == {name: f"{name} has a dog" for name in names}
    with pytest.raises(AgentNotFound, match="nobody at all"):
        memory.recall({"nobody at all": "x"})
    assert "nobody at all" not in memory.agents()
    with pytest.raises(TooLong, match="40000 characters"):
        memory.remember({"newbie": "x" * 40_000})
    assert "newbie" not in memory.agents()
    with pytest.raises(InvalidValue, match="int"):
        memory.remember(5)  # type: ignore[arg-type]


BAD_CALLS: list[tuple[str, type[qm.QuantumMemoryError], str, Any]] = [
    ("empty text", EmptyText, r"text: .* got '  '", lambda a: a.remember("  ")),
    ("empty query", EmptyText, r"query", lambda a: a.recall("")),
    ("text over the limit", TooLong, "32769 characters, the limit is 32768", lambda a: a.remember("x" * 32769)),
    ("query over the limit", TooLong, "the limit is 32768", lambda a: a.recall("x" * 32769)),
    ("NaN in the embedding", NotFinite, "index 1.*nan", lambda a: a.remember("x", embedding=[0.0, float("nan")])),
    ("NaN in the query", NotFinite, "query.*nan", lambda a: a.recall([float("nan")] * 384)),
    (
        "embedding of another shape",
        ShapeMismatch,
        r"\(384,\), got \(3,\)",
        lambda a: a.remember("x", embedding=[1, 0, 0]),
    ),
    ("matrix as query", ShapeMismatch, r"\(2, 2\)", lambda a: a.recall([[1, 0], [0, 1]])),
    ("PAD out of range", OutOfRange, r"1.5 is outside \[-1.0, 1.0\]", lambda a: a.remember("x", pad=qm.PAD(1.5, 0, 0))),
    ("unknown field", InvalidValue, "speeker", lambda a: a.remember("x", speeker="Bob")),
    ("unknown commit", PlaceNotFound, "'nowhere'", lambda a: a.rollback("nowhere")),
    ("place to come", PlaceNotFound, "main:99", lambda a: a.rollback(qm.Place(a.info.id, 99))),
    ("unknown part", InvalidValue, "'spirit'", lambda a: a.rollback(qm.Place(a.info.id, 0), parts={"spirit"})),
    ("unknown memory", MemoryNotFound, "'nothing'", lambda a: a.forget("nothing")),
    ("unknown skill", SkillNotFound, "'fly'", lambda a: a.practise("fly", succeeded=True)),
    ("taken branch", AlreadyExists, "'main'", lambda a: a.fork("main")),
    ("bad branch name", InvalidValue, "'a/b'", lambda a: a.fork("a/b")),
    ("negative k", OutOfRange, "-1", lambda a: a.recall("x", k=-1)),
    ("k over the limit", TooLong, "1001 memories, the limit is 1000", lambda a: a.recall("x", k=1001)),
    ("mood weight", OutOfRange, "2.0", lambda a: a.merge(a.branches()[0], mood_weight=2.0)),
    ("no handle", InvalidValue, "str", lambda a: a.merge("what-if")),
    ("a number as id", InvalidValue, "int", lambda a: a.forget(5)),
    ("a number as steps", InvalidValue, "int", lambda a: a.learn("x", 5)),
    ("a number as message", InvalidValue, "int", lambda a: a.checkpoint(5)),
    ("a number as tags", InvalidValue, "int", lambda a: a.recall("x", tags=5)),
    ("a number as parts", InvalidValue, "int", lambda a: a.rollback(qm.Place(a.info.id, 0), parts=5)),
    ("metadata that JSON cannot hold", InvalidValue, "metadata.x", lambda a: a.remember("x", metadata={"x": object()})),
]


@pytest.mark.parametrize(("name", "kind", "message", "call"), BAD_CALLS, ids=[case[0] for case in BAD_CALLS])
def test_bad_input_raises_the_domains_error_here_and_changes_nothing(
    alice: qm.AgentHandle, name: str, kind: type[qm.QuantumMemoryError], message: str, call: Any
) -> None:
    before = (alice.log(), texts(alice.memories()), alice.mood(), len(alice.branches()))
    with pytest.raises(kind, match=message) as caught:
        call(alice)
    assert type(caught.value) is kind
    assert (alice.log(), texts(alice.memories()), alice.mood(), len(alice.branches())) == before


def test_an_unknown_agent_is_named(memory: MemoryCluster) -> None:
    with pytest.raises(AgentNotFound, match="'nobody'"):
        memory.agent("nobody", create=False)
    with pytest.raises(AgentNotFound, match="'nobody'"):
        memory.agent("nobody", branch="what-if")
    assert "nobody" not in memory.agents()


def test_both_placements_come_to_the_same_state(cluster: MemoryCluster, inline: MemoryCluster) -> None:
    states = []
    for memory in (cluster, inline):
        alice = memory.agent("the same")
        alice.remember(conversation("x"))
        alice.checkpoint("a")
        what_if = alice.fork("what-if")
        what_if.remember([qm.Utterance("It rained.", id="rain", at=START + timedelta(days=9))])
        alice.remember([qm.Utterance("It snowed.", id="snow", at=START + timedelta(days=9))])
        alice.forget("x2")
        alice.learn("sail", ["hoist"])
        alice.merge(what_if, mood_weight=0.3)
        alice.rollback("a", parts={"graph"})
        states.append(state_of(alice))
    assert states[0] == states[1]


def state_of(alice: qm.AgentHandle) -> list[Any]:
    """Everything that can be read of a branch, in a form that compares bit for bit."""
    graph = alice.graph()
    hits = alice.recall("who was furious about the boat?", k=10)
    return [
        alice.memories(),
        [memory.embedding.tobytes() for memory in alice.memories()],
        alice.working(),
        [(skill.name, skill.steps, skill.successes) for skill in alice.skills()],
        alice.mood(),
        {name: weights.tobytes() for name, (_, weights) in alice.marginals().items()},
        sorted(graph.nodes(data=True), key=repr),
        sorted(map(repr, graph.edges(data=True))),
        alice.concepts(10),
        # Recency is measured from the moment of asking, so it is left out.
        [(hit.memory.id, {part: value for part, value in hit.why.items() if part != "recency"}) for hit in hits],
        [entry.kind for entry in alice.log()],
    ]


def test_a_project_keeps_finds_moves_and_takes_away(memory: MemoryCluster) -> None:
    apollo = memory.project("apollo")
    rule = apollo.rules.add("No deploys on Friday", "Nobody deploys after noon.", tier="open")
    landing = apollo.documents.add("Landing", "The legs unfold at 200 m. " * 60, id="landing")
    assert apollo.documents.get("landing") == landing
    hits = apollo.search("when do the legs unfold?", 2)
    assert hits[0].entry.id == "landing"
    assert hits[0].score == pytest.approx(sum(hits[0].why.values()))
    moved = apollo.rules.update(rule.id, 1, tier="restricted")
    assert (moved.version, moved.tier) == (2, "restricted")
    with pytest.raises(qm.NotFound):
        memory.project("apollo", clearance="open").rules.get(rule.id)
    with pytest.raises(qm.Conflict):
        apollo.rules.delete(rule.id, 1)
    apollo.rules.delete(rule.id, 2)
    assert [one.id for one in memory.library().entries("apollo").entries] == ["landing"]
    assert asyncio.run(_entry(memory)) == landing


async def _entry(memory: MemoryCluster) -> object:
    return await memory.library().entry.begin("apollo", "landing")
