"""A cluster that was killed in parts and then closed leaves no process, no open port and no file of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil

from quantum_memory.testing.nodes import MARK

PROGRAM = """
import json, os, sys
from pathlib import Path
import psutil
import quantum_memory as qm
from quantum_memory.testing.nodes import MARK, Nodes

storage, before = sys.argv[1], dict(os.environ)
config = {"perception": {"model": "hashing"}, "placement": "inline", "pools": {"vault": {"num_cpus": 0}}}
with Nodes({"num_cpus": 0}, 1, {"num_cpus": 1}) as nodes:
    with qm.connect(nodes.address, storage=storage, config=config) as memory:
        ivan = memory.agent("ivan")
        ivan.remember("Somebody is here.")
        dead = nodes.others[0]
        nodes.kill(dead)
        nodes.add()
        ivan.remember("And still is.")
        nodes.kill_gcs()
        nodes.start_gcs()
        ivan.recall("who?")
        ports, files = [], set()
        for told in nodes.left():
            process = psutil.Process(told.pid)
            ports += [c.laddr for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
            files |= {file.path for file in process.open_files() if "w" in file.mode or "a" in file.mode}
        running = len(nodes.left())
    mark = nodes.mark
changed = {name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name)}
print(json.dumps([mark, running, ports, sorted(files), sorted(changed), [vars(one) for one in nodes.left()]]))
"""


def marked(mark: str) -> list[str]:
    """What still runs and was started there."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def test_nothing_is_left(tmp_path: Path) -> None:
    storage = tmp_path / "vault"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(storage)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path / "home")},
    )
    assert done.returncode == 0, done.stderr
    mark, running, ports, files, changed, left = json.loads(done.stdout.splitlines()[-1])
    assert running >= 8, "it looked at a GCS, two raylets, their agents and the actors"
    assert len(ports) > 5, "it looked at their ports"
    assert files, "it looked at their files"
    assert left == marked(mark) == []
    for address, port in ports:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as probe:
            assert probe.connect_ex((address, port)) != 0, f"{address}:{port} still listens"
    kept = [file for file in files if Path(file).exists() and not Path(file).is_relative_to(storage)]
    assert [file for file in kept if not file.startswith("/dev/")] == []
    assert not changed, "variables are as they were"
    assert not (tmp_path / "home").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["vault"]
