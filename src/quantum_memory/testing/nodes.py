"""Several Ray nodes on this machine, each of whose parts can be killed as a crash would: nodes, and the head's GCS.

Owns every process that it starts and a folder for all that they write; ``close`` leaves neither. Needs psutil. Never
ends a process that it did not start.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import psutil
import ray
from ray._private import ray_constants  # the only switch for loopback once Ray is imported
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]  # compiled, without stubs
from ray.cluster_utils import Cluster

LOOPBACK = "127.0.0.1"
SOON = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "5",
}
"""How the head notices a node's death, as the deployment files say it: in 5 s where its machine answers for it, in 20 s
where nothing does. Ray's own are 15 s and 65 s.
"""
MARK = "QM_NODES"
"""The variable by which every process that was started here can be told, whoever its parent is by now."""
RAYS_OWN = ("PYTHONBREAKPOINT",)
"""Variables that Ray sets in whoever connects, and leaves."""
OBJECT_STORE_BYTES = 80 * 2**20
ENDING_S = 20.0
PARAMETERS = {"node_ip_address": LOOPBACK, "object_store_memory": OBJECT_STORE_BYTES, "include_log_monitor": False}


@dataclass(frozen=True)
class Process:
    """A process that is told from another one that has its number later."""

    pid: int
    began_s: float
    command: str

    @property
    def alive(self) -> bool:
        """Whether it still runs; one that only waits to be noticed by its parent does not."""
        with suppress(psutil.NoSuchProcess):
            there = psutil.Process(self.pid)
            return there.create_time() == self.began_s and there.status() != psutil.STATUS_ZOMBIE
        return False


class Node:
    """One of the nodes: a raylet and its workers."""

    def __init__(self, started: Any) -> None:
        self.started = started

    @property
    def id(self) -> str:
        """As Ray prints it."""
        return str(self.started.node_id)

    @property
    def address(self) -> str:
        """Of its machine, which is another one to Ray than the other nodes'."""
        return str(self.started.node_ip_address)

    @property
    def raylet(self) -> int:
        """The process id of its raylet."""
        (raylet,) = self.started.all_processes[ray_constants.PROCESS_TYPE_RAYLET]
        pid: int = raylet.process.pid
        return pid

    def processes(self) -> list[psutil.Process]:
        """Its raylet and all that is below it: agents, workers, actors."""
        with suppress(psutil.NoSuchProcess, KeyError):  # the latter once it was ended
            raylet = psutil.Process(self.raylet)
            return [raylet, *raylet.children(recursive=True)]
        return []

    def holds(self, pid: int) -> bool:
        """Whether a process runs on it."""
        return any(process.pid == pid for process in self.processes())


