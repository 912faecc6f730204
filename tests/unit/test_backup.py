"""Backups: what comes back is what was there, at any of its moments, or nothing comes back at all."""

from __future__ import annotations

import secrets
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blake3 import blake3

from quantum_memory.actors.folds import plain_folds
from quantum_memory.errors import (
    AlreadyExists,
    BackupNotFound,
    BlockMissing,
    CorruptRecord,
    InvalidValue,
    OutOfRange,
    VaultUnavailable,
)
from quantum_memory.memory.archive import export_archive, import_archive
from quantum_memory.memory.events import Event, Forgotten, Merged, Remembered, RolledBack
from quantum_memory.memory.vault import Append, CreateAgent, CreateBranch, CreateCommit, Vault, Written
from quantum_memory.memory.vault.backup import Backups, restore
from quantum_memory.memory.vault.blocks import BlockStore, open_blocks
from quantum_memory.memory.vault.catalog import last_position
from quantum_memory.memory.vault.collect import collect
from quantum_memory.memory.vault.keeper import Keeper
from quantum_memory.memory.vault.writes import DeleteBranch, DropTag, PutTag, Write
from quantum_memory.policies.retention import Retention
from quantum_memory.settings import Settings
from quantum_memory.types import PAD, PARTS, Memory, Place
from tests.unit.scribe import START, Running

VAULT = "a vault"


def memory(number: int) -> Memory:
    chance = np.random.default_rng(number)
    return Memory(
        f"m{number}", f"text {number}", START, PAD(0.1, 0.2, 0.3), 0.5, 0.5, chance.normal(size=8).astype(np.float32)
    )


class Life:
    """A vault that is written to, step by step, and what it looked like after each step."""

    def __init__(self, vault: Vault) -> None:
        self.vault, self.number = vault, 0
        self.moments: list[tuple[int, datetime, dict[str, Any]]] = []

    def do(self, *writes: Write) -> None:
        for outcome in self.vault.write(list(writes)):
            assert isinstance(outcome, Written), outcome
        with self.vault.database.read() as connection:
            position = last_position(connection)
        clock = self.vault._now
        assert isinstance(clock, Running)
        self.moments.append((position, clock.time, seen(self.vault)))

    def event(self, branch: str, event: Event) -> None:
        self.number += 1
        self.do(Append(branch, self.vault.head(branch), event, f"op{self.number}"))

    def live(self, events: int, start: int = 0) -> None:
        for number in range(start, start + events):
            self.event("root", Remembered((memory(number),)))

    def whole(self) -> None:
        """Something of everything."""
        self.do(CreateAgent("alice", "root"))
        self.live(6)
        self.do(
            CreateCommit("root", 3, "three", "c1"), PutTag("alice", "here", Place("root", 2), move=False, op_id="t1")
        )
        self.do(CreateBranch("side", "alice", "side", "fork", Place("root", 4), "f1"))
        self.event("side", Forgotten(("m1",)))
        self.event("root", RolledBack(Place("root", 2), PARTS))
        self.do(PutTag("alice", "here", Place("root", 5), move=True, op_id="t2"))
        self.event("root", Merged(Place("side", 5), Place("root", 4), (), ("m1",), (), None))
        self.do(DeleteBranch("side", "d1"))
        self.do(CreateBranch("again", "alice", "side", "fork", Place("root", 1), "f2"))
        self.do(DropTag("alice", "here", "t3"), PutTag("alice", "there", Place("root", 1), move=False, op_id="t4"))
        self.do(CreateBranch("twin", "bob", "main", "clone", Place("root", 6), "f3"))
        self.live(3, 100)


def seen(vault: Vault) -> dict[str, Any]:
    """Everything that readers of a vault can see."""
    found: dict[str, Any] = {}
    for agent in vault.agents():
        branches = vault.branches(agent)
        found[agent] = {
            "branches": branches,
            "commits": vault.commits(agent),
            "tags": sorted(vault.tags(agent), key=lambda tag: tag.name),
            "entries": {
                one.id: [
                    (entry.place, entry.at, type(entry.event).__name__, told(entry.event))
                    for entry in vault.entries(one.id, one.fork_seq, vault.head(one.id))
                ]
                for one in branches
            },
        }
    return found


