"""Transactions at the vault: what happens on a hidden fork comes to its parent whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import (
    AlreadyExists,
    BranchDeleted,
    InvalidValue,
    PlaceNotFound,
    TransactionConflict,
    TransactionOpen,
    TransactionOver,
)
from quantum_memory.memory.events import Event, Forgotten, Merged, Picked, Remembered, RolledBack
from quantum_memory.memory.timeline import spans
from quantum_memory.memory.vault import Append, CreateBranch, CreateCommit, MergeMarker, Vault, Write, Written
from quantum_memory.memory.vault.audit import whole
from quantum_memory.memory.vault.writes import CommitTransaction, DeleteBranch, DropTag, PutTag
from quantum_memory.types import PAD, PARTS, Memory, Place
from tests.unit.postgres import ON_POSTGRES
from tests.unit.scribe import START, Clock, Scribe, label, last, rows


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
    """Alice with two events on her branch "main"."""
    with Vault.open(storage, now=clock) as vault:
        made = Scribe(vault)
        made.agent("alice", "main")
        made.add("main", "a")
        made.add("main", "b")
        yield made


def everything(vault: Vault) -> list[object]:
    """What anybody can see of alice."""
    branches = vault.branches("alice")
    return [
        branches,
        vault.heads(branch.id for branch in branches),
        [vault.log(branch.id) for branch in branches],
        vault.commits("alice"),
        vault.tags("alice"),
    ]


def test_nobody_sees_a_transaction_until_it_is_kept_and_then_all_of_it(scribe: Scribe, clock: Clock) -> None:
    vault = scribe.vault
    before, audited = everything(vault), vault.audit()
    hidden = scribe.begin("t", "main")
    assert (hidden.kind, hidden.parent, hidden.fork_seq, hidden.lineage) == ("transaction", "main", 2, "main")
    scribe.add("t", "c")
    scribe.add("t", "d")
    inside = scribe.commit(Place("t", 3), "inside")
    assert everything(vault) == before
    assert vault.audit() == audited
    with pytest.raises(PlaceNotFound):
        vault.branch_named("alice", hidden.name)
    with pytest.raises(PlaceNotFound):
        vault.find_place("main", "inside")
    assert vault.find_place("t", "inside") == Place("t", 3)
    assert [entry.place for entry in vault.log("t")][:2] == [Place("t", 4), Place("t", 3)]
    later = clock.tick()
    kept = scribe.keep("t", "s.kept")
    assert (kept.place, kept.at, kept.repeated) == (Place("main", 4), later, False)
    assert [(entry.place, entry.at, entry.event) for entry in kept.entries] == [
        (Place("main", 3), later, label("c")),
        (Place("main", 4), later, label("d")),
    ]
    assert scribe.labels("main") == ["a", "b", "c", "d"]
    assert vault.entries("main", 2, 4) == list(kept.entries)
    assert [branch.id for branch in vault.branches("alice")] == ["main"]
    (moved,) = vault.commits("alice")
    assert (moved.id, moved.place, moved.message) == (inside.id, Place("main", 3), "inside")
    assert moved.at == later, "before that nothing of it was on the parent"
    assert vault.place_at("main", moved.at).seq >= moved.place.seq
    assert vault.find_place("main", "inside") == Place("main", 3)
    assert vault.log("main")[1].commits == (moved,)
    assert [entry[0] for entry in rows(vault, "SELECT op_id FROM journal WHERE branch = 'main' AND seq > 2")] == [
        "s.kept",
        "s.kept#1",
    ]


def test_places_inside_become_places_on_the_parent(scribe: Scribe) -> None:
    vault = scribe.vault
    scribe.fork("side", Place("main", 1))
    source = scribe.add("side", "s")
    scribe.begin("t", "main")
    scribe.add("t", "c")
    memory = Memory("m", "It rained.", START, PAD(0, 0, 0), 1.0, 0.5, np.ones(2, np.float32))
    inner = Place("t", 3)
    events: list[Event] = [
        Remembered((memory,)),
        RolledBack(inner, ("mood",)),
        RolledBack(Place("main", 1), ("graph",)),
        Merged(source, Place("main", 1), (), (), (), None),
        Merged(inner, inner, (memory,), (), (), None),
        Merged(source, inner, (), (), (), None, parts=("mood",)),
        Picked(inner, (memory,)),
        Picked(source, ()),
    ]
    for event in events:
        scribe.add("t", event)
    kept = scribe.keep("t")
    outer = Place("main", 3)
    assert [entry.event for entry in kept.entries] == [
        label("c"),
        Remembered((memory,)),
        RolledBack(outer, ("mood",)),
        RolledBack(Place("main", 1), ("graph",)),
        Merged(source, Place("main", 1), (), (), (), None),
        Merged(outer, outer, (memory,), (), (), None),
        Merged(source, outer, (), (), (), None, parts=("mood",)),
        Picked(outer, (memory,)),
        Picked(source, ()),
    ]
    assert vault.entries("main", 2, 11) == list(kept.entries)
    assert vault.merges("main", 11) == [
        MergeMarker(7, source, Place("main", 1)),
        MergeMarker(8, outer, outer),
        MergeMarker(9, source, outer, ("mood",)),
    ]
    assert [seq for seq, _ in vault.rollbacks("main", 11)] == [5, 6]
    for part in PARTS:
        assert {span.branch for span in spans(vault, part, Place("main", 11))} == {"main"}


@pytest.mark.parametrize("write", ["append", "transaction"])
def test_who_was_not_first_is_refused_and_nothing_is_kept(scribe: Scribe, write: str) -> None:
    vault = scribe.vault
    scribe.begin("t", "main")
    scribe.add("t", "mine")
    if write == "append":
        scribe.add("main", "theirs")
    else:
        scribe.begin("u", "main")
        scribe.add("u", "theirs")
        scribe.keep("u")
    before, position = everything(vault), last(vault)
    refusal = scribe.one(CommitTransaction("t", "late"))
    assert isinstance(refusal, TransactionConflict)
    assert (refusal.agent, refusal.branch, refusal.began, refusal.head) == ("alice", "main", 2, 3)
    assert everything(vault) == before
    assert last(vault) == position
    scribe.delete("t")
    assert everything(vault) == before
    over = scribe.one(CommitTransaction("t", "too late"))
    assert isinstance(over, TransactionOver)


def test_a_repeated_commit_has_its_first_outcome_whatever_happened_since(scribe: Scribe) -> None:
    vault = scribe.vault
    scribe.begin("t", "main")
    scribe.add("t", "c")
    scribe.add("t", "d")
    first = scribe.keep("t", "keep")
    scribe.add("main", "e")
    position = last(vault)
    again = scribe.keep("t", "keep")
    assert again.repeated
    assert (again.place, again.at, again.entries) == (first.place, first.at, first.entries)
    assert last(vault) == position
    known = vault.outcome("alice", "keep")
    assert known is not None
    assert (known.place, known.entries) == (first.place, first.entries)
    assert isinstance(scribe.one(CommitTransaction("t", "another")), TransactionOver)
    scribe.begin("u", "main")
    assert isinstance(scribe.one(CommitTransaction("u", "keep")), AlreadyExists)
    assert isinstance(scribe.one(DeleteBranch("t", "drop")), TransactionOver), "it was kept"


def test_a_commit_twice_in_one_batch_is_done_once(scribe: Scribe) -> None:
    parent = Place("main", 2)
    outcomes = scribe.vault.write(
        [
            CreateBranch("t", "alice", "hidden", "transaction", parent, "1"),
            Append("t", 2, label("c"), "2"),
            CommitTransaction("t", "3"),
            CommitTransaction("t", "3"),
            Append("main", 3, label("d"), "4"),
            Append("main", 4, label("again"), "3"),
            Append("t", 3, label("late"), "5"),
        ]
    )
    kinds = [type(outcome).__name__ for outcome in outcomes]
    assert kinds == [*["Written"] * 6, "TransactionOver"]
    first, second, _, same = outcomes[2:6]
    assert isinstance(first, Written)
    assert isinstance(second, Written)
    assert isinstance(same, Written)
    assert (first.repeated, second.repeated, same.repeated) == (False, True, True)
    assert first.entries == second.entries
    assert same.place == Place("main", 3)
    assert scribe.labels("main") == ["a", "b", "c", "d"]


def test_an_empty_transaction_leaves_nothing(scribe: Scribe) -> None:
    vault = scribe.vault
    scribe.begin("t", "main")
    before = everything(vault)
    kept = scribe.keep("t", "keep")
    assert (kept.place, kept.entries, kept.repeated) == (Place("main", 2), (), False)
    assert everything(vault) == before
    again = scribe.keep("t", "keep")
    assert (again.place, again.entries, again.repeated) == (Place("main", 2), (), True)


def test_tags_are_put_with_it_or_it_is_refused_as_a_whole(scribe: Scribe) -> None:
    vault = scribe.vault
    scribe.tag("old", Place("main", 1))
    scribe.tag("taken", Place("main", 1))
    scribe.begin("t", "main")
    scribe.add("t", "c")
    scribe.commit(Place("t", 3), "inside")
    before, position = everything(vault), last(vault)
    puts: list[PutTag | DropTag] = [
        PutTag("alice", "new", Place("t", 3), False, "1"),
        DropTag("alice", "old", "2"),
    ]
    refused = PutTag("alice", "taken", Place("t", 3), False, "3")
    outcomes = vault.write(
        [
            Append("main", 9, label("stale"), "4"),
            CommitTransaction("t", "keep", (*puts, refused)),
            CreateCommit("main", 2, "a neighbour", "5"),
        ]
    )
    assert [type(outcome).__name__ for outcome in outcomes] == ["StaleWriter", "AlreadyExists", "Written"]
    assert last(vault) == position + 1
    assert everything(vault)[:3:2] != before[:3:2], "the neighbour's commit is there"
    assert vault.tags("alice") == before[4]
    assert vault.head("main") == 2
    assert vault.head("t") == 3
    scribe.keep("t", "keep", puts)
    assert {tag.name: tag.place for tag in vault.tags("alice")} == {"new": Place("main", 3), "taken": Place("main", 1)}
    assert scribe.keep("t", "keep", puts).repeated


def test_nothing_outside_points_into_an_open_transaction(scribe: Scribe) -> None:
    scribe.begin("t", "main")
    scribe.add("t", "c")
    inner = Place("t", 3)

    def writes(head: int) -> list[Write]:
        return [
            CreateBranch("f", "alice", "f", "fork", inner, "1"),
            CreateBranch("c", "twin", "main", "clone", inner, "2"),
            CreateBranch("u", "alice", "u", "transaction", inner, "3"),
            Append("main", head, Merged(inner, None, (), (), (), None), "4"),
            Append("main", head, Merged(Place("main", 1), inner, (), (), (), None), "5"),
            Append("main", head, RolledBack(inner, PARTS), "6"),
            Append("main", head, Picked(inner, ()), "7"),
            PutTag("alice", "tag", inner, False, "8"),
        ]

    for write in writes(2):
        refusal = scribe.one(write)
        assert isinstance(refusal, TransactionOpen), write
        assert (refusal.agent, refusal.branch) == ("alice", "main")
    scribe.keep("t")
    for write in writes(3):
        assert isinstance(scribe.one(write), TransactionOver), write


def test_what_is_no_open_transaction_cannot_be_kept(scribe: Scribe) -> None:
    scribe.fork("side", Place("main", 1))
    assert isinstance(scribe.one(CommitTransaction("side", "1")), InvalidValue)
    assert isinstance(scribe.one(CommitTransaction("main", "2")), InvalidValue)
    assert isinstance(scribe.one(CommitTransaction("nowhere", "3")), PlaceNotFound)
    scribe.begin("t", "side")
    scribe.delete("side")
    assert isinstance(scribe.one(CommitTransaction("t", "4")), BranchDeleted)
    scribe.clone("twin", Place("main", 2))
    stranger = CreateBranch("u", "twin", "u", "transaction", Place("main", 2), "5")
    assert isinstance(scribe.one(stranger), InvalidValue), "only the branch's own agent"


def test_operation_ids_of_what_was_moved_are_taken_from_nobody(scribe: Scribe) -> None:
    scribe.add("main", "c", "mine#1")
    scribe.begin("t", "main")
    scribe.add("t", "d", "inside")
    scribe.add("t", "e")
    assert isinstance(scribe.one(CommitTransaction("t", "mine")), AlreadyExists)
    scribe.keep("t", "other")
    retried = scribe.done(Append("t", 3, label("d"), "inside"))
    assert (retried.repeated, retried.place) == (True, Place("t", 4)), "a retry from inside is told what it did"


def test_a_retried_checkpoint_from_inside_is_found_where_it_went(scribe: Scribe) -> None:
    scribe.begin("t", "main")
    scribe.add("t", "c")
    write = CreateCommit("t", 3, "inside", "op")
    scribe.done(write)
    scribe.keep("t")
    again = scribe.done(write)
    assert (again.repeated, again.place) == (True, Place("main", 3))


def test_what_is_dropped_is_as_if_it_had_never_been(scribe: Scribe) -> None:
    vault = scribe.vault
    before, audited = everything(vault), vault.audit()
    scribe.begin("t", "main")
    scribe.add("t", "c")
    scribe.commit(Place("t", 3), "inside")
    first = scribe.delete("t", "drop")
    assert scribe.delete("t", "drop again").repeated
    assert first.place == Place("t", 3)
    assert everything(vault) == before
    assert vault.audit() == audited
    with pytest.raises(PlaceNotFound):
        vault.find_place("main", "inside")


def test_history_is_not_cut_through_a_transaction(scribe: Scribe) -> None:
    vault = scribe.vault
    scribe.begin("t", "main")
    scribe.add("t", "c")
    scribe.add("t", "d")
    scribe.commit(Place("t", 3), "inside")
    before = last(vault)
    scribe.keep("t", tags=[PutTag("alice", "tag", Place("t", 4), False, "tag")])
    after = last(vault)
    scribe.add("main", "e")
    with vault.database.read() as connection:
        cuts = {position: whole(connection, position) for position in range(last(vault) + 1)}
    assert {position for position, cut in cuts.items() if cut == position} == {
        *range(before + 1),
        *range(after, last(vault) + 1),
    }
    assert {cuts[position] for position in range(before + 1, after)} == {before}
    assert after - before > 4


def test_it_is_there_after_closing_and_opening(tmp_path: Path, clock: Clock) -> None:
    with Vault.open(tmp_path, now=clock) as vault:
        scribe = Scribe(vault)
        scribe.agent("alice", "main")
        scribe.begin("t", "main")
        scribe.add("t", "c")
    with Vault.open(tmp_path, now=clock) as vault:
        scribe = Scribe(vault, "later")
        scribe.add("t", "d")
        kept = scribe.keep("t", "keep")
    with Vault.open(tmp_path, now=clock) as vault:
        again = Scribe(vault).keep("t", "keep")
        assert again.repeated
        assert again.entries == kept.entries
        assert Scribe(vault).labels("main") == ["c", "d"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "back", "merge", "begin", "begin", "keep", "keep", "drop", "fork", "commit"]),
        st.integers(0, 99),
        st.integers(0, 99),
    ),
    max_size=30,
)
Line = list[tuple[str, Place | None]]


class Twin:
    """A vault, and beside it every branch as a plain list that a fork copies whole."""

    def __init__(self, vault: Vault) -> None:
        self.scribe = Scribe(vault)
        self.scribe.agent("alice", "b0")
        self.lines: dict[str, Line] = {"b0": []}
        self.opened: dict[str, tuple[str, int]] = {}
        self.gone: set[str] = set()

    def happen(self, kind: str, one: int, two: int) -> None:
        living = [name for name in self.lines if name not in self.gone]
        branch = living[one % len(living)]
        inside, seq = branch in self.opened, two % (len(self.lines[branch]) + 1)
        match kind:
            case "begin" | "fork" if not inside:
                self.grow(kind, Place(branch, seq))
            case "keep" if inside:
                self.keep(branch)
            case "drop" if inside:
                self.scribe.delete(branch)
                self.gone.add(branch)
            case "commit":
                self.scribe.commit(Place(branch, seq), f"{one} {two}")
            case "back":
                self.add(branch, RolledBack(Place(branch, seq), PARTS), Place(branch, seq))
            case "merge":
                source = Place("b0", two % (len(self.lines["b0"]) + 1))
                self.add(branch, Merged(source, None, (), (), (), None), source)
            case "add":
                self.add(branch, label(f"e{self.scribe.written}"), None)

    def add(self, branch: str, event: Event, to: Place | None) -> None:
        self.scribe.add(branch, event)
        self.lines[branch].append((name_of(event), to))

    def grow(self, kind: str, place: Place) -> None:
        new, line = f"b{len(self.lines)}", self.lines[place.branch]
        if kind == "begin":
            self.opened[new] = (place.branch, len(line))
            self.lines[new] = list(line)
            self.scribe.begin(new, place.branch)
        else:
            self.lines[new] = line[: place.seq]
            self.scribe.fork(new, place)

    def keep(self, branch: str) -> None:
        """Appended to its parent if that is as it was, with its own places there; refused if not."""
        parent, began = self.opened[branch]
        if len(self.lines[parent]) != began:
            assert isinstance(self.scribe.one(CommitTransaction(branch, self.scribe.op())), TransactionConflict)
            return
        self.scribe.keep(branch)
        self.gone.add(branch)
        for name, to in self.lines[branch][began:]:
            self.lines[parent].append((name, Place(parent, to.seq) if to and to.branch == branch else to))

    def told(self, branch: str) -> Line:
        """What the vault says that a branch's history is, its parents' included."""
        vault = self.scribe.vault
        row = vault.branch(branch)
        past = self.told(row.parent)[: row.fork_seq] if row.parent else []
        events = [entry.event for entry in vault.entries(branch, row.fork_seq, vault.head(branch))]
        return past + [(name_of(event), pointed_to(event)) for event in events]


def name_of(event: Event) -> str:
    return event.ids[0] if isinstance(event, Forgotten) else type(event).__name__


def pointed_to(event: Event) -> Place | None:
    return event.to if isinstance(event, RolledBack) else event.source if isinstance(event, Merged) else None


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_a_branch_with_transactions_is_what_plain_lists_say(steps: list[tuple[str, int, int]]) -> None:
    with Vault.open("memory://", now=lambda: START) as vault:
        twin = Twin(vault)
        for step in steps:
            twin.happen(*step)
        for name in twin.lines.keys() - twin.gone:
            assert twin.told(name) == twin.lines[name], name
        visible = {branch.id for branch in vault.branches("alice")}
        assert visible == twin.lines.keys() - twin.opened.keys()
        assert {commit.place.branch for commit in vault.commits("alice")} <= visible


@settings(deadline=None, max_examples=40)
@given(STEPS)
def test_positions_rise_in_the_order_of_writing_and_no_two_changes_share_one(steps: list[tuple[str, int, int]]) -> None:
    with Vault.open("memory://", now=lambda: START) as vault:
        twin = Twin(vault)
        for step in steps:
            before, written = last(vault), changes(vault, last(vault))
            asked = twin.scribe.written
            twin.happen(*step)
            assert last(vault) > before or step[0] == "keep" or twin.scribe.written == asked
            assert changes(vault, before) == written, "what is new comes after all that was there"
        told = rows(vault, "SELECT position FROM journal UNION ALL SELECT position FROM audit")
        assert len(told) == len(set(told))
        for name in twin.lines:
            own = rows(vault, "SELECT seq FROM journal WHERE branch = :b ORDER BY position", b=name)
            assert [row[0] for row in own] == [row[0] for row in rows(vault, OWN, b=name)]


def changes(vault: Vault, upto: int) -> list[tuple[object, ...]]:
    events = rows(vault, "SELECT position, branch, seq FROM journal WHERE position <= :p ORDER BY position", p=upto)
    return events + rows(vault, "SELECT position, action FROM audit WHERE position <= :p ORDER BY position", p=upto)


OWN = "SELECT seq FROM journal WHERE branch = :b ORDER BY seq"
