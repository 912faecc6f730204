"""Safe by default: loopback only, token authentication, no reports, one BLAS thread, nothing pickled to disk."""

from __future__ import annotations

import os
import pickletools
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from quantum_memory.cluster.addresses import own_rays
from quantum_memory.cluster.connect import MemoryCluster, connect
from quantum_memory.cluster.launch import HOSTS_OF_VIEWS
from quantum_memory.errors import (
    InvalidSettings,
    InvalidValue,
    QuantumMemoryError,
    SettingsDiffer,
    StorageLocked,
    Unavailable,
)
from quantum_memory.memory.freed import MALLOC
from tests.ray.conftest import FAST

LOOPBACK = ("127.", "::1", "::ffff:127.")


def family() -> list[psutil.Process]:
    me = psutil.Process()
    return [me, *me.children(recursive=True)]


def test_nothing_listens_or_connects_beyond_loopback(cluster: MemoryCluster) -> None:
    cluster.agent("listener").remember("is anybody there?")
    looked = 0
    for process in family():
        try:
            connections = process.net_connections(kind="inet")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        for connection in connections:
            for end in (connection.laddr, connection.raddr):
                if end:
                    looked += 1
                    assert end.ip.startswith(LOOPBACK), f"{process.name()}: {connection}"
    assert looked > 10


def test_strangers_need_the_token_and_nobody_is_told(cluster: MemoryCluster) -> None:
    for pid in cluster.processes()["agents"]:
        environment = psutil.Process(pid).environ()
        assert environment["RAY_AUTH_MODE"] == "token"
        assert environment["RAY_USAGE_STATS_ENABLED"] == "0"


def test_the_ray_that_runs_is_known_as_this_users(cluster: MemoryCluster) -> None:
    """By the process that every node has, or another Ray has another name for it."""
    assert ray.get_runtime_context().gcs_address in own_rays()


def test_every_actor_has_one_blas_thread_and_no_way_to_a_hub(cluster: MemoryCluster) -> None:
    for name, pids in cluster.processes().items():
        for pid in pids:
            environment = psutil.Process(pid).environ()
            assert environment["OPENBLAS_NUM_THREADS"] == environment["OMP_NUM_THREADS"] == "1"
            assert environment["HF_HUB_OFFLINE"] == "1"
            assert (MALLOC.items() <= environment.items()) == (name in HOSTS_OF_VIEWS)


def test_no_pickle_is_on_disk(cluster: MemoryCluster) -> None:
    cluster.agent("keeper").remember("keep this", metadata={"deep": [1, {"x": None}]})
    files = [path for path in Path(cluster.settings.storage).rglob("*") if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        start = data.find(b"\x80\x05\x95")
        while start >= 0:  # the head of a pickle of protocol 5: is a whole pickle behind it?
            try:
                operations = list(pickletools.genops(data[start:]))
            except ValueError:
                operations = []
            assert not operations or operations[-1][0].name != "STOP"
            start = data.find(b"\x80\x05\x95", start + 1)


def test_files_are_nobody_elses(cluster: MemoryCluster) -> None:
    for path in Path(cluster.settings.storage).rglob("*"):
        assert not path.stat().st_mode & 0o077, f"{path} can be read by others"


def test_a_second_connection_in_the_same_place_finds_the_same_agents(cluster: MemoryCluster) -> None:
    assert ray.is_initialized()
    with connect(storage=cluster.settings.storage, config=FAST, namespace="actors") as again:
        assert again.processes() == cluster.processes()
        assert again.agent("keeper") == cluster.agent("keeper")
    assert ray.is_initialized(), "closing a second connection leaves the first alone"
    assert os.getpid() not in [pid for pids in cluster.processes().values() for pid in pids]


def test_what_keeps_a_cluster_from_starting_is_named(cluster: MemoryCluster, tmp_path: Path) -> None:
    locked = Path(cluster.settings.storage)
    missing = tmp_path / "no-model"
    cases: list[tuple[dict[str, Any], Path, type[QuantumMemoryError], str]] = [
        ({}, locked, StorageLocked, str(locked)),
        ({"perception": {"model": str(missing)}}, tmp_path / "a", InvalidValue, "no-model"),
        ({"mood": {"backend": "cupy"}}, tmp_path / "b", Unavailable, "cupy"),
    ]
    for number, (config, storage, kind, message) in enumerate(cases):
        with pytest.raises(kind, match=message):
            connect(storage=storage, config=FAST | config, namespace=f"cannot start {number}")
    with pytest.raises(SettingsDiffer, match="storage"):
        connect(storage=tmp_path / "elsewhere", config=FAST, namespace="actors")
    with pytest.raises(InvalidSettings, match="storrage: unknown key"):
        connect(config={"storrage": "x"})
    with pytest.raises(InvalidValue, match="namespace"):
        connect(storage=tmp_path, config=FAST, namespace="a/b")