def told(event: Event) -> object:
    if isinstance(event, Remembered):
        return [(one.id, one.text, one.embedding.tobytes()) for one in event.memories]
    return repr(event)


@pytest.fixture
def blocks(tmp_path: Path) -> BlockStore:
    return open_blocks(tmp_path / "segments")


@pytest.fixture
def life(storage: str, blocks: BlockStore) -> Any:
    with Vault.open(storage, now=Running(), embedding="random/8", blocks=blocks) as vault:
        yield Life(vault)


@pytest.fixture
def backups(tmp_path: Path) -> Backups:
    return Backups(tmp_path / "backups", Running())


def seal(life: Life, blocks: BlockStore) -> None:
    keeper = Keeper(life.vault.database, blocks, Running(), seal_events=4, segment_events=64)
    keeper.settle()


def reopened(where: str | Path, blocks: BlockStore | None) -> dict[str, Any]:
    with Vault.open(where, now=Running(), blocks=blocks) as vault:
        return seen(vault)


def test_a_restore_drill(life: Life, blocks: BlockStore, backups: Backups, tmp_path: Path) -> None:
    """Sealed and unsealed events, branches, names: all of it comes back at a new place, and can be written to."""
    life.whole()
    seal(life, blocks)
    life.live(2, 200)
    made = backups.make(life.vault.database, blocks, VAULT)
    assert made.blocks
    assert backups.check(made) == []
    before = seen(life.vault)
    there = open_blocks(tmp_path / "new" / "blocks")
    done = restore(backups, tmp_path / "new", there)
    assert done.position == made.position
    with Vault.open(tmp_path / "new", now=Running(), embedding="random/8", blocks=there) as vault:
        assert seen(vault) == before
        (written,) = vault.write([Append("root", vault.head("root"), Remembered((memory(999),)), "later")])
        assert isinstance(written, Written)
        (repeated,) = vault.write([Append("root", 0, Remembered((memory(0),)), "op1")])
        assert isinstance(repeated, Written)
        assert repeated.repeated, "operation ids come back too"


@pytest.mark.parametrize("sealed", [False, True])
def test_every_moment_can_be_restored(
    life: Life, blocks: BlockStore, backups: Backups, tmp_path: Path, sealed: bool
) -> None:
    life.whole()
    if sealed:
        seal(life, blocks)
    backups.make(life.vault.database, blocks, VAULT)
    for number, (position, at, before) in enumerate(life.moments):
        there = tmp_path / f"at {number}"
        wish: dict[str, Any] = {"position": position} if number % 2 else {"at": at}
        assert restore(backups, there, blocks, **wish).position == position
        assert reopened(there, blocks) == before, f"position {position}"


def test_before_anything_happened_there_was_nothing(
    life: Life, blocks: BlockStore, backups: Backups, tmp_path: Path
) -> None:
    life.whole()
    backups.make(life.vault.database, blocks, VAULT)
    restore(backups, tmp_path / "new", blocks, position=0)
    assert reopened(tmp_path / "new", blocks) == {}


def test_a_restored_vault_knows_its_blocks_from_the_start(
    life: Life, blocks: BlockStore, backups: Backups, tmp_path: Path
) -> None:
    """Before any keeper came by: a block that is lost there is damage, and not a place that is away."""
    life.whole()
    seal(life, blocks)
    manifest = backups.make(life.vault.database, blocks, VAULT)
    there = open_blocks(tmp_path / "elsewhere")
    restore(backups, tmp_path / "new", there)
    assert there.owner() == blocks.owner() is not None
    with Vault.open(tmp_path / "new", now=lambda: START, blocks=there) as vault:
        heads = {branch.id: vault.head(branch.id) for agent in vault.agents() for branch in vault.branches(agent)}
        for name in manifest.blocks:
            there.remove(name)
        for branch, head in heads.items():
            vault.entries(branch, 0, head, damaged="skip")
    theirs = open_blocks(tmp_path / "theirs")
    theirs.claim("another")
    with pytest.raises(InvalidValue, match="another"):
        restore(backups, tmp_path / "newer", theirs)


