"""Garbage collection: what can be reached reads as before, what cannot is gone, and nothing goes before its time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import CorruptRecord, InvalidValue, PlaceNotFound, QuantumMemoryError
from quantum_memory.memory.events import Entry, Forgotten, Merged, RolledBack
from quantum_memory.memory.timeline import spans
from quantum_memory.memory.vault import (
    Append,
    CreateAgent,
    CreateBranch,
    CreateCommit,
    Vault,
    Write,
    Written,
    collect,
    merge_base,
    schema,
)
from quantum_memory.memory.vault.blocks import MemoryBlocks
from quantum_memory.memory.vault.collect import Garbage, _Look, plan
from quantum_memory.memory.vault.keeper import Keeper
from quantum_memory.memory.vault.writes import Annotate, DeleteBranch, PutTag
from quantum_memory.types import PARTS, Branch, BranchId, Part, Place
from tests.unit.histories import STEPS, Replay, Step
from tests.unit.scribe import Clock

DAY = 86_400.0
WEEK = 7 * DAY


class World:
    """A vault in memory with a clock of its own."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.blocks = MemoryBlocks(lambda: self.clock().timestamp())
        self.vault = Vault.open("memory://", now=self.clock, blocks=self.blocks)
        self.keeper = Keeper(self.vault.database, self.blocks, self.clock, seal_events=2, segment_events=8)
        self.number = 0

    def do(self, *writes: Write) -> None:
        for outcome in self.vault.write(list(writes)):
            assert isinstance(outcome, Written), outcome

    def live(self, branch: BranchId, count: int) -> None:
        for _ in range(count):
            self.number += 1
            self.do(Append(branch, self.vault.head(branch), Forgotten((f"e{self.number}",)), f"op{self.number}"))

    def fork(self, name: str, place: Place, kind: Any = "fork") -> None:
        self.do(CreateBranch(name, "alice", name, kind, place, name))

    def delete(self, *branches: BranchId) -> None:
        self.do(*(DeleteBranch(branch, f"delete {branch}") for branch in branches))

    def collect(self, grace_s: float = WEEK, block_grace_s: float = 600.0) -> Garbage:
        return collect.collect(self.vault, self.clock, grace_s, block_grace_s)

    def plan(self, grace_s: float = WEEK, block_grace_s: float = 600.0) -> Garbage:
        with self.vault.database.snapshot() as connection:
            return plan(connection, self.blocks, self.clock(), grace_s, block_grace_s)

    def rows(self, select: Any) -> list[Any]:
        with self.vault.database.read() as connection:
            return [tuple(row) for row in connection.execute(select)]

    def count(self, table: sa.Table, branch: BranchId) -> int:
        column = table.c.id if table is schema.branches else table.c.branch
        return int(self.rows(sa.select(sa.func.count()).select_from(table).where(column == branch))[0][0])

    def named(self) -> set[str]:
        return {row[0] for row in self.rows(sa.select(schema.segments.c.block))}


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.do(CreateAgent("alice", "main"))
    yield made
    made.vault.close()


Meaning = dict[Part, list[Entry]]


def meaning(vault: Vault, place: Place) -> Meaning:
    """All that any view is folded from at a place."""
    return {part: [entry for span in spans(vault, part, place) for entry in vault.entries(*span)] for part in PARTS}


def places(vault: Vault, branch: BranchId) -> list[Place]:
    return [Place(branch, seq) for seq in range(vault.head(branch) + 1)]


def closure(vault: Vault, known: list[Place]) -> dict[BranchId, int]:
    """How far each branch is needed, by the slow way: whatever leads anywhere from a needed place is looked at."""
    needed: dict[BranchId, int] = {}
    todo, seen = list(known), set(known)
    while todo:
        place = todo.pop()
        for part in PARTS:
            for span in spans(vault, part, place):
                needed[span.branch] = max(span.upto, needed.get(span.branch, 0))
                for further in (Place(span.branch, seq) for seq in range(span.upto + 1)):
                    if further not in seen:
                        seen.add(further)
                        todo.append(further)
    return needed


