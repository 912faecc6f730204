"""Imports through actors: as a task, and after the importing process was killed in the middle."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import ray

from quantum_memory.actors.importing import BATCH
from quantum_memory.cluster.connect import MemoryCluster

KILLED = """
import os, signal, sys
from quantum_memory.cluster.connect import connect

def die(report):
    if report.read >= {after}:
        os.kill(os.getpid(), signal.SIGKILL)

memory = connect(sys.argv[1], namespace="actors")
memory.import_file(sys.argv[2], "killed", progress=die)
"""


def written(path: Path, count: int) -> Path:
    path.write_text("".join(json.dumps({"text": f"turn number {n}"}) + "\n" for n in range(count)))
    return path


def test_an_import_as_a_task(cluster: MemoryCluster, tmp_path: Path) -> None:
    alice, path = cluster.agent("import-task"), written(tmp_path / "a.jsonl", BATCH + 5)
    report = ray.get(alice.import_file.remote(path))
    assert (report.added, report.done) == (BATCH + 5, True)
    assert [memory.text for memory in alice.memories()] == [f"turn number {n}" for n in range(BATCH + 5)]
    assert alice.import_file(path).known == BATCH + 5


def test_an_import_whose_process_was_killed_goes_on_where_it_was(cluster: MemoryCluster, tmp_path: Path) -> None:
    count = BATCH * 12
    path = written(tmp_path / "a.jsonl", count)
    address = ray.get_runtime_context().gcs_address
    script = KILLED.format(after=BATCH * 7)
    done = subprocess.run(
        [sys.executable, "-c", script, address, str(path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    report = cluster.import_file(path, "killed")
    assert report.known >= BATCH * 3, "what was acknowledged before is there"
    assert report.added + report.known == count
    assert len(cluster.agent("killed").memories()) == count
