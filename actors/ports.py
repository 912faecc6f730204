"""How the orchestrator reaches a host, wherever it lives: in a pool of actors, or here in a thread of its own.

One interface with two implementations, so that ``placement: actors`` and ``placement: inline`` share one code path.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from quantum_memory.actors.directory import Directory
from quantum_memory.actors.lag import Lag
from quantum_memory.actors.vault import VaultHost
from quantum_memory.errors import QuantumMemoryError
from quantum_memory.telemetry.carried import CARRIED

H = TypeVar("H")
T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")
Method = Callable[[H, Sequence[T]], list[R]]
POST_DELAY_S = 0.02
UNTOLD = "a view was not told something and will read it in the vault: %s"
logger = logging.getLogger(__name__)


class Port(ABC, Generic[H]):
    """A way to a kind of host. Items go in batches to the member that owns their key; answers keep the items' order.

    Attributes:
        lag: events that a view was not yet heard to have taken in, by the keys of its items.
    """

    def __init__(self) -> None:
        self._posted: list[tuple[Method[H, Any, None], str, Any]] = []
        self._telling: set[asyncio.Future[None]] = set()
        self._long: dict[int, asyncio.Lock] = {}
        self.lag = Lag()

    async def scatter(self, method: Method[H, T, R], keys: Sequence[str], items: Sequence[T]) -> list[R]:
        """Call a batch method once on each member concerned.

        Raises: what the host raises; ActorUnavailable; DeadlineExceeded.
        """
        self._send_posted()
        if not items:
            return []
        last = self.lag.last
        answers = await self._start(method, keys, items)
        self.lag.answered(keys, last)
        return answers

    async def ask(self, method: Method[H, T, R], key: str, item: T) -> R:
        """The same for one item."""
        return (await self.scatter(method, [key], [item]))[0]

    async def ask_long(self, method: Method[H, T, R], key: str, item: T) -> R:
        """The same for what may take a member long: it is asked one of these at a time.

        A member does what it is asked in order, so that whatever else it is asked meanwhile waits for one of these, and
        not for all that have come.
        """
        (member,) = self.shares([key])
        async with self._long.setdefault(member, asyncio.Lock()):
            return await self.ask(method, key, item)

    def tell(self, method: Method[H, T, None], keys: Sequence[str], items: Sequence[T]) -> asyncio.Future[None]:
        """Tell members something now, before any call that is made after this one.

        For what only makes later answers faster: a failure is logged and forgotten. What comes back never fails; it is
        done when everything was taken in, or will not be.
        """
        self._send_posted()
        return self._sent(method, keys, items)

    def post(self, method: Method[H, T, None], key: str, item: T) -> None:
        """Tell a member something within ``POST_DELAY_S``, and before any call that is made after this one."""
        if not self._posted:
            asyncio.get_running_loop().call_later(POST_DELAY_S, self._send_posted)
        self._posted.append((method, key, item))

    def _send_posted(self) -> None:
        posted, self._posted = self._posted, []
        for method, group in groupby(posted, key=itemgetter(0)):
            _, keys, items = zip(*group, strict=True)
            self._sent(method, keys, items)

    def _sent(self, method: Method[H, T, None], keys: Sequence[str], items: Sequence[T]) -> asyncio.Future[None]:
        try:
            answers = self._start(method, keys, items)
        except QuantumMemoryError as error:
            logger.warning(UNTOLD, error)
            untold = asyncio.get_running_loop().create_future()
            untold.set_result(None)
            return untold
        heard = asyncio.ensure_future(self._heard(answers, keys, self.lag.last))
        self._telling.add(heard)
        heard.add_done_callback(self._telling.discard)
        return heard

    async def _heard(self, answers: Awaitable[list[None]], keys: Sequence[str], last: int) -> None:
        try:
            await answers
        except Exception as error:  # noqa: BLE001 (whatever it is, it concerns nobody here)
            logger.warning(UNTOLD, error)
        else:
            self.lag.answered(keys, last)

    @abstractmethod
    def shares(self, keys: Sequence[str]) -> dict[int, list[int]]:
        """The members concerned, and the places of each one's keys among these."""

    @abstractmethod
    async def end(self, method: Callable[[H], None]) -> None:
        """Call what ends a host, after all that it was told, if it lives here. A pool is ended with its cluster."""

    @abstractmethod
    async def settled(self) -> None:
        """Wait until every call that was sent to members elsewhere before this one has been answered, or refused."""

    @abstractmethod
    async def told(self, method: Callable[[H], dict[str, int]]) -> dict[str, int]:
        """What a host says of itself, if it lives here; nothing of a pool, whose members are asked one by one."""

    @abstractmethod
    def _start(self, method: Method[H, T, R], keys: Sequence[str], items: Sequence[T]) -> Awaitable[list[R]]:
        """Send the calls now; what comes back gives the answers."""


