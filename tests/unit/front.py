"""Handles and clusters as users hold them, without Ray: what would go to an actor goes to a host in this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar, cast

from quantum_memory.actors.agent import QuantumMemoryHost
from quantum_memory.actors.directory import Directory
from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.journal import Journal
from quantum_memory.actors.operations import Call
from quantum_memory.actors.parts import local_parts
from quantum_memory.actors.ports import LocalVault
from quantum_memory.actors.vault import VaultHost
from quantum_memory.cluster.connect import MemoryCluster, open_session
from quantum_memory.cluster.launch import Running
from quantum_memory.memory.vault.writes import OpenSession
from quantum_memory.settings import Settings, load
from quantum_memory.telemetry import SILENT, Metrics
from tests.unit.orchestra import DIM

R = TypeVar("R")


class LocalCall(Call[R]):
    """A request to a host in this process; any thread and any event loop may make it."""

    def __init__(self, begin: Any) -> None:
        self._begin = begin

    def send(self) -> Any:
        return Reference(self._begin())

    def begun(self) -> Callable[[], R]:
        return cast("Callable[[], R]", self._begin().result)

    def result(self) -> R:
        return cast("R", self._begin().result())

    def begin(self) -> Awaitable[R]:
        return asyncio.wrap_future(self._begin())


class Reference:
    """What Ray would hold the answer behind."""

    def __init__(self, future: Future[Any]) -> None:
        self.future = future

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.wrap_future(self.future).__await__()


class LocalDirectory(Directory):
    """Finds everything here."""

    def __init__(self, front: Front) -> None:
        super().__init__("none", {"agents": 1}, 60.0, 1.0)
        self._front = front

    def call(
        self,
        pool: str,
        number: int,
        method: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None = None,
        texts: int = 0,
        deadline_s: float | None = None,
    ) -> Call[Any]:
        assert number == 0, (texts, deadline_s)
        front = self._front
        if pool == "vault":
            work = getattr(front.vault, method)
            return LocalCall(lambda: front.soon(asyncio.to_thread(work, *args, **(kwargs or {}))))
        return LocalCall(lambda: front.soon(getattr(front.host, method)(*args, **(kwargs or {}))))


class Front:
    """An orchestrator on an event loop of its own, in a thread, and the ways to it."""

    def __init__(self, folder: Path | str, metrics: Metrics = SILENT, **settings: Any) -> None:
        self.metrics = metrics
        self.settings: Settings = load(
            {"perception": {"model": "hashing", "dim": DIM}, "storage": str(folder), **settings}
        )
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self._start()

    def _start(self) -> None:
        self.vault = VaultHost(self.settings, self.metrics)
        self.directory = LocalDirectory(self)
        parts = local_parts(self.settings, Journal(LocalVault(self.vault), lambda _: True), self.vault, self.metrics)
        self.host = self.wait(self._made(parts))
        directory = open_session(self.directory, OpenSession("0123456789ab", "tester"))
        self.memory = MemoryCluster(Running(self.settings, {}, directory, None), owns_ray=False)

    async def _made(self, parts: Any) -> QuantumMemoryHost:
        return QuantumMemoryHost(self.settings, self.directory, parts=parts, metrics=self.metrics)

    def soon(self, work: Coroutine[Any, Any, R]) -> Future[R]:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def wait(self, work: Coroutine[Any, Any, R]) -> R:
        return self.soon(work).result()

    def agent(self, name: str = "alice") -> AgentHandle:
        return self.memory.agent(name)

    def reopen(self) -> None:
        """Close everything and begin again from what is on disk."""
        self._stop()
        self._start()

    def close(self) -> None:
        self._stop()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        if left := asyncio.all_tasks(self.loop):
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(left))
        self.loop.close()

    def _stop(self) -> None:
        self.wait(self.host.close())
        self.vault.close()