def replayed(steps: list[Step]) -> tuple[World, Replay]:
    world, replay = World(), Replay(roots=2)
    world.do(*(CreateAgent(row.agent, row.id) for row in replay.history.rows.values()))
    for number, step in enumerate(steps):
        came = replay.happen(step)
        if isinstance(came, Branch):
            world.do(
                CreateBranch(came.id, came.agent, came.name, "fork", Place(came.parent or "", came.fork_seq), came.id)
            )
        elif came is not None:
            world.do(Append(came.place.branch, came.place.seq - 1, came.event, f"step{number}"))
        if number % 7 == 6:
            world.keeper.settle()
    return world, replay


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(
    STEPS,
    st.sets(st.integers(0, 30)),
    st.sets(st.integers(0, 30), max_size=3),
    st.lists(st.integers(0, 400), max_size=2),
)
def test_what_living_branches_and_tags_reach_reads_as_before(
    steps: list[Step], old: set[int], new: set[int], tagged: list[int]
) -> None:
    world, replay = replayed(steps)
    vault = world.vault
    forks = [row.id for row in replay.history.rows.values() if row.kind == "fork"]
    every = replay.history.places()
    tags = [every[number % len(every)] for number in tagged]
    for number, place in enumerate(tags):
        agent = replay.history.rows[place.branch].agent
        world.do(PutTag(agent, f"t{number}", place, move=False, op_id=f"t{number}"))
    dead = {forks[number % len(forks)] for number in old} if forks else set()
    gone_lately = {forks[number % len(forks)] for number in new} - dead if forks else set()
    world.delete(*sorted(dead))
    world.clock.tick(WEEK + 1)
    world.delete(*sorted(gone_lately))
    alive = [branch for branch in replay.history.rows if branch not in dead]
    reachable = [*tags, *(place for branch in alive for place in places(vault, branch))]
    before = {place: meaning(vault, place) for place in reachable}
    heads = [Place(branch, vault.head(branch)) for branch in alive]
    bases = {(a, b, part): merge_base(vault, a, b, part) for a in heads for b in heads for part in PARTS[:2]}
    needed = closure(vault, reachable)

    foreseen = world.plan()
    went = world.collect()

    assert went.trims == foreseen.trims
    assert {place: meaning(vault, place) for place in reachable} == before
    assert {key: merge_base(vault, *key) for key in bases} == bases
    j = schema.journal.c
    for branch in dead:
        left = world.rows(sa.select(sa.func.max(j.seq)).where(j.branch == branch, j.kind != "rolled_back"))[0][0]
        assert (left or 0) <= needed.get(branch, 0), "what nobody reaches is gone"
    assert world.plan().trims == ()
    assert world.collect() == Garbage(world.plan().position)
    assert world.named() == {info.name for info in world.blocks.listing()}
    for branch in alive:
        if branch not in gone_lately:
            world.live(branch, 1)
    vault.close()


def test_a_deleted_branch_goes_after_its_grace_and_not_before(world: World) -> None:
    world.live("main", 5)
    world.fork("side", Place("main", 3))
    world.live("side", 6)
    world.do(CreateCommit("side", 7, "there", "c1"), CreateCommit("main", 2, "here", "c2"))
    commits = world.vault.commits("alice")
    world.do(*(Annotate(commit.id, {"mood": 1}) for commit in commits))
    world.keeper.settle()
    world.delete("side")
    world.clock.tick(WEEK)
    assert world.collect() == Garbage(world.plan().position)
    assert world.count(schema.journal, "side") == 6
    world.clock.tick(1)
    foreseen = world.plan()
    went = world.collect()
    assert (went.trims, went.blocks) == (foreseen.trims, foreseen.blocks)
    assert (went.branches, went.events) == (1, 6)
    (trim,) = went.trims
    assert (trim.branch, trim.commits, trim.segments, trim.row) == ("side", 1, 2, False)
    assert went.nbytes > 0
    for table in (schema.journal, schema.commits, schema.segments, schema.branches):
        assert world.count(table, "side") == 0
    assert world.count(schema.journal, "main") == 5
    assert [commit.message for commit in world.vault.commits("alice")] == ["here"]
    assert len(world.rows(sa.select(schema.contexts.c.commit))) == 1
    assert world.named() == {info.name for info in world.blocks.listing()}
    with pytest.raises(PlaceNotFound):
        world.vault.branch("side")
    world.fork("side", Place("main", 4))
    assert world.vault.head("side") == 4


