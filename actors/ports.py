"""How the orchestrator reaches a host, wherever it lives: in a pool of actors, or here in a thread of its own.

One interface with two implementations, so that ``placement: actors`` and ``placement: inline`` share one code path.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from quantum_memory.actors.directory import Directory
from quantum_memory.actors.operations import Call
from quantum_memory.actors.routing import member_of
from quantum_memory.actors.vault import VaultHost

H = TypeVar("H")
T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")


class Port(ABC, Generic[H]):
    """A way to a kind of host. Items go in batches to the member that owns their key; answers keep the items' order."""

    @abstractmethod
    async def scatter(
        self, method: Callable[[H, Sequence[T]], list[R]], keys: Sequence[str], items: Sequence[T]
    ) -> list[R]:
        """Call a batch method once on each member concerned.

        Raises: what the host raises; ActorUnavailable; DeadlineExceeded.
        """

    async def ask(self, method: Callable[[H, Sequence[T]], list[R]], key: str, item: T) -> R:
        """The same for one item."""
        return (await self.scatter(method, [key], [item]))[0]


class LocalPort(Port[H]):
    """A host in this process. A single thread calls it, so the event loop stays free and the host has one owner."""

    def __init__(self, host: H, name: str) -> None:
        self._host = host
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def scatter(
        self,
        method: Callable[[H, Sequence[T]], list[R]],
        keys: Sequence[str],  # noqa: ARG002  (one host owns every key)
        items: Sequence[T],
    ) -> list[R]:
        if not items:
            return []
        return await asyncio.get_running_loop().run_in_executor(self._thread, method, self._host, items)


class PoolPort(Port[H]):
    """A pool of actors, each hosting the keys that fall to it.

    Args:
        directory: where they are, and how long a call may take, restarts of the actor included.
        pool: which pool.
    """

    def __init__(self, directory: Directory, pool: str) -> None:
        self._directory, self._pool = directory, pool

    async def scatter(
        self, method: Callable[[H, Sequence[T]], list[R]], keys: Sequence[str], items: Sequence[T]
    ) -> list[R]:
        shares: dict[int, list[int]] = {}
        for index, key in enumerate(keys):
            shares.setdefault(member_of(key, self._directory.sizes[self._pool]), []).append(index)
        answers = await asyncio.gather(
            *(self._call(member, method.__name__, [items[i] for i in share]) for member, share in shares.items())
        )
        found = dict(
            zip((i for share in shares.values() for i in share), (a for part in answers for a in part), strict=True)
        )
        return [found[index] for index in range(len(items))]

    async def _call(self, member: int, method: str, share: list[Any]) -> list[Any]:
        call: Call[list[Any]] = Call(
            self._directory.member(self._pool, member), method, (share,), self._directory.deadline_s
        )
        return await call


class VaultPort(ABC):
    """A way to the vault, which is one and whose methods take what they take."""

    @abstractmethod
    async def ask(self, method: Callable[Concatenate[VaultHost, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a method. Raises: what it raises; ActorUnavailable; DeadlineExceeded."""


class LocalVault(VaultPort):
    """A vault in this process, which any thread may call."""

    def __init__(self, host: VaultHost) -> None:
        self._host = host

    async def ask(self, method: Callable[Concatenate[VaultHost, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(method, self._host, *args, **kwargs)


class RemoteVault(VaultPort):
    """The VaultActor."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def ask(self, method: Callable[Concatenate[VaultHost, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        vault = self._directory.member("vault", 0)
        call: Call[R] = Call(vault, method.__name__, args, self._directory.deadline_s, kwargs)
        return await call
