"""Reading what was sealed: the same events wherever they lie, and the rest where some are damaged."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import CorruptRecord, PlaceNotFound, QuantumMemoryError, Quarantined, VaultUnavailable
from quantum_memory.memory.events import Event, RolledBack
from quantum_memory.memory.vault import Append, Vault, Written
from quantum_memory.memory.vault.blocks import MemoryBlocks
from quantum_memory.memory.vault.catalog import Head
from quantum_memory.memory.vault.segments import Row, build
from quantum_memory.memory.vault.writes import CommitTransaction
from quantum_memory.types import PARTS, Place
from tests.unit.postgres import ON_POSTGRES
from tests.unit.scribe import START, Clock, Scribe, change, label, last, rows

COLUMNS = "seq, at, kind, op_id, agent, position, payload"


@pytest.fixture(params=["sqlite", "memory", ON_POSTGRES])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        return "memory://"
    return str(tmp_path / "vault") if request.param == "sqlite" else str(request.getfixturevalue("postgres"))


@pytest.fixture
def scribe(storage: str) -> Iterator[Scribe]:
    """Alice with ten events, of which the fifth is a rollback; 1..4 and 5..8 lie in two segments."""
    with Vault.open(storage, now=Clock(), blocks=MemoryBlocks()) as vault:
        made = Scribe(vault)
        made.agent("alice", "main")
        for number in range(1, 11):
            made.add("main", RolledBack(Place("main", 2), PARTS) if number == 5 else f"e{number}")
        yield made


def seal(vault: Vault, branch: str, first: int, last_seq: int) -> str:
    """What the keeper does: the name of the block."""
    assert vault.blocks is not None
    found = rows(
        vault,
        f"SELECT {COLUMNS} FROM journal WHERE branch = :b AND seq BETWEEN :f AND :l ORDER BY seq",  # noqa: S608
        b=branch,
        f=first,
        l=last_seq,
    )
    name = vault.blocks.put(build(branch, [Row(*row) for row in found], 3))  # type: ignore[arg-type]  # as selected
    change(
        vault,
        "INSERT INTO segments (branch, first_seq, last_seq, block, raw_bytes, bytes, at, state)"
        " VALUES (:b, :f, :l, :block, 1, 1, 0, 'live')",
        b=branch,
        f=first,
        l=last_seq,
        block=name,
    )
    change(
        vault,
        "UPDATE journal SET payload = NULL WHERE branch = :b AND seq BETWEEN :f AND :l AND kind <> 'rolled_back'",
        b=branch,
        f=first,
        l=last_seq,
    )
    return name


def quarantine(vault: Vault, block: str) -> None:
    change(vault, "UPDATE segments SET state = 'quarantined' WHERE block = :b", b=block)


def told(vault: Vault) -> list[object]:
    """Everything that is read from entries."""
    return [
        [vault.entries("main", after, upto) for after in range(11) for upto in range(after, 11)],
        [vault.log("main", limit, before) for limit in (1, 4, 50) for before in (None, 3, 9)],
        vault.rollbacks("main", 10),
        vault.audit("alice"),
        vault.audit(),
        [vault.place_at("main", START + timedelta(days=days)) for days in (-1, 0, 1)],
    ]


def test_sealed_entries_read_as_they_did(scribe: Scribe) -> None:
    before = told(scribe.vault)
    seal(scribe.vault, "main", 1, 4)
    assert told(scribe.vault) == before
    seal(scribe.vault, "main", 5, 8)
    assert told(scribe.vault) == before
    assert scribe.done(Append("main", 0, label("other"), "s.1")).repeated, "a retry finds its operation"
    assert [hit.place.seq for hit in scribe.vault.find()] == []


def test_a_payload_in_its_row_wins(scribe: Scribe) -> None:
    vault = scribe.vault
    ((payload,),) = rows(vault, "SELECT payload FROM journal WHERE seq = 2")
    quarantine(vault, seal(vault, "main", 1, 4))
    change(vault, "UPDATE journal SET payload = :p WHERE seq = 2", p=payload)
    assert [entry.event for entry in vault.entries("main", 1, 2)] == [label("e2")]
    with pytest.raises(Quarantined):
        vault.entries("main", 1, 3)


def test_what_is_in_quarantine_is_refused_by_name_and_the_rest_still_serves(
    scribe: Scribe, caplog: pytest.LogCaptureFixture
) -> None:
    vault = scribe.vault
    log, audited = vault.log("main"), vault.audit("alice")
    seal(vault, "main", 1, 4)
    block = seal(vault, "main", 5, 8)
    quarantine(vault, block)
    with pytest.raises(Quarantined, match=block):
        vault.entries("main", 0, 10)
    with pytest.raises(Quarantined, match=block):
        vault.log("main")
    assert len(vault.entries("main", 0, 5)) == 5, "a rollback keeps its payload"
    assert len(vault.log("main", before=6)) == 5
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            served = vault.entries("main", 0, 10, damaged="skip")
            assert [entry.place.seq for entry in served] == [1, 2, 3, 4, 5, 9, 10]
            spared = vault.log("main", damaged="skip")
            assert [entry.place for entry in spared] == [entry.place for entry in log]
            assert [entry.summary for entry in spared[2:5]] == ["its record is damaged"] * 3
            assert spared[:2] + spared[5:] == log[:2] + log[5:]
            assert [entry.position for entry in vault.audit("alice")] == [entry.position for entry in audited]
    assert [record.getMessage().count(block) for record in caplog.records] == [1], "told once"


def test_a_block_that_is_gone_is_skipped_like_a_damaged_one(scribe: Scribe, caplog: pytest.LogCaptureFixture) -> None:
    vault = scribe.vault
    block = seal(vault, "main", 1, 4)
    assert vault.blocks is not None
    vault.blocks.remove(block)
    with pytest.raises(CorruptRecord):
        vault.entries("main", 0, 10)
    with caplog.at_level(logging.WARNING):
        assert [entry.place.seq for entry in vault.entries("main", 2, 10, "skip")] == [5, 6, 7, 8, 9, 10]
    assert len(caplog.records) == 1


def test_a_row_whose_segment_nobody_knows_is_damaged(scribe: Scribe, caplog: pytest.LogCaptureFixture) -> None:
    vault = scribe.vault
    change(vault, "UPDATE journal SET payload = NULL WHERE seq = 3")
    with pytest.raises(CorruptRecord, match="entry main@3: it was sealed, and no segment has it"):
        vault.entries("main", 0, 10)
    with caplog.at_level(logging.WARNING):
        assert len(vault.entries("main", 0, 10, "skip")) == 9
    assert "main@3" in caplog.text


def test_lost_and_flipped_rows_are_skipped_too(scribe: Scribe, caplog: pytest.LogCaptureFixture) -> None:
    vault = scribe.vault
    change(vault, "DELETE FROM journal WHERE seq = 3")
    change(vault, "UPDATE journal SET payload = :p WHERE seq = 7", p=b"\x01" + b"\x00" * 20)
    with pytest.raises(CorruptRecord):
        vault.entries("main", 0, 10)
    with caplog.at_level(logging.WARNING):
        assert [entry.place.seq for entry in vault.entries("main", 0, 10, "skip")] == [1, 2, 4, 5, 6, 8, 9, 10]
    assert [("9 entries in 1..10" in caplog.text), ("main@7" in caplog.text)] == [True, True]
    with pytest.raises(PlaceNotFound):
        vault.entries("main", 0, 11, "skip")


def test_a_missing_row_has_no_time(scribe: Scribe) -> None:
    change(scribe.vault, "DELETE FROM journal WHERE seq = 6")
    with pytest.raises(CorruptRecord, match="main@6: it is missing"):
        scribe.vault.place_at("main", START)


def test_without_its_blocks_what_is_sealed_is_not_skipped_but_unavailable(tmp_path: Path) -> None:
    with Vault.open(tmp_path, now=Clock(), blocks=MemoryBlocks()) as vault:
        scribe = Scribe(vault)
        scribe.agent("alice", "main")
        scribe.add("main", "a")
        scribe.add("main", "b")
        seal(vault, "main", 1, 1)
    with Vault.open(tmp_path, now=Clock()) as vault:
        assert vault.blocks is None
        assert vault.shelf is None
        for damaged in ("raise", "skip"):
            with pytest.raises(VaultUnavailable, match="opened without its blocks"):
                vault.entries("main", 0, 2, damaged)
        assert len(vault.entries("main", 1, 2)) == 1


def test_a_sealed_transaction_is_moved_all_the_same(scribe: Scribe) -> None:
    vault = scribe.vault
    scribe.begin("t", "main")
    events: list[Event] = [label("x"), RolledBack(Place("t", 11), PARTS), label("y")]
    for event in events:
        scribe.add("t", event)
    block = seal(vault, "t", 11, 13)
    quarantine(vault, block)
    before = last(vault)
    assert isinstance(scribe.one(CommitTransaction("t", "early")), Quarantined)
    assert (vault.head("main"), last(vault)) == (10, before)
    change(vault, "UPDATE segments SET state = 'live'")
    kept = scribe.keep("t")
    assert [entry.event for entry in kept.entries] == [
        label("x"),
        RolledBack(Place("main", 11), PARTS),
        label("y"),
    ]


def test_a_vault_in_memory_has_blocks_of_its_own_and_is_gone_when_closed() -> None:
    with Vault.open("memory://", now=Clock()) as vault:
        assert vault.blocks is not None
        assert vault.shelf is not None
        Scribe(vault).agent("alice", "main")
    with Vault.open("memory://", now=Clock()) as vault:
        assert vault.agents() == []


def test_maintenance_makes_readers_look_again_and_gives_its_number_back_if_it_fails(scribe: Scribe) -> None:
    vault = scribe.vault
    position = last(vault)
    assert vault.head("main") == 10
    with vault.maintenance() as batch:
        change_ = "DELETE FROM journal WHERE seq = 10"
        batch.connection.exec_driver_sql(change_)
        assert batch.note("collected", "alice", detail="1 row") == position + 1
    assert vault.head("main") == 9
    assert vault.audit("alice")[0].action == "collected"
    with suppress(ZeroDivisionError), vault.maintenance() as batch:
        batch.note("never")
        raise ZeroDivisionError
    vault.note("restored", detail="from there")
    assert [(entry.position, entry.action) for entry in vault.audit()][:2] == [
        (position + 2, "restored"),
        (position + 1, "collected"),
    ]


def test_batches_of_many_threads_never_share_a_number_or_a_position(tmp_path: Path) -> None:
    with Vault.open(tmp_path, now=Clock()) as vault:
        scribe = Scribe(vault)
        for name in "abcd":
            scribe.agent(name, name)

        def work(name: str) -> None:
            for seq in range(30):
                (outcome,) = vault.write([Append(name, seq, label(f"{seq}"), f"{seq}")])
                assert isinstance(outcome, Written), outcome
                vault.note("noted", name)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, "abcd"))
        told_ = rows(vault, "SELECT position FROM journal UNION ALL SELECT position FROM audit")
        assert sorted(row[0] for row in told_) == list(range(1, 4 + 240 + 1))  # type: ignore[type-var]  # numbers


def test_a_writer_waits_until_readers_know_what_the_one_before_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Vault.open(tmp_path, now=Clock()) as vault, ThreadPoolExecutor(1) as pool:
        scribe = Scribe(vault)
        scribe.agent("alice", "main")
        scribe.add("main", "a")
        others: list[Future[list[Written | QuantumMemoryError]]] = []
        held = vault._catalog.held_heads
        changed = held.changed

        def slowly(items: Iterable[tuple[str, Head]]) -> None:
            if not others:
                others.append(pool.submit(vault.write, [Append("main", 2, label("c"), "other")]))
                wait(others, timeout=0.2)  # in vain: it has not had its turn yet
            changed(items)

        monkeypatch.setattr(held, "changed", slowly)
        scribe.add("main", "b")
        (outcome,) = others[0].result()
        assert isinstance(outcome, Written), outcome
        assert scribe.labels("main") == ["a", "b", "c"]


STRETCHES = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["open", "live", "quarantined", "gone"])), max_size=6)


@settings(deadline=None, max_examples=50)
@given(STRETCHES, st.integers(0, 30), st.integers(0, 30))
def test_skipping_leaves_out_just_what_is_damaged(stretches: list[tuple[int, str]], one: int, two: int) -> None:
    with Vault.open("memory://", now=Clock()) as vault:
        scribe = Scribe(vault)
        scribe.agent("alice", "main")
        states = [state for length, state in stretches for _ in range(length)]
        for seq in range(1, len(states) + 1):
            scribe.add("main", f"e{seq}")
        first = 1
        assert vault.blocks is not None
        for length, state in stretches:
            if state != "open":
                block = seal(vault, "main", first, first + length - 1)
                if state == "quarantined":
                    quarantine(vault, block)
                elif state == "gone":
                    vault.blocks.remove(block)
            first += length
        after, upto = sorted((min(one, len(states)), min(two, len(states))))
        wanted = [seq for seq in range(after + 1, upto + 1) if states[seq - 1] in ("open", "live")]
        served = vault.entries("main", after, upto, "skip")
        assert [(entry.place.seq, entry.event) for entry in served] == [(seq, label(f"e{seq}")) for seq in wanted]
        if len(wanted) == upto - after:
            assert vault.entries("main", after, upto) == served
        else:
            with pytest.raises((Quarantined, CorruptRecord)):
                vault.entries("main", after, upto)