def test_the_next_backup_copies_only_what_is_new(life: Life, blocks: BlockStore, backups: Backups) -> None:
    life.whole()
    seal(life, blocks)
    first = backups.make(life.vault.database, blocks, VAULT)
    second = backups.make(life.vault.database, blocks, VAULT)
    assert first.copied[0] >= len(first.blocks) + 1
    assert second.copied[0] <= len(second.catalog)
    assert second.blocks == first.blocks
    full = backups.make(life.vault.database, blocks, VAULT, full=True)
    assert full.copied[0] >= len(full.blocks)


def test_a_full_backup_mends_a_damaged_copy(life: Life, blocks: BlockStore, backups: Backups, tmp_path: Path) -> None:
    life.whole()
    seal(life, blocks)
    first = backups.make(life.vault.database, blocks, VAULT)
    damage(tmp_path / "backups", first.blocks[0])
    assert any(first.blocks[0] in fault for fault in backups.check(first))
    with pytest.raises(CorruptRecord, match=first.blocks[0]):
        restore(backups, tmp_path / "new", open_blocks(tmp_path / "new" / "blocks"))
    backups.make(life.vault.database, blocks, VAULT, full=True)
    assert backups.check(first) == []


def test_a_damaged_segment_is_not_copied(life: Life, blocks: BlockStore, backups: Backups, tmp_path: Path) -> None:
    life.whole()
    seal(life, blocks)
    for info in list(blocks.listing()):
        damage(tmp_path / "segments", info.name)
    with pytest.raises(CorruptRecord):
        backups.make(life.vault.database, blocks, VAULT)
    assert backups.all() == []


def damage(folder: Path, block: str) -> None:
    (file,) = [path for path in folder.rglob("*") if path.is_file() and block in path.name]
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(data)


