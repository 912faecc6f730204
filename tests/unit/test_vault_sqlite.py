"""A vault in a folder: what a killed process, a full disk, a second opener and a damaged file leave behind."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from quantum_memory.errors import CorruptRecord, InvalidValue, PlaceNotFound, StorageLocked, WriteFailed
from quantum_memory.memory.events import Forgotten
from quantum_memory.memory.vault import Append, CreateAgent, CreateBranch, Vault, Written
from quantum_memory.memory.vault.catalog import Held
from quantum_memory.types import Place

BATCH = 5
PRELUDE = """
import sys
from datetime import UTC, datetime
from quantum_memory.errors import WriteFailed
from quantum_memory.memory.events import Forgotten
from quantum_memory.memory.vault import Append, CreateAgent, GroupCommit, Vault, Written

def appends(branch, head, size):
    return [Append(branch, seq, Forgotten((f"{branch}:{seq + 1}:" + "x" * 1000,)), f"{branch}:{seq}")
            for seq in range(head, head + size)]

vault = Vault.open(sys.argv[1], now=lambda: datetime.now(UTC))
vault.write([CreateAgent("alice", "b0"), CreateAgent("bob", "b1")])
"""
WRITE_BATCHES = """
while True:
    head = vault.head("b0")
    assert all(isinstance(outcome, Written) for outcome in vault.write(appends("b0", head, BATCH)))
    print("b0", head + BATCH, flush=True)
"""
WRITE_IN_GROUPS = """
import threading
group = GroupCommit(vault)
def work(branch):
    while True:
        (write,) = appends(branch, vault.head(branch), 1)
        print(branch + " " + str(group.write(write).place.seq) + "\\n", end="", flush=True)
threading.Thread(target=work, args=("b0",)).start()
work("b1")
"""
FILL_THE_DISK = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
kept = 0
while True:
    try:
        vault.write(appends("b0", kept, BATCH))
    except WriteFailed as error:
        print(kept, vault.head("b0"), str(error), sep="|", flush=True)
        break
    kept += BATCH
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
assert len(vault.entries("b0", 0, kept)) == kept
"""


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def open_vault(folder: Path) -> Vault:
    vault = Vault.open(folder, now=now)
    vault.write([CreateAgent("alice", "b0")])
    return vault


def append(vault: Vault, branch: str = "b0") -> Written:
    head = vault.head(branch)
    (outcome,) = vault.write([Append(branch, head, Forgotten((f"{head}",)), f"{head}")])
    assert isinstance(outcome, Written), outcome
    return outcome


