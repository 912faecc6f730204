"""Storage that fails, for real: full and read-only disks, second openers, cut and overwritten files, killed processes.

Whatever happens is told by a named error, reading goes on where it can, and what was acknowledged is there afterwards.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from quantum_memory.actors.folds import plain_folds
from quantum_memory.errors import (
    BackupNotFound,
    CorruptRecord,
    InvalidValue,
    NewerSchema,
    QuantumMemoryError,
    StorageFailure,
    StorageLocked,
    VaultUnavailable,
    WriteFailed,
)
from quantum_memory.memory.archive import export_archive, frame, import_archive
from quantum_memory.memory.events import Event, Remembered
from quantum_memory.memory.vault import Append, CreateAgent, GroupCommit, Vault, Written
from quantum_memory.memory.vault.backup import Backups, restore
from quantum_memory.memory.vault.blocks import BlockStore, open_blocks
from quantum_memory.memory.vault.codec import encode
from quantum_memory.memory.vault.keeper import Background, Keeper
from quantum_memory.memory.vault.owner import identity
from quantum_memory.memory.vault.verify import verify
from quantum_memory.settings import Settings
from quantum_memory.types import PAD, Memory
from tests.unit.disks import ROOT, on_a_disk, remount
from tests.unit.postgres import Server

START = datetime(2026, 1, 1, tzinfo=UTC)
DIM = 256
BRANCHES = ("b0", "b1", "b2", "b3")
HERE = "tests.unit.test_storage_failures"
END_SESSIONS = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


def now() -> datetime:
    return datetime.now(UTC)


def event(branch: str, seq: int) -> Event:
    """What the event of a number on a branch must be: a kilobyte that does not compress."""
    vector = np.random.default_rng([seq, *branch.encode()]).normal(size=DIM).astype(np.float32)
    return Remembered((Memory(f"{branch}.{seq}", f"text {seq}", START, PAD(0.0, 0.0, 0.0), 0.5, 0.5, vector),))


def append(branch: str, seq: int) -> Append:
    return Append(branch, seq - 1, event(branch, seq), f"{branch}.{seq}")


@contextmanager
def opened(folder: Path) -> Iterator[Vault]:
    """A vault with its segments beside it, and one agent for each branch."""
    with Vault.open(folder, now=now, embedding=f"random/{DIM}", blocks=open_blocks(folder / "blocks")) as vault:
        if not vault.agents():
            for outcome in vault.write([CreateAgent(f"agent {branch}", branch) for branch in BRANCHES]):
                assert isinstance(outcome, Written), outcome
        yield vault


def store(vault: Vault) -> BlockStore:
    assert vault.blocks is not None
    return vault.blocks


def keeper(vault: Vault) -> Keeper:
    return Keeper(vault.database, store(vault), now, seal_events=32, segment_events=128)


def live(vault: Vault, count: int, branch: str = "b0") -> None:
    head = vault.head(branch)
    for outcome in vault.write([append(branch, seq) for seq in range(head + 1, head + count + 1)]):
        assert isinstance(outcome, Written), outcome


def dump(vault: Vault) -> dict[str, list[bytes]]:
    """Every event of every branch, by content."""
    return {
        branch.id: [encode(one.event) for one in vault.entries(branch.id, 0, vault.head(branch.id))]
        for agent in vault.agents()
        for branch in vault.branches(agent)
    }


def check(vault: Vault, branch: str, least: int) -> int:
    """The head, after seeing that each event up to it is there once and as it was written, and that none is missing."""
    head = vault.head(branch)
    assert head >= least, f"{branch}: {least} events were acknowledged, {head} are there"
    found = vault.entries(branch, 0, head)
    assert [one.place.seq for one in found] == list(range(1, head + 1))
    for one in found:
        assert encode(one.event) == encode(event(branch, one.place.seq))
    return head


def until(what: Callable[[], object], limit_s: float = 60.0) -> None:
    end = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def blocks_are_whole(blocks: BlockStore) -> None:
    for info in blocks.listing():
        blocks.get(info.name)


def fill(file: Path) -> None:
    """Take all the room that is left on a disk."""
    with file.open("ab", buffering=0) as out:
        for nbytes in (2**16, 2**12, 1):
            try:
                while out.write(bytes(nbytes)) == nbytes:
                    pass
            except OSError:
                continue


# What runs on a disk of its own.


def the_disk_fills(disk: Path) -> None:
    """Four writers and the keeper, until nothing more fits; then room is made."""
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(12 * 2**20))
    kept: dict[str, int] = {}
    with opened(disk / "vault") as vault:
        background = Background(keeper(vault), every_s=0.02)
        with GroupCommit(vault) as group:
            told = write_until_refused(group, kept)
        assert all("vault" in error.storage and error.reason for error in told), told
        assert sum(kept.values()) > 100
        fill(ballast)
        until(lambda: isinstance(background.last_error, WriteFailed))
        assert "No space left" in str(background.last_error) or "full" in str(background.last_error)
        time.sleep(0.2)  # ten more rounds of the keeper, which finds nothing else to do
        assert isinstance(background.last_error, WriteFailed), "what was put off is still undone"
        background.close()
        heads = {branch: check(vault, branch, kept[branch]) for branch in BRANCHES}
        assert heads == kept, "what was refused is not there"
        blocks_are_whole(store(vault))
        ballast.unlink()
        live(vault, 1)
        kept["b0"] += 1
        assert keeper(vault).settle()
    with opened(disk / "vault") as vault:
        for branch in BRANCHES:
            assert check(vault, branch, kept[branch]) == kept[branch]
            live(vault, 3, branch)
        assert verify(vault).findings == []


def write_until_refused(group: GroupCommit, kept: dict[str, int]) -> list[WriteFailed]:
    told: list[WriteFailed] = []

    def work(branch: str) -> None:
        while True:
            try:
                kept[branch] = group.write(append(branch, kept.get(branch, 0) + 1)).place.seq
            except WriteFailed as error:
                told.append(error)
                return

    in_threads(work)
    assert len(told) == len(BRANCHES)
    return told


def in_threads(work: Callable[[str], None]) -> None:
    threads = [threading.Thread(target=work, args=(branch,)) for branch in BRANCHES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def a_full_disk_is_opened(disk: Path) -> None:
    """A vault of a process that did not end well, on a disk without a free byte: it is read all the same."""
    with opened(disk / "vault") as vault:
        live(vault, 200)
        keeper(vault).settle()
        before = dump(vault)
        fill(disk / "ballast")
    with opened(disk / "vault") as vault:
        assert dump(vault) == before
        with pytest.raises(WriteFailed):
            live(vault, 10)
        assert check(vault, "b0", 200) == 200
        (disk / "ballast").unlink()
        live(vault, 50)
    with opened(disk / "vault") as vault:
        check(vault, "b0", 250)


def copies_do_not_fit(disk: Path) -> None:
    """A vault elsewhere; its backup, its archive and a vault restored from it are on the full disk."""
    folds = plain_folds(Settings(), DIM)
    with opened(disk.parent / "vault") as vault:
        live(vault, 64)
        keeper(vault).settle()
        owner = identity(vault.database)
        backups = Backups(disk / "backups", now)
        first = backups.make(vault.database, vault.blocks, owner)
        archive = disk / "b0.qms"
        export_archive(vault, "agent b0", archive, folds)
        whole = archive.read_bytes()
        live(vault, 640)
        keeper(vault).settle()
        before = dump(vault)
        fill(disk / "ballast")
        with pytest.raises(WriteFailed, match=r"b0\.qms"):
            export_archive(vault, "agent b0", archive, folds)
        assert archive.read_bytes() == whole
        with pytest.raises(WriteFailed, match="backups"):
            backups.make(vault.database, vault.blocks, owner)
        assert backups.all() == [first]
        assert backups.check(first) == []
        blocks_are_whole(backups.blocks)
        with pytest.raises(WriteFailed, match="new"):
            restore(backups, disk / "new", open_blocks(disk / "new" / "blocks"))
        assert not (disk / "new" / "journal.sqlite").exists()
        assert sorted(one.name for one in disk.iterdir()) in (
            ["b0.qms", "backups", "ballast"],
            ["b0.qms", "backups", "ballast", "new"],
        )
        with (disk / "ballast").open("r+b") as ballast:
            ballast.truncate(ballast.seek(0, os.SEEK_END) - 2**18)
        with pytest.raises(WriteFailed, match="new"):  # blocks and half a catalog fit now
            restore(backups, disk / "new", open_blocks(disk / "new" / "blocks"))
        assert not (disk / "new" / "journal.sqlite").exists()
        (disk / "ballast").unlink()
        second = backups.make(vault.database, vault.blocks, owner)
        assert [backups.check(one) for one in backups.all()] == [[], []]
        restore(backups, disk / "new", open_blocks(disk / "new" / "blocks"))
        assert dump(vault) == before
    with opened(disk / "new") as back:
        assert dump(back) == before
        assert second.position > first.position


def the_scratch_disk_is_full(disk: Path) -> None:
    """A backup copies the catalog into the folder for temporary files first, and there is no room in that one."""
    import tempfile

    tempfile.tempdir = str(disk)
    fill(disk / "ballast")
    with opened(disk.parent / "vault") as vault:
        live(vault, 64)
        backups = Backups(disk.parent / "backups", now)
        with pytest.raises(WriteFailed, match=r"full|No space"):
            backups.make(vault.database, vault.blocks, identity(vault.database))
        assert backups.all() == []
        check(vault, "b0", 64)


def a_folder_is_read_only(disk: Path) -> None:
    with opened(disk / "vault") as vault:
        live(vault, 40)
        before = dump(vault)
    remount(disk, "ro")
    for place in ("vault", "other"):
        with pytest.raises(WriteFailed, match="Read-only file system") as refusal:
            Vault.open(disk / place, now=now)
        assert str(disk / place) in str(refusal.value)
    assert not (disk / "other").exists()
    with Vault.open(disk.parent / "vault", now=now, blocks=open_blocks(disk / "blocks")) as vault:
        vault.write([CreateAgent("agent b0", "b0")])
        live(vault, 64)
        background = Background(keeper(vault), every_s=0.02)
        until(lambda: isinstance(background.last_error, WriteFailed))
        assert str(disk / "blocks") in str(background.last_error)
        live(vault, 10)
        background.close()
        check(vault, "b0", 74)
    remount(disk, "rw")
    with opened(disk / "vault") as vault:
        assert dump(vault) == before
        live(vault, 1)


def a_disk_gives_up(disk: Path) -> None:
    """The kernel lets nobody write any more to a disk that failed, while a vault is open on it."""
    with opened(disk / "vault") as vault:
        live(vault, 100)
        keeper(vault).settle()
        live(vault, 10)
        remount(disk, "abort")
        with pytest.raises(OSError, match=r"Read-only|Input/output|shutdown"):
            (disk / "file").write_bytes(b"x")
        for _ in range(2):
            with pytest.raises(WriteFailed) as refusal:
                vault.write([append("b0", 111)])
            assert str(disk) in str(refusal.value)
            assert check(vault, "b0", 110) == 110


def work_until_killed(folder: Path) -> None:
    """Write from four threads, seal, and make backups; say what is acknowledged."""
    said = threading.Lock()
    with opened(folder / "vault") as vault, GroupCommit(vault) as group:
        background = Background(keeper(vault), every_s=0.01)
        owner, backups = identity(vault.database), Backups(folder / "backups", now)

        def copy() -> None:
            while True:
                backups.make(vault.database, vault.blocks, owner)

        threading.Thread(target=copy, daemon=True).start()

        def work(branch: str) -> None:
            seq = vault.head(branch)
            while background.last_error is None:
                seq = group.write(append(branch, seq + 1)).place.seq
                with said:
                    sys.stdout.write(f"{branch} {seq}\n")
                    sys.stdout.flush()

        in_threads(work)
        raise SystemExit(str(background.last_error))


def open_and_tell(storage: Path) -> None:
    """Open a vault and say what came of it."""
    try:
        Vault.open(os.environ.get("STORAGE", storage), now=now).close()
    except QuantumMemoryError as error:
        sys.stdout.write(f"{type(error).__name__} {error}\n")


# The tests.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "mib", "scenario"),
    [
        ("tmpfs", 18, the_disk_fills),
        ("tmpfs", 4, a_full_disk_is_opened),
        ("tmpfs", 8, copies_do_not_fit),
        ("tmpfs", 1, the_scratch_disk_is_full),
        ("tmpfs", 4, a_folder_is_read_only),
        ("ext4", 24, a_disk_gives_up),
    ],
)
def test_a_disk_that_fails_is_named_and_nothing_acknowledged_is_lost(
    kind: str, mib: int, scenario: Callable[[Path], None], tmp_path: Path
) -> None:
    on_a_disk("ext4" if kind == "ext4" else "tmpfs", mib, HERE, scenario.__name__, tmp_path / "disk")


@pytest.mark.slow
def test_a_process_that_is_killed_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    kept = dict.fromkeys(BRANCHES, 0)
    for seed in range(5):
        kept |= killed_after(tmp_path, random.Random(seed).randint(20, 400))
        with opened(tmp_path / "vault") as vault:
            for branch in BRANCHES:
                head = check(vault, branch, kept[branch])
                assert head <= kept[branch] + 1, "only the write on its way may be there unacknowledged"
                kept[branch] = head
            assert verify(vault).findings == []
            blocks_are_whole(store(vault))
        backups = Backups(tmp_path / "backups", now)
        for made in backups.all()[-2:]:
            assert backups.check(made) == []
    if backups.all():
        restore(backups, tmp_path / "new", open_blocks(tmp_path / "new" / "blocks"))
        with opened(tmp_path / "new") as back:
            assert verify(back).findings == []
            for branch in BRANCHES:
                check(back, branch, 0)


def killed_after(folder: Path, lines: int) -> dict[str, int]:
    """The last number acknowledged on each branch by a process that was killed in the middle of its work."""
    kept: dict[str, int] = {}
    command = [sys.executable, "-m", HERE, work_until_killed.__name__, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for number, line in enumerate(process.stdout):
            if not line.endswith("\n"):
                break  # torn by the blow
            branch, seq = line.split()
            kept[branch] = int(seq)
            if number == lines:
                os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    return kept


def test_a_second_vault_in_one_place_is_refused_at_once_and_the_first_goes_on(storage: str) -> None:
    with Vault.open(storage, now=now) as vault:
        vault.write([CreateAgent("agent b0", "b0")])
        live(vault, 2)
        command = [sys.executable, "-m", HERE, open_and_tell.__name__, "-"]
        told = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, "STORAGE": storage}
        ).stdout
        assert told.startswith("StorageLocked")
        assert vault.storage in told
        live(vault, 2)
        check(vault, "b0", 4)


def test_two_vaults_in_one_place_for_blocks_are_told_whose_it_is(tmp_path: Path) -> None:
    shared = open_blocks(tmp_path / "blocks")
    with opened(tmp_path / "one") as one, opened(tmp_path / "two") as two:
        for vault in (one, two):
            live(vault, 32)
        Keeper(one.database, shared, now, seal_events=32).settle()
        before = {info.name for info in shared.listing()}
        with pytest.raises(InvalidValue, match=str(tmp_path / "blocks")):
            Keeper(two.database, shared, now, seal_events=32).settle()
        assert {info.name for info in shared.listing()} == before
        check(two, "b0", 32)


@pytest.mark.slow
@pytest.mark.postgres
def test_a_database_that_is_lost_is_told_and_every_operation_is_there_once(server: Server, postgres: str) -> None:
    goal = 40
    told: dict[str, list[QuantumMemoryError]] = {branch: [] for branch in BRANCHES}
    kept: dict[str, list[int]] = {branch: [] for branch in BRANCHES}
    with Vault.open(postgres, now=now) as vault:
        vault.write([CreateAgent(f"agent {branch}", branch) for branch in BRANCHES])

        def work(branch: str) -> None:
            while len(kept[branch]) < goal or not told[branch]:
                try:
                    seq = len(kept[branch]) + 1
                    kept[branch].append(group.write(append(branch, seq)).place.seq)
                except (WriteFailed, VaultUnavailable, StorageLocked) as error:
                    told[branch].append(error)
                    time.sleep(0.02)

        with GroupCommit(vault) as group:
            threads = [threading.Thread(target=work, args=(branch,)) for branch in BRANCHES]
            for thread in threads:
                thread.start()
            try:
                until(lambda: all(len(one) > 3 for one in kept.values()))
                server.stop()
                until(lambda: all(told.values()))
                with pytest.raises(VaultUnavailable):
                    vault.entries("b0", 0, 3)
            finally:
                server.start()
            for thread in threads:
                thread.join()
        for branch in BRANCHES:
            assert kept[branch] == list(range(1, len(kept[branch]) + 1))
            assert check(vault, branch, goal) == len(kept[branch])
        assert verify(vault).findings == []


@pytest.mark.slow
@pytest.mark.postgres
def test_a_database_that_turns_read_only_is_read_and_refuses_writes(server: Server, postgres: str) -> None:
    name = postgres.rpartition("/")[2]
    with Vault.open(postgres, now=now) as vault:
        vault.write([CreateAgent("agent b0", "b0")])
        live(vault, 3)
        server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        server.execute(END_SESSIONS)
        until(lambda: refused(vault, "read-only"))
        check(vault, "b0", 3)
        server.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        server.execute(END_SESSIONS)
        until(lambda: not refused(vault, ""))
        assert check(vault, "b0", 4) == 4


def refused(vault: Vault, reason: str) -> bool:
    """Whether the fourth event is refused for this reason."""
    try:
        (outcome,) = vault.write([append("b0", 4)])
    except WriteFailed as error:
        return reason in str(error)
    assert isinstance(outcome, Written), outcome
    return False


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """A vault of which one branch is sealed, and another is not."""
    with opened(tmp_path / "vault") as made:
        live(made, 40)
        keeper(made).settle()
        live(made, 8, "b1")
        yield made


def lengths(nbytes: int, count: int) -> list[int]:
    """Where to cut a file: at its ends, and here and there."""
    chance = random.Random(nbytes)
    return sorted({0, 1, nbytes - 1, nbytes // 2, *(chance.randrange(nbytes) for _ in range(count))})


def test_an_archive_that_was_cut_or_is_newer_changes_nothing(vault: Vault, tmp_path: Path) -> None:
    path, cut = tmp_path / "b0.qms", tmp_path / "cut.qms"
    export_archive(vault, "agent b0", path, plain_folds(Settings(), DIM))
    data, before = path.read_bytes(), dump(vault)
    for length in lengths(len(data), 60):
        cut.write_bytes(data[:length])
        with pytest.raises(CorruptRecord, match=r"cut\.qms"):
            import_archive(vault, cut, as_name="again")
    known = frame.verified(path)
    cut.write_bytes(frame.pack(known._replace(version=known.version + 1)) + data[frame.BLOCK_BYTES :])
    with pytest.raises(NewerSchema, match=r"cut\.qms"):
        import_archive(vault, cut, as_name="again")
    assert dump(vault) == before
    import_archive(vault, path, as_name="again")
    assert len(vault.agents()) == len(BRANCHES) + 1


def test_a_segment_that_was_cut_is_named_and_the_rest_still_serves(vault: Vault, tmp_path: Path) -> None:
    (info,) = store(vault).listing()
    file = tmp_path / "vault" / "blocks" / info.name[:2] / info.name
    data, before = file.read_bytes(), dump(vault)
    for length in lengths(len(data), 12):
        file.write_bytes(data[:length])
        assert vault.segments is not None
        vault.segments.drop(info.name)
        with pytest.raises(CorruptRecord, match=info.name):
            vault.entries("b0", 0, 40)
        assert [one.place.seq for one in vault.entries("b0", 32, 40)] == list(range(33, 41))
        check(vault, "b1", 8)
    assert [one.block for one in verify(vault).findings] == [info.name]
    live(vault, 1, "b1")
    file.write_bytes(data)
    assert dump(vault) == {**before, "b1": [*before["b1"], encode(event("b1", 9))]}


def test_a_manifest_that_was_cut_is_named_and_restores_nothing(vault: Vault, tmp_path: Path) -> None:
    backups = Backups(tmp_path / "backups", now)
    made = backups.make(vault.database, vault.blocks, identity(vault.database))
    file = tmp_path / "backups" / made.name
    data = file.read_bytes()
    for length in lengths(len(data), 20):
        file.write_bytes(data[:length])
        with pytest.raises(BackupNotFound, match=made.name):
            restore(backups, tmp_path / "new", open_blocks(tmp_path / "new" / "blocks"))
    assert not (tmp_path / "new").exists()
    for name in made.named():
        piece = tmp_path / "backups" / "blocks" / name[:2] / name
        whole = piece.read_bytes()
        file.write_bytes(data)
        piece.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(CorruptRecord, match=name):
            restore(backups, tmp_path / "new", open_blocks(tmp_path / "new" / "blocks"))
        assert not (tmp_path / "new" / "journal.sqlite").exists()
        piece.write_bytes(whole)
    restore(backups, tmp_path / "new", open_blocks(tmp_path / "new" / "blocks"))
    before = dump(vault)
    with opened(tmp_path / "new") as back:
        assert dump(back) == before


def test_a_database_file_that_was_cut_or_overwritten_never_gives_a_wrong_answer(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    with opened(folder) as vault:
        for branch in BRANCHES:
            live(vault, 20, branch)
        before = dump(vault)
    file = folder / "journal.sqlite"
    data = file.read_bytes()
    chance = random.Random(9)
    damaged = [data[:length] for length in lengths(len(data), 12)]
    for _ in range(40):
        at = chance.randrange(len(data))
        damaged.append((data[:at] + chance.randbytes(chance.choice((1, 100, 4096))) + data[at:])[: len(data)])
        damaged.append(data[:at] + chance.randbytes(64) + data[at + 64 :])
    found = 0
    for bad in damaged:
        for other in folder.glob("journal.sqlite-*"):
            other.unlink()
        file.write_bytes(bad)
        found += told_or_right(folder, before)
    assert found > len(damaged) // 2
    file.write_bytes(data)
    with opened(folder) as vault:
        assert dump(vault) == before


def told_or_right(folder: Path, before: dict[str, list[bytes]]) -> bool:
    """Whether a named error came; what was read without one is what was written."""
    try:
        vault = Vault.open(folder, now=now)
    except (StorageFailure, VaultUnavailable):
        return True
    told = False
    with vault:
        for branch in BRANCHES:
            try:
                head = vault.head(branch)
                found = [encode(one.event) for one in vault.entries(branch, 0, head)]
            except QuantumMemoryError:
                told = True
            else:
                assert found == before[branch][: len(found)]
                told |= len(found) < len(before[branch])
        verify(vault)
    return told


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