def test_a_backup_crosses_between_databases(
    blocks: BlockStore, backups: Backups, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    postgres: str = request.getfixturevalue("postgres")
    with Vault.open(tmp_path / "here", now=Running(), embedding="random/8", blocks=blocks) as vault:
        life = Life(vault)
        life.whole()
        backups.make(vault.database, blocks, VAULT)
    before = life.moments[-1][2]
    restore(backups, postgres, blocks)
    back = Backups(tmp_path / "back", Running())
    with Vault.open(postgres, now=Running(), blocks=blocks) as vault:
        assert seen(vault) == before
        (made,) = vault.write([CreateBranch("late", "alice", "late", "fork", Place("root", 1), "f9")])
        assert isinstance(made, Written), "PostgreSQL goes on numbering after what came with numbers"
        after = seen(vault)
        back.make(vault.database, blocks, VAULT)
    restore(back, tmp_path / "again", blocks)
    assert reopened(tmp_path / "again", blocks) == after


def test_backups_at_a_url(life: Life, blocks: BlockStore) -> None:
    url = f"memory://{secrets.token_hex(4)}/backups"
    life.whole()
    backups = Backups(url, Running())
    made = backups.make(life.vault.database, blocks, VAULT)
    assert [one.name for one in Backups(url, Running()).all()] == [made.name]
    assert backups.check(made) == []


def test_old_backups_go_and_what_they_shared_stays(life: Life, blocks: BlockStore, tmp_path: Path) -> None:
    clock = Running()
    backups = Backups(tmp_path / "backups", clock)
    life.whole()
    for day in range(12):
        clock.time = START + timedelta(days=day)
        life.live(4, 300 + 4 * day)
        seal(life, blocks)
        backups.make(life.vault.database, blocks, VAULT)
    gone = backups.thin_out(Retention(daily=3, weekly=1, monthly=1))
    left = backups.all()
    assert len(left) == 3
    assert len(gone) == 9
    assert all(backups.check(one) == [] for one in left)
    kept = frozenset().union(*(one.named() for one in left))
    assert {info.name for info in backups.blocks.listing()} == kept
    restore(backups, tmp_path / "new", blocks)
    assert reopened(tmp_path / "new", blocks) == seen(life.vault)


def test_what_cannot_be_restored_is_refused_before_anything_is_made(
    life: Life, blocks: BlockStore, backups: Backups, tmp_path: Path
) -> None:
    there = tmp_path / "new"
    with pytest.raises(BackupNotFound, match="any"):
        restore(backups, there, blocks)
    life.whole()
    made = backups.make(life.vault.database, blocks, VAULT)
    with pytest.raises(BackupNotFound, match=f"ends at {made.position}"):
        restore(backups, there, blocks, position=made.position + 1)
    with pytest.raises(InvalidValue, match="one of the two"):
        restore(backups, there, blocks, position=1, at=START)
    with pytest.raises(OutOfRange, match="-1"):
        restore(backups, there, blocks, position=-1)
    with pytest.raises(InvalidValue, match="no other vault"):
        backups.make(life.vault.database, blocks, "another vault")
    restore(backups, there, blocks)
    with pytest.raises(AlreadyExists, match="vault"):
        restore(backups, there, blocks)


def test_a_manifest_that_was_changed_is_not_believed_and_stops_nothing(
    life: Life, blocks: BlockStore, backups: Backups, tmp_path: Path
) -> None:
    life.whole()
    first = backups.make(life.vault.database, blocks, VAULT)
    life.live(2, 600)
    second = backups.make(life.vault.database, blocks, VAULT)
    file = tmp_path / "backups" / first.name
    whole = file.read_text()
    for harm in (whole.replace('"kind":"incremental"', '"kind":"full"'), whole[: len(whole) // 2], "", "{}"):
        file.write_text(harm)
        assert [one.name for one in backups.all()] == [second.name]
        (fault,) = backups.unreadable()
        assert first.name in fault
    before = {info.name for info in backups.blocks.listing()}
    backups.make(life.vault.database, blocks, VAULT)
    backups.thin_out(Retention(0, 0, 0))
    assert {info.name for info in backups.blocks.listing()} >= before, "what an unreadable one may name stays"
    restore(backups, tmp_path / "new", blocks)
    assert reopened(tmp_path / "new", blocks) == seen(life.vault)


def test_a_manifest_of_a_newer_version_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    body = '{"format":9}'
    name = "backup-20260101T000000000000Z-1.json"
    (folder / name).write_text(f'{{"checksum":"{blake3(body.encode()).hexdigest()}","manifest":{body}}}')
    (fault,) = Backups(folder, Running()).unreadable()
    assert "version 9" in fault
    with pytest.raises(BackupNotFound):
        Backups(folder, Running()).latest()


def test_a_copy_that_rots_is_made_again_within_a_week(life: Life, blocks: BlockStore, tmp_path: Path) -> None:
    clock = Running()
    backups = Backups(tmp_path / "backups", clock)
    life.whole()
    seal(life, blocks)
    first = backups.make(life.vault.database, blocks, VAULT)
    damage(tmp_path / "backups", first.blocks[0])
    for _ in range(7):
        clock.time += timedelta(days=1)
        backups.make(life.vault.database, blocks, VAULT)
    assert backups.check(first) == []


def test_a_copy_that_was_cut_off_is_made_again_at_once(
    life: Life, blocks: BlockStore, backups: Backups, tmp_path: Path
) -> None:
    life.whole()
    seal(life, blocks)
    first = backups.make(life.vault.database, blocks, VAULT)
    (file,) = [path for path in (tmp_path / "backups").rglob("*") if path.is_file() and first.blocks[0] in path.name]
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:100])
    assert backups.check(backups.make(life.vault.database, blocks, VAULT)) == []


def test_backups_and_thinning_out_at_the_same_time_spoil_nothing(
    life: Life, blocks: BlockStore, tmp_path: Path
) -> None:
    life.whole()

    def work(number: int) -> None:
        backups = Backups(tmp_path / "backups", Running())
        if number % 2:
            backups.thin_out(Retention(0, 0, 0))
        else:
            life.vault.note("marked", detail=str(number))
            backups.make(life.vault.database, blocks, VAULT)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work, number) for number in range(12)]:
            future.result()
    backups = Backups(tmp_path / "backups", Running())
    assert backups.all()
    assert all(backups.check(one) == [] for one in backups.all())