@contextmanager
def writing(folder: Path, program: str) -> Iterator[subprocess.Popen[str]]:
    """A process that writes to the vault, killed at the end if it still lives."""
    source = PRELUDE + program.replace("BATCH", str(BATCH))
    command = [sys.executable, "-c", source, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait()


def kill_after(folder: Path, program: str, lines: int) -> dict[str, int]:
    """The last number acknowledged on each branch by a process that was killed in the middle of its work."""
    last: dict[str, int] = {}
    with writing(folder, program) as process:
        assert process.stdout is not None
        for _ in range(lines):
            take(last, process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        for line in process.stdout:  # what it had acknowledged before the blow fell
            take(last, line)
        assert process.wait() == -signal.SIGKILL
    return last


def take(last: dict[str, int], line: str) -> None:
    branch, seq = line.split()
    assert int(seq) > last.get(branch, 0)
    last[branch] = int(seq)


def check(vault: Vault, branch: str) -> int:
    """The head, after seeing that every event up to it is there once, whole and in its place."""
    head = vault.head(branch)
    for seq, entry in enumerate(vault.entries(branch, 0, head), start=1):
        assert entry.place.seq == seq
        assert entry.event == Forgotten((f"{branch}:{seq}:" + "x" * 1000,))
    return head


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_kill_and_no_batch_is_half_there(tmp_path: Path) -> None:
    for seed in range(4):
        last = kill_after(tmp_path, WRITE_BATCHES, random.Random(seed).randint(1, 150))
        with Vault.open(tmp_path, now=now) as vault:
            head = check(vault, "b0")
            assert head >= last["b0"]
            assert head <= last["b0"] + BATCH, "only the batch on its way may be there unacknowledged"
            assert head % BATCH == 0


@pytest.mark.slow
def test_what_a_group_commit_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    for seed in range(3):
        last = kill_after(tmp_path, WRITE_IN_GROUPS, random.Random(seed).randint(20, 200))
        with Vault.open(tmp_path, now=now) as vault:
            for branch in ("b0", "b1"):
                assert last.get(branch, 0) <= check(vault, branch) <= last.get(branch, 0) + 1


def test_an_operation_cut_off_by_a_kill_is_retried_without_doing_it_twice(tmp_path: Path) -> None:
    last = kill_after(tmp_path, WRITE_BATCHES, 3)["b0"]
    with Vault.open(tmp_path, now=now) as vault:
        head = vault.head("b0")
        retries = [
            Append("b0", seq, Forgotten((f"b0:{seq + 1}:" + "x" * 1000,)), f"b0:{seq}") for seq in range(last + BATCH)
        ]
        outcomes = vault.write(retries)
        assert [isinstance(outcome, Written) and outcome.repeated for outcome in outcomes] == [
            seq < head for seq in range(last + BATCH)
        ]
        assert check(vault, "b0") == last + BATCH


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    with writing(tmp_path, WRITE_BATCHES) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(StorageLocked, match=str(tmp_path)):
            Vault.open(tmp_path, now=now)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        Vault.open(tmp_path, now=now).close()


def test_a_folder_and_its_file_by_url_are_the_same_vault(tmp_path: Path) -> None:
    with open_vault(tmp_path / "a" / "b") as vault:
        assert vault.storage == str(tmp_path / "a" / "b")
        append(vault)
        with pytest.raises(StorageLocked):
            Vault.open(f"sqlite:///{tmp_path}/a/b/journal.sqlite", now=now)
    with Vault.open(f"sqlite:///{tmp_path}/a/b/journal.sqlite", now=now) as vault:
        assert vault.head("b0") == 1


def test_a_file_by_a_relative_url_is_named_and_locked_by_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Vault.open("sqlite:///a/journal.sqlite", now=now) as vault:
        monkeypatch.chdir("/")
        assert vault.storage == f"sqlite:///{tmp_path}/a/journal.sqlite"
        with pytest.raises(StorageLocked):
            Vault.open(tmp_path / "a", now=now)
        vault.write([CreateAgent("alice", "b0")])
    assert (tmp_path / "a" / "journal.sqlite").stat().st_size > 0


def test_a_full_disk_fails_the_batch_whole_and_keeps_the_rest(tmp_path: Path) -> None:
    with writing(tmp_path, FILL_THE_DISK) as process:
        assert process.stdout is not None
        told = process.stdout.readline().strip()
        assert process.wait() == 0
    kept, head, reason = told.split("|")
    assert int(kept) > 0
    assert int(head) == int(kept)
    assert "OperationalError" in reason
    with Vault.open(tmp_path, now=now) as vault:
        assert check(vault, "b0") == int(kept)
        vault.write([Append("b0", int(kept), Forgotten(("there is room again",)), "later")])
        assert vault.head("b0") == int(kept) + 1


def test_a_database_that_turned_read_only_fails_the_batch_and_recovers(tmp_path: Path) -> None:
    with open_vault(tmp_path) as vault:
        append(vault)
        assert vault.database._connection is not None
        driver = vault.database._connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute("PRAGMA query_only = ON")
        with pytest.raises(WriteFailed, match="readonly"):
            append(vault)
        assert vault.head("b0") == 1
        driver.execute("PRAGMA query_only = OFF")
        assert append(vault).place.seq == 2


def test_a_read_only_folder_is_refused_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    source = PRELUDE.replace("vault = Vault.open", "try:\n    Vault.open") + "\n"
    source = source[: source.index("vault.write")] + "except WriteFailed as error:\n    print(error)\n"
    command = [sys.executable, "-c", source, str(folder)]
    if os.geteuid() == 0:  # root may write anywhere, unless it lays that power down
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("running as root, and setpriv is not installed")
        command = [setpriv, "--bounding-set", "-dac_override", *command]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Permission denied" in told
    assert str(folder) in told
    assert list(folder.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a text")
    with pytest.raises(WriteFailed, match="taken"):
        Vault.open(tmp_path / "taken", now=now)


def test_a_file_that_is_no_database_is_named_and_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    file.write_bytes(b"not a database at all, but long enough to be looked at " * 100)
    before = file.read_bytes()
    with pytest.raises(CorruptRecord, match="not a database"):
        Vault.open(tmp_path, now=now)
    assert file.read_bytes() == before


def test_a_torn_page_is_found_on_reading(tmp_path: Path) -> None:
    with open_vault(tmp_path) as vault:
        for _ in range(300):
            append(vault)
    file = tmp_path / "journal.sqlite"
    data = bytearray(file.read_bytes())
    with closing(sqlite3.connect(file)) as connection:
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'journal'").fetchone()
    data[(root - 1) * page_bytes : root * page_bytes] = b"\xa5" * page_bytes
    file.write_bytes(data)
    with Vault.open(tmp_path, now=now) as vault, pytest.raises(CorruptRecord, match="malformed"):
        vault.entries("b0", 0, 300)


@pytest.mark.parametrize(
    "storage",
    [
        "",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?uri=true",
        "mysql://user:hidden@host/db",
        "http://host",
        "://",
    ],
)
def test_storage_that_cannot_keep_anything_is_refused_without_telling_passwords(storage: str) -> None:
    with pytest.raises(InvalidValue, match="storage") as refusal:
        Vault.open(storage, now=now)
    assert "hidden" not in str(refusal.value)


def test_every_commit_is_synced_and_readers_cannot_write(tmp_path: Path) -> None:
    with open_vault(tmp_path) as vault:
        with vault.database.transaction() as connection:
            asked = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("synchronous", "journal_mode", "foreign_keys")
            }
        assert asked == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1}
        with vault.database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA query_only").scalar_one() == 1


def test_rollbacks_are_found_by_their_own_index(tmp_path: Path) -> None:
    from quantum_memory.memory.vault.catalog import SELECT_ROLLBACKS

    with open_vault(tmp_path) as vault, vault.database.read() as connection:
        sql = str(SELECT_ROLLBACKS.compile(connection.engine)).replace("\n", " ")
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", ("b0", 5)).all()
    assert "journal_rollbacks" in str(plan)


def test_a_commit_is_found_by_its_name_without_looking_at_the_others(tmp_path: Path) -> None:
    with open_vault(tmp_path) as vault:
        vault.write([CreateBranch("twin", "alice-2", "main", "clone", Place("b0", 0), "clone")])
        asked: list[tuple[str, Any]] = []

        def heard(_c: Any, _cursor: Any, sql: str, values: Any, *_: Any) -> None:
            asked.extend([(sql, values)] if "substr(commits.message" in sql else [])

        with vault.database.read() as connection:
            sa.event.listen(connection.engine, "before_cursor_execute", heard)
            with pytest.raises(PlaceNotFound):
                vault.find_place("twin", "no such name")
            sa.event.remove(connection.engine, "before_cursor_execute", heard)
            plans = [
                str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()) for sql, values in asked
            ]
    assert len(plans) == 2, "the agent's own, and those in its past"
    for plan in plans:
        assert "commits_by_message" in plan, plan
        assert "commits_by_prefix" in plan, plan


def test_held_rows_stay_within_their_bound_and_the_least_used_goes_first() -> None:
    held: Held[str, int] = Held(2)
    held.changed([("a", 1), ("b", 2)])
    assert held.get("a") == 1
    held.changed([("c", 3)])
    assert len(held) == 2
    assert (held.get("a"), held.get("b"), held.get("c")) == (1, None, 3)


def test_a_value_read_before_a_change_is_not_held_after_it() -> None:
    held: Held[str, int] = Held(8)

    def read_slowly() -> int:
        held.changed([("head", 2)])  # a write lands while the old value is on its way
        return 1

    assert held.fill("head", read_slowly) == 1
    assert held.get("head") == 2
    held.clear()
    assert held.fill("head", lambda: 2) == 2
    assert held.get("head") == 2
