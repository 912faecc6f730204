"""A process's folder for files on their way: it is there while the process lives, and nobody leaves one for good."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quantum_memory.actors import scratch

LONG_AGO = (0.0, 0.0)
CODE = """
import sys
from quantum_memory.actors.scratch import scratch
folder = scratch("upload-")
(folder / "archive").write_bytes(b"x")
print(folder, flush=True)
if sys.stdin.read():
    (folder / "archive").unlink()
    folder.rmdir()
"""


@pytest.fixture(autouse=True)
def within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own, in which this process has none yet."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "_own", [])
    return tmp_path


@contextmanager
def another(within: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process with a folder in which there is a file, and where that is, made long ago."""
    given = {**os.environ, "TMPDIR": str(within)}
    pipe, command = subprocess.PIPE, [sys.executable, "-c", CODE]
    with subprocess.Popen(command, env=given, text=True, stdin=pipe, stdout=pipe) as process:
        try:
            assert process.stdout is not None
            folder = Path(process.stdout.readline().strip())
            os.utime(folder.parent, LONG_AGO)
            yield process, folder
        finally:
            process.kill()


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def test_what_a_process_left_that_was_killed_is_removed_and_no_other(within: Path) -> None:
    with another(within) as (first, left), another(within) as (_, living):
        kill(first)
        assert left.is_dir()
        os.utime(left.parent, LONG_AGO)
        mine = scratch.scratch("upload-")
        assert not left.parent.exists()
        assert (living / "archive").read_bytes() == b"x"
    assert mine.stat().st_mode & 0o077 == 0
    assert scratch.scratch("upload-").parent == mine.parent != living.parent


def test_what_was_made_just_now_or_is_of_another_user_stays(within: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        with another(within) as (process, left):
            kill(process)
    young = within / f"{scratch.PREFIX}young"
    young.mkdir()
    (within / f"{scratch.PREFIX}link").symlink_to(within)
    (within / f"{scratch.PREFIX}file").touch()
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    scratch._sweep(within)
    assert left.is_dir()
    monkeypatch.setattr(os, "geteuid", lambda: mine)
    scratch._sweep(within)
    names = {path.name.removeprefix(scratch.PREFIX) for path in within.iterdir()}
    assert names == {"young", "link", "file"}


def test_what_another_machine_has_on_a_shared_disk_stays(within: Path) -> None:
    """It may be locked there: on NFS the lock of a folder is known to its own machine alone."""
    others = within / "qmem-scratch-elsewhere@x"
    others.mkdir()
    os.utime(others, LONG_AGO)
    mine = within / f"{scratch.PREFIX}x"
    mine.mkdir()
    os.utime(mine, LONG_AGO)
    scratch._sweep(within)
    assert [path.name for path in within.iterdir()] == [others.name]


def test_a_process_that_ends_takes_its_folder_along(within: Path) -> None:
    with another(within) as (process, folder):
        process.communicate("end")
        assert process.returncode == 0
        assert not folder.parent.exists()


def test_a_folder_that_somebody_removed_is_made_again() -> None:
    first = scratch.scratch("upload-")
    first.rmdir()
    first.parent.rmdir()
    assert scratch.scratch("upload-").is_dir()
