"""Files that snapshots share: kept as long as one names them, whatever keeps the blocks; found, mended and let go."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from blake3 import blake3

from quantum_memory.actors import episodic_memory
from quantum_memory.actors.caretaker import views_of
from quantum_memory.actors.room import Room, folder_of, shared_folder
from quantum_memory.actors.vault import VaultHost
from quantum_memory.errors import BlockMissing, CorruptRecord, Quarantined, WriteFailed
from quantum_memory.memory.episodic import fold, snapshot
from quantum_memory.memory.episodic.state import Sizes
from quantum_memory.memory.events import Forgotten
from quantum_memory.memory.vault import schema, shelf
from quantum_memory.memory.vault.backup import Backups
from quantum_memory.memory.vault.backup.restore import restore
from quantum_memory.memory.vault.blocks import BlockStore, MemoryBlocks, open_blocks
from quantum_memory.memory.vault.blocks_remote import FRESH_S
from quantum_memory.memory.vault.collect import collect
from quantum_memory.memory.vault.keeper import put_aside
from quantum_memory.memory.vault.owner import identity
from quantum_memory.memory.vault.shelf import SnapshotShelf, packing
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.memory.vault.verify import repair, verify
from quantum_memory.memory.vault.writes import Append, CreateAgent, CreateBranch, DeleteBranch, Write, Written
from quantum_memory.settings import load
from quantum_memory.types import BranchId, Place
from tests.unit.orchestra import Orchestra, ready
from tests.unit.postgres import ON_POSTGRES
from tests.unit.test_shelf import reading, settle, write

START = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = b"one" * 50, b"two" * 50
NAMES = [blake3(data).hexdigest() for data in (ONE, TWO)]


class World:
    """A vault with two branches, a shelf, and a clock that stands until it is moved."""

    def __init__(self, storage: Path | str, blocks: BlockStore) -> None:
        self.at, self.blocks = datetime.now(UTC), blocks
        self.vault = Vault.open(storage, now=lambda: self.at, blocks=blocks)
        self.shelf = self.vault.shelf
        assert isinstance(self.shelf, SnapshotShelf)
        self.do(CreateAgent("alice", "r0"), *(Append("r0", n, Forgotten((f"m{n}",)), f"op{n}") for n in range(9)))
        self.do(CreateBranch("b0", "alice", "fork", "fork", Place("r0", 5), "fork"))

    def do(self, *writes: Write) -> None:
        for outcome in self.vault.write(list(writes)):
            assert isinstance(outcome, Written), outcome

    def keep(self, seq: int, *files: str, branch: BranchId = "r0", fold_: str = "f") -> None:
        assert self.shelf is not None
        self.shelf.keep(Place(branch, seq), "memories", fold_, f"{branch} {seq} {files}".encode(), files)

    def collect(self, hours: float) -> set[str]:
        """The files that are left after a collection so much later."""
        self.at += timedelta(hours=hours)
        collect(self.vault, lambda: self.at, 3600.0)
        return {name for name in NAMES if self.blocks.has(name)}


@pytest.fixture(params=["memory", "local", "url", ON_POSTGRES])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Blocks of each kind beside a local vault, and local blocks beside one in PostgreSQL."""
    url = f"memory://{tmp_path}/blocks" if request.param == "url" else tmp_path / "blocks"
    blocks = MemoryBlocks() if request.param == "memory" else open_blocks(url)
    in_postgres = request.param == "postgres"
    made = World(request.getfixturevalue("postgres") if in_postgres else tmp_path / "vault", blocks)
    yield made
    made.vault.close()


def test_the_laws_of_files(world: World) -> None:
    files = world.shelf
    assert files is not None
    assert files.lacking(NAMES) == NAMES
    assert files.put_file(ONE) == NAMES[0] == files.put_file(ONE)
    assert files.lacking(NAMES) == NAMES[1:]
    assert files.file(NAMES[0]) == ONE
    with pytest.raises(BlockMissing):
        files.file(NAMES[1])


