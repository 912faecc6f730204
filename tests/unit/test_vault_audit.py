"""Tags, sessions, what is noted beside commits, and the audit that tells who changed what."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from quantum_memory.errors import AgentNotFound, AlreadyExists, InvalidInput, InvalidValue, PlaceNotFound
from quantum_memory.memory.events import Event, Felt, Merged, Picked, Related, RolledBack, Unrelated
from quantum_memory.memory.vault import Append, CreateAgent, CreateBranch, CreateCommit, Vault, Written
from quantum_memory.memory.vault.describe import MAX_CHARS, describe
from quantum_memory.memory.vault.writes import Annotate, DropTag, OpenSession, PutTag
from quantum_memory.policies.checkpoints import Checkpoints
from quantum_memory.types import NEUTRAL, PAD, Place, Relation, RelationKey, Tag
from tests.unit.postgres import ON_POSTGRES
from tests.unit.scribe import START, Clock, Scribe, change, label, last


@pytest.fixture(params=["sqlite", "memory", ON_POSTGRES])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        return "memory://"
    return str(tmp_path / "vault") if request.param == "sqlite" else str(request.getfixturevalue("postgres"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scribe(storage: str, clock: Clock) -> Iterator[Scribe]:
    """Alice with three events on her branch "main"."""
    with Vault.open(storage, now=clock) as vault:
        made = Scribe(vault)
        made.agent("alice", "main")
        for name in "abc":
            made.add("main", name)
        yield made


def test_a_tag_is_put_moved_and_dropped(scribe: Scribe, clock: Clock) -> None:
    vault = scribe.vault
    clock.tick()
    made = scribe.tag("v1", Place("main", 1))
    assert made.tag == Tag("v1", "alice", Place("main", 1), clock.time)
    assert (made.place, made.at, made.repeated) == (Place("main", 1), clock.time, False)
    assert scribe.tag("v1", Place("main", 1)).repeated, "it is there already"
    refusal = scribe.one(PutTag("alice", "v1", Place("main", 2), False, "other"))
    assert isinstance(refusal, AlreadyExists)
    clock.tick()
    scribe.tag("v1", Place("main", 2), move=True)
    scribe.tag("a", Place("main", 0))
    assert vault.tags("alice") == [
        Tag("a", "alice", Place("main", 0), clock.time),
        Tag("v1", "alice", Place("main", 2), clock.time),
    ]
    assert scribe.untag("v1").place == Place("main", 2)
    assert scribe.untag("v1").repeated
    assert [tag.name for tag in vault.tags("alice")] == ["a"]
    assert scribe.tag("v1", Place("main", 3)).tag is not None


def test_a_retried_tag_changes_nothing_that_happened_since(scribe: Scribe) -> None:
    vault = scribe.vault
    put, drop = PutTag("alice", "v1", Place("main", 1), False, "put"), DropTag("alice", "v1", "drop")
    first = scribe.done(put)
    scribe.tag("v1", Place("main", 3), move=True)
    again = scribe.done(put)
    assert (again.repeated, again.tag, again.place) == (True, first.tag, first.place)
    assert vault.tags("alice")[0].place == Place("main", 3)
    scribe.done(drop)
    scribe.tag("v1", Place("main", 2))
    dropped = scribe.done(drop)
    assert (dropped.repeated, dropped.place) == (True, Place("main", 3))
    assert vault.tags("alice")[0].place == Place("main", 2)
    for other in (PutTag("alice", "v2", Place("main", 1), False, "put"), DropTag("alice", "v2", "drop")):
        assert isinstance(scribe.one(other), AlreadyExists), "the operation was another"
    known = vault.outcome("alice", "put")
    assert known is not None
    assert known.tag == first.tag


def test_a_tag_names_what_is_in_the_agents_own_past_and_nothing_else(scribe: Scribe) -> None:
    scribe.fork("side", Place("main", 1))
    scribe.clone("twin", Place("main", 2))
    scribe.agent("bob", "bobs")
    cases = [
        ("alice", Place("side", 1), True),
        ("alice", Place("main", 4), False),
        ("alice", Place("nowhere", 0), False),
        ("alice", Place("twin", 2), False),
        ("twin", Place("main", 2), True),
        ("twin", Place("main", 3), False),
        ("twin", Place("side", 1), False),
        ("bob", Place("main", 1), False),
    ]
    for number, (agent, place, allowed) in enumerate(cases):
        outcome = scribe.one(PutTag(agent, f"t{number}", place, False, f"op{number}"))
        assert isinstance(outcome, Written if allowed else PlaceNotFound), (agent, place)
    assert isinstance(scribe.one(PutTag("nobody", "t", Place("main", 1), False, "op")), AgentNotFound)
    assert isinstance(scribe.one(DropTag("nobody", "t", "op")), AgentNotFound)
    with pytest.raises(AgentNotFound):
        scribe.vault.tags("nobody")


def test_a_tag_comes_after_an_id_and_before_a_message(scribe: Scribe) -> None:
    vault = scribe.vault
    named = scribe.commit(Place("main", 1), "same")
    scribe.fork("same", Place("main", 3))
    scribe.tag("same", Place("main", 2))
    scribe.tag(named.id, Place("main", 3))
    assert vault.find_place("main", "same") == Place("main", 2)
    assert vault.find_place("main", named.id) == Place("main", 1)
    scribe.untag("same")
    assert vault.find_place("main", "same") == Place("main", 1)


def test_a_clone_finds_the_tags_in_its_inherited_past(scribe: Scribe) -> None:
    vault = scribe.vault
    scribe.clone("twin", Place("main", 2))
    scribe.tag("inside", Place("main", 1))
    scribe.tag("too late", Place("main", 3))
    assert vault.find_place("twin", "inside") == Place("main", 1)
    with pytest.raises(PlaceNotFound):
        vault.find_place("twin", "too late")
    scribe.tag("inside", Place("twin", 2), "twin")
    assert vault.find_place("twin", "inside") == Place("twin", 2)
    assert vault.find_place("main", "inside") == Place("main", 1)
    assert [tag.name for tag in vault.tags("twin")] == ["inside"]


def test_what_is_noted_beside_a_commit_is_read_with_it(scribe: Scribe) -> None:
    vault = scribe.vault
    commit = scribe.commit(Place("main", 1), "before")
    other = scribe.commit(Place("main", 2), "after")
    assert vault.commits("alice")[0].context is None
    scribe.done(Annotate(commit.id, {"fidelity": 0.5, "mood": {"pleasure": 1}, "text": "a\x00b"}))
    context = {"fidelity": 0.75, "names": ["é", "\x00"]}
    told = scribe.done(Annotate(commit.id, context))
    assert told.commit is not None
    assert told.commit.context == context
    assert vault.contexts([commit.id, other.id, "nothing", "a\x00"]) == {commit.id: context}
    assert [found.context for found in vault.commits("alice")] == [context, None]
    assert [entry.commits[0].context for entry in vault.log("main")[1:]] == [None, context]
    assert isinstance(scribe.one(Annotate("nothing", {})), PlaceNotFound)
    with pytest.raises(InvalidInput):
        Annotate(commit.id, {"no": object()})


def test_a_session_is_opened_once_by_whom_it_was(scribe: Scribe) -> None:
    first = scribe.done(OpenSession("s", "Alice's script"))
    again = scribe.done(OpenSession("s", "Alice's script"))
    assert (first.repeated, again.repeated, again.at) == (False, True, first.at)
    assert isinstance(scribe.one(OpenSession("s", "Mallory")), AlreadyExists)
    with pytest.raises(InvalidValue):
        OpenSession("a.b", "x")


def test_the_audit_tells_every_change_with_who_asked_for_it(scribe: Scribe, clock: Clock) -> None:
    vault = scribe.vault
    clock.tick()
    scribe.done(OpenSession("s", "a script"))
    known, unknown = Scribe(vault, "s"), Scribe(vault, "x")
    known.written = unknown.written = 100
    vault.write([CreateAgent("bob", "bobs", "s.bob")])
    known.fork("f", Place("main", 1))
    unknown.add("f", "d")
    known.clone("twin", Place("main", 2))
    named = known.commit(Place("main", 1), "a message")
    known.tag("v1", Place("main", 1))
    known.tag("v1", Place("main", 2), move=True)
    known.untag("v1")
    known.begin("t", "main")
    known.add("t", "hidden")
    known.keep("t")
    known.delete("f")
    vault.note("collected", "alice", detail="3 rows")
    told = [
        (entry.who, entry.action, entry.agent, entry.branch, entry.seq, entry.detail) for entry in vault.audit(limit=15)
    ]
    assert told == [
        ("", "collected", "alice", None, None, "3 rows"),
        ("a script", "branch_deleted", "alice", "f", 2, "f"),
        ("a script", "transaction_committed", "alice", "main", 4, "1 event of t"),
        ("a script", "forgotten", "alice", "main", 4, "1 memory: hidden"),
        ("a script", "tag_dropped", "alice", "main", 2, "v1"),
        ("a script", "tag_moved", "alice", "main", 2, "v1"),
        ("a script", "tag_put", "alice", "main", 1, "v1"),
        ("a script", "commit_created", "alice", "main", 1, named.message),
        ("a script", "branch_created", "twin", "twin", 2, "clone 'main' of alice@main"),
        ("", "forgotten", "alice", "f", 2, "1 memory: d"),
        ("a script", "branch_created", "alice", "f", 1, "fork 'f' of alice@main"),
        ("a script", "agent_created", "bob", "bobs", 0, ""),
        ("a script", "session_opened", None, None, None, "a script"),
        ("a script", "forgotten", "alice", "main", 3, "1 memory: c"),
        ("a script", "forgotten", "alice", "main", 2, "1 memory: b"),
    ]
    assert {entry.at for entry in vault.audit(limit=13)} == {clock.time}
    positions = [entry.position for entry in vault.audit()]
    assert positions == sorted(set(positions), reverse=True)
    assert positions[0] == last(vault)


@pytest.mark.parametrize("agent", [None, "alice", "bob"])
def test_the_audit_is_read_in_pages(scribe: Scribe, agent: str | None) -> None:
    vault = scribe.vault
    scribe.agent("bob", "bobs")
    for number in range(4):
        scribe.fork(f"f{number}", Place("main", number % 3))
        scribe.add(f"f{number}", f"{number}")
        scribe.add("main", f"m{number}")
        scribe.add("bobs", f"b{number}")
        scribe.add("f0", f"n{number}")
    whole = vault.audit(agent)
    assert len(whole) == {None: 25, "alice": 20, "bob": 5}[agent]
    assert [entry for entry in vault.audit() if agent in (None, entry.agent)] == whole
    for limit in (1, 3, 25):
        pages, before = [], None
        while page := vault.audit(agent, limit, before):
            pages += page
            before = page[-1].position
        assert pages == whole, limit
    with pytest.raises(InvalidValue, match="limit"):
        vault.audit(limit=0)
    with pytest.raises(AgentNotFound):
        vault.audit("nobody")


def test_the_audit_tells_of_what_is_damaged_too(scribe: Scribe, caplog: pytest.LogCaptureFixture) -> None:
    change(scribe.vault, "UPDATE journal SET payload = :p WHERE seq = 2", p=b"\x01nonsense")
    with caplog.at_level(logging.WARNING):
        details = [entry.detail for entry in scribe.vault.audit("alice", limit=3)]
    assert details == ["1 memory: c", "its record is damaged", "1 memory: a"]
    assert "entry main@2" in caplog.text


def test_an_automatic_checkpoint_is_its_askers(storage: str, clock: Clock) -> None:
    with Vault.open(storage, now=clock, checkpoints=Checkpoints(every_events=1)) as vault:
        scribe = Scribe(vault)
        scribe.done(OpenSession("s", "a script"))
        scribe.agent("alice", "main")
        scribe.add("main", "a")
        scribe.add("main", "b")
        told = [(entry.action, entry.who, entry.seq) for entry in vault.audit(limit=2)]
        assert told == [("forgotten", "a script", 2), ("commit_created", "a script", 1)]


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Felt(START, PAD(0.5, -0.25, 0), 1.0, 0.5, "a slammed\ndoor"), "a slammed door: pleasure +0.50, arousal -0.25"),
        (Felt(START, NEUTRAL, 1.0, 0.5), "pleasure +0.00, arousal +0.00, dominance +0.00"),
        (Related((Relation("Bob", "lent", "umbrella"),)), "Bob lent umbrella"),
        (Related((Relation("Bob", "lent", "umbrella"), Relation("a", "b", "c"))), "2 relations: Bob lent umbrella"),
        (Unrelated((RelationKey("Bob", "lent", "umbrella"),), START), "Bob lent umbrella"),
        (Unrelated((), START), "0 relations: none"),
        (Picked(Place("f", 3), ()), "f@3: 0 memories"),
        (Merged(Place("f", 3), None, (), (), (), None), "f@3: 0 memories, 0 forgotten, 0 skills"),
        (
            Merged(Place("f", 3), None, (), (), (), None, relations=(Relation("a", "b", "c"),)),
            "f@3: 0 memories, 0 forgotten, 0 skills, 1 relation",
        ),
        (RolledBack(Place("f", 3), ("mood",)), "mood to f@3"),
    ],
)
def test_an_event_is_described_in_one_line(event: Event, told: str) -> None:
    line = describe(event)
    assert line.startswith(told)
    assert "\n" not in line
    assert len(line) <= MAX_CHARS


def test_operation_ids_that_the_vault_makes_are_nobodys() -> None:
    with pytest.raises(InvalidValue, match="auto:"):
        CreateCommit("main", 1, "message", "auto:s.1")


def test_one_operation_may_make_a_tag_an_event_and_a_branch(scribe: Scribe) -> None:
    outcomes = scribe.vault.write(
        [
            Append("main", 3, label("d"), "op"),
            PutTag("alice", "v1", Place("main", 4), False, "op"),
            CreateBranch("f", "alice", "f", "fork", Place("main", 4), "op"),
        ]
    )
    assert all(isinstance(outcome, Written) and not outcome.repeated for outcome in outcomes)
