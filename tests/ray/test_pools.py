"""Pools of more than one, a second driver, a start that fails, and the ways to end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import ray

import quantum_memory as qm
from quantum_memory.cluster.connect import MemoryCluster, connect
from quantum_memory.errors import SettingsDiffer, StorageFailure
from tests.ray.conftest import FAST


def test_larger_pools_share_the_agents_and_see_each_others_writes(cluster: MemoryCluster, tmp_path: Path) -> None:
    pools = {name: {"size": 2} for name in ("agents", "quantum", "episodic", "graph")}
    with connect(storage=tmp_path, config=FAST | {"pools": pools}, namespace="wide") as memory:
        assert {name: len(pids) for name, pids in memory.processes().items()} == {
            "vault": 1,
            "emotion": 1,
            "quantum": 2,
            "episodic": 2,
            "graph": 2,
            "agents": 2,
        }
        names = [f"agent {number}" for number in range(8)]
        memory.remember({name: f"{name} says hello" for name in names})
        handles = [memory.agent(name) for name in names]
        owners = {handle.info.lineage for handle in handles}
        assert len(owners) == 8
        for round_ in range(2):
            for left, right in zip(handles, handles[1:] + handles[:1], strict=True):
                (new,) = right.remember(f"{right.name} has news {round_}")
                assert new in left.merge(right).added
        for name, hits in memory.recall(dict.fromkeys(names, "who says hello?"), k=50).items():
            assert f"{name} says hello" in {hit.memory.text for hit in hits}
        memory.stop()
    with pytest.raises(ValueError, match="VaultActor-0"):
        ray.get_actor("VaultActor-0", namespace="wide")


def test_a_start_that_fails_leaves_nothing_in_the_way_of_the_next(cluster: MemoryCluster, tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("in the way")
    with pytest.raises(StorageFailure, match="file"):
        connect(storage=occupied, config=FAST, namespace="second try")
    with connect(storage=tmp_path / "good", config=FAST, namespace="second try") as memory:
        memory.agent("alice").remember("it works now")
        with pytest.raises(SettingsDiffer, match=r"pools.graph.size: the running cluster has 1, asked for 3"):
            connect(config=FAST | {"pools": {"graph": {"size": 3}}}, namespace="second try")
        connect(config=FAST, namespace="second try").close()
        memory.stop()


DRIVER = """
import sys
import quantum_memory as qm
with qm.connect(namespace="actors") as memory:
    alice = memory.agent("shared by two drivers")
    print(len(alice.memories()))
    alice.remember("the second driver was here")
try:
    alice.memories()
except qm.Unavailable as error:
    print(error)
"""


def test_a_second_driver_finds_the_agents_by_ray_address(cluster: MemoryCluster, tmp_path: Path) -> None:
    alice = cluster.agent("shared by two drivers")
    alice.remember(["one", "two"])
    address = ray.get_runtime_context().gcs_address
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "RAY_ADDRESS": address},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "2"
    assert [memory.text for memory in alice.memories()] == ["one", "two", "the second driver was here"]


@pytest.mark.own_ray
def test_a_closed_memory_says_so_and_starts_no_ray(tmp_path: Path) -> None:
    program = """
import ray
import quantum_memory as qm
config = {"perception": {"model": "hashing"}, "ray": {"dashboard": False}}
with qm.connect(storage="vault", config=config) as memory:
    alice = memory.agent("alice")
    alice.remember("hello")
try:
    alice.memories()
except qm.Unavailable as error:
    print("unavailable:", error, ray.is_initialized())
with qm.connect(storage="vault", config=config) as memory:
    print(memory.agent("alice").memories()[0].text)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "was the memory closed?) False" in done.stdout
    assert done.stdout.strip().endswith("hello")
    assert isinstance(qm.__version__, str)


@pytest.mark.own_ray
def test_a_fraction_of_a_gpu_is_asked_for_and_pools_that_cannot_fit_are_refused(tmp_path: Path) -> None:
    program = """
import ray
import quantum_memory as qm
def config(gpus):
    quantum = {"num_gpus": 0.25, "size": 2}
    return {
        "perception": {"model": "hashing"},
        "ray": {"dashboard": False, "num_gpus": gpus},
        "pools": {"quantum": quantum},
    }
try:
    qm.connect(storage="vault", config=config(0))
except qm.InvalidInput as error:
    print(error)
assert not ray.is_initialized()
with qm.connect(storage="vault", config=config(1)) as memory:
    print(ray.available_resources()["GPU"], len(memory.agent("alice").remember(["one", "two"])))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "num_gpus: the pools want more than the 0 of this Ray (pools.quantum: 0.5)" in done.stdout
    assert done.stdout.strip().endswith("0.5 2")