def test_a_file_is_kept_as_long_as_a_snapshot_names_it_and_goes_after_its_grace(world: World) -> None:
    assert world.shelf is not None
    for data in (ONE, TWO):
        world.shelf.put_file(data)
    world.keep(3, NAMES[0])
    world.keep(5, *NAMES, branch="b0")
    assert world.collect(0.2) == set(NAMES), "too young"
    assert world.collect(48) == set(NAMES)
    world.do(DeleteBranch("b0", "gone"))
    assert world.collect(0.5) == set(NAMES), "what was deleted can be had back"
    assert world.collect(2) == {NAMES[0]}
    world.keep(4, fold_="g")
    world.keep(3)
    assert world.collect(48) == set(), "another snapshot took the place of the one that named it"


def test_a_snapshot_that_names_what_is_not_there_is_refused(world: World) -> None:
    with pytest.raises(BlockMissing, match=NAMES[0]):
        world.keep(3, NAMES[0])
    with world.vault.database.read() as connection:
        assert connection.execute(sa.select(schema.snapshots.c.seq)).all() == []


def test_a_file_that_nobody_named_for_long_is_new_again_when_it_is_named(world: World) -> None:
    assert world.shelf is not None
    world.shelf.put_file(ONE)
    world.at += timedelta(days=2)
    before = next(iter(world.blocks.listing())).modified_s
    world.keep(3, NAMES[0])
    (info,) = [one for one in world.blocks.listing() if one.name == NAMES[0]]
    assert info.modified_s >= before
    assert world.collect(48) == {NAMES[0]}


def test_renewing_makes_a_block_as_new_as_writing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for blocks in (MemoryBlocks(), open_blocks(tmp_path), open_blocks(f"memory://{tmp_path}")):
        name = blocks.put(ONE)
        assert blocks.renew(name)
        assert not blocks.renew(NAMES[1])
        assert blocks.get(name) == ONE
        monkeypatch.setattr(blocks, "_touch", lambda _: False)
        assert blocks.renew(name), "read and written again, where a touch is not enough"
        assert blocks.get(name) == ONE
        monkeypatch.setattr(blocks, "_read", lambda _: b"other")
        assert not blocks.renew(name), "what is damaged is not renewed"
    assert FRESH_S < 600.0, "a touch that writes nothing must leave a block young enough for any collection"


def test_a_damaged_file_is_put_aside_and_can_be_put_again(world: World) -> None:
    assert world.shelf is not None
    world.shelf.put_file(ONE)
    world.blocks._write(NAMES[0], b"other")
    with pytest.raises(CorruptRecord):
        world.shelf.file(NAMES[0])
    with pytest.raises(Quarantined):
        world.shelf.file(NAMES[0])
    assert world.shelf.lacking(NAMES[:1]) == NAMES[:1]
    world.shelf.put_file(ONE)
    assert world.shelf.file(NAMES[0]) == ONE


def test_verification_finds_a_file_that_cannot_be_read_and_repair_lets_its_snapshots_go(world: World) -> None:
    assert world.shelf is not None
    for data in (ONE, TWO):
        world.shelf.put_file(data)
    world.keep(3, NAMES[0])
    world.keep(5, *NAMES, branch="b0")
    world.keep(9)
    report = verify(world.vault)
    assert (report.findings, report.looked_at["file"]) == ([], 2)
    world.blocks._write(NAMES[1], b"other")
    found = verify(world.vault)
    assert [(one.kind, one.branch, one.block, one.lost) for one in found.findings] == [
        ("snapshot", "b0", NAMES[1], False)
    ]
    assert NAMES[1] in found.findings[0].what
    assert all(one.mended for one in repair(world.vault, found))
    assert verify(world.vault).findings == []
    assert world.blocks.quarantined() == [NAMES[1]]
    world.blocks.remove(NAMES[0])
    missing = verify(world.vault)
    assert [(one.branch, one.seq) for one in missing.findings] == [("r0", 3)]
    repair(world.vault, missing)
    assert verify(world.vault).findings == []
    assert world.shelf.nearest("r0", "memories", "f", 0, 9) is not None


