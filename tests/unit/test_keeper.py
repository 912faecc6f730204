"""Sealing and joining: the vault reads the same before, after and between, whatever stops the keeper in the middle."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from quantum_memory.errors import (
    CorruptRecord,
    InvalidValue,
    OutOfRange,
    Quarantined,
    VaultUnavailable,
    WriteFailed,
)
from quantum_memory.memory.events import Event, Forgotten, Merged, Remembered, RolledBack
from quantum_memory.memory.vault import Append, CreateAgent, CreateBranch, Vault, Write, Written, keeper, schema
from quantum_memory.memory.vault.blocks import BlockStore, MemoryBlocks, open_blocks
from quantum_memory.memory.vault.codec import encode
from quantum_memory.memory.vault.keeper import Background, Keeper, put_aside
from quantum_memory.memory.vault.owner import claim
from quantum_memory.memory.vault.segments import Listed, SegmentReader, build, load
from quantum_memory.memory.vault.writes import DeleteBranch
from quantum_memory.types import PARTS, BranchId, Place
from tests.unit.test_segments import memory, remembered

START = datetime(2026, 1, 1, tzinfo=UTC)
VECTORS = remembered(8, 16)


def now() -> datetime:
    return START


def event(seq: int) -> Event:
    """What every branch of these tests has at a number: mostly memories, and one of each other sort now and then."""
    if seq % 11 == 7:
        return RolledBack(Place("main", 0), PARTS)
    if seq % 5 == 3:
        return Forgotten((f"m{seq - 1}",))
    if seq % 13 == 5:
        return Merged(Place("main", 0), None, (), (), (), None)
    return Remembered((memory(seq, np.full(16, seq, np.float32)),))


def do(vault: Vault, *writes: Write) -> None:
    for outcome in vault.write(list(writes)):
        assert isinstance(outcome, Written), outcome


def live(vault: Vault, count: int, branch: BranchId = "main") -> None:
    head = vault.head(branch)
    do(vault, *(Append(branch, seq - 1, event(seq), f"{branch}.{seq}") for seq in range(head + 1, head + count + 1)))


def read(vault: Vault, branch: BranchId = "main") -> list[tuple[int, bytes]]:
    """All own events of a branch, through segments where they are sealed."""
    own = vault.entries(branch, vault.branch(branch).fork_seq, vault.head(branch))
    return [(entry.place.seq, encode(entry.event)) for entry in own]


def rows(vault: Vault, select: Any) -> list[Any]:
    with vault.database.read() as connection:
        return [tuple(row) for row in connection.execute(select)]


def unsealed(vault: Vault, branch: BranchId = "main") -> list[tuple[int, str]]:
    """The numbers and kinds of events whose payload is still in the journal."""
    j = schema.journal.c
    return rows(vault, sa.select(j.seq, j.kind).where(j.branch == branch, j.payload.is_not(None)).order_by(j.seq))


def stretches(vault: Vault, branch: BranchId = "main") -> list[tuple[int, int]]:
    s = schema.segments.c
    return rows(vault, sa.select(s.first_seq, s.last_seq).where(s.branch == branch).order_by(s.first_seq))


def sizes(vault: Vault, branch: BranchId = "main") -> list[int]:
    return [last - first + 1 for first, last in stretches(vault, branch)]


@pytest.fixture
def blocks(tmp_path: Path) -> BlockStore:
    return open_blocks(tmp_path / "blocks")


@pytest.fixture
def vault(storage: str, blocks: BlockStore) -> Iterator[Vault]:
    with Vault.open(storage, now=now, blocks=blocks) as opened:
        do(opened, CreateAgent("alice", "main"))
        yield opened


@contextmanager
def in_memory() -> Iterator[tuple[Vault, MemoryBlocks]]:
    blocks = MemoryBlocks()
    with Vault.open("memory://", now=now, blocks=blocks) as vault:
        do(vault, CreateAgent("alice", "main"))
        yield vault, blocks


def small(vault: Vault, blocks: BlockStore, **knobs: int) -> Keeper:
    return Keeper(vault.database, blocks, now, **{"seal_events": 4, "segment_events": 16, **knobs})


def test_what_was_sealed_reads_as_before_and_only_rollbacks_stay_in_the_database(
    vault: Vault, blocks: BlockStore
) -> None:
    live(vault, 30)
    before = read(vault)
    done = small(vault, blocks).settle()
    assert read(vault) == before == [(seq, encode(event(seq))) for seq in range(1, 31)]
    assert unsealed(vault) == [(7, "rolled_back"), (18, "rolled_back"), (29, "rolled_back"), (30, "remembered")]
    assert stretches(vault)[-1][1] == 28
    assert {work.kind for work in done} == {"looked", "sealed", "cleared"}
    assert vault.rollbacks("main", 30)[0][0] == 7
    live(vault, 2)
    assert read(vault)[-1] == (32, encode(event(32)))


def test_rows_can_be_rebuilt_from_segments_alone(vault: Vault, blocks: BlockStore) -> None:
    live(vault, 16)
    j = schema.journal.c
    columns = (j.seq, j.at, j.kind, j.op_id, j.agent, j.position, j.payload)
    before = rows(vault, sa.select(*columns).order_by(j.seq))
    small(vault, blocks).settle()
    found = []
    for info in blocks.listing():
        segment = load(blocks, "main", Listed(1, 16, info.name, 0, "live")) if info.nbytes else None
        assert segment is not None
        found = segment.rows()
    assert [tuple(row) for row in found] == before


@pytest.mark.parametrize("count", [*range(1, 14), 31])
def test_segments_are_joined_as_a_binary_counter_carries(count: int) -> None:
    with in_memory() as (vault, blocks):
        work = small(vault, blocks, segment_events=64)
        for _ in range(count):
            live(vault, 4)
            work.settle()
        assert sizes(vault) == [4 << bit for bit in reversed(range(8)) if count >> bit & 1]
        assert read(vault) == [(seq, encode(event(seq))) for seq in range(1, 4 * count + 1)]


def test_a_long_tail_is_sealed_in_large_pieces_at_once() -> None:
    with in_memory() as (vault, blocks):
        live(vault, 55)
        done = small(vault, blocks).settle()
        assert [work.last_seq - work.first_seq + 1 for work in done if work.kind == "sealed"] == [16, 16, 16, 4]
        assert sizes(vault) == [16, 16, 16, 4]


def test_a_segment_is_full_by_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "SEGMENT_BYTES", 1500)
    with in_memory() as (vault, blocks):
        live(vault, 64)
        small(vault, blocks, segment_events=64).settle()
        assert max(sizes(vault)) < 20
        assert sum(sizes(vault)) > 60
        assert [entry for entry, _ in read(vault)] == list(range(1, 65))
        raw = rows(vault, sa.select(schema.segments.c.raw_bytes))
        assert max(raw)[0] < 1500 + 300


def test_when_there_is_nothing_to_do_finding_out_is_one_question() -> None:
    with in_memory() as (vault, blocks):
        live(vault, 23)
        work = small(vault, blocks)
        work.settle()
        asked: list[str] = []
        with vault.database.read() as connection:
            sa.event.listen(connection.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
        assert work.step().kind == "nothing"
        assert len(asked) == 1
        assert "max(journal.position)" in asked[0]


def test_each_branch_is_sealed_by_itself_but_no_transaction_and_nothing_deleted() -> None:
    with in_memory() as (vault, blocks):
        live(vault, 3)
        for name, kind in (("side", "fork"), ("gone", "fork"), ("open", "transaction")):
            do(vault, CreateBranch(name, "alice", name, kind, Place("main", 2), name))  # type: ignore[arg-type]  # one of them each
            live(vault, 9, name)
        do(vault, DeleteBranch("gone", "d"))
        small(vault, blocks).settle()
        assert {name: stretches(vault, name) for name in ("main", "side", "gone", "open")} == {
            "main": [],
            "side": [(3, 10)],
            "gone": [],
            "open": [],
        }
        assert read(vault, "side") == [(seq, encode(event(seq))) for seq in range(3, 12)]


class Boom(Exception):
    """The power goes."""


class Fragile:
    """A database and a store that fail once, before or after the n-th thing that they do."""

    def __init__(self, vault: Vault, blocks: BlockStore, fail_at: int) -> None:
        self.left = fail_at
        self.database, self.blocks = vault.database, blocks

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Boom

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        self.tick()
        with self.database.transaction() as connection:
            yield connection
            self.tick()
        self.tick()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        self.tick()
        with self.database.read() as connection:
            yield connection

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self.blocks, name)

        def call(*given: Any) -> Any:
            self.tick()
            found = inner(*given)
            self.tick()
            return found

        return call


@pytest.mark.slow
def test_a_crash_at_any_step_leaves_a_vault_that_reads_the_same_and_is_finished_later() -> None:
    crashes = 0
    for fail_at in range(1, 500):
        with in_memory() as (vault, blocks):
            live(vault, 11)
            small(vault, blocks).settle()  # 8 sealed, 3 waiting: the next joins
            live(vault, 10)
            before = read(vault)
            fragile = Fragile(vault, blocks, fail_at)
            work = Keeper(fragile, fragile, now, seal_events=4, segment_events=16)  # type: ignore[arg-type]  # stands in for both
            try:
                work.settle()
            except Boom:
                crashes += 1
            else:
                break
            assert read(vault) == before
            live(vault, 1)
            small(vault, blocks).settle()
            assert read(vault) == [(seq, encode(event(seq))) for seq in range(1, 23)]
            assert [seq for seq, kind in unsealed(vault) if kind != "rolled_back"] == [21, 22]
            assert sum(sizes(vault)) == 20
    assert crashes > 40


LIFE = """
import sys, threading
from quantum_memory.memory.vault import CreateAgent, Append, Vault
from quantum_memory.memory.vault.blocks import open_blocks
from quantum_memory.memory.vault.keeper import Background, Keeper
from tests.unit.test_keeper import event, now
folder = sys.argv[1]
blocks = open_blocks(folder + "/blocks")
with Vault.open(folder, now=now, blocks=blocks) as vault:
    vault.write([CreateAgent("alice", "main")])
    Background(Keeper(vault.database, blocks, now, seal_events=4, segment_events=64), every_s=0.001)
    head = vault.head("main")
    while True:
        batch = [Append("main", seq - 1, event(seq), f"main.{seq}") for seq in range(head + 1, head + 9)]
        vault.write(batch)
        head += 8
        print(head, flush=True)