class Nodes:
    """A head and further nodes, on loopback, with a token of their own. A context manager: leaving it ends them all.

    What the GCS knows is on disk (RocksDB), so that it can be killed and started again. Processes of the cluster die
    with the thread that started them, so make the nodes in one that lives as long as they are to.

    Args:
        head: ``num_cpus`` and other fields of Ray's ``RayParams`` for the head; nothing but a vault needs to fit there.
        nodes: so many more, each with an address of its own in 127.0.0.0/8, so that Ray takes them for machines.
        node: the same fields for these.
        variables: for all of them.

    Attributes:
        head: the node that drivers on this machine connect to.
        others: the living nodes but the head, oldest first.
        environment: for the processes that are to connect: address, token, and where they may write.
    """

    def __init__(
        self,
        head: Mapping[str, Any],
        nodes: int,
        node: Mapping[str, Any],
        variables: Mapping[str, str] = SOON,
    ) -> None:
        if ray.is_initialized():
            raise RuntimeError("this process is connected to a Ray already")
        self._folder = Path(tempfile.mkdtemp(prefix="qm"))  # short: a socket's path has 107 characters at most
        (self._folder / "ray").mkdir()  # where Ray writes, by RAY_TMPDIR
        self._node, self._before, self._machines = node, dict(os.environ), 1
        self.mark = uuid4().hex
        self._ours = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_TMPDIR": str(self._folder),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_gcs_storage": "rocksdb",
            "RAY_gcs_storage_path": str(self._folder / "gcs"),
            ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR: "0",
            **variables,
        }
        os.environ.update(self._ours)
        self._loopback, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False
        _read_token()
        self._cluster = Cluster(shutdown_at_exit=True)
        self.others: list[Node] = []
        self._all: list[Node] = []
        self._seen: set[Process] = set()
        try:
            self.head = self._add(include_dashboard=False, **head)
            for _ in range(nodes):
                self.add()
        except BaseException:
            self.close()
            raise

    @property
    def address(self) -> str:
        """Of the cluster, for ``connect``."""
        address: str = self._cluster.address
        return address

    @property
    def environment(self) -> dict[str, str]:
        """For a process that is to connect."""
        return {**os.environ, **self._ours, MARK: self.mark, "RAY_ADDRESS": self.address}

    def add(self, address: str | None = None) -> Node:
        """Another node, when it has joined: on a machine of its own, or again on the one with this address."""
        self._machines += address is None
        node = self._add(**{"node_ip_address": address or f"127.0.0.{self._machines}", **self._node})
        self.others.append(node)
        return node

    def _add(self, **parameters: Any) -> Node:
        with self._marking():
            node = Node(self._cluster.add_node(**{**PARAMETERS, **parameters}))
        self._all.append(node)
        return node

    @contextmanager
    def _marking(self) -> Iterator[None]:
        """Mark what is started meanwhile. Whatever else this process starts is none of the cluster's."""
        os.environ[MARK] = self.mark
        try:
            yield
        finally:
            del os.environ[MARK]

    def node_of(self, pid: int) -> Node:
        """The node on which a process runs. Raises: LookupError."""
        for node in (self.head, *self.others):
            if node.holds(pid):
                return node
        raise LookupError(f"no node holds the process {pid}")

    def kill(self, node: Node) -> None:
        """End all of a node's processes at once, as a power cut would: nobody is told, nothing is finished."""
        self._note()
        for process in node.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.forget(node)

    def pause(self, node: Node) -> list[psutil.Process]:
        """Let a node fall silent: nothing on it runs, and nobody is told. ``resume`` takes what comes back."""
        silent = node.processes()
        for process in silent:
            process.suspend()
        return silent

    def resume(self, silent: Sequence[psutil.Process]) -> None:
        """Let it go on. If it was taken for dead meanwhile it learns that now, and ends: see ``forget``."""
        for process in reversed(silent):
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def forget(self, node: Node) -> None:
        """Take note of a node that ended by itself."""
        self._cluster.remove_node(node.started, allow_graceful=False)
        if node is not self.head:
            self.others.remove(node)

    def kill_gcs(self) -> None:
        """End the head's GCS as a crash would. Raylets wait a minute for another one, then they end."""
        self.head.started.kill_gcs_server()

    def start_gcs(self) -> None:
        """Start the GCS again, at the same address, from what it had on disk."""
        with self._marking():
            self.head.started.start_gcs_server()

    def left(self) -> list[Process]:
        """Every process, of whatever parent, that was started here or by what was started here."""
        self._note()
        return [process for process in self._seen if process.alive]

    def _note(self) -> None:
        """Remember what runs. Ray's agents overwrite the mark with their title; they are known by their parents."""
        self._seen.update(_marked(self.mark))
        for node in self._all:
            for process in node.processes():
                with suppress(psutil.NoSuchProcess):
                    self._seen.add(_told(process))

    def close(self) -> None:
        """End everything that was started here, and take the folder away. May be called again."""
        self._note()
        if ray.is_initialized():
            ray.shutdown()
        with suppress(Exception):  # what Ray does not end is ended below
            self._cluster.shutdown()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
        until = time.monotonic() + ENDING_S
        while (left := self.left()) and time.monotonic() < until:
            time.sleep(0.1)
        for process in left:
            if process.alive:
                with suppress(psutil.NoSuchProcess):
                    psutil.Process(process.pid).kill()
        for name in (*self._ours, *RAYS_OWN):
            os.environ.pop(name, None)
            if name in self._before:
                os.environ[name] = self._before[name]
        ray_constants.ENABLE_RAY_CLUSTER = self._loopback
        _read_token()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read_token() -> None:
    """Let Ray in this process look again whether it needs a token, and which."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


def _marked(mark: str) -> Iterator[Process]:
    """The living processes with this mark, this one apart."""
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                told = _told(process)
                if told.alive:
                    yield told


def _told(process: psutil.Process) -> Process:
    return Process(process.pid, process.create_time(), " ".join(process.cmdline())[:200])
