"""What a vault promises, whatever database lies under it: SQLite always, PostgreSQL where its server is installed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from quantum_memory.errors import (
    AgentNotFound,
    AlreadyExists,
    CorruptRecord,
    InvalidValue,
    NewerSchema,
    OtherEmbedding,
    PlaceNotFound,
    QuantumMemoryError,
    StaleWriter,
    StorageLocked,
    TooLong,
    VaultUnavailable,
    WriteFailed,
)
from quantum_memory.memory.events import Event, Forgotten, Merged, Remembered, RolledBack
from quantum_memory.memory.vault import (
    Append,
    CreateAgent,
    CreateBranch,
    CreateCommit,
    DeleteBranch,
    MergeMarker,
    Vault,
    Write,
    Written,
)
from quantum_memory.types import PAD, Branch, Commit, Memory, Place
from tests.unit.postgres import Server, database_url
from tests.unit.scribe import START, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault(storage: str, clock: Clock) -> Iterator[Vault]:
    with Vault.open(storage, now=clock) as opened:
        done(opened, CreateAgent("alice", "main"))
        yield opened


def one(vault: Vault, write: Write) -> Written | QuantumMemoryError:
    (outcome,) = vault.write([write])
    return outcome


def done(vault: Vault, write: Write) -> Written:
    outcome = one(vault, write)
    assert isinstance(outcome, Written), outcome
    return outcome


def label(name: str) -> Forgotten:
    return Forgotten((name,))


def append(vault: Vault, branch: str, event: Event | str) -> Place:
    head = vault.head(branch)
    event = label(event) if isinstance(event, str) else event
    return done(vault, Append(branch, head, event, f"{branch}:{head}:{vault.storage}")).place


def fork(vault: Vault, name: str, parent: Place) -> Branch:
    branch = done(vault, CreateBranch(name, "alice", name, "fork", parent, f"fork {name}")).branch
    assert branch is not None
    return branch


def commit(vault: Vault, place: Place, message: str, op_id: str | None = None) -> Commit:
    found = done(vault, CreateCommit(*place, message, op_id or f"commit {message}")).commit
    assert found is not None
    return found


def labels(vault: Vault, branch: str) -> list[Event]:
    return [entry.event for entry in vault.entries(branch, 0, vault.head(branch))]


def test_an_agent_is_found_or_made(vault: Vault, clock: Clock) -> None:
    clock.tick()
    made = done(vault, CreateAgent("bob", "b1"))
    assert made.branch == Branch("b1", "bob", "main", "b1", "root", None, 0, clock.time)
    assert (made.place, made.at, made.repeated) == (Place("b1", 0), clock.time, False)
    found = done(vault, CreateAgent("bob", "b2"))
    assert (found.branch, found.repeated) == (made.branch, True)
    assert vault.find_agent("bob") == made.branch
    assert vault.agents() == ["alice", "bob"]
    assert isinstance(one(vault, CreateAgent("carol", "b1")), AlreadyExists)


@pytest.mark.parametrize("name", ["nobody", "", "a\x00b", "\ud800"])
def test_what_was_never_made_is_not_found(vault: Vault, name: str) -> None:
    for ask in (vault.find_agent, vault.branches, vault.commits):
        with pytest.raises(AgentNotFound):
            ask(name)
    with pytest.raises(AgentNotFound):
        vault.branch_named(name, "main")
    for look in (vault.branch, vault.head, vault.log):
        with pytest.raises(PlaceNotFound):
            look(name)
    with pytest.raises(PlaceNotFound):
        vault.branch_named("alice", name)
    with pytest.raises(PlaceNotFound):
        vault.find_place("main", name)


def test_events_come_back_in_order_with_their_times(vault: Vault, clock: Clock) -> None:
    memory = Memory("m", "It rained.", START, PAD(0.1, 0.2, 0.3), 1.0, 0.5, np.arange(4, dtype=np.float32))
    times = []
    for event in (Remembered((memory,)), label("a"), label("b")):
        times.append(clock.tick(0.000_001))
        append(vault, "main", event)
    entries = vault.entries("main", 0, 3)
    assert [entry.place for entry in entries] == [Place("main", seq) for seq in (1, 2, 3)]
    assert [entry.at for entry in entries] == times
    assert [entry.event for entry in entries] == [Remembered((memory,)), label("a"), label("b")]
    assert vault.entries("main", 1, 2) == entries[1:2]
    assert vault.entries("main", 2, 2) == []
    assert vault.head("main") == 3


def test_reading_beyond_the_head_is_refused(vault: Vault) -> None:
    append(vault, "main", "a")
    with pytest.raises(PlaceNotFound, match="main@2"):
        vault.entries("main", 0, 2)


def test_a_writer_who_missed_something_is_refused(vault: Vault) -> None:
    append(vault, "main", "a")
    for expected in (0, 2):
        refusal = one(vault, Append("main", expected, label("x"), f"late {expected}"))
        assert isinstance(refusal, StaleWriter)
        assert (refusal.branch, refusal.expected, refusal.head) == ("main", expected, 1)
    assert labels(vault, "main") == [label("a")]


def test_a_retried_append_has_its_first_outcome_even_when_others_wrote_since(vault: Vault, clock: Clock) -> None:
    first = done(vault, Append("main", 0, label("a"), "op-1"))
    clock.tick()
    append(vault, "main", "b")
    again = done(vault, Append("main", 0, label("something else"), "op-1"))
    assert again.repeated
    assert (again.place, again.at) == (first.place, first.at)
    assert labels(vault, "main") == [label("a"), label("b")]


def test_an_operation_repeated_within_its_batch_is_done_once(vault: Vault) -> None:
    write = Append("main", 0, label("a"), "op-1")
    first, second = vault.write([write, write])
    assert isinstance(first, Written)
    assert isinstance(second, Written)
    assert (first.repeated, second.repeated) == (False, True)
    assert first.place == second.place == Place("main", vault.head("main"))


def test_operation_ids_belong_to_one_agent_and_one_kind_of_write(vault: Vault) -> None:
    done(vault, CreateAgent("bob", "bobs"))
    done(vault, Append("main", 0, label("a"), "op"))
    assert not done(vault, Append("bobs", 0, label("b"), "op")).repeated
    assert not done(vault, CreateCommit("main", 1, "first", "op")).repeated
    assert not done(vault, CreateBranch("f", "alice", "f", "fork", Place("main", 1), "op")).repeated
    assert isinstance(one(vault, Append("f", 1, label("c"), "op")), AlreadyExists), "another branch of the same agent"
    assert isinstance(one(vault, CreateCommit("f", 1, "second", "op")), AlreadyExists)
    assert vault.heads(["main", "bobs", "f"]) == {"main": 1, "bobs": 1, "f": 1}


def test_a_retried_branch_is_found_under_its_first_id(vault: Vault) -> None:
    append(vault, "main", "a")
    parent = Place("main", 1)
    first = done(vault, CreateBranch("f1", "alice", "what-if", "fork", parent, "op"))
    again = done(vault, CreateBranch("f2", "alice", "what-if", "fork", parent, "op"))
    assert again.repeated
    assert again.branch == first.branch
    refusal = one(vault, CreateBranch("f3", "alice", "other", "fork", parent, "op"))
    assert isinstance(refusal, AlreadyExists)
    assert [branch.name for branch in vault.branches("alice")] == ["main", "what-if"]


def test_a_retried_commit_names_the_place_it_named_first(vault: Vault) -> None:
    append(vault, "main", "a")
    first = done(vault, CreateCommit("main", 1, "before", "op"))
    append(vault, "main", "b")
    again = done(vault, CreateCommit("main", 2, "before", "op"))
    assert again.repeated
    assert again.commit == first.commit
    assert vault.commits("alice") == [first.commit]


def test_each_write_of_a_batch_is_judged_alone_and_sees_those_before(vault: Vault) -> None:
    outcomes = vault.write(
        [
            CreateAgent("bob", "bobs"),
            Append("bobs", 0, label("b1"), "1"),
            Append("bobs", 0, label("stale"), "2"),
            Append("bobs", 1, label("b2"), "3"),
            Append("nowhere", 0, label("lost"), "4"),
            CreateBranch("f", "bob", "f", "fork", Place("bobs", 2), "5"),
            CreateBranch("g", "bob", "f", "fork", Place("bobs", 2), "6"),
            Append("f", 2, label("f1"), "7"),
            CreateCommit("f", 3, "done", "8"),
            CreateCommit("f", 4, "too far", "9"),
            Append("main", 0, RolledBack(Place("f", 4), ("mood",)), "10"),
            Append("main", 0, RolledBack(Place("f", 3), ("mood",)), "11"),
            Append("main", 1, Remembered((memory_of(float("nan")),)), "12"),
            Append("main", 1, label("last"), "13"),
        ]
    )
    kinds = [type(outcome).__name__ for outcome in outcomes]
    ok = "Written"
    assert kinds[:7] == [ok, ok, "StaleWriter", ok, "PlaceNotFound", ok, "AlreadyExists"]
    assert kinds[7:] == [ok, ok, "PlaceNotFound", "PlaceNotFound", ok, "NotFinite", ok]
    assert labels(vault, "bobs") == [label("b1"), label("b2")]
    assert labels(vault, "f") == [label("f1")]
    assert vault.heads(["main", "bobs", "f"]) == {"main": 2, "bobs": 2, "f": 3}
    assert [found.message for found in vault.commits("bob")] == ["done"]


def memory_of(value: float) -> Memory:
    return Memory("m", "text", START, PAD(0, 0, 0), 1.0, 0.5, np.array([value], np.float32))


def test_a_fork_starts_where_it_left_and_goes_its_own_way(vault: Vault, clock: Clock) -> None:
    append(vault, "main", "a")
    append(vault, "main", "b")
    clock.tick()
    branch = fork(vault, "what-if", Place("main", 1))
    assert branch == Branch("what-if", "alice", "what-if", "main", "fork", "main", 1, clock.time)
    assert vault.head("what-if") == 1
    assert append(vault, "what-if", "x") == Place("what-if", 2)
    assert labels(vault, "what-if") == [label("x")]
    assert labels(vault, "main") == [label("a"), label("b")]
    assert vault.branch_named("alice", "what-if") == vault.branch("what-if") == branch
    assert vault.branches("alice") == [vault.find_agent("alice"), branch]


def test_a_clone_is_an_agent_with_the_same_past(vault: Vault) -> None:
    append(vault, "main", "a")
    made = done(vault, CreateBranch("twin", "alice-2", "main", "clone", Place("main", 1), "op")).branch
    assert made is not None
    assert (made.agent, made.lineage, made.kind, made.parent, made.fork_seq) == ("alice-2", "main", "clone", "main", 1)
    assert vault.find_agent("alice-2") == made
    assert vault.agents() == ["alice", "alice-2"]
    assert done(vault, CreateBranch("other", "alice-2", "main", "clone", Place("main", 1), "op")).repeated
    taken = one(vault, CreateBranch("third", "alice-2", "main", "clone", Place("main", 1), "op 2"))
    assert isinstance(taken, AlreadyExists)


def test_branches_that_cannot_be_are_refused(vault: Vault) -> None:
    parent = Place("main", 0)
    fork(vault, "f", parent)
    cases: list[tuple[CreateBranch, type[QuantumMemoryError]]] = [
        (CreateBranch("g", "alice", "f", "fork", parent, "1"), AlreadyExists),
        (CreateBranch("f", "alice", "g", "fork", parent, "2"), AlreadyExists),
        (CreateBranch("g", "alice", "g", "fork", Place("main", 1), "3"), PlaceNotFound),
        (CreateBranch("g", "alice", "g", "fork", Place("nowhere", 0), "4"), PlaceNotFound),
        (CreateBranch("g", "bob", "g", "fork", parent, "5"), InvalidValue),
    ]
    for write, error in cases:
        assert isinstance(one(vault, write), error), write
    assert len(vault.branches("alice")) == 2
    assert vault.agents() == ["alice"]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: CreateAgent("a/b", "x"), InvalidValue),
        (lambda: CreateAgent("a", "x" * 129), TooLong),
        (lambda: CreateBranch("x", "a", "b@c", "fork", Place("main", 0), "1"), InvalidValue),
        (lambda: CreateBranch("x", "a", "b", "root", Place("main", 0), "1"), InvalidValue),  # type: ignore[arg-type]  # the case
        (lambda: Append("main", -1, label("a"), "1"), InvalidValue),
        (lambda: Append("main", 0, label("a"), "a\x00b"), InvalidValue),
        (lambda: CreateCommit("main", 0, "m" * 5000, "1"), TooLong),
        (lambda: CreateCommit("main", True, "m", "1"), InvalidValue),
    ],
)
def test_a_write_checks_itself(make: Callable[[], Write], error: type[QuantumMemoryError]) -> None:
    with pytest.raises(error):
        make()


def test_an_event_may_only_point_to_what_was_written_before_it(vault: Vault) -> None:
    append(vault, "main", "a")
    pointing: list[Event] = [
        RolledBack(Place("main", 2), ("mood",)),
        RolledBack(Place("nowhere", 0), ("mood",)),
        Merged(Place("main", 2), None, (), (), (), None),
        Merged(Place("main", 1), Place("main", 2), (), (), (), None),
    ]
    for number, event in enumerate(pointing):
        assert isinstance(one(vault, Append("main", 1, event, f"{number}")), PlaceNotFound), event
    assert isinstance(one(vault, Append("main", 1, RolledBack(Place("main", 0), ()), "none")), InvalidValue)
    assert vault.head("main") == 1


def test_rollbacks_and_merges_are_listed_without_the_rest(vault: Vault) -> None:
    fork(vault, "f", Place("main", 0))
    append(vault, "f", "x")
    append(vault, "main", "a")
    back, forth = RolledBack(Place("main", 0), ("mood", "graph")), RolledBack(Place("main", 1), ("mood",))
    append(vault, "main", back)
    append(vault, "main", Merged(Place("f", 1), Place("main", 0), (memory_of(1.0),), (), (), None))
    append(vault, "main", forth)
    append(vault, "main", Merged(Place("f", 1), None, (), (), (), None))
    assert vault.rollbacks("main", 5) == [(2, back), (4, forth)]
    assert vault.rollbacks("main", 3) == [(2, back)]
    assert vault.rollbacks("f", 1) == []
    markers = [MergeMarker(3, Place("f", 1), Place("main", 0)), MergeMarker(5, Place("f", 1), None)]
    assert vault.merges("main", 5) == markers
    assert vault.merges("main", 4) == markers[:1]
    assert vault.merges("f", 1) == []


def test_a_name_means_the_same_place_in_every_database(vault: Vault) -> None:
    for name in "abc":
        append(vault, "main", name)
    first = commit(vault, Place("main", 3), "before", "op 1")
    named = commit(vault, Place("main", 2), "before", "op 2")
    assert vault.commits("alice") == [first, named]
    done(vault, CreateBranch("twin", "alice-2", "main", "clone", Place("main", 2), "clone"))
    done(vault, CreateBranch("f", "alice-2", "what-if", "fork", Place("main", 1), "fork"))
    for branch in ("main", "twin", "f"):
        for ref in (named.id, "before", named.id[:6]):
            assert vault.find_place(branch, ref) == named.place
        for ref in (named.id[:5], "a\x00b", "\ud800", ""):
            with pytest.raises(PlaceNotFound):
                vault.find_place(branch, ref)
    assert vault.find_place("f", "main") == Place("twin", 2)
    assert vault.find_place("twin", "what-if") == Place("f", 1)
    with pytest.raises(PlaceNotFound):
        vault.find_place("main", "what-if")


def test_the_embedding_of_a_vault_is_kept(storage: str, clock: Clock) -> None:
    for embedding in ("minilm/1", None, "minilm/1"):
        with Vault.open(storage, now=clock, embedding=embedding) as vault:
            assert vault.embedding == "minilm/1"
    with pytest.raises(OtherEmbedding, match="embedded by minilm/1, asked for minilm/2"):
        Vault.open(storage, now=clock, embedding="minilm/2")


def test_times_of_a_branch_never_go_back(vault: Vault, clock: Clock) -> None:
    noon = clock.tick(3600)
    append(vault, "main", "a")
    clock.tick(-1800)
    append(vault, "main", "b")
    branch = fork(vault, "f", Place("main", 2))
    append(vault, "f", "c")
    named = commit(vault, Place("f", 3), "here")
    assert [entry.at for entry in vault.entries("main", 0, 2)] == [noon, noon]
    assert branch.created_at == vault.entries("f", 2, 3)[0].at == named.at == noon
    later = clock.tick(7200)
    append(vault, "main", "d")
    assert vault.entries("main", 2, 3)[0].at == later


def test_a_place_is_found_by_time_across_the_fork(vault: Vault, clock: Clock) -> None:
    times = [clock.time]
    for name in "abcde":
        times.append(clock.tick(10))
        append(vault, "main", name)
    fork(vault, "f", Place("main", 3))
    times.append(clock.tick(10))
    append(vault, "f", "x")
    second = timedelta(seconds=1)
    for seq in (1, 2, 3, 4, 5):
        assert vault.place_at("main", times[seq]) == Place("main", seq)
        assert vault.place_at("main", times[seq] + second) == Place("main", seq)
        assert vault.place_at("main", times[seq] - second) == Place("main", seq - 1)
    assert vault.place_at("f", times[6]) == Place("f", 4)
    assert vault.place_at("f", times[6] - second) == Place("main", 3), (
        "what the parent did after the fork is not its past"
    )
    assert vault.place_at("f", times[2]) == Place("main", 2)
    assert vault.place_at("f", times[0] - second) == Place("main", 0)
    assert vault.place_at("f", (times[2] + second).replace(tzinfo=None)) == Place("main", 2)


def test_a_fork_from_below_its_parents_own_fork_has_the_grandparents_past(vault: Vault, clock: Clock) -> None:
    for name in "abcd":
        append(vault, "main", name)
        clock.tick(10)
    fork(vault, "f", Place("main", 3))
    fork(vault, "g", Place("f", 1))
    assert vault.place_at("g", clock.time) == Place("main", 1)
    assert [entry.place for entry in vault.log("g")] == [Place("main", 1)]


def test_of_events_written_at_one_time_the_last_is_the_place(vault: Vault, clock: Clock) -> None:
    for name in "abc":
        append(vault, "main", name)
    assert vault.place_at("main", clock.time) == Place("main", 3)


def test_the_log_is_read_newest_first_across_forks_with_commits(vault: Vault) -> None:
    for name in "abcd":
        append(vault, "main", name)
    in_main = commit(vault, Place("main", 2), "in main")
    after = commit(vault, Place("main", 4), "after the fork")
    fork(vault, "f", Place("main", 3))
    at_fork = commit(vault, Place("f", 3), "at the fork")
    long_ago = commit(vault, Place("f", 1), "long ago")
    fork(vault, "g", Place("f", 3))
    append(vault, "g", "x")
    append(vault, "g", "y")
    in_g = commit(vault, Place("g", 5), "in g")
    log = vault.log("g")
    told = ["x", "y", "a", "b", "c"]
    assert [entry.place for entry in log] == [
        Place(*place) for place in (("g", 5), ("g", 4), ("main", 3), ("main", 2), ("main", 1))
    ]
    assert [entry.summary for entry in log] == [f"1 memory: {told[n]}" for n in (1, 0, 4, 3, 2)]
    assert {entry.kind for entry in log} == {"forgotten"}
    assert [entry.commits for entry in log] == [(in_g,), (), (at_fork,), (in_main,), (long_ago,)]
    assert vault.log("main", limit=1)[0].commits == (after,)
    for limit in (1, 2, 3, 5):
        pages, before = [], None
        while page := vault.log("g", limit=limit, before=before):
            pages += page
            before = page[-1].place.seq
        assert pages == log, limit
    with pytest.raises(InvalidValue, match="limit"):
        vault.log("g", limit=0)


def test_everything_is_there_after_closing_and_opening(storage: str, clock: Clock) -> None:
    with Vault.open(storage, now=clock) as vault:
        done(vault, CreateAgent("alice", "main"))
        append(vault, "main", "a")
        fork(vault, "f", Place("main", 1))
        append(vault, "f", "x")
        named = commit(vault, Place("f", 2), "here")
        branches = vault.branches("alice")
        first = done(vault, Append("main", 1, label("b"), "op"))
    with Vault.open(storage, now=clock) as vault:
        assert vault.branches("alice") == branches
        assert vault.commits("alice") == [named]
        assert vault.heads(["main", "f"]) == {"main": 2, "f": 2}
        assert labels(vault, "main") == [label("a"), label("b")]
        again = done(vault, Append("main", 1, label("b"), "op"))
        assert (again.repeated, again.place) == (True, first.place)
        assert append(vault, "f", "y") == Place("f", 3)


def test_a_second_vault_is_refused_until_the_first_is_closed(storage: str, clock: Clock) -> None:
    with Vault.open(storage, now=clock) as vault:
        with pytest.raises(StorageLocked):
            Vault.open(storage, now=clock)
        done(vault, CreateAgent("alice", "main"))
    with Vault.open(storage, now=clock) as vault:
        assert vault.agents() == ["alice"]


def test_a_closed_vault_says_so(storage: str, clock: Clock) -> None:
    vault = Vault.open(storage, now=clock)
    vault.close()
    vault.close()
    with pytest.raises(VaultUnavailable, match="closed"):
        vault.write([CreateAgent("alice", "main")])
    with pytest.raises(VaultUnavailable, match="closed"):
        vault.agents()


def test_readers_see_every_write_that_returned_and_never_half_a_batch(vault: Vault) -> None:
    size, rounds = 5, 40
    acknowledged = 0
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            least = acknowledged
            head = vault.head("main")
            assert head >= least
            assert head % size == 0
            assert len(vault.entries("main", 0, head)) == head

    with ThreadPoolExecutor(3) as pool:
        watchers = [pool.submit(watch) for _ in range(3)]
        try:
            for start in range(0, size * rounds, size):
                batch = [Append("main", seq, label(f"{seq}"), f"{seq}") for seq in range(start, start + size)]
                outcomes = vault.write(batch)
                assert all(isinstance(outcome, Written) for outcome in outcomes)
                acknowledged = start + size
        finally:
            stop.set()
        for watcher in watchers:
            watcher.result()


def test_threads_that_write_at_once_never_share_a_number(vault: Vault) -> None:
    def work(name: str) -> int:
        won = 0
        while won < 15:
            head = vault.head("main")
            won += isinstance(one(vault, Append("main", head, label(name), f"{name}:{head}:{won}")), Written)
        return won

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, "abcd")) == [15] * 4
    assert vault.head("main") == len(labels(vault, "main")) == 60


def test_an_empty_batch_is_nothing(vault: Vault) -> None:
    assert vault.write([]) == []


def alter(storage: str, statement: str, **values: object) -> None:
    """Do to the database what a vault would not."""
    engine = sa.create_engine(database_url(storage), poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        changed = connection.execute(sa.text(statement), values)
        assert changed.rowcount != 0, statement


def test_a_newer_schema_is_refused(storage: str, clock: Clock) -> None:
    Vault.open(storage, now=clock).close()
    alter(storage, "UPDATE alembic_version SET version_num = '0099'")
    with pytest.raises(NewerSchema, match="version 99, this package knows versions up to 6"):
        Vault.open(storage, now=clock)
    alter(storage, "UPDATE alembic_version SET version_num = 'x'")
    with pytest.raises(CorruptRecord, match="alembic_version"):
        Vault.open(storage, now=clock)


def test_a_flipped_byte_in_a_record_is_found_by_its_place(vault: Vault, storage: str) -> None:
    for name in "abc":
        append(vault, "main", name)
    engine = sa.create_engine(database_url(storage), poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        payload = bytearray(connection.execute(sa.text("SELECT payload FROM journal WHERE seq = 2")).scalar_one())
    payload[len(payload) // 2] ^= 1
    alter(storage, "UPDATE journal SET payload = :payload WHERE seq = 2", payload=bytes(payload))
    with pytest.raises(CorruptRecord, match="entry main@2: its checksum does not match"):
        vault.entries("main", 0, 3)
    with pytest.raises(CorruptRecord):
        vault.log("main")
    assert len(vault.entries("main", 2, 3)) == 1


def test_a_lost_entry_is_found(vault: Vault, storage: str) -> None:
    for name in "abc":
        append(vault, "main", name)
    alter(storage, "DELETE FROM journal WHERE seq = 2")
    with pytest.raises(CorruptRecord, match=r"2 entries in 1\.\.3"):
        vault.entries("main", 0, 3)


def test_rows_written_behind_its_back_fail_the_batch_and_then_are_seen(vault: Vault, storage: str) -> None:
    append(vault, "main", "a")
    alter(
        storage,
        "INSERT INTO journal (position, branch, seq, at, kind, agent, op_id, payload)"
        " SELECT position + 1, branch, 2, at, kind, agent, 'foreign', payload FROM journal",
    )
    with pytest.raises(WriteFailed, match=r"IntegrityError|UniqueViolation"):
        vault.write([Append("main", 1, label("b"), "op"), CreateAgent("bob", "bobs")])
    assert vault.agents() == ["alice"], "nothing of the batch was kept"
    assert vault.head("main") == 2
    assert append(vault, "main", "c") == Place("main", 3), "the position is read anew as well"


def test_a_database_of_something_else_is_left_alone(storage: str, clock: Clock) -> None:
    Vault.open(storage, now=clock).close()
    alter(storage, "DROP TABLE meta")
    with pytest.raises(InvalidValue, match="an empty database or a vault"):
        Vault.open(storage, now=clock)


@pytest.mark.slow
@pytest.mark.postgres
def test_a_lost_server_fails_the_write_and_the_next_one_reconnects_with_its_lock(server: Server, clock: Clock) -> None:
    server.execute("CREATE DATABASE lost")
    with Vault.open(server.url("lost"), now=clock) as vault:
        done(vault, CreateAgent("alice", "main"))
        append(vault, "main", "a")
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'lost'")
        with pytest.raises(WriteFailed) as failure:
            vault.write([Append("main", 1, label("b"), "op")])
        assert server.url("lost") not in str(failure.value), "a password must not be told"
        assert done(vault, Append("main", 1, label("b"), "op")).place == Place("main", 2)
        with pytest.raises(StorageLocked):
            Vault.open(server.url("lost"), now=clock)
        assert labels(vault, "main") == [label("a"), label("b")]


@pytest.mark.slow
@pytest.mark.postgres
def test_a_server_that_is_not_there_is_unavailable(server: Server, clock: Clock) -> None:
    with pytest.raises(VaultUnavailable, match="does not exist"):
        Vault.open(server.url("never_made"), now=clock)


def test_the_log_of_one_memory_has_what_brought_and_changed_it_and_nothing_else(vault: Vault) -> None:
    """Against looking at every event of the whole log, with pages of any length, across a fork."""
    for number, name in enumerate("abcabxa"):
        append(vault, "main", name)
        if number == 3:
            fork(vault, "f", Place("main", 4))
            append(vault, "f", "a")
    append(vault, "main", RolledBack(Place("main", 2), ("memories",)))
    append(vault, "main", RolledBack(Place("main", 2), ("mood",)))
    for branch, of_a in (("main", [8, 7, 4, 1]), ("f", [5, 4, 1])):
        assert [entry.place.seq for entry in vault.log(branch, about="a")] == of_a
        for limit in (1, 2, 3):
            pages, before = [], None
            while page := vault.log(branch, limit, before, about="a"):
                pages += page
                before = page[-1].place.seq
            assert [entry.place.seq for entry in pages] == of_a, limit
    assert vault.log("f", about="nobody") == []


def test_agents_between_two_names_come_in_the_order_of_code_points(vault: Vault) -> None:
    names = ["B", "a", "b:1", "b:2", "d", "\u00e9", "\U0001f600"]
    for number, name in enumerate(names):
        done(vault, CreateAgent(name, f"root-{number}"))
    shown = sorted(["alice", *names])
    assert vault.agents_between("", None, 100) == shown == vault.agents()
    assert vault.agents_between("b:", "b;", 100) == ["b:1", "b:2"]
    assert vault.agents_between("b:1", "b;", 100) == ["b:2"]
    assert vault.agents_between("b", None, 2) == ["b:1", "b:2"]
    assert vault.agents_between("\U0001f600", None, 2) == []


def test_branches_of_many_agents_are_those_of_each(vault: Vault) -> None:
    """Also of more than one question asks for, those of one name alone, and so many at most."""
    names = ["alice", *(f"n{number}" for number in range(600))]
    for number, name in enumerate(names[1:]):
        done(vault, CreateAgent(name, f"root-{number}"))
    append(vault, "main", "a")
    fork(vault, "f", Place("main", 1))
    fork(vault, "gone", Place("main", 1))
    done(vault, DeleteBranch("gone", "delete gone"))
    every = vault.branches_of(names, None, 10_000)
    assert {one.id: one for one in every} == {one.id: one for name in names for one in vault.branches(name)}
    assert len(every) == 602
    for most in (1, 2, 3, 501, 602):
        assert vault.branches_of(names, None, most) == every[:most]
    (forked,) = vault.branches_of([*names, "nobody"], "f", 10)
    assert (forked.agent, forked.id) == ("alice", "f")
    assert vault.branches_of(names, "no\x00name", 10) == vault.branches_of([], None, 10) == []