def test_putting_a_file_aside_forgets_the_snapshots_that_name_it(world: World) -> None:
    assert world.shelf is not None
    world.shelf.put_file(ONE)
    world.keep(3, NAMES[0])
    world.keep(4)
    put_aside(world.vault.database, world.blocks, NAMES[0])
    assert world.shelf.nearest("r0", "memories", "f", 0, 3) is None
    assert world.shelf.nearest("r0", "memories", "f", 0, 9) is not None


def test_a_backup_holds_no_files_and_a_restored_vault_does_without(world: World, tmp_path: Path) -> None:
    assert world.shelf is not None
    world.shelf.put_file(ONE)
    world.keep(3, NAMES[0])
    backups = Backups(tmp_path / "backups", lambda: world.at)
    manifest = backups.make(world.vault.database, world.blocks, identity(world.vault.database))
    assert NAMES[0] not in manifest.named()
    blocks = open_blocks(tmp_path / "new-blocks")
    restore(backups, tmp_path / "new", blocks)
    with Vault.open(tmp_path / "new", now=lambda: world.at, blocks=blocks) as again:
        assert again.shelf is not None
        assert again.shelf.nearest("r0", "memories", "f", 0, 9) is None
        assert again.shelf.lacking(NAMES) == NAMES


# In the orchestra


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (fold, snapshot, episodic_memory):
        monkeypatch.setattr(module, "Sizes", lambda: Sizes(tail=16, sealed=64))


def segments_of(orchestra: Orchestra) -> list[Path]:
    return sorted(path for path in folder_of_cache(orchestra).iterdir())


def folder_of_cache(orchestra: Orchestra) -> Path:
    found = folder_of(orchestra.settings)
    assert found is not None
    return found


