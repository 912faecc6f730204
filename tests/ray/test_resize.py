"""Pools that are resized while two drivers work, and placement groups: nothing lost, nothing doubled, nobody hangs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.util.placement_group import placement_group_table
from typer.testing import CliRunner

import quantum_memory as qm
from quantum_memory.cluster.cli import app
from quantum_memory.cluster.connect import MemoryCluster, connect
from quantum_memory.cluster.launch import standing_members
from quantum_memory.errors import InvalidInput, NoRoom, PoolsChanged
from tests.ray.conftest import FAST

NAMES = [f"agent {number}" for number in range(8)]
SMALL = {"num_cpus": 0.01}
POOLS = dict.fromkeys(("agents", "emotion", "quantum", "episodic", "graph", "vault"), SMALL)

OTHER = """
import json, sys, threading
import quantum_memory as qm
names = [f"agent {number}" for number in range(8)]
with qm.connect(namespace="resized") as memory:
    handles = [memory.agent(name) for name in names]
    print("ready", flush=True)
    over, said, number = threading.Event(), [], 0
    threading.Thread(target=lambda: (sys.stdin.readline(), over.set()), daemon=True).start()
    while not over.is_set():
        agent, text = handles[number % 8], f"the other driver said {number}"
        agent.remember(text)
        said.append([agent.name, text])
        if number % 3 == 0:
            found = [memory.text for memory in agent.memories()]
            assert text in found, (text, found)
        number += 1
    print(json.dumps(said))