def test_a_commit_of_where_a_branch_began_goes_with_the_branch(world: World) -> None:
    """It names the branch, though the event is its parent's: also where that one stays, and with events or without."""
    world.live("main", 3)
    for name, events in (("still", 0), ("lived", 2)):
        world.fork(name, Place("main", 2))
        world.do(CreateCommit(name, 2, f"{name} begins", f"c {name}"))
        world.live(name, events)
    world.do(*(Annotate(commit.id, {"mood": 1}) for commit in world.vault.commits("alice")))
    world.do(CreateCommit("main", 2, "here", "c main"))
    world.delete("still", "lived")
    world.clock.tick(WEEK + 1)
    foreseen = world.plan()
    assert {trim.branch: (trim.row, trim.events, trim.commits) for trim in foreseen.trims} == {
        "still": (False, 0, 1),
        "lived": (False, 2, 1),
    }
    assert world.collect().trims == foreseen.trims
    assert [commit.message for commit in world.vault.commits("alice")] == ["here"]
    assert not world.rows(sa.select(schema.contexts.c.commit))
    assert world.rows(sa.select(schema.branches.c.id)) == [("main",)]


def test_a_parent_is_kept_as_far_as_its_children_and_tags_reach(world: World) -> None:
    world.live("main", 2)
    world.fork("parent", Place("main", 1))
    world.live("parent", 9)
    world.fork("child", Place("parent", 5))
    world.do(PutTag("alice", "keep", Place("parent", 7), move=False, op_id="t"))
    world.keeper.settle()
    before = meaning(world.vault, Place("child", 5)), meaning(world.vault, Place("parent", 7))
    world.delete("parent")
    world.clock.tick(WEEK + 1)
    (trim,) = world.collect().trims
    assert (trim.keep, trim.row, trim.events) == (7, True, 3)
    assert (meaning(world.vault, Place("child", 5)), meaning(world.vault, Place("parent", 7))) == before
    assert world.vault.head("parent") == 7
    world.delete("child")
    world.clock.tick(WEEK + 1)
    assert [trim.branch for trim in world.collect().trims] == ["child"]
    assert meaning(world.vault, Place("parent", 7)) == before[1]


def test_a_place_that_a_living_branch_rolled_back_to_stays(world: World) -> None:
    world.live("main", 1)
    world.fork("side", Place("main", 1))
    world.live("side", 4)
    world.do(Append("main", 1, RolledBack(Place("side", 3), ("mood",)), "r"))
    before = meaning(world.vault, Place("main", 2))
    world.delete("side")
    world.clock.tick(WEEK + 1)
    (trim,) = world.collect().trims
    assert (trim.keep, trim.events) == (3, 2)
    assert meaning(world.vault, Place("main", 2)) == before


def test_of_a_branch_that_was_merged_only_the_bones_stay(world: World) -> None:
    world.live("main", 2)
    world.fork("side", Place("main", 1))
    world.live("side", 3)
    world.do(Append("side", 4, RolledBack(Place("side", 2), PARTS), "r"))
    world.do(Append("main", 2, Merged(Place("side", 5), Place("main", 1), (), (), (), None), "m"))
    world.fork("third", Place("side", 5))
    world.live("third", 1)
    base = merge_base(world.vault, Place("main", 3), Place("side", 5))
    world.delete("side", "third")
    world.clock.tick(WEEK + 1)
    trims = {trim.branch: trim for trim in world.collect().trims}
    assert (trims["side"].row, trims["side"].events) == (True, 3)
    assert trims["third"].row is False
    assert [seq for seq, _ in world.vault.rollbacks("side", 9)] == [5]
    assert base == merge_base(world.vault, Place("main", 3), Place("side", 5))


