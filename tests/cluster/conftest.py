"""Several Ray nodes for tests that kill them: a head with the vault and the driver, two others with all the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import quantum_memory as qm
from quantum_memory.cluster.connect import MemoryCluster, connect
from quantum_memory.policies.placement import member_of
from quantum_memory.testing.nodes import Nodes

CONFIG: dict[str, Any] = {
    "perception": {"model": "hashing"},
    "pools": {"vault": {"num_cpus": 0}, "agents": {"size": 2}, "episodic": {"size": 2}},
    "vault": {"seal_events": 8, "snapshot_events": 8, "keeper_s": 0.2},
}
NAMESPACE = "survival"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="package")
def nodes() -> Iterator[Nodes]:
    """A head on which no actor fits but a vault, and two nodes of which each can hold everything else."""
    with Nodes({"num_cpus": 0}, 2, {"num_cpus": 1}) as some:
        yield some


@pytest.fixture(scope="package")
def memory(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryCluster]:
    storage = tmp_path_factory.mktemp("survival")
    with connect(nodes.address, storage=storage, config=CONFIG, namespace=NAMESPACE) as cluster:
        yield cluster


@pytest.fixture
def two(nodes: Nodes) -> None:
    """Two nodes beside the head, whatever the tests before have killed."""
    while len(nodes.others) < 2:
        nodes.add()


class Loop(threading.Thread):
    """Does something until it is told to stop; ``stop`` raises what it raised."""

    def __init__(self, act: Callable[[int], object]) -> None:
        super().__init__(daemon=True)
        self._act, self._over = act, threading.Event()
        self._error: BaseException | None = None
        self.done = 0
        self.start()

    def run(self) -> None:
        try:
            while not self._over.is_set():
                self._act(self.done)
                self.done += 1
        except BaseException as error:  # noqa: BLE001  (stop() raises it)
            self._error = error

    def stop(self) -> int:
        self._over.set()
        self.join(150)
        assert not self.is_alive(), "it hangs"
        if self._error is not None:
            raise self._error
        return self.done


class Driver:
    """A program in a process of its own. What it prints after the line ``ready`` is what it did."""

    def __init__(self, nodes: Nodes, folder: Path, program: str, *arguments: str) -> None:
        self._errors = folder / f"driver-{len(list(folder.iterdir()))}.err"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program, *arguments],
                cwd=folder,
                env=nodes.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._process.stdout is not None
        self._lines = self._process.stdout
        first = self._lines.readline()
        assert first == "ready\n", (first, self._said())

    def _said(self) -> str:
        return self._errors.read_text(encoding="utf-8")

    def line(self) -> str:
        """The next that it prints."""
        return self._lines.readline().rstrip("\n")

    def kill(self) -> list[str]:
        """End it as a crash would; what it had printed by then."""
        os.kill(self._process.pid, signal.SIGKILL)
        return self._rest()

    def finish(self) -> list[str]:
        """Let it come to its end; what it printed."""
        lines = self._rest()
        assert self._process.returncode == 0, self._said()
        return lines

    def _rest(self) -> list[str]:
        with self._lines:
            lines = [line.rstrip("\n") for line in self._lines if line.endswith("\n")]
        self._process.wait(120)
        return lines


def owner(memory: MemoryCluster, agent: qm.AgentHandle, pool: str = "agents") -> int:
    """The process of the member of a pool that an agent belongs to."""
    pids = memory.processes()[pool]
    return pids[member_of(agent.info.lineage, len(pids))]


def texts(agent: qm.AgentHandle) -> list[str]:
    """What an agent remembers, in order."""
    return [memory.text for memory in agent.memories()]


def held(agent: qm.AgentHandle, acknowledged: list[str]) -> None:
    """Assert that what was acknowledged is there, each once and in its order."""
    there = texts(agent)
    assert len(set(there)) == len(there), "applied twice"
    places = {text: place for place, text in enumerate(there)}
    lost = [text for text in acknowledged if text not in places]
    assert not lost, "acknowledged and lost"
    order = [places[text] for text in acknowledged]
    assert order == sorted(order), "out of order"