class LocalPort(Port[H]):
    """A host in this process. A single thread calls it, so the event loop stays free and the host has one owner."""

    def __init__(self, host: H, name: str) -> None:
        super().__init__()
        self._host = host
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def _start(
        self,
        method: Method[H, T, R],
        keys: Sequence[str],  # noqa: ARG002  (one host owns every key)
        items: Sequence[T],
    ) -> Awaitable[list[R]]:
        return self._run(method, items)

    def shares(self, keys: Sequence[str]) -> dict[int, list[int]]:
        return {0: list(range(len(keys)))}

    async def told(self, method: Callable[[H], dict[str, int]]) -> dict[str, int]:
        return await self._run(method)

    async def settled(self) -> None:
        """At once: there is nobody elsewhere."""

    async def end(self, method: Callable[[H], None]) -> None:
        self._send_posted()
        told = set(self._telling)
        await self._run(method)
        if told:
            await asyncio.wait(told)

    def _run(self, method: Callable[..., R], *args: object) -> Awaitable[R]:
        """In the host's thread, by name as in a pool: ``ViewHost.close`` is the host's own ``close``."""
        call, carried = getattr(self._host, method.__name__), CARRIED.get()
        if carried is not None:
            call = partial(call, carried=carried)
        return asyncio.get_running_loop().run_in_executor(self._thread, call, *args)


class PoolPort(Port[H]):
    """A pool of actors, each hosting the keys that fall to it.

    Args:
        directory: where they are, and how long a call may take, restarts of the actor included.
        pool: which pool.
    """

    def __init__(self, directory: Directory, pool: str) -> None:
        super().__init__()
        self._directory, self._pool = directory, pool
        self._flying: set[asyncio.Future[list[Any]]] = set()

    def _start(self, method: Method[H, T, R], keys: Sequence[str], items: Sequence[T]) -> Awaitable[list[R]]:
        shares = self.shares(keys)
        sent: list[Awaitable[list[R]]] = [
            self._call(member, method.__name__, [items[index] for index in share]) for member, share in shares.items()
        ]
        return _in_order(sent, [index for share in shares.values() for index in share])

    def shares(self, keys: Sequence[str]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        layout = self._directory.layout
        for index, key in enumerate(keys):
            found.setdefault(layout.member(self._pool, key), []).append(index)
        return found

    async def told(self, method: Callable[[H], dict[str, int]]) -> dict[str, int]:  # noqa: ARG002 (nobody lives here)
        return {}

    async def end(self, method: Callable[[H], None]) -> None:
        """Nothing: others use the pool too."""

    async def settled(self) -> None:
        self._send_posted()
        if self._flying:
            await asyncio.wait(set(self._flying))

    def _call(self, member: int, method: str, share: list[Any]) -> Awaitable[list[Any]]:
        answer = asyncio.ensure_future(self._directory.call(self._pool, member, method, (share,)).begin())
        self._flying.add(answer)
        answer.add_done_callback(self._flying.discard)
        return answer


async def _in_order(sent: Sequence[Awaitable[list[R]]], order: Sequence[int]) -> list[R]:
    """The answers of several calls, each item's at its place in ``order``."""
    answers = [one for part in await asyncio.gather(*sent) for one in part]
    return [answer for _, answer in sorted(zip(order, answers, strict=True), key=itemgetter(0))]


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
        answer: R = await self._directory.call("vault", 0, method.__name__, args, kwargs)
        return answer