"""


@pytest.mark.slow
def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(7)
    folder, acknowledged, sealed = tmp_path / "vault", 0, 0
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", LIFE, folder], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        assert process.stdout is not None
        acknowledged = int(process.stdout.readline())
        time.sleep(chance.uniform(0.05, 0.5))
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split("\n")
        acknowledged = max([acknowledged, *(int(line) for line in rest[:-1])])
        process.wait()
        process.stdout.close()
        blocks = open_blocks(folder / "blocks")
        with Vault.open(folder, now=now, blocks=blocks) as vault:
            head = vault.head("main")
            assert head >= acknowledged
            assert read(vault) == [(seq, encode(event(seq))) for seq in range(1, head + 1)]
            sealed = max(sealed, sum(sizes(vault)))
    assert sealed > 0
    with Vault.open(folder, now=now, blocks=blocks) as vault:
        small(vault, blocks, segment_events=64).settle()
        assert read(vault) == [(seq, encode(event(seq))) for seq in range(1, vault.head("main") + 1)]
        assert len([seq for seq, kind in unsealed(vault) if kind != "rolled_back"]) < 4


def live_on(vault: Vault, branch: BranchId) -> None:
    for _ in range(20):
        live(vault, 3, branch)


def test_writes_go_on_while_the_keeper_works(vault: Vault, blocks: BlockStore) -> None:
    background = Background(small(vault, blocks), every_s=0.001)
    threads = []
    for name in ("a", "b"):
        do(vault, CreateBranch(name, "alice", name, "fork", Place("main", 0), name))
        threads.append(threading.Thread(target=live_on, args=(vault, name)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    background.close()
    assert background.last_error is None
    for name in ("a", "b"):
        assert read(vault, name) == [(seq, encode(event(seq))) for seq in range(1, 61)]
    small(vault, blocks).settle()
    for name in ("a", "b"):
        assert read(vault, name) == [(seq, encode(event(seq))) for seq in range(1, 61)]
        assert sum(sizes(vault, name)) == 60


def test_what_reads_back_otherwise_than_it_was_written_is_not_trusted() -> None:
    class Lying(MemoryBlocks):
        def get(self, name: str) -> bytes:
            data = super().get(name)
            segment = load(self.true, "main", Listed(1, 4, name, 0, "live")).rows()
            segment[2] = segment[2]._replace(op_id="other")
            assert data
            return build("main", segment, 3)

        true = MemoryBlocks()

        def put(self, data: bytes) -> str:
            self.true.put(data)
            return super().put(data)

    with in_memory() as (vault, _):
        live(vault, 4)
        with pytest.raises(CorruptRecord, match="does not read the same"):
            small(vault, Lying()).settle()
        assert stretches(vault) == []
        assert len(unsealed(vault)) == 4


def test_one_damaged_branch_does_not_keep_the_others_from_being_sealed() -> None:
    with in_memory() as (vault, blocks):
        live(vault, 8)
        do(vault, CreateBranch("side", "alice", "side", "fork", Place("main", 0), "f"))
        live(vault, 8, "side")
        with vault.database.transaction() as connection:
            j = schema.journal.c
            connection.execute(sa.update(schema.journal).where(j.branch == "main", j.seq == 3).values(payload=None))
        work = small(vault, blocks)
        told = Counter[str]()
        for _ in range(20):
            try:
                told[work.step().kind] += 1
            except CorruptRecord as error:
                told[str(error)] += 1
        assert told["entry main@3: it is neither in the journal nor in a segment"] == 1
        assert stretches(vault) == []
        assert stretches(vault, "side") == [(1, 8)]


def test_a_branch_that_was_deleted_while_it_was_being_sealed_is_left_alone() -> None:
    with in_memory() as (vault, _):

        class Meanwhile(MemoryBlocks):
            def put(self, data: bytes) -> str:
                do(vault, DeleteBranch("side", "d"))
                return super().put(data)

        do(vault, CreateBranch("side", "alice", "side", "fork", Place("main", 0), "f"))
        live(vault, 8, "side")
        small(vault, Meanwhile()).settle()
        assert stretches(vault, "side") == []
        assert len(unsealed(vault, "side")) == 8


def test_a_block_put_aside_is_told_and_what_else_there_is_still_serves() -> None:
    with in_memory() as (vault, blocks):
        live(vault, 20)
        small(vault, blocks).settle()
        block = rows(vault, sa.select(schema.segments.c.block).order_by(schema.segments.c.first_seq))[0][0]
        assert put_aside(vault.database, blocks, block) == [("main", 1, 16)]
        assert put_aside(vault.database, blocks, block) == [("main", 1, 16)]
        assert blocks.quarantined() == [block]
        reader = SegmentReader(blocks)
        with vault.database.read() as connection:
            with pytest.raises(Quarantined, match=block):
                reader.payloads(connection, "main", 0, 20)
            assert list(reader.payloads(connection, "main", 0, 20, skip=True)) == [17, 18, 19, 20]
        live(vault, 12)
        small(vault, blocks).settle()
        assert stretches(vault) == [(1, 16), (17, 28), (29, 32)], "nothing is joined with a stretch in quarantine"


def test_payloads_are_not_cleared_for_a_segment_that_is_in_quarantine_by_now() -> None:
    with in_memory() as (vault, blocks):
        live(vault, 4)
        work = small(vault, blocks)
        while work.step().kind != "sealed":
            pass
        (name,) = (info.name for info in blocks.listing())
        put_aside(vault.database, blocks, name)
        work.settle()
        assert len(unsealed(vault)) == 4
        assert len(read(vault)) == 4


def test_two_vaults_do_not_share_their_blocks() -> None:
    with in_memory() as (vault, blocks), in_memory() as (other, _):
        mine = claim(vault.database, blocks)
        assert claim(vault.database, blocks) == mine
        for _ in range(2):
            with pytest.raises(InvalidValue, match="no other vault"):
                small(other, blocks).step()


def test_a_place_that_is_empty_is_not_taken_for_one_whose_blocks_are_lost(tmp_path: Path) -> None:
    """Nothing may be mounted there. What is read raises then, also where damage is left out, and nothing is sealed."""
    folder, away = tmp_path / "blocks", tmp_path / "away"
    with Vault.open(tmp_path / "vault", now=now, blocks=open_blocks(folder)) as vault:
        do(vault, CreateAgent("alice", "main"))
        live(vault, 30)
        small(vault, open_blocks(folder)).settle()
        before = read(vault)
    folder.rename(away)
    blocks = open_blocks(folder)
    with Vault.open(tmp_path / "vault", now=now, blocks=blocks) as vault:
        for there in (False, True):
            if there:
                folder.mkdir()
            for damaged in ("raise", "skip"):
                with pytest.raises(VaultUnavailable, match=str(folder)):
                    vault.entries("main", 0, 30, damaged=damaged)
            live(vault, 8)
            with pytest.raises(VaultUnavailable, match=str(folder)):
                claim(vault.database, blocks)
            with pytest.raises(VaultUnavailable, match=str(folder)):
                small(vault, blocks).settle()
            assert blocks.owner() is None
        folder.rmdir()
        away.rename(folder)
        assert read(vault)[:30] == before
        small(vault, blocks).settle()
        assert len(read(vault)) == 46
        (folder / "owner").unlink()
        assert claim(vault.database, blocks) == blocks.owner(), "some of its segments are here, so it is the place"
        (folder / "owner").write_text("another")
        next(info for info in blocks.listing() if blocks.remove(info.name))
    with (
        Vault.open(tmp_path / "vault", now=now, blocks=blocks) as vault,
        pytest.raises(VaultUnavailable, match="another"),
    ):
        vault.entries("main", 0, 46, damaged="skip")


def test_a_place_that_goes_away_while_the_keeper_works_is_given_no_events(tmp_path: Path) -> None:
    folder = tmp_path / "blocks"
    blocks = open_blocks(folder)
    with Vault.open(tmp_path / "vault", now=now, blocks=blocks) as vault:
        do(vault, CreateAgent("alice", "main"))
        work = small(vault, blocks)
        work.settle()
        folder.rename(tmp_path / "away")
        live(vault, 8)
        with pytest.raises(VaultUnavailable, match=str(folder)):
            work.settle()
        assert stretches(vault) == []
        assert len(unsealed(vault)) == 8


def test_events_that_a_segment_does_not_have_are_not_taken_out_of_the_journal() -> None:
    """A journal whose end was lost goes on with the numbers of what was sealed: by another version, or by hand."""
    with in_memory() as (vault, blocks):
        live(vault, 12)
        small(vault, blocks, segment_events=64).settle()
        before = rows(vault, sa.select(schema.journal).where(schema.journal.c.seq > 8).order_by(schema.journal.c.seq))
        with vault.maintenance() as batch:
            batch.execute(sa.delete(schema.journal).where(schema.journal.c.seq > 8))
        with pytest.raises(CorruptRecord, match=r"main: events 9\.\.12"):
            vault.head("main")
        names = [column.name for column in schema.journal.c]
        with vault.maintenance() as batch:
            for row in before:
                fresh = dict(zip(names, row, strict=True))
                batch.insert(
                    schema.journal,
                    fresh
                    | {"op_id": f"new {fresh['seq']}", "kind": "forgotten", "payload": encode(Forgotten(("new",)))},
                )
        with pytest.raises(CorruptRecord, match=r"9\.\.12.*other events"):
            small(vault, blocks, segment_events=64).settle()
        assert [entry.event for entry in vault.entries("main", 8, 12)] == [Forgotten(("new",))] * 4


def until(true: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def test_in_the_background_errors_are_kept_and_work_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    class Full(MemoryBlocks):
        full = True

        def put(self, data: bytes) -> str:
            if self.full:
                raise WriteFailed("memory", "no space left")
            return super().put(data)

    with in_memory() as (vault, _):
        blocks = Full()
        live(vault, 4)
        background = Background(small(vault, blocks), every_s=0.01)
        until(lambda: caplog.records)
        assert "could not do its work" in caplog.text
        blocks.full = False
        do(vault, CreateBranch("side", "alice", "side", "fork", Place("main", 0), "f"))
        live(vault, 4, "side")
        until(lambda: stretches(vault, "side"))
        until(lambda: background.last_error is None)
        background.close()
        background.close()
        assert stretches(vault) == [], "it is put off for a while"


def test_a_closed_background_has_stopped(vault: Vault, blocks: BlockStore) -> None:
    background = Background(small(vault, blocks), every_s=60)
    background.close()
    live(vault, 8)
    time.sleep(0.05)
    assert stretches(vault) == []
    assert not any(thread.name == "vault-keeper" for thread in threading.enumerate())


def test_a_keeper_with_impossible_sizes_is_refused() -> None:
    with in_memory() as (vault, blocks), pytest.raises(OutOfRange, match="seal_events"):
        Keeper(vault.database, blocks, now, seal_events=10, segment_events=9)
