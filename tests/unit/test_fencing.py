"""Late writers are refused, in the same transaction as their write, whatever comes late and in whatever order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import Fenced, InvalidInput, InvalidValue, PoolsChanged, QuantumMemoryError, StaleWriter
from quantum_memory.memory.vault import Append, CreateAgent, CreateBranch, CreateCommit, Vault, Write, Written
from quantum_memory.memory.vault.writes import (
    Claim,
    CommitTransaction,
    DeleteBranch,
    DropTag,
    Enlist,
    Holder,
    PutTag,
    Resize,
    Settle,
)
from quantum_memory.policies.placement import Layout, member_of
from quantum_memory.types import Place
from tests.unit.scribe import Clock, label

SIZES = {"agents": 2, "graph": 1}
HOURS_S = 3600.0


def done(vault: Vault, write: Write) -> Written:
    (outcome,) = vault.write([write])
    if isinstance(outcome, QuantumMemoryError):
        raise outcome
    return outcome


def enlisted(vault: Vault, number: int, process: str) -> Holder:
    return Holder(number, done(vault, Enlist(number, process)).epoch or 0)


def resized(vault: Vault, size: int, op_id: str) -> Layout:
    done(vault, Resize("agents", size, vault.layout().version, 0.0, op_id))
    return vault.layout()


def home(lineage: str, size: int = SIZES["agents"]) -> int:
    return member_of(lineage, size)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault(storage: str, clock: Clock) -> Any:
    with Vault.open(storage, now=clock) as opened:
        opened.begin("one cluster", SIZES)
        done(opened, CreateAgent("alice", "a"))
        yield opened


def rows(vault: Vault, table: str) -> list[dict[str, Any]]:
    with vault.database.read() as connection:
        found = connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY 1"))  # noqa: S608
        return [dict(row._mapping) for row in found]


def test_the_first_write_takes_a_lineage_up_and_the_rest_say_since_when(vault: Vault) -> None:
    me = enlisted(vault, home("a"), "p1")
    first = done(vault, Append("a", 0, label("one"), "op 1", me))
    assert first.epoch == 1
    assert done(vault, Append("a", 1, label("two"), "op 2", me._replace(epoch=1))).epoch == 1
    assert done(vault, Append("a", 2, label("three"), "op 3", me)).epoch == 1, "who has it already takes up nothing"
    assert rows(vault, "lineages") == [{"lineage": "a", "epoch": 1, "member": me.member, "incarnation": 1}]


def test_a_process_that_was_replaced_writes_nothing_of_any_kind(vault: Vault) -> None:
    old = enlisted(vault, home("a"), "p1")
    done(vault, Append("a", 0, label("one"), "op 1", old))
    fork = CreateBranch("f", "alice", "f", "fork", Place("a", 1), "op f", old)
    hidden = CreateBranch("t", "alice", "t", "transaction", Place("a", 1), "op t", old)
    done(vault, fork)
    done(vault, hidden)
    new = enlisted(vault, home("a"), "p2")
    assert (old.incarnation, new.incarnation) == (1, 2)
    late: list[Write] = [
        Append("a", 1, label("late"), "op 2", old),
        Append("a", 1, label("late"), "op 2", old._replace(epoch=1)),
        Append("f", 1, label("late"), "op 3", old),
        CreateBranch("g", "alice", "g", "fork", Place("a", 1), "op g", old),
        CreateCommit("a", 1, "late", "op c", old),
        CommitTransaction("t", "op e", (), old),
        DeleteBranch("f", "op d", old),
        PutTag("alice", "best", Place("a", 1), False, "op p", old),
        DropTag("alice", "best", "op q", old),
    ]
    before = {table: rows(vault, table) for table in ("journal", "branches", "commits", "tags", "audit", "lineages")}
    for outcome in vault.write(late):
        assert isinstance(outcome, Fenced)
        assert (outcome.lineage, outcome.writer.partition(",")[0]) == ("a", f"orchestrator {old.member}")
    assert {table: rows(vault, table) for table in before} == before
    assert done(vault, Append("a", 1, label("two"), "op 2", new)).epoch == 2
    done(vault, Append("f", 1, label("two"), "op 3", new))


def test_after_a_change_of_size_only_the_new_owner_writes(vault: Vault) -> None:
    names = [f"agent {number}" for number in range(24)]
    vault.write([CreateAgent(name, f"id {name}") for name in names])
    holders = [enlisted(vault, number, f"p{number}") for number in range(3)]
    for name in names:
        done(vault, Append(f"id {name}", 0, label("one"), f"1 {name}", holders[home(f"id {name}")]))
    resized(vault, 3, "r1")
    moved = [name for name in names if home(f"id {name}", 3) == 2]
    assert 0 < len(moved) < len(names)
    for name in names:
        lineage = f"id {name}"
        before, after = holders[home(lineage)], holders[home(lineage, 3)]
        if name in moved:
            with pytest.raises(Fenced, match="orchestrator 2"):
                done(vault, Append(lineage, 1, label("late"), f"2 {name}", before._replace(epoch=1)))
        assert done(vault, Append(lineage, 1, label("two"), f"2 {name}", after)).epoch == (2 if name in moved else 1)
    resized(vault, 2, "r2")
    lineage = f"id {moved[0]}"
    back = holders[home(lineage)]
    with pytest.raises(Fenced):  # it had the lineage once, in another epoch
        done(vault, Append(lineage, 2, label("late"), f"3 {lineage}", back._replace(epoch=1)))
    assert done(vault, Append(lineage, 2, label("three"), f"3 {lineage}", back)).epoch == 3


def test_a_refused_write_takes_nothing_up(vault: Vault) -> None:
    me = enlisted(vault, home("a"), "p1")
    with pytest.raises(StaleWriter):
        done(vault, Append("a", 7, label("one"), "op 1", me))
    assert rows(vault, "lineages") == []


def test_nobody_is_fenced_who_says_nothing_of_himself(vault: Vault) -> None:
    """Tools that hold the vault open, and the first versions of everything."""
    enlisted(vault, home("a"), "p1")
    assert done(vault, Append("a", 0, label("one"), "op 1")).epoch is None


def test_who_never_enlisted_writes_nothing(vault: Vault) -> None:
    with pytest.raises(Fenced, match="nobody"):
        done(vault, Append("a", 0, label("one"), "op 1", Holder(home("a"), 1)))


def test_what_is_known_of_holders_outlives_the_vaults_process(storage: str, clock: Clock) -> None:
    with Vault.open(storage, now=clock) as vault:
        vault.begin("one cluster", SIZES)
        done(vault, CreateAgent("alice", "a"))
        old, new = enlisted(vault, home("a", 3), "p1"), enlisted(vault, home("a", 3), "p2")
        layout = resized(vault, 3, "r")
        done(vault, Append("a", 0, label("one"), "op 1", new))
    with Vault.open(storage, now=clock) as vault:
        assert vault.begin("one cluster", SIZES) == layout
        assert vault.incarnation(new.member) == 2
        with pytest.raises(Fenced):
            done(vault, Append("a", 1, label("late"), "op 2", old))
        assert done(vault, Enlist(new.member, "p2")).repeated
        assert done(vault, Append("a", 1, label("two"), "op 2", new._replace(epoch=1))).epoch == 1
    with Vault.open(storage, now=clock) as vault:
        begun = vault.begin("another cluster", SIZES)
        assert (dict(begun.sizes), begun.cluster) == (SIZES, "another cluster")
        assert begun.newer(layout)
        assert enlisted(vault, home("a"), "p3").incarnation > 0


def test_a_change_of_size_is_made_by_one_at_a_time(vault: Vault, clock: Clock) -> None:
    version = vault.layout().version
    done(vault, Resize("agents", 3, version, HOURS_S, "r1"))
    with pytest.raises(PoolsChanged, match="under way"):
        done(vault, Resize("graph", 2, version + 1, HOURS_S, "r2"))
    done(vault, Settle(version))  # of an earlier one
    with pytest.raises(PoolsChanged, match="under way"):
        done(vault, Resize("graph", 2, version + 1, HOURS_S, "r2"))
    done(vault, Settle(version + 1))
    with pytest.raises(PoolsChanged, match="version"):
        done(vault, Resize("graph", 2, version, HOURS_S, "r2"))
    done(vault, Resize("graph", 2, version + 1, HOURS_S, "r3"))
    clock.tick(HOURS_S + 1)  # whoever was at it is gone
    done(vault, Resize("graph", 1, version + 2, HOURS_S, "r4"))
    assert dict(vault.layout().sizes) == {"agents": 3, "graph": 1}
    assert next(entry.detail for entry in vault.audit(None, 3) if entry.action == "pool_resized") == "graph: 2 to 1"


def test_who_claims_a_change_of_size_makes_it_and_nobody_else(vault: Vault, clock: Clock) -> None:
    version = vault.layout().version
    assert done(vault, Claim("agents", version, HOURS_S, "c1")).epoch == version
    assert done(vault, Claim("agents", version, HOURS_S, "c1")).epoch == version, "said again it is still his"
    for other in (
        Claim("graph", version, HOURS_S, "c2"),
        Resize("graph", 2, version, HOURS_S, "r2"),
        Resize("agents", 2, version, HOURS_S, "r3", "c2"),
    ):
        with pytest.raises(PoolsChanged):
            done(vault, other)
    done(vault, Settle(version))
    done(vault, Settle(version, "c2"))
    assert vault.layout().version == version
    assert done(vault, Resize("agents", 3, version, HOURS_S, "r1", "c1")).epoch == version + 1
    with pytest.raises(PoolsChanged, match="under way"):
        done(vault, Claim("graph", version + 1, HOURS_S, "c2"))
    done(vault, Settle(version + 1))
    with pytest.raises(PoolsChanged, match="version"):
        done(vault, Claim("graph", version, HOURS_S, "c2"))
    done(vault, Claim("graph", version + 1, HOURS_S, "c2"))
    done(vault, Settle(version + 1, "c2"))
    done(vault, Claim("graph", version + 1, HOURS_S, "c3"))
    clock.tick(HOURS_S + 1)
    done(vault, Claim("agents", version + 1, HOURS_S, "c4"))
    with pytest.raises(PoolsChanged, match="so long"):
        done(vault, Resize("graph", 2, version + 1, HOURS_S, "r4", "c3"))
    assert dict(vault.layout().sizes) == SIZES | {"agents": 3}


def test_a_claim_outlives_the_vaults_process(storage: str, clock: Clock) -> None:
    with Vault.open(storage, now=clock) as vault:
        version = vault.begin("cluster", SIZES).version
        done(vault, Claim("agents", version, HOURS_S, "c1"))
    with Vault.open(storage, now=clock) as vault:
        with pytest.raises(PoolsChanged, match="under way"):
            done(vault, Claim("agents", version, HOURS_S, "c2"))
        done(vault, Resize("agents", 3, version, HOURS_S, "r1", "c1"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Claim("agents", -1, 1.0, "c"),
        lambda: Claim("agents", 0, -1.0, "c"),
        lambda: Resize("agents", 0, 0, 1.0, "r"),
        lambda: Resize("agents", 1.5, 0, 1.0, "r"),  # type: ignore[arg-type]  # what a caller may do
        lambda: Resize("agents", 1, 0, -1.0, "r"),
        lambda: Enlist(-1, "p"),
        lambda: Enlist(0, ""),
        lambda: Settle(-1),
    ],
)
def test_what_cannot_be_is_refused(make: Any) -> None:
    with pytest.raises(InvalidInput):
        make()


def test_a_pool_that_is_not_there_has_no_size(vault: Vault) -> None:
    with pytest.raises(InvalidValue, match="vault"):
        done(vault, Resize("vault", 2, vault.layout().version, 0.0, "r"))
    with pytest.raises(InvalidValue, match="vault"):
        done(vault, Claim("vault", vault.layout().version, 0.0, "c"))


def test_many_lineages_are_taken_up_in_one_transaction_and_few_statements(vault: Vault) -> None:
    count = 2_000
    holders = [enlisted(vault, number, f"p{number}") for number in range(2)]
    vault.write([CreateAgent(f"agent {number}", f"id {number}") for number in range(count)])
    begun: list[int] = []
    statements: list[str] = []
    engine = vault.database._engines.writers
    sa.event.listen(engine, "begin", lambda _: begun.append(1))
    sa.event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    writes = [
        Append(f"id {number}", 0, label("x"), f"op {number}", holders[home(f"id {number}")]) for number in range(count)
    ]
    assert all(isinstance(one, Written) and one.epoch == 1 for one in vault.write(writes))
    of_lineages = [statement for statement in statements if "lineages" in statement]
    assert len(begun) == 1
    assert len(of_lineages) <= count / 500 + 1
    assert len(rows(vault, "lineages")) == count


@dataclass
class Process:
    """What an orchestrator process believes. Nobody tells it anything."""

    holder: Holder
    epochs: dict[str, int] = field(default_factory=dict)


LINEAGES = ("a", "b", "c")
ACTIONS = st.one_of(
    st.tuples(st.just("restart"), st.integers(0, 2)),
    st.tuples(st.just("resize"), st.integers(1, 3)),
    st.tuples(st.just("prepare"), st.integers(0, 5), st.sampled_from(LINEAGES), st.booleans()),
    st.tuples(st.just("deliver"), st.integers(0, 5)),
    st.tuples(st.just("repeat"), st.integers(0, 5), st.integers(0, 30)),
)


class World:
    """Processes that come and go, sizes that change, and writes that are delivered late, or twice."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.processes: list[Process] = []
        self.newest: dict[int, Process] = {}
        self.waiting: list[tuple[Process, Append]] = []
        self.acknowledged: dict[str, Place] = {}
        self.order: dict[str, list[tuple[int, str]]] = {lineage: [] for lineage in LINEAGES}
        self.ops = self.steps = 0
        for number in range(3):
            self.restart(number)

    def restart(self, number: int) -> None:
        process = Process(enlisted(self.vault, number, f"process {len(self.processes)}"))
        self.processes.append(process)
        self.newest[number] = process

    def resize(self, size: int) -> None:
        resized(self.vault, size, f"resize {self.steps}")

    def prepare(self, which: int, lineage: str, knows_head: bool) -> None:
        process = self.processes[-1 - which % len(self.processes)]
        head = self.vault.head(lineage) if knows_head else max(0, self.vault.head(lineage) - 1)
        self.ops += 1
        by = process.holder._replace(epoch=process.epochs.get(lineage, 0))
        self.waiting.append((process, Append(lineage, head, label(f"{self.ops}"), f"op {self.ops}", by)))

    def deliver(self, which: int) -> None:
        if self.waiting:
            self._send(*self.waiting.pop(which % len(self.waiting)))

    def repeat(self, which: int, op: int) -> None:
        """Somebody else tries again what was asked before: a driver routed anew."""
        process = self.processes[-1 - which % len(self.processes)]
        for lineage in LINEAGES:
            by = process.holder._replace(epoch=process.epochs.get(lineage, 0))
            if f"op {op}" in self.acknowledged and self.acknowledged[f"op {op}"].branch == lineage:
                self._send(process, Append(lineage, self.vault.head(lineage), label("again"), f"op {op}", by))

    def _send(self, process: Process, write: Append) -> None:
        lineage, allowed = write.branch, self.allowed(process, write)
        (outcome,) = self.vault.write([write])
        assert isinstance(outcome, Fenced) == (not allowed)
        if isinstance(outcome, Fenced):
            process.epochs.pop(lineage, None)
        if not isinstance(outcome, Written):
            return
        assert outcome.epoch is not None
        process.epochs[lineage] = outcome.epoch
        if outcome.repeated:
            assert self.acknowledged[write.op_id] == outcome.place
            return
        self.acknowledged[write.op_id] = outcome.place
        self.order[lineage].append((outcome.epoch, write.op_id))

    def allowed(self, process: Process, write: Append) -> bool:
        """By a plain account: the newest process of the number that has the lineage, in the epoch that it says."""
        size = self.vault.layout().sizes["agents"]
        number = process.holder.member
        if self.newest[number] is not process or member_of(write.branch, size) != number:
            return False
        assert write.by is not None
        held = [(row["member"], row["incarnation"], row["epoch"]) for row in self.lineage(write.branch)]
        return write.by.epoch == 0 or held == [tuple(write.by)]

    def lineage(self, lineage: str) -> list[dict[str, Any]]:
        return [row for row in rows(self.vault, "lineages") if row["lineage"] == lineage]

    def check(self) -> None:
        for lineage in LINEAGES:
            head = self.vault.head(lineage)
            written = [row for row in rows(self.vault, "journal") if row["branch"] == lineage]
            assert [row["seq"] for row in written] == list(range(1, head + 1)), "one order, no gap"
            assert [row["op_id"] for row in written] == [op for _, op in self.order[lineage]], "nothing lost or doubled"
            epochs = [epoch for epoch, _ in self.order[lineage]]
            assert epochs == sorted(epochs), "nothing of an older holder after a newer one's"
        assert len({row["op_id"] for row in rows(self.vault, "journal")}) == len(self.acknowledged)