@pytest.mark.usefixtures("small")
def test_an_agent_is_read_again_from_what_is_at_hand_and_from_the_store_and_from_events(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    orchestra = Orchestra(tmp_path, vault={"snapshot_events": 20}, views={"working_memories": 8})
    request.addfinalizer(orchestra.close)
    alice = orchestra.agent("alice")
    write(orchestra, alice, range(30))
    settle(orchestra)
    before = reading(orchestra, alice)[:5]
    at_hand = [path.name for path in segments_of(orchestra)]
    vault = orchestra.vault._vault
    with vault.database.read() as connection:
        told = connection.execute(
            sa.select(schema.snapshots.c.files).where(schema.snapshots.c.files.is_not(None))
        ).scalars()
        named = {name for one in told for name in one.split()}
    assert named
    assert named <= set(at_hand)
    views = views_of(orchestra.settings, vault.shelf)
    assert verify(vault, views, packing(3)).findings == []

    fetched: list[str] = []
    file = SnapshotShelf.file

    def counted(self: SnapshotShelf, name: str) -> bytes:
        fetched.append(name)
        return file(self, name)

    monkeypatch.setattr(SnapshotShelf, "file", counted)
    orchestra.reopen()
    assert reading(orchestra, alice)[:5] == before
    assert fetched == []
    for path in segments_of(orchestra):
        path.write_bytes(path.read_bytes()[:-1] + b"x") if path.name in named else path.unlink()
    orchestra.reopen()
    assert reading(orchestra, alice)[:5] == before
    assert set(fetched) <= named
    assert fetched
    for path in segments_of(orchestra):
        path.unlink()
    assert orchestra.vault._vault.blocks is not None
    for name in named:
        orchestra.vault._vault.blocks.remove(name)
    orchestra.reopen()
    assert reading(orchestra, alice)[:5] == before, "folded from events"
    write(orchestra, alice, range(30, 55))
    settle(orchestra)
    assert verify(orchestra.vault._vault, views_of(orchestra.settings, orchestra.vault._vault.shelf)).findings == []


def test_memories_are_written_down_sooner_than_views_that_are_cheap_to_fold(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    orchestra = Orchestra(tmp_path, vault={"snapshot_events": 160})
    request.addfinalizer(orchestra.close)
    alice = orchestra.agent("alice")
    for number in range(60):
        orchestra.remember(alice, [ready(number)], f"op{number}")
    settle(orchestra)
    with orchestra.vault._vault.database.read() as connection:
        found = connection.execute(sa.select(schema.snapshots.c.part, schema.snapshots.c.seq)).all()
    assert {part for part, _ in found} == {"memories"}
    assert max(seq for _, seq in found) >= 45, "of few memories no more than a quarter is folded again"


def test_a_host_has_its_files_where_the_settings_say(tmp_path: Path) -> None:
    beside = tmp_path / "v"
    assert folder_of(load({"storage": str(beside)})) == beside / "cache"
    assert folder_of(load({"storage": f"sqlite:///{beside}/j.db"})) == beside / "j.db-cache"
    assert folder_of(load({"storage": "postgresql+psycopg://u@h/d"})) is None
    named = load({"storage": "memory://", "views": {"cache": str(tmp_path / "c"), "cache_mb": 3}})
    cache = Room(named).cache()
    assert cache is not None
    assert (cache.folder, cache.most) == (tmp_path / "c", 3 << 20)
    room = Room(load({"storage": "memory://"}))
    one, other = room.cache(), room.cache()
    assert one is not None
    assert other is not None
    assert one.folder == other.folder
    assert one.folder.stat().st_mode & 0o777 == 0o700
    room.close()
    assert not one.folder.exists()
    room.close()


def test_hosts_of_one_user_share_a_temporary_folder_that_is_theirs_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    settings = load({"storage": "postgresql+psycopg://u@h/d", "vault": {"blocks": "/b"}, "views": {"cache_mb": 1}})
    killed, next_one = Room(settings).cache(), Room(settings).cache()
    assert killed is not None
    assert next_one is not None
    left = blake3(ONE).hexdigest()
    killed.put(left, ONE)
    assert bytes(next_one.get(left) or b"") == ONE, "what a host left behind is of use to the next, and counts there"
    assert next_one.folder.parent == tmp_path
    assert next_one.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("trap", ["open", "link", "theirs"])
def test_a_folder_that_somebody_else_can_get_at_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    found = shared_folder(tmp_path)
    assert found is not None
    if trap == "open":
        found.chmod(0o777)
    elif trap == "link":
        found.rename(tmp_path / "elsewhere")
        found.symlink_to(tmp_path / "elsewhere")
    else:
        owner = os.geteuid()
        found.rename(tmp_path / f"quantum_memory-{owner + 1}")
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert shared_folder(tmp_path) is None
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    room = Room(load({"storage": "postgresql+psycopg://u@h/d", "vault": {"blocks": "/b"}}))
    cache = room.cache()
    assert cache is not None
    assert cache.folder.name.startswith("quantum_memory-")
    assert cache.folder.resolve() not in (found.resolve(), (tmp_path / "elsewhere").resolve())
    room.close()
    assert not cache.folder.exists()


def test_without_any_folder_files_are_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert Room(load({"storage": "memory://"})).cache() is None
    assert Room(load({"storage": "postgresql+psycopg://u@h/d"})).cache() is None


def test_other_agents_snapshots_are_not_read_to_keep_one(world: World) -> None:
    world.do(CreateAgent("bob", "bobs"), Append("bobs", 0, Forgotten(("x",)), "x"))
    assert world.shelf is not None
    world.shelf.put_file(ONE)
    world.keep(1, NAMES[0], branch="bobs")
    with world.vault.database.read() as connection:
        assert shelf._named(connection, "b0") == set()
    world.keep(3, NAMES[0])
    with world.vault.database.read() as connection:
        assert shelf._named(connection, "b0") == {NAMES[0]}, "of all branches of the agent"
    assert world.collect(48) == {NAMES[0]}


def test_a_vault_without_blocks_keeps_no_files(tmp_path: Path) -> None:
    host = VaultHost(load({"storage": str(tmp_path)}))
    name = host.put_file(ONE)
    assert (host.files_lacking(NAMES), host.file(name)) == (NAMES[1:], ONE)
    host._vault.shelf = None
    assert host.files_lacking(NAMES) == NAMES
    with pytest.raises(BlockMissing):
        host.file(name)
    with pytest.raises(WriteFailed):
        host.put_file(ONE)
    host.close()
