"""Processes that end or are forked while machine code is being made: nobody waits for a thread that is not there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quantum_memory.memory import compiled

pytest.importorskip("numba")

MAKING = """
import os, signal, sys, time
from quantum_memory.memory import compiled
compiled.begin()
while not compiled._work[0].making.locked() or "numba" not in sys.modules:
    time.sleep(0.01)
time.sleep(1.5)  # it compiles now
assert compiled._work[0].making.locked(), "it is done already"
"""
FORKED = (
    MAKING
    + """
child = os.fork()
if not child:
    signal.alarm(30)
    compiled.begin()
    made = compiled.make()
    os._exit(0 if not made and compiled.ready("memories") is None else 1)
print(os.waitpid(child, 0)[1], flush=True)
os._exit(0)
"""
)
ENDS = MAKING + "print(time.monotonic())"
PROMPT_S = 10.0


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Where no machine code is kept on disk, so that it takes seconds to make."""
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
    )


def test_a_child_does_not_wait_for_a_thread_that_is_not_there(tmp_path: Path) -> None:
    done = run(FORKED, tmp_path)
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr


def test_an_interpreter_ends_at_once_while_machine_code_is_made(tmp_path: Path) -> None:
    done = run(ENDS, tmp_path)
    ended = time.monotonic()
    assert (done.returncode, done.stderr) == (0, "")
    assert ended - float(done.stdout) < PROMPT_S


def test_a_child_of_a_process_that_makes_nothing_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread may have been asked for and not have begun; then it is asked for again."""
    work = compiled._Work()
    work.asked = True
    monkeypatch.setattr(compiled, "_work", [work])
    compiled._forked()
    assert (compiled._work[0].asked, compiled._work[0].lost) == (False, False)


def test_a_grandchild_has_no_more_than_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    work = compiled._Work()
    monkeypatch.setattr(compiled, "_work", [work])
    with work.making:
        compiled._forked()
    compiled._forked()
    assert compiled._work[0].lost
    assert not compiled._work[0].making.locked()