def test_a_time_means_everything_before_what_came_after_it(
    life: Life, blocks: BlockStore, backups: Backups, tmp_path: Path
) -> None:
    """What was imported keeps the times at which it happened elsewhere; it was not here before it came."""
    life.do(CreateAgent("alice", "root"))
    life.live(2)
    export_archive(life.vault, "alice", tmp_path / "alice.qms", plain_folds(Settings(), 8))
    with Vault.open(tmp_path / "other", now=Running(), embedding="random/8", blocks=blocks) as vault:
        other = Life(vault)
        other.do(CreateAgent("bob", "bob"))
        clock = vault._now
        assert isinstance(clock, Running)
        clock.time += timedelta(days=2)
        before, then = seen(vault), clock.time
        vault.note("marked")
        import_archive(vault, tmp_path / "alice.qms")
        with vault.database.read() as connection:
            last = last_position(connection)
        backups.make(vault.database, blocks, VAULT)
        after = seen(vault)
    restore(backups, tmp_path / "then", blocks, at=then)
    assert reopened(tmp_path / "then", blocks) == before
    for position in range(last - 3, last):
        restore(backups, tmp_path / f"at {position}", blocks, position=position)
        assert reopened(tmp_path / f"at {position}", blocks) == before, "an import is restored whole or not at all"
    restore(backups, tmp_path / "all", blocks)
    assert reopened(tmp_path / "all", blocks) == after


def test_a_branch_that_was_collected_is_not_brought_back_in_part(
    life: Life, blocks: BlockStore, backups: Backups, tmp_path: Path
) -> None:
    life.do(CreateAgent("alice", "root"))
    life.live(3)
    life.do(CreateBranch("side", "alice", "side", "fork", Place("root", 2), "f1"))
    life.event("side", Forgotten(("m1",)))
    life.event("side", Forgotten(("m0",)))
    life.do(CreateBranch("child", "alice", "child", "fork", Place("side", 3), "f2"))
    position = life.moments[-1][0]
    life.do(DeleteBranch("side", "d1"))
    collect(life.vault, life.vault._now, 0.0)
    backups.make(life.vault.database, blocks, VAULT)
    with pytest.raises(BackupNotFound, match="collected"):
        restore(backups, tmp_path / "new", blocks, position=position)
    restore(backups, tmp_path / "new", blocks)


def test_writes_go_on_while_a_backup_is_made(life: Life, blocks: BlockStore, backups: Backups, tmp_path: Path) -> None:
    """A backup is one moment, whatever is written meanwhile."""
    life.whole()
    before = seen(life.vault)
    original = blocks.held

    def held() -> Any:
        return original()

    database = life.vault.database
    snapshot = database.snapshot

    class Meanwhile:
        def __init__(self) -> None:
            self.storage = database.storage

        def snapshot(self) -> Any:
            context = snapshot()

            class Then:
                def __enter__(self) -> Any:
                    connection = context.__enter__()
                    life.live(3, 500)
                    return connection

                def __exit__(self, *error: object) -> Any:
                    return context.__exit__(*error)  # type: ignore[arg-type]  # as it came

            return Then()

    backups.make(Meanwhile(), held() and blocks, VAULT)  # type: ignore[arg-type]  # a database that is written to
    restore(backups, tmp_path / "new", blocks)
    assert reopened(tmp_path / "new", blocks) == before
    assert seen(life.vault) != before


def test_a_restored_file_is_a_whole_database(life: Life, blocks: BlockStore, backups: Backups, tmp_path: Path) -> None:
    life.whole()
    backups.make(life.vault.database, blocks, VAULT)
    restore(backups, tmp_path / "new", blocks)
    assert {path.name for path in (tmp_path / "new").iterdir()} <= {"journal.sqlite", "journal.sqlite.lock"}
    with sqlite3.connect(tmp_path / "new" / "journal.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_blocks_that_are_gone_are_named(life: Life, blocks: BlockStore, backups: Backups) -> None:
    life.whole()
    seal(life, blocks)
    made = backups.make(life.vault.database, blocks, VAULT)
    backups.blocks.remove(made.blocks[0])
    assert any("missing" in fault or made.blocks[0] in fault for fault in backups.check(made))
    with pytest.raises(BlockMissing):
        backups.blocks.get(made.blocks[0])


def test_a_place_that_cannot_be_reached(life: Life, blocks: BlockStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises((VaultUnavailable, Exception)):
        Backups(tmp_path / "file", Running()).make(life.vault.database, blocks, VAULT)