def test_a_transaction_that_nobody_goes_on_with_is_taken_for_given_up(world: World) -> None:
    world.live("main", 1)
    for name in ("left", "busy"):
        world.fork(name, Place("main", 1), "transaction")
        world.live(name, 2)
    world.clock.tick(WEEK)
    world.live("busy", 1)
    world.clock.tick(1)
    assert [trim.branch for trim in world.collect().trims] == ["left"]
    assert world.vault.head("busy") == 4
    outcome = world.vault.write([Append("left", 3, Forgotten(("x",)), "late")])[0]
    assert isinstance(outcome, QuantumMemoryError)


def test_much_goes_in_small_transactions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "ROWS", 7)
    for number in range(6):
        world.fork(f"f{number}", Place("main", 0))
        world.live(f"f{number}", 5 * number)
    world.delete(*(f"f{number}" for number in range(6)))
    world.clock.tick(WEEK + 1)
    removed: list[int] = []
    maintenance = world.vault.maintenance

    def counted() -> Any:
        removed.append(world.rows(sa.select(sa.func.count()).select_from(schema.journal))[0][0])
        return maintenance()

    monkeypatch.setattr(world.vault, "maintenance", counted)
    assert world.collect().events == 75
    sizes = [a - b for a, b in zip(removed, [*removed[1:], 0], strict=True)]
    assert sum(sizes) == 75
    assert max(sizes) <= 7


def test_a_crash_in_the_middle_leaves_garbage_for_the_next_time_and_harms_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "ROWS", 3)
    world.live("main", 4)
    world.fork("side", Place("main", 2))
    world.live("side", 10)
    before = meaning(world.vault, Place("main", 4))
    world.delete("side")
    world.clock.tick(WEEK + 1)
    maintenance, left = world.vault.maintenance, 3

    def failing() -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError("the power goes")
        return maintenance()

    monkeypatch.setattr(world.vault, "maintenance", failing)
    with pytest.raises(OSError, match="the power goes"):
        world.collect()
    monkeypatch.undo()
    assert world.count(schema.journal, "side") == 4
    assert meaning(world.vault, Place("main", 4)) == before
    assert world.collect().events == 4
    assert world.count(schema.branches, "side") == 0


