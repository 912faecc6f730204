"""Where an export is written: a file whole or not at all, a pipe or a device as it stands."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from quantum_memory.cluster import cli_files


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("before\n")

    def cut() -> Iterator[str]:
        yield "half\n"
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        cli_files._replace(path, cut())
    assert path.read_text() == "before\n"
    cli_files._replace(path, iter(["after\n"]))
    assert path.read_text() == "after\n"
    assert [one.name for one in tmp_path.iterdir()] == ["a.jsonl"]
    with pytest.raises(IsADirectoryError):
        cli_files._replace(tmp_path, iter([]))


def test_a_pipe_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    """As /dev/stdout and /dev/null are, which root could replace by a file."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        cli_files._replace(path, iter(["one\n", "two\n"]))
        assert stat.S_ISFIFO(path.stat().st_mode)
        assert os.read(reader, 100) == b"one\ntwo\n"
    finally:
        os.close(reader)