def live(storage: str, actions: list[tuple[Any, ...]]) -> None:
    with Vault.open(storage, now=Clock()) as vault:
        vault.begin("one cluster", SIZES)
        for lineage in LINEAGES:
            done(vault, CreateAgent(f"agent {lineage}", lineage))
        world = World(vault)
        for action, *arguments in actions:
            world.steps += 1
            getattr(world, action)(*arguments)
        while world.waiting:
            world.deliver(0)
        world.check()


@given(st.lists(ACTIONS, max_size=60))
@settings(max_examples=80, deadline=None)
def test_owners_of_one_lineage_that_come_and_go_leave_one_order(actions: list[tuple[Any, ...]]) -> None:
    live("memory://", actions)


def test_the_same_in_every_database(storage: str) -> None:
    """One long life of it, drawn once."""
    import random

    chance = random.Random(8)
    makers = (
        lambda: ("restart", chance.randrange(3)),
        lambda: ("resize", chance.randrange(1, 4)),
        lambda: ("prepare", chance.randrange(6), chance.choice(LINEAGES), chance.random() < 0.8),
        lambda: ("prepare", chance.randrange(3), chance.choice(LINEAGES), True),
        lambda: ("deliver", chance.randrange(6)),
        lambda: ("deliver", chance.randrange(6)),
        lambda: ("repeat", chance.randrange(6), chance.randrange(40)),
    )
    live(storage, [chance.choice(makers)() for _ in range(150)])


def test_a_change_of_size_that_is_told_twice_is_made_once(vault: Vault) -> None:
    """Ray runs a call again when the vault died in it, after it was durable or before."""
    version = vault.layout().version
    write = Resize("agents", 3, version, HOURS_S, "r1")
    first = done(vault, write)
    again = done(vault, write)
    assert (again.repeated, again.epoch, again.at) == (True, first.epoch, first.at)
    assert vault.layout().version == version + 1
    done(vault, Settle(version + 1))
    done(vault, Resize("agents", 1, version + 1, HOURS_S, "r2"))
    assert done(vault, write).repeated
    assert vault.layout().sizes["agents"] == 1