@pytest.mark.parametrize("how", ["fork", "tag", "rollback", "merge"])
def test_what_somebody_comes_to_reach_while_it_is_being_collected_stays(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    world.live("main", 2)
    world.fork("side", Place("main", 1))
    world.live("side", 5)
    world.delete("side")
    world.clock.tick(WEEK + 1)
    last = Place("side", 4)
    late: dict[str, Write] = {
        "fork": CreateBranch("late", "alice", "late", "fork", last, "late"),
        "tag": PutTag("alice", "late", last, move=False, op_id="late"),
        "rollback": Append("main", 2, RolledBack(last, PARTS), "late"),
        "merge": Append("main", 2, Merged(last, None, (), (), (), None), "late"),
    }
    maintenance = world.vault.maintenance
    done: list[Written | QuantumMemoryError] = []

    def meanwhile() -> Any:
        if not done:
            done.append(world.vault.write([late[how]])[0])
        return maintenance()

    before = meaning(world.vault, last)
    monkeypatch.setattr(world.vault, "maintenance", meanwhile)
    went = world.collect()
    if not isinstance(done[0], Written):
        assert went.branches == 1, "it was refused, so nobody reaches it"
    elif how == "merge":
        assert world.count(schema.branches, "side") == 1
    else:
        assert meaning(world.vault, last) == before
        assert went.events == 2


def test_a_block_that_no_row_names_goes_when_it_is_old_enough(world: World) -> None:
    world.live("main", 16)
    world.keeper.settle()
    loose = world.blocks.put(b"a segment whose row was never written")
    assert world.collect(grace_s=0).blocks == ()
    world.clock.tick(601)
    fresh = world.blocks.put(b"just written")
    assert {block.name for block in world.plan(grace_s=0).blocks} >= {loose}
    went = {block.name for block in world.collect(grace_s=0).blocks}
    assert loose in went
    assert {info.name for info in world.blocks.listing()} == world.named() | {fresh}
    assert len(world.vault.entries("main", 0, 16)) == 16
    world.clock.tick(WEEK - 1)
    assert world.collect(grace_s=WEEK).blocks == ()


def test_no_block_is_taken_that_was_put_again_or_is_held_or_belongs_to_somebody_else(world: World) -> None:
    name = world.blocks.put(b"loose")
    world.clock.tick(601)
    with world.blocks.held():
        assert world.collect(grace_s=0).blocks == ()
    world.blocks.put(b"loose")
    assert world.collect(grace_s=0).blocks == ()
    assert world.blocks.has(name)
    other = World()
    other.vault.blocks = world.blocks
    world.clock.tick(601)
    other.clock.time = world.clock.time
    with pytest.raises(InvalidValue, match="no other vault"):
        other.collect(grace_s=0)
    assert world.blocks.has(name)
    other.vault.close()


def test_the_audit_says_what_went(world: World) -> None:
    world.fork("side", Place("main", 0))
    world.live("side", 3)
    world.delete("side")
    world.clock.tick(WEEK + 1)
    world.collect()
    a = schema.audit.c
    told = world.rows(sa.select(a.action, a.branch, a.detail).order_by(a.position))[-3:]
    assert told == [
        ("collection_begun", None, "1 branches, 3 events, 0 commits, 0 blocks and 0 unfinished files of 0 bytes"),
        ("branch_collected", "side", "3 events and 0 commits after 0"),
        ("garbage_collected", None, "1 branches, 3 events, 0 commits, 0 blocks and 0 unfinished files of 0 bytes"),
    ]
    positions = world.rows(sa.select(a.position))
    assert len(set(positions)) == len(positions)
    world.collect()
    assert len(world.rows(sa.select(a.action))) == len(positions), "nothing to tell of"


def test_nothing_is_collected_as_long_as_a_rollback_cannot_be_read(world: World) -> None:
    world.live("main", 2)
    world.do(Append("main", 2, RolledBack(Place("main", 1), PARTS), "r"))
    world.fork("side", Place("main", 1))
    world.delete("side")
    world.clock.tick(WEEK + 1)
    with world.vault.database.transaction() as connection:
        change = sa.update(schema.journal).where(schema.journal.c.seq == 3).values(payload=b"damaged")
        connection.execute(change)
    with pytest.raises(CorruptRecord, match="main@3"):
        world.collect()
    assert world.count(schema.branches, "side") == 1


def test_the_tables_are_collected_in_every_database(storage: str) -> None:
    clock = Clock()
    with Vault.open(storage, now=clock) as vault:
        writes: list[Write] = [
            CreateAgent("alice", "main"),
            CreateBranch("side", "alice", "side", "fork", Place("main", 0), "f"),
            *(Append("side", seq, Forgotten((f"e{seq}",)), f"op{seq}") for seq in range(5)),
            CreateCommit("side", 3, "there", "c"),
            CreateCommit("side", 0, "where it began", "b"),
            DeleteBranch("side", "d"),
        ]
        assert all(isinstance(outcome, Written) for outcome in vault.write(writes))
        clock.tick(WEEK + 1)
        went = collect.collect(vault, clock, WEEK)
        assert (went.branches, went.events, went.trims[0].commits) == (1, 5, 2)
        assert [branch.id for branch in vault.branches("alice")] == ["main"]


class Explained:
    """A batch that says how the database goes about what it is asked."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection, self.position, self.steps = connection, 0, list[str]()

    def execute(self, statement: Any, values: Any = None) -> Any:
        told = statement.compile(self.connection)
        words, bound = f"EXPLAIN QUERY PLAN {told}", tuple({**told.params, **(values or {})}.values())
        self.steps += [row[3] for row in self.connection.exec_driver_sql(words, bound)]
        return self.connection.execute(statement, values or {})


def test_what_came_since_is_found_by_its_position_and_not_by_reading_all_of_history() -> None:
    """The writer waits for it with every batch of rows."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with Vault.open("memory://", now=lambda: now) as vault, vault.database.read() as connection:
        batch = Explained(connection)
        assert not _Look(connection, now, WEEK).outdated(batch)  # type: ignore[arg-type]  # as much of one as it uses
        assert any("merges" in step for step in batch.steps)
        assert not [step for step in batch.steps if step.startswith("SCAN") and "tags" not in step]