"""


@pytest.fixture
def other(cluster: MemoryCluster, tmp_path: Path) -> Any:
    """Begins a second driver in a process of its own; ending it gives what it was acknowledged."""
    begun: list[subprocess.Popen[str]] = []
    address = ray.get_runtime_context().gcs_address

    def begin() -> Callable[[], list[list[str]]]:
        process = subprocess.Popen(
            [sys.executable, "-c", OTHER],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "RAY_ADDRESS": address},
        )
        begun.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        def end() -> list[list[str]]:
            out, _ = process.communicate("enough\n", timeout=90)
            assert process.returncode == 0
            told: list[list[str]] = json.loads(out.splitlines()[-1])
            return told

        return end

    yield begin
    for process in begun:
        if process.poll() is None:
            process.kill()
            process.wait()


class Load:
    """Threads of this driver that write and read in every way there is, until they are to stop."""

    def __init__(self, memory: MemoryCluster) -> None:
        self.memory, self.over = memory, threading.Event()
        self.acknowledged: list[tuple[str, str]] = []
        self.errors: list[BaseException] = []
        self.threads = [threading.Thread(target=self.work, args=(writer,)) for writer in range(3)]
        for thread in self.threads:
            thread.start()

    def work(self, writer: int) -> None:
        handles = [self.memory.agent(name) for name in NAMES]
        number = 0
        try:
            while not self.over.is_set():
                agent, text = handles[(writer + number) % 8], f"writer {writer} said {number}"
                if number % 4 == 0:
                    some = {name: f"{text} to {name}" for name in NAMES[writer::2]}
                    self.memory.remember(some)
                    self.acknowledged += some.items()
                elif number % 4 == 1:
                    ray.get(agent.remember.remote(text), timeout=60)
                    self.acknowledged.append((agent.name, text))
                else:
                    agent.remember(text)
                    self.acknowledged.append((agent.name, text))
                    assert text in {memory.text for memory in agent.memories()}, "read after it was acknowledged"
                number += 1
        except BaseException as error:  # noqa: BLE001  (the test raises it)
            self.errors.append(error)

    def end(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(90)
            assert not thread.is_alive()
        if self.errors:
            raise self.errors[0]


@pytest.mark.slow
def test_two_drivers_work_while_a_pool_goes_from_one_to_three_to_two(
    cluster: MemoryCluster, tmp_path: Path, other: Callable[[], Callable[[], list[list[str]]]]
) -> None:
    with connect(storage=tmp_path / "vault", config=FAST | {"pools": POOLS}, namespace="resized") as memory:
        end_other = other()
        load = Load(memory)
        try:
            assert memory.resize("agents", 3)["agents"] == 3
            (second,) = [told["pid"] for told in memory.status()["agents"][1:2]]
            before = len(load.acknowledged)
            os.kill(second, signal.SIGKILL)
            assert memory.resize("episodic", 2) == memory.sizes()
            assert memory.resize("agents", 2)["agents"] == 2
            told = CliRunner().invoke(
                app,
                ["resize", "episodic", "1", "--json", "--namespace", "resized"],
                env={"RAY_ADDRESS": ray.get_runtime_context().gcs_address},
            )
            assert json.loads(told.stdout.splitlines()[-1])["episodic"] == 1
            assert len(load.acknowledged) > before
        finally:
            load.end()
        acknowledged = [*load.acknowledged, *map(tuple, end_other())]
        assert {pool: len(members) for pool, members in memory.status().items()} == {
            "vault": 1, "emotion": 1, "quantum": 1, "episodic": 1, "graph": 1, "agents": 2,
        }  # fmt: skip
        for name in NAMES:
            texts = [memory.text for memory in memory.agent(name).memories()]
            assert len(set(texts)) == len(texts), "nothing twice"
            assert set(texts) == {text for agent, text in acknowledged if agent == name}, "nothing lost"
        told_of = [entry.detail for entry in memory.audit(limit=1000) if entry.action == "pool_resized"]
        assert told_of == ["episodic: 2 to 1", "agents: 3 to 2", "episodic: 1 to 2", "agents: 1 to 3"]
        assert connect(config=FAST, namespace="resized").settings.pools.agents.size == 2
        memory.stop()
    assert not [one for one in ray.util.list_named_actors(all_namespaces=True) if one["namespace"] == "resized"]


@pytest.mark.slow
def test_drivers_that_grow_one_pool_at_once_are_served_one_after_the_other(
    cluster: MemoryCluster, tmp_path: Path
) -> None:
    """Who comes second is refused by name, and ends no member that the first one made."""
    with connect(storage=tmp_path, config=FAST | {"pools": POOLS}, namespace="at once") as memory:
        memory.agent("alice").remember("hello")
        second = connect(config=FAST, namespace="at once")
        for size in (2, 3):
            with ThreadPoolExecutor(2) as threads:
                begun = [threads.submit(one.resize, "episodic", size) for one in (memory, second)]
                came = [one.exception(timeout=60) for one in begun]
            assert None in came
            assert all(one is None or isinstance(one, PoolsChanged) for one in came)
            assert memory.sizes()["episodic"] == len(memory.status()["episodic"]) == size
            assert [one.text for one in second.agent("alice").memories()] == ["hello"]
        assert len(standing_members(memory._running, "episodic")) == 3
        memory.stop()


def free_cpus() -> float:
    free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    return free["CPU"]


def groups() -> list[tuple[str, str, list[dict[str, float]]]]:
    """The placement groups that there are: name, strategy and bundles."""
    rows = [row for row in placement_group_table().values() if row["state"] != "REMOVED"]
    return sorted((row["name"], row["strategy"], list(row["bundles"].values())) for row in rows)


@pytest.mark.slow
def test_members_of_one_number_are_placed_together(cluster: MemoryCluster, tmp_path: Path) -> None:
    pools = POOLS | {"quantum": {"num_cpus": 0.03}}
    config = FAST | {"pools": pools, "placement_groups": "strict_pack", "timeouts": {"connect_s": 30}}
    with connect(storage=tmp_path, config=config, namespace="grouped") as memory:
        ((name, strategy, bundles),) = groups()
        assert (name, strategy) == ("quantum_memory:grouped:0:agents,emotion,episodic,graph,quantum", "STRICT_PACK")
        assert bundles == [{"CPU": 0.01}] * 4 + [{"CPU": 0.03}]
        free = free_cpus()
        memory.agent("alice").remember("hello")
        memory.resize("quantum", 2)
        assert [one[0] for one in groups()] == [name, "quantum_memory:grouped:1:quantum"]
        assert free_cpus() == pytest.approx(free - 0.03), "the member is inside of its group"
        connect(config=FAST, namespace="grouped").agent("alice").remember("from another driver")
        assert len(groups()) == 2
        assert [one.text for one in memory.agent("alice").memories()] == ["hello", "from another driver"]
        memory.resize("quantum", 1)
        assert [one[0] for one in groups()] == [name]
        memory.stop()
    assert groups() == []


def test_what_cannot_be_placed_is_told_by_name_and_leaves_nothing(cluster: MemoryCluster, tmp_path: Path) -> None:
    short = {"timeouts": {"connect_s": 4.0}}
    config = FAST | short | {"pools": POOLS, "placement_groups": "strict_spread"}
    with pytest.raises(NoRoom, match=r"group of members 0: no node had room for strict_spread of agents: 0.01 CPU"):
        connect("auto", storage=tmp_path / "a", config=config, namespace="nowhere")
    assert groups() == []
    assert not [one for one in ray.util.list_named_actors(all_namespaces=True) if one["namespace"] == "nowhere"]


@pytest.mark.slow
def test_a_member_for_which_there_is_no_room_changes_nothing(cluster: MemoryCluster, tmp_path: Path) -> None:
    pools = POOLS | {"graph": {"num_cpus": 1.9}}
    config = FAST | {"pools": pools, "timeouts": {"connect_s": 12.0}}
    with connect(storage=tmp_path, config=config, namespace="full") as memory:
        alice: qm.AgentHandle = memory.agent("alice")
        before = memory.sizes()
        with pytest.raises(NoRoom, match=r"SemanticGraphActor-1: no node had room for 1\.9 CPU within 12 s"):
            memory.resize("graph", 3)
        assert memory.sizes() == before
        for pool, size in (("vault", 2), ("nothing", 2), ("graph", 0)):
            with pytest.raises(InvalidInput):
                memory.resize(pool, size)
        alice.remember("it goes on")
        assert len(alice.memories()) == 1
        memory.stop()
