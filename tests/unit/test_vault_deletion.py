"""A branch that is deleted is gone for people, and there for all that came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import AlreadyExists, BranchDeleted, InvalidValue, PlaceNotFound
from quantum_memory.memory.events import RolledBack
from quantum_memory.memory.timeline import spans
from quantum_memory.memory.vault import Append, CreateBranch, CreateCommit, Vault, Write, Written
from quantum_memory.memory.vault.writes import DeleteBranch, PutTag
from quantum_memory.types import PARTS, Branch, Place
from tests.unit.postgres import ON_POSTGRES
from tests.unit.scribe import START, Clock, Scribe, label, last, rows


@pytest.fixture(params=["sqlite", "memory", ON_POSTGRES])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        return "memory://"
    return str(tmp_path / "vault") if request.param == "sqlite" else str(request.getfixturevalue("postgres"))


@pytest.fixture
def scribe(storage: str) -> Iterator[Scribe]:
    """Alice with three branches in a row, each with an event of its own: main, middle, leaf."""
    with Vault.open(storage, now=Clock()) as vault:
        made = Scribe(vault)
        made.agent("alice", "main")
        made.fork("middle", made.add("main", "a"))
        made.fork("leaf", made.add("middle", "b"))
        made.add("leaf", "c")
        yield made


def test_it_is_shown_nowhere_and_takes_no_writes(scribe: Scribe) -> None:
    vault = scribe.vault
    told = scribe.delete("middle")
    assert (told.place, told.repeated) == (Place("middle", 2), False)
    assert [branch.id for branch in vault.branches("alice")] == ["main", "leaf"]
    for look in (lambda: vault.branch_named("alice", "middle"), lambda: vault.find_place("main", "middle")):
        with pytest.raises(PlaceNotFound):
            look()
    writes: list[Write] = [
        Append("middle", 2, label("x"), "1"),
        CreateCommit("middle", 2, "here", "2"),
        CreateBranch("t", "alice", "t", "transaction", Place("middle", 2), "3"),
        DeleteBranch("middle", "4"),
    ]
    position = last(vault)
    for write in writes:
        refusal = scribe.one(write)
        assert isinstance(refusal, BranchDeleted), write
        assert str(refusal) == "the branch 'middle' of 'alice' was deleted"
    assert last(vault) == position


def test_what_came_of_it_goes_on_with_its_past(scribe: Scribe) -> None:
    vault = scribe.vault
    before = [entry.place for entry in vault.log("leaf")]
    scribe.delete("middle")
    assert [entry.place for entry in vault.log("leaf")] == before
    assert before == [Place("leaf", 3), Place("middle", 2), Place("main", 1)]
    assert vault.place_at("leaf", START) == Place("leaf", 3)
    assert scribe.labels("middle") == ["b"]
    scribe.add("leaf", RolledBack(Place("middle", 2), PARTS))
    assert [span.branch for span in spans(vault, "mood", Place("leaf", 4))] == ["leaf", "middle", "main"]
    scribe.fork("sibling", Place("middle", 2))
    scribe.tag("kept", Place("middle", 2))
    assert vault.find_place("leaf", "kept") == Place("middle", 2)
    scribe.delete("leaf")
    assert [entry.place for entry in vault.log("sibling")] == [Place("middle", 2), Place("main", 1)]


def test_its_name_is_free_again(scribe: Scribe) -> None:
    scribe.delete("leaf")
    parent = Place("main", 1)
    outcomes = scribe.vault.write(
        [
            CreateBranch("leaf 2", "alice", "leaf", "fork", parent, "1"),
            DeleteBranch("leaf 2", "2"),
            CreateBranch("leaf 3", "alice", "leaf", "fork", parent, "3"),
            CreateBranch("leaf 4", "alice", "leaf", "fork", parent, "4"),
            CreateBranch("leaf", "alice", "other", "fork", parent, "5"),
        ]
    )
    kinds = [type(outcome).__name__ for outcome in outcomes]
    assert kinds == ["Written", "Written", "Written", "AlreadyExists", "AlreadyExists"]
    assert scribe.vault.branch_named("alice", "leaf").id == "leaf 3"


def test_an_agents_first_branch_cannot_be_deleted(scribe: Scribe) -> None:
    scribe.clone("twin", Place("main", 1))
    for branch in ("main", "twin"):
        refusal = scribe.one(DeleteBranch(branch, f"drop {branch}"))
        assert isinstance(refusal, InvalidValue)
        assert "an agent's first branch cannot be deleted" in str(refusal)
    assert isinstance(scribe.one(DeleteBranch("nowhere", "drop")), PlaceNotFound)


def test_a_retry_has_the_first_outcome(scribe: Scribe) -> None:
    vault = scribe.vault
    first = scribe.delete("leaf", "op")
    position = last(vault)
    again = scribe.delete("leaf", "op")
    assert (again.place, again.at, again.repeated) == (first.place, first.at, True)
    assert isinstance(scribe.one(DeleteBranch("middle", "op")), AlreadyExists)
    known = vault.outcome("alice", "op")
    assert known is not None
    assert known.place == first.place
    assert last(vault) == position
    one, two = vault.write([DeleteBranch("middle", "b"), DeleteBranch("middle", "b")])
    assert isinstance(one, Written)
    assert isinstance(two, Written)
    assert (one.repeated, two.repeated) == (False, True)


def test_an_operation_of_another_agent_is_another_operation(scribe: Scribe) -> None:
    scribe.agent("bob", "bobs")
    scribe.fork("bob's", Place("bobs", 0), "bob")
    scribe.delete("leaf", "op")
    assert not scribe.delete("bob's", "op").repeated
    scribe.begin("t", "main")
    scribe.begin("u", "bobs")
    scribe.keep("t", "op")
    assert not scribe.keep("u", "op").repeated


def test_a_retried_event_is_found_on_a_branch_that_was_deleted_since(scribe: Scribe) -> None:
    place = scribe.add("leaf", "d", "op")
    scribe.delete("leaf")
    again = scribe.done(Append("leaf", 3, label("d"), "op"))
    assert (again.repeated, again.place) == (True, place)


def test_it_stays_deleted_after_opening_again(tmp_path: Path) -> None:
    with Vault.open(tmp_path, now=Clock()) as vault:
        scribe = Scribe(vault)
        scribe.agent("alice", "main")
        scribe.fork("f", scribe.add("main"))
        scribe.add("f")
        scribe.delete("f")
        position = last(vault)
    with Vault.open(tmp_path, now=Clock()) as vault:
        scribe = Scribe(vault, "later")
        assert isinstance(scribe.one(Append("f", 2, label("x"), "op")), BranchDeleted)
        assert scribe.labels("f") == ["x"]
        scribe.add("main")
        assert last(vault) == position + 1


def test_a_deletion_that_failed_is_not_remembered(tmp_path: Path) -> None:
    with Vault.open(tmp_path, now=Clock()) as vault:
        scribe = Scribe(vault)
        scribe.agent("alice", "main")
        scribe.fork("f", scribe.add("main"))
        position = last(vault)
        with suppress(ZeroDivisionError), vault.maintenance() as batch:
            batch.delete_branch(vault.branch("f"), 0, batch.note("branch_deleted"))
            raise ZeroDivisionError
        assert scribe.add("f") == Place("f", 2)
        assert last(vault) == position + 1, "no number was used up"


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "fork", "fork", "delete", "delete"]), st.integers(0, 99), st.integers(0, 99)),
    max_size=30,
)


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_histories_are_untouched_by_deletions(steps: list[tuple[str, int, int]]) -> None:
    """The slow twin copies a branch's whole history into its forks."""
    with Vault.open("memory://", now=lambda: START) as vault:
        scribe = Scribe(vault)
        scribe.agent("alice", "b0")
        lines: dict[str, list[Place]] = {"b0": []}
        gone: set[str] = set()
        for kind, one, two in steps:
            names = [name for name in lines if name not in gone]
            branch = names[one % len(names)]
            if kind == "add":
                lines[branch].append(scribe.add(branch))
            elif kind == "fork":
                origin = list(lines)[one % len(lines)]
                place = Place(origin, two % (len(lines[origin]) + 1))
                scribe.fork(f"b{len(lines)}", place)
                lines[f"b{len(lines)}"] = lines[origin][: place.seq]
            elif branch != "b0":
                scribe.delete(branch)
                gone.add(branch)
        for name, line in lines.items():
            told = [entry.place for entry in vault.log(name, limit=1000)]
            assert told == line[::-1], name
            assert vault.head(name) == len(line)
        living: list[Branch] = vault.branches("alice")
        assert {branch.id for branch in living} == lines.keys() - gone
        marked = {row[0] for row in rows(vault, "SELECT id FROM branches WHERE deleted_position IS NOT NULL")}
        assert marked == gone
        for name in gone:
            assert isinstance(scribe.one(PutTag("alice", name, Place(name, 0), False, f"tag {name}")), Written)
